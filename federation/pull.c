/* SPDX-License-Identifier: MIT */
/* Fetching other nodes' catalogs: whom, when, and how many at once. */
#include "base/clock.h"
#include "base/conf.h"
#include "federation/pull_private.h"

#include <inttypes.h>

#define RUNNING_MAX 2

/* --- whom --- */

static const char *url_of(const Puller *p, const char *id, const char **ret_name, bool *ret_registered)
{
        const Peer *peer = peers_find(p->f->peers, id);
        const Member *m = members_find(p->f->members, id);

        if (m && member_is_accepted(m)) {
                *ret_name = member_name(m);
                *ret_registered = m->state != MEMBER_CONFIGURED;
                return member_url(m);
        }
        if (m || !peer)
                return NULL;
        *ret_name = peer->name;
        *ret_registered = peer->registered;
        return peer->url;
}

bool pull_is_allowed(const char *id, void *puller)
{
        const char *name;
        bool registered;

        return url_of(puller, id, &name, &registered) != NULL;
}

/* As it is written where nodes are kept: "HTTP://Other.example:80/" is http://other.example. NULL: it is no such URL. */
static char *base_of(const char *url)
{
        const char *problem = NULL;
        char *base = NULL;

        if (conf_url_check(url, &problem) < 0 || problem || !(base = strdup(url)))
                return NULL;
        if (config_base_url(&base, &problem) >= 0)
                return base;
        free(base);
        return NULL;
}

static const char *id_at(const Puller *p, const char *url)
{
        const Members *all = p->f->members;
        _cleanup_free_ char *base = base_of(url);

        for (size_t i = 0; base && i < peers_count(p->f->peers); i++)
                if (streq(peers_at(p->f->peers, i)->url, base))
                        return peers_at(p->f->peers, i)->id;
        for (size_t i = 0; base && i < members_count(all); i++) {
                const Member *m = members_at(all, i);

                if (member_is_accepted(m) && streq(member_url(m), base))
                        return m->id;
        }
        return NULL;
}

static Pull *pull_find(const Puller *p, const char *id)
{
        Pull *pull;

        LIST_FOREACH(pull, &p->pulls, entry)
        if (streq(pull->id, id))
                return pull;
        return NULL;
}

static Pull *pull_free(Pull *pull)
{
        if (!pull)
                return NULL;
        fetch_free(pull->fetch);
        pull_job_free(pull->job, pull->puller->stopping);
        free(pull->id);
        free(pull->name);
        free(pull->url);
        free(pull);
        return NULL;
}

static int set_text(char **to, const char *text)
{
        char *copy;

        if (*to && streq(*to, text))
                return 0;
        copy = strdup(text);
        if (!copy)
                return -ENOMEM;
        free(*to);
        *to = copy;
        return 0;
}

static void list_insert(Puller *p, Pull *pull)
{
        Pull *at, *before = NULL;

        LIST_FOREACH(at, &p->pulls, entry)
        {
                if (strcmp(at->id, pull->id) > 0)
                        break;
                before = at;
        }
        if (before)
                LIST_INSERT_AFTER(before, pull, entry);
        else
                LIST_INSERT_HEAD(&p->pulls, pull, entry);
}

/* As the network knows it now. -ENOENT. */
static int pull_get(Puller *p, const char *id, Pull **ret)
{
        bool registered, fresh = false;
        const char *name, *url = url_of(p, id, &name, &registered);
        Pull *pull = pull_find(p, id);

        if (!url || !*url)
                return -ENOENT;
        if (pull && (pull->state == PULL_RUNNING || pull->storing)) {
                *ret = pull;
                return 0;
        }
        if (!pull) {
                pull = calloc(1, sizeof(*pull));
                if (!pull)
                        return -ENOMEM;
                pull->puller = p;
                fresh = true;
        }
        pull->registered = registered;
        if (set_text(&pull->id, id) < 0 || set_text(&pull->name, name) < 0 || set_text(&pull->url, url) < 0) {
                if (fresh)
                        pull_free(pull);
                return -ENOMEM;
        }
        if (fresh)
                list_insert(p, pull);
        *ret = pull;
        return 0;
}

/* --- one --- */

static void queue_go(Puller *p);

void pull_end(Pull *pull, PullState state)
{
        Puller *p = pull->puller;

        pull->fetch = fetch_free(pull->fetch);
        pull->job = pull_job_free(pull->job, p->stopping);
        pull->state = state;
        pull->storing = false;
        pull->ended_usec = clock_boot_usec();
        p->n_running--;
        p->counts.added += state == PULL_ADDED;
        p->counts.unchanged += state == PULL_UNCHANGED;
        p->counts.failed += state == PULL_FAILED;
        pull_tell(pull);
        if (pull->gone) {
                LIST_REMOVE(pull, entry);
                pull_free(pull);
        }
        queue_go(p);
}

static void pull_run(Pull *pull)
{
        Puller *p = pull->puller;
        int r;

        TAILQ_REMOVE(&p->queue, pull, turn);
        p->n_running++;
        pull->state = PULL_RUNNING;
        pull->bytes = 0;
        pull->error[0] = '\0';
        r = pull_begin(pull);
        if (r < 0)
                pull_fail(pull, r != -EINVAL, r == -EINVAL ? "its URL cannot be used" : error_words(r));
}

static void queue_go(Puller *p)
{
        Pull *pull;

        if (p->stopping || p->f->stopping || !copies_ready(p->f->copies))
                return;
        while (p->n_running < RUNNING_MAX && (pull = TAILQ_FIRST(&p->queue)))
                pull_run(pull);
}

/* 0: under way; below 0: not yet, *ret_wait_usec says for how long. */
static int pull_start(Pull *pull, bool force, bool urgent, uint64_t *ret_wait_usec)
{
        Puller *p = pull->puller;
        uint64_t now = clock_boot_usec(), interval = p->f->config->limits.pull_interval_usec;

        if (pull_is_busy(pull)) {
                pull->force = pull->force || (force && pull->state == PULL_WAITING);
                return 0;
        }
        if (!urgent && pull->began_usec > 0 && now - pull->began_usec < interval) {
                *ret_wait_usec = pull->began_usec + interval - now;
                return -EAGAIN;
        }
        pull->began_usec = now;
        pull->ended_usec = 0;
        pull->force = force;
        pull->state = PULL_WAITING;
        TAILQ_INSERT_TAIL(&p->queue, pull, turn);
        queue_go(p);
        return 0;
}

/* --- for others --- */

static void refuse_early(HttpRequest *r, uint64_t wait_usec)
{
        char seconds[32];

        snprintf(seconds, sizeof(seconds), "%" PRIu64, (wait_usec + USEC_PER_SEC - 1) / USEC_PER_SEC);
        http_add_header(r, "Retry-After", seconds);
        http_reply_error(r, 429, "its catalog was asked for a moment ago: again in %s s", seconds);
}

void puller_serve(Puller *p, HttpRequest *r, const char *source_url, bool force)
{
        const char *id = p->f->config->network.enabled ? id_at(p, source_url) : NULL;
        uint64_t wait_usec = 0;
        Pull *pull = NULL;

        int error = id ? pull_get(p, id, &pull) : -ENOENT;
        if (error == -ENOENT) {
                p->counts.refused++;
                http_reply_error(r, 403, "sourceUrl is not that of an accepted node");
                return;
        }
        if (error == 0)
                error = pull_start(pull, force, false, &wait_usec);
        if (error == -EAGAIN) {
                p->counts.refused++;
                refuse_early(r, wait_usec);
        } else if (error < 0)
                http_reply_error(r, 503, "%s", error_words(error));
        else if (pull_is_busy(pull))
                pull_wait_for(pull, r);
        else
                pull_answer(pull, r);
}

unsigned puller_sync(Puller *p, bool force, bool urgent)
{
        unsigned n = 0;

        p->sync++;
        for (size_t i = 0; i < peers_count(p->f->peers) && p->f->config->network.enabled; i++) {
                const Peer *peer = peers_at(p->f->peers, i);
                uint64_t wait_usec;
                Pull *pull;

                if (peer->type != NODE_FULL) /* no catalog of its own */
                        continue;
                if (pull_get(p, peer->id, &pull) == 0 && pull_start(pull, force, urgent, &wait_usec) == 0) {
                        pull->sync = p->sync;
                        n++;
                }
        }
        return n;
}

int puller_sync_one(Puller *p, const char *id, bool force)
{
        uint64_t wait_usec;
        Pull *pull;
        int r = pull_get(p, id, &pull);

        if (r < 0)
                return r;
        pull->sync = ++p->sync;
        return pull_start(pull, force, true, &wait_usec);
}

void puller_counts(const Puller *p, PullerCounts *ret)
{
        const Pull *pull;

        *ret = p->counts;
        ret->running = p->n_running;
        TAILQ_FOREACH(pull, &p->queue, turn)
        ret->waiting++;
}

/* --- life --- */

static void pull_drop(Pull *pull)
{
        Puller *p = pull->puller;

        pull->gone = true;
        if (pull->storing) /* its end is near */
                return;
        if (pull->state == PULL_WAITING) {
                TAILQ_REMOVE(&p->queue, pull, turn);
                p->n_running++; /* as pull_end() has it */
        }
        if (pull_is_busy(pull))
                pull_fail(pull, true, "it belongs to the network no longer");
        else {
                LIST_REMOVE(pull, entry);
                pull_free(pull);
        }
}

/* However often the configuration or the network is another meanwhile. */
static void plan_periodic(Puller *p)
{
        uint64_t interval = p->f->config->network.sync_interval_usec;

        loop_timer_set(p->periodic, interval == 0 ? USEC_NEVER : p->periodic_usec + interval);
}

static int on_periodic(sd_event_source *source, uint64_t usec, void *userdata)
{
        Puller *p = userdata;

        p->periodic_usec = clock_boot_usec();
        (void) puller_sync(p, false, true);
        plan_periodic(p);
        return 0;
}

void puller_settle(Puller *p)
{
        Pull *pull, *next;

        plan_periodic(p);
        if (!members_ready(p->f->members) || !copies_ready(p->f->copies))
                return;
        for (pull = LIST_FIRST(&p->pulls); pull; pull = next) {
                next = LIST_NEXT(pull, entry);
                if (!pull_is_allowed(pull->id, p))
                        pull_drop(pull);
        }
        copies_keep_only(p->f->copies, pull_is_allowed, p);
}

static void on_copies_ready(void *userdata)
{
        Puller *p = userdata;

        puller_settle(p);
        queue_go(p);
}

int puller_new(Federation *f, Puller **ret)
{
        _cleanup_(puller_freep) Puller *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->f = f;
        p->periodic_usec = clock_boot_usec();
        LIST_INIT(&p->pulls);
        TAILQ_INIT(&p->queue);
        r = pull_waiters_new(p);
        if (r >= 0)
                r = loop_timer_new(f->event, "periodic sync", on_periodic, p, &p->periodic);
        if (r < 0)
                return r;
        copies_on_ready(f->copies, on_copies_ready, p);
        plan_periodic(p);
        *ret = TAKE_PTR(p);
        return 0;
}

Puller *puller_free(Puller *p)
{
        Pull *pull;

        if (!p)
                return NULL;
        p->stopping = true;
        pull_waiters_free(p);
        while ((pull = LIST_FIRST(&p->pulls))) {
                LIST_REMOVE(pull, entry);
                pull_free(pull);
        }
        loop_source_free(p->periodic);
        free(p);
        return NULL;
}
