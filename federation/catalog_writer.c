/* SPDX-License-Identifier: MIT */
/* A batch of books on its way into the catalog. FTS5 wants rows in ascending order (it writes out what it holds in memory
 * when one is not), so a batch is sorted before it is written. */
#include "federation/catalog_writer.h"

#include "base/clock.h"
#include "base/text.h"
#include "federation/catalog_words.h"
#include "federation/isbn.h"
#include "federation/money.h"
#include "federation/tally.h"
#include "federation/work.h"

#include <sodium.h>

#ifndef CATALOG_BATCH_ROWS
#define CATALOG_BATCH_ROWS 20000
#endif
#define BATCH_ROWS  CATALOG_BATCH_ROWS
#define BATCH_BYTES (16 * 1024 * 1024)
#define BUSY_MSEC   60000 /* for the batches of another import */
#define TIDY_SHARE  8     /* of the books are new */
#define LOG_PAGES   16384 /* 64 MiB */
#define TIDY_PAGES  1000
#define SLOTS       (1 << 16) /* of the table of ids: more than twice BATCH_ROWS */

typedef struct Row {
        Listing l;
        char *block;                  /* its strings */
        char *terms;                  /* made once it is known that it will be written */
        int64_t hash, rank, old_rank; /* old_rank: 0 for a new one */
        bool unchanged;
} Row;

struct CatalogWriter {
        CatalogDb catalog;
        Row *rows;
        size_t n_rows, bytes;
        uint32_t *slots; /* row + 1 by id's hash; 0: free */
        Tally *words, *categories;
        sqlite3_stmt *find, *old_text, *fts_delete, *fts_insert, *whole_delete, *whole_insert, *book_delete,
                        *book_insert;
        CatalogWritten written;
        int64_t next;
        int log_pages; /* written since it was last copied */
};

static_assert(SLOTS > 2 * BATCH_ROWS, "a hash table that is full is slow");

static uint64_t hash_bytes(const void *data, size_t size)
{
        static const unsigned char key[crypto_shorthash_KEYBYTES] = "a book's hash";
        uint64_t hash;

        static_assert(sizeof(hash) == crypto_shorthash_BYTES, "libsodium's short hash");
        crypto_shorthash((unsigned char *) &hash, data, size, key);
        return hash;
}

/* Rows in memory */

/* Everything of a book that the catalog keeps. Stored: a file that is imported again changes nothing. */
static int hash_listing(const Listing *l, int64_t *ret)
{
        const char *const text[] = {l->id,       l->title, l->author,   l->isbn, l->description,
                                    l->category, l->tags,  l->language, l->url,  l->currency};
        _cleanup_text_ Text t = {0};

        for (size_t i = 0; i < ELEMENTSOF(text); i++) {
                text_add_string(&t, text[i]);
                text_add_bytes(&t, "", 1);
        }
        text_add(&t, "%lld %d %.17g %lld", (long long) l->price_minor, l->year, l->rating,
                 (long long) l->popularity);
        if (t.failed)
                return -ENOMEM;
        *ret = (int64_t) hash_bytes(t.data, t.size);
        return 0;
}

static int row_copy(Row *row, const Listing *l, size_t *ret_size)
{
        Listing copy = *l;
        const char **text[] = {&copy.id,       &copy.title, &copy.author,   &copy.isbn, &copy.description,
                               &copy.category, &copy.tags,  &copy.language, &copy.url,  &copy.currency};
        size_t sum = 0;

        for (size_t i = 0; i < ELEMENTSOF(text); i++)
                sum += strlen(*text[i]) + 1;
        char *block = malloc(sum), *p = block;
        if (!block)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(text); i++) {
                size_t size = strlen(*text[i]) + 1;
                memcpy(p, *text[i], size);
                *text[i] = p;
                p += size;
        }
        int r = hash_listing(&copy, &row->hash);
        if (r < 0) {
                free(block);
                return r;
        }
        row->l = copy;
        row->block = block;
        *ret_size = sum;
        return 0;
}

static uint32_t *slot_of(CatalogWriter *w, const char *id)
{
        uint32_t i = (uint32_t) hash_bytes(id, strlen(id)) % SLOTS;

        while (w->slots[i] > 0 && !streq(w->rows[w->slots[i] - 1].l.id, id))
                i = (i + 1) % SLOTS;
        return w->slots + i;
}

static void rows_clear(CatalogWriter *w)
{
        for (size_t i = 0; i < w->n_rows; i++) {
                free(w->rows[i].block);
                free(w->rows[i].terms);
        }
        w->n_rows = w->bytes = 0;
        memset(w->slots, 0, SLOTS * sizeof(*w->slots));
        tally_clear(w->words);
        tally_clear(w->categories);
}

int catalog_writer_put(CatalogWriter *w, const Listing *l, Error *e)
{
        Row row = {.old_rank = 0};
        size_t size;

        assert(w);
        assert(l);
        assert(*l->id);

        int r = w->n_rows == BATCH_ROWS ? catalog_writer_flush(w, e) : 0;
        if (r < 0)
                return r;
        r = row_copy(&row, l, &size);
        if (r < 0)
                return error_set(e, r, "%s", error_words(r));
        uint32_t *slot = slot_of(w, l->id);
        if (*slot > 0) {
                Row *known = w->rows + *slot - 1;
                if (known->hash == row.hash)
                        w->written.unchanged++;
                else
                        w->written.updated++;
                free(known->block);
                *known = row;
        } else {
                w->rows[w->n_rows++] = row;
                *slot = (uint32_t) w->n_rows;
        }
        w->bytes += size;
        return w->n_rows == BATCH_ROWS || w->bytes >= BATCH_BYTES;
}

char *catalog_writer_id(CatalogWriter *w, const Listing *l)
{
        char isbn[ISBN_SIZE];

        if (isbn_to_13(l->isbn, isbn))
                return string_printf("isbn-%s", isbn);
        _cleanup_free_ char *title = tokenizer_key(w->catalog.words, l->title);
        _cleanup_free_ char *author = tokenizer_key(w->catalog.words, l->author);
        if (!title || !author)
                return NULL;
        _cleanup_free_ char *both = string_printf("%s/%s", *title ? title : l->title, author);
        if (!both)
                return NULL;
        return string_printf("work-%016llx", (unsigned long long) hash_bytes(both, strlen(both)));
}

/* Rows on their way */

static void reset(sqlite3_stmt *stmt)
{
        sqlite3_reset(stmt);
        sqlite3_clear_bindings(stmt);
}

static int run(sqlite3_stmt *stmt, Error *e)
{
        int r = db_step(stmt, e);

        reset(stmt);
        return r < 0 ? r : 0;
}

static void bind_text(sqlite3_stmt *stmt, int i, const char *s)
{
        sqlite3_bind_text(stmt, i, s, -1,
                          SQLITE_STATIC); /* without memory stepping would say so: no NULL is allowed there */
}

/* Which rows are new, which are others than before, and where they go. */
static int rows_place(CatalogWriter *w, CatalogWritten *written, Error *e)
{
        for (size_t i = 0; i < w->n_rows; i++) {
                Row *row = w->rows + i;

                bind_text(w->find, 1, row->l.id);
                int r = db_step(w->find, e);
                int64_t old_rank = r > 0 ? sqlite3_column_int64(w->find, 0) : 0;
                bool same = r > 0 && sqlite3_column_int64(w->find, 1) == row->hash;
                reset(w->find);
                if (r < 0)
                        return r;
                row->old_rank = old_rank;
                row->unchanged = same;
                if (same)
                        written->unchanged++;
                else if (r > 0)
                        written->updated++;
                else
                        written->added++;
                if (same)
                        continue;
                if (w->next >= CATALOG_RANK_STEP)
                        return error_set(e, -EOVERFLOW,
                                         "the catalog has been changed too often: make it anew");
                row->rank = catalog_rank(row->l.popularity, w->next);
                if (old_rank > 0 && old_rank / CATALOG_RANK_STEP == row->rank / CATALOG_RANK_STEP)
                        row->rank = old_rank;
                else
                        w->next++;
        }
        return 0;
}

typedef struct Step {
        int64_t rank;
        uint32_t row;
        bool insert; /* after what is deleted at the same place */
} Step;

static int compare_steps(const void *a, const void *b)
{
        const Step *x = a, *y = b;

        if (x->rank != y->rank)
                return x->rank < y->rank ? -1 : 1;
        return (int) x->insert - (int) y->insert;
}

static size_t steps_make(const CatalogWriter *w, Step *steps)
{
        size_t n = 0;

        for (uint32_t i = 0; i < w->n_rows; i++) {
                if (w->rows[i].unchanged)
                        continue;
                if (w->rows[i].old_rank > 0)
                        steps[n++] = (Step){w->rows[i].old_rank, i, false};
                steps[n++] = (Step){w->rows[i].rank, i, true};
        }
        qsort(steps, n, sizeof(*steps), compare_steps);
        return n;
}

typedef struct Counting {
        Tally *tally;
        unsigned long long row;
        int by;
} Counting;

static int count_word(const TokenizerWord *word, void *userdata)
{
        const Counting *c = userdata;
        return tally_add_once(c->tally, word->word, word->size, c->row, c->by);
}

/* Of title, author and about. by: 1 for a book that comes, -1 for one that goes. */
static int count_words(CatalogWriter *w, const char *const text[static 3], const char *category, size_t step,
                       int by)
{
        Counting c = {w->words, step + 1, by};
        int r = 0;

        for (int i = 0; i < 3 && r == 0; i++)
                r = tokenizer_words(w->catalog.words, false, text[i], strlen(text[i]), count_word, &c);
        if (r < 0 || !*category)
                return r;
        _cleanup_free_ char *key = tokenizer_key(w->catalog.words, category);
        if (!key)
                return -ENOMEM;
        return *key ? tally_add(w->categories, key, strlen(key), category, by) : 0;
}

static int terms_make(CatalogWriter *w, const Listing *l, char **ret)
{
        const struct {
                CatalogTerm kind;
                const char *value;
        } of[] = {{CATALOG_TERM_CATEGORY, l->category},
                  {CATALOG_TERM_LANGUAGE, l->language},
                  {CATALOG_TERM_TITLE, l->title}};
        _cleanup_text_ Text t = {0};
        char isbn[ISBN_SIZE], term[CATALOG_TERM_SIZE], whole[CATALOG_TERM_SIZE] = "";

        for (size_t i = 0; i < ELEMENTSOF(of); i++) {
                int r = catalog_term(&w->catalog, of[i].kind, of[i].value, term);
                if (r < 0)
                        return r;
                text_add(&t, "%s%s", t.size > 0 && *term ? " " : "", term);
                if (of[i].kind == CATALOG_TERM_TITLE)
                        memcpy(whole, term, sizeof(whole));
        }
        _cleanup_free_ char *main_title = work_title(l->title);
        if (!main_title)
                return -ENOMEM;
        int r = catalog_term(&w->catalog, CATALOG_TERM_MAIN_TITLE, main_title, term);
        if (r < 0)
                return r;
        if (*term && !streq(catalog_term_value(term), catalog_term_value(whole)))
                text_add(&t, " %s", term);
        if (isbn_to_13(l->isbn, isbn)) {
                r = catalog_term(&w->catalog, CATALOG_TERM_ISBN, isbn, term);
                if (r < 0)
                        return r;
                text_add(&t, " %s", term);
        }
        if (l->price_minor >= 0) {
                char step[16];
                snprintf(step, sizeof(step), "%u",
                         catalog_price_step(money_micros(l->price_minor, l->currency)));
                r = catalog_term(&w->catalog, CATALOG_TERM_PRICE, step, term);
                if (r < 0)
                        return r;
                text_add(&t, " %s", term);
        }
        return text_take(&t, ret);
}

static char *about_make(const Listing *l)
{
        return string_printf("%s %s", l->tags, l->category); /* as in book_text */
}

/* The same five texts in both indexes; the second has those books only that are described. */
static int fts_write(sqlite3_stmt *book, sqlite3_stmt *whole, int64_t rank, const char *const text[static 5],
                     Error *e)
{
        int r;

        sqlite3_bind_int64(book, 1, rank);
        for (int i = 0; i < 4; i++)
                bind_text(book, i + 2, text[i]);
        r = run(book, e);
        if (r < 0 || !*text[4])
                return r;
        sqlite3_bind_int64(whole, 1, rank);
        for (int i = 0; i < 5; i++)
                bind_text(whole, i + 2, text[i]);
        return run(whole, e);
}

static int fts_delete(CatalogWriter *w, const Step *step, size_t i, Error *e)
{
        const char *text[6];

        sqlite3_bind_int64(w->old_text, 1, step->rank);
        int r = db_step(w->old_text, e);
        if (r == 0)
                r = error_set(e, -EUCLEAN, "a row of the catalog has gone");
        if (r > 0) {
                r = 0;
                for (int k = 0; k < 6 && r == 0; k++) {
                        text[k] = (const char *) sqlite3_column_text(w->old_text, k);
                        if (!text[k])
                                r = error_set(e, -ENOMEM, "%s", error_words(ENOMEM));
                }
        }
        if (r == 0)
                r = fts_write(w->fts_delete, w->whole_delete, step->rank, text, e);
        if (r == 0) {
                r = count_words(w, text, text[5], i, -1);
                if (r < 0)
                        error_set(e, r, "%s", error_words(r));
        }
        reset(w->old_text);
        return r;
}

static int fts_insert(CatalogWriter *w, Row *row, size_t i, Error *e)
{
        _cleanup_free_ char *about = about_make(&row->l);

        int r = about ? terms_make(w, &row->l, &row->terms) : -ENOMEM;
        const char *const text[] = {row->l.title, row->l.author, about, row->terms, row->l.description};
        if (r == 0)
                r = count_words(w, text, row->l.category, i, 1);
        if (r < 0)
                return error_set(e, r, "%s", error_words(r));
        return fts_write(w->fts_insert, w->whole_insert, row->rank, text, e);
}

static int book_insert(CatalogWriter *w, const Row *row, Error *e)
{
        const Listing *l = &row->l;
        sqlite3_stmt *s = w->book_insert;

        const char *const text[] = {l->id,       l->title,   l->author, l->isbn, l->category,   l->language,
                                    l->currency, row->terms, l->url,    l->tags, l->description};
        sqlite3_bind_int64(s, 1, row->rank);
        sqlite3_bind_int64(s, 2, row->hash);
        for (int i = 0; i < (int) ELEMENTSOF(text); i++)
                bind_text(s, i + 3, text[i]);
        if (l->price_minor >= 0) {
                sqlite3_bind_int64(s, 14, l->price_minor);
                sqlite3_bind_int64(s, 15, money_micros(l->price_minor, l->currency));
        }
        sqlite3_bind_int(s, 16, l->year);
        sqlite3_bind_double(s, 17, l->rating);
        sqlite3_bind_int64(s, 18, l->popularity);
        return run(s, e);
}

/* The index first: it wants the old texts, which the table still has then. */
static int steps_run(CatalogWriter *w, const Step *steps, size_t n, Error *e)
{
        int r = 0;

        for (size_t i = 0; i < n && r == 0; i++)
                r = steps[i].insert ? fts_insert(w, w->rows + steps[i].row, i, e)
                                    : fts_delete(w, steps + i, i, e);
#ifdef FAILOVERD_BUG_INDEX_APART /* tests/faults/import.sh must notice this */
        if (r == 0)
                r = db_commit(w->catalog.db, e);
        if (r == 0)
                r = db_begin(w->catalog.db, e);
#endif
        for (size_t i = 0; i < n && r == 0; i++)
                if (!steps[i].insert) {
                        sqlite3_bind_int64(w->book_delete, 1, steps[i].rank);
                        r = run(w->book_delete, e);
                }
        for (size_t i = 0; i < n && r == 0; i++)
                if (steps[i].insert)
                        r = book_insert(w, w->rows + steps[i].row, e);
        return r;
}

/* Words and categories */

static int words_write(CatalogWriter *w, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *update = NULL, *insert = NULL;
        size_t n;

        const TallyEntry *const *words = tally_sorted(w->words, &n);
        if (!words)
                return error_set(e, -ENOMEM, "%s", error_words(ENOMEM));
        int r = db_prepare(w->catalog.db, &update, e, "UPDATE word SET books = books + ? WHERE word = ?",
                           "nn");
        if (r == 0)
                r = db_prepare(w->catalog.db, &insert, e, "INSERT INTO word (word, books) VALUES (?, ?)",
                               "nn");
        for (size_t i = 0; i < n && r == 0; i++) {
                if (words[i]->count == 0)
                        continue;
                sqlite3_bind_int64(update, 1, words[i]->count);
                sqlite3_bind_text(update, 2, words[i]->key, (int) words[i]->size, SQLITE_STATIC);
                r = run(update, e);
                if (r < 0 || sqlite3_changes(w->catalog.db) > 0)
                        continue;
                sqlite3_bind_text(insert, 1, words[i]->key, (int) words[i]->size, SQLITE_STATIC);
                sqlite3_bind_int64(insert, 2, words[i]->count);
                r = run(insert, e);
        }
        return r;
}

static int categories_write(CatalogWriter *w, Error *e)
{
        size_t n;

        const TallyEntry *const *categories = tally_sorted(w->categories, &n);
        if (!categories)
                return error_set(e, -ENOMEM, "%s", error_words(ENOMEM));
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *key = strndup(categories[i]->key, categories[i]->size);
                if (!key)
                        return error_set(e, -ENOMEM, "%s", error_words(ENOMEM));
                int r = db_run(w->catalog.db, e,
                               "INSERT INTO category (key, name, books) VALUES (?, ?, ?)"
                               " ON CONFLICT (key) DO UPDATE SET books = books + excluded.books",
                               "ssi", key, categories[i]->label, categories[i]->count);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int fact_set(CatalogWriter *w, const char *name, int64_t value, Error *e)
{
        return db_run(w->catalog.db, e, "UPDATE fact SET value = ? WHERE name = ?", "is", value, name);
}

static int facts_write(CatalogWriter *w, const CatalogWritten *written, Error *e)
{
        int64_t books, generation, changed;

        int r = catalog_db_fact(&w->catalog, "books", &books, e);
        if (r == 0)
                r = catalog_db_fact(&w->catalog, "generation", &generation, e);
        if (r == 0)
                r = catalog_db_fact(&w->catalog, "changed", &changed, e);
        if (r == 0)
                r = fact_set(w, "changed", changed + (int64_t) (written->added + written->updated), e);
        if (r == 0)
                r = fact_set(w, "books", books + (int64_t) written->added, e);
        if (r == 0)
                r = fact_set(w, "generation", generation + 1, e);
        if (r == 0)
                r = fact_set(w, "next", w->next, e);
        return r;
}

static int batch_write(CatalogWriter *w, CatalogWritten *written, Error *e)
{
        int r = catalog_db_fact(&w->catalog, "next", &w->next,
                                e); /* another process may have written since */
        if (r == 0)
                r = rows_place(w, written, e);
        if (r < 0 || written->added + written->updated == 0)
                return r;
        _cleanup_free_ Step *steps = calloc(2 * w->n_rows, sizeof(*steps));
        if (!steps)
                return error_set(e, -ENOMEM, "%s", error_words(ENOMEM));
        size_t n = steps_make(w, steps);
        r = steps_run(w, steps, n, e);
        if (r == 0)
                r = words_write(w, e);
        if (r == 0)
                r = categories_write(w, e);
        if (r == 0)
                r = facts_write(w, written, e);
        return r;
}

/* Copies the log into the database, when it has grown long or this is the end; what readers are in the way of, the next one
 * does. */
static void checkpoint(CatalogWriter *w, bool end)
{
        int pages = 0, high;

        sqlite3_db_status(w->catalog.db, SQLITE_DBSTATUS_CACHE_WRITE, &pages, &high, 1);
        w->log_pages += pages;
        if (w->log_pages < LOG_PAGES && !end)
                return;
        w->log_pages = 0;
        sqlite3_wal_checkpoint_v2(w->catalog.db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

int catalog_writer_flush(CatalogWriter *w, Error *e)
{
        CatalogWritten written = {0};

        assert(w);

        if (w->n_rows == 0)
                return 0;
        int r = db_begin(w->catalog.db, e);
        if (r == 0)
                r = batch_write(w, &written, e);
        if (r == 0)
                r = db_commit(w->catalog.db, e);
        else
                db_rollback(w->catalog.db);
        rows_clear(w);
        if (r < 0)
                return r;
        w->written.added += written.added;
        w->written.updated += written.updated;
        w->written.unchanged += written.unchanged;
        w->written.batches++;
        checkpoint(w, false);
        return 0;
}

static int merge(CatalogWriter *w, const char *sql, Error *e)
{
        int64_t before;
        int r;

        for (int64_t pages = -TIDY_PAGES;; pages = TIDY_PAGES) { /* a negative number begins */
                before = sqlite3_total_changes64(w->catalog.db);
                r = db_run(w->catalog.db, e, sql, "i", pages);
                if (r < 0 || sqlite3_total_changes64(w->catalog.db) - before < 2)
                        return r;
                checkpoint(w, false);
        }
}

/* After a big import: one tree instead of many to look words up in. In steps, so that neither the log nor others' waiting
 * grows long; each is whole in itself. */
static int tidy(CatalogWriter *w, Error *e)
{
        int r = merge(w, "INSERT INTO book_fts (book_fts, rank) VALUES ('merge', ?)", e);

        return r < 0 ? r : merge(w, "INSERT INTO whole_fts (whole_fts, rank) VALUES ('merge', ?)", e);
}

static int finish_write(CatalogWriter *w, bool changed, Error *e)
{
        int64_t generation;

        /* Waits for the disk, for all that stands in the log. */
        int r = db_exec(w->catalog.db, "PRAGMA synchronous = FULL", e);
        if (r == 0)
                r = db_begin(w->catalog.db, e);
        if (r == 0 && changed)
                r = words_pack(w->catalog.db, e);
        if (r == 0 && changed)
                r = fact_set(w, "changed", 0, e);
        if (r == 0)
                r = fact_set(w, "imported_usec", (int64_t) clock_wall_usec(), e);
        if (r == 0)
                r = catalog_db_fact(&w->catalog, "generation", &generation, e);
        if (r == 0 && changed) /* misspelled words find other books from here on */
                r = fact_set(w, "generation", ++generation, e);
        if (r == 0)
                r = db_commit(w->catalog.db, e);
        else
                db_rollback(w->catalog.db);
        if (r == 0)
                w->written.generation = (uint64_t) generation;
        return r;
}

/* What an import before this one left behind when it was ended early is tidied, too. */
int catalog_writer_finish(CatalogWriter *w, Error *e)
{
        int64_t books, changed;

        assert(w);

        int r = catalog_writer_flush(w, e);
        if (r == 0)
                r = catalog_db_fact(&w->catalog, "books", &books, e);
        if (r == 0)
                r = catalog_db_fact(&w->catalog, "changed", &changed, e);
        if (r == 0 && changed > books / TIDY_SHARE)
                r = tidy(w, e);
        if (r == 0)
                r = finish_write(w, changed > 0, e);
        if (r == 0)
                checkpoint(w, true);
        return r;
}

const CatalogWritten *catalog_writer_written(const CatalogWriter *w)
{
        return &w->written;
}

/* Beginning and end */

static int statements_make(CatalogWriter *w, Error *e)
{
        const struct {
                sqlite3_stmt **stmt;
                const char *sql, *types;
        } table[] = {{&w->find, "SELECT rank, hash FROM book WHERE id = ?", "n"},
                     {&w->old_text,
                      "SELECT book.title, book.author, about, book.terms, description, category"
                      " FROM book JOIN book_text USING (rank) WHERE book.rank = ?",
                      "n"},
                     {&w->fts_delete,
                      "INSERT INTO book_fts (book_fts, rowid, title, author, about, terms)"
                      " VALUES ('delete', ?, ?, ?, ?, ?)",
                      "nnnnn"},
                     {&w->fts_insert,
                      "INSERT INTO book_fts (rowid, title, author, about, terms) VALUES (?, ?, ?, ?, ?)",
                      "nnnnn"},
                     {&w->whole_delete,
                      "INSERT INTO whole_fts (whole_fts, rowid, title, author, about, terms, description)"
                      " VALUES ('delete', ?, ?, ?, ?, ?, ?)",
                      "nnnnnn"},
                     {&w->whole_insert,
                      "INSERT INTO whole_fts (rowid, title, author, about, terms, description)"
                      " VALUES (?, ?, ?, ?, ?, ?)",
                      "nnnnnn"},
                     {&w->book_delete, "DELETE FROM book WHERE rank = ?", "n"},
                     {&w->book_insert,
                      "INSERT INTO book (rank, hash, id, title, author, isbn, category, language, currency,"
                      " terms, url, tags, description, price_minor, price_micros, year, rating, popularity)"
                      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      "nnnnnnnnnnnnnnnnnn"}};
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(table) && r == 0; i++)
                r = db_prepare(w->catalog.db, table[i].stmt, e, table[i].sql, table[i].types, NULL, NULL,
                               NULL, NULL);
        return r;
}

int catalog_writer_new(const char *path, CatalogWriter **ret, Error *e)
{
        _cleanup_(catalog_writer_freep) CatalogWriter *w = NULL;

        assert(path);
        assert(ret);

        w = calloc(1, sizeof(*w));
        if (!w)
                return error_set(e, -ENOMEM, "%s", error_words(ENOMEM));
        w->rows = calloc(BATCH_ROWS, sizeof(*w->rows));
        w->slots = calloc(SLOTS, sizeof(*w->slots));
        w->words = tally_new();
        w->categories = tally_new();
        if (!w->rows || !w->slots || !w->words || !w->categories)
                return error_set(e, -ENOMEM, "%s", error_words(ENOMEM));
        int r = catalog_db_open(path, false, &w->catalog, e);
        if (r == 0)
                r = db_exec(w->catalog.db, "PRAGMA cache_size = -32768; PRAGMA synchronous = NORMAL", e);
        if (r == 0)
                sqlite3_busy_timeout(w->catalog.db, BUSY_MSEC);
        if (r == 0)
                r = statements_make(w, e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(w);
        return 0;
}

CatalogWriter *catalog_writer_free(CatalogWriter *w)
{
        if (!w)
                return NULL;
        if (w->rows && w->slots)
                rows_clear(w);
        sqlite3_stmt *const statements[] = {w->find,         w->old_text,     w->fts_delete,  w->fts_insert,
                                            w->whole_delete, w->whole_insert, w->book_delete, w->book_insert};
        for (size_t i = 0; i < ELEMENTSOF(statements); i++)
                sqlite3_finalize(statements[i]);
        catalog_db_close(&w->catalog);
        tally_free(w->words);
        tally_free(w->categories);
        free(w->slots);
        free(w->rows);
        free(w);
        return NULL;
}
