/* SPDX-License-Identifier: MIT */
/* JSON by jansson, with limits, in canonical form, and by path. */
#include "base/json.h"

#include "base/clock.h"
#include "base/text.h"

#include <pthread.h>

#define JSON_INTEGER_MAX ((INT64_C(1) << 53) - 1)

/* Before jansson sees it: its own limit is 2048 levels, each a call deep. */
static int depth_check(const char *data, size_t size, Error *e)
{
        size_t line = 1, start = 0, depth = 0;
        bool in_string = false;

        for (size_t i = 0; i < size; i++) {
                char c = data[i];
                if (c == '\n') {
                        line++;
                        start = i + 1;
                }
                if (in_string) {
                        if (c == '\\')
                                i++;
                        else if (c == '"')
                                in_string = false;
                } else if (c == '"') {
                        in_string = true;
                } else if (c == '[' || c == '{') {
                        if (++depth > JSON_DEPTH_MAX)
                                return error_set(e, -EINVAL,
                                                 "line %zu, column %zu: nested deeper than %d levels", line,
                                                 i - start + 1, JSON_DEPTH_MAX);
                } else if ((c == ']' || c == '}') && depth > 0) {
                        depth--;
                }
        }
        return 0;
}

/* jansson calls most of its own lack of memory a syntax error, and what is stored must not be taken for damaged then. */
static _Thread_local bool memory_refused;

static void *allocate(size_t size)
{
        void *p = malloc(size);

        memory_refused |= !p;
        return p;
}

static void set_allocator(void)
{
        json_set_alloc_funcs(allocate, free);
}

int json_parse(const char *data, size_t size, json_t **ret, Error *e)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        json_error_t error;
        char plain[JSON_ERROR_TEXT_LENGTH];

        assert(data || size == 0);
        assert(ret);

        int r = depth_check(data, size, e);
        if (r < 0)
                return r;
        (void) pthread_once(&once, set_allocator);
        memory_refused = false;
        json_t *j = json_loadb(data ? data : "", size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
        if (!j && memory_refused)
                return error_set(e, -ENOMEM, "%s", strerror(ENOMEM));
        char *advice = j ? NULL : strstr(error.text, " without JSON_ALLOW_NUL"); /* to programmers */
        if (advice)
                memmove(advice, advice + 23, strlen(advice + 23) + 1);
        if (!j)
                return error_set(e, -EINVAL, "line %d, column %d: %s", MAX(error.line, 1),
                                 MAX(error.column, 1), plain_copy(plain, sizeof plain, error.text));
        *ret = j;
        return 0;
}

static int on_dump(const char *data, size_t size, void *text)
{
        text_add_bytes(text, data, size);
        return 0; /* the text remembers */
}

int json_print(const json_t *j, char **ret)
{
        _cleanup_text_ Text t = {0};

        assert(j);
        assert(ret);

        /* Not json_dumps(): that drops a part in the middle when memory is short, and calls it a success.
         * 15 digits: 0.1 and not 0.10000000000000001. */
        if (json_dump_callback(j, on_dump, &t, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) < 0)
                return -ENOMEM;
        return text_take(&t, ret);
}

json_t *json_at(const json_t *j, const char *path)
{
        assert(path);

        while (j && *path) {
                size_t size = strcspn(path, ".");
                if (json_is_object(j)) {
                        j = json_object_getn(j, path, size);
                } else if (json_is_array(j)) {
                        size_t i = 0;
                        if (size == 0 || size > 9 || strspn(path, "0123456789") < size)
                                return NULL;
                        for (size_t k = 0; k < size; k++)
                                i = i * 10 + (size_t) (path[k] - '0');
                        j = json_array_get(j, i);
                } else {
                        return NULL;
                }
                path += size;
                if (*path == '.' && !*++path) /* a dot at the end */
                        return NULL;
        }
        /* Borrowed, and as writable as the caller's own. */
        return (json_t *) (uintptr_t) j;
}

/* Canonical JSON */

static void add_canonical_string(Text *t, const char *s, size_t size)
{
        static const char shorts[] = "\bb\tt\nn\ff\rr\"\"\\\\";

        text_add_string(t, "\"");
        for (size_t i = 0; i < size; i++) {
                const char *found = NULL;
                for (size_t k = 0; k + 1 < sizeof shorts && !found; k += 2)
                        if (shorts[k] == s[i])
                                found = shorts + k;
                if (found)
                        text_add(t, "\\%c", found[1]);
                else if ((uint8_t) s[i] < 0x20)
                        text_add(t, "\\u%04x", (uint8_t) s[i]);
                else
                        text_add_bytes(t, s + i, 1);
        }
        text_add_string(t, "\"");
}

static int compare_keys(const void *a, const void *b)
{
        /* Byte order of UTF-8 is the order of code points. */
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static int add_canonical(Text *t, const json_t *j, size_t depth, Error *e);

static bool is_among(const char *s, const char *const list[])
{
        for (; list && *list; list++)
                if (streq(s, *list))
                        return true;
        return false;
}

static int add_canonical_object(Text *t, const json_t *j, const char *const except[], size_t depth, Error *e)
{
        size_t count = 0;
        _cleanup_free_ const char **keys = calloc(MAX(json_object_size(j), (size_t) 1), sizeof *keys);
        if (!keys)
                return error_set(e, -ENOMEM, "%s", strerror(ENOMEM));

        json_t *object =
                        (json_t *) (uintptr_t) j; /* jansson's iterators want it writable, and do not write */
        for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at))
                if (!is_among(json_object_iter_key(at), except))
                        keys[count++] = json_object_iter_key(at);
        qsort(keys, count, sizeof *keys, compare_keys);

        text_add_string(t, "{");
        for (size_t i = 0; i < count; i++) {
                if (i > 0)
                        text_add_string(t, ",");
                add_canonical_string(t, keys[i], strlen(keys[i]));
                text_add_string(t, ":");
                int r = add_canonical(t, json_object_get(j, keys[i]), depth + 1, e);
                if (r < 0)
                        return r;
        }
        text_add_string(t, "}");
        return 0;
}

static int add_canonical(Text *t, const json_t *j, size_t depth, Error *e)
{
        int r;

        if (depth > JSON_DEPTH_MAX)
                return error_set(e, -EINVAL, "nested deeper than %d levels", JSON_DEPTH_MAX);
        switch (json_typeof(j)) {
        case JSON_OBJECT:
                return add_canonical_object(t, j, NULL, depth, e);
        case JSON_ARRAY:
                text_add_string(t, "[");
                for (size_t i = 0; i < json_array_size(j); i++) {
                        if (i > 0)
                                text_add_string(t, ",");
                        r = add_canonical(t, json_array_get(j, i), depth + 1, e);
                        if (r < 0)
                                return r;
                }
                text_add_string(t, "]");
                return 0;
        case JSON_STRING:
                add_canonical_string(t, json_string_value(j), json_string_length(j));
                return 0;
        case JSON_INTEGER:
                if (json_integer_value(j) > JSON_INTEGER_MAX || json_integer_value(j) < -JSON_INTEGER_MAX)
                        return error_set(e, -EINVAL,
                                         "%" JSON_INTEGER_FORMAT
                                         " is too large for canonical JSON (2^53 - 1)",
                                         json_integer_value(j));
                text_add(t, "%" JSON_INTEGER_FORMAT, json_integer_value(j));
                return 0;
        case JSON_REAL:
                return error_set(e, -EINVAL,
                                 "%.15g is not written as an integer: canonical JSON has no others",
                                 json_real_value(j));
        case JSON_TRUE:
                text_add_string(t, "true");
                return 0;
        case JSON_FALSE:
                text_add_string(t, "false");
                return 0;
        case JSON_NULL:
                text_add_string(t, "null");
                return 0;
        }
        return -EINVAL;
}

int json_canonical(const json_t *j, char **ret, Error *e)
{
        return json_canonical_without(j, NULL, ret, e);
}

int json_canonical_without(const json_t *j, const char *const except[], char **ret, Error *e)
{
        _cleanup_text_ Text t = {0};

        assert(j);
        assert(ret);

        int r = json_is_object(j) ? add_canonical_object(&t, j, except, 0, e) : add_canonical(&t, j, 0, e);
        if (r < 0)
                return r;
        r = text_take(&t, ret);
        return r < 0 ? error_set(e, r, "%s", strerror(-r)) : 0;
}

/* Building */

static _Thread_local bool put_failed;

void json_put(json_t *object, const char *key, json_t *value)
{
        assert(key);

        if (!object || !value) {
                json_decref(value);
                put_failed = true;
        } else if (json_object_set_new(object, key, value) < 0) {
                put_failed = true;
        }
}

void json_add(json_t *array, json_t *value)
{
        if (json_array_append_new(array, value) < 0)
                put_failed = true;
}

bool json_failed(void)
{
        bool failed = put_failed;
        put_failed = false;
        return failed;
}

json_t *json_whole(json_t *document)
{
        if (json_failed()) {
                json_decref(document);
                return NULL;
        }
        return document;
}

json_t *json_string_or_null(const char *s)
{
        if (!s)
                return json_null();
        json_t *j = json_string(s);
        if (j)
                return j;

        _cleanup_text_ Text t = {0};
        text_add_plain(&t, s, 0);
        return t.failed ? NULL : json_string(t.data ? t.data : "");
}

json_t *json_timestamp(uint64_t wall_usec)
{
        char b[TIMESTAMP_SIZE];

        return wall_usec == 0 ? json_null() : json_string(timestamp_format(b, wall_usec));
}
