/* SPDX-License-Identifier: MIT */
/* What only the analyzer is told: errno is one of a few positive numbers where it is read. It cannot know that -errno is
 * negative otherwise, takes `return -errno` for success, and finds uninitialised outputs behind every call that fails. */
#include <errno.h>

#undef errno
#define errno                                          \
        (*({                                           \
                int *errno_ = __errno_location();      \
                *errno_ = *errno_ == EINTR    ? EINTR  \
                          : *errno_ == EAGAIN ? EAGAIN \
                          : *errno_ == ENOENT ? ENOENT \
                          : *errno_ == EEXIST ? EEXIST \
                                              : EIO;   \
                errno_;                                \
        }))
