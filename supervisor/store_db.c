/* SPDX-License-Identifier: MIT */
/* The store's schema, and how a batch is written. */
#include "supervisor/store_db.h"

#include "base/clock.h"
#include "supervisor/chain.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/stat.h>

#define APPLICATION_ID UINT32_C(0x46764f76)
#define WAL_RESERVE    (2 * 1024 * 1024)

#define BUSY_TIMEOUT_MSEC 5000 /* as db_open() sets it */

/* Well before a commit would do it itself. */
#define CHECKPOINT_ROWS 150
#define COMMIT_ROWS     5 /* pages that a commit writes beside its rows', roughly */

#define UPKEEP_USEC        USEC_PER_HOUR
#define UPKEEP_STEP        "500"
#define HOURS_KEPT_USEC    (90 * USEC_PER_DAY)
#define DAYS_KEPT          "91" /* the last 90 and the one that has begun */
#define DAYS_KEPT_USEC     (91 * USEC_PER_DAY)
#define DELIVERY_KEPT_USEC (30 * USEC_PER_DAY)

/* Times are microseconds; whole 64-bit values are stored as they are, sign or not. */
static const DbMigration migrations[] = {
                {"CREATE TABLE change (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at INTEGER NOT NULL,"
                 " from_mode TEXT NOT NULL, to_mode TEXT NOT NULL, cause TEXT NOT NULL, rule TEXT NOT NULL,"
                 " reason TEXT NOT NULL, automatic INTEGER NOT NULL, durable INTEGER NOT NULL,"
                 " config_hash TEXT NOT NULL, evidence TEXT NOT NULL, previous TEXT NOT NULL,"
                 " hash TEXT NOT NULL) STRICT;"
                 "CREATE TABLE delivery (id INTEGER PRIMARY KEY, change TEXT NOT NULL, action TEXT NOT NULL,"
                 " type TEXT NOT NULL, target TEXT NOT NULL, kind INTEGER NOT NULL, event INTEGER NOT NULL,"
                 " facts TEXT NOT NULL, state TEXT NOT NULL, message TEXT NOT NULL, attempts INTEGER NOT "
                 "NULL,"
                 " created INTEGER NOT NULL, next INTEGER NOT NULL, finished INTEGER NOT NULL) STRICT;"
                 "CREATE INDEX delivery_pending ON delivery (id) WHERE state = 'pending';"
                 "CREATE INDEX delivery_change ON delivery (change);"
                 "CREATE TABLE probe (name TEXT PRIMARY KEY, verdict INTEGER NOT NULL,"
                 " verdict_since INTEGER NOT NULL, fails INTEGER NOT NULL, count INTEGER NOT NULL,"
                 " run INTEGER NOT NULL, streak INTEGER NOT NULL, last INTEGER NOT NULL,"
                 " last_conclusive INTEGER NOT NULL, last_pass INTEGER NOT NULL, last_fail INTEGER NOT NULL,"
                 " first_fail INTEGER NOT NULL, history TEXT NOT NULL, message TEXT NOT NULL)"
                 " STRICT, WITHOUT ROWID;"
                 "CREATE TABLE hour (hour INTEGER NOT NULL, probe TEXT NOT NULL, pass INTEGER NOT NULL,"
                 " warn INTEGER NOT NULL, fail INTEGER NOT NULL, inconclusive INTEGER NOT NULL,"
                 " latency_sum INTEGER NOT NULL, latency_max INTEGER NOT NULL, down INTEGER NOT NULL,"
                 " PRIMARY KEY (hour, probe)) STRICT, WITHOUT ROWID;"
                 "CREATE TABLE memory (one INTEGER PRIMARY KEY, value TEXT NOT NULL) STRICT;"
                 "CREATE TABLE upkeep (one INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT"},
                {"CREATE TABLE day (day INTEGER NOT NULL, component TEXT NOT NULL, up INTEGER NOT NULL,"
                 " degraded INTEGER NOT NULL, down INTEGER NOT NULL, maintenance INTEGER NOT NULL,"
                 " PRIMARY KEY (day, component)) STRICT, WITHOUT ROWID;"
                 "CREATE TABLE bulletin (id TEXT PRIMARY KEY, kind INTEGER NOT NULL, ended INTEGER NOT NULL,"
                 " value TEXT NOT NULL) STRICT, WITHOUT ROWID"},
                {"ALTER TABLE probe ADD COLUMN config TEXT NOT NULL DEFAULT ''"},
};

typedef enum Statement {
        STATEMENT_CHANGE_KNOWN,
        STATEMENT_CHANGE_LAST,
        STATEMENT_CHANGE,
        STATEMENT_DELIVERY,
        STATEMENT_PROBE,
        STATEMENT_FORGET,
        STATEMENT_HOUR,
        STATEMENT_DAY,
        STATEMENT_BULLETIN,
        STATEMENT_MEMORY,
        STATEMENT_UPKEEP,
        _STATEMENT_MAX,
} Statement;

static const char *const statement_sql[_STATEMENT_MAX] = {
                [STATEMENT_CHANGE_KNOWN] = "SELECT 1 FROM change WHERE id = ?",
                [STATEMENT_CHANGE_LAST] = "SELECT hash FROM change ORDER BY seq DESC LIMIT 1",
                [STATEMENT_CHANGE] = "INSERT INTO change (" STORE_CHANGE_COLUMNS
                                     ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [STATEMENT_DELIVERY] = "INSERT INTO delivery (" STORE_DELIVERY_COLUMNS
                                       ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                                       " ON CONFLICT (id) DO UPDATE SET state = excluded.state,"
                                       " message = excluded.message, attempts = excluded.attempts,"
                                       " next = excluded.next, finished = excluded.finished",
                [STATEMENT_PROBE] = "REPLACE INTO probe (name, verdict, verdict_since, fails, count, run, "
                                    "streak, last,"
                                    " last_conclusive, last_pass, last_fail, first_fail, history, message,"
                                    " config) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [STATEMENT_FORGET] = "DELETE FROM probe WHERE name = ?",
                [STATEMENT_HOUR] =
                                "INSERT INTO hour (hour, probe, pass, warn, fail, inconclusive, latency_sum,"
                                " latency_max, down) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                                " ON CONFLICT (hour, probe) DO UPDATE SET pass = pass + excluded.pass,"
                                " warn = warn + excluded.warn, fail = fail + excluded.fail,"
                                " inconclusive = inconclusive + excluded.inconclusive,"
                                " latency_sum = latency_sum + excluded.latency_sum,"
                                " latency_max = max(latency_max, excluded.latency_max),"
                                " down = down + excluded.down",
                [STATEMENT_DAY] = "INSERT INTO day (day, component, up, degraded, down, maintenance)"
                                  " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (day, component) DO UPDATE"
                                  " SET up = up + excluded.up, degraded = degraded + excluded.degraded,"
                                  " down = down + excluded.down,"
                                  " maintenance = maintenance + excluded.maintenance",
                [STATEMENT_BULLETIN] = "REPLACE INTO bulletin (id, kind, ended, value) VALUES (?, ?, ?, ?)",
                [STATEMENT_MEMORY] = "REPLACE INTO memory (one, value) VALUES (1, ?)",
                [STATEMENT_UPKEEP] = "REPLACE INTO upkeep (one, at) VALUES (1, ?)",
};

struct StoreDb {
        char *path;
        sqlite3 *handle;
        sqlite3_stmt *statements[_STATEMENT_MAX];
        unsigned rows;        /* written since the log was last copied */
        uint64_t upkeep_usec; /* boot time: when the next is due */
};

int store_db_new(const char *path, StoreDb **ret)
{
        _cleanup_(store_db_freep) StoreDb *db = calloc(1, sizeof(*db));

        if (!db || !(db->path = strdup(path)))
                return -ENOMEM;
        *ret = TAKE_PTR(db);
        return 0;
}

StoreDb *store_db_free(StoreDb *db)
{
        if (!db)
                return NULL;
        store_db_close(db);
        free(db->path);
        free(db);
        return NULL;
}

sqlite3 *store_db_handle(const StoreDb *db)
{
        return db->handle;
}

void store_db_close(StoreDb *db)
{
        for (size_t i = 0; i < _STATEMENT_MAX; i++) {
                sqlite3_finalize(db->statements[i]);
                db->statements[i] = NULL;
        }
        db->handle = db_close(db->handle);
}

/* The arguments are borrowed until the statement is reset. */
static int bind_all(sqlite3_stmt *stmt, const char *types, va_list *ap)
{
        for (int i = 1; types[i - 1]; i++) {
                int code = types[i - 1] == 's' ? sqlite3_bind_text(stmt, i, va_arg(*ap, const char *), -1,
                                                                   SQLITE_STATIC)
                                               : sqlite3_bind_int64(stmt, i, va_arg(*ap, int64_t));
                if (code != SQLITE_OK)
                        return code;
        }
        return SQLITE_OK;
}

/* Prepared once and kept. Reset it after use. */
static int statement_get(StoreDb *db, Statement which, sqlite3_stmt **ret, Error *e)
{
        sqlite3_stmt **stmt = &db->statements[which];

        if (!*stmt) {
                int code = sqlite3_prepare_v3(db->handle, statement_sql[which], -1, SQLITE_PREPARE_PERSISTENT,
                                              stmt, NULL);
                if (code != SQLITE_OK)
                        return db_error(db->handle, code, e);
        }
        *ret = *stmt;
        return 0;
}

/* i: int64_t, s: const char *. Returns what the first step does: 1 for a row. */
static int statement_run(StoreDb *db, Statement which, Error *e, const char *types, ...)
{
        sqlite3_stmt *stmt;
        va_list ap;

        int r = statement_get(db, which, &stmt, e);
        if (r < 0)
                return r;
        va_start(ap, types);
        r = db_error(db->handle, bind_all(stmt, types, &ap), e);
        va_end(ap);
        if (r == 0)
                r = db_step(stmt, e);
        sqlite3_reset(stmt);
        sqlite3_clear_bindings(stmt);
        return r;
}

/* The one text of the one row into buffer, which stays as it is when there is none. */
static int statement_text(StoreDb *db, Statement which, char *buffer, size_t size, Error *e)
{
        sqlite3_stmt *stmt;

        int r = statement_get(db, which, &stmt, e);
        if (r == 0)
                r = db_step(stmt, e);
        if (r > 0)
                snprintf(buffer, size, "%s", store_column(stmt, 0));
        if (db->statements[which])
                sqlite3_reset(db->statements[which]);
        return MIN(r, 0);
}

const char *store_column(sqlite3_stmt *stmt, int i)
{
        const unsigned char *text = sqlite3_column_text(stmt, i);
        return text ? (const char *) text : "";
}

static int write_change(StoreDb *db, const ChangeRecord *c, Error *e)
{
        char previous[STORE_HASH_SIZE] = CHAIN_GENESIS, hash[STORE_HASH_SIZE];

        /* One that was saved although we were told that it was not, is saved. */
        int r = statement_run(db, STATEMENT_CHANGE_KNOWN, e, "s", c->id);
        if (r != 0)
                return MIN(r, 0);
        r = statement_text(db, STATEMENT_CHANGE_LAST, previous, sizeof(previous), e);
        if (r < 0)
                return r;
        r = chain_hash(c, previous, hash);
        if (r < 0)
                return error_set(e, r, "hash of change %s: %s", c->id, strerror(-r));
        return statement_run(db, STATEMENT_CHANGE, e, "sisssssiissss", c->id, (int64_t) c->at_usec, c->from,
                             c->to, c->cause, c->rule, c->operator_reason, (int64_t) c->automatic,
                             (int64_t) c->durable, c->config_hash, c->evidence, previous, hash);
}

void store_change_columns(sqlite3_stmt *stmt, ChangeRecord *ret, const char **ret_previous,
                          const char **ret_hash)
{
        *ret = (ChangeRecord){
                        .id = store_column(stmt, 0),
                        .at_usec = (uint64_t) sqlite3_column_int64(stmt, 1),
                        .from = store_column(stmt, 2),
                        .to = store_column(stmt, 3),
                        .cause = store_column(stmt, 4),
                        .rule = store_column(stmt, 5),
                        .operator_reason = store_column(stmt, 6),
                        .automatic = sqlite3_column_int64(stmt, 7) != 0,
                        .durable = sqlite3_column_int64(stmt, 8) != 0,
                        .config_hash = store_column(stmt, 9),
                        .evidence = store_column(stmt, 10),
        };
        *ret_previous = store_column(stmt, 11);
        *ret_hash = store_column(stmt, 12);
}

static int write_delivery(StoreDb *db, const DeliveryRecord *d, Error *e)
{
        return statement_run(db, STATEMENT_DELIVERY, e, "issssiisssiiii", d->id, d->change, d->action,
                             d->type, d->target, (int64_t) d->kind, (int64_t) d->event, d->facts, d->state,
                             d->message, (int64_t) d->attempts, (int64_t) d->created_usec,
                             (int64_t) d->next_usec, (int64_t) d->finished_usec);
}

void store_delivery_columns(sqlite3_stmt *stmt, DeliveryRecord *ret)
{
        *ret = (DeliveryRecord){
                        .id = sqlite3_column_int64(stmt, 0),
                        .change = store_column(stmt, 1),
                        .action = store_column(stmt, 2),
                        .type = store_column(stmt, 3),
                        .target = store_column(stmt, 4),
                        .kind = sqlite3_column_int(stmt, 5),
                        .event = sqlite3_column_int(stmt, 6) != 0,
                        .facts = store_column(stmt, 7),
                        .state = store_column(stmt, 8),
                        .message = store_column(stmt, 9),
                        .attempts = (unsigned) sqlite3_column_int64(stmt, 10),
                        .created_usec = (uint64_t) sqlite3_column_int64(stmt, 11),
                        .next_usec = (uint64_t) sqlite3_column_int64(stmt, 12),
                        .finished_usec = (uint64_t) sqlite3_column_int64(stmt, 13),
        };
}

static int write_probe(StoreDb *db, const ProbeRecord *p, Error *e)
{
        const ProbeState *s = &p->state;

        return statement_run(db, STATEMENT_PROBE, e, "siiiiiiiiiiisss", p->name, (int64_t) s->verdict,
                             (int64_t) s->verdict_since, (int64_t) s->fails, (int64_t) s->count,
                             (int64_t) s->run, (int64_t) s->streak, (int64_t) s->last,
                             (int64_t) s->last_conclusive, (int64_t) s->last_pass, (int64_t) s->last_fail,
                             (int64_t) s->first_fail, p->history, p->message, p->config);
}

static int write_hour(StoreDb *db, const HourRecord *h, Error *e)
{
        return statement_run(db, STATEMENT_HOUR, e, "isiiiiiii", (int64_t) h->hour_usec, h->probe,
                             (int64_t) h->counts[OUTCOME_PASS], (int64_t) h->counts[OUTCOME_WARN],
                             (int64_t) h->counts[OUTCOME_FAIL], (int64_t) h->counts[OUTCOME_INCONCLUSIVE],
                             (int64_t) h->latency_sum_usec, (int64_t) h->latency_max_usec,
                             (int64_t) h->down_usec);
}

static int write_day(StoreDb *db, const DayRecord *d, Error *e)
{
        return statement_run(db, STATEMENT_DAY, e, "isiiii", (int64_t) d->day_usec, d->component,
                             (int64_t) d->usec[DAY_UP], (int64_t) d->usec[DAY_DEGRADED],
                             (int64_t) d->usec[DAY_DOWN], (int64_t) d->usec[DAY_MAINTENANCE]);
}

static int write_op(StoreDb *db, const StoreOp *op, Error *e)
{
        switch (op->kind) {
        case STORE_OP_CHANGE:
                return write_change(db, &op->change, e);
        case STORE_OP_DELIVERY:
                return write_delivery(db, &op->delivery, e);
        case STORE_OP_PROBE:
                return write_probe(db, &op->probe, e);
        case STORE_OP_FORGET:
                return statement_run(db, STATEMENT_FORGET, e, "s", op->text);
        case STORE_OP_HOUR:
                return write_hour(db, &op->hour, e);
        case STORE_OP_DAY:
                return write_day(db, &op->day, e);
        case STORE_OP_BULLETIN:
                return statement_run(db, STATEMENT_BULLETIN, e, "siis", op->bulletin.id,
                                     (int64_t) op->bulletin.kind, (int64_t) op->bulletin.ended_usec,
                                     op->bulletin.value);
        case STORE_OP_MEMORY:
                return statement_run(db, STATEMENT_MEMORY, e, "s", op->text);
        }
        return -EINVAL;
}

static int write_ops(StoreDb *db, const StoreBatch *b, Error *e)
{
        const StoreOp *op;

        TAILQ_FOREACH(op, &b->ops, entry)
        {
                int r = write_op(db, op, e);
#ifdef FAILOVERD_BUG_TWO_TRANSACTIONS
                /* Planted, for the harness that must notice it; no build but its own defines this. */
                if (r == 0 && op->kind == STORE_OP_CHANGE && (r = db_commit(db->handle, e)) == 0)
                        r = db_begin(db->handle, e);
#endif
                if (r < 0)
                        return r;
        }
        return 0;
}

int store_db_write(StoreDb *db, const StoreBatch *b, Error *e)
{
        if (!db->handle)
                return error_set(e, -ENOTCONN, "the database is not open");
        int r = db_begin(db->handle, e);
        if (r < 0)
                return r;
        r = write_ops(db, b, e);
        if (r == 0)
                r = db_commit(db->handle, e);
        else
                db_rollback(db->handle);
#ifdef FAILOVERD_BUG_DEAF_TO_ERRORS
        r = MAX(r, 0);
#endif
        if (r == 0)
                db->rows += COMMIT_ROWS + (unsigned) b->n_ops;
        return r;
}

/* Copies the log, and makes the first write to the new one: it costs one fsync more than others. */
static int log_renew(StoreDb *db)
{
        sqlite3_busy_timeout(db->handle, 0);
        int r = db_error(db->handle,
                         sqlite3_wal_checkpoint_v2(db->handle, "main", SQLITE_CHECKPOINT_RESTART, NULL, NULL),
                         NULL);
        if (r == 0)
                r = statement_run(db, STATEMENT_UPKEEP, NULL, "i", (int64_t) clock_wall_usec());
        sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MSEC);
        return r;
}

/* 1: there may be more. */
static int delete_old(StoreDb *db)
{
        uint64_t now = clock_wall_usec();

        int r = db_run(db->handle, NULL,
                       "DELETE FROM hour WHERE (hour, probe) IN"
                       " (SELECT hour, probe FROM hour WHERE hour < ? ORDER BY hour LIMIT " UPKEEP_STEP ")",
                       "i", (int64_t) (now - HOURS_KEPT_USEC));
        if (r < 0)
                return r;
        int deleted = sqlite3_changes(db->handle);
        /* The public has been told of them, and a clock may be years ahead for an hour: as many stay as are shown. */
        r = db_run(db->handle, NULL,
                   "DELETE FROM day WHERE (day, component) IN"
                   " (SELECT day, component FROM day WHERE day < ? AND day < (SELECT min(day) FROM"
                   " (SELECT DISTINCT day FROM day ORDER BY day DESC LIMIT " DAYS_KEPT "))"
                   " ORDER BY day LIMIT " UPKEEP_STEP ")",
                   "i", (int64_t) (now - DAYS_KEPT_USEC));
        if (r < 0)
                return r;
        deleted += sqlite3_changes(db->handle);
        /* Ids are in order of time, so that the oldest are looked at first. */
        r = db_run(db->handle, NULL,
                   "DELETE FROM delivery WHERE id IN (SELECT id FROM delivery WHERE state <> 'pending'"
                   " AND finished < ?1 AND created < ?1 ORDER BY id LIMIT " UPKEEP_STEP ")",
                   "i", (int64_t) (now - DELIVERY_KEPT_USEC));
        if (r < 0)
                return r;
        return deleted > 0 || sqlite3_changes(db->handle) > 0;
}

bool store_db_wants_upkeep(const StoreDb *db)
{
        return db->handle && (db->rows >= CHECKPOINT_ROWS || clock_boot_usec() >= db->upkeep_usec);
}

/* Failures are left for the next time: nothing that matters is in here. */
void store_db_upkeep(StoreDb *db)
{
        uint64_t now = clock_boot_usec();

        if (!db->handle)
                return;
        if (now >= db->upkeep_usec && delete_old(db) <= 0)
                db->upkeep_usec = now + UPKEEP_USEC;
        if (db->rows >= CHECKPOINT_ROWS) {
                log_renew(db);
                db->rows = 0;
        }
}

bool store_db_is_blank(const StoreDb *db)
{
        struct stat st;

        return stat(db->path, &st) < 0 ? errno == ENOENT : st.st_size == 0;
}

int store_db_open(StoreDb *db, Error *e)
{
        assert(!db->handle);
        int r = db_open(db->path, APPLICATION_ID, migrations, ELEMENTSOF(migrations), WAL_RESERVE,
                        &db->handle, e);
        if (r == 0)
                db->rows = CHECKPOINT_ROWS; /* the first upkeep pays for a fresh log */
        return r;
}
