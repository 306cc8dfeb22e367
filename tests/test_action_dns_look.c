/* SPDX-License-Identifier: MIT */
/* The look at a name server whether sets of records are so: values, TTL, aliases, wildcards, and no answer. */
#include "actions/dns.h"

#include "tests/action_rig.h"
#include "tests/dns_server.h"

#define HEAD "type: dns\nprovider: rfc2136\nserver: 127.0.0.1\nzone: shop.example\nkey_file: k\n"

typedef struct ZoneRecord {
        const char *name;
        unsigned type, ttl;
        const char *data;
} ZoneRecord;

/* What the server has; ended by a record without a name. Answered as RFC 1034 (section 4.3.2) has it. */
static const ZoneRecord *zone;

static bool name_exists(const char *name)
{
        size_t n = strlen(name);

        for (const ZoneRecord *r = zone; r->name; r++) {
                size_t length = strlen(r->name);
                if (streq(r->name, name) ||
                    (length > n && r->name[length - n - 1] == '.' && streq(r->name + length - n, name)))
                        return true;
        }
        return false;
}

/* The owner whose records answer for name: itself, or a wildcard below the closest name that exists. */
static const char *find_owner(const char *name)
{
        static char wildcard[300];

        if (name_exists(name))
                return name;
        for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
                if (name_exists(dot + 1)) {
                        snprintf(wildcard, sizeof(wildcard), "*.%s", dot + 1);
                        return wildcard;
                }
        return name;
}

static bool answer(DnsServer *s, const char *name, unsigned type, DnsAnswerBuffer *b)
{
        const char *owner = find_owner(name), *alias = NULL;
        bool exists = false;

        for (const ZoneRecord *r = zone; r->name; r++) {
                uint8_t address[4];

                exists = exists || streq(r->name, owner);
                if (!streq(r->name, owner) || (r->type != type && r->type != DNS_CNAME))
                        continue;
                if (r->type == DNS_CNAME) {
                        DnsAnswerBuffer target = {.size = 0};
                        dns_put_name(&target, r->data);
                        dns_put_record(b, NULL, DNS_CNAME, r->ttl, target.data, target.size);
                        alias = type == DNS_CNAME ? NULL : r->data;
                } else if (type == DNS_A) {
                        CHECK(inet_pton(AF_INET, r->data, address) == 1);
                        dns_put_record(b, NULL, type, r->ttl, address, 4);
                } else {
                        char text[256];
                        snprintf(text, sizeof(text), "%c%s", (int) strlen(r->data), r->data);
                        dns_put_record(b, NULL, type, r->ttl, text, strlen(r->data) + 1);
                }
        }
        for (const ZoneRecord *r = zone; alias && r->name; r++) {
                uint8_t address[4];
                if (streq(r->name, alias) && r->type == type && type == DNS_A) {
                        CHECK(inet_pton(AF_INET, r->data, address) == 1);
                        dns_put_record(b, alias, type, r->ttl, address, 4);
                }
        }
        b->data[2] = 0x84; /* authoritative, no recursion */
        b->data[3] = exists || name_exists(name) ? 0 : 3;
        return true;
}

typedef struct Seen {
        bool done;
        DnsSeen seen;
        char message[512];
} Seen;

static void on_look(DnsLook *look, DnsSeen seen, const char *message, void *userdata)
{
        Seen *s = userdata;

        CHECK(!s->done);
        s->done = true;
        s->seen = seen;
        snprintf(s->message, sizeof(s->message), "%s", message);
}

static Rig rig;
static DnsServer server;

/* What is seen when the mode m of these records is wanted and the server has those. */
static Seen look(const char *records, const ZoneRecord *has, uint64_t timeout_usec)
{
        _cleanup_free_ char *yaml = string_printf(HEAD "records: %s\n", records);
        const ActionType *type = action_type_find("dns");
        DnsActionConf *c = rig_conf(type, yaml);
        _cleanup_(dns_look_freep) DnsLook *look = NULL;
        Seen seen = {0};
        DnsSets sets;

        zone = has;
        CHECK_INT(dns_sets_new(c, dns_mode_find(c, "m"), &sets), 0);
        CHECK_INT(dns_look_start(rig.resolver, server.address, "shop.example", &sets, timeout_usec, on_look,
                                 &seen, &look),
                  0);
        CHECK(!seen.done);
        rig_turn(&rig, &seen.done, "a look");
        dns_sets_clear(&sets);
        rig_conf_free(type, c);
        return seen;
}

static void so(const char *records, const ZoneRecord *has)
{
        Seen seen = look(records, has, 5 * USEC_PER_SEC);

        if (seen.seen != DNS_SEEN_SO) {
                fprintf(stderr, "%s: not so: %s\n", records, seen.message);
                exit(1);
        }
}

static void otherwise(const char *records, const ZoneRecord *has, const char *message)
{
        Seen seen = look(records, has, 5 * USEC_PER_SEC);

        CHECK_INT(seen.seen, DNS_SEEN_OTHERWISE);
        CHECK_STR(seen.message, message);
}

static void open_all(void)
{
        rig_open(&rig);
        server = (DnsServer){.answer = answer};
        dns_server_start(&server, rig.event);
}

static void close_all(void)
{
        dns_server_stop(&server);
        rig_close(&rig);
}

#define TOP                                        \
        {                                          \
                "shop.example", DNS_TXT, 60, "top" \
        }

TEST(values_are_compared_as_sets_with_their_ttl)
{
        static const char two[] = "{m: [shop.example. 60 A 192.0.2.1, shop.example. 60 A 192.0.2.2]}";

        open_all();
        so(two, (ZoneRecord[]){{"shop.example", DNS_A, 60, "192.0.2.2"},
                               {"shop.example", DNS_A, 60, "192.0.2.1"},
                               {0}});
        otherwise(two, (ZoneRecord[]){{"shop.example", DNS_A, 60, "192.0.2.2"}, {0}},
                  "shop.example A is 192.0.2.2 (TTL 60); wanted is 192.0.2.1, 192.0.2.2 (TTL 60)");
        otherwise(two,
                  (ZoneRecord[]){{"shop.example", DNS_A, 60, "192.0.2.1"},
                                 {"shop.example", DNS_A, 60, "192.0.2.2"},
                                 {"shop.example", DNS_A, 60, "192.0.2.3"},
                                 {0}},
                  "shop.example A is 192.0.2.1, 192.0.2.2, 192.0.2.3 (TTL 60); wanted is 192.0.2.1, "
                  "192.0.2.2 (TTL "
                  "60)");
        otherwise("{m: [shop.example. 60 A 192.0.2.1]}",
                  (ZoneRecord[]){{"shop.example", DNS_A, 30, "192.0.2.1"}, {0}},
                  "shop.example A is 192.0.2.1 (TTL 30); wanted is 192.0.2.1 (TTL 60)");
        otherwise("{m: [shop.example. 60 A 192.0.2.1]}", (ZoneRecord[]){TOP, {0}},
                  "shop.example A is nothing; wanted is 192.0.2.1 (TTL 60)");
        close_all();
}

TEST(what_the_mode_does_not_list_must_be_gone)
{
        static const char gone[] = "{m: [shop.example. 60 TXT top], n: [a.shop.example. 60 A 192.0.2.1]}";

        open_all();
        so(gone, (ZoneRecord[]){TOP, {0}});
        so(gone, (ZoneRecord[]){TOP, {"a.shop.example", DNS_TXT, 60, "other"}, {0}});
        otherwise(gone, (ZoneRecord[]){TOP, {"a.shop.example", DNS_A, 60, "192.0.2.1"}, {0}},
                  "a.shop.example A is 192.0.2.1 (TTL 60); wanted is nothing");
        close_all();
}

TEST(an_alias_is_not_the_record_that_it_leads_to)
{
        open_all();
        otherwise("{m: [www.shop.example. 60 A 192.0.2.1]}",
                  (ZoneRecord[]){{"www.shop.example", DNS_CNAME, 60, "shop.example"},
                                 {"shop.example", DNS_A, 60, "192.0.2.1"},
                                 {0}},
                  "www.shop.example A is nothing, since an alias of shop.example stands there; wanted is "
                  "192.0.2.1 "
                  "(TTL 60)");
        /* The address is gone, and the alias in its place. */
        so("{m: [www.shop.example. 60 CNAME shop.example.], n: [www.shop.example. 60 A 192.0.2.1]}",
           (ZoneRecord[]){{"www.shop.example", DNS_CNAME, 60, "shop.example"},
                          {"shop.example", DNS_A, 60, "192.0.2.1"},
                          {0}});
        close_all();
}

TEST(a_wildcard_that_answers_for_a_record_is_not_that_record)
{
        static const char gone[] = "{m: [shop.example. 60 TXT top], n: [a.b.shop.example. 60 A 192.0.2.1]}";

        open_all();
        so(gone, (ZoneRecord[]){TOP, {"*.shop.example", DNS_A, 60, "192.0.2.9"}, {0}});
        so(gone, (ZoneRecord[]){TOP,
                                {"*.b.shop.example", DNS_A, 60, "192.0.2.9"},
                                {"*.shop.example", DNS_A, 60, "192.0.2.8"},
                                {0}});
        so(gone, (ZoneRecord[]){TOP, {"*.shop.example", DNS_CNAME, 60, "shop.example"}, {0}});
        otherwise(gone,
                  (ZoneRecord[]){TOP,
                                 {"*.shop.example", DNS_A, 60, "192.0.2.9"},
                                 {"a.b.shop.example", DNS_A, 60, "192.0.2.1"},
                                 {0}},
                  "a.b.shop.example A is 192.0.2.1 (TTL 60); wanted is nothing");
        /* The wildcard itself is what shall be gone. */
        otherwise("{m: [shop.example. 60 TXT top], n: ['*.b.shop.example. 60 A 192.0.2.1']}",
                  (ZoneRecord[]){TOP, {"*.b.shop.example", DNS_A, 60, "192.0.2.1"}, {0}},
                  "*.b.shop.example A is 192.0.2.1 (TTL 60); wanted is nothing");
        so("{m: [shop.example. 60 TXT top], n: ['*.b.shop.example. 60 A 192.0.2.1']}",
           (ZoneRecord[]){TOP, {"*.shop.example", DNS_A, 60, "192.0.2.1"}, {0}});
        close_all();
}

TEST(a_server_that_does_not_answer_is_no_answer)
{
        static const char one[] = "{m: [shop.example. 60 A 192.0.2.1, a.shop.example. 60 A 192.0.2.1]}";
        Seen seen;

        open_all();
        server.answer = NULL;
        server.rcode = 5;
        seen = look(one, (ZoneRecord[]){{0}}, 5 * USEC_PER_SEC);
        CHECK_INT(seen.seen, DNS_SEEN_NOTHING);
        CHECK(strstr(seen.message, "REFUSED from 127.0.0.1:"));
        server.silent = true;
        seen = look(one, (ZoneRecord[]){{0}}, 300 * USEC_PER_MSEC);
        CHECK_INT(seen.seen, DNS_SEEN_NOTHING);
        CHECK(strstr(seen.message, "no answer from 127.0.0.1:"));
        close_all();
}

TEST(freeing_a_look_forgets_it)
{
        const ActionType *type = action_type_find("dns");
        DnsActionConf *c = rig_conf(type, HEAD "records: {m: [shop.example. 60 A 192.0.2.1]}\n");
        DnsLook *look = NULL;
        Seen seen = {0};
        DnsSets sets;

        open_all();
        zone = (ZoneRecord[]){TOP, {0}};
        CHECK_INT(dns_sets_new(c, dns_mode_find(c, "m"), &sets), 0);
        CHECK_INT(dns_look_start(rig.resolver, server.address, "shop.example", &sets, USEC_PER_SEC, on_look,
                                 &seen, &look),
                  0);
        look = dns_look_free(look);
        for (int i = 0; i < 5; i++)
                CHECK(sd_event_run(rig.event, 10 * USEC_PER_MSEC) >= 0);
        CHECK(!look && !seen.done);
        dns_sets_clear(&sets);
        rig_conf_free(type, c);
        close_all();
}

MAIN()
