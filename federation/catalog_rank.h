/* SPDX-License-Identifier: MIT */
/* How well a book fits what a buyer typed, from the words of both. Pure.
 *
 * An exact title comes first, whatever else fits; then title and author, by how much of the question they hold, how much of
 * the title was asked for, and popularity; then the rest. */
#pragma once

#include "base/macro.h"

#define RANK_WORDS_MAX  16 /* of a question; what follows is looked for and not ranked by */
#define RANK_FORMS_MAX  96
#define RANK_TOKENS_MAX 64 /* of a title, and of an author */

/* A way to read one word of the question. */
typedef struct RankForm {
        const char *text;
        size_t size;
        unsigned word;
        double fit;  /* 1: as typed; less for a word that is merely near */
        bool prefix; /* what begins so fits, too, but a little worse */
} RankForm;

typedef struct RankQuestion {
        unsigned n_words;
        double weight[RANK_WORDS_MAX]; /* rare words weigh more; together 1 */
        bool article[RANK_WORDS_MAX];
        RankForm forms[RANK_FORMS_MAX];
        unsigned n_forms;
} RankQuestion;

typedef struct RankToken {
        const char *text;
        size_t size;
        unsigned at; /* the how manyth word; words that stand for the same have the same */
        bool aside;  /* of a subtitle or a series: "Dune: A Novel", "Ozma of Oz (Oz, #3)" */
} RankToken;

typedef struct RankBook {
        RankToken title[RANK_TOKENS_MAX], author[RANK_TOKENS_MAX],
                        about[RANK_TOKENS_MAX]; /* tags, category */
        unsigned n_title, n_author, n_about;
        bool subtitled; /* what stands aside is a subtitle: the title before it may be the name of a whole family of books */
} RankBook;

/* May stand in front of a title without being part of it: "The Hobbit". */
bool rank_is_article(const char *word, size_t size);
/* Where the subtitle or the series in parentheses begins; strlen(title) when there is none. */
size_t rank_title_end(const char *title);
/* Of a word that is in so many of all books. Divide by the sum of them. */
double rank_weight(double books_with_it, double books);

#define RANK_EXACT 0.9 /* exact titles have at least this, others less */
/* Without popularity. ret_match: how much of the question is in title and author, 0 to 1. */
double rank_score(const RankQuestion *q, const RankBook *b, double *ret_match);
/* most: the highest popularity among those that it is compared with. */
double rank_with_popularity(double score, double popularity, double most);
