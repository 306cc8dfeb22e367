/* SPDX-License-Identifier: MIT */
/* The child that holds the event stream and connects again when the daemon restarts. */
#include "ctl/follow.h"
#include "base/file.h"
#include "base/httpd.h"
#include "ctl/ctl.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NEWS_MAX (64 * 1024 * 1024)

static int write_line(int fd, char kind, const char *text)
{
        _cleanup_text_ Text line = {};

        text_add_bytes(&line, &kind, 1);
        text_add_string(&line, text);
        text_add_string(&line, "\n");
        return line.failed ? -ENOMEM : fd_write_all(fd, line.data, line.size);
}

typedef struct Stream {
        int fd;
        bool heard; /* a document has come */
        bool gone;  /* nobody reads any more */
} Stream;

static int on_event(const char *event, const char *data, void *userdata)
{
        Stream *stream = userdata;

        if (!streq(event, "status") || strchr(data, '\n'))
                return 0;
        stream->heard = true;
        stream->gone = write_line(stream->fd, 'S', data) < 0;
        return stream->gone ? 1 : 0;
}

/* One document by asking for it: for a daemon that is there, while the stream brings nothing (a status of thousands of
 * probes is more than the server lets wait on a stream). */
static int ask_once(const Invocation *i, int fd)
{
        _cleanup_free_ char *body = NULL;
        unsigned status = 0;
        int r = http_ask_unix(i->socket, "GET", "/v1/status", NULL, CTL_ANSWER_USEC, &status, &body, NULL);

        if (r < 0 || status != 200)
                return -EAGAIN;
        for (char *c = body; *c != '\0'; c++) /* white space only: inside strings JSON has it escaped */
                if (*c == '\n')
                        *c = ' ';
        return write_line(fd, 'S', body);
}

/* Until the reader is gone. */
static void follow(const Invocation *i, int fd)
{
        const struct timespec pause = {.tv_sec = 1};
        Stream stream = {.fd = fd};

        while (!stream.gone) {
                _cleanup_text_ Text plain = {};
                Error e = {};
                int r;

                stream.heard = false;
                r = http_follow_unix(i->socket, "/v1/events", on_event, &stream, &e);
                if (stream.gone)
                        return;
                if (stream.heard || ask_once(i, fd) < 0) {
                        if (r < 0)
                                (void) ctl_explain_socket(i, r, &e);
                        else
                                error_set(&e, -EPIPE, "failoverd has closed the connection");
                        text_add_plain(&plain, e.text, 0);
                        if (write_line(fd, 'E', plain.data ? plain.data : "") < 0)
                                return;
                }
                nanosleep(&pause, NULL);
        }
}

int follower_start(Follower *f, const Invocation *i)
{
        pid_t parent = getpid();
        int fds[2];

        assert(f);

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        f->pid = fork();
        if (f->pid < 0) {
                int r = -errno;

                close(fds[0]);
                close(fds[1]);
                return r;
        }
        if (f->pid == 0) {
                sigset_t none;

                sigemptyset(&none);
                sigprocmask(SIG_SETMASK, &none, NULL);
                close(fds[0]);
                if (prctl(PR_SET_PDEATHSIG, SIGKILL) >= 0 && getppid() == parent)
                        follow(i, fds[1]);
                _exit(0);
        }
        close(fds[1]);
        (void) fcntl(fds[0], F_SETFL, O_NONBLOCK);
        f->fd = fds[0];
        return 0;
}

/* Tells the newest of each kind in the order in which they came last; older ones are of no use. */
static void tell(Follower *f, FollowerNews news, void *userdata)
{
        char *start = f->in.data, *newest = NULL, *end = NULL;

        for (char *line = start; line && (end = memchr(line, '\n', f->in.size - (size_t) (line - start)));
             line = end + 1) {
                *end = '\0';
                if (newest && *newest != *line)
                        news(*newest, newest + 1, userdata);
                newest = line;
        }
        if (!newest)
                return;
        news(*newest, newest + 1, userdata);
        end = newest + strlen(newest) + 1;
        f->in.size -= (size_t) (end - start);
        memmove(start, end, f->in.size + 1);
}

int follower_read(Follower *f, FollowerNews news, void *userdata)
{
        int r = 0;

        for (;;) {
                char buffer[64 * 1024];
                ssize_t n = read(f->fd, buffer, sizeof(buffer));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        break;
                if (n <= 0) {
                        r = -EPIPE;
                        break;
                }
                text_add_bytes(&f->in, buffer, (size_t) n);
                if (f->in.failed || f->in.size > NEWS_MAX) {
                        r = -EPIPE;
                        text_clear(&f->in);
                        break;
                }
        }
        if (f->in.size > 0)
                tell(f, news, userdata);
        return r;
}

void follower_stop(Follower *f)
{
        if (f->fd >= 0)
                close(f->fd);
        f->fd = -1;
        if (f->pid > 0) {
                (void) kill(f->pid, SIGKILL);
                while (waitpid(f->pid, NULL, 0) < 0 && errno == EINTR)
                        ;
        }
        f->pid = 0;
        text_clear(&f->in);
}
