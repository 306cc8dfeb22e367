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

/* Disables and drops a source; NULL is fine; returns NULL. */
sd_event_source *loop_source_free(sd_event_source *source);

int loop_add_io(sd_event *event, const char *description, int fd, uint32_t events, sd_event_io_handler_t fn,
                void *userdata, sd_event_source **ret);
/* Runs fn once, on the next turn of the loop, not from within the caller. */
int loop_add_once(sd_event *event, const char *description, sd_event_handler_t fn, void *userdata,
                  sd_event_source **ret);
