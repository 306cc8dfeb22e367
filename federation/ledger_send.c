/* SPDX-License-Identifier: MIT */
/* One message of the ledger to another node, and what its answer means. */
#include "federation/ledger_send.h"

#include "base/clock.h"
#include "federation/envelope.h"

#define ANSWER_MAX (16 * 1024)

struct LedgerSend {
        LedgerRow row;
        LedgerSendDone done;
        void *userdata;
        Fetch *fetch;
};

const char *ledger_reach(const Federation *f, const char *node, unsigned *ret_flags, Error *e)
{
        const Member *m = members_find(f->members, node);

        if (!m || !member_is_accepted(m)) {
                error_set(e, -EACCES, "`%.128s` is %s here", node,
                          m ? member_state_name(m->state) : "not known");
                return NULL;
        }
        /* What it says of itself leads to public addresses only, unless the operator allows others. */
        *ret_flags = FETCH_GUARD | FETCH_HTTP2 | (m->state == MEMBER_CONFIGURED ? FETCH_TRUST_HOST : 0U);
        return member_url(m);
}

/* --- what is said --- */

static json_t *order_document(const Federation *f, const LedgerRow *row, const char *email)
{
        json_t *j = json_object();

        json_put(j, "type", json_string("order"));
        json_put(j, "referral", json_string(row->id));
        json_put(j, "bookId", json_string(row->book));
        json_put(j, "referrer", json_string(f->config->node.id));
        if (row->terms.price_minor >= 0)
                terms_put(j, &row->terms, false);
        else /* whatever it costs */
                json_put(j, "revenue_share_pct", json_integer(row->terms.pct));
        if (email)
                json_put(j, "email", json_string(email));
        return json_whole(j);
}

static json_t *settlement_document(const LedgerRow *row)
{
        json_t *j = json_object();
        uint64_t at = row->state == REFERRAL_REFUNDED ? row->refunded_usec : row->settled_usec;

        json_put(j, "type", json_string("settlement"));
        json_put(j, "referral", json_string(row->id));
        json_put(j, "status", json_string(referral_state_name(row->state)));
        terms_put(j, &row->terms, true);
        json_put(j, "settled", json_integer((json_int_t) (at / USEC_PER_MSEC)));
        return json_whole(j);
}

static int print_signed(const Federation *f, const LedgerRow *row, const char *email, char **ret, Error *e)
{
        _cleanup_json_ json_t *j =
                        row->side == LEDGER_TO_US ? order_document(f, row, email) : settlement_document(row);
        uint64_t now = clock_wall_usec();
        int r;

        if (!j)
                return error_set(e, -ENOMEM, "out of memory");
        /* Told apart by its referral: nobody keeps the mark of this number. */
        r = envelope_seal(j, f->config->node.id, row->peer, (int64_t) (now / USEC_PER_MSEC),
                          identity_key(f->identity), now, e);
        return r < 0 ? r : json_print(j, ret);
}

/* --- what is answered --- */

/* In its own words, made plain. */
static void take_reason(SendResult *result, const json_t *answer, unsigned status)
{
        const char *error = json_string_value(json_object_get(answer, "error"));
        char plain[160];

        if (error && *error)
                snprintf(result->reason, sizeof(result->reason), "%s (HTTP %u)",
                         plain_copy(plain, sizeof(plain), error), status);
        else
                snprintf(result->reason, sizeof(result->reason), "HTTP %u, without a reason", status);
}

/* Those that may be another answer one day: a node that is not known yet, a key, a clock, a route that comes with an update. */
static bool may_change(unsigned status, const json_t *answer)
{
        static const unsigned later[] = {401, 403, 404, 405, 408, 425, 429};

        for (size_t i = 0; i < ELEMENTSOF(later); i++)
                if (status == later[i])
                        return true;
        return status >= 500 || status < 400 || json_object_get(answer, "offset_ms");
}

/* Is it an answer to this order, in terms that can be read? What it does not say is as we said it. */
static int read_taken_terms(const LedgerRow *row, const json_t *answer, SendResult *result)
{
        const json_t *referral = json_object_get(answer, "referral");
        const char *id = json_string_value(referral);
        Terms t = row->terms;
        Error e = {""};

        if (referral && !json_is_null(referral) && !(id && streq(id, row->id)))
                error_set(&e, 0, "it is of another referral");
        else if (terms_read(answer, &t, &e) >= 0) {
                if (*t.currency)
                        result->terms = t;
                return 0;
        }
        result->outcome = SEND_LATER;
        snprintf(result->reason, sizeof(result->reason), "its answer cannot be used: %.150s", e.text);
        return -EBADMSG;
}

static void read_order_taken(const LedgerRow *row, const json_t *answer, SendResult *result)
{
        const char *url = json_string_value(json_object_get(answer, "checkoutUrl"));
        char theirs[TERMS_SIZE], ours[TERMS_SIZE];
        Terms agreed = row->terms;

        if (read_taken_terms(row, answer, result) < 0)
                return;
        result->url = url && checkout_url_fits(url) ? url : "";
        if (agreed.price_minor < 0) {
                agreed.price_minor = result->terms.price_minor;
                memcpy(agreed.currency, result->terms.currency, sizeof(agreed.currency));
        }
        agreed.pct = MAX(agreed.pct, result->terms.pct); /* it pays more than we counted on */
        if (terms_equal(&agreed, &result->terms))
                return;
        result->outcome = SEND_DENIED;
        snprintf(result->reason, sizeof(result->reason), "it has recorded %s, and %s was agreed",
                 terms_print(theirs, &result->terms), terms_print(ours, &row->terms));
        result->terms = row->terms;
}

static void read_order_refused(const LedgerRow *row, const json_t *answer, SendResult *result)
{
        const char *refused = json_string_value(json_object_get(answer, "refused"));
        Terms t = row->terms;

        result->no_book = refused && streq(refused, "book");
        if (!refused || !streq(refused, "terms") || terms_read(answer, &t, NULL) < 0)
                return;
        if (terms_equal(&t,
                        &row->terms)) /* its page says a price, and now it knows none: nothing to agree to */
                return;
        if (t.pct < row->terms.pct) {
                snprintf(result->reason, sizeof(result->reason), "it pays %u %%, and we counted on %u %%",
                         t.pct, row->terms.pct);
                return;
        }
        result->outcome = SEND_TERMS;
        result->terms = t;
}

static void read_answer(LedgerSend *s, unsigned status, const json_t *answer, SendResult *result)
{
        bool order = s->row.side == LEDGER_TO_US;

        if (status / 100 == 2 && json_is_true(json_object_get(answer, "success"))) {
                result->outcome = SEND_DONE;
                if (order)
                        read_order_taken(&s->row, answer, result);
                return;
        }
        take_reason(result, answer, status);
        result->outcome = may_change(status, answer) ? SEND_LATER : SEND_DENIED;
        if (order && result->outcome == SEND_DENIED)
                read_order_refused(&s->row, answer, result);
}

static void on_fetched(Fetch *fetch, const FetchResult *fetched, void *userdata)
{
        LedgerSend *s = userdata;
        _cleanup_json_ json_t *answer = NULL;
        SendResult result = {.outcome = SEND_LATER, .terms = s->row.terms, .url = ""};

        if (fetched->error == FETCH_OK) {
                (void) json_parse(fetched->body, fetched->body_size, &answer, NULL);
                read_answer(s, fetched->status, answer, &result);
        } else
                plain_copy(result.reason, sizeof(result.reason), fetched->message);
        s->done(s, &result, s->userdata);
}

/* --- life --- */

static int start(Federation *f, LedgerSend *s, const char *base, unsigned flags, const char *body,
                 uint64_t timeout_usec)
{
        static const char *const headers[] = {"Content-Type: application/json", "Accept: application/json",
                                              NULL};
        bool order = s->row.side == LEDGER_TO_US;
        _cleanup_free_ char *url = string_printf("%s/api/network/orders%s%s", base, order ? "" : "/",
                                                 order ? "" : s->row.id);
        FetchRequest request = {.url = url,
                                .headers = headers,
                                .body = body,
                                .body_size = strlen(body),
                                .timeout_usec = timeout_usec,
                                .response_max = ANSWER_MAX,
                                .flags = flags};

        return url ? fetch_start(f->fetch, &request, on_fetched, s, &s->fetch) : -ENOMEM;
}

int ledger_send_start(Federation *f, const LedgerRow *row, const char *email, uint64_t timeout_usec,
                      LedgerSendDone done, void *userdata, LedgerSend **ret, Error *e)
{
        _cleanup_(ledger_send_freep) LedgerSend *s = NULL;
        _cleanup_free_ char *body = NULL;
        unsigned flags;
        const char *base = ledger_reach(f, row->peer, &flags, e);
        int r;

        if (!base)
                return -EACCES;
        r = print_signed(f, row, email, &body, e);
        if (r < 0 || !body)
                return r < 0 ? r : -ENOMEM;
        s = calloc(1, sizeof(*s));
        if (!s)
                return error_set(e, -ENOMEM, "out of memory");
        s->row = *row;
        s->done = done;
        s->userdata = userdata;
        r = start(f, s, base, flags, body, timeout_usec);
        if (email)
                explicit_bzero(body, strlen(body));
        if (r < 0)
                return error_set(e, r, "%s", error_words(r));
        *ret = TAKE_PTR(s);
        return 0;
}

LedgerSend *ledger_send_free(LedgerSend *s)
{
        if (!s)
                return NULL;
        fetch_free(s->fetch);
        free(s);
        return NULL;
}
