/* SPDX-License-Identifier: MIT */
/* check-config: units that a mode requires while an action keeps them stopped. */
#include "base/unit.h"
#include "supervisor/check_private.h"

static bool is_stopped_by(const Reach *r)
{
        return r->kind == REACH_UNIT && r->action != ACTION_NONE && strstr(r->key, ".stop");
}

/* As written, with or without ".service". */
static bool is_same_unit(const Reach *a, const Reach *b)
{
        char name_a[UNIT_NAME_SIZE], name_b[UNIT_NAME_SIZE];

        return unit_name(a->name, name_a, NULL) >= 0 && unit_name(b->name, name_b, NULL) >= 0 &&
               streq(name_a, name_b);
}

/* The first mode in which the action runs, and with which m is not ready; NULL: none. */
static const char *mode_of(const Config *c, const ActionConfig *a, const ModeSettings *m)
{
        if (config_action_runs_in(a, m->name))
                return m->name;
        for (size_t i = 0; i < c->n_modes; i++)
                if (config_action_runs_in(a, c->modes[i].name))
                        return c->modes[i].name;
        return NULL;
}

static void tell(Check *k, const Reach *stopped, unsigned probe)
{
        const ActionConfig *a = k->c->actions[stopped->action];

        for (size_t i = 0; i < k->c->n_modes; i++) {
                const ModeSettings *m = &k->c->modes[i];
                const char *in = m->needs[probe] ? mode_of(k->c, a, m) : NULL;
                Finding *x;

                if (!in)
                        continue;
                x = findings_add(k->f, FINDING_WARNING, "required-unit-stopped", NULL, stopped->key,
                                 "action `%s` stops `%s` in `%s`, and `%s` requires it (probe `%s`)", a->name,
                                 stopped->name, in, m->name, k->c->probes[probe]->name);
                finding_means(k->f, x, "while the shop runs in `%s`, `%s` is not ready, and is never taken",
                              in, m->name);
                finding_advises(k->f, x, "leave running what a mode requires; stop what none does");
                return;
        }
}

void check_units(Check *k)
{
        for (size_t i = 0; i < k->reaches.count; i++) {
                const Reach *stopped = &k->reaches.items[i];

                if (!is_stopped_by(stopped))
                        continue;
                for (size_t n = 0; n < k->reaches.count; n++) {
                        const Reach *r = &k->reaches.items[n];

                        if (r->kind == REACH_UNIT && r->probe != PROBE_NONE && k->required[r->probe] &&
                            is_same_unit(r, stopped)) {
                                tell(k, stopped, r->probe);
                                break;
                        }
                }
        }
}
