/* SPDX-License-Identifier: MIT */
/* This node's keys, and what it says of itself under them. */
#include "federation/identity.h"

#include "base/clock.h"
#include "base/text.h"
#include "federation/store_document.h"

struct Identity {
        const Config *config;
        KeyRing *ring;
        char trouble[400];

        char *text; /* the document; NULL: print it */
        size_t text_size;
        uint64_t books, categories; /* that it tells of */
        uint64_t printed_usec, version_usec, valid_until_usec;
};

/* --- the document --- */

#define MS(usec) json_integer((json_int_t) ((usec) / USEC_PER_MSEC))

static json_t *key_entry(const SignKey *key)
{
        _cleanup_free_ char *text = NULL;
        json_t *entry = json_object();

        if (base64_encode(key->public_key, sizeof(key->public_key), &text) >= 0)
                json_put(entry, "key", json_string(text));
        else
                json_put(entry, "key", NULL);
        return entry;
}

static void put_key(json_t *keys, const SignKey *key, const FormerKey *former)
{
        json_t *entry = key_entry(key);
        char name[sizeof(key->id) + sizeof("ed25519:")];

        if (former)
                json_put(entry, former->revoked ? "revoked_ts" : "expired_ts", MS(former->ended_usec));
        snprintf(name, sizeof(name), "ed25519:%s", key->id);
        json_put(keys, name, entry);
}

static json_t *keys_of(const KeyRing *ring)
{
        json_t *keys = json_object();

        put_key(keys, ring->current, NULL);
        if (ring->next)
                put_key(keys, ring->next, NULL);
        for (size_t k = 0; k < ring->n_former; k++)
                put_key(keys, ring->former[k].key, &ring->former[k]);
        return keys;
}

/* By every key that is listed: whoever knows one of them learns of the others. */
static int sign_all(json_t *d, const char *id, const KeyRing *ring)
{
        int r = sign_json(d, id, ring->current, NULL);

        if (r >= 0 && ring->next)
                r = sign_json(d, id, ring->next, NULL);
        for (size_t k = 0; r >= 0 && k < ring->n_former; k++)
                r = sign_json(d, id, ring->former[k].key, NULL);
        return r;
}

static void put_if(json_t *d, const char *key, const char *s)
{
        if (s && *s)
                json_put(d, key, json_string_or_null(s));
}

/* The entry of a registry, without what is the registry's to say. */
static json_t *draft(const Identity *i, uint64_t books, uint64_t categories)
{
        const NodeConfig *n = &i->config->node;
        json_t *d = node_of_node(i->config, &(CatalogFacts){.books = books, .categories = categories});

        if (!d)
                return NULL;
        json_object_del(d, "status");
        json_object_del(d, "verified");
        json_object_del(d, "joined");
        json_object_del(d, "fallbackUrl");
        json_object_del(d, "onionUrl");
        put_if(d, "fallbackUrl", n->fallback_url);
        put_if(d, "onionUrl", n->onion_url);
        put_if(d, "checkoutUrl", n->checkout_url);
        put_if(d, "mirrorOf", n->mirror_of);
        put_if(d, "contact", n->contact);
        put_if(d, "tagline", n->tagline);
        return json_whole(d);
}

static int print(Identity *i, uint64_t books, uint64_t categories, uint64_t now_usec)
{
        _cleanup_json_ json_t *d = draft(i, books, categories);
        uint64_t version = MAX(now_usec / USEC_PER_MSEC, i->version_usec / USEC_PER_MSEC + 1) * USEC_PER_MSEC;
        char *text;

        if (!d)
                return -ENOMEM;
        json_put(d, "version_ts", MS(version));
        json_put(d, "valid_until_ts", MS(now_usec + IDENTITY_VALID_USEC));
        if (i->ring)
                json_put(d, "keys", keys_of(i->ring));
        if (json_failed() || (i->ring && sign_all(d, i->config->node.id, i->ring) < 0) ||
            json_print(d, &text) < 0)
                return -ENOMEM;
        free(i->text);
        i->text = text;
        i->text_size = strlen(text);
        i->books = books;
        i->categories = categories;
        i->printed_usec = now_usec;
        i->version_usec = version;
        i->valid_until_usec = now_usec + IDENTITY_VALID_USEC;
        return 0;
}

const char *identity_document(Identity *i, uint64_t books, uint64_t categories, uint64_t now_usec,
                              size_t *ret_size)
{
        /* A clock that was set back makes it anew, too. */
        bool fresh = i->text && now_usec - i->printed_usec < IDENTITY_PRINT_USEC && books == i->books &&
                     categories == i->categories;

        if (!fresh && print(i, books, categories, now_usec) < 0)
                return NULL;
        *ret_size = i->text_size;
        return i->text;
}

/* --- keys --- */

const SignKey *identity_key(const Identity *i)
{
        return i->ring ? i->ring->current : NULL;
}

const KeyRing *identity_ring(const Identity *i)
{
        return i->ring;
}

const char *identity_trouble(const Identity *i)
{
        return i->trouble;
}

const char *identity_id(const Identity *i)
{
        return i->config->node.id;
}

uint64_t identity_version(const Identity *i)
{
        return i->text ? i->version_usec : 0;
}

static json_t *key_to_json(const SignKey *key)
{
        _cleanup_free_ char *text = NULL;
        json_t *j = json_object();

        json_put(j, "key_id", json_string(key->id));
        json_put(j, "public_key",
                 base64_encode(key->public_key, sizeof(key->public_key), &text) < 0 ? NULL
                                                                                    : json_string(text));
        return j;
}

json_t *identity_to_json(const Identity *i)
{
        json_t *j = i->ring ? key_to_json(i->ring->current) : json_object(), *former = json_array();
        json_t *next = i->ring && i->ring->next ? key_to_json(i->ring->next) : json_null();

        if (i->ring && i->ring->next)
                json_put(next, "announced", json_timestamp(i->ring->next_usec));
        json_put(j, "next", next);
        for (size_t k = 0; i->ring && k < i->ring->n_former; k++) {
                const FormerKey *f = &i->ring->former[k];
                json_t *row = key_to_json(f->key);

                json_put(row, f->revoked ? "revoked" : "expires", json_timestamp(f->ended_usec));
                json_add(former, row);
        }
        json_put(j, "former", former);
        json_put(j, "trouble", i->trouble[0] ? json_string_or_null(i->trouble) : json_null());
        json_put(j, "version", json_timestamp(identity_version(i)));
        json_put(j, "valid_until", json_timestamp(i->text ? i->valid_until_usec : 0));
        return j;
}

/* --- life --- */

void identity_configure(Identity *i, Config *config)
{
        const char *trouble = config->ring            ? ""
                              : config->node.key_file ? config->key_trouble
                                                      : "node.key_file is not set";

        free(i->text);
        i->text = NULL;
        i->config = config;
        snprintf(i->trouble, sizeof(i->trouble), "%s", trouble);
        if (!config->ring && config->node.key_file)
                return; /* a file that is gone takes no key from who has it */
        key_ring_free(i->ring);
        i->ring = TAKE_PTR(config->ring);
}

int identity_new(Config *config, Identity **ret)
{
        Identity *i = calloc(1, sizeof(*i));

        if (!i)
                return -ENOMEM;
        identity_configure(i, config);
        *ret = i;
        return 0;
}

Identity *identity_free(Identity *i)
{
        if (!i)
                return NULL;
        key_ring_free(i->ring);
        free(i->text);
        free(i);
        return NULL;
}
