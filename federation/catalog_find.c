/* SPDX-License-Identifier: MIT */
/* Which books have the words: the statements of a search, and lists of ranks. */
#include "federation/catalog_search.h"

#define EXAMINED_MAX   50000 /* matches whose price is looked at */
#define TOKENS_SIZE    8192
#define BEGINNINGS_MAX 16

void ranks_clear(Ranks *r)
{
        free(r->list);
        *r = (Ranks){0};
}

static int ranks_add(Ranks *r, int64_t rank)
{
        if (r->n == r->capacity) {
                size_t capacity = MAX(4 * r->capacity, (size_t) 64);
                int64_t *list = reallocarray(r->list, capacity, sizeof(*list));
                if (!list)
                        return -ENOMEM;
                r->list = list;
                r->capacity = capacity;
        }
        r->list[r->n++] = rank;
        return 0;
}

static int compare(const void *a, const void *b)
{
        int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;
        return (x > y) - (x < y);
}

void ranks_sort(Ranks *r)
{
        size_t n = 0;

        if (r->n < 2)
                return;
        qsort(r->list, r->n, sizeof(*r->list), compare);
        for (size_t i = 0; i < r->n; i++)
                if (n == 0 || r->list[n - 1] != r->list[i])
                        r->list[n++] = r->list[i];
        r->n = n;
}

static int prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret, Error *e)
{
        int code = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);
        return code == SQLITE_OK ? 0 : db_error(db, code, e);
}

static int make(CatalogDb *c, CatalogSearch *s, Error *e)
{
        s->looked_at = calloc(1, sizeof(*s->looked_at));
        s->tokens = malloc(TOKENS_SIZE);
        if (!s->looked_at || !s->tokens)
                return error_set(e, -ENOMEM, "%s", error_words(ENOMEM));
        const struct {
                sqlite3_stmt **stmt;
                const char *sql;
        } table[] = {
                        {&s->book, "SELECT rowid FROM book_fts WHERE book_fts MATCH ? ORDER BY rowid"},
                        {&s->whole, "SELECT rowid FROM whole_fts WHERE whole_fts MATCH ? ORDER BY rowid"},
                        {&s->fact, "SELECT value FROM fact WHERE name = 'books'"},
                        {&s->price, "SELECT price_micros FROM book WHERE rank = ?"},
                        {&s->word, "SELECT books FROM word WHERE word = ?"},
                        {&s->begin,
                         "SELECT word FROM word WHERE word > ?1 AND word < ?1 || char(0x10ffff) AND books > 0"
                         " ORDER BY books DESC, word LIMIT 17"},
                        {&s->begins,
                         "SELECT 1 FROM word WHERE word > ?1 AND word < ?1 || char(0x10ffff) AND books > 0"
                         " LIMIT 1"},
                        {&s->title, "SELECT title, author, popularity FROM book WHERE rank = ?"},
                        {&s->about, "SELECT tags, category FROM book WHERE rank = ?"},
                        {&s->listing, "SELECT " CATALOG_COLUMNS " FROM book WHERE rank = ?"},
        };
        int r = words_near_new(c->db, &s->near, e);
        for (size_t i = 0; i < ELEMENTSOF(table) && r == 0; i++)
                r = prepare(c->db, table[i].sql, table[i].stmt, e);
        return r;
}

int catalog_search_new(CatalogDb *c, CatalogSearch **ret, Error *e)
{
        assert(c);
        assert(ret);

        CatalogSearch *s = calloc(1, sizeof(*s));
        if (!s)
                return error_set(e, -ENOMEM, "%s", error_words(ENOMEM));
        int r = make(c, s, e);
        if (r < 0) {
                catalog_search_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

CatalogSearch *catalog_search_free(CatalogSearch *s)
{
        if (!s)
                return NULL;
        sqlite3_stmt *const statements[] = {s->book,   s->whole, s->price,   s->word, s->begin,
                                            s->begins, s->title, s->listing, s->fact, s->about};
        for (size_t i = 0; i < ELEMENTSOF(statements); i++)
                sqlite3_finalize(statements[i]);
        words_near_free(s->near);
        free(s->looked_at);
        free(s->tokens);
        free(s);
        return NULL;
}

static int is_affordable(CatalogDb *c, const Question *q, int64_t rank, bool *ret, Error *e)
{
        sqlite3_stmt *stmt = c->search->price;

        sqlite3_bind_int64(stmt, 1, rank);
        int r = db_step(stmt, e);
        if (r > 0) {
                int64_t price = sqlite3_column_int64(stmt, 0);
                *ret = sqlite3_column_type(stmt, 0) != SQLITE_NULL &&
                       (q->min_price_micros < 0 || price >= q->min_price_micros) &&
                       (q->max_price_micros < 0 || price <= q->max_price_micros);
        }
        sqlite3_reset(stmt);
        return MIN(r, 0);
}

/* Walks through stmt, whose rows come in ascending order. */
static int walk(CatalogDb *c, const Question *q, sqlite3_stmt *stmt, size_t most, const Ranks *but,
                Ranks *ret, Error *e)
{
        bool any_price = q->min_price_micros < 0 && q->max_price_micros < 0;
        size_t examined = 0, behind = 0, end = ret->n + most;
        int r;

        while ((r = db_step(stmt, e)) > 0) {
                int64_t rank = sqlite3_column_int64(stmt, 0);
                bool fits = true;

                while (but && behind < but->n && but->list[behind] < rank)
                        behind++;
                if (but && behind < but->n && but->list[behind] == rank)
                        continue;
                if (!any_price)
                        r = is_affordable(c, q, rank, &fits, e);
                if (r < 0)
                        return r;
                if (ret->n == end || (!any_price && examined++ == EXAMINED_MAX)) {
                        ret->more = true;
                        return 0;
                }
                if (fits && ranks_add(ret, rank) < 0)
                        return error_set(e, -ENOMEM, "%s", error_words(ENOMEM));
        }
        return r;
}

static int find(CatalogDb *c, const Question *q, sqlite3_stmt *stmt, const char *match, size_t most,
                const Ranks *but, Ranks *ret, Error *e)
{
        if (most == 0)
                return 0;
        sqlite3_bind_text(stmt, 1, match, -1, SQLITE_STATIC);
        int r = walk(c, q, stmt, most, but, ret, e);
        sqlite3_reset(stmt);
        sqlite3_clear_bindings(stmt);
        return r;
}

int find_books(CatalogDb *c, const Question *q, const char *match, size_t most, Ranks *ret, Error *e)
{
        return find(c, q, c->search->book, match, most, NULL, ret, e);
}

int find_described(CatalogDb *c, const Question *q, const char *match, size_t most, const Ranks *but,
                   Ranks *ret, Error *e)
{
        return find(c, q, c->search->whole, match, most, but, ret, e);
}

static int look_up(sqlite3_stmt *stmt, const char *word, size_t size, int64_t *ret, Error *e)
{
        sqlite3_bind_text(stmt, 1, word, (int) size, SQLITE_STATIC);
        int r = db_step(stmt, e);
        if (r > 0)
                *ret = sqlite3_column_int64(stmt, 0);
        sqlite3_reset(stmt);
        return MIN(r, 0);
}

int find_word(CatalogDb *c, const char *word, size_t size, int64_t *ret_books, Error *e)
{
        return look_up(c->search->word, word, size, ret_books, e);
}

int find_count(CatalogDb *c, double *ret, Error *e)
{
        int r = db_step(c->search->fact, e);

        if (r > 0)
                *ret = (double) sqlite3_column_int64(c->search->fact, 0);
        sqlite3_reset(c->search->fact);
        return MIN(r, 0);
}

/* The words that most books have of those that begin so. */
static int find_beginnings(CatalogDb *c, MatchWord *w, Error *e)
{
        sqlite3_stmt *stmt = c->search->begin;
        int r, n = 0;

        sqlite3_bind_text(stmt, 1, w->text, (int) w->size, SQLITE_STATIC);
        while ((r = db_step(stmt, e)) > 0) {
                w->begins = true;
                w->more = ++n > BEGINNINGS_MAX;
                if (w->more)
                        break;
                text_add(&w->begun_as, " OR \"%s\"", (const char *) sqlite3_column_text(stmt, 0));
        }
        sqlite3_reset(stmt);
        return r < 0 ? r : w->begun_as.failed ? error_set(e, -ENOMEM, "%s", error_words(ENOMEM)) : 0;
}

int find_words(CatalogDb *c, Match *m, Error *e)
{
        int r = 0;

        assert(m->n_words > 0);

        for (unsigned i = 0; i < m->n_words && r == 0; i++)
                r = find_word(c, m->words[i].text, m->words[i].size, &m->words[i].books, e);
        MatchWord *last = m->words + m->n_words - 1;
        int64_t begins = 0;
        if (r == 0 && last->begun && last->indexed)
                r = look_up(c->search->begins, last->text, last->size, &begins, e);
        else if (r == 0 && last->begun)
                r = find_beginnings(c, last, e);
        last->begins |= begins > 0;
        return r;
}
