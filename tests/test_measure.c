/* SPDX-License-Identifier: MIT */
/* The measured times against the whole shop in `simulate`, at many more moments than were measured. */
#include "supervisor/measure.h"

#include "supervisor/simulate.h"
#include "tests/test.h"

#define MOMENTS 40

typedef struct Played {
        double went, came; /* seconds since the outage began, since it ended */
} Played;

/* When the shop left its first mode, and when it came back, in an outage from `from` to `to`. */
static Played play(const Config *c, const char *probe, const char *behaviour, double from, double to,
                   const char *more)
{
        Played got = {-1, -1};
        char trace[1024], *text = NULL, *line, *rest;
        size_t size = 0;
        FILE *in, *out = open_memstream(&text, &size);
        Error e;

        snprintf(trace, sizeof(trace),
                 "%s{\"t\":%.6f,\"probe\":\"%s\",\"behaviour\":\"%s\",\"latency\":0.01}\n"
                 "{\"t\":%.6f,\"probe\":\"%s\",\"behaviour\":\"pass\"}\n{\"t\":%.6f,\"end\":true}\n",
                 more, from, probe, behaviour, to, probe, to + 700);
        in = fmemopen(trace, strlen(trace), "r");
        CHECK(in && out);
        CHECK_INT(simulate(c, in, "trace", 1, out, &e), 0);
        fclose(in);
        fclose(out);
        for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
                double t;

                if (!strstr(line, "\"change\"") || sscanf(line, "{\"t\":%lf", &t) != 1)
                        continue;
                if (strstr(line, "\"rule\":\"return\"") && got.came < 0)
                        got.came = t - to;
                else if (got.went < 0)
                        got.went = t - from;
        }
        free(text);
        return got;
}

typedef struct Seen {
        double worst, mean;
} Seen;

static double seconds(uint64_t usec)
{
        return (double) usec / (double) USEC_PER_SEC;
}

static void check_close(const char *what, MeasureSpan span, Seen seen, double interval)
{
        double step = interval / MOMENTS;

        fprintf(stderr, "  %s: measured %.3f %.3f, played %.3f %.3f\n", what, seconds(span.worst_usec),
                seconds(span.mean_usec), seen.worst, seen.mean);
        CHECK(span.worst_usec != USEC_NEVER);
        CHECK(seen.worst <= seconds(span.worst_usec) + 0.002);
        CHECK(seen.worst >= seconds(span.worst_usec) - 2 * step - 0.002);
        CHECK(seen.mean <= seconds(span.mean_usec) + step + 0.002);
        CHECK(seen.mean >= seconds(span.mean_usec) - step - 0.002);
}

static Config *load(const char *text)
{
        Config *c = NULL;
        Error e;

        if (config_load_text("f.yaml", text, strlen(text), &c, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK(c);
        return c;
}

/* Both ways to fail and the way back, at moments spread over an interval. */
static void compare(const char *text, const char *probe, const char *fallback)
{
        _cleanup_(config_freep) Config *c = load(text);
        const ProbeConfig *p = c->probes[config_find_probe(c, probe)];
        const ProbeConfig *f = fallback ? c->probes[config_find_probe(c, fallback)] : NULL;
        double interval = seconds(p->interval_usec), settled = 3 * interval + 60;
        double rhythm = p->timeout_usec <= p->interval_usec ? interval : interval + seconds(p->timeout_usec);
        Seen fail = {0}, hang = {0}, back = {0};
        Measure m;

        CHECK_INT(measure(c, p, f, &m), 0);
        for (int i = 0; i < MOMENTS; i++) {
                double from = settled + interval * (i + 0.5) / MOMENTS;
                double to = settled + 25 * interval + 4 * seconds(p->timeout_usec) +
                            rhythm * (i * 7 % MOMENTS) / MOMENTS;
                Played failing = play(c, probe, "fail", from, to, "");
                Played hanging = play(c, probe, "hang", from, to, "");

                CHECK(failing.went >= 0 && hanging.went >= 0 && failing.came >= 0 && hanging.came >= 0);
                fail.worst = failing.went > fail.worst ? failing.went : fail.worst;
                hang.worst = hanging.went > hang.worst ? hanging.went : hang.worst;
                back.worst = failing.came > back.worst ? failing.came : back.worst;
                back.worst = hanging.came > back.worst ? hanging.came : back.worst;
                fail.mean += failing.went / MOMENTS;
                hang.mean += hanging.went / MOMENTS;
                back.mean += (failing.came + hanging.came) / 2 / MOMENTS;
        }
        fprintf(stderr, "%s:\n", probe);
        check_close("fail", m.fail, fail, interval);
        if (!m.silent)
                check_close("hang", m.hang, hang, interval);
        check_close("back", m.back, back, 2 * rhythm);
}

#define HEAD   "node: {id: shop}\nprobes:\n"
#define MODES  "modes: [{name: primary, requires: [api, disk]}, {name: crypto, requires: [btcpay, disk]}]\n"
#define DISK   "  disk: {type: disk, path: /}\n"
#define BTCPAY "  btcpay: {type: tcp, host: 127.0.0.1, port: 2}\n"

TEST(the_defaults)
{
        compare(HEAD "  api: {type: tcp, host: 127.0.0.1, port: 1}\n" BTCPAY DISK MODES, "api", "btcpay");
}

TEST(another_pace)
{
        compare(HEAD
                "  api: {type: tcp, host: 127.0.0.1, port: 1, interval: 20s, fast_interval: 2s, timeout: 7s, "
                "fall: 4, window: 6, rise: 3}\n" BTCPAY DISK MODES "failback: {hold: 40s}\n",
                "api", "btcpay");
}

TEST(a_timeout_longer_than_the_interval)
{
        compare(HEAD "  api: {type: tcp, host: 127.0.0.1, port: 1, interval: 10s, fast_interval: 5s, "
                     "timeout: 25s}\n" BTCPAY DISK MODES "failback: {hold: 0s}\n",
                "api", "btcpay");
}

TEST(an_external_probe_with_its_references)
{
        compare(HEAD "  api: {type: tcp, host: 127.0.0.1, port: 1, scope: external}\n"
                     "  a: {type: tcp, host: 127.0.0.1, port: 3}\n"
                     "  b: {type: tcp, host: 127.0.0.1, port: 4, interval: 30s}\n" BTCPAY DISK MODES
                     "vantage: [a, b]\n",
                "api", "btcpay");
}

TEST(one_that_never_has_two_attempts_in_flight)
{
        compare(HEAD "  api: {type: disk, path: /, timeout: 20s}\n" BTCPAY
                     "modes: [{name: primary, requires: [api]}, {name: crypto, requires: [btcpay]}]\n",
                "api", "btcpay");
}

TEST(one_fail_is_enough)
{
        compare(HEAD "  api: {type: tcp, host: 127.0.0.1, port: 1, fall: 1, window: 1, rise: 1}\n"
                     "  btcpay: {type: tcp, host: 127.0.0.1, port: 2, timeout: 20ms}\n" DISK MODES,
                "api", "btcpay");
}

TEST(a_fallback_that_requires_nothing)
{
        compare(HEAD "  api: {type: tcp, host: 127.0.0.1, port: 1}\n"
                     "modes: [{name: primary, requires: [api]}, {name: crypto}]\n",
                "api", NULL);
}

/* The worst case includes a fallback that takes its time: by far the longest of what its mode waits for. */
TEST(a_slow_fallback_is_waited_for)
{
        static const char text[] =
                        HEAD "  api: {type: tcp, host: 127.0.0.1, port: 1, fast_interval: 1s}\n"
                             "  btcpay: {type: tcp, host: 127.0.0.1, port: 2, timeout: 20s}\n" DISK MODES;
        _cleanup_(config_freep) Config *c = load(text);
        unsigned api = config_find_probe(c, "api"), btcpay = config_find_probe(c, "btcpay");
        Measure m;
        double worst = 0;

        CHECK_INT(measure(c, c->probes[api], c->probes[btcpay], &m), 0);
        for (int i = 0; i < MOMENTS; i++) {
                double from = 300 + 60.0 * i / MOMENTS;
                char slow[128];
                Played p;

                snprintf(slow, sizeof(slow),
                         "{\"t\":%.6f,\"probe\":\"btcpay\",\"behaviour\":\"pass\",\"latency\":19.999999}\n",
                         from);
                p = play(c, "api", "fail", from, from + 600, slow);
                worst = p.went > worst ? p.went : worst;
        }
        fprintf(stderr, "  measured %.3f, played %.3f\n", seconds(m.fail.worst_usec), worst);
        CHECK(seconds(m.fail.worst_usec) > 60 + 15);
        CHECK(worst <= seconds(m.fail.worst_usec) + 0.1 && worst >= seconds(m.fail.worst_usec) - 3.1);
        CHECK(m.fail.mean_usec < 40 * USEC_PER_SEC); /* … and the mean does not */
}

TEST(the_own_resolvers_silence_says_nothing)
{
        _cleanup_(config_freep) Config *c =
                        load(HEAD "  a: {type: dns, name: shop.example}\n"
                                  "  b: {type: dns, name: shop.example, servers: [\"127.0.0.1:53\"]}\n"
                                  "modes: [{name: primary, requires: [a, b]}, {name: crypto}]\n");
        Measure m;

        CHECK_INT(measure(c, c->probes[0], NULL, &m), 0);
        CHECK(m.silent);
        CHECK_INT(measure(c, c->probes[1], NULL, &m), 0);
        CHECK(!m.silent);
}

TEST(a_passive_probe_counts_from_the_report_that_decides)
{
        _cleanup_(config_freep) Config *c = load(HEAD "  checkout: {type: passive, fall: 2}\n" BTCPAY
                                                      "modes: [{name: primary, requires: [checkout]}, {name: "
                                                      "crypto, requires: [btcpay]}]\n");
        Measure m;

        CHECK_INT(measure(c, c->probes[0], c->probes[1], &m), 0);
        CHECK_INT(m.reports, 2);
        CHECK_INT(m.fail.mean_usec, 10 * USEC_PER_MSEC); /* the fallback is asked at the first report */
        CHECK_INT(m.fail.worst_usec, 5 * USEC_PER_SEC - 1);
        CHECK_INT(m.back.worst_usec, 5 * USEC_PER_MIN);
}

TEST(a_return_that_waits_for_ack_never_comes_by_itself)
{
        _cleanup_(config_freep) Config *c =
                        load(HEAD "  api: {type: tcp, host: 127.0.0.1, port: 1}\n" BTCPAY DISK MODES
                                  "failback: {max_changes_per_day: 1}\n");
        Measure m;

        CHECK_INT(measure(c, c->probes[0], c->probes[1], &m), 0);
        CHECK(m.back.worst_usec == USEC_NEVER && m.back.mean_usec == USEC_NEVER);
}

TEST(a_day_between_two_runs_is_measured_as_fast_as_a_second)
{
        compare(HEAD
                "  api: {type: tcp, host: 127.0.0.1, port: 1, interval: 500ms, fast_interval: 50ms, timeout: "
                "200ms}\n  btcpay: {type: tcp, host: 127.0.0.1, port: 2, timeout: 20ms}\n" DISK MODES
                "failback: {hold: 1s}\n",
                "api", "btcpay");
        {
                _cleanup_(config_freep) Config *c = load(
                                HEAD
                                "  api: {type: tcp, host: 127.0.0.1, port: 1, interval: 1d}\n" BTCPAY DISK
                                                MODES "failback: {hold: 30d, hold_max: 30d}\n");
                Measure m;

                CHECK_INT(measure(c, c->probes[0], c->probes[1], &m), 0);
                CHECK_INT(m.fail.worst_usec / USEC_PER_SEC, 86400 + 10);
                CHECK(m.back.worst_usec > 31 * USEC_PER_DAY);
        }
}

MAIN()
