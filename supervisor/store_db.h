/* SPDX-License-Identifier: MIT */
/* The store's SQL. Everything here runs in the worker's thread and may block. store_db.c writes, store_load.c and
 * store_read.c read. */
#pragma once

#include "base/db.h"
#include "supervisor/store_batch.h"

typedef struct StoreDb StoreDb;

int store_db_new(const char *path, StoreDb **ret); /* opens nothing yet */
StoreDb *store_db_free(StoreDb *db);
DEFINE_CLEANUP(StoreDb, store_db_free)

/* Nothing was ever stored: there is no file, or nothing in it. Before the first open. */
bool store_db_is_blank(const StoreDb *db);
/* Creates the file when there is none. On failure nothing stays open. */
int store_db_open(StoreDb *db, Error *e);
void store_db_close(StoreDb *db);
sqlite3 *store_db_handle(const StoreDb *db); /* NULL: not open */

/* Reads all that is wanted at a start into ret, zeroed by the caller, who clears it in any case. Closes the database, as
 * it is, when it proves corrupt. */
int store_db_load(StoreDb *db, StoreLoaded *ret, Error *e);
void store_loaded_clear(StoreLoaded *l);

/* One transaction. */
int store_db_write(StoreDb *db, const StoreBatch *b, Error *e);
/* Work that no commit should have to wait for: copies the log into the database, deletes what is too old, a little at
 * a time. */
bool store_db_wants_upkeep(const StoreDb *db);
void store_db_upkeep(StoreDb *db);

/* As store.h has them; -ENOTCONN when the database is not open. */
int store_db_read_history(StoreDb *db, unsigned limit, json_t **ret, Error *e);
int store_db_read_change(StoreDb *db, const char *id, json_t **ret, Error *e); /* id NULL: the newest */
int store_db_read_hours(StoreDb *db, uint64_t since_wall_usec, json_t **ret, Error *e);

/* The columns of a change, and the row under the statement: its strings live until the next step. */
#define STORE_CHANGE_COLUMNS                                                                           \
        "id, at, from_mode, to_mode, cause, rule, reason, automatic, durable, config_hash, evidence, " \
        "previous, hash"
void store_change_columns(sqlite3_stmt *stmt, ChangeRecord *ret, const char **ret_previous,
                          const char **ret_hash);
#define STORE_DELIVERY_COLUMNS                                                                            \
        "id, change, action, type, target, kind, event, facts, state, message, attempts, created, next, " \
        "finished"
void store_delivery_columns(sqlite3_stmt *stmt, DeliveryRecord *ret);
/* Never NULL: "" for null and when out of memory. Lives until the next step. */
const char *store_column(sqlite3_stmt *stmt, int i);
