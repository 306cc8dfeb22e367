/* SPDX-License-Identifier: MIT */
/* The catalog's schema, and its plain questions. */
#include "federation/catalog_db.h"

#include "base/json.h"
#include "base/text.h"
#include "federation/catalog_search.h"
#include "federation/catalog_words.h"

#include <math.h>
#include <sodium.h>

#define APPLICATION_ID 0x46444341 /* "FDCA" */

#define READER_CACHE "PRAGMA cache_size = -1024; PRAGMA query_only = 1"

/* The indexes are their own contents': the views are only asked when an index is rebuilt or checked. What is wanted of a match
 * is its rank alone: no positions, no sizes. */
#define FTS_OPTIONS "content_rowid='rank', tokenize='shop', detail=none, columnsize=0"

static const DbMigration migrations[] = {
                {"CREATE TABLE fact (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
                 /* A catalog that is made anew has a higher generation than the one before it. */
                 "INSERT INTO fact VALUES ('books', 0), ('generation', CAST(strftime('%s', 'now') AS "
                 "INTEGER) * 1000),"
                 " ('next', 0), ('changed', 0), ('imported_usec', 0);"
                 "CREATE TABLE book (rank INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, hash INTEGER NOT "
                 "NULL,"
                 " title TEXT NOT NULL, author TEXT NOT NULL, isbn TEXT NOT NULL, category TEXT NOT NULL,"
                 " language TEXT NOT NULL, currency TEXT NOT NULL, price_minor INTEGER, price_micros INTEGER,"
                 " year INTEGER NOT NULL, rating REAL NOT NULL, popularity INTEGER NOT NULL, terms TEXT NOT "
                 "NULL,"
                 " url TEXT NOT NULL, tags TEXT NOT NULL, description TEXT NOT NULL) STRICT;"
                 "CREATE VIEW book_text AS SELECT rank, title, author, tags || ' ' || category AS about,"
                 " terms FROM book;"
                 "CREATE VIRTUAL TABLE book_fts USING fts5(title, author, about, terms,"
                 " content='book_text', prefix='2 3 4', " FTS_OPTIONS ");"
                 "CREATE VIEW whole_text AS SELECT rank, title, author, tags || ' ' || category AS about,"
                 " terms, description FROM book WHERE description <> '';"
                 "CREATE VIRTUAL TABLE whole_fts USING fts5(title, author, about, terms, description,"
                 " content='whole_text', " FTS_OPTIONS ");"
                 "INSERT INTO book_fts (book_fts, rank) VALUES ('hashsize', 16777216);"
                 "INSERT INTO whole_fts (whole_fts, rank) VALUES ('hashsize', 16777216);"
                 "CREATE TABLE word (word TEXT PRIMARY KEY, books INTEGER NOT NULL) STRICT, WITHOUT "
                 "ROWID;" WORDS_TABLE
                 "CREATE TABLE category (key TEXT PRIMARY KEY, name TEXT NOT NULL, books INTEGER NOT NULL)"
                 " STRICT, WITHOUT ROWID;"}};

int catalog_db_open(const char *path, bool reader, CatalogDb *ret, Error *e)
{
        _cleanup_catalog_db_ CatalogDb c = {.known_version = -1};

        assert(path);
        assert(ret);

        int r = db_open_shared(path, APPLICATION_ID, migrations, ELEMENTSOF(migrations), tokenizer_register,
                               &c.db, e);
        if (r < 0)
                return r;
        r = tokenizer_new(c.db, &c.words);
        if (r < 0)
                return error_set(e, r, "%s: %s", path, error_words(r));
        if (reader)
                r = db_exec(c.db, READER_CACHE, e);
        if (r == 0 && reader) /* how often others have changed it */
                r = db_prepare(c.db, &c.version, e, "PRAGMA data_version", "");
        if (r < 0)
                return error_prefix(e, r, "%s", path);
        *ret = (CatalogDb){.db = TAKE_PTR(c.db),
                           .words = TAKE_PTR(c.words),
                           .version = TAKE_PTR(c.version),
                           .known_version = c.known_version};
        return 0;
}

void catalog_db_close(CatalogDb *c)
{
        assert(c);

        c->search = catalog_search_free(c->search);
        sqlite3_finalize(TAKE_PTR(c->version));
        c->words = tokenizer_free(c->words);
        c->db = db_close(c->db);
}

int64_t catalog_rank(int64_t popularity, int64_t next)
{
        assert(next >= 0 && next < CATALOG_RANK_STEP);

        /* 63 doublings and the half step of rounding: 0 to 1008 */
        int64_t step = popularity > 0 ? (int64_t) (16 * log2((double) popularity)) + 1 : 0;
        return (1023 - step) * CATALOG_RANK_STEP + next;
}

/* ISO 639-2 (both of its kinds) as ISO 639-1, for the languages that most books are in. */
static const char *two_letters(const char *code)
{
        static const char table[][2][4] = {
                        {"eng", "en"}, {"fre", "fr"}, {"fra", "fr"}, {"ger", "de"}, {"deu", "de"},
                        {"spa", "es"}, {"ita", "it"}, {"por", "pt"}, {"dut", "nl"}, {"nld", "nl"},
                        {"rus", "ru"}, {"pol", "pl"}, {"cze", "cs"}, {"ces", "cs"}, {"ukr", "uk"},
                        {"gre", "el"}, {"ell", "el"}, {"tur", "tr"}, {"ara", "ar"}, {"per", "fa"},
                        {"fas", "fa"}, {"heb", "he"}, {"hin", "hi"}, {"ind", "id"}, {"vie", "vi"},
                        {"tha", "th"}, {"chi", "zh"}, {"zho", "zh"}, {"jpn", "ja"}, {"kor", "ko"},
                        {"swe", "sv"}, {"dan", "da"}, {"nor", "no"}, {"fin", "fi"}, {"hun", "hu"},
                        {"rum", "ro"}, {"ron", "ro"}, {"lat", "la"}};

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (strcasecmp(code, table[i][0]) == 0)
                        return table[i][1];
        return code;
}

int catalog_term(CatalogDb *c, CatalogTerm kind, const char *value, char ret[static CATALOG_TERM_SIZE])
{
        static const unsigned char key[crypto_shorthash_KEYBYTES] = "a term's hash";
        unsigned char hash[crypto_shorthash_BYTES];
        char language[LISTING_LANGUAGE_MAX + 1];

        assert(c);
        assert(value);

        if (kind == CATALOG_TERM_LANGUAGE) { /* "en" finds en-US, and eng */
                snprintf(language, sizeof(language), "%.*s", (int) strcspn(value, "-_"), value);
                value = two_letters(language);
        }
        _cleanup_free_ char *k = tokenizer_key(c->words, value);
        if (!k)
                return -ENOMEM;
        ret[0] = '\0';
        if (!*k)
                return 0;
        crypto_shorthash(hash, (const unsigned char *) k, strlen(k), key);
        snprintf(ret, CATALOG_TERM_SIZE, CATALOG_TERM_LEAD "%c%02x%02x%02x%02x%02x", (char) kind, hash[0],
                 hash[1], hash[2], hash[3], hash[4]);
        return 0;
}

unsigned catalog_price_step(int64_t micros)
{
        assert(micros >= 0);

        double step = 2 * log2(1 + (double) micros / 1e4);
        return (unsigned) MIN(step, CATALOG_PRICE_STEPS - 1.0);
}

bool catalog_term_is(const char *word, size_t size)
{
        return size >= strlen(CATALOG_TERM_LEAD) &&
               memcmp(word, CATALOG_TERM_LEAD, strlen(CATALOG_TERM_LEAD)) == 0;
}

const char *catalog_term_value(const char *term)
{
        return *term ? term + strlen(CATALOG_TERM_LEAD) + 1 : "";
}

/* Rows */

void catalog_rows_clear(CatalogRows *r)
{
        assert(r);

        for (size_t i = 0; i < r->n; i++)
                free(r->blocks[i]);
        free(r->blocks);
        free(r->listings);
        *r = (CatalogRows){0};
}

static int rows_grow(CatalogRows *r)
{
        if (r->n < r->capacity)
                return 0;
        size_t capacity = MAX(2 * r->capacity, (size_t) 16);
        Listing *listings = reallocarray(r->listings, capacity, sizeof(*listings));
        if (!listings)
                return -ENOMEM;
        r->listings = listings;
        char **blocks = reallocarray(r->blocks, capacity, sizeof(*blocks));
        if (!blocks)
                return -ENOMEM;
        r->blocks = blocks;
        r->capacity = capacity;
        return 0;
}

#define N_STRINGS 10

/* The listing's strings, in the order of CATALOG_COLUMNS. */
#define STRINGS_OF(l)                                                                               \
        {                                                                                           \
                &(l)->id, &(l)->title, &(l)->author, &(l)->isbn, &(l)->description, &(l)->category, \
                                &(l)->tags, &(l)->language, &(l)->url, &(l)->currency               \
        }

int catalog_row_read(sqlite3_stmt *stmt, int first, Listing *ret)
{
        Listing l = {.relevance = 0};
        const char **to[N_STRINGS] = STRINGS_OF(&l);

        for (int i = 0; i < N_STRINGS; i++) {
                *to[i] = (const char *) sqlite3_column_text(stmt, first + i);
                if (!*to[i])
                        return -ENOMEM;
        }
        l.price_minor = sqlite3_column_int64(stmt, first + 10);
        l.year = sqlite3_column_int(stmt, first + 11);
        l.rating = sqlite3_column_double(stmt, first + 12);
        l.popularity = sqlite3_column_int64(stmt, first + 13);
        *ret = l;
        return 0;
}

int catalog_rows_add(CatalogRows *r, sqlite3_stmt *stmt, int first, double relevance)
{
        size_t size[N_STRINGS], sum = 0;
        Listing l;

        assert(r);
        assert(stmt);

        if (rows_grow(r) < 0 || catalog_row_read(stmt, first, &l) < 0)
                return -ENOMEM;
        l.relevance = relevance;
        for (int i = 0; i < N_STRINGS; i++) {
                size[i] = (size_t) sqlite3_column_bytes(stmt, first + i) + 1;
                sum += size[i];
        }
        char *block = malloc(sum), *p = block;
        if (!block)
                return -ENOMEM;
        const char **to[N_STRINGS] = STRINGS_OF(&l);
        for (int i = 0; i < N_STRINGS; i++) {
                memcpy(p, *to[i], size[i]);
                *to[i] = p;
                p += size[i];
        }
        r->listings[r->n] = l;
        r->blocks[r->n++] = block;
        return 0;
}

static int rows_collect(CatalogRows *ret, sqlite3_stmt *stmt, double relevance, Error *e)
{
        int r;

        while ((r = db_step(stmt, e)) > 0) {
                r = catalog_rows_add(ret, stmt, 0, relevance);
                if (r < 0)
                        return error_set(e, r, "%s", error_words(r));
        }
        return r;
}

int catalog_db_get(CatalogDb *c, const char *id, CatalogRows *ret, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;

        int r = db_prepare(c->db, &stmt, e, "SELECT " CATALOG_COLUMNS " FROM book WHERE id = ?", "s", id);
        if (r == 0)
                r = rows_collect(ret, stmt, 1, e);
        ret->total = ret->n;
        ret->total_exact = true;
        return r;
}

int catalog_db_list(CatalogDb *c, unsigned limit, unsigned offset, CatalogRows *ret, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        int64_t books = 0;

        int r = catalog_db_fact(c, "books", &books, e);
        if (r < 0)
                return r;
        /* The inner query walks over keys alone. */
        r = db_prepare(c->db, &stmt, e,
                       "SELECT " CATALOG_COLUMNS " FROM book WHERE rank >="
                       " (SELECT rank FROM book ORDER BY rank LIMIT 1 OFFSET ?2) ORDER BY rank LIMIT ?1",
                       "ii", (int64_t) limit, (int64_t) offset);
        if (r == 0)
                r = rows_collect(ret, stmt, 1, e);
        ret->total = (uint64_t) books;
        ret->total_exact = true;
        return r;
}

int catalog_db_each(CatalogDb *c, int (*fn)(const Listing *l, void *userdata, Error *e), void *userdata,
                    Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        Listing l;

        int r = db_prepare(c->db, &stmt, e, "SELECT " CATALOG_COLUMNS " FROM book ORDER BY rank", "");
        if (r < 0)
                return r;
        while ((r = db_step(stmt, e)) > 0) {
                r = catalog_row_read(stmt, 0, &l);
                r = r < 0 ? error_set(e, r, "%s", error_words(r)) : fn(&l, userdata, e);
                if (r < 0)
                        return r;
        }
        return r;
}

/* Facts */

int catalog_db_fact(CatalogDb *c, const char *name, int64_t *ret, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;

        int r = db_prepare(c->db, &stmt, e, "SELECT value FROM fact WHERE name = ?", "s", name);
        if (r == 0)
                r = db_step(stmt, e);
        if (r < 0)
                return r;
        if (r == 0)
                return error_set(e, -EUCLEAN, "the catalog's `%s` is missing", name);
        *ret = sqlite3_column_int64(stmt, 0);
        return 0;
}

static int count(CatalogDb *c, const char *sql, uint64_t *ret, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;

        int r = db_prepare(c->db, &stmt, e, sql, "");
        if (r == 0)
                r = db_step(stmt, e);
        if (r > 0)
                *ret = (uint64_t) sqlite3_column_int64(stmt, 0);
        return r < 0 ? r : 0;
}

static int facts_read(CatalogDb *c, CatalogDbFacts *ret, Error *e)
{
        int64_t books = 0, generation = 0, imported = 0;
        CatalogDbFacts f = {0};

        int r = catalog_db_fact(c, "books", &books, e);
        if (r == 0)
                r = catalog_db_fact(c, "generation", &generation, e);
        if (r == 0)
                r = catalog_db_fact(c, "imported_usec", &imported, e);
        if (r == 0)
                r = count(c, "SELECT count(*) FROM category WHERE books > 0", &f.categories, e);
        if (r == 0)
                r = count(c, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
                          &f.bytes, e);
        if (r < 0)
                return r;
        f.books = (uint64_t) books;
        f.generation = (uint64_t) generation;
        f.imported_usec = (uint64_t) imported;
        *ret = f;
        return 0;
}

int catalog_db_facts(CatalogDb *c, CatalogDbFacts *ret, Error *e)
{
        assert(c);
        assert(ret);

        if (!c->version)
                return facts_read(c, ret, e);
        int r = db_step(c->version, e);
        int64_t version = r > 0 ? sqlite3_column_int64(c->version, 0) : 0;
        sqlite3_reset(c->version);
        if (r > 0 && version != c->known_version)
                r = facts_read(c, &c->known, e);
        if (r < 0)
                return r;
        c->known_version = version;
        *ret = c->known;
        return 0;
}

int catalog_db_categories(CatalogDb *c, char **ret, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        _cleanup_text_ Text t = {0};

        int r = db_prepare(c->db, &stmt, e,
                           "SELECT name, books FROM category WHERE books > 0 ORDER BY books DESC, name LIMIT "
                           "1000",
                           "");
        if (r < 0)
                return r;
        text_add_string(&t, "{");
        while ((r = db_step(stmt, e)) > 0) {
                if (t.size > 1)
                        text_add_string(&t, ",");
                text_add_json(&t, (const char *) sqlite3_column_text(stmt, 0));
                text_add(&t, ":%lld", (long long) sqlite3_column_int64(stmt, 1));
        }
        if (r < 0)
                return r;
        text_add_string(&t, "}");
        r = text_take(&t, ret);
        return r < 0 ? error_set(e, r, "%s", error_words(r)) : 0;
}
