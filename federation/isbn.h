/* SPDX-License-Identifier: MIT */
/* ISBN-10 and ISBN-13: checked and converted (ISO 2108; https://www.isbn-international.org). Pure. */
#pragma once

#include "base/macro.h"

#define ISBN_SIZE 14 /* 13 digits and the terminator */

/* Hyphens and spaces are left out, a lost leading zero of an ISBN-10 is put back (spreadsheets eat it). false: no valid ISBN,
 * or one that is typed where there is none (0000000000, 123456789X). */
bool isbn_to_13(const char *text, char ret[static ISBN_SIZE]);
