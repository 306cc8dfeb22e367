/* SPDX-License-Identifier: MIT */
/* ISBN-10 and ISBN-13: checked and converted. */
#include "federation/isbn.h"

#include <string.h>

static unsigned check_digit_13(const char digits[static 12])
{
        unsigned sum = 0;

        for (unsigned i = 0; i < 12; i++)
                sum += (unsigned) (digits[i] - '0') * (i % 2 ? 3 : 1);
        return (10 - sum % 10) % 10;
}

static bool is_valid_10(const char digits[static 10])
{
        unsigned sum = 0;

        for (unsigned i = 0; i < 10; i++)
                sum += (10 - i) * (digits[i] == 'X' ? 10 : (unsigned) (digits[i] - '0'));
        return sum % 11 == 0;
}

/* Its digits, X only where an ISBN-10 may have one; -1: something else is in it. */
static int collect(const char *text, char digits[static 13])
{
        int n = 0;

        for (; *text; text++) {
                if (*text == '-' || *text == ' ')
                        continue;
                if (n == 13 ||
                    !((*text >= '0' && *text <= '9') || ((*text == 'X' || *text == 'x') && !text[1])))
                        return -1;
                digits[n++] = *text == 'x' ? 'X' : *text;
        }
        return n;
}

/* What clerks type where there is none has a right check digit, too: one digit throughout, or the keys in a row. Taken as
 * an ISBN it would make one work of all such books. */
static bool is_filler(const char nine[static 9])
{
        char same[10];

        memset(same, nine[0], 9);
        return memcmp(nine, same, 9) == 0 || memcmp(nine, "123456789", 9) == 0 ||
               memcmp(nine, "012345678", 9) == 0;
}

bool isbn_to_13(const char *text, char ret[static ISBN_SIZE])
{
        char digits[13], thirteen[ISBN_SIZE] = "978";
        int n = collect(text, digits);

        if (n == 13) {
                if (digits[12] == 'X' || (strncmp(digits, "978", 3) != 0 && strncmp(digits, "979", 3) != 0) ||
                    check_digit_13(digits) != (unsigned) (digits[12] - '0'))
                        return false;
                memcpy(thirteen, digits, 13);
        } else {
                if (n < 8 || n > 10)
                        return false;
                memmove(digits + 10 - n, digits, (size_t) n);
                memset(digits, '0', (size_t) (10 - n));
                if (!is_valid_10(digits))
                        return false;
                memcpy(thirteen + 3, digits, 9);
                thirteen[12] = (char) ('0' + check_digit_13(thirteen));
        }
        if (strncmp(thirteen, "978", 3) == 0 && is_filler(thirteen + 3))
                return false;
        memcpy(ret, thirteen, ISBN_SIZE);
        return true;
}
