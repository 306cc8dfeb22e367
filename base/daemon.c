/* SPDX-License-Identifier: MIT */
/* What the daemons' main() have in common: where things are, exit codes, limits. */
#include "base/daemon.h"

#include "base/log.h"
#include "base/text.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define DESCRIPTORS_MIN  32 /* failoverd uses 25 with a handful of probes */
#define DESCRIPTORS_KEPT 16
#define LOCK_TRIES       25
#define LOCK_USEC        (20 * 1000)

static char *from_environment(const char *name)
{
        const char *value = getenv(name);

        return value && value[0] ? strndup(value, strcspn(value, ":")) : NULL;
}

char *daemon_directory(const char *argument, const char *variable, const char *fallback)
{
        char *value;

        if (argument)
                return strdup(argument);
        value = from_environment(variable);
        return value ? value : strdup(fallback);
}

char *daemon_config(const char *argument, const char *name)
{
        _cleanup_free_ char *directory = NULL;

        if (argument)
                return strdup(argument);
        directory = from_environment("CONFIGURATION_DIRECTORY");
        return string_printf("%s/%s", directory ? directory : "/etc/failoverd", name);
}

int daemon_exit_for_config(int r)
{
        switch (r) {
        case -ENOMEM:
        case -EMFILE:
        case -ENFILE:
        case -EIO:
        case -EINTR:
                return EXIT_OTHER;
        default:
                return EXIT_CONFIG;
        }
}

unsigned daemon_terminal_width(int fd)
{
        struct winsize size;

        if (!isatty(fd))
                return 0;
        return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40 ? MIN(size.ws_col, 120U) : 80;
}

void daemon_defer_reload(void)
{
        sigset_t early;

        sigemptyset(&early);
        sigaddset(&early, SIGHUP);
        sigprocmask(SIG_BLOCK, &early, NULL);
}

int daemon_raise_limits(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return 0;
        if (limit.rlim_max < DESCRIPTORS_MIN) {
                log_error("a limit of %llu descriptors is too low: %d at least (LimitNOFILE= of the unit, "
                          "ulimit -n)",
                          (unsigned long long) limit.rlim_max, DESCRIPTORS_MIN);
                return -EMFILE;
        }
        limit.rlim_cur = limit.rlim_max;
        if (limit.rlim_max >= DESCRIPTORS_MIN + DESCRIPTORS_KEPT)
                limit.rlim_cur -= DESCRIPTORS_KEPT;
        setrlimit(RLIMIT_NOFILE, &limit);
        return 0;
}

void daemon_forbid_core(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_CORE, &limit) == 0) {
                limit.rlim_cur = 0;
                setrlimit(RLIMIT_CORE, &limit);
        }
}

void daemon_tame_malloc(unsigned heaps)
{
        mallopt(M_ARENA_MAX, (int) heaps);
        mallopt(M_MMAP_THRESHOLD, 128 * 1024);
        mallopt(M_TRIM_THRESHOLD, 256 * 1024);
}

/* Asked for half a second: a child that a killed predecessor left between fork and exec holds its lock for some
 * milliseconds. */
int daemon_lock_state(const char *directory, const char *program, int *ret, Error *e)
{
        _cleanup_close_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        bool locked;

        *ret = -1;
        if (fd < 0)
                return 0;
        for (unsigned i = 0;
             !(locked = flock(fd, LOCK_EX | LOCK_NB) >= 0) && errno == EWOULDBLOCK && i < LOCK_TRIES; i++)
                usleep(LOCK_USEC);
        if (!locked && errno == EWOULDBLOCK)
                return error_set(e, -EBUSY, "%s: another %s keeps its state there", directory, program);
        *ret = TAKE_FD(fd);
        return 0;
}
