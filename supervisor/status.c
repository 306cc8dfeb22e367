/* SPDX-License-Identifier: MIT */
/* What the node says of itself, as JSON and in words. */
#include "supervisor/status.h"

#include "base/clock.h"
#include "base/sign.h"
#include "base/text.h"
#include "supervisor/components.h"
#include "supervisor/public_record.h"

static json_t *steady_timestamp(const Manager *m, uint64_t steady)
{
        return json_timestamp(steady_to_wall(&m->steady, steady));
}

static json_t *mode_name(const Manager *m, unsigned mode)
{
        return mode == MODE_NONE ? json_null() : json_string(m->config->modes[mode].name);
}

static const char *const *vantage_word(const Manager *m)
{
        static const char *const up = "up", *const down = "down", *const unknown = "unknown";
        const ProbeState *probes = engine_state(m->engine)->probes;
        size_t n_down = 0;

        for (size_t i = 0; i < m->config->n_vantage; i++) {
                Verdict v = probes[m->config->vantage[i]].verdict;

                if (v == VERDICT_UP)
                        return &up;
                n_down += v == VERDICT_DOWN;
        }
        if (m->config->n_vantage == 0)
                return NULL;
        return n_down == m->config->n_vantage ? &down : &unknown;
}

static json_t *operator_to_json(const Manager *m)
{
        const ModeState *s = engine_state(m->engine);
        json_t *j = json_object();

        json_put(j, "pinned", mode_name(m, s->pin));
        json_put(j, "until", s->pin == MODE_NONE ? json_null() : steady_timestamp(m, s->pin_until));
        json_put(j, "paused", json_boolean(s->paused));
        return j;
}

static json_t *automation_to_json(const Manager *m)
{
        const ModeState *s = engine_state(m->engine);
        json_t *j = json_object();
        char hold[DURATION_SIZE];

        json_put(j, "wants", mode_name(m, s->wants));
        json_put(j, "failback_at", steady_timestamp(m, s->return_at));
        json_put(j, "hold", json_string(duration_print(hold, s->hold)));
        return j;
}

static json_t *waiting_for(const Manager *m, unsigned mode)
{
        const ModeSettings *settings = &m->config->modes[mode];
        json_t *list = json_array();

        for (size_t i = 0; i < settings->n_requires; i++) {
                unsigned probe = settings->requires[i];

                if (requirement_readiness(engine_state(m->engine), mode, probe, &m->config->mode) != READY)
                        json_add(list, json_string(m->config->probes[probe]->name));
        }
        return list;
}

static json_t *modes_to_json(const Manager *m)
{
        json_t *list = json_array();

        for (unsigned i = 0; i < m->config->n_modes; i++) {
                json_t *j = json_object(), *waiting = waiting_for(m, i);

                json_put(j, "name", json_string(m->config->modes[i].name));
                json_put(j, "ready", json_boolean(json_array_size(waiting) == 0));
                json_put(j, "waiting_for", waiting);
                json_put(j, "payment", json_string(m->config->modes[i].payment));
                json_add(list, j);
        }
        return list;
}

static json_t *window_to_json(const Manager *m, unsigned probe)
{
        char window[ENGINE_HISTORY + 1];

        snprintf(window, sizeof(window), "%.*s",
                 (int) MIN(m->config->probes[probe]->window, (unsigned) ENGINE_HISTORY),
                 engine_history(m->engine, probe));
        return json_string(window);
}

static json_t *probe_to_json(const Manager *m, unsigned i)
{
        const ProbeConfig *c = m->config->probes[i];
        const ProbeState *p = &engine_state(m->engine)->probes[i];
        const Schedule *schedule = engine_schedule(m->engine);
        bool seen = engine_history(m->engine, i)[0] != 0;
        uint64_t latency = schedule_latency(schedule, i);
        json_t *j = json_object();

        json_put(j, "name", json_string(c->name));
        json_put(j, "type", json_string(c->type->name));
        json_put(j, "verdict", json_string(verdict_name(p->verdict)));
        json_put(j, "outcome", seen ? json_string(outcome_name(p->last)) : json_null());
        json_put(j, "message", json_string_or_null(engine_message(m->engine, i)));
        json_put(j, "latency_ms", latency > 0 ? json_real((double) latency / 1000) : json_null());
        json_put(j, "at", json_timestamp(engine_outcome_wall(m->engine, i)));
        json_put(j, "window", window_to_json(m, i));
        json_put(j, "next", c->type->passive ? json_null() : steady_timestamp(m, schedule_due(schedule, i)));
        json_put(j, "since", steady_timestamp(m, p->verdict_since));
        json_put(j, "passive", json_boolean(c->type->passive));
        json_put(j, "vantage", json_boolean(c->vantage));
        return j;
}

static bool probe_is_well(const Manager *m, unsigned i)
{
        const ProbeState *p = &engine_state(m->engine)->probes[i];

        return p->verdict == VERDICT_UP && p->last == OUTCOME_PASS;
}

/* At most that many: those that are not well before those that are, in the order of the configuration. */
static json_t *probes_to_json(const Manager *m, size_t max)
{
        json_t *list = json_array();
        size_t ill = 0, well;

        for (unsigned i = 0; i < m->config->n_probes; i++)
                ill += !probe_is_well(m, i);
        ill = MIN(ill, max);
        well = max - ill;
        for (unsigned i = 0; i < m->config->n_probes; i++) {
                size_t *left = probe_is_well(m, i) ? &well : &ill;

                if (*left == 0)
                        continue;
                (*left)--;
                json_add(list, probe_to_json(m, i));
        }
        return list;
}

static json_t *document(const Manager *m, size_t probes_max)
{
        const ModeState *s = engine_state(m->engine);
        const ModeSettings *mode = &m->config->modes[s->mode];
        const char *const *vantage = vantage_word(m);
        json_t *j = json_object();

        json_put(j, "node", json_string(m->config->node.id));
        json_put(j, "name", json_string_or_null(m->config->node.name));
        json_put(j, "mode", json_string(mode->name));
        json_put(j, "first", json_boolean(s->mode == 0));
        json_put(j, "payment", json_string(mode->payment));
        json_put(j, "message", json_string_or_null(mode->message));
        json_put(j, "since", json_timestamp(engine_since_wall(m->engine)));
        json_put(j, "change", json_string(engine_change_id(m->engine)));
        json_put(j, "cause", json_string_or_null(engine_cause(m->engine)));
        json_put(j, "operator", operator_to_json(m));
        json_put(j, "automation", automation_to_json(m));
        json_put(j, "durable", json_boolean(manager_is_durable(m)));
        json_put(j, "durable_trouble", json_string_or_null(store_trouble(m->store)));
        json_put(j, "reload_refused", json_string_or_null(service_refused(m->service)));
        json_put(j, "tilt", json_boolean(engine_tilt(m->engine, manager_now(m))));
        json_put(j, "blind", json_boolean(schedule_blind(engine_schedule(m->engine))));
        json_put(j, "returns_stopped", json_boolean(s->returns_stopped));
        json_put(j, "maintenance", record_status(m));
        json_put(j, "alerts", alarms_to_json(engine_alarms(m->engine), false));
        json_put(j, "vantage", vantage ? json_string(*vantage) : json_null());
        json_put(j, "modes", modes_to_json(m));
        json_put(j, "probes", probes_to_json(m, probes_max));
        json_put(j, "actions", outbox_to_json(m->outbox));
        json_put(j, "updated", json_timestamp(clock_wall_usec()));
        json_put(j, "started", json_timestamp(m->started_wall));
        json_put(j, "version", json_string(PROJECT_VERSION));
        return json_whole(j);
}

json_t *status_document(const Manager *m)
{
        return document(m, SIZE_MAX);
}

json_t *status_page_document(const Manager *m)
{
        size_t n = m->config->n_probes;
        json_t *j = document(m, STATUS_PAGE_PROBES);

        json_put(j, "more_probes",
                 json_integer(n > STATUS_PAGE_PROBES ? (json_int_t) (n - STATUS_PAGE_PROBES) : 0));
        return j;
}

static json_t *verdicts_to_json(const Manager *m)
{
        json_t *list = json_array();

        for (unsigned i = 0; i < m->config->n_probes; i++)
                json_add(list, json_pack("{s:s, s:s}", "name", m->config->probes[i]->name, "verdict",
                                         verdict_name(engine_state(m->engine)->probes[i].verdict)));
        return list;
}

static json_t *mode_to_json(const Manager *m)
{
        const ModeState *s = engine_state(m->engine);
        bool blind = schedule_blind(engine_schedule(m->engine));
        const ModeSettings *mode = &m->config->modes[s->mode];
        json_t *j = json_object();

        json_put(j, "mode", json_string(mode->name));
        json_put(j, "first", json_boolean(s->mode == 0));
        json_put(j, "payment", json_string(mode->payment));
        json_put(j, "checkout", json_string(mode->checkout));
        json_put(j, "since", json_timestamp(engine_since_wall(m->engine)));
        json_put(j, "change", json_string(engine_change_id(m->engine)));
        json_put(j, "cause", json_string_or_null(engine_cause(m->engine)));
        json_put(j, "message", json_string_or_null(mode->message));
        json_put(j, "durable", json_boolean(store_is_durable(m->store)));
        json_put(j, "updated", json_timestamp(clock_wall_usec()));
        json_put(j, "blind", json_boolean(blind));
        json_put(j, "selling", json_string(selling_name(selling_judge(m->config, s, blind))));
        json_put(j, "node", json_string(m->config->node.id));
        return j;
}

json_t *status_mode(const Manager *m)
{
        json_t *j = mode_to_json(m), *memory = engine_remember(m->engine);

        json_put(j, "probes", verdicts_to_json(m));
        /* A start whose database does not answer goes on from here. */
        record_remember(m, memory);
        json_put(j, "memory", memory);
        json_put(j, "steady", steady_to_json(&m->steady));
        json_put(j, "seq", json_integer(m->seq));
        if (json_array_size(m->unsaved) > 0)
                json_put(j, "unsaved", json_incref(m->unsaved));
        return json_whole(j);
}

json_t *status_standing(const Manager *m)
{
        const char *mode = m->config->modes[engine_state(m->engine)->mode].name;
        json_t *j = mode_to_json(m);
        bool payment = false;

        for (size_t i = 0; i < m->config->n_actions; i++)
                payment = payment || (streq(m->config->actions[i]->type->name, "payment-mode") &&
                                      config_action_runs_in(m->config->actions[i], mode));
        json_put(j, "durable", json_true()); /* once it is read */
        json_put(j, "payment_env", json_boolean(payment));
        return json_whole(j);
}

/* --- plan --- */

static json_t *plan_action(const Manager *m, const ActionConfig *a, unsigned mode)
{
        json_t *j = json_object();
        bool runs = config_action_runs_in(a, m->config->modes[mode].name);
        char text[320];

        snprintf(text, sizeof(text), "%s %s%s%s%s",
                 a->type->event ? "says it:" : "makes it so:", a->type->name, a->target[0] ? " to " : "",
                 a->target, runs ? "" : " (not for this mode)");
        json_put(j, "type", json_string(a->type->name));
        json_put(j, "name", json_string(a->name));
        json_put(j, "target", json_string_or_null(a->target));
        json_put(j, "event", json_boolean(a->type->event));
        json_put(j, "runs", json_boolean(runs));
        json_put(j, "text", json_string_or_null(text));
        return j;
}

json_t *status_plan(const Manager *m, unsigned mode)
{
        const ModeSettings *to = &m->config->modes[mode];
        const ModeState *s = engine_state(m->engine);
        json_t *j = json_object(), *actions = json_array();
        char text[512];
        Readiness r = mode_readiness(s, mode, &m->config->mode, NULL);
        static const char *const words[] = {[READY] = "ready",
                                            [READY_OPEN] = "not shown to be ready",
                                            [READY_BROKEN] = "not ready"};

        for (size_t i = 0; i < m->config->n_actions; i++)
                json_add(actions, plan_action(m, m->config->actions[i], mode));
        snprintf(text, sizeof(text), "%s %s: PAYMENT_MODE=%s, CHECKOUT_ROUTE=%s; the mode is %s.",
                 mode == s->mode ? "The shop runs in" : "A change would take the shop to", to->name,
                 to->payment, to->checkout, words[r]);
        json_put(j, "mode", json_string(to->name));
        json_put(j, "from", mode_name(m, s->mode));
        json_put(j, "ready", json_boolean(r == READY));
        json_put(j, "actions", actions);
        json_put(j, "text", json_string_or_null(text));
        return json_whole(j);
}

/* --- evidence --- */

static bool is_required(const Config *c, unsigned probe)
{
        for (size_t m = 0; m < c->n_modes; m++) {
                const ModeSettings *mode = &c->modes[m];

                for (size_t i = 0; i < mode->n_requires; i++)
                        if (mode->requires[i] == probe)
                                return true;
        }
        return false;
}

static json_t *evidence_of(const Manager *m, unsigned probe)
{
        const ProbeState *p = &engine_state(m->engine)->probes[probe];
        json_t *j = json_object();

        json_put(j, "name", json_string(m->config->probes[probe]->name));
        json_put(j, "verdict", json_string(verdict_name(p->verdict)));
        json_put(j, "window", window_to_json(m, probe));
        json_put(j, "message", json_string_or_null(engine_message(m->engine, probe)));
        json_put(j, "verdict_since", steady_timestamp(m, p->verdict_since));
        json_put(j, "last_fail", steady_timestamp(m, p->last_fail));
        return j;
}

json_t *status_evidence(const Manager *m)
{
        json_t *j = json_object(), *probes = json_array();
        char hold[DURATION_SIZE];

        for (unsigned i = 0; i < m->config->n_probes; i++)
                if (is_required(m->config, i))
                        json_add(probes, evidence_of(m, i));
        json_put(j, "probes", probes);
        json_put(j, "hold", json_string(duration_print(hold, engine_state(m->engine)->hold)));
        json_put(j, "tilt", json_boolean(engine_tilt(m->engine, manager_now(m))));
        json_put(j, "blind", json_boolean(schedule_blind(engine_schedule(m->engine))));
        json_put(j, "durable", json_boolean(store_is_durable(m->store)));
        return json_whole(j);
}

/* --- words --- */

static const char *get(const json_t *j, const char *key)
{
        const char *s = json_string_value(json_object_get(j, key));

        return s ? s : "";
}

static void explain_rule(const json_t *change, Text *t)
{
        const char *rule = get(change, "rule");

        if (streq(rule, rule_name(RULE_FAILOVER)))
                text_add(t,
                         "A requirement of %s was down, so the first mode that was ready took over; no hold "
                         "applies on "
                         "the way out.\n",
                         get(change, "from"));
        else if (streq(rule, rule_name(RULE_LAST_RESORT)))
                text_add(t,
                         "A requirement of %s was down and no mode was known to be ready, so the first with "
                         "nothing "
                         "known to be down was taken.\n",
                         get(change, "from"));
        else if (streq(rule, rule_name(RULE_RETURN)))
                text_add(t,
                         "Every requirement of %s had been up, without one fail, for the hold (%s), so the "
                         "shop "
                         "returned.\n",
                         get(change, "to"), get(json_object_get(change, "evidence"), "hold"));
        else if (streq(rule, rule_name(RULE_OPERATOR)))
                text_add(t,
                         "The operator said so%s%s. Automation leaves a pinned mode alone until `failoverctl "
                         "auto`.\n",
                         get(change, "reason")[0] ? ": " : "", get(change, "reason"));
        else if (streq(rule, rule_name(RULE_FIRST_START)))
                text_add(t, "The supervisor started for the first time and took the first mode.\n");
        else if (streq(rule, rule_name(RULE_MODE_GONE)))
                text_add(t, "The stored mode was no longer in the configuration at the start, so the first "
                            "ready one was "
                            "taken.\n");
}

static void explain_evidence(const json_t *evidence, Text *t)
{
        const json_t *probes = json_object_get(evidence, "probes");
        size_t i;
        json_t *p;

        if (json_array_size(probes) > 0)
                text_add(t, "\nWhat the probes said then (newest outcome first):\n");
        json_array_foreach(probes, i, p)
        {
                text_add(t, "  %-20s %-8s %-8s %s\n", get(p, "name"), get(p, "verdict"), get(p, "window"),
                         get(p, "message"));
        }
}

static void explain_actions(const json_t *actions, Text *t)
{
        size_t i;
        json_t *a;

        if (json_array_size(actions) > 0)
                text_add(t, "\nWhat it caused:\n");
        json_array_foreach(actions, i, a)
        {
                const char *message = get(a, "message");

                text_add(t, "  %-20s %s%s%s%s%s\n", get(a, "name")[0] ? get(a, "name") : get(a, "type"),
                         get(a, "state"), get(a, "target")[0] ? ", " : "", get(a, "target"),
                         message[0] ? ": " : "", message);
        }
}

int status_explain(const json_t *change, char **ret)
{
        _cleanup_text_ Text t = {0};
        const char *from = get(change, "from");

        text_add(&t, "%s, %s to %s%s\n", get(change, "at"), from[0] ? from : "start", get(change, "to"),
                 json_is_true(json_object_get(change, "automatic")) ? " (automatic)" : "");
        text_add(&t, "Because: %s\n", get(change, "cause"));
        explain_rule(change, &t);
        explain_evidence(json_object_get(change, "evidence"), &t);
        explain_actions(json_object_get(change, "actions"), &t);
        text_add(&t, "\nConfiguration %.12s, change %s, hash %.12s, after %.12s.\n",
                 get(change, "config_hash"), get(change, "id"), get(change, "hash"), get(change, "previous"));
        return text_take(&t, ret);
}
