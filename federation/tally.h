/* SPDX-License-Identifier: MIT */
/* How often each of many words was met: a hash table that only grows, and is emptied as a whole. */
#pragma once

#include "base/macro.h"

typedef struct Tally Tally;

typedef struct TallyEntry {
        const char *key; /* not terminated */
        size_t size;
        char *label; /* as given when it was first met; NULL */
        int64_t count;
        uint64_t last; /* of tally_add_once() */
} TallyEntry;

Tally *tally_new(void); /* NULL: no memory */
Tally *tally_free(Tally *t);
DEFINE_CLEANUP(Tally, tally_free)
int tally_add(Tally *t, const char *key, size_t size, const char *label, int by); /* -ENOMEM */
/* Counts a key once per round (> 0), however often it comes. */
int tally_add_once(Tally *t, const char *key, size_t size, uint64_t round, int by);
/* By key, bytewise; borrowed until the next call. NULL: no memory. */
const TallyEntry *const *tally_sorted(Tally *t, size_t *ret_n);
void tally_clear(Tally *t);
