/* SPDX-License-Identifier: MIT */
/* The names of action targets, resolved ahead, one at a time. */
#include "supervisor/targets.h"

#define TARGETS_EVERY_USEC   (10 * USEC_PER_MIN)
#define TARGETS_SOON_USEC    (2 * USEC_PER_SEC)
#define TARGETS_TIMEOUT_USEC (5 * USEC_PER_SEC)

struct Targets {
        Manager *manager;
        sd_event_source *timer;
        Resolve *resolve;
        size_t next;   /* of the actions; behind the last one, the heartbeat */
        size_t target; /* the next of that action's, when it has several */
};

static void advance(Targets *t);

static void on_resolved(Resolve *resolve, const ResolveResult *result, void *userdata)
{
        Targets *t = userdata;

        t->resolve = resolve_free(resolve); /* what it found is remembered by the resolver itself */
        advance(t);
}

/* True: its name is being looked up. */
static bool look_up(Targets *t, const char *url)
{
        _cleanup_free_ char *host = NULL;

        return url && strstr(url, "://") && fetch_host(url, &host) >= 0 &&
               resolve_start(t->manager->resolver, host, RESOLVE_REMEMBER, TARGETS_TIMEOUT_USEC, on_resolved,
                             t, &t->resolve) >= 0;
}

typedef struct Nth {
        size_t n;
        char *url; /* of the n-th */
} Nth;

static void take_nth(const char *target, const char *url, void *userdata)
{
        Nth *nth = userdata;

        if (nth->n-- == 0)
                nth->url = strdup(url);
}

/* Of an action that says it to several, the next one. False: there is none left. */
static bool look_up_next(Targets *t, const ActionConfig *a)
{
        Nth nth;
        bool started = false;

        do {
                nth = (Nth){.n = t->target++};
                if (a->type->targets(a->conf, &t->manager->action_context, take_nth, &nth) < 0 || !nth.url)
                        break;
                started = look_up(t, nth.url);
                free(nth.url);
        } while (!started);
        return started;
}

/* The next target that has a name. */
static void advance(Targets *t)
{
        const Config *c = t->manager->config;

        while (t->next <= c->n_actions) {
                const ActionConfig *a = t->next < c->n_actions ? c->actions[t->next] : NULL;

                if (a && a->type->targets) {
                        if (look_up_next(t, a))
                                return;
                        t->target = 0;
                        t->next++;
                        continue;
                }
                t->next++;
                if (look_up(t, a ? a->target : c->heartbeat.url))
                        return;
        }
        loop_timer_set_after(t->timer, TARGETS_EVERY_USEC);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
        Targets *t = userdata;

        t->next = t->target = 0;
        if (!t->resolve)
                advance(t);
        return 0;
}

void targets_configure(Targets *t)
{
        t->resolve = resolve_free(t->resolve);
        loop_timer_set_after(t->timer, TARGETS_SOON_USEC);
}

int targets_new(Manager *m, Targets **ret)
{
        Targets *t = calloc(1, sizeof(*t));
        int r;

        if (!t)
                return -ENOMEM;
        t->manager = m;
        r = loop_timer_new(m->event, "targets", on_timer, t, &t->timer);
        if (r < 0) {
                free(t);
                return r;
        }
        targets_configure(t);
        *ret = t;
        return 0;
}

Targets *targets_free(Targets *t)
{
        if (!t)
                return NULL;
        resolve_free(t->resolve);
        loop_source_free(t->timer);
        free(t);
        return NULL;
}
