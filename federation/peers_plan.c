/* SPDX-License-Identifier: MIT */
/* Who the other nodes are: what configuration and registry make of them, all or nothing. */
#include "base/text.h"
#include "federation/members.h"
#include "federation/peers_private.h"

#include <strings.h>

/* What a configuration makes of a peer; nothing of it has happened yet. */
typedef struct Plan {
        const PeerConfig *config;
        Peer *peer; /* ours to unref while fresh */
        bool fresh, registered;
        char *name, *network_id, *source, *mirror_of;
} Plan;

static void plans_free(Plan *plans, size_t n)
{
        for (size_t i = 0; plans && i < n; i++) {
                if (plans[i].fresh)
                        peer_unref(plans[i].peer);
                free(plans[i].name);
                free(plans[i].network_id);
                free(plans[i].source);
                free(plans[i].mirror_of);
        }
        free(plans);
}

static Peer *find_same(Peers *p, const PeerConfig *c)
{
        for (size_t i = 0; i < p->n_peers; i++)
                if (streq(p->peers[i]->id, c->id) && streq(p->peers[i]->url, c->url))
                        return p->peers[i];
        return NULL;
}

static int plan_make(Peers *p, const PeerConfig *c, Plan *plan)
{
        _cleanup_text_ Text id = {0};
        int r;

        plan->config = c;
        plan->peer = find_same(p, c);
        if (!plan->peer) {
                plan->fresh = true;
                plan->peer = peer_new(p, c);
        }
        plan->name = strdup(c->name ? c->name : c->id);
        if (!plan->peer || !plan->name)
                return -ENOMEM;
        if (c->mirror_of && !(plan->mirror_of = strdup(c->mirror_of)))
                return -ENOMEM;
        text_add_string(&id, ",\"networkId\":");
        text_add_json(&id, c->id);
        if (!id.failed)
                id.data[--id.size] = '\0'; /* its closing quote */
        text_add_string(&id, "-default-");
        r = text_take(&id, &plan->network_id);
        return r < 0 ? r : peer_source_print(plan->peer, plan->name, c->revenue_share, &plan->source);
}

static int compare_plans(const void *a, const void *b)
{
        return strcmp(((const Plan *) a)->config->id, ((const Plan *) b)->config->id);
}

static bool is_self(const Config *config, const PeerConfig *c)
{
        return (config->node.id && streq(config->node.id, c->id)) ||
               (config->node.url && strcasecmp(config->node.url, c->url) == 0);
}

static void exchange(char **a, char **b)
{
        char *kept = *a;

        *a = *b;
        *b = kept;
}

/* Nothing fails from here on. */
static void plans_apply(Peers *p, Plan *plans, size_t n, Peer **list)
{
        bool same = n == p->n_peers;

        for (size_t i = 0; i < n; i++) {
                Peer *peer = list[i] = plans[i].peer;

                exchange(&peer->name, &plans[i].name);
                exchange(&peer->network_id, &plans[i].network_id);
                exchange(&peer->source, &plans[i].source);
                same = same && streq(peer->mirror_of ?: "", plans[i].mirror_of ?: "") &&
                       peer->type == (NodeType) plans[i].config->type;
                exchange(&peer->mirror_of, &plans[i].mirror_of);
                same = same && !plans[i].fresh && streq(peer->source, plans[i].source ?: "");
                peer->type = (NodeType) plans[i].config->type;
                peer->revenue_share = plans[i].config->revenue_share;
                peer->registered = plans[i].registered;
                if (plans[i].fresh)
                        peer_memory_recall(p->memory, peer);
                plans[i].fresh = false; /* the list's from here on */
        }
        for (size_t i = 0; i < p->n_peers; i++) {
                bool kept = false;

                for (size_t k = 0; k < n; k++)
                        kept = kept || list[k] == p->peers[i];
                if (!kept)
                        peer_drop(p->peers[i]);
        }
        free(p->peers);
        p->peers = list;
        p->n_peers = n;
        if (!same)
                p->generation++;
        for (size_t i = 0; i < n; i++) {
                if (!list[i]->greeted && p->on_fresh)
                        p->on_fresh(list[i], p->fresh_userdata);
                list[i]->greeted = true;
        }
}

/* --- whom there is to plan for --- */

static int compare_accepted(const void *a, const void *b)
{
        const Member *x = *(const Member *const *) a, *y = *(const Member *const *) b;

        if (x->accepted_usec != y->accepted_usec)
                return x->accepted_usec < y->accepted_usec ? -1 : 1;
        return strcmp(x->id, y->id);
}

/* Those of the registry in the order in which they were accepted. *ret: freed by the caller. */
static int list_accepted(const Members *members, const Member ***ret, size_t *ret_n)
{
        const Member **list;
        size_t n = 0;

        list = calloc(members_count(members) + 1, sizeof(*list));
        if (!list)
                return -ENOMEM;
        for (size_t i = 0; i < members_count(members); i++)
                if (members_at(members, i)->state == MEMBER_ACCEPTED)
                        list[n++] = members_at(members, i);
        qsort(list, n, sizeof(const Member *), compare_accepted);
        *ret = list;
        *ret_n = n;
        return 0;
}

static bool is_banned(const Members *members, const char *id)
{
        const Member *m = members ? members_find(members, id) : NULL;

        return m && m->state == MEMBER_BANNED;
}

/* The list's strings are the members' own, and the configuration's. */
static int choose(const Config *config, const Members *members, PeerConfig **ret, size_t *ret_n,
                  size_t *ret_configured)
{
        const NetworkConfig *network = &config->network;
        _cleanup_free_ const Member **accepted = NULL;
        size_t n_accepted = 0, n = 0;
        PeerConfig *list;

        if (members && list_accepted(members, &accepted, &n_accepted) < 0)
                return -ENOMEM;
        list = calloc(network->n_peers + n_accepted + 1, sizeof(*list));
        if (!list)
                return -ENOMEM;
        for (size_t i = 0; i < network->n_peers; i++)
                if (!is_self(config, &network->peers[i]) && !is_banned(members, network->peers[i].id)) {
                        const Member *m = members ? members_find(members, network->peers[i].id) : NULL;

                        list[n] = network->peers[i];
                        if (m && m->config)
                                list[n].revenue_share = member_share(m);
                        n++;
                }
        *ret_configured = n;
        for (size_t i = 0; i < n_accepted && n < network->search_max; i++) {
                const NodeDocument *d = accepted[i]->document;

                list[n] = (PeerConfig){.id = accepted[i]->id,
                                       .url = (char *) (uintptr_t) d->url,
                                       .name = (char *) (uintptr_t) member_name(accepted[i]),
                                       .type = (int) d->type,
                                       .mirror_of = *d->mirror_of ? (char *) (uintptr_t) d->mirror_of : NULL,
                                       .revenue_share = member_share(accepted[i])};
                n += !is_self(config, &list[n]);
        }
        *ret = list;
        *ret_n = n;
        return 0;
}

static int configure(Peers *p, const Config *config, const Members *members)
{
        const NetworkConfig *network = &config->network;
        _cleanup_free_ PeerConfig *chosen = NULL;
        size_t n = 0, configured = 0, planned = 0;
        int r = choose(config, members, &chosen, &n, &configured);
        Plan *plans = calloc(n + 1, sizeof(*plans));
        _cleanup_free_ Peer **list = calloc(n + 1, sizeof(*list));
        _cleanup_free_ char *header = string_printf("X-Node-Id: %s", config->node.id),
                            *origin = config->node.mirror_of ? strdup(config->node.mirror_of) : NULL;

        if (!plans || !list || !header || (config->node.mirror_of && !origin))
                r = -ENOMEM;
        for (; planned < n && r >= 0; planned++) {
                plans[planned].registered = planned >= configured;
                r = plan_make(p, &chosen[planned], &plans[planned]);
        }
        if (r >= 0) {
                qsort(plans, n, sizeof(*plans), compare_plans);
                plans_apply(p, plans, n, TAKE_PTR(list));
                exchange(&p->node_header, &header);
                exchange(&p->own_origin, &origin);
                p->enabled = network->enabled;
                p->search_timeout_usec = network->search_timeout_usec;
                p->check_interval_usec = network->enabled ? network->check_interval_usec : 0;
                p->response_max = (size_t) network->response_max;
                peer_checks_plan(p);
        }
        plans_free(plans, planned);
        return r;
}

int peers_configure(Peers *p, const Config *config, const Members *members, Error *e)
{
        int r = configure(p, config, members);

        return r < 0 ? error_set(e, r, "network.peers: %s", error_words(r)) : 0;
}
