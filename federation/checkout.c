/* SPDX-License-Identifier: MIT */
/* A buyer goes to another shop: the price is asked, the referral recorded, the order sent, and the buyer told where to go; all of it
 * within CHECKOUT_USEC, and whatever cannot be done by then is done without the buyer. */
#include "base/clock.h"
#include "base/log.h"
#include "federation/ledger_state.h"
#include "federation/origin.h"

#include <math.h>
#include <stdarg.h>

#define BOOK_MAX (64 * 1024)
#define DUE_USEC (15 * USEC_PER_SEC) /* should this process end before the source has answered */

struct Checkout {
        StoreJob job;
        Ledger *ledger;
        HttpRequest *request; /* NULL: answered */
        LedgerRow row;
        LedgerRow stands; /* the thread's while something is written; then it is the row */
        char actor[80];
        char *email, *once;
        char *source_name, *fallback; /* fallback: its buyers go there; NULL: they go where it says */
        char *template, *base;
        uint64_t until_usec; /* boot */
        Fetch *price;
        LedgerSend *send;
        sd_event_source *timer;
        bool writing, recorded, repeated, quiet;
        unsigned agreed; /* how often on other terms */
        LedgerAnswer answer;
        char url[LISTING_URL_MAX + 1], reason[200];
        void (*then)(Checkout *c, int r, const char *error); /* when what is being written is written */
        int (*write)(sqlite3 *db, Checkout *c, Error *e);
        LIST_ENTRY(Checkout) entry;
};

static void checkout_free(Checkout *c)
{
        if (c->writing) /* on_written() comes */
                return;
        LIST_REMOVE(c, entry);
        c->ledger->n_checkouts--;
        fetch_free(c->price);
        ledger_send_free(c->send);
        loop_source_free(c->timer);
        if (c->email)
                explicit_bzero(c->email, strlen(c->email));
        free(c->email);
        free(c->once);
        free(c->source_name);
        free(c->fallback);
        free(c->template);
        free(c->base);
        free(c);
}

/* --- writing --- */

static int run_write(sqlite3 *db, StoreJob *job, Error *e)
{
        Checkout *c = (Checkout *) job;

        return c->write(db, c, e);
}

static void on_written(StoreJob *job, int r, const char *error)
{
        Checkout *c = (Checkout *) job;

        c->writing = false;
        if (r >= 0)
                c->row = c->stands;
        if (c->ledger->stopping)
                checkout_free(c);
        else
                c->then(c, r, error);
}

static void submit(Checkout *c, int (*write)(sqlite3 *db, Checkout *c, Error *e),
                   void (*then)(Checkout *c, int r, const char *error))
{
        c->stands = c->row;
        c->quiet = c->quiet || !ledger_may_log(c->ledger);
        c->write = write;
        c->then = then;
        c->writing = true;
        c->job = (StoreJob){.run = run_write, .done = on_written};
        store_submit(c->ledger->f->store, &c->job);
}

static int write_begin(sqlite3 *db, Checkout *c, Error *e)
{
        return ledger_begin(db, &c->stands, c->once, c->quiet ? NULL : c->actor, e);
}

static int write_answer(sqlite3 *db, Checkout *c, Error *e)
{
        c->answer.quiet = c->quiet;
        return ledger_answered(db, c->stands.id, &c->answer, &c->stands, e);
}

/* --- the page is answered --- */

static json_t *amount(int64_t minor)
{
        return minor < 0 ? json_null() : json_integer(minor);
}

static const char *state_word(const Checkout *c)
{
        return c->recorded ? referral_state_name(c->row.state) : "unrecorded";
}

static void reply_url(Checkout *c, const char *url)
{
        json_t *j = json_object();
        const Terms *t = &c->row.terms;

        json_put(j, "success", json_true());
        json_put(j, "checkoutUrl", json_string_or_null(url));
        json_put(j, "revenueShare", json_integer(t->pct));
        json_put(j, "referral", c->recorded ? json_string(c->row.id) : json_null());
        json_put(j, "state", json_string(state_word(c)));
        json_put(j, "price_minor", amount(t->price_minor));
        json_put(j, "currency", *t->currency ? json_string(t->currency) : json_null());
        /* Of one that is denied, nothing is owed. */
        json_put(j, "share_minor",
                 amount(c->recorded && c->row.state == REFERRAL_DENIED ? -1 : terms_share(t)));
        j = json_whole(j);
        http_add_header(c->request, "Cache-Control", "no-store");
        if (j)
                http_reply_json(TAKE_PTR(c->request), 200, j);
        else
                http_reply_error(TAKE_PTR(c->request), 500, "out of memory");
}

static void count_reply(Checkout *c)
{
        LedgerEvent event = !c->recorded                         ? LEDGER_CHECKOUT_UNRECORDED
                            : c->row.state == REFERRAL_DENIED    ? LEDGER_CHECKOUT_DENIED
                            : c->row.state >= REFERRAL_CONFIRMED ? LEDGER_CHECKOUT_CONFIRMED
                                                                 : LEDGER_CHECKOUT_UNCONFIRMED;
        ledger_count(c->ledger, event);
}

static void refuse(Ledger *l, HttpRequest *r, unsigned status, const char *format, ...) _printf_(4, 5);
static void refuse(Ledger *l, HttpRequest *r, unsigned status, const char *format, ...)
{
        char text[400];
        va_list ap;

        va_start(ap, format);
        vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        ledger_count(l, LEDGER_CHECKOUT_REFUSED);
        if (status == 503)
                http_add_header(r, "Retry-After", "2");
        http_reply_error(r, status, "%s", text);
}

/* Does a buyer go there? Asked again when he is about to: the operator may have said no meanwhile. */
static bool may_go(Ledger *l, const Member *m, const char *name, HttpRequest *r)
{
        if (m && member_is_accepted(m) && l->f->config->network.enabled)
                return true;
        refuse(l, r, 409, "no buyers are sent to %s: %s", name,
               m && member_is_accepted(m) ? "the network is switched off here"
                                          : "its membership is not in force");
        return false;
}

/* To where the source says, unless its buyers go elsewhere now. */
static void reply(Checkout *c)
{
        const char *node = c->ledger->f->config->node.id;
        _cleanup_free_ char *made = NULL;
        const char *url = !c->fallback && *c->row.url ? c->row.url : NULL;
        int r = 0;

        if (!c->request)
                return;
        if (!may_go(c->ledger, members_find(c->ledger->f->members, c->row.peer), c->source_name,
                    c->request)) {
                c->request = NULL;
                return;
        }
        count_reply(c);
        if (!url)
                r = checkout_url_of(c->template, c->base, c->fallback, c->row.book, node, c->row.id, &made);
        if (r < 0)
                http_reply_error(TAKE_PTR(c->request), 500, "out of memory");
        else
                reply_url(c, url ? url : made);
}

static void reply_no_book(Checkout *c)
{
        if (!c->request)
                return;
        ledger_count(c->ledger, LEDGER_CHECKOUT_REFUSED);
        http_reply_error(TAKE_PTR(c->request), 404, "%s does not sell this book", c->source_name);
}

/* --- the order --- */

static uint64_t left_usec(const Checkout *c)
{
        uint64_t now = clock_boot_usec();

        return c->until_usec > now ? c->until_usec - now : 0;
}

static void on_answer_written(Checkout *c, int r, const char *error)
{
        if (r < 0)
                log_warning("ledger: the answer to order %s is not kept, and it is asked again: %s",
                            c->row.id, error);
        else if (c->row.due_usec > 0)
                ledger_wake(c->ledger);
        checkout_free(c);
}

/* The buyer goes now; what came of the order is kept meanwhile. */
static void conclude(Checkout *c)
{
        c->row.state = c->answer.state;
        c->row.terms = c->answer.terms;
        snprintf(c->row.url, sizeof(c->row.url), "%s", c->url);
        c->timer = loop_source_free(c->timer);
        reply(c);
        c->answer.url = c->url;
        c->answer.reason = c->reason;
        submit(c, write_answer, on_answer_written);
}

static void conclude_later(Checkout *c, const char *reason)
{
        plain_copy(c->reason, sizeof(c->reason), reason);
        c->url[0] = '\0';
        c->answer = (LedgerAnswer){.state = REFERRAL_UNCONFIRMED,
                                   .terms = c->row.terms,
                                   .due_usec = clock_wall_usec() + LEDGER_FIRST_USEC};
        if (ledger_may_tell(c->ledger))
                log_notice("ledger: order %s is not with %s yet: %s", c->row.id, c->row.peer, c->reason);
        conclude(c);
}

static void order(Checkout *c);

static void on_terms_written(Checkout *c, int r, const char *error)
{
        if (r < 0) { /* the row stands, by the terms that it had */
                log_warning("ledger: %s", error);
                reply(c);
                checkout_free(c);
        } else if (c->request)
                order(c);
        else
                checkout_free(c);
}

/* It asks for another price than its page told us a moment ago: agreed, once. */
static void agree(Checkout *c, const Terms *terms)
{
        c->agreed++;
        c->answer = (LedgerAnswer){
                        .state = REFERRAL_OPEN, .terms = *terms, .due_usec = clock_wall_usec() + DUE_USEC};
        submit(c, write_answer, on_terms_written);
}

static void on_ordered(LedgerSend *s, const SendResult *result, void *userdata)
{
        Checkout *c = userdata;

        plain_copy(c->reason, sizeof(c->reason), result->reason);
        snprintf(c->url, sizeof(c->url), "%s", result->url);
        c->answer = (LedgerAnswer){.terms = result->terms};
        bool no_book = result->no_book, again = result->outcome == SEND_TERMS && c->agreed == 0;
        SendOutcome outcome = result->outcome;
        Terms terms = result->terms;
        c->send = ledger_send_free(c->send);
        if (again) {
                agree(c, &terms);
                return;
        }
        if (outcome == SEND_LATER || outcome == SEND_TERMS) {
                char reason[sizeof(c->reason)];

                memcpy(reason, c->reason, sizeof(reason));
                conclude_later(c, reason);
                return;
        }
        c->answer.state = outcome == SEND_DONE ? REFERRAL_CONFIRMED : REFERRAL_DENIED;
        if (c->answer.state == REFERRAL_DENIED && ledger_may_tell(c->ledger))
                log_warning("ledger: %s denies order %s: %s", c->row.peer, c->row.id, c->reason);
        if (no_book)
                reply_no_book(c);
        conclude(c);
}

static void order(Checkout *c)
{
        Error e = {""};
        int r = ledger_send_start(c->ledger->f, &c->row, c->email, MAX(left_usec(c), 100 * USEC_PER_MSEC),
                                  on_ordered, c, &c->send, &e);

        if (r < 0)
                conclude_later(c, e.text);
}

static void on_begun(Checkout *c, int r, const char *error)
{
        if (r < 0 && ledger_may_tell(c->ledger))
                log_error("ledger: a buyer goes to %s and nothing is recorded: %s", c->row.peer, error);
        c->recorded = r >= 0;
        c->repeated = r > 0;
        if (r < 0 || r > 0 || !c->request) { /* asked again: what stands is told, and nothing is done twice */
                reply(c);
                checkout_free(c);
        } else
                order(c);
}

static void begin(Checkout *c)
{
        submit(c, write_begin, on_begun);
}

/* --- the price --- */

static void read_price(Terms *terms, const json_t *book)
{
        static const double units[] = {1, 10, 100, 1000, 10000};
        const json_t *minor = json_object_get(book, "price_minor"), *major = json_object_get(book, "price");
        const char *currency = json_string_value(json_object_get(book, "currency"));
        double d;

        if (!currency || !money_is_currency(currency))
                currency = MONEY_CURRENCY_DEFAULT;
        d = json_number_value(major) * units[money_digits(currency)];
        if (json_is_integer(minor) && json_integer_value(minor) >= 0 &&
            json_integer_value(minor) <= MONEY_MINOR_MAX)
                terms->price_minor = json_integer_value(minor);
        else if (json_is_number(major) && d >= 0 && d <= (double) MONEY_MINOR_MAX)
                terms->price_minor = llround(d);
        memcpy(terms->currency, currency, sizeof(terms->currency));
}

/* Whatever it answers: the order says what is known, and the source what is so. */
static void on_priced(Fetch *fetch, const FetchResult *result, void *userdata)
{
        Checkout *c = userdata;
        _cleanup_json_ json_t *answer = NULL;

        if (result->error == FETCH_OK && result->status == 200 &&
            json_parse(result->body, result->body_size, &answer, NULL) >= 0)
                read_price(&c->row.terms, json_object_get(answer, "book"));
        c->price = fetch_free(c->price);
        begin(c);
}

static void add_encoded(Text *t, const char *s)
{
        for (; *s; s++)
                text_add(t, "%%%02X", (uint8_t) *s);
}

static int ask_price(Checkout *c, const char *base, unsigned flags)
{
        static const char *const headers[] = {"Accept: application/json", NULL};
        _cleanup_text_ Text url = {0};
        FetchRequest request = {.headers = headers,
                                .timeout_usec = MIN(CHECKOUT_PRICE_USEC, left_usec(c) / 2),
                                .response_max = BOOK_MAX,
                                .redirects_max = 1,
                                .flags = flags};

        text_add(&url, "%s/api/book/", base);
        add_encoded(&url, c->row.book);
        if (url.failed)
                return -ENOMEM;
        request.url = url.data;
        return fetch_start(c->ledger->f->fetch, &request, on_priced, c, &c->price);
}

/* --- who the source is --- */

/* The disk hangs, mostly: the buyer goes, and what is written comes later. */
static int on_late(sd_event_source *s, uint64_t usec, void *userdata)
{
        Checkout *c = userdata;

        if (!c->writing)
                return 0; /* the order's own deadline comes */
        if (ledger_may_tell(c->ledger))
                log_error("ledger: federation.db does not answer: a buyer goes to %s without", c->row.peer);
        reply(c);
        return 0;
}

/* Where its buyers go when it is not well: 0, or -EHOSTDOWN: nowhere. *ret NULL: it is well. */
static int find_fallback(const Federation *f, const Member *m, const Peer *peer, const char **ret)
{
        *ret = NULL;
        if (!peer)
                return 0;
        if (peer->in_fallback) {
                *ret = peer_buyers_url(peer);
                return *ret && **ret ? 0 : -EHOSTDOWN;
        }
        if (peer->status != PEER_FAILED)
                return 0;
        if (m->document && *m->document->fallback_url && !origin_clash(f, m->id, m->document->fallback_url))
                *ret = m->document->fallback_url;
        return *ret ? 0 : -EHOSTDOWN;
}

static size_t count_of(const Ledger *l, const char *node)
{
        const Checkout *c;
        size_t n = 0;

        LIST_FOREACH(c, &l->checkouts, entry)
        n += streq(c->row.peer, node);
        return n;
}

static char *copy(const char *s, bool *failed)
{
        char *c = s ? strdup(s) : NULL;

        *failed = *failed || (s && !c);
        return c;
}

/* Two pages may use the same word; what it means is theirs and this book's. */
static char *once_of(const CheckoutAsk *ask)
{
        return ask->once ? string_printf("%s\n%s\n%s", ask->source, ask->book, ask->once) : NULL;
}

static Checkout *checkout_new(Ledger *l, HttpRequest *r, const CheckoutAsk *ask, const Member *m,
                              const char *fallback)
{
        Checkout *c = calloc(1, sizeof(*c));
        const NodeDocument *d = m->document;
        bool failed = false;

        if (!c)
                return NULL;
        c->ledger = l;
        LIST_INSERT_HEAD(&l->checkouts, c, entry);
        l->n_checkouts++;
        c->email = copy(ask->email, &failed);
        c->once = once_of(ask);
        c->source_name = copy(member_name(m), &failed);
        c->fallback = copy(fallback, &failed);
        c->template = copy(d ? d->checkout_url : "", &failed);
        c->base = copy(member_url(m), &failed);
        if (failed || (ask->once && !c->once) ||
            loop_timer_new(l->f->event, "a buyer's patience", on_late, c, &c->timer) < 0) {
                checkout_free(c);
                return NULL;
        }
        c->request = r;
        snprintf(c->actor, sizeof(c->actor), "%s", *http_client(r) ? http_client(r) : "a local socket");
        snprintf(c->row.peer, sizeof(c->row.peer), "%s", ask->source);
        snprintf(c->row.book, sizeof(c->row.book), "%s", ask->book);
        id_make(c->row.id, clock_wall_usec());
        c->row.due_usec = clock_wall_usec() + DUE_USEC;
        return c;
}

/* A buyer always gets to the shop; but whoever plays buyer fills no ledger, neither here nor there. */
static bool may_record(const Checkout *c)
{
        uint8_t origin[16];

        return !ration_origin(http_client(c->request), origin) ||
               ration_take_of(c->ledger->buyers, origin, CHECKOUTS_ADDRESS_BURST, CHECKOUTS_ADDRESS_USEC,
                              clock_boot_usec()) == 0;
}

static void start(Checkout *c, const Member *m)
{
        unsigned flags = 0;
        const char *base = ledger_reach(c->ledger->f, c->row.peer, &flags, NULL);
        uint64_t patience = c->fallback ? CHECKOUT_AWAY_USEC : CHECKOUT_USEC;
        bool rationed = !may_record(c);

        c->until_usec = clock_boot_usec() + patience;
        (void) loop_timer_set_after(c->timer, patience + 200 * USEC_PER_MSEC);
        c->row.terms = (Terms){.price_minor = -1, .pct = member_share(m)};
        if (rationed) {
                reply(c);
                checkout_free(c);
        } else if (!base || ask_price(c, base, flags) < 0)
                begin(c); /* the order will ask */
}

void ledger_checkout(Ledger *l, HttpRequest *r, const CheckoutAsk *ask)
{
        const Federation *f = l->f;
        const Member *m = members_find(f->members, ask->source);
        const Peer *peer = peers_find(f->peers, ask->source);
        const char *fallback = NULL;
        Checkout *c;

        if (!m)
                refuse(l, r, 404, "no such node: %s", ask->source);
        else if (!may_go(l, m, member_name(m), r))
                return;
        else if (find_fallback(f, m, peer, &fallback) < 0)
                refuse(l, r, 409, "%s cannot sell at the moment", member_name(m));
        else if (l->stopping || l->n_checkouts >= CHECKOUTS_MAX ||
                 count_of(l, ask->source) >= CHECKOUTS_PER_NODE)
                refuse(l, r, 503, "too many buyers go to %s at the moment", member_name(m));
        else if (!(c = checkout_new(l, r, ask, m, fallback)))
                refuse(l, r, 500, "%s", "out of memory");
        else
                start(c, m);
}

void checkouts_stop(Ledger *l)
{
        Checkout *c, *next;

        for (c = LIST_FIRST(&l->checkouts); c; c = next) {
                next = LIST_NEXT(c, entry);
                if (c->request)
                        http_reply_error(TAKE_PTR(c->request), 503, "stopping");
                checkout_free(c);
        }
}
