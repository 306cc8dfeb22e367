/* SPDX-License-Identifier: MIT */
/* Attempts in flight: for the outbox's own files only. */
#pragma once

#include "supervisor/delivery.h"

#define OUTBOX_RUNNING_MAX 16 /* attempts at once … */
#define OUTBOX_EVENTS_MAX  12 /* … and of these, for events */

/* One attempt of one action, with all that it borrows. */
typedef struct Running {
        TAILQ_ENTRY(Running) entry; /* tests */
        Outbox *outbox;
        Channel *channel;   /* NULL: gone */
        Delivery *delivery; /* NULL: a refresh, a test, or of a delivery that was superseded meanwhile */
        const ActionConfig *config;
        Facts *facts;
        json_t *status;
        ActionFacts view; /* facts, with the newest status document */
        Action *action;   /* NULL: a test that waits */
        bool query;
        char name[80]; /* of the action, also when it is gone */
        OutboxTested tested;
        void *userdata;
} Running;

typedef TAILQ_HEAD(RunningList, Running) RunningList;

typedef struct Count {
        struct Count *next;
        const char *type;
        uint64_t n[4];
} Count;

typedef TAILQ_HEAD(ChannelList, Channel) ChannelList;

struct Outbox {
        ActionContext *context;
        OutboxEvents events;
        sd_event_source *timer;
        ChannelList channels; /* in the order in which they are tried: payment-mode, state actions, events */
        ChannelList gone;     /* … whose end is to be told */
        ChannelList spare;    /* … of no action yet */
        size_t n_spare;
        DeliveryList ended; /* … of which, too */
        RunningList tests;
        Count *counts;
        json_t *status;           /* the newest status document */
        uint64_t head_start_usec; /* until then only payment-mode is tried */
        uint64_t random;
        int64_t last_id;
        unsigned n_running, n_events;
};

Running *running_free(Running *r); /* abandons the attempt */
Channel *outbox_find(const Outbox *o, const char *name);
void outbox_set_status(Outbox *o, json_t *status); /* NULL: stays as it is */
void outbox_start(Outbox *o);                      /* tries what is due; calls nobody back */
void outbox_arm(Outbox *o); /* sees to it that all that is due is done in the loop's next turn */
int outbox_on_timer(sd_event_source *source, uint64_t usec, void *userdata);
