/* SPDX-License-Identifier: MIT */
/* sqlite against databases that another user's process has open, locks, leaves behind, damages; on disks that are full,
 * read-only, frozen. Above all: nothing of ours is left beside them, and their owner can always go on writing. */
#include "probes/sqlite.h"
#include "tests/probe_disks.h"

#include <sqlite3.h>

#define PATIENT (20 * USEC_PER_SEC)
#define SHORT   (1 * USEC_PER_SEC)

static unsigned char memory[128];

static void fresh(void)
{
        CHECK(probe_type_find("sqlite")->memory_size <= sizeof memory);
        memset(memory, 0, sizeof memory);
}

static Run run(uint64_t timeout_usec, const char *format, ...) __attribute__((format(printf, 2, 3)));
static Run run(uint64_t timeout_usec, const char *format, ...)
{
        _cleanup_free_ char *yaml = NULL;
        va_list ap;

        va_start(ap, format);
        CHECK(vasprintf(&yaml, format, ap) >= 0);
        va_end(ap);
        return bench_run_with("sqlite", yaml, memory, timeout_usec);
}

/* The shop: a process of its own, with root of another user, that has the database open. Its files are open to all, so
 * that guests of a third user have every opportunity. */

#define NOBODY 65534
#define GUEST  65533

typedef struct Owner {
        pid_t pid;
        FILE *orders, *answers;
} Owner;

static uid_t owner_uid(void)
{
        return bench_is_root && bench_isolated ? NOBODY : getuid();
}

/* A folder of the owner's. */
static const char *shop(const char *name)
{
        const char *path = folder(name);

        CHECK(chmod(bench_folder, 0755) == 0 && chmod(path, 0777) == 0);
        CHECK(owner_uid() == getuid() || chown(path, owner_uid(), owner_uid()) == 0);
        return path;
}

static void become(uid_t uid)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        umask(0);
        if (owner_uid() != getuid() && (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0))
                _exit(1);
}

_Noreturn static void owner_live(const char *path, int orders_fd, int answers_fd)
{
        FILE *orders = fdopen(orders_fd, "r");
        char line[1000];
        sqlite3 *db;

        close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666)); /* SQLite's own default is 0644 */

        if (!orders || sqlite3_open(path, &db) != SQLITE_OK)
                _exit(1);
        sqlite3_wal_autocheckpoint(db, 4);
        while (fgets(line, sizeof line, orders)) {
                char *text = NULL;
                int r = sqlite3_exec(db, line, NULL, NULL, &text);

                dprintf(answers_fd, "%s\n", r == SQLITE_OK ? "ok" : text ? text : "error");
                sqlite3_free(text);
        }
        sqlite3_close(db);
        _exit(0);
}

static Owner owner_start(const char *path)
{
        int orders[2], answers[2];
        Owner o;

        CHECK(pipe2(orders, O_CLOEXEC) == 0 && pipe2(answers, O_CLOEXEC) == 0);
        fflush(NULL);
        o.pid = fork();
        CHECK(o.pid >= 0);
        if (o.pid == 0) {
                become(NOBODY);
                close(orders[1]);
                close(answers[0]);
                owner_live(path, orders[0], answers[1]);
        }
        close(orders[0]);
        close(answers[1]);
        CHECK(o.orders = fdopen(orders[1], "w"));
        CHECK(o.answers = fdopen(answers[0], "r"));
        return o;
}

static const char *owner_try(Owner *o, const char *sql)
{
        static char answer[300];

        fprintf(o->orders, "%s\n", sql);
        fflush(o->orders);
        CHECK(fgets(answer, sizeof answer, o->answers));
        answer[strcspn(answer, "\n")] = '\0';
        return answer;
}

#define OWNER_SQL(o, sql) CHECK_STR(owner_try(o, sql), "ok")

static void owner_end(Owner *o, int signal)
{
        int status;

        if (signal)
                kill(o->pid, signal);
        fclose(o->orders);
        CHECK(waitpid(o->pid, &status, 0) == o->pid);
        fclose(o->answers);
        CHECK(signal || status == 0);
}

static Owner owner_with(const char *path, bool wal)
{
        Owner o = owner_start(path);

        OWNER_SQL(&o, wal ? "PRAGMA journal_mode = WAL" : "PRAGMA journal_mode = DELETE");
        OWNER_SQL(&o, "CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, text)");
        OWNER_SQL(&o, "INSERT INTO orders (text) VALUES ('book')");
        return o;
}

static const char *in(const char *base, const char *name)
{
        static char paths[8][200];
        static unsigned next;
        char *path = paths[next++ % ELEMENTSOF(paths)];

        snprintf(path, sizeof paths[0], "%s/%s", base, name);
        return path;
}

/* Every file there is the owner's. */
static void check_owned(const char *path)
{
        DIR *d = opendir(path);
        struct stat st;

        CHECK(d);
        for (struct dirent *e; (e = readdir(d));)
                if (e->d_name[0] != '.') {
                        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                                continue; /* it has just gone */
                        if (st.st_uid == owner_uid())
                                continue;
                        fprintf(stderr, "%s/%s belongs to user %u\n", path, e->d_name, st.st_uid);
                        exit(1);
                }
        closedir(d);
}

static const char *checksum(const char *path)
{
        static char sums[4][80];
        static unsigned next;
        char *sum = sums[next++ % ELEMENTSOF(sums)], command[300];
        FILE *f;

        snprintf(command, sizeof command, "cat %s* | cksum", path);
        CHECK(f = popen(command, "r"));
        CHECK(fgets(sum, sizeof sums[0], f));
        pclose(f);
        return sum;
}

/* Reading */

TEST(passes_while_the_owner_has_it_open_and_sees_what_was_written)
{
        for (int wal = 0; wal < 2; wal++) {
                const char *base = shop(wal ? "open-wal" : "open"), *path = in(base, "orders.db");
                Owner o = owner_with(path, wal);
                unsigned before = entries(base);

                fresh();
                CHECK_RUN(OUTCOME_PASS,
                          wal ? "read, and may be written (WAL)"
                              : "read, and may be written (rollback journal)",
                          run(PATIENT, "path: %s", path));
                OWNER_SQL(&o, "INSERT INTO orders (id, text) VALUES (42, 'late')");
                CHECK_INT(run(PATIENT, "{path: %s, query: SELECT max(id) FROM orders, expect: '42'}", path)
                                          .outcome,
                          OUTCOME_PASS);
                CHECK_RUN(OUTCOME_FAIL, "answered \"42\", expected \"43\"",
                          run(PATIENT, "{path: %s, query: SELECT max(id) FROM orders, expect: '43'}", path));
                CHECK_INT(entries(base), before);
                check_owned(base);
                OWNER_SQL(&o, "INSERT INTO orders (text) VALUES ('more')");
                owner_end(&o, 0);
                CHECK_INT(entries(base), 1);
        }
}

TEST(reads_a_closed_database_of_its_own_user_and_leaves_nothing)
{
        for (int wal = 0; wal < 2; wal++) {
                const char *base = folder(wal ? "own-wal" : "own"), *path = in(base, "orders.db");
                sqlite3 *db;

                fresh();
                CHECK(sqlite3_open(path, &db) == SQLITE_OK);
                CHECK(sqlite3_exec(db,
                                   wal ? "PRAGMA journal_mode = WAL; CREATE TABLE t (x)"
                                       : "CREATE TABLE t (x)",
                                   NULL, NULL, NULL) == SQLITE_OK);
                sqlite3_close(db);
                CHECK_INT(run(PATIENT, "path: %s", path).outcome, OUTCOME_PASS);
                CHECK_INT(entries(base), 1);
        }
}

TEST(leaves_a_wal_database_alone_that_nobody_has_open)
{
        const char *base = shop("closed"), *path = in(base, "orders.db");
        Owner o;

        if (!bench_needs_root("another user's database") || !bench_isolated)
                return;
        fresh();
        o = owner_with(path, true);
        owner_end(&o, 0);
        CHECK_INT(entries(base), 1);
        CHECK_INT(run(PATIENT, "path: %s", path).outcome, OUTCOME_INCONCLUSIVE);
        CHECK_INT(entries(base), 1);
        /* Between two requests of a shop that opens it for each, the same. */
        memory[0] = true;
        CHECK_INT(run(PATIENT, "path: %s", path).outcome, OUTCOME_INCONCLUSIVE);
        CHECK_INT(entries(base), 1);
}

TEST(leaves_the_log_of_a_killed_owner_to_its_owner)
{
        const char *base = shop("killed"), *path = in(base, "orders.db"), *before;
        Owner o;

        if (!bench_needs_root("another user's database") || !bench_isolated)
                return;
        fresh();
        o = owner_with(path, true);
        CHECK_INT(run(PATIENT, "path: %s", path).outcome, OUTCOME_PASS);
        owner_end(&o, SIGKILL);
        CHECK_INT(entries(base), 3);
        before = checksum(path);
        CHECK_INT(run(PATIENT, "path: %s", path).outcome, OUTCOME_INCONCLUSIVE);
        CHECK_STR(checksum(path), before);
        check_owned(base);
        o = owner_with(path, true);
        CHECK_INT(run(PATIENT, "{path: %s, query: SELECT count(*) FROM orders, expect: '2'}", path).outcome,
                  OUTCOME_PASS);
        owner_end(&o, 0);
}

TEST(takes_no_broken_off_change_back)
{
        const char *base = shop("hot"), *path = in(base, "orders.db"), *before;
        Owner o;

        fresh();
        o = owner_with(path, false);
        OWNER_SQL(&o, "INSERT INTO orders (text) SELECT hex(randomblob(400)) FROM (WITH RECURSIVE n(i) AS "
                      "(SELECT 1 UNION ALL "
                      "SELECT i + 1 FROM n WHERE i < 300) SELECT i FROM n)");
        OWNER_SQL(&o, "PRAGMA cache_size = 2");
        OWNER_SQL(&o, "BEGIN");
        OWNER_SQL(&o,
                  "UPDATE orders SET text = hex(randomblob(400))"); /* more than fits: written before the end */
        CHECK_RUN(OUTCOME_FAIL, "locked for 1 s: process *", run(SHORT, "path: %s", path));
        owner_end(&o, SIGKILL);
        CHECK_INT(entries(base), 2);
        before = checksum(path);
        CHECK_INT(run(PATIENT, "path: %s", path).outcome, OUTCOME_INCONCLUSIVE);
        CHECK_STR(checksum(path), before);
        CHECK_INT(entries(base), 2);
        o = owner_start(path);
        OWNER_SQL(&o, "INSERT INTO orders (text) VALUES ('more')");
        CHECK_INT(run(PATIENT, "{path: %s, query: PRAGMA integrity_check, expect: ok}", path).outcome,
                  OUTCOME_PASS);
        owner_end(&o, 0);
}

/* Locks */

TEST(fails_when_somebody_writes_past_the_deadline)
{
        static const char *const ways[] = {"BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"};

        for (int wal = 0; wal < 2; wal++)
                for (size_t i = 0; i < ELEMENTSOF(ways); i++) {
                        const char *base = shop(wal ? "locked-wal" : "locked"), *path = in(base, "orders.db");
                        Owner o = owner_with(path, wal);
                        char message[80];

                        fresh();
                        snprintf(message, sizeof message, "locked for 1 s: process %d is writing", o.pid);
                        OWNER_SQL(&o, ways[i]);
                        OWNER_SQL(&o, "INSERT INTO orders (text) VALUES ('slow')");
                        CHECK_RUN(OUTCOME_FAIL, message, run(SHORT, "path: %s", path));
                        OWNER_SQL(&o, "COMMIT");
                        CHECK_INT(run(PATIENT, "path: %s", path).outcome, OUTCOME_PASS);
                        owner_end(&o, 0);
                }
}

TEST(waits_for_a_writer_that_comes_to_its_end)
{
        const char *base = shop("brief"), *path = in(base, "orders.db");
        Owner o = owner_with(path, false);
        pid_t pid;

        fresh();
        OWNER_SQL(&o, "BEGIN EXCLUSIVE");
        fflush(NULL);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                usleep(300000);
                OWNER_SQL(&o, "COMMIT");
                _exit(0);
        }
        CHECK_INT(run(PATIENT, "path: %s", path).outcome, OUTCOME_PASS);
        CHECK(waitpid(pid, NULL, 0) == pid);
        owner_end(&o, 0);
}

TEST(never_holds_up_its_owner)
{
        const char *base = shop("busy"), *path = in(base, "orders.db");
        Owner o = owner_with(path, true);
        int status;
        pid_t pid;

        fresh();
        OWNER_SQL(&o, "PRAGMA busy_timeout = 0");
        fflush(NULL);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0)
                for (;;)
                        OWNER_SQL(&o, "INSERT INTO orders (text) VALUES ('book')");
        for (int i = 0; i < 20; i++)
                CHECK_INT(run(PATIENT, "{path: %s, query: SELECT count(*) > 0 FROM orders, expect: '1'}",
                              path)
                                          .outcome,
                          OUTCOME_PASS);
        CHECK_INT(waitpid(pid, &status, WNOHANG), 0); /* it has met no error */
        kill(pid, SIGKILL);
        CHECK(waitpid(pid, &status, 0) == pid);
        owner_end(&o, SIGKILL);
}

/* The same code without the program around it, so that there can be many. */
static void guest(const char *path, useconds_t life)
{
        char *argv[] = {(char *) (uintptr_t) path, (char *) (uintptr_t) "SELECT count(*) FROM orders", NULL};
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0) {
                become(GUEST);
                if (!freopen("/dev/null", "w", stdout))
                        _exit(1);
                _exit(sqlite_child(2, argv));
        }
        if (life > 0) {
                usleep(life);
                kill(pid, SIGKILL);
        }
        CHECK(waitpid(pid, NULL, 0) == pid);
}

TEST(harms_nobody_in_a_thousand_visits_half_of_them_killed)
{
        const char *base = shop("visits"), *path = in(base, "orders.db");
        unsigned seed = 1;
        bool fast = tmpfs_mount(base, "size=20m,mode=777"); /* each visit syncs a file */

        for (int round = 0; round < 10; round++) {
                Owner o = owner_with(path, round % 2);

                for (int i = 0; i < 100; i++) {
                        guest(path, i % 2 ? 1 + (unsigned) rand_r(&seed) % 4000 : 0);
                        if (i % 10 == 0)
                                OWNER_SQL(&o, "INSERT INTO orders (text) VALUES ('book')");
                        if (i == 50 && round % 4 > 1) { /* it dies, visitors come, and it is back */
                                owner_end(&o, SIGKILL);
                                guest(path, 0);
                                o = owner_start(path);
                        }
                }
                check_owned(base);
                OWNER_SQL(&o, "INSERT INTO orders (text) VALUES ('last')");
                owner_end(&o, 0);
                CHECK_INT(entries(base), 1);
        }
        fresh();
        {
                Owner o = owner_start(path);

                OWNER_SQL(&o, "SELECT count(*) FROM orders");
                CHECK_INT(run(PATIENT, "{path: %s, query: PRAGMA integrity_check, expect: ok}", path).outcome,
                          OUTCOME_PASS);
                CHECK_INT(run(PATIENT, "{path: %s, query: SELECT count(*) FROM orders, expect: '120'}", path)
                                          .outcome,
                          OUTCOME_PASS);
                owner_end(&o, 0);
        }
        if (fast)
                CHECK(umount(base) == 0);
}

/* A guest who has looked and not yet opened: it waits to say so until its output is read. */
typedef struct Hesitant {
        pid_t pid;
        int output;
} Hesitant;

static Hesitant hesitant_start(const char *path)
{
        static const char filler[4096] = "";
        char *argv[] = {(char *) (uintptr_t) path, (char *) (uintptr_t) "SELECT count(*) FROM orders", NULL};
        uint64_t end = clock_boot_usec() + PATIENT;
        int fds[2], size = 0;
        Hesitant h;

        CHECK(pipe2(fds, O_CLOEXEC) == 0);
        CHECK_INT(fcntl(fds[1], F_SETPIPE_SZ, 4096), 4096);
        CHECK_INT(write(fds[1], filler, 4096 - strlen("step open\n")), 4096 - strlen("step open\n"));
        fflush(NULL);
        h.pid = fork();
        CHECK(h.pid >= 0);
        if (h.pid == 0) {
                become(GUEST);
                dup2(fds[1], STDOUT_FILENO);
                close_range(3, ~0U, 0); /* the owner ends when its orders do */
                _exit(sqlite_child(2, argv));
        }
        close(fds[1]);
        h.output = fds[0];
        while (size < 4096) { /* then the next word does not fit */
                CHECK(ioctl(h.output, FIONREAD, &size) == 0 && clock_boot_usec() < end);
                usleep(1000);
        }
        for (char path_of[40], wchan[40] = "";;) { /* it has come to that */
                int fd;

                snprintf(path_of, sizeof path_of, "/proc/%d/syscall", h.pid);
                fd = open(path_of, O_RDONLY | O_CLOEXEC);
                if (fd >= 0 && read(fd, wchan, sizeof wchan - 1) > 0 && strncmp(wchan, "1 0x1 ", 6) == 0) {
                        close(fd);
                        break;
                }
                if (fd >= 0)
                        close(fd);
                CHECK(clock_boot_usec() < end);
                usleep(1000);
        }
        return h;
}

/* The last line that it says. */
static const char *hesitant_end(Hesitant *h)
{
        static char text[8192];
        size_t size = 0;
        char *line;
        ssize_t n;

        while ((n = read(h->output, text + size, sizeof text - 1 - size)) > 0)
                size += (size_t) n;
        close(h->output);
        CHECK(waitpid(h->pid, NULL, 0) == h->pid);
        text[size] = '\0';
        CHECK(line = memmem(text, size, "end ", 4));
        fprintf(stderr, "  %s", line);
        return line;
}

TEST(makes_no_file_when_the_owner_closes_between_look_and_open)
{
        const char *base = shop("door"), *path = in(base, "orders.db");
        Owner o = owner_with(path, true);
        Hesitant h;

        if (!bench_needs_root("another user's database") || !bench_isolated)
                return;
        h = hesitant_start(path);
        owner_end(&o, 0);
        CHECK_INT(entries(base), 1);
        CHECK(strncmp(hesitant_end(&h), "end foreign ", 12) == 0);
        CHECK_INT(entries(base), 1);
}

TEST(changes_nothing_when_the_owner_dies_between_look_and_open)
{
        for (int wal = 0; wal < 2; wal++) {
                const char *base = shop(wal ? "death-wal" : "death"), *path = in(base, "orders.db"), *before;
                Owner o = owner_with(path, wal);
                Hesitant h;

                if (!bench_needs_root("another user's database") || !bench_isolated)
                        return;
                OWNER_SQL(&o, "INSERT INTO orders (text) SELECT hex(randomblob(400)) FROM (WITH RECURSIVE "
                              "n(i) AS (SELECT 1 "
                              "UNION ALL SELECT i + 1 FROM n WHERE i < 300) SELECT i FROM n)");
                h = hesitant_start(path);
                OWNER_SQL(&o, "PRAGMA cache_size = 2");
                OWNER_SQL(&o, "BEGIN");
                OWNER_SQL(&o, "UPDATE orders SET text = hex(randomblob(400))");
                owner_end(&o, SIGKILL);
                before = wal ? "" : checksum(path);
                CHECK(strncmp(hesitant_end(&h), wal ? "end good " : "end foreign ", wal ? 9 : 12) == 0);
                CHECK_STR(wal ? "" : checksum(path), before);
                check_owned(base);
                o = owner_with(path, wal);
                OWNER_SQL(&o, "DELETE FROM orders WHERE length(text) > 10");
                owner_end(&o, 0);
                CHECK_INT(entries(base), 1);
        }
}

/* Damage */

static void damage(const char *path, off_t offset)
{
        static const char rubbish[3000] = {1, 2, 3};
        int fd = open(path, O_WRONLY | O_CLOEXEC);

        CHECK(fd >= 0 && pwrite(fd, rubbish, sizeof rubbish, offset) == (ssize_t) sizeof rubbish);
        close(fd);
}

TEST(fails_on_a_damaged_database)
{
        const char *base = shop("damaged"), *path = in(base, "orders.db");
        Owner o = owner_with(path, false);

        fresh();
        owner_end(&o, 0);
        damage(path, 4096);
        CHECK_RUN(OUTCOME_FAIL, "*", run(PATIENT, "{path: %s, query: SELECT count(*) FROM orders}", path));
        damage(path, 0);
        CHECK_RUN(OUTCOME_FAIL, "*", run(PATIENT, "path: %s", path));
        CHECK(truncate(path, 50) == 0);
        CHECK_INT(run(PATIENT, "path: %s", path).outcome, OUTCOME_FAIL);
        CHECK(truncate(path, 0) == 0);
        CHECK_INT(run(PATIENT, "path: %s", path).outcome, OUTCOME_INCONCLUSIVE);
        memory[0] = true;
        CHECK_INT(run(PATIENT, "path: %s", path).outcome, OUTCOME_FAIL);
}

TEST(blames_the_query_until_it_was_once_answered)
{
        const char *base = shop("query"), *path = in(base, "orders.db");
        Owner o = owner_with(path, false);

        fresh();
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "query: no such table: sales",
                  run(PATIENT, "{path: %s, query: SELECT 1 FROM sales}", path));
        OWNER_SQL(&o, "CREATE TABLE sales (x)");
        CHECK_INT(run(PATIENT, "{path: %s, query: SELECT 1 FROM sales}", path).outcome, OUTCOME_PASS);
        OWNER_SQL(&o, "DROP TABLE sales");
        CHECK_RUN(OUTCOME_FAIL, "query: no such table: sales",
                  run(PATIENT, "{path: %s, query: SELECT 1 FROM sales}", path));
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "the query writes: *",
                  run(PATIENT, "{path: %s, query: DELETE FROM orders}", path));
        CHECK_RUN(OUTCOME_FAIL, "query: not one statement",
                  run(PATIENT, "{path: %s, query: SELECT 1; SELECT 2}", path));
        owner_end(&o, 0);
}

/* What is no database, or not there */

TEST(takes_a_missing_file_for_our_sandbox_until_it_was_once_read)
{
        const char *base = shop("missing"), *path = in(base, "orders.db");
        Owner o;

        fresh();
        CHECK_INT(run(PATIENT, "path: %s", path).outcome, OUTCOME_INCONCLUSIVE);
        CHECK_INT(entries(base), 0);
        o = owner_with(path, false);
        CHECK_INT(run(PATIENT, "path: %s", path).outcome, OUTCOME_PASS);
        owner_end(&o, 0);
        CHECK(unlink(path) == 0);
        CHECK_INT(run(PATIENT, "path: %s", path).outcome, OUTCOME_FAIL);
        CHECK_INT(entries(base), 0);
}

TEST(opens_nothing_but_a_file)
{
        const char *base = shop("kinds"), *fifo = in(base, "fifo"), *link_path = in(base, "link"),
                   *path = in(base, "orders.db");
        Owner o = owner_with(path, true);
        struct stat st;

        fresh();
        CHECK(mkfifo(fifo, 0666) == 0);
        CHECK_INT(run(PATIENT, "path: %s", fifo).outcome, OUTCOME_INCONCLUSIVE);
        CHECK_INT(run(PATIENT, "path: %s", base).outcome, OUTCOME_INCONCLUSIVE);
        CHECK_INT(run(PATIENT, "path: /dev/full").outcome, OUTCOME_INCONCLUSIVE);
        CHECK(symlink("orders.db", link_path) == 0);
        CHECK_INT(run(PATIENT, "path: %s", link_path).outcome,
                  OUTCOME_PASS); /* to the database and its log */
        CHECK(lstat(in(base, "link-shm"), &st) < 0);
        CHECK(unlink(link_path) == 0 && symlink(link_path, link_path) == 0);
        CHECK_INT(run(PATIENT, "path: %s", link_path).outcome, OUTCOME_FAIL);
        owner_end(&o, 0);
        /* a log that is a FIFO */
        CHECK(mkfifo(in(base, "orders.db-wal"), 0666) == 0 && mkfifo(in(base, "orders.db-shm"), 0666) == 0);
        CHECK_INT(run(PATIENT, "path: %s", path).outcome == OUTCOME_PASS, false);
}

/* Rights and disks */

TEST(takes_missing_rights_for_our_own_trouble_at_any_time)
{
        const char *base = shop("rights"), *path = in(base, "orders.db");
        int status;
        pid_t pid;
        sqlite3 *db;

        if (!bench_needs_root("another user's rights"))
                return;
        fresh();
        CHECK(sqlite3_open(path, &db) == SQLITE_OK);
        CHECK(sqlite3_exec(db, "CREATE TABLE t (x)", NULL, NULL, NULL) == SQLITE_OK);
        sqlite3_close(db);
        CHECK(chmod(path, 0644) == 0);
        CHECK_INT(run(PATIENT, "path: %s", path).outcome, OUTCOME_PASS);
        fflush(NULL);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                if (setresuid(NOBODY, NOBODY, NOBODY) < 0)
                        _exit(2);
                CHECK_RUN(OUTCOME_INCONCLUSIVE, "cannot write to *", run(PATIENT, "path: %s", path));
                _exit(0);
        }
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK_INT(status, 0);
}

TEST(fails_on_a_full_disk)
{
        const char *path = folder("full");
        Owner o;

        fresh();
        if (!tmpfs_mount(path, "size=1m,mode=777"))
                return;
        o = owner_with(in(path, "orders.db"), false);
        fill(path, "much", 2048);
        CHECK_RUN(OUTCOME_FAIL, "disk full: cannot write beside *",
                  run(PATIENT, "path: %s", in(path, "orders.db")));
        CHECK_INT(unlink(in(path, "much")), 0);
        CHECK_INT(run(PATIENT, "path: %s", in(path, "orders.db")).outcome, OUTCOME_PASS);
        owner_end(&o, 0);
        CHECK(umount(path) == 0);
}

TEST(takes_read_only_for_our_sandbox_until_it_was_once_writable)
{
        const char *path = folder("ro");
        Owner o;

        fresh();
        if (!tmpfs_mount(path, "size=1m,mode=777"))
                return;
        o = owner_with(in(path, "orders.db"), false);
        owner_end(&o, 0);
        CHECK(mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
        CHECK_INT(run(PATIENT, "path: %s", in(path, "orders.db")).outcome, OUTCOME_INCONCLUSIVE);
        CHECK(mount(NULL, path, NULL, MS_REMOUNT, NULL) == 0);
        CHECK_INT(run(PATIENT, "path: %s", in(path, "orders.db")).outcome, OUTCOME_PASS);
        CHECK(mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
        CHECK_INT(run(PATIENT, "path: %s", in(path, "orders.db")).outcome, OUTCOME_FAIL);
        CHECK(umount(path) == 0);
}

TEST(names_the_sandbox_that_alone_makes_it_read_only)
{
        const char *path = folder("sandbox");
        Owner o;
        Run r;

        fresh();
        if (!tmpfs_mount(path, "size=1m,mode=777"))
                return;
        o = owner_with(in(path, "orders.db"), false);
        owner_end(&o, 0);
        CHECK(mount(path, path, NULL, MS_BIND, NULL) == 0);
        CHECK(mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0);
        r = run(PATIENT, "path: %s", in(path, "orders.db"));
        CHECK_INT(r.outcome, OUTCOME_INCONCLUSIVE);
        CHECK(strstr(r.message, " is read-only in our sandbox alone: ReadWritePaths= of its folder"));
        CHECK(umount(path) == 0);
        CHECK(umount(path) == 0);
}

TEST(fails_on_a_frozen_disk_with_one_process_stuck_at_most)
{
        const char *base = folder("frozen-base"), *path = folder("frozen");
        Owner o;
        Run r;

        fresh();
        if (!ext4_mount(base, path))
                return;
        CHECK(chmod(path, 0777) == 0);
        o = owner_with(in(path, "orders.db"), false);
        owner_end(&o, 0);
        CHECK_INT(run(PATIENT, "path: %s", in(path, "orders.db")).outcome, OUTCOME_PASS);
        CHECK_INT(freeze(path, true), 0);
        r = run(SHORT, "path: %s", in(path, "orders.db"));
        if (r.outcome != OUTCOME_FAIL)
                freeze(path, false); /* a test that fails leaves nothing frozen */
        CHECK_RUN(OUTCOME_FAIL, "no answer in 1 s (*", r);
        r = run(SHORT, "path: %s", in(path, "orders.db"));
        CHECK_INT(freeze(path, false), 0);
        CHECK_RUN(OUTCOME_FAIL, "database hangs: *", r);
        for (uint64_t end = clock_boot_usec() + PATIENT;;) {
                waitpid(-1, NULL, WNOHANG); /* its loop is gone; a daemon's would collect it */
                if (run(PATIENT, "path: %s", in(path, "orders.db")).outcome == OUTCOME_PASS)
                        break;
                CHECK(clock_boot_usec() < end);
                usleep(5000);
        }
        ext4_umount(base, path);
}

/* Configuration */

TEST(refuses_what_cannot_be_meant)
{
        CHECK_REFUSED("sqlite", "path", "query: SELECT 1");
        CHECK_REFUSED("sqlite", "not absolute", "path: orders.db");
        CHECK_REFUSED("sqlite", "query: empty", "{path: /a, query: ' '}");
        CHECK_REFUSED("sqlite", "only with a query", "{path: /a, expect: '1'}");
}

TEST(verifies_that_the_file_is_there)
{
        CHECK_STR(bench_verify("sqlite", "path: /no/such.db"),
                  "path: /no/such.db: No such file or directory");
        CHECK_STR(bench_verify("sqlite", "path: /dev"), "path: /dev is no regular file");
}

TEST(knows_nothing_when_memory_or_descriptors_are_short)
{
        const char *path = in(shop("short"), "orders.db");
        Owner o = owner_with(path, true);
        _cleanup_free_ char *yaml = string_printf("{path: %s, query: SELECT 42, expect: '42'}", path);

        bench_run_scarce("sqlite", PATIENT, yaml);
        owner_end(&o, 0);
}

/* What the check says of a database, with a system call broken on order. */
static char *child_says(const char *path, const char *query, const char *expect, const char *call,
                        unsigned after, int error)
{
        static char text[4096];
        int pipes[2];
        size_t size = 0;

        CHECK_INT(pipe(pipes), 0);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                const char *argv[] = {path, query, expect, NULL};
                dup2(pipes[1], STDOUT_FILENO);
                scarce_break(call, after, error);
                (void) probe_type_find("sqlite")->child(expect ? 3 : 2, (char **) (uintptr_t) argv);
                scarce_break(NULL, 0, 0);
                fflush(stdout);
                _exit(0);
        }
        close(pipes[1]);
        for (ssize_t n; (n = read(pipes[0], text + size, sizeof text - 1 - size)) > 0;)
                size += (size_t) n;
        text[size] = '\0';
        close(pipes[0]);
        CHECK(waitpid(pid, NULL, 0) == pid);
        char *end = strstr(text, "end ");
        CHECK(end);
        fprintf(stderr, "  %s %u: %s", call ? call : "", after, end);
        return end + 4;
}

static bool begins(const char *text, const char *with)
{
        return strncmp(text, with, strlen(with)) == 0;
}

TEST(says_at_which_step_the_disk_below_fails_and_how)
{
        static const struct {
                const char *call;
                int error;
                SqliteEnd end;
        } list[] = {
                        {"lstat", EIO, SQLITE_END_BROKEN},    {"lstat", ENOENT, SQLITE_END_MISSING},
                        {"lstat", EACCES, SQLITE_END_DENIED}, {"open", EACCES, SQLITE_END_DENIED},
                        {"open", EROFS, SQLITE_END_READONLY}, {"open", EMFILE, SQLITE_END_OURS},
                        {"open", ELOOP, SQLITE_END_KIND},     {"open", EIO, SQLITE_END_BROKEN},
                        {"fstat", EIO, SQLITE_END_BROKEN},    {"pread", EIO, SQLITE_END_BROKEN},
                        {"fstatvfs", EIO, SQLITE_END_BROKEN}, {"write", ENOSPC, SQLITE_END_FULL},
                        {"write", EDQUOT, SQLITE_END_FULL},   {"write", EIO, SQLITE_END_BROKEN},
                        {"fsync", EIO, SQLITE_END_BROKEN},    {"fsync", ENOSPC, SQLITE_END_FULL},
                        {"fsync", EDQUOT, SQLITE_END_DENIED},
        };
        const char *base = folder("failing"), *path = in(base, "orders.db");
        sqlite3 *db;

        CHECK(sqlite3_open(path, &db) == SQLITE_OK);
        CHECK(sqlite3_exec(db, "CREATE TABLE t (x)", NULL, NULL, NULL) == SQLITE_OK);
        sqlite3_close(db);
        CHECK(begins(child_says(path, "", NULL, NULL, 0, 0), sqlite_ends[SQLITE_END_GOOD].word));
        for (size_t i = 0; i < ELEMENTSOF(list); i++)
                CHECK(begins(child_says(path, "", NULL, list[i].call, 0, list[i].error),
                             sqlite_ends[list[i].end].word));
        /* A disk without nameless files: what can be known is known. */
        CHECK(begins(child_says(path, "", NULL, "open", 0, SCARCE_NAMELESS),
                     sqlite_ends[SQLITE_END_GOOD].word));
        CHECK_INT(entries(base), 1);
}

TEST(takes_each_descriptor_that_is_missing_for_our_own_trouble)
{
        for (int wal = 0; wal < 2; wal++) {
                const char *path = in(shop(wal ? "scarce-wal" : "scarce"), "orders.db");
                Owner o = owner_with(path, wal);
                bool good = false;

                for (unsigned after = 0; !good; after++) {
                        const char *said = child_says(path, "", NULL, "open", after, EMFILE);
                        good = begins(said, sqlite_ends[SQLITE_END_GOOD].word);
                        CHECK(good || begins(said, sqlite_ends[SQLITE_END_OURS].word));
                }
                owner_end(&o, 0);
        }
}

TEST(says_what_a_query_answered_instead)
{
        const char *path = in(folder("answers"), "orders.db");
        sqlite3 *db;

        fresh();
        CHECK(sqlite3_open(path, &db) == SQLITE_OK);
        CHECK(sqlite3_exec(db, "CREATE TABLE t (x); INSERT INTO t VALUES (NULL)", NULL, NULL, NULL) ==
              SQLITE_OK);
        sqlite3_close(db);
        CHECK_RUN(OUTCOME_FAIL, "answered null, expected \"1\"",
                  run(PATIENT, "{path: %s, query: SELECT x FROM t, expect: '1'}", path));
        CHECK_RUN(OUTCOME_FAIL, "answered without a row, expected \"1\"",
                  run(PATIENT, "{path: %s, query: SELECT x FROM t WHERE x = 1, expect: '1'}", path));
        CHECK_RUN(OUTCOME_PASS, "read, and may be written (rollback journal)",
                  run(PATIENT, "{path: %s, query: SELECT x FROM t WHERE x = 1}", path));
}

MAIN()
