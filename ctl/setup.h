/* SPDX-License-Identifier: MIT */
/* What the parts of `setup` share: setup.c leads through it, setup_files.c puts files into /etc, setup_yaml.c writes the
 * two configurations. */
#pragma once

#include "ctl/ctl.h"

#include <sys/types.h>

#define SETUP_FOLDER "/etc/failoverd"

/* What the operator says about the shop; "" or NULL: nothing. */
typedef struct SetupAnswers {
        const char *id; /* never empty */
        const char *name;
} SetupAnswers;

typedef struct Setup {
        const Invocation *i;
        const char *root; /* "" or "/DIR": what stands before every path */
        bool owns;        /* we are root: files get their owners */
        bool dry;         /* nothing is written: it is shown */
        bool changed;     /* a drop-in is another than before */
        json_t *files;    /* what became of each */
} Setup;

typedef enum SetupWhen {
        SETUP_NEW,     /* when there is nothing */
        SETUP_OURS,    /* over what setup has made, and nothing else */
        SETUP_REPLACE, /* whatever is there; it is kept beside it */
} SetupWhen;

typedef struct SetupFile {
        const char *path; /* below the root */
        const char *text; /* NULL: it is not wanted, and is removed when it is ours */
        mode_t mode;
        const char *group; /* root's otherwise */
        SetupWhen when;
        bool secret; /* never shown */
} SetupFile;

/* --- setup_yaml.c --- */

void setup_print_supervisor(Text *t, const SetupAnswers *a); /* failoverd.yaml */
void setup_print_federation(Text *t, const SetupAnswers *a); /* federationd.yaml */

/* --- setup_files.c --- */

/* Puts it there, or not, and tells what became of it. */
int setup_put(Setup *s, const SetupFile *f, Error *e);
/* Begins a text that SETUP_OURS goes by. comment: "#" or "//"; from: the file that it is made from. */
void setup_mark(Text *t, const char *comment, const char *from);
bool setup_is_there(const Setup *s, const char *path); /* whatever it is */
/* node.id of a configuration that is there; NULL: it says none. */
char *setup_read_id(const Setup *s, const char *path);
/* A node's id, made of the host's name. Never NULL but when out of memory. */
char *setup_host_id(const Setup *s);

/* --- setup_drop_ins.c --- */

/* Makes what the two configurations need of the system: drop-ins for the units, the rule for polkit, members of the group. */
int setup_drop_ins(Setup *s, Error *e);
