/* SPDX-License-Identifier: MIT */
/* What strangers wrote in JSON, made fit to be passed on: to browsers, terminals, and programs that refuse a whole answer for one
 * number. Slices are of text that json_scan_check() has seen. Pure. */
#pragma once

#include "base/json_scan.h"

#define JSON_CLEAN_MAX 8000 /* bytes of a string in a nested value */

/* The string with its quotes, cut between two characters to at most limit bytes as they stand there; < > & and what cannot be
 * seen are written as escapes. */
void json_clean_string(Text *t, JsonSlice string, size_t limit);
/* Any value in one line, its strings so. */
void json_clean_nested(Text *t, JsonSlice value);
/* How far the text from s on needs none of that. */
const char *json_clean_skip(const char *s, const char *end);

/* Whether a browser may follow what stands under this key: "storeUrl", "images". */
bool json_is_url_key(JsonSlice key);
/* Does every link in it lead to the web? url: the value stands under such a key itself. */
bool json_links_are_http(JsonSlice value, bool url);

bool json_slice_is_number(JsonSlice v);
bool json_slice_is_integer(JsonSlice number); /* digits, few enough for anybody's integers */
int64_t json_slice_integer(JsonSlice integer);
bool json_slice_double(JsonSlice number, double *ret); /* false: none that is finite */
/* Can everybody read the numbers in it? */
bool json_numbers_are_common(JsonSlice value);
