/* SPDX-License-Identifier: MIT */
/* The attempts that are under way in a described world: how each ends, and when. */
#include "supervisor/endings.h"

static bool ends_before(const Ending *a, const Ending *b)
{
        return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static int endings_push(Endings *e, Ending ending)
{
        size_t i;

        if (e->count == e->capacity) {
                size_t capacity = MAX(2 * e->capacity, (size_t) 64);
                Ending *grown = reallocarray(e->items, capacity, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                e->items = grown;
                e->capacity = capacity;
        }
        for (i = e->count++; i > 0 && ends_before(&ending, &e->items[(i - 1) / 2]); i = (i - 1) / 2)
                e->items[i] = e->items[(i - 1) / 2];
        e->items[i] = ending;
        return 0;
}

int endings_add(Endings *e, unsigned probe, uint64_t serial, Behaviour behaviour, uint64_t latency_usec,
                uint64_t timeout_usec, Outcome silence, uint64_t now)
{
        const Outcome outcomes[] = {
                        [BEHAVE_PASS] = OUTCOME_PASS, [BEHAVE_WARN] = OUTCOME_WARN,
                        [BEHAVE_FAIL] = OUTCOME_FAIL, [BEHAVE_INCONCLUSIVE] = OUTCOME_INCONCLUSIVE,
                        [BEHAVE_HANG] = silence,
        };
        Outcome outcome = outcomes[behaviour];

        if (behaviour == BEHAVE_HANG || latency_usec >= timeout_usec) {
                latency_usec = timeout_usec;
                outcome = silence;
        }
        return endings_push(e, (Ending){.at = now + latency_usec,
                                        .order = ++e->order,
                                        .serial = serial,
                                        .probe = probe,
                                        .outcome = outcome});
}

uint64_t endings_next(const Endings *e)
{
        return e->count > 0 ? e->items[0].at : USEC_NEVER;
}

Ending endings_take(Endings *e)
{
        Ending first, last;
        size_t i = 0;

        assert(e->count > 0);
        first = e->items[0];
        last = e->items[--e->count];
        for (;;) {
                size_t child = 2 * i + 1;

                if (child >= e->count)
                        break;
                if (child + 1 < e->count && ends_before(&e->items[child + 1], &e->items[child]))
                        child++;
                if (!ends_before(&e->items[child], &last))
                        break;
                e->items[i] = e->items[child];
                i = child;
        }
        e->items[i] = last;
        return first;
}

void endings_clear(Endings *e)
{
        free(e->items);
        e->items = NULL;
        e->count = e->capacity = 0;
}
