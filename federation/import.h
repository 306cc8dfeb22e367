/* SPDX-License-Identifier: MIT */
/* Books from CSV or JSON Lines into the catalog: streaming, in batches, each batch one transaction. Blocks: for a command line,
 * or a worker's thread. Several processes may import at once; one waits for the other's batch.
 *
 * Rows are known by id, without one by ISBN, else by title and author: importing a file twice changes nothing. */
#pragma once

#include "base/error.h"

typedef struct Import Import;

typedef enum ImportFormat {
        IMPORT_GUESS, /* by the first byte that is not white space: { is JSON Lines */
        IMPORT_CSV, /* RFC 4180, header line required; a byte order mark and ; or tab as separator are understood */
        IMPORT_JSONL,
} ImportFormat;

typedef struct ImportReport {
        uint64_t rows; /* read, the header not counted */
        uint64_t added, updated, unchanged, refused;
        uint64_t warned;     /* taken, but something in them was left out or cut */
        uint64_t generation; /* of the catalog afterwards */
} ImportReport;

typedef struct ImportOptions {
        const char *name; /* of the file, for messages */
        ImportFormat format;
        /* A row that was refused, or (refused false) taken without something: "books.csv:17: price: `abc` is no number". line: where
         * it begins. May be NULL. */
        void (*on_row)(uint64_t line, bool refused, const char *reason, void *userdata);
        /* After each batch. May be NULL. */
        void (*on_progress)(const ImportReport *so_far, uint64_t bytes, void *userdata);
        void *userdata;
} ImportOptions;

int import_new(const char *catalog_path, const ImportOptions *options, Import **ret, Error *e);
/* Ids that begin with this lose it: "other:" of another node's export. */
int import_strip(Import *i, const char *prefix);
/* Any piece of the file, cut anywhere. Rows that cannot be used are reported and left out; an error is the catalog's or the
 * file's as a whole (no header, no column `title`, binary), and ends it: what was committed stays. */
int import_feed(Import *i, const void *data, size_t size, Error *e);
/* The last row and batch; makes words findable by misspelling. report may be NULL. */
int import_finish(Import *i, ImportReport *report, Error *e);
Import *import_free(Import *i); /* without import_finish(): what is not committed is dropped */
DEFINE_CLEANUP(Import, import_free)
void import_report(const Import *i, ImportReport *ret); /* so far */
