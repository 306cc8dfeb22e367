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

static void wait_for(Seen *seen, int n)
{
        uint64_t deadline = clock_boot_usec() + 20 * USEC_PER_SEC;

        while (seen->n < n && clock_boot_usec() < deadline)
                CHECK(sd_event_run(seen->event, USEC_PER_SEC) >= 0);
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

MAIN()
