/* SPDX-License-Identifier: MIT */
/* The database: what it refuses, what it keeps through a kill, and that it still commits on a full disk. */
#include "tests/test.h"

#include "base/db.h"
#include "base/file.h"

#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

MAIN()

#define APP_ID  0x66646400u
#define RESERVE (1024 * 1024)

static const DbMigration migrations[] = {
                {"CREATE TABLE item (id INTEGER PRIMARY KEY, text TEXT NOT NULL, n REAL, data BLOB);"
                 "CREATE TABLE child (item INTEGER NOT NULL REFERENCES item (id));"},
                {"ALTER TABLE item ADD COLUMN extra TEXT"},
};

static char folder[64];
static char path[128], wal_path[128];

static int remove_entry(const char *name, const struct stat *st, int flag, struct FTW *ftw)
{
        return remove(name);
}

static void folder_remove(void)
{
        nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static void setup(void)
{
        snprintf(folder, sizeof(folder), "/tmp/test-db-XXXXXX");
        CHECK(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/state.db", folder);
        snprintf(wal_path, sizeof(wal_path), "%s/state.db-wal", folder);
}

static sqlite3 *open_db(size_t reserve)
{
        sqlite3 *db = NULL;
        Error e = {""};
        if (db_open(path, APP_ID, migrations, 2, reserve, &db, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK(db);
        return db;
}

static int64_t number(sqlite3 *db, const char *sql)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        CHECK_INT(db_prepare(db, &stmt, NULL, sql, ""), 0);
        CHECK_INT(db_step(stmt, NULL), 1);
        return sqlite3_column_int64(stmt, 0);
}

static off_t file_size(const char *name)
{
        struct stat st;
        return stat(name, &st) < 0 ? -1 : st.st_size;
}

static void write_file(const char *name, const char *mode, long offset, const void *data, size_t size)
{
        FILE *f = fopen(name, mode);
        CHECK(f);
        CHECK(fseek(f, offset, SEEK_SET) == 0);
        CHECK(fwrite(data, 1, size, f) == size);
        CHECK(fclose(f) == 0);
}

static char *slurp(const char *name, size_t *ret_size)
{
        FILE *f = fopen(name, "r");
        CHECK(f);
        size_t size = (size_t) file_size(name);
        char *data = malloc(size + 1);
        CHECK(data);
        CHECK(fread(data, 1, size, f) == size);
        fclose(f);
        *ret_size = size;
        return data;
}

/* Opens path, which must fail with wanted, text in the message, and leave every byte as it was. */
static void check_refused(int wanted, const char *text)
{
        size_t before_size, after_size;
        char *before = slurp(path, &before_size);
        sqlite3 *db = NULL;
        Error e = {""};

        CHECK_INT(db_open(path, APP_ID, migrations, 2, RESERVE, &db, &e), wanted);
        CHECK(!db);
        if (!strstr(e.text, text))
                CHECK_STR(e.text, text);
        CHECK(strstr(e.text, path));
        char *after = slurp(path, &after_size);
        CHECK_INT(after_size, before_size);
        CHECK(memcmp(before, after, before_size) == 0);
        free(before);
        free(after);
}

/* A mapped file on a disk that hangs would hold up every thread that forks or allocates. */
TEST(no_file_of_the_database_is_mapped_and_nobody_else_gets_in)
{
        _cleanup_free_ char *maps = NULL;
        char shm[300];
        int status;

        setup();
        sqlite3 *db = open_db(0);
        CHECK_INT(db_exec(db, "INSERT INTO item (text) VALUES ('a')", NULL), 0);
        snprintf(shm, sizeof(shm), "%s-shm", path);
        CHECK_INT(access(shm, F_OK), -1);
        CHECK_INT(file_read("/proc/self/maps", 4 << 20, &maps, NULL), 0);
        CHECK(!strstr(maps, path));
        pid_t child = fork();
        if (child == 0) {
                execlp("sqlite3", "sqlite3", path, "SELECT text FROM item", (char *) NULL);
                _exit(127);
        }
        CHECK_INT(waitpid(child, &status, 0), child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 127);
        db_close(db);
}

TEST(a_new_database_is_private_durable_and_has_its_schema)
{
        setup();
        mode_t before = umask(0777); /* the worst one */
        sqlite3 *db = open_db(RESERVE);
        umask(before);
        struct stat st;
        CHECK_INT(stat(path, &st), 0);
        CHECK_INT(st.st_mode & 07777, 0600);
        CHECK_INT(stat(wal_path, &st), 0);
        CHECK_INT(st.st_mode & 07777, 0600);

        CHECK_INT(number(db, "PRAGMA synchronous"), 2);
        CHECK_INT(number(db, "PRAGMA foreign_keys"), 1);
        CHECK_INT(number(db, "PRAGMA application_id"), APP_ID);
        CHECK_INT(number(db, "PRAGMA user_version"), 2);
        CHECK_INT(number(db, "SELECT count(*) FROM pragma_table_info('item') WHERE name = 'extra'"), 1);
        CHECK_INT(number(db, "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%reserve%'"), 0);
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        CHECK_INT(db_prepare(db, &stmt, NULL, "PRAGMA journal_mode", ""), 0);
        CHECK_INT(db_step(stmt, NULL), 1);
        CHECK_STR((const char *) sqlite3_column_text(stmt, 0), "wal");
        sqlite3_finalize(TAKE_PTR(stmt));
        CHECK(!db_close(db));
        folder_remove();
}

TEST(a_readable_database_of_ours_is_made_private_again)
{
        setup();
        db_close(open_db(0));
        CHECK_INT(chmod(path, 0644), 0);
        db_close(open_db(0));
        struct stat st;
        CHECK_INT(stat(path, &st), 0);
        CHECK_INT(st.st_mode & 07777, 0600);
        folder_remove();
}

TEST(binds_each_type_and_gives_it_back)
{
        setup();
        sqlite3 *db = open_db(0);
        CHECK_INT(db_run(db, NULL, "INSERT INTO item (id, text, n, data, extra) VALUES (?, ?, ?, ?, ?)",
                         "isrbn", INT64_C(1) << 40, "käse", 2.5, (const void *) "\0\1\2", (size_t) 3),
                  0);
        CHECK_INT(db_run(db, NULL, "INSERT INTO item (id, text, data, extra) VALUES (?, ?, ?, ?)", "isbs",
                         INT64_C(2), "", (const void *) NULL, (size_t) 0, (const char *) NULL),
                  0);
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        CHECK_INT(db_prepare(db, &stmt, NULL,
                             "SELECT id, text, n, data, extra FROM item WHERE id > ? ORDER BY id DESC", "i",
                             INT64_C(0)),
                  0);
        CHECK_INT(db_step(stmt, NULL), 1);
        CHECK_INT(sqlite3_column_int64(stmt, 0), INT64_C(1) << 40);
        char *text = db_column_text(stmt, 1);
        CHECK_STR(text, "käse");
        free(text);
        CHECK(sqlite3_column_double(stmt, 2) == 2.5);
        CHECK_INT(sqlite3_column_bytes(stmt, 3), 3);
        CHECK(memcmp(sqlite3_column_blob(stmt, 3), "\0\1\2", 3) == 0);
        CHECK(!db_column_text(stmt, 4));
        CHECK_INT(db_step(stmt, NULL), 1);
        CHECK_INT(sqlite3_column_type(stmt, 3), SQLITE_BLOB);
        CHECK_INT(sqlite3_column_bytes(stmt, 3), 0);
        CHECK_INT(sqlite3_column_type(stmt, 4), SQLITE_NULL);
        CHECK_INT(db_step(stmt, NULL), 0);
        sqlite3_finalize(TAKE_PTR(stmt));
        db_close(db);
        folder_remove();
}

TEST(codes_become_errno_with_text)
{
        Error e = {""};
        sqlite3_stmt *stmt;
        setup();
        sqlite3 *db = open_db(0);
        CHECK_INT(db_exec(db, "INSERT INTO item (id, text) VALUES (1, 'a')", &e), 0);
        CHECK_INT(db_exec(db, "INSERT INTO item (id, text) VALUES (1, 'a')", &e), -EEXIST);
        CHECK_STR(e.text, "UNIQUE constraint failed: item.id");
        CHECK_INT(db_run(db, &e, "INSERT INTO child (item) VALUES (?)", "i", INT64_C(99)), -EEXIST);
        CHECK_STR(e.text, "FOREIGN KEY constraint failed");
        CHECK_INT(db_prepare(db, &stmt, &e, "SELEKT 1", ""), -EINVAL);
        CHECK(strstr(e.text, "SELEKT"));
        CHECK_INT(db_error(NULL, SQLITE_FULL, &e), -ENOSPC);
        CHECK_INT(db_error(NULL, SQLITE_IOERR_FSYNC, &e), -EIO);
        CHECK_INT(db_error(NULL, SQLITE_BUSY_SNAPSHOT, &e), -EBUSY);
        CHECK_INT(db_error(NULL, SQLITE_LOCKED, &e), -EBUSY);
        CHECK_INT(db_error(NULL, SQLITE_NOTADB, &e), -EUCLEAN);
        CHECK_INT(db_error(NULL, SQLITE_CORRUPT_INDEX, &e), -EUCLEAN);
        CHECK_INT(db_error(NULL, SQLITE_READONLY_DBMOVED, &e), -EROFS);
        CHECK_INT(db_error(NULL, SQLITE_NOMEM, &e), -ENOMEM);
        CHECK_INT(db_error(NULL, SQLITE_CANTOPEN, &e), -ENOENT);
        CHECK_INT(db_error(db, SQLITE_OK, &e), 0);
        CHECK_INT(db_error(db, SQLITE_DONE, &e), 0);
        db_close(db);
        CHECK_INT(db_open("/nonexistent/state.db", APP_ID, NULL, 0, 0, &db, &e), -ENOENT);
        CHECK_INT(db_open(folder, APP_ID, NULL, 0, 0, &db, &e), -EUCLEAN);
        folder_remove();
}

TEST(a_transaction_that_could_not_be_rolled_back_holds_up_no_later_one)
{
        setup();
        sqlite3 *db = open_db(0);
        CHECK_INT(db_begin(db, NULL), 0);
        CHECK_INT(db_run(db, NULL, "INSERT INTO item (text) VALUES ('lost')", ""), 0);
        CHECK_INT(db_begin(db, NULL), 0);
        CHECK_INT(db_run(db, NULL, "INSERT INTO item (text) VALUES ('kept')", ""), 0);
        CHECK_INT(db_commit(db, NULL), 0);
        CHECK_INT(number(db, "SELECT count(*) FROM item"), 1);
        CHECK_INT(number(db, "SELECT count(*) FROM item WHERE text = 'kept'"), 1);
        db_close(db);
        folder_remove();
}

TEST(a_rolled_back_transaction_leaves_nothing)
{
        setup();
        sqlite3 *db = open_db(0);
        CHECK_INT(db_begin(db, NULL), 0);
        CHECK_INT(db_run(db, NULL, "INSERT INTO item (text) VALUES ('a')", ""), 0);
        db_rollback(db);
        db_rollback(db);
        CHECK_INT(number(db, "SELECT count(*) FROM item"), 0);
        CHECK_INT(db_begin(db, NULL), 0);
        CHECK_INT(db_run(db, NULL, "INSERT INTO item (text) VALUES ('a')", ""), 0);
        CHECK_INT(db_commit(db, NULL), 0);
        CHECK_INT(number(db, "SELECT count(*) FROM item"), 1);
        db_close(db);
        folder_remove();
}

TEST(only_missing_migrations_are_applied_and_a_failing_one_leaves_the_schema_before_it)
{
        const DbMigration broken[] = {
                        migrations[0], migrations[1], {"CREATE TABLE third (x); CREATE TABEL fourth (x)"}};
        const DbMigration mended[] = {migrations[0], migrations[1], {"CREATE TABLE third (x)"}};
        sqlite3 *db = NULL;
        Error e = {""};

        setup();
        CHECK_INT(db_open(path, APP_ID, migrations, 1, 0, &db, NULL), 0);
        CHECK_INT(db_run(db, NULL, "INSERT INTO item (text) VALUES ('kept')", ""), 0);
        db = db_close(db);
        CHECK_INT(db_open(path, APP_ID, broken, 3, 0, &db, &e), -EINVAL);
        CHECK(strstr(e.text, "migration to schema 3"));
        CHECK(!db);
        db = open_db(0);
        CHECK_INT(number(db, "PRAGMA user_version"), 2);
        CHECK_INT(number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'third'"), 0);
        db_close(db);
        CHECK_INT(db_open(path, APP_ID, mended, 3, 0, &db, NULL), 0);
        CHECK_INT(number(db, "SELECT count(*) FROM item WHERE text = 'kept' AND extra IS NULL"), 1);
        CHECK_INT(number(db, "SELECT count(*) FROM third"), 0);
        db_close(db);
        folder_remove();
}

TEST(a_newer_database_is_refused_with_both_numbers_and_left_alone)
{
        const DbMigration newer[] = {migrations[0], migrations[1], {"CREATE TABLE third (x)"}};
        sqlite3 *db = NULL;

        setup();
        CHECK_INT(db_open(path, APP_ID, newer, 3, RESERVE, &db, NULL), 0);
        db_close(db);
        check_refused(-EPROTONOSUPPORT, "schema is 3, the last one known here is 2");
        /* Also while the newer version stands in the log only, as after a kill. */
        CHECK_INT(db_open(path, APP_ID, newer, 3, RESERVE, &db, NULL), 0);
        CHECK_INT(db_exec(db, "PRAGMA user_version = 7", NULL), 0);
        sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        db_close(db);
        check_refused(-EPROTONOSUPPORT, "schema is 7, the last one known here is 2");
        folder_remove();
}

TEST(anothers_database_is_refused_and_left_alone)
{
        sqlite3 *db;
        setup();
        CHECK_INT(db_open(path, 0x12345678, NULL, 0, 0, &db, NULL), 0);
        db_close(db);
        check_refused(-EUCLEAN, "another application (id 0x12345678, not 0x66646400)");
        folder_remove();

        setup(); /* one that has no id at all */
        CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
        CHECK_INT(sqlite3_exec(db, "PRAGMA journal_mode = WAL; CREATE TABLE theirs (x)", NULL, NULL, NULL),
                  SQLITE_OK);
        sqlite3_close(db);
        check_refused(-EUCLEAN, "another application (id 0x00000000");
        folder_remove();
}

TEST(what_is_no_database_is_refused_and_left_alone)
{
        char noise[20000];
        for (size_t i = 0; i < sizeof(noise); i++)
                noise[i] = (char) (i * 7919 >> 3);

        setup();
        write_file(path, "w", 0, noise, sizeof(noise));
        check_refused(-EUCLEAN, "not a database");
        write_file(path, "w", 0, noise, 17);
        check_refused(-EUCLEAN, "not a database");
        folder_remove();

        setup(); /* ours, with the beginning overwritten, then cut short */
        db_close(open_db(RESERVE));
        write_file(path, "r+", 0, noise, 16);
        check_refused(-EUCLEAN, "not a database");
        CHECK_INT(truncate(path, 50), 0);
        check_refused(-EUCLEAN, "not a database");
        folder_remove();
}

TEST(damage_inside_is_noticed_at_the_start_and_left_alone)
{
        char noise[4096];
        memset(noise, 0xa5, sizeof(noise));

        setup();
        sqlite3 *db = open_db(0);
        for (int i = 0; i < 500; i++)
                CHECK_INT(db_run(db, NULL, "INSERT INTO item (text) VALUES (hex(randomblob(100)))", ""), 0);
        db_close(db);
        CHECK_INT(unlink(wal_path), 0);                         /* it still has a good copy of each page */
        write_file(path, "r+", 4096 * 3, noise, sizeof(noise)); /* a page of the table */
        check_refused(-EUCLEAN, "");
        folder_remove();
}

TEST(a_log_without_its_database_is_not_thrown_away)
{
        sqlite3 *db = NULL;
        Error e = {""};

        setup();
        db_close(open_db(RESERVE));
        off_t size = file_size(wal_path);
        CHECK(size > 0);
        CHECK_INT(unlink(path), 0);
        CHECK_INT(db_open(path, APP_ID, migrations, 2, 0, &db, &e), -EUCLEAN);
        CHECK(strstr(e.text, "restore the first or remove the second"));
        CHECK_INT(file_size(path), -1);
        CHECK_INT(file_size(wal_path), size);
        folder_remove();
}

TEST(a_database_that_was_only_just_created_is_taken_as_new)
{
        setup();
        write_file(path, "w", 0, "", 0); /* killed between open() and the first commit */
        sqlite3 *db = open_db(0);
        CHECK_INT(number(db, "PRAGMA user_version"), 2);
        db_close(db);
        folder_remove();
}

TEST(the_log_is_grown_ahead_and_keeps_its_size)
{
        setup();
        sqlite3 *db = open_db(RESERVE);
        off_t size = file_size(wal_path);
        CHECK(size >= RESERVE);
        CHECK(number(db, "PRAGMA freelist_count") >= RESERVE / 4096);
        /* Many times the log's size goes through it. */
        for (int i = 0; i < 2000; i++)
                CHECK_INT(db_run(db, NULL, "INSERT INTO item (text) VALUES (hex(randomblob(100)))", ""), 0);
        CHECK_INT(file_size(wal_path), size);
        CHECK(number(db, "PRAGMA freelist_count") >= RESERVE / 4096 / 2);
        db_close(db);
        CHECK_INT(file_size(wal_path), size);
        db = open_db(RESERVE);
        CHECK_INT(file_size(wal_path), size);
        CHECK_INT(number(db, "SELECT count(*) FROM item"), 2000);
        db_close(db);
        folder_remove();
}

TEST(keeping_the_reserve_is_invisible_to_the_program)
{
        setup();
        sqlite3 *db = open_db(64 * 1024);
        for (int64_t i = 1; i <= 3000; i++) { /* the reserve of 16 pages is filled up again and again */
                CHECK_INT(db_run(db, NULL, "INSERT INTO item (text) VALUES (hex(randomblob(300)))", ""), 0);
                CHECK_INT(sqlite3_last_insert_rowid(db), i);
                CHECK_INT(sqlite3_changes(db), 1);
        }
        CHECK(number(db, "PRAGMA freelist_count") >= 8);
        CHECK_INT(number(db, "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%reserve%'"), 0);
        db_close(db);
        folder_remove();
}

TEST(a_reader_elsewhere_holds_up_no_commit)
{
        sqlite3 *reader;
        setup();
        sqlite3 *db = open_db(64 * 1024);
        CHECK_INT(sqlite3_open(path, &reader), SQLITE_OK);
        CHECK_INT(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM item", NULL, NULL, NULL), SQLITE_OK);
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        for (int i = 0; i < 100; i++)
                CHECK_INT(db_run(db, NULL, "INSERT INTO item (text) VALUES (hex(randomblob(300)))", ""), 0);
        clock_gettime(CLOCK_MONOTONIC, &b);
        CHECK(b.tv_sec - a.tv_sec < 5); /* one wait alone would take 5 s */
        sqlite3_close(reader);
        db_close(db);
        folder_remove();
}

static int add_pair(sqlite3 *db, int64_t i)
{
        int r = db_begin(db, NULL);
        if (r == 0)
                r = db_run(db, NULL, "INSERT INTO item (id, text) VALUES (?, hex(randomblob(200)))", "i", i);
        if (r == 0)
                r = db_run(db, NULL, "INSERT INTO child (item) VALUES (?)", "i", i);
        return r < 0 ? r : db_commit(db, NULL);
}

/* Commits pairs of rows for ever and tells each number once it is committed. */
static void commit_and_tell(int fd)
{
        sqlite3 *db = open_db(64 * 1024);
        for (int64_t i = number(db, "SELECT count(*) FROM item") + 1;; i++) {
                if (add_pair(db, i) < 0 || write(fd, &i, sizeof(i)) != sizeof(i))
                        _exit(1);
        }
}

TEST(a_kill_at_any_moment_loses_and_halves_nothing)
{
        int64_t told = 0, i;
        unsigned seed = 1;

        setup();
        for (int round = 0; round < 25; round++) {
                int fds[2];
                CHECK_INT(pipe2(fds, O_CLOEXEC), 0);
                pid_t pid = fork();
                CHECK(pid >= 0);
                if (pid == 0)
                        commit_and_tell(fds[1]);
                close(fds[1]);
                /* Killed between two commits or in one, the first rounds within the opening. */
                if (round < 10)
                        usleep((useconds_t) (rand_r(&seed) % 30000));
                else
                        for (int n = rand_r(&seed) % 60; n >= 0 && read(fds[0], &i, sizeof(i)) == sizeof(i);
                             n--)
                                told = i;
                kill(pid, SIGKILL);
                CHECK_INT(waitpid(pid, NULL, 0), pid);
                while (read(fds[0], &i, sizeof(i)) == sizeof(i))
                        told = i;
                close(fds[0]);

                sqlite3 *db = open_db(64 * 1024);
                int64_t items = number(db, "SELECT count(*) FROM item");
                CHECK(items == told || items == told + 1); /* committed, killed before it could say so */
                CHECK_INT(number(db, "SELECT count(*) FROM child"), items);
                CHECK_INT(number(db, "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%reserve%'"), 0);
                told = items;
                db_close(db);
        }
        CHECK(told > 100);
        folder_remove();
}

/* At the entry of a system call that changes a file. */
static bool is_change(pid_t pid)
{
        static const long calls[] = {SYS_openat, SYS_write,  SYS_pwrite64,  SYS_ftruncate,
                                     SYS_fchmod, SYS_unlink, SYS_fdatasync, SYS_fsync};
        struct __ptrace_syscall_info info;

        CHECK(ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *) sizeof(info), &info) > 0);
        for (size_t i = 0; info.op == PTRACE_SYSCALL_INFO_ENTRY && i < ELEMENTSOF(calls); i++)
                if ((long) info.entry.nr == calls[i])
                        return true;
        return false;
}

/* Creates the database and commits to it, in a child that is killed before its nth change of a file. Returns how many
 * commits it had told, -1 when it was through before that, -2 when it cannot be traced. */
static int64_t killed_at_change(unsigned nth)
{
        int64_t told = 0, i;
        int fds[2], status;

        CHECK_INT(pipe2(fds, O_CLOEXEC), 0);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
                        _exit(77);
                raise(SIGSTOP);
                sqlite3 *db = open_db(16 * 1024);
                for (i = 1; i <= 3; i++)
                        if (add_pair(db, i) < 0 || write(fds[1], &i, sizeof(i)) != sizeof(i))
                                _exit(1);
                db_close(db);
                _exit(0);
        }
        close(fds[1]);
        CHECK_INT(waitpid(pid, &status, 0), pid);
        if (WIFSTOPPED(status)) /* without it the kernel does not tell an entry from other stops */
                CHECK_INT(ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *) PTRACE_O_TRACESYSGOOD), 0);
        for (unsigned changes = 0; WIFSTOPPED(status) && changes < nth;) {
                CHECK_INT(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
                CHECK_INT(waitpid(pid, &status, 0), pid);
                changes += WIFSTOPPED(status) && is_change(pid);
        }
        if (WIFSTOPPED(status)) {
                kill(pid, SIGKILL);
                CHECK_INT(waitpid(pid, NULL, 0), pid);
        }
        while (read(fds[0], &i, sizeof(i)) == sizeof(i))
                told = i;
        close(fds[0]);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
                return -2;
        if (WIFEXITED(status))
                CHECK_INT(WEXITSTATUS(status), 0);
        return WIFEXITED(status) ? -1 : told;
}

TEST(killed_before_any_change_of_a_file_since_its_creation_it_opens_again)
{
        unsigned n = 1;
        for (int64_t told;; n++) {
                setup();
                told = killed_at_change(n);
                if (told < 0) {
                        if (told == -2)
                                fprintf(stderr, "  skipped: not allowed to trace\n");
                        else
                                CHECK(n > 100);
                        folder_remove();
                        break;
                }
                sqlite3 *db = open_db(0);
                int64_t items = number(db, "SELECT count(*) FROM item");
                CHECK(items == told || items == told + 1);
                CHECK_INT(number(db, "SELECT count(*) FROM child"), items);
                CHECK_INT(number(db, "PRAGMA user_version"), 2);
                db_close(db);
                folder_remove();
        }
}

/* So that an ordinary user may mount, too; where that is not allowed the mount says so. */
static void become_root_of_namespace(void)
{
        char users[64], groups[64];
        uid_t uid = getuid();

        snprintf(users, sizeof(users), "0 %u 1", uid);
        snprintf(groups, sizeof(groups), "0 %u 1", getgid());
        if (uid == 0 || unshare(CLONE_NEWUSER) < 0)
                return;
        write_file("/proc/self/setgroups", "w", 0, "deny", 4);
        write_file("/proc/self/uid_map", "w", 0, users, strlen(users));
        write_file("/proc/self/gid_map", "w", 0, groups, strlen(groups));
}

/* Runs fn in a child that has a small file system of its own, mounted on the folder. */
static void on_small_disk(int (*fn)(void))
{
        setup();
        fflush(NULL);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                become_root_of_namespace();
                if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
                    mount("tmpfs", folder, "tmpfs", 0, "size=8m") < 0)
                        _exit(77);
                exit(fn());
        }
        int status;
        CHECK_INT(waitpid(pid, &status, 0), pid);
        folder_remove();
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
                fprintf(stderr, "  skipped: not allowed to mount a file system\n");
        else
                CHECK_INT(status, 0);
}

static void fill_disk(void)
{
        static const char data[65536];
        char name[128];
        snprintf(name, sizeof(name), "%s/ballast", folder);
        int fd = open(name, O_WRONLY | O_CREAT | O_APPEND, 0600);
        CHECK(fd >= 0);
        for (size_t size = sizeof(data); size > 0;)
                if (write(fd, data, size) < 0) {
                        CHECK_INT(errno, ENOSPC);
                        size /= 2;
                }
        close(fd);
}

static int add_small_row(sqlite3 *db, Error *e)
{
        int r = db_begin(db, e);
        if (r == 0)
                r = db_run(db, e, "INSERT INTO item (text) VALUES (hex(randomblob(50)))", "");
        if (r == 0)
                return db_commit(db, e);
        db_rollback(db);
        return r;
}

static int commits_on_full_disk(void)
{
        sqlite3 *db = open_db(RESERVE);
        fill_disk();
        for (int i = 0; i < 500; i++)
                CHECK_INT(add_small_row(db, NULL), 0);
        db_close(db);
        fill_disk();
        db = open_db(RESERVE); /* a start on a full disk, too */
        for (int i = 0; i < 500; i++)
                CHECK_INT(add_small_row(db, NULL), 0);
        CHECK_INT(number(db, "SELECT count(*) FROM item"), 1000);
        db_close(db);
        return 0;
}

TEST(a_thousand_commits_succeed_on_a_full_disk)
{
        on_small_disk(commits_on_full_disk);
}

static int fails_without_reserve(void)
{
        int r = 0;
        sqlite3 *db = open_db(0);
        fill_disk();
        for (int i = 0; i < 300 && r == 0; i++)
                r = add_small_row(db, NULL);
        CHECK_INT(r, -ENOSPC);
        db_close(db);
        return 0;
}

TEST(without_the_reserve_they_would_not)
{
        on_small_disk(fails_without_reserve);
}

static int comes_back(void)
{
        char ballast[128];
        Error e;
        int64_t rows = 0;
        int r;

        sqlite3 *db = open_db(256 * 1024);
        fill_disk();
        while ((r = add_small_row(db, &e)) == 0)
                rows++;
        CHECK_INT(r, -ENOSPC);
        CHECK(strstr(e.text, "full"));
        CHECK(rows > 300);
        CHECK_INT(number(db, "SELECT count(*) FROM item"), rows);

        snprintf(ballast, sizeof(ballast), "%s/ballast", folder);
        CHECK_INT(unlink(ballast), 0);
        for (int i = 0; i < 100; i++)
                CHECK_INT(add_small_row(db, NULL), 0);
        CHECK(number(db, "PRAGMA freelist_count") >= 32); /* the reserve is there again */
        fill_disk();
        for (int i = 0; i < 300; i++)
                CHECK_INT(add_small_row(db, NULL), 0);
        CHECK_INT(number(db, "SELECT count(*) FROM item"), rows + 400);
        db_close(db);
        return 0;
}

TEST(when_the_reserve_is_used_up_it_says_so_and_goes_on_once_there_is_space)
{
        on_small_disk(comes_back);
}

static int open_on_full_disk(void)
{
        sqlite3 *db = NULL;
        fill_disk();
        CHECK_INT(db_open(path, APP_ID, migrations, 2, RESERVE, &db, NULL), -ENOSPC);
        CHECK(!db);
        return 0;
}

TEST(a_first_start_on_a_full_disk_says_so)
{
        on_small_disk(open_on_full_disk);
}

static int add_function(sqlite3 *db, Error *e)
{
        return db_exec(db, "CREATE TEMP VIEW of_setup AS SELECT 42 AS answer", e);
}

static sqlite3 *open_shared(void)
{
        sqlite3 *db = NULL;
        Error e = {""};

        if (db_open_shared(path, APP_ID, migrations, 2, add_function, &db, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK(db);
        return db;
}

TEST(a_shared_database_is_read_beside_its_writer_and_by_other_programs)
{
        struct stat st;
        int status;

        setup();
        sqlite3 *writer = open_shared(), *reader = open_shared();
        CHECK_INT(number(reader, "SELECT answer FROM of_setup"), 42);
        CHECK_INT(number(writer, "PRAGMA synchronous"), 2);
        CHECK_INT(db_begin(writer, NULL), 0);
        CHECK_INT(db_exec(writer, "INSERT INTO item (text) VALUES ('a')", NULL), 0);
        CHECK_INT(number(reader, "SELECT count(*) FROM item"), 0);
        CHECK_INT(db_commit(writer, NULL), 0);
        CHECK_INT(number(reader, "SELECT count(*) FROM item"), 1);
        pid_t child = fork();
        if (child == 0) {
                execlp("sqlite3", "sqlite3", path, "INSERT INTO item (text) VALUES ('b')", (char *) NULL);
                _exit(127);
        }
        CHECK_INT(waitpid(child, &status, 0), child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        CHECK_INT(number(reader, "SELECT count(*) FROM item"), 2);
        db_close(writer);
        db_close(reader);
        CHECK_INT(stat(wal_path, &st), -1); /* all of it is in the one file, which can be copied */
        CHECK_INT(stat(path, &st), 0);
        CHECK_INT(st.st_mode & 07777, 0600);
        folder_remove();
}

TEST(two_that_open_a_new_shared_database_at_once_make_one)
{
        for (unsigned round = 0; round < 20; round++) {
                pid_t children[4];

                setup();
                for (unsigned i = 0; i < 4; i++) {
                        children[i] = fork();
                        CHECK(children[i] >= 0);
                        if (children[i] == 0) {
                                sqlite3 *db = open_shared();
                                _exit(db_exec(db, "INSERT INTO item (text) VALUES ('a')", NULL) == 0 ? 0 : 1);
                        }
                }
                for (unsigned i = 0; i < 4; i++) {
                        int status;
                        CHECK_INT(waitpid(children[i], &status, 0), children[i]);
                        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
                }
                sqlite3 *db = open_shared();
                CHECK_INT(number(db, "SELECT count(*) FROM item"), 4);
                db_close(db);
                folder_remove();
        }
}

TEST(what_root_makes_in_anothers_folder_is_theirs)
{
        struct stat st;

        if (geteuid() != 0)
                return;
        setup();
        CHECK_INT(chown(folder, 65534, 65534), 0);
        sqlite3 *db = open_shared();
        CHECK_INT(db_exec(db, "INSERT INTO item (text) VALUES ('a')", NULL), 0);
        CHECK_INT(stat(path, &st), 0);
        CHECK_INT(st.st_uid, 65534);
        CHECK_INT(stat(wal_path, &st), 0);
        CHECK_INT(st.st_uid, 65534);
        CHECK_INT(st.st_mode & 07777, 0600);
        db_close(db);
        folder_remove();
}
