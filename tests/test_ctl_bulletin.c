/* SPDX-License-Identifier: MIT */
/* `failoverctl incident` and `maintenance`: what they send, show and refuse. */
#include "base/clock.h"
#include "base/json.h"
#include "tests/ctl_standin.h"

#define ID "01M7XNKRQ38WGQ4HDV18VN4AS9"

#define UPDATES                                                                                            \
        "\"updates\":[{\"id\":\"2\",\"at\":\"2026-11-20T23:45:34Z\",\"state\":\"monitoring\",\"body\":"    \
        "\"We \\u001b[31mknow\",\"automatic\":false},{\"id\":\"1\",\"at\":\"2026-11-20T23:45:33Z\","       \
        "\"state\":\"identified\",\"body\":\"\",\"mode\":\"crypto\",\"selling\":\"backup\",\"automatic\":" \
        "true}]"
#define INCIDENT                                                                                       \
        "{\"id\":\"" ID "\",\"began\":\"2026-11-20T23:45:33Z\",\"resolved\":null,\"mode\":\"crypto\"," \
        "\"impact\":\"major\",\"name\":\"\"," UPDATES "}"
#define MAINTENANCE                                                                                      \
        "{\"id\":\"" ID "\",\"name\":\"Cables\",\"state\":\"active\",\"from\":\"2026-11-20T23:45:33Z\"," \
        "\"began\":\"2026-11-20T23:45:33Z\",\"until\":\"2026-11-21T00:45:33Z\",\"ended\":null,"          \
        "\"components\":[\"web\",\"pay\"],\"body\":\"\",\"updates\":[]}"

/* The last body's member as text, or its JSON; "" when absent. */
static const char *sent(const StandIn *s, const char *key)
{
        static char text[256];
        _cleanup_json_ json_t *body = NULL;
        const json_t *value;

        CHECK_INT(json_parse(s->body, strlen(s->body), &body, NULL), 0);
        value = json_object_get(body, key);
        text[0] = 0;
        if (json_is_string(value))
                snprintf(text, sizeof(text), "%s", json_string_value(value));
        else if (value) {
                _cleanup_free_ char *printed = NULL;

                CHECK_INT(json_print(value, &printed), 0);
                snprintf(text, sizeof(text), "%s", printed);
        }
        return text;
}

TEST(incidents_are_listed_with_their_timeline_oldest_line_first)
{
        StandIn s;
        Ran ran = {};
        const char *first, *second;

        standin_start(&s, 200, "{\"incidents\":[" INCIDENT "]}");
        CHECK_INT(CTL(&s, &ran, "incident"), 0);
        CHECK_STR(s.request, "GET /v1/incidents");
        CHECK(strstr(ran.out, "major  in mode crypto\n"));
        CHECK(strstr(ran.out, "    " ID ", open\n"));
        first = strstr(ran.out, "identified: the shop runs in mode crypto");
        second = strstr(ran.out, "monitoring: We \\x1b[31mknow");
        CHECK(first && second && first < second);
        CHECK_INT(CTL(&s, &ran, "incident", "list", "--json"), 0);
        CHECK(strstr(ran.out, "{\"incidents\":[{\"id\":\"" ID "\""));
        s.answer = "{\"incidents\":[]}";
        CHECK_INT(CTL(&s, &ran, "incident"), 0);
        CHECK_STR(ran.out, "No incident in the last 90 days.\n");
        ran_clear(&ran);
        standin_stop(&s);
}

TEST(words_go_to_the_latest_unless_an_id_is_given)
{
        StandIn s;
        Ran ran = {};

        standin_start(&s, 200, "{\"success\":true,\"incident\":" INCIDENT ",\"durable\":true}");
        CHECK_INT(CTL(&s, &ran, "incident", "update", "We know.", "--state", "monitoring"), 0);
        CHECK_STR(s.request, "POST /v1/incidents/latest/update");
        CHECK_STR(sent(&s, "body"), "We know.");
        CHECK_STR(sent(&s, "state"), "monitoring");
        CHECK_STR(sent(&s, "name"), "");
        CHECK_INT(CTL(&s, &ran, "incident", "resolve", ID), 0);
        CHECK_STR(s.request, "POST /v1/incidents/" ID "/resolve");
        CHECK_STR(s.body, "{}");
        CHECK_INT(CTL(&s, &ran, "incident", "postmortem", ID, "It was DNS."), 0);
        CHECK_STR(s.request, "POST /v1/incidents/" ID "/postmortem");
        CHECK_STR(sent(&s, "body"), "It was DNS.");
        CHECK_INT(CTL(&s, &ran, "incident", "begin", "--name", "Slow", "--impact", "minor", "--components",
                      "a, b", "We look."),
                  0);
        CHECK_STR(s.request, "POST /v1/incidents");
        CHECK_STR(sent(&s, "name"), "Slow");
        CHECK_STR(sent(&s, "impact"), "minor");
        CHECK_STR(sent(&s, "components"), "[\"a\",\"b\"]");
        CHECK(!strstr(ran.out, "NOT DURABLE"));
        s.answer = "{\"success\":true,\"incident\":" INCIDENT ",\"durable\":false}";
        CHECK_INT(CTL(&s, &ran, "incident", "update", "x"), 0);
        CHECK(strstr(ran.out, "NOT DURABLE"));
        ran_clear(&ran);
        standin_stop(&s);
}

/* An incident with one update that nobody wrote. */
#define OWN(state, selling)                                                                              \
        "{\"success\":true,\"incidents\":[{\"id\":\"" ID "\",\"began\":\"2026-11-20T23:45:33Z\","        \
        "\"resolved\":null,\"mode\":\"crypto\",\"impact\":\"major\",\"name\":\"\",\"updates\":[{\"at\":" \
        "\"2026-11-20T23:45:33Z\",\"state\":\"" state "\",\"body\":\"\",\"mode\":\"crypto\","            \
        "\"selling\":\"" selling "\",\"automatic\":true}]}]}"

TEST(what_nobody_wrote_is_told_as_the_status_page_tells_it)
{
        static const struct {
                const char *answer, *words;
        } cases[] = {{OWN("identified", "backup"), "identified: the shop runs in mode crypto\n"},
                     {OWN("investigating", "not"), "investigating: buyers cannot buy, in mode crypto\n"},
                     {OWN("investigating", "hampered"), "investigating: buying may fail, in mode crypto\n"},
                     {OWN("resolved", "as-usual"), "resolved: buyers can buy as usual, in mode crypto\n"},
                     {OWN("active", ""), "active: it has begun\n"},
                     {OWN("completed", ""), "completed: it is over\n"}};
        StandIn s;
        Ran ran = {};

        standin_start(&s, 200, "{}");
        for (size_t k = 0; k < ELEMENTSOF(cases); k++) {
                s.answer = cases[k].answer;
                CHECK_INT(CTL(&s, &ran, "incident"), 0);
                CHECK(strstr(ran.out, cases[k].words));
        }
        ran_clear(&ran);
        standin_stop(&s);
}

TEST(a_wrong_line_is_refused_before_anything_is_asked)
{
        StandIn s;
        Ran ran = {};

        standin_start(&s, 200, "{}");
        CHECK_INT(CTL(&s, &ran, "incident", "bogus"), 2);
        CHECK_INT(CTL(&s, &ran, "incident", "begin", "no name"), 2);
        CHECK_INT(CTL(&s, &ran, "incident", "postmortem"), 2);
        CHECK_INT(CTL(&s, &ran, "incident", "update", "two", "words"), 2);
        CHECK(strstr(ran.err, "quotation marks"));
        CHECK_INT(CTL(&s, &ran, "incident", "resolve", "--state", "monitoring"), 2);
        CHECK_INT(CTL(&s, &ran, "incident", "--name", "x"), 2);
        CHECK_INT(CTL(&s, &ran, "incident", "--from", "2h"), 2);
        CHECK_INT(CTL(&s, &ran, "maintenance", "bogus"), 2);
        CHECK_INT(CTL(&s, &ran, "maintenance", "schedule", "--name", "x"), 2);
        CHECK_INT(CTL(&s, &ran, "maintenance", "schedule", "--name", "x", "--from", "25:00"), 2);
        CHECK_INT(CTL(&s, &ran, "maintenance", "schedule", "--name", "x", "--from", "tomorrow"), 2);
        CHECK_INT(CTL(&s, &ran, "maintenance", "start", "--name", "x", "--from", "2h"), 2);
        CHECK_INT(CTL(&s, &ran, "maintenance", "start", "--name", "x", "--for", "2h", "--until", "22:00"), 2);
        CHECK_INT(CTL(&s, &ran, "maintenance", "start", "--name", "x", "--for", "2"), 2);
        CHECK_INT(CTL(&s, &ran, "maintenance", "cancel"), 2);
        CHECK_INT(CTL(&s, &ran, "maintenance", "end", "--name", "x"), 2);
        CHECK_INT(s.asked, 0);
        s.status = 409;
        s.answer = "{\"success\":false,\"error\":\"the shop still runs in crypto\"}";
        CHECK_INT(CTL(&s, &ran, "incident", "resolve"), 1);
        CHECK_STR(ran.err, "failoverctl: incident: the shop still runs in crypto\n");
        ran_clear(&ran);
        standin_stop(&s);
}

TEST(a_maintenance_is_planned_begun_and_ended)
{
        StandIn s;
        Ran ran = {};

        standin_start(&s, 200, "{\"success\":true,\"maintenance\":" MAINTENANCE ",\"durable\":true}");
        CHECK_INT(CTL(&s, &ran, "maintenance", "schedule", "--name", "Cables", "--from",
                      "2026-11-21T22:00:00Z", "--for", "30m", "--components", "web", "Slow."),
                  0);
        CHECK_STR(s.request, "POST /v1/maintenances");
        CHECK_STR(sent(&s, "name"), "Cables");
        CHECK_STR(sent(&s, "from"), "2026-11-21T22:00:00.000Z");
        CHECK_STR(sent(&s, "for"), "30m");
        CHECK_STR(sent(&s, "components"), "[\"web\"]");
        CHECK_STR(sent(&s, "body"), "Slow.");
        CHECK(strstr(ran.out, "active  Cables  of web, pay\n    " ID "\n"));
        CHECK_INT(CTL(&s, &ran, "maintenance", "start", "--name", "Cables"), 0);
        CHECK_STR(s.request, "POST /v1/maintenances");
        CHECK_STR(sent(&s, "from"), "");
        CHECK_INT(CTL(&s, &ran, "maintenance", "start", ID), 0);
        CHECK_STR(s.request, "POST /v1/maintenances/" ID "/start");
        CHECK_INT(CTL(&s, &ran, "maintenance", "end", "Done."), 0);
        CHECK_STR(s.request, "POST /v1/maintenances/latest/end");
        CHECK_STR(sent(&s, "body"), "Done.");
        CHECK_INT(CTL(&s, &ran, "maintenance", "cancel", ID), 0);
        CHECK_STR(s.request, "POST /v1/maintenances/" ID "/cancel");
        s.answer = "{\"maintenances\":[" MAINTENANCE "]}";
        CHECK_INT(CTL(&s, &ran, "maintenance"), 0);
        CHECK_STR(s.request, "GET /v1/maintenances");
        CHECK(strstr(ran.out, "active  Cables  of web, pay\n"));
        ran_clear(&ran);
        standin_stop(&s);
}

/* By this machine's clock, whatever its zone. */
TEST(times_are_those_of_this_machine)
{
        StandIn s;
        Ran ran = {};
        uint64_t from, now = clock_wall_usec();

        standin_start(&s, 200, "{\"success\":true,\"maintenance\":" MAINTENANCE ",\"durable\":true}");
        s.zone = "TZ=UTC-5:30"; /* five and a half hours east */
        CHECK_INT(CTL(&s, &ran, "maintenance", "schedule", "--name", "x", "--from", "2026-11-28 22:00"), 0);
        CHECK_STR(sent(&s, "from"), "2026-11-28T16:30:00.000Z");
        CHECK_INT(CTL(&s, &ran, "maintenance", "schedule", "--name", "x", "--from", "00:00", "--until",
                      "2026-11-28T23:00:00+01:00"),
                  0);
        CHECK_STR(sent(&s, "until"), "2026-11-28T22:00:00.000Z");
        CHECK_INT(timestamp_parse(sent(&s, "from"), &from), 0);
        CHECK(from > now && from <= now + USEC_PER_DAY + USEC_PER_MIN); /* the next one */
        CHECK_INT((from / USEC_PER_MIN) % (24 * 60), 18 * 60 + 30);
        CHECK_INT(CTL(&s, &ran, "maintenance", "schedule", "--name", "x", "--from", "2h"), 0);
        CHECK_INT(timestamp_parse(sent(&s, "from"), &from), 0);
        CHECK(from >= now + 2 * USEC_PER_HOUR - USEC_PER_SEC &&
              from <= now + 2 * USEC_PER_HOUR + USEC_PER_MIN);
        ran_clear(&ran);
        standin_stop(&s);
}

MAIN()
