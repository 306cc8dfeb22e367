/* SPDX-License-Identifier: MIT */
/* The words near to one that is misspelt. All words of the catalog are kept packed by their length, with the set of letters of
 * each, so that looking at every one of them costs a millisecond or two and no memory that stays. */
#pragma once

#include "base/db.h"

#define WORDS_TABLE "CREATE TABLE word_block (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;"

/* From the table `word`, in the caller's transaction; what was packed before is replaced. */
int words_pack(sqlite3 *db, Error *e);

#define WORD_LETTERS_MIN 3 /* shorter ones are not corrected */
#define WORD_LETTERS_MAX 24
#define NEAR_MAX         8

typedef struct NearWord {
        char text[4 * WORD_LETTERS_MAX + 1];
        size_t size;
        unsigned distance;
        bool prefix; /* something near to it begins this word */
        uint32_t books;
        double fit; /* 0 to 1 */
} NearWord;

typedef struct WordsNear WordsNear; /* its statement; one for each connection */
int words_near_new(sqlite3 *db, WordsNear **ret, Error *e);
WordsNear *words_near_free(WordsNear *n);
DEFINE_CLEANUP(WordsNear, words_near_free)

/* The nearest first, then those of most books; never the word itself. prefix: when there are none, words that begin with something near
 * to it. *ret_n 0: there are none, or the word is too short or too long. */
int words_near(WordsNear *n, const char *word, size_t size, bool prefix, NearWord ret[static NEAR_MAX],
               unsigned *ret_n, Error *e);

/* Letters inserted, left out, exchanged, or swapped with their neighbour (each pair once), from a to b; limit + 1 when there are
 * more than limit (at most 2). prefix: to that beginning of b which is nearest. */
unsigned word_distance(const uint32_t *a, size_t n_a, const uint32_t *b, size_t n_b, unsigned limit,
                       bool prefix);
