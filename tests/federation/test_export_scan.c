/* SPDX-License-Identifier: MIT */
/* Exports of others, read as they come: cut anywhere, damaged anywhere, of any size. */
#include "federation/export_scan.h"

#include "base/text.h"
#include "tests/test.h"

#include <sodium.h>

MAIN()

typedef struct Seen {
        Text all; /* one listing a line */
        unsigned n;
} Seen;

static int on_listing(const char *json, size_t size, void *userdata, Error *e)
{
        Seen *s = userdata;

        CHECK_INT(strlen(json), size);
        CHECK(!strchr(json, '\n'));
        text_add(&s->all, "%s\n", json);
        s->n++;
        return 0;
}

/* In pieces of so many bytes; 0: at once. */
static int scan(const char *text, size_t piece, Seen *seen, ExportFacts *facts, Error *e)
{
        _cleanup_(export_scan_freep) ExportScan *s = NULL;
        size_t size = strlen(text);
        int r = 0;

        *seen = (Seen){.n = 0};
        CHECK_INT(export_scan_new(on_listing, seen, &s), 0);
        for (size_t at = 0; at < size && r == 0; at += piece ? piece : size)
                r = export_scan_feed(s, text + at, MIN(piece ? piece : size, size - at), e);
        if (r == 0)
                r = export_scan_finish(s, e);
        if (facts)
                *facts = *export_scan_facts(s);
        return r;
}

static char *hash_of(const char *array)
{
        static char hex[65];
        unsigned char hash[crypto_hash_sha256_BYTES];

        crypto_hash_sha256(hash, (const unsigned char *) array, strlen(array));
        return sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
}

/* A proper one with this array; malloc'ed. */
static char *export_of(const char *array)
{
        char *text = string_printf(
                        "{\"schema\":\"aan-export/1\",\"node\":\"a.b\",\"generation\":7,\"hash\":\"%s\","
                        "\"listings\":%s,\"transactions\":[1,{\"x\":[2]}],\"users\":[{\"password\":"
                        "\"$2b$x\"},{}, []]}\n",
                        hash_of(array), array);

        CHECK(text);
        return text;
}

static void check_refused(const char *text, const char *reason)
{
        Seen seen;
        Error e = {""};

        for (size_t piece = 0; piece < 3; piece++) {
                CHECK_INT(scan(text, piece, &seen, NULL, &e), -EBADMSG);
                if (!strstr(e.text, reason))
                        fprintf(stderr, "said: %s\n", e.text);
                CHECK(strstr(e.text, reason));
                text_clear(&seen.all);
        }
}

#define ARRAY                                                           \
        "[ {\"id\":\"a.b:1\",\n \"title\":\"A ]} \\\" "                 \
        "\\\\\"},{\"title\":\"B\",\"tags\":[\"x\",[]],\"o\":{}} ,\n3, " \
        "\"four\" ]"

TEST(listings_come_one_by_one_and_all_else_is_counted)
{
        char *text = export_of(ARRAY);

        for (size_t piece = 0; piece < 40; piece++) {
                Seen seen;
                ExportFacts f;
                Error e;

                CHECK_INT(scan(text, piece, &seen, &f, &e), 0);
                CHECK_STR(seen.all.data, "{\"id\":\"a.b:1\",  \"title\":\"A ]} \\\" \\\\\"}\n"
                                         "{\"title\":\"B\",\"tags\":[\"x\",[]],\"o\":{}}\n");
                CHECK_INT(f.listings, 4);
                CHECK_INT(f.unfit, 2);
                CHECK_INT(f.transactions, 2);
                CHECK_INT(f.users, 3);
                CHECK_INT(f.generation, 7);
                CHECK_STR(f.node, "a.b");
                CHECK_STR(f.schema, "aan-export/1");
                CHECK_STR(f.computed, f.hash);
                CHECK_INT(f.bytes, strlen(text));
                text_clear(&seen.all);
        }
        free(text);
}

TEST(what_is_cut_off_anywhere_is_no_export)
{
        char *text = export_of(ARRAY);

        for (size_t size = strlen(text) - 2; size > 0; size--) {
                Seen seen;
                Error e;

                text[size] = '\0';
                CHECK_INT(scan(text, 0, &seen, NULL, &e), -EBADMSG);
                text_clear(&seen.all);
        }
        free(text);
}

TEST(a_changed_byte_in_the_listings_is_noticed)
{
        char *text = export_of(ARRAY), *at = strstr(text, "\"B\"");

        CHECK(at);
        at[1] = 'C';
        check_refused(text, "its hash is not that of its listings");
        free(text);
        check_refused("{\"schema\":\"aan-export/1\",\"listings\":[]}", "it has no hash");
        check_refused("{\"schema\":\"aan-export/1\",\"hash\":\"\\u0061\",\"listings\":[]}", "it has no hash");
}

TEST(members_may_come_in_any_order)
{
        char *text = string_printf("{\"listings\":[{}],\"x\":{\"listings\":[1]},\"hash\":\"%s\",\"schema\":"
                                   "\"aan-export/1\"}",
                                   hash_of("[{}]"));
        Seen seen;
        ExportFacts f;
        Error e;

        CHECK_INT(scan(text, 0, &seen, &f, &e), 0);
        CHECK_INT(f.listings, 1);
        text_clear(&seen.all);
        free(text);
}

TEST(older_software_has_no_schema_and_a_hash_of_its_own)
{
        Seen seen;
        ExportFacts f;
        Error e;

        CHECK_INT(scan("{\"hash\":\"whatever\",\"listings\":[{\"_id\":1}],\"users\":null}", 0, &seen, &f, &e),
                  0);
        CHECK_INT(f.listings, 1);
        CHECK_STR(f.hash, "whatever");
        text_clear(&seen.all);
}

TEST(what_is_no_export_is_refused_with_the_reason)
{
        check_refused("", "ends in its middle");
        check_refused("[]", "byte 1: not an object");
        check_refused("<html>", "byte 1: not an object");
        check_refused("7", "byte 1: not an object");
        check_refused("{}", "it has no `listings`");
        check_refused("{\"schema\":\"aan-export/2\",\"listings\":[]}", "its schema is `aan-export/2`");
        check_refused("{\"schema\":7,\"listings\":[]}", "its schema is ``");
        check_refused("{\"listings\":{}}", "`listings` is no array");
        check_refused("{\"listings\":null}", "`listings` is no array");
        check_refused("{\"listings\":[],\"listings\":[]}", "stands there twice");
        check_refused("{\"listings\":[]}{}", "something behind the end");
        check_refused("{\"listings\":[]]", "a bracket that closes nothing");
        check_refused("{\"listings\":[{]}", "no key");
        check_refused("{\"listings\":[{\"a\" 1}]}", "no colon");
        check_refused("{\"listings\":[{\"a\":1 2}]}", "neither a comma");
        check_refused("{\"listings\":[,]}", "no value");
        check_refused("{\"listings\":[{},]}", "no value");
        check_refused("{\"a\":1,}", "no key");
        check_refused("{\"listings\":[\"a\nb\"]}", "a control character");
}

TEST(neither_depth_nor_size_takes_memory)
{
        _cleanup_text_ Text t = {0};
        Seen seen;
        ExportFacts f;
        Error e;

        text_add_string(&t, "{\"listings\":[");
        for (int i = 0; i < 100; i++)
                text_add_string(&t, "[");
        check_refused(t.data, "nested too deeply");

        text_truncate(&t, 0);
        text_add_string(&t, "{\"listings\":[{\"title\":\"");
        for (int i = 0; i < EXPORT_LISTING_MAX / 16; i++)
                text_add_string(&t, "0123456789abcdef");
        text_add_string(&t, "\"},{\"title\":\"small\"}]}");
        CHECK_INT(scan(t.data, 4096, &seen, &f, &e), 0);
        CHECK_INT(f.unfit, 1);
        CHECK_STR(seen.all.data, "{\"title\":\"small\"}\n");
        text_clear(&seen.all);
}

static int refuse(const char *json, size_t size, void *userdata, Error *e)
{
        return error_set(e, -ENOSPC, "full");
}

TEST(what_the_taker_says_ends_it)
{
        _cleanup_(export_scan_freep) ExportScan *s = NULL;
        Error e;

        CHECK_INT(export_scan_new(refuse, NULL, &s), 0);
        CHECK_INT(export_scan_feed(s, "{\"listings\":[{}", 15, &e), -ENOSPC);
        CHECK_STR(e.text, "full");
}
