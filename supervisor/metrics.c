/* SPDX-License-Identifier: MIT */
/* What Prometheus is told; names as in docs/operations.md. */
#include "base/metrics.h"

#include "base/child.h"
#include "supervisor/metrics.h"
#include "supervisor/public_record.h"
#include "supervisor/tally.h"

static void add_modes(const Manager *m, Text *t)
{
        const ModeState *s = engine_state(m->engine);

        metric_family(t, "failoverd_mode", "gauge",
                      "1 for the mode that the shop runs in, 0 for the others.");
        for (unsigned i = 0; i < m->config->n_modes; i++)
                metric_sample(t, "failoverd_mode", s->mode == i,
                              (const char *const[]){"mode", m->config->modes[i].name, NULL});
        metric_family(t, "failoverd_mode_ready", "gauge", "1 for a mode that the shop could run in now.");
        for (unsigned i = 0; i < m->config->n_modes; i++)
                metric_sample(t, "failoverd_mode_ready",
                              mode_readiness(s, i, &m->config->mode, NULL) == READY,
                              (const char *const[]){"mode", m->config->modes[i].name, NULL});
}

static void add_probes(const Manager *m, Text *t)
{
        const ModeState *s = engine_state(m->engine);
        const Schedule *schedule = engine_schedule(m->engine);

        metric_family(t, "failoverd_probe_success", "gauge", "1 when the last outcome was pass or warn.");
        for (unsigned i = 0; i < m->config->n_probes; i++)
                if (engine_history(m->engine, i)[0])
                        metric_sample(t, "failoverd_probe_success",
                                      s->probes[i].last == OUTCOME_PASS || s->probes[i].last == OUTCOME_WARN,
                                      (const char *const[]){"probe", m->config->probes[i]->name, NULL});
        metric_family(t, "failoverd_probe_duration_seconds", "gauge", "How long the last run took.");
        for (unsigned i = 0; i < m->config->n_probes; i++)
                if (schedule_latency(schedule, i) > 0)
                        metric_sample(t, "failoverd_probe_duration_seconds",
                                      (double) schedule_latency(schedule, i) / (double) USEC_PER_SEC,
                                      (const char *const[]){"probe", m->config->probes[i]->name, NULL});
        metric_family(t, "failoverd_probe_verdict", "gauge",
                      "1 for the verdict on the probe, 0 for the others.");
        for (unsigned i = 0; i < m->config->n_probes; i++)
                for (Verdict v = 0; v < _VERDICT_MAX; v++)
                        metric_sample(t, "failoverd_probe_verdict", s->probes[i].verdict == v,
                                      (const char *const[]){"probe", m->config->probes[i]->name, "verdict",
                                                            verdict_name(v), NULL});
        metric_family(t, "failoverd_probe_runs_total", "counter", "Runs begun since the supervisor started.");
        for (unsigned i = 0; i < m->config->n_probes; i++)
                metric_sample(t, "failoverd_probe_runs_total", (double) schedule_runs(schedule, i),
                              (const char *const[]){"probe", m->config->probes[i]->name, NULL});
}

/* For those who hold their own alerts while work is announced. */
static void add_components(const Manager *m, Text *t)
{
        metric_family(t, "failoverd_component_state", "gauge",
                      "1 for the state in which readers of the status page see it, 0 for the others.");
        for (unsigned i = 0; i < m->config->n_components; i++)
                for (ComponentState s = 0; s < _COMPONENT_MAX; s++)
                        metric_sample(t, "failoverd_component_state", tally_state(m->tally, i) == s,
                                      (const char *const[]){"component", m->config->components[i].id, "state",
                                                            component_state_name(s), NULL});
        metric_family(t, "failoverd_maintenance", "gauge", "1 while work is announced to go on.");
        metric_sample(t, "failoverd_maintenance", maintenances_any(&m->record->bulletins) != NULL, NULL);
}

static void add_action(const char *type, const char *result, uint64_t n, void *userdata)
{
        metric_sample(userdata, "failoverd_actions_total", (double) n,
                      (const char *const[]){"type", type, "result", result, NULL});
}

static void add_one(Text *t, const char *name, const char *type, const char *help, double value)
{
        metric_family(t, name, type, help);
        metric_sample(t, name, value, NULL);
}

int metrics_text(const Manager *m, char **ret)
{
        const ModeState *s = engine_state(m->engine);
        _cleanup_text_ Text t = {0};
        size_t alerts = 0;

        for (size_t i = 0; i < engine_alarms(m->engine)->n; i++)
                alerts += engine_alarms(m->engine)->items[i].raised;

        metric_family(&t, "failoverd_build_info", "gauge",
                      "Always 1; the labels tell which program this is.");
        metric_sample(&t, "failoverd_build_info", 1, (const char *const[]){"version", PROJECT_VERSION, NULL});
        add_modes(m, &t);
        add_probes(m, &t);
        add_components(m, &t);
        add_one(&t, "failoverd_changes_total", "counter", "Changes of mode since the supervisor started.",
                (double) engine_changes(m->engine));
        metric_family(&t, "failoverd_actions_total", "counter", "Attempts of actions, by what came of them.");
        outbox_count(m->outbox, add_action, &t);
        add_one(&t, "failoverd_outbox_pending", "gauge", "Deliveries that are not done yet.",
                (double) outbox_pending(m->outbox));
        lateness_metric(&m->lateness, &t);
        add_one(&t, "failoverd_alerts", "gauge", "Alerts that stand now.", (double) alerts);
        add_one(&t, "failoverd_durable", "gauge", "1 while everything decided is saved.",
                manager_is_durable(m));
        add_one(&t, "failoverd_blind", "gauge", "1 while no reference outside can be reached.",
                schedule_blind(engine_schedule(m->engine)));
        add_one(&t, "failoverd_tilt", "gauge", "1 while automation rests after a clock step or a stall.",
                engine_tilt(m->engine, manager_now(m)));
        add_one(&t, "failoverd_pinned", "gauge", "1 while the operator has pinned a mode.",
                s->pin != MODE_NONE);
        add_one(&t, "failoverd_paused", "gauge", "1 while automation is paused.", s->paused);
        add_one(&t, "failoverd_returns_stopped", "gauge", "1 while returns wait for `failoverctl ack`.",
                s->returns_stopped);
        add_one(&t, "failoverd_children_lingering", "gauge",
                "Killed child processes that the kernel still holds.", child_lingering());
        return text_take(&t, ret);
}
