/* SPDX-License-Identifier: MIT */
/* Who this node is, provably: its keys, and the signed node document that it serves at /.well-known/aan-node.json and registers
 * elsewhere. Secrets are read by the thread that loads the configuration, never on the loop. */
#pragma once

#include "federation/node_document.h"

typedef struct Identity Identity;
/* From configuration and key files (config_read_files() has read them). Without node.key_file there is an identity that cannot
 * sign: identity_key() is NULL, and identity_trouble() says why. facts of the catalog come with identity_refresh(). */
int identity_new(const Config *config, Identity **ret, Error *e);
Identity *identity_free(Identity *i);
DEFINE_CLEANUP(Identity, identity_free)

const SignKey *identity_key(const Identity *i);  /* the one in force; NULL */
const char *identity_trouble(const Identity *i); /* why there is none; "" */
const char *identity_id(const Identity *i);
/* The document, signed when it can be; printed anew when what it says, or its validity, has changed. Borrowed until the loop goes
 * on. */
const char *identity_document(Identity *i, uint64_t books, uint64_t categories, uint64_t now_usec);
