/* SPDX-License-Identifier: MIT */
/* A daemon's side of systemd: signals, READY and RELOADING, STATUS, the watchdog, passed sockets. */
#include "base/service.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#define SOCKETS_MAX      64
#define LINGER_LOOK_USEC (20 * USEC_PER_MSEC)

struct Service {
        ServiceOptions options;
        sd_event_source *watchdog, *signals[3], *linger;
        uint64_t watchdog_usec;
        uint64_t progress;     /* as of the last ping */
        uint64_t linger_until; /* boot time */
        bool ready, stopping, was_idle;
        char *status, refused[400]; /* what STATUS= says */
};

/* Once nobody waits, what was said last has one more turn to leave. */
static int on_linger(sd_event_source *source, uint64_t usec, void *userdata)
{
        Service *s = userdata;
        bool idle = !s->options.busy(s->options.userdata);

        if (s->was_idle || clock_boot_usec() >= s->linger_until)
                return sd_event_exit(s->options.event, 0);
        s->was_idle = idle;
        return loop_timer_set_after(s->linger, LINGER_LOOK_USEC);
}

static int linger(Service *s)
{
        int r;

        s->linger_until = clock_boot_usec() + SERVICE_LINGER_USEC;
        r = loop_timer_new(s->options.event, "linger", on_linger, s, &s->linger);
        return r < 0 ? r : loop_timer_set_after(s->linger, 0);
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
        Service *s = userdata;

        if (s->stopping) /* somebody insists */
                return sd_event_exit(s->options.event, 0);
        s->stopping = true;
        sd_notify(false, "STOPPING=1");
        log_info("stopping");
        if (s->options.stop)
                s->options.stop(s->options.userdata);
        if (s->options.busy && s->options.busy(s->options.userdata) && linger(s) >= 0)
                return 0;
        return sd_event_exit(s->options.event, 0);
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
        Service *s = userdata;

        s->options.reload(s->options.userdata);
        return 0;
}

static int on_watchdog(sd_event_source *source, uint64_t usec, void *userdata)
{
        Service *s = userdata;
        uint64_t progress = s->options.progress(s->options.userdata);

        if (progress != s->progress)
                sd_notify(false, "WATCHDOG=1");
        s->progress = progress;
        return loop_timer_set_after(s->watchdog, s->watchdog_usec / 2);
}

static int add_signals(Service *s)
{
        sd_event *event = s->options.event;
        sigset_t set;
        int r;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGHUP);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        signal(SIGPIPE, SIG_IGN);
        r = sd_event_add_signal(event, &s->signals[0], SIGTERM, on_stop, s);
        if (r >= 0)
                r = sd_event_add_signal(event, &s->signals[1], SIGINT, on_stop, s);
        if (r >= 0)
                r = sd_event_add_signal(event, &s->signals[2], SIGHUP, on_reload, s);
        return r;
}

int service_new(const ServiceOptions *options, Service **ret)
{
        _cleanup_(service_freep) Service *s = calloc(1, sizeof(*s));
        int r;

        assert(options->event && options->reload && options->progress);
        if (!s)
                return -ENOMEM;
        s->options = *options;
        r = add_signals(s);
        if (r < 0)
                return r;
        if (sd_watchdog_enabled(false, &s->watchdog_usec) > 0) {
                r = loop_timer_new(options->event, "watchdog", on_watchdog, s, &s->watchdog);
                if (r >= 0)
                        r = loop_timer_set_after(s->watchdog, s->watchdog_usec / 2);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(s);
        return 0;
}

Service *service_free(Service *s)
{
        if (!s)
                return NULL;
        loop_source_free(s->watchdog);
        loop_source_free(s->linger);
        for (size_t i = 0; i < ELEMENTSOF(s->signals); i++)
                loop_source_free(s->signals[i]);
        free(s->status);
        free(s);
        return NULL;
}

void service_ready(Service *s)
{
        if (s->ready || s->stopping)
                return;
        s->ready = true;
        sd_notify(false, "READY=1");
        log_info("ready");
}

bool service_is_ready(const Service *s)
{
        return s->ready;
}

static void status_send(const Service *s)
{
        const char *status = s->status ? s->status : "";

        sd_notifyf(false, "STATUS=%s%s%s", status, s->refused[0] ? "; a reload was refused: " : "",
                   s->refused);
}

void service_status(Service *s, const char *format, ...)
{
        _cleanup_free_ char *text = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&text, format, ap);
        va_end(ap);
        if (r < 0) {
                text = NULL;
                return;
        }
        free(s->status);
        s->status = TAKE_PTR(text);
        status_send(s);
}

/* The protocol wants CLOCK_MONOTONIC here, which stands still while the machine sleeps (sd_notify(3)). */
void service_reloading(Service *s)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%llu",
                   (unsigned long long) now.tv_sec * USEC_PER_SEC + (unsigned long long) now.tv_nsec / 1000);
}

void service_reloaded(Service *s, const char *refused)
{
        plain_copy(s->refused, sizeof(s->refused), refused ? refused : "");
        status_send(s);
        sd_notify(false, "READY=1");
}

const char *service_refused(const Service *s)
{
        return s ? s->refused : "";
}

/* --- passed sockets --- */

static bool fits(int fd, int family, const char *its_name, const char *name)
{
        if (sd_is_socket(fd, family, SOCK_STREAM, 1) <= 0 &&
            (family != AF_INET || sd_is_socket(fd, AF_INET6, SOCK_STREAM, 1) <= 0))
                return false;
        return !name || streq(its_name, name);
}

int service_socket(int family, const char *name)
{
        static uint64_t used; /* descriptors are the process's; they are handed out once */
        char **names = NULL;
        int n = sd_listen_fds_with_names(false, &names), found = -ENOENT;

        for (int i = 0; i < n; i++) {
                int fd = SD_LISTEN_FDS_START + i;

                if (i < SOCKETS_MAX && found < 0 && !(used & UINT64_C(1) << i) &&
                    fits(fd, family, names[i], name)) {
                        used |= UINT64_C(1) << i;
                        found = fd;
                }
                free(names[i]);
        }
        free(names);
        return found;
}
