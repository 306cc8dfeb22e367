/* SPDX-License-Identifier: MIT */
/* exec against small shell scripts and the real plug-ins of monitoring-plugins-basic. */
#include "tests/probe_bench.h"

#define PATIENT     (10 * USEC_PER_SEC)
#define PLUGINS     "/usr/lib/nagios/plugins/"
#define SHELL(text) "command: [/bin/sh, -c, '" text "']"

static Run run(const char *yaml)
{
        return bench_run("exec", PATIENT, "%s", yaml);
}

TEST(takes_the_exit_code_for_the_outcome)
{
        CHECK_RUN(OUTCOME_PASS, "all is well", run(SHELL("echo all is well")));
        CHECK_RUN(OUTCOME_WARN, "getting warm", run(SHELL("echo getting warm; exit 1")));
        CHECK_RUN(OUTCOME_FAIL, "too hot", run(SHELL("echo too hot; exit 2")));
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "no idea", run(SHELL("echo no idea; exit 3")));
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "exit code 4, no output", run(SHELL("exit 4")));
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "exit code 255, no output", run(SHELL("exit 255")));
}

TEST(shows_the_first_line_without_performance_data)
{
        CHECK_RUN(OUTCOME_PASS, "OK - load 1",
                  run(SHELL("printf \"OK - load 1  | load=1;2;3\\nmore text\\n\"")));
        CHECK_RUN(OUTCOME_PASS, "OK - two", run(SHELL("printf \"\\n  OK - two\\nthree | four\\n\"")));
        CHECK_RUN(OUTCOME_FAIL, "exit code 2, no output", run(SHELL("echo \"|load=1\"; exit 2")));
}

TEST(shows_standard_error_when_there_is_nothing_else)
{
        CHECK_RUN(OUTCOME_FAIL, "broken plug-in", run(SHELL("echo broken plug-in >&2; exit 2")));
}

TEST(makes_control_characters_visible)
{
        Run r = run(SHELL("printf \"a\\033[31mb\"; exit 2"));

        CHECK_INT(r.outcome, OUTCOME_FAIL);
        CHECK(!strchr(r.message, '\033'));
}

TEST(reads_a_flood_of_output_to_its_end)
{
        CHECK_RUN(OUTCOME_PASS, "first", run(SHELL("echo first; head -c 1000000 /dev/zero")));
}

TEST(fails_at_the_deadline_and_kills_the_whole_group)
{
        const char *pids = bench_path("pids");
        _cleanup_free_ char *text = NULL;
        uint64_t end = clock_boot_usec() + PATIENT;
        int inner = 0;
        Run r = bench_run("exec", 300 * USEC_PER_MSEC,
                          "command: [/bin/sh, -c, 'sleep 1000 & echo $! > %s.new; mv %s.new %s; wait']", pids,
                          pids, pids);

        CHECK_RUN(OUTCOME_FAIL, "no answer in 300 ms", r);
        CHECK_INT(file_read(pids, 100, &text, NULL), 0);
        CHECK(sscanf(text, "%d", &inner) == 1 && inner > 1);
        /* An orphan's corpse is for init to collect: it counts as gone. */
        for (;;) {
                _cleanup_free_ char *stat = NULL;
                char path[40];

                snprintf(path, sizeof path, "/proc/%d/stat", inner);
                if (file_read(path, 4096, &stat, NULL) < 0)
                        break;
                if (strstr(stat, ") Z "))
                        break;
                CHECK(clock_boot_usec() < end);
                usleep(5000);
        }
}

TEST(knows_nothing_when_a_stranger_kills_it)
{
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "killed by signal 9 (Killed)", run(SHELL("kill -9 $$")));
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "killed by signal 15 (Terminated)", run(SHELL("kill $$")));
}

TEST(knows_nothing_when_it_cannot_be_started)
{
        const char *plain = bench_file("plain", "#!/bin/sh\n");

        CHECK_RUN(OUTCOME_INCONCLUSIVE, "cannot run /no/such/program: No such file or directory",
                  run("command: /no/such/program"));
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "cannot run no-such-program-here: No such file or directory",
                  run("command: [no-such-program-here]"));
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "cannot run *",
                  bench_run("exec", USEC_PER_SEC, "command: %s", plain));
}

TEST(gives_it_a_clean_environment_and_what_was_asked_for)
{
        setenv("SECRET_OF_THE_DAEMON", "hidden", 1);
        CHECK_RUN(OUTCOME_PASS, "hello none",
                  run(SHELL("echo $GREETING ${SECRET_OF_THE_DAEMON-none}") "\nenvironment: {GREETING: "
                                                                           "hello}"));
        CHECK_RUN(OUTCOME_PASS, "/one/two", run(SHELL("echo $PATH") "\nenvironment: {PATH: /one/two}"));
        unsetenv("SECRET_OF_THE_DAEMON");
}

TEST(gives_it_none_of_our_descriptors)
{
        int fd = fcntl(STDIN_FILENO, F_DUPFD, 77); /* deliberately without O_CLOEXEC */
        Run r;

        CHECK(fd >= 77);
        r = bench_run("exec", PATIENT, SHELL("test -e /proc/self/fd/%d && echo inherited || echo clean"), fd);
        CHECK_RUN(OUTCOME_PASS, "clean", r);
        close(fd);
}

TEST(passes_arguments_as_they_are_without_a_shell)
{
        CHECK_RUN(OUTCOME_PASS, "$(id) `id` ; *", run("command: [echo, '$(id)', '`id`', ';', '*']"));
}

TEST(refuses_what_cannot_be_meant)
{
        CHECK_REFUSED("exec", "command", "environment: {A: b}");
        CHECK_REFUSED("exec", "program is missing", "command: []");
        CHECK_REFUSED("exec", "program is missing", "command: ['']");
        CHECK_REFUSED("exec", "\"A-B\"", "command: [true]\nenvironment: {A-B: c}");
        CHECK_REFUSED("exec", "\"1A\"", "command: [true]\nenvironment: {1A: c}");
}

TEST(verifies_that_the_program_can_be_run)
{
        char yaml[200];

        CHECK_STR(bench_verify("exec", "command: [/bin/true]"), "");
        CHECK_STR(bench_verify("exec", "command: [true]"), "");
        CHECK_STR(bench_verify("exec", "command: [/no/such]"),
                  "cannot run /no/such: No such file or directory");
        CHECK_STR(bench_verify("exec", "command: [no-such-program-here]"),
                  "cannot run no-such-program-here: No such file or directory");
        snprintf(yaml, sizeof yaml, "command: [%s]", bench_file("plain", "x"));
        CHECK(strstr(bench_verify("exec", yaml), "Permission denied"));
        CHECK(strstr(bench_verify("exec", "command: [/etc]"), "Permission denied"));
}

/* The real ones. */

static bool plugin_there(const char *path)
{
        if (access(path, X_OK) == 0)
                return true;
        fprintf(stderr, "  left out: %s is not installed (monitoring-plugins-basic)\n", path);
        return false;
}

TEST(runs_check_dummy_with_every_code)
{
        if (!plugin_there(PLUGINS "check_dummy"))
                return;
        CHECK_RUN(OUTCOME_PASS, "OK: fine", run("command: [" PLUGINS "check_dummy, '0', fine]"));
        CHECK_RUN(OUTCOME_WARN, "WARNING: hm", run("command: [" PLUGINS "check_dummy, '1', hm]"));
        CHECK_RUN(OUTCOME_FAIL, "CRITICAL: no", run("command: [" PLUGINS "check_dummy, '2', no]"));
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "UNKNOWN: ?", run("command: [" PLUGINS "check_dummy, '3', '?']"));
}

TEST(runs_check_procs)
{
        if (!plugin_there(PLUGINS "check_procs"))
                return;
        CHECK_RUN(OUTCOME_PASS, "PROCS OK: *", run("command: [" PLUGINS "check_procs, -c, '1:']"));
        CHECK_RUN(OUTCOME_FAIL, "PROCS CRITICAL: 0 processes*",
                  run("command: [" PLUGINS "check_procs, -c, '1:', -C, no-such-name]"));
}

TEST(runs_check_tcp)
{
        unsigned open_port, closed_port = bench_closed_port();
        int fd = bench_socket(SOCK_STREAM, "127.0.0.1", 0, &open_port);

        if (plugin_there(PLUGINS "check_tcp")) {
                Run r = bench_run("exec", PATIENT, "command: [" PLUGINS "check_tcp, -H, 127.0.0.1, -p, '%u']",
                                  open_port);

                CHECK_RUN(OUTCOME_PASS, "TCP OK - *", r);
                CHECK(!strchr(r.message, '|'));
                r = bench_run("exec", PATIENT, "command: [" PLUGINS "check_tcp, -H, 127.0.0.1, -p, '%u']",
                              closed_port);
                CHECK_INT(r.outcome, OUTCOME_FAIL);
                CHECK(strstr(r.message, "onnection refused"));
        }
        close(fd);
}

TEST(runs_check_http)
{
        if (!plugin_there(PLUGINS "check_http"))
                return;
        CHECK_RUN(OUTCOME_FAIL, "connect to address 127.0.0.1 *",
                  bench_run("exec", PATIENT, "command: [" PLUGINS "check_http, -I, 127.0.0.1, -p, '%u']",
                            bench_closed_port()));
}

TEST(runs_check_disk)
{
        if (!plugin_there(PLUGINS "check_disk"))
                return;
        CHECK_RUN(OUTCOME_PASS, "DISK OK*",
                  run("command: [" PLUGINS "check_disk, -w, '1', -c, '0', -p, /tmp]"));
        CHECK_RUN(OUTCOME_FAIL, "DISK CRITICAL*",
                  run("command: [" PLUGINS "check_disk, -w, '100%', -c, '100%', -p, /tmp]"));
}

TEST(knows_nothing_when_memory_or_descriptors_are_short)
{
        bench_run_scarce("exec", PATIENT, "command: [sh, -c, echo well]");
}

MAIN()
