/* SPDX-License-Identifier: MIT */
/* IP addresses: as text, as networks, and which of them a stranger must never make us connect to. */
#include "base/resolve.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <strings.h>

static int port_parse(const char *text, uint16_t *ret)
{
        unsigned port = 0;

        if (!*text)
                return -EINVAL;
        for (; *text; text++) {
                if (*text < '0' || *text > '9')
                        return -EINVAL;
                port = port * 10 + (unsigned) (*text - '0');
                if (port > UINT16_MAX)
                        return -EINVAL;
        }
        if (port == 0)
                return -EINVAL;
        *ret = (uint16_t) port;
        return 0;
}

/* A zone is taken as a number or as the name of an interface: "fe80::1%eth0". */
static int ipv6_parse(char *text, uint16_t port, struct sockaddr_in6 *ret)
{
        struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
        char *zone = strchr(text, '%');

        if (zone) {
                *zone++ = '\0';
                a.sin6_scope_id = if_nametoindex(zone);
                if (a.sin6_scope_id == 0) {
                        char *end;
                        unsigned long n = strtoul(zone, &end, 10);

                        if (*zone < '0' || *zone > '9' || *end || n == 0 || n > UINT32_MAX)
                                return -EINVAL;
                        a.sin6_scope_id = (uint32_t) n;
                }
        }
        if (inet_pton(AF_INET6, text, &a.sin6_addr) != 1)
                return -EINVAL;
        *ret = a;
        return 0;
}

static int ipv4_parse(const char *text, uint16_t port, struct sockaddr_in *ret)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};

        if (inet_pton(AF_INET, text, &a.sin_addr) != 1) /* four decimal numbers, nothing else */
                return -EINVAL;
        *ret = a;
        return 0;
}

int address_parse(const char *text, uint16_t default_port, struct sockaddr_storage *ret, socklen_t *ret_size)
{
        union {
                struct sockaddr_storage any;
                struct sockaddr_in v4;
                struct sockaddr_in6 v6;
        } a = {};
        char copy[INET6_ADDRSTRLEN + IF_NAMESIZE + sizeof("[]:65535")];
        char *host = copy, *port_text = NULL, *colon = NULL;
        uint16_t port = default_port;
        bool v6;
        int r;

        assert(text);
        assert(ret);

        if (strlen(text) >= sizeof(copy))
                return -EINVAL;
        strcpy(copy, text);
        if (copy[0] == '[') {
                char *end = strchr(copy, ']');

                if (!end || (end[1] && end[1] != ':'))
                        return -EINVAL;
                host = copy + 1;
                port_text = end[1] ? end + 2 : NULL;
                *end = '\0';
                v6 = true;
        } else {
                colon = strchr(copy, ':');
                v6 = colon && strchr(colon + 1, ':');
                if (colon && !v6) {
                        port_text = colon + 1;
                        *colon = '\0';
                }
        }
        if (port_text) {
                r = port_parse(port_text, &port);
                if (r < 0)
                        return r;
        }
        r = v6 ? ipv6_parse(host, port, &a.v6) : ipv4_parse(host, port, &a.v4);
        if (r < 0)
                return r;
        *ret = a.any;
        if (ret_size)
                *ret_size = v6 ? sizeof(a.v6) : sizeof(a.v4);
        return 0;
}

char *address_format(char buffer[static ADDRESS_SIZE], const struct sockaddr_storage *a)
{
        const struct sockaddr_in *v4 = (const struct sockaddr_in *) a;
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *) a;
        char text[INET6_ADDRSTRLEN], zone[16] = "";

        assert(a);

        if (a->ss_family == AF_INET) {
                (void) inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
                if (v4->sin_port == 0)
                        snprintf(buffer, ADDRESS_SIZE, "%s", text);
                else
                        snprintf(buffer, ADDRESS_SIZE, "%s:%u", text, ntohs(v4->sin_port));
        } else if (a->ss_family == AF_INET6) {
                (void) inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
                if (v6->sin6_scope_id > 0)
                        snprintf(zone, sizeof(zone), "%%%u", v6->sin6_scope_id);
                if (v6->sin6_port == 0)
                        snprintf(buffer, ADDRESS_SIZE, "%s%s", text, zone);
                else
                        snprintf(buffer, ADDRESS_SIZE, "[%s%s]:%u", text, zone, ntohs(v6->sin6_port));
        } else
                snprintf(buffer, ADDRESS_SIZE, "%s", a->ss_family == AF_UNIX ? "a Unix socket" : "?");
        return buffer;
}

int network_parse(const char *text, Network *ret)
{
        char copy[INET6_ADDRSTRLEN + sizeof("/128")], *slash, *end;
        Network n = {};
        unsigned long bits;

        assert(text);
        assert(ret);

        if (strlen(text) >= sizeof(copy))
                return -EINVAL;
        strcpy(copy, text);
        slash = strchr(copy, '/');
        if (slash)
                *slash++ = '\0';
        n.family = strchr(copy, ':') ? AF_INET6 : AF_INET;
        if (inet_pton(n.family, copy, n.bytes) != 1)
                return -EINVAL;
        bits = n.family == AF_INET6 ? 128 : 32;
        if (slash) {
                unsigned long most = bits;

                bits = strtoul(slash, &end, 10);
                if (*slash < '0' || *slash > '9' || *end || bits > most)
                        return -EINVAL;
        }
        n.bits = (uint8_t) bits;
        *ret = n;
        return 0;
}

static bool prefix_matches(const uint8_t *a, const uint8_t *b, unsigned bits)
{
        unsigned rest = bits % 8;

        return memcmp(a, b, bits / 8) == 0 &&
               (rest == 0 || ((a[bits / 8] ^ b[bits / 8]) & (0xff << (8 - rest)) & 0xff) == 0);
}

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

bool network_contains(const Network *n, const struct sockaddr *a)
{
        const uint8_t *bytes;
        int family;

        assert(n);
        assert(a);

        family = a->sa_family;
        if (family == AF_INET)
                bytes = (const uint8_t *) &((const struct sockaddr_in *) a)->sin_addr;
        else if (family == AF_INET6)
                bytes = (const uint8_t *) &((const struct sockaddr_in6 *) a)->sin6_addr;
        else
                return false;
        if (family == AF_INET6 && n->family == AF_INET && memcmp(bytes, v4_mapped, sizeof(v4_mapped)) == 0) {
                family = AF_INET;
                bytes += sizeof(v4_mapped);
        }
        return family == n->family && prefix_matches(bytes, n->bytes, n->bits);
}

/* https://www.iana.org/assignments/iana-ipv4-special-registry, all that is not globally reachable, and multicast. */
static bool ipv4_is_private(const uint8_t b[static 4])
{
        static const struct {
                uint8_t bytes[4], bits;
        } special[] = {
                        {{0}, 8},             /* this network */
                        {{10}, 8},            /* private */
                        {{100, 64}, 10},      /* carrier-grade NAT */
                        {{127}, 8},           /* loopback */
                        {{169, 254}, 16},     /* link-local, cloud metadata */
                        {{172, 16}, 12},      /* private */
                        {{192, 0, 0}, 24},    /* protocol assignments */
                        {{192, 0, 2}, 24},    /* documentation */
                        {{192, 88, 99}, 24},  /* 6to4 relays, withdrawn */
                        {{192, 168}, 16},     /* private */
                        {{198, 18}, 15},      /* benchmarks */
                        {{198, 51, 100}, 24}, /* documentation */
                        {{203, 0, 113}, 24},  /* documentation */
                        {{224}, 4},           /* multicast */
                        {{240}, 4},           /* reserved, broadcast */
        };

        for (size_t i = 0; i < ELEMENTSOF(special); i++)
                if (prefix_matches(b, special[i].bytes, special[i].bits))
                        return true;
        return false;
}

/* https://www.iana.org/assignments/iana-ipv6-special-registry. Only 2000::/3 is global unicast at all. */
static bool ipv6_is_private(const uint8_t b[static 16])
{
        static const uint8_t translated[12] = {0x00, 0x64, 0xff, 0x9b}; /* 64:ff9b::/96, RFC 6052 */
        static const struct {
                uint8_t bytes[4], bits;
        } special[] = {
                        {{0x20, 0x01, 0x00, 0x00},
                         23}, /* protocol assignments: Teredo, benchmarks, ORCHID, … */
                        {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
                        {{0x3f, 0xff}, 20},             /* documentation */
        };

        if (memcmp(b, v4_mapped, sizeof(v4_mapped)) == 0 || memcmp(b, translated, sizeof(translated)) == 0)
                return ipv4_is_private(b + 12);
        if ((b[0] & 0xe0) != 0x20)
                return true;
        if (b[0] == 0x20 && b[1] == 0x02) /* 6to4 carries an IPv4 address */
                return ipv4_is_private(b + 2);
        for (size_t i = 0; i < ELEMENTSOF(special); i++)
                if (prefix_matches(b, special[i].bytes, special[i].bits))
                        return true;
        return false;
}

bool address_is_private(const struct sockaddr *a)
{
        assert(a);

        switch (a->sa_family) {
        case AF_INET:
                return ipv4_is_private((const uint8_t *) &((const struct sockaddr_in *) a)->sin_addr);
        case AF_INET6:
                return ipv6_is_private((const uint8_t *) &((const struct sockaddr_in6 *) a)->sin6_addr);
        default:
                return true;
        }
}

bool address_is_loopback(const struct sockaddr_storage *a)
{
        assert(a);

        if (a->ss_family == AF_INET)
                return ntohl(((const struct sockaddr_in *) a)->sin_addr.s_addr) >> 24 == 127;
        return a->ss_family == AF_INET6 &&
               IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *) a)->sin6_addr);
}

bool host_is_loopback(const char *text)
{
        static const char name[] = "localhost";
        struct sockaddr_storage a;

        assert(text);

        if (address_parse(text, 0, &a, NULL) == 0)
                return address_is_loopback(&a);
        return strncasecmp(text, name, strlen(name)) == 0 &&
               (text[strlen(name)] == '\0' || text[strlen(name)] == ':');
}
