/* SPDX-License-Identifier: MIT */
/* A stored change in words. */
#include "supervisor/status.h"

#include "tests/test.h"

static void explain(const char *text, char **ret)
{
        _cleanup_json_ json_t *change = json_loads(text, 0, NULL);

        CHECK(change);
        CHECK_INT(status_explain(change, ret), 0);
}

TEST(says_why_the_operator_did_it)
{
        _cleanup_free_ char *words = NULL;

        explain("{\"id\":\"c1\",\"at\":\"2026-11-20T09:00:00Z\",\"from\":\"primary\",\"to\":\"crypto\","
                "\"cause\":\"operator: force-fallback: moving\",\"automatic\":false,\"rule\":\"operator\","
                "\"reason\":\"moving\"}",
                &words);
        CHECK(strstr(words, "primary to crypto\nBecause: operator: force-fallback: moving\n"));
        CHECK(strstr(words, "The operator said so: moving. Automation leaves a pinned mode alone"));
}

TEST(shows_the_evidence_and_what_it_caused)
{
        _cleanup_free_ char *words = NULL;

        explain("{\"id\":\"c2\",\"at\":\"2026-11-20T09:00:00Z\",\"from\":\"primary\",\"to\":\"crypto\","
                "\"cause\":\"api down: HTTP 503 (3 of 5)\",\"automatic\":true,\"rule\":\"failover\","
                "\"evidence\":{\"probes\":[{\"name\":\"api\",\"verdict\":\"down\",\"window\":\"fffpp\","
                "\"message\":\"HTTP 503\"}]},"
                "\"actions\":[{\"name\":\"alert\",\"target\":\"https://ntfy.example\",\"state\":\"given-up\","
                "\"message\":\"HTTP 400\"}]}",
                &words);
        CHECK(strstr(words, "(automatic)\n"));
        CHECK(strstr(words, "no hold applies on the way out.\n"));
        CHECK(strstr(words, "  api                  down     fffpp    HTTP 503\n"));
        CHECK(strstr(words, "  alert                given-up, https://ntfy.example: HTTP 400\n"));
}

MAIN()
