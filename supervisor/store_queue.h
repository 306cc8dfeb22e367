/* SPDX-License-Identifier: MIT */
/* Batches that wait for the disk: for the store's own files only.
 *
 * Batches keep their order. Of routine ones, for which nobody waits, a row is dropped as soon as a newer one about the
 * same thing waits behind it (hours and days are added up), and a batch once it is empty: however long the disk is away, there
 * is at most one row for each probe, delivery, hour, day and bulletin, and one memory, beside the batches that somebody waits for. */
#pragma once

#include "supervisor/store_batch.h"

#define STORE_QUEUE_HOURS_MAX 50000 /* hours that wait; what comes on top is not counted */

typedef struct StoreQueue {
        TAILQ_HEAD(StoreBatchList, StoreBatch) batches;
        void *index; /* of tsearch(3): the waiting routine row of each key */
        size_t n_hours;
} StoreQueue;

void store_queue_init(StoreQueue *q);
void store_queue_clear(StoreQueue *q); /* frees the batches */
static inline bool store_queue_is_empty(const StoreQueue *q)
{
        return TAILQ_EMPTY(&q->batches);
}

void store_queue_append(StoreQueue *q, StoreBatch *b);
StoreBatch *store_queue_take(StoreQueue *q);           /* the oldest; NULL when empty */
void store_queue_return(StoreQueue *q, StoreBatch *b); /* what was taken: it is the oldest again */
