/* SPDX-License-Identifier: MIT */
/* What a referrer gets of a sale: the one place where money is divided, so that both sides of it come to the same. Pure. */
#pragma once

#include "federation/money.h"

typedef struct Share { /* minor units; they add up to the price */
        int64_t referrer, seller;
} Share;

/* price x pct / 100, rounded half to even (IEEE 754's default, ISO 80000-1's rule A): over many sales neither side gains by
 * rounding. price_minor: 0 to MONEY_MINOR_MAX, pct: 0 to 100. */
Share share_split(int64_t price_minor, unsigned pct);
