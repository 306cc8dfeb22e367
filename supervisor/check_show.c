/* SPDX-License-Identifier: MIT */
/* check-config's report: for people in eighty columns, and for programs as JSON. */
#include "supervisor/check.h"

#define NAME_WIDTH 20
#define TO_WIDTH   10
#define ROWS_MAX   40 /* beyond it rows that read the same are shown as one */
#define LINES_MAX  60

/* --- texts that fit --- */

/* "340ms", "7.2s", "45s", "6m05s", "2h10m", "3d04h", "never". */
static const char *short_duration(char buffer[static 16], uint64_t usec)
{
        uint64_t s = (usec + USEC_PER_SEC / 2) / USEC_PER_SEC;

        if (usec == USEC_NEVER)
                return "never";
        if (usec < USEC_PER_SEC)
                snprintf(buffer, 16, "%ums", (unsigned) (usec / USEC_PER_MSEC));
        else if (usec < 10 * USEC_PER_SEC)
                snprintf(buffer, 16, "%.1fs", (double) usec / (double) USEC_PER_SEC);
        else if (s < 60)
                snprintf(buffer, 16, "%us", (unsigned) s);
        else if (s < 3600)
                snprintf(buffer, 16, "%um%02us", (unsigned) (s / 60), (unsigned) (s % 60));
        else if (s < 86400)
                snprintf(buffer, 16, "%uh%02um", (unsigned) (s / 3600), (unsigned) (s % 3600 / 60));
        else
                snprintf(buffer, 16, "%ud%02uh", (unsigned) (s / 86400), (unsigned) (s % 86400 / 3600));
        return buffer;
}

/* Left in a column, cut with a mark; names are ASCII. */
static void put_column(FILE *out, const char *text, int width)
{
        if ((int) strlen(text) < width)
                fprintf(out, "%-*s", width, text);
        else
                fprintf(out, "%.*s~ ", width - 2, text);
}

static void put_span(FILE *out, const MeasureSpan *span)
{
        char worst[16], mean[16];

        fprintf(out, " %8s%7s", short_duration(worst, span->worst_usec),
                short_duration(mean, span->mean_usec));
}

/* --- the table --- */

/* What stands behind the name. Two that read alike are alike. */
static void put_times(FILE *out, const CheckRow *row)
{
        const Measure *m = &row->times;
        char text[40];

        if (row->to == MODE_NONE)
                fprintf(out, " %8s", "stays");
        if (row->to != MODE_NONE && !row->measured)
                fprintf(out, " %15s", "not measured");
        if (!row->measured)
                return;
        if (m->reports > 0) {
                snprintf(text, sizeof(text), "at bad report %u", m->reports);
                fprintf(out, " %15s %15s", text, "");
        } else {
                put_span(out, &m->fail);
                if (m->silent)
                        fprintf(out, " %15s", "not counted");
                else
                        put_span(out, &m->hang);
        }
        if (m->back.worst_usec == USEC_NEVER)
                fprintf(out, " %15s", "after `ack`");
        else
                put_span(out, &m->back);
}

typedef struct Line {
        const CheckRow *row;
        size_t alike; /* others that read the same, and are not shown */
        char text[96];
} Line;

static void line_set(Line *l, const Config *c, const CheckRow *row)
{
        FILE *out;

        *l = (Line){.row = row};
        out = fmemopen(l->text, sizeof(l->text), "w");
        if (!out)
                return; /* a line without times */
        put_column(out,
                   row->to != MODE_NONE ? c->modes[row->to].name
                   : row->mode == 0     ? "NOTHING"
                                        : "nothing",
                   TO_WIDTH);
        put_times(out, row);
        fclose(out);
}

static int compare_lines(const void *a, const void *b)
{
        const Line *x = a, *y = b;
        int order;

        if (x->row->mode != y->row->mode)
                return x->row->mode < y->row->mode ? -1 : 1;
        order = strcmp(x->text, y->text);
        if (order != 0)
                return order;
        return x->row < y->row ? -1 : 1;
}

static int compare_rows(const void *a, const void *b)
{
        const Line *x = a, *y = b;

        return x->row < y->row ? -1 : 1;
}

/* Of a large table those that read the same become one. */
static size_t lines_join(Line *lines, size_t n)
{
        size_t kept = 0;

        if (n <= ROWS_MAX)
                return n;
        qsort(lines, n, sizeof(*lines), compare_lines);
        for (size_t i = 0; i < n; i++) {
                Line *last = kept > 0 ? &lines[kept - 1] : NULL;

                if (last && last->row->mode == lines[i].row->mode && streq(last->text, lines[i].text))
                        last->alike++;
                else
                        lines[kept++] = lines[i];
        }
        qsort(lines, kept, sizeof(*lines), compare_rows);
        return kept;
}

static void put_lines(FILE *out, const Config *c, const Line *lines, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                const Line *l = &lines[i];

                if (i == LINES_MAX) {
                        fprintf(out, "and %zu more lines like these: --json tells all\n", n - i);
                        return;
                }
                if (i == 0 || lines[i - 1].row->mode != l->row->mode)
                        fprintf(out, "in %s\n", c->modes[l->row->mode].name);
                fputs("  ", out);
                put_column(out, c->probes[l->row->probe]->name, NAME_WIDTH);
                fprintf(out, "%s\n", l->text);
                if (l->alike > 0)
                        fprintf(out, "    and %zu like it\n", l->alike);
        }
}

static void put_rows(FILE *out, const CheckReport *r)
{
        Line *lines = calloc(r->n_rows, sizeof(*lines));

        if (!lines) {
                fputs("out of memory\n", out);
                return;
        }
        for (size_t i = 0; i < r->n_rows; i++)
                line_set(&lines[i], r->config, &r->rows[i]);
        put_lines(out, r->config, lines, lines_join(lines, r->n_rows));
        free(lines);
}

static void put_table(FILE *out, const CheckReport *r)
{
        static const char *const heads[] = {"with an error", "with no answer", "back, once well"};

        fprintf(out, "%-*s%-*s", NAME_WIDTH + 2, "When this fails", TO_WIDTH, "the shop");
        for (size_t i = 0; i < ELEMENTSOF(heads); i++)
                fprintf(out, " %15s", heads[i]);
        fprintf(out, "\n%-*s%-*s", NAME_WIDTH + 2, "", TO_WIDTH, "goes to");
        for (size_t i = 0; i < ELEMENTSOF(heads); i++)
                fprintf(out, " %8s%7s", "worst", "mean");
        fputc('\n', out);
        put_rows(out, r);
        fputs("worst: trouble begins right after a run, and the fallback answers as late as it\n"
              "may; back: with the hold, which a relapse doubles. Tried with the daemon's own\n"
              "scheduling, from the first moment of trouble, and of health, to the change.\n",
              out);
}

static void put_verdict(FILE *out, const CheckReport *r)
{
        if (r->config)
                fprintf(out, "%s: %zu probe%s, %zu mode%s, %zu action%s: ", r->path, r->config->n_probes,
                        PLURAL(r->config->n_probes), r->config->n_modes, PLURAL(r->config->n_modes),
                        r->config->n_actions, PLURAL(r->config->n_actions));
        else
                fprintf(out, "%s: ", r->path);
        findings_show_verdict(&r->findings, out);
}

void check_show(const CheckReport *r, FILE *out, FILE *err, unsigned width)
{
        findings_show(&r->findings, err, width);
        if (r->n_rows > 0) {
                fputc('\n', out);
                put_table(out, r);
                fputc('\n', out);
        }
        if (r->config)
                put_verdict(out, r);
}

/* --- JSON --- */

static json_t *span_to_json(const MeasureSpan *span)
{
        if (span->worst_usec == USEC_NEVER)
                return json_null();
        return json_pack("{s:f, s:f}", "worst_s", (double) span->worst_usec / (double) USEC_PER_SEC, "mean_s",
                         (double) span->mean_usec / (double) USEC_PER_SEC);
}

static json_t *row_to_json(const Config *c, const CheckRow *row)
{
        json_t *j = json_object();

        assert(c); /* without it there are no rows */
        json_put(j, "mode", json_string(c->modes[row->mode].name));
        json_put(j, "probe", json_string(c->probes[row->probe]->name));
        json_put(j, "to", row->to == MODE_NONE ? json_null() : json_string(c->modes[row->to].name));
        json_put(j, "reports",
                 row->measured && row->times.reports > 0 ? json_integer(row->times.reports) : json_null());
        json_put(j, "fail", row->measured ? span_to_json(&row->times.fail) : json_null());
        json_put(j, "hang",
                 row->measured && !row->times.silent ? span_to_json(&row->times.hang) : json_null());
        json_put(j, "back", row->measured ? span_to_json(&row->times.back) : json_null());
        return j;
}

json_t *check_to_json(const CheckReport *r)
{
        const unsigned *n = r->findings.counts;
        json_t *j = json_object(), *times = json_array();

        json_put(j, "success", json_boolean(n[FINDING_ERROR] == 0));
        json_put(j, "config", json_string_or_null(r->path));
        json_put(j, "probes", json_integer(r->config ? (json_int_t) r->config->n_probes : 0));
        json_put(j, "modes", json_integer(r->config ? (json_int_t) r->config->n_modes : 0));
        json_put(j, "actions", json_integer(r->config ? (json_int_t) r->config->n_actions : 0));
        json_put(j, "errors", json_integer(n[FINDING_ERROR]));
        json_put(j, "warnings", json_integer(n[FINDING_WARNING]));
        json_put(j, "notes", json_integer(n[FINDING_NOTE]));
        json_put(j, "findings", findings_to_json(&r->findings));
        for (size_t i = 0; i < r->n_rows; i++)
                json_add(times, row_to_json(r->config, &r->rows[i]));
        json_put(j, "times", times);
        json_put(j, "needs", r->needs ? json_incref(r->needs) : json_object());
        return j;
}
