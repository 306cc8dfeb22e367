/* SPDX-License-Identifier: MIT */
/* federation/merge.c and merge_cluster.c. */
#include "tests/test.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/text.h"
#include "federation/merge.h"

/* Prints works as "a,b c d,e": ids side by side are one work. */
static void print(const MergeItem *items, const Merge *m, Text *t)
{
        for (size_t w = 0; w < m->n_works; w++)
                for (size_t i = 0; i < m->works[w].n_items; i++)
                        text_add(t, "%s%s",
                                 i > 0   ? ","
                                 : w > 0 ? " "
                                         : "",
                                 items[m->order[m->works[w].first + i]].id);
        text_add_string(t, "");
}

static void check_merge(const MergeItem *items, size_t n, const char *wanted)
{
        MergeItem shuffled[64];
        uint64_t random = n;

        CHECK(n <= ELEMENTSOF(shuffled));
        memcpy(shuffled, items, n * sizeof *items);
        for (unsigned round = 0; round < 20; round++) {
                _cleanup_merge_ Merge m = {0};
                _cleanup_text_ Text t = {0};
                CHECK_INT(merge_items(shuffled, n, &m), 0);
                print(shuffled, &m, &t);
                CHECK_STR(t.data ? t.data : "", wanted);
                for (size_t i = n; i > 1; i--) {
                        size_t k = random_next(&random) % i;
                        MergeItem other = shuffled[i - 1];
                        shuffled[i - 1] = shuffled[k];
                        shuffled[k] = other;
                }
        }
}
#define CHECK_MERGE(wanted, ...) \
        check_merge((const MergeItem[]){__VA_ARGS__}, ELEMENTSOF(((const MergeItem[]){__VA_ARGS__})), wanted)

#define X "9780306406157"
#define Y "9789295055025"
#define Z "9780804429573"

TEST(nothing_is_nothing)
{
        _cleanup_merge_ Merge m = {0};

        CHECK_INT(merge_items(NULL, 0, &m), 0);
        CHECK_INT(m.n_works, 0);
}

TEST(ranks_by_reciprocal_rank_and_prefers_our_own_when_equal)
{
        CHECK_MERGE("l0 a0 b0 l1 a1", {0, 0, "", "", "l0", 0}, {0, 1, "", "", "l1", 0},
                    {1, 0, "", "", "a0", 0}, {1, 1, "", "", "a1", 0}, {2, 0, "", "", "b0", 0});
        /* Second at three shops is more than first at one. */
        CHECK_MERGE("l1,a1,b1 l0 a0 b0", {0, 0, "", "w/x", "l0", 0}, {0, 1, "", "k/a", "l1", 0},
                    {1, 0, "", "y/y", "a0", 0}, {1, 1, "", "k/a", "a1", 0}, {2, 0, "", "", "b0", 0},
                    {2, 1, "", "k/a", "b1", 0});
        /* What was asked for by its title is first. */
        CHECK_MERGE("b5 l0 a0", {0, 0, "", "w/x", "l0", 0}, {1, 0, "", "y/y", "a0", 0},
                    {2, 5, "", "k/a", "b5", 1});
}

TEST(the_best_source_counts_whole_and_others_a_sixteenth)
{
        const MergeItem items[] = {
                        {0, 3, "", "k/a", "l", 0}, {4, 0, "", "k/a", "p", 0}, {4, 1, "", "k/a", "q", 0}};
        _cleanup_merge_ Merge m = {0};

        CHECK_INT(merge_items(items, ELEMENTSOF(items), &m), 0);
        CHECK_INT(m.n_works, 1);
        double wanted = 1.0 / 64 / 16 + 1.0 / 61; /* once for each source, at its best */
        CHECK(m.works[0].score > wanted - 1e-9 && m.works[0].score < wanted + 1e-9);
}

TEST(a_source_counts_once_per_work_and_a_listing_once_at_all)
{
        CHECK_MERGE("b0,b1,b2 a0", {1, 0, "", "w/x", "a0", 0}, {2, 0, X, "k/a", "b0", 0},
                    {2, 1, Y, "k/a", "b1", 0}, {2, 2, Z, "k/a", "b2", 1});
        CHECK_MERGE("a0 b0,b1,b2", {1, 0, "", "w/x", "a0", 0}, {2, 0, X, "k/a", "b0", 0},
                    {2, 1, Y, "k/a", "b1", 0}, {2, 2, Z, "k/a", "b2", 0});
        CHECK_MERGE("a0 b0", {1, 0, "", "w/x", "a0", 0}, {2, 0, "", "k/a", "b0", 0},
                    {2, 1, "", "k/a", "b0", 0}, {2, 2, "", "z/z", "b0", 0});
}

TEST(editions_are_one_work_and_so_are_titles_with_one_isbn)
{
        CHECK_MERGE("a,b,c", {0, 0, X, "k/a", "a", 0}, {1, 0, Y, "k/a", "b", 0}, {2, 0, "", "k/a", "c", 0});
        CHECK_MERGE("a,b c", {0, 0, X, "1984/o", "a", 0}, {1, 0, X, "nineteen eighty four/o", "b", 0},
                    {2, 0, Y, "x/y", "c", 0});
        CHECK_MERGE("a,b", {0, 0, X, "", "a", 0}, {1, 0, X, "k/a", "b", 0});
        CHECK_MERGE("a,b", {0, 0, X, "", "a", 0}, {1, 0, X, "", "b", 0});
        CHECK_MERGE("a b", {0, 0, X, "", "a", 0}, {1, 0, Y, "", "b", 0});
        CHECK_MERGE("a b", {0, 0, "", "", "a", 0}, {1, 0, "", "", "b", 0});
        /* Through a third. */
        CHECK_MERGE("a,b,c", {0, 0, "", "k/a", "a", 0}, {1, 0, X, "k/a", "b", 0}, {2, 0, X, "", "c", 0});
}

TEST(a_listing_goes_to_the_work_that_most_shops_have_for_its_isbn)
{
        CHECK_MERGE("l,a,b c,d", {0, 0, X, "k/a", "l", 0}, {1, 0, X, "k/a", "a", 0}, {2, 2, X, "z/a", "b", 0},
                    {3, 1, Y, "z/a", "c", 0}, {4, 1, Y, "z/a", "d", 0});
        /* One word against one: for the name that more shops know. */
        CHECK_MERGE("e,a,c", {0, 0, X, "aaa/z", "e", 0}, {1, 0, X, "k/a", "a", 0}, {2, 0, Z, "k/a", "c", 0});
        /* Two shops that know both names are believed: all of that name follows. */
        CHECK_MERGE("l,a,f,b,e,c,d,g", {0, 0, X, "k/a", "l", 0}, {1, 0, X, "k/a", "a", 0},
                    {2, 2, X, "z/a", "b", 0}, {3, 3, Y, "z/a", "c", 0}, {4, 4, "", "z/a", "d", 0},
                    {5, 2, X, "z/a", "e", 0}, {6, 0, X, "k/a", "f", 0}, {7, 9, X, "k/a", "g", 0});
}

TEST(nobody_alone_joins_two_works)
{
        /* Two works of five shops each, and one shop that says they are the same in every way it can think of. */
        MergeItem items[16];
        char names[16][24];
        size_t n = 0;

        for (unsigned i = 0; i < 5; i++) {
                items[n++] = (MergeItem){i, 0, X, "k/a", NULL, 0};
                items[n++] = (MergeItem){i, 1, Y, "z/b", NULL, 0};
        }
        items[n++] = (MergeItem){9, 0, X, "z/b", NULL, 0};
        items[n++] = (MergeItem){9, 1, Y, "k/a", NULL, 0};
        items[n++] = (MergeItem){9, 2, X, "a/a", NULL, 0};
        items[n++] = (MergeItem){9, 3, Y, "a/a", NULL, 0};
        items[n++] = (MergeItem){9, 4, "", "k/a", NULL, 0};
        for (size_t i = 0; i < n; i++) {
                snprintf(names[i], sizeof *names, "%zu", i);
                items[i].id = names[i];
        }
        _cleanup_merge_ Merge m = {0};
        CHECK_INT(merge_items(items, n, &m), 0);
        size_t work_of[16];
        for (size_t w = 0; w < m.n_works; w++)
                for (size_t i = 0; i < m.works[w].n_items; i++)
                        work_of[m.order[m.works[w].first + i]] = w;
        for (size_t i = 0; i < 10; i++)
                CHECK_INT(work_of[i], work_of[i % 2]);
        CHECK(work_of[0] != work_of[1]);
}

TEST(an_isbn_that_a_shop_has_for_all_its_books_says_nothing)
{
        CHECK_MERGE("a,d b c", {1, 0, X, "k/a", "a", 0}, {1, 1, X, "z/b", "b", 0}, {1, 2, X, "y/c", "c", 0},
                    {2, 0, Y, "k/a", "d", 0});
}

TEST(a_subtitle_may_be_missing_unless_there_are_several)
{
        CHECK_MERGE("a,b", {0, 0, "", "sapiens/h", "a", 0},
                    {1, 0, "", "sapiens/h:a brief history of humankind", "b", 0});
        CHECK_MERGE("a,b,c", {0, 0, "", "sapiens/h", "a", 0},
                    {1, 0, "", "sapiens/h:a brief history of humankind", "b", 0},
                    {2, 0, "", "sapiens/h:a brief history", "c", 0});
        CHECK_MERGE("a b", {0, 0, "", "batman/m", "a", 0}, {1, 0, "", "batman/m:year one", "b", 0});
        CHECK_MERGE("b,c a", {0, 1, "", "batman/m", "a", 0}, {1, 0, "", "batman/m:year one", "b", 0},
                    {2, 0, "", "batman/m:year one", "c", 0});
        CHECK_MERGE("b,d a c", {0, 0, "", "star wars/z", "a", 0},
                    {1, 0, "", "star wars/z:heir to the empire", "b", 0},
                    {2, 1, "", "star wars/z:dark force rising", "c", 0},
                    {3, 1, "", "star wars/z:heir to the empire", "d", 0});
        CHECK_MERGE("a b", {0, 0, "", "y/v:the last man 1", "a", 0}, {1, 0, "", "y/v:the last man", "b", 0});
}

TEST(the_first_seller_is_ourselves_or_the_best_ranked)
{
        CHECK_MERGE("l,b,a", {0, 7, "", "k/a", "l", 0}, {1, 3, "", "k/a", "a", 0}, {2, 1, "", "k/a", "b", 0});
        CHECK_MERGE("b,c,a", {1, 3, "", "k/a", "a", 0}, {2, 1, "", "k/a", "b", 0}, {3, 1, "", "k/a", "c", 0});
}

static char ids[4000][16];

static size_t fill(MergeItem *items, size_t n, unsigned source, unsigned count, bool match)
{
        for (unsigned i = 0; i < count; i++, n++) {
                snprintf(ids[n], sizeof *ids, "%u-%u", source, i);
                items[n] = (MergeItem){source, i, "", "", ids[n], match};
        }
        return n;
}

static unsigned on_page(const MergeItem *items, const Merge *m, unsigned source)
{
        unsigned count = 0;

        for (size_t w = 0; w < m->n_works && w < MERGE_PAGE; w++)
                count += items[m->order[m->works[w].first]].source == source;
        return count;
}

TEST(no_peer_takes_more_than_half_of_the_first_page_while_others_have_something)
{
        MergeItem items[400];
        size_t n = fill(items, 0, 3, 100, true);

        for (unsigned others = 0; others <= 40; others++) {
                size_t all = fill(items, n, 5, others, false);
                _cleanup_merge_ Merge m = {0};
                CHECK_INT(merge_items(items, all, &m), 0);
                CHECK_INT(m.n_works, all);
                CHECK_INT(on_page(items, &m, 3), MAX(10, 20 - (int) others));
                /* Behind that page they stand as they would have. */
                unsigned last = 0;
                for (size_t w = MERGE_PAGE; w < 90; w++) {
                        const MergeItem *item = items + m.order[m.works[w].first];
                        CHECK(item->source == 3 && item->rank > last);
                        last = item->rank;
                }
        }
        /* Ourselves are no peer. */
        n = fill(items, 0, 0, 100, true);
        n = fill(items, n, 5, 40, false);
        _cleanup_merge_ Merge m = {0};
        CHECK_INT(merge_items(items, n, &m), 0);
        CHECK_INT(on_page(items, &m, 0), 20);
}

/* Random listings, few keys and ISBNs, so that everything meets everything. */
static size_t random_items(uint64_t *random, MergeItem *items, size_t most)
{
        static const char *const isbns[] = {"", "", X, Y, Z, "9791090636071"};
        static const char *const works[] = {
                        "",      "k/a",   "z/b",       "y/c", "k/a:one two three", "k/a:one two three four",
                        "z/b:x", "z/b:y", "q/q:a b c", "q/q"};
        size_t n = 0;
        unsigned sources = 1 + (unsigned) (random_next(random) % 8);

        for (unsigned s = 0; s < sources; s++)
                for (unsigned k = (unsigned) (random_next(random) % 12), i = 0; i < k && n < most; i++, n++) {
                        snprintf(ids[n], sizeof *ids, "%u", (unsigned) (random_next(random) % 40));
                        items[n] = (MergeItem){s,
                                               i,
                                               isbns[random_next(random) % ELEMENTSOF(isbns)],
                                               works[random_next(random) % ELEMENTSOF(works)],
                                               ids[n],
                                               random_next(random) % 9 == 0};
                }
        return n;
}

TEST(the_order_of_arrival_does_not_matter)
{
        uint64_t random = 11;

        for (unsigned round = 0; round < 3000; round++) {
                MergeItem items[128];
                size_t n = random_items(&random, items, ELEMENTSOF(items));
                _cleanup_text_ Text first = {0};
                for (unsigned again = 0; again < 3; again++) {
                        _cleanup_merge_ Merge m = {0};
                        _cleanup_text_ Text t = {0};
                        CHECK_INT(merge_items(items, n, &m), 0);
                        for (size_t w = 0; w < m.n_works; w++)
                                for (size_t i = 0; i < m.works[w].n_items; i++) {
                                        const MergeItem *item = items + m.order[m.works[w].first + i];
                                        text_add(&t, "%c%u/%u", i > 0 ? ',' : ' ', item->source, item->rank);
                                }
                        if (again == 0)
                                text_add_bytes(&first, t.data, t.size);
                        CHECK(first.size == t.size &&
                              (t.size == 0 || memcmp(first.data, t.data, t.size) == 0));
                        for (size_t i = n; i > 1; i--) {
                                size_t k = random_next(&random) % i;
                                MergeItem other = items[i - 1];
                                items[i - 1] = items[k];
                                items[k] = other;
                        }
                }
        }
}

TEST(every_listing_is_there_once_and_what_must_meet_meets)
{
        uint64_t random = 12;

        for (unsigned round = 0; round < 3000; round++) {
                MergeItem items[128];
                size_t work_of[128], n = random_items(&random, items, ELEMENTSOF(items)), seen = 0;
                _cleanup_merge_ Merge m = {0};
                memset(work_of, 0xff, sizeof work_of);
                CHECK_INT(merge_items(items, n, &m), 0);
                for (size_t w = 0; w < m.n_works; w++) {
                        CHECK_INT(m.works[w].first, seen);
                        CHECK(m.works[w].n_items > 0 && m.works[w].score > 0);
                        for (size_t i = 0; i < m.works[w].n_items; i++, seen++) {
                                CHECK_INT(work_of[m.order[seen]], SIZE_MAX);
                                work_of[m.order[seen]] = w;
                        }
                }
                for (size_t a = 0; a < n; a++)
                        for (size_t b = 0; b < n; b++) {
                                bool listing = items[a].source == items[b].source &&
                                               streq(items[a].id, items[b].id);
                                if (work_of[a] == SIZE_MAX || work_of[b] == SIZE_MAX) {
                                        CHECK(a != b || work_of[a] != SIZE_MAX || n > seen);
                                        continue;
                                }
                                CHECK(a == b || !listing);
                                /* Without an ISBN to say otherwise, a key is a work. */
                                if (*items[a].work && !*items[a].isbn13 && !*items[b].isbn13 &&
                                    streq(items[a].work, items[b].work))
                                        CHECK_INT(work_of[a], work_of[b]);
                        }
        }
}

/* As many as a large network gives; a few milliseconds with sanitizers. The rest is bench/dialect.c's. */
TEST(a_hundred_and_twenty_eight_shops_are_merged_in_no_time)
{
        static MergeItem items[128 * 20];
        static char works[128 * 20][40];
        uint64_t random = 5;
        size_t n = 0;

        for (unsigned s = 0; s < 128; s++)
                for (unsigned i = 0; i < 20; i++, n++) {
                        snprintf(works[n], sizeof *works, "title %u/author %u",
                                 (unsigned) (random_next(&random) % 500), i % 7);
                        snprintf(ids[n], sizeof *ids, "%u", i);
                        items[n] = (MergeItem){s, i, i % 3 ? X : "", works[n], ids[n], false};
                }
        uint64_t began = clock_boot_usec();
        for (unsigned round = 0; round < 20; round++) {
                _cleanup_merge_ Merge m = {0};
                CHECK_INT(merge_items(items, n, &m), 0);
        }
        CHECK(clock_boot_usec() - began < 20 * 100 * USEC_PER_MSEC);
}

MAIN()
