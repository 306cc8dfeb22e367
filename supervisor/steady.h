/* SPDX-License-Identifier: MIT */
/* The steady clock: CLOCK_BOOTTIME on a scale near wall time that never steps, not even across restarts of the process
 * within one boot, so that times can be stored and compared later. After a reboot it continues from the wall clock,
 * but never before the last stored time. */
#pragma once

#include "base/json.h"

typedef struct Steady {
        uint64_t offset; /* steady minus CLOCK_BOOTTIME */
        char boot_id[40];
} Steady;

/* stored: what steady_to_json() gave before, or NULL. */
void steady_begin(Steady *s, const json_t *stored);
uint64_t steady_now(const Steady *s);
uint64_t steady_to_boot(const Steady *s, uint64_t steady); /* for timers; USEC_NEVER stays */
/* The wall time that belongs to a steady one, seen from now. 0 stays 0. */
uint64_t steady_to_wall(const Steady *s, uint64_t steady);
json_t *steady_to_json(const Steady *s);
