/* SPDX-License-Identifier: MIT */
/* Timers, descriptors and deferred calls on sd-event, with the defaults that this program wants. */
#include "base/loop.h"

#include "base/clock.h"

#include <time.h>

int loop_timer_new(sd_event *event, const char *description, sd_event_time_handler_t fn, void *userdata,
                   sd_event_source **ret)
{
        sd_event_source *s = NULL;
        int r;

        assert(event);
        assert(description);
        assert(fn);
        assert(ret);

        r = sd_event_add_time(event, &s, CLOCK_BOOTTIME, USEC_NEVER, 1, fn, userdata);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(s, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_source_set_description(s, description);
        if (r < 0) {
                loop_source_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

int loop_timer_set(sd_event_source *timer, uint64_t boot_usec)
{
        int r;

        assert(timer);

        if (boot_usec == USEC_NEVER)
                return sd_event_source_set_enabled(timer, SD_EVENT_OFF);
        r = sd_event_source_set_time(timer, boot_usec);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

int loop_timer_set_after(sd_event_source *timer, uint64_t usec)
{
        /* The real clock, not sd_event_now(): that one stood still since the loop's last wake-up. */
        uint64_t now = clock_boot_usec();

        return loop_timer_set(timer, usec < USEC_NEVER - now ? now + usec : USEC_NEVER);
}

int lazy_timer_new(sd_event *event, const char *description, sd_event_time_handler_t fn, void *userdata,
                   LazyTimer *ret)
{
        LazyTimer t = {.due_usec = USEC_NEVER, .armed_usec = USEC_NEVER};
        int r = loop_timer_new(event, description, fn, userdata, &t.source);

        if (r >= 0)
                *ret = t;
        return r;
}

void lazy_timer_clear(LazyTimer *t)
{
        *t = (LazyTimer){.source = loop_source_free(t->source)};
}

static int lazy_timer_arm(LazyTimer *t, uint64_t boot_usec)
{
        t->armed_usec = boot_usec;
        return loop_timer_set(t->source, boot_usec);
}

int lazy_timer_set(LazyTimer *t, uint64_t boot_usec)
{
        assert(t->source);

        t->due_usec = boot_usec;
        if (boot_usec < t->armed_usec)
                return lazy_timer_arm(t, boot_usec);
        if (boot_usec > t->armed_usec && t->armed_usec > clock_boot_usec() + LAZY_TIMER_USEC)
                return lazy_timer_arm(t, boot_usec);
        return 0;
}

bool lazy_timer_fired(LazyTimer *t)
{
        bool due = t->due_usec <= clock_boot_usec();

        (void) lazy_timer_arm(t, due ? USEC_NEVER : t->due_usec);
        if (due)
                t->due_usec = USEC_NEVER;
        return due;
}

sd_event_source *loop_source_free(sd_event_source *source)
{
        return sd_event_source_disable_unref(source);
}

int loop_add_io(sd_event *event, const char *description, int fd, uint32_t events, sd_event_io_handler_t fn,
                void *userdata, sd_event_source **ret)
{
        sd_event_source *s = NULL;
        int r;

        assert(event);
        assert(description);
        assert(fd >= 0);
        assert(fn);
        assert(ret);

        r = sd_event_add_io(event, &s, fd, events, fn, userdata);
        if (r < 0)
                return r;
        r = sd_event_source_set_description(s, description);
        if (r < 0) {
                loop_source_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

int loop_add_once(sd_event *event, const char *description, sd_event_handler_t fn, void *userdata,
                  sd_event_source **ret)
{
        sd_event_source *s = NULL;
        int r;

        assert(event);
        assert(description);
        assert(fn);
        assert(ret);

        r = sd_event_add_defer(event, &s, fn, userdata); /* one-shot by default */
        if (r < 0)
                return r;
        r = sd_event_source_set_description(s, description);
        if (r < 0) {
                loop_source_free(s);
                return r;
        }
        *ret = s;
        return 0;
}
