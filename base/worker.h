/* SPDX-License-Identifier: MIT */
/* A thread with a queue, for calls that may block on a disk. Jobs run one after the other, in order; each one's end
 * is reported on the loop, in order. */
#pragma once

#include "base/loop.h"

typedef struct Worker Worker;
typedef int (*WorkerRun)(void *job);          /* in the thread */
typedef void (*WorkerDone)(int r, void *job); /* on the loop; owns job again */

int worker_new(sd_event *event, const char *name, Worker **ret);
/* 0: done() will be called exactly once. On failure job stays the caller's (-ESHUTDOWN: in worker_free()). Never
 * blocks. */
int worker_submit(Worker *w, WorkerRun run, WorkerDone done, void *job);
size_t worker_pending(const Worker *w);      /* submitted and not yet reported */
uint64_t worker_busy_since(const Worker *w); /* boot time at which the running job began; 0 when idle */
/* Waits at most patience for the queue to drain, then calls done() for what ended, and with -ECANCELED for what was
 * never begun, and lets go: a job stuck in the kernel is never reported and keeps what it uses, deliberately. Once it
 * comes back the thread leaves. May be called from done(). NULL is fine; returns NULL. */
Worker *worker_free(Worker *w, uint64_t patience_usec);
