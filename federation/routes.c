/* SPDX-License-Identifier: MIT */
/* The public HTTP side: what answers where, and what is counted of it. */
#include "federation/routes.h"

#include "base/clock.h"
#include "base/sign.h"
#include "base/text.h"
#include "federation/routes_private.h"
#include "federation/store_document.h"

#include <stdarg.h>

/* --- the table --- */

struct Route {
        const char *method, *path;
        bool prefix; /* also what lies below it */
        RouteRun *run;
};

static const Route routes[] = {
                {"GET", "/", false, route_index},
                {"GET", "/api/health", false, route_health},
                {"GET", "/api/config", false, route_config},
                {"GET", "/events", false, route_events},
                {"GET", "/banner", true, route_banner},
                {"GET", "/failover.js", false, route_failover_js},
                {"GET", "/api/search", false, route_search},
                {"GET", "/api/catalog/search", false, route_catalog_search},
                {"GET", "/api/network/search", false, route_network_search},
                {"GET", "/api/catalog", false, route_catalog},
                {"GET", "/api/books", false, route_catalog},
                {"GET", "/api/book", true, route_book},
                {"GET", "/api/store/info", false, route_store},
                {"GET", "/api/stats", false, route_stats},
                {"POST", "/api/network/ping", false, route_ping},
                {"POST", "/api/network/messages", false, route_messages},
                {"GET", "/api/nodes", false, route_nodes},
                {"POST", "/api/nodes/register", false, route_register},
                {"POST", "/federation/node/register", false, route_register},
                {"GET", "/federation/nodes", false, route_federation_nodes},
                {"GET", "/federation/status", false, route_federation_status},
                {"GET", "/federation/export", false, route_export},
                {"POST", "/federation/pull", false, route_pull},
                {"GET", "/federation/sync", false, route_sync},
                {"GET", "/network-registry.json", false, route_registry},
                {"GET", NODE_DOCUMENT_PATH, false, route_identity},
                {"POST", "/api/network/checkout", false, route_checkout},
                {"POST", "/api/network/orders", true, route_orders},
                {"GET", "/api/network/revenue", false, route_revenue},
                {"GET", "/metrics", false, route_metrics},
                {"GET", "/status", true, route_status},
};
static_assert(ELEMENTSOF(routes) < ROUTES_MAX, "ROUTES_MAX is too small");

/* Front ends elsewhere were written against servers that see no difference between /api/books and /api/books/. */
static size_t path_size(const char *path)
{
        size_t n = strlen(path);

        return n > 1 && path[n - 1] == '/' ? n - 1 : n;
}

/* What follows the route's path, or NULL when it is not this route's. */
static const char *route_rest(const Route *route, const char *path, size_t size)
{
        size_t n = strlen(route->path);

        if (size < n || memcmp(path, route->path, n) != 0)
                return NULL;
        if (route->prefix)
                return path[n] == '\0' || path[n] == '/' ? path + n : NULL;
        return size == n ? "" : NULL;
}

static bool route_takes(const Route *route, const char *method)
{
        return streq(route->method, method) || (streq(method, "HEAD") && streq(route->method, "GET"));
}

static const Route *route_find(const char *path, const char *method, const Route **ret_other,
                               const char **ret_rest)
{
        size_t size = path_size(path);

        *ret_other = NULL;
        for (size_t i = 0; i < ELEMENTSOF(routes); i++) {
                const char *rest = route_rest(&routes[i], path, size);

                if (!rest)
                        continue;
                *ret_rest = rest;
                if (route_takes(&routes[i], method))
                        return &routes[i];
                *ret_other = &routes[i];
        }
        return NULL;
}

/* --- what holds for all of them --- */

static const char *const headers[] = {
                "Access-Control-Allow-Origin",
                "*",
                "Access-Control-Expose-Headers",
                "ETag, Retry-After",
                "X-Content-Type-Options",
                "nosniff",
                NULL,
};
#define METHODS "GET, POST, OPTIONS"

static void reply_options(HttpRequest *r)
{
        http_add_header(r, "Allow", METHODS);
        http_add_header(r, "Access-Control-Allow-Methods", METHODS);
        http_add_header(r, "Access-Control-Allow-Headers", "Content-Type, X-Node-Id, X-Network-Store");
        http_add_header(r, "Access-Control-Max-Age", "86400");
        http_reply(r, 204, NULL, NULL, 0);
}

static void reply_not_allowed(HttpRequest *r, const Route *route)
{
        http_set_note(r, route);
        http_add_header(r, "Allow", streq(route->method, "GET") ? "GET, HEAD, OPTIONS" : "POST, OPTIONS");
        http_reply_error(r, 405, "%s is for %s only", route->path, route->method);
}

static void on_request(HttpRequest *r, void *userdata)
{
        Routes *all = userdata;
        const char *rest = "", *method = http_method(r), *path = http_path(r);
        const Route *other, *route;

        if (streq(method, "OPTIONS")) {
                reply_options(r);
                return;
        }
        route = route_find(path, method, &other, &rest);
        if (route) {
                http_set_note(r, route);
                route->run(all->f, r, rest);
        } else if (other)
                reply_not_allowed(r, other);
        else {
                char shown[200];

                http_reply_error(r, 404, "no such thing: %s", plain_copy(shown, sizeof(shown), path));
        }
}

/* --- counting --- */

static void on_answered(const HttpRequest *r, unsigned status, void *userdata)
{
        Routes *all = userdata;
        const Route *route = http_note(r);
        RouteCount *counts = all->counts[route ? (size_t) (route - routes) : ELEMENTSOF(routes)];

        for (size_t i = 0; i < STATUSES_MAX; i++)
                if (counts[i].status == status || counts[i].n == 0 || i + 1 == STATUSES_MAX) {
                        counts[i].status = status;
                        counts[i].n++;
                        return;
                }
}

void routes_count(const Routes *r, void (*fn)(const char *route, unsigned status, uint64_t n, void *userdata),
                  void *userdata)
{
        for (size_t i = 0; i <= ELEMENTSOF(routes); i++)
                for (size_t k = 0; k < STATUSES_MAX && r->counts[i][k].n > 0; k++)
                        fn(i < ELEMENTSOF(routes) ? routes[i].path : "other", r->counts[i][k].status,
                           r->counts[i][k].n, userdata);
}

void routes_limits(const Routes *r, HttpLimitsCounts *ret)
{
        http_limits_counts(r->limits, ret);
}

uint64_t routes_epoch(const Routes *r)
{
        return r->epoch;
}

/* --- for the routes --- */

const char *routes_store(const Routes *r)
{
        return r->store;
}

const char *route_query(const void *request, const char *key)
{
        return http_query(request, key);
}

void route_unavailable(HttpRequest *r, const char *format, ...)
{
        char text[600];
        va_list ap;

        va_start(ap, format);
        vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        http_add_header(r, "Retry-After", "1");
        http_reply_error(r, 503, "%s", text);
}

/* --- life --- */

void routes_server_options(Routes *r, const Config *config, HttpOptions *ret)
{
        *ret = (HttpOptions){.fd = -EBADF,
                             .body_max = config->limits.body ?: BODY_UNLIMITED,
                             .handler = on_request,
                             .limits = r->limits,
                             .headers = headers,
                             .answered = on_answered,
                             .userdata = r};
}

static int store_print(const Config *config, char **ret, Error *e)
{
        _cleanup_json_ json_t *store = store_of_node(config);

        if (!store || json_print(store, ret) < 0)
                return error_set(e, -ENOMEM, "out of memory");
        return 0;
}

int routes_new(Federation *f, Routes **ret, Error *e)
{
        assert(f);
        assert(ret);

        _cleanup_(routes_freep) Routes *r = calloc(1, sizeof(*r));
        if (!r)
                return error_set(e, -ENOMEM, "out of memory");
        r->f = f;
        r->epoch = f->started_wall;
        int n = waits_init(r);
        if (n < 0)
                return error_set(e, n, "cannot make a timer: %s", strerror(-n));
        n = store_print(f->config, &r->store, e);
        if (n == 0)
                n = listeners_configure(r, f->config, e);
        if (n < 0)
                return n;
        *ret = TAKE_PTR(r);
        return 0;
}

int routes_reconfigure(Routes *r, const Config *config, Error *e)
{
        _cleanup_free_ char *store = NULL;

        int n = store_print(config, &store, e);
        if (n == 0)
                n = listeners_configure(r, config, e);
        if (n < 0)
                return n;
        free(r->store);
        r->store = TAKE_PTR(store);
        r->epoch++;
        return 0;
}

Routes *routes_free(Routes *r)
{
        if (!r)
                return NULL;
        waits_end(r);
        listeners_free(r);
        http_limits_free(r->limits);
        free(r->store);
        free(r);
        return NULL;
}
