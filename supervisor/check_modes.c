/* SPDX-License-Identifier: MIT */
/* check-config: which mode is taken when a requirement fails, and modes that disappoint: never reached, ready without
 * having been asked, left for the wrong reason. */
#include "supervisor/check_private.h"

/* The modes that require each probe, in order: those of probe p are list[from[p]] to list[from[p + 1] - 1]. */
typedef struct Users {
        size_t *from;
        unsigned *list;
} Users;

static void users_clear(Users *u)
{
        free(u->from);
        free(u->list);
}

static int users_make(const Config *c, Users *ret)
{
        Users u = {.from = calloc(c->n_probes + 2, sizeof(*u.from))};
        size_t n = 0;

        for (size_t m = 0; m < c->n_modes; m++)
                n += c->modes[m].n_requires;
        u.list = calloc(n + 1, sizeof(*u.list));
        if (!u.from || !u.list) {
                users_clear(&u);
                return -ENOMEM;
        }
        /* Counted two places further on, summed up to where each begins, and moved one on by being filled. */
        for (size_t m = 0; m < c->n_modes; m++)
                for (size_t i = 0; i < c->modes[m].n_requires; i++)
                        u.from[c->modes[m].requires[i] + 2]++;
        for (size_t p = 2; p < c->n_probes + 2; p++)
                u.from[p] += u.from[p - 1];
        for (unsigned m = 0; m < c->n_modes; m++)
                for (size_t i = 0; i < c->modes[m].n_requires; i++)
                        u.list[u.from[c->modes[m].requires[i] + 1]++] = m;
        *ret = u;
        return 0;
}

/* --- modes that are never reached --- */

/* Does mode m require all that a mode before it requires? Then that one is ready whenever m is, and preferred. */
static unsigned shadow_of(const Config *c, unsigned m, unsigned *stamp)
{
        const ModeSettings *mode = &c->modes[m];

        for (size_t i = 0; i < mode->n_requires; i++)
                stamp[mode->requires[i]] = m + 1;
        for (unsigned before = 0; before < m; before++) {
                const ModeSettings *b = &c->modes[before];
                size_t i = 0;

                while (i < b->n_requires && stamp[b->requires[i]] == m + 1)
                        i++;
                if (i == b->n_requires)
                        return before;
        }
        return MODE_NONE;
}

static void tell_shadowed(Check *k, unsigned m, unsigned by)
{
        const ModeSettings *mode = &k->c->modes[m], *shadow = &k->c->modes[by];
        char key[64];
        Finding *x;

        if (shadow->n_requires == 0)
                return; /* told of the one that requires nothing */
        snprintf(key, sizeof(key), "modes[%u].requires", m);
        x = findings_add(k->f, FINDING_WARNING, "mode-never-reached", NULL, key,
                         "modes: `%s` is never reached: it requires all that `%s` requires, which is "
                         "preferred",
                         mode->name, shadow->name);
        finding_means(k->f, x, "whatever takes the shop out of `%s` keeps it out of `%s`, too", shadow->name,
                      mode->name);
        finding_advises(k->f, x, "put `%s` before `%s`, or take a requirement that both have out of it",
                        mode->name, shadow->name);
}

static int check_shadows(Check *k)
{
        _cleanup_free_ unsigned *stamp = calloc(k->c->n_probes + 1, sizeof(*stamp));

        if (!stamp)
                return -ENOMEM;
        for (unsigned m = 1; m < k->c->n_modes; m++) {
                unsigned by = shadow_of(k->c, m, stamp);

                k->shadowed[m] = by != MODE_NONE;
                if (by != MODE_NONE)
                        tell_shadowed(k, m, by);
        }
        return 0;
}

/* --- modes and what they require --- */

static void check_requirements(Check *k)
{
        const Config *c = k->c;
        char key[64];
        Finding *x;

        for (unsigned m = 0; m < c->n_modes; m++) {
                const ModeSettings *mode = &c->modes[m];
                size_t passive = 0;

                for (size_t i = 0; i < mode->n_requires; i++) {
                        const ProbeConfig *p = c->probes[mode->requires[i]];

                        passive += p->type->passive;
                        if (!p->vantage)
                                continue;
                        snprintf(key, sizeof(key), "modes[%u].requires[%zu]", m, i);
                        x = findings_add(k->f, FINDING_WARNING, "mode-requires-reference", NULL, key,
                                         "modes: `%s` requires `%s`, which is a reference", mode->name,
                                         p->name);
                        finding_means(k->f, x,
                                      "when our own uplink is away, the reference fails, and `%s` is left "
                                      "for "
                                      "nothing",
                                      mode->name);
                        finding_advises(k->f, x, "require what the shop needs; `vantage` vouches by itself");
                }
                if (mode->n_requires == 0 || passive < mode->n_requires)
                        continue;
                snprintf(key, sizeof(key), "modes[%u].requires", m);
                x = findings_add(k->f, FINDING_WARNING, "mode-asks-nothing", NULL, key,
                                 "modes: `%s` requires passive probes only, so it is ready without having "
                                 "been "
                                 "asked",
                                 mode->name);
                finding_means(k->f, x, "the shop may go there, and find it as broken as the mode it left");
                finding_advises(k->f, x, "require a probe that is run, too");
        }
}

static bool is_shown(const Config *c, unsigned probe)
{
        for (size_t i = 0; i < c->n_components; i++)
                for (size_t n = 0; n < c->components[i].n_probes; n++)
                        if (c->components[i].probes[n] == probe)
                                return true;
        return false;
}

static void note_unused(Check *k)
{
        char names[256] = "", key[128];
        size_t used = 0, n = 0, first = 0;
        Finding *x;

        for (size_t i = 0; i < k->c->n_probes; i++) {
                const ProbeConfig *p = k->c->probes[i];

                if (k->required[i] || p->vantage || is_shown(k->c, (unsigned) i))
                        continue;
                if (n++ == 0)
                        first = i;
                if (n <= 4 && used < sizeof(names) - 80)
                        used += (size_t) snprintf(names + used, sizeof(names) - used, "%s`%s`%s",
                                                  n > 1 ? ", " : "", p->name,
                                                  p->type->passive             ? " (passive)"
                                                  : p->scope == SCOPE_EXTERNAL ? " (external)"
                                                                               : "");
        }
        if (n == 0)
                return;
        if (n > 4)
                snprintf(names + used, sizeof(names) - used, " and %zu more", n - 4);
        snprintf(key, sizeof(key), "probes.%s", k->c->probes[first]->name);
        x = findings_add(k->f, FINDING_NOTE, "probe-unused", NULL, key, "no mode requires %s", names);
        finding_means(k->f, x, "%s",
                      n == 1 ? "it is shown in `status`, and switches nothing"
                             : "they are shown in `status`, and switch nothing");
        finding_advises(k->f, x, "put it into a mode's `requires`, if the shop needs it");
}

/* --- what is taken when a requirement fails --- */

/* The first mode after m that does without the probe: those before m are down already, or m would not run. */
static unsigned target_of(const Check *k, const Users *u, unsigned m, unsigned probe)
{
        size_t i = u->from[probe], end = u->from[probe + 1];

        while (i < end && u->list[i] <= m)
                i++;
        for (unsigned to = m + 1; to < k->c->n_modes; to++) {
                if (i < end && u->list[i] == to)
                        i++;
                else if (!k->shadowed[to])
                        return to;
        }
        return MODE_NONE;
}

static int make_rows(Check *k)
{
        const Config *c = k->c;
        CheckReport *report = k->report;
        Users u = {0};
        size_t n = 0;

        for (unsigned m = 0; m < c->n_modes; m++)
                n += c->modes[m].n_requires;
        report->rows = calloc(n + 1, sizeof(*report->rows));
        if (!report->rows || users_make(c, &u) < 0)
                return -ENOMEM;
        for (unsigned m = 0; m < c->n_modes; m++)
                for (size_t i = 0; i < c->modes[m].n_requires && !k->shadowed[m]; i++) {
                        unsigned probe = c->modes[m].requires[i];

                        report->rows[report->n_rows++] = (CheckRow){
                                        .mode = m, .probe = probe, .to = target_of(k, &u, m, probe)};
                }
        users_clear(&u);
        return 0;
}

/* What takes the last resort with it. */
static void check_nothing_left(Check *k)
{
        const Config *c = k->c;
        char key[128];
        Finding *x;

        for (size_t i = 0; i < k->report->n_rows && c->n_modes > 1; i++) {
                const CheckRow *row = &k->report->rows[i];
                const char *name = c->probes[row->probe]->name;

                if (row->mode != 0 || row->to != MODE_NONE)
                        continue;
                snprintf(key, sizeof(key), "probes.%s", name);
                x = findings_add(k->f, FINDING_WARNING, "nothing-left", NULL, key,
                                 "no mode is left when `%s` fails: every mode requires it", name);
                finding_means(k->f, x, "the shop stays in `%s`, and buyers cannot pay", c->modes[0].name);
                finding_advises(k->f, x,
                                "add a mode that does without it: {name: federated, requires: [peers]}, say");
        }
}

int check_modes(Check *k)
{
        const Config *c = k->c;
        int r;

        for (size_t i = 0; i < c->n_probes; i++)
                k->fallback[i] = MODE_NONE;
        for (unsigned m = 0; m < c->n_modes; m++)
                for (size_t i = 0; i < c->modes[m].n_requires; i++) {
                        unsigned probe = c->modes[m].requires[i];

                        k->required[probe] = true;
                        k->first[probe] = k->first[probe] || m == 0;
                        if (m > 0)
                                k->fallback[probe] = MIN(k->fallback[probe], m);
                }
        r = check_shadows(k);
        if (r >= 0)
                r = make_rows(k);
        if (r < 0)
                return r;
        check_nothing_left(k);
        check_requirements(k);
        note_unused(k);
        return 0;
}
