/* SPDX-License-Identifier: MIT */
/* Books into the catalog, batch by batch, each one transaction. A power cut may undo the last batches, never half of one; after
 * catalog_writer_finish() it undoes none. */
#pragma once

#include "federation/catalog_db.h"

typedef struct CatalogWriter CatalogWriter;

typedef struct CatalogWritten {
        uint64_t added, updated, unchanged; /* committed */
        uint64_t generation;
        uint64_t batches;
} CatalogWritten;

int catalog_writer_new(const char *path, CatalogWriter **ret, Error *e);
/* What is pending is dropped. */
CatalogWriter *catalog_writer_free(CatalogWriter *w);
DEFINE_CLEANUP(CatalogWriter, catalog_writer_free)

/* Copies; id must not be empty. The last one of an id counts. Says > 0 when the batch is full and wants to be flushed. */
int catalog_writer_put(CatalogWriter *w, const Listing *l, Error *e);
int catalog_writer_flush(CatalogWriter *w, Error *e);
/* Flushes, notes the time of the import, and tidies the index as far as one short transaction allows. */
int catalog_writer_finish(CatalogWriter *w, Error *e);
const CatalogWritten *catalog_writer_written(const CatalogWriter *w);
/* An id for what has none: by ISBN, else by title and author. malloc'ed; NULL: no memory. */
char *catalog_writer_id(CatalogWriter *w, const Listing *l);
