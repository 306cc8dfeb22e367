/* SPDX-License-Identifier: MIT */
/* What of the probes' history is not written yet, across a reload. */
#include "supervisor/hours.h"
#include "supervisor/store_batch.h"

#include "tests/test.h"

#define HEAD "node: {id: test}\nmodes: [{name: primary, requires: []}]\nprobes:\n"
#define A    "  a: {type: tcp, host: 127.0.0.1, port: 80}\n"
#define B    "  b: {type: tcp, host: 127.0.0.1, port: 80}\n"
#define C    "  c: {type: tcp, host: 127.0.0.1, port: 80}\n"

static void notes_made_for(Manager *m, const char *text)
{
        static const EngineOutput nobody; /* nothing is started */
        HourNotes *notes;
        Error e;

        CHECK_INT(config_load_text("test", text, strlen(text), &m->config, &e), 0);
        CHECK_INT(engine_new(m->config, 1, &nobody, USEC_PER_DAY, USEC_PER_DAY, &m->engine), 0);
        CHECK_INT(hours_new(m->config, &notes), 0);
        hours_configure(m, notes);
}

static void config_end(Manager *m)
{
        m->engine = engine_free(m->engine);
        m->config = config_free(m->config);
}

/* "probe a, hour a 0/0/1/0": what goes into the minute's batch, or into an urgent one. */
static const char *written(Manager *m, bool all)
{
        static char text[512];
        StoreBatch *b = store_batch_new();
        const StoreOp *op;

        text[0] = 0;
        hours_add(m, b, all);
        TAILQ_FOREACH(op, &b->ops, entry)
        {
                size_t used = strlen(text);
                const unsigned *n = op->hour.counts;

                if (op->kind == STORE_OP_PROBE)
                        snprintf(text + used, sizeof(text) - used, "probe %s;", op->probe.name);
                else
                        snprintf(text + used, sizeof(text) - used, "hour %s %u/%u/%u/%u;", op->hour.probe,
                                 n[0], n[1], n[2], n[3]);
        }
        store_batch_free(b);
        if (all)
                hours_added(m);
        return text;
}

TEST(what_the_store_did_not_take_is_written_with_the_next)
{
        StoreBatch *b = store_batch_new();
        Manager m = {0};

        notes_made_for(&m, HEAD A B);
        hours_note(&m, 0, OUTCOME_PASS, false);
        hours_add(&m, b, true); /* and memory runs out */
        store_batch_free(b);
        hours_note(&m, 0, OUTCOME_PASS, false);
        CHECK_STR(written(&m, true), "probe a;hour a 2/0/0/0;");
        CHECK_STR(written(&m, true), "");
        hours_free(m.notes);
        config_end(&m);
}

TEST(fails_are_written_at_once_and_the_rest_with_the_minute)
{
        Manager m = {0};

        notes_made_for(&m, HEAD A B);
        CHECK(!hours_urgent(&m));
        hours_note(&m, 0, OUTCOME_PASS, false);
        hours_note(&m, 1, OUTCOME_FAIL, true);
        hours_note(&m, 1, OUTCOME_FAIL, true);
        CHECK(hours_urgent(&m));
        CHECK_STR(written(&m, false), "probe b;");
        CHECK(!hours_urgent(&m));
        CHECK_STR(written(&m, false), "");
        CHECK_STR(written(&m, true), "probe a;hour a 1/0/0/0;probe b;hour b 0/0/2/0;");
        CHECK_STR(written(&m, true), "");
        hours_free(m.notes);
        config_end(&m);
}

TEST(a_reload_keeps_what_is_not_written_whatever_the_order)
{
        Manager m = {0};

        notes_made_for(&m, HEAD A B);
        hours_note(&m, 0, OUTCOME_FAIL, true);
        hours_note(&m, 1, OUTCOME_FAIL, true);
        config_end(&m);
        notes_made_for(&m, HEAD C B); /* a has gone, c is new, and b has another number */
        CHECK(hours_urgent(&m));
        CHECK_STR(written(&m, false), "probe b;");
        CHECK(!hours_urgent(&m));
        CHECK_STR(written(&m, true), "probe b;hour b 0/0/1/0;");
        hours_free(m.notes);
        config_end(&m);
}

static void ended(Manager *m, Outcome outcome)
{
        uint64_t serial = 1, now = manager_now(m);

        engine_run_now(m->engine, 0, now, now);
        while (!schedule_is_running(engine_schedule(m->engine), 0, serial))
                serial++;
        engine_ended(m->engine, 0, serial, outcome, "", now, now);
        hours_note(m, 0, outcome, true);
}

static int on_start(unsigned probe, uint64_t serial, void *userdata)
{
        return 0;
}

static void on_judged(unsigned probe, Outcome outcome, bool turned, bool important, void *userdata)
{
}

static void on_alarm(const Alarm *alarm, bool raised, void *userdata)
{
}

static void on_remember(void *userdata)
{
}

/* Of the minute's batch; the clock goes on by so much before. */
static uint64_t down_seconds(Manager *m, uint64_t usec)
{
        StoreBatch *b = store_batch_new();
        const StoreOp *op;
        uint64_t down = 0;

        m->steady.offset += usec;
        hours_add(m, b, true);
        TAILQ_FOREACH(op, &b->ops, entry)
        if (op->kind == STORE_OP_HOUR)
                down += op->hour.down_usec;
        store_batch_free(b);
        hours_added(m);
        return (down + USEC_PER_SEC / 2) / USEC_PER_SEC;
}

TEST(counts_the_time_that_a_probe_is_down)
{
        static const EngineOutput output = {
                        .start = on_start, .judged = on_judged, .alarm = on_alarm, .remember = on_remember};
        static const char text[] = "node: {id: test}\nmodes: [{name: primary, payment: primary}]\n"
                                   "probes:\n  a: {type: tcp, host: 127.0.0.1, port: 80, fall: 1, rise: 1}\n";
        Manager m = {.steady = {.offset = USEC_PER_DAY}};
        HourNotes *notes;
        Error e;

        CHECK_INT(config_load_text("test", text, strlen(text), &m.config, &e), 0);
        CHECK_INT(engine_new(m.config, 1, &output, manager_now(&m), manager_now(&m), &m.engine), 0);
        CHECK_INT(hours_new(m.config, &notes), 0);
        hours_configure(&m, notes);
        ended(&m, OUTCOME_PASS);
        CHECK_INT(down_seconds(&m, USEC_PER_MIN), 0);
        ended(&m, OUTCOME_FAIL);
        CHECK_INT(down_seconds(&m, 40 * USEC_PER_SEC), 40);
        CHECK_INT(down_seconds(&m, USEC_PER_MIN), 60); /* without an outcome, too */
        m.steady.offset += 10 * USEC_PER_SEC;
        ended(&m, OUTCOME_PASS);
        CHECK_INT(down_seconds(&m, USEC_PER_MIN), 10);
        CHECK_INT(down_seconds(&m, USEC_PER_MIN), 0);
        hours_free(m.notes);
        config_end(&m);
}

MAIN()
