/* SPDX-License-Identifier: MIT */
/* What must survive: the chain of changes, the actions that they cause, the operator's will, the probes' windows.
 *
 * Everything that belongs together is put into one batch, and one batch is one transaction. Batches are written by the
 * worker's thread in the order in which they were submitted; the loop never touches SQLite. A batch that cannot be
 * written stays in memory and is tried again, before any later one. */
#pragma once

#include "base/json.h"
#include "base/worker.h"
#include "supervisor/mode.h"

typedef struct Store Store;
typedef struct StoreBatch StoreBatch;

#define STORE_HASH_SIZE   65   /* hex SHA-256 and terminator */
#define STORE_HISTORY_MAX 1000 /* changes that one answer holds */

/* One switch of mode. Strings are borrowed by store_batch_change(), owned in StoreLoaded. */
typedef struct ChangeRecord {
        const char *id;
        uint64_t at_usec; /* wall */
        const char *from; /* "" at the first start */
        const char *to, *cause, *rule, *operator_reason;
        bool automatic, durable;
        const char *config_hash; /* hex */
        const char *evidence;    /* JSON object: outcomes, verdicts, windows, messages at that moment */
} ChangeRecord;

/* One delivery: an action that a change or an alert caused. */
typedef struct DeliveryRecord {
        int64_t id;         /* given by the outbox: time-ordered, unique */
        const char *change; /* change id, or alert id */
        const char *action; /* ActionConfig.name */
        const char *type, *target;
        int kind; /* ActionKind */
        bool event;
        const char *facts;   /* JSON, from facts_to_json() */
        const char *state;   /* "pending", "done", "superseded", "given-up" */
        const char *message; /* of the last attempt */
        unsigned attempts;
        uint64_t created_usec, next_usec, finished_usec; /* wall */
} DeliveryRecord;

typedef struct ProbeRecord {
        const char *name;
        ProbeState state;    /* times: steady */
        const char *history; /* letters, newest first */
        const char *message;
        const char *config; /* hex hash of what was asked; "": not known, stored by a version that did not note it */
} ProbeRecord;

/* What one hour of one probe came to. */
typedef struct HourRecord {
        const char *probe;
        uint64_t hour_usec; /* wall, its beginning */
        unsigned counts[_OUTCOME_MAX];
        uint64_t latency_sum_usec, latency_max_usec;
        uint64_t down_usec; /* of it */
} HourRecord;

typedef enum DayKind {
        DAY_UP,
        DAY_DEGRADED,
        DAY_DOWN,
        DAY_MAINTENANCE,
        _DAY_MAX,
} DayKind;

/* What one day (UTC) of one component came to, as far as it was seen. */
typedef struct DayRecord {
        const char *component;
        uint64_t day_usec; /* wall, its beginning */
        uint64_t usec[_DAY_MAX];
} DayRecord;

typedef enum BulletinKind {
        BULLETIN_INCIDENT,
        BULLETIN_MAINTENANCE,
} BulletinKind;

/* An incident or a maintenance, as the public is told of it (bulletins.h). */
typedef struct BulletinRecord {
        const char *id;
        BulletinKind kind;
        uint64_t ended_usec; /* wall; 0: it is not over */
        const char *value;   /* JSON object */
} BulletinRecord;

/* Everything else that the supervisor remembers, as one JSON object (mode, pin, pause, damping, alerts, steady clock):
 * written whole, by supervisor/memory.c. */

typedef struct StoreLoaded {
        /* 0; -EUCLEAN corrupt, -EPROTONOSUPPORT newer: nothing was or will be overwritten, batches are refused with it */
        int error;
        Error text;
        json_t *memory; /* NULL: first start ever */
        ProbeRecord *probes;
        size_t n_probes;
        DeliveryRecord *deliveries;
        size_t n_deliveries; /* by id: all pending ones, and the newest of each action and target */
        ChangeRecord *last;  /* NULL when none */
        DayRecord *days;     /* of the last 90 days */
        size_t n_days;
        BulletinRecord *bulletins; /* those that are not over, and those that ended in that time */
        size_t n_bulletins;
        ChangeRecord *changes; /* of that time, oldest first, without their evidence */
        size_t n_changes;
        char last_hash[STORE_HASH_SIZE];
        bool chain_broken; /* the hashes do not add up: somebody edited the past; text says where */
} StoreLoaded;

typedef struct StoreEvents {
        /* Once, however late. A disk that hangs or fails (full, read-only, no permission) is tried again: only
         * durability() tells of it, and loaded() comes when it is well. */
        void (*loaded)(const StoreLoaded *loaded, void *userdata);
        /* durable: everything submitted so far is on disk; else why not. Called at each turn of it. */
        void (*durability)(bool durable, const char *why, void *userdata);
        void *userdata;
} StoreEvents;

/* Opens path in the worker; loaded() comes on the loop, however late. A batch or the opening that is not acknowledged in
 * 2 s counts as not durable until the answer comes. No callback, of these or below, is ever made from within the call
 * that it belongs to, none after store_free(), and none may free the store. */
int store_new(sd_event *event, Worker *worker, const char *path, const StoreEvents *events, Store **ret);
/* Tries to write what waits, for at most patience; blocks. Who waits for a batch is told -ECANCELED first, from within: it
 * may be saved or not. The worker comes after the store. */
Store *store_free(Store *s, uint64_t patience_usec);
bool store_is_durable(const Store *s);
const char *store_trouble(const Store *s); /* "" when durable */
/* The database cannot be opened, and it is known that there was nothing in it. */
bool store_is_blank(const Store *s);

/* A batch copies what it is given. Allocation failure is remembered and reported by store_submit(). */
StoreBatch *store_batch_new(void);
StoreBatch *store_batch_free(StoreBatch *b);
DEFINE_CLEANUP(StoreBatch, store_batch_free)
void store_batch_change(StoreBatch *b, const ChangeRecord *change);
void store_batch_delivery(StoreBatch *b,
                          const DeliveryRecord *delivery); /* whole; in place of one with its id */
void store_batch_probe(StoreBatch *b, const ProbeRecord *probe);
void store_batch_hour(StoreBatch *b, const HourRecord *hour); /* added to what is there */
void store_batch_day(StoreBatch *b, const DayRecord *day);    /* added to what is there */
void store_batch_bulletin(StoreBatch *b,
                          const BulletinRecord *bulletin); /* whole; in place of one with its id */
void store_batch_forget_probe(StoreBatch *b, const char *name);
void store_batch_memory(StoreBatch *b, const json_t *memory);

/* Consumes the batch, also on failure (-ENOMEM, also for a batch that is NULL or lacks something). done (may be NULL) is
 * called once on the loop: 0 when it is on disk; -EINPROGRESS after 2 s without an answer (at once while the disk is known
 * to hang), or a negative errno at the first failure, its own or that of the one before it: act on it as not durable; the
 * batch is kept, and durability() tells when it is saved. A change that is stored already, by its id, is not stored
 * twice. Routine batches (without a change, and without done) that wait are merged: of two rows about the same probe,
 * delivery, bulletin or memory the newer one is kept. */
typedef void (*StoreDone)(int r, void *userdata);
int store_submit(Store *s, StoreBatch *b, StoreDone done, void *userdata);

/* Reads, answered on the loop; -ETIMEDOUT after 2 s (at once while the disk is known to hang), -EBUSY when too many wait.
 * result is a JSON value of the contract's shape, borrowed:
 * history: {"changes": […]}, newest first; change: one of them with "rule", "evidence", "hash", "previous",
 * "config_hash"; NULL with -ENOENT. id NULL: the newest. */
typedef void (*StoreAnswer)(int r, json_t *result, void *userdata);
int store_read_history(Store *s, unsigned limit, StoreAnswer fn, void *userdata);
int store_read_change(Store *s, const char *id, StoreAnswer fn, void *userdata);
int store_read_hours(Store *s, uint64_t since_wall_usec, StoreAnswer fn,
                     void *userdata); /* {"hours": [{…}]} */

/* The memory of a database file that nobody has open (no Store needed), as it is: nothing is written. -ENOENT: there is none. Blocks. */
int store_peek_memory(const char *path, json_t **ret, Error *e);

/* Walks the whole chain of a database file (no Store needed): 0; -EBADMSG with the change at which it breaks. */
int store_check_chain(const char *path, Error *e);

/* Bounds: hours and days older than 90 days and finished deliveries older than 30 days are deleted, in small steps, but never
 * one of the newest 91 days that there are; changes and bulletins are kept for ever. */
