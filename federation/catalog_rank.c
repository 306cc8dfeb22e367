/* SPDX-License-Identifier: MIT */
/* The ranking: what fits, how much of it, how well known it is. The figures were found with tests/search/questions.tsv. */
#include "federation/catalog_rank.h"

#include <math.h>

#define FIT_PREFIX   0.9 /* a word that merely begins as typed */
#define AUTHOR_WORTH 0.97
#define ABOUT_WORTH  0.5

/* Parts of what is below RANK_EXACT; together 1. */
#define PART_MATCH      0.62
#define PART_COVER      0.16
#define PART_ORDER      0.06
#define PART_POPULARITY 0.16

#define ASIDE_WORTH      0.25 /* of a letter in a subtitle or series, beside one in the title */
#define AUTHOR_COVER     0.5
#define NAME_LETTERS     12.0 /* illustrators and translators make nobody less of an author */
#define HALVINGS         12.0 /* from the most popular down to no merit */
#define EXACT_WHOLE      0.03 /* the whole title, not only what stands before its series */
#define EXACT_AUTHOR     0.02
#define EXACT_POPULARITY 0.05

bool rank_is_article(const char *word, size_t size)
{
        static const char articles[][4] = {"the", "a",   "an",  "le",  "la", "les", "l",   "un",  "une",
                                           "der", "die", "das", "ein", "el", "los", "las", "una", "il",
                                           "lo",  "gli", "i",   "o",   "os", "as",  "de",  "het"};
        char padded[4] = "";

        if (size == 0 || size >= sizeof(padded))
                return size == 4 && memcmp(word, "eine", 4) == 0;
        memcpy(padded, word, size);
        for (size_t i = 0; i < ELEMENTSOF(articles); i++)
                if (memcmp(articles[i], padded, sizeof(padded)) == 0)
                        return true;
        return false;
}

size_t rank_title_end(const char *title)
{
        const char *p = title;

        for (; *p; p++)
                if (p > title &&
                    (*p == '(' || *p == '[' || *p == ';' || (*p == ':' && (p[1] == ' ' || !p[1])) ||
                     (*p == ' ' && p[1] == '-' && p[2] == ' ')))
                        break;
        return (size_t) (p - title);
}

double rank_weight(double books_with_it, double books)
{
        return log(1 + MAX(books, books_with_it) / (1 + books_with_it)) + 0.1;
}

/* What was found of a question in a title, or in an author. */
typedef struct Found {
        double fit[RANK_WORDS_MAX];
        unsigned at[RANK_WORDS_MAX];
        double asked[RANK_TOKENS_MAX]; /* how much of each word of the book, by `at` */
} Found;

static double form_fits(const RankForm *f, const RankToken *t)
{
        if (t->size < f->size || *t->text != *f->text || memcmp(t->text, f->text, f->size) != 0)
                return 0;
        if (t->size == f->size)
                return f->fit;
        return f->prefix ? f->fit * FIT_PREFIX : 0;
}

static void find(const RankQuestion *q, const RankToken *tokens, unsigned n, Found *ret)
{
        memset(ret, 0, sizeof(*ret));
        for (unsigned i = 0; i < n; i++)
                for (unsigned k = 0; k < q->n_forms; k++) {
                        const RankForm *f = q->forms + k;
                        double fit = form_fits(f, tokens + i);
                        if (fit <= 0)
                                continue;
                        /* Of two places that fit alike, the one behind the word before. */
                        bool behind = f->word > 0 && ret->fit[f->word - 1] > 0 &&
                                      tokens[i].at == ret->at[f->word - 1] + 1;
                        if (fit > ret->fit[f->word] || (behind && fit >= ret->fit[f->word])) {
                                ret->fit[f->word] = fit;
                                ret->at[f->word] = tokens[i].at;
                        }
                        double asked = fit * (double) f->size / (double) MAX(f->size, tokens[i].size);
                        if (tokens[i].at < RANK_TOKENS_MAX)
                                ret->asked[tokens[i].at] = MAX(asked, ret->asked[tokens[i].at]);
                }
}

/* How much of it was asked for, by letters: an article more or less changes little. enough: letters that are all. */
static double cover(const Found *found, const RankToken *tokens, unsigned n, bool aside_counts, double enough)
{
        double sum = 0, asked = 0;

        for (unsigned i = 0; i < n; i++) {
                if (i > 0 && tokens[i].at == tokens[i - 1].at)
                        continue;
                double worth = (double) MIN(tokens[i].size, (size_t) 8) * (tokens[i].aside ? ASIDE_WORTH : 1);
                if (rank_is_article(tokens[i].text, tokens[i].size))
                        worth *= 0.5;
                if (tokens[i].aside && !aside_counts)
                        continue;
                sum += worth;
                asked += worth * found->asked[MIN(tokens[i].at, (unsigned) RANK_TOKENS_MAX - 1)];
        }
        if (sum <= 0)
                return 0;
        sum = MIN(sum, enough);
        return MIN(asked / sum, 1.0);
}

/* Neighbours in the question that are neighbours in the book. */
static double order(const RankQuestion *q, const Found *title, const Found *author)
{
        unsigned pairs = 0;

        for (unsigned i = 0; i + 1 < q->n_words; i++)
                pairs += (title->fit[i] > 0 && title->fit[i + 1] > 0 &&
                          title->at[i + 1] == title->at[i] + 1) ||
                         (author->fit[i] > 0 && author->fit[i + 1] > 0 &&
                          author->at[i + 1] == author->at[i] + 1);
        return q->n_words > 1 ? (double) pairs / (q->n_words - 1) : 1;
}

typedef enum Exactness {
        EXACT_NOT,
        EXACT_MAIN,
        EXACT_ALL,
} Exactness;

/* Are words first to end of the question, as typed, the title? */
static bool is_title(const RankQuestion *q, unsigned first, unsigned end, const RankBook *b, bool main_only)
{
        unsigned at = 0, words = 0, wanted = first;

        for (unsigned i = 0; i < b->n_title && !(main_only && b->title[i].aside); i++)
                words = b->title[i].at + 1;
        if (words > 1 && b->n_title > 0 && rank_is_article(b->title[0].text, b->title[0].size))
                at = 1;
        if (end - first > 1 && q->article[first])
                wanted++;
        if (words - at != end - wanted)
                return false;
        for (unsigned i = 0; i < b->n_title && at < words && wanted < end; i++) {
                bool same = false;
                for (unsigned k = 0; k < q->n_forms && b->title[i].at == at && !same; k++)
                        same = q->forms[k].word == wanted && q->forms[k].fit >= 1 &&
                               q->forms[k].size == b->title[i].size &&
                               memcmp(q->forms[k].text, b->title[i].text, b->title[i].size) == 0;
                if (same) {
                        at++;
                        wanted++;
                }
        }
        return wanted == end;
}

static Exactness exactness(const RankQuestion *q, unsigned first, unsigned end, const RankBook *b)
{
        if (first >= end || b->n_title == 0)
                return EXACT_NOT;
        if (is_title(q, first, end, b, false))
                return EXACT_ALL;
        return !b->subtitled && is_title(q, first, end, b, true) ? EXACT_MAIN : EXACT_NOT;
}

/* "Emma", "Emma Austen", "Austen Emma": the title is what is left once the author's words are taken off one end. */
static Exactness exact_with_author(const RankQuestion *q, const RankBook *b, const Found *author,
                                   bool *ret_author)
{
        unsigned head = 0, tail = q->n_words;

        *ret_author = false;
        Exactness x = exactness(q, 0, q->n_words, b);
        if (x != EXACT_NOT)
                return x;
        *ret_author = true;
        while (head < q->n_words && author->fit[head] >= 1)
                if ((x = exactness(q, ++head, q->n_words, b)) != EXACT_NOT)
                        return x;
        while (tail > 0 && author->fit[tail - 1] >= FIT_PREFIX)
                if ((x = exactness(q, 0, --tail, b)) != EXACT_NOT)
                        return x;
        return EXACT_NOT;
}

double rank_score(const RankQuestion *q, const RankBook *b, double *ret_match)
{
        Found title, author, about;
        bool with_author;
        double match = 0, all = 0;

        assert(q);
        assert(b);
        assert(ret_match);

        find(q, b->title, b->n_title, &title);
        find(q, b->author, b->n_author, &author);
        find(q, b->about, b->n_about, &about);
        for (unsigned i = 0; i < q->n_words; i++) {
                double found = MAX(title.fit[i], AUTHOR_WORTH * author.fit[i]);
                match += q->weight[i] * found;
                all += q->weight[i] * MAX(found, ABOUT_WORTH * about.fit[i]);
        }
        Exactness x = exact_with_author(q, b, &author, &with_author);
        *ret_match = x != EXACT_NOT ? 1 : match;
        if (x != EXACT_NOT)
                return RANK_EXACT + (x == EXACT_ALL ? EXACT_WHOLE : 0) + (with_author ? EXACT_AUTHOR : 0);
        double covered = cover(&title, b->title, b->n_title, true, INFINITY);
        if (!b->subtitled)
                covered = MAX(covered, cover(&title, b->title, b->n_title, false, INFINITY));
        covered = MAX(covered, AUTHOR_COVER * cover(&author, b->author, b->n_author, true, NAME_LETTERS));
        return (RANK_EXACT - 0.001) *
               (PART_MATCH * all + PART_COVER * covered + PART_ORDER * order(q, &title, &author));
}

double rank_with_popularity(double score, double popularity, double most)
{
        double halvings = log2((1 + MAX(most, popularity)) / (1 + popularity)),
               merit = MAX(1 - halvings / HALVINGS, 0.0);

        if (score >= RANK_EXACT)
                return score + EXACT_POPULARITY * merit;
        return score + (RANK_EXACT - 0.001) * PART_POPULARITY * merit;
}
