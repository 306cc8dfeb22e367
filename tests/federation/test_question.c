/* SPDX-License-Identifier: MIT */
/* federation/question.c. */
#include "tests/test.h"

#include "federation/question.h"

/* Pairs of key and value, NULL-terminated. */
static const char *get(const void *userdata, const char *key)
{
        const char *const *pairs = userdata;

        for (; *pairs; pairs += 2)
                if (strcmp(pairs[0], key) == 0)
                        return pairs[1];
        return NULL;
}

#define ASKED(...) ((const char *const[]){__VA_ARGS__, NULL})

static Question *parsed(const char *const *pairs)
{
        Question *q = NULL;
        Error e;

        if (question_parse(get, pairs, &q, &e) < 0) {
                fprintf(stderr, "%s\n", e.text);
                exit(1);
        }
        return q;
}

static const char *refused(const char *const *pairs)
{
        static Error e;
        Question *q = NULL;

        CHECK_INT(question_parse(get, pairs, &q, &e), -EINVAL);
        CHECK(!q);
        return e.text;
}

static void check_text(const char *value, const char *wanted)
{
        _cleanup_(question_freep) Question *q = parsed(ASKED("q", value));

        CHECK_STR(q->text, wanted);
}

TEST(has_defaults)
{
        _cleanup_(question_freep) Question *q = parsed(ASKED("q", "dune"));

        CHECK_STR(q->text, "dune");
        CHECK(!q->category && !q->category_asked && !q->language);
        CHECK_INT(q->min_price_micros, -1);
        CHECK_INT(q->max_price_micros, -1);
        CHECK_INT(q->limit, QUESTION_LIMIT);
        CHECK_INT(q->offset, 0);
}

TEST(needs_q)
{
        CHECK_STR(refused(ASKED("limit", "5")), "q is missing: what is searched for");
        CHECK_STR(refused(ASKED("q", "")), "q is empty: what is searched for");
        CHECK_STR(refused(ASKED("q", " \t\xc2\xa0\xe3\x80\x80")), "q is empty: what is searched for");
        CHECK_STR(refused(ASKED("query", "")), "query is empty: what is searched for");
        CHECK_STR(refused(ASKED("q", "caf\xe9")), "q is not UTF-8");
        CHECK_STR(refused(ASKED("q", "\xed\xa0\x80")), "q is not UTF-8");
}

TEST(takes_query_for_q)
{
        _cleanup_(question_freep) Question *a = parsed(ASKED("query", "dune"));
        _cleanup_(question_freep) Question *b = parsed(ASKED("q", "", "query", "dune"));
        _cleanup_(question_freep) Question *c = parsed(ASKED("query", "other", "q", "dune"));

        CHECK_STR(a->text, "dune");
        CHECK_STR(b->text, "dune");
        CHECK_STR(c->text, "dune");
}

TEST(folds_white_space_and_drops_what_nobody_sees)
{
        check_text("  the   left\thand \n of darkness ", "the left hand of darkness");
        check_text("du\xe2\x80\x8bne\xef\xbb\xbf", "dune");
        check_text("\xe2\x80\xaetfel\xe2\x80\xac", "tfel");
        check_text("a\xc2\xa0"
                   "b\xe3\x80\x80"
                   "c\x7f"
                   "d\xc2\x85"
                   "e",
                   "a b c d e");
        check_text("\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae", "\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae"); /* ZWNJ */
}

TEST(cuts_long_text_at_a_word)
{
        char text[1000];
        _cleanup_(question_freep) Question *q = NULL;

        memset(text, 'a', sizeof(text));
        text[sizeof(text) - 1] = '\0';
        q = parsed(ASKED("q", text));
        CHECK_INT(strlen(q->text), QUESTION_TEXT_MAX);
        question_free(q);
        text[150] = text[QUESTION_TEXT_MAX + 1] = ' ';
        q = parsed(ASKED("q", text));
        CHECK_INT(strlen(q->text), 150);
        question_free(q);
        text[QUESTION_TEXT_MAX] = ' ';
        q = parsed(ASKED("q", text));
        CHECK_INT(strlen(q->text), QUESTION_TEXT_MAX); /* a word ends just there */
        question_free(q);
        for (size_t i = 0; i + 2 < sizeof(text); i += 2)
                memcpy(text + i, "\xc3\xa9", 2);
        text[998] = '\0';
        memmove(text + 1, text, 998);
        text[0] = 'x';
        text[999] = '\0';
        q = parsed(ASKED("q", text));
        CHECK_INT(strlen(q->text), QUESTION_TEXT_MAX - 1);
}

TEST(knows_what_means_no_category)
{
        static const char *const none[] = {"", "all", "ALL", "undefined", "null", " "};

        for (size_t i = 0; i < ELEMENTSOF(none); i++) {
                _cleanup_(question_freep) Question *q =
                                parsed(ASKED("q", "x", "category", none[i], "language", none[i]));

                CHECK(!q->category && !q->category_asked && !q->language);
        }
}

TEST(folds_a_category_and_keeps_it_as_asked)
{
        _cleanup_(question_freep) Question *q =
                        parsed(ASKED("q", "x", "category", " Science  Fiction", "language", "EN"));

        CHECK_STR(q->category, "science fiction");
        CHECK_STR(q->category_asked, "Science Fiction");
        CHECK_STR(q->language, "en");
        CHECK_STR(refused(ASKED("q", "x", "category", "!?")), "category: neither letters nor digits in it");
        CHECK_STR(refused(ASKED("q", "x", "language", "abcdefghijklmnopq")),
                  "language is longer than 16 bytes");
}

TEST(reads_prices_in_major_units)
{
        _cleanup_(question_freep) Question *q = parsed(ASKED("q", "x", "minPrice", "0", "maxPrice", "12.99"));
        _cleanup_(question_freep) Question *none =
                        parsed(ASKED("q", "x", "minPrice", "", "maxPrice", "undefined"));

        CHECK_INT(q->min_price_micros, 0);
        CHECK_INT(q->max_price_micros, 12990000);
        CHECK_INT(none->min_price_micros, -1);
        CHECK_INT(none->max_price_micros, -1);
        CHECK(strncmp(refused(ASKED("q", "x", "maxPrice", "cheap")), "maxPrice: ", 10) == 0);
        CHECK(strncmp(refused(ASKED("q", "x", "minPrice", "-1")), "minPrice: ", 10) == 0);
        refused(ASKED("q", "x", "maxPrice", "NaN"));
        refused(ASKED("q", "x", "maxPrice", "1e99"));
        refused(ASKED("q", "x", "maxPrice", "99999999999999999999999999"));
}

TEST(caps_a_limit_and_refuses_what_is_none)
{
        _cleanup_(question_freep) Question *a = parsed(ASKED("q", "x", "limit", "100000", "offset", "40"));
        _cleanup_(question_freep) Question *b = parsed(ASKED("q", "x", "limit", "99999999999999999999999"));
        _cleanup_(question_freep) Question *c = parsed(ASKED("q", "x", "limit", "", "offset", "undefined"));

        CHECK_INT(a->limit, QUESTION_LIMIT_MAX);
        CHECK_INT(a->offset, 40);
        CHECK_INT(b->limit, QUESTION_LIMIT_MAX);
        CHECK_INT(c->limit, QUESTION_LIMIT);
        CHECK_STR(refused(ASKED("q", "x", "limit", "ten")), "limit: `ten` is no whole number");
        CHECK_STR(refused(ASKED("q", "x", "limit", "-1")), "limit: `-1` is no whole number");
        CHECK_STR(refused(ASKED("q", "x", "limit", " 5")), "limit: ` 5` is no whole number");
        CHECK_STR(refused(ASKED("q", "x", "limit", "0")), "limit: at least 1");
        CHECK_STR(refused(ASKED("q", "x", "offset", "10001")), "offset: at most 10000");
        CHECK_STR(refused(ASKED("q", "x", "offset", "99999999999999999999999")), "offset: at most 10000");
}

TEST(refuses_dots_in_a_brand)
{
        _cleanup_(question_freep) Question *q = parsed(ASKED("q", "x", "brand", "default"));

        CHECK(q);
        CHECK_STR(refused(ASKED("q", "x", "brand", "..")), "brand: `.` may not be in it");
        refused(ASKED("q", "x", "brand", "a/../b"));
        refused(ASKED("q", "x", "brand", "."));
}

static char *key_of(const char *const *pairs)
{
        _cleanup_(question_freep) Question *q = parsed(pairs);
        _cleanup_(question_freep) Question *copy = question_copy(q);
        char *key, *again;

        CHECK_INT(question_key(q, &key), 0);
        CHECK(copy);
        CHECK_INT(question_key(copy, &again), 0);
        CHECK_STR(again, key);
        free(again);
        return key;
}

TEST(keys_tell_questions_apart)
{
        _cleanup_free_ char *plain = key_of(ASKED("q", " the  dune")),
                            *same = key_of(ASKED("query", "the dune"));
        const char *const *others[] = {
                        ASKED("q", "The dune"),
                        ASKED("q", "the dune", "category", "a"),
                        ASKED("q", "the dune", "category", "A"),
                        ASKED("q", "the dune", "language", "a"),
                        ASKED("q", "the dune", "minPrice", "1"),
                        ASKED("q", "the dune", "maxPrice", "1"),
                        ASKED("q", "the dune", "limit", "1"),
                        ASKED("q", "the dune", "offset", "1"),
        };
        char *keys[ELEMENTSOF(others)];

        CHECK_STR(plain, same);
        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                keys[i] = key_of(others[i]);
                CHECK(strcmp(keys[i], plain) != 0);
                for (size_t j = 0; j < i; j++)
                        CHECK(strcmp(keys[i], keys[j]) != 0);
        }
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                free(keys[i]);
}

TEST(asks_peers_in_both_dialects)
{
        _cleanup_(question_freep) Question *q = parsed(ASKED("q", "caf\xc3\xa9 & co", "category", "Sci-Fi",
                                                             "minPrice", "0.5", "maxPrice", "20"));
        _cleanup_(question_freep) Question *plain = parsed(ASKED("q", "dune", "maxPrice", "12.99"));
        _cleanup_free_ char *a = NULL, *b = NULL;

        CHECK_INT(question_to_query(q, 20, &a), 0);
        CHECK_STR(a,
                  "q=caf%C3%A9%20%26%20co&query=caf%C3%A9%20%26%20co&category=Sci-Fi&minPrice=0.5&maxPrice=20"
                  "&limit=20");
        CHECK_INT(question_to_query(plain, 7, &b), 0);
        CHECK_STR(b, "q=dune&query=dune&maxPrice=12.99&limit=7");
}

MAIN()
