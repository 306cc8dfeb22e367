/* SPDX-License-Identifier: MIT */
/* Every key of failoverd.yaml, from the tables that the parser reads. */
#include "supervisor/help.h"

#include "supervisor/config.h"

int help_config(FILE *out)
{
        const ConfSection *sections;
        size_t n = config_sections(&sections);
        char title[96];

        conf_help_sections(out, "failoverd.yaml", sections, n);
        for (size_t i = 0; probe_types[i]; i++) {
                snprintf(title, sizeof(title), "probes.NAME, type: %s", probe_types[i]->name);
                conf_help_type(out, title, probe_types[i]->help, probe_types[i]->fields);
        }
        for (size_t i = 0; action_types[i]; i++) {
                snprintf(title, sizeof(title), "actions[], type: %s", action_types[i]->name);
                conf_help_type(out, title, action_types[i]->help, action_types[i]->fields);
        }
        return fflush(out) == 0 ? 0 : -errno;
}
