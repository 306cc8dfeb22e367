/* SPDX-License-Identifier: MIT */
/* federation/catalog.c: answers come on the loop, from threads. */
#include "tests/test.h"

#include "base/clock.h"
#include "federation/catalog.h"
#include "federation/import.h"

#include <sodium.h>
#include <unistd.h>

static char folder[] = "/tmp/catalog-XXXXXX";
static char path[64];

static void import_text(const char *text)
{
        _cleanup_(import_freep) Import *i = NULL;
        const ImportOptions options = {.name = "books.csv"};
        Error e = {""};

        CHECK_INT(import_new(path, &options, &i, &e), 0);
        CHECK_INT(import_feed(i, text, strlen(text), &e), 0);
        CHECK_INT(import_finish(i, NULL, &e), 0);
}

__attribute__((constructor)) static void begin(void)
{
        CHECK(sodium_init() >= 0);
        CHECK(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/catalog.db", folder);
        import_text("id,title,author,price,category,popularity,isbn\n"
                    "1,Pride and Prejudice,Jane Austen,9.99,Romance,50,\n"
                    "2,\"Alice's Adventures in Wonderland\",Lewis Carroll,7.50,Children,90,0306406152\n"
                    "3,羅生門,芥川 龍之介,,Fiction,5,\n"
                    "4,The Art of Prejudice,J. K. Other,1,Fiction,10,\n");
}

__attribute__((destructor)) static void end(void)
{
        char command[128];

        snprintf(command, sizeof(command), "rm -rf %s", folder);
        if (system(command) != 0)
                perror("rm");
}

typedef struct Seen {
        sd_event *event;
        char ids[1024];
        uint64_t total, generation;
        int error, n;
} Seen;

static void on_answer(CatalogAsk *ask, const CatalogAnswer *answer, void *userdata)
{
        Seen *seen = userdata;

        seen->n++;
        seen->error = answer->error;
        seen->total = answer->total;
        seen->generation = answer->generation;
        for (size_t i = 0; i < answer->n_listings; i++) {
                strcat(seen->ids, answer->listings[i].id);
                strcat(seen->ids, " ");
        }
        catalog_ask_free(ask);
}

/* Several may come in one turn of the loop. */
static void wait_for_some(Seen *seen, int n)
{
        uint64_t deadline = clock_boot_usec() + 20 * USEC_PER_SEC;

        while (seen->n < n && clock_boot_usec() < deadline)
                CHECK(sd_event_run(seen->event, USEC_PER_SEC) >= 0);
        CHECK(seen->n >= n);
}

static void wait_for(Seen *seen, int n)
{
        wait_for_some(seen, n);
        CHECK_INT(seen->n, n);
}

static const char *found(const char *text, const char *category)
{
        static Seen seen;
        _cleanup_event_ sd_event *event = NULL;
        _cleanup_(catalog_freep) Catalog *c = NULL;
        Question q = {.text = (char *) (uintptr_t) text,
                      .category = (char *) (uintptr_t) category,
                      .min_price_micros = -1,
                      .max_price_micros = -1,
                      .limit = 10};
        CatalogAsk *ask;

        CHECK(sd_event_new(&event) >= 0);
        CHECK_INT(catalog_new(event, path, &c), 0);
        seen = (Seen){.event = event};
        CHECK_INT(catalog_search(c, &q, on_answer, &seen, &ask), 0);
        wait_for(&seen, 1);
        CHECK_INT(seen.error, 0);
        return seen.ids;
}

TEST(finds_words_of_titles_and_authors)
{
        CHECK_STR(found("prejudice", NULL), "1 4 ");
        CHECK_STR(found("alices", NULL), "2 ");
        CHECK_STR(found("Alice", NULL), "2 ");
        CHECK_STR(found("生門", NULL), "3 ");
        CHECK_STR(found("jk other", NULL), "4 ");
        CHECK_STR(found("prejudice", "fiction"), "4 ");
        CHECK_STR(found("absent", NULL), "");
}

TEST(an_ask_that_is_freed_is_not_answered)
{
        Seen seen = {0};
        _cleanup_(catalog_freep) Catalog *c = NULL;
        CatalogAsk *asks[200];

        CHECK(sd_event_new(&seen.event) >= 0);
        CHECK_INT(catalog_new(seen.event, path, &c), 0);
        for (unsigned i = 0; i < ELEMENTSOF(asks); i++)
                CHECK_INT(catalog_list(c, 2, 1, on_answer, &seen, asks + i), 0);
        for (unsigned i = 0; i < ELEMENTSOF(asks); i++)
                if (i % 2 == 0)
                        catalog_ask_free(asks[i]);
        wait_for(&seen, ELEMENTSOF(asks) / 2);
        CHECK(strncmp(seen.ids, "1 4 ", 4) == 0);
        CHECK_INT(seen.total, 4);
        sd_event_unref(seen.event);
}

static int ask_once(Catalog *c, sd_event *event, Seen *ret)
{
        CatalogAsk *ask;

        *ret = (Seen){.event = event};
        int r = catalog_get(c, "1", on_answer, ret, &ask);
        if (r == 0)
                wait_for(ret, 1);
        return r;
}

static CatalogAsk *asked[400];

static void on_one_of_many(CatalogAsk *ask, const CatalogAnswer *answer, void *userdata)
{
        Seen *seen = userdata;

        for (size_t i = 0; i < ELEMENTSOF(asked); i++)
                if (asked[i] == ask)
                        asked[i] = catalog_ask_free(ask);
        seen->n++;
}

TEST(more_than_a_crowd_is_refused)
{
        Seen seen = {0};
        Catalog *c = NULL;
        int n = 0, r = 0;

        CHECK(sd_event_new(&seen.event) >= 0);
        CHECK_INT(catalog_new(seen.event, path, &c), 0);
        while (n < 400 && (r = catalog_get(c, "2", on_one_of_many, &seen, asked + n)) == 0)
                n++;
        CHECK_INT(r, -EBUSY);
        CHECK(n >= 256 && n <= 258);
        wait_for_some(&seen, n / 2);
        c = catalog_free(
                        c); /* with half of them in flight: none is answered afterwards, and each is its asker's to free */
        CHECK(seen.n < n);
        for (int i = 0; i < n; i++)
                catalog_ask_free(asked[i]);
        sd_event_unref(seen.event);
}

TEST(a_file_that_is_none_is_told_and_a_mended_one_is_taken)
{
        _cleanup_event_ sd_event *event = NULL;
        _cleanup_(catalog_freep) Catalog *c = NULL;
        char bad[96];
        CatalogFacts facts;
        Seen seen;

        snprintf(bad, sizeof(bad), "%s/bad.db", folder);
        FILE *f = fopen(bad, "we");
        CHECK(f);
        for (unsigned i = 0; i < 1000; i++)
                fputs("no database\n", f);
        fclose(f);
        CHECK(sd_event_new(&event) >= 0);
        CHECK_INT(catalog_new(event, bad, &c), 0);
        CHECK_INT(ask_once(c, event, &seen), 0);
        CHECK_INT(seen.error, -EUCLEAN);
        catalog_facts(c, &facts);
        CHECK(!facts.open && strstr(facts.trouble, "not a database"));

        char command[640];
        snprintf(command, sizeof(command), "cp %s %s", path, bad);
        CHECK_INT(system(command), 0);
        CHECK_INT(ask_once(c, event, &seen), 0);
        CHECK_INT(seen.error, 0);
        CHECK_STR(seen.ids, "1 ");
        catalog_facts(c, &facts);
        CHECK(facts.open && streq(facts.trouble, ""));
        CHECK_INT(facts.books, 4);
        CHECK_INT(facts.categories, 3);
        CHECK_STR(catalog_categories(c), "{\"Fiction\":2,\"Children\":1,\"Romance\":1}");
}

TEST(a_file_that_is_put_in_its_place_is_noticed)
{
        _cleanup_event_ sd_event *event = NULL;
        _cleanup_(catalog_freep) Catalog *c = NULL;
        char moved[96], aside[96];
        Seen seen;

        snprintf(moved, sizeof(moved), "%s/moved.db", folder);
        snprintf(aside, sizeof(aside), "%s/aside.db", folder);
        CHECK(sd_event_new(&event) >= 0);
        CHECK_INT(catalog_new(event, moved, &c), 0);
        CHECK_INT(ask_once(c, event, &seen), 0);
        CHECK_STR(seen.ids, "");
        uint64_t generation = seen.generation;
        char command[640];
        snprintf(command, sizeof(command), "cp %s %s && rm -f %s-wal %s-shm && mv %s %s", path, aside, moved,
                 moved, aside, moved);
        CHECK_INT(system(command), 0);
        for (unsigned i = 0; i < 4; i++) { /* whichever thread answers */
                CHECK_INT(ask_once(c, event, &seen), 0);
                CHECK_STR(seen.ids, "1 ");
        }
        CHECK(seen.generation != generation);
}

TEST(an_import_is_seen_at_once)
{
        _cleanup_event_ sd_event *event = NULL;
        _cleanup_(catalog_freep) Catalog *c = NULL;
        Seen seen;

        CHECK(sd_event_new(&event) >= 0);
        CHECK_INT(catalog_new(event, path, &c), 0);
        CHECK_INT(ask_once(c, event, &seen), 0);
        uint64_t generation = seen.generation;
        CHECK_INT(catalog_generation(c), generation);
        import_text("id,title,category,popularity\n9,Something New,Fiction,1\n");
        CHECK_INT(ask_once(c, event, &seen), 0);
        CHECK(seen.generation > generation);
        CHECK_INT(catalog_generation(c), seen.generation);
}

MAIN()
