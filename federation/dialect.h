/* SPDX-License-Identifier: MIT */
/* How peers want to be asked, and what they answer. Pure.
 *
 * Paths are tried on 404 (and 405, 501) in the order of the contract; what answered is remembered. Answers hold their results
 * in `results`, `books`, `local`, `data` or are an array; a peer's unknown fields pass through. */
#pragma once

#include "base/json.h"
#include "federation/listing.h"

typedef enum Dialect {
        DIALECT_SEARCH,         /* /api/search */
        DIALECT_NETWORK_SEARCH, /* /api/network/search, with X-Node-Id */
        DIALECT_CATALOG_SEARCH, /* /api/catalog/search */
        _DIALECT_MAX,
} Dialect;

const char *dialect_path(Dialect d);
bool dialect_is_unknown(unsigned status); /* the peer does not know this route: try the next one */

#define DIALECT_RESULTS_MAX 100

/* One result of a peer's answer. */
typedef struct PeerResult {
        char *json; /* the peer's object as it will be passed on, printed, without its last `}`: source_* and networkId are ours
                     * and come behind it */
        char *id, *title, *author, *isbn13, *work, *currency;
        int64_t price_minor; /* -1: unknown */
} PeerResult;

typedef struct PeerAnswer {
        PeerResult *results;
        size_t n_results;
        uint64_t total;      /* totalResults, or what there is */
        uint64_t generation; /* when it tells; 0 */
        unsigned unfit;      /* results that are none: no title, no object */
} PeerAnswer;

/* -EBADMSG: no answer to a search, with the reason for people. At most `most` results are taken (0: DIALECT_RESULTS_MAX). Strings
 * too long are cut, invalid UTF-8 makes the answer -EBADMSG, ids may be numbers, prices numbers or text; URLs that are not
 * http(s) (javascript:, data:) are left out. */
int dialect_parse(const char *body, size_t size, unsigned most, PeerAnswer *ret, Error *e);
void peer_answer_clear(PeerAnswer *a);
#define _cleanup_peer_answer_ _cleanup_(peer_answer_clear)
