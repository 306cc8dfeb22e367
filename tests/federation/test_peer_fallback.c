/* SPDX-License-Identifier: MIT */
/* federation/peer_fallback.c: a peer that has said that it failed: its buyers, its searches, and how it comes back. */
#include "base/json.h"
#include "federation/peer_ask.h"
#include "tests/federation/peer_world.h"

#define QUIET   "check_interval: 1h"
#define OFTEN   "check_interval: 1s"
#define SINCE   (UINT64_C(1763628300) * USEC_PER_SEC) /* 2025-11-20T08:45:00Z */
#define ISLANDS "{\"results\":[{\"id\":\"x\",\"title\":\"Northern Islands\",\"price\":9.99}]}"

static const char *const loopback[] = {"127.0.0.0/8", NULL};

typedef struct Answer {
        unsigned n;
        json_t *json;
        char cached[16];
} Answer;

static void on_done(Search *s, unsigned status, const char *cached, const char *json, size_t size,
                    void *userdata)
{
        Answer *a = userdata;

        CHECK_INT(status, 200);
        CHECK_INT(json_parse(json, size, &a->json, NULL), 0);
        snprintf(a->cached, sizeof(a->cached), "%s", cached);
        a->n++;
        search_free(s);
}

static const char *get_query(const void *userdata, const char *key)
{
        return streq(key, "q") ? "northern" : NULL;
}

/* Until the next one. */
static json_t *ask(World *w)
{
        static Answer a;
        Question *q;
        Search *search;
        Error e;
        const SearchSink sink = {.done = on_done, .userdata = &a};

        json_decref(a.json);
        a = (Answer){0};
        CHECK_INT(question_parse(get_query, NULL, &q, &e), 0);
        CHECK_INT(search_start(w->searcher, q, &sink, &search), 0);
        question_free(q);
        RUN_UNTIL(w, a.n > 0);
        json_object_set_new(a.json, "cached", json_string(a.cached));
        return a.json;
}

static const char *text_at(const json_t *j, const char *path)
{
        return json_string_value(json_at(j, path));
}

static char *url_of(const FakePeer *p)
{
        static char url[64];

        snprintf(url, sizeof(url), "http://127.0.0.1:%u", p->port);
        return url;
}

/* p00 sells the islands, and has the fake behind its fallback. */
static void begin(World *w, FakePeer *fallback, size_t n, const char *network)
{
        Error e;

        world_begin(w, n, network);
        w->fakes[0].body = ISLANDS;
        fake_start(fallback, w->event, ISLANDS);
        CHECK_INT(fetch_client_allow(w->fetch, loopback, &e), 0);
        world_open_shop(w, NULL);
        RUN_UNTIL(w, peers_at(w->peers, 0)->status == PEER_ACTIVE);
}

static void end(World *w, FakePeer *fallback)
{
        world_end(w);
        fake_stop(fallback);
}

TEST(its_buyers_go_to_its_fallback_from_the_next_answer_on)
{
        World w;
        FakePeer fallback;

        begin(&w, &fallback, 1, QUIET);
        CHECK_STR(text_at(ask(&w), "results.0.source_url"), url_of(&w.fakes[0]));
        CHECK_STR(text_at(ask(&w), "cached"), "hit");
        uint64_t generation = peers_generation(w.peers);
        unsigned changes = w.n_changes;

        peers_failed(w.peers, "p00", url_of(&fallback), SINCE);
        CHECK(peers_generation(w.peers) > generation);
        CHECK_INT(w.n_changes, changes + 1);
        CHECK_INT(peers_at(w.peers, 0)->status, PEER_FALLBACK);
        CHECK_STR(peer_buyers_url(peers_at(w.peers, 0)), url_of(&fallback));
        const json_t *j = ask(&w);
        CHECK_STR(text_at(j, "cached"), "miss");
        CHECK_STR(text_at(j, "results.0.source_url"), url_of(&fallback));
        CHECK_STR(text_at(j, "results.0.source_status"), "fallback");
        CHECK_STR(text_at(j, "results.0.sellers.0.source_url"), url_of(&fallback));
        CHECK_STR(text_at(j, "network.0.source_url"), url_of(&fallback));

        peers_back(w.peers, "p00");
        CHECK_INT(peers_at(w.peers, 0)->status, PEER_ACTIVE);
        j = ask(&w);
        CHECK_STR(text_at(j, "cached"), "miss");
        CHECK_STR(text_at(j, "results.0.source_url"), url_of(&w.fakes[0]));
        CHECK(!json_at(j, "results.0.source_status"));
        end(&w, &fallback);
}

TEST(without_a_fallback_it_is_searched_but_no_buyer_is_sent_there)
{
        World w;
        FakePeer fallback;

        begin(&w, &fallback, 1, QUIET);
        CHECK(peers_healthy(w.peers));
        peers_failed(w.peers, "p00", "", SINCE);
        CHECK(!peer_buyers_url(peers_at(w.peers, 0)));
        CHECK(!peers_healthy(w.peers));
        CHECK_INT(peers_at(w.peers, 0)->status, PEER_FALLBACK);
        const json_t *j = ask(&w);
        CHECK_STR(text_at(j, "results.0.title"), "Northern Islands");
        CHECK_STR(text_at(j, "results.0.source_url"), "");
        CHECK(json_is_true(json_object_get(j, "complete")));
        end(&w, &fallback);
}

TEST(one_that_is_well_comes_before_one_in_fallback_that_is_quicker)
{
        World w;
        FakePeer fallback;

        begin(&w, &fallback, 2, QUIET);
        RUN_UNTIL(&w, peers_at(w.peers, 1)->status == PEER_ACTIVE);
        peers_at(w.peers, 0)->rtt_usec = 1;
        peers_at(w.peers, 1)->rtt_usec = 100;
        CHECK_STR(peers_healthy(w.peers)->id, "p00");
        peers_failed(w.peers, "p00", url_of(&fallback), SINCE);
        CHECK_STR(peers_healthy(w.peers)->id, "p01");
        peers_failed(w.peers, "p01", "", SINCE);
        CHECK_STR(peers_healthy(w.peers)->id, "p00");
        end(&w, &fallback);
}

TEST(it_is_searched_at_its_fallback_once_that_was_seen_to_answer)
{
        World w;
        FakePeer fallback;

        begin(&w, &fallback, 1, QUIET);
        peers_failed(w.peers, "p00", url_of(&fallback), SINCE);
        RUN_UNTIL(&w, peers_at(w.peers, 0)->fallback_answers);
        unsigned at_home = w.fakes[0].n_searches, there = fallback.n_searches;
        CHECK_STR(text_at(ask(&w), "results.0.title"), "Northern Islands");
        CHECK_INT(fallback.n_searches, there + 1);
        CHECK_INT(w.fakes[0].n_searches, at_home);
        peers_back(w.peers, "p00");
        ask(&w);
        CHECK_INT(fallback.n_searches, there + 1);
        CHECK_INT(w.fakes[0].n_searches, at_home + 1);
        end(&w, &fallback);
}

TEST(a_fallback_that_is_a_bare_page_for_payments_costs_its_shop_no_search)
{
        World w;
        FakePeer fallback;

        begin(&w, &fallback, 1, QUIET);
        fallback.knows = DIALECT_CATALOG_SEARCH;
        fallback.status = 404;
        peers_failed(w.peers, "p00", url_of(&fallback), SINCE);
        RUN_UNTIL(&w, fallback.n_unknown + fallback.n_searches == 3);
        for (unsigned i = 0; i < 3; i++) {
                const json_t *j = ask(&w);

                CHECK_STR(text_at(j, "results.0.source_url"), url_of(&fallback));
                CHECK(json_is_true(json_object_get(j, "complete")));
        }
        CHECK(!peers_at(w.peers, 0)->fallback_answers);
        CHECK(peers_at(w.peers, 0)->fallback_heard);
        CHECK_INT(peers_at(w.peers, 0)->status, PEER_FALLBACK);
        end(&w, &fallback);
}

TEST(a_fallback_that_stops_answering_costs_one_detour)
{
        World w;
        FakePeer fallback;

        begin(&w, &fallback, 1, QUIET);
        peers_failed(w.peers, "p00", url_of(&fallback), SINCE);
        RUN_UNTIL(&w, peers_at(w.peers, 0)->fallback_answers);
        fallback.status = 500;
        const json_t *j = ask(&w);
        CHECK(json_is_true(json_object_get(j, "complete"))); /* answered at home */
        CHECK_STR(text_at(j, "results.0.title"), "Northern Islands");
        CHECK(!peers_at(w.peers, 0)->fallback_answers);
        CHECK_INT(peers_at(w.peers, 0)->breaker.failures, 0);
        end(&w, &fallback);
}

TEST(one_that_is_dead_at_both_places_has_failed_whatever_it_says)
{
        World w;
        FakePeer fallback;
        char url[64];

        begin(&w, &fallback, 1, QUIET);
        strcpy(url, url_of(&fallback));
        fake_stop(&fallback);
        w.fakes[0].status = 500;
        peers_failed(w.peers, "p00", url, SINCE);
        RUN_UNTIL(&w, !peers_at(w.peers, 0)->fallback_heard);
        for (unsigned i = 0; i < BREAKER_FAILURES; i++)
                ask(&w);
        CHECK_INT(peers_at(w.peers, 0)->status, PEER_FAILED);
        CHECK_STR(peer_buyers_url(peers_at(w.peers, 0)), url); /* and yet: not to where it cannot sell */
        CHECK(!peers_healthy(w.peers));
        w.fakes[0].status = 0;
        peers_back(w.peers, "p00"); /* its word is worth a try at once */
        CHECK_STR(text_at(ask(&w), "results.0.title"), "Northern Islands");
        CHECK_INT(peers_at(w.peers, 0)->status, PEER_ACTIVE);
        end(&w, &fallback);
}

TEST(its_word_leads_us_to_no_address_that_the_operator_does_not_allow)
{
        World w;
        FakePeer fallback;

        begin(&w, &fallback, 1, QUIET);
        CHECK_INT(fetch_client_allow(w.fetch, NULL, NULL), 0);
        peers_failed(w.peers, "p00", url_of(&fallback), SINCE);
        RUN_UNTIL(&w, !peers_at(w.peers, 0)->fallback_heard); /* it was tried */
        CHECK_STR(text_at(ask(&w), "results.0.title"), "Northern Islands");
        CHECK_INT(fallback.n_connections, 0);
        end(&w, &fallback);
}

TEST(one_that_never_says_that_it_is_back_is_seen_to_be)
{
        World w;
        FakePeer fallback;

        begin(&w, &fallback, 1, OFTEN);
        w.fakes[0].health = "{\"first\":true,\"stale\":false,\"since\":\"2025-11-20T08:44:59Z\"}";
        peers_failed(w.peers, "p00", url_of(&fallback), SINCE);
        RUN_UNTIL(&w, w.fakes[0].n_health > 0);
        CHECK(peers_at(w.peers, 0)->in_fallback); /* that is from before it failed */
        w.fakes[0].health = "{\"first\":true,\"stale\":true,\"since\":\"2025-11-20T08:50:00Z\"}";
        unsigned n = w.fakes[0].n_health;
        RUN_UNTIL(&w, w.fakes[0].n_health > n + 1);
        CHECK(peers_at(w.peers, 0)->in_fallback); /* it does not know either */
        w.fakes[0].health = "{\"first\":false,\"stale\":false,\"since\":\"2025-11-20T08:50:00Z\"}";
        n = w.fakes[0].n_health;
        RUN_UNTIL(&w, w.fakes[0].n_health > n + 1);
        CHECK(peers_at(w.peers, 0)->in_fallback);
        w.fakes[0].health = "{\"first\":true,\"stale\":false,\"since\":\"2025-11-20T08:50:00Z\"}";
        RUN_UNTIL(&w, !peers_at(w.peers, 0)->in_fallback);
        CHECK_STR(peer_buyers_url(peers_at(w.peers, 0)), url_of(&w.fakes[0]));
        end(&w, &fallback);
}

static void say_again(const Peer *peer, void *userdata)
{
        World *w = userdata;

        if (streq(peer->id, "p01"))
                peers_failed(w->peers, peer->id, "https://b.example", SINCE);
}

TEST(a_reload_keeps_it_and_who_is_new_is_told_again)
{
        World w;
        FakePeer fallback;

        begin(&w, &fallback, 2, QUIET);
        peers_on_fresh(w.peers, say_again, &w);
        peers_failed(w.peers, "p00", url_of(&fallback), SINCE);
        world_reload(&w, 1, QUIET);
        CHECK(peers_at(w.peers, 0)->in_fallback);
        CHECK(strstr(peers_at(w.peers, 0)->source, url_of(&fallback)));
        world_reload(&w, 2, QUIET);
        CHECK_STR(peer_buyers_url(peers_at(w.peers, 1)), "https://b.example");
        CHECK(strstr(peers_at(w.peers, 1)->source, "https://b.example"));
        end(&w, &fallback);
}

TEST(what_was_sent_there_may_be_under_way_when_it_is_back_or_dropped)
{
        World w;
        FakePeer fallback;

        for (unsigned i = 0; i < 2; i++) {
                begin(&w, &fallback, 1, QUIET);
                peers_failed(w.peers, "p00", url_of(&fallback), SINCE);
                RUN_UNTIL(&w, fallback.n_connections > 0);
                if (i == 0)
                        peers_back(w.peers, "p00");
                else
                        world_reload(&w, 0, QUIET);
                ask(&w);
                end(&w, &fallback);
        }
}

TEST(who_it_is_not_known_of_nothing_happens_to)
{
        World w;
        FakePeer fallback;

        begin(&w, &fallback, 1, QUIET);
        peers_failed(w.peers, "p0", "https://b.example", SINCE);
        peers_failed(w.peers, "p000", "https://b.example", SINCE);
        peers_back(w.peers, "nobody");
        peers_back(w.peers, "p00");
        CHECK_INT(peers_at(w.peers, 0)->status, PEER_ACTIVE);
        end(&w, &fallback);
}

/* --- types --- */

/* p00 full, p01 its mirror, p02 an affiliate. */
static void begin_types(World *w, FakePeer *fallback)
{
        Error e;

        begin(w, fallback, 3, QUIET);
        w->config->network.peers[1].type = NODE_MIRROR;
        CHECK((w->config->network.peers[1].mirror_of = strdup("p00")));
        w->config->network.peers[2].type = NODE_AFFILIATE;
        CHECK_INT(peers_configure(w->peers, w->config, NULL, &e), 0);
        RUN_UNTIL(w, peers_at(w->peers, 1)->status == PEER_ACTIVE &&
                                     peers_at(w->peers, 2)->status == PEER_ACTIVE);
}

TEST(an_affiliate_is_neither_searched_nor_sent_buyers)
{
        World w;
        FakePeer fallback;

        begin_types(&w, &fallback);
        const json_t *j = ask(&w);
        CHECK_INT(json_array_size(json_object_get(j, "peers")), 1);
        CHECK_STR(text_at(j, "peers.0.id"), "p00");
        CHECK(json_is_true(json_object_get(j, "complete")));
        CHECK_INT(w.fakes[2].n_searches, 0);
        CHECK_STR(text_at(ask(&w), "cached"), "hit");
        peers_failed(w.peers, "p00", "", SINCE);
        CHECK(!peers_healthy(w.peers)); /* nor to a mirror */
        end(&w, &fallback);
}

TEST(a_mirror_is_asked_while_its_origin_serves_nobody)
{
        World w;
        FakePeer fallback;

        begin_types(&w, &fallback);
        ask(&w);
        CHECK_INT(w.fakes[1].n_searches, 0);
        peers_failed(w.peers, "p00", url_of(&fallback), SINCE); /* its fallback does */
        CHECK_INT(json_array_size(json_object_get(ask(&w), "peers")), 1);
        peers_failed(w.peers, "p00", "", SINCE);
        const json_t *j = ask(&w);
        CHECK_INT(json_array_size(json_object_get(j, "peers")), 2);
        CHECK_INT(w.fakes[1].n_searches, 1);
        peers_back(w.peers, "p00");
        CHECK_INT(json_array_size(json_object_get(ask(&w), "peers")), 1);

        Peer *origin = peers_at(w.peers, 0);
        w.fakes[0].status = 500;
        for (unsigned i = 0; i < BREAKER_FAILURES; i++) { /* now it is own measurement that says so */
                PeerAsk *question = NULL;
                char why[PEER_WHY_SIZE];

                CHECK_INT(peer_ask_start(origin, "q=x", 1, NULL, NULL, &question, why), 0);
                peer_ask_leave(question);
                RUN_UNTIL(&w, origin->failed == i + 1);
        }
        CHECK_INT(origin->status, PEER_FAILED);
        CHECK_INT(json_array_size(json_object_get(ask(&w), "peers")), 2);
        CHECK_INT(w.fakes[1].n_searches, 2);
        end(&w, &fallback);
}

MAIN()
