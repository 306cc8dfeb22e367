/* SPDX-License-Identifier: MIT */
/* What routes.c, route_wait.c and listeners.c share. Nobody else includes this. */
#pragma once

#include "federation/routes.h"

#define ROUTES_MAX     48
#define STATUSES_MAX   16         /* of one route; more are counted with the last */
#define BODY_UNLIMITED (16 << 20) /* limits.body 0: off, but what nobody's request needs */

typedef struct Route Route;

typedef struct RouteCount {
        unsigned status;
        uint64_t n;
} RouteCount;

typedef struct Listener {
        char *address; /* as configured; of a socket passed by systemd: its name */
        int fd;        /* ours: a server that takes another's place listens on the same socket */
        bool passed, tls;
        uint64_t body_max;
        unsigned char material[32]; /* hash of certificate and key */
        HttpServer *server;
} Listener;

struct Routes {
        Federation *f;
        uint64_t epoch;
        char *store; /* see routes_store() */
        HttpLimits *limits;
        Listener *listeners;
        size_t n_listeners;
        Wait *first, *last; /* in the order in which they end */
        size_t n_waits;
        WaitCounts wait_counts;
        sd_event_source *timer;
        RouteCount counts[ROUTES_MAX][STATUSES_MAX];
};

void routes_server_options(Routes *r, const Config *config, HttpOptions *ret); /* but for socket and TLS */

/* listeners.c. All or nothing. */
int listeners_configure(Routes *r, const Config *config, Error *e);
void listeners_free(Routes *r);

/* route_wait.c */
int waits_init(Routes *r);
void waits_end(Routes *r);
