/* SPDX-License-Identifier: MIT */
/* What is told of referrals: per peer and currency, and one by one. */
#include "federation/ledger_private.h"

#include "base/clock.h"

#include <time.h>

/* --- the month --- */

static uint64_t month_begin(int year, int month)
{
        struct tm tm = {.tm_year = year - 1900, .tm_mon = month, .tm_mday = 1};

        return (uint64_t) timegm(&tm) * USEC_PER_SEC;
}

int ledger_month(const char *month, LedgerMonth *ret, Error *e)
{
        static const uint8_t zeros[10];
        int year, m;

        if (!month || !*month) {
                *ret = (LedgerMonth){.from = "0", .to = "8"}; /* the first character of a ULID is 7 at most */
                return 0;
        }
        if (strlen(month) != 7 || strspn(month, "0123456789-") != 7 || month[4] != '-' ||
            sscanf(month, "%4d-%2d", &year, &m) != 2 || year < 1970 || m < 1 || m > 12)
                return error_set(e, -EINVAL, "a month is written as 2026-11");
        id_make_from(ret->from, month_begin(year, m - 1), zeros);
        id_make_from(ret->to, month_begin(year, m), zeros);
        return 0;
}

/* --- amounts --- */

static json_t *amount_text(int64_t minor, const char *currency)
{
        _cleanup_text_ Text t = {0};

        if (minor < 0)
                return json_null();
        money_print_fixed(&t, minor, currency);
        return t.failed ? NULL : json_string(t.data);
}

/* --- per peer --- */

static const char *const counts[] = {"open",   "unconfirmed", "never_confirmed", "confirmed",
                                     "denied", "paid",        "refunded",        "untold"};

static json_t *report_line(sqlite3_stmt *stmt)
{
        json_t *line = json_object();
        char currency[4] = "";
        int64_t sales, share, refunded;
        int i = 3;

        snprintf(currency, sizeof(currency), "%s", (const char *) sqlite3_column_text(stmt, 2) ?: "");
        json_put(line, "peer", json_string_or_null((const char *) sqlite3_column_text(stmt, 1)));
        json_put(line, "currency", json_string_or_null(currency));
        json_put(line, "referrals", json_integer(sqlite3_column_int64(stmt, i++)));
        for (size_t k = 0; k < ELEMENTSOF(counts); k++)
                json_put(line, counts[k], json_integer(sqlite3_column_int64(stmt, i++)));
        sales = sqlite3_column_int64(stmt, i++);
        share = sqlite3_column_int64(stmt, i++);
        refunded = sqlite3_column_int64(stmt, i++);
        json_put(line, "sales_minor", json_integer(sales));
        json_put(line, "sales", amount_text(sales, currency));
        json_put(line, "share_minor", json_integer(share));
        json_put(line, "share", amount_text(share, currency));
        json_put(line, "refunded_minor", json_integer(refunded));
        return line;
}

json_t *ledger_report(sqlite3 *db, const LedgerMonth *month, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        json_t *report = json_object(), *sides[2] = {json_array(), json_array()};
        int r;

        r = db_prepare(db, &stmt, e,
                       "SELECT side, peer, currency, count(*), sum(state = 'open'),"
                       " sum(state = 'unconfirmed' AND due IS NOT NULL),"
                       " sum(state = 'unconfirmed' AND due IS NULL), sum(state = 'confirmed'),"
                       " sum(state = 'denied'), sum(state = 'paid'), sum(state = 'refunded'),"
                       " sum(state IN ('paid', 'refunded') AND told = 0),"
                       " coalesce(sum(price_minor) FILTER (WHERE state = 'paid'), 0),"
                       " coalesce(sum(share_minor) FILTER (WHERE state = 'paid'), 0),"
                       " coalesce(sum(share_minor) FILTER (WHERE state = 'refunded'), 0) "
                       "FROM referral WHERE side IN (0, 1) AND id >= ? AND id < ? "
                       "GROUP BY side, peer, currency ORDER BY side, peer, currency",
                       "ss", month->from, month->to);
        while (r >= 0 && (r = db_step(stmt, e)) > 0)
                json_add(sides[sqlite3_column_int(stmt, 0) == LEDGER_BY_US], report_line(stmt));
        for (int i = 0; i < 2; i++)
                json_put(report, ledger_side_name((LedgerSide) i), sides[i]);
        report = json_whole(report);
        if (r < 0 || !report) {
                json_decref(report);
                if (r >= 0)
                        error_set(e, -ENOMEM, "out of memory");
                return NULL;
        }
        return report;
}

/* --- one by one --- */

static json_t *text_or_null(const char *s)
{
        return *s ? json_string_or_null(s) : json_null();
}

json_t *ledger_row_document(const LedgerRow *row)
{
        json_t *j = json_object();
        int64_t share = terms_share(&row->terms);

        json_put(j, "referral", json_string(row->id));
        json_put(j, "at", json_timestamp(id_usec(row->id)));
        json_put(j, "side", json_string(ledger_side_name(row->side)));
        json_put(j, "peer", json_string_or_null(row->peer));
        json_put(j, "bookId", json_string_or_null(row->book));
        terms_put(j, &row->terms, true);
        json_put(j, "price", amount_text(row->terms.price_minor, row->terms.currency));
        json_put(j, "share", amount_text(share, row->terms.currency));
        json_put(j, "state", json_string(referral_state_name(row->state)));
        json_put(j, "paid", json_timestamp(row->settled_usec));
        json_put(j, "refunded", json_timestamp(row->refunded_usec));
        json_put(j, "told", json_boolean(row->told));
        json_put(j, "next", json_timestamp(row->due_usec));
        json_put(j, "reason", text_or_null(row->reason));
        return json_whole(j);
}

const char ledger_csv_header[] = "referral,date,side,peer,book,price,currency,percent,share,state,paid,"
                                 "refunded,told,reason\r\n";

/* RFC 4180. A cell that a spreadsheet would take for a formula begins with an apostrophe. */
static void add_cell(Text *t, const char *s, bool last)
{
        bool formula = *s && strchr("=+-@\t\r\n", *s);
        bool quoted = formula || strpbrk(s, ",\"\r\n");

        if (quoted)
                text_add_bytes(t, "\"", 1);
        if (formula)
                text_add_bytes(t, "'", 1);
        for (; *s; s++)
                text_add_bytes(t, *s == '"' ? "\"\"" : s, *s == '"' ? 2 : 1);
        if (quoted)
                text_add_bytes(t, "\"", 1);
        text_add_string(t, last ? "\r\n" : ",");
}

static void add_amount(Text *t, int64_t minor, const char *currency)
{
        if (minor >= 0)
                money_print_fixed(t, minor, currency);
        text_add_bytes(t, ",", 1);
}

static void add_time(Text *t, uint64_t usec)
{
        char at[TIMESTAMP_SIZE];

        add_cell(t, usec > 0 ? timestamp_format(at, usec) : "", false);
}

static void add_line(Text *t, const LedgerRow *row)
{
        add_cell(t, row->id, false);
        add_time(t, id_usec(row->id));
        add_cell(t, ledger_side_name(row->side), false);
        add_cell(t, row->peer, false);
        add_cell(t, row->book, false);
        add_amount(t, row->terms.price_minor, row->terms.currency);
        add_cell(t, row->terms.currency, false);
        text_add(t, "%u,", row->terms.pct);
        add_amount(t, terms_share(&row->terms), row->terms.currency);
        add_cell(t, referral_state_name(row->state), false);
        add_time(t, row->settled_usec);
        add_time(t, row->refunded_usec);
        add_cell(t, row->told ? "yes" : "no", false);
        add_cell(t, row->reason, true);
}

/* "0/01J…": the side, and the id behind which it goes on. */
static int read_cursor(const char *after, int64_t *ret_side, const char **ret_id, Error *e)
{
        if (!*after) {
                *ret_side = 0;
                *ret_id = "";
                return 0;
        }
        if ((after[0] != '0' && after[0] != '1') || after[1] != '/' || !referral_is_id(after + 2))
                return error_set(e, -EINVAL, "`after` is not what an answer has said as `next`");
        *ret_side = after[0] - '0';
        *ret_id = after + 2;
        return 0;
}

int ledger_list(sqlite3 *db, const LedgerMonth *month, const char *after, unsigned limit, Text *csv,
                json_t *rows, char ret_next[static LEDGER_CURSOR_SIZE], Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        char next[LEDGER_CURSOR_SIZE] = "";
        const char *id;
        int64_t side;
        unsigned n = 0;
        LedgerRow row;
        int r = read_cursor(after, &side, &id, e);

        if (r >= 0)
                r = db_prepare(db, &stmt, e,
                               "SELECT " LEDGER_COLUMNS " FROM referral WHERE (side, id) > (?, ?) AND "
                               "id >= ? AND id < ? ORDER BY side, id LIMIT ?",
                               "isssi", side, id, month->from, month->to, (int64_t) limit);
        while (r >= 0 && (r = db_step(stmt, e)) > 0) {
                if (ledger_read_row(stmt, &row) < 0)
                        return error_set(e, -EUCLEAN, "a referral in the ledger is damaged");
                if (csv)
                        add_line(csv, &row);
                else
                        json_add(rows, ledger_row_document(&row));
                if (++n == limit)
                        snprintf(next, sizeof(next), "%d/%s", row.side, row.id);
        }
        if (r < 0)
                return r;
        if (csv && csv->failed)
                return error_set(e, -ENOMEM, "out of memory");
        memcpy(ret_next, next, sizeof(next));
        return 0;
}
