/* SPDX-License-Identifier: MIT */
/* The bucket as one number: when it will be full again. */
#include "base/ration.h"

#include "base/resolve.h"

#include <netinet/in.h>
#include <sodium.h>

#define PLACES 4096

struct Ration {
        uint8_t key[crypto_shorthash_KEYBYTES]; /* nobody can choose whose place he shares */
        uint64_t buckets[PLACES];
};

uint64_t ration_take(uint64_t *bucket, unsigned burst, uint64_t every_usec, uint64_t now_usec)
{
        uint64_t most = now_usec + burst * every_usec, full = MAX(*bucket, now_usec);

        assert(burst > 0);

        full = MIN(full, most) + every_usec; /* it may be beyond after a change of the limits */
        if (full > most)
                return full - most;
        *bucket = full;
        return 0;
}

bool ration_origin(const char *client, uint8_t ret[static 16])
{
        struct sockaddr_storage a;
        socklen_t size;

        memset(ret, 0, 16);
        if (address_parse(client, 0, &a, &size) < 0)
                return false;
        if (a.ss_family == AF_INET) {
                memset(ret + 10, 0xff, 2);
                memcpy(ret + 12, &((const struct sockaddr_in *) &a)->sin_addr, 4);
        } else if (a.ss_family == AF_INET6)
                memcpy(ret, &((const struct sockaddr_in6 *) &a)->sin6_addr, 8);
        return true;
}

int ration_new(Ration **ret)
{
        Ration *r = calloc(1, sizeof(*r));

        if (!r)
                return -ENOMEM;
        crypto_shorthash_keygen(r->key);
        *ret = r;
        return 0;
}

Ration *ration_free(Ration *r)
{
        free(r);
        return NULL;
}

uint64_t ration_take_of(Ration *r, const uint8_t address[static 16], unsigned burst, uint64_t every_usec,
                        uint64_t now_usec)
{
        uint64_t hash;

        static_assert(sizeof(hash) == crypto_shorthash_BYTES, "one number");
        (void) crypto_shorthash((uint8_t *) &hash, address, 16, r->key);
        return ration_take(&r->buckets[hash % PLACES], burst, every_usec, now_usec);
}
