/* SPDX-License-Identifier: MIT */
/* What a schedule does about references, tilts and reloads, tested against a small world with a virtual clock. */
#include "tests/schedule_world.h"

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

TEST(a_quick_reference_that_fails_does_not_outvote_a_slow_one_that_passes)
{
        for (unsigned quick = 1; quick <= 2; quick++) {
                _cleanup_world_ World *w = external_world();

                world_begin(w);
                run_to(w, 55 * S);
                w->answer[0] = w->answer[quick] = OUTCOME_FAIL;
                w->latency[3 - quick] = 2 * S;
                schedule_run_now(w->schedule, 0, w->now);
                run_to(w, 56 * S);
                CHECK(run_since(w, 0, 49 * S, 0)->told == 0);
                run_to(w, 58 * S);
                CHECK_INT(run_since(w, 0, 49 * S, 0)->outcome, OUTCOME_FAIL);
        }
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
        uint64_t t, told;

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

TEST(a_reload_that_names_another_reference_asks_that_one)
{
        _cleanup_world_ World *w = external_world();
        ScheduleProbe probes[3];
        uint64_t runs;

        w->probes[2].vantage = false; /* one that is watched for itself */
        w->hang[1] = true;
        w->timeout[1] = 40 * S;
        w->steady_ticks = true;
        world_begin(w);
        run_to(w, 50 * S);
        w->answer[0] = OUTCOME_FAIL;
        schedule_run_now(w->schedule, 0, w->now);
        run_to(w, 51 * S);
        CHECK(run_since(w, 0, 49 * S, 0)->told == 0);
        memcpy(probes, w->probes, sizeof(probes));
        probes[1].vantage = false;
        probes[2].vantage = true;
        runs = schedule_runs(w->schedule, 2);
        reload(w, probes, 3, (unsigned[]){0, 1, 2});
        run_to(w, 53 * S);
        CHECK_INT(schedule_runs(w->schedule, 2), runs + 1);
        CHECK_INT(run_since(w, 0, 49 * S, 0)->outcome, OUTCOME_FAIL);
}

TEST(a_reload_gives_nobody_sight)
{
        _cleanup_world_ World *w = external_world();

        world_begin(w);
        run_to(w, 55 * S);
        for (unsigned i = 0; i < 3; i++)
                w->answer[i] = OUTCOME_FAIL;
        schedule_run_now(w->schedule, 0, w->now);
        run_to(w, 56 * S);
        CHECK(schedule_blind(w->schedule));
        reload(w, w->probes, 3, (unsigned[]){0, 1, 2});
        CHECK(schedule_blind(w->schedule));
        reload(w, w->probes, 1, (unsigned[]){0}); /* no vantage any more: nobody asks whether we see */
        CHECK(!schedule_blind(w->schedule));
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
        CHECK(n > 0);
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
