/* SPDX-License-Identifier: MIT */
/* check-config: how long each failover and return takes, and which key makes one slower than the operator believes. */
#include "base/clock.h"
#include "supervisor/check_private.h"

#define TIMES_MAX 200 /* kinds of rows that are measured: a few milliseconds each */
#define BLAME_MAX 10  /* kinds for which a better value is looked for */

/* Slow: trouble may last longer than three intervals, and than what nobody minds; or so long that everybody does. */
#define SLOW_INTERVALS     3
#define SLOW_AT_LEAST_USEC (30 * USEC_PER_SEC)
#define SLOW_ALWAYS_USEC   (5 * USEC_PER_MIN)

/* What the times depend on. Compared as bytes: no padding that is not zeroed. */
typedef struct Pace {
        uint64_t interval_usec, fast_interval_usec, timeout_usec;
        unsigned fall, window, rise;
        unsigned traits;
} Pace;

static Pace pace_of(const ProbeConfig *p)
{
        Pace pace;

        memset(&pace, 0, sizeof(pace));
        pace.interval_usec = p->interval_usec;
        pace.fast_interval_usec = p->fast_interval_usec;
        pace.timeout_usec = p->timeout_usec;
        pace.fall = p->fall;
        pace.window = p->window;
        pace.rise = p->rise;
        pace.traits = (unsigned) (p->scope == SCOPE_EXTERNAL) | (unsigned) p->vantage << 1 |
                      (unsigned) p->type->single << 2 | (unsigned) p->type->passive << 3 |
                      (unsigned) (probe_silence(p->type, p->conf) != OUTCOME_FAIL) << 4;
        return pace;
}

static int compare_paces(const void *a, const void *b, void *userdata)
{
        const Pace *paces = userdata;

        return memcmp(&paces[*(const unsigned *) a], &paces[*(const unsigned *) b], sizeof(Pace));
}

/* Numbers: probes with the same one have the same pace. */
static unsigned *paces_number(const Config *c)
{
        _cleanup_free_ Pace *paces = calloc(c->n_probes + 1, sizeof(*paces));
        _cleanup_free_ unsigned *order = calloc(c->n_probes + 1, sizeof(*order));
        unsigned *numbers = calloc(c->n_probes + 1, sizeof(*numbers));

        if (!paces || !order || !numbers) {
                free(numbers);
                return NULL;
        }
        for (unsigned i = 0; i < c->n_probes; i++) {
                paces[i] = pace_of(c->probes[i]);
                order[i] = i;
        }
        qsort_r(order, c->n_probes, sizeof(*order), compare_paces, paces);
        for (size_t i = 1; i < c->n_probes; i++)
                numbers[order[i]] = numbers[order[i - 1]] +
                                    (memcmp(&paces[order[i]], &paces[order[i - 1]], sizeof(Pace)) != 0);
        return numbers;
}

/* Of what a mode requires, the probe whose answer may take longest. */
static unsigned slowest_of(const Config *c, unsigned mode)
{
        const ModeSettings *m = &c->modes[mode];
        unsigned slowest = PROBE_NONE;

        for (size_t i = 0; i < m->n_requires; i++) {
                const ProbeConfig *p = c->probes[m->requires[i]];

                if (!p->type->passive &&
                    (slowest == PROBE_NONE || p->timeout_usec > c->probes[slowest]->timeout_usec))
                slowest = m->requires[i];
        }
        return slowest;
}

/* --- measuring --- */

typedef struct Kind {
        unsigned probe, fallback; /* numbers of their paces; PROBE_NONE: no fallback to wait for */
        size_t row;               /* the first of it */
        bool measured;
        Measure times;
} Kind;

typedef struct Times {
        Check *k;
        unsigned *paces;
        unsigned *slowest; /* by mode */
        Kind *kinds;
        unsigned n_kinds, n_blamed;
        Finding *fallback; /* of the first that a slow fallback was blamed for, … */
        const char *slow;  /* … the probe of that name */
        size_t n_left;     /* rows that are not measured */
} Times;

static const ProbeConfig *fallback_of(const Times *t, const CheckRow *row)
{
        unsigned slowest = t->slowest[row->to];

        return slowest == PROBE_NONE ? NULL : t->k->c->probes[slowest];
}

/* UINT_MAX: one too many to measure. */
static unsigned kind_find(Times *t, size_t row)
{
        const CheckRow *r = &t->k->report->rows[row];
        unsigned fallback = r->to == MODE_NONE ? PROBE_NONE : t->slowest[r->to];
        Kind kind = {.probe = t->paces[r->probe],
                     .fallback = fallback == PROBE_NONE ? PROBE_NONE : t->paces[fallback],
                     .row = row};

        for (unsigned i = 0; i < t->n_kinds; i++)
                if (t->kinds[i].probe == kind.probe && t->kinds[i].fallback == kind.fallback)
                        return i;
        if (t->n_kinds == TIMES_MAX)
                return UINT_MAX;
        t->kinds[t->n_kinds] = kind;
        return t->n_kinds++;
}

static int measure_rows(Times *t)
{
        CheckReport *report = t->k->report;

        for (size_t i = 0; i < report->n_rows; i++) {
                CheckRow *row = &report->rows[i];
                unsigned number;
                Kind *kind;
                int r;

                /* Without another mode nothing is taken, and there is nothing to measure. */
                number = row->to == MODE_NONE ? UINT_MAX : kind_find(t, i);
                t->n_left += row->to != MODE_NONE && number == UINT_MAX;
                if (number == UINT_MAX)
                        continue;
                kind = &t->kinds[number];
                if (!kind->measured) {
                        r = measure(t->k->c, t->k->c->probes[row->probe], fallback_of(t, row), &kind->times);
                        if (r < 0)
                                return r;
                        kind->measured = true;
                }
                row->measured = true;
                row->times = kind->times;
        }
        return 0;
}

/* --- slower than the operator believes --- */

static uint64_t worst_of(const Measure *m)
{
        uint64_t worst = m->fail.worst_usec == USEC_NEVER ? 0 : m->fail.worst_usec;

        if (!m->silent && m->hang.worst_usec != USEC_NEVER)
                worst = MAX(worst, m->hang.worst_usec);
        return worst;
}

/* One key changed to a usual value. */
typedef struct Remedy {
        const char *name; /* the probe's */
        const char *key;
        char was[DURATION_SIZE], better[DURATION_SIZE];
        uint64_t worst_usec;
} Remedy;

typedef struct Trial {
        const Config *c;
        ProbeConfig probe, fallback;
        bool has_fallback;
        Remedy best;
} Trial;

/* Tries the trial as it stands now. */
static void remedy_try(Trial *t, const char *name, const char *key, const char *was, const char *better)
{
        Measure m;

        if (measure(t->c, &t->probe, t->has_fallback ? &t->fallback : NULL, &m) < 0 ||
            worst_of(&m) >= t->best.worst_usec)
                return;
        t->best = (Remedy){.name = name, .key = key, .worst_usec = worst_of(&m)};
        snprintf(t->best.was, sizeof(t->best.was), "%s", was);
        snprintf(t->best.better, sizeof(t->best.better), "%s", better);
}

static void remedy_try_duration(Trial *t, const char *name, const char *key, uint64_t *usec, uint64_t better)
{
        char was_text[DURATION_SIZE], better_text[DURATION_SIZE];
        uint64_t was = *usec;

        if (better >= was || better == 0)
                return;
        *usec = better;
        remedy_try(t, name, key, duration_print(was_text, was), duration_print(better_text, better));
        *usec = was;
}

static void remedy_try_fall(Trial *t)
{
        char was_text[DURATION_SIZE];
        unsigned fall = t->probe.fall;

        if (fall <= 3)
                return;
        snprintf(was_text, sizeof(was_text), "%u", fall);
        t->probe.fall = 3;
        remedy_try(t, t->probe.name, "fall", was_text, "3");
        t->probe.fall = fall;
}

/* The one key whose usual value helps most. */
static bool remedy_find(const Times *times, const CheckRow *row, Remedy *ret)
{
        const ProbeConfig *fallback = fallback_of(times, row);
        uint64_t worst = worst_of(&row->times);
        Trial t = {.c = times->k->c,
                   .probe = *times->k->c->probes[row->probe],
                   .has_fallback = fallback != NULL};
        ProbeConfig *p = &t.probe;

        t.best.worst_usec = worst - worst / 10; /* less help is none */
        if (fallback)
                t.fallback = *fallback;
        remedy_try_duration(&t, p->name, "timeout", &p->timeout_usec, 5 * USEC_PER_SEC);
        remedy_try_duration(&t, p->name, "fast_interval", &p->fast_interval_usec,
                            MIN(5 * USEC_PER_SEC, p->interval_usec / 10));
        remedy_try_duration(&t, p->name, "interval", &p->interval_usec,
                            MAX(USEC_PER_MIN, p->fast_interval_usec));
        remedy_try_fall(&t);
        if (fallback)
                remedy_try_duration(&t, t.fallback.name, "timeout", &t.fallback.timeout_usec,
                                    5 * USEC_PER_SEC);
        *ret = t.best;
        return t.best.key != NULL;
}

static bool is_slow(const CheckRow *row, const ProbeConfig *p)
{
        uint64_t worst = worst_of(&row->times);

        return worst > SLOW_ALWAYS_USEC || worst > MAX(SLOW_INTERVALS * p->interval_usec, SLOW_AT_LEAST_USEC);
}

/* Nobody minds fractions. */
static const char *format_seconds(char buffer[static DURATION_SIZE], uint64_t usec)
{
        return duration_format(buffer,
                               usec < USEC_PER_MIN ? usec
                                                   : (usec + USEC_PER_SEC / 2) / USEC_PER_SEC * USEC_PER_SEC);
}

static void tell_slow(Times *t, const CheckRow *row)
{
        const Config *c = t->k->c;
        const ProbeConfig *p = c->probes[row->probe];
        char worst[DURATION_SIZE], interval[DURATION_SIZE], key[160];
        Remedy remedy;
        bool found = t->n_blamed++ < BLAME_MAX && remedy_find(t, row, &remedy);
        Finding *x;

        if (found && t->slow && streq(t->slow, remedy.name)) {
                findings_another(t->k->f, t->fallback);
                return;
        }
        snprintf(key, sizeof(key), "probes.%s.%s", found ? remedy.name : p->name,
                 found ? remedy.key : "interval");
        x = findings_add(t->k->f, FINDING_WARNING, "slow-failover", NULL, key,
                         "probe `%s`: up to %s from the first trouble to `%s`, though it is asked every %s",
                         p->name, format_seconds(worst, worst_of(&row->times)), c->modes[row->to].name,
                         duration_print(interval, p->interval_usec));
        finding_means(t->k->f, x, "so long buyers cannot pay, and nothing seems to happen");
        if (found)
                finding_advises(t->k->f, x, "`%s: %s` of `%s` is to blame; with `%s: %s` it is %s",
                                remedy.key, remedy.was, remedy.name, remedy.key, remedy.better,
                                format_seconds(worst, remedy.worst_usec));
        else
                finding_advises(t->k->f, x, "shorten interval, fast_interval and timeout, or lower fall");
        if (x && found && !streq(remedy.name, p->name)) {
                t->fallback = x;
                t->slow = c->probes[t->slowest[row->to]]->name;
        }
}

/* --- single keys --- */

static void check_timeout(Times *t, const ProbeConfig *p, bool slow)
{
        char timeout[DURATION_SIZE], interval[DURATION_SIZE], key[160];
        Finding *x;

        if (slow || p->timeout_usec <= p->interval_usec)
                return;
        snprintf(key, sizeof(key), "probes.%s.timeout", p->name);
        x = findings_add(t->k->f, FINDING_WARNING, "timeout-over-interval", NULL, key,
                         "probe `%s`: timeout (%s) is longer than interval (%s)", p->name,
                         duration_print(timeout, p->timeout_usec),
                         duration_print(interval, p->interval_usec));
        finding_means(t->k->f, x, "a target that hangs is given up only %s after it was asked", timeout);
        finding_advises(t->k->f, x, "write a timeout of at most %s", interval);
}

static void check_fast(Times *t, const ProbeConfig *p, bool slow)
{
        char fast[DURATION_SIZE], better[DURATION_SIZE], key[160];
        Finding *x;

        if (slow || p->fall == 1 || 2 * p->fast_interval_usec <= p->interval_usec ||
            p->interval_usec < SLOW_AT_LEAST_USEC)
                return;
        snprintf(key, sizeof(key), "probes.%s.fast_interval", p->name);
        x = findings_add(t->k->f, FINDING_WARNING, "fast-interval-is-slow", NULL, key,
                         "probe `%s`: fast_interval (%s) is hardly shorter than interval", p->name,
                         duration_print(fast, p->fast_interval_usec));
        finding_means(t->k->f, x, "after the first fail it takes %u more of them until the shop fails over",
                      p->fall - 1);
        finding_advises(t->k->f, x, "fast_interval: %s",
                        duration_print(better, MIN(5 * USEC_PER_SEC, p->interval_usec / 10)));
}

static void check_silence(Times *t, const ProbeConfig *p)
{
        uint64_t silence = ((const PassiveConf *) p->conf)->max_silence_usec;
        char text[DURATION_SIZE], key[160];
        Finding *x;

        if (p->fall == 1 || silence >= 2 * USEC_PER_MIN)
                return;
        snprintf(key, sizeof(key), "probes.%s.max_silence", p->name);
        x = findings_add(t->k->f, FINDING_WARNING, "silence-too-short", NULL, key,
                         "probe `%s`: after %s without a report it forgets those before", p->name,
                         duration_print(text, silence));
        finding_means(t->k->f, x, "bad checkouts further apart than that never add up to `fall: %u`",
                      p->fall);
        finding_advises(t->k->f, x, "max_silence: 15m");
}

static void check_hold(Times *t)
{
        const Config *c = t->k->c;
        const FailbackConfig *fb = &c->failback;
        const ProbeConfig *longest = NULL;
        char hold[DURATION_SIZE], interval[DURATION_SIZE];
        Finding *x;

        for (size_t i = 0; i < t->k->report->n_rows; i++) {
                const CheckRow *row = &t->k->report->rows[i];
                const ProbeConfig *p = c->probes[row->probe];

                if (row->to != MODE_NONE && !p->type->passive &&
                    (!longest || p->interval_usec > longest->interval_usec))
                        longest = p;
        }
        if (!longest)
                return;
        if (fb->hold_usec < longest->interval_usec) {
                x = findings_add(t->k->f, FINDING_WARNING, "hold-too-short", NULL, "failback.hold",
                                 "failback: hold (%s) is shorter than the interval (%s) of probe `%s`",
                                 duration_print(hold, fb->hold_usec),
                                 duration_print(interval, longest->interval_usec), longest->name);
                finding_means(t->k->f, x,
                              "the shop returns on %u pass%s in a row, and before it is asked at its regular "
                              "pace "
                              "again: it may go back and forth",
                              longest->rise, longest->rise == 1 ? "" : "es");
                finding_advises(t->k->f, x, "hold: %s",
                                duration_print(hold, MAX(5 * USEC_PER_MIN, 2 * longest->interval_usec)));
        }
        if (fb->hold_max_usec < fb->hold_usec) {
                x = findings_add(t->k->f, FINDING_WARNING, "hold-max-below-hold", NULL, "failback.hold_max",
                                 "failback: hold_max (%s) is shorter than hold, so the hold is never doubled",
                                 duration_print(hold, fb->hold_max_usec));
                finding_means(t->k->f, x, "what flaps goes on flapping at the same pace");
                finding_advises(t->k->f, x, "let hold_max be some times as long as hold");
        }
        if (fb->max_changes_per_day == 1) {
                x = findings_add(t->k->f, FINDING_WARNING, "returns-stop-at-once", NULL,
                                 "failback.max_changes_per_day",
                                 "failback: max_changes_per_day is 1: the first failover of a day stops "
                                 "returns");
                finding_means(t->k->f, x,
                              "the shop stays in its fallback until somebody says `failoverctl ack`");
                finding_advises(t->k->f, x, "2 for one outage with its return; 6 is usual");
        }
}

/* Each pace once, by the first probe of it. */
static int check_paces(Times *t)
{
        const Config *c = t->k->c;
        _cleanup_free_ bool *seen = calloc(c->n_probes + 1, sizeof(*seen));
        _cleanup_free_ bool *slow = calloc(c->n_probes + 1, sizeof(*slow));

        if (!seen || !slow)
                return -ENOMEM;
        for (unsigned i = 0; i < t->n_kinds; i++) {
                const CheckRow *row = &t->k->report->rows[t->kinds[i].row];
                const ProbeConfig *p = c->probes[row->probe];

                if (p->type->passive || slow[t->kinds[i].probe] || !is_slow(row, p))
                        continue;
                slow[t->kinds[i].probe] = true;
                tell_slow(t, row);
        }
        for (unsigned i = 0; i < c->n_probes; i++) {
                const ProbeConfig *p = c->probes[i];
                unsigned pace = t->paces[i];

                if (!t->k->required[i])
                        continue;
                if (p->type->passive)
                        check_silence(t, p); /* not a matter of pace alone */
                else if (!seen[pace]) {
                        check_timeout(t, p, slow[pace]);
                        check_fast(t, p, slow[pace]);
                }
                seen[pace] = true;
        }
        return 0;
}

static int times_run(Times *t)
{
        Finding *x;
        int r = measure_rows(t);

        if (r >= 0)
                r = check_paces(t);
        if (r < 0)
                return r;
        check_hold(t);
        if (t->n_left == 0)
                return 0;
        x = findings_add(t->k->f, FINDING_NOTE, "times-left-out", NULL, "probes",
                         "times of %zu requirements are not measured: there are more than %d different "
                         "settings",
                         t->n_left, TIMES_MAX);
        finding_advises(t->k->f, x, "try them by `failoverctl simulate`");
        return 0;
}

int check_times(Check *k)
{
        Times t = {.k = k,
                   .paces = paces_number(k->c),
                   .slowest = calloc(k->c->n_modes + 1, sizeof(*t.slowest)),
                   .kinds = calloc(TIMES_MAX, sizeof(*t.kinds))};
        int r = -ENOMEM;

        if (t.paces && t.slowest && t.kinds) {
                for (unsigned m = 0; m < k->c->n_modes; m++)
                        t.slowest[m] = slowest_of(k->c, m);
                r = times_run(&t);
        }
        free(t.paces);
        free(t.slowest);
        free(t.kinds);
        return r;
}
