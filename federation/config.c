/* SPDX-License-Identifier: MIT */
/* federationd.yaml as structs: the tables of its keys, and what must fit together. */
#include "federation/config.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/resolve.h"
#include "base/sign.h"
#include "base/text.h"
#include "federation/config_private.h"

#define NODE_NAME_MAX 200

static const char *const type_names[] = {
                [NODE_FULL] = "full", [NODE_AFFILIATE] = "affiliate", [NODE_MIRROR] = "mirror", NULL};
static const char *const registration_names[] = {"approve", "open", NULL};
static const char *const store_names[] = {"sqlite", NULL};

static const ConfRange share_range = {0, 100};
static const ConfRange timeout_range = {100 * USEC_PER_MSEC, USEC_PER_MIN};
static const ConfRange interval_range = {USEC_PER_SEC, USEC_PER_DAY};
static const ConfRange ttl_range = {USEC_PER_MSEC, USEC_PER_DAY};
static const ConfRange cache_range = {0, UINT64_C(1) << 30};
static const ConfRange results_range = {1, 100};
static const ConfRange search_range = {0, 1000};
static const ConfRange response_range = {4096, UINT64_C(16) << 20};
static const ConfRange export_range = {4096, UINT64_C(1) << 40};
static const ConfRange sync_range = {0, 30 * USEC_PER_DAY};
static const ConfRange pull_range = {0, USEC_PER_DAY};
static const ConfRange rate_range = {0, 1000000};
static const ConfRange body_range = {0, UINT64_C(16) << 20};
static const ConfRange connections_range = {0, 65536};

const char *node_type_name(NodeType t)
{
        assert(t < _NODE_TYPE_MAX);
        return type_names[t];
}

static const ConfField node_fields[] = {
                {"id", &conf_string, offsetof(NodeConfig, id), CONF_REQUIRED, NULL,
                 "Name of this node in the network: letters, digits, dots, dashes."},
                {"name", &conf_string, offsetof(NodeConfig, name), 0, NULL,
                 "Name of the shop, for people; default: the id."},
                {"url", &conf_url, offsetof(NodeConfig, url), 0, NULL,
                 "Where buyers and other nodes reach this node; default: http:// and the first address of "
                 "`listen`."},
                {"fallback_url", &conf_url, offsetof(NodeConfig, fallback_url), 0, NULL,
                 "Where its buyers go while it has failed: told to other nodes; as in failoverd.yaml."},
                {"onion_url", &conf_url, offsetof(NodeConfig, onion_url), 0, NULL,
                 "Where Tor reaches it: told to other nodes."},
                {"checkout_url", &conf_url, offsetof(NodeConfig, checkout_url), 0, NULL,
                 "Where a buyer whom another node sends pays, with {bookId}, {node} and {id} (the referral) "
                 "in it; "
                 "default: "
                 "the URL and /checkout?book={bookId}&ref={node}&referral={id}."},
                {"type", &conf_enum, offsetof(NodeConfig, type), 0, "full",
                 "full; affiliate: has no catalog, and sells what others have; mirror: its catalog is "
                 "searched "
                 "only while its origin (mirror_of) serves nobody.",
                 type_names},
                {"mirror_of", &conf_string, offsetof(NodeConfig, mirror_of), 0, NULL,
                 "A mirror's: the id of the node that it stands in for."},
                {"operator", &conf_string, offsetof(NodeConfig, operator_name), 0, NULL,
                 "Who runs it, for people."},
                {"contact", &conf_string, offsetof(NodeConfig, contact), 0, NULL,
                 "How to reach the operator: shown to everybody."},
                {"tagline", &conf_string, offsetof(NodeConfig, tagline), 0, NULL,
                 "What the shop says of itself in one line."},
                {"location", &conf_string, offsetof(NodeConfig, location), 0, NULL,
                 "Country or town, for people."},
                {"specialties", &conf_strings, offsetof(NodeConfig, specialties), 0, NULL,
                 "What the shop is known for."},
                {"features", &conf_strings, offsetof(NodeConfig, features), 0, NULL,
                 "What it offers, as clients of the network know it."},
                {"payment_methods", &conf_strings, offsetof(NodeConfig, payment_methods), 0, NULL,
                 "How buyers may pay: stripe, bitcoin, …"},
                {"revenue_share", &conf_unsigned, offsetof(NodeConfig, revenue_share), 0, "0",
                 "Per cent of a sale that this node pays to who sent the buyer.", &share_range},
                {"brand", &conf_string, offsetof(NodeConfig, brand), 0, "default",
                 "Middle part of its books' networkId."},
                {"key_file", &conf_string, offsetof(NodeConfig, key_file), CONF_PATH, NULL,
                 "Ed25519 key made by `failoverctl keygen`; a credential or a file. Without it, only what "
                 "must be signed is refused."},
                {NULL},
};

static const ConfField tls_fields[] = {
                {"cert_file", &conf_string, offsetof(TlsConfig, cert_file), CONF_PATH, NULL,
                 "Certificate and those between it and the authority, PEM; a credential or a file."},
                {"key_file", &conf_string, offsetof(TlsConfig, key_file), CONF_PATH, NULL,
                 "Its key, PEM, without a password; a credential or a file that others cannot read."},
                {NULL},
};

static const ConfField cache_fields[] = {
                {"size", &conf_size, offsetof(NetworkConfig, cache_bytes), 0, "16MiB",
                 "Memory for whole answers of the network; 0: none is kept.", &cache_range},
                {"ttl", &conf_duration, offsetof(NetworkConfig, cache_ttl_usec), 0, "30s",
                 "How long an answer is good while no catalog is seen to change.", &ttl_range},
                {NULL},
};

const ConfField config_peer_fields[] = {
                {"url", &conf_url, offsetof(PeerConfig, url), CONF_REQUIRED, NULL,
                 "Its base URL, as buyers know it."},
                {"id", &conf_string, offsetof(PeerConfig, id), 0, NULL,
                 "Its name in the network; default: host and port of its URL."},
                {"name", &conf_string, offsetof(PeerConfig, name), 0, NULL,
                 "Its name for people; default: the id."},
                {"type", &conf_enum, offsetof(PeerConfig, type), 0, "full", "full, affiliate or mirror.",
                 type_names},
                {"mirror_of", &conf_string, offsetof(PeerConfig, mirror_of), 0, NULL,
                 "A mirror's: the id of the node that it stands in for; it is asked while that has failed."},
                {"public_key", &conf_string, offsetof(PeerConfig, public_key), 0, NULL,
                 "Its Ed25519 key, base64 as in its /.well-known/aan-node.json; without it, the one that "
                 "is found there first."},
                {"revenue_share", &conf_unsigned, offsetof(PeerConfig, revenue_share), 0, "0",
                 "Per cent that it pays for a buyer who was sent there.", &share_range},
                {NULL},
};

/* `cache` is a mapping of the same struct: its offsets begin where the network's do. */
static const ConfField network_fields[] = {
                {"enabled", &conf_bool, offsetof(NetworkConfig, enabled), 0, "true",
                 "Ask other nodes at all; false: nobody is asked, and networkStatus is disabled in "
                 "/api/stats."},
                {"search_timeout", &conf_duration, offsetof(NetworkConfig, search_timeout_usec), 0, "3s",
                 "No peer is waited for longer; what its own recent answers justify is usually much less.",
                 &timeout_range},
                {"allow_private_peers", &conf_strings, offsetof(NetworkConfig, allow_private_peers), 0, NULL,
                 "Private networks in which nodes may be, such as 10.0.0.0/8; nothing a peer says leads us "
                 "into others."},
                {"cache", &conf_table, 0, 0, "{}", "Answers that are kept.", cache_fields},
                {"check_interval", &conf_duration, offsetof(NetworkConfig, check_interval_usec), 0, "60s",
                 "Each peer is asked how it is so often.", &interval_range},
                {"results_per_peer", &conf_unsigned, offsetof(NetworkConfig, results_per_peer), 0, "20",
                 "So many results of one peer are taken.", &results_range},
                {"response_max", &conf_size, offsetof(NetworkConfig, response_max), 0, "256KiB",
                 "So much of one peer's answer is read, after decompression.", &response_range},
                {"registration", &conf_enum, offsetof(NetworkConfig, registration), 0, "approve",
                 "Who may join: approve: whom you accept (`failoverctl nodes accept ID`); open: also who "
                 "proves by the document at its URL that its key is its own.",
                 registration_names},
                {"search_max", &conf_unsigned, offsetof(NetworkConfig, search_max), 0, "64",
                 "So many nodes are searched: all under `peers`, then those of the registry, the longest "
                 "accepted first.",
                 &search_range},
                {"document_interval", &conf_duration, offsetof(NetworkConfig, document_interval_usec), 0,
                 "1h", "Each node's document is read so often, so that a change of its keys is seen.",
                 &interval_range},
                {"registries", &conf_strings, offsetof(NetworkConfig, registries), 0, NULL,
                 "URLs of nodes in whose registry this one shall stand; `failoverctl register` adds others."},
                {"orders_from", &conf_strings, offsetof(NetworkConfig, orders_from), 0, NULL,
                 "Users whose programs may say what was paid (POST /v1/orders on the control socket), beside "
                 "administrators: the shop's, such as www-data."},
                {"revenue_from", &conf_strings, offsetof(NetworkConfig, revenue_from), 0, NULL,
                 "Networks that are shown what is owed at /api/network/revenue; `unix`: who is on a Unix "
                 "socket. Nobody, without it."},
                {"export_max", &conf_size, offsetof(NetworkConfig, export_max), 0, "1GiB",
                 "So much of another node's catalog is fetched, after decompression; more, and its copy "
                 "stays "
                 "what it is.",
                 &export_range},
                {"copies_max", &conf_size, offsetof(NetworkConfig, copies_max), 0, "8GiB",
                 "What copies of other nodes' catalogs may take of the disk, all together.", &export_range},
                {"sync_interval", &conf_duration, offsetof(NetworkConfig, sync_interval_usec), 0, "0",
                 "Other nodes' catalogs are fetched so often; 0: when somebody asks, by `failoverctl sync`, "
                 "say.",
                 &sync_range},
                {"peers", &config_peers, offsetof(NetworkConfig, peers), 0, NULL, "Nodes to search."},
                {NULL},
};

static const ConfField failover_fields[] = {
                {"runtime_dir", &conf_string, offsetof(Config, failover_runtime_dir), CONF_PATH,
                 "/run/failoverd", "failoverd's runtime directory: mode.json is there."},
                {"status_dir", &conf_string, offsetof(Config, failover_status_dir), CONF_PATH,
                 "/var/lib/failoverd/status", "failoverd's status page, served under /status/."},
                {NULL},
};

static const ConfField catalog_fields[] = {
                {"store", &conf_enum, offsetof(Config, store), 0, "sqlite",
                 "sqlite: catalog.db in the state directory.", store_names},
                {NULL},
};

static const ConfField limits_fields[] = {
                {"requests_per_second", &conf_unsigned, offsetof(LimitsConfig, requests_per_second), 0, "50",
                 "Requests of one address (IPv6: one /64) in a second; more are answered 429. 0: no limit.",
                 &rate_range},
                {"burst", &conf_unsigned, offsetof(LimitsConfig, burst), 0, "100",
                 "So many at once before that counts.", &rate_range},
                {"body", &conf_size, offsetof(LimitsConfig, body), 0, "64KiB",
                 "A request's body at most; 0: 16MiB, which is the most there is.", &body_range},
                {"connections", &conf_unsigned, offsetof(LimitsConfig, connections), 0, "1000",
                 "Connections at once; event streams get half of them. 0: as many as there are descriptors.",
                 &connections_range},
                {"per_address", &conf_unsigned, offsetof(LimitsConfig, per_address), 0, "50",
                 "Of them, from one address (IPv6: one /64). 0: no limit.", &connections_range},
                {"notices_per_second", &conf_unsigned, offsetof(LimitsConfig, notices_per_second), 0, "30",
                 "Notices of one node in a second, signed by it, and twice as many at once; more are "
                 "answered "
                 "429. 0: no limit.",
                 &rate_range},
                {"pull_interval", &conf_duration, offsetof(LimitsConfig, pull_interval_usec), 0, "1m",
                 "Whoever asks over HTTP gets one node's catalog fetched again after so long; 0: at once.",
                 &pull_range},
                {"trusted_proxies", &conf_strings, offsetof(LimitsConfig, trusted_proxies), 0, NULL,
                 "Networks of reverse proxies whose X-Forwarded-For is believed; `unix`: who is on a Unix "
                 "socket."},
                {NULL},
};

/* catalog and failover write into the Config itself. */
static const ConfField top_fields[] = {
                {"node", &conf_table, offsetof(Config, node), CONF_REQUIRED, NULL, "Who this node is.",
                 node_fields},
                {"listen", &conf_strings, offsetof(Config, listen.addresses), 0, "127.0.0.1:8440",
                 "Where it is reached: IP:port, unix:PATH; sockets passed by systemd win."},
                {"tls", &conf_table, offsetof(Config, tls), 0, NULL,
                 "HTTPS on the TCP listeners; without it, plain HTTP for a reverse proxy.", tls_fields},
                {"network", &conf_table, offsetof(Config, network), 0, "{}", "The other nodes.",
                 network_fields},
                {"failover", &conf_table, 0, 0, "{}", "Where failoverd publishes the mode.", failover_fields},
                {"catalog", &conf_table, 0, 0, "{}", "Where the books are kept.", catalog_fields},
                {"limits", &conf_table, offsetof(Config, limits), 0, "{}", "What strangers may take.",
                 limits_fields},
                {NULL},
};

size_t config_sections(const ConfSection **ret)
{
        static const ConfSection sections[] = {
                        {"", "At the top of the file.", top_fields},
                        {"node", "Who this node is.", node_fields},
                        {"tls", "HTTPS on the TCP listeners. Both keys, or neither.", tls_fields},
                        {"network", "The other nodes, and how they are asked.", network_fields},
                        {"network.cache", "Answers of the network that are kept.", cache_fields},
                        {"network.peers[]", "Nodes that are searched.", config_peer_fields},
                        {"failover", "Where failoverd publishes the mode.", failover_fields},
                        {"catalog", "Where the books are kept.", catalog_fields},
                        {"limits", "What strangers may take.", limits_fields},
        };

        *ret = sections;
        return ELEMENTSOF(sections);
}

/* --- what must fit together --- */

const ConfNode *config_place(const ConfNode *node, const char *key)
{
        const ConfNode *place = conf_get(node, key);

        return place ? place : node;
}

static int check_node(Config *c, const ConfNode *node, Error *e)
{
        NodeConfig *n = &c->node;
        int r;

        if (!string_valid_name(n->id))
                return conf_error(conf_get(node, "id"), e,
                                  "`id` has letters, digits, dots, dashes and underscores, at most 64");
        if (!string_valid_name(n->brand))
                return conf_error(config_place(node, "brand"), e,
                                  "`brand` has letters, digits, dots, dashes and underscores, at most 64");
        if (n->name && strlen(n->name) > NODE_NAME_MAX)
                return conf_error(conf_get(node, "name"), e, "`name` has at most %d bytes", NODE_NAME_MAX);
        if (!n->name && !(n->name = strdup(n->id)))
                return error_set(e, -ENOMEM, "out of memory");
        r = n->url ? config_normalise_url(conf_get(node, "url"), "url", &n->url, e) : 0;
        if (r >= 0 && n->fallback_url)
                r = config_normalise_url(conf_get(node, "fallback_url"), "fallback_url", &n->fallback_url, e);
        if (r >= 0 && n->onion_url)
                r = config_normalise_url(conf_get(node, "onion_url"), "onion_url", &n->onion_url, e);
        if (r >= 0 && n->mirror_of && !config_is_node_id(n->mirror_of))
                r = conf_error(conf_get(node, "mirror_of"), e, "`mirror_of` is the id of a node");
        return r;
}

/* What is nowhere said: how somebody on this machine reaches us. */
static int default_url(Config *c, Error *e)
{
        const char *address = "127.0.0.1:8440";

        for (size_t i = 0; c->listen.addresses[i]; i++)
                if (strncmp(c->listen.addresses[i], "unix:", 5) != 0) {
                        address = c->listen.addresses[i];
                        break;
                }
        if (c->node.url)
                return 0;
        c->node.url = string_printf("%s://%s", c->tls.cert_file ? "https" : "http", address);
        return c->node.url ? 0 : error_set(e, -ENOMEM, "out of memory");
}

static int check_address(const ConfNode *place, const char *address, Error *e)
{
        struct sockaddr_storage a;
        socklen_t size;
        char plain[128];
        const char *colon = strrchr(address, ':');

        if (strncmp(address, "unix:", 5) == 0) {
                if (address[5] != '/' || strlen(address + 5) >= 108)
                        return conf_error(place, e,
                                          "`listen`: unix: takes an absolute path of at most 107 bytes");
                return 0;
        }
        if (address_parse(address, 0, &a, &size) >= 0 && colon && colon[1] != '\0' &&
            strspn(colon + 1, "0") == 0)
                return 0;
        return conf_error(
                        place, e,
                        "`listen`: expected an IP address and a port, such as 127.0.0.1:8440, [::1]:8440 or "
                        "0.0.0.0:8440, or unix:/PATH, not `%s`",
                        plain_copy(plain, sizeof(plain), address));
}

/* The i-th of a list, or the scalar that stands for a list of one. */
static const ConfNode *list_place(const ConfNode *list, size_t i)
{
        return conf_is_sequence(list) ? conf_item(list, i) : list;
}

static int check_listen(const Config *c, const ConfNode *root, Error *e)
{
        const ConfNode *list = config_place(root, "listen");
        char *const *addresses = c->listen.addresses;

        for (size_t i = 0; addresses[i]; i++) {
                int r = check_address(list_place(list, i), addresses[i], e);

                if (r < 0)
                        return r;
                for (size_t k = 0; k < i; k++)
                        if (streq(addresses[i], addresses[k]))
                                return conf_error(list_place(list, i), e, "`listen` names `%s` twice",
                                                  addresses[i]);
        }
        return addresses[0] ? 0 : conf_error(list, e, "`listen` names no address");
}

static int check_tls(const Config *c, const ConfNode *root, Error *e)
{
        if (!c->tls.cert_file == !c->tls.key_file)
                return 0;
        return conf_error(config_place(root, "tls"), e, "`tls` wants both, cert_file and key_file");
}

static int check_networks(char *const *networks, const ConfNode *list, const char *key, bool unix_too,
                          Error *e)
{
        Network network;
        char plain[96];

        for (size_t i = 0; networks && networks[i]; i++) {
                if (network_parse(networks[i], &network) >= 0 || (unix_too && streq(networks[i], "unix")))
                        continue;
                return conf_error(list_place(list, i), e,
                                  "`%s`: expected a network or an address, such as 10.0.0.0/8 or ::1%s, not "
                                  "`%s`",
                                  key, unix_too ? ", or unix" : "",
                                  plain_copy(plain, sizeof(plain), networks[i]));
        }
        return 0;
}

static int check_registries(Config *c, const ConfNode *list, Error *e)
{
        char **urls = c->network.registries;

        for (size_t i = 0; urls && urls[i]; i++) {
                const char *problem = NULL;
                int r = conf_url_check(urls[i], &problem);

                if (r < 0)
                        return error_set(e, r, "out of memory");
                if (problem)
                        return conf_error(list_place(list, i), e, "`registries`: %s", problem);
                r = config_normalise_url(list_place(list, i), "registries", &urls[i], e);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_all(Config *c, const ConfNode *root, Error *e)
{
        const ConfNode *network = config_place(root, "network"), *limits = config_place(root, "limits");
        int r;

        r = check_node(c, conf_get(root, "node"), e);
        if (r >= 0)
                r = check_listen(c, root, e);
        if (r >= 0)
                r = check_tls(c, root, e);
        if (r >= 0)
                r = default_url(c, e);
        if (r >= 0)
                r = check_networks(c->network.allow_private_peers,
                                   config_place(network, "allow_private_peers"), "allow_private_peers", false,
                                   e);
        if (r >= 0)
                r = check_networks(c->limits.trusted_proxies, config_place(limits, "trusted_proxies"),
                                   "trusted_proxies", true, e);
        if (r >= 0)
                r = check_networks(c->network.revenue_from, config_place(network, "revenue_from"),
                                   "revenue_from", true, e);
        if (r >= 0)
                r = check_registries(c, config_place(network, "registries"), e);
        return r < 0 ? r : config_settle_peers(c, config_place(network, "peers"), e);
}

static int config_from(const Conf *conf, Config **ret, Error *e)
{
        _cleanup_(config_freep) Config *c = calloc(1, sizeof(*c));
        const ConfNode *root = conf_root(conf);
        int r;

        if (!c)
                return error_set(e, -ENOMEM, "out of memory");
        if (!conf_is_mapping(root))
                return conf_error(root, e, "the file is a mapping: node, listen, network, …");
        r = conf_parse(root, top_fields, NULL, c, e);
        if (r < 0)
                return r;
        r = check_all(c, root, e);
        if (r < 0)
                return r;
        c->directory = strdup(conf_directory(conf));
        if (!c->directory)
                return error_set(e, -ENOMEM, "out of memory");
        *ret = TAKE_PTR(c);
        return 0;
}

int config_load_tree(const char *path, Config **ret, Conf **ret_tree, Error *e)
{
        _cleanup_(conf_freep) Conf *conf = NULL;
        int r;

        r = conf_load(path, &conf, e);
        if (r >= 0)
                r = config_from(conf, ret, e);
        if (r < 0)
                return r;
        *ret_tree = TAKE_PTR(conf);
        return 0;
}

int config_load(const char *path, Config **ret, Error *e)
{
        _cleanup_(conf_freep) Conf *conf = NULL;

        return config_load_tree(path, ret, &conf, e);
}

int config_load_text(const char *name, const char *text, size_t size, Config **ret, Error *e)
{
        _cleanup_(conf_freep) Conf *conf = NULL;
        int r;

        r = conf_load_text(name, text, size, &conf, e);
        return r < 0 ? r : config_from(conf, ret, e);
}

Config *config_free(Config *c)
{
        if (!c)
                return NULL;
        conf_clear(top_fields, c);
        free(c->tls.certificate);
        secret_free(c->tls.key);
        free(c->network.order_uids);
        key_ring_free(c->ring);
        free(c->directory);
        free(c);
        return NULL;
}
