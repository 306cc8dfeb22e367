/* SPDX-License-Identifier: MIT */
/* What people ask the database: the history of changes, one change with its evidence, the hours of the probes. */
#include "supervisor/store_db.h"

#define HOURS_MAX "100000"

static int check_failed(Error *e)
{
        return json_failed() ? error_set(e, -ENOMEM, "out of memory") : 0;
}

static json_t *delivery_to_json(const DeliveryRecord *d)
{
        json_t *j = json_object();

        json_put(j, "name", json_string_or_null(d->action));
        json_put(j, "type", json_string_or_null(d->type));
        json_put(j, "target", json_string_or_null(d->target));
        json_put(j, "state", json_string_or_null(d->state));
        json_put(j, "attempts", json_integer(d->attempts));
        json_put(j, "message", json_string_or_null(d->message));
        json_put(j, "at", json_timestamp(d->finished_usec ? d->finished_usec : d->created_usec));
        return j;
}

/* stmt: the deliveries of a change, bound anew for each. */
static int read_actions(sqlite3_stmt *stmt, const char *change, json_t **ret, Error *e)
{
        _cleanup_json_ json_t *list = json_array();
        DeliveryRecord d;
        int r;

        sqlite3_reset(stmt);
        if (!list || sqlite3_bind_text(stmt, 1, change, -1, SQLITE_TRANSIENT) != SQLITE_OK)
                return error_set(e, -ENOMEM, "out of memory");
        while ((r = db_step(stmt, e)) > 0) {
                store_delivery_columns(stmt, &d);
                if (json_array_append_new(list, delivery_to_json(&d)) < 0)
                        return error_set(e, -ENOMEM, "out of memory");
        }
        if (r == 0)
                *ret = TAKE_PTR(list);
        return r;
}

static void put_evidence(json_t *j, const char *text)
{
        json_t *evidence = NULL;

        if (json_parse(text, strlen(text), &evidence, NULL) < 0)
                evidence = *text ? json_string_or_null(text) : json_null();
        json_put(j, "evidence", evidence);
}

static int change_to_json(sqlite3_stmt *stmt, sqlite3_stmt *actions, bool whole, json_t **ret, Error *e)
{
        _cleanup_json_ json_t *j = json_object();
        json_t *list;
        ChangeRecord c;
        const char *previous, *hash;

        store_change_columns(stmt, &c, &previous, &hash);
        json_put(j, "id", json_string_or_null(c.id));
        json_put(j, "at", json_timestamp(c.at_usec));
        json_put(j, "from", json_string_or_null(c.from));
        json_put(j, "to", json_string_or_null(c.to));
        json_put(j, "cause", json_string_or_null(c.cause));
        json_put(j, "automatic", json_boolean(c.automatic));
        json_put(j, "durable", json_boolean(c.durable));
        json_put(j, "reason", json_string_or_null(c.operator_reason));
        if (whole) {
                json_put(j, "rule", json_string_or_null(c.rule));
                put_evidence(j, c.evidence);
                json_put(j, "config_hash", json_string_or_null(c.config_hash));
                json_put(j, "previous", json_string_or_null(previous));
                json_put(j, "hash", json_string_or_null(hash));
        }
        int r = read_actions(actions, c.id, &list, e);
        if (r < 0)
                return r;
        json_put(j, "actions", list);
        r = check_failed(e);
        if (r == 0)
                *ret = TAKE_PTR(j);
        return r;
}

static int prepare_actions(sqlite3 *db, sqlite3_stmt **ret, Error *e)
{
        return db_prepare(db, ret, e,
                          "SELECT " STORE_DELIVERY_COLUMNS " FROM delivery WHERE change = ? ORDER BY id",
                          "n");
}

int store_db_read_history(StoreDb *db, unsigned limit, json_t **ret, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL, *actions = NULL;
        _cleanup_json_ json_t *result = json_object(), *list = json_array();

        if (!store_db_handle(db))
                return error_set(e, -ENOTCONN, "the database is not open");
        int r = db_prepare(store_db_handle(db), &stmt, e,
                           "SELECT " STORE_CHANGE_COLUMNS " FROM change ORDER BY seq DESC LIMIT ?", "i",
                           (int64_t) MIN(limit, (unsigned) STORE_HISTORY_MAX));
        if (r == 0)
                r = prepare_actions(store_db_handle(db), &actions, e);
        if (r < 0)
                return r;
        while ((r = db_step(stmt, e)) > 0) {
                json_t *change;
                r = change_to_json(stmt, actions, false, &change, e);
                if (r < 0)
                        return r;
                if (json_array_append_new(list, change) < 0)
                        return error_set(e, -ENOMEM, "out of memory");
        }
        if (r < 0)
                return r;
        json_put(result, "changes", TAKE_PTR(list));
        r = check_failed(e);
        if (r == 0)
                *ret = TAKE_PTR(result);
        return r;
}

int store_db_read_change(StoreDb *db, const char *id, json_t **ret, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL, *actions = NULL;

        if (!store_db_handle(db))
                return error_set(e, -ENOTCONN, "the database is not open");
        int r = db_prepare(store_db_handle(db), &stmt, e,
                           id ? "SELECT " STORE_CHANGE_COLUMNS " FROM change WHERE id = ?"
                              : "SELECT " STORE_CHANGE_COLUMNS " FROM change WHERE ? IS NULL"
                                " ORDER BY seq DESC LIMIT 1",
                           "s", id);
        if (r == 0)
                r = prepare_actions(store_db_handle(db), &actions, e);
        if (r == 0)
                r = db_step(stmt, e);
        if (r < 0)
                return r;
        if (r == 0)
                return error_set(e, -ENOENT, "no such change");
        return change_to_json(stmt, actions, true, ret, e);
}

static json_t *hour_to_json(sqlite3_stmt *stmt)
{
        static const char *const numbers[] = {
                        "pass",     "warn", "fail", "inconclusive", "latency_sum_usec", "latency_max_usec",
                        "down_usec"};
        json_t *j = json_object();

        json_put(j, "probe", json_string_or_null(store_column(stmt, 1)));
        json_put(j, "hour", json_timestamp((uint64_t) sqlite3_column_int64(stmt, 0)));
        for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
                json_put(j, numbers[i], json_integer(sqlite3_column_int64(stmt, 2 + (int) i)));
        return j;
}

int store_db_read_hours(StoreDb *db, uint64_t since_wall_usec, json_t **ret, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        _cleanup_json_ json_t *result = json_object(), *list = json_array();

        if (!store_db_handle(db))
                return error_set(e, -ENOTCONN, "the database is not open");
        int r = db_prepare(
                        store_db_handle(db), &stmt, e,
                        "SELECT hour, probe, pass, warn, fail, inconclusive, latency_sum, latency_max, down"
                        " FROM hour WHERE hour >= ? ORDER BY hour, probe LIMIT " HOURS_MAX,
                        "i", (int64_t) since_wall_usec);
        if (r < 0)
                return r;
        while ((r = db_step(stmt, e)) > 0)
                if (json_array_append_new(list, hour_to_json(stmt)) < 0)
                        return error_set(e, -ENOMEM, "out of memory");
        if (r < 0)
                return r;
        json_put(result, "hours", TAKE_PTR(list));
        r = check_failed(e);
        if (r == 0)
                *ret = TAKE_PTR(result);
        return r;
}
