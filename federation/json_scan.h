/* SPDX-License-Identifier: MIT */
/* JSON in place: checked once as a whole, then walked without being copied. For peers' answers, most of which is passed on as it
 * came; everything else is base/json.h's. Pure. */
#pragma once

#include "base/json.h"

/* The whole of RFC 8259, with the limits of base/json.h: at most JSON_DEPTH_MAX deep, valid UTF-8, no lone surrogates and no
 * \u0000 (jansson takes neither). Not looked at: duplicate keys, how large a number is. -EBADMSG with line and column. */
int json_scan_check(const char *data, size_t size, Error *e);

/* What follows is for text that was checked. A piece of it, borrowed. */
typedef struct JsonSlice {
        const char *s;
        size_t size;
} JsonSlice;

/* The walk over an object or array, from its first byte on. */
typedef struct JsonWalk {
        const char *at;
} JsonWalk;

/* The value that begins at `at`, or behind white space there: an object, an array, or what is in one. */
JsonSlice json_slice(const char *at);
JsonWalk json_walk(JsonSlice container);
/* false: it is over. key: with its quotes; for arrays, json_walk_element(). */
bool json_walk_member(JsonWalk *w, JsonSlice *ret_key, JsonSlice *ret_value);
bool json_walk_element(JsonWalk *w, JsonSlice *ret_value);

static inline bool json_slice_is(JsonSlice v, char first)
{
        return v.size > 0 && *v.s == first;
}

/* A string without its quotes and escapes, at most `limit` bytes of it, cut at a character, control characters as spaces.
 * buffer has room for limit + 1. Returns the size. */
size_t json_slice_string(JsonSlice string, char *buffer, size_t limit);
/* Is it this key (or string)? Escapes are looked through. */
bool json_slice_equals(JsonSlice string, const char *s);
