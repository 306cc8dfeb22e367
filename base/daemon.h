/* SPDX-License-Identifier: MIT */
/* What the daemons' main() have in common: where things are, exit codes, limits. */
#pragma once

#include "base/error.h"

enum {
        EXIT_STOPPED = 0,
        EXIT_OTHER = 1,
        EXIT_USAGE = 2,
        EXIT_CONFIG = 6,
};

/* The argument, else the first of the directories that systemd names in the variable, else fallback; malloc'ed. */
char *daemon_directory(const char *argument, const char *variable, const char *fallback);
/* The argument, else name in $CONFIGURATION_DIRECTORY, else in /etc/failoverd; malloc'ed. */
char *daemon_config(const char *argument, const char *name);
/* Is the file bad, or are we short of something? Then the next start may find it well. */
int daemon_exit_for_config(int r);
unsigned daemon_terminal_width(int fd); /* 0: no terminal */

/* A reload that comes before the loop waits for it, instead of ending us. */
void daemon_defer_reload(void);
/* All the descriptors that may be had are used; a few are kept back: with none left, a small file is still written. -EMFILE,
 * logged: it cannot work with so few. */
int daemon_raise_limits(void);
/* What is in memory holds secrets. Whoever wants a core raises the soft limit again (prlimit(1)). */
void daemon_forbid_core(void);
/* So many heaps for all threads; and what a large document took is given back: the threshold for that would grow with the
 * documents otherwise. */
void daemon_tame_malloc(unsigned heaps);
/* Held for life: two daemons would write one state. -EBUSY. *ret: -1 where nothing can be locked (some network file
 * systems), since starting is better than not. */
int daemon_lock_state(const char *directory, const char *program, int *ret, Error *e);
