/* SPDX-License-Identifier: MIT */
/* What the parts of the ledger share: ledger.c tells others what is due, checkout.c sends buyers, route_money.c answers nodes. */
#pragma once

#include "base/ration.h"
#include "federation/ledger_send.h"

#include <sys/queue.h>

/* When what was not heard is said again for the first time; tests are built with less. */
#ifndef LEDGER_FIRST_MSEC
#define LEDGER_FIRST_MSEC 5000
#endif
#define LEDGER_FIRST_USEC (LEDGER_FIRST_MSEC * USEC_PER_MSEC)

typedef struct Checkout Checkout;
typedef struct Delivery Delivery;

struct Ledger {
        Federation *f;
        bool stopping;
        uint64_t random;
        uint64_t counts[_LEDGER_EVENT_MAX];
        LIST_HEAD(, Checkout) checkouts;
        size_t n_checkouts;
        Ration *buyers, *nodes; /* by address; by id, hashed */
        LIST_HEAD(, Delivery) deliveries;
        sd_event_source *timer;
        bool looking, look_again;
        uint64_t pruned_usec, told_usec; /* boot */
        uint64_t lines;                  /* bucket */
};

/* When what has failed so often is tried again: wall time, 0 when until has passed by then. */
uint64_t ledger_again(Ledger *l, unsigned attempts, uint64_t until_usec);
void checkouts_stop(Ledger *l);
/* Strangers cause what would be told here: now and then is enough, the ledger and /metrics have it all. */
bool ledger_may_tell(Ledger *l);
