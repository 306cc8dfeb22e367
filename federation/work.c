/* SPDX-License-Identifier: MIT */
/* What makes two listings the same work: the author, and the key of both. The title is in work_title.c. */
#include "federation/work.h"

#include "federation/work_private.h"

#define AUTHOR_LOOKED_AT 500 /* bytes */
#define WORDS_MAX        16  /* of a name */

bool word_is(const Word *w, const char *s)
{
        return *s == *w->s && strncmp(s, w->s, w->size) == 0 && s[w->size] == '\0';
}

bool word_is_among(const Word *w, const char *const list[])
{
        for (; *list; list++)
                if (word_is(w, *list))
                        return true;
        return false;
}

size_t split_words(const char *folded, Word *words, size_t most)
{
        size_t n = 0;

        while (*folded && n < most) {
                const char *end = folded;
                while (*end && *end != ' ')
                        end++;
                words[n++] = (Word){folded, (size_t) (end - folded)};
                folded = end + (*end == ' ');
        }
        return n;
}

/* Nobody: two anthologies of "Various" are not one work. */
static const char *const nobody[] = {"",          "various",        "various authors",
                                     "unknown",   "unknown author", "author unknown",
                                     "anonymous", "anon",           "n a",
                                     "na",        "none",           "null",
                                     "author",    "authors",        "diverse",
                                     "collectif", "aa vv",          "aavv",
                                     NULL};

static bool is_in(const char *folded, const char *const list[])
{
        for (; *list; list++)
                if (**list == *folded && streq(*list, folded))
                        return true;
        return false;
}

/* Words that stand between two authors, or behind a name and are none of it. */
static const char *const between[] = {"and", "with", "und", "et", "y", "con", "mit", "avec", NULL};
static const char *const behind[] = {"jr", "sr", "phd", "md", "esq", NULL};

/* The bytes of the first part: up to a comma, or what separates authors. */
static size_t part_size(const char *s, size_t size)
{
        size_t i = 0;

        for (; i < size; i++) {
                if (s[i] == ',' || s[i] == ';' || s[i] == '&' || s[i] == '/' || s[i] == '|')
                        break;
                if (s[i] != ' ')
                        continue;
                Word w = {s + i + 1, 0};
                while (i + 1 + w.size < size && s[i + 1 + w.size] != ' ')
                        w.size++;
                if (i > 0 && i + 1 + w.size < size && word_is_among(&w, between))
                        break;
        }
        return i;
}

static size_t count_letters(const Word *w)
{
        size_t n = 0;

        for (size_t i = 0; i < w->size; i++)
                n += ((uint8_t) w->s[i] & 0xc0) != 0x80;
        return n;
}

static bool is_ideographic(const Word *w)
{
        uint32_t point = 0;

        return utf8_size(w->s, w->size, &point) > 0 && point >= 0x2e80;
}

static bool is_initial(const Word *w)
{
        return count_letters(w) == 1 && !is_ideographic(w);
}

/* "JRR" in "JRR Tolkien": capitals only, where others are not. */
static bool is_run_of_initials(const char *raw, size_t size)
{
        if (size < 2 || size > 3)
                return false;
        for (size_t i = 0; i < size; i++)
                if (raw[i] < 'A' || raw[i] > 'Z')
                        return false;
        return true;
}

static bool has_small_letter(const char *s, size_t size)
{
        for (size_t i = 0; i < size; i++)
                if (s[i] >= 'a' && s[i] <= 'z')
                        return true;
        return false;
}

static bool is_mark(char c)
{
        return c == ' ' || c == '.' || c == '(' || c == ')' || c == '[' || c == ']';
}

/* Folded, without what is in parentheses ("(Illustrator)"), runs of initials taken apart. */
static void add_name(Text *t, const char *s, size_t size)
{
        bool mixed = has_small_letter(s, size);
        unsigned depth = 0;

        for (size_t i = 0; i < size;) {
                size_t part = 0;
                while (i + part < size && !is_mark(s[i + part]))
                        part++;
                if (depth == 0 && mixed && is_run_of_initials(s + i, part)) {
                        for (size_t k = 0; k < part; k++)
                                text_add_folded(t, s + i + k, 1);
                } else if (depth == 0) {
                        text_add_folded(t, s + i, part);
                }
                i += part;
                if (i < size && (s[i] == '(' || s[i] == '['))
                        depth++;
                else if (i < size && (s[i] == ')' || s[i] == ']') && depth > 0)
                        depth--;
                i++;
        }
}

/* Who had but one name, and stands before his translators in catalogs. */
static const char *const one_name[] = {
                "homer",     "plato",      "aristotle", "sophocles", "euripides", "aeschylus", "aristophanes",
                "herodotus", "thucydides", "xenophon",  "plutarch",  "aesop",     "euclid",    "virgil",
                "ovid",      "horace",     "seneca",    "tacitus",   "livy",      "dante",     "petrarch",
                "moliere",   "voltaire",   "stendhal",  "colette",   "novalis",   "rumi",      "hafez",
                "confucius", "laozi",      "mencius",   "saki",      "herge",     "avi",       NULL};

/* Is what stands behind "Tolkien, " the rest of that name, and not another author? One word, or one that ends in initials. */
static bool is_rest_of_name(const char *first, const char *rest)
{
        _unset_ Word words[WORDS_MAX];
        size_t n_first = split_words(first, words, WORDS_MAX);
        bool first_is_full = n_first > 0;

        for (size_t i = 0; i < n_first; i++)
                first_is_full &= !is_initial(words + i);
        size_t n = split_words(rest, words, WORDS_MAX);
        if (n == 0 || !first_is_full)
                return false;
        if (n_first == 1)
                return n == 1 || !is_in(first, one_name);
        return n == 1 || is_initial(words + n - 1);
}

static int compare_words(const void *a, const void *b)
{
        const Word *x = a, *y = b;
        int c = memcmp(x->s, y->s, MIN(x->size, y->size));

        return c != 0 ? c : (x->size > y->size) - (x->size < y->size);
}

/* The words of a name in their order; which are left out is said above each. */
static void print_name(Text *t, const char *folded)
{
        _unset_ Word words[WORDS_MAX], full[WORDS_MAX + 1];
        _unset_ char initials[4 * WORDS_MAX + 1];
        size_t n = split_words(folded, words, WORDS_MAX), n_full = 0, n_initials = 0;
        bool ideographic = n > 0;

        for (size_t i = 0; i < n; i++) {
                ideographic &= is_ideographic(words + i);
                if (is_initial(words + i)) {
                        memcpy(initials + n_initials, words[i].s, words[i].size);
                        n_initials += words[i].size;
                } else if (n_full == 0 || !word_is_among(words + i, behind)) {
                        full[n_full++] = words[i];
                }
        }
        /* Beside two names, a middle initial tells nobody apart: "Ursula K. Le Guin". */
        if (n_initials > 0 && n_full < 2)
                full[n_full++] = (Word){initials, n_initials};
        if (!ideographic)
                qsort(full, n_full, sizeof *full, compare_words);
        for (size_t i = 0; i < n_full; i++) {
                if (i > 0 && !ideographic)
                        text_add_bytes(t, " ", 1);
                text_add_bytes(t, full[i].s, full[i].size);
        }
}

void author_print(Text *t, const char *author)
{
        _unset_ char buffers[2][FOLDED_SHORT];
        _cleanup_text_ Text first = text_in(buffers[0], FOLDED_SHORT),
                            rest = text_in(buffers[1], FOLDED_SHORT);
        size_t size = utf8_cut(author, AUTHOR_LOOKED_AT), n;

        while (size > 0 && *author == ' ') {
                author++;
                size--;
        }
        if (size > 3 && strncasecmp(author, "by ", 3) == 0) {
                author += 3;
                size -= 3;
        }
        n = part_size(author, size);
        add_name(&first, author, n);
        if (n < size && author[n] == ',') {
                const char *behind_comma = author + n + 1;
                add_name(&rest, behind_comma, part_size(behind_comma, size - n - 1));
        }
        t->failed |= first.failed || rest.failed;
        if (strncasecmp(author, "n/a", 3) == 0 || is_in(first.data, nobody))
                return;
        if (is_rest_of_name(first.data, rest.data)) {
                text_add_bytes(&first, " ", 1);
                text_add_bytes(&first, rest.data, rest.size);
                t->failed |= first.failed;
        }
        if (!t->failed)
                print_name(t, first.data);
}

char *work_author(const char *author)
{
        _cleanup_text_ Text t = {0};
        char *name = NULL;

        assert(author);

        author_print(&t, author);
        return text_take(&t, &name) < 0 ? NULL : name;
}

void work_key_print(Text *t, const char *title, const char *author)
{
        _unset_ char buffer[FOLDED_SHORT];
        _cleanup_text_ Text subtitle = text_in(buffer, sizeof buffer);
        size_t title_size;

        assert(t->size == 0);
        assert(title);
        assert(author);

        title_print(t, &subtitle, title);
        title_size = t->size;
        text_add_bytes(t, "/", 1);
        author_print(t, author);
        if (title_size == 0 || t->size == title_size + 1) {
                text_truncate(t, 0);
        } else if (subtitle.size > 0) {
                text_add_bytes(t, ":", 1);
                text_add_bytes(t, subtitle.data, subtitle.size);
        }
        t->failed |= subtitle.failed;
}

char *work_key(const char *title, const char *author)
{
        _cleanup_text_ Text t = {0};
        char *key = NULL;

        work_key_print(&t, title, author);
        return text_take(&t, &key) < 0 ? NULL : key;
}
