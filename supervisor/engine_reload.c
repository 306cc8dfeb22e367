/* SPDX-License-Identifier: MIT */
/* The engine at a reload: an old one hands what it knows to a new one. */
#include "supervisor/engine_private.h"

int engine_check_reload(const Engine *e, const Config *config, Error *error)
{
        const ModeSettings *modes = e->config->modes;

        if (config_find_mode(config, modes[e->state.mode].name) == MODE_NONE)
                return error_set(error, -EBUSY, "the shop runs in mode %s, which the new file does not have",
                                 modes[e->state.mode].name);
        if (e->state.pin != MODE_NONE && config_find_mode(config, modes[e->state.pin].name) == MODE_NONE)
                return error_set(error, -EBUSY, "mode %s is pinned, and the new file does not have it",
                                 modes[e->state.pin].name);
        return 0;
}

static void carry_over_probes(Engine *e, Engine *old, const unsigned *from)
{
        for (size_t i = 0; i < e->config->n_probes; i++) {
                if (from[i] == PROBE_NONE)
                        continue;
                e->probe_states[i] = old->probe_states[from[i]];
                e->probes[i] = old->probes[from[i]];
                old->probes[from[i]] = (EngineProbe){0};
        }
}

uint64_t engine_hold(const Config *config, uint64_t hold)
{
        const FailbackConfig *f = &config->failback;

        return MAX(MIN(hold, f->hold_max_usec), f->hold_usec);
}

static void carry_over_mode(Engine *e, Engine *old)
{
        const ModeSettings *modes = old->config->modes;
        ProbeState *probes = e->state.probes;

        e->state = old->state;
        e->state.probes = probes;
        e->state.mode = config_find_mode(e->config, modes[old->state.mode].name);
        if (old->state.pin != MODE_NONE)
                e->state.pin = config_find_mode(e->config, modes[old->state.pin].name);
        e->state.hold = engine_hold(e->config,
                                    old->state.hold > old->config->failback.hold_usec ? old->state.hold : 0);
}

/* What held attempts had to say: of probes that go on. */
static void carry_over_messages(Engine *e, Engine *old)
{
        for (EngineMessage *m = TAKE_PTR(old->messages), *next; m; m = next) {
                size_t i = 0;

                next = m->next;
                while (i < e->config->n_probes && e->from[i] != m->probe)
                        i++;
                if (i == e->config->n_probes) {
                        free(m);
                        continue;
                }
                m->probe = (unsigned) i;
                m->next = e->messages;
                e->messages = m;
        }
}

void engine_carry_over(Engine *e, Engine *old)
{
        for (size_t i = 0; i < e->config->n_probes; i++) {
                const ProbeConfig *c = e->config->probes[i];

                e->from[i] = config_find_probe(old->config, c->name);
                if (e->from[i] != PROBE_NONE &&
                    memcmp(old->config->probes[e->from[i]]->hash, c->hash, sizeof(c->hash)) != 0)
                        e->from[i] = PROBE_NONE;
        }
        carry_over_probes(e, old, e->from);
        carry_over_mode(e, old);
        schedule_carry_over(e->schedule, old->schedule, e->from);

        carry_over_messages(e, old);
        e->alarms = old->alarms;
        old->alarms = (Alarms){0};
        e->cause = TAKE_PTR(old->cause);
        memcpy(e->change_id, old->change_id, ID_SIZE);
        e->since_wall = old->since_wall;
        e->n_changes = old->n_changes;
        e->random = old->random;
        e->offset = old->offset;
        e->woken = old->woken;
        e->expected = old->expected;
}
