/* SPDX-License-Identifier: MIT */
/* check-config: hosts whose name is none, and references that vouch for what they share. Looks nothing up. */
#include "supervisor/check_private.h"

#include <ctype.h>

/* What a resolver could be asked for. Underscores are no letters of host names, but resolve all the same. */
static const char *name_problem(const char *name)
{
        size_t label = 0, size = strlen(name);
        bool digits = true;

        if (size > 253)
                return "is longer than the 253 bytes of a host name";
        for (const char *s = name;; s++) {
                if (*s == '.' || *s == '\0') {
                        if (label == 0)
                                return "has an empty part between two dots";
                        if (label > 63)
                                return "has a part of more than 63 bytes";
                        if (*s == '\0')
                                break;
                        label = 0;
                        digits = true;
                        continue;
                }
                if (!isalnum((unsigned char) *s) && *s != '-' && *s != '_')
                        return "has characters that no host name has (international names: in their xn-- "
                               "form)";
                digits = digits && isdigit((unsigned char) *s);
                label++;
        }
        if (digits)
                return "ends in a number, and is no IPv4 address";
        if (domain_contains("invalid", name))
                return "never exists: .invalid is reserved for that (RFC 6761)";
        return NULL;
}

static void check_name(Check *k, const Reach *r)
{
        const char *problem = r->literal ? NULL : name_problem(r->name);
        char owner[128];
        Finding *x;

        if (r->kind != REACH_HOST || !problem)
                return;
        x = findings_add(k->f, FINDING_WARNING, "no-host-name", NULL, r->key, "%s: the host `%s` %s",
                         reach_owner(k->c, r, owner, sizeof(owner)), r->name, problem);
        finding_means(k->f, x, "%s",
                      r->probe == PROBE_NONE            ? "it reaches nobody, outage or not"
                      : k->c->probes[r->probe]->vantage ? "this reference never vouches for anything"
                                                        : "the probe never passes");
        finding_advises(k->f, x, "write the host as it is known, or its IP address");
}

/* --- the vantage --- */

static bool is_external(const Check *k, const Reach *r)
{
        return r->probe != PROBE_NONE && k->c->probes[r->probe]->scope == SCOPE_EXTERNAL &&
               (r->kind == REACH_HOST || r->kind == REACH_DOMAIN);
}

/* Of the external probes, sorted by name: what the references vouch for. */
static const Reach **externals_new(const Check *k, size_t *ret_n)
{
        const Reach **list = calloc(k->reaches.count + 1, sizeof(*list));
        size_t n = 0;

        for (size_t i = 0; list && i < k->reaches.count; i++)
                if (is_external(k, &k->reaches.items[i]))
                        list[n++] = &k->reaches.items[i];
        if (list)
                qsort(list, n, sizeof(*list), reach_compare_names);
        *ret_n = n;
        return list;
}

static void check_shared(Check *k, const Reach *r, const Reach *const *externals, size_t n)
{
        const Reach *const *found = bsearch(&r, externals, n, sizeof(*externals), reach_compare_names);
        const char *name = k->c->probes[r->probe]->name;
        Finding *x;

        /* This machine is no host in common: other services may well be asked on it. */
        if (!found || r->loopback)
                return;
        x = findings_add(k->f, FINDING_WARNING, "reference-shares-target", NULL, r->key,
                         "reference `%s` is at %s, as is probe `%s`, which it vouches for", name, r->name,
                         k->c->probes[(*found)->probe]->name);
        finding_means(k->f, x,
                      "when %s is away, `%s` fails with it, and the outage is held to be our own: nothing is "
                      "switched",
                      r->name, name);
        finding_advises(k->f, x, "ask another place that has nothing to do with it");
}

static void check_local(Check *k, const Reach *r, const Reach *const *externals, size_t n)
{
        const Reach *outside = NULL;
        Finding *x;

        for (size_t i = 0; i < n && !outside; i++)
                if (!externals[i]->loopback)
                        outside = externals[i];
        if (!r->loopback || !outside)
                return;
        x = findings_add(k->f, FINDING_WARNING, "reference-is-local", NULL, r->key,
                         "reference `%s` asks %s, which is this machine: it sees nothing of the outside",
                         k->c->probes[r->probe]->name, r->name);
        finding_means(k->f, x,
                      "when our own uplink is away it goes on passing, and `%s` is held to be down: the shop "
                      "fails over for nothing",
                      k->c->probes[outside->probe]->name);
        finding_advises(k->f, x, "ask a well-known place outside that is not yours");
}

/* Two references at one place are one. */
static void check_one_place(Check *k)
{
        const char *place = NULL;
        bool local = false;
        unsigned n = 0;
        Finding *x;

        for (size_t i = 0; i < k->reaches.count; i++) {
                const Reach *r = &k->reaches.items[i];

                if (r->kind != REACH_HOST || r->probe == PROBE_NONE || !k->c->probes[r->probe]->vantage)
                        continue;
                if (place && !streq(place, r->name))
                        return;
                place = r->name;
                local = r->loopback;
                n++;
        }
        if (n < 2 || n < k->c->n_vantage || local)
                return;
        x = findings_add(k->f, FINDING_WARNING, "references-are-one", NULL, "vantage",
                         "vantage: all references are at %s", place);
        finding_means(k->f, x, "while it is away, outages outside are not counted");
        finding_advises(k->f, x, "put references at different places");
}

void check_names(Check *k)
{
        size_t n;
        const Reach **externals = externals_new(k, &n);

        if (!externals) {
                k->f->failed = true;
                return;
        }
        for (size_t i = 0; i < k->reaches.count; i++) {
                const Reach *r = &k->reaches.items[i];

                check_name(k, r);
                if (r->probe == PROBE_NONE || !k->c->probes[r->probe]->vantage ||
                    (r->kind != REACH_HOST && r->kind != REACH_DOMAIN))
                        continue;
                check_shared(k, r, externals, n);
                check_local(k, r, externals, n);
        }
        check_one_place(k);
        free(externals);
}
