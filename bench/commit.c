/* SPDX-License-Identifier: MIT */
/* Times what lies between the report that settles an outage and the renamed payment.env, and, in turn with it, a bare
 * SQLite commit of the same rows on the same disk.
 *
 * commit CONTROL_SOCKET PAYMENT_ENV STATE_DB BARE_DB ROUNDS [MILLISECONDS of rest before each]
 *
 * Needs a passive probe `checkout` with fall 3, and a mode that the node returns to by itself. Prints a line a round:
 * milliseconds from the third report being sent to the rename, to the answer on the socket, and of the bare commit; and when
 * it was sent, in seconds since 1970. */
#include <errno.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MSEC    10000
#define WAL_BYTES        "2097152" /* as large as failoverd keeps its own, so that neither grows while it is timed */
#define CHECKPOINT_EVERY 20

static const char *arg_control, *arg_env, *arg_state, *arg_bare;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        vfprintf(stderr, format, ap);
        va_end(ap);
        fputc('\n', stderr);
        exit(1);
}

static double now_msec(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec * 1e3 + (double) t.tv_nsec / 1e6;
}

/* --- the shop's side --- */

static int report_connect(void)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (strlen(arg_control) >= sizeof a.sun_path)
                die("%s is too long for a socket", arg_control);
        memcpy(a.sun_path, arg_control, strlen(arg_control) + 1);
        if (fd < 0 || connect(fd, (struct sockaddr *) &a, sizeof a) < 0)
                die("%s: %m", arg_control);
        return fd;
}

static void report_send(int fd)
{
        static const char body[] = "{\"probe\":\"checkout\",\"outcome\":\"fail\"}";
        char request[512];
        int n = snprintf(request, sizeof request,
                         "POST /v1/report HTTP/1.1\r\nHost: failoverd\r\nContent-Type: application/json\r\n"
                         "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
                         sizeof body - 1, body);

        if (write(fd, request, (size_t) n) != n)
                die("%s: %m", arg_control);
}

static void report_answer(int fd)
{
        char answer[4096];
        size_t size = 0;
        ssize_t n;

        while ((n = read(fd, answer + size, sizeof answer - 1 - size)) > 0)
                size += (size_t) n;
        answer[size] = '\0';
        close(fd);
        if (strncmp(answer, "HTTP/1.1 2", 10) != 0)
                die("a report is refused: %s", answer);
}

static bool env_says(const char *mode)
{
        char text[512];
        FILE *f = fopen(arg_env, "re");

        if (!f)
                return false;
        size_t n = fread(text, 1, sizeof text - 1, f);

        fclose(f);
        text[n] = '\0';

        char *at = strstr(text, "PAYMENT_MODE=");

        return at && strncmp(at + strlen("PAYMENT_MODE="), mode, strlen(mode)) == 0;
}

static int env_watch(void)
{
        char *folder = strdup(arg_env);
        int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

        if (!folder || !strrchr(folder, '/'))
                die("%s: not a path", arg_env);
        *strrchr(folder, '/') = '\0';
        if (fd < 0 || inotify_add_watch(fd, folder, IN_MOVED_TO) < 0)
                die("%s: %m", folder);
        free(folder);
        return fd;
}

/* The time of the rename after which it says so. */
static double env_wait(int watch, const char *mode)
{
        double end = now_msec() + PATIENCE_MSEC;

        for (;;) {
                char events[4096];
                struct pollfd p = {.fd = watch, .events = POLLIN};
                double left = end - now_msec();

                if (left <= 0 || poll(&p, 1, (int) left) <= 0)
                        die("%s does not become %s", arg_env, mode);

                double at = now_msec();

                while (read(watch, events, sizeof events) > 0)
                        ;
                if (env_says(mode))
                        return at;
        }
}

/* --- the same rows, bare --- */

static void check(sqlite3 *db, int code)
{
        if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW)
                die("SQLite: %s", sqlite3_errmsg(db));
}

static void run(sqlite3 *db, const char *sql)
{
        check(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

/* What one failover writes: its change, its deliveries, the probe's window, the memory. */
static const char *const tables[][2] = {
                {"change", "SELECT * FROM change ORDER BY seq DESC LIMIT 1"},
                {"delivery",
                 "SELECT * FROM delivery WHERE change = (SELECT id FROM change ORDER BY seq DESC LIMIT 1)"},
                {"probe", "SELECT * FROM probe WHERE name = 'checkout'"},
                {"memory", "SELECT * FROM memory"},
};
#define N_TABLES (sizeof tables / sizeof *tables)

typedef struct Bare {
        sqlite3 *source, *db;
        sqlite3_stmt *inserts[N_TABLES];
        unsigned rows, commits;
} Bare;

static sqlite3_stmt *insert_prepare(Bare *b, size_t i)
{
        sqlite3_stmt *columns, *insert;
        char sql[512];

        check(b->source, sqlite3_prepare_v2(b->source, tables[i][1], -1, &columns, NULL));

        int n = snprintf(sql, sizeof sql, "REPLACE INTO %s VALUES (?", tables[i][0]);

        for (int c = 1; c < sqlite3_column_count(columns); c++)
                n += snprintf(sql + n, sizeof sql - (size_t) n, ", ?");
        snprintf(sql + n, sizeof sql - (size_t) n, ")");
        sqlite3_finalize(columns);
        check(b->db, sqlite3_prepare_v2(b->db, sql, -1, &insert, NULL));
        return insert;
}

static void bare_open(Bare *b)
{
        sqlite3_stmt *schema;
        int on = 1;

        check(b->source, sqlite3_open_v2(arg_state, &b->source, SQLITE_OPEN_READONLY, NULL));
        sqlite3_busy_timeout(b->source, PATIENCE_MSEC);
        check(b->db, sqlite3_open(arg_bare, &b->db));
        run(b->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0");
        sqlite3_file_control(b->db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
        check(b->source, sqlite3_prepare_v2(b->source, "SELECT sql FROM sqlite_schema WHERE sql NOT NULL", -1,
                                            &schema, NULL));
        while (sqlite3_step(schema) == SQLITE_ROW)
                run(b->db, (const char *) sqlite3_column_text(schema, 0));
        sqlite3_finalize(schema);
        run(b->db, "CREATE TABLE filler (x); INSERT INTO filler VALUES (zeroblob(" WAL_BYTES
                   ")); DROP TABLE filler; PRAGMA wal_checkpoint(RESTART)");
        for (size_t i = 0; i < N_TABLES; i++)
                b->inserts[i] = insert_prepare(b, i);
}

static void rows_copy(Bare *b, size_t i, sqlite3_stmt *from)
{
        while (sqlite3_step(from) == SQLITE_ROW) {
                for (int c = 0; c < sqlite3_column_count(from); c++)
                        check(b->db, sqlite3_bind_value(b->inserts[i], c + 1, sqlite3_column_value(from, c)));
                check(b->db, sqlite3_step(b->inserts[i]));
                check(b->db, sqlite3_reset(b->inserts[i]));
                b->rows++;
        }
}

/* The rows are read first, into memory, so that only the commit is timed. */
static double bare_commit(Bare *b)
{
        static const char *const copies[N_TABLES] = {"SELECT * FROM copy0", "SELECT * FROM copy1",
                                                     "SELECT * FROM copy2", "SELECT * FROM copy3"};
        sqlite3 *memory;
        sqlite3_stmt *from[N_TABLES];
        char sql[512];

        check(b->source,
              sqlite3_open_v2(":memory:", &memory, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL));
        snprintf(sql, sizeof sql, "ATTACH '%s' AS state", arg_state);
        run(memory, sql);
        for (size_t i = 0; i < N_TABLES; i++) {
                snprintf(sql, sizeof sql, "CREATE TABLE copy%zu AS %s", i, tables[i][1]);
                run(memory, sql);
        }
        run(memory, "DETACH state");
        for (size_t i = 0; i < N_TABLES; i++)
                check(memory, sqlite3_prepare_v2(memory, copies[i], -1, &from[i], NULL));

        double began = now_msec();

        run(b->db, "BEGIN IMMEDIATE");
        for (size_t i = 0; i < N_TABLES; i++)
                rows_copy(b, i, from[i]);
        run(b->db, "COMMIT");

        double took = now_msec() - began;

        for (size_t i = 0; i < N_TABLES; i++)
                sqlite3_finalize(from[i]);
        sqlite3_close(memory);
        if (++b->commits % CHECKPOINT_EVERY == 0)
                run(b->db, "PRAGMA wal_checkpoint(RESTART)");
        return took;
}

int main(int argc, char **argv)
{
        Bare b = {0};

        if (argc != 6 && argc != 7)
                die("usage: commit CONTROL_SOCKET PAYMENT_ENV STATE_DB BARE_DB ROUNDS [REST]");
        arg_control = argv[1];
        arg_env = argv[2];
        arg_state = argv[3];
        arg_bare = argv[4];
        bare_open(&b);

        int watch = env_watch();

        for (long round = strtol(argv[5], NULL, 10); round > 0; round--) {
                if (argc == 7)
                        usleep((unsigned) strtoul(argv[6], NULL, 10) * 1000);
                for (int i = 0; i < 2; i++) {
                        int fd = report_connect();

                        report_send(fd);
                        report_answer(fd);
                }

                int fd = report_connect();
                struct timespec wall;
                double sent = now_msec();

                clock_gettime(CLOCK_REALTIME, &wall);

                report_send(fd);

                double renamed = env_wait(watch, "crypto") - sent;

                report_answer(fd);

                double answered = now_msec() - sent, bare = bare_commit(&b);

                if (!env_says("primary"))
                        env_wait(watch, "primary");
                printf("%.3f %.3f %.3f %ld.%06ld\n", renamed, answered, bare, (long) wall.tv_sec,
                       wall.tv_nsec / 1000);
                fflush(stdout);
        }
        fprintf(stderr, "rows a commit: %.1f\n", (double) b.rows / b.commits);
        return 0;
}
