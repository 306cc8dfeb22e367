/* SPDX-License-Identifier: MIT */
/* SHA-256 of what comes in pieces. */
#include "base/hash.h"

#include <errno.h>
#include <openssl/evp.h>
#include <sodium.h>

struct Hash {
        EVP_MD_CTX *context;
        bool failed;
};

int hash_new(Hash **ret)
{
        _cleanup_(hash_freep) Hash *h = calloc(1, sizeof(*h));

        assert(ret);

        if (!h)
                return -ENOMEM;
        h->context = EVP_MD_CTX_new();
        if (!h->context || EVP_DigestInit_ex(h->context, EVP_sha256(), NULL) != 1)
                return -ENOMEM;
        *ret = TAKE_PTR(h);
        return 0;
}

Hash *hash_free(Hash *h)
{
        if (!h)
                return NULL;
        EVP_MD_CTX_free(h->context);
        free(h);
        return NULL;
}

void hash_add(Hash *h, const void *data, size_t size)
{
        assert(h && (data || size == 0));

        if (size > 0 && EVP_DigestUpdate(h->context, data, size) != 1)
                h->failed = true;
}

char *hash_end(Hash *h, char ret[static HASH_HEX_SIZE])
{
        unsigned char hash[32];

        assert(h);

        h->failed = EVP_DigestFinal_ex(h->context, hash, NULL) != 1 || h->failed;
        ret[0] = '\0';
        if (!h->failed)
                sodium_bin2hex(ret, HASH_HEX_SIZE, hash, sizeof(hash));
        h->failed = EVP_DigestInit_ex(h->context, EVP_sha256(), NULL) != 1;
        return ret;
}
