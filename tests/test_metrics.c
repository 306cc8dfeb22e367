/* SPDX-License-Identifier: MIT */
/* Prometheus' text format. */
#include "base/metrics.h"
#include "tests/test.h"

#include <math.h>

MAIN()

TEST(families_and_samples_are_written_as_prometheus_reads_them)
{
        _cleanup_text_ Text t = {0};

        metric_family(&t, "failoverd_mode", "gauge", "1 for the mode that runs");
        metric_sample(&t, "failoverd_mode", 1, (const char *const[]){"mode", "primary", NULL});
        metric_sample(&t, "failoverd_mode", 0, (const char *const[]){"mode", "crypto", "x", "y", NULL});
        metric_family(&t, "failoverd_changes_total", "counter", "Changes of mode");
        metric_sample(&t, "failoverd_changes_total", 12, NULL);
        CHECK_STR(t.data, "# HELP failoverd_mode 1 for the mode that runs\n"
                          "# TYPE failoverd_mode gauge\n"
                          "failoverd_mode{mode=\"primary\"} 1\n"
                          "failoverd_mode{mode=\"crypto\",x=\"y\"} 0\n"
                          "# HELP failoverd_changes_total Changes of mode\n"
                          "# TYPE failoverd_changes_total counter\n"
                          "failoverd_changes_total 12\n");
}

TEST(labels_cannot_break_out)
{
        _cleanup_text_ Text t = {0};

        metric_sample(&t, "m", 1, (const char *const[]){"l", "a\"} 1\nforged 2\\\x1b\xff", NULL});
        CHECK_STR(t.data, "m{l=\"a\\\"} 1\\\\nforged 2\\\\\\\\x1b\\\\xff\"} 1\n");
}

TEST(help_stays_one_line)
{
        _cleanup_text_ Text t = {0};

        metric_family(&t, "m", "gauge", "a \"b\"\\\nc");
        CHECK_STR(t.data, "# HELP m a \"b\"\\\\\\\\nc\n# TYPE m gauge\n");
}

static void check_value(double value, const char *wanted)
{
        _cleanup_text_ Text t = {0};

        metric_sample(&t, "m", value, NULL);
        CHECK(strncmp(t.data, "m ", 2) == 0);
        t.data[t.size - 1] = 0;
        CHECK_STR(t.data + 2, wanted);
}

TEST(values_are_short_and_read_back)
{
        check_value(0, "0");
        check_value(0.1, "0.1");
        check_value(1.0 / 3, "0.33333333333333331");
        check_value(1795165200, "1795165200");
        check_value(-2.5, "-2.5");
        check_value(NAN, "NaN");
        check_value(INFINITY, "+Inf");
        check_value(-INFINITY, "-Inf");
}
