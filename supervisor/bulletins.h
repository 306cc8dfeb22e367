/* SPDX-License-Identifier: MIT */
/* What the public was told and is told ahead: incidents, written from changes of mode and by the operator, and maintenances.
 *
 * Each is one JSON object in the shape of actions/public_status.h, and is never changed once it has been shown: whoever edits
 * it makes a new one, so that readers in other threads may keep the old. I/O-free; times are wall-clock microseconds. */
#pragma once

#include "supervisor/components.h"
#include "supervisor/store.h"

typedef struct Bulletin {
        BulletinKind kind;
        json_t *j;
        bool dirty; /* not written yet */
        bool added; /* … but to a batch, as it is */
} Bulletin;

typedef struct Bulletins {
        Bulletin *items; /* newest first, by their ids */
        size_t n, capacity;
} Bulletins;

#define BULLETIN_UPDATES   100 /* of one; then old ones that nobody wrote by hand go */
#define BULLETIN_OPEN_MAX  50  /* that operators have opened */
#define BULLETIN_BODY_MAX  4000
#define BULLETIN_NAME_MAX  200
#define BULLETIN_KEPT_USEC (90 * USEC_PER_DAY) /* shown for so long after their end */

void bulletins_clear(Bulletins *b);
/* From the database. -EINVAL: not written by us; -ENOMEM. */
int bulletins_restore(Bulletins *b, const BulletinRecord *record);
/* The database came late: what happened meanwhile, in ours, is told on in what it had, which becomes ours. */
int bulletins_absorb(Bulletins *b, Bulletins *stored);
void bulletins_add(Bulletins *b, StoreBatch *batch); /* what is not written yet … */
void bulletins_added(Bulletins *b, bool taken);      /* … is, if the store has taken that batch */
bool bulletins_dirty(const Bulletins *b);
void bulletins_forget(Bulletins *b, uint64_t now); /* what is too old to be shown; the database keeps it */
/* "incidents" and "maintenances": in the order and with the bounds of actions/public_status.h. Its items are shared. */
json_t *bulletins_to_json(const Bulletins *b, BulletinKind kind);
Bulletin *bulletins_find(const Bulletins *b, BulletinKind kind, const char *id);
const char *bulletin_id(const Bulletin *b);
const char *bulletin_state(const Bulletin *b); /* of a maintenance; of an incident its newest update's */
bool bulletin_is_over(const Bulletin *b);

/* --- incidents --- */

/* How the shop is at a moment. */
typedef struct Scene {
        const char *id; /* of the change that led here; "": of none */
        uint64_t at;
        const char *mode, *payment, *message;
        bool first;   /* mode is */
        bool trouble; /* buyers have not been able to buy for a while, as selling says */
        Selling selling;
        bool planned;       /* a maintenance is on */
        json_t *components; /* ids of those that are not well; borrowed, may be NULL */
} Scene;

/* Begins, goes on with or resolves the incident that tells of modes. A change that is told already is not told again.
 * -ENOMEM: nothing has changed. */
int incidents_follow(Bulletins *b, const Scene *scene);
/* The same, where nothing needs to be told: an open one's impact and components grow. */
int incidents_grow(Bulletins *b, const Scene *scene);
const Bulletin *incidents_open(const Bulletins *b);          /* that one; NULL */
const json_t *incident_latest(const Bulletin *incident);     /* update: that was written by itself */
bool incidents_tell(const Bulletins *b, const char *change); /* one of them tells of it */
/* The newest change that is told of; "". */
const char *incidents_last_change(const Bulletins *b);

typedef struct IncidentWords {
        const char *name;   /* NULL: stays */
        const char *impact; /* NULL: stays */
        const char *state;  /* NULL: of the update before */
        const char *body;   /* "" when none */
        json_t *components; /* NULL: stay */
} IncidentWords;

/* By the operator. 0; -EAGAIN refused, with the reason; -ENOMEM. ret may be NULL. */
int incidents_begin(Bulletins *b, const Scene *scene, const IncidentWords *words, Bulletin **ret, Error *e);
int incident_update(const Bulletins *b, Bulletin *incident, const Scene *scene, const IncidentWords *words,
                    Error *e);

/* --- maintenances --- */

/* Alerts are held meanwhile: one that was forgotten must not hold them for ever. */
#define MAINTENANCE_MAX_USEC   (30 * USEC_PER_DAY)
#define MAINTENANCE_AHEAD_USEC (366 * USEC_PER_DAY)
#define MAINTENANCES_MAX       100 /* planned or on */

typedef struct MaintenanceWords {
        const char *name, *body;
        uint64_t from, until; /* from 0: now */
        json_t *components;   /* NULL or empty: the whole shop */
} MaintenanceWords;

int maintenances_plan(Bulletins *b, const Scene *scene, const MaintenanceWords *words, Bulletin **ret,
                      Error *e);
typedef enum MaintenanceStep {
        MAINTENANCE_START,
        MAINTENANCE_END,
        MAINTENANCE_CANCEL,
        MAINTENANCE_UPDATE,
} MaintenanceStep;
int maintenance_step(Bulletin *maintenance, MaintenanceStep step, const Scene *scene, const char *body,
                     uint64_t until, Error *e); /* until 0: stays */
/* Begins and ends what is due. True: some did. */
bool maintenances_tick(Bulletins *b, const Scene *scene);
/* Those that are on, newest first: how many. */
size_t maintenances_on(const Bulletins *b, const Bulletin *ret[static MAINTENANCES_MAX]);
bool maintenance_covers(const Bulletin *maintenance, const char *component); /* NULL: the whole shop */
/* One that is on and covers that component; NULL: the whole shop. */
const Bulletin *maintenances_active(const Bulletins *b, const char *component);
const Bulletin *maintenances_any(const Bulletins *b); /* one that is on; NULL: none */
