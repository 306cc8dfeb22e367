/* SPDX-License-Identifier: MIT */
/* The driver: one result for each attempt, deadlines, freeing at any time, and what the types share. */
#include "tests/probe_bench.h"

/* A type whose behaviour the test chooses. */
typedef struct ToyConf {
        bool at_once, twice, in_expire, silent;
        int *starts, *stops;
} ToyConf;

typedef struct ToyState {
        sd_event_source *later;
} ToyState;

static int on_later(sd_event_source *source, uint64_t usec, void *userdata)
{
        Attempt *a = userdata;
        const ToyConf *c = a->conf;

        attempt_report(a, OUTCOME_WARN, "later");
        if (c->twice)
                attempt_report(a, OUTCOME_FAIL, "again");
        return 0;
}

static void toy_start(Attempt *a)
{
        const ToyConf *c = a->conf;
        ToyState *s = a->state;

        CHECK(!s->later);
        (*c->starts)++;
        if (c->at_once)
                attempt_report(a, OUTCOME_PASS, "at once");
        else if (!c->silent) {
                CHECK(loop_timer_new(a->context->event, "toy", on_later, a, &s->later) >= 0);
                CHECK(loop_timer_set_after(s->later, 1000) >= 0);
        }
}

static void toy_stop(Attempt *a)
{
        const ToyConf *c = a->conf;
        ToyState *s = a->state;

        (*c->stops)++;
        s->later = loop_source_free(s->later);
        attempt_report(a, OUTCOME_FAIL, "from stop");
}

static void toy_expire(Attempt *a)
{
        const ToyConf *c = a->conf;

        if (c->in_expire)
                attempt_report(a, OUTCOME_INCONCLUSIVE, "who knows");
}

static const ProbeType toy = {
                .name = "toy",
                .conf_size = sizeof(ToyConf),
                .size = sizeof(ToyState),
                .start = toy_start,
                .stop = toy_stop,
                .expire = toy_expire,
};

static Run toy_run(ToyConf conf, uint64_t timeout_usec)
{
        int starts = 0, stops = 0;
        Attempt *a = NULL;
        Run run = {};

        conf.starts = &starts;
        conf.stops = &stops;
        bench_open();
        CHECK_INT(attempt_start(&bench_context, &toy, &conf, NULL, timeout_usec, bench_done, &run, &a), 0);
        CHECK(!run.ended); /* never from within attempt_start() */
        CHECK_INT(starts, 1);
        while (!run.ended)
                CHECK(sd_event_run(bench_context.event, 10 * USEC_PER_SEC) > 0);
        CHECK_INT(stops, 1); /* before done(), and once */
        for (int i = 0; i < 5; i++)
                CHECK(sd_event_run(bench_context.event, 2000) >= 0);
        attempt_free(a);
        CHECK_INT(stops, 1);
        bench_close();
        return run;
}

TEST(reports_what_is_known_at_once_on_the_next_turn)
{
        CHECK_RUN(OUTCOME_PASS, "at once", toy_run((ToyConf){.at_once = true}, USEC_PER_SEC));
}

TEST(reports_later_and_measures_the_time)
{
        Run run = toy_run((ToyConf){}, 10 * USEC_PER_SEC);

        CHECK_RUN(OUTCOME_WARN, "later", run);
        CHECK(run.usec >= 1000 && run.usec < 10 * USEC_PER_SEC);
}

TEST(counts_the_first_report_only)
{
        CHECK_RUN(OUTCOME_WARN, "later", toy_run((ToyConf){.twice = true}, USEC_PER_SEC));
}

TEST(fails_a_silent_attempt_at_its_deadline)
{
        Run run = toy_run((ToyConf){.silent = true}, 20 * USEC_PER_MSEC);

        CHECK_RUN(OUTCOME_FAIL, "no answer in 20 ms", run);
        CHECK(run.usec >= 20 * USEC_PER_MSEC);
}

TEST(lets_the_type_say_what_its_deadline_means)
{
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "who knows",
                  toy_run((ToyConf){.silent = true, .in_expire = true}, 10 * USEC_PER_MSEC));
}

TEST(abandons_silently_when_freed)
{
        int starts = 0, stops = 0;
        ToyConf conf = {.starts = &starts, .stops = &stops};
        Run run = {};
        Attempt *a;

        bench_open();
        for (int reported = 0; reported < 2; reported++) {
                conf.at_once = reported;
                CHECK_INT(attempt_start(&bench_context, &toy, &conf, NULL, USEC_PER_SEC, bench_done, &run,
                                        &a),
                          0);
                CHECK(!attempt_free(a));
                CHECK_INT(stops, reported + 1);
                for (int i = 0; i < 5; i++)
                        CHECK(sd_event_run(bench_context.event, 2000) >= 0);
                CHECK(!run.ended);
        }
        bench_close();
}

static void done_frees(Attempt *a, const AttemptResult *result, void *userdata)
{
        Run *run = userdata;

        bench_done(a, result, run);
        attempt_free(a);
}

TEST(may_be_freed_by_its_own_done)
{
        int starts = 0, stops = 0;
        Attempt *a;

        bench_open();
        for (int way = 0; way < 3; way++) {
                ToyConf conf = {.at_once = way == 0, .silent = way == 2, .starts = &starts, .stops = &stops};
                Run run = {};

                CHECK_INT(attempt_start(&bench_context, &toy, &conf, NULL, 10 * USEC_PER_MSEC, done_frees,
                                        &run, &a),
                          0);
                while (!run.ended)
                        CHECK(sd_event_run(bench_context.event, USEC_PER_SEC) > 0);
                CHECK_INT(stops, way + 1);
        }
        bench_close();
}

TEST(reads_an_answer_that_came_while_the_loop_stood_still_before_the_deadline)
{
        int starts = 0, stops = 0;
        ToyConf conf = {.starts = &starts, .stops = &stops}; /* answers after 1 ms */
        uint64_t end;
        Run run = {};
        Attempt *a;

        bench_open();
        CHECK_INT(attempt_start(&bench_context, &toy, &conf, NULL, 5 * USEC_PER_MSEC, bench_done, &run, &a),
                  0);
        for (end = clock_boot_usec() + 20 * USEC_PER_MSEC; clock_boot_usec() < end;)
                ; /* the stall: deadline and answer are both due when the loop turns again */
        while (!run.ended)
                CHECK(sd_event_run(bench_context.event, USEC_PER_SEC) > 0);
        CHECK_RUN(OUTCOME_WARN, "later", run);
        attempt_free(a);
        bench_close();
}

/* A type that reports what it is given. */
typedef struct GivenConf {
        const FetchResult *fetch;
        int error;
        const char *text, *phase;
        int64_t expires_in_usec;
        unsigned min_days;
} GivenConf;

static void given_start(Attempt *a)
{
        const GivenConf *c = a->conf;
        uint64_t expires = clock_wall_usec() + (uint64_t) c->expires_in_usec;

        if (c->fetch)
                attempt_report_fetch(a, c->fetch);
        else if (c->error)
                attempt_report_errno(a, c->error, "socket");
        else if (c->text)
                attempt_report(a, OUTCOME_FAIL, "%s", c->text);
        else if (c->phase)
                attempt_report_silence(a, c->phase);
        else if (c->min_days == 0)
                attempt_report_expired(a, expires);
        else if (!attempt_warn_expiry(a, expires, c->min_days))
                attempt_report(a, OUTCOME_PASS, "good");
}

static Run given_run(GivenConf conf)
{
        static const ProbeType type = {.name = "given", .conf_size = sizeof conf, .start = given_start};
        Run run = {};
        Attempt *a;

        bench_open();
        CHECK_INT(attempt_start(&bench_context, &type, &conf, NULL, 5 * USEC_PER_SEC, bench_done, &run, &a),
                  0);
        while (!run.ended)
                CHECK(sd_event_run(bench_context.event, USEC_PER_SEC) > 0);
        attempt_free(a);
        bench_close();
        return run;
}

TEST(makes_each_failure_of_the_http_client_what_the_table_says)
{
        static const struct {
                FetchError error;
                Outcome outcome;
        } table[] = {
                        {FETCH_NAME_UNKNOWN, OUTCOME_FAIL},
                        {FETCH_NAME_FAILED, OUTCOME_INCONCLUSIVE},
                        {FETCH_REFUSED, OUTCOME_FAIL},
                        {FETCH_RESET, OUTCOME_FAIL},
                        {FETCH_TIMEOUT, OUTCOME_FAIL},
                        {FETCH_CERT_EXPIRED, OUTCOME_FAIL},
                        {FETCH_CERT_NOT_YET, OUTCOME_INCONCLUSIVE},
                        {FETCH_CERT_NAME, OUTCOME_FAIL},
                        {FETCH_CERT_UNTRUSTED, OUTCOME_FAIL},
                        {FETCH_TLS, OUTCOME_FAIL},
                        {FETCH_TOO_LARGE, OUTCOME_FAIL},
                        {FETCH_BLOCKED, OUTCOME_INCONCLUSIVE},
                        {FETCH_REDIRECTS, OUTCOME_FAIL},
                        {FETCH_PROTOCOL, OUTCOME_FAIL},
                        {FETCH_LOCAL, OUTCOME_INCONCLUSIVE},
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                FetchResult result = {.error = table[i].error, .message = "why"};

                CHECK_RUN(table[i].outcome, "why", given_run((GivenConf){.fetch = &result}));
        }
        CHECK_INT(FETCH_LOCAL, ELEMENTSOF(table)); /* the last one: none is missing above */
}

TEST(says_since_when_a_certificate_has_expired)
{
        CHECK_RUN(OUTCOME_FAIL, "certificate expired 3 days ago",
                  given_run((GivenConf){.expires_in_usec = -3 * (int64_t) USEC_PER_DAY - 1}));
        CHECK_RUN(OUTCOME_FAIL, "certificate expired 30 hours ago",
                  given_run((GivenConf){.expires_in_usec = -30 * (int64_t) USEC_PER_HOUR - 1}));
        CHECK_RUN(OUTCOME_FAIL, "certificate expired less than 1 hour ago",
                  given_run((GivenConf){.expires_in_usec = -1}));
}

TEST(warns_when_a_certificate_has_fewer_days_left_than_wanted)
{
        int64_t margin = (int64_t) USEC_PER_MIN, day = (int64_t) USEC_PER_DAY;

        CHECK_RUN(OUTCOME_WARN, "certificate expires in 6 days",
                  given_run((GivenConf){.expires_in_usec = 6 * day + margin, .min_days = 7}));
        CHECK_RUN(OUTCOME_PASS, "good",
                  given_run((GivenConf){.expires_in_usec = 7 * day + margin, .min_days = 7}));
        CHECK_RUN(OUTCOME_WARN, "certificate expires in 1 hour",
                  given_run((GivenConf){.expires_in_usec = (int64_t) USEC_PER_HOUR + margin, .min_days = 1}));
}

TEST(takes_our_own_trouble_for_inconclusive)
{
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "socket: Too many open files",
                  given_run((GivenConf){.error = -EMFILE}));
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "socket: Cannot allocate memory",
                  given_run((GivenConf){.error = -ENOMEM}));
}

TEST(says_in_which_phase_no_answer_came)
{
        CHECK_RUN(OUTCOME_FAIL, "no answer in 5 s (connecting)",
                  given_run((GivenConf){.phase = "connecting"}));
}

TEST(makes_one_plain_line_of_foreign_text)
{
        char much[2000];
        Run run = given_run((GivenConf){.text = "a\n\x1b[31mb\xe2\x80\xae"
                                                "c"});

        CHECK(!strpbrk(run.message, "\n\x1b"));
        CHECK(!strstr(run.message, "\xe2\x80\xae"));
        CHECK(strstr(run.message, "[31mb"));

        memset(much, 'x', sizeof much - 1);
        much[sizeof much - 1] = '\0';
        run = given_run((GivenConf){.text = much});
        CHECK_INT(strlen(run.message), sizeof run.message - 1);
}

TEST(knows_nothing_when_we_have_no_descriptor_left)
{
        static const struct {
                const char *type, *yaml;
        } table[] = {
                        {"http", "url: http://127.0.0.1:1/"},
                        {"http", "{url: 'http://127.0.0.1:1/', bearer_file: key}"},
                        {"http", "url: http://shop.test/"},
                        {"tcp", "{host: 127.0.0.1, port: 1}"},
                        {"tcp", "{host: 127.0.0.1, port: 1, tls: true, ca_file: "
                                "/etc/ssl/certs/ca-certificates.crt}"},
                        {"tcp", "{host: shop.test, port: 1}"},
                        {"dns", "{name: shop.test, servers: ['127.0.0.1:1']}"},
                        {"dns", "{name: shop.test, servers: ['127.0.0.1:1', '127.0.0.1:2']}"},
                        {"dns", "{name: shop.test}"},
                        {"disk", "path: /tmp"},
                        {"exec", "command: [/bin/true]"},
        };

        bench_file("key", "sk_test_1");
        bench_starve = true;
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                CHECK_INT(bench_run_with(table[i].type, table[i].yaml, NULL, 2 * USEC_PER_SEC).outcome,
                          OUTCOME_INCONCLUSIVE);
        bench_starve = false;
        /* With descriptors it is refused, so that the above can fail. */
        CHECK_INT(bench_run_with("tcp", table[3].yaml, NULL, 2 * USEC_PER_SEC).outcome, OUTCOME_FAIL);
}

TEST(names_outcomes_both_ways)
{
        for (int o = 0; o < _OUTCOME_MAX; o++)
                CHECK_INT(outcome_from_name(outcome_name(o)), o);
        CHECK_INT(outcome_from_name("p"), -EINVAL);
        CHECK_INT(outcome_from_name(""), -EINVAL);
        CHECK_INT(outcome_letter(OUTCOME_PASS), 'p');
        CHECK_INT(outcome_letter(OUTCOME_WARN), 'w');
        CHECK_INT(outcome_letter(OUTCOME_FAIL), 'f');
        CHECK_INT(outcome_letter(OUTCOME_INCONCLUSIVE), 'i');
}

TEST(finds_every_type_by_its_name)
{
        size_t n = 0;

        for (; probe_types[n]; n++) {
                const ProbeType *t = probe_types[n];

                CHECK(probe_type_find(t->name) == t);
                CHECK(t->help && t->fields && t->conf_size > 0);
                CHECK(t->passive == !t->start);
                for (const ConfField *f = t->fields; f->key; f++)
                        CHECK(f->help && f->type && f->offset < t->conf_size);
        }
        CHECK(n >= 6);
        CHECK(!probe_type_find("nope"));
        CHECK(!probe_type_find("htt"));
}

MAIN()
