/* SPDX-License-Identifier: MIT */
/* What a plain SQLite cannot judge of a catalog: that its indexes hold what its books say, and that its words are counted
 * rightly. catalog-audit PATH: 0, or 1 with what is wrong. */
#include "federation/catalog_db.h"
#include "federation/tally.h"

#include <sodium.h>

static int wrong(const char *what, const char *details)
{
        printf("%s: %s\n", what, details);
        return 1;
}

typedef struct Counting {
        Tally *tally;
        uint64_t book;
} Counting;

static int count_word(const TokenizerWord *w, void *userdata)
{
        Counting *c = userdata;

        return tally_add_once(c->tally, w->word, w->size, c->book, 1);
}

/* Words of titles, authors, tags and categories, counted anew. */
static int words_count(CatalogDb *c, Tally *tally, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        Counting counting = {tally, 0};

        int r = db_prepare(c->db, &stmt, e, "SELECT title, author, tags || ' ' || category FROM book", "");
        while (r == 0 && (r = db_step(stmt, e)) > 0) {
                counting.book++;
                for (int i = 0; i < 3 && r >= 0; i++)
                        r = tokenizer_words(c->words, false, (const char *) sqlite3_column_text(stmt, i),
                                            (size_t) sqlite3_column_bytes(stmt, i), count_word, &counting);
        }
        return r;
}

static int words_compare(CatalogDb *c, Tally *tally, Error *e)
{
        size_t n, i = 0;
        const TallyEntry *const *words = tally_sorted(tally, &n);
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;

        if (!words)
                return -ENOMEM;
        int r = db_prepare(c->db, &stmt, e, "SELECT word, books FROM word WHERE books <> 0 ORDER BY word",
                           "");
        while (r == 0 && (r = db_step(stmt, e)) > 0) {
                const char *word = (const char *) sqlite3_column_text(stmt, 0);
                if (i == n || strlen(word) != words[i]->size ||
                    memcmp(word, words[i]->key, words[i]->size) != 0 ||
                    sqlite3_column_int64(stmt, 1) != words[i]->count)
                        return wrong("counted wrongly", word);
                i++;
                r = 0;
        }
        return r < 0 ? r : i < n ? wrong("missing among the words", words[i]->key) : 0;
}

static int check(const char *path, Error *e)
{
        _cleanup_catalog_db_ CatalogDb c = {0};
        _cleanup_(tally_freep) Tally *tally = tally_new();

        int r = tally ? catalog_db_open(path, false, &c, e) : -ENOMEM;
        if (r < 0)
                return r;
        r = db_exec(c.db, "INSERT INTO book_fts (book_fts, rank) VALUES ('integrity-check', 1)", e);
        if (r == 0)
                r = db_exec(c.db, "INSERT INTO whole_fts (whole_fts, rank) VALUES ('integrity-check', 1)", e);
        if (r < 0)
                return error_prefix(e, r, "an index does not fit its table");
        r = words_count(&c, tally, e);
        return r < 0 ? r : words_compare(&c, tally, e);
}

int main(int argc, char **argv)
{
        Error e = {""};

        if (argc != 2 || sodium_init() < 0)
                return 2;
        int r = check(argv[1], &e);
        return r < 0 ? wrong(argv[1], e.text) : r;
}
