/* SPDX-License-Identifier: MIT */
/* Entity tags, by the examples of RFC 9110 and by hostile ones. */
#include "tests/http_fixture.h"

MAIN()

TEST(a_tag_is_found_in_a_list_weak_or_strong)
{
        static const char *const yes[] = {"\"abc\"",
                                          "W/\"abc\"",
                                          "*",
                                          " * ",
                                          " \"abc\" ",
                                          "\"x\", \"abc\"",
                                          "\"x\",\"abc\"",
                                          "W/\"x\" , W/\"abc\",\"y\"",
                                          ",, \"abc\"",
                                          "\"a,b\", \"abc\"",
                                          "\"\", \"abc\""};
        static const char *const no[] = {"",          "abc",       "\"abc", "\"ab\"",   "\"abcd\"",
                                         "\"ABC\"",   "w/\"abc\"", "W/abc", "*, \"x\"", "x \"abc\"",
                                         "\"x\" abc", "\"x,abc\"", "W/",    "W/\"",     ",",
                                         "\"",        "\"\""};

        for (size_t i = 0; i < ELEMENTSOF(yes); i++)
                if (!http_etag_matches(yes[i], "abc"))
                        CHECK_STR(yes[i], "a match");
        for (size_t i = 0; i < ELEMENTSOF(no); i++)
                if (http_etag_matches(no[i], "abc"))
                        CHECK_STR(no[i], "no match");
}

TEST(a_tag_comes_from_every_byte_of_the_content)
{
        char a[HTTP_ETAG_SIZE], b[HTTP_ETAG_SIZE], data[1000] = {0};

        http_etag_make(a, data, sizeof(data));
        CHECK_INT(strlen(a), HTTP_ETAG_SIZE - 1);
        CHECK_STR(http_etag_make(b, data, sizeof(data)), a);
        for (size_t i = 0; i < sizeof(data); i += 37) {
                data[i] = 1;
                CHECK(!streq(http_etag_make(b, data, sizeof(data)), a));
                data[i] = 0;
        }
        CHECK(!streq(http_etag_make(b, data, sizeof(data) - 1), a));
        CHECK(!streq(http_etag_make(b, NULL, 0), a));
}

TEST(who_has_it_gets_304_without_a_body_and_the_connection_goes_on)
{
        Fixture f;
        char etag[HTTP_ETAG_SIZE], request[512];
        setup(&f);
        http_etag_make(etag, "cached\n", 7);
        snprintf(request, sizeof(request),
                 "GET /cached HTTP/1.1\r\nHost: x\r\nIf-None-Match: \"x\"\r\nIf-None-Match: W/\"%s\"\r\n\r\n"
                 "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                 etag);
        char *answer = raw_exchange(&f, request);
        CHECK(strncmp(answer, "HTTP/1.1 304 ", 13) == 0);
        CHECK(strstr(answer, etag));
        CHECK(!strstr(answer, "cached"));
        char *second = strstr(answer, "\r\n\r\nHTTP/1.1 200 OK\r\n");
        CHECK(second && strstr(second, "\r\n\r\nhello\n"));
        free(answer);
        teardown(&f);
}

TEST(who_has_another_gets_all_and_a_head_request_the_tag)
{
        Fixture f;
        char etag[HTTP_ETAG_SIZE];
        setup(&f);
        http_etag_make(etag, "cached\n", 7);
        check_curl(&f, "-w '%{http_code}' -H 'If-None-Match: \"other\"' http://x/cached", "cached\n200");
        check_curl(&f, "-w '%{http_code}' -H 'If-None-Match: *' http://x/cached", "304");
        check_curl(&f, "-w '%{http_code}' -d x -H 'If-None-Match: *' http://x/cached", "cached\n200");
        char *answer = curl(&f, "-I http://x/cached");
        CHECK(strstr(answer, " 200 OK") && strstr(answer, etag) && strstr(answer, "Content-Length: 7"));
        free(answer);
        teardown(&f);
}
