/* SPDX-License-Identifier: MIT */
/* sd-event is used bare; this holds only what it makes easy to get wrong. */
#pragma once

#include "base/macro.h"

#include <systemd/sd-event.h>

static inline void sd_event_unrefp_(sd_event **e)
{
        sd_event_unref(*e);
}
#define _cleanup_event_ _cleanup_(sd_event_unrefp_)

/* A one-shot timer on CLOCK_BOOTTIME, exact (sd-event's default accuracy is 250 ms), not armed until set. */
int loop_timer_new(sd_event *event, const char *description, sd_event_time_handler_t fn, void *userdata,
                   sd_event_source **ret);
int loop_timer_set(sd_event_source *timer, uint64_t boot_usec); /* USEC_NEVER disarms */
int loop_timer_set_after(sd_event_source *timer, uint64_t usec);

/* A timer for what is put off again and again and seldom comes to pass. The kernel hears of it only when it must be woken
 * earlier than it knows (setting its timer costs as much as sending a request): put off, or not wanted any more, it wakes us
 * once for nothing, unless that would be more than LAZY_TIMER_USEC away. */
#define LAZY_TIMER_USEC USEC_PER_SEC
typedef struct LazyTimer {
        sd_event_source *source;
        uint64_t due_usec, armed_usec;
} LazyTimer;
int lazy_timer_new(sd_event *event, const char *description, sd_event_time_handler_t fn, void *userdata,
                   LazyTimer *ret);
void lazy_timer_clear(LazyTimer *t);
int lazy_timer_set(LazyTimer *t, uint64_t boot_usec); /* USEC_NEVER disarms */
/* What fn asks first: false when it was woken for nothing. */
bool lazy_timer_fired(LazyTimer *t);

/* Disables and drops a source; NULL is fine; returns NULL. */
sd_event_source *loop_source_free(sd_event_source *source);

int loop_add_io(sd_event *event, const char *description, int fd, uint32_t events, sd_event_io_handler_t fn,
                void *userdata, sd_event_source **ret);
/* Runs fn once, on the next turn of the loop, not from within the caller. */
int loop_add_once(sd_event *event, const char *description, sd_event_handler_t fn, void *userdata,
                  sd_event_source **ret);
