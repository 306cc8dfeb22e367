/* SPDX-License-Identifier: MIT */
/* An engine with a configuration, a virtual clock and targets that answer as told. */
#pragma once

#include "supervisor/engine.h"
#include "supervisor/engine_private.h"

#include "tests/test.h"

#define START (1767225600 * USEC_PER_SEC)
#define S     USEC_PER_SEC
#define MS    USEC_PER_MSEC

typedef struct Flying {
        unsigned probe;
        uint64_t serial, ends;
        Outcome outcome;
} Flying;

typedef struct World {
        Config *config;
        Engine *engine;
        EngineOutput output;
        uint64_t now;
        int64_t wall; /* minus now */
        Outcome answer[32];
        uint64_t latency[32];
        int refuse[32]; /* what start() says */
        Flying flying[256];
        size_t n_flying;

        char log[8192]; /* changes and alerts, one a line */
        unsigned n_judged, n_important, n_remember;
        char ids[64][64];
        size_t n_ids;
} World;

static void note(World *w, const char *format, ...) _printf_(2, 3);
static void note(World *w, const char *format, ...)
{
        size_t used = strlen(w->log);
        va_list ap;

        va_start(ap, format);
        vsnprintf(w->log + used, sizeof(w->log) - used, format, ap);
        va_end(ap);
}

static int on_start(unsigned probe, uint64_t serial, void *userdata)
{
        World *w = userdata;

        if (w->refuse[probe] < 0)
                return w->refuse[probe];
        CHECK(w->n_flying < ELEMENTSOF(w->flying));
        w->flying[w->n_flying++] = (Flying){probe, serial, w->now + w->latency[probe], w->answer[probe]};
        return 0;
}

static void on_cancel(unsigned probe, uint64_t serial, void *userdata)
{
        World *w = userdata;

        for (size_t i = 0; i < w->n_flying; i++)
                if (w->flying[i].serial == serial) {
                        CHECK_INT(w->flying[i].probe, probe);
                        w->flying[i] = w->flying[--w->n_flying];
                        return;
                }
        CHECK(!"cancelled what does not fly");
}

static void on_changed(const EngineChange *c, void *userdata)
{
        World *w = userdata;

        note(w, "%s > %s: %s [%s]%s\n", c->from == MODE_NONE ? "" : w->config->modes[c->from].name,
             w->config->modes[c->to].name, c->cause, rule_name(c->rule), c->automatic ? " automatic" : "");
        snprintf(w->ids[w->n_ids++ % 64], 64, "%s", c->id);
}

static void on_alarm(const Alarm *alarm, bool raised, void *userdata)
{
        World *w = userdata;

        note(w, "%s %s: %s\n", raised ? "raised" : "cleared", alarm->name, alarm->message);
        if (raised)
                snprintf(w->ids[w->n_ids++ % 64], 64, "%s", alarm->id);
}

static void on_judged(unsigned probe, Outcome outcome, bool turned, bool important, void *userdata)
{
        World *w = userdata;

        w->n_judged++;
        w->n_important += important;
}

static void on_remember(void *userdata)
{
        World *w = userdata;

        w->n_remember++;
}

static Config *config_of(const char *text)
{
        Config *c = NULL;
        Error e;

        if (config_load_text("test", text, strlen(text), &c, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK(c);
        return c;
}

static uint64_t wall(const World *w)
{
        return (uint64_t) ((int64_t) w->now + w->wall);
}

static void engine_make(World *w)
{
        w->output = (EngineOutput){.start = on_start,
                                   .cancel = on_cancel,
                                   .changed = on_changed,
                                   .alarm = on_alarm,
                                   .judged = on_judged,
                                   .remember = on_remember,
                                   .userdata = w};
        CHECK_INT(engine_new(w->config, 7, &w->output, w->now, wall(w), &w->engine), 0);
}

/* Nothing has begun yet. */
static World *world_new(const char *config)
{
        World *w = calloc(1, sizeof(*w));

        CHECK(w);
        w->now = START;
        for (size_t i = 0; i < ELEMENTSOF(w->latency); i++)
                w->latency[i] = 10 * MS;
        w->config = config_of(config);
        engine_make(w);
        return w;
}

static World *world_free(World *w)
{
        engine_free(w->engine);
        config_free(w->config);
        free(w);
        return NULL;
}
DEFINE_CLEANUP(World, world_free)
#define _cleanup_world_ _cleanup_(world_freep)

static Flying *first_to_end(World *w)
{
        Flying *first = NULL;

        for (size_t i = 0; i < w->n_flying; i++)
                if (!first || w->flying[i].ends < first->ends ||
                    (w->flying[i].ends == first->ends && w->flying[i].serial < first->serial))
                        first = &w->flying[i];
        return first;
}

/* Runs for so long, the end included. */
static void run(World *w, uint64_t usec)
{
        uint64_t until = w->now + usec;

        for (;;) {
                Flying *f = first_to_end(w);
                uint64_t next = engine_next(w->engine);

                if (f && f->ends <= next) {
                        Flying ending = *f;

                        if (ending.ends > until)
                                break;
                        w->now = MAX(w->now, ending.ends);
                        *f = w->flying[--w->n_flying];
                        engine_ended(w->engine, ending.probe, ending.serial, ending.outcome, "said so",
                                     w->now, wall(w));
                        continue;
                }
                if (next > until)
                        break;
                w->now = MAX(w->now, next);
                engine_wake(w->engine, w->now, wall(w));
        }
        w->now = until;
}

static unsigned probe_of(const World *w, const char *name)
{
        unsigned probe = config_find_probe(w->config, name);

        CHECK(probe != PROBE_NONE);
        return probe;
}

static _unused_ const ProbeState *state_of(const World *w, const char *name)
{
        return &engine_state(w->engine)->probes[probe_of(w, name)];
}

static _unused_ void answers(World *w, const char *name, Outcome outcome)
{
        w->answer[probe_of(w, name)] = outcome;
}

static _unused_ const char *mode_name(const World *w)
{
        return w->config->modes[engine_state(w->engine)->mode].name;
}

static _unused_ int operate(World *w, EngineCommand command, Error *e)
{
        if (!command.reason)
                command.reason = "";
        return engine_operate(w->engine, &command, w->now, wall(w), e);
}

/* They answer as before, whatever the number of their probe is now. */
static void targets_move(World *w, const Config *old)
{
        World was = *w;

        for (unsigned i = 0; i < w->config->n_probes; i++) {
                unsigned k = config_find_probe(old, w->config->probes[i]->name);

                w->answer[i] = k == PROBE_NONE ? OUTCOME_PASS : was.answer[k];
                w->latency[i] = k == PROBE_NONE ? 10 * MS : was.latency[k];
                w->refuse[i] = k == PROBE_NONE ? 0 : was.refuse[k];
        }
}

/* The process ends, and another one starts with what this one remembered. */
static _unused_ void restart(World *w, const char *config, uint64_t away, bool probes)
{
        json_t *memory = engine_remember(w->engine);
        Engine *old = w->engine;
        Config *old_config = w->config;

        CHECK(memory);
        w->n_flying = 0;
        w->now += away;
        w->config = config_of(config);
        targets_move(w, old_config);
        engine_make(w);
        for (unsigned i = 0; probes && i < w->config->n_probes; i++) {
                unsigned k = config_find_probe(old_config, w->config->probes[i]->name);

                if (k != PROBE_NONE)
                        engine_restore_probe(w->engine, i, &engine_state(old)->probes[k],
                                             engine_history(old, k), engine_message(old, k), w->now);
        }
        CHECK_INT(engine_recall(w->engine, memory, w->now), 0);
        json_decref(memory);
        engine_free(old);
        config_free(old_config);
        engine_begin(w->engine, false, w->now, wall(w));
}

static _unused_ int reload(World *w, const char *text, Error *e)
{
        Config *config = config_of(text), *old_config = w->config;
        Engine *old = w->engine;
        int r;

        r = engine_check_reload(old, config, e);
        if (r < 0) {
                config_free(config);
                return r;
        }
        w->config = config;
        engine_make(w);
        config_carry_over(config, old_config);
        engine_carry_over(w->engine, old);
        for (size_t i = 0; i < w->n_flying; i++)
                w->flying[i].probe = probe_of(w, old_config->probes[w->flying[i].probe]->name);
        targets_move(w, old_config);
        engine_begin(w->engine, false, w->now, wall(w));
        engine_free(old);
        config_free(old_config);
        return 0;
}
