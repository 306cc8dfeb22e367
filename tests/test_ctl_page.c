/* SPDX-License-Identifier: MIT */
/* Laying out text for a terminal. */
#include "ctl/page.h"
#include "tests/test.h"

#include <locale.h>

#define PAGE(w) ((Page){.width = (w)})

static void check_page(Page *p, const char *wanted)
{
        CHECK(!p->text.failed);
        CHECK_STR(p->text.data, wanted);
        text_clear(&p->text);
}

TEST(columns_are_those_of_the_characters_not_of_their_bytes)
{
        setlocale(LC_CTYPE, "C.UTF-8");
        CHECK_INT(plain_columns("abc"), 3);
        CHECK_INT(plain_columns("Gr\xc3\xbc\xc3\x9f"), 4);
        CHECK_INT(plain_columns("\xe6\x9c\xac"), 2);
        CHECK_INT(plain_columns("e\xcc\x81"), 1);
        CHECK_INT(plain_fit("\xe6\x9c\xac\xe6\x9c\xac", 3), 3);
}

TEST(what_does_not_fit_ends_in_an_ellipsis)
{
        Page p = PAGE(10);

        page_put(&p, STYLE_PLAIN, "0123456789");
        page_end(&p);
        page_put(&p, STYLE_PLAIN, "0123456");
        page_put(&p, STYLE_PLAIN, "789A");
        page_put(&p, STYLE_PLAIN, "never seen");
        page_end(&p);
        check_page(&p, "0123456789\n012345678\xe2\x80\xa6\n");
}

TEST(a_cell_keeps_its_width_whatever_is_in_it)
{
        Page p = PAGE(0);

        page_cell(&p, STYLE_PLAIN, "ab", 4);
        page_cell_right(&p, STYLE_PLAIN, "cd", 4);
        page_cell(&p, STYLE_PLAIN, "too long", 4);
        page_put(&p, STYLE_PLAIN, "|");
        page_end(&p);
        check_page(&p, "ab      cd  too\xe2\x80\xa6  |\n");
}

TEST(foreign_text_cannot_steer_the_terminal)
{
        Page p = PAGE(0);

        page_put(&p, STYLE_PLAIN, "a\x1b[2Jb\nc\xe2\x80\xae");
        page_end(&p);
        CHECK(!strchr(p.text.data, '\x1b'));
        CHECK(!strstr(p.text.data, "\xe2\x80\xae"));
        CHECK_INT(strcspn(p.text.data, "\n"), p.text.size - 1);
        text_clear(&p.text);
}

TEST(no_style_outlives_its_line)
{
        Page p = {.width = 20, .colour = true};

        page_put(&p, STYLE_BAD, "x");
        page_end(&p);
        page_paragraph(&p, STYLE_GOOD, "label: ", 2, STYLE_BOLD, "one two three four five six");
        for (const char *line = p.text.data; *line != '\0';) {
                size_t length = strcspn(line, "\n"), on = 0, off = 0;

                for (size_t k = 0; k + 3 < length; k++)
                        if (line[k] == '\x1b') {
                                off += strncmp(line + k, "\x1b[0m", 4) == 0;
                                on += strncmp(line + k, "\x1b[0m", 4) != 0;
                        }
                CHECK_INT(on, off);
                CHECK(on > 0);
                line += length + 1;
        }
        text_clear(&p.text);
}

TEST(a_paragraph_is_broken_at_spaces_and_indented)
{
        Page p = PAGE(24);

        page_paragraph(&p, STYLE_PLAIN, "why: ", 2, STYLE_PLAIN, "the payment API answers HTTP 503 again");
        check_page(&p, "why: the payment API\n  answers HTTP 503 again\n");
}

TEST(a_word_longer_than_the_line_is_broken_within)
{
        Page p = PAGE(16);

        page_paragraph(&p, STYLE_PLAIN, "  ", 2, STYLE_PLAIN, "0123456789abcdefghij k");
        check_page(&p, "  0123456789abcd\n  efghij k\n");
}

TEST(without_a_width_nothing_is_cut_or_broken)
{
        Page p = PAGE(0);
        char wide[1001];

        memset(wide, 'x', 1000);
        wide[1000] = '\0';
        page_put(&p, STYLE_PLAIN, wide);
        page_end(&p);
        CHECK_INT(p.text.size, 1001);
        text_clear(&p.text);
}

MAIN()
