/* SPDX-License-Identifier: MIT */
/* The text beside an error code, for errors that a person will read. Codes are negative errno everywhere. */
#pragma once

#include "base/macro.h"

typedef struct Error {
        char text[512]; /* always terminated; longer messages are cut */
} Error;

/* Writes the text (when e is not NULL) and returns r, so that `return error_set(e, -EINVAL, "…")` reads well. */
int error_set(Error *e, int r, const char *format, ...) _printf_(3, 4);
/* Puts "prefix: " before the text that is there and returns r. */
int error_prefix(Error *e, int r, const char *format, ...) _printf_(3, 4);
/* What the code says, for people, where strerror() does not say it: "the file system is damaged" rather than "Structure
 * needs cleaning". r: errno, negative or not. */
const char *error_words(int r);
/* Whether it is this process or machine that lacks memory or descriptors: no judgement on what was asked. r as above. */
bool error_is_shortage(int r);
