/* SPDX-License-Identifier: MIT */
/* Components that tell readers of the status page something else than was meant. */
#include "supervisor/check_private.h"

static int compare_names(const void *a, const void *b)
{
        const ComponentConfig *const *x = a, *const *y = b;

        return strcmp((*x)->name, (*y)->name);
}

static void add_key(const ComponentConfig *c, const char *rest, char *buffer, size_t size)
{
        snprintf(buffer, size, "components.%s%s", c->id, rest);
}

static void check_twins(Check *k)
{
        const ComponentConfig **all = calloc(k->c->n_components, sizeof(const ComponentConfig *));
        char key[128];

        if (!all) {
                k->f->failed = true;
                return;
        }
        for (size_t i = 0; i < k->c->n_components; i++)
                all[i] = &k->c->components[i];
        qsort(all, k->c->n_components, sizeof(const ComponentConfig *), compare_names);
        for (size_t i = 1; i < k->c->n_components; i++) {
                Finding *x;

                if (!streq(all[i - 1]->name, all[i]->name) || !streq(all[i - 1]->group, all[i]->group))
                        continue;
                add_key(all[i], "", key, sizeof(key));
                x = findings_add(k->f, FINDING_WARNING, "component-twice", NULL, key,
                                 "components `%s` and `%s` have the same name", all[i - 1]->id, all[i]->id);
                finding_means(k->f, x, "readers of the status page cannot tell which of them is down");
                finding_advises(k->f, x, "give each a name, or a group, of its own");
        }
        free(all);
}

static void check_probe(Check *k, const ComponentConfig *c, const ProbeConfig *p)
{
        char key[128];
        Finding *x;

        if (!p->vantage)
                return;
        add_key(c, ".probes", key, sizeof(key));
        x = findings_add(k->f, FINDING_WARNING, "component-reference", NULL, key,
                         "component `%s` has the reference `%s`", c->id, p->name);
        finding_means(k->f, x, "when this node's own uplink fails, buyers read that `%s` is down", c->name);
        finding_advises(k->f, x, "leave `%s` out: it says how this node sees, not how the shop is", p->name);
}

void check_components(Check *k, bool given)
{
        bool page = false;
        Finding *x;

        for (size_t i = 0; i < k->c->n_components; i++)
                for (size_t n = 0; n < k->c->components[i].n_probes; n++)
                        check_probe(k, &k->c->components[i], k->c->probes[k->c->components[i].probes[n]]);
        check_twins(k);
        for (size_t i = 0; i < k->c->n_actions; i++)
                page = page || k->c->actions[i]->type->refresh;
        if (page || !given)
                return;
        x = findings_add(k->f, FINDING_WARNING, "components-unseen", NULL, "components",
                         "components: nobody sees them, since no action is of type status-page");
        finding_advises(k->f, x, "- type: status-page");
}
