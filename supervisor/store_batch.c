/* SPDX-License-Identifier: MIT */
/* Batches: rows to write, copied from their callers. */
#include "supervisor/store_batch.h"

#define TIME_MAX ((UINT64_C(1) << 53) - 1) /* what canonical JSON can say */

const StoreStrings store_change_strings = {
                8,
                {offsetof(ChangeRecord, id), offsetof(ChangeRecord, from), offsetof(ChangeRecord, to),
                 offsetof(ChangeRecord, cause), offsetof(ChangeRecord, rule),
                 offsetof(ChangeRecord, operator_reason), offsetof(ChangeRecord, config_hash),
                 offsetof(ChangeRecord, evidence)},
};
const StoreStrings store_delivery_strings = {
                7,
                {offsetof(DeliveryRecord, change), offsetof(DeliveryRecord, action),
                 offsetof(DeliveryRecord, type), offsetof(DeliveryRecord, target),
                 offsetof(DeliveryRecord, facts), offsetof(DeliveryRecord, state),
                 offsetof(DeliveryRecord, message)},
};
const StoreStrings store_probe_strings = {
                4,
                {offsetof(ProbeRecord, name), offsetof(ProbeRecord, history), offsetof(ProbeRecord, message),
                 offsetof(ProbeRecord, config)},
};
static const StoreStrings hour_strings = {1, {offsetof(HourRecord, probe)}};
const StoreStrings store_day_strings = {1, {offsetof(DayRecord, component)}};
const StoreStrings store_bulletin_strings = {2,
                                             {offsetof(BulletinRecord, id), offsetof(BulletinRecord, value)}};
static const StoreStrings text_string = {1, {0}};

static const char **string_at(StoreOp *op, size_t offset)
{
        /* Whatever the union holds begins there. */
        return (const char **) (void *) ((char *) op + offsetof(StoreOp, change) + offset);
}

/* from holds borrowed strings at these offsets of its record; the new one owns copies. */
static StoreOp *batch_add(StoreBatch *b, const StoreOp *from, const StoreStrings *strings)
{
        StoreOp borrowed = *from;
        size_t size = sizeof(StoreOp);

        if (!b || b->failed)
                return NULL;
        for (size_t i = 0; i < strings->n; i++) {
                const char **s = string_at(&borrowed, strings->offsets[i]);
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
        for (size_t i = 0; i < strings->n; i++) {
                const char **s = string_at(op, strings->offsets[i]);
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
        if (batch_add(b, &op, &store_change_strings))
                b->has_change = true;
}

void store_batch_delivery(StoreBatch *b, const DeliveryRecord *delivery)
{
        StoreOp op = {.kind = STORE_OP_DELIVERY, .delivery = *delivery};
        batch_add(b, &op, &store_delivery_strings);
}

void store_batch_probe(StoreBatch *b, const ProbeRecord *probe)
{
        StoreOp op = {.kind = STORE_OP_PROBE, .probe = *probe};
        batch_add(b, &op, &store_probe_strings);
}

void store_batch_hour(StoreBatch *b, const HourRecord *hour)
{
        StoreOp op = {.kind = STORE_OP_HOUR, .hour = *hour};
        batch_add(b, &op, &hour_strings);
}

void store_batch_day(StoreBatch *b, const DayRecord *day)
{
        StoreOp op = {.kind = STORE_OP_DAY, .day = *day};
        batch_add(b, &op, &store_day_strings);
}

void store_batch_bulletin(StoreBatch *b, const BulletinRecord *bulletin)
{
        StoreOp op = {.kind = STORE_OP_BULLETIN, .bulletin = *bulletin};
        batch_add(b, &op, &store_bulletin_strings);
}

void store_batch_forget_probe(StoreBatch *b, const char *name)
{
        StoreOp op = {.kind = STORE_OP_FORGET, .text = name};
        batch_add(b, &op, &text_string);
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
        batch_add(b, &op, &text_string);
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
        case STORE_OP_DAY:
                r = compare_numbers(x->day.day_usec, y->day.day_usec);
                return r != 0 ? r : strcmp(x->day.component, y->day.component);
        case STORE_OP_BULLETIN:
                return strcmp(x->bulletin.id, y->bulletin.id);
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

void store_day_merge(DayRecord *newer, const DayRecord *older)
{
        for (size_t i = 0; i < _DAY_MAX; i++)
                newer->usec[i] += older->usec[i];
}
