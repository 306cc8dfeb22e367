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
        return text;
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

MAIN()
