/* SPDX-License-Identifier: MIT */
/* federationd.yaml as structs. */
#pragma once

#include "base/conf_help.h"
#include "base/key_ring.h"

typedef enum NodeType {
        NODE_FULL,
        NODE_AFFILIATE, /* a search of the network leaves its own catalog out */
        NODE_MIRROR,    /* stands in for another node while that has failed */
        _NODE_TYPE_MAX,
} NodeType;
const char *node_type_name(NodeType t);

typedef struct NodeConfig {
        char *id, *name, *url; /* url: without a final slash */
        char *fallback_url, *onion_url, *checkout_url;
        char *mirror_of; /* a mirror's: the id of its origin */
        int type;        /* NodeType */
        char *operator_name, *contact, *tagline, *location;
        char **specialties, **features;
        char **payment_methods;
        char *brand;            /* "default" */
        unsigned revenue_share; /* per cent */
        char *key_file;
} NodeConfig;

typedef struct PeerConfig {
        char *id, *url, *name; /* name: the id when absent. url: without a final slash */
        int type;              /* NodeType */
        unsigned revenue_share;
        char *mirror_of;  /* a mirror's: the id of its origin; NULL */
        char *public_key; /* base64; NULL: as found at the URL */
        uint8_t key[32];  /* that, decoded */
} PeerConfig;

typedef enum Registration {
        REGISTRATION_APPROVE, /* by the operator */
        REGISTRATION_OPEN,    /* or by itself, once its key is found at its URL */
} Registration;

typedef struct NetworkConfig {
        bool enabled;
        uint64_t search_timeout_usec;
        char **allow_private_peers;           /* networks */
        uint64_t cache_bytes, cache_ttl_usec; /* cache: {size: 16MiB, ttl: 30s}; size 0: off */
        uint64_t check_interval_usec;         /* check_interval: 60s: each peer is asked how it is */
        unsigned results_per_peer;            /* results_per_peer: 20 */
        uint64_t response_max; /* response_max: 256KiB of one peer's answer, after decompression */
        unsigned search_max; /* search_max: 64 nodes are searched, if that many are not configured already */
        int registration;    /* Registration */
        uint64_t document_interval_usec; /* document_interval: 1h: each node's document is read so often */
        uint64_t export_max, copies_max; /* bytes of one other's export; of all copies on the disk */
        uint64_t sync_interval_usec;     /* 0: never by itself */
        char **registries;               /* base URLs: other nodes in whose registry this one stands */
        char **orders_from;              /* users who may say over the control socket what was paid … */
        uid_t *order_uids; /* … as config_read_files() finds them; unknown ones are left out */
        size_t n_order_uids;
        char **revenue_from; /* networks that may GET /api/network/revenue; "unix": whoever is on a Unix socket */
        PeerConfig *peers;
        size_t n_peers;
} NetworkConfig;

typedef struct ListenConfig {
        char **addresses; /* "IP:port", "unix:PATH" */
} ListenConfig;

typedef struct TlsConfig {          /* for the TCP listeners; cert_file NULL: plain HTTP */
        char *cert_file, *key_file; /* as in the file: see secret_read() */
        char *certificate, *key;    /* PEM, once config_read_files() has read them */
} TlsConfig;

typedef struct LimitsConfig {                /* 0: off */
        unsigned requests_per_second, burst; /* of one address */
        uint64_t body;
        unsigned connections, per_address;
        unsigned notices_per_second; /* of one node, verified */
        uint64_t pull_interval_usec; /* one pull of a node in so long, for strangers */
        char **trusted_proxies; /* networks; X-Forwarded-For is believed from them only. "unix": whoever is on a Unix socket */
} LimitsConfig;

typedef struct Config {
        NodeConfig node;
        ListenConfig listen;
        TlsConfig tls;
        NetworkConfig network;
        char *failover_runtime_dir, *failover_status_dir;
        LimitsConfig limits;
        int store;       /* of the catalog: sqlite is all there is */
        char *directory; /* of the file */
        bool exposed;    /* others can read the file */
        /* Of node.key_file, once config_read_files() has read it; the Identity takes it over. */
        KeyRing *ring;
        char key_trouble[400];   /* why there is none although the file is named */
        bool peer_left_out;      /* network.peers names this node, too … */
        size_t peer_left_out_at; /* … as its entry of this number */
} Config;

/* -EINVAL with file:line:column. Reads that one file. */
int config_load(const char *path, Config **ret, Error *e);
/* The same, and the file as it stands, for who looks for places in it. */
int config_load_tree(const char *path, Config **ret, Conf **ret_tree, Error *e);
int config_load_text(const char *name, const char *text, size_t size, Config **ret, Error *e);
Config *config_free(Config *c);
DEFINE_CLEANUP(Config, config_free)

/* Reads certificate and key, for who listens, and tries node.key_file, where only one that others can read (-EPERM) is a
 * failure: not on the loop. */
int config_read_files(Config *c, Error *e);
/* The same one by one, keeping nothing, for check-config. node.key_file that is missing may still come: -ENOENT. */
typedef struct TlsFacts {
        uint64_t expires_usec; /* wall time, leaf; 0: it cannot be told */
        bool fits;             /* it is for the host of node.url */
} TlsFacts;
int config_verify_tls(const Config *c, TlsFacts *ret, Error *e);
int config_verify_key(const Config *c, Error *e);

size_t config_sections(const ConfSection **ret); /* for --help-config; constant table */
/* What names a node: letters, digits, dots, dashes, underscores, and what HOST:PORT needs; at most 128 bytes. */
bool config_is_node_id(const char *id);
/* Scheme and host in lower case, no default port, no final slash. *url has passed conf_url_check(), and is replaced. -EINVAL, with
 * the problem: a query or a fragment; -ENOMEM. */
int config_base_url(char **url, const char **ret_problem);
/* Host and port as they stand in such a URL: the id of who has given none. NULL: no memory. */
char *config_default_id(const char *url);
