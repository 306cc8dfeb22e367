/* SPDX-License-Identifier: MIT */
/* federation/referral.c: what may become of a referral, and what is taken from pages and nodes. */
#include "federation/referral.h"

#include "base/clock.h"
#include "tests/test.h"

#include <limits.h>

#define ID "01KAGQ0000ABCDEFGHJKMNPQRS"

static json_t *json(const char *text)
{
        json_t *j = NULL;
        Error e;

        if (json_parse(text, strlen(text), &j, &e) < 0) {
                fprintf(stderr, "%s: %s\n", text, e.text);
                exit(1);
        }
        return j;
}

TEST(settlements_never_go_backwards)
{
        for (int now = 0; now < _REFERRAL_STATE_MAX; now++)
                for (int to = 0; to < _REFERRAL_STATE_MAX; to++) {
                        int r = referral_settle((ReferralState) now, (ReferralState) to);

                        if (to < REFERRAL_PAID)
                                CHECK_INT(r, -EINVAL);
                        else
                                CHECK_INT(r, now < to);
                }
        CHECK_INT(referral_settle(REFERRAL_REFUNDED, REFERRAL_PAID), 0);
        CHECK_INT(referral_settle(REFERRAL_CONFIRMED, REFERRAL_REFUNDED), 1);
}

TEST(states_have_names)
{
        ReferralState s;

        for (int i = 0; i < _REFERRAL_STATE_MAX; i++) {
                CHECK_INT(referral_state_parse(referral_state_name((ReferralState) i), &s), 0);
                CHECK_INT(s, i);
        }
        CHECK_INT(referral_state_parse("Paid", &s), -EINVAL);
        CHECK_INT(referral_state_parse(NULL, &s), -EINVAL);
}

static int ask(const char *text, CheckoutAsk *ret)
{
        static json_t *kept;
        Error e;

        json_decref(kept);
        kept = json(text);
        return checkout_read(kept, ret, &e);
}

TEST(a_page_asks_with_a_book_and_a_node)
{
        CheckoutAsk a;

        CHECK_INT(ask("{\"bookId\":\"b 1\",\"sourceNodeId\":\"other:8440\"}", &a), 0);
        CHECK_STR(a.book, "b 1");
        CHECK_STR(a.source, "other:8440");
        CHECK(!a.email && !a.once);
        CHECK_INT(ask("{\"bookId\":17,\"sourceNodeId\":\"o\",\"email\":\"a@b.example\",\"idempotencyKey\":"
                      "\"k\"}",
                      &a),
                  0);
        CHECK_STR(a.book, "17");
        CHECK_STR(a.email, "a@b.example");
        CHECK_STR(a.once, "k");
        CHECK_INT(ask("{\"bookId\":17,\"sourceNodeId\":\"o\",\"email\":null}", &a), 0);
        static const char *const bad[] = {
                        "[]",
                        "{}",
                        "{\"bookId\":\"\",\"sourceNodeId\":\"o\"}",
                        "{\"bookId\":1.5,\"sourceNodeId\":\"o\"}",
                        "{\"bookId\":\"b\"}",
                        "{\"bookId\":\"b\\n\",\"sourceNodeId\":\"o\"}",
                        "{\"bookId\":\"b\",\"sourceNodeId\":\"a b\"}",
                        "{\"bookId\":\"b\",\"sourceNodeId\":\"../x\"}",
                        "{\"bookId\":\"b\",\"sourceNodeId\":7}",
                        "{\"bookId\":\"b\",\"sourceNodeId\":\"o\",\"email\":\"nobody\"}",
                        "{\"bookId\":\"b\",\"sourceNodeId\":\"o\",\"email\":\"a@b\\r\\nBcc: c@d\"}",
                        "{\"bookId\":\"b\",\"sourceNodeId\":\"o\",\"email\":\"a@b@c\"}",
        };
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                CHECK_INT(ask(bad[i], &a), -EINVAL);
}

static int order(const char *members, uint64_t now, Order *ret, Error *e)
{
        char text[500];
        json_t *j;
        int r;

        snprintf(text, sizeof(text), "{\"referral\":\"" ID "\",\"bookId\":\"b1\"%s}", members);
        j = json(text);
        r = order_read(j, "shop-a", now, ret, e);
        json_decref(j);
        return r;
}

TEST(an_order_names_its_terms_or_leaves_them_open)
{
        uint64_t made = id_usec(ID);
        Order o;
        Error e;

        CHECK(made > 0);
        CHECK_INT(order("", made, &o, &e), 0);
        CHECK_INT(o.terms.price_minor, -1);
        CHECK_STR(o.terms.currency, "");
        CHECK(o.terms.pct == UINT_MAX);
        CHECK_INT(order(",\"referrer\":\"shop-a\",\"price_minor\":1299,\"currency\":\"EUR\","
                        "\"revenue_share_pct\":15",
                        made, &o, &e),
                  0);
        CHECK_INT(o.terms.price_minor, 1299);
        CHECK_STR(o.terms.currency, "EUR");
        CHECK_INT(o.terms.pct, 15);
        CHECK_STR(o.id, ID);
        static const char *const bad[] = {
                        ",\"referrer\":\"shop-b\"",
                        ",\"price_minor\":-1,\"currency\":\"EUR\"",
                        ",\"price_minor\":1000000000001,\"currency\":\"EUR\"",
                        ",\"price_minor\":1299",
                        ",\"price_minor\":\"1299\",\"currency\":\"EUR\"",
                        ",\"price_minor\":1299,\"currency\":\"eur\"",
                        ",\"price_minor\":1299,\"currency\":\"EURO\"",
                        ",\"revenue_share_pct\":101",
                        ",\"revenue_share_pct\":-1",
        };
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                CHECK_INT(order(bad[i], made, &o, &e), -EINVAL);
}

TEST(an_orders_id_says_when_it_was)
{
        uint64_t made = id_usec(ID);
        Order o;
        Error e;

        CHECK_INT(order("", made + REFERRAL_ORDER_USEC, &o, &e), 0);
        CHECK_INT(order("", made + REFERRAL_ORDER_USEC + REFERRAL_CLOCKS_USEC + USEC_PER_SEC, &o, &e),
                  -ERANGE);
        CHECK(strstr(e.text, "too long ago"));
        CHECK_INT(order("", made - REFERRAL_CLOCKS_USEC, &o, &e), 0);
        CHECK_INT(order("", made - REFERRAL_CLOCKS_USEC - USEC_PER_SEC, &o, &e), -ERANGE);
        CHECK(referral_is_id(ID));
        CHECK(!referral_is_id("01kagq0000abcdefghjkmnpqrs"));
        CHECK(!referral_is_id("81KAGQ0000ABCDEFGHJKMNPQRS"));
        CHECK(!referral_is_id("01KAGQ0000ABCDEFGHJKMNPQR"));
        CHECK(!referral_is_id("01KAGQ0000ABCDEFGHJKMNPQRI"));
        CHECK(!referral_is_id(NULL));
}

TEST(a_settlement_is_paid_or_refunded)
{
        Settlement s;
        Error e;
        json_t *j = json("{\"referral\":\"" ID
                         "\",\"status\":\"paid\",\"price_minor\":1299,\"currency\":\"USD\","
                         "\"revenue_share_pct\":15,\"share_minor\":195,\"settled\":1763629200000}");

        CHECK_INT(settlement_read(j, &s, &e), 0);
        CHECK_INT(s.to, REFERRAL_PAID);
        CHECK_INT(s.share_minor, 195);
        CHECK_INT(s.settled_usec, 1763629200000000);
        json_object_set_new(j, "status", json_string("confirmed"));
        CHECK_INT(settlement_read(j, &s, &e), -EINVAL);
        json_object_set_new(j, "status", json_string("refunded"));
        CHECK_INT(settlement_read(j, &s, &e), 0);
        CHECK_INT(s.to, REFERRAL_REFUNDED);
        json_object_del(j, "referral");
        CHECK_INT(settlement_read(j, &s, &e), -EINVAL);
        CHECK_INT(settlement_read_own(j, &s, &e), 0);
        json_decref(j);
}

static void url_is(const char *template, const char *wanted)
{
        char *url = NULL;

        CHECK_INT(checkout_url(template, "https://s.example", "a b/ä?", "me:1", "R", &url), 0);
        CHECK_STR(url, wanted);
        free(url);
}

TEST(the_buyers_address_is_filled_in_and_encoded)
{
        char *url = NULL, *longer = calloc(1, 3000);

        url_is("", "https://s.example/checkout?book=a%20b%2F%C3%A4%3F&ref=me%3A1&referral=R");
        url_is("https://pay.example/{node}/{id}?b={bookId}&r={referral}",
               "https://pay.example/me%3A1/R?b=a%20b%2F%C3%A4%3F&r=R");
        url_is("https://pay.example/{what}{", "https://pay.example/{what}{");
        memset(longer, 'x', 2999);
        CHECK_INT(checkout_url(longer, "", "b", "n", "i", &url), -EINVAL);
        free(longer);
        CHECK(checkout_url_fits("https://pay.example/c?x=1&y=%20#z"));
        CHECK(checkout_url_fits("http://127.0.0.1:8080/"));
        static const char *const bad[] = {"javascript:alert(1)",
                                          "data:text/html,x",
                                          "https://",
                                          "https:///x",
                                          "ftp://a/",
                                          "https://a/ b",
                                          "https://a/\nx",
                                          "https://a/\"><script>",
                                          "//a/",
                                          "https://user:word@a/",
                                          "https://a/\xe2\x80\xae",
                                          ""};
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                if (checkout_url_fits(bad[i])) {
                        fprintf(stderr, "taken: %s\n", bad[i]);
                        exit(1);
                }
}

TEST(terms_say_what_they_are)
{
        Terms t = {.price_minor = 1250, .currency = "USD", .pct = 15};
        char text[TERMS_SIZE];

        CHECK_STR(terms_print(text, &t), "12.50 USD and 15 %");
        CHECK_INT(terms_share(&t), 188); /* 187.5 */
        memcpy(t.currency, "JPY", 4);
        CHECK_STR(terms_print(text, &t), "1250 JPY and 15 %");
        memcpy(t.currency, "KWD", 4);
        t.price_minor = 5;
        CHECK_STR(terms_print(text, &t), "0.005 KWD and 15 %");
        t.price_minor = -1;
        CHECK_STR(terms_print(text, &t), "no price and 15 %");
        CHECK_INT(terms_share(&t), -1);
}

MAIN()
