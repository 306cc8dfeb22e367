/* SPDX-License-Identifier: MIT */
/* A circuit breaker for one peer. */
#include "federation/breaker.h"

#include "base/id.h"

/* Steps of doubling: far more than reach the most that is waited. */
#define STEPS_MAX 16U

void breaker_init(Breaker *b, uint64_t seed)
{
        assert(b);

        *b = (Breaker){.state = BREAKER_CLOSED, .random = seed};
}

BreakerVerdict breaker_ask(Breaker *b, uint64_t now_usec)
{
        assert(b);

        if (b->state == BREAKER_CLOSED)
                return BREAKER_ASK;
        if (b->state == BREAKER_OPEN && now_usec >= b->until_usec)
                b->state = BREAKER_HALF_OPEN;
        if (b->state == BREAKER_OPEN || b->trial)
                return BREAKER_SKIP;
        b->trial = true;
        return BREAKER_TRY;
}

static void close_it(Breaker *b)
{
        b->state = BREAKER_CLOSED;
        b->trial = false;
        b->failures = 0;
        b->until_usec = 0;
}

void breaker_succeeded(Breaker *b)
{
        assert(b);

        close_it(b);
        b->opened = 0;
}

/* Peers that died together, or askers of one that did, do not come back to it in step. */
static uint64_t back_off_usec(Breaker *b)
{
        uint64_t usec = BREAKER_FIRST_USEC << MIN(b->opened - 1, STEPS_MAX);

        usec = MIN(usec, BREAKER_MAX_USEC * 4 / 5);
        return (uint64_t) ((double) usec * (0.75 + random_fraction(&b->random) / 2));
}

static void open_it(Breaker *b, uint64_t now_usec)
{
        b->opened += b->opened < UINT32_MAX;
        b->state = BREAKER_OPEN;
        b->trial = false;
        b->until_usec = now_usec + back_off_usec(b);
}

void breaker_failed(Breaker *b, uint64_t now_usec)
{
        assert(b);

        if (b->state == BREAKER_OPEN)
                return;
        b->failures += b->failures < UINT32_MAX;
        if (b->state == BREAKER_HALF_OPEN || b->failures >= BREAKER_FAILURES)
                open_it(b, now_usec);
}

void breaker_abandoned(Breaker *b)
{
        assert(b);

        b->trial = false;
}

void breaker_close(Breaker *b)
{
        assert(b);

        if (b->state == BREAKER_CLOSED)
                return;
        close_it(b);
        b->failures = BREAKER_FAILURES - 2;
}

const char *breaker_state_name(BreakerState s)
{
        switch (s) {
        case BREAKER_CLOSED:
                return "closed";
        case BREAKER_OPEN:
                return "open";
        case BREAKER_HALF_OPEN:
                return "half-open";
        }
        return "unknown";
}
