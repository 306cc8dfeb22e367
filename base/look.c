/* SPDX-License-Identifier: MIT */
/* Looking at files that may not answer, in a process that can be left behind. */
#include "base/look.h"

#include "base/clock.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Fits into a pipe as a whole. */
typedef struct Answer {
        size_t job;
        LookResult result;
} Answer;

typedef struct Looker {
        pid_t pid;
        int fd; /* answers come out of it */
} Looker;

/* Files are looked at as the daemon will see them; what systemd hands to it is read by root, as systemd does. */
static void become_daemon(const char *name)
{
        const struct passwd *user = geteuid() == 0 ? getpwnam(name) : NULL;

        if (user &&
            (initgroups(name, user->pw_gid) < 0 || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0))
                _exit(1); /* never with more rights than was meant */
}

/* Those with these rights, from `from` on. Answers only; whoever reads them has the deadline. */
static void run_all(const LookJob *jobs, size_t n, size_t from, const char *user, int fd)
{
        if (user)
                become_daemon(user);
        for (size_t i = from; i < n; i++) {
                Answer answer;

                if (jobs[i].as_daemon != !!user)
                        continue;
                memset(&answer, 0, sizeof(answer));
                answer.job = i;
                answer.result.error = jobs[i].run(jobs[i].job, &answer.result);
                if (write(fd, &answer, sizeof(answer)) != (ssize_t) sizeof(answer))
                        _exit(1);
        }
        _exit(0);
}

static int looker_start(const LookJob *jobs, size_t n, size_t from, const char *user, Looker *ret)
{
        int fds[2], r;
        pid_t pid;

        static_assert(sizeof(Answer) <= PIPE_BUF, "written as a whole");
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        pid = fork();
        if (pid < 0) {
                r = -errno;
                close(fds[0]);
                close(fds[1]);
                return r;
        }
        if (pid == 0) {
                close(fds[0]);
                signal(SIGPIPE, SIG_DFL);
                run_all(jobs, n, from, user, fds[1]);
        }
        close(fds[1]);
        *ret = (Looker){.pid = pid, .fd = fds[0]};
        return 0;
}

/* Not waited for when it is stuck: it goes when the disk comes back, and so does its entry. */
static void looker_end(Looker *l)
{
        close(l->fd);
        kill(l->pid, SIGKILL);
        for (int i = 0; i < 50 && waitpid(l->pid, NULL, WNOHANG) == 0; i++)
                usleep(1000);
}

/* 1: an answer; 0: none will come any more; -ETIMEDOUT. */
static int looker_read(const Looker *l, uint64_t until, Answer *ret)
{
        struct pollfd p = {.fd = l->fd, .events = POLLIN};
        ssize_t size;

        for (;;) {
                uint64_t now = clock_boot_usec();
                int r = poll(&p, 1, now >= until ? 0 : (int) ((until - now) / USEC_PER_MSEC) + 1);

                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return 0;
                if (r == 0)
                        return -ETIMEDOUT;
                size = read(l->fd, ret, sizeof(*ret));
                return size == (ssize_t) sizeof(*ret);
        }
}

static size_t next_job(const LookJob *jobs, size_t n, size_t i, const char *user)
{
        while (i < n && jobs[i].as_daemon != !!user)
                i++;
        return i;
}

static int look_as(const LookJob *jobs, size_t n, const char *user, uint64_t end, LookResult *results)
{
        size_t i = next_job(jobs, n, 0, user);

        while (i < n) {
                Looker looker = {.fd = -EBADF}; /* for gcc, which thinks that errno may be 0 */
                int r = looker_start(jobs, n, i, user, &looker);

                if (r < 0)
                        return r;
                while (i < n) {
                        uint64_t until = MIN(clock_boot_usec() + LOOK_USEC, end);
                        Answer answer;

                        r = looker_read(&looker, until, &answer);
                        if (r > 0 && answer.job == i) {
                                results[i] = answer.result;
                        } else {
                                results[i].hung = r == -ETIMEDOUT;
                                results[i].error = until == end ? -ECANCELED : r == -ETIMEDOUT ? r : -EIO;
                        }
                        i = next_job(jobs, n, i + 1, user);
                        if (r <= 0)
                                break; /* another process goes on behind it */
                }
                looker_end(&looker);
                if (clock_boot_usec() < end)
                        continue;
                for (; i < n; i = next_job(jobs, n, i + 1, user))
                        results[i].error = -ECANCELED;
        }
        return 0;
}

int look(const LookJob *jobs, size_t n, const char *user, void *userdata)
{
        _cleanup_free_ LookResult *results = calloc(n + 1, sizeof(*results));
        uint64_t end = clock_boot_usec() + LOOK_ALL_USEC;
        int r;

        if (!results)
                return -ENOMEM;
        r = look_as(jobs, n, user, end, results);
        if (r >= 0)
                r = look_as(jobs, n, NULL, end, results);
        for (size_t i = 0; i < n && r >= 0; i++)
                jobs[i].told(jobs[i].job, &results[i], userdata);
        return r;
}

static int run_read(void *data, LookResult *ret)
{
        _cleanup_close_ int fd = open(data, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        char byte;

        return fd < 0 || (read(fd, &byte, 1) < 0 && errno != EAGAIN) ? -errno : 0;
}

static void told_read(void *data, const LookResult *result, void *userdata)
{
        *(int *) userdata = result->error;
}

int look_at_file(const char *path)
{
        char *copy = strdup(path);
        LookJob job = {.run = run_read, .told = told_read, .job = copy};
        int answer = 0, r;

        if (!copy)
                return -ENOMEM;
        r = look(&job, 1, "", &answer);
        free(copy);
        return r < 0 ? r : answer;
}
