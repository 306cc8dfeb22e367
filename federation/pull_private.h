/* SPDX-License-Identifier: MIT */
/* What the parts of the Puller share: pull.c says whom, when and how many at once, pull_fetch.c fetches one, pull_answer.c tells those who
 * wait for it. Nobody else includes this. */
#pragma once

#include "base/id.h"
#include "federation/federation.h"
#include "federation/pull.h"
#include "federation/pull_job.h"

#include <sys/queue.h>

#define PULL_ERROR_SIZE 300
#define PULL_FILE_SIZE  (ID_SIZE + 4)

typedef enum PullState {
        PULL_NONE,
        PULL_WAITING,
        PULL_RUNNING,
        PULL_ADDED,
        PULL_UNCHANGED,
        PULL_FAILED,
} PullState;

/* Of a node that was ever asked for; in the order of ids. */
typedef struct Pull {
        Puller *puller;
        char *id, *name, *url;
        bool registered; /* its address is its own word */
        PullState state;
        bool force, ours;                /* ours: it failed here, not there */
        bool storing;                    /* the copy is being put in force */
        bool gone;                       /* meanwhile: belongs to the network no longer */
        uint64_t began_usec, ended_usec; /* boot; 0: never */
        uint64_t sync;                   /* the last one that it was in */
        uint64_t bytes;
        char error[PULL_ERROR_SIZE];
        char file[PULL_FILE_SIZE];
        Fetch *fetch;
        PullJob *job;
        LIST_ENTRY(Pull) entry;
        TAILQ_ENTRY(Pull) turn;
} Pull;

struct Puller {
        Federation *f;
        LIST_HEAD(, Pull) pulls;
        TAILQ_HEAD(, Pull) queue;
        TAILQ_HEAD(, PullWaiter) waiters; /* in the order in which they end */
        unsigned n_running, n_waiters;
        uint64_t sync; /* number of the last one */
        sd_event_source *timer, *periodic;
        uint64_t periodic_usec; /* boot: the last periodic one began, or all of this */
        bool stopping;
        PullerCounts counts;
};

static inline bool pull_is_busy(const Pull *pull)
{
        return pull->state == PULL_WAITING || pull->state == PULL_RUNNING;
}

/* pull.c */
bool pull_is_allowed(const char *id, void *puller); /* does it belong to the network? */
void pull_end(Pull *pull, PullState state);         /* which may free it */

/* pull_fetch.c: ends in exactly one pull_end(), unless it is freed before. Below 0: it has not begun. */
int pull_begin(Pull *pull);
void pull_fail(Pull *pull, bool ours, const char *why); /* and ends it */

/* pull_answer.c */
int pull_waiters_new(Puller *p);
void pull_waiters_free(Puller *p); /* who waits is answered 503 */
void pull_wait_for(Pull *pull, HttpRequest *r);
void pull_answer(const Pull *pull, HttpRequest *r); /* how it is now */
void pull_tell(const Pull *pull);                   /* to all who wait for it */
