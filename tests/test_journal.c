/* SPDX-License-Identifier: MIT */
/* What the journal gets of changes of mode and alerts: a kind has an id of its own, and foreign words stay words. */
#include "base/log.h"
#include "base/message_id.h"
#include "supervisor/journal.h"
#include "tests/namespace.h"
#include "tests/test.h"

#include <inttypes.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

MAIN()

static const char *entry(int fd)
{
        static char buffer[65536];
        ssize_t n = recv(fd, buffer, sizeof buffer - 1, MSG_DONTWAIT);

        CHECK(n > 0);
        buffer[n] = 0;
        return buffer;
}

static bool has_line(const char *text, const char *line)
{
        size_t n = strlen(line);

        for (const char *at = text; (at = strstr(at, line)); at++)
                if ((at == text || at[-1] == '\n') && at[n] == '\n')
                        return true;
        fprintf(stderr, "\"%s\" is no line of: %s\n", line, text);
        return false;
}

/* Runs body() with a journal of its own, which only a mount namespace makes possible. */
static void with_journal(void (*body)(int journal))
{
        static const struct sockaddr_un address = {AF_UNIX, "/run/systemd/journal/socket"};
        int status;
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0) {
                struct stat st;
                char stream[64];

                if (!namespace_enter() || mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0)
                        _exit(77);
                CHECK(mkdir("/run/systemd", 0755) >= 0 && mkdir("/run/systemd/journal", 0755) >= 0);
                int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
                CHECK(bind(fd, (const struct sockaddr *) &address, sizeof address) >= 0);
                CHECK(fstat(STDERR_FILENO, &st) >= 0);
                snprintf(stream, sizeof stream, "%" PRIu64 ":%" PRIu64, (uint64_t) st.st_dev,
                         (uint64_t) st.st_ino);
                setenv("JOURNAL_STREAM", stream, 1);
                log_open("failoverd");
                body(fd);
                _exit(0);
        }
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77)
                fprintf(stderr, "(skipped: no mount namespace here)\n");
        else
                CHECK_INT(WEXITSTATUS(status), 0);
}

static void fail_over_and_return(int journal)
{
        EngineChange change = {.id = "01J0", .rule = RULE_FAILOVER, .automatic = true, .cause = "api down"};
        const char *text;

        journal_change(&change, "primary", "crypto");
        text = entry(journal);
        CHECK(has_line(text, "PRIORITY=2"));
        CHECK(has_line(text, "MESSAGE=mode primary to crypto: api down"));
        CHECK(has_line(text, "MESSAGE_ID=" MESSAGE_FAILOVER));
        CHECK(has_line(text, "FAILOVER_CHANGE=01J0"));
        CHECK(has_line(text, "FAILOVER_MODE=crypto"));
        CHECK(has_line(text, "FAILOVER_FROM=primary"));
        CHECK(has_line(text, "FAILOVER_CAUSE=api down"));
        change.rule = RULE_RETURN;
        journal_change(&change, "crypto", "primary");
        text = entry(journal);
        CHECK(has_line(text, "PRIORITY=5"));
        CHECK(has_line(text, "MESSAGE_ID=" MESSAGE_RETURN));
        change = (EngineChange){
                        .id = "01J1", .rule = RULE_OPERATOR, .cause = "pinned by root", .reason = "tests"};
        journal_change(&change, "primary", "crypto");
        text = entry(journal);
        CHECK(has_line(text, "MESSAGE_ID=" MESSAGE_OPERATOR));
        CHECK(has_line(text, "FAILOVER_REASON=tests"));
}

TEST(a_change_has_its_kind_and_all_that_one_searches_by)
{
        with_journal(fail_over_and_return);
}

static void take_id(const char *text, char ids[][33], size_t *n)
{
        const char *at = strstr(text, "\nMESSAGE_ID=");

        CHECK(at);
        memcpy(ids[*n], at + strlen("\nMESSAGE_ID="), 32);
        for (size_t i = 0; i < *n; i++)
                CHECK(strcmp(ids[i], ids[*n]) != 0);
        (*n)++;
}

static void say_everything(int journal)
{
        static char ids[_RULE_MAX + _ALARM_MAX][33];
        size_t n = 0;

        for (ModeRule rule = RULE_NONE + 1; rule < _RULE_MAX; rule++) {
                EngineChange change = {.id = "01J0", .rule = rule, .cause = "because"};

                journal_change(&change, "", "primary");
                take_id(entry(journal), ids, &n);
        }
        for (AlarmKind kind = 0; kind < _ALARM_MAX; kind++) {
                char name[64];
                Alarm alarm = {.kind = kind, .name = name};

                snprintf(name, sizeof name, "%s:subject", alarm_kind_name(kind));
                journal_alarm(&alarm, true, false);
                take_id(entry(journal), ids, &n);
                journal_alarm(&alarm, false, false);
                CHECK(has_line(entry(journal), "MESSAGE_ID=" MESSAGE_ALERT_ENDED));
        }
}

TEST(every_kind_has_an_id_that_no_other_has)
{
        with_journal(say_everything);
}

static void say_foreign_words(int journal)
{
        char name[] = "warning:disk", why[] = "\x1b[2J\nMESSAGE_ID=zzz\nX=y";
        Alarm alarm = {.kind = ALARM_WARN, .name = name, .message = why};
        EngineChange change = {.id = "01J0", .rule = RULE_FAILOVER, .cause = why, .reason = why};
        const char *text;

        journal_alarm(&alarm, true, false);
        text = entry(journal);
        CHECK(has_line(text, "FAILOVER_ALERT=warning"));
        CHECK(has_line(text, "FAILOVER_SUBJECT=disk"));
        CHECK(!strchr(text, 0x1b));
        CHECK(!strstr(text, "\nMESSAGE_ID=z") && !strstr(text, "\nX=y"));
        journal_change(&change, "primary", "crypto");
        text = entry(journal);
        CHECK(!strchr(text, 0x1b));
        CHECK(!strstr(text, "\nMESSAGE_ID=z") && !strstr(text, "\nX=y"));
}

TEST(what_others_say_neither_reaches_the_terminal_nor_becomes_a_field)
{
        with_journal(say_foreign_words);
}
