/* SPDX-License-Identifier: MIT */
/* federation/lanes.c: a crowd in one lane delays nobody in another, and takes a bounded part of the room. */
#include "federation/lanes.h"

#include "base/text.h"
#include "tests/test.h"

typedef struct Waiter {
        LaneEntry entry;
        char name[16];
} Waiter;

static Waiter waiters[2 * LANES_MAX];

static int add(Lanes *l, Waiter *w, const char *lane, const char *from, const char *name)
{
        *w = (Waiter){0};
        snprintf(w->name, sizeof(w->name), "%s", name);
        return lanes_add(l, &w->entry, lane, from);
}

static const char *next(Lanes *l)
{
        Waiter *w = (Waiter *) lanes_next(l);

        return w ? w->name : "";
}

static void drain(Lanes *l)
{
        while (lanes_next(l))
                ;
        CHECK_INT(lanes_count(l), 0);
        lanes_free(l);
}

TEST(in_one_lane_the_first_is_the_first)
{
        Lanes *l;

        CHECK_INT(lanes_new(&l), 0);
        CHECK_STR(next(l), "");
        CHECK_INT(add(l, &waiters[0], "a", "x", "1"), 0);
        CHECK_INT(add(l, &waiters[1], "a", "x", "2"), 0);
        CHECK_STR(next(l), "1");
        CHECK_INT(add(l, &waiters[0], "a", "x", "3"), 0);
        CHECK_STR(next(l), "2");
        CHECK_STR(next(l), "3");
        CHECK_STR(next(l), "");
        drain(l);
}

TEST(who_comes_behind_a_crowd_of_others_waits_for_one_of_them)
{
        Lanes *l;
        char from[16];

        CHECK_INT(lanes_new(&l), 0);
        for (unsigned i = 0; i < LANE_MAX; i++) {
                snprintf(from, sizeof(from), "10.0.0.%u", i);
                CHECK_INT(add(l, &waiters[i], "loud", from, "loud"), 0);
        }
        CHECK_INT(add(l, &waiters[LANE_MAX], "quiet", "192.0.2.1", "quiet 1"), 0);
        CHECK_INT(add(l, &waiters[LANE_MAX + 1], "quiet", "192.0.2.1", "quiet 2"), 0);
        CHECK_STR(next(l), "loud");
        CHECK_STR(next(l), "quiet 1");
        CHECK_STR(next(l), "loud");
        CHECK_STR(next(l), "quiet 2");
        CHECK_STR(next(l), "loud");
        drain(l);
}

/* A hundred peers, one of which sends without end: each of the others is behind at most one of its own and 99 others. */
TEST(each_of_a_hundred_gets_its_turn_once_a_round)
{
        Lanes *l;
        char lane[16];
        unsigned turns[100] = {0};

        CHECK_INT(lanes_new(&l), 0);
        for (unsigned i = 0; i < LANE_FROM_MAX; i++)
                CHECK_INT(add(l, &waiters[i], "0", "x", "0"), 0);
        for (unsigned i = 1; i < 100; i++) {
                snprintf(lane, sizeof(lane), "%u", i);
                CHECK_INT(add(l, &waiters[LANE_FROM_MAX + i], lane, "x", lane), 0);
        }
        for (unsigned i = 0; i < 100; i++)
                turns[atoi(next(l))]++;
        for (unsigned i = 0; i < 100; i++)
                CHECK_INT(turns[i], 1);
        CHECK_INT(lanes_count(l), LANE_FROM_MAX - 1);
        drain(l);
}

TEST(a_lane_an_address_and_all_of_them_have_bounds)
{
        Lanes *l;
        char text[16];
        unsigned n = 0;

        CHECK_INT(lanes_new(&l), 0);
        for (unsigned i = 0; i < LANE_FROM_MAX; i++)
                CHECK_INT(add(l, &waiters[n++], "a", "x", ""), 0);
        CHECK_INT(add(l, &waiters[n], "a", "x", ""), -EBUSY);
        CHECK_INT(add(l, &waiters[n++], "b", "x", ""), 0); /* in another lane, the same address */
        for (unsigned i = LANE_FROM_MAX; i < LANE_MAX; i++) {
                snprintf(text, sizeof(text), "y%u", i);
                CHECK_INT(add(l, &waiters[n++], "a", text, ""), 0);
        }
        CHECK_INT(add(l, &waiters[n], "a", "z", ""), -EBUSY);
        for (unsigned i = 0; n < LANES_MAX; i++) {
                snprintf(text, sizeof(text), "lane%u", i);
                CHECK_INT(add(l, &waiters[n++], text, "x", ""), 0);
        }
        CHECK_INT(add(l, &waiters[n], "c", "x", ""), -ENOBUFS);
        CHECK(*(next(l)) == '\0');
        CHECK_INT(add(l, &waiters[n], "c", "x", ""), 0);
        drain(l);
}

MAIN()
