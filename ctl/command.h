/* SPDX-License-Identifier: MIT */
/* Running another program to its end. */
#pragma once

#include <stdbool.h>

#define COMMAND_OUTPUT_MAX (4 * 1024 * 1024)

/* argv[0]: with a slash, or found in PATH. Its standard output goes to *ret_output (NULL: to ours), its standard error to ours unless
 * quiet. Returns its exit status (128 + the signal that killed it), or -errno when it did not run: -ENOENT: no such program. */
int command_run(const char *const *argv, bool quiet, char **ret_output);
