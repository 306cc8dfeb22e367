/* SPDX-License-Identifier: MIT */
/* How long a peer is waited for: what its own recent answers justify. Pure. */
#pragma once

#include "base/macro.h"

#define LATENCY_KEPT        64 /* answers */
#define DEADLINE_FLOOR_USEC (100 * USEC_PER_MSEC)
#define DEADLINE_FACTOR     3 /* times the 95th percentile */
#define DEADLINE_ENOUGH     3 /* answers before they justify anything */

typedef struct Latency {
        uint32_t usec[LATENCY_KEPT]; /* a ring */
        unsigned n, next;
} Latency;

/* An answer came after so long. One that was given up at its deadline counts with that time, so that a peer which has become
 * slower is waited for longer the next time, up to the limit. */
void latency_add(Latency *l, uint64_t usec);
uint64_t latency_percentile(const Latency *l, unsigned percent); /* 0 when nothing is known */
/* max_usec (network.search_timeout) until enough is known. */
uint64_t deadline_usec(const Latency *l, uint64_t max_usec);
