/* SPDX-License-Identifier: MIT */
/* How a database is opened: never overwriting what is not ours, durable, and with space kept in reserve so that commits
 * still succeed when the disk is full. */
#include "base/db.h"

#include "base/clock.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef FAILOVERD_BUG_NO_FSYNC
#define SYNCHRONOUS       "FULL"
#define SYNCHRONOUS_LEVEL 2
#else /* tests/faults/power.sh must notice this */
#define SYNCHRONOUS       "NORMAL"
#define SYNCHRONOUS_LEVEL 1
#endif
#define BUSY_TIMEOUT_MSEC 5000
#define BUSY_AGAIN_USEC   (10 * USEC_PER_MSEC)
#define CHECK_SIZE_MAX    (16 * 1024 * 1024) /* databases up to this size are checked at every start */
#define CHUNK_SIZE        (64 * 1024)
#define CHECKPOINT_FRAMES 1000 /* without a reserve */

/* https://www.sqlite.org/fileformat2.html, 1.3: the magic, and the application id in big endian */
#define HEADER_SIZE   100
#define HEADER_MAGIC  "SQLite format 3"
#define HEADER_APP_ID 68

#define OTHER_APPLICATION "a database of another application (id 0x%08x, not 0x%08x)"

/* Two things need space at a commit: the log, and the database file when the log is copied into it. The log is grown
 * once and kept; inside the database file as many pages are kept free. Lives as the WAL hook's argument. */
typedef struct Reserve {
        int64_t pages; /* 0: none kept */
        int64_t page_size;
        int checkpoint_frames;
        bool busy;
} Reserve;

DEFINE_CLEANUP(sqlite3, db_close)

static int get_int(sqlite3 *db, const char *sql, int64_t *ret, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;

        int r = db_prepare(db, &stmt, e, sql, "");
        if (r < 0)
                return r;
        r = db_step(stmt, e);
        if (r < 0)
                return r;
        *ret = r > 0 ? sqlite3_column_int64(stmt, 0) : 0;
        return 0;
}

/* The log alone would be thrown away by SQLite without a word. It is looked for first: who makes a database at this moment writes
 * the file before there is a log. */
static int refuse_lone_log(const char *path, Error *e)
{
        struct stat st;
        char wal[PATH_MAX];

        if (snprintf(wal, sizeof(wal), "%s-wal", path) >= (int) sizeof(wal))
                return error_set(e, -ENAMETOOLONG, "name too long");
        if (stat(wal, &st) < 0 || st.st_size == 0)
                return 0;
        if (stat(path, &st) < 0 || st.st_size == 0)
                return error_set(e, -EUCLEAN,
                                 "the database is gone but its log %s is there: restore the first or remove "
                                 "the second",
                                 wal);
        return 0;
}

/* A file that root makes in a folder of somebody else's is theirs. */
static int owner_set(const char *path, int fd)
{
        struct stat st;
        char folder[PATH_MAX];

        if (geteuid() != 0)
                return 0;
        const char *slash = strrchr(path, '/');
        if (snprintf(folder, sizeof(folder), "%.*s", slash ? (int) (slash - path) + 1 : 1,
                     slash ? path : ".") >= (int) sizeof(folder))
                return -ENAMETOOLONG;
        if (stat(folder, &st) < 0 || (st.st_uid != 0 && fchown(fd, st.st_uid, st.st_gid) < 0))
                return -errno;
        return 0;
}

/* Creates the file when there is none; SQLite gives the log and its index the same mode and owner. */
static int file_prepare(const char *path, Error *e)
{
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 && errno != EEXIST)
                return error_set(e, -errno, "cannot be created: %s", error_words(errno));
        if (fd >= 0) {
                int r = fchmod(fd, 0600) < 0 ? -errno : owner_set(path, fd);
                close(fd);
                return r < 0 ? error_set(e, r, "cannot set its mode and owner: %s", error_words(-r)) : 0;
        }
        struct stat st;
        if (stat(path, &st) < 0)
                return error_set(e, -errno, "%s", error_words(errno));
        if (!S_ISREG(st.st_mode))
                return error_set(e, -EUCLEAN, "not a regular file");
        if ((st.st_mode & 0077) != 0 && st.st_uid == geteuid() && chmod(path, 0600) < 0)
                return error_set(e, -errno, "cannot set its mode: %s", error_words(errno));
        return 0;
}

/* A first transaction that was cut off: SQLite will roll it back. */
static bool is_unborn(sqlite3 *db, const unsigned char *header)
{
        static const unsigned char zeros[HEADER_SIZE];
        struct stat st;

        return memcmp(header, zeros, HEADER_SIZE) == 0 &&
               stat(sqlite3_filename_journal(sqlite3_db_filename(db, "main")), &st) == 0 && st.st_size > 0;
}

/* Judges the first bytes before SQLite looks at the file, since that alone may write (recovery, roll-back). Read through
 * SQLite's own descriptor: closing one of our own would drop the locks that this process holds on the file. */
static int header_check(sqlite3 *db, uint32_t application_id, Error *e)
{
        sqlite3_file *file = NULL;
        sqlite3_int64 size;
        unsigned char h[HEADER_SIZE];

        int code = sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
        if (code == SQLITE_OK)
                code = file->pMethods->xFileSize(file, &size);
        if (code == SQLITE_OK && size >= HEADER_SIZE)
                code = file->pMethods->xRead(file, h, HEADER_SIZE, 0);
        if (code != SQLITE_OK)
                return db_error(db, code, e);
        if (size == 0 || (size >= HEADER_SIZE && is_unborn(db, h)))
                return 0;
        if (size < HEADER_SIZE || memcmp(h, HEADER_MAGIC, sizeof(HEADER_MAGIC)) != 0)
                return error_set(e, -EUCLEAN, "not a database, or its beginning is damaged");
        const unsigned char *p = h + HEADER_APP_ID;
        uint32_t id = (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
        if (id != application_id)
                return error_set(e, -EUCLEAN, OTHER_APPLICATION, id, application_id);
        return 0;
}

/* With the log's index in our memory, not in a file that is mapped (https://www.sqlite.org/vfs.html): when its disk hangs in
 * the middle of a write to such a page, the kernel holds on to our memory map, and with it holds up fork() and malloc() of
 * all threads. The price is that other processes cannot open the database meanwhile. */
#define VFS_OURS_ALONE "unix-excl"
#define VFS_SHARED     "unix"

static int connection_new(const char *path, bool shared, sqlite3 **ret, Error *e)
{
        _cleanup_(db_closep) sqlite3 *db = NULL;

        /* One thread at a time uses a connection: it needs no locks of its own. */
        int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                                   shared ? VFS_SHARED : VFS_OURS_ALONE);
        if (!db)
                return error_set(e, -ENOMEM, "out of memory");
        sqlite3_wal_hook(db, NULL, NULL); /* SQLite's own, whose argument is no pointer */
        if (code != SQLITE_OK)
                return db_error(db, code, e);
        if (sqlite3_db_readonly(db, "main") == 1)
                return error_set(e, -EROFS, "cannot be written");
        sqlite3_extended_result_codes(db, 1);
        sqlite3_busy_timeout(db, BUSY_TIMEOUT_MSEC);
        *ret = TAKE_PTR(db);
        return 0;
}

static int settings_apply(sqlite3 *db, bool shared, Error *e)
{
        int persist = !shared;

        /* A database that is refused further on is left as it is: no copying of the log into it at close. */
        sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
        sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
        sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
        return db_exec(db,
                       "PRAGMA cache_size = -256; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;"
                       "PRAGMA synchronous = " SYNCHRONOUS
                       "; PRAGMA foreign_keys = ON; PRAGMA journal_size_limit = -1",
                       e);
}

static int application_id_check(sqlite3 *db, uint32_t application_id, bool *ret_empty, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;

        /* Both at one moment: another process may be making the database between two. */
        int r = db_prepare(db, &stmt, e,
                           "SELECT application_id, (SELECT count(*) FROM sqlite_schema) FROM "
                           "pragma_application_id",
                           "");
        if (r == 0)
                r = db_step(stmt, e);
        if (r < 0)
                return r;
        assert(r > 0);
        int64_t id = sqlite3_column_int64(stmt, 0), objects = sqlite3_column_int64(stmt, 1);
        *ret_empty = id == 0 && objects == 0;
        if ((uint32_t) id != application_id && !*ret_empty)
                return error_set(e, -EUCLEAN, OTHER_APPLICATION, (uint32_t) id, application_id);
        return 0;
}

/* The first transaction of all. It is made without the write-ahead log, so that the id stands in the file's first bytes
 * from the first moment on. */
static int application_id_set(sqlite3 *db, uint32_t application_id, Error *e)
{
        bool empty;
        char sql[64];

        int r = application_id_check(db, application_id, &empty, e);
        if (r < 0 || !empty)
                return r;
        r = db_begin(db, e);
        if (r < 0)
                return r;
        r = application_id_check(db, application_id, &empty, e); /* another process may have been faster */
        snprintf(sql, sizeof(sql), "PRAGMA application_id = %d", (int32_t) application_id);
        if (r == 0 && empty)
                r = db_exec(db, sql, e);
        if (r < 0) {
                db_rollback(db);
                return r;
        }
        return db_commit(db, e);
}

static int log_enable(sqlite3 *db, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        int64_t synchronous = 0, foreign_keys = 0;

        int r = db_prepare(db, &stmt, e, "PRAGMA journal_mode = WAL", "");
        if (r == 0)
                r = db_step(stmt, e);
        if (r < 0)
                return r;
        const char *mode = r > 0 ? (const char *) sqlite3_column_text(stmt, 0) : NULL;
        if (!mode || !streq(mode, "wal"))
                return error_set(e, -EOPNOTSUPP, "this file system allows no write-ahead log");
        r = get_int(db, "PRAGMA synchronous", &synchronous, e);
        if (r == 0)
                r = get_int(db, "PRAGMA foreign_keys", &foreign_keys, e);
        if (r < 0)
                return r;
        assert(synchronous == SYNCHRONOUS_LEVEL); /* FULL: what was committed survives a power cut */
        assert(foreign_keys == 1);
        return 0;
}

static int version_check(sqlite3 *db, size_t n_migrations, Error *e)
{
        int64_t version;

        int r = get_int(db, "PRAGMA user_version", &version, e);
        if (r < 0)
                return r;
        if (version < 0)
                return error_set(e, -EUCLEAN, "its version makes no sense: %lld", (long long) version);
        if ((uint64_t) version > n_migrations)
                return error_set(e, -EPROTONOSUPPORT,
                                 "written by a newer version: its schema is %lld, the last one known here is "
                                 "%zu",
                                 (long long) version, n_migrations);
        return 0;
}

/* A page that could not be read for want of memory, or because the disk failed, is no damaged page. */
static int verdict_errno(const char *verdict)
{
        const char *code = strstr(verdict, "error code=");

        switch (code ? atoi(code + strlen("error code=")) & 0xff : 0) {
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_IOERR:
                return -EIO;
        default:
                return -EUCLEAN;
        }
}

/* A big database is not read as a whole at every start; damage there shows when it is met. */
static int content_check(sqlite3 *db, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        int64_t pages, page_size;

        int r = get_int(db, "PRAGMA page_count", &pages, e);
        if (r == 0)
                r = get_int(db, "PRAGMA page_size", &page_size, e);
        if (r < 0 || pages * page_size > CHECK_SIZE_MAX)
                return r;
        r = db_prepare(db, &stmt, e, "PRAGMA quick_check(1)", "");
        if (r == 0)
                r = db_step(stmt, e);
        if (r < 0)
                return r;
        const char *verdict = r > 0 ? (const char *) sqlite3_column_text(stmt, 0) : NULL;
        if (!verdict)
                return error_set(e, -ENOMEM, "%s", strerror(ENOMEM));
        if (streq(verdict, "ok"))
                return 0;
        r = verdict_errno(verdict);
        return error_set(e, r, "%s: %s", r == -EUCLEAN ? "damaged" : "cannot be checked", verdict);
}

static int migrate_one(sqlite3 *db, const DbMigration *migrations, size_t n_migrations, bool *ret_current,
                       Error *e)
{
        int64_t version;
        char sql[64];

        int r = db_begin(db, e);
        if (r < 0)
                return r;
        r = get_int(db, "PRAGMA user_version", &version, e);
        *ret_current = r == 0 && (uint64_t) version >= n_migrations;
        if (r == 0 && !*ret_current) {
                r = db_exec(db, migrations[version].sql, e);
                if (r < 0)
                        error_prefix(e, r, "migration to schema %lld", (long long) version + 1);
                snprintf(sql, sizeof(sql), "PRAGMA user_version = %lld", (long long) version + 1);
                if (r == 0)
                        r = db_exec(db, sql, e);
        }
        if (r < 0 || *ret_current) {
                db_rollback(db);
                return r;
        }
        return db_commit(db, e);
}

static int migrate(sqlite3 *db, const DbMigration *migrations, size_t n_migrations, Error *e)
{
        int64_t version;
        int r = get_int(db, "PRAGMA user_version", &version, e);
        bool current = r == 0 && (uint64_t) version >= n_migrations;

        while (r == 0 && !current)
                r = migrate_one(db, migrations, n_migrations, &current, e);
        return r;
}

/* Copies the log into the database file, so that the next commit starts over at the log's beginning; RESTART leaves
 * its size alone. Never waits for a reader: the next commit tries again. */
static int checkpoint(sqlite3 *db)
{
        sqlite3_busy_timeout(db, 0);
        int code = sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_RESTART, NULL, NULL);
        sqlite3_busy_timeout(db, BUSY_TIMEOUT_MSEC);
        return db_error(db, code, NULL);
}

/* Writes a table as large as the reserve and drops it: the log has then grown to that size, and the database file has
 * that many free pages. The file's space is allocated first: a full disk must be noticed before the log is used up. */
static int reserve_fill(sqlite3 *db, const Reserve *reserve, Error *e)
{
        int64_t pages, unused;
        char sql[96];

        int r = get_int(db, "PRAGMA page_count", &pages, e);
        if (r == 0)
                r = get_int(db, "PRAGMA freelist_count", &unused, e);
        if (r < 0)
                return r;
        sqlite3_int64 size = (pages + MAX(reserve->pages - unused, 0) + 2) * reserve->page_size;
        if (sqlite3_file_control(db, "main", SQLITE_FCNTL_SIZE_HINT, &size) != SQLITE_OK)
                return error_set(e, -ENOSPC, "no space for the reserve");
        /* CREATE ... AS, unlike INSERT, leaves sqlite3_changes() and the last row id to the program. */
        snprintf(sql, sizeof(sql), "CREATE TABLE reserve_ AS SELECT zeroblob(%" PRId64 ") AS space",
                 reserve->pages * reserve->page_size);
        r = db_exec(db, sql, e);
        if (r < 0)
                return r;
        checkpoint(db);
        r = db_exec(db, "DROP TABLE reserve_", e);
        checkpoint(db);
        return r;
}

static int on_commit(void *userdata, sqlite3 *db, const char *name, int frames)
{
        Reserve *reserve = userdata;
        int64_t unused;

        if (reserve->busy || frames < reserve->checkpoint_frames)
                return SQLITE_OK;
        reserve->busy = true;
        if (checkpoint(db) == 0 && reserve->pages > 0 &&
            get_int(db, "PRAGMA freelist_count", &unused, NULL) == 0 && unused < reserve->pages / 2)
                reserve_fill(db, reserve, NULL);
        reserve->busy = false;
        return SQLITE_OK; /* the commit is done, whatever became of this */
}

static bool reserve_is_full(sqlite3 *db, const Reserve *reserve)
{
        struct stat st;
        int64_t unused;
        const char *wal = sqlite3_filename_wal(sqlite3_db_filename(db, "main"));

        return wal && stat(wal, &st) == 0 && st.st_size >= reserve->pages * reserve->page_size &&
               get_int(db, "PRAGMA freelist_count", &unused, NULL) == 0 && unused >= reserve->pages / 2;
}

static int reserve_start(sqlite3 *db, size_t wal_reserve, Error *e)
{
        int64_t left_behind;
        int chunk = CHUNK_SIZE; /* not before the first page is written: the file would begin with zeros */

        sqlite3_file_control(db, "main", SQLITE_FCNTL_CHUNK_SIZE, &chunk);
        Reserve *reserve = calloc(1, sizeof(*reserve));
        if (!reserve)
                return error_set(e, -ENOMEM, "out of memory");
        sqlite3_wal_hook(db, on_commit, reserve);
        reserve->busy = true;
        int r = get_int(db, "PRAGMA page_size", &reserve->page_size, e);
        if (r < 0)
                return r;
        assert(reserve->page_size > 0);
        reserve->pages = ((int64_t) wal_reserve + reserve->page_size - 1) / reserve->page_size;
        reserve->checkpoint_frames = reserve->pages > 0 ? (int) (reserve->pages / 2) : CHECKPOINT_FRAMES;
        r = get_int(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'reserve_'", &left_behind, e);
        if (r == 0 && left_behind > 0)
                r = db_exec(db, "DROP TABLE reserve_", e);
        if (r == 0)
                checkpoint(db);
        if (r == 0 && reserve->pages > 0 && !reserve_is_full(db, reserve))
                r = reserve_fill(db, reserve, e);
        reserve->busy = false;
        /* Without a full reserve it works as well as any database; what is missing is tried again at commits. */
        return r == -ENOSPC || r == -EBUSY ? 0 : r;
}

typedef struct Opening {
        const char *path;
        uint32_t application_id;
        const DbMigration *migrations;
        size_t n_migrations, wal_reserve;
        bool shared;
        DbSetup setup;
} Opening;

static int open_checked(const Opening *o, sqlite3 **ret, Error *e)
{
        _cleanup_(db_closep) sqlite3 *db = NULL;

        int r = refuse_lone_log(o->path, e);
        if (r == 0)
                r = file_prepare(o->path, e);
        if (r == 0)
                r = connection_new(o->path, o->shared, &db, e);
        if (r == 0)
                r = header_check(db, o->application_id, e);
        if (r == 0)
                r = settings_apply(db, o->shared, e);
        if (r == 0)
                r = application_id_set(db, o->application_id, e);
        if (r == 0)
                r = version_check(db, o->n_migrations, e);
        if (r == 0)
                r = log_enable(db, e);
        if (r == 0)
                r = content_check(db, e);
        if (r == 0 && o->setup)
                r = o->setup(db, e);
        if (r == 0)
                r = migrate(db, o->migrations, o->n_migrations, e);
        if (r == 0 && !o->shared)
                r = reserve_start(db, o->wal_reserve, e);
        if (r < 0)
                return r;
        sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
        *ret = TAKE_PTR(db);
        return 0;
}

int db_open(const char *path, uint32_t application_id, const DbMigration *migrations, size_t n_migrations,
            size_t wal_reserve, sqlite3 **ret, Error *e)
{
        const Opening o = {path, application_id, migrations, n_migrations, .wal_reserve = wal_reserve};

        assert(path);
        assert(application_id != 0);
        assert(migrations || n_migrations == 0);
        assert(ret);

        int r = open_checked(&o, ret, e);
        return r < 0 ? error_prefix(e, r, "%s", path) : 0;
}

int db_open_shared(const char *path, uint32_t application_id, const DbMigration *migrations,
                   size_t n_migrations, DbSetup setup, sqlite3 **ret, Error *e)
{
        const Opening o = {path, application_id, migrations, n_migrations, .shared = true, .setup = setup};

        assert(path);
        assert(application_id != 0);
        assert(migrations || n_migrations == 0);
        assert(ret);

        /* Where a log is begun, SQLite does not wait for who else is just doing so, whatever the timeout. */
        uint64_t end = clock_boot_usec() + BUSY_TIMEOUT_MSEC * USEC_PER_MSEC;
        int r = open_checked(&o, ret, e);
        while (r == -EBUSY && clock_boot_usec() < end) {
                usleep(BUSY_AGAIN_USEC);
                r = open_checked(&o, ret, e);
        }
        return r < 0 ? error_prefix(e, r, "%s", path) : 0;
}

sqlite3 *db_close(sqlite3 *db)
{
        if (!db)
                return NULL;
        free(sqlite3_wal_hook(db, NULL, NULL));
        int code = sqlite3_close(db);
        assert(code == SQLITE_OK); /* a statement was not finalized */
        return NULL;
}
