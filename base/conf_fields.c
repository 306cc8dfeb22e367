/* SPDX-License-Identifier: MIT */
/* Configuration into structs, by tables of fields. */
#include "base/conf.h"

#include "base/text.h"

/* Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours cost one each. Names longer
 * than this are no near misses of ours. */
#define NAME_SIZE 40

static size_t edit_distance(const char *a, const char *b)
{
        size_t n = strlen(a), m = strlen(b), rows[3][NAME_SIZE + 1];

        if (n > NAME_SIZE || m > NAME_SIZE)
                return SIZE_MAX;
        for (size_t j = 0; j <= m; j++)
                rows[0][j] = j;
        for (size_t i = 1; i <= n; i++) {
                size_t *now = rows[i % 3], *above = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];
                now[0] = i;
                for (size_t j = 1; j <= m; j++) {
                        size_t either = MIN(above[j], now[j - 1]) + 1;
                        size_t d = MIN(either, above[j - 1] + (a[i - 1] != b[j - 1]));
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                                d = MIN(d, before[j - 2] + 1);
                        now[j] = d;
                }
        }
        return rows[n % 3][m];
}

void conf_suggest(Text *t, const char *word, const char *const known[])
{
        const char *nearest = NULL;
        size_t best = MAX(strlen(word) / 3, (size_t) 1) + 1;

        for (size_t i = 0; known[i]; i++) {
                size_t d = edit_distance(word, known[i]);
                if (d < best) {
                        best = d;
                        nearest = known[i];
                }
        }
        if (nearest)
                text_add(t, ", did you mean `%s`?", nearest);
        else
                text_add_string(t, ".");
        for (size_t i = 0; known[i]; i++)
                text_add(t, "%s%s", i == 0 ? " Known: " : ", ", known[i]);
}

static int unknown_key(const ConfNode *key_node, const ConfField *fields, const char *const *skip, Error *e)
{
        _cleanup_text_ Text t = {0};
        size_t count = 0, i = 0;
        const char *key = conf_scalar(key_node);
        char plain[96];

        for (const ConfField *f = fields; f->key; f++)
                count++;
        for (const char *const *s = skip; s && *s; s++)
                count++;
        _cleanup_free_ const char **known = calloc(count + 1, sizeof *known);
        if (!known)
                return error_set(e, -ENOMEM, "%s", strerror(ENOMEM));
        for (const char *const *s = skip; s && *s; s++)
                known[i++] = *s;
        for (const ConfField *f = fields; f->key; f++)
                known[i++] = f->key;
        conf_suggest(&t, key, known);
        if (t.failed)
                return error_set(e, -ENOMEM, "%s", strerror(ENOMEM));
        return conf_error(key_node, e, "unknown key `%s`%s", plain_copy(plain, sizeof plain, key), t.data);
}

static bool is_known(const char *key, const ConfField *fields, const char *const *skip)
{
        for (const ConfField *f = fields; f->key; f++)
                if (streq(f->key, key))
                        return true;
        for (const char *const *s = skip; s && *s; s++)
                if (streq(*s, key))
                        return true;
        return false;
}

/* A default reads as it would in the file. */
static int parse_fallback(const ConfField *field, void *target, Error *e)
{
        _cleanup_(conf_freep) Conf *conf = NULL;
        int r = conf_load_text("default", field->fallback, strlen(field->fallback), &conf, e);
        return r < 0 ? r : field->type->parse(conf_root(conf), field, target, e);
}

static int parse_fields(const ConfNode *node, const ConfField *fields, const char *const *skip, void *target,
                        Error *e)
{
        for (size_t i = 0; conf_is_mapping(node) && i < conf_count(node); i++) {
                const ConfNode *key;
                if (!is_known(conf_key(node, i, &key), fields, skip))
                        return unknown_key(key, fields, skip, e);
        }
        for (const ConfField *f = fields; f->key; f++) {
                const ConfNode *value = conf_get(node, f->key);
                void *at = (char *) target + f->offset;
                int r = 0;

                if (value)
                        r = f->type->parse(value, f, at, e);
                else if (f->flags & CONF_REQUIRED)
                        return conf_error(node, e, "`%s` is missing: %s", f->key, f->help);
                else if (f->fallback)
                        r = parse_fallback(f, at, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

int conf_parse(const ConfNode *node, const ConfField *fields, const char *const *skip, void *target, Error *e)
{
        assert(node);
        assert(fields);
        assert(target);

        /* A table whose keys are all commented out is an empty one. */
        if (!conf_is_mapping(node) && !conf_is_null(node))
                return conf_error(node, e, "expected keys and values here, not %s",
                                  conf_is_sequence(node) ? "a list" : "a single value");
        int r = parse_fields(node, fields, skip, target, e);
        if (r < 0)
                conf_clear(fields, target);
        return r;
}

void conf_clear(const ConfField *fields, void *target)
{
        assert(fields);
        assert(target);

        for (const ConfField *f = fields; f->key; f++) {
                void *at = (char *) target + f->offset;
                if (f->type == &conf_table)
                        conf_clear(f->data, at);
                else if (f->type->clear)
                        f->type->clear(at);
        }
}
