/* SPDX-License-Identifier: MIT */
/* Linked into a unit test: the requests for memory and descriptors that the code under test makes are counted, and the one
 * that the test names is refused; a system call can be broken on order. What the test's own file asks for is left alone. */
#include "tests/scarce.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <systemd/sd-event.h>
#include <unistd.h>

static atomic_ulong asked, refused_one; /* 0: none is refused */
static void *where[24];
static atomic_int depth;

void scarce_refuse(unsigned long k)
{
        atomic_store(&asked, 0);
        atomic_store(&depth, 0);
        atomic_store(&refused_one, k);
}

bool scarce_end(void)
{
        return atomic_exchange(&refused_one, 0) <= atomic_load(&asked);
}

void scarce_tell(void)
{
        fprintf(stderr, "this request was refused:\n");
        backtrace_symbols_fd(where, depth, STDERR_FILENO);
}

/* The linker puts the test's own file before this one, and the code under test behind it. */
static bool refuses(const void *caller)
{
        unsigned long k = atomic_load(&refused_one);

        if (k == 0 || (uintptr_t) caller < (uintptr_t) scarce_refuse || atomic_fetch_add(&asked, 1) + 1 != k)
                return false;
        depth = backtrace(where, sizeof where / sizeof where[0]);
        return true;
}
#define REFUSES() refuses(__builtin_return_address(0))

static const char *broken; /* a system call */
static int broken_error;
static unsigned well; /* so many of it still work */

void scarce_break(const char *call, unsigned after, int error)
{
        broken = call;
        well = after;
        broken_error = error;
}

/* 0: it works. */
static int breaks(const char *call, const void *caller)
{
        if (!broken || strcmp(broken, call) != 0 || (uintptr_t) caller < (uintptr_t) scarce_refuse)
                return 0;
        if (well > 0) {
                well--;
                return 0;
        }
        return broken_error;
}

#define CALLS(result, name, parameters, arguments)                      \
        result __real_##name parameters;                                \
        result __wrap_##name parameters;                                \
        result __wrap_##name parameters                                 \
        {                                                               \
                int error = breaks(#name, __builtin_return_address(0)); \
                                                                        \
                if (error != 0) {                                       \
                        errno = error;                                  \
                        return -1;                                      \
                }                                                       \
                return __real_##name arguments;                         \
        }

CALLS(int, connect, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size))
CALLS(int, lstat, (const char *path, struct stat *st), (path, st))
CALLS(int, fstat, (int fd, struct stat *st), (fd, st))
CALLS(int, statvfs, (const char *path, struct statvfs *st), (path, st))
CALLS(int, fstatvfs, (int fd, struct statvfs *st), (fd, st))
CALLS(int, fsync, (int fd), (fd))
CALLS(int, unlinkat, (int folder, const char *name, int flags), (folder, name, flags))
CALLS(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
CALLS(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))

/* Error SCARCE_OTHER: it succeeds, and gives back other bytes. */
ssize_t __real_pread(int fd, void *data, size_t size, off_t at);
ssize_t __wrap_pread(int fd, void *data, size_t size, off_t at);
ssize_t __wrap_pread(int fd, void *data, size_t size, off_t at)
{
        int error = breaks("pread", __builtin_return_address(0));
        ssize_t n = error > 0 ? -1 : __real_pread(fd, data, size, at);

        if (error > 0)
                errno = error;
        else if (error == SCARCE_OTHER && n > 0)
                ((char *) data)[n - 1] ^= 1;
        return n;
}

#define STANDS_FOR(result, error, failed, name, parameters, arguments) \
        result __real_##name parameters;                               \
        result __wrap_##name parameters;                               \
        result __wrap_##name parameters                                \
        {                                                              \
                if (REFUSES()) {                                       \
                        errno = error;                                 \
                        return failed;                                 \
                }                                                      \
                return __real_##name arguments;                        \
        }
#define MEMORY(name, parameters, arguments) STANDS_FOR(void *, ENOMEM, NULL, name, parameters, arguments)
#define TEXT(name, parameters, arguments)   STANDS_FOR(char *, ENOMEM, NULL, name, parameters, arguments)
#define FILES(name, parameters, arguments)  STANDS_FOR(int, EMFILE, -1, name, parameters, arguments)
#define EVENT(name, parameters, arguments)  STANDS_FOR(int, ENOMEM, -ENOMEM, name, parameters, arguments)

MEMORY(malloc, (size_t size), (size))
MEMORY(calloc, (size_t n, size_t size), (n, size))
MEMORY(realloc, (void *p, size_t size), (p, size))
MEMORY(reallocarray, (void *p, size_t n, size_t size), (p, n, size))
TEXT(strdup, (const char *s), (s))
TEXT(strndup, (const char *s, size_t size), (s, size))
STANDS_FOR(int, ENOMEM, -1, vasprintf, (char **ret, const char *format, va_list args), (ret, format, args))
FILES(socket, (int domain, int type, int protocol), (domain, type, protocol))
FILES(pipe2, (int fds[2], int flags), (fds, flags))
FILES(memfd_create, (const char *name, unsigned flags), (name, flags))
STANDS_FOR(pid_t, EAGAIN, -1, fork, (void), ())
STANDS_FOR(pid_t, EAGAIN, -1, _Fork, (void), ())
EVENT(sd_event_add_defer, (sd_event * e, sd_event_source **ret, sd_event_handler_t handler, void *userdata),
      (e, ret, handler, userdata))
EVENT(sd_event_add_time,
      (sd_event * e, sd_event_source **ret, clockid_t clock, uint64_t usec, uint64_t accuracy,
       sd_event_time_handler_t handler, void *userdata),
      (e, ret, clock, usec, accuracy, handler, userdata))
EVENT(sd_event_add_io,
      (sd_event * e, sd_event_source **ret, int fd, uint32_t events, sd_event_io_handler_t handler,
       void *userdata),
      (e, ret, fd, events, handler, userdata))

/* The mode, when there is one, is handed on. */
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
        mode_t mode = 0;
        int error = REFUSES() ? EMFILE : breaks("open", __builtin_return_address(0));

        if (error == SCARCE_NAMELESS)
                error = (flags & O_TMPFILE) == O_TMPFILE ? EOPNOTSUPP : 0;
        if (error != 0) {
                errno = error;
                return -1;
        }
        if (flags & (O_CREAT | __O_TMPFILE)) {
                va_list args;
                va_start(args, flags);
                mode = va_arg(args, mode_t);
                va_end(args);
        }
        return __real_open(path, flags, mode);
}

int __real_openat(int folder, const char *path, int flags, ...);
int __wrap_openat(int folder, const char *path, int flags, ...);
int __wrap_openat(int folder, const char *path, int flags, ...)
{
        mode_t mode = 0;
        int error = REFUSES() ? EMFILE : breaks("openat", __builtin_return_address(0));

        if (error != 0) {
                errno = error;
                return -1;
        }
        if (flags & (O_CREAT | __O_TMPFILE)) {
                va_list args;
                va_start(args, flags);
                mode = va_arg(args, mode_t);
                va_end(args);
        }
        return __real_openat(folder, path, flags, mode);
}
