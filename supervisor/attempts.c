/* SPDX-License-Identifier: MIT */
/* The attempts that the engine has asked for, in flight. */
#include "supervisor/attempts.h"

#include "base/clock.h"
#include "base/log.h"

typedef struct Running {
        Manager *manager;
        ProbeConfig *probe;
        uint64_t serial;
        Attempt *attempt;
        struct Running *next;
} Running;

static void unlink_running(Running *r)
{
        for (Running **p = (Running **) &r->probe->running; *p; p = &(*p)->next)
                if (*p == r) {
                        *p = r->next;
                        return;
                }
}

static void on_done(Attempt *a, const AttemptResult *result, void *userdata)
{
        Running *r = userdata;
        Manager *m = r->manager;

        log_debug("probe %s: %s in %.1f ms: %s", r->probe->name, outcome_name(result->outcome),
                  (double) (result->ended_usec - result->began_usec) / USEC_PER_MSEC, result->message);
        unlink_running(r);
        engine_ended(m->engine, r->probe->index, r->serial, result->outcome, result->message, manager_now(m),
                     clock_wall_usec());
        attempt_free(a);
        free(r);
}

/* By the clock, not by the engine's idea of now: of many that are due at once each waits for those before it. */
static void note_lateness(Manager *m)
{
        uint64_t now = manager_now(m), due = schedule_last_due(engine_schedule(m->engine));

        lateness_note(&m->lateness, now > due ? now - due : 0);
}

int attempts_start(Manager *m, unsigned probe, uint64_t serial)
{
        ProbeConfig *p = m->config->probes[probe];
        Running *r = calloc(1, sizeof(*r));
        int error;

        note_lateness(m);
        if (!r)
                return -ENOMEM;
        *r = (Running){.manager = m, .probe = p, .serial = serial};
        error = attempt_start(&m->probe_context, p->type, p->conf, p->memory, p->timeout_usec, on_done, r,
                              &r->attempt);
        if (error < 0) {
                free(r);
                return error;
        }
        r->next = p->running;
        p->running = r;
        return 0;
}

static void running_free(Running *r)
{
        attempt_free(r->attempt);
        free(r);
}

void attempts_cancel(const Config *config, unsigned probe, uint64_t serial)
{
        for (Running *r = config->probes[probe]->running; r; r = r->next)
                if (r->serial == serial) {
                        unlink_running(r);
                        running_free(r);
                        return;
                }
}

void attempts_cancel_all(const Config *config)
{
        for (size_t i = 0; i < config->n_probes; i++)
                while (config->probes[i]->running) {
                        Running *r = config->probes[i]->running;

                        unlink_running(r);
                        running_free(r);
                }
}
