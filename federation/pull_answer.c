/* SPDX-License-Identifier: MIT */
/* What is said of pulls: to who asked for one and waits, and to the operator. */
#include "base/clock.h"
#include "federation/pull_private.h"

#define WAITERS_MAX 256
#define ANSWER_USEC (3 * USEC_PER_SEC) /* then 202 */

static const char *const state_names[] = {"none", "waiting", "running", "added", "unchanged", "failed"};

typedef struct PullWaiter {
        Pull *pull;
        HttpRequest *request;
        uint64_t until_usec;
        TAILQ_ENTRY(PullWaiter) entry;
} PullWaiter;

/* --- who waits --- */

static void answer_good(const Pull *pull, HttpRequest *r)
{
        const Copy *copy = copies_find(pull->puller->f->copies, pull->id);
        json_t *d = json_object();

        json_put(d, "success", json_true());
        json_put(d, "source", json_string_or_null(pull->url));
        json_put(d, "node", json_string_or_null(pull->id));
        json_put(d, "listings", json_integer((json_int_t) (copy ? copy->listings : 0)));
        json_put(d, "unchanged", json_boolean(pull->state == PULL_UNCHANGED));
        json_put(d, "refused", json_integer((json_int_t) (copy ? copy->refused : 0)));
        json_put(d, "transactions", json_integer((json_int_t) (copy ? copy->transactions : 0)));
        json_put(d, "users", json_integer((json_int_t) (copy ? copy->users : 0)));
        json_put(d, "hash", json_string_or_null(copy ? copy->hash : ""));
        json_put(d, "lastSync", json_timestamp(copy ? copy->seen_usec : 0));
        http_reply_json(r, 200, json_whole(d));
}

void pull_answer(const Pull *pull, HttpRequest *r)
{
        if (pull->state == PULL_FAILED)
                http_reply_error(r, pull->ours ? 503 : 502, "%s: %s", pull->id, pull->error);
        else if (pull_is_busy(pull))
                http_reply_json(r, 202,
                                json_pack("{s:b, s:b, s:s, s:s, s:s}", "success", 1, "started", 1, "source",
                                          pull->url, "node", pull->id, "message",
                                          "it goes on; failoverctl sync tells when it has ended"));
        else
                answer_good(pull, r);
}

static HttpRequest *waiter_end(Puller *p, PullWaiter *w)
{
        HttpRequest *r = w->request;

        TAILQ_REMOVE(&p->waiters, w, entry);
        p->n_waiters--;
        free(w);
        return r;
}

void pull_tell(const Pull *pull)
{
        Puller *p = pull->puller;
        PullWaiter *w, *next;

        for (w = TAILQ_FIRST(&p->waiters); w; w = next) {
                next = TAILQ_NEXT(w, entry);
                if (w->pull == pull)
                        pull_answer(pull, waiter_end(p, w));
        }
}

static int on_waited(sd_event_source *source, uint64_t usec, void *userdata)
{
        Puller *p = userdata;
        uint64_t now = clock_boot_usec();
        PullWaiter *w;

        while ((w = TAILQ_FIRST(&p->waiters)) && w->until_usec <= now) {
                const Pull *pull = w->pull;

                pull_answer(pull, waiter_end(p, w));
        }
        return loop_timer_set(p->timer, w ? w->until_usec : USEC_NEVER);
}

void pull_wait_for(Pull *pull, HttpRequest *r)
{
        Puller *p = pull->puller;
        PullWaiter *w = p->n_waiters < WAITERS_MAX ? calloc(1, sizeof(*w)) : NULL;

        if (!w) {
                pull_answer(pull, r); /* 202 */
                return;
        }
        *w = (PullWaiter){.pull = pull, .request = r, .until_usec = clock_boot_usec() + ANSWER_USEC};
        TAILQ_INSERT_TAIL(&p->waiters, w, entry);
        if (p->n_waiters++ == 0)
                loop_timer_set(p->timer, w->until_usec);
}

int pull_waiters_new(Puller *p)
{
        TAILQ_INIT(&p->waiters);
        return loop_timer_new(p->f->event, "pulls' waiters", on_waited, p, &p->timer);
}

void pull_waiters_free(Puller *p)
{
        PullWaiter *w;

        while ((w = TAILQ_FIRST(&p->waiters)))
                http_reply_error(waiter_end(p, w), 503, "this node is stopping");
        p->timer = loop_source_free(p->timer);
}

/* --- all of them --- */

json_t *copy_document(const Copy *c)
{
        if (!c)
                return json_null();

        json_t *d = json_object();

        json_put(d, "listings", json_integer((json_int_t) c->listings));
        json_put(d, "refused", json_integer((json_int_t) c->refused));
        json_put(d, "transactions", json_integer((json_int_t) c->transactions));
        json_put(d, "users", json_integer((json_int_t) c->users));
        json_put(d, "bytes", json_integer((json_int_t) c->bytes));
        json_put(d, "hash", json_string_or_null(c->hash));
        json_put(d, "made", json_timestamp(c->made_usec));
        json_put(d, "lastSync", json_timestamp(c->seen_usec));
        return d;
}

static json_t *pull_document(const Pull *pull)
{
        const Copy *copy = copies_find(pull->puller->f->copies, pull->id);
        uint64_t end = pull->ended_usec ?: clock_boot_usec();
        json_t *d = json_object();

        json_put(d, "node", json_string_or_null(pull->id));
        json_put(d, "name", json_string_or_null(pull->name));
        json_put(d, "url", json_string_or_null(pull->url));
        json_put(d, "sync", json_integer((json_int_t) pull->sync));
        json_put(d, "state", json_string(state_names[pull->state]));
        json_put(d, "error", pull->state == PULL_FAILED ? json_string_or_null(pull->error) : json_null());
        json_put(d, "seconds",
                 pull->began_usec > 0 ? json_real((double) (end - pull->began_usec) / (double) USEC_PER_SEC)
                                      : json_null());
        json_put(d, "bytes", json_integer((json_int_t) pull->bytes));
        json_put(d, "copy", copy_document(copy));
        return d;
}

json_t *puller_document(const Puller *p)
{
        json_t *d = json_object(), *list = json_array();
        unsigned running = 0;
        const Pull *pull;

        LIST_FOREACH(pull, &p->pulls, entry)
        {
                running += pull_is_busy(pull);
                json_add(list, pull_document(pull));
        }
        json_put(d, "running", json_integer(running));
        json_put(d, "sync", json_integer((json_int_t) p->sync));
        json_put(d, "copies_bytes", json_integer((json_int_t) copies_bytes(p->f->copies)));
        json_put(d, "pulls", list);
        return json_whole(d);
}
