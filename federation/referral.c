/* SPDX-License-Identifier: MIT */
/* What may become of a referral, and what nodes say to each other about it. */
#include "federation/referral.h"

#include "base/clock.h"
#include "base/text.h"

#include <limits.h>

static const char *const state_names[] = {
                [REFERRAL_OPEN] = "open",           [REFERRAL_UNCONFIRMED] = "unconfirmed",
                [REFERRAL_CONFIRMED] = "confirmed", [REFERRAL_DENIED] = "denied",
                [REFERRAL_PAID] = "paid",           [REFERRAL_REFUNDED] = "refunded",
};

const char *referral_state_name(ReferralState s)
{
        assert((size_t) s < ELEMENTSOF(state_names));
        return state_names[s];
}

int referral_state_parse(const char *name, ReferralState *ret)
{
        for (size_t i = 0; name && i < ELEMENTSOF(state_names); i++)
                if (streq(name, state_names[i])) {
                        *ret = (ReferralState) i;
                        return 0;
                }
        return -EINVAL;
}

int referral_settle(ReferralState now, ReferralState to)
{
        if (to != REFERRAL_PAID && to != REFERRAL_REFUNDED)
                return -EINVAL;
        return now < to;
}

/* --- terms --- */

int64_t terms_share(const Terms *t)
{
        return t->price_minor < 0 ? -1 : share_split(t->price_minor, t->pct).referrer;
}

bool terms_equal(const Terms *a, const Terms *b)
{
        return a->price_minor == b->price_minor && a->pct == b->pct && streq(a->currency, b->currency);
}

char *terms_print(char buffer[static TERMS_SIZE], const Terms *t)
{
        _cleanup_text_ Text price = {0};

        if (t->price_minor >= 0)
                money_print_fixed(&price, t->price_minor, t->currency);
        if (price.data && !price.failed)
                snprintf(buffer, TERMS_SIZE, "%s %s and %u %%", price.data, t->currency, t->pct);
        else
                snprintf(buffer, TERMS_SIZE, "no price and %u %%", t->pct);
        return buffer;
}

static json_t *amount(int64_t minor)
{
        return minor < 0 ? json_null() : json_integer(minor);
}

void terms_put(json_t *object, const Terms *t, bool share)
{
        json_put(object, "price_minor", amount(t->price_minor));
        json_put(object, "currency", json_string(t->currency));
        json_put(object, "revenue_share_pct", json_integer(t->pct));
        if (share)
                json_put(object, "share_minor", amount(terms_share(t)));
}

/* A whole number from 0 to max, or null, which is as absent. 1: it is there. */
static int read_amount(const json_t *object, const char *key, int64_t max, int64_t *ret, Error *e)
{
        const json_t *j = json_object_get(object, key);

        if (!j || json_is_null(j))
                return 0;
        if (!json_is_integer(j) || json_integer_value(j) < 0 || json_integer_value(j) > max)
                return error_set(e, -EINVAL, "`%s` is no whole number from 0 to %lld", key, (long long) max);
        *ret = json_integer_value(j);
        return 1;
}

int terms_read(const json_t *object, Terms *ret, Error *e)
{
        Terms t = *ret;
        const json_t *currency = json_object_get(object, "currency");
        int64_t pct = 0;
        int r;

        r = read_amount(object, "price_minor", MONEY_MINOR_MAX, &t.price_minor, e);
        if (r < 0)
                return r;
        bool priced = r > 0;
        r = read_amount(object, "revenue_share_pct", 100, &pct, e);
        if (r < 0)
                return r;
        if (r > 0)
                t.pct = (unsigned) pct;
        if (json_is_string(currency) && money_is_currency(json_string_value(currency)))
                memcpy(t.currency, json_string_value(currency), sizeof(t.currency));
        else if ((currency && !json_is_null(currency)) || priced)
                return error_set(e, -EINVAL, "`currency` is no ISO 4217 code such as USD");
        *ret = t;
        return 0;
}

/* --- ids --- */

bool referral_is_id(const char *id)
{
        return id && strlen(id) == ID_SIZE - 1 && id[0] <= '7' &&
               strspn(id, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == ID_SIZE - 1;
}

/* Valid UTF-8 (JSON's strings are) without control characters. */
static bool is_plain(const char *s)
{
        for (; *s; s++)
                if ((uint8_t) *s < 0x20 || *s == 0x7f)
                        return false;
        return true;
}

int referral_read_book(const json_t *j, char ret[static LISTING_ID_MAX + 1], Error *e)
{
        if (json_is_integer(j)) {
                snprintf(ret, LISTING_ID_MAX + 1, "%lld", (long long) json_integer_value(j));
                return 0;
        }
        const char *s = json_string_value(j);
        if (!s || !*s || strlen(s) > LISTING_ID_MAX || json_string_length(j) != strlen(s) || !is_plain(s))
                return error_set(e, -EINVAL, "`bookId` is no id of a book: 1 to %d bytes of text",
                                 LISTING_ID_MAX);
        memcpy(ret, s, strlen(s) + 1);
        return 0;
}

static int read_referral(const json_t *body, char ret[static ID_SIZE], Error *e)
{
        const char *id = json_string_value(json_object_get(body, "referral"));

        if (!referral_is_id(id))
                return error_set(e, -EINVAL, "`referral` is no ULID");
        memcpy(ret, id, ID_SIZE);
        return 0;
}

/* --- what is asked --- */

/* NULL when it is absent or null. */
static int read_word(const json_t *body, const char *key, size_t max, const char **ret, Error *e)
{
        const json_t *j = json_object_get(body, key);
        const char *s = json_string_value(j);

        *ret = NULL;
        if (!j || json_is_null(j))
                return 0;
        if (!s || !*s || json_string_length(j) != strlen(s) || strlen(s) > max || !is_plain(s))
                return error_set(e, -EINVAL, "`%s` is no text of 1 to %zu bytes", key, max);
        *ret = s;
        return 0;
}

static bool is_email(const char *s)
{
        const char *at = strchr(s, '@');

        return at && at > s && at[1] && !strchr(at + 1, '@') && !strpbrk(s, " ,;<>\"");
}

int checkout_read(const json_t *body, CheckoutAsk *ret, Error *e)
{
        CheckoutAsk ask = {0};
        int r;

        if (!json_is_object(body))
                return error_set(e, -EINVAL, "the body is no JSON object");
        r = referral_read_book(json_object_get(body, "bookId"), ask.book, e);
        if (r >= 0)
                r = read_word(body, "sourceNodeId", REFERRAL_NODE_MAX, &ask.source, e);
        if (r >= 0 && (!ask.source || !config_is_node_id(ask.source)))
                r = error_set(e, -EINVAL, "`sourceNodeId` is no id of a node");
        if (r >= 0)
                r = read_word(body, "email", REFERRAL_EMAIL_MAX, &ask.email, e);
        if (r >= 0 && ask.email && !is_email(ask.email)) /* which is not repeated */
                r = error_set(e, -EINVAL, "`email` is no address");
        if (r >= 0)
                r = read_word(body, "idempotencyKey", REFERRAL_ONCE_MAX, &ask.once, e);
        if (r >= 0)
                *ret = ask;
        return r;
}

/* The date is in the id: by it both sides know in which month it was. */
static int check_date(const char *id, uint64_t now, Error *e)
{
        uint64_t made = id_usec(id);
        char at[TIMESTAMP_SIZE];

        if (made <= now + REFERRAL_CLOCKS_USEC && made + REFERRAL_ORDER_USEC + REFERRAL_CLOCKS_USEC >= now)
                return 0;
        return error_set(e, -ERANGE, "the referral is of %s: %s", timestamp_format(at, made),
                         made > now ? "that is yet to come, by the clock here" : "that is too long ago");
}

int order_read(const json_t *body, const char *sender, uint64_t now_usec, Order *ret, Error *e)
{
        Order o = {.terms = {.price_minor = -1, .pct = UINT_MAX}};
        const char *referrer = NULL;
        int r;

        r = read_referral(body, o.id, e);
        if (r >= 0)
                r = referral_read_book(json_object_get(body, "bookId"), o.book, e);
        if (r >= 0)
                r = read_word(body, "referrer", REFERRAL_NODE_MAX, &referrer, e);
        if (r >= 0 && referrer && !streq(referrer, sender))
                r = error_set(e, -EINVAL, "`referrer` is another node than the one that signed");
        if (r >= 0)
                r = terms_read(body, &o.terms, e);
        if (r >= 0)
                r = check_date(o.id, now_usec, e);
        if (r >= 0)
                *ret = o;
        return r;
}

static int read_status(const json_t *body, ReferralState *ret, Error *e)
{
        const char *status = json_string_value(json_object_get(body, "status"));

        if (referral_state_parse(status, ret) < 0 || (*ret != REFERRAL_PAID && *ret != REFERRAL_REFUNDED))
                return error_set(e, -EINVAL, "`status` is paid or refunded");
        return 0;
}

int settlement_read_own(const json_t *body, Settlement *ret, Error *e)
{
        Settlement s = {.terms = {.price_minor = -1, .pct = UINT_MAX}, .share_minor = -1};
        int r;

        if (!json_is_object(body))
                return error_set(e, -EINVAL, "the body is no JSON object: {\"status\":\"paid\"}");
        r = read_status(body, &s.to, e);
        if (r >= 0)
                r = terms_read(body, &s.terms, e);
        if (r >= 0)
                *ret = s;
        return r;
}

int settlement_read(const json_t *body, Settlement *ret, Error *e)
{
        Settlement s = {0};
        int64_t settled = 0;
        int r;

        r = settlement_read_own(body, &s, e);
        if (r >= 0)
                r = read_referral(body, s.id, e);
        if (r >= 0)
                r = read_amount(body, "share_minor", MONEY_MINOR_MAX, &s.share_minor, e);
        if (r >= 0)
                r = read_amount(body, "settled", (INT64_C(1) << 53) - 1, &settled, e);
        if (r < 0)
                return r;
        s.settled_usec = (uint64_t) settled * USEC_PER_MSEC;
        *ret = s;
        return 0;
}

/* --- where the buyer goes --- */

static void add_encoded(Text *t, const char *s)
{
        for (; *s; s++) {
                bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
                             (*s >= '0' && *s <= '9') || strchr("-._~", *s);
                if (plain)
                        text_add_bytes(t, s, 1);
                else
                        text_add(t, "%%%02X", (uint8_t) *s);
        }
}

int checkout_url(const char *template, const char *base, const char *book, const char *node, const char *id,
                 char **ret)
{
        const struct {
                const char *word, *value;
        } all[] = {{"{bookId}", book}, {"{node}", node}, {"{id}", id}, {"{referral}", id}};
        _cleanup_text_ Text t = {0};

        if (!*template) {
                text_add_string(&t, base);
                template = "/checkout?book={bookId}&ref={node}&referral={id}";
        }
        while (*template) {
                size_t i, n = strcspn(template, "{");

                text_add_bytes(&t, template, n);
                template += n;
                for (i = 0; *template && i < ELEMENTSOF(all); i++)
                        if (strncmp(template, all[i].word, strlen(all[i].word)) == 0)
                                break;
                if (*template && i < ELEMENTSOF(all)) {
                        add_encoded(&t, all[i].value);
                        template += strlen(all[i].word);
                } else if (*template)
                        text_add_bytes(&t, template ++, 1);
        }
        if (t.failed)
                return -ENOMEM;
        return t.size > LISTING_URL_MAX ? -EINVAL : text_take(&t, ret);
}

bool checkout_url_fits(const char *url)
{
        const char *problem = NULL;
        size_t n = strlen(url);

        for (size_t i = 0; i < n; i++)
                if ((uint8_t) url[i] <= 0x20 || (uint8_t) url[i] >= 0x7f || strchr("\"'<>\\^`{|}", url[i]))
                        return false;
        return n <= LISTING_URL_MAX &&
               (strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0) &&
               conf_url_check(url, &problem) >= 0 && !problem;
}

int checkout_url_of(const char *template, const char *base, const char *fallback, const char *book,
                    const char *node, const char *id, char **ret)
{
        char *url = NULL;
        int r = checkout_url(fallback ? "" : template, fallback ? fallback : base, book, node, id, &url);

        if (r == -EINVAL || (r >= 0 && !checkout_url_fits(url))) {
                free(url);
                r = checkout_url("", fallback ? fallback : base, book, node, id, &url);
        }
        if (r >= 0)
                *ret = url;
        return r;
}
