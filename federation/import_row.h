/* SPDX-License-Identifier: MIT */
/* One row of an import as a listing: which columns there are, what they may hold. Pure. */
#pragma once

#include "base/error.h"
#include "federation/listing.h"

typedef enum ImportColumn {
        COLUMN_ID,
        COLUMN_TITLE,
        COLUMN_AUTHOR,
        COLUMN_ISBN,
        COLUMN_DESCRIPTION,
        COLUMN_CATEGORY,
        COLUMN_TAGS,
        COLUMN_LANGUAGE,
        COLUMN_URL,
        COLUMN_CURRENCY,
        COLUMN_PRICE,
        COLUMN_PRICE_MINOR,
        COLUMN_YEAR,
        COLUMN_RATING,
        COLUMN_POPULARITY,
        _COLUMN_MAX,
} ImportColumn;

/* Names are compared without case, surrounding white space, and with - and space as _. -1: not one of ours. ret_choice: of
 * several names for one column the one with the smaller number counts. */
int import_column(const char *name, unsigned *ret_choice);

/* values: terminated, writable, NULL when absent; the listing's strings lie in them. -EINVAL: the row cannot be used, with the reason.
 * Otherwise warning ("" or text) says what was left out. id is "" when there is none. */
int import_row_read(char *const values[static _COLUMN_MAX], Listing *ret, Error *warning, Error *e);
