/* SPDX-License-Identifier: MIT */
/* Referrals in federation.db: how they change. What is reported of them: ledger_report.c. */
#include "federation/ledger_private.h"

#include "base/clock.h"
#include "federation/audit.h"

#include <limits.h>

/* A clock that was set back by more than this must not hold up what is due. */
#define CLOCK_USEC (2 * USEC_PER_HOUR)

const char *ledger_side_name(LedgerSide side)
{
        return side == LEDGER_TO_US ? "owed_to_us" : "owed_by_us";
}

/* --- rows --- */

static void copy_column(sqlite3_stmt *stmt, int i, char *buffer, size_t size)
{
        const char *s = (const char *) sqlite3_column_text(stmt, i);

        snprintf(buffer, size, "%s", s ? s : "");
}

static uint64_t column_usec(sqlite3_stmt *stmt, int i)
{
        return (uint64_t) MAX(sqlite3_column_int64(stmt, i), (sqlite3_int64) 0);
}

int ledger_read_row(sqlite3_stmt *stmt, LedgerRow *ret)
{
        LedgerRow row = {.side = (LedgerSide) sqlite3_column_int(stmt, 0)};
        int i = 1;

        copy_column(stmt, i++, row.id, sizeof(row.id));
        copy_column(stmt, i++, row.peer, sizeof(row.peer));
        copy_column(stmt, i++, row.book, sizeof(row.book));
        row.terms.price_minor =
                        sqlite3_column_type(stmt, i) == SQLITE_NULL ? -1 : sqlite3_column_int64(stmt, i);
        i++;
        copy_column(stmt, i++, row.terms.currency, sizeof(row.terms.currency));
        row.terms.pct = (unsigned) sqlite3_column_int(stmt, i++);
        if (referral_state_parse((const char *) sqlite3_column_text(stmt, i++), &row.state) < 0)
                return -EUCLEAN;
        copy_column(stmt, i++, row.url, sizeof(row.url));
        copy_column(stmt, i++, row.reason, sizeof(row.reason));
        row.settled_usec = column_usec(stmt, i++);
        row.refunded_usec = column_usec(stmt, i++);
        row.due_usec = column_usec(stmt, i++);
        row.until_usec = column_usec(stmt, i++);
        row.attempts = (unsigned) sqlite3_column_int(stmt, i++);
        row.told = sqlite3_column_int(stmt, i++);
        *ret = row;
        return 0;
}

static int read_one(sqlite3_stmt *stmt, LedgerRow *ret, Error *e)
{
        int r = db_step(stmt, e);

        if (r <= 0)
                return r;
        r = ledger_read_row(stmt, ret);
        return r < 0 ? error_set(e, r, "a referral in the ledger is damaged") : 1;
}

int ledger_find(sqlite3 *db, LedgerSide side, const char *id, LedgerRow *ret, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        int r = db_prepare(db, &stmt, e, "SELECT " LEDGER_COLUMNS " FROM referral WHERE side = ? AND id = ?",
                           "is", (int64_t) side, id);

        return r < 0 ? r : read_one(stmt, ret, e);
}

/* Not every statement has all of them; what is not bound is null. */
static int bind_number(sqlite3_stmt *stmt, const char *name, int64_t n)
{
        int i = sqlite3_bind_parameter_index(stmt, name);

        return i > 0 ? sqlite3_bind_int64(stmt, i, n) : SQLITE_OK;
}

static int bind_usec(sqlite3_stmt *stmt, const char *name, uint64_t usec)
{
        return usec > 0 ? bind_number(stmt, name, (int64_t) usec) : SQLITE_OK;
}

static int bind_text(sqlite3_stmt *stmt, const char *name, const char *s)
{
        int i = sqlite3_bind_parameter_index(stmt, name);

        return i > 0 && s ? sqlite3_bind_text(stmt, i, s, -1, SQLITE_TRANSIENT) : SQLITE_OK;
}

static int bind_row(sqlite3_stmt *stmt, const LedgerRow *row, const char *once)
{
        int64_t share = terms_share(&row->terms);
        int r = 0;

        r |= bind_number(stmt, ":side", row->side);
        r |= bind_text(stmt, ":id", row->id);
        r |= bind_text(stmt, ":peer", row->peer);
        r |= bind_text(stmt, ":book", row->book);
        if (row->terms.price_minor >= 0) {
                r |= bind_number(stmt, ":price", row->terms.price_minor);
                r |= bind_number(stmt, ":share", share);
        }
        r |= bind_text(stmt, ":currency", row->terms.currency);
        r |= bind_number(stmt, ":pct", row->terms.pct);
        r |= bind_text(stmt, ":state", referral_state_name(row->state));
        r |= bind_text(stmt, ":url", row->url);
        r |= bind_text(stmt, ":reason", row->reason);
        r |= bind_usec(stmt, ":settled", row->settled_usec);
        r |= bind_usec(stmt, ":refunded", row->refunded_usec);
        r |= bind_usec(stmt, ":due", row->due_usec);
        r |= bind_usec(stmt, ":until", row->until_usec);
        r |= bind_number(stmt, ":attempts", row->attempts);
        r |= bind_number(stmt, ":told", row->told);
        r |= bind_number(stmt, ":changed", (int64_t) clock_wall_usec());
        r |= bind_text(stmt, ":once", once);
        return r == SQLITE_OK ? 0 : -ENOMEM;
}

static int run_row(sqlite3 *db, const char *sql, const LedgerRow *row, const char *once, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        int r = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

        if (r != SQLITE_OK)
                return db_error(db, r, e);
        if (bind_row(stmt, row, once) < 0)
                return error_set(e, -ENOMEM, "out of memory");
        return db_step(stmt, e);
}

static int insert_row(sqlite3 *db, const LedgerRow *row, const char *once, Error *e)
{
        return run_row(db,
                       "INSERT INTO referral(side, id, peer, book, price_minor, currency, pct, share_minor, "
                       "state, url, reason, settled, refunded, due, until, attempts, told, changed, once) "
                       "VALUES (:side, :id, :peer, :book, :price, :currency, :pct, :share, :state, :url, "
                       ":reason, :settled, :refunded, :due, :until, :attempts, :told, :changed, :once)",
                       row, once, e);
}

/* All but what it is: side, id, peer, book. */
static int update_row(sqlite3 *db, const LedgerRow *row, Error *e)
{
        return run_row(db,
                       "UPDATE referral SET price_minor = :price, currency = :currency, pct = :pct, "
                       "share_minor = :share, state = :state, url = :url, reason = :reason, "
                       "settled = :settled, refunded = :refunded, due = :due, until = :until, "
                       "attempts = :attempts, told = :told, changed = :changed "
                       "WHERE side = :side AND id = :id",
                       row, NULL, e);
}

/* --- the audit log --- */

static int tell(sqlite3 *db, const char *event, const LedgerRow *row, const char *actor, const char *more,
                Error *e)
{
        char detail[AUDIT_DETAIL_MAX], terms[TERMS_SIZE];
        int64_t share = terms_share(&row->terms);
        char amount[40] = "unknown";

        if (share >= 0)
                snprintf(amount, sizeof(amount), "%lld", (long long) share);
        snprintf(detail, sizeof(detail), "%s %s: book %.128s, %s, share %s minor units, %s%s%s", row->id,
                 row->side == LEDGER_TO_US ? "owed to us" : "owed by us", row->book,
                 terms_print(terms, &row->terms), amount, referral_state_name(row->state), *more ? ": " : "",
                 more);
        return audit_add(db,
                         &(AuditEntry){.event = event, .node = row->peer, .actor = actor, .detail = detail},
                         e);
}

/* --- the referrer's side --- */

static int find_once(sqlite3 *db, const char *once, LedgerRow *ret, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        int r = db_prepare(db, &stmt, e, "SELECT " LEDGER_COLUMNS " FROM referral WHERE once = ?", "s", once);

        return r < 0 ? r : read_one(stmt, ret, e);
}

int ledger_begin(sqlite3 *db, LedgerRow *row, const char *once, const char *actor, Error *e)
{
        int r = once ? find_once(db, once, row, e) : 0;

        if (r != 0)
                return r;
        row->side = LEDGER_TO_US;
        row->state = REFERRAL_OPEN;
        row->until_usec = id_usec(row->id) + REFERRAL_ORDER_USEC;
        r = insert_row(db, row, once, e);
        return r < 0 || !actor ? r : tell(db, "referral-made", row, actor, "", e);
}

static const char *answered_event(ReferralState state)
{
        switch (state) {
        case REFERRAL_CONFIRMED:
                return "referral-confirmed";
        case REFERRAL_DENIED:
                return "referral-denied";
        case REFERRAL_OPEN:
                return "referral-terms";
        default:
                return "referral-unconfirmed";
        }
}

int ledger_answered(sqlite3 *db, const char *id, const LedgerAnswer *answer, LedgerRow *ret, Error *e)
{
        LedgerRow row = {0};
        int r = ledger_find(db, LEDGER_TO_US, id, &row, e);

        if (r <= 0)
                return r < 0 ? r : error_set(e, -ENOENT, "no such referral");
        *ret = row;
        if (row.state != REFERRAL_OPEN && row.state != REFERRAL_UNCONFIRMED)
                return 1;
        /* Of a long silence, its beginning and its end are told. */
        bool news = row.state != answer->state || !terms_equal(&row.terms, &answer->terms) ||
                    (answer->state == REFERRAL_UNCONFIRMED && answer->due_usec == 0);
        row.state = answer->state;
        row.terms = answer->terms;
        row.due_usec = answer->due_usec;
        row.attempts++;
        row.told = answer->state == REFERRAL_CONFIRMED;
        snprintf(row.url, sizeof(row.url), "%s", answer->url ? answer->url : "");
        plain_copy(row.reason, sizeof(row.reason), answer->reason ? answer->reason : "");
        r = update_row(db, &row, e);
        if (r >= 0 && news && !answer->quiet)
                r = tell(db, answered_event(row.state), &row, row.peer, row.reason, e);
        if (r >= 0)
                *ret = row;
        return r < 0 ? r : 0;
}

/* Where somebody has said nothing, it is what stands. */
static void complete(Terms *t, const Terms *stand)
{
        if (t->price_minor < 0)
                t->price_minor = stand->price_minor;
        if (!*t->currency)
                memcpy(t->currency, stand->currency, sizeof(t->currency));
        if (t->pct == UINT_MAX)
                t->pct = stand->pct;
}

/* What we count on must be what we get: a price that was not known when the buyer went is taken as it is said. */
static bool settlement_fits(const LedgerRow *row, const Settlement *s, Terms *ret_terms)
{
        Terms t = s->terms, stand = row->terms;

        complete(&t, &stand);
        if (stand.price_minor < 0) {
                stand.price_minor = t.price_minor;
                memcpy(stand.currency, t.currency, sizeof(stand.currency));
        }
        *ret_terms = t;
        return terms_equal(&t, &stand) && (s->share_minor < 0 || s->share_minor == terms_share(&t));
}

static int refuse_settlement(sqlite3 *db, const LedgerRow *row, const Terms *said, const Settlement *s,
                             Error *e)
{
        char theirs[TERMS_SIZE], ours[TERMS_SIZE];
        Error why;
        int r;

        error_set(&why, 0, "settled by %s, a share of %lld minor units; agreed were %s and %lld",
                  terms_print(theirs, said), (long long) s->share_minor, terms_print(ours, &row->terms),
                  (long long) terms_share(&row->terms));
        r = tell(db, "settlement-refused", row, row->peer, why.text, e);
        if (r >= 0)
                error_set(e, 0, "%s", why.text);
        return r < 0 ? r : LEDGER_UNFIT;
}

static void settle_row(LedgerRow *row, ReferralState to, uint64_t at_usec)
{
        row->state = to;
        if (to == REFERRAL_PAID)
                row->settled_usec = at_usec;
        else
                row->refunded_usec = at_usec;
        row->reason[0] = '\0';
        row->attempts = 0;
}

int ledger_take_settlement(sqlite3 *db, const char *peer, const Settlement *s, uint64_t now_usec,
                           LedgerRow *ret, Error *e)
{
        LedgerRow row = {0};
        Terms terms;
        int r = ledger_find(db, LEDGER_TO_US, s->id, &row, e);

        if (r < 0)
                return r;
        if (r == 0 || !streq(row.peer, peer)) /* whether somebody else's is there is nobody's business */
                return error_set(e, -ENOENT, "no such referral to `%s`", peer);
        *ret = row;
        if (!settlement_fits(&row, s, &terms))
                return refuse_settlement(db, &row, &terms, s, e);
        if (referral_settle(row.state, s->to) <= 0)
                return 1;
        row.terms = terms;
        settle_row(&row, s->to, s->settled_usec > 0 ? s->settled_usec : now_usec);
        row.due_usec = 0;
        row.told = true;
        r = update_row(db, &row, e);
        if (r >= 0)
                r = tell(db, s->to == REFERRAL_PAID ? "referral-paid" : "referral-refunded", &row, peer, "",
                         e);
        if (r >= 0)
                *ret = row;
        return r < 0 ? r : 0;
}

/* --- the source's side --- */

static int same_order(const LedgerRow *row, const char *peer, const Order *order, const Terms *wanted,
                      Error *e)
{
        Terms t = *wanted;

        complete(&t, &row->terms);
        if (streq(row->peer, peer) && streq(row->book, order->book) &&
            (row->terms.price_minor < 0 || terms_equal(&t, &row->terms)))
                return 1;
        return error_set(e, -EEXIST, "another order stands under this referral");
}

int ledger_take_order(sqlite3 *db, const char *peer, const Order *order, const Terms *in_force, bool quiet,
                      uint64_t now_usec, LedgerRow *ret, Error *e)
{
        LedgerRow row = {0};
        Terms t = order->terms;
        int r = ledger_find(db, LEDGER_BY_US, order->id, &row, e);

        if (r < 0)
                return r;
        if (r > 0) { /* whatever it costs by now */
                *ret = row;
                return same_order(&row, peer, order, &t, e);
        }
        complete(&t, in_force);
        if (!terms_equal(&t, in_force))
                return LEDGER_TERMS;
        row = (LedgerRow){.side = LEDGER_BY_US, .terms = t, .state = REFERRAL_CONFIRMED, .told = true};
        memcpy(row.id, order->id, sizeof(row.id));
        snprintf(row.peer, sizeof(row.peer), "%s", peer);
        snprintf(row.book, sizeof(row.book), "%s", order->book);
        r = insert_row(db, &row, NULL, e);
        if (r >= 0 && !quiet)
                r = tell(db, "order-taken", &row, peer, "", e);
        if (r >= 0)
                *ret = row;
        return r < 0 ? r : 0;
}

/* What the shop says of the price, when it says something. */
static int own_price(LedgerRow *row, const Settlement *s, Error *e)
{
        Terms t = s->terms;

        t.pct = row->terms.pct;
        if (row->terms.price_minor < 0 && t.price_minor < 0 && s->to == REFERRAL_PAID)
                return error_set(e, -EINVAL,
                                 "the price of this book was not known: say price_minor and currency");
        complete(&t, &row->terms);
        if (row->terms.price_minor >= 0 && !terms_equal(&t, &row->terms))
                return error_set(e, -EBADMSG, "agreed was a price of %lld %s, in minor units",
                                 (long long) row->terms.price_minor, row->terms.currency);
        row->terms = t;
        return 0;
}

/* It is so already. Whoever says it again wants the referrer to hear it. */
static int settle_again(sqlite3 *db, LedgerRow *row, uint64_t now_usec, LedgerRow *ret, Error *e)
{
        int r = 0;

        if (!row->told && row->due_usec == 0) {
                row->due_usec = now_usec;
                row->until_usec = now_usec + REFERRAL_SETTLE_USEC;
                row->attempts = 0;
                r = update_row(db, row, e);
        }
        *ret = *row;
        return r < 0 ? r : 1;
}

int ledger_settle(sqlite3 *db, const Settlement *s, const char *actor, uint64_t now_usec, LedgerRow *ret,
                  Error *e)
{
        LedgerRow row = {0};
        int r = ledger_find(db, LEDGER_BY_US, s->id, &row, e);

        if (r < 0)
                return r;
        if (r == 0)
                return error_set(e, -ENOENT, "no buyer was sent to this shop under %s", s->id);
        if (row.state == s->to)
                return settle_again(db, &row, now_usec, ret, e);
        if (referral_settle(row.state, s->to) <= 0)
                return error_set(e, -EPERM, "it is %s, which is for ever", referral_state_name(row.state));
        r = own_price(&row, s, e);
        if (r < 0)
                return r;
        settle_row(&row, s->to, now_usec);
        row.due_usec = now_usec;
        row.until_usec = now_usec + REFERRAL_SETTLE_USEC;
        row.told = false;
        r = update_row(db, &row, e);
        if (r >= 0)
                r = tell(db, s->to == REFERRAL_PAID ? "order-paid" : "order-refunded", &row, actor, "", e);
        if (r >= 0)
                *ret = row;
        return r < 0 ? r : 0;
}

int ledger_told(sqlite3 *db, const char *id, const LedgerTold *t, Error *e)
{
        LedgerRow row = {0};
        int r = ledger_find(db, LEDGER_BY_US, id, &row, e);

        if (r <= 0 || row.state != t->state)
                return r < 0 ? r : 0;
        row.told = t->told;
        row.due_usec = t->told ? 0 : t->due_usec;
        row.attempts++;
        plain_copy(row.reason, sizeof(row.reason), t->reason ? t->reason : "");
        r = update_row(db, &row, e);
        if (r >= 0 && (t->told || t->due_usec == 0))
                r = tell(db, t->told ? "settlement-told" : "settlement-given-up", &row, NULL, row.reason, e);
        return r < 0 ? r : 0;
}

/* --- both --- */

int ledger_due(sqlite3 *db, uint64_t now_usec, LedgerRow *rows, size_t *ret_n, uint64_t *ret_next, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL, *next = NULL;
        size_t n = 0;
        int r;

        r = db_prepare(db, &stmt, e,
                       "SELECT " LEDGER_COLUMNS " FROM (SELECT *, row_number() OVER (PARTITION BY peer ORDER "
                       "BY due) AS k FROM referral WHERE due IS NOT NULL AND (due <= ? OR due > ?)) WHERE k "
                       "<= ? ORDER BY due LIMIT ?",
                       "iiii", (int64_t) now_usec, (int64_t) (now_usec + CLOCK_USEC),
                       (int64_t) LEDGER_DUE_PEER, (int64_t) LEDGER_DUE_MAX);
        while (r >= 0 && n < LEDGER_DUE_MAX && (r = read_one(stmt, &rows[n], e)) > 0)
                n++;
        if (r >= 0)
                r = db_prepare(db, &next, e, "SELECT min(due) FROM referral WHERE due > ?", "i",
                               (int64_t) now_usec);
        if (r >= 0)
                r = db_step(next, e);
        if (r < 0)
                return r;
        *ret_next = column_usec(next, 0);
        *ret_n = n;
        return 0;
}

int ledger_resume(sqlite3 *db, uint64_t now_usec, Error *e)
{
        return db_run(db, e, "UPDATE referral SET due = ? WHERE due > ? AND state = 'open'", "ii",
                      (int64_t) now_usec, (int64_t) now_usec);
}

int ledger_prune(sqlite3 *db, uint64_t now_usec, Error *e)
{
        static const uint8_t zeros[10];
        char before[ID_SIZE], denied[ID_SIZE];
        int r;

        if (now_usec <= LEDGER_KEEP_USEC)
                return 0;
        id_make_from(before, now_usec - LEDGER_KEEP_USEC, zeros);
        id_make_from(denied, now_usec - LEDGER_DENIED_USEC, zeros);
        r = db_run(db, e,
                   "DELETE FROM referral WHERE side IN (0, 1) AND id < ?1 AND state NOT IN ('paid', "
                   "'refunded') "
                   "AND (state = 'denied' OR id < ?2)",
                   "ss", denied, before);
        return r < 0 ? r : sqlite3_changes(db);
}
