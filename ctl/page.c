/* SPDX-License-Identifier: MIT */
/* Lays text out in lines for a terminal: escaping, width, colour. */
#include "ctl/page.h"

#include <stdarg.h>
#include <wchar.h>

#define ELLIPSIS "\xe2\x80\xa6"

static const char *const style_codes[_STYLE_MAX] = {
                [STYLE_PLAIN] = NULL,      [STYLE_BOLD] = "\x1b[1m",    [STYLE_DIM] = "\x1b[2m",
                [STYLE_GOOD] = "\x1b[32m", [STYLE_WARN] = "\x1b[1;33m", [STYLE_BAD] = "\x1b[1;31m",
};

/* Bytes and columns of the first character. */
static size_t character(const char *s, unsigned *ret_columns)
{
        mbstate_t state = {};
        wchar_t c;
        size_t n = mbrtowc(&c, s, strlen(s), &state);
        int width;

        if (n == 0 || n == (size_t) -1 || n == (size_t) -2) {
                *ret_columns = 1;
                return 1;
        }
        width = wcwidth(c);
        *ret_columns = width < 0 ? 1 : (unsigned) width;
        return n;
}

unsigned plain_columns(const char *s)
{
        unsigned total = 0, columns;

        while (*s != '\0') {
                s += character(s, &columns);
                total += columns;
        }
        return total;
}

size_t plain_fit(const char *s, unsigned columns)
{
        size_t used = 0;

        while (s[used] != '\0') {
                unsigned wide;
                size_t n = character(s + used, &wide);

                if (wide > columns)
                        break;
                columns -= wide;
                used += n;
        }
        return used;
}

unsigned page_measure(const char *s)
{
        _cleanup_text_ Text t = {};

        text_add_plain(&t, s, 0);
        return t.data ? plain_columns(t.data) : 0;
}

/* Text that is plain already. Spaces are not styled, so that cells cost nothing. */
static void put_plain(Page *p, Style style, const char *s, size_t size)
{
        const char *code = p->colour && size > 0 ? style_codes[style] : NULL;

        if (code)
                text_add_string(&p->text, code);
        text_add_bytes(&p->text, s, size);
        if (code)
                text_add_string(&p->text, "\x1b[0m");
}

/* Puts plain text within the columns that are left, and within limit when it is not 0. Returns the columns used. */
static unsigned put_within(Page *p, Style style, const char *s, unsigned limit)
{
        unsigned room = p->width > 0 ? p->width - MIN(p->width, p->column) : UINT32_MAX;
        unsigned columns = plain_columns(s), allowed = limit > 0 ? MIN(limit, room) : room;

        if (p->cut)
                return 0;
        if (columns <= allowed) {
                put_plain(p, style, s, strlen(s));
                p->column += columns;
                return columns;
        }
        if (allowed > 0) {
                _cleanup_text_ Text t = {};
                size_t size = plain_fit(s, allowed - 1);

                text_add_bytes(&t, s, size);
                text_add_string(&t, ELLIPSIS);
                if (t.data)
                        put_plain(p, style, t.data, t.size);
                p->text.failed |= t.failed;
                columns = (t.data ? plain_columns(t.data) : 0);
                p->column += columns;
        } else
                columns = 0;
        p->cut = allowed == room;
        return columns;
}

static unsigned put_foreign(Page *p, Style style, const char *s, unsigned limit)
{
        _cleanup_text_ Text t = {};

        text_add_plain(&t, s, 0);
        p->text.failed |= t.failed;
        return t.data ? put_within(p, style, t.data, limit) : 0;
}

static void put_spaces(Page *p, unsigned count)
{
        while (count-- > 0 && !p->cut && (p->width == 0 || p->column < p->width)) {
                text_add_string(&p->text, " ");
                p->column++;
        }
}

void page_put(Page *p, Style style, const char *s)
{
        put_foreign(p, style, s, 0);
}

void page_format(Page *p, Style style, const char *format, ...)
{
        _cleanup_free_ char *s = NULL;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&s, format, ap);
        va_end(ap);
        if (n < 0) {
                s = NULL;
                p->text.failed = true;
                return;
        }
        put_foreign(p, style, s, 0);
}

void page_cell(Page *p, Style style, const char *s, unsigned width)
{
        unsigned used;

        if (width == 0)
                return;
        used = put_foreign(p, style, s, width);
        put_spaces(p, width - MIN(width, used) + 2);
}

void page_cell_right(Page *p, Style style, const char *s, unsigned width)
{
        unsigned columns = page_measure(s);

        if (width == 0)
                return;
        if (columns < width)
                put_spaces(p, width - columns);
        put_foreign(p, style, s, width);
        put_spaces(p, 2);
}

void page_end(Page *p)
{
        Text *t = &p->text;

        /* What a cell left behind itself. */
        while (t->size > 0 && t->data[t->size - 1] == ' ')
                t->data[--t->size] = '\0';
        text_add_string(t, "\n");
        p->column = 0;
        p->cut = false;
}

/* Bytes of s that go on one line of this many columns: up to a space, or what fits when there is none. */
static size_t line_break(const char *s, unsigned columns)
{
        size_t fits = plain_fit(s, columns), size = fits;

        if (s[fits] == '\0' || s[fits] == ' ')
                return fits;
        while (size > 0 && s[size - 1] != ' ')
                size--;
        if (size > 0)
                return size;
        return fits > 0 ? fits : strlen(s);
}

void page_paragraph(Page *p, Style label_style, const char *label, unsigned indent, Style style,
                    const char *s)
{
        _cleanup_text_ Text t = {};
        const char *rest;
        bool first = true;

        text_add_plain(&t, s, 0);
        p->text.failed |= t.failed;
        rest = t.data ? t.data : "";
        page_put(p, label_style, label);
        do {
                unsigned start = first ? p->column : indent;
                unsigned room = p->width == 0 ? UINT32_MAX : p->width > start + 10 ? p->width - start : 10;
                size_t size = line_break(rest, room), shown = size;

                while (shown > 0 && rest[shown - 1] == ' ')
                        shown--;
                put_spaces(p, start - MIN(start, p->column));
                put_plain(p, style, rest, shown);
                page_end(p);
                rest += size;
                while (*rest == ' ')
                        rest++;
                first = false;
        } while (*rest != '\0');
}

unsigned page_widest(const json_t *array, const char *key, unsigned min, unsigned max)
{
        const json_t *object;
        size_t k;
        unsigned width = min;

        json_array_foreach(array, k, object) width = MAX(width, page_measure(ctl_string(object, key)));
        return MIN(width, max);
}

int ctl_print_page(const Invocation *i, Page *p)
{
        Error e = {};
        bool failed = p->text.failed;

        if (failed)
                error_set(&e, -ENOMEM, "out of memory");
        else if (p->text.data)
                fwrite(p->text.data, 1, p->text.size, stdout);
        text_clear(&p->text);
        return failed ? ctl_failed(i, &e) : CTL_DONE;
}

int ctl_print_paragraph(const Invocation *i, const char *words)
{
        Page p = {.width = ctl_columns(), .colour = ctl_colour()};

        page_paragraph(&p, STYLE_PLAIN, "", 0, STYLE_PLAIN, words);
        return ctl_print_page(i, &p);
}
