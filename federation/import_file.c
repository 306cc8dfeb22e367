/* SPDX-License-Identifier: MIT */
/* An import from the command line: reads the file, tells how it goes. */
#include "federation/import_file.h"

#include "base/clock.h"
#include "federation/import.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE     (256 * 1024)
#define TOLD_MAX      20 /* rows, of each kind */
#define PROGRESS_USEC (200 * USEC_PER_MSEC)
#define LINES_USEC    (5 * USEC_PER_SEC) /* when nobody looks at a terminal */

typedef struct Run {
        const char *name;
        int fd;
        uint64_t size; /* 0: unknown */
        uint64_t start_usec, told_usec;
        uint64_t n_refused, n_warned;
        bool terminal, line; /* line: an unfinished one stands on the terminal */
} Run;

static void line_end(Run *run)
{
        if (run->line)
                fputs("\r\033[K", stderr);
        run->line = false;
}

static void on_row(uint64_t line, bool refused, const char *reason, void *userdata)
{
        Run *run = userdata;
        uint64_t *n = refused ? &run->n_refused : &run->n_warned;

        if (++*n > TOLD_MAX + 1)
                return;
        line_end(run);
        if (*n <= TOLD_MAX)
                fprintf(stderr, "%s%s\n", reason, refused ? " (row refused)" : "");
        else
                fprintf(stderr, "further %s are only counted\n", refused ? "refused rows" : "remarks");
}

static void on_progress(const ImportReport *so_far, uint64_t bytes, void *userdata)
{
        Run *run = userdata;
        uint64_t now = clock_boot_usec();

        if (now - run->told_usec < (run->terminal ? PROGRESS_USEC : LINES_USEC))
                return;
        run->told_usec = now;
        fprintf(stderr, "%s%s: %llu rows", run->terminal ? "\r\033[K" : "", run->name,
                (unsigned long long) so_far->rows);
        if (run->size > 0)
                fprintf(stderr, ", %llu %%", (unsigned long long) (bytes * 100 / run->size));
        fprintf(stderr, ", %.0f a second%s", (double) so_far->rows * 1e6 / (double) (now - run->start_usec),
                run->terminal ? "" : "\n");
        run->line = run->terminal;
}

static int feed_all(Run *run, Import *import, Error *e)
{
        _cleanup_free_ char *buffer = malloc(READ_SIZE);
        if (!buffer)
                return error_set(e, -ENOMEM, "%s", error_words(ENOMEM));
        for (;;) {
                ssize_t n = read(run->fd, buffer, READ_SIZE);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_set(e, -errno, "%s: %s", run->name, error_words(errno));
                if (n == 0)
                        return 0;
                int r = import_feed(import, buffer, (size_t) n, e);
                if (r < 0)
                        return r;
        }
}

static void sum_print(const Run *run, const ImportReport *report)
{
        double seconds = (double) (clock_boot_usec() - run->start_usec) / 1e6;

        printf("%s: %llu row%s in %.1f s: %llu added, %llu updated, %llu unchanged, %llu refused", run->name,
               (unsigned long long) report->rows, PLURAL(report->rows), seconds,
               (unsigned long long) report->added, (unsigned long long) report->updated,
               (unsigned long long) report->unchanged, (unsigned long long) report->refused);
        if (report->warned > 0)
                printf("; %llu taken in part", (unsigned long long) report->warned);
        putchar('\n');
}

static int run_import(Run *run, const char *catalog_path, Error *e)
{
        _cleanup_(import_freep) Import *import = NULL;
        const ImportOptions options = {
                        .name = run->name, .on_row = on_row, .on_progress = on_progress, .userdata = run};
        ImportReport report;
        struct stat st;

        if (fstat(run->fd, &st) < 0)
                return error_set(e, -errno, "%s: %s", run->name, error_words(errno));
        if (S_ISDIR(st.st_mode))
                return error_set(e, -EISDIR, "%s: a folder", run->name);
        if (S_ISREG(st.st_mode))
                run->size = (uint64_t) st.st_size;
        int r = import_new(catalog_path, &options, &import, e);
        if (r == 0)
                r = feed_all(run, import, e);
        if (r == 0)
                r = import_finish(import, &report, e);
        line_end(run);
        if (r == 0)
                sum_print(run, &report);
        if (r == 0 && report.rows > 0 && report.refused == report.rows)
                r = error_set(e, -EBADMSG, "%s: not one row could be used", run->name);
        else if (r < 0 && import) {
                import_report(import, &report);
                if (report.added + report.updated > 0)
                        fprintf(stderr,
                                "%llu added and %llu updated before stay; once mended, import it again\n",
                                (unsigned long long) report.added, (unsigned long long) report.updated);
        }
        return r;
}

int import_run(const char *catalog_path, const char *file)
{
        bool standard = streq(file, "-");
        Run run = {.name = standard ? "standard input" : file,
                   .fd = STDIN_FILENO,
                   .start_usec = clock_boot_usec(),
                   .terminal = isatty(STDERR_FILENO) == 1};
        Error e = {""};
        int r = 0;

        run.told_usec = run.start_usec;
        if (!standard) {
                run.fd = open(file, O_RDONLY | O_CLOEXEC);
                if (run.fd < 0)
                        r = error_set(&e, -errno, "%s: %s", file, error_words(errno));
        }
        if (r == 0)
                r = run_import(&run, catalog_path, &e);
        if (!standard && run.fd >= 0)
                close(run.fd);
        if (r == 0 && fflush(stdout) != 0)
                r = error_set(&e, -EIO, "imported, but standard output: %s", error_words(errno));
        if (r < 0)
                fprintf(stderr, "federationd: %s\n", e.text);
        return r;
}
