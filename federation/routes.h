/* SPDX-License-Identifier: MIT */
/* The public HTTP side: listeners, limits, CORS, and a table of routes (routes.c). Each route is a function in a file of its
 * subject: route_search.c, route_catalog.c, route_mode.c, route_status.c, … */
#pragma once

#include "federation/federation.h"

/* Listens. On failure *ret is NULL. */
int routes_new(Federation *f, Routes **ret, Error *e);
Routes *routes_free(Routes *r); /* who waits is answered 503 first */
DEFINE_CLEANUP(Routes, routes_free)
/* Listens where the new configuration says, with its limits and certificate. On failure nothing has changed. A listener whose
 * address stays is never closed; with another certificate, or limit to a body, its connections are. */
int routes_reconfigure(Routes *r, const Config *config, Error *e);

/* --- for the route_*.c --- */

/* A route answers at once or later. rest: what follows a prefix route's path ("" or from its slash on), "" otherwise. */
typedef void RouteRun(Federation *f, HttpRequest *r, const char *rest);

RouteRun route_health, route_config, route_events;                            /* route_mode.c */
RouteRun route_search, route_catalog_search, route_network_search;            /* route_search.c */
RouteRun route_catalog, route_book, route_store, route_stats, route_ping;     /* route_catalog.c */
RouteRun route_status;                                                        /* route_status.c */
RouteRun route_federation_status;                                             /* route_network.c */
RouteRun route_nodes, route_registry, route_federation_nodes, route_register; /* route_registry.c */
RouteRun route_messages;                                                      /* inbox.c */
RouteRun route_checkout, route_orders, route_revenue;                         /* route_money.c */
RouteRun route_export, route_pull, route_sync;                                /* route_exchange.c */
RouteRun route_metrics;                                                       /* route_metrics.c */
RouteRun route_identity;                                                      /* route_identity.c */
RouteRun route_banner, route_failover_js;                                     /* route_front.c */
RouteRun route_index;                                                         /* route_index.c */

/* Requests so far, by route (its path; "other": none of ours) and status. */
void routes_count(const Routes *r, void (*fn)(const char *route, unsigned status, uint64_t n, void *userdata),
                  void *userdata);
void routes_limits(const Routes *r, HttpLimitsCounts *ret);
json_t *
routes_addresses(const Routes *r);      /* where it listens, as configured; "systemd's" for a passed socket */
void routes_close_doors(Routes *r);     /* before the end: who comes now is the next process's */
bool routes_are_busy(const Routes *r);  /* with requests, or answers that are being sent */
size_t routes_waiting(const Routes *r); /* requests that wait for the catalog */
/* How long searches of the catalog have waited for their answer. */
#define WAIT_BUCKETS 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 1
typedef struct WaitCounts {
        uint64_t buckets[12], usec; /* up to each of WAIT_BUCKETS seconds, and longer */
} WaitCounts;
const WaitCounts *routes_wait_counts(const Routes *r);
/* Another one whenever what this node says of itself may have changed without its catalog: part of ETags. */
uint64_t routes_epoch(const Routes *r);

/* This node's `store` object, printed. */
const char *routes_store(const Routes *r);

/* A request that waits for the catalog: it ends with its answer, at WAIT_USEC (503), or with the routes (503). */
#define WAIT_USEC (5 * USEC_PER_SEC)
typedef struct Wait {
        Federation *f;
        HttpRequest *request;
        Question *question; /* NULL, or freed with it */
        unsigned limit, offset;
        CatalogAsk *ask;
        void *data; /* whatever answer() needs; freed with it */
        void (*answer)(struct Wait *w, const CatalogAnswer *answer); /* replies; the answer is a good one */
        uint64_t until_usec;
        struct Wait *next, *previous;
} Wait;
/* NULL: no memory; the request has been answered. Then ask the catalog with wait_answered() and the wait, and say how that
 * went: below 0 it ends here. */
Wait *wait_new(Federation *f, HttpRequest *r, void (*answer)(Wait *w, const CatalogAnswer *answer));
void wait_answered(CatalogAsk *ask, const CatalogAnswer *answer, void *userdata);
void wait_begun(Wait *w, int r);

/* What follows "<node>-<brand>-" in a networkId of this node's, or the id as it is. */
const char *route_own_id(const Federation *f, const char *id);
/* 503 with Retry-After. */
void route_unavailable(HttpRequest *r, const char *format, ...) _printf_(2, 3);
const char *route_query(const void *request, const char *key); /* a QuestionGet */
/* 200 with an ETag of its own; the document is consumed, NULL is answered 500. */
void route_reply_document(HttpRequest *r, json_t *document);

/* What the control socket says, too. NULL: no memory. */
json_t *stats_document(const Federation *f);
