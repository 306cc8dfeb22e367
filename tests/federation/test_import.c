/* SPDX-License-Identifier: MIT */
/* federation/import.c and what it stands on: what becomes of a file of books. */
#include "tests/federation/catalog_rig.h"

#include "base/text.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>

static Text told;

static void fresh(void)
{
        static unsigned n;

        catalog_db_close(&rig_db);
        snprintf(rig_path, sizeof(rig_path), "%s/%u.db", rig_folder, n++);
        text_clear(&told);
}

static void on_row(uint64_t line, bool refused, const char *reason, void *userdata)
{
        text_add(&told, "%s%s\n", refused ? "" : "(taken) ", reason);
}

/* In pieces of this size; 0: in one. */
static int import_pieces(const char *text, size_t size, size_t piece, ImportReport *ret, Error *e)
{
        _cleanup_(import_freep) Import *i = NULL;
        const ImportOptions options = {.name = "f", .on_row = on_row};

        text_clear(&told);
        int r = import_new(rig_path, &options, &i, e);
        for (size_t at = 0; at < size && r == 0; at += piece) {
                piece = piece > 0 ? piece : size;
                r = import_feed(i, text + at, MIN(piece, size - at), e);
        }
        if (r == 0)
                r = import_finish(i, ret, e);
        return r;
}

static ImportReport import_text(const char *text)
{
        ImportReport report = {0};
        Error e = {""};
        int r = import_pieces(text, strlen(text), 0, &report, &e);

        if (r < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK_INT(r, 0);
        return report;
}

static const char *refused_whole(const char *text, size_t size)
{
        static Error e;
        ImportReport report = {.rows = 77};

        fresh();
        CHECK(import_pieces(text, size, 0, &report, &e) < 0);
        CHECK_INT(report.rows, 77);
        return e.text;
}

/* Rows of a query, columns divided by |. */
static const char *asked(const char *sql)
{
        static char *last;
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        Text t = {0};
        Error e = {""};

        free(TAKE_PTR(last));
        rig_open();
        CHECK_INT(db_prepare(rig_db.db, &stmt, &e, sql, ""), 0);
        while (db_step(stmt, &e) > 0) {
                for (int i = 0; i < sqlite3_column_count(stmt); i++)
                        text_add(&t, "%s%s", i > 0 ? "|" : "",
                                 sqlite3_column_type(stmt, i) == SQLITE_NULL
                                                 ? "-"
                                                 : (const char *) sqlite3_column_text(stmt, i));
                text_add_string(&t, "\n");
        }
        CHECK_INT(text_take(&t, &last), 0);
        return last;
}

/* The indexes hold exactly what the books say, and the counts are counts. */
static void check_whole(void)
{
        CatalogDb c = {0};
        Error e = {""};

        CHECK_INT(catalog_db_open(rig_path, false, &c, &e), 0);
        int r = db_exec(c.db,
                        "INSERT INTO book_fts (book_fts, rank) VALUES ('integrity-check', 1);"
                        "INSERT INTO whole_fts (whole_fts, rank) VALUES ('integrity-check', 1)",
                        &e);
        if (r < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK_INT(r, 0);
        catalog_db_close(&c);
        CHECK_STR(asked("SELECT (SELECT count(*) FROM book) = (SELECT value FROM fact WHERE name = 'books'),"
                        " (SELECT sum(books) FROM category) IS (SELECT nullif(count(*), 0) FROM book"
                        " WHERE category <> '') OR (SELECT sum(books) FROM category) = 0,"
                        " (SELECT count(*) FROM word WHERE books < 0),"
                        " (SELECT count(*) FROM book_fts) = (SELECT count(*) FROM book)"),
                  "1|1|0|1\n");
}

TEST(every_column_is_taken)
{
        fresh();
        ImportReport r = import_text("id,title,author,isbn,description,category,tags,price,currency,language,"
                                     "year,url,rating,"
                                     "popularity,colour\r\n"
                                     "7,The Title,An Author,0-306-40615-2,\"Two\r\n lines \",Fiction,\"a, "
                                     "b\",12.50,eur,en,1999,"
                                     "https://shop.example/7,4.25,1000,blue\r\n");
        CHECK_INT(r.rows, 1);
        CHECK_INT(r.added, 1);
        CHECK_INT(r.warned + r.refused, 0);
        CHECK_STR(asked("SELECT id, title, author, isbn, description, category, tags, price_minor, "
                        "price_micros,"
                        " currency, language, year, url, rating, popularity FROM book"),
                  "7|The Title|An Author|0-306-40615-2|Two lines|Fiction|a, b|1250|12500000|EUR|en|1999|"
                  "https://shop.example/7|4.25|1000\n");
        check_whole();
}

TEST(the_other_names_of_columns_are_known)
{
        fresh();
        import_text("\xef\xbb\xbf Book_ID ;Title;Authors;ratings_count;price_minor;unknown\n1;A;B;5;999;x\n");
        CHECK_STR(asked("SELECT id, title, author, popularity, price_minor, currency FROM book"),
                  "1|A|B|5|999|USD\n");
        fresh();
        import_text("book_id,id,title,isbn13,isbn\n1,2,T,9780306406157,080442957X\n");
        CHECK_STR(asked("SELECT id, isbn FROM book"), "2|080442957X\n");
        fresh();
        import_text("sep=;\r\ntitle;year\r\nT;1984.0\r\n");
        CHECK_STR(asked("SELECT title, year FROM book"), "T|1984\n");
}

TEST(json_lines_are_taken)
{
        fresh();
        ImportReport r = import_text(
                        "{\"id\": 7, \"title\": \"T\", \"authors\": [\"A\", \"B\"], \"price\": 12.5,"
                        " \"tags\": [\"x\", \"y\"], \"year\": 2001, \"rating\": 4.5, \"isbn\": null,"
                        " \"popularity\": 3, \"extra\": {\"deep\": []}}\n"
                        "\n"
                        "{\"title\": \"U\", \"price\": \"7\", \"price_minor\": 700}\r\n"
                        "{\"title\": \"V\", \"description\": \"a\\u0000b\"}\n"
                        "{\"title\": true}\n"
                        "[1]\n"
                        "{\"title\": \"W\", \"title\": \"X\"}\n"
                        "{\"title\": \"Y\"}");
        CHECK_INT(r.rows, 7);
        CHECK_INT(r.refused, 4);
        CHECK_STR(asked("SELECT id, title, author, price_minor, tags, year, rating, popularity FROM book"
                        " WHERE id = '7'"),
                  "7|T|A, B|1250|x, y|2001|4.5|3\n");
        CHECK_STR(asked("SELECT group_concat(title, '') FROM (SELECT title FROM book ORDER BY title)"),
                  "TUY\n");
        CHECK_STR(told.data, "f:4: column 40: \\u0000 is not allowed near '\"a\\u0000b\"'\n"
                             "f:5: title: neither text nor number\n"
                             "f:6: not a JSON object\n"
                             "f:7: column 22: duplicate object key near '\"title\"'\n");
        check_whole();
}

TEST(bad_rows_are_told_by_number_and_reason)
{
        fresh();
        ImportReport r = import_text("id,title,price,price_minor,currency,isbn\n"
                                     "1,Good,1,,,\n"
                                     "2,,1,,,\n"
                                     "3,Bad price,abc,,,\n"
                                     "4,Negative,-1,,,\n"
                                     "5,\"Two\nlines\",1.999,,,\n"
                                     "6,Ragged,1\n"
                                     "7,Both,1,99,,\n"
                                     "8,Currency,1,,Dollars,\n"
                                     "9,Latin \xe9,1,,,\n"
                                     "10,\"Quote\"s,1,,,\n"
                                     "11,Isbn,1,,,012345678901234567890123456789012345\n"
                                     "12,Good too,1,100,,123\n");
        CHECK_INT(r.rows, 12);
        CHECK_INT(r.added, 2);
        CHECK_INT(r.refused, 10);
        CHECK_INT(r.warned, 1);
        CHECK_STR(told.data, "f:3: no title\n"
                             "f:4: price: `abc` is no number\n"
                             "f:5: price: must not be negative\n"
                             "f:6: price: more than 2 decimals for USD\n"
                             "f:8: 3 fields, but the header has 6\n"
                             "f:9: price and price_minor say different things\n"
                             "f:10: currency: `DOLLARS` is no ISO 4217 code\n"
                             "f:11: title: byte 0xe9 is no UTF-8 (is the file in Latin-1 or Windows-1252? "
                             "`iconv -t UTF-8` "
                             "converts it)\n"
                             "f:12: something stands behind a closing quotation mark\n"
                             "f:13: isbn: 36 bytes, at most 32 are allowed\n"
                             "(taken) f:14: isbn: its check digit is wrong, or it is none; kept as it is\n");
}

TEST(what_a_book_can_be_sold_without_is_left_out)
{
        fresh();
        ImportReport r = import_text("title,year,rating,popularity,url\n"
                                     "T,long ago,many,-4,javascript:alert(1)\n");
        CHECK_INT(r.added, 1);
        CHECK_INT(r.warned, 1);
        CHECK_STR(told.data,
                  "(taken) f:2: year: no year, left out; rating: no number from 0 to 100, left out; "
                  "popularity: no whole number, left out; url: no http or https address, left out\n");
        CHECK_STR(asked("SELECT year, rating, popularity, url FROM book"), "0|0.0|0|\n");
}

TEST(control_characters_do_not_get_in)
{
        fresh();
        import_text("title,author\n\"a\tb\x1b[31m\xe2\x80\xae\x7f  c\xee\x80\x80\n\",\xc2\xa0 d \xc2\x85\n");
        CHECK_STR(asked("SELECT title, author FROM book"), "a b [31m c|d\n");
}

TEST(files_that_are_none_of_ours_are_refused_as_a_whole)
{
        CHECK_STR(refused_whole("\x1f\x8b\x08\0\0", 5), "f: compressed by gzip: unpack it first (gunzip)");
        CHECK_STR(refused_whole("PK\x03\x04", 4),
                  "f: a ZIP archive, or a spreadsheet: save it as CSV in UTF-8");
        CHECK_STR(refused_whole("\xff\xfet", 3), "f: UTF-16: convert it first (iconv -f UTF-16 -t UTF-8)");
        CHECK_STR(refused_whole(" \n[{", 4),
                  "f: a JSON array: one object a line is wanted (jq -c '.[]' makes that of it)");
        CHECK_STR(refused_whole("{ \r\n  \"title\": \"a\"\n}\n", 19),
                  "f: a JSON object over several lines: one object a line is wanted (jq -c . makes that of "
                  "it)");
        CHECK_STR(refused_whole("title\na\nb\0c\n", 12), "f:3: a NUL byte: this is no text file");
        CHECK_STR(refused_whole("a,b\n1,2\n", 8), "f:1: the first line names no column `title`, but: a, b");
        CHECK_STR(refused_whole("title,Title \n", 13), "f:1: two columns are called `Title `");
        CHECK_STR(refused_whole("title,\"a\n", 9), "f:1: a quotation mark is not closed");
        CHECK_STR(refused_whole("\n\n", 2), "f: empty");
        CHECK_STR(refused_whole("", 0), "f: empty");
}

TEST(importing_again_changes_nothing)
{
        static const char text[] = "id,title,author,isbn,popularity\n"
                                   "1,One,A,,5\n"
                                   ",Two,B,9780306406157,6\n"
                                   ",Three,C,,7\n"
                                   ",Four,,,\n";
        fresh();
        ImportReport first = import_text(text), second = import_text(text);
        CHECK_INT(first.added, 4);
        CHECK_INT(second.unchanged, 4);
        CHECK_INT(second.added + second.updated, 0);
        CHECK_INT(second.generation, first.generation);
        CHECK_STR(asked("SELECT id FROM book WHERE id LIKE 'isbn%'"), "isbn-9780306406157\n");
        check_whole();
}

TEST(a_changed_row_is_updated_and_found_by_its_new_words_only)
{
        fresh();
        import_text("id,title,author,category,popularity,description\n1,Old "
                    "Name,A,Fiction,5,dust\n2,Other,B,,9,\n");
        ImportReport r = import_text("id,title,author,category,popularity\n1,New Name,A,Poetry,50000\n");
        CHECK_INT(r.updated, 1);
        CHECK_STR(rig_found("old"), "");
        CHECK_STR(rig_found("dust"), "");
        CHECK_STR(rig_found("new name"), "1 ");
        CHECK_STR(asked("SELECT id FROM book ORDER BY rank"), "1\n2\n");
        CHECK_STR(asked("SELECT word, books FROM word WHERE word IN ('old', 'new', 'name') ORDER BY word"),
                  "name|1\nnew|1\nold|0\n");
        CHECK_STR(asked("SELECT name, books FROM category ORDER BY name"), "Fiction|0\nPoetry|1\n");
        check_whole();
}

TEST(of_rows_with_one_id_the_last_counts)
{
        fresh();
        ImportReport r = import_text("id,title\n1,A\n1,B\n1,B\n2,C\n1,D\n");
        CHECK_INT(r.rows, 5);
        CHECK_INT(r.added, 2);
        CHECK_INT(r.updated, 2);
        CHECK_INT(r.unchanged, 1);
        CHECK_STR(asked("SELECT id, title FROM book ORDER BY id"), "1|D\n2|C\n");
        check_whole();
}

TEST(popular_books_come_first_and_equals_in_their_order)
{
        CHECK(catalog_rank(INT64_MAX, 0) > 0);
        CHECK(catalog_rank(0, 1) > catalog_rank(0, 0));
        for (int64_t p = 1; p < (INT64_C(1) << 60); p *= 3) {
                CHECK(catalog_rank(p, 0) <= catalog_rank(p - 1, 0));
                CHECK(catalog_rank(2 * p, CATALOG_RANK_STEP - 1) < catalog_rank(p, 0));
        }
}

/* Whatever stands in the file, pieces are cut where they are. */
TEST(a_file_is_the_same_however_it_is_cut)
{
        static const char text[] = "\xef\xbb\xbfid,title,author\r\n"
                                   "1,\"A \"\"quoted\"\"\r\ntitle\",X\r\n\r\n"
                                   "2,\xe7\xbe\x85\xe7\x94\x9f\xe9\x96\x80,Y\r"
                                   "3,\"broken\"x,Z\r\n"
                                   "4,ragged\n"
                                   "5,last \xff,Q\n"
                                   "6,\"never closed,R\n7,end,S";
        static const size_t pieces[] = {1, 2, 3, 5, 7, 11, 64};
        char *books = NULL, *rows = NULL;

        for (size_t i = 0; i <= ELEMENTSOF(pieces); i++) {
                ImportReport r;
                Error e = {""};
                fresh();
                CHECK_INT(import_pieces(text, sizeof(text) - 1, i > 0 ? pieces[i - 1] : 0, &r, &e), 0);
                CHECK_INT(r.rows, 7);
                CHECK_INT(r.added, 3);
                if (!books) {
                        books = strdup(asked("SELECT id, title, author FROM book ORDER BY rank"));
                        CHECK_STR(books, "1|A \"quoted\" title|X\n2|羅生門|Y\n7|end|S\n");
                        rows = strdup(told.data);
                }
                CHECK_STR(asked("SELECT id, title, author FROM book ORDER BY rank"), books);
                CHECK_STR(told.data, rows);
        }
        free(books);
        free(rows);
}

TEST(rows_longer_than_a_megabyte_are_left_out)
{
        for (unsigned json = 0; json < 2; json++) {
                _cleanup_text_ Text t = {0};
                ImportReport r;
                Error e = {""};

                fresh();
                text_add_string(&t, json ? "{\"title\":\"A\"}\n{\"title\":\"" : "id,title\n1,A\n2,");
                for (unsigned i = 0; i < 3 << 20; i += 8)
                        text_add_string(&t, "12345678");
                text_add_string(&t, json ? "\"}\n{\"title\":\"B\"}\n" : "\n3,B\n");
                CHECK_INT(import_pieces(t.data, t.size, 1000, &r, &e), 0);
                CHECK_INT(r.rows, 3);
                CHECK_INT(r.added, 2);
                CHECK_STR(told.data, json ? "f:2: longer than 1 MiB\n" : "f:3: longer than 1 MiB\n");
        }
}

TEST(a_batch_that_is_not_finished_is_not_there)
{
        _cleanup_(import_freep) Import *i = NULL;
        const ImportOptions options = {.name = "f"};
        Error e = {""};

        fresh();
        import_text("id,title\n1,A\n");
        CHECK_INT(import_new(rig_path, &options, &i, &e), 0);
        CHECK_INT(import_feed(i, "id,title\n2,B\n", 13, &e), 0);
        i = import_free(i);
        CHECK_STR(asked("SELECT id FROM book"), "1\n");
        check_whole();
}

TEST(the_file_is_ours_alone_and_what_is_none_is_left_as_it_is)
{
        struct stat st;
        Error e = {""};
        ImportReport r;

        fresh();
        import_text("title\nA\n");
        CHECK_INT(stat(rig_path, &st), 0);
        CHECK_INT(st.st_mode & 07777, 0600);

        fresh();
        FILE *f = fopen(rig_path, "we");
        CHECK(f);
        for (unsigned i = 0; i < 1000; i++)
                fputs("no database\n", f);
        fclose(f);
        CHECK_INT(import_pieces("title\nA\n", 8, 0, &r, &e), -EUCLEAN);
        CHECK(strstr(e.text, "not a database"));
        CHECK_INT(stat(rig_path, &st), 0);
        CHECK_INT(st.st_size, 12000);

        fresh();
        import_text("title\nA\n");
        sqlite3 *db = NULL;
        CHECK_INT(sqlite3_open(rig_path, &db), SQLITE_OK);
        CHECK_INT(db_exec(db, "PRAGMA user_version = 99", &e), 0);
        sqlite3_close(db);
        CHECK_INT(import_pieces("title\nB\n", 8, 0, &r, &e), -EPROTONOSUPPORT);
        CHECK(strstr(e.text, "written by a newer version"));
}

/* Searches see whole batches, and never wait for one. */

static atomic_bool importing;

static void *read_on(void *userdata)
{
        CatalogDb c = {0};
        Error e = {""};
        uint64_t *n = userdata;

        CHECK_INT(catalog_db_open(rig_path, true, &c, &e), 0);
        while (atomic_load(&importing)) {
                _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
                CHECK_INT(db_prepare(c.db, &stmt, &e,
                                     "SELECT (SELECT count(*) FROM book), (SELECT value FROM fact WHERE name "
                                     "= 'books'),"
                                     " (SELECT books FROM word WHERE word = 'common'),"
                                     " (SELECT count(*) FROM book_fts WHERE book_fts MATCH 'common')",
                                     ""),
                          0);
                CHECK_INT(db_step(stmt, &e), 1);
                int64_t books = sqlite3_column_int64(stmt, 0);
                for (int i = 1; i < 4; i++)
                        CHECK_INT(sqlite3_column_int64(stmt, i), books);
                CHECK(books == 0 || books % 20000 == 0 || books == 45000);
                ++*n;
        }
        catalog_db_close(&c);
        return NULL;
}

TEST(readers_see_whole_batches_only)
{
        _cleanup_text_ Text t = {0};
        pthread_t thread;
        uint64_t n = 0;

        fresh();
        CatalogDb c = {0};
        Error e = {""};
        CHECK_INT(catalog_db_open(rig_path, false, &c, &e), 0);
        catalog_db_close(&c);
        text_add_string(&t, "id,title,popularity\n");
        for (unsigned i = 0; i < 45000; i++)
                text_add(&t, "%u,A common title %u,%u\n", i, i % 1000, i * 7919 % 1009);
        atomic_store(&importing, true);
        CHECK_INT(pthread_create(&thread, NULL, read_on, &n), 0);
        import_text(t.data);
        atomic_store(&importing, false);
        pthread_join(thread, NULL);
        CHECK(n > 0);
        check_whole();
}

/* Ids from first on, all under the same few words and in one category. */
static void import_many(unsigned first, unsigned n)
{
        _cleanup_text_ Text t = {0};

        text_add_string(&t, "id,title,category,popularity\n");
        for (unsigned i = first; i < first + n; i++)
                text_add(&t, "%u,A common title %u,Fiction,%u\n", i, i % 1000, i * 7919 % 1009);
        CHECK(!t.failed);
        import_text(t.data);
}

TEST(two_imports_at_once_take_turns)
{
        pid_t children[2];

        fresh();
        for (unsigned i = 0; i < 2; i++) {
                children[i] = fork();
                CHECK(children[i] >= 0);
                if (children[i] == 0) {
                        import_many(i * 15000, 22000); /* 7,000 are the same */
                        _exit(0);
                }
        }
        for (unsigned i = 0; i < 2; i++) {
                int status;
                CHECK_INT(waitpid(children[i], &status, 0), children[i]);
                CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
        CHECK_STR(asked("SELECT count(*), count(DISTINCT id) FROM book"), "37000|37000\n");
        CHECK_STR(asked("SELECT books FROM word WHERE word = 'common'"), "37000\n");
        check_whole();
}

MAIN()
