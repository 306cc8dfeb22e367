/* SPDX-License-Identifier: MIT */
/* federationd --check: reads the file, and says what may disappoint. */
#include "federation/check_private.h"

#include "base/granted.h"
#include "base/look.h"
#include "base/resolve.h"
#include "base/text.h"

#include <netinet/in.h>
#include <pwd.h>
#include <sys/resource.h>

#define SOCKET_PATH_MAX 107
#define DESCRIPTORS     64 /* that the rest of it takes */

void check_clear(CheckReport *r)
{
        config_free(r->config);
        findings_clear(&r->findings);
        json_decref(r->needs);
        *r = (CheckReport){0};
}

/* --- where it listens, and who gets there --- */

/* Of an address of `listen`: false for a Unix socket. */
static bool listen_address(const char *text, struct sockaddr_storage *ret)
{
        socklen_t size;

        return strncmp(text, "unix:", 5) != 0 && address_parse(text, 0, ret, &size) >= 0;
}

static bool is_wildcard(const struct sockaddr_storage *a)
{
        const struct sockaddr_in *four = (const struct sockaddr_in *) a;
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *) a;

        return a->ss_family == AF_INET ? four->sin_addr.s_addr == htonl(INADDR_ANY)
                                       : IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr);
}

static unsigned port_of(const struct sockaddr_storage *a)
{
        return ntohs(a->ss_family == AF_INET ? ((const struct sockaddr_in *) a)->sin_port
                                             : ((const struct sockaddr_in6 *) a)->sin6_port);
}

static void set_port(struct sockaddr_storage *a, uint16_t port)
{
        if (a->ss_family == AF_INET)
                ((struct sockaddr_in *) a)->sin_port = htons(port);
        else
                ((struct sockaddr_in6 *) a)->sin6_port = htons(port);
}

static void check_listen(Check *k)
{
        const Config *c = k->c;
        bool local = true;
        Finding *x;

        for (size_t i = 0; c->listen.addresses[i]; i++) {
                struct sockaddr_storage a;
                char key[32];

                if (!listen_address(c->listen.addresses[i], &a) || address_is_loopback(&a))
                        continue;
                local = false;
                if (c->tls.cert_file ||
                    (address_is_private((const struct sockaddr *) &a) && !is_wildcard(&a)))
                        continue;
                snprintf(key, sizeof(key), "listen[%zu]", i);
                x = findings_add(k->f, FINDING_WARNING, "plain-http", NULL, key,
                                 "%s is reached from outside without TLS", c->listen.addresses[i]);
                finding_means(k->f, x,
                              "whoever is between a buyer and this node reads what is asked, and may change "
                              "what "
                              "is answered: prices, and where buyers are sent");
                finding_advises(k->f, x,
                                "listen on 127.0.0.1:8440 behind a reverse proxy that has a certificate, or "
                                "set "
                                "`tls`");
        }
        if (!local || host_is_loopback(k->host) || c->limits.trusted_proxies ||
            !c->limits.requests_per_second)
                return;
        x = findings_add(k->f, FINDING_WARNING, "no-trusted-proxy", NULL, "limits",
                         "only this machine reaches it, so a reverse proxy stands before it, but "
                         "limits.trusted_proxies names none");
        finding_means(k->f, x,
                      "all buyers look like one, and share %u requests a second and %u connections; the rest "
                      "are refused",
                      c->limits.requests_per_second, c->limits.per_address);
        finding_advises(k->f, x,
                        "set trusted_proxies: [127.0.0.1] (`unix` for a Unix socket), when the proxy "
                        "sends X-Forwarded-For");
}

static void check_url(Check *k)
{
        const NodeConfig *n = &k->c->node;
        bool remote = false;
        Finding *x;

        for (size_t i = 0; i < k->c->network.n_peers; i++) {
                char host[CHECK_HOST_SIZE];

                remote = remote || !host_is_loopback(check_host(host, k->c->network.peers[i].url));
        }
        if (host_is_loopback(k->host)) {
                if (!remote)
                        return;
                x = findings_add(k->f, FINDING_WARNING, "local-url", NULL, "node.url",
                                 "`%s` is this machine only, and peers are elsewhere", n->url);
                finding_means(k->f, x, "what others find here leads their buyers to their own machines");
                finding_advises(k->f, x, "set node.url to where buyers reach this shop");
        } else if (strncmp(n->url, "http://", 7) == 0) {
                x = findings_add(k->f, FINDING_WARNING, "plain-url", NULL, "node.url", "`%s` is not https",
                                 n->url);
                finding_means(k->f, x, "buyers come, and other nodes ask, without TLS");
                finding_advises(k->f, x, "give the shop a certificate, and write https://");
        }
}

/* --- money --- */

static void check_money(Check *k)
{
        const NetworkConfig *n = &k->c->network;
        char key[48];
        Finding *x;

        for (size_t i = 0; n->orders_from && n->orders_from[i]; i++) {
                if (getpwnam(n->orders_from[i]))
                        continue;
                snprintf(key, sizeof(key), "network.orders_from[%zu]", i);
                x = findings_add(k->f, FINDING_WARNING, "unknown-user", NULL, key,
                                 "there is no user `%s` here", n->orders_from[i]);
                finding_means(k->f, x, "nobody of that name can say what was paid, and nothing is settled");
                finding_advises(k->f, x, "name the user that the shop's software runs as");
        }
        if (!k->c->node.revenue_share || k->c->node.key_file)
                return;
        x = findings_add(k->f, FINDING_NOTE, "share-without-key", NULL, "node.revenue_share",
                         "a share is promised, and there is no node.key_file");
        finding_means(k->f, x, "what was paid cannot be told to who sent the buyer, since nothing is signed");
        finding_advises(k->f, x, "make a key: failoverctl keygen");
}

/* --- peers --- */

/* Is this address one that we listen at? local: an address of this machine, so that a wildcard is it, too. */
bool check_is_ours(const Check *k, const struct sockaddr_storage *address, unsigned port, bool local)
{
        struct sockaddr_storage plain = *address;
        char ours[ADDRESS_SIZE], theirs[ADDRESS_SIZE];

        set_port(&plain, 0);
        address_format(theirs, &plain);
        for (size_t i = 0; k->c->listen.addresses[i]; i++) {
                struct sockaddr_storage a;

                if (!listen_address(k->c->listen.addresses[i], &a) || port_of(&a) != port)
                        continue;
                if (is_wildcard(&a) && local)
                        return true;
                set_port(&a, 0);
                if (streq(address_format(ours, &a), theirs))
                        return true;
        }
        return false;
}

bool check_is_allowed(const Check *k, const struct sockaddr_storage *address)
{
        char *const *networks = k->c->network.allow_private_peers;

        if (!address_is_private((const struct sockaddr *) address))
                return true;
        for (size_t i = 0; networks && networks[i]; i++) {
                Network n;

                if (network_parse(networks[i], &n) >= 0 &&
                    network_contains(&n, (const struct sockaddr *) address))
                        return true;
        }
        return false;
}

void check_tell_itself(Check *k, size_t peer)
{
        const PeerConfig *p = &k->c->network.peers[peer];
        char key[64];
        Finding *x = findings_add(k->f, FINDING_ERROR, "asks-itself", NULL, check_peer_key(k, peer, key),
                                  "peer `%s` at %s is this node", p->id, p->url);

        finding_means(k->f, x, "every search would ask this node a second time");
        finding_advises(k->f, x, "take it out, or make its url the same as node.url");
}

void check_tell_private(Check *k, size_t peer, const struct sockaddr_storage *address)
{
        const PeerConfig *p = &k->c->network.peers[peer];
        char key[64], shown[ADDRESS_SIZE];
        struct sockaddr_storage plain = *address;
        Finding *x;

        set_port(&plain, 0);
        address_format(shown, &plain);
        x = findings_add(k->f, FINDING_WARNING, "private-peer", NULL, check_peer_key(k, peer, key),
                         "peer `%s` is at %s, a private address that network.allow_private_peers does not "
                         "name",
                         p->id, shown);
        finding_means(k->f, x, "it is never asked: no name may lead us into a private network by itself");
        finding_advises(k->f, x, "set allow_private_peers: [%s], or write the address itself into the URL",
                        shown);
}

const char *check_peer_key(const Check *k, size_t peer, char buffer[static 64])
{
        bool behind = k->c->peer_left_out && peer >= k->c->peer_left_out_at;

        snprintf(buffer, 64, "network.peers[%zu].url", peer + behind);
        return buffer;
}

/* What its URL says by itself: an address, or localhost. */
static bool peer_address(const char *host, struct sockaddr_storage *ret, bool *ret_literal)
{
        socklen_t size;

        *ret_literal = address_parse(host, 0, ret, &size) >= 0;
        return *ret_literal || (host_is_loopback(host) && address_parse("127.0.0.1", 0, ret, &size) >= 0);
}

static void check_peer(Check *k, size_t i)
{
        const PeerConfig *p = &k->c->network.peers[i];
        char key[64], host[CHECK_HOST_SIZE];
        struct sockaddr_storage address;
        bool literal = false, known;
        Finding *x;

        check_host(host, p->url);
        known = peer_address(host, &address, &literal);
        if (known && check_is_ours(k, &address, check_port(p->url), address_is_loopback(&address)))
                check_tell_itself(k, i);
        else if (known && !literal && !check_is_allowed(k, &address))
                check_tell_private(k, i, &address);
        if (strncmp(p->url, "http://", 7) != 0 ||
            (known && address_is_private((const struct sockaddr *) &address)))
                return;
        x = findings_add(k->f, FINDING_WARNING, "plain-peer", NULL, check_peer_key(k, i, key),
                         "peer `%s` is asked without TLS", p->id);
        finding_means(k->f, x,
                      "whoever is between may change what it answers: prices, and where buyers are sent");
        finding_advises(k->f, x, "write https:// when it has a certificate");
}

static void check_network(Check *k)
{
        const NetworkConfig *n = &k->c->network;
        Finding *x;

        if (k->c->peer_left_out)
                findings_add(k->f, FINDING_NOTE, "own-entry", NULL, "network.peers",
                             "this node stands in its own list of peers, and is left out");
        for (size_t i = 0; i < n->n_peers; i++)
                check_peer(k, i);
        if (k->c->node.type == NODE_MIRROR && !k->c->node.mirror_of) {
                x = findings_add(k->f, FINDING_WARNING, "mirror-of-nobody", NULL, "node.type",
                                 "this node is a mirror, and its origin is not said");
                finding_means(k->f, x, "its own books are never searched");
                finding_advises(k->f, x,
                                "name it: mirror_of: id-of-the-origin, and the origin under network.peers");
        }
        if (!n->enabled && n->n_peers > 0) {
                x = findings_add(k->f, FINDING_NOTE, "network-off", NULL, "network.enabled",
                                 "%zu peer%s named, and none is asked", n->n_peers,
                                 n->n_peers == 1 ? " is" : "s are");
                finding_advises(k->f, x, "set network.enabled: true to search them");
        } else if (n->enabled && n->n_peers == 0) {
                x = findings_add(k->f, FINDING_NOTE, "no-peers", NULL, "network",
                                 "network.peers is empty: only nodes that you accept are searched");
                finding_means(k->f, x,
                              "until `failoverctl nodes` lists one as accepted, a network search finds this "
                              "shop's books only, and `federated` has no node to send buyers to");
                finding_advises(k->f, x,
                                "accept nodes with `failoverctl nodes accept ID`, or name the nodes that you "
                                "know under network.peers");
        }
}

/* Without a key it runs, and what needs a signature does not work. */
static void check_key(Check *k)
{
        Finding *x;

        if (k->c->node.key_file || !k->c->network.enabled)
                return;
        x = findings_add(k->f, FINDING_WARNING, "no-key", NULL, "node",
                         "node.key_file is not set: this node has no key");
        finding_means(k->f, x,
                      "its documents are not signed; orders that it sends to other shops stay unconfirmed, "
                      "and earn no share");
        finding_advises(k->f, x, "make a key with `failoverctl keygen`, and set node.key_file");
}

/* --- limits --- */

static void check_limits(Check *k)
{
        const LimitsConfig *l = &k->c->limits;
        struct rlimit files;
        Finding *x;

        if (l->requests_per_second > 0 && l->burst < l->requests_per_second) {
                x = findings_add(k->f, FINDING_WARNING, "small-burst", NULL, "limits.burst",
                                 "burst %u is less than requests_per_second %u", l->burst,
                                 l->requests_per_second);
                finding_means(k->f, x, "a page that asks %u things at once is refused some of them",
                              l->burst + 1);
                finding_advises(k->f, x, "set burst to at least %u", l->requests_per_second);
        }
        if (l->connections > 0 && l->per_address > l->connections) {
                x = findings_add(k->f, FINDING_WARNING, "one-takes-all", NULL, "limits.per_address",
                                 "per_address %u is more than connections %u", l->per_address,
                                 l->connections);
                finding_means(k->f, x, "one visitor can keep all others out");
                finding_advises(k->f, x, "set per_address to a small part of connections");
        }
        if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_max != RLIM_INFINITY &&
            l->connections + DESCRIPTORS > files.rlim_max) {
                x = findings_add(k->f, FINDING_WARNING, "few-descriptors", NULL, "limits.connections",
                                 "%u connections want more than the %llu descriptors there are",
                                 l->connections, (unsigned long long) files.rlim_max);
                finding_means(k->f, x, "in a crowd, connections are not accepted, and peers not asked");
                finding_advises(k->f, x, "set fewer connections, or LimitNOFILE= of the unit (ulimit -n)");
        }
}

static void check_places(Check *k)
{
        size_t n = strlen(k->options->runtime_dir) + strlen("/control.sock");
        Finding *x;

        if (n <= SOCKET_PATH_MAX)
                return;
        x = findings_add(k->f, FINDING_ERROR, "long-path", NULL, NULL,
                         "the runtime directory %s is too long for a socket: %zu bytes with /control.sock",
                         k->options->runtime_dir, n);
        finding_means(k->f, x, "federationd does not start");
        finding_advises(k->f, x, "choose one of at most %zu bytes with --runtime-dir",
                        SOCKET_PATH_MAX - strlen("/control.sock"));
}

/* --- life --- */

static int check_parts(Check *k, const Conf *tree, const json_t *needs)
{
        int r;

        check_host(k->host, k->c->node.url);
        check_places(k);
        check_listen(k);
        check_url(k);
        check_network(k);
        check_key(k);
        findings_compare_ids(k->f, k->options->config, k->c->node.id, "failoverd.yaml");
        check_limits(k);
        check_money(k);
        findings_add_not_granted(k->f, &(Granted){.config = k->options->config,
                                                  .daemon = "federationd",
                                                  .state_dir = k->options->state_dir,
                                                  .needs = needs});
        r = check_files(k);
        if (r >= 0 && k->options->online)
                r = check_online(k);
        findings_locate(k->f, tree);
        return r;
}

int check_run(const CheckOptions *options, CheckReport *ret)
{
        _cleanup_(conf_freep) Conf *tree = NULL;
        CheckReport report = {.path = options->config};
        Check k = {.options = options, .f = &report.findings};
        Error e;
        int r;

        r = look_at_file(options->config);
        if (r == -ETIMEDOUT)
                findings_add(k.f, FINDING_ERROR, "unusable", NULL, NULL, "%s: the disk does not answer",
                             options->config);
        else if (config_load_tree(options->config, &report.config, &tree, &e) < 0)
                findings_add_unusable(k.f, e.text);
        else
                findings_add_access(k.f, options->config, "federationd");
        k.c = report.config;
        if (k.c && !(report.needs = json_whole(check_needs(k.c))))
                k.f->failed = true;
        r = k.c ? check_parts(&k, tree, report.needs) : 0;
        findings_sort(k.f);
        if (r < 0 || k.f->failed) {
                check_clear(&report);
                return -ENOMEM;
        }
        *ret = report;
        return 0;
}

void check_show(const CheckReport *r, FILE *out, FILE *err, unsigned width)
{
        size_t n = 0;

        findings_show(&r->findings, err, width);
        if (!r->config)
                return;
        while (r->config->listen.addresses[n])
                n++;
        fprintf(out, "%s: %zu listener%s, %zu peer%s: ", r->path, n, PLURAL(n), r->config->network.n_peers,
                PLURAL(r->config->network.n_peers));
        findings_show_verdict(&r->findings, out);
}

json_t *check_to_json(const CheckReport *r)
{
        const unsigned *n = r->findings.counts;
        json_t *j = json_object();

        json_put(j, "success", json_boolean(n[FINDING_ERROR] == 0));
        json_put(j, "config", json_string_or_null(r->path));
        json_put(j, "peers", json_integer(r->config ? (json_int_t) r->config->network.n_peers : 0));
        json_put(j, "errors", json_integer(n[FINDING_ERROR]));
        json_put(j, "warnings", json_integer(n[FINDING_WARNING]));
        json_put(j, "notes", json_integer(n[FINDING_NOTE]));
        json_put(j, "findings", findings_to_json(&r->findings));
        json_put(j, "needs", r->needs ? json_incref(r->needs) : json_object());
        return j;
}
