/* SPDX-License-Identifier: MIT */
/* Every key of failoverd.yaml, from the tables that the parser reads. */
#include "supervisor/help.h"

#include "supervisor/config.h"

#define HELP_INDENT 26
#define HELP_WIDTH  100

/* One sentence, wrapped under itself. */
static void print_wrapped(FILE *out, const char *text, int column)
{
        bool first = true;

        while (*text) {
                size_t word = strcspn(text, " ");

                if (!first && column + 1 + (int) word > HELP_WIDTH)
                        column = fprintf(out, "\n%*s", HELP_INDENT, "") - 1;
                else if (!first)
                        column += fprintf(out, " ");
                column += fprintf(out, "%.*s", (int) word, text);
                text += word + strspn(text + word, " ");
                first = false;
        }
        fputc('\n', out);
}

static void print_fields(FILE *out, const ConfField *fields)
{
        char text[512];

        for (const ConfField *f = fields; f && f->key; f++) {
                fprintf(out, "  %-*s", HELP_INDENT - 2, f->key);
                snprintf(text, sizeof(text), "%s (%s%s%s%s)", f->help ? f->help : "", f->type->name,
                         f->flags & CONF_REQUIRED ? ", required" : "",
                         f->fallback && !streq(f->fallback, "{}") ? ", default " : "",
                         f->fallback && !streq(f->fallback, "{}") ? f->fallback : "");
                print_wrapped(out, text, MAX(HELP_INDENT, (int) strlen(f->key) + 2));
        }
        fputc('\n', out);
}

int help_config(FILE *out)
{
        const ConfigSection *sections;
        size_t n = config_sections(&sections);

        for (size_t i = 0; i < n; i++) {
                fprintf(out, "%s\n", sections[i].name[0] ? sections[i].name : "failoverd.yaml");
                fprintf(out, "  ");
                print_wrapped(out, sections[i].help, 2);
                print_fields(out, sections[i].fields);
        }
        for (size_t i = 0; probe_types[i]; i++) {
                fprintf(out, "probes.NAME, type: %s\n  ", probe_types[i]->name);
                print_wrapped(out, probe_types[i]->help, 2);
                print_fields(out, probe_types[i]->fields);
        }
        for (size_t i = 0; action_types[i]; i++) {
                fprintf(out, "actions[], type: %s\n  ", action_types[i]->name);
                print_wrapped(out, action_types[i]->help, 2);
                print_fields(out, action_types[i]->fields);
        }
        return fflush(out) == 0 ? 0 : -errno;
}
