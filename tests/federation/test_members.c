/* SPDX-License-Identifier: MIT */
/* federation/members.c, member_store.c: who is known, by whose word, and what survives. */
#include "tests/federation/member_rig.h"

static int key_of(Rig *rig, const char *node, const char *key_id, uint64_t at_usec,
                  uint8_t ret[static SIGN_PUBLIC_SIZE])
{
        Error e;

        return members_key(rig->f.members, node, key_id, at_usec, ret, &e);
}

TEST(a_configured_node_is_known_with_the_key_that_the_file_gives)
{
        _cleanup_(sign_key_freep) SignKey *key = rig_key("a1");
        _cleanup_free_ char *network = NULL;
        char text[64];
        uint8_t got[SIGN_PUBLIC_SIZE];
        Rig rig;

        rig_key_text(key, text);
        network = string_printf("peers: [{id: b, url: 'http://192.0.2.2', public_key: '%s'}, {id: a, url: "
                                "'http://192.0.2.3', name: Anna, public_key: 'ed25519:x %s='}, {url: "
                                "'http://192.0.2.4:81'}]",
                                text, text);
        rig_begin(&rig, network);
        CHECK_INT(members_count(rig.f.members), 3);
        CHECK_STR(members_at(rig.f.members, 0)->id, "192.0.2.4:81");
        CHECK_STR(member_name(members_find(rig.f.members, "a")), "Anna");
        CHECK_STR(member_url(members_find(rig.f.members, "b")), "http://192.0.2.2");
        CHECK_INT(members_find(rig.f.members, "b")->state, MEMBER_CONFIGURED);
        CHECK_INT(key_of(&rig, "b", "whatever", 5, got), 0);
        CHECK(memcmp(got, key->public_key, sizeof(got)) == 0);
        CHECK_INT(key_of(&rig, "a", "whatever", 5, got), 0);
        CHECK_INT(key_of(&rig, "192.0.2.4:81", "whatever", 5, got), -ENOKEY);
        CHECK_INT(key_of(&rig, "c", "whatever", 5, got), -ENOENT);
        rig_end(&rig);
}

TEST(a_node_that_registered_is_known_after_a_restart_but_its_key_counts_once_accepted)
{
        _cleanup_(sign_key_freep) SignKey *key = rig_key("k1");
        uint64_t now = clock_wall_usec();
        uint8_t got[SIGN_PUBLIC_SIZE];
        const Member *m;
        MemberChange *c;
        Rig rig;

        rig_begin(&rig, "");
        rig_add(&rig, "shop", MEMBER_PENDING,
                rig_document("shop", "https://shop.example", key, NULL, 0, "\"name\":\"A Shop\""));
        CHECK_INT(rig.n_told, 1);
        CHECK_INT(key_of(&rig, "shop", "k1", now, got), -EACCES);
        rig_restart(&rig);
        m = members_find(rig.f.members, "shop");
        CHECK(m && m->state == MEMBER_PENDING && m->registered_usec >= now);
        CHECK_STR(member_name(m), "A Shop");
        c = member_change_new(rig.f.members, "shop", m);
        c->next.stored = MEMBER_ACCEPTED;
        member_change_say(c, "node-accepted", "uid 0", "%s", "");
        CHECK(!members_changing(rig.f.members, "shop"));
        CHECK_INT(rig_submit(&rig, c), 0);
        CHECK(members_find(rig.f.members, "shop") == m);
        CHECK_INT(key_of(&rig, "shop", "k1", now, got), 0);
        CHECK(memcmp(got, key->public_key, sizeof(got)) == 0);
        CHECK_INT(key_of(&rig, "shop", "k2", now, got), -ENOKEY);
        rig_restart(&rig);
        CHECK_INT(key_of(&rig, "shop", "k1", now, got), 0);
        rig_end(&rig);
}

TEST(what_is_on_its_way_to_the_disk_is_not_in_force)
{
        Rig rig;
        MemberChange *c;

        rig_begin(&rig, "");
        c = member_change_new(rig.f.members, "shop", NULL);
        c->document = rig_document("shop", "https://shop.example", NULL, NULL, 0, "");
        c->done = rig_on_end;
        c->userdata = &rig;
        member_change_say(c, "node-registered", "192.0.2.7", "%s", "");
        rig.ended = 1;
        member_change_submit(c);
        CHECK(members_changing(rig.f.members, "shop"));
        CHECK(!members_find(rig.f.members, "shop"));
        RIG_UNTIL(&rig, rig.ended <= 0);
        CHECK(!members_changing(rig.f.members, "shop"));
        CHECK(members_find(rig.f.members, "shop"));
        rig_end(&rig);
}

TEST(banning_beats_the_configuration_and_a_forgotten_peer_is_as_the_file_says)
{
        static const char network[] = "peers: [{id: a, url: 'http://192.0.2.3'}]";
        MemberChange *c;
        Rig rig;

        rig_begin(&rig, network);
        c = member_change_new(rig.f.members, "a", members_find(rig.f.members, "a"));
        c->next.stored = MEMBER_BANNED;
        member_change_say(c, "node-banned", "uid 0", "%s", "");
        CHECK_INT(rig_submit(&rig, c), 0);
        CHECK_INT(members_find(rig.f.members, "a")->state, MEMBER_BANNED);
        rig_restart(&rig);
        CHECK_INT(members_find(rig.f.members, "a")->state, MEMBER_BANNED);
        CHECK_STR(member_url(members_find(rig.f.members, "a")), "http://192.0.2.3");
        rig_reconfigure(&rig, "");
        CHECK_INT(members_find(rig.f.members, "a")->state, MEMBER_BANNED);
        rig_reconfigure(&rig, network);
        c = member_change_new(rig.f.members, "a", members_find(rig.f.members, "a"));
        c->forget = true;
        member_change_say(c, "node-forgotten", "uid 0", "%s", "");
        CHECK_INT(rig_submit(&rig, c), 0);
        CHECK_INT(members_find(rig.f.members, "a")->state, MEMBER_CONFIGURED);
        rig_reconfigure(&rig, "");
        CHECK_INT(members_count(rig.f.members), 0);
        rig_end(&rig);
}

TEST(a_registered_node_that_was_configured_for_a_while_is_what_it_was)
{
        Rig rig;
        uint64_t generation;

        rig_begin(&rig, "");
        rig_add(&rig, "a", MEMBER_ACCEPTED, rig_document("a", "http://192.0.2.9", NULL, NULL, 0, ""));
        rig_add(&rig, "b", MEMBER_PENDING, rig_document("b", "http://192.0.2.8", NULL, NULL, 0, ""));
        generation = members_generation(rig.f.members);
        rig_reconfigure(&rig, "peers: [{id: a, url: 'http://192.0.2.3'}, {id: b, url: 'http://192.0.2.4'}]");
        CHECK(members_generation(rig.f.members) != generation);
        CHECK_INT(members_find(rig.f.members, "b")->state, MEMBER_CONFIGURED);
        CHECK_STR(member_url(members_find(rig.f.members, "a")), "http://192.0.2.3");
        rig_reconfigure(&rig, "");
        CHECK_INT(members_find(rig.f.members, "a")->state, MEMBER_ACCEPTED);
        CHECK_INT(members_find(rig.f.members, "b")->state, MEMBER_PENDING);
        CHECK_STR(member_url(members_find(rig.f.members, "a")), "http://192.0.2.9");
        rig_end(&rig);
}

TEST(what_cannot_be_written_is_not_in_force_and_the_reason_is_told)
{
        _cleanup_free_ char *path = NULL;
        MemberChange *c;
        Rig rig;
        FILE *damaged;

        rig_begin(&rig, "");
        path = string_printf("%s/federation.db", rig.folder);
        rig_close(&rig);
        damaged = fopen(path, "r+");
        CHECK(damaged && fwrite("not a database..", 1, 16, damaged) == 16 && fclose(damaged) == 0);
        CHECK_INT(store_new(rig.f.event, path, &rig.f.store), 0);
        CHECK_INT(members_new(&rig.f, &rig.f.members), 0);
        c = member_change_new(rig.f.members, "shop", NULL);
        c->document = rig_document("shop", "https://shop.example", NULL, NULL, 0, "");
        member_change_say(c, "node-registered", "192.0.2.7", "%s", "");
        CHECK(rig_submit(&rig, c) < 0);
        CHECK(rig.error[0] && !members_ready(rig.f.members));
        CHECK_INT(members_count(rig.f.members), 0);
        rig_end(&rig);
}

TEST(no_more_are_accepted_than_can_be_told)
{
        char id[16];
        Rig rig;

        rig_begin(&rig, "peers: [{id: a, url: 'http://192.0.2.3'}]");
        CHECK_INT(members_make_room(rig.f.members, MEMBERS_ACCEPTED_MAX), 0);
        for (unsigned i = 1; i < MEMBERS_ACCEPTED_MAX; i++) {
                snprintf(id, sizeof(id), "n%06u", i);
                Member *m = member_new(id);
                CHECK(m);
                CHECK(!(i % 3333 == 0 && members_are_full(rig.f.members)));
                m->stored = MEMBER_ACCEPTED;
                members_insert(rig.f.members, m);
        }
        CHECK(members_are_full(rig.f.members));
        rig_end(&rig);
}

static void accept_at(Rig *rig, const char *id, const char *url, uint64_t at_usec)
{
        MemberChange *c = member_change_new(rig->f.members, id, NULL);

        CHECK(c);
        c->document = rig_document(id, url, NULL, NULL, 0, "\"type\":\"mirror\",\"revenueShare\":7");
        c->next.stored = MEMBER_ACCEPTED;
        c->next.accepted_usec = at_usec;
        member_change_say(c, "node-accepted", "uid 0", "%s", "");
        CHECK_INT(rig_submit(rig, c), 0);
}

static const char *peers_now(Rig *rig, Peers *peers)
{
        static char text[200];
        Error e;

        CHECK_INT(peers_configure(peers, rig->f.config, rig->f.members, &e), 0);
        text[0] = '\0';
        for (size_t i = 0; i < peers_count(peers); i++)
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s%s", i > 0 ? " " : "",
                         peers_at(peers, i)->id, peers_at(peers, i)->registered ? "?" : "");
        return text;
}

TEST(who_is_configured_is_searched_and_then_who_was_accepted_first)
{
        static const char network[] = "search_max: 3, peers: [{id: c, url: 'http://192.0.2.3'}, {id: b, url: "
                                      "'http://192.0.2.4'}]";
        FetchClient *fetch = NULL;
        Resolver *resolver = NULL;
        Peers *peers = NULL;
        MemberChange *c;
        const Peer *peer;
        uint64_t generation;
        Rig rig;

        rig_begin(&rig, network);
        CHECK_INT(resolver_new(rig.f.event, &resolver), 0);
        CHECK_INT(fetch_client_new(rig.f.event, resolver, &fetch), 0);
        CHECK_INT(peers_new(rig.f.event, fetch, rig.folder, &peers), 0);
        CHECK_STR(peers_now(&rig, peers), "b c");
        accept_at(&rig, "z", "http://192.0.2.9", 100);
        accept_at(&rig, "a", "http://192.0.2.8", 200);
        rig_add(&rig, "p", MEMBER_PENDING, rig_document("p", "http://192.0.2.7", NULL, NULL, 0, ""));
        generation = peers_generation(peers);
        CHECK_STR(peers_now(&rig, peers), "b c z?");
        CHECK(peers_generation(peers) != generation); /* kept answers go */
        peer = peers_find(peers, "z");
        CHECK(peer && peer->type == NODE_MIRROR && peer->revenue_share == 7 && !peers_find(peers, "a"));
        c = member_change_new(rig.f.members, "b", members_find(rig.f.members, "b"));
        c->next.stored = MEMBER_BANNED;
        member_change_say(c, "node-banned", "uid 0", "%s", "");
        CHECK_INT(rig_submit(&rig, c), 0);
        CHECK_STR(peers_now(&rig, peers), "a? c z?");
        CHECK(peers_find(peers, "z") == peer);
        peers_free(peers);
        fetch_client_free(fetch);
        resolver_free(resolver);
        rig_end(&rig);
}

TEST(a_reload_takes_no_room_from_those_on_their_way_to_the_disk)
{
        MemberChange *c;
        Rig rig;

        rig_begin(&rig, "");
        for (unsigned i = 0; i < 63; i++) {
                char id[16];

                snprintf(id, sizeof(id), "n%u", i);
                rig_add(&rig, id, MEMBER_PENDING, rig_document(id, "http://192.0.2.9", NULL, NULL, 0, ""));
        }
        c = member_change_new(rig.f.members, "last", NULL);
        c->document = rig_document("last", "http://192.0.2.9", NULL, NULL, 0, "");
        c->done = rig_on_end;
        c->userdata = &rig;
        member_change_say(c, "node-registered", "192.0.2.7", "%s", "");
        rig.ended = 1;
        member_change_submit(c);
        rig_reconfigure(&rig, "peers: [{id: a, url: 'http://192.0.2.3'}]");
        RIG_UNTIL(&rig, rig.ended <= 0);
        CHECK_INT(rig.ended, 0);
        CHECK_INT(members_count(rig.f.members), 65);
        rig_end(&rig);
}

TEST(who_is_dropped_by_a_reload_while_the_operator_changes_him_is_gone)
{
        MemberChange *c;
        Rig rig;

        rig_begin(&rig, "peers: [{id: a, url: 'http://192.0.2.3'}]");
        c = member_change_new(rig.f.members, "a", members_find(rig.f.members, "a"));
        c->next.has_given = true;
        c->done = rig_on_end;
        c->userdata = &rig;
        member_change_say(c, "node-rekeyed", "uid 0", "%s", "");
        rig.ended = 1;
        member_change_submit(c);
        rig_reconfigure(&rig, "");
        RIG_UNTIL(&rig, rig.ended <= 0);
        CHECK_INT(rig.ended, 0);
        CHECK(!members_find(rig.f.members,
                            "a")); /* or a registration would look for a document that is not there */
        rig_end(&rig);
}

TEST(what_a_node_has_signed_that_it_pays_is_shown_and_counted_on)
{
        static const char pays_nothing[] = "\"revenueShare\":{\"accepts\":false,\"percentage\":15}";
        _cleanup_(sign_key_freep) SignKey *key = rig_key("k1");
        MemberChange *c;
        Rig rig;

        rig_begin(&rig, "peers: [{id: a, url: 'http://192.0.2.3', revenue_share: 5}]");
        CHECK_INT(member_share(members_find(rig.f.members, "a")), 5);
        c = member_change_new(rig.f.members, "a", members_find(rig.f.members, "a"));
        c->document = rig_document("a", "http://192.0.2.3", key, NULL, 0, "\"revenueShare\":12");
        member_change_say(c, "node-key-pinned", "federationd", "%s", "");
        CHECK_INT(rig_submit(&rig, c), 0);
        CHECK_INT(member_share(members_find(rig.f.members, "a")), 12);
        rig_add(&rig, "b", MEMBER_ACCEPTED,
                rig_document("b", "http://192.0.2.9", NULL, NULL, 0, pays_nothing));
        CHECK_INT(member_share(members_find(rig.f.members, "b")), 0);
        rig_end(&rig);
}

MAIN()
