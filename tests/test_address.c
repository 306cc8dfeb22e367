/* SPDX-License-Identifier: MIT */
#include "base/resolve.h"

#include "tests/test.h"

#include <arpa/inet.h>
#include <net/if.h>

static const char *formatted(const char *text, uint16_t default_port)
{
        static char buffer[ADDRESS_SIZE];
        struct sockaddr_storage a;
        socklen_t size = 0;

        if (address_parse(text, default_port, &a, &size) < 0)
                return "invalid";
        CHECK_INT(size, a.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
        return address_format(buffer, &a);
}

static bool private(const char *text)
{
        struct sockaddr_storage a;

        CHECK_INT(address_parse(text, 0, &a, NULL), 0);
        return address_is_private((struct sockaddr *) &a);
}

TEST(an_address_is_read_with_and_without_port)
{
        CHECK_STR(formatted("192.0.2.1:443", 53), "192.0.2.1:443");
        CHECK_STR(formatted("192.0.2.1", 53), "192.0.2.1:53");
        CHECK_STR(formatted("192.0.2.1", 0), "192.0.2.1");
        CHECK_STR(formatted("[2001:db8::1]:443", 53), "[2001:db8::1]:443");
        CHECK_STR(formatted("[2001:db8::1]", 53), "[2001:db8::1]:53");
        CHECK_STR(formatted("2001:db8::1", 53), "[2001:db8::1]:53");
        CHECK_STR(formatted("2001:DB8:0:0:0:0:0:1", 0), "2001:db8::1");
        CHECK_STR(formatted("::", 0), "::");
}

TEST(what_is_not_an_address_is_refused)
{
        static const char *const bad[] = {
                        "",
                        " ",
                        "localhost",
                        "127.1",
                        "0x7f.0.0.1",
                        "0177.0.0.1",
                        "2130706433",
                        "1.2.3.4:",
                        "1.2.3.4:0",
                        "1.2.3.4:x",
                        "1.2.3.4:65536",
                        "1.2.3.4: 53",
                        "1.2.3.4:+5",
                        "1.2.3.4.5",
                        "1.2.3",
                        "1.2.3.256",
                        "[::1",
                        "[::1]53",
                        "[1.2.3.4]",
                        "::1:53:",
                        ":53",
                        "[::1]:",
                        "1.2.3.4:000065536",
                        ":::",
                        "[]",
                        "[::1]:1:2",
                        "1.2.3.4 ",
                        "::1%",
                        "::1%nosuchif",
                        "::1%0",
        };
        struct sockaddr_storage a = {.ss_family = 77};

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                if (address_parse(bad[i], 53, &a, NULL) != -EINVAL) {
                        fprintf(stderr, "taken: \"%s\"\n", bad[i]);
                        exit(1);
                }
        }
        CHECK_INT(a.ss_family, 77); /* untouched on failure */
}

TEST(a_zone_is_kept)
{
        struct sockaddr_storage a;
        char buffer[ADDRESS_SIZE], wanted[ADDRESS_SIZE];

        CHECK_INT(address_parse("fe80::1%lo", 53, &a, NULL), 0);
        snprintf(wanted, sizeof(wanted), "[fe80::1%%%u]:53", if_nametoindex("lo"));
        CHECK_STR(address_format(buffer, &a), wanted);
        CHECK_INT(address_parse("[fe80::1%7]:53", 0, &a, NULL), 0);
        CHECK_STR(address_format(buffer, &a), "[fe80::1%7]:53");
}

TEST(the_longest_address_fits)
{
        CHECK_STR(formatted("[1111:2222:3333:4444:5555:6666:7777:8888%4294967295]:65535", 0),
                  "[1111:2222:3333:4444:5555:6666:7777:8888%4294967295]:65535");
        CHECK_STR(formatted("[::ffff:255.255.255.255]:65535", 0), "[::ffff:255.255.255.255]:65535");
}

TEST(special_addresses_are_private)
{
        static const char *const list[] = {
                        "0.0.0.0",
                        "0.1.2.3",
                        "10.0.0.1",
                        "10.255.255.255",
                        "100.64.0.1",
                        "100.127.255.255",
                        "127.0.0.1",
                        "127.255.255.254",
                        "169.254.169.254",
                        "172.16.0.1",
                        "172.31.255.255",
                        "192.0.0.1",
                        "192.0.2.1",
                        "192.88.99.1",
                        "192.168.0.1",
                        "198.18.0.1",
                        "198.19.255.255",
                        "198.51.100.1",
                        "203.0.113.9",
                        "224.0.0.1",
                        "239.255.255.255",
                        "240.0.0.1",
                        "255.255.255.255",
                        "::",
                        "::1",
                        "::127.0.0.1",
                        "::8.8.8.8",
                        "::ffff:127.0.0.1",
                        "::ffff:10.0.0.1",
                        "::ffff:7f00:1",
                        "64:ff9b::7f00:1",
                        "64:ff9b::10.0.0.1",
                        "64:ff9b:1::1",
                        "100::1",
                        "2001::1",
                        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
                        "2001:2::1",
                        "2001:10::1",
                        "2001:20::1",
                        "2001:1ff:ffff::1",
                        "2001:db8::1",
                        "2002:7f00:1::",
                        "2002:a00:1::1",
                        "2002:c0a8:1::1",
                        "3fff::1",
                        "3fff:fff::1",
                        "5f00::1",
                        "fc00::1",
                        "fd12:3456::1",
                        "fe80::1",
                        "febf::1",
                        "fec0::1",
                        "ff02::1",
                        "ff0e::1",
                        "4000::1",
                        "8000::1",
                        "::ffff:0:127.0.0.1",
        };

        for (size_t i = 0; i < ELEMENTSOF(list); i++) {
                if (!private(list[i])) {
                        fprintf(stderr, "public: %s\n", list[i]);
                        exit(1);
                }
        }
        CHECK(address_is_private(&(struct sockaddr){.sa_family = AF_UNIX}));
        CHECK(address_is_private(&(struct sockaddr){.sa_family = AF_UNSPEC}));
}

TEST(ordinary_addresses_are_public)
{
        static const char *const list[] = {
                        "1.1.1.1",         "8.8.8.8",         "9.255.255.255",   "11.0.0.0",
                        "100.63.255.255",  "100.128.0.0",     "126.255.255.255", "128.0.0.0",
                        "169.253.0.1",     "169.255.0.1",     "172.15.255.255",  "172.32.0.0",
                        "192.0.1.1",       "192.167.1.1",     "192.169.0.0",     "198.17.255.255",
                        "198.20.0.0",      "223.255.255.255", "2001:200::1",     "2001:4860:4860::8888",
                        "2606:4700::1111", "2a00:1450::1",    "::ffff:8.8.8.8",  "64:ff9b::808:808",
                        "2002:808:808::1", "3fff:1000::1",
        };

        for (size_t i = 0; i < ELEMENTSOF(list); i++) {
                if (private(list[i])) {
                        fprintf(stderr, "private: %s\n", list[i]);
                        exit(1);
                }
        }
}

static bool contains(const char *network, const char *address)
{
        struct sockaddr_storage a;
        Network n;

        CHECK_INT(network_parse(network, &n), 0);
        CHECK_INT(address_parse(address, 0, &a, NULL), 0);
        return network_contains(&n, (struct sockaddr *) &a);
}

TEST(a_network_contains_what_shares_its_prefix)
{
        CHECK(contains("127.0.0.0/8", "127.1.2.3"));
        CHECK(!contains("127.0.0.0/8", "128.0.0.1"));
        CHECK(contains("10.1.2.3", "10.1.2.3"));
        CHECK(!contains("10.1.2.3", "10.1.2.4"));
        CHECK(contains("10.1.2.128/25", "10.1.2.200"));
        CHECK(!contains("10.1.2.128/25", "10.1.2.127"));
        CHECK(contains("0.0.0.0/0", "203.0.113.9"));
        CHECK(!contains("0.0.0.0/0", "::1"));
        CHECK(contains("127.0.0.0/8", "::ffff:127.0.0.1"));
        CHECK(!contains("127.0.0.0/8", "::ffff:128.0.0.1"));
        CHECK(contains("fd00::/8", "fdff::1"));
        CHECK(!contains("fd00::/8", "fe00::1"));
        CHECK(contains("::1/128", "::1"));
        CHECK(contains("::/0", "2001:db8::1"));
        CHECK(!contains("::/0", "127.0.0.1"));
}

TEST(loopback_is_told_as_it_is_written)
{
        CHECK(host_is_loopback("127.0.0.1"));
        CHECK(host_is_loopback("127.1.2.3:8080"));
        CHECK(host_is_loopback("::1"));
        CHECK(host_is_loopback("[::1]"));
        CHECK(host_is_loopback("[::1]:8080"));
        CHECK(host_is_loopback("localhost"));
        CHECK(host_is_loopback("LocalHost:80"));
        CHECK(!host_is_loopback(""));
        CHECK(!host_is_loopback("128.0.0.1"));
        CHECK(!host_is_loopback("::2"));
        CHECK(!host_is_loopback("127.0.0.1.example"));
        CHECK(!host_is_loopback("localhost.example"));
        CHECK(!host_is_loopback("user@127.0.0.1"));
}

TEST(what_is_not_a_network_is_refused)
{
        static const char *const bad[] = {
                        "",     "/",           "/8",          "10.0.0.0/",   "10.0.0.0/33", "::/129",
                        "10/8", "10.0.0.0/-1", "10.0.0.0/8x", "example.org", "10.0.0.0/ 8", "[::1]/128"};
        Network n;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                CHECK_INT(network_parse(bad[i], &n), -EINVAL);
}

MAIN()
