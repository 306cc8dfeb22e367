/* SPDX-License-Identifier: MIT */
/* What is found in a configuration before an outage. */
#include "base/finding.h"

#include "base/look.h"
#include "base/text.h"

static const char *const severity_names[] = {
                [FINDING_NOTE] = "note", [FINDING_WARNING] = "warning", [FINDING_ERROR] = "error"};

const char *finding_severity_name(FindingSeverity s)
{
        assert(s < ELEMENTSOF(severity_names));
        return severity_names[s];
}

static Finding *finding_free(Finding *x)
{
        if (!x)
                return NULL;
        free(x->place);
        free(x->key);
        free(x->message);
        free(x->meaning);
        free(x->advice);
        free(x);
        return NULL;
}
DEFINE_CLEANUP(Finding, finding_free)

void findings_clear(Findings *f)
{
        for (size_t i = 0; i < f->count; i++)
                finding_free(f->items[i]);
        free(f->items);
        *f = (Findings){0};
}

/* The words of strangers may stand in the file: one plain line. */
static char *plain(const char *text)
{
        _cleanup_text_ Text t = {0};
        char *out;

        text_add_plain(&t, text, 0);
        return text_take(&t, &out) < 0 ? NULL : out;
}

static char *plain_format(const char *format, va_list ap)
{
        _cleanup_free_ char *text = NULL;

        if (vasprintf(&text, format, ap) < 0)
                return text = NULL;
        return plain(text);
}

/* The last one of this kind when there are enough of them. */
static Finding *too_many(const Findings *f, const char *code)
{
        Finding *last = NULL;
        unsigned n = 0;

        for (size_t i = 0; i < f->count; i++)
                if (streq(f->items[i]->code, code)) {
                        last = f->items[i];
                        n++;
                }
        return n >= FINDING_ALIKE_MAX ? last : NULL;
}

static int findings_reserve(Findings *f)
{
        size_t capacity = MAX(2 * f->capacity, (size_t) 16);
        Finding **grown;

        if (f->count < f->capacity)
                return 0;
        grown = reallocarray(f->items, capacity, sizeof(Finding *));
        if (!grown)
                return -ENOMEM;
        f->items = grown;
        f->capacity = capacity;
        return 0;
}

/* Consumes message. */
static Finding *add(Findings *f, FindingSeverity severity, const char *code, const char *place,
                    const char *key, char *message)
{
        _cleanup_(finding_freep) Finding *x = calloc(1, sizeof(*x));
        Finding *last = too_many(f, code);

        if (last) {
                last->more++;
                f->counts[severity]++;
                free(message);
                return NULL;
        }
        if (!x) {
                free(message);
                f->failed = true;
                return NULL;
        }
        x->severity = severity;
        x->code = code;
        x->message = message;
        x->place = strdup(place ? place : "");
        x->key = plain(key ? key : "");
        x->meaning = strdup("");
        x->advice = strdup("");
        if (!x->message || !x->place || !x->key || !x->meaning || !x->advice || findings_reserve(f) < 0) {
                f->failed = true;
                return NULL;
        }
        f->counts[severity]++;
        return f->items[f->count++] = TAKE_PTR(x);
}

Finding *findings_add(Findings *f, FindingSeverity severity, const char *code, const char *place,
                      const char *key, const char *format, ...)
{
        char *message;
        va_list ap;

        va_start(ap, format);
        message = plain_format(format, ap);
        va_end(ap);
        return add(f, severity, code, place, key, message);
}

static void replace(Findings *f, char **where, char *text)
{
        if (!text) {
                f->failed = true;
                return;
        }
        free(*where);
        *where = text;
}

void finding_means(Findings *f, Finding *x, const char *format, ...)
{
        va_list ap;

        if (!x)
                return;
        va_start(ap, format);
        replace(f, &x->meaning, plain_format(format, ap));
        va_end(ap);
}

void finding_advises(Findings *f, Finding *x, const char *format, ...)
{
        va_list ap;

        if (!x)
                return;
        va_start(ap, format);
        replace(f, &x->advice, plain_format(format, ap));
        va_end(ap);
}

void findings_another(Findings *f, Finding *x)
{
        if (!x)
                return;
        x->more++;
        f->counts[x->severity]++;
}

/* --- places --- */

/* The longest key of this mapping that the path begins with: names may have dots in them. */
static const ConfNode *descend_mapping(const ConfNode *node, const char **path)
{
        char key[256];

        for (size_t size = strcspn(*path, "["); size > 0; size--) {
                char end = (*path)[size];
                const ConfNode *found;

                if ((end != '\0' && end != '.' && end != '[') || size >= sizeof(key))
                        continue;
                memcpy(key, *path, size);
                key[size] = '\0';
                found = conf_get(node, key);
                if (!found)
                        continue;
                *path += size + (end == '.');
                return found;
        }
        return NULL;
}

static const ConfNode *descend_sequence(const ConfNode *node, const char **path)
{
        char *end;
        unsigned long i;

        if (**path != '[')
                return NULL;
        i = strtoul(*path + 1, &end, 10);
        if (*end != ']' || i >= conf_count(node))
                return NULL;
        *path = end + 1 + (end[1] == '.');
        return conf_item(node, i);
}

static char *locate(const ConfNode *root, const char *path)
{
        const ConfNode *at = root, *node = root;
        char *colon;
        Error e;

        while (node && *path) {
                if (conf_is_mapping(node))
                        node = descend_mapping(node, &path);
                else if (conf_is_sequence(node))
                        node = descend_sequence(node, &path);
                else
                        node = NULL;
                at = node ? node : at;
        }
        conf_error(at, &e, "%s", "");
        colon = strrchr(e.text, ':');
        if (colon)
                *colon = '\0';
        return strdup(e.text);
}

void findings_locate(Findings *f, const Conf *conf)
{
        for (size_t i = 0; i < f->count; i++) {
                Finding *x = f->items[i];
                char *place;

                if (x->key[0] == '\0')
                        continue;
                place = locate(conf_root(conf), x->key);
                replace(f, &x->place, place);
        }
}

void findings_sort(Findings *f)
{
        /* Few, and the order within a severity stays: insertion. */
        for (size_t i = 1; i < f->count; i++) {
                Finding *x = f->items[i];
                size_t k = i;

                for (; k > 0 && f->items[k - 1]->severity < x->severity; k--)
                        f->items[k] = f->items[k - 1];
                f->items[k] = x;
        }
}

/* --- JSON --- */

static void put_place(json_t *j, const char *place)
{
        const char *column = strrchr(place, ':'),
                   *line = column ? memrchr(place, ':', (size_t) (column - place)) : NULL;

        json_put(j, "file", line ? json_stringn(place, (size_t) (line - place)) : json_null());
        json_put(j, "line", line ? json_integer(strtol(line + 1, NULL, 10)) : json_null());
        json_put(j, "column", line ? json_integer(strtol(column + 1, NULL, 10)) : json_null());
}

json_t *findings_to_json(const Findings *f)
{
        json_t *list = json_array();

        for (size_t i = 0; i < f->count; i++) {
                const Finding *x = f->items[i];
                json_t *j = json_object();

                json_put(j, "severity", json_string(finding_severity_name(x->severity)));
                json_put(j, "code", json_string(x->code));
                put_place(j, x->place);
                json_put(j, "key", x->key[0] ? json_string_or_null(x->key) : json_null());
                json_put(j, "message", json_string_or_null(x->message));
                json_put(j, "meaning", x->meaning[0] ? json_string_or_null(x->meaning) : json_null());
                json_put(j, "advice", x->advice[0] ? json_string_or_null(x->advice) : json_null());
                json_put(j, "more", json_integer(x->more));
                json_add(list, j);
        }
        return list;
}

void findings_compare_ids(Findings *f, const char *path, const char *id, const char *other)
{
        const char *slash = strrchr(path, '/'), *theirs;
        _cleanup_(conf_freep) Conf *conf = NULL;
        _cleanup_free_ char *beside = NULL;
        const ConfNode *node;
        Finding *x;
        Error e;

        if (!id || streq(slash ? slash + 1 : path, other))
                return;
        beside = string_printf("%.*s%s", slash ? (int) (slash + 1 - path) : 0, path, other);
        if (!beside) {
                f->failed = true;
                return;
        }
        if (look_at_file(beside) < 0 || conf_load(beside, &conf, &e) < 0 || !conf_is_mapping(conf_root(conf)))
                return; /* whoever checks that file is told */
        node = conf_get(conf_root(conf), "node");
        node = node && conf_is_mapping(node) ? conf_get(node, "id") : NULL;
        theirs = node ? conf_scalar(node) : NULL;
        if (!theirs || streq(theirs, id))
                return;
        x = findings_add(f, FINDING_WARNING, "other-id", NULL, "node.id",
                         "node.id is `%s` here, and `%s` in %s", id, theirs, beside);
        finding_means(f, x,
                      "failoverd and federationd speak for two nodes: what one of them tells of a failure, "
                      "other shops do not take for the other's");
        finding_advises(f, x, "write the same id into both files");
}
