/* SPDX-License-Identifier: MIT */
/* Inside base/ only: the process that stands between us and a program which we run. All that the program leaves behind,
 * in sessions of its own too, falls to it (PR_SET_CHILD_SUBREAPER), and it ends only when nothing of that is left. A
 * process group does not reach what has called setsid(), and we ourselves could not tell whose an orphan was. */
#pragma once

#include "base/macro.h"

#include <signal.h>
#include <sys/types.h>

/* To the keeper, which blocks all other signals. */
#define KEEPER_ASK SIGTERM /* asks the program's group to end */
#define KEEPER_KILL \
        SIGUSR1 /* kills the program and all that descends from it; so does the end of its parent */

/* What it says through its pipe, in one write: first, perhaps, why the program could not be executed; then how it ended, at
 * once, however long the rest takes. */
typedef struct KeeperReport {
        int error;        /* negative errno, or 0 */
        int code, status; /* as in siginfo_t */
} KeeperReport;

/* In a fork of parent with all signals blocked; runs program(data, our pid), which never returns, in a child of
 * its own.
 * Async-signal-safe throughout. Closes all descriptors but report_fd. */
_Noreturn void keeper_run(pid_t parent, int report_fd, void (*program)(void *data, pid_t keeper), void *data);
