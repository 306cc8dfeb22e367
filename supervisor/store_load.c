/* SPDX-License-Identifier: MIT */
/* What a start reads from the database, and the walk along the whole chain. */
#include "base/clock.h"
#include "supervisor/chain.h"
#include "supervisor/store_db.h"

#include <sys/stat.h>

#define PUBLIC_USEC   (90 * USEC_PER_DAY)
#define CHAIN_CHECKED "1000" /* changes at the end of the chain that every start checks */

static const char **string_at(void *record, size_t offset)
{
        return (const char **) (void *) ((char *) record + offset);
}

static void strings_free(void *record, const StoreStrings *strings)
{
        for (size_t i = 0; i < strings->n; i++) {
                const char **s = string_at(record, strings->offsets[i]);
                free((char *) (uintptr_t) *s);
                *s = NULL;
        }
}

/* Puts copies in the place of borrowed strings; on failure none is left. */
static int strings_own(void *record, const StoreStrings *strings, Error *e)
{
        bool failed = false;

        for (size_t i = 0; i < strings->n; i++) {
                const char **s = string_at(record, strings->offsets[i]);
                *s = strdup(*s);
                failed |= !*s;
        }
        if (!failed)
                return 0;
        strings_free(record, strings);
        return error_set(e, -ENOMEM, "out of memory");
}

/* Room for one more, zeroed, at the end of an array that doubles. */
static void *array_grow(void **items, size_t n, size_t size, Error *e)
{
        if ((n & (n - 1)) == 0) {
                void *larger = reallocarray(*items, n == 0 ? 1 : 2 * n, size);
                if (!larger) {
                        error_set(e, -ENOMEM, "out of memory");
                        return NULL;
                }
                *items = larger;
        }
        assert(*items);
        return memset((char *) *items + n * size, 0, size);
}

void store_loaded_clear(StoreLoaded *l)
{
        json_decref(l->memory);
        for (size_t i = 0; i < l->n_probes; i++)
                strings_free(&l->probes[i], &store_probe_strings);
        free(l->probes);
        for (size_t i = 0; i < l->n_deliveries; i++)
                strings_free(&l->deliveries[i], &store_delivery_strings);
        free(l->deliveries);
        for (size_t i = 0; i < l->n_days; i++)
                strings_free(&l->days[i], &store_day_strings);
        free(l->days);
        for (size_t i = 0; i < l->n_bulletins; i++)
                strings_free(&l->bulletins[i], &store_bulletin_strings);
        free(l->bulletins);
        for (size_t i = 0; i < l->n_changes; i++)
                strings_free(&l->changes[i], &store_change_strings);
        free(l->changes);
        if (l->last)
                strings_free(l->last, &store_change_strings);
        free(l->last);
        *l = (StoreLoaded){0};
}

static int load_memory(sqlite3 *db, StoreLoaded *l, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;

        int r = db_prepare(db, &stmt, e, "SELECT value FROM memory", "");
        if (r == 0)
                r = db_step(stmt, e);
        if (r <= 0)
                return r;
        const char *text = store_column(stmt, 0);
        r = json_parse(text, strlen(text), &l->memory, e);
        return r == -EINVAL ? error_prefix(e, -EUCLEAN, "the stored memory is damaged") : r;
}

static bool is_sane(const ProbeState *s)
{
        return (unsigned) s->verdict < _VERDICT_MAX && (unsigned) s->last < _OUTCOME_MAX &&
               s->count <= MODE_WINDOW_MAX;
}

static void probe_columns(sqlite3_stmt *stmt, ProbeRecord *ret)
{
        int64_t n[11];

        for (int i = 0; i < 11; i++)
                n[i] = sqlite3_column_int64(stmt, 1 + i);
        *ret = (ProbeRecord){
                        .name = store_column(stmt, 0),
                        .state = {.verdict = (Verdict) n[0],
                                  .verdict_since = (uint64_t) n[1],
                                  .fails = (uint64_t) n[2],
                                  .count = (unsigned) n[3],
                                  .run = (unsigned) n[4],
                                  .streak = (unsigned) n[5],
                                  .last = (Outcome) n[6],
                                  .last_conclusive = (uint64_t) n[7],
                                  .last_pass = (uint64_t) n[8],
                                  .last_fail = (uint64_t) n[9],
                                  .first_fail = (uint64_t) n[10]},
                        .history = store_column(stmt, 12),
                        .message = store_column(stmt, 13),
                        .config = store_column(stmt, 14),
        };
}

static int load_probes(sqlite3 *db, StoreLoaded *l, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        void *items = NULL;

        int r = db_prepare(db, &stmt, e,
                           "SELECT name, verdict, verdict_since, fails, count, run, streak, last, "
                           "last_conclusive,"
                           " last_pass, last_fail, first_fail, history, message, config FROM probe",
                           "");
        if (r < 0)
                return r;
        while ((r = db_step(stmt, e)) > 0) {
                ProbeRecord *p = array_grow(&items, l->n_probes, sizeof(*p), e);
                if (!p)
                        return -ENOMEM;
                l->probes = items;
                probe_columns(stmt, p);
                if (!is_sane(&p->state)) /* as if it had never run */
                        continue;
                r = strings_own(p, &store_probe_strings, e);
                if (r < 0)
                        return r;
                l->n_probes++;
        }
        return r;
}

/* The pending ones, and of each action and target the newest, for the status. */
static int load_deliveries(sqlite3 *db, StoreLoaded *l, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        void *items = NULL;

        int r = db_prepare(db, &stmt, e,
                           "SELECT " STORE_DELIVERY_COLUMNS " FROM delivery WHERE state = 'pending'"
                           " OR id IN (SELECT max(id) FROM delivery GROUP BY action, target) ORDER BY id",
                           "");
        if (r < 0)
                return r;
        while ((r = db_step(stmt, e)) > 0) {
                DeliveryRecord *d = array_grow(&items, l->n_deliveries, sizeof(*d), e);
                if (!d)
                        return -ENOMEM;
                l->deliveries = items;
                store_delivery_columns(stmt, d);
                r = strings_own(d, &store_delivery_strings, e);
                if (r < 0)
                        return r;
                l->n_deliveries++;
        }
        return r;
}

/* Walks the rows of the statement; a break in the chain goes into e and ret_broken, and ends the walk. */
static int walk(sqlite3_stmt *stmt, bool complete, bool *ret_broken, Error *e)
{
        ChainWalk w = {0};
        ChangeRecord change;
        const char *previous, *hash;
        int r;

        while ((r = db_step(stmt, e)) > 0) {
                store_change_columns(stmt, &change, &previous, &hash);
                r = chain_walk(&w, complete, &change, previous, hash, e);
                if (r == -EBADMSG)
                        *ret_broken = true;
                if (r < 0)
                        return r == -EBADMSG ? 0 : r;
        }
        return r;
}

static int load_chain(sqlite3 *db, StoreLoaded *l, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;

        int r = db_prepare(db, &stmt, e,
                           "SELECT " STORE_CHANGE_COLUMNS
                           " FROM (SELECT * FROM change ORDER BY seq DESC LIMIT " CHAIN_CHECKED
                           ") ORDER BY seq",
                           "");
        return r < 0 ? r : walk(stmt, false, &l->chain_broken, &l->text);
}

static int load_last(sqlite3 *db, StoreLoaded *l, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        const char *previous, *hash;

        int r = db_prepare(db, &stmt, e,
                           "SELECT " STORE_CHANGE_COLUMNS " FROM change ORDER BY seq DESC LIMIT 1", "");
        if (r == 0)
                r = db_step(stmt, e);
        if (r <= 0)
                return r;
        _cleanup_free_ ChangeRecord *last = calloc(1, sizeof(*last));
        if (!last)
                return error_set(e, -ENOMEM, "out of memory");
        store_change_columns(stmt, last, &previous, &hash);
        r = strings_own(last, &store_change_strings, e);
        if (r < 0)
                return r;
        snprintf(l->last_hash, sizeof(l->last_hash), "%s", hash);
        l->last = TAKE_PTR(last);
        return 0;
}

static int load_days(sqlite3 *db, int64_t since, StoreLoaded *l, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        void *items = NULL;

        int r = db_prepare(db, &stmt, e,
                           "SELECT component, day, up, degraded, down, maintenance FROM day WHERE day >= ?"
                           " ORDER BY day",
                           "i", since);
        if (r < 0)
                return r;
        while ((r = db_step(stmt, e)) > 0) {
                DayRecord *d = array_grow(&items, l->n_days, sizeof(*d), e);
                if (!d)
                        return -ENOMEM;
                l->days = items;
                d->component = store_column(stmt, 0);
                d->day_usec = (uint64_t) sqlite3_column_int64(stmt, 1);
                for (int i = 0; i < _DAY_MAX; i++)
                        d->usec[i] = (uint64_t) sqlite3_column_int64(stmt, 2 + i);
                r = strings_own(d, &store_day_strings, e);
                if (r < 0)
                        return r;
                l->n_days++;
        }
        return r;
}

static int load_bulletins(sqlite3 *db, int64_t since, StoreLoaded *l, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        void *items = NULL;

        int r = db_prepare(db, &stmt, e,
                           "SELECT id, kind, ended, value FROM bulletin WHERE ended = 0 OR ended >= ?"
                           " ORDER BY id",
                           "i", since);
        if (r < 0)
                return r;
        while ((r = db_step(stmt, e)) > 0) {
                BulletinRecord *b = array_grow(&items, l->n_bulletins, sizeof(*b), e);
                if (!b)
                        return -ENOMEM;
                l->bulletins = items;
                *b = (BulletinRecord){
                                .id = store_column(stmt, 0),
                                .kind = sqlite3_column_int64(stmt, 1) == BULLETIN_MAINTENANCE
                                                        ? BULLETIN_MAINTENANCE
                                                        : BULLETIN_INCIDENT,
                                .ended_usec = (uint64_t) sqlite3_column_int64(stmt, 2),
                                .value = store_column(stmt, 3),
                };
                r = strings_own(b, &store_bulletin_strings, e);
                if (r < 0)
                        return r;
                l->n_bulletins++;
        }
        return r;
}

/* Incidents are written from them, where a change came into the database without one. */
static int load_changes(sqlite3 *db, int64_t since, StoreLoaded *l, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        const char *previous, *hash;
        void *items = NULL;

        int r = db_prepare(
                        db, &stmt, e,
                        "SELECT id, at, from_mode, to_mode, cause, rule, reason, automatic, durable, "
                        "config_hash, '', '', '' FROM (SELECT * FROM change WHERE at >= ? ORDER BY seq DESC"
                        " LIMIT " CHAIN_CHECKED ") ORDER BY seq",
                        "i", since);
        if (r < 0)
                return r;
        while ((r = db_step(stmt, e)) > 0) {
                ChangeRecord *c = array_grow(&items, l->n_changes, sizeof(*c), e);
                if (!c)
                        return -ENOMEM;
                l->changes = items;
                store_change_columns(stmt, c, &previous, &hash);
                r = strings_own(c, &store_change_strings, e);
                if (r < 0)
                        return r;
                l->n_changes++;
        }
        return r;
}

/* What the status page tells of. */
static int load_public(sqlite3 *db, StoreLoaded *l, Error *e)
{
        int64_t since = (int64_t) clock_wall_usec() - (int64_t) PUBLIC_USEC;

        int r = load_days(db, since, l, e);
        if (r == 0)
                r = load_bulletins(db, since, l, e);
        return r < 0 ? r : load_changes(db, since, l, e);
}

int store_db_load(StoreDb *db, StoreLoaded *ret, Error *e)
{
        sqlite3 *handle = store_db_handle(db);

        int r = load_memory(handle, ret, e);
        if (r == 0)
                r = load_probes(handle, ret, e);
        if (r == 0)
                r = load_deliveries(handle, ret, e);
        if (r == 0)
                r = load_public(handle, ret, e);
        if (r == 0)
                r = load_last(handle, ret, e);
        if (r == 0)
                r = load_chain(handle, ret, e);
        if (r == -EUCLEAN)
                sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        if (r < 0) {
                error_prefix(e, r, "%s", sqlite3_db_filename(handle, "main"));
                store_db_close(db);
        }
        return r;
}

static int open_to_read(const char *path, sqlite3 **ret, Error *e)
{
        int code = sqlite3_open_v2(path, ret, SQLITE_OPEN_READONLY, NULL);
        int r = *ret ? db_error(*ret, code, e) : error_set(e, -ENOMEM, "out of memory");

        if (r == 0)
                sqlite3_busy_timeout(*ret, 2000);
        return r;
}

int store_peek_memory(const char *path, json_t **ret, Error *e)
{
        StoreLoaded loaded = {0};
        sqlite3 *db = NULL;
        struct stat st;

        if (stat(path, &st) < 0)
                return error_set(e, -errno, "%s: %s", path, error_words(errno));
        int r = open_to_read(path, &db, e);
        if (r == 0)
                r = load_memory(db, &loaded, e);
        sqlite3_close(db);
        if (r < 0)
                return error_prefix(e, r, "%s", path);
        if (!loaded.memory)
                return error_set(e, -ENOENT, "%s: no mode was stored yet", path);
        *ret = loaded.memory;
        return 0;
}

int store_check_chain(const char *path, Error *e)
{
        sqlite3 *db = NULL;
        sqlite3_stmt *stmt = NULL;
        bool broken = false;

        int r = open_to_read(path, &db, e);
        if (r == 0)
                r = db_prepare(db, &stmt, e, "SELECT " STORE_CHANGE_COLUMNS " FROM change ORDER BY seq", "");
        if (r == 0)
                r = walk(stmt, true, &broken, e);
        sqlite3_finalize(stmt);
        sqlite3_close(db);
        if (r < 0)
                return error_prefix(e, r, "%s", path);
        return broken ? -EBADMSG : 0;
}
