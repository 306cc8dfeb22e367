/* SPDX-License-Identifier: MIT */
/* What is behind an Outbox, and its attempts in flight: for outbox.c, outbox_run.c, outbox_spokes.c and outbox_show.c only. */
#pragma once

#include "supervisor/delivery.h"

#define OUTBOX_RUNNING_MAX 16  /* attempts at once … */
#define OUTBOX_EVENTS_MAX  12  /* … and of these, for events */
#define OUTBOX_SPOKES_MAX  128 /* beside them, to targets of types that fan out … */
#define OUTBOX_DOUBTFUL_MAX \
        16 /* … and of these, to those whose last attempt failed: they may hold it for the whole timeout */
/* Targets that are given up at about the same time are told of together. */
#define OUTBOX_GATHER_USEC (15 * USEC_PER_SEC)

/* One attempt of one action, with all that it borrows. */
typedef struct Running {
        TAILQ_ENTRY(Running) entry; /* tests */
        Outbox *outbox;
        Channel *channel;   /* NULL: gone */
        Delivery *delivery; /* NULL: a refresh, a test, or of a delivery that was superseded meanwhile */
        const ActionConfig *config;
        Facts *facts;
        json_t *status, *public_status;
        char *progress;   /* of the delivery, when it began */
        ActionFacts view; /* facts, with the newest status document and the progress */
        Action *action;   /* NULL: a test that waits */
        bool query;
        bool spoke, doubtful; /* counted as such */
        char name[80];        /* of the action, also when it is gone */
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
        json_t *status, *public_status; /* the newest documents */
        Facts *restored;                /* of the last delivery that was: its siblings share them */
        uint64_t head_start_usec;       /* until then only payment-mode is tried */
        uint64_t random;
        int64_t last_id;
        unsigned n_running, n_events, n_spokes, n_doubtful;
        bool retarget; /* the targets are to be looked at again */
};

Running *running_free(Running *r); /* abandons the attempt */
void running_stop(Running *r);     /* the same, and keeps the rest */
/* target: of a spoke; NULL: the action's own, or its hub. */
Channel *outbox_find(const Outbox *o, const char *name, const char *target);
Channel *outbox_find_for(const Outbox *o, const Delivery *d);
void outbox_abandon(Channel *c); /* its attempts in flight */
int64_t outbox_next_id(Outbox *o, uint64_t wall);

/* outbox_spokes.c */
/* Why it could not be read last whom a hub tells; "". */
const char *outbox_targets_trouble(const Outbox *o, const Channel *hub);
/* A hub's targets as they are now: marks spokes whose target is gone, supersedes what they still had to say, and hands out
 * what waited at the hub. */
void outbox_look_around(Outbox *o);
/* One delivery for each target, or one for the hub while they are not known, at the end of the list. -ENOMEM: then the
 * caller frees what the list holds. */
int outbox_fan_out(Outbox *o, Channel *hub, Facts *facts, DeliveryList *ret);
int outbox_find_spoke(Outbox *o, Channel *hub, const char *target,
                      Channel **ret); /* makes it when it is new */
void outbox_judge(Outbox *o, Channel *hub,
                  uint64_t now); /* tells of its trouble as a whole, when it is time */

/* outbox_run.c */
void outbox_set_status(Outbox *o, const ActionFacts *facts); /* of its documents NULL: stays as it is */
void outbox_start(Outbox *o);                                /* tries what is due; calls nobody back */
void outbox_arm(Outbox *o); /* sees to it that all that is due is done in the loop's next turn */
int outbox_on_timer(sd_event_source *source, uint64_t usec, void *userdata);
