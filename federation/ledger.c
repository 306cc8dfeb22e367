/* SPDX-License-Identifier: MIT */
/* Tells the other side of each referral what it does not know yet, for as long as that takes. */
#include "federation/ledger_state.h"

#include "base/clock.h"
#include "base/log.h"

#define FIRST_USEC   LEDGER_FIRST_USEC /* doubled each time, up to: */
#define LONGEST_USEC USEC_PER_HOUR
#define SEND_USEC    (10 * USEC_PER_SEC)
#define LOOK_USEC    USEC_PER_MIN /* at the latest: who knows what clocks do */
#define PRUNE_USEC   USEC_PER_DAY

struct Delivery {
        StoreJob job;
        Ledger *ledger;
        LedgerRow row;
        LedgerSend *send;
        SendResult result;
        char url[LISTING_URL_MAX + 1];
        uint64_t again_usec; /* wall; 0: no more */
        bool quiet;
        LIST_ENTRY(Delivery) entry;
};

typedef struct Look {
        StoreJob job;
        Ledger *ledger;
        LedgerRow *rows;
        size_t n;
        uint64_t next;
        bool first, prune;
} Look;

uint64_t ledger_again(Ledger *l, unsigned attempts, uint64_t until_usec)
{
        uint64_t wait = attempts < 20 ? MIN(FIRST_USEC << attempts, LONGEST_USEC) : LONGEST_USEC, at;

        at = clock_wall_usec() + (uint64_t) ((double) wait * (0.75 + random_fraction(&l->random) / 2));
        return at < until_usec ? at : 0;
}

/* --- one of them --- */

static void delivery_free(Delivery *d)
{
        LIST_REMOVE(d, entry);
        ledger_send_free(d->send);
        free(d);
}

static int keep_order(sqlite3 *db, Delivery *d, Error *e)
{
        static const ReferralState states[] = {[SEND_DONE] = REFERRAL_CONFIRMED,
                                               [SEND_DENIED] = REFERRAL_DENIED,
                                               [SEND_TERMS] = REFERRAL_OPEN,
                                               [SEND_LATER] = REFERRAL_UNCONFIRMED};
        LedgerAnswer a = {.state = states[d->result.outcome],
                          .terms = d->result.terms,
                          .url = d->url,
                          .quiet = d->quiet,
                          .reason = d->result.reason};
        LedgerRow row;

        if (d->result.outcome == SEND_TERMS || d->result.outcome == SEND_LATER)
                a.due_usec = d->again_usec;
        if (a.state == REFERRAL_OPEN && a.due_usec == 0)
                a.state = REFERRAL_UNCONFIRMED;
        return ledger_answered(db, d->row.id, &a, &row, e);
}

static int keep_settlement(sqlite3 *db, Delivery *d, Error *e)
{
        LedgerTold t = {.state = d->row.state,
                        .told = d->result.outcome == SEND_DONE,
                        .reason = d->result.reason};

        if (d->result.outcome == SEND_LATER)
                t.due_usec = d->again_usec;
        return ledger_told(db, d->row.id, &t, e);
}

static int run_keep(sqlite3 *db, StoreJob *job, Error *e)
{
        Delivery *d = (Delivery *) job;

        return d->row.side == LEDGER_TO_US ? keep_order(db, d, e) : keep_settlement(db, d, e);
}

static void on_kept(StoreJob *job, int r, const char *error)
{
        Delivery *d = (Delivery *) job;
        Ledger *l = d->ledger;

        if (r < 0 && !l->stopping)
                log_error("ledger: what came of %s is not kept, and it is asked again: %s", d->row.id, error);
        delivery_free(d);
        if (r >= 0)
                ledger_wake(l);
}

#define TELL_USEC (10 * USEC_PER_SEC)

bool ledger_may_tell(Ledger *l)
{
        uint64_t now = clock_boot_usec();

        if (l->told_usec > 0 && now - l->told_usec < TELL_USEC)
                return false;
        l->told_usec = now;
        return true;
}

bool ledger_may_log(Ledger *l)
{
        if (ration_take(&l->lines, LEDGER_LINES_BURST, LEDGER_LINE_USEC, clock_boot_usec()) == 0)
                return true;
        if (ledger_may_tell(l))
                log_warning("ledger: more referrals than the audit log has lines for: the ledger alone has "
                            "them");
        return false;
}

static void tell_log(const Delivery *d)
{
        const char *what = d->row.side == LEDGER_TO_US ? "order" : "settlement";

        if (d->result.outcome != SEND_DENIED && (d->result.outcome != SEND_LATER || d->row.attempts > 0))
                return;
        if (!ledger_may_tell(d->ledger))
                return;
        if (d->result.outcome == SEND_DENIED)
                log_warning("ledger: %s denies %s %s: %s", d->row.peer, what, d->row.id, d->result.reason);
        else
                log_notice("ledger: %s %s is not with %s yet: %s", what, d->row.id, d->row.peer,
                           d->result.reason);
}

static void delivery_keep(Delivery *d)
{
        tell_log(d);
        d->again_usec = ledger_again(d->ledger, d->row.attempts, d->row.until_usec);
        if (d->row.side == LEDGER_TO_US && (d->result.outcome != SEND_LATER || d->again_usec == 0))
                d->quiet = !ledger_may_log(d->ledger);
        d->job = (StoreJob){.run = run_keep, .done = on_kept};
        store_submit(d->ledger->f->store, &d->job);
}

static void on_sent(LedgerSend *s, const SendResult *result, void *userdata)
{
        Delivery *d = userdata;

        d->result = *result;
        snprintf(d->url, sizeof(d->url), "%s", result->url ? result->url : "");
        d->send = ledger_send_free(d->send);
        delivery_keep(d);
}

static bool under_way(const Ledger *l, const LedgerRow *row)
{
        const Delivery *d;

        LIST_FOREACH(d, &l->deliveries, entry)
        if (d->row.side == row->side && streq(d->row.id, row->id))
                return true;
        return false;
}

static void deliver(Ledger *l, const LedgerRow *row)
{
        Delivery *d;
        Error e = {""};
        int r;

        if (under_way(l, row))
                return;
        d = calloc(1, sizeof(*d));
        if (!d)
                return; /* at the next look */
        d->ledger = l;
        d->row = *row;
        LIST_INSERT_HEAD(&l->deliveries, d, entry);
        r = ledger_send_start(l->f, row, NULL, SEND_USEC, on_sent, d, &d->send, &e);
        if (r < 0) {
                d->result = (SendResult){.outcome = SEND_LATER, .terms = row->terms};
                plain_copy(d->result.reason, sizeof(d->result.reason), e.text);
                delivery_keep(d);
        }
}

/* --- all that is due --- */

static int run_look(sqlite3 *db, StoreJob *job, Error *e)
{
        Look *look = (Look *) job;
        int r = look->first ? ledger_resume(db, clock_wall_usec(), e) : 0;

        if (r >= 0 && look->prune)
                r = ledger_prune(db, clock_wall_usec(), e);
        return r < 0 ? r : ledger_due(db, clock_wall_usec(), look->rows, &look->n, &look->next, e);
}

static void plan(Ledger *l, uint64_t next_usec)
{
        uint64_t now = clock_wall_usec(), wait = LOOK_USEC;

        if (next_usec > 0)
                wait = next_usec > now ? MIN(next_usec - now, LOOK_USEC) : 0;
        (void) loop_timer_set_after(l->timer, MAX(wait, 20 * USEC_PER_MSEC));
}

static void on_looked(StoreJob *job, int r, const char *error)
{
        Look *look = (Look *) job;
        Ledger *l = look->ledger;

        l->looking = false;
        if (!l->stopping && r >= 0) {
                for (size_t i = 0; i < look->n; i++)
                        deliver(l, &look->rows[i]);
                plan(l, look->next);
                if (l->look_again)
                        ledger_wake(l);
        } else if (!l->stopping)
                plan(l, 0); /* the store has said why */
        free(look->rows);
        free(look);
}

static int look(Ledger *l)
{
        Look *job = calloc(1, sizeof(*job));
        uint64_t now = clock_boot_usec();

        if (!job || !(job->rows = calloc(LEDGER_DUE_MAX, sizeof(*job->rows)))) {
                free(job);
                return -ENOMEM;
        }
        job->job = (StoreJob){.run = run_look, .done = on_looked};
        job->ledger = l;
        job->first = l->pruned_usec == 0;
        job->prune = job->first || now - l->pruned_usec >= PRUNE_USEC;
        if (job->prune)
                l->pruned_usec = now;
        l->looking = true;
        l->look_again = false;
        store_submit(l->f->store, &job->job);
        return 0;
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
        Ledger *l = userdata;

        if (!l->looking && look(l) < 0)
                plan(l, 0);
        return 0;
}

void ledger_wake(Ledger *l)
{
        if (l->stopping)
                return;
        l->look_again = l->looking;
        if (!l->looking)
                (void) loop_timer_set_after(l->timer, 0);
}

/* --- life --- */

void ledger_count(Ledger *l, LedgerEvent event)
{
        l->counts[event]++;
}

bool ledger_admits(Ledger *l, const char *node)
{
        uint8_t digest[SHA256_SIZE];

        sha256(node, strlen(node), digest);
        return ration_take_of(l->nodes, digest, LEDGER_NODE_BURST, LEDGER_NODE_USEC, clock_boot_usec()) == 0;
}

uint64_t ledger_counted(const Ledger *l, LedgerEvent event)
{
        return l->counts[event];
}

size_t ledger_waiting(const Ledger *l)
{
        return l->n_checkouts;
}

int ledger_new(Federation *f, Ledger **ret)
{
        Ledger *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        l->f = f;
        l->random = random_seed();
        LIST_INIT(&l->checkouts);
        LIST_INIT(&l->deliveries);
        r = ration_new(&l->buyers);
        if (r >= 0)
                r = ration_new(&l->nodes);
        if (r >= 0)
                r = loop_timer_new(f->event, "ledger", on_timer, l, &l->timer);
        if (r < 0) {
                ration_free(l->buyers);
                ration_free(l->nodes);
                free(l);
                return r;
        }
        ledger_wake(l);
        *ret = l;
        return 0;
}

void ledger_stop(Ledger *l)
{
        Delivery *d, *next;

        if (!l)
                return;
        l->stopping = true;
        l->timer = loop_source_free(l->timer);
        checkouts_stop(l);
        for (d = LIST_FIRST(&l->deliveries); d; d = next) {
                next = LIST_NEXT(d, entry);
                if (d->send) /* else its end is being written */
                        delivery_free(d);
        }
}

Ledger *ledger_free(Ledger *l)
{
        if (!l)
                return NULL;
        ledger_stop(l);
        ration_free(l->buyers);
        ration_free(l->nodes);
        free(l);
        return NULL;
}
