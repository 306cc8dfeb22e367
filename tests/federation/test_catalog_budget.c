/* SPDX-License-Identifier: MIT */
/* federation/catalog.c, with no time for any question: it is ended, and nobody takes that for trouble of the catalog. */
#define BUDGET_USEC    0
#define PROGRESS_STEPS 1
#include "federation/catalog.c" /* its inside. NOLINT(bugprone-suspicious-include) */
#include "tests/federation/catalog_rig.h"

static int answered;
static char told[sizeof(Error)];

static void on_answer(CatalogAsk *ask, const CatalogAnswer *answer, void *userdata)
{
        answered = answer->error;
        snprintf(told, sizeof(told), "%s", answer->message);
        CHECK_INT(answer->n_listings, 0);
        catalog_ask_free(ask);
}

TEST(a_question_that_takes_too_long_is_ended)
{
        _cleanup_event_ sd_event *event = NULL;
        _cleanup_(catalog_freep) Catalog *c = NULL;
        const Question q = rig_question("common");
        CatalogAsk *ask;
        CatalogFacts facts;

        rig_import("id,title\n1,A common title\n", 25);
        CHECK(sd_event_new(&event) >= 0);
        CHECK_INT(catalog_new(event, rig_path, &c), 0);
        CHECK_INT(catalog_search(c, &q, on_answer, NULL, &ask), 0);
        for (unsigned i = 0; i < 100 && answered == 0; i++)
                CHECK(sd_event_run(event, USEC_PER_SEC) >= 0);
        CHECK_INT(answered, -ETIMEDOUT);
        CHECK_STR(told, "took longer than 2 s");
        catalog_facts(c, &facts);
        CHECK_STR(facts.trouble, "");
}

static void take(Catalog *c, uint64_t generation, uint64_t began_usec)
{
        Job job = {.kind = ASK_SEARCH,
                   .facts.generation = generation,
                   .categories = strdup(generation == 7 ? "new" : "old"),
                   .began_usec = began_usec};

        facts_take(c, &job, 0);
        free(job.categories);
}

TEST(who_read_before_the_other_one_does_not_bring_old_facts_back)
{
        uint64_t before = clock_boot_usec() - 1;
        Catalog c = {.open = false};

        take(&c, 7, before);
        take(&c, 6, before);
        CHECK_INT(c.facts.generation, 7);
        CHECK_STR(c.categories, "new");
        take(&c, 5, clock_boot_usec() + 1); /* another file in its place */
        CHECK_INT(c.facts.generation, 5);
        CHECK_STR(c.categories, "old");
        CHECK_INT(c.searches, 3);
        free(c.categories);
}

MAIN()
