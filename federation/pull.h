/* SPDX-License-Identifier: MIT */
/* Fetching other nodes' catalogs into copies: of accepted nodes only, one at a time of each and few at once, the new one in place of
 * the old only when it came whole. */
#pragma once

#include "base/httpd.h"
#include "base/json.h"
#include "federation/copies.h"

typedef struct Federation Federation;
typedef struct Puller Puller;

int puller_new(Federation *f, Puller **ret);
/* After the store, before the copies, the routes and the fetch client; who waits is answered 503. */
Puller *puller_free(Puller *p);
DEFINE_CLEANUP(Puller, puller_free)
/* Who belongs to the network, or the configuration, is another: others' copies go. */
void puller_settle(Puller *p);

/* POST /federation/pull: answers at once, or when it has ended, or after a few seconds that it goes on. */
void puller_serve(Puller *p, HttpRequest *r, const char *source_url, bool force);
/* All that are searched; how many are under way for it. urgent: by the operator, who need not wait for limits.pull_interval. */
unsigned puller_sync(Puller *p, bool force, bool urgent);
/* One, by id. -ENOENT: nobody of that name belongs to the network. */
int puller_sync_one(Puller *p, const char *id, bool force);
/* For `failoverctl sync`: {"running": n, "sync": number of the last one, "copies_bytes", "pulls": [{"node", "name", "url", "sync": the last
 * one that it was in, "state": waiting, running, added,
 * unchanged, failed or none, "error", "seconds", "bytes": so far, "copy": {"listings", "refused", "transactions", "users", "bytes", "hash",
 * "made", "lastSync"} or null}]}, in the order of ids. NULL: no memory. */
json_t *puller_document(const Puller *p);

json_t *copy_document(const Copy *c); /* as there; null when it is NULL */

typedef struct PullerCounts {
        uint64_t added, unchanged, failed, refused, bytes, listings;
        unsigned running, waiting;
} PullerCounts;
void puller_counts(const Puller *p, PullerCounts *ret);
