/* SPDX-License-Identifier: MIT */
/* Deliveries: which action is tried now, which again and when, which is superseded or given up.
 *
 * A change and all its deliveries are written in one transaction (store.h) before the first is tried. State actions:
 * payment-mode first, then the others in the order of the config; a newer one supersedes an older one of the same
 * name, and after a restart each unfinished one is asked query() first. Event actions: one queue for each name, in
 * order, so that "recovered" never overtakes "failed"; the queues run side by side. A type that fans out (action.h,
 * `targets`) has a queue for each of its targets, and all of them one trouble. Retries: exponential from 1 s to
 * 10 min with full jitter, 75 h long; then given up, with an alert. */
#pragma once

#include "actions/action.h"
#include "supervisor/config.h"
#include "supervisor/store.h"

typedef struct Outbox Outbox;

#define OUTBOX_PATIENCE_USEC  (75 * USEC_PER_HOUR)
#define OUTBOX_RETRY_MIN_USEC (1 * USEC_PER_SEC)
#define OUTBOX_RETRY_MAX_USEC (10 * USEC_PER_MIN)

typedef enum DeliveryState {
        DELIVERY_PENDING,
        DELIVERY_DONE,
        DELIVERY_SUPERSEDED,
        DELIVERY_GIVEN_UP,
} DeliveryState;
const char *delivery_state_name(DeliveryState s);

typedef struct Delivery Delivery;

/* Called from the loop only, never from within a call. They may call the outbox, but not free or configure it. */
typedef struct OutboxEvents {
        /* A delivery has ended, or failed once more: write it down (DeliveryRecord by outbox_record()). */
        void (*progress)(const Delivery *d, void *userdata);
        /* Begins (failing since 3 attempts, or given up) and ends (done, superseded): for alerts and status. */
        void (*trouble)(const char *action, bool given_up, bool ended, const char *message, void *userdata);
        void *userdata;
} OutboxEvents;

int outbox_new(ActionContext *context, const OutboxEvents *events, Outbox **ret);
Outbox *outbox_free(Outbox *o); /* abandons what is in flight */
/* The actions by name; deliveries of actions that are gone are superseded. Borrowed until the next call. -ENOMEM, and
 * nothing has changed; but it cannot fail after an outbox_reserve() for as many. */
int outbox_configure(Outbox *o, ActionConfig *const *actions, size_t n_actions);
int outbox_reserve(Outbox *o, size_t n_actions);
/* The targets of types that fan out may be others than before: what waited until they are known is handed out, and what
 * was for those that are none any more is superseded. */
void outbox_retarget(Outbox *o);

/* Makes the deliveries that these facts (ACTION_CHANGE, RAISED, CLEARED) cause and adds their rows to the batch, and the
 * rows of those that they supersede; nothing runs before outbox_release(facts->id): the batch is on disk, or will not be
 * in time (durable: which of the two; the deliveries say so). On failure (-ENOMEM) nothing has been added. */
int outbox_add(Outbox *o, const ActionFacts *facts, StoreBatch *batch);
void outbox_release(Outbox *o, const char *id, bool durable);
/* From the database at a start, after outbox_configure(): tried in the loop's next turn, state actions by query(). One
 * that has ended is shown by outbox_to_json(). */
int outbox_restore(Outbox *o, const DeliveryRecord *record);
/* The same for one that only asks whether things are so, and makes them so: no database has it, and it is never written
 * into one, however it ends. */
int outbox_assure(Outbox *o, const DeliveryRecord *record);
bool outbox_is_stored(const Delivery *d); /* not by outbox_assure() */
/* All channels that carry alerts, at once and without the database; fn tells each one's result, once. -ENOENT: there is
 * none. */
typedef void (*OutboxTested)(const char *action, ActionResult result, const char *message, void *userdata);
int outbox_test(Outbox *o, const ActionFacts *facts, OutboxTested fn, void *userdata);
/* Runs the refresh of state actions that have one (the status page), unless one is in flight: then once more after. */
void outbox_refresh(Outbox *o, const ActionFacts *facts);

size_t outbox_pending(const Outbox *o);
bool outbox_is_pending(const Outbox *o, const char *action); /* a delivery of it is not done yet */
bool outbox_is_troubled(const Outbox *o,
                        const char *action); /* something of it was given up, and nothing done since */
bool outbox_is_failing(const Outbox *o,
                       const char *action); /* it has failed again and again, and is tried on */
/* For /v1/status: the newest delivery of each action and target, and every pending one.
 * [{"type","name","target","change","kind","state","attempts","message","at","next"}] */
json_t *outbox_to_json(const Outbox *o);
void outbox_record(const Delivery *d, DeliveryRecord *ret); /* borrows from d */
/* Counters since the start, for metrics: type, result ("done", "retry", "given-up", "superseded"), how many. */
void outbox_count(const Outbox *o,
                  void (*fn)(const char *type, const char *result, uint64_t n, void *userdata),
                  void *userdata);

/* The delay before attempt n + 1 (n >= 1), for a fraction in [0, 1): pure. */
uint64_t outbox_backoff(unsigned attempts, double fraction, uint64_t retry_after_usec);
