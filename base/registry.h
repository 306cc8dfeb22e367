/* SPDX-License-Identifier: MIT */
/* The network's registry, /network-registry.json of AAN/1.0: who is in it, as far as a supervisor wants to know.
 *
 * What stands in it was written by strangers. Bounds: REGISTRY_SIZE_MAX bytes, REGISTRY_NODES_MAX nodes (pending and banned
 * ones are not counted, so that nobody can crowd out the others by registering), and the lengths below. A node that cannot
 * be used (no id, no http(s) URL, too long, an id that came before) is left out and counted; a document that is none is
 * refused as a whole. Members that we do not know are ignored. */
#pragma once

#include "base/error.h"
#include "base/loop.h"

#define REGISTRY_SIZE_MAX  (32 * 1024 * 1024)
#define REGISTRY_NODES_MAX 10000 /* telling twice as many takes five times as long */
#define REGISTRY_ID_MAX    128
#define REGISTRY_NAME_MAX  256
#define REGISTRY_URL_MAX   512

typedef enum RegistryType {
        REGISTRY_FULL, /* also when the document does not say */
        REGISTRY_AFFILIATE,
        REGISTRY_MIRROR,
        REGISTRY_OTHER, /* a word that we do not know */
} RegistryType;

typedef enum RegistryStatus {
        REGISTRY_ACTIVE,
        REGISTRY_FALLBACK,
        REGISTRY_SUSPECT,
        REGISTRY_FAILED,
        REGISTRY_PENDING,
        REGISTRY_BANNED,
        REGISTRY_UNKNOWN, /* a word that we do not know, or none */
} RegistryStatus;

/* Strings are valid UTF-8 without control characters; escape them for people all the same (bidi). Absent: "". */
typedef struct RegistryNode {
        char *id; /* the others lie behind it, in the same allocation */
        const char *name;
        const char *url, *fallback_url,
                        *api; /* http(s), with a host, without user, query, fragment and final slash */
        RegistryType type;
        RegistryStatus status;
} RegistryNode;

typedef struct Registry {
        RegistryNode *nodes; /* those that the operator has accepted: active, fallback, suspect, failed */
        size_t n_nodes;
        size_t n_others; /* pending, banned, or of unknown status */
        size_t n_unfit;  /* left out because they cannot be used … */
        char unfit[200]; /* … the first of them, for people: "nodes[3]: no url" */

        uint32_t *slots; /* by id: number of the node, from 1 */
        size_t n_slots;
        uint8_t seed[16];
} Registry;

/* data is terminated. 10,000 nodes in 10 MiB take some 50 ms. -EINVAL: no registry, with the reason; -E2BIG: more than REGISTRY_SIZE_MAX; -EPROTONOSUPPORT: not AAN/1. */
int registry_parse(const char *data, size_t size, Registry **ret, Error *e);
Registry *registry_free(Registry *r);
DEFINE_CLEANUP(Registry, registry_free)
const RegistryNode *registry_find(const Registry *r, const char *id); /* NULL */

/* The same from a file; blocks: for check-config. Errors name the path. */
int registry_load(const char *path, Registry **ret, Error *e);

/* The same without ever blocking, whatever the disk does: a child reads. */
typedef struct RegistryRead RegistryRead;
typedef struct RegistryResult {
        /* 0, or as above, or errno of reading it; -ETIMEDOUT: the disk does not answer */
        int error;
        const char *message;    /* for people; names the path */
        Registry *registry;     /* take it by setting it to NULL, or it goes after the call */
        uint64_t modified_usec; /* wall: the file's mtime */
} RegistryResult;
typedef void (*RegistryDone)(RegistryRead *read, RegistryResult *result, void *userdata);
/* done() is called once, never from within, and may free the read. timeout_usec: 0 for none, when the caller has one.
 * -EAGAIN: children that earlier reads left behind still hang in the kernel; -ENOMEM, -EMFILE. */
int registry_read_start(sd_event *event, const char *path, uint64_t timeout_usec, RegistryDone done,
                        void *userdata, RegistryRead **ret);
RegistryRead *registry_read_free(RegistryRead *read);
DEFINE_CLEANUP(RegistryRead, registry_read_free)
