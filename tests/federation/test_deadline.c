/* SPDX-License-Identifier: MIT */
/* federation/deadline.c, alone and beside federation/breaker.c: what a buyer waits for a peer that changes. */
#include "tests/test.h"

#include "base/id.h"
#include "federation/breaker.h"
#include "federation/deadline.h"

#define MSEC  USEC_PER_MSEC
#define LIMIT (3 * USEC_PER_SEC)
#define NEVER USEC_NEVER

static void add(Latency *l, unsigned times, uint64_t usec)
{
        for (unsigned i = 0; i < times; i++)
                latency_add(l, usec);
}

TEST(waits_for_a_stranger_as_long_as_is_allowed)
{
        Latency l = {0};

        CHECK_INT(latency_percentile(&l, 95), 0);
        CHECK_INT(deadline_usec(&l, LIMIT), LIMIT);
        add(&l, 2, 10 * MSEC);
        CHECK_INT(deadline_usec(&l, LIMIT), LIMIT);
        add(&l, 1, 40 * MSEC);
        CHECK_INT(deadline_usec(&l, LIMIT), 120 * MSEC);
}

TEST(waits_three_times_the_95th_percentile_within_its_bounds)
{
        Latency l = {0};

        add(&l, 3, 5 * MSEC);
        CHECK_INT(deadline_usec(&l, LIMIT), DEADLINE_FLOOR_USEC);
        CHECK_INT(deadline_usec(&l, 20 * MSEC), 20 * MSEC); /* the operator's word is the last */
        add(&l, 61, 200 * MSEC);
        CHECK_INT(deadline_usec(&l, LIMIT), 600 * MSEC);
        add(&l, 64, 2 * USEC_PER_SEC);
        CHECK_INT(deadline_usec(&l, LIMIT), LIMIT);
        add(&l, 64, NEVER); /* more than its own counters hold */
        CHECK_INT(deadline_usec(&l, LIMIT), LIMIT);
}

TEST(one_stray_answer_in_twenty_does_not_count)
{
        Latency l = {0};

        add(&l, 61, 50 * MSEC);
        add(&l, 3, 900 * MSEC);
        CHECK_INT(deadline_usec(&l, LIMIT), 150 * MSEC);
        add(&l, 1, 900 * MSEC);
        CHECK_INT(deadline_usec(&l, LIMIT), 2700 * MSEC);
        add(&l, 61, 50 * MSEC); /* and what is long ago does not, either */
        CHECK_INT(deadline_usec(&l, LIMIT), 150 * MSEC);
}

static int compare(const void *a, const void *b)
{
        uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

        return (x > y) - (x < y);
}

TEST(percentiles_are_those_of_the_last_64_sorted)
{
        uint64_t random = 5;
        uint32_t all[300], sorted[LATENCY_KEPT];

        for (unsigned round = 0; round < 300; round++) {
                Latency l = {0};
                uint64_t most = 1 + random_next(&random) % 1000;
                unsigned n = 1 + (unsigned) (random_next(&random) % ELEMENTSOF(all));
                for (unsigned i = 0; i < n; i++) {
                        all[i] = (uint32_t) (random_next(&random) % most);
                        latency_add(&l, all[i]);
                }
                unsigned kept = MIN(n, (unsigned) LATENCY_KEPT);
                memcpy(sorted, all + n - kept, kept * sizeof *sorted);
                qsort(sorted, kept, sizeof *sorted, compare);
                for (unsigned percent = 0; percent <= 100; percent++) {
                        unsigned rank = 1; /* the least that percent of all are not above */
                        while (rank * 100 < percent * kept)
                                rank++;
                        CHECK_INT(latency_percentile(&l, percent), sorted[rank - 1]);
                }
        }
}

/* One peer, asked by searches half a second apart, as federation/search.c does. */
typedef struct World {
        Latency l;
        Breaker b;
        uint64_t now;
        unsigned asked, tried, answered; /* what came of it */
        uint64_t waited;                 /* by buyers */
} World;

static void world_init(World *w)
{
        *w = (World){0};
        breaker_init(&w->b, 1);
}

/* The peer answers after so long. Returns whether the buyer got its results. */
static bool search(World *w, uint64_t answers_after)
{
        BreakerVerdict v = breaker_ask(&w->b, w->now);
        uint64_t deadline = v == BREAKER_TRY ? LIMIT : deadline_usec(&w->l, LIMIT);
        bool in_time = answers_after <= deadline;
        uint64_t took = MIN(answers_after, deadline);

        w->now += 500 * MSEC;
        if (v == BREAKER_SKIP)
                return false;
        w->asked += v == BREAKER_ASK;
        w->tried += v == BREAKER_TRY;
        w->answered += in_time;
        if (v == BREAKER_ASK)
                w->waited += took;
        if (in_time) {
                latency_add(&w->l, took);
                breaker_succeeded(&w->b);
        } else {
                latency_gave_up(&w->l);
                breaker_failed(&w->b, w->now + took);
        }
        return in_time && v == BREAKER_ASK;
}

static void begin(World *w, unsigned searches)
{
        world_init(w);
        for (unsigned i = 0; i < searches; i++)
                CHECK(search(w, 20 * MSEC));
        w->waited = w->asked = w->answered = 0;
}

TEST(a_peer_that_goes_black_costs_three_learned_deadlines_and_then_nothing)
{
        /* However much is known of it. */
        for (unsigned known = DEADLINE_ENOUGH; known < 2 * LATENCY_KEPT; known++) {
                World w;
                begin(&w, known);
                for (unsigned i = 0; i < 2000; i++)
                        CHECK(!search(&w, NEVER));
                CHECK_INT(w.asked, 3);
                CHECK_INT(w.waited, 3 * DEADLINE_FLOOR_USEC);
                CHECK(w.tried >= 5 && w.tried < 15); /* in 1000 s */
        }
}

TEST(once_it_is_back_it_is_waited_for_as_before)
{
        World w;

        begin(&w, 30);
        for (unsigned i = 0; i < 2000; i++)
                search(&w, NEVER);
        while (!search(&w, 20 * MSEC))
                CHECK(w.now < 1400 * USEC_PER_SEC); /* the longest back-off */
        CHECK_INT(deadline_usec(&w.l, LIMIT), DEADLINE_FLOOR_USEC);

        /* Once more, and a third time: outages do not add up. */
        for (unsigned round = 0; round < 10; round++) {
                for (unsigned i = 0; i < 3; i++)
                        search(&w, NEVER);
                w.waited = 0;
                while (!search(&w, 20 * MSEC))
                        ;
                CHECK_INT(deadline_usec(&w.l, LIMIT), DEADLINE_FLOOR_USEC);
        }
}

TEST(a_stranger_that_never_answers_costs_one_whole_timeout_and_less_each_time)
{
        World w;

        world_init(&w);
        for (unsigned i = 0; i < 100; i++)
                search(&w, NEVER);
        CHECK_INT(w.waited, LIMIT + LIMIT / 4 + LIMIT / 16);
}

TEST(a_peer_that_has_become_slower_is_in_the_answers_again_after_one_trial)
{
        static const uint64_t slower[] = {150 * MSEC, 400 * MSEC, 800 * MSEC, 2500 * MSEC};

        for (unsigned i = 0; i < ELEMENTSOF(slower); i++) {
                World w;
                begin(&w, 100);
                uint64_t began = w.now;
                while (!search(&w, slower[i]))
                        CHECK(w.now - began < 10 * USEC_PER_SEC);
                for (unsigned k = 0; k < 100; k++)
                        CHECK(search(&w, slower[i]));
                CHECK_INT(deadline_usec(&w.l, LIMIT), MIN(3 * slower[i], LIMIT));
                /* And quick again: the long wait is forgotten. */
                for (unsigned k = 0; k < LATENCY_KEPT; k++)
                        CHECK(search(&w, 20 * MSEC));
                CHECK_INT(deadline_usec(&w.l, LIMIT), DEADLINE_FLOOR_USEC);
        }
}

TEST(a_peer_that_is_often_slow_is_waited_for_in_the_end)
{
        for (uint64_t seed = 1; seed <= 50; seed++) {
                uint64_t random = seed;
                World w;
                unsigned whole = 0;
                begin(&w, 100);
                for (unsigned i = 0; i < 3000; i++) {
                        bool slow = random_next(&random) % 3 == 0,
                             got = search(&w, slow ? 500 * MSEC : 20 * MSEC);
                        whole += i >= 2000 && got;
                }
                CHECK(whole > 990);
        }
}

TEST(a_peer_that_loses_some_questions_is_not_waited_for_longer)
{
        uint64_t random = 4;
        World w;

        begin(&w, 100);
        for (unsigned i = 0; i < 10000; i++) {
                search(&w, random_next(&random) % 8 == 0 ? NEVER : 20 * MSEC);
                CHECK_INT(deadline_usec(&w.l, LIMIT), DEADLINE_FLOOR_USEC);
        }
}

MAIN()
