/* SPDX-License-Identifier: MIT */
/* Who this node is, provably: its keys, and the signed node document that it serves at /.well-known/aan-node.json and registers
 * elsewhere. Secrets are read by the thread that loads the configuration, never on the loop. */
#pragma once

#include "federation/node_document.h"

/* So long a document is valid; it is printed anew every day. */
#define IDENTITY_VALID_USEC (90 * USEC_PER_DAY)
#define IDENTITY_PRINT_USEC USEC_PER_DAY

typedef struct Identity Identity;
/* Takes config->ring over, and borrows config until the next one. Without node.key_file, or when the file could never be read, there
 * is an identity that cannot sign: identity_key() is NULL. identity_trouble() says what is wrong, also while it goes on with the keys
 * that it had before a reload. */
int identity_new(Config *config, Identity **ret);
void identity_configure(Identity *i, Config *config); /* after a reload; cannot fail */
Identity *identity_free(Identity *i);
DEFINE_CLEANUP(Identity, identity_free)

const SignKey *identity_key(const Identity *i);  /* the one in force; NULL */
const KeyRing *identity_ring(const Identity *i); /* all of them; NULL */
const char *identity_trouble(const Identity *i); /* "": none */
const char *identity_id(const Identity *i);
/* The document, signed when it can be; printed anew when what it says has changed, or a day has passed. Borrowed until the next call,
 * with its size; NULL: no memory. */
const char *identity_document(Identity *i, uint64_t books, uint64_t categories, uint64_t now_usec,
                              size_t *ret_size);
/* Its version_ts in microseconds: grows whenever it is printed anew. 0: it has not been printed. */
uint64_t identity_version(const Identity *i);
/* For /v1/status: {"key_id", "public_key", "next": {…}, "former": […], "trouble", "document": {"version", "valid_until"}}. */
json_t *identity_to_json(const Identity *i);
