/* SPDX-License-Identifier: MIT */
/* When are two listings the same work? Same ISBN, or same title and author once both are normalised. Pure. */
#pragma once

#include "base/error.h"
#include "base/text.h"

/* Unicode letters and digits in lower case without diacritics, words separated by one space; other characters separate. Marks
 * that make another letter of one (kana, Indic scripts, Thai) stay, and so does CJK. Invalid UTF-8 separates. malloc'ed;
 * NULL: no memory. The result of folding is folded. */
char *text_fold(const char *s);
/* The same at the end of t, as words of their own. */
void text_add_folded(Text *t, const char *s, size_t size);

/* Folded title without subtitle, series and edition, and without a leading article in the languages that have safe ones. What
 * tells volumes apart stays: "Faust, Part Two" is "faust 2". */
char *work_title(const char *title);
/* The first author's folded name, words sorted, initials joined: "Tolkien, J.R.R." and "J. R. R. Tolkien" are the same. "" when
 * it says nothing ("Various"). */
char *work_author(const char *author);
/* "title/author" by the two above, and ":subtitle" behind it when there is one that means something: merge_items() joins a
 * work with and without a subtitle only when there is no other subtitle to choose from. "" when there is no author or the
 * title has nothing in it: then only an ISBN can tell. */
char *work_key(const char *title, const char *author);
/* The same into t, which is empty; failures are in t->failed. */
void work_key_print(Text *t, const char *title, const char *author);
