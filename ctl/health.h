/* SPDX-License-Identifier: MIT */
/* What a status document means: how well all is, and what a person should look at. */
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

typedef enum HealthLevel {                      /* the exit code of `status` */
                           HEALTH_OK = 0,       /* the first mode, everything up */
                           HEALTH_WARNING = 1,  /* the first mode, and something to look at */
                           HEALTH_CRITICAL = 2, /* another mode, or none that is healthy */
} HealthLevel;

typedef struct Health {
        HealthLevel level;
        bool first;                    /* the first mode runs */
        bool none_healthy;             /* automation finds no mode whose probes are up */
        const char *mode, *first_mode; /* borrowed from the document */
        size_t mode_index;             /* from 1; 0: not among the modes */
        size_t probes, up, down, unknown, silent, warned;
        size_t failing; /* actions */
        size_t alerts;
        size_t matters; /* things to look at */
        Text look;      /* … in words, separated by ", "; contains foreign text */
} Health;

/* -EBADMSG: not a status document. Free with health_clear() in either case. */
int health_judge(const json_t *status, Health *ret, Error *e);
void health_clear(Health *h);
#define _cleanup_health_ _cleanup_(health_clear)

/* Has it not come through after an attempt, or been given up? */
bool health_action_failing(const json_t *action);
const char *health_action_name(const json_t *action); /* its type when it has no name of its own */
/* A passive probe of which nothing has been heard: no reason to worry. */
bool health_probe_silent(const json_t *probe);
const char *health_word(HealthLevel level); /* "OK", "WARNING", "CRITICAL" */
