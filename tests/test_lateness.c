/* SPDX-License-Identifier: MIT */
/* The histogram of lateness, as Prometheus reads it. */
#include "supervisor/lateness.h"
#include "tests/test.h"

static char *metric(const Lateness *l)
{
        Text t = {0};
        char *s = NULL;

        lateness_metric(l, &t);
        CHECK_INT(text_take(&t, &s), 0);
        return s;
}

TEST(buckets_add_up_and_their_bounds_belong_to_them)
{
        Lateness l = {0};

        lateness_note(&l, 0);
        lateness_note(&l, 100);
        lateness_note(&l, 101);
        lateness_note(&l, 50000);
        lateness_note(&l, 50001);
        lateness_note(&l, 3000000);

        _cleanup_free_ char *s = metric(&l);

        CHECK(strstr(s, "# TYPE failoverd_schedule_lateness_seconds histogram\n"));
        CHECK(strstr(s, "_bucket{le=\"0.0001\"} 2\n"));
        CHECK(strstr(s, "_bucket{le=\"0.00025\"} 3\n"));
        CHECK(strstr(s, "_bucket{le=\"0.025\"} 3\n"));
        CHECK(strstr(s, "_bucket{le=\"0.05\"} 4\n"));
        CHECK(strstr(s, "_bucket{le=\"0.1\"} 5\n"));
        CHECK(strstr(s, "_bucket{le=\"2\"} 5\n"));
        CHECK(strstr(s, "_bucket{le=\"+Inf\"} 6\n"));
        CHECK(strstr(s, "_sum 3.100202\n"));
        CHECK(strstr(s, "_count 6\n"));
}

TEST(nothing_noted_is_a_histogram_too)
{
        Lateness l = {0};
        _cleanup_free_ char *s = metric(&l);

        CHECK(strstr(s, "_bucket{le=\"+Inf\"} 0\n"));
        CHECK(strstr(s, "_count 0\n"));
}

MAIN()
