/* SPDX-License-Identifier: MIT */
/* ActionFacts as JSON and back, by one table. */
#include "supervisor/facts.h"

struct Facts {
        unsigned refs;
        json_t *json;
        char *text;
        ActionFacts facts; /* borrows from json */
};

static const struct {
        const char *key;
        size_t offset;
} strings[] = {
                {"id", offsetof(ActionFacts, id)},
                {"node_id", offsetof(ActionFacts, node_id)},
                {"node_name", offsetof(ActionFacts, node_name)},
                {"node_url", offsetof(ActionFacts, node_url)},
                {"fallback_url", offsetof(ActionFacts, fallback_url)},
                {"change", offsetof(ActionFacts, change)},
                {"follows", offsetof(ActionFacts, follows)},
                {"mode", offsetof(ActionFacts, mode)},
                {"from", offsetof(ActionFacts, from)},
                {"payment", offsetof(ActionFacts, payment)},
                {"checkout", offsetof(ActionFacts, checkout)},
                {"message", offsetof(ActionFacts, message)},
                {"cause", offsetof(ActionFacts, cause)},
                {"alert", offsetof(ActionFacts, alert)},
                {"summary", offsetof(ActionFacts, summary)},
                {"details", offsetof(ActionFacts, details)},
                {"severity", offsetof(ActionFacts, severity)},
};

static const char *const kind_names[] = {
                [ACTION_CHANGE] = "change", [ACTION_RAISED] = "raised",   [ACTION_CLEARED] = "cleared",
                [ACTION_TEST] = "test",     [ACTION_REFRESH] = "refresh",
};

const char *action_kind_name(ActionKind kind)
{
        assert((size_t) kind < ELEMENTSOF(kind_names));
        return kind_names[kind];
}

json_t *facts_to_json(const ActionFacts *f)
{
        json_t *j = json_object();

        json_put(j, "kind", json_string(action_kind_name(f->kind)));
        for (size_t i = 0; i < ELEMENTSOF(strings); i++) {
                const char *const *s = (const void *) ((const char *) f + strings[i].offset);
                json_put(j, strings[i].key, json_string_or_null(*s ? *s : ""));
        }
        json_put(j, "first", json_boolean(f->first));
        json_put(j, "from_first", json_boolean(f->from_first));
        json_put(j, "automatic", json_boolean(f->automatic));
        json_put(j, "durable", json_boolean(f->durable));
        json_put(j, "seq", json_integer(f->seq));
        json_put(j, "at_usec", json_integer((json_int_t) f->at_usec));
        json_put(j, "since_usec", json_integer((json_int_t) f->since_usec));
        if (json_failed()) {
                json_decref(j);
                return NULL;
        }
        return j;
}

static int kind_from_json(const json_t *j, ActionKind *ret)
{
        const char *name = json_string_value(j);

        for (size_t i = 0; name && i < ELEMENTSOF(kind_names); i++)
                if (streq(name, kind_names[i])) {
                        *ret = (ActionKind) i;
                        return 0;
                }
        return -EINVAL;
}

int facts_from_json(const json_t *j, ActionFacts *ret)
{
        ActionFacts f = {0};

        int r = kind_from_json(json_object_get(j, "kind"), &f.kind);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(strings); i++) {
                const char *s = json_string_value(json_object_get(j, strings[i].key));
                *(const char **) (void *) ((char *) &f + strings[i].offset) = s ? s : "";
        }
        f.first = json_is_true(json_object_get(j, "first"));
        f.from_first = json_is_true(json_object_get(j, "from_first"));
        f.automatic = json_is_true(json_object_get(j, "automatic"));
        f.durable = json_is_true(json_object_get(j, "durable"));
        f.seq = json_integer_value(json_object_get(j, "seq"));
        f.at_usec = (uint64_t) json_integer_value(json_object_get(j, "at_usec"));
        f.since_usec = (uint64_t) json_integer_value(json_object_get(j, "since_usec"));
        *ret = f;
        return 0;
}

/* Consumes json. */
static int facts_wrap(json_t *json, Facts **ret)
{
        _cleanup_(facts_unrefp) Facts *f = calloc(1, sizeof(*f));

        if (!f) {
                json_decref(json);
                return -ENOMEM;
        }
        f->refs = 1;
        f->json = json;
        int r = facts_from_json(json, &f->facts);
        if (r == 0)
                r = json_print(json, &f->text);
        if (r == 0)
                *ret = TAKE_PTR(f);
        return r;
}

int facts_new(const ActionFacts *facts, Facts **ret)
{
        json_t *j = facts_to_json(facts);
        return j ? facts_wrap(j, ret) : -ENOMEM;
}

int facts_parse(const char *text, Facts **ret)
{
        json_t *j;
        int r = json_parse(text, strlen(text), &j, NULL);
        return r < 0 ? r : facts_wrap(j, ret);
}

Facts *facts_ref(Facts *f)
{
        f->refs++;
        return f;
}

Facts *facts_unref(Facts *f)
{
        if (!f || --f->refs > 0)
                return NULL;
        json_decref(f->json);
        free(f->text);
        free(f);
        return NULL;
}

void facts_doubt(Facts *f)
{
        f->facts.durable = false;
}

const ActionFacts *facts_get(const Facts *f)
{
        return &f->facts;
}

const char *facts_text(const Facts *f)
{
        return f->text;
}
