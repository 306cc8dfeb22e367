/* SPDX-License-Identifier: MIT */
/* Logging to the journal or to stderr, without ever waiting for either: a supervisor that hangs because the log's disk
 * hangs would be part of the outage. What cannot be sent is counted and owned up to later. */
#include "base/log.h"

#include "base/text.h"

#include <endian.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MESSAGE_MAX 8192 /* bytes of one message, before escapes */

static const char *const level_names[] = {"emerg",   "alert",  "crit", "err",
                                          "warning", "notice", "info", "debug"};

/* The process has one log. Set by log_open() before there is a second thread; the rest is atomic. */
static const char *log_program = "";
static int log_socket = -EBADF;
static atomic_int log_max = LOG_INFO;
static atomic_uint log_lost;

static bool stderr_is_journal(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        uint64_t device, inode;
        struct stat st;

        return stream && sscanf(stream, "%" SCNu64 ":%" SCNu64, &device, &inode) == 2 &&
               fstat(STDERR_FILENO, &st) >= 0 && (uint64_t) st.st_dev == device &&
               (uint64_t) st.st_ino == inode;
}

void log_open(const char *program)
{
        assert(program);

        log_program = program;
        fd_closep(&log_socket);
        if (stderr_is_journal())
                log_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

int log_set_level(const char *name)
{
        assert(name);

        for (int i = 0; i < (int) ELEMENTSOF(level_names); i++)
                if (streq(name, level_names[i]) || (i == LOG_ERR && streq(name, "error"))) {
                        log_max = i;
                        return 0;
                }
        return -EINVAL;
}

void log_set_level_number(int level)
{
        assert(level >= LOG_EMERG && level <= LOG_DEBUG);

        log_max = level;
}

int log_level(void)
{
        return log_max;
}

/* One field of the journal's native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): a value with a line break
 * is sent with its size. `field` is "NAME=value". */
static void journal_add(Text *t, const char *field)
{
        size_t name = strcspn(field, "=");
        assert(field[name] == '=');
        const char *value = field + name + 1;

        if (!strchr(value, '\n')) {
                text_add_string(t, field);
        } else {
                uint64_t size = htole64(strlen(value));
                text_add_bytes(t, field, name);
                text_add_string(t, "\n");
                text_add_bytes(t, &size, sizeof size);
                text_add_string(t, value);
        }
        text_add_string(t, "\n");
}

/* Not sd_journal_sendv(): that blocks once the journal's queue is full. */
static int journal_send(int level, const char *const fields[], const char *message)
{
        static const struct sockaddr_un journal = {AF_UNIX, "/run/systemd/journal/socket"};
        _cleanup_text_ Text t = {0};

        text_add(&t, "PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\nMESSAGE=%s\n", level, log_program, message);
        for (size_t i = 0; fields && fields[i]; i++)
                journal_add(&t, fields[i]);
        if (t.failed)
                return -ENOMEM;
        ssize_t n = sendto(log_socket, t.data, t.size, MSG_NOSIGNAL | MSG_DONTWAIT,
                           (const struct sockaddr *) &journal, sizeof journal);
        return n < 0 ? -errno : 0;
}

static int stderr_send(int level, const char *message)
{
        const char *word = level <= LOG_ERR       ? "error: "
                           : level == LOG_WARNING ? "warning: "
                           : level == LOG_DEBUG   ? "debug: "
                                                  : "";
        struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
        _cleanup_text_ Text t = {0};

        text_add(&t, "%s%s%s%s\n", log_program, *log_program ? ": " : "", word, message);
        if (t.failed)
                return -ENOMEM;
        for (size_t done = 0; done < t.size;) {
                /* A pipe that nobody reads. Room for POSIX's PIPE_BUF is all that poll() promises. */
                if (poll(&p, 1, 0) == 0)
                        return -EAGAIN;
                ssize_t n = write(STDERR_FILENO, t.data + done, t.size - done);
                if (n < 0 && errno != EINTR)
                        return -errno;
                done += n > 0 ? (size_t) n : 0;
        }
        return 0;
}

static int send_to_either(int level, const char *const fields[], const char *message)
{
        if (log_socket < 0)
                return stderr_send(level, message);
        int r = journal_send(level, fields, message);
        /* No journal there (any more), or a message too long for one datagram: stderr leads to it as well. */
        return r < 0 && r != -EAGAIN ? stderr_send(level, message) : r;
}

static void log_send(int level, const char *const fields[], const char *format, va_list ap) _printf_(3, 0);
static void log_send(int level, const char *const fields[], const char *format, va_list ap)
{
        char raw[MESSAGE_MAX];
        _cleanup_text_ Text message = {0};

        (void) vsnprintf(raw, sizeof raw, format, ap);
        text_add_plain(&message, raw, 0);
        if (message.failed) {
                log_lost++;
                return;
        }

        unsigned lost = log_lost;
        if (lost > 0) {
                char said[64];
                snprintf(said, sizeof said, "%u log messages were lost: nobody took them", lost);
                if (send_to_either(LOG_WARNING, NULL, said) >= 0)
                        log_lost -= lost;
        }
        if (send_to_either(level, fields, message.data ? message.data : "") < 0)
                log_lost++;
}

void log_at(int level, const char *format, ...)
{
        int saved = errno;
        va_list ap;

        assert(format);

        if (level <= log_max) {
                va_start(ap, format);
                log_send(level, NULL, format, ap);
                va_end(ap);
        }
        errno = saved;
}

void log_fields(int level, const char *const fields[], const char *format, ...)
{
        int saved = errno;
        va_list ap;

        assert(format);

        if (level <= log_max) {
                va_start(ap, format);
                log_send(level, fields, format, ap);
                va_end(ap);
        }
        errno = saved;
}
