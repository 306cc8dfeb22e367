/* SPDX-License-Identifier: MIT */
/* JSON in place: checked once as a whole, then walked without being copied. For peers' answers, most of which is passed on as it
 * came; everything else is base/json.h's. Pure. */
#pragma once

#include "base/json.h"
#include "base/text.h"

/* A piece of the text, borrowed. */
typedef struct JsonSlice {
        const char *s;
        size_t size;
} JsonSlice;

#define JSON_MEMBERS_MAX 32

/* The members of the outermost object, as far as there is room; found on the way, so that nobody need look for them again. */
typedef struct JsonMembers {
        struct JsonMember {
                JsonSlice key, value; /* key: with its quotes */
        } all[JSON_MEMBERS_MAX];
        size_t n;
} JsonMembers;

/* The whole of RFC 8259, with the limits of base/json.h: at most JSON_DEPTH_MAX deep, valid UTF-8, no lone surrogates and no
 * \u0000 (jansson takes neither). Not looked at: duplicate keys, how large a number is. -EBADMSG with line and column. members
 * may be NULL. */
int json_scan_check(const char *data, size_t size, JsonMembers *members, Error *e);

/* What follows is for text that was checked. */

/* The walk over an object or array, from its first byte on. */
typedef struct JsonWalk {
        const char *at, *end;
} JsonWalk;

/* The value that begins at `at`, or behind white space there: an object, an array, or what is in one. end: of the text. */
JsonSlice json_slice(const char *at, const char *end);
JsonWalk json_walk(JsonSlice container);
/* false: it is over, and `at` at its closing bracket. */
bool json_walk_member(JsonWalk *w, JsonSlice *ret_key, JsonSlice *ret_value);
bool json_walk_element(JsonWalk *w, JsonSlice *ret_value);
/* The same, but only to where the next element begins: whoever reads it moves `at` behind it. */
bool json_walk_next(JsonWalk *w);

static inline bool json_slice_is(JsonSlice v, char first)
{
        return v.size > 0 && *v.s == first;
}

/* A string without its quotes and escapes, at most `limit` bytes of it, cut at a character, control characters as spaces.
 * buffer has room for limit + 1. Returns the size. */
size_t json_slice_string(JsonSlice string, char *buffer, size_t limit);
/* Is it this key (or string)? Escapes are looked through. */
bool json_slice_equals(JsonSlice string, const char *s);
