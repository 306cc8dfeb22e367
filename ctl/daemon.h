/* SPDX-License-Identifier: MIT */
/* Running a daemon that lies beside this program. */
#pragma once

#include "ctl/ctl.h"

/* name: failoverd or federationd. Waits for it; stdin, stdout and stderr are ours. arguments: NULL-terminated, without the program. Returns our exit
 * code. */
int daemon_run(const Invocation *i, const char *name, const char *const *arguments);
/* "DIR/NAME" of the folder this program lies in, "DIR/../sbin/NAME", or plain "NAME" for PATH. -ENAMETOOLONG. */
int daemon_find(const char *name, char *buffer, size_t size);
