/* SPDX-License-Identifier: MIT */
/* The queue of batches, and the index that keeps what waits from growing. */
#include "supervisor/store_queue.h"

#include <search.h>

void store_queue_init(StoreQueue *q)
{
        *q = (StoreQueue){0};
        TAILQ_INIT(&q->batches);
}

static void unindex(StoreQueue *q, StoreOp *op)
{
        if (!op->indexed)
                return;
        tdelete(op, &q->index, store_op_compare);
        op->indexed = false;
        if (op->kind == STORE_OP_HOUR)
                q->n_hours--;
}

/* Drops a waiting row, and its batch when that was all. */
static void drop(StoreQueue *q, StoreOp *op)
{
        StoreBatch *b = op->batch;

        unindex(q, op);
        store_op_free(op);
        if (b->n_ops == 0) {
                TAILQ_REMOVE(&q->batches, b, entry);
                store_batch_free(b);
        }
}

static StoreOp *find(StoreQueue *q, const StoreOp *like)
{
        StoreOp *const *node = tfind(like, &q->index, store_op_compare);
        return node ? *node : NULL;
}

/* Without memory a row is just not found later, and waits beside its successor. */
static void insert(StoreQueue *q, StoreOp *op)
{
        if (!tsearch(op, &q->index, store_op_compare))
                return;
        op->indexed = true;
        if (op->kind == STORE_OP_HOUR)
                q->n_hours++;
}

/* op is the newest about its matter. */
static void index_newer(StoreQueue *q, StoreOp *op)
{
        StoreOp *older = find(q, op);

        if (older) {
                if (op->kind == STORE_OP_HOUR)
                        store_hour_merge(&op->hour, &older->hour);
                if (op->kind == STORE_OP_DAY)
                        store_day_merge(&op->day, &older->day);
                drop(q, older);
        } else if (op->kind == STORE_OP_HOUR && q->n_hours >= STORE_QUEUE_HOURS_MAX) {
                drop(q, op);
                return;
        }
        insert(q, op);
}

/* op is older than all that waits. */
static void index_older(StoreQueue *q, StoreOp *op)
{
        StoreOp *newer = find(q, op);

        if (!newer) {
                insert(q, op);
                return;
        }
        if (op->kind == STORE_OP_HOUR)
                store_hour_merge(&newer->hour, &op->hour);
        if (op->kind == STORE_OP_DAY)
                store_day_merge(&newer->day, &op->day);
        drop(q, op);
}

void store_queue_append(StoreQueue *q, StoreBatch *b)
{
        StoreOp *op, *next;

        TAILQ_INSERT_TAIL(&q->batches, b, entry);
        if (!b->routine)
                return;
        for (op = TAILQ_FIRST(&b->ops); op; op = next) {
                next = TAILQ_NEXT(op, entry); /* this one may be dropped, and the batch with the last */
                index_newer(q, op);
        }
}

StoreBatch *store_queue_take(StoreQueue *q)
{
        StoreBatch *b = TAILQ_FIRST(&q->batches);
        StoreOp *op;

        if (!b)
                return NULL;
        TAILQ_FOREACH(op, &b->ops, entry)
        unindex(q, op);
        TAILQ_REMOVE(&q->batches, b, entry);
        return b;
}

void store_queue_return(StoreQueue *q, StoreBatch *b)
{
        StoreOp *op, *previous;

        TAILQ_INSERT_HEAD(&q->batches, b, entry);
        if (!b->routine)
                return;
        for (op = TAILQ_LAST(&b->ops, StoreOpList); op; op = previous) {
                previous = TAILQ_PREV(op, StoreOpList, entry);
                index_older(q, op);
        }
}

void store_queue_clear(StoreQueue *q)
{
        StoreBatch *b;

        while ((b = store_queue_take(q)))
                store_batch_free(b);
}
