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

/* These return what they are told to, or -EINVAL. Not for the files that define them. */
#if !defined(ANALYZER_DEFINES_ERRORS) && __has_include("base/conf.h")
#include "base/conf.h"
#define error_set(e, r, ...) ((error_set) ((e), (r), __VA_ARGS__), (r))
#define conf_error(...)      ((conf_error) (__VA_ARGS__), -EINVAL)
#endif
