/* SPDX-License-Identifier: MIT */
/* How a question is answered, from its words to a page of listings: which books have them (catalog_find.c), in which order
 * (catalog_window.c), and what is tried when there are none (catalog_search.c).
 *
 * Books are found in the order of their rank, the popular ones first, and as many as anybody may page to. The first of them, and
 * those of exactly this title, are the window: they are ordered by how well they fit (catalog_rank.h). Behind it the others
 * follow as they were found, and last those that only their description tells of. So no question, however common its words, looks
 * closely at more than WINDOW_MAX books; and the order does not depend on the page that is asked for. */
#pragma once

#include "federation/catalog_match.h"

#define WINDOW_FIRST 100 /* the most popular ones */
#define WINDOW_MAX   640
#define FOUND_MAX    (QUESTION_OFFSET_MAX + QUESTION_LIMIT_MAX + 1)

struct CatalogSearch {
        sqlite3_stmt *book, *whole, *price, *word, *begin, *begins, *title, *about, *listing, *fact;
        WordsNear *near;
        /* while a book is looked at */
        RankBook *looked_at;
        char *tokens;
};
int catalog_search_new(CatalogDb *c, CatalogSearch **ret, Error *e);
CatalogSearch *catalog_search_free(CatalogSearch *s);

typedef struct Ranks {
        int64_t *list; /* ascending */
        size_t n, capacity;
        bool more; /* there may be others behind */
} Ranks;
void ranks_clear(Ranks *r);
#define _cleanup_ranks_ _cleanup_(ranks_clear)
void ranks_sort(Ranks *r); /* and leaves out what is there twice */

/* Adds those that match and cost what is asked for, at most most of them. but: these are left out; NULL. */
int find_books(CatalogDb *c, const Question *q, const char *match, size_t most, Ranks *ret, Error *e);
int find_described(CatalogDb *c, const Question *q, const char *match, size_t most, const Ranks *but,
                   Ranks *ret, Error *e);
int find_count(CatalogDb *c, double *ret, Error *e); /* of all books */
/* How many books each word is in, and whether anything begins with the last. */
int find_words(CatalogDb *c, Match *m, Error *e);

int find_word(CatalogDb *c, const char *word, size_t size, int64_t *ret_books,
              Error *e); /* untouched: there is none */
/* Adds what else each word may have been meant to be: all those that nobody knows; when there are none, the rare ones. books: how
 * many there are. */
int match_correct(CatalogDb *c, Match *m, double books, unsigned *ret_near, Error *e);

typedef struct Windowed {
        int64_t rank;
        double score;
} Windowed;

typedef struct Window {
        Windowed *books; /* best first */
        size_t n;
        int64_t *ranks; /* ascending */
} Window;
void window_clear(Window *w);
#define _cleanup_window_ _cleanup_(window_clear)
/* Of these, which are WINDOW_MAX at most. */
int window_make(CatalogDb *c, const RankQuestion *q, const Ranks *ranks, Window *ret, Error *e);
/* Leaves out what is much worse than the best. */
void window_cut(Window *w, double share);
