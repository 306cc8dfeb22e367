/* SPDX-License-Identifier: MIT */
/* Fetches what another node says of itself, at /.well-known/aan-node.json below the url that is registered or configured for it. That it
 * stands there proves who holds the url, so no redirect is followed: what it leads to is somebody else's, or another url. */
#pragma once

#include "base/fetch.h"
#include "federation/node_document.h"

#define NODE_FETCH_TIMEOUT_USEC (10 * USEC_PER_SEC)

typedef struct NodeFetch NodeFetch;
typedef struct NodeFetchResult {
        int error; /* 0, or a negative errno: -ENOENT: it has none; -ENOKEY, -EKEYEXPIRED, … of node_document_verify() */
        const char *message; /* why there is none, or none that counts; for people */
        NodeDocument *document; /* signed and verified; take it by setting it to NULL, or it goes after the call. NULL on error */
} NodeFetchResult;
typedef void (*NodeFetchDone)(NodeFetch *fetch, NodeFetchResult *result, void *userdata);

/* client: guarded. trusted: the operator has written the url himself, so that an address that stands in it passes. done() is called
 * once, never from within, and may free the fetch. -EINVAL: no url. */
int node_fetch_start(FetchClient *client, const char *url, bool trusted, NodeFetchDone done, void *userdata,
                     NodeFetch **ret);
NodeFetch *node_fetch_free(NodeFetch *f);
DEFINE_CLEANUP(NodeFetch, node_fetch_free)
