/* SPDX-License-Identifier: MIT */
/* Prints the referrer's share of each "PRICE PERCENT" on standard input: for who computes it by other means. */
#include "federation/share.h"

#include <stdio.h>

int main(void)
{
        long long price;
        unsigned pct;

        while (scanf("%lld %u", &price, &pct) == 2)
                printf("%lld %lld\n", (long long) share_split(price, pct).referrer,
                       (long long) share_split(price, pct).seller);
        return ferror(stdout) || fflush(stdout) != 0;
}
