/* SPDX-License-Identifier: MIT */
/* How long a failover and a return take, found by trying: the engine itself under a virtual clock, with the probe in
 * question, what its fallback waits for, and the references. No formula: what the schedule and the rule do is what is
 * measured. I/O-free. */
#pragma once

#include "supervisor/config.h"

typedef struct MeasureSpan {
        uint64_t worst_usec, mean_usec; /* over the moment at which it begins; USEC_NEVER: never */
} MeasureSpan;

typedef struct Measure {
        /* From the first moment of trouble to the change. worst: the outage begins just after a run, and the fallback
         * answers as late as its timeout lets it; mean: the fallback answers at once. */
        MeasureSpan fail; /* the target answers at once, with an error */
        MeasureSpan hang; /* it never answers */
        /* From the first moment of health to the return. */
        MeasureSpan back;
        bool silent; /* silence of this target is inconclusive: hang says nothing */
        unsigned reports; /* passive: so many bad ones in a row; fail and back count from the last of them. 0: it is run */
} Measure;

/* c: where vantage and failback come from. fallback: of what the mode to be taken requires, the probe whose answer may
 * take longest; NULL: it requires nothing that is run. Both are read only. -ENOMEM. */
int measure(const Config *c, const ProbeConfig *probe, const ProbeConfig *fallback, Measure *ret);

#define MEASURE_LATENCY_USEC (10 * USEC_PER_MSEC) /* of an answer that comes at once */
