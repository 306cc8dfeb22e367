/* SPDX-License-Identifier: MIT */
/* What the outbox tells of itself: rows for the database, the status document, counters. */
#include "supervisor/outbox_run.h"

void outbox_record(const Delivery *d, DeliveryRecord *ret)
{
        *ret = (DeliveryRecord){.id = d->id,
                                .change = d->change,
                                .action = d->action,
                                .type = d->type,
                                .target = d->target,
                                .kind = facts_get(d->facts)->kind,
                                .event = d->event,
                                .facts = facts_text(d->facts),
                                .state = delivery_state_name(d->state),
                                .message = d->message,
                                .attempts = d->attempts,
                                .created_usec = d->created_wall_usec,
                                .next_usec = d->next_wall_usec,
                                .finished_usec = d->finished_wall_usec};
}

static json_t *delivery_to_json(const Delivery *d)
{
        uint64_t at = d->finished_wall_usec ? d->finished_wall_usec : d->created_wall_usec;
        json_t *j = json_object();

        json_put(j, "type", json_string_or_null(d->type));
        json_put(j, "name", json_string_or_null(d->action));
        json_put(j, "target", json_string_or_null(d->target));
        json_put(j, "change", json_string_or_null(d->change));
        json_put(j, "kind", json_string(action_kind_name(facts_get(d->facts)->kind)));
        json_put(j, "state", json_string(delivery_state_name(d->state)));
        json_put(j, "attempts", json_integer(d->attempts));
        json_put(j, "message", json_string_or_null(d->message));
        json_put(j, "at", json_timestamp(at));
        json_put(j, "next", d->state == DELIVERY_PENDING ? json_timestamp(d->next_wall_usec) : json_null());
        return j;
}

/* Whom to tell cannot be read at the moment, though nothing may wait for it: the row of an attempt that has failed. */
static json_t *trouble_to_json(const Channel *hub, const char *why)
{
        _cleanup_free_ char *text = hub->n_targets > 0
                                                    ? string_printf("whom to tell cannot be read, %u that "
                                                                    "were known are told: %s",
                                                                    hub->n_targets, why)
                                                    : string_printf("whom to tell is not known yet: %s", why);
        json_t *j = json_object();

        json_put(j, "type", json_string(hub->config->type->name));
        json_put(j, "name", json_string_or_null(hub->name));
        json_put(j, "target", json_string(""));
        json_put(j, "change", json_null());
        json_put(j, "kind", json_null());
        json_put(j, "state", json_string(delivery_state_name(DELIVERY_PENDING)));
        json_put(j, "attempts", json_integer(0));
        json_put(j, "message", json_string_or_null(text ? text : "whom to tell cannot be read"));
        json_put(j, "at", json_null());
        json_put(j, "next", json_null());
        return j;
}

json_t *outbox_to_json(const Outbox *o)
{
        json_t *list = json_array();
        const Channel *c;
        const Delivery *d;
        bool failed = !list;

        TAILQ_FOREACH(c, &o->channels, entry)
        {
                const char *why = channel_fans_out(c) ? outbox_targets_trouble(o, c) : "";

                if (*why && TAILQ_EMPTY(&c->pending))
                        failed |= json_array_append_new(list, trouble_to_json(c, why)) < 0;
                else if (c->last && TAILQ_EMPTY(&c->pending))
                        failed |= json_array_append_new(list, delivery_to_json(c->last)) < 0;
                TAILQ_FOREACH(d, &c->pending, entry)
                failed |= json_array_append_new(list, delivery_to_json(d)) < 0;
        }
        if (json_failed() || failed) {
                json_decref(list);
                return NULL;
        }
        return list;
}

size_t outbox_pending(const Outbox *o)
{
        const Channel *c;
        size_t n = 0;

        TAILQ_FOREACH(c, &o->channels, entry)
        n += c->n_pending;
        return n;
}

bool outbox_is_pending(const Outbox *o, const char *action)
{
        const Channel *c;

        TAILQ_FOREACH(c, &o->channels, entry)
        if (streq(c->name, action) && !TAILQ_EMPTY(&c->pending))
                return true;
        return false;
}

bool outbox_is_troubled(const Outbox *o, const char *action)
{
        const Channel *c;

        TAILQ_FOREACH(c, &o->channels, entry)
        if (streq(c->name, action) && MAX(c->trouble, c->told) == TROUBLE_GIVEN_UP)
                return true;
        return false;
}

bool outbox_is_failing(const Outbox *o, const char *action)
{
        const Channel *c;

        TAILQ_FOREACH(c, &o->channels, entry)
        if (streq(c->name, action) && MAX(c->trouble, c->told) == TROUBLE_FAILING)
                return true;
        return false;
}

void outbox_count(const Outbox *o,
                  void (*fn)(const char *type, const char *result, uint64_t n, void *userdata),
                  void *userdata)
{
        for (const Count *n = o->counts; n; n = n->next)
                for (size_t i = 0; i < ELEMENTSOF(n->n); i++)
                        if (n->n[i] > 0)
                                fn(n->type,
                                   i == DELIVERY_PENDING ? "retry" : delivery_state_name((DeliveryState) i),
                                   n->n[i], userdata);
}
