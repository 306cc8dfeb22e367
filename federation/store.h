/* SPDX-License-Identifier: MIT */
/* federation.db: what of the network must survive a restart: nodes and their keys, marks of notices, money, what was pulled, the
 * audit log. One thread reads and writes it; nobody else has it open.
 *
 * A job is one transaction: what its run() wrote is there as a whole or not at all, and on the disk (synchronous=FULL) when done()
 * is called. Jobs that wait together share one commit, each in a savepoint of its own, so that a thousand notices cost one
 * fsync, and one that fails undoes only itself. Jobs run and end in the order in which they were submitted. */
#pragma once

#include "base/db.h"
#include "base/loop.h"

#include <sys/queue.h>

typedef struct Store Store;

/* Embed it as the first member; zeroed but for run and done. */
typedef struct StoreJob StoreJob;
struct StoreJob {
        /* In the thread. Below 0: undone, with the reason. It must not begin or commit. */
        int (*run)(sqlite3 *db, StoreJob *job, Error *e);
        /* On the loop, once, never from within store_submit(); owns the job again. r: run()'s, or why nothing could be kept (then
         * error says it in words): the disk is full, say. More than 0 is run()'s own. */
        void (*done)(StoreJob *job, int r, const char *error);

        /* Of store.c. */
        int r;
        Error error;
        STAILQ_ENTRY(StoreJob) entry;
};

#define STORE_BATCH_MAX 1024 /* jobs in one commit */
#define STORE_CROWD     (4 * STORE_BATCH_MAX)

/* Opens path (creates, migrates) in its thread; when that fails, each job ends with the reason, and it is tried again with the
 * next ones. */
int store_new(sd_event *event, const char *path, Store **ret);
void store_submit(Store *s, StoreJob *job);
/* Waits for what was submitted, 2 s at most; what was not begun ends with -ECANCELED. NULL is fine. */
Store *store_free(Store *s);
DEFINE_CLEANUP(Store, store_free)

typedef struct StoreCounts {
        uint64_t jobs, commits, failed;
        size_t waiting;
        const char *trouble; /* why the last commit or opening failed; "" when it did not */
} StoreCounts;
void store_counts(const Store *s, StoreCounts *ret);
/* Does so much wait for the disk already that what others ask for must be refused? */
bool store_is_crowded(const Store *s);

/* The schema, version by version: store_schema.c. A part's tables are its own affair; nobody else reads them. */
extern const DbMigration store_migrations[];
extern const size_t store_n_migrations;
#define STORE_APPLICATION_ID 0x41414e31 /* "AAN1" */
