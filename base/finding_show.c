/* SPDX-License-Identifier: MIT */
/* Findings for people: in eighty columns, and the verdict on a file. */
#include "base/finding.h"

/* From this column on, and under an indent where a line is full; width 0: one line. */
static void put_wrapped(FILE *out, const char *text, unsigned column, unsigned indent, unsigned width)
{
        bool first = true;

        while (*text) {
                size_t word = strcspn(text, " ");

                if (!first && width > 0 && column + 1 + word > width)
                        column = (unsigned) fprintf(out, "\n%*s", (int) indent, "") - 1;
                else if (!first)
                        column += (unsigned) fprintf(out, " ");
                column += (unsigned) fprintf(out, "%.*s", (int) word, text);
                text += word + strspn(text + word, " ");
                first = false;
        }
        fputc('\n', out);
}

static void put_sentence(FILE *err, const char *label, const char *text, unsigned width)
{
        int n;

        if (text[0] == '\0')
                return;
        n = fprintf(err, "    %s ", label);
        put_wrapped(err, text, (unsigned) n, (unsigned) n, width);
}

static void put_finding(FILE *err, const Finding *x, unsigned width)
{
        _cleanup_text_ Text t = {0};

        text_add(&t, "%s: %s%s%s", finding_severity_name(x->severity), x->place, x->place[0] ? ": " : "",
                 x->message);
        if (x->more > 0)
                text_add(&t, " (and %u more like this)", x->more);
        if (t.failed)
                return;
        put_wrapped(err, t.data, 0, 4, width);
        put_sentence(err, "then:", x->meaning, width);
        put_sentence(err, "  do:", x->advice, width);
}

void findings_show(const Findings *f, FILE *err, unsigned width)
{
        for (size_t i = 0; i < f->count; i++)
                put_finding(err, f->items[i], width);
        fflush(err);
}

void findings_show_verdict(const Findings *f, FILE *out)
{
        const unsigned *n = f->counts;

        if (n[FINDING_ERROR] > 0)
                fprintf(out, "must not be used, %u error%s, %u warning%s\n", n[FINDING_ERROR],
                        PLURAL(n[FINDING_ERROR]), n[FINDING_WARNING], PLURAL(n[FINDING_WARNING]));
        else if (n[FINDING_WARNING] > 0)
                fprintf(out, "usable, %u warning%s\n", n[FINDING_WARNING], PLURAL(n[FINDING_WARNING]));
        else
                fputs("good\n", out);
}

/* "file:line:column: what is wrong" in two. */
void findings_add_unusable(Findings *f, const char *text)
{
        const char *s = text, *message = text;
        _cleanup_free_ char *place = NULL;

        while ((s = strstr(s, ": "))) {
                const char *line = s;

                /* Two numbers before it? */
                for (int i = 0; i < 2; i++) {
                        const char *digits = line;

                        while (digits > text && digits[-1] >= '0' && digits[-1] <= '9')
                                digits--;
                        if (digits == line || digits == text || digits[-1] != ':')
                                break;
                        line = digits - 1;
                        if (i == 1) {
                                place = strndup(text, (size_t) (s - text));
                                message = s + 2;
                        }
                }
                if (place)
                        break;
                s += 2;
        }
        findings_add(f, FINDING_ERROR, "unusable", place, NULL, "%s", message);
}
