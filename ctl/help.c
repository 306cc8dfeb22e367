/* SPDX-License-Identifier: MIT */
/* Help, made from the verb table and the option table. */
#include "ctl/help.h"
#include "ctl/daemon.h"
#include "ctl/page.h"

#include <stdarg.h>

#define WIDTH_MAX  100u
#define NAME_WIDTH 20

static void put_option(Page *p, const OptionInfo *option)
{
        _cleanup_free_ char *left = string_printf("--%s%s%s", option->name, option->value ? " " : "",
                                                  option->value ? option->value : "");

        page_put(p, STYLE_PLAIN, "  ");
        page_cell(p, STYLE_BOLD, left ? left : option->name, 17);
        page_paragraph(p, STYLE_PLAIN, "", 21, STYLE_PLAIN, option->help);
}

static void put_synopsis(Page *p, const Invocation *i, const Verb *verb)
{
        _cleanup_free_ char *name = string_printf("failoverctl %s ", verb->name);
        _cleanup_text_ Text t = {};

        for (size_t k = 0; k < _OPTION_MAX; k++)
                if (verb->options & CTL_BIT(k))
                        text_add(&t, "[--%s%s%s] ", i->options[k].name, i->options[k].value ? " " : "",
                                 i->options[k].value ? i->options[k].value : "");
        text_add(&t, "%s", verb->arguments);
        page_paragraph(p, STYLE_BOLD, name ? name : verb->name, 4, STYLE_PLAIN, t.data ? t.data : "");
}

static void put_paragraphs(Page *p, const char *text)
{
        while (*text != '\0') {
                size_t length = strcspn(text, "\n");
                _cleanup_free_ char *line = strndup(text, length);

                page_paragraph(p, STYLE_PLAIN, "", line && line[0] == ' ' ? 4 : 0, STYLE_PLAIN,
                               line ? line + strspn(line, " ") : "");
                text += length;
                text += *text == '\n' ? 1 : 0;
        }
}

static void print(Page *p, FILE *to)
{
        if (!p->text.failed && p->text.data)
                fputs(p->text.data, to);
        text_clear(&p->text);
}

static Page new_page(const FILE *to)
{
        unsigned width = ctl_columns();

        return (Page){.width = width > 0 ? MIN(width, WIDTH_MAX) : 80,
                      .colour = to == stdout && ctl_colour()};
}

void help_verb(const Invocation *i, const Verb *verb)
{
        Page p = new_page(stdout);

        put_synopsis(&p, i, verb);
        page_end(&p);
        put_paragraphs(&p, verb->help);
        page_end(&p);
        page_put(&p, STYLE_BOLD, "Options");
        page_end(&p);
        for (size_t k = 0; k < _OPTION_MAX; k++)
                if (verb->options & CTL_BIT(k))
                        put_option(&p, &i->options[k]);
        put_option(&p, &i->options[OPTION_JSON]);
        put_option(&p, &i->options[OPTION_SOCKET]);
        print(&p, stdout);
}

void help_all(const Invocation *i, FILE *to)
{
        Page p = new_page(to);

        page_put(&p, STYLE_BOLD, "failoverctl [--json] [--socket PATH] VERB ...");
        page_end(&p);
        page_paragraph(&p, STYLE_PLAIN, "", 0, STYLE_PLAIN,
                       "Asks and tells failoverd, which keeps the shop selling, and federationd, which "
                       "searches the "
                       "network.");
        page_end(&p);
        for (const Verb *verb = i->verbs; verb->name; verb++) {
                _cleanup_free_ char *left = string_printf("%s%s%s", verb->name, verb->arguments[0] ? " " : "",
                                                          verb->arguments);

                if (left && strlen(left) > NAME_WIDTH) /* `help VERB` has the rest */
                        snprintf(left, strlen(left) + 1, "%s ...", verb->name);
                page_put(&p, STYLE_PLAIN, "  ");
                page_cell(&p, STYLE_BOLD, left ? left : verb->name, NAME_WIDTH);
                page_paragraph(&p, STYLE_PLAIN, "", NAME_WIDTH + 4, STYLE_PLAIN, verb->summary);
        }
        page_end(&p);
        page_put(&p, STYLE_PLAIN, "failoverctl help VERB tells more; so does failoverctl(1).");
        page_end(&p);
        print(&p, to);
}

/* Edits from a to b, for "did you mean"; names are short. */
static unsigned edits(const char *a, const char *b)
{
        unsigned row[64], n = (unsigned) strlen(b);

        if (n >= ELEMENTSOF(row) || strlen(a) >= ELEMENTSOF(row))
                return UINT32_MAX;
        for (unsigned k = 0; k <= n; k++)
                row[k] = k;
        for (unsigned j = 1; a[j - 1] != '\0'; j++) {
                unsigned corner = row[0];

                row[0] = j;
                for (unsigned k = 1; k <= n; k++) {
                        unsigned above = row[k], change = corner + (a[j - 1] != b[k - 1]);
                        unsigned insert_or_drop = MIN(above, row[k - 1]) + 1;

                        row[k] = MIN(insert_or_drop, change);
                        corner = above;
                }
        }
        return row[n];
}

const Verb *help_find(const Invocation *i, const char *name, const Verb **ret_near)
{
        unsigned best = 3; /* more edits than that are another word */

        *ret_near = NULL;
        for (const Verb *verb = i->verbs; verb->name; verb++) {
                unsigned n = edits(name, verb->name);

                if (n == 0)
                        return verb;
                if (n < best) {
                        best = n;
                        *ret_near = verb;
                }
        }
        return NULL;
}

int ctl_usage(const Invocation *i, const char *format, ...)
{
        _cleanup_free_ char *s = NULL;
        _cleanup_text_ Text plain = {};
        const char *name = i->verb ? i->verb->name : NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&s, format, ap) < 0)
                s = NULL;
        va_end(ap);
        text_add_plain(&plain, s ? s : "out of memory", 0);
        fprintf(stderr, "failoverctl: %s%s%s\n", name ? name : "", name ? ": " : "",
                plain.data ? plain.data : "");
        fprintf(stderr, "Try: failoverctl help%s%s\n", name ? " " : "", name ? name : "");
        return i->verb && i->verb->failure == CTL_UNKNOWN ? CTL_UNKNOWN : CTL_USAGE;
}

int verb_help(const Invocation *i)
{
        static const char *const config[] = {"--help-config", NULL};
        const char *topic = i->arguments[0];
        const Verb *verb, *near;

        if (!topic) {
                help_all(i, stdout);
                return CTL_DONE;
        }
        if (streq(topic, "config"))
                return daemon_run(i, "failoverd", config);
        verb = help_find(i, topic, &near);
        if (!verb && near)
                return ctl_usage(i, "no verb %s; did you mean %s?", topic, near->name);
        if (!verb)
                return ctl_usage(i, "no verb %s", topic);
        help_verb(i, verb);
        return CTL_DONE;
}
