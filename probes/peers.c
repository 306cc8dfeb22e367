/* SPDX-License-Identifier: MIT */
/* Counts the nodes of the network to which buyers could be sent: what the mode `federated` requires. It asks nobody; the
 * registry's file says how they are, and whoever keeps that file measures them. */
#include "base/clock.h"
#include "base/registry.h"
#include "probes/probe.h"

/* An older file says nothing about now: who keeps it writes it anew much more often. */
#define STALE_USEC (10 * USEC_PER_MIN)

typedef struct PeersConf {
        char *registry;
        unsigned min;
} PeersConf;

typedef struct PeersState {
        RegistryRead *read;
} PeersState;

static bool is_well(const RegistryNode *n)
{
        return n->type == REGISTRY_FULL && (n->status == REGISTRY_ACTIVE || n->status == REGISTRY_FALLBACK);
}

static void report_count(Attempt *a, const Registry *r)
{
        const PeersConf *c = a->conf;
        unsigned well = 0, others = 0;

        for (size_t i = 0; i < r->n_nodes; i++) {
                if (streq(r->nodes[i].id, a->context->node_id))
                        continue;
                others += r->nodes[i].type == REGISTRY_FULL;
                well += is_well(&r->nodes[i]);
        }
        const char *node = others == 1 ? "node" : "nodes", *is = well == 1 || others == 1 ? "is" : "are";
        if (others == 0)
                attempt_report(a, OUTCOME_FAIL, "the registry names no other full node");
        else if (well >= c->min)
                attempt_report(a, OUTCOME_PASS, "%u of %u %s %s well", well, others, node, is);
        else
                attempt_report(a, OUTCOME_FAIL, "%u of %u %s %s well; %u %s needed", well, others, node, is,
                               c->min, c->min == 1 ? "is" : "are");
}

/* Neither an old file nor one from the future (whose clock is wrong?) says what is now. */
static bool is_stale(uint64_t modified_usec, char *buffer, size_t size)
{
        uint64_t now = clock_wall_usec();
        bool future = modified_usec > now;
        uint64_t age = future ? modified_usec - now : now - modified_usec;
        char duration[DURATION_SIZE];

        if (age <= STALE_USEC)
                return false;
        snprintf(buffer, size, future ? "is dated %s in the future" : "was last written %s ago",
                 duration_format(duration, age));
        return true;
}

static void on_read(RegistryRead *read, RegistryResult *result, void *userdata)
{
        Attempt *a = userdata;
        const PeersConf *c = a->conf;
        char stale[96];

        if (result->error < 0)
                attempt_report(a, OUTCOME_INCONCLUSIVE, "%s", result->message);
        else if (is_stale(result->modified_usec, stale, sizeof(stale)))
                attempt_report(a, OUTCOME_INCONCLUSIVE, "%s %s", c->registry, stale);
        else
                report_count(a, result->registry);
}

static void peers_start(Attempt *a)
{
        const PeersConf *c = a->conf;
        PeersState *s = a->state;

        int r = registry_read_start(a->context->event, c->registry, 0, on_read, a, &s->read);
        if (r == -EAGAIN)
                attempt_report(a, OUTCOME_INCONCLUSIVE, "%s: earlier reads still hang in the kernel",
                               c->registry);
        else if (r < 0)
                attempt_report_errno(a, r, "cannot read the registry");
}

static void peers_stop(Attempt *a)
{
        PeersState *s = a->state;

        s->read = registry_read_free(s->read);
}

/* Our disk, and not the network's fault. */
static void peers_expire(Attempt *a)
{
        const PeersConf *c = a->conf;

        attempt_report(a, OUTCOME_INCONCLUSIVE, "%s: the disk does not answer", c->registry);
}

static int peers_check(const void *conf, const ConfNode *node, Error *e)
{
        const PeersConf *c = conf;

        if (c->registry[0] != '/')
                return conf_error(conf_get(node, "registry"), e, "registry: \"%s\" is not absolute",
                                  c->registry);
        return 0;
}

static bool peers_silence_fails(const void *conf)
{
        return false; /* our own disk */
}

static int peers_verify(const void *conf, const char *config_dir, Error *e)
{
        const PeersConf *c = conf;
        _cleanup_(registry_freep) Registry *registry = NULL;

        unsigned well = 0;
        int r = registry_load(c->registry, &registry, e);

        if (r < 0)
                return error_prefix(e, r == -EPERM ? -EACCES : r, "registry");
        for (size_t i = 0; i < registry->n_nodes; i++) /* this node among them, if it is there */
                well += is_well(&registry->nodes[i]);
        if (well < c->min)
                return error_set(e, -ENODATA, "min: %u, but %s names %u healthy node%s, this one included",
                                 c->min, c->registry, well, well == 1 ? "" : "s");
        return 0;
}

static const ConfRange min_range = {1, REGISTRY_NODES_MAX};

const ProbeType probe_peers = {
                .name = "peers",
                .help = "Nodes of the network to which buyers could be sent: of type full, with status "
                        "active or fallback, other than this one. A registry that is missing, unreadable or "
                        "older than 10 min is inconclusive.",
                .conf_size = sizeof(PeersConf),
                .fields =
                                (const ConfField[]){
                                                {"registry", &conf_string, offsetof(PeersConf, registry),
                                                 CONF_REQUIRED | CONF_PATH, NULL,
                                                 "the registry's file: network-registry.json of federationd",
                                                 NULL},
                                                {"min", &conf_unsigned, offsetof(PeersConf, min), 0, "1",
                                                 "fewer such nodes are a fail", &min_range},
                                                {NULL},
                                },
                .size = sizeof(PeersState),
                .single = true,
                .check = peers_check,
                .verify = peers_verify,
                .silence_fails = peers_silence_fails,
                .start = peers_start,
                .stop = peers_stop,
                .expire = peers_expire,
};
