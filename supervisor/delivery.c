/* SPDX-License-Identifier: MIT */
/* Order, superseding, retries and giving up. */
#include "supervisor/delivery.h"

#include "base/text.h"

static const char *const state_names[] = {
                [DELIVERY_PENDING] = "pending",
                [DELIVERY_DONE] = "done",
                [DELIVERY_SUPERSEDED] = "superseded",
                [DELIVERY_GIVEN_UP] = "given-up",
};

const char *delivery_state_name(DeliveryState s)
{
        assert((size_t) s < ELEMENTSOF(state_names));
        return state_names[s];
}

static DeliveryState state_from_name(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(state_names); i++)
                if (streq(name, state_names[i]))
                        return (DeliveryState) i;
        return DELIVERY_SUPERSEDED; /* of a version that knew more */
}

uint64_t outbox_backoff(unsigned attempts, double fraction, uint64_t retry_after_usec)
{
        unsigned doublings = MIN(MAX(attempts, 1U) - 1, 20U);
        uint64_t ceiling = MIN(OUTBOX_RETRY_MIN_USEC << doublings, OUTBOX_RETRY_MAX_USEC);
        uint64_t delay = (uint64_t) (fraction * (double) ceiling);

        /* Full jitter, but never a burst. */
        delay = MAX(delay, OUTBOX_RETRY_MIN_USEC / 10);
        return MAX(delay, MIN(retry_after_usec, OUTBOX_RETRY_AFTER_MAX));
}

bool channel_wants(const ActionConfig *config, const ActionFacts *facts)
{
        const ActionType *type = config->type;

        switch (facts->kind) {
        case ACTION_CHANGE:
                if (facts->quiet && type->alerts)
                        return false;
                if (type->event && *facts->from == '\0')
                        return false;
                if (type->says && !type->says(facts))
                        return false;
                return (type->says && facts->first) || config_action_runs_in(config, facts->mode);
        case ACTION_RAISED:
        case ACTION_CLEARED:
        case ACTION_TEST:
                return type->event && type->alerts;
        case ACTION_REFRESH:
                return !type->event && type->refresh && config_action_runs_in(config, facts->mode);
        }
        return false;
}

int channel_new(Channel **ret)
{
        Channel *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        TAILQ_INIT(&c->pending);
        *ret = c;
        return 0;
}

void channel_begin(Channel *c, const ActionConfig *config)
{
        assert(!c->config && strlen(config->name) < sizeof(c->name));
        snprintf(c->name, sizeof(c->name), "%s", config->name);
        c->config = config;
}

int channel_new_spoke(Channel *hub, const char *target, Channel **ret)
{
        char *copy = strdup(target);

        int r = copy ? channel_new(ret) : -ENOMEM;
        if (r < 0) {
                free(copy);
                return r;
        }
        channel_begin(*ret, hub->config);
        (*ret)->hub = hub;
        (*ret)->target = copy;
        return 0;
}

Channel *channel_free(Channel *c)
{
        Delivery *d;

        if (!c)
                return NULL;
        assert(!c->running && !c->refreshing);
        while ((d = TAILQ_FIRST(&c->pending))) {
                channel_remove(c, d);
                delivery_free(d);
        }
        delivery_free(c->last);
        facts_unref(c->refresh);
        free(c->target);
        free(c);
        return NULL;
}

Delivery *delivery_free(Delivery *d)
{
        if (!d)
                return NULL;
        facts_unref(d->facts);
        free(d->change);
        free(d->action);
        free(d->target);
        free(d->progress);
        free(d);
        return NULL;
}

int delivery_new(const ActionConfig *config, const char *target, Facts *facts, int64_t id, uint64_t now,
                 uint64_t wall, Delivery **ret)
{
        _cleanup_(delivery_freep) Delivery *d = calloc(1, sizeof(*d));
        const ActionFacts *f = facts_get(facts);

        if (!d)
                return -ENOMEM;
        if (!target)
                target = config->target ? config->target : "";
        *d = (Delivery){.id = id,
                        .type = config->type->name,
                        .event = config->type->event,
                        .facts = facts_ref(facts),
                        .change = strdup(f->kind == ACTION_CHANGE ? f->change : f->id),
                        .action = strdup(config->name),
                        .target = strdup(target),
                        .created_wall_usec = wall,
                        .next_wall_usec = wall,
                        .due_usec = now,
                        .give_up_usec = now + OUTBOX_PATIENCE_USEC};
        if (!d->change || !d->action || !d->target)
                return -ENOMEM;
        *ret = TAKE_PTR(d);
        return 0;
}

/* When a target that asked for a pause, or has failed often, is to be tried again: the pause outlives a restart. By wall
 * time, so it is believed as far as it can be true; else now. */
static uint64_t restored_due(const DeliveryRecord *record, uint64_t now, uint64_t wall)
{
        if (record->next_usec <= wall || wall < record->created_usec ||
            record->next_usec - wall > OUTBOX_RETRY_AFTER_MAX)
                return now;
        return now + (record->next_usec - wall);
}

int delivery_restore(const DeliveryRecord *record, uint64_t now, uint64_t wall, Facts *like, Delivery **ret)
{
        _cleanup_(delivery_freep) Delivery *d = calloc(1, sizeof(*d));
        const ActionType *type = action_type_find(record->type);
        uint64_t age = wall > record->created_usec ? wall - record->created_usec : 0;

        if (!d)
                return -ENOMEM;
        *d = (Delivery){.id = record->id,
                        .type = type ? type->name : "",
                        .event = record->event,
                        .change = strdup(record->change),
                        .action = strdup(record->action),
                        .target = strdup(record->target),
                        .state = state_from_name(record->state),
                        .attempts = record->attempts,
                        .created_wall_usec = record->created_usec,
                        .next_wall_usec = record->next_usec,
                        .finished_wall_usec = record->finished_usec,
                        .released = true,
                        .resume_usec = restored_due(record, now, wall),
                        .give_up_usec = now + OUTBOX_PATIENCE_USEC -
                                        MIN(age, OUTBOX_PATIENCE_USEC - OUTBOX_RESTORED_USEC)};
        d->ask = type && !type->event && type->query;
        d->due_usec = d->ask ? now : d->resume_usec; /* a question asks nothing of the target that it minds */
        plain_copy(d->message, sizeof(d->message), record->message);
        if (!d->change || !d->action || !d->target)
                return -ENOMEM;
        int r = 0;
        if (like && streq(facts_text(like), record->facts))
                d->facts = facts_ref(like);
        else
                r = facts_parse(record->facts, &d->facts);
        if (r == -EINVAL) { /* of another version, or edited: said once, and not tried for ever */
                r = facts_new(&(ActionFacts){0}, &d->facts);
                if (r == 0 && d->state == DELIVERY_PENDING)
                        delivery_end(d, DELIVERY_GIVEN_UP, wall, "what was stored of it cannot be read");
        }
        if (r == 0)
                *ret = TAKE_PTR(d);
        return r;
}

void delivery_end(Delivery *d, DeliveryState state, uint64_t wall, const char *message)
{
        assert(d->state == DELIVERY_PENDING && state != DELIVERY_PENDING);
        d->state = state;
        d->finished_wall_usec = wall;
        d->next_wall_usec = 0;
        plain_copy(d->message, sizeof(d->message), message);
}

void channel_insert(Channel *c, Delivery *d)
{
        Delivery *after;

        TAILQ_FOREACH_REVERSE(after, &c->pending, DeliveryList, entry)
        if (after->id < d->id)
                break;
        if (after)
                TAILQ_INSERT_AFTER(&c->pending, after, d, entry);
        else
                TAILQ_INSERT_HEAD(&c->pending, d, entry);
        c->n_pending++;
}

void channel_remove(Channel *c, Delivery *d)
{
        TAILQ_REMOVE(&c->pending, d, entry);
        c->n_pending--;
}

static void supersede(Channel *c, Delivery *d, uint64_t wall, const char *why, DeliveryList *ret)
{
        channel_remove(c, d);
        delivery_end(d, DELIVERY_SUPERSEDED, wall, why);
        TAILQ_INSERT_TAIL(ret, d, entry);
}

void channel_supersede(Channel *c, int64_t below, uint64_t wall, const char *why, DeliveryList *ret)
{
        Delivery *d;

        while ((d = TAILQ_FIRST(&c->pending)) && d->id < below)
                supersede(c, d, wall, why, ret);
}

static bool begins(const Channel *c, const ActionFacts *f)
{
        return f->kind == ACTION_RAISED ||
               (c->config->type->says && f->kind == ACTION_CHANGE && f->from_first);
}

static bool ends(const ActionFacts *f, const ActionFacts *begun)
{
        return begun->kind == ACTION_RAISED ? f->kind == ACTION_CLEARED && streq(f->alert, begun->alert)
                                            : f->kind == ACTION_CHANGE && f->first;
}

static Delivery *find_end(const Delivery *begun, const Delivery *busy)
{
        Delivery *d = TAILQ_NEXT(begun, entry);

        for (; d; d = TAILQ_NEXT(d, entry))
                if (ends(facts_get(d->facts), facts_get(begun->facts)))
                        return d == busy ? NULL : d;
        return NULL;
}

/* The oldest pair of which nobody has heard. */
static Delivery *find_pair(const Channel *c, const Delivery *busy, Delivery **ret_end)
{
        Delivery *d;

        TAILQ_FOREACH(d, &c->pending, entry)
        {
                if (d == busy || d->attempts > 0 || !begins(c, facts_get(d->facts)))
                        continue;
                *ret_end = find_end(d, busy);
                if (*ret_end)
                        return d;
        }
        return NULL;
}

void channel_shed(Channel *c, const Delivery *busy, uint64_t wall, DeliveryList *ret)
{
        static const char why[] = "superseded: too many messages wait for this target, and this has begun "
                                  "and ended meanwhile";
        Delivery *begun, *end;

        while (c->n_pending > CHANNEL_STORM && (begun = find_pair(c, busy, &end))) {
                supersede(c, begun, wall, why, ret);
                supersede(c, end, wall, why, ret);
        }
}

Delivery *channel_next(const Channel *c)
{
        Delivery *d = TAILQ_FIRST(&c->pending);
        return d && d->released ? d : NULL;
}

void delivery_settle(Delivery *d, bool queried, ActionResult result, const char *message,
                     uint64_t retry_after_usec, double fraction, uint64_t now, uint64_t wall)
{
        uint64_t delay;

        if (queried && result == ACTION_MISSING) {
                d->ask = false;
                d->due_usec = MAX(now, d->resume_usec);
                return;
        }
        d->attempts += queried && result == ACTION_DONE ? 0 : 1;
        if (result == ACTION_DONE) {
                delivery_end(d, DELIVERY_DONE, wall, message);
        } else if (result == ACTION_PERMANENT || now >= d->give_up_usec) {
                delivery_end(d, DELIVERY_GIVEN_UP, wall, message);
        } else {
                delay = outbox_backoff(d->attempts, fraction, retry_after_usec);
                d->due_usec = MIN(now + delay, d->give_up_usec); /* the last time at the very end */
                d->next_wall_usec = wall + (d->due_usec - now);
                plain_copy(d->message, sizeof(d->message), message);
        }
}

static bool is_failing(const Delivery *d)
{
        return d->attempts >= CHANNEL_FAILING;
}

bool channel_judge(Channel *c, const Delivery *d, bool *ret_given_up, bool *ret_ended)
{
        Trouble before = c->trouble;

        switch (d->state) {
        case DELIVERY_PENDING:
                if (before == TROUBLE_NONE && is_failing(d))
                        c->trouble = TROUBLE_FAILING;
                break;
        case DELIVERY_DONE:
                c->trouble = TROUBLE_NONE;
                break;
        case DELIVERY_SUPERSEDED:
                /* What could not be done is not wanted any more. */
                if (!d->event || is_failing(d))
                        c->trouble = TROUBLE_NONE;
                break;
        case DELIVERY_GIVEN_UP:
                c->trouble = TROUBLE_GIVEN_UP;
                break;
        }
        *ret_ended = c->trouble == TROUBLE_NONE;
        *ret_given_up = (*ret_ended ? before : c->trouble) == TROUBLE_GIVEN_UP;
        return c->trouble != before;
}
