/* SPDX-License-Identifier: MIT */
/* What the outbox's tests share: an outbox on a loop, action types that do as they are told and write down what they
 * were asked, and the news that the outbox gave. */
#pragma once

#include "base/clock.h"
#include "base/text.h"
#include "supervisor/facts.h"
#include "supervisor/outbox.h"
#include "supervisor/store_batch.h"
#include "tests/test.h"

#include <unistd.h>

/* Runs the loop until the condition holds, for at most 20 s. */
#define WAIT_FOR(event, condition)                                       \
        do {                                                             \
                uint64_t until_ = clock_boot_usec() + 20 * USEC_PER_SEC; \
                while (!(condition)) {                                   \
                        CHECK(clock_boot_usec() < until_);               \
                        CHECK(sd_event_run((event), 50 * 1000) >= 0);    \
                }                                                        \
        } while (0)

/* How a fake action behaves, and what became of it. */
typedef struct Fake {
        ActionResult apply, query;
        bool hang;
        uint64_t retry_after_usec;
        unsigned fails; /* so many times before `apply` */
        unsigned applied, queried, stopped, in_flight;
        uint64_t first_usec, last_usec; /* when it was asked to apply */
        char mode[32];                  /* of the last apply */
        Action *action;                 /* hangs */
} Fake;

static char journal[16384]; /* what all of them were asked, in order */
static unsigned fakes_in_flight, fakes_most;

static void note(const char *format, ...)
{
        size_t n = strlen(journal);
        va_list ap;

        va_start(ap, format);
        vsnprintf(journal + n, sizeof(journal) - n, format, ap);
        va_end(ap);
}

static Fake *fake_of(const Action *a)
{
        return (Fake *) (uintptr_t) a->conf;
}

static void fake_begin(Action *a)
{
        Fake *f = fake_of(a);

        f->in_flight++;
        fakes_in_flight++;
        fakes_most = MAX(fakes_most, fakes_in_flight);
}

static void fake_apply(Action *a)
{
        Fake *f = fake_of(a);
        static const char *const verbs[] = {"", "raised ", "cleared ", "test ", "refresh "};

        fake_begin(a);
        f->applied++;
        f->last_usec = clock_boot_usec();
        if (!f->first_usec)
                f->first_usec = f->last_usec;
        snprintf(f->mode, sizeof(f->mode), "%s", a->facts->mode);
        note("%s %s%s\n", a->type->name, verbs[a->facts->kind],
             a->facts->kind == ACTION_CHANGE ? a->facts->change : a->facts->alert);
        a->retry_after_usec = f->retry_after_usec;
        if (f->hang)
                f->action = a;
        else if (f->fails > 0) {
                f->fails--;
                action_report(a, ACTION_RETRY, "refused");
        } else
                action_report(a, f->apply, "as told");
}

static void fake_query(Action *a)
{
        Fake *f = fake_of(a);

        fake_begin(a);
        f->queried++;
        note("%s is %s?\n", a->type->name, a->facts->mode);
        action_report(a, f->query, "as told");
}

static void fake_stop(Action *a)
{
        Fake *f = fake_of(a);

        fakes_in_flight--;
        f->in_flight--;
        f->stopped++;
        f->action = NULL;
}

_unused_ static void fake_end(Fake *f, ActionResult result)
{
        CHECK(f->action);
        action_report(f->action, result, "at last");
}

#define FAKE_TYPE(id, label, ...)               \
        _unused_ static const ActionType id = { \
                        .name = label, .apply = fake_apply, .stop = fake_stop, __VA_ARGS__}
FAKE_TYPE(fake_payment, "payment-mode", .query = fake_query);
FAKE_TYPE(fake_page, "status-page", .query = fake_query, .refresh = true);
FAKE_TYPE(fake_dns, "dns");
FAKE_TYPE(fake_exec, "exec", .event = true);
FAKE_TYPE(fake_alert, "alert", .event = true, .alerts = true);

typedef struct FakeAction {
        ActionConfig config;
        Fake fake;
        char name[32];
} FakeAction;

typedef struct Bench {
        sd_event *event;
        ActionContext context;
        Outbox *outbox;
        FakeAction actions[32];
        ActionConfig *list[32];
        size_t n_actions;
        char progress[65536], trouble[4096];
        unsigned n_progress;
        StoreBatch *batch; /* of the last bench_add() */
} Bench;

static void on_progress(const Delivery *d, void *userdata)
{
        Bench *b = userdata;
        size_t n = strlen(b->progress);
        DeliveryRecord r;

        outbox_record(d, &r);
        b->n_progress++;
        snprintf(b->progress + n, sizeof(b->progress) - n, "%s %s %s %u\n", r.action, r.change, r.state,
                 r.attempts);
}

static void on_trouble(const char *action, bool given_up, bool ended, const char *message, void *userdata)
{
        Bench *b = userdata;
        size_t n = strlen(b->trouble);

        snprintf(b->trouble + n, sizeof(b->trouble) - n, "%s %s%s: %s\n", action, ended ? "no longer " : "",
                 given_up ? "given up" : "failing", message);
}

static void bench_begin(Bench *b)
{
        OutboxEvents events = {on_progress, on_trouble, b};

        *b = (Bench){0};
        journal[0] = '\0';
        fakes_in_flight = fakes_most = 0;
        CHECK_INT(sd_event_new(&b->event), 0);
        b->context.event = b->event;
        CHECK_INT(outbox_new(&b->context, &events, &b->outbox), 0);
}

static void bench_end(Bench *b)
{
        outbox_free(b->outbox);
        CHECK_INT(fakes_in_flight, 0);
        store_batch_free(b->batch);
        sd_event_unref(b->event);
}

_unused_ static Fake *bench_action(Bench *b, const ActionType *type, const char *name)
{
        static char nowhere[] = "";
        FakeAction *f = &b->actions[b->n_actions];

        snprintf(f->name, sizeof(f->name), "%s", name);
        f->config = (ActionConfig){.name = f->name, .type = type, .conf = &f->fake, .target = nowhere};
        b->list[b->n_actions++] = &f->config;
        return &f->fake;
}

_unused_ static void bench_configure(Bench *b)
{
        outbox_configure(b->outbox, b->list, b->n_actions);
}

static ActionFacts facts_for(ActionKind kind, const char *id, const char *from, const char *mode)
{
        return (ActionFacts){.kind = kind, .id = id, .change = id, .from = from, .mode = mode, .alert = id};
}

_unused_ static void bench_add(Bench *b, ActionKind kind, const char *id, const char *from, const char *mode)
{
        ActionFacts f = facts_for(kind, id, from, mode);

        store_batch_free(b->batch);
        b->batch = store_batch_new();
        CHECK_INT(outbox_add(b->outbox, &f, b->batch), 0);
}

_unused_ static void bench_change(Bench *b, const char *id, const char *from, const char *mode)
{
        bench_add(b, ACTION_CHANGE, id, from, mode);
        outbox_release(b->outbox, id, true);
}

/* "payment-mode c1 pending\n…": the rows of the batch. */
_unused_ static const char *bench_rows(const Bench *b)
{
        static char text[16384];
        const StoreOp *op;
        size_t n = 0;

        text[0] = '\0';
        TAILQ_FOREACH(op, &b->batch->ops, entry)
        n += (size_t) snprintf(text + n, sizeof(text) - n, "%s %s %s\n", op->delivery.action,
                               op->delivery.change, op->delivery.state);
        return text;
}

/* One turn of the loop after the other until nothing is due at once. */
_unused_ static void bench_settle(Bench *b)
{
        while (sd_event_run(b->event, 0) > 0)
                ;
}
