/* SPDX-License-Identifier: MIT */
/* Names of units as people write them, and their states in words. */
#include "base/unit.h"
#include "tests/test.h"

#include <signal.h>

static const char *name_of(const char *text)
{
        static char full[UNIT_NAME_SIZE];
        Error e;

        return unit_name(text, full, &e) == 0 ? full : e.text[0] ? "refused" : "refused without a word";
}

TEST(a_name_without_type_is_a_service)
{
        CHECK_STR(name_of("shop"), "shop.service");
        CHECK_STR(name_of("shop.service"), "shop.service");
        CHECK_STR(name_of("worker@1"), "worker@1.service");
        CHECK_STR(name_of("php8.2-fpm"), "php8.2-fpm.service");
        CHECK_STR(name_of("btcpay.target"), "btcpay.target");
        CHECK_STR(name_of("var-lib-shop.mount"), "var-lib-shop.mount");
        CHECK_STR(name_of("dev-disk-by\\x2duuid-1.device"), "dev-disk-by\\x2duuid-1.device");
}

TEST(what_is_no_name_of_a_unit_is_refused)
{
        static const char *const bad[] = {"",          "-",     "--now",         ".service",    "a b",
                                          "a/b",       "a;b",   "$(id)",         "caf\xc3\xa9", "a\nb",
                                          "@.service", "shop@", "shop@.service", "/etc/passwd", "*"};
        char longest[UNIT_NAME_SIZE + 1];

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                CHECK_STR(name_of(bad[i]), "refused");
        memset(longest, 'a', sizeof(longest) - 1);
        longest[UNIT_NAME_SIZE] = '\0';
        CHECK_STR(name_of(longest), "refused");
        longest[UNIT_NAME_SIZE - 1] = '\0'; /* fits, but not with its type */
        CHECK_STR(name_of(longest), "refused");
        longest[UNIT_NAME_SIZE - 1 - 8] = '\0';
        CHECK_INT(strlen(name_of(longest)), UNIT_NAME_SIZE - 1);
}

typedef struct Two {
        char *one;
        char **many;
} Two;

static const ConfField two_fields[] = {
                {"one", &conf_unit, offsetof(Two, one), 0, NULL, "one", NULL},
                {"many", &conf_units, offsetof(Two, many), 0, NULL, "many", NULL},
                {NULL},
};

static int parse(const char *yaml, Two *ret, Error *e)
{
        _cleanup_(conf_freep) Conf *conf = NULL;

        CHECK_INT(conf_load_text("test.yaml", yaml, strlen(yaml), &conf, e), 0);
        return conf_parse(conf_root(conf), two_fields, NULL, ret, e);
}

TEST(configured_names_are_completed)
{
        Two two = {0};
        Error e;

        CHECK_INT(parse("one: shop\nmany: [a, b.timer]", &two, &e), 0);
        CHECK_STR(two.one, "shop.service");
        CHECK_STR(two.many[0], "a.service");
        CHECK_STR(two.many[1], "b.timer");
        CHECK(!two.many[2]);
        conf_clear(two_fields, &two);
        CHECK_INT(parse("many: a", &two, &e), 0);
        CHECK_STR(two.many[0], "a.service");
        conf_clear(two_fields, &two);
}

TEST(bad_names_are_refused_with_their_place)
{
        Two two = {0};
        Error e;

        CHECK_INT(parse("one: a b", &two, &e), -EINVAL);
        CHECK_STR(e.text, "test.yaml:1:6: one: \"a b\" is not the name of a unit, such as shop.service");
        CHECK_INT(parse("many:\n  - good\n  - shop@.service", &two, &e), -EINVAL);
        CHECK_STR(e.text, "test.yaml:3:5: many: \"shop@.service\" is a template: name one instance of it, "
                          "such as shop@1.service");
        CHECK_INT(parse("many: ''", &two, &e), -EINVAL);
        CHECK(strncmp(e.text, "test.yaml:1:7: many: \"\"", 22) == 0);
        CHECK_INT(parse("many: [a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a]", &two,
                        &e),
                  -EINVAL);
        CHECK_STR(e.text, "test.yaml:1:7: many: at most 32 units");
        CHECK(!two.one && !two.many);
}

static const char *words(UnitState s)
{
        static char buffer[UNIT_WORDS_SIZE];

        return unit_describe(&s, buffer);
}

#define AT   .changed_usec = UINT64_C(1795161603000000)
#define WHEN " since 2026-11-20 08:00:03 UTC"

TEST(states_are_told_in_words)
{
        CHECK_STR(words((UnitState){"loaded", "active", "running", AT}), "active (running)" WHEN);
        CHECK_STR(words((UnitState){"loaded", "inactive", "dead"}), "inactive (dead)");
        CHECK_STR(words((UnitState){"loaded", "failed", "failed", "exit-code", CLD_EXITED, 3, AT}),
                  "failed (exit-code, status 3)" WHEN);
        CHECK_STR(words((UnitState){"loaded", "failed", "failed", "signal", CLD_KILLED, SIGSEGV}),
                  "failed (signal, SIGSEGV)");
        CHECK_STR(words((UnitState){"loaded", "failed", "failed", "core-dump", CLD_DUMPED, SIGABRT}),
                  "failed (core-dump, SIGABRT)");
        CHECK_STR(words((UnitState){"loaded", "failed", "failed", "timeout", CLD_KILLED, SIGTERM}),
                  "failed (timeout)");
        CHECK_STR(words((UnitState){"loaded", "failed", "failed", "exit-code"}), "failed (exit-code)");
        CHECK_STR(words((UnitState){"loaded", "failed", "failed", ""}), "failed");
        CHECK_STR(words((UnitState){"loaded", "activating", "auto-restart", "exit-code", CLD_EXITED, 1, 4}),
                  "waiting to be restarted after exit-code, status 1 (4 restarts so far)");
        CHECK_STR(words((UnitState){"not-found", "inactive", "dead"}), "not found");
        CHECK_STR(words((UnitState){"masked", "inactive", "dead"}), "masked");
        CHECK_STR(words((UnitState){"bad-setting", "inactive", "dead"}), "bad-setting");
        CHECK_STR(words((UnitState){"not-found", "active", "running"}),
                  "active (running)"); /* its file is gone */
}

MAIN()
