/* SPDX-License-Identifier: MIT */
/* `status --watch`: the live screen on a terminal, a line of news after the other anywhere else. */
#include "base/clock.h"
#include "base/file.h"
#include "ctl/ctl.h"
#include "ctl/follow.h"
#include "ctl/status.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

/* Alternate screen, cursor off, no wrapping at the edge; and back. */
#define SCREEN_ENTER "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
#define SCREEN_LEAVE "\x1b[?7h\x1b[?25h\x1b[?1049l"

#define SILENCE_USEC (5 * USEC_PER_SEC) /* the daemon speaks at least every second */

typedef struct Watch {
        const Invocation *i;
        Follower follower;
        json_t *status;      /* the last that was heard */
        Text trouble;        /* why nothing newer is heard; empty while all is well */
        uint64_t heard_usec; /* boot time */
        int code;            /* exit code that the last status stands for */
        bool news;           /* something to show */
        bool leave;

        bool screen, keys; /* stdout is a terminal; stdin too */
        struct termios saved;
        unsigned rows, columns;
        size_t scroll, scroll_max;
        Text shown; /* without a screen: what was printed last */
} Watch;

static void screen_size(Watch *w)
{
        struct winsize size;

        w->rows = 24;
        w->columns = 80;
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) >= 0 && size.ws_row > 0 && size.ws_col > 0) {
                w->rows = size.ws_row;
                w->columns = size.ws_col;
        }
}

static void screen_enter(Watch *w)
{
        if (!w->screen)
                return;
        if (w->keys) {
                struct termios raw = w->saved;

                raw.c_lflag &= ~((tcflag_t) ICANON | (tcflag_t) ECHO);
                raw.c_cc[VMIN] = 0;
                raw.c_cc[VTIME] = 0;
                (void) tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
        }
        (void) fd_write_all(STDOUT_FILENO, SCREEN_ENTER, strlen(SCREEN_ENTER));
        screen_size(w);
        w->news = true;
}

static void screen_leave(Watch *w)
{
        if (!w->screen)
                return;
        (void) fd_write_all(STDOUT_FILENO, SCREEN_LEAVE, strlen(SCREEN_LEAVE));
        if (w->keys)
                (void) tcsetattr(STDIN_FILENO, TCSADRAIN, &w->saved);
}

static void on_status(Watch *w, const char *text)
{
        _cleanup_json_ json_t *status = NULL;
        _cleanup_health_ Health health = {};
        Error e = {};

        if (json_parse(text, strlen(text), &status, &e) < 0 || health_judge(status, &health, &e) < 0) {
                text_clear(&w->trouble);
                text_add_plain(&w->trouble, e.text, 0);
                return;
        }
        json_decref(w->status);
        w->status = TAKE_PTR(status);
        w->heard_usec = clock_boot_usec();
        w->code = (int) health.level;
        text_clear(&w->trouble);
}

static void on_news(char kind, const char *text, void *userdata)
{
        Watch *w = userdata;

        w->news = true;
        if (kind == 'S') {
                on_status(w, text);
                return;
        }
        text_clear(&w->trouble);
        text_add_string(&w->trouble, text);
}

/* The last column stays free: a terminal erases the character in it when the rest of a full line is erased. */
static unsigned text_width(const Watch *w)
{
        return w->columns > 1 ? w->columns - 1 : 1;
}

/* The first line: whose status, how fresh, what time it is. */
static void draw_title(const Watch *w, Text *out)
{
        Page p = {.width = w->columns};
        char now[CTL_TIME_SIZE], age[DURATION_SIZE];
        uint64_t silent_usec = clock_boot_usec() - w->heard_usec;
        _cleanup_text_ Text right = {};
        unsigned columns;

        if (!w->status)
                text_add_string(&right, "connecting");
        else if (w->trouble.size > 0 || silent_usec > SILENCE_USEC)
                text_add(&right, "STALE, %s old",
                         duration_format(age, silent_usec - silent_usec % USEC_PER_SEC));
        else
                text_add_string(&right, "live");
        text_add(&right, "  %s ", ctl_time_format(now, clock_wall_usec()));
        columns = right.data ? plain_columns(right.data) : 0;
        page_format(&p, STYLE_PLAIN, " failoverd");
        if (w->status && ctl_string(w->status, "node")[0] != '\0')
                page_format(&p, STYLE_PLAIN, " on %s", ctl_string(w->status, "node"));
        page_put(&p, STYLE_PLAIN, "  ");
        while (!p.cut && p.column + columns < w->columns)
                page_put(&p, STYLE_PLAIN, " ");
        if (right.data && p.column + columns <= w->columns)
                page_put(&p, STYLE_PLAIN, right.data);
        while (!p.cut && p.column < w->columns)
                page_put(&p, STYLE_PLAIN, " ");
        text_add_string(out, "\x1b[7m");
        if (p.text.data)
                text_add_bytes(out, p.text.data, p.text.size);
        text_add_string(out, "\x1b[0m"); /* it is full: erasing the rest would erase its last character */
        out->failed |= p.text.failed;
        text_clear(&p.text);
}

static void draw_body(Watch *w, Page *p)
{
        _cleanup_health_ Health health = {};
        Error e;

        if (w->trouble.size > 0) {
                page_paragraph(p, STYLE_BAD, "No news: ", 4, STYLE_BAD, w->trouble.data);
                page_put(p, STYLE_PLAIN,
                         w->status ? "Trying again once a second. Below is the last that was heard."
                                   : "Trying again once a second.");
                page_end(p);
                page_end(p);
        }
        if (w->status && health_judge(w->status, &health, &e) >= 0)
                status_show(p, w->status, &health, clock_wall_usec(), true);
}

static void draw_footer(const Watch *w, Text *out, size_t first, size_t shown, size_t lines)
{
        Page p = {.width = text_width(w), .colour = ctl_colour()};

        page_put(&p, STYLE_DIM, w->keys ? " q leave" : " ctrl-c leave");
        if (w->keys && lines > shown)
                page_format(&p, STYLE_DIM, "   up/down, page up/page down, home   lines %zu to %zu of %zu",
                            first + 1, first + shown, lines);
        if (p.text.data)
                text_add_bytes(out, p.text.data, p.text.size);
        text_add_string(out, "\x1b[K");
        out->failed |= p.text.failed;
        text_clear(&p.text);
}

static size_t count_lines(const Text *t)
{
        size_t lines = 0;

        for (size_t k = 0; k < t->size; k++)
                lines += t->data[k] == '\n';
        return lines;
}

/* Lines first to first + count, each overwriting what stood there: nothing is erased first, so nothing flickers. */
static void draw_lines(Text *out, const Text *body, size_t first, size_t count)
{
        const char *line = body->data ? body->data : "";

        for (size_t n = 0; n < first + count; n++) {
                size_t length = strcspn(line, "\n");

                if (n >= first) {
                        text_add_bytes(out, line, length);
                        text_add_string(out, "\x1b[K\r\n");
                }
                line += length + (line[length] == '\n' ? 1 : 0);
        }
}

static void draw(Watch *w)
{
        Page body = {.width = text_width(w), .colour = ctl_colour()};
        _cleanup_text_ Text out = {};
        size_t room = w->rows > 2 ? w->rows - 2 : 1, lines;

        draw_body(w, &body);
        lines = count_lines(&body.text);
        w->scroll_max = lines > room ? lines - room : 0;
        w->scroll = MIN(w->scroll, w->scroll_max);

        text_add_string(&out, "\x1b[H");
        draw_title(w, &out);
        text_add_string(&out, "\r\n");
        draw_lines(&out, &body.text, w->scroll, room);
        draw_footer(w, &out, w->scroll, MIN(room, lines), lines);
        text_add_string(&out, "\x1b[J");
        if (!out.failed && !body.text.failed)
                (void) fd_write_all(STDOUT_FILENO, out.data, out.size);
        text_clear(&body.text);
}

/* Off a terminal: JSON as it comes, or the page whenever something but the time has changed. */
static void print_news(Watch *w)
{
        _cleanup_health_ Health health = {};
        _cleanup_text_ Text key = {};
        Page p = {.width = ctl_columns()};
        Error e;

        if (w->trouble.size > 0) {
                fprintf(stderr, "failoverctl: status: %s\n", w->trouble.data);
                if (!w->status)
                        w->leave = true;
                return;
        }
        if (!w->status || health_judge(w->status, &health, &e) < 0)
                return;
        if (w->i->given[OPTION_JSON]) {
                ctl_print_json(w->status);
                fflush(stdout);
                return;
        }
        status_nagios(&key, w->status, &health);
        text_add(&key, "%s %s", health.look.data ? health.look.data : "", ctl_string(w->status, "change"));
        if (key.failed || (w->shown.data && streq(w->shown.data, key.data)))
                return;
        status_show(&p, w->status, &health, clock_wall_usec(), false);
        if (!p.text.failed)
                printf("%s%s", w->shown.size > 0 ? "\n" : "", p.text.data);
        fflush(stdout);
        text_clear(&p.text);
        text_clear(&w->shown);
        w->shown = key;
        key = (Text){};
}

static void on_keys(Watch *w)
{
        char keys[64];
        ssize_t n = read(STDIN_FILENO, keys, sizeof(keys) - 1);
        size_t page = w->rows > 4 ? w->rows - 4 : 1;

        if (n <= 0) { /* the terminal is gone */
                w->keys = w->keys && n < 0 && (errno == EINTR || errno == EAGAIN);
                return;
        }
        keys[n] = '\0';
        if (strchr(keys, 'q') || strchr(keys, 'Q') || strchr(keys, '\x03'))
                w->leave = true;
        else if (streq(keys, "j") || streq(keys, "\x1b[B") || streq(keys, "\x1bOB"))
                w->scroll = MIN(w->scroll + 1, w->scroll_max);
        else if (streq(keys, "k") || streq(keys, "\x1b[A") || streq(keys, "\x1bOA"))
                w->scroll -= w->scroll > 0 ? 1 : 0;
        else if (streq(keys, " ") || streq(keys, "\x1b[6~"))
                w->scroll = MIN(w->scroll + page, w->scroll_max);
        else if (streq(keys, "b") || streq(keys, "\x1b[5~"))
                w->scroll -= MIN(w->scroll, page);
        else if (streq(keys, "g") || streq(keys, "\x1b[H") || streq(keys, "\x1bOH") || streq(keys, "\x1b[1~"))
                w->scroll = 0;
        else if (streq(keys, "G") || streq(keys, "\x1b[F") || streq(keys, "\x1bOF") || streq(keys, "\x1b[4~"))
                w->scroll = w->scroll_max;
        w->news = true;
}

static void on_signal(Watch *w, int fd)
{
        struct signalfd_siginfo info;

        if (read(fd, &info, sizeof(info)) != (ssize_t) sizeof(info))
                return;
        switch (info.ssi_signo) {
        case SIGWINCH:
                screen_size(w);
                w->news = true;
                break;
        case SIGTSTP:
                screen_leave(w);
                (void) raise(SIGSTOP);
                screen_enter(w);
                break;
        case SIGCONT:
                break;
        default:
                w->leave = true;
        }
}

static void turn(Watch *w, int signals)
{
        struct pollfd polled[] = {
                        {.fd = signals, .events = POLLIN},
                        {.fd = w->follower.fd, .events = POLLIN},
                        {.fd = w->keys ? STDIN_FILENO : -1, .events = POLLIN},
                        {.fd = STDOUT_FILENO}, /* says when nobody reads any more */
        };

        if (poll(polled, ELEMENTSOF(polled), 1000) == 0) {
                w->news = w->screen; /* ages tick */
                if (w->follower.fd < 0)
                        (void) follower_start(&w->follower, w->i);
        }
        if (polled[0].revents)
                on_signal(w, signals);
        if (polled[2].revents)
                on_keys(w);
        if (polled[3].revents)
                w->leave = true;
        if (polled[1].revents && follower_read(&w->follower, on_news, w) < 0)
                follower_stop(&w->follower);
        if (w->news && w->screen)
                draw(w);
        else if (w->news)
                print_news(w);
        w->news = false;
}

static int catch_signals(void)
{
        static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP};
        sigset_t set;

        sigemptyset(&set);
        for (size_t k = 0; k < ELEMENTSOF(caught); k++)
                sigaddset(&set, caught[k]);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int status_watch(const Invocation *i)
{
        Watch w = {.i = i, .code = CTL_UNKNOWN, .follower.fd = -1};
        _cleanup_close_ int signals = -EBADF;
        Error e;
        int r;

        w.screen = ctl_stdout_is_screen() && !i->given[OPTION_JSON];
        w.keys = w.screen && tcgetattr(STDIN_FILENO, &w.saved) >= 0;
        signals = catch_signals();
        if (signals < 0)
                return ctl_failed(i, (error_set(&e, -errno, "cannot catch signals: %m"), &e));
        r = follower_start(&w.follower, i);
        if (r < 0)
                return ctl_failed(i, (error_set(&e, r, "cannot start a child: %s", strerror(-r)), &e));

        screen_enter(&w);
        while (!w.leave)
                turn(&w, signals);
        screen_leave(&w);

        follower_stop(&w.follower);
        json_decref(w.status);
        text_clear(&w.trouble);
        text_clear(&w.shown);
        return w.code;
}
