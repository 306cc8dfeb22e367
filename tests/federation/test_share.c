/* SPDX-License-Identifier: MIT */
/* federation/share.c: how a sale is divided. Against Python's decimal: tests/e2e/test_revenue_shares.sh. */
#include "federation/share.h"

#include "base/id.h"
#include "tests/test.h"

TEST(halves_go_to_the_even_side)
{
        static const struct {
                int64_t price;
                unsigned pct;
                int64_t share;
        } cases[] = {
                        {0, 50, 0},
                        {1, 50, 0},
                        {3, 50, 2},
                        {5, 50, 2},
                        {7, 50, 4},
                        {10, 15, 2},
                        {30, 15, 4},
                        {50, 15, 8},
                        {70, 15, 10},
                        {1299, 15, 195},
                        {1299, 0, 0},
                        {1299, 100, 1299},
                        {50, 1, 0},
                        {150, 1, 2},
                        {51, 1, 1},
                        {MONEY_MINOR_MAX, 100, MONEY_MINOR_MAX},
                        {MONEY_MINOR_MAX - 1, 99, 989999999999},
                        {MONEY_MINOR_MAX - 50, 1, 10000000000}, /* 9999999999.5 */
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                CHECK_INT(share_split(cases[i].price, cases[i].pct).referrer, cases[i].share);
}

TEST(shares_add_up_to_the_price_and_are_the_nearest)
{
        uint64_t seed = 7;

        for (int i = 0; i < 1000000; i++) {
                int64_t price = (int64_t) (random_next(&seed) % (uint64_t) (MONEY_MINOR_MAX + 1));
                unsigned pct = (unsigned) (random_next(&seed) % 101);
                if (i % 2)
                        price %= 10000;
                Share s = share_split(price, pct);

                CHECK_INT(s.referrer + s.seller, price);
                CHECK(s.referrer >= 0 && s.seller >= 0);
                int64_t off = s.referrer * 100 -
                              price * pct; /* within half a unit, and at half a unit even */
                CHECK(off >= -50 && off <= 50);
                CHECK((off != 50 && off != -50) || s.referrer % 2 == 0);
        }
}

/* Of many sales of one price, nobody gains by rounding: halves go both ways. */
TEST(rounding_favours_nobody)
{
        int64_t off = 0;

        for (int64_t price = 0; price < 20000; price++)
                off += share_split(price, 50).referrer * 2 - price;
        CHECK_INT(off, 0);
}

MAIN()
