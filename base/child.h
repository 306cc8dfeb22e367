/* SPDX-License-Identifier: MIT */
/* Child processes: own process group, clean environment and descriptors, output by pipe, end by pidfd, a deadline
 * at which all of it is killed. What a program leaves behind when it ends is killed too, in whatever group or session. */
#pragma once

#include "base/error.h"
#include "base/loop.h"

#include <sys/types.h>

typedef struct Child Child;

typedef struct ChildSpec {
        /* Either a program … */
        const char *const *argv; /* NULL-terminated; argv[0] with a slash, or found in PATH */
        const char *const *
                        environment; /* NULL-terminated "NAME=value"; added to PATH, LANG=C.UTF-8, HOME=/ only */
        const char *input;           /* standard input, or NULL: /dev/null */
        /* … or a function, run in a fork; what it writes to output_fd is the output, what it returns the exit code
         * (0…255). Async-signal-safe calls only: other threads may hold locks. */
        int (*function)(void *data, int output_fd);
        void *data;

        size_t output_max;     /* bytes kept of standard output; more is read and dropped. 0: 64 KiB */
        uint64_t timeout_usec; /* then SIGTERM to its group, 1 s later SIGKILL to all of it. 0: none */
} ChildSpec;

typedef struct ChildResult {
        int error;        /* 0, or why it could not be started (-ENOENT, -EACCES, -EMFILE, …) */
        int code, status; /* as in siginfo_t: CLD_EXITED and the exit code, CLD_KILLED and the signal */
        bool timed_out;   /* the deadline passed (reported at once; the corpse is reaped later) */
        const char *output, *errors; /* standard output, and the first 4 KiB of standard error; terminated */
        size_t output_size;
} ChildResult;

typedef void (*ChildDone)(Child *child, const ChildResult *result, void *userdata);

/* Never blocks; a program that cannot be executed is reported through done(). done() is called once, and may free
 * the child. Freeing one earlier kills all of it; a process stuck in the kernel is reaped when it comes loose. */
int child_start(sd_event *event, const ChildSpec *spec, ChildDone done, void *userdata, Child **ret);
Child *child_free(Child *child);
DEFINE_CLEANUP(Child, child_free)
/* While it runs: standard output so far, terminated, until the loop goes on; and its process, 0 once it has ended. */
const char *child_output(const Child *child);
pid_t child_pid(const Child *child);
/* For check-config: is there a program of that name, with a slash or in PATH, that we may run? 0, or why not: -ENOENT,
 * -EACCES, …. Looks at files. */
int child_find(const char *program);
/* Processes of ours, killed but not yet gone (stuck in the kernel). */
unsigned child_lingering(void);
