/* SPDX-License-Identifier: MIT */
/* How long a peer is waited for: what its own recent answers justify. Pure. */
#pragma once

#include "base/macro.h"

#define LATENCY_KEPT        64 /* answers */
#define DEADLINE_FLOOR_USEC (100 * USEC_PER_MSEC)
#define DEADLINE_FACTOR     3 /* times the 95th percentile */
#define DEADLINE_ENOUGH     3 /* answers before they justify anything */
#define DEADLINE_OUTAGE     3 /* given up so often in a row: gone, or another than it was */

/* All zeros: nothing is known. */
typedef struct Latency {
        uint32_t usec[LATENCY_KEPT]; /* a ring of n, next is overwritten next */
        unsigned n, next;
        unsigned given_up; /* in a row, since the last answer */
} Latency;

/* An answer came after so long; in time, or later, when somebody still listened (a trial does). When it ends an outage and is later
 * than the deadline, the peer is another than it was, and all is learned anew. */
void latency_add(Latency *l, uint64_t usec);
/* None came until the deadline. That says nothing of how long answers take, and lengthens no deadline: a peer that went black
 * costs what it was worth before, until its breaker opens, and shops that lose one question in twenty must not all be waited for
 * ever longer. */
void latency_gave_up(Latency *l);
uint64_t latency_percentile(const Latency *l, unsigned percent); /* nearest rank; 0 when nothing is known */
/* Never more than max_usec (network.search_timeout), which it is until enough is known: less for one that has let us wait
 * in vain already, a quarter for each time. A trial holds nobody up and gets all of max_usec, whatever this says. */
uint64_t deadline_usec(const Latency *l, uint64_t max_usec);
