/* SPDX-License-Identifier: MIT */
/* A small world with a virtual clock for the schedule: targets that answer as told, and a verdict for each probe. */
#pragma once

#include "supervisor/schedule.h"

#include "base/id.h"
#include "tests/test.h"

#define PROBES 128
#define RUNS   40000
#define START  (1767225600 * USEC_PER_SEC)
#define S      USEC_PER_SEC
#define MS     USEC_PER_MSEC

typedef struct Run {
        unsigned probe;
        uint64_t began, ended, told; /* since START + 1, so that 0 means never */
        uint64_t ends;               /* when the world will answer; USEC_NEVER: not before its timeout */
        Outcome answer, outcome;
        bool cancelled, blind;
        uint64_t order; /* of being told */
} Run;

/* The schedule, joined to verdicts by the decision with one mode that requires nothing. */
typedef struct World {
        ScheduleProbe probes[PROBES];
        ModeProbe mode_probes[PROBES];
        ModeMode mode;
        ModeConfig config;
        ProbeState states[PROBES];
        ModeState state;
        uint64_t timeout[PROBES];

        Outcome answer[PROBES]; /* what a run that starts now will come to, … */
        uint64_t latency[PROBES];
        bool hang[PROBES], cannot_start[PROBES];

        size_t n;
        uint64_t now, told, seed;
        Schedule *schedule;
        ScheduleOutput output;
        Run *runs; /* by serial */
        uint64_t n_runs;
        struct {
                unsigned probe;
                uint64_t serial;
                Outcome outcome;
        } queue[64];
        size_t n_queue;
        bool steady_ticks; /* wake it every second, as the engine does */
} World;

static int on_start(unsigned probe, uint64_t serial, void *userdata)
{
        World *w = userdata;
        Run *r = &w->runs[serial];

        CHECK(serial == ++w->n_runs && serial < RUNS);
        *r = (Run){.probe = probe,
                   .began = w->now - START + 1,
                   .answer = w->answer[probe],
                   .ends = USEC_NEVER};
        if (w->cannot_start[probe])
                return -EMFILE;
        r->ends = w->now + w->latency[probe];
        if (w->hang[probe] || w->latency[probe] >= w->timeout[probe]) {
                r->ends = w->now + w->timeout[probe];
                r->answer = OUTCOME_FAIL;
        }
        return 0;
}

static void on_cancel(unsigned probe, uint64_t serial, void *userdata)
{
        World *w = userdata;
        Run *r = &w->runs[serial];

        CHECK(r->probe == probe && !r->cancelled && r->ended == 0);
        r->cancelled = true;
        r->ends = USEC_NEVER;
}

static void on_outcome(unsigned probe, uint64_t serial, Outcome outcome, bool blind, void *userdata)
{
        World *w = userdata;
        Run *r = &w->runs[serial];

        CHECK(r->probe == probe && r->told == 0);
        r->told = w->now - START + 1;
        r->order = ++w->told;
        r->outcome = outcome;
        r->blind = blind;
        CHECK(w->n_queue < ELEMENTSOF(w->queue));
        w->queue[w->n_queue].probe = probe;
        w->queue[w->n_queue].serial = serial;
        w->queue[w->n_queue++].outcome = outcome;
}

static void drain(World *w)
{
        for (size_t i = 0; i < w->n_queue; i++) {
                unsigned probe = w->queue[i].probe;
                ModeEvent event = {
                                .kind = MODE_EVENT_OUTCOME, .probe = probe, .outcome = w->queue[i].outcome};
                ModePlan plan;

                CHECK_INT(mode_step(&w->state, &event, w->now, &w->config, &plan), 0);
                schedule_judged(w->schedule, probe, event.outcome, w->states[probe].verdict, plan.settled,
                                w->now);
        }
        w->n_queue = 0;
}

static World *world_new(size_t n)
{
        World *w = calloc(1, sizeof(*w));

        CHECK(w);
        w->runs = calloc(RUNS, sizeof(*w->runs));
        CHECK(w->runs);
        w->n = n;
        w->now = START;
        w->output = (ScheduleOutput){
                        .start = on_start, .cancel = on_cancel, .outcome = on_outcome, .userdata = w};
        for (size_t i = 0; i < n; i++) {
                w->probes[i] = (ScheduleProbe){
                                .interval_usec = 60 * S, .fast_interval_usec = 5 * S, .fall = 3, .window = 5};
                w->latency[i] = 10 * MS;
                w->timeout[i] = 5 * S;
        }
        return w;
}

/* Once the probes are as the test wants them. */
static void world_begin(World *w)
{
        for (size_t i = 0; i < w->n; i++)
                w->mode_probes[i] = (ModeProbe){.fall = w->probes[i].fall,
                                                .window = w->probes[i].window,
                                                .rise = 2,
                                                .interval_usec = w->probes[i].interval_usec,
                                                .fast_interval_usec = w->probes[i].fast_interval_usec,
                                                .passive = w->probes[i].passive,
                                                .silence_usec = USEC_NEVER};
        w->config = (ModeConfig){.probes = w->mode_probes, .n_probes = w->n, .modes = &w->mode, .n_modes = 1};
        mode_init(&w->state, w->states, w->now, &w->config);
        CHECK_INT(schedule_new(w->probes, w->n, w->seed, &w->output, &w->schedule), 0);
        schedule_begin(w->schedule, w->now);
}

static World *world_free(World *w)
{
        schedule_free(w->schedule);
        free(w->runs);
        free(w);
        return NULL;
}
DEFINE_CLEANUP(World, world_free)
#define _cleanup_world_ _cleanup_(world_freep)

static uint64_t next_ending(const World *w, uint64_t *ret)
{
        uint64_t first = USEC_NEVER;

        for (uint64_t i = w->n_runs > 600 ? w->n_runs - 600 : 1; i <= w->n_runs; i++)
                if (w->runs[i].ends < first && w->runs[i].ended == 0) {
                        first = w->runs[i].ends;
                        *ret = i;
                }
        return first;
}

static void end_run(World *w, uint64_t serial)
{
        Run *r = &w->runs[serial];

        r->ended = w->now - START + 1;
        schedule_ended(w->schedule, r->probe, serial, r->answer, w->now);
        drain(w);
}

/* Runs the world up to t since START, inclusive. */
static void run_to(World *w, uint64_t t)
{
        uint64_t until = START + t, tick = w->steady_ticks ? w->now + S : USEC_NEVER;

        for (;;) {
                uint64_t serial = 0, ending = next_ending(w, &serial);
                uint64_t wake = schedule_next(w->schedule), next = MIN(ending, tick);

                next = MIN(next, wake);
                if (next > until)
                        break;
                w->now = MAX(w->now, next);
                if (ending == next) {
                        end_run(w, serial);
                } else {
                        schedule_wake(w->schedule, w->now);
                        drain(w);
                }
                if (next == tick)
                        tick += S;
        }
        w->now = until;
}

static _unused_ void wake(World *w)
{
        schedule_wake(w->schedule, w->now);
        drain(w);
}

/* How many runs of a probe began in [from, to]. */
static _unused_ unsigned began_in(const World *w, unsigned probe, uint64_t from, uint64_t to)
{
        unsigned n = 0;

        for (uint64_t i = 1; i <= w->n_runs; i++)
                n += w->runs[i].probe == probe && w->runs[i].began - 1 >= from && w->runs[i].began - 1 <= to;
        return n;
}

/* When its k-th run (from 0) that began at or after `from` began. */
static _unused_ uint64_t began_at(const World *w, unsigned probe, uint64_t from, unsigned k)
{
        for (uint64_t i = 1; i <= w->n_runs; i++)
                if (w->runs[i].probe == probe && w->runs[i].began - 1 >= from && k-- == 0)
                        return w->runs[i].began - 1;
        return USEC_NEVER;
}

static _unused_ const Run *run_since(const World *w, unsigned probe, uint64_t from, unsigned k)
{
        for (uint64_t i = 1; i <= w->n_runs; i++)
                if (w->runs[i].probe == probe && w->runs[i].began > from && k-- == 0)
                        return &w->runs[i];
        CHECK(!"no such run");
        return NULL;
}
