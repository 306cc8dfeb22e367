/* SPDX-License-Identifier: MIT */
/* Configuration: what is read, what is refused, and what is said about it. */
#include "base/clock.h"
#include "base/conf.h"
#include "tests/test.h"

#include <sys/resource.h>
#include <unistd.h>

MAIN()

typedef struct Inner {
        uint64_t hold_usec;
        char *name;
} Inner;

typedef struct Sample {
        char *text;
        char *url;
        bool flag;
        unsigned number;
        uint64_t interval_usec;
        uint64_t size;
        ConfAmount amount;
        int choice;
        char **list;
        ConfIntegers integers;
        ConfPair *map;
        json_t *json;
        Inner inner;
        char *address;
        char *secret;
} Sample;

static const ConfField inner_fields[] = {
                {"hold", &conf_duration, offsetof(Inner, hold_usec), 0, "5m", "how long"},
                {"name", &conf_string, offsetof(Inner, name), 0, NULL, "a name"},
                {NULL},
};

static const char *const choices[] = {"alertmanager", "slack", "ntfy", NULL};
static const ConfRange number_range = {1, 64}, interval_range = {USEC_PER_SEC, USEC_PER_DAY};

static const ConfField fields[] = {
                {"text", &conf_string, offsetof(Sample, text), 0, "hello", "a text"},
                {"url", &conf_url, offsetof(Sample, url), 0, NULL, "a URL"},
                {"flag", &conf_bool, offsetof(Sample, flag), 0, "true", "a flag"},
                {"number", &conf_unsigned, offsetof(Sample, number), 0, "3", "a number", &number_range},
                {"interval", &conf_duration, offsetof(Sample, interval_usec), 0, "60s", "how often",
                 &interval_range},
                {"size", &conf_size, offsetof(Sample, size), 0, "64KiB", "a size"},
                {"amount", &conf_amount, offsetof(Sample, amount), 0, "5%", "an amount"},
                {"choice", &conf_enum, offsetof(Sample, choice), 0, "slack", "a word", choices},
                {"list", &conf_strings, offsetof(Sample, list), 0, NULL, "texts"},
                {"integers", &conf_integers, offsetof(Sample, integers), 0, "[200]", "numbers"},
                {"map", &conf_string_map, offsetof(Sample, map), 0, NULL, "pairs"},
                {"json", &conf_json, offsetof(Sample, json), 0, NULL, "anything"},
                {"inner", &conf_table, offsetof(Sample, inner), 0, "{}", "a table", inner_fields},
                {"address", &conf_address, offsetof(Sample, address), 0, NULL, "an address"},
                {"secret", &conf_string, offsetof(Sample, secret), CONF_SECRET, NULL, "a secret"},
                {NULL},
};

static Conf *loaded(const char *text)
{
        Conf *conf = NULL;
        Error e = {0};

        if (conf_load_text("c.yaml", text, strlen(text), &conf, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK(conf);
        return conf;
}

static const char *load_refusal_n(const char *text, size_t size)
{
        static Error e;
        Conf *conf = NULL;

        CHECK_INT(conf_load_text("c.yaml", text, size, &conf, &e), -EINVAL);
        CHECK(!conf);
        return e.text;
}

static const char *load_refusal(const char *text)
{
        return load_refusal_n(text, strlen(text));
}

static void parse(const char *text, Sample *ret)
{
        _cleanup_(conf_freep) Conf *conf = loaded(text);
        Error e = {0};

        *ret = (Sample){0};
        if (conf_parse(conf_root(conf), fields, NULL, ret, &e) < 0) {
                fprintf(stderr, "%s\n", e.text);
                CHECK(false);
        }
}

static const char *refusal(const char *text)
{
        static const char *const skip[] = {"type", NULL};
        static Error e;
        _cleanup_(conf_freep) Conf *conf = loaded(text);
        Sample s = {0};

        CHECK_INT(conf_parse(conf_root(conf), fields, skip, &s, &e), -EINVAL);
        CHECK(!s.text && !s.url && !s.list && !s.map && !s.json && !s.inner.name && !s.integers.values);
        return e.text;
}

/* Fields */

TEST(what_is_left_out_has_its_default)
{
        Sample s;
        parse("", &s);
        CHECK_STR(s.text, "hello");
        CHECK(!s.url && !s.list && !s.json);
        CHECK(s.flag);
        CHECK_INT(s.number, 3);
        CHECK_INT(s.interval_usec, USEC_PER_MIN);
        CHECK_INT(s.size, 65536);
        CHECK(s.amount.percent && s.amount.value == 500);
        CHECK_INT(s.choice, 1);
        CHECK_INT(s.integers.count, 1);
        CHECK_INT(s.integers.values[0], 200);
        CHECK_INT(s.inner.hold_usec, 5 * USEC_PER_MIN);
        conf_clear(fields, &s);
        conf_clear(fields, &s); /* twice is fine */
}

TEST(every_type_reads_its_value)
{
        Sample s;
        parse("# a comment\n"
              "text: 'it''s'\n"
              "url: https://shop.example:8443/a?b=c#d\n"
              "flag: false\n"
              "number: 64\n"
              "interval: 1m30s\n"
              "size: 10M\n"
              "amount: 1GiB\n"
              "choice: ntfy\n"
              "list: [a, \"b c\", 5]\n"
              "integers: [200, 0x10, 0o17, -1]\n"
              "map: {Accept: text/html, X-Number: 5}\n"
              "inner: {name: x}\n"
              "address: '[::1]:9440'\n"
              "secret: sesame\n",
              &s);
        CHECK_STR(s.text, "it's");
        CHECK_STR(s.url, "https://shop.example:8443/a?b=c#d");
        CHECK(!s.flag);
        CHECK_INT(s.number, 64);
        CHECK_INT(s.interval_usec, 90 * USEC_PER_SEC);
        CHECK_INT(s.size, 10 << 20);
        CHECK(!s.amount.percent && s.amount.value == 1 << 30);
        CHECK_INT(s.choice, 2);
        CHECK_STR(s.list[0], "a");
        CHECK_STR(s.list[1], "b c");
        CHECK_STR(s.list[2], "5");
        CHECK(!s.list[3]);
        CHECK_INT(s.integers.count, 4);
        CHECK_INT(s.integers.values[1], 16);
        CHECK_INT(s.integers.values[2], 15);
        CHECK_INT(s.integers.values[3], -1);
        CHECK_STR(s.map[0].key, "Accept");
        CHECK_STR(s.map[1].value, "5");
        CHECK(!s.map[2].key);
        CHECK_STR(s.inner.name, "x");
        CHECK_INT(s.inner.hold_usec, 5 * USEC_PER_MIN);
        CHECK_STR(s.address, "[::1]:9440");
        CHECK_STR(s.secret, "sesame");
        conf_clear(fields, &s);
}

TEST(a_single_value_is_a_list_of_one_and_a_list_may_be_empty)
{
        Sample s;
        parse("list: www-data\nintegers: 204\ninner:\n", &s);
        CHECK_STR(s.list[0], "www-data");
        CHECK(!s.list[1]);
        CHECK_INT(s.integers.count, 1);
        CHECK_INT(s.integers.values[0], 204);
        CHECK_INT(s.inner.hold_usec, 5 * USEC_PER_MIN); /* all keys commented out */
        conf_clear(fields, &s);
        parse("list: []\nintegers: []\nmap: {}\n", &s);
        CHECK(s.list && !s.list[0]);
        CHECK_INT(s.integers.count, 0);
        CHECK(s.map && !s.map[0].key);
        conf_clear(fields, &s);
}

TEST(percentages_and_sizes_are_exact)
{
        static const struct {
                const char *text;
                bool percent;
                uint64_t value;
        } good[] = {
                        {"0%", true, 0},           {"0.5%", true, 50},      {"12.25%", true, 1225},
                        {"100%", true, 10000},     {"4096", false, 4096},   {"1kB", false, 1000},
                        {"2K", false, 2048},       {"3MB", false, 3000000}, {"7B", false, 7},
                        {"2T", false, 2ULL << 40}, {"0", false, 0},
        };
        static const char *const bad[] = {
                        "100.01%",  "101%", "1000%", "-1%", "5 %", "%", ".5%", "5.%",
                        "5.123%",   "5%%",  "1.5G",  "5X",  "-5",  "G", "5g",  "18446744073709551616",
                        "20000000T"};
        char text[64];

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                Sample s;
                snprintf(text, sizeof text, "amount: %s", good[i].text);
                parse(text, &s);
                CHECK_INT(s.amount.percent, good[i].percent);
                CHECK_INT(s.amount.value, good[i].value);
                conf_clear(fields, &s);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                snprintf(text, sizeof text, "amount: '%s'", bad[i]);
                CHECK(strstr(refusal(text),
                             "c.yaml:1:9: `amount`: expected a percentage such as 5% or a size"));
        }
}

TEST(json_takes_any_yaml_with_scalars_by_the_core_schema)
{
        static const char wanted[] =
                        "{\"n\":null,\"t\":null,\"e\":null,\"b\":true,\"B\":false,\"i\":-12,\"o\":15,\"x\":"
                        "255,"
                        "\"f\":1.5,\"g\":1000.0,\"h\":0.5,\"s\":\"12\",\"y\":\"yes\",\"d\":\"2026-11-20\","
                        "\"v\":\"1.2.3\",\"l\":[1,[2,{\"a\":\"b\"}]],\"q\":\"null\",\"z\":12}";
        _cleanup_free_ char *got = NULL;
        Sample s;

        parse("json: {n: null, t: ~, e: , b: true, B: FALSE, i: -12, o: 0o17, x: 0xff, f: 1.5, g: 1e3, h: .5,"
              " s: '12', y: yes, d: 2026-11-20, v: 1.2.3, l: [1, [2, {a: b}]], q: \"null\", z: 012}",
              &s);
        CHECK_INT(json_print(s.json, &got), 0);
        CHECK_STR(got, wanted);
        conf_clear(fields, &s);
        CHECK_STR(refusal("json: [1, .inf]"),
                  "c.yaml:1:11: `json`: expected a number that JSON can write, not `.inf`");
        CHECK(strstr(refusal("json: 9223372036854775808"), "64 bits"));
        CHECK(strstr(refusal("json: 1e999"), "JSON can write"));
        parse("json: -9223372036854775808", &s);
        CHECK(json_integer_value(s.json) == INT64_MIN);
        conf_clear(fields, &s);
}

TEST(unknown_keys_are_named_with_the_nearest_known_one)
{
        CHECK_STR(refusal("text: a\nflag: true\nlist: []\n  \nintervall: 60s\n"),
                  "c.yaml:5:1: unknown key `intervall`, did you mean `interval`? Known: type, text, url, "
                  "flag, number, "
                  "interval, size, amount, choice, list, integers, map, json, inner, address, secret");
        CHECK(strstr(refusal("itnerval: 60s"), "did you mean `interval`?")); /* neighbours swapped */
        CHECK(strstr(refusal("tpye: x"), "did you mean `type`?"));           /* a key that the caller reads */
        CHECK_STR(refusal("inner: {hodl: 5m}"),
                  "c.yaml:1:9: unknown key `hodl`, did you mean `hold`? Known: hold, name");
        CHECK(strstr(refusal("inner: {xyzzy: 5m}"), "c.yaml:1:9: unknown key `xyzzy`. Known: hold, name"));
        CHECK(strstr(refusal("inner: {<<: 5m}"), "unknown key `<<`"));
        CHECK(!strchr(refusal("inner: {\"a\\e[31m\": 5m}"), 0x1b));
}

TEST(durations_need_a_unit_and_keep_to_their_range)
{
        CHECK_STR(refusal("interval: 60"), "c.yaml:1:11: `interval`: a duration needs a unit: 60s, 5m");
        CHECK_STR(refusal("interval: soon"), "c.yaml:1:11: `interval`: expected a duration such as 250ms, "
                                             "60s, 5m, 1h30m or 2d, not `soon`");
        CHECK_STR(refusal("interval: 10ms"), "c.yaml:1:11: `interval`: must be at least 1s");
        CHECK_STR(refusal("interval: 2d"), "c.yaml:1:11: `interval`: must be at most 1d");
        CHECK_STR(refusal("interval: [1s]"),
                  "c.yaml:1:11: `interval`: expected a duration such as 60s or 5m, not a list");
        CHECK(strstr(refusal("interval:"),
                     "c.yaml:1:10: `interval`: expected a duration such as 60s or 5m, but there is nothing"));
}

TEST(wrong_types_are_refused_with_what_would_be_right)
{
        CHECK_STR(refusal("flag: yes"), "c.yaml:1:7: `flag`: expected true or false, not `yes`");
        CHECK_STR(refusal("flag: 'true'"),
                  "c.yaml:1:7: `flag`: expected true or false without quotes, not `true`");
        CHECK_STR(refusal("number: 0"),
                  "c.yaml:1:9: `number`: expected a whole number from 1 to 64, not `0`");
        CHECK(strstr(refusal("number: 65"), "from 1 to 64, not `65`"));
        CHECK(strstr(refusal("number: -1"), "not `-1`"));
        CHECK(strstr(refusal("number: 1.0"), "not `1.0`"));
        CHECK(strstr(refusal("number: '5'"), "not `5`"));
        CHECK(strstr(refusal("number: 99999999999999999999"), "from 1 to 64"));
        CHECK_STR(refusal("choice: slak"), "c.yaml:1:9: `choice` cannot be `slak`, did you mean `slack`? "
                                           "Known: alertmanager, slack, ntfy");
        CHECK_STR(refusal("text: {a: b}"), "c.yaml:1:7: `text`: expected a text, not keys and values");
        CHECK_STR(refusal("list: [a, [b]]"), "c.yaml:1:11: `list`: expected a list of texts, not a list");
        CHECK(strstr(refusal("list: {a: b}"), "`list`: expected a list of texts"));
        CHECK(strstr(refusal("integers: [200, 2xx]"),
                     "c.yaml:1:17: `integers`: expected a list of whole numbers, not `2xx`"));
        CHECK(strstr(refusal("integers: ['200']"), "c.yaml:1:12: "));
        CHECK(strstr(refusal("map: [a]"), "`map`: expected keys and texts, not a list"));
        CHECK(strstr(refusal("map: {a: [b]}"), "c.yaml:1:10: "));
        CHECK(strstr(refusal("map: {a: b, c: }"), "there is nothing"));
        CHECK_STR(refusal("inner: [a]"), "c.yaml:1:8: expected keys and values here, not a list");
        CHECK_STR(refusal("inner: 5m"), "c.yaml:1:8: expected keys and values here, not a single value");
        CHECK(strstr(refusal("- a\n- b\n"), "c.yaml:1:1: expected keys and values here, not a list"));
}

TEST(a_secret_is_never_shown)
{
        CHECK(!strstr(refusal("secret: [sesame]"), "sesame"));
        static const ConfField secret_fields[] = {
                        {"pin", &conf_unsigned, 0, CONF_SECRET, NULL, "a number"},
                        {"where", &conf_url, 8, CONF_SECRET, NULL, "a URL"},
                        {NULL},
        };
        static const char *const texts[] = {"pin: sesame", "where: sesame"};
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_(conf_freep) Conf *conf = loaded(texts[i]);
                uint64_t target[2] = {0};
                Error e = {0};
                CHECK_INT(conf_parse(conf_root(conf), secret_fields, NULL, target, &e), -EINVAL);
                CHECK(!strstr(e.text, "sesame"));
        }
}

TEST(urls_need_http_and_a_host_and_no_password)
{
        static const char *const good[] = {"http://127.0.0.1:23000/api", "https://a", "HTTP://A/",
                                           "http://[::1]:80/"};
        static const char *const bad[] = {"shop.example", "ftp://a/",        "http://",
                                          "http:///x",    "http:/x",         "file:///etc/passwd",
                                          "https://a b/", "http://a:99999/", "javascript:alert(1)"};
        char text[128];

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                Sample s;
                snprintf(text, sizeof text, "url: '%s'", good[i]);
                parse(text, &s);
                CHECK_STR(s.url, good[i]);
                conf_clear(fields, &s);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                snprintf(text, sizeof text, "url: '%s'", bad[i]);
                CHECK(strstr(refusal(text),
                             "c.yaml:1:6: `url`: expected a URL with http:// or https:// and a host, not"));
        }
        CHECK(strstr(refusal("url: https://me:sesame@a/"), "user and password do not belong"));
        CHECK(!strstr(refusal("url: https://me:sesame@a/"), "sesame"));
}

TEST(addresses_are_ip_and_port)
{
        static const char *const bad[] = {"127.0.0.1",  "localhost:80", "127.0.0.1:0",   "127.0.0.1:65536",
                                          "::1:80",     "[::1]",        "[127.0.0.1]:8", ":80",
                                          "127.0.0.1:", "[::1]80",      "127.0.0.1:8x",  "[::1]x:80"};
        char text[64];
        Sample s;

        parse("address: 127.0.0.1:65535", &s);
        conf_clear(fields, &s);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                snprintf(text, sizeof text, "address: '%s'", bad[i]);
                CHECK(strstr(refusal(text), "c.yaml:1:10: `address`: expected an IP address and a port"));
        }
}

TEST(what_is_required_and_missing_is_named)
{
        static const ConfField required[] = {{"url", &conf_url, 0, CONF_REQUIRED, NULL, "what to ask"},
                                             {NULL}};
        _cleanup_(conf_freep) Conf *conf = loaded("probes:\n  shop: {}\n");
        char *target = NULL;
        Error e;

        CHECK_INT(conf_parse(conf_get(conf_get(conf_root(conf), "probes"), "shop"), required, NULL, &target,
                             &e),
                  -EINVAL);
        CHECK_STR(e.text, "c.yaml:2:9: `url` is missing: what to ask");
}

/* Loading */

TEST(broken_yaml_is_refused_with_its_place)
{
        CHECK_STR(load_refusal("a: 1\nb: [1, 2\nc: 3\n"),
                  "c.yaml:3:2: did not find expected ',' or ']' (while parsing a flow sequence, line 2)");
        CHECK_STR(load_refusal("a:\n\tb: 1\n"), "c.yaml:2:1: a tab; YAML is indented with spaces");
        CHECK_STR(load_refusal("a: \"x\n"),
                  "c.yaml:2:1: found unexpected end of stream (while scanning a quoted scalar, line 1)");
        CHECK(strncmp(load_refusal("a: 1\n  b: 2\n"), "c.yaml:2:4: ", 12) == 0);
}

TEST(keys_given_twice_are_refused)
{
        CHECK_STR(load_refusal("a: 1\nb: 2\nc: {x: 1, y: 2,\n  x: 3}\n"),
                  "c.yaml:4:3: `x` is given twice, first on line 3");
        CHECK_STR(load_refusal("a: 1\n\"a\": 2\n"), "c.yaml:2:1: `a` is given twice, first on line 1");
}

TEST(anchors_aliases_tags_and_second_documents_are_refused)
{
        CHECK_STR(load_refusal("a: &x 1\nb: *x\n"), "c.yaml:1:4: anchors (&name) are not used here");
        CHECK(strstr(load_refusal("a: &x [1]\n"), "c.yaml:1:4: anchors"));
        CHECK(strstr(load_refusal("a: &x {b: 1}\n"), "c.yaml:1:4: anchors"));
        CHECK(strstr(load_refusal("a: *x\n"), "c.yaml:1:4: aliases"));
        CHECK(strstr(load_refusal("a: !!str 5\n"), "c.yaml:1:4: tags"));
        CHECK(strstr(load_refusal("a: !ruby/object {}\n"), "c.yaml:1:4: tags"));
        CHECK(strstr(load_refusal("a: !x [1]\n"), "c.yaml:1:4: tags"));
        CHECK_STR(load_refusal("a: 1\n---\nb: 2\n"), "c.yaml:2:1: a second document: one file holds one");
        CHECK_STR(load_refusal("%YAML 1.1\n%TAG !a! b\n---\na: 1\n"), "c.yaml:2:1: tags are not used here");
}

TEST(keys_are_words)
{
        CHECK_STR(load_refusal("? [a]\n: b\n"), "c.yaml:1:3: a key must be a word, not a list");
        CHECK_STR(load_refusal("? {a: b}\n: b\n"), "c.yaml:1:3: a key must be a word, not a mapping");
}

TEST(bytes_that_are_no_text_are_refused)
{
        CHECK(strncmp(load_refusal("a: 1\nb: \xff\n"), "c.yaml:2:4: ", 12) == 0);
        CHECK(strncmp(load_refusal("é: \xc0\xaf\n"), "c.yaml:1:4: ", 12) == 0);
        CHECK(strncmp(load_refusal_n("a: x\0y\n", 7), "c.yaml:1:5: ", 12) == 0);
        CHECK_STR(load_refusal("a: \"x\\0y\"\n"), "c.yaml:1:4: holds a NUL character");
        CHECK(strncmp(load_refusal_n("\xff\xfe"
                                     "a\0:\0 \0b\0",
                                     10),
                      "c.yaml:1:1: ", 12) == 0); /* UTF-16 */
        Sample s;
        parse("\xef\xbb\xbftext: mark\n", &s); /* UTF-8 with a byte order mark */
        CHECK_STR(s.text, "mark");
        conf_clear(fields, &s);
}

static double cpu_seconds(void)
{
        struct rusage u;
        getrusage(RUSAGE_SELF, &u);
        return (double) u.ru_utime.tv_sec + (double) u.ru_utime.tv_usec * 1e-6 + (double) u.ru_stime.tv_sec +
               (double) u.ru_stime.tv_usec * 1e-6;
}

TEST(bombs_are_refused_in_a_moment)
{
        static const char *const units[] = {"[",   "{",        "[{",           "[\n",       "- ",  "? ",
                                            "{? ", "[\"a\",",  "[a: ",         "- [a,b]\n", "-\n", "? a\n",
                                            ": ",  "--- {}\n", "%TAG !a! b\n", "&a ",       "*a ", "!a ",
                                            "a: ", "'",        "\"a\": ",      "{a,",       "[],", "|\n",
                                            "#",   "\t",       "...\n"};
        static char bomb[CONF_SIZE_MAX];
        Conf *conf = NULL;
        Error e;

        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                size_t n = strlen(units[i]), size = 0;
                for (; size + n <= sizeof bomb; size += n)
                        memcpy(bomb + size, units[i], n);
                double before = cpu_seconds();
                int r = conf_load_text("bomb", bomb, size, &conf, &e);
                double took = cpu_seconds() - before;
                /* A long comment and a long quoted text are no crime. */
                bool harmless = streq(units[i], "#") || streq(units[i], "'");
                if (r != (harmless ? 0 : -EINVAL))
                        fprintf(stderr, "'%s': %d\n", units[i], r);
                CHECK_INT(r, harmless ? 0 : -EINVAL);
                conf = conf_free(conf);
                if (took > 2)
                        fprintf(stderr, "'%s' took %.2f s\n", units[i], took);
                CHECK(took < 2); /* with sanitizers; 14 s and more for 100 KB without the limits */
        }
}

TEST(many_directives_are_refused_before_libyaml_lists_them)
{
        size_t used = 0;
        char *text = malloc(CONF_SIZE_MAX);
        CHECK(text);
        for (unsigned i = 0; used + 64 < CONF_SIZE_MAX; i++)
                used += (size_t) snprintf(text + used, 64, "%%TAG !h%u! x\n", i);
        CHECK_STR(load_refusal_n(text, used), "c.yaml:1:1: tags are not used here");
        free(text);
}

TEST(sizes_and_depth_have_their_limits)
{
        static char text[CONF_SIZE_MAX + 1];
        memset(text, ' ', sizeof text);
        text[0] = 'a';
        text[1] = ':';
        conf_free(loaded("a: [[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]")); /* 16 with the mapping */
        CHECK_STR(load_refusal("a: [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]"), "c.yaml:1:19: nested too deeply");
        /* Brackets in texts are no nesting. */
        conf_free(loaded("a: '[[[[[[[[[[[[[[[[[[[[[[[[[[[['\nb: |\n  {{{{{{{{{{{{{{{{{{{{{{{{{{\nc: x # "
                         "[[[[[[[[[[[[[[[[[[[[[\n"));
        Conf *conf = NULL;
        CHECK_INT(conf_load_text("c", text, CONF_SIZE_MAX, &conf, NULL), 0);
        conf_free(conf);
        CHECK_STR(load_refusal_n(text, sizeof text), "c.yaml: larger than 1024 KiB");
}

TEST(ten_thousand_probes_are_read_in_a_moment)
{
        size_t used = 0, room = CONF_SIZE_MAX;
        char *text = malloc(room);
        CHECK(text);
        for (unsigned i = 0; i < 10000; i++)
                used += (size_t) snprintf(text + used, room - used,
                                          "probe-%u: {interval: 30s, url: \"http://127.0.0.1:%u/\"}\n", i,
                                          1 + i);
        double before = cpu_seconds();
        Conf *conf = NULL;
        CHECK_INT(conf_load_text("many", text, used, &conf, NULL), 0);
        const ConfNode *root = conf_root(conf);
        CHECK_INT(conf_count(root), 10000);
        for (size_t i = 0; i < conf_count(root); i++) {
                Sample s = {0};
                CHECK(conf_get(root, conf_key(root, i, NULL)) == conf_item(root, i));
                CHECK_INT(conf_parse(conf_item(root, i), fields, NULL, &s, NULL), 0);
                conf_clear(fields, &s);
        }
        CHECK(cpu_seconds() - before < 20); /* under sanitizers */
        conf_free(conf);
        free(text);
}

TEST(files_say_their_path_in_errors_and_know_their_folder)
{
        char folder[] = "/tmp/test_conf.XXXXXX", path[64], wanted[128];
        Conf *conf = NULL;
        Error e;

        CHECK(mkdtemp(folder));
        snprintf(path, sizeof path, "%s/failoverd.yaml", folder);
        snprintf(wanted, sizeof wanted, "%s: No such file or directory", path);
        CHECK_INT(conf_load(path, &conf, &e), -ENOENT);
        CHECK_STR(e.text, wanted);
        CHECK_INT(conf_load(folder, &conf, &e), -EISDIR);
        CHECK_INT(conf_load("/dev/null", &conf, &e), -EBADFD);

        FILE *f = fopen(path, "we");
        CHECK(f && fputs("a: [\n", f) >= 0 && fclose(f) == 0);
        snprintf(wanted, sizeof wanted, "%s:2:1: ", path);
        CHECK_INT(conf_load(path, &conf, &e), -EINVAL);
        CHECK(strncmp(e.text, wanted, strlen(wanted)) == 0);
        f = fopen(path, "we");
        CHECK(f && fputs("a: b\n", f) >= 0 && fclose(f) == 0);
        CHECK_INT(conf_load(path, &conf, &e), 0);
        CHECK_STR(conf_directory(conf), folder);
        CHECK_STR(conf_scalar(conf_get(conf_root(conf), "a")), "b");
        conf_free(conf);
        CHECK(unlink(path) >= 0 && rmdir(folder) >= 0);
}

TEST(the_tree_can_be_walked)
{
        _cleanup_(conf_freep) Conf *conf = loaded("b: 1\na: [x, 'null', ~, ]\n");
        const ConfNode *root = conf_root(conf), *list = conf_get(root, "a"), *key;
        Error e;

        CHECK_STR(conf_directory(conf), ".");
        CHECK(conf_is_mapping(root) && !conf_is_sequence(root) && !conf_scalar(root));
        CHECK_STR(conf_key(root, 0, &key), "b"); /* in the file's order */
        CHECK_INT(conf_error(key, &e, "%s", "here"), -EINVAL);
        CHECK_STR(e.text, "c.yaml:1:1: here");
        CHECK(!conf_get(root, "c") && !conf_get(list, "a"));
        CHECK_INT(conf_count(list), 3);
        CHECK(conf_is_quoted(conf_item(list, 1)) && !conf_is_null(conf_item(list, 1)));
        CHECK(conf_is_null(conf_item(list, 2)));
        CHECK_INT(conf_count(conf_item(list, 0)), 0);
}

static bool same_hash(const char *a, const char *b)
{
        _cleanup_(conf_freep) Conf *x = loaded(a), *y = loaded(b);
        uint8_t hx[32], hy[32];

        conf_hash(conf_root(x), hx);
        conf_hash(conf_root(y), hy);
        return memcmp(hx, hy, sizeof hx) == 0;
}

TEST(a_hash_ignores_order_of_keys_style_and_comments_and_nothing_else)
{
        CHECK(same_hash("a: 1\nb: [x, y]\nc:\n", "# new\nc: ~\n'b':\n  - x\n  - \"y\"\n\na: 1"));
        CHECK(!same_hash("a: [x, y]", "a: [y, x]"));
        CHECK(!same_hash("a: 5", "a: '5'"));
        CHECK(!same_hash("a: true", "a: 'true'"));
        CHECK(!same_hash("a: ", "a: ''"));
        CHECK(!same_hash("a: {b: c}", "a: {}\nb: c"));
        CHECK(!same_hash("a: [b, c]", "a: {b: c}"));
        CHECK(!same_hash("a: [[b], c]", "a: [[b, c]]"));
        CHECK(!same_hash("ab: c", "a: bc"));
        CHECK(same_hash("", "# nothing"));
}
