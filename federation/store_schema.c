/* SPDX-License-Identifier: MIT */
/* What federation.db looks like, version by version. Released ones never change: what is new comes at the end. */
#include "federation/store.h"

const DbMigration store_migrations[] = {
                /* audit.c. A row says what happened, and its hash covers the row before: what is changed or taken out is seen. */
                {"CREATE TABLE audit ("
                 " n INTEGER PRIMARY KEY,"
                 " at INTEGER NOT NULL," /* wall, microseconds */
                 " event TEXT NOT NULL," /* node-accepted, notice-applied, referral-made, … */
                 " node TEXT NOT NULL,"  /* whom it is about; '' for this node itself */
                 " actor TEXT NOT NULL," /* who did it: an address, a user of this machine, a node, or 'federationd' */
                 " detail TEXT NOT NULL," /* one line for people */
                 " hash BLOB NOT NULL) STRICT;"
                 "CREATE TRIGGER audit_keeps BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log "
                 "is "
                 "append-only'); END;"
                 "CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log "
                 "is "
                 "append-only'); END;"},
};
const size_t store_n_migrations = ELEMENTSOF(store_migrations);
