/* SPDX-License-Identifier: MIT */
/* What is found in a configuration before an outage: one finding says what is wrong, what that means in an outage, and
 * what to write instead. */
#pragma once

#include "base/conf.h"

typedef enum FindingSeverity {
        FINDING_NOTE,    /* good to know; nothing need be done */
        FINDING_WARNING, /* it runs, and may disappoint in an outage */
        FINDING_ERROR,   /* it must not be used */
} FindingSeverity;

const char *finding_severity_name(FindingSeverity s); /* "note", "warning", "error" */

#define FINDING_ALIKE_MAX 20 /* of one code are told; of the rest only how many there are */

typedef struct Finding {
        FindingSeverity severity;
        const char *code; /* for programs, constant: "no-vantage" */
        char *place;      /* "file:line:column"; "" when there is none */
        char *key;        /* "probes.payment-api.timeout", "modes[1].requires"; "" when there is none */
        char *message;    /* what is wrong; one plain line, like the next two */
        char *meaning;    /* what it means in an outage; "" */
        char *advice;     /* what to do; "" */
        unsigned more;    /* so many others are like this one, and are not told */
} Finding;

typedef struct Findings {
        Finding **items; /* in the order in which they were found */
        size_t count, capacity;
        unsigned counts[FINDING_ERROR + 1]; /* by severity, those that are not told included */
        bool failed;                        /* an allocation failed: something is missing */
} Findings;

/* place, key: NULL when there is none. Returns what the next two take: NULL when it is one too many of its kind, or when
 * out of memory. */
Finding *findings_add(Findings *f, FindingSeverity severity, const char *code, const char *place,
                      const char *key, const char *format, ...) _printf_(6, 7);
/* Both take x NULL. */
void finding_means(Findings *f, Finding *x, const char *format, ...) _printf_(3, 4);
void finding_advises(Findings *f, Finding *x, const char *format, ...) _printf_(3, 4);
void findings_another(Findings *f, Finding *x); /* one more that is like it, and is not told; x may be NULL */
/* Gives each finding with a key the place of that key in the file, or of the nearest thing around it that is there. */
void findings_locate(Findings *f, const Conf *conf);
/* Errors first, then warnings, then notes; else as they were. */
void findings_sort(Findings *f);
void findings_clear(Findings *f);
#define _cleanup_findings_ _cleanup_(findings_clear)

/* The two daemons of a shop are one node. `path`: of the file that is checked, whose node.id is `id` (NULL: none); `other`: what the other daemon's
 * is called, which is looked for beside it. */
void findings_compare_ids(Findings *f, const char *path, const char *id, const char *other);

/* A file that cannot be read at all: "file:line:column: what is wrong", or only what is wrong. */
void findings_add_unusable(Findings *f, const char *text);
/* width: of the terminal behind err; 0: lines are not wrapped, so that programs find what they look for. */
void findings_show(const Findings *f, FILE *err, unsigned width);
void findings_show_verdict(const Findings *f,
                           FILE *out);       /* the end of a line: good, usable, must not be used */
json_t *findings_to_json(const Findings *f); /* a list; see json_whole() */
