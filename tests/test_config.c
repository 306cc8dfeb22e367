/* SPDX-License-Identifier: MIT */
/* failoverd.yaml: what is read, what stands for what is left out, and what is refused, with its place. */
#include "supervisor/config.h"

#include "base/file.h"
#include "tests/test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define S USEC_PER_SEC

static Config *loaded(const char *text)
{
        Config *c = NULL;
        Error e;

        if (config_load_text("f.yaml", text, strlen(text), &c, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK(c);
        return c;
}

typedef struct Refusal {
        const char *text, *says; /* what the reason begins with */
} Refusal;

static void refused(const Refusal *list, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                Config *c = NULL;
                Error e = {0};

                CHECK_INT(config_load_text("f.yaml", list[i].text, strlen(list[i].text), &c, &e), -EINVAL);
                CHECK(!c);
                if (strncmp(e.text, list[i].says, strlen(list[i].says)) != 0)
                        fprintf(stderr, "%s\nis refused with\n%s\nnot\n%s\n", list[i].text, e.text,
                                list[i].says);
                CHECK(strncmp(e.text, list[i].says, strlen(list[i].says)) == 0);
        }
}

#define REFUSED(...)                                          \
        do {                                                  \
                static const Refusal list_[] = {__VA_ARGS__}; \
                refused(list_, ELEMENTSOF(list_));            \
        } while (0)

#define NODE  "node: {id: shop}\n"
#define MODES "modes: [{name: primary}]\n"
#define PAY   "probes:\n  pay: {type: http, url: \"https://pay.example/\"}\n"

/* --- what is read --- */

/* The contract's sample, without the types that are not there yet. */
static const char contract[] =
                "node:\n"
                "  id: my-shop\n"
                "  name: My Shop\n"
                "  url: https://shop.example\n"
                "  fallback_url: https://backup.shop.example\n"
                "  key_file: node.key\n"
                "probes:\n"
                "  payment-api:\n"
                "    type: http\n"
                "    url: https://api.stripe.com/v1/account    # a comment\n"
                "    bearer_file: stripe.key\n"
                "    expect_json: {charges_enabled: true}\n"
                "    scope: external\n"
                "  domain:\n"
                "    type: dns\n"
                "    name: shop.example\n"
                "    record: A\n"
                "    scope: external\n"
                "  disk:\n"
                "    type: disk\n"
                "    path: /var/lib/shop\n"
                "  checkout:\n"
                "    type: passive\n"
                "    from: [www-data]\n"
                "  btcpay:\n"
                "    type: http\n"
                "    url: http://127.0.0.1:23000/api/v1/health\n"
                "  port: {type: tcp, host: 127.0.0.1, port: 5432}\n"
                "  plugin: {type: exec, command: [/bin/true]}\n"
                "  reference-a: {type: http, url: https://www.wikipedia.org/}\n"
                "  reference-b: {type: dns, name: example.org, record: A, servers: [\"9.9.9.9:53\"]}\n"
                "vantage: [reference-a, reference-b]\n"
                "modes:\n"
                "  - name: primary\n"
                "    requires: [payment-api, domain, disk]\n"
                "  - name: crypto\n"
                "    requires: [btcpay, disk]\n"
                "    payment: crypto\n"
                "    checkout: cryptoCheckout\n"
                "    message: Using backup payment system. All books still available.\n"
                "  - name: federated\n"
                "    requires: [port]\n"
                "failback: {hold: 5m, flap_window: 1h, hold_max: 1h, max_changes_per_day: 6}\n"
                "metrics_listen: 127.0.0.1:9440\n"
                "heartbeat: {url: https://hc.example/ping, every: 1m}\n"
                "actions:\n"
                "  - type: payment-mode\n"
                "  - type: status-page\n"
                "  - type: alert\n"
                "    webhook: {url: https://ntfy.example/shop, format: ntfy}\n"
                "  - type: exec\n"
                "    command: [/usr/local/bin/on-change]\n"
                "  - type: http\n"
                "    url: https://hooks.example/shop\n"
                "    modes: [crypto]\n";

TEST(the_contract_without_what_is_to_come_is_read)
{
        _cleanup_(config_freep) Config *c = loaded(contract);

        CHECK_STR(c->node.id, "my-shop");
        CHECK_STR(c->node.name, "My Shop");
        CHECK_STR(c->node.fallback_url, "https://backup.shop.example");
        CHECK_INT(c->n_probes, 9);
        CHECK_STR(c->probes[0]->name, "payment-api"); /* in the order of the file */
        CHECK_STR(c->probes[0]->type->name, "http");
        CHECK_INT(c->probes[0]->scope, SCOPE_EXTERNAL);
        CHECK_INT(c->probes[4]->scope, SCOPE_LOCAL);
        CHECK_STR(c->probes[0]->place, "f.yaml:9:5");
        CHECK_INT(c->n_vantage, 2);
        CHECK_INT(c->vantage[0], 7);
        CHECK(c->probes[7]->vantage && c->probes[8]->vantage && !c->probes[0]->vantage);
        CHECK_INT(c->n_modes, 3);
        CHECK_STR(c->modes[1].name, "crypto");
        CHECK_INT(c->modes[1].n_requires, 2);
        CHECK_INT(c->modes[1].requires[0], 4);
        CHECK_INT(c->modes[1].requires[1], 2);
        CHECK_STR(c->modes[1].message, "Using backup payment system. All books still available.");
        CHECK_INT(c->n_actions, 5);
        CHECK_STR(c->actions[2]->name, "alert");
        CHECK_INT(c->heartbeat.every_usec, 60 * S);
        CHECK_STR(c->metrics_listen, "127.0.0.1:9440");
        CHECK_INT(c->mode.n_probes, 9);
        CHECK_INT(c->mode.n_modes, 3);
        CHECK(c->mode.probes[3].passive);
        CHECK(config_action_runs_in(c->actions[4], "crypto") &&
              !config_action_runs_in(c->actions[4], "primary"));
        CHECK(config_action_runs_in(c->actions[0], "primary"));
}

TEST(the_sample_in_etc_is_read)
{
        _cleanup_(config_freep) Config *c = NULL;
        Error e;

        if (config_load(SOURCE_DIR "/etc/failoverd.yaml", &c, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK(c);
        CHECK_STR(c->directory, SOURCE_DIR "/etc");
}

TEST(the_smallest_file_has_every_default)
{
        _cleanup_(config_freep) Config *c =
                        loaded("node: {id: shop}\n" PAY "modes: [{name: primary, requires: pay}]\n");
        const ModeProbe *p = &c->mode.probes[0];

        CHECK_STR(c->node.name, "shop");
        CHECK_STR(c->node.url, "");
        CHECK(!c->node.key_file && !c->metrics_listen && !c->heartbeat.url);
        CHECK_INT(p->interval_usec, 60 * S);
        CHECK_INT(p->fast_interval_usec, 5 * S);
        CHECK_INT(p->timeout_usec, 5 * S);
        CHECK_INT(p->fall, 3);
        CHECK_INT(p->window, 5);
        CHECK_INT(p->rise, 2);
        CHECK_INT(p->silence_usec, 600 * S);
        CHECK(!p->passive);
        CHECK_INT(c->mode.hold_usec, 300 * S); /* though there is no failback section */
        CHECK_INT(c->mode.flap_window_usec, 3600 * S);
        CHECK_INT(c->mode.hold_max_usec, 3600 * S);
        CHECK_INT(c->mode.max_changes_per_day, 6);
        CHECK_STR(c->modes[0].payment, "primary");
        CHECK_STR(c->modes[0].checkout, "checkout");
        CHECK_STR(c->modes[0].message, "");
        CHECK_INT(c->modes[0].n_requires, 1);
        CHECK_INT(c->n_actions, 0);
}

TEST(a_probe_that_may_take_longer_than_ten_intervals_is_not_silent_before)
{
        _cleanup_(config_freep) Config *c = loaded(NODE "probes:\n"
                                                        "  a: {type: tcp, host: a, port: 1, interval: 500ms, "
                                                        "fast_interval: 100ms, timeout: 30s}\n"
                                                        "  b: {type: tcp, host: a, port: 1, interval: 500ms, "
                                                        "fast_interval: 100ms, timeout: 1s}\n" MODES);

        CHECK_INT(c->mode.probes[0].silence_usec, 60 * S + 500 * USEC_PER_MSEC);
        CHECK_INT(c->mode.probes[1].silence_usec, 5 * S);
}

TEST(half_a_failback_keeps_the_other_defaults)
{
        _cleanup_(config_freep) Config *c = loaded(NODE MODES "failback: {hold: 90s}\n");

        CHECK_INT(c->mode.hold_usec, 90 * S);
        CHECK_INT(c->mode.flap_window_usec, 3600 * S);
        CHECK_INT(c->mode.max_changes_per_day, 6);
}

TEST(a_passive_probe_has_its_own_silence_and_no_interval)
{
        _cleanup_(config_freep) Config *c = loaded(
                        NODE
                        "probes: {a: {type: passive}, b: {type: passive, max_silence: 2m, fall: 1}}\n" MODES);

        CHECK(c->mode.probes[0].passive);
        CHECK_INT(c->mode.probes[0].silence_usec, 900 * S);
        CHECK_INT(c->mode.probes[1].silence_usec, 120 * S);
        CHECK_INT(c->mode.probes[1].fall, 1);
        REFUSED({NODE "probes: {a: {type: passive, interval: 5s}}\n" MODES,
                 "f.yaml:2:29: unknown key `interval`"});
}

TEST(payment_and_checkout_default_by_name)
{
        _cleanup_(config_freep) Config *c =
                        loaded(NODE "modes:\n"
                                    "- {name: primary}\n"
                                    "- {name: crypto}\n"
                                    "- {name: federated}\n"
                                    "- {name: backup-cards, payment: primary}\n"
                                    "- {name: other, payment: crypto, checkout: otherRoute}\n");
        static const char *const wanted[][2] = {{"primary", "checkout"},
                                                {"crypto", "cryptoCheckout"},
                                                {"federated", "federatedCheckout"},
                                                {"primary", "checkout"},
                                                {"crypto", "otherRoute"}};

        for (size_t i = 0; i < ELEMENTSOF(wanted); i++) {
                CHECK_STR(c->modes[i].payment, wanted[i][0]);
                CHECK_STR(c->modes[i].checkout, wanted[i][1]);
        }
}

TEST(actions_without_a_name_are_numbered)
{
        _cleanup_(config_freep) Config *c =
                        loaded(NODE MODES "actions:\n"
                                          "- {type: exec, command: [/bin/a]}\n"
                                          "- {type: exec, command: [/bin/b], name: exec-2}\n"
                                          "- {type: exec, command: [/bin/c]}\n"
                                          "- {type: payment-mode}\n");

        CHECK_STR(c->actions[0]->name, "exec");
        CHECK_STR(c->actions[1]->name, "exec-2");
        CHECK_STR(c->actions[2]->name, "exec-3");
        CHECK_STR(c->actions[3]->name, "payment-mode");
}

TEST(names_are_found_and_others_are_not)
{
        _cleanup_(config_freep) Config *c = loaded(contract);

        for (unsigned i = 0; i < c->n_probes; i++)
                CHECK_INT(config_find_probe(c, c->probes[i]->name), i);
        CHECK(config_find_probe(c, "payment") == PROBE_NONE);
        CHECK(config_find_probe(c, "") == PROBE_NONE);
        CHECK_INT(config_find_mode(c, "federated"), 2);
        CHECK(config_find_mode(c, "Federated") == MODE_NONE);
}

TEST(ten_thousand_probes_are_read_and_found)
{
        size_t size = 2000000, used = 0;
        _cleanup_free_ char *text = malloc(size);
        _cleanup_(config_freep) Config *c = NULL;

        CHECK(text);
        used += (size_t) snprintf(text, size, NODE "probes:\n");
        for (unsigned i = 0; i < 10000; i++)
                used += (size_t) snprintf(text + used, size - used,
                                          " p%u: {type: tcp, host: \"::1\", port: 1}\n", (i * 7919) % 10000);
        snprintf(text + used, size - used, "modes: [{name: primary, requires: [p9999, p0]}]\n");
        c = loaded(text);
        CHECK_INT(c->n_probes, 10000);
        CHECK_STR(c->probes[c->modes[0].requires[0]]->name, "p9999");
        CHECK_STR(c->probes[c->modes[0].requires[1]]->name, "p0");
}

/* --- what is refused --- */

TEST(unknown_keys_are_refused_and_the_near_one_named)
{
        REFUSED({NODE MODES "prober: {}\n",
                 "f.yaml:3:1: unknown key `prober`, did you mean `probes`? Known: "},
                {"node: {id: shop, nam: x}\n" MODES, "f.yaml:1:18: unknown key `nam`, did you mean `name`?"},
                {NODE MODES "failback: {holt: 5m}\n",
                 "f.yaml:3:12: unknown key `holt`, did you mean `hold`?"},
                {NODE
                 "probes:\n  pay:\n    type: http\n    url: https://a.example/\n    intervall: 5s\n" MODES,
                 "f.yaml:6:5: unknown key `intervall`, did you mean `interval`?"},
                {NODE "modes: [{name: primary, require: []}]\n",
                 "f.yaml:2:25: unknown key `require`, did you mean `requires`?"},
                {NODE MODES "actions: [{type: exec, commnd: [/bin/x]}]\n",
                 "f.yaml:3:24: unknown key `commnd`, did you mean `command`?"},
                {NODE MODES "heartbeat: {url: \"https://a.example/\", evry: 1m}\n",
                 "f.yaml:3:40: unknown key `evry`"});
}

TEST(wrong_types_are_refused)
{
        REFUSED({"- a\n- b\n", "f.yaml:1:1: the file is a mapping: node, probes, modes, actions, …"},
                {"", "f.yaml:"}, {"node: shop\n" MODES, "f.yaml:1:7: "},
                {NODE "modes: primary\n",
                 "f.yaml:2:8: `modes` is a list in order of preference: - name: primary"},
                {NODE "modes: []\n", "f.yaml:2:8: `modes` is a list in order of preference: - name: primary"},
                {NODE "modes: [primary]\n", "f.yaml:2:9: "},
                {NODE "probes: [a]\n" MODES, "f.yaml:2:9: `probes` maps names to probes"},
                {NODE "probes: {pay: http}\n" MODES,
                 "f.yaml:2:15: a probe is a mapping: {type: http, url: …}"},
                {NODE "probes: {pay: {type: [http]}}\n" MODES, "f.yaml:2:22: `type` is one word"},
                {NODE PAY "modes: [{name: primary, requires: {pay: 1}}]\n", "f.yaml:4:35: "},
                {NODE MODES "actions: {type: exec}\n",
                 "f.yaml:3:10: `actions` is a list: - type: payment-mode"},
                {NODE MODES "actions: [exec]\n", "f.yaml:3:11: an action is a mapping with a `type`"},
                {NODE MODES "actions: [{type: {a: b}}]\n", "f.yaml:3:18: `type` is one word"},
                {NODE MODES "failback: {max_changes_per_day: many}\n", "f.yaml:3:33: "},
                {NODE MODES "vantage: {a: b}\n", "f.yaml:3:10: "});
}

TEST(what_must_be_there_is_asked_for)
{
        REFUSED({MODES, "f.yaml:1:1: `node` is missing"},
                {"node: {name: x}\n" MODES, "f.yaml:1:7: `id` is missing"},
                {NODE, "f.yaml:1:1: `modes` is missing: the list of modes, in order of preference"},
                {NODE "probes: {pay: {url: \"https://a.example/\"}}\n" MODES,
                 "f.yaml:2:15: a probe needs a `type`"},
                {NODE "modes: [{requires: []}]\n", "f.yaml:2:9: `name` is missing"},
                {NODE MODES "heartbeat: {every: 1m}\n", "f.yaml:3:12: `url` is missing"},
                {NODE MODES "actions: [{name: x}]\n", "f.yaml:3:11: an action is a mapping with a `type`"},
                {NODE "probes: {pay: {type: http}}\n" MODES, "f.yaml:2:15: `url` is missing"});
}

TEST(types_that_are_not_there_are_refused_and_the_known_ones_named)
{
        REFUSED({NODE "probes:\n  db: {type: oracle, dsn: x}\n" MODES,
                 "f.yaml:3:14: unknown probe type `oracle`; known: http, dns, tcp,"},
                {NODE MODES "actions:\n- {type: telepathy, zone: x}\n",
                 "f.yaml:4:10: unknown action type `telepathy`; known: payment-mode, status-page,"});
}

TEST(what_contradicts_itself_is_refused)
{
        REFUSED({NODE MODES
                 "actions:\n- type: payment-mode\n- {type: payment-mode, name: other, modes: [primary]}\n",
                 "f.yaml:5:3: payment-mode is given twice: one writes payment.env for all modes"},
                {NODE MODES "failback: {hold: 2h, hold_max: 1h}\n",
                 "f.yaml:3:32: `hold_max` (1h) is shorter than `hold` (2h)"},
                {NODE MODES "failback: {hold_max: 1m}\n",
                 "f.yaml:3:22: `hold_max` (1m) is shorter than `hold` (5m)"});
        config_free(loaded(NODE MODES "failback: {hold: 2h}\n"));
        config_free(loaded(NODE MODES "failback: {hold: 1h, hold_max: 1h}\n"));
}

TEST(names_of_nodes_are_bounded)
{
        char text[600], name[202];

        memset(name, 'x', sizeof(name) - 1);
        name[201] = '\0';
        snprintf(text, sizeof(text), "node: {id: shop, name: %s}\n" MODES, name);
        refused(&(Refusal){text, "f.yaml:1:24: `name` has at most 200 bytes"}, 1);
        name[200] = '\0';
        snprintf(text, sizeof(text), "node: {id: shop, name: %s}\n" MODES, name);
        config_free(loaded(text));
        name[65] = '\0';
        snprintf(text, sizeof(text), "node: {id: %s}\n" MODES, name);
        refused(&(Refusal){text,
                           "f.yaml:1:12: `id` has letters, digits, dots, dashes and underscores, at most 64"},
                1);
}

TEST(durations_that_are_too_long_say_what_is_the_most)
{
#define INTERVAL(value) NODE MODES "probes: {a: {type: tcp, host: h, port: 1, interval: " value "}}\n"
        REFUSED({INTERVAL("99999999999d"), "f.yaml:3:53: `interval`: must be at most 1d"},
                {INTERVAL("999999999999999999999d"), "f.yaml:3:53: `interval`: must be at most 1d"},
                {INTERVAL("999999999999999999999"),
                 "f.yaml:3:53: `interval`: a duration needs a unit: 60s, 5m"});
#undef INTERVAL
}

TEST(references_to_nothing_are_refused)
{
        REFUSED({NODE PAY "modes:\n- {name: primary, requires: [pay, databse]}\n",
                 "f.yaml:5:35: requires names probe `databse`, which does not exist"},
                {NODE PAY "modes: [{name: primary, requires: [pay, pay]}]\n",
                 "f.yaml:4:41: requires names probe `pay` twice"},
                {NODE MODES "vantage: [moon]\n",
                 "f.yaml:3:11: vantage names probe `moon`, which does not exist"},
                {NODE MODES "actions: [{type: exec, command: [/bin/x], modes: [primary, moon]}]\n",
                 "f.yaml:3:60: `modes` names mode `moon`, which does not exist"});
}

TEST(names_given_twice_are_refused)
{
        REFUSED({NODE "modes: [{name: primary}, {name: primary}]\n",
                 "f.yaml:2:33: mode `primary` is given twice"},
                {NODE "probes:\n  a: {type: passive}\n  a: {type: passive}\n" MODES, "f.yaml:4:3: "},
                {NODE MODES "actions:\n- {type: exec, command: [/bin/x], name: a}\n- {type: http, url: "
                            "\"http://a.example/\", name: a}\n",
                 "f.yaml:5:48: action `a` is given twice"},
                {NODE NODE MODES, "f.yaml:2:1: "});
}

TEST(names_are_words)
{
        REFUSED({"node: {id: my shop}\n" MODES,
                 "f.yaml:1:12: `id` has letters, digits, dots, dashes and underscores"},
                {NODE "modes: [{name: \"a b\", payment: crypto}]\n", "f.yaml:2:16: `name` has letters"},
                {NODE "modes: [{name: crypto, checkout: \"a;rm -rf /\"}]\n",
                 "f.yaml:2:34: `checkout` has letters"},
                {NODE "modes: [{name: \"x\\nPAYMENT_MODE=primary\", payment: crypto}]\n", "f.yaml:2:16: "},
                {NODE "probes: {\"a/b\": {type: passive}}\n" MODES,
                 "f.yaml:2:10: a probe's name has letters"},
                {NODE MODES "actions: [{type: exec, command: [/bin/x], name: \"a b\"}]\n",
                 "f.yaml:3:49: `name` has letters"});
}

TEST(a_mode_says_how_buyers_pay)
{
        REFUSED({NODE "modes: [{name: backup}]\n",
                 "f.yaml:2:9: mode `backup` needs `payment`: primary, crypto or federated"},
                {NODE "modes: [{name: backup, payment: cash}]\n",
                 "f.yaml:2:33: payment is primary, crypto or federated, not `cash`"});
}

TEST(durations_need_a_unit_and_a_measure)
{
        REFUSED({NODE "probes: {p: {type: tcp, host: a, port: 1, interval: 60}}\n" MODES, "f.yaml:2:53: "},
                {NODE "probes: {p: {type: tcp, host: a, port: 1, interval: 60 s}}\n" MODES, "f.yaml:2:53: "},
                {NODE "probes: {p: {type: tcp, host: a, port: 1, interval: -5s}}\n" MODES, "f.yaml:2:53: "},
                {NODE "probes: {p: {type: tcp, host: a, port: 1, interval: 1ms}}\n" MODES, "f.yaml:2:53: "},
                {NODE "probes: {p: {type: tcp, host: a, port: 1, interval: 2d}}\n" MODES, "f.yaml:2:53: "},
                {NODE "probes: {p: {type: tcp, host: a, port: 1, timeout: 0}}\n" MODES, "f.yaml:2:52: "},
                {NODE "probes: {p: {type: tcp, host: a, port: 1, timeout: 1h}}\n" MODES, "f.yaml:2:52: "},
                {NODE MODES "failback: {hold: 5}\n", "f.yaml:3:18: "},
                {NODE MODES "failback: {hold: 31d}\n", "f.yaml:3:18: "},
                {NODE MODES "failback: {flap_window: 584000000000d}\n", "f.yaml:3:25: "},
                {NODE MODES "heartbeat: {url: \"https://a.example/\", every: 10ms}\n", "f.yaml:3:47: "});
}

TEST(thresholds_have_a_measure_and_must_make_sense)
{
        REFUSED({NODE "probes:\n  p: {type: tcp, host: a, port: 1, fall: 0}\n" MODES, "f.yaml:3:42: "},
                {NODE "probes:\n  p: {type: tcp, host: a, port: 1, fall: 17, window: 20}\n" MODES,
                 "f.yaml:3:42: "},
                {NODE "probes:\n  p: {type: tcp, host: a, port: 1, window: 65}\n" MODES, "f.yaml:3:44: "},
                {NODE "probes:\n  p: {type: tcp, host: a, port: 1, rise: 0}\n" MODES, "f.yaml:3:42: "},
                {NODE "probes:\n  p: {type: tcp, host: a, port: 1, rise: 2.5}\n" MODES, "f.yaml:3:42: "},
                {NODE "probes:\n  p: {type: tcp, host: a, port: 1, fall: 4, window: 3}\n" MODES,
                 "f.yaml:3:6: fall (4) is more than window (3): probe `p` could never be down"},
                {NODE "probes:\n  p: {type: passive, fall: 6}\n" MODES,
                 "f.yaml:3:6: fall (6) is more than window (5): probe `p` could never be down"},
                {NODE "probes:\n  p: {type: tcp, host: a, port: 1, interval: 2s}\n" MODES,
                 "f.yaml:3:6: fast_interval is longer than interval in probe `p`"},
                {NODE MODES "failback: {max_changes_per_day: 65}\n", "f.yaml:3:33: "},
                {NODE MODES "failback: {max_changes_per_day: -1}\n", "f.yaml:3:33: "});
}

TEST(a_reference_must_be_able_to_see)
{
        REFUSED({NODE "probes: {a: {type: passive}}\nvantage: [a]\n" MODES,
                 "f.yaml:3:10: vantage probe `a` is passive: it cannot tell whether this node sees the "
                 "outside"},
                {NODE "probes: {a: {type: tcp, host: a, port: 1, scope: external}}\nvantage: a\n" MODES,
                 "f.yaml:3:10: vantage probe `a` is external itself: it cannot tell"});
}

TEST(scopes_and_addresses_are_checked)
{
        REFUSED({NODE "probes:\n  p: {type: tcp, host: a, port: 1, scope: extern}\n" MODES, "f.yaml:3:43: "},
                {NODE "probes:\n  p: {type: tcp, host: a, port: 0}\n" MODES, "f.yaml:3:33: "},
                {NODE "probes:\n  p: {type: tcp, host: a, port: 65536}\n" MODES, "f.yaml:3:33: "},
                {"node: {id: a, url: ftp://x}\n" MODES, "f.yaml:1:20: "},
                {"node: {id: a, url: \"https://user:pw@x.example\"}\n" MODES, "f.yaml:1:20: "},
                {NODE MODES "metrics_listen: 0.0.0.0:9440\n",
                 "f.yaml:3:17: metrics_listen must be a loopback address, such as 127.0.0.1:9440"},
                {NODE MODES "metrics_listen: \"[::]:9440\"\n",
                 "f.yaml:3:17: metrics_listen must be a loopback"},
                {NODE MODES "metrics_listen: 9440\n", "f.yaml:3:17: "},
                {NODE MODES "metrics_listen: localhost:9440\n", "f.yaml:3:17: "});
}

TEST(bombs_and_tricks_of_yaml_are_refused_before_anything_is_built)
{
        REFUSED({"a: &a [1]\nb: *a\n", "f.yaml:1:4: "}, {"node: !!binary aGVsbG8=\n", "f.yaml:1:7: "},
                {NODE MODES "---\n" NODE MODES, "f.yaml:"}, {NODE MODES "x: [\n", "f.yaml:"},
                {"node: {id: \"\\xff\n", "f.yaml:"}, {"\tnode: {id: a}\n", "f.yaml:"},
                {"a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: 1}}}}}}}}}}}}}}}}}\n",
                 "f.yaml:1:"});
}

TEST(a_file_that_is_none_is_refused_with_its_path)
{
        Config *c = NULL;
        Error e;

        CHECK(config_load("/nonexistent/f.yaml", &c, &e) < 0);
        CHECK(strstr(e.text, "/nonexistent/f.yaml"));
        CHECK(config_load("/proc/self", &c, &e) < 0);
        CHECK(!c);
}

/* Cut off anywhere, or with a byte changed, it is read or refused with its place; never worse. */
TEST(a_damaged_file_is_read_or_refused)
{
        size_t size = strlen(contract);
        _cleanup_free_ char *text = strdup(contract);
        uint64_t random = 7;

        CHECK(text);
        for (size_t i = 0; i < 3000; i++) {
                Config *c = NULL;
                Error e = {0};
                size_t at = (size_t) ((random = random * 6364136223846793005 + 1442695040888963407) >> 33) %
                            size;
                char was = text[at];
                size_t length = i % 3 == 0 ? at : size;

                if (i % 3 == 1)
                        text[at] = (char) (random >> 20);
                else if (i % 3 == 2)
                        text[at] = " :-{}[]#&*!|>'\"%@\n"[(random >> 12) % 18];
                if (config_load_text("f.yaml", text, length, &c, &e) < 0)
                        CHECK(strncmp(e.text, "f.yaml:", 7) == 0);
                else
                        config_free(c);
                text[at] = was;
        }
}

/* --- reload --- */

TEST(what_did_not_change_is_carried_over_by_its_content)
{
        _cleanup_(config_freep) Config *old = loaded(contract), *same = loaded(contract);
        const ProbeConfig *pay = old->probes[0];
        const ActionConfig *alert = old->actions[2];

        CHECK(memcmp(old->hash, same->hash, sizeof(old->hash)) == 0);
        config_carry_over(same, old);
        CHECK(same->probes[0] == pay);
        CHECK(same->actions[2] == alert);
        for (unsigned i = 0; i < same->n_probes; i++) {
                CHECK_INT(same->probes[i]->index, i);
                CHECK_INT(config_find_probe(same, same->probes[i]->name), i);
                CHECK_INT(config_find_probe(old, old->probes[i]->name), i);
        }
}

TEST(a_reference_that_is_none_any_more_is_carried_over_as_none)
{
        static const char with[] = NODE "probes:\n  a: {type: passive}\n  b: {type: tcp, host: a, port: 1}\n"
                                        "vantage: [b]\n" MODES;
        static const char without[] = NODE "probes:\n  b: {type: tcp, host: a, port: 1}\n" MODES;
        _cleanup_(config_freep) Config *old = loaded(with), *new = loaded(without);
        const ProbeConfig *b = old->probes[1];

        config_carry_over(new, old);
        CHECK(new->probes[0] == b);
        CHECK(!b->vantage);
        CHECK_INT(b->index, 0);
        CHECK(old->probes[1]->vantage);
}

TEST(another_value_is_another_probe)
{
        _cleanup_(config_freep)
                        Config *old = loaded(NODE PAY MODES),
                               *new = loaded(NODE
                                             "probes:\n  pay: {type: http, url: \"https://pay.example/\", "
                                             "rise: 3}\n" MODES);
        const ProbeConfig *pay = old->probes[0];

        config_carry_over(new, old);
        CHECK(new->probes[0] != pay);
        CHECK_INT(new->probes[0]->rise, 3);
}

/* --- check-config --- */

typedef struct Found {
        char text[4096];
        unsigned errors, warnings;
} Found;

static void on_finding(bool error, const char *text, void *userdata)
{
        Found *f = userdata;
        size_t used = strlen(f->text);

        snprintf(f->text + used, sizeof(f->text) - used, "%s%s\n", error ? "error: " : "", text);
        f->errors += error;
        f->warnings += !error;
}

static Found verified(const char *text)
{
        _cleanup_(config_freep) Config *c = loaded(text);
        Found f = {0};

        CHECK_INT(config_verify(c, false, on_finding, &f), f.errors);
        return f;
}

TEST(a_sound_file_has_nothing_to_say)
{
        Found f = verified("node: {id: shop}\n"
                           "probes:\n"
                           "  a: {type: tcp, host: 127.0.0.1, port: 1, scope: external}\n"
                           "  b: {type: tcp, host: 127.0.0.1, port: 2}\n"
                           "  c: {type: tcp, host: 127.0.0.1, port: 3}\n"
                           "vantage: [b, c]\n"
                           "modes: [{name: primary, requires: [a]}, {name: crypto, requires: [b]}]\n"
                           "actions: [{type: payment-mode}, {type: alert, webhook: {url: "
                           "\"http://127.0.0.1:9/\", format: json}}]\n");

        CHECK_STR(f.text, "");
}

TEST(what_is_odd_is_warned_about)
{
        Found f = verified("node: {id: shop}\n"
                           "probes:\n"
                           "  a: {type: tcp, host: 127.0.0.1, port: 1, scope: external}\n"
                           "modes: [{name: primary}, {name: backup, payment: primary, requires: [a]}]\n");

        CHECK_INT(f.errors, 0);
        CHECK(strstr(f.text, "f.yaml:3:6: probe `a` is external, but there is no vantage"));
        CHECK(strstr(f.text, "modes: `primary` requires nothing, so it is never left"));
        CHECK(strstr(f.text, "modes: `primary` and `backup` tell the shop the same (primary, checkout)"));
        CHECK(strstr(f.text, "none of type payment-mode"));
        CHECK(strstr(f.text, "none of type alert"));
        f = verified("node: {id: shop}\nprobes: {a: {type: tcp, host: 127.0.0.1, port: 1}}\nvantage: "
                     "[a]\n" MODES);
        CHECK(strstr(f.text, "vantage: one reference only, `a`"));
        CHECK(strstr(f.text, "modes: `primary` is the only mode"));
}

static char *secret_file(const char *name, const char *text, mode_t mode)
{
        char folder[] = "/tmp/test-config-XXXXXX";
        static char path[256];
        int fd;

        CHECK(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/%s", folder, name);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t) strlen(text));
        CHECK_INT(fchmod(fd, mode), 0);
        close(fd);
        return path;
}

static void secret_gone(const char *path)
{
        char folder[256];

        CHECK_INT(unlink(path), 0);
        snprintf(folder, sizeof(folder), "%s", path);
        *strrchr(folder, '/') = 0;
        rmdir(folder);
}

TEST(a_secret_that_others_can_read_is_an_error_and_a_missing_one_a_warning)
{
        const char *path = secret_file("pay.key", "s3cret\n", 0644);
        char text[1024];
        Found f;

        snprintf(text, sizeof(text),
                 "node: {id: shop}\nprobes:\n  a: {type: http, url: \"https://a.example/\", bearer_file: "
                 "%s}\n" MODES,
                 path);
        f = verified(text);
        CHECK_INT(f.errors, 1);
        CHECK(strstr(f.text, "error: f.yaml:3:6: probe `a`: "));
        CHECK(strstr(f.text, path));
        CHECK(!strstr(f.text, "s3cret"));
        CHECK_INT(chmod(path, 0600), 0);
        f = verified(text);
        CHECK_INT(f.errors, 0);
        secret_gone(path);
        f = verified(text);
        CHECK_INT(f.errors, 0);
        CHECK(strstr(f.text, "f.yaml:3:6: probe `a`: "));
}

TEST(a_key_that_is_none_is_no_error_and_signs_nothing)
{
        _cleanup_(config_freep) Config *c = NULL;
        const char *path = secret_file("node.key", "not a key\n", 0600);
        char text[1024];
        Found f;

        snprintf(text, sizeof(text), "node: {id: shop, key_file: %s}\n" MODES, path);
        f = verified(text);
        CHECK_INT(f.errors, 0);
        CHECK(strstr(f.text, "node.key_file: ") && strstr(f.text, "nothing can be signed"));
        CHECK(!strstr(f.text, "not a key"));
        c = loaded(text);
        CHECK_INT(config_read_key(c), 0);
        CHECK(!c->key && strstr(c->key_error.text, "node.key_file: "));
        CHECK_INT(chmod(path, 0644), 0);
        f = verified(text);
        CHECK_INT(f.errors, 1);
        secret_gone(path);
}

TEST(every_section_has_words_for_every_key)
{
        const ConfSection *sections;
        size_t n = config_sections(&sections);

        CHECK(n >= 5);
        for (size_t i = 0; i < n; i++) {
                CHECK(sections[i].name && sections[i].help && sections[i].help[0]);
                for (const ConfField *f = sections[i].fields; f && f->key; f++)
                        CHECK(f->help && strlen(f->help) > 5);
        }
}

MAIN()
