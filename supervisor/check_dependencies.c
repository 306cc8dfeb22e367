/* SPDX-License-Identifier: MIT */
/* check-config: what depends on the very thing that has failed when it is needed: actions, and fallbacks.
 *
 * Compared are names as they stand in the file: the same host (an address or this machine: the same port, too), or a host
 * at or below a name that a dns probe watches or a dns action changes. Nothing is looked up, so that two names of one
 * machine are two. */
#include "supervisor/check_private.h"

/* Reaches sorted by name. */
typedef struct Index {
        const Reach **items;
        size_t count;
} Index;

static int compare_names(const void *a, const void *b)
{
        return strcmp((*(const Reach *const *) a)->name, (*(const Reach *const *) b)->name);
}

/* Those of the probes in `of`, by number; NULL: those of actions. */
static int index_make(const Check *k, ReachKind kind, const bool *of, Index *ret)
{
        *ret = (Index){.items = calloc(k->reaches.count + 1, sizeof(*ret->items))};
        if (!ret->items)
                return -ENOMEM;
        for (size_t i = 0; i < k->reaches.count; i++) {
                const Reach *r = &k->reaches.items[i];

                if (r->kind == kind &&
                    (of ? r->probe != PROBE_NONE && of[r->probe] : r->action != ACTION_NONE))
                        ret->items[ret->count++] = r;
        }
        qsort(ret->items, ret->count, sizeof(*ret->items), compare_names);
        return 0;
}

/* The first of that name; the others follow it. */
static const Reach *const *index_find(const Index *index, const char *name)
{
        size_t low = 0, high = index->count;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(index->items[middle]->name, name) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < index->count && streq(index->items[low]->name, name) ? &index->items[low] : NULL;
}

/* A name that this one is, or lies below. */
static const Reach *index_above(const Index *index, const char *name)
{
        for (const char *s = name; s; s = strchr(s, '.') ? strchr(s, '.') + 1 : NULL) {
                const Reach *const *found = index_find(index, s);

                if (found)
                        return *found;
        }
        return NULL;
}

static bool same_place(const Reach *a, const Reach *b)
{
        return streq(a->name, b->name) &&
               ((!a->literal && !a->loopback) || (a->port == b->port && a->port != 0));
}

static const Reach *index_same_place(const Index *index, const Reach *r)
{
        const Reach *const *found = index_find(index, r->name), *const *end = index->items + index->count;

        for (; found && found < end && streq((*found)->name, r->name); found++)
                if (same_place(*found, r))
                        return *found;
        return NULL;
}

typedef struct Dependencies {
        Index hosts, watched, changed;    /* of required probes, and of actions */
        Index first_hosts, first_watched; /* of what the first mode requires */
} Dependencies;

/* --- actions --- */

static void tell_action(Check *k, const Reach *r, const char *code, const Reach *what, const char *format,
                        ...) _printf_(5, 6);
static void tell_action(Check *k, const Reach *r, const char *code, const Reach *what, const char *format,
                        ...)
{
        bool alert = r->action != ACTION_NONE && k->c->actions[r->action]->type->alerts;
        char owner[128], words[512];
        va_list ap;
        Finding *x;

        va_start(ap, format);
        vsnprintf(words, sizeof(words), format, ap);
        va_end(ap);
        x = findings_add(k->f, FINDING_WARNING, code, NULL, r->key, "%s goes to `%s`, %s",
                         reach_owner(k->c, r, owner, sizeof(owner)), r->name, words);
        if (what->probe != PROBE_NONE)
                finding_means(k->f, x, "when `%s` fails, %s", k->c->probes[what->probe]->name,
                              alert                      ? "nobody may be told of it"
                              : r->action == ACTION_NONE ? "the heartbeat may stop, too"
                                                         : "this may fail with it");
        else
                finding_means(k->f, x, "it is reached only as long as that zone is well");
        finding_advises(k->f, x,
                        alert ? "send alerts to a place that does not depend on the shop, or add a "
                                "second alert there"
                              : "let it go to a place that does not depend on the shop");
}

static void check_action(Check *k, const Dependencies *d, const Reach *r)
{
        const Reach *found = NULL;
        char owner[128];

        /* The hook by which the shop is told is at the shop. */
        if (r->loopback && r->action != ACTION_NONE &&
            streq(k->c->actions[r->action]->type->name, "payment-mode"))
                return;
        if (r->kind == REACH_HOST && (found = index_same_place(&d->hosts, r)))
                tell_action(k, r, "action-shares-target", found, "the host that probe `%s` watches",
                            k->c->probes[found->probe]->name);
        else if (!r->literal && (found = index_above(&d->watched, r->name)))
                tell_action(k, r, "action-in-watched-domain", found,
                            streq(found->name, r->name) ? "the name that probe `%s` watches"
                                                        : "below the name that probe `%s` watches",
                            k->c->probes[found->probe]->name);
        else if (!r->literal && (found = index_above(&d->changed, r->name)) && found->action != r->action)
                tell_action(k, r, "action-in-changed-zone", found, "in the zone that %s changes",
                            reach_owner(k->c, found, owner, sizeof(owner)));
}

/* --- fallbacks --- */

/* A requirement of a fallback that lies where one of the first mode does. */
static void check_fallback(Check *k, const Dependencies *d, const Reach *r)
{
        const ModeSettings *first = &k->c->modes[0], *m = &k->c->modes[k->fallback[r->probe]];
        const Reach *found = NULL;
        Finding *x;

        if (r->kind == REACH_HOST)
                found = index_same_place(&d->first_hosts, r);
        if (!found && !r->literal && !r->pinned)
                found = index_above(&d->first_watched, r->name);
        if (!found)
                return;
        for (size_t i = 0; i < m->n_requires; i++)
                if (m->requires[i] == found->probe)
                        return; /* it does not pretend to do without */
        x = findings_add(k->f, FINDING_WARNING, "fallback-shares-target", NULL, r->key,
                         "`%s` requires probe `%s` at `%s`, %s probe `%s` of `%s` watches", m->name,
                         k->c->probes[r->probe]->name, r->name,
                         found->kind == REACH_HOST     ? "the host that"
                         : streq(found->name, r->name) ? "the name that"
                                                       : "below the name that",
                         k->c->probes[found->probe]->name, first->name);
        finding_means(k->f, x, "when `%s` fails, `%s` may fail with it", k->c->probes[found->probe]->name,
                      m->name);
        finding_advises(k->f, x, "let the fallback depend on nothing that `%s` depends on", first->name);
}

static void check_fallbacks(Check *k, const Dependencies *d)
{
        for (size_t i = 0; i < k->reaches.count; i++) {
                const Reach *r = &k->reaches.items[i];

                if (r->probe != PROBE_NONE && !k->first[r->probe] && k->fallback[r->probe] != MODE_NONE &&
                    (r->kind == REACH_HOST || r->kind == REACH_DOMAIN))
                        check_fallback(k, d, r);
        }
}

void check_dependencies(Check *k)
{
        Dependencies d = {0};

        if (index_make(k, REACH_HOST, k->required, &d.hosts) < 0 ||
            index_make(k, REACH_DOMAIN, k->required, &d.watched) < 0 ||
            index_make(k, REACH_DOMAIN, NULL, &d.changed) < 0 ||
            index_make(k, REACH_HOST, k->first, &d.first_hosts) < 0 ||
            index_make(k, REACH_DOMAIN, k->first, &d.first_watched) < 0) {
                k->f->failed = true;
        } else {
                for (size_t i = 0; i < k->reaches.count; i++) {
                        const Reach *r = &k->reaches.items[i];

                        if (r->probe == PROBE_NONE && (r->kind == REACH_HOST || r->kind == REACH_MAIL))
                                check_action(k, &d, r);
                }
                check_fallbacks(k, &d);
        }
        free(d.hosts.items);
        free(d.watched.items);
        free(d.changed.items);
        free(d.first_hosts.items);
        free(d.first_watched.items);
}
