/* SPDX-License-Identifier: MIT */
/* Changes that the store has not taken yet, as JSON and back. */
#include "supervisor/unsaved.h"

#include "base/log.h"
#include "supervisor/public_record.h"
#include "supervisor/recent.h"
#include "supervisor/wishes.h"

void unsaved_add(Manager *m, const ChangeRecord *c, const ActionFacts *facts)
{
        json_t *j = json_object();

        json_put(j, "id", json_string(c->id));
        json_put(j, "at", json_integer((json_int_t) c->at_usec));
        json_put(j, "since", json_integer((json_int_t) facts->since_usec));
        json_put(j, "seq", json_integer(facts->seq));
        json_put(j, "from", json_string_or_null(c->from));
        json_put(j, "to", json_string_or_null(c->to));
        json_put(j, "cause", json_string_or_null(c->cause));
        json_put(j, "rule", json_string_or_null(c->rule));
        json_put(j, "reason", json_string_or_null(c->operator_reason));
        json_put(j, "automatic", json_boolean(c->automatic));
        json_put(j, "config_hash", json_string_or_null(c->config_hash));
        json_put(j, "evidence", json_string_or_null(c->evidence));
        json_array_append_new(m->unsaved, json_whole(j));
        if (json_array_size(m->unsaved) > UNSAVED_MAX)
                json_array_remove(m->unsaved, 0);
}

static const char *text(const json_t *change, const char *key)
{
        const char *s = json_string_value(json_object_get(change, key));

        return s ? s : "";
}

static uint64_t number(const json_t *change, const char *key)
{
        json_int_t n = json_integer_value(json_object_get(change, key));

        return n > 0 ? (uint64_t) n : 0;
}

void unsaved_drop(Manager *m, const char *id)
{
        size_t n = 0;

        while (n < json_array_size(m->unsaved) && id && !streq(text(json_array_get(m->unsaved, n), "id"), id))
                n++;
        if (id && n == json_array_size(m->unsaved))
                return; /* dropped before */
        for (n = id ? n + 1 : json_array_size(m->unsaved); n > 0; n--)
                json_array_remove(m->unsaved, 0);
}

static void adopt(Manager *m, const json_t *j)
{
        const ChangeRecord change = {
                        .id = text(j, "id"),
                        .at_usec = number(j, "at"),
                        .from = text(j, "from"),
                        .to = text(j, "to"),
                        .cause = text(j, "cause"),
                        .rule = text(j, "rule"),
                        .operator_reason = text(j, "reason"),
                        .automatic = json_is_true(json_object_get(j, "automatic")),
                        .durable = false,
                        .config_hash = text(j, "config_hash"),
                        .evidence = text(j, "evidence"),
        };
        unsigned to = config_find_mode(m->config, change.to);
        ActionFacts facts;

        manager_facts(m, ACTION_CHANGE, &facts);
        facts.id = facts.change = change.id;
        facts.from = change.from;
        facts.follows = change.from[0] == '\0' || streq(change.from, m->config->modes[0].name)
                                        ? ""
                                        : recent_latest(m);
        facts.mode = change.to;
        facts.cause = change.cause;
        facts.automatic = change.automatic;
        facts.at_usec = change.at_usec;
        facts.since_usec = number(j, "since");
        facts.from_first = config_find_mode(m->config, change.from) == 0;
        facts.seq = (int64_t) number(j, "seq");
        if (facts.seq == 0)
                facts.seq = manager_next_seq(m);
        if (to != MODE_NONE) {
                facts.payment = m->config->modes[to].payment;
                facts.checkout = m->config->modes[to].checkout;
                facts.message = m->config->modes[to].message;
                facts.first = to == 0;
        }
        log_notice("change %s from %s to %s was not saved when it happened: it is now", change.id,
                   change.from[0] ? change.from : "the start", change.to);
        recent_add(m, &change);
        record_changed(m, &change);
        wishes_commit(m, &facts, &change);
}

void unsaved_adopt(Manager *m, const json_t *list, const char *stored)
{
        size_t i;
        json_t *item;

        json_array_foreach(list, i, item)
        {
                if (strcmp(text(item, "id"), stored) > 0)
                        adopt(m, item);
        }
}
