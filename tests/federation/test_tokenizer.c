/* SPDX-License-Identifier: MIT */
/* federation/tokenizer.c: what a word is. */
#include "tests/test.h"

#include "base/db.h"
#include "base/text.h"
#include "federation/tokenizer.h"

static sqlite3 *db;

static Tokenizer *shop(void)
{
        static Tokenizer *t;

        if (!t) {
                CHECK_INT(sqlite3_open(":memory:", &db), SQLITE_OK);
                CHECK_INT(tokenizer_new(db, &t), 0);
        }
        return t;
}

static int add(const TokenizerWord *w, void *userdata)
{
        Text *t = userdata;

        text_add(t, "%s%s%.*s", t->size > 0 ? " " : "", w->beside ? "+" : "", (int) w->size, w->word);
        return 0;
}

static const char *words(const char *text, bool question)
{
        static char *last;
        Text t = {0};

        free(last);
        CHECK_INT(tokenizer_words(shop(), question, text, strlen(text), add, &t), 0);
        CHECK_INT(text_take(&t, &last), 0);
        return last;
}

TEST(letters_are_folded)
{
        CHECK_STR(words("The Hobbit, or There", false), "the hobbit or there");
        CHECK_STR(words("Les Misérables; ÉTÉ", false), "les miserables ete");
        CHECK_STR(words("e\u0301te\u0301", false), "ete");
        CHECK_STR(words("Jo Nesbø, Straße, Łódź, Æon, Ħ", false), "jo nesbo strasse lodz aeon h");
        CHECK_STR(words("Преступление И НАКАЗАНИЕ", false), "преступление и наказание");
        CHECK_STR(words("Ｈａｒｒｙ １２", false), "harry 12");
        CHECK_STR(words("1984", false), "1984");
        CHECK_STR(words("!?. \u2014 \U0001f600", false), "");
}

TEST(greek_cyrillic_and_arabic_letters_are_folded_too)
{
        CHECK_STR(words("Ἰλιάς Ὀδύσσεια", false), "ιλιασ οδυσσεια");
        CHECK_STR(words("Мёртвые души", false), "мертвые души");
        CHECK_STR(words("ألف آدم", false), "الف ادم");
        CHECK_STR(words("ιλιας", true), "ιλιασ");
}

TEST(apostrophes_join_and_the_parts_stand_beside)
{
        CHECK_STR(words("Alice's", false), "alices +alice +s");
        CHECK_STR(words("Alice\u2019s", false), "alices +alice +s");
        CHECK_STR(words("L'Étranger", false), "letranger +l +etranger");
        CHECK_STR(words("'quoted' words'", false), "quoted words");
        CHECK_STR(words("Alice's", true), "alices");
        CHECK_STR(words("rock 'n' roll", false), "rock n roll");
        CHECK_STR(words("''", false), "");
}

TEST(initials_are_found_joined_too)
{
        CHECK_STR(words("J.R.R. Tolkien", false), "j r r +jrr tolkien");
        CHECK_STR(words("J. K. Rowling", false), "j k +jk rowling");
        CHECK_STR(words("U.S.A.", false), "u s a +usa");
        CHECK_STR(words("J.R.R. Tolkien", true), "j r r tolkien");
        CHECK_STR(words("a cat", false), "a cat");
        CHECK_STR(words("a b c d e f g h i j", false), "a b c d e f g h +abcdefgh i j +ij");
}

TEST(names_with_signs_keep_them)
{
        CHECK_STR(words("C++ and C#", false), "c++ +c and c# +c");
        CHECK_STR(words("c#", true), "c#");
        CHECK_STR(words("(Twilight, #1)", false), "twilight 1");
        CHECK_STR(words("rock+roll 1+1=2 +#", false), "rock roll 1+ +1 1 2");
}

TEST(scripts_without_spaces_are_words_of_one_character)
{
        CHECK_STR(words("羅生門", false), "羅 生 門");
        CHECK_STR(words("ノルウェイの森", false), "ノ ル ウ ェ イ の 森");
        CHECK_STR(words("채식주의자", false), "채 식 주 의 자");
        CHECK_STR(words("Haruki村上x", false), "haruki 村 上 x");
}

TEST(marks_belong_to_their_letters)
{
        CHECK_STR(words("गोदान", false), "गोदान");
        CHECK_STR(words("שָׁלוֹם", false), "שלום");
        CHECK_STR(words("كِتَاب", false), "كتاب");
}

TEST(a_key_is_the_words_and_nothing_else)
{
        _cleanup_free_ char *a = tokenizer_key(shop(), "Catch-22"), *b = tokenizer_key(shop(), "CATCH 22!"),
                            *none = tokenizer_key(shop(), "***");

        CHECK_STR(a, "catch22");
        CHECK_STR(b, "catch22");
        CHECK_STR(none, "");
}

TEST(broken_text_is_survived)
{
        uint64_t random = 7;
        static char text[2000];

        for (unsigned round = 0; round < 2000; round++) {
                Text t = {0};
                size_t size = round % sizeof(text);
                for (size_t i = 0; i < size; i++) {
                        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
                        text[i] = (char) (random >> 56);
                        if (round % 2 == 0)
                                text[i] = "a'#+. \xe7\xbe\x85\xcc\x81\xc3\x9f"[(random >> 33) % 13];
                }
                CHECK_INT(tokenizer_words(shop(), round % 3 == 0, text, size, add, &t), 0);
                text_clear(&t);
        }
        memset(text, 'x', sizeof(text));
        Text t = {0};
        CHECK_INT(tokenizer_words(shop(), false, text, sizeof(text), add, &t), 0);
        text_clear(&t);
}

TEST(full_text_search_uses_it)
{
        sqlite3 *own = NULL;
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        Error e = {""};

        CHECK_INT(sqlite3_open(":memory:", &own), SQLITE_OK);
        CHECK_INT(tokenizer_register(own, &e), 0);
        CHECK_INT(db_exec(own,
                          "CREATE VIRTUAL TABLE t USING fts5(x, tokenize='shop');"
                          "INSERT INTO t VALUES ('Alice''s Adventures'), ('羅生門'), ('J.K. Rowling')",
                          &e),
                  0);
        CHECK_INT(db_prepare(own, &stmt, &e,
                             "SELECT (SELECT count(*) FROM t WHERE t MATCH 'alice'),"
                             " (SELECT count(*) FROM t WHERE t MATCH 'alices'),"
                             " (SELECT count(*) FROM t WHERE t MATCH '\"alice adventures\"'),"
                             " (SELECT count(*) FROM t WHERE t MATCH '\"生門\"'),"
                             " (SELECT count(*) FROM t WHERE t MATCH '\"門生\"'),"
                             " (SELECT count(*) FROM t WHERE t MATCH 'jk rowling')",
                             ""),
                  0);
        CHECK_INT(db_step(stmt, &e), 1);
        for (int i = 0; i < 6; i++)
                CHECK_INT(sqlite3_column_int(stmt, i), i != 4);
        sqlite3_finalize(TAKE_PTR(stmt));
        sqlite3_close(own);
}

MAIN()
