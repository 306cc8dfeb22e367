/* SPDX-License-Identifier: MIT */
/* What verdicts and the mode mean for the public. */
#include "supervisor/components.h"

static const char *const state_names[_COMPONENT_MAX] = {
                [COMPONENT_OPERATIONAL] = "operational", [COMPONENT_DEGRADED] = "degraded",
                [COMPONENT_PARTIAL] = "partial",         [COMPONENT_DOWN] = "down",
                [COMPONENT_MAINTENANCE] = "maintenance", [COMPONENT_UNKNOWN] = "unknown",
};

const char *component_state_name(ComponentState s)
{
        assert(s < _COMPONENT_MAX);
        return state_names[s];
}

int component_state_from_name(const char *s)
{
        for (int i = 0; i < _COMPONENT_MAX; i++)
                if (streq(s, state_names[i]))
                        return i;
        return -EINVAL;
}

/* How much a state weighs against another. */
static unsigned rank(ComponentState s)
{
        static const unsigned ranks[_COMPONENT_MAX] = {
                        [COMPONENT_OPERATIONAL] = 0, [COMPONENT_DEGRADED] = 1, [COMPONENT_UNKNOWN] = 2,
                        [COMPONENT_PARTIAL] = 3,     [COMPONENT_DOWN] = 4,     [COMPONENT_MAINTENANCE] = 5,
        };

        return ranks[s];
}

/* As far as it can be seen. */
static Verdict probe_seen(const Config *c, const ModeState *state, bool blind, unsigned probe)
{
        const ProbeConfig *p = c->probes[probe];
        Verdict v = state->probes[probe].verdict;

        if (blind && p->scope == SCOPE_EXTERNAL)
                return VERDICT_UNKNOWN;
        return v == VERDICT_UNKNOWN && p->type->passive ? VERDICT_UP : v;
}

ComponentState component_judge(const Config *c, const ModeState *state, bool blind, unsigned component)
{
        const ComponentConfig *own = &c->components[component];
        const ModeSettings *mode = &c->modes[state->mode];
        const unsigned *probes = own->n_probes > 0 ? own->probes : mode->requires;
        size_t n = own->n_probes > 0 ? own->n_probes : mode->n_requires, counted = 0, down = 0, unseen = 0;
        int impact = own->impact[state->mode];
        bool needed = false; /* by the mode, and down */
        ComponentState seen = COMPONENT_OPERATIONAL;

        for (size_t i = 0; i < n; i++) {
                bool is_required = mode->needs[probes[i]];
                Verdict v = probe_seen(c, state, blind, probes[i]);

                if (impact >= 0 && c->required[probes[i]] && !is_required)
                        continue;
                counted++;
                down += v == VERDICT_DOWN;
                unseen += v == VERDICT_UNKNOWN;
                needed = needed || (is_required && v == VERDICT_DOWN);
        }
        if (down > 0)
                seen = needed || down == counted ? COMPONENT_DOWN : COMPONENT_PARTIAL;
        else if (unseen > 0)
                seen = COMPONENT_UNKNOWN;
        return impact >= 0 && rank((ComponentState) impact) > rank(seen) ? (ComponentState) impact : seen;
}

const char *selling_name(Selling s)
{
        static const char *const names[] = {
                        [SELLING_AS_USUAL] = "as-usual",
                        [SELLING_BACKUP] = "backup",
                        [SELLING_ELSEWHERE] = "elsewhere",
                        [SELLING_HAMPERED] = "hampered",
                        [SELLING_NOT] = "not",
                        [SELLING_UNKNOWN] = "unknown",
        };

        assert((size_t) s < ELEMENTSOF(names));
        return names[s];
}

static bool another_may_follow(const Config *c, const ModeState *state)
{
        if (state->pin != MODE_NONE || state->paused)
                return false;
        for (unsigned m = 0; m < c->n_modes; m++)
                if (m != state->mode && mode_readiness(state, m, &c->mode, NULL) != READY_BROKEN)
                        return true;
        return false;
}

Selling selling_judge(const Config *c, const ModeState *state, bool blind)
{
        const ModeSettings *mode = &c->modes[state->mode];
        bool unseen = false;

        for (size_t i = 0; i < mode->n_requires; i++) {
                Verdict v = probe_seen(c, state, blind, mode->requires[i]);

                if (v == VERDICT_DOWN)
                        return another_may_follow(c, state) ? SELLING_HAMPERED : SELLING_NOT;
                unseen = unseen || v == VERDICT_UNKNOWN;
        }
        if (unseen)
                return SELLING_UNKNOWN;
        if (state->mode == 0)
                return SELLING_AS_USUAL;
        return streq(mode->payment, "federated") ? SELLING_ELSEWHERE : SELLING_BACKUP;
}
