/* SPDX-License-Identifier: MIT */
/* Another node's export, beside jansson: what is taken is JSON in its outline, its listings are those that jansson finds, in one
 * line each; cut into pieces it is the same; of users and transactions nothing comes through. */
#include "base/json.h"
#include "base/text.h"
#include "federation/export_scan.h"
#include "tests/fuzz/fuzz.h"

#include <locale.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        FUZZ_CHECK(setlocale(LC_CTYPE, "C.UTF-8"));
        return 0;
}

static int on_listing(const char *json, size_t size, void *userdata, Error *e)
{
        FUZZ_CHECK(size > 1 && json[0] == '{' && json[size - 1] == '}' && size <= EXPORT_LISTING_MAX);
        FUZZ_CHECK(!memchr(json, '\n', size) && !memchr(json, '\r', size));
        text_add_bytes(userdata, json, size);
        text_add_bytes(userdata, "\n", 1);
        return 0;
}

static int scan(const char *data, size_t size, size_t piece, Text *listings, ExportFacts *facts)
{
        ExportScan *s = NULL;
        Error e = {0};
        int r = 0;

        FUZZ_CHECK(export_scan_new(on_listing, listings, &s) == 0);
        for (size_t at = 0; at < size && r == 0; at += piece)
                r = export_scan_feed(s, data + at, MIN(piece, size - at), &e);
        if (r == 0)
                r = export_scan_finish(s, &e);
        FUZZ_CHECK(r == 0 || (r == -EBADMSG && *e.text && fuzz_is_plain(e.text)));
        *facts = *export_scan_facts(s);
        export_scan_free(s);
        return r;
}

/* What jansson takes we take, and find the same in it. */
static void compare(const char *data, size_t size, int r, const Text *listings, const ExportFacts *f)
{
        json_t *j = json_loadb(data, size, JSON_REJECT_DUPLICATES, NULL), *array, *one;
        size_t i, n = 0;
        const char *line = listings->data ? listings->data : "";

        if (!j || memchr(data, '\\', size)) {
                json_decref(j);
                return;
        }
        array = json_object_get(j, "listings");
        if (r == 0) {
                FUZZ_CHECK(json_is_array(array) && json_array_size(array) == f->listings);
                json_array_foreach(array, i, one)
                {
                        const char *end = strchr(line, '\n');
                        json_t *got;

                        if (!json_is_object(one))
                                continue;
                        FUZZ_CHECK(end);
                        got = json_loadb(line, (size_t) (end - line), 0, NULL);
                        FUZZ_CHECK(got && json_equal(got, one));
                        json_decref(got);
                        line = end + 1;
                        n++;
                }
                FUZZ_CHECK(!*line && n + f->unfit == f->listings);
        }
        json_decref(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const size_t pieces[] = {1, 7};
        Text whole = {0};
        ExportFacts facts;
        int r = scan((const char *) data, size, size + 1, &whole, &facts);

        for (size_t i = 0; i < ELEMENTSOF(pieces); i++) {
                Text cut = {0};
                ExportFacts other;
                int again = scan((const char *) data, size, pieces[i], &cut, &other);

                FUZZ_CHECK(again == r);
                if (r == 0) {
                        FUZZ_CHECK(cut.size == whole.size &&
                                   (cut.size == 0 || memcmp(cut.data, whole.data, cut.size) == 0));
                        FUZZ_CHECK(other.users == facts.users && other.transactions == facts.transactions &&
                                   streq(other.computed, facts.computed));
                }
                text_clear(&cut);
        }
        compare((const char *) data, size, r, &whole, &facts);
        text_clear(&whole);
        return 0;
}
