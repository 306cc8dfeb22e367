/* SPDX-License-Identifier: MIT */
/* Follows the daemon's event stream in a child process, so that the caller can watch keys and signals meanwhile and
 * leave at any moment. */
#pragma once

#include "base/text.h"

#include <sys/types.h>

struct Invocation;

typedef struct Follower {
        pid_t pid;
        int fd; /* readable when there is news; -1 when not running */
        Text in;
} Follower;

/* kind: 'S' a status document (one line of JSON), 'E' why there is none (it goes on trying, once a second). */
typedef void (*FollowerNews)(char kind, const char *text, void *userdata);

int follower_start(Follower *f, const struct Invocation *i);
/* Takes what is there; -EPIPE: the child is gone. Of several documents only the newest is told. */
int follower_read(Follower *f, FollowerNews news, void *userdata);
void follower_stop(Follower *f);
