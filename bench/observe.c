/* SPDX-License-Identifier: MIT */
/* Says when what others see changes, and gives the target its orders, on one clock.
 *
 * observe --target SOCKET [--file NAME=PATH]... [--haproxy NAME=SOCKET]...
 *
 * A file is watched by inotify; what stands in it (payment.env, or one word of a notify script) is "up" or "down".
 * HAProxy's word is the line that it logs to SOCKET when it marks a server. Each line on stdin is an order for the
 * target. Each line on stdout is CLOCK_MONOTONIC in microseconds, a name ("target" for orders, stamped before they are
 * sent) and a state. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SUBJECTS_MAX 16

typedef struct Subject {
        const char *name;
        char *path;
        const char *file; /* in its folder; NULL: HAProxy */
        int fd;           /* inotify, or its log's socket */
        char state[32];
} Subject;

static Subject subjects[SUBJECTS_MAX];
static unsigned n_subjects;
static const char *arg_target;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        vfprintf(stderr, format, ap);
        va_end(ap);
        fputc('\n', stderr);
        exit(1);
}

static unsigned long long now_usec(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (unsigned long long) t.tv_sec * 1000000 + (unsigned long long) t.tv_nsec / 1000;
}

static void say(unsigned long long usec, const char *name, const char *state)
{
        printf("%llu %s %s\n", usec, name, state);
        fflush(stdout);
}

static void address_set(struct sockaddr_un *a, const char *path)
{
        *a = (struct sockaddr_un){.sun_family = AF_UNIX};
        if (strlen(path) >= sizeof a->sun_path)
                die("%s is too long for a socket", path);
        memcpy(a->sun_path, path, strlen(path) + 1);
}

/* --- what is watched --- */

static void state_set(Subject *s, unsigned long long usec, const char *state)
{
        if (strcmp(s->state, state) == 0)
                return;
        snprintf(s->state, sizeof s->state, "%s", state);
        say(usec, s->name, state);
}

static void file_read(Subject *s, unsigned long long usec)
{
        char text[256] = "";
        FILE *f = fopen(s->path, "re");

        if (!f)
                return;
        size_t n = fread(text, 1, sizeof text - 1, f);

        fclose(f);
        text[n] = '\0';

        char *mode = strstr(text, "PAYMENT_MODE=");
        char *word = strtok(mode ? mode + strlen("PAYMENT_MODE=") : text, " \n");

        if (word)
                state_set(s, usec, strcmp(word, "primary") == 0 || strcmp(word, "up") == 0 ? "up" : "down");
}

static void file_ready(Subject *s)
{
        char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
        unsigned long long usec = now_usec();
        ssize_t n = read(s->fd, buffer, sizeof buffer);
        const struct inotify_event *e;

        for (char *p = buffer; n > 0 && p < buffer + n; p += sizeof *e + e->len) {
                e = (const struct inotify_event *) p;
                if (e->len > 0 && strcmp(e->name, s->file) == 0)
                        file_read(s, usec);
        }
}

static void file_watch(Subject *s)
{
        char *slash = strrchr(s->path, '/');

        if (!slash)
                die("%s: not a path", s->path);
        s->file = slash + 1;
        s->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        *slash = '\0';
        if (s->fd < 0 || inotify_add_watch(s->fd, s->path, IN_MOVED_TO | IN_CLOSE_WRITE) < 0)
                die("%s: %m", s->path);
        *slash = '/';
        file_read(s, now_usec());
}

static void haproxy_ready(Subject *s)
{
        char line[2048];
        unsigned long long usec = now_usec();
        ssize_t n = recv(s->fd, line, sizeof line - 1, 0);

        if (n <= 0)
                return;
        line[n] = '\0';
        if (strstr(line, "Server ") && strstr(line, " is DOWN"))
                state_set(s, usec, "down");
        else if (strstr(line, "Server ") && strstr(line, " is UP"))
                state_set(s, usec, "up");
}

static void haproxy_watch(Subject *s)
{
        struct sockaddr_un a;

        address_set(&a, s->path);
        s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (s->fd < 0 || bind(s->fd, (struct sockaddr *) &a, sizeof a) < 0)
                die("%s: %m", s->path);
        state_set(s, now_usec(), "up"); /* as HAProxy itself begins */
}

static void subject_add(const char *argument, void (*watch)(Subject *))
{
        const char *equals = strchr(argument, '=');

        if (!equals || n_subjects == SUBJECTS_MAX)
                die("%s: not NAME=PATH, or one too many", argument);

        Subject *s = &subjects[n_subjects++];

        s->name = strndup(argument, (size_t) (equals - argument));
        s->path = strdup(equals + 1);
        if (!s->name || !s->path)
                die("out of memory");
        watch(s);
}

/* --- orders --- */

static void order(const char *what)
{
        struct sockaddr_un a;
        char request[512], answer[512];
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        address_set(&a, arg_target);
        if (fd < 0 || connect(fd, (struct sockaddr *) &a, sizeof a) < 0)
                die("%s: %m", arg_target);
        snprintf(request, sizeof request, "POST / HTTP/1.1\r\nContent-Length: %zu\r\n\r\n%s", strlen(what),
                 what);

        unsigned long long usec = now_usec();

        if (write(fd, request, strlen(request)) < 0)
                die("%s: %m", arg_target);

        ssize_t n = read(fd, answer, sizeof answer - 1);

        close(fd);
        answer[n > 0 ? n : 0] = '\0';
        if (!strstr(answer, " 200 "))
                die("the target does not obey: %s", what);
        say(usec, "target", what);
}

/* False when there will be no more. */
static bool orders_read(void)
{
        static char line[256];
        static size_t size;
        ssize_t n = read(STDIN_FILENO, line + size, sizeof line - 1 - size);
        char *end;

        if (n <= 0)
                return n < 0 && errno == EINTR;
        size += (size_t) n;
        line[size] = '\0';
        while ((end = strchr(line, '\n'))) {
                *end = '\0';
                order(line);
                size -= (size_t) (end + 1 - line);
                memmove(line, end + 1, size + 1);
        }
        return true;
}

int main(int argc, char **argv)
{
        static const struct option options[] = {
                        {"target", required_argument, NULL, 't'},
                        {"file", required_argument, NULL, 'f'},
                        {"haproxy", required_argument, NULL, 'h'},
                        {0},
        };
        struct pollfd polled[SUBJECTS_MAX + 1] = {{.fd = STDIN_FILENO, .events = POLLIN}};

        for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
                if (c == 't')
                        arg_target = optarg;
                else if (c == 'f' || c == 'h')
                        subject_add(optarg, c == 'f' ? file_watch : haproxy_watch);
                else
                        return 2;
        }
        if (!arg_target)
                die("--target is missing");
        for (unsigned i = 0; i < n_subjects; i++)
                polled[i + 1] = (struct pollfd){.fd = subjects[i].fd, .events = POLLIN};
        while (poll(polled, n_subjects + 1, -1) >= 0 || errno == EINTR) {
                for (unsigned i = 0; i < n_subjects; i++)
                        if (polled[i + 1].revents)
                                (subjects[i].file ? file_ready : haproxy_ready)(&subjects[i]);
                if (polled[0].revents && !orders_read())
                        return 0;
        }
        die("poll: %m");
}
