/* SPDX-License-Identifier: MIT */
/* dns actions beside the rest of a configuration: what is refused, what is warned of, and what a probe is told. */
#include "base/finding.h"
#include "probes/dns.h"
#include "supervisor/config.h"

#include "tests/test.h"

#define NODE  "node: {id: shop}\n"
#define MODES "modes: [{name: primary, requires: [domain]}, {name: crypto}]\n"
#define ACTION                                                                                             \
        "actions:\n  - {type: payment-mode}\n  - {type: dns, provider: rfc2136, server: 127.0.0.1, zone: " \
        "shop.example, key_file: k, "
#define BOTH                                                                                     \
        ACTION "records: {primary: [shop.example. 60 A 192.0.2.1], crypto: [shop.example. 60 A " \
               "198.51.100.7]}}\n"

static Config *loaded(const char *text)
{
        Config *c = NULL;
        Error e = {0};

        if (config_load_text("shop.yaml", text, strlen(text), &c, &e) < 0) {
                fprintf(stderr, "refused: %s\n", e.text);
                exit(1);
        }
        return c;
}

/* The findings of these codes: "severity place message", one a line. */
static char *found(const char *text)
{
        _cleanup_(config_freep) Config *c = loaded(text);
        _cleanup_findings_ Findings f = {0};
        _cleanup_text_ Text t = {0};
        char *s;

        config_verify_settings(c, &f);
        for (size_t i = 0; i < f.count; i++)
                if (strncmp(f.items[i]->code, "dns-", 4) == 0)
                        text_add(&t, "%s %s %s\n", finding_severity_name(f.items[i]->severity),
                                 f.items[i]->place, f.items[i]->message);
        CHECK_INT(text_take(&t, &s), 0);
        return s;
}

static void finds(const char *text, const char *wanted)
{
        char *s = found(text);

        CHECK_STR(s, wanted);
        free(s);
}

static void finds_nothing(const char *text)
{
        finds(text, "");
}

static bool follows_mode(const Config *c)
{
        return ((const DnsProbeConf *) c->probes[0]->conf)->follows_mode;
}

static void refused(const char *text, const char *reason)
{
        Config *c = NULL;
        Error e = {0};

        CHECK(config_load_text("shop.yaml", text, strlen(text), &c, &e) < 0);
        CHECK_STR(e.text, reason);
}

#define DOMAIN(expect) "probes:\n  domain: {type: dns, name: Shop.Example., record: a" expect "}\n"

TEST(a_required_probe_that_expects_what_one_mode_gives_is_refused)
{
        finds(NODE DOMAIN(", expect: [192.0.2.1]") MODES BOTH,
              "error shop.yaml:3:11 action `dns` makes shop.example A 198.51.100.7 in mode `crypto`, where "
              "probe `domain` "
              "then fails\n");
        finds(NODE DOMAIN(", expect: [192.0.2.9]") MODES BOTH,
              "error shop.yaml:3:11 action `dns` makes shop.example A 192.0.2.1 in mode `primary`, where "
              "probe `domain` "
              "then fails\n"
              "error shop.yaml:3:11 action `dns` makes shop.example A 198.51.100.7 in mode `crypto`, where "
              "probe `domain` "
              "then fails\n");
}

TEST(a_probe_that_expects_the_values_of_all_modes_is_taken)
{
        finds_nothing(NODE DOMAIN(", expect: [198.51.100.7, 192.0.2.1]") MODES BOTH);
        finds_nothing(NODE DOMAIN("") MODES BOTH);
        /* Another type, another name. */
        finds_nothing(NODE "probes:\n  domain: {type: dns, name: shop.example, record: MX, expect: [10 "
                           "mail.b.c]}\n" MODES BOTH);
        finds_nothing(NODE
                      "probes:\n  domain: {type: dns, name: www.shop.example, expect: [192.0.2.1]}\n" MODES
                                      BOTH);
}

TEST(a_probe_that_nothing_requires_is_warned_of)
{
        finds(NODE DOMAIN(", expect: [192.0.2.1]") "modes: [{name: primary}, {name: crypto}]\n" BOTH,
              "warning shop.yaml:3:11 action `dns` makes shop.example A 198.51.100.7 in mode `crypto`, where "
              "probe "
              "`domain` then fails\n");
}

TEST(a_mode_in_which_the_action_does_not_run_does_not_count)
{
        finds(NODE DOMAIN(", expect: [192.0.2.1]") MODES ACTION
              "modes: [primary], records: {primary: [shop.example. 60 A 192.0.2.1], crypto: [shop.example. "
              "60 A "
              "198.51.100.7]}}\n",
              "warning shop.yaml:7:5 action `dns` has records for mode `crypto`, in which it does not run\n");
}

TEST(a_record_that_a_mode_removes_fails_its_probe)
{
        static const char removed[] =
                        ACTION "records: {primary: [shop.example. 60 A 192.0.2.1], crypto: []}}\n";
        _cleanup_free_ char *with =
                        string_printf("%s%s", NODE DOMAIN(", expect: [192.0.2.1]") MODES, removed);
        _cleanup_free_ char *without = string_printf("%s%s", NODE DOMAIN("") MODES, removed);

        finds(with, "error shop.yaml:3:11 action `dns` removes shop.example A in mode `crypto`, where probe "
                    "`domain` then "
                    "fails\n");
        finds(without, "warning shop.yaml:3:11 action `dns` removes shop.example A in mode `crypto`, where "
                       "probe `domain` "
                       "then fails\n");
}

TEST(text_is_compared_whatever_its_quotes)
{
        static const char text[] =
                        ACTION "records: {primary: ['shop.example. 60 TXT \"a b\"'], crypto: ['shop.example. "
                               "60 TXT c']}}\n";
        _cleanup_free_ char *good = string_printf("%s%s",
                                                  NODE "probes:\n  domain: {type: dns, name: shop.example, "
                                                       "record: TXT, expect: [a b, '\"c\"']}\n" MODES,
                                                  text);

        finds_nothing(good);
}

TEST(an_alias_is_warned_of)
{
        finds(NODE
              "probes:\n  domain: {type: dns, name: shop.example, record: A, expect: [192.0.2.1]}\n" MODES
              "actions:\n  - {type: dns, provider: cloudflare, zone: shop.example, token_file: t, records: "
              "{primary: "
              "[shop.example. 60 A 192.0.2.1], crypto: [shop.example. 60 CNAME a.b]}}\n",
              "warning shop.yaml:3:11 action `dns` makes shop.example an alias, of which probe `domain` "
              "expects A "
              "records\n");
}

TEST(slow_missing_and_clashing_records_are_warned_of)
{
        finds(NODE DOMAIN("") MODES ACTION "records: {primary: [shop.example. 301 A 192.0.2.1]}}\n",
              "warning shop.yaml:7:5 action `dns`: shop.example A has a TTL of 301 s\n"
              "warning shop.yaml:7:5 action `dns` has no records for mode `crypto`\n");
        finds(NODE DOMAIN("") MODES BOTH "  - {type: dns, provider: rfc2136, server: 127.0.0.1, zone: "
                                         "shop.example, key_file: k, records: "
                                         "{primary: [shop.example. 60 A 192.0.2.1], crypto: []}}\n",
              "warning shop.yaml:3:11 action `dns-2` removes shop.example A in mode `crypto`, where probe "
              "`domain` then "
              "fails\n"
              "warning shop.yaml:8:5 action `dns-2` changes shop.example A, and so does `dns`\n");
        /* The same zone at another server is another matter. */
        finds_nothing(NODE DOMAIN("") MODES BOTH "  - {type: dns, provider: rfc2136, server: 127.0.0.2, "
                                                 "zone: shop.example, key_file: k, records: "
                                                 "{primary: [shop.example. 60 A 192.0.2.1], crypto: "
                                                 "[shop.example. 60 A 198.51.100.7]}}\n");
}

TEST(a_mode_that_does_not_exist_is_refused)
{
        refused(NODE DOMAIN("") MODES ACTION
                "records: {primary: [], backup: [shop.example. 60 A 192.0.2.1]}}\n",
                "shop.yaml:7:111: `records` names mode `backup`, which does not exist");
}

TEST(a_probe_is_told_that_its_record_follows_the_mode)
{
        _cleanup_(config_freep) Config *with = loaded(NODE DOMAIN("") MODES BOTH);
        _cleanup_(config_freep) Config *without = loaded(NODE DOMAIN("") MODES);

        CHECK(follows_mode(with));
        CHECK(!follows_mode(without));
        /* The probe's own part of the file is the same, so its object is kept. */
        config_carry_over(without, with);
        CHECK(!follows_mode(without));
        config_carry_over(with, without);
        CHECK(follows_mode(with));
}

MAIN()
