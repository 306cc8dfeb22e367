/* SPDX-License-Identifier: MIT */
/* Findings: how many are told, in which order, and where in the file their keys stand. */
#include "base/finding.h"

#include "tests/test.h"

static Conf *parsed(const char *text)
{
        Conf *conf = NULL;
        Error e;

        if (conf_load_text("f.yaml", text, strlen(text), &conf, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK(conf);
        return conf;
}

/* Where it says that the key stands. */
static const char *place_of(const Conf *conf, const char *key)
{
        static char place[64];
        _cleanup_findings_ Findings f = {0};

        CHECK(findings_add(&f, FINDING_WARNING, "code", "before:1:1", key, "text"));
        findings_locate(&f, conf);
        snprintf(place, sizeof(place), "%s", f.items[0]->place);
        return place;
}

TEST(a_key_is_found_in_the_file_whatever_dots_are_in_names)
{
        _cleanup_(conf_freep) Conf *conf = parsed("probes:\n"
                                                  "  a: {url: x}\n"
                                                  "  a.b: {url: y, list: [1, 2]}\n"
                                                  "modes:\n"
                                                  "  - {name: first}\n"
                                                  "  - name: second\n"
                                                  "    requires: [a, a.b]\n");

        CHECK_STR(place_of(conf, "probes.a.url"), "f.yaml:2:12");
        CHECK_STR(place_of(conf, "probes.a.b.url"), "f.yaml:3:14");
        CHECK_STR(place_of(conf, "probes.a.b.list[1]"), "f.yaml:3:27");
        CHECK_STR(place_of(conf, "modes[1].requires[1]"), "f.yaml:7:19");
        CHECK_STR(place_of(conf, "modes[0].name"), "f.yaml:5:12");
}

TEST(what_is_not_there_has_the_place_of_what_is_around_it)
{
        _cleanup_(conf_freep) Conf *conf = parsed("probes:\n  a: {url: x}\nmodes: [{name: first}]\n");

        CHECK_STR(place_of(conf, "probes.a.timeout"), "f.yaml:2:6");
        CHECK_STR(place_of(conf, "modes[0].requires[7]"), "f.yaml:3:9");
        CHECK_STR(place_of(conf, "modes[9].requires"), "f.yaml:3:8");
        CHECK_STR(place_of(conf, "modes[x"), "f.yaml:3:8");
        CHECK_STR(place_of(conf, "probes.a.url.deeper"), "f.yaml:2:12");
        CHECK_STR(place_of(conf, "failback.hold"), "f.yaml:1:1");
}

TEST(a_finding_without_a_key_keeps_its_place)
{
        _cleanup_(conf_freep) Conf *conf = parsed("a: b\n");
        _cleanup_findings_ Findings f = {0};

        CHECK(findings_add(&f, FINDING_NOTE, "code", "else.yaml:4:2", NULL, "text"));
        findings_locate(&f, conf);
        CHECK_STR(f.items[0]->place, "else.yaml:4:2");
        CHECK_STR(f.items[0]->key, "");
}

TEST(many_of_one_code_are_counted_and_not_told)
{
        _cleanup_findings_ Findings f = {0};

        for (int i = 0; i < FINDING_ALIKE_MAX; i++)
                CHECK(findings_add(&f, FINDING_WARNING, "alike", NULL, NULL, "number %d", i));
        for (int i = 0; i < 5; i++)
                CHECK(!findings_add(&f, FINDING_WARNING, "alike", NULL, NULL, "one more"));
        CHECK(findings_add(&f, FINDING_ERROR, "other", NULL, NULL, "another"));
        findings_another(&f, f.items[0]);
        CHECK_INT(f.count, FINDING_ALIKE_MAX + 1);
        CHECK_INT(f.counts[FINDING_WARNING], FINDING_ALIKE_MAX + 6);
        CHECK_INT(f.counts[FINDING_ERROR], 1);
        CHECK_INT(f.items[FINDING_ALIKE_MAX - 1]->more, 5);
        CHECK_INT(f.items[0]->more, 1);
        finding_means(&f, NULL, "nothing");
        finding_advises(&f, NULL, "nothing");
        CHECK(!f.failed);
}

TEST(errors_come_first_and_the_rest_as_it_was)
{
        _cleanup_findings_ Findings f = {0};

        findings_add(&f, FINDING_NOTE, "a", NULL, NULL, "1");
        findings_add(&f, FINDING_WARNING, "b", NULL, NULL, "2");
        findings_add(&f, FINDING_ERROR, "c", NULL, NULL, "3");
        findings_add(&f, FINDING_WARNING, "d", NULL, NULL, "4");
        findings_add(&f, FINDING_ERROR, "e", NULL, NULL, "5");
        findings_sort(&f);
        for (size_t i = 0; i < f.count; i++)
                CHECK_STR(f.items[i]->message, ((const char *[]){"3", "5", "2", "4", "1"})[i]);
}

TEST(words_of_strangers_become_one_plain_line)
{
        _cleanup_findings_ Findings f = {0};
        Finding *x = findings_add(&f, FINDING_WARNING, "code", NULL, "probes.\033", "%s", "a\nb\033[31m");

        CHECK(x);
        finding_means(&f, x, "%s", "c\nd");
        finding_advises(&f, x, "%s", "e\rf");
        CHECK(!strpbrk(x->message, "\n\033") && !strpbrk(x->key, "\033"));
        CHECK(!strchr(x->meaning, '\n') && !strchr(x->advice, '\r'));
}

TEST(programs_get_the_place_in_three_parts)
{
        _cleanup_findings_ Findings f = {0};
        _cleanup_json_ json_t *j = NULL;
        const json_t *first, *second;
        Finding *x;

        x = findings_add(&f, FINDING_WARNING, "code", "a:b.yaml:12:3", "k", "text");
        finding_means(&f, x, "meaning");
        findings_add(&f, FINDING_NOTE, "bare", NULL, NULL, "text");
        j = json_whole(findings_to_json(&f));
        CHECK_INT(json_array_size(j), 2);
        first = json_array_get(j, 0);
        second = json_array_get(j, 1);
        CHECK_STR(json_string_value(json_object_get(first, "file")), "a:b.yaml");
        CHECK_INT(json_integer_value(json_object_get(first, "line")), 12);
        CHECK_INT(json_integer_value(json_object_get(first, "column")), 3);
        CHECK_STR(json_string_value(json_object_get(first, "meaning")), "meaning");
        CHECK(json_is_null(json_object_get(first, "advice")));
        CHECK(json_is_null(json_object_get(second, "file")) &&
              json_is_null(json_object_get(second, "line")) && json_is_null(json_object_get(second, "key")));
}

MAIN()
