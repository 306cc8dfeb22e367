/* SPDX-License-Identifier: MIT */
/* How late attempts begin, as a histogram. */
#include "supervisor/lateness.h"

#include "base/clock.h"
#include "base/metrics.h"

#define NAME "failoverd_schedule_lateness_seconds"

static const uint64_t bounds_usec[LATENESS_BOUNDS] = {
                100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 500000, 2000000,
};

void lateness_note(Lateness *l, uint64_t usec)
{
        unsigned i = 0;

        while (i < LATENESS_BOUNDS && usec > bounds_usec[i])
                i++;
        l->counts[i]++;
        l->sum_usec += usec;
}

void lateness_metric(const Lateness *l, Text *t)
{
        uint64_t n = 0;
        char bound[32];

        metric_family(t, NAME, "histogram", "How late attempts began, after their due time.");
        for (unsigned i = 0; i < LATENESS_BOUNDS; i++) {
                n += l->counts[i];
                snprintf(bound, sizeof(bound), "%g", (double) bounds_usec[i] / USEC_PER_SEC);
                metric_sample(t, NAME "_bucket", (double) n, (const char *const[]){"le", bound, NULL});
        }
        n += l->counts[LATENESS_BOUNDS];
        metric_sample(t, NAME "_bucket", (double) n, (const char *const[]){"le", "+Inf", NULL});
        metric_sample(t, NAME "_sum", (double) l->sum_usec / USEC_PER_SEC, NULL);
        metric_sample(t, NAME "_count", (double) n, NULL);
}
