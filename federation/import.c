/* SPDX-License-Identifier: MIT */
/* A file of books, in pieces, into the catalog: lines and rows are found here, read by import_row.c, and written by
 * catalog_writer.c. */
#include "federation/import.h"

#include "base/json.h"
#include "base/text.h"
#include "federation/catalog_writer.h"
#include "federation/csv.h"
#include "federation/import_row.h"

#define PIECE_MAX (64 * 1024) /* of what is fed, at a time: what is held of a file stays small */

struct Import {
        CatalogWriter *writer;
        char *name;
        char *prefix; /* of ids; NULL */
        ImportFormat format;
        void (*on_row)(uint64_t line, bool refused, const char *reason, void *userdata);
        void (*on_progress)(const ImportReport *so_far, uint64_t bytes, void *userdata);
        void *userdata;

        Text held;      /* not yet read; a row begins at its start */
        size_t enough;  /* that much must be held before a row is looked for again */
        uint64_t line;  /* at which held begins */
        uint64_t bytes; /* fed */
        bool skipping;  /* up to the line's end: it is too long */
        bool begun;     /* the format is known */
        char separator;
        int *columns; /* by field: ImportColumn or -1; NULL: the header has not come */
        size_t n_columns;
        ImportReport report;
        int failed;
};

static void report_add(Import *i, const CatalogWritten *w)
{
        i->report.added = w->added;
        i->report.updated = w->updated;
        i->report.unchanged = w->unchanged;
}

void import_report(const Import *i, ImportReport *ret)
{
        *ret = i->report;
}

static void tell(Import *i, uint64_t line, bool refused, const char *reason)
{
        Error e;

        if (!i->on_row)
                return;
        error_set(&e, 0, "%s:%llu: %s", i->name, (unsigned long long) line, reason);
        i->on_row(line, refused, e.text, i->userdata);
}

static void refuse(Import *i, uint64_t line, const char *reason)
{
        i->report.rows++;
        i->report.refused++;
        tell(i, line, true, reason);
}

static int flush(Import *i, Error *e)
{
        int r = catalog_writer_flush(i->writer, e);

        if (r < 0)
                return r;
        report_add(i, catalog_writer_written(i->writer));
        if (i->on_progress)
                i->on_progress(&i->report, i->bytes, i->userdata);
        return 0;
}

static void strip(const Import *i, char **id)
{
        size_t blank = strspn(*id, " "), n = strlen(i->prefix);

        if (strncmp(*id + blank, i->prefix, n) == 0)
                *id += blank + n;
}

/* A row that came whole. */
static int take_values(Import *i, uint64_t line, char *values[static _COLUMN_MAX], Error *e)
{
        _cleanup_free_ char *id = NULL;
        Error warning, reason;
        Listing l;

        if (i->prefix && values[COLUMN_ID])
                strip(i, &values[COLUMN_ID]);

        if (import_row_read(values, &l, &warning, &reason) < 0) {
                refuse(i, line, reason.text);
                return 0;
        }
        i->report.rows++;
        if (*warning.text) {
                i->report.warned++;
                tell(i, line, false, warning.text);
        }
        if (!*l.id) {
                id = catalog_writer_id(i->writer, &l);
                if (!id)
                        return error_set(e, -ENOMEM, "%s", error_words(ENOMEM));
                l.id = id;
        }
        int r = catalog_writer_put(i->writer, &l, e);
        return r > 0 ? flush(i, e) : r;
}

/* CSV */

static int header_refuse(Import *i, Error *e, const CsvRow *row)
{
        _cleanup_text_ Text names = {0};

        for (size_t k = 0; k < row->n_fields && k < 20; k++) {
                text_add_string(&names, k > 0 ? ", " : "");
                text_add_plain(&names, row->fields[k], 40);
        }
        return error_set(e, -EINVAL, "%s:%llu: the first line names no column `title`, but: %s", i->name,
                         (unsigned long long) i->line, names.data ? names.data : "");
}

static int header_take(Import *i, CsvRow *row, Error *e)
{
        int seen[_COLUMN_MAX];
        char plain[64];

        i->columns = calloc(row->n_fields, sizeof(*i->columns));
        if (!i->columns)
                return error_set(e, -ENOMEM, "%s", error_words(ENOMEM));
        i->n_columns = row->n_fields;
        for (int k = 0; k < _COLUMN_MAX; k++)
                seen[k] = -1;
        unsigned chosen[_COLUMN_MAX], choice = 0;
        for (size_t k = 0; k < row->n_fields; k++) {
                int column = strlen(row->fields[k]) == row->sizes[k] ? import_column(row->fields[k], &choice)
                                                                     : -1;
                i->columns[k] = column;
                if (column < 0)
                        continue;
                if (seen[column] >= 0 && chosen[column] == choice)
                        return error_set(e, -EINVAL, "%s:%llu: two columns are called `%s`", i->name,
                                         (unsigned long long) i->line,
                                         plain_copy(plain, sizeof(plain), row->fields[k]));
                if (seen[column] >= 0)
                        i->columns[choice < chosen[column] ? (size_t) seen[column] : k] = -1;
                if (seen[column] < 0 || choice < chosen[column]) {
                        seen[column] = (int) k;
                        chosen[column] = choice;
                }
        }
        return seen[COLUMN_TITLE] < 0 ? header_refuse(i, e, row) : 0;
}

static int csv_take(Import *i, CsvRow *row, Error *e)
{
        char *values[_COLUMN_MAX] = {NULL};
        char reason[128];

        if (!i->columns)
                return header_take(i, row, e);
        if (row->n_fields != i->n_columns) {
                snprintf(reason, sizeof(reason), "%zu fields, but the header has %zu", row->n_fields,
                         i->n_columns);
                refuse(i, i->line, reason);
                return 0;
        }
        for (size_t k = 0; k < row->n_fields; k++)
                if (i->columns[k] >= 0)
                        values[i->columns[k]] = row->fields[k];
        return take_values(i, i->line, values, e);
}

/* How much of held was used up goes to ret_size: 0 when the row is not all there. */
static int csv_next(Import *i, char *data, size_t size, bool last, size_t *ret_size, Error *e)
{
        CsvRow row;
        int r = 0;

        *ret_size = 0;
        CsvVerdict verdict = csv_row(data, size, last, i->separator, &row);
        if (verdict == CSV_MORE)
                return 0;
        if (verdict == CSV_ROW)
                r = csv_take(i, &row, e);
        else if (verdict != CSV_BLANK && !i->columns)
                r = error_set(e, -EINVAL, "%s:%llu: %s", i->name, (unsigned long long) i->line, row.trouble);
        else if (verdict != CSV_BLANK)
                refuse(i, i->line, row.trouble);
        if (r < 0)
                return r;
        i->skipping = verdict == CSV_LONG;
        i->line += verdict == CSV_LONG ? 0 : row.lines;
        *ret_size = row.size;
        return 0;
}

/* JSON Lines */

/* A number, text, or a list of texts, as text. NULL: none. */
static int json_value(const json_t *j, const char *key, Text *t, Error *e)
{
        if (json_is_string(j)) {
                text_add_string(t, json_string_value(j));
        } else if (json_is_integer(j)) {
                text_add(t, "%lld", (long long) json_integer_value(j));
        } else if (json_is_real(j)) {
                _cleanup_free_ char *number = NULL;
                int r = json_print(j, &number);
                if (r < 0)
                        return error_set(e, r, "%s", error_words(r));
                text_add_string(t, number);
        } else if (json_is_array(j)) {
                for (size_t k = 0; k < json_array_size(j); k++) {
                        const json_t *one = json_array_get(j, k);
                        if (!json_is_string(one) && !json_is_integer(one))
                                return error_set(e, -EINVAL, "%s: a list of something else than texts", key);
                        text_add_string(t, k > 0 ? ", " : "");
                        int r = json_value(one, key, t, e);
                        if (r < 0)
                                return r;
                }
        } else
                return error_set(e, -EINVAL, "%s: neither text nor number", key);
        return t->failed ? error_set(e, -ENOMEM, "%s", error_words(ENOMEM)) : 0;
}

/* The object's values, and room for them. */
static int json_values(json_t *j, Text texts[static _COLUMN_MAX], char *values[static _COLUMN_MAX], Error *e)
{
        unsigned chosen[_COLUMN_MAX], choice = 0;
        const char *key;
        json_t *value;

        json_object_foreach(j, key, value)
        {
                int column = import_column(key, &choice);
                if (column < 0 || json_is_null(value) || (values[column] && chosen[column] < choice))
                        continue;
                text_clear(texts + column);
                text_add_string(texts + column, " "); /* never without data; it is folded away */
                int r = json_value(value, key, texts + column, e);
                if (r < 0)
                        return r;
                values[column] = texts[column].data;
                chosen[column] = choice;
        }
        return 0;
}

static int json_take(Import *i, const char *data, size_t size, Error *e)
{
        _cleanup_json_ json_t *j = NULL;
        Text texts[_COLUMN_MAX] = {{0}};
        char *values[_COLUMN_MAX] = {NULL};
        Error reason;

        int r = json_parse(data, size, &j, &reason);
        if (r == 0 && !json_is_object(j))
                r = error_set(&reason, -EINVAL, "not a JSON object");
        if (r == 0)
                r = json_values(j, texts, values, &reason);
        if (r == 0)
                r = take_values(i, i->line, values, e);
        else if (r == -ENOMEM)
                error_set(e, r, "%s", error_words(r));
        else {
                /* jansson's line is always the first one of what it was given */
                bool placed = strncmp(reason.text, "line 1, ", 8) == 0;
                refuse(i, i->line, reason.text + (placed ? 8 : 0));
                r = 0;
        }
        for (size_t k = 0; k < _COLUMN_MAX; k++)
                text_clear(texts + k);
        return r;
}

static int json_next(Import *i, char *data, size_t size, bool last, size_t *ret_size, Error *e)
{
        const char *end = memchr(data, '\n', MIN(size, (size_t) CSV_ROW_MAX + 1));
        size_t line = end ? (size_t) (end - data) : size;

        *ret_size = 0;
        if (!end && size > CSV_ROW_MAX) {
                refuse(i, i->line, "longer than 1 MiB");
                i->skipping = true;
                *ret_size = CSV_ROW_MAX + 1;
                return 0;
        }
        if (!end && !last)
                return 0;
        size_t blank = 0;
        while (blank < line && strchr(" \t\r", data[blank]))
                blank++;
        int r = blank < line ? json_take(i, data, line, e) : 0;
        if (r < 0)
                return r;
        i->line += end != NULL;
        *ret_size = line + (end != NULL);
        return 0;
}

/* The file's beginning */

#define BEGINNING 4096 /* bytes that are wanted, to know the format and the separator */

/* A brace alone in its line. */
static bool begins_indented(const char *data, size_t size, size_t at)
{
        if (at >= size || data[at] != '{')
                return false;
        for (at++; at < size && strchr(" \t\r", data[at]) && data[at]; at++)
                ;
        return at < size && data[at] == '\n';
}

static int binary(const Import *i, Error *e, const char *what)
{
        return error_set(e, -EINVAL, "%s: %s", i->name, what);
}

static int refuse_binary(const Import *i, const char *data, size_t size, Error *e)
{
        if (size >= 2 && memcmp(data, "\x1f\x8b", 2) == 0)
                return binary(i, e, "compressed by gzip: unpack it first (gunzip)");
        if (size >= 4 && memcmp(data, "PK\x03\x04", 4) == 0)
                return binary(i, e, "a ZIP archive, or a spreadsheet: save it as CSV in UTF-8");
        if (size >= 2 && (memcmp(data, "\xff\xfe", 2) == 0 || memcmp(data, "\xfe\xff", 2) == 0))
                return binary(i, e, "UTF-16: convert it first (iconv -f UTF-16 -t UTF-8)");
        return 0;
}

/* Format and separator. How much was used up (a byte order mark, `sep=;`) goes to ret_size. */
static int begin(Import *i, const char *data, size_t size, size_t *ret_size, Error *e)
{
        size_t mark = size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0, k = mark;

        while (k < size && data[k] && strchr(" \t\r\n", data[k]))
                k++;
        if (i->format == IMPORT_GUESS && k < size && data[k] == '[')
                return binary(i, e,
                              "a JSON array: one object a line is wanted (jq -c '.[]' makes that of it)");
        if (i->format == IMPORT_GUESS && begins_indented(data, size, k))
                return binary(i, e,
                              "a JSON object over several lines: one object a line is wanted (jq -c . makes "
                              "that "
                              "of it)");
        if (i->format == IMPORT_GUESS)
                i->format = k < size && data[k] == '{' ? IMPORT_JSONL : IMPORT_CSV;
        i->begun = true;
        *ret_size = mark;
        if (i->format != IMPORT_CSV)
                return 0;
        i->separator = csv_separator(data + mark, size - mark);
        if (size - mark >= 6 && memcmp(data + mark, "sep=", 4) == 0 &&
            (data[mark + 5] == '\n' || data[mark + 5] == '\r')) { /* Excel's own */
                i->separator = data[mark + 4];
                *ret_size = mark + 6 + (size - mark >= 7 && memcmp(data + mark + 5, "\r\n", 2) == 0);
                i->line++;
        }
        return 0;
}

/* Its pieces */

/* Up to the end of the line that is left out. How much goes to ret_size. */
static void skip(Import *i, const char *data, size_t size, size_t *ret_size)
{
        const char *end = memchr(data, '\n', size);

        *ret_size = end ? (size_t) (end - data) + 1 : size;
        if (end) {
                i->skipping = false;
                i->line++;
        }
}

static int take_one(Import *i, char *data, size_t size, bool last, size_t *ret_size, Error *e)
{
        *ret_size = 0;
        if (i->skipping)
                skip(i, data, size, ret_size);
        else if (!i->begun)
                return size < BEGINNING && !last ? 0 : begin(i, data, size, ret_size, e);
        else if (i->format == IMPORT_CSV)
                return csv_next(i, data, size, last, ret_size, e);
        else
                return json_next(i, data, size, last, ret_size, e);
        return 0;
}

static int take_held(Import *i, bool last, Error *e)
{
        size_t used = 0;

        while (used < i->held.size) {
                size_t n;
                bool begun = i->begun;
                int r = take_one(i, i->held.data + used, i->held.size - used, last, &n, e);
                if (r < 0)
                        return r;
                if (n == 0 && begun == i->begun)
                        break;
                used += n;
        }
        memmove(i->held.data, i->held.data + used, i->held.size - used);
        i->held.size -= used;
        /* Twice as much, so that a long row is not looked through again for each few bytes. */
        i->enough = 2 * i->held.size;
        return 0;
}

static int feed_piece(Import *i, const char *data, size_t size, Error *e)
{
        size_t before = i->held.size;

        text_add_bytes(&i->held, data, size);
        if (i->held.failed)
                return error_set(e, -ENOMEM, "%s", error_words(ENOMEM));
        int r = i->begun ? 0 : refuse_binary(i, i->held.data, i->held.size, e);
        if (r < 0)
                return r;
        const char *nul = memchr(i->held.data + before, '\0', size);
        if (nul) {
                uint64_t line = i->line;
                for (const char *c = i->held.data; c < nul; c++)
                        line += *c == '\n';
                return error_set(e, -EINVAL, "%s:%llu: a NUL byte: this is no text file", i->name,
                                 (unsigned long long) line);
        }
        return i->held.size < i->enough ? 0 : take_held(i, false, e);
}

int import_strip(Import *i, const char *prefix)
{
        free(i->prefix);
        i->prefix = strdup(prefix);
        return i->prefix ? 0 : -ENOMEM;
}

int import_feed(Import *i, const void *data, size_t size, Error *e)
{
        const char *p = data;
        int r = 0;

        assert(i);
        assert(data || size == 0);
        assert(i->failed == 0);

        while (size > 0 && r == 0) {
                size_t n = MIN(size, (size_t) PIECE_MAX);
                i->bytes += n;
                r = feed_piece(i, p, n, e);
                p += n;
                size -= n;
        }
        i->failed = r;
        return r;
}

int import_finish(Import *i, ImportReport *report, Error *e)
{
        assert(i);
        assert(i->failed == 0);

        int r = i->held.size > 0 ? take_held(i, true, e) : 0;
        if (r == 0 && i->format != IMPORT_JSONL && !i->columns)
                r = error_set(e, -EINVAL, "%s: empty", i->name);
        if (r == 0)
                r = flush(i, e);
        if (r == 0)
                r = catalog_writer_finish(i->writer, e);
        i->failed = r;
        if (r < 0)
                return r;
        i->report.generation = catalog_writer_written(i->writer)->generation;
        if (report)
                *report = i->report;
        return 0;
}

int import_new(const char *catalog_path, const ImportOptions *options, Import **ret, Error *e)
{
        _cleanup_(import_freep) Import *i = NULL;

        assert(catalog_path);
        assert(options);
        assert(ret);

        i = calloc(1, sizeof(*i));
        if (i)
                i->name = strdup(options->name ? options->name : "-");
        if (!i || !i->name)
                return error_set(e, -ENOMEM, "%s", error_words(ENOMEM));
        i->format = options->format;
        i->on_row = options->on_row;
        i->on_progress = options->on_progress;
        i->userdata = options->userdata;
        i->line = 1;
        int r = catalog_writer_new(catalog_path, &i->writer, e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(i);
        return 0;
}

Import *import_free(Import *i)
{
        if (!i)
                return NULL;
        catalog_writer_free(i->writer);
        text_clear(&i->held);
        free(i->columns);
        free(i->name);
        free(i->prefix);
        free(i);
        return NULL;
}
