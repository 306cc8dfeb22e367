/* SPDX-License-Identifier: MIT */
/* What reaches the journal and stderr, and that neither can hold us up. */
#include "base/log.h"
#include "tests/namespace.h"
#include "tests/test.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

MAIN()

/* Runs body() with stderr going to a pipe, and returns what came out of it. */
static char *captured(void (*body)(void))
{
        static char buffer[65536];
        int p[2];

        CHECK(pipe2(p, O_CLOEXEC) >= 0);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                dup2(p[1], STDERR_FILENO);
                close(p[1]);
                body();
                _exit(0);
        }
        close(p[1]);
        size_t used = 0;
        for (ssize_t n; (n = read(p[0], buffer + used, sizeof buffer - 1 - used)) > 0;)
                used += (size_t) n;
        buffer[used] = 0;
        close(p[0]);
        int status;
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK_INT(status, 0);
        return buffer;
}

static void say_plainly(void)
{
        unsetenv("JOURNAL_STREAM");
        log_open("prog");
        CHECK_INT(log_set_level("info"), 0);
        log_info("one %d", 1);
        log_warning("from outside: %s", "\x1b[31m\nprog: forged");
        log_error("bad");
        log_debug("unseen");
        log_fields(LOG_NOTICE, (const char *const[]){"X=y", NULL}, "with fields");
        CHECK_INT(log_set_level("debug"), 0);
        log_debug("seen");
}

TEST(stderr_gets_one_safe_line_a_message)
{
        CHECK_STR(captured(say_plainly), "prog: one 1\n"
                                         "prog: warning: from outside: \\x1b[31m\\nprog: forged\n"
                                         "prog: error: bad\n"
                                         "prog: with fields\n"
                                         "prog: debug: seen\n");
}

static void keep_errno(void)
{
        log_open("prog");
        errno = EXDEV;
        log_error("%m");
        CHECK_INT(errno, EXDEV);
}

TEST(logging_keeps_errno_and_prints_it)
{
        CHECK_STR(captured(keep_errno), "prog: error: Invalid cross-device link\n");
}

TEST(levels_are_known_by_name)
{
        CHECK_INT(log_set_level("err"), 0);
        CHECK_INT(log_level(), LOG_ERR);
        CHECK_INT(log_set_level("error"), 0);
        CHECK_INT(log_level(), LOG_ERR);
        CHECK_INT(log_set_level("loud"), -EINVAL);
        CHECK_INT(log_level(), LOG_ERR);
}

/* A pipe nobody reads until the writer is through: with a blocking write the child would hang for ever. */
TEST(a_reader_that_stalls_does_not_hold_us_up_and_is_told)
{
        int out[2], go[2], done[2];
        char c;

        CHECK(pipe2(out, O_CLOEXEC) >= 0 && pipe2(go, O_CLOEXEC) >= 0 && pipe2(done, O_CLOEXEC) >= 0);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                alarm(20);
                dup2(out[1], STDERR_FILENO);
                log_open("prog");
                log_set_level("info");
                for (int i = 0; i < 5000; i++)
                        log_info("message %d of a storm", i);
                if (write(done[1], "x", 1) != 1 || read(go[0], &c, 1) != 1)
                        _exit(1);
                log_info("after");
                _exit(0);
        }
        close(out[1]);
        CHECK_INT(read(done[0], &c, 1), 1);

        static char buffer[1 << 20];
        size_t used = 0;
        CHECK(fcntl(out[0], F_SETFL, O_NONBLOCK) >= 0);
        for (ssize_t n; (n = read(out[0], buffer + used, sizeof buffer - 1 - used)) > 0;)
                used += (size_t) n;
        CHECK(fcntl(out[0], F_SETFL, 0) >= 0);
        CHECK_INT(write(go[1], "x", 1), 1);
        for (ssize_t n; (n = read(out[0], buffer + used, sizeof buffer - 1 - used)) > 0;)
                used += (size_t) n;
        buffer[used] = 0;
        CHECK(strstr(buffer, "prog: message 0 of a storm\n") == buffer);
        CHECK(strstr(buffer, "log messages were lost: nobody took them\nprog: after\n"));
        CHECK(waitpid(pid, NULL, 0) == pid);
        for (int i = 0; i < 2; i++) {
                close(go[i]);
                close(done[i]);
        }
        close(out[0]);
}

/* A /run of our own; false: this machine does not let us. */
static bool private_run(void)
{
        if (!namespace_enter() || mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0)
                return false;
        CHECK(mkdir("/run/systemd", 0755) >= 0 && mkdir("/run/systemd/journal", 0755) >= 0);
        return true;
}

static void say_to_the_journal(int received, char *buffer, size_t size)
{
        const char *const fields[] = {"MODE=crypto", "LINES=a\nb", NULL};
        struct stat st;
        char stream[64];

        CHECK(fstat(STDERR_FILENO, &st) >= 0);
        snprintf(stream, sizeof stream, "%" PRIu64 ":%" PRIu64, (uint64_t) st.st_dev, (uint64_t) st.st_ino);
        setenv("JOURNAL_STREAM", stream, 1);
        log_open("prog");
        log_set_level("info");
        log_fields(LOG_NOTICE, fields, "mode is %s\n", "crypto");
        ssize_t n = recv(received, buffer, size - 1, MSG_DONTWAIT);
        CHECK(n > 0);
        static const char wanted[] = "PRIORITY=5\nSYSLOG_IDENTIFIER=prog\nMESSAGE=mode is crypto\\n\n"
                                     "MODE=crypto\nLINES\n\3\0\0\0\0\0\0\0a\nb\n";
        CHECK_INT(n, sizeof wanted - 1);
        CHECK(memcmp(buffer, wanted, sizeof wanted - 1) == 0);
        /* A journal that hangs: its queue fills, and we go on. */
        alarm(20);
        for (int i = 0; i < 5000; i++)
                log_info("storm");
        while (recv(received, buffer, size, MSG_DONTWAIT) > 0)
                ;
        log_info("after");
        n = recv(received, buffer, size - 1, MSG_DONTWAIT);
        CHECK(n > 0);
        buffer[n] = 0;
        CHECK(strstr(buffer, "log messages were lost"));
}

TEST(the_journal_gets_fields_and_cannot_hold_us_up)
{
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                static const struct sockaddr_un journal = {AF_UNIX, "/run/systemd/journal/socket"};
                static char buffer[65536];

                if (!private_run())
                        _exit(77);
                int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
                CHECK(bind(fd, (const struct sockaddr *) &journal, sizeof journal) >= 0);
                say_to_the_journal(fd, buffer, sizeof buffer);
                _exit(0);
        }
        int status;
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77)
                fprintf(stderr, "(skipped: no mount namespace here)\n");
        else
                CHECK_INT(WEXITSTATUS(status), 0);
}
