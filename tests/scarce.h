/* SPDX-License-Identifier: MIT */
/* A shortage on order, for tests of actions and probes: see tests/parts/scarce.c. */
#pragma once

#include <stdbool.h>

#define SCARCE_MOST 2000 /* one run asks for less */

/* From now on the k-th request for memory or a descriptor is refused, and no other. */
void scarce_refuse(unsigned long k);

/* Nothing is refused any more. Returns whether something was. */
bool scarce_end(void);

#define SCARCE_OTHER    (-1) /* of pread: it gives back other bytes */
#define SCARCE_NAMELESS (-2) /* of open: there are no files without a name here */

/* From now on this system call fails with this error, once `after` more have worked, in children that are forked, too; NULL:
 * none does. One of: open, openat, lstat, fstat, statvfs, fstatvfs, fsync, unlinkat, write, pwrite, pread,
 * connect. */
void scarce_break(const char *call, unsigned after, int error);

/* Says which request it was, on stderr. */
void scarce_tell(void);
