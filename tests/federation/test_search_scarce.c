/* SPDX-License-Identifier: MIT */
/* Searches when there is no memory or descriptor: whichever request is refused, everybody is answered once, and nothing stays. */
#include "base/json.h"
#include "tests/federation/peer_world.h"
#include "tests/scarce.h"

static const char ours[] =
                "{\"id\":\"a\",\"title\":\"Northern Islands\",\"author\":\"Ann Other\",\"price\":12.5}\n",
                  theirs[] = "{\"results\":[{\"id\":\"x\",\"title\":\"Northern Islands\",\"author\":\"Ann "
                             "Other\"},"
                             "{\"id\":\"y\",\"title\":\"Northern Weather\",\"author\":\"Bo Else\"}]}";

typedef struct Asker {
        Search *search;
        unsigned n_done, n_told, status;
} Asker;

static void on_told(Search *s, const char *json, size_t size, void *userdata)
{
        Asker *a = userdata;

        a->n_told++;
}

static void on_done(Search *s, unsigned status, const char *cached, const char *json, size_t size,
                    void *userdata)
{
        Asker *a = userdata;

        CHECK(size > 0 && json[0] == '{' && json[size - 1] == '}');
        CHECK(status == 200 || status == 500 || status == 503);
        a->status = status;
        a->n_done++;
        a->search = search_free(a->search);
}

static const char *get_query(const void *userdata, const char *key)
{
        return streq(key, "q") ? userdata : NULL;
}

/* Returns whether something was refused. */
static bool search_without(World *w, unsigned long k)
{
        Asker stream = {0}, whole = {0};
        SearchSink sink = {.local = on_told, .peer = on_told, .done = on_done, .userdata = &stream};
        Question *q = NULL;
        char text[40];
        unsigned wanted = 0;
        bool refused;

        snprintf(text, sizeof(text), "northern %lu", k);
        CHECK_INT(question_parse(get_query, text, &q, NULL), 0);
        scarce_refuse(k);
        wanted += search_start(w->searcher, q, &sink, &stream.search) == 0;
        sink = (SearchSink){.done = on_done, .userdata = &whole};
        wanted += search_start(w->searcher, q, &sink, &whole.search) == 0;
        RUN_UNTIL(w, stream.n_done + whole.n_done == wanted);
        refused = scarce_end();
        question_free(q);
        for (size_t i = 0; i < w->n_fakes; i++) { /* what was refused is nobody's fault but ours */
                breaker_succeeded(&peers_at(w->peers, i)->breaker);
                CHECK_INT(peers_at(w->peers, i)->running, 0);
        }
        if (!refused) {
                CHECK_INT(stream.status, 200);
                CHECK_INT(stream.n_told, 1 + w->n_fakes);
        }
        return refused;
}

TEST(whatever_is_refused_everybody_is_answered_once)
{
        unsigned long k = 1;
        World w;

        world_begin(&w, 2, "check_interval: 1h\n  search_timeout: 500ms");
        w.fakes[0].body = w.fakes[1].body = theirs;
        world_open_shop(&w, ours);
        CHECK(!search_without(&w, SCARCE_MOST)); /* warm */
        while (search_without(&w, k))
                CHECK(++k < SCARCE_MOST);
        CHECK(k > 100);
        world_end(&w);
}

MAIN()
