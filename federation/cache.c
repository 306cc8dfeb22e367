/* SPDX-License-Identifier: MIT */
/* Answers to questions: a hash table, and a list in the order of last use. */
#include "federation/cache.h"

#include <sodium.h>
#include <sys/queue.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* What an entry costs beside itself: its share of the buckets, and what malloc() adds. */
#define BOOKKEEPING 48

typedef struct Entry {
        UT_hash_handle hh;
        TAILQ_ENTRY(Entry) used;
        uint64_t generation, put_usec;
        size_t key_size, size;
        char data[]; /* the key, then the value, each with a terminator */
} Entry;

struct Cache {
        Entry *table;
        TAILQ_HEAD(EntryList, Entry) used; /* the last used first */
        size_t bytes_max;
        uint64_t ttl_usec;
        CacheCounts counts;
        unsigned char seed
                        [crypto_shorthash_KEYBYTES]; /* nobody shall choose questions that meet in one bucket */
};

int cache_new(size_t bytes_max, uint64_t ttl_usec, Cache **ret)
{
        assert(ret);

        if (sodium_init() < 0)
                return -EIO;
        Cache *c = calloc(1, sizeof *c);
        if (!c)
                return -ENOMEM;
        TAILQ_INIT(&c->used);
        crypto_shorthash_keygen(c->seed);
        cache_configure(c, bytes_max, ttl_usec);
        *ret = c;
        return 0;
}

static unsigned hash(const Cache *c, const char *key, size_t size)
{
        unsigned char out[crypto_shorthash_BYTES];
        unsigned h;

        crypto_shorthash(out, (const unsigned char *) key, size, c->seed);
        memcpy(&h, out, sizeof h);
        return h;
}

static Entry *find(Cache *c, const char *key, size_t size)
{
        Entry *e = NULL;

        HASH_FIND_BYHASHVALUE(hh, c->table, key, size, hash(c, key, size), e);
        return e;
}

static size_t bytes_of(size_t key_size, size_t size)
{
        return sizeof(Entry) + BOOKKEEPING + key_size + 1 + size + 1;
}

static void drop(Cache *c, Entry *e)
{
        c->counts.bytes -= bytes_of(e->key_size, e->size);
        c->counts.entries--;
        HASH_DEL(c->table, e); /* NOLINT(clang-analyzer-core.NullDereference): it cannot see uthash's list */
        TAILQ_REMOVE(&c->used, e, used);
        free(e);
}

static void make_room(Cache *c, size_t bytes)
{
        while (c->counts.bytes + bytes > c->bytes_max && !TAILQ_EMPTY(&c->used)) {
                drop(c, TAILQ_LAST(&c->used, EntryList));
                c->counts.evicted++;
        }
}

void cache_configure(Cache *c, size_t bytes_max, uint64_t ttl_usec)
{
        assert(c);

        c->bytes_max = ttl_usec > 0 ? bytes_max : 0;
        c->ttl_usec = ttl_usec;
        make_room(c, 0);
}

void cache_clear(Cache *c)
{
        assert(c);

        while (!TAILQ_EMPTY(&c->used))
                drop(c, TAILQ_FIRST(&c->used));
}

Cache *cache_free(Cache *c)
{
        if (!c)
                return NULL;
        cache_clear(c);
        free(c);
        return NULL;
}

const char *cache_get(Cache *c, const char *key, uint64_t generation, uint64_t now_usec, size_t *ret_size)
{
        assert(c);
        assert(key);
        assert(ret_size);

        Entry *e = find(c, key, strlen(key));
        if (e && (e->generation != generation || now_usec - e->put_usec >= c->ttl_usec)) {
                drop(c, e);
                c->counts.stale++;
                e = NULL;
        }
        if (!e) {
                c->counts.misses++;
                return NULL;
        }
        TAILQ_REMOVE(&c->used, e, used);
        TAILQ_INSERT_HEAD(&c->used, e, used);
        c->counts.hits++;
        *ret_size = e->size;
        return e->data + e->key_size + 1;
}

static Entry *entry_new(const char *key, size_t key_size, const void *value, size_t size)
{
        Entry *e = calloc(1, sizeof *e + key_size + 1 + size + 1);

        if (!e)
                return NULL;
        e->key_size = key_size;
        e->size = size;
        memcpy(e->data, key, key_size);
        if (size > 0)
                memcpy(e->data + key_size + 1, value, size);
        return e;
}

void cache_put(Cache *c, const char *key, uint64_t generation, const void *value, size_t size,
               uint64_t now_usec)
{
        assert(c);
        assert(key);
        assert(value || size == 0);

        size_t key_size = strlen(key);
        Entry *e = find(c, key, key_size);
        if (e)
                drop(c, e);
        if (size > c->bytes_max || bytes_of(key_size, size) > c->bytes_max / 8)
                return;
        e = entry_new(key, key_size, value, size);
        if (!e)
                return;
        e->generation = generation;
        e->put_usec = now_usec;
        make_room(c, bytes_of(key_size, size));
        HASH_ADD_KEYPTR_BYHASHVALUE(hh, c->table, e->data, key_size, hash(c, key, key_size), e);
        if (!e->hh.tbl) { /* no memory */
                free(e);
                return;
        }
        TAILQ_INSERT_HEAD(&c->used, e, used);
        c->counts.entries++;
        c->counts.bytes += bytes_of(key_size, size);
}

void cache_counts(const Cache *c, CacheCounts *ret)
{
        assert(c);
        assert(ret);

        *ret = c->counts;
}
