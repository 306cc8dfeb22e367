/* SPDX-License-Identifier: MIT */
/* Rows of comma-separated values: a first pass finds the row's end and judges it, a second one cuts it into fields. */
#include "federation/csv.h"

typedef struct Scan {
        size_t size;   /* of the row without its line's end */
        size_t ending; /* of that */
        size_t lines;  /* ends of lines inside of quotation marks */
        size_t n_fields;
        const char *trouble;
} Scan;

typedef enum Place {
        AT_START, /* of a field */
        IN_PLAIN,
        IN_QUOTES,
        BEHIND_QUOTE, /* in a quoted field: its end, or half of a doubled quotation mark */
} Place;

/* 0: not the end of a line. -1: may be the first half of CRLF. */
static int line_end(const char *data, size_t i, size_t size, bool last)
{
        if (data[i] == '\n')
                return 1;
        if (data[i] != '\r')
                return 0;
        if (i + 1 < size)
                return data[i + 1] == '\n' ? 2 : 1;
        return last ? 1 : -1;
}

static CsvVerdict row_end(Scan *s, size_t i, int ending)
{
        s->size = i;
        s->ending = (size_t) ending;
        if (s->n_fields == CSV_FIELDS_MAX) {
                s->trouble = "too many fields";
                return CSV_BAD;
        }
        s->n_fields++;
        return i == 0 ? CSV_BLANK : CSV_ROW;
}

static CsvVerdict scan(const char *data, size_t size, bool last, char separator, Scan *s)
{
        Place place = AT_START;
        size_t limit = MIN(size, (size_t) CSV_ROW_MAX + 1);

        for (size_t i = 0; i < limit; i++) {
                char c = data[i];

                if (place == IN_QUOTES) {
                        if (c == '"')
                                place = BEHIND_QUOTE;
                        s->lines += c == '\n';
                        continue;
                }
                int ending = line_end(data, i, size, last);
                if (ending < 0)
                        return CSV_MORE;
                if (ending > 0)
                        return row_end(s, i, ending);
                if (c == separator) {
                        if (s->n_fields < CSV_FIELDS_MAX)
                                s->n_fields++;
                        place = AT_START;
                } else if (c == '"' && (place == AT_START || place == BEHIND_QUOTE)) {
                        place = IN_QUOTES;
                } else if (place == BEHIND_QUOTE) {
                        s->trouble = "something stands behind a closing quotation mark";
                        return CSV_BAD;
                } else
                        place = IN_PLAIN;
        }
        if (size > CSV_ROW_MAX) {
                s->trouble = place == IN_QUOTES ? "a quotation mark is not closed within 1 MiB"
                                                : "longer than 1 MiB";
                return CSV_BAD;
        }
        if (!last)
                return CSV_MORE;
        if (place == IN_QUOTES) {
                s->trouble = "a quotation mark is not closed";
                return CSV_BAD;
        }
        return row_end(s, size, 0);
}

/* Its first line is given up. */
static CsvVerdict bad(const char *data, size_t size, bool last, const Scan *s, CsvRow *ret)
{
        size_t limit = MIN(size, (size_t) CSV_ROW_MAX + 1);

        ret->trouble = s->trouble;
        ret->lines = 1;
        for (size_t i = 0; i < limit; i++) {
                int ending = line_end(data, i, size, last);
                if (ending < 0)
                        return CSV_MORE;
                if (ending > 0) {
                        ret->size = i + (size_t) ending;
                        return CSV_BAD;
                }
        }
        if (size <= CSV_ROW_MAX && !last)
                return CSV_MORE;
        ret->size = limit;
        return limit == size && last ? CSV_BAD : CSV_LONG;
}

static char *unquote(char *field, const char *end, char **ret_end)
{
        char *to = field;

        for (const char *from = field + 1; from < end; from++) {
                if (*from == '"') {
                        if (from + 1 == end || from[1] != '"')
                                break;
                        from++;
                }
                *to++ = *from;
        }
        *ret_end = to;
        return field;
}

/* Where the field that begins here ends. */
static char *field_end(char *field, char *end, char separator)
{
        bool quoted = field < end && *field == '"', inside = quoted;

        for (char *c = field + quoted; c < end; c++) {
                if (quoted && *c == '"')
                        inside = !inside;
                else if (*c == separator && !inside)
                        return c;
        }
        return end;
}

static void cut(char *data, size_t size, char separator, CsvRow *ret)
{
        char *field = data, *end = data + size;

        for (size_t i = 0; i < ret->n_fields; i++) {
                char *stop = field_end(field, end, separator), *text_end = stop;
                bool quoted = field < stop && *field == '"';

                ret->fields[i] = quoted ? unquote(field, stop, &text_end) : field;
                ret->sizes[i] = (size_t) (text_end - field);
                field = stop < end ? stop + 1 : end;
                *text_end = '\0';
        }
}

CsvVerdict csv_row(char *data, size_t size, bool last, char separator, CsvRow *ret)
{
        Scan s = {.n_fields = 0};

        assert(data || size == 0);
        assert(ret);

        ret->n_fields = 0;
        ret->trouble = NULL;
        if (size == 0)
                return CSV_MORE;
        CsvVerdict verdict = scan(data, size, last, separator, &s);
        if (verdict == CSV_MORE)
                return verdict;
        if (verdict == CSV_BAD)
                return bad(data, size, last, &s, ret);
        ret->size = s.size + s.ending;
        ret->lines = s.lines + (s.ending > 0);
        if (verdict == CSV_ROW) {
                ret->n_fields = s.n_fields;
                cut(data, s.size, separator, ret);
        }
        return verdict;
}

char csv_separator(const char *line, size_t size)
{
        static const char candidates[] = ",;\t|";
        size_t n[sizeof(candidates) - 1] = {0}, best = 0;
        bool inside = false;

        for (size_t i = 0; i < size && (inside || (line[i] != '\n' && line[i] != '\r')); i++) {
                const char *found = line[i] ? strchr(candidates, line[i]) : NULL;

                if (line[i] == '"')
                        inside = !inside;
                else if (found && !inside)
                        n[found - candidates]++;
        }
        for (size_t i = 1; i < ELEMENTSOF(n); i++)
                if (n[i] > n[best])
                        best = i;
        return candidates[best];
}
