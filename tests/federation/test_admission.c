/* SPDX-License-Identifier: MIT */
/* federation/admission.c, member_offer.c, ration.c, place_check.c: who may be in the registry as what, and what is let in. */
#include "federation/admission.h"

#include "base/ration.h"
#include "federation/place_check.h"
#include "tests/federation/member_rig.h"

static const uint8_t here[16] = {[15] = 1}, there[16] = {[15] = 2};

static Admission judged(Rig *rig, NodeDocument *document, const uint8_t *origin)
{
        _cleanup_(node_document_freep) NodeDocument *d = document;
        Admission a;

        admission_judge(&(AdmissionQuestion){.members = rig->f.members,
                                             .self_id = "me",
                                             .self_url = "http://192.0.2.1",
                                             .document = d,
                                             .origin = origin,
                                             .now_usec = clock_wall_usec()},
                        &a);
        return a;
}

static int status_of(Rig *rig, NodeDocument *document, const uint8_t *origin)
{
        Admission a = judged(rig, document, origin);

        return a.verdict == ADMISSION_REFUSED ? (int) a.status : 0;
}

#define DOCUMENT(id, url, ...) rig_document(id, url, __VA_ARGS__)
#define PLAIN(id, url)         rig_document(id, url, NULL, NULL, 0, "")

/* Registered from here. */
static void add(Rig *rig, const char *id, MemberState state, NodeDocument *document)
{
        const Member *m = rig_add(rig, id, state, document);

        memcpy(((Member *) (uintptr_t) m)->origin, here, sizeof(here));
}

static void change(Rig *rig, const char *id, void (*fn)(Member *next, const void *what), const void *what)
{
        MemberChange *c = member_change_new(rig->f.members, id, members_find(rig->f.members, id));

        fn(&c->next, what);
        member_change_say(c, "node-changed", "uid 0", "%s", "");
        CHECK_INT(rig_submit(rig, c), 0);
}

TEST(our_own_name_and_place_are_not_for_others)
{
        Rig rig;

        rig_begin(&rig, "");
        CHECK_INT(status_of(&rig, PLAIN("me", "https://a.example"), here), 403);
        CHECK_INT(status_of(&rig, PLAIN("a", "http://192.0.2.1"), here), 403);
        CHECK_INT(status_of(&rig, PLAIN("a", "http://192.0.2.1/shop"), here), 403);
        CHECK_INT(judged(&rig, PLAIN("a", "http://192.0.2.11"), here).verdict, ADMISSION_NEW);
        rig_end(&rig);
}

TEST(ids_that_differ_in_capital_letters_alone_are_not_for_others)
{
        Rig rig;

        rig_begin(&rig, "peers: [{id: friend, url: 'https://friend.example'}]");
        add(&rig, "shop", MEMBER_ACCEPTED, PLAIN("shop", "https://shop.example"));
        add(&rig, "late", MEMBER_PENDING, PLAIN("late", "https://late.example"));
        CHECK_INT(status_of(&rig, PLAIN("ME", "https://a.example"), here), 409);
        CHECK_INT(status_of(&rig, PLAIN("Friend", "https://a.example"), here), 409);
        CHECK_INT(status_of(&rig, PLAIN("SHOP", "https://a.example"), here), 409);
        CHECK_INT(judged(&rig, PLAIN("Late", "https://a.example"), here).verdict, ADMISSION_NEW);
        rig_end(&rig);
}

TEST(a_signature_must_be_good)
{
        _cleanup_(sign_key_freep) SignKey *key = rig_key("k1");
        NodeDocument *d = DOCUMENT("a", "https://a.example", key, NULL, 0, "");
        Rig rig;

        rig_begin(&rig, "");
        CHECK_INT(judged(&rig, DOCUMENT("a", "https://a.example", key, NULL, 0, ""), here).verdict,
                  ADMISSION_NEW);
        memcpy(strstr(d->text, "a.example"), "b", 1);
        CHECK_INT(status_of(&rig, d, here), 401);
        rig_end(&rig);
}

TEST(what_waits_unsigned_is_changed_by_who_registered_it_and_at_its_place_only)
{
        Rig rig;

        rig_begin(&rig, "");
        add(&rig, "a", MEMBER_PENDING, PLAIN("a", "https://a.example"));
        CHECK_INT(judged(&rig, PLAIN("a", "https://a.example"), there).verdict, ADMISSION_SAME);
        CHECK_INT(judged(&rig, DOCUMENT("a", "https://a.example", NULL, NULL, 0, "\"registeredAt\":5"), there)
                                  .verdict,
                  ADMISSION_SAME);
        CHECK_INT(judged(&rig, DOCUMENT("a", "https://a.example", NULL, NULL, 0, "\"name\":\"A\""), here)
                                  .verdict,
                  ADMISSION_CHANGE);
        CHECK_INT(status_of(&rig, DOCUMENT("a", "https://a.example", NULL, NULL, 0, "\"name\":\"A\""), there),
                  409);
        CHECK_INT(status_of(&rig, PLAIN("a", "https://b.example"), here), 409);
        rig_end(&rig);
}

TEST(what_signs_is_changed_by_its_key_only_and_forwards_only)
{
        _cleanup_(sign_key_freep) SignKey *key = rig_key("k1"), *next = rig_key("k2"),
                                          *stranger = rig_key("k1");
        const MemberState states[] = {MEMBER_PENDING, MEMBER_ACCEPTED};
        Rig rig;

        for (size_t i = 0; i < ELEMENTSOF(states); i++) {
                rig_begin(&rig, "");
                add(&rig, "a", states[i], DOCUMENT("a", "https://a.example", key, NULL, 1000, ""));
                CHECK_INT(judged(&rig, DOCUMENT("a", "https://new.example", key, NULL, 0, ""), there).verdict,
                          ADMISSION_CHANGE);
                CHECK_INT(judged(&rig, DOCUMENT("a", "https://a.example", key, next, 0, ""), there).verdict,
                          ADMISSION_CHANGE);
                CHECK_INT(status_of(&rig, DOCUMENT("a", "https://a.example", key, NULL, 2000, ""), here),
                          409);
                CHECK_INT(status_of(&rig, DOCUMENT("a", "https://a.example", stranger, NULL, 0, ""), here),
                          409);
                CHECK_INT(status_of(&rig, DOCUMENT("a", "https://a.example", next, NULL, 0, ""), here), 409);
                CHECK_INT(status_of(&rig, PLAIN("a", "https://a.example"), here), 409); /* stripped */
                rig_end(&rig);
        }
}

TEST(what_is_accepted_unsigned_is_changed_by_nobody_from_outside)
{
        _cleanup_(sign_key_freep) SignKey *key = rig_key("k1");
        Rig rig;

        rig_begin(&rig, "");
        add(&rig, "a", MEMBER_ACCEPTED, PLAIN("a", "https://a.example"));
        CHECK_INT(status_of(&rig, DOCUMENT("a", "https://a.example", NULL, NULL, 0, "\"name\":\"A\""), here),
                  409);
        CHECK_INT(status_of(&rig, DOCUMENT("a", "https://a.example", key, NULL, 0, ""), here), 409);
        CHECK_INT(status_of(&rig, PLAIN("b", "https://a.example"), here), 409); /* its url under another id */
        rig_end(&rig);
}

TEST(a_configured_id_is_for_the_key_that_is_configured)
{
        _cleanup_(sign_key_freep) SignKey *key = rig_key("k1"), *stranger = rig_key("k2");
        _cleanup_free_ char *network = NULL;
        char text[64];
        Admission a;
        Rig rig;

        rig_key_text(key, text);
        network = string_printf("peers: [{id: a, url: 'http://192.0.2.3', public_key: '%s'}, {id: b, url: "
                                "'http://192.0.2.4'}]",
                                text);
        rig_begin(&rig, network);
        CHECK_INT(status_of(&rig, PLAIN("a", "https://a.example"), here), 403);
        CHECK_INT(judged(&rig, PLAIN("a", "http://192.0.2.3"), here).verdict, ADMISSION_SAME);
        CHECK_INT(status_of(&rig, DOCUMENT("a", "http://192.0.2.3", stranger, NULL, 0, ""), here), 403);
        a = judged(&rig, DOCUMENT("a", "https://a.example", key, NULL, 0, ""), here);
        CHECK(a.verdict == ADMISSION_CHANGE && a.by_given_key);
        /* Listing the key of another proves nothing. */
        NodeDocument *forged = DOCUMENT("a", "http://192.0.2.3", stranger, key, 0, "");
        char *signature = strstr(strstr(forged->text, "signatures"), "ed25519:k1");
        CHECK(signature);
        signature[strlen("ed25519:k1") - 1] = '9';
        CHECK(status_of(&rig, forged, here) >= 400);
        CHECK_INT(status_of(&rig, DOCUMENT("b", "http://192.0.2.4", key, NULL, 0, ""), here), 403);
        rig_end(&rig);
}

static void to_banned(Member *next, const void *what)
{
        next->stored = MEMBER_BANNED;
}

TEST(the_banned_do_not_come_again_under_any_name)
{
        Rig rig;

        rig_begin(&rig, "peers: [{id: p, url: 'http://192.0.2.3'}]");
        add(&rig, "a", MEMBER_PENDING, PLAIN("a", "https://a.example"));
        change(&rig, "a", to_banned, NULL);
        change(&rig, "p", to_banned, NULL);
        CHECK_INT(status_of(&rig, PLAIN("a", "https://a.example"), here), 403);
        CHECK_INT(status_of(&rig, PLAIN("b", "https://a.example"), here), 403);
        CHECK_INT(status_of(&rig, PLAIN("p", "http://192.0.2.3"), here), 403);
        CHECK_INT(status_of(&rig, PLAIN("q", "http://192.0.2.3"), here), 403);
        rig_end(&rig);
}

/* --- what is found at a node's own url --- */

static int offered(Rig *rig, const char *id, NodeDocument *d)
{
        Error e;
        int r = members_offer_document(rig->f.members, id, d, &e);

        RIG_UNTIL(rig, !members_changing(rig->f.members, id));
        return r;
}

static int key_counts(Rig *rig, const char *id, const SignKey *key)
{
        uint8_t got[SIGN_PUBLIC_SIZE];
        Error e;
        int r = members_key(rig->f.members, id, key->id, clock_wall_usec(), got, &e);

        return r < 0 ? r : memcmp(got, key->public_key, sizeof(got)) == 0;
}

TEST(the_first_document_at_a_configured_url_is_pinned_and_survives_a_restart)
{
        char trouble[200];
        _cleanup_(sign_key_freep) SignKey *key = rig_key("k1"), *stranger = rig_key("k2");
        Rig rig;

        rig_begin(&rig, "peers: [{id: a, url: 'http://192.0.2.3'}]");
        CHECK_INT(offered(&rig, "a", DOCUMENT("b", "http://192.0.2.3", key, NULL, 1000, "")), -EKEYREJECTED);
        CHECK(members_find(rig.f.members, "a")->trouble);
        snprintf(trouble, sizeof(trouble), "%s", members_find(rig.f.members, "a")->trouble);
        CHECK(strstr(trouble, "`b`"));
        CHECK_INT(offered(&rig, "a", DOCUMENT("a", "http://other.example", key, NULL, 1000, "")), 0);
        CHECK(!members_find(rig.f.members, "a")->trouble && members_find(rig.f.members, "a")->proven);
        CHECK_INT(key_counts(&rig, "a", key), 1);
        rig_restart(&rig);
        CHECK_INT(key_counts(&rig, "a", key), 1);
        CHECK_INT(offered(&rig, "a", DOCUMENT("a", "http://192.0.2.3", stranger, NULL, 0, "")),
                  -EKEYREJECTED);
        CHECK(members_find(rig.f.members, "a")->trouble);
        CHECK_INT(key_counts(&rig, "a", stranger), -ENOKEY);
        CHECK_INT(key_counts(&rig, "a", key), 1);
        rig_end(&rig);
}

TEST(a_key_in_the_file_decides_and_another_one_later_takes_the_pin_away)
{
        _cleanup_(sign_key_freep) SignKey *key = rig_key("k1"), *next = rig_key("k2");
        _cleanup_free_ char *first = NULL, *second = NULL;
        char text[64];
        Rig rig;

        rig_key_text(key, text);
        first = string_printf("peers: [{id: a, url: 'http://192.0.2.3', public_key: '%s'}]", text);
        rig_key_text(next, text);
        second = string_printf("peers: [{id: a, url: 'http://192.0.2.3', public_key: '%s'}]", text);
        rig_begin(&rig, first);
        CHECK_INT(offered(&rig, "a", DOCUMENT("a", "http://192.0.2.3", next, NULL, 0, "")), -EKEYREJECTED);
        CHECK_INT(offered(&rig, "a", DOCUMENT("a", "http://192.0.2.3", key, NULL, 1000, "")), 0);
        CHECK_INT(offered(&rig, "a", DOCUMENT("a", "http://192.0.2.3", key, next, 500, "")), 0);
        CHECK_INT(key_counts(&rig, "a", next), 1);
        CHECK_INT(offered(&rig, "a", DOCUMENT("a", "http://192.0.2.3", next, NULL, 100, "")), 0);
        CHECK_INT(key_counts(&rig, "a", next), 1); /* a successor need not list the first any more */
        rig_restart(&rig);
        CHECK_INT(key_counts(&rig, "a", next), 1);
        CHECK_INT(key_counts(&rig, "a", key), -ENOKEY);
        rig_reconfigure(&rig, second);
        CHECK(!member_is_pinned(members_find(rig.f.members, "a")));
        CHECK_INT(key_counts(&rig, "a", next), 1);
        rig_end(&rig);
}

TEST(who_registered_is_accepted_by_himself_only_where_that_is_open_and_at_the_url_he_named)
{
        _cleanup_(sign_key_freep) SignKey *key = rig_key("k1"), *stranger = rig_key("k2");
        const char *const rules[] = {"registration: approve", "registration: open"};
        Rig rig;

        for (size_t i = 0; i < ELEMENTSOF(rules); i++) {
                const Member *m;

                rig_begin(&rig, rules[i]);
                add(&rig, "a", MEMBER_PENDING, DOCUMENT("a", "https://a.example", key, NULL, 1000, ""));
                add(&rig, "b", MEMBER_PENDING, PLAIN("b", "https://b.example"));
                m = members_find(rig.f.members, "a");
                CHECK_INT(offered(&rig, "a", DOCUMENT("a", "https://a.example", stranger, NULL, 0, "")),
                          -EKEYREJECTED);
                CHECK_INT(offered(&rig, "a", DOCUMENT("a", "https://elsewhere.example", key, NULL, 0, "")),
                          -EKEYREJECTED);
                CHECK(!m->proven && m->state == MEMBER_PENDING && m->trouble);
                CHECK_INT(offered(&rig, "a", DOCUMENT("a", "https://a.example", key, NULL, 0, "")), 0);
                CHECK(m->proven && !m->trouble);
                CHECK_INT(m->state, i == 1 ? MEMBER_ACCEPTED : MEMBER_PENDING);
                CHECK_INT(offered(&rig, "b", DOCUMENT("b", "https://b.example", stranger, NULL, 0, "")), 0);
                CHECK_INT(members_find(rig.f.members, "b")->state, MEMBER_PENDING); /* it registered no key */
                CHECK_INT(offered(&rig, "c", DOCUMENT("c", "https://c.example", key, NULL, 0, "")), -ENOENT);
                rig_end(&rig);
        }
}

TEST(one_address_or_one_name_does_not_take_all_the_places)
{
        Rig rig;

        for (size_t by_name = 0; by_name < 2; by_name++) {
                rig_begin(&rig, "registration: open");
                for (int c = 'a'; c <= 'f'; c++) {
                        _cleanup_(sign_key_freep) SignKey *key = rig_key("k");
                        char id[2] = {c}, url[64];
                        const Member *m;

                        snprintf(url, sizeof(url), "https://%c%sexample", c, by_name ? ".shop." : ".");
                        add(&rig, id, MEMBER_PENDING, DOCUMENT(id, url, key, NULL, 1000, ""));
                        m = members_find(rig.f.members, id);
                        if (by_name)
                                ((Member *) (uintptr_t) m)->origin[15] = (uint8_t) c;
                        CHECK_INT(offered(&rig, id, DOCUMENT(id, url, key, NULL, 0, "")), 0);
                        CHECK(m->proven);
                        CHECK_INT(m->state, c <= 'd' ? MEMBER_ACCEPTED : MEMBER_PENDING);
                        CHECK(c <= 'd' ? !m->trouble : strstr(m->trouble, "waits for your word") != NULL);
                }
                rig_end(&rig);
        }
}

TEST(who_proves_himself_waits_while_no_more_can_be_told)
{
        _cleanup_(sign_key_freep) SignKey *key = rig_key("k1");
        const Member *m;
        char id[16];
        Rig rig;

        rig_begin(&rig, "registration: open");
        add(&rig, "a", MEMBER_PENDING, DOCUMENT("a", "https://a.example", key, NULL, 1000, ""));
        m = members_find(rig.f.members, "a");
        CHECK_INT(members_make_room(rig.f.members, MEMBERS_ACCEPTED_MAX), 0);
        for (unsigned i = 0; i < MEMBERS_ACCEPTED_MAX; i++) {
                snprintf(id, sizeof(id), "n%06u", i);
                Member *other = member_new(id);
                CHECK(other);
                other->stored = MEMBER_ACCEPTED;
                members_insert(rig.f.members, other);
        }
        CHECK_INT(offered(&rig, "a", DOCUMENT("a", "https://a.example", key, NULL, 0, "")), 0);
        CHECK_INT(m->state, MEMBER_PENDING);
        members_remove(rig.f.members, members_get(rig.f.members, "n000000"));
        CHECK_INT(offered(&rig, "a", DOCUMENT("a", "https://a.example", key, NULL, 0, "")), 0);
        CHECK_INT(m->state, MEMBER_ACCEPTED);
        rig_end(&rig);
}

static void to_rekeyed(Member *next, const void *what)
{
        next->unpinned = true;
        next->proven = false;
        next->has_given = what != NULL;
        if (what)
                memcpy(next->given, what, sizeof(next->given));
}

TEST(after_a_rekey_nothing_counts_until_the_next_key_is_found_or_the_given_one_signs)
{
        _cleanup_(sign_key_freep) SignKey *key = rig_key("k1"), *next = rig_key("k2"), *third = rig_key("k3");
        Rig rig;

        rig_begin(&rig, "");
        add(&rig, "a", MEMBER_ACCEPTED, DOCUMENT("a", "https://a.example", key, NULL, 1000, ""));
        change(&rig, "a", to_rekeyed, NULL);
        CHECK_INT(key_counts(&rig, "a", key), -ENOKEY);
        CHECK_INT(status_of(&rig, DOCUMENT("a", "https://a.example", next, NULL, 0, ""), here), 409);
        rig_restart(&rig);
        CHECK_INT(key_counts(&rig, "a", key), -ENOKEY);
        CHECK_INT(offered(&rig, "a", DOCUMENT("a", "https://a.example", next, NULL, 500, "")), 0);
        CHECK_INT(key_counts(&rig, "a", next), 1);
        change(&rig, "a", to_rekeyed, third->public_key);
        CHECK_INT(key_counts(&rig, "a", third), 1);
        CHECK_INT(status_of(&rig, DOCUMENT("a", "https://a.example", next, NULL, 0, ""), here), 409);
        CHECK_INT(offered(&rig, "a", DOCUMENT("a", "https://a.example", next, NULL, 0, "")), -EKEYREJECTED);
        CHECK_INT(judged(&rig, DOCUMENT("a", "https://a.example", third, NULL, 0, ""), there).verdict,
                  ADMISSION_CHANGE);
        rig_end(&rig);
}

/* --- how often --- */

TEST(a_ration_is_a_burst_and_then_a_pace_for_each_address)
{
        Ration *r = NULL;
        uint64_t bucket = 0, now = 100 * USEC_PER_SEC;
        unsigned taken = 0;

        for (unsigned i = 0; i < 50; i++)
                taken += ration_take(&bucket, 10, USEC_PER_SEC, now) == 0;
        CHECK_INT(taken, 10);
        CHECK_INT(ration_take(&bucket, 10, USEC_PER_SEC, now), USEC_PER_SEC);
        CHECK_INT(ration_take(&bucket, 10, USEC_PER_SEC, now + USEC_PER_SEC), 0);
        CHECK(ration_take(&bucket, 10, USEC_PER_SEC, now + USEC_PER_SEC) > 0);
        CHECK_INT(ration_new(&r), 0);
        CHECK_INT(ration_take_of(r, here, 1, USEC_PER_SEC, now), 0);
        CHECK(ration_take_of(r, here, 1, USEC_PER_SEC, now) > 0);
        CHECK_INT(ration_take_of(r, there, 1, USEC_PER_SEC, now), 0);
        ration_free(r);
}

/* --- where it leads --- */

static int place(const char *url, const char *const *allow)
{
        const char *const urls[] = {"", url};
        char problem[PLACE_TEXT_SIZE] = "";
        PlaceCheck *check = NULL;
        int r = place_check_start(NULL, allow, urls, 2, NULL, NULL, &check, problem);

        CHECK((r == -EPERM) == (problem[0] != '\0'));
        return r;
}

TEST(addresses_that_are_private_are_known_however_they_are_written)
{
        static const char *const private[] = {"http://127.0.0.1",
                                              "http://127.1",
                                              "http://0x7f000001/",
                                              "http://2130706433/",
                                              "http://0177.0.0.1",
                                              "http://10.0.0.1:8080/x",
                                              "http://192.168.1.1",
                                              "http://172.16.0.1",
                                              "http://169.254.169.254",
                                              "http://100.64.0.1",
                                              "http://0.0.0.0",
                                              "http://[::1]/",
                                              "http://[::]",
                                              "http://[fe80::1]",
                                              "http://[fd00::1]",
                                              "http://[::ffff:10.0.0.1]",
                                              "http://[64:ff9b::a00:1]",
                                              "http://[2002:7f00:1::]",
                                              "http://localhost",
                                              "http://LOCALHOST:80/",
                                              "http://a.localhost",
                                              "http://localhost./"};
        static const char *const allow[] = {"127.0.0.0/8", NULL};

        for (size_t i = 0; i < ELEMENTSOF(private); i++)
                CHECK_INT(place(private[i], NULL), -EPERM);
        CHECK_INT(place("http://198.41.0.4", NULL), 0);
        CHECK_INT(place("http://[2600::1]:8080", NULL), 0);
        CHECK_INT(place("http://127.0.0.1", allow), 0);
        CHECK_INT(place("http://localhost", allow), 0);
        CHECK_INT(place("http://10.0.0.1", allow), -EPERM);
}

typedef struct Placed {
        unsigned n;
        char problem[PLACE_TEXT_SIZE];
} Placed;

static void on_placed(PlaceCheck *check, const char *problem, void *userdata)
{
        Placed *p = userdata;

        p->n++;
        snprintf(p->problem, sizeof(p->problem), "%s", problem ? problem : "");
}

TEST(names_are_judged_by_where_they_lead)
{
        const char *const urls[] = {"https://nobody.invalid/x"};
        Resolver *resolver = NULL;
        sd_event *event = NULL;
        PlaceCheck *check = NULL;
        char problem[PLACE_TEXT_SIZE];
        Placed p = {0};

        CHECK(sd_event_new(&event) >= 0);
        CHECK_INT(resolver_new(event, &resolver), 0);
        CHECK_INT(place_check_start(resolver, NULL, urls, 1, on_placed, &p, &check, problem), 1);
        while (p.n == 0)
                CHECK(sd_event_run(event, 100 * USEC_PER_MSEC) >= 0);
        CHECK_STR(p.problem, ""); /* nobody knows it */
        place_check_free(check);
        CHECK_INT(place_check_start(resolver, NULL, urls, 1, on_placed, &p, &check, problem), 1);
        place_check_free(check); /* and nothing comes of it */
        CHECK_INT(p.n, 1);
        resolver_free(resolver);
        sd_event_unref(event);
}

MAIN()
