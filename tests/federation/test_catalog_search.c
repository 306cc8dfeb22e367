/* SPDX-License-Identifier: MIT */
/* federation/catalog_search.c, _find.c, _match.c, _window.c: what is found, in an order that pages rely on, whatever is asked. */
#include "tests/federation/catalog_rig.h"

#include "base/clock.h"

#define BOOKS 3000

static const char *const words[] = {"red",  "house",  "river",  "night", "garden", "stone",  "winter",
                                    "king", "letter", "island", "music", "shadow", "iron",   "bird",
                                    "salt", "glass",  "road",   "flame", "mirror", "harbour"};

/* Popular books have low numbers. Words: the first are common, the last are rare. "Red House" alone is nearly the last. */
static void add_books(Text *t)
{
        srand(11);
        for (unsigned i = 0; i < BOOKS; i++) {
                text_add(t, "n%u,\"", i);
                if (i == BOOKS - 5) {
                        text_add_string(t, "Red House");
                } else {
                        for (int k = 0, n = 1 + rand() % 4; k < n; k++) {
                                int a = rand() % 20, b = rand() % 20;
                                text_add(t, "%s%s", k > 0 ? " " : "", words[MIN(a, b)]);
                        }
                        text_add(t, " n%u", i);
                }
                text_add(t, "\",Author %c,%s,%s,%u.50,%s,%u,%s\n", 'A' + (int) (i % 7),
                         i % 3 ? "Fiction" : "Poetry", i % 5 ? "en" : "fr", i % 40, i % 11 ? "USD" : "",
                         100000 - i * 30, i % 10 == 0 ? "a tale of zebras beside a red river" : "");
        }
}

static void begin(void)
{
        static bool done;
        _cleanup_text_ Text t = {0};

        if (done)
                return;
        done = true;
        text_add_string(&t, "id,title,author,category,language,price,currency,popularity,description\n");
        add_books(&t);
        text_add_string(&t, "c1,羅生門,芥川龍之介,小説,ja,500,JPY,50,\n"
                            "c2,門の生活と羅針盤,某,小説,ja,500,JPY,900,\n"
                            "free,Costs Nothing,Nobody,Gifts,en,0,USD,5,\n"
                            "dear,Costs Something,Nobody,Gifts,en,,USD,5,\n"
                            "frank,Frankenstein,Mary Shelley,Horror,en,3,USD,80,\n"
                            "emma,Emma,Jane Austen,Romance,en,3,USD,80,\n"
                            "kant,Kritik,Immanuel Kant,Philosophie,de,30,USD,80,\n"
                            "and,And Or Not Near,Fts Five,Queries,en,3,USD,7,\n");
        CHECK(!t.failed);
        rig_import(t.data, t.size);
}

static Question question(const char *text)
{
        begin();
        return rig_question(text);
}

static const char *found(const char *text)
{
        begin();
        return rig_found(text);
}

/* All pages at this limit; ids with a space behind each. */
static char *walk(Question q, unsigned limit)
{
        _cleanup_text_ Text t = {0};
        double relevance = 1;
        char *ids = NULL;
        uint64_t total = 0;
        size_t n = 0;

        q.limit = limit;
        for (q.offset = 0;; q.offset += limit) {
                _cleanup_catalog_rows_ CatalogRows rows = {0};
                rig_search(&q, &rows);
                CHECK(rows.total_exact);
                CHECK(q.offset == 0 || rows.total == total);
                total = rows.total;
                for (size_t i = 0; i < rows.n; i++) {
                        text_add(&t, "%s ", rows.listings[i].id);
                        CHECK(rows.listings[i].relevance <= relevance && rows.listings[i].relevance > 0);
                        relevance = rows.listings[i].relevance;
                }
                n += rows.n;
                if (rows.n < limit)
                        break;
        }
        CHECK_INT(n, total);
        CHECK_INT(text_take(&t, &ids), 0);
        return ids;
}

TEST(pages_neither_overlap_nor_leave_out_at_any_limit)
{
        static const unsigned limits[] = {1, 7, 20, 33, 100};
        static const char *const asked[] = {"red",       "red house", "hou",      "zebras",
                                            "river red", "author c",  "salt gla", "n1"};

        for (size_t i = 0; i < ELEMENTSOF(asked); i++) {
                _cleanup_free_ char *first = walk(question(asked[i]), 50);
                for (size_t k = 0; k < ELEMENTSOF(limits); k++) {
                        if (limits[k] == 1 && i > 1)
                                continue;
                        _cleanup_free_ char *again = walk(question(asked[i]), limits[k]);
                        CHECK_STR(again, first);
                }
                /* No book twice. */
                for (const char *p = first; *p; p = strchr(p, ' ') + 1) {
                        char id[40];
                        snprintf(id, sizeof(id), " %.*s ", (int) strcspn(p, " "), p);
                        const char *at = strstr(p, id + 1);
                        CHECK(!at || !strstr(at + 1, id));
                }
        }
}

/* What the words, as they stand in the rows above, say themselves. */
TEST(all_books_with_all_words_are_found)
{
        _cleanup_(stmt_finalizep) sqlite3_stmt *stmt = NULL;
        Error e = {""};

        for (size_t a = 0; a < ELEMENTSOF(words); a++)
                for (size_t b = a; b < ELEMENTSOF(words); b += 3) {
                        char text[64];
                        _cleanup_catalog_rows_ CatalogRows rows = {0};
                        snprintf(text, sizeof(text), "%s %s author", words[a], words[b]);
                        const Question q = question(text);
                        rig_search(&q, &rows);
                        if (rows.corrected || !stmt)
                                CHECK_INT(db_prepare(rig_db.db, &stmt, &e,
                                                     "SELECT count(*) FROM book WHERE"
                                                     " ' ' || lower(title || ' ' || description) || ' ' LIKE "
                                                     "'% ' || ? || ' %' AND"
                                                     " ' ' || lower(title || ' ' || description) || ' ' LIKE "
                                                     "'% ' || ? || ' %'",
                                                     "ss", words[a], words[b]),
                                          0);
                        sqlite3_bind_text(stmt, 1, words[a], -1, SQLITE_STATIC);
                        sqlite3_bind_text(stmt, 2, words[b], -1, SQLITE_STATIC);
                        CHECK_INT(db_step(stmt, &e), 1);
                        int64_t wanted = sqlite3_column_int64(stmt, 0);
                        sqlite3_reset(stmt);
                        if (wanted > 0)
                                CHECK_INT(rows.total, wanted);
                }
}

TEST(an_exact_title_is_first_however_unpopular)
{
        char wanted[16];

        snprintf(wanted, sizeof(wanted), "n%u ", BOOKS - 5);
        CHECK(strncmp(found("red house"), wanted, strlen(wanted)) == 0);
        CHECK(strncmp(found("Red House!"), wanted, strlen(wanted)) == 0);
        CHECK(strncmp(found("the red house"), wanted, strlen(wanted)) == 0);
        CHECK(strncmp(found("red hou"), wanted, strlen(wanted)) != 0);
}

TEST(what_only_the_description_tells_of_comes_last)
{
        _cleanup_free_ char *ids = walk(question("red river"), 100);
        bool described = false;
        _cleanup_(stmt_finalizep) sqlite3_stmt *stmt = NULL;
        Error e = {""};

        CHECK_INT(db_prepare(rig_db.db, &stmt, &e,
                             "SELECT lower(title) LIKE '%red%' AND lower(title) LIKE '%river%' FROM book "
                             "WHERE id = ?",
                             "n"),
                  0);
        for (char *p = ids, *id; (id = strsep(&p, " ")) && *id;) {
                sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);
                CHECK_INT(db_step(stmt, &e), 1);
                if (!sqlite3_column_int(stmt, 0))
                        described = true;
                else
                        CHECK(!described);
                sqlite3_reset(stmt);
        }
        CHECK(described);
}

TEST(filters_by_category_language_and_price)
{
        Question q = question("red");
        CatalogRows rows = {0};

        q.limit = 100;
        q.category = (char *) (uintptr_t) "poetry";
        q.language = (char *) (uintptr_t) "fr";
        rig_search(&q, &rows);
        CHECK(rows.n > 10);
        for (size_t i = 0; i < rows.n; i++) {
                CHECK_STR(rows.listings[i].category, "Poetry");
                CHECK_STR(rows.listings[i].language, "fr");
        }
        catalog_rows_clear(&rows);
        q.category = (char *) (uintptr_t) "no such";
        rig_search(&q, &rows);
        CHECK_INT(rows.total, 0);
        catalog_rows_clear(&rows);

        q.category = q.language = NULL;
        q.min_price_micros = 10500000;
        q.max_price_micros = 12000000;
        rig_search(&q, &rows);
        CHECK(rows.n > 10);
        uint64_t in_range = rows.total;
        for (size_t i = 0; i < rows.n; i++)
                CHECK(rows.listings[i].price_minor == 1050 || rows.listings[i].price_minor == 1150);
        catalog_rows_clear(&rows);
        q.min_price_micros = -1;
        rig_search(&q, &rows);
        CHECK(rows.total > in_range);
        catalog_rows_clear(&rows);
}

TEST(a_word_that_a_filter_leaves_out_is_not_misspelt)
{
        Question q = question("emma");
        CatalogRows rows = {0};

        q.language = (char *) (uintptr_t) "de";
        rig_search(&q, &rows);
        CHECK_INT(rows.total, 0);
        catalog_rows_clear(&rows);
        q.language = NULL;
        q.min_price_micros = 10000000;
        rig_search(&q, &rows);
        CHECK_INT(rows.total, 0);
        catalog_rows_clear(&rows);
        q = question("imanuel");
        q.language = (char *) (uintptr_t) "de";
        rig_search(&q, &rows);
        CHECK_INT(rows.total, 1);
        catalog_rows_clear(&rows);
}

TEST(without_a_price_no_price_is_right)
{
        Question q = question("costs");

        q.max_price_micros = 1000000000;
        CatalogRows rows = {0};
        rig_search(&q, &rows);
        CHECK_INT(rows.total, 1);
        CHECK_STR(rows.listings[0].id, "free");
        catalog_rows_clear(&rows);
        q.max_price_micros = 0;
        rig_search(&q, &rows);
        CHECK_INT(rows.total, 1);
        catalog_rows_clear(&rows);
}

TEST(words_near_to_an_unknown_one_are_found_and_it_is_said)
{
        Question q = question("frankenstien");
        CatalogRows rows = {0};

        rig_search(&q, &rows);
        CHECK(rows.corrected);
        CHECK_STR(rows.listings[0].id, "frank");
        catalog_rows_clear(&rows);
        q.text = (char *) (uintptr_t) "frankenstein";
        rig_search(&q, &rows);
        CHECK(!rows.corrected);
        catalog_rows_clear(&rows);
        CHECK_STR(found("frnakens"), "frank ");
        CHECK_STR(found("shelley frankenstien paperback"), "frank ");
}

TEST(part_of_a_title_without_spaces_is_found_and_in_order_before_out_of_order)
{
        CHECK_STR(found("羅生門"), "c1 c2 ");
        CHECK_STR(found("生門"), "c1 c2 ");
        CHECK_STR(found("羅"), "c2 c1 ");
}

TEST(what_means_something_to_fts5_means_nothing_here)
{
        static const char *const hostile[] = {"\"",
                                              "\"\"",
                                              "\"red",
                                              "red\"",
                                              "AND",
                                              "OR",
                                              "NOT",
                                              "NEAR",
                                              "NEAR(red house, 2)",
                                              "red AND",
                                              "AND red",
                                              "red OR OR",
                                              "NOT red",
                                              "title:red",
                                              "title : red",
                                              "-red",
                                              "- red",
                                              "^red",
                                              "red*",
                                              "*",
                                              "red**",
                                              "{title}:red",
                                              "(red",
                                              "red)",
                                              "()",
                                              "((((((((",
                                              "red + house",
                                              "+",
                                              "\\",
                                              "'",
                                              "''; DROP TABLE book; --",
                                              "%",
                                              "_",
                                              "red\\\"",
                                              "\"red\" AND terms:x",
                                              "rank:5",
                                              "book_fts",
                                              "0x1p3",
                                              "\xee\x80\x80\xee\x80\x80\xee\x80\x80\xee\x80\x80none",
                                              "\xee\x80\x80\xee\x80\x80\xee\x80\x80\xee\x80\x80"
                                              "t0000000000",
                                              "\xef\xbf\xbf",
                                              "\xf4\x8f\xbf\xbf",
                                              "a\xcc\x81\xcc\x81\xcc\x81",
                                              "\xe2\x80\xae"
                                              "der",
                                              "red\xc2\xa0house",
                                              "C++",
                                              "c#",
                                              "L'",
                                              "'''",
                                              "#5",
                                              "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20"};

        for (size_t i = 0; i < ELEMENTSOF(hostile); i++) {
                CatalogRows rows = {0};
                const Question q = question(hostile[i]);
                rig_search(&q, &rows);
                catalog_rows_clear(&rows);
        }
        CHECK_STR(found("AND or NOT near"), "and ");
        CHECK_STR(found("\xee\x80\x80\xee\x80\x80\xee\x80\x80\xee\x80\x80none"), "");
}

TEST(symbols_ask_for_nothing_and_no_character_is_an_error)
{
        for (uint32_t c = 1; c < 0x3000; c++) {
                char text[4] = "";
                CatalogRows rows = {0};

                if (c < 0x80)
                        text[0] = (char) c;
                else if (c < 0x800) {
                        text[0] = (char) (0xc0 | c >> 6);
                        text[1] = (char) (0x80 | (c & 0x3f));
                } else {
                        text[0] = (char) (0xe0 | c >> 12);
                        text[1] = (char) (0x80 | (c >> 6 & 0x3f));
                        text[2] = (char) (0x80 | (c & 0x3f));
                }
                const Question q = question(text);
                rig_search(&q, &rows);
                if (c < 0x80 && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9'))
                        CHECK_INT(rows.total, 0);
                catalog_rows_clear(&rows);
        }
        CHECK_STR(found("!?.,;:-_()[]{}<>@$%^&*=~|/\\"), "");
        CHECK_STR(found("… — « » „ “ ” 。、！？"), "");
}

TEST(a_single_letter_is_a_word_and_not_a_beginning)
{
        Question q = question("a");
        CatalogRows rows = {0};

        rig_search(&q, &rows);
        CHECK(rows.total > 400 && rows.total < 800); /* Author A's, and "a tale" */
        catalog_rows_clear(&rows);
        q.text = (char *) (uintptr_t) "x";
        rig_search(&q, &rows);
        CHECK_INT(rows.total, 0);
        catalog_rows_clear(&rows);
}

TEST(many_unknown_words_take_no_longer_than_some)
{
        char text[QUESTION_TEXT_MAX + 1] = "";

        begin();
        rig_open();
        for (int i = 0; strlen(text) + 10 < sizeof(text); i++)
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "qzx%cv%c ", 'a' + i % 26,
                         'a' + i * 7 % 26);
        uint64_t start = clock_boot_usec();
        CHECK_STR(found(text), "");
        CHECK(clock_boot_usec() - start < USEC_PER_SEC); /* 2 ms without sanitizers */
}

TEST(counts_to_ten_thousand_and_says_so)
{
        CatalogRows rows = {0};
        Question q = question("author");

        q.offset = 2990;
        q.limit = 100;
        rig_search(&q, &rows);
        CHECK_INT(rows.total, BOOKS);
        CHECK(rows.total_exact);
        CHECK_INT(rows.n, 10);
        catalog_rows_clear(&rows);
        q.offset = 10000;
        rig_search(&q, &rows);
        CHECK_INT(rows.n, 0);
        CHECK_INT(rows.total, BOOKS);
        catalog_rows_clear(&rows);
}

MAIN()
