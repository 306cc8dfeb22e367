/* SPDX-License-Identifier: MIT */
/* What the action types that speak HTTP share: header lines, targets for people, the facts as a document. */
#pragma once

#include "actions/action.h"
#include "base/file.h"

/* Header lines as FetchRequest wants them. Values may hold secrets: cleared by wiping. */
typedef struct Headers {
        char **lines; /* NULL-terminated */
        size_t count;
        bool failed; /* an allocation failed; check once, at the end */
} Headers;

void headers_add(Headers *h, const char *name, const char *format, ...) _printf_(3, 4);
/* The operator's own; pairs may be NULL. */
void headers_add_pairs(Headers *h, const ConfPair *pairs);
void headers_clear(Headers *h);
#define _cleanup_headers_ _cleanup_(headers_clear)

/* Refuses names that are no tokens, values with control characters, and what the client itself sets. */
int request_check_headers(const ConfPair *pairs, const ConfNode *node, Error *e);

/* Scheme, host and port of an URL: paths of webhooks are secrets often enough. */
int request_target(const char *url, char **ret);
/* An absolute http(s) URL that can stand in a header or link; "" otherwise. Borrowed from url. */
const char *request_link(const char *url);

/* Foreign text with everything invisible made visible; `lines`: line ends stay. NULL when out of memory. */
char *request_clean(const char *s, bool lines);
/* The same as a JSON string. */
json_t *request_string(const char *s, bool lines);

/* "change", "alert.raised", "alert.cleared", "test", "refresh" */
const char *request_kind(ActionKind kind);
/* {"type","id","timestamp","data":{…}}: what happened, for programs; NULL when out of memory. */
json_t *request_facts(const ActionFacts *facts);
