/* SPDX-License-Identifier: MIT */
/* Whose document is read, and when. */
#include "federation/node_fetch.h"
#include "federation/node_rounds.h"
#include "tests/federation/elsewhere.h"
#include "tests/federation/member_rig.h"

MAIN()

typedef struct Tour {
        Rig rig;
        Elsewhere other;
        SignKey *key;
        NodeDocument *document; /* of "other", as it stands there */
        char network[400];
} Tour;

static void tour_network(Tour *t, const char *more, bool configured)
{
        snprintf(t->network, sizeof(t->network),
                 "allow_private_peers: [127.0.0.0/8], document_interval: 1s, %s%s%s%s", more,
                 configured ? ", peers: [{id: other, url: '" : "", configured ? t->other.url : "",
                 configured ? "'}]" : "");
}

static void tour_begin(Tour *t, const char *more, bool configured)
{
        static const char *const loopback[] = {"127.0.0.0/8", NULL};

        *t = (Tour){0};
        rig_begin(&t->rig, "enabled: true");
        elsewhere_open_on(&t->other, t->rig.f.event);
        t->rig.f.fetch = t->other.client;
        CHECK_INT(fetch_client_allow(t->other.client, loopback, NULL), 0);
        t->key = rig_key("k");
        t->document = rig_document("other", t->other.url, t->key, NULL, 0, "\"name\":\"Other\"");
        t->other.path = NODE_DOCUMENT_PATH;
        t->other.status = 200;
        t->other.answer = t->document->text;
        tour_network(t, more, configured);
        rig_reconfigure(&t->rig, t->network);
}

static void tour_end(Tour *t)
{
        node_rounds_free(t->rig.f.rounds);
        elsewhere_close(&t->other);
        sign_key_free(t->key);
        node_document_free(t->document);
        rig_end(&t->rig);
}

static void go(Tour *t)
{
        CHECK_INT(node_rounds_new(&t->rig.f, &t->rig.f.rounds), 0);
}

static void run_for(Tour *t, uint64_t usec)
{
        uint64_t end = clock_boot_usec() + usec;

        while (clock_boot_usec() < end)
                CHECK(sd_event_run(t->rig.f.event, 50 * USEC_PER_MSEC) >= 0);
}

static NodeDocument *own_copy(const Tour *t)
{
        NodeDocument *d = NULL;

        CHECK_INT(node_document_parse(t->document->text, t->document->text_size, &d, NULL), 0);
        return d;
}

static const Member *other(const Tour *t)
{
        return members_find(t->rig.f.members, "other");
}

TEST(a_configured_peer_without_a_key_is_read_at_once_and_then_again)
{
        NodeRoundsCounts c;
        Tour t;

        tour_begin(&t, "enabled: true", true);
        CHECK(!other(&t)->document);
        go(&t);
        RIG_UNTIL(&t.rig, other(&t)->document);
        CHECK_STR(other(&t)->document->name, "Other");
        RIG_UNTIL(&t.rig, t.other.asked >= 3);
        node_rounds_counts(t.rig.f.rounds, &c);
        CHECK(c.fetched >= 2);
        CHECK_INT(c.failed, 0);
        CHECK_INT(c.known, 1);
        CHECK_INT(c.expiring, 1); /* it is good for a day */
        tour_end(&t);
}

TEST(who_waits_is_asked_only_when_that_may_prove_him)
{
        Tour t;

        tour_begin(&t, "enabled: true", false);
        rig_add(&t.rig, "other", MEMBER_PENDING, own_copy(&t));
        go(&t);
        run_for(&t, 300 * USEC_PER_MSEC);
        CHECK_INT(t.other.asked, 0);
        tour_network(&t, "registration: open", false);
        rig_reconfigure(&t.rig, t.network);
        node_rounds_configure(t.rig.f.rounds);
        RIG_UNTIL(&t.rig, other(&t)->state == MEMBER_ACCEPTED);
        CHECK(other(&t)->proven);
        tour_end(&t);
}

TEST(a_legacy_registration_is_not_worth_a_request)
{
        Tour t;

        tour_begin(&t, "registration: open", false);
        rig_add(&t.rig, "other", MEMBER_PENDING, rig_document("other", t.other.url, NULL, NULL, 0, ""));
        go(&t);
        run_for(&t, 300 * USEC_PER_MSEC);
        CHECK_INT(t.other.asked, 0);
        tour_end(&t);
}

TEST(nobody_is_asked_who_is_banned_or_when_the_network_is_off)
{
        for (unsigned banned = 0; banned < 2; banned++) {
                Tour t;

                tour_begin(&t, banned ? "registration: open" : "enabled: false", !banned);
                if (banned)
                        rig_add(&t.rig, "other", MEMBER_BANNED, own_copy(&t));
                go(&t);
                run_for(&t, 300 * USEC_PER_MSEC);
                CHECK_INT(t.other.asked, 0);
                tour_end(&t);
        }
}

TEST(another_key_at_the_same_place_changes_nothing_and_is_told)
{
        _cleanup_(sign_key_freep) SignKey *thief = rig_key("k");
        _cleanup_(node_document_freep) NodeDocument *forged = NULL;
        NodeRoundsCounts c;
        Tour t;

        tour_begin(&t, "enabled: true", true);
        go(&t);
        RIG_UNTIL(&t.rig, other(&t)->document);
        forged = rig_document("other", t.other.url, thief, NULL, 0, "\"name\":\"Thief\"");
        t.other.answer = forged->text;
        RIG_UNTIL(&t.rig, other(&t)->trouble);
        CHECK(strstr(other(&t)->trouble, "not signed by a key that is known"));
        CHECK_STR(other(&t)->document->name, "Other");
        t.other.answer = t.document->text;
        RIG_UNTIL(&t.rig, !other(&t)->trouble);
        node_rounds_counts(t.rig.f.rounds, &c);
        CHECK(c.failed > 0);
        tour_end(&t);
}

TEST(who_is_forgotten_meanwhile_gets_no_document)
{
        Tour t;

        tour_begin(&t, "enabled: true", true);
        t.other.silent = true;
        go(&t);
        RIG_UNTIL(&t.rig, t.other.asked > 0);
        tour_network(&t, "enabled: true", false);
        rig_reconfigure(&t.rig, t.network);
        http_reply(t.other.held[0], 200, "application/json", t.document->text, t.document->text_size);
        t.other.n_held = 0;
        run_for(&t, 300 * USEC_PER_MSEC);
        CHECK(!other(&t));
        tour_end(&t);
}

TEST(however_slow_strangers_are_the_others_have_their_turn)
{
        uint64_t began = clock_boot_usec();
        struct sockaddr_in a;
        socklen_t size = sizeof(a);
        char url[64];
        Error e;
        int silent; /* takes connections and says nothing */
        Tour t;

        tour_begin(&t, "enabled: true, registration: open", true);
        CHECK_INT(http_listen_tcp("127.0.0.1:0", &silent, &e), 0);
        CHECK_INT(getsockname(silent, (struct sockaddr *) &a, &size), 0);
        snprintf(url, sizeof(url), "http://127.0.0.1:%u", ntohs(a.sin_port));
        for (unsigned i = 0; i < 20; i++) {
                char id[16];

                snprintf(id, sizeof(id), "a%02u", i);
                rig_add(&t.rig, id, MEMBER_PENDING, rig_document(id, url, t.key, NULL, 0, ""));
        }
        go(&t);
        RIG_UNTIL(&t.rig, other(&t)->document);
        CHECK(clock_boot_usec() - began < NODE_FETCH_TIMEOUT_USEC * 3 / 4);
        tour_end(&t);
        close(silent);
}

TEST(whose_key_the_operator_drops_is_read_at_once)
{
        _cleanup_(sign_key_freep) SignKey *next = rig_key("n");
        _cleanup_(node_document_freep) NodeDocument *anew = NULL;
        Member *m;
        MemberChange *c;
        Tour t;

        tour_begin(&t, "enabled: true", true);
        go(&t);
        RIG_UNTIL(&t.rig, other(&t)->document);
        snprintf(t.network, sizeof(t.network),
                 "allow_private_peers: [127.0.0.0/8], document_interval: 1h, peers: [{id: other, "
                 "url: '%s'}]",
                 t.other.url);
        rig_reconfigure(&t.rig, t.network);
        anew = rig_document("other", t.other.url, next, NULL, 0, "");
        t.other.answer = anew->text;
        CHECK(!member_problem(other(&t)));
        c = member_change_new(t.rig.f.members, "other", other(&t));
        CHECK(c);
        c->next.unpinned = true;
        member_change_say(c, "node-rekeyed", "uid 0", "%s", "for the test");
        m = members_get(t.rig.f.members, "other");
        CHECK_INT(rig_submit(&t.rig, c), 0);
        CHECK(strstr(member_problem(m), "no key is known"));
        m->fetch_due_usec = 0;
        node_rounds_configure(t.rig.f.rounds);
        uint64_t end = clock_boot_usec() + 10 * USEC_PER_SEC; /* else within five minutes */
        while (!member_is_pinned(m)) {
                CHECK(clock_boot_usec() < end);
                CHECK(sd_event_run(t.rig.f.event, 50 * USEC_PER_MSEC) >= 0);
        }
        CHECK(node_document_lists(m->document, next->public_key));
        CHECK(!member_problem(m));
        tour_end(&t);
}
