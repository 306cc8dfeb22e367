/* SPDX-License-Identifier: MIT */
/* The registries that actions name, read ahead and kept in memory: an action that must say something now does not wait for
 * a disk. Each is read when it is first wanted, soon after its file was replaced, and every minute; what was read last stays while
 * it cannot be read. */
#pragma once

#include "base/registry.h"

typedef struct Registries Registries;

#define REGISTRIES_EVERY_USEC   USEC_PER_MIN
#define REGISTRIES_AGAIN_USEC   (10 * USEC_PER_SEC) /* the same, of one that could not be read */
#define REGISTRIES_TIMEOUT_USEC (5 * USEC_PER_SEC)
#define REGISTRIES_PACE_USEC \
        (300 * USEC_PER_MSEC) /* between two reads of a file that is replaced all the time */

/* changed: something was read, or could not be; from the loop only, and may call registries_get(). */
int registries_new(sd_event *event, void (*changed)(void *userdata), void *userdata, Registries **ret);
Registries *registries_free(Registries *r);
DEFINE_CLEANUP(Registries, registries_free)

int registries_want(Registries *r, const char *path); /* once or again; -ENOMEM */
/* Forgets those that are not wanted any more, and reads the others again now. */
void registries_keep(Registries *r, bool (*wanted)(const char *path, void *userdata), void *userdata);

/* 0, with what was read last, borrowed until the loop goes on; -EAGAIN: it is being read for the first time; -ENODATA: it
 * could not be read yet, and why (for people, names the path; borrowed likewise). */
int registries_get(const Registries *r, const char *path, const Registry **ret, const char **ret_why);
uint64_t registries_modified(const Registries *r,
                             const char *path); /* when the file that was read was written; 0: never */
/* Why it could not be read when it was tried last, borrowed likewise; "": it could, or was not tried yet. */
const char *registries_trouble(const Registries *r, const char *path);
/* Another one whenever a registry says something else of its nodes. */
uint64_t registries_serial(const Registries *r);
