/* SPDX-License-Identifier: MIT */
/* federation/breaker.c, by its stories and against a plain list of what happened. */
#include "tests/test.h"

#include "base/id.h"
#include "federation/breaker.h"

#define SECOND USEC_PER_SEC

static void fail(Breaker *b, uint64_t now, unsigned times)
{
        for (unsigned i = 0; i < times; i++)
                breaker_failed(b, now);
}

TEST(opens_after_three_failures_in_a_row_and_not_before)
{
        Breaker b;

        breaker_init(&b, 1);
        for (unsigned i = 0; i < 10; i++) {
                fail(&b, 0, BREAKER_FAILURES - 1);
                CHECK_INT(breaker_ask(&b, 0), BREAKER_ASK);
                breaker_succeeded(&b);
        }
        fail(&b, 0, BREAKER_FAILURES);
        CHECK_INT(b.state, BREAKER_OPEN);
        CHECK_INT(breaker_ask(&b, 0), BREAKER_SKIP);
        CHECK_INT(breaker_ask(&b, b.until_usec - 1), BREAKER_SKIP);
        CHECK_INT(breaker_ask(&b, b.until_usec), BREAKER_TRY);
}

TEST(lets_one_try_at_a_time_and_a_success_closes)
{
        Breaker b;

        breaker_init(&b, 1);
        fail(&b, 0, BREAKER_FAILURES);
        CHECK_INT(breaker_ask(&b, 60 * SECOND), BREAKER_TRY);
        CHECK_STR(breaker_state_name(b.state), "half-open");
        for (unsigned i = 0; i < 5; i++)
                CHECK_INT(breaker_ask(&b, 3600 * SECOND), BREAKER_SKIP);
        breaker_succeeded(&b);
        CHECK_STR(breaker_state_name(b.state), "closed");
        for (unsigned i = 0; i < 5; i++)
                CHECK_INT(breaker_ask(&b, 60 * SECOND), BREAKER_ASK);
        fail(&b, 0, BREAKER_FAILURES - 1);
        CHECK_INT(b.state, BREAKER_CLOSED);
}

TEST(an_abandoned_trial_says_nothing_and_gives_its_place_to_the_next)
{
        Breaker b;

        breaker_init(&b, 1);
        fail(&b, 0, BREAKER_FAILURES);
        for (unsigned i = 0; i < 100; i++) {
                CHECK_INT(breaker_ask(&b, 60 * SECOND), BREAKER_TRY);
                CHECK_INT(breaker_ask(&b, 60 * SECOND), BREAKER_SKIP);
                breaker_abandoned(&b);
                CHECK_INT(b.state, BREAKER_HALF_OPEN);
        }
        CHECK_INT(b.opened, 1);
        CHECK_INT(breaker_ask(&b, 60 * SECOND), BREAKER_TRY);
        breaker_succeeded(&b);
        CHECK_INT(b.state, BREAKER_CLOSED);
}

TEST(waits_twice_as_long_each_time_up_to_five_minutes)
{
        uint64_t shortest[12], longest[12] = {0};

        memset(shortest, 0xff, sizeof shortest);
        for (uint64_t seed = 0; seed < 2000; seed++) {
                Breaker b;
                uint64_t now = 0;
                breaker_init(&b, seed);
                fail(&b, now, BREAKER_FAILURES);
                for (unsigned i = 0; i < ELEMENTSOF(shortest); i++) {
                        uint64_t waited = b.until_usec - now;
                        shortest[i] = MIN(shortest[i], waited);
                        longest[i] = MAX(longest[i], waited);
                        now = b.until_usec;
                        CHECK_INT(breaker_ask(&b, now), BREAKER_TRY);
                        breaker_failed(&b, now);
                }
        }
        for (unsigned i = 0; i < ELEMENTSOF(shortest); i++) {
                uint64_t middle = MIN(BREAKER_FIRST_USEC << i, BREAKER_MAX_USEC * 4 / 5);
                CHECK(shortest[i] >= middle * 75 / 100 && shortest[i] < middle * 76 / 100);
                CHECK(longest[i] <= middle * 125 / 100 && longest[i] > middle * 124 / 100);
                CHECK(longest[i] <= BREAKER_MAX_USEC);
        }
}

TEST(a_failure_of_an_ask_from_before_neither_opens_it_anew_nor_lengthens_the_wait)
{
        Breaker b;

        breaker_init(&b, 7);
        fail(&b, 0, BREAKER_FAILURES);
        uint64_t until = b.until_usec;
        fail(&b, SECOND, 10);
        CHECK_INT(b.until_usec, until);
        CHECK_INT(b.opened, 1);
}

TEST(its_word_that_it_is_back_closes_at_once_but_is_not_believed_for_ever)
{
        Breaker b;

        breaker_init(&b, 3);
        fail(&b, 0, BREAKER_FAILURES);
        breaker_close(&b);
        CHECK_INT(breaker_ask(&b, 0), BREAKER_ASK);
        breaker_failed(&b, 0);
        CHECK_INT(breaker_ask(&b, 0), BREAKER_ASK);
        breaker_failed(&b, 0);
        CHECK_INT(b.state, BREAKER_OPEN);
        CHECK(b.until_usec >= 2 * BREAKER_FIRST_USEC * 3 / 4); /* the second time */

        breaker_close(&b);
        breaker_succeeded(&b);
        CHECK_INT(b.opened, 0);

        /* In the middle of a trial: its end is one more failure, or the best of news. */
        fail(&b, 0, BREAKER_FAILURES);
        CHECK_INT(breaker_ask(&b, 60 * SECOND), BREAKER_TRY);
        breaker_close(&b);
        CHECK_INT(breaker_ask(&b, 60 * SECOND), BREAKER_ASK);
        breaker_failed(&b, 60 * SECOND);
        CHECK_INT(b.state, BREAKER_CLOSED);

        /* Of one that is well it says nothing new. */
        breaker_succeeded(&b);
        breaker_close(&b);
        fail(&b, 0, BREAKER_FAILURES - 1);
        CHECK_INT(b.state, BREAKER_CLOSED);
}

/* What was asked and not yet answered, and what may be asked, told in another way: by looking back over all that happened. */
typedef struct Reference {
        bool open;          /* and not yet tried with success */
        bool trying;        /* somebody is */
        unsigned in_a_row;  /* failures that count */
        unsigned opened;    /* in a row */
        uint64_t opened_at; /* last */
} Reference;

static void check_wait(const Breaker *b, const Reference *r)
{
        uint64_t middle = BREAKER_FIRST_USEC;

        for (unsigned i = 1; i < r->opened; i++)
                middle = MIN(middle * 2, BREAKER_MAX_USEC * 4 / 5);
        CHECK(b->until_usec - r->opened_at >= middle / 4 * 3);
        CHECK(b->until_usec - r->opened_at <= middle / 4 * 5);
}

static void reference_failed(Reference *r, const Breaker *b, uint64_t now, bool waits)
{
        if (r->open && waits) /* until the back-off is over: asked before */
                return;
        r->in_a_row++;
        if (r->open || r->in_a_row >= BREAKER_FAILURES) {
                *r = (Reference){.open = true,
                                 .in_a_row = r->in_a_row,
                                 .opened = r->opened + 1,
                                 .opened_at = now};
                check_wait(b, r);
        }
}

static void step(Breaker *b, Reference *r, uint64_t *random, uint64_t *now)
{
        bool waits = b->state == BREAKER_OPEN;
        unsigned event = (unsigned) (random_next(random) % 16);

        if (event < 8) {
                BreakerVerdict v = breaker_ask(b, *now), wanted = BREAKER_ASK;
                if (r->open && (r->trying || *now < b->until_usec))
                        wanted = BREAKER_SKIP;
                else if (r->open)
                        wanted = BREAKER_TRY;
                CHECK_INT(v, wanted);
                r->trying |= v == BREAKER_TRY;
        } else if (event < 12) {
                breaker_failed(b, *now);
                reference_failed(r, b, *now, waits);
        } else if (event == 12) {
                breaker_succeeded(b);
                *r = (Reference){0};
        } else if (event == 13) {
                breaker_abandoned(b);
                r->trying = false;
        } else if (event == 14 && random_next(random) % 8 == 0) {
                breaker_close(b);
                if (r->open)
                        *r = (Reference){.in_a_row = BREAKER_FAILURES - 2, .opened = r->opened};
        } else {
                *now += random_next(random) % (random_next(random) % 4 ? 2 * SECOND : 200 * SECOND);
        }
        CHECK_INT(b->state != BREAKER_CLOSED, r->open);
        CHECK_INT(b->trial, r->trying);
        CHECK(b->state != BREAKER_OPEN || !b->trial);
}

TEST(does_what_a_plain_account_of_all_events_says)
{
        for (uint64_t seed = 1; seed <= 500; seed++) {
                uint64_t random = seed, now = seed * SECOND;
                Breaker b;
                Reference r = {0};
                breaker_init(&b, seed);
                for (unsigned i = 0; i < 2000; i++)
                        step(&b, &r, &random, &now);
        }
}

TEST(stays_bounded_when_nothing_ever_gets_better)
{
        Breaker b;
        uint64_t now = 0;

        breaker_init(&b, 9);
        fail(&b, now, BREAKER_FAILURES);
        for (unsigned i = 0; i < 100000; i++) {
                CHECK(b.until_usec - now <= BREAKER_MAX_USEC);
                now = b.until_usec;
                CHECK_INT(breaker_ask(&b, now), BREAKER_TRY);
                breaker_failed(&b, now);
        }
}

MAIN()
