/* SPDX-License-Identifier: MIT */
/* template: what is shown, what is not, and that no value is ever markup. */
#include "base/template.h"
#include "tests/test.h"

static const char *words(const char *key, void *userdata)
{
        return streq(key, "hello") ? "Hello {name}, since {since} {" : streq(key, "tag") ? "<b>&</b>" : NULL;
}

static const char *parts(const char *name, void *userdata)
{
        return streq(name, "style")  ? "  a{b}\n  c"
               : streq(name, "row")  ? "<i>{{=x}}</i>{{#more}}{{+row}}{{/more}}\n"
               : streq(name, "self") ? "{{+self}}"
               : streq(name, "open") ? "{{#x}}"
                                     : NULL;
}

static int try(const char *template, const char *data, char **ret)
{
        _cleanup_text_ Text t = {0};
        json_t *j = json_loads(data, 0, NULL);

        CHECK(j);
        int r = template_render(&t, template, j, words, parts, NULL);
        json_decref(j);
        return r < 0 ? r : text_take(&t, ret);
}

static void check_renders(const char *template, const char *data, const char *wanted)
{
        _cleanup_free_ char *text = NULL;

        CHECK_INT(try(template, data, &text), 0);
        CHECK_STR(text, wanted);
}

#define EVIL "{\"x\":\"<i>\\\"'&\"}"

TEST(values_are_escaped_everywhere)
{
        check_renders("<p>{{x}}</p>", EVIL, "<p>&lt;i&gt;&quot;&#39;&amp;</p>");
        check_renders("<p>{{=x}}</p>", EVIL, "<p><bdi>&lt;i&gt;&quot;&#39;&amp;</bdi></p>");
        check_renders("{{_hello}}", "{\"name\":\"<i>\"}", "Hello &lt;i&gt;, since  {");
        check_renders("{{_tag}}", "{}", "&lt;b&gt;&amp;&lt;/b&gt;");
        check_renders("{{x}}", "{\"x\":\"{{y}}\",\"y\":1}", "{{y}}"); /* once only */
        check_renders("{{x}}", "{\"x\":{\"at\":\"\\\"\",\"text\":\"<\"}}", "&lt;");
        check_renders("{{=x}}", "{\"x\":{\"at\":\"\\\"<\",\"text\":\"<\"}}",
                      "<time datetime=\"&quot;&lt;\">&lt;</time>");
}

TEST(numbers_nothing_and_what_is_outside_are_found)
{
        check_renders("{{n}}|{{none}}|{{t}}", "{\"n\":-5,\"t\":true}", "-5||");
        check_renders("{{#list}}{{x}}{{out}};{{/list}}",
                      "{\"out\":\"o\",\"list\":[{\"x\":1},{\"x\":2,\"out\":\"i\"}]}", "1o;2i;");
        check_renders("{{#list}}{{.}},{{/list}}", "{\"list\":[\"a\",\"<\"]}", "a,&lt;,");
        check_renders("{{>style}}", "{}", "  a{b}\n  c");
}

TEST(parts_may_be_templates)
{
        check_renders("a\n  {{+row}}\nb", "{\"x\":\"<\"}", "a\n<i><bdi>&lt;</bdi></i>\nb");
        check_renders("{{#list}}{{+row}}{{/list}}",
                      "{\"list\":[{\"x\":1,\"more\":[{\"x\":2,\"more\":[]}]},{\"x\":3}]}",
                      "<i><bdi>1</bdi></i><i><bdi>2</bdi></i>\n<i><bdi>3</bdi></i>\n");
        char *text = NULL;
        CHECK_INT(try("{{+self}}", "{}", &text), -EINVAL);
        CHECK_INT(try("{{+open}}{{/x}}", "{}", &text), -EINVAL);
        CHECK_INT(try("{{+none}}", "{}", &text), -EINVAL);
}

TEST(sections_show_what_is_there)
{
        static const char template[] = "{{#x}}yes{{/x}}{{^x}}no{{/x}}";
        static const char *const shown[] = {"true", "1", "\"a\"", "{}", "[0]"};
        static const char *const hidden[] = {"false", "0", "\"\"", "null", "[]"};

        for (size_t i = 0; i < ELEMENTSOF(shown); i++) {
                _cleanup_free_ char *yes = string_printf("{\"x\":%s}", shown[i]);
                _cleanup_free_ char *no = string_printf("{\"x\":%s}", hidden[i]);
                check_renders(template, yes, "yes");
                check_renders(template, no, "no");
        }
        check_renders(template, "{}", "no");
        check_renders("{{#a}}{{#a}}{{b}}{{/a}}{{/a}}", "{\"a\":{\"a\":{\"b\":3}}}", "3");
}

TEST(indentation_and_lines_of_sections_are_left_out)
{
        check_renders("<a>\n  <b>\n  {{#x}}\n    <c>{{.}}</c>\n  {{/x}}\n</a>\n", "{\"x\":[1,2]}",
                      "<a>\n<b>\n<c>1</c>\n<c>2</c>\n</a>\n");
        check_renders("a {{#x}}b {{/x}}c", "{\"x\":true}", "a b c");
}

TEST(moments_in_texts_are_elements_where_asked_for)
{
        static const char data[] = "{\"name\":\"A\",\"since\":{\"at\":\"2026\",\"text\":\"now\"}}";

        check_renders("{{=_hello}}", data, "Hello <bdi>A</bdi>, since <time datetime=\"2026\">now</time> {");
        check_renders("{{_hello}}", data, "Hello A, since now {");
}

TEST(broken_templates_are_refused)
{
        static const char *const broken[] = {"{{#a}}",   "{{/a}}", "{{#a}}{{#b}}{{/a}}{{/b}}",
                                             "{{a",      "{{}}",   "{{_nosuchtext}}",
                                             "{{>none}}"};

        for (size_t i = 0; i < ELEMENTSOF(broken); i++) {
                _cleanup_free_ char *text = NULL;
                CHECK_INT(try(broken[i], "{\"a\":true,\"b\":true}", &text), -EINVAL);
        }
}

TEST(patterns_are_filled_as_plain_text)
{
        _cleanup_text_ Text t = {0};
        json_t *data = json_pack("{s:i,s:s}", "n", 5, "x", "<");

        template_fill(&t, "{n} min {x} {none}{", data);
        CHECK_STR(t.data, "5 min < {");
        json_decref(data);
}

MAIN()
