/* SPDX-License-Identifier: MIT */
/* Units of systemd: how one is, and starting, stopping, reloading or restarting it to the end of the job. */
#pragma once

#include "base/conf.h"
#include "base/loop.h"

#define UNIT_NAME_SIZE 256

/* The full name: `shop` becomes shop.service. -EINVAL with text: not the name of a unit, or a template without its
 * instance. */
int unit_name(const char *name, char ret[static UNIT_NAME_SIZE], Error *e);

extern const ConfType conf_unit;  /* char *: a full name */
extern const ConfType conf_units; /* char **, NULL-terminated; a single scalar is a list of one */

/* What systemd says of a unit, in its own words. */
typedef struct UnitState {
        char load[32];    /* loaded, not-found, masked, bad-setting, error */
        char active[32];  /* active, reloading, inactive, failed, activating, deactivating */
        char sub[32];     /* of the type: running, exited, dead, auto-restart, start-pre, … */
        char result[32];  /* how it ended: success, exit-code, signal, timeout, …; "" where there is none */
        int code, status; /* of a service's main process, as in siginfo_t; 0 while it has never ended */
        unsigned restarts;     /* of a service, by systemd itself, since somebody last started it */
        uint64_t changed_usec; /* wall time at which it came to `active`; 0 when unknown */
        uint64_t started_usec; /* … at which it was last started; 0: never since the boot */
        uint64_t began_usec;   /* the same by CLOCK_MONOTONIC, which nobody sets */
} UnitState;

bool unit_is_active(const UnitState *s); /* active, or reloading */
bool unit_is_down(const UnitState *s);   /* inactive or failed: nothing of it runs */

#define UNIT_WORDS_SIZE 160
/* "failed (exit-code, status 3) since 2026-11-20 09:00:03 UTC", "not found", "active (running) since …". */
char *unit_describe(const UnitState *s, char buffer[static UNIT_WORDS_SIZE]);

typedef enum UnitVerb {
        UNIT_LOOK,
        UNIT_START,
        UNIT_STOP,
        UNIT_RELOAD, /* of one that is down: nothing to do, and no error */
        UNIT_RESTART,
        _UNIT_VERB_MAX,
} UnitVerb;

const char *unit_verb(UnitVerb verb); /* "look", "start", … */

typedef struct UnitResult {
        /* 0: done. -ENOTCONN: the bus or systemd is not there; -ETIMEDOUT: not in time (a job goes on; message is the
         * phase, see below); -EACCES: systemd or polkit does not allow it; -ENOENT: no such unit; -EOPNOTSUPP: units
         * like this one cannot do that; -ECANCELED: somebody else's job took its place; -EPROTO: the job failed; -EIO,
         * -ENOMEM, -EMFILE. */
        int error;
        const char *message; /* for people, when error < 0; without the unit's name */
        /* When it is known: always after a look that is done, and after a job that failed; else NULL. */
        const UnitState *state;
} UnitResult;

typedef struct UnitTask UnitTask; /* in flight; freeing it cancels the wait, not the job */
typedef void (*UnitDone)(UnitTask *task, const UnitResult *result, void *userdata);

/* name: a full one. Jobs replace what contradicts them ("replace"). done() is called once, never from within here, and
 * may free the task. -ENOMEM, -EMFILE. */
int unit_task_start(sd_event *event, const char *name, UnitVerb verb, uint64_t timeout_usec, UnitDone done,
                    void *userdata, UnitTask **ret);
UnitTask *unit_task_free(UnitTask *t);
/* For a deadline's message: "the system bus does not answer", "systemd does not answer", "systemd is still at it". */
const char *unit_task_phase(const UnitTask *t);
DEFINE_CLEANUP(UnitTask, unit_task_free)
