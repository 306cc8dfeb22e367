/* SPDX-License-Identifier: MIT */
/* When a probe runs: interval, pace, spread, overlap, and the vantage that an external failure waits for.
 *
 * Pure in the same way as mode.h: no I/O, no clock; it is told the time and says what to start, what to abandon and
 * which outcomes count. The daemon drives it with real attempts, `simulate` with a described world. */
#pragma once

#include "supervisor/mode.h"

#define SCHEDULE_FALL_MAX    16
#define SCHEDULE_PASSES      32   /* latencies remembered, for "late" */
#define SCHEDULE_SPREAD_USEC 1000 /* between the first runs of two probes */
/* Begun in one wake; the rest in the next, so that those that have ended are heard in between. After a stall thousands
 * are due at once, and a loop that looks at thousands of ready sockets before each single event never catches up. */
#define SCHEDULE_BATCH 32

typedef struct ScheduleProbe {
        uint64_t interval_usec, fast_interval_usec;
        unsigned fall, window;
        bool single, passive, external, vantage;
} ScheduleProbe;

typedef struct Schedule Schedule;

/* What the schedule says. Must not call back into it. */
typedef struct ScheduleOutput {
        /* 0, or negative: the attempt could not be started and counts as inconclusive. */
        int (*start)(unsigned probe, uint64_t serial, void *userdata);
        void (*cancel)(unsigned probe, uint64_t serial, void *userdata);
        /* An attempt's outcome is settled (an external failure has been judged): it enters the window now. blind: it
         * was a failure, and no reference could be reached either. */
        void (*outcome)(unsigned probe, uint64_t serial, Outcome outcome, bool blind, void *userdata);
        void *userdata;
} ScheduleOutput;

/* probes is borrowed and constant. seed: spreads the probes over their intervals. */
int schedule_new(const ScheduleProbe *probes, size_t n_probes, uint64_t seed, const ScheduleOutput *output,
                 Schedule **ret);
Schedule *schedule_free(Schedule *s);
DEFINE_CLEANUP(Schedule, schedule_free)
/* Takes over what a reload did not change: probe i of s continues as probe from[i] of old (PROBE_NONE: new), its
 * attempts in flight included. Attempts of old that nobody continues are cancelled through old's output. */
void schedule_carry_over(Schedule *s, Schedule *old, const unsigned *from);

/* First runs: a thousand a second. Probes carried over keep their time. */
void schedule_begin(Schedule *s, uint64_t now);
/* After a restart: the verdict stands already. */
void schedule_restore(Schedule *s, unsigned probe, Verdict verdict, bool settled);
uint64_t schedule_next(const Schedule *s); /* call schedule_wake() then; USEC_NEVER */
void schedule_wake(Schedule *s, uint64_t now);
/* An attempt has ended. Outcomes that are settled by it are told in the order in which their attempts ended. */
void schedule_ended(Schedule *s, unsigned probe, uint64_t serial, Outcome outcome, uint64_t now);
/* Run it once, now, unless a run that is not late is in flight. */
void schedule_run_now(Schedule *s, unsigned probe, uint64_t now);
/* What the decision made of an outcome: decides the pace. */
void schedule_judged(Schedule *s, unsigned probe, Outcome outcome, Verdict verdict, bool settled,
                     uint64_t now);
/* A verdict fell without an outcome (silence, a mode left). */
void schedule_forget(Schedule *s, unsigned probe, uint64_t now);
/* A tilt: attempts in flight are inconclusive and are run again. While it lasts, down probes run fast, too. */
void schedule_tilt(Schedule *s, uint64_t now, uint64_t until);

bool schedule_blind(const Schedule *s); /* a failure could not be judged, and no reference has passed since */
uint64_t schedule_due(const Schedule *s, unsigned probe);     /* USEC_NEVER for passive probes */
uint64_t schedule_latency(const Schedule *s, unsigned probe); /* of the last attempt that ended; 0: none */
uint64_t schedule_runs(const Schedule *s, unsigned probe);
uint64_t schedule_started(const Schedule *s); /* attempts since the beginning: progress */
bool schedule_is_running(const Schedule *s, unsigned probe,
                         uint64_t serial); /* in flight, and not cancelled */
unsigned schedule_in_flight(const Schedule *s, unsigned probe);
uint64_t schedule_last_due(const Schedule *s); /* when the attempt started last should have been */
