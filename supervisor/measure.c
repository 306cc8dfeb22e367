/* SPDX-License-Identifier: MIT */
/* How long a failover and a return take, found by trying. */
#include "supervisor/measure.h"

#include "supervisor/config_private.h"
#include "supervisor/endings.h"
#include "supervisor/engine.h"

#define MEASURE_EPOCH (UINT64_C(1767225600) * USEC_PER_SEC)
#define MEASURE_VANTAGE \
        8 /* references beyond these change nothing: all are well, and the first answer counts */
#define MEASURE_PHASES 10 /* moments within the interval at which an outage begins, for the mean */
#define MEASURE_PROBES (2 + MEASURE_VANTAGE)

enum { PROBE = 0 }; /* the one that fails, among Bench.probes */

typedef struct Trial {  /* what is tried */
        bool hang;      /* the target is silent; else it fails at once */
        bool slow;      /* the fallback answers as late as it may */
        double phase;   /* of the interval, at which things happen */
        bool with_back; /* the return, too */
} Trial;

typedef struct Bench {
        Config config;
        ProbeConfig probes[MEASURE_PROBES];
        ProbeConfig *list[MEASURE_PROBES];
        ModeSettings modes[2];
        unsigned probe, fallback,
                        vantage[MEASURE_VANTAGE]; /* fallback: PROBE_NONE when nothing is waited for */

        Engine *engine;
        Endings endings;
        Behaviour behaviour[MEASURE_PROBES];
        uint64_t latency[MEASURE_PROBES];
        uint64_t now;
        uint64_t started; /* when the probe was started last, … */
        unsigned starts;  /* … and how often */
        uint64_t changed; /* when the mode was changed last; 0: never */
        unsigned reports; /* passive: bad ones until it was down, … */
        uint64_t told;    /* … the last of them */
        bool failed;      /* out of memory */
} Bench;

/* --- what the engine wants and tells --- */

static int on_start(unsigned probe, uint64_t serial, void *userdata)
{
        Bench *b = userdata;

        if (probe == PROBE) {
                b->started = b->now;
                b->starts++;
        }
        if (endings_add(&b->endings, probe, serial, b->behaviour[probe], b->latency[probe],
                        b->probes[probe].timeout_usec, OUTCOME_FAIL, b->now) < 0)
                b->failed = true;
        return 0;
}

static void on_cancel(unsigned probe, uint64_t serial, void *userdata)
{
        /* Its ending stays; the engine knows nothing of that serial any more. */
}

static void on_changed(const EngineChange *change, void *userdata)
{
        Bench *b = userdata;

        if (change->from != MODE_NONE)
                b->changed = b->now;
}

static void on_alarm(const Alarm *alarm, bool raised, void *userdata)
{
}

static void on_judged(unsigned probe, Outcome outcome, bool turned, bool important, void *userdata)
{
}

static void on_remember(void *userdata)
{
}

/* --- the shop in question, cut down to what has a say --- */

static unsigned bench_add(Bench *b, const ProbeConfig *p)
{
        unsigned n = (unsigned) b->config.n_probes++;

        assert(n < MEASURE_PROBES);
        b->probes[n] = *p;
        b->probes[n].index = n;
        b->probes[n].vantage = false;
        b->probes[n].running = NULL;
        b->list[n] = &b->probes[n];
        b->latency[n] = MIN(MEASURE_LATENCY_USEC, p->timeout_usec / 2);
        return n;
}

static void bench_add_vantage(Bench *b, const Config *c, const ProbeConfig *probe)
{
        for (size_t i = 0; i < c->n_vantage && b->config.n_vantage < MEASURE_VANTAGE; i++) {
                const ProbeConfig *p = c->probes[c->vantage[i]];
                unsigned n = p == probe ? PROBE : bench_add(b, p);

                b->probes[n].vantage = true;
                b->vantage[b->config.n_vantage++] = n;
        }
}

/* Two modes: the one that needs the probe, and the one that is taken then. The modes before them are down, and those
 * between them need the probe, too: neither has a say. */
static int bench_set(Bench *b, const Config *c, const ProbeConfig *probe, const ProbeConfig *fallback)
{
        static char first[] = "first", next[] = "next";

        b->probe = bench_add(b, probe);
        b->fallback = fallback ? bench_add(b, fallback) : PROBE_NONE;
        bench_add_vantage(b, c, probe);
        b->modes[0] = (ModeSettings){.name = first, .requires = &b->probe, .n_requires = 1};
        b->modes[1] = (ModeSettings){.name = next, .requires = &b->fallback, .n_requires = fallback != NULL};
        b->config.probes = b->list;
        b->config.vantage = b->vantage;
        b->config.modes = b->modes;
        b->config.n_modes = ELEMENTSOF(b->modes);
        b->config.failback = c->failback;
        return config_settle(&b->config);
}

static int bench_begin(Bench *b)
{
        EngineOutput output = {.start = on_start,
                               .cancel = on_cancel,
                               .changed = on_changed,
                               .alarm = on_alarm,
                               .judged = on_judged,
                               .remember = on_remember,
                               .userdata = b};
        int r;

        b->now = MEASURE_EPOCH;
        r = engine_new(&b->config, 1, &output, b->now, b->now, &b->engine);
        if (r < 0)
                return r;
        engine_set_tick(b->engine, MAX(USEC_PER_SEC, b->probes[PROBE].interval_usec / 8));
        engine_begin(b->engine, true, b->now, b->now);
        return 0;
}

static void bench_clear(Bench *b)
{
        engine_free(b->engine);
        endings_clear(&b->endings);
        free(b->config.mode_probes);
        free(b->config.mode_modes);
}

/* --- time goes by --- */

/* The next thing that happens, if it does by then. */
static bool bench_step(Bench *b, uint64_t until)
{
        uint64_t next = engine_next(b->engine), ending = endings_next(&b->endings);

        if (MIN(next, ending) > until) {
                b->now = MAX(b->now, until);
                return false;
        }
        if (ending <= next) {
                Ending e = endings_take(&b->endings);

                b->now = MAX(b->now, e.at);
                engine_ended(b->engine, e.probe, e.serial, e.outcome, "", b->now, b->now);
        } else {
                b->now = MAX(b->now, next);
                engine_wake(b->engine, b->now, b->now);
        }
        return !b->failed;
}

static void bench_run(Bench *b, uint64_t until)
{
        while (bench_step(b, until))
                ;
}

static void bench_run_until_started(Bench *b, uint64_t until)
{
        unsigned starts = b->starts;

        while (b->starts == starts && bench_step(b, until))
                ;
}

static bool all_up(const Bench *b)
{
        for (size_t i = 0; i < b->config.n_probes; i++)
                if (!b->probes[i].type->passive && engine_state(b->engine)->probes[i].verdict != VERDICT_UP)
                        return false;
        return true;
}

/* Longer than anything can take: a loop's end, not a figure. */
static uint64_t bench_patience(const Bench *b)
{
        uint64_t sum = 0;

        for (size_t i = 0; i < b->config.n_probes; i++) {
                const ProbeConfig *p = &b->probes[i];

                sum = MAX(sum, (p->interval_usec + p->timeout_usec) * (p->window + p->rise + 4));
        }
        return 4 * sum;
}

/* Up, and at its regular pace: until a run begins. */
static void bench_settle(Bench *b)
{
        uint64_t until = b->now + bench_patience(b);

        while (!all_up(b) && bench_step(b, until))
                ;
        if (b->probes[PROBE].type->passive)
                bench_run(b,
                          b->now + USEC_PER_SEC); /* what passes at this very moment would count as asked */
        else
                for (int i = 0; i < 2; i++)
                        bench_run_until_started(b, until);
}

/* Just after a run began, or later in the interval. */
static uint64_t bench_phase(const Bench *b, const Trial *t, uint64_t interval)
{
        return MAX((uint64_t) (t->phase * (double) interval), UINT64_C(1));
}

static void bench_report(Bench *b)
{
        while (b->reports < MODE_WINDOW_MAX &&
               engine_state(b->engine)->probes[PROBE].verdict != VERDICT_DOWN && b->changed == 0) {
                engine_report(b->engine, PROBE, OUTCOME_FAIL, "", b->now, b->now);
                b->reports++;
        }
        b->told = b->now;
}

/* Trouble begins: how long until the change? */
static uint64_t bench_fail(Bench *b, const Trial *t)
{
        uint64_t began, until;

        if (!b->probes[PROBE].type->passive)
                bench_run(b, b->now + bench_phase(b, t, b->probes[PROBE].interval_usec));
        began = b->now;
        until = began + bench_patience(b);
        b->behaviour[PROBE] = t->hang ? BEHAVE_HANG : BEHAVE_FAIL;
        if (t->slow && b->fallback != PROBE_NONE)
                b->latency[b->fallback] = b->probes[b->fallback].timeout_usec - 1;
        if (b->probes[PROBE].type->passive)
                bench_report(b);
        while (b->changed == 0 && bench_step(b, until))
                ;
        return b->changed == 0 ? USEC_NEVER : b->changed - began;
}

/* The outage has lasted, and ends: how long until the return? The rule says when it is due as soon as all is well. */
static uint64_t bench_back(Bench *b, const Trial *t)
{
        const ProbeConfig *p = &b->probes[PROBE];
        uint64_t began = b->told, until;

        if (!p->type->passive) {
                bench_run(b, b->now + 2 * p->window * p->fast_interval_usec + 2 * p->interval_usec +
                                             2 * p->timeout_usec);
                bench_run_until_started(b, b->now + bench_patience(b));
                /* Silent runs that last longer than the interval make a longer rhythm. */
                bench_run(b, b->now + bench_phase(b, t,
                                                  p->timeout_usec <= p->interval_usec
                                                                  ? p->interval_usec
                                                                  : p->interval_usec + p->timeout_usec));
                began = b->now;
        }
        b->behaviour[PROBE] = BEHAVE_PASS;
        b->changed = 0;
        until = b->now + bench_patience(b);
        while (b->changed == 0 && engine_state(b->engine)->return_at == 0 && bench_step(b, until))
                ;
        if (b->changed != 0)
                return b->changed - began;
        return engine_state(b->engine)->return_at == 0 ? USEC_NEVER
                                                       : engine_state(b->engine)->return_at - began;
}

typedef struct Result {
        uint64_t went, came; /* came: 0 when it was not asked for */
        unsigned reports;
} Result;

static int try(const Config *c, const ProbeConfig *probe, const ProbeConfig *fallback, const Trial *t,
               Result *ret)
{
        Bench b = {0};
        int r;

        *ret = (Result){.went = USEC_NEVER, .came = USEC_NEVER};
        r = bench_set(&b, c, probe, fallback);
        if (r >= 0)
                r = bench_begin(&b);
        if (r >= 0) {
                bench_settle(&b);
                ret->went = bench_fail(&b, t);
                if (t->with_back && b.changed != 0)
                        ret->came = bench_back(&b, t);
                ret->reports = b.reports;
                if (b.failed)
                        r = -ENOMEM;
        }
        bench_clear(&b);
        return r;
}

/* --- many trials --- */

typedef struct Sum {
        uint64_t worst, total;
        unsigned n;
        bool never;
} Sum;

/* mean: it counts for the mean, too. */
static void sum_add(Sum *s, uint64_t usec, bool mean)
{
        if (usec == USEC_NEVER) {
                s->never = true;
                return;
        }
        s->worst = MAX(s->worst, usec);
        if (mean) {
                s->total += usec;
                s->n++;
        }
}

static MeasureSpan sum_end(const Sum *s)
{
        if (s->never || s->n == 0)
                return (MeasureSpan){USEC_NEVER, USEC_NEVER};
        return (MeasureSpan){s->worst, s->total / s->n};
}

/* One way to fail, at all moments; the back of both ways counts together. */
static int measure_way(const Config *c, const ProbeConfig *probe, const ProbeConfig *fallback, bool hang,
                       Sum *went, Sum *came, unsigned *ret_reports)
{
        unsigned phases = probe->type->passive ? 1 : MEASURE_PHASES;

        /* Evenly in the middles of tenths for the mean; and right after a run began, which no middle is. */
        for (unsigned i = 0; i <= phases; i++) {
                Trial t = {.hang = hang,
                           .phase = i == phases ? 0 : ((double) i + 0.5) / phases,
                           .with_back = true};
                Result result;
                int r = try(c, probe, fallback, &t, &result);

                if (r < 0)
                        return r;
                sum_add(went, result.went, i < phases);
                sum_add(came, result.came, i < phases);
                *ret_reports = result.reports;
                if (i < phases)
                        continue;
                t.slow = true;
                t.with_back = false;
                r = try(c, probe, fallback, &t, &result);
                if (r < 0)
                        return r;
                sum_add(went, result.went, false);
        }
        return 0;
}

int measure(const Config *c, const ProbeConfig *probe, const ProbeConfig *fallback, Measure *ret)
{
        Sum fail = {0}, hang = {0}, back = {0};
        Measure m = {0};
        int r;

        m.silent = probe->type->passive || probe_silence(probe->type, probe->conf) != OUTCOME_FAIL;
        r = measure_way(c, probe, fallback, false, &fail, &back, &m.reports);
        if (r >= 0 && !m.silent)
                r = measure_way(c, probe, fallback, true, &hang, &back, &m.reports);
        if (r < 0)
                return r;
        m.fail = sum_end(&fail);
        m.hang = sum_end(&hang);
        m.back = sum_end(&back);
        *ret = m;
        return 0;
}
