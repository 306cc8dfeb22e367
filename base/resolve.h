/* SPDX-License-Identifier: MIT */
/* DNS by c-ares: addresses of a name, with the reasons told apart, and raw queries to chosen servers. */
#pragma once

#include "base/error.h"
#include "base/loop.h"

#include <netinet/in.h>
#include <sys/socket.h>

typedef struct Resolver
                Resolver;       /* remembers the last good addresses of names, for when no resolver answers */
typedef struct Resolve Resolve; /* one lookup in flight */

#define RESOLVE_ADDRESSES_MAX 16

typedef struct ResolveResult {
        /* 0; -ENOENT: NXDOMAIN or no such record; -EAGAIN: SERVFAIL or REFUSED; -ETIMEDOUT: silence;
         * -EINVAL: not a name; -EMFILE, -ENOMEM, -ENETUNREACH: our own trouble */
        int error;
        const char *message; /* for people: "NXDOMAIN", "no answer from 192.0.2.1" */
        bool remembered;     /* the resolver did not answer; these are the last good addresses */
        size_t count;
        struct sockaddr_storage addresses[RESOLVE_ADDRESSES_MAX]; /* port 0; IPv6 and IPv4 as answered */
} ResolveResult;

typedef void (*ResolveDone)(Resolve *resolve, const ResolveResult *result, void *userdata);

int resolver_new(sd_event *event, Resolver **ret);
Resolver *resolver_free(Resolver *r); /* only when nothing is in flight */

enum {
        RESOLVE_REMEMBER = 1 << 0, /* last good addresses are acceptable (actions; never probes) */
};

/* Addresses of name (A and AAAA, /etc/hosts, literals at once), through the system's resolver, a new channel
 * whenever resolv.conf has changed. */
int resolve_start(Resolver *r, const char *name, unsigned flags, uint64_t timeout_usec, ResolveDone done,
                  void *userdata, Resolve **ret);
Resolve *resolve_free(Resolve *resolve);
DEFINE_CLEANUP(Resolve, resolve_free)

/* One question to one server or to the system's. */
typedef struct DnsQuery DnsQuery;
#define DNS_VALUES_MAX 64
typedef struct DnsResult {
        int error;           /* as ResolveResult; -EBADMSG: an answer that cannot be parsed */
        const char *message; /* "NXDOMAIN", "no A record", "SERVFAIL from 127.0.0.1:53", "REFUSED …" */
        size_t count;        /* answers of the asked type, CNAMEs followed */
        const char *values
                        [DNS_VALUES_MAX]; /* presentation form: "192.0.2.1", "10 mail.example.org", text of TXT;
                                             * names in lower case without trailing dot */
        uint32_t ttl;                     /* smallest, seconds */
        const char *alias; /* last name of the chain of CNAMEs that was followed; "" when none was */
} DnsResult;
typedef void (*DnsDone)(DnsQuery *query, const DnsResult *result, void *userdata);

/* type: A, AAAA, CNAME, MX, NS, TXT, SOA, SRV, PTR, CAA, as text; -EINVAL when unknown. server: "IP:port" or
 * NULL for the system's (all of them, in turn). A truncated answer is asked again over TCP. */
int dns_query_start(Resolver *r, const char *name, const char *type, const char *server,
                    uint64_t timeout_usec, DnsDone done, void *userdata, DnsQuery **ret);
DnsQuery *dns_query_free(DnsQuery *query);
DEFINE_CLEANUP(DnsQuery, dns_query_free)
bool dns_type_known(const char *type);

/* "IP:port", "[IP6]:port" or "IP" with default_port. -EINVAL. */
int address_parse(const char *text, uint16_t default_port, struct sockaddr_storage *ret, socklen_t *ret_size);
/* Without port when it is 0. Returns buffer. */
#define ADDRESS_SIZE 72
char *address_format(char buffer[static ADDRESS_SIZE], const struct sockaddr_storage *a);
/* Loopback, private, link-local, CGNAT, multicast, documentation, reserved, mapped and translated forms of them
 * (IANA special-purpose registries): not a public unicast address. */
bool address_is_private(const struct sockaddr *a);
bool address_is_loopback(const struct sockaddr_storage *a);
/* HOST or HOST:PORT as it is written: a loopback address, or localhost. Nothing is looked up. */
bool host_is_loopback(const char *text);

/* "10.0.0.0/8", "fd00::/8", or one address. An IPv4 network also contains its IPv4-mapped IPv6 addresses. */
typedef struct Network {
        int family;
        uint8_t bits;
        uint8_t bytes[16];
} Network;
int network_parse(const char *text, Network *ret); /* -EINVAL */
bool network_contains(const Network *n, const struct sockaddr *a);
