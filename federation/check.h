/* SPDX-License-Identifier: MIT */
/* federationd --check: what can be known of a configuration before it serves. It looks at files, each with a deadline, in
 * processes of its own, and at the network only when asked to. */
#pragma once

#include "base/finding.h"
#include "federation/config.h"

typedef struct CheckOptions {
        const char *config, *state_dir, *runtime_dir;
        bool online; /* look names up, too */
} CheckOptions;

typedef struct CheckReport {
        const char *path;
        Config *config; /* NULL: it cannot be used at all */
        Findings findings;
        json_t *needs; /* what the system must give federationd for it; NULL without a configuration */
} CheckReport;

/* options are borrowed as long as the report lives. -ENOMEM. */
int check_run(const CheckOptions *options, CheckReport *ret);
void check_clear(CheckReport *r);
#define _cleanup_check_ _cleanup_(check_clear)

void check_show(const CheckReport *r, FILE *out, FILE *err, unsigned width); /* see findings_show() */
json_t *check_to_json(const CheckReport *r);                                 /* see json_whole() */
