/* SPDX-License-Identifier: MIT */
/* What strangers may take: buckets, addresses and who is believed, without a socket. */
#include "tests/test.h"

#include "base/http_limits.h"
#include "base/id.h"
#include "base/resolve.h"

MAIN()

#define SEC USEC_PER_SEC

static struct sockaddr_storage address(const char *text)
{
        struct sockaddr_storage a, result;

        CHECK_INT(address_parse(text, 0, &a, NULL), 0);
        http_address_of((struct sockaddr *) &a, &result);
        return result;
}

static HttpLimits *limits(HttpLimitsOptions options)
{
        HttpLimits *l;
        Error e;

        CHECK_INT(http_limits_new(&options, &l, &e), 0);
        return l;
}

TEST(a_bucket_gives_its_burst_at_once_and_then_its_rate)
{
        uint64_t bucket = 0, now = 1000 * SEC;
        unsigned taken = 0;

        for (int i = 0; i < 10; i++)
                CHECK_INT(http_bucket_take(&bucket, 5, 10, now), 0);
        CHECK_INT(http_bucket_take(&bucket, 5, 10, now), SEC / 5);
        for (uint64_t t = now; t < now + 100 * SEC; t += SEC / 100)
                taken += http_bucket_take(&bucket, 5, 10, t) == 0;
        CHECK(taken >= 499 && taken <= 500);
        CHECK_INT(http_bucket_take(&bucket, 5, 10, now + 1000 * SEC), 0);
}

TEST(the_wait_that_a_bucket_names_is_enough_and_not_too_long)
{
        uint64_t random = 7;

        for (int i = 0; i < 2000; i++) {
                unsigned rate = 1 + (unsigned) (random_next(&random) % 1000),
                         burst = (unsigned) (random_next(&random) % 50);
                uint64_t bucket = 0, now = 1 + random_next(&random) % (1000 * SEC), wait;
                while ((wait = http_bucket_take(&bucket, rate, burst, now)) == 0)
                        now += random_next(&random) % (SEC / rate / 2 + 1);
                uint64_t early = bucket, enough = bucket;
                CHECK(http_bucket_take(&early, rate, burst, now + wait - 1) == 1);
                CHECK_INT(http_bucket_take(&enough, rate, burst, now + wait), 0);
        }
}

TEST(no_rate_is_no_limit_and_no_burst_is_a_second_of_it)
{
        uint64_t bucket = 0;

        for (int i = 0; i < 1000; i++)
                CHECK_INT(http_bucket_take(&bucket, 0, 0, 5), 0);
        for (int i = 0; i < 3; i++)
                CHECK_INT(http_bucket_take(&bucket, 3, 0, SEC), 0);
        CHECK(http_bucket_take(&bucket, 3, 0, SEC) > 0);
        bucket = SEC * 1000; /* of a larger burst, before a reload */
        CHECK(http_bucket_take(&bucket, 3, 3, SEC) <= SEC);
}

TEST(addresses_have_buckets_of_their_own_and_ipv6_one_for_each_64)
{
        HttpLimits *l = limits((HttpLimitsOptions){.per_second = 1, .burst = 2});
        static const struct {
                const char *first, *second;
                bool same;
        } pairs[] = {
                        {"192.0.2.1", "192.0.2.2", false},
                        {"192.0.2.3", "::ffff:192.0.2.3", true},
                        {"192.0.2.4", "192.0.2.4:81", true},
                        {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
                        {"2001:db8:1:3::1", "2001:db8:1:4::1", false},
                        {"::c000:205", "192.0.2.5", false},
        };

        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                struct sockaddr_storage a = address(pairs[i].first), b = address(pairs[i].second);
                CHECK_INT(http_limits_request(l, &a, SEC), 0);
                CHECK_INT(http_limits_request(l, &a, SEC), 0);
                CHECK(http_limits_request(l, &a, SEC) > 0);
                CHECK_INT(http_limits_request(l, &b, SEC) > 0, pairs[i].same);
        }
        struct sockaddr_storage nobody = {0};
        for (int i = 0; i < 10; i++) /* a Unix socket */
                CHECK_INT(http_limits_request(l, &nobody, SEC), 0);
        http_limits_free(l);
}

TEST(a_flood_of_addresses_stays_within_its_room_and_forgets_nobody_who_keeps_asking)
{
        HttpLimits *l = limits((HttpLimitsOptions){.per_second = 1, .burst = 1, .per_address = 2});
        struct sockaddr_storage busy = address("192.0.2.1"), held = address("192.0.2.2");
        HttpGuest *guests[2], *other;

        CHECK(http_limits_connect(l, &held, &guests[0]) && http_limits_connect(l, &held, &guests[1]));
        CHECK_INT(http_limits_request(l, &busy, SEC), 0);
        for (unsigned i = 0; i < 200000; i++) {
                struct sockaddr_in6 a = {.sin6_family = AF_INET6};
                struct sockaddr_storage s = {0};
                memcpy(a.sin6_addr.s6_addr + 4, &i, sizeof(i));
                a.sin6_addr.s6_addr[0] = 0x20;
                memcpy(&s, &a, sizeof(a));
                CHECK_INT(http_limits_request(l, &s, SEC), 0);
                if (i % 100 == 0)
                        CHECK(http_limits_request(l, &busy, SEC + i) > 0);
        }
        CHECK(http_limits_addresses(l) <= HTTP_ADDRESSES_MAX + 1);
        CHECK(!http_limits_connect(l, &held, &other)); /* its two are still counted */
        http_limits_disconnect(l, guests[0]);
        CHECK(http_limits_connect(l, &held, &other));
        http_limits_disconnect(l, guests[1]);
        http_limits_disconnect(l, other);
        http_limits_free(l);
}

TEST(connections_are_counted_by_address_and_together)
{
        HttpLimits *l = limits((HttpLimitsOptions){.connections = 3, .per_address = 2});
        struct sockaddr_storage a = address("192.0.2.1"), b = address("2001:db8::1"),
                                c = address("192.0.2.3");
        HttpGuest *g[3], *none;
        HttpLimitsCounts counts;

        CHECK(http_limits_connect(l, &a, &g[0]) && http_limits_connect(l, &a, &g[1]));
        CHECK(!http_limits_connect(l, &a, &none));
        CHECK(http_limits_connect(l, &b, &g[2]));
        CHECK(!http_limits_connect(l, &c, &none));
        http_limits_counts(l, &counts);
        CHECK(counts.connections == 5 && counts.refused_connections == 2 && counts.open == 3);
        http_limits_disconnect(l, g[0]);
        CHECK(http_limits_connect(l, &c, &g[0]));
        for (size_t i = 0; i < ELEMENTSOF(g); i++)
                http_limits_disconnect(l, g[i]);
        http_limits_counts(l, &counts);
        CHECK_INT(counts.open, 0);
        http_limits_free(l);
}

TEST(streams_get_half_of_the_connections_unless_told_otherwise)
{
        HttpLimits *l = limits((HttpLimitsOptions){.connections = 4});

        CHECK(http_limits_stream(l) && http_limits_stream(l) && !http_limits_stream(l));
        CHECK_INT(http_limits_configure(l, &(HttpLimitsOptions){.connections = 4, .streams = 3}, NULL), 0);
        CHECK(http_limits_stream(l) && !http_limits_stream(l));
        CHECK_INT(http_limits_configure(l, &(HttpLimitsOptions){0}, NULL), 0);
        CHECK(http_limits_stream(l));
        for (int i = 0; i < 4; i++)
                http_limits_stream_end(l);
        http_limits_free(l);
}

static void check_client(HttpLimits *l, const char *from, const char *const lines[], size_t n,
                         const char *wanted)
{
        struct sockaddr_storage a = {0}, client;
        char text[ADDRESS_SIZE] = "";

        if (*from)
                a = address(from);
        http_limits_client(l, &a, lines, n, &client);
        if (client.ss_family != AF_UNSPEC)
                address_format(text, &client);
        CHECK_STR(text, wanted);
}

#define CLIENT(l, from, wanted, ...)                                       \
        do {                                                               \
                const char *const lines_[] = {__VA_ARGS__};                \
                check_client(l, from, lines_, ELEMENTSOF(lines_), wanted); \
        } while (0)

TEST(a_forwarded_address_is_believed_from_trusted_proxies_only_and_from_its_end)
{
        static const char *const proxies[] = {"10.0.0.0/8", "fd00::/8", NULL};
        HttpLimits *l = limits((HttpLimitsOptions){.trusted_proxies = proxies});

        CLIENT(l, "192.0.2.1", "192.0.2.1", "198.51.100.1"); /* whoever it is, it is no proxy */
        CLIENT(l, "10.1.1.1", "198.51.100.1", "198.51.100.1");
        CLIENT(l, "::ffff:10.1.1.1", "198.51.100.1", "198.51.100.1");
        CLIENT(l, "fd00::1", "2001:db8::7", "2001:db8::7");
        /* what the client itself has written stands before what the proxy adds */
        CLIENT(l, "10.1.1.1", "198.51.100.1", "127.0.0.1, 10.9.9.9, 203.0.113.1, 198.51.100.1");
        CLIENT(l, "10.1.1.1", "198.51.100.1", "203.0.113.1,198.51.100.1,10.2.2.2 ,\t10.3.3.3");
        CLIENT(l, "10.1.1.1", "198.51.100.1", "203.0.113.9", "198.51.100.1, 10.2.2.2", "10.3.3.3");
        CLIENT(l, "10.1.1.1", "10.7.7.7", "10.7.7.7, 10.2.2.2"); /* all of them proxies: the first */
        CLIENT(l, "10.1.1.1", "198.51.100.1:4711", "198.51.100.1:4711");
        CLIENT(l, "10.1.1.1", "[2001:db8::1]:4711", "[2001:db8::1]:4711");
        /* what cannot be read ends it: whoever said it asks */
        CLIENT(l, "10.1.1.1", "10.1.1.1", "unknown");
        CLIENT(l, "10.1.1.1", "10.2.2.2", "198.51.100.1, _hidden, 10.2.2.2");
        CLIENT(l, "10.1.1.1", "10.1.1.1", "198.51.100.1,");
        CLIENT(l, "10.1.1.1", "10.1.1.1", "");
        CLIENT(l, "10.1.1.1", "10.1.1.1", "198.51.100.1, 198.51.100.1 198.51.100.2");
        CLIENT(l, "", "", "198.51.100.1"); /* a Unix socket */
        char endless[2000] = "198.51.100.1";
        for (int i = 0; i < 150; i++)
                strcat(endless, ",10.0.0.1");
        CLIENT(l, "10.1.1.1", "10.0.0.1", endless);
        http_limits_free(l);

        static const char *const local[] = {"unix", NULL};
        l = limits((HttpLimitsOptions){.trusted_proxies = local});
        CLIENT(l, "", "198.51.100.1", "198.51.100.1");
        CLIENT(l, "10.1.1.1", "10.1.1.1", "198.51.100.1");
        http_limits_free(l);
}

TEST(a_trusted_proxy_holds_as_many_connections_as_it_needs)
{
        static const char *const proxies[] = {"10.0.0.1", NULL};
        HttpLimits *l = limits((HttpLimitsOptions){.per_address = 1, .trusted_proxies = proxies});
        struct sockaddr_storage proxy = address("10.0.0.1");
        HttpGuest *g[10];

        for (size_t i = 0; i < ELEMENTSOF(g); i++)
                CHECK(http_limits_connect(l, &proxy, &g[i]));
        CHECK_INT(http_limits_configure(l, &(HttpLimitsOptions){.per_address = 1}, NULL), 0);
        for (size_t i = 0; i < ELEMENTSOF(g); i++) /* counted as they came */
                http_limits_disconnect(l, g[i]);
        http_limits_free(l);
}

TEST(a_network_that_is_none_is_refused_and_changes_nothing)
{
        static const char *const good[] = {"10.0.0.0/8", NULL}, *const bad[] = {"10.0.0.0/8", "localhost",
                                                                                NULL};
        HttpLimits *l = limits((HttpLimitsOptions){.connections = 1, .trusted_proxies = good});
        struct sockaddr_storage proxy = address("10.0.0.1");
        Error e;

        CHECK_INT(http_limits_configure(l, &(HttpLimitsOptions){.trusted_proxies = bad}, &e), -EINVAL);
        CHECK_STR(e.text,
                  "trusted_proxies: `localhost` is no network, such as 10.0.0.0/8 or fd00::/8, nor `unix`");
        CHECK(http_limits_trusts(l, &proxy));
        http_limits_free(l);
}
