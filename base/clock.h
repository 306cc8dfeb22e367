/* SPDX-License-Identifier: MIT */
/* Time: the two clocks, durations ("90s", "5m") and time stamps (RFC 3339, UTC) as text. */
#pragma once

#include "base/error.h"

uint64_t clock_boot_usec(void);      /* CLOCK_BOOTTIME: all scheduling */
uint64_t clock_wall_usec(void);      /* CLOCK_REALTIME: display, signatures, stored deadlines */
uint64_t clock_monotonic_usec(void); /* CLOCK_MONOTONIC: to compare with what systemd tells in it */

/* "250ms", "60s", "5m", "1h30m", "2d"; a unit (us ms s m h d) is required, but for a bare 0. -EINVAL, -ERANGE. */
int duration_parse(const char *text, uint64_t *ret_usec);

#define DURATION_SIZE 40
/* For people: "450 ms", "12 s", "5 min", "1 h 10 min", "3 d 2 h": the two largest units. Returns buffer. */
char *duration_format(char buffer[static DURATION_SIZE], uint64_t usec);
/* For config files and sample output: the shortest text that duration_parse reads back: "90s", "5m", "1h". */
char *duration_print(char buffer[static DURATION_SIZE], uint64_t usec);

#define TIMESTAMP_SIZE 32
/* "2026-11-20T09:00:00.123Z" from microseconds since 1970. Returns buffer. */
char *timestamp_format(char buffer[static TIMESTAMP_SIZE], uint64_t wall_usec);
/* Reads RFC 3339 with or without fraction, Z or +hh:mm. -EINVAL. */
int timestamp_parse(const char *text, uint64_t *ret_wall_usec);
