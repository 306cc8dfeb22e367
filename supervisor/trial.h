/* SPDX-License-Identifier: MIT */
/* A trial of a configuration's probes: each is run once, now, as failoverd would run it, and nothing follows. */
#pragma once

#include "supervisor/config.h"

typedef struct TrialRun {
        const ProbeConfig *probe;
        bool ran; /* a passive one is told, and never run */
        Outcome outcome;
        char message[320];
        uint64_t took_usec;
} TrialRun;

typedef struct Trial {
        TrialRun *runs; /* by probe, as many as the configuration has */
        size_t n;
        unsigned counts[_OUTCOME_MAX];
} Trial;

/* Waits for all of them. config lives as long as the trial. -errno when it cannot be done at all. */
int trial_run(const Config *config, Trial *ret);
void trial_clear(Trial *t);
#define _cleanup_trial_ _cleanup_(trial_clear)

bool trial_is_well(const Trial *t); /* none failed, and none was without an answer */
void trial_show(const Trial *t, FILE *out, unsigned width);
json_t *trial_to_json(const Trial *t); /* see json_whole() */
