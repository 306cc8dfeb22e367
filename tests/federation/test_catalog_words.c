/* SPDX-License-Identifier: MIT */
/* federation/catalog_words.c: how far words are apart, and which are near. */
#include "tests/test.h"

#include "base/text.h"
#include "federation/catalog_words.h"

static size_t letters(const char *s, uint32_t *ret)
{
        size_t n = 0;

        for (size_t i = 0, left = strlen(s); i < left && n < WORD_LETTERS_MAX; n++)
                i += utf8_size(s + i, left - i, ret + n);
        return n;
}

static unsigned distance(const char *a, const char *b, unsigned limit, bool prefix)
{
        uint32_t x[WORD_LETTERS_MAX], y[WORD_LETTERS_MAX];
        size_t n = letters(a, x), m = letters(b, y);

        return word_distance(x, n, y, m, limit, prefix);
}

TEST(counts_letters_inserted_left_out_exchanged_and_swapped)
{
        CHECK_INT(distance("dracula", "dracula", 2, false), 0);
        CHECK_INT(distance("draculla", "dracula", 2, false), 1);
        CHECK_INT(distance("dracla", "dracula", 2, false), 1);
        CHECK_INT(distance("drakula", "dracula", 2, false), 1);
        CHECK_INT(distance("darcula", "dracula", 2, false), 1);
        CHECK_INT(distance("darkula", "dracula", 2, false), 2);
        CHECK_INT(distance("abcdef", "badcfe", 2, false), 3); /* more than 2 */
        CHECK_INT(distance("", "ab", 2, false), 2);
        CHECK_INT(distance("", "abc", 2, false), 3);
}

TEST(a_letter_is_a_letter_in_any_script)
{
        CHECK_INT(distance("преступлние", "преступление", 2, false), 1);
        CHECK_INT(distance("анан", "анна", 2, false), 1);
}

TEST(a_beginning_is_near_to_the_beginning_of_a_word)
{
        CHECK_INT(distance("frnakens", "frankenstein", 2, false), 3);
        CHECK_INT(distance("frnakens", "frankenstein", 2, true), 1);
        CHECK_INT(distance("frank", "frankenstein", 2, true), 0);
        CHECK_INT(distance("frank", "fran", 2, true), 1);
        CHECK_INT(distance("frank", "dracula", 2, true), 3);
}

/* The same by its definition: rows and columns, no cutting short. */
static unsigned plain_distance(const uint32_t *a, size_t n, const uint32_t *b, size_t m)
{
        unsigned d[12][12];

        for (size_t i = 0; i <= n; i++)
                for (size_t j = 0; j <= m; j++) {
                        d[i][j] = (unsigned) MAX(i, j);
                        if (i == 0 || j == 0)
                                continue;
                        unsigned x = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]), y = d[i - 1][j] + 1,
                                 z = d[i][j - 1] + 1;
                        d[i][j] = MIN(x, y);
                        d[i][j] = MIN(d[i][j], z);
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                                unsigned w = d[i - 2][j - 2] + 1;
                                d[i][j] = MIN(d[i][j], w);
                        }
                }
        return d[n][m];
}

TEST(is_what_the_definition_says_for_random_words)
{
        uint32_t a[10], b[10];

        srand(7);
        for (int round = 0; round < 200000; round++) {
                size_t n = (size_t) rand() % 10, m = (size_t) rand() % 10;
                for (size_t i = 0; i < n; i++)
                        a[i] = 'a' + (uint32_t) rand() % 3;
                for (size_t i = 0; i < m; i++)
                        b[i] = 'a' + (uint32_t) rand() % 3;
                unsigned plain = plain_distance(a, n, b, m), limit = (unsigned) rand() % 3;
                CHECK_INT(word_distance(a, n, b, m, limit, false), MIN(plain, limit + 1));
        }
}

static sqlite3 *database(void)
{
        sqlite3 *db = NULL;
        Error e = {""};

        CHECK_INT(sqlite3_open(":memory:", &db), SQLITE_OK);
        CHECK_INT(db_exec(db,
                          "CREATE TABLE word (word TEXT PRIMARY KEY, books INTEGER NOT NULL) STRICT, WITHOUT "
                          "ROWID;"
                          "INSERT INTO word VALUES ('dracula', 9), ('drama', 30), ('dramas', 2), ('war', 50),"
                          " ('was', 40), ('wars', 9), ('gone', 0), ('1984', 8), ('1985', 3), "
                          "('преступление', 4),"
                          " ('frankenstein', 5), ('of', 99);" WORDS_TABLE,
                          &e),
                  0);
        CHECK_INT(words_pack(db, &e), 0);
        return db;
}

/* "word distance, " for each. */
static const char *near(sqlite3 *db, const char *word, bool prefix)
{
        NearWord found[NEAR_MAX];
        static char text[NEAR_MAX * (sizeof(found->text) + 16)];
        unsigned n = 99;
        _cleanup_(words_near_freep) WordsNear *w = NULL;
        Error e = {""};

        CHECK_INT(words_near_new(db, &w, &e), 0);
        CHECK_INT(words_near(w, word, strlen(word), prefix, found, &n, &e), 0);
        text[0] = '\0';
        for (unsigned i = 0; i < n; i++) {
                CHECK(found[i].fit > 0 && found[i].fit < 1);
                char number[16];

                snprintf(number, sizeof(number), " %u, ", found[i].distance);
                strcat(strcat(text, found[i].text), number);
        }
        return text;
}

TEST(the_nearest_come_first_and_of_those_the_most_common)
{
        sqlite3 *db = database();

        CHECK_STR(near(db, "wat", false), "war 1, was 1, ");
        CHECK_STR(near(db, "drams", false), "drama 1, dramas 1, ");
        CHECK_STR(near(db, "draculla", false), "dracula 1, ");
        CHECK_STR(near(db, "преступлние", false), "преступление 1, ");
        CHECK_INT(sqlite3_close(db), SQLITE_OK);
}

TEST(short_words_are_corrected_by_one_letter_and_numbers_not_at_all)
{
        sqlite3 *db = database();

        CHECK_STR(near(db, "dr", false), "");
        CHECK_STR(near(db, "xas", false), "was 1, ");
        CHECK_STR(near(db, "xyr", false), "");
        CHECK_STR(near(db, "1983", false), "");
        CHECK_STR(near(db, "", false), "");
        CHECK_INT(sqlite3_close(db), SQLITE_OK);
}

TEST(neither_the_word_itself_nor_one_that_no_book_has_any_more)
{
        sqlite3 *db = database();

        CHECK_STR(near(db, "war", false), "was 1, wars 1, ");
        CHECK_STR(near(db, "gine", false), "");
        CHECK_INT(sqlite3_close(db), SQLITE_OK);
}

TEST(beginnings_are_corrected_when_no_word_is_near)
{
        sqlite3 *db = database();

        CHECK_STR(near(db, "frnakens", false), "");
        CHECK_STR(near(db, "frnakens", true), "frankenstein 1, ");
        CHECK_INT(sqlite3_close(db), SQLITE_OK);
}

TEST(very_long_words_are_near_to_nothing)
{
        sqlite3 *db = database();
        char word[201];

        memset(word, 'a', sizeof(word) - 1);
        for (size_t n = 20; n < sizeof(word); n++) {
                word[n] = '\0';
                CHECK_STR(near(db, word, true), "");
                word[n] = 'a';
        }
        CHECK_INT(sqlite3_close(db), SQLITE_OK);
}

TEST(packing_again_replaces_what_was_packed)
{
        sqlite3 *db = database();
        Error e = {""};

        CHECK_INT(db_exec(db, "DELETE FROM word; INSERT INTO word VALUES ('hamlet', 1)", &e), 0);
        CHECK_INT(words_pack(db, &e), 0);
        CHECK_STR(near(db, "hamelt", false), "hamlet 1, ");
        CHECK_STR(near(db, "draculla", false), "");
        CHECK_INT(db_exec(db, "DELETE FROM word", &e), 0);
        CHECK_INT(words_pack(db, &e), 0);
        CHECK_STR(near(db, "hamelt", false), "");
        CHECK_INT(sqlite3_close(db), SQLITE_OK);
}

/* More than one block of a length, and all lengths. */
TEST(every_word_of_many_is_found_by_its_misspelling)
{
        sqlite3 *db = database();
        char sql[200], word[40];
        Error e = {""};

        CHECK_INT(db_exec(db, "BEGIN; DELETE FROM word", &e), 0);
        for (unsigned i = 0; i < 26 * 26 * 26; i++) {
                snprintf(sql, sizeof(sql), "INSERT INTO word VALUES ('ab%cc%cde%cfgh', %u)", 'a' + i % 26,
                         'a' + i / 26 % 26, 'a' + i / 676, 1 + i);
                CHECK_INT(db_exec(db, sql, &e), 0);
        }
        CHECK_INT(db_exec(db, "COMMIT", &e), 0);
        CHECK_INT(words_pack(db, &e), 0);
        for (unsigned i = 0; i < 26 * 26 * 26; i += 1997) {
                snprintf(word, sizeof(word), "ab%cc%cde%cfhg", 'a' + i % 26, 'a' + i / 26 % 26,
                         'a' + i / 676);
                const char *found = near(db, word, false);
                char wanted[40];
                snprintf(wanted, sizeof(wanted), "ab%cc%cde%cfgh 1, ", 'a' + i % 26, 'a' + i / 26 % 26,
                         'a' + i / 676);
                CHECK(strncmp(found, wanted, strlen(wanted)) == 0);
        }
        CHECK_INT(sqlite3_close(db), SQLITE_OK);
}

MAIN()
