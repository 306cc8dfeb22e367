/* SPDX-License-Identifier: MIT */
/* A question to the catalog: its words as a full-text query, the most popular matches first. */
#include "federation/catalog.h"
#include "federation/catalog_db.h"

#include "base/text.h"

/* Digits and folded letters only: nothing in it means anything to FTS5 inside quotation marks. */
static int add_word(const TokenizerWord *w, void *userdata)
{
        Text *t = userdata;

        text_add(t, "%s\"%.*s\"", t->size > 0 ? " " : "", (int) w->size, w->word);
        return 0;
}

static int add_term(Text *t, CatalogDb *c, CatalogTerm kind, const char *value)
{
        char term[CATALOG_TERM_SIZE];

        if (!value)
                return 0;
        int r = catalog_term(c, kind, value, term);
        if (r == 0)
                text_add(t, " AND terms : \"%s\"", *term ? term : "none");
        return r;
}

static int match_make(CatalogDb *c, const Question *q, char **ret)
{
        _cleanup_text_ Text t = {0}, words = {0};

        int r = tokenizer_words(c->words, true, q->text, strlen(q->text), add_word, &words);
        if (r < 0)
                return r;
        if (words.size == 0 && !words.failed)
                return text_take(&words, ret);
        text_add(&t, "(%s)", words.data ? words.data : "");
        r = add_term(&t, c, CATALOG_TERM_CATEGORY, q->category);
        if (r == 0)
                r = add_term(&t, c, CATALOG_TERM_LANGUAGE, q->language);
        t.failed |= words.failed;
        return r < 0 ? r : text_take(&t, ret);
}

static int total_count(CatalogDb *c, const Question *q, const char *match, CatalogRows *ret, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;

        int r = db_prepare(
                        c->db, &stmt, e,
                        "SELECT count(*) FROM (SELECT 1 FROM book_fts JOIN book ON book.rank = book_fts.rowid"
                        " WHERE book_fts MATCH ?1 AND (?2 < 0 OR book.price_micros >= ?2)"
                        " AND (?3 < 0 OR book.price_micros <= ?3) LIMIT ?4)",
                        "siii", match, q->min_price_micros, q->max_price_micros,
                        (int64_t) CATALOG_COUNT_MAX + 1);
        if (r == 0)
                r = db_step(stmt, e);
        if (r < 0)
                return r;
        ret->total = MIN((uint64_t) sqlite3_column_int64(stmt, 0), (uint64_t) CATALOG_COUNT_MAX);
        ret->total_exact = sqlite3_column_int64(stmt, 0) <= CATALOG_COUNT_MAX;
        return 0;
}

int catalog_db_search(CatalogDb *c, const Question *q, CatalogRows *ret, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        _cleanup_free_ char *match = NULL;

        int r = match_make(c, q, &match);
        if (r < 0)
                return error_set(e, r, "%s", error_words(r));
        ret->total_exact = true;
        if (!*match)
                return 0;
        r = total_count(c, q, match, ret, e);
        if (r == 0)
                r = db_prepare(c->db, &stmt, e,
                               "SELECT " CATALOG_COLUMNS
                               " FROM book_fts JOIN book ON book.rank = book_fts.rowid"
                               " WHERE book_fts MATCH ?1 AND (?2 < 0 OR book.price_micros >= ?2)"
                               " AND (?3 < 0 OR book.price_micros <= ?3)"
                               " ORDER BY book_fts.rowid LIMIT ?4 OFFSET ?5",
                               "siiii", match, q->min_price_micros, q->max_price_micros, (int64_t) q->limit,
                               (int64_t) q->offset);
        while (r == 0 && (r = db_step(stmt, e)) > 0)
                r = catalog_rows_add(ret, stmt, 0, 1.0 / (1.0 + q->offset + (double) ret->n));
        return r;
}
