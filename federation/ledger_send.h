/* SPDX-License-Identifier: MIT */
/* Says one row of the ledger to the other side: an order to the source, or a settlement to the referrer. Signed anew each time. What
 * comes of it is the caller's to keep. */
#pragma once

#include "federation/ledger.h"

typedef enum SendOutcome {
        SEND_DONE,   /* it has it */
        SEND_DENIED, /* it never will, and says why */
        SEND_TERMS,  /* an order: by these terms it would */
        SEND_LATER,  /* it may, another time */
} SendOutcome;

typedef struct SendResult { /* borrowed */
        SendOutcome outcome;
        Terms terms;     /* an order's: as both keep them, or as it would take it */
        const char *url; /* an order's: where the buyer goes; "" */
        char reason[200];
        bool no_book; /* denied, since there is no such book */
} SendResult;

typedef struct LedgerSend LedgerSend;
typedef void (*LedgerSendDone)(LedgerSend *s, const SendResult *result, void *userdata);
/* row: read before this returns. email: NULL, or sent with an order. done() is called once, never from within, and may free it.
 * Negative: nothing was sent; *e says why: who is not accepted, or this node cannot sign. */
int ledger_send_start(Federation *f, const LedgerRow *row, const char *email, uint64_t timeout_usec,
                      LedgerSendDone done, void *userdata, LedgerSend **ret, Error *e);
LedgerSend *ledger_send_free(LedgerSend *s);
DEFINE_CLEANUP(LedgerSend, ledger_send_free)

/* How a node is reached: NULL and the reason when it is not accepted. *ret_flags: of FetchRequest. */
const char *ledger_reach(const Federation *f, const char *node, unsigned *ret_flags, Error *e);
