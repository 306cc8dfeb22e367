/* SPDX-License-Identifier: MIT */
/* ULIDs sort by time and never twice the same; the generator for simulations is the published one. */
#include "base/id.h"
#include "tests/test.h"

#include <pthread.h>

MAIN()

TEST(a_ulid_is_crockford_base32_of_time_and_randomness)
{
        char b[ID_SIZE];
        /* The time part of the ULID specification's example, 01ARZ3NDEKTSV4RRFFQ69G5FAV: 2016-07-30T23:54:10.259Z. */
        static const uint8_t random[10] = {0xd6, 0x76, 0x4c, 0x61, 0xef, 0xb9, 0x93, 0x02, 0xbd, 0x5b};
        CHECK_STR(id_make_from(b, UINT64_C(1469922850259000), random), "01ARZ3NDEKTSV4RRFFQ69G5FAV");
        CHECK_STR(id_make_from(b, 0, (const uint8_t[10]){0}), "00000000000000000000000000");
        CHECK_STR(id_make_from(b, UINT64_C(281474976710655) * 1000,
                               (const uint8_t[10]){255, 255, 255, 255, 255, 255, 255, 255, 255, 255}),
                  "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
}

TEST(the_time_in_a_ulid_can_be_read)
{
        CHECK(id_usec("01ARZ3NDEKTSV4RRFFQ69G5FAV") == UINT64_C(1469922850259000));
        CHECK(id_usec("") == 0);
        CHECK(id_usec("01ARZ") == 0);
        CHECK(id_usec("01arz3ndektsv4rrffq69g5fav") == 0);
}

TEST(later_ids_sort_after_earlier_ones_even_when_the_clock_steps_back)
{
        char last[ID_SIZE] = "", b[ID_SIZE];
        uint64_t now = UINT64_C(1795165200000000);

        for (int i = 0; i < 5000; i++) {
                id_make(b, i % 3 == 0 ? now + (uint64_t) i * 100 : now - (uint64_t) i * USEC_PER_MIN);
                CHECK(strcmp(b, last) > 0);
                memcpy(last, b, sizeof b);
        }
}

static void *make_many(void *ids)
{
        for (int i = 0; i < 2000; i++)
                id_make(((char(*)[ID_SIZE]) ids)[i], 1);
        return NULL;
}

static int compare(const void *a, const void *b)
{
        return strcmp(a, b);
}

TEST(threads_never_make_the_same_id)
{
        static char ids[8000][ID_SIZE];
        pthread_t threads[4];

        for (size_t i = 0; i < 4; i++)
                CHECK_INT(pthread_create(&threads[i], NULL, make_many, ids + i * 2000), 0);
        for (size_t i = 0; i < 4; i++)
                CHECK_INT(pthread_join(threads[i], NULL), 0);
        qsort(ids, 8000, ID_SIZE, compare);
        for (size_t i = 1; i < 8000; i++)
                CHECK(strcmp(ids[i - 1], ids[i]) < 0);
}

TEST(the_generator_is_splitmix64)
{
        /* First outputs of the reference implementation (https://prng.di.unimi.it/splitmix64.c) for seed 1234567. */
        uint64_t state = 1234567;
        CHECK(random_next(&state) == UINT64_C(6457827717110365317));
        CHECK(random_next(&state) == UINT64_C(3203168211198807973));
        CHECK(random_next(&state) == UINT64_C(9817491932198370423));
}

TEST(fractions_fill_zero_to_one_evenly)
{
        uint64_t state = 1;
        int tenths[10] = {0};

        for (int i = 0; i < 100000; i++) {
                double f = random_fraction(&state);
                CHECK(f >= 0 && f < 1);
                tenths[(int) (f * 10)]++;
        }
        for (int i = 0; i < 10; i++)
                CHECK(tenths[i] > 9500 && tenths[i] < 10500);
        CHECK(random_seed() != random_seed());
}
