/* SPDX-License-Identifier: MIT */
/* Running the failoverd that lies beside this program. */
#pragma once

#include "ctl/ctl.h"

/* Waits for it; stdin, stdout and stderr are ours. arguments: NULL-terminated, without the program. Returns our exit
 * code. */
int daemon_run(const Invocation *i, const char *const *arguments);
