/* SPDX-License-Identifier: MIT */
/* Rows of comma-separated values (RFC 4180), from a buffer that may end anywhere. Pure. */
#pragma once

#include "base/macro.h"

#define CSV_ROW_MAX    (1024 * 1024) /* bytes */
#define CSV_FIELDS_MAX 256

typedef enum CsvVerdict {
        CSV_ROW,
        CSV_BLANK, /* an empty line */
        CSV_MORE,  /* the row does not end in what is there */
        CSV_BAD,   /* no row: see trouble. It is taken to end at its first line's end */
        CSV_LONG,  /* more than CSV_ROW_MAX without a line's end: leave out everything up to the next one */
} CsvVerdict;

typedef struct CsvRow {
        size_t size;                  /* with its line's end */
        size_t lines;                 /* that it spans */
        char *fields[CSV_FIELDS_MAX]; /* terminated, in the buffer; what was there is gone. Of CSV_ROW only */
        size_t sizes[CSV_FIELDS_MAX];
        size_t n_fields;
        const char *trouble;
} CsvRow;

/* The row that begins at data, which has room for a terminator behind it. last: nothing comes behind. The verdict does not depend on how much stands behind the row, but for
 * CSV_MORE. Line ends are LF, CRLF or CR. Where quotation marks do not add up, only the first line is given up. */
CsvVerdict csv_row(char *data, size_t size, bool last, char separator, CsvRow *ret);
/* , ; tab or |: what the line has most of, outside of quotation marks; a comma when there is none. */
char csv_separator(const char *line, size_t size);
