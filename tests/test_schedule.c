/* SPDX-License-Identifier: MIT */
/* When probes run: interval, spread, pace, overlap, tested against a small world with a virtual clock. */
#include "tests/schedule_world.h"

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

TEST(it_tells_when_a_start_was_due)
{
        _cleanup_world_ World *w = world_new(1);

        world_begin(w);
        uint64_t due = w->now;
        w->now += 123;
        wake(w);
        CHECK_INT(schedule_last_due(w->schedule), due);
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

MAIN()
