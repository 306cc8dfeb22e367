/* SPDX-License-Identifier: MIT */
/* JSON in place. */
#include "base/json_scan.h"

#include "base/text.h"

static const char *skip_space(const char *p)
{
        while (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')
                p++;
        return p;
}

/* How many bytes at p are plain, of those below end: neither control, quote, backslash, nor beyond ASCII. Eight at a time:
 * answers are strings for the greatest part. */
static const char *skip_plain(const char *p, const char *end)
{
        const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;

        for (; end - p >= 8; p += 8) {
                uint64_t v;
                memcpy(&v, p, sizeof v);
                uint64_t quote = v ^ ones * '"', backslash = v ^ ones * '\\';
                uint64_t special = v | (v - ones * 0x20) | (quote - ones) | (backslash - ones);
                if (special & tops)
                        break;
        }
        while (p < end && (uint8_t) *p >= 0x20 && (uint8_t) *p < 0x80 && *p != '"' && *p != '\\')
                p++;
        return p;
}

/* Checking */

typedef struct Scan {
        const char *at, *end;
        const char *problem;
        JsonMembers *members;
} Scan;

static bool refuse(Scan *s, const char *problem)
{
        s->problem = problem;
        return false;
}

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c = (char) (c | 0x20);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits; -1: they are none. */
static int hex_four(const char *p)
{
        int v = 0;

        for (int i = 0; i < 4; i++) {
                int digit = hex_digit(p[i]);
                if (digit < 0)
                        return -1;
                v = v << 4 | digit;
        }
        return v;
}

static bool is_high(int unit)
{
        return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low(int unit)
{
        return unit >= 0xdc00 && unit <= 0xdfff;
}

/* at a backslash. */
static bool check_escape(Scan *s)
{
        const char *p = s->at;
        size_t left = (size_t) (s->end - p);
        int unit;

        if (left < 2)
                return refuse(s, "a string without an end");
        if (p[1] != 'u') {
                if (!p[1] || !strchr("\"\\/bfnrt", p[1]))
                        return refuse(s, "no escape that there is");
                s->at += 2;
                return true;
        }
        if (left < 6 || (unit = hex_four(p + 2)) < 0)
                return refuse(s, "\\u without four hex digits");
        if (unit == 0)
                return refuse(s, "a zero in a string");
        if (is_low(unit) ||
            (is_high(unit) && !(left >= 12 && p[6] == '\\' && p[7] == 'u' && is_low(hex_four(p + 8)))))
                return refuse(s, "half a surrogate pair");
        s->at += is_high(unit) ? 12 : 6;
        return true;
}

/* at the opening quote. */
static bool check_string(Scan *s)
{
        s->at++;
        for (;;) {
                s->at = skip_plain(s->at, s->end);
                if (s->at == s->end)
                        return refuse(s, "a string without an end");
                if (*s->at == '"') {
                        s->at++;
                        return true;
                }
                if (*s->at == '\\') {
                        if (!check_escape(s))
                                return false;
                } else if ((uint8_t) *s->at < 0x20) {
                        return refuse(s, "a control character in a string");
                } else {
                        uint32_t point;
                        size_t size = utf8_size(s->at, (size_t) (s->end - s->at), &point);
                        if (size == 0)
                                return refuse(s, "no UTF-8");
                        s->at += size;
                }
        }
}

static bool digits(Scan *s)
{
        const char *begin = s->at;

        while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
                s->at++;
        return s->at > begin ? true : refuse(s, "a number without digits");
}

static bool check_number(Scan *s)
{
        s->at += *s->at == '-';
        if (s->at < s->end && *s->at == '0')
                s->at++;
        else if (!digits(s))
                return false;
        if (s->at < s->end && *s->at == '.') {
                s->at++;
                if (!digits(s))
                        return false;
        }
        if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
                s->at++;
                if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
                        s->at++;
                if (!digits(s))
                        return false;
        }
        return true;
}

static bool check_word(Scan *s, const char *word)
{
        size_t size = strlen(word);

        if ((size_t) (s->end - s->at) < size || memcmp(s->at, word, size) != 0)
                return refuse(s, "no JSON");
        s->at += size;
        return true;
}

static bool check_scalar(Scan *s)
{
        switch (*s->at) {
        case '"':
                return check_string(s);
        case 't':
                return check_word(s, "true");
        case 'f':
                return check_word(s, "false");
        case 'n':
                return check_word(s, "null");
        default:
                if (*s->at == '-' || (*s->at >= '0' && *s->at <= '9'))
                        return check_number(s);
                return refuse(s, "no JSON");
        }
}

/* The next byte that is not white space; 0: there is none. */
static char next(Scan *s)
{
        while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
                s->at++;
        return s->at < s->end ? *s->at : '\0';
}

static bool check_key(Scan *s, bool outermost)
{
        if (next(s) != '"')
                return refuse(s, "a key is missing");
        const char *begin = s->at;
        if (!check_string(s))
                return false;
        if (outermost && s->members && s->members->n < JSON_MEMBERS_MAX)
                s->members->all[s->members->n++] =
                                (struct JsonMember){.key = {begin, (size_t) (s->at - begin)}};
        if (next(s) != ':')
                return refuse(s, "a colon is missing");
        s->at++;
        return true;
}

/* Of the outermost object: it began behind its key. */
static void note_value(Scan *s)
{
        if (!s->members || s->members->n == 0)
                return;
        struct JsonMember *m = s->members->all + s->members->n - 1;
        if (m->value.s)
                return;
        const char *begin = skip_space(skip_space(m->key.s + m->key.size) + 1);
        m->value = (JsonSlice){begin, (size_t) (s->at - begin)};
}

/* Which of the containers that are open are objects is a bit each. */
static bool check_value(Scan *s)
{
        uint64_t objects = 0;
        unsigned depth = 0;

        for (;;) {
                char c = next(s);
                bool empty = false;
                if (c == '{' || c == '[') {
                        if (++depth > JSON_DEPTH_MAX)
                                return refuse(s, "nested too deeply");
                        objects = objects << 1 | (c == '{');
                        s->at++;
                        empty = next(s) == (c == '{' ? '}' : ']');
                        if (!empty && c == '{' && !check_key(s, depth == 1))
                                return false;
                        if (!empty)
                                continue;
                } else if (c == '\0' || !check_scalar(s)) {
                        return s->problem ? false : refuse(s, "it ends too early");
                }
                /* A value is over: so may be what holds it. */
                for (; depth > 0; depth--, objects >>= 1, empty = false) {
                        if (depth == 1 && (objects & 1) && !empty)
                                note_value(s);
                        c = empty ? *s->at : next(s);
                        if (c != (objects & 1 ? '}' : ']'))
                                break;
                        s->at++;
                }
                if (depth == 0)
                        return true;
                if (c != ',')
                        return refuse(s, c ? "a comma is missing" : "it ends too early");
                s->at++;
                if ((objects & 1) && !check_key(s, depth == 1))
                        return false;
        }
}

int json_scan_check(const char *data, size_t size, JsonMembers *members, Error *e)
{
        Scan s = {data, data + size, NULL, members};
        size_t line = 1, column = 1;

        assert(data || size == 0);

        if (members)
                members->n = 0;
        if (size > 0 && check_value(&s)) {
                (void) next(&s);
                if (s.at == s.end)
                        return 0;
                s.problem = "something behind its end";
        }
        for (const char *p = data; p < s.at; p++) {
                column = *p == '\n' ? 1 : column + 1;
                line += *p == '\n';
        }
        return error_set(e, -EBADMSG, "line %zu, column %zu: %s", line, column,
                         s.problem ? s.problem : "it is empty");
}

/* Walking: the text is valid, and something stands behind each value but the outermost. */

/* Where the string at p ends. */
static const char *skip_string(const char *p, const char *end)
{
        const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;

        p++;
        for (;;) {
                for (; end - p >= 8; p += 8) {
                        uint64_t v, quote, backslash;
                        memcpy(&v, p, sizeof v);
                        quote = v ^ ones * '"';
                        backslash = v ^ ones * '\\';
                        if ((((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & tops)
                                break;
                }
                while (*p != '"' && *p != '\\')
                        p++;
                if (*p == '"')
                        return p + 1;
                p += 2;
        }
}

static const char *skip_value(const char *p, const char *end)
{
        unsigned depth = 0;

        do {
                if (*p == '"') {
                        p = skip_string(p, end);
                        continue;
                }
                if (*p == '{' || *p == '[')
                        depth++;
                else if (*p == '}' || *p == ']')
                        depth--;
                p++;
        } while (depth > 0);
        return p;
}

JsonSlice json_slice(const char *at, const char *end)
{
        const char *begin = skip_space(at), *behind = begin;

        if (*begin == '"')
                behind = skip_string(begin, end);
        else if (*begin == '{' || *begin == '[')
                behind = skip_value(begin, end);
        else
                while (*behind > ' ' && *behind != ',' && *behind != '}' && *behind != ']')
                        behind++;
        return (JsonSlice){begin, (size_t) (behind - begin)};
}

JsonWalk json_walk(JsonSlice container)
{
        assert(json_slice_is(container, '{') || json_slice_is(container, '['));

        return (JsonWalk){container.s + 1, container.s + container.size};
}

bool json_walk_next(JsonWalk *w)
{
        w->at = skip_space(w->at);
        if (*w->at == ',')
                w->at = skip_space(w->at + 1);
        return *w->at != '}' && *w->at != ']';
}

bool json_walk_element(JsonWalk *w, JsonSlice *ret_value)
{
        if (!json_walk_next(w))
                return false;
        *ret_value = json_slice(w->at, w->end);
        w->at = ret_value->s + ret_value->size;
        return true;
}

bool json_walk_member(JsonWalk *w, JsonSlice *ret_key, JsonSlice *ret_value)
{
        if (!json_walk_next(w))
                return false;
        *ret_key = (JsonSlice){w->at, (size_t) (skip_string(w->at, w->end) - w->at)};
        *ret_value = json_slice(skip_space(w->at + ret_key->size) + 1, w->end);
        w->at = ret_value->s + ret_value->size;
        return true;
}

/* The character at p, of a string, with or without an escape; its size in the text goes to ret_size. */
static uint32_t unescape(const char *p, size_t *ret_size)
{
        static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
        uint32_t point = 0;

        if (*p != '\\') {
                *ret_size = utf8_size(p, 4, &point);
                return point;
        }
        if (p[1] == 'u') {
                int unit = hex_four(p + 2);
                *ret_size = is_high(unit) ? 12 : 6;
                return (uint32_t) (is_high(unit) ? 0x10000 + ((unit - 0xd800) << 10) +
                                                                   (hex_four(p + 8) - 0xdc00)
                                                 : unit);
        }
        const char *found = strchr(from, p[1]);
        *ret_size = 2;
        return (uint8_t) (found ? to[found - from] : p[1]);
}

static size_t encode(uint32_t point, char *out)
{
        static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
        size_t size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;

        for (size_t i = size; i-- > 1; point >>= 6)
                out[i] = (char) (0x80 | (point & 0x3f));
        out[0] = (char) (marks[size] | point);
        return size;
}

static bool is_control(uint32_t point)
{
        return point < 0x20 || (point >= 0x7f && point < 0xa0);
}

size_t json_slice_string(JsonSlice string, char *buffer, size_t limit)
{
        const char *p = string.s + 1, *end = string.s + string.size - 1;
        size_t n = 0;

        assert(json_slice_is(string, '"'));

        while (p < end) {
                const char *plain = skip_plain(p, end);
                size_t size = MIN((size_t) (plain - p), limit - n);
                memcpy(buffer + n, p, size);
                n += size;
                p += size;
                if (p == end || n == limit)
                        break;
                char out[4];
                uint32_t point = unescape(p, &size);
                size_t bytes = encode(is_control(point) ? ' ' : point, out);
                if (bytes > limit - n)
                        break;
                memcpy(buffer + n, out, bytes);
                n += bytes;
                p += size;
        }
        buffer[n] = '\0';
        for (char *c = buffer; (c = strchr(c, 0x7f));
             c++) /* the one control character that JSON lets through as it is */
                *c = ' ';
        return n;
}

bool json_slice_equals(JsonSlice string, const char *s)
{
        char buffer[64];
        size_t size = strlen(s);

        assert(size < sizeof buffer - 1);

        if (string.size == size + 2)
                return memcmp(string.s + 1, s, size) == 0;
        return string.size > size + 2 && memchr(string.s, '\\', string.size) &&
               json_slice_string(string, buffer, sizeof buffer - 1) == size && memcmp(buffer, s, size) == 0;
}
