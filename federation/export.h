/* SPDX-License-Identifier: MIT */
/* The catalog for whoever asks for all of it (GET /federation/export): made once per generation, by a thread, into a file that is
 * then served to many. Bounded: one is made at a time; one that nobody wants, or that is old, gives its room back. */
#pragma once

#include "base/httpd.h"

typedef struct Federation Federation;
typedef struct Exporter Exporter;

int exporter_new(Federation *f, Exporter **ret);
Exporter *exporter_free(Exporter *x); /* who waits is answered 503; before the routes go */
DEFINE_CLEANUP(Exporter, exporter_free)

/* Answers, at once or when the file is made: 200, 304, or 503 with the reason. generation: the catalog's. */
void exporter_serve(Exporter *x, HttpRequest *r, uint64_t generation);

typedef struct ExporterCounts {
        uint64_t made, failed, served, unchanged, refused; /* refused: too many at once */
        uint64_t bytes, listings, made_usec;               /* of the current one; how long it took */
        unsigned under_way, waiting;
} ExporterCounts;
void exporter_counts(const Exporter *x, ExporterCounts *ret);
