/* SPDX-License-Identifier: MIT */
/* What strangers wrote in JSON, made fit to be passed on. */
#include "federation/json_clean.h"

#include "base/text.h"
#include "federation/listing.h"

#include <math.h>

/* Strings */

/* What stands in a JSON string as it is: not what ends a script or a page it is put into, and nothing invisible. */
static bool is_plain_ascii(char c)
{
        return (uint8_t) c < 0x7f && c != '<' && c != '>' && c != '&';
}

/* Eight at a time: nearly everything is plain. */
const char *json_clean_skip(const char *s, const char *end)
{
        const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;

        for (; end - s >= 8; s += 8) {
                uint64_t v, less, greater, ampersand;
                memcpy(&v, s, sizeof v);
                less = v ^ ones * '<';
                greater = v ^ ones * '>';
                ampersand = v ^ ones * '&';
                if ((v | (v + ones) | (less - ones) | (greater - ones) | (ampersand - ones)) & tops)
                        break;
        }
        while (s < end && is_plain_ascii(*s))
                s++;
        return s;
}

static bool is_shown(uint32_t point)
{
        return point >= 0xa0 && point != 0x61c && point != 0x200e && point != 0x200f &&
               !(point >= 0x2028 && point <= 0x202e) && !(point >= 0x2066 && point <= 0x2069) &&
               point != 0xfeff && !(point >= 0xe0000 && point <= 0xe007f);
}

static void add_escaped(Text *t, uint32_t point)
{
        if (point >= 0x10000)
                text_add(t, "\\u%04x\\u%04x", 0xd800 + ((point - 0x10000) >> 10), 0xdc00 + (point & 0x3ff));
        else
                text_add(t, "\\u%04x", point);
}

/* The inside of a string, between s and end. */
static void add_inside(Text *t, const char *s, const char *end)
{
        while (s < end) {
                const char *run = json_clean_skip(s, end);
                uint32_t point = 0;
                size_t size = 1;
                text_add_bytes(t, s, (size_t) (run - s));
                s = run;
                if (s == end)
                        return;
                point = (uint8_t) *s;
                if (point >= 0x80)
                        size = utf8_size(s, (size_t) (end - s), &point);
                if (is_shown(point))
                        text_add_bytes(t, s, size);
                else
                        add_escaped(t, point);
                s += size;
        }
}

/* The longest beginning of at most limit bytes that ends between two characters. */
static const char *cut(const char *s, const char *end, size_t limit)
{
        const char *last = s + limit;

        if ((size_t) (end - s) <= limit)
                return end;
        for (const char *next = s; next <= last; s = next) {
                uint32_t point;
                if (*next != '\\')
                        next += (uint8_t) *next < 0x80 ? 1 : utf8_size(next, (size_t) (end - next), &point);
                else if (next[1] != 'u')
                        next += 2;
                else if ((next[2] | 0x20) == 'd' && strchr("89abAB", next[3])) /* the first half of a pair */
                        next += 12;
                else
                        next += 6;
                if (next > last)
                        return s;
        }
        return s;
}

void json_clean_string(Text *t, JsonSlice string, size_t limit)
{
        const char *begin = string.s + 1, *end = string.s + string.size - 1;

        text_add_bytes(t, "\"", 1);
        add_inside(t, begin, cut(begin, end, limit));
        text_add_bytes(t, "\"", 1);
}

/* Nested values, without white space between. */
void json_clean_nested(Text *t, JsonSlice value)
{
        const char *s = value.s, *end = value.s + value.size;

        while (s < end) {
                if (*s == '"') {
                        JsonSlice string = json_slice(s, end);
                        json_clean_string(t, string, JSON_CLEAN_MAX);
                        s += string.size;
                        continue;
                }
                const char *run = s;
                while (s < end && *s != '"' && *s > ' ')
                        s++;
                text_add_bytes(t, run, (size_t) (s - run));
                while (s < end && *s <= ' ')
                        s++;
        }
}

/* URLs */

typedef struct Ending {
        const char *s;
        size_t size;
} Ending;

static bool ends_with(const char *s, size_t size, const Ending *e)
{
        return size >= e->size && (s[size - 1] | 0x20) == e->s[e->size - 1] &&
               strncasecmp(s + size - e->size, e->s, e->size) == 0;
}

/* Whether a browser may follow what stands under this key: "storeUrl", "images". */
bool json_is_url_key(JsonSlice key)
{
#define ENDING(s)                \
        {                        \
                s, sizeof(s) - 1 \
        }
        static const Ending ends[] = {ENDING("url"),   ENDING("uri"),     ENDING("href"),
                                      ENDING("link"),  ENDING("src"),     ENDING("image"),
                                      ENDING("img"),   ENDING("cover"),   ENDING("thumbnail"),
                                      ENDING("photo"), ENDING("picture"), ENDING("icon"),
                                      ENDING("logo"),  ENDING("website"), ENDING("homepage")};
        const char *s = key.s + 1;
        size_t size = key.size - 2;

        if (size > 0 && (s[size - 1] | 0x20) == 's')
                size--;
        for (size_t i = 0; i < ELEMENTSOF(ends); i++)
                if (ends_with(s, size, ends + i))
                        return true;
        return false;
}

static bool is_http(JsonSlice string)
{
        char begin[9];

        if (string.size > LISTING_URL_MAX + 2)
                return false;
        (void) json_slice_string(string, begin, sizeof begin - 1);
        return strncasecmp(begin, "http://", 7) == 0 || strncasecmp(begin, "https://", 8) == 0;
}

/* No deeper than JSON_DEPTH_MAX: it was checked. A key with escapes is taken for one of a URL. */
bool json_links_are_http(JsonSlice value, bool url)
{
        JsonWalk w;
        JsonSlice key, inner;

        if (json_slice_is(value, '"'))
                return !url || is_http(value);
        if (json_slice_is(value, '[')) {
                w = json_walk(value);
                while (json_walk_element(&w, &inner))
                        if (!json_links_are_http(inner, url))
                                return false;
        } else if (json_slice_is(value, '{')) {
                w = json_walk(value);
                while (json_walk_member(&w, &key, &inner))
                        if (!json_links_are_http(inner,
                                                 json_is_url_key(key) || memchr(key.s, '\\', key.size)))
                                return false;
        }
        return true;
}

/* Numbers */

bool json_slice_is_number(JsonSlice v)
{
        return v.size > 0 && (*v.s == '-' || (*v.s >= '0' && *v.s <= '9'));
}

bool json_slice_double(JsonSlice v, double *ret)
{
        char text[64];

        if (v.size >= sizeof text)
                return false;
        memcpy(text, v.s, v.size);
        text[v.size] = '\0';
        *ret = strtod(text, NULL); /* the program's LC_NUMERIC is C's */
        return isfinite(*ret);
}

/* Digits, few enough for anybody's integers. */
bool json_slice_is_integer(JsonSlice v)
{
        size_t i = json_slice_is(v, '-');

        if (v.size == i || v.size > 18)
                return false;
        for (; i < v.size; i++)
                if (v.s[i] < '0' || v.s[i] > '9')
                        return false;
        return true;
}

int64_t json_slice_integer(JsonSlice v)
{
        bool negative = json_slice_is(v, '-');
        int64_t n = 0;

        for (size_t i = negative; i < v.size; i++)
                n = n * 10 + (v.s[i] - '0');
        return negative ? -n : n;
}

/* Can everybody read it? 1e999 and integers beyond 64 bits make others refuse the whole answer. */
static bool is_common(JsonSlice number)
{
        double ignored;

        if (json_slice_is_integer(number))
                return true;
        for (size_t i = 0; i < number.size; i++)
                if (strchr(".eE", number.s[i]))
                        return json_slice_double(number, &ignored);
        return false;
}

bool json_numbers_are_common(JsonSlice value)
{
        const char *end = value.s + value.size;

        for (const char *s = value.s; s < end;) {
                JsonSlice v = {s, 1};
                if (*s == '"' || json_slice_is_number(v))
                        v = json_slice(s, end);
                if (json_slice_is_number(v) && !is_common(v))
                        return false;
                s += v.size;
        }
        return true;
}
