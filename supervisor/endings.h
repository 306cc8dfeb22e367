/* SPDX-License-Identifier: MIT */
/* The attempts that are under way in a described world: how each ends, and when. What a target does to an attempt is
 * decided here alone, so that simulate.c and measure.c cannot differ. */
#pragma once

#include "probes/probe.h"

typedef enum Behaviour {
        BEHAVE_PASS,
        BEHAVE_WARN,
        BEHAVE_FAIL,
        BEHAVE_INCONCLUSIVE,
        BEHAVE_HANG, /* no answer until the deadline */
} Behaviour;

typedef struct Ending { /* of an attempt that is in flight */
        uint64_t at;
        uint64_t order;
        uint64_t serial;
        unsigned probe;
        Outcome outcome;
} Ending;

typedef struct Endings {
        Ending *items; /* a heap by (at, order) */
        size_t count, capacity;
        uint64_t order;
} Endings;

/* An attempt that begins now. One that would answer at its timeout or later ends at its timeout, with what the silence of
 * its target is worth. -ENOMEM. */
int endings_add(Endings *e, unsigned probe, uint64_t serial, Behaviour behaviour, uint64_t latency_usec,
                uint64_t timeout_usec, Outcome silence, uint64_t now);
uint64_t endings_next(const Endings *e); /* USEC_NEVER when there is none */
Ending endings_take(Endings *e);         /* the next one; there must be one */
void endings_clear(Endings *e);          /* forgets and frees all */
