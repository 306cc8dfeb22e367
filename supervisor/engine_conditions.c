/* SPDX-License-Identifier: MIT */
/* The engine's alerts: which conditions stand, and in which words. */
#include "supervisor/engine_private.h"

void engine_describe_blocks(const Engine *e, unsigned mode, char *buffer, size_t size)
{
        const ModeSettings *m = &e->config->modes[mode];
        size_t used = 0;

        buffer[0] = 0;
        for (size_t i = 0; i < m->n_requires && used < size - 1; i++) {
                unsigned probe = m->requires[i];
                const EngineProbe *p = &e->probes[probe];
                Verdict verdict = e->state.probes[probe].verdict;
                /* What is down is so because of its fails, whatever the first passes say. */
                const char *message = verdict == VERDICT_DOWN && p->trouble ? p->trouble : p->message;
                int n;

                if (requirement_readiness(&e->state, mode, probe, &e->config->mode) == READY)
                        continue;
                n = snprintf(buffer + used, size - used, "%s%s is %s%s%s", used > 0 ? ", " : "",
                             e->config->probes[probe]->name, verdict_name(verdict), message ? ": " : "",
                             message ? message : "");
                used += n < 0 ? 0 : (size_t) n;
        }
}

static void condition_no_mode(Engine *e, uint64_t now)
{
        bool standing = e->state.wants == MODE_NONE;
        char blocks[256], text[512] = "";
        size_t used = 0;

        if (standing)
                used += (size_t) snprintf(text, sizeof(text), "no mode is healthy");
        for (unsigned m = 0; standing && m < e->config->n_modes && used < sizeof(text) - 1; m++) {
                engine_describe_blocks(e, m, blocks, sizeof(blocks));
                used += (size_t) snprintf(text + used, sizeof(text) - used, "; %s: %s",
                                          e->config->modes[m].name, blocks);
        }
        alarms_set(&e->alarms, ALARM_NO_MODE, NULL, standing, text, now);
}

static void condition_fallbacks(Engine *e, uint64_t now)
{
        for (unsigned m = 1; m < e->config->n_modes; m++) {
                const char *name = e->config->modes[m].name;
                bool standing = m != e->state.mode &&
                                mode_readiness(&e->state, m, &e->config->mode, NULL) != READY;
                char blocks[256], text[400] = "";

                if (standing) {
                        engine_describe_blocks(e, m, blocks, sizeof(blocks));
                        snprintf(text, sizeof(text), "fallback %s is not ready: %s", name, blocks);
                }
                alarms_set(&e->alarms, ALARM_FALLBACK, name, standing, text, now);
        }
}

static void condition_pin(Engine *e, uint64_t now)
{
        unsigned pin = e->state.pin;
        bool standing = pin != MODE_NONE &&
                        mode_readiness(&e->state, pin, &e->config->mode, NULL) == READY_BROKEN;
        char blocks[256], text[400] = "";

        if (standing) {
                engine_describe_blocks(e, pin, blocks, sizeof(blocks));
                snprintf(text, sizeof(text), "pinned to %s, which does not work: %s",
                         e->config->modes[pin].name, blocks);
        }
        alarms_set(&e->alarms, ALARM_PIN, NULL, standing, text, now);
}

static void on_alarm(const Alarm *alarm, bool raised, void *userdata)
{
        Engine *e = userdata;

        e->telling = true;
        e->output.alarm(alarm, raised, e->output.userdata);
        e->telling = false;
}

void engine_conditions(Engine *e, uint64_t now, uint64_t wall)
{
        char text[160];

        condition_no_mode(e, now);
        condition_fallbacks(e, now);
        condition_pin(e, now);
        snprintf(text, sizeof(text), "returns are stopped until `ack`: %u automatic changes in 24 h",
                 e->state.n_changes);
        alarms_set(&e->alarms, ALARM_RETURNS, NULL, e->state.returns_stopped, text, now);
        alarms_set(&e->alarms, ALARM_BLIND, NULL, schedule_blind(e->schedule),
                   "no reference can be reached: outages outside cannot be told from our own", now);

        alarms_check(&e->alarms, now, wall, on_alarm, e);
        if (e->alarm_turns == e->alarms.turns)
                return;
        e->alarm_turns = e->alarms.turns;
        engine_tell_remember(e);
}

/* --- what a configuration dropped --- */

static bool keep_mode_alarm(const char *subject, void *userdata)
{
        return config_find_mode(userdata, subject) != MODE_NONE;
}

static bool keep_probe_alarm(const char *subject, void *userdata)
{
        return config_find_probe(userdata, subject) != PROBE_NONE;
}

static bool keep_action_alarm(const char *subject, void *userdata)
{
        const Config *c = userdata;

        for (size_t i = 0; i < c->n_actions; i++)
                if (streq(c->actions[i]->name, subject))
                        return true;
        return false;
}

/* Alerts about what is no longer configured end. */
void engine_forget_alarms(Engine *e)
{
        void *config = (void *) (uintptr_t) e->config;

        alarms_forget(&e->alarms, ALARM_FALLBACK, keep_mode_alarm, config);
        alarms_forget(&e->alarms, ALARM_WARN, keep_probe_alarm, config);
        alarms_forget(&e->alarms, ALARM_ACTION, keep_action_alarm, config);
        alarms_forget(&e->alarms, ALARM_FAILING, keep_action_alarm, config);
}
