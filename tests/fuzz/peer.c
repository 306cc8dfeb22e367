/* SPDX-License-Identifier: MIT */
/* What a peer answers to a search, beside jansson: the same is JSON to both; what is passed on is one line, well-formed, with our
 * own members left to us, nothing invisible and no link that leaves the web; what needs no mending comes through as it was.
 * Its results are merged, as if several shops had them. */
#include "base/json_scan.h"
#include "federation/dialect.h"
#include "federation/merge.h"
#include "federation/work.h"
#include "tests/fuzz/fuzz.h"

#include <locale.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        FUZZ_CHECK(setlocale(LC_CTYPE, "C.UTF-8"));
        return 0;
}

static bool is_among(const char *key, const char *const list[])
{
        for (; *list; list++)
                if (streq(key, *list))
                        return true;
        return false;
}

static const char *const ours[] = {"relevance",   "sellers",    "networkId",         "source_node",
                                   "source_name", "source_url", "revenue_share_pct", NULL};
static const char *const made[] = {"id", "title", "author", "isbn", "price", "price_minor", "currency", NULL};

static void check_json(const char *body, size_t size)
{
        json_error_t error;
        Error e = {0};
        json_t *j = json_loadb(body, size, JSON_DECODE_ANY, &error);
        int r = json_scan_check(body, size, NULL, &e);

        FUZZ_CHECK(r == 0 || (r == -EBADMSG && fuzz_is_plain(e.text) && *e.text));
        /* It has no limit but 2048 levels, takes a zero byte behind a number, and a number may be too large for it. */
        if (r == 0)
                FUZZ_CHECK(j || json_error_code(&error) == json_error_numeric_overflow);
        else
                FUZZ_CHECK(!j || strstr(e.text, "nested too deeply") || memchr(body, '\0', size));
        json_decref(j);
}

static void check_visible(const char *s)
{
        for (size_t left = strlen(s), size; left > 0; s += size, left -= size) {
                uint32_t point;
                size = utf8_size(s, left, &point);
                FUZZ_CHECK(size > 0 && point >= 0x20 && !(point >= 0x7f && point < 0xa0));
                FUZZ_CHECK(point != '<' && point != '>' && point != '&');
                FUZZ_CHECK(!(point >= 0x200e && point <= 0x200f) && !(point >= 0x2028 && point <= 0x202e) &&
                           !(point >= 0x2066 && point <= 0x2069));
        }
}

static void check_text(const char *s, size_t most)
{
        size_t size = strlen(s);

        FUZZ_CHECK(size <= most);
        for (size_t left = size, n; left > 0; s += n, left -= n) {
                uint32_t point;
                n = utf8_size(s, left, &point);
                FUZZ_CHECK(n > 0 && point >= 0x20 && !(point >= 0x7f && point < 0xa0));
        }
}

/* The result as it is passed on, closed and read again. */
static json_t *check_result(const PeerResult *r)
{
        Text t = {0};
        json_t *j = NULL;
        const char *key;
        json_t *value;

        FUZZ_CHECK(r->json[0] == '{' && strlen(r->json) == r->json_size);
        FUZZ_CHECK(r->json_size <= DIALECT_RESULT_MAX + 16384);
        check_visible(r->json);
        text_add(&t, "%s}", r->json);
        FUZZ_CHECK(!t.failed && json_parse(t.data, t.size, &j, NULL) == 0);
        text_clear(&t);
        json_object_foreach(j, key, value)
        {
                FUZZ_CHECK(!is_among(key, ours));
                const char *s = json_string_value(value);
                size_t size = strlen(key);
                if (s && size >= 3 && strcasecmp(key + size - 3, "url") == 0)
                        FUZZ_CHECK(strncasecmp(s, "http", 4) == 0);
        }
        FUZZ_CHECK(json_is_string(json_object_get(j, "title")) &&
                   json_is_string(json_object_get(j, "currency")));
        FUZZ_CHECK(json_is_number(json_object_get(j, "price")) == (r->price_minor >= 0));
        FUZZ_CHECK(!json_is_integer(json_object_get(j, "price_minor")) ||
                   json_integer_value(json_object_get(j, "price_minor")) == r->price_minor);
        check_text(r->id, LISTING_ID_MAX);
        check_text(r->title, LISTING_TITLE_MAX);
        check_text(r->author, LISTING_AUTHOR_MAX);
        check_text(r->work, 8192);
        FUZZ_CHECK(*r->title && (strlen(r->isbn13) == 13 || !*r->isbn13) && strlen(r->currency) == 3);
        return j;
}

/* The array that jansson's reader finds, by the rule of dialect.h. */
static json_t *naive_results(json_t *answer)
{
        json_t *local = json_object_get(answer, "local"), *data = json_object_get(answer, "data");
        static const char *const keys[] = {"results", "books", "local", "data"};

        if (json_is_array(answer))
                return answer;
        if (json_is_array(local) && json_is_array(json_object_get(answer, "network")))
                return local;
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (json_is_array(json_object_get(answer, keys[i])))
                        return json_object_get(answer, keys[i]);
        return json_is_object(data) && json_object_size(answer) == 1 && !json_object_get(data, "data")
                               ? naive_results(data)
                               : NULL;
}

static void compare_member(const char *key, json_t *in, json_t *out)
{
        if (is_among(key, ours) || is_among(key, made) || !json_is_string(in) ||
            json_string_length(in) > 32 || strlen(key) > 64)
                return;
        if (!out) { /* a link, then */
                FUZZ_CHECK(strncasecmp(json_string_value(in), "http://", 7) != 0 &&
                           strncasecmp(json_string_value(in), "https://", 8) != 0);
                return;
        }
        FUZZ_CHECK(json_equal(in, out));
}

/* A body in which no key is written in a way that hides it, and none twice. */
static void compare(json_t *answer, const PeerAnswer *got, json_t *const *results)
{
        json_t *array = naive_results(answer), *element, *value;
        size_t i, n = 0;
        const char *key;

        if (!array)
                return;
        FUZZ_CHECK(json_array_size(array) < DIALECT_RESULTS_MAX);
        FUZZ_CHECK(got->n_results + got->unfit == json_array_size(array));
        json_array_foreach(array, i, element)
        {
                const char *title = json_string_value(json_object_get(element, "title"));
                if (!title || !*title || strspn(title, " ") == strlen(title) ||
                    json_object_size(element) > 100)
                        return; /* perhaps by another name */
                FUZZ_CHECK(n < got->n_results);
                FUZZ_CHECK(strncmp(json_string_value(json_object_get(results[n], "title")), title, 40) == 0 ||
                           strlen(title) > 40);
                json_object_foreach(element, key, value)
                {
                        compare_member(key, value, json_object_get(results[n], key));
                }
                n++;
        }
}

static void merge(const PeerAnswer *a)
{
        MergeItem items[DIALECT_RESULTS_MAX];
        Merge m = {0};
        size_t seen = 0;

        for (size_t i = 0; i < a->n_results; i++)
                items[i] = (MergeItem){(unsigned) i % 3,   (unsigned) i,     a->results[i].isbn13,
                                       a->results[i].work, a->results[i].id, i % 5 == 0};
        FUZZ_CHECK(merge_items(items, a->n_results, &m) == 0);
        for (size_t w = 0; w < m.n_works; w++) {
                FUZZ_CHECK(m.works[w].first == seen && m.works[w].n_items > 0);
                seen += m.works[w].n_items;
        }
        FUZZ_CHECK(seen <= a->n_results);
        merge_clear(&m);
}

static bool is_open(const uint8_t *data, size_t size)
{
        return !memchr(data, '\\', size) && size < 4096;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *body = (const char *) data;
        PeerAnswer answer = {0};
        json_t *results[DIALECT_RESULTS_MAX];
        Error e = {0};
        json_t *whole = NULL;

        check_json(body, size);
        int r = dialect_parse(body, size, 0, &answer, &e);
        FUZZ_CHECK(r == 0 || (r == -EBADMSG && *e.text && fuzz_is_plain(e.text)));
        if (r < 0)
                return 0;
        FUZZ_CHECK(answer.n_results <= DIALECT_RESULTS_MAX);
        for (size_t i = 0; i < answer.n_results; i++)
                results[i] = check_result(answer.results + i);
        if (is_open(data, size) && json_parse(body, size, &whole, NULL) == 0)
                compare(whole, &answer, results);
        json_decref(whole);
        merge(&answer);
        for (size_t i = 0; i < answer.n_results; i++)
                json_decref(results[i]);
        peer_answer_clear(&answer);
        return 0;
}
