/* SPDX-License-Identifier: MIT */
/* SHA-256 of what comes in pieces: OpenSSL's, which uses the processor's own instructions and is four times as fast as others. */
#pragma once

#include "base/macro.h"

#define HASH_HEX_SIZE 65

typedef struct Hash Hash;
int hash_new(Hash **ret);
Hash *hash_free(Hash *h);
DEFINE_CLEANUP(Hash, hash_free)
void hash_add(Hash *h, const void *data, size_t size);
/* In hexadecimal, lower case; it begins anew. Returns ret, which is "" when anything has failed. */
char *hash_end(Hash *h, char ret[static HASH_HEX_SIZE]);
