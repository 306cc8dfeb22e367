/* SPDX-License-Identifier: MIT */
/* The ledger's table in federation.db, one row a referral and side. Each call is for a StoreJob's run(): what it changes and the
 * audit row that tells of it are one transaction. */
#pragma once

#include "base/db.h"
#include "federation/referral.h"

typedef enum LedgerSide {
        LEDGER_TO_US, /* we sent the buyer: the source owes us */
        LEDGER_BY_US, /* a peer sent the buyer: we owe it */
} LedgerSide;
const char *ledger_side_name(LedgerSide side); /* "owed_to_us", "owed_by_us" */

typedef struct LedgerRow {
        LedgerSide side;
        char id[ID_SIZE], peer[REFERRAL_NODE_MAX + 1], book[LISTING_ID_MAX + 1];
        Terms terms;
        ReferralState state;
        char url[LISTING_URL_MAX + 1]; /* of the source's checkout, as it was answered; "" */
        char reason[200];              /* why it is denied, or the other side has not been told; "" */
        /* All wall time; 0: not. */
        uint64_t settled_usec, refunded_usec;
        uint64_t due_usec; /* when the other side is told what it does not know yet; 0: it knows, or we gave up */
        uint64_t until_usec; /* then we give up */
        unsigned attempts;
        bool told; /* the other side has what we have */
} LedgerRow;

/* 1: found; 0: none. */
int ledger_find(sqlite3 *db, LedgerSide side, const char *id, LedgerRow *ret, Error *e);

/* --- the referrer's side --- */

/* Makes row (side, id, peer, book, terms, due_usec; the rest is filled in). actor: NULL: nothing for the audit log. once: the caller's own word for this sale, or NULL:
 * with one that is known, nothing is made, and *row is what stands: 1. */
int ledger_begin(sqlite3 *db, LedgerRow *row, const char *once, const char *actor, Error *e);

/* What came of an order. */
typedef struct LedgerAnswer {
        ReferralState state; /* CONFIRMED, DENIED, UNCONFIRMED; OPEN: other terms, to be ordered by */
        Terms terms;         /* what both keep */
        const char *url, *reason;
        bool quiet; /* nothing for the audit log */
        uint64_t due_usec; /* UNCONFIRMED: when it is tried again; 0: no more. OPEN: if this process ends meanwhile */
} LedgerAnswer;
/* Changes nothing that has been settled, confirmed or denied since: 1, and *ret is what stands. */
int ledger_answered(sqlite3 *db, const char *id, const LedgerAnswer *answer, LedgerRow *ret, Error *e);

/* The source says that it was paid or refunded. 0: changed; 1: it is so already, or has been overtaken. -ENOENT: no such
 * referral of ours to this peer; -EBADMSG: on terms that are not those agreed (kept in the audit log, which is why this is 2 there). */
int ledger_take_settlement(sqlite3 *db, const char *peer, const Settlement *s, uint64_t now_usec,
                           LedgerRow *ret, Error *e);
#define LEDGER_UNFIT 2 /* of the above: refused, and *e says why */

/* --- the source's side --- */

/* Records an order by `in_force`, what this node charges and pays now. 0: recorded; 1: it was already, the same; LEDGER_TERMS: not
 * these terms; -EEXIST: another order stands under this id. quiet: nothing for the audit log. */
#define LEDGER_TERMS 2
int ledger_take_order(sqlite3 *db, const char *peer, const Order *order, const Terms *in_force, bool quiet,
                      uint64_t now_usec, LedgerRow *ret, Error *e);

/* The shop's own word. 0: changed, and due to be told; 1: it is so already (and is told again if it had been given up). -ENOENT;
 * -EPERM: backwards; -EINVAL: the price is not known, and not said; -EBADMSG: another price than agreed. */
int ledger_settle(sqlite3 *db, const Settlement *s, const char *actor, uint64_t now_usec, LedgerRow *ret,
                  Error *e);
/* The referrer has answered: it knows (told), or is told again at due_usec (0: given up) because of reason. Nothing happens when the
 * state has become another since. */
typedef struct LedgerTold {
        ReferralState state; /* what it was told */
        bool told;
        const char *reason;
        uint64_t due_usec;
} LedgerTold;
int ledger_told(sqlite3 *db, const char *id, const LedgerTold *t, Error *e);

/* --- both --- */

/* What is due, the longest overdue first, of each peer a few. *ret_next: when the next one is (0: none). */
#define LEDGER_DUE_MAX  32
#define LEDGER_DUE_PEER 4
int ledger_due(sqlite3 *db, uint64_t now_usec, LedgerRow *rows, size_t *ret_n, uint64_t *ret_next, Error *e);
/* After a start: nobody is ordering what was being ordered any more, so that it is due. */
int ledger_resume(sqlite3 *db, uint64_t now_usec, Error *e);
/* Forgets what was never paid and is older than this, what was denied sooner: the number of rows. */
#define LEDGER_KEEP_USEC   (400 * USEC_PER_DAY)
#define LEDGER_DENIED_USEC (30 * USEC_PER_DAY)
int ledger_prune(sqlite3 *db, uint64_t now_usec, Error *e);

/* "2026-11" of referrals (by the date in their ids, UTC); NULL or "": all of them. -EINVAL. */
typedef struct LedgerMonth {
        char from[ID_SIZE], to[ID_SIZE]; /* ids from ≤ id < to */
} LedgerMonth;
int ledger_month(const char *month, LedgerMonth *ret, Error *e);
/* {"owed_to_us": [{peer, currency, referrals, open, unconfirmed, never_confirmed, confirmed, denied, paid, refunded, untold,
 * sales_minor, sales, share_minor, share, refunded_minor}], "owed_by_us": […]}: sales and shares of what is paid and not refunded;
 * refunded_minor: shares that were.
 * NULL with the reason. */
json_t *ledger_report(sqlite3 *db, const LedgerMonth *month, Error *e);
/* Referrals one by one, in the order of their ids, behind `after` ("": from the first; else "<side>/<id>"): at most `limit`. With csv
 * their lines (RFC 4180, no header), else objects. *ret_next: what to ask behind next; "" at the end. */
#define LEDGER_CURSOR_SIZE (ID_SIZE + 2)
int ledger_list(sqlite3 *db, const LedgerMonth *month, const char *after, unsigned limit, Text *csv,
                json_t *rows, char ret_next[static LEDGER_CURSOR_SIZE], Error *e);
extern const char ledger_csv_header[];
json_t *ledger_row_document(const LedgerRow *row); /* NULL: no memory */
