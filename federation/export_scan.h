/* SPDX-License-Identifier: MIT */
/* Another node's export, read as it comes: its listings one by one, in the memory that one of them needs, whatever the whole is; of
 * everything else only what is asked here. Users and transactions are counted and never kept: some nodes export password hashes.
 * Pure. */
#pragma once

#include "base/error.h"

#define EXPORT_LISTING_MAX (1024 * 1024) /* bytes of one; larger ones are left out, and counted */
#define EXPORT_DEPTH_MAX   32

typedef struct ExportScan ExportScan;

typedef struct ExportFacts {
        char schema[160], node[160], hash[160]; /* as it says; "" when it does not */
        uint64_t generation;
        uint64_t listings, transactions, users; /* elements of those arrays */
        uint64_t unfit;                         /* of the listings: too large, or no object */
        char computed[65];                      /* over the listings, once they have ended */
        uint64_t bytes;
} ExportFacts;

/* on_listing(): one object, in one line. Below 0 ends it, and is what export_scan_feed() returns. */
int export_scan_new(int (*on_listing)(const char *json, size_t size, void *userdata, Error *e),
                    void *userdata, ExportScan **ret);
ExportScan *export_scan_free(ExportScan *s);
DEFINE_CLEANUP(ExportScan, export_scan_free)
/* Any piece, cut anywhere. -EBADMSG with the reason: nothing more may be fed. Listings are not looked into, but for where they end. */
int export_scan_feed(ExportScan *s, const void *data, size_t size, Error *e);
/* Did it end properly, is it a schema that we know (or none, as older software's), and is its hash, where the schema wants one, that
 * of its listings? 0, or -EBADMSG with the reason. */
int export_scan_finish(ExportScan *s, Error *e);
const ExportFacts *export_scan_facts(const ExportScan *s); /* so far */
