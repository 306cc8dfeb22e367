/* SPDX-License-Identifier: MIT */
/* Inside base/ only: what resolve.c and dns_query.c stand on, from the socket up. */
#pragma once

#include "base/resolve.h"

#define DNS_NAME_SIZE   1025 /* c-ares escapes odd bytes as \ddd */
#define DNS_SERVERS_MAX 6

/* c-ares channels, each to one server. A channel is young (new source ports, and no socket outlives a change of the
 * network), and shared by the questions of a moment: it is 75 KiB large. */
typedef struct DnsPool DnsPool;
int dns_pool_new(sd_event *event, DnsPool **ret);
DnsPool *dns_pool_free(DnsPool *pool); /* when nothing is asked any more */

/* One question to one server. Sent again when nothing comes, by TCP when the answer is cut. */
typedef struct DnsAsk DnsAsk;
/* error: 0 (packet is set, whatever its rcode), -ETIMEDOUT, or what the socket said. Never called from within
 * dns_ask_start(); may free the ask, with which the packet goes. */
typedef void (*DnsAskDone)(DnsAsk *ask, int error, const uint8_t *packet, size_t size, void *userdata);
int dns_ask_start(DnsPool *pool, const struct sockaddr_storage *server, const char *name, int type,
                  DnsAskDone done, void *userdata, DnsAsk **ret);
DnsAsk *dns_ask_free(DnsAsk *ask);

/* One question to several servers in turn, side by side once one is slow, until one answers conclusively. */
typedef struct DnsQuestion DnsQuestion;
typedef struct DnsAnswer {
        int error; /* as in DnsResult; 0 means NOERROR, which may still hold no record */
        const char *message;
        const uint8_t *packet; /* when error is 0 */
        size_t size;
} DnsAnswer;
typedef void (*DnsQuestionDone)(DnsQuestion *question, const DnsAnswer *answer, void *userdata);
int dns_question_start(DnsPool *pool, sd_event *event, const struct sockaddr_storage *servers,
                       size_t n_servers, const char *name, int type, uint64_t timeout_usec,
                       DnsQuestionDone done, void *userdata, DnsQuestion **ret);
DnsQuestion *dns_question_free(DnsQuestion *question);

/* A record of the answer section that belongs to the question, CNAMEs followed. */
typedef struct DnsRecord {
        const uint8_t *packet, *data; /* data lies in packet */
        size_t packet_size, size;
        uint32_t ttl; /* the smallest on the way to it */
} DnsRecord;
/* Calls fn for each. Returns how many, -EBADMSG, or what fn returned below 0. alias, when not NULL, gets the last name
 * of the chain of CNAMEs, "" when there is none. */
int dns_packet_records(const uint8_t *packet, size_t size, const char *name, int type,
                       int (*fn)(const DnsRecord *record, void *userdata), void *userdata, char *alias);
/* Lower case, without trailing dot ("." for the root). *at is moved behind the name. -EBADMSG. */
int dns_packet_name(const uint8_t *packet, size_t size, const uint8_t **at, char ret[static DNS_NAME_SIZE]);
bool dns_name_valid(const char *name);

/* The system's settings, read anew only when the files change. */
typedef struct ResolveConf {
        struct sockaddr_storage servers[DNS_SERVERS_MAX];
        size_t n_servers;
        char *search[8];
        size_t n_search;
        unsigned ndots;
} ResolveConf;
typedef struct ResolveSystem ResolveSystem;
int resolve_system_new(ResolveSystem **ret);
ResolveSystem *resolve_system_free(ResolveSystem *system);
const ResolveConf *resolve_system_conf(ResolveSystem *system);
/* Addresses of name in the hosts file, and of localhost. Returns how many. */
size_t resolve_system_hosts(ResolveSystem *system, const char *name, struct sockaddr_storage *ret,
                            size_t max);

/* The parts of a Resolver that a DnsQuery uses. */
sd_event *resolver_event(const Resolver *r);
DnsPool *resolver_pool(const Resolver *r);
const ResolveConf *resolver_conf(Resolver *r);
