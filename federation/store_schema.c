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
                /* member_store.c. */
                {"CREATE TABLE member ("
                 " id TEXT PRIMARY KEY,"
                 " state INTEGER NOT NULL,"      /* MemberState: what it is when it is not configured */
                 " proven INTEGER NOT NULL,"     /* its document was found at its url, or its key was given */
                 " unpinned INTEGER NOT NULL,"   /* keys of its document do not count any more */
                 " given BLOB,"                  /* the key that the operator gave */
                 " origin BLOB NOT NULL,"        /* who registered it: 16 bytes */
                 " registered INTEGER NOT NULL," /* wall, microseconds */
                 " changed INTEGER NOT NULL,"
                 " accepted INTEGER NOT NULL,"
                 " document TEXT) STRICT;"}, /* JSON */
};
const size_t store_n_migrations = ELEMENTSOF(store_migrations);
