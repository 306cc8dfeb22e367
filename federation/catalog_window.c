/* SPDX-License-Identifier: MIT */
/* A few hundred books in the order of how well they fit. */
#include "federation/catalog_search.h"

#define TOKENS_SIZE    8192 /* of catalog_find.c */
#define ENOUGH_FOUND   0.97 /* of the question in title and author: tags need not be looked at */
#define TEXT_LOOKED_AT 500

void window_clear(Window *w)
{
        free(w->books);
        free(w->ranks);
        *w = (Window){0};
}

typedef struct Taking {
        CatalogSearch *search;
        size_t *used; /* of search->tokens */
        RankToken *tokens;
        unsigned n, next;
        size_t end; /* where the title ends and what stands aside begins */
} Taking;

static int take_token(const TokenizerWord *w, void *userdata)
{
        Taking *t = userdata;

        if (t->n == RANK_TOKENS_MAX || *t->used + w->size > TOKENS_SIZE)
                return 0;
        char *to = t->search->tokens + *t->used;
        memcpy(to, w->word, w->size);
        *t->used += w->size;
        if (!w->beside)
                t->next++;
        t->tokens[t->n++] = (RankToken){to, w->size, t->next > 0 ? t->next - 1 : 0, w->start >= t->end};
        return 0;
}

static int take(CatalogDb *c, const char *text, size_t end, size_t *used, RankToken *tokens, unsigned *ret_n)
{
        Taking t = {.search = c->search, .used = used, .tokens = tokens, .end = end};

        int r = tokenizer_words(c->words, false, text, strnlen(text, TEXT_LOOKED_AT), take_token, &t);
        *ret_n = t.n;
        return r;
}

static const char *column(sqlite3_stmt *stmt, int i)
{
        const char *s = (const char *) sqlite3_column_text(stmt, i);
        return s ? s : "";
}

static int take_about(CatalogDb *c, int64_t rank, size_t *used, RankBook *b)
{
        sqlite3_stmt *stmt = c->search->about;
        int r = 0;

        sqlite3_bind_int64(stmt, 1, rank);
        if (sqlite3_step(stmt) == SQLITE_ROW) {
                _cleanup_free_ char *about = string_printf("%s %s", column(stmt, 0), column(stmt, 1));
                r = about ? take(c, about, SIZE_MAX, used, b->about, &b->n_about) : -ENOMEM;
        }
        sqlite3_reset(stmt);
        return r;
}

/* Without popularity: how large that is shows once all are looked at. */
static int look_at(CatalogDb *c, const RankQuestion *q, int64_t rank, sqlite3_stmt *stmt, double *ret)
{
        RankBook *b = c->search->looked_at;
        const char *title = column(stmt, 0);
        size_t used = 0;
        double match;

        size_t end = rank_title_end(title);
        b->n_about = 0;
        b->subtitled = title[end] == ':' || title[end] == ' ';
        int r = take(c, title, end, &used, b->title, &b->n_title);
        if (r == 0)
                r = take(c, column(stmt, 1), SIZE_MAX, &used, b->author, &b->n_author);
        if (r < 0)
                return r;
        *ret = rank_score(q, b, &match);
        if (match >= ENOUGH_FOUND)
                return 0;
        r = take_about(c, rank, &used, b);
        if (r == 0)
                *ret = rank_score(q, b, &match);
        return r;
}

static int score(CatalogDb *c, const RankQuestion *q, int64_t rank, double *ret_score, double *ret_popularity,
                 Error *e)
{
        sqlite3_stmt *stmt = c->search->title;

        sqlite3_bind_int64(stmt, 1, rank);
        int r = db_step(stmt, e);
        if (r > 0) {
                *ret_popularity = (double) sqlite3_column_int64(stmt, 2);
                r = look_at(c, q, rank, stmt, ret_score);
                if (r < 0)
                        error_set(e, r, "%s", error_words(r));
        }
        sqlite3_reset(stmt);
        return r;
}

static int compare(const void *a, const void *b)
{
        const Windowed *x = a, *y = b;

        if (x->score != y->score)
                return x->score > y->score ? -1 : 1;
        return (x->rank > y->rank) - (x->rank < y->rank);
}

int window_make(CatalogDb *c, const RankQuestion *q, const Ranks *ranks, Window *ret, Error *e)
{
        _cleanup_window_ Window w = {.n = ranks->n};
        _cleanup_free_ double *popularity = calloc(ranks->n + 1, sizeof(*popularity));
        double most = 0;
        int r = 0;

        assert(ranks->n <= WINDOW_MAX);

        w.books = calloc(w.n + 1, sizeof(*w.books));
        w.ranks = calloc(w.n + 1, sizeof(*w.ranks));
        if (!popularity || !w.books || !w.ranks)
                return error_set(e, -ENOMEM, "%s", error_words(ENOMEM));
        for (size_t i = 0; i < w.n && r == 0; i++) {
                w.ranks[i] = w.books[i].rank = ranks->list[i];
                r = score(c, q, ranks->list[i], &w.books[i].score, popularity + i, e);
                most = MAX(most, popularity[i]);
        }
        if (r < 0)
                return r;
        for (size_t i = 0; i < w.n; i++)
                w.books[i].score = rank_with_popularity(w.books[i].score, popularity[i], most);
        qsort(w.books, w.n, sizeof(*w.books), compare);
        *ret = (Window){TAKE_PTR(w.books), w.n, TAKE_PTR(w.ranks)};
        return 0;
}

static int compare_ranks(const void *a, const void *b)
{
        int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;
        return (x > y) - (x < y);
}

void window_cut(Window *w, double share)
{
        size_t n = 0;

        while (n < w->n && w->books[n].score >= share * w->books[0].score)
                n++;
        w->n = n;
        for (size_t i = 0; i < n; i++)
                w->ranks[i] = w->books[i].rank;
        if (n > 1)
                qsort(w->ranks, n, sizeof(*w->ranks), compare_ranks);
}
