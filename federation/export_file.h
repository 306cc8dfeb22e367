/* SPDX-License-Identifier: MIT */
/* The catalog as one document, {"schema":"aan-export/1","node",…,"generation","hash","listings":[…],"transactions":[],"users":[]},
 * in a file without a name, which is gone when nobody has it open any more, whatever happens. Blocks: for a thread.
 *
 * `hash` is the SHA-256, in hexadecimal, of the bytes of the listings array as they stand there, from [ to ]. */
#pragma once

#include "base/error.h"
#include "base/hash.h"

#include <stdatomic.h>

#define EXPORT_SCHEMA    "aan-export/1"
#define EXPORT_HASH_SIZE HASH_HEX_SIZE

typedef struct ExportFile {
        int fd; /* -1: none */
        uint64_t size, generation, listings;
        char hash[EXPORT_HASH_SIZE];
} ExportFile;

typedef struct ExportWish {
        const char *catalog, *directory; /* paths */
        const char *node, *name, *url, *location;
        const atomic_bool *cancelled;
} ExportWish;

/* -ENOSPC: the disk is full, or would be (some of it is left for what matters more); -ECANCELED. */
int export_file_make(const ExportWish *wish, ExportFile *ret, Error *e);
