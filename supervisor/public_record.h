/* SPDX-License-Identifier: MIT */
/* Keeps the public record while the supervisor runs: incidents follow the mode, maintenances their hour, and alerts are held
 * while work is announced. The rule that decides the mode knows nothing of it, and goes on. */
#pragma once

#include "supervisor/bulletins.h"
#include "supervisor/manager.h"

#define RECORD_TROUBLE_USEC (30 * USEC_PER_SEC) /* buyers cannot buy for so long: it is an incident */

typedef struct PublicRecord {
        Bulletins bulletins;
        uint64_t trouble_since; /* steady: since when buyers have not been able to buy; 0: they are */
        bool trouble;           /* … for a while */
        bool held_change;       /* a maintenance kept the last change from being told … */
        json_t *held;           /* … and alerts with these ids */
        char *first;            /* the first mode when this was last looked at; NULL: never */
        char followed[ID_SIZE]; /* the newest change that was told, or needed not to be */
} PublicRecord;

int record_new(PublicRecord **ret);
PublicRecord *record_free(PublicRecord *r);

/* What the database had; at a start before the engine begins, or late. */
int record_load(Manager *m, const StoreLoaded *loaded);
void record_recall(Manager *m,
                   const json_t *memory); /* its part of the memory: "first", "held", "held_change" */
void record_remember(const Manager *m, json_t *memory);

/* A change of mode; the engine's state is the new one already, or it is one that was not saved when it happened. */
void record_changed(Manager *m, const ChangeRecord *change);
void record_tick(Manager *m);               /* at every turn of the engine */
void record_add(Manager *m, StoreBatch *b); /* what is not written yet; manager_submit() follows */
bool record_is_unwritten(const Manager *m); /* there is some */
/* For people who work here: the maintenance that is on, and how many alerts it holds; null when none is. */
json_t *record_status(const Manager *m);
/* How it is now. Its components are to be given back by json_decref(). */
void record_scene(const Manager *m, Scene *ret);

/* Work that was announced explains what is down: nobody is to be called. */
bool record_is_quiet(const Manager *m);
/* Notes whether this change is told. True: it is not. */
bool record_holds_change(Manager *m, bool to_first);
/* Notes an alert that begins or ends. True: it is not told, now or at all. */
bool record_holds_alarm(Manager *m, const Alarm *alarm, bool raised);
