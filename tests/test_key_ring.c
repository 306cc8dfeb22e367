/* SPDX-License-Identifier: MIT */
/* A node's key file over the years: announced, swapped, revoked, and read back. */
#include "base/clock.h"
#include "base/file.h"
#include "base/key_ring.h"
#include "tests/test.h"

MAIN()

#define NOW  (UINT64_C(1790000000) * USEC_PER_SEC)
#define SEED "YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1"

static KeyRing *ring_of(const char *text)
{
        KeyRing *ring = NULL;
        Error e = {""};

        if (key_ring_parse(text, &ring, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK(ring);
        return ring;
}

static KeyRing *again(const KeyRing *ring)
{
        _cleanup_(secret_freep) char *text = NULL;

        CHECK_INT(key_ring_print(ring, &text), 0);
        return ring_of(text);
}

TEST(a_file_of_one_key_is_a_ring)
{
        _cleanup_(key_ring_freep) KeyRing *ring = ring_of("ed25519 1 " SEED);
        _cleanup_(secret_freep) char *text = NULL;

        CHECK_STR(ring->current->id, "1");
        CHECK(!ring->next);
        CHECK_INT(ring->n_former, 0);
        CHECK_INT(key_ring_print(ring, &text), 0);
        CHECK_STR(text, "ed25519 1 YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA0\n");
}

TEST(all_lines_are_read_and_printed_back)
{
        static const char text[] = "# mine\r\n\ned25519 a " SEED "\r\nnext ed25519 b " SEED
                                   " 1790000000123\nold ed25519 c " SEED
                                   " 1789000000000\nrevoked ed25519 d " SEED " 1788000000000\n";
        _cleanup_(key_ring_freep) KeyRing *first = ring_of(text), *ring = again(first);
        _cleanup_(sign_key_freep) SignKey *key = NULL;

        CHECK_STR(ring->current->id, "a");
        CHECK_STR(ring->next->id, "b");
        CHECK(ring->next_usec == UINT64_C(1790000000123000));
        CHECK_INT(ring->n_former, 2);
        CHECK_STR(ring->former[0].key->id, "c");
        CHECK(!ring->former[0].revoked && ring->former[1].revoked);
        CHECK(ring->former[1].ended_usec == UINT64_C(1788000000) * USEC_PER_SEC);
        CHECK_INT(key_ring_parse_current(text, &key, NULL), 0);
        CHECK_STR(key->id, "a");
}

TEST(a_broken_file_is_refused_without_showing_it)
{
        static const struct {
                const char *text, *says;
        } all[] = {{"", "expected a line"},
                   {"next ed25519 b " SEED " 1", "expected a line"},
                   {"ed25519 a " SEED "\ned25519 b " SEED, "line 2: a second key that signs"},
                   {"ed25519 a " SEED "\nnext ed25519 b " SEED, "line 2: a line \"next …\" ends in a time"},
                   {"ed25519 a " SEED "\nold ed25519 b " SEED " x1", "line 2"},
                   {"ed25519 a " SEED "\nold ed25519 b " SEED " 99999999999999999", "line 2"},
                   {"ed25519 a " SEED "\nnext ed25519 b " SEED " 1\nnext ed25519 c " SEED " 1",
                    "line 3: a second key that is next"},
                   {"ed25519 a " SEED "\nspare ed25519 b " SEED " 1", "line 2"},
                   {"ed25519 a YJDB", "not the base64 of 32 bytes"}};

        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                KeyRing *ring = NULL;
                Error e = {""};

                CHECK_INT(key_ring_parse(all[i].text, &ring, &e), -EINVAL);
                if (!strstr(e.text, all[i].says))
                        fprintf(stderr, "%s: %s\n", all[i].text, e.text);
                CHECK(strstr(e.text, all[i].says));
                CHECK(!strstr(e.text, "YJDB"));
        }
}

TEST(a_key_is_announced_before_it_signs)
{
        _cleanup_(key_ring_freep) KeyRing *ring = ring_of("ed25519 a " SEED);
        KeyRingStep step;
        Error e = {""};
        char next[64];

        CHECK_INT(key_ring_rotate(ring, NOW, false, &step, &e), 0);
        CHECK_INT(step, KEY_RING_ANNOUNCED);
        CHECK_STR(ring->current->id, "a");
        snprintf(next, sizeof(next), "%s", ring->next->id);

        /* Again too soon: nothing happens, and it says when. */
        CHECK_INT(key_ring_rotate(ring, NOW + USEC_PER_HOUR, false, &step, &e), -EAGAIN);
        CHECK(strstr(e.text, "announced 1 h ago"));
        CHECK_STR(ring->current->id, "a");

        CHECK_INT(key_ring_rotate(ring, NOW + USEC_PER_DAY, false, &step, &e), 0);
        CHECK_INT(step, KEY_RING_SWAPPED);
        CHECK_STR(ring->current->id, next);
        CHECK(!ring->next);
        CHECK_INT(ring->n_former, 1);
        CHECK_STR(ring->former[0].key->id, "a");
        CHECK(!ring->former[0].revoked);
        CHECK(ring->former[0].ended_usec == NOW + USEC_PER_DAY + KEY_RING_OVERLAP_USEC);

        /* A third time by mistake begins nothing. */
        CHECK_INT(key_ring_rotate(ring, NOW + 2 * USEC_PER_DAY, false, &step, &e), -EAGAIN);
        CHECK(strstr(e.text, "nothing to do"));
        CHECK_INT(key_ring_rotate(ring, NOW + 10 * USEC_PER_DAY, false, &step, &e), 0);
        CHECK_INT(step, KEY_RING_ANNOUNCED);
        CHECK_INT(key_ring_rotate(ring, NOW + 10 * USEC_PER_DAY, true, &step, &e), 0);
        CHECK_INT(step, KEY_RING_SWAPPED);
}

TEST(a_clock_that_is_set_back_swaps_nothing_early)
{
        _cleanup_(key_ring_freep) KeyRing *ring = ring_of("ed25519 a " SEED);
        KeyRingStep step;
        Error e = {""};

        CHECK_INT(key_ring_rotate(ring, NOW, false, &step, &e), 0);
        CHECK_INT(key_ring_rotate(ring, NOW - USEC_PER_DAY, false, &step, &e), -EAGAIN);
}

TEST(a_stolen_key_gives_way_at_once)
{
        _cleanup_(key_ring_freep) KeyRing *ring = ring_of("ed25519 a " SEED),
                                          *known = ring_of("ed25519 a " SEED "\nnext ed25519 b " SEED " 1");
        bool was_known = true;

        CHECK_INT(key_ring_revoke(ring, NOW, &was_known, NULL), 0);
        CHECK(!was_known);
        CHECK(ring->former[0].revoked && ring->former[0].ended_usec == NOW);
        CHECK_STR(ring->former[0].key->id, "a");
        CHECK_INT(key_ring_revoke(known, NOW, &was_known, NULL), 0);
        CHECK(was_known);
        CHECK_STR(known->current->id, "b");
        CHECK(!known->next);
}

TEST(what_ended_long_ago_is_dropped_and_what_was_revoked_is_not)
{
        _cleanup_(key_ring_freep) KeyRing *ring =
                        ring_of("ed25519 a " SEED "\nold ed25519 b " SEED " 1\nrevoked ed25519 c " SEED " 1\n"
                                "next ed25519 d " SEED " 1\n");
        KeyRingStep step;

        CHECK_INT(key_ring_rotate(ring, NOW, false, &step, NULL), 0);
        CHECK_INT(ring->n_former, 2);
        CHECK_STR(ring->former[0].key->id, "a");
        CHECK_STR(ring->former[1].key->id, "c");
}

TEST(years_of_changes_stay_within_the_file)
{
        _cleanup_(key_ring_freep) KeyRing *ring = ring_of("ed25519 a " SEED);
        bool known;

        for (unsigned k = 0; k < 40; k++) {
                KeyRingStep step;
                _cleanup_(key_ring_freep) KeyRing *copy = NULL;

                CHECK_INT(key_ring_rotate(ring, NOW + k * USEC_PER_DAY, true, &step, NULL), 0);
                if (k % 3 == 2)
                        CHECK_INT(key_ring_revoke(ring, NOW + k * USEC_PER_DAY, &known, NULL), 0);
                copy = again(ring);
                CHECK_STR(copy->current->id, ring->current->id);
                CHECK_INT(copy->n_former, ring->n_former);
        }
        CHECK_INT(ring->n_former, KEY_RING_FORMER_MAX);
}
