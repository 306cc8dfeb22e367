/* SPDX-License-Identifier: MIT */
/* federation/work.c, work_title.c and fold.c: what is the same work, as shops really write it. */
#include "tests/test.h"

#include "base/id.h"
#include "federation/work.h"

#define CHECK_FOLD(text, wanted)                              \
        do {                                                  \
                _cleanup_free_ char *fold_ = text_fold(text); \
                CHECK_STR(fold_, wanted);                     \
        } while (0)
#define CHECK_TITLE(text, wanted)                               \
        do {                                                    \
                _cleanup_free_ char *title_ = work_title(text); \
                CHECK_STR(title_, wanted);                      \
        } while (0)
#define CHECK_AUTHOR(text, wanted)                                \
        do {                                                      \
                _cleanup_free_ char *author_ = work_author(text); \
                CHECK_STR(author_, wanted);                       \
        } while (0)
#define CHECK_KEY(title, author, wanted)                             \
        do {                                                         \
                _cleanup_free_ char *key_ = work_key(title, author); \
                CHECK_STR(key_, wanted);                             \
        } while (0)

static bool same(const char *title_a, const char *author_a, const char *title_b, const char *author_b)
{
        _cleanup_free_ char *a = work_key(title_a, author_a), *b = work_key(title_b, author_b);

        return streq(a, b);
}

TEST(folds_case_marks_and_whatever_separates)
{
        CHECK_FOLD("", "");
        CHECK_FOLD("  The  HOBBIT! ", "the hobbit");
        CHECK_FOLD("J.R.R. Tolkien", "j r r tolkien");
        CHECK_FOLD("Brontë, Émile & Žižek", "bronte emile zizek");
        CHECK_FOLD("Bronte\xcc\x88", "bronte"); /* decomposed */
        CHECK_FOLD("Jo Nesbø, Stanisław Łem, Ægir, Straße, Þór", "jo nesbo stanislaw lem aegir strasse thor");
        CHECK_FOLD("İstanbul ışık", "istanbul isik");
        CHECK_FOLD("Nguyễn Du", "nguyen du");
        CHECK_FOLD("ﬁnale ２０２０ Ⅳ x²", "finale 2020 iv x2");
        CHECK_FOLD("a\xc2\xad"
                   "b",
                   "ab"); /* soft hyphen */
        CHECK_FOLD("a b c d e f g h i j k l m n o p q r s t u v w x y z 0 1 2 3 4 5 6 7 8 9 abcdefghijklm "
                   "nopqrstuvwxyz a b c d e f g h i j k l m",
                   "a b c d e f g h i j k l m n o p q r s t u v w x y z 0 1 2 3 4 5 6 7 8 9 abcdefghijklm "
                   "nopqrstuvwxyz a b c d e f g h i j k l m");
        CHECK_FOLD("0x7f_a-b\tc\nd", "0x7f a b c d");
}

TEST(folds_other_scripts_and_leaves_their_letters_alone)
{
        CHECK_FOLD("Преступление и Наказание, Ёлка, Толстой, Толсто\xd0\xb8\xcc\x86",
                   "преступление и наказание елка толстой толстой");
        CHECK_FOLD("ΟΔΥΣΣΕΥΣ Ὀδύσσεια", "οδυσσευσ οδυσσεια");
        CHECK_FOLD("村上 春樹『ノルウェイの森』", "村上 春樹 ノルウェイの森");
        CHECK_FOLD("ﾉﾙｳｪｲの森 が か\xe3\x82\x99", "ノルウェイの森 が が");
        CHECK_FOLD("한강 채식주의자", "한강 채식주의자");
        CHECK_FOLD("\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "한"); /* in jamo */
        CHECK_FOLD("القُرْآن", "القران");
        CHECK_FOLD("हिन्दी", "हिन्दी");
        CHECK_FOLD("ไม่", "ไม่");
        CHECK_FOLD("🙂🙂", "");
        CHECK_FOLD("a🙂b", "a b");
}

TEST(folding_survives_whatever_bytes_come)
{
        uint64_t random = 1;
        char text[400];

        CHECK_FOLD("a\xff\xfe"
                   "b\xc3",
                   "a b");
        for (unsigned round = 0; round < 20000; round++) {
                size_t n = random_next(&random) % (sizeof text - 1);
                for (size_t i = 0; i < n; i++) {
                        uint64_t r = random_next(&random);
                        if (r % 3 == 0)
                                text[i] = (char) (r >> 8 | 1);
                        else if (i > 0 && r % 3 == 1)
                                text[i] = "\x80\x99\xa7\xcc\x82\xe3\xbe"[(r >> 8) % 7];
                        else
                                text[i] = "aZ \xe1\xc4\xcc\xef\xe0\xf0"[(r >> 8) % 9];
                }
                text[n] = 0;
                _cleanup_free_ char *once = text_fold(text), *twice = text_fold(once);
                CHECK_STR(twice, once);
                size_t left = strlen(once), size = 1;
                for (const char *s = once; left > 0 && size > 0; s += size, left -= size) {
                        uint32_t point;
                        size = utf8_size(s, left, &point);
                        CHECK(size > 0 && point >= 0x20 && point != 0x7f);
                }
                CHECK(!strstr(once, "  ") && once[0] != ' ' && (!*once || once[strlen(once) - 1] != ' '));
        }
}

TEST(ascii_is_folded_as_it_is_beside_other_text)
{
        uint64_t random = 9;
        char text[300];

        for (unsigned round = 0; round < 5000; round++) {
                size_t n = random_next(&random) % (sizeof text - 4);
                for (size_t i = 0; i < n; i++)
                        text[i] = (char) (1 + random_next(&random) % 127);
                strcpy(text + n, " \xc3\xa9");
                _cleanup_free_ char *both = text_fold(text);
                text[n] = '\0';
                _cleanup_free_ char *alone = text_fold(text);
                size_t size = strlen(alone);
                CHECK(memcmp(both, alone, size) == 0 && streq(both + size, size > 0 ? " e" : "e"));
        }
}

TEST(folding_takes_time_in_proportion)
{
        size_t size = 1 << 20;
        _cleanup_free_ char *marks = malloc(size + 1);

        /* A letter under half a million marks of two classes, in turn. */
        for (size_t i = 0; i + 4 <= size; i += 4)
                memcpy(marks + i, "\xe0\xb8\xb8\xcc", 4);
        for (size_t i = 0; i + 6 <= size; i += 6)
                memcpy(marks + i, "\xe0\xb8\xb8\xe0\xb9\x88", 6);
        marks[size] = 0;
        marks[0] = 'a';
        _cleanup_free_ char *folded = text_fold(marks);
        CHECK(strlen(folded) <= size);
        /* One word without an end. */
        for (size_t i = 0; i + 3 <= size; i += 3)
                memcpy(marks + i, "\xe6\x9d\x91", 3);
        marks[size - size % 3] = 0;
        _cleanup_free_ char *word = text_fold(marks);
        CHECK_STR(word, marks);
        /* Each becomes 18 letters. */
        for (size_t i = 0; i + 3 <= size; i += 3)
                memcpy(marks + i, "\xef\xb7\xba", 3);
        _cleanup_free_ char *long_one = text_fold(marks);
        CHECK(strlen(long_one) > size);
}

TEST(a_title_is_what_is_left_without_series_article_and_edition)
{
        CHECK_TITLE("The Hunger Games (The Hunger Games, #1)", "hunger games");
        CHECK_TITLE("Catching Fire (The Hunger Games, #2)", "catching fire");
        CHECK_TITLE("Harry Potter and the Sorcerer's Stone (Harry Potter, #1)",
                    "harry potter and the sorcerers stone");
        CHECK_TITLE("Harry Potter & the Sorcerer’s Stone", "harry potter and the sorcerers stone");
        CHECK_TITLE("Pride &amp; Prejudice", "pride and prejudice");
        CHECK_TITLE("<i>Ender&#39;s Game</i>", "enders game");
        CHECK_TITLE("Hunger Games, The", "hunger games");
        CHECK_TITLE("Der Zauberberg", "zauberberg");
        CHECK_TITLE("L'Étranger", "etranger");
        CHECK_TITLE("I, Robot", "i robot");
        CHECK_TITLE("It", "it");
        CHECK_TITLE("The", "the");
        CHECK_TITLE("Dune [Paperback]", "dune");
        CHECK_TITLE("Dune (Deluxe Edition)", "dune");
        CHECK_TITLE("Dune (Dune", "dune");
        CHECK_TITLE("(500) Days of Summer", "days of summer");
        CHECK_TITLE("(Untitled)", "untitled");
        CHECK_TITLE("Sapiens: A Brief History of Humankind", "sapiens");
        CHECK_TITLE("Frankenstein; or, The Modern Prometheus", "frankenstein");
        CHECK_TITLE("Moby-Dick, or, the Whale", "moby dick");
        CHECK_TITLE("Twelfth Night, or What You Will", "twelfth night");
        CHECK_TITLE("10:04", "10 04");
        CHECK_TITLE("Catch-22", "catch 22");
        CHECK_TITLE("ノルウェイの森（上）", "ノルウェイの森");
        CHECK_TITLE("", "");
        CHECK_TITLE("🙂", "");
        CHECK_TITLE(": ", "");
}

TEST(volumes_stay_apart_however_they_are_written)
{
        CHECK_TITLE("Faust I", "faust i");
        CHECK_TITLE("Faust II", "faust ii");
        CHECK_TITLE("Faust, Part Two", "faust 2");
        CHECK_TITLE("Faust: Part 2", "faust 2");
        CHECK_TITLE("Faust (Part II)", "faust 2");
        CHECK_TITLE("Monster (Monster, #1)", "monster");
        CHECK_TITLE("Monster (Monster, #2)", "monster 2");
        CHECK_TITLE("Foundation (Foundation #2)", "foundation 2");
        CHECK_TITLE("Foundation and Empire (Foundation #2)", "foundation and empire");
        CHECK_TITLE("Naruto, Vol. 02: The Worst Client", "naruto 2");
        CHECK_TITLE("The Lord of the Rings (The Lord of the Rings, #1-3)", "lord of the rings 1 3");
        CHECK_TITLE("Words of Radiance: Book Two of the Stormlight Archive", "words of radiance");
        CHECK_TITLE("Book One", "book one");
        CHECK_TITLE("Henry IV, Part 1", "henry iv 1");
}

TEST(other_works_of_a_like_name_stay_apart)
{
        CHECK(!same("Dune", "Frank Herbert", "Dune Messiah", "Frank Herbert"));
        CHECK(!same("Dune", "Frank Herbert", "Dune: The Graphic Novel", "Frank Herbert"));
        CHECK(!same("The Stranger", "Albert Camus", "The Stranger (French Edition)", "Albert Camus"));
        CHECK(!same("The Hobbit", "J.R.R. Tolkien", "The Hobbit (Abridged)", "J.R.R. Tolkien"));
        CHECK(!same("Emma", "Jane Austen", "Emma", "Alexander McCall Smith"));
        CHECK(!same("Star Wars: Heir to the Empire", "Timothy Zahn", "Star Wars: Dark Force Rising",
                    "Timothy Zahn"));
}

TEST(an_author_is_the_same_in_any_order_and_with_any_initials)
{
        CHECK_AUTHOR("J. R. R. Tolkien", "jrr tolkien");
        CHECK_AUTHOR("J.R.R. Tolkien", "jrr tolkien");
        CHECK_AUTHOR("JRR Tolkien", "jrr tolkien");
        CHECK_AUTHOR("Tolkien, J.R.R.", "jrr tolkien");
        CHECK_AUTHOR("TOLKIEN, J. R. R.", "jrr tolkien");
        CHECK_AUTHOR("J.K. Rowling, Mary GrandPré", "jk rowling");
        CHECK_AUTHOR("Rowling, J. K.", "jk rowling");
        CHECK_AUTHOR("J. K. Rowling; Mary GrandPré (Illustrator)", "jk rowling");
        CHECK_AUTHOR("Ursula K. Le Guin", "guin le ursula");
        CHECK_AUTHOR("Le Guin, Ursula K.", "guin le ursula");
        CHECK_AUTHOR("Ursula Le Guin", "guin le ursula");
        CHECK_AUTHOR("García Márquez, Gabriel", "gabriel garcia marquez");
        CHECK_AUTHOR("Gabriel García Márquez, Gregory Rabassa", "gabriel garcia marquez");
        CHECK_AUTHOR("Terry Pratchett & Neil Gaiman", "pratchett terry");
        CHECK_AUTHOR("Terry Pratchett and Neil Gaiman", "pratchett terry");
        CHECK_AUTHOR("Stephen King, Owen King", "king stephen");
        CHECK_AUTHOR("by Stephen King", "king stephen");
        CHECK_AUTHOR("King, Martin Luther, Jr.", "king luther martin");
        CHECK_AUTHOR("Kurt Vonnegut Jr.", "kurt vonnegut");
        CHECK_AUTHOR("Homer, Robert Fagles", "homer");
        CHECK_AUTHOR("Homer", "homer");
        CHECK_AUTHOR("村上 春樹", "村上春樹");
        CHECK_AUTHOR("村上春樹, 河合隼雄", "村上春樹河合隼雄"); /* as "last, first": cannot be told */
        CHECK_AUTHOR("Лев Толстой", "лев толстой");
        CHECK_AUTHOR("Толстой, Лев", "лев толстой");
        CHECK_AUTHOR("Sándor Márai", "marai sandor");
        CHECK_AUTHOR("GEORGE ORWELL", "george orwell");
        CHECK_AUTHOR("X", "x");
}

TEST(nobody_is_no_author)
{
        static const char *const names[] = {"",     "Various",         "Unknown", "Anonymous", "N/A",
                                            "null", "Various Authors", "🙂",    ", , ,"};

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                CHECK_AUTHOR(names[i], "");
                CHECK_KEY("Beowulf", names[i], "");
        }
        CHECK_KEY("", "Homer", "");
        CHECK_KEY("!!!", "Homer", "");
}

TEST(a_key_has_title_author_and_a_subtitle_that_means_something)
{
        CHECK_KEY("The Hobbit", "Tolkien, J.R.R.", "hobbit/jrr tolkien");
        CHECK_KEY("Sapiens: A Brief History of Humankind", "Yuval Noah Harari",
                  "sapiens/harari noah yuval:a brief history of humankind");
        CHECK_KEY("Beloved: A Novel", "Toni Morrison", "beloved/morrison toni");
        CHECK_KEY("Dune: 50th Anniversary Edition", "Frank Herbert", "dune/frank herbert");
        CHECK(same("Frankenstein; or, The Modern Prometheus", "Mary Shelley", "Frankenstein",
                   "Shelley, Mary"));
        CHECK(same("Krieg und Frieden", "Лев Толстой", "KRIEG UND FRIEDEN", "Толстой, Лев"));
}

TEST(long_and_broken_input_is_cut_and_does_no_harm)
{
        size_t size = 8192;
        _cleanup_free_ char *text = malloc(size + 1);
        static const char *const parts[] = {"a",     "(",    "#",    ": ",           " ",
                                            ", or ", "(#1 ", "x y ", "\xe6\x9d\x91", "\xff",
                                            "A.",    "'",    "&",    "vol 1 ",       "(graphic) "};

        for (size_t p = 0; p < ELEMENTSOF(parts); p++) {
                for (size_t i = 0; i < size; i++)
                        text[i] = parts[p][i % strlen(parts[p])];
                text[size] = 0;
                _cleanup_free_ char *title = work_title(text), *author = work_author(text),
                                    *key = work_key(text, text);
                CHECK(title && author && key);
                CHECK(strlen(key) < 4096);
        }
}

TEST(random_titles_do_no_harm_and_their_keys_are_folded)
{
        static const char *const parts[] = {"The ",    "Dune",    " (",     ")",  "#",     "1",     "2-3",
                                            ": ",      " - ",     "; or, ", ", ", "vol. ", "Part ", "Two",
                                            "É",       "’",       "&",      "村", "[",     "]",     "Edition",
                                            "French ", "graphic", " of ",   "I"};
        uint64_t random = 2;

        for (unsigned round = 0; round < 20000; round++) {
                char text[400] = "", author[100] = "";
                for (unsigned n = (unsigned) (random_next(&random) % 20); n > 0; n--)
                        strcat(text, parts[random_next(&random) % ELEMENTSOF(parts)]);
                for (unsigned n = (unsigned) (random_next(&random) % 6); n > 0; n--)
                        strcat(author, parts[random_next(&random) % ELEMENTSOF(parts)]);
                _cleanup_free_ char *key = work_key(text, author);
                size_t slash = strcspn(key, "/");
                CHECK(!*key || (slash > 0 && key[slash] == '/' && key[slash + 1]));
                for (char *s = key; *s; s++)
                        if (*s == '/' || *s == ':')
                                *s = ' ';
                _cleanup_free_ char *folded = text_fold(key);
                CHECK_STR(folded, key);
        }
}

MAIN()
