/* SPDX-License-Identifier: MIT */
/* When are two listings the same work? Same ISBN, or same title and author once both are normalised. Pure. */
#pragma once

#include "base/error.h"

/* Unicode letters and digits in lower case without diacritics, words separated by one space; other characters separate. CJK
 * stays as it is. malloc'ed; NULL: no memory. */
char *text_fold(const char *s);
/* Folded title without subtitle (behind `:` or ` - `), series in parentheses, and a leading article. */
char *work_title(const char *title);
/* The first author's folded name, words sorted, initials joined: "Tolkien, J.R.R." and "J. R. R. Tolkien" are the same. */
char *work_author(const char *author);
/* "title/author" by the two above; "" when there is no author or the title has nothing in it: then only an ISBN can tell. */
char *work_key(const char *title, const char *author);
