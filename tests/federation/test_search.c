/* SPDX-License-Identifier: MIT */
/* Searches of the network, with peers that are silent, slow, wrong or gone, and askers who leave. */
#include "base/json.h"
#include "federation/peer_ask.h"
#include "tests/federation/peer_world.h"

#define QUIET "check_interval: 1h"

#define ISLANDS(id, price)                                                                            \
        "{\"id\":\"" id "\",\"title\":\"Northern Islands\",\"author\":\"Ann Other\",\"price\":" price \
        ",\"currency\":\"USD\"}"

static const char ours[] =
                "{\"id\":\"a\",\"title\":\"Northern Islands\",\"author\":\"Ann Other\",\"price\":12.5}\n"
                "{\"id\":\"b\",\"title\":\"Northern Weather\",\"author\":\"Bo Else\",\"price\":3}\n",
                  theirs[] = "{\"success\":true,\"results\":[" ISLANDS("x", "9.99") "]}";

/* One asker, and what it has been told. */
typedef struct Asker {
        Search *search;
        unsigned n_local, n_peers, n_done, status;
        char cached[16];
        char *answer;
        json_t *json;
        bool free_at_once;
        uint64_t began_usec, usec;
} Asker;

static void on_local(Search *s, const char *json, size_t size, void *userdata)
{
        Asker *a = userdata;

        CHECK_INT(a->n_peers + a->n_done, 0);
        CHECK_INT(strlen(json), size);
        a->n_local++;
        if (a->free_at_once)
                a->search = search_free(a->search);
}

static void on_peer(Search *s, const char *json, size_t size, void *userdata)
{
        Asker *a = userdata;
        json_t *j = NULL;

        CHECK_INT(a->n_done, 0);
        CHECK_INT(json_parse(json, size, &j, NULL), 0);
        CHECK(json_at(j, "peer.status") && json_at(j, "network"));
        json_decref(j);
        a->n_peers++;
        if (a->free_at_once)
                a->search = search_free(a->search);
}

static void on_done(Search *s, unsigned status, const char *cached, const char *json, size_t size,
                    void *userdata)
{
        Asker *a = userdata;
        Error e;

        CHECK_INT(strlen(json), size);
        a->n_done++;
        a->usec = clock_boot_usec() - a->began_usec;
        a->status = status;
        snprintf(a->cached, sizeof(a->cached), "%s", cached);
        a->answer = strndup(json, size);
        if (json_parse(json, size, &a->json, &e) < 0) {
                fprintf(stderr, "%s\n%s\n", e.text, a->answer);
                CHECK(false);
        }
        a->search = search_free(a->search);
}

static const char *asked;
static const char *get_query(const void *userdata, const char *key)
{
        return streq(key, "q") ? asked : streq(key, userdata ? userdata : "") ? "1" : NULL;
}

static void ask_page(World *w, Asker *a, const char *text, unsigned limit, unsigned offset, bool stream)
{
        SearchSink sink = {.local = stream ? on_local : NULL,
                           .peer = stream ? on_peer : NULL,
                           .done = on_done,
                           .userdata = a};
        Question *q = NULL;

        asked = text;
        CHECK_INT(question_parse(get_query, NULL, &q, NULL), 0);
        q->limit = limit;
        q->offset = offset;
        a->began_usec = clock_boot_usec();
        CHECK_INT(search_start(w->searcher, q, &sink, &a->search), 0);
        CHECK_INT(a->n_done, 0);
        question_free(q);
}

static void ask(World *w, Asker *a, const char *text, bool stream)
{
        ask_page(w, a, text, 20, 0, stream);
}

static void asker_clear(Asker *a)
{
        search_free(a->search);
        json_decref(a->json);
        free(a->answer);
        *a = (Asker){0};
}

static void ask_and_wait(World *w, Asker *a, const char *text)
{
        asker_clear(a);
        ask(w, a, text, false);
        RUN_UNTIL(w, a->n_done == 1);
}

static const char *text_at(const Asker *a, const char *path)
{
        const char *s = json_string_value(json_at(a->json, path));

        return s ? s : "(none)";
}

static json_int_t number_at(const Asker *a, const char *path)
{
        const json_t *j = json_at(a->json, path);

        CHECK(json_is_integer(j));
        return json_integer_value(j);
}

static size_t count_at(const Asker *a, const char *path)
{
        const json_t *j = json_at(a->json, path);

        CHECK(json_is_array(j));
        return json_array_size(j);
}

static bool is_complete(const Asker *a)
{
        return json_is_true(json_at(a->json, "complete"));
}

TEST(this_node_and_its_peers_are_one_answer)
{
        Asker a = {0};
        World w;

        world_begin(&w, 3, QUIET);
        w.fakes[0].body = theirs;
        w.fakes[1].body = "{\"books\":[{\"id\":77,\"title\":\"The Northern Islands: A "
                          "Story\",\"author\":\"Other, Ann\",\"price\":11,"
                          "\"shelf\":\"B 4\",\"source_node\":\"liar\",\"networkId\":\"liar\"},"
                          "{\"id\":\"y\",\"title\":\"Northern Lights\",\"author\":\"C\"}]}";
        world_open_shop(&w, ours);
        ask_and_wait(&w, &a, "northern");
        CHECK_INT(a.status, 200);
        CHECK_STR(a.cached, "miss");
        CHECK(is_complete(&a));
        CHECK_STR(text_at(&a, "query"), "northern");
        CHECK_INT(count_at(&a, "local"), 2);
        CHECK_INT(count_at(&a, "network"), 3);
        CHECK_INT(count_at(&a, "results"), 3);
        CHECK_INT(number_at(&a, "totalResults"), 3);
        /* One work, three sellers, whoever wrote the title how; the best one first. */
        CHECK_INT(count_at(&a, "results.0.sellers"), 3);
        CHECK_STR(text_at(&a, "results.0.sellers.0.source_node"), "me");
        CHECK_STR(text_at(&a, "results.0.sellers.1.source_name"), "Shop 0");
        CHECK_INT(number_at(&a, "results.0.sellers.1.price_minor"), 999);
        CHECK_INT(number_at(&a, "results.0.sellers.1.revenue_share_pct"), 10);
        CHECK_STR(text_at(&a, "results.0.networkId"), "me-default-a");
        CHECK_STR(text_at(&a, "network.0.networkId"), "p00-default-x");
        CHECK_STR(text_at(&a, "network.0.source_node"), "p00");
        CHECK(json_is_real(json_at(a.json, "network.0.relevance")));
        CHECK_STR(text_at(&a, "local.0.storeName"), "My \"Shop\"");
        CHECK(!strstr(a.answer, "liar"));
        CHECK(strstr(a.answer, "\"shelf\":\"B 4\"")); /* what we do not know passes */
        CHECK_INT(count_at(&a, "peers"), 3);
        CHECK_STR(text_at(&a, "peers.0.id"), "p00");
        CHECK_STR(text_at(&a, "peers.0.status"), "ok");
        CHECK_STR(text_at(&a, "peers.2.status"), "empty");
        CHECK_INT(number_at(&a, "peers.1.count"), 2);
        CHECK(strstr(w.fakes[0].last, "\r\nX-Node-Id: me\r\n"));
        asker_clear(&a);
        world_end(&w);
}

TEST(a_peer_that_is_silent_costs_its_deadline_and_is_named)
{
        Asker a = {0};
        World w;

        world_begin(&w, 2, QUIET "\n  search_timeout: 300ms");
        w.fakes[0].body = theirs;
        w.fakes[1].silent = true;
        world_open_shop(&w, ours);
        ask_and_wait(&w, &a, "northern");
        CHECK(!is_complete(&a));
        CHECK(a.usec >= 300 * USEC_PER_MSEC && a.usec < 3 * USEC_PER_SEC);
        CHECK_STR(text_at(&a, "peers.0.status"), "ok");
        CHECK_STR(text_at(&a, "peers.1.status"), "timeout");
        CHECK(strstr(text_at(&a, "peers.1.error"), "no answer from 127.0.0.1"));
        CHECK_INT(count_at(&a, "results"), 2);
        ask_and_wait(&w, &a, "northern");
        CHECK_STR(a.cached, "miss"); /* what is not complete is not kept */
        ask_and_wait(&w, &a, "northern");
        ask_and_wait(&w, &a, "northern");
        CHECK_STR(text_at(&a, "peers.1.status"), "skipped");
        CHECK(strstr(text_at(&a, "peers.1.error"), "asked again in"));
        CHECK(!is_complete(&a));
        CHECK(a.usec < 250 * USEC_PER_MSEC);
        asker_clear(&a);
        world_end(&w);
}

TEST(a_complete_answer_is_kept_until_a_catalog_changes)
{
        Asker a = {0};
        SearcherCounts counts;
        World w;

        world_begin(&w, 2, QUIET);
        w.fakes[0].body = "{\"generation\":4,\"results\":[" ISLANDS("x", "9.99") "]}";
        world_open_shop(&w, ours);
        ask_and_wait(&w, &a, "northern");
        ask_and_wait(&w, &a, "northern");
        CHECK_STR(a.cached, "hit");
        CHECK(is_complete(&a));
        CHECK_INT(count_at(&a, "results"), 2);
        CHECK_INT(w.fakes[0].n_searches, 1);
        ask_and_wait(&w, &a, "islands");
        CHECK_STR(a.cached, "miss");
        w.fakes[0].body = "{\"generation\":5,\"results\":[]}";
        ask_and_wait(&w, &a, "weather"); /* by which the change is seen */
        ask_and_wait(&w, &a, "northern");
        CHECK_STR(a.cached, "miss");
        CHECK_INT(count_at(&a, "network"), 0);
        world_reload(&w, 1, QUIET); /* the set of peers is another */
        ask_and_wait(&w, &a, "northern");
        CHECK_STR(a.cached, "miss");
        searcher_counts(w.searcher, &counts);
        CHECK_INT(counts.cache.hits, 1);
        CHECK_INT(counts.searches, 6);
        CHECK_INT(counts.fan_outs, 5);
        asker_clear(&a);
        world_end(&w);
}

TEST(an_answer_from_before_a_reload_is_not_kept)
{
        Asker a = {0};
        World w;

        world_begin(&w, 1, QUIET);
        w.fakes[0].body = theirs;
        w.fakes[0].delay_usec = 100 * USEC_PER_MSEC;
        world_open_shop(&w, ours);
        ask(&w, &a, "northern", false);
        RUN_UNTIL(&w, w.fakes[0].n_searches == 1);
        world_reload(&w, 1, QUIET); /* the shop may have another name by now */
        RUN_UNTIL(&w, a.n_done == 1);
        CHECK(is_complete(&a));
        ask_and_wait(&w, &a, "northern");
        CHECK_STR(a.cached, "miss");
        ask_and_wait(&w, &a, "northern");
        CHECK_STR(a.cached, "hit");
        asker_clear(&a);
        world_end(&w);
}

TEST(the_same_question_is_asked_once_and_late_followers_catch_up)
{
        Asker first = {0}, second = {0}, late = {0};
        SearcherCounts counts;
        World w;

        world_begin(&w, 2, QUIET);
        w.fakes[0].body = theirs;
        w.fakes[1].body = theirs;
        w.fakes[1].delay_usec = 200 * USEC_PER_MSEC;
        world_open_shop(&w, ours);
        ask(&w, &first, "northern", true);
        ask(&w, &second, "northern", false);
        RUN_UNTIL(&w, first.n_local == 1 && first.n_peers == 1);
        CHECK_INT(first.n_done, 0); /* nobody waits for the slowest */
        ask(&w, &late, "northern", true);
        RUN_UNTIL(&w, late.n_local == 1 && late.n_peers == 1);
        CHECK_INT(late.n_done + second.n_done, 0);
        RUN_UNTIL(&w, first.n_done + second.n_done + late.n_done == 3);
        CHECK_INT(first.n_peers, 2);
        CHECK_INT(late.n_peers, 2);
        CHECK_INT(w.fakes[0].n_searches + w.fakes[1].n_searches, 2);
        CHECK_STR(first.cached, "miss");
        CHECK_STR(second.cached, "shared");
        CHECK_STR(late.cached, "shared");
        CHECK_STR(first.answer, late.answer);
        searcher_counts(w.searcher, &counts);
        CHECK_INT(counts.shared, 2);
        CHECK_INT(counts.fan_outs, 1);
        CHECK_INT(counts.waiting + counts.running, 0);
        CHECK_INT(counts.bytes_in_flight, 0);
        asker_clear(&first);
        asker_clear(&second);
        asker_clear(&late);
        world_end(&w);
}

TEST(local_results_come_first_while_all_peers_are_silent)
{
        Asker a = {0};
        World w;

        world_begin(&w, 4, QUIET "\n  search_timeout: 400ms");
        for (size_t i = 0; i < 4; i++)
                w.fakes[i].silent = true;
        world_open_shop(&w, ours);
        ask_and_wait(&w, &a, "opens the catalog");
        asker_clear(&a);
        ask(&w, &a, "northern", true);
        RUN_UNTIL(&w, a.n_local == 1);
        CHECK_INT(a.n_peers + a.n_done, 0);
        CHECK(clock_boot_usec() - a.began_usec < 100 * USEC_PER_MSEC);
        asker_clear(&a); /* freed half way */
        world_end(&w);
}

TEST(a_trial_holds_nothing_back_and_closes_the_breaker)
{
        Asker a = {0};
        Peer *peer;
        World w;

        world_begin(&w, 2, QUIET);
        w.fakes[1].status = 500;
        world_open_shop(&w, ours);
        peer = peers_at(w.peers, 1);
        for (int i = 0; i < 3; i++)
                ask_and_wait(&w, &a, "northern");
        CHECK_STR(text_at(&a, "peers.1.status"), "error");
        CHECK(strstr(text_at(&a, "peers.1.error"), "HTTP 500"));
        CHECK_INT(peer->status, PEER_FAILED);
        peer->breaker.until_usec = clock_boot_usec(); /* its time has come */
        w.fakes[1].status = 0;
        w.fakes[1].delay_usec = 300 * USEC_PER_MSEC;
        ask_and_wait(&w, &a, "northern");
        CHECK(a.usec < 250 * USEC_PER_MSEC);
        CHECK_STR(text_at(&a, "peers.1.status"), "skipped");
        CHECK(strstr(text_at(&a, "peers.1.error"), "being tried again"));
        ask_and_wait(&w, &a, "northern");
        CHECK_STR(text_at(&a, "peers.1.status"), "skipped"); /* one trial at a time */
        RUN_UNTIL(&w, peer->status == PEER_ACTIVE);
        CHECK_INT(w.fakes[1].n_searches, 4);
        w.fakes[1].delay_usec = 0;
        ask_and_wait(&w, &a, "northern");
        CHECK_STR(text_at(&a, "peers.1.status"), "empty");
        CHECK(is_complete(&a));
        asker_clear(&a);
        world_end(&w);
}

TEST(who_is_far_behind_a_crowd_is_not_waited_for)
{
        Asker a = {0};
        World w;

        world_begin(&w, 12, QUIET);
        w.fakes[3].silent = true;
        w.fakes[7].delay_usec = 2 * USEC_PER_SEC;
        world_open_shop(&w, ours);
        for (int i = 0; i < 3; i++) {
                ask_and_wait(&w, &a, "northern");
                CHECK(a.usec < 1500 * USEC_PER_MSEC);
                CHECK_STR(text_at(&a, "peers.3.status"), "timeout");
                CHECK_STR(text_at(&a, "peers.7.status"), "timeout");
                CHECK_STR(text_at(&a, "peers.8.status"), "empty");
        }
        ask_and_wait(&w, &a, "northern");
        CHECK(a.usec < 200 * USEC_PER_MSEC);
        CHECK_STR(text_at(&a, "peers.7.status"), "skipped");
        asker_clear(&a);
        world_end(&w);
}

TEST(one_shop_cannot_fill_a_work_with_what_it_has_said)
{
        Asker a = {0};
        World w;

        world_begin(&w, 2, QUIET);
        w.fakes[0].body = "{\"results\":[{\"id\":1,\"title\":\"Northern Lights\",\"author\":\"Ann "
                          "Other\",\"price\":5},"
                          "{\"id\":2,\"title\":\"Northern Lights\",\"author\":\"Ann Other\",\"price\":9},"
                          "{\"id\":3,\"title\":\"Northern Lights\",\"author\":\"Ann Other\",\"price\":5},"
                          "{\"id\":4,\"title\":\"Northern Lights\",\"author\":\"Ann "
                          "Other\",\"price\":5,\"currency\":\"EUR\"},"
                          "{\"id\":5,\"title\":\"Northern Lights\",\"author\":\"Ann Other\",\"price\":9}]}";
        w.fakes[1].body = "{\"results\":[{\"id\":1,\"title\":\"Northern Lights\",\"author\":\"Ann "
                          "Other\",\"price\":5},"
                          "{\"id\":2,\"title\":\"Northern Lights\",\"author\":\"Ann Other\",\"price\":5}]}";
        world_open_shop(&w, "title\nSomething Else\n");
        ask_and_wait(&w, &a, "northern lights");
        CHECK_INT(count_at(&a, "results"), 1);
        CHECK_INT(count_at(&a, "network"), 7);
        CHECK_INT(count_at(&a, "results.0.sellers"),
                  4); /* two prices and a currency of one, one price of the other */
        CHECK_STR(text_at(&a, "results.0.sellers.0.source_node"), "p00");
        CHECK_STR(text_at(&a, "results.0.sellers.1.source_node"), "p01");
        CHECK_INT(number_at(&a, "results.0.sellers.2.price_minor"), 900);
        CHECK_STR(text_at(&a, "results.0.sellers.3.currency"), "EUR");
        asker_clear(&a);
        world_end(&w);
}

TEST(with_the_network_off_this_node_answers_alone)
{
        Asker a = {0};
        World w;

        world_begin(&w, 1, QUIET "\n  enabled: false");
        world_open_shop(&w, ours);
        ask_and_wait(&w, &a, "northern");
        CHECK(is_complete(&a));
        CHECK_INT(count_at(&a, "peers"), 0);
        CHECK_INT(count_at(&a, "results"), 2);
        CHECK_STR(text_at(&a, "results.0.sellers.0.source_node"), "me");
        CHECK_INT(number_at(&a, "results.0.sellers.0.revenue_share_pct"), 5);
        CHECK_INT(w.fakes[0].n_searches, 0);
        asker_clear(&a);
        world_end(&w);
}

TEST(pages_go_on_where_the_one_before_ended)
{
        Asker whole = {0}, page = {0};
        char path[40], in_page[40];
        World w;

        world_begin(&w, 2, QUIET);
        w.fakes[0].body = theirs;
        w.fakes[1].body = "{\"results\":[{\"id\":\"1\",\"title\":\"Northern "
                          "A\",\"author\":\"A\"},{\"id\":\"2\",\"title\":"
                          "\"Northern B\",\"author\":\"B\"},{\"id\":\"3\",\"title\":\"Northern "
                          "C\",\"author\":\"C\"}]}";
        world_open_shop(&w, ours);
        ask_and_wait(&w, &whole, "northern");
        CHECK_INT(count_at(&whole, "results"), 5);
        for (unsigned offset = 0; offset < 6; offset += 2) {
                ask_page(&w, &page, "northern", 2, offset, false);
                RUN_UNTIL(&w, page.n_done == 1);
                CHECK_INT(count_at(&page, "results"), offset < 4 ? 2 : 1);
                for (unsigned i = 0; i < count_at(&page, "results"); i++) {
                        snprintf(path, sizeof(path), "results.%u.title", offset + i);
                        snprintf(in_page, sizeof(in_page), "results.%u.title", i);
                        CHECK_STR(text_at(&page, in_page), text_at(&whole, path));
                }
                asker_clear(&page);
        }
        asker_clear(&whole);
        world_end(&w);
}

TEST(what_is_meant_stands_on_the_first_page_though_a_shop_says_it_last)
{
        Asker page = {0};
        World w;
        static const char *const titles[] = {"Northern",    "Northern",    "Elsewhere A",
                                             "Elsewhere B", "Elsewhere C", "Elsewhere D"};

        world_begin(&w, 1, QUIET);
        w.fakes[0].body = "{\"results\":[{\"id\":1,\"title\":\"Elsewhere "
                          "A\"},{\"id\":2,\"title\":\"Elsewhere B\"},"
                          "{\"id\":3,\"title\":\"Elsewhere C\"},{\"id\":4,\"title\":\"Elsewhere D\"},"
                          "{\"id\":5,\"title\":\"Northern\",\"author\":\"A\"},"
                          "{\"id\":6,\"title\":\"Northern\",\"author\":\"B\"}]}";
        world_open_shop(&w, "title\nSomething Else\n");
        for (unsigned offset = 0; offset < 6; offset += 2) {
                ask_page(&w, &page, "northern", 2, offset, false);
                RUN_UNTIL(&w, page.n_done == 1);
                CHECK_INT(number_at(&page, "totalResults"), 6);
                CHECK_STR(text_at(&page, "results.0.title"), titles[offset]);
                CHECK_STR(text_at(&page, "results.1.title"), titles[offset + 1]);
                asker_clear(&page);
        }
        world_end(&w);
}

TEST(an_asker_may_leave_at_any_moment)
{
        World w;

        world_begin(&w, 3, QUIET);
        for (size_t i = 0; i < 3; i++) {
                w.fakes[i].body = theirs;
                w.fakes[i].delay_usec = i * 5 * USEC_PER_MSEC;
        }
        world_open_shop(&w, ours);
        for (unsigned turns = 0; turns < 40; turns++) {
                Asker stays = {0}, leaves = {0}, in_callback = {.free_at_once = true};
                char text[32];

                snprintf(text, sizeof(text), "northern %u", turns);
                ask(&w, &leaves, text, turns % 2);
                ask(&w, &in_callback, text, true);
                if (turns % 3 > 0)
                        ask(&w, &stays, text, turns % 4 > 1);
                for (unsigned i = 0; i < turns; i++)
                        CHECK(sd_event_run(w.event, USEC_PER_MSEC) >= 0);
                asker_clear(&leaves);
                if (turns % 3 > 0)
                        RUN_UNTIL(&w, stays.n_done == 1);
                asker_clear(&stays);
                asker_clear(&in_callback);
        }
        world_end(&w);
}

TEST(a_peer_may_be_dropped_while_it_is_asked)
{
        Asker a = {0};
        World w;

        world_begin(&w, 3, QUIET);
        w.fakes[2].body = theirs;
        w.fakes[2].delay_usec = 100 * USEC_PER_MSEC;
        world_open_shop(&w, ours);
        ask(&w, &a, "northern", false);
        RUN_UNTIL(&w, w.fakes[2].n_searches == 1);
        world_reload(&w, 1, QUIET);
        RUN_UNTIL(&w, a.n_done == 1);
        CHECK_INT(count_at(&a, "peers"), 3);
        CHECK_STR(text_at(&a, "peers.2.status"), "ok");
        ask_and_wait(&w, &a, "northern");
        CHECK_STR(a.cached, "miss");
        CHECK_INT(count_at(&a, "peers"), 1);
        asker_clear(&a);
        world_end(&w);
}

TEST(stopping_tells_all_who_wait)
{
        enum { MANY = 80 };
        static Asker askers[MANY];
        unsigned n = 0;
        World w;

        world_begin(&w, 1, QUIET);
        w.fakes[0].silent = true;
        world_open_shop(&w, ours);
        for (unsigned i = 0; i < MANY; i++) {
                char text[32];

                snprintf(text, sizeof(text), "northern %u", i);
                ask(&w, &askers[i], text, i % 2);
        }
        for (unsigned i = 0; i < 30; i++)
                CHECK(sd_event_run(w.event, USEC_PER_MSEC) >= 0);
        w.searcher = searcher_free(w.searcher);
        for (unsigned i = 0; i < MANY; i++) {
                n += askers[i].n_done;
                CHECK_INT(askers[i].status, 503);
                asker_clear(&askers[i]);
        }
        CHECK_INT(n, MANY);
        world_end(&w);
}

TEST(hundreds_of_questions_at_once_are_all_answered)
{
        enum { MANY = 256 };
        static Asker askers[MANY];
        unsigned n;
        World w;

        world_begin(&w, 4, QUIET);
        for (size_t i = 0; i < 4; i++) {
                w.fakes[i].body = theirs;
                w.fakes[i].delay_usec = 2 * USEC_PER_MSEC;
        }
        world_open_shop(&w, ours);
        for (unsigned i = 0; i < MANY; i++) {
                char text[32];

                snprintf(text, sizeof(text), "northern %u", i);
                ask(&w, &askers[i], text, i % 2);
        }
        do {
                CHECK(sd_event_run(w.event, 50 * USEC_PER_MSEC) >= 0);
                n = 0;
                for (unsigned i = 0; i < MANY; i++)
                        n += askers[i].n_done;
        } while (n < MANY);
        for (unsigned i = 0; i < MANY; i++) {
                CHECK_INT(askers[i].status, 200);
                CHECK(count_at(&askers[i], "peers") == 4);
                asker_clear(&askers[i]);
        }
        for (size_t i = 0; i < 4; i++) /* a peer is not stormed by a crowd of ours */
                CHECK(w.fakes[i].n_connections <= PEER_RUNNING_MAX + 1); /* and one for its health */
        world_end(&w);
}

static int on_busy(sd_event_source *source, void *userdata)
{
        return 0;
}

TEST(while_the_loop_never_rests_a_question_begins_only_in_the_place_of_another)
{
        sd_event_source *busy = NULL;
        Asker askers[5] = {0};
        SearcherCounts counts;
        World w;

        world_begin(&w, 1, QUIET);
        w.fakes[0].body = theirs;
        w.fakes[0].delay_usec = 20 * USEC_PER_MSEC;
        world_open_shop(&w, ours);
        ask(&w, &askers[0], "one", false);
        ask(&w, &askers[1], "two", false);
        do {
                CHECK(sd_event_run(w.event, 50 * USEC_PER_MSEC) >= 0);
                searcher_counts(w.searcher, &counts);
        } while (counts.fan_outs < 2);
        CHECK(sd_event_add_defer(w.event, &busy, on_busy, NULL) >= 0);
        CHECK(sd_event_source_set_priority(busy, 50) >= 0);
        CHECK(sd_event_source_set_enabled(busy, SD_EVENT_ON) >= 0);
        for (size_t i = 2; i < ELEMENTSOF(askers); i++)
                ask(&w, &askers[i], (const char *[]){"three", "four", "five"}[i - 2], false);
        do {
                CHECK(sd_event_run(w.event, 50 * USEC_PER_MSEC) >= 0);
                searcher_counts(w.searcher, &counts);
                CHECK(counts.running <= 2);
        } while (counts.running + counts.waiting > 0);
        for (size_t i = 0; i < ELEMENTSOF(askers); i++) {
                CHECK_INT(askers[i].status, 200);
                asker_clear(&askers[i]);
        }
        sd_event_source_disable_unref(busy);
        world_end(&w);
}

TEST(more_than_can_wait_are_turned_away)
{
        enum { MANY = 1100 };
        static Asker askers[MANY];
        unsigned refused = 0, n = 0;
        Question *q = NULL;
        World w;

        world_begin(&w, 0, QUIET);
        world_open_shop(&w, ours);
        asked = "northern";
        CHECK_INT(question_parse(get_query, NULL, &q, NULL), 0);
        for (unsigned i = 0; i < MANY; i++) {
                SearchSink sink = {.done = on_done, .userdata = &askers[i]};
                int r = search_start(w.searcher, q, &sink, &askers[i].search);

                CHECK(r == 0 || r == -EBUSY);
                refused += r == -EBUSY;
        }
        CHECK(refused > 0);
        question_free(q);
        do {
                CHECK(sd_event_run(w.event, 50 * USEC_PER_MSEC) >= 0);
                n = 0;
                for (unsigned i = 0; i < MANY; i++)
                        n += askers[i].n_done;
        } while (n < MANY - refused);
        for (unsigned i = 0; i < MANY; i++)
                asker_clear(&askers[i]);
        world_end(&w);
}

MAIN()
