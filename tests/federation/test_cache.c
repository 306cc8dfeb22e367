/* SPDX-License-Identifier: MIT */
/* federation/cache.c, by its claims and against a list that is searched from end to end. */
#include "tests/test.h"

#include "base/clock.h"
#include "base/id.h"
#include "federation/cache.h"

#define KIB    ((size_t) 1024)
#define SECOND USEC_PER_SEC

static bool has(Cache *c, const char *key, uint64_t generation, uint64_t now, const char *wanted)
{
        size_t size = 0;
        const char *got = cache_get(c, key, generation, now, &size);

        return got && size == strlen(wanted) && memcmp(got, wanted, size) == 0;
}

static void put(Cache *c, const char *key, uint64_t generation, const char *value, uint64_t now)
{
        cache_put(c, key, generation, value, strlen(value), now);
}

static Cache *make(size_t bytes, uint64_t ttl)
{
        Cache *c = NULL;

        CHECK_INT(cache_new(bytes, ttl, &c), 0);
        return c;
}

TEST(gives_back_what_was_put_in)
{
        _cleanup_(cache_freep) Cache *c = make(64 * KIB, 30 * SECOND);
        CacheCounts counts;

        CHECK(!has(c, "q", 1, 0, ""));
        put(c, "q", 1, "answer", 0);
        CHECK(has(c, "q", 1, 0, "answer"));
        put(c, "q", 1, "a longer answer", SECOND);
        CHECK(has(c, "q", 1, SECOND, "a longer answer"));
        put(c, "", 1, "", SECOND);
        CHECK(has(c, "", 1, SECOND, ""));
        cache_put(c, "zeros", 1, "a\0b", 3, SECOND);
        size_t size;
        CHECK(memcmp(cache_get(c, "zeros", 1, SECOND, &size), "a\0b", 3) == 0);
        cache_counts(c, &counts);
        CHECK_INT(counts.hits, 4);
        CHECK_INT(counts.misses, 1);
        CHECK_INT(counts.entries, 3);
        cache_clear(c);
        CHECK(!has(c, "q", 1, SECOND, "a longer answer"));
        cache_counts(c, &counts);
        CHECK_INT(counts.bytes, 0);
        CHECK_INT(counts.entries, 0);
}

TEST(an_answer_of_other_catalogs_or_of_long_ago_is_none)
{
        _cleanup_(cache_freep) Cache *c = make(64 * KIB, 30 * SECOND);
        CacheCounts counts;

        put(c, "q", 1, "answer", SECOND);
        CHECK(has(c, "q", 1, 31 * SECOND - 1, "answer"));
        CHECK(!has(c, "q", 1, 31 * SECOND, "answer"));
        put(c, "q", 1, "answer", SECOND);
        CHECK(!has(c, "q", 2, SECOND, "answer"));
        CHECK(!has(c, "q", 1, SECOND, "answer")); /* gone for good */
        cache_counts(c, &counts);
        CHECK_INT(counts.stale, 2);
        CHECK_INT(counts.misses, 3);
        CHECK_INT(counts.bytes, 0);
}

TEST(the_least_recently_used_goes_first)
{
        _cleanup_(cache_freep) Cache *c = make(16 * KIB, 30 * SECOND);
        char value[1500], key[20];
        CacheCounts counts;

        memset(value, 'v', sizeof value - 1);
        value[sizeof value - 1] = 0;
        for (unsigned i = 0; i < 1000; i++) {
                snprintf(key, sizeof key, "k%u", i);
                put(c, key, 1, value, 0);
                CHECK(has(c, "k0", 1, 0, value)); /* asked for all the time */
        }
        CHECK(has(c, "k999", 1, 0, value));
        CHECK(!has(c, "k500", 1, 0, value));
        cache_counts(c, &counts);
        CHECK(counts.bytes <= 16 * KIB && counts.bytes > 14 * KIB);
        CHECK_INT(counts.evicted + counts.entries, 1000);

        cache_configure(c, 4 * KIB, 30 * SECOND);
        cache_counts(c, &counts);
        CHECK(counts.bytes <= 4 * KIB && counts.entries == 2);
        CHECK(has(c, "k999", 1, 0, value));
}

TEST(keeps_nothing_without_room_or_time_and_nothing_large)
{
        _cleanup_(cache_freep) Cache *none = make(0, SECOND), *never = make(64 * KIB, 0),
                                     *small = make(8 * KIB, SECOND);
        char large[2000];

        put(none, "q", 1, "answer", 0);
        CHECK(!has(none, "q", 1, 0, "answer"));
        put(never, "q", 1, "answer", 0);
        CHECK(!has(never, "q", 1, 0, "answer"));
        memset(large, 'x', sizeof large - 1);
        large[sizeof large - 1] = 0;
        put(small, "q", 1, "answer", 0);
        put(small, "q", 1, large, 0);
        CHECK(!has(small, "q", 1, 0, large));
        CHECK(!has(small, "q", 1, 0, "answer")); /* nor an older one instead */
        put(small, large, 1, "answer", 0);
        CHECK(!has(small, large, 1, 0, "answer"));
        cache_put(small, "q", 1, large, SIZE_MAX / 2, 0);
}

/* The last used first, like the cache, but searched from the front. */
typedef struct NaiveEntry {
        unsigned key;
        uint64_t generation, put;
        size_t size;
        char fill;
} NaiveEntry;

typedef struct Naive {
        NaiveEntry all[256];
        size_t n, bytes, max;
} Naive;

#define KEY_SIZE 8 /* "key-1234" */
#define TTL      (10 * SECOND)

static void naive_drop(Naive *v, size_t i, size_t overhead)
{
        v->bytes -= v->all[i].size + overhead;
        memmove(v->all + i, v->all + i + 1, (--v->n - i) * sizeof *v->all);
}

static size_t naive_find(const Naive *v, unsigned key)
{
        size_t i = 0;

        while (i < v->n && v->all[i].key != key)
                i++;
        return i;
}

static void naive_front(Naive *v, NaiveEntry e)
{
        CHECK(v->n < ELEMENTSOF(v->all));
        memmove(v->all + 1, v->all, v->n++ * sizeof *v->all);
        v->all[0] = e;
}

static void naive_put(Naive *v, NaiveEntry e, size_t overhead)
{
        size_t i = naive_find(v, e.key);

        if (i < v->n)
                naive_drop(v, i, overhead);
        if (e.size + overhead > v->max / 8)
                return;
        while (v->bytes + e.size + overhead > v->max)
                naive_drop(v, v->n - 1, overhead);
        v->bytes += e.size + overhead;
        naive_front(v, e);
}

static NaiveEntry *naive_get(Naive *v, unsigned key, uint64_t generation, uint64_t now, size_t overhead)
{
        size_t i = naive_find(v, key);

        if (i == v->n)
                return NULL;
        NaiveEntry e = v->all[i];
        if (e.generation != generation || now - e.put >= TTL) {
                naive_drop(v, i, overhead);
                return NULL;
        }
        memmove(v->all + 1, v->all, i * sizeof *v->all);
        v->all[0] = e;
        return v->all;
}

static size_t overhead_of_one(void)
{
        _cleanup_(cache_freep) Cache *c = make(64 * KIB, SECOND);
        CacheCounts counts;

        cache_put(c, "key-0000", 1, "", 0, 0);
        cache_counts(c, &counts);
        return counts.bytes;
}

static void play(uint64_t seed, size_t overhead)
{
        uint64_t random = seed, now = 0, generation = 1;
        Naive naive = {.max = 4 * KIB + random_next(&random) % (24 * KIB)};
        _cleanup_(cache_freep) Cache *c = make(naive.max, TTL);
        char key[KEY_SIZE + 1], value[4 * KIB];

        for (unsigned i = 0; i < 3000; i++) {
                unsigned k = (unsigned) (random_next(&random) % 60);
                uint64_t chance = random_next(&random) % 100;
                snprintf(key, sizeof key, "key-%04u", k);
                if (chance < 45) {
                        NaiveEntry e = {.key = k, .generation = generation, .put = now};
                        e.size = random_next(&random) % (random_next(&random) % 10 ? 400 : sizeof value);
                        e.fill = (char) ('a' + random_next(&random) % 26);
                        memset(value, e.fill, e.size);
                        cache_put(c, key, generation, value, e.size, now);
                        naive_put(&naive, e, overhead);
                } else if (chance < 95) {
                        size_t size = 0;
                        const char *got = cache_get(c, key, generation, now, &size);
                        NaiveEntry *e = naive_get(&naive, k, generation, now, overhead);
                        CHECK_INT(got != NULL, e != NULL);
                        CHECK(!e || (size == e->size &&
                                     (size == 0 || (got[0] == e->fill && got[size - 1] == e->fill))));
                } else if (chance < 99) {
                        now += random_next(&random) % SECOND;
                } else {
                        generation += random_next(&random) % 4 == 0;
                }
                CacheCounts counts;
                cache_counts(c, &counts);
                CHECK_INT(counts.bytes, naive.bytes);
                CHECK_INT(counts.entries, naive.n);
                CHECK(counts.bytes <= naive.max);
        }
}

TEST(does_what_a_naive_list_does)
{
        size_t overhead = overhead_of_one();

        CHECK(overhead > KEY_SIZE && overhead < 250);
        for (uint64_t seed = 1; seed <= 60; seed++)
                play(seed, overhead);
}

/* Not a race: a list searched from the front would take minutes. */
TEST(a_hundred_thousand_answers_are_no_burden)
{
        _cleanup_(cache_freep) Cache *c = make((size_t) 16 << 20, SECOND);
        uint64_t began = clock_boot_usec();
        char key[32];

        for (unsigned round = 0; round < 3; round++)
                for (unsigned i = 0; i < 100000; i++) {
                        snprintf(key, sizeof key, "question %u", i);
                        size_t size;
                        if (!cache_get(c, key, 1, 0, &size))
                                put(c, key, 1, "answer", 0);
                }
        CHECK(clock_boot_usec() - began < 20 * SECOND);
}

MAIN()
