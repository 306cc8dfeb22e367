/* SPDX-License-Identifier: MIT */
/* federation/dialect.c, peer_result.c and json_scan.c: what peers answer, well-meant and otherwise. */
#include "tests/test.h"

#include "base/id.h"
#include "base/json_scan.h"
#include "base/text.h"
#include "federation/dialect.h"

/* Of exactly this size and not terminated, so that reading past it is noticed. */
static int parse(const char *body, size_t size, unsigned most, PeerAnswer *ret, Error *e)
{
        char *copy = malloc(size ? size : 1);

        memcpy(copy, body, size);
        int r = dialect_parse(copy, size, most, ret, e);
        free(copy);
        return r;
}

static void check_refused(const char *body, const char *why)
{
        PeerAnswer a = {.unfit = 77};
        Error e = {0};

        CHECK_INT(parse(body, strlen(body), 0, &a, &e), -EBADMSG);
        CHECK_STR(e.text, why);
        CHECK_INT(a.unfit, 77); /* untouched */
}

/* The only result of an answer that has this object, closed. */
static char *result(const char *object)
{
        _cleanup_peer_answer_ PeerAnswer a = {0};
        _cleanup_text_ Text body = {0}, json = {0};
        char *s = NULL;
        Error e = {0};

        text_add(&body, "{\"results\":[%s]}", object);
        if (parse(body.data, body.size, 0, &a, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK_INT(a.n_results, 1);
        CHECK_INT(strlen(a.results[0].json), a.results[0].json_size);
        text_add(&json, "%s}", a.results[0].json);
        CHECK_INT(text_take(&json, &s), 0);
        json_t *j = NULL;
        CHECK_INT(json_parse(s, strlen(s), &j, &e), 0);
        json_decref(j);
        return s;
}
#define CHECK_RESULT(object, wanted)                           \
        do {                                                   \
                _cleanup_free_ char *result_ = result(object); \
                CHECK_STR(result_, wanted);                    \
        } while (0)
#define NO_PRICE ",\"price\":null,\"price_minor\":null,\"currency\":\"USD\"}"

TEST(paths_are_the_contracts)
{
        CHECK_STR(dialect_path(DIALECT_SEARCH), "/api/search");
        CHECK_STR(dialect_path(DIALECT_NETWORK_SEARCH), "/api/network/search");
        CHECK_STR(dialect_path(DIALECT_CATALOG_SEARCH), "/api/catalog/search");
        CHECK(dialect_is_unknown(404) && dialect_is_unknown(405) && dialect_is_unknown(501));
        CHECK(!dialect_is_unknown(200) && !dialect_is_unknown(400) && !dialect_is_unknown(500) &&
              !dialect_is_unknown(503));
}

TEST(reads_a_result_as_the_contract_has_it)
{
        const char *body = "{\"success\":true,\"query\":\"dune\",\"totalResults\":41,\"generation\":7,"
                           "\"results\":[{\"id\":\"b-1\",\"title\":\"Dune\","
                           "\"author\":\"Frank "
                           "Herbert\",\"isbn\":\"0-441-01359-7\",\"description\":\"Sand.\",\"category\":"
                           "\"sf\",\"price\":12.99,"
                           "\"currency\":\"EUR\",\"price_minor\":1299,\"storeId\":\"s\",\"storeName\":\"S\","
                           "\"storeUrl\":\"https://s.example\","
                           "\"networkId\":\"s-default-b-1\",\"relevance\":0.9}]}";
        _cleanup_peer_answer_ PeerAnswer a = {0};

        CHECK_INT(parse(body, strlen(body), 0, &a, NULL), 0);
        CHECK_INT(a.n_results, 1);
        CHECK_INT(a.total, 41);
        CHECK_INT(a.generation, 7);
        const PeerResult *r = a.results;
        CHECK_STR(r->id, "b-1");
        CHECK_STR(r->title, "Dune");
        CHECK_STR(r->author, "Frank Herbert");
        CHECK_STR(r->isbn13, "9780441013593");
        CHECK_STR(r->work, "dune/frank herbert");
        CHECK_STR(r->currency, "EUR");
        CHECK_INT(r->price_minor, 1299);
        CHECK_STR(r->json, "{\"id\":\"b-1\",\"title\":\"Dune\",\"author\":\"Frank "
                           "Herbert\",\"isbn\":\"0-441-01359-7\",\"description\":\"Sand.\","
                           "\"category\":\"sf\",\"storeId\":\"s\",\"storeName\":\"S\",\"storeUrl\":\"https://"
                           "s.example\",\"price\":12.99,"
                           "\"price_minor\":1299,\"currency\":\"EUR\"");
}

static void check_titles(const char *body, const char *wanted)
{
        _cleanup_peer_answer_ PeerAnswer a = {0};
        _cleanup_text_ Text t = {0};
        Error e = {0};

        if (parse(body, strlen(body), 0, &a, &e) < 0)
                fprintf(stderr, "%s: %s\n", body, e.text);
        text_add_string(&t, "");
        for (size_t i = 0; i < a.n_results; i++)
                text_add(&t, "%s%s", i > 0 ? " " : "", a.results[i].title);
        CHECK_STR(t.data ? t.data : "", wanted);
}

TEST(finds_the_results_wherever_they_are)
{
        check_titles("{\"results\":[{\"title\":\"a\"},{\"title\":\"b\"}]}", "a b");
        check_titles("{\"books\":[{\"title\":\"a\"}]}", "a");
        check_titles("{\"local\":[{\"title\":\"a\"}]}", "a");
        check_titles("{\"data\":[{\"title\":\"a\"}]}", "a");
        check_titles("{\"data\":{\"total\":1,\"results\":[{\"title\":\"a\"}]}}", "a");
        check_titles("{\"data\":{\"books\":[{\"title\":\"a\"}]}}", "a");
        check_titles("[{\"title\":\"a\"}]", "a");
        check_titles(" \r\n\t[ ] ", "");
        check_titles("\xef\xbb\xbf{\"results\":[{\"title\":\"a\"}]}", "a");
        check_titles("{\"results\":null,\"books\":[{\"title\":\"a\"}]}", "a");
        check_titles("{\"books\":[{\"title\":\"b\"}],\"results\":[{\"title\":\"a\"}]}", "a");
        check_titles("{\"results\":[]}", "");
        check_titles("{\"r\\u0065sults\":[{\"title\":\"a\"}]}", "a");
}

/* Eight bytes are looked at together, as long as there are so many. */
TEST(blanks_in_front_move_no_end)
{
        static const char answer[] = "                [{\"title\":\"x\"}]";
        PeerAnswer a = {0};
        Error e;

        for (size_t blanks = 0; blanks <= 16; blanks++) {
                CHECK_INT(parse(answer + blanks, strlen(answer) - blanks, 0, &a, &e), 0);
                CHECK_INT(a.n_results, 1);
                peer_answer_clear(&a);
        }
}

TEST(takes_only_what_a_network_search_found_at_home)
{
        check_titles("{\"results\":[{\"title\":\"a\"},{\"title\":\"b\"}],\"local\":[{\"title\":\"a\"}],"
                     "\"network\":[{\"title\":\"b\"}]}",
                     "a");
        check_titles("{\"results\":[{\"title\":\"b\"}],\"local\":[],\"network\":[{\"title\":\"b\"}]}", "");
        check_titles("{\"results\":[{\"title\":\"b\"}],\"local\":[]}", "b");
}

TEST(says_why_an_answer_is_none)
{
        check_refused("", "line 1, column 1: it is empty");
        check_refused("<html>", "line 1, column 1: no JSON");
        check_refused("{\"results\":[", "line 1, column 13: it ends too early");
        check_refused("{\"results\":[]} x", "line 1, column 16: something behind its end");
        check_refused("{\n\"results\":[\n\"a\x01\"]}", "line 3, column 3: a control character in a string");
        check_refused("[\"\xff\"]", "line 1, column 3: no UTF-8");
        check_refused("[\"\\ud800\"]", "line 1, column 3: half a surrogate pair");
        check_refused("7", "neither an object nor an array");
        check_refused("null", "neither an object nor an array");
        check_refused("{}", "no results, books, local or data in it");
        check_refused("{\"results\":{}}", "no results, books, local or data in it");
        check_refused("{\"data\":{\"data\":{\"results\":[]}}}", "no results, books, local or data in it");
        check_refused("{\"success\":false,\"error\":\"go away\\n\xe2\x80\xae\"}",
                      "no results but an error: go away \\u202e");
}

TEST(takes_fields_as_shops_write_them)
{
        CHECK_RESULT("{\"id\":42,\"title\":\"a\"}", "{\"id\":42,\"title\":\"a\"" NO_PRICE);
        CHECK_RESULT("{\"id\":42.5,\"title\":\"a\"}", "{\"title\":\"a\"" NO_PRICE);
        CHECK_RESULT("{\"id\":[1],\"title\":\"a\"}", "{\"title\":\"a\"" NO_PRICE);
        CHECK_RESULT("{\"book_id\":7,\"name\":\"a\"}",
                     "{\"book_id\":7,\"name\":\"a\",\"id\":\"7\",\"title\":\"a\"" NO_PRICE);
        CHECK_RESULT("{\"title\":1984}", "{\"title\":\"1984\"" NO_PRICE);
        CHECK_RESULT("{\"title\":\"a\",\"authors\":[\"x\",\"y\"]}",
                     "{\"title\":\"a\",\"authors\":[\"x\",\"y\"],\"author\":\"x\"" NO_PRICE);
        CHECK_RESULT("{\"title\":\"a\",\"authors\":\"x, y\"}",
                     "{\"title\":\"a\",\"authors\":\"x, y\",\"author\":\"x, y\"" NO_PRICE);
        CHECK_RESULT("{\"title\":\"a\",\"author\":[\"x\"]}", "{\"title\":\"a\",\"author\":\"x\"" NO_PRICE);
        CHECK_RESULT("{\"title\":\"a\",\"author\":null}", "{\"title\":\"a\"" NO_PRICE);
        CHECK_RESULT("{\"title\":\"a\",\"isbn\":439023483}",
                     "{\"title\":\"a\",\"isbn\":\"439023483\"" NO_PRICE);
        CHECK_RESULT("{\"title\":\"a\",\"isbn13\":\"x\"}",
                     "{\"title\":\"a\",\"isbn13\":\"x\",\"isbn\":\"x\"" NO_PRICE);
        CHECK_RESULT("{ \"title\" : \"a\" ,\n \"tags\" : [ \"x y\" , { \"k\" : [ ] } ] , \"n\" : null , "
                     "\"ok\" : true }",
                     "{\"title\":\"a\",\"tags\":[\"x y\",{\"k\":[]}],\"n\":null,\"ok\":true" NO_PRICE);
}

static void check_price(const char *members, long long minor, const char *currency)
{
        _cleanup_peer_answer_ PeerAnswer a = {0};
        _cleanup_text_ Text body = {0};

        text_add(&body, "[{\"title\":\"a\",%s}]", members);
        CHECK_INT(parse(body.data, body.size, 0, &a, NULL), 0);
        CHECK_INT(a.results[0].price_minor, minor);
        CHECK_STR(a.results[0].currency, currency);
}

TEST(reads_prices_as_shops_write_them)
{
        check_price("\"price\":12.99", 1299, "USD");
        check_price("\"price\":12.990000000000000213", 1299, "USD");
        check_price("\"price\":0.285e2,\"currency\":\"eur\"", 2850, "EUR");
        check_price("\"price\":1299,\"currency\":\"JPY\"", 1299, "JPY");
        check_price("\"price\":1.234,\"currency\":\"KWD\"", 1234, "KWD");
        check_price("\"price\":0", 0, "USD");
        check_price("\"price\":\"12.99\"", 1299, "USD");
        check_price("\"price\":\"$12.99\"", 1299, "USD");
        check_price("\"price\":\"12,99 \xe2\x82\xac\",\"currency\":\"EUR\"", 1299, "EUR");
        check_price("\"price\":\"free\"", -1, "USD");
        check_price("\"price\":\"-3\"", -1, "USD");
        check_price("\"price\":\"1.2.3\"", -1, "USD");
        check_price("\"price\":\"1,234,567\"", -1, "USD");
        check_price("\"price\":\"3 for 10\"", -1, "USD");
        check_price("\"price\":\"\"", -1, "USD");
        check_price("\"price\":-3", -1, "USD");
        check_price("\"price\":1e300", -1, "USD");
        check_price("\"price\":1e999", -1, "USD");
        check_price("\"price\":null,\"currency\":null", -1, "USD");
        check_price("\"price\":{},\"currency\":\"dollars\"", -1, "USD");
        check_price("\"currency\":\"\\\"},\"", -1, "USD");
        /* Minor units are the word of one who knows what they are. */
        check_price("\"price\":1.00,\"price_minor\":999", 999, "USD");
        check_price("\"price\":1.00,\"price_minor\":-1", 100, "USD");
        check_price("\"price\":1.00,\"price_minor\":9.5", 100, "USD");
        check_price("\"price\":1.00,\"price_minor\":\"9\"", 100, "USD");
        check_price("\"price_minor\":99999999999999999", -1, "USD");
}

TEST(only_we_say_who_sells_and_how_well_it_fits)
{
        CHECK_RESULT("{\"source_node\":\"x\",\"title\":\"a\",\"source_name\":\"x\",\"source_url\":\"http://"
                     "x\",\"revenue_share_pct\":99,"
                     "\"networkId\":\"x\",\"relevance\":1e9,\"sellers\":[{\"title\":\"b\"}],\"s\\u006furce_"
                     "node\":\"x\",\"seller\\u0073\":[]}",
                     "{\"title\":\"a\"" NO_PRICE);
}

TEST(a_key_that_stands_there_twice_is_taken_once)
{
        CHECK_RESULT("{\"title\":\"a\",\"title\":\"b\",\"x\":1,\"x\":2,\"t\\u0069tle\":\"c\",\"storeUrl\":"
                     "\"http://a\",\"storeUrl\":\"javascript:x\"}",
                     "{\"title\":\"a\",\"x\":1,\"storeUrl\":\"http://a\"" NO_PRICE);
        CHECK_RESULT("{\"price\":1,\"price\":2,\"title\":\"a\"}",
                     "{\"title\":\"a\",\"price\":1,\"price_minor\":100,\"currency\":\"USD\"}");
}

TEST(links_lead_to_the_web_or_nowhere)
{
        CHECK_RESULT("{\"title\":\"JavaScript: The Good "
                     "Parts\",\"url\":\"javascript:alert(1)\",\"coverImage\":\"data:text/"
                     "html,x\",\"storeUrl\":\"\\u0068ttps:\\/\\/x\","
                     "\"image\":\"HTTP://x/y.png\",\"images\":[\"http://x\",\" "
                     "javascript:x\"],\"links\":{\"self\":\"javascript:\"},"
                     "\"more\":{\"a\":[{\"imageUrl\":\"vbscript:\"}]},\"href\":\"//evil\",\"link\":\"/"
                     "x\",\"photos\":[\"https://x\"],\"logo\":null,"
                     "\"deep\":{\"u\\u0072l\":\"javascript:\"}}",
                     "{\"title\":\"JavaScript: The Good "
                     "Parts\",\"storeUrl\":\"\\u0068ttps:\\/\\/x\",\"image\":\"HTTP://x/y.png\","
                     "\"links\":{\"self\":\"javascript:\"},\"photos\":[\"https://"
                     "x\"],\"logo\":null" NO_PRICE);
}

TEST(what_ends_a_script_or_hides_is_escaped)
{
        CHECK_RESULT("{\"title\":\"</"
                     "script><b>&"
                     "\x7f\xc2\x85\xe2\x80\xae\xe2\x80\xa8\xe2\x81\xa6\xef\xbb\xbf\xf3\xa0\x81\x81 "
                     "\xe2\x80\x94\xf0\x9f\x99\x82\\u001b\",\"n\xe2\x80\xae\":\"\\n\"}",
                     "{\"title\":\"\\u003c/"
                     "script\\u003e\\u003cb\\u003e\\u0026\\u007f\\u0085\\u202e\\u2028\\u2066\\ufeff\\udb40\\u"
                     "dc41 \xe2\x80\x94\xf0\x9f\x99\x82\\u001b\",\"n\\u202e\":\"\\n\"" NO_PRICE);
        _cleanup_peer_answer_ PeerAnswer a = {0};
        const char *body = "[{\"title\":\"a\\u001b\x7f"
                           "b\\u0085c\\ud83d\\ude42\\\"\\/\\\\\"}]";
        CHECK_INT(parse(body, strlen(body), 0, &a, NULL), 0);
        CHECK_STR(a.results[0].title, "a  b c\xf0\x9f\x99\x82\"/\\");
}

TEST(numbers_that_others_cannot_read_are_left_out)
{
        CHECK_RESULT("{\"title\":\"a\",\"big\":123456789012345678901234567890,\"real\":1e999,\"ok\":-1.5e-3,"
                     "\"in\":[1,{\"x\":1E400}],\"z\":0,\"e\":1e5}",
                     "{\"title\":\"a\",\"ok\":-1.5e-3,\"z\":0,\"e\":1e5" NO_PRICE);
}

TEST(what_is_no_book_is_counted_and_left_out)
{
        const char *body = "[{\"title\":\"a\"},7,null,\"x\",[],{},{\"title\":\"\"},{\"title\":\"  "
                           "\"},{\"title\":null},{\"title\":{}},{\"title\":\"b\"}]";
        _cleanup_peer_answer_ PeerAnswer a = {0};

        CHECK_INT(parse(body, strlen(body), 0, &a, NULL), 0);
        CHECK_INT(a.n_results, 2);
        CHECK_INT(a.unfit, 9);
        CHECK_INT(a.total, 2);
}

TEST(takes_no_more_than_was_asked_for_of_a_hundred_thousand)
{
        _cleanup_text_ Text body = {0};
        _cleanup_peer_answer_ PeerAnswer ten = {0}, all = {0};

        text_add_string(&body, "{\"totalResults\":5,\"results\":[");
        for (unsigned i = 0; i < 100000; i++)
                text_add(&body, "%s{\"id\":%u,\"title\":\"t\"}", i > 0 ? "," : "", i);
        text_add_string(&body, "]}");
        CHECK_INT(parse(body.data, body.size, 10, &ten, NULL), 0);
        CHECK_INT(ten.n_results, 10);
        CHECK_STR(ten.results[9].id, "9");
        CHECK_INT(ten.total, 100000);
        CHECK_INT(parse(body.data, body.size, 0, &all, NULL), 0);
        CHECK_INT(all.n_results, DIALECT_RESULTS_MAX);
        peer_answer_clear(&all);
        CHECK_INT(parse(body.data, body.size, 5000, &all, NULL), 0);
        CHECK_INT(all.n_results, DIALECT_RESULTS_MAX);
}

static char *repeat(const char *s, size_t times)
{
        size_t size = strlen(s);
        char *all = malloc(size * times + 1);

        for (size_t i = 0; i < times; i++)
                memcpy(all + i * size, s, size);
        all[size * times] = '\0';
        return all;
}

TEST(megabytes_are_cut_between_characters)
{
        static const char *const parts[] = {"x",       "\xc3\xa9",       "\xf0\x9f\x99\x82",
                                            "\\u00e9", "\\ud83d\\ude42", "\\n",
                                            "<",       "\xe2\x80\xae"};

        for (size_t p = 0; p < ELEMENTSOF(parts); p++) {
                _cleanup_free_ char *text = repeat(parts[p], 1 << 18);
                _cleanup_text_ Text object = {0};
                text_add(&object,
                         "{\"title\":\"t%s\",\"author\":\"%s\",\"id\":\"%s\",\"isbn\":\"%s\",\"description\":"
                         "\"%s\",\"x\":\"%s\",\"url\":\"http://%s\",\"list\":[\"%s\"]}",
                         text, text, text, text, text, text, text, text);
                _cleanup_free_ char *r = result(object.data);
                CHECK(strlen(r) < DIALECT_RESULT_MAX + 8192);
                CHECK(!strstr(r, "\"id\"") && !strstr(r, "\"url\"") && !strstr(r, "\"list\""));
                CHECK(strstr(r, "\"title\":\"t"));
        }
}

TEST(many_members_and_keys_are_bounded)
{
        _cleanup_text_ Text object = {0};

        text_add_string(&object, "{\"title\":\"t\"");
        for (unsigned i = 0; i < 50000; i++)
                text_add(&object, ",\"key%u\":\"%u\"", i, i);
        text_add_string(&object, "}");
        _cleanup_free_ char *r = result(object.data);
        CHECK(strstr(r, "\"key98\"") && !strstr(r, "\"key99\""));
        _cleanup_free_ char *key = repeat("k", 65), *wanted = NULL;
        text_clear(&object);
        text_add(&object, "{\"%s\":1,\"%s\":2,\"title\":\"t\"}", key, key + 1);
        wanted = string_printf("{\"%s\":2,\"title\":\"t\"" NO_PRICE, key + 1);
        CHECK_RESULT(object.data, wanted);
}

TEST(depth_is_bounded)
{
        _cleanup_free_ char *open = repeat("[", 31), *close = repeat("]", 31), *deep = repeat("[", 1 << 20);
        _cleanup_text_ Text body = {0};
        Error e = {0};
        PeerAnswer a = {0};

        text_add(&body, "[%s%s]", open, close);
        CHECK_INT(json_scan_check(body.data, body.size, NULL, &e), 0);
        text_clear(&body);
        text_add(&body, "[[%s%s]]", open, close);
        CHECK_INT(json_scan_check(body.data, body.size, NULL, &e), -EBADMSG);
        CHECK_STR(e.text, "line 1, column 33: nested too deeply");
        CHECK_INT(parse(deep, 1 << 20, 0, &a, &e), -EBADMSG);
}

/* What jansson takes, this takes, and the other way round; tests/fuzz/peer.c asks the same of anything. */
TEST(agrees_with_jansson_on_what_is_json)
{
        static const char *const parts[] = {"{",
                                            "}",
                                            "[",
                                            "]",
                                            ",",
                                            ":",
                                            "\"a\"",
                                            "\"\\u00e9\"",
                                            "\"\\x\"",
                                            "1",
                                            "-",
                                            "01",
                                            "1.5",
                                            "1.",
                                            "2e3",
                                            "2e",
                                            "true",
                                            "tru",
                                            "null",
                                            "false",
                                            " ",
                                            "\n",
                                            "\"",
                                            "\"k\":",
                                            "\"\xc3\xa9\"",
                                            "\"\xc3\"",
                                            "\"\\ud800\\udc00\"",
                                            "\"\\udc00\"",
                                            "\"\\u0000\"",
                                            "\\"};
        uint64_t random = 3;
        unsigned good = 0;

        for (unsigned round = 0; round < 200000; round++) {
                char text[200] = "";
                for (unsigned n = 1 + (unsigned) (random_next(&random) % 7); n > 0; n--)
                        strcat(text, parts[random_next(&random) % ELEMENTSOF(parts)]);
                json_error_t error;
                json_t *j = json_loadb(text, strlen(text), JSON_DECODE_ANY, &error);
                char *copy = malloc(strlen(text) + 1);
                memcpy(copy, text, strlen(text));
                bool taken = json_scan_check(copy, strlen(text), NULL, NULL) == 0;
                free(copy);
                if (!j && json_error_code(&error) == json_error_numeric_overflow)
                        continue;
                if (taken != (j != NULL))
                        fprintf(stderr, "%s\n", text);
                CHECK_INT(taken, j != NULL);
                good += taken;
                json_decref(j);
        }
        CHECK(good > 5000);
}

MAIN()
