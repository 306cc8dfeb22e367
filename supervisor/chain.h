/* SPDX-License-Identifier: MIT */
/* The chain of changes: each one's hash covers the one before it, so that nobody edits the past unseen. */
#pragma once

#include "supervisor/store.h"

#define CHAIN_GENESIS "" /* stands where the first change has no predecessor */

/* Hex SHA-256 over the canonical JSON (base/json.h) of
 * {"at","automatic","cause","config_hash","durable","evidence","from","id","operator_reason","previous","rule","to"}:
 * at in microseconds, evidence as the stored text, previous the hash of the change before. -ENOMEM. */
int chain_hash(const ChangeRecord *change, const char *previous, char ret[static STORE_HASH_SIZE]);

/* One change after the other, oldest first: does each follow from the one before? */
typedef struct ChainWalk {
        char hash[STORE_HASH_SIZE]; /* of the last one */
        bool begun;
} ChainWalk;

/* 0; -EBADMSG with words that name the change; -ENOMEM. complete: the walk begins at the very first change. */
int chain_walk(ChainWalk *w, bool complete, const ChangeRecord *change, const char *previous,
               const char *hash, Error *e);
