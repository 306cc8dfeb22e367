/* SPDX-License-Identifier: MIT */
/* federation/money.c. */
#include "tests/test.h"

#include "federation/money.h"

#include <inttypes.h>

static const char *parsed(const char *text, const char *currency)
{
        static char out[sizeof(Error)];
        int64_t minor = -7;
        Error e = {""};

        if (money_parse(text, currency, &minor, &e) == 0)
                snprintf(out, sizeof(out), "%" PRId64, minor);
        else {
                CHECK_INT(minor, -7);
                snprintf(out, sizeof(out), "%s", e.text);
        }
        return out;
}

static const char *printed(int64_t minor, const char *currency)
{
        static char out[64];
        _cleanup_text_ Text t = {0};

        money_print(&t, minor, currency);
        CHECK(!t.failed);
        snprintf(out, sizeof(out), "%s", t.data);
        return out;
}

TEST(major_units_become_minor_ones)
{
        CHECK_STR(parsed("12.99", "USD"), "1299");
        CHECK_STR(parsed("12", "USD"), "1200");
        CHECK_STR(parsed("12.", "USD"), "1200");
        CHECK_STR(parsed(".5", "USD"), "50");
        CHECK_STR(parsed("0", "USD"), "0");
        CHECK_STR(parsed("12.9900", "USD"), "1299");
        CHECK_STR(parsed("1299", "JPY"), "1299");
        CHECK_STR(parsed("1299.0", "JPY"), "1299");
        CHECK_STR(parsed("1.234", "KWD"), "1234");
        CHECK_STR(parsed("9.99", "XXX"), "999");
        CHECK_STR(parsed("10000000000", "USD"), "1000000000000");
        CHECK_STR(parsed("00012.90", "USD"), "1290");
}

TEST(what_is_no_price_is_refused_with_the_reason)
{
        CHECK_STR(parsed("12.999", "USD"), "more than 2 decimals for USD");
        CHECK_STR(parsed("12.5", "JPY"), "more than 0 decimals for JPY");
        CHECK_STR(parsed("-1", "USD"), "must not be negative");
        CHECK_STR(parsed("10000000000.01", "USD"), "too large");
        CHECK_STR(parsed("99999999999999999999999999999999", "USD"), "too large");
        CHECK_STR(parsed("12,99", "EUR"), "`12,99` is no number: a decimal point is wanted, and no comma");
        CHECK_STR(parsed("$12", "USD"), "`$12` is no number");
        CHECK_STR(parsed("1e3", "USD"), "`1e3` is no number");
        CHECK_STR(parsed("1.2.3", "USD"), "`1.2.3` is no number");
        CHECK_STR(parsed("", "USD"), "`` is no number");
        CHECK_STR(parsed(".", "USD"), "`.` is no number");
        CHECK_STR(parsed("-", "USD"), "`-` is no number");
        CHECK_STR(parsed("nan", "USD"), "`nan` is no number");
        CHECK_STR(parsed("\xe2\x80\xae"
                         "1",
                         "USD"),
                  "`\\u202e1` is no number");
}

TEST(prices_are_printed_as_json_numbers)
{
        CHECK_STR(printed(1299, "USD"), "12.99");
        CHECK_STR(printed(1290, "USD"), "12.9");
        CHECK_STR(printed(1200, "USD"), "12");
        CHECK_STR(printed(5, "USD"), "0.05");
        CHECK_STR(printed(0, "USD"), "0");
        CHECK_STR(printed(1299, "JPY"), "1299");
        CHECK_STR(printed(1234, "KWD"), "1.234");
        CHECK_STR(printed(MONEY_MINOR_MAX, "USD"), "10000000000");
}

TEST(what_is_printed_is_read_as_the_same)
{
        static const char *const currencies[] = {"USD", "JPY", "KWD", "CLF"};
        uint64_t random = 1;

        for (unsigned i = 0; i < 20000; i++) {
                int64_t minor, again;
                random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
                minor = (int64_t) (random >> 20) % MONEY_MINOR_MAX >> i % 40;
                CHECK_INT(money_parse(printed(minor, currencies[i % 4]), currencies[i % 4], &again, NULL), 0);
                CHECK_INT(again, minor);
        }
}

TEST(prices_of_unlike_currencies_compare)
{
        int64_t micros;

        CHECK_INT(money_micros(1299, "USD"), 12990000);
        CHECK_INT(money_micros(1299, "JPY"), 1299000000);
        CHECK_INT(money_micros(1299, "KWD"), 1299000);
        CHECK_INT(money_parse_micros("12.99", &micros, NULL), 0);
        CHECK_INT(micros, 12990000);
        CHECK_INT(money_parse_micros("0.1234567", &micros, NULL), -EINVAL);
        CHECK_INT(money_parse_micros("1000000000000", &micros, NULL), 0);
        CHECK_INT(money_parse_micros("1000000000001", &micros, NULL), -EINVAL);
        CHECK_INT(money_micros(MONEY_MINOR_MAX, "JPY"), INT64_C(1000000000000000000));
}

TEST(currencies_are_three_capitals)
{
        CHECK(money_is_currency("EUR"));
        CHECK(!money_is_currency("eur"));
        CHECK(!money_is_currency("EU"));
        CHECK(!money_is_currency("EURO"));
        CHECK(!money_is_currency(""));
}

TEST(a_price_is_three_members)
{
        _cleanup_text_ Text t = {0};

        money_print_price(&t, 1299, "USD");
        text_add_string(&t, " ");
        money_print_price(&t, 0, "JPY");
        text_add_string(&t, " ");
        money_print_price(&t, -1, "EUR");
        CHECK_STR(t.data, "\"price\":12.99,\"price_minor\":1299,\"currency\":\"USD\" "
                          "\"price\":0,\"price_minor\":0,\"currency\":\"JPY\" "
                          "\"price\":null,\"price_minor\":null,\"currency\":\"EUR\"");
}

MAIN()
