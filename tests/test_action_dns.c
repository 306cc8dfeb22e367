/* SPDX-License-Identifier: MIT */
/* dns: what is refused of its settings, and what is wanted of a zone in each mode. */
#include "actions/dns.h"

#include "tests/action_rig.h"

#define RFC2136    "type: dns\nprovider: rfc2136\nserver: 127.0.0.1\nzone: shop.example\nkey_file: dns.key\n"
#define CLOUDFLARE "type: dns\nprovider: cloudflare\nzone: shop.example\ntoken_file: token\n"
#define ONE        "records: {primary: [\"shop.example. 60 A 192.0.2.1\"]}\n"

static const ActionType *dns(void)
{
        return action_type_find("dns");
}

static void takes(const char *yaml)
{
        rig_conf_free(dns(), rig_conf(dns(), yaml));
}

/* One list of records, of a mode named m. */
static void records_refused(const char *head, const char *list, const char *reason)
{
        _cleanup_free_ char *yaml = string_printf("%srecords: {m: %s}\n", head, list);

        CHECK(yaml);
        rig_refused(dns(), yaml, reason);
}

static void records_taken(const char *head, const char *list)
{
        _cleanup_free_ char *yaml = string_printf("%srecords: {m: %s}\n", head, list);

        CHECK(yaml);
        takes(yaml);
}

TEST(each_provider_has_its_own_keys)
{
        takes(RFC2136 ONE);
        takes(RFC2136 ONE "verify: false\n");
        takes(CLOUDFLARE ONE);
        takes(CLOUDFLARE ONE "proxied: true\nzone_id: 023e105f4ecef8ad9ca31a8372d0c353\n");
        rig_refused(dns(), RFC2136 ONE "token_file: a\n", "`token_file` is a key of provider cloudflare");
        rig_refused(dns(), CLOUDFLARE ONE "server: 127.0.0.1\n", "`server` is a key of provider rfc2136");
        rig_refused(dns(), CLOUDFLARE ONE "verify: true\n", "`verify` is a key of provider rfc2136");
        rig_refused(dns(), "type: dns\nprovider: rfc2136\nzone: a.b\nkey_file: k\n" ONE, "needs `server`");
        rig_refused(dns(), "type: dns\nprovider: rfc2136\nzone: a.b\nserver: 127.0.0.1\n" ONE,
                    "needs `key_file`");
        rig_refused(dns(), "type: dns\nprovider: cloudflare\nzone: a.b\n" ONE, "needs `token_file`");
        rig_refused(dns(), "type: dns\nprovider: route53\nzone: a.b\n" ONE, "`provider` cannot be `route53`");
        rig_refused(dns(), CLOUDFLARE ONE "proxied: maybe\n", "`proxied` cannot be `maybe`");
        rig_refused(dns(), RFC2136, "`records` is missing");
}

TEST(a_server_is_an_address)
{
        static const char rest[] = "type: dns\nprovider: rfc2136\nzone: shop.example\nkey_file: k\n" ONE;
        static const char *const good[] = {"192.0.2.53", "192.0.2.53:5353", "\"[2001:db8::53]:5353\"",
                                           "\"2001:db8::53\""},
                                 *const bad[] = {"ns1.shop.example", "localhost:53", "\"192.0.2.53:\"",
                                                 "192.0.2.53:99999"};

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                _cleanup_free_ char *yaml = string_printf("%sserver: %s\n", rest, good[i]);
                takes(yaml);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_free_ char *yaml = string_printf("%sserver: %s\n", rest, bad[i]);
                rig_refused(dns(), yaml, "is not an IP address");
        }
}

TEST(a_token_does_not_travel_in_the_clear)
{
        rig_refused(dns(), CLOUDFLARE ONE "url: http://dns.example/v4\n", "in the clear");
        rig_refused(dns(), CLOUDFLARE ONE "url: http://localhost.example/v4\n", "in the clear");
        rig_refused(dns(), CLOUDFLARE ONE "url: http://127.0.0.1.example/v4\n", "in the clear");
        takes(CLOUDFLARE ONE "url: https://dns.example/v4\n");
        takes(CLOUDFLARE ONE "url: http://127.0.0.1:8080/v4\n");
}

TEST(records_that_cannot_be_are_refused_with_their_place)
{
        records_refused(RFC2136, "[\"shop.example. 60 A 192.0.2.1\", \"shop.example. 60 A x\"]",
                        "test.yaml:6:47: A: \"x\" is not an IPv4 address");
        records_refused(RFC2136, "[\"www 60 A 192.0.2.1\"]", "test.yaml:6:15: www is outside the zone");
        records_refused(RFC2136, "[\"www.myshop.example. 60 A 192.0.2.1\"]", "outside the zone shop.example");
        records_refused(RFC2136, "[\"shop.example. 60 A 192.0.2.1\", \"SHOP.example 60 A 192.0.2.1\"]",
                        "listed twice");
        records_refused(RFC2136, "[\"shop.example. 60 A 192.0.2.1\", \"shop.example 61 A 192.0.2.2\"]",
                        "one TTL, here 60 and 61");
        records_refused(RFC2136, "[\"a.shop.example. 60 CNAME b.c\", \"a.shop.example. 60 TXT x\"]",
                        "a CNAME stands alone");
        records_refused(RFC2136, "[\"a.shop.example. 60 CNAME b.c\", \"a.shop.example. 60 CNAME d.e\"]",
                        "a CNAME stands alone");
        records_refused(RFC2136, "[\"shop.example. 60 CNAME b.c\"]", "the zone itself");
        records_refused(RFC2136, "{a: b}", "are a list");
        records_refused(RFC2136, "[[a]]", "a record is a text");
        records_refused(RFC2136, "~", "are a list");
        rig_refused(dns(), RFC2136 "records: {}\n", "maps modes to lists");
        rig_refused(dns(), RFC2136 "records: [a]\n", "maps modes to lists");
        records_taken(RFC2136, "\"shop.example. 60 A 192.0.2.1\""); /* one is a list of one */
        records_taken(RFC2136, "[]");
}

TEST(an_alias_at_the_top_of_a_zone_is_for_cloudflare_only)
{
        records_taken(CLOUDFLARE, "[\"shop.example. 60 CNAME b.c\", \"shop.example. 60 MX 10 mail.b.c\"]");
        records_refused(CLOUDFLARE, "[\"shop.example. 60 CNAME b.c\", \"shop.example. 60 A 192.0.2.1\"]",
                        "a CNAME stands alone");
        records_refused(CLOUDFLARE, "[\"a.shop.example. 60 CNAME b.c\", \"a.shop.example. 60 TXT x\"]",
                        "a CNAME stands alone");
        records_refused(CLOUDFLARE, "[\"shop.example. 20 A 192.0.2.1\"]", "60 to 86400");
        records_refused(CLOUDFLARE, "[\"shop.example. 86401 A 192.0.2.1\"]", "60 to 86400");
        records_taken(CLOUDFLARE, "[\"shop.example. 1 A 192.0.2.1\"]");
        records_taken(RFC2136, "[\"shop.example. 20 A 192.0.2.1\"]");
}

TEST(so_many_records_and_no_more)
{
        for (int extra = 0; extra < 2; extra++) {
                _cleanup_text_ Text t = {0};

                for (int i = 0; i < DNS_RECORDS_MAX + extra; i++)
                        text_add(&t, "%s\"n%d.shop.example. 60 A 192.0.2.1\"", i > 0 ? ", " : "[", i);
                text_add_string(&t, "]");
                if (extra)
                        records_refused(RFC2136, t.data, "more than 100 records");
                else
                        records_taken(RFC2136, t.data);
        }
        for (int extra = 0; extra < 2; extra++) {
                _cleanup_text_ Text t = {0};

                for (int i = 0; i < DNS_VALUES_SET_MAX + extra; i++)
                        text_add(&t, "%s\"shop.example. 60 A 192.0.2.%d\"", i > 0 ? ", " : "[", i);
                text_add_string(&t, "]");
                if (extra)
                        records_refused(RFC2136, t.data, "more than 32 A records");
                else
                        records_taken(RFC2136, t.data);
        }
}

TEST(what_any_mode_lists_is_managed_in_every_listed_mode)
{
        DnsActionConf *c = rig_conf(dns(), RFC2136 "records:\n"
                                                   "  primary: [\"shop.example. 60 A 192.0.2.1\", "
                                                   "\"shop.example. 60 A 192.0.2.2\", "
                                                   "\"www.shop.example. 60 CNAME shop.example.\"]\n"
                                                   "  crypto: [\"shop.example. 30 A 198.51.100.7\"]\n"
                                                   "  federated: []\n");
        DnsSets sets;

        CHECK(!dns_mode_find(c, "other"));
        CHECK_INT(dns_sets_new(c, dns_mode_find(c, "crypto"), &sets), 0);
        CHECK_INT(sets.count, 2);
        CHECK_STR(sets.sets[0].name, "shop.example");
        CHECK_STR(sets.sets[0].type, "A");
        CHECK_INT(sets.sets[0].ttl, 30);
        CHECK_INT(sets.sets[0].count, 1);
        CHECK_STR(sets.sets[0].records[0]->value, "198.51.100.7");
        CHECK_STR(sets.sets[1].type, "CNAME");
        CHECK_INT(sets.sets[1].count, 0);
        dns_sets_clear(&sets);
        CHECK_INT(dns_sets_new(c, dns_mode_find(c, "primary"), &sets), 0);
        CHECK_INT(sets.sets[0].count, 2);
        CHECK_INT(sets.sets[1].count, 1);
        dns_sets_clear(&sets);
        CHECK_INT(dns_sets_new(c, dns_mode_find(c, "federated"), &sets), 0);
        CHECK_INT(sets.count, 2);
        CHECK_INT(sets.sets[0].count + sets.sets[1].count, 0);
        dns_sets_clear(&sets);
        rig_conf_free(dns(), c);
}

TEST(a_mode_without_a_list_leaves_the_zone_as_it_is)
{
        void *c = rig_conf(dns(), RFC2136 ONE);
        ActionFacts facts = rig_facts(); /* of mode crypto */
        Rig rig;

        rig_open(&rig);
        rig_write(&rig, "dns.key", "key \"a\" { algorithm hmac-sha256; secret \"YQ==\"; };\n", 0600);
        CHECK_INT(rig_run(&rig, dns(), c, &facts, false), ACTION_DONE);
        CHECK(strstr(rig.message, "the zone stays as it is"));
        CHECK_INT(rig_run(&rig, dns(), c, &facts, true), ACTION_DONE);
        rig_close(&rig);
        rig_conf_free(dns(), c);
}

static void key_refused(const char *text, mode_t mode, const char *reason)
{
        void *c = rig_conf(dns(), RFC2136 "records: {crypto: [\"shop.example. 60 A 192.0.2.1\"]}\n");
        ActionFacts facts = rig_facts();
        Error e = {0};
        Rig rig;

        rig_open(&rig);
        if (text)
                rig_write(&rig, "dns.key", text, mode);
        CHECK_INT(rig_run(&rig, dns(), c, &facts, false), ACTION_RETRY);
        if (!strstr(rig.message, reason)) {
                fprintf(stderr, "\"%s\" lacks \"%s\"\n", rig.message, reason);
                exit(1);
        }
        CHECK(dns()->verify(c, rig.folder, &e) < 0 && strstr(e.text, reason));
        rig_close(&rig);
        rig_conf_free(dns(), c);
}

TEST(a_key_that_is_none_or_that_others_can_read_is_not_used)
{
        static const char good[] = "key \"a\" { algorithm hmac-sha256; secret \"YQ==\"; };\n";

        key_refused(NULL, 0, "No such file");
        key_refused(good, 0644, "others may read");
        key_refused("YQ==\n", 0600, "is not a TSIG key");
        key_refused("keys { };\n", 0600, "is not a TSIG key");
        key_refused("key { secret \"a\"; };\n", 0600, "is not a TSIG key");
        key_refused("key \"a\";\n", 0600, "is not a TSIG key");
}

/* A server that signs nothing: it takes every update, and has no record at all. */
typedef struct Unsigned {
        pthread_t thread;
        int fd;
        char address[32];
} Unsigned;

static void *unsigned_run(void *userdata)
{
        Unsigned *s = userdata;
        unsigned char packet[2048];
        struct sockaddr_in from;
        socklen_t size = sizeof(from);
        ssize_t n;

        for (;;) {
                n = recvfrom(s->fd, packet, sizeof(packet), 0, (struct sockaddr *) &from, &size);
                if (n <= 12)
                        break;
                size_t end = 12;
                bool update = (packet[2] & 0x78) == 0x28;

                while (packet[end] != 0)
                        end += packet[end] + 1U;
                packet[2] |= 0x84;          /* an answer, with authority */
                packet[3] = update ? 0 : 3; /* no such name */
                memset(packet + 6, 0, 6);
                (void) !sendto(s->fd, packet, end + 5, 0, (struct sockaddr *) &from, size);
                size = sizeof(from);
        }
        return NULL;
}

static void unsigned_open(Unsigned *s)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(a);

        s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        CHECK(s->fd >= 0 && bind(s->fd, (struct sockaddr *) &a, size) == 0);
        CHECK_INT(getsockname(s->fd, (struct sockaddr *) &a, &size), 0);
        snprintf(s->address, sizeof(s->address), "127.0.0.1:%u", ntohs(a.sin_port));
        CHECK_INT(pthread_create(&s->thread, NULL, unsigned_run, s), 0);
}

static void unsigned_close(Unsigned *s)
{
        struct sockaddr_in a;
        socklen_t size = sizeof(a);

        CHECK_INT(getsockname(s->fd, (struct sockaddr *) &a, &size), 0);
        CHECK_INT(sendto(s->fd, "x", 1, 0, (struct sockaddr *) &a, size), 1);
        CHECK_INT(pthread_join(s->thread, NULL), 0);
        close(s->fd);
}

TEST(an_update_whose_answer_is_not_signed_is_not_done_and_our_own_shortage_is_a_retry)
{
        ActionFacts facts = rig_facts();
        Unsigned server;
        Rig rig;

        rig_open(&rig);
        unsigned_open(&server);
        rig_write(&rig, "dns.key", "key \"shop-key\" { algorithm hmac-sha256; secret \"YQ==\"; };\n", 0600);
        _cleanup_free_ char *yaml = string_printf(
                        "type: dns\nprovider: rfc2136\nserver: %s\nzone: shop.example\nkey_file: dns.key\n"
                        "records: {crypto: [shop.example. 60 A 198.51.100.7]}",
                        server.address);
        void *conf = rig_conf(dns(), yaml);
        CHECK_INT(rig_run(&rig, dns(), conf, &facts, false), ACTION_RETRY);
        CHECK_STR(rig.message, "TSIG error with server: expected a TSIG or SIG(0)");
        CHECK_INT(rig_run(&rig, dns(), conf, &facts, true), ACTION_MISSING);
        CHECK_STR(rig.message, "shop.example A is nothing; wanted is 198.51.100.7 (TTL 60)");
        rig_run_scarce(&rig, dns(), conf, &facts, false, NULL, NULL);
        rig_run_scarce(&rig, dns(), conf, &facts, true, NULL, NULL);
        rig_conf_free(dns(), conf);
        unsigned_close(&server);
        rig_close(&rig);
}

MAIN()
