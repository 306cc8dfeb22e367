/* SPDX-License-Identifier: MIT */
/* The control socket: a table of routes. */
#include "supervisor/control.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/text.h"
#include "supervisor/metrics.h"
#include "supervisor/peer.h"
#include "supervisor/service.h"
#include "supervisor/status.h"

#include <sys/socket.h>
#include <unistd.h>

#define STREAMS_MAX         16
#define WAITERS_MAX         32
#define STREAM_SOONEST_USEC (250 * USEC_PER_MSEC)
#define STREAM_EVERY_USEC   USEC_PER_SEC
#define RUN_EXTRA_USEC      (2 * USEC_PER_SEC) /* beyond a probe's own timeout */

typedef struct Waiter { /* for a run of a probe */
        HttpRequest *request;
        char *probe;
        uint64_t until; /* boot time */
} Waiter;

struct Control {
        Manager *manager;
        HttpServer *server, *metrics;
        char *metrics_listen;
        PeerRules rules;
        HttpStream *streams[STREAMS_MAX];
        size_t n_streams;
        uint64_t streamed_at;
        bool touched;
        sd_event_source *timer;
        Waiter waiters[WAITERS_MAX];
        size_t n_waiters;
};

/* --- streams --- */

static void arm(Control *c)
{
        uint64_t next = USEC_NEVER;

        if (c->n_streams > 0)
                next = c->streamed_at + (c->touched ? STREAM_SOONEST_USEC : STREAM_EVERY_USEC);
        for (size_t i = 0; i < c->n_waiters; i++)
                next = MIN(next, c->waiters[i].until);
        loop_timer_set(c->timer, next);
}

static void on_stream_closed(HttpStream *stream, void *userdata)
{
        Control *c = userdata;

        for (size_t i = 0; i < c->n_streams; i++)
                if (c->streams[i] == stream)
                        c->streams[i] = c->streams[--c->n_streams];
        arm(c);
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

static void broadcast_status(Control *c)
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
                arm(c);
}

void control_event(Control *c, const char *event, const char *change)
{
        if (c && c->n_streams > 0)
                broadcast(c, event,
                          json_pack("{s:s, s:s}", "change", change, "mode",
                                    c->manager->config->modes[engine_state(c->manager->engine)->mode].name));
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
                broadcast_status(c);
        arm(c);
        return 0;
}

/* --- routes --- */

static json_t *body_object(HttpRequest *r)
{
        size_t size;
        const void *body = http_body(r, &size);
        json_t *j;
        Error e;

        if (size == 0)
                return json_object();
        if (json_parse(body, size, &j, &e) < 0) {
                http_reply_error(r, 400, "the body is not JSON: %s", e.text);
                return NULL;
        }
        if (json_is_object(j))
                return j;
        json_decref(j);
        http_reply_error(r, 400, "the body must be a JSON object");
        return NULL;
}

/* Refuses keys that nobody knows: a misspelt `for` must not pin for ever. */
static bool known_keys(HttpRequest *r, const json_t *body, const char *const keys[])
{
        const char *key;
        json_t *value;

        json_object_foreach((json_t *) (uintptr_t) body, key, value)
        {
                size_t i = 0;

                while (keys[i] && !streq(keys[i], key))
                        i++;
                if (!keys[i]) {
                        http_reply_error(r, 400, "unknown key `%s`", key);
                        return false;
                }
        }
        return true;
}

static void get_status(Control *c, HttpRequest *r, const char *rest)
{
        json_t *j = status_document(c->manager);

        if (j)
                http_reply_json(r, 200, j);
        else
                http_reply_error(r, 500, "out of memory");
}

static void on_answer(int error, json_t *result, void *userdata)
{
        HttpRequest *r = userdata;

        if (error == -ENOENT)
                http_reply_error(r, 404, "no such change");
        else if (error < 0)
                http_reply_error(r, 503, "the database does not answer: %s", strerror(-error));
        else
                http_reply_json(r, 200, json_incref(result));
}

static void on_explained(int error, json_t *result, void *userdata)
{
        HttpRequest *r = userdata;
        _cleanup_free_ char *words = NULL;

        if (error < 0) {
                on_answer(error, NULL, r);
                return;
        }
        if (status_explain(result, &words) < 0) {
                http_reply_error(r, 500, "out of memory");
                return;
        }
        json_put(result, "text", json_string_or_null(words));
        http_reply_json(r, 200, json_incref(result));
}

static void get_history(Control *c, HttpRequest *r, const char *rest)
{
        const char *limit = http_query(r, "limit");
        char *end = NULL;
        unsigned long n = limit ? strtoul(limit, &end, 10) : 50;

        if (limit && (!limit[0] || *end || limit[0] == '-' || n == 0 || n > 10000)) {
                http_reply_error(r, 400, "`limit` is a number from 1 to 10000");
                return;
        }
        if (store_read_history(c->manager->store, (unsigned) n, on_answer, r) < 0)
                http_reply_error(r, 500, "out of memory");
}

static void get_explain(Control *c, HttpRequest *r, const char *rest)
{
        const char *id = rest[0] && !streq(rest, "latest") ? rest : NULL;

        if (store_read_change(c->manager->store, id, on_explained, r) < 0)
                http_reply_error(r, 500, "out of memory");
}

static void get_plan(Control *c, HttpRequest *r, const char *rest)
{
        const Manager *m = c->manager;
        const char *name = http_query(r, "mode");
        unsigned mode = name && name[0] ? config_find_mode(m->config, name) : MODE_NONE;
        const ModeState *s = engine_state(m->engine);

        if (name && name[0] && mode == MODE_NONE) {
                http_reply_error(r, 404, "no mode `%s`", name);
                return;
        }
        if (mode == MODE_NONE) /* what would happen next: out of the mode that runs */
                for (unsigned i = 0; i < m->config->n_modes && mode == MODE_NONE; i++)
                        if (i != s->mode && mode_readiness(s, i, &m->config->mode, NULL) == READY)
                                mode = i;
        if (mode == MODE_NONE)
                mode = s->mode;
        http_reply_json(r, 200, status_plan(m, mode));
}

static void get_events(Control *c, HttpRequest *r, const char *rest)
{
        HttpStream *stream;

        if (c->n_streams == STREAMS_MAX) {
                http_reply_error(r, 503, "too many streams: %d at most", STREAMS_MAX);
                return;
        }
        if (http_stream_open(r, on_stream_closed, c, &stream) < 0) {
                http_reply_error(r, 500, "out of memory");
                return;
        }
        c->streams[c->n_streams++] = stream;
        broadcast_status(c);
        arm(c);
}

static void get_metrics(Control *c, HttpRequest *r, const char *rest)
{
        _cleanup_free_ char *text = NULL;

        if (metrics_text(c->manager, &text) < 0)
                http_reply_error(r, 500, "out of memory");
        else
                http_reply(r, 200, METRIC_CONTENT_TYPE, text, strlen(text));
}

static void operate(Control *c, HttpRequest *r, const EngineCommand *command)
{
        Manager *m = c->manager;
        Error e;

        if (engine_operate(m->engine, command, manager_now(m), clock_wall_usec(), &e) < 0) {
                http_reply_error(r, 409, "%s", e.text);
                return;
        }
        service_status(m);
        http_reply_json(r, 200,
                        json_pack("{s:b, s:s, s:s, s:b}", "success", true, "mode",
                                  m->config->modes[engine_state(m->engine)->mode].name, "change",
                                  engine_change_id(m->engine), "durable", store_is_durable(m->store)));
}

/* false: answered with what is wrong. */
static bool read_mode(Control *c, HttpRequest *r, const json_t *body, EngineCommand *ret)
{
        const json_t *mode = json_object_get(body, "mode"), *length = json_object_get(body, "for");
        const json_t *reason = json_object_get(body, "reason");
        bool automatic = json_is_true(json_object_get(body, "auto"));
        bool fallback = json_is_true(json_object_get(body, "fallback"));
        bool first = json_is_true(json_object_get(body, "first"));

        if ((mode != NULL) + automatic + fallback + first != 1) {
                http_reply_error(r, 400, "give one of `mode`, `fallback`: true, `first`: true, `auto`: true");
                return false;
        }
        if ((mode && !json_is_string(mode)) || (reason && !json_is_string(reason)) ||
            (length && !json_is_string(length))) {
                http_reply_error(r, 400, "`mode`, `for` and `reason` are strings");
                return false;
        }
        *ret = (EngineCommand){.kind = automatic ? COMMAND_AUTO : COMMAND_FORCE,
                               .mode = first ? 0 : MODE_NONE};
        ret->reason = reason ? json_string_value(reason) : "";
        if (mode)
                ret->mode = config_find_mode(c->manager->config, json_string_value(mode));
        if (mode && ret->mode == MODE_NONE) {
                http_reply_error(r, 404, "no mode `%s`", json_string_value(mode));
                return false;
        }
        if (length && (duration_parse(json_string_value(length), &ret->for_usec) < 0 || ret->for_usec == 0)) {
                http_reply_error(r, 400, "`for` is a duration with a unit, such as 30m or 2h");
                return false;
        }
        if (strlen(ret->reason) > 400) {
                http_reply_error(r, 400, "`reason` is at most 400 bytes");
                return false;
        }
        return true;
}

static void post_mode(Control *c, HttpRequest *r, const char *rest)
{
        static const char *const keys[] = {"mode", "fallback", "first", "auto", "for", "reason", NULL};
        _cleanup_json_ json_t *body = body_object(r);
        EngineCommand command;

        if (body && known_keys(r, body, keys) && read_mode(c, r, body, &command))
                operate(c, r, &command);
}

static void post_pause(Control *c, HttpRequest *r, const char *rest)
{
        operate(c, r, &(EngineCommand){.kind = COMMAND_PAUSE, .reason = ""});
}

static void post_resume(Control *c, HttpRequest *r, const char *rest)
{
        operate(c, r, &(EngineCommand){.kind = COMMAND_RESUME, .reason = ""});
}

static void post_ack(Control *c, HttpRequest *r, const char *rest)
{
        operate(c, r, &(EngineCommand){.kind = COMMAND_ACK, .reason = ""});
}

static void run_all(Control *c, HttpRequest *r)
{
        Manager *m = c->manager;

        for (unsigned i = 0; i < m->config->n_probes; i++)
                engine_run_now(m->engine, i, manager_now(m), clock_wall_usec());
        http_reply_json(r, 202,
                        json_pack("{s:b, s:i}", "success", true, "started", (int) m->config->n_probes));
}

static void post_probe(Control *c, HttpRequest *r, const char *rest)
{
        Manager *m = c->manager;
        unsigned probe = config_find_probe(m->config, rest);
        char *name;

        if (!rest[0]) {
                run_all(c, r);
                return;
        }
        if (probe == PROBE_NONE) {
                http_reply_error(r, 404, "no probe `%s`", rest);
                return;
        }
        if (m->config->probes[probe]->type->passive) {
                http_reply_error(r, 409, "probe %s is passive: it is reported to, never run", rest);
                return;
        }
        name = c->n_waiters < WAITERS_MAX ? strdup(rest) : NULL;
        if (!name) {
                http_reply_error(r, 503, "too many runs are waited for");
                return;
        }
        c->waiters[c->n_waiters++] = (Waiter){
                        .request = r,
                        .probe = name,
                        .until = clock_boot_usec() + m->config->probes[probe]->timeout_usec + RUN_EXTRA_USEC,
        };
        arm(c);
        engine_run_now(m->engine, probe, manager_now(m), clock_wall_usec());
}

static void post_report(Control *c, HttpRequest *r, const char *rest)
{
        static const char *const keys[] = {"probe", "outcome", "message", NULL};
        Manager *m = c->manager;
        _cleanup_json_ json_t *body = body_object(r);
        const char *name = json_string_value(json_object_get(body, "probe"));
        const char *word = json_string_value(json_object_get(body, "outcome"));
        const char *message = json_string_value(json_object_get(body, "message"));
        int outcome = word ? outcome_from_name(word) : -EINVAL;
        char text[300];
        unsigned probe;

        if (!body || !known_keys(r, body, keys))
                return;
        if (!name || outcome < 0) {
                http_reply_error(r, 400, "give `probe` and `outcome`: pass, warn, fail or inconclusive");
                return;
        }
        probe = config_find_probe(m->config, name);
        if (probe == PROBE_NONE || !m->config->probes[probe]->type->passive) {
                http_reply_error(r, 404, "no passive probe `%s`", name);
                return;
        }
        if (!peer_may_report(&c->rules, http_peer(r), probe)) {
                http_reply_error(r, 403, "user %u may not report to probe %s: name it in `from`",
                                 (unsigned) http_peer(r)->uid, name);
                return;
        }
        plain_copy(text, sizeof(text), message ? message : "reported");
        engine_report(m->engine, probe, (Outcome) outcome, text, manager_now(m), clock_wall_usec());
        http_reply_json(r, 200,
                        json_pack("{s:b, s:s}", "success", true, "verdict",
                                  verdict_name(engine_state(m->engine)->probes[probe].verdict)));
}

/* --- alert --test --- */

typedef struct Test {
        HttpRequest *request;
        json_t *results;
        size_t left;
        bool failed;
} Test;

static void on_tested(const char *action, ActionResult result, const char *message, void *userdata)
{
        Test *t = userdata;

        t->failed = t->failed || result != ACTION_DONE;
        json_array_append_new(t->results,
                              json_pack("{s:s, s:b, s:o}", "action", action, "delivered",
                                        result == ACTION_DONE, "message", json_string_or_null(message)));
        if (--t->left > 0)
                return;
        http_reply_json(t->request, t->failed ? 502 : 200,
                        json_pack("{s:b, s:s, s:o}", "success", !t->failed, "error",
                                  t->failed ? "an alert was not delivered" : "", "results", t->results));
        free(t);
}

static void post_alert_test(Control *c, HttpRequest *r, const char *rest)
{
        Manager *m = c->manager;
        Test *t = calloc(1, sizeof(*t));
        ActionFacts facts;
        char id[ID_SIZE];

        if (!t) {
                http_reply_error(r, 500, "out of memory");
                return;
        }
        for (size_t i = 0; i < m->config->n_actions; i++)
                t->left += m->config->actions[i]->type->alerts;
        if (t->left == 0) {
                http_reply_error(r, 409, "no alert is configured: add an action of type alert");
                free(t);
                return;
        }
        t->request = r;
        t->results = json_array();
        manager_facts(m, ACTION_TEST, &facts);
        facts.id = id_make(id, clock_wall_usec());
        facts.at_usec = clock_wall_usec();
        facts.alert = "test";
        facts.summary = "this is a test of the alerts; nothing is wrong";
        facts.details = "An operator asked for it by `failoverctl alert --test`. Nothing needs to be done.";
        if (outbox_test(m->outbox, &facts, on_tested, t) < 0) {
                http_reply_error(r, 500, "out of memory");
                json_decref(t->results);
                free(t);
        }
}

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
                {"GET", "/v1/status", false, MAY_LOOK, get_status},
                {"GET", "/v1/history", false, MAY_LOOK, get_history},
                {"GET", "/v1/explain", false, MAY_LOOK, get_explain},
                {"GET", "/v1/explain/", true, MAY_LOOK, get_explain},
                {"GET", "/v1/plan", false, MAY_LOOK, get_plan},
                {"GET", "/v1/events", false, MAY_LOOK, get_events},
                {"GET", "/metrics", false, MAY_LOOK, get_metrics},
                {"POST", "/v1/mode", false, MAY_CHANGE, post_mode},
                {"POST", "/v1/pause", false, MAY_CHANGE, post_pause},
                {"POST", "/v1/resume", false, MAY_CHANGE, post_resume},
                {"POST", "/v1/ack", false, MAY_CHANGE, post_ack},
                {"POST", "/v1/probe", false, MAY_CHANGE, post_probe},
                {"POST", "/v1/probe/", true, MAY_CHANGE, post_probe},
                {"POST", "/v1/alert/test", false, MAY_CHANGE, post_alert_test},
                {"POST", "/v1/report", false, MAY_REPORT, post_report},
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
                if (peer_may_look(&c->rules, peer))
                        return true;
                http_reply_error(r, 403, "only root and members of group failover may look");
                return false;
        case MAY_CHANGE:
                if (peer_may_change(&c->rules, peer))
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
                get_metrics(c, r, "");
}

/* --- life --- */

static int listen_control(Control *c, int *ret, Error *e)
{
        _cleanup_free_ char *path = string_printf("%s/control.sock", c->manager->places.runtime_dir);

        if (!path)
                return -ENOMEM;
        *ret = service_socket(AF_UNIX);
        if (*ret >= 0)
                return 0;
        return http_listen_unix(path, 0660, c->rules.look, ret, e);
}

static int listen_metrics(Control *c, const char *address, HttpServer **ret, Error *e)
{
        HttpOptions options = {.handler = on_metrics_request, .userdata = c, .body_max = 1024};
        int r = 0;

        options.fd = service_socket(AF_INET);
        if (options.fd < 0)
                r = http_listen_tcp(address, &options.fd, e);
        return r < 0 ? r : http_server_new(c->manager->event, &options, ret, e);
}

int control_new(Manager *m, Control **ret, Error *e)
{
        Control *c = calloc(1, sizeof(*c));
        HttpOptions options = {.handler = on_request, .userdata = c};
        int r;

        *ret = c; /* the manager frees it, half-built or not */
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
        return control_reconfigure(c, m->config, e);
}

int control_reconfigure(Control *c, const Config *config, Error *e)
{
        HttpServer *metrics = NULL;
        char *listen = NULL;
        int r;

        r = peer_rules_load(&c->rules, config);
        if (r < 0)
                return error_set(e, r, "out of memory");
        if (config->metrics_listen && c->metrics_listen && streq(config->metrics_listen, c->metrics_listen))
                return 0;
        if (config->metrics_listen) {
                listen = strdup(config->metrics_listen);
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

Control *control_free(Control *c)
{
        if (!c)
                return NULL;
        http_server_free(c->metrics);
        http_server_free(c->server);
        while (c->n_waiters > 0)
                waiter_drop(c, c->n_waiters - 1);
        loop_source_free(c->timer);
        peer_rules_clear(&c->rules);
        free(c->metrics_listen);
        free(c);
        return NULL;
}
