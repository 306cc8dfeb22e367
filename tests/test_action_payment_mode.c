/* SPDX-License-Identifier: MIT */
/* payment-mode: the file first, then the hooks, each once for a change. */
#include "tests/action_rig.h"
#include "tests/bus_standin.h"

extern const ActionType action_payment_mode;

#define ENV "PAYMENT_MODE=crypto\nCHECKOUT_ROUTE=cryptoCheckout\nFAILOVER_CHANGE=01JCHANGE0000000000000000A\n"

/* A bus with systemd that knows the units, and is asked for nothing before the file is written. */
static void bus_open_with_units(BusStandin *bus, const Rig *rig)
{
        static char needs[128];
        static const char *const units[] = {"shop.service", "worker.service", "worker@1.service",
                                            "nginx.service", "new.service"};

        standin_open(bus);
        snprintf(needs, sizeof(needs), "%s/payment.env", rig->runtime);
        bus->needs = needs;
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                standin_set(bus, (BusUnit){.name = units[i]});
}

static BusUnit cursed(const char *name)
{
        return (BusUnit){.name = name,
                         .active = "failed",
                         .sub = "failed",
                         .result = "resources",
                         .job = "failed"};
}

static void check_file(const char *folder, const char *name, const char *wanted)
{
        _cleanup_free_ char *text = rig_read(folder, name);
        CHECK_STR(text, wanted);
}

static ActionResult run(Rig *rig, const char *yaml, const ActionFacts *facts, bool query)
{
        void *conf = rig_conf(&action_payment_mode, yaml);
        ActionResult result = rig_run(rig, &action_payment_mode, conf, facts, query);

        rig_conf_free(&action_payment_mode, conf);
        return result;
}

TEST(payment_env_holds_exactly_the_three_lines_for_everybody_to_read)
{
        ActionFacts facts = rig_facts();
        struct stat st;
        Rig rig;

        rig_open(&rig);
        umask(0077);
        CHECK_INT(run(&rig, "{}", &facts, true), ACTION_MISSING);
        CHECK_INT(run(&rig, "{}", &facts, false), ACTION_DONE);
        check_file(rig.runtime, "payment.env", ENV);
        _cleanup_free_ char *path = string_printf("%s/payment.env", rig.runtime);
        CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0644);
        CHECK_INT(run(&rig, "{}", &facts, true), ACTION_DONE);

        facts.change = facts.id = "01JCHANGE0000000000000000B"; /* the same mode, another change */
        CHECK_INT(run(&rig, "{}", &facts, true), ACTION_MISSING);
        umask(0022);
        rig_close(&rig);
}

TEST(units_are_restarted_and_reloaded_after_the_file_is_written)
{
        ActionFacts facts = rig_facts();
        BusStandin bus;
        Rig rig;

        rig_open(&rig);
        bus_open_with_units(&bus, &rig);
        CHECK_INT(run(&rig, "restart: [shop.service, worker@1.service]\nreload: nginx.service", &facts,
                      false),
                  ACTION_DONE);
        check_calls(&bus, "RestartUnit shop.service\nRestartUnit "
                          "worker@1.service\n"
                          "ReloadUnit nginx.service\n");
        CHECK_STR(rig.message, "payment.env written; shop.service restarted; worker@1.service restarted; "
                               "nginx.service reloaded");
        standin_close(&bus);
        rig_close(&rig);
}

TEST(after_a_boot_what_was_started_since_the_file_is_written_is_left_alone)
{
        static const char yaml[] = "restart: [shop.service, worker.service, new.service]";
        ActionFacts facts = rig_facts();
        BusStandin bus;
        Rig rig;

        rig_open(&rig);
        bus_open_with_units(&bus, &rig);
        standin_set(&bus, (BusUnit){.name = "shop.service", .began_usec = UINT64_MAX / 2});
        standin_set(&bus, (BusUnit){.name = "worker.service", .began_usec = clock_monotonic_usec()});
        standin_set(&bus,
                    (BusUnit){.name = "new.service", .active = "inactive", .began_usec = UINT64_MAX / 2});
        CHECK_INT(run(&rig, yaml, &facts, false), ACTION_DONE);
        check_calls(&bus, "RestartUnit worker.service\nRestartUnit new.service\n");
        CHECK_STR(rig.message,
                  "payment.env written; shop.service was started since; worker.service restarted; "
                  "new.service restarted");
        CHECK_INT(run(&rig, yaml, &facts, true), ACTION_DONE);

        /* The next change finds a file that they have read. */
        facts.change = facts.id = "01JCHANGE0000000000000000B";
        CHECK_INT(run(&rig, yaml, &facts, false), ACTION_DONE);
        check_calls(&bus, "RestartUnit shop.service\nRestartUnit worker.service\nRestartUnit new.service\n");
        standin_close(&bus);
        rig_close(&rig);
}

TEST(a_restart_that_somebody_has_finished_meanwhile_is_not_begun_again)
{
        static const char yaml[] = "restart: [shop.service, worker.service]";
        ActionFacts facts = rig_facts();
        BusStandin bus;
        Rig rig;

        rig_open(&rig);
        bus_open_with_units(&bus, &rig);
        CHECK_INT(run(&rig, "{}", &facts, false), ACTION_DONE);
        facts.change = facts.id = "01JCHANGE0000000000000000B";
        standin_set(&bus, cursed("shop.service"));
        standin_set(&bus, cursed("worker.service"));
        CHECK_INT(run(&rig, yaml, &facts, false), ACTION_RETRY);
        check_calls(&bus, "RestartUnit shop.service\nRestartUnit worker.service\n");
        CHECK_INT(run(&rig, yaml, &facts, true), ACTION_MISSING); /* after a crash, say */
        standin_set(&bus, (BusUnit){.name = "shop.service", .began_usec = clock_monotonic_usec()});
        standin_set(&bus, (BusUnit){.name = "worker.service",
                                    .active = "activating",
                                    .sub = "auto-restart",
                                    .began_usec = clock_monotonic_usec()});
        CHECK_INT(run(&rig, yaml, &facts, false), ACTION_DONE);
        check_calls(&bus, "RestartUnit worker.service\n");

        /* Somebody removes the file: who began before it is there again knows nothing of it. */
        char path[256];
        snprintf(path, sizeof(path), "%s/payment.env", rig.runtime);
        CHECK_INT(unlink(path), 0);
        CHECK_INT(run(&rig, "restart: [shop.service, new.service]", &facts, false), ACTION_DONE);
        check_calls(&bus, "RestartUnit new.service\n");
        _cleanup_free_ char *notes = rig_read(rig.runtime, "payment.hooks");
        CHECK(strstr(notes, " written ") && !strstr(strstr(notes, " written ") + 1, " written "));
        standin_close(&bus);
        rig_close(&rig);
}

TEST(failed_hook_leaves_the_file_written_and_says_why)
{
        ActionFacts facts = rig_facts();
        BusStandin bus;
        Rig rig;

        rig_open(&rig);
        bus_open_with_units(&bus, &rig);
        standin_set(&bus, cursed("shop.service"));
        CHECK_INT(run(&rig, "restart: shop.service\nreload: nginx.service", &facts, false), ACTION_RETRY);
        CHECK_STR(rig.message, "payment.env written; restart of shop.service: failed (resources); "
                               "nginx.service reloaded");
        check_file(rig.runtime, "payment.env", ENV);
        standin_close(&bus);
        rig_close(&rig);
}

TEST(retry_runs_only_the_hooks_that_are_not_done)
{
        static const char yaml[] = "restart: [shop.service, worker.service]\nreload: nginx.service";
        ActionFacts facts = rig_facts();
        BusStandin bus;
        Rig rig;

        rig_open(&rig);
        bus_open_with_units(&bus, &rig);
        standin_set(&bus, cursed("worker.service"));
        CHECK_INT(run(&rig, yaml, &facts, false), ACTION_RETRY);
        CHECK_INT(run(&rig, yaml, &facts, true), ACTION_MISSING); /* after a crash, say */
        check_calls(&bus, "RestartUnit shop.service\nRestartUnit worker.service\nReloadUnit nginx.service\n");
        standin_set(&bus, (BusUnit){.name = "worker.service"});
        CHECK_INT(run(&rig, yaml, &facts, false), ACTION_DONE);
        check_calls(&bus, "RestartUnit worker.service\n");
        CHECK_INT(run(&rig, yaml, &facts, true), ACTION_DONE);

        /* Another change wants them all again, and a hook that is new was never done. */
        CHECK_INT(run(&rig, "restart: [shop.service, worker.service, new.service]", &facts, true),
                  ACTION_MISSING);
        facts.change = facts.id = "01JCHANGE0000000000000000B";
        facts.mode = facts.payment = "primary";
        CHECK_INT(run(&rig, yaml, &facts, true), ACTION_MISSING);
        CHECK_INT(run(&rig, yaml, &facts, false), ACTION_DONE);
        check_calls(&bus, "RestartUnit shop.service\nRestartUnit worker.service\n"
                          "ReloadUnit nginx.service\n");
        standin_close(&bus);
        rig_close(&rig);
}

TEST(http_hook_is_told_the_mode_and_a_deaf_one_restarts_nobody_twice)
{
        ActionFacts facts = rig_facts();
        Receiver receiver;
        BusStandin bus;
        Rig rig;

        rig_open(&rig);
        bus_open_with_units(&bus, &rig);
        receiver_open(&receiver);
        _cleanup_free_ char *yaml = string_printf(
                        "restart: shop.service\nhttp: {url: \"http://127.0.0.1:%u/h?k=canary\"}",
                        receiver.port);
        receiver.status = 503;
        CHECK_INT(run(&rig, yaml, &facts, false), ACTION_RETRY);
        CHECK_STR(rig.message, "payment.env written; shop.service restarted; http hook failed: HTTP 503");
        receiver.status = 200;
        CHECK_INT(run(&rig, yaml, &facts, false), ACTION_DONE);
        CHECK_STR(rig.message, "payment.env written; http hook called");
        check_calls(&bus, "RestartUnit shop.service\n");

        CHECK(strncmp(receiver.head, "POST /h?k=canary ", 17) == 0);
        json_t *j = receiver_json(&receiver);
        CHECK_INT(json_object_size(j), 5);
        check_json(j, "mode", "crypto");
        check_json(j, "payment", "crypto");
        check_json(j, "checkout", "cryptoCheckout");
        check_json(j, "change", "01JCHANGE0000000000000000A");
        check_json(j, "from", "primary");
        json_decref(j);
        CHECK_INT(run(&rig, yaml, &facts, true), ACTION_DONE);
        _cleanup_free_ char *notes = rig_read(rig.runtime, "payment.hooks");
        CHECK(notes && !strstr(notes, "canary"));
        receiver_close(&receiver);
        standin_close(&bus);
        rig_close(&rig);
}

TEST(file_that_cannot_be_written_runs_no_hook)
{
        ActionFacts facts = rig_facts();
        BusStandin bus;
        Rig rig;

        rig_open(&rig);
        bus_open_with_units(&bus, &rig);
        CHECK(rmdir(rig.runtime) == 0);
        CHECK_INT(run(&rig, "restart: shop.service", &facts, false), ACTION_RETRY);
        CHECK(strstr(rig.message, "payment.env cannot be written: "));
        check_calls(&bus, "");
        standin_close(&bus);
        rig_close(&rig);
}

TEST(abandoned_hook_is_not_noted_as_done)
{
        ActionFacts facts = rig_facts();
        Action *a;
        BusStandin bus;
        Rig rig;

        rig_open(&rig);
        bus_open_with_units(&bus, &rig);
        standin_set(&bus, (BusUnit){.name = "shop.service", .job = ""});
        void *conf = rig_conf(&action_payment_mode, "restart: shop.service");
        CHECK_INT(action_start(&rig.context, &action_payment_mode, conf, &facts, false, on_rig_done, &rig,
                               &a),
                  0);
        for (uint64_t end = clock_boot_usec() + 10 * USEC_PER_SEC;;) {
                _cleanup_free_ char *env = rig_read(rig.runtime, "payment.env");
                if (env && streq(env, ENV))
                        break;
                CHECK(sd_event_run(rig.event, 10 * USEC_PER_MSEC) >= 0);
                CHECK(clock_boot_usec() < end);
        }
        action_free(a); /* a newer change supersedes it */
        CHECK_INT(rig.reports, 0);
        CHECK_INT(rig_run(&rig, &action_payment_mode, conf, &facts, true), ACTION_MISSING);
        rig_conf_free(&action_payment_mode, conf);
        standin_close(&bus);
        rig_close(&rig);
}

TEST(nothing_foreign_gets_into_payment_env)
{
        static const char *const bad[] = {"crypto\nX=1", "a b", "$(id)", "'x'", "", "caf\xc3\xa9"};
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                facts.payment = bad[i];
                CHECK_INT(run(&rig, "{}", &facts, false), ACTION_PERMANENT);
                _cleanup_free_ char *env = rig_read(rig.runtime, "payment.env");
                CHECK(!env);
        }
        rig_refused(&action_payment_mode, "restart: [--now]", "test.yaml:1:11: restart: \"--now\"");
        rig_refused(&action_payment_mode, "restart: ['shop; reboot']", "shop; reboot");
        rig_refused(&action_payment_mode, "reload: ['']", "unit");
        rig_refused(&action_payment_mode, "http: {method: POST}", "url");
        rig_refused(&action_payment_mode, "http: {url: 'http://x.example/', method: 'P T'}", "P T");
        rig_close(&rig);
}

static void forget(void *userdata)
{
        const Rig *rig = userdata;
        char path[120];

        snprintf(path, sizeof(path), "%s/payment.hooks", rig->runtime);
        CHECK(unlink(path) == 0 || errno == ENOENT);
}

TEST(our_own_shortage_is_a_retry)
{
        ActionFacts facts = rig_facts();
        BusStandin bus;
        Receiver receiver;
        Rig rig;

        rig_open(&rig);
        receiver_open(&receiver);
        standin_open(&bus);
        standin_set(&bus, (BusUnit){.name = "shop.service", .active = "active", .sub = "running"});
        _cleanup_free_ char *yaml = string_printf(
                        "restart: shop.service\nhttp: {url: \"http://127.0.0.1:%u/mode\"}", receiver.port);
        void *conf = rig_conf(&action_payment_mode, yaml);
        rig_run_scarce(&rig, &action_payment_mode, conf, &facts, false, forget, &rig);
        rig_run_scarce(&rig, &action_payment_mode, conf, &facts, true, NULL, NULL);
        rig_conf_free(&action_payment_mode, conf);
        standin_close(&bus);
        receiver_close(&receiver);
        rig_close(&rig);
}

MAIN()
