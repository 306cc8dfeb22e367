/* SPDX-License-Identifier: MIT */
/* dns against a real authoritative server (knotd), and against servers that fail in every way. */
#include "tests/probe_bench.h"

#define KNOT    "127.0.0.1:5300"
#define PATIENT (10 * USEC_PER_SEC)
#define SHORT   (400 * USEC_PER_MSEC)

static Run run(uint64_t timeout_usec, const char *yaml)
{
        return bench_run_with("dns", yaml, NULL, timeout_usec);
}

static const char zone[] = "$ORIGIN shop.test.\n"
                           "$TTL 60\n"
                           "@ SOA ns hostmaster 1 3600 600 86400 60\n"
                           "@ NS ns\n"
                           "ns A 127.0.0.1\n"
                           "@ A 192.0.2.1\n"
                           "@ A 192.0.2.2\n"
                           "@ AAAA 2001:db8::1\n"
                           "@ MX 10 Mail.Shop.test.\n"
                           "@ TXT \"v=spf1 -ALL\"\n"
                           "@ CAA 0 issue \"letsencrypt.org\"\n"
                           "www CNAME @\n"
                           "_sip._tcp SRV 10 20 5060 ns\n";

static FILE *knot_output;
static pid_t knot;

/* On two addresses: as a named server, and as the system's own resolver. False where it cannot run. */
static bool knot_needed(void)
{
        const char *zone_path;
        _cleanup_free_ char *text = NULL;
        uint64_t end = clock_boot_usec() + 20 * USEC_PER_SEC;
        const char *conf;

        if (knot > 0)
                return true;
        if (access("/usr/sbin/knotd", X_OK) < 0) {
                fprintf(stderr, "  left out: knotd is not installed\n");
                return false;
        }
        if (!bench_needs_isolation("knotd"))
                return false;
        zone_path = bench_file("shop.test.zone", zone);
        FILE *f = fopen(zone_path, "a"); /* more than one UDP datagram takes */
        CHECK(f);
        for (int i = 0; i < 30; i++)
                fprintf(f, "large TXT \"%02d %0*d\"\n", i, 150, 0);
        CHECK(fclose(f) == 0);
        CHECK(text = string_printf("server:\n  rundir: %s\n  listen: [127.0.0.1@5300, 127.0.0.53@53]\n"
                                   "  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n"
                                   "log:\n  - target: stderr\n    any: warning\n"
                                   "database:\n  storage: %s\n"
                                   "zone:\n  - domain: shop.test\n    file: %s\n    zonefile-sync: -1\n",
                                   bench_folder, bench_folder, zone_path));
        conf = bench_file("knot.conf", text);
        knot = bench_process((const char *const[]){"/usr/sbin/knotd", "-c", conf, NULL}, &knot_output);
        while (run(USEC_PER_SEC, "{name: shop.test, servers: '" KNOT "'}").outcome != OUTCOME_PASS) {
                CHECK(waitpid(knot, NULL, WNOHANG) == 0);
                CHECK(clock_boot_usec() < end);
                usleep(20000);
        }
        return true;
}

static void knot_end(void)
{
        if (knot > 0)
                bench_process_end(knot, knot_output);
        knot = 0;
}

TEST(passes_when_the_record_exists)
{
        if (!knot_needed())
                return;
        Run r = run(PATIENT, "{name: shop.test, record: A, servers: ['" KNOT "']}");

        CHECK_INT(r.outcome, OUTCOME_PASS);
        CHECK(strstr(r.message, "192.0.2.1") && strstr(r.message, "192.0.2.2"));
        CHECK_RUN(OUTCOME_PASS, "2001:db8::1",
                  run(PATIENT, "{name: shop.test, record: AAAA, servers: '" KNOT "'}"));
        CHECK_RUN(OUTCOME_PASS, "shop.test",
                  run(PATIENT, "{name: www.shop.test, record: CNAME, servers: '" KNOT "'}"));
        CHECK_RUN(OUTCOME_PASS, "v=spf1 -ALL",
                  run(PATIENT, "{name: shop.test, record: TXT, servers: '" KNOT "'}"));
        CHECK_RUN(OUTCOME_PASS, "ns.shop.test",
                  run(PATIENT, "{name: shop.test, record: NS, servers: '" KNOT "'}"));
        CHECK_RUN(OUTCOME_PASS, "10 20 5060 ns.shop.test",
                  run(PATIENT, "{name: _sip._tcp.shop.test, record: SRV, servers: '" KNOT "'}"));
        CHECK_RUN(OUTCOME_PASS, "ns.shop.test hostmaster.shop.test 1 3600 600 86400 60",
                  run(PATIENT, "{name: shop.test, record: SOA, servers: '" KNOT "'}"));
}

TEST(follows_an_alias_to_its_addresses)
{
        if (!knot_needed())
                return;
        CHECK_INT(run(PATIENT,
                      "{name: www.shop.test, record: A, servers: '" KNOT "', expect: [192.0.2.1, 192.0.2.2]}")
                                  .outcome,
                  OUTCOME_PASS);
}

TEST(compares_sets_in_one_form)
{
        if (!knot_needed())
                return;
        CHECK_INT(run(PATIENT, "{name: SHOP.Test., servers: '" KNOT "', expect: [192.0.2.2, 192.0.2.1]}")
                                  .outcome,
                  OUTCOME_PASS);
        CHECK_INT(run(PATIENT,
                      "{name: shop.test, record: aaaa, servers: '" KNOT "', expect: '2001:DB8:0:0::1'}")
                                  .outcome,
                  OUTCOME_PASS);
        CHECK_INT(run(PATIENT,
                      "{name: shop.test, record: MX, servers: '" KNOT "', expect: 10 mail.shop.TEST.}")
                                  .outcome,
                  OUTCOME_PASS);
        CHECK_INT(run(PATIENT,
                      "{name: shop.test, record: TXT, servers: '" KNOT "', expect: '\"v=spf1 -ALL\"'}")
                                  .outcome,
                  OUTCOME_PASS);
        CHECK_INT(run(PATIENT, "{name: shop.test, record: CAA, servers: '" KNOT
                               "', expect: '0 issue \"letsencrypt.org\"'}")
                                  .outcome,
                  OUTCOME_PASS);
        CHECK_INT(run(PATIENT,
                      "{name: www.shop.test, record: CNAME, servers: '" KNOT "', expect: Shop.Test.}")
                                  .outcome,
                  OUTCOME_PASS);
}

TEST(fails_on_a_wrong_a_missing_and_an_unexpected_answer)
{
        if (!knot_needed())
                return;
        CHECK_RUN(OUTCOME_FAIL, "answer is 2001:db8::1; expected 2001:db8::2",
                  run(PATIENT,
                      "{name: shop.test, record: AAAA, servers: '" KNOT "', expect: '2001:db8::2'}"));
        CHECK_RUN(OUTCOME_FAIL, "answer is 2001:db8::1; expected 2001:db8::1, 2001:db8::2",
                  run(PATIENT, "{name: shop.test, record: AAAA, servers: '" KNOT
                               "', expect: ['2001:db8::1', '2001:db8::2']}"));
        CHECK_RUN(OUTCOME_FAIL, "answer is 192.0.2.*",
                  run(PATIENT, "{name: shop.test, servers: '" KNOT "', expect: 192.0.2.1}"));
        CHECK_RUN(OUTCOME_FAIL, "answer is v=spf1 -ALL; expected v=spf1 -all",
                  run(PATIENT, "{name: shop.test, record: TXT, servers: '" KNOT "', expect: v=spf1 -all}"));
}

TEST(fails_with_fewer_answers_than_wanted)
{
        if (!knot_needed())
                return;
        CHECK_RUN(OUTCOME_FAIL, "2 answers, expected at least 3",
                  run(PATIENT, "{name: shop.test, servers: '" KNOT "', min_answers: 3}"));
        CHECK_RUN(OUTCOME_FAIL, "1 answer, expected at least 2",
                  run(PATIENT, "{name: shop.test, record: NS, servers: '" KNOT "', min_answers: 2}"));
        CHECK_INT(run(PATIENT, "{name: shop.test, servers: '" KNOT "', min_answers: 2}").outcome,
                  OUTCOME_PASS);
}

TEST(fails_when_there_is_no_such_name_or_record)
{
        if (!knot_needed())
                return;
        CHECK_RUN(OUTCOME_FAIL, "NXDOMAIN", run(PATIENT, "{name: gone.shop.test, servers: '" KNOT "'}"));
        CHECK_RUN(OUTCOME_FAIL, "no AAAA record",
                  run(PATIENT, "{name: ns.shop.test, record: AAAA, servers: '" KNOT "'}"));
        CHECK_RUN(OUTCOME_FAIL, "NXDOMAIN", run(PATIENT, "{name: gone.shop.test}"));
        CHECK_RUN(OUTCOME_FAIL, "no AAAA record", run(PATIENT, "{name: ns.shop.test, record: AAAA}"));
}

TEST(asks_again_over_tcp_for_what_is_too_large)
{
        if (!knot_needed())
                return;
        CHECK_INT(run(PATIENT, "{name: large.shop.test, record: TXT, servers: '" KNOT "', min_answers: 30}")
                                  .outcome,
                  OUTCOME_PASS);
}

TEST(asks_the_systems_resolver_without_servers)
{
        if (!knot_needed())
                return;
        CHECK_INT(run(PATIENT, "{name: shop.test, expect: [192.0.2.1, 192.0.2.2]}").outcome, OUTCOME_PASS);
}

TEST(fails_when_a_named_server_refuses_to_say)
{
        NameServer servfail = {.rcode = 2}, refused = {.rcode = 5};

        if (!knot_needed())
                return;
        /* Knot refuses what it is not asked to serve. */
        CHECK_RUN(OUTCOME_FAIL, "REFUSED from " KNOT,
                  run(PATIENT, "{name: other.test, servers: '" KNOT "'}"));
        bench_name_server_begin(&servfail, "127.0.0.1", 5301);
        bench_name_server_begin(&refused, "127.0.0.1", 5302);
        CHECK_RUN(OUTCOME_FAIL, "SERVFAIL from 127.0.0.1:5301",
                  run(PATIENT, "{name: shop.test, servers: '127.0.0.1:5301'}"));
        CHECK_RUN(OUTCOME_FAIL, "REFUSED from 127.0.0.1:5302",
                  run(PATIENT, "{name: shop.test, servers: '127.0.0.1:5302'}"));
        CHECK_RUN(OUTCOME_FAIL, "REFUSED from 127.0.0.1:5302 (2 servers asked)",
                  run(PATIENT, "{name: shop.test, servers: ['127.0.0.1:5301', '127.0.0.1:5302']}"));
        bench_name_server_end(&servfail);
        bench_name_server_end(&refused);
}

TEST(fails_when_a_named_server_is_silent)
{
        if (!bench_needs_isolation("fixed ports"))
                return;
        int silent = bench_socket(SOCK_DGRAM, "127.0.0.1", 5303, NULL);
        Run r = run(SHORT, "{name: shop.test, servers: '127.0.0.1:5303'}");

        CHECK_RUN(OUTCOME_FAIL, "no answer in 400 ms (127.0.0.1:5303)", r);
        close(silent);
}

TEST(fails_when_nobody_listens_on_a_named_server)
{
        if (!bench_needs_isolation("fixed ports"))
                return;
        CHECK_INT(run(USEC_PER_SEC, "{name: shop.test, servers: '127.0.0.1:5304'}").outcome, OUTCOME_FAIL);
}

TEST(fails_on_an_answer_that_is_rubbish)
{
        NameServer rubbish = {.rubbish = true};

        if (!bench_needs_isolation("fixed ports"))
                return;
        bench_name_server_begin(&rubbish, "127.0.0.1", 5305);
        CHECK_INT(run(USEC_PER_SEC, "{name: shop.test, servers: '127.0.0.1:5305'}").outcome, OUTCOME_FAIL);
        bench_name_server_end(&rubbish);
}

TEST(asks_the_next_server_while_there_is_time)
{
        NameServer servfail = {.rcode = 2};
        int silent;

        if (!knot_needed())
                return;
        bench_name_server_begin(&servfail, "127.0.0.1", 5301);
        silent = bench_socket(SOCK_DGRAM, "127.0.0.1", 5303, NULL);
        CHECK_INT(run(PATIENT, "{name: shop.test, servers: ['127.0.0.1:5301', '" KNOT "']}").outcome,
                  OUTCOME_PASS);
        CHECK_INT(run(2 * USEC_PER_SEC, "{name: shop.test, servers: ['127.0.0.1:5303', '" KNOT "']}").outcome,
                  OUTCOME_PASS);
        CHECK_RUN(OUTCOME_FAIL, "NXDOMAIN",
                  run(PATIENT, "{name: gone.shop.test, servers: ['127.0.0.1:5301', '" KNOT "']}"));
        /* An answer is final: nobody is asked for a second opinion. */
        CHECK_RUN(OUTCOME_FAIL, "NXDOMAIN",
                  run(PATIENT, "{name: gone.shop.test, servers: ['" KNOT "', '127.0.0.1:5303']}"));
        close(silent);
        bench_name_server_end(&servfail);
}

/* From here on the system's resolver is ours. */

TEST(knows_nothing_when_the_systems_resolver_fails_or_refuses)
{
        NameServer s = {.rcode = 2};

        if (!bench_needs_isolation("the system's resolver"))
                return;
        knot_end();
        bench_name_server_begin(&s, "127.0.0.53", 53);
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "SERVFAIL*", run(5 * USEC_PER_SEC, "name: shop.test"));
        bench_name_server_end(&s);
        s.rcode = 5;
        bench_name_server_begin(&s, "127.0.0.53", 53);
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "REFUSED*", run(5 * USEC_PER_SEC, "name: shop.test"));
        bench_name_server_end(&s);
}

TEST(knows_nothing_when_the_systems_resolver_is_silent_or_gone)
{
        if (!bench_needs_isolation("the system's resolver"))
                return;
        knot_end();
        CHECK_INT(run(SHORT, "name: shop.test").outcome, OUTCOME_INCONCLUSIVE);
        int silent = bench_socket(SOCK_DGRAM, "127.0.0.53", 53, NULL);
        CHECK_INT(run(SHORT, "name: shop.test").outcome, OUTCOME_INCONCLUSIVE);
        close(silent);
}

TEST(refuses_what_cannot_be_meant)
{
        CHECK_REFUSED("dns", "name", "record: A");
        CHECK_REFUSED("dns", "not a domain name", "name: 'shop .test'");
        CHECK_REFUSED("dns", "not a domain name", "name: shop..test");
        CHECK_REFUSED("dns", "not a domain name", "name: bücher.test");
        CHECK_REFUSED("dns", "not a domain name", "name: ''");
        CHECK_REFUSED("dns", "not one of A, AAAA", "{name: shop.test, record: B}");
        CHECK_REFUSED("dns", "\"ns.shop.test:53\"", "{name: shop.test, servers: ['ns.shop.test:53']}");
        CHECK_REFUSED("dns", "not an IPv4 address", "{name: shop.test, expect: ['2001:db8::1']}");
        CHECK_REFUSED("dns", "not an IPv6 address", "{name: shop.test, record: AAAA, expect: [192.0.2.1]}");
        CHECK_REFUSED("dns", "preference", "{name: shop.test, record: MX, expect: mail.shop.test}");
        CHECK_REFUSED("dns", "", "{name: shop.test, min_answers: 0}");
        CHECK_REFUSED("dns", "could never pass", "{name: shop.test, expect: [192.0.2.1], min_answers: 2}");
}

TEST(knows_nothing_when_memory_or_descriptors_are_short)
{
        if (!knot_needed())
                return;
        bench_run_scarce("dns", PATIENT, "{name: shop.test, record: A, servers: [\"" KNOT "\"]}");
        bench_run_scarce("dns", PATIENT, "{name: large.shop.test, record: TXT, servers: [\"" KNOT "\"]}");
        bench_run_scarce("dns", PATIENT, "{name: shop.test, record: A, expect: [192.0.2.1, 192.0.2.2]}");
}

TEST(refuses_values_and_names_that_cannot_be)
{
        char yaml[400], much[61];

        memset(much, 'x', 60);
        much[60] = '\0';
        CHECK_REFUSED("dns", "expect: a value is empty", "{name: shop.test, record: TXT, expect: ['']}");
        CHECK_REFUSED("dns", "an MX value has a preference", "{name: shop.test, record: MX, expect: '10'}");
        CHECK_REFUSED("dns", "name", "name: a..b");
        snprintf(yaml, sizeof yaml, "name: %s.%s.%s.%s.%s", much, much, much, much, much);
        CHECK_REFUSED("dns", "name", yaml);
}

MAIN()
