/* SPDX-License-Identifier: MIT */
/* A question taken apart: its words, how they are asked of the full-text index, and how they are ranked by. */
#pragma once

#include "base/text.h"
#include "federation/catalog_db.h"
#include "federation/catalog_rank.h"
#include "federation/catalog_words.h"

typedef struct MatchWord {
        const char *text; /* in Match.text */
        size_t size;
        bool begun;    /* the last word: perhaps not all of it has been typed */
        bool letters;  /* of a script with words: can be begun and be misspelt */
        bool begins;   /* some word begins so; asked only of the last one */
        int64_t books; /* that have it, but for their descriptions */
        NearWord near[NEAR_MAX];
        unsigned n_near;
        bool indexed; /* as a beginning; if not, begun_as: ` OR "words" OR "that" OR "begin"` so */
        bool more;    /* … which are not all */
        Text begun_as;
} MatchWord;

typedef struct Match {
        MatchWord words[RANK_WORDS_MAX];
        unsigned n_words;
        Text text, filter; /* filter: ` AND "term"` for category and language */
        char isbn[14];     /* the question is one; "" */
} Match;

int match_read(CatalogDb *c, const Question *q, Match *ret);
void match_clear(Match *m);
#define _cleanup_match_ _cleanup_(match_clear)

static inline bool match_knows(const MatchWord *w) /* once its books were counted */
{
        return w->books > 0 || w->begins;
}

typedef enum MatchHow {
        MATCH_BEGUN = 1 << 0, /* the last word may be the beginning of one */
        MATCH_NEAR = 1 << 1,  /* or the words near to each */
} MatchHow;
#define INDEXED_LETTERS 4 /* longer beginnings are asked for by the words that begin so */
/* Books with all words whose bit is in set (1 << i). */
void match_print(const Match *m, Text *t, uint32_t set, unsigned how);
/* Books with exactly this title, before its subtitle or with it, whatever their article. */
int match_print_title(CatalogDb *c, const Match *m, const char *question, Text *t);
/* Borrows the words. books: how many there are. */
void match_rank(const Match *m, double books, RankQuestion *ret);
