/* SPDX-License-Identifier: MIT */
/* Every key of a configuration file for people, from the tables that the parser reads: what --help-config prints. */
#pragma once

#include "base/conf.h"

typedef struct ConfSection {
        const char *name; /* "node", "probes.NAME", "modes[]", …; "" for the top of the file */
        const char *help;
        const ConfField *fields;
} ConfSection;

/* file: what the top of the file is called. */
void conf_help_sections(FILE *out, const char *file, const ConfSection *sections, size_t n);
/* A type's keys, then those of its mappings. */
void conf_help_type(FILE *out, const char *title, const char *help, const ConfField *fields);
