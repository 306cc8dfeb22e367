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
                /* ledger_db.c. Referrals: side 0: we sent the buyer, and peer owes us; 1: peer sent the buyer, and we owe it. */
                {"CREATE TABLE referral ("
                 " side INTEGER NOT NULL,"
                 " id TEXT NOT NULL," /* ULID, the same on both sides; its date is the referral's */
                 " peer TEXT NOT NULL,"
                 " book TEXT NOT NULL,"
                 " price_minor INTEGER," /* null: not known */
                 " currency TEXT NOT NULL,"
                 " pct INTEGER NOT NULL,"
                 " share_minor INTEGER,"
                 " state TEXT NOT NULL," /* open, unconfirmed, confirmed, denied, paid, refunded */
                 " url TEXT NOT NULL,"
                 " reason TEXT NOT NULL,"
                 " settled INTEGER, refunded INTEGER,"                /* wall, microseconds */
                 " due INTEGER, until INTEGER,"                       /* when the other side is to be told */
                 " attempts INTEGER NOT NULL, told INTEGER NOT NULL," /* told: it has what we have */
                 " changed INTEGER NOT NULL,"
                 " once TEXT," /* of a page that asks twice */
                 " PRIMARY KEY (side, id)) STRICT, WITHOUT ROWID;"
                 "CREATE INDEX referral_due ON referral(due) WHERE due IS NOT NULL;"
                 "CREATE UNIQUE INDEX referral_once ON referral(once) WHERE once IS NOT NULL;"},
                /* announcer.c: registries in which this node stands by the operator's command. */
                {"CREATE TABLE registry ("
                 " url TEXT PRIMARY KEY,"
                 " registered INTEGER NOT NULL) STRICT;"}, /* wall, microseconds */
                /* inbox_keep.c. What was seen of each node's notices; it is never taken out, or old ones would be news again. */
                {"CREATE TABLE notice ("
                 " node TEXT PRIMARY KEY,"
                 " seq INTEGER NOT NULL,"    /* the highest */
                 " ids BLOB NOT NULL,"       /* of the last ones, hashed: 16 bytes each */
                 " failed INTEGER NOT NULL," /* it is in fallback, by its own word */
                 " url TEXT NOT NULL,"       /* where its buyers go meanwhile; '': nowhere */
                 " since INTEGER NOT NULL,"  /* wall, microseconds, as it says */
                 " said INTEGER NOT NULL) STRICT, WITHOUT ROWID;"},
                /* copies.c. Whose catalogs we have a copy of, and in which file of <state>/copies. */
                {"CREATE TABLE copy ("
                 " node TEXT PRIMARY KEY,"
                 " file TEXT NOT NULL,"
                 " hash TEXT NOT NULL,"
                 " generation INTEGER NOT NULL,"
                 " listings INTEGER NOT NULL, refused INTEGER NOT NULL,"
                 " transactions INTEGER NOT NULL, users INTEGER NOT NULL," /* counted, never kept */
                 " bytes INTEGER NOT NULL,"
                 " made INTEGER NOT NULL, seen INTEGER NOT NULL" /* wall, microseconds */
                 ") STRICT;"},
                /* audit.c: the last row once more, so that a log whose end was cut off does not look whole. */
                {"CREATE TABLE audit_head ("
                 " one INTEGER PRIMARY KEY CHECK (one = 1),"
                 " n INTEGER NOT NULL,"
                 " hash BLOB NOT NULL) STRICT;"
                 "INSERT INTO audit_head SELECT 1, n, hash FROM audit ORDER BY n DESC LIMIT 1;"},
};
const size_t store_n_migrations = ELEMENTSOF(store_migrations);
