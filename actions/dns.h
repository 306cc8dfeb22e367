/* SPDX-License-Identifier: MIT */
/* The dns action: records that follow the mode, at a name server (RFC 2136) or at Cloudflare.
 *
 * The sets (all records of one name and type) that any mode lists are managed. A mode's list says what each of them shall
 * be; one that it does not list shall not be there, or half of the buyers would go on to where the shop is not. A mode
 * without a list leaves the zone as it is. Nothing else of the zone is touched. */
#pragma once

#include "actions/action.h"
#include "base/record.h"

#define DNS_RECORDS_MAX \
        100 /* of one mode: Cloudflare takes 200 changes at once, and all of them may be replaced */
#define DNS_VALUES_SET_MAX 32 /* of one set */

typedef enum DnsProviderId {
        DNS_CLOUDFLARE,
        DNS_RFC2136,
} DnsProviderId;

typedef enum DnsProxied {
        DNS_PROXIED_KEEP,
        DNS_PROXIED_ON,
        DNS_PROXIED_OFF,
} DnsProxied;

/* What one mode lists. */
typedef struct DnsMode {
        char *name;
        Record *records;
        size_t count;
} DnsMode;

typedef struct DnsModes {
        DnsMode *modes;
        size_t count;
} DnsModes;

/* The conf of `type: dns`. */
typedef struct DnsActionConf {
        int provider; /* DnsProviderId */
        char *zone;   /* as written; see dns_zone() */
        DnsModes records;
        char *server, *key_file;                    /* rfc2136 */
        bool verify;                                /* rfc2136 */
        char *token_file, *zone_id, *url, *ca_file; /* cloudflare */
        int proxied;                                /* DnsProxied; cloudflare */
} DnsActionConf;

/* One managed set, and what a mode wants of it. */
typedef struct DnsSet {
        const char *name, *type; /* borrowed from the conf, as the records are */
        uint32_t ttl;
        const Record *records[DNS_VALUES_SET_MAX];
        size_t count; /* 0: it shall not be there */
} DnsSet;

typedef struct DnsSets {
        DnsSet *sets; /* in the order in which they are first listed */
        size_t count;
} DnsSets;

/* NULL when that mode has no list. */
const DnsMode *dns_mode_find(const DnsActionConf *c, const char *mode);
/* All managed sets as that mode wants them. -ENOMEM. */
int dns_sets_new(const DnsActionConf *c, const DnsMode *mode, DnsSets *ret);
void dns_sets_clear(DnsSets *sets);
/* "www.shop.example A" */
#define DNS_SET_SIZE 280
const char *dns_set_format(char buffer[static DNS_SET_SIZE], const DnsSet *set);
/* "2 sets of records" */
#define DNS_COUNT_SIZE 40
const char *dns_count_format(char buffer[static DNS_COUNT_SIZE], size_t count);

extern const ConfType dns_conf_modes; /* DnsModes */
/* What dns_conf_modes cannot see: names outside the zone, doubles, an alias beside other data. apex_alias: an alias at the
 * zone's own name is possible, beside anything but addresses (Cloudflare flattens it). */
int dns_check_records(const DnsActionConf *c, const char *zone, const ConfNode *node, bool apex_alias,
                      Error *e);

/* Where record k of the mode stands in the file, for errors. */
const ConfNode *dns_record_node(const ConfNode *action, const DnsMode *mode, size_t k);

/* What a provider does for dns.c, as in ActionType. */
typedef struct DnsProvider {
        const char *const *keys; /* its own, required ones first; NULL-terminated */
        size_t n_required;
        int (*check)(const DnsActionConf *c, const ConfNode *node, Error *e);
        int (*verify)(const DnsActionConf *c, const char *config_dir, Error *e);
        int (*target)(const DnsActionConf *c, char **ret);
        size_t (*files)(const DnsActionConf *c, ReadingFile *ret);
        /* End in exactly one action_report(). */
        void (*apply)(Action *a, const DnsSets *sets);
        void (*query)(Action *a, const DnsSets *sets);
        void (*stop)(Action *a);
} DnsProvider;

extern const DnsProvider dns_provider_cloudflare, dns_provider_rfc2136;

/* Of one attempt; a provider keeps what it needs in `own` and frees it in stop(). */
typedef struct DnsState {
        DnsSets sets;
        char *zone; /* canonical */
        void *own;
} DnsState;

/* Asks one name server whether sets are so. done() is called once, never from within, and may free the look. */
typedef struct DnsLook DnsLook;
typedef enum DnsSeen {
        DNS_SEEN_SO,
        DNS_SEEN_OTHERWISE, /* message: what is otherwise */
        DNS_SEEN_NOTHING,   /* it cannot be told; message: why */
} DnsSeen;
typedef void (*DnsLookDone)(DnsLook *look, DnsSeen seen, const char *message, void *userdata);
/* server: "IP:port"; sets are borrowed until done(). timeout_usec: of each question; a set that shall not be there may take
 * several, one after the other. -ENOMEM, or as dns_query_start(). */
int dns_look_start(Resolver *resolver, const char *server, const char *zone, const DnsSets *sets,
                   uint64_t timeout_usec, DnsLookDone done, void *userdata, DnsLook **ret);
DnsLook *dns_look_free(DnsLook *look);
DEFINE_CLEANUP(DnsLook, dns_look_free)
