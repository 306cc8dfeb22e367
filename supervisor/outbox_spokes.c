/* SPDX-License-Identifier: MIT */
/* Types that fan out: a hub for the action and a spoke for each target, as the targets come and go. */
#include "supervisor/outbox_run.h"

#include "actions/registries.h"
#include "base/clock.h"
#include "base/text.h"

#define NAMED_MAX 220 /* of a message, for the targets that are in trouble */

/* Spokes stand behind their hub, in the order in which they came. */
static void insert_spoke(Outbox *o, Channel *spoke)
{
        Channel *after = spoke->hub, *next;

        while ((next = TAILQ_NEXT(after, entry)) && next->hub == spoke->hub)
                after = next;
        TAILQ_INSERT_AFTER(&o->channels, after, spoke, entry);
}

int outbox_find_spoke(Outbox *o, Channel *hub, const char *target, Channel **ret)
{
        Channel *c = outbox_find(o, hub->name, target);

        if (!c) {
                int r = channel_new_spoke(hub, target, &c);
                if (r < 0)
                        return r;
                insert_spoke(o, c);
        }
        *ret = c;
        return 0;
}

/* Those of which nothing but their last delivery is left. */
static void remove_gone(Outbox *o, const Channel *hub)
{
        Channel *c, *next;

        for (c = TAILQ_FIRST(&o->channels); c; c = next) {
                next = TAILQ_NEXT(c, entry);
                if (c->hub == hub && c->gone && TAILQ_EMPTY(&c->pending) && !c->running && !c->calm) {
                        TAILQ_REMOVE(&o->channels, c, entry);
                        channel_free(c);
                }
        }
}

/* Fanning out */

typedef struct FanOut {
        Outbox *outbox;
        Channel *hub;
        Facts *facts;
        DeliveryList *list;
        uint64_t now, wall;
        unsigned n;
        int error;
} FanOut;

static void fan_out_one(const char *target, const char *url, void *userdata)
{
        FanOut *f = userdata;
        Channel *spoke;
        Delivery *d;

        if (f->error < 0)
                return;
        f->error = outbox_find_spoke(f->outbox, f->hub, target, &spoke);
        if (f->error == 0)
                f->error = delivery_new(f->hub->config, target, f->facts, outbox_next_id(f->outbox, f->wall),
                                        f->now, f->wall, &d);
        if (f->error < 0)
                return;
        TAILQ_INSERT_TAIL(f->list, d, entry);
        spoke->gone = false;
        f->n++;
}

static int call_targets(const Outbox *o, const Channel *hub, ActionTargetFn fn, void *userdata)
{
        return hub->config->type->targets(hub->config->conf, o->context, fn, userdata);
}

const char *outbox_targets_trouble(const Outbox *o, const Channel *hub)
{
        const ActionType *type = hub->config->type;
        const char *path = type->registry ? type->registry(hub->config->conf) : NULL;

        return path && o->context ? registries_trouble(o->context->registries, path) : "";
}

static void say_unknown(const Outbox *o, const Channel *hub, Delivery *d)
{
        const char *why = outbox_targets_trouble(o, hub);

        snprintf(d->message, sizeof(d->message), "whom to tell is not known yet%s%.280s", *why ? ": " : "",
                 why);
}

int outbox_fan_out(Outbox *o, Channel *hub, Facts *facts, DeliveryList *ret)
{
        FanOut f = {.outbox = o,
                    .hub = hub,
                    .facts = facts,
                    .list = ret,
                    .now = clock_boot_usec(),
                    .wall = clock_wall_usec()};
        Delivery *d;

        remove_gone(o, hub);
        if (call_targets(o, hub, fan_out_one, &f) == 0) {
                hub->n_targets = f.n;
                return f.error;
        }
        int r = delivery_new(hub->config, "", facts, outbox_next_id(o, f.wall), f.now, f.wall, &d);
        if (r < 0)
                return r;
        say_unknown(o, hub, d);
        TAILQ_INSERT_TAIL(ret, d, entry);
        return 0;
}

/* Looking around */

static void note_target(const char *target, const char *url, void *userdata)
{
        FanOut *f = userdata;
        Channel *c = outbox_find(f->outbox, f->hub->name, target);

        f->n++;
        if (c)
                c->gone = false;
}

static void end_spoke(Outbox *o, Channel *c)
{
        outbox_abandon(c);
        channel_supersede(c, INT64_MAX, clock_wall_usec(), "superseded: no longer a peer", &o->ended);
        if (c->trouble != TROUBLE_NONE)
                c->hub->rejudge = true;
        c->trouble = TROUBLE_NONE;
}

/* What waited at the hub becomes one delivery for each target, of the same age. False: out of memory, later again. */
static bool hand_out(Outbox *o, Channel *hub, Delivery *waiting)
{
        DeliveryList list = TAILQ_HEAD_INITIALIZER(list);
        FanOut f = {.outbox = o,
                    .hub = hub,
                    .facts = waiting->facts,
                    .list = &list,
                    .now = clock_boot_usec(),
                    .wall = clock_wall_usec()};
        char text[100];
        Delivery *d;

        (void) call_targets(o, hub, fan_out_one, &f);
        while ((d = TAILQ_FIRST(&list))) {
                TAILQ_REMOVE(&list, d, entry);
                if (f.error < 0) {
                        delivery_free(d);
                        continue;
                }
                d->released = waiting->released;
                d->created_wall_usec = waiting->created_wall_usec;
                d->give_up_usec = waiting->give_up_usec;
                d->fresh = true;
                channel_insert(outbox_find_for(o, d), d);
        }
        if (f.error < 0)
                return false;
        snprintf(text, sizeof(text), "superseded by one for each of %u targets", f.n);
        channel_remove(hub, waiting);
        delivery_end(waiting, DELIVERY_SUPERSEDED, f.wall,
                     f.n > 0 ? text : "superseded: there is nobody to tell");
        TAILQ_INSERT_TAIL(&o->ended, waiting, entry);
        return true;
}

static void look_around(Outbox *o, Channel *hub)
{
        FanOut f = {.outbox = o, .hub = hub};
        Delivery *waiting;
        Channel *c;

        TAILQ_FOREACH(c, &o->channels, entry)
        if (c->hub == hub)
                c->gone = true;
        int r = call_targets(o, hub, note_target, &f);
        hub->waits = r == -EAGAIN;
        hub->n_targets = f.n;
        TAILQ_FOREACH(c, &o->channels, entry)
        {
                if (c->hub == hub && r < 0)
                        c->gone = false; /* who knows */
                else if (c->hub == hub && c->gone)
                        end_spoke(o, c);
        }
        TAILQ_FOREACH(waiting, &hub->pending, entry)
        if (r < 0)
                say_unknown(o, hub, waiting);
        while (r == 0 && (waiting = TAILQ_FIRST(&hub->pending)))
                if (!hand_out(o, hub, waiting))
                        break;
        if (r == 0 && hub->trouble != TROUBLE_NONE) {
                hub->trouble = TROUBLE_NONE; /* it was that they were not known */
                hub->rejudge = true;
        }
}

void outbox_look_around(Outbox *o)
{
        Channel *c;

        o->retarget = false;
        TAILQ_FOREACH(c, &o->channels, entry)
        if (channel_fans_out(c))
                look_around(o, c);
}

void outbox_retarget(Outbox *o)
{
        outbox_look_around(o);
        outbox_arm(o);
}

/* Judging */

static void name_target(Text *t, const Channel *c, unsigned n, unsigned *left_out)
{
        if (t->size > NAMED_MAX) {
                ++*left_out;
                return;
        }
        text_add(t, "%s%s (%.60s)", n > 0 ? ", " : "", c->target, c->last ? c->last->message : "?");
}

/* "2 of 50 peers: a (HTTP 400), b (HTTP 409: …)" */
static char *trouble_text(const Outbox *o, const Channel *hub)
{
        _cleanup_text_ Text t = {0};
        unsigned n = 0, left_out = 0;
        const Channel *c;
        char *text;

        TAILQ_FOREACH(c, &o->channels, entry)
        if (c->hub == hub && c->trouble == TROUBLE_GIVEN_UP)
                name_target(&t, c, n++, &left_out);
        if (n == 0 && hub->last)
                text_add_string(&t, hub->last->message);
        if (left_out > 0)
                text_add(&t, " and %u more", left_out);
        if (text_take(&t, &text) < 0)
                return NULL;
        char *whole = n > 0 ? string_printf("to %u of %u: %s", n, MAX(n, hub->n_targets), text)
                            : strdup(text);
        free(text);
        return whole;
}

static Trouble worst(const Outbox *o, const Channel *hub, bool *ret_busy)
{
        Trouble t = hub->trouble;
        const Channel *c;

        *ret_busy = false;
        TAILQ_FOREACH(c, &o->channels, entry)
        if (c->hub == hub) {
                t = MAX(t, c->trouble);
                *ret_busy = *ret_busy || c->running;
        }
        return t;
}

static void tell_trouble(Outbox *o, Channel *hub, bool given_up, bool ended, const char *message)
{
        if (o->events.trouble)
                o->events.trouble(hub->name, given_up, ended, message, o->events.userdata);
}

void outbox_judge(Outbox *o, Channel *hub, uint64_t now)
{
        Trouble before = hub->told;
        bool busy;
        Trouble t = worst(o, hub, &busy);

        hub->rejudge = false;
        if (t == TROUBLE_GIVEN_UP) {
                if (hub->tell_usec == 0 || (busy && now < hub->tell_usec))
                        return;
                _cleanup_free_ char *text = trouble_text(o, hub);
                hub->tell_usec = 0;
                hub->told = t;
                tell_trouble(o, hub, true, false, text ? text : "some targets could not be told");
                return;
        }
        hub->tell_usec = 0;
        hub->told = t;
        if (before == TROUBLE_GIVEN_UP)
                tell_trouble(o, hub, true, true, "all targets have been told, or are none any more");
        else if (before != t)
                tell_trouble(o, hub, false, t == TROUBLE_NONE, "some targets do not answer");
}
