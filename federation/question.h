/* SPDX-License-Identifier: MIT */
/* What is asked: a search as it came over HTTP, checked and made comparable. Pure. */
#pragma once

#include "base/error.h"
#include "base/text.h"

#define QUESTION_TEXT_MAX   200 /* bytes of q after white space is folded; longer is cut at a word */
#define QUESTION_LIMIT      20  /* default */
#define QUESTION_LIMIT_MAX  100
#define QUESTION_OFFSET_MAX 10000

typedef struct Question {
        char *text;               /* valid UTF-8, white space folded, no control characters; never empty */
        char *category;           /* lower case as folded by text_fold(); NULL: any */
        char *category_asked;     /* as it came: peers may compare it letter by letter */
        char *language;           /* lower case; NULL: any */
        int64_t min_price_micros; /* -1: any; see money_micros() */
        int64_t max_price_micros; /* -1: any. A listing without a price passes no price filter */
        unsigned limit, offset;
} Question;

/* The value of a query parameter, NULL when absent; http_query() with its request as userdata. */
typedef const char *(*QuestionGet)(const void *userdata, const char *key);
/* q (or query), category ("", all, undefined, null: none), language (the same), minPrice, maxPrice (major units), limit, offset,
 * brand (ignored, but `.` or `..` in it is an error). -EINVAL: what a 400 says. A limit above QUESTION_LIMIT_MAX is that; what
 * is no number is an error; a number that is empty is as good as absent. */
int question_parse(QuestionGet get, const void *userdata, Question **ret, Error *e);
Question *question_free(Question *q);
DEFINE_CLEANUP(Question, question_free)
Question *question_copy(const Question *q); /* NULL: no memory */
/* The whole number in value: fallback when it is NULL or empty, most when it is larger and clamp is set, else -EINVAL. */
int question_number(const char *value, const char *key, unsigned fallback, unsigned least, unsigned most,
                    bool clamp, unsigned *ret, Error *e);
int question_brand(const char *value, Error *e); /* -EINVAL: there is a `.` in it; NULL is fine */
/* Questions with the same key have the same answer. */
int question_key(const Question *q, char **ret);
/* "q=…&limit=…": how a peer is asked, percent-encoded, q and query both (dialects differ). limit: how many are wanted. */
int question_to_query(const Question *q, unsigned limit, char **ret);
