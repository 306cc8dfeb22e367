/* SPDX-License-Identifier: MIT */
/* check-config in full: everything that can be known of a configuration before an outage. What a start looks at is less:
 * config_verify().
 *
 * It looks at files, each with a deadline, in processes of its own, and at the network only when asked to; so it ends
 * within seconds, whatever the disks do and however large the file is. */
#pragma once

#include "supervisor/config.h"
#include "supervisor/measure.h"

typedef struct CheckOptions {
        const char *config, *state_dir, *runtime_dir, *status_dir;
        bool online; /* look names up, too */
} CheckOptions;

/* What follows when one requirement of one mode fails while the shop runs in it. */
typedef struct CheckRow {
        unsigned mode, probe;
        unsigned to; /* the mode that is taken then, when all else is well; MODE_NONE: there is none */
        bool measured;
        Measure times; /* when measured */
} CheckRow;

typedef struct CheckReport {
        const char *path;
        Config *config; /* NULL: it cannot be used at all */
        Conf *tree;
        Findings findings;
        CheckRow *rows; /* by mode, then in the order of its `requires`; modes that are never reached are left out */
        size_t n_rows;
        json_t *needs; /* what the system must give failoverd for it; NULL without a configuration */
} CheckReport;

/* options are borrowed as long as the report lives. -ENOMEM. */
int check_run(const CheckOptions *options, CheckReport *ret);
void check_clear(CheckReport *r);
#define _cleanup_check_ _cleanup_(check_clear)

/* For people: findings to err, tables and the verdict to out. width: of the terminal behind err; 0: lines are not
 * wrapped, so that programs find what they look for. */
void check_show(const CheckReport *r, FILE *out, FILE *err, unsigned width);
json_t *check_to_json(const CheckReport *r); /* docs/configuration.md says what is in it; see json_whole() */
