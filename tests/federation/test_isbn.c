/* SPDX-License-Identifier: MIT */
/* federation/isbn.c. */
#include "tests/test.h"

#include "federation/isbn.h"

static const char *converted(const char *text)
{
        static char isbn[ISBN_SIZE];

        return isbn_to_13(text, isbn) ? isbn : "";
}

/* The International ISBN Agency's Users' Manual, 7th edition, has the first two. */
TEST(converts_and_checks)
{
        CHECK_STR(converted("978-92-95055-02-5"), "9789295055025");
        CHECK_STR(converted("92-95055-02-2"), "");
        CHECK_STR(converted("0-306-40615-2"), "9780306406157");
        CHECK_STR(converted("080442957X"), "9780804429573");
        CHECK_STR(converted("0 8044 2957 x"), "9780804429573");
        CHECK_STR(converted("979-10-90636-07-1"), "9791090636071");
}

TEST(puts_lost_zeros_back)
{
        CHECK_STR(converted("439023483"), "9780439023481");
        CHECK_STR(converted("61120081"), "9780061120084");
}

TEST(refuses_what_is_none)
{
        CHECK_STR(converted(""), "");
        CHECK_STR(converted("0306406153"), "");
        CHECK_STR(converted("9780306406158"), "");
        CHECK_STR(converted("1230306406158"), "");
        CHECK_STR(converted("08044X2957"), "");
        CHECK_STR(converted("97803064061571"), "");
        CHECK_STR(converted("X"), "");
        CHECK_STR(converted("978030640615X"), "");
        CHECK_STR(converted("0306\xc2\xa0"
                            "406152"),
                  "");
        CHECK_STR(converted("javascript"), "");
}

TEST(refuses_what_is_typed_where_there_is_none)
{
        CHECK_STR(converted("0000000000"), "");
        CHECK_STR(converted("1111111111"), "");
        CHECK_STR(converted("9780000000002"), "");
        CHECK_STR(converted("123456789"), "");
        CHECK_STR(converted("123456789X"), "");
        CHECK_STR(converted("978-1-234-56789-7"), "");
        CHECK_STR(converted("9790000000001"), "9790000000001");
}

MAIN()
