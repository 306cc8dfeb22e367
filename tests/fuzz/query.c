/* SPDX-License-Identifier: MIT */
/* A search as it comes over HTTP: the input is what stands behind the question mark. */
#include "tests/fuzz/fuzz.h"

#include "base/httpd.h"
#include "federation/catalog.h"
#include "federation/question.h"

#include <locale.h>

#define PAIRS_MAX 64

typedef struct Query {
        char *keys[PAIRS_MAX], *values[PAIRS_MAX];
        size_t n;
} Query;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        FUZZ_CHECK(setlocale(LC_CTYPE, "C.UTF-8")); /* for fuzz_is_plain() */
        return 0;
}

/* As libmicrohttpd takes a query apart: & between pairs, = once, + for blanks, then our own percent-decoding. */
static void decode(char *text)
{
        for (char *p = text; (p = strchr(p, '+'));)
                *p = ' ';
        size_t size = http_unescape(text);
        FUZZ_CHECK(size == strlen(text));
}

static void take_apart(Query *q, char *text)
{
        q->n = 0;
        for (char *pair; (pair = strsep(&text, "&")) && q->n < PAIRS_MAX;) {
                char *value = strchr(pair, '=');

                if (value)
                        *value++ = '\0';
                decode(pair);
                if (value)
                        decode(value);
                q->keys[q->n] = pair;
                q->values[q->n++] = value ? value : pair + strlen(pair);
        }
}

static const char *get(const void *userdata, const char *key)
{
        const Query *q = userdata;

        for (size_t i = 0; i < q->n; i++)
                if (streq(q->keys[i], key))
                        return q->values[i];
        return NULL;
}

/* One line of UTF-8, without white space at its ends. */
static void check_line(const char *s, size_t limit)
{
        size_t n = strlen(s);
        uint32_t c;

        FUZZ_CHECK(n > 0 && n <= limit);
        FUZZ_CHECK(s[0] != ' ' && s[n - 1] != ' ' && !strstr(s, "  "));
        for (size_t left = n, size; left > 0; s += size, left -= size) {
                size = utf8_size(s, left, &c);
                FUZZ_CHECK(size > 0 && c >= 0x20 && !(c >= 0x7f && c <= 0xa0));
        }
}

static bool same(const char *a, const char *b)
{
        return a && b ? streq(a, b) : !a && !b;
}

/* What a peer is asked is what we were asked. */
static void check_passed_on(const Question *q)
{
        char *text, *key, *key_again;
        Question *again = NULL;
        Query query;
        Error e;

        FUZZ_CHECK(question_to_query(q, q->limit, &text) == 0);
        for (const char *p = text; *p; p++)
                FUZZ_CHECK(*p > ' ' && *p < 0x7f && *p != '#' && *p != '"' && *p != '<' && *p != '\\');
        take_apart(&query, text);
        FUZZ_CHECK(question_parse(get, &query, &again, &e) == 0);
        again->offset = q->offset; /* peers are asked from their first on */
        FUZZ_CHECK(question_key(q, &key) == 0 && question_key(again, &key_again) == 0);
        FUZZ_CHECK(streq(key, key_again) && same(q->category, again->category));
        free(key_again);
        free(key);
        free(text);
        question_free(again);
}

static void check_question(const Question *q)
{
        check_line(q->text, QUESTION_TEXT_MAX);
        FUZZ_CHECK(!q->category == !q->category_asked);
        if (q->category) {
                check_line(q->category_asked, LISTING_CATEGORY_MAX);
                FUZZ_CHECK(*q->category);
        }
        if (q->language)
                check_line(q->language, LISTING_LANGUAGE_MAX);
        FUZZ_CHECK(q->limit >= 1 && q->limit <= QUESTION_LIMIT_MAX && q->offset <= QUESTION_OFFSET_MAX);
        FUZZ_CHECK(q->min_price_micros >= -1 && q->max_price_micros >= -1);
        check_passed_on(q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text = strndup((const char *) data, size);
        Question *q = NULL;
        Query query;
        Error e;

        FUZZ_CHECK(text);
        take_apart(&query, text);
        int r = question_parse(get, &query, &q, &e);
        if (r == 0)
                check_question(q);
        else
                FUZZ_CHECK(r == -EINVAL && !q && fuzz_is_plain(e.text));
        question_free(q);
        free(text);
        return 0;
}
