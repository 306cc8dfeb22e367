/* SPDX-License-Identifier: MIT */
/* What the parts of `setup` share: setup.c leads through it, setup_files.c puts files into /etc, setup_yaml.c writes the
 * two configurations. */
#pragma once

#include "ctl/ctl.h"

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
        json_t *files;    /* what became of each */
} Setup;

/* --- setup_yaml.c --- */

void setup_print_supervisor(Text *t, const SetupAnswers *a); /* failoverd.yaml */
void setup_print_federation(Text *t, const SetupAnswers *a); /* federationd.yaml */

/* --- setup_files.c --- */

/* Makes `path` (below the root) when it is not there; told. group: who may read it (mode 0640), NULL: nobody but root (0600). */
int setup_make(Setup *s, const char *path, const char *text, const char *group, Error *e);
bool setup_is_there(const Setup *s, const char *path); /* whatever it is */
int setup_make_folder(Setup *s, const char *path, Error *e);
/* node.id of a configuration that is there; NULL: it says none. */
char *setup_read_id(const Setup *s, const char *path);
/* A node's id, made of the host's name. Never NULL but when out of memory. */
char *setup_host_id(const Setup *s);
