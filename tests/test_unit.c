/* SPDX-License-Identifier: MIT */
/* Names of units as people write them, their states in words, and questions and jobs over a bus that misbehaves. */
#include "base/unit.h"

#include "base/clock.h"
#include "tests/bus_standin.h"

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

/* One task to its end. */
typedef struct Run {
        unsigned ended;
        int error;
        char message[512];
        bool known;
        UnitState state;
        uint64_t usec;
} Run;

static void on_done(UnitTask *t, const UnitResult *result, void *userdata)
{
        Run *run = userdata;

        run->ended++;
        run->error = result->error;
        CHECK((result->error < 0) == (result->message != NULL));
        snprintf(run->message, sizeof(run->message), "%s", result->message ?: "");
        run->known = result->state;
        if (result->state)
                run->state = *result->state;
}

static Run run_task(const char *name, UnitVerb verb, uint64_t timeout_usec)
{
        _cleanup_event_ sd_event *event = NULL;
        _cleanup_(unit_task_freep) UnitTask *t = NULL;
        uint64_t began = clock_boot_usec();
        Run run = {0};

        CHECK(sd_event_new(&event) >= 0);
        CHECK_INT(unit_task_start(event, name, verb, timeout_usec, on_done, &run, &t), 0);
        CHECK_INT(run.ended, 0); /* never from within the start */
        while (run.ended == 0) {
                CHECK(sd_event_run(event, 100 * USEC_PER_MSEC) >= 0);
                CHECK(clock_boot_usec() < began + 20 * USEC_PER_SEC);
        }
        CHECK_INT(run.ended, 1);
        run.usec = clock_boot_usec() - began;
        fprintf(stderr, "  %s: %d %s (%.1f ms)\n", unit_verb(verb), run.error, run.message,
                (double) run.usec / 1000);
        return run;
}

#define PATIENT (10 * USEC_PER_SEC)
#define SHORT   (200 * USEC_PER_MSEC)

TEST(a_look_tells_everything_at_once)
{
        BusStandin bus;
        Run run;

        standin_open(&bus);
        standin_set(&bus, (BusUnit){.name = "shop.service",
                                    .active = "failed",
                                    .sub = "failed",
                                    .result = "exit-code",
                                    .code = CLD_EXITED,
                                    .status = 3,
                                    .restarts = 7,
                                    .changed_usec = 11,
                                    .started_usec = 10});
        run = run_task("shop.service", UNIT_LOOK, PATIENT);
        CHECK_INT(run.error, 0);
        CHECK(run.known);
        CHECK_STR(run.state.load, "loaded");
        CHECK_STR(run.state.active, "failed");
        CHECK_STR(run.state.result, "exit-code");
        CHECK_INT(run.state.code, CLD_EXITED);
        CHECK_INT(run.state.status, 3);
        CHECK_INT(run.state.restarts, 7);
        CHECK_INT(run.state.changed_usec, 11);
        CHECK_INT(run.state.started_usec, 10);
        check_calls(&bus, "");
        standin_close(&bus);
}

TEST(a_unit_that_systemd_has_forgotten_is_loaded)
{
        BusStandin bus;
        Run run;

        standin_open(&bus);
        standin_set(&bus,
                    (BusUnit){.name = "shop.service", .active = "inactive", .sub = "dead", .unloaded = true});
        run = run_task("shop.service", UNIT_LOOK, PATIENT);
        CHECK_INT(run.error, 0);
        CHECK_STR(run.state.active, "inactive");
        run = run_task("other.service", UNIT_LOOK, PATIENT);
        CHECK_INT(run.error, -ENOENT);
        CHECK_STR(run.message, "Unit other.service not loaded.");
        standin_close(&bus);
}

TEST(units_without_a_result_have_a_state)
{
        BusStandin bus;
        Run run;

        standin_open(&bus);
        standin_set(&bus, (BusUnit){.name = "shop.target", .sub = "active"});
        run = run_task("shop.target", UNIT_LOOK, PATIENT);
        CHECK_INT(run.error, 0);
        CHECK_STR(run.state.active, "active");
        CHECK_STR(run.state.result, "");
        standin_close(&bus);
}

TEST(jobs_are_awaited_to_their_end)
{
        BusStandin bus;

        standin_open(&bus);
        standin_set(&bus, (BusUnit){.name = "shop.service"});
        CHECK_INT(run_task("shop.service", UNIT_START, PATIENT).error, 0);
        CHECK_INT(run_task("shop.service", UNIT_RELOAD, PATIENT).error, 0);
        CHECK_INT(run_task("shop.service", UNIT_RESTART, PATIENT).error, 0);
        standin_set(&bus, (BusUnit){.name = "shop.service", .active = "failed", .sub = "failed"});
        CHECK_INT(run_task("shop.service", UNIT_STOP, PATIENT).error,
                  0); /* what matters is that it is down */
        check_calls(&bus,
                    "StartUnit shop.service\nReloadUnit shop.service\nRestartUnit shop.service\nStopUnit "
                    "shop.service\n");
        standin_close(&bus);
}

TEST(jobs_that_fail_say_why)
{
        static const struct {
                const char *job;
                int error;
                const char *message;
        } list[] = {
                        {"failed", -EPROTO, "failed (timeout)"},
                        {"done", -EPROTO, "failed (timeout)"}, /* ended at once after its start */
                        {"timeout", -EPROTO, "not within systemd's own time limit; it is failed (timeout)"},
                        {"dependency", -EPROTO,
                         "a unit that it needs could not be started; it is failed (timeout)"},
                        {"never-heard-of", -EPROTO, "never-heard-of; it is failed (timeout)"},
                        {"canceled", -ECANCELED, "another job took its place"},
                        {"unsupported", -EOPNOTSUPP, "such a unit is not supported here"},
        };
        BusStandin bus;

        standin_open(&bus);
        for (size_t i = 0; i < ELEMENTSOF(list); i++) {
                standin_set(&bus, (BusUnit){.name = "shop.service",
                                            .active = "failed",
                                            .sub = "failed",
                                            .result = "timeout",
                                            .job = list[i].job});
                Run run = run_task("shop.service", UNIT_START, PATIENT);
                CHECK_INT(run.error, list[i].error);
                CHECK_STR(run.message, list[i].message);
        }
        standin_set(&bus,
                    (BusUnit){.name = "shop.service", .active = "inactive", .sub = "dead", .job = "invalid"});
        Run run = run_task("shop.service", UNIT_RELOAD, PATIENT); /* there is nothing to reload */
        CHECK_INT(run.error, 0);
        CHECK(unit_is_down(&run.state));
        standin_close(&bus);
}

TEST(nothing_lasts_longer_than_its_deadline)
{
        static const struct {
                BusMood mood;
                UnitVerb verb;
                const char *message;
        } list[] = {
                        {BUS_DEAF, UNIT_LOOK, "the system bus does not answer"},
                        {BUS_DEAF, UNIT_STOP, "the system bus does not answer"},
                        {BUS_SILENT, UNIT_LOOK, "systemd does not answer"},
                        {BUS_SILENT, UNIT_START, "systemd does not answer"},
                        {BUS_WELL, UNIT_START, "systemd is still at it"},
        };
        BusStandin bus;

        standin_open(&bus);
        standin_set(&bus, (BusUnit){.name = "shop.service", .job = ""});
        for (size_t i = 0; i < ELEMENTSOF(list); i++) {
                bus.mood = list[i].mood;
                Run run = run_task("shop.service", list[i].verb, SHORT);
                CHECK_INT(run.error, -ETIMEDOUT);
                CHECK_STR(run.message, list[i].message);
                CHECK(run.usec >= SHORT);
        }
        standin_close(&bus);
}

TEST(a_bus_that_goes_away_is_noticed_at_once)
{
        BusStandin bus;
        Run run;

        standin_open(&bus);
        standin_set(&bus, (BusUnit){.name = "shop.service"});
        bus.mood = BUS_HANGS_UP;
        run = run_task("shop.service", UNIT_LOOK, PATIENT);
        CHECK_INT(run.error, -ENOTCONN);
        CHECK(run.usec < PATIENT / 2);
        CHECK_INT(run_task("shop.service", UNIT_START, PATIENT).error, -ENOTCONN);
        standin_close(&bus);

        run = run_task("shop.service", UNIT_LOOK, PATIENT); /* its socket is gone */
        CHECK_INT(run.error, -ENOTCONN);
        CHECK_STR(run.message, "the system bus cannot be reached: No such file or directory");
        CHECK(run.usec < PATIENT / 2);
}

TEST(a_crowded_bus_blocks_nobody)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int fds[4], fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char folder[] = "/tmp/test-bus-XXXXXX";

        CHECK(mkdtemp(folder));
        snprintf(a.sun_path, sizeof(a.sun_path), "%s/bus", folder);
        CHECK(bind(fd, (struct sockaddr *) &a, sizeof(a)) == 0 && listen(fd, 0) == 0);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++) { /* until its queue is full */
                fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                (void) connect(fds[i], (struct sockaddr *) &a, sizeof(a));
        }
        _cleanup_free_ char *address = string_printf("unix:path=%s", a.sun_path);
        CHECK(setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1) == 0);
        Run run = run_task("shop.service", UNIT_LOOK, PATIENT);
        CHECK_INT(run.error, -ENOTCONN);
        CHECK(run.usec < PATIENT / 2);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                close(fds[i]);
        close(fd);
        CHECK(unlink(a.sun_path) == 0 && rmdir(folder) == 0);
}

TEST(refusals_and_rubbish_are_told_apart)
{
        BusStandin bus;
        Run run;

        standin_open(&bus);
        standin_set(&bus, (BusUnit){.name = "shop.service"});
        bus.mood = BUS_DENIES;
        run = run_task("shop.service", UNIT_STOP, PATIENT);
        CHECK_INT(run.error, -EACCES);
        CHECK(strstr(run.message, "polkit") && strstr(run.message, "Interactive authentication required."));
        CHECK_INT(run_task("shop.service", UNIT_LOOK, PATIENT).error, 0);
        bus.mood = BUS_RUBBISH;
        run = run_task("shop.service", UNIT_LOOK, PATIENT);
        CHECK_INT(run.error, -EIO);
        CHECK_STR(run.message, "systemd's answer cannot be understood");
        standin_close(&bus);
}

static void on_never(UnitTask *t, const UnitResult *result, void *userdata)
{
        CHECK(!"called after it was freed");
}

TEST(freed_tasks_say_nothing_more)
{
        _cleanup_event_ sd_event *event = NULL;
        BusStandin bus;
        UnitTask *t;

        standin_open(&bus);
        standin_set(&bus, (BusUnit){.name = "shop.service", .job = ""});
        CHECK(sd_event_new(&event) >= 0);
        for (unsigned turns = 0; turns < 12; turns++) { /* at every step of it */
                CHECK_INT(unit_task_start(event, "shop.service", UNIT_START, PATIENT, on_never, NULL, &t), 0);
                for (unsigned i = 0; i < turns; i++)
                        CHECK(sd_event_run(event, 5 * USEC_PER_MSEC) >= 0);
                unit_task_free(t);
        }
        standin_close(&bus);
}

MAIN()
