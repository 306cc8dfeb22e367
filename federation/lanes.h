/* SPDX-License-Identifier: MIT */
/* Those who wait for something that costs time, in lanes: each lane's first one gets its turn, then the next lane's, so that a crowd
 * in one delays nobody in another. Pure; nothing is copied but the lane's name. */
#pragma once

#include "base/macro.h"

#include <sys/queue.h>

#define LANES_MAX      1024 /* waiting, in all lanes */
#define LANE_MAX       64   /* in one */
#define LANE_FROM_MAX  16   /* of them from the same address */
#define LANE_FROM_SIZE 48

typedef struct Lane Lane;
typedef struct LaneEntry { /* embedded by who waits; zeroed */
        Lane *lane;
        char from[LANE_FROM_SIZE];
        TAILQ_ENTRY(LaneEntry) entry;
} LaneEntry;

typedef struct Lanes Lanes;
int lanes_new(Lanes **ret);
Lanes *lanes_free(Lanes *l); /* nobody may be waiting any more */
DEFINE_CLEANUP(Lanes, lanes_free)
/* -EBUSY: too many wait in this lane, or from this address in it; -ENOBUFS: in all; -ENOMEM. */
int lanes_add(Lanes *l, LaneEntry *e, const char *lane, const char *from);
LaneEntry *lanes_next(Lanes *l); /* whose turn it is; he is not in it any more. NULL: nobody waits */
size_t lanes_count(const Lanes *l);
