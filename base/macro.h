/* SPDX-License-Identifier: MIT */
/* The few macros that everything uses: cleanup, hand-over, sizes, units. */
#pragma once

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define _cleanup_(f)         __attribute__((cleanup(f)))
#define _printf_(fmt, first) __attribute__((format(printf, fmt, first)))
#define _unused_             __attribute__((unused))
/* For large buffers on hot paths: the build clears all others, whoever needs it or not (-ftrivial-auto-var-init). */
#define _unset_ __attribute__((uninitialized))

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))

#define TAKE_PTR(p)                                  \
        ({                                           \
                __typeof__(p) *taken_from_ = &(p);   \
                __typeof__(p) taken_ = *taken_from_; \
                *taken_from_ = NULL;                 \
                taken_;                              \
        })

#define TAKE_FD(fd)                        \
        ({                                 \
                int *taken_from_ = &(fd);  \
                int taken_ = *taken_from_; \
                *taken_from_ = -EBADF;     \
                taken_;                    \
        })

#define MIN(a, b)                                  \
        ({                                         \
                __typeof__(a) min_a_ = (a);        \
                __typeof__(b) min_b_ = (b);        \
                min_a_ < min_b_ ? min_a_ : min_b_; \
        })

#define MAX(a, b)                                  \
        ({                                         \
                __typeof__(a) max_a_ = (a);        \
                __typeof__(b) max_b_ = (b);        \
                max_a_ > max_b_ ? max_a_ : max_b_; \
        })

/* "%zu probe%s" */
#define PLURAL(n) ((n) == 1 ? "" : "s")

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_PER_MIN  (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MIN)
#define USEC_PER_DAY  (24 * USEC_PER_HOUR)
#define USEC_NEVER    UINT64_MAX

/* DEFINE_CLEANUP(Fetch, fetch_free) makes fetch_freep, for `_cleanup_(fetch_freep) Fetch *f = NULL;`. */
#define DEFINE_CLEANUP(Type, free_function)           \
        static inline void free_function##p(Type **p) \
        {                                             \
                if (*p)                               \
                        *p = free_function(*p);       \
        }

static inline void freep(void *p)
{
        free(*(void **) p);
}

#define _cleanup_free_ _cleanup_(freep)

void fd_closep(int *fd); /* closes when >= 0, keeps errno */
#define _cleanup_close_ _cleanup_(fd_closep)

static inline bool streq(const char *a, const char *b)
{
        return strcmp(a, b) == 0;
}
