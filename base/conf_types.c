/* SPDX-License-Identifier: MIT */
/* The types of configuration values: how each is read, and what is said when it cannot be. */
#include "base/clock.h"
#include "base/conf.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>

static int out_of_memory(Error *e)
{
        return error_set(e, -ENOMEM, "%s", strerror(ENOMEM));
}

/* "`interval`: expected WHAT, not `soon`". A secret's value is never shown. */
static int expected(const ConfNode *node, const ConfField *field, Error *e, const char *what)
{
        char plain[96];

        if (conf_is_mapping(node))
                return conf_error(node, e, "`%s`: expected %s, not keys and values", field->key, what);
        if (conf_is_sequence(node))
                return conf_error(node, e, "`%s`: expected %s, not a list", field->key, what);
        if (conf_is_null(node))
                return conf_error(node, e, "`%s`: expected %s, but there is nothing", field->key, what);
        if (field->flags & CONF_SECRET)
                return conf_error(node, e, "`%s`: expected %s", field->key, what);
        return conf_error(node, e, "`%s`: expected %s, not `%s`", field->key, what,
                          plain_copy(plain, sizeof plain, conf_scalar(node)));
}

/* A scalar that is not null; NULL when the error was set. */
static const char *word_of(const ConfNode *node, const ConfField *field, Error *e, const char *what)
{
        if (!conf_scalar(node) || conf_is_null(node)) {
                expected(node, field, e, what);
                return NULL;
        }
        return conf_scalar(node);
}

/* Digits only, all of them. */
static int digits_parse(const char *s, uint64_t *ret)
{
        uint64_t n = 0;

        if (!*s)
                return -EINVAL;
        for (; *s; s++) {
                if (!isdigit((unsigned char) *s))
                        return -EINVAL;
                if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *s - '0', &n))
                        return -ERANGE;
        }
        *ret = n;
        return 0;
}

static void clear_pointer(void *target)
{
        char **s = target;

        free(TAKE_PTR(*s));
}

/* Strings and words */

static int parse_string(const ConfNode *node, const ConfField *field, void *target, Error *e)
{
        const char *s = word_of(node, field, e, "a text");
        if (!s)
                return -EINVAL;
        char *copy = strdup(s);
        if (!copy)
                return out_of_memory(e);
        *(char **) target = copy;
        return 0;
}

const ConfType conf_string = {"text", parse_string, clear_pointer};

/* YAML 1.2: yes and on are texts. */
static int bool_of(const ConfNode *node)
{
        const char *s = conf_scalar(node);

        if (!s || conf_is_quoted(node))
                return -EINVAL;
        if (streq(s, "true") || streq(s, "True") || streq(s, "TRUE"))
                return true;
        if (streq(s, "false") || streq(s, "False") || streq(s, "FALSE"))
                return false;
        return -EINVAL;
}

static int parse_bool(const ConfNode *node, const ConfField *field, void *target, Error *e)
{
        int value = bool_of(node);
        if (value < 0)
                return expected(node, field, e,
                                conf_is_quoted(node) ? "true or false without quotes" : "true or false");
        *(bool *) target = value;
        return 0;
}

const ConfType conf_bool = {"true or false", parse_bool, NULL};

static int parse_enum(const ConfNode *node, const ConfField *field, void *target, Error *e)
{
        const char *const *names = field->data;
        _cleanup_text_ Text t = {0};
        char plain[64];

        const char *s = word_of(node, field, e, "a word");
        if (!s)
                return -EINVAL;
        for (int i = 0; names[i]; i++)
                if (streq(s, names[i])) {
                        *(int *) target = i;
                        return 0;
                }
        conf_suggest(&t, s, names);
        if (t.failed)
                return out_of_memory(e);
        return conf_error(node, e, "`%s` cannot be `%s`%s", field->key, plain_copy(plain, sizeof plain, s),
                          t.data);
}

const ConfType conf_enum = {"one of a few words", parse_enum, NULL};

/* Numbers */

static int parse_unsigned(const ConfNode *node, const ConfField *field, void *target, Error *e)
{
        static const ConfRange any = {0, UINT_MAX};
        const ConfRange *range = field->data ? field->data : &any;
        char what[96];
        uint64_t n;

        snprintf(what, sizeof what,
                 range->max < UINT_MAX ? "a whole number from %" PRIu64 " to %" PRIu64
                                       : "a whole number of at least %" PRIu64,
                 range->min, range->max);
        const char *s = word_of(node, field, e, what);
        if (!s)
                return -EINVAL;
        if (conf_is_quoted(node) || digits_parse(s, &n) < 0 || n < range->min ||
            n > MIN(range->max, (uint64_t) UINT_MAX))
                return expected(node, field, e, what);
        *(unsigned *) target = (unsigned) n;
        return 0;
}

const ConfType conf_unsigned = {"whole number", parse_unsigned, NULL};

static int parse_duration(const ConfNode *node, const ConfField *field, void *target, Error *e)
{
        const ConfRange *range = field->data;
        char least[DURATION_SIZE], most[DURATION_SIZE];
        uint64_t usec;

        const char *s = word_of(node, field, e, "a duration such as 60s or 5m");
        if (!s)
                return -EINVAL;
        int r = duration_parse(s, &usec);
        if (r < 0 && *s && s[strspn(s, "0123456789")] == '\0')
                return conf_error(node, e, "`%s`: a duration needs a unit: 60s, 5m", field->key);
        if (r == -ERANGE && range)
                usec = UINT64_MAX; /* longer than can be said: too long in any case */
        else if (r < 0)
                return expected(node, field, e,
                                r == -ERANGE ? "a duration of less than 500,000 years"
                                             : "a duration such as 250ms, 60s, 5m, 1h30m or 2d");
        if (range && usec < range->min)
                return conf_error(node, e, "`%s`: must be at least %s", field->key,
                                  duration_print(least, range->min));
        if (range && usec > range->max)
                return conf_error(node, e, "`%s`: must be at most %s", field->key,
                                  duration_print(most, range->max));
        *(uint64_t *) target = usec;
        return 0;
}

const ConfType conf_duration = {"duration", parse_duration, NULL};

static int size_parse(const char *text, uint64_t *ret)
{
        static const struct {
                const char *name;
                uint64_t factor;
        } units[] = {
                        {"", 1},
                        {"B", 1},
                        {"K", UINT64_C(1) << 10},
                        {"KiB", UINT64_C(1) << 10},
                        {"kB", 1000},
                        {"KB", 1000},
                        {"M", UINT64_C(1) << 20},
                        {"MiB", UINT64_C(1) << 20},
                        {"MB", 1000000},
                        {"G", UINT64_C(1) << 30},
                        {"GiB", UINT64_C(1) << 30},
                        {"GB", 1000000000},
                        {"T", UINT64_C(1) << 40},
                        {"TiB", UINT64_C(1) << 40},
                        {"TB", UINT64_C(1000000000000)},
        };
        char number[24];
        size_t digits = strspn(text, "0123456789");
        uint64_t n;

        if (digits == 0 || digits >= sizeof number)
                return -EINVAL;
        memcpy(number, text, digits);
        number[digits] = 0;
        if (digits_parse(number, &n) < 0)
                return -EINVAL;
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (streq(text + digits, units[i].name))
                        return __builtin_mul_overflow(n, units[i].factor, ret) ? -ERANGE : 0;
        return -EINVAL;
}

static int parse_size(const ConfNode *node, const ConfField *field, void *target, Error *e)
{
        static const char what[] = "a size such as 4096, 64KiB, 10M or 1GiB";
        const ConfRange *range = field->data;
        uint64_t size;

        const char *s = word_of(node, field, e, what);
        if (!s)
                return -EINVAL;
        if (size_parse(s, &size) < 0)
                return expected(node, field, e, what);
        if (range && (size < range->min || size > range->max))
                return conf_error(node, e, "`%s`: must be from %" PRIu64 " to %" PRIu64 " bytes", field->key,
                                  range->min, range->max);
        *(uint64_t *) target = size;
        return 0;
}

const ConfType conf_size = {"size", parse_size, NULL};

/* "5%", "0.5%", "12.25%" to hundredths of a per cent, at most 100 %. */
static int percent_parse(const char *text, uint64_t *ret)
{
        size_t size = strlen(text), whole = strspn(text, "0123456789"), decimals = 0;
        uint64_t n = 0;

        if (size < 2 || text[size - 1] != '%' || whole == 0 || whole > 3)
                return -EINVAL;
        for (size_t i = 0; i < whole; i++)
                n = n * 10 + (uint64_t) (text[i] - '0');
        const char *s = text + whole;
        if (*s == '.') {
                decimals = strspn(++s, "0123456789");
                if (decimals < 1 || decimals > 2)
                        return -EINVAL;
        }
        for (size_t i = 0; i < 2; i++)
                n = n * 10 + (i < decimals ? (uint64_t) (s[i] - '0') : 0);
        if (s + decimals + 1 != text + size || n > 10000)
                return -EINVAL;
        *ret = n;
        return 0;
}

static int parse_amount(const ConfNode *node, const ConfField *field, void *target, Error *e)
{
        static const char what[] = "a percentage such as 5% or a size such as 1GiB";
        ConfAmount amount = {0};

        const char *s = word_of(node, field, e, what);
        if (!s)
                return -EINVAL;
        amount.percent = strchr(s, '%');
        int r = amount.percent ? percent_parse(s, &amount.value) : size_parse(s, &amount.value);
        if (r < 0)
                return expected(node, field, e, what);
        *(ConfAmount *) target = amount;
        return 0;
}

const ConfType conf_amount = {"percentage or size", parse_amount, NULL};

/* Lists and maps */

/* The i-th entry of a list, or the scalar that stands for a list of one. */
static const ConfNode *entry_of(const ConfNode *node, size_t i)
{
        return conf_is_sequence(node) ? conf_item(node, i) : node;
}

static size_t entries(const ConfNode *node)
{
        return conf_is_sequence(node) ? conf_count(node) : 1;
}

static void clear_strings(void *target)
{
        char ***list = target;

        for (char **s = *list; s && *s; s++)
                free(*s);
        free(TAKE_PTR(*list));
}

static int parse_strings(const ConfNode *node, const ConfField *field, void *target, Error *e)
{
        if (conf_is_mapping(node) || conf_is_null(node))
                return expected(node, field, e, "a list of texts");
        char **list = calloc(entries(node) + 1, sizeof *list);
        if (!list)
                return out_of_memory(e);
        *(char ***) target = list;
        for (size_t i = 0; i < entries(node); i++) {
                const char *s = word_of(entry_of(node, i), field, e, "a list of texts");
                if (!s || !(list[i] = strdup(s))) {
                        clear_strings(target);
                        return s ? out_of_memory(e) : -EINVAL;
                }
        }
        return 0;
}

const ConfType conf_strings = {"list of texts", parse_strings, clear_strings};

/* YAML 1.2, core schema: decimal with sign, 0o octal, 0x hexadecimal. -EINVAL: no integer; -ERANGE. */
static int core_integer(const char *s, int64_t *ret)
{
        bool negative = *s == '-';
        int base = strncmp(s, "0o", 2) == 0 ? 8 : strncmp(s, "0x", 2) == 0 ? 16 : 10;
        const char *digits = base != 10 ? s + 2 : *s == '-' || *s == '+' ? s + 1 : s;
        uint64_t n = 0;

        if (!*digits)
                return -EINVAL;
        for (const char *p = digits; *p; p++)
                if (base == 16 ? !isxdigit((unsigned char) *p) : *p < '0' || *p >= '0' + base)
                        return -EINVAL;
        for (; *digits; digits++) {
                int digit = isdigit((unsigned char) *digits) ? *digits - '0'
                                                             : tolower((unsigned char) *digits) - 'a' + 10;
                if (__builtin_mul_overflow(n, base, &n) || __builtin_add_overflow(n, digit, &n))
                        return -ERANGE;
        }
        if (n > (uint64_t) INT64_MAX + negative)
                return -ERANGE;
        *ret = negative ? (int64_t) -n : (int64_t) n;
        return 0;
}

/* [-+]? ( . digits | digits ( . digits* )? ) ( [eE] [-+]? digits )? */
static bool core_is_float(const char *s)
{
        s += *s == '-' || *s == '+';
        size_t whole = strspn(s, "0123456789"), fraction = 0;
        s += whole;
        if (*s == '.') {
                fraction = strspn(++s, "0123456789");
                s += fraction;
        }
        if (whole + fraction == 0)
                return false;
        if (*s == 'e' || *s == 'E') {
                s++;
                s += *s == '-' || *s == '+';
                size_t exponent = strspn(s, "0123456789");
                if (exponent == 0)
                        return false;
                s += exponent;
        }
        return !*s;
}

static bool core_is_endless(const char *s)
{
        static const char *const words[] = {".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF"};

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (streq(s, words[i]) || (i >= 3 && (*s == '-' || *s == '+') && streq(s + 1, words[i])))
                        return true;
        return false;
}

static void clear_integers(void *target)
{
        ConfIntegers *list = target;

        free(list->values);
        *list = (ConfIntegers){0};
}

static int parse_integers(const ConfNode *node, const ConfField *field, void *target, Error *e)
{
        static const char what[] = "a list of whole numbers";
        ConfIntegers *list = target;

        if (conf_is_mapping(node) || conf_is_null(node))
                return expected(node, field, e, what);
        list->values = calloc(MAX(entries(node), (size_t) 1), sizeof *list->values);
        if (!list->values)
                return out_of_memory(e);
        for (size_t i = 0; i < entries(node); i++) {
                const ConfNode *entry = entry_of(node, i);
                const char *s = word_of(entry, field, e, what);
                if (s && (conf_is_quoted(entry) || core_integer(s, &list->values[i]) < 0)) {
                        expected(entry, field, e, what);
                        s = NULL;
                }
                if (!s) {
                        clear_integers(list);
                        return -EINVAL;
                }
        }
        list->count = entries(node);
        return 0;
}

const ConfType conf_integers = {"list of whole numbers", parse_integers, clear_integers};

static void clear_string_map(void *target)
{
        ConfPair **map = target;

        for (ConfPair *p = *map; p && p->key; p++) {
                free(p->key);
                free(p->value);
        }
        free(TAKE_PTR(*map));
}

static int parse_string_map(const ConfNode *node, const ConfField *field, void *target, Error *e)
{
        if (!conf_is_mapping(node))
                return expected(node, field, e, "keys and texts");
        ConfPair *map = calloc(conf_count(node) + 1, sizeof *map);
        if (!map)
                return out_of_memory(e);
        *(ConfPair **) target = map;
        for (size_t i = 0; i < conf_count(node); i++) {
                const char *s = word_of(conf_item(node, i), field, e, "keys and texts");
                if (s) {
                        map[i].key = strdup(conf_key(node, i, NULL));
                        map[i].value = map[i].key ? strdup(s) : NULL;
                }
                if (!map[i].value) {
                        clear_string_map(target);
                        return s ? out_of_memory(e) : -EINVAL;
                }
        }
        return 0;
}

const ConfType conf_string_map = {"keys and texts", parse_string_map, clear_string_map};

/* Any YAML as JSON */

static int json_of(const ConfNode *node, const ConfField *field, json_t **ret, Error *e);

static int json_of_scalar(const ConfNode *node, const ConfField *field, json_t **ret, Error *e)
{
        const char *s = conf_scalar(node);
        json_t *j;
        int64_t n = 0;
        int r = conf_is_quoted(node) ? -EINVAL : core_integer(s, &n);
        bool real = !conf_is_quoted(node) && core_is_float(s);

        if (conf_is_null(node))
                j = json_null();
        else if (bool_of(node) >= 0)
                j = json_boolean(bool_of(node));
        else if (r == -ERANGE)
                return expected(node, field, e, "a number of 64 bits at most");
        else if (r >= 0)
                j = json_integer(n);
        else if ((!conf_is_quoted(node) && core_is_endless(s)) || (real && !isfinite(strtod(s, NULL))))
                return expected(node, field, e, "a number that JSON can write");
        else if (real)
                j = json_real(strtod(s, NULL));
        else
                j = json_string(s);
        if (!j)
                return out_of_memory(e);
        *ret = j;
        return 0;
}

static int json_of(const ConfNode *node, const ConfField *field, json_t **ret, Error *e)
{
        if (conf_scalar(node))
                return json_of_scalar(node, field, ret, e);

        _cleanup_json_ json_t *j = conf_is_mapping(node) ? json_object() : json_array();
        if (!j)
                return out_of_memory(e);
        for (size_t i = 0; i < conf_count(node); i++) {
                json_t *item = NULL;
                int r = json_of(conf_item(node, i), field, &item, e);
                if (r < 0)
                        return r;
                if ((conf_is_mapping(node) ? json_object_set_new(j, conf_key(node, i, NULL), item)
                                           : json_array_append_new(j, item)) < 0)
                        return out_of_memory(e);
        }
        *ret = TAKE_PTR(j);
        return 0;
}

static int parse_json(const ConfNode *node, const ConfField *field, void *target, Error *e)
{
        return json_of(node, field, target, e);
}

static void clear_json(void *target)
{
        json_t **j = target;

        json_decref(TAKE_PTR(*j));
}

const ConfType conf_json = {"anything", parse_json, clear_json};

/* Tables */

static int parse_table(const ConfNode *node, const ConfField *field, void *target, Error *e)
{
        return conf_parse(node, field->data, NULL, target, e);
}

/* Cleared by conf_clear(), which knows the fields. */
const ConfType conf_table = {"keys and values", parse_table, NULL};

/* Addresses */

int conf_url_check(const char *s, const char **ret_problem)
{
        static const char wanted[] = "expected a URL with http:// or https:// and a host";
        size_t prefix = strncasecmp(s, "http://", 7) == 0 ? 7 : strncasecmp(s, "https://", 8) == 0 ? 8 : 0;

        /* curl forgives http:/host and http:///host. */
        *ret_problem = wanted;
        if (prefix == 0 || s[prefix] == '/')
                return 0;
        CURLU *url = curl_url();
        if (!url)
                return -ENOMEM;
        /* The client's own parser, so that what passes here is what it will use. */
        CURLUcode code = curl_url_set(url, CURLUPART_URL, s, CURLU_DISALLOW_USER);
        curl_url_cleanup(url);
        if (code == CURLUE_OK)
                *ret_problem = NULL;
        if (code == CURLUE_USER_NOT_ALLOWED)
                *ret_problem = "user and password do not belong into a URL, which is shown: use "
                               "`bearer_file` or `headers`";
        return code == CURLUE_OUT_OF_MEMORY ? -ENOMEM : 0;
}

static int parse_url(const ConfNode *node, const ConfField *field, void *target, Error *e)
{
        const char *problem;
        char plain[128];

        const char *s = word_of(node, field, e, "a URL with http:// or https:// and a host");
        if (!s)
                return -EINVAL;
        int r = conf_url_check(s, &problem);
        if (r < 0)
                return out_of_memory(e);
        if (problem && ((field->flags & CONF_SECRET) || strchr(s, '@')))
                return conf_error(node, e, "`%s`: %s", field->key, problem);
        if (problem)
                return conf_error(node, e, "`%s`: %s, not `%s`", field->key, problem,
                                  plain_copy(plain, sizeof plain, s));
        return parse_string(node, field, target, e);
}

const ConfType conf_url = {"URL", parse_url, clear_pointer};

static bool is_address(const char *s)
{
        char host[INET6_ADDRSTRLEN + 1];
        unsigned char ip[sizeof(struct in6_addr)];
        uint64_t port;
        bool six = *s == '[';
        const char *colon = strrchr(s, ':'), *end = six ? strchr(s, ']') : colon;

        if (!colon || !end || (six && colon != end + 1))
                return false;
        s += six;
        if ((size_t) (end - s) >= sizeof host)
                return false;
        memcpy(host, s, (size_t) (end - s));
        host[end - s] = 0;
        return inet_pton(six ? AF_INET6 : AF_INET, host, ip) == 1 && strlen(colon + 1) <= 5 &&
               digits_parse(colon + 1, &port) >= 0 && port >= 1 && port <= 65535;
}

static int parse_address(const ConfNode *node, const ConfField *field, void *target, Error *e)
{
        static const char what[] = "an IP address and a port, such as 127.0.0.1:9440 or [::1]:9440";

        const char *s = word_of(node, field, e, what);
        if (!s)
                return -EINVAL;
        return is_address(s) ? parse_string(node, field, target, e) : expected(node, field, e, what);
}

const ConfType conf_address = {"IP address and port", parse_address, clear_pointer};
