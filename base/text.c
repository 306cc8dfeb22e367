/* SPDX-License-Identifier: MIT */
/* A growing text, and the escapes for each place where foreign text is shown. */
#include "base/text.h"

#include <stdarg.h>

#define ESCAPE_SIZE 12 /* "\U0010ffff" and the terminator */

static bool text_reserve(Text *t, size_t more)
{
        size_t need, capacity;

        if (t->failed)
                return false;
        if (__builtin_add_overflow(t->size, more, &need) || need >= SIZE_MAX / 2) {
                t->failed = true;
                return false;
        }
        if (need < t->capacity)
                return true;

        capacity = MAX(t->capacity, (size_t) 64);
        while (capacity <= need)
                capacity *= 2;
        char *data = realloc(t->lent ? NULL : t->data, capacity);
        if (!data) {
                t->failed = true;
                return false;
        }
        if (t->lent)
                memcpy(data, t->data, t->size);
        t->lent = false;
        t->data = data;
        t->capacity = capacity;
        return true;
}

void text_grow_by_bytes(Text *t, const void *data, size_t size)
{
        if (size == 0 || !text_reserve(t, size))
                return;
        memcpy(t->data + t->size, data, size);
        t->size += size;
        t->data[t->size] = 0;
}

void text_add_string(Text *t, const char *s)
{
        assert(s);

        text_add_bytes(t, s, strlen(s));
}

void text_add_number(Text *t, uint64_t n)
{
        char digits[20], *at = digits + sizeof digits;

        do
                *--at = (char) ('0' + n % 10);
        while ((n /= 10) > 0);
        text_add_bytes(t, at, (size_t) (digits + sizeof digits - at));
}

void text_add(Text *t, const char *format, ...)
{
        va_list ap;
        int size;

        assert(t);
        assert(format);

        va_start(ap, format);
        size = vsnprintf(NULL, 0, format, ap);
        va_end(ap);
        if (size < 0) {
                t->failed = true;
                return;
        }
        if (!text_reserve(t, (size_t) size))
                return;
        va_start(ap, format);
        (void) vsnprintf(t->data + t->size, (size_t) size + 1, format, ap);
        va_end(ap);
        t->size += (size_t) size;
}

size_t utf8_size(const char *s, size_t left, uint32_t *ret)
{
        const uint8_t *b = (const uint8_t *) s;
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        size_t size;
        uint32_t c;

        if (b[0] < 0x80) {
                *ret = b[0];
                return 1;
        }
        if (b[0] >= 0xc2 && b[0] <= 0xdf) {
                size = 2;
                c = b[0] & 0x1f;
        } else if ((b[0] & 0xf0) == 0xe0) {
                size = 3;
                c = b[0] & 0x0f;
        } else if (b[0] >= 0xf0 && b[0] <= 0xf4) {
                size = 4;
                c = b[0] & 0x07;
        } else
                return 0;
        if (size > left)
                return 0;
        for (size_t i = 1; i < size; i++) {
                if ((b[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (b[i] & 0x3f);
        }
        if (c < least[size] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return 0;
        *ret = c;
        return size;
}

void text_tidy(char *s)
{
        static const char *const unseen[] = {"\r", "\u00ad", "\u200b", "\u2060", "\ufeff"};
        char *to = s;

        assert(s);

        while (*s) {
                size_t skip = 0;
                for (size_t i = 0; i < ELEMENTSOF(unseen); i++)
                        if (strncmp(s, unseen[i], strlen(unseen[i])) == 0)
                                skip = strlen(unseen[i]);
                s += skip;
                if (skip == 0) {
                        *to++ = *s == '\t' ? ' ' : *s;
                        s++;
                }
        }
        *to = '\0';
}

size_t utf8_cut(const char *s, size_t limit)
{
        size_t size = strlen(s);

        if (size <= limit)
                return size;
        size = limit;
        while (size > 0 && ((uint8_t) s[size] & 0xc0) == 0x80)
                size--;
        return size;
}

/* Characters that change what a reader sees elsewhere, or that cannot be seen at all. */
static bool is_deceptive(uint32_t c)
{
        return c < 0x20 || (c >= 0x7f && c <= 0x9f) ||      /* C0, DEL, C1 */
               c == 0x061c || c == 0x200e || c == 0x200f || /* bidi marks */
               (c >= 0x202a && c <= 0x202e) ||              /* bidi embeddings, overrides */
               (c >= 0x2066 && c <= 0x2069) ||              /* bidi isolates */
               c == 0x2028 || c == 0x2029 ||                /* line, paragraph separator */
               c == 0x00ad || c == 0x200b || (c >= 0x2060 && c <= 0x2064) || c == 0xfeff || /* invisible */
               (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f) || /* annotations, tags */
               (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef); /* none at all; no XML either */
}

/* One character of s as it may be shown, with its size; how much of s it was goes to ret_eaten. A backslash stays as
 * it is, so that text which passes through here twice does not change again. */
static size_t plain_next(const char *s, size_t left, char out[static ESCAPE_SIZE], size_t *ret_eaten)
{
        uint32_t c;
        size_t size = utf8_size(s, left, &c);
        int n;

        *ret_eaten = MAX(size, (size_t) 1);
        if (size > 0 && !is_deceptive(c)) {
                memcpy(out, s, size);
                return size;
        }
        if (size == 0)
                n = snprintf(out, ESCAPE_SIZE, "\\x%02x", (uint8_t) *s);
        else if (c == '\n' || c == '\r' || c == '\t')
                n = snprintf(out, ESCAPE_SIZE, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        else if (c < 0x80)
                n = snprintf(out, ESCAPE_SIZE, "\\x%02x", c);
        else
                n = snprintf(out, ESCAPE_SIZE, c > 0xffff ? "\\U%08x" : "\\u%04x", c);
        return (size_t) n;
}

void text_add_plain(Text *t, const char *s, size_t limit)
{
        assert(t);
        assert(s);

        size_t size = limit > 0 ? strnlen(s, limit) : strlen(s);
        /* A limit in the middle of a character is not the writer's fault: leave the character out. */
        if (s[size]) {
                size_t start = size;
                while (start > 0 && size - start < 3 && ((uint8_t) s[start] & 0xc0) == 0x80)
                        start--;
                uint32_t c;
                size_t whole = utf8_size(s + start, strnlen(s + start, 4), &c);
                if (whole > 0 && start + whole > size)
                        size = start;
        }
        for (size_t i = 0, eaten; i < size; i += eaten) {
                char out[ESCAPE_SIZE];
                size_t n = plain_next(s + i, size - i, out, &eaten);
                text_add_bytes(t, out, n);
        }
}

char *plain_copy(char *buffer, size_t size, const char *s)
{
        assert(buffer);
        assert(size > 0);
        assert(s);

        size_t used = 0, left = strlen(s);
        for (size_t eaten; left > 0; s += eaten, left -= eaten) {
                char out[ESCAPE_SIZE];
                size_t n = plain_next(s, left, out, &eaten);
                if (used + n >= size)
                        break;
                memcpy(buffer + used, out, n);
                used += n;
        }
        buffer[used] = 0;
        return buffer;
}

void text_add_html(Text *t, const char *s)
{
        assert(t);
        assert(s);

        size_t left = strlen(s);
        for (size_t eaten; left > 0; s += eaten, left -= eaten) {
                char out[ESCAPE_SIZE];
                size_t n = plain_next(s, left, out, &eaten);
                switch (*s) {
                case '&':
                        text_add_string(t, "&amp;");
                        break;
                case '<':
                        text_add_string(t, "&lt;");
                        break;
                case '>':
                        text_add_string(t, "&gt;");
                        break;
                case '"':
                        text_add_string(t, "&quot;");
                        break;
                case '\'':
                        text_add_string(t, "&#39;");
                        break;
                case '\n': /* mere white space in HTML, and wanted in <pre> */
                case '\t':
                        text_add_bytes(t, s, 1);
                        break;
                default:
                        text_add_bytes(t, out, n);
                }
        }
}

/* Bytes that need a second look: control characters, quotation mark, backslash, < > &, DEL, and whatever is not ASCII. */
static bool is_json_plain(uint8_t c)
{
        return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

static size_t add_json_character(Text *t, const char *s, size_t left)
{
        static const char shorts[] = "\bb\tt\nn\ff\rr\"\"\\\\";
        uint32_t c;
        size_t size = utf8_size(s, left, &c);

        if (size == 0) {
                text_add_string(t, "\xef\xbf\xbd");
                return 1;
        }
        for (size_t i = 0; i + 1 < sizeof(shorts); i += 2)
                if ((uint32_t) shorts[i] == c) {
                        const char escape[] = {'\\', shorts[i + 1]};
                        text_add_bytes(t, escape, sizeof(escape));
                        return size;
                }
        if (c < 0x80 || c == 0x2028 || c == 0x2029)
                text_add(t, "\\u%04x", c);
        else
                text_add_bytes(t, s, size);
        return size;
}

void text_add_json(Text *t, const char *s)
{
        assert(t);
        assert(s);

        size_t left = strlen(s);
        text_add_bytes(t, "\"", 1);
        while (left > 0) {
                size_t n = 0;
                while (n < left && is_json_plain((uint8_t) s[n]))
                        n++;
                text_add_bytes(t, s, n);
                if (n == 0)
                        n = add_json_character(t, s, left);
                s += n;
                left -= n;
        }
        text_add_bytes(t, "\"", 1);
}

void text_add_quoted(Text *t, const char *s)
{
        assert(t);
        assert(s);

        text_add_string(t, "'");
        for (;;) {
                size_t n = strcspn(s, "'");
                text_add_bytes(t, s, n);
                s += n;
                if (!*s)
                        break;
                text_add_string(t, "'\\''");
                s++;
        }
        text_add_string(t, "'");
}

int text_take(Text *t, char **ret)
{
        assert(t);
        assert(ret);

        if (t->lent && !t->failed) {
                char *copy = malloc(t->size + 1);
                if (!copy) {
                        text_clear(t);
                        return -ENOMEM;
                }
                memcpy(copy, t->data, t->size);
                t->data = copy;
        } else {
                (void) text_reserve(t, 0);
        }
        if (t->failed) {
                text_clear(t);
                return -ENOMEM;
        }
        t->data[t->size] = 0;
        *ret = t->data;
        *t = (Text){0};
        return 0;
}

void text_truncate(Text *t, size_t size)
{
        assert(t);
        assert(size <= t->size);

        t->size = size;
        if (t->data)
                t->data[size] = '\0';
}

void text_clear(Text *t)
{
        assert(t);

        if (!t->lent)
                free(t->data);
        *t = (Text){0};
}

char *string_printf(const char *format, ...)
{
        char *s;
        va_list ap;

        assert(format);

        va_start(ap, format);
        int r = vasprintf(&s, format, ap);
        va_end(ap);
        return r < 0 ? NULL : s;
}

bool string_is_token(const char *s)
{
        assert(s);

        return *s && !s[strspn(s, "!#$%&'*+-.^_`|~0123456789"
                                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")];
}

bool string_valid_name(const char *s)
{
        assert(s);

        size_t size = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
        return size >= 1 && size <= 64 && !s[size] && *s != '.' && *s != '-';
}
