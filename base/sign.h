/* SPDX-License-Identifier: MIT */
/* Ed25519 keys and signed JSON as in the Matrix specification, appendix "Signing JSON". */
#pragma once

#include "base/json.h"

#define SIGN_PUBLIC_SIZE    32
#define SIGN_SECRET_SIZE    64
#define SIGN_SIGNATURE_SIZE 64

typedef struct SignKey {
        char id[64];                      /* the part after "ed25519:" */
        uint8_t secret[SIGN_SECRET_SIZE]; /* libsodium's form: seed and public key */
        uint8_t public_key[SIGN_PUBLIC_SIZE];
} SignKey;

int sign_key_generate(const char *id, SignKey **ret); /* id NULL: eight characters from the public key */
/* The file: one line "ed25519 <key id> <unpadded base64 of the 32-byte seed>", as Matrix servers keep theirs. */
int sign_key_parse(const char *text, SignKey **ret, Error *e);
int sign_key_print(const SignKey *key, char **ret_text); /* secret: free with secret_free() */
SignKey *sign_key_free(SignKey *key);                    /* wipes */
DEFINE_CLEANUP(SignKey, sign_key_free)

/* Adds signatures[name]["ed25519:" id] to object; other signatures stay. `unsigned` is not covered. */
int sign_json(json_t *object, const char *name, const SignKey *key, Error *e);
/* 0: good. -ENOKEY: no such signature. -EBADMSG: does not verify. -EINVAL: not signable. The key is the caller's:
 * never one that the message brings. */
int verify_json(const json_t *object, const char *name, const char *key_id,
                const uint8_t public_key[static SIGN_PUBLIC_SIZE], Error *e);

/* Unpadded standard base64, as Matrix has it; decoding accepts padding too. */
int base64_encode(const void *data, size_t size, char **ret);
int base64_decode(const char *text, void *data, size_t size_max, size_t *ret_size);
void hex_encode(char *buffer, const void *data, size_t size); /* 2 * size + 1 bytes, lower case */

#define SHA256_SIZE 32
void sha256(const void *data, size_t size, uint8_t ret[static SHA256_SIZE]);
/* HMAC-SHA-256 over the concatenation of data, for Standard Webhooks (https://www.standardwebhooks.com). */
void hmac_sha256(const void *key, size_t key_size, const void *data, size_t size, uint8_t ret[static 32]);
