/* SPDX-License-Identifier: MIT */
/* Growing texts, error texts, and the escapes for foreign text. */
#include "base/error.h"
#include "base/text.h"
#include "tests/test.h"

TEST(a_text_in_a_buffer_moves_out_when_it_grows_and_is_handed_over_as_a_copy)
{
        char buffer[8];
        Text t = text_in(buffer, sizeof buffer);
        char *taken;

        CHECK_STR(t.data, "");
        text_add_string(&t, "seven");
        text_add_bytes(&t, "..", 2);
        CHECK(t.data == buffer);
        CHECK_STR(buffer, "seven..");
        CHECK_INT(text_take(&t, &taken), 0);
        CHECK(taken != buffer);
        CHECK_STR(taken, "seven..");
        free(taken);
        CHECK(!t.data && t.size == 0);

        t = text_in(buffer, sizeof buffer);
        text_add_string(&t, "1234567");
        text_add_number(&t, 89);
        CHECK(t.data != buffer);
        CHECK_STR(t.data, "123456789");
        CHECK_INT(text_take(&t, &taken), 0);
        CHECK_STR(taken, "123456789");
        free(taken);

        t = text_in(buffer, sizeof buffer);
        text_truncate(&t, 0);
        CHECK_INT(text_take(&t, &taken), 0);
        CHECK_STR(taken, "");
        free(taken);
        t = text_in(buffer, sizeof buffer);
        text_add_string(&t, "longer than the buffer");
        text_clear(&t);
        text_add_string(&t, "from new");
        CHECK_STR(t.data, "from new");
        text_clear(&t);
        t = text_in(buffer, sizeof buffer);
        text_clear(&t); /* frees nothing */
}

TEST(knows_what_can_be_a_header)
{
        CHECK(string_is_token("Content-Type"));
        CHECK(string_is_token("!#$%&'*+-.^_`|~09azAZ"));
        CHECK(!string_is_token(""));
        for (int c = 1; c < 256; c++) {
                char s[] = {'a', (char) c, 'b', '\0'};

                CHECK_INT(string_is_token(s), c > ' ' && c < 0x7f && !strchr("\"(),/:;<=>?@[\\]{}", c));
        }
}

MAIN()

static char *plain(const char *s, size_t limit)
{
        static char *last;
        Text t = {0};

        free(TAKE_PTR(last));
        text_add_plain(&t, s, limit);
        CHECK_INT(text_take(&t, &last), 0);
        return last;
}

static char *html(const char *s, char *buffer, size_t size)
{
        _cleanup_text_ Text t = {0};

        text_add_html(&t, s);
        CHECK(!t.failed && t.size < size);
        memcpy(buffer, t.data, t.size + 1);
        return buffer;
}

TEST(a_text_grows_and_is_handed_over)
{
        Text t = {0};
        char *s = NULL;

        for (int i = 0; i < 1000; i++)
                text_add(&t, "%d,", i);
        text_add_string(&t, "end");
        text_add_bytes(&t, "\0x", 2);
        CHECK_INT(t.size, 3890 + 3 + 2);
        CHECK_INT(text_take(&t, &s), 0);
        CHECK(strncmp(s, "0,1,2,3,", 8) == 0);
        CHECK_STR(s + 3890, "end");
        free(s);
        CHECK(!t.data && t.size == 0);
}

TEST(an_empty_text_is_taken_as_the_empty_string)
{
        Text t = {0};
        char *s = NULL;

        text_add_string(&t, "");
        text_add(&t, "%s", "");
        CHECK_INT(text_take(&t, &s), 0);
        CHECK_STR(s, "");
        free(s);
}

TEST(a_failed_text_says_so_once_at_the_end)
{
        Text t = {.failed = true};
        char *s = NULL;

        text_add(&t, "%d", 1);
        text_add_string(&t, "x");
        text_add_plain(&t, "x", 0);
        CHECK_INT(text_take(&t, &s), -ENOMEM);
        CHECK(!s);
        CHECK(!t.failed);
}

TEST(plain_text_makes_control_characters_visible)
{
        CHECK_STR(plain("one\ntwo\r\n\ttabbed", 0), "one\\ntwo\\r\\n\\ttabbed");
        CHECK_STR(plain("\x1b[2Jgone\x7f", 0), "\\x1b[2Jgone\\x7f");
        CHECK_STR(plain("\xc2\x9b"
                        "31m",
                        0),
                  "\\u009b31m");
}

TEST(plain_text_makes_bidi_and_invisible_characters_visible)
{
        CHECK_STR(plain("abc\u202etxt.exe", 0), "abc\\u202etxt.exe");
        CHECK_STR(plain("\u2066\u200f\u061c\ufeff\u200b\u2028", 0),
                  "\\u2066\\u200f\\u061c\\ufeff\\u200b\\u2028");
        CHECK_STR(plain("\U000e0041", 0), "\\U000e0041");
}

TEST(plain_text_leaves_letters_of_all_scripts_alone)
{
        CHECK_STR(plain("Bücher, 日本語, עברית, 📚", 0), "Bücher, 日本語, עברית, 📚");
}

TEST(plain_text_makes_invalid_utf8_visible)
{
        CHECK_STR(plain("a\xff"
                        "b",
                        0),
                  "a\\xffb");
        CHECK_STR(plain("\xc0\xaf", 0), "\\xc0\\xaf");                   /* overlong / */
        CHECK_STR(plain("\xe0\x80\xaf", 0), "\\xe0\\x80\\xaf");          /* overlong / */
        CHECK_STR(plain("\xed\xa0\x80", 0), "\\xed\\xa0\\x80");          /* a surrogate */
        CHECK_STR(plain("\xf4\x90\x80\x80", 0), "\\xf4\\x90\\x80\\x80"); /* past U+10FFFF */
        CHECK_STR(plain("cut \xe2\x82", 0), "cut \\xe2\\x82");
}

TEST(plain_text_does_not_change_again)
{
        char once[256];
        plain_copy(once, sizeof once, "a\nb\x1b\u202e\xff\\");
        CHECK_STR(plain(once, 0), once);
}

TEST(plain_text_looks_no_further_than_the_limit)
{
        CHECK_STR(plain("abcdef", 3), "abc");
        CHECK_STR(plain("abc", 10), "abc");
        CHECK_STR(plain("ab\u20ac", 3), "ab"); /* no half character */
        CHECK_STR(plain("ab\u20ac", 4), "ab");
        CHECK_STR(plain("ab\u20ac", 5), "ab\u20ac");
}

TEST(a_copy_ends_at_a_character_or_escape)
{
        char b[6];
        CHECK_STR(plain_copy(b, sizeof b, "abcdefgh"), "abcde");
        CHECK_STR(plain_copy(b, sizeof b, "abc\u20ac"), "abc");
        CHECK_STR(plain_copy(b, sizeof b, "abcd\n"), "abcd");
        CHECK_STR(plain_copy(b, sizeof b, ""), "");
        CHECK_STR(plain_copy(b, 1, "abc"), "");
}

TEST(html_is_escaped_for_text_and_attributes)
{
        char b[256];
        CHECK_STR(html("<script>alert(\"x\" & 'y')</script>", b, sizeof b),
                  "&lt;script&gt;alert(&quot;x&quot; &amp; &#39;y&#39;)&lt;/script&gt;");
        CHECK_STR(html("a\x1b\u202e\xff", b, sizeof b), "a\\x1b\\u202e\\xff");
        CHECK_STR(html("two\nlines", b, sizeof b), "two\nlines");
}

TEST(a_shell_reads_a_quoted_word_back_as_it_was)
{
        static const char word[] = "it's $HOME `id` \\ \"x\" ''\n";
        _cleanup_text_ Text t = {0};
        char got[128] = "";

        text_add_string(&t, "printf %s ");
        text_add_quoted(&t, word);
        FILE *f = popen(t.data, "r");
        CHECK(f);
        size_t n = fread(got, 1, sizeof got - 1, f);
        CHECK_INT(pclose(f), 0);
        CHECK_INT(n, sizeof word - 1);
        CHECK_STR(got, word);
}

TEST(names_are_letters_digits_dot_underscore_dash)
{
        CHECK(string_valid_name("payment-api"));
        CHECK(string_valid_name("_a.B-9"));
        CHECK(!string_valid_name(""));
        CHECK(!string_valid_name(".hidden"));
        CHECK(!string_valid_name("-rf"));
        CHECK(!string_valid_name("a/b"));
        CHECK(!string_valid_name("a b"));
        CHECK(!string_valid_name("ä"));
        char b[66] = {0};
        memset(b, 'a', 64);
        CHECK(string_valid_name(b));
        b[64] = 'a';
        CHECK(!string_valid_name(b));
}

TEST(an_error_text_is_set_and_prefixed_and_may_hold_itself)
{
        Error e;
        CHECK_INT(error_set(&e, -EIO, "%s %d", "disk", 5), -EIO);
        CHECK_STR(e.text, "disk 5");
        CHECK_INT(error_prefix(&e, -EINVAL, "probe %s", "db"), -EINVAL);
        CHECK_STR(e.text, "probe db: disk 5");
        CHECK_INT(error_set(&e, -1, "again: %s", e.text), -1);
        CHECK_STR(e.text, "again: probe db: disk 5");
        CHECK_INT(error_prefix(&e, -1, "%s", e.text), -1);
        CHECK_STR(e.text, "again: probe db: disk 5: again: probe db: disk 5");
        CHECK_INT(error_set(NULL, -EIO, "nobody asks"), -EIO);
        CHECK_INT(error_prefix(NULL, -EIO, "nobody asks"), -EIO);
}

TEST(a_long_error_text_is_cut_between_characters)
{
        Error e;
        char s[1024] = "";
        for (size_t i = 0; i + 3 < sizeof s; i += 3)
                memcpy(s + i, "\u20ac", 4);
        error_set(&e, -1, "%s", s);
        CHECK_INT(strlen(e.text), 510); /* 170 of three bytes each; one more would not fit */
        char copy[sizeof e.text];
        CHECK_STR(plain_copy(copy, sizeof copy, e.text), e.text);
        error_prefix(&e, -1, "yy");
        CHECK_STR(plain_copy(copy, sizeof copy, e.text), e.text);
}

static const char *json(const char *s)
{
        static char *last;
        Text t = {0};

        free(TAKE_PTR(last));
        text_add_json(&t, s);
        CHECK_INT(text_take(&t, &last), 0);
        return last;
}

TEST(json_strings_are_ended_by_nothing_in_them)
{
        CHECK_STR(json(""), "\"\"");
        CHECK_STR(json("plain text"), "\"plain text\"");
        CHECK_STR(json("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"");
        CHECK_STR(json("\b\t\n\f\r"), "\"\\b\\t\\n\\f\\r\"");
        CHECK_STR(json("\x01\x1f\x7f"), "\"\\u0001\\u001f\\u007f\"");
        CHECK_STR(json("</script>&"), "\"\\u003c/script\\u003e\\u0026\"");
        CHECK_STR(json("\xe2\x80\xa8\xe2\x80\xa9"), "\"\\u2028\\u2029\"");
        CHECK_STR(json("\xe7\xbe\x85 \xf0\x9f\x98\x80"), "\"\xe7\xbe\x85 \xf0\x9f\x98\x80\"");
}

TEST(json_strings_are_valid_utf8_whatever_comes)
{
        CHECK_STR(json("\xff"), "\"\xef\xbf\xbd\"");
        CHECK_STR(json("a\xe7\xbe"), "\"a\xef\xbf\xbd\xef\xbf\xbd\"");
        CHECK_STR(json("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""); /* a surrogate */
        CHECK_STR(json("\xc0\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST(what_people_typed_is_read_as_they_meant_it)
{
        char text[] = "\tOne\r\nso\u00adft\u200b \ufeffline\u2060. \U0001f468\u200d\U0001f373 \u2028",
             empty[] = "\r\u200b", odd[] = "a\xe2\x80";

        text_tidy(text);
        CHECK_STR(text, " One\nsoft line. \U0001f468\u200d\U0001f373 \u2028");
        text_tidy(empty);
        CHECK_STR(empty, "");
        text_tidy(odd);
        CHECK_STR(odd, "a\xe2\x80");
}
