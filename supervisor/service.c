/* SPDX-License-Identifier: MIT */
/* systemd's side: signals, READY and RELOADING, STATUS, the watchdog, passed sockets. */
#include "supervisor/service.h"

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "supervisor/publish.h"
#include "supervisor/reload.h"

#include <signal.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <time.h>

static int on_stop(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
        Manager *m = userdata;

        m->stopping = true;
        sd_notify(false, "STOPPING=1");
        log_info("stopping");
        return sd_event_exit(m->event, 0);
}

static int on_hup(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
        reload_start(userdata);
        return 0;
}

/* Pinged only when the scheduler has made progress: a loop that turns without it is as dead as one that hangs. */
static int on_watchdog(sd_event_source *s, uint64_t usec, void *userdata)
{
        Manager *m = userdata;

        if (m->wakes != m->wakes_pinged)
                sd_notify(false, "WATCHDOG=1");
        m->wakes_pinged = m->wakes;
        return loop_timer_set_after(m->watchdog, m->watchdog_usec / 2);
}

static int add_signals(Manager *m)
{
        sigset_t set;
        int r;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGHUP);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        signal(SIGPIPE, SIG_IGN);
        r = sd_event_add_signal(m->event, NULL, SIGTERM, on_stop, m);
        if (r >= 0)
                r = sd_event_add_signal(m->event, NULL, SIGINT, on_stop, m);
        if (r >= 0)
                r = sd_event_add_signal(m->event, NULL, SIGHUP, on_hup, m);
        return r;
}

int service_new(Manager *m)
{
        int r;

        r = add_signals(m);
        if (r < 0)
                return r;
        if (sd_watchdog_enabled(false, &m->watchdog_usec) <= 0)
                return 0;
        r = loop_timer_new(m->event, "watchdog", on_watchdog, m, &m->watchdog);
        return r < 0 ? r : loop_timer_set_after(m->watchdog, m->watchdog_usec / 2);
}

void service_free(Manager *m)
{
        m->watchdog = loop_source_free(m->watchdog);
}

/* The action itself may be busy much longer, restarting a unit that waits for us to be ready. */
bool service_payment_stands(const Manager *m)
{
        _cleanup_free_ char *path = string_printf("%s/payment.env", m->places.runtime_dir), *text = NULL;
        bool wanted = false;

        for (size_t i = 0; i < m->config->n_actions; i++)
                wanted = wanted || streq(m->config->actions[i]->type->name, "payment-mode");
        if (!wanted)
                return true;
        return path && file_read(path, 4096, &text, NULL) >= 0 && strstr(text, engine_change_id(m->engine));
}

void service_check_ready(Manager *m)
{
        if (m->ready || !m->engine || m->stopping || !publisher_stands(m->publisher) ||
            !service_payment_stands(m))
                return;
        m->ready = true;
        sd_notify(false, "READY=1");
        service_status(m);
        log_info("ready");
}

void service_status(const Manager *m)
{
        const ModeState *s = engine_state(m->engine);

        sd_notifyf(false, "STATUS=mode %s%s%s", m->config->modes[s->mode].name,
                   s->pin == MODE_NONE ? "" : ", pinned", s->paused ? ", paused" : "");
}

/* The protocol wants CLOCK_MONOTONIC here, which stands still while the machine sleeps (sd_notify(3)). */
void service_reloading(const Manager *m)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%llu",
                   (unsigned long long) now.tv_sec * USEC_PER_SEC + (unsigned long long) now.tv_nsec / 1000);
}

void service_reloaded(Manager *m)
{
        sd_notify(false, "READY=1");
        service_status(m);
}

int service_socket(int family)
{
        static unsigned used; /* descriptors are the process's; they are handed out once */
        int n = sd_listen_fds(false);

        for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + n && n <= 32; fd++) {
                unsigned bit = 1U << (fd - SD_LISTEN_FDS_START);

                if (used & bit || sd_is_socket(fd, family, SOCK_STREAM, 1) <= 0)
                        continue;
                used |= bit;
                return fd;
        }
        return -ENOENT;
}
