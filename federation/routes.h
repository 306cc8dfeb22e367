/* SPDX-License-Identifier: MIT */
/* The public HTTP side: listeners, limits, CORS, and a table of routes (routes.c). Each route is a function in a file of its
 * subject: route_search.c, route_catalog.c, route_mode.c, route_status.c, … */
#pragma once

#include "federation/federation.h"

int routes_new(Federation *f, Routes **ret, Error *e); /* listens */
Routes *routes_free(Routes *r);
/* Listens where the new configuration says, with its limits and certificate. On failure nothing has changed. */
int routes_reconfigure(Routes *r, const Config *config, Error *e);

/* --- for the route_*.c --- */

/* A route answers at once or later. rest: what follows a prefix route's path, "" otherwise. */
typedef void RouteRun(Federation *f, HttpRequest *r, const char *rest);

RouteRun route_health, route_config, route_events;                        /* route_mode.c */
RouteRun route_search, route_catalog_search, route_network_search;        /* route_search.c */
RouteRun route_catalog, route_book, route_store, route_stats, route_ping; /* route_catalog.c */
RouteRun route_status;                                                    /* route_status.c */
RouteRun route_nodes, route_registry, route_federation_status;            /* route_network.c */
RouteRun route_metrics;                                                   /* route_metrics.c */
