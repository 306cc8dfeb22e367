/* SPDX-License-Identifier: MIT */
/* JSON by jansson, with limits: depth before parsing, canonical form, dotted paths.
 *
 * Beware of jansson 2.14: when an allocation fails, json_dumps(), json_copy() and json_deep_copy() may leave parts out
 * and report success. Use json_print(), and compare a copy by json_equal(). */
#pragma once

#include "base/error.h"

#include <jansson.h>

/* Documents are shared between threads, by their counts. */
_Static_assert(JSON_HAVE_ATOMIC_BUILTINS, "this jansson does not count atomically");

#define JSON_DEPTH_MAX 32

#define _cleanup_json_ _cleanup_(json_decrefp) /* jansson's own */

/* Rejects depth over JSON_DEPTH_MAX, duplicate keys and trailing bytes; errors say line and column. */
int json_parse(const char *data, size_t size, json_t **ret, Error *e);
/* Compact text, malloc'ed. */
int json_print(const json_t *j, char **ret);
/* "a.b.0.c": objects by key, arrays by number. NULL when there is none. Borrowed. */
json_t *json_at(const json_t *j, const char *path);
/* Canonical JSON of the Matrix specification, appendix "Canonical JSON": sorted keys, integers within
 * +-(2^53 - 1) only, no insignificant white space, shortest escapes, lower-case hex. -EINVAL otherwise. */
int json_canonical(const json_t *j, char **ret, Error *e);
/* The same without the members of the outermost object that except names (NULL-terminated). */
int json_canonical_without(const json_t *j, const char *const except[], char **ret, Error *e);

/* Sets key on object, or adds to the end of array; the value is consumed even on failure. A value, object or array of
 * NULL, or no memory, leaves it out and is remembered: ask json_whole() or json_failed() once, when the document stands. */
void json_put(json_t *object, const char *key, json_t *value);
void json_add(json_t *array, json_t *value);
bool json_failed(void); /* has one of this thread failed since this was last asked? */
/* The document, or NULL (and it is gone) when json_failed(). */
json_t *json_whole(json_t *document);
json_t *json_string_or_null(const char *s); /* invalid UTF-8 becomes visible escapes */
json_t *json_timestamp(uint64_t wall_usec); /* null when 0 */
