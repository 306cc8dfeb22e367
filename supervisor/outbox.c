/* SPDX-License-Identifier: MIT */
/* What comes into the outbox: deliveries from changes and alerts, from the database, and the actions of a new config. */
#include "supervisor/outbox.h"

#include "base/clock.h"
#include "base/id.h"
#include "supervisor/outbox_run.h"

int outbox_new(ActionContext *context, const OutboxEvents *events, Outbox **ret)
{
        assert(context && events && ret);
        Outbox *o = calloc(1, sizeof(*o));
        if (!o)
                return -ENOMEM;
        *o = (Outbox){.context = context, .events = *events, .random = random_seed()};
        TAILQ_INIT(&o->channels);
        TAILQ_INIT(&o->gone);
        TAILQ_INIT(&o->spare);
        TAILQ_INIT(&o->ended);
        TAILQ_INIT(&o->tests);
        int r = loop_timer_new(context->event, "outbox", outbox_on_timer, o, &o->timer);
        if (r < 0) {
                free(o);
                return r;
        }
        *ret = o;
        return 0;
}

void outbox_abandon(Channel *c)
{
        c->running = running_free(c->running);
        c->refreshing = running_free(c->refreshing);
}

static void channels_free(ChannelList *list)
{
        Channel *c;

        while ((c = TAILQ_FIRST(list))) {
                TAILQ_REMOVE(list, c, entry);
                outbox_abandon(c);
                channel_free(c);
        }
}

Outbox *outbox_free(Outbox *o)
{
        Delivery *d;
        Running *t;
        Count *n;

        if (!o)
                return NULL;
        while ((t = TAILQ_FIRST(&o->tests))) {
                TAILQ_REMOVE(&o->tests, t, entry);
                running_free(t);
        }
        channels_free(&o->channels);
        channels_free(&o->gone);
        channels_free(&o->spare);
        while ((d = TAILQ_FIRST(&o->ended))) {
                TAILQ_REMOVE(&o->ended, d, entry);
                delivery_free(d);
        }
        while ((n = o->counts)) {
                o->counts = n->next;
                free(n);
        }
        json_decref(o->status);
        json_decref(o->public_status);
        facts_unref(o->restored);
        loop_source_free(o->timer);
        free(o);
        return NULL;
}

/* Configuring */

/* payment-mode, the other state actions, events. */
static unsigned channel_rank(const ActionConfig *config)
{
        return config->type->event ? 2 : streq(config->type->name, "payment-mode") ? 0 : 1;
}

static void insert_by_rank(ChannelList *list, Channel *c)
{
        Channel *after;

        TAILQ_FOREACH_REVERSE(after, list, ChannelList, entry)
        if (channel_rank(after->config) <= channel_rank(c->config))
                break;
        if (after)
                TAILQ_INSERT_AFTER(list, after, c, entry);
        else
                TAILQ_INSERT_HEAD(list, c, entry);
}

/* The same deliveries, by the new settings: what was on its way with the old ones is begun again. */
static void channel_reconfigure(Channel *c, const ActionConfig *config)
{
        if (c->config == config)
                return;
        outbox_abandon(c);
        c->config = config;
}

/* The one that the action has already, or a spare one. */
static Channel *take_channel(Outbox *o, ChannelList *from, const ActionConfig *config)
{
        Channel *c;

        TAILQ_FOREACH(c, from, entry)
        if (!c->hub && streq(c->name, config->name) && c->config->type == config->type) {
                TAILQ_REMOVE(from, c, entry);
                channel_reconfigure(c, config);
                return c;
        }
        c = TAILQ_FIRST(&o->spare);
        assert(c);
        TAILQ_REMOVE(&o->spare, c, entry);
        o->n_spare--;
        channel_begin(c, config);
        return c;
}

/* A hub brings its spokes along. */
static void take_spokes(Outbox *o, ChannelList *from, Channel *hub)
{
        Channel *c, *next, *last = hub;

        for (c = TAILQ_FIRST(from); c; c = next) {
                next = TAILQ_NEXT(c, entry);
                if (c->hub != hub)
                        continue;
                TAILQ_REMOVE(from, c, entry);
                channel_reconfigure(c, hub->config);
                TAILQ_INSERT_AFTER(&o->channels, last, c, entry);
                last = c;
        }
}

static void cancel_tests(Outbox *o, const ActionConfig *config)
{
        Running *t;

        TAILQ_FOREACH(t, &o->tests, entry)
        if (t->config == config && t->channel) {
                t->channel = NULL;
                running_stop(t);
        }
}

static bool is_configured(ActionConfig *const *actions, size_t n_actions, const ActionConfig *config)
{
        for (size_t i = 0; i < n_actions; i++)
                if (actions[i] == config)
                        return true;
        return false;
}

static void dismiss(Outbox *o, Channel *c)
{
        outbox_abandon(c);
        channel_supersede(c, INT64_MAX, clock_wall_usec(), "superseded: the action is no longer configured",
                          &o->ended);
        c->config = NULL;
        TAILQ_INSERT_TAIL(&o->gone, c, entry);
}

int outbox_reserve(Outbox *o, size_t n_actions)
{
        Channel *c;

        for (; o->n_spare < n_actions; o->n_spare++) {
                int r = channel_new(&c);
                if (r < 0)
                        return r;
                TAILQ_INSERT_TAIL(&o->spare, c, entry);
        }
        return 0;
}

int outbox_configure(Outbox *o, ActionConfig *const *actions, size_t n_actions)
{
        ChannelList old = TAILQ_HEAD_INITIALIZER(old);
        Channel *c;

        int r = outbox_reserve(o, n_actions);
        if (r < 0)
                return r;
        TAILQ_CONCAT(&old, &o->channels, entry);
        TAILQ_FOREACH(c, &old, entry)
        if (!is_configured(actions, n_actions, c->config))
                cancel_tests(o, c->config);
        for (size_t i = 0; i < n_actions; i++) {
                c = take_channel(o, &old, actions[i]);
                insert_by_rank(&o->channels, c);
                take_spokes(o, &old, c);
        }
        while ((c = TAILQ_FIRST(&old))) {
                TAILQ_REMOVE(&old, c, entry);
                dismiss(o, c);
        }
        channels_free(&o->spare);
        o->n_spare = 0;
        outbox_retarget(o);
        return 0;
}

/* Adding */

static void write_delivery(StoreBatch *batch, const Delivery *d)
{
        DeliveryRecord record;

        outbox_record(d, &record);
        store_batch_delivery(batch, &record);
}

int64_t outbox_next_id(Outbox *o, uint64_t wall)
{
        o->last_id = MAX(o->last_id + 1, (int64_t) wall);
        return o->last_id;
}

/* One delivery for each action that wants the facts, or for each of its targets, in the order of the channels. */
static int make_deliveries(Outbox *o, const ActionFacts *facts, DeliveryList *ret)
{
        _cleanup_(facts_unrefp) Facts *owned = NULL;
        uint64_t now = clock_boot_usec(), wall = clock_wall_usec();
        Channel *c;
        Delivery *d;

        int r = facts_new(facts, &owned);
        TAILQ_FOREACH(c, &o->channels, entry)
        {
                if (r < 0)
                        break;
                if (c->hub || !channel_wants(c->config, facts))
                        continue;
                if (channel_fans_out(c)) {
                        r = outbox_fan_out(o, c, owned, ret);
                        continue;
                }
                r = delivery_new(c->config, NULL, owned, outbox_next_id(o, wall), now, wall, &d);
                if (r == 0)
                        TAILQ_INSERT_TAIL(ret, d, entry);
        }
        if (r == 0)
                return 0;
        while ((d = TAILQ_FIRST(ret))) {
                TAILQ_REMOVE(ret, d, entry);
                delivery_free(d);
        }
        return r;
}

/* A change makes void what a state action was still to make so, also where the action has no part in the new mode. An
 * attempt in flight is left alone until the change is saved: perhaps it still succeeds. */
static void supersede_states(Outbox *o, const char *change)
{
        char why[80];
        Channel *c;

        snprintf(why, sizeof(why), "superseded by change %s", change);
        TAILQ_FOREACH(c, &o->channels, entry)
        {
                if (c->config->type->event)
                        continue;
                if (c->running)
                        c->running->delivery = NULL;
                c->newest = o->last_id;
                c->calm = c->trouble != TROUBLE_NONE;
                channel_supersede(c, INT64_MAX, clock_wall_usec(), why, &o->ended);
        }
}

static void write_ended(Outbox *o, StoreBatch *batch)
{
        Delivery *d;

        TAILQ_FOREACH(d, &o->ended, entry)
        if (!d->written && !d->assures) {
                write_delivery(batch, d);
                d->written = true;
        }
}

static void insert_new(Outbox *o, Delivery *d)
{
        Channel *c = outbox_find_for(o, d);

        assert(c);
        channel_insert(c, d);
        if (d->event)
                channel_shed(c, c->running ? c->running->delivery : NULL, clock_wall_usec(), &o->ended);
        else
                c->newest = d->id;
}

int outbox_add(Outbox *o, const ActionFacts *facts, StoreBatch *batch)
{
        DeliveryList added = TAILQ_HEAD_INITIALIZER(added);
        Delivery *d;

        assert(facts->kind == ACTION_CHANGE || facts->kind == ACTION_RAISED || facts->kind == ACTION_CLEARED);
        int r = make_deliveries(o, facts, &added);
        if (r < 0)
                return r;
        outbox_set_status(o, facts);
        if (facts->kind == ACTION_CHANGE)
                supersede_states(o, facts->change);
        while ((d = TAILQ_FIRST(&added))) {
                TAILQ_REMOVE(&added, d, entry);
                write_delivery(batch, d);
                insert_new(o, d);
        }
        write_ended(o, batch);
        outbox_arm(o);
        return 0;
}

void outbox_release(Outbox *o, const char *id, bool durable)
{
        Channel *c;
        Delivery *d;

        TAILQ_FOREACH(c, &o->channels, entry)
        {
                bool released = false;
                TAILQ_FOREACH(d, &c->pending, entry)
                if (!d->released && (streq(d->change, id) || streq(facts_get(d->facts)->id, id))) {
                        d->released = true;
                        if (!durable)
                                facts_doubt(d->facts);
                        released = true;
                }
                if (released && c->running && !c->running->delivery)
                        c->running = running_free(c->running); /* of what was superseded */
        }
        outbox_start(o);
        outbox_arm(o);
}

/* Restoring */

/* The channel of one that is restored; of a target of which we did not know, a new one. */
static int find_restored(Outbox *o, const Delivery *d, Channel **ret)
{
        Channel *c = outbox_find(o, d->action, NULL);

        if (c && !streq(c->config->type->name, d->type))
                c = NULL;
        *ret = c;
        if (!c || !channel_fans_out(c))
                return 0;
        o->retarget = true;
        return *d->target ? outbox_find_spoke(o, c, d->target, ret) : 0;
}

static void restore_pending(Outbox *o, Channel *c, Delivery *d)
{
        uint64_t wall = clock_wall_usec();

        if (!c) {
                delivery_end(d, DELIVERY_SUPERSEDED, wall, "superseded: the action is no longer configured");
                TAILQ_INSERT_TAIL(&o->ended, d, entry);
        } else if (!d->event && d->id < c->newest) {
                delivery_end(d, DELIVERY_SUPERSEDED, wall, "superseded by a later change");
                TAILQ_INSERT_TAIL(&o->ended, d, entry);
        } else {
                if (!d->event) {
                        c->newest = d->id;
                        channel_supersede(c, d->id, wall, "superseded by a later change", &o->ended);
                }
                c->doubtful = d->attempts > 0;
                channel_insert(c, d);
                if (!d->event && d->attempts >= CHANNEL_FAILING) {
                        c->trouble = TROUBLE_FAILING;
                        c->tell_usec = clock_boot_usec();
                }
        }
}

/* What was given up is trouble until something succeeds. Whether it was told before we stopped is not known. */
static void restore_ended(Channel *c, Delivery *d)
{
        bool handed_out = c && channel_fans_out(c) && d->state == DELIVERY_SUPERSEDED;

        if (!c || handed_out || (c->last && c->last->id > d->id)) {
                delivery_free(d);
                return;
        }
        delivery_free(c->last);
        c->last = d;
        c->trouble = d->state == DELIVERY_GIVEN_UP ? TROUBLE_GIVEN_UP : TROUBLE_NONE;
        if (c->trouble != TROUBLE_NONE) {
                Channel *whole = c->hub ? c->hub : c;
                whole->tell_usec = clock_boot_usec();
                whole->told = TROUBLE_GIVEN_UP; /* so that its end is told in any case */
        }
}

static int restore(Outbox *o, const DeliveryRecord *record, bool assures)
{
        Delivery *d;
        Channel *c;

        int r = delivery_restore(record, clock_boot_usec(), clock_wall_usec(), o->restored, &d);
        if (r < 0)
                return r;
        facts_unref(o->restored);
        o->restored = facts_ref(d->facts);
        r = find_restored(o, d, &c);
        if (r < 0) {
                delivery_free(d);
                return r;
        }
        d->assures = assures;
        o->last_id = MAX(o->last_id, d->id);
        if (d->state == DELIVERY_PENDING)
                restore_pending(o, c, d);
        else if (streq(record->state, delivery_state_name(DELIVERY_PENDING)))
                TAILQ_INSERT_TAIL(&o->ended, d, entry); /* it has just been given up */
        else
                restore_ended(c, d);
        outbox_arm(o);
        return 0;
}

int outbox_restore(Outbox *o, const DeliveryRecord *record)
{
        return restore(o, record, false);
}

int outbox_assure(Outbox *o, const DeliveryRecord *record)
{
        return restore(o, record, true);
}

bool outbox_is_stored(const Delivery *d)
{
        return !d->assures;
}
