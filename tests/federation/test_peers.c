/* SPDX-License-Identifier: MIT */
/* The peers, as a node knows them: what it learns of them, how long it goes on asking, and what it remembers. */
#include "federation/peer_ask.h"
#include "tests/federation/peer_world.h"

typedef struct Told {
        unsigned n;
        PeerOutcome outcome;
        char error[PEER_WHY_SIZE];
        size_t n_results;
} Told;

static void on_told(PeerAsk *ask, const PeerReply *reply, void *userdata)
{
        Told *t = userdata;

        t->n++;
        t->outcome = reply->outcome;
        t->n_results = reply->answer ? reply->answer->n_results : 0;
        snprintf(t->error, sizeof(t->error), "%s", reply->error);
        peer_ask_free(ask);
}

static PeerOutcome ask(World *w, size_t i, Told *t)
{
        PeerAsk *a = NULL;
        char why[PEER_WHY_SIZE];
        int r;

        *t = (Told){0};
        r = peer_ask_start(peers_at(w->peers, i), "q=x&query=x&limit=5", 5, on_told, t, &a, why);
        if (r == -EAGAIN) {
                strcpy(t->error, why);
                return PEER_SKIPPED;
        }
        CHECK(r >= 0);
        RUN_UNTIL(w, t->n == 1);
        return t->outcome;
}

#define QUIET "check_interval: 1h"
static const char one[] = "{\"results\":[{\"id\":\"x\",\"title\":\"T\"}]}";

TEST(a_dialect_is_learned_once_and_kept_over_a_restart)
{
        Told t;
        World w;

        world_begin(&w, 1, QUIET);
        w.fakes[0].knows = DIALECT_CATALOG_SEARCH;
        w.fakes[0].body = one;
        w.fakes[0].stats = NULL;
        CHECK_INT(ask(&w, 0, &t), PEER_OK);
        CHECK_INT(t.n_results, 1);
        CHECK(w.fakes[0].n_unknown >= 2);
        w.fakes[0].n_unknown = 0;
        CHECK_INT(ask(&w, 0, &t), PEER_OK);
        CHECK_INT(w.fakes[0].n_unknown, 0);
        peers_at(w.peers, 0)->listings = 42;
        peers_free(w.peers);
        world_open_peers(&w);
        CHECK(peers_at(w.peers, 0)->dialect_known);
        CHECK_INT(peers_at(w.peers, 0)->latency.n, 2);
        CHECK_INT(peers_at(w.peers, 0)->listings, 42);
        CHECK(peers_at(w.peers, 0)->seen_usec > 0);
        CHECK_INT(ask(&w, 0, &t), PEER_OK);
        w.fakes[0].knows = DIALECT_NETWORK_SEARCH; /* it has become another */
        CHECK_INT(ask(&w, 0, &t), PEER_OK);
        CHECK_INT(peers_at(w.peers, 0)->dialect, DIALECT_NETWORK_SEARCH);
        world_end(&w);
}

TEST(who_knows_no_search_is_told_apart)
{
        Told t;
        World w;

        world_begin(&w, 1, QUIET);
        fake_stop(&w.fakes[0]);
        CHECK_INT(ask(&w, 0, &t), PEER_ERROR);
        CHECK(strstr(t.error, "refused by 127.0.0.1"));
        world_end(&w);

        world_begin(&w, 1, QUIET);
        w.fakes[0].status = 404;
        CHECK_INT(ask(&w, 0, &t), PEER_ERROR);
        CHECK_STR(t.error, "it has no route for searches");
        CHECK_INT(peers_at(w.peers, 0)->status, PEER_ACTIVE); /* it is there for all that */
        CHECK_INT(ask(&w, 0, &t), PEER_SKIPPED);
        CHECK_STR(t.error, "it has no route for searches");
        world_end(&w);

        world_begin(&w, 1, QUIET);
        w.fakes[0].body = one;
        CHECK_INT(ask(&w, 0, &t), PEER_OK);
        w.fakes[0].status = 404; /* what it once had is broken */
        CHECK_INT(ask(&w, 0, &t), PEER_ERROR);
        CHECK_STR(t.error, "it has no route for searches");
        CHECK_INT(peers_at(w.peers, 0)->status, PEER_SUSPECT);
        w.fakes[0].status = 429;
        CHECK_INT(ask(&w, 0, &t), PEER_ERROR);
        CHECK(strstr(t.error, "429"));
        w.fakes[0].status = 0;
        w.fakes[0].body = "<html>";
        CHECK_INT(ask(&w, 0, &t), PEER_ERROR);
        CHECK_INT(peers_at(w.peers, 0)->status, PEER_FAILED);
        CHECK_INT(ask(&w, 0, &t), PEER_SKIPPED);
        CHECK_INT(peers_at(w.peers, 0)->skipped, 1);
        world_end(&w);
}

TEST(a_redirect_is_followed_once_and_not_to_where_strangers_must_not_lead)
{
        static const char *const networks[] = {"127.0.0.0/8", NULL};
        char location[64];
        Told t;
        World w;

        world_begin(&w, 2, QUIET);
        w.fakes[0].status = 302;
        w.fakes[1].body = one;
        snprintf(location, sizeof(location), "http://127.0.0.1:%u/api/search?q=x", w.fakes[1].port);
        w.fakes[0].location = location;
        CHECK_INT(ask(&w, 0, &t), PEER_ERROR); /* its own address is trusted, and no other */
        CHECK_STR(t.error, "127.0.0.1 is not a public address");
        CHECK_INT(w.fakes[1].n_searches, 0);
        CHECK_INT(fetch_client_allow(w.fetch, networks, NULL), 0);
        CHECK_INT(ask(&w, 0, &t), PEER_OK);
        CHECK(strstr(w.fakes[1].last, "\r\nX-Node-Id: me\r\n"));
        snprintf(location, sizeof(location), "http://127.0.0.1:%u/api/search?q=x", w.fakes[0].port);
        CHECK_INT(ask(&w, 0, &t), PEER_ERROR);
        CHECK_STR(t.error, "redirects elsewhere");
        world_end(&w);
}

TEST(a_damaged_memory_is_as_good_as_none)
{
        _cleanup_free_ char *path = NULL;
        Told t;
        World w;

        world_begin(&w, 1, QUIET);
        peers_free(w.peers);
        path = string_printf("%s/peers.json", w.folder);
        CHECK_INT(file_publish(path, "{\"p00\":[[[", 10, 0644), 0);
        world_open_peers(&w);
        CHECK_INT(ask(&w, 0, &t), PEER_EMPTY);
        world_end(&w);
}

TEST(in_the_background_each_is_asked_how_it_is)
{
        Peer *peer;
        World w;

        world_begin(&w, 3, "check_interval: 1s\n  search_timeout: 500ms");
        fake_stop(&w.fakes[1]);
        w.fakes[2].stats = NULL; /* an old one: nothing but 404 */
        CHECK_INT(peers_at(w.peers, 0)->status, PEER_SUSPECT);
        CHECK(!peers_healthy(w.peers));
        RUN_UNTIL(&w,
                  peers_at(w.peers, 0)->status == PEER_ACTIVE && peers_at(w.peers, 2)->status == PEER_ACTIVE);
        CHECK_INT(peers_at(w.peers, 0)->listings, 7);
        CHECK(w.n_changes >= 2);
        RUN_UNTIL(&w, peers_at(w.peers, 1)->status == PEER_FAILED);
        CHECK(strstr(peers_at(w.peers, 1)->error, "refused"));
        peer = peers_at(w.peers, 0);
        CHECK(peers_healthy(w.peers));
        CHECK_INT(peer->asked, 0); /* no search */
        CHECK(peers_enabled(w.peers));
        world_reload(&w, 3, "enabled: false"); /* what was known grows old, and buyers are not sent by it */
        CHECK(!peers_enabled(w.peers));
        CHECK(!peers_healthy(w.peers));
        world_end(&w);
}

TEST(a_peer_comes_back_though_nobody_searches)
{
        Told t;
        Peer *peer;
        World w;

        world_begin(&w, 1, "check_interval: 1s");
        peer = peers_at(w.peers, 0);
        w.fakes[0].status = 503;
        for (int i = 0; i < 3; i++)
                (void) ask(&w, 0, &t);
        CHECK_INT(peer->status, PEER_FAILED);
        CHECK(!peers_healthy(w.peers));
        w.fakes[0].status = 0;
        RUN_UNTIL(&w, w.fakes[0].n_stats > 0 || peer->check_due_usec > clock_boot_usec() + 2 * USEC_PER_SEC);
        CHECK_INT(peer->status, PEER_FAILED); /* that it answers other routes says nothing */
        peer->breaker.until_usec = clock_boot_usec();
        peer->check_due_usec = 0;
        world_reload(&w, 1, "check_interval: 1s");
        RUN_UNTIL(&w, peer->status == PEER_ACTIVE);
        CHECK_STR(peer->error, "");
        world_end(&w);
}

TEST(a_reload_keeps_what_is_known_of_those_who_stay)
{
        uint64_t generation;
        Peer *peer;
        Told t;
        World w;

        world_begin(&w, 2, QUIET);
        (void) ask(&w, 0, &t);
        peer = peers_at(w.peers, 0);
        generation = peers_generation(w.peers);
        world_reload(&w, 2, QUIET);
        CHECK(peers_at(w.peers, 0) == peer);
        CHECK_INT(peer->latency.n, 1);
        CHECK_INT(peers_generation(w.peers), generation);
        world_reload(&w, 1, QUIET);
        CHECK_INT(peers_count(w.peers), 1);
        CHECK(peers_generation(w.peers) != generation);
        world_reload(&w, 0, QUIET);
        world_reload(&w, 2, QUIET);
        CHECK_INT(peers_at(w.peers, 0)->latency.n, 0);
        world_end(&w);
}

TEST(a_crowd_waits_for_its_turn_within_the_deadline)
{
        enum { MANY = 40 };
        static Told told[MANY];
        PeerAsk *a;
        char why[PEER_WHY_SIZE];
        unsigned n = 0;
        World w;

        memset(told, 0, sizeof(told));
        world_begin(&w, 1, QUIET "\n  search_timeout: 2s");
        w.fakes[0].delay_usec = 20 * USEC_PER_MSEC;
        for (unsigned i = 0; i < MANY; i++)
                CHECK_INT(peer_ask_start(peers_at(w.peers, 0), "q=x", 5, on_told, &told[i], &a, why), 0);
        CHECK_INT(peers_at(w.peers, 0)->running, PEER_RUNNING_MAX);
        while (n < MANY) {
                CHECK(sd_event_run(w.event, 50 * USEC_PER_MSEC) >= 0);
                n = 0;
                for (unsigned i = 0; i < MANY; i++)
                        n += told[i].n;
        }
        for (unsigned i = 0; i < MANY; i++)
                CHECK_INT(told[i].outcome, PEER_EMPTY);
        CHECK(w.fakes[0].n_connections <= PEER_RUNNING_MAX + 1); /* and one for its health */

        /* Those who wait when it is given up are turned away, and say nothing of it. */
        w.fakes[0].silent = true;
        memset(told, 0, sizeof(told));
        for (unsigned i = 0; i < MANY; i++)
                CHECK_INT(peer_ask_start(peers_at(w.peers, 0), "q=x", 5, on_told, &told[i], &a, why), 0);
        for (n = 0; n < MANY;) {
                CHECK(sd_event_run(w.event, 50 * USEC_PER_MSEC) >= 0);
                n = 0;
                for (unsigned i = 0; i < MANY; i++)
                        n += told[i].n;
        }
        for (unsigned i = 0; i < MANY; i++)
                CHECK(told[i].outcome == PEER_TIMEOUT || told[i].outcome == PEER_SKIPPED);
        CHECK(peers_at(w.peers, 0)->timed_out <= PEER_RUNNING_MAX + BREAKER_FAILURES);
        CHECK_INT(peers_at(w.peers, 0)->timed_out + peers_at(w.peers, 0)->skipped, MANY);
        world_end(&w);
}

TEST(who_has_not_been_asked_yet_is_not_to_blame)
{
        enum { MANY = PEER_RUNNING_MAX + 1 };
        Told told[MANY] = {0};
        PeerAsk *asks[MANY];
        World w;

        world_begin(&w, 1, QUIET);
        w.fakes[0].silent = true;
        const Peer *p = peers_at(w.peers, 0);
        for (unsigned i = 0; i < MANY; i++) {
                char why[PEER_WHY_SIZE];

                CHECK_INT(peer_ask_start(peers_at(w.peers, 0), "q=x", 5, on_told, &told[i], &asks[i], why),
                          0);
        }
        peer_ask_give_up(asks[MANY - 1], "too late"); /* it waits for its turn */
        CHECK_INT(told[MANY - 1].outcome, PEER_TIMEOUT);
        CHECK_INT(p->timed_out, 0);
        CHECK(!p->straggler);
        peer_ask_give_up(asks[0], "too late");
        CHECK_INT(told[0].outcome, PEER_TIMEOUT);
        CHECK_INT(p->timed_out, 1);
        CHECK(p->straggler);
        for (unsigned i = 1; i < MANY - 1; i++)
                peer_ask_free(asks[i]);
        world_end(&w);
}

TEST(an_ask_may_be_freed_or_left_at_any_moment)
{
        World w;

        world_begin(&w, 1, QUIET);
        w.fakes[0].delay_usec = 3 * USEC_PER_MSEC;
        for (unsigned turns = 0; turns < 20; turns++) {
                Told t[3] = {0};
                PeerAsk *a[3];
                char why[PEER_WHY_SIZE];

                for (int i = 0; i < 3; i++)
                        CHECK_INT(peer_ask_start(peers_at(w.peers, 0), "q=x", 5, on_told, &t[i], &a[i], why),
                                  0);
                for (unsigned i = 0; i < turns; i++)
                        CHECK(sd_event_run(w.event, USEC_PER_MSEC) >= 0);
                if (t[0].n == 0) /* else it is gone already */
                        peer_ask_free(a[0]);
                if (t[1].n == 0)
                        peer_ask_leave(a[1]);
                RUN_UNTIL(&w, t[2].n == 1);
        }
        world_end(&w);
}

MAIN()
