/* SPDX-License-Identifier: MIT */
/* dns at Cloudflare: the fewest changes, and what is made of each answer of the API. */
#include "actions/dns_cloudflare.h"

#include "tests/action_rig.h"

#include <signal.h>
#include <sys/wait.h>

#define HEAD "type: dns\nprovider: cloudflare\nzone: shop.example\ntoken_file: token\n"
#define ONE  "records: {crypto: [shop.example. 60 A 198.51.100.7]}\n"

/* --- the plan --- */

static const ActionType *dns(void)
{
        return action_type_find("dns");
}

/* The batch that makes a zone with these records (as the API tells of them) what mode m of the others wants. */
static void check_plan(const char *records, const char *has, DnsProxied proxied, const char *wanted)
{
        _cleanup_free_ char *yaml = string_printf(HEAD "records: %s\n", records), *body = NULL;
        DnsActionConf *c = rig_conf(dns(), yaml);
        CloudflareRecords list = {0};
        CloudflarePlan plan;
        DnsSets sets;
        json_t *result = NULL;
        Error e = {0};

        if (json_parse(has, strlen(has), &result, &e) < 0) {
                fprintf(stderr, "%s: %s\n", has, e.text);
                exit(1);
        }
        CHECK_INT(dns_sets_new(c, dns_mode_find(c, "m"), &sets), 0);
        CHECK_INT(cloudflare_records_add(&list, result, &sets), 0);
        CHECK_INT(cloudflare_plan_make(&sets, &list, proxied, &plan), 0);
        if (plan.body)
                body = json_dumps(plan.body, JSON_COMPACT | JSON_SORT_KEYS);
        CHECK_STR(body ? body : "", wanted);
        CHECK_INT(plan.first != NULL, *wanted != '\0');
        cloudflare_plan_clear(&plan);
        cloudflare_records_clear(&list);
        dns_sets_clear(&sets);
        json_decref(result);
        rig_conf_free(dns(), c);
}

TEST(what_is_right_is_left_alone)
{
        check_plan("{m: [shop.example. 60 A 192.0.2.1]}",
                   "[{\"id\":\"1\",\"type\":\"A\",\"name\":\"shop.example\",\"content\":\"192.0.2.1\","
                   "\"ttl\":60}]",
                   DNS_PROXIED_KEEP, "");
        /* In every form in which the API tells of a value. */
        check_plan("{m: ['shop.example. 60 TXT \"a b\"']}",
                   "[{\"id\":\"1\",\"type\":\"TXT\",\"name\":\"shop.example\",\"content\":\"a "
                   "b\",\"ttl\":60}]",
                   DNS_PROXIED_KEEP, "");
        check_plan("{m: ['shop.example. 60 TXT \"a b\"']}",
                   "[{\"id\":\"1\",\"type\":\"TXT\",\"name\":\"shop.example\",\"content\":\"\\\"a \\\" "
                   "\\\"b\\\"\",\"ttl\":60}]",
                   DNS_PROXIED_KEEP, "");
        check_plan("{m: ['shop.example. 60 AAAA 2001:db8::1']}",
                   "[{\"id\":\"1\",\"type\":\"AAAA\",\"name\":\"Shop.Example\",\"content\":\"2001:DB8:0::1\","
                   "\"ttl\":60}]",
                   DNS_PROXIED_KEEP, "");
        check_plan("{m: ['shop.example. 60 MX 10 mail.b.c.']}",
                   "[{\"id\":\"1\",\"type\":\"MX\",\"name\":\"shop.example\",\"content\":\"mail.b.c\","
                   "\"priority\":10,\"ttl\":60}]",
                   DNS_PROXIED_KEEP, "");
        check_plan("{m: ['_p._tcp.shop.example. 60 SRV 1 2 443 a.b']}",
                   "[{\"id\":\"1\",\"type\":\"SRV\",\"name\":\"_p._tcp.shop.example\",\"content\":\"2 443 "
                   "a.b\",\"ttl\":60,"
                   "\"data\":{\"priority\":1,\"weight\":2,\"port\":443,\"target\":\"a.b\"}}]",
                   DNS_PROXIED_KEEP, "");
        check_plan("{m: ['shop.example. 60 CAA 0 issue \"a.b\"']}",
                   "[{\"id\":\"1\",\"type\":\"CAA\",\"name\":\"shop.example\",\"content\":\"0 issue "
                   "a.b\",\"ttl\":60,"
                   "\"data\":{\"flags\":0,\"tag\":\"issue\",\"value\":\"a.b\"}}]",
                   DNS_PROXIED_KEEP, "");
}

TEST(records_that_no_mode_lists_are_not_touched)
{
        check_plan("{m: [shop.example. 60 A 192.0.2.1]}",
                   "[{\"id\":\"1\",\"type\":\"A\",\"name\":\"shop.example\",\"content\":\"192.0.2.1\","
                   "\"ttl\":60},"
                   "{\"id\":\"2\",\"type\":\"TXT\",\"name\":\"shop.example\",\"content\":\"x\",\"ttl\":60},"
                   "{\"id\":\"3\",\"type\":\"A\",\"name\":\"www.shop.example\",\"content\":\"192.0.2.9\","
                   "\"ttl\":60},"
                   "{\"id\":\"4\",\"type\":\"NS\",\"name\":\"shop.example\",\"content\":\"ns.b.c\",\"ttl\":"
                   "60},"
                   "{\"id\":\"5\",\"type\":\"HTTPS\",\"name\":\"shop.example\",\"content\":\"1 "
                   ".\",\"ttl\":60}]",
                   DNS_PROXIED_KEEP, "");
}

TEST(a_record_is_changed_rather_than_made_anew)
{
        check_plan("{m: [shop.example. 60 A 192.0.2.1]}",
                   "[{\"id\":\"1\",\"type\":\"A\",\"name\":\"shop.example\",\"content\":\"192.0.2.7\","
                   "\"ttl\":300}]",
                   DNS_PROXIED_KEEP,
                   "{\"patches\":[{\"content\":\"192.0.2.1\",\"id\":\"1\",\"name\":\"shop.example\","
                   "\"proxied\":false,"
                   "\"ttl\":60,\"type\":\"A\"}]}");
        check_plan("{m: [shop.example. 60 A 192.0.2.1]}",
                   "[{\"id\":\"1\",\"type\":\"A\",\"name\":\"shop.example\",\"content\":\"192.0.2.1\","
                   "\"ttl\":300}]",
                   DNS_PROXIED_KEEP,
                   "{\"patches\":[{\"content\":\"192.0.2.1\",\"id\":\"1\",\"name\":\"shop.example\","
                   "\"proxied\":false,"
                   "\"ttl\":60,\"type\":\"A\"}]}");
}

TEST(of_several_only_those_that_differ_change)
{
        /* 1 stays, 2 becomes the new one, 3 is one too many. */
        check_plan("{m: [shop.example. 60 A 192.0.2.1, shop.example. 60 A 192.0.2.5]}",
                   "[{\"id\":\"2\",\"type\":\"A\",\"name\":\"shop.example\",\"content\":\"192.0.2.2\","
                   "\"ttl\":60},"
                   "{\"id\":\"1\",\"type\":\"A\",\"name\":\"shop.example\",\"content\":\"192.0.2.1\",\"ttl\":"
                   "60},"
                   "{\"id\":\"3\",\"type\":\"A\",\"name\":\"shop.example\",\"content\":\"192.0.2.3\",\"ttl\":"
                   "60}]",
                   DNS_PROXIED_KEEP,
                   "{\"deletes\":[{\"id\":\"3\"}],\"patches\":[{\"content\":\"192.0.2.5\",\"id\":\"2\","
                   "\"name\":"
                   "\"shop.example\",\"proxied\":false,\"ttl\":60,\"type\":\"A\"}]}");
}

TEST(each_type_is_written_as_the_api_wants_it)
{
        check_plan("{m: ['shop.example. 60 TXT \"a \\\"b\\\"\" c', 'shop.example. 300 MX 10 mail.b.c.', "
                   "'_p._tcp.shop.example. 60 SRV 1 2 443 a.b', 'shop.example. 1 CAA 0 issue \"a.b; c=d\"']}",
                   "[]", DNS_PROXIED_ON,
                   "{\"posts\":["
                   "{\"content\":\"\\\"a \\\\\\\"b\\\\\\\"\\\" "
                   "\\\"c\\\"\",\"name\":\"shop.example\",\"ttl\":60,\"type\":"
                   "\"TXT\"},"
                   "{\"content\":\"mail.b.c\",\"name\":\"shop.example\",\"priority\":10,\"ttl\":300,\"type\":"
                   "\"MX\"},"
                   "{\"data\":{\"port\":443,\"priority\":1,\"target\":\"a.b\",\"weight\":2},\"name\":\"_p._"
                   "tcp.shop."
                   "example\",\"ttl\":60,\"type\":\"SRV\"},"
                   "{\"data\":{\"flags\":0,\"tag\":\"issue\",\"value\":\"a.b; "
                   "c=d\"},\"name\":\"shop.example\",\"ttl\":1,"
                   "\"type\":\"CAA\"}]}");
}

TEST(an_origin_behind_the_proxies_is_not_shown)
{
        static const char behind[] =
                        "[{\"id\":\"1\",\"type\":\"A\",\"name\":\"shop.example\",\"content\":\"192.0.2.1\","
                        "\"ttl\":1,\"proxied\":true}]";

        /* Its TTL is Cloudflare's own. */
        check_plan("{m: [shop.example. 60 A 192.0.2.1]}", behind, DNS_PROXIED_KEEP, "");
        check_plan("{m: [shop.example. 60 A 192.0.2.2]}", behind, DNS_PROXIED_KEEP,
                   "{\"patches\":[{\"content\":\"192.0.2.2\",\"id\":\"1\",\"name\":\"shop.example\","
                   "\"proxied\":true,"
                   "\"ttl\":1,\"type\":\"A\"}]}");
        /* A new one beside it, and one in its place. */
        check_plan("{m: [shop.example. 60 A 192.0.2.1, 'shop.example. 60 AAAA 2001:db8::1']}", behind,
                   DNS_PROXIED_KEEP,
                   "{\"posts\":[{\"content\":\"2001:db8::1\",\"name\":\"shop.example\",\"proxied\":true,"
                   "\"ttl\":1,"
                   "\"type\":\"AAAA\"}]}");
        check_plan("{m: [shop.example. 60 CNAME a.b], n: [shop.example. 60 A 192.0.2.1]}", behind,
                   DNS_PROXIED_KEEP,
                   "{\"deletes\":[{\"id\":\"1\"}],\"posts\":[{\"content\":\"a.b\",\"name\":\"shop.example\","
                   "\"proxied\":"
                   "true,\"ttl\":1,\"type\":\"CNAME\"}]}");
        check_plan("{m: [shop.example. 60 A 192.0.2.1]}", behind, DNS_PROXIED_OFF,
                   "{\"patches\":[{\"content\":\"192.0.2.1\",\"id\":\"1\",\"name\":\"shop.example\","
                   "\"proxied\":false,"
                   "\"ttl\":60,\"type\":\"A\"}]}");
        check_plan("{m: [shop.example. 60 A 192.0.2.1]}", "[]", DNS_PROXIED_ON,
                   "{\"posts\":[{\"content\":\"192.0.2.1\",\"name\":\"shop.example\",\"proxied\":true,"
                   "\"ttl\":1,\"type\":"
                   "\"A\"}]}");
}

TEST(a_list_that_is_none_is_refused)
{
        static const char *const bad[] = {"{}", "[1]", "[{\"type\":\"A\"}]", "[{\"id\":7,\"name\":\"a\"}]"};

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                CloudflareRecords list = {0};
                DnsSets sets = {0};
                json_t *j = NULL;

                CHECK_INT(json_parse(bad[i], strlen(bad[i]), &j, NULL), 0);
                CHECK_INT(cloudflare_records_add(&list, j, &sets), -EBADMSG);
                cloudflare_records_clear(&list);
                json_decref(j);
        }
}

/* --- the API, played by tests/parts/cloudflare-api --- */

static Rig rig;
static pid_t part;
static unsigned port;
static char control[120];

static void part_start(void)
{
        static const char program[] = BINARY_DIR "/tests/cloudflare-api";
        int out[2];
        char line[16] = "";

        rig_open(&rig);
        rig_write(&rig, "token", "the-right-token\n", 0600);
        snprintf(control, sizeof(control), "%s/part.sock", rig.folder);
        CHECK_INT(pipe(out), 0);
        part = fork();
        CHECK(part >= 0);
        if (part == 0) {
                dup2(out[1], STDOUT_FILENO);
                execl(program, program, "--control", control, "--token", "the-right-token", (char *) NULL);
                _exit(127);
        }
        close(out[1]);
        CHECK(read(out[0], line, sizeof(line) - 1) > 0);
        close(out[0]);
        port = (unsigned) strtoul(line, NULL, 10);
}

static void part_stop(void)
{
        CHECK_INT(kill(part, SIGTERM), 0);
        CHECK_INT(waitpid(part, NULL, 0), part);
        rig_close(&rig);
}

static bool obeyed;
static json_t *told;

static void on_order(Fetch *fetch, const FetchResult *result, void *userdata)
{
        CHECK_INT(result->error, FETCH_OK);
        CHECK_INT(result->status, 200);
        told = json_loads(result->body, 0, NULL);
        obeyed = true;
}

/* NULL: asks what it has instead. */
static json_t *order(const char *text)
{
        _cleanup_(fetch_freep) Fetch *fetch = NULL;
        FetchRequest request = {.url = "http://part/",
                                .unix_socket = control,
                                .body = text,
                                .body_size = text ? strlen(text) : 0,
                                .timeout_usec = 10 * USEC_PER_SEC,
                                .flags = FETCH_FRESH};

        obeyed = false;
        json_decref(told);
        told = NULL;
        CHECK_INT(fetch_start(rig.fetch, &request, on_order, NULL, &fetch), 0);
        rig_turn(&rig, &obeyed, "an order");
        return told;
}

static long long part_number(const char *key)
{
        return json_integer_value(json_object_get(order(NULL), key));
}

static ActionResult run(const char *more, bool query)
{
        _cleanup_free_ char *yaml =
                        string_printf(HEAD ONE "url: http://127.0.0.1:%u/client/v4/\n%s", port, more);
        void *c = rig_conf(dns(), yaml);
        ActionFacts facts = rig_facts();
        ActionResult result = rig_run(&rig, dns(), c, &facts, query);

        CHECK(!strstr(rig.message, "the-right-token"));
        rig_conf_free(dns(), c);
        return result;
}

static void retried(const char *more, const char *message)
{
        CHECK_INT(run(more, false), ACTION_RETRY);
        CHECK_STR(rig.message, message);
}

TEST(is_asked_and_made_so)
{
        part_start();
        CHECK_INT(run("", true), ACTION_MISSING);
        CHECK_STR(rig.message, "Cloudflare has something else for shop.example A");
        CHECK_INT(part_number("writes"), 0);
        CHECK_INT(run("", false), ACTION_DONE);
        CHECK_STR(rig.message, "Cloudflare has what crypto wants: 0 changed, 1 added, 0 removed");
        CHECK_INT(run("", true), ACTION_DONE);
        CHECK_INT(run("", false), ACTION_DONE);
        CHECK_STR(rig.message, "Cloudflare has 1 set of records as crypto wants");
        CHECK_INT(part_number("writes"), 1);
        part_stop();
}

TEST(every_page_is_read)
{
        part_start();
        order("pages 1");
        order("record {\"type\":\"A\",\"name\":\"shop.example\",\"content\":\"192.0.2.1\",\"ttl\":60}");
        order("record {\"type\":\"TXT\",\"name\":\"shop.example\",\"content\":\"x\",\"ttl\":60}");
        order("record {\"type\":\"A\",\"name\":\"shop.example\",\"content\":\"192.0.2.2\",\"ttl\":60}");
        CHECK_INT(run("", false), ACTION_DONE);
        CHECK_STR(rig.message, "Cloudflare has what crypto wants: 1 changed, 0 added, 1 removed");
        part_stop();
}

TEST(a_zone_is_found_by_name_or_by_id)
{
        part_start();
        CHECK_INT(run("zone_id: 023e105f4ecef8ad9ca31a8372d0c353\n", false), ACTION_DONE);
        retried("zone_id: 372e67954025e0ba6aaa6d586b9e0b59\n",
                "zone_id is the id of other.example, not of shop.example");
        CHECK_INT(run("zone_id: 00000000000000000000000000000000\n", false), ACTION_RETRY);
        CHECK(strstr(rig.message, "HTTP 404: Could not route to"));
        /* The token may edit, but not look up. */
        order("edit-only");
        retried("", "Cloudflare refuses the token in token: Authentication error (10000); it needs Zone:Read "
                    "and DNS:Edit "
                    "of shop.example");
        CHECK_INT(run("zone_id: 023e105f4ecef8ad9ca31a8372d0c353\n", false), ACTION_DONE);
        part_stop();
}

TEST(a_zone_that_the_token_does_not_see_is_told)
{
        part_start();
        _cleanup_free_ char *yaml = string_printf("type: dns\nprovider: cloudflare\nzone: third.example\n"
                                                  "token_file: token\nurl: http://127.0.0.1:%u/client/v4\n"
                                                  "records: {crypto: [third.example. 60 A 192.0.2.1]}\n",
                                                  port);
        void *c = rig_conf(dns(), yaml);
        ActionFacts facts = rig_facts();

        CHECK_INT(rig_run(&rig, dns(), c, &facts, false), ACTION_RETRY);
        CHECK_STR(rig.message,
                  "Cloudflare: the token sees no zone third.example; it needs Zone:Read and DNS:Edit of it");
        rig_conf_free(dns(), c);
        part_stop();
}

TEST(refusals_are_told_and_tried_again)
{
        part_start();
        order("status 429");
        retried("", "Cloudflare asks to wait: HTTP 429: Please wait and consider throttling your request "
                    "speed (971)");
        CHECK_INT(rig.retry_after_usec, USEC_PER_SEC);
        order("status 500");
        retried("", "Cloudflare refuses: HTTP 500: as ordered (1000)");
        order("status 400");
        retried("", "Cloudflare refuses: HTTP 400: as ordered (1000)");
        order("unwilling");
        retried("", "Cloudflare refuses: HTTP 200: DNS Validation Error (1004)");
        order("html");
        retried("", "HTTP 200, but the answer is not JSON: not Cloudflare's API");
        order("ok");
        rig_write(&rig, "token", "another-token\n", 0600);
        retried("", "Cloudflare refuses the token in token: Invalid access token (9109); it needs Zone:Read "
                    "and DNS:Edit "
                    "of shop.example");
        rig_write(&rig, "token", "no\n", 0600);
        retried("", "Cloudflare refuses the token in token: Invalid request headers (6003); it needs "
                    "Zone:Read and "
                    "DNS:Edit of shop.example");
        rig_write(&rig, "token", "the-right-token\n", 0644);
        CHECK_INT(run("", false), ACTION_RETRY);
        CHECK(strstr(rig.message, "others may read"));
        part_stop();
}

TEST(an_unmanaged_alias_in_the_way_is_told)
{
        part_start();
        order("record {\"type\":\"CNAME\",\"name\":\"shop.example\",\"content\":\"a.b\",\"ttl\":60}");
        retried("", "Cloudflare refuses: HTTP 400: An A, AAAA, or CNAME record with that host already "
                    "exists. (81053)");
        CHECK_INT(part_number("writes"), 0);
        part_stop();
}

TEST(an_answer_that_is_lost_does_no_harm)
{
        part_start();
        order("lost");
        CHECK_INT(run("", false), ACTION_RETRY);
        CHECK_INT(part_number("writes"), 1);
        order("ok");
        CHECK_INT(run("", true), ACTION_DONE);
        CHECK_INT(run("", false), ACTION_DONE);
        CHECK_INT(part_number("writes"), 1);
        part_stop();
}

TEST(abandoning_an_attempt_forgets_it)
{
        ActionFacts facts = rig_facts();
        Action *a = NULL;

        part_start();
        order("silent");
        _cleanup_free_ char *yaml = string_printf(HEAD ONE "url: http://127.0.0.1:%u/client/v4\n", port);
        void *c = rig_conf(dns(), yaml);

        CHECK_INT(action_start(&rig.context, dns(), c, &facts, false, on_rig_done, &rig, &a), 0);
        for (int i = 0; i < 20; i++)
                CHECK(sd_event_run(rig.event, 10 * USEC_PER_MSEC) >= 0);
        action_free(a);
        for (int i = 0; i < 5; i++)
                CHECK(sd_event_run(rig.event, 10 * USEC_PER_MSEC) >= 0);
        CHECK_INT(rig.reports, 0);
        rig_conf_free(dns(), c);
        json_decref(told);
        told = NULL;
        part_stop();
}

static void zone_anew(void *userdata)
{
        order("clear");
        order("record {\"type\":\"A\",\"name\":\"shop.example\",\"content\":\"192.0.2.1\",\"ttl\":60}");
}

TEST(our_own_shortage_is_a_retry)
{
        ActionFacts facts = rig_facts();

        part_start();
        _cleanup_free_ char *yaml = string_printf(HEAD ONE "url: http://127.0.0.1:%u/client/v4/\n", port);
        void *c = rig_conf(dns(), yaml);
        rig_run_scarce(&rig, dns(), c, &facts, false, zone_anew, NULL);
        rig_run_scarce(&rig, dns(), c, &facts, true, NULL, NULL);
        rig_conf_free(dns(), c);
        part_stop();
}

MAIN()
