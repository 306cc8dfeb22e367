/* SPDX-License-Identifier: MIT */
/* How often something may be: so many at once, and one more each so many microseconds (the generic cell rate algorithm, ITU-T I.371);
 * for one, or for each of many addresses in memory that does not grow. Pure: the clock is the caller's. */
#pragma once

#include "base/macro.h"

/* bucket: zeroed at first. 0: taken, else how long until there is one. */
uint64_t ration_take(uint64_t *bucket, unsigned burst, uint64_t every_usec, uint64_t now_usec);

/* Whom an address counts as: itself (IPv4, mapped into IPv6), or its /64. What is no address (a Unix socket) is zeros. False then. */
bool ration_origin(const char *client, uint8_t ret[static 16]);

/* Of addresses. Two may share a place, and then what both take: with 4,096 places, by chance, rarely. */
typedef struct Ration Ration;
int ration_new(Ration **ret);
Ration *ration_free(Ration *r);
DEFINE_CLEANUP(Ration, ration_free)
uint64_t ration_take_of(Ration *r, const uint8_t address[static 16], unsigned burst, uint64_t every_usec,
                        uint64_t now_usec);
