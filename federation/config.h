/* SPDX-License-Identifier: MIT */
/* federationd.yaml as structs. */
#pragma once

#include "base/conf.h"

typedef enum NodeType {
        NODE_FULL,
        NODE_AFFILIATE, /* its catalog is the network's */
        NODE_MIRROR,    /* stands in for another node while that has failed */
        _NODE_TYPE_MAX,
} NodeType;
const char *node_type_name(NodeType t);

typedef struct NodeConfig {
        char *id, *name, *url; /* url: without a final slash */
        int type;              /* NodeType */
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
        char *public_key; /* NULL: as found at the URL, later */
} PeerConfig;

typedef struct NetworkConfig {
        bool enabled;
        uint64_t search_timeout_usec;
        char **allow_private_peers;           /* networks */
        uint64_t cache_bytes, cache_ttl_usec; /* cache: {size: 16MiB, ttl: 30s}; size 0: off */
        uint64_t check_interval_usec;         /* check_interval: 60s: each peer is asked how it is */
        unsigned results_per_peer;            /* results_per_peer: 20 */
        uint64_t response_max; /* response_max: 256KiB of one peer's answer, after decompression */
        PeerConfig *peers;
        size_t n_peers;
} NetworkConfig;

typedef struct ListenConfig {
        char **addresses;           /* "IP:port", "unix:PATH" */
        char *cert_file, *key_file; /* tls; NULL: none */
} ListenConfig;

typedef struct LimitsConfig {                /* 0: off */
        unsigned requests_per_second, burst; /* of one address */
        uint64_t body;
        unsigned connections, per_address;
        char **trusted_proxies; /* networks; X-Forwarded-For is believed from them only. "unix": whoever is on a Unix socket */
} LimitsConfig;

typedef struct Config {
        Conf *conf; /* the strings' file */
        NodeConfig node;
        ListenConfig listen;
        NetworkConfig network;
        char *failover_runtime_dir, *failover_status_dir;
        LimitsConfig limits;
        /* catalog.store: sqlite is all there is */
} Config;

/* -EINVAL with file:line:column. */
int config_load(const char *path, Config **ret, Error *e);
Config *config_free(Config *c);
DEFINE_CLEANUP(Config, config_free)
const struct ConfSection *config_sections(void); /* for help, man page and sample: see config.c */
