/* SPDX-License-Identifier: MIT */
/* The append-only log of every registry, trust and money event, in federation.db: written in the transaction of what it tells
 * of, so that neither is there without the other. Each row's hash covers the one before; number and hash of the
 * last stand in audit_head once more. */
#pragma once

#include "base/db.h"
#include "base/json.h"
#include "base/sign.h"

typedef struct AuditEntry {
        const char *event;  /* a word with dashes: "node-accepted" */
        const char *node;   /* whom it is about; NULL: this node */
        const char *actor;  /* who did it: an address, "uid 1000", a node's id; NULL: this program */
        const char *detail; /* one line, as people read it; made plain and cut to AUDIT_DETAIL_MAX. NULL: "" */
} AuditEntry;
#define AUDIT_DETAIL_MAX 500

/* In a StoreJob's run(). */
int audit_add(sqlite3 *db, const AuditEntry *entry, Error *e);
/* The newest first, below number `before` (0: all): [{"n","at","event","node","actor","detail","hash"}]; NULL with the reason in *e. */
json_t *audit_list(sqlite3 *db, uint64_t before, unsigned limit, Error *e);
/* Walks the chain, and looks whether it ends where audit_head says. 0: whole, *ret_n its last row (0: none) and ret_hash that
 * row's hash, which an operator may keep elsewhere; -EBADMSG: *ret_n is the first row whose hash is wrong or which is missing. */
int audit_check(sqlite3 *db, uint64_t *ret_n, uint8_t ret_hash[static SHA256_SIZE], Error *e);
