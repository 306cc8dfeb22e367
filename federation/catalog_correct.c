/* SPDX-License-Identifier: MIT */
/* What else a word that nobody knows may have been meant to be: a word near to it, a number written otherwise, or half of
 * a word that was typed as two. */
#include "federation/catalog_search.h"

#define CORRECTED_MAX \
        3 /* words of one question; looking for each costs a millisecond or two in a large catalog */
#define RARE_BOOKS    3
#define RARE_SHARE    2000
#define FIT_OTHERWISE 0.95 /* of what is merely written otherwise */

static void add_near(MatchWord *w, const char *text, size_t size, int64_t books)
{
        if (w->n_near == NEAR_MAX || size >= sizeof(w->near->text))
                return;
        NearWord *n = w->near + w->n_near++;
        *n = (NearWord){.size = size,
                        .books = (uint32_t) MIN(books, (int64_t) UINT32_MAX),
                        .fit = FIT_OTHERWISE};
        memcpy(n->text, text, size);
}

/* 2, ii and two; 50 and fifty. */
static void add_numeral(MatchWord *w)
{
        static const char *const table[][3] = {
                        {"1", "i", "one"},          {"2", "ii", "two"},     {"3", "iii", "three"},
                        {"4", "iv", "four"},        {"5", "v", "five"},     {"6", "vi", "six"},
                        {"7", "vii", "seven"},      {"8", "viii", "eight"}, {"9", "ix", "nine"},
                        {"10", "x", "ten"},         {"11", "xi", "eleven"}, {"12", "xii", "twelve"},
                        {"13", "xiii", "thirteen"}, {"20", "", "twenty"},   {"30", "", "thirty"},
                        {"40", "", "forty"},        {"50", "", "fifty"},    {"60", "", "sixty"},
                        {"70", "", "seventy"},      {"80", "", "eighty"},   {"90", "", "ninety"},
                        {"100", "", "hundred"}};

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                bool is = false;
                for (int k = 0; k < 3; k++)
                        is |= strlen(table[i][k]) == w->size && memcmp(table[i][k], w->text, w->size) == 0;
                for (int k = 0; is && k < 3; k++)
                        if (*table[i][k] &&
                            !(strlen(table[i][k]) == w->size && memcmp(table[i][k], w->text, w->size) == 0))
                                add_near(w, table[i][k], strlen(table[i][k]), 1);
        }
}

/* "mocking bird": mockingbird is near to both. */
static int add_joined(CatalogDb *c, MatchWord *w, MatchWord *next, Error *e)
{
        char joined[4 * WORD_LETTERS_MAX];
        int64_t books = 0;

        if (!w->letters || !next->letters || w->size + next->size >= sizeof(joined))
                return 0;
        memcpy(joined, w->text, w->size);
        memcpy(joined + w->size, next->text, next->size);
        int r = find_word(c, joined, w->size + next->size, &books, e);
        if (r < 0 || books == 0)
                return r;
        add_near(w, joined, w->size + next->size, books);
        add_near(next, joined, w->size + next->size, books);
        return 0;
}

/* A word that many books have is no misspelling; one that a few have may be, of a word that many have. */
static bool may_be_wrong(const MatchWord *w, double books, bool any_unknown)
{
        if (!w->letters || match_knows(w) == any_unknown)
                return false;
        return any_unknown || (double) w->books <= RARE_BOOKS + books / RARE_SHARE;
}

int match_correct(CatalogDb *c, Match *m, double books, unsigned *ret_near, Error *e)
{
        unsigned unknown = 0, looked = 0, near = 0;
        int r = 0;

        for (unsigned i = 0; i < m->n_words; i++)
                unknown += !match_knows(m->words + i);
        for (unsigned i = 0; i + 1 < m->n_words && r == 0; i++)
                r = add_joined(c, m->words + i, m->words + i + 1, e);
        for (unsigned i = 0; i < m->n_words && r == 0; i++) {
                MatchWord *w = m->words + i;
                NearWord found[NEAR_MAX];
                unsigned n = 0;

                add_numeral(w);
                if (m->n_words > 1 && rank_is_article(w->text, w->size))
                        continue;
                if (looked < CORRECTED_MAX && may_be_wrong(w, books, unknown > 0)) {
                        looked++;
                        r = words_near(c->search->near, w->text, w->size, w->begun, found, &n, e);
                }
                for (unsigned k = 0; k < n && w->n_near < NEAR_MAX; k++)
                        w->near[w->n_near++] = found[k];
        }
        for (unsigned i = 0; i < m->n_words; i++)
                near += m->words[i].n_near;
        if (r == 0)
                *ret_near = near;
        return r;
}
