/* SPDX-License-Identifier: MIT */
/* Batches: rows to write, copied from their callers. */
#include "supervisor/store_batch.h"

#define TIME_MAX ((UINT64_C(1) << 53) - 1) /* what canonical JSON can say */

static const size_t change_strings[] = {
                offsetof(StoreOp, change.id),          offsetof(StoreOp, change.from),
                offsetof(StoreOp, change.to),          offsetof(StoreOp, change.cause),
                offsetof(StoreOp, change.rule),        offsetof(StoreOp, change.operator_reason),
                offsetof(StoreOp, change.config_hash), offsetof(StoreOp, change.evidence),
};
static const size_t delivery_strings[] = {
                offsetof(StoreOp, delivery.change),  offsetof(StoreOp, delivery.action),
                offsetof(StoreOp, delivery.type),    offsetof(StoreOp, delivery.target),
                offsetof(StoreOp, delivery.facts),   offsetof(StoreOp, delivery.state),
                offsetof(StoreOp, delivery.message),
};
static const size_t probe_strings[] = {
                offsetof(StoreOp, probe.name),
                offsetof(StoreOp, probe.history),
                offsetof(StoreOp, probe.message),
};
static const size_t hour_strings[] = {offsetof(StoreOp, hour.probe)};
static const size_t text_strings[] = {offsetof(StoreOp, text)};

static const char **string_at(StoreOp *op, size_t offset)
{
        return (const char **) (void *) ((char *) op + offset);
}

/* from holds borrowed strings at these offsets; the new one owns copies. */
static StoreOp *batch_add(StoreBatch *b, const StoreOp *from, const size_t *offsets, size_t n)
{
        StoreOp borrowed = *from;
        size_t size = sizeof(StoreOp);

        if (!b || b->failed)
                return NULL;
        for (size_t i = 0; i < n; i++) {
                const char **s = string_at(&borrowed, offsets[i]);
                if (!*s)
                        *s = "";
                size += strlen(*s) + 1;
        }
        StoreOp *op = malloc(size);
        if (!op) {
                b->failed = true;
                return NULL;
        }
        *op = borrowed;
        char *p = (char *) (op + 1);
        for (size_t i = 0; i < n; i++) {
                const char **s = string_at(op, offsets[i]);
                size_t length = strlen(*s) + 1;
                *s = memcpy(p, *s, length);
                p += length;
        }
        op->batch = b;
        TAILQ_INSERT_TAIL(&b->ops, op, entry);
        b->n_ops++;
        return op;
}

StoreBatch *store_batch_new(void)
{
        StoreBatch *b = calloc(1, sizeof(*b));
        if (b)
                TAILQ_INIT(&b->ops);
        return b;
}

StoreBatch *store_batch_free(StoreBatch *b)
{
        StoreOp *op;

        if (!b)
                return NULL;
        while ((op = TAILQ_FIRST(&b->ops)))
                store_op_free(op);
        free(b);
        return NULL;
}

void store_op_free(StoreOp *op)
{
        assert(!op->indexed);
        TAILQ_REMOVE(&op->batch->ops, op, entry);
        op->batch->n_ops--;
        free(op);
}

void store_batch_change(StoreBatch *b, const ChangeRecord *change)
{
        StoreOp op = {.kind = STORE_OP_CHANGE, .change = *change};

        op.change.at_usec = MIN(change->at_usec, TIME_MAX);
        if (batch_add(b, &op, change_strings, ELEMENTSOF(change_strings)))
                b->has_change = true;
}

void store_batch_delivery(StoreBatch *b, const DeliveryRecord *delivery)
{
        StoreOp op = {.kind = STORE_OP_DELIVERY, .delivery = *delivery};
        batch_add(b, &op, delivery_strings, ELEMENTSOF(delivery_strings));
}

void store_batch_probe(StoreBatch *b, const ProbeRecord *probe)
{
        StoreOp op = {.kind = STORE_OP_PROBE, .probe = *probe};
        batch_add(b, &op, probe_strings, ELEMENTSOF(probe_strings));
}

void store_batch_hour(StoreBatch *b, const HourRecord *hour)
{
        StoreOp op = {.kind = STORE_OP_HOUR, .hour = *hour};
        batch_add(b, &op, hour_strings, ELEMENTSOF(hour_strings));
}

void store_batch_forget_probe(StoreBatch *b, const char *name)
{
        StoreOp op = {.kind = STORE_OP_FORGET, .text = name};
        batch_add(b, &op, text_strings, ELEMENTSOF(text_strings));
}

void store_batch_memory(StoreBatch *b, const json_t *memory)
{
        _cleanup_free_ char *text = NULL;

        if (!b || b->failed)
                return;
        if (!memory || json_print(memory, &text) < 0) {
                b->failed = true;
                return;
        }
        StoreOp op = {.kind = STORE_OP_MEMORY, .text = text};
        batch_add(b, &op, text_strings, ELEMENTSOF(text_strings));
}

static StoreOpKind key_kind(const StoreOp *op)
{
        return op->kind == STORE_OP_FORGET ? STORE_OP_PROBE : op->kind;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
        return a < b ? -1 : a > b ? 1 : 0;
}

int store_op_compare(const void *a, const void *b)
{
        const StoreOp *x = a, *y = b;
        int r = compare_numbers(key_kind(x), key_kind(y));

        if (r != 0)
                return r;
        switch (key_kind(x)) {
        case STORE_OP_CHANGE:
                return strcmp(x->change.id, y->change.id);
        case STORE_OP_DELIVERY:
                return compare_numbers((uint64_t) x->delivery.id, (uint64_t) y->delivery.id);
        case STORE_OP_PROBE:
                return strcmp(x->kind == STORE_OP_FORGET ? x->text : x->probe.name,
                              y->kind == STORE_OP_FORGET ? y->text : y->probe.name);
        case STORE_OP_HOUR:
                r = compare_numbers(x->hour.hour_usec, y->hour.hour_usec);
                return r != 0 ? r : strcmp(x->hour.probe, y->hour.probe);
        case STORE_OP_FORGET:
        case STORE_OP_MEMORY:
                return 0;
        }
        return 0;
}

void store_hour_merge(HourRecord *newer, const HourRecord *older)
{
        for (size_t i = 0; i < _OUTCOME_MAX; i++)
                newer->counts[i] += older->counts[i];
        newer->latency_sum_usec += older->latency_sum_usec;
        newer->latency_max_usec = MAX(newer->latency_max_usec, older->latency_max_usec);
        newer->down_usec += older->down_usec;
}
