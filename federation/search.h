/* SPDX-License-Identifier: MIT */
/* One question to many shops: the local catalog at once, peers side by side, each until its deadline, and one answer.
 *
 * Searches wait in a queue and begin one per turn of the loop, below everything else, so that a crowd of them delays no other
 * request. Identical questions in flight share one fan-out; complete answers are kept.
 *
 * The answer: `results` are the works of the page asked for (limit, offset), each as its best seller has it, with all its
 * `sellers`; `local` are this node's own results of that page; `network` the peers' results from the page's first work on, in
 * merged order, at most SEARCH_NETWORK_MAX x limit. `totalResults`: works that were put together from what came, and what of
 * this node's own matches was not among it. A peer is asked for offset + limit results, at most network.results_per_peer: pages
 * far behind show what this node has. A peer that was given up is tried by a search now and then; nobody waits for that, but
 * when it answers before the others have, it is in.
 *
 * Whoever is not asked, or has not answered, is looked up in the copy of its catalog, where there is one: its row then has
 * "copy": {"listings", "asOf"}, its results "copy": true and "asOf", and the answer is not complete for all that. */
#pragma once

#include "federation/cache.h"
#include "federation/catalog.h"
#include "federation/peers.h"

#define SEARCH_NETWORK_MAX 10
#define SEARCH_LOCAL_MAX   1000 /* of this node's own results are merged */

typedef struct Copies Copies;
typedef struct Searcher Searcher;
typedef struct Search Search; /* one asker's; freeing it cancels, for this asker */

/* Each piece is one JSON document in one line, terminated, borrowed for the call. The last is always done(), once, never from within
 * search_start(); the search may be freed there. */
typedef struct SearchSink {
        /* This node's own results: {"query":…,"local":[…],"totalResults":n}. NULL: not wanted (not a stream). Neither this nor
         * peer() comes when the whole answer is there already. */
        void (*local)(Search *s, const char *json, size_t size, void *userdata);
        /* One peer's row, and its results: {"peer":{row},"network":[…]}. NULL: not wanted. */
        void (*peer)(Search *s, const char *json, size_t size, void *userdata);
        /* The whole answer as in the contract, or an error in its shape. status: 200; 503: too many wait, or nobody has
         * answered at all; 500. cached: "hit", "miss", "shared". */
        void (*done)(Search *s, unsigned status, const char *cached, const char *json, size_t size,
                     void *userdata);
        void *userdata;
} SearchSink;

typedef struct SearcherOptions {
        sd_event *event;
        FetchClient *fetch;
        Catalog *catalog;
        Peers *peers;
        Copies *copies;       /* NULL: none. Asked when their peers do not answer */
        const Config *config; /* borrowed; searcher_configure() hands over another */
} SearcherOptions;

int searcher_new(const SearcherOptions *options, Searcher **ret);
Searcher *searcher_free(Searcher *s); /* searches in flight are told 503 first */
DEFINE_CLEANUP(Searcher, searcher_free)
int searcher_configure(Searcher *s, const Config *config);
void searcher_hold(Searcher *s, bool hold); /* who asks waits meanwhile */

/* -ENOMEM; -EBUSY: too many are waiting already. */
int search_start(Searcher *s, const Question *q, const SearchSink *sink, Search **ret);
Search *search_free(Search *s);
DEFINE_CLEANUP(Search, search_free)

/* Upper bounds in seconds of SearcherCounts.buckets; the last one has none. */
#define SEARCH_BUCKETS 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 3

typedef struct SearcherCounts {
        uint64_t searches, shared, fan_outs, incomplete, refused;
        unsigned running, waiting;
        size_t bytes_in_flight;
        CacheCounts cache;
        uint64_t buckets[12]; /* of the time to the whole answer, each on its own: not cumulative */
        uint64_t usec;
} SearcherCounts;
void searcher_counts(const Searcher *s, SearcherCounts *ret);
