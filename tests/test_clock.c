/* SPDX-License-Identifier: MIT */
/* Durations and time stamps as text. */
#include "base/clock.h"
#include "tests/test.h"

MAIN()

static uint64_t parsed(const char *text)
{
        uint64_t usec = 4711;
        CHECK_INT(duration_parse(text, &usec), 0);
        return usec;
}

TEST(durations_are_read_in_every_unit_and_mixed)
{
        CHECK_INT(parsed("250ms"), 250 * USEC_PER_MSEC);
        CHECK_INT(parsed("7us"), 7);
        CHECK_INT(parsed("60s"), USEC_PER_MIN);
        CHECK_INT(parsed("5m"), 5 * USEC_PER_MIN);
        CHECK_INT(parsed("1h30m"), 90 * USEC_PER_MIN);
        CHECK_INT(parsed("2d"), 2 * USEC_PER_DAY);
        CHECK_INT(parsed("1d2h3m4s5ms6us"), USEC_PER_DAY + 2 * USEC_PER_HOUR + 3 * USEC_PER_MIN +
                                                            4 * USEC_PER_SEC + 5 * USEC_PER_MSEC + 6);
        CHECK_INT(parsed("0"), 0);
        CHECK_INT(parsed("0s"), 0);
}

TEST(durations_without_unit_or_out_of_order_are_refused)
{
        static const char *const bad[] = {"",     "5",     "60",   "s",  "5x", "-5s",  "5 s",  " 5s",  "5s ",
                                          "1.5s", "30m1h", "5s5s", "00", "5S", "5min", "5sec", "0x5s", "+5s"};
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                uint64_t usec = 4711;
                if (duration_parse(bad[i], &usec) != -EINVAL) {
                        fprintf(stderr, "taken: '%s'\n", bad[i]);
                        CHECK(false);
                }
                CHECK_INT(usec, 4711); /* outputs stay untouched */
        }
}

TEST(durations_past_64_bits_are_refused)
{
        uint64_t usec;
        CHECK_INT(duration_parse("18446744073709551615us", &usec), -ERANGE); /* USEC_NEVER */
        CHECK_INT(duration_parse("18446744073709551616us", &usec), -ERANGE);
        CHECK_INT(duration_parse("213503983d", &usec), -ERANGE);
        CHECK_INT(duration_parse("213503982d9h", &usec), -ERANGE);
        CHECK_INT(duration_parse("213503982d", &usec), 0);
}

TEST(durations_for_people_show_the_two_largest_units)
{
        char b[DURATION_SIZE];
        CHECK_STR(duration_format(b, 0), "0 s");
        CHECK_STR(duration_format(b, 450 * USEC_PER_MSEC), "450 ms");
        CHECK_STR(duration_format(b, 12 * USEC_PER_SEC + 300 * USEC_PER_MSEC), "12 s");
        CHECK_STR(duration_format(b, 3 * USEC_PER_SEC + 250 * USEC_PER_MSEC), "3.2 s");
        CHECK_STR(duration_format(b, 5 * USEC_PER_MIN), "5 min");
        CHECK_STR(duration_format(b, 70 * USEC_PER_MIN + 59 * USEC_PER_SEC), "1 h 10 min");
        CHECK_STR(duration_format(b, 3 * USEC_PER_DAY + 2 * USEC_PER_HOUR), "3 d 2 h");
        CHECK_STR(duration_format(b, USEC_NEVER), "never");
        CHECK(strlen(duration_format(b, USEC_NEVER - 1)) < DURATION_SIZE);
}

TEST(printed_durations_are_short_and_read_back)
{
        char b[DURATION_SIZE];
        CHECK_STR(duration_print(b, 0), "0");
        CHECK_STR(duration_print(b, 90 * USEC_PER_SEC), "90s");
        CHECK_STR(duration_print(b, 5 * USEC_PER_MIN), "5m");
        CHECK_STR(duration_print(b, USEC_PER_HOUR), "1h");
        CHECK_STR(duration_print(b, 36 * USEC_PER_HOUR), "36h");
        CHECK_STR(duration_print(b, 1500 * USEC_PER_SEC + 1), "25m1us");

        uint64_t seed = 1;
        for (int i = 0; i < 10000; i++) {
                seed = seed * 6364136223846793005 + 1442695040888963407;
                uint64_t usec = seed >> (seed % 60);
                CHECK(strlen(duration_print(b, usec)) < DURATION_SIZE);
                if (usec != USEC_NEVER)
                        CHECK(parsed(b) == usec);
        }
}

TEST(time_stamps_are_utc_with_milliseconds)
{
        char b[TIMESTAMP_SIZE];
        CHECK_STR(timestamp_format(b, 0), "1970-01-01T00:00:00.000Z");
        CHECK_STR(timestamp_format(b, UINT64_C(1795165200123999)), "2026-11-20T09:00:00.123Z");
        CHECK_STR(timestamp_format(b, UINT64_C(951782400000000)), "2000-02-29T00:00:00.000Z");
        CHECK(strlen(timestamp_format(b, UINT64_MAX)) < TIMESTAMP_SIZE);
}

static uint64_t stamp(const char *text)
{
        uint64_t usec = 0;
        CHECK_INT(timestamp_parse(text, &usec), 0);
        return usec;
}

TEST(time_stamps_are_read_with_fraction_and_offset)
{
        CHECK_INT(stamp("2026-11-20T09:00:00Z"), 1795165200000000);
        CHECK_INT(stamp("2026-11-20T09:00:00.123Z"), 1795165200123000);
        CHECK_INT(stamp("2026-11-20T09:00:00.123456789Z"), 1795165200123456);
        CHECK_INT(stamp("2026-11-20T10:30:00+01:30"), 1795165200000000);
        CHECK_INT(stamp("2026-11-19T22:00:00-11:00"), 1795165200000000);
        CHECK_INT(stamp("2026-11-20t09:00:00z"), 1795165200000000);
        CHECK_INT(stamp("2016-12-31T23:59:60Z"), stamp("2016-12-31T23:59:59Z"));
        CHECK_INT(stamp("2000-02-29T00:00:00Z"), 951782400000000);
}

TEST(impossible_time_stamps_are_refused)
{
        static const char *const bad[] = {
                        "",
                        "2026-11-20",
                        "2026-11-20T09:00:00",
                        "2026-13-20T09:00:00Z",
                        "2026-02-29T09:00:00Z",
                        "2026-04-31T09:00:00Z",
                        "2026-11-20T24:00:00Z",
                        "2026-11-20T09:60:00Z",
                        "2026-11-20T09:00:61Z",
                        "2026-11-20T09:00:00.Z",
                        "2026-11-20T09:00:00+0130",
                        "2026-11-20T09:00:00Zx",
                        " 2026-11-20T09:00:00Z",
                        "1969-12-31T23:59:59Z",
                        "1970-01-01T00:00:00+01:00",
                        "2026-1-20T09:00:00Z",
        };
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                uint64_t usec;
                if (timestamp_parse(bad[i], &usec) != -EINVAL) {
                        fprintf(stderr, "taken: '%s'\n", bad[i]);
                        CHECK(false);
                }
        }
}

TEST(time_stamps_read_back_to_the_millisecond)
{
        char b[TIMESTAMP_SIZE];
        for (uint64_t usec = 0; usec < UINT64_C(4102444800000000); usec += UINT64_C(8640123457001))
                CHECK_INT(stamp(timestamp_format(b, usec)), usec / 1000 * 1000);
}

TEST(boot_time_does_not_go_back)
{
        uint64_t a = clock_boot_usec(), b = clock_boot_usec();
        CHECK(b >= a);
        CHECK(clock_wall_usec() > UINT64_C(1577836800000000)); /* 2020 */
}
