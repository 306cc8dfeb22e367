/* SPDX-License-Identifier: MIT */
/* SQLite, used in a worker's thread only: opening with our durability settings, versions, statements. */
#pragma once

#include "base/error.h"

#include <sqlite3.h>

typedef struct DbMigration {
        const char *sql; /* brings the schema from version i to i + 1; run in one transaction */
} DbMigration;

/* Opens or creates path (mode 0600 whatever the umask) with WAL, synchronous=FULL (asserted by reading the pragmas
 * back), foreign keys, persistent WAL grown ahead to wal_reserve bytes (and as much kept free inside the file: commits
 * need no new space until that is used up; 0: no reserve), checkpoint RESTART never TRUNCATE, application_id (not 0) as
 * given. Other processes cannot open it meanwhile. Applies the migrations that are missing. A reserve that finds no space is no failure. -EUCLEAN: corrupt,
 * another application's, or a log whose database is gone; -EPROTONOSUPPORT: from a newer version; nothing is ever
 * overwritten. Other codes by db_error(). Only files up to 16 MiB are checked as a whole at the start. */
int db_open(const char *path, uint32_t application_id, const DbMigration *migrations, size_t n_migrations,
            size_t wal_reserve, sqlite3 **ret, Error *e);
/* The same for a file that several processes and threads use at once: ordinary locks (five seconds' patience), no reserve;
 * the log goes when the last one closes. setup() comes before the schema is made: for the functions and tokenizers that it
 * names. NULL: none. Who writes copies the log into the database itself now and then. */
typedef int (*DbSetup)(sqlite3 *db, Error *e);
int db_open_shared(const char *path, uint32_t application_id, const DbMigration *migrations,
                   size_t n_migrations, DbSetup setup, sqlite3 **ret, Error *e);
sqlite3 *db_close(sqlite3 *db); /* all statements finalized; NULL is fine; returns NULL */

/* SQLite's code as negative errno: FULL -ENOSPC, IOERR -EIO, BUSY and LOCKED -EBUSY, CORRUPT and NOTADB -EUCLEAN,
 * READONLY -EROFS, CANTOPEN -ENOENT or the system's errno, NOMEM -ENOMEM, CONSTRAINT -EEXIST. With text when e. */
int db_error(sqlite3 *db, int code, Error *e);

int db_exec(sqlite3 *db, const char *sql, Error *e);
int db_begin(sqlite3 *db, Error *e);  /* IMMEDIATE; what was begun and not ended is rolled back */
int db_commit(sqlite3 *db, Error *e); /* a failure rolls back */
void db_rollback(sqlite3 *db);

/* Prepares sql and binds the arguments in order, by letter: i int64_t, r double, s const char * (NULL: null),
 * b const void * and size_t, n null. */
int db_prepare(sqlite3 *db, sqlite3_stmt **ret, Error *e, const char *sql, const char *types, ...);
/* 1: a row; 0: done; negative: error. */
int db_step(sqlite3_stmt *stmt, Error *e);
/* Prepare, bind, step to the end, finalize. */
int db_run(sqlite3 *db, Error *e, const char *sql, const char *types, ...);

static inline void stmt_finalizep(sqlite3_stmt **s)
{
        sqlite3_finalize(*s);
}
#define _cleanup_stmt_ _cleanup_(stmt_finalizep)
/* Column i as malloc'ed text; NULL for null or when out of memory. */
char *db_column_text(sqlite3_stmt *stmt, int i);
