/* SPDX-License-Identifier: MIT */
/* Money between nodes: buyers that were sent, orders that were taken, what was paid. Everything durable is in federation.db
 * (ledger_db.h); this brings it to those whom it concerns, and goes on for days when they do not answer.
 *
 * The rules, which docs/revenue.md tells people:
 * - A referral is recorded before anything is said to anybody, and both sides keep it by the same terms: price and percentage of the
 *   source, agreed when the buyer was sent. A source takes an order by the terms in force there and no others; a referrer agrees to
 *   another price, never to a lower percentage than it counted on.
 * - A buyer waits CHECKOUT_USEC at most, and is sent to the source whatever becomes of the share.
 * - Only the source settles, only what it has taken, and never backwards.
 * - An e-mail address goes to the source with the order, from memory: it is never stored, and never logged. */
#pragma once

#include "federation/federation.h"
#include "federation/ledger_db.h"

#define CHECKOUT_USEC       (3 * USEC_PER_SEC) /* a buyer waits no longer … */
#define CHECKOUT_AWAY_USEC  USEC_PER_SEC       /* … and less when the source is known not to be well */
#define CHECKOUT_PRICE_USEC (1200 * USEC_PER_MSEC)
#define CHECKOUTS_MAX       256 /* at once; of one source: */
#define CHECKOUTS_PER_NODE  64
/* Recorded, of one address (IPv6: a /64): so many, and then one more in this time. */
#define CHECKOUTS_ADDRESS_BURST 200
#define CHECKOUTS_ADDRESS_USEC  USEC_PER_SEC
/* Lines of the audit log, which stays for ever, that buyers' pages cause here or elsewhere: so many, and then one in this time. What is
 * beyond stands in the ledger alone. Payments and refunds always have theirs. */
#define LEDGER_LINES_BURST 600
#define LEDGER_LINE_USEC   (20 * USEC_PER_SEC)
bool ledger_may_log(Ledger *l);

int ledger_new(Federation *f, Ledger **ret);
/* Who waits is answered, and nothing is sent any more. Before the store is freed, which ends what is being written. */
void ledger_stop(Ledger *l);
Ledger *ledger_free(Ledger *l); /* after it */
DEFINE_CLEANUP(Ledger, ledger_free)
/* Something is due: looks at once. */
void ledger_wake(Ledger *l);
size_t ledger_waiting(const Ledger *l); /* buyers */

/* For /metrics, since the start. */
typedef enum LedgerEvent {
        LEDGER_CHECKOUT_LOCAL,       /* the book is this node's own */
        LEDGER_CHECKOUT_CONFIRMED,   /* the source has recorded it, too */
        LEDGER_CHECKOUT_UNCONFIRMED, /* not yet */
        LEDGER_CHECKOUT_DENIED,
        LEDGER_CHECKOUT_UNRECORDED, /* our own disk, or too many of one address: a sale without a share */
        LEDGER_CHECKOUT_REFUSED,    /* no such node, nobody there, a malformed request */
        LEDGER_ORDER_TAKEN,
        LEDGER_ORDER_REPEATED,
        LEDGER_ORDER_REFUSED,
        LEDGER_SETTLEMENT_TAKEN,
        LEDGER_SETTLEMENT_REPEATED,
        LEDGER_SETTLEMENT_REFUSED,
        _LEDGER_EVENT_MAX,
} LedgerEvent;
void ledger_count(Ledger *l, LedgerEvent event);
/* May this node, which has signed it, have another order or settlement taken now? Each is a row, and a line of the audit log. */
#define LEDGER_NODE_BURST 600
#define LEDGER_NODE_USEC  USEC_PER_SEC
bool ledger_admits(Ledger *l, const char *node);
uint64_t ledger_counted(const Ledger *l, LedgerEvent event);

/* Answers a buyer's page, now or later, for a book of another node. ask is read before this returns. (checkout.c) */
void ledger_checkout(Ledger *l, HttpRequest *r, const CheckoutAsk *ask);
