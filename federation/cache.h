/* SPDX-License-Identifier: MIT */
/* Answers to questions, kept while the catalogs they came from have not changed: least recently used goes first, bounded in
 * bytes. Pure. A partial answer is never put in. */
#pragma once

#include "base/macro.h"

typedef struct Cache Cache;

/* misses: there was none, or (stale, counted in both) of another generation or too old. evicted: for room. */
typedef struct CacheCounts {
        uint64_t hits, misses, stale, evicted;
        size_t bytes, entries;
} CacheCounts;

/* bytes_max or ttl_usec 0: nothing is kept. Bytes count keys, values and their bookkeeping. */
int cache_new(size_t bytes_max, uint64_t ttl_usec, Cache **ret);
Cache *cache_free(Cache *c);
DEFINE_CLEANUP(Cache, cache_free)
/* generation: of all catalogs that the answer came from, see peers_generation(); another one than it was put in with makes
 * an entry stale. Borrowed until the next call, with a terminator behind it; NULL: none. */
const char *cache_get(Cache *c, const char *key, uint64_t generation, uint64_t now_usec, size_t *ret_size);
/* Copies; what was there under this key goes, whatever comes of it. What is larger than an eighth of the whole is not kept. Without memory, neither. */
void cache_put(Cache *c, const char *key, uint64_t generation, const void *value, size_t size,
               uint64_t now_usec);
void cache_clear(Cache *c);
/* New bounds, at once. */
void cache_configure(Cache *c, size_t bytes_max, uint64_t ttl_usec);
void cache_counts(const Cache *c, CacheCounts *ret);
