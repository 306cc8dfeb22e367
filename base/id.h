/* SPDX-License-Identifier: MIT */
/* Identifiers of changes and messages: ULIDs (https://github.com/ulid/spec), which sort by time. Random numbers. */
#pragma once

#include "base/macro.h"

#define ID_SIZE 27 /* 26 characters and the terminator */

/* From wall time and 80 random bits. Monotonic within a process: a later call sorts after an earlier one
 * even when the clock stepped back. Returns buffer. */
char *id_make(char buffer[static ID_SIZE], uint64_t wall_usec);
/* The same from a caller's generator: pure, for simulation. */
char *id_make_from(char buffer[static ID_SIZE], uint64_t wall_usec, const uint8_t random[static 10]);
/* The wall time in an id, in whole milliseconds; 0 when it is none. */
uint64_t id_usec(const char *id);

/* A small deterministic generator (SplitMix64, Steele et al. 2014) for simulations and jitter; not for secrets. */
uint64_t random_next(uint64_t *state);
double random_fraction(uint64_t *state); /* [0, 1) */
uint64_t random_seed(void);              /* from the kernel */
