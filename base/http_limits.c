/* SPDX-License-Identifier: MIT */
/* What strangers may take of an HTTP server: connections and requests per address, in a table that is bounded however many
 * addresses there are. */
#include "base/http_limits.h"

#include "base/ration.h"
#include "base/resolve.h"

#include <sodium.h>
#include <sys/queue.h>

#define CHAINS        4096
#define FORWARDED_MAX 32 /* addresses of X-Forwarded-For that are looked at */

struct HttpGuest {
        LIST_ENTRY(HttpGuest) chain;
        TAILQ_ENTRY(HttpGuest) entry; /* of quiet, while it has no connection */
        uint8_t key[16];              /* of IPv6 the first eight bytes; IPv4 is mapped */
        unsigned open;
        uint64_t bucket;
};

typedef LIST_HEAD(Chain, HttpGuest) Chain;

struct HttpLimits {
        unsigned connections, per_address, per_second, burst, streams;
        Network *proxies;
        size_t n_proxies;
        bool trusts_unix;
        HttpLimitsCounts counts;
        Chain *chains;
        uint8_t secret[crypto_shorthash_KEYBYTES];
        TAILQ_HEAD(, HttpGuest) quiet; /* the one that came last is the last */
        unsigned n_guests, n_quiet;
};

uint64_t http_bucket_take(uint64_t *bucket, unsigned per_second, unsigned burst, uint64_t now_usec)
{
        if (per_second == 0)
                return 0;
        return ration_take(bucket, burst ?: per_second, MAX(USEC_PER_SEC / per_second, UINT64_C(1)),
                           now_usec);
}

/* Addresses */

void http_address_of(const struct sockaddr *a, struct sockaddr_storage *ret)
{
        union {
                struct sockaddr_storage any;
                struct sockaddr_in v4;
                struct sockaddr_in6 v6;
        } u = {};

        if (a->sa_family == AF_INET)
                memcpy(&u.v4, a, sizeof(u.v4));
        else if (a->sa_family == AF_INET6) {
                memcpy(&u.v6, a, sizeof(u.v6));
                if (IN6_IS_ADDR_V4MAPPED(&u.v6.sin6_addr)) {
                        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = u.v6.sin6_port};
                        memcpy(&v4.sin_addr, u.v6.sin6_addr.s6_addr + 12, 4);
                        memset(&u, 0, sizeof(u));
                        u.v4 = v4;
                }
        }
        *ret = u.any;
}

static bool address_key(const struct sockaddr_storage *a, uint8_t ret[static 16])
{
        memset(ret, 0, 16);
        if (a->ss_family == AF_INET) {
                ret[10] = ret[11] = 0xff;
                memcpy(ret + 12, &((const struct sockaddr_in *) a)->sin_addr, 4);
                return true;
        }
        if (a->ss_family == AF_INET6)
                memcpy(ret, &((const struct sockaddr_in6 *) a)->sin6_addr, 8);
        return a->ss_family == AF_INET6;
}

bool http_limits_trusts(const HttpLimits *l, const struct sockaddr_storage *from)
{
        if (from->ss_family != AF_INET && from->ss_family != AF_INET6)
                return l->trusts_unix;
        for (size_t i = 0; i < l->n_proxies; i++)
                if (network_contains(&l->proxies[i], (const struct sockaddr *) from))
                        return true;
        return false;
}

/* The address that ends before *end (white space and a port may be around), which is moved before it. False: none. */
static bool forwarded_last(const char *text, size_t *end, struct sockaddr_storage *ret)
{
        char word[ADDRESS_SIZE];
        struct sockaddr_storage a;
        size_t last = *end;

        while (last > 0 && strchr(" \t", text[last - 1]))
                last--;
        size_t first = last;
        while (first > 0 && text[first - 1] != ',')
                first--;
        *end = first > 0 ? first - 1 : 0;
        while (first < last && strchr(" \t", text[first]))
                first++;
        if (first == last || last - first >= sizeof(word))
                return false;
        memcpy(word, text + first, last - first);
        word[last - first] = '\0';
        if (address_parse(word, 0, &a, NULL) < 0)
                return false;
        http_address_of((const struct sockaddr *) &a, ret);
        return true;
}

void http_limits_client(const HttpLimits *l, const struct sockaddr_storage *from,
                        const char *const *forwarded, size_t n, struct sockaddr_storage *ret)
{
        *ret = *from;
        for (unsigned looked = 0; n > 0; n--)
                for (size_t end = strlen(forwarded[n - 1]); end > 0;)
                        if (++looked > FORWARDED_MAX || !http_limits_trusts(l, ret) ||
                            !forwarded_last(forwarded[n - 1], &end, ret))
                                return;
}

/* The table */

static Chain *chain_of(HttpLimits *l, const uint8_t key[static 16])
{
        uint64_t hash;

        crypto_shorthash((uint8_t *) &hash, key, 16, l->secret); /* nobody can choose addresses that meet */
        return &l->chains[hash % CHAINS];
}

static void guest_forget(HttpLimits *l, HttpGuest *g)
{
        assert(g->open == 0);
        TAILQ_REMOVE(&l->quiet, g, entry);
        LIST_REMOVE(g, chain);
        l->n_quiet--;
        l->n_guests--;
        free(g);
}

/* Found, or made; NULL when it has no address, or there is no memory. It is the last of those who are quiet. */
static HttpGuest *guest_get(HttpLimits *l, const struct sockaddr_storage *a)
{
        uint8_t key[16];
        HttpGuest *g;

        if (!address_key(a, key))
                return NULL;
        Chain *chain = chain_of(l, key);
        LIST_FOREACH(g, chain, chain)
        {
                if (memcmp(g->key, key, sizeof(key)) != 0)
                        continue;
                if (g->open == 0) {
                        TAILQ_REMOVE(&l->quiet, g, entry);
                        TAILQ_INSERT_TAIL(&l->quiet, g, entry);
                }
                return g;
        }
        g = calloc(1, sizeof(*g));
        if (!g)
                return NULL;
        if (l->n_quiet >= HTTP_ADDRESSES_MAX)
                guest_forget(l, TAILQ_FIRST(&l->quiet));
        memcpy(g->key, key, sizeof(key));
        LIST_INSERT_HEAD(chain, g, chain);
        TAILQ_INSERT_TAIL(&l->quiet, g, entry);
        l->n_quiet++;
        l->n_guests++;
        return g;
}

unsigned http_limits_addresses(const HttpLimits *l)
{
        return l->n_guests;
}

/* What the server asks */

static HttpGuest *guest_hold(HttpLimits *l, HttpGuest *g)
{
        if (g && g->open++ == 0) {
                TAILQ_REMOVE(&l->quiet, g, entry);
                l->n_quiet--;
        }
        return g;
}

bool http_limits_connect(HttpLimits *l, const struct sockaddr_storage *from, HttpGuest **ret_guest)
{
        HttpGuest *g = http_limits_trusts(l, from) ? NULL : guest_get(l, from);

        l->counts.connections++;
        if ((l->connections > 0 && l->counts.open >= l->connections) ||
            (g && l->per_address > 0 && g->open >= l->per_address)) {
                l->counts.refused_connections++;
                return false;
        }
        l->counts.open++;
        *ret_guest = guest_hold(l, g);
        return true;
}

void http_limits_disconnect(HttpLimits *l, HttpGuest *guest)
{
        assert(l->counts.open > 0);
        l->counts.open--;
        if (!guest)
                return;
        assert(guest->open > 0);
        if (--guest->open > 0)
                return;
        TAILQ_INSERT_TAIL(&l->quiet, guest, entry);
        if (++l->n_quiet > HTTP_ADDRESSES_MAX)
                guest_forget(l, TAILQ_FIRST(&l->quiet));
}

uint64_t http_limits_request(HttpLimits *l, const struct sockaddr_storage *client, uint64_t now_usec)
{
        HttpGuest *g = l->per_second > 0 ? guest_get(l, client) : NULL;
        uint64_t wait = g ? http_bucket_take(&g->bucket, l->per_second, l->burst, now_usec) : 0;

        l->counts.requests++;
        l->counts.refused_requests += wait > 0;
        return wait;
}

bool http_limits_stream(HttpLimits *l)
{
        unsigned most = l->streams > 0 ? l->streams : l->connections / 2;

        if (most > 0 && l->counts.streams >= most)
                return false;
        l->counts.streams++;
        return true;
}

void http_limits_stream_end(HttpLimits *l)
{
        assert(l->counts.streams > 0);
        l->counts.streams--;
}

void http_limits_answer(HttpLimits *l, size_t size)
{
        l->counts.answer_bytes += size;
}

void http_limits_answer_end(HttpLimits *l, size_t size)
{
        assert(l->counts.answer_bytes >= size);
        l->counts.answer_bytes -= size;
}

void http_limits_counts(const HttpLimits *l, HttpLimitsCounts *ret)
{
        *ret = l->counts;
}

/* Set up */

int http_limits_configure(HttpLimits *l, const HttpLimitsOptions *options, Error *e)
{
        _cleanup_free_ Network *proxies = NULL;
        size_t n = 0;
        bool trusts_unix = false;

        assert(l && options);

        while (options->trusted_proxies && options->trusted_proxies[n])
                n++;
        proxies = calloc(n + 1, sizeof(*proxies));
        if (!proxies)
                return error_set(e, -ENOMEM, "out of memory");
        n = 0;
        for (const char *const *p = options->trusted_proxies; p && *p; p++)
                if (streq(*p, "unix"))
                        trusts_unix = true;
                else if (network_parse(*p, &proxies[n++]) < 0)
                        return error_set(e, -EINVAL,
                                         "trusted_proxies: `%s` is no network, such as 10.0.0.0/8 or "
                                         "fd00::/8, "
                                         "nor `unix`",
                                         *p);
        free(l->proxies);
        l->proxies = TAKE_PTR(proxies);
        l->n_proxies = n;
        l->trusts_unix = trusts_unix;
        l->connections = options->connections;
        l->per_address = options->per_address;
        l->per_second = options->per_second;
        l->burst = options->burst;
        l->streams = options->streams;
        return 0;
}

int http_limits_new(const HttpLimitsOptions *options, HttpLimits **ret, Error *e)
{
        assert(options);
        assert(ret);

        HttpLimits *l = sodium_init() >= 0 ? calloc(1, sizeof(*l)) : NULL;
        if (!l)
                return error_set(e, -ENOMEM, "out of memory");
        TAILQ_INIT(&l->quiet);
        randombytes_buf(l->secret, sizeof(l->secret));
        l->chains = calloc(CHAINS, sizeof(*l->chains));
        int r = l->chains ? http_limits_configure(l, options, e) : error_set(e, -ENOMEM, "out of memory");
        if (r < 0) {
                http_limits_free(l);
                return r;
        }
        *ret = l;
        return 0;
}

HttpLimits *http_limits_free(HttpLimits *l)
{
        if (!l)
                return NULL;
        assert(l->n_guests == l->n_quiet);
        while (!TAILQ_EMPTY(&l->quiet))
                guest_forget(l, TAILQ_FIRST(&l->quiet));
        free(l->chains);
        free(l->proxies);
        free(l);
        return NULL;
}
