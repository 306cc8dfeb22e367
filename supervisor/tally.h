/* SPDX-License-Identifier: MIT */
/* How each component has been: since when it is as it is, and the seconds of each day in each state.
 *
 * Only what was seen is counted: time in which the supervisor did not run, stood still or could not tell belongs to no
 * state, and is unknown by being left over. Days are UTC; intervals are measured by the steady clock and laid on the day
 * that the wall clock shows at their end, so that no clock step counts a second twice. */
#pragma once

#include "supervisor/components.h"
#include "supervisor/store.h"

typedef struct Tally Tally; /* of all components */

#define TALLY_GONE_MAX 200                 /* components that the config no longer has */
#define TALLY_GAP_USEC (10 * USEC_PER_SEC) /* uncounted for so long: nobody has looked meanwhile */

/* One for each component of config. -ENOMEM. */
int tally_new(const Config *config, Tally **ret);
Tally *tally_free(Tally *t);
DEFINE_CLEANUP(Tally, tally_free)
/* A reload: moves all that is known from old to t, of components that t does not have too: they may come back, by another
 * reload. Nothing fails. */
void tally_carry_over(Tally *t, Tally *old);

/* Counts the time up to now in the states as they were; states: from now on, one for each component. */
void tally_count(Tally *t, const ComponentState *states, uint64_t now, uint64_t wall);
/* What a start knows again: before the first count, the states and since when, by tally_to_json(); then, or once the database
 * has answered at last, stored days, once each. */
void tally_recall(Tally *t, const json_t *stored);
int tally_restore(Tally *t, const DayRecord *day); /* -ENOMEM */
json_t *tally_to_json(const Tally *t);
void tally_add(const Tally *t, StoreBatch *b); /* what is not written yet … */
void tally_added(Tally *t); /* … is, once the store has taken that batch; nothing was counted in between */

ComponentState tally_state(const Tally *t, unsigned component);
uint64_t tally_since(const Tally *t, unsigned component); /* wall */
/* The first of the last 90 days of which anything is known; 0: none yet. */
uint64_t tally_first(const Tally *t, uint64_t wall);
/* "days" of actions/public_status.h. Parts of it are shared with what was given before: nobody may change them. */
json_t *tally_days(Tally *t, unsigned component, uint64_t wall);
