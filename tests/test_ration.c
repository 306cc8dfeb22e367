/* SPDX-License-Identifier: MIT */
/* base/ration.c: how often something may be, and of whom. */
#include "base/ration.h"

#include "base/clock.h"
#include "tests/test.h"

TEST(a_burst_passes_and_then_one_each_so_often)
{
        uint64_t bucket = 0, now = 5 * USEC_PER_HOUR;

        for (unsigned i = 0; i < 10; i++)
                CHECK_INT(ration_take(&bucket, 10, USEC_PER_SEC, now), 0);
        CHECK_INT(ration_take(&bucket, 10, USEC_PER_SEC, now), USEC_PER_SEC);
        CHECK_INT(ration_take(&bucket, 10, USEC_PER_SEC, now + USEC_PER_SEC / 4), USEC_PER_SEC * 3 / 4);
        CHECK_INT(ration_take(&bucket, 10, USEC_PER_SEC, now + USEC_PER_SEC), 0);
        CHECK(ration_take(&bucket, 10, USEC_PER_SEC, now + USEC_PER_SEC) > 0);
}

TEST(who_was_away_for_long_has_one_burst_and_no_more)
{
        uint64_t bucket = 0;
        unsigned passed = 0;

        for (unsigned i = 0; i < 30; i++)
                passed += ration_take(&bucket, 10, USEC_PER_SEC, USEC_PER_DAY) == 0;
        CHECK_INT(passed, 10);
}

TEST(an_address_is_one_and_so_are_all_of_a_64)
{
        static const uint8_t none[16], mapped[16] = {[10] = 0xff, 0xff, 192, 0, 2, 1};
        uint8_t a[16], b[16];
        Ration *r = NULL;

        CHECK(ration_origin("192.0.2.1", a));
        CHECK(memcmp(a, mapped, sizeof(a)) == 0);
        CHECK(ration_origin("2001:db8:0:1::1", a) && ration_origin("2001:db8:0:1:ffff::2", b));
        CHECK(memcmp(a, b, sizeof(a)) == 0);
        CHECK(ration_origin("2001:db8:0:2::1", b) && memcmp(a, b, sizeof(a)) != 0);
        CHECK(!ration_origin("", b) && memcmp(b, none, sizeof(b)) == 0);

        CHECK_INT(ration_new(&r), 0);
        CHECK_INT(ration_take_of(r, a, 1, USEC_PER_SEC, USEC_PER_DAY), 0);
        CHECK(ration_take_of(r, a, 1, USEC_PER_SEC, USEC_PER_DAY) > 0);
        ration_free(r);
}

MAIN()
