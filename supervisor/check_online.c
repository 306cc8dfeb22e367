/* SPDX-License-Identifier: MIT */
/* check-config --online: every name that is connected to is looked up, and every mail domain, side by side and with one
 * deadline for all. Nothing is connected to. */
#include "base/clock.h"
#include "base/resolve.h"
#include "supervisor/check_private.h"

#define ONLINE_ALL_USEC (10 * USEC_PER_SEC)
#define ONLINE_USEC     (5 * USEC_PER_SEC)
#define ONLINE_FLIGHTS  64

typedef struct Lookup {
        struct Online *online;
        const Reach *reach; /* the first of that name */
        Resolve *resolve;
        DnsQuery *query;
        bool ended;
        int error;
        char message[160];
} Lookup;

typedef struct Online {
        Check *k;
        sd_event *event;
        Resolver *resolver;
        Lookup *lookups;
        size_t n, started, flying;
} Online;

static int compare_lookups(const void *a, const void *b)
{
        const Reach *x = ((const Lookup *) a)->reach, *y = ((const Lookup *) b)->reach;

        return x->kind != y->kind ? (int) x->kind - (int) y->kind : strcmp(x->name, y->name);
}

static bool wants_lookup(const Reach *r)
{
        return !r->literal && ((r->kind == REACH_HOST && !r->pinned) || r->kind == REACH_MAIL);
}

/* Each name once. */
static int lookups_make(Online *o)
{
        const Reaches *reaches = &o->k->reaches;
        size_t n = 0;

        o->lookups = calloc(reaches->count + 1, sizeof(*o->lookups));
        if (!o->lookups)
                return -ENOMEM;
        for (size_t i = 0; i < reaches->count; i++)
                if (wants_lookup(&reaches->items[i]))
                        o->lookups[n++] = (Lookup){.online = o, .reach = &reaches->items[i]};
        if (n > 0)
                qsort(o->lookups, n, sizeof(*o->lookups), compare_lookups);
        for (size_t i = 0; i < n; i++)
                if (o->n == 0 || compare_lookups(&o->lookups[i], &o->lookups[o->n - 1]) != 0)
                        o->lookups[o->n++] = o->lookups[i];
        return 0;
}

static void lookup_end(Lookup *l, int error, const char *message)
{
        l->ended = true;
        l->error = error;
        snprintf(l->message, sizeof(l->message), "%s", message && message[0] ? message : error_words(-error));
        l->online->flying--;
}

static void on_resolved(Resolve *resolve, const ResolveResult *result, void *userdata)
{
        lookup_end(userdata, result->error, result->message);
}

static void on_mail_exchangers(DnsQuery *query, const DnsResult *result, void *userdata)
{
        Lookup *l = userdata;
        int r;

        if (result->error != -ENOENT && (result->error < 0 || result->count > 0)) {
                lookup_end(l, result->error, result->message);
                return;
        }
        /* Without MX the domain itself takes mail (RFC 5321, 5.1). */
        r = resolve_start(l->online->resolver, l->reach->name, 0, ONLINE_USEC, on_resolved, l, &l->resolve);
        if (r < 0)
                lookup_end(l, r, NULL);
}

static void lookup_start(Lookup *l)
{
        Online *o = l->online;
        int r;

        o->flying++;
        if (l->reach->kind == REACH_MAIL)
                r = dns_query_start(o->resolver, l->reach->name, "MX", NULL, ONLINE_USEC, on_mail_exchangers,
                                    l, &l->query);
        else
                r = resolve_start(o->resolver, l->reach->name, 0, ONLINE_USEC, on_resolved, l, &l->resolve);
        if (r < 0)
                lookup_end(l, r, NULL);
}

static void run(Online *o)
{
        uint64_t end = clock_boot_usec() + ONLINE_ALL_USEC, now;

        while ((o->started < o->n || o->flying > 0) && (now = clock_boot_usec()) < end) {
                while (o->started < o->n && o->flying < ONLINE_FLIGHTS)
                        lookup_start(&o->lookups[o->started++]);
                if (o->flying > 0 && sd_event_run(o->event, end - now) < 0)
                        return;
        }
}

static void tell(Online *o, const Lookup *l)
{
        char owner[128];
        Finding *x;

        if (l->ended && l->error >= 0)
                return;
        x = findings_add(o->k->f, FINDING_WARNING, "not-found", NULL, l->reach->key,
                         "%s: `%s` is not found now: %s",
                         reach_owner(o->k->c, l->reach, owner, sizeof(owner)), l->reach->name,
                         l->ended ? l->message : "no answer in time");
        finding_means(o->k->f, x, "%s",
                      l->reach->probe == PROBE_NONE               ? "nobody is reached there"
                      : o->k->c->probes[l->reach->probe]->vantage ? "this reference vouches for nothing"
                                                                  : "the probe does not pass");
        finding_advises(o->k->f, x, "mend the name, or the resolver of this machine");
}

void check_online(Check *k)
{
        Online o = {.k = k};

        if (lookups_make(&o) < 0 || sd_event_new(&o.event) < 0 || resolver_new(o.event, &o.resolver) < 0) {
                k->f->failed = true;
        } else {
                run(&o);
                for (size_t i = 0; i < o.n; i++)
                        tell(&o, &o.lookups[i]);
        }
        for (size_t i = 0; i < o.n; i++) {
                resolve_free(o.lookups[i].resolve);
                dns_query_free(o.lookups[i].query);
        }
        if (o.resolver)
                resolver_free(o.resolver);
        sd_event_unref(o.event);
        free(o.lookups);
}
