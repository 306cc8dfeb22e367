/* SPDX-License-Identifier: MIT */
/* What is asked: a search as it came over HTTP, checked and made comparable. Pure. */
#include "federation/question.h"

#include "federation/listing.h"
#include "federation/money.h"
#include "federation/work.h"

#include <inttypes.h>
#include <strings.h>

/* --- the words --- */

static bool is_space(uint32_t c)
{
        return c <= 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
               c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* Marks that nobody sees and that split words which look whole. The two joiners stay: words are written with them. */
static bool is_invisible(uint32_t c)
{
        return c == 0xad || c == 0x61c || c == 0x200b || c == 0x200e || c == 0x200f ||
               (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
               (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

/* White space becomes one blank, none at the ends. -EINVAL: no UTF-8. */
static int fold_space(const char *s, Text *t)
{
        bool blank = false;

        for (size_t left = strlen(s), size; left > 0; s += size, left -= size) {
                uint32_t c;

                size = utf8_size(s, left, &c);
                if (size == 0)
                        return -EINVAL;
                if (is_space(c)) {
                        blank = true;
                        continue;
                }
                if (is_invisible(c))
                        continue;
                if (blank && t->size > 0)
                        text_add_string(t, " ");
                blank = false;
                text_add_bytes(t, s, size);
        }
        return t->failed ? -ENOMEM : 0;
}

static void cut_at_word(char *s, size_t limit)
{
        size_t cut = utf8_cut(s, limit);

        if (!s[cut])
                return;
        size_t word = cut;
        while (word > 0 && s[word] != ' ')
                word--;
        s[word > 0 ? word : cut] = '\0';
}

/* The value as a line of its own: malloc'ed, "" when absent. */
static int value_line(const char *value, const char *key, char **ret, Error *e)
{
        _cleanup_text_ Text t = {0};

        int r = value ? fold_space(value, &t) : 0;
        if (r == -EINVAL)
                return error_set(e, r, "%s is not UTF-8", key);
        if (r == 0)
                r = text_take(&t, ret);
        return r < 0 ? error_set(e, r, "out of memory") : 0;
}

static int read_text(Question *q, QuestionGet get, const void *userdata, Error *e)
{
        const char *key = "q", *value = get(userdata, key);

        if (!value || !*value) {
                const char *other = get(userdata, "query");

                key = other || !value ? "query" : key;
                value = other ?: value;
        }
        if (!value)
                return error_set(e, -EINVAL, "q is missing: what is searched for");
        int r = value_line(value, key, &q->text, e);
        if (r < 0)
                return r;
        assert(q->text);
        if (!*q->text)
                return error_set(e, -EINVAL, "%s is empty: what is searched for", key);
        cut_at_word(q->text, QUESTION_TEXT_MAX);
        return 0;
}

/* --- filters --- */

/* What front ends send for "none". */
static bool is_none(const char *value)
{
        return !value || !*value || streq(value, "undefined") || streq(value, "null");
}

/* A word to filter by, or NULL when there is none. */
static int read_word(QuestionGet get, const void *userdata, const char *key, size_t limit, char **ret,
                     Error *e)
{
        _cleanup_free_ char *line = NULL;

        int r = value_line(get(userdata, key), key, &line, e);
        if (r < 0)
                return r;
        assert(line);
        if (strlen(line) > limit)
                return error_set(e, -EINVAL, "%s is longer than %zu bytes", key, limit);
        if (!is_none(line) && strcasecmp(line, "all") != 0)
                *ret = TAKE_PTR(line);
        return 0;
}

static int read_category(Question *q, QuestionGet get, const void *userdata, Error *e)
{
        int r = read_word(get, userdata, "category", LISTING_CATEGORY_MAX, &q->category_asked, e);
        if (r < 0 || !q->category_asked)
                return r;
        q->category = text_fold(q->category_asked);
        if (!q->category)
                return error_set(e, -ENOMEM, "out of memory");
        return *q->category ? 0 : error_set(e, -EINVAL, "category: neither letters nor digits in it");
}

static int read_language(Question *q, QuestionGet get, const void *userdata, Error *e)
{
        int r = read_word(get, userdata, "language", LISTING_LANGUAGE_MAX, &q->language, e);
        if (r < 0 || !q->language)
                return r;
        for (char *p = q->language; *p; p++)
                if (*p >= 'A' && *p <= 'Z')
                        *p |= 0x20;
        return 0;
}

static int read_price(QuestionGet get, const void *userdata, const char *key, int64_t *ret, Error *e)
{
        const char *value = get(userdata, key);

        if (is_none(value)) {
                *ret = -1;
                return 0;
        }
        int r = money_parse_micros(value, ret, e);
        return r < 0 ? error_prefix(e, r, "%s", key) : 0;
}

int question_number(const char *value, const char *key, unsigned fallback, unsigned least, unsigned most,
                    bool clamp, unsigned *ret, Error *e)
{
        assert(least <= most);

        if (is_none(value)) {
                *ret = fallback;
                return 0;
        }
        if (strspn(value, "0123456789") != strlen(value)) {
                char shown[40];

                return error_set(e, -EINVAL, "%s: `%s` is no whole number", key,
                                 plain_copy(shown, sizeof(shown), value));
        }
        errno = 0;
        unsigned long n = strtoul(value, NULL, 10);
        if (errno == ERANGE || n > most) {
                if (!clamp)
                        return error_set(e, -EINVAL, "%s: at most %u", key, most);
                n = most;
        }
        if (n < least)
                return error_set(e, -EINVAL, "%s: at least %u", key, least);
        *ret = (unsigned) n;
        return 0;
}

static int read_page(Question *q, QuestionGet get, const void *userdata, Error *e)
{
        int r = question_number(get(userdata, "limit"), "limit", QUESTION_LIMIT, 1, QUESTION_LIMIT_MAX, true,
                                &q->limit, e);
        return r < 0 ? r
                     : question_number(get(userdata, "offset"), "offset", 0, 0, QUESTION_OFFSET_MAX, false,
                                       &q->offset, e);
}

/* Shops elsewhere look a brand up as a folder: nobody shall learn here that such a name goes through. */
int question_brand(const char *value, Error *e)
{
        return value && strchr(value, '.') ? error_set(e, -EINVAL, "brand: `.` may not be in it") : 0;
}

/* --- life --- */

int question_parse(QuestionGet get, const void *userdata, Question **ret, Error *e)
{
        assert(get);
        assert(ret);

        _cleanup_(question_freep) Question *q = calloc(1, sizeof(*q));
        if (!q)
                return error_set(e, -ENOMEM, "out of memory");
        int r = read_text(q, get, userdata, e);
        if (r == 0)
                r = read_category(q, get, userdata, e);
        if (r == 0)
                r = read_language(q, get, userdata, e);
        if (r == 0)
                r = read_price(get, userdata, "minPrice", &q->min_price_micros, e);
        if (r == 0)
                r = read_price(get, userdata, "maxPrice", &q->max_price_micros, e);
        if (r == 0)
                r = read_page(q, get, userdata, e);
        if (r == 0)
                r = question_brand(get(userdata, "brand"), e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(q);
        return 0;
}

Question *question_free(Question *q)
{
        if (!q)
                return NULL;
        free(q->text);
        free(q->category);
        free(q->category_asked);
        free(q->language);
        free(q);
        return NULL;
}

static bool copy_string(char **to, const char *from)
{
        *to = from ? strdup(from) : NULL;
        return *to || !from;
}

Question *question_copy(const Question *q)
{
        _cleanup_(question_freep) Question *copy = calloc(1, sizeof(*copy));
        if (!copy)
                return NULL;
        *copy = *q;
        bool whole = copy_string(&copy->text, q->text);
        whole = copy_string(&copy->category, q->category) && whole;
        whole = copy_string(&copy->category_asked, q->category_asked) && whole;
        whole = copy_string(&copy->language, q->language) && whole;
        return whole ? TAKE_PTR(copy) : NULL;
}

/* --- as text --- */

int question_key(const Question *q, char **ret)
{
        /* None of the words holds a line's end. */
        char *key = string_printf("%s\n%s\n%s\n%" PRId64 "\n%" PRId64 "\n%u\n%u", q->text,
                                  q->category_asked ?: "", q->language ?: "", q->min_price_micros,
                                  q->max_price_micros, q->limit, q->offset);
        if (!key)
                return -ENOMEM;
        *ret = key;
        return 0;
}

static void add_encoded(Text *t, const char *key, const char *value)
{
        text_add(t, "&%s=", key);
        for (; *value; value++) {
                unsigned char c = (unsigned char) *value;

                if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                    strchr("-._~", c))
                        text_add_bytes(t, value, 1);
                else
                        text_add(t, "%%%02X", c);
        }
}

static void add_price(Text *t, const char *key, int64_t micros)
{
        if (micros < 0)
                return;
        text_add(t, "&%s=%" PRId64, key, micros / 1000000);
        int64_t rest = micros % 1000000;
        int digits = 6;
        if (rest == 0)
                return;
        for (; rest % 10 == 0; rest /= 10)
                digits--;
        text_add(t, ".%0*" PRId64, digits, rest);
}

int question_to_query(const Question *q, unsigned limit, char **ret)
{
        _cleanup_text_ Text t = {0};

        add_encoded(&t, "q", q->text);
        add_encoded(&t, "query", q->text);
        if (q->category_asked)
                add_encoded(&t, "category", q->category_asked);
        if (q->language)
                add_encoded(&t, "language", q->language);
        add_price(&t, "minPrice", q->min_price_micros);
        add_price(&t, "maxPrice", q->max_price_micros);
        text_add(&t, "&limit=%u", limit);
        if (t.failed)
                return -ENOMEM;
        memmove(t.data, t.data + 1, t.size--); /* the first & */
        return text_take(&t, ret);
}
