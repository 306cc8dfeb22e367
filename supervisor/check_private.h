/* SPDX-License-Identifier: MIT */
/* The parts of check-config, and what they share. */
#pragma once

#include "supervisor/check.h"

/* --- what the file depends on: check_reach.c --- */

typedef enum ReachKind {
        REACH_HOST,     /* connects to it */
        REACH_DOMAIN,   /* asks the DNS about it, or changes it there */
        REACH_MAIL,     /* sends mail to that domain */
        REACH_PATH,     /* needs that file or folder */
        REACH_SOCKET,   /* connects to a socket there, instead of to a host */
        REACH_PROGRAM,  /* runs it */
        REACH_ARGUMENT, /* hands that path to what it runs: a script to its interpreter, say */
        REACH_UNIT,     /* asks systemd about it, or changes it */
} ReachKind;

typedef struct Reach {
        ReachKind kind;
        char *name;             /* host and domain in lower case without the final dot, address, path, unit */
        unsigned port;          /* 0: it is not said */
        bool literal;           /* name is an IP address … */
        bool loopback;          /* … or a name, of this machine itself */
        bool pinned;            /* its address stands in the file: no name is looked up */
        char *key;              /* where it stands: "actions[2].webhook.url" */
        unsigned probe, action; /* whose it is; PROBE_NONE and ACTION_NONE: the heartbeat's */
} Reach;

#define ACTION_NONE UINT_MAX

typedef struct Reaches {
        Reach *items; /* probes in order, then actions, then the heartbeat */
        size_t count, capacity;
        bool failed; /* out of memory */
} Reaches;

void reaches_collect(const Config *c, const Conf *tree, Reaches *ret);
void reaches_clear(Reaches *r);
/* "probe `x`", "action `y`", "the heartbeat" */
const char *reach_owner(const Config *c, const Reach *reach, char *buffer, size_t size);
int reach_compare_names(const void *a, const void *b);      /* of two Reach *, for qsort() and bsearch() */
bool domain_contains(const char *domain, const char *name); /* name is it, or lies below it */

/* --- the parts --- */

typedef struct Check {
        const CheckOptions *options;
        CheckReport *report;
        const Config *c;
        Findings *f;
        Reaches reaches;
        bool *required, *first; /* by probe: some mode requires it; the first does */
        unsigned *fallback;     /* by probe: the first mode after the first one that requires it; MODE_NONE */
        bool *shadowed;         /* by mode: it is never reached */
} Check;

int check_modes(Check *k);         /* rows, and modes that disappoint; first: the others use what it finds */
int check_times(Check *k);         /* measures the rows; thresholds that are slower than one believes */
void check_names(Check *k);        /* hosts that are none; references that vouch for themselves */
void check_dependencies(Check *k); /* actions and fallbacks that depend on what failed */
void check_components(Check *k, bool given); /* what the status page says; given: in the file */
void check_units(Check *k);                  /* units that a mode requires and an action stops */
int check_files(Check *k);                   /* what is looked at on this machine */
void check_online(Check *k);                 /* names looked up */
/* {"credentials": […], "writes": […], "reads": […], "units": {NAME: [VERB…]}, "users": […]}; see json_whole(). */
json_t *check_needs(const Config *c, const Reaches *reaches);
