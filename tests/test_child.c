/* SPDX-License-Identifier: MIT */
#include "base/child.h"

#include "base/clock.h"
#include "tests/test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Run {
        sd_event *event;
        Child *child;
        int calls, error, code, status;
        bool timed_out, free_in_done;
        char output[128 * 1024], errors[8192];
        size_t output_size;
} Run;

static void on_done(Child *child, const ChildResult *result, void *userdata)
{
        Run *run = userdata;

        CHECK(child == run->child);
        run->calls++;
        run->error = result->error;
        run->code = result->code;
        run->status = result->status;
        run->timed_out = result->timed_out;
        run->output_size = result->output_size;
        CHECK_INT(strlen(result->output), result->output_size);
        snprintf(run->output, sizeof(run->output), "%s", result->output);
        snprintf(run->errors, sizeof(run->errors), "%s", result->errors);
        if (run->free_in_done)
                run->child = child_free(run->child);
}

static void run_until(Run *run, bool (*reached)(Run *run))
{
        uint64_t end = clock_boot_usec() + 20 * USEC_PER_SEC;

        while (!reached(run)) {
                CHECK(clock_boot_usec() < end);
                CHECK(sd_event_run(run->event, 100 * USEC_PER_MSEC) >= 0);
        }
}

static bool is_done(Run *run)
{
        return run->calls > 0;
}

static bool none_lingers(Run *run)
{
        return child_lingering() == 0;
}

static void run_begin(Run *run, const ChildSpec *spec)
{
        memset(run, 0, sizeof(*run));
        CHECK(sd_event_new(&run->event) >= 0);
        CHECK_INT(child_start(run->event, spec, on_done, run, &run->child), 0);
}

static void run_end(Run *run)
{
        run->child = child_free(run->child);
        run_until(run, none_lingers);
        run->event = sd_event_unref(run->event);
}

static void run_spec(Run *run, const ChildSpec *spec)
{
        run_begin(run, spec);
        CHECK_INT(run->calls, 0); /* never from within child_start() */
        run_until(run, is_done);
        CHECK_INT(run->calls, 1);
        run_end(run);
}

static void run_shell(Run *run, const char *script)
{
        const char *argv[] = {"sh", "-c", script, NULL};

        run_spec(run, &(ChildSpec){.argv = argv});
}

static bool gone(pid_t pid)
{
        return kill(pid, 0) < 0 && errno == ESRCH;
}

/* A process of another's may be a zombie until its new parent reaps it. */
static void wait_gone(pid_t pid)
{
        uint64_t end = clock_boot_usec() + 20 * USEC_PER_SEC;
        char path[64], state = 'R';

        snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
        while (!gone(pid)) {
                FILE *f = fopen(path, "re");

                if (f) {
                        if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
                                state = 'R';
                        fclose(f);
                }
                if (state == 'Z')
                        return;
                CHECK(clock_boot_usec() < end);
                usleep(1000);
        }
}

/* The first child of a process, once it runs the program of that name. */
static pid_t wait_child_named(pid_t parent, const char *wanted)
{
        uint64_t end = clock_boot_usec() + 20 * USEC_PER_SEC;

        for (;;) {
                char path[64], name[32] = "";
                int pid = 0;
                FILE *f;

                snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int) parent, (int) parent);
                f = fopen(path, "re");
                if (f && fscanf(f, "%d", &pid) != 1)
                        pid = 0;
                if (f)
                        fclose(f);
                snprintf(path, sizeof(path), "/proc/%d/comm", pid);
                f = pid > 0 ? fopen(path, "re") : NULL;
                if (f && fscanf(f, "%31s", name) != 1)
                        name[0] = '\0';
                if (f)
                        fclose(f);
                if (streq(name, wanted))
                        return pid;
                CHECK(clock_boot_usec() < end);
                usleep(1000);
        }
}

TEST(output_errors_and_exit_code_arrive)
{
        Run run;

        run_shell(&run, "echo out; echo err >&2; exit 3");
        CHECK_INT(run.error, 0);
        CHECK_INT(run.code, CLD_EXITED);
        CHECK_INT(run.status, 3);
        CHECK(!run.timed_out);
        CHECK_STR(run.output, "out\n");
        CHECK_STR(run.errors, "err\n");
}

TEST(a_signal_is_told_from_an_exit)
{
        Run run;

        run_shell(&run, "kill -SEGV $$");
        CHECK_INT(run.code == CLD_DUMPED ? CLD_KILLED : run.code, CLD_KILLED);
        CHECK_INT(run.status, SIGSEGV);
}

TEST(a_missing_program_is_reported_with_its_errno)
{
        const char *missing[] = {"/nonexistent/program", NULL}, *in_path[] = {"no-such-program-here", NULL};
        const char *folder[] = {"/etc", NULL};
        Run run;

        run_spec(&run, &(ChildSpec){.argv = missing});
        CHECK_INT(run.error, -ENOENT);
        run_spec(&run, &(ChildSpec){.argv = in_path});
        CHECK_INT(run.error, -ENOENT);
        run_spec(&run, &(ChildSpec){.argv = folder});
        CHECK_INT(run.error, -EACCES);
}

TEST(the_environment_holds_what_was_given_and_three_defaults)
{
        const char *argv[] = {"/usr/bin/env", NULL}, *extra[] = {"FAILOVER_MODE=crypto", "HOME=/srv", NULL};
        char want[512];
        Run run;

        setenv("FAILOVERD_TEST_SECRET", "must not be inherited", 1);
        setenv("PATH", "/usr/bin:/bin", 1);
        run_spec(&run, &(ChildSpec){.argv = argv, .environment = extra});
        snprintf(want, sizeof(want), "FAILOVER_MODE=crypto\nHOME=/srv\nPATH=/usr/bin:/bin\nLANG=C.UTF-8\n");
        CHECK_STR(run.output, want);
        run_spec(&run, &(ChildSpec){.argv = argv});
        CHECK_STR(run.output, "PATH=/usr/bin:/bin\nLANG=C.UTF-8\nHOME=/\n");
}

TEST(only_the_three_standard_descriptors_are_open)
{
        int leak = open("/dev/null", O_RDONLY), high = dup2(leak, 200); /* without O_CLOEXEC on purpose */
        Run run;

        CHECK(leak >= 0 && high == 200);
        /* Without a pipe of the shell's own. */
        run_shell(&run, "for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 200; do [ ! -e /proc/$$/fd/$i ] || echo -n "
                        "\"$i \"; done");
        CHECK_STR(run.output, "0 1 2 ");
        close(leak);
        close(high);
}

TEST(it_starts_when_our_own_standard_descriptors_are_closed)
{
        int saved[3];
        Run run;

        for (int i = 0; i < 3; i++)
                CHECK((saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10)) >= 0);
        for (int i = 0; i < 3; i++)
                close(i);
        run_shell(&run, "echo out; echo err >&2");
        for (int i = 0; i < 3; i++) {
                dup2(saved[i], i);
                close(saved[i]);
        }
        CHECK_STR(run.output, "out\n");
        CHECK_STR(run.errors, "err\n");
}

TEST(signals_are_at_their_defaults_and_unblocked)
{
        sigset_t set, old;
        Run run;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGHUP);
        sigprocmask(SIG_BLOCK, &set, &old);
        signal(SIGPIPE, SIG_IGN);
        run_shell(&run, "grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '\\t'");
        signal(SIGPIPE, SIG_DFL);
        sigprocmask(SIG_SETMASK, &old, NULL);
        CHECK_STR(run.output, "SigBlk:0000000000000000\nSigIgn:0000000000000000\n");
}

TEST(input_is_what_was_given_or_nothing)
{
        const char *argv[] = {"cat", NULL};
        static char big[100 * 1000 + 1];
        Run run;

        run_spec(&run, &(ChildSpec){.argv = argv});
        CHECK_STR(run.output, "");
        run_spec(&run, &(ChildSpec){.argv = argv, .input = "hello"});
        CHECK_STR(run.output, "hello");
        memset(big, 'x', sizeof(big) - 1); /* more than a pipe holds */
        run_spec(&run, &(ChildSpec){.argv = argv, .input = big, .output_max = sizeof(big)});
        CHECK_INT(run.output_size, sizeof(big) - 1);
}

TEST(output_past_the_maximum_is_read_and_dropped)
{
        const char *argv[] = {"sh", "-c", "yes out | head -c 3000000; yes err | head -c 100000 >&2; exit 7",
                              NULL};
        Run run;

        run_spec(&run, &(ChildSpec){.argv = argv, .output_max = 10});
        CHECK_INT(run.status, 7);
        CHECK_STR(run.output, "out\nout\nou");
        CHECK_INT(strlen(run.errors), 4096);
        run_spec(&run, &(ChildSpec){.argv = argv});
        CHECK_INT(run.output_size, 64 * 1024);
}

TEST(the_deadline_is_reported_at_once_and_the_corpse_reaped_later)
{
        const char *argv[] = {"sh", "-c", "trap '' TERM; echo begun; while :; do sleep 0.05; done", NULL};
        uint64_t began = clock_boot_usec(), reported;
        Run run;

        run_begin(&run, &(ChildSpec){.argv = argv, .timeout_usec = 400 * USEC_PER_MSEC});
        run_until(&run, is_done);
        reported = clock_boot_usec() - began;
        CHECK(run.timed_out);
        CHECK_STR(run.output, "begun\n");
        CHECK(reported >= 400 * USEC_PER_MSEC);
        CHECK_INT(child_lingering(), 1); /* it ignores SIGTERM and has a second */
        run.child = child_free(run.child);
        CHECK_INT(child_lingering(), 1);
        run_until(&run, none_lingers);
        CHECK(clock_boot_usec() - began >= 1400 * USEC_PER_MSEC);
        CHECK_INT(run.calls, 1);
        run_end(&run);
}

TEST(a_polite_process_may_clean_up_at_the_deadline)
{
        char path[] = "/tmp/test_child.XXXXXX", script[256];
        const char *argv[] = {"sh", "-c", script, NULL};
        int fd = mkstemp(path);
        Run run;

        CHECK(fd >= 0);
        snprintf(script, sizeof(script), "trap 'rm %s; exit' TERM; while :; do sleep 0.02; done", path);
        run_begin(&run, &(ChildSpec){.argv = argv, .timeout_usec = 300 * USEC_PER_MSEC});
        run_until(&run, is_done);
        run_end(&run);
        CHECK(access(path, F_OK) < 0);
        close(fd);
}

TEST(freeing_kills_the_whole_group_without_waiting)
{
        const char *argv[] = {"sh", "-c", "sleep 1000 & echo $!; wait", NULL};
        pid_t grandchild;
        int calls;
        Run run;

        run_begin(&run, &(ChildSpec){.argv = argv});
        grandchild = wait_child_named(wait_child_named(wait_child_named(getpid(), "keeper"), "sh"), "sleep");
        CHECK_INT(child_lingering(), 0);
        run.child = child_free(run.child);
        CHECK_INT(child_lingering(), 1);
        calls = run.calls;
        run_until(&run, none_lingers);
        CHECK_INT(calls, 0);
        CHECK_INT(run.calls, 0);
        wait_gone(grandchild);
        run_end(&run);
}

TEST(what_is_left_of_the_group_is_killed_when_the_leader_ends)
{
        uint64_t began = clock_boot_usec();
        Run run;

        run_shell(&run, "sleep 1000 & echo $!");
        CHECK_INT(run.status, 0);
        CHECK(atoi(run.output) > 0);
        wait_gone((pid_t) atoi(run.output));
        CHECK(clock_boot_usec() - began < 100 * USEC_PER_SEC); /* it did not wait for the pipe's end */
}

/* In a session of its own, and an orphan: nothing of ours but the keeper is above it. */
#define ESCAPE "setsid sh -c 'sleep 1000 >/dev/null 2>&1 & echo $!'; "

TEST(what_has_left_the_session_is_killed_when_the_program_ends)
{
        Run run;

        run_shell(&run, ESCAPE "exit 3");
        CHECK_INT(run.code, CLD_EXITED);
        CHECK_INT(run.status, 3);
        CHECK(atoi(run.output) > 0);
        wait_gone((pid_t) atoi(run.output));
}

TEST(what_has_left_the_session_is_killed_at_the_deadline)
{
        const char *argv[] = {"sh", "-c", ESCAPE "sleep 1000", NULL};
        Run run;

        run_begin(&run, &(ChildSpec){.argv = argv, .timeout_usec = 500 * USEC_PER_MSEC});
        run_until(&run, is_done);
        CHECK(run.timed_out && atoi(run.output) > 0);
        run_until(&run, none_lingers);
        wait_gone((pid_t) atoi(run.output));
        run_end(&run);
}

TEST(what_has_left_the_session_is_killed_when_nobody_wants_it_any_more)
{
        const char *argv[] = {"sh", "-c", "setsid sh -c 'sleep 1000 & sleep 1000'", NULL};
        pid_t pid;
        Run run;

        run_begin(&run, &(ChildSpec){.argv = argv});
        pid = wait_child_named(getpid(), "keeper");
        pid = wait_child_named(wait_child_named(wait_child_named(pid, "sh"), "sh"), "sleep");
        run.child = child_free(run.child);
        run_until(&run, none_lingers);
        wait_gone(pid);
        run_end(&run);
}

TEST(an_orphan_may_live_as_long_as_its_program)
{
        Run run;

        run_shell(&run, "pid=$(" ESCAPE "true); sleep 0.2; kill -0 $pid && echo alive");
        CHECK_STR(run.output, "alive\n");
}

TEST(children_of_others_are_left_to_them)
{
        int status = 0;
        pid_t pid = fork();
        Run run;

        if (pid == 0)
                _exit(7);
        run_shell(&run, ESCAPE "exit 0");
        CHECK_INT(waitpid(pid, &status, 0), pid);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

TEST(done_may_free_the_child)
{
        const char *argv[] = {"true", NULL};
        Run run;

        run_begin(&run, &(ChildSpec){.argv = argv, .timeout_usec = 10 * USEC_PER_SEC});
        run.free_in_done = true;
        run_until(&run, is_done);
        CHECK(!run.child);
        run_end(&run);
        run_begin(&run, &(ChildSpec){.argv = (const char *[]){"sleep", "1000", NULL}, .timeout_usec = 1});
        run.free_in_done = true;
        run_until(&run, is_done);
        CHECK(run.timed_out && !run.child);
        run_end(&run);
}

TEST(the_loop_may_end_while_a_process_lingers)
{
        const char *argv[] = {"sh", "-c", "trap '' TERM; echo $$; exec sleep 1000", NULL};
        pid_t pid;
        Run run;

        run_begin(&run, &(ChildSpec){.argv = argv, .timeout_usec = 300 * USEC_PER_MSEC});
        run_until(&run, is_done);
        pid = (pid_t) atoi(run.output);
        CHECK(pid > 0);
        run.child = child_free(run.child);
        CHECK_INT(child_lingering(), 1);
        run.event = sd_event_unref(run.event);
        CHECK_INT(child_lingering(), 0);
        CHECK(waitpid(-1, NULL, 0) > 0); /* its keeper */
        wait_gone(pid);                  /* killed, not left behind for 1,000 s */
}

static int write_and_return(void *data, int output_fd)
{
        const char *text = data;

        if (write(output_fd, text, strlen(text)) < 0)
                return 1;
        return 42;
}

static int hang(void *data, int output_fd)
{
        for (;;)
                pause();
        return 0;
}

TEST(a_function_runs_in_a_process_of_its_own)
{
        char text[] = "from the function";
        Run run;

        run_spec(&run, &(ChildSpec){.function = write_and_return, .data = text});
        CHECK_INT(run.error, 0);
        CHECK_INT(run.code, CLD_EXITED);
        CHECK_INT(run.status, 42);
        CHECK_STR(run.output, "from the function");
        run_spec(&run, &(ChildSpec){.function = hang, .timeout_usec = 50 * USEC_PER_MSEC});
        CHECK(run.timed_out);
}

static int write_to_disk(void *data, int output_fd)
{
        int fd = open(data, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

        return fd < 0 || write(fd, "x", 1) != 1 || fsync(fd) < 0;
}

/* Exits 0 when all is as claimed. The disk is thawed by the caller, whatever happens here. */
static void use_frozen_disk(const char *folder)
{
        char path[128];
        uint64_t began;
        Run run;

        snprintf(path, sizeof(path), "%s/mount/file", folder);
        run_begin(&run,
                  &(ChildSpec){.function = write_to_disk, .data = path, .timeout_usec = 100 * USEC_PER_MSEC});
        run_until(&run, is_done);
        CHECK(run.timed_out);
        for (began = clock_boot_usec(); clock_boot_usec() - began < 1500 * USEC_PER_MSEC;) /* past SIGKILL */
                CHECK(sd_event_run(run.event, 100 * USEC_PER_MSEC) >= 0);
        CHECK_INT(child_lingering(), 1);
        began = clock_boot_usec();
        run.child = child_free(run.child);
        CHECK(clock_boot_usec() - began < 500 * USEC_PER_MSEC);
        CHECK_INT(child_lingering(), 1);
        snprintf(path, sizeof(path), "/usr/sbin/fsfreeze -u %s/mount", folder);
        CHECK_INT(system(path), 0);
        run_end(&run); /* it comes loose, and is reaped */
        exit(0);
}

TEST(a_process_stuck_in_the_kernel_blocks_nobody)
{
        char folder[] = "/tmp/test_child.XXXXXX", command[512];
        int status = 0;
        pid_t pid;

        CHECK(mkdtemp(folder));
        snprintf(command, sizeof(command),
                 "PATH=$PATH:/usr/sbin:/sbin; cd %s && mkdir mount && truncate -s 8M image && { mkfs.ext4 -q "
                 "image && mount -o loop "
                 "image mount && "
                 "fsfreeze -f mount; } 2>/dev/null",
                 folder);
        if (system(command) != 0)
                fprintf(stderr, "  left out: no file system can be mounted and frozen here\n");
        else {
                pid = fork();
                if (pid == 0)
                        use_frozen_disk(folder);
                CHECK(pid > 0);
                for (int i = 0; i < 2000 && waitpid(pid, &status, WNOHANG) == 0; i++)
                        usleep(10 * 1000);
        }
        snprintf(command, sizeof(command),
                 "PATH=$PATH:/usr/sbin:/sbin; cd %s && { fsfreeze -u mount; umount mount; } 2>/dev/null; rm "
                 "-rf image && rmdir mount && "
                 "rmdir %s",
                 folder, folder);
        CHECK_INT(system(command), 0);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(children_die_with_the_supervisor)
{
        int fds[2];
        pid_t pid, grandchild = 0;

        CHECK_INT(pipe(fds), 0);
        pid = fork();
        if (pid == 0) {
                const char *argv[] = {"sh", "-c", "exec sleep 1000", NULL};
                sd_event *event = NULL;
                Child *child = NULL;

                if (sd_event_new(&event) < 0 ||
                    child_start(event, &(ChildSpec){.argv = argv}, on_done, NULL, &child) < 0)
                        _exit(1);
                grandchild = wait_child_named(wait_child_named(getpid(), "keeper"), "sleep");
                if (write(fds[1], &grandchild, sizeof(grandchild)) < 0)
                        _exit(1);
                kill(getpid(), SIGKILL);
        }
        CHECK_INT(read(fds[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
        CHECK_INT(waitpid(pid, NULL, 0), pid);
        wait_gone(grandchild);
        close(fds[0]);
        close(fds[1]);
}

TEST(many_at_once_end_well_and_leak_no_descriptor)
{
        const char *argv[] = {"true", NULL};
        enum { N = 50 };
        static Run runs[N];
        sd_event *event = NULL;
        int before = open("/dev/null", O_RDONLY), after;

        close(before);
        CHECK(sd_event_new(&event) >= 0);
        for (int i = 0; i < N; i++) {
                runs[i] = (Run){.event = event, .free_in_done = true};
                CHECK_INT(child_start(event, &(ChildSpec){.argv = argv}, on_done, &runs[i], &runs[i].child),
                          0);
        }
        for (int i = 0; i < N; i++) {
                run_until(&runs[i], is_done);
                CHECK_INT(runs[i].error, 0);
                CHECK_INT(runs[i].status, 0);
        }
        run_until(&runs[0], none_lingers);
        sd_event_unref(event);
        after = open("/dev/null", O_RDONLY);
        close(after);
        CHECK_INT(after, before);
}

MAIN()
