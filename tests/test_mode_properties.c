/* SPDX-License-Identifier: MIT */
/* The decision under random configurations and random events, against a naive second implementation that counts
 * outcomes in a list, and invariants that must hold after every single step.
 *
 * test_mode_properties [SEQUENCES [SEED]]: 1,000 events each. scripts/property --full runs a million sequences. */
#include "base/id.h"
#include "supervisor/mode.h"
#include "tests/mode_same.h"
#include "tests/test.h"

#include <time.h>

#define N_SEQUENCES 10000
#define N_EVENTS    1000
#define PROBES      6
#define MODES       4

typedef struct NaiveProbe {
        char outcomes[MODE_WINDOW_MAX + 1]; /* since the window was last emptied, oldest first: p and f */
        size_t n;
        Verdict verdict;
        uint64_t verdict_since, last_conclusive, last_fail, last_pass;
        uint64_t trouble; /* its first fail that has not settled */
} NaiveProbe;

typedef struct Sequence {
        uint64_t seed, random;
        unsigned event;

        ModeProbe probes[PROBES];
        unsigned requires[MODES][PROBES];
        bool needs[MODES][PROBES]; /* the same, once more */
        ModeMode modes[MODES];
        ModeConfig config;

        ProbeState states[PROBES];
        ModeState state;
        uint64_t now;

        NaiveProbe naive[PROBES];
        uint64_t tilt_from[N_EVENTS], tilt_until[N_EVENTS];
        size_t n_tilts;
        bool stormy;             /* clock steps all the time */
        uint64_t hold, returned; /* by a second count */
        bool last_was_return;
        uint64_t chain; /* a hash over everything that was planned */
        unsigned changes, failovers, resorts, returns;
} Sequence;

static const Sequence *current; /* for HOLDS() */

#define HOLDS(condition, ...)                                                                             \
        do {                                                                                              \
                if (!(condition)) {                                                                       \
                        fprintf(stderr, "%s:%d: not so: %s\nseed %llu, event %u, t %llu: ", __FILE__,     \
                                __LINE__, #condition, (unsigned long long) current->seed, current->event, \
                                (unsigned long long) current->now);                                       \
                        fprintf(stderr, __VA_ARGS__);                                                     \
                        fputc('\n', stderr);                                                              \
                        abort();                                                                          \
                }                                                                                         \
        } while (0)

static unsigned below(Sequence *q, unsigned n)
{
        return (unsigned) (random_next(&q->random) >> 33) % n;
}

/* --- random configurations --- */

static void random_probe(Sequence *q, ModeProbe *p)
{
        static const uint64_t intervals[] = {USEC_PER_SEC, 60 * USEC_PER_SEC, 15 * USEC_PER_MIN};

        p->window = 1 + below(q, below(q, 8) == 0 ? MODE_WINDOW_MAX : 6);
        p->fall = 1 + below(q, MIN(p->window, 5U));
        p->rise = 1 + below(q, 4);
        p->interval_usec = intervals[below(q, ELEMENTSOF(intervals))];
        p->fast_interval_usec = p->interval_usec / (1 + below(q, 12));
        p->timeout_usec = USEC_PER_SEC * (1 + below(q, 10));
        p->passive = below(q, 5) == 0;
        p->silence_usec = p->passive ? 15 * USEC_PER_MIN : MODE_SILENCE_RUNS * p->interval_usec;
}

static void random_config(Sequence *q)
{
        static const uint64_t holds[] = {0, USEC_PER_SEC, 30 * USEC_PER_SEC, 5 * USEC_PER_MIN};
        static const uint64_t windows[] = {0, USEC_PER_MIN, USEC_PER_HOUR};
        ModeConfig *c = &q->config;

        c->probes = q->probes;
        c->modes = q->modes;
        c->n_probes = 1 + below(q, PROBES);
        c->n_modes = 1 + below(q, MODES);
        for (size_t i = 0; i < c->n_probes; i++)
                random_probe(q, &q->probes[i]);
        for (size_t m = 0; m < c->n_modes; m++) {
                size_t n = 0;

                for (unsigned i = 0; i < c->n_probes; i++) {
                        q->needs[m][i] = below(q, 3) == 0;
                        if (q->needs[m][i])
                        q->requires[m][n++] = i;
                }
                q->modes[m] = (ModeMode){.requires = q->requires[m], .n_requires = n};
        }
        c->hold_usec = holds[below(q, ELEMENTSOF(holds))];
        c->flap_window_usec = windows[below(q, ELEMENTSOF(windows))];
        c->hold_max_usec = c->hold_usec * below(q, 12);
        c->max_changes_per_day = below(q, 3) == 0 ? 0 : 1 + below(q, MODE_CHANGES_MAX);
}

/* --- the second implementation of the verdict --- */

static void naive_set(NaiveProbe *p, Verdict v, uint64_t now)
{
        p->verdict = v;
        p->verdict_since = now;
        p->n = 0;
        if (v != VERDICT_DOWN)
                p->trouble = 0;
}

static void naive_outcome(NaiveProbe *p, const ModeProbe *c, Outcome outcome, uint64_t now)
{
        size_t fails = 0, passes = 0, from;

        if (outcome == OUTCOME_INCONCLUSIVE)
                return;
        p->last_conclusive = now;
        if (p->n == sizeof(p->outcomes)) {
                memmove(p->outcomes, p->outcomes + 1, p->n - 1);
                p->n--;
        }
        p->outcomes[p->n++] = outcome == OUTCOME_FAIL ? 'f' : 'p';
        if (outcome == OUTCOME_FAIL)
                p->last_fail = now;
        else
                p->last_pass = now;
        if (outcome == OUTCOME_FAIL && p->trouble == 0)
                p->trouble = now;

        for (size_t i = p->n; i > 0 && p->outcomes[i - 1] == 'p'; i--)
                passes++;
        if (passes >= c->rise) {
                naive_set(p, VERDICT_UP, p->verdict == VERDICT_UP ? p->verdict_since : now);
                return;
        }
        from = p->n > c->window ? p->n - c->window : 0;
        for (size_t i = from; i < p->n; i++)
                fails += p->outcomes[i] == 'f';
        if (fails >= c->fall && p->verdict != VERDICT_DOWN && outcome == OUTCOME_FAIL)
                naive_set(p, VERDICT_DOWN, now);
}

static void naive_time(Sequence *q)
{
        for (size_t i = 0; i < q->config.n_probes; i++) {
                NaiveProbe *p = &q->naive[i];

                if ((p->verdict != VERDICT_UNKNOWN || p->n > 0) &&
                    q->now - p->last_conclusive > q->probes[i].silence_usec)
                        naive_set(p, VERDICT_UNKNOWN, q->now);
        }
}

static bool naive_requires(const Sequence *q, unsigned mode, unsigned probe)
{
        return q->needs[mode][probe];
}

static void naive_leave(Sequence *q, unsigned from, unsigned to)
{
        for (unsigned i = 0; i < q->config.n_probes; i++)
                if (q->probes[i].passive && naive_requires(q, from, i) && !naive_requires(q, to, i))
                        naive_set(&q->naive[i], VERDICT_UNKNOWN, q->now);
}

/* The first fail of what is down among a mode's requirements; 0: nothing is. */
static uint64_t naive_trouble(const Sequence *q, unsigned mode)
{
        uint64_t first = 0;

        for (unsigned i = 0; i < q->config.n_probes; i++) {
                const NaiveProbe *p = &q->naive[i];

                if (naive_requires(q, mode, i) && p->verdict == VERDICT_DOWN &&
                    (first == 0 || p->trouble < first))
                        first = p->trouble;
        }
        return first;
}

static bool naive_any_down(const Sequence *q, unsigned mode)
{
        for (unsigned i = 0; i < q->config.n_probes; i++)
                if (naive_requires(q, mode, i) && q->naive[i].verdict == VERDICT_DOWN)
                        return true;
        return false;
}

/* All up (a passive one: not down). since: … and with a pass not older than that. */
static bool naive_ready(const Sequence *q, unsigned mode, uint64_t since)
{
        for (unsigned i = 0; i < q->config.n_probes; i++) {
                const NaiveProbe *p = &q->naive[i];

                if (!naive_requires(q, mode, i) || (q->probes[i].passive && p->verdict != VERDICT_DOWN))
                        continue;
                if (p->verdict != VERDICT_UP || p->last_pass < since)
                        return false;
        }
        return true;
}

static bool naive_well_for(const Sequence *q, unsigned mode, uint64_t hold)
{
        for (unsigned i = 0; i < q->config.n_probes; i++) {
                const NaiveProbe *p = &q->naive[i];

                if (!naive_requires(q, mode, i))
                        continue;
                if (p->last_fail != 0 && q->now - p->last_fail < hold)
                        return false;
                if (p->verdict == VERDICT_UP ? q->now - p->verdict_since < hold
                                             : p->verdict == VERDICT_DOWN || !q->probes[i].passive)
                        return false;
                if (!q->probes[i].passive && q->states[i].last == OUTCOME_INCONCLUSIVE)
                        return false;
        }
        return true;
}

/* --- invariants --- */

static void check_probes(const Sequence *q)
{
        for (size_t i = 0; i < q->config.n_probes; i++) {
                const ProbeState *p = &q->states[i];
                const ModeProbe *c = &q->probes[i];

                HOLDS(p->verdict == q->naive[i].verdict, "probe %zu is %s, counted %s", i,
                      verdict_name(p->verdict), verdict_name(q->naive[i].verdict));
                HOLDS(p->count <= c->window && p->run < c->rise && p->streak <= c->fall, "probe %zu", i);
                HOLDS(c->window == 64 || p->fails >> c->window == 0, "probe %zu", i);
                HOLDS((unsigned) __builtin_popcountll(p->fails) <= p->count, "probe %zu", i);
                HOLDS(p->verdict != VERDICT_DOWN || p->first_fail != 0, "probe %zu", i);
                HOLDS(p->verdict == VERDICT_DOWN || (unsigned) __builtin_popcountll(p->fails) < c->fall,
                      "probe %zu", i);
        }
}

static void check_bounds(const Sequence *q, const ModePlan *plan)
{
        const ModeState *s = &q->state;

        HOLDS(s->mode < q->config.n_modes && s->n_changes <= MODE_CHANGES_MAX && s->n_tilts <= MODE_TILTS_MAX,
              "mode %u", s->mode);
        HOLDS(s->hold >= q->config.hold_usec && s->hold <= MAX(q->config.hold_usec, q->config.hold_max_usec),
              "hold %llu", (unsigned long long) s->hold);
        HOLDS(plan->next > q->now, "asks to be called in the past");
        HOLDS(s->pin == MODE_NONE || s->pin == s->mode, "pinned to %u, runs %u", s->pin, s->mode);
        HOLDS(s->pin == MODE_NONE || s->pin_until > q->now, "the pin has ended");
}

/* The tilts of any ten minutes come to two at most. It is enough to look at windows that end with a tilt. */
static void check_tilt(Sequence *q)
{
        uint64_t until = q->state.tilt_until, used = 0, begin;
        bool grown = q->n_tilts > 0 && q->tilt_until[q->n_tilts - 1] >= q->now;

        if (until <= q->now || (q->n_tilts > 0 && q->tilt_until[q->n_tilts - 1] == until))
                return;
        if (!grown)
                q->tilt_from[q->n_tilts++] = q->now;
        q->tilt_until[q->n_tilts - 1] = until;
        begin = until - MODE_TILT_PERIOD_USEC;
        for (size_t i = 0; i < q->n_tilts; i++)
                if (q->tilt_until[i] > begin)
                        used += q->tilt_until[i] - MAX(q->tilt_from[i], begin);
        HOLDS(used <= MODE_TILT_BUDGET_USEC, "%llu of tilt", (unsigned long long) used);
}

static void check_change(const Sequence *q, const ModeState *before, const ModeEvent *event,
                         const ModePlan *plan)
{
        unsigned from = plan->from, to = plan->to;

        HOLDS(from == before->mode && to == q->state.mode && from != to, "%u -> %u", from, to);
        if (!plan->automatic) {
                HOLDS(event->kind == MODE_EVENT_PIN && plan->rule == RULE_OPERATOR && q->state.pin == to,
                      "rule %s", rule_name(plan->rule));
                return;
        }
        HOLDS(q->state.pin == MODE_NONE, "a pin was left by automation");
        HOLDS(before->pin == MODE_NONE || event->kind == MODE_EVENT_AUTO || before->pin_until <= q->now,
              "a pin was left by automation");
        HOLDS(!q->state.paused, "acts while paused");
        HOLDS(event->kind == MODE_EVENT_AUTO || !mode_in_tilt(&q->state, q->now), "acts in a tilt");
        HOLDS(!naive_any_down(q, to), "into a broken mode");
        if (plan->rule == RULE_RETURN) {
                HOLDS(to < from && !naive_any_down(q, from), "%u -> %u", from, to);
                HOLDS(naive_well_for(q, to, before->hold), "back too early");
                HOLDS(!before->returns_stopped || event->kind == MODE_EVENT_ACK, "returns are stopped");
                return;
        }
        HOLDS(naive_any_down(q, from), "no requirement of the left mode is down");
        HOLDS(plan->probe < q->config.n_probes && q->naive[plan->probe].verdict == VERDICT_DOWN &&
                              naive_requires(q, from, plan->probe),
              "blames %u", plan->probe);
        HOLDS(plan->since == naive_trouble(q, from), "since %llu", (unsigned long long) plan->since);
        for (unsigned m = 0; m < to; m++)
                HOLDS(m == from || !naive_ready(q, m, plan->since), "mode %u is ready and preferred", m);
        if (plan->rule == RULE_FAILOVER)
                HOLDS(naive_ready(q, to, plan->since), "into a mode that is not ready");
        for (unsigned m = 0; m < q->config.n_modes && plan->rule == RULE_LAST_RESORT; m++)
                HOLDS(m == from || !naive_ready(q, m, plan->since), "mode %u is ready", m);
}

/* The hold doubles at a failover soon after a return, and falls back when the return lasted. */
static void check_hold(Sequence *q, const ModePlan *plan)
{
        if (plan->changed && plan->rule == RULE_RETURN) {
                q->returned = q->now;
                q->last_was_return = true;
        } else if (plan->changed && plan->automatic) {
                if (q->last_was_return && q->now - q->returned < q->config.flap_window_usec)
                        q->hold = MAX(MIN(2 * q->hold, q->config.hold_max_usec), q->config.hold_usec);
                else if (q->last_was_return)
                        q->hold = q->config.hold_usec;
                q->last_was_return = false;
        }
        HOLDS(q->state.hold == q->hold, "hold %llu, counted %llu", (unsigned long long) q->state.hold,
              (unsigned long long) q->hold);
}

/* At the first fail of each requirement the other modes are asked. */
static void check_asked(const Sequence *q, const ModeState *before, const ModeEvent *event, bool troubled,
                        const ModePlan *plan)
{
        bool wanted = event->kind == MODE_EVENT_OUTCOME && event->outcome == OUTCOME_FAIL && !troubled &&
                      naive_requires(q, before->mode, event->probe);

        if (plan->changed) {
                wanted = false;
                for (unsigned i = 0; i < q->config.n_probes; i++)
                        wanted = wanted || (naive_requires(q, plan->to, i) && q->naive[i].trouble != 0);
        }

        HOLDS(plan->ask_others == wanted, "asks others: %d", plan->ask_others);
}

/* What should have happened did: nothing that is due is left undone. */
static void check_nothing_left(const Sequence *q)
{
        const ModeState *s = &q->state;

        if (s->pin != MODE_NONE || s->paused || mode_in_tilt(s, q->now))
                return;
        HOLDS(s->wants == s->mode || s->wants == MODE_NONE, "wants %u, runs %u", s->wants, s->mode);
        if (naive_any_down(q, s->mode)) {
                uint64_t since = naive_trouble(q, s->mode);

                for (unsigned m = 0; m < q->config.n_modes; m++) {
                        if (m == s->mode || naive_any_down(q, m))
                                continue;
                        HOLDS(!naive_ready(q, m, since), "stays in a broken mode; %u is ready", m);
                        break; /* open, and waited for */
                }
        } else {
                HOLDS(s->wants == s->mode, "no mode is healthy?");
                HOLDS(s->mode == 0 || s->returns_stopped || !naive_well_for(q, 0, s->hold) ||
                                      s->n_changes == 0,
                      "the first mode is well and not taken");
        }
}

/* --- one sequence --- */

static void advance(Sequence *q, uint64_t next)
{
        static const uint64_t steps[] = {0,
                                         USEC_PER_MSEC,
                                         100 * USEC_PER_MSEC,
                                         USEC_PER_SEC,
                                         5 * USEC_PER_SEC,
                                         60 * USEC_PER_SEC,
                                         11 * USEC_PER_MIN,
                                         5 * USEC_PER_HOUR};
        unsigned kind = below(q, 100);

        if (q->stormy &&
            kind < 97) /* tilts of full length, then many short ones while those leave the period */
                q->now += (q->event % 40 < 7 ? 100 : 1 + below(q, 2)) * USEC_PER_SEC;
        else if (kind < 10 && next != USEC_NEVER)
                q->now = MAX(q->now, next - (kind < 3 ? 1 : 0));
        else if (kind < 98)
                q->now += steps[below(q, 6)] * (1 + below(q, 3));
        else
                q->now += steps[6 + below(q, 2)];
}

/* Probes are well or ill for a while, so that verdicts fall and stand. */
static Outcome random_outcome(Sequence *q, unsigned probe, uint64_t *ill)
{
        static const unsigned shares[] = {2, 50, 95};
        unsigned health = (unsigned) (*ill >> (2 * probe)) & 3;

        if (below(q, 25) == 0)
                *ill ^= UINT64_C(1) << (2 * probe + below(q, 2));
        if (below(q, 12) == 0)
                return OUTCOME_INCONCLUSIVE;
        if (below(q, 100) < shares[health % 3])
                return OUTCOME_FAIL;
        return below(q, 10) == 0 ? OUTCOME_WARN : OUTCOME_PASS;
}

static ModeEvent random_event(Sequence *q, uint64_t *ill)
{
        ModeEvent e = {.kind = MODE_EVENT_OUTCOME};
        unsigned kind = below(q, q->stormy ? 1000 : 200);

        if (kind >= 200) {
                e.kind = MODE_EVENT_TILT;
        } else if (kind < 30) {
                e.kind = MODE_EVENT_TIME;
        } else if (kind < 193) {
                e.probe = below(q, (unsigned) q->config.n_probes);
                e.outcome = random_outcome(q, e.probe, ill);
        } else if (kind == 193) {
                e.kind = MODE_EVENT_PIN;
                e.mode = below(q, (unsigned) q->config.n_modes + 1);
                if (e.mode == q->config.n_modes)
                        e.mode = MODE_NONE;
                e.for_usec = below(q, 2) ? USEC_PER_MIN * (1 + below(q, 20)) : 0;
        } else {
                static const ModeEventKind others[] = {MODE_EVENT_TILT,   MODE_EVENT_AUTO,   MODE_EVENT_AUTO,
                                                       MODE_EVENT_RESUME, MODE_EVENT_RESUME, MODE_EVENT_ACK};

                e.kind = others[kind - 194];
                if (e.kind == MODE_EVENT_ACK && below(q, 2))
                        e.kind = MODE_EVENT_PAUSE;
        }
        return e;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
        return (hash ^ value) * UINT64_C(0x100000001b3);
}

static uint64_t one_event(Sequence *q, uint64_t *ill)
{
        ModeEvent event = random_event(q, ill);
        ModeState before = q->state;
        ModePlan plan;
        bool troubled = q->naive[event.probe].trouble != 0;
        int r;

        r = mode_step(&q->state, &event, q->now, &q->config, &plan);
        if (r < 0) {
                HOLDS(r == -EAGAIN && event.kind == MODE_EVENT_PIN && event.mode == MODE_NONE, "%d", r);
                HOLDS(state_same(&before, &q->state), "refused, yet changed");
                return USEC_NEVER;
        }
        if (event.kind == MODE_EVENT_TIME)
                naive_time(q);
        else if (event.kind == MODE_EVENT_OUTCOME)
                naive_outcome(&q->naive[event.probe], &q->probes[event.probe], event.outcome, q->now);
        if (plan.changed) {
                check_change(q, &before, &event, &plan);
                naive_leave(q, plan.from, plan.to);
                q->changes++;
                q->failovers += plan.rule == RULE_FAILOVER;
                q->resorts += plan.rule == RULE_LAST_RESORT;
                q->returns += plan.rule == RULE_RETURN;
        } else {
                HOLDS(q->state.mode == before.mode, "changed in silence");
        }
        check_asked(q, &before, &event, troubled, &plan);
        check_hold(q, &plan);
        check_probes(q);
        check_bounds(q, &plan);
        check_tilt(q);
        if (event.kind == MODE_EVENT_TIME && !plan.changed)
                check_nothing_left(q);
        q->chain = mix(mix(mix(q->chain, q->now), plan.changed ? plan.to + 2 * plan.rule : 99), plan.next);
        return plan.next;
}

static void sequence_run(Sequence *q, uint64_t seed)
{
        uint64_t next = USEC_NEVER, ill = 0;

        memset(q, 0, sizeof(*q));
        current = q;
        q->seed = q->random = seed;
        q->now = 1767225600 * USEC_PER_SEC;
        random_config(q);
        q->hold = q->config.hold_usec;
        q->stormy = below(q, 8) == 0;
        mode_init(&q->state, q->states, q->now, &q->config);
        for (q->event = 0; q->event < N_EVENTS; q->event++) {
                next = one_event(q, &ill);
                advance(q, next);
        }
}

int main(int argc, char **argv)
{
        unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : N_SEQUENCES;
        uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
        unsigned long changes = 0, failovers = 0, resorts = 0, returns = 0;
        static Sequence q, again;

        for (unsigned long i = 0; i < n; i++) {
                sequence_run(&q, seed + i);
                changes += q.changes;
                failovers += q.failovers;
                resorts += q.resorts;
                returns += q.returns;
                if (i % 16 != 0)
                        continue;
                sequence_run(&again, seed + i);
                HOLDS(q.chain == again.chain && q.changes == again.changes,
                      "the same inputs give another chain");
        }
        printf("%lu sequences of %d events: %lu changes, of them %lu failovers, %lu last resorts, %lu "
               "returns\n",
               n, N_EVENTS, changes, failovers, resorts, returns);
        CHECK(n < 1000 || (failovers > n && returns > n / 10 && resorts > n / 10));
        return 0;
}
