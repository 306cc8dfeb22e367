/* SPDX-License-Identifier: MIT */
/* The control socket: who may do what, and a table of routes. */
#include "base/text.h"
#include "federation/control_private.h"
#include "federation/routes.h"

#include <sys/socket.h>

typedef struct ControlRoute {
        const char *method, *path;
        bool prefix; /* what follows the path is handed to the route */
        bool changes;
        void (*run)(Control *c, HttpRequest *r, const char *rest);
        RouteRun *public; /* instead of run: the same as at a public address */
        bool shops;       /* changes, and the shop's own software may, too: network.orders_from */
} ControlRoute;

static const ControlRoute routes[] = {
                {"GET", "/v1/status", false, false, control_get_status},
                {"GET", "/v1/peers", false, false, control_get_peers},
                {"GET", "/v1/search", false, false, NULL, route_network_search},
                {"GET", "/v1/stats", false, false, NULL, route_stats},
                {"GET", "/metrics", false, false, NULL, route_metrics},
                {"GET", "/v1/nodes", false, false, control_get_nodes},
                {"POST", "/v1/nodes/", true, true, control_post_node},
                {"GET", "/v1/audit", false, false, control_get_audit},
                {"GET", "/v1/register", false, false, control_get_registries},
                {"POST", "/v1/register", false, true, control_post_register},
                {"GET", "/v1/revenue", false, false, control_get_revenue},
                {"GET", "/v1/orders/", true, false, control_get_order},
                {"POST", "/v1/orders/", true, true, control_post_order, NULL, true},
                {"GET", "/v1/sync", false, false, control_get_sync},
                {"POST", "/v1/sync", false, true, control_post_sync},
                {"POST", "/v1/import", false, true, control_post_import},
                {"POST", "/v1/import/", true, true, control_post_piece},
                {"DELETE", "/v1/import/", true, true, control_delete_import},
};

/* The rest of the path behind the route's, or NULL when it is not this route's. */
static const char *route_rest(const ControlRoute *route, const char *path)
{
        size_t n = strlen(route->path);

        if (strncmp(path, route->path, n) != 0 || (!route->prefix && path[n]))
                return NULL;
        return path + n;
}

static bool is_shops(const Control *c, const HttpPeer *peer)
{
        const NetworkConfig *n = &c->f->config->network;

        for (size_t i = 0; peer->known && i < n->n_order_uids; i++)
                if (n->order_uids[i] == peer->uid)
                        return true;
        return false;
}

static bool permitted(Control *c, HttpRequest *r, const ControlRoute *route)
{
        const HttpPeer *peer = http_peer(r);

        if (route->shops && is_shops(c, peer))
                return true;

        if (route->changes ? access_may_change(&c->access, peer) : access_may_look(&c->access, peer))
                return true;
        http_reply_error(r, 403, "only root and members of group %s may do this",
                         route->changes ? "failover-admin" : "failover");
        return false;
}

static void on_request(HttpRequest *r, void *userdata)
{
        Control *c = userdata;
        const char *method = http_method(r), *path = http_path(r);
        char plain[200];
        bool known = false;

        for (size_t i = 0; i < ELEMENTSOF(routes); i++) {
                const char *rest = route_rest(&routes[i], path);

                if (!rest)
                        continue;
                known = true;
                if (!streq(routes[i].method, method) &&
                    !(streq(method, "HEAD") && streq(routes[i].method, "GET")))
                        continue;
                if (!permitted(c, r, &routes[i]))
                        return;
                if (routes[i].public)
                        routes[i].public(c->f, r, rest);
                else
                        routes[i].run(c, r, rest);
                return;
        }
        plain_copy(plain, sizeof(plain), path);
        if (known)
                http_reply_error(r, 405, "%s is not for %s", method, plain);
        else
                http_reply_error(r, 404, "no such thing: %s", plain);
}

static HttpShare on_share(const HttpPeer *peer, void *userdata)
{
        const Control *c = userdata;

        return access_share(&c->access, peer);
}

static int listen_control(Control *c, int *ret, Error *e)
{
        _cleanup_free_ char *path = string_printf("%s/control.sock", c->f->places.runtime_dir);

        if (!path)
                return -ENOMEM;
        *ret = service_socket(AF_UNIX, "control");
        return *ret >= 0 ? 0 : http_listen_unix(path, 0660, c->access.look, ret, e);
}

int control_new(Federation *f, Control **ret, Error *e)
{
        Control *c = calloc(1, sizeof(*c));
        HttpOptions options = {.handler = on_request,
                               .userdata = c,
                               .share = on_share,
                               .body_max = CONTROL_BODY_MAX,
                               .connections_max = ACCESS_CONNECTIONS};
        int r;

        *ret = c;
        if (!c)
                return -ENOMEM;
        c->f = f;
        access_load(&c->access);
        r = loop_timer_new(f->event, "idle imports", control_on_idle, c, &c->idle);
        if (r < 0)
                return r;
        r = listen_control(c, &options.fd, e);
        return r < 0 ? r : http_server_new(f->event, &options, &c->server, e);
}

void control_reconfigure(Control *c, const Access *access)
{
        c->access = *access;
}

Control *control_free(Control *c)
{
        if (!c)
                return NULL;
        control_end_imports(c);
        http_server_free(c->server);
        loop_source_free(c->idle);
        free(c);
        return NULL;
}
