/* SPDX-License-Identifier: MIT */
/* POST /api/network/messages: notices of other nodes come in, are verified, and take effect at once: buyers and searches of a node
 * that has failed go to its fallback (peers.h). Nothing that a node says changes this node's own mode, and nothing is passed on.
 *
 * What was seen of a node, and whether it is in fallback, is kept in federation.db, and is there before 200 is said. Who is not
 * accepted any more, or is given another key, is in fallback no longer; his mark stays. */
#pragma once

#include "base/httpd.h"
#include "federation/peers.h"

typedef struct Federation Federation;
typedef struct Inbox Inbox;

/* After store, members, peers and searcher, which it holds back (searcher_hold()) until what was known has been read. loaded() is
 * called once, when it has been, or cannot be. */
int inbox_new(Federation *f, void (*loaded)(void *userdata), void *userdata, Inbox **ret);
Inbox *inbox_free(Inbox *i); /* after the store; who waits is answered 503 */
DEFINE_CLEANUP(Inbox, inbox_free)
void inbox_take(Inbox *i, HttpRequest *r); /* consumes the request */

typedef struct NodeFallback {
        const char *url;     /* where its buyers go; "": nowhere */
        uint64_t since_usec; /* wall, as it says */
        uint64_t said_usec;  /* wall: when it said so */
} NodeFallback;
/* Is this node, peer or not, in fallback by its own word? Borrowed until the loop goes on. */
bool inbox_fallback(const Inbox *i, const char *node, NodeFallback *ret);
uint64_t inbox_generation(const Inbox *i); /* another one whenever that is another for any node */
/* Called whenever a node's answer to that has changed, after peers know it. */
void inbox_on_change(Inbox *i, void (*fn)(const char *node, void *userdata), void *userdata);
/* Looks who is still a member: after a reload. */
void inbox_review(Inbox *i);
/* The operator says that it is back. -ENOENT: it is not in fallback. */
int inbox_end(Inbox *i, const char *node, const char *actor, const char *why);

/* Results of notices, for /metrics: by the words of notices and refusals. */
void inbox_counts(const Inbox *i, void (*fn)(const char *result, uint64_t n, void *userdata), void *userdata);
/* Signatures that were verified, and the time that this took. */
void inbox_spent(const Inbox *i, uint64_t *ret_verified, uint64_t *ret_usec);
