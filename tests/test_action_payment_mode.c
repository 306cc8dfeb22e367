/* SPDX-License-Identifier: MIT */
/* payment-mode: the file first, then the hooks, each once for a change. */
#include "tests/action_rig.h"

extern const ActionType action_payment_mode;

#define ENV "PAYMENT_MODE=crypto\nCHECKOUT_ROUTE=cryptoCheckout\nFAILOVER_CHANGE=01JCHANGE0000000000000000A\n"

/* A systemctl that writes down what it was asked, and fails for units of whose name there is a file "fail-…". */
static void fake_systemctl(const Rig *rig)
{
        _cleanup_free_ char *script = string_printf("#!/bin/sh\necho \"$*\" >> %s/calls\n"
                                                    "[ -e %s/run/payment.env ] || exit 9\n"
                                                    "if [ -e \"%s/fail-$4\" ]; then\n"
                                                    "echo \"Job for $4 failed because it is cursed.\" >&2\n"
                                                    "echo \"See journalctl.\" >&2\nexit 1\nfi\n",
                                                    rig->folder, rig->folder, rig->folder);
        _cleanup_free_ char *path = string_printf("%s:/usr/bin:/bin", rig->folder);

        rig_write(rig, "systemctl", script, 0755);
        CHECK(setenv("PATH", path, 1) == 0);
}

static void check_file(const char *folder, const char *name, const char *wanted)
{
        _cleanup_free_ char *text = rig_read(folder, name);
        CHECK_STR(text, wanted);
}

static void forget(const Rig *rig, const char *name)
{
        _cleanup_free_ char *path = string_printf("%s/%s", rig->folder, name);
        CHECK(unlink(path) == 0);
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
        Rig rig;

        rig_open(&rig);
        fake_systemctl(&rig);
        CHECK_INT(run(&rig, "restart: [shop.service, worker@1.service]\nreload: nginx.service", &facts,
                      false),
                  ACTION_DONE);
        check_file(rig.folder, "calls",
                   "--no-ask-password restart -- shop.service\n--no-ask-password restart -- "
                   "worker@1.service\n"
                   "--no-ask-password reload -- nginx.service\n");
        CHECK_STR(rig.message, "payment.env written; shop.service restarted; worker@1.service restarted; "
                               "nginx.service reloaded");
        rig_close(&rig);
}

TEST(failed_hook_leaves_the_file_written_and_says_why)
{
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        fake_systemctl(&rig);
        rig_write(&rig, "fail-shop.service", "", 0644);
        CHECK_INT(run(&rig, "restart: shop.service\nreload: nginx.service", &facts, false), ACTION_RETRY);
        CHECK_STR(rig.message,
                  "payment.env written; restart of shop.service failed: Job for shop.service failed because "
                  "it is cursed.; nginx.service reloaded");
        check_file(rig.runtime, "payment.env", ENV);
        rig_close(&rig);
}

TEST(retry_runs_only_the_hooks_that_are_not_done)
{
        static const char yaml[] = "restart: [shop.service, worker.service]\nreload: nginx.service";
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        fake_systemctl(&rig);
        rig_write(&rig, "fail-worker.service", "", 0644);
        CHECK_INT(run(&rig, yaml, &facts, false), ACTION_RETRY);
        CHECK_INT(run(&rig, yaml, &facts, true), ACTION_MISSING); /* after a crash, say */
        forget(&rig, "calls");
        forget(&rig, "fail-worker.service");
        CHECK_INT(run(&rig, yaml, &facts, false), ACTION_DONE);
        check_file(rig.folder, "calls", "--no-ask-password restart -- worker.service\n");
        CHECK_INT(run(&rig, yaml, &facts, true), ACTION_DONE);

        /* Another change wants them all again, and a hook that is new was never done. */
        forget(&rig, "calls");
        CHECK_INT(run(&rig, "restart: [shop.service, worker.service, new.service]", &facts, true),
                  ACTION_MISSING);
        facts.change = facts.id = "01JCHANGE0000000000000000B";
        facts.mode = facts.payment = "primary";
        CHECK_INT(run(&rig, yaml, &facts, true), ACTION_MISSING);
        CHECK_INT(run(&rig, yaml, &facts, false), ACTION_DONE);
        check_file(rig.folder, "calls",
                   "--no-ask-password restart -- shop.service\n--no-ask-password restart -- worker.service\n"
                   "--no-ask-password reload -- nginx.service\n");
        rig_close(&rig);
}

TEST(http_hook_is_told_the_mode_and_a_deaf_one_restarts_nobody_twice)
{
        ActionFacts facts = rig_facts();
        Receiver receiver;
        Rig rig;

        rig_open(&rig);
        fake_systemctl(&rig);
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
        check_file(rig.folder, "calls", "--no-ask-password restart -- shop.service\n");

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
        rig_close(&rig);
}

TEST(file_that_cannot_be_written_runs_no_hook)
{
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        fake_systemctl(&rig);
        CHECK(rmdir(rig.runtime) == 0);
        CHECK_INT(run(&rig, "restart: shop.service", &facts, false), ACTION_RETRY);
        CHECK(strstr(rig.message, "payment.env cannot be written: "));
        _cleanup_free_ char *calls = rig_read(rig.folder, "calls");
        CHECK(!calls);
        rig_close(&rig);
}

TEST(abandoned_hook_is_killed_and_not_noted_as_done)
{
        ActionFacts facts = rig_facts();
        Action *a;
        Rig rig;

        rig_open(&rig);
        fake_systemctl(&rig);
        rig_write(&rig, "systemctl", "#!/bin/sh\nsleep 1000\n", 0755);
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
        rig_refused(&action_payment_mode, "restart: [--now]", "--now");
        rig_refused(&action_payment_mode, "restart: ['shop; reboot']", "shop; reboot");
        rig_refused(&action_payment_mode, "reload: ['']", "unit");
        rig_refused(&action_payment_mode, "http: {method: POST}", "url");
        rig_refused(&action_payment_mode, "http: {url: 'http://x.example/', method: 'P T'}", "P T");
        rig_close(&rig);
}

MAIN()
