/* SPDX-License-Identifier: MIT */
/* unit: the order of what is done, what is not done twice, and what failures mean, with a stand-in for systemd; a real one
 * obeys in tests/systemd. */
#include "tests/action_rig.h"
#include "tests/bus_standin.h"

extern const ActionType action_unit;

#define ALL "stop: [a, b]\nstart: c\nrestart: d\nreload: e"

static const BusUnit running = {.active = "active", .sub = "running"};
static const BusUnit dead = {.active = "inactive", .sub = "dead"};

static void set(BusStandin *bus, const char *name, BusUnit unit)
{
        unit.name = name;
        standin_set(bus, unit);
}

static ActionResult run(Rig *rig, const char *yaml, const ActionFacts *facts, bool query)
{
        void *conf = rig_conf(&action_unit, yaml);
        ActionResult result = rig_run(rig, &action_unit, conf, facts, query);

        rig_conf_free(&action_unit, conf);
        fprintf(stderr, "  %s\n", rig->message);
        return result;
}

static void world_set(void *userdata)
{
        BusStandin *bus = userdata;

        set(bus, "a.service", running);
        set(bus, "b.service", running);
        set(bus, "c.service", dead);
        set(bus, "d.service", running);
        set(bus, "e.service", running);
}

static void world_open(Rig *rig, BusStandin *bus)
{
        rig_open(rig);
        standin_open(bus);
        world_set(bus);
}

static void world_close(Rig *rig, BusStandin *bus)
{
        standin_close(bus);
        rig_close(rig);
}

#define LATER "StartUnit c.service\nRestartUnit d.service\nReloadUnit e.service\n"

TEST(everything_is_done_in_order)
{
        ActionFacts facts = rig_facts();
        BusStandin bus;
        Rig rig;

        world_open(&rig, &bus);
        CHECK_INT(run(&rig, ALL, &facts, true), ACTION_MISSING);
        check_calls(&bus, ""); /* asking changes nothing */
        CHECK_INT(run(&rig, ALL, &facts, false), ACTION_DONE);
        pthread_mutex_lock(&bus.lock); /* both are stopped at once: either may be the first */
        bool b_first = strncmp(bus.calls, "StopUnit b", strlen("StopUnit b")) == 0;
        pthread_mutex_unlock(&bus.lock);
        check_calls(&bus, b_first ? "StopUnit b.service\nStopUnit a.service\n" LATER
                                  : "StopUnit a.service\nStopUnit b.service\n" LATER);
        const char *stopped = rig.message, *rest = strstr(stopped, "c.service");
        CHECK(rest && strstr(stopped, "a.service stopped; ") < rest &&
              strstr(stopped, "b.service stopped; ") < rest);
        CHECK_STR(rest, "c.service started; d.service restarted; e.service reloaded");
        world_close(&rig, &bus);
}

TEST(what_is_so_already_is_not_touched)
{
        ActionFacts facts = rig_facts();
        uint64_t now = clock_wall_usec();
        BusUnit fresh = running, old = running, ahead = running;
        BusStandin bus;
        Rig rig;

        facts.at_usec = now - USEC_PER_MIN;
        world_open(&rig, &bus);
        fresh.started_usec = fresh.changed_usec = now - USEC_PER_SEC;
        old.started_usec = old.changed_usec = now - USEC_PER_HOUR;
        ahead.started_usec = ahead.changed_usec = now + USEC_PER_HOUR; /* the clock was turned back since */
        set(&bus, "a.service", dead);
        set(&bus, "b.service", (BusUnit){.active = "failed", .sub = "failed"});
        set(&bus, "c.service", old); /* started is started */
        set(&bus, "d.service", fresh);
        set(&bus, "e.service", fresh);
        CHECK_INT(run(&rig, ALL, &facts, true), ACTION_DONE);
        CHECK_INT(run(&rig, ALL, &facts, false), ACTION_DONE);
        check_calls(&bus, "");

        set(&bus, "d.service", old);
        set(&bus, "e.service", old);
        CHECK_INT(run(&rig, ALL, &facts, true), ACTION_MISSING);
        CHECK_INT(run(&rig, ALL, &facts, false), ACTION_DONE);
        check_calls(&bus, "RestartUnit d.service\nReloadUnit e.service\n");
        set(&bus, "d.service", ahead);
        set(&bus, "e.service", ahead);
        CHECK_INT(run(&rig, ALL, &facts, true), ACTION_MISSING);
        CHECK_INT(run(&rig, ALL, &facts, false), ACTION_DONE);
        check_calls(&bus, "RestartUnit d.service\nReloadUnit e.service\n");
        world_close(&rig, &bus);
}

TEST(a_oneshot_that_has_run_since_is_started)
{
        ActionFacts facts = rig_facts();
        BusUnit ran = dead;
        BusStandin bus;
        Rig rig;

        facts.at_usec = clock_wall_usec() - USEC_PER_MIN;
        world_open(&rig, &bus);
        CHECK_INT(run(&rig, "start: c", &facts, true), ACTION_MISSING);
        ran.started_usec = facts.at_usec + USEC_PER_SEC;
        set(&bus, "c.service", ran);
        CHECK_INT(run(&rig, "start: c", &facts, true), ACTION_DONE);
        world_close(&rig, &bus);
}

TEST(a_failure_holds_up_nobody_and_stands_first)
{
        ActionFacts facts = rig_facts();
        BusUnit bad = dead;
        BusStandin bus;
        Rig rig;

        world_open(&rig, &bus);
        bad.job = "dependency";
        set(&bus, "c.service", bad);
        CHECK_INT(run(&rig, ALL, &facts, false), ACTION_RETRY);
        CHECK_STR(rig.message,
                  "start of c.service: a unit that it needs could not be started; it is inactive "
                  "(dead); a.service stopped; b.service stopped; d.service restarted; e.service "
                  "reloaded");
        CHECK_INT(run(&rig, "stop: [absent, a]", &facts, false), ACTION_RETRY);
        CHECK_STR(rig.message, "stop of absent.service: Unit absent.service not loaded.; a.service stopped");
        world_close(&rig, &bus);
}

TEST(what_can_never_be_done_is_given_up)
{
        ActionFacts facts = rig_facts();
        BusUnit never = dead;
        BusStandin bus;
        Rig rig;

        world_open(&rig, &bus);
        never.job = "unsupported";
        set(&bus, "c.service", never);
        CHECK_INT(run(&rig, "start: c", &facts, false), ACTION_PERMANENT);
        never.job = "canceled";
        set(&bus, "b.service", never); /* as long as something else may still be done */
        set(&bus, "a.service", never);
        CHECK_INT(run(&rig, "start: [c, b]", &facts, false), ACTION_RETRY);
        CHECK(strstr(rig.message, "start of b.service: another job took its place"));
        world_close(&rig, &bus);
}

TEST(a_refusal_says_what_the_operator_must_do)
{
        _cleanup_free_ char *wanted =
                        string_printf("stop of a.service: systemd does not let us (user id %u), polkit "
                                      "has to allow it: see operations.md, \"Units\": Interactive "
                                      "authentication required.",
                                      geteuid());
        ActionFacts facts = rig_facts();
        BusStandin bus;
        Rig rig;

        world_open(&rig, &bus);
        bus.mood = BUS_DENIES;
        CHECK_INT(run(&rig, "stop: a", &facts, false), ACTION_RETRY);
        CHECK_STR(rig.message, wanted);
        world_close(&rig, &bus);
}

TEST(nothing_lasts_longer_than_its_timeout)
{
        ActionFacts facts = rig_facts();
        uint64_t began = clock_boot_usec();
        BusUnit slow = dead;
        BusStandin bus;
        Rig rig;

        world_open(&rig, &bus);
        slow.job = "";
        set(&bus, "c.service", slow);
        CHECK_INT(run(&rig, "start: c\nreload: e\ntimeout: 3s", &facts, false), ACTION_RETRY);
        CHECK(strstr(rig.message,
                     "start of c.service: systemd is still at it after 3 s; e.service reloaded"));
        CHECK(clock_boot_usec() - began < 9 * USEC_PER_SEC);
        bus.mood = BUS_DEAF;
        CHECK_INT(run(&rig, "start: c\ntimeout: 1s", &facts, false), ACTION_RETRY);
        CHECK(strstr(rig.message, "the system bus does not answer after 1 s"));
        CHECK_INT(run(&rig, "start: c\ntimeout: 1s", &facts, true), ACTION_RETRY);
        standin_close(&bus);
        CHECK_INT(run(&rig, "start: c", &facts, true), ACTION_RETRY);
        CHECK(strstr(rig.message, "the system bus cannot be reached"));
        rig_close(&rig);
}

TEST(abandoned_actions_say_nothing_more)
{
        ActionFacts facts = rig_facts();
        BusStandin bus;
        Action *a;
        Rig rig;

        world_open(&rig, &bus);
        void *conf = rig_conf(&action_unit, ALL);
        for (unsigned turns = 0; turns < 30; turns += 3) {
                rig.reports = 0;
                CHECK_INT(action_start(&rig.context, &action_unit, conf, &facts, false, on_rig_done, &rig,
                                       &a),
                          0);
                for (unsigned i = 0; i < turns && rig.reports == 0; i++)
                        CHECK(sd_event_run(rig.event, 5 * USEC_PER_MSEC) >= 0);
                unsigned reports = rig.reports;
                action_free(a);
                for (unsigned i = 0; i < 5; i++)
                        CHECK(sd_event_run(rig.event, USEC_PER_MSEC) >= 0);
                CHECK_INT(rig.reports, reports);
        }
        rig_conf_free(&action_unit, conf);
        world_close(&rig, &bus);
}

TEST(what_contradicts_itself_is_refused)
{
        rig_refused(&action_unit, "{}", "needs a unit");
        rig_refused(&action_unit, "start: shop\nstop: [a, shop.service]",
                    "shop.service cannot be in both `stop` and `start`");
        rig_refused(&action_unit, "restart: shop\nreload: shop", "cannot be in both `restart` and `reload`");
        rig_refused(&action_unit, "start: ['a b']", "is not the name of a unit");
        rig_refused(&action_unit, "start: [worker@.service]", "is a template");
        rig_refused(&action_unit, "start: a\ntimeout: 1h", "timeout");
}

TEST(our_own_shortage_is_a_retry)
{
        ActionFacts facts = rig_facts();
        BusStandin bus;
        Rig rig;

        world_open(&rig, &bus);
        void *conf = rig_conf(&action_unit, ALL);
        rig_run_scarce(&rig, &action_unit, conf, &facts, true, world_set, &bus);
        rig_run_scarce(&rig, &action_unit, conf, &facts, false, world_set, &bus);
        rig_conf_free(&action_unit, conf);
        world_close(&rig, &bus);
}

MAIN()
