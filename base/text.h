/* SPDX-License-Identifier: MIT */
/* A growing text, and the escapes for each place where foreign text is shown. */
#pragma once

#include "base/macro.h"

typedef struct Text {
        char *data;  /* NULL while empty; terminated otherwise */
        size_t size; /* without the terminator */
        size_t capacity;
        bool failed; /* an allocation failed: everything since is lost; check once, at the end */
        bool lent;   /* text_in() */
} Text;

void text_add(Text *t, const char *format, ...) _printf_(2, 3);
void text_add_string(Text *t, const char *s);
void text_grow_by_bytes(Text *t, const void *data, size_t size); /* text_add_bytes(), when it must grow */
void text_add_number(Text *t, uint64_t n);                       /* in decimal; quicker than text_add() */
void text_add_html(Text *t, const char *s); /* & < > " ' escaped; control and bidi characters made visible */
/* One line for a terminal, a log or a message: invalid UTF-8, control and bidi characters become visible escapes
 * (\n, \x1b, \u202e), at most limit bytes of s are looked at (0: all). */
void text_add_plain(Text *t, const char *s, size_t limit);
/* A JSON string with its quotation marks (RFC 8259). Invalid UTF-8 becomes U+FFFD, byte by byte. < > & and U+2028, U+2029 are
 * escaped too, so that JSON inside HTML or JavaScript ends nothing there. */
void text_add_json(Text *t, const char *s);
/* A POSIX-shell single-quoted word. */
void text_add_quoted(Text *t, const char *s);

/* Hands the string over (never NULL on success: "" when empty) and leaves t empty. -ENOMEM when t->failed. */
int text_take(Text *t, char **ret);
void text_clear(Text *t);
/* Cuts it to so many bytes, at most what it has; what it could hold, it still can. */
void text_truncate(Text *t, size_t size);

#define _cleanup_text_ _cleanup_(text_clear)

/* For short texts on hot paths: empty, in a buffer (of at least one byte) that lives as long; in memory of its own once it is
 * longer. */
static inline Text text_in(char *buffer, size_t size)
{
        buffer[0] = '\0';
        return (Text){.data = buffer, .capacity = size, .lent = true};
}

static inline void text_add_bytes(Text *t, const void *data, size_t size)
{
        assert(data || size == 0);

        if (t->failed || size >= t->capacity - t->size) {
                text_grow_by_bytes(t, data, size);
        } else if (size > 0) {
                memcpy(t->data + t->size, data, size);
                t->size += size;
                t->data[t->size] = '\0';
        }
}

/* The size of the well-formed UTF-8 sequence (Unicode, table 3-7) at s, 0 when there is none in the left bytes (at least one);
 * what it stands for goes to ret. */
size_t utf8_size(const char *s, size_t left, uint32_t *ret);
/* What people typed, as it is meant to be read: without CR, soft hyphens and marks of no width; a tab is a space. In place. */
void text_tidy(char *s);
/* The longest beginning of s of at most limit bytes that ends at a character's end. */
size_t utf8_cut(const char *s, size_t limit);
#define UTF8_CUT(s, limit) (int) utf8_cut(s, limit), s /* for "%.*s" */

/* text_add_plain() into a fixed buffer, always terminated, cut at a character boundary. Returns buffer. */
char *plain_copy(char *buffer, size_t size, const char *s);
char *string_printf(const char *format, ...) _printf_(1, 2); /* malloc'ed; NULL when out of memory */
bool string_is_token(const char *s);                         /* a header's name, a method: RFC 9110, 5.6.2 */
bool string_valid_name(const char *s); /* letters, digits, . _ -; 1 to 64 bytes; not starting with . or - */
