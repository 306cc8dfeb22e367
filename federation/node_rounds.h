/* SPDX-License-Identifier: MIT */
/* Goes round the other nodes and reads their documents: at once when none is known (a configured peer's key, the proof of who
 * registered under `registration: open`), else soon after a start and every network.document_interval (1h), so that a change of keys is seen. Never
 * because a message names a key. Says in the log when a document is about to run out. */
#pragma once

#include "federation/federation.h"

#define NODE_WARNING_USEC (14 * USEC_PER_DAY) /* before a document runs out */

typedef struct NodeRounds NodeRounds;
/* f has members and fetch. It follows members_on_change(). */
int node_rounds_new(Federation *f, NodeRounds **ret);
NodeRounds *node_rounds_free(NodeRounds *n);
DEFINE_CLEANUP(NodeRounds, node_rounds_free)
void node_rounds_configure(NodeRounds *n); /* after a reload: who is new is looked at */
/* Looks at this one now, whatever its turn: `failoverctl nodes` has changed what is known of it, say. */
void node_rounds_soon(NodeRounds *n, const char *id);

typedef struct NodeRoundsCounts {
        uint64_t fetched, failed; /* so far: documents that were good; that were not, or not there */
        size_t running;
        size_t known, expiring,
                        expired; /* documents of accepted nodes; of them, within NODE_WARNING_USEC; already */
} NodeRoundsCounts;
void node_rounds_counts(const NodeRounds *n, NodeRoundsCounts *ret);
/* For /v1/status: the counts, and "expiring": [{"id", "valid_until"}], 20 at most. */
json_t *node_rounds_to_json(const NodeRounds *n);
