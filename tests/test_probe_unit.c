/* SPDX-License-Identifier: MIT */
/* Rows of the outcomes table for `unit`, with a stand-in for systemd; a real one is asked in tests/systemd. */
#include "tests/bus_standin.h"
#include "tests/probe_bench.h"

#define PATIENT (10 * USEC_PER_SEC)

static Run run(const char *yaml)
{
        return bench_run("unit", PATIENT, "%s", yaml);
}

TEST(only_active_passes)
{
        static const struct {
                BusUnit unit;
                Outcome outcome;
                const char *message;
        } list[] = {
                        {{.active = "active", .sub = "running"},
                         OUTCOME_PASS,
                         "shop.service: active (running)"},
                        {{.active = "active", .sub = "exited"},
                         OUTCOME_PASS,
                         "shop.service: active (exited)"},
                        {{.active = "reloading", .sub = "reload"},
                         OUTCOME_PASS,
                         "shop.service: reloading (reload)"},
                        {{.active = "inactive", .sub = "dead"},
                         OUTCOME_FAIL,
                         "shop.service: inactive (dead)"},
                        {{.active = "activating", .sub = "start"},
                         OUTCOME_FAIL,
                         "shop.service: activating (start)"},
                        {{.active = "deactivating", .sub = "stop-sigterm"},
                         OUTCOME_FAIL,
                         "shop.service: deactivating (stop-sigterm)"},
                        {{.active = "failed", .sub = "failed", .result = "start-limit-hit"},
                         OUTCOME_FAIL,
                         "shop.service: failed (start-limit-hit)"},
                        {{.active = "activating", .sub = "auto-restart", .result = "watchdog", .restarts = 2},
                         OUTCOME_FAIL,
                         "shop.service: waiting to be restarted after watchdog (2 restarts so far)"},
                        {{.active = "inactive", .sub = "dead", .load = "not-found", .unloaded = true},
                         OUTCOME_FAIL,
                         "shop.service: not found"},
                        {{.active = "inactive", .sub = "dead", .load = "masked", .unloaded = true},
                         OUTCOME_FAIL,
                         "shop.service: masked"},
                        {{.active = "active", .sub = "running", .load = "not-found"}, /* its file is gone */
                         OUTCOME_PASS,
                         "shop.service: active (running)"},
        };
        BusStandin bus;

        standin_open(&bus);
        for (size_t i = 0; i < ELEMENTSOF(list); i++) {
                BusUnit unit = list[i].unit;

                unit.name = "shop.service";
                standin_set(&bus, unit);
                CHECK_RUN(list[i].outcome, list[i].message, run("name: shop"));
        }
        standin_close(&bus);
}

TEST(a_restart_since_the_last_look_is_one_fail)
{
        const ProbeType *type = probe_type_find("unit");
        _cleanup_free_ void *memory = calloc(1, type->memory_size);
        BusStandin bus;

        standin_open(&bus);
        standin_set(&bus, (BusUnit){.name = "shop.service", .restarts = 4});
        CHECK_RUN(OUTCOME_PASS, "*", bench_run_with("unit", "name: shop", memory, PATIENT)); /* long ago */
        CHECK_RUN(OUTCOME_PASS, "*", bench_run_with("unit", "name: shop", memory, PATIENT));
        standin_set(&bus, (BusUnit){.name = "shop.service", .restarts = 5});
        CHECK_RUN(OUTCOME_FAIL, "shop.service: has ended and was restarted 1 time since the last look",
                  bench_run_with("unit", "name: shop", memory, PATIENT));
        CHECK_RUN(OUTCOME_PASS, "*", bench_run_with("unit", "name: shop", memory, PATIENT));
        standin_set(&bus, (BusUnit){.name = "shop.service", .restarts = 8});
        CHECK_RUN(OUTCOME_FAIL, "shop.service: has ended and was restarted 3 times since the last look",
                  bench_run_with("unit", "name: shop", memory, PATIENT));
        standin_set(&bus, (BusUnit){.name = "shop.service", .restarts = 0}); /* an operator started it anew */
        CHECK_RUN(OUTCOME_PASS, "*", bench_run_with("unit", "name: shop", memory, PATIENT));
        standin_close(&bus);
}

TEST(a_bus_in_trouble_says_nothing_of_the_unit)
{
        BusStandin bus;

        standin_open(&bus);
        standin_set(&bus, (BusUnit){.name = "shop.service"});
        bus.mood = BUS_DEAF;
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "shop.service: the system bus does not answer after 200 ms",
                  bench_run_with("unit", "name: shop", NULL, 200 * USEC_PER_MSEC));
        bus.mood = BUS_SILENT;
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "shop.service: systemd does not answer after 200 ms",
                  bench_run_with("unit", "name: shop", NULL, 200 * USEC_PER_MSEC));
        bus.mood = BUS_HANGS_UP;
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "shop.service: the system bus*", run("name: shop"));
        bus.mood = BUS_RUBBISH;
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "shop.service: systemd's answer cannot be understood",
                  run("name: shop"));
        bus.mood = BUS_WELL;
        CHECK_RUN(OUTCOME_PASS, "*", run("name: shop"));
        standin_close(&bus);
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "shop.service: the system bus cannot be reached: No such file*",
                  run("name: shop"));
}

TEST(without_descriptors_nothing_is_known)
{
        BusStandin bus;

        standin_open(&bus);
        standin_set(&bus, (BusUnit){.name = "shop.service"});
        bench_starve = true;
        Run r = run("name: shop");
        bench_starve = false;
        CHECK_INT(r.outcome, OUTCOME_INCONCLUSIVE);
        CHECK(strstr(r.message, "Too many open files"));
        standin_close(&bus);
}

TEST(bad_names_are_refused)
{
        CHECK_REFUSED("unit", "is not the name of a unit", "name: 'shop; reboot'");
        CHECK_REFUSED("unit", "is a template", "name: worker@.service");
        CHECK_REFUSED("unit", "name", "{}");
}

TEST(knows_nothing_when_memory_or_descriptors_are_short)
{
        BusStandin bus;

        standin_open(&bus);
        standin_set(&bus, (BusUnit){.name = "shop.service"});
        bench_run_scarce("unit", PATIENT, "name: shop");
        standin_close(&bus);
}

MAIN()
