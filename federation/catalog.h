/* SPDX-License-Identifier: MIT */
/* This shop's books. Nobody else knows that they lie in SQLite: PostgreSQL could stand behind the same calls.
 *
 * Searching and importing run in threads (and in other processes, too: `federationd --import`); the loop never waits, and
 * searches never wait for imports. */
#pragma once

#include "base/loop.h"
#include "federation/import.h"
#include "federation/listing.h"
#include "federation/question.h"

typedef struct Catalog Catalog;
typedef struct CatalogAsk CatalogAsk; /* one question in flight; freeing it cancels */

/* Opens (creates, migrates) path in its threads. Asked before that is done, it answers once it is; when it failed, each
 * answer says why, and it is tried again. */
int catalog_new(sd_event *event, const char *path, Catalog **ret);
Catalog *catalog_free(Catalog *c); /* NULL is fine; asks in flight are cancelled */
DEFINE_CLEANUP(Catalog, catalog_free)

typedef struct CatalogAnswer {
        int error; /* 0, or negative errno; message is for people */
        const char *message;
        const Listing *listings;
        size_t n_listings;
        uint64_t total;      /* all that match */
        bool total_exact;    /* false: at least so many (counting stops at CATALOG_COUNT_MAX) */
        uint64_t generation; /* grows with every change of the catalog */
} CatalogAnswer;
#define CATALOG_COUNT_MAX 10000

/* done() is called once, never from within, and may free the ask; the answer is gone afterwards. */
typedef void (*CatalogDone)(CatalogAsk *ask, const CatalogAnswer *answer, void *userdata);

/* The book a buyer means first. The order is total: pages of one generation never overlap or leave out. */
int catalog_search(Catalog *c, const Question *q, CatalogDone done, void *userdata, CatalogAsk **ret);
/* By id; n_listings 0: none. */
int catalog_get(Catalog *c, const char *id, CatalogDone done, void *userdata, CatalogAsk **ret);
/* All, most popular first. */
int catalog_list(Catalog *c, unsigned limit, unsigned offset, CatalogDone done, void *userdata,
                 CatalogAsk **ret);
CatalogAsk *catalog_ask_free(CatalogAsk *ask);
DEFINE_CLEANUP(CatalogAsk, catalog_ask_free)

/* What is known without asking: as of the last answer, or a second ago while anybody asks. */
typedef struct CatalogFacts {
        bool open;
        const char *trouble; /* "" when there is none */
        uint64_t books, categories, generation;
        uint64_t bytes;         /* on disk */
        uint64_t imported_usec; /* wall time of the last import; 0: never */
        /* of this process, for /metrics */
        uint64_t searches, search_usec, corrected; /* corrected: answered by words near the ones asked for */
        uint64_t rows_imported, rows_refused;
} CatalogFacts;
void catalog_facts(Catalog *c, CatalogFacts *ret);
/* An import in this process, or through it, has ended. */
void catalog_note_import(Catalog *c, const ImportReport *report);
uint64_t catalog_generation(Catalog *c);
/* Names of categories with their number of books, most first, at most 1000: {"name": n, …} as JSON text, borrowed until the
 * loop goes on; "{}" before it is known. */
const char *catalog_categories(Catalog *c);
