/* SPDX-License-Identifier: MIT */
/* One action's deliveries (of a type that fans out: to one target) in their order, and what becomes of each: pure, without clock, I/O or randomness, so that tests
 * can live through 75 hours in a moment. outbox.c runs it.
 *
 * Times are boot microseconds, but those that are called wall. */
#pragma once

#include "supervisor/config.h"
#include "supervisor/facts.h"
#include "supervisor/outbox.h"

#include <sys/queue.h>

/* More events than this wait for one target: alerts that have ended meanwhile are left out. */
#define CHANNEL_STORM          500
#define CHANNEL_FAILING        3 /* failed attempts after which an action is in trouble */
#define OUTBOX_RETRY_AFTER_MAX USEC_PER_HOUR
/* A delivery found at a start is tried for this long at least, whatever the wall clock says of its age. */
#define OUTBOX_RESTORED_USEC USEC_PER_HOUR

struct Delivery {
        TAILQ_ENTRY(Delivery) entry;
        int64_t id;
        char *change; /* of the change, or the alert's facts: what releases it */
        char *action, *target;
        const char *type;
        bool event;
        Facts *facts;
        DeliveryState state;
        char message[320];
        char *progress; /* what of it is done, in the type's words; NULL: nothing that is known */
        unsigned attempts;
        uint64_t created_wall_usec, next_wall_usec, finished_wall_usec;

        bool released;
        bool fresh;   /* nobody was told of it yet: it came after the batch of its change */
        bool ask;     /* query() comes first */
        bool written; /* its end is in a batch already */
        bool assures; /* what a change that is stored has made so: no row of its own */
        uint64_t due_usec, give_up_usec;
        uint64_t resume_usec; /* not tried before, when it was restored */
};

typedef TAILQ_HEAD(DeliveryList, Delivery) DeliveryList;

typedef enum Trouble {
        TROUBLE_NONE,
        TROUBLE_FAILING,
        TROUBLE_GIVEN_UP,
} Trouble;

/* The deliveries of one action. A type that fans out has a hub, and for each target a spoke behind it: spokes carry the
 * deliveries; the hub keeps those for which the targets are not known yet, and tells of all their trouble as one. */
typedef struct Channel {
        TAILQ_ENTRY(Channel) entry;
        char name[80];
        struct Channel *hub;        /* of a spoke; else NULL */
        char *target;               /* likewise */
        bool doubtful;              /* its last attempt failed */
        bool gone;                  /* a spoke whose target is none any more */
        bool waits;                 /* a hub that will soon know its targets */
        unsigned n_targets;         /* a hub knew of, when it last looked */
        const ActionConfig *config; /* borrowed */
        DeliveryList pending;       /* by id */
        size_t n_pending;
        int64_t newest; /* id of the newest change that it was to make so; state actions */
        Delivery *last; /* the newest that has ended */
        Trouble trouble;
        Trouble told; /* a hub's: the worst of its own and its spokes', as told */
        bool rejudge; /* a hub: trouble of it or of a spoke has changed */
        uint64_t tell_usec; /* what was given up is told then, or once no attempt is in flight; 0: nothing is to be told */
        struct Running *running, *refreshing; /* outbox.c's: attempts in flight */
        Facts *refresh;                       /* is wanted next */
        bool calm;                            /* nothing is wanted of it any more: its trouble ends */
} Channel;

int channel_new(Channel **ret); /* for no action yet */
void channel_begin(Channel *c, const ActionConfig *config);
int channel_new_spoke(Channel *hub, const char *target, Channel **ret);
static inline bool channel_fans_out(const Channel *c) /* is it a hub? */
{
        return c->config && c->config->type->targets && !c->hub;
}
Channel *channel_free(Channel *c); /* its deliveries too */
DEFINE_CLEANUP(Channel, channel_free)

/* Is this for that action? Changes: not its first start for events, and only into its modes; alerts: types that carry
 * them. */
bool channel_wants(const ActionConfig *config, const ActionFacts *facts);

/* target: of a spoke, "" of a hub; NULL: the action's own. */
int delivery_new(const ActionConfig *config, const char *target, Facts *facts, int64_t id, uint64_t now,
                 uint64_t wall, Delivery **ret);
/* One whose facts cannot be read any more comes back given up. like: shared when they are the same; or NULL. */
int delivery_restore(const DeliveryRecord *record, uint64_t now, uint64_t wall, Facts *like, Delivery **ret);
Delivery *delivery_free(Delivery *d);
DEFINE_CLEANUP(Delivery, delivery_free)
void delivery_end(Delivery *d, DeliveryState state, uint64_t wall, const char *message);

/* Consumes d and puts it in its place by id. */
void channel_insert(Channel *c, Delivery *d);
void channel_remove(Channel *c, Delivery *d); /* gives it back to the caller */
/* Ends all pending ones with an id below this; they are moved to the list. Of a state action's, the newest counts. */
void channel_supersede(Channel *c, int64_t below, uint64_t wall, const char *why, DeliveryList *ret);
/* More than CHANNEL_STORM wait: ends the oldest pairs of an alert that was raised, and cleared since, of which nothing
 * has been tried; of a type that `says` leaving and returning, those pairs. Other changes, and what stands, are never left
 * out. busy: is in flight; NULL when none is. */
void channel_shed(Channel *c, const Delivery *busy, uint64_t wall, DeliveryList *ret);
/* What is tried next, when it is due: NULL when there is nothing, or its change is not saved yet. */
Delivery *channel_next(const Channel *c);

/* The end of one attempt. The delivery's state says what became of it; when still pending, due_usec says when it is
 * tried again. queried: the attempt was query(). */
void delivery_settle(Delivery *d, bool queried, ActionResult result, const char *message,
                     uint64_t retry_after_usec, double fraction, uint64_t now, uint64_t wall);
/* What that means for the action: has its trouble begun, become worse, or ended? */
bool channel_judge(Channel *c, const Delivery *d, bool *ret_given_up, bool *ret_ended);
