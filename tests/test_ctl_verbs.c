/* SPDX-License-Identifier: MIT */
/* failoverctl as a program: what it asks, what it prints, how it exits. */
#include "base/json.h"
#include "base/sign.h"
#include "tests/ctl_standin.h"

#define HISTORY                                                                                              \
        "{\"changes\":[{\"id\":\"01B\",\"at\":\"2026-11-20T09:00:00Z\",\"from\":\"primary\",\"to\":"         \
        "\"crypto\","                                                                                        \
        "\"cause\":\"payment-api down\",\"automatic\":true,\"actions\":[{\"type\":\"alert\",\"state\":"      \
        "\"given-up\"},{\"type\":\"payment-mode\",\"state\":\"done\"}]},{\"id\":\"01A\",\"at\":"             \
        "\"2026-11-19T09:00:00Z\",\"from\":\"\",\"to\":\"primary\",\"cause\":\"first start\",\"automatic\":" \
        "true,\"actions\":[]}]}"

TEST(status_exits_with_what_the_document_means)
{
        StandIn s;
        Ran ran = {};

        standin_start(&s, 200, SAMPLE_WELL);
        CHECK_INT(CTL(&s, &ran, "status"), 0);
        CHECK_STR(s.request, "GET /v1/status");
        CHECK(strncmp(ran.out, "my-shop OK: primary, all is well", 32) == 0);
        s.answer = SAMPLE_PRIMARY("\"primary\"", "false", "\"primary\"", SAMPLE_PROBE_UP, "");
        CHECK_INT(CTL(&s, &ran, "status"), 1);
        s.answer = SAMPLE_CRYPTO;
        CHECK_INT(CTL(&s, &ran, "status"), 2);
        CHECK(!strchr(ran.out, '\x1b'));
        CHECK_INT(CTL(&s, &ran, "status", "--json"), 2);
        CHECK_INT(CTL(&s, &ran, "status", "--nagios"), 2);
        CHECK(strncmp(ran.out, "FAILOVER CRITICAL - mode crypto since ", 38) == 0);
        ran_clear(&ran);
        standin_stop(&s);
}

TEST(json_is_the_daemons_answer)
{
        StandIn s;
        Ran ran = {};
        json_t *wanted = NULL, *got = NULL;

        standin_start(&s, 200, SAMPLE_CRYPTO);
        CHECK_INT(CTL(&s, &ran, "--json", "status"), 2);
        CHECK_INT(json_parse(SAMPLE_CRYPTO, strlen(SAMPLE_CRYPTO), &wanted, NULL), 0);
        CHECK_INT(json_parse(ran.out, strlen(ran.out), &got, NULL), 0);
        CHECK(json_equal(got, wanted));
        json_decref(wanted);
        json_decref(got);
        ran_clear(&ran);
        standin_stop(&s);
}

TEST(every_failure_of_status_is_3)
{
        StandIn s;
        Ran ran = {};

        standin_start(&s, 200, SAMPLE_WELL);
        CHECK_INT(CTL(&s, &ran, "status", "--bogus"), 3);
        CHECK_INT(CTL(&s, &ran, "--bogus", "status"), 3);
        CHECK_INT(CTL(&s, &ran, "status", "what"), 3);
        CHECK_INT(CTL(&s, &ran, "status", "--nagios", "--json"), 3);
        CHECK_INT(CTL(&s, &ran, "status", "--mode", "crypto"), 3);
        CHECK_INT(CTL(&s, &ran, "status", "--socket"), 3);
        CHECK_INT(CTL(&s, &ran, "status", "--socket", ""), 3);
        CHECK_INT(s.asked, 0);
        CHECK_INT(CTL(&s, &ran, "status", "--socket", "/nonexistent/control.sock"), 3);
        CHECK(strstr(ran.err, "no failoverd at /nonexistent/control.sock"));
        s.answer = "not JSON";
        CHECK_INT(CTL(&s, &ran, "status"), 3);
        s.answer = "{}";
        CHECK_INT(CTL(&s, &ran, "status", "--nagios"), 3);
        CHECK(strncmp(ran.out, "FAILOVER UNKNOWN - ", 19) == 0);
        s.status = 503;
        s.answer = "{\"success\":false,\"error\":\"the database does not answer\"}";
        CHECK_INT(CTL(&s, &ran, "status", "--json"), 3);
        CHECK_STR(ran.err, "failoverctl: status: the database does not answer\n");
        CHECK_STR(ran.out, "");
        s.server = http_server_free(s.server);
        CHECK_INT(CTL(&s, &ran, "status"), 3);
        CHECK(strlen(ran.err) > 0);
        ran_clear(&ran);
        standin_stop(&s);
}

TEST(a_refusal_is_told_in_the_daemons_words_and_exits_1)
{
        StandIn s;
        Ran ran = {};

        standin_start(&s, 409,
                      "{\"success\":false,\"error\":\"no fallback mode is ready: crypto waits for btcpay "
                      "(down: HTTP "
                      "503)\"}");
        CHECK_INT(CTL(&s, &ran, "force-fallback"), 1);
        CHECK_STR(ran.err,
                  "failoverctl: force-fallback: no fallback mode is ready: crypto waits for btcpay (down: "
                  "HTTP 503)\n");
        CHECK_STR(ran.out, "");
        s.answer = "{\"error\":\"a\\u001b[2Jb\\nc\"}";
        CHECK_INT(CTL(&s, &ran, "pause"), 1);
        CHECK(!strchr(ran.err, '\x1b'));
        CHECK_INT(strcspn(ran.err, "\n"), strlen(ran.err) - 1);
        s.answer = "<html>";
        CHECK_INT(CTL(&s, &ran, "resume"), 1);
        CHECK_STR(ran.err, "failoverctl: resume: failoverd answered 409 without a reason\n");
        CHECK_INT(CTL(&s, &ran, "ack", "--socket", "/nonexistent/s"), 1);
        ran_clear(&ran);
        standin_stop(&s);
}

TEST(verbs_send_what_the_contract_says)
{
        StandIn s;
        Ran ran = {};

        standin_start(&s, 200, "{\"success\":true}");
        CHECK_INT(CTL(&s, &ran, "force-fallback"), 0);
        CHECK_STR(s.request, "POST /v1/mode");
        CHECK_STR(s.body, "{\"fallback\":true}");
        CHECK_INT(CTL(&s, &ran, "force-fallback", "--mode", "crypto", "--for", "2h", "--reason",
                      "a \"test\""),
                  0);
        CHECK_STR(s.body, "{\"mode\":\"crypto\",\"for\":\"2h\",\"reason\":\"a \\\"test\\\"\"}");
        CHECK_INT(CTL(&s, &ran, "force-primary", "--for=30m"), 0);
        CHECK_STR(s.body, "{\"first\":true,\"for\":\"30m\"}");
        CHECK_INT(CTL(&s, &ran, "auto"), 0);
        CHECK_STR(s.request, "POST /v1/mode");
        CHECK_STR(s.body, "{\"auto\":true}");
        CHECK_INT(CTL(&s, &ran, "pause"), 0);
        CHECK_STR(s.request, "POST /v1/pause");
        CHECK_INT(CTL(&s, &ran, "resume"), 0);
        CHECK_STR(s.request, "POST /v1/resume");
        CHECK_INT(CTL(&s, &ran, "ack"), 0);
        CHECK_STR(s.request, "POST /v1/ack");
        CHECK_INT(CTL(&s, &ran, "alert", "--test"), 0);
        CHECK_STR(s.request, "POST /v1/alert/test");
        CHECK_INT(CTL(&s, &ran, "probe"), 0);
        CHECK_STR(s.request, "POST /v1/probe");
        CHECK_INT(CTL(&s, &ran, "probe", "a/b ?c"), 0);
        CHECK_STR(s.request, "POST /v1/probe/a/b ?c");
        ran_clear(&ran);
        standin_stop(&s);
}

TEST(words_of_the_daemon_are_printed_line_by_line)
{
        StandIn s;
        Ran ran = {};

        standin_start(&s, 200, "{\"change\":\"01B\",\"text\":\"one\\n\\ntwo \\u001b[2J\\u202e\"}");
        CHECK_INT(CTL(&s, &ran, "explain"), 0);
        CHECK_STR(s.request, "GET /v1/explain/latest");
        CHECK(strncmp(ran.out, "one\n\ntwo ", 9) == 0);
        CHECK(!strchr(ran.out, '\x1b') && !strstr(ran.out, "\xe2\x80\xae"));
        CHECK_INT(CTL(&s, &ran, "explain", "01B"), 0);
        CHECK_STR(s.request, "GET /v1/explain/01B");
        CHECK_INT(CTL(&s, &ran, "pause"), 0);
        CHECK(strncmp(ran.out, "one\n", 4) == 0);
        ran_clear(&ran);
        standin_stop(&s);
}

TEST(a_change_tells_the_mode_and_whether_it_is_saved)
{
        StandIn s;
        Ran ran = {};

        standin_start(&s, 200, "{\"success\":true,\"mode\":\"crypto\",\"change\":\"01B\",\"durable\":true}");
        CHECK_INT(CTL(&s, &ran, "force-fallback"), 0);
        CHECK_STR(ran.out, "The shop runs on crypto. It is pinned until `failoverctl auto`.\n");
        CHECK_INT(CTL(&s, &ran, "auto"), 0);
        CHECK_STR(ran.out, "The shop runs on crypto. Nothing is pinned: the probes decide.\n");
        s.answer = "{\"success\":true,\"mode\":\"crypto\",\"durable\":false}";
        CHECK_INT(CTL(&s, &ran, "pause"), 0);
        CHECK(strstr(ran.out, "\nNOT DURABLE"));
        ran_clear(&ran);
        standin_stop(&s);
}

TEST(a_test_alert_tells_what_became_of_each_channel)
{
        StandIn s;
        Ran ran = {};

        standin_start(&s, 502,
                      "{\"success\":false,\"error\":\"an alert was not delivered\",\"results\":[{\"action\":"
                      "\"oncall\",\"delivered\":false,\"message\":\"HTTP 502\"},{\"action\":\"chat\","
                      "\"delivered\":true,\"message\":\"\"}]}");
        CHECK_INT(CTL(&s, &ran, "alert", "--test"), 1);
        CHECK_STR(ran.out, "oncall: NOT DELIVERED: HTTP 502\nchat: delivered\n");
        CHECK_STR(ran.err, "failoverctl: alert: an alert was not delivered\n");
        s.status = 409;
        s.answer = "{\"success\":false,\"error\":\"no alert is configured\"}";
        CHECK_INT(CTL(&s, &ran, "alert", "--test"), 1);
        CHECK_STR(ran.out, "");
        CHECK_STR(ran.err, "failoverctl: alert: no alert is configured\n");
        ran_clear(&ran);
        standin_stop(&s);
}

TEST(a_run_of_a_probe_tells_its_outcome)
{
        StandIn s;
        Ran ran = {};

        standin_start(&s, 200,
                      "{\"success\":true,\"probe\":\"payment-api\",\"outcome\":\"fail\",\"verdict\":\"up\","
                      "\"message\":\"HTTP 503\",\"latency_ms\":12.14}");
        CHECK_INT(CTL(&s, &ran, "probe", "payment-api"), 0);
        CHECK_STR(ran.out, "payment-api: fail, HTTP 503, 12.1 ms; its verdict is up\n");
        s.status = 202;
        s.answer = "{\"success\":true,\"started\":3}";
        CHECK_INT(CTL(&s, &ran, "probe"), 0);
        ran_clear(&ran);
        standin_stop(&s);
}

TEST(a_plan_lists_its_actions)
{
        StandIn s;
        Ran ran = {};

        standin_start(&s, 200,
                      "{\"mode\":\"crypto\",\"actions\":[{\"type\":\"payment-mode\",\"name\":\"payment-"
                      "mode\","
                      "\"target\":\"\",\"event\":false,\"text\":\"write payment.env\"},{\"type\":\"alert\","
                      "\"name\":\"oncall\",\"target\":\"https://ntfy.example\",\"event\":true}],\"text\":"
                      "\"A change would take the shop to crypto.\"}");
        CHECK_INT(CTL(&s, &ran, "plan", "crypto"), 0);
        CHECK_STR(s.request, "GET /v1/plan mode=crypto");
        CHECK_STR(ran.out, "A change would take the shop to crypto.\n"
                           "Actions of a change to crypto:\n"
                           "  payment-mode: write payment.env\n"
                           "  oncall: alert to https://ntfy.example\n");
        CHECK_INT(CTL(&s, &ran, "plan"), 0);
        CHECK_STR(s.request, "GET /v1/plan");
        CHECK_INT(CTL(&s, &ran, "plan", "a&b=c"), 0);
        CHECK_STR(s.request, "GET /v1/plan mode=a&b=c");
        ran_clear(&ran);
        standin_stop(&s);
}

TEST(history_reads_newest_first)
{
        StandIn s;
        Ran ran = {};

        standin_start(&s, 200, HISTORY);
        CHECK_INT(CTL(&s, &ran, "history"), 0);
        CHECK_STR(s.request, "GET /v1/history limit=20");
        CHECK_STR(ran.out, "2026-11-20 09:00:00 UTC  primary -> crypto  automatic  01B\n"
                           "    payment-api down\n"
                           "    2 actions, not done: alert (given-up)\n"
                           "2026-11-19 09:00:00 UTC  primary  01A\n"
                           "    first start\n");
        CHECK_INT(CTL(&s, &ran, "history", "--limit", "3"), 0);
        CHECK_STR(s.request, "GET /v1/history limit=3");
        s.answer = "{\"changes\":[]}";
        CHECK_INT(CTL(&s, &ran, "history"), 0);
        CHECK_STR(ran.out, "No change is stored.\n");
        ran_clear(&ran);
        standin_stop(&s);
}

TEST(a_wrong_command_line_exits_2_and_asks_nothing)
{
        StandIn s;
        Ran ran = {};

        standin_start(&s, 200, "{}");
        CHECK_INT(CTL(&s, &ran), 2);
        CHECK(strstr(ran.err, "force-fallback") && ran.out[0] == '\0');
        CHECK_INT(CTL(&s, &ran, "paus"), 2);
        CHECK(strstr(ran.err, "did you mean pause?"));
        CHECK_INT(CTL(&s, &ran, "pause", "now"), 2);
        CHECK_INT(CTL(&s, &ran, "pause", "--for", "2h"), 2);
        CHECK_INT(CTL(&s, &ran, "force-fallback", "--for", "2"), 2);
        CHECK_INT(CTL(&s, &ran, "force-fallback", "--for", "0"), 2);
        CHECK_INT(CTL(&s, &ran, "force-fallback", "--for"), 2);
        CHECK_INT(CTL(&s, &ran, "force-fallback", "--nope"), 2);
        CHECK(strstr(ran.err, "--nope"));
        CHECK_INT(CTL(&s, &ran, "pause", "--json=yes"), 2);
        CHECK_INT(CTL(&s, &ran, "pause", "-x"), 2);
        CHECK_INT(CTL(&s, &ran, "history", "--limit", "0"), 2);
        CHECK_INT(CTL(&s, &ran, "history", "--limit", "-3"), 2);
        CHECK_INT(CTL(&s, &ran, "history", "--limit", "1001"), 2);
        CHECK_INT(CTL(&s, &ran, "alert"), 2);
        CHECK_INT(CTL(&s, &ran, "explain", ""), 2);
        CHECK_INT(CTL(&s, &ran, "simulate"), 2);
        CHECK_INT(CTL(&s, &ran, "simulate", "trace.jsonl"), 2);
        CHECK_INT(CTL(&s, &ran, "keygen", "--id", "a b", "-"), 2);
        CHECK_INT(CTL(&s, &ran, "help", "nothing-like-it"), 2);
        CHECK_INT(s.asked, 0);
        ran_clear(&ran);
        standin_stop(&s);
}

TEST(the_socket_option_stands_before_or_after_the_verb)
{
        StandIn s, other;
        Ran ran = {};

        standin_start(&s, 200, SAMPLE_WELL);
        standin_start(&other, 200, "{\"error\":\"not this one\"}");
        sd_event_unref(other.event);
        other.event = sd_event_ref(s.event);
        CHECK_INT(CTL(&other, &ran, "--socket", s.socket, "status"), 0);
        CHECK_INT(CTL(&other, &ran, "status", "--socket", s.socket), 0);
        CHECK_INT(s.asked, 2);
        CHECK_INT(other.asked, 0);
        ran_clear(&ran);
        standin_stop(&other);
        standin_stop(&s);
}

TEST(help_tells_every_verb_and_its_options)
{
        static const char *const verbs[] = {"status",   "force-fallback", "force-primary", "auto",
                                            "pause",    "resume",         "ack",           "plan",
                                            "explain",  "history",        "probe",         "alert",
                                            "simulate", "check-config",   "keygen",        "help"};
        StandIn s;
        Ran ran = {};

        standin_start(&s, 200, "{}");
        CHECK_INT(CTL(&s, &ran, "help"), 0);
        for (size_t k = 0; k < ELEMENTSOF(verbs); k++)
                CHECK(strstr(ran.out, verbs[k]));
        CHECK(!strstr(ran.out, "…")); /* nothing is cut in the middle */
        for (size_t k = 0; k < ELEMENTSOF(verbs); k++) {
                char wanted[64];

                snprintf(wanted, sizeof(wanted), "failoverctl %s", verbs[k]);
                CHECK_INT(CTL(&s, &ran, "help", verbs[k]), 0);
                CHECK(strncmp(ran.out, wanted, strlen(wanted)) == 0);
        }
        CHECK_INT(CTL(&s, &ran, "force-fallback", "--help"), 0);
        CHECK(strstr(ran.out, "--for DURATION"));
        CHECK_INT(CTL(&s, &ran, "--version"), 0);
        CHECK_STR(ran.out, "failoverctl " PROJECT_VERSION "\n");
        ran_clear(&ran);
        standin_stop(&s);
}

static void check_private(const char *path)
{
        struct stat st;

        CHECK_INT(stat(path, &st), 0);
        CHECK_INT(st.st_mode & 07777, 0600);
}

TEST(keygen_writes_a_private_key_once_and_prints_its_public_half)
{
        _cleanup_(sign_key_freep) SignKey *key = NULL;
        _cleanup_free_ char *secret = NULL, *again = NULL, *public_key = NULL, *wanted = NULL;
        StandIn s;
        Ran ran = {};
        Error e = {};
        char path[128];
        mode_t mask = umask(0);

        standin_start(&s, 200, "{}");
        snprintf(path, sizeof(path), "%s/node.key", s.folder);
        CHECK_INT(CTL(&s, &ran, "keygen", "--id", "k1", path), 0);
        umask(mask);
        check_private(path);
        CHECK_INT(file_read(path, 4096, &secret, NULL), 0);
        CHECK_INT(sign_key_parse(secret, &key, &e), 0);
        CHECK_STR(key->id, "k1");
        CHECK_INT(base64_encode(key->public_key, sizeof(key->public_key), &public_key), 0);
        wanted = string_printf("ed25519:k1 %s\n", public_key);
        CHECK_STR(ran.out, wanted);

        CHECK_INT(CTL(&s, &ran, "keygen", path), 1);
        CHECK(strstr(ran.err, "never overwritten"));
        CHECK_INT(file_read(path, 4096, &again, NULL), 0);
        CHECK_STR(again, secret);
        CHECK_INT(unlink(path), 0);
        CHECK_INT(CTL(&s, &ran, "keygen", "/nonexistent/node.key"), 1);
        ran_clear(&ran);
        standin_stop(&s);
}

TEST(keygen_prints_the_key_when_told_to)
{
        _cleanup_(sign_key_freep) SignKey *key = NULL;
        StandIn s;
        Ran ran = {};
        Error e = {};

        standin_start(&s, 200, "{}");
        CHECK_INT(CTL(&s, &ran, "keygen", "-"), 0);
        ran.out[strcspn(ran.out, "\n")] = '\0';
        CHECK_INT(sign_key_parse(ran.out, &key, &e), 0);
        CHECK(strstr(ran.err, key->id));
        ran_clear(&ran);
        standin_stop(&s);
}

MAIN()
