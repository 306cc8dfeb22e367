/* SPDX-License-Identifier: MIT */
/* A circuit breaker for one peer (Nygard, "Release It!"): closed, open for a while that grows, half-open for one trial. Pure:
 * time comes as an argument. */
#pragma once

#include "base/macro.h"

typedef enum BreakerState {
        BREAKER_CLOSED,
        BREAKER_OPEN,      /* not asked until `until` */
        BREAKER_HALF_OPEN, /* one trial is due or under way; nobody waits for it */
} BreakerState;

typedef struct Breaker {
        BreakerState state;
        bool trial;        /* one is under way */
        unsigned failures; /* in a row */
        unsigned opened;   /* times in a row without a success between: the exponent of the back-off */
        uint64_t until_usec;
        uint64_t random; /* state of the jitter */
} Breaker;

#define BREAKER_FAILURES   3
#define BREAKER_FIRST_USEC (5 * USEC_PER_SEC) /* doubles, +-25 % */
#define BREAKER_MAX_USEC   (5 * USEC_PER_MIN) /* jitter included */

typedef enum BreakerVerdict {
        BREAKER_ASK, /* and wait for the answer */
        BREAKER_TRY, /* ask, but hold no answer back for it */
        BREAKER_SKIP,
} BreakerVerdict;

void breaker_init(Breaker *b, uint64_t seed);
/* May this peer be asked now? The end of whatever was not skipped is told by one of the three below; a BREAKER_TRY is the
 * trial, and while it is under way everybody else skips. */
BreakerVerdict breaker_ask(Breaker *b, uint64_t now_usec);
void breaker_succeeded(Breaker *b);
/* While it is open this says nothing new: it was asked before that. */
void breaker_failed(Breaker *b, uint64_t now_usec);
void breaker_abandoned(Breaker *b); /* cancelled by us: it says nothing, and the next one may try */
/* The peer says "I am back", signed. Its word is worth one try: it closes at once, but the next failures open it sooner than
 * others would (two, since one may be of an ask from before), and for longer than the last time. */
void breaker_close(Breaker *b);
const char *breaker_state_name(BreakerState s); /* "closed", "open", "half-open" */
