/* SPDX-License-Identifier: MIT */
/* A mount namespace of a test's own, so that it can mount what it needs and leaves no trace. */
#pragma once

#include "base/macro.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

static inline bool namespace_write(const char *path, const char *text)
{
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
        return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t) strlen(text);
}

/* For a forked child with one thread. False: this machine does not let us. */
static inline bool namespace_enter(void)
{
        char uids[64], gids[64];

        snprintf(uids, sizeof uids, "0 %u 1", geteuid());
        snprintf(gids, sizeof gids, "0 %u 1", getegid());
        if (unshare(CLONE_NEWNS) < 0 &&
            (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 || !namespace_write("/proc/self/setgroups", "deny") ||
             !namespace_write("/proc/self/uid_map", uids) || !namespace_write("/proc/self/gid_map", gids)))
                return false;
        return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) >= 0;
}
