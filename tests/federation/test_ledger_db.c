/* SPDX-License-Identifier: MIT */
/* federation/ledger_db.c and ledger_report.c: two ledgers, and what is said between them. */
#include "federation/ledger_db.h"

#include "base/clock.h"
#include "federation/audit.h"
#include "federation/store.h"
#include "tests/test.h"

#include <limits.h>

#include <unistd.h>

#define NOW (UINT64_C(1763629200) * USEC_PER_SEC) /* 2025-11-20 */

static Error e;

static sqlite3 *ledger_open(void)
{
        static char path[2][64];
        static int n;
        char *p = path[n++ % 2];
        sqlite3 *db = NULL;

        snprintf(p, sizeof(path[0]), "/tmp/ledger.XXXXXX");
        close(mkstemp(p));
        unlink(p);
        if (db_open(p, STORE_APPLICATION_ID, store_migrations, store_n_migrations, 0, &db, &e) < 0) {
                fprintf(stderr, "%s\n", e.text);
                exit(1);
        }
        for (const char *const *s = (const char *const[]){"", "-wal", "-shm", NULL}; *s; s++) {
                char name[80];

                snprintf(name, sizeof(name), "%s%s", p, *s);
                unlink(name); /* the file lives until it is closed */
        }
        return db;
}

static LedgerRow row_make(const char *peer, int64_t price, unsigned pct)
{
        LedgerRow row = {.terms = {.price_minor = price, .currency = "USD", .pct = pct}};

        id_make(row.id, NOW);
        snprintf(row.peer, sizeof(row.peer), "%s", peer);
        snprintf(row.book, sizeof(row.book), "b1");
        row.due_usec = NOW + 10 * USEC_PER_SEC;
        return row;
}

static void begin(sqlite3 *db, LedgerRow *row)
{
        CHECK_INT(ledger_begin(db, row, NULL, "192.0.2.1", &e), 0);
}

static int take(sqlite3 *db, const char *peer, const LedgerRow *sent, const Terms *in_force, LedgerRow *ret)
{
        Order o = {.terms = sent->terms};

        memcpy(o.id, sent->id, sizeof(o.id));
        memcpy(o.book, sent->book, sizeof(o.book));
        return ledger_take_order(db, peer, &o, in_force, false, NOW, ret, &e);
}

static int settle(sqlite3 *db, const char *id, ReferralState to, LedgerRow *ret)
{
        Settlement s = {.to = to, .terms = {.price_minor = -1, .pct = UINT_MAX}, .share_minor = -1};

        memcpy(s.id, id, sizeof(s.id));
        return ledger_settle(db, &s, "uid 33", NOW, ret, &e);
}

static int deliver(sqlite3 *db, const char *peer, const LedgerRow *row, LedgerRow *ret)
{
        Settlement s = {.to = row->state,
                        .terms = row->terms,
                        .share_minor = terms_share(&row->terms),
                        .settled_usec = row->settled_usec};

        memcpy(s.id, row->id, sizeof(s.id));
        return ledger_take_settlement(db, peer, &s, NOW, ret, &e);
}

static int audits(sqlite3 *db, const char *event)
{
        sqlite3_stmt *stmt = NULL;
        int n;

        CHECK_INT(db_prepare(db, &stmt, &e, "SELECT count(*) FROM audit WHERE event = ?", "s", event), 0);
        CHECK_INT(db_step(stmt, &e), 1);
        n = sqlite3_column_int(stmt, 0);
        sqlite3_finalize(stmt);
        return n;
}

static LedgerAnswer confirmed(const LedgerRow *row)
{
        return (LedgerAnswer){.state = REFERRAL_CONFIRMED, .terms = row->terms, .url = "https://s.example/c"};
}

/* One sale between two shops, up to its confirmation. */
typedef struct Sale {
        sqlite3 *referrer, *source;
        LedgerRow ours, theirs;
} Sale;

static Sale sale(int64_t price, unsigned pct)
{
        Sale s = {.referrer = ledger_open(), .source = ledger_open()};

        s.ours = row_make("source", price, pct);
        begin(s.referrer, &s.ours);
        CHECK_INT(take(s.source, "referrer", &s.ours, &s.ours.terms, &s.theirs), 0);
        LedgerAnswer a = confirmed(&s.ours);
        CHECK_INT(ledger_answered(s.referrer, s.ours.id, &a, &s.ours, &e), 0);
        return s;
}

static void sale_end(Sale *s)
{
        uint8_t hash[SHA256_SIZE];
        uint64_t n;

        CHECK_INT(audit_check(s->referrer, &n, hash, &e), 0);
        CHECK_INT(audit_check(s->source, &n, hash, &e), 0);
        db_close(s->referrer);
        db_close(s->source);
}

static int64_t reported(sqlite3 *db, const char *path, const char *month)
{
        LedgerMonth m;
        json_t *report, *j;
        int64_t n;

        CHECK_INT(ledger_month(month, &m, &e), 0);
        report = ledger_report(db, &m, &e);
        CHECK(report);
        j = json_at(report, path);
        n = json_is_integer(j) ? json_integer_value(j) : -1;
        json_decref(report);
        return n;
}

TEST(both_sides_agree_after_a_sale_and_after_its_refund)
{
        Sale s = sale(1299, 15);
        LedgerRow row;

        CHECK_INT(s.ours.state, REFERRAL_CONFIRMED);
        CHECK_INT(s.ours.due_usec, 0);
        CHECK_STR(s.ours.url, "https://s.example/c");
        CHECK_INT(reported(s.referrer, "owed_to_us.0.share_minor", ""), 0);

        CHECK_INT(settle(s.source, s.ours.id, REFERRAL_PAID, &s.theirs), 0);
        CHECK_INT(s.theirs.due_usec, NOW);
        CHECK_INT(deliver(s.referrer, "source", &s.theirs, &s.ours), 0);
        CHECK_INT(s.ours.state, REFERRAL_PAID);
        CHECK_INT(reported(s.referrer, "owed_to_us.0.share_minor", "2025-11"), 195);
        CHECK_INT(reported(s.source, "owed_by_us.0.share_minor", "2025-11"), 195);
        CHECK_INT(reported(s.source, "owed_by_us.0.sales_minor", "2025-11"), 1299);
        CHECK_INT(reported(s.source, "owed_by_us.0.untold", "2025-11"), 1);
        CHECK_INT(reported(s.source, "owed_by_us.0.share_minor", "2025-12"), -1);
        LedgerTold told = {.state = REFERRAL_PAID, .told = true};
        CHECK_INT(ledger_told(s.source, s.ours.id, &told, &e), 0);
        CHECK_INT(reported(s.source, "owed_by_us.0.untold", "2025-11"), 0);

        CHECK_INT(settle(s.source, s.ours.id, REFERRAL_REFUNDED, &s.theirs), 0);
        CHECK_INT(deliver(s.referrer, "source", &s.theirs, &s.ours), 0);
        CHECK_INT(reported(s.referrer, "owed_to_us.0.share_minor", "2025-11"), 0);
        CHECK_INT(reported(s.referrer, "owed_to_us.0.refunded", "2025-11"), 1);
        CHECK_INT(reported(s.referrer, "owed_to_us.0.refunded_minor", "2025-11"), 195);

        /* A replayed "paid" changes nothing. */
        row = s.theirs;
        row.state = REFERRAL_PAID;
        CHECK_INT(deliver(s.referrer, "source", &row, &s.ours), 1);
        CHECK_INT(s.ours.state, REFERRAL_REFUNDED);
        CHECK_INT(settle(s.source, s.ours.id, REFERRAL_PAID, &row), -EPERM);
        CHECK_INT(audits(s.referrer, "referral-made"), 1);
        CHECK_INT(audits(s.referrer, "referral-confirmed"), 1);
        CHECK_INT(audits(s.referrer, "referral-paid"), 1);
        CHECK_INT(audits(s.referrer, "referral-refunded"), 1);
        CHECK_INT(audits(s.source, "order-taken"), 1);
        CHECK_INT(audits(s.source, "order-paid"), 1);
        CHECK_INT(audits(s.source, "order-refunded"), 1);
        sale_end(&s);
}

TEST(an_order_that_comes_twice_is_one)
{
        Sale s = sale(1299, 15);
        Terms dearer = s.ours.terms;
        LedgerRow row, other = s.ours;

        dearer.price_minor = 1499; /* since then */
        CHECK_INT(take(s.source, "referrer", &s.ours, &dearer, &row), 1);
        CHECK_INT(row.terms.price_minor, 1299);
        CHECK_INT(take(s.source, "somebody", &s.ours, &s.ours.terms, &row), -EEXIST);
        snprintf(other.book, sizeof(other.book), "b2");
        CHECK_INT(take(s.source, "referrer", &other, &s.ours.terms, &row), -EEXIST);
        other = s.ours;
        other.terms.price_minor = 1;
        CHECK_INT(take(s.source, "referrer", &other, &s.ours.terms, &row), -EEXIST);
        CHECK_INT(audits(s.source, "order-taken"), 1);
        sale_end(&s);
}

TEST(an_order_is_taken_by_the_terms_in_force_only)
{
        sqlite3 *db = ledger_open();
        Terms in_force = {.price_minor = 1299, .currency = "USD", .pct = 15};
        LedgerRow order = row_make("source", 1299, 15), row;

        order.terms.price_minor = 999;
        CHECK_INT(take(db, "r", &order, &in_force, &row), LEDGER_TERMS);
        order.terms = in_force;
        order.terms.pct = 50;
        CHECK_INT(take(db, "r", &order, &in_force, &row), LEDGER_TERMS);
        order.terms = in_force;
        memcpy(order.terms.currency, "JPY", 4);
        CHECK_INT(take(db, "r", &order, &in_force, &row), LEDGER_TERMS);
        CHECK_INT(reported(db, "owed_by_us.0.referrals", ""), -1);
        order.terms = (Terms){.price_minor = -1, .pct = UINT_MAX}; /* whatever it costs */
        CHECK_INT(take(db, "r", &order, &in_force, &row), 0);
        CHECK(terms_equal(&row.terms, &in_force));
        db_close(db);
}

TEST(only_the_source_settles_and_only_on_the_terms_agreed)
{
        Sale s = sale(1299, 15);
        LedgerRow row;

        CHECK_INT(settle(s.source, s.ours.id, REFERRAL_PAID, &s.theirs), 0);
        CHECK_INT(deliver(s.referrer, "somebody", &s.theirs, &row), -ENOENT);
        row = s.theirs;
        row.terms.price_minor = 99;
        CHECK_INT(deliver(s.referrer, "source", &row, &s.ours), LEDGER_UNFIT);
        CHECK(strstr(e.text, "0.99 USD") && strstr(e.text, "12.99 USD"));
        row = s.theirs;
        row.terms.pct = 1;
        CHECK_INT(deliver(s.referrer, "source", &row, &s.ours), LEDGER_UNFIT);
        CHECK_INT(s.ours.state, REFERRAL_CONFIRMED);
        CHECK_INT(audits(s.referrer, "settlement-refused"), 2);
        CHECK_INT(deliver(s.referrer, "source", &s.theirs, &s.ours), 0);
        id_make(row.id, NOW);
        CHECK_INT(deliver(s.referrer, "source", &row, &s.ours), -ENOENT);
        CHECK_INT(settle(s.source, row.id, REFERRAL_PAID, &row), -ENOENT);
        sale_end(&s);
}

TEST(a_price_that_was_not_known_is_said_when_it_is_paid)
{
        Sale s = sale(-1, 15);
        Settlement paid = {.to = REFERRAL_PAID,
                           .terms = {.price_minor = 1250, .currency = "EUR", .pct = UINT_MAX},
                           .share_minor = -1};

        CHECK_INT(settle(s.source, s.ours.id, REFERRAL_PAID, &s.theirs), -EINVAL);
        memcpy(paid.id, s.ours.id, sizeof(paid.id));
        CHECK_INT(ledger_settle(s.source, &paid, "uid 33", NOW, &s.theirs, &e), 0);
        CHECK_INT(deliver(s.referrer, "source", &s.theirs, &s.ours), 0);
        CHECK_INT(s.ours.terms.price_minor, 1250);
        CHECK_STR(s.ours.terms.currency, "EUR");
        CHECK_INT(reported(s.referrer, "owed_to_us.0.share_minor", ""), 188);
        CHECK_INT(reported(s.source, "owed_by_us.0.share_minor", ""), 188);
        paid.terms.price_minor = 1; /* not another one later */
        paid.to = REFERRAL_REFUNDED;
        CHECK_INT(ledger_settle(s.source, &paid, "uid 33", NOW, &s.theirs, &e), -EBADMSG);
        sale_end(&s);
}

TEST(a_refund_that_overtakes_its_payment_stays)
{
        Sale s = sale(1299, 15);
        LedgerRow paid;

        CHECK_INT(settle(s.source, s.ours.id, REFERRAL_PAID, &paid), 0);
        CHECK_INT(settle(s.source, s.ours.id, REFERRAL_REFUNDED, &s.theirs), 0);
        CHECK_INT(deliver(s.referrer, "source", &s.theirs, &s.ours), 0);
        CHECK_INT(deliver(s.referrer, "source", &paid, &s.ours), 1);
        CHECK_INT(s.ours.state, REFERRAL_REFUNDED);
        /* An answer to the "paid" that comes now says nothing of the refund. */
        LedgerTold told = {.state = REFERRAL_PAID, .told = true};
        CHECK_INT(ledger_told(s.source, s.ours.id, &told, &e), 0);
        CHECK_INT(reported(s.source, "owed_by_us.0.untold", ""), 1);
        sale_end(&s);
}

TEST(a_silent_source_is_asked_again_and_then_given_up)
{
        sqlite3 *db = ledger_open();
        LedgerRow row = row_make("source", 1299, 15), due[LEDGER_DUE_MAX], stands;
        LedgerAnswer a = {.state = REFERRAL_UNCONFIRMED, .terms = row.terms, .reason = "connection refused"};
        uint64_t next;
        size_t n;

        begin(db, &row);
        CHECK_INT(ledger_due(db, NOW, due, &n, &next, &e), 0);
        CHECK_INT(n, 0);
        CHECK_INT(next, NOW + 10 * USEC_PER_SEC);
        CHECK_INT(ledger_due(db, NOW + 10 * USEC_PER_SEC, due, &n, &next, &e), 0);
        CHECK_INT(n, 1);
        CHECK_STR(due[0].id, row.id);
        for (int i = 1; i <= 3; i++) {
                a.due_usec = NOW + (uint64_t) i * USEC_PER_MIN;
                CHECK_INT(ledger_answered(db, row.id, &a, &stands, &e), 0);
                CHECK_INT(stands.attempts, i);
        }
        CHECK_INT(audits(db, "referral-unconfirmed"), 1); /* once, however long it lasts */
        CHECK_INT(reported(db, "owed_to_us.0.unconfirmed", ""), 1);
        a.due_usec = 0;
        CHECK_INT(ledger_answered(db, row.id, &a, &stands, &e), 0);
        CHECK_INT(reported(db, "owed_to_us.0.unconfirmed", ""), 0);
        CHECK_INT(reported(db, "owed_to_us.0.never_confirmed", ""), 1);
        CHECK_INT(audits(db, "referral-unconfirmed"), 2);
        /* A clock that was a day ahead when it was written. */
        a.due_usec = NOW + USEC_PER_DAY;
        CHECK_INT(ledger_answered(db, row.id, &a, &stands, &e), 0);
        CHECK_INT(ledger_due(db, NOW, due, &n, &next, &e), 0);
        CHECK_INT(n, 1);
        db_close(db);
}

TEST(no_peer_takes_all_the_turns)
{
        sqlite3 *db = ledger_open();
        LedgerRow due[LEDGER_DUE_MAX];
        uint64_t next;
        size_t n, of_slow = 0;

        for (int i = 0; i < 40; i++) {
                LedgerRow row = row_make(i < 39 ? "slow" : "quick", 100, 10);

                row.due_usec = NOW - USEC_PER_HOUR + (uint64_t) i;
                begin(db, &row);
        }
        CHECK_INT(ledger_due(db, NOW, due, &n, &next, &e), 0);
        CHECK_INT(n, LEDGER_DUE_PEER + 1);
        for (size_t i = 0; i < n; i++)
                of_slow += streq(due[i].peer, "slow");
        CHECK_INT(of_slow, LEDGER_DUE_PEER);
        db_close(db);
}

TEST(a_word_said_twice_is_one_referral)
{
        sqlite3 *db = ledger_open();
        LedgerRow first = row_make("source", 1299, 15), second = row_make("source", 1299, 15), none;
        char id[ID_SIZE];

        memcpy(id, first.id, sizeof(id));
        CHECK_INT(ledger_begin(db, &first, "k1", "192.0.2.1", &e), 0);
        CHECK(!streq(second.id, id));
        CHECK_INT(ledger_begin(db, &second, "k1", "192.0.2.1", &e), 1);
        CHECK_STR(second.id, id);
        none = row_make("source", 1299, 15);
        CHECK_INT(ledger_begin(db, &none, NULL, "192.0.2.1", &e), 0);
        CHECK_INT(reported(db, "owed_to_us.0.referrals", ""), 2);
        db_close(db);
}

TEST(an_answer_that_comes_late_undoes_nothing)
{
        Sale s = sale(1299, 15);
        LedgerAnswer late = {.state = REFERRAL_UNCONFIRMED,
                             .terms = s.ours.terms,
                             .reason = "too late",
                             .due_usec = NOW},
                     deny = {.state = REFERRAL_DENIED, .terms = s.ours.terms, .reason = "no"};

        CHECK_INT(ledger_answered(s.referrer, s.ours.id, &late, &s.ours, &e), 1);
        CHECK_INT(s.ours.state, REFERRAL_CONFIRMED);
        CHECK_INT(settle(s.source, s.ours.id, REFERRAL_PAID, &s.theirs), 0);
        CHECK_INT(deliver(s.referrer, "source", &s.theirs, &s.ours), 0);
        CHECK_INT(ledger_answered(s.referrer, s.ours.id, &deny, &s.ours, &e), 1);
        CHECK_INT(s.ours.state, REFERRAL_PAID);
        sale_end(&s);
}

TEST(what_was_given_up_is_told_again_when_it_is_said_again)
{
        Sale s = sale(1299, 15);
        LedgerTold given_up = {.state = REFERRAL_PAID, .reason = "nobody there"};
        LedgerRow row;

        CHECK_INT(settle(s.source, s.ours.id, REFERRAL_PAID, &row), 0);
        CHECK_INT(ledger_told(s.source, s.ours.id, &given_up, &e), 0);
        CHECK_INT(audits(s.source, "settlement-given-up"), 1);
        CHECK_INT(settle(s.source, s.ours.id, REFERRAL_PAID, &row), 1);
        CHECK_INT(row.due_usec, NOW);
        sale_end(&s);
}

TEST(months_are_those_of_the_ids)
{
        LedgerMonth m;
        char id[ID_SIZE];
        static const struct {
                const char *at, *month;
        } cases[] = {{"2026-10-31T23:59:59.999Z", "2026-10"},
                     {"2026-11-01T00:00:00Z", "2026-11"},
                     {"2026-12-31T23:59:59.999Z", "2026-12"},
                     {"2027-01-01T00:00:00Z", "2027-01"},
                     {"2028-02-29T12:00:00Z", "2028-02"}};

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                static const uint8_t random[10] = {0xff, 0xff, 0xff, 0xff, 0xff,
                                                   0xff, 0xff, 0xff, 0xff, 0xff};
                uint64_t at;

                CHECK_INT(timestamp_parse(cases[i].at, &at), 0);
                id_make_from(id, at, random);
                for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
                        CHECK_INT(ledger_month(cases[k].month, &m, &e), 0);
                        CHECK_INT(strcmp(m.from, id) <= 0 && strcmp(id, m.to) < 0, i == k);
                }
        }
        static const char *const bad[] = {"2026",    "2026-13",    "2026-00", "2026-1",  "26-11",
                                          "2026/11", "2026-11-01", "abcd-ef", "20260-1", "-026-11"};
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                CHECK_INT(ledger_month(bad[i], &m, &e), -EINVAL);
}

TEST(lists_come_in_pages_and_csv_is_no_formula)
{
        sqlite3 *db = ledger_open();
        char next[LEDGER_CURSOR_SIZE] = "";
        LedgerMonth all;
        Text csv = {};
        int pages = 0;

        CHECK_INT(ledger_month(NULL, &all, &e), 0);
        for (int i = 0; i < 7; i++) {
                LedgerRow row = row_make("source", 1250, 15), ret;

                if (i == 0)
                        snprintf(row.book, sizeof(row.book), "=HYPERLINK(\"x\",1)");
                if (i < 4)
                        begin(db, &row);
                else
                        CHECK_INT(take(db, "referrer", &row, &row.terms, &ret), 0);
        }
        do {
                CHECK_INT(ledger_list(db, &all, next, 3, &csv, NULL, next, &e), 0);
                pages++;
        } while (*next);
        CHECK_INT(pages, 3);
        int lines = 0;
        for (const char *c = csv.data; (c = strstr(c, "\r\n")); c += 2)
                lines++;
        CHECK_INT(lines, 7);
        CHECK(strstr(csv.data,
                     ",owed_to_us,source,\"'=HYPERLINK(\"\"x\"\",1)\",12.50,USD,15,1.88,open,,,no,\r\n"));
        CHECK(strstr(csv.data, ",owed_by_us,referrer,b1,12.50,USD,15,1.88,confirmed,,,yes,\r\n"));
        CHECK_INT(ledger_list(db, &all, "nonsense", 3, &csv, NULL, next, &e), -EINVAL);
        text_clear(&csv);
        db_close(db);
}

static int lines_of(sqlite3 *db)
{
        sqlite3_stmt *stmt = NULL;

        CHECK_INT(db_prepare(db, &stmt, &e, "SELECT count(*) FROM audit", ""), 0);
        CHECK_INT(db_step(stmt, &e), 1);
        int n = sqlite3_column_int(stmt, 0);
        sqlite3_finalize(stmt);
        return n;
}

TEST(what_strangers_cause_may_go_without_a_line_and_payments_never_do)
{
        Sale s = sale(1299, 15);
        LedgerRow row = row_make("source", 100, 10), ret;
        LedgerAnswer a = {.state = REFERRAL_DENIED, .terms = row.terms, .quiet = true};
        Order o = {.terms = row.terms, .book = "b1"};
        int n = lines_of(s.referrer), m = lines_of(s.source);

        CHECK_INT(ledger_begin(s.referrer, &row, NULL, NULL, &e), 0);
        CHECK_INT(ledger_answered(s.referrer, row.id, &a, &ret, &e), 0);
        CHECK_INT(lines_of(s.referrer), n);
        memcpy(o.id, row.id, sizeof(o.id));
        CHECK_INT(ledger_take_order(s.source, "referrer", &o, &row.terms, true, NOW, &ret, &e), 0);
        CHECK_INT(lines_of(s.source), m);
        CHECK_INT(settle(s.source, row.id, REFERRAL_PAID, &ret), 0);
        CHECK_INT(lines_of(s.source), m + 1);
        sale_end(&s);
}

TEST(what_was_denied_is_kept_a_month)
{
        Sale s = sale(1299, 15);
        LedgerRow denied = row_make("source", 100, 10), ret;
        LedgerAnswer a = {.state = REFERRAL_DENIED, .terms = denied.terms};

        begin(s.referrer, &denied);
        CHECK_INT(ledger_answered(s.referrer, denied.id, &a, &ret, &e), 0);
        CHECK_INT(ledger_prune(s.referrer, NOW + LEDGER_DENIED_USEC - USEC_PER_DAY, &e), 0);
        CHECK_INT(ledger_prune(s.referrer, NOW + LEDGER_DENIED_USEC + USEC_PER_DAY, &e), 1);
        sale_end(&s);
}

TEST(what_was_never_paid_is_forgotten_in_the_end)
{
        Sale s = sale(1299, 15);
        LedgerRow unpaid = row_make("source", 100, 10);

        begin(s.referrer, &unpaid);
        CHECK_INT(settle(s.source, s.ours.id, REFERRAL_PAID, &s.theirs), 0);
        CHECK_INT(deliver(s.referrer, "source", &s.theirs, &s.ours), 0);
        CHECK_INT(ledger_prune(s.referrer, NOW + LEDGER_KEEP_USEC - USEC_PER_DAY, &e), 0);
        CHECK_INT(ledger_prune(s.referrer, NOW + LEDGER_KEEP_USEC + USEC_PER_DAY, &e), 1);
        CHECK_INT(reported(s.referrer, "owed_to_us.0.referrals", ""), 1);
        sale_end(&s);
}

MAIN()
