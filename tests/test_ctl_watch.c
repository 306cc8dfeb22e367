/* SPDX-License-Identifier: MIT */
/* `status --watch` on a pseudo terminal and off one. */
#include "base/clock.h"
#include "ctl/page.h"
#include "tests/ctl_standin.h"

#include <fcntl.h>
#include <locale.h>
#include <pty.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <utmp.h>

#define PATIENCE_USEC (30 * USEC_PER_SEC)

typedef struct Terminal {
        StandIn *standin;
        pid_t pid;
        int master;
        sd_event_source *source;
        Text seen;
        struct termios before;
} Terminal;

static int on_output(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Terminal *t = userdata;
        char buffer[4096];
        ssize_t n = read(fd, buffer, sizeof(buffer));

        if (n > 0)
                text_add_bytes(&t->seen, buffer, (size_t) n);
        else
                sd_event_source_set_enabled(source, SD_EVENT_OFF);
        return 0;
}

static void terminal_start(Terminal *t, StandIn *s, unsigned short rows, unsigned short columns,
                           const char *extra)
{
        struct winsize size = {.ws_row = rows, .ws_col = columns};
        int slave;

        *t = (Terminal){.standin = s};
        CHECK_INT(openpty(&t->master, &slave, NULL, NULL, &size), 0);
        CHECK_INT(tcgetattr(slave, &t->before), 0);
        t->pid = fork();
        CHECK(t->pid >= 0);
        if (t->pid == 0) {
                close(t->master);
                if (login_tty(slave) < 0)
                        _exit(99);
                setenv("TERM", "xterm", 1);
                setenv("TZ", "UTC", 1);
                if (extra)
                        setenv(extra, "1", 1);
                else
                        unsetenv("NO_COLOR");
                execl(BINARY_DIR "/failoverctl", "failoverctl", "status", "--watch", "--socket", s->socket,
                      NULL);
                _exit(98);
        }
        close(slave);
        CHECK_INT(fcntl(t->master, F_SETFL, O_NONBLOCK), 0);
        CHECK_INT(loop_add_io(s->event, "pty", t->master, EPOLLIN, on_output, t, &t->source), 0);
}

/* The text of the last frame that is complete: between the last two times the cursor went home. */
static char *last_frame(const Terminal *t)
{
        const char *from = NULL, *to = NULL;

        for (const char *p = t->seen.data; p && (p = strstr(p, "\x1b[H")); p += 3) {
                from = to;
                to = p;
        }
        if (!to)
                return NULL;
        if (!from || strstr(to, "\x1b[J")) /* the newest is whole */
                return strdup(to);
        return strndup(from, (size_t) (to - from));
}

static bool shows(const Terminal *t, const char *words)
{
        _cleanup_free_ char *frame = last_frame(t);

        return frame && strstr(frame, words);
}

static void turn(Terminal *t)
{
        CHECK(sd_event_run(t->standin->event, 100 * USEC_PER_MSEC) >= 0);
}

static void wait_for(Terminal *t, const char *words, bool there)
{
        uint64_t deadline = clock_boot_usec() + PATIENCE_USEC;

        while (shows(t, words) != there) {
                if (clock_boot_usec() > deadline) {
                        fprintf(stderr, "%s: %s\n%s\n", there ? "never seen" : "still there", words,
                                t->seen.data ? t->seen.data : "");
                        exit(1);
                }
                turn(t);
        }
}

static void type(const Terminal *t, const char *keys)
{
        CHECK_INT(write(t->master, keys, strlen(keys)), strlen(keys));
}

/* Waits for its end and checks that the terminal is as it was. Returns the exit code. */
static int terminal_end(Terminal *t)
{
        uint64_t deadline = clock_boot_usec() + PATIENCE_USEC;
        struct termios after;
        int status;

        while (waitpid(t->pid, &status, WNOHANG) == 0) {
                CHECK(clock_boot_usec() < deadline);
                turn(t);
        }
        CHECK(WIFEXITED(status));
        while (sd_event_run(t->standin->event, 0) > 0)
                ;
        CHECK(strstr(t->seen.data, "\x1b[?1049h"));
        CHECK(strstr(t->seen.data, "\x1b[?25h\x1b[?1049l"));
        CHECK_INT(tcgetattr(t->master, &after), 0);
        CHECK_INT(after.c_lflag, t->before.c_lflag);
        loop_source_free(t->source);
        close(t->master);
        text_clear(&t->seen);
        return WEXITSTATUS(status);
}

static void send_all(StandIn *s, const char *status)
{
        for (size_t k = 0; k < STANDIN_STREAMS; k++)
                if (s->streams[k])
                        CHECK_INT(http_stream_send(s->streams[k], "status", status), 0);
}

/* Columns of the widest line of a frame, without its control sequences. */
static unsigned frame_width(const char *frame, unsigned *ret_lines)
{
        unsigned widest = 0;

        *ret_lines = 1;
        for (const char *line = frame; *line != '\0';) {
                size_t length = strcspn(line, "\r\n");
                _cleanup_text_ Text plain = {};

                for (size_t k = 0; k < length; k++) {
                        if (line[k] != '\x1b') {
                                text_add_bytes(&plain, line + k, 1);
                                continue;
                        }
                        for (k += 2; k < length && (line[k] < '@' || line[k] > '~'); k++)
                                ;
                }
                widest = MAX(widest, plain.data ? plain_columns(plain.data) : 0);
                line += length;
                while (*line == '\r' || *line == '\n')
                        *ret_lines += *line++ == '\n';
        }
        return widest;
}

TEST(the_screen_is_live_and_q_restores_the_terminal)
{
        StandIn s;
        Terminal t;

        standin_start(&s, 404, "{}");
        s.events = SAMPLE_WELL;
        terminal_start(&t, &s, 24, 80, NULL);
        wait_for(&t, "all is well", true);
        CHECK(shows(&t, "live") && shows(&t, "failoverd on my-shop"));
        send_all(&s, SAMPLE_CRYPTO);
        wait_for(&t, "crypto, not primary", true);
        type(&t, "q");
        CHECK_INT(terminal_end(&t), 2);
        standin_stop(&s);
}

TEST(ctrl_c_restores_the_terminal)
{
        StandIn s;
        Terminal t;

        standin_start(&s, 404, "{}");
        s.events = SAMPLE_WELL;
        terminal_start(&t, &s, 24, 80, "NO_COLOR");
        wait_for(&t, "all is well", true);
        CHECK(!strstr(t.seen.data, "\x1b[1m") && !strstr(t.seen.data, "\x1b[32m"));
        type(&t, "\x03");
        CHECK_INT(terminal_end(&t), 0);
        standin_stop(&s);
}

TEST(a_restart_of_the_daemon_is_told_and_survived)
{
        StandIn s;
        Terminal t;

        standin_start(&s, 404, "{}");
        s.events = SAMPLE_WELL;
        terminal_start(&t, &s, 24, 80, NULL);
        wait_for(&t, "live", true);
        s.server = http_server_free(s.server);
        wait_for(&t, "No news: ", true);
        CHECK(shows(&t, "STALE") && shows(&t, "Trying again") && shows(&t, "all is well"));
        standin_listen(&s);
        wait_for(&t, "live", true);
        CHECK(!shows(&t, "No news: "));
        CHECK(s.streamed >= 2);
        type(&t, "q");
        CHECK_INT(terminal_end(&t), 0);
        standin_stop(&s);
}

TEST(it_waits_for_a_daemon_that_is_not_there_yet)
{
        StandIn s;
        Terminal t;

        standin_start(&s, 404, "{}");
        s.events = SAMPLE_WELL;
        s.server = http_server_free(s.server);
        (void) unlink(s.socket);
        terminal_start(&t, &s, 24, 80, NULL);
        wait_for(&t, "no failoverd at", true);
        type(&t, "q");
        CHECK_INT(terminal_end(&t), 3);
        terminal_start(&t, &s, 24, 80, NULL);
        wait_for(&t, "no failoverd at", true);
        standin_listen(&s);
        wait_for(&t, "all is well", true);
        type(&t, "q");
        CHECK_INT(terminal_end(&t), 0);
        standin_stop(&s);
}

TEST(a_status_that_no_stream_brings_is_asked_for)
{
        StandIn s;
        Terminal t;

        standin_start(&s, 200, SAMPLE_CRYPTO); /* to /v1/events, too, which is no stream then */
        terminal_start(&t, &s, 24, 80, NULL);
        wait_for(&t, "crypto, not primary", true);
        s.answer = SAMPLE_WELL;
        wait_for(&t, "all is well", true);
        CHECK(shows(&t, "live") && !shows(&t, "No news: "));
        type(&t, "q");
        CHECK_INT(terminal_end(&t), 0);
        standin_stop(&s);
}

TEST(every_frame_fits_its_screen_and_follows_a_resize)
{
        static const struct winsize sizes[] = {{.ws_row = 24, .ws_col = 80},
                                               {.ws_row = 50, .ws_col = 200},
                                               {.ws_row = 8, .ws_col = 40},
                                               {.ws_row = 24, .ws_col = 80}};
        StandIn s;
        Terminal t;

        setlocale(LC_CTYPE, "C.UTF-8");
        standin_start(&s, 404, "{}");
        s.events = SAMPLE_CRYPTO;
        terminal_start(&t, &s, 24, 80, NULL);
        wait_for(&t, "CRITICAL", true);
        for (size_t k = 0; k < ELEMENTSOF(sizes); k++) {
                uint64_t deadline = clock_boot_usec() + PATIENCE_USEC;
                unsigned width = 0, lines = 0;

                CHECK_INT(ioctl(t.master, TIOCSWINSZ, &sizes[k]), 0);
                /* The title fills the line, so the widest line is the screen's width. */
                while (width != sizes[k].ws_col || lines != sizes[k].ws_row) {
                        _cleanup_free_ char *frame = NULL;

                        CHECK(clock_boot_usec() < deadline);
                        turn(&t);
                        frame = last_frame(&t);
                        width = frame_width(frame, &lines);
                }
        }
        type(&t, "q");
        CHECK_INT(terminal_end(&t), 2);
        standin_stop(&s);
}

TEST(what_does_not_fit_can_be_scrolled)
{
        StandIn s;
        Terminal t;

        standin_start(&s, 404, "{}");
        s.events = SAMPLE_CRYPTO;
        terminal_start(&t, &s, 12, 80, NULL);
        wait_for(&t, "lines 1 to 10 of ", true);
        CHECK(!shows(&t, "What you can do"));
        type(&t, "\x1b[B");
        wait_for(&t, "lines 2 to 11 of ", true);
        type(&t, "G");
        wait_for(&t, "What you can do", true);
        type(&t, "g");
        wait_for(&t, "lines 1 to 10 of ", true);
        type(&t, "q");
        CHECK_INT(terminal_end(&t), 2);
        standin_stop(&s);
}

TEST(off_a_terminal_news_are_plain_and_come_once)
{
        static const char command[] =
                        BINARY_DIR "/failoverctl status --watch --socket \"$0\" | sed /federated/q";
        char socket[128];
        StandIn s;
        const char *environment[] = {"TZ=UTC", NULL};
        const char *argv[] = {"/bin/sh", "-c", command, socket, NULL};
        ChildSpec spec = {.argv = argv, .environment = environment, .timeout_usec = PATIENCE_USEC};
        _cleanup_(child_freep) Child *child = NULL;
        Ran ran = {};
        const char *first, *second;

        standin_start(&s, 404, "{}");
        snprintf(socket, sizeof(socket), "%s", s.socket);
        s.events = SAMPLE_WELL;
        CHECK_INT(child_start(s.event, &spec, on_ran, &ran, &child), 0);
        while (s.streamed == 0)
                CHECK(sd_event_run(s.event, UINT64_MAX) >= 0);
        send_all(&s, SAMPLE_WELL);
        send_all(&s, SAMPLE_WELL);
        for (unsigned k = 0; !ran.ended; k++) {
                /* Each one that comes stands for the last; so the same is sent until it has been seen. */
                if (k % 4 == 0)
                        send_all(&s, k < 40 ? SAMPLE_WELL : SAMPLE_CRYPTO);
                CHECK(sd_event_run(s.event, 50 * USEC_PER_MSEC) >= 0);
        }
        CHECK(!strchr(ran.out, '\x1b'));
        first = strstr(ran.out, "all is well");
        second = strstr(ran.out, "crypto, not primary");
        CHECK(first && second && first < second);
        CHECK(!strstr(first + 1, "all is well"));
        ran_clear(&ran);
        standin_stop(&s);
}

MAIN()
