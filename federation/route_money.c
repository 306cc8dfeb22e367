/* SPDX-License-Identifier: MIT */
/* Money over HTTP: a buyer's page checks out, a referrer orders, a source settles, and whoever may sees what is owed. */
#include "base/clock.h"
#include "base/log.h"
#include "base/resolve.h"
#include "federation/envelope.h"
#include "federation/ledger.h"
#include "federation/revenue.h"
#include "federation/routes.h"

#define BODY_MAX (4 * 1024) /* of a page; nodes': ENVELOPE_MAX */

/* The body as JSON, or NULL: it has been answered. */
static json_t *body_of(HttpRequest *r, size_t max)
{
        size_t size;
        const char *data = http_body(r, &size);
        json_t *j = NULL;
        Error e;

        if (size > max)
                http_reply_error(r, 413, "the body is larger than %zu bytes", max);
        else if (json_parse(data ? data : "", size, &j, &e) < 0)
                http_reply_error(r, 400, "the body is no JSON: %s", e.text);
        return j;
}

static void reply_document(HttpRequest *r, unsigned status, json_t *document)
{
        document = json_whole(document);
        http_add_header(r, "Cache-Control", "no-store");
        if (document)
                http_reply_json(r, status, document);
        else
                http_reply_error(r, 500, "out of memory");
}

/* --- a buyer's page --- */

/* Where buyers of this shop go now, NULL: where they always go. */
static const char *own_fallback(const Federation *f)
{
        return mode_file_now(f->mode)->first ? NULL : f->config->node.fallback_url;
}

#define OWN_TEMPLATE "/checkout?book={bookId}"

/* A template that begins with a slash is below base. */
static char *own_url(const char *base, const char *template, const char *book, const char *node)
{
        _cleanup_free_ char *whole =
                        template[0] == '/' ? string_printf("%s%s", base, template) : strdup(template);
        char *url = NULL;

        return whole && checkout_url_of(whole, base, NULL, book, node, "", &url) >= 0 ? url : NULL;
}

/* This shop's own book: nobody is owed anything. */
static void answer_own(Wait *w, const CatalogAnswer *a)
{
        const NodeConfig *n = &w->f->config->node;
        const char *fallback = own_fallback(w->f), *template = n->checkout_url ? n->checkout_url : "";
        _cleanup_free_ char *url = NULL;
        json_t *j = json_object();

        if (a->n_listings == 0) {
                json_decref(j);
                http_reply_error(w->request, 404, "no such book");
                return;
        }
        if (fallback || !*template)
                template = OWN_TEMPLATE;
        if (!fallback && template[0] == '/' && checkout_url_fits(a->listings[0].url))
                url = strdup(a->listings[0].url);
        else
                url = own_url(fallback ? fallback : n->url, template, a->listings[0].id, n->id);
        ledger_count(w->f->ledger, LEDGER_CHECKOUT_LOCAL);
        json_put(j, "success", json_true());
        json_put(j, "checkoutUrl", url ? json_string_or_null(url) : NULL);
        json_put(j, "revenueShare", json_integer(0));
        json_put(j, "referral", json_null());
        json_put(j, "state", json_string("local"));
        reply_document(w->request, 200, j);
}

static void checkout_own(Federation *f, HttpRequest *r, const char *book)
{
        Wait *w = wait_new(f, r, answer_own);

        if (w)
                wait_begun(w, catalog_get(f->catalog, route_own_id(f, book), wait_answered, w, &w->ask));
}

void route_checkout(Federation *f, HttpRequest *r, const char *rest)
{
        _cleanup_json_ json_t *body = body_of(r, BODY_MAX);
        const char *once = http_header(r, "Idempotency-Key");
        CheckoutAsk ask = {0};
        Error e;

        if (!body)
                return;
        if (checkout_read(body, &ask, &e) < 0) {
                ledger_count(f->ledger, LEDGER_CHECKOUT_REFUSED);
                http_reply_error(r, 400, "%s", e.text);
                return;
        }
        if (!ask.once && once && *once && strlen(once) <= REFERRAL_ONCE_MAX)
                ask.once = once;
        if (streq(ask.source, f->config->node.id))
                checkout_own(f, r, ask.book);
        else
                ledger_checkout(f->ledger, r, &ask);
}

/* --- an order, here at the source --- */

typedef struct Taking {
        StoreJob job;
        Federation *f;
        HttpRequest *request;
        char peer[REFERRAL_NODE_MAX + 1];
        Order order;
        Terms in_force;
        Settlement settlement;
        LedgerRow row;
        bool quiet;
} Taking;

static void refuse_order(Federation *f, HttpRequest *r, unsigned status, const char *word, const Terms *terms,
                         const char *reason)
{
        json_t *j = json_object();

        ledger_count(f->ledger, LEDGER_ORDER_REFUSED);
        json_put(j, "success", json_false());
        json_put(j, "error", json_string_or_null(reason));
        json_put(j, "refused", json_string(word));
        if (terms)
                terms_put(j, terms, false);
        reply_document(r, status, j);
}

static void refuse_terms(Taking *t)
{
        char text[TERMS_SIZE], reason[200];

        snprintf(reason, sizeof(reason), "in force here are %s", terms_print(text, &t->in_force));
        refuse_order(t->f, t->request, 409, "terms", &t->in_force, reason);
}

static void reply_order(Taking *t, bool repeated)
{
        const NodeConfig *n = &t->f->config->node;
        _cleanup_free_ char *url = NULL;
        json_t *j = json_object();

        if (checkout_url_of(n->checkout_url ? n->checkout_url : "", n->url, own_fallback(t->f), t->row.book,
                            t->row.peer, t->row.id, &url) < 0)
                url = NULL;
        ledger_count(t->f->ledger, repeated ? LEDGER_ORDER_REPEATED : LEDGER_ORDER_TAKEN);
        json_put(j, "success", json_true());
        json_put(j, "checkoutUrl", url ? json_string_or_null(url) : NULL);
        json_put(j, "referral", json_string(t->row.id));
        json_put(j, "bookId", json_string_or_null(t->row.book));
        terms_put(j, &t->row.terms, true);
        json_put(j, "state", json_string(referral_state_name(t->row.state)));
        if (repeated)
                json_put(j, "duplicate", json_true());
        reply_document(t->request, repeated ? 200 : 201, j);
}

static int run_order(sqlite3 *db, StoreJob *job, Error *e)
{
        Taking *t = (Taking *) job;

        return ledger_take_order(db, t->peer, &t->order, &t->in_force, t->quiet, clock_wall_usec(), &t->row,
                                 e);
}

static void on_order(StoreJob *job, int r, const char *error)
{
        Taking *t = (Taking *) job;

#ifdef FAILOVERD_BUG_ANSWERS_EARLY
        free(t);
        return;
#endif
        if (r == LEDGER_TERMS)
                refuse_terms(t);
        else if (r == -EEXIST)
                refuse_order(t->f, t->request, 409, "referral", NULL, error);
        else if (r < 0)
                route_unavailable(t->request, "the order cannot be recorded: %s", error);
        else
                reply_order(t, r > 0);
        free(t);
}

static void answer_listing(Wait *w, const CatalogAnswer *a)
{
        Taking *t = TAKE_PTR(w->data);
        const Listing *l = a->n_listings > 0 ? &a->listings[0] : NULL;

        if (!l) {
                refuse_order(w->f, w->request, 422, "book", NULL, "no such book");
                free(t);
                return;
        }
        t->request = w->request;
        t->in_force = (Terms){.price_minor = l->price_minor, .pct = w->f->config->node.revenue_share};
        snprintf(t->in_force.currency, sizeof(t->in_force.currency), "%s", l->currency);
        snprintf(t->order.book, sizeof(t->order.book), "%s", l->id);
        t->quiet = !ledger_may_log(w->f->ledger);
        t->job = (StoreJob){.run = run_order, .done = on_order};
#ifdef FAILOVERD_BUG_ANSWERS_EARLY
        Taking early = *t; /* the referrer is told before it is so */
        early.row = (LedgerRow){.terms = t->in_force, .state = REFERRAL_CONFIRMED};
        memcpy(early.row.id, t->order.id, sizeof(early.row.id));
        snprintf(early.row.peer, sizeof(early.row.peer), "%s", t->peer);
        snprintf(early.row.book, sizeof(early.row.book), "%s", t->order.book);
        reply_order(&early, false);
        t->request = NULL;
#endif
        store_submit(w->f->store, &t->job);
}

static void take_order(Federation *f, HttpRequest *r, const Envelope *envelope)
{
        Taking *t = calloc(1, sizeof(*t));
        Error e;
        int n;

        if (!t) {
                http_reply_error(r, 500, "out of memory");
                return;
        }
        t->f = f;
        snprintf(t->peer, sizeof(t->peer), "%s", envelope->node);
        n = order_read(envelope->object, envelope->node, clock_wall_usec(), &t->order, &e);
        if (n < 0) {
                refuse_order(f, r, n == -ERANGE ? 422 : 400, n == -ERANGE ? "date" : "malformed", NULL,
                             e.text);
                free(t);
                return;
        }
        Wait *w = wait_new(f, r, answer_listing);
        if (!w) {
                free(t);
                return;
        }
        w->data = t;
        wait_begun(w, catalog_get(f->catalog, route_own_id(f, t->order.book), wait_answered, w, &w->ask));
}

/* --- a settlement, here at the referrer --- */

static int run_settlement(sqlite3 *db, StoreJob *job, Error *e)
{
        Taking *t = (Taking *) job;

        return ledger_take_settlement(db, t->peer, &t->settlement, clock_wall_usec(), &t->row, e);
}

static void reply_settlement(Taking *t, bool repeated)
{
        json_t *j = json_object();

        ledger_count(t->f->ledger, repeated ? LEDGER_SETTLEMENT_REPEATED : LEDGER_SETTLEMENT_TAKEN);
        json_put(j, "success", json_true());
        json_put(j, "referral", json_string(t->row.id));
        json_put(j, "state", json_string(referral_state_name(t->row.state)));
        terms_put(j, &t->row.terms, true);
        if (repeated)
                json_put(j, "duplicate", json_true());
        reply_document(t->request, 200, j);
}

static void on_settlement(StoreJob *job, int r, const char *error)
{
        Taking *t = (Taking *) job;

        if (r == LEDGER_UNFIT || r == -ENOENT) {
                ledger_count(t->f->ledger, LEDGER_SETTLEMENT_REFUSED);
                if (r == LEDGER_UNFIT)
                        log_warning("ledger: %s settles %s otherwise than agreed: `failoverctl audit` has it",
                                    t->peer, t->settlement.id);
                http_reply_error(t->request, r == -ENOENT ? 404 : 409, "%s",
                                 r == -ENOENT ? error : "settled on other terms than agreed");
        } else if (r < 0)
                route_unavailable(t->request, "the settlement cannot be recorded: %s", error);
        else
                reply_settlement(t, r > 0);
        free(t);
}

static void take_settlement(Federation *f, HttpRequest *r, const Envelope *envelope, const char *id)
{
        Taking *t = calloc(1, sizeof(*t));
        Error e;

        if (!t) {
                http_reply_error(r, 500, "out of memory");
                return;
        }
        t->f = f;
        t->request = r;
        snprintf(t->peer, sizeof(t->peer), "%s", envelope->node);
        if (settlement_read(envelope->object, &t->settlement, &e) >= 0 && !streq(t->settlement.id, id))
                error_set(&e, -EINVAL, "`referral` is not the one of this address");
        else if (*t->settlement.id) {
                t->job = (StoreJob){.run = run_settlement, .done = on_settlement};
                store_submit(f->store, &t->job);
                return;
        }
        ledger_count(f->ledger, LEDGER_SETTLEMENT_REFUSED);
        http_reply_error(r, 400, "%s", e.text);
        free(t);
}

/* --- what nodes say --- */

void route_orders(Federation *f, HttpRequest *r, const char *rest)
{
        const char *id = *rest == '/' ? rest + 1 : rest;
        _cleanup_json_ json_t *body = body_of(r, ENVELOPE_MAX);
        const char *wanted = *id ? "settlement" : "order";
        EnvelopeRefusal refusal = {0};
        Envelope envelope;

        if (!body)
                return;
        if (store_is_crowded(f->store)) {
                route_unavailable(r, "too much waits for the disk");
                return;
        }
        if (envelope_open(body, f->config->node.id, f->members, clock_wall_usec(), &envelope, &refusal) >=
                            0 &&
            !streq(envelope.type, wanted))
                envelope_refuse(&refusal, 400, "malformed", "`type` is not %s", wanted);
        else if (refusal.status == 0 && !ledger_admits(f->ledger, envelope.node)) {
                http_add_header(r, "Retry-After", "5");
                envelope_refuse(&refusal, 429, "rate", "too many orders and settlements of `%s`",
                                envelope.node);
        } else if (refusal.status == 0) {
                if (*id)
                        take_settlement(f, r, &envelope, id);
                else
                        take_order(f, r, &envelope);
                return;
        }
        ledger_count(f->ledger, *id ? LEDGER_SETTLEMENT_REFUSED : LEDGER_ORDER_REFUSED);
        reply_document(r, refusal.status, envelope_refusal_document(&refusal));
}

/* --- what is owed --- */

/* Business data: for those networks only that the operator names. */
static bool may_see(const Federation *f, HttpRequest *r)
{
        char *const *networks = f->config->network.revenue_from;
        const char *client = http_client(r);
        struct sockaddr_storage a;
        socklen_t size;
        Network n;

        for (size_t i = 0; networks && networks[i]; i++) {
                if (streq(networks[i], "unix") && !*client)
                        return true;
                if (*client && network_parse(networks[i], &n) >= 0 &&
                    address_parse(client, 0, &a, &size) >= 0 &&
                    network_contains(&n, (const struct sockaddr *) &a))
                        return true;
        }
        return false;
}

void route_revenue(Federation *f, HttpRequest *r, const char *rest)
{
        if (may_see(f, r))
                revenue_answer(f, r);
        else
                http_reply_error(r, 403,
                                 "what is owed is shown by `failoverctl revenue`, and here to the networks "
                                 "under network.revenue_from");
}
