/* SPDX-License-Identifier: MIT */
/* This node's document, as others read it. */
#include "base/clock.h"
#include "base/file.h"
#include "federation/identity.h"
#include "tests/test.h"

MAIN()

#define NOW  (UINT64_C(1790000000) * USEC_PER_SEC)
#define SEED "YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1"

static Config *config_of(const char *more)
{
        Config *c = NULL;
        char text[2000];
        Error e = {""};

        snprintf(text, sizeof(text),
                 "node: {id: shop, name: \"The Shop\", url: \"https://shop.example\", operator: Me, "
                 "location: "
                 "Lisbon, revenue_share: 15, payment_methods: [stripe]%s}\n",
                 more);
        if (config_load_text("f.yaml", text, strlen(text), &c, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK(c);
        return c;
}

static KeyRing *ring_of(const char *text)
{
        KeyRing *ring = NULL;

        CHECK_INT(key_ring_parse(text, &ring, NULL), 0);
        return ring;
}

static NodeDocument *document(Identity *i, uint64_t books, uint64_t now)
{
        NodeDocument *d = NULL;
        size_t size;
        const char *text = identity_document(i, books, 3, now, &size);
        Error e = {""};

        CHECK(text);
        if (node_document_parse(text, size, &d, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK(d);
        return d;
}

TEST(a_node_says_who_it_is)
{
        _cleanup_(config_freep) Config *c = config_of(", fallback_url: \"https://b.example/\", mirror_of: "
                                                      "other, type: mirror, checkout_url: "
                                                      "\"https://shop.example/buy?b={bookId}\"");
        _cleanup_(identity_freep) Identity *i = NULL;

        c->ring = ring_of("ed25519 k " SEED);
        CHECK_INT(identity_new(c, &i), 0);
        CHECK_STR(identity_key(i)->id, "k");
        CHECK_STR(identity_trouble(i), "");
        CHECK_STR(identity_id(i), "shop");
        _cleanup_(node_document_freep) NodeDocument *d = document(i, 7, NOW);
        _cleanup_json_ json_t *j = node_document_json(d);

        CHECK_INT(node_document_verify(d, NOW, NULL), 0);
        CHECK_STR(d->id, "shop");
        CHECK_STR(d->name, "The Shop");
        CHECK_STR(d->url, "https://shop.example");
        CHECK_STR(d->fallback_url, "https://b.example");
        CHECK_STR(d->checkout_url, "https://shop.example/buy?b={bookId}");
        CHECK_STR(d->mirror_of, "other");
        CHECK_INT(d->type, NODE_MIRROR);
        CHECK_INT(d->revenue_share, 15);
        CHECK_STR(d->operator_name, "Me");
        CHECK_STR(d->location, "Lisbon");
        CHECK(d->valid_until_usec == NOW + IDENTITY_VALID_USEC);
        CHECK_INT(json_integer_value(json_at(j, "catalog.totalBooks")), 7);
        CHECK_STR(json_string_value(json_at(j, "api")), "https://shop.example/api");
        CHECK(!json_object_get(j, "status") && !json_object_get(j, "verified"));
}

TEST(without_a_key_it_says_so_and_signs_nothing)
{
        _cleanup_(config_freep) Config *c = config_of("");
        _cleanup_(identity_freep) Identity *i = NULL;

        CHECK_INT(identity_new(c, &i), 0);
        CHECK(!identity_key(i));
        CHECK_STR(identity_trouble(i), "node.key_file is not set");
        _cleanup_(node_document_freep) NodeDocument *d = document(i, 7, NOW);
        CHECK(!d->is_signed);
        CHECK_INT(d->n_keys, 0);
}

TEST(it_is_printed_anew_when_it_changes_and_every_day)
{
        _cleanup_(config_freep) Config *c = config_of("");
        _cleanup_(identity_freep) Identity *i = NULL;
        size_t size;

        c->ring = ring_of("ed25519 k " SEED);
        CHECK_INT(identity_new(c, &i), 0);
        CHECK(identity_version(i) == 0);
        _cleanup_(node_document_freep) NodeDocument *a = document(i, 7, NOW);
        CHECK(identity_version(i) == NOW);
        _cleanup_(node_document_freep) NodeDocument *b = document(i, 7, NOW + USEC_PER_DAY - 1);
        CHECK(node_document_same(a, b));
        _cleanup_(node_document_freep) NodeDocument *more = document(i, 8, NOW);
        CHECK_INT(node_document_succeeds(a, more, NOW, NULL), 0); /* newer, within the same millisecond */
        _cleanup_(node_document_freep) NodeDocument *day = document(i, 8, NOW + USEC_PER_DAY);
        CHECK(day->valid_until_usec == NOW + USEC_PER_DAY + IDENTITY_VALID_USEC);
        _cleanup_(node_document_freep) NodeDocument *back = document(i, 8, NOW - USEC_PER_DAY);
        CHECK(back->version_usec > day->version_usec); /* the clock was set back */
        CHECK(identity_document(i, 8, 3, NOW - USEC_PER_DAY, &size));
}

/* The three steps of a rotation, seen by one who follows each, and by one who was away. */
TEST(others_follow_from_key_to_key)
{
        _cleanup_(key_ring_freep) KeyRing *file = ring_of("ed25519 first " SEED);
        _cleanup_(node_document_freep) NodeDocument *before = NULL, *follower = NULL;
        uint64_t now = NOW;

        for (unsigned step = 0; step < 6; step++) {
                _cleanup_(config_freep) Config *c = config_of("");
                _cleanup_(identity_freep) Identity *i = NULL;
                _cleanup_(secret_freep) char *text = NULL;
                KeyRingStep done;
                bool known;
                Error e = {""};

                CHECK_INT(key_ring_print(file, &text), 0);
                c->ring = ring_of(text);
                CHECK_INT(identity_new(c, &i), 0);
                NodeDocument *d = document(i, 7, now);
                if (!before) {
                        before = document(i, 7, now);
                } else {
                        CHECK_INT(node_document_succeeds(follower, d, now, NULL), 0);
                        /* The one who was away since the first: as long as that key still signs. */
                        int r = node_document_succeeds(before, d, now, &e);
                        if (r < 0)
                                fprintf(stderr, "step %u: %s\n", step, e.text);
                        CHECK_INT(r, 0);
                }
                node_document_free(follower);
                follower = d;
                now += USEC_PER_DAY;
                if (step == 4) /* stolen */
                        CHECK_INT(key_ring_revoke(file, now, &known, NULL), 0);
                else
                        CHECK_INT(key_ring_rotate(file, now, true, &done, NULL), 0);
        }
        CHECK_INT(follower->n_keys, 4);
}

TEST(a_reload_without_the_file_keeps_the_key)
{
        _cleanup_(config_freep) Config *c = config_of(", key_file: node.key"),
                                       *gone = config_of(", key_file: node.key"), *none = config_of("");
        _cleanup_(identity_freep) Identity *i = NULL;

        c->ring = ring_of("ed25519 k " SEED);
        CHECK_INT(identity_new(c, &i), 0);
        snprintf(gone->key_trouble, sizeof(gone->key_trouble), "node.key_file: gone");
        identity_configure(i, gone);
        CHECK_STR(identity_key(i)->id, "k");
        CHECK_STR(identity_trouble(i), "node.key_file: gone");
        identity_configure(i, none);
        CHECK(!identity_key(i));
}

TEST(the_secret_stands_nowhere)
{
        _cleanup_(config_freep) Config *c = config_of("");
        _cleanup_(identity_freep) Identity *i = NULL;
        _cleanup_free_ char *status = NULL;
        size_t size;

        c->ring = ring_of("ed25519 k " SEED "\nnext ed25519 n " SEED " 1790000000000\nold ed25519 o " SEED
                          " 1790000000000\n");
        CHECK_INT(identity_new(c, &i), 0);
        const char *text = identity_document(i, 1, 1, NOW, &size);
        _cleanup_json_ json_t *j = identity_to_json(i);
        CHECK_INT(json_print(j, &status), 0);
        CHECK(!strstr(text, "YJDBA9Xn"));
        CHECK(!strstr(status, "YJDBA9Xn"));
        CHECK(strstr(status, "\"next\":{\"key_id\":\"n\""));
}
