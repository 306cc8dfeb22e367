/* SPDX-License-Identifier: MIT */
/* The registry as others read it: AAN/1.0 as JSON text, put together from what is kept of each node without parsing it anew (10,000 nodes
 * in some 20 ms). What strangers wrote is made fit to be shown; what a node says of its own standing (status, verified, joined) is
 * replaced by what is known here. */
#pragma once

#include "base/text.h"
#include "federation/federation.h"

/* market: with nodeUrl, nodeId, region, contactEmail, lastSyncAt, the names that cooperative markets know. */
void registry_add_node(Text *t, const Federation *f, const Member *member, bool market);
/* The array: this node, then all but banned ones, in the order of their ids. */
void registry_add_nodes(Text *t, const Federation *f, bool market);
/* The whole of /network-registry.json. */
void registry_add(Text *t, const Federation *f, uint64_t updated_usec);
/* Another one whenever any of that but `updated` may be. */
uint64_t registry_stamp(const Federation *f);

/* "active", "fallback", "suspect", "failed" by own measurement; "pending", "banned". */
const char *registry_status(const Federation *f, const Member *member);

/* registry_metrics.c */
void registry_add_metrics(Text *t, const Federation *f);
json_t *registry_to_json(const Federation *f); /* for /v1/status */
