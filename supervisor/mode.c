/* SPDX-License-Identifier: MIT */
/* The decision: outcomes become verdicts, verdicts decide the mode. */
#include "supervisor/mode.h"

/* --- verdicts ------------------------------------------------------------------------------------------------ */

static void window_empty(ProbeState *p)
{
        p->fails = 0;
        p->count = 0;
        p->run = 0;
}

static void window_push(ProbeState *p, bool fail, const ModeProbe *c)
{
        uint64_t mask = c->window >= 64 ? UINT64_MAX : (UINT64_C(1) << c->window) - 1;

        p->fails = ((p->fails << 1) | (fail ? 1 : 0)) & mask;
        if (p->count < c->window)
                p->count++;
}

static void verdict_set(ProbeState *p, Verdict v, uint64_t now)
{
        p->verdict = v;
        p->verdict_since = now;
        window_empty(p);
}

static void outcome_pass(ProbeState *p, uint64_t now, const ModeProbe *c, ModePlan *plan)
{
        p->last_pass = now;
        p->streak = 0;
        window_push(p, false, c);
        if (++p->run < c->rise)
                return;

        /* `rise` passes in a row settle it, at any time: the fails of two separate blips never add up. */
        plan->settled = true;
        p->first_fail = 0;
        if (p->verdict == VERDICT_UP)
                window_empty(p);
        else
                verdict_set(p, VERDICT_UP, now);
}

static void outcome_fail(ProbeState *p, uint64_t now, const ModeProbe *c, ModePlan *plan)
{
        unsigned fails;

        p->last_fail = now;
        p->run = 0;
        if (p->streak < c->fall)
                p->streak++;
        if (p->first_fail == 0)
                p->first_fail = now;
        window_push(p, true, c);

        fails = (unsigned) __builtin_popcountll(p->fails);
        if (p->verdict == VERDICT_DOWN) {
                /* Down and failing as before: whatever passes came between are over. */
                plan->settled = p->streak >= c->fall;
                return;
        }
        if (fails >= c->fall) {
                p->down_fails = fails;
                verdict_set(p, VERDICT_DOWN, now);
                plan->settled = true;
        }
}

static void outcome_enter(ProbeState *p, Outcome outcome, uint64_t now, const ModeProbe *c, ModePlan *plan)
{
        Verdict before = p->verdict;

        p->last = outcome;
        if (outcome == OUTCOME_INCONCLUSIVE)
                return;
        p->last_conclusive = now;
        if (outcome == OUTCOME_FAIL)
                outcome_fail(p, now, c, plan);
        else
                outcome_pass(p, now, c, plan);
        plan->verdict_changed = p->verdict != before;
}

/* A passive probe speaks only for the mode that requires it, and only while somebody reports. */
static void verdict_forget(ProbeState *p, uint64_t now)
{
        verdict_set(p, VERDICT_UNKNOWN, now);
        p->first_fail = 0;
        p->streak = 0;
}

static void verdicts_expire(ModeState *s, uint64_t now, const ModeConfig *config)
{
        for (size_t i = 0; i < config->n_probes; i++) {
                ProbeState *p = &s->probes[i];

                if (p->verdict == VERDICT_UNKNOWN && p->count == 0)
                        continue;
                if (now - p->last_conclusive > config->probes[i].silence_usec)
                        verdict_forget(p, now);
        }
}

/* --- readiness ----------------------------------------------------------------------------------------------- */

static bool mode_requires(const ModeMode *m, unsigned probe)
{
        for (size_t i = 0; i < m->n_requires; i++)
                if (m->requires[i] == probe)
                        return true;
        return false;
}

Readiness requirement_readiness(const ModeState *state, unsigned mode, unsigned probe,
                                const ModeConfig *config)
{
        const ProbeState *p = &state->probes[probe];
        uint64_t since = mode == state->mode ? 0 : state->trouble;

        if (p->verdict == VERDICT_DOWN)
                return READY_BROKEN;
        if (config->probes[probe].passive)
                return READY; /* it only votes against */
        if (p->verdict == VERDICT_UP && p->last_pass >= since)
                return READY;
        return READY_OPEN;
}

Readiness mode_readiness(const ModeState *state, unsigned mode, const ModeConfig *config, unsigned *ret_probe)
{
        const ModeMode *m = &config->modes[mode];
        Readiness worst = READY;
        unsigned probe = PROBE_NONE;

        for (size_t i = 0; i < m->n_requires; i++) {
                Readiness r = requirement_readiness(state, mode, m->requires[i], config);

                if (r > worst) {
                        worst = r;
                        probe = m->requires[i];
                }
        }
        if (ret_probe)
                *ret_probe = probe;
        return worst;
}

/* Until when a mode whose requirements are still open is waited for. */
static uint64_t open_until(const ModeState *s, const ModeMode *m, const ModeConfig *config)
{
        uint64_t longest = 0;

        for (size_t i = 0; i < m->n_requires; i++) {
                const ModeProbe *c = &config->probes[m->requires[i]];

                if (!c->passive)
                        longest = MAX(longest, c->timeout_usec + c->rise * c->fast_interval_usec);
        }
        return s->trouble + longest;
}

static unsigned first_down(const ModeState *s, unsigned mode, const ModeConfig *config)
{
        const ModeMode *m = &config->modes[mode];

        for (size_t i = 0; i < m->n_requires; i++) {
                unsigned probe = m->requires[i];

                if (s->probes[probe].verdict == VERDICT_DOWN)
                        return probe;
        }
        return PROBE_NONE;
}

/* Since when every requirement is up without a conclusive fail; 0 when one is not. */
static uint64_t well_since(const ModeState *s, unsigned mode, const ModeConfig *config)
{
        const ModeMode *m = &config->modes[mode];
        uint64_t since = 1;

        for (size_t i = 0; i < m->n_requires; i++) {
                const ProbeState *p = &s->probes[m->requires[i]];
                bool passive = config->probes[m->requires[i]].passive;

                if (p->verdict == VERDICT_DOWN || (p->verdict == VERDICT_UNKNOWN && !passive))
                        return 0;
                if (p->verdict == VERDICT_UP)
                        since = MAX(since, p->verdict_since);
                since = MAX(since, p->last_fail);
        }
        return since;
}

/* The trouble of the mode that runs: the earliest first fail of a requirement that is down; while none is, of one that
 * has not settled. One that fails now and then for hours must not make hours-old passes of a fallback count. */
static uint64_t trouble_of(const ModeState *s, const ModeConfig *config)
{
        const ModeMode *m = &config->modes[s->mode];
        bool down = first_down(s, s->mode, config) != PROBE_NONE;
        uint64_t earliest = 0;

        for (size_t i = 0; i < m->n_requires; i++) {
                const ProbeState *p = &s->probes[m->requires[i]];

                if (p->first_fail == 0 || (down && p->verdict != VERDICT_DOWN))
                        continue;
                if (earliest == 0 || p->first_fail < earliest)
                        earliest = p->first_fail;
        }
        return earliest;
}

/* --- the rule ------------------------------------------------------------------------------------------------ */

typedef struct Decision {
        unsigned to; /* the mode that runs when nothing is to be done; MODE_NONE: no mode is healthy */
        ModeRule rule;
        unsigned probe;
        uint64_t next; /* when time alone may change the decision */
        uint64_t return_at;
} Decision;

/* The way out of a mode that is down: no hold applies. */
static void decide_failover(const ModeState *s, unsigned probe, uint64_t now, const ModeConfig *config,
                            Decision *d)
{
        unsigned resort = MODE_NONE;

        d->probe = probe;
        for (unsigned m = 0; m < config->n_modes; m++) {
                Readiness readiness;
                uint64_t until;

                if (m == s->mode)
                        continue;
                readiness = mode_readiness(s, m, config, NULL);
                if (readiness == READY) {
                        d->to = m;
                        d->rule = RULE_FAILOVER;
                        return;
                }
                if (readiness == READY_BROKEN)
                        continue;
                until = open_until(s, &config->modes[m], config);
                if (now < until) {
                        d->next = until; /* it has just been asked: a less preferred one waits */
                        return;
                }
                if (resort == MODE_NONE)
                        resort = m;
        }
        d->to = resort;
        if (resort != MODE_NONE)
                d->rule = RULE_LAST_RESORT;
}

/* Is the newest word of each requirement a pass that we heard ourselves? What was well when it was stored may have failed
 * since, while nobody looked; and while we are blind, the mode holds. */
static bool seen_well(const ModeState *s, unsigned mode, const ModeConfig *config)
{
        const ModeMode *m = &config->modes[mode];

        for (size_t i = 0; i < m->n_requires; i++) {
                const ProbeState *p = &s->probes[m->requires[i]];

                if (!config->probes[m->requires[i]].passive &&
                    (p->last_pass < s->began || p->last == OUTCOME_INCONCLUSIVE))
                        return false;
        }
        return true;
}

/* The way back to the best mode that is well; one in its hold is not overtaken by a lesser one. */
static void decide_return(const ModeState *s, uint64_t now, const ModeConfig *config, Decision *d)
{
        for (unsigned m = 0; m < s->mode; m++) {
                uint64_t since = well_since(s, m, config);

                if (since == 0)
                        continue;
                d->return_at = since + s->hold;
                if (now < d->return_at) {
                        d->next = d->return_at;
                        return;
                }
                if (!seen_well(s, m, config))
                        return; /* its next word decides */
                d->to = m;
                d->rule = RULE_RETURN;
                return;
        }
}

static void decide(const ModeState *s, uint64_t now, const ModeConfig *config, Decision *ret)
{
        unsigned probe = first_down(s, s->mode, config);
        Decision d = {.to = s->mode, .rule = RULE_NONE, .probe = PROBE_NONE, .next = USEC_NEVER};

        if (probe != PROBE_NONE)
                decide_failover(s, probe, now, config, &d);
        else
                decide_return(s, now, config, &d);
        *ret = d;
}

/* --- changes and their damping ------------------------------------------------------------------------------- */

static void changes_forget(ModeState *s, uint64_t now)
{
        unsigned old = 0;

        while (old < s->n_changes && now - s->changes[old] >= USEC_PER_DAY)
                old++;
        memmove(s->changes, s->changes + old, (s->n_changes - old) * sizeof(s->changes[0]));
        s->n_changes -= old;
}

static void changes_count(ModeState *s, uint64_t now, const ModeConfig *config)
{
        changes_forget(s, now);
        if (s->n_changes == MODE_CHANGES_MAX) {
                memmove(s->changes, s->changes + 1, (MODE_CHANGES_MAX - 1) * sizeof(s->changes[0]));
                s->n_changes--;
        }
        s->changes[s->n_changes++] = now;
        if (config->max_changes_per_day > 0 && s->n_changes >= config->max_changes_per_day)
                s->returns_stopped = true; /* until `ack`; failovers never stop */
}

static void damp(ModeState *s, ModeRule rule, uint64_t now, const ModeConfig *config)
{
        if (rule == RULE_RETURN) {
                s->last_return = now;
                s->last_was_return = true;
        } else {
                if (s->last_was_return && now - s->last_return < config->flap_window_usec)
                        s->hold = MIN(s->hold * 2, MAX(config->hold_max_usec, config->hold_usec));
                else if (s->last_was_return)
                        s->hold = config->hold_usec; /* the return has lasted */
                s->last_was_return = false;
        }
        changes_count(s, now, config);
}

static void change(ModeState *s, const Decision *d, uint64_t now, const ModeConfig *config, ModePlan *plan)
{
        const ModeMode *from = &config->modes[s->mode], *to = &config->modes[d->to];

        plan->changed = true;
        plan->from = s->mode;
        plan->to = d->to;
        plan->rule = d->rule;
        plan->probe = d->probe;
        plan->since = d->probe == PROBE_NONE ? 0 : s->trouble;
        plan->automatic = d->rule == RULE_FAILOVER || d->rule == RULE_LAST_RESORT || d->rule == RULE_RETURN;

        for (size_t i = 0; i < from->n_requires; i++)
                if (config->probes[from->requires[i]].passive && !mode_requires(to, from->requires[i]))
                        verdict_forget(&s->probes[from->requires[i]], now);

        s->mode = d->to;
        s->mode_since = now;
        s->trouble = trouble_of(s, config);
        plan->ask_others = s->trouble !=
                           0; /* from doubt into doubt: its first fail asked nobody, nobody needed it */
        if (plan->automatic)
                damp(s, d->rule, now, config);
}

/* --- tilt ---------------------------------------------------------------------------------------------------- */

bool mode_in_tilt(const ModeState *state, uint64_t now)
{
        return now < state->tilt_until;
}

static uint64_t tilt_used(const ModeState *s, uint64_t now)
{
        uint64_t begin = now > MODE_TILT_PERIOD_USEC ? now - MODE_TILT_PERIOD_USEC : 0, used = 0;

        for (unsigned i = 0; i < s->n_tilts; i++) {
                uint64_t from = MAX(s->tilts[i].from, begin), until = MIN(s->tilts[i].until, now);

                if (until > from)
                        used += until - from;
        }
        return used;
}

static void tilt(ModeState *s, uint64_t now)
{
        uint64_t used = tilt_used(s, now), length;

        length = used >= MODE_TILT_BUDGET_USEC ? 0 : MIN(MODE_TILT_USEC, MODE_TILT_BUDGET_USEC - used);
        if (length == 0 || now + length <= s->tilt_until)
                return;
        if (mode_in_tilt(s, now)) {
                s->tilts[s->n_tilts - 1].until = now + length;
        } else {
                if (s->n_tilts == MODE_TILTS_MAX) {
                        /* The two oldest become one that spans both: the budget may be spent early, never twice. */
                        s->tilts[1].from = s->tilts[0].from;
                        memmove(s->tilts, s->tilts + 1, (MODE_TILTS_MAX - 1) * sizeof(s->tilts[0]));
                        s->n_tilts--;
                }
                s->tilts[s->n_tilts++] = (ModeTilt){.from = now, .until = now + length};
        }
        s->tilt_until = now + length;
}

/* --- one event ----------------------------------------------------------------------------------------------- */

void mode_init(ModeState *state, ProbeState *probes, uint64_t now, const ModeConfig *config)
{
        memset(probes, 0, config->n_probes * sizeof(*probes));
        *state = (ModeState){
                        .probes = probes,
                        .began = now,
                        .mode_since = now,
                        .pin = MODE_NONE,
                        .pin_until = USEC_NEVER,
                        .hold = config->hold_usec,
        };
        for (size_t i = 0; i < config->n_probes; i++)
                probes[i].last = OUTCOME_INCONCLUSIVE;
}

static void on_outcome(ModeState *s, const ModeEvent *event, uint64_t now, const ModeConfig *config,
                       ModePlan *plan)
{
        ProbeState *p = &s->probes[event->probe];
        bool well;

        assert(event->probe < config->n_probes);

        well = p->first_fail == 0;
        outcome_enter(p, event->outcome, now, &config->probes[event->probe], plan);
        if (event->outcome == OUTCOME_INCONCLUSIVE || !mode_requires(&config->modes[s->mode], event->probe))
                return;
        plan->ask_others = event->outcome == OUTCOME_FAIL && well;
        s->trouble = trouble_of(s, config);
}

static int on_pin(ModeState *s, const ModeEvent *event, uint64_t now, const ModeConfig *config,
                  ModePlan *plan)
{
        unsigned mode = event->mode;

        for (unsigned m = 1; mode == MODE_NONE && m < config->n_modes; m++)
                if (mode_readiness(s, m, config, NULL) == READY)
                        mode = m;
        if (mode == MODE_NONE)
                return -EAGAIN;
        assert(mode < config->n_modes);

        s->pin = mode;
        s->pin_until = USEC_NEVER;
        if (event->for_usec > 0 && event->for_usec < USEC_NEVER - now)
                s->pin_until = now + event->for_usec;
        if (s->mode != mode) {
                Decision d = {.to = mode, .rule = RULE_OPERATOR, .probe = PROBE_NONE};

                change(s, &d, now, config, plan);
        }
        return 0;
}

static void unpin(ModeState *s)
{
        s->pin = MODE_NONE;
        s->pin_until = USEC_NEVER;
}

static void on_ack(ModeState *s)
{
        s->returns_stopped = false;
        s->n_changes = 0;
}

static int apply_event(ModeState *s, const ModeEvent *event, uint64_t now, const ModeConfig *config,
                       ModePlan *plan)
{
        switch (event->kind) {
        case MODE_EVENT_TIME:
                verdicts_expire(s, now, config);
                s->trouble = trouble_of(s, config);
                break;
        case MODE_EVENT_OUTCOME:
                on_outcome(s, event, now, config, plan);
                break;
        case MODE_EVENT_TILT:
                tilt(s, now);
                break;
        case MODE_EVENT_PIN:
                return on_pin(s, event, now, config, plan);
        case MODE_EVENT_AUTO:
                unpin(s);
                break;
        case MODE_EVENT_PAUSE:
                s->paused = true;
                break;
        case MODE_EVENT_RESUME:
                s->paused = false;
                break;
        case MODE_EVENT_ACK:
                on_ack(s);
                break;
        }
        return 0;
}

/* May automation act on the decision now? If time alone will allow it, next says when. */
static bool automation_may(const ModeState *s, const ModeEvent *event, const Decision *d, uint64_t now,
                           uint64_t *next)
{
        if (s->pin != MODE_NONE || s->paused)
                return false;
        if (mode_in_tilt(s, now) && event->kind != MODE_EVENT_AUTO) {
                *next = MIN(*next, s->tilt_until);
                return false;
        }
        return d->rule != RULE_RETURN || !s->returns_stopped;
}

int mode_step(ModeState *state, const ModeEvent *event, uint64_t now, const ModeConfig *config,
              ModePlan *ret_plan)
{
        ModePlan plan = {.from = state->mode, .to = state->mode, .probe = PROBE_NONE, .next = USEC_NEVER};
        Decision d;
        int r;

        assert(state->mode < config->n_modes);

        r = apply_event(state, event, now, config, &plan);
        if (r < 0)
                return r;
        if (now >= state->pin_until)
                unpin(state);

        decide(state, now, config, &d);
        plan.next = MIN(state->pin_until, d.next);
        if (d.rule != RULE_NONE && automation_may(state, event, &d, now, &plan.next)) {
                change(state, &d, now, config, &plan);
                decide(state, now, config, &d); /* what comes next is seen from where we are now */
                plan.next = MIN(state->pin_until, d.next);
        }
        state->wants = d.rule == RULE_RETURN && state->returns_stopped ? state->mode : d.to;
        state->return_at = state->returns_stopped ? 0 : d.return_at;
        *ret_plan = plan;
        return 0;
}

/* --- names --------------------------------------------------------------------------------------------------- */

static const char *const verdict_names[_VERDICT_MAX] = {
                [VERDICT_UNKNOWN] = "unknown",
                [VERDICT_UP] = "up",
                [VERDICT_DOWN] = "down",
};

const char *verdict_name(Verdict v)
{
        assert(v < _VERDICT_MAX);
        return verdict_names[v];
}

int verdict_from_name(const char *s)
{
        for (int i = 0; i < _VERDICT_MAX; i++)
                if (streq(verdict_names[i], s))
                        return i;
        return -EINVAL;
}

const char *rule_name(ModeRule r)
{
        static const char *const names[_RULE_MAX] = {
                        [RULE_NONE] = "none",
                        [RULE_FIRST_START] = "first start",
                        [RULE_MODE_GONE] = "mode gone",
                        [RULE_FAILOVER] = "failover",
                        [RULE_LAST_RESORT] = "last resort",
                        [RULE_RETURN] = "return",
                        [RULE_OPERATOR] = "operator",
        };

        assert(r < _RULE_MAX);
        return names[r];
}
