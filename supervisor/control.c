/* SPDX-License-Identifier: MIT */
/* The control socket: a table of routes. */
#include "base/clock.h"
#include "base/service.h"
#include "base/text.h"
#include "supervisor/control_private.h"
#include "supervisor/status.h"

#include <sys/socket.h>

/* --- streams --- */

void control_arm(Control *c)
{
        uint64_t next = USEC_NEVER;

        if (c->n_streams > 0)
                next = c->streamed_at + (c->touched ? STREAM_SOONEST_USEC : STREAM_EVERY_USEC);
        for (size_t i = 0; i < c->n_waiters; i++)
                next = MIN(next, c->waiters[i].until);
        loop_timer_set(c->timer, next);
}

void control_on_stream_closed(HttpStream *stream, void *userdata)
{
        Control *c = userdata;

        for (size_t i = 0; i < c->n_streams; i++)
                if (c->streams[i] == stream)
                        c->streams[i] = c->streams[--c->n_streams];
        control_arm(c);
}

static void broadcast(Control *c, const char *event, json_t *data)
{
        _cleanup_free_ char *text = NULL;

        if (data && json_print(data, &text) >= 0)
                for (size_t i = c->n_streams; i > 0;
                     i--) /* sending may close, which moves the last one here */
                        http_stream_send(c->streams[i - 1], event, text);
        json_decref(data);
}

void control_broadcast_status(Control *c)
{
        c->touched = false;
        c->streamed_at = clock_boot_usec();
        if (c->n_streams > 0)
                broadcast(c, "status", status_document(c->manager));
}

void control_touch(Control *c)
{
        if (!c || c->touched)
                return;
        c->touched = true;
        if (c->n_streams > 0)
                control_arm(c);
}

void control_tell_change(Control *c, const char *change, const char *mode, bool durable)
{
        if (c && c->n_streams > 0)
                broadcast(c, "change",
                          json_pack("{s:s, s:s, s:b}", "change", change, "mode", mode, "durable", durable));
}

/* --- who waits for a run --- */

static void answer_run(Control *c, Waiter *w, unsigned probe)
{
        const Manager *m = c->manager;
        const ProbeState *p = &engine_state(m->engine)->probes[probe];

        http_reply_json(w->request, 200,
                        json_pack("{s:b, s:s, s:s, s:s, s:o, s:f}", "success", true, "probe", w->probe,
                                  "outcome", outcome_name(p->last), "verdict", verdict_name(p->verdict),
                                  "message", json_string_or_null(engine_message(m->engine, probe)),
                                  "latency_ms",
                                  (double) schedule_latency(engine_schedule(m->engine), probe) / 1000));
}

static void waiter_drop(Control *c, size_t i)
{
        free(c->waiters[i].probe);
        c->waiters[i] = c->waiters[--c->n_waiters];
}

void control_judged(Control *c, unsigned probe)
{
        const char *name;

        if (!c || c->n_waiters == 0)
                return;
        name = c->manager->config->probes[probe]->name;
        for (size_t i = c->n_waiters; i > 0; i--)
                if (streq(c->waiters[i - 1].probe, name)) {
                        answer_run(c, &c->waiters[i - 1], probe);
                        waiter_drop(c, i - 1);
                }
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
        Control *c = userdata;
        uint64_t now = clock_boot_usec();

        for (size_t i = c->n_waiters; i > 0; i--)
                if (c->waiters[i - 1].until <= now) {
                        http_reply_error(c->waiters[i - 1].request, 504, "probe %s has not answered yet",
                                         c->waiters[i - 1].probe);
                        waiter_drop(c, i - 1);
                }
        if (c->manager->engine && c->n_streams > 0 &&
            now >= c->streamed_at + (c->touched ? STREAM_SOONEST_USEC : STREAM_EVERY_USEC))
                control_broadcast_status(c);
        control_arm(c);
        return 0;
}

/* --- who waits for the disk, or for the alert channels --- */

int control_ask(Control *c, HttpRequest *r, Question **ret)
{
        Question *q = calloc(1, sizeof(*q));

        if (!q) {
                http_reply_error(r, 500, "out of memory");
                return -ENOMEM;
        }
        q->manager = c->manager;
        q->request = r;
        LIST_INSERT_HEAD(&c->questions, q, entry);
        *ret = q;
        return 0;
}

HttpRequest *question_end(Question *q)
{
        HttpRequest *r = q->request;

        LIST_REMOVE(q, entry);
        json_decref(q->results);
        free(q);
        return r;
}

/* --- routes --- */

typedef enum Permission {
        MAY_LOOK,
        MAY_CHANGE,
        MAY_REPORT, /* checked by the route, for each probe */
} Permission;

typedef struct Route {
        const char *method, *path;
        bool prefix; /* what follows the path is handed to the route */
        Permission permission;
        void (*run)(Control *c, HttpRequest *r, const char *rest);
} Route;

static const Route routes[] = {
                {"GET", "/v1/status", false, MAY_LOOK, control_get_status},
                {"GET", "/v1/public", false, MAY_LOOK, control_get_public},
                {"GET", "/v1/history", false, MAY_LOOK, control_get_history},
                {"GET", "/v1/explain", false, MAY_LOOK, control_get_explain},
                {"GET", "/v1/explain/", true, MAY_LOOK, control_get_explain},
                {"GET", "/v1/plan", false, MAY_LOOK, control_get_plan},
                {"GET", "/v1/events", false, MAY_LOOK, control_get_events},
                {"GET", "/metrics", false, MAY_LOOK, control_get_metrics},
                {"POST", "/v1/mode", false, MAY_CHANGE, control_post_mode},
                {"POST", "/v1/pause", false, MAY_CHANGE, control_post_pause},
                {"POST", "/v1/resume", false, MAY_CHANGE, control_post_resume},
                {"POST", "/v1/ack", false, MAY_CHANGE, control_post_ack},
                {"POST", "/v1/probe", false, MAY_CHANGE, control_post_probe},
                {"POST", "/v1/probe/", true, MAY_CHANGE, control_post_probe},
                {"GET", "/v1/incidents", false, MAY_LOOK, control_get_incidents},
                {"POST", "/v1/incidents", false, MAY_CHANGE, control_post_incidents},
                {"POST", "/v1/incidents/", true, MAY_CHANGE, control_post_incident},
                {"GET", "/v1/maintenances", false, MAY_LOOK, control_get_maintenances},
                {"POST", "/v1/maintenances", false, MAY_CHANGE, control_post_maintenances},
                {"POST", "/v1/maintenances/", true, MAY_CHANGE, control_post_maintenance},
                {"POST", "/v1/alert/test", false, MAY_CHANGE, control_post_alert_test},
                {"POST", "/v1/report", false, MAY_REPORT, control_post_report},
};

/* The rest of the path behind the route's, or NULL when it is not this route's. */
static const char *route_rest(const Route *route, const char *path)
{
        size_t n = strlen(route->path);

        if (strncmp(path, route->path, n) != 0)
                return NULL;
        if (!route->prefix && path[n])
                return NULL;
        return path + n;
}

static bool permitted(Control *c, HttpRequest *r, const Route *route)
{
        const HttpPeer *peer = http_peer(r);

        switch (route->permission) {
        case MAY_LOOK:
                if (access_may_look(&c->rules.access, peer))
                        return true;
                http_reply_error(r, 403, "only root and members of group failover may look");
                return false;
        case MAY_CHANGE:
                if (access_may_change(&c->rules.access, peer))
                        return true;
                http_reply_error(r, 403, "only root and members of group failover-admin may do this");
                return false;
        case MAY_REPORT:
                return true;
        }
        return false;
}

static void on_request(HttpRequest *r, void *userdata)
{
        Control *c = userdata;
        const char *method = http_method(r), *path = http_path(r);
        bool known = false;

        if (!c->manager->engine) {
                http_reply_error(r, 503, "starting: the state is being read");
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(routes); i++) {
                const char *rest = route_rest(&routes[i], path);

                if (!rest)
                        continue;
                known = true;
                if (!streq(routes[i].method, method) &&
                    !(streq(method, "HEAD") && streq(routes[i].method, "GET")))
                        continue;
                if (permitted(c, r, &routes[i]))
                        routes[i].run(c, r, rest);
                return;
        }
        if (known)
                http_reply_error(r, 405, "%s is not for %s", method, path);
        else
                http_reply_error(r, 404, "no such thing: %s", path);
}

static HttpShare on_share(const HttpPeer *peer, void *userdata)
{
        const Control *c = userdata;

        return access_share(&c->rules.access, peer);
}

/* The TCP listener knows nobody, so it shows the metrics and nothing else. */
static void on_metrics_request(HttpRequest *r, void *userdata)
{
        Control *c = userdata;

        if (!streq(http_path(r), "/metrics"))
                http_reply_error(r, 404, "only /metrics is here");
        else if (!streq(http_method(r), "GET") && !streq(http_method(r), "HEAD"))
                http_reply_error(r, 405, "only GET");
        else if (!c->manager->engine)
                http_reply_error(r, 503, "starting");
        else
                control_get_metrics(c, r, "");
}

/* --- life --- */

static int listen_control(Control *c, int *ret, Error *e)
{
        _cleanup_free_ char *path = string_printf("%s/control.sock", c->manager->places.runtime_dir);

        if (!path)
                return -ENOMEM;
        *ret = service_socket(AF_UNIX, NULL);
        if (*ret >= 0)
                return 0;
        return http_listen_unix(path, 0660, c->rules.access.look, ret, e);
}

static int listen_metrics(Control *c, const char *address, HttpServer **ret, Error *e)
{
        HttpOptions options = {.handler = on_metrics_request, .userdata = c, .body_max = 1024};
        int r = 0;

        options.fd = service_socket(AF_INET, NULL);
        if (options.fd < 0)
                r = http_listen_tcp(address, &options.fd, e);
        return r < 0 ? r : http_server_new(c->manager->event, &options, ret, e);
}

/* address: NULL for none. On failure the old listener stays. */
static int reconfigure_metrics(Control *c, const char *address, Error *e)
{
        HttpServer *metrics = NULL;
        char *listen = NULL;

        if (address && c->metrics_listen && streq(address, c->metrics_listen))
                return 0;
        if (address) {
                int r;

                listen = strdup(address);
                if (!listen)
                        return error_set(e, -ENOMEM, "out of memory");
                r = listen_metrics(c, listen, &metrics, e);
                if (r < 0) {
                        free(listen);
                        return r;
                }
        }
        http_server_free(c->metrics);
        free(c->metrics_listen);
        c->metrics = metrics;
        c->metrics_listen = listen;
        return 0;
}

int control_new(Manager *m, Control **ret, Error *e)
{
        Control *c = calloc(1, sizeof(*c));
        HttpOptions options = {.handler = on_request,
                               .userdata = c,
                               .share = on_share,
                               .connections_max = ACCESS_CONNECTIONS};
        int r;

        *ret = c;
        if (!c)
                return -ENOMEM;
        c->manager = m;
        peer_rules_clear(&c->rules);
        r = loop_timer_new(m->event, "control", on_timer, c, &c->timer);
        if (r < 0)
                return r;
        r = peer_rules_load(&c->rules, m->config);
        if (r < 0)
                return r;
        r = listen_control(c, &options.fd, e);
        if (r < 0)
                return r;
        r = http_server_new(m->event, &options, &c->server, e);
        if (r < 0)
                return r;
        return reconfigure_metrics(c, m->config->metrics_listen, e);
}

int control_reconfigure(Control *c, const Config *config, PeerRules *rules, Error *e)
{
        int r = reconfigure_metrics(c, config->metrics_listen, e);

        if (r < 0)
                return r;
        peer_rules_clear(&c->rules);
        c->rules = *rules;
        *rules = (PeerRules){0};
        return 0;
}

Control *control_free(Control *c)
{
        if (!c)
                return NULL;
        /* Nobody is there any more to answer these. */
        for (Question *q; (q = LIST_FIRST(&c->questions));)
                http_reply_error(question_end(q), 503, "stopping");
        for (; c->n_waiters > 0; waiter_drop(c, c->n_waiters - 1))
                http_reply_error(c->waiters[c->n_waiters - 1].request, 503, "stopping");
        http_server_free(c->metrics);
        http_server_free(c->server);
        loop_source_free(c->timer);
        peer_rules_clear(&c->rules);
        free(c->metrics_listen);
        free(c);
        return NULL;
}
