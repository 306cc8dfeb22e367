/* SPDX-License-Identifier: MIT */
/* One result of a peer: what of it is passed on, and what we must know of it. */
#include "federation/dialect_private.h"
#include "federation/isbn.h"
#include "federation/json_clean.h"
#include "federation/money.h"
#include "federation/work_private.h"

#include <math.h>

/* Members that mean something to us. Others pass through. */
typedef enum Meaning {
        OTHER,
        ID,
        TITLE,
        AUTHOR,
        ISBN,
        OTHER_ISBN, /* where there is no isbn */
        AUTHORS,
        NAME,
        OTHER_ID,
        PRICE,
        PRICE_MINOR,
        CURRENCY,
        OURS, /* only we say that */
        _MEANING_MAX,
} Meaning;

typedef struct Known {
        const char *key;
        size_t size;
        Meaning meaning;
        size_t limit; /* of a string's bytes */
} Known;

#define KEY_MAX 64
#define KEY(s)  s, sizeof(s) - 1

static const Known known[] = {
                {KEY("id"), ID, LISTING_ID_MAX},
                {KEY("title"), TITLE, LISTING_TITLE_MAX},
                {KEY("author"), AUTHOR, LISTING_AUTHOR_MAX},
                {KEY("isbn"), ISBN, LISTING_ISBN_MAX},
                {KEY("isbn13"), OTHER_ISBN, LISTING_ISBN_MAX},
                {KEY("isbn10"), OTHER_ISBN, LISTING_ISBN_MAX},
                {KEY("price"), PRICE, 0},
                {KEY("price_minor"), PRICE_MINOR, 0},
                {KEY("currency"), CURRENCY, 0},
                {KEY("description"), OTHER, LISTING_DESCRIPTION_MAX},
                {KEY("category"), OTHER, LISTING_CATEGORY_MAX},
                {KEY("tags"), OTHER, LISTING_TAGS_MAX},
                {KEY("authors"), AUTHORS, LISTING_AUTHOR_MAX},
                {KEY("name"), NAME, LISTING_TITLE_MAX},
                {KEY("book_id"), OTHER_ID, LISTING_ID_MAX},
                {KEY("bookId"), OTHER_ID, LISTING_ID_MAX},
                {KEY("_id"), OTHER_ID, LISTING_ID_MAX},
                {KEY("relevance"), OURS, 0},
                {KEY("sellers"), OURS, 0},
                {KEY("networkId"), OURS, 0},
                {KEY("source_node"), OURS, 0},
                {KEY("source_name"), OURS, 0},
                {KEY("source_url"), OURS, 0},
                {KEY("revenue_share_pct"), OURS, 0},
};

/* Keys with escapes are none of these: take_key(). */
static const Known *find_known(JsonSlice key)
{
        static const Known other = {"", 0, OTHER, JSON_CLEAN_MAX};

        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (known[i].size == key.size - 2 && *known[i].key == key.s[1] &&
                    memcmp(known[i].key, key.s + 1, known[i].size) == 0)
                        return known + i;
        return &other;
}

/* Prices */

static int64_t to_minor(double major, const char *currency)
{
        static const double units[] = {1, 10, 100, 1000, 10000};
        double minor = major * units[MIN(money_digits(currency), 4U)];

        return minor >= 0 && minor <= (double) MONEY_MINOR_MAX ? llround(minor) : -1;
}

/* "12.99", "$12.99", "12,99 EUR": what is a number with a sign or a word beside it. */
static int64_t price_of_text(JsonSlice string, const char *currency)
{
        char text[40], *s = text, *end, *comma;

        if (json_slice_string(string, text, sizeof text - 1) >= sizeof text - 1)
                return -1;
        s += strcspn(s, "0123456789-.,");
        comma = strchr(s, ',');
        if (comma && !strchr(s, '.') && strspn(comma + 1, "0123456789") == 2)
                *comma = '.';
        if (strspn(s, "0123456789.") == 0)
                return -1;
        double major = strtod(s, &end);
        if (end == s || *end == ',' || *end == '.' || strpbrk(end, "0123456789") ||
            end - s != (ptrdiff_t) strspn(s, "0123456789."))
                return -1;
        return to_minor(major, currency);
}

static int64_t read_price(JsonSlice minor, JsonSlice major, const char *currency)
{
        int64_t n = json_slice_is_number(minor) && json_slice_is_integer(minor) ? json_slice_integer(minor)
                                                                                : -1;
        double d;

        if (n >= 0 && n <= MONEY_MINOR_MAX)
                return n;
        if (json_slice_is_number(major))
                return json_slice_double(major, &d) ? to_minor(d, currency) : -1;
        return json_slice_is(major, '"') ? price_of_text(major, currency) : -1;
}

static void read_currency(JsonSlice value, char ret[static 4])
{
        char code[5] = "";

        if (json_slice_is(value, '"'))
                (void) json_slice_string(value, code, sizeof code - 1);
        for (char *c = code; *c; c++)
                if (*c >= 'a' && *c <= 'z')
                        *c = (char) (*c - ('a' - 'A'));
        memcpy(ret, money_is_currency(code) ? code : MONEY_CURRENCY_DEFAULT, 4);
}

/* A result while it is read. */
typedef struct Reading {
        Text *json;
        JsonSlice keys[DIALECT_MEMBERS_MAX]; /* that were there */
        unsigned n_keys;
        JsonSlice value[_MEANING_MAX];
} Reading;

static void begin_member(Text *t, const char *key)
{
        text_add_bytes(t, t->size > 1 ? ",\"" : "\"", t->size > 1 ? 2 : 1);
        text_add_string(t, key);
        text_add_bytes(t, "\":", 2);
}

/* A string, or a number as one. */
static bool is_text(JsonSlice v)
{
        return json_slice_is(v, '"') || (json_slice_is_number(v) && json_slice_is_integer(v));
}

static void add_text_member(Text *t, const char *key, JsonSlice value, size_t limit)
{
        begin_member(t, key);
        if (json_slice_is(value, '"')) {
                json_clean_string(t, value, limit);
        } else {
                text_add_bytes(t, "\"", 1);
                text_add_bytes(t, value.s, value.size);
                text_add_bytes(t, "\"", 1);
        }
}

static bool add_other(Text *t, const Known *k, JsonSlice key, JsonSlice value)
{
        bool is_string = json_slice_is(value, '"'),
             nested = json_slice_is(value, '{') || json_slice_is(value, '[');
        const char *end = value.s + value.size;

        if ((nested && value.size > JSON_CLEAN_MAX) || (!is_string && !json_numbers_are_common(value)) ||
            !json_links_are_http(value, json_is_url_key(key)))
                return false;
        if (t->size > 1)
                text_add_bytes(t, ",", 1);
        if (!nested && value.size <= k->limit && key.s + key.size + 1 == value.s &&
            json_clean_skip(key.s, end) == end) {
                text_add_bytes(t, key.s, (size_t) (end - key.s)); /* as it stands there */
                return true;
        }
        json_clean_string(t, key, KEY_MAX);
        text_add_bytes(t, ":", 1);
        if (is_string)
                json_clean_string(t, value, k->limit);
        else
                json_clean_nested(t, value);
        return true;
}

static void note(JsonSlice *at, JsonSlice value)
{
        if (at->size == 0)
                *at = value;
}

/* A key that was there before, and one that nobody would write so, are left out with their values. */
static bool take_key(Reading *r, JsonSlice key)
{
        if (key.size > KEY_MAX + 2 || r->n_keys == DIALECT_MEMBERS_MAX)
                return false;
        if (memchr(key.s, '\\', key.size)) {
                char plain[KEY_MAX + 1];
                bool ascii = true;
                (void) json_slice_string(key, plain, KEY_MAX);
                for (const char *s = plain; *s; s++)
                        ascii &= (uint8_t) *s < 0x80;
                if (ascii) /* "s\u006furce_node" */
                        return false;
        }
        for (unsigned i = 0; i < r->n_keys; i++)
                if (r->keys[i].size == key.size && memcmp(r->keys[i].s, key.s, key.size) == 0)
                        return false;
        r->keys[r->n_keys++] = key;
        return true;
}

static void read_member(Reading *r, JsonSlice key, JsonSlice value)
{
        const Known *k = find_known(key);
        size_t before = r->json->size;
        bool common = true;

        switch (k->meaning) {
        case OURS:
                return;
        case PRICE:
        case PRICE_MINOR:
        case CURRENCY:
                r->value[k->meaning] = value;
                return;
        case ID:
                if (is_text(value) && value.size <= LISTING_ID_MAX + 2) {
                        r->value[ID] = value;
                        common = add_other(r->json, k, key, value);
                }
                break;
        case TITLE:
        case AUTHOR:
        case ISBN:
                if (is_text(value)) {
                        r->value[k->meaning] = value;
                        add_text_member(r->json, k->key, value, k->limit);
                } else if (k->meaning == AUTHOR) {
                        note(&r->value[AUTHORS], value);
                }
                break;
        default:
                note(&r->value[k->meaning], value);
                common = add_other(r->json, k, key, value);
        }
        if (!common || (r->json->size > DIALECT_RESULT_MAX && k->meaning != TITLE && k->meaning != AUTHOR &&
                        k->meaning != ISBN && k->meaning != ID))
                text_truncate(r->json, before);
}

/* The first of a list. */
static JsonSlice first_author(JsonSlice authors)
{
        JsonSlice first = authors;

        if (json_slice_is(authors, '[')) {
                JsonWalk w = json_walk(authors);
                if (!json_walk_element(&w, &first))
                        first = (JsonSlice){0};
        }
        return json_slice_is(first, '"') ? first : (JsonSlice){0};
}

/* What the contract promises of a result, by whatever name the peer has it. */
static void complete(Reading *r)
{
        if (r->value[ID].size == 0 && is_text(r->value[OTHER_ID]) &&
            r->value[OTHER_ID].size <= LISTING_ID_MAX + 2) {
                r->value[ID] = r->value[OTHER_ID];
                add_text_member(r->json, "id", r->value[OTHER_ID], LISTING_ID_MAX);
        }
        if (r->value[TITLE].size == 0 && is_text(r->value[NAME])) {
                r->value[TITLE] = r->value[NAME];
                add_text_member(r->json, "title", r->value[NAME], LISTING_TITLE_MAX);
        }
        if (r->value[AUTHOR].size == 0 && first_author(r->value[AUTHORS]).size > 0) {
                r->value[AUTHOR] = first_author(r->value[AUTHORS]);
                add_text_member(r->json, "author", r->value[AUTHOR], LISTING_AUTHOR_MAX);
        }
        if (r->value[ISBN].size == 0 && is_text(r->value[OTHER_ISBN])) {
                r->value[ISBN] = r->value[OTHER_ISBN];
                add_text_member(r->json, "isbn", r->value[ISBN], LISTING_ISBN_MAX);
        }
}

static void read_text(JsonSlice value, char *buffer, size_t limit)
{
        buffer[0] = '\0';
        if (json_slice_is(value, '"')) {
                (void) json_slice_string(value, buffer, limit);
        } else if (value.size > 0 && value.size <= limit) {
                memcpy(buffer, value.s, value.size);
                buffer[value.size] = '\0';
        }
}

static bool is_blank(const char *s)
{
        return s[strspn(s, " ")] == '\0';
}

int peer_result_read(JsonWalk *element, Text *scratch, PeerResult *ret)
{
        _unset_ char id[LISTING_ID_MAX + 1], title[LISTING_TITLE_MAX + 1], author[LISTING_AUTHOR_MAX + 1],
                        isbn[LISTING_ISBN_MAX + 1], currency[4];
        _unset_ Reading r;
        JsonWalk w = {element->at + 1, element->end};
        JsonSlice key, value;

        if (*element->at != '{') {
                (void) json_walk_element(element, &value);
                return -EBADMSG;
        }
        r.json = scratch;
        r.n_keys = 0;
        memset(r.value, 0, sizeof r.value);
        text_truncate(scratch, 0);
        text_add_bytes(scratch, "{", 1);
        while (json_walk_member(&w, &key, &value))
                if (take_key(&r, key))
                        read_member(&r, key, value);
        element->at = w.at + 1;
        complete(&r);
        read_text(r.value[TITLE], title, LISTING_TITLE_MAX);
        if (is_blank(title))
                return scratch->failed ? -ENOMEM : -EBADMSG;
        read_text(r.value[ID], id, LISTING_ID_MAX);
        read_text(r.value[AUTHOR], author, LISTING_AUTHOR_MAX);
        read_text(r.value[ISBN], isbn, LISTING_ISBN_MAX);
        read_currency(r.value[CURRENCY], currency);
        int64_t minor = read_price(r.value[PRICE_MINOR], r.value[PRICE], currency);
        text_add_bytes(scratch, ",", 1);
        money_print_price(scratch, minor, currency);
        if (scratch->failed)
                return -ENOMEM;
        return peer_result_make(&(PeerResultParts){scratch->data, scratch->size, id, title, author, isbn,
                                                   currency, minor},
                                ret);
}

static const char *pack(char **at, const char *s, size_t size)
{
        char *begin = *at;

        memcpy(begin, s, size);
        begin[size] = '\0';
        *at = begin + size + 1;
        return begin;
}

int peer_result_make(const PeerResultParts *parts, PeerResult *ret)
{
        char isbn13[ISBN_SIZE] = "";
        _unset_ char buffer[256];
        _cleanup_text_ Text work = text_in(buffer, sizeof buffer);

        assert(parts);
        assert(ret);

        if (!isbn_to_13(parts->isbn, isbn13))
                isbn13[0] = '\0';
        work_key_print(&work, parts->title, parts->author);
        if (work.failed)
                return -ENOMEM;
        size_t id = strlen(parts->id), title = strlen(parts->title), author = strlen(parts->author),
               currency = strlen(parts->currency);
        char *at = malloc(parts->json_size + id + title + author + sizeof isbn13 + work.size + currency + 6);
        if (!at)
                return -ENOMEM;
        ret->json = at;
        ret->json_size = parts->json_size;
        (void) pack(&at, parts->json, parts->json_size);
        ret->id = pack(&at, parts->id, id);
        ret->title = pack(&at, parts->title, title);
        ret->author = pack(&at, parts->author, author);
        ret->isbn13 = pack(&at, isbn13, strlen(isbn13));
        ret->work = pack(&at, work.data, work.size);
        ret->currency = pack(&at, parts->currency, currency);
        ret->price_minor = parts->price_minor;
        return 0;
}
