/* SPDX-License-Identifier: MIT */
/* What the parts of a search share: search.c takes questions and tells answers, fan_out.c asks this node and its peers,
 * search_answer.c puts together and prints what came. */
#pragma once

#include "base/text.h"
#include "federation/copies.h"
#include "federation/peer_ask.h"
#include "federation/search.h"

typedef struct FanOut FanOut;

struct Search {
        Searcher *searcher;
        FanOut *fan_out; /* NULL: it has just come, or it is done */
        bool arriving, stream, shared;
        bool told_local;
        size_t n_told; /* peers */
        Question *question;
        char *key;
        uint64_t hash; /* of key */
        uint64_t began_usec;
        SearchSink sink;
        TAILQ_ENTRY(Search) entry;
};
TAILQ_HEAD(SearchList, Search);

typedef struct FanRow { /* a peer's part */
        Peer *peer;
        PeerAsk *ask; /* under way */
        bool trial;   /* nobody waits for it */
        PeerOutcome outcome;
        uint64_t usec;
        char *error; /* NULL: "" */
        PeerAnswer answer;
        uint64_t generation;               /* of its catalog, when it answered */
        CopyAsk *copy_ask;                 /* under way */
        bool copied;                       /* the answer is its copy's … */
        uint64_t copy_listings, copy_usec; /* … which has so many, and is of then */
} FanRow;

struct FanOut { /* one question */
        Searcher *searcher;
        Question *question; /* as this node is asked: everything up to the end of the page */
        unsigned limit, offset;
        char *key;
        uint64_t hash;
        uint64_t came_usec, began_usec;
        struct SearchList askers, streams;
        bool running;
        TAILQ_ENTRY(FanOut) entry;

        CatalogAsk *local_ask;
        bool local_asked, local_ended;
        char *local_error; /* NULL: fine */
        PeerAnswer local;  /* complete objects but for their last brace, like a peer's */
        uint64_t catalog_generation;
        uint64_t configuration; /* Searcher.configuration when it began */
        sd_event_source *patience, *stragglers;

        FanRow *rows; /* in the order of the peers' ids */
        size_t n_rows, n_awaited, n_answered;
        size_t n_copies; /* awaited */
        uint64_t copies_until_usec;
        size_t *ended, n_ended; /* rows, as they came */
};
TAILQ_HEAD(FanOutList, FanOut);

struct Searcher {
        sd_event *event;
        FetchClient *fetch;
        Catalog *catalog;
        Peers *peers;
        Copies *copies;
        const Config *config;
        uint64_t configuration; /* counts up with each one */
        Cache *cache;
        char *source; /* this node's, as Peer.source */
        Text printed; /* the last answer's memory, for the next one */
        struct SearchList arriving;
        struct FanOutList waiting, running;
        sd_event_source *arrive, *begin, *follow, *expiry;
        bool held;
        unsigned n_waiting, n_running; /* searches that wait, fan-outs that run */
        unsigned width;                /* so many at once have left us time for more, since the last pause */
        size_t n_asked;                /* peers, by those that run */
        SearcherCounts counts;
};

/* search.c */
void search_news(FanOut *f); /* something new for those who follow it */
void search_ended(FanOut *f, unsigned status, const char *json, size_t size, bool keep); /* f is gone */

/* fan_out.c */
int fan_out_new(Searcher *s, const Search *first, FanOut **ret);
FanOut *fan_out_free(FanOut *f);
void fan_out_begin(FanOut *f); /* may end it */

/* search_answer.c */
int answer_take_local(FanOut *f, const CatalogAnswer *answer);
int answer_take_copy(FanRow *row, const CatalogAnswer *answer);
void answer_print_local(Text *t, const FanOut *f);
void answer_print_peer(Text *t, const FanOut *f, const FanRow *row);
int answer_print(Text *t, const FanOut *f);
void answer_print_error(Text *t, const char *error);
bool answer_complete(const FanOut *f);
int answer_print_source(const NodeConfig *node, char **ret);
