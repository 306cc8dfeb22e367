/* SPDX-License-Identifier: MIT */
/* `catalog import`: a file into the catalog, in pieces over the control socket. */
#include "base/clock.h"
#include "base/file.h"
#include "ctl/ctl.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_SIZE    (1024 * 1024)       /* what federationd takes at a time */
#define END_USEC      (10 * USEC_PER_MIN) /* a million books have to be made findable by misspelling */
#define PAUSE_MSEC    10000
#define PROGRESS_USEC (200 * USEC_PER_MSEC)
#define TOLD_MAX      20 /* of refused rows, and of remarks: a file may be bad all through */

typedef struct Import {
        const Invocation *i;
        const char *name;
        int fd;
        uint64_t size, sent; /* size 0: not known */
        char target[128];    /* "/v1/import/<id>" */
        json_t *report;
        bool live; /* stderr is a terminal: one line is written over and over */
        uint64_t shown_usec;
        uint64_t n_refused, n_remarks;
} Import;

static void clear_progress(const Import *m)
{
        if (m->live)
                fputs("\r\x1b[K", stderr);
}

static void show_progress(Import *m)
{
        uint64_t now = clock_boot_usec();

        if (!m->live || now < m->shown_usec + PROGRESS_USEC)
                return;
        m->shown_usec = now;
        clear_progress(m);
        fprintf(stderr, "%" PRId64 " rows", ctl_integer(m->report, "rows"));
        if (m->size > 0)
                fprintf(stderr, ", %.0f %%", 100.0 * (double) MIN(m->sent, m->size) / (double) m->size);
}

static void show_problem(Import *m, const json_t *problem)
{
        _cleanup_text_ Text line = {};
        bool refused = json_is_true(json_object_get(problem, "refused"));
        uint64_t *n = refused ? &m->n_refused : &m->n_remarks;

        text_add_plain(&line, ctl_string(problem, "reason"), 0);
        if (line.failed || !line.data || ++*n > TOLD_MAX + 1)
                return;
        clear_progress(m);
        if (*n <= TOLD_MAX)
                fprintf(stderr, "%s%s\n", line.data, refused ? " (row refused)" : "");
        else
                fprintf(stderr, "further %s are only counted\n", refused ? "refused rows" : "remarks");
}

static void take_answer(Import *m, json_t *answer)
{
        json_t *report = json_object_get(answer, "report"), *problem;
        size_t k;

        json_array_foreach(json_object_get(answer, "problems"), k, problem) show_problem(m, problem);
        if (report) {
                json_decref(m->report);
                m->report = json_incref(report);
        }
        json_decref(answer);
}

static int begin(Import *m, Error *e)
{
        _cleanup_json_ json_t *answer = NULL;
        _cleanup_text_ Text target = {};
        const char *slash = strrchr(m->name, '/'), *name = slash ? slash + 1 : m->name;
        int r;

        text_add_string(&target, "/v1/import?name=");
        ctl_add_encoded(&target, streq(name, "-") ? "stdin" : name);
        if (m->i->given[OPTION_FORMAT])
                text_add(&target, "&format=%s", m->i->value[OPTION_FORMAT]);
        if (target.failed)
                return error_set(e, -ENOMEM, "out of memory");
        r = ctl_send(m->i, target.data, NULL, 0, CTL_ANSWER_USEC, &answer, e);
        if (r < 0)
                return r;
        snprintf(m->target, sizeof(m->target), "/v1/import/%s", ctl_string(answer, "import"));
        return 0;
}

/* As much as there is room for, or what has come when nothing more does for a while: an import that hears nothing is dropped.
 * *ret_end: there is no more. */
static ssize_t read_piece(const Import *m, char *piece, bool *ret_end)
{
        struct pollfd ready = {.fd = m->fd, .events = POLLIN};
        size_t size = 0;

        while (size < PIECE_SIZE) {
                if (poll(&ready, 1, PAUSE_MSEC) == 0)
                        return (ssize_t) size;
                ssize_t n = read(m->fd, piece + size, PIECE_SIZE - size);

                if (n < 0 && errno != EINTR && errno != EAGAIN)
                        return -errno;
                *ret_end = n == 0;
                if (n == 0)
                        break;
                size += n > 0 ? (size_t) n : 0;
        }
        return (ssize_t) size;
}

static int send_all(Import *m, char *piece, Error *e)
{
        for (bool end = false; !end;) {
                ssize_t n = read_piece(m, piece, &end);
                json_t *answer = NULL;

                if (n < 0)
                        return error_set(e, (int) n, "%s: %s", m->name, strerror((int) -n));
                if (n == 0 && end)
                        break;
                int r = ctl_send(m->i, m->target, piece, (size_t) n, CTL_RUN_USEC, &answer, e);
                m->sent += (uint64_t) n;
                take_answer(m, answer);
                if (r < 0)
                        return r;
                show_progress(m);
        }
        return 0;
}

static int end(Import *m, Error *e)
{
        json_t *answer = NULL;
        char target[160];
        int r;

        snprintf(target, sizeof(target), "%s/end", m->target);
        r = ctl_send(m->i, target, NULL, 0, END_USEC, &answer, e);
        take_answer(m, answer);
        return r;
}

/* What was committed before a failure stays; the rest is given up at once, not after a minute. */
static void give_up(Import *m)
{
        json_t *answer = NULL;
        Error e;

        (void) ctl_ask(m->i, "DELETE", m->target, NULL, CTL_ANSWER_USEC, &answer, &e);
        json_decref(answer);
}

static int import(Import *m, Error *e)
{
        _cleanup_free_ char *piece = malloc(PIECE_SIZE);
        int r;

        if (!piece)
                return error_set(e, -ENOMEM, "out of memory");
        r = begin(m, e);
        if (r < 0)
                return r;
        r = send_all(m, piece, e);
        if (r >= 0)
                r = end(m, e);
        else
                give_up(m);
        clear_progress(m);
        return r;
}

static void show_sum(const Import *m, int64_t rows, int64_t refused)
{
        int64_t remarks = ctl_integer(m->report, "warned");

        printf("%" PRId64 " row%s: %" PRId64 " added, %" PRId64 " updated, %" PRId64 " unchanged, %" PRId64
               " refused",
               rows, PLURAL(rows), ctl_integer(m->report, "added"), ctl_integer(m->report, "updated"),
               ctl_integer(m->report, "unchanged"), refused);
        if (remarks > 0)
                printf("; %" PRId64 " taken in part", remarks);
        putchar('\n');
}

/* 0 when anything was taken, or there was nothing to take. */
static int conclude(const Import *m)
{
        int64_t rows = ctl_integer(m->report, "rows"), refused = ctl_integer(m->report, "refused");

        if (m->i->given[OPTION_JSON])
                ctl_print_json(m->report);
        else
                show_sum(m, rows, refused);
        return rows > 0 && refused == rows ? m->i->verb->failure : CTL_DONE;
}

static int open_file(Import *m, Error *e)
{
        struct stat st;

        m->fd = streq(m->name, "-") ? dup(STDIN_FILENO) : open(m->name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (m->fd < 0 || fstat(m->fd, &st) < 0)
                return error_set(e, -errno, "%s: %s", m->name, strerror(errno));
        if (S_ISDIR(st.st_mode))
                return error_set(e, -EISDIR, "%s: is a folder", m->name);
        if (S_ISREG(st.st_mode))
                m->size = (uint64_t) st.st_size;
        return 0;
}

int verb_catalog(const Invocation *i)
{
        Import m = {.i = i, .name = i->arguments[1], .fd = -EBADF, .live = isatty(STDERR_FILENO) > 0};
        const char *format = i->given[OPTION_FORMAT] ? i->value[OPTION_FORMAT] : "csv";
        Error e = {};
        int r;

        if (!streq(i->arguments[0], "import"))
                return ctl_usage(i, "there is `catalog import FILE` only, no `catalog %s`", i->arguments[0]);
        if (!streq(format, "csv") && !streq(format, "jsonl"))
                return ctl_usage(i, "--format is csv or jsonl");
        r = open_file(&m, &e);
        if (r >= 0)
                r = import(&m, &e);
        fd_closep(&m.fd);
        r = r < 0 ? ctl_failed(i, &e) : conclude(&m);
        json_decref(m.report);
        return r;
}
