/* SPDX-License-Identifier: MIT */
/* Are two states of the decision the same, member by member? */
#pragma once

#include "supervisor/mode.h"

static inline bool probe_same(const ProbeState *a, const ProbeState *b)
{
        return a->verdict == b->verdict && a->verdict_since == b->verdict_since && a->fails == b->fails &&
               a->count == b->count && a->run == b->run && a->streak == b->streak && a->last == b->last &&
               a->last_conclusive == b->last_conclusive && a->last_pass == b->last_pass &&
               a->last_fail == b->last_fail && a->first_fail == b->first_fail &&
               a->down_fails == b->down_fails;
}

static inline bool damping_same(const ModeState *a, const ModeState *b)
{
        if (a->hold != b->hold || a->last_return != b->last_return ||
            a->last_was_return != b->last_was_return || a->n_changes != b->n_changes ||
            a->returns_stopped != b->returns_stopped || a->tilt_until != b->tilt_until ||
            a->n_tilts != b->n_tilts)
                return false;
        for (unsigned i = 0; i < a->n_changes; i++)
                if (a->changes[i] != b->changes[i])
                        return false;
        for (unsigned i = 0; i < a->n_tilts; i++)
                if (a->tilts[i].from != b->tilts[i].from || a->tilts[i].until != b->tilts[i].until)
                        return false;
        return true;
}

/* The probes apart. */
static inline bool state_same(const ModeState *a, const ModeState *b)
{
        return a->began == b->began && a->mode == b->mode && a->mode_since == b->mode_since &&
               a->trouble == b->trouble && a->pin == b->pin && a->pin_until == b->pin_until &&
               a->paused == b->paused && a->wants == b->wants && a->return_at == b->return_at &&
               damping_same(a, b);
}
