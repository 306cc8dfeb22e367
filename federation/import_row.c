/* SPDX-License-Identifier: MIT */
/* One row of an import as a listing. */
#include "federation/import_row.h"

#include "federation/isbn.h"
#include "federation/money.h"

#include <math.h>

/* In the order of preference. Those behind the contract's own are what well-known lists of books call them. */
static const struct {
        const char *name;
        ImportColumn column;
} names[] = {{"id", COLUMN_ID},
             {"book_id", COLUMN_ID},
             {"_id", COLUMN_ID},
             {"title", COLUMN_TITLE},
             {"author", COLUMN_AUTHOR},
             {"authors", COLUMN_AUTHOR},
             {"isbn", COLUMN_ISBN},
             {"isbn13", COLUMN_ISBN},
             {"description", COLUMN_DESCRIPTION},
             {"category", COLUMN_CATEGORY},
             {"tags", COLUMN_TAGS},
             {"language", COLUMN_LANGUAGE},
             {"language_code", COLUMN_LANGUAGE},
             {"url", COLUMN_URL},
             {"currency", COLUMN_CURRENCY},
             {"price", COLUMN_PRICE},
             {"price_minor", COLUMN_PRICE_MINOR},
             {"year", COLUMN_YEAR},
             {"original_publication_year", COLUMN_YEAR},
             {"rating", COLUMN_RATING},
             {"average_rating", COLUMN_RATING},
             {"popularity", COLUMN_POPULARITY},
             {"ratings_count", COLUMN_POPULARITY}};

static const char *const column_names[_COLUMN_MAX] = {
                [COLUMN_ID] = "id",
                [COLUMN_TITLE] = "title",
                [COLUMN_AUTHOR] = "author",
                [COLUMN_ISBN] = "isbn",
                [COLUMN_DESCRIPTION] = "description",
                [COLUMN_CATEGORY] = "category",
                [COLUMN_TAGS] = "tags",
                [COLUMN_LANGUAGE] = "language",
                [COLUMN_URL] = "url",
                [COLUMN_CURRENCY] = "currency",
                [COLUMN_PRICE] = "price",
                [COLUMN_PRICE_MINOR] = "price_minor",
                [COLUMN_YEAR] = "year",
                [COLUMN_RATING] = "rating",
                [COLUMN_POPULARITY] = "popularity",
};

/* Longer is cut, with a warning, or refused. */
static const struct {
        size_t max;
        bool cut;
} limits[] = {
                [COLUMN_ID] = {LISTING_ID_MAX, false},
                [COLUMN_TITLE] = {LISTING_TITLE_MAX, true},
                [COLUMN_AUTHOR] = {LISTING_AUTHOR_MAX, true},
                [COLUMN_ISBN] = {LISTING_ISBN_MAX, false},
                [COLUMN_DESCRIPTION] = {LISTING_DESCRIPTION_MAX, true},
                [COLUMN_CATEGORY] = {LISTING_CATEGORY_MAX, false},
                [COLUMN_TAGS] = {LISTING_TAGS_MAX, true},
                [COLUMN_LANGUAGE] = {LISTING_LANGUAGE_MAX, false},
                [COLUMN_URL] = {LISTING_URL_MAX, false},
};
#define N_TEXTS ELEMENTSOF(limits)

static bool same_name(const char *name, const char *ours)
{
        for (; *ours; ours++, name++) {
                char c = *name >= 'A' && *name <= 'Z' ? (char) (*name + ('a' - 'A')) : *name;
                if (c == '-' || c == ' ')
                        c = '_';
                if (c != *ours)
                        return false;
        }
        return !name[strspn(name, " \t")];
}

int import_column(const char *name, unsigned *ret_choice)
{
        assert(name);
        assert(ret_choice);

        name += strspn(name, " \t");
        for (unsigned i = 0; i < ELEMENTSOF(names); i++)
                if (same_name(name, names[i].name)) {
                        *ret_choice = i;
                        return (int) names[i].column;
                }
        return -1;
}

static void warn(Error *warning, ImportColumn column, const char *what)
{
        size_t used = strlen(warning->text);

        snprintf(warning->text + used, sizeof(warning->text) - used, "%s%s: %s", used > 0 ? "; " : "",
                 column_names[column], what);
}

/* What no text may have: invalid UTF-8 ends the row; control characters, what turns the direction of writing, and characters
 * for private use become spaces; white space is folded, and cut off at both ends. */
static int fold(ImportColumn column, char *s, Error *e)
{
        char *to = s;
        bool gap = false;
        size_t left = strlen(s), size;
        uint32_t c;

        for (const char *from = s; left > 0; from += size, left -= size) {
                size = utf8_size(from, left, &c);
                if (size == 0)
                        return error_set(e, -EINVAL,
                                         "%s: byte 0x%02x is no UTF-8 (is the file in Latin-1 or "
                                         "Windows-1252? `iconv -t "
                                         "UTF-8` converts it)",
                                         column_names[column], (uint8_t) *from);
                if (c <= ' ' || (c >= 0x7f && c <= 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff ||
                    (c >= 0x202a && c <= 0x202e) || (c >= 0xe000 && c <= 0xf8ff) ||
                    (c >= 0x2066 && c <= 0x2069)) {
                        gap = true;
                        continue;
                }
                if (gap && to > s)
                        *to++ = ' ';
                gap = false;
                memmove(to, from, size);
                to += size;
        }
        *to = '\0';
        return 0;
}

static int text_limit(ImportColumn column, char *s, Error *warning, Error *e)
{
        size_t size = strlen(s);

        if (size <= limits[column].max)
                return 0;
        if (!limits[column].cut)
                return error_set(e, -EINVAL, "%s: %zu bytes, at most %zu are allowed", column_names[column],
                                 size, limits[column].max);
        s[utf8_cut(s, limits[column].max)] = '\0';
        warn(warning, column, "too long, cut");
        return 0;
}

/* Money */

static int currency_read(char *s, Listing *l, Error *e)
{
        char plain[32];

        if (!s || !*s) {
                l->currency = MONEY_CURRENCY_DEFAULT;
                return 0;
        }
        for (char *c = s; *c; c++)
                if (*c >= 'a' && *c <= 'z')
                        *c = (char) (*c - ('a' - 'A'));
        if (!money_is_currency(s))
                return error_set(e, -EINVAL, "currency: `%s` is no ISO 4217 code",
                                 plain_copy(plain, sizeof(plain), s));
        l->currency = s;
        return 0;
}

static int digits_read(const char *s, int64_t max, int64_t *ret)
{
        int64_t n = 0;

        if (!*s)
                return -EINVAL;
        for (; *s; s++) {
                if (*s < '0' || *s > '9')
                        return -EINVAL;
                n = n * 10 + (*s - '0');
                if (n > max)
                        return -ERANGE;
        }
        *ret = n;
        return 0;
}

static int price_read(const char *price, const char *minor, Listing *l, Error *e)
{
        char plain[32];
        int64_t n;

        l->price_minor = -1;
        if (price && *price) {
                int r = money_parse(price, l->currency, &l->price_minor, e);
                if (r < 0)
                        return error_prefix(e, r, "price");
        }
        if (!minor || !*minor)
                return 0;
        if (digits_read(minor, MONEY_MINOR_MAX, &n) < 0)
                return error_set(e, -EINVAL, "price_minor: `%s` is no whole number of the smallest unit",
                                 plain_copy(plain, sizeof(plain), minor));
        if (l->price_minor >= 0 && l->price_minor != n)
                return error_set(e, -EINVAL, "price and price_minor say different things");
        l->price_minor = n;
        return 0;
}

/* What the book can be sold without: taken when it makes sense. */

static void year_read(char *s, Listing *l, Error *warning)
{
        bool negative = *s == '-';
        int64_t n;
        size_t size = strlen(s);

        if (size > 2 && streq(s + size - 2, ".0")) /* as spreadsheets and pandas write whole numbers */
                s[size - 2] = '\0';
        if (digits_read(s + negative, 9999, &n) == 0)
                l->year = (int) (negative ? -n : n);
        else
                warn(warning, COLUMN_YEAR, "no year, left out");
}

static void rating_read(const char *s, Listing *l, Error *warning)
{
        int64_t micros;

        if (money_parse_micros(s, &micros, NULL) == 0 && micros <= 100 * 1000000)
                l->rating = (double) micros / 1000000;
        else
                warn(warning, COLUMN_RATING, "no number from 0 to 100, left out");
}

static void popularity_read(char *s, Listing *l, Error *warning)
{
        char *point = strchr(s, '.');

        if (point && !point[1 + strspn(point + 1, "0123456789")])
                *point = '\0';
        if (digits_read(s, INT64_C(1000000000000000), &l->popularity) < 0)
                warn(warning, COLUMN_POPULARITY, "no whole number, left out");
}

static void url_check(const char **url, Error *warning)
{
        if (!**url)
                return;
        if ((strncasecmp(*url, "https://", 8) == 0 || strncasecmp(*url, "http://", 7) == 0) &&
            !strpbrk(*url, " \"<>\\^`{|}"))
                return;
        warn(warning, COLUMN_URL, "no http or https address, left out");
        *url = "";
}

static void isbn_check(const char *isbn, Error *warning)
{
        char valid[ISBN_SIZE];

        if (*isbn && !isbn_to_13(isbn, valid))
                warn(warning, COLUMN_ISBN, "its check digit is wrong, or it is none; kept as it is");
}

static void text_set(Listing *l, ImportColumn column, const char *s)
{
        const char **const text[] = {
                        [COLUMN_ID] = &l->id,
                        [COLUMN_TITLE] = &l->title,
                        [COLUMN_AUTHOR] = &l->author,
                        [COLUMN_ISBN] = &l->isbn,
                        [COLUMN_DESCRIPTION] = &l->description,
                        [COLUMN_CATEGORY] = &l->category,
                        [COLUMN_TAGS] = &l->tags,
                        [COLUMN_LANGUAGE] = &l->language,
                        [COLUMN_URL] = &l->url,
        };

        *text[column] = s;
}

int import_row_read(char *const values[static _COLUMN_MAX], Listing *ret, Error *warning, Error *e)
{
        Listing l = {.isbn = "", .url = ""};
        int r = 0;

        assert(ret);
        assert(warning);

        warning->text[0] = '\0';
        for (ImportColumn i = 0; i < _COLUMN_MAX && r == 0; i++) {
                if (values[i])
                        r = fold(i, values[i], e);
                if (r == 0 && i < N_TEXTS) {
                        text_set(&l, i, values[i] ? values[i] : "");
                        if (values[i])
                                r = text_limit(i, values[i], warning, e);
                }
        }
        if (r == 0 && !*l.title)
                r = error_set(e, -EINVAL, "no title");
        if (r == 0)
                r = currency_read(values[COLUMN_CURRENCY], &l, e);
        if (r == 0)
                r = price_read(values[COLUMN_PRICE], values[COLUMN_PRICE_MINOR], &l, e);
        if (r < 0)
                return r;
        if (values[COLUMN_YEAR] && *values[COLUMN_YEAR])
                year_read(values[COLUMN_YEAR], &l, warning);
        if (values[COLUMN_RATING] && *values[COLUMN_RATING])
                rating_read(values[COLUMN_RATING], &l, warning);
        if (values[COLUMN_POPULARITY] && *values[COLUMN_POPULARITY])
                popularity_read(values[COLUMN_POPULARITY], &l, warning);
        url_check(&l.url, warning);
        isbn_check(l.isbn, warning);
        *ret = l;
        return 0;
}
