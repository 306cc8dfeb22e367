/* SPDX-License-Identifier: MIT */
/* The control socket's money: the shop's own software says what was paid, and the operator sees what is owed. */
#include "base/clock.h"
#include "federation/control_private.h"
#include "federation/revenue.h"

typedef struct Settling {
        StoreJob job;
        Federation *f;
        HttpRequest *request;
        Settlement settlement;
        char actor[40];
        LedgerRow row, ours;
        bool found, found_ours;
} Settling;

static void reply_document(HttpRequest *r, json_t *document)
{
        document = json_whole(document);
        if (document)
                http_reply_json(r, 200, document);
        else
                http_reply_error(r, 500, "out of memory");
}

static Settling *settling_new(Control *c, HttpRequest *r, const char *id)
{
        Settling *s;

        if (!referral_is_id(id)) {
                http_reply_error(r, 400, "which referral? It is in the buyer's address: referral=01J…");
                return NULL;
        }
        s = calloc(1, sizeof(*s));
        if (!s) {
                http_reply_error(r, 500, "out of memory");
                return NULL;
        }
        s->f = c->f;
        s->request = r;
        snprintf(s->actor, sizeof(s->actor), "uid %u", http_peer(r)->uid);
        return s;
}

/* --- paid, refunded --- */

static int run_settle(sqlite3 *db, StoreJob *job, Error *e)
{
        Settling *s = (Settling *) job;

        return ledger_settle(db, &s->settlement, s->actor, clock_wall_usec(), &s->row, e);
}

static unsigned status_of(int r)
{
        switch (r) {
        case -ENOENT:
                return 404;
        case -EPERM:
        case -EBADMSG:
                return 409;
        case -EINVAL:
                return 422;
        default:
                return 503;
        }
}

static void on_settled(StoreJob *job, int r, const char *error)
{
        Settling *s = (Settling *) job;
        json_t *j;

        if (r < 0)
                http_reply_error(s->request, status_of(r), "%s", error);
        else {
                j = ledger_row_document(&s->row);
                json_put(j, "success", json_true());
                json_put(j, "changed", json_boolean(r == 0));
                reply_document(s->request, j);
                ledger_wake(s->f->ledger);
        }
        free(s);
}

void control_post_order(Control *c, HttpRequest *r, const char *rest)
{
        _cleanup_json_ json_t *body = NULL;
        size_t size;
        const char *data = http_body(r, &size);
        Settling *s = settling_new(c, r, rest);
        Error e;

        if (!s)
                return;
        int n = json_parse(data ? data : "", size, &body, &e);
        if (n >= 0)
                n = settlement_read_own(body, &s->settlement, &e);
        if (n < 0) {
                http_reply_error(r, 400, "%s", e.text);
                free(s);
                return;
        }
        memcpy(s->settlement.id, rest, sizeof(s->settlement.id));
        s->job = (StoreJob){.run = run_settle, .done = on_settled};
        store_submit(c->f->store, &s->job);
}

/* --- one referral --- */

static int run_find(sqlite3 *db, StoreJob *job, Error *e)
{
        Settling *s = (Settling *) job;
        int r = ledger_find(db, LEDGER_BY_US, s->settlement.id, &s->row, e);

        s->found = r > 0;
        if (r >= 0)
                r = ledger_find(db, LEDGER_TO_US, s->settlement.id, &s->ours, e);
        s->found_ours = r > 0;
        return r;
}

static void on_found(StoreJob *job, int r, const char *error)
{
        Settling *s = (Settling *) job;

        if (r < 0)
                http_reply_error(s->request, 503, "%s", error);
        else if (!s->found && !s->found_ours)
                http_reply_error(s->request, 404, "no referral %s in this ledger", s->settlement.id);
        else
                reply_document(s->request, ledger_row_document(s->found ? &s->row : &s->ours));
        free(s);
}

void control_get_order(Control *c, HttpRequest *r, const char *rest)
{
        Settling *s = settling_new(c, r, rest);

        if (!s)
                return;
        memcpy(s->settlement.id, rest, sizeof(s->settlement.id));
        s->job = (StoreJob){.run = run_find, .done = on_found};
        store_submit(c->f->store, &s->job);
}

void control_get_revenue(Control *c, HttpRequest *r, const char *rest)
{
        revenue_answer(c->f, r);
}
