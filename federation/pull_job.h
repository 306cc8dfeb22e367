/* SPDX-License-Identifier: MIT */
/* An export on its way into a new copy: what comes is handed to a thread piece by piece, which reads it and writes a catalog. Little
 * is held: who is fed faster than the disk takes is told to pause. */
#pragma once

#include "base/loop.h"
#include "federation/export_scan.h"
#include "federation/import.h"

typedef struct PullJob PullJob;
#define PULL_JOB_NO_ROOM "copies of other nodes would take more than network.copies_max"

typedef struct PullJobOptions {
        const char *folder, *file, *node;
        uint64_t room; /* bytes that the file may have */
        /* It may be fed again after PULL_JOB_PAUSE, or has failed. On the loop, never from within pull_job_feed(). */
        void (*on_room)(void *userdata);
        void *userdata;
} PullJobOptions;

typedef struct PullJobResult {
        ExportFacts facts;
        ImportReport report;
        uint64_t bytes; /* of the file */
} PullJobResult;

int pull_job_new(sd_event *event, const PullJobOptions *options, PullJob **ret);
/* 0: taken; PULL_JOB_PAUSE: nothing is taken, come again after on_room(); below 0: why it has failed, pull_job_error(). */
#define PULL_JOB_PAUSE 1
int pull_job_feed(PullJob *j, const void *data, size_t size);
const char *pull_job_error(const PullJob *j);  /* "" while it has not */
bool pull_job_blames_sender(const PullJob *j); /* what came is no proper export */
/* That was all. done(): once, perhaps from within; 0: the file is whole and on the disk; below 0: it is gone. result is borrowed. */
void pull_job_finish(PullJob *j, void (*done)(int r, const PullJobResult *result, void *userdata));
/* What is not finished is thrown away, by the thread, later. wait: at the end, when no loop goes on. */
PullJob *pull_job_free(PullJob *j, bool wait);
