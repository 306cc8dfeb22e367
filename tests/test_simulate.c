/* SPDX-License-Identifier: MIT */
/* `simulate`: the golden scenarios of tests/sim/, what it says to a bad trace, and that it repeats itself.
 *
 * A scenario is NAME.trace, NAME.expected, and NAME.txt, whose first line is "# CONFIG.yaml" or "# CONFIG.yaml, seed N"
 * and whose other lines say what it shows and why that is right. scripts/golden shows or takes over differences. */
#include "supervisor/simulate.h"

#include "base/file.h"
#include "tests/test.h"

#include <dirent.h>

#define FOLDER SOURCE_DIR "/tests/sim"

static char *read_text(const char *name, const char *suffix)
{
        char path[512], *text = NULL;
        size_t size = 0;
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s%s", FOLDER, name, suffix);
        f = fopen(path, "re");
        if (!f || getdelim(&text, &size, EOF, f) < 0)
                fprintf(stderr, "%s cannot be read\n", path);
        CHECK(f && text);
        fclose(f);
        return text;
}

static Config *load(const char *name)
{
        char path[512];
        Config *c = NULL;
        Error e;

        snprintf(path, sizeof(path), "%s/%s", FOLDER, name);
        if (config_load(path, &c, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK(c);
        return c;
}

/* Malloc'ed output, NULL with words on failure. */
static char *play(const Config *c, const char *trace, uint64_t seed, Error *e)
{
        char *text = NULL;
        size_t size = 0;
        FILE *in = fmemopen((void *) (uintptr_t) trace, strlen(trace), "r"),
             *out = open_memstream(&text, &size);
        int r;

        CHECK(in && out);
        r = simulate(c, in, "trace", seed, out, e);
        fclose(in);
        fclose(out);
        if (r < 0) {
                free(text);
                return NULL;
        }
        return text;
}

static bool as_expected(const char *name)
{
        _cleanup_free_ char *trace = read_text(name, ".trace"), *expected = read_text(name, ".expected");
        _cleanup_free_ char *story = read_text(name, ".txt"), *got = NULL;
        _cleanup_(config_freep) Config *c = NULL;
        unsigned long seed = 1;
        char config[128];
        Error e;

        CHECK(sscanf(story, "# %127[a-z0-9.-], seed %lu", config, &seed) >= 1);
        CHECK(strchr(story, '\n') && strlen(strchr(story, '\n')) > 40); /* it says why */
        c = load(config);
        got = play(c, trace, seed, &e);
        if (got && streq(got, expected))
                return true;
        fprintf(stderr, "%s: %s\n--- expected\n%s--- got\n%s", name, story, expected, got ? got : e.text);
        return false;
}

TEST(each_scenario_goes_as_its_story_says)
{
        struct dirent **names;
        int n = scandir(FOLDER, &names, NULL, alphasort);
        unsigned scenarios = 0, wrong = 0;

        CHECK(n > 0);
        for (int i = 0; i < n; i++) {
                char *dot = strrchr(names[i]->d_name, '.');

                if (dot && streq(dot, ".trace")) {
                        *dot = 0;
                        scenarios++;
                        wrong += !as_expected(names[i]->d_name);
                }
                free(names[i]);
        }
        free(names);
        CHECK_INT(wrong, 0);
        CHECK(scenarios >= 80);
}

TEST(every_file_belongs_to_a_scenario)
{
        static const char *const suffixes[] = {".trace", ".expected", ".txt"};
        struct dirent **names;
        int n = scandir(FOLDER, &names, NULL, alphasort);

        CHECK(n > 0);
        for (int i = 0; i < n; i++) {
                char *dot = strrchr(names[i]->d_name, '.');

                if (dot && names[i]->d_name[0] != '.' && !streq(dot, ".yaml")) {
                        *dot = 0;
                        for (size_t k = 0; k < ELEMENTSOF(suffixes); k++)
                                free(read_text(names[i]->d_name, suffixes[k]));
                }
                free(names[i]);
        }
        free(names);
}

TEST(the_same_seed_gives_the_same_story_and_another_seed_other_chances)
{
        _cleanup_(config_freep) Config *c = load("shop.yaml");
        static const char trace[] = "{\"t\":600,\"probe\":\"payment-api\",\"behaviour\":\"fail\",\"p\":0.5}\n"
                                    "{\"t\":7200,\"end\":true}\n";
        _cleanup_free_ char *a = NULL, *b = NULL, *other = NULL;
        Error e;

        a = play(c, trace, 1, &e);
        b = play(c, trace, 1, &e);
        other = play(c, trace, 2, &e);
        CHECK(a && b && other);
        CHECK_STR(a, b);
        CHECK(!streq(a, other));
}

TEST(a_trace_without_an_end_ends_with_its_last_line)
{
        _cleanup_(config_freep) Config *c = load("two-modes.yaml");
        _cleanup_free_ char *got = NULL;
        Error e;

        got = play(c, "\n  \n{\"t\":60,\"operator\":\"pause\"}\n\n", 1, &e);
        CHECK(got);
        CHECK_STR(got, "{\"t\":60,\"mode\":\"primary\",\"runs\":{\"payment-api\":3,\"btcpay\":2}}\n");
}

TEST(nothing_after_the_end_is_read)
{
        _cleanup_(config_freep) Config *c = load("two-modes.yaml");
        _cleanup_free_ char *got = NULL;
        Error e;

        got = play(c, "{\"t\":60,\"end\":true}\nthis is no JSON\n", 1, &e);
        CHECK(got);
}

TEST(an_empty_trace_is_a_shop_at_second_zero)
{
        _cleanup_(config_freep) Config *c = load("two-modes.yaml");
        _cleanup_free_ char *got = NULL;
        Error e;

        got = play(c, "\n", 1, &e);
        CHECK(got);
        CHECK(strstr(got, "\"runs\":{\"payment-api\":0,\"btcpay\":0}}\n"));
}

typedef struct Bad {
        const char *line, *says;
} Bad;

static const Bad bad_lines[] = {
                {"{\"t\":20,\"probe\":\"payment-api\",\"behaviour\":\"fail\",\"prob\":0.5}",
                 "trace:2: unknown key `prob`"},
                {"nonsense", "trace:2: "},
                {"[1]", "trace:2: each line is a JSON object"},
                {"{\"end\":true}", "trace:2: `t` is missing: seconds from the start"},
                {"{\"t\":\"soon\",\"end\":true}", "trace:2: `t` is a number of seconds, at least 0"},
                {"{\"t\":1e12,\"end\":true}", "trace:2: `t` is a number of seconds, at least 0"},
                {"{\"t\":5,\"end\":true}",
                 "trace:2: `t` goes back from 10 to 5: lines stand in order of time"},
                {"{\"t\":-1,\"end\":true}", "trace:2: `t` is a number of seconds, at least 0"},
                {"{\"t\":20}", "trace:2: nothing happens here: give behaviour, report, operator, clock_jump, "
                               "stall, crash or "
                               "end"},
                {"{\"t\":20,\"probe\":\"x\",\"behaviour\":\"fail\"}", "trace:2: no probe `x` in the config"},
                {"{\"t\":20,\"behaviour\":\"fail\"}", "trace:2: no probe `` in the config"},
                {"{\"t\":20,\"probe\":7,\"behaviour\":\"fail\"}", "trace:2: no probe `` in the config"},
                {"{\"t\":20,\"probe\":\"disk\",\"behaviour\":\"dance\"}",
                 "trace:2: `behaviour` is pass, warn, fail, hang or inconclusive"},
                {"{\"t\":20,\"probe\":\"disk\",\"behaviour\":\"fail\",\"p\":2}",
                 "trace:2: `p` is a share between 0 and 1"},
                {"{\"t\":20,\"probe\":\"disk\",\"behaviour\":\"fail\",\"p\":\"half\"}",
                 "trace:2: `p` is a share between 0 and 1"},
                {"{\"t\":20,\"probe\":\"disk\",\"behaviour\":\"fail\",\"latency\":-1}",
                 "trace:2: `latency` is a number of seconds, at least 0"},
                {"{\"t\":20,\"probe\":\"checkout\",\"behaviour\":\"fail\"}",
                 "trace:2: probe `checkout` is passive: it is told by `report`"},
                {"{\"t\":20,\"probe\":\"disk\",\"report\":\"fail\"}",
                 "trace:2: probe `disk` is not passive: nobody reports to it"},
                {"{\"t\":20,\"probe\":\"checkout\",\"report\":\"bad\"}",
                 "trace:2: `report` is pass, warn, fail or inconclusive"},
                {"{\"t\":20,\"operator\":\"dance\"}",
                 "trace:2: `operator` is force-fallback, force-primary, auto, pause, resume or ack"},
                {"{\"t\":20,\"operator\":\"force-fallback\",\"mode\":\"moon\"}",
                 "trace:2: no mode `moon` in the config"},
                {"{\"t\":20,\"operator\":\"force-fallback\",\"for\":\"10\"}",
                 "trace:2: `for` is a duration with a unit: \"10m\""},
                {"{\"t\":20,\"operator\":\"force-fallback\",\"for\":10}",
                 "trace:2: `for` is a duration with a unit: \"10m\""},
                {"{\"t\":20,\"clock_jump\":\"far\"}",
                 "trace:2: `clock_jump` is a number of seconds, negative for backwards"},
                {"{\"t\":20,\"stall\":-2}", "trace:2: `stall` is a number of seconds, at least 0"},
                {"{\"t\":20,\"crash\":true}", "trace:2: `crash` is a number of seconds, at least 0"},
};

TEST(a_bad_line_is_named_with_what_would_be_right)
{
        _cleanup_(config_freep) Config *c = load("shop.yaml");

        for (size_t i = 0; i < ELEMENTSOF(bad_lines); i++) {
                char trace[512];
                Error e = {0};

                snprintf(trace, sizeof(trace), "{\"t\":10,\"operator\":\"ack\"}\n%s\n", bad_lines[i].line);
                CHECK(!play(c, trace, 1, &e));
                if (strncmp(e.text, bad_lines[i].says, strlen(bad_lines[i].says)) != 0)
                        fprintf(stderr, "%s\ngives %s\n", bad_lines[i].line, e.text);
                CHECK(strncmp(e.text, bad_lines[i].says, strlen(bad_lines[i].says)) == 0);
        }
}

TEST(a_line_without_end_is_refused)
{
        _cleanup_(config_freep) Config *c = load("two-modes.yaml");
        char *trace = malloc(10001);
        Error e;

        CHECK(trace);
        memset(trace, ' ', 10000);
        trace[10000] = 0;
        CHECK(!play(c, trace, 1, &e));
        CHECK_STR(e.text, "trace:1: the line is longer than 4095 bytes");
        free(trace);
}

TEST(what_is_no_text_is_refused)
{
        static const struct {
                const char *bytes;
                size_t size;
                const char *says;
        } list[] = {
                        {"{\"t\":1,\"end\":true}\0 junk\n", 26,
                         "trace:1: a trace is text; there is a NUL byte"},
                        {"\n\0\n", 3, "trace:2: a trace is text; there is a NUL byte"},
                        {"\xef\xbb\xbf{\"t\":1,\"end\":true}\n", 23,
                         "trace:1: it begins with a byte order mark: save it as UTF-8 without one"},
        };
        _cleanup_(config_freep) Config *c = load("two-modes.yaml");
        Error e;

        for (size_t i = 0; i < ELEMENTSOF(list); i++) {
                FILE *in = fmemopen((void *) (uintptr_t) list[i].bytes, list[i].size, "r"),
                     *out = fopen("/dev/null", "we");

                CHECK(in && out);
                CHECK(simulate(c, in, "trace", 1, out, &e) < 0);
                CHECK(strncmp(e.text, list[i].says, strlen(list[i].says)) == 0);
                fclose(in);
                fclose(out);
        }
        FILE *zero = fopen("/dev/zero", "re"), *out = fopen("/dev/null", "we");
        CHECK(zero && out);
        CHECK(simulate(c, zero, "trace", 1, out, &e) < 0); /* and comes to an end */
        fclose(zero);
        fclose(out);
}

MAIN()
