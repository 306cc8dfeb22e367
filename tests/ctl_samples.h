/* SPDX-License-Identifier: MIT */
/* Status documents as failoverd answers them, for the tests of failoverctl. */
#pragma once

#define SAMPLE_MODES_PRIMARY                                                   \
        "\"modes\":[{\"name\":\"primary\",\"ready\":true,\"waiting_for\":[]}," \
        "{\"name\":\"crypto\",\"ready\":true,\"waiting_for\":[]}]"

#define SAMPLE_PROBE_UP                                                                                    \
        "{\"name\":\"payment-api\",\"type\":\"http\",\"verdict\":\"up\",\"outcome\":\"pass\",\"message\":" \
        "\"HTTP 200\",\"latency_ms\":12.1,\"at\":\"2026-11-20T09:13:58Z\",\"window\":\"ppppp\",\"next\":"  \
        "\"2026-11-20T09:14:58Z\"}"

/* The first mode; layers: the members that differ, begun by a comma. */
#define SAMPLE_PRIMARY(pinned, paused, wants, probes, more)                                               \
        "{\"node\":\"my-shop\",\"mode\":\"primary\",\"since\":\"2026-11-20T09:00:00.123Z\",\"change\":"   \
        "\"01JD4A0000000000000000000\",\"cause\":\"first start\",\"operator\":{\"pinned\":" pinned        \
        ",\"until\":null,\"paused\":" paused "},\"automation\":{\"wants\":" wants                         \
        ",\"failback_at\":null},\"vantage\":\"up\"," SAMPLE_MODES_PRIMARY ",\"probes\":[" probes "]" more \
        "}"

#define SAMPLE_WELL                                                                                  \
        SAMPLE_PRIMARY("null", "false", "\"primary\"", SAMPLE_PROBE_UP,                              \
                       ",\"durable\":true,\"tilt\":false,\"blind\":false,\"returns_stopped\":false," \
                       "\"alerts\":[],\"actions\":[]")

/* The payment API is down; the shop runs on crypto. */
#define SAMPLE_CRYPTO                                                                                        \
        "{\"node\":\"my-shop\",\"mode\":\"crypto\",\"since\":\"2026-11-20T09:00:00.123Z\",\"change\":"       \
        "\"01JD4A0000000000000000001\",\"cause\":\"payment-api down: HTTP 503 (3 of 5)\",\"operator\":{"     \
        "\"pinned\":null,\"until\":null,\"paused\":false},\"automation\":{\"wants\":\"crypto\","             \
        "\"failback_at\":null},\"durable\":true,\"tilt\":false,\"blind\":false,\"returns_stopped\":false,"   \
        "\"alerts\":[{\"name\":\"certificate:domain\",\"since\":\"2026-11-20T08:00:00Z\",\"message\":"       \
        "\"the certificate of shop.example ends in 6 days\"}],\"vantage\":\"up\",\"modes\":[{\"name\":"      \
        "\"primary\",\"ready\":false,\"waiting_for\":[\"payment-api\"]},{\"name\":\"crypto\",\"ready\":"     \
        "true,"                                                                                              \
        "\"waiting_for\":[]},{\"name\":\"federated\",\"ready\":false,\"waiting_for\":[\"peers\"]}],"         \
        "\"probes\":["                                                                                       \
        "{\"name\":\"database\",\"type\":\"exec\",\"verdict\":\"up\",\"outcome\":\"pass\",\"message\":"      \
        "\"POSTGRES OK: DB "                                                                                 \
        "shop\",\"latency_ms\":31.5,\"at\":\"2026-11-20T09:13:20Z\",\"window\":\"pppppppp\","                \
        "\"next\":\"2026-11-20T09:14:20Z\"},"                                                                \
        "{\"name\":\"payment-api\",\"type\":\"http\",\"verdict\":\"down\",\"outcome\":\"fail\",\"message\":" \
        "\"HTTP 503\",\"latency_ms\":12.1,\"at\":\"2026-11-20T09:13:58Z\",\"window\":\"ffffffpp\",\"next\":" \
        "\"2026-11-20T09:14:03Z\"},"                                                                         \
        "{\"name\":\"domain\",\"type\":\"tcp\",\"verdict\":\"up\",\"outcome\":\"warn\",\"message\":"         \
        "\"certificate of shop.example ends in 6 "                                                           \
        "days\",\"latency_ms\":48.0,\"at\":\"2026-11-20T09:13:41Z\","                                        \
        "\"window\":\"wwwwwwww\",\"next\":\"2026-11-20T09:14:41Z\"},"                                        \
        "{\"name\":\"checkout\",\"type\":\"passive\",\"verdict\":\"unknown\",\"outcome\":null,\"message\":"  \
        "null,\"latency_ms\":null,\"at\":null,\"window\":\"\",\"next\":null},"                               \
        "{\"name\":\"peers\",\"type\":\"exec\",\"verdict\":\"unknown\",\"outcome\":\"inconclusive\","        \
        "\"message\":\"exit 3: registry older than 10 min\",\"latency_ms\":2.0,\"at\":"                      \
        "\"2026-11-20T09:13:50Z\",\"window\":\"iiiiiiii\",\"next\":\"2026-11-20T09:13:55Z\"}],"              \
        "\"actions\":[{\"type\":\"payment-mode\",\"name\":\"payment-mode\",\"target\":\"\",\"change\":"      \
        "\"01JD4A0000000000000000001\",\"state\":\"done\",\"attempts\":1,\"at\":\"2026-11-20T09:00:00.2Z\"}" \
        ","                                                                                                  \
        "{\"type\":\"alert\",\"name\":\"oncall\",\"target\":\"https://ntfy.example/shop\",\"change\":"       \
        "\"01JD4A0000000000000000001\",\"state\":\"pending\",\"attempts\":4,\"message\":\"HTTP "             \
        "502\",\"at\":"                                                                                      \
        "\"2026-11-20T09:13:00Z\"}]}"
