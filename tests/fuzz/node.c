/* SPDX-License-Identifier: MIT */
/* Fuzzes what others say of themselves: registry entries, registrations and signed node documents; and a node's own key file. */
#include "base/clock.h"
#include "base/file.h"
#include "base/registry.h"
#include "base/text.h"
#include "federation/node_document.h"
#include "tests/fuzz/fuzz.h"

#include <locale.h>

#define NOW (UINT64_C(1790000000) * USEC_PER_SEC)

static SignKey *key;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        FUZZ_CHECK(setlocale(LC_ALL, "C.UTF-8"));
        FUZZ_CHECK(sign_key_parse("ed25519 k YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1", &key, NULL) >= 0);
        return 0;
}

/* An independent reading: nothing but a web link, nothing that ends an attribute or a line. */
static void check_url(const char *url)
{
        FUZZ_CHECK(!*url || strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0);
        FUZZ_CHECK(!strpbrk(url, " \"<>\\\r\n\t"));
        for (const char *c = url; *c; c++)
                FUZZ_CHECK((unsigned char) *c > 0x20 && (unsigned char) *c < 0x7f);
        FUZZ_CHECK(!strchr(url, '@') || strchr(strstr(url, "://") + 3, '/') < strchr(url, '@'));
}

static void check_document(const NodeDocument *d)
{
        const char *const lines[] = {d->id, d->name, d->operator_name, d->location, d->mirror_of},
                          *const urls[] = {d->url, d->fallback_url, d->onion_url, d->checkout_url};

        for (size_t i = 0; i < ELEMENTSOF(lines); i++)
                FUZZ_CHECK(fuzz_is_plain(lines[i]) && strlen(lines[i]) <= 256);
        for (size_t i = 0; i < ELEMENTSOF(urls); i++)
                check_url(urls[i]);
        for (size_t i = 0; i < ELEMENTSOF(urls); i++)
                FUZZ_CHECK(!strchr(urls[i], '\'')); /* of attributes in either kind of quotes */
        FUZZ_CHECK(*d->url && *d->id && config_is_node_id(d->id));
        FUZZ_CHECK(d->revenue_share <= 100 && d->type < _NODE_TYPE_MAX && d->n_keys <= NODE_KEYS_MAX);
        FUZZ_CHECK(d->text_size <= NODE_DOCUMENT_MAX && strlen(d->text) == d->text_size);
        FUZZ_CHECK(d->is_signed == (d->n_keys > 0));
}

/* What was kept is read again as the same. */
static void check_kept(const NodeDocument *d)
{
        _cleanup_(node_document_freep) NodeDocument *again = NULL;

        FUZZ_CHECK(node_document_parse(d->text, d->text_size, &again, NULL) >= 0);
        FUZZ_CHECK(streq(d->id, again->id) && streq(d->name, again->name) && streq(d->url, again->url));
        FUZZ_CHECK(streq(d->operator_name, again->operator_name) && streq(d->location, again->location));
        FUZZ_CHECK(d->revenue_share == again->revenue_share && d->accepts_share == again->accepts_share);
        FUZZ_CHECK(d->type == again->type && d->n_keys == again->n_keys);
        FUZZ_CHECK(node_document_same(d, again));
}

/* Only our key's word counts as ours, whatever the document lists and claims. */
static void check_signature(const NodeDocument *d)
{
        _cleanup_json_ json_t *j = node_document_json(d);
        _cleanup_(node_document_freep) NodeDocument *ours = NULL, *other = NULL;
        _cleanup_free_ char *half = NULL;
        int error;

        (void) node_document_verify(d, NOW, NULL);
        (void) node_document_key(d, "k", NOW, &error);
        FUZZ_CHECK(j && base64_encode(key->public_key, SIGN_PUBLIC_SIZE, &half) >= 0);
        json_object_del(j, "signatures");
        json_object_del(j, "valid_until_ts");
        json_object_del(j, "version_ts");
        json_object_set_new(j, "keys", json_pack("{s:{s:s}}", "ed25519:k", "key", half));
        if (sign_json(j, d->id, key, NULL) < 0 || node_document_read(j, &ours, NULL) < 0)
                return; /* a real number in it, or it has grown too large */
        FUZZ_CHECK(ours->is_signed && node_document_verify(ours, NOW, NULL) == 0);
        FUZZ_CHECK(node_document_succeeds(ours, ours, NOW, NULL) == 1);
        if (d->is_signed &&
            streq(d->id,
                  ours->id)) { /* from another's key to ours: never; ours to another's: by our key alone */
                FUZZ_CHECK(node_document_lists(d, key->public_key) ||
                           node_document_succeeds(d, ours, NOW, NULL) < 0);
                FUZZ_CHECK(node_document_lists(d, key->public_key) ||
                           node_document_succeeds(ours, d, NOW, NULL) < 0);
        }
        json_object_set_new(j, "name", json_string("somebody else"));
        if (node_document_read(j, &other, NULL) >= 0 && !streq(d->name, "somebody else"))
                FUZZ_CHECK(node_document_verify(other, NOW, NULL) == -EBADMSG);
}

/* A registry as a supervisor reads it: whatever stands in it, and this document as its only node. */
static void check_registry(const char *data, size_t size)
{
        _cleanup_(registry_freep) Registry *r = NULL;
        Error e = {""};

        if (registry_parse(data, size, &r, &e) < 0) {
                FUZZ_CHECK(e.text[0] && fuzz_is_plain(e.text));
                return;
        }
        FUZZ_CHECK(fuzz_is_plain(r->unfit));
        for (size_t i = 0; i < r->n_nodes; i++) {
                const RegistryNode *n = &r->nodes[i];

                FUZZ_CHECK(*n->id && *n->url && registry_find(r, n->id) == n);
                check_url(n->url);
                check_url(n->fallback_url);
                check_url(n->api);
        }
}

static void check_as_entry(const NodeDocument *d)
{
        _cleanup_json_ json_t *j = node_document_json(d), *registry = NULL;
        _cleanup_free_ char *text = NULL;

        FUZZ_CHECK(j);
        json_object_set_new(j, "status", json_string("active"));
        registry = json_pack("{s:[O]}", "nodes", j);
        FUZZ_CHECK(registry && json_print(registry, &text) >= 0);
        check_registry(text, strlen(text));
}

static void check_ring(const char *text)
{
        _cleanup_(key_ring_freep) KeyRing *ring = NULL, *again = NULL;
        _cleanup_(secret_freep) char *printed = NULL, *twice = NULL;
        Error e = {""};

        if (key_ring_parse(text, &ring, &e) < 0) {
                FUZZ_CHECK(fuzz_is_plain(e.text) && e.text[0]);
                return;
        }
        FUZZ_CHECK(key_ring_print(ring, &printed) >= 0 && key_ring_parse(printed, &again, NULL) >= 0);
        FUZZ_CHECK(key_ring_print(again, &twice) >= 0 && streq(printed, twice));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(node_document_freep) NodeDocument *d = NULL;
        Error e = {""};
        char *text = malloc(size + 1);
        int r = node_document_parse((const char *) data, size, &d, &e);

        FUZZ_CHECK(text);
        memcpy(text, data, size);
        text[size] = '\0';
        if (r >= 0) {
                check_document(d);
                check_kept(d);
                check_signature(d);
                check_as_entry(d);
        } else
                FUZZ_CHECK((r == -EINVAL || r == -E2BIG) && e.text[0] && fuzz_is_plain(e.text) && !d);
        check_ring(text);
        check_registry(text, size); /* terminated, as it is wanted */
        free(text);
        return 0;
}
