/* SPDX-License-Identifier: MIT */
/* Asks systemd how one of its units is: active passes. What is being started does not: it serves nobody yet, and a unit
 * that never gets ready or is restarted for ever would look like one that is about to be well. */
#include "base/unit.h"
#include "base/clock.h"
#include "probes/probe.h"

typedef struct UnitConf {
        char *name;
} UnitConf;

typedef struct UnitMemory {
        bool seen;
        unsigned restarts; /* of the unit, when it was last looked at */
} UnitMemory;

typedef struct UnitAttempt {
        UnitTask *task;
} UnitAttempt;

/* A unit that is restarted over and over is up most of the times one looks. So a restart since the last look is a fail,
 * one: a unit that stays up passes the next look. */
static unsigned restarts_since(UnitMemory *m, const UnitState *state)
{
        unsigned more = m->seen && state->restarts > m->restarts ? state->restarts - m->restarts : 0;

        *m = (UnitMemory){.seen = true, .restarts = state->restarts};
        return more;
}

static void judge(Attempt *a, const UnitState *state)
{
        const UnitConf *c = a->conf;
        unsigned restarts = restarts_since(a->memory, state);
        char words[UNIT_WORDS_SIZE];

        unit_describe(state, words);
        if (unit_is_active(state) && restarts > 0)
                attempt_report(a, OUTCOME_FAIL,
                               "%s: has ended and was restarted %u time%s since the last look", c->name,
                               restarts, restarts == 1 ? "" : "s");
        else
                attempt_report(a, unit_is_active(state) ? OUTCOME_PASS : OUTCOME_FAIL, "%s: %s", c->name,
                               words);
}

static void on_looked(UnitTask *task, const UnitResult *result, void *userdata)
{
        Attempt *a = userdata;
        const UnitConf *c = a->conf;

        if (result->error == 0)
                judge(a, result->state);
        else
                attempt_report(a, OUTCOME_INCONCLUSIVE, "%s: %s", c->name, result->message);
}

static void unit_start(Attempt *a)
{
        const UnitConf *c = a->conf;
        UnitAttempt *s = a->state;
        /* The driver's deadline is the one that counts. */
        int r = unit_task_start(a->context->event, c->name, UNIT_LOOK, a->timeout_usec + USEC_PER_SEC,
                                on_looked, a, &s->task);

        if (r < 0)
                attempt_report_errno(a, r, c->name);
}

static void unit_stop(Attempt *a)
{
        UnitAttempt *s = a->state;

        s->task = unit_task_free(s->task);
}

static void unit_expire(Attempt *a)
{
        const UnitConf *c = a->conf;
        const UnitAttempt *s = a->state;
        char duration[DURATION_SIZE];

        attempt_report(a, OUTCOME_INCONCLUSIVE, "%s: %s after %s", c->name, unit_task_phase(s->task),
                       duration_format(duration, a->timeout_usec));
}

static bool unit_silence_fails(const void *conf)
{
        return false;
}

const ProbeType probe_unit = {
                .name = "unit",
                .help = "A unit of systemd: that it is active. Failed, inactive, still starting, waiting to "
                        "be "
                        "restarted or restarted since the last look is a fail; a bus that does not answer is "
                        "inconclusive.",
                .conf_size = sizeof(UnitConf),
                .fields =
                                (const ConfField[]){
                                                {"name", &conf_unit, offsetof(UnitConf, name), CONF_REQUIRED,
                                                 NULL,
                                                 "the unit, such as shop.service or btcpay.target; without a "
                                                 "type a service"},
                                                {NULL},
                                },
                .size = sizeof(UnitAttempt),
                .memory_size = sizeof(UnitMemory),
                .single = true,
                .silence_fails = unit_silence_fails,
                .start = unit_start,
                .stop = unit_stop,
                .expire = unit_expire,
};
