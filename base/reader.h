/* SPDX-License-Identifier: MIT */
/* The files that an attempt needs, secrets above all, read in threads: a disk that hangs holds up who asked, and nobody
 * else. A file is read by one thread at a time; who asks meanwhile gets the same answer. */
#pragma once

#include "base/error.h"
#include "base/loop.h"

#define READING_FILES_MAX 4

typedef struct Reader Reader;
typedef struct Reading Reading;

typedef struct ReadingFile {
        const char *name; /* as in the configuration: see secret_read() */
        bool plain;       /* no secret: only looked at, before a library reads it on the loop */
} ReadingFile;

typedef void (*ReadingDone)(Reading *reading, void *userdata);

int reader_new(sd_event *event, Reader **ret);
/* After all readings. What is stuck in the kernel is left behind, deliberately. NULL is fine; returns NULL. */
Reader *reader_free(Reader *r);

/* Reads all n files (at most READING_FILES_MAX), each name one that lives as long as the reading. done() is called once,
 * never from within, whatever became of the files, and may free the reading; freeing it earlier means that nobody is
 * told. */
int reading_start(Reader *r, const ReadingFile *files, size_t n, const char *config_dir, ReadingDone done,
                  void *userdata, Reading **ret);
Reading *reading_free(Reading *reading);
DEFINE_CLEANUP(Reading, reading_free)
/* What the file holds, borrowed from the reading ("" when it is plain); else as secret_read(), with its text. */
int reading_get(const Reading *reading, const char *name, const char **ret, Error *e);
/* The first file whose content has not come yet; NULL when all has. */
const char *reading_waits_for(const Reading *reading);
