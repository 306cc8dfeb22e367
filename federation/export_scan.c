/* SPDX-License-Identifier: MIT */
/* Another node's export, read as it comes: the whole grammar of JSON but for what numbers and characters look like, which is looked
 * at where they are used. */
#include "federation/export_scan.h"

#include "base/hash.h"
#include "base/text.h"
#include "federation/export_file.h"

#define WORD_MAX 160 /* of a key, or of a value that is kept */

typedef enum State {
        AT_VALUE,   /* one must come */
        AT_FIRST,   /* one, or the end of an array */
        AT_KEY,     /* one must come */
        AT_MEMBER,  /* one, or the end of an object */
        AT_COLON,   /* behind a key */
        BEHIND,     /* a value: a comma, or the end of what it is in */
        IN_STRING,  /* in a value */
        IN_NAME,    /* in a key */
        IN_ESCAPE,  /* behind a backslash in one of them */
        IN_LITERAL, /* a number, true, false, null */
        AT_END,     /* white space only */
} State;

typedef enum Part { /* of the outermost object */
                    PART_OTHER,
                    PART_SCHEMA,
                    PART_NODE,
                    PART_HASH,
                    PART_GENERATION,
                    PART_LISTINGS,
                    PART_TRANSACTIONS,
                    PART_USERS,
                    _PART_MAX,
} Part;

static const char *const part_names[_PART_MAX] = {"",           "schema",   "node",         "hash",
                                                  "generation", "listings", "transactions", "users"};

struct ExportScan {
        int (*on_listing)(const char *json, size_t size, void *userdata, Error *e);
        void *userdata;
        State state, before_escape;
        unsigned depth;
        bool is_object[EXPORT_DEPTH_MAX];
        Part part;
        bool seen[_PART_MAX];
        bool odd; /* the word has an escape, or is too long */
        char word[WORD_MAX];
        size_t word_size;
        bool word_kept; /* the value that is being read is one of ours */
        bool hashing;   /* these bytes are of the listings */
        bool keeping;   /* … of one of them */
        bool too_large; /* that one */
        Text listing;
        Hash *hash;
        ExportFacts facts;
        bool failed;
};

int export_scan_new(int (*on_listing)(const char *json, size_t size, void *userdata, Error *e),
                    void *userdata, ExportScan **ret)
{
        ExportScan *s = calloc(1, sizeof(*s));

        assert(on_listing && ret);

        if (!s || hash_new(&s->hash) < 0) {
                free(s);
                return -ENOMEM;
        }
        s->on_listing = on_listing;
        s->userdata = userdata;
        *ret = s;
        return 0;
}

ExportScan *export_scan_free(ExportScan *s)
{
        if (!s)
                return NULL;
        text_clear(&s->listing);
        hash_free(s->hash);
        free(s);
        return NULL;
}

const ExportFacts *export_scan_facts(const ExportScan *s)
{
        return &s->facts;
}

static int bad(const ExportScan *s, size_t at, Error *e, const char *what)
{
        return error_set(e, -EBADMSG, "no proper export: byte %llu: %s",
                         (unsigned long long) (s->facts.bytes + at + 1), what);
}

/* --- words --- */

static void word_begin(ExportScan *s)
{
        s->word_size = 0;
        s->odd = false;
}

static void word_add(ExportScan *s, const char *data, size_t size)
{
        if (size >= sizeof(s->word) - s->word_size) {
                s->odd = true;
                return;
        }
        memcpy(s->word + s->word_size, data, size);
        s->word_size += size;
        s->word[s->word_size] = '\0';
}

static int part_begin(ExportScan *s, size_t at, Error *e)
{
        s->part = PART_OTHER;
        s->word[s->word_size] = '\0';
        for (Part p = PART_SCHEMA; p < _PART_MAX && !s->odd; p++)
                if (streq(s->word, part_names[p]))
                        s->part = p;
        if (s->part != PART_OTHER && s->seen[s->part])
                return bad(s, at, e, "a member stands there twice");
        s->seen[s->part] = s->part != PART_OTHER;
        return 0;
}

static void word_take(ExportScan *s, bool string)
{
        ExportFacts *f = &s->facts;

        if (!s->word_kept)
                return;
        s->word_kept = false;
        s->word[s->word_size] = '\0';
        if (s->odd)
                return;
        if (s->part == PART_SCHEMA && string)
                snprintf(f->schema, sizeof(f->schema), "%s", s->word);
        else if (s->part == PART_NODE && string)
                snprintf(f->node, sizeof(f->node), "%s", s->word);
        else if (s->part == PART_HASH && string)
                snprintf(f->hash, sizeof(f->hash), "%s", s->word);
        else if (s->part == PART_GENERATION && !string && s->word_size < 19 &&
                 strspn(s->word, "0123456789") == s->word_size)
                f->generation = strtoull(s->word, NULL, 10);
}

/* --- listings --- */

static void keep(ExportScan *s, const char *data, size_t size)
{
        if (s->too_large)
                return;
        if (s->listing.size + size > EXPORT_LISTING_MAX) {
                s->too_large = true;
                return;
        }
        text_add_bytes(&s->listing, data, size);
}

static int listing_end(ExportScan *s, Error *e)
{
        int r = 0;

        s->keeping = false;
        if (s->listing.failed)
                return error_set(e, -ENOMEM, "%s", error_words(-ENOMEM));
        if (s->too_large)
                s->facts.unfit++;
        else {
                for (char *p = s->listing.data; *p; p++) /* none is in a string */
                        if (*p == '\n' || *p == '\r')
                                *p = ' ';
                r = s->on_listing(s->listing.data, s->listing.size, s->userdata, e);
        }
        text_truncate(&s->listing, 0);
        return r;
}

static bool in_array_of(const ExportScan *s, Part part)
{
        return s->depth == 2 && s->part == part && !s->is_object[1];
}

/* A value begins, with this byte. */
static void value_begin(ExportScan *s, char c)
{
        if (in_array_of(s, PART_LISTINGS)) {
                s->facts.listings++;
                s->keeping = c == '{';
                s->too_large = false;
                s->facts.unfit += c != '{';
        } else if (in_array_of(s, PART_TRANSACTIONS))
                s->facts.transactions++;
        else if (in_array_of(s, PART_USERS))
                s->facts.users++;
        s->word_kept = s->depth == 1 && s->part >= PART_SCHEMA && s->part <= PART_GENERATION;
}

static int open_container(ExportScan *s, char c, size_t at, Error *e)
{
        if (s->depth == EXPORT_DEPTH_MAX)
                return bad(s, at, e, "nested too deeply");
        if (s->depth == 0 && c != '{')
                return bad(s, at, e, "not an object");
        if (s->depth == 1 && s->part == PART_LISTINGS && c != '[')
                return bad(s, at, e, "`listings` is no array");
        value_begin(s, c);
        s->word_kept = false;
        if (s->depth == 1 && s->part == PART_LISTINGS)
                s->hashing = true; /* from this byte on */
        s->is_object[s->depth++] = c == '{';
        s->state = c == '{' ? AT_MEMBER : AT_FIRST;
        return 0;
}

static void listings_end(ExportScan *s)
{
        s->hashing = false;
        hash_end(s->hash, s->facts.computed);
}

/* --- bytes --- */

/* What of data[begin, end) is to be kept or hashed. */
static void pass(ExportScan *s, const char *data, size_t begin, size_t end)
{
        if (end <= begin)
                return;
        if (s->hashing)
                hash_add(s->hash, data + begin, end - begin);
        if (s->keeping)
                keep(s, data + begin, end - begin);
}

/* data[at] closes something. *begin: what has not been passed on. */
static int close_container(ExportScan *s, const char *data, size_t at, size_t *begin, Error *e)
{
        int r = 0;

        if (s->depth == 0 || s->is_object[s->depth - 1] != (data[at] == '}'))
                return bad(s, at, e, "a bracket that closes nothing");
        s->depth--;
        s->state = s->depth == 0 ? AT_END : BEHIND;
        if (s->depth == 2 && s->keeping) {
                pass(s, data, *begin, at + 1);
                *begin = at + 1;
                r = listing_end(s, e);
        } else if (s->depth == 1 && s->part == PART_LISTINGS) {
                pass(s, data, *begin, at + 1);
                *begin = at + 1;
                listings_end(s);
        }
        return r;
}

static bool is_space(char c)
{
        return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static bool is_literal(char c)
{
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '+' || c == '.' ||
               c == 'E';
}

/* Where a value, or what stands for none, may begin. *begin: see above. */
static int on_value(ExportScan *s, const char *data, size_t at, size_t *begin, Error *e)
{
        char c = data[at];
        int r;

        if (c == ']' && s->state == AT_FIRST)
                return close_container(s, data, at, begin, e);
        if (c == '{' || c == '[') {
                bool kept = s->keeping, hashed = s->hashing;

                r = open_container(s, c, at, e);
                if (r >= 0 && (kept != s->keeping || hashed != s->hashing)) {
                        bool keeping = s->keeping, hashing = s->hashing;

                        s->keeping = kept; /* what is before it */
                        s->hashing = hashed;
                        pass(s, data, *begin, at);
                        s->keeping = keeping;
                        s->hashing = hashing;
                        *begin = at;
                }
                return r;
        }
        if (s->depth == 0)
                return bad(s, at, e, "not an object");
        if (s->depth == 1 && s->part == PART_LISTINGS)
                return bad(s, at, e, "`listings` is no array");
        if (c != '"' && !is_literal(c))
                return bad(s, at, e, "no value");
        value_begin(s, c);
        word_begin(s);
        s->state = c == '"' ? IN_STRING : IN_LITERAL;
        if (c != '"')
                word_add(s, &c, 1);
        return 0;
}

static int on_behind(ExportScan *s, const char *data, size_t at, size_t *begin, Error *e)
{
        char c = data[at];

        if (c == ',') {
                s->state = s->is_object[s->depth - 1] ? AT_KEY : AT_VALUE;
                return 0;
        }
        if (c == '}' || c == ']')
                return close_container(s, data, at, begin, e);
        return bad(s, at, e, "neither a comma nor an end");
}

static int on_key(ExportScan *s, const char *data, size_t at, size_t *begin, Error *e)
{
        if (data[at] == '}' && s->state == AT_MEMBER)
                return close_container(s, data, at, begin, e);
        if (data[at] != '"')
                return bad(s, at, e, "no key");
        word_begin(s);
        s->state = IN_NAME;
        return 0;
}

/* In a string, from `at` on: up to its end, or that of the piece. Where it has come to goes to *at. */
static int on_string(ExportScan *s, const char *data, size_t size, size_t *at, Error *e)
{
        size_t i = *at;
        bool wanted = s->state == IN_NAME ? s->depth == 1 : s->word_kept;

        while (i < size && data[i] != '"' && data[i] != '\\' && (uint8_t) data[i] >= ' ')
                i++;
        if (wanted)
                word_add(s, data + *at, i - *at);
        *at = i;
        if (i == size)
                return 0;
        if ((uint8_t) data[i] < ' ')
                return bad(s, i, e, "a control character in a string");
        *at = i + 1;
        if (data[i] == '\\') {
                s->odd = true;
                s->before_escape = s->state;
                s->state = IN_ESCAPE;
                return 0;
        }
        if (s->state == IN_NAME) {
                s->state = AT_COLON;
                return s->depth == 1 ? part_begin(s, i, e) : 0;
        }
        word_take(s, true);
        s->state = BEHIND;
        return 0;
}

/* One byte where no string is. */
static int on_byte(ExportScan *s, const char *data, size_t at, size_t *begin, Error *e)
{
        char c = data[at];

        if (s->state == IN_LITERAL) {
                if (is_literal(c)) {
                        if (s->word_kept)
                                word_add(s, &c, 1);
                        return 0;
                }
                word_take(s, false);
                s->state = BEHIND;
        }
        if (s->state == IN_ESCAPE) {
                if ((uint8_t) c < ' ')
                        return bad(s, at, e, "a control character in a string");
                s->state = s->before_escape;
                return 0;
        }
        if (is_space(c))
                return 0;
        switch (s->state) {
        case AT_VALUE:
        case AT_FIRST:
                return on_value(s, data, at, begin, e);
        case AT_KEY:
        case AT_MEMBER:
                return on_key(s, data, at, begin, e);
        case AT_COLON:
                s->state = AT_VALUE;
                return c == ':' ? 0 : bad(s, at, e, "no colon behind a key");
        case BEHIND:
                return on_behind(s, data, at, begin, e);
        default:
                return bad(s, at, e, "something behind the end");
        }
}

int export_scan_feed(ExportScan *s, const void *bytes, size_t size, Error *e)
{
        const char *data = bytes;
        size_t at = 0, begin = 0; /* what has not been kept or hashed yet */
        int r = 0;

        assert(s && (bytes || size == 0));
        assert(!s->failed);

        while (at < size && r >= 0)
                if (s->state == IN_STRING || s->state == IN_NAME)
                        r = on_string(s, data, size, &at, e);
                else {
                        r = on_byte(s, data, at, &begin, e);
                        at++;
                }
        if (r < 0) {
                s->failed = true;
                return r;
        }
        pass(s, data, begin, size);
        s->facts.bytes += size;
        return 0;
}

int export_scan_finish(ExportScan *s, Error *e)
{
        ExportFacts *f = &s->facts;
        char plain[100];

        assert(s && !s->failed);

        if (s->state != AT_END)
                return error_set(e, -EBADMSG, "the export ends in its middle, after %llu bytes",
                                 (unsigned long long) f->bytes);
        if (!s->seen[PART_LISTINGS])
                return error_set(e, -EBADMSG, "no export: it has no `listings`");
        if (!s->seen[PART_SCHEMA]) /* older software: nobody knows what its hash is of */
                return 0;
        if (!streq(f->schema, EXPORT_SCHEMA))
                return error_set(e, -EBADMSG, "its schema is `%s`, not " EXPORT_SCHEMA,
                                 plain_copy(plain, sizeof(plain), f->schema));
        if (!*f->hash)
                return error_set(e, -EBADMSG, "it has no hash");
        if (!streq(f->hash, f->computed))
                return error_set(e, -EBADMSG,
                                 "its hash is not that of its listings: it was changed or damaged");
        return 0;
}
