/* SPDX-License-Identifier: MIT */
/* exec: the environment, the exit codes, the deadline. */
#include "tests/action_rig.h"

#include <fcntl.h>
#include <signal.h>

extern const ActionType action_exec;

static ActionResult run(Rig *rig, const char *yaml, const ActionFacts *facts)
{
        void *conf = rig_conf(&action_exec, yaml);
        ActionResult result = rig_run(rig, &action_exec, conf, facts, false);

        rig_conf_free(&action_exec, conf);
        return result;
}

TEST(exit_codes_mean_done_retry_and_never_again)
{
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        CHECK_INT(run(&rig, "command: [sh, -c, 'exit 0']", &facts), ACTION_DONE);
        CHECK_INT(run(&rig, "command: [sh, -c, 'echo no route >&2; exit 1']", &facts), ACTION_RETRY);
        CHECK_STR(rig.message, "exit code 1: no route");
        CHECK_INT(run(&rig, "command: [sh, -c, 'echo bad name; exit 2']", &facts), ACTION_PERMANENT);
        CHECK_STR(rig.message, "exit code 2: bad name");
        CHECK_INT(run(&rig, "command: [sh, -c, 'exit 77']", &facts), ACTION_PERMANENT);
        CHECK_INT(run(&rig, "command: [sh, -c, 'kill -KILL $$']", &facts), ACTION_RETRY);
        CHECK(strstr(rig.message, "killed by signal 9"));
        CHECK_INT(run(&rig, "command: [/no/such/program]", &facts), ACTION_RETRY);
        CHECK(strstr(rig.message, "cannot be started"));
        rig_close(&rig);
}

static int compare(const void *a, const void *b)
{
        return strcmp(*(char *const *) a, *(char *const *) b);
}

/* The names in an `env` output, sorted. */
static void check_names(char *env, const char *const *wanted, size_t n_wanted)
{
        char *names[64];
        size_t n = 0;

        for (char *line = strtok(env, "\n"); line; line = strtok(NULL, "\n")) {
                line[strcspn(line, "=")] = '\0';
                CHECK(n < ELEMENTSOF(names));
                names[n++] = line;
        }
        qsort(names, n, sizeof(names[0]), compare);
        for (size_t i = 0; i < n && i < n_wanted; i++)
                CHECK_STR(names[i], wanted[i]);
        CHECK_INT(n, n_wanted);
}

TEST(environment_is_exactly_what_is_documented)
{
        static const char *const wanted[] = {"FAILOVER_AT",
                                             "FAILOVER_CAUSE",
                                             "FAILOVER_CHANGE",
                                             "FAILOVER_FROM",
                                             "FAILOVER_MODE",
                                             "FAILOVER_NODE",
                                             "FAILOVER_PAYMENT",
                                             "HOME",
                                             "LANG",
                                             "PATH"};
        ActionFacts facts = rig_facts();
        _cleanup_free_ char *env = NULL;
        char yaml[300], path[100];
        size_t size;
        Rig rig;

        rig_open(&rig);
        setenv("STRIPE_KEY", "sk_live_canary", 1);
        /* A shell adds PWD and the like of its own, so no shell here. */
        snprintf(yaml, sizeof(yaml), "command: [cp, /proc/self/environ, %s/env]", rig.folder);
        CHECK_INT(run(&rig, yaml, &facts), ACTION_DONE);

        snprintf(path, sizeof(path), "%s/env", rig.folder);
        CHECK_INT(file_read(path, 65536, &env, &size), 0);
        for (size_t i = 0; i < size; i++)
                env[i] = env[i] ? env[i] : '\n';
        CHECK(strstr(env, "FAILOVER_MODE=crypto\n"));
        CHECK(strstr(env, "FAILOVER_FROM=primary\n"));
        CHECK(strstr(env, "FAILOVER_CHANGE=01JCHANGE0000000000000000A\n"));
        CHECK(strstr(env, "FAILOVER_CAUSE=payment-api down: HTTP 503 (3 of 5)\n"));
        CHECK(strstr(env, "FAILOVER_PAYMENT=crypto\n"));
        CHECK(strstr(env, "FAILOVER_NODE=my-shop\n"));
        CHECK(strstr(env, "FAILOVER_AT=2026-11-20T09:00:00.123Z\n"));
        check_names(env, wanted, ELEMENTSOF(wanted));
        rig_close(&rig);
}

TEST(cause_is_one_visible_line_and_no_shell_sees_it)
{
        ActionFacts facts = rig_facts();
        char yaml[300];
        Rig rig;

        rig_open(&rig);
        facts.cause = NASTY "$(touch /tmp/pwned)`id`";
        snprintf(yaml, sizeof(yaml), "command: [sh, -c, 'printf %%s \"$FAILOVER_CAUSE\" > %s/cause']",
                 rig.folder);
        CHECK_INT(run(&rig, yaml, &facts), ACTION_DONE);
        _cleanup_free_ char *cause = rig_read(rig.folder, "cause");
        CHECK(cause && !strpbrk(cause, "\r\n\x1b\xff") && !strstr(cause, NASTY_BIDI));
        CHECK(strstr(cause, "$(touch /tmp/pwned)`id`"));
        rig_close(&rig);
}

TEST(program_past_its_time_is_killed_with_its_children_and_tried_again)
{
        ActionFacts facts = rig_facts();
        char *pid = NULL;
        char yaml[300];
        Rig rig;

        rig_open(&rig);
        for (unsigned tenths = 3; !pid || !strchr(pid, '\n'); tenths *= 2) { /* until it has come so far */
                snprintf(yaml, sizeof(yaml),
                         "command: [sh, -c, 'sleep 1000 & echo $! > %s/pid; wait']\ntimeout: %u00ms",
                         rig.folder, tenths);
                CHECK(tenths < 400);
                CHECK_INT(run(&rig, yaml, &facts), ACTION_RETRY);
                CHECK(strstr(rig.message, "still running after "));
                free(pid);
                pid = rig_read(rig.folder, "pid");
        }
        bool gone = false;
        for (uint64_t end = clock_boot_usec() + 10 * USEC_PER_SEC; !gone;) {
                CHECK(sd_event_run(rig.event, 20 * USEC_PER_MSEC) >= 0);
                gone = kill(atoi(pid), 0) < 0 && errno == ESRCH;
                if (!gone) { /* a zombie that init has not reaped is gone as well */
                        char path[64];
                        _cleanup_free_ char *stat_text = NULL;
                        snprintf(path, sizeof(path), "/proc/%d/stat", atoi(pid));
                        int fd = open(path, O_RDONLY | O_CLOEXEC);
                        if (fd >= 0) {
                                gone = fd_read_all(fd, 4096, &stat_text, NULL) == 0 &&
                                       strstr(stat_text, ") Z ");
                                close(fd);
                        }
                }
                CHECK(clock_boot_usec() < end);
        }
        free(pid);
        rig_close(&rig);
}

TEST(missing_programs_are_found_before_anything_runs)
{
        Rig rig;
        Error e = {0};
        char yaml[200];

        rig_open(&rig);
        rig_refused(&action_exec, "timeout: 5s", "command");
        rig_refused(&action_exec, "command: []", "command");
        rig_refused(&action_exec, "command: ['']", "command");
        rig_refused(&action_exec, "command: [true]\ntimeout: 1h", "timeout");
        rig_refused(&action_exec, "command: [true]\nshell: true", "shell");

        const char *const bad[] = {"command: [/no/such]", "command: [no-such-program-anywhere]",
                                   "command: [/tmp]"};
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                void *conf = rig_conf(&action_exec, bad[i]);
                CHECK(action_exec.verify(conf, rig.folder, &e) < 0);
                CHECK(strstr(e.text, "command"));
                rig_conf_free(&action_exec, conf);
        }
        rig_write(&rig, "plain", "text", 0644);
        snprintf(yaml, sizeof(yaml), "command: [%s/plain]", rig.folder);
        void *conf = rig_conf(&action_exec, yaml);
        CHECK(action_exec.verify(conf, rig.folder, &e) < 0);
        rig_conf_free(&action_exec, conf);

        conf = rig_conf(&action_exec, "command: [sh, -c, true]");
        CHECK_INT(action_exec.verify(conf, rig.folder, &e), 0);
        rig_conf_free(&action_exec, conf);
        rig_close(&rig);
}

TEST(our_own_shortage_is_a_retry)
{
        Rig rig;
        ActionFacts facts = rig_facts();

        rig_open(&rig);
        void *conf = rig_conf(&action_exec, "command: [sh, -c, 'echo done']");
        rig_run_scarce(&rig, &action_exec, conf, &facts, false, NULL, NULL);
        rig_conf_free(&action_exec, conf);
        rig_close(&rig);
}

MAIN()
