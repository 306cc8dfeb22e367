/* SPDX-License-Identifier: MIT */
/* What a batch is made of: for the store's own files only. */
#pragma once

#include "supervisor/store.h"

#include <sys/queue.h>

typedef enum StoreOpKind {
        STORE_OP_CHANGE,
        STORE_OP_DELIVERY,
        STORE_OP_PROBE,
        STORE_OP_FORGET,
        STORE_OP_HOUR,
        STORE_OP_DAY,
        STORE_OP_BULLETIN,
        STORE_OP_MEMORY,
} StoreOpKind;

/* Where the strings stand in a record: whoever copies one copies these. */
typedef struct StoreStrings {
        size_t n, offsets[8];
} StoreStrings;
extern const StoreStrings store_change_strings, store_delivery_strings, store_probe_strings,
                store_day_strings, store_bulletin_strings;

/* One row to write. Its strings lie behind it, in the same allocation; none is NULL. */
typedef struct StoreOp {
        TAILQ_ENTRY(StoreOp) entry;
        StoreBatch *batch;
        StoreOpKind kind;
        bool indexed; /* found by its key among what waits */
        union {
                ChangeRecord change;
                DeliveryRecord delivery;
                ProbeRecord probe;
                HourRecord hour;
                DayRecord day;
                BulletinRecord bulletin;
                const char *text; /* the probe to forget; the memory's JSON */
        };
} StoreOp;

struct StoreBatch {
        TAILQ_ENTRY(StoreBatch) entry;
        TAILQ_HEAD(StoreOpList, StoreOp) ops;
        size_t n_ops;
        bool failed; /* an allocation: something is missing */
        bool has_change;

        /* the store's */
        StoreDone done;
        void *userdata;
        bool routine; /* nobody waits for it, and parts of it may be overtaken by newer ones */
        bool late;    /* 2 s have passed */
        bool saved;   /* set in the thread */
        uint64_t deadline_usec;
};

void store_op_free(StoreOp *op); /* takes it out of its batch */
/* Orders by what a row is about; equal: the later one makes the earlier one void (hours and days: they add up). Probes and
 * forgetting one have the same key. */
int store_op_compare(const void *a, const void *b);
/* Adds the older hour's counts to the newer. */
void store_hour_merge(HourRecord *newer, const HourRecord *older);
void store_day_merge(DayRecord *newer, const DayRecord *older);
