/* SPDX-License-Identifier: MIT */
/* From what was typed to what FTS5 is asked. Only words as by the tokenizer are handed on, in quotation marks, so that nothing
 * in a question means anything to FTS5. */
#include "federation/catalog_match.h"

#include "federation/isbn.h"
#include "federation/work.h"

#define ARTICLE_WEIGHT    0.5 /* even where no book has it; a word that all have weighs 0.8 */
#define BEGUN_LETTERS_MIN 2   /* a single letter is a word */

static bool is_letters(const char *word, size_t size)
{
        uint32_t c = (uint8_t) *word;

        return utf8_size(word, size, &c) > 0 &&
               (c < 0x2e80 || (c > 0xd7a3 && c < 0xf900) || (c > 0xfaff && c < 0xff66));
}

typedef struct Reading {
        Match *match;
        size_t starts[RANK_WORDS_MAX], end; /* in text; the last word's end in the question */
} Reading;

static int take_word(const TokenizerWord *w, void *userdata)
{
        Reading *r = userdata;
        Match *m = r->match;

        if (m->n_words == RANK_WORDS_MAX || catalog_term_is(w->word, w->size))
                return 0;
        MatchWord *word = m->words + m->n_words;
        r->starts[m->n_words++] = m->text.size;
        *word = (MatchWord){.size = w->size, .letters = is_letters(w->word, w->size)};
        r->end = w->end;
        text_add_bytes(&m->text, w->word, w->size);
        return 0;
}

static int add_filter(Match *m, CatalogDb *c, CatalogTerm kind, const char *value)
{
        char term[CATALOG_TERM_SIZE];

        if (!value)
                return 0;
        int r = catalog_term(c, kind, value, term);
        if (r == 0)
                text_add(&m->filter, " AND \"%s\"", *term ? term : CATALOG_TERM_NONE);
        return r;
}

/* Only books whose price may be right: the price itself is looked at when one is found. */
static int add_prices(Match *m, CatalogDb *c, int64_t least, int64_t most)
{
        unsigned from = least > 0 ? catalog_price_step(least) : 0,
                 end = most >= 0 ? catalog_price_step(most) + 1 : CATALOG_PRICE_STEPS;
        char step[16], term[CATALOG_TERM_SIZE];
        int r = 0;

        if (least < 0 && most < 0)
                return 0;
        text_add(&m->filter, " AND (\"" CATALOG_TERM_NONE "\"");
        for (unsigned i = from; i < end && r == 0; i++) {
                snprintf(step, sizeof(step), "%u", i);
                r = catalog_term(c, CATALOG_TERM_PRICE, step, term);
                text_add(&m->filter, " OR \"%s\"", term);
        }
        text_add_string(&m->filter, ")");
        return r;
}

/* "978-0-14-143951-8", "ISBN: 0141439513". */
static void read_isbn(const char *text, char ret[static ISBN_SIZE])
{
        if (strncasecmp(text, "isbn", 4) == 0) {
                text += 4;
                if (strncmp(text, "-13", 3) == 0 || strncmp(text, "-10", 3) == 0)
                        text += 3;
                text += strspn(text, ": ");
        }
        if (!isbn_to_13(text, ret))
                ret[0] = '\0';
}

static size_t count_letters(const char *s, size_t size)
{
        size_t n = 0;

        for (size_t i = 0; i < size; i++)
                n += ((uint8_t) s[i] & 0xc0) != 0x80;
        return n;
}

static int read_all(CatalogDb *c, const Question *q, Match *m)
{
        Reading reading = {.match = m};

        int r = tokenizer_words(c->words, true, q->text, strlen(q->text), take_word, &reading);
        if (r == 0)
                r = add_filter(m, c, CATALOG_TERM_CATEGORY, q->category);
        if (r == 0)
                r = add_filter(m, c, CATALOG_TERM_LANGUAGE, q->language);
        if (r == 0)
                r = add_prices(m, c, q->min_price_micros, q->max_price_micros);
        if (r == 0 && (m->text.failed || m->filter.failed))
                r = -ENOMEM;
        if (r < 0)
                return r;
        for (unsigned i = 0; i < m->n_words; i++)
                m->words[i].text = m->text.data + reading.starts[i];
        if (m->n_words > 0) {
                MatchWord *last = m->words + m->n_words - 1;
                size_t letters = count_letters(last->text, last->size);
                last->begun = last->letters && !q->text[reading.end] && m->n_words < RANK_WORDS_MAX &&
                              letters >= BEGUN_LETTERS_MIN;
                last->indexed = letters <= INDEXED_LETTERS;
        }
        read_isbn(q->text, m->isbn);
        return 0;
}

int match_read(CatalogDb *c, const Question *q, Match *ret)
{
        assert(c);
        assert(q);
        assert(ret);

        *ret = (Match){.n_words = 0};
        int r = read_all(c, q, ret);
        if (r < 0)
                match_clear(ret);
        return r;
}

void match_clear(Match *m)
{
        for (unsigned i = 0; i < m->n_words; i++)
                text_clear(&m->words[i].begun_as);
        text_clear(&m->text);
        text_clear(&m->filter);
        m->n_words = 0;
}

static void print_word(Text *t, const MatchWord *w, unsigned how)
{
        bool near = (how & MATCH_NEAR) && w->n_near > 0, begun = (how & MATCH_BEGUN) && w->begun,
             listed = begun && w->begun_as.size > 0;

        text_add(t, "%s\"%.*s\"%s", near || listed ? "(" : "", (int) w->size, w->text,
                 begun && w->indexed ? "*" : "");
        if (listed)
                text_add_bytes(t, w->begun_as.data, w->begun_as.size);
        for (unsigned i = 0; near && i < w->n_near; i++)
                text_add(t, " OR \"%.*s\"", (int) w->near[i].size, w->near[i].text);
        if (near || listed)
                text_add_string(t, ")");
}

void match_print(const Match *m, Text *t, uint32_t set, unsigned how)
{
        bool first = true;

        for (unsigned i = 0; i < m->n_words; i++) {
                if (!(set & UINT32_C(1) << i))
                        continue;
                if (!first)
                        text_add_string(t, " AND ");
                print_word(t, m->words + i, how);
                first = false;
        }
        text_add_bytes(t, m->filter.data, m->filter.size);
}

int match_print_title(CatalogDb *c, const Match *m, const char *question, Text *t)
{
        static const CatalogTerm kinds[] = {CATALOG_TERM_TITLE, CATALOG_TERM_MAIN_TITLE};
        _cleanup_free_ char *bare = work_title(question);
        char term[CATALOG_TERM_SIZE];
        int r = bare ? 0 : -ENOMEM;

        text_add_string(t, "(");
        for (unsigned i = 0; i < 2 * ELEMENTSOF(kinds) && r == 0; i++) {
                r = catalog_term(c, kinds[i % 2], i < 2 ? question : bare, term);
                text_add(t, "%s\"%s\"", i > 0 ? " OR " : "", *term ? term : CATALOG_TERM_NONE);
        }
        text_add_string(t, ")");
        text_add_bytes(t, m->filter.data, m->filter.size);
        return r;
}

void match_rank(const Match *m, double books, RankQuestion *ret)
{
        double sum = 0;

        *ret = (RankQuestion){.n_words = m->n_words};
        for (unsigned i = 0; i < m->n_words; i++) {
                const MatchWord *w = m->words + i;

                ret->article[i] = rank_is_article(w->text, w->size);
                ret->weight[i] = rank_weight(
                                (double) (w->books > 0 || w->n_near == 0 ? w->books : w->near[0].books),
                                books);
                if (ret->article[i] && m->n_words > 1)
                        ret->weight[i] = MIN(ret->weight[i], ARTICLE_WEIGHT);
                sum += ret->weight[i];
                ret->forms[ret->n_forms++] = (RankForm){w->text, w->size, i, 1, w->begun};
        }
        for (unsigned i = 0; i < m->n_words; i++) {
                const MatchWord *w = m->words + i;

                ret->weight[i] /= sum;
                for (unsigned k = 0; k < w->n_near && ret->n_forms < RANK_FORMS_MAX; k++)
                        ret->forms[ret->n_forms++] = (RankForm){w->near[k].text, w->near[k].size, i,
                                                                w->near[k].fit, false};
        }
}
