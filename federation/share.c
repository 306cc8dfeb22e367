/* SPDX-License-Identifier: MIT */
/* What a referrer gets of a sale. */
#include "federation/share.h"

static_assert(MONEY_MINOR_MAX <= INT64_MAX / 100, "price x pct fits");

Share share_split(int64_t price_minor, unsigned pct)
{
        assert(price_minor >= 0 && price_minor <= MONEY_MINOR_MAX);
        assert(pct <= 100);

        int64_t hundredths = price_minor * pct, share = hundredths / 100, rest = hundredths % 100;
        if (rest > 50 || (rest == 50 && share % 2 != 0))
                share++;
        return (Share){.referrer = share, .seller = price_minor - share};
}
