/* SPDX-License-Identifier: MIT */
/* What a word is, in a book and in a question alike: SQLite's unicode61 (letters and digits of any script, in lower case,
 * without diacritics), and what readers of book titles expect beyond it:
 *
 *   Alice's          alices, and in its place alice, s          L'Étranger   letranger; l, etranger
 *   J.R.R., J. K.    j, r, r, and in the last one's place jrr   C++, C#      c++, c#; c
 *   羅生門           one word a character, so that any part of it is found as a phrase
 *   Nesbø, Straße    nesbo, strasse: letters that are no base letter with a mark
 *   Ἰλιάς, Мёртвые   ιλιας (with σ), мертвые: marks in Greek, Cyrillic and Arabic, too
 *
 * In a question only the first form counts: what stands "in its place" is what else a book is found by. */
#pragma once

#include "base/error.h"

#include <sqlite3.h>

typedef struct Tokenizer Tokenizer;

/* Makes `tokenize='shop'` known to FTS5 in this connection. */
int tokenizer_register(sqlite3 *db, Error *e);

/* The same for words outside of FTS5. db: any connection; it must outlive the tokenizer. */
int tokenizer_new(sqlite3 *db, Tokenizer **ret);
Tokenizer *tokenizer_free(Tokenizer *t);
DEFINE_CLEANUP(Tokenizer, tokenizer_free)

typedef struct TokenizerWord {
        const char *word; /* not terminated; gone after the call */
        size_t size;
        bool beside;       /* in the place of the word before */
        size_t start, end; /* where it stands in the text */
} TokenizerWord;

/* Anything but 0 ends it and is returned. */
typedef int (*TokenizerFn)(const TokenizerWord *w, void *userdata);
/* question: without what stands beside others. 0, fn's value, or -ENOMEM. */
int tokenizer_words(Tokenizer *t, bool question, const char *text, size_t size, TokenizerFn fn,
                    void *userdata);

/* All words of a text without white space between: texts that people would call the same have the same. malloc'ed; NULL: no memory. */
char *tokenizer_key(Tokenizer *t, const char *text);
