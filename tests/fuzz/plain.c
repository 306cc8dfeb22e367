/* SPDX-License-Identifier: MIT */
/* An independent reading of "one plain line": no code of base/text.c. */
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <wchar.h>

static bool is_plain(wchar_t c)
{
        unsigned long u = (unsigned long) c;

        if (u < 0x20 || (u >= 0x7f && u < 0xa0))
                return false; /* control characters */
        if (u >= 0x200e && u <= 0x200f)
                return false; /* marks of direction … */
        return !(u >= 0x2028 && u <= 0x202e) && !(u >= 0x2066 && u <= 0x2069);
}

bool fuzz_is_plain(const char *text)
{
        mbstate_t state = {};
        wchar_t c;

        while (*text) {
                size_t n = mbrtowc(&c, text, strlen(text), &state);

                if (n == (size_t) -1 || n == (size_t) -2 || !is_plain(c))
                        return false;
                text += n;
        }
        return true;
}
