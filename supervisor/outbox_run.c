/* SPDX-License-Identifier: MIT */
/* Runs what delivery.c decides: attempts of deliveries, refreshes and tests, the timer, and the news of how they end. */
#include "supervisor/outbox_run.h"

#include "base/clock.h"
#include "base/id.h"

/* Buyers wait for payment-mode: nothing else competes with it for so long. */
#define HEAD_START_USEC (50 * USEC_PER_MSEC)

/* Attempts */

static bool slot_is_free(const Outbox *o, const Channel *c)
{
        if (c->hub)
                return o->n_spokes < OUTBOX_SPOKES_MAX &&
                       !(c->doubtful && o->n_doubtful >= OUTBOX_DOUBTFUL_MAX);
        return o->n_running < OUTBOX_RUNNING_MAX &&
               !(c->config->type->event && o->n_events >= OUTBOX_EVENTS_MAX);
}

static void slot_count(Running *r, unsigned n)
{
        Outbox *o = r->outbox;

        if (r->spoke) {
                o->n_spokes += n;
                o->n_doubtful += r->doubtful ? n : 0;
        } else {
                o->n_running += n;
                o->n_events += r->config->type->event ? n : 0;
        }
}

void running_stop(Running *r)
{
        if (!r->action)
                return;
        r->action = action_free(r->action);
        slot_count(r, -1U);
}

Running *running_free(Running *r)
{
        if (!r)
                return NULL;
        running_stop(r);
        facts_unref(r->facts);
        json_decref(r->status);
        json_decref(r->public_status);
        free(r->progress);
        free(r);
        return NULL;
}

static int running_new(Outbox *o, Channel *c, Facts *facts, Running **ret)
{
        Running *r = calloc(1, sizeof(*r));

        if (!r)
                return -ENOMEM;
        *r = (Running){.outbox = o,
                       .channel = c,
                       .config = c->config,
                       .facts = facts_ref(facts),
                       .spoke = c->hub != NULL,
                       .doubtful = c->doubtful};
        snprintf(r->name, sizeof(r->name), "%s", c->name);
        *ret = r;
        return 0;
}

/* The action's facts are as they were; what people see of the status is as new as can be. */
static int running_start(Running *r, ActionDone done)
{
        Outbox *o = r->outbox;

        r->status = json_incref(o->status);
        r->public_status = json_incref(o->public_status);
        r->view = *facts_get(r->facts);
        r->view.status = r->status;
        r->view.public_status = r->public_status;
        r->view.target = r->spoke ? r->channel->target : NULL;
        if (r->delivery && r->delivery->progress) { /* which may end before this attempt does */
                r->progress = strdup(r->delivery->progress);
                if (!r->progress)
                        return -ENOMEM;
        }
        r->view.progress = r->progress;
        int n = action_start(o->context, r->config->type, r->config->conf, &r->view, r->query, done, r,
                             &r->action);
        if (n < 0)
                return n;
        slot_count(r, 1);
        return 0;
}

/* Telling */

static void count(Outbox *o, const char *type, DeliveryState result)
{
        Count *n = o->counts;

        while (n && !streq(n->type, type))
                n = n->next;
        if (!n) {
                n = calloc(1, sizeof(*n));
                if (!n)
                        return;
                n->type = type;
                n->next = o->counts;
                o->counts = n;
        }
        n->n[result]++;
}

Channel *outbox_find(const Outbox *o, const char *name, const char *target)
{
        Channel *c;

        TAILQ_FOREACH(c, &o->channels, entry)
        if (!target == !c->target && (!target || streq(c->target, target)) && streq(c->name, name))
                return c;
        return NULL;
}

Channel *outbox_find_for(const Outbox *o, const Delivery *d)
{
        Channel *c = outbox_find(o, d->action, NULL);

        return c && channel_fans_out(c) && *d->target ? outbox_find(o, d->action, d->target) : c;
}

static void note_spoke_trouble(Channel *spoke, bool given_up)
{
        spoke->hub->rejudge = true;
        if (given_up)
                spoke->hub->tell_usec = clock_boot_usec() + OUTBOX_GATHER_USEC;
}

static void tell(Outbox *o, Channel *c, const Delivery *d)
{
        bool given_up, ended;

        if (*d->type)
                count(o, d->type, d->state);
        if (!d->written && o->events.progress)
                o->events.progress(d, o->events.userdata);
        if (!c || !channel_judge(c, d, &given_up, &ended))
                return;
        if (c->hub)
                note_spoke_trouble(c, given_up);
        else if (channel_fans_out(c)) {
                c->rejudge = true;
                c->tell_usec = clock_boot_usec();
        } else if (o->events.trouble)
                o->events.trouble(c->name, given_up, ended, d->message, o->events.userdata);
}

/* Consumes d, which has ended. */
static void tell_ended(Outbox *o, Delivery *d)
{
        Channel *c = outbox_find_for(o, d);
        bool handed_out = c && channel_fans_out(c) && d->state == DELIVERY_SUPERSEDED;
        bool newest = c && !handed_out && (!c->last || c->last->id <= d->id);

        if (newest) {
                delivery_free(c->last);
                c->last = d;
        }
        tell(o, c, d);
        if (!newest)
                delivery_free(d);
}

static void tell_calm(Outbox *o, Channel *c)
{
        Trouble trouble = MAX(c->trouble, c->told);
        bool given_up = trouble == TROUBLE_GIVEN_UP, troubled = trouble != TROUBLE_NONE && !c->hub;

        c->calm = false;
        c->trouble = c->told = TROUBLE_NONE;
        if (troubled && o->events.trouble)
                o->events.trouble(c->name, given_up, true, "it is not wanted any more", o->events.userdata);
}

static Channel *find_troubled(const Outbox *o, uint64_t now)
{
        Channel *c;

        TAILQ_FOREACH(c, &o->channels, entry)
        if (c->rejudge || (c->tell_usec > 0 && c->tell_usec <= now))
                return c;
        return NULL;
}

/* Of an action that was in trouble when we were stopped, again; of a hub, once its spokes are at rest. */
static void tell_troubles(Outbox *o)
{
        uint64_t now = clock_boot_usec();
        Channel *c;

        while ((c = find_troubled(o, now))) {
                if (channel_fans_out(c)) {
                        outbox_judge(o, c, now);
                        continue;
                }
                c->rejudge = false;
                c->tell_usec = 0;
                const Delivery *d = c->trouble == TROUBLE_GIVEN_UP ? c->last : TAILQ_FIRST(&c->pending);
                if (c->trouble != TROUBLE_NONE && o->events.trouble)
                        o->events.trouble(c->name, c->trouble == TROUBLE_GIVEN_UP, false, d ? d->message : "",
                                          o->events.userdata);
        }
}

static void tell_fresh(Outbox *o)
{
        Channel *c;
        Delivery *d;

        TAILQ_FOREACH(c, &o->channels, entry)
        {
                if (!c->hub)
                        continue;
                TAILQ_FOREACH(d, &c->pending, entry)
                {
                        if (d->fresh && o->events.progress)
                                o->events.progress(d, o->events.userdata);
                        d->fresh = false;
                }
        }
}

/* What was found out while nobody could be called back. Each call may add more. */
static void tell_all(Outbox *o)
{
        Delivery *d;
        Channel *c;

        tell_fresh(o);
        while ((d = TAILQ_FIRST(&o->ended))) {
                TAILQ_REMOVE(&o->ended, d, entry);
                tell_ended(o, d);
        }
        while ((c = TAILQ_FIRST(&o->gone))) {
                TAILQ_REMOVE(&o->gone, c, entry);
                tell_calm(o, c);
                channel_free(c);
        }
        do {
                TAILQ_FOREACH(c, &o->channels, entry)
                if (c->calm)
                        break;
                if (c)
                        tell_calm(o, c);
        } while (c);
        tell_troubles(o);
}

/* Trying */

static bool is_first(const Channel *c)
{
        return streq(c->config->type->name, "payment-mode");
}

static void on_attempt(Action *a, ActionResult result, const char *message, void *userdata)
{
        Running *r = userdata;
        Outbox *o = r->outbox;
        Channel *c = r->channel;
        Delivery *d = r->delivery;
        uint64_t retry_after = a->retry_after_usec;
        bool queried = r->query;
        char text[sizeof(d->message)];

        snprintf(text, sizeof(text), "%s", message);
        if (d && a->progress) {
                free(d->progress);
                d->progress = TAKE_PTR(a->progress);
        }
        c->running = running_free(r);
        c->doubtful = result != ACTION_DONE && result != ACTION_MISSING;
        if (c->hub && c->hub->tell_usec > 0)
                c->hub->rejudge = true;
        if (is_first(c) && result != ACTION_MISSING)
                o->head_start_usec = 0;
        outbox_arm(o);
        if (!d)
                return;
        delivery_settle(d, queried, result, text, retry_after, random_fraction(&o->random), clock_boot_usec(),
                        clock_wall_usec());
        if (d->state != DELIVERY_PENDING) {
                channel_remove(c, d);
                tell_ended(o, d);
        } else if (result != ACTION_MISSING)
                tell(o, c, d);
        outbox_arm(o);
}

static void attempt_refused(Outbox *o, Delivery *d, int r)
{
        /* Our own trouble (memory, descriptors): soon again, and not the target's fault. */
        d->due_usec = clock_boot_usec() + OUTBOX_RETRY_MIN_USEC;
        snprintf(d->message, sizeof(d->message), "cannot be started: %s", strerror(-r));
}

static void start_delivery(Outbox *o, Channel *c, Delivery *d)
{
        Running *r;

        /* An older picture must not be published over the newer one; but a question publishes nothing. */
        if (d->ask && c->refreshing && !c->refresh)
                c->refresh = facts_ref(c->refreshing->facts);
        c->refreshing = running_free(c->refreshing);
        if (!d->ask)
                c->refresh = facts_unref(c->refresh);
        int n = running_new(o, c, d->facts, &r);
        if (n < 0) {
                attempt_refused(o, d, n);
                return;
        }
        r->delivery = d;
        r->query = d->ask;
        n = running_start(r, on_attempt);
        if (n < 0) {
                running_free(r);
                attempt_refused(o, d, n);
                return;
        }
        c->running = r;
#ifdef FAILOVERD_BUG_DONE_BEFORE_SENT /* tests/faults/kills.sh must notice this */
        if (c->config->type->event && o->events.progress) {
                d->state = DELIVERY_DONE;
                o->events.progress(d, o->events.userdata);
                d->state = DELIVERY_PENDING;
        }
#endif
        if (is_first(c) && d->attempts == 0)
                o->head_start_usec = clock_boot_usec() + HEAD_START_USEC;
}

/* When the channel's next delivery can be tried; USEC_NEVER while it cannot. */
static uint64_t channel_due(const Outbox *o, const Channel *c)
{
        const Delivery *d = channel_next(c);

        if (!d || c->running || channel_fans_out(c) || (c->hub && c->hub->waits) || !slot_is_free(o, c))
                return USEC_NEVER;
        return is_first(c) ? d->due_usec : MAX(d->due_usec, o->head_start_usec);
}

/* Events to one target before those to many, and of these, to who was well last time. */
static unsigned event_rank(const Channel *c)
{
        return !c->hub ? 0 : c->doubtful ? 2 : 1;
}

/* State actions in their order, then of the events with the best rank the one that has waited longest. */
static Channel *find_due(const Outbox *o, uint64_t now)
{
        Channel *c, *best = NULL;
        uint64_t best_due = 0;

        TAILQ_FOREACH(c, &o->channels, entry)
        {
                uint64_t due = channel_due(o, c);
                if (due > now)
                        continue;
                if (!c->config->type->event)
                        return c;
                if (!best || event_rank(c) < event_rank(best) ||
                    (event_rank(c) == event_rank(best) && due < best_due)) {
                        best = c;
                        best_due = due;
                }
        }
        return best;
}

void outbox_start(Outbox *o)
{
        uint64_t now = clock_boot_usec();
        Channel *c;

        while ((c = find_due(o, now)))
                start_delivery(o, c, channel_next(c));
}

/* Refreshing */

static void on_refreshed(Action *a, ActionResult result, const char *message, void *userdata)
{
        Running *r = userdata;
        Outbox *o = r->outbox;

        r->channel->refreshing = NULL;
        running_free(r);
        outbox_arm(o);
}

static bool refresh_is_due(const Outbox *o, const Channel *c)
{
        return c->refresh && !c->running && !c->refreshing && slot_is_free(o, c);
}

static void start_refreshes(Outbox *o)
{
        Channel *c;

        TAILQ_FOREACH(c, &o->channels, entry)
        {
                if (!refresh_is_due(o, c))
                        continue;
                _cleanup_(facts_unrefp) Facts *facts = TAKE_PTR(c->refresh);
                if (running_new(o, c, facts, &c->refreshing) == 0 &&
                    running_start(c->refreshing, on_refreshed) < 0)
                        c->refreshing = running_free(c->refreshing); /* the next refresh will do */
        }
}

static void replace(json_t **where, json_t *document)
{
        if (!document)
                return;
        json_incref(document);
        json_decref(*where);
        *where = document;
}

void outbox_set_status(Outbox *o, const ActionFacts *facts)
{
        replace(&o->status, facts->status);
        replace(&o->public_status, facts->public_status);
}

void outbox_refresh(Outbox *o, const ActionFacts *facts)
{
        _cleanup_(facts_unrefp) Facts *owned = NULL;
        ActionFacts refresh = *facts;
        Channel *c;

        refresh.kind = ACTION_REFRESH;
        outbox_set_status(o, facts);
        if (facts_new(&refresh, &owned) < 0)
                return;
        TAILQ_FOREACH(c, &o->channels, entry)
        if (channel_wants(c->config, &refresh)) {
                facts_unref(c->refresh);
                c->refresh = facts_ref(owned);
        }
        outbox_arm(o);
}

/* Testing */

static void end_test(Running *t, ActionResult result, const char *message)
{
        Outbox *o = t->outbox;
        OutboxTested tested = t->tested;
        void *userdata = t->userdata;
        char name[sizeof(t->name)], text[320];

        snprintf(name, sizeof(name), "%s", t->name);
        snprintf(text, sizeof(text), "%s", message);
        TAILQ_REMOVE(&o->tests, t, entry);
        running_free(t);
        outbox_arm(o);
        tested(name, result, text, userdata);
}

static void on_tested(Action *a, ActionResult result, const char *message, void *userdata)
{
        end_test(userdata, result, message);
}

static Running *find_waiting_test(const Outbox *o)
{
        Running *t;

        TAILQ_FOREACH(t, &o->tests, entry)
        if (!t->action && (!t->channel || slot_is_free(o, t->channel)))
                return t;
        return NULL;
}

static void start_tests(Outbox *o)
{
        Running *t;

        while ((t = find_waiting_test(o))) {
                int r = t->channel ? running_start(t, on_tested) : -ECANCELED;
                if (r < 0)
                        end_test(t, ACTION_RETRY,
                                 r == -ECANCELED ? "the configuration was replaced meanwhile" : strerror(-r));
        }
}

int outbox_test(Outbox *o, const ActionFacts *facts, OutboxTested fn, void *userdata)
{
        _cleanup_(facts_unrefp) Facts *owned = NULL;
        RunningList tests = TAILQ_HEAD_INITIALIZER(tests);
        ActionFacts test = *facts;
        Channel *c;
        Running *t;

        assert(fn);
        test.kind = ACTION_TEST;
        int r = facts_new(&test, &owned);
        TAILQ_FOREACH(c, &o->channels, entry)
        {
                if (r < 0 || !channel_wants(c->config, &test))
                        continue;
                r = running_new(o, c, owned, &t);
                if (r < 0)
                        break;
                t->tested = fn;
                t->userdata = userdata;
                TAILQ_INSERT_TAIL(&tests, t, entry);
        }
        if (r == 0 && TAILQ_EMPTY(&tests))
                r = -ENOENT;
        if (r == 0)
                TAILQ_CONCAT(&o->tests, &tests, entry);
        while ((t = TAILQ_FIRST(&tests))) {
                TAILQ_REMOVE(&tests, t, entry);
                running_free(t);
        }
        outbox_arm(o);
        return r;
}

/* The timer */

/* Deliveries whose targets never became known. */
static void give_up_waiting(Outbox *o)
{
        uint64_t now = clock_boot_usec();
        Channel *c;
        Delivery *d;

        TAILQ_FOREACH(c, &o->channels, entry)
        while (channel_fans_out(c) && (d = TAILQ_FIRST(&c->pending)) && now >= d->give_up_usec) {
                channel_remove(c, d);
                delivery_end(d, DELIVERY_GIVEN_UP, clock_wall_usec(), d->message);
                TAILQ_INSERT_TAIL(&o->ended, d, entry);
        }
}

static uint64_t find_next(const Outbox *o)
{
        uint64_t next = USEC_NEVER;
        const Channel *c;

        if (!TAILQ_EMPTY(&o->ended) || !TAILQ_EMPTY(&o->gone) || find_waiting_test(o) || o->retarget)
                return 0;
        TAILQ_FOREACH(c, &o->channels, entry)
        {
                if (c->calm || c->rejudge || refresh_is_due(o, c))
                        return 0;
                next = MIN(next, channel_due(o, c));
                next = MIN(next, c->tell_usec > 0 ? c->tell_usec : USEC_NEVER);
                if (channel_fans_out(c) && !TAILQ_EMPTY(&c->pending))
                        next = MIN(next, TAILQ_FIRST(&c->pending)->give_up_usec);
        }
        return next;
}

void outbox_arm(Outbox *o)
{
        (void) loop_timer_set(o->timer, find_next(o));
}

int outbox_on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Outbox *o = userdata;

        give_up_waiting(o);
        if (o->retarget)
                outbox_look_around(o);
        outbox_start(o);
        tell_all(o);
        start_tests(o);
        start_refreshes(o);
        outbox_arm(o);
        return 0;
}
