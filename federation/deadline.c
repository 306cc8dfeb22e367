/* SPDX-License-Identifier: MIT */
/* How long a peer is waited for. */
#include "federation/deadline.h"

void latency_add(Latency *l, uint64_t usec)
{
        assert(l);

        if (l->given_up >= DEADLINE_OUTAGE && usec > deadline_usec(l, UINT64_MAX))
                l->n = l->next = 0;
        l->given_up = 0;
        l->usec[l->next] = (uint32_t) MIN(usec, (uint64_t) UINT32_MAX);
        l->next = (l->next + 1) % LATENCY_KEPT;
        l->n += l->n < LATENCY_KEPT;
}

void latency_gave_up(Latency *l)
{
        assert(l);

        l->given_up += l->given_up < DEADLINE_OUTAGE;
}

/* The k-th smallest, from 0 (Hoare's selection). It is asked for each peer of each search, so it does not sort. */
static uint32_t select_nth(uint32_t *v, unsigned n, unsigned k)
{
        unsigned low = 0, high = n - 1;

        while (low < high) {
                uint32_t pivot = v[low + (high - low) / 2];
                unsigned i = low, j = high;
                for (;;) {
                        while (v[i] < pivot)
                                i++;
                        while (v[j] > pivot)
                                j--;
                        if (i >= j)
                                break;
                        uint32_t other = v[i];
                        v[i++] = v[j];
                        v[j--] = other;
                }
                if (k <= j)
                        high = j;
                else
                        low = j + 1;
        }
        return v[k];
}

uint64_t latency_percentile(const Latency *l, unsigned percent)
{
        uint32_t copy[LATENCY_KEPT];

        assert(l);
        assert(percent <= 100);

        if (l->n == 0)
                return 0;
        memcpy(copy, l->usec, l->n * sizeof *copy);
        unsigned rank = (l->n * percent + 99) / 100;
        return select_nth(copy, l->n, MAX(rank, 1U) - 1);
}

uint64_t deadline_usec(const Latency *l, uint64_t max_usec)
{
        assert(l);

        if (l->n < DEADLINE_ENOUGH)
                return MIN(MAX(max_usec >> 2 * l->given_up, DEADLINE_FLOOR_USEC), max_usec);
        return MIN(MAX(latency_percentile(l, 95) * DEADLINE_FACTOR, DEADLINE_FLOOR_USEC), max_usec);
}
