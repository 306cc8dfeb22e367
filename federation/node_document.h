/* SPDX-License-Identifier: MIT */
/* What a node says of itself: an entry of the AAN/1.0 registry, /.well-known/aan-node.json, and the body of a registration. Signed
 * (by each key that it lists as in force) or legacy, unsigned. Pure: no network, no clock, no keys of its own.
 *
 * A signed document is the entry {id, name, url, fallbackUrl, onionUrl, api, type, paymentMethods, catalog, revenueShare,
 * operator, location, joined, checkoutUrl, mirrorOf, …} with
 *   "keys": {"ed25519:<key id>": {"key": "<unpadded base64>", "expired_ts": ms?, "revoked_ts": ms?}},
 *   "valid_until_ts": ms, "version_ts": ms (grows with every change), and "signatures": {"<id>": {"ed25519:<key id>": …}}.
 * Members that we do not know survive a round trip. */
#pragma once

#include "base/sign.h"
#include "federation/config.h"

#define NODE_DOCUMENT_MAX  (32 * 1024) /* bytes of JSON; larger is refused */
#define NODE_DOCUMENT_PATH "/.well-known/aan-node.json"
#define NODE_KEYS_MAX      16
/* So far ahead of our clock may a document's version be: one from 2099 would stand for ever. */
#define NODE_AHEAD_USEC USEC_PER_DAY

typedef struct NodeKey {
        char id[64]; /* behind "ed25519:" */
        uint8_t public_key[SIGN_PUBLIC_SIZE];
        uint64_t expired_usec; /* wall; it signs what is dated before. 0: in force */
        uint64_t revoked_usec; /* wall; not 0: nothing that it signed counts any more, whatever its date */
} NodeKey;

/* Small, since ten thousand are kept. */
typedef struct NodeDocument {
        /* Checked: valid UTF-8 without control and bidirectional characters, of bounded length; URLs are http(s), normalised as
         * those of the configuration are (config_base_url()), without user, query, fragment and final slash; checkout_url is a
         * template with a query. Absent: "". The others lie behind id, in the same allocation. */
        char *id;
        const char *name, *url, *fallback_url, *onion_url, *operator_name, *location, *checkout_url,
                        *mirror_of;
        NodeType type;
        unsigned revenue_share; /* whole per cent that it pays for a buyer who was sent there */
        bool accepts_share;
        bool is_signed; /* has keys and signatures; whether they are good: node_document_verify() */
        bool id_given;  /* else it is host and port of the url */
        NodeKey *keys;
        size_t n_keys;
        uint64_t valid_until_usec, version_usec; /* wall; 0: not said */
        /* The whole as compact JSON, for the round trip. A signed one is as it came; a legacy one has our names put beside (id, url,
         * operator, location, revenueShare). What it says of its own standing (status, verified, joined) is hearsay. */
        char *text;
        size_t text_size;
} NodeDocument;

/* Reads a parsed body. -EINVAL with the reason (which names the member); -E2BIG. */
int node_document_read(const json_t *json, NodeDocument **ret, Error *e);
int node_document_parse(const char *data, size_t size, NodeDocument **ret, Error *e);
/* The same for a NodeDocument's text that was stored: it is kept as it is. */
int node_document_restore(const char *text, size_t size, NodeDocument **ret, Error *e);
NodeDocument *node_document_free(NodeDocument *d);
DEFINE_CLEANUP(NodeDocument, node_document_free)
json_t *node_document_json(const NodeDocument *d); /* text, parsed; NULL: no memory */
/* Do they say the same? When it was registered (registeredAt) does not count. */
bool node_document_same(const NodeDocument *a, const NodeDocument *b);

/* Is it signed by a key that it lists itself, in force and not revoked at `now`, not past valid_until, and not from the future? That
 * proves nothing but that its writer has the key: who he is says whoever pins it. -ENOKEY: not signed; -EBADMSG, -EKEYEXPIRED,
 * -EKEYREVOKED. */
int node_document_verify(const NodeDocument *d, uint64_t now_usec, Error *e);
/* May `next` take the place of `pinned`, of the same id? It must pass node_document_verify(), be signed by a key that pinned lists, in
 * force (or expired less than NODE_OVERLAP_USEC ago) and not revoked there, and have a greater version_ts (or neither has one). A key that pinned has
 * revoked stays revoked, under whatever id. That pinned itself has run out (valid_until) does not matter.
 * 0: yes; 1: it is the same; -EKEYREJECTED: not by its key; -ESTALE: older; -ENOKEY: one of them is not signed; else as verify. */
#define NODE_OVERLAP_USEC (30 * USEC_PER_DAY)
int node_document_succeeds(const NodeDocument *pinned, const NodeDocument *next, uint64_t now_usec, Error *e);
/* The key of this id that may sign something dated `at`, up to valid_until. NULL: none; *ret_error says -ENOKEY, -EKEYEXPIRED,
 * -EKEYREVOKED. */
const NodeKey *node_document_key(const NodeDocument *d, const char *key_id, uint64_t at_usec, int *ret_error);
/* The same for a key given by its bytes: does the document list it, not revoked? For a key that the operator has configured. */
const NodeKey *node_document_lists(const NodeDocument *d, const uint8_t public_key[static SIGN_PUBLIC_SIZE]);
