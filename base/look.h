/* SPDX-License-Identifier: MIT */
/* Looking at files that may not answer: a child process looks, one after the other, and is left behind with the one that
 * hangs (a process stuck in the kernel cannot be killed, and would keep us from ending, too). For check-config, which
 * has no loop and may wait for a moment. Not for a process with threads. */
#pragma once

#include "base/error.h"

#define LOOK_USEC     (2 * USEC_PER_SEC)  /* for one of them */
#define LOOK_ALL_USEC (10 * USEC_PER_SEC) /* for all: what is left then is not looked at */

typedef struct LookResult {
        int error; /* what run() returned; -ETIMEDOUT: no answer; -ECANCELED: there was no time left */
        bool hung; /* … and -ETIMEDOUT is not its own word */
        uint64_t values[2];                        /* what run() found */
        char text[sizeof(((Error *) NULL)->text)]; /* run()'s words */
} LookResult;

/* In the child: fills ret; what it returns goes into error. */
typedef int (*LookRun)(void *job, LookResult *ret);
/* In this process, in the order of the jobs. */
typedef void (*LookTold)(void *job, const LookResult *result, void *userdata);

typedef struct LookJob {
        LookRun run;
        LookTold told;
        void *job;
        bool as_daemon; /* with the rights of the daemon's user, when we are root and it exists */
} LookJob;

/* user: the daemon's. -errno when no process can be had: then nothing is told. */
int look(const LookJob *jobs, size_t n, const char *user, void *userdata);
/* Is this file answered for within a moment? 0, -errno; -ETIMEDOUT. */
int look_at_file(const char *path);
