/* SPDX-License-Identifier: MIT */
/* What the two halves of the sqlite probe say to each other. For sqlite*.c only.
 *
 * The child writes lines: "step WORD …" before it does something that may take long, and last "end WORD TEXT". */
#pragma once

#include "probes/probe.h"

#include <limits.h>

typedef enum SqliteEnd {
        SQLITE_END_GOOD,
        SQLITE_END_WRONG, /* another answer than expected */
        SQLITE_END_CORRUPT,
        SQLITE_END_BROKEN, /* I/O error */
        SQLITE_END_FULL,
        SQLITE_END_MISSING,
        SQLITE_END_EMPTY,
        SQLITE_END_KIND, /* a folder, a FIFO, … */
        SQLITE_END_READONLY,
        SQLITE_END_QUERY,   /* SQLite does not understand the query, with this database */
        SQLITE_END_DENIED,  /* our rights do not suffice */
        SQLITE_END_FOREIGN, /* could not be looked at without doing what is its owner's */
        SQLITE_END_OURS,    /* memory, descriptors, configuration */
        _SQLITE_END_MAX,
} SqliteEnd;

typedef struct SqliteMeaning {
        const char *word;
        Outcome before, after; /* the first success of this probe */
} SqliteMeaning;

extern const SqliteMeaning sqlite_ends[_SQLITE_END_MAX];

int sqlite_child(int argc, char **argv);
