/* SPDX-License-Identifier: MIT */
/* What work.c and work_title.c share. */
#pragma once

#include "federation/work.h"

/* A word of a folded text, borrowed from it. */
typedef struct Word {
        const char *s;
        size_t size;
} Word;

bool word_is(const Word *w, const char *s);
bool word_is_among(const Word *w, const char *const list[]); /* that NULL ends */
size_t split_words(const char *folded, Word *words, size_t most);

#define FOLDED_SHORT 128 /* bytes on the stack; what is longer gets memory of its own */

/* At the end of t; failures are in t->failed. */
void author_print(Text *t, const char *author);
void title_print(Text *t, Text *subtitle, const char *title);
