/* SPDX-License-Identifier: MIT */
/* Money as integers: minor units and an ISO 4217 code. Minor digits are ISO 4217's (JPY 0, KWD 3, most 2; unknown codes 2). */
#pragma once

#include "base/error.h"
#include "base/text.h"

#define MONEY_CURRENCY_DEFAULT "USD"
#define MONEY_MINOR_MAX        INT64_C(1000000000000) /* what a book costs at most, in any currency */

bool money_is_currency(const char *code); /* three capital letters */
unsigned money_digits(const char *currency);
/* "12.99", "12", ".5": major units, not negative, at most MONEY_MINOR_MAX. More digits than the currency has: -EINVAL,
 * unless they are zeros. */
int money_parse(const char *text, const char *currency, int64_t *ret_minor, Error *e);
/* A JSON number in major units: 1299 USD is 12.99, 1299 JPY is 1299. */
void money_print(Text *t, int64_t minor, const char *currency);
/* With all of the currency's digits, as in accounts: 1250 USD is 12.50. */
void money_print_fixed(Text *t, int64_t minor, const char *currency);
/* What results say of a price, without a comma in front: "price":…,"price_minor":…,"currency":"…". minor -1: unknown, null.
 * currency: three capital letters. */
void money_print_price(Text *t, int64_t minor, const char *currency);
/* Millionths of a major unit, so that prices of unlike digits compare; -EINVAL as above. */
int64_t money_micros(int64_t minor, const char *currency);
int money_parse_micros(const char *text, int64_t *ret_micros, Error *e);
