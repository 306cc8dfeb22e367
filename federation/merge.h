/* SPDX-License-Identifier: MIT */
/* One ranked list from many: reciprocal rank fusion (Cormack, Clarke, Büttcher 2009; k = 60), works clustered with all who sell
 * them, one source counting once per work, and no source taking more than its share of the first page. The paper's rankings
 * are of the same documents; ours are of catalogs of which each has a part, so that not being in one says little: the best
 * source counts whole, the others a fraction. Pure, deterministic: the order of arrival does not matter. */
#pragma once

#include "base/error.h"

#define MERGE_K      60
#define MERGE_OTHERS 16
#define MERGE_SHARE  2 /* a peer gets at most 1/2 of the first page while others have something to show; */
#define MERGE_PAGE   20

/* One result of one source, in its order. */
typedef struct MergeItem {
        unsigned source;    /* 0: this node; then peers, in the order of their ids */
        unsigned rank;      /* in its source, from 0 */
        const char *isbn13; /* "" when none is valid */
        const char *work;   /* work_key(); "" when it has none */
        const char *id;     /* breaks ties */
        unsigned fit;       /* to what was asked for, see fit.h: works that fit better come first */
} MergeItem;

typedef struct MergeWork {
        size_t first;   /* index into order: its items stand there side by side, the best seller first … */
        size_t n_items; /* … one per source and listing */
        double score;
} MergeWork;

typedef struct Merge {
        MergeWork *works; /* best first */
        size_t n_works;
        size_t *order; /* indices of items */
} Merge;

/* Works are clustered so (docs/federation-search.md says why):
 * - Same work key, same work, whatever the ISBNs: those are editions. A work without subtitle and the same with one are one as
 *   long as all subtitles agree and have three words or more ("Sapiens"; not "Batman").
 * - Same ISBN, same work: where keys differ, a listing goes to the key that most sources have for its ISBN. All listings of
 *   its own key follow when two sources at least say that the two are one; so nobody alone can join two works.
 * - An ISBN that one source has for different works says nothing there.
 * -ENOMEM. Items are borrowed for the call. The same listing of a source (by id) counts once, at its best rank. */
int merge_items(const MergeItem *items, size_t n, Merge *ret);
void merge_clear(Merge *m);
#define _cleanup_merge_ _cleanup_(merge_clear)
