/* SPDX-License-Identifier: MIT */
/* How late attempts begin, as a histogram. */
#pragma once

#include "base/text.h"

#define LATENESS_BOUNDS 12

typedef struct Lateness {
        uint64_t counts[LATENESS_BOUNDS + 1]; /* the last one: beyond all bounds */
        uint64_t sum_usec;
} Lateness;

void lateness_note(Lateness *l, uint64_t usec);
/* As the metric failoverd_schedule_lateness_seconds. */
void lateness_metric(const Lateness *l, Text *t);
