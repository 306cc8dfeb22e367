/* SPDX-License-Identifier: MIT */
/* The supervisor without its hands: the schedule's outcomes go into the decision, the decision's wishes into the
 * schedule; clock steps and stalls become tilts; conditions become alerts; and every change gets its words.
 *
 * I/O-free, so that the daemon (manager.c) and the simulator (simulate.c) run the very same code. `now` is the steady
 * clock (steady.h), `wall` the wall clock at the same moment, both in microseconds. */
#pragma once

#include "base/id.h"
#include "supervisor/alarms.h"
#include "supervisor/config.h"
#include "supervisor/schedule.h"

typedef struct Engine Engine;

#define ENGINE_TICK_USEC  USEC_PER_SEC /* at least so often it wants to be woken, unless told else … */
#define ENGINE_STALL_USEC (2 * USEC_PER_SEC) /* … and later than that by so much is a stall */
#define ENGINE_HISTORY    32                 /* outcomes shown, newest first */

typedef struct EngineChange {
        char id[ID_SIZE];
        uint64_t at_wall;
        unsigned from; /* MODE_NONE at the first start */
        unsigned to;
        ModeRule rule;
        bool automatic;
        uint64_t since_wall; /* of the trouble; 0 */
        const char *cause;   /* in words */
        const char *reason;  /* the operator's, "" when none */
} EngineChange;

/* What it wants done. These must not call back into the engine, but for its const functions. */
typedef struct EngineOutput {
        int (*start)(unsigned probe, uint64_t serial, void *userdata); /* as ScheduleOutput */
        void (*cancel)(unsigned probe, uint64_t serial, void *userdata);
        void (*changed)(const EngineChange *change, void *userdata);
        void (*alarm)(const Alarm *alarm, bool raised, void *userdata);
        /* An outcome has entered a probe's window. turned: its verdict is another one now. important: it is worth a transaction now (a fail in the window, a
         * new verdict); else it may wait for the next batch. */
        void (*judged)(unsigned probe, Outcome outcome, bool turned, bool important, void *userdata);
        /* What engine_remember() gives has changed in a way that must survive (pin, pause, hold, ack). */
        void (*remember)(void *userdata);
        void *userdata;
} EngineOutput;

typedef struct EngineCommand {
        enum {
                COMMAND_FORCE, /* mode, or MODE_NONE: the first ready fallback; for_usec 0: no end */
                COMMAND_AUTO,
                COMMAND_PAUSE,
                COMMAND_RESUME,
                COMMAND_ACK,
        } kind;
        unsigned mode;
        uint64_t for_usec;
        const char *reason; /* "" when none */
} EngineCommand;

/* config is borrowed and must outlive the engine. seed: change ids and the spread of probes. */
int engine_new(const Config *config, uint64_t seed, const EngineOutput *output, uint64_t now, uint64_t wall,
               Engine **ret);
Engine *engine_free(Engine *e);
DEFINE_CLEANUP(Engine, engine_free)

/* For a clock that cannot step: how often it wants to be called at least. Only silence is noticed later then. */
void engine_set_tick(Engine *e, uint64_t tick_usec);
/* Before engine_begin(), at a start: what was stored. Times in the future are cut to now. */
void engine_restore_probe(Engine *e, unsigned probe, const ProbeState *state, const char *history,
                          const char *message, uint64_t now);
/* -EBADMSG: not what engine_remember() gave; -ENOMEM. Then nothing of it has been taken. */
int engine_recall(Engine *e, const json_t *memory, uint64_t now);
json_t *engine_remember(const Engine *e); /* NULL when out of memory */

/* First runs. first_start: nothing was stored: the first mode is taken, as a change. */
void engine_begin(Engine *e, bool first_start, uint64_t now, uint64_t wall);
/* May the engine go on with this config? -EBUSY with the reason when the running or pinned mode is gone. */
int engine_check_reload(const Engine *e, const Config *config, Error *error);
/* Takes over everything from old that e's config still knows, attempts in flight included (config_carry_over() comes
 * before). engine_begin() follows; old can only be freed then. Nothing fails. */
void engine_carry_over(Engine *e, Engine *old);

/* When engine_wake() is due. Other calls never put it off by more than what they change: routine work hangs on it. */
uint64_t engine_next(const Engine *e);
void engine_wake(Engine *e, uint64_t now, uint64_t wall);
void engine_ended(Engine *e, unsigned probe, uint64_t serial, Outcome outcome, const char *message,
                  uint64_t now, uint64_t wall);
void engine_report(Engine *e, unsigned probe, Outcome outcome, const char *message, uint64_t now,
                   uint64_t wall);
/* 0; -EAGAIN refused, with the reason; -ENOENT. */
int engine_operate(Engine *e, const EngineCommand *command, uint64_t now, uint64_t wall, Error *error);
void engine_run_now(Engine *e, unsigned probe, uint64_t now, uint64_t wall);
/* Conditions that are not the engine's own (not durable, an action given up). */
void engine_condition(Engine *e, AlarmKind kind, const char *subject, bool standing, const char *message,
                      uint64_t now, uint64_t wall);

/* Looking. */
const Config *engine_config(const Engine *e);
const ModeState *engine_state(const Engine *e);
const Schedule *engine_schedule(const Engine *e);
const Alarms *engine_alarms(const Engine *e);
const char *engine_history(const Engine *e, unsigned probe);   /* letters, newest first */
const char *engine_message(const Engine *e, unsigned probe);   /* of the last outcome; "" */
uint64_t engine_outcome_wall(const Engine *e, unsigned probe); /* of the last outcome; 0 */
const char *engine_cause(const Engine *e);                     /* of the last change */
const char *engine_change_id(const Engine *e);                 /* "" before the first */
uint64_t engine_since_wall(const Engine *e);                   /* of the last change */
uint64_t engine_changes(const Engine *e);                      /* since the process began */
bool engine_tilt(const Engine *e, uint64_t now);
