/* SPDX-License-Identifier: MIT */
/* When probes run, tested against a small world with a virtual clock. */
#include "supervisor/schedule.h"

#include "base/id.h"
#include "tests/test.h"

#define PROBES 128
#define RUNS   40000
#define START  (1767225600 * USEC_PER_SEC)
#define S      USEC_PER_SEC
#define MS     USEC_PER_MSEC

typedef struct Run {
        unsigned probe;
        uint64_t began, ended, told; /* since START + 1, so that 0 means never */
        uint64_t ends;               /* when the world will answer; USEC_NEVER: not before its timeout */
        Outcome answer, outcome;
        bool cancelled, blind;
        uint64_t order; /* of being told */
} Run;

/* The schedule, joined to verdicts by the decision with one mode that requires nothing. */
typedef struct World {
        ScheduleProbe probes[PROBES];
        ModeProbe mode_probes[PROBES];
        ModeMode mode;
        ModeConfig config;
        ProbeState states[PROBES];
        ModeState state;
        uint64_t timeout[PROBES];

        Outcome answer[PROBES]; /* what a run that starts now will come to, … */
        uint64_t latency[PROBES];
        bool hang[PROBES], cannot_start[PROBES];

        size_t n;
        uint64_t now, told, seed;
        Schedule *schedule;
        ScheduleOutput output;
        Run *runs; /* by serial */
        uint64_t n_runs;
        struct {
                unsigned probe;
                uint64_t serial;
                Outcome outcome;
        } queue[64];
        size_t n_queue;
        bool steady_ticks; /* wake it every second, as the engine does */
} World;

static int on_start(unsigned probe, uint64_t serial, void *userdata)
{
        World *w = userdata;
        Run *r = &w->runs[serial];

        CHECK(serial == ++w->n_runs && serial < RUNS);
        *r = (Run){.probe = probe,
                   .began = w->now - START + 1,
                   .answer = w->answer[probe],
                   .ends = USEC_NEVER};
        if (w->cannot_start[probe])
                return -EMFILE;
        r->ends = w->now + w->latency[probe];
        if (w->hang[probe] || w->latency[probe] >= w->timeout[probe]) {
                r->ends = w->now + w->timeout[probe];
                r->answer = OUTCOME_FAIL;
        }
        return 0;
}

static void on_cancel(unsigned probe, uint64_t serial, void *userdata)
{
        World *w = userdata;
        Run *r = &w->runs[serial];

        CHECK(r->probe == probe && !r->cancelled && r->ended == 0);
        r->cancelled = true;
        r->ends = USEC_NEVER;
}

static void on_outcome(unsigned probe, uint64_t serial, Outcome outcome, bool blind, void *userdata)
{
        World *w = userdata;
        Run *r = &w->runs[serial];

        CHECK(r->probe == probe && r->told == 0);
        r->told = w->now - START + 1;
        r->order = ++w->told;
        r->outcome = outcome;
        r->blind = blind;
        CHECK(w->n_queue < ELEMENTSOF(w->queue));
        w->queue[w->n_queue].probe = probe;
        w->queue[w->n_queue].serial = serial;
        w->queue[w->n_queue++].outcome = outcome;
}

static void drain(World *w)
{
        for (size_t i = 0; i < w->n_queue; i++) {
                unsigned probe = w->queue[i].probe;
                ModeEvent event = {
                                .kind = MODE_EVENT_OUTCOME, .probe = probe, .outcome = w->queue[i].outcome};
                ModePlan plan;

                CHECK_INT(mode_step(&w->state, &event, w->now, &w->config, &plan), 0);
                schedule_judged(w->schedule, probe, event.outcome, w->states[probe].verdict, plan.settled,
                                w->now);
        }
        w->n_queue = 0;
}

static World *world_new(size_t n)
{
        World *w = calloc(1, sizeof(*w));

        CHECK(w);
        w->runs = calloc(RUNS, sizeof(*w->runs));
        CHECK(w->runs);
        w->n = n;
        w->now = START;
        w->output = (ScheduleOutput){
                        .start = on_start, .cancel = on_cancel, .outcome = on_outcome, .userdata = w};
        for (size_t i = 0; i < n; i++) {
                w->probes[i] = (ScheduleProbe){
                                .interval_usec = 60 * S, .fast_interval_usec = 5 * S, .fall = 3, .window = 5};
                w->latency[i] = 10 * MS;
                w->timeout[i] = 5 * S;
        }
        return w;
}

/* Once the probes are as the test wants them. */
static void world_begin(World *w)
{
        for (size_t i = 0; i < w->n; i++)
                w->mode_probes[i] = (ModeProbe){.fall = w->probes[i].fall,
                                                .window = w->probes[i].window,
                                                .rise = 2,
                                                .interval_usec = w->probes[i].interval_usec,
                                                .fast_interval_usec = w->probes[i].fast_interval_usec,
                                                .passive = w->probes[i].passive,
                                                .silence_usec = USEC_NEVER};
        w->config = (ModeConfig){.probes = w->mode_probes, .n_probes = w->n, .modes = &w->mode, .n_modes = 1};
        mode_init(&w->state, w->states, w->now, &w->config);
        CHECK_INT(schedule_new(w->probes, w->n, w->seed, &w->output, &w->schedule), 0);
        schedule_begin(w->schedule, w->now);
}

static World *world_free(World *w)
{
        schedule_free(w->schedule);
        free(w->runs);
        free(w);
        return NULL;
}
DEFINE_CLEANUP(World, world_free)
#define _cleanup_world_ _cleanup_(world_freep)

static uint64_t next_ending(const World *w, uint64_t *ret)
{
        uint64_t first = USEC_NEVER;

        for (uint64_t i = w->n_runs > 600 ? w->n_runs - 600 : 1; i <= w->n_runs; i++)
                if (w->runs[i].ends < first && w->runs[i].ended == 0) {
                        first = w->runs[i].ends;
                        *ret = i;
                }
        return first;
}

static void end_run(World *w, uint64_t serial)
{
        Run *r = &w->runs[serial];

        r->ended = w->now - START + 1;
        schedule_ended(w->schedule, r->probe, serial, r->answer, w->now);
        drain(w);
}

/* Runs the world up to t since START, inclusive. */
static void run_to(World *w, uint64_t t)
{
        uint64_t until = START + t, tick = w->steady_ticks ? w->now + S : USEC_NEVER;

        for (;;) {
                uint64_t serial = 0, ending = next_ending(w, &serial);
                uint64_t wake = schedule_next(w->schedule), next = MIN(ending, tick);

                next = MIN(next, wake);
                if (next > until)
                        break;
                w->now = MAX(w->now, next);
                if (ending == next) {
                        end_run(w, serial);
                } else {
                        schedule_wake(w->schedule, w->now);
                        drain(w);
                }
                if (next == tick)
                        tick += S;
        }
        w->now = until;
}

static void wake(World *w)
{
        schedule_wake(w->schedule, w->now);
        drain(w);
}

/* How many runs of a probe began in [from, to]. */
static unsigned began_in(const World *w, unsigned probe, uint64_t from, uint64_t to)
{
        unsigned n = 0;

        for (uint64_t i = 1; i <= w->n_runs; i++)
                n += w->runs[i].probe == probe && w->runs[i].began - 1 >= from && w->runs[i].began - 1 <= to;
        return n;
}

/* When its k-th run (from 0) that began at or after `from` began. */
static uint64_t began_at(const World *w, unsigned probe, uint64_t from, unsigned k)
{
        for (uint64_t i = 1; i <= w->n_runs; i++)
                if (w->runs[i].probe == probe && w->runs[i].began - 1 >= from && k-- == 0)
                        return w->runs[i].began - 1;
        return USEC_NEVER;
}

static const Run *run_since(const World *w, unsigned probe, uint64_t from, unsigned k)
{
        for (uint64_t i = 1; i <= w->n_runs; i++)
                if (w->runs[i].probe == probe && w->runs[i].began > from && k-- == 0)
                        return &w->runs[i];
        CHECK(!"no such run");
        return NULL;
}

/* --- interval, spread, pace --- */

TEST(first_runs_begin_at_once_and_a_millisecond_apart)
{
        _cleanup_world_ World *w = world_new(50);

        world_begin(w);
        run_to(w, S);
        for (unsigned i = 0; i < 50; i++)
                CHECK_INT(began_at(w, i, 0, 0), i * MS);
}

TEST(a_settled_probe_runs_every_interval)
{
        _cleanup_world_ World *w = world_new(1);
        uint64_t first;

        world_begin(w);
        run_to(w, 3600 * S);
        CHECK_INT(w->states[0].verdict, VERDICT_UP);
        first = began_at(w, 0, 10 * S, 0);
        for (unsigned k = 1; k < 59; k++)
                CHECK_INT(began_at(w, 0, 10 * S, k), first + k * 60 * S);
}

TEST(its_grid_survives_a_slow_answer)
{
        _cleanup_world_ World *w = world_new(1);
        uint64_t first;

        w->latency[0] = 3 * S;
        world_begin(w);
        run_to(w, 600 * S);
        first = began_at(w, 0, 20 * S, 0);
        for (unsigned k = 1; k < 9; k++)
                CHECK_INT(began_at(w, 0, 20 * S, k), first + k * 60 * S);
}

TEST(many_probes_are_spread_over_the_interval)
{
        _cleanup_world_ World *w = world_new(120);
        unsigned per_second[60] = {0}, most = 0;

        w->seed = 7;
        world_begin(w);
        run_to(w, 180 * S);
        for (uint64_t i = 1; i <= w->n_runs; i++)
                if (w->runs[i].began > 120 * S)
                        per_second[(w->runs[i].began - 1) / S % 60]++;
        for (size_t i = 0; i < 60; i++)
                most = MAX(most, per_second[i]);
        CHECK(most <= 4); /* two each would be perfect */
}

TEST(another_seed_is_another_phase_and_the_same_seed_the_same)
{
        uint64_t first[3];

        for (unsigned k = 0; k < 3; k++) {
                _cleanup_world_ World *w = world_new(1);

                w->seed = k / 2;
                world_begin(w);
                run_to(w, 100 * S);
                first[k] = began_at(w, 0, 10 * S, 0);
        }
        CHECK_INT(first[0], first[1]);
        CHECK(first[1] != first[2]);
}

TEST(an_unknown_verdict_is_settled_at_the_fast_pace)
{
        _cleanup_world_ World *w = world_new(1);

        world_begin(w);
        run_to(w, 20 * S);
        CHECK_INT(began_at(w, 0, 0, 1), 5 * S); /* rise 2: up */
        CHECK_INT(began_in(w, 0, 6 * S, 8 * S), 0);
        CHECK_INT(w->states[0].verdict, VERDICT_UP);
}

TEST(doubt_runs_fast_from_start_to_start_until_it_settles)
{
        _cleanup_world_ World *w = world_new(1);
        uint64_t t;

        w->latency[0] = 2 * S;
        world_begin(w);
        run_to(w, 30 * S);
        w->answer[0] = OUTCOME_FAIL;
        t = began_at(w, 0, 30 * S, 0);
        CHECK(t == USEC_NEVER);
        run_to(w, 100 * S);
        t = began_at(w, 0, 30 * S, 0);
        CHECK_INT(began_at(w, 0, 30 * S, 1), t + 5 * S);
        CHECK_INT(began_at(w, 0, 30 * S, 2), t + 10 * S);
        CHECK_INT(w->states[0].verdict, VERDICT_DOWN);
        CHECK_INT(began_in(w, 0, t + 10 * S + 1, t + 50 * S), 0); /* down is settled, too */

        /* and back: the first pass is a doubt about down */
        w->answer[0] = OUTCOME_PASS;
        run_to(w, 200 * S);
        t = began_at(w, 0, 100 * S, 0);
        CHECK_INT(began_at(w, 0, 100 * S, 1), t + 5 * S);
        CHECK_INT(w->states[0].verdict, VERDICT_UP);
        CHECK_INT(began_in(w, 0, t + 5 * S + 1, t + 50 * S), 0);
}

TEST(two_windows_of_fast_runs_without_settling_are_enough)
{
        _cleanup_world_ World *w = world_new(1);

        w->answer[0] = OUTCOME_INCONCLUSIVE;
        world_begin(w);
        run_to(w, 3600 * S);
        CHECK_INT(began_in(w, 0, 0, 45 * S), 10); /* 2 x window 5 */
        CHECK_INT(began_in(w, 0, 46 * S, 49 * S), 0);
        CHECK(began_in(w, 0, 46 * S, 3600 * S) <= 60);
        CHECK(began_in(w, 0, 46 * S, 3600 * S) >= 59);

        /* the next thing that it says wakes it up */
        w->answer[0] = OUTCOME_PASS;
        run_to(w, 3700 * S);
        CHECK_INT(w->states[0].verdict, VERDICT_UP);
        CHECK_INT(w->states[0].verdict_since - START, began_at(w, 0, 3600 * S, 0) + 5 * S + 10 * MS);
}

TEST(tired_of_an_endless_doubt_it_looks_fast_again_at_each_new_one)
{
        _cleanup_world_ World *w = world_new(1);
        unsigned fast = 0;
        uint64_t t;

        w->probes[0].fall = 3;
        w->probes[0].window = 3; /* every second one fails: never down, never well */
        world_begin(w);
        run_to(w, 30 * S);
        for (unsigned k = 0; k < 300; k++) {
                uint64_t n = w->n_runs;

                w->answer[0] = k % 2 ? OUTCOME_PASS : OUTCOME_FAIL;
                while (w->n_runs == n)
                        run_to(w, w->now - START + S / 2);
                run_to(w, w->now - START + S / 2);
        }
        CHECK_INT(w->states[0].verdict, VERDICT_UP);
        for (unsigned k = 0; (t = began_at(w, 0, 30 * S, k + 1)) != USEC_NEVER; k++)
                fast += t - began_at(w, 0, 30 * S, k) == 5 * S;
        /* A fail wakes it; six fast runs tire it; after a pass it sleeps until the next fail. */
        CHECK(fast > 200 && fast < 280);
}

TEST(agreeing_outcomes_do_not_tire_or_hurry_anybody)
{
        _cleanup_world_ World *w = world_new(1);

        w->answer[0] = OUTCOME_WARN; /* counts as a pass */
        world_begin(w);
        run_to(w, 600 * S);
        CHECK_INT(w->states[0].verdict, VERDICT_UP);
        CHECK(w->n_runs <= 12);
}

TEST(a_passive_probe_is_never_run)
{
        _cleanup_world_ World *w = world_new(2);

        w->probes[1].passive = true;
        world_begin(w);
        schedule_run_now(w->schedule, 1, w->now);
        schedule_judged(w->schedule, 1, OUTCOME_FAIL, VERDICT_UNKNOWN, false, w->now);
        schedule_forget(w->schedule, 1, w->now);
        schedule_tilt(w->schedule, w->now, w->now + 30 * S);
        run_to(w, 600 * S);
        CHECK_INT(schedule_runs(w->schedule, 1), 0);
        CHECK(schedule_due(w->schedule, 1) == USEC_NEVER);
}

TEST(forgetting_before_the_first_run_keeps_the_spread)
{
        _cleanup_world_ World *w = world_new(20);

        world_begin(w);
        for (unsigned i = 0; i < 20; i++)
                schedule_forget(w->schedule, i, w->now); /* what a start after a long sleep does */
        run_to(w, S);
        for (unsigned i = 0; i < 20; i++)
                CHECK_INT(began_at(w, i, 0, 0), i * MS);
}

TEST(a_verdict_that_is_known_at_the_start_is_looked_at_once)
{
        _cleanup_world_ World *w = world_new(1);

        world_begin(w);
        schedule_restore(w->schedule, 0, VERDICT_UP, true);
        w->states[0].verdict = VERDICT_UP;
        run_to(w, 6 * S);
        CHECK_INT(w->n_runs, 1);
}

TEST(lateness_is_told)
{
        _cleanup_world_ World *w = world_new(1);

        world_begin(w);
        w->now += 123;
        wake(w);
        CHECK_INT(schedule_lateness(w->schedule), 123);
        CHECK_INT(schedule_started(w->schedule), 1);
        run_to(w, S);
        CHECK_INT(schedule_latency(w->schedule, 0), 10 * MS);
}

/* --- overlap --- */

TEST(a_black_hole_costs_one_timeout_and_a_fast_interval_for_each_confirmation)
{
        _cleanup_world_ World *w = world_new(1);
        uint64_t t;

        w->probes[0].fast_interval_usec = S / 10;
        w->timeout[0] = S;
        world_begin(w);
        run_to(w, 10 * S);
        w->hang[0] = true;
        run_to(w, 100 * S);
        t = began_at(w, 0, 10 * S, 0);
        CHECK_INT(began_at(w, 0, 10 * S, 1), t + S / 10);
        CHECK_INT(began_at(w, 0, 10 * S, 2), t + 2 * S / 10);
        CHECK_INT(w->states[0].verdict, VERDICT_DOWN);
        CHECK_INT(w->states[0].verdict_since - START, t + S + 2 * S / 10);
}

TEST(never_more_than_fall_attempts_are_in_flight)
{
        _cleanup_world_ World *w = world_new(1);

        w->probes[0].fast_interval_usec = S / 10;
        w->timeout[0] = 20 * S;
        w->hang[0] = true;
        world_begin(w);
        for (unsigned k = 1; k < 1000; k++) {
                run_to(w, k * S / 10);
                CHECK(schedule_in_flight(w->schedule, 0) <= 3);
        }
        CHECK_INT(began_in(w, 0, 0, 19 * S), 3);
}

TEST(single_types_never_overlap)
{
        _cleanup_world_ World *w = world_new(2);

        for (unsigned i = 0; i < 2; i++) {
                w->probes[i].single = true;
                w->probes[i].external = i == 1;
                w->hang[i] = true;
                w->timeout[i] = 30 * S;
        }
        world_begin(w);
        for (unsigned k = 1; k < 600; k++) {
                run_to(w, k * S);
                for (unsigned i = 0; i < 2; i++) {
                        schedule_run_now(w->schedule, i, w->now);
                        CHECK(schedule_in_flight(w->schedule, i) <= 1);
                }
        }
        CHECK(w->states[0].verdict == VERDICT_DOWN && w->states[1].verdict == VERDICT_DOWN);
}

TEST(an_attempt_is_late_after_the_fast_interval_when_passes_are_quick)
{
        _cleanup_world_ World *w = world_new(1);
        uint64_t t;

        w->timeout[0] = 60 * S;
        world_begin(w);
        run_to(w, 1000 * S);
        w->hang[0] = true;
        run_to(w, 1080 * S);
        t = began_at(w, 0, 1000 * S, 0);
        CHECK_INT(began_at(w, 0, 1000 * S, 1), t + 5 * S);
}

TEST(what_is_always_slow_is_late_at_four_times_the_95th_percentile)
{
        _cleanup_world_ World *w = world_new(1);
        uint64_t t;

        w->timeout[0] = 60 * S;
        w->latency[0] = 2 * S;
        world_begin(w);
        run_to(w, 40 * 60 * S);
        w->hang[0] = true;
        run_to(w, 42 * 60 * S);
        t = began_at(w, 0, 40 * 60 * S, 0);
        CHECK_INT(began_at(w, 0, 40 * 60 * S, 1), t + 8 * S);
        CHECK_INT(began_at(w, 0, 40 * 60 * S, 2), t + 13 * S);
}

TEST(one_slow_pass_in_32_does_not_matter_two_do)
{
        for (unsigned slow = 1; slow <= 2; slow++) {
                _cleanup_world_ World *w = world_new(1);
                uint64_t t;

                w->timeout[0] = 60 * S;
                world_begin(w);
                for (unsigned k = 0; k < 40; k++) {
                        w->latency[0] = k >= 20 && k < 20 + slow ? 4 * S : 10 * MS;
                        run_to(w, (k + 1) * 60 * S - 30 * S);
                }
                w->hang[0] = true;
                run_to(w, w->now - START + 80 * S);
                t = began_at(w, 0, 39 * 60 * S + 30 * S, 0);
                CHECK_INT(began_at(w, 0, t, 1), t + (slow == 1 ? 5 : 16) * S);
        }
}

TEST(only_passes_teach_what_is_late)
{
        _cleanup_world_ World *w = world_new(1);
        uint64_t t;

        w->timeout[0] = 60 * S;
        world_begin(w);
        run_to(w, 30 * S);
        w->answer[0] = OUTCOME_FAIL; /* slow, and no measure of health */
        w->latency[0] = 4 * S;
        run_to(w, 1000 * S);
        w->hang[0] = true;
        run_to(w, 1080 * S);
        t = began_at(w, 0, 1000 * S, 0);
        CHECK_INT(began_at(w, 0, 1000 * S, 1), t + 5 * S);
}

TEST(the_first_pass_cancels_and_forgets_the_rest)
{
        _cleanup_world_ World *w = world_new(1);
        Run *youngest;

        w->timeout[0] = 60 * S;
        world_begin(w);
        run_to(w, 100 * S);
        w->hang[0] = true;
        while (schedule_in_flight(w->schedule, 0) < 3)
                run_to(w, w->now - START + S);
        youngest = &w->runs[w->n_runs];
        youngest->ends = w->now + MS;
        youngest->answer = OUTCOME_PASS;
        w->hang[0] = false;
        run_to(w, w->now - START + MS);
        CHECK_INT(schedule_in_flight(w->schedule, 0), 0);
        CHECK(youngest->told != 0 && youngest->outcome == OUTCOME_PASS);
        CHECK((youngest - 1)->cancelled && (youngest - 1)->told == 0);
        CHECK((youngest - 2)->cancelled && (youngest - 2)->told == 0);
        run_to(w, 400 * S);
        CHECK_INT(w->states[0].verdict, VERDICT_UP);
        CHECK_INT(w->states[0].last_fail, 0);
}

TEST(the_end_of_a_cancelled_attempt_is_ignored)
{
        _cleanup_world_ World *w = world_new(1);
        uint64_t serial;

        w->timeout[0] = 60 * S;
        w->hang[0] = true;
        world_begin(w);
        run_to(w, 6 * S);
        CHECK_INT(schedule_in_flight(w->schedule, 0), 2);
        w->runs[2].ends = w->now + MS;
        w->runs[2].answer = OUTCOME_PASS;
        run_to(w, 7 * S);
        CHECK(w->runs[1].cancelled);
        serial = w->told;
        schedule_ended(w->schedule, 0, 1, OUTCOME_FAIL, w->now);
        schedule_ended(w->schedule, 0, 0, OUTCOME_FAIL, w->now);
        schedule_ended(w->schedule, 0, 2, OUTCOME_FAIL, w->now); /* told already */
        CHECK_INT(w->told, serial);
        CHECK(!schedule_is_running(w->schedule, 0, 1) && !schedule_is_running(w->schedule, 0, 0));
}

/* --- run now --- */

TEST(run_now_starts_what_is_idle_and_leaves_alone_what_runs)
{
        _cleanup_world_ World *w = world_new(1);

        world_begin(w);
        run_to(w, 20 * S);
        w->latency[0] = S;
        CHECK_INT(w->n_runs, 2);
        schedule_run_now(w->schedule, 0, w->now);
        CHECK_INT(w->n_runs, 3);
        schedule_run_now(w->schedule, 0, w->now);
        run_to(w, 20 * S + MS);
        schedule_run_now(w->schedule, 0, w->now);
        CHECK_INT(w->n_runs, 3);
}

TEST(run_now_runs_beside_what_is_late)
{
        _cleanup_world_ World *w = world_new(1);

        w->hang[0] = true;
        w->timeout[0] = 60 * S;
        w->probes[0].fast_interval_usec = 10 * S;
        world_begin(w);
        run_to(w, 12 * S);
        CHECK_INT(w->n_runs, 2);
        schedule_run_now(w->schedule, 0, w->now);
        CHECK_INT(w->n_runs, 3);
        schedule_run_now(w->schedule, 0, w->now); /* fall are in flight */
        CHECK_INT(w->n_runs, 3);
}

TEST(run_now_of_a_single_type_waits_for_the_run_in_flight_and_asks_once)
{
        _cleanup_world_ World *w = world_new(1);

        w->probes[0].single = true;
        world_begin(w);
        run_to(w, 20 * S);
        w->latency[0] = S;
        CHECK_INT(w->n_runs, 2);
        schedule_run_now(w->schedule, 0, w->now);
        schedule_run_now(w->schedule, 0, w->now); /* two modes require it: one run answers both */
        CHECK_INT(w->n_runs, 3);
        run_to(w, 22 * S);
        CHECK_INT(w->n_runs, 3);

        schedule_run_now(w->schedule, 0, w->now);
        run_to(w, 22 * S + MS);
        schedule_run_now(w->schedule, 0, w->now); /* it began before this was asked */
        schedule_run_now(w->schedule, 0, w->now);
        CHECK_INT(w->n_runs, 4);
        run_to(w, 23 * S + MS);
        CHECK_INT(w->n_runs, 5);
        run_to(w, 28 * S);
        CHECK_INT(w->n_runs, 5);
}

TEST(run_now_is_not_lost_while_every_place_waits_for_the_references)
{
        _cleanup_world_ World *w = world_new(2);
        unsigned n;

        w->probes[0].external = true;
        w->probes[0].fall = 1;
        w->probes[0].window = 1;
        w->probes[1].vantage = true;
        w->latency[1] = 3 * S;
        world_begin(w);
        run_to(w, 45 * S);
        w->answer[0] = OUTCOME_FAIL;
        schedule_run_now(w->schedule, 0, w->now);
        run_to(w, 46 * S);
        n = (unsigned) schedule_runs(w->schedule, 0);
        schedule_run_now(w->schedule, 0, w->now);
        CHECK_INT(schedule_runs(w->schedule, 0), n); /* fall 1: the one place is held */
        run_to(w, 49 * S);
        CHECK_INT(schedule_runs(w->schedule, 0), n + 1);
}

/* --- the vantage --- */

/* Probe 0 is external, 1 and 2 are references. */
static World *external_world(void)
{
        World *w = world_new(3);

        w->probes[0].external = true;
        w->probes[1].vantage = w->probes[2].vantage = true;
        return w;
}

TEST(a_failed_external_attempt_waits_for_a_reference_that_began_no_earlier)
{
        _cleanup_world_ World *w = external_world();
        const Run *r;
        uint64_t t;
        unsigned k = 0;

        w->latency[1] = w->latency[2] = 2 * S;
        world_begin(w);
        run_to(w, 55 * S);
        w->answer[0] = OUTCOME_FAIL;
        schedule_run_now(w->schedule, 1, w->now); /* in flight already: it began too early to count */
        run_to(w, 56 * S);
        schedule_run_now(w->schedule, 0, w->now);
        t = w->now - START;
        run_to(w, t + S);
        while (run_since(w, 0, 0, k)->began - 1 != t)
                k++;
        r = run_since(w, 0, 0, k);
        CHECK(r->ended != 0 && r->told == 0);
        CHECK_INT(began_at(w, 1, t, 0), t + 10 * MS); /* both were asked as soon as it failed */
        CHECK_INT(began_at(w, 2, t, 0), t + 10 * MS);
        run_to(w, t + 2 * S);
        CHECK(r->told == 0); /* the early run has ended meanwhile and does not count */
        run_to(w, t + 2 * S + 10 * MS);
        CHECK(r->told != 0 && r->outcome == OUTCOME_FAIL && !r->blind);
}

TEST(a_late_external_attempt_asks_the_references_before_it_fails)
{
        _cleanup_world_ World *w = external_world();
        const Run *r;
        uint64_t t;

        w->timeout[0] = 8 * S;
        world_begin(w);
        run_to(w, 55 * S);
        w->hang[0] = true;
        schedule_run_now(w->schedule, 0, w->now);
        t = w->now - START;
        run_to(w, t + 4 * S);
        CHECK_INT(began_in(w, 1, t, t + 4 * S) + began_in(w, 2, t, t + 4 * S), 0);
        run_to(w, t + 5 * S);
        CHECK_INT(began_at(w, 1, t, 0), t + 5 * S);
        CHECK_INT(began_at(w, 2, t, 0), t + 5 * S);
        run_to(w, t + 8 * S);
        r = run_since(w, 0, 49 * S, 0);
        CHECK_INT(r->began - 1, t);
        CHECK_INT(r->told - 1, t + 8 * S); /* nothing is left to wait for */
        CHECK_INT(r->outcome, OUTCOME_FAIL);
}

TEST(when_every_reference_fails_the_outcome_is_inconclusive_and_we_are_blind)
{
        _cleanup_world_ World *w = external_world();
        const Run *last;

        world_begin(w);
        run_to(w, 55 * S);
        for (unsigned i = 0; i < 3; i++)
                w->answer[i] = OUTCOME_FAIL;
        schedule_run_now(w->schedule, 0, w->now);
        run_to(w, 55 * S + 15 * MS);
        CHECK(run_since(w, 0, 49 * S, 0)->told == 0 && !schedule_blind(w->schedule));
        run_to(w, 56 * S);
        last = run_since(w, 0, 49 * S, 0);
        CHECK(last->outcome == OUTCOME_INCONCLUSIVE && last->blind);
        CHECK(schedule_blind(w->schedule));
        run_to(w, 600 * S);
        CHECK_INT(w->states[0].verdict, VERDICT_UP);
        CHECK(began_in(w, 0, 60 * S, 600 * S) <= 10); /* blindness hurries nobody */

        w->answer[2] = OUTCOME_PASS; /* one that passes is enough */
        run_to(w, 700 * S);
        CHECK(!schedule_blind(w->schedule));
        CHECK_INT(w->states[0].verdict, VERDICT_DOWN);
}

TEST(one_reference_that_passes_is_enough_and_the_slow_one_is_not_waited_for)
{
        _cleanup_world_ World *w = external_world();

        world_begin(w);
        run_to(w, 55 * S);
        w->answer[0] = OUTCOME_FAIL;
        w->hang[1] = true;
        schedule_run_now(w->schedule, 0, w->now);
        run_to(w, 55 * S + 20 * MS);
        CHECK_INT(run_since(w, 0, 49 * S, 0)->outcome, OUTCOME_FAIL);
        CHECK_INT(run_since(w, 0, 49 * S, 0)->told - 1, 55 * S + 20 * MS);
}

TEST(a_reference_that_warns_has_passed_and_an_inconclusive_one_has_not)
{
        _cleanup_world_ World *w = external_world();

        world_begin(w);
        run_to(w, 55 * S);
        w->answer[0] = OUTCOME_FAIL;
        w->answer[1] = w->answer[2] = OUTCOME_INCONCLUSIVE;
        schedule_run_now(w->schedule, 0, w->now);
        run_to(w, 56 * S);
        CHECK_INT(run_since(w, 0, 49 * S, 0)->outcome, OUTCOME_INCONCLUSIVE);
        w->answer[1] = OUTCOME_WARN;
        schedule_run_now(w->schedule, 0, w->now);
        run_to(w, 57 * S);
        CHECK_INT(run_since(w, 0, 49 * S, 1)->outcome, OUTCOME_FAIL);
}

TEST(a_reference_that_cannot_be_started_counts_as_failed)
{
        _cleanup_world_ World *w = external_world();

        w->steady_ticks = true;
        world_begin(w);
        run_to(w, 55 * S);
        w->answer[0] = OUTCOME_FAIL;
        w->cannot_start[1] = w->cannot_start[2] = true;
        schedule_run_now(w->schedule, 0, w->now);
        run_to(w, 57 * S);
        CHECK(run_since(w, 0, 49 * S, 0)->outcome == OUTCOME_INCONCLUSIVE &&
              run_since(w, 0, 49 * S, 0)->blind);
}

TEST(without_a_vantage_external_has_no_effect)
{
        _cleanup_world_ World *w = world_new(1);

        w->probes[0].external = true;
        w->answer[0] = OUTCOME_FAIL;
        world_begin(w);
        run_to(w, 11 * S);
        CHECK_INT(w->states[0].verdict, VERDICT_DOWN);
        CHECK(!schedule_blind(w->schedule));
}

TEST(passes_and_local_failures_ask_nobody)
{
        _cleanup_world_ World *w = external_world();
        uint64_t asked;

        w->probes[0].external = false;
        world_begin(w);
        run_to(w, 55 * S);
        asked = schedule_runs(w->schedule, 1);
        w->answer[0] = OUTCOME_FAIL;
        schedule_run_now(w->schedule, 0, w->now);
        run_to(w, 55 * S + 20 * MS);
        CHECK_INT(run_since(w, 0, 49 * S, 0)->outcome, OUTCOME_FAIL);
        CHECK_INT(schedule_runs(w->schedule, 1), asked);
}

TEST(held_outcomes_are_told_in_the_order_in_which_their_attempts_ended)
{
        _cleanup_world_ World *w = external_world();
        const Run *r[3];

        w->probes[0].fast_interval_usec = S;
        w->timeout[0] = 20 * S;
        w->timeout[1] = w->timeout[2] = 6 * S;
        w->latency[1] = w->latency[2] = 5 * S;
        world_begin(w);
        run_to(w, 55 * S);
        w->hang[0] = true;
        schedule_run_now(w->schedule, 0, w->now);
        run_to(w, 55 * S + 2500 * MS);
        CHECK_INT(schedule_in_flight(w->schedule, 0), 3);
        for (unsigned k = 0; k < 3; k++)
                r[k] = run_since(w, 0, 49 * S, k);
        /* The second fails, the third passes, and both wait: the pass must not overtake the fail. */
        w->hang[0] = false;
        w->runs[w->n_runs].ends = USEC_NEVER;
        for (uint64_t i = 1; i <= w->n_runs; i++) {
                if (&w->runs[i] == r[1])
                        w->runs[i].ends = w->now + 10 * MS;
                if (&w->runs[i] == r[2]) {
                        w->runs[i].ends = w->now + 20 * MS;
                        w->runs[i].answer = OUTCOME_PASS;
                }
        }
        run_to(w, 58 * S);
        CHECK(r[1]->ended != 0 && r[2]->ended != 0 && r[1]->told == 0 && r[2]->told == 0);
        CHECK(r[0]->cancelled);
        run_to(w, 70 * S);
        CHECK(r[1]->outcome == OUTCOME_FAIL && r[2]->outcome == OUTCOME_PASS);
        CHECK(r[1]->order < r[2]->order);
}

TEST(a_held_outcome_takes_the_place_of_an_attempt)
{
        _cleanup_world_ World *w = external_world();

        w->probes[0].fast_interval_usec = S / 10;
        w->timeout[1] = w->timeout[2] = 10 * S;
        world_begin(w);
        run_to(w, 55 * S);
        w->answer[0] = OUTCOME_FAIL;
        w->hang[1] = w->hang[2] = true;
        for (unsigned k = 0; k < 20; k++) {
                schedule_run_now(w->schedule, 0, w->now);
                run_to(w, w->now - START + S / 5);
        }
        CHECK_INT(began_in(w, 0, 55 * S, 59 * S), 3);
        run_to(w, 80 * S);
        for (unsigned k = 2; k < 5; k++)
                CHECK(run_since(w, 0, 49 * S, k - 2)->told != 0);
}

TEST(a_single_reference_that_is_busy_is_asked_again_when_it_is_free)
{
        _cleanup_world_ World *w = external_world();

        w->probes[1].single = w->probes[2].single = true;
        w->latency[1] = w->latency[2] = 2 * S;
        w->steady_ticks = true;
        world_begin(w);
        run_to(w, 50 * S);
        w->answer[0] = OUTCOME_FAIL;
        schedule_run_now(w->schedule, 1, w->now);
        schedule_run_now(w->schedule, 2, w->now);
        run_to(w, 51 * S);
        schedule_run_now(w->schedule, 0, w->now);
        run_to(w, 53 * S + 990 * MS);
        CHECK(run_since(w, 0, 49 * S, 0)->told == 0);
        run_to(w, 54 * S + 100 * MS);
        CHECK_INT(run_since(w, 0, 49 * S, 0)->outcome, OUTCOME_FAIL);
}

TEST(the_pass_of_an_older_reference_run_does_not_cancel_the_one_that_was_asked_for)
{
        _cleanup_world_ World *w = external_world();

        w->hang[2] = true; /* so that reference 1 decides */
        w->latency[1] = 1 * S;
        world_begin(w);
        run_to(w, 55 * S);
        w->answer[0] = OUTCOME_FAIL;
        schedule_run_now(w->schedule, 1, w->now);
        run_to(w, 55 * S + 500 * MS);
        schedule_run_now(w->schedule, 0, w->now);
        run_to(w, 56 * S); /* the older one passes here */
        CHECK_INT(schedule_in_flight(w->schedule, 1), 1);
        run_to(w, 56 * S + 510 * MS);
        CHECK_INT(run_since(w, 0, 49 * S, 0)->told - 1, 56 * S + 510 * MS);
}

/* --- tilt --- */

TEST(attempts_in_flight_across_a_tilt_are_inconclusive_and_run_again_at_once)
{
        _cleanup_world_ World *w = external_world();

        world_begin(w);
        run_to(w, 55 * S);
        for (unsigned i = 0; i < 3; i++)
                w->latency[i] = S;
        w->answer[0] = OUTCOME_FAIL;
        schedule_run_now(w->schedule, 0, w->now);
        schedule_run_now(w->schedule, 1, w->now);
        run_to(w, 55 * S + 500 * MS);
        schedule_tilt(w->schedule, w->now, w->now + 30 * S);
        drain(w);
        CHECK_INT(run_since(w, 0, 49 * S, 0)->outcome, OUTCOME_INCONCLUSIVE);
        CHECK(run_since(w, 0, 49 * S, 0)->cancelled && !run_since(w, 0, 49 * S, 0)->blind);
        wake(w);
        CHECK_INT(began_at(w, 0, 55 * S + 1, 0), 55 * S + 500 * MS);
        CHECK_INT(began_at(w, 1, 55 * S + 1, 0), 55 * S + 500 * MS);
        CHECK_INT(began_in(w, 2, 55 * S, 55 * S + 600 * MS), 0); /* it was not in flight */
}

TEST(what_waits_for_the_references_across_a_tilt_is_inconclusive)
{
        _cleanup_world_ World *w = external_world();
        const Run *r;

        w->latency[1] = w->latency[2] = 2 * S;
        world_begin(w);
        run_to(w, 55 * S);
        w->answer[0] = OUTCOME_FAIL;
        schedule_run_now(w->schedule, 0, w->now);
        run_to(w, 56 * S);
        r = run_since(w, 0, 49 * S, 0);
        CHECK(r->ended != 0 && r->told == 0);
        schedule_tilt(w->schedule, w->now, w->now + 30 * S);
        drain(w);
        CHECK(r->told != 0 && r->outcome == OUTCOME_INCONCLUSIVE);
}

TEST(down_and_doubtful_probes_run_fast_during_a_tilt_and_only_then)
{
        _cleanup_world_ World *w = world_new(2);
        uint64_t t;

        w->answer[0] = OUTCOME_FAIL;
        world_begin(w);
        run_to(w, 100 * S);
        CHECK_INT(w->states[0].verdict, VERDICT_DOWN);
        t = 100 * S;
        schedule_tilt(w->schedule, w->now, w->now + 30 * S);
        drain(w);
        run_to(w, 160 * S);
        CHECK(began_in(w, 0, t, t + 30 * S) >= 6);
        CHECK(began_in(w, 0, t + 36 * S, t + 60 * S) <= 1);
        CHECK(began_in(w, 1, t, t + 60 * S) <= 1); /* up: as ever */
}

TEST(a_tilt_before_the_first_runs_keeps_their_spread)
{
        _cleanup_world_ World *w = world_new(20);

        world_begin(w);
        schedule_tilt(w->schedule, w->now, w->now + 30 * S);
        run_to(w, S);
        for (unsigned i = 0; i < 20; i++)
                CHECK_INT(began_at(w, i, 0, 0), i * MS);
}

/* --- reload --- */

/* Into a schedule with the probes of `to`, from[i] of the old one. */
static void reload(World *w, const ScheduleProbe *to, size_t n, const unsigned *from)
{
        static ScheduleProbe probes[2][PROBES];
        static unsigned side;
        Schedule *fresh;

        side = !side;
        memcpy(probes[side], to, n * sizeof(*to));
        CHECK_INT(schedule_new(probes[side], n, 99, &w->output, &fresh), 0);
        schedule_carry_over(fresh, w->schedule, from);
        schedule_free(w->schedule);
        w->schedule = fresh;
        w->n = n;
        schedule_begin(fresh, w->now);
}

TEST(a_reload_keeps_grid_pace_and_attempts_in_flight)
{
        _cleanup_world_ World *w = world_new(2);
        uint64_t t, told = w->told;

        world_begin(w);
        run_to(w, 100 * S);
        t = began_at(w, 0, 20 * S, 0);
        w->latency[0] = S;
        schedule_run_now(w->schedule, 0, w->now);
        run_to(w, 100 * S + 100 * MS);
        told = w->told;
        reload(w, w->probes, 2, (unsigned[]){0, 1});
        CHECK_INT(schedule_in_flight(w->schedule, 0), 1);
        run_to(w, 101 * S);
        CHECK_INT(w->told, told + 1);
        w->latency[0] = 10 * MS;
        run_to(w, 600 * S);
        CHECK_INT((began_at(w, 0, 500 * S, 0) - t) % (60 * S), 0);
        CHECK(w->n_runs < 25);
}

TEST(a_reload_cancels_what_nobody_continues_and_runs_what_is_new_at_once)
{
        _cleanup_world_ World *w = world_new(2);

        world_begin(w);
        run_to(w, 100 * S);
        w->latency[0] = w->latency[1] = S;
        schedule_run_now(w->schedule, 0, w->now);
        schedule_run_now(w->schedule, 1, w->now);
        run_to(w, 100 * S + 100 * MS);
        /* The second probe stands first now; the first one is gone, and a new one came. */
        reload(w, w->probes, 2, (unsigned[]){1, PROBE_NONE});
        CHECK(w->runs[w->n_runs - 1].cancelled && !w->runs[w->n_runs].cancelled);
        CHECK_INT(schedule_in_flight(w->schedule, 0), 1);
        w->runs[w->n_runs].probe = 0; /* as it is called now */
        run_to(w, 101 * S);
        CHECK(w->runs[w->n_runs - 1].told != 0);
        CHECK_INT(began_at(w, 1, 100 * S + 1, 0), 100 * S + 100 * MS);
}

TEST(a_reload_in_the_middle_of_a_held_failure_asks_the_new_references)
{
        _cleanup_world_ World *w = external_world();

        w->latency[1] = w->latency[2] = 4 * S;
        w->steady_ticks = true;
        world_begin(w);
        run_to(w, 50 * S);
        w->answer[0] = OUTCOME_FAIL;
        schedule_run_now(w->schedule, 0, w->now);
        run_to(w, 51 * S);
        CHECK(run_since(w, 0, 49 * S, 0)->ended != 0 && run_since(w, 0, 49 * S, 0)->told == 0);
        w->latency[1] = w->latency[2] = 10 * MS;
        reload(w, w->probes, 3, (unsigned[]){0, PROBE_NONE, PROBE_NONE});
        run_to(w, 53 * S);
        CHECK_INT(run_since(w, 0, 49 * S, 0)->outcome, OUTCOME_FAIL);
}

TEST(a_reload_that_drops_the_vantage_lets_the_held_failure_count)
{
        _cleanup_world_ World *w = external_world();

        w->hang[1] = w->hang[2] = true;
        w->steady_ticks = true;
        world_begin(w);
        run_to(w, 50 * S);
        w->answer[0] = OUTCOME_FAIL;
        schedule_run_now(w->schedule, 0, w->now);
        run_to(w, 51 * S);
        CHECK(run_since(w, 0, 49 * S, 0)->told == 0);
        reload(w, w->probes, 1, (unsigned[]){0});
        run_to(w, 53 * S);
        CHECK_INT(run_since(w, 0, 49 * S, 0)->outcome, OUTCOME_FAIL);
        CHECK(!schedule_blind(w->schedule));
}

TEST(a_schedule_without_probes_sleeps)
{
        _cleanup_world_ World *w = world_new(0);

        world_begin(w);
        CHECK(schedule_next(w->schedule) == USEC_NEVER);
        wake(w);
}

/* --- everything at once --- */

static unsigned below(uint64_t *random, unsigned n)
{
        return (unsigned) (random_next(random) >> 33) % n;
}

static void random_world(World *w, uint64_t *random)
{
        for (unsigned i = 0; i < w->n; i++) {
                ScheduleProbe *p = &w->probes[i];

                p->fall = 1 + below(random, 4);
                p->window = p->fall + below(random, 4);
                p->single = below(random, 4) == 0;
                p->vantage = i >= 5 && i < 7;
                p->external = !p->vantage && below(random, 2) == 0;
                p->fast_interval_usec = S * (1 + below(random, 5));
                p->interval_usec = p->fast_interval_usec * (1 + below(random, 10));
                w->timeout[i] = S * (1 + below(random, 8));
        }
}

static void random_trouble(World *w, uint64_t *random)
{
        unsigned i = below(random, (unsigned) w->n);
        static unsigned identity[] = {0, 1, 2, 3, 4, 5, 6};

        switch (below(random, 9)) {
        case 0:
                w->hang[i] = !w->hang[i];
                break;
        case 1:
                w->cannot_start[i] = below(random, 3) == 0;
                break;
        case 2:
                schedule_run_now(w->schedule, i, w->now);
                break;
        case 3:
                if (below(random, 4) == 0) {
                        schedule_tilt(w->schedule, w->now, w->now + 30 * S);
                        drain(w);
                }
                break;
        case 4:
                if (below(random, 4) == 0)
                        reload(w, w->probes, w->n, identity);
                break;
        case 5:
                w->latency[i] = below(random, 3000) * MS;
                break;
        default:
                w->answer[i] = (Outcome) below(random, _OUTCOME_MAX);
        }
}

/* Nothing that began is forgotten: it is told once, or cancelled; and nobody starves. */
static void check_runs(const World *w)
{
        uint64_t last[PROBES] = {0};

        for (uint64_t k = 1; k <= w->n_runs; k++) {
                const Run *r = &w->runs[k];
                uint64_t since = r->began, patience = 40 * S;

                CHECK(r->told == 0 || r->told >= r->began);
                CHECK((r->told != 0) || r->cancelled || w->now - START < since + patience);
                if (last[r->probe] != 0)
                        CHECK(r->began - last[r->probe] <= w->probes[r->probe].interval_usec + 60 * S);
                last[r->probe] = r->began;
        }
        for (unsigned i = 0; i < w->n; i++)
                CHECK(w->now - START - last[i] <= w->probes[i].interval_usec + 60 * S);
}

TEST(nothing_is_forgotten_or_told_twice_and_nobody_starves_whatever_happens)
{
        for (uint64_t seed = 1; seed <= 60; seed++) {
                _cleanup_world_ World *w = world_new(7);
                uint64_t random = seed;

                random_world(w, &random);
                w->steady_ticks = true;
                w->seed = seed;
                world_begin(w);
                for (unsigned k = 0; k < 400; k++) {
                        random_trouble(w, &random);
                        run_to(w, w->now - START + below(&random, 4000) * MS);
                        for (unsigned i = 0; i < w->n; i++)
                                CHECK(schedule_in_flight(w->schedule, i) <=
                                      (w->probes[i].single ? 1 : w->probes[i].fall));
                }
                check_runs(w);
        }
}

MAIN()
