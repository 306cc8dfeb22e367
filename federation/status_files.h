/* SPDX-License-Identifier: MIT */
/* The status page that failoverd writes, read for /status/: its disk may hang, so a thread reads, and a little is kept. */
#pragma once

#include "base/httpd.h"

typedef struct StatusFiles StatusFiles;
int status_files_new(sd_event *event, const char *directory, StatusFiles **ret);
int status_files_configure(StatusFiles *s, const char *directory); /* another one from now on */
StatusFiles *status_files_free(StatusFiles *s);                    /* who waits is answered 503 */
DEFINE_CLEANUP(StatusFiles, status_files_free)
/* Answers, now or later: path is relative to the directory, decoded; "" is index.html. */
void status_files_serve(StatusFiles *s, HttpRequest *r, const char *path);
