/* SPDX-License-Identifier: MIT */
/* Books that nobody wrote, as CSV in the import's form, the same for the same seed: titles over 150,000 words that are as unevenly
 * common as words are (Zipf), authors with several books, editions of one work, popularity in no order.
 *
 *     make-books COUNT [SEED [FROM]] >books.csv          FROM: number of the first book, so that shops can overlap */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS      150000
#define SURNAMES   60000
#define FORENAMES  1500
#define CATEGORIES 24
#define TOP_SALES  5e6

static uint64_t arg_seed = 1;

/* splitmix64 (Steele, Lea, Flood 2014): a number for each thing and its n-th property, in any order of asking. */
static uint64_t mix(uint64_t thing, uint64_t property)
{
        uint64_t z = thing * UINT64_C(0x9e3779b97f4a7c15) + property * UINT64_C(0xd1b54a32d192ed03);
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

static double unit(uint64_t thing, uint64_t property)
{
        return (double) (mix(thing ^ (arg_seed << 40), property) >> 11) * 0x1p-53;
}

static unsigned pick(unsigned n, uint64_t thing, uint64_t property)
{
        return (unsigned) (unit(thing, property) * n);
}

/* The i-th of n things is met i times more seldom than the first. */
static unsigned zipf(unsigned n, uint64_t thing, uint64_t property)
{
        unsigned i = (unsigned) (exp(unit(thing, property) * log(n + 1.0)) - 1);
        return i < n ? i : n - 1;
}

/* Some of n are met often, by far not as unevenly: authors write at most a few thousand books. */
static unsigned squared(unsigned n, uint64_t thing, uint64_t property)
{
        double u = unit(thing, property);
        return (unsigned) (n * u * u);
}

/* The i-th word of a kind: common ones are short. The same for every seed, so that questions fit all catalogs. */
static void add_word(char *to, uint64_t kind, unsigned i, bool capital)
{
        static const char *const heads[] = {"b",  "c",  "d",  "f",  "g",  "h",  "l",  "m",
                                            "n",  "p",  "r",  "s",  "t",  "v",  "w",  "br",
                                            "ch", "dr", "gr", "pl", "sh", "st", "th", "tr"};
        static const char *const vowels[] = {"a", "e", "i", "o", "u", "ea", "ai", "ou"};
        static const char *const tails[] = {"", "", "", "n", "r", "s", "t", "l", "nd", "rk"};
        unsigned syllables = i < 120 ? 1 : i < 4000 ? 2 : 3;
        uint64_t r = mix(kind * 1000003 + i, 99);
        char *start = to + strlen(to), *p = start;

        for (unsigned s = 0; s < syllables; s++) {
                p += sprintf(p, "%s%s%s", heads[r % 24], vowels[r / 24 % 8], tails[r / 192 % 10]);
                r = mix(r, s);
        }
        if (capital)
                *start = (char) (*start - 'a' + 'A');
}

static void print_title(uint64_t work)
{
        static const unsigned char lengths[] = {1, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 6, 6, 7, 8, 10};
        char title[400] = "";
        unsigned n = lengths[pick(16, work, 1)];

        for (unsigned i = 0; i < n; i++) {
                if (i > 0)
                        strcat(title, " ");
                add_word(title, 1, zipf(WORDS, work, 20 + i), true);
        }
        if (pick(8, work, 2) == 0) {
                strcat(title, " (");
                add_word(title, 1, zipf(3000, work, 3), true);
                sprintf(title + strlen(title), " #%u)", 1 + pick(9, work, 4));
        }
        printf("\"%s\"", title);
}

static void print_author(uint64_t author)
{
        char name[120] = "";
        add_word(name, 2, zipf(FORENAMES, author, 5), true);
        strcat(name, " ");
        add_word(name, 3, zipf(SURNAMES, author, 6), true);
        printf("%s", name);
}

static void print_isbn(uint64_t book)
{
        char digits[14];
        unsigned sum = 0;

        snprintf(digits, sizeof(digits), "979%09u", pick(1000000000, book, 7));
        for (int i = 0; i < 12; i++)
                sum += (unsigned) (digits[i] - '0') * (i % 2 ? 3 : 1);
        printf("%s%u", digits, (10 - sum % 10) % 10);
}

static void print_book(uint64_t book, unsigned authors)
{
        static const char *const languages[] = {"en", "en", "en", "en", "en", "en", "fr", "de", "es", "ru"};
        static const char *const currencies[] = {"USD", "USD", "USD", "EUR", "GBP", "JPY"};
        uint64_t work = book > 40 && pick(25, book, 8) == 0 ? book - 1 - pick(40, book, 9) : book;
        const char *currency = currencies[pick(6, book, 10)];
        unsigned price = 99 + pick(4000, book, 11);
        char category[64] = "", decimals[8] = "";

        printf("b%07" PRIu64 ",", book);
        print_title(work);
        printf(",\"");
        print_author(squared(authors, work, 12));
        if (pick(7, work, 13) == 0) {
                printf(", ");
                print_author(squared(authors, work, 14));
        }
        printf("\",");
        if (pick(10, book, 15) > 0)
                print_isbn(book);
        add_word(category, 4, zipf(CATEGORIES, work, 16), true);
        if (strcmp(currency, "JPY") == 0)
                price *= 100;
        else
                snprintf(decimals, sizeof(decimals), ".%02u", price % 100);
        printf(",%s,%s,%u%s,%s,%u,%.0f\n", category, languages[pick(10, work, 17)], price / 100, decimals,
               currency, 1700 + pick(326, work, 18), exp(unit(book, 19) * log(TOP_SALES)));
}

int main(int argc, char **argv)
{
        unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
        unsigned long from = argc > 3 ? strtoul(argv[3], NULL, 10) : 1;

        if (argc > 2)
                arg_seed = strtoul(argv[2], NULL, 10);
        if (count == 0 || argc > 4) {
                fprintf(stderr, "usage: make-books COUNT [SEED [FROM]]\n");
                return 2;
        }
        unsigned authors = (unsigned) (count / 4 + 10);
        printf("id,title,author,isbn,category,language,price,currency,year,popularity\n");
        for (unsigned long i = 0; i < count; i++)
                print_book(from + i, authors);
        return fflush(stdout) == 0 ? 0 : 1;
}
