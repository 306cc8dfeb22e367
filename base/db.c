/* SPDX-License-Identifier: MIT */
/* SQLite's statements in one call each, and its codes as ours. */
#include "base/db.h"

#include <stdarg.h>

static int code_to_errno(sqlite3 *db, int code)
{
        switch (code & 0xff) {
        case SQLITE_OK:
        case SQLITE_ROW:
        case SQLITE_DONE:
                return 0;
        case SQLITE_FULL:
                return -ENOSPC;
        case SQLITE_IOERR: {
                /* Growing the -shm file or allocating ahead says IOERR when the disk is full. */
                int system = db ? sqlite3_system_errno(db) : 0;
                return system == ENOSPC || system == EDQUOT ? -ENOSPC : -EIO;
        }
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_PROTOCOL:
                return -EBUSY;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                return -EUCLEAN;
        case SQLITE_READONLY:
                return -EROFS;
        case SQLITE_CANTOPEN: {
                int system = db ? sqlite3_system_errno(db) : 0;
                return system > 0 ? -system : -ENOENT;
        }
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_CONSTRAINT:
                return -EEXIST;
        case SQLITE_PERM:
        case SQLITE_AUTH:
                return -EACCES;
        case SQLITE_INTERRUPT:
        case SQLITE_ABORT:
                return -ECANCELED;
        case SQLITE_TOOBIG:
                return -EFBIG;
        default:
                return -EINVAL;
        }
}

int db_error(sqlite3 *db, int code, Error *e)
{
        int r = code_to_errno(db, code);
        if (r == 0)
                return 0;
        bool last = db && (sqlite3_extended_errcode(db) & 0xff) == (code & 0xff);
        return error_set(e, r, "%s", last ? sqlite3_errmsg(db) : sqlite3_errstr(code));
}

int db_exec(sqlite3 *db, const char *sql, Error *e)
{
        return db_error(db, sqlite3_exec(db, sql, NULL, NULL, NULL), e);
}

int db_begin(sqlite3 *db, Error *e)
{
        /* A commit and its rollback have both failed, for want of memory say. */
        if (!sqlite3_get_autocommit(db)) {
                int r = db_exec(db, "ROLLBACK", e);
                if (r < 0)
                        return r;
        }
        return db_exec(db, "BEGIN IMMEDIATE", e);
}

int db_commit(sqlite3 *db, Error *e)
{
        int r = db_exec(db, "COMMIT", e);
        if (r < 0)
                db_rollback(db);
        return r;
}

void db_rollback(sqlite3 *db)
{
        if (!sqlite3_get_autocommit(db))
                sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
}

static int bind_one(sqlite3_stmt *stmt, int i, char type, va_list *ap)
{
        switch (type) {
        case 'i':
                return sqlite3_bind_int64(stmt, i, va_arg(*ap, int64_t));
        case 'r':
                return sqlite3_bind_double(stmt, i, va_arg(*ap, double));
        case 's': /* NULL becomes null */
                return sqlite3_bind_text(stmt, i, va_arg(*ap, const char *), -1, SQLITE_TRANSIENT);
        case 'b': {
                const void *data = va_arg(*ap, const void *);
                size_t size = va_arg(*ap, size_t);
                if (size == 0)
                        return sqlite3_bind_zeroblob(stmt, i, 0);
                return sqlite3_bind_blob64(stmt, i, data, size, SQLITE_TRANSIENT);
        }
        case 'n':
                return sqlite3_bind_null(stmt, i);
        default:
                assert(!"unknown letter");
                return SQLITE_MISUSE;
        }
}

static int prepare_v(sqlite3 *db, sqlite3_stmt **ret, Error *e, const char *sql, const char *types,
                     va_list *ap)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        const char *tail;

        int code = sqlite3_prepare_v2(db, sql, -1, &stmt, &tail);
        if (code != SQLITE_OK)
                return db_error(db, code, e);
        assert(stmt);
        assert(tail[strspn(tail, " \t\n;")] == '\0'); /* one statement a call */
        int n = (int) strlen(types);
        assert(sqlite3_bind_parameter_count(stmt) == n);
        for (int i = 0; i < n; i++) {
                code = bind_one(stmt, i + 1, types[i], ap);
                if (code != SQLITE_OK)
                        return db_error(db, code, e);
        }
        *ret = TAKE_PTR(stmt);
        return 0;
}

int db_prepare(sqlite3 *db, sqlite3_stmt **ret, Error *e, const char *sql, const char *types, ...)
{
        va_list ap;

        assert(ret);
        va_start(ap, types);
        int r = prepare_v(db, ret, e, sql, types, &ap);
        va_end(ap);
        return r;
}

int db_step(sqlite3_stmt *stmt, Error *e)
{
        int code = sqlite3_step(stmt);
        if (code == SQLITE_ROW)
                return 1;
        return db_error(sqlite3_db_handle(stmt), code, e);
}

int db_run(sqlite3 *db, Error *e, const char *sql, const char *types, ...)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        va_list ap;

        va_start(ap, types);
        int r = prepare_v(db, &stmt, e, sql, types, &ap);
        va_end(ap);
        if (r < 0)
                return r;
        while ((r = db_step(stmt, e)) > 0)
                ;
        return r;
}

char *db_column_text(sqlite3_stmt *stmt, int i)
{
        const unsigned char *text = sqlite3_column_text(stmt, i);
        return text ? strdup((const char *) text) : NULL;
}
