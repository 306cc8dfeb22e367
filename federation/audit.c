/* SPDX-License-Identifier: MIT */
/* Rows of the audit log, each with the hash of all that came before. */
#include "federation/audit.h"

#include "base/clock.h"
#include "base/text.h"

typedef struct Row {
        int64_t n, at;
        const char *event, *node, *actor, *detail;
} Row;

static int row_hash(const Row *row, const uint8_t before[static SHA256_SIZE], uint8_t ret[static SHA256_SIZE])
{
        _cleanup_text_ Text t = {0};
        char hex[2 * SHA256_SIZE + 1];

        hex_encode(hex, before, SHA256_SIZE);
        text_add(&t, "%s %lld %lld ", hex, (long long) row->n, (long long) row->at);
        text_add_json(&t, row->event);
        text_add_json(&t, row->node);
        text_add_json(&t, row->actor);
        text_add_json(&t, row->detail);
        if (t.failed)
                return -ENOMEM;
        sha256(t.data, t.size, ret);
        return 0;
}

static void column_hash(sqlite3_stmt *stmt, int i, uint8_t ret[static SHA256_SIZE])
{
        memset(ret, 0, SHA256_SIZE);
        if (sqlite3_column_bytes(stmt, i) == SHA256_SIZE)
                memcpy(ret, sqlite3_column_blob(stmt, i), SHA256_SIZE);
}

#define AUDIT_LAST "SELECT n, hash FROM audit ORDER BY n DESC LIMIT 1"
#define AUDIT_HEAD "SELECT n, hash FROM audit_head"

/* `sql`: of a number and a hash, at most one row; *ret_n is 0 when there is none. */
static int read_last(sqlite3 *db, const char *sql, int64_t *ret_n, uint8_t ret_hash[static SHA256_SIZE],
                     Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        int r;

        r = db_prepare(db, &stmt, e, sql, "");
        if (r >= 0)
                r = db_step(stmt, e);
        if (r < 0)
                return r;
        *ret_n = r > 0 ? sqlite3_column_int64(stmt, 0) : 0;
        memset(ret_hash, 0, SHA256_SIZE);
        if (r > 0)
                column_hash(stmt, 1, ret_hash);
        return 0;
}

/* Behind which the next one comes: of a log whose end was cut off, the one that is missing, or nobody would miss it. */
static int last_row(sqlite3 *db, int64_t *ret_n, uint8_t ret_hash[static SHA256_SIZE], Error *e)
{
        uint8_t hash[SHA256_SIZE];
        int64_t n;
        int r = read_last(db, AUDIT_LAST, ret_n, ret_hash, e);

        if (r >= 0)
                r = read_last(db, AUDIT_HEAD, &n, hash, e);
        if (r >= 0 && n > 0 && n >= *ret_n) {
                *ret_n = n;
                memcpy(ret_hash, hash, sizeof(hash));
        }
        return r;
}

int audit_add(sqlite3 *db, const AuditEntry *entry, Error *e)
{
        char detail[AUDIT_DETAIL_MAX], actor[160], node[160];
        uint8_t before[SHA256_SIZE], hash[SHA256_SIZE];
        int64_t n;
        int r;

        r = last_row(db, &n, before, e);
        if (r < 0)
                return r;
        Row row = {.n = n + 1,
                   .at = (int64_t) clock_wall_usec(),
                   .event = entry->event,
                   .node = plain_copy(node, sizeof(node), entry->node ?: ""),
                   .actor = plain_copy(actor, sizeof(actor), entry->actor ?: "federationd"),
                   .detail = plain_copy(detail, sizeof(detail), entry->detail ?: "")};
        r = row_hash(&row, before, hash);
        if (r < 0)
                return error_set(e, r, "out of memory");
        r = db_run(db, e,
                   "INSERT INTO audit(n, at, event, node, actor, detail, hash) VALUES (?, ?, ?, ?, ?, ?, "
                   "?)",
                   "iissssb", row.n, row.at, row.event, row.node, row.actor, row.detail, (const void *) hash,
                   sizeof(hash));
        return r < 0 ? r
                     : db_run(db, e, "INSERT OR REPLACE INTO audit_head(one, n, hash) VALUES (1, ?, ?)", "ib",
                              row.n, (const void *) hash, sizeof(hash));
}

static const char *column(sqlite3_stmt *stmt, int i)
{
        const char *s = (const char *) sqlite3_column_text(stmt, i);

        return s ? s : "";
}

json_t *audit_list(sqlite3 *db, uint64_t before, unsigned limit, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        _cleanup_json_ json_t *list = json_array();
        uint8_t hash[SHA256_SIZE];
        char hex[2 * SHA256_SIZE + 1];
        int r;

        r = db_prepare(db, &stmt, e,
                       "SELECT n, at, event, node, actor, detail, hash FROM audit WHERE ? = 0 OR n < ? ORDER "
                       "BY n "
                       "DESC LIMIT ?",
                       "iii", (int64_t) before, (int64_t) before, (int64_t) limit);
        while (r >= 0 && (r = db_step(stmt, e)) > 0) {
                json_t *row = json_object();

                json_put(row, "n", json_integer(sqlite3_column_int64(stmt, 0)));
                json_put(row, "at", json_timestamp((uint64_t) sqlite3_column_int64(stmt, 1)));
                json_put(row, "event", json_string_or_null(column(stmt, 2)));
                json_put(row, "node", json_string_or_null(column(stmt, 3)));
                json_put(row, "actor", json_string_or_null(column(stmt, 4)));
                json_put(row, "detail", json_string_or_null(column(stmt, 5)));
                column_hash(stmt, 6, hash);
                hex_encode(hex, hash, sizeof(hash));
                json_put(row, "hash", json_string(hex));
                json_add(list, row);
        }
        if (r < 0)
                return NULL;
        list = json_whole(list);
        if (!list)
                error_set(e, -ENOMEM, "out of memory");
        return json_incref(list);
}

/* Is the last row of the chain the one that was written last? */
static int check_head(sqlite3 *db, int64_t n, const uint8_t hash[static SHA256_SIZE], uint64_t *ret_n,
                      Error *e)
{
        uint8_t head_hash[SHA256_SIZE];
        int64_t head;
        int r = read_last(db, AUDIT_HEAD, &head, head_hash, e);

        if (r < 0)
                return r;
        if (head > n) {
                *ret_n = (uint64_t) n + 1;
                return error_set(e, -EBADMSG,
                                 "it ends with row %lld, and row %lld was written last: the end is missing",
                                 (long long) n, (long long) head);
        }
        *ret_n = (uint64_t) n;
        if (head < n || memcmp(head_hash, hash, SHA256_SIZE) != 0)
                return error_set(e, -EBADMSG, "row %lld is not the one that was written last", (long long) n);
        return 0;
}

int audit_check(sqlite3 *db, uint64_t *ret_n, uint8_t ret_hash[static SHA256_SIZE], Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        uint8_t before[SHA256_SIZE] = {0}, hash[SHA256_SIZE], stored[SHA256_SIZE];
        int64_t n = 0;
        int r;

        r = db_prepare(db, &stmt, e, "SELECT n, at, event, node, actor, detail, hash FROM audit ORDER BY n",
                       "");
        while (r >= 0 && (r = db_step(stmt, e)) > 0) {
                Row row = {.n = sqlite3_column_int64(stmt, 0),
                           .at = sqlite3_column_int64(stmt, 1),
                           .event = column(stmt, 2),
                           .node = column(stmt, 3),
                           .actor = column(stmt, 4),
                           .detail = column(stmt, 5)};

                n++;
                r = row_hash(&row, before, hash);
                if (r < 0)
                        return error_set(e, r, "out of memory");
                column_hash(stmt, 6, stored);
                if (row.n != n || memcmp(stored, hash, sizeof(hash)) != 0) {
                        *ret_n = (uint64_t) n;
                        return error_set(e, -EBADMSG, "row %lld is not as it was written, or missing",
                                         (long long) n);
                }
                memcpy(before, hash, sizeof(before));
        }
        if (r < 0)
                return r;
        memcpy(ret_hash, before, sizeof(before));
        return check_head(db, n, before, ret_n, e);
}
