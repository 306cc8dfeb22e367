/* SPDX-License-Identifier: MIT */
/* The catalog's database: its schema, how it is opened, and what a search in it returns. Everything here blocks: for the
 * threads of catalog.c and for imports.
 *
 * It is a file of its own, so that other processes can import while the daemon serves (several processes, one writer at a
 * time; readers never wait), and so that an import holds up no notice and no referral.
 *
 *   book        rank is the row's id, here and in book_fts: the smaller, the more popular (catalog_rank()). Full-text search
 *               walks through its matches in this order, so that the first few hundred matches of a common word are enough.
 *   book_fts    title, author, about (tags, category), terms: all that a book is found by but its description, words as by
 *               tokenizer.h, and the beginnings of words
 *   whole_fts   the same and the description, whole words only; a row for those that have a description
 *   word        each word of a title, an author, tags or a category, and in how many books; words of books that were changed may stay with 0
 *   word_block  the same words, packed; see catalog_words.h
 *   category    key (tokenizer_key()), name as first met, books
 *   fact        books, generation, next (rank), changed (books, since words were packed), imported_usec */
#pragma once

#include "base/db.h"
#include "federation/listing.h"
#include "federation/question.h"
#include "federation/tokenizer.h"

typedef struct CatalogSearch CatalogSearch;

typedef struct CatalogDbFacts {
        uint64_t books, categories, generation, imported_usec, bytes;
} CatalogDbFacts;

typedef struct CatalogDb {
        sqlite3 *db;
        Tokenizer *words;
        CatalogSearch *search; /* what a search keeps from one question to the next; made by the first */
        /* A reader's: the facts as of a version of the database, which is looked up in a microsecond. */
        sqlite3_stmt *version;
        int64_t known_version;
        CatalogDbFacts known;
} CatalogDb;

/* Creates, migrates. reader: nothing can be written by it afterwards, and its cache is small. Errors as db_open(). */
int catalog_db_open(const char *path, bool reader, CatalogDb *ret, Error *e);
void catalog_db_close(CatalogDb *c);
#define _cleanup_catalog_db_ _cleanup_(catalog_db_close)

/* Sixteen steps for each doubling of popularity; in one step, first come, first served. */
#define CATALOG_RANK_STEP (INT64_C(1) << 32)
int64_t catalog_rank(int64_t popularity, int64_t next);

typedef enum CatalogTerm {
        CATALOG_TERM_CATEGORY = 'c',
        CATALOG_TERM_LANGUAGE = 'l', /* without region: en, en-US and eng are one */
        CATALOG_TERM_ISBN = 'i',     /* of the ISBN-13 */
        CATALOG_TERM_PRICE = 'p', /* catalog_price_step() in digits: prices are looked up where that fits */
        CATALOG_TERM_TITLE = 't', /* the whole title … */
        CATALOG_TERM_MAIN_TITLE = 'm', /* … and work_title(), when that is another */
} CatalogTerm;
/* In front of each: nobody types it, and beginnings of four letters are the same for all of them. */
#define CATALOG_TERM_LEAD "\xee\x80\x80\xee\x80\x80\xee\x80\x80\xee\x80\x80"
#define CATALOG_TERM_NONE CATALOG_TERM_LEAD "none" /* no book has it */
#define CATALOG_TERM_SIZE 24                       /* with its terminator */
unsigned catalog_price_step(int64_t micros);       /* two for each doubling: 0 to CATALOG_PRICE_STEPS - 1 */
#define CATALOG_PRICE_STEPS 100
bool catalog_term_is(const char *word, size_t size);
const char *
catalog_term_value(const char *term); /* what stands behind lead and kind: the same for the same value */
/* A word that stands for this whole value, compared by tokenizer_key(). Different values have the same term once in 10^12:
 * look at the row where it matters. "" when there is nothing in it. -ENOMEM. */
int catalog_term(CatalogDb *c, CatalogTerm kind, const char *value, char ret[static CATALOG_TERM_SIZE]);

/* What an answer holds; strings of a listing live in its block. */
typedef struct CatalogRows {
        Listing *listings;
        char **blocks;
        size_t n, capacity;
        uint64_t total;
        bool total_exact;
        bool corrected; /* other words than those asked for were searched for */
} CatalogRows;
void catalog_rows_clear(CatalogRows *r);
#define _cleanup_catalog_rows_ _cleanup_(catalog_rows_clear)

#define CATALOG_COLUMNS                                                                                  \
        "book.id, book.title, book.author, book.isbn, book.description, book.category, book.tags, "      \
        "book.language, book.url, book.currency, ifnull(book.price_minor, -1), book.year, book.rating, " \
        "book.popularity"
#define CATALOG_N_COLUMNS 14
/* Adds what stmt stands on: CATALOG_COLUMNS, from column first on. */
int catalog_rows_add(CatalogRows *r, sqlite3_stmt *stmt, int first, double relevance);

/* The listing that stmt stands on, from column first on; its strings are gone with the next step. -ENOMEM. */
int catalog_row_read(sqlite3_stmt *stmt, int first, Listing *ret);

/* The questions, each in one read transaction of the caller's. */
int catalog_db_search(CatalogDb *c, const Question *q, CatalogRows *ret, Error *e); /* catalog_search.c */
int catalog_db_get(CatalogDb *c, const char *id, CatalogRows *ret, Error *e);
int catalog_db_list(CatalogDb *c, unsigned limit, unsigned offset, CatalogRows *ret, Error *e);

/* All, most popular first, one after the other. fn: below 0 ends it, and is returned. */
int catalog_db_each(CatalogDb *c, int (*fn)(const Listing *l, void *userdata, Error *e), void *userdata,
                    Error *e);

int catalog_db_facts(CatalogDb *c, CatalogDbFacts *ret, Error *e);
/* {"name": n, …}, most books first, at most 1000; malloc'ed. */
int catalog_db_categories(CatalogDb *c, char **ret, Error *e);
int catalog_db_fact(CatalogDb *c, const char *name, int64_t *ret, Error *e);
