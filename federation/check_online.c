/* SPDX-License-Identifier: MIT */
/* --check --online: the names of peers and of this node, looked up. Nothing is connected to. */
#include "base/look.h"
#include "base/resolve.h"
#include "federation/check_private.h"

#include <ifaddrs.h>
#include <netdb.h>

/* One name. In a child, where it may take its time. */
typedef struct Lookup {
        Check *k;
        size_t peer; /* SIZE_MAX: node.url */
        char host[CHECK_HOST_SIZE];
        unsigned port;
} Lookup;

typedef enum Place {
        PLACE_ELSEWHERE,
        PLACE_PRIVATE, /* and not allowed */
        PLACE_HERE,    /* we listen there */
} Place;

static bool is_local(const struct sockaddr_storage *a)
{
        struct ifaddrs *all, *i;
        bool found = address_is_loopback(a);
        char theirs[ADDRESS_SIZE], ours[ADDRESS_SIZE];

        address_format(theirs, a);
        if (found || getifaddrs(&all) < 0)
                return found;
        for (i = all; i && !found; i = i->ifa_next) {
                struct sockaddr_storage own = {0};
                sa_family_t family = i->ifa_addr ? i->ifa_addr->sa_family : AF_UNSPEC;

                if (family != AF_INET && family != AF_INET6)
                        continue;
                memcpy(&own, i->ifa_addr,
                       family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
                found = streq(address_format(ours, &own), theirs);
        }
        freeifaddrs(all);
        return found;
}

static int run_lookup(void *data, LookResult *ret)
{
        const Lookup *l = data;
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list, *i;
        int r = getaddrinfo(l->host, NULL, &hints, &list);

        if (r != 0) {
                snprintf(ret->text, sizeof(ret->text), "%s", gai_strerror(r));
                return r == EAI_AGAIN ? -EAGAIN : -ENOENT;
        }
        ret->values[0] = PLACE_ELSEWHERE;
        for (i = list; i; i = i->ai_next) {
                struct sockaddr_storage a = {0};

                memcpy(&a, i->ai_addr, i->ai_addrlen);
                if (check_is_ours(l->k, &a, l->port, is_local(&a)))
                        ret->values[0] = PLACE_HERE;
                else if (ret->values[0] == PLACE_ELSEWHERE && !check_is_allowed(l->k, &a)) {
                        ret->values[0] = PLACE_PRIVATE;
                        address_format(ret->text, &a);
                }
        }
        freeaddrinfo(list);
        return 0;
}

static void tell_unknown(const Lookup *l, const LookResult *result)
{
        Check *k = l->k;
        bool own = l->peer == SIZE_MAX;
        char key[64];
        Finding *x;

        x = findings_add(k->f, FINDING_WARNING, "not-found", NULL,
                         own ? "node.url" : check_peer_key(k, l->peer, key), "%s: %s", l->host,
                         result->hung                  ? "no answer within 2 s"
                         : result->error == -ECANCELED ? "there was no time left to look it up"
                                                       : result->text);
        if (own)
                finding_means(k->f, x, "buyers and other nodes do not find this shop either");
        else
                finding_means(k->f, x, "peer `%s` is skipped as long as that is so",
                              k->c->network.peers[l->peer].id);
}

static void told(void *data, const LookResult *result, void *userdata)
{
        const Lookup *l = data;
        struct sockaddr_storage a;
        socklen_t size;

        if (result->error < 0)
                tell_unknown(l, result);
        else if (l->peer == SIZE_MAX)
                return;
        else if (result->values[0] == PLACE_HERE)
                check_tell_itself(l->k, l->peer);
        else if (result->values[0] == PLACE_PRIVATE && address_parse(result->text, 0, &a, &size) >= 0)
                check_tell_private(l->k, l->peer, &a);
}

static void add(Check *k, Lookup *lookups, LookJob *jobs, size_t *n, size_t peer, const char *url)
{
        Lookup *l = &lookups[*n];
        struct sockaddr_storage a;
        socklen_t size;

        *l = (Lookup){.k = k, .peer = peer, .port = check_port(url)};
        check_host(l->host, url);
        /* What says by itself where it is has been looked at. */
        if (address_parse(l->host, 0, &a, &size) >= 0 || host_is_loopback(l->host))
                return;
        jobs[*n] = (LookJob){.run = run_lookup, .told = told, .job = l};
        (*n)++;
}

int check_online(Check *k)
{
        const NetworkConfig *network = &k->c->network;
        Lookup *lookups = calloc(network->n_peers + 1, sizeof(*lookups));
        LookJob *jobs = calloc(network->n_peers + 1, sizeof(*jobs));
        size_t n = 0;
        int r = -ENOMEM;

        if (lookups && jobs) {
                add(k, lookups, jobs, &n, SIZE_MAX, k->c->node.url);
                for (size_t i = 0; i < network->n_peers; i++)
                        add(k, lookups, jobs, &n, i, network->peers[i].url);
                r = look(jobs, n, "", NULL);
        }
        free(lookups);
        free(jobs);
        return r == -ENOMEM ? r : 0;
}
