/* SPDX-License-Identifier: MIT */
/* Money as integers: ISO 4217's digits, decimal text both ways. */
#include "federation/money.h"

#define MICRO_DIGITS 6

bool money_is_currency(const char *code)
{
        assert(code);

        for (int i = 0; i < 3; i++)
                if (code[i] < 'A' || code[i] > 'Z')
                        return false;
        return code[3] == '\0';
}

/* Four bytes are one comparison: this is asked for every price. */
static bool is_among(const char currency[static 4], const char list[][4], size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (memcmp(currency, list[i], 4) == 0)
                        return true;
        return false;
}

unsigned money_digits(const char *currency)
{
        /* ISO 4217, column "minor unit", where it is not 2 */
        static const char none[][4] = {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG",
                                       "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"};
        static const char three[][4] = {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"};
        static const char four[][4] = {"CLF", "UYW"};

        assert(currency);

        if (!money_is_currency(currency))
                return 2;
        return is_among(currency, none, ELEMENTSOF(none))     ? 0
               : is_among(currency, three, ELEMENTSOF(three)) ? 3
               : is_among(currency, four, ELEMENTSOF(four))   ? 4
                                                              : 2;
}

static int64_t power_of_ten(unsigned n)
{
        int64_t p = 1;

        while (n-- > 0)
                p *= 10;
        return p;
}

static int no_number(Error *e, const char *text)
{
        char plain[64];

        if (!strpbrk(text, "0123456789") || !strchr(text, ','))
                return error_set(e, -EINVAL, "`%s` is no number", plain_copy(plain, sizeof(plain), text));
        return error_set(e, -EINVAL, "`%s` is no number: a decimal point is wanted, and no comma",
                         plain_copy(plain, sizeof(plain), text));
}

/* text x 10^digits; what: how the unit is called in messages. */
static int parse_scaled(const char *text, unsigned digits, int64_t max, const char *what, int64_t *ret,
                        Error *e)
{
        int64_t n = 0;
        unsigned fraction = 0;
        bool point = false, any = false;

        if (*text == '-' && text[1])
                return error_set(e, -EINVAL, "must not be negative");
        for (const char *c = text; *c; c++) {
                if (*c == '.' && !point) {
                        point = true;
                        continue;
                }
                if (*c < '0' || *c > '9')
                        return no_number(e, text);
                any = true;
                if (point && fraction == digits) {
                        if (*c != '0')
                                return error_set(e, -EINVAL, "more than %u decimals for %s", digits, what);
                        continue;
                }
                fraction += point;
                if (n > (max - (*c - '0')) / 10)
                        return error_set(e, -EINVAL, "too large");
                n = n * 10 + (*c - '0');
        }
        if (!any)
                return no_number(e, text);
        for (; fraction < digits; fraction++) {
                if (n > max / 10)
                        return error_set(e, -EINVAL, "too large");
                n *= 10;
        }
        *ret = n;
        return 0;
}

int money_parse(const char *text, const char *currency, int64_t *ret_minor, Error *e)
{
        assert(text);
        assert(currency);
        assert(ret_minor);

        return parse_scaled(text, money_digits(currency), MONEY_MINOR_MAX, currency, ret_minor, e);
}

void money_print(Text *t, int64_t minor, const char *currency)
{
        assert(t);
        assert(minor >= 0);
        assert(currency);

        unsigned digits = money_digits(currency);
        int64_t scale = power_of_ten(digits), rest = minor % scale;
        text_add_number(t, (uint64_t) (minor / scale));
        if (rest == 0)
                return;
        text_add_string(t, ".");
        for (; rest > 0; rest %= scale) { /* 12.5, as JSON writers have it */
                scale /= 10;
                text_add_number(t, (uint64_t) (rest / scale));
        }
}

void money_print_fixed(Text *t, int64_t minor, const char *currency)
{
        assert(t);
        assert(minor >= 0);
        assert(currency);

        unsigned digits = money_digits(currency);
        int64_t scale = power_of_ten(digits);
        text_add_number(t, (uint64_t) (minor / scale));
        if (digits > 0)
                text_add(t, ".%0*lld", (int) digits, (long long) (minor % scale));
}

void money_print_price(Text *t, int64_t minor, const char *currency)
{
        if (minor < 0) {
                text_add_string(t, "\"price\":null,\"price_minor\":null");
        } else {
                text_add_string(t, "\"price\":");
                money_print(t, minor, currency);
                text_add_string(t, ",\"price_minor\":");
                text_add_number(t, (uint64_t) minor);
        }
        text_add_string(t, ",\"currency\":\"");
        text_add_string(t, currency);
        text_add_bytes(t, "\"", 1);
}

int64_t money_micros(int64_t minor, const char *currency)
{
        assert(minor >= 0 && minor <= MONEY_MINOR_MAX);

        return minor * power_of_ten(MICRO_DIGITS - money_digits(currency));
}

int money_parse_micros(const char *text, int64_t *ret_micros, Error *e)
{
        assert(text);
        assert(ret_micros);

        return parse_scaled(text, MICRO_DIGITS, MONEY_MINOR_MAX * 1000000, "a price", ret_micros, e);
}
