/* SPDX-License-Identifier: MIT */
/* federation/envelope.c: who said it, to whom and when, and whether it is refused in the way that makes its sender do the right thing. */
#include "federation/envelope.h"

#include "tests/test.h"

#define NOW (UINT64_C(1763628300) * USEC_PER_SEC)

static SignKey *key, *other_key;
static int known; /* what members_key() says */
static unsigned asked;
static uint64_t asked_at;

/* In the place of members.c: "peer" has one key, `known` says how good it is. */
int members_key(const Members *m, const char *node, const char *key_id, uint64_t at_usec,
                uint8_t ret[static SIGN_PUBLIC_SIZE], Error *e)
{
        asked++;
        asked_at = at_usec;
        if (!streq(node, "peer"))
                return error_set(e, -ENOENT, "unknown");
        if (!streq(key_id, key->id))
                return error_set(e, -ENOKEY, "`%s` has no key %s", node, key_id);
        if (known < 0)
                return error_set(e, known, "not with this key");
        memcpy(ret, key->public_key, SIGN_PUBLIC_SIZE);
        return 0;
}

static json_t *notice(void)
{
        static bool ready;

        if (!ready) {
                CHECK_INT(sign_key_generate("auto", &key), 0);
                CHECK_INT(sign_key_generate("other", &other_key), 0);
                ready = true;
        }
        known = 0;
        asked = 0;
        return json_pack("{s:s, s:s, s:s}", "type", "primary_failure", "id", "n1", "fallbackUrl",
                         "https://b.example");
}

static json_t *sealed(void)
{
        json_t *j = notice();

        CHECK_INT(envelope_seal(j, "peer", "me", 7, key, NOW, NULL), 0);
        return j;
}

/* Consumes j. */
static EnvelopeRefusal refused_at(json_t *j, uint64_t now)
{
        EnvelopeRefusal refusal = {0};
        Envelope e = {.seq = -1};

        CHECK_INT(envelope_open(j, "me", NULL, now, &e, &refusal), -EBADMSG);
        CHECK_INT(e.seq, -1); /* untouched */
        CHECK(*refusal.reason && *refusal.word);
        json_decref(j);
        return refusal;
}

#define CHECK_REFUSED(j, number, kind)                         \
        do {                                                   \
                EnvelopeRefusal refusal_ = refused_at(j, NOW); \
                CHECK_INT(refusal_.status, number);            \
                CHECK_STR(refusal_.word, kind);                \
        } while (0)

static json_t *sealed_with(const char *member, json_t *value)
{
        json_t *j = sealed();

        json_object_set_new(j, member, value);
        json_object_del(j, "signatures");
        CHECK_INT(sign_json(j, "peer", key, NULL), 0);
        return j;
}

TEST(what_was_sealed_opens)
{
        _cleanup_json_ json_t *j = sealed();
        EnvelopeRefusal refusal;
        Envelope e;

        CHECK_INT(envelope_open(j, "me", NULL, NOW, &e, &refusal), 0);
        CHECK_STR(e.type, "primary_failure");
        CHECK_STR(e.node, "peer");
        CHECK_STR(e.key_id, "auto");
        CHECK_INT(e.seq, 7);
        CHECK_INT(e.timestamp_usec, NOW);
        CHECK(e.object == j);
}

TEST(opens_at_the_edge_of_the_window_and_not_beyond)
{
        for (int sign = -1; sign <= 1; sign += 2) {
                _cleanup_json_ json_t *j = sealed();
                EnvelopeRefusal refusal;
                Envelope e;
                uint64_t edge = sign < 0 ? NOW - ENVELOPE_WINDOW_USEC : NOW + ENVELOPE_WINDOW_USEC;

                CHECK_INT(envelope_open(j, "me", NULL, edge, &e, &refusal), 0);
                refusal = refused_at(json_incref(j), sign < 0 ? edge - USEC_PER_MSEC : edge + USEC_PER_MSEC);
                CHECK_INT(refusal.status, 422);
                CHECK_STR(refusal.word, "time");
                CHECK(refusal.has_offset);
                CHECK_INT(refusal.offset_ms, -sign * 300001);
        }
}

TEST(what_is_refused_for_its_date_says_by_how_much)
{
        EnvelopeRefusal refusal = refused_at(sealed(), NOW + 2 * USEC_PER_HOUR);
        _cleanup_json_ json_t *j = envelope_refusal_document(&refusal);

        CHECK(strstr(refusal.reason, "2 h old"));
        CHECK_INT(json_integer_value(json_object_get(j, "offset_ms")), -7200000);
        CHECK(json_is_false(json_object_get(j, "success")));
        CHECK_STR(json_string_value(json_object_get(j, "error")), refusal.reason);
        CHECK_STR(json_string_value(json_object_get(j, "refused")), "time");
}

TEST(a_date_at_the_end_of_numbers_is_far_off_and_no_overflow)
{
        EnvelopeRefusal refusal =
                        refused_at(sealed_with("timestamp", json_integer((INT64_C(1) << 53) - 1)), NOW);

        CHECK_INT(refusal.status, 422);
        CHECK(refusal.offset_ms > 0);
        refusal = refused_at(sealed_with("timestamp", json_integer(1)), NOW);
        CHECK(refusal.offset_ms < 0);
}

TEST(what_is_malformed_is_refused_for_ever)
{
        static const char *const members[] = {"type", "node", "to", "timestamp", "seq"};

        for (size_t i = 0; i < ELEMENTSOF(members); i++) {
                json_t *const wrong[] = {json_null(),         json_true(),     json_array(),
                                         json_object(),       json_real(1),    json_string(""),
                                         json_string("a\nb"), json_integer(-1)};

                for (size_t k = 0; k < ELEMENTSOF(wrong); k++) {
                        json_t *j = sealed();

                        json_object_set_new(j, members[i], wrong[k]);
                        CHECK_REFUSED(j, 400, "malformed");
                }
                json_t *j = sealed();
                json_object_del(j, members[i]);
                CHECK_REFUSED(j, 400, "malformed");
        }
        CHECK_REFUSED(json_array(), 400, "malformed");
        CHECK_REFUSED(json_object(), 400, "malformed");
        json_t *j = sealed();
        json_object_set_new(j, "seq", json_integer(INT64_C(1) << 53));
        CHECK_REFUSED(j, 400, "malformed");
        CHECK_INT(asked, 0); /* nobody was looked up for it */
}

TEST(a_number_that_canonical_json_has_not_is_malformed)
{
        json_t *j = sealed();

        json_object_set_new(j, "extra", json_real(1.5));
        CHECK_REFUSED(j, 400, "malformed");
}

TEST(what_is_for_another_or_from_ourselves_is_refused_for_ever)
{
        CHECK_REFUSED(sealed_with("to", json_string("another")), 409, "recipient");
        CHECK_REFUSED(sealed_with("to", json_string("ME")), 409, "recipient");
        CHECK_REFUSED(sealed_with("node", json_string("me")), 409, "recipient");
        CHECK_INT(asked, 0);
}

TEST(a_stranger_is_refused_until_he_is_known)
{
        json_t *j = notice();

        CHECK_INT(envelope_seal(j, "stranger", "me", 7, key, NOW, NULL), 0);
        CHECK_REFUSED(j, 403, "unknown");
        j = sealed();
        known = -EACCES;
        CHECK_REFUSED(j, 403, "unknown");
}

TEST(a_key_that_is_not_known_or_over_is_refused_until_it_is)
{
        const int errors[] = {-ENOKEY, -EKEYEXPIRED, -EKEYREVOKED};

        for (size_t i = 0; i < ELEMENTSOF(errors); i++) {
                json_t *j = sealed();

                known = errors[i];
                CHECK_REFUSED(j, 401, "key");
        }
        json_t *j = notice();
        CHECK_INT(envelope_seal(j, "peer", "me", 7, other_key, NOW, NULL), 0);
        CHECK_REFUSED(j, 401, "key");
        j = sealed();
        known = -ENOMEM; /* our own trouble */
        CHECK_REFUSED(j, 503, "unavailable");
}

TEST(the_key_is_asked_for_at_the_date_of_what_it_signed)
{
        json_t *j = sealed();
        EnvelopeRefusal refusal;
        Envelope e;

        CHECK_INT(envelope_open(j, "me", NULL, NOW + USEC_PER_MIN, &e, &refusal), 0);
        CHECK_INT(asked_at, NOW);
        json_decref(j);
}

TEST(who_is_banned_or_rekeyed_while_it_waits_is_not_believed)
{
        _cleanup_json_ json_t *j = sealed();
        uint8_t looked[SIGN_PUBLIC_SIZE];
        EnvelopeRefusal refusal;
        Envelope e;

        CHECK_INT(envelope_look(j, "me", NULL, NOW, &e, looked, &refusal), 0);
        CHECK_INT(envelope_verify(&e, NULL, looked, &refusal), 0);
        known = -EACCES;
        CHECK_INT(envelope_verify(&e, NULL, looked, &refusal), -EBADMSG);
        CHECK_INT(refusal.status, 403);
        known = 0;
        CHECK_INT(envelope_verify(&e, NULL, other_key->public_key, &refusal), -EBADMSG);
        CHECK_INT(refusal.status, 401);
        CHECK_STR(refusal.word, "key");
}

TEST(a_stripped_or_foreign_signature_is_refused)
{
        json_t *j = sealed();

        json_object_del(j, "signatures");
        CHECK_REFUSED(j, 401, "signature");
        j = sealed();
        json_object_set_new(j, "signatures", json_object());
        CHECK_REFUSED(j, 401, "signature");
        j = sealed();
        json_object_set_new(j, "signatures", json_string("x"));
        CHECK_REFUSED(j, 401, "signature");
        j = sealed(); /* signed by the right key under another name */
        json_object_del(j, "signatures");
        CHECK_INT(sign_json(j, "somebody", key, NULL), 0);
        CHECK_REFUSED(j, 401, "signature");
        j = sealed();
        json_object_set_new(json_object_get(json_object_get(j, "signatures"), "peer"), "ed25519:auto",
                            json_string("AAAA"));
        CHECK_REFUSED(j, 401, "signature");
        j = sealed();
        json_object_set_new(json_object_get(j, "signatures"), "peer", json_pack("{s:s}", "rsa:auto", "AAAA"));
        CHECK_REFUSED(j, 401, "key");
}

TEST(whatever_is_changed_after_signing_is_noticed)
{
        static const char *const members[] = {"type", "id", "fallbackUrl", "more"};

        for (size_t i = 0; i < ELEMENTSOF(members); i++) {
                json_t *j = sealed();

                json_object_set_new(j, members[i], json_string("other"));
                CHECK_REFUSED(j, 401, "signature");
        }
        json_t *j = sealed();
        json_object_set_new(j, "seq", json_integer(8));
        CHECK_REFUSED(j, 401, "signature");
        j = sealed();
        json_object_set_new(j, "timestamp", json_integer((json_int_t) (NOW / 1000 + 1)));
        CHECK_REFUSED(j, 401, "signature");
}

TEST(unsigned_is_not_covered_and_changes_nothing)
{
        json_t *j = sealed();
        EnvelopeRefusal refusal;
        Envelope e;

        json_object_set_new(j, "unsigned", json_pack("{s:i}", "age", 5));
        CHECK_INT(envelope_open(j, "me", NULL, NOW, &e, &refusal), 0);
        json_decref(j);
}

TEST(in_a_rotation_one_known_key_is_enough)
{
        json_t *j = sealed();
        EnvelopeRefusal refusal;
        Envelope e;

        CHECK_INT(sign_json(j, "peer", other_key, NULL), 0);
        CHECK_INT(envelope_open(j, "me", NULL, NOW, &e, &refusal), 0);
        CHECK_STR(e.key_id, "auto");
        json_decref(j);
}

TEST(many_signatures_are_many_lookups_for_nobody)
{
        json_t *j = sealed(), *all = json_object_get(json_object_get(j, "signatures"), "peer");
        char name[40];

        for (unsigned i = 0; i < 1000; i++) {
                snprintf(name, sizeof(name), "ed25519:k%u", i);
                json_object_set_new(all, name, json_string("AAAA"));
        }
        CHECK_REFUSED(j, 400, "malformed");
        CHECK_INT(asked, 0);
}

TEST(without_a_key_nothing_is_sealed)
{
        _cleanup_json_ json_t *j = notice();
        Error e;

        CHECK_INT(envelope_seal(j, "peer", "me", 1, NULL, NOW, &e), -ENOKEY);
        CHECK(*e.text);
}

TEST(sealing_again_signs_afresh)
{
        _cleanup_json_ json_t *j = sealed();
        EnvelopeRefusal refusal;
        Envelope e;

        CHECK_INT(envelope_seal(j, "peer", "me", 7, key, NOW + USEC_PER_HOUR, NULL), 0);
        CHECK_INT(envelope_open(j, "me", NULL, NOW + USEC_PER_HOUR, &e, &refusal), 0);
}

MAIN()
