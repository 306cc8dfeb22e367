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
        qsort(ret->items, ret->count, sizeof(*ret->items), reach_compare_names);
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

/* What the place of an action has to do with, and how. */
typedef struct Tie {
        const Reach *what;
        const char *code, *words; /* "the host that", … */
} Tie;

static bool tie_find(const Check *k, const Dependencies *d, const Reach *r, Tie *ret)
{
        const Reach *found = NULL;

        if (r->probe != PROBE_NONE || (r->kind != REACH_HOST && r->kind != REACH_MAIL))
                return false;
        /* The hook by which the shop is told is at the shop. */
        if (r->loopback && r->action != ACTION_NONE &&
            streq(k->c->actions[r->action]->type->name, "payment-mode"))
                return false;
        if (r->kind == REACH_HOST && (found = index_same_place(&d->hosts, r)))
                *ret = (Tie){found, "action-shares-target", "the host that"};
        else if (!r->literal && (found = index_above(&d->watched, r->name)))
                *ret = (Tie){found, "action-in-watched-domain",
                             streq(found->name, r->name) ? "the name that" : "below the name that"};
        else if (!r->literal && (found = index_above(&d->changed, r->name)) && found->action != r->action)
                *ret = (Tie){found, "action-in-changed-zone", "in the zone that"};
        else
                return false;
        return true;
}

static bool is_alert(const Check *k, const Reach *r)
{
        return r->action != ACTION_NONE && k->c->actions[r->action]->type->alerts;
}

static void tell_tie(Check *k, const Reach *r, const Tie *tie, const char *other)
{
        const Reach *what = tie->what;
        bool alert = is_alert(k, r);
        char owner[128], whose[128];
        Finding *x;

        x = findings_add(k->f, FINDING_WARNING, tie->code, NULL, r->key, "%s goes to `%s`, %s %s %s",
                         reach_owner(k->c, r, owner, sizeof(owner)), r->name, tie->words,
                         reach_owner(k->c, what, whose, sizeof(whose)),
                         what->probe != PROBE_NONE ? "watches" : "changes");
        if (what->probe == PROBE_NONE)
                finding_means(k->f, x, "it is reached only as long as that zone is well");
        else if (alert && other)
                finding_means(k->f, x, "when `%s` fails it may not get out; `%s` does not depend on that",
                              k->c->probes[what->probe]->name, other);
        else
                finding_means(k->f, x, "when `%s` fails, %s", k->c->probes[what->probe]->name,
                              alert                      ? "nobody may be told of it"
                              : r->action == ACTION_NONE ? "the heartbeat may stop, too"
                                                         : "this may fail with it");
        if (!alert)
                finding_advises(k->f, x, "let it go to a place that does not depend on the shop");
        else if (!other)
                finding_advises(k->f, x,
                                "send alerts to a place that does not depend on the shop, or add a second "
                                "alert "
                                "there");
}

/* An alert that goes somewhere else altogether; NULL when there is none. */
static const char *independent_alert(const Check *k, const bool *tied)
{
        for (size_t i = 0; i < k->c->n_actions; i++)
                if (k->c->actions[i]->type->alerts && !tied[i])
                        return k->c->actions[i]->name;
        return NULL;
}

static int check_actions(Check *k, const Dependencies *d)
{
        _cleanup_free_ bool *tied = calloc(k->c->n_actions + 1, sizeof(*tied));
        const char *other;
        Tie tie;

        if (!tied)
                return -ENOMEM;
        for (size_t i = 0; i < k->reaches.count; i++) {
                const Reach *r = &k->reaches.items[i];

                if (r->action != ACTION_NONE && tie_find(k, d, r, &tie))
                        tied[r->action] = true;
        }
        other = independent_alert(k, tied);
        for (size_t i = 0; i < k->reaches.count; i++)
                if (tie_find(k, d, &k->reaches.items[i], &tie))
                        tell_tie(k, &k->reaches.items[i], &tie, other);
        return 0;
}

/* --- probes of what is moved --- */

/* A probe that follows the shop to its fallback finds it well there: the shop returns to what is still ill. */
static void check_moved(Check *k, const Reach *r)
{
        Finding *x;

        if (r->kind != REACH_HOST || r->literal || r->loopback || r->pinned || r->probe == PROBE_NONE ||
            !k->required[r->probe])
                return;
        for (size_t i = 0; i < k->c->n_actions; i++)
                if (config_dns_moves(k->c->actions[i], r->name)) {
                        x = findings_add(k->f, FINDING_WARNING, "probe-in-changed-zone", NULL, r->key,
                                         "probe `%s` asks `%s`, which action `%s` leads elsewhere",
                                         k->c->probes[r->probe]->name, r->name, k->c->actions[i]->name);
                        finding_means(k->f, x,
                                      "in another mode it asks what the shop has gone to, and knows "
                                      "nothing of what it has left");
                        finding_advises(k->f, x, "ask by a name or an address that stays the same");
                        return;
                }
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
                if (check_actions(k, &d) < 0)
                        k->f->failed = true;
                for (size_t i = 0; i < k->reaches.count; i++)
                        check_moved(k, &k->reaches.items[i]);
                check_fallbacks(k, &d);
        }
        free(d.hosts.items);
        free(d.watched.items);
        free(d.changed.items);
        free(d.first_hosts.items);
        free(d.first_watched.items);
}
