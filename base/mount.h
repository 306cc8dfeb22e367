/* SPDX-License-Identifier: MIT */
/* Whose doing it is that a path is read-only: the disk's, or the sandbox's that we run in. */
#pragma once

#include "base/macro.h"

/* True when it is mounted read-only for us, while the file system itself can be written. Async-signal-safe, but it may
 * hang with the disk. False when that cannot be told. */
bool mount_is_closed_to_us(const char *path);
