/* SPDX-License-Identifier: MIT */
#include "base/resolve.h"

#include "base/clock.h"
#include "tests/dns_server.h"
#include "tests/test.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* A resolver with settings of its own, and two servers. */
typedef struct World {
        sd_event *event;
        char folder[64], conf[96], hosts[96];
        DnsServer first, second;
        Resolver *resolver;

        /* What came last. */
        int calls, error;
        bool remembered;
        char message[512], values[4096]; /* joined by commas */
        uint32_t ttl;
        size_t count;
        void *free_in_done;
} World;

static void file_write(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void file_write(const char *path, const char *format, ...)
{
        char temporary[128];
        va_list list;
        FILE *f;

        snprintf(temporary, sizeof(temporary), "%s.new", path);
        f = fopen(temporary, "we");
        CHECK(f);
        va_start(list, format);
        vfprintf(f, format, list);
        va_end(list);
        CHECK_INT(fclose(f), 0);
        CHECK_INT(rename(temporary, path), 0);
}

static void world_begin(World *w)
{
        *w = (World){};
        strcpy(w->folder, "/tmp/test_resolve.XXXXXX");
        CHECK(mkdtemp(w->folder));
        snprintf(w->conf, sizeof(w->conf), "%s/resolv.conf", w->folder);
        snprintf(w->hosts, sizeof(w->hosts), "%s/hosts", w->folder);
        setenv("FAILOVERD_RESOLV_CONF", w->conf, 1);
        setenv("FAILOVERD_HOSTS", w->hosts, 1);
        CHECK(sd_event_new(&w->event) >= 0);
        dns_server_start(&w->first, w->event);
        dns_server_start(&w->second, w->event);
        file_write(w->conf, "nameserver %s\n", w->first.address);
        file_write(w->hosts, "127.0.0.1 localhost\n");
        CHECK_INT(resolver_new(w->event, &w->resolver), 0);
}

static void world_end(World *w)
{
        resolver_free(w->resolver);
        dns_server_stop(&w->first);
        dns_server_stop(&w->second);
        sd_event_unref(w->event);
        unlink(w->conf);
        unlink(w->hosts);
        CHECK_INT(rmdir(w->folder), 0);
}

static void run_until(World *w, int calls)
{
        uint64_t end = clock_boot_usec() + 30 * USEC_PER_SEC;

        alarm(60); /* a loop that never returns ends the test too */
        while (w->calls < calls) {
                CHECK(clock_boot_usec() < end);
                CHECK(sd_event_run(w->event, 100 * USEC_PER_MSEC) >= 0);
        }
}

static void run_for(World *w, uint64_t usec)
{
        uint64_t end = clock_boot_usec() + usec;

        while (clock_boot_usec() < end)
                CHECK(sd_event_run(w->event, end - MIN(end, clock_boot_usec())) >= 0);
}

static void note(World *w, int error, const char *message)
{
        w->calls++;
        w->error = error;
        CHECK(message);
        snprintf(w->message, sizeof(w->message), "%s", message);
        w->values[0] = '\0';
}

static void add_value(World *w, const char *value)
{
        size_t n = strlen(w->values);

        snprintf(w->values + n, sizeof(w->values) - n, "%s%s", n > 0 ? "," : "", value);
}

static void on_query(DnsQuery *query, const DnsResult *result, void *userdata)
{
        World *w = userdata;

        note(w, result->error, result->message);
        w->ttl = result->ttl;
        w->count = result->count;
        for (size_t i = 0; i < result->count; i++)
                add_value(w, result->values[i]);
        if (w->free_in_done)
                dns_query_free(query);
}

static void on_resolve(Resolve *resolve, const ResolveResult *result, void *userdata)
{
        World *w = userdata;
        char text[ADDRESS_SIZE];

        note(w, result->error, result->message);
        w->remembered = result->remembered;
        w->count = result->count;
        for (size_t i = 0; i < result->count; i++)
                add_value(w, address_format(text, &result->addresses[i]));
        if (w->free_in_done)
                resolve_free(resolve);
}

/* Asks and waits. Returns the error. */
static int query(World *w, const char *name, const char *type, const char *server, uint64_t timeout_usec)
{
        DnsQuery *q = NULL;

        CHECK_INT(dns_query_start(w->resolver, name, type, server, timeout_usec, on_query, w, &q), 0);
        run_until(w, w->calls + 1);
        dns_query_free(q);
        return w->error;
}

static int resolve(World *w, const char *name, unsigned flags, uint64_t timeout_usec)
{
        Resolve *res = NULL;
        int calls = w->calls;

        CHECK_INT(resolve_start(w->resolver, name, flags, timeout_usec, on_resolve, w, &res), 0);
        CHECK_INT(w->calls, calls); /* never from within */
        run_until(w, w->calls + 1);
        resolve_free(res);
        return w->error;
}

#define LONG (20 * USEC_PER_SEC)

TEST(each_type_has_its_presentation)
{
        static const struct {
                const char *type, *values;
        } cases[] = {
                        {"A", "127.0.0.1,127.0.0.2"},
                        {"aaaa", "::1"},
                        {"NS", "ns1.example.org"},
                        {"PTR", "host.example.org"},
                        {"MX", "10 mail.example.org,0 ."},
                        {"TXT", "v=spf1 -all,x?y"},
                        {"SRV", "1 2 5222 sip.example.org"},
                        {"CAA", "0 issue \"letsencrypt.org\""},
                        {"SOA", "ns1.example.org admin.example.org 1 2 3 4 5"},
        };
        World w;

        world_begin(&w);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                CHECK(dns_type_known(cases[i].type));
                CHECK_INT(query(&w, "all.example.org", cases[i].type, w.first.address, LONG), 0);
                CHECK_STR(w.values, cases[i].values);
        }
        CHECK_INT(query(&w, "All.Example.org.", "A", w.first.address, LONG), 0);
        CHECK_INT(w.ttl, 30);
        CHECK_STR(w.first.last_name, "all.example.org");
        CHECK(!dns_type_known("HINFO"));
        world_end(&w);
}

TEST(aliases_are_followed_and_strangers_ignored)
{
        World w;

        world_begin(&w);
        CHECK_INT(query(&w, "alias.example.org", "A", w.first.address, LONG), 0);
        CHECK_STR(w.values, "127.0.0.1");
        CHECK_INT(w.ttl, 5);
        CHECK_INT(query(&w, "alias.example.org", "CNAME", w.first.address, LONG), 0);
        CHECK_STR(w.values, "middle.example.org");
        CHECK_INT(query(&w, "dangling.example.org", "A", w.first.address, LONG), -ENOENT);
        CHECK_STR(w.message, "no A record of its alias nowhere.example.org");
        CHECK_INT(query(&w, "ring.example.org", "A", w.first.address, LONG), -ENOENT);
        world_end(&w);
}

TEST(the_reasons_are_told_apart)
{
        char wanted[128];
        World w;

        world_begin(&w);
        CHECK_INT(query(&w, "nx.example.org", "A", w.first.address, LONG), -ENOENT);
        CHECK_STR(w.message, "NXDOMAIN");
        CHECK_INT(query(&w, "nodata.example.org", "A", w.first.address, LONG), -ENOENT);
        CHECK_STR(w.message, "no A record");
        CHECK_INT(query(&w, "servfail.example.org", "A", w.first.address, LONG), -EAGAIN);
        snprintf(wanted, sizeof(wanted), "SERVFAIL from %s", w.first.address);
        CHECK_STR(w.message, wanted);
        CHECK_INT(query(&w, "refused.example.org", "A", w.first.address, LONG), -EAGAIN);
        snprintf(wanted, sizeof(wanted), "REFUSED from %s", w.first.address);
        CHECK_STR(w.message, wanted);
        CHECK_INT(query(&w, "lame.example.org", "A", w.first.address, LONG), -EAGAIN);
        snprintf(wanted, sizeof(wanted), "a mere referral from %s", w.first.address);
        CHECK_STR(w.message, wanted);
        CHECK_INT(query(&w, "broken.example.org", "A", w.first.address, LONG), -EBADMSG);
        CHECK_INT(query(&w, "torn.example.org", "A", w.first.address, LONG), -EBADMSG);
        world_end(&w);
}

TEST(silence_ends_at_the_deadline_and_a_closed_port_at_once)
{
        uint64_t began;
        char wanted[128], closed[32];
        World w;

        world_begin(&w);
        began = clock_boot_usec();
        CHECK_INT(query(&w, "silent.example.org", "A", w.first.address, 300 * USEC_PER_MSEC), -ETIMEDOUT);
        CHECK(clock_boot_usec() - began >= 300 * USEC_PER_MSEC);
        snprintf(wanted, sizeof(wanted), "no answer from %s", w.first.address);
        CHECK_STR(w.message, wanted);

        strcpy(closed, w.second.address);
        dns_server_stop(&w.second);
        began = clock_boot_usec();
        CHECK_INT(query(&w, "v4.example.org", "A", closed, LONG), -EAGAIN);
        CHECK(clock_boot_usec() - began < LONG / 2);
        snprintf(wanted, sizeof(wanted), "connection refused from %s", closed);
        CHECK_STR(w.message, wanted);
        dns_server_start(&w.second, w.event);
        world_end(&w);
}

TEST(lost_packets_are_sent_again)
{
        World w;

        world_begin(&w);
        w.first.drop = 2;
        CHECK_INT(query(&w, "v4.example.org", "A", w.first.address, LONG), 0);
        CHECK_INT(w.first.n_udp, 3);
        world_end(&w);
}

TEST(a_cut_answer_is_asked_again_by_tcp)
{
        World w;

        world_begin(&w);
        CHECK_INT(query(&w, "big.example.org", "A", w.first.address, LONG), 0);
        CHECK_INT(w.count, 60);
        CHECK_INT(w.first.n_udp, 1);
        CHECK_INT(w.first.n_tcp, 1);
        world_end(&w);
}

TEST(bad_input_is_refused_at_once)
{
        static const char *const names[] = {
                        "",
                        "..",
                        "a..b",
                        ".a",
                        "a b",
                        "a\\b",
                        "a\nb",
                        "\xc3\xa9.org",
                        "0123456789012345678901234567890123456789012345678901234567890123.org"};
        DnsQuery *q = NULL;
        char longest[300];
        World w;

        world_begin(&w);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                CHECK_INT(dns_query_start(w.resolver, names[i], "A", NULL, LONG, on_query, &w, &q), -EINVAL);
        memset(longest, 'a', sizeof(longest));
        for (size_t i = 50; i < sizeof(longest); i += 50)
                longest[i] = '.';
        longest[254] = '\0';
        CHECK_INT(dns_query_start(w.resolver, longest, "A", NULL, LONG, on_query, &w, &q), -EINVAL);
        CHECK_INT(dns_query_start(w.resolver, "a.org", "NOPE", NULL, LONG, on_query, &w, &q), -EINVAL);
        CHECK_INT(dns_query_start(w.resolver, "a.org", "A", "localhost", LONG, on_query, &w, &q), -EINVAL);
        CHECK(!q);
        longest[253] = '\0'; /* the most that is allowed */
        CHECK_INT(query(&w, longest, "A", w.first.address, LONG), -ENOENT);
        world_end(&w);
}

TEST(the_next_server_is_asked_when_one_cannot_answer)
{
        uint64_t began;
        char dead[32];
        World w;

        world_begin(&w);
        file_write(w.conf, "nameserver %s\nnameserver %s\n", w.first.address, w.second.address);
        w.first.rcode = 2;
        CHECK_INT(query(&w, "v4.example.org", "A", NULL, LONG), 0);
        CHECK_INT(w.second.n_udp, 1);
        w.first.rcode = 0;

        w.first.silent = true;
        began = clock_boot_usec();
        CHECK_INT(query(&w, "v4.example.org", "A", NULL, LONG), 0);
        CHECK(clock_boot_usec() - began < 10 * USEC_PER_SEC); /* not at the deadline */
        CHECK_INT(query(&w, "servfail.example.org", "A", NULL, 300 * USEC_PER_MSEC), -EAGAIN);
        w.first.silent = false;

        /* NXDOMAIN is an answer: nobody else is asked. */
        w.second.n_udp = 0;
        CHECK_INT(query(&w, "nx.example.org", "A", NULL, LONG), -ENOENT);
        CHECK_INT(w.second.n_udp, 0);

        strcpy(dead, w.first.address);
        dns_server_stop(&w.first);
        CHECK_INT(query(&w, "v4.example.org", "A", NULL, LONG), 0);
        CHECK_INT(w.second.n_udp, 1);
        dns_server_start(&w.first, w.event);
        world_end(&w);
}

TEST(both_families_are_found)
{
        World w;

        world_begin(&w);
        CHECK_INT(resolve(&w, "dual.example.org", 0, LONG), 0);
        CHECK(streq(w.values, "::1,127.0.0.1") || streq(w.values, "127.0.0.1,::1"));
        CHECK_INT(resolve(&w, "v4.example.org", 0, LONG), 0);
        CHECK_STR(w.values, "127.0.0.1");
        CHECK_INT(resolve(&w, "v6.example.org", 0, LONG), 0);
        CHECK_STR(w.values, "::1");
        CHECK_INT(resolve(&w, "alias.example.org.", 0, LONG), 0);
        CHECK_STR(w.values, "127.0.0.1");
        CHECK_INT(resolve(&w, "big.example.org", 0, LONG), 0);
        CHECK_INT(w.count, RESOLVE_ADDRESSES_MAX);
        world_end(&w);
}

TEST(one_family_is_enough_when_the_other_fails_or_is_silent)
{
        uint64_t began = clock_boot_usec();
        World w;

        world_begin(&w);
        CHECK_INT(resolve(&w, "fail6.example.org", 0, LONG), 0);
        CHECK_STR(w.values, "127.0.0.1");
        CHECK_INT(resolve(&w, "mute6.example.org", 0, LONG), 0);
        CHECK_STR(w.values, "127.0.0.1");
        CHECK(clock_boot_usec() - began < 10 * USEC_PER_SEC);
        world_end(&w);
}

TEST(no_address_is_told_from_no_answer)
{
        World w;

        world_begin(&w);
        CHECK_INT(resolve(&w, "nx.example.org", 0, LONG), -ENOENT);
        CHECK_STR(w.message, "NXDOMAIN");
        CHECK_INT(resolve(&w, "nodata.example.org", 0, LONG), -ENOENT);
        CHECK_STR(w.message, "no address");
        CHECK_INT(resolve(&w, "servfail.example.org", 0, LONG), -EAGAIN);
        CHECK_INT(resolve(&w, "broken.example.org", 0, LONG), -EAGAIN);
        CHECK_INT(resolve(&w, "silent.example.org", 0, 200 * USEC_PER_MSEC), -ETIMEDOUT);
        CHECK_INT(resolve(&w, "not a name", 0, LONG), -EINVAL);
        CHECK_INT(resolve(&w, "", 0, LONG), -EINVAL);
        world_end(&w);
}

TEST(literals_and_the_hosts_file_ask_nobody)
{
        World w;

        world_begin(&w);
        file_write(w.hosts, "# comment nx.example.org\n"
                            "192.0.2.7\tshop.example.org  shop # v4.example.org\n"
                            "  2001:db8::7 SHOP.example.org\n"
                            "broken shop.example.org\n"
                            "192.0.2.8 myshop.example.org shop.example.org.uk\n");
        CHECK_INT(resolve(&w, "192.0.2.1", 0, LONG), 0);
        CHECK_STR(w.values, "192.0.2.1");
        CHECK_INT(resolve(&w, "2001:db8::1", 0, LONG), 0);
        CHECK_STR(w.values, "2001:db8::1");
        CHECK_INT(resolve(&w, "shop.example.org", 0, LONG), 0);
        CHECK_STR(w.values, "192.0.2.7,2001:db8::7");
        CHECK_INT(resolve(&w, "shop.example.org.", 0, LONG), 0);
        CHECK_STR(w.values, "192.0.2.7,2001:db8::7");
        CHECK_INT(resolve(&w, "shop", 0, LONG), 0);
        CHECK_STR(w.values, "192.0.2.7");
        CHECK_INT(resolve(&w, "localhost", 0, LONG), 0); /* though the file does not name it */
        CHECK_STR(w.values, "::1,127.0.0.1");
        CHECK_INT(resolve(&w, "a.localhost", 0, LONG), 0);
        CHECK_INT(w.first.n_udp, 0);
        CHECK_INT(resolve(&w, "v4.example.org", 0, LONG), 0); /* a comment is no entry */
        CHECK_STR(w.values, "127.0.0.1");
        CHECK_INT(resolve(&w, "nx.example.org", 0, LONG), -ENOENT);

        file_write(w.hosts, "192.0.2.9 v4.example.org\n"); /* noticed without a restart */
        CHECK_INT(resolve(&w, "v4.example.org", 0, LONG), 0);
        CHECK_STR(w.values, "192.0.2.9");
        world_end(&w);
}

TEST(a_changed_resolv_conf_is_used_without_a_restart)
{
        World w;

        world_begin(&w);
        CHECK_INT(resolve(&w, "v4.example.org", 0, LONG), 0);
        CHECK(w.first.n_udp > 0);
        CHECK_INT(w.second.n_udp, 0);
        file_write(w.conf, "# moved\nnameserver nonsense\nnameserver %s\n", w.second.address);
        w.first.n_udp = 0;
        CHECK_INT(resolve(&w, "v4.example.org", 0, LONG), 0);
        CHECK_INT(w.first.n_udp, 0);
        CHECK(w.second.n_udp > 0);
        world_end(&w);
}

TEST(short_names_are_looked_for_in_the_search_list)
{
        World w;

        world_begin(&w);
        file_write(w.conf, "search nx.test example.org\nnameserver %s\n", w.first.address);
        CHECK_INT(resolve(&w, "v4", 0, LONG), 0);
        CHECK_STR(w.values, "127.0.0.1");
        CHECK_INT(resolve(&w, "nx", 0, LONG), -ENOENT);
        CHECK_STR(w.first.last_name, "nx");
        w.first.n_udp = 0;
        CHECK_INT(resolve(&w, "nx.", 0, LONG), -ENOENT); /* absolute */
        CHECK(w.first.n_udp <= 2);
        w.first.n_udp = 0;
        CHECK_INT(resolve(&w, "nx.example", 0, LONG), -ENOENT); /* has a dot already */
        CHECK(w.first.n_udp <= 2);
        file_write(w.conf, "options ndots:3 timeout:1\nsearch org\nnameserver %s\n", w.first.address);
        CHECK_INT(resolve(&w, "v4.example", 0, LONG), 0);
        CHECK_STR(w.first.last_name, "v4.example.org");
        /* One name that could not be asked makes the whole inconclusive. */
        file_write(w.conf, "search servfail.test\nnameserver %s\n", w.first.address);
        CHECK_INT(resolve(&w, "servfail", 0, LONG), -EAGAIN);
        world_end(&w);
}

TEST(good_addresses_are_remembered_for_when_no_resolver_answers)
{
        uint64_t began;
        World w;

        world_begin(&w);
        CHECK_INT(resolve(&w, "v4.example.org", RESOLVE_REMEMBER, LONG), 0);
        CHECK(!w.remembered);
        w.first.silent = true;
        began = clock_boot_usec();
        CHECK_INT(resolve(&w, "V4.example.org", RESOLVE_REMEMBER, LONG), 0);
        CHECK(w.remembered);
        CHECK_STR(w.values, "127.0.0.1");
        CHECK(clock_boot_usec() - began < LONG / 2); /* time is left to use it */
        CHECK_INT(resolve(&w, "v4.example.org", 0, 100 * USEC_PER_MSEC), -ETIMEDOUT); /* probes never */
        CHECK_INT(resolve(&w, "dual.example.org", RESOLVE_REMEMBER, 100 * USEC_PER_MSEC), -ETIMEDOUT);
        w.first.silent = false;
        w.first.rcode = 2;
        CHECK_INT(resolve(&w, "v4.example.org", RESOLVE_REMEMBER, LONG), 0);
        CHECK(w.remembered);
        w.first.rcode = 3; /* an answer: it is gone */
        CHECK_INT(resolve(&w, "v4.example.org", RESOLVE_REMEMBER, LONG), -ENOENT);
        world_end(&w);
}

TEST(freeing_cancels_at_any_time)
{
        World w;
        Resolve *res = NULL, *literal = NULL;
        DnsQuery *q = NULL;

        world_begin(&w);
        for (int i = 0; i < 20; i++) {
                CHECK_INT(resolve_start(w.resolver, "dual.example.org", 0, LONG, on_resolve, &w, &res), 0);
                CHECK_INT(resolve_start(w.resolver, "127.0.0.1", 0, LONG, on_resolve, &w, &literal), 0);
                CHECK_INT(dns_query_start(w.resolver, "big.example.org", "A", NULL, LONG, on_query, &w, &q),
                          0);
                for (int turn = 0; turn < i; turn++) {
                        int calls = w.calls;

                        CHECK(sd_event_run(w.event, 0) >= 0);
                        if (w.calls > calls && turn > 2)
                                break;
                }
                res = resolve_free(res);
                q = dns_query_free(q);
                literal = resolve_free(literal);
                w.calls = 0;
                run_for(&w, 2 * USEC_PER_MSEC);
                CHECK_INT(w.calls, 0);
        }
        CHECK_INT(resolve(&w, "v4.example.org", 0, LONG), 0);
        world_end(&w);
}

TEST(done_may_free_its_request)
{
        static const char *const names[] = {"v4.example.org", "nx.example.org",     "servfail.example.org",
                                            "127.0.0.1",      "silent.example.org", "",
                                            "big.example.org"};
        World w;
        Resolve *res = NULL;
        DnsQuery *q = NULL;
        int calls = 0;

        world_begin(&w);
        w.free_in_done = &w;
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                CHECK_INT(resolve_start(w.resolver, names[i], 0, 100 * USEC_PER_MSEC, on_resolve, &w, &res),
                          0);
                calls++;
                if (*names[i]) {
                        CHECK_INT(dns_query_start(w.resolver, names[i], "A", NULL, 100 * USEC_PER_MSEC,
                                                  on_query, &w, &q),
                                  0);
                        calls++;
                }
        }
        run_until(&w, calls);
        run_for(&w, 5 * USEC_PER_MSEC);
        CHECK_INT(w.calls, calls);
        world_end(&w);
}

TEST(the_resolver_may_go_while_abandoned_questions_are_open)
{
        World w;
        DnsQuery *q = NULL;

        world_begin(&w);
        CHECK_INT(dns_query_start(w.resolver, "silent.example.org", "A", NULL, LONG, on_query, &w, &q), 0);
        run_for(&w, 5 * USEC_PER_MSEC);
        dns_query_free(q);
        world_end(&w);
}

TEST(our_own_lack_of_descriptors_is_told_from_silence)
{
        struct rlimit old, few;
        int spare[64], n = 0;
        World w;

        world_begin(&w);
        CHECK_INT(query(&w, "v4.example.org", "A", NULL, LONG), 0);
        CHECK_INT(getrlimit(RLIMIT_NOFILE, &old), 0);
        few = old;
        few.rlim_cur = 40;
        CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
        while (n < 64 && (spare[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
                n++;
        CHECK_INT(query(&w, "v4.example.org", "A", w.second.address, LONG), -EMFILE);
        CHECK(strstr(w.message, "Too many open files"));
        CHECK_INT(resolve(&w, "dual.example.org", 0, LONG), -EMFILE);
        while (n > 0)
                close(spare[--n]);
        CHECK_INT(setrlimit(RLIMIT_NOFILE, &old), 0);
        CHECK_INT(resolve(&w, "dual.example.org", 0, LONG), 0);
        world_end(&w);
}

TEST(thousands_at_once_share_a_few_sockets)
{
        enum { N = 2000 };
        static Resolve *all[N];
        World w;
        int highest;

        world_begin(&w);
        for (int i = 0; i < N; i++) {
                char name[64];

                snprintf(name, sizeof(name), "silent.n%d.example.org", i);
                CHECK_INT(resolve_start(w.resolver, name, 0, LONG, on_resolve, &w, &all[i]), 0);
        }
        highest = open("/dev/null", O_RDONLY | O_CLOEXEC);
        CHECK(highest < 100);
        close(highest);
        for (int i = 0; i < N; i++)
                resolve_free(all[i]);
        world_end(&w);
}

/* A real authoritative server, where one is installed. */
static pid_t knot_start(const char *folder, uint16_t port)
{
        char path[128], zone[128];
        pid_t pid;

        snprintf(path, sizeof(path), "%s/knot.conf", folder);
        file_write(path,
                   "server:\n  rundir: %s\n  listen: 127.0.0.1@%u\n  udp-workers: 1\n  tcp-workers: 1\n"
                   "  background-workers: 1\ndatabase:\n  storage: %s/db\nlog:\n - target: stderr\n   any: "
                   "error\n"
                   "zone:\n - domain: shop.test\n   file: %s/zone\n   zonefile-sync: -1\n   journal-content: "
                   "none\n",
                   folder, port, folder, folder);
        snprintf(zone, sizeof(zone), "%s/zone", folder);
        file_write(zone,
                   "$TTL 60\n@ SOA ns admin 7 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n@ A 192.0.2.1\n"
                   "@ AAAA 2001:db8::1\n@ MX 10 mail\n@ TXT \"one \" \"two\"\n@ CAA 0 issue \"ca.test\"\n"
                   "www CNAME @\n_x._tcp SRV 1 2 3 ns\n");
        for (unsigned i = 0; i < 100; i++) {
                FILE *f = fopen(zone, "ae");

                CHECK(f);
                fprintf(f, "big A 192.0.2.%u\n", i);
                fclose(f);
        }
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                execlp("knotd", "knotd", "-c", path, NULL);
                execl("/usr/sbin/knotd", "knotd", "-c", path, NULL);
                _exit(127);
        }
        return pid;
}

TEST(a_real_server_is_understood)
{
        static const struct {
                const char *name, *type, *values;
        } cases[] = {
                        {"shop.test", "A", "192.0.2.1"},
                        {"www.shop.test", "A", "192.0.2.1"},
                        {"shop.test", "AAAA", "2001:db8::1"},
                        {"SHOP.test", "MX", "10 mail.shop.test"},
                        {"shop.test", "TXT", "one two"},
                        {"shop.test", "CAA", "0 issue \"ca.test\""},
                        {"shop.test", "NS", "ns.shop.test"},
                        {"_x._tcp.shop.test", "SRV", "1 2 3 ns.shop.test"},
                        {"shop.test", "SOA", "ns.shop.test admin.shop.test 7 3600 600 86400 60"},
        };
        char command[128];
        uint64_t end = clock_boot_usec() + 20 * USEC_PER_SEC;
        World w;
        pid_t pid;

        if (access("/usr/sbin/knotd", X_OK) < 0) {
                fprintf(stderr, "  left out: no knotd here\n");
                return;
        }
        world_begin(&w);
        dns_server_stop(&w.second); /* its port is free */
        pid = knot_start(w.folder, w.second.port);
        while (query(&w, "shop.test", "SOA", w.second.address, 500 * USEC_PER_MSEC) < 0)
                CHECK(clock_boot_usec() < end && waitpid(pid, NULL, WNOHANG) == 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                CHECK_INT(query(&w, cases[i].name, cases[i].type, w.second.address, LONG), 0);
                CHECK_STR(w.values, cases[i].values);
        }
        CHECK_INT(query(&w, "gone.shop.test", "A", w.second.address, LONG), -ENOENT);
        CHECK_STR(w.message, "NXDOMAIN");
        CHECK_INT(query(&w, "shop.test", "SRV", w.second.address, LONG), -ENOENT);
        CHECK_STR(w.message, "no SRV record");
        CHECK_INT(query(&w, "elsewhere.test", "A", w.second.address, LONG), -EAGAIN); /* REFUSED */
        CHECK_INT(query(&w, "big.shop.test", "A", w.second.address, LONG), 0);        /* by TCP */
        CHECK_INT(w.count, DNS_VALUES_MAX);
        kill(pid, SIGKILL);
        CHECK_INT(waitpid(pid, NULL, 0), pid);
        snprintf(command, sizeof(command), "rm -rf %s/*", w.folder);
        CHECK_INT(system(command), 0);
        dns_server_start(&w.second, w.event);
        world_end(&w);
}

MAIN()
