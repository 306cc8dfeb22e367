/* SPDX-License-Identifier: MIT */
/* What a zone at Cloudflare has, and the fewest changes that make it what a mode wants. No I/O. */
#pragma once

#include "actions/dns.h"

/* A record as the API tells of it; only of managed names. */
typedef struct CloudflareRecord {
        char *id, *name;
        const char *type; /* constant */
        char *value;      /* canonical; NULL when it cannot be read: it is no value that is wanted */
        uint32_t ttl;     /* 1: automatic */
        bool proxied;
} CloudflareRecord;

typedef struct CloudflareRecords {
        CloudflareRecord *records;
        size_t count, capacity;
} CloudflareRecords;

/* Adds what is of interest in one page's `result`. -ENOMEM; -EBADMSG: it is no list of records. */
int cloudflare_records_add(CloudflareRecords *list, const json_t *result, const DnsSets *sets);
void cloudflare_records_clear(CloudflareRecords *list);

/* The body of one batch, which Cloudflare carries out whole or not at all, in this order
 * (https://developers.cloudflare.com/dns/manage-dns-records/how-to/batch-record-changes/). */
typedef struct CloudflarePlan {
        json_t *body; /* {"deletes", "patches", "posts"}; NULL when nothing is to be done */
        size_t deletes, patches, posts;
        const DnsSet *first; /* that is not so */
} CloudflarePlan;

int cloudflare_plan_make(const DnsSets *sets, const CloudflareRecords *list, DnsProxied proxied,
                         CloudflarePlan *ret);
void cloudflare_plan_clear(CloudflarePlan *plan);
