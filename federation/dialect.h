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
#define DIALECT_RESULT_MAX  (32 * 1024) /* bytes of one result; what does not fit is left out of it */
#define DIALECT_MEMBERS_MAX 100         /* of one result */

/* One result of a peer's answer, in one piece of memory, which begins with json. Strings are valid UTF-8 without control
 * characters, "" when unknown. */
typedef struct PeerResult {
        char *json; /* owned: the peer's object as it will be passed on, in one line, without its last `}`: source_*, relevance,
                     * sellers and networkId are ours and come behind it. It has id, title, author (strings, the id may
                     * be a number), price, price_minor (null when unknown), currency */
        size_t json_size;
        const char *id, *title, *author, *isbn13, *work, *currency;
        int64_t price_minor; /* -1: unknown */
} PeerResult;

typedef struct PeerAnswer {
        PeerResult *results;
        size_t n_results;
        uint64_t total;      /* totalResults, or what there is */
        uint64_t generation; /* when it tells; 0 */
        unsigned unfit;      /* results that are none: no title, no object */
} PeerAnswer;

/* -EBADMSG: no answer to a search, with the reason for people. At most `most` results are taken (0: DIALECT_RESULTS_MAX, and never
 * more). Strings too long are cut; invalid UTF-8 makes the answer -EBADMSG; ids may be numbers, prices numbers or text; URLs that
 * are not http(s) (javascript:, data:) are left out, and of a key that stands there twice the second. An answer
 * that tells local from network results is believed for its local ones only: the others are somebody else's. */
int dialect_parse(const char *body, size_t size, unsigned most, PeerAnswer *ret, Error *e);
void peer_answer_clear(PeerAnswer *a);
#define _cleanup_peer_answer_ _cleanup_(peer_answer_clear)

/* Packs copies of all strings (and the work key) into one piece. isbn: as it stands there. -ENOMEM. */
typedef struct PeerResultParts {
        const char *json; /* without its last brace, json_size bytes */
        size_t json_size;
        const char *id, *title, *author, *isbn, *currency;
        int64_t price_minor;
} PeerResultParts;
int peer_result_make(const PeerResultParts *parts, PeerResult *ret);
