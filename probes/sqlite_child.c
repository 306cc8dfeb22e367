/* SPDX-License-Identifier: MIT */
/* The child of a sqlite probe: looks at one database file as a guest who touches nothing, and says what it found.
 *
 * A guest, since the file belongs to the shop. SQLite as such is a careless one: it makes -wal and -shm files under our
 * user, which lock the owner out after a crash; it plays a crashed owner's journal back; it takes the write lock that a
 * checkout is about to need. So: nobody's file is made, changed or deleted here (the system calls that SQLite gets cannot),
 * a database that nobody has open is left alone when it would need that, and whether somebody holds the write lock is
 * asked of the kernel, without taking it. That there is room to write shows in a file without a name beside the database,
 * where SQLite's journal would be. */
#include "base/mount.h"
#include "base/text.h"
#include "probes/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* Where SQLite puts its locks: https://www.sqlite.org/fileformat2.html and os_unix.c, unchanged since 2004 and 2010. */
#define LOCK_FIRST 0x40000000 /* of the database: pending, reserved, 510 bytes shared */
#define LOCK_SIZE  512
#define SHM_WRITE  120 /* of -shm: the writer's lock */
#define SHM_OPEN   128 /* of -shm: shared by all who have the database open */

#define HEADER_SIZE  100
#define HEAP_MAX     (64 * 1024 * 1024)
#define SCHEMA_QUERY "SELECT count(*) FROM sqlite_schema"

typedef struct Guest {
        const char *query, *expect; /* NULL: none */
        char path[PATH_MAX], log[PATH_MAX + 8], shared[PATH_MAX + 8], journal[PATH_MAX + 8];
        bool ours; /* the database belongs to our user */
        bool wal;
        int fd, shared_fd; /* kept open to the end: closing one would drop SQLite's locks on the same file */
        sqlite3 *db;
        bool waiting; /* for a lock, and has said so */
} Guest;

static void say(const char *format, ...) _printf_(1, 2);
static void say(const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        vprintf(format, ap);
        va_end(ap);
        putchar('\n');
        fflush(stdout);
}

static int end(SqliteEnd word, const char *format, ...) _printf_(2, 3);
static int end(SqliteEnd word, const char *format, ...)
{
        va_list ap;

        printf("end %s ", sqlite_ends[word].word);
        va_start(ap, format);
        vprintf(format, ap);
        va_end(ap);
        putchar('\n');
        fflush(stdout);
        return -1;
}

/* What errno says of a file. */
static int end_errno(const char *what, const char *path, int error)
{
        SqliteEnd word = SQLITE_END_BROKEN;

        switch (error) {
        case ENOENT:
        case ENOTDIR:
                return end(SQLITE_END_MISSING, "%s is missing", path);
        case EACCES:
        case EPERM:
                word = SQLITE_END_DENIED;
                break;
        case EROFS:
                if (mount_is_closed_to_us(path))
                        return end(SQLITE_END_READONLY,
                                   "%s is read-only in our sandbox alone: ReadWritePaths= of its folder "
                                   "would open it",
                                   path);
                return end(SQLITE_END_READONLY, "%s: its disk is read-only", path);
        case ENOSPC:
                return end(SQLITE_END_FULL, "disk full: cannot %s %s", what, path);
        case EDQUOT:
                word = SQLITE_END_DENIED;
                break;
        case ELOOP:
                word = SQLITE_END_KIND;
                break;
        case EMFILE:
        case ENFILE:
        case ENOMEM:
                word = SQLITE_END_OURS;
                break;
        default:
                break;
        }
        return end(word, "cannot %s %s: %s", what, path, strerror(error));
}

/* The system calls that SQLite gets when it must not make or change anything. */

static bool is_shared_memory(const char *path)
{
        size_t n = strlen(path);

        return n > 4 && streq(path + n - 4, "-shm");
}

static int guest_open(const char *path, int flags, int mode)
{
        flags &= ~(O_CREAT | O_EXCL | O_TRUNC);
        if (!is_shared_memory(path)) /* there readers, too, leave a note of what they read */
                flags = (flags & ~O_ACCMODE) | O_RDONLY;
        return open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static int guest_unlink(const char *path)
{
        errno = EPERM;
        return -1;
}

static int become_guest(void)
{
        sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

        if (!vfs || vfs->iVersion < 3 ||
            vfs->xSetSystemCall(vfs, "open", (sqlite3_syscall_ptr) guest_open) != SQLITE_OK ||
            vfs->xSetSystemCall(vfs, "unlink", (sqlite3_syscall_ptr) guest_unlink) != SQLITE_OK)
                return end(SQLITE_END_OURS, "this SQLite (%s) cannot be kept from writing",
                           sqlite3_libversion());
        return 0;
}

/* Looking at the file */

static int open_database(Guest *g, const char *path)
{
        unsigned char header[HEADER_SIZE];
        struct stat st;
        ssize_t n;

        say("step open");
        if (!realpath(path, g->path))
                return end_errno("find", path, errno);
        if (lstat(g->path, &st) < 0)
                return end_errno("look at", g->path, errno);
        if (!S_ISREG(st.st_mode)) /* opening a FIFO or a device may do something */
                return end(SQLITE_END_KIND, "%s is no regular file", g->path);
        g->fd = open(g->path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (g->fd < 0)
                return end_errno("write to", g->path, errno);
        if (fstat(g->fd, &st) < 0 || (n = pread(g->fd, header, sizeof header, 0)) < 0)
                return end_errno("read", g->path, errno);
        if (n == 0)
                return end(SQLITE_END_EMPTY, "%s is empty", g->path);
        if (n < (ssize_t) sizeof header || memcmp(header, "SQLite format 3", 16) != 0)
                return end(SQLITE_END_CORRUPT, "%s is not an SQLite database", g->path);
        g->ours = st.st_uid == geteuid();
        g->wal = header[18] == 2 || header[19] == 2;
        snprintf(g->log, sizeof g->log, "%s-wal", g->path);
        snprintf(g->shared, sizeof g->shared, "%s-shm", g->path);
        snprintf(g->journal, sizeof g->journal, "%s-journal", g->path);
        return 0;
}

/* The process that holds a lock in the way of ours of this kind: > 0; -1: one that has no number here; 0: nobody. */
static pid_t lock_holder(int fd, short kind, off_t start, off_t size)
{
        struct flock lock = {.l_type = kind, .l_whence = SEEK_SET, .l_start = start, .l_len = size};

        if (fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
                return 0;
        return lock.l_pid > 0 ? lock.l_pid : -1;
}

static void pause_for_lock(Guest *g, pid_t holder)
{
        if (!g->waiting)
                say("step lock %d", (int) holder);
        g->waiting = true;
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
}

/* Until nobody writes. The parent knows when that takes too long. */
static void await_writer(Guest *g)
{
        pid_t holder;

        while ((holder = lock_holder(g->fd, F_RDLCK, LOCK_FIRST, LOCK_SIZE)) != 0 ||
               (g->shared_fd >= 0 && (holder = lock_holder(g->shared_fd, F_WRLCK, SHM_WRITE, 1)) != 0))
                pause_for_lock(g, holder);
        g->waiting = false;
}

/* *ret_guest: it can be read without making a file. */
static int look_at_log(Guest *g, bool *ret_guest)
{
        g->shared_fd = open(g->shared, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (g->shared_fd < 0 && errno != ENOENT)
                return end_errno("open", g->shared, errno);
        if (g->shared_fd >= 0 && access(g->log, F_OK) == 0 &&
            (g->ours || lock_holder(g->shared_fd, F_WRLCK, SHM_OPEN, 1) != 0)) {
                *ret_guest = true;
                return 0;
        }
        if (g->ours) {
                *ret_guest = false;
                return 0;
        }
        return end(SQLITE_END_FOREIGN,
                   "%s: nobody has this WAL database open, and to open it would take files of ours beside it",
                   g->path);
}

static int look_at_journal(const Guest *g)
{
        char first = 0;
        _cleanup_close_ int fd = open(g->journal, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

        if (fd < 0 || read(fd, &first, 1) != 1 || first == 0)
                return 0;
        /* It is there while somebody writes; nobody does: await_writer() has just come back. */
        if (lock_holder(g->fd, F_RDLCK, LOCK_FIRST, LOCK_SIZE) != 0 || access(g->journal, F_OK) < 0)
                return 0;
        return end(SQLITE_END_FOREIGN, "%s: a change was broken off, and waits for its owner to take it back",
                   g->path);
}

/* Reading */

static int end_sqlite(Guest *g, int code)
{
        const char *text = sqlite3_errmsg(g->db);

        switch (code & 0xff) {
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                return end(SQLITE_END_CORRUPT, "%s is damaged: %s", g->path, text);
        case SQLITE_FULL:
                return end(SQLITE_END_FULL, "disk full: %s", g->path);
        case SQLITE_IOERR:
                if (code == SQLITE_IOERR_NOMEM)
                        return end(SQLITE_END_OURS, "out of memory");
                return end(SQLITE_END_BROKEN, "cannot read %s: %s: %s", g->path, text,
                           strerror(sqlite3_system_errno(g->db)));
        case SQLITE_READONLY:
                if (code == SQLITE_READONLY_ROLLBACK)
                        return end(SQLITE_END_FOREIGN,
                                   "%s: a change was broken off, and waits for its owner to take it back",
                                   g->path);
                return end(SQLITE_END_DENIED, "cannot read %s without the right to write %s", g->path,
                           g->shared);
        case SQLITE_CANTOPEN:
                if (error_is_shortage(sqlite3_system_errno(g->db)))
                        return end(SQLITE_END_OURS, "cannot open %s: %s", g->path,
                                   strerror(sqlite3_system_errno(g->db)));
                if (sqlite3_system_errno(g->db) == EACCES)
                        return end(SQLITE_END_DENIED, "cannot read what is beside %s: %s", g->path,
                                   strerror(EACCES));
                return end(SQLITE_END_FOREIGN, "%s was just closed by those who had it open", g->path);
        case SQLITE_PERM:
        case SQLITE_AUTH:
                return end(SQLITE_END_DENIED, "cannot read %s: %s", g->path, text);
        case SQLITE_NOMEM:
                return end(SQLITE_END_OURS, "out of memory");
        default:
                return end(SQLITE_END_QUERY, "query: %s", text);
        }
}

static int on_busy(void *userdata, int count)
{
        pause_for_lock(userdata, -1);
        return 1;
}

static int judge_row(Guest *g, sqlite3_stmt *stmt, int code, const char *expect)
{
        const char *value = code == SQLITE_ROW && sqlite3_column_count(stmt) > 0
                                            ? (const char *) sqlite3_column_text(stmt, 0)
                                            : NULL;

        if (code != SQLITE_ROW && code != SQLITE_DONE)
                return end_sqlite(g, sqlite3_extended_errcode(g->db));
        if (!expect || (value && streq(value, expect)))
                return 0;
        if (code == SQLITE_DONE)
                return end(SQLITE_END_WRONG, "answered without a row, expected \"%.*s\"",
                           UTF8_CUT(expect, 60));
        if (!value)
                return end(SQLITE_END_WRONG, "answered null, expected \"%.*s\"", UTF8_CUT(expect, 60));
        return end(SQLITE_END_WRONG, "answered \"%.*s\", expected \"%.*s\"", UTF8_CUT(value, 60),
                   UTF8_CUT(expect, 60));
}

static int ask(Guest *g, const char *query, const char *expect)
{
        sqlite3_stmt *stmt = NULL;
        const char *rest = "";
        int r = sqlite3_prepare_v2(g->db, query, -1, &stmt, &rest);

        if (r != SQLITE_OK)
                r = end_sqlite(g, sqlite3_extended_errcode(g->db));
        else if (!stmt || rest[strspn(rest, " \t\r\n;")] != '\0')
                r = end(SQLITE_END_QUERY, "query: not one statement");
        else if (!sqlite3_stmt_readonly(stmt))
                r = end(SQLITE_END_OURS, "the query writes: a probe never does");
        else
                r = judge_row(g, stmt, sqlite3_step(stmt), expect);
        sqlite3_finalize(stmt);
        return r;
}

static int read_database(Guest *g, bool guest)
{
        int flags = (guest ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | SQLITE_OPEN_NOFOLLOW |
                    SQLITE_OPEN_NOMUTEX;
        int r;

        if (guest && become_guest() < 0)
                return -1;
        say("step read");
        sqlite3_hard_heap_limit64(HEAP_MAX);
        r = sqlite3_open_v2(g->path, &g->db, flags, NULL);
        if (r != SQLITE_OK)
                return g->db ? end_sqlite(g, sqlite3_extended_errcode(g->db))
                             : end(SQLITE_END_OURS, "out of memory");
        sqlite3_extended_result_codes(g->db, 1);
        sqlite3_busy_handler(g->db, on_busy, g);
        sqlite3_db_config(g->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(g->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        sqlite3_db_config(g->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, guest, NULL);
        r = sqlite3_exec(g->db,
                         "PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON",
                         NULL, NULL, NULL);
        r = r == SQLITE_OK ? ask(g, SCHEMA_QUERY, NULL) : end_sqlite(g, sqlite3_extended_errcode(g->db));
        if (r >= 0 && g->query) {
                say("step query");
                r = ask(g, g->query, g->expect);
        }
        return r;
}

/* Writing */

static int write_beside(Guest *g)
{
        static const char block[4096];
        struct statvfs space;
        char *slash = strrchr(g->path, '/');
        _cleanup_close_ int fd = -EBADF;

        say("step write");
        if (fstatvfs(g->fd, &space) < 0)
                return end_errno("look at", g->path, errno);
        if (space.f_flag & ST_RDONLY)
                return end_errno("write to", g->path, EROFS);
        *slash = '\0'; /* from here on the folder */
        fd = open(slash == g->path ? "/" : g->path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        *slash = '/';
        if (fd < 0 &&
            (errno == EACCES || errno == EPERM || errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
                return space.f_bavail == 0 && space.f_blocks > 0 ? end_errno("write beside", g->path, ENOSPC)
                                                                 : 0;
        if (fd < 0)
                return end_errno("write beside", g->path, errno);
        errno = 0;
        for (int i = 0; i < 2; i++)
                if (write(fd, block, sizeof block) != (ssize_t) sizeof block)
                        return end_errno("write beside", g->path,
                                         errno == 0 || (errno == EDQUOT && g->ours) ? ENOSPC : errno);
        return fsync(fd) < 0 ? end_errno("sync beside", g->path, errno) : 0;
}

/* path, query or "", and what is expected, when anything is */
int sqlite_child(int argc, char **argv)
{
        Guest g = {.fd = -EBADF, .shared_fd = -EBADF};
        bool guest = true;
        int r;

        if (argc < 2 || argc > 3)
                return 2;
        g.query = argv[1][0] ? argv[1] : NULL;
        g.expect = argc > 2 ? argv[2] : NULL;
        r = open_database(&g, argv[0]);
        if (r >= 0 && g.wal)
                r = look_at_log(&g, &guest);
        if (r >= 0) {
                await_writer(&g);
                r = g.wal ? 0 : look_at_journal(&g);
        }
        if (r >= 0)
                r = read_database(&g, guest);
        sqlite3_close(g.db);
        if (r >= 0)
                r = write_beside(&g);
        if (r >= 0)
                end(SQLITE_END_GOOD, "read, and may be written (%s)", g.wal ? "WAL" : "rollback journal");
        return 0;
}
