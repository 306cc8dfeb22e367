/* SPDX-License-Identifier: MIT */
/* The control socket's routes that change something, or report. */
#include "base/clock.h"
#include "base/text.h"
#include "supervisor/control_private.h"
#include "supervisor/ready.h"

json_t *control_body(HttpRequest *r)
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
bool control_known_keys(HttpRequest *r, const json_t *body, const char *const keys[])
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

static void answer_command(const Manager *m, HttpRequest *r, bool durable)
{
        http_reply_json(r, 200,
                        json_pack("{s:b, s:s, s:s, s:b}", "success", true, "mode",
                                  m->config->modes[engine_state(m->engine)->mode].name, "change",
                                  engine_change_id(m->engine), "durable", durable));
}

static void on_kept(int r, void *userdata)
{
        Question *q = userdata;
        const Manager *m = q->manager;

        if (!m->stopping) /* else the connection is about to go */
                answer_command(m, question_end(q), r >= 0);
}

/* It holds at once. The answer waits for the disk: whoever reads "pinned" may pull the plug. */
static void operate(Control *c, HttpRequest *r, const EngineCommand *command)
{
        Manager *m = c->manager;
        StoreBatch *b;
        Question *q;
        Error e;

        if (control_ask(c, r, &q) < 0)
                return;
        if (engine_operate(m->engine, command, manager_now(m), clock_wall_usec(), &e) < 0) {
                http_reply_error(question_end(q), 409, "%s", e.text);
                return;
        }
        ready_tell_mode(m);
        b = m->progress ? TAKE_PTR(m->progress) : store_batch_new();
        if (b)
                manager_add_memory(m, b);
        manager_submit(m, b, on_kept, q);
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
        if (automatic && length) {
                http_reply_error(r, 400, "`for` is how long a pin lasts: it does not go with `auto`");
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

void control_post_mode(Control *c, HttpRequest *r, const char *rest)
{
        static const char *const keys[] = {"mode", "fallback", "first", "auto", "for", "reason", NULL};
        _cleanup_json_ json_t *body = control_body(r);
        EngineCommand command;

        if (body && control_known_keys(r, body, keys) && read_mode(c, r, body, &command))
                operate(c, r, &command);
}

void control_post_pause(Control *c, HttpRequest *r, const char *rest)
{
        operate(c, r, &(EngineCommand){.kind = COMMAND_PAUSE, .reason = ""});
}

void control_post_resume(Control *c, HttpRequest *r, const char *rest)
{
        operate(c, r, &(EngineCommand){.kind = COMMAND_RESUME, .reason = ""});
}

void control_post_ack(Control *c, HttpRequest *r, const char *rest)
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

void control_post_probe(Control *c, HttpRequest *r, const char *rest)
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
        control_arm(c);
        engine_run_now(m->engine, probe, manager_now(m), clock_wall_usec());
}

void control_post_report(Control *c, HttpRequest *r, const char *rest)
{
        static const char *const keys[] = {"probe", "outcome", "message", NULL};
        Manager *m = c->manager;
        _cleanup_json_ json_t *body = control_body(r);
        const char *name = json_string_value(json_object_get(body, "probe"));
        const char *word = json_string_value(json_object_get(body, "outcome"));
        const json_t *message = json_object_get(body, "message");
        int outcome = word ? outcome_from_name(word) : -EINVAL;
        char text[300];
        unsigned probe;

        if (!body || !control_known_keys(r, body, keys))
                return;
        if (!name || outcome < 0) {
                http_reply_error(r, 400, "give `probe` and `outcome`: pass, warn, fail or inconclusive");
                return;
        }
        if (message && !json_is_string(message)) {
                http_reply_error(r, 400, "`message` is a string");
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
        plain_copy(text, sizeof(text), message ? json_string_value(message) : "reported");
        engine_report(m->engine, probe, (Outcome) outcome, text, manager_now(m), clock_wall_usec());
        http_reply_json(r, 200,
                        json_pack("{s:b, s:s}", "success", true, "verdict",
                                  verdict_name(engine_state(m->engine)->probes[probe].verdict)));
}

/* --- alert --test --- */

static void on_tested(const char *action, ActionResult result, const char *message, void *userdata)
{
        Question *q = userdata;
        HttpRequest *r;
        json_t *j;
        bool failed;

        q->failed = q->failed || result != ACTION_DONE;
        json_array_append_new(q->results,
                              json_pack("{s:s, s:b, s:o}", "action", action, "delivered",
                                        result == ACTION_DONE, "message", json_string_or_null(message)));
        if (--q->left > 0)
                return;
        failed = q->failed;
        j = json_pack("{s:b, s:s, s:O}", "success", !failed, "error",
                      failed ? "an alert was not delivered" : "", "results", q->results);
        r = question_end(q);
        http_reply_json(r, failed ? 502 : 200, j);
}

void control_post_alert_test(Control *c, HttpRequest *r, const char *rest)
{
        Manager *m = c->manager;
        ActionFacts facts;
        char id[ID_SIZE];
        Question *q;
        size_t n = 0;

        for (size_t i = 0; i < m->config->n_actions; i++)
                n += m->config->actions[i]->type->alerts;
        if (n == 0) {
                http_reply_error(r, 409, "no alert is configured: add an action of type alert");
                return;
        }
        if (control_ask(c, r, &q) < 0)
                return;
        q->left = n;
        q->results = json_array();
        manager_facts(m, ACTION_TEST, &facts);
        facts.id = id_make(id, clock_wall_usec());
        facts.at_usec = clock_wall_usec();
        facts.alert = "test";
        facts.summary = "this is a test of the alerts; nothing is wrong";
        facts.details = "An operator asked for it by `failoverctl alert --test`. Nothing needs to be done.";
        if (outbox_test(m->outbox, &facts, on_tested, q) < 0)
                http_reply_error(question_end(q), 500, "out of memory");
}
