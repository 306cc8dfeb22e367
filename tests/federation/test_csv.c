/* SPDX-License-Identifier: MIT */
/* federation/csv.c: rows from a buffer that may end anywhere. */
#include "tests/test.h"

#include "base/text.h"
#include "federation/csv.h"

/* All rows of text as one line each: fields in brackets, trouble behind !. */
static const char *rows(const char *text, size_t size, char separator)
{
        static char *last;
        Text t = {0};
        CsvRow row;
        bool skipping = false;

        free(last);
        for (size_t at = 0; at < size; at += row.size) {
                size_t left = size - at;
                char *copy = malloc(left + 1);
                CHECK(copy);
                memcpy(copy, text + at, left);
                if (skipping) {
                        const char *end = memchr(copy, '\n', left);
                        row.size = end ? (size_t) (end - copy) + 1 : left;
                        skipping = !end;
                        free(copy);
                        continue;
                }
                CsvVerdict verdict = csv_row(copy, left, true, separator, &row);
                CHECK(verdict != CSV_MORE && row.size > 0 && row.size <= left);
                if (verdict == CSV_BAD || verdict == CSV_LONG)
                        text_add(&t, "!%s\n", row.trouble);
                skipping = verdict == CSV_LONG;
                for (size_t i = 0; verdict == CSV_ROW && i < row.n_fields; i++) {
                        CHECK(row.fields[i] >= copy && row.fields[i] + row.sizes[i] <= copy + left);
                        CHECK_INT(row.fields[i][row.sizes[i]], 0);
                        text_add_string(&t, "[");
                        text_add_bytes(&t, row.fields[i], row.sizes[i]);
                        text_add(&t, "]%s", i + 1 == row.n_fields ? "\n" : "");
                }
                free(copy);
        }
        CHECK_INT(text_take(&t, &last), 0);
        return last;
}

static const char *of(const char *text)
{
        return rows(text, strlen(text), ',');
}

TEST(reads_what_the_standard_shows)
{
        CHECK_STR(of("aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n"), "[aaa][bbb][ccc]\n[zzz][yyy][xxx]\n");
        CHECK_STR(of("aaa,bbb\nzzz,yyy"), "[aaa][bbb]\n[zzz][yyy]\n");
        CHECK_STR(of("\"aaa\",\"b \r\nbb\",\"ccc\"\r\nzzz,yyy,xxx"),
                  "[aaa][b \r\nbb][ccc]\n[zzz][yyy][xxx]\n");
        CHECK_STR(of("\"aaa\",\"b\"\"bb\",\"\"\"\""), "[aaa][b\"bb][\"]\n");
        CHECK_STR(of("\"a,b\",,\n,\n"), "[a,b][][]\n[][]\n");
        CHECK_STR(of("\"\"\n"), "[]\n");
        CHECK_STR(of("a\rb\r\n\nc"), "[a]\n[b]\n[c]\n");
}

TEST(quotation_marks_inside_of_plain_fields_are_just_that)
{
        CHECK_STR(of("5\" disk,a\"b\"\n"), "[5\" disk][a\"b\"]\n");
}

TEST(a_row_whose_quotes_do_not_add_up_costs_its_first_line_only)
{
        CHECK_STR(of("\"a\"b,c\nd,e\n"), "!something stands behind a closing quotation mark\n[d][e]\n");
        CHECK_STR(of("x,\"a\nb,c\nd,e\n"), "!a quotation mark is not closed\n[b][c]\n[d][e]\n");
        CHECK_STR(of("x,\"a\ny,\"b\"\nz,c\n"),
                  "!something stands behind a closing quotation mark\n[y][b]\n[z][c]\n");
        CHECK_STR(of("\""), "!a quotation mark is not closed\n");
}

TEST(other_separators_are_recognised)
{
        CHECK_INT(csv_separator("id;title;price,net\n1,2,3,4,5", 28), ';');
        CHECK_INT(csv_separator("id\ttitle\n", 9), '\t');
        CHECK_INT(csv_separator("\"a,b,c\"|d\n", 10), '|');
        CHECK_INT(csv_separator("title", 5), ',');
        CHECK_STR(rows("a;b,c;\"d;e\"\n", 12, ';'), "[a][b,c][d;e]\n");
}

/* A row of fields that are full of what has a meaning. */
static void row_make(uint64_t *random, Text *raw, Text *wanted)
{
        static const char *const pieces[] = {"a", ",",        "\"",        "\n", "\r\n",
                                             " ", "\xc3\xa9", "long word", "\r"};
        unsigned n = 1 + (unsigned) ((*random >> 40) % 5);

        for (unsigned i = 0; i < n; i++) {
                _cleanup_text_ Text field = {0};
                *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
                unsigned n_pieces = (unsigned) ((*random >> 33) % 6) + (n == 1);
                for (unsigned k = 0; k < n_pieces; k++) {
                        *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
                        text_add_string(&field, pieces[(*random >> 33) % ELEMENTSOF(pieces)]);
                }
                const char *value = field.data ? field.data : "";
                text_add_string(raw, i > 0 ? "," : "");
                if (strpbrk(value, ",\"\r\n")) {
                        text_add_string(raw, "\"");
                        for (const char *c = value; *c; c++)
                                text_add(raw, *c == '"' ? "\"\"" : "%c", *c);
                        text_add_string(raw, "\"");
                } else
                        text_add_string(raw, value);
                text_add(wanted, "[%s]", value);
        }
        text_add_string(raw, (*random >> 50) % 2 ? "\n" : "\r\n");
        text_add_string(wanted, "\n");
}

TEST(what_was_written_by_the_standard_is_read_as_it_was)
{
        uint64_t random = 42;

        for (unsigned round = 0; round < 500; round++) {
                _cleanup_text_ Text raw = {0}, wanted = {0};
                for (unsigned i = 0; i < 5; i++)
                        row_make(&random, &raw, &wanted);
                CHECK_STR(rows(raw.data, raw.size, ','), wanted.data);
        }
}

/* What comes behind a row changes nothing but "more": that is why pieces can be cut anywhere. */
TEST(a_verdict_does_not_depend_on_what_comes_behind)
{
        uint64_t random = 9;
        char text[64];

        for (unsigned round = 0; round < 20000; round++) {
                size_t size = 1 + round % (sizeof(text) - 1);
                CsvRow whole, part;
                char copy[sizeof(text) + 1];
                for (size_t i = 0; i < size; i++) {
                        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
                        text[i] = "ab,,\"\"\"\n\r"[(random >> 33) % 9];
                }
                memcpy(copy, text, size);
                CsvVerdict verdict = csv_row(copy, size, true, ',', &whole);
                for (size_t n = 1; n < size; n++) {
                        memcpy(copy, text, n);
                        CsvVerdict early = csv_row(copy, n, false, ',', &part);
                        if (early == CSV_MORE)
                                continue;
                        CHECK_INT(early, verdict);
                        CHECK_INT(part.size, whole.size);
                        CHECK_INT(part.lines, whole.lines);
                        CHECK_INT(part.n_fields, whole.n_fields);
                }
        }
}

TEST(rows_have_a_limit)
{
        size_t size = 3 * CSV_ROW_MAX;
        char *text = malloc(size + 1);
        CsvRow row;

        CHECK(text);
        memset(text, 'x', size);
        text[CSV_ROW_MAX] = '\n';
        CHECK_INT(csv_row(text, size, false, ',', &row), CSV_ROW);
        CHECK_INT(row.sizes[0], CSV_ROW_MAX);
        memset(text, 'x', size);
        CHECK_INT(csv_row(text, CSV_ROW_MAX, false, ',', &row), CSV_MORE);
        CHECK_INT(csv_row(text, CSV_ROW_MAX + 1, false, ',', &row), CSV_LONG);
        CHECK_INT(csv_row(text, size, true, ',', &row), CSV_LONG);
        text[0] = '"';
        text[5] = '\n';
        CHECK_INT(csv_row(text, size, false, ',', &row), CSV_BAD);
        CHECK_INT(row.size, 6);
        CHECK_STR(row.trouble, "a quotation mark is not closed within 1 MiB");
        memset(text, ',', size);
        text[CSV_FIELDS_MAX] = '\n';
        CHECK_INT(csv_row(text, size, false, ',', &row), CSV_BAD);
        CHECK_STR(row.trouble, "too many fields");
        free(text);
}

MAIN()
