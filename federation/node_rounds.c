/* SPDX-License-Identifier: MIT */
/* Whose document is read when, and what is told of those that run out. */
#include "federation/node_rounds.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/text.h"
#include "federation/members.h"
#include "federation/node_fetch.h"

#define RUNNING_MAX 8
#define PENDING_MAX 4 /* of them of those who wait: however slow strangers are, the others have their turn */
/* After a start those that are known wait for their turn so long at most. */
#define START_USEC (5 * USEC_PER_MIN)
/* One that nothing is known of is asked again after this. */
#define RETRY_USEC (10 * USEC_PER_MIN)
/* One that is being changed at the moment. */
#define BUSY_USEC (2 * USEC_PER_SEC)
#define SHOWN_MAX 20

typedef struct Turn {
        NodeRounds *rounds;
        NodeFetch *fetch; /* NULL: free */
        char *id, *url;
        bool pending; /* of one who waits */
} Turn;

struct NodeRounds {
        Federation *f;
        sd_event_source *timer, *daily;
        Turn turns[RUNNING_MAX];
        size_t running, pending;
        uint64_t random, fetched, failed;
};

/* The schedule is ours; who they are is not. */
static void plan(const Member *m, uint64_t boot_usec)
{
        ((Member *) (uintptr_t) m)->fetch_due_usec = boot_usec;
}

static uint64_t in_about(NodeRounds *n, uint64_t usec)
{
        return clock_boot_usec() + (uint64_t) ((double) usec * (0.8 + random_fraction(&n->random) * 0.4));
}

static uint64_t interval(const NodeRounds *n)
{
        return n->f->config->network.document_interval_usec;
}

/* Those who wait are asked only when that could prove who they are. */
static bool is_wanted(const NodeRounds *n, const Member *m)
{
        if (m->state == MEMBER_BANNED || !*member_url(m))
                return false;
        return m->state != MEMBER_PENDING || (n->f->config->network.registration == REGISTRATION_OPEN &&
                                              m->document && m->document->is_signed);
}

static bool is_running(const NodeRounds *n, const char *id)
{
        for (size_t i = 0; i < RUNNING_MAX; i++)
                if (n->turns[i].fetch && streq(n->turns[i].id, id))
                        return true;
        return false;
}

static void turn_end(Turn *t)
{
        if (t->fetch) {
                t->rounds->running--;
                t->rounds->pending -= t->pending;
        }
        t->fetch = node_fetch_free(t->fetch);
        free(t->id);
        free(t->url);
        t->id = t->url = NULL;
}

static void look(NodeRounds *n);

/* What somebody should know: a document that was good once, or must be, and is not. Strangers fill no log. */
static void tell_failure(const Member *m, const char *url, const char *reason)
{
        char plain[200];

        plain_copy(plain, sizeof(plain), reason);
        if (m->state != MEMBER_PENDING && (m->has_key || member_is_pinned(m)))
                log_notice("node %s at %s: %s; what is known of it stays in force", m->id, url, plain);
        else
                log_debug("node %s at %s: %s", m->id, url, plain);
}

static void plan_again(NodeRounds *n, const char *id)
{
        const Member *m = members_find(n->f->members, id);

        if (m)
                plan(m, clock_boot_usec() + BUSY_USEC);
}

static void take(NodeRounds *n, const Member *m, const char *url, NodeFetchResult *result)
{
        Error e = {""};
        char id[130], before[sizeof(e.text)];
        bool stranger = m->state == MEMBER_PENDING;
        int r;

        snprintf(before, sizeof(before), "%s", m->trouble ?: "");
        snprintf(id, sizeof(id), "%s", m->id); /* an offer may forget it */
        if (!streq(result->document->id, id) && m->config && !before[0])
                log_warning("peer %s at %s calls itself %s: put `id: %s` under network.peers", id, url,
                            result->document->id, result->document->id);
        r = members_offer_document(n->f->members, id, TAKE_PTR(result->document), &e);
        if (r >= 0)
                n->fetched++;
        else if (r == -EBUSY)
                plan_again(n, id);
        else {
                n->failed++;
                log_at(stranger || streq(before, e.text) ? LOG_DEBUG : LOG_WARNING,
                       "node %s at %s: its node document is not taken: %s", id, url, e.text);
        }
}

static void on_fetched(NodeFetch *fetch, NodeFetchResult *result, void *userdata)
{
        Turn *t = userdata;
        NodeRounds *n = t->rounds;
        const Member *m = members_find(n->f->members, t->id);

        /* Meanwhile it may have been forgotten, or have moved. */
        if (m && streq(member_url(m), t->url)) {
                bool again = result->error < 0 && (!m->document || m->unpinned) && result->error != -ENOENT;

                plan(m, in_about(n, again ? MIN(RETRY_USEC, interval(n)) : interval(n)));
                if (result->error >= 0)
                        take(n, m, t->url, result);
                else {
                        n->failed++;
                        tell_failure(m, t->url, result->message);
                }
        }
        turn_end(t);
        look(n);
}

static int begin(NodeRounds *n, Turn *t, const Member *m)
{
        const char *url = member_url(m);
        int r;

        t->id = strdup(m->id);
        t->url = strdup(url);
        r = t->id && t->url ? node_fetch_start(n->f->fetch, url, m->state == MEMBER_CONFIGURED, on_fetched, t,
                                               &t->fetch)
                            : -ENOMEM;
        if (r < 0) {
                t->fetch = NULL;
                turn_end(t);
                return r;
        }
        n->running++;
        t->pending = m->state == MEMBER_PENDING;
        n->pending += t->pending;
        return 0;
}

static Turn *free_turn(NodeRounds *n, const Member *m)
{
        if (m->state == MEMBER_PENDING && n->pending >= PENDING_MAX)
                return NULL;
        for (size_t i = 0; i < RUNNING_MAX; i++)
                if (!n->turns[i].fetch)
                        return &n->turns[i];
        return NULL;
}

/* New ones: at once when no key is known (any more), else spread. */
static void first_turn(NodeRounds *n, const Member *m, uint64_t now)
{
        bool known = member_is_pinned(m) && m->state != MEMBER_PENDING;

        plan(m, known ? now + (uint64_t) ((double) MIN(START_USEC, interval(n)) * random_fraction(&n->random))
                      : now);
}

static void look(NodeRounds *n)
{
        const Members *members = n->f->members;
        uint64_t now = clock_boot_usec(), next = USEC_NEVER;

        if (!n->f->config->network.enabled || !members_ready(members)) {
                (void) loop_timer_set(n->timer, now + (members_ready(members) ? USEC_PER_MIN : USEC_PER_SEC));
                return;
        }
        for (size_t i = 0; i < members_count(members); i++) {
                const Member *m = members_at(members, i);
                Turn *t;

                if (!is_wanted(n, m))
                        continue;
                if (m->fetch_due_usec == 0)
                        first_turn(n, m, now);
                if (m->fetch_due_usec > now || is_running(n, m->id)) {
                        next = m->fetch_due_usec > now ? MIN(next, m->fetch_due_usec) : next;
                        continue;
                }
                t = free_turn(n, m);
                if (!t)
                        continue; /* the end of another looks again */
                if (begin(n, t, m) < 0) {
                        plan(m, in_about(n, RETRY_USEC));
                        next = MIN(next, m->fetch_due_usec);
                }
        }
        (void) loop_timer_set(n->timer, next);
}

static int on_due(sd_event_source *s, uint64_t usec, void *userdata)
{
        look(userdata);
        return 0;
}

/* From within the members' own work: not now. */
static void on_change(const Member *member, void *userdata)
{
        NodeRounds *n = userdata;

        (void) loop_timer_set(n->timer, clock_boot_usec());
}

void node_rounds_soon(NodeRounds *n, const char *id)
{
        const Member *m = members_find(n->f->members, id);

        if (!m)
                return;
        plan(m, clock_boot_usec());
        (void) loop_timer_set(n->timer, clock_boot_usec());
}

void node_rounds_configure(NodeRounds *n)
{
        (void) loop_timer_set(n->timer, clock_boot_usec());
}

/* --- running out --- */

/* 1: it does within NODE_WARNING_USEC; 2: it has. */
static int runs_out(const Member *m, uint64_t now)
{
        uint64_t until = m->document ? m->document->valid_until_usec : 0;

        if (until == 0 || !member_is_accepted(m) || !member_is_pinned(m))
                return 0;
        return now >= until ? 2 : now + NODE_WARNING_USEC >= until;
}

static void tell_expiry(const NodeRounds *n)
{
        const Members *members = n->f->members;
        _cleanup_text_ Text names = {0};
        uint64_t now = clock_wall_usec();
        size_t count = 0;

        for (size_t i = 0; i < members_count(members); i++) {
                const Member *m = members_at(members, i);

                if (!runs_out(m, now) || ++count > SHOWN_MAX)
                        continue;
                text_add(&names, "%s%s", count > 1 ? ", " : "", m->id);
        }
        if (count > 0 && !names.failed)
                log_warning("the node document of %zu node%s has run out or does so within 14 days, and "
                            "cannot "
                            "be read anew: %s%s; what they sign is refused then",
                            count, PLURAL(count), names.data, count > SHOWN_MAX ? ", …" : "");
}

static int on_day(sd_event_source *s, uint64_t usec, void *userdata)
{
        NodeRounds *n = userdata;

        tell_expiry(n);
        (void) loop_timer_set_after(n->daily, USEC_PER_DAY);
        return 0;
}

void node_rounds_counts(const NodeRounds *n, NodeRoundsCounts *ret)
{
        const Members *members = n->f->members;
        uint64_t now = clock_wall_usec();

        *ret = (NodeRoundsCounts){.fetched = n->fetched, .failed = n->failed, .running = n->running};
        for (size_t i = 0; i < members_count(members); i++) {
                const Member *m = members_at(members, i);
                int out = runs_out(m, now);

                ret->known += member_is_accepted(m) && member_is_pinned(m);
                ret->expiring += out == 1;
                ret->expired += out == 2;
        }
}

static json_t *expiring_to_json(const NodeRounds *n)
{
        const Members *members = n->f->members;
        uint64_t now = clock_wall_usec();
        json_t *list = json_array();

        for (size_t i = 0; i < members_count(members) && json_array_size(list) < SHOWN_MAX; i++) {
                const Member *m = members_at(members, i);
                json_t *row;

                if (!runs_out(m, now))
                        continue;
                row = json_object();
                json_put(row, "id", json_string_or_null(m->id));
                json_put(row, "valid_until", json_timestamp(m->document->valid_until_usec));
                json_add(list, row);
        }
        return list;
}

json_t *node_rounds_to_json(const NodeRounds *n)
{
        NodeRoundsCounts c;
        json_t *j = json_object();

        node_rounds_counts(n, &c);
        json_put(j, "known", json_integer((json_int_t) c.known));
        json_put(j, "fetched", json_integer((json_int_t) c.fetched));
        json_put(j, "failed", json_integer((json_int_t) c.failed));
        json_put(j, "expired", json_integer((json_int_t) c.expired));
        json_put(j, "expiring", expiring_to_json(n));
        return j;
}

/* --- life --- */

int node_rounds_new(Federation *f, NodeRounds **ret)
{
        _cleanup_(node_rounds_freep) NodeRounds *n = calloc(1, sizeof(*n));
        int r;

        if (!n)
                return -ENOMEM;
        n->f = f;
        n->random = random_seed();
        for (size_t i = 0; i < RUNNING_MAX; i++)
                n->turns[i].rounds = n;
        r = loop_timer_new(f->event, "node documents", on_due, n, &n->timer);
        if (r >= 0)
                r = loop_timer_new(f->event, "node documents' end", on_day, n, &n->daily);
        if (r >= 0)
                r = loop_timer_set(n->timer, clock_boot_usec());
        if (r >= 0) /* when those who can be reached have been */
                r = loop_timer_set_after(n->daily, 2 * START_USEC);
        if (r < 0)
                return r;
        members_on_change(f->members, on_change, n);
        *ret = TAKE_PTR(n);
        return 0;
}

NodeRounds *node_rounds_free(NodeRounds *n)
{
        if (!n)
                return NULL;
        for (size_t i = 0; i < RUNNING_MAX; i++)
                turn_end(&n->turns[i]);
        loop_source_free(n->timer);
        loop_source_free(n->daily);
        free(n);
        return NULL;
}
