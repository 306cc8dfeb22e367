/* SPDX-License-Identifier: MIT */
/* What pages and nodes send about money: a checkout, an order, a settlement; and a shop's template for where its buyers go. What is
 * taken is within its bounds, adds up, says the same again, and leads a browser nowhere but to the web. */
#include "federation/referral.h"
#include "tests/fuzz/fuzz.h"

#include <limits.h>

#define NOW (UINT64_C(1763629200) * USEC_PER_SEC)

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        return 0;
}

static void check_terms(const Terms *t)
{
        char text[TERMS_SIZE];
        Terms again = {.price_minor = -1, .pct = UINT_MAX};
        json_t *j = json_object();

        FUZZ_CHECK(t->price_minor >= -1 && t->price_minor <= MONEY_MINOR_MAX);
        FUZZ_CHECK(t->pct <= 100 || t->pct == UINT_MAX);
        FUZZ_CHECK(!*t->currency || money_is_currency(t->currency));
        FUZZ_CHECK(t->price_minor < 0 || *t->currency);
        if (t->pct <= 100 && t->price_minor >= 0) {
                Share s = share_split(t->price_minor, t->pct);
                FUZZ_CHECK(s.referrer + s.seller == t->price_minor && s.referrer >= 0 && s.seller >= 0);
                terms_put(j, t, true);
                FUZZ_CHECK(terms_read(j, &again, NULL) >= 0 && terms_equal(t, &again));
                FUZZ_CHECK(strlen(terms_print(text, t)) > 0);
        }
        json_decref(j);
}

static void check_book(const char *book)
{
        size_t n = strlen(book);
        char *url = NULL;

        FUZZ_CHECK(n >= 1 && n <= LISTING_ID_MAX);
        FUZZ_CHECK(checkout_url_of("", "https://s.example", NULL, book, "n", "i", &url) >= 0);
        FUZZ_CHECK(strncmp(url, "https://s.example/checkout?book=", 32) == 0);
        FUZZ_CHECK(!strpbrk(url, " \"'<>\\\r\n\t") && checkout_url_fits(url));
        free(url);
}

static void check_template(const json_t *j)
{
        const char *template = json_string_value(json_object_get(j, "checkoutUrl"));
        char *url = NULL;

        if (!template || checkout_url_of(template, "https://s.example", NULL, "b\"1", "n", "i", &url) < 0)
                return;
        FUZZ_CHECK(strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0);
        FUZZ_CHECK(!strpbrk(url, " \"'<>\\\r\n\t") && strlen(url) <= LISTING_URL_MAX);
        free(url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        json_t *j = NULL;
        CheckoutAsk ask;
        Order order;
        Settlement s;
        Error e;

        if (json_parse((const char *) data, size, &j, NULL) < 0)
                return 0;
        if (checkout_read(j, &ask, &e) >= 0) {
                check_book(ask.book);
                FUZZ_CHECK(config_is_node_id(ask.source));
                FUZZ_CHECK(!ask.email || (strlen(ask.email) <= REFERRAL_EMAIL_MAX && strchr(ask.email, '@') &&
                                          !strpbrk(ask.email, "\r\n ")));
        } else
                FUZZ_CHECK(*e.text);
        if (order_read(j, "gamma", NOW, &order, &e) >= 0) {
                check_book(order.book);
                check_terms(&order.terms);
                FUZZ_CHECK(referral_is_id(order.id) && id_usec(order.id) <= NOW + REFERRAL_CLOCKS_USEC);
        } else
                FUZZ_CHECK(*e.text);
        if (settlement_read(j, &s, &e) >= 0) {
                check_terms(&s.terms);
                FUZZ_CHECK(referral_is_id(s.id) && (s.to == REFERRAL_PAID || s.to == REFERRAL_REFUNDED));
                FUZZ_CHECK(s.share_minor >= -1 && s.share_minor <= MONEY_MINOR_MAX);
        } else
                FUZZ_CHECK(*e.text);
        check_template(j);
        json_decref(j);
        return 0;
}
