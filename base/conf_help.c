/* SPDX-License-Identifier: MIT */
/* Every key of a configuration file for people, from the tables that the parser reads. */
#include "base/conf_help.h"

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

void conf_help_type(FILE *out, const char *title, const char *help, const ConfField *fields)
{
        fprintf(out, "%s\n  ", title);
        print_wrapped(out, help, 2);
        print_fields(out, fields);
        for (const ConfField *f = fields; f && f->key; f++) {
                char inner[128];

                if (f->type != &conf_table)
                        continue;
                snprintf(inner, sizeof(inner), "%s, %s", title, f->key);
                conf_help_type(out, inner, f->help, f->data);
        }
}

void conf_help_sections(FILE *out, const char *file, const ConfSection *sections, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                fprintf(out, "%s\n  ", sections[i].name[0] ? sections[i].name : file);
                print_wrapped(out, sections[i].help, 2);
                print_fields(out, sections[i].fields);
        }
}
