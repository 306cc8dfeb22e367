/* SPDX-License-Identifier: MIT */
/* The engine's inside, shared by engine.c, engine_conditions.c, engine_reload.c and memory.c. */
#pragma once

#include "supervisor/engine.h"

typedef struct EngineOutcome {
        unsigned probe;
        uint64_t serial;
        Outcome outcome;
        bool blind;
} EngineOutcome;

/* What an attempt had to say, until its outcome is judged. */
typedef struct EngineMessage {
        struct EngineMessage *next;
        unsigned probe;
        uint64_t serial; /* 0: a report */
        char text[320];
} EngineMessage;

typedef struct EngineProbe {
        char history[ENGINE_HISTORY + 1];
        uint8_t known; /* the verdict that the schedule knows */
        char *message; /* of the last outcome */
        char *trouble; /* of the last fail */
        uint64_t outcome_wall;
} EngineProbe;

struct Engine {
        const Config *config;
        EngineOutput output;
        bool telling; /* an output is being called: it must not call the engine */
        ScheduleProbe *settings;
        Schedule *schedule;
        ModeState state;
        ProbeState *probe_states;
        EngineProbe *probes;
        unsigned *from; /* of a reload: which probe of the old config each one was */
        Alarms alarms;
        unsigned alarm_turns; /* what is remembered */

        EngineOutcome *queue;
        size_t n_queue, queue_size; /* `fall` of each probe: so many outcomes can be settled by one call */
        EngineMessage *messages;

        uint64_t random;
        uint64_t mode_next; /* when the decision wants to be asked again */
        uint64_t woken;     /* by engine_wake(): other calls, however many, must not put that off */
        uint64_t expected, tick_usec;
        int64_t offset; /* wall minus steady, at the last call */

        char change_id[ID_SIZE];
        char *cause;
        char *gone; /* the stored mode that is no longer configured */
        uint64_t since_wall;
        uint64_t n_changes;
};

void engine_tell_remember(Engine *e);

/* engine_reload.c: a hold that was in force under other settings, as these bound it; 0: it was not doubled. */
uint64_t engine_hold(const Config *config, uint64_t hold);

/* engine_conditions.c */
void engine_conditions(Engine *e, uint64_t now, uint64_t wall); /* looks at all, raises and clears */
void engine_describe_blocks(const Engine *e, unsigned mode, char *buffer,
                            size_t size); /* "btcpay is down: …" */
void engine_forget_alarms(Engine *e);     /* about what is no longer configured */
