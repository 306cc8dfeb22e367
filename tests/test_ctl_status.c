/* SPDX-License-Identifier: MIT */
/* What a status document means, and how it reads. */
#include "base/clock.h"
#include "ctl/status.h"
#include "tests/ctl_samples.h"
#include "tests/test.h"

#include <locale.h>
#include <time.h>

static json_t *parse(const char *text)
{
        json_t *status = NULL;
        Error e = {};

        setlocale(LC_CTYPE, "C.UTF-8");
        setenv("TZ", "UTC", 1);
        tzset();
        CHECK_INT(json_parse(text, strlen(text), &status, &e), 0);
        return status;
}

static int level_of(const char *text)
{
        _cleanup_json_ json_t *status = parse(text);
        _cleanup_health_ Health h = {};
        Error e = {};

        CHECK_INT(health_judge(status, &h, &e), 0);
        return (int) h.level;
}

static char *show(const char *text, unsigned width, bool live)
{
        _cleanup_json_ json_t *status = parse(text);
        _cleanup_health_ Health h = {};
        Page p = {.width = width};
        uint64_t now_usec = 0;
        char *shown = NULL;
        Error e = {};

        CHECK_INT(timestamp_parse("2026-11-20T09:14:03Z", &now_usec), 0);
        CHECK_INT(health_judge(status, &h, &e), 0);
        status_show(&p, status, &h, now_usec, live);
        CHECK_INT(text_take(&p.text, &shown), 0);
        return shown;
}

#define SOUND   ",\"durable\":true,\"alerts\":[],\"actions\":[]"
#define DOWN_UP SAMPLE_PROBE_UP ",{\"name\":\"btcpay\",\"type\":\"http\",\"verdict\":\"down\"}"

TEST(the_first_mode_with_all_probes_up_is_0)
{
        CHECK_INT(level_of(SAMPLE_WELL), 0);
}

TEST(anything_to_look_at_in_the_first_mode_is_1)
{
        static const char *const cases[] = {
                        SAMPLE_PRIMARY("\"primary\"", "false", "\"primary\"", SAMPLE_PROBE_UP, SOUND),
                        SAMPLE_PRIMARY("null", "true", "\"primary\"", SAMPLE_PROBE_UP, SOUND),
                        SAMPLE_PRIMARY("null", "false", "\"primary\"", DOWN_UP, SOUND),
                        SAMPLE_PRIMARY("null", "false", "\"primary\"",
                                       "{\"name\":\"a\",\"type\":\"http\",\"verdict\":\"unknown\"}", SOUND),
                        SAMPLE_PRIMARY("null", "false", "\"primary\"",
                                       "{\"name\":\"a\",\"verdict\":\"up\",\"outcome\":\"warn\"}", SOUND),
                        SAMPLE_PRIMARY("null", "false", "\"primary\"", "", ",\"durable\":false"),
                        SAMPLE_PRIMARY("null", "false", "\"primary\"", "", ",\"blind\":true"),
                        SAMPLE_PRIMARY("null", "false", "\"primary\"", "", ",\"reload_refused\":\"why\""),
                        SAMPLE_PRIMARY("null", "false", "\"primary\"", "", ",\"tilt\":true"),
                        SAMPLE_PRIMARY("null", "false", "\"primary\"", "", ",\"returns_stopped\":true"),
                        SAMPLE_PRIMARY("null", "false", "\"primary\"", "",
                                       ",\"alerts\":[{\"name\":\"a\",\"message\":\"b\"}]"),
                        SAMPLE_PRIMARY("null", "false", "\"primary\"", "",
                                       ",\"actions\":[{\"type\":\"http\",\"state\":\"given-up\"}]"),
                        SAMPLE_PRIMARY("null", "false", "\"primary\"", "",
                                       ",\"actions\":[{\"type\":\"a\",\"state\":\"pending\",\"attempts\":2}"
                                       "]"),
        };

        for (size_t k = 0; k < ELEMENTSOF(cases); k++)
                CHECK_INT(level_of(cases[k]), 1);
}

TEST(a_silent_passive_probe_and_a_first_attempt_under_way_are_nothing_to_look_at)
{
        CHECK_INT(level_of(SAMPLE_PRIMARY("null", "false", "\"primary\"",
                                          "{\"name\":\"c\",\"type\":\"passive\",\"verdict\":\"unknown\"}",
                                          SOUND)),
                  0);
        CHECK_INT(level_of(SAMPLE_PRIMARY(
                                  "null", "false", "\"primary\"", "",
                                  ",\"actions\":[{\"type\":\"a\",\"state\":\"pending\",\"attempts\":1,"
                                  "\"message\":\"\"},{\"type\":\"b\",\"state\":\"superseded\"}]")),
                  0);
}

TEST(another_mode_or_none_healthy_is_2)
{
        CHECK_INT(level_of(SAMPLE_CRYPTO), 2);
        CHECK_INT(level_of(SAMPLE_PRIMARY("null", "false", "null", DOWN_UP, SOUND)), 2);
}

TEST(what_is_no_status_is_refused)
{
        static const char *const bad[] = {"{}", "[]", "{\"mode\":\"primary\"}",
                                          "{\"mode\":3,\"modes\":[{\"name\":\"a\"}]}",
                                          "{\"mode\":\"a\",\"modes\":[]}"};

        for (size_t k = 0; k < ELEMENTSOF(bad); k++) {
                _cleanup_json_ json_t *status = parse(bad[k]);
                _cleanup_health_ Health h = {};
                Error e = {};

                CHECK_INT(health_judge(status, &h, &e), -EBADMSG);
                CHECK(e.text[0] != '\0');
        }
}

TEST(the_first_line_says_mode_state_age_and_cause)
{
        _cleanup_free_ char *bad = show(SAMPLE_CRYPTO, 0, false), *well = show(SAMPLE_WELL, 0, false);
        const char *wanted = "my-shop CRITICAL: crypto, not primary, for 14 min 2 s "
                             "(since 2026-11-20 09:00:00 UTC): payment-api down: HTTP 503 (3 of 5)\n";

        CHECK(strncmp(bad, wanted, strlen(wanted)) == 0);
        wanted = "my-shop OK: primary, all is well, for 14 min 2 s (since 2026-11-20 09:00:00 UTC): first "
                 "start\n";
        CHECK(strncmp(well, wanted, strlen(wanted)) == 0);
        CHECK(!strstr(well, "What you can do"));
}

TEST(every_line_fits_the_width)
{
        static const unsigned widths[] = {40, 80, 120, 200};

        for (size_t k = 0; k < ELEMENTSOF(widths); k++) {
                _cleanup_free_ char *text = show(SAMPLE_CRYPTO, widths[k], k % 2 == 0);

                for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
                        CHECK(plain_columns(line) <= widths[k]);
        }
}

TEST(what_needs_eyes_stands_first_among_the_probes)
{
        _cleanup_free_ char *text = show(SAMPLE_CRYPTO, 80, false);
        const char *table = strstr(text, "Probes"), *down = strstr(table, "\n  payment-api"),
                   *unknown = strstr(table, "\n  peers"), *warns = strstr(table, "\n  domain"),
                   *up = strstr(table, "\n  database"), *silent = strstr(table, "\n  checkout");

        CHECK(down && unknown && warns && up && silent);
        CHECK(down < unknown && unknown < warns && warns < up && up < silent);
        CHECK(strstr(down, "down") && strstr(down, "ffffffpp") && strstr(down, "HTTP 503"));
}

TEST(failing_actions_alerts_and_next_steps_are_told)
{
        _cleanup_free_ char *text = show(SAMPLE_CRYPTO, 120, false);

        CHECK(strstr(text, "  oncall to https://ntfy.example/shop: pending, 4 attempts: HTTP 502\n"));
        CHECK(strstr(text, "  certificate:domain for 1 h 14 min: the certificate of shop.example ends in 6 "
                           "days\n"));
        CHECK(strstr(text, "failoverctl explain"));
        CHECK(strstr(text, "  primary    waiting for payment-api\n"));
        CHECK(strstr(text, "> crypto     ready\n"));
        CHECK(!strstr(text, "failoverctl auto "));
}

TEST(the_alert_that_an_ack_ends_says_so)
{
        _cleanup_free_ char *gone = show(SAMPLE_PRIMARY("null", "false", "\"primary\"", SAMPLE_PROBE_UP,
                                                        ",\"alerts\":[{\"name\":\"mode-gone\",\"since\":"
                                                        "\"2026-11-20T08:00:00Z\",\"message\":\"gone\"}]"),
                                         120, false),
                            *other = show(SAMPLE_CRYPTO, 120, false);

        CHECK(strstr(gone, "failoverctl ack"));
        CHECK(!strstr(other, "failoverctl ack"));
}

TEST(an_action_that_speaks_to_many_is_named_once_and_its_rows_are_cut)
{
        _cleanup_text_ Text rows = {0};

        text_add_string(&rows, ",\"alerts\":[],\"actions\":[");
        for (int i = 0; i < 50; i++)
                text_add(&rows,
                         "%s{\"type\":\"notify-peers\",\"name\":\"notify-peers\",\"target\":\"p%d\","
                         "\"state\":\"%s\",\"attempts\":4,\"message\":\"HTTP 502\"}",
                         i > 0 ? "," : "", i, i % 2 ? "pending" : "done");
        text_add_string(&rows, "]}");
        _cleanup_free_ char *status = string_printf(
                        "%.*s%s",
                        (int) strlen(SAMPLE_PRIMARY("null", "false", "\"primary\"", SAMPLE_PROBE_UP, "")) - 1,
                        SAMPLE_PRIMARY("null", "false", "\"primary\"", SAMPLE_PROBE_UP, ""), rows.data);
        _cleanup_free_ char *text = show(status, 120, false);

        CHECK(strstr(text, "Look at     action notify-peers failing 25 times\n"));
        CHECK(strstr(text, "  notify-peers to p1: pending, 4 attempts: HTTP 502\n"));
        CHECK(strstr(text, "  notify-peers to p15: pending"));
        CHECK(!strstr(text, "  notify-peers to p17: pending"));
        CHECK(strstr(text, "  notify-peers: and 17 more (failoverctl status --json)\n"));
}

TEST(a_live_screen_has_the_urgent_above_the_tables)
{
        _cleanup_free_ char *live = show(SAMPLE_CRYPTO, 80, true), *printed = show(SAMPLE_CRYPTO, 80, false);

        CHECK(strstr(live, "\nAlerts") < strstr(live, "\nProbes"));
        CHECK(strstr(printed, "\nAlerts") > strstr(printed, "\nProbes"));
}

TEST(a_pin_says_until_when_and_how_it_ends)
{
        _cleanup_free_ char *text = show(
                        SAMPLE_PRIMARY("\"primary\"", "true", "\"crypto\"", SAMPLE_PROBE_UP, ""), 0, false);

        CHECK(strstr(text, "pinned to primary until `failoverctl auto`; PAUSED"));
        CHECK(strstr(text, "wants crypto, and is not followed"));
        CHECK(strstr(text, "failoverctl auto ") && strstr(text, "failoverctl resume "));
}

TEST(a_return_says_where_to_and_when)
{
        _cleanup_json_ json_t *status = parse(SAMPLE_CRYPTO);
        _cleanup_health_ Health h = {};
        Page p = {};
        uint64_t now_usec = 0;
        Error e = {};

        json_put(json_object_get(status, "automation"), "failback_at", json_string("2026-11-20T09:18:03Z"));
        json_put(json_array_get(json_object_get(status, "modes"), 0), "ready", json_true());
        CHECK_INT(timestamp_parse("2026-11-20T09:14:03Z", &now_usec), 0);
        CHECK_INT(health_judge(status, &h, &e), 0);
        status_show(&p, status, &h, now_usec, false);
        CHECK(strstr(p.text.data, "wants crypto; returns to primary at 2026-11-20 09:18:03 UTC (in 4 min)"));
        CHECK(strstr(p.text.data, "failoverctl force-primary "));
        text_clear(&p.text);
}

TEST(foreign_text_in_a_status_is_shown_and_not_obeyed)
{
        _cleanup_json_ json_t *status = parse(SAMPLE_CRYPTO);
        _cleanup_health_ Health h = {};
        const char *evil = "x\x1b]0;owned\x07\n\xe2\x80\xae|y";
        Page p = {.width = 120};
        Text line = {};
        Error e = {};

        json_put(status, "cause", json_string(evil));
        json_put(status, "node", json_string(evil));
        json_put(json_array_get(json_object_get(status, "probes"), 0), "message", json_string(evil));
        json_put(json_array_get(json_object_get(status, "probes"), 0), "name", json_string(evil));
        json_put(json_array_get(json_object_get(status, "alerts"), 0), "message", json_string(evil));
        CHECK_INT(health_judge(status, &h, &e), 0);
        status_show(&p, status, &h, 0, false);
        CHECK(!strpbrk(p.text.data, "\x1b\x07"));
        CHECK(!strstr(p.text.data, "\xe2\x80\xae"));
        status_nagios(&line, status, &h);
        CHECK(!strpbrk(line.data, "\x1b\x07"));
        CHECK_INT(strcspn(line.data, "\n"), line.size - 1);
        CHECK(strchr(line.data, '|') == strrchr(line.data, '|'));
        text_clear(&p.text);
        text_clear(&line);
}

TEST(a_status_of_missing_members_still_shows)
{
        _cleanup_free_ char *text =
                        show("{\"mode\":\"a\",\"modes\":[{\"name\":\"a\"},{}],\"probes\":[{},3,null],"
                             "\"alerts\":[{}],\"actions\":[{}],\"operator\":7}",
                             80, false);

        CHECK(strstr(text, "> a"));
}

TEST(nagios_gets_one_line_with_perfdata)
{
        _cleanup_json_ json_t *status = parse(SAMPLE_CRYPTO);
        _cleanup_health_ Health h = {};
        Text line = {};
        Error e = {};

        CHECK_INT(health_judge(status, &h, &e), 0);
        status_nagios(&line, status, &h);
        CHECK_STR(line.data,
                  "FAILOVER CRITICAL - mode crypto since 2026-11-20T09:00:00.123Z: payment-api down: "
                  "HTTP 503 (3 of 5) | mode=2 probes_up=2 probes_down=1 probes_unknown=1 probes_warn=1 "
                  "actions_failing=1 alerts=1\n");
        text_clear(&line);
}

MAIN()
