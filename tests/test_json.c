/* SPDX-License-Identifier: MIT */
/* JSON: limits, canonical form, paths. */
#include "base/json.h"
#include "tests/test.h"

MAIN()

static json_t *parsed(const char *text)
{
        json_t *j = NULL;
        Error e = {0};

        if (json_parse(text, strlen(text), &j, &e) < 0)
                fprintf(stderr, "%s: %s\n", text, e.text);
        CHECK(j);
        return j;
}

static const char *refusal(const char *text)
{
        static Error e;
        json_t *j = NULL;

        CHECK_INT(json_parse(text, strlen(text), &j, &e), -EINVAL);
        CHECK(!j);
        return e.text;
}

static void check_canonical(const char *text, const char *wanted)
{
        _cleanup_json_ json_t *j = parsed(text);
        _cleanup_free_ char *s = NULL;
        Error e = {0};

        CHECK_INT(json_canonical(j, &s, &e), 0);
        CHECK_STR(s, wanted);
}

static void check_not_canonical(const char *text, const char *wanted)
{
        _cleanup_json_ json_t *j = parsed(text);
        char *s = NULL;
        Error e = {0};

        CHECK_INT(json_canonical(j, &s, &e), -EINVAL);
        CHECK(!s);
        if (!strstr(e.text, wanted))
                CHECK_STR(e.text, wanted);
}

/* https://spec.matrix.org/v1.9/appendices/#canonical-json, "Examples". Its last one has {"b": 1e10}: exponents are no
 * integers for us, see below. */
TEST(canonical_json_is_as_the_matrix_specification_has_it)
{
        check_canonical("{}", "{}");
        check_canonical("{\n    \"one\": 1,\n    \"two\": \"Two\"\n}", "{\"one\":1,\"two\":\"Two\"}");
        check_canonical("{\"b\": \"2\", \"a\": \"1\"}", "{\"a\":\"1\",\"b\":\"2\"}");
        check_canonical("{\"b\":\"2\",\"a\":\"1\"}", "{\"a\":\"1\",\"b\":\"2\"}");
        check_canonical("{\"auth\": {\"success\": true, \"mxid\": \"@john.doe:example.com\", \"profile\": "
                        "{\"display_name\": \"John Doe\", \"three_pids\": [{\"medium\": \"email\", "
                        "\"address\": "
                        "\"john.doe@example.org\"}, {\"medium\": \"msisdn\", \"address\": \"123456789\"}]}}}",
                        "{\"auth\":{\"mxid\":\"@john.doe:example.com\",\"profile\":{\"display_name\":\"John "
                        "Doe\","
                        "\"three_pids\":[{\"address\":\"john.doe@example.org\",\"medium\":\"email\"},"
                        "{\"address\":\"123456789\",\"medium\":\"msisdn\"}]},\"success\":true}}");
        check_canonical("{\"a\": \"日本語\"}", "{\"a\":\"日本語\"}");
        check_canonical("{\"本\": 2, \"日\": 1}", "{\"日\":1,\"本\":2}");
        check_canonical("{\"a\": \"\\u65E5\"}", "{\"a\":\"日\"}");
        check_canonical("{\"a\": null}", "{\"a\":null}");
        check_canonical("{\"a\": -0}", "{\"a\":0}");
}

TEST(canonical_strings_have_the_shortest_escapes)
{
        check_canonical("[\"\\u0001\\u001F\\b\\t\\n\\f\\r\\\"\\\\\\/\\u007f\"]",
                        "[\"\\u0001\\u001f\\b\\t\\n\\f\\r\\\"\\\\/\x7f\"]");
}

TEST(canonical_keys_are_sorted_by_code_point)
{
        /* U+FB33 before U+1F600: in UTF-16's order they would stand the other way round. */
        check_canonical("{\"\\ud83d\\ude00\":1,\"\\ufb33\":2,\"z\":3,\"Z\":4,\"\":5,\"za\":6}",
                        "{\"\":5,\"Z\":4,\"z\":3,\"za\":6,\"\ufb33\":2,\"\U0001f600\":1}");
}

TEST(canonical_json_has_only_integers_that_a_double_can_hold)
{
        check_canonical("[9007199254740991,-9007199254740991]", "[9007199254740991,-9007199254740991]");
        check_not_canonical("[9007199254740992]", "9007199254740992 is too large");
        check_not_canonical("[-9007199254740992]", "is too large");
        check_not_canonical("{\"a\":{\"b\":1.5}}", "1.5 is not written as an integer");
        check_not_canonical("[1.0]", "not written as an integer");
        check_not_canonical("[1e10]", "not written as an integer");
}

static char *nested(size_t depth)
{
        static char s[256];
        CHECK(2 * depth + 1 < sizeof s);
        memset(s, '[', depth);
        memset(s + depth, ']', depth);
        s[2 * depth] = 0;
        return s;
}

TEST(nesting_is_limited_before_parsing)
{
        json_decref(parsed(nested(JSON_DEPTH_MAX)));
        CHECK_STR(refusal(nested(JSON_DEPTH_MAX + 1)), "line 1, column 33: nested deeper than 32 levels");
        /* Brackets in strings are no nesting, nor is a quote escaped. */
        json_decref(parsed("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[\"]"));

        size_t size = 1 << 20;
        char *bomb = malloc(size);
        CHECK(bomb);
        memset(bomb, '[', size);
        json_t *j = NULL;
        CHECK_INT(json_parse(bomb, size, &j, NULL), -EINVAL);
        free(bomb);
}

TEST(refusals_say_line_and_column)
{
        CHECK_STR(refusal("{\n  \"a\": 1,\n  \"a\": 2}"),
                  "line 3, column 5: duplicate object key near '\"a\"'");
        CHECK(strstr(refusal("{\"a\":1} x"), "line 1, column 9: end of file expected"));
        CHECK(strstr(refusal(""), "line 1, column 1: "));
        CHECK(strstr(refusal("{\"a\":\"\\u0000\"}"), ": \\u0000 is not allowed"));
        CHECK(strstr(refusal("[99999999999999999999]"), "too big integer"));
        CHECK(strstr(refusal("[\"\xff\"]"), "line 1"));
        CHECK(strstr(refusal("[NaN]"), "line 1"));
        CHECK(strstr(refusal("[1,]"), "line 1"));
        CHECK(!strpbrk(refusal("[\x1b[31m]"), "\x1b\n"));
}

TEST(scalars_are_json_too)
{
        json_t *j = parsed(" true ");
        CHECK(json_is_true(j));
        json_decref(j);
}

TEST(paths_lead_through_objects_and_arrays)
{
        _cleanup_json_ json_t *j = parsed("{\"a\":{\"b\":[{\"c\":\"x\"},7]},\"0\":1,\"\":2}");

        CHECK_STR(json_string_value(json_at(j, "a.b.0.c")), "x");
        CHECK_INT(json_integer_value(json_at(j, "a.b.1")), 7);
        CHECK_INT(json_integer_value(json_at(j, "0")), 1);
        CHECK(json_at(j, "") == j);
        CHECK(!json_at(j, "a.b.2"));
        CHECK(!json_at(j, "a.b.x"));
        CHECK(!json_at(j, "a.b.-1"));
        CHECK(!json_at(j, "a.b.99999999999999999999"));
        CHECK(!json_at(j, "a.c"));
        CHECK(!json_at(j, "a.b.1.x"));
        CHECK(!json_at(j, "a."));
        CHECK(!json_at(j, "aa"));
        CHECK(!json_at(NULL, "a"));
}

TEST(documents_are_put_together_and_a_loss_is_remembered)
{
        _cleanup_json_ json_t *j = json_object();
        _cleanup_free_ char *s = NULL;

        CHECK(!json_failed());
        json_put(j, "text", json_string_or_null("a\xff\n"));
        json_put(j, "none", json_string_or_null(NULL));
        json_put(j, "at", json_timestamp(UINT64_C(1795165200123000)));
        json_put(j, "never", json_timestamp(0));
        json_put(j, "ms", json_real(12.1));
        json_put(j, "tenth", json_real(0.1));
        CHECK(!json_failed());
        CHECK_INT(json_print(j, &s), 0);
        CHECK_STR(s, "{\"text\":\"a\\\\xff\\\\n\",\"none\":null,\"at\":\"2026-11-20T09:00:00.123Z\","
                     "\"never\":null,"
                     "\"ms\":12.1,\"tenth\":0.1}");

        json_put(j, "lost", json_string("\xff"));
        json_put(NULL, "lost", json_integer(1));
        CHECK(json_failed());
        CHECK(!json_failed());
}

TEST(a_document_that_lacks_something_is_none)
{
        _cleanup_json_ json_t *whole = json_object();
        json_t *list = json_array();

        json_add(list, json_integer(1));
        json_put(whole, "list", list);
        CHECK(json_whole(whole) == whole);

        list = json_array();
        json_add(list, json_string("\xff"));
        CHECK(!json_whole(list));
        json_add(NULL, json_integer(1));
        CHECK(!json_whole(json_object()));
        CHECK(json_whole(whole) == whole); /* told once */
}
