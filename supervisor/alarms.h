/* SPDX-License-Identifier: MIT */
/* Alerts for more than changes: a condition that has stood for its kind's patience is raised once, and cleared once when
 * it ends. I/O-free; times are steady microseconds, wall time only for display. */
#pragma once

#include "base/json.h"

typedef enum AlarmKind {
        ALARM_NO_MODE,     /* no mode is healthy */
        ALARM_FALLBACK,    /* a fallback is not ready: before the outage, not in it. Subject: mode */
        ALARM_ACTION,      /* an action was given up. Subject: action */
        ALARM_FAILING,     /* a state action does not succeed, and is tried again. Subject: action */
        ALARM_NOT_DURABLE, /* the state cannot be saved */
        ALARM_RETURNS,     /* returns are stopped until `ack` */
        ALARM_BLIND,       /* we cannot see the outside */
        ALARM_PIN,         /* the pinned mode is broken */
        ALARM_WARN,        /* a probe warns. Subject: probe */
        ALARM_MODE_GONE,   /* the stored mode was no longer configured */
        ALARM_CHAIN,       /* the stored changes do not add up, or could not be read */
        ALARM_MAINTENANCE, /* a mode that was changed to unheard, during a maintenance, runs on after it */
        _ALARM_MAX,
} AlarmKind;

typedef struct Alarm {
        AlarmKind kind;
        char *name; /* "fallback-not-ready:crypto": its identity */
        char *message;
        uint64_t began;      /* steady: since when the condition stands */
        uint64_t since_wall; /* of being raised; 0: not yet */
        char id[32];         /* of the raised one: pairs "raised" with "cleared" */
        bool raised, standing;
} Alarm;

typedef struct Alarms {
        Alarm *items;
        size_t n, capacity;
        unsigned turns; /* counts what begins to stand, is raised or ends: what is stored must follow */
} Alarms;

typedef void (*AlarmFn)(const Alarm *alarm, bool raised, void *userdata);

const char *alarm_kind_name(AlarmKind kind);
const char *alarm_severity(AlarmKind kind); /* "critical", "warning" */
uint64_t alarm_patience_usec(AlarmKind kind);
const char *alarm_advice(AlarmKind kind); /* what the operator can do; one or two sentences */

/* The condition stands, or not. message is copied (a raised alarm keeps the newest); subject NULL: none. Out of memory:
 * nothing happens, the next call tries again. */
void alarms_set(Alarms *a, AlarmKind kind, const char *subject, bool standing, const char *message,
                uint64_t now);
/* Raises and clears what is due. */
void alarms_check(Alarms *a, uint64_t now, uint64_t wall, AlarmFn fn, void *userdata);
uint64_t alarms_next(const Alarms *a); /* when one becomes due; USEC_NEVER */
const Alarm *alarms_find(const Alarms *a, AlarmKind kind, const char *subject);
/* Ends those of this kind whose subject is not kept: what a reload dropped. */
void alarms_forget(Alarms *a, AlarmKind kind, bool (*keep)(const char *subject, void *userdata),
                   void *userdata);
void alarms_clear(Alarms *a);

json_t *alarms_to_json(const Alarms *a, bool all); /* all: for storing; else the raised ones, for people */
int alarms_from_json(Alarms *a, const json_t *j);  /* into an empty one; -ENOMEM */
