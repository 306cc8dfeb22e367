/* SPDX-License-Identifier: MIT */
/* Text for a terminal, line by line: foreign text is escaped, cut at the width, and coloured only where colours are
 * wanted. No style outlives its line, so that lines can be shown one by one. */
#pragma once

#include "ctl/ctl.h"

typedef enum Style {
        STYLE_PLAIN,
        STYLE_BOLD,
        STYLE_DIM,
        STYLE_GOOD,
        STYLE_WARN,
        STYLE_BAD,
        _STYLE_MAX,
} Style;

typedef struct Page {
        Text text;
        unsigned width; /* columns; 0: unlimited */
        bool colour;
        unsigned column; /* where the next character goes */
        bool cut;        /* the rest of this line is dropped */
} Page;

/* How many columns a plain text (text_add_plain's) takes. The locale must be a UTF-8 one. */
unsigned plain_columns(const char *s);
/* As many bytes of it as fit into this many columns. */
size_t plain_fit(const char *s, unsigned columns);
/* Columns of foreign text once it is escaped. */
unsigned page_measure(const char *s);

/* Foreign text; what does not fit is replaced by an ellipsis. */
void page_put(Page *p, Style style, const char *s);
void page_format(Page *p, Style style, const char *format, ...) _printf_(3, 4);
/* Foreign text in a column of this width (cut with an ellipsis), followed by two spaces. */
void page_cell(Page *p, Style style, const char *s, unsigned width);
void page_cell_right(Page *p, Style style, const char *s, unsigned width);
void page_end(Page *p); /* ends the line */
/* A paragraph: the label, then the text, broken at spaces, the lines after the first indented; it ends its line. */
void page_paragraph(Page *p, Style label_style, const char *label, unsigned indent, Style style,
                    const char *s);
/* The widest value of key in an array of objects, at most max. */
unsigned page_widest(const json_t *array, const char *key, unsigned min, unsigned max);
/* Prints it on stdout and empties it; returns the exit code. */
int ctl_print_page(const Invocation *i, Page *p);
/* The daemon's words as one paragraph on stdout; returns the exit code. */
int ctl_print_paragraph(const Invocation *i, const char *words);
