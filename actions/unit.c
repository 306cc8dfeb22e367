/* SPDX-License-Identifier: MIT */
/* unit: stops, starts, restarts and reloads systemd's units, in this order, so that what is started finds the ports and
 * locks free that what is stopped held. All units of one verb at once.
 *
 * Whether it is so already is read from systemd, which keeps the times: a unit that was started, or came to its state by
 * a reload, after the change has been restarted or reloaded for it. So a retry disturbs only what is not done. */
#include "actions/action.h"

#include "base/clock.h"
#include "base/text.h"
#include "base/unit.h"

#define TIMEOUT_MAX (10 * USEC_PER_MIN)
#define STEP_MIN    USEC_PER_SEC /* for what comes after one that has taken all the time */

typedef struct UnitConf {
        char **stop, **start, **restart, **reload;
        uint64_t timeout_usec;
} UnitConf;

static const ConfRange timeout_range = {USEC_PER_SEC, TIMEOUT_MAX};

static const ConfField unit_fields[] = {
                {"start", &conf_units, offsetof(UnitConf, start), 0, NULL,
                 "Units to start, such as btcpay.service; without a type services.", NULL},
                {"stop", &conf_units, offsetof(UnitConf, stop), 0, NULL,
                 "Units to stop, before any is started.", NULL},
                {"restart", &conf_units, offsetof(UnitConf, restart), 0, NULL,
                 "Units to restart, once for a change; one that does not run is started.", NULL},
                {"reload", &conf_units, offsetof(UnitConf, reload), 0, NULL,
                 "Units to reload, once for a change; one that does not run is left alone.", NULL},
                {"timeout", &conf_duration, offsetof(UnitConf, timeout_usec), 0, "2m",
                 "For all of it; what systemd has not done then is tried again.", &timeout_range},
                {NULL},
};

/* In the order in which they are done. */
static const struct {
        UnitVerb verb;
        size_t list;
        const char *done;
} phases[] = {
                {UNIT_STOP, offsetof(UnitConf, stop), "stopped"},
                {UNIT_START, offsetof(UnitConf, start), "started"},
                {UNIT_RESTART, offsetof(UnitConf, restart), "restarted"},
                {UNIT_RELOAD, offsetof(UnitConf, reload), "reloaded"},
};

/* One unit of one list. */
typedef struct Step {
        Action *action;
        size_t phase;
        const char *unit;
        UnitTask *task;
} Step;

typedef struct UnitRun {
        Step *steps; /* by phase */
        size_t n_steps, next, n_running;
        bool query;
        uint64_t end_usec;
        Text done, trouble;
        bool retry, missing; /* trouble is passing; some unit is not as it should be */
} UnitRun;

static char *const *phase_units(const UnitConf *c, size_t phase)
{
        return *(char *const *const *) ((const char *) c + phases[phase].list);
}

/* After the change, by a clock that has not been turned back since: then it is done once more, which is the safe side. */
static bool is_since(uint64_t wall_usec, const ActionFacts *f)
{
        return wall_usec >= f->at_usec && wall_usec <= clock_wall_usec();
}

/* Is the unit as the change wants it? */
static bool is_so(UnitVerb verb, const UnitState *s, const ActionFacts *f)
{
        switch (verb) {
        case UNIT_STOP:
                return unit_is_down(s) && !streq(s->load, "not-found");
        case UNIT_START: /* or it has run to its good end since */
                return unit_is_active(s) || (streq(s->active, "inactive") && is_since(s->started_usec, f));
        case UNIT_RESTART:
                return unit_is_active(s) && is_since(s->started_usec, f);
        case UNIT_RELOAD:
                return unit_is_active(s) && is_since(s->changed_usec, f);
        default:
                assert(!"no verb of an action");
                return false;
        }
}

static void add_part(Text *t, const char *format, ...) _printf_(2, 3);
static void add_part(Text *t, const char *format, ...)
{
        char part[400];
        va_list ap;

        va_start(ap, format);
        vsnprintf(part, sizeof(part), format, ap);
        va_end(ap);
        text_add(t, "%s%s", t->size > 0 ? "; " : "", part);
}

static void step_failed(const Step *step, int error, const char *message)
{
        const UnitConf *c = step->action->conf;
        UnitRun *run = step->action->state;
        const char *verb = unit_verb(phases[step->phase].verb);
        char duration[DURATION_SIZE];

        run->retry = run->retry || error != -EOPNOTSUPP;
        if (error == -ETIMEDOUT)
                add_part(&run->trouble, "%s of %s: %s after %s", verb, step->unit, message,
                         duration_format(duration, c->timeout_usec));
        else
                add_part(&run->trouble, "%s of %s: %s", verb, step->unit, message);
}

/* Trouble first: the message is cut at its end. */
static void run_report(Action *a)
{
        UnitRun *run = a->state;
        const char *done = run->done.size > 0 ? run->done.data : "",
                   *trouble = run->trouble.size > 0 ? run->trouble.data : "";
        ActionResult result = run->missing                        ? ACTION_MISSING
                              : run->retry || run->trouble.failed ? ACTION_RETRY
                              : run->trouble.size > 0             ? ACTION_PERMANENT
                                                                  : ACTION_DONE;

        if (!*trouble && !*done && (run->trouble.failed || run->done.failed))
                done = strerror(ENOMEM);
        action_report(a, result, "%s%s%s", trouble, *trouble && *done ? "; " : "", done);
}

static void run_next(Action *a);

static void step_end(Step *step)
{
        UnitRun *run = step->action->state;

        step->task = unit_task_free(step->task);
        if (--run->n_running == 0)
                run_next(step->action);
}

static int step_ask(Step *step, UnitVerb verb, UnitDone fn)
{
        UnitRun *run = step->action->state;
        uint64_t now = clock_boot_usec(), left = run->end_usec > now ? run->end_usec - now : 0;

        step->task = unit_task_free(step->task);
        return unit_task_start(step->action->context->event, step->unit, verb, MAX(left, STEP_MIN), fn, step,
                               &step->task);
}

static void on_job(UnitTask *task, const UnitResult *result, void *userdata)
{
        Step *step = userdata;
        UnitRun *run = step->action->state;

        if (result->error < 0)
                step_failed(step, result->error, result->message);
        else if (phases[step->phase].verb == UNIT_RELOAD && unit_is_down(result->state))
                add_part(&run->done, "%s does not run, and needs no reload", step->unit);
        else
                add_part(&run->done, "%s %s", step->unit, phases[step->phase].done);
        step_end(step);
}

/* A unit that systemd does not know is no reason to stay: the job says so, in systemd's words. */
static void on_looked(UnitTask *task, const UnitResult *result, void *userdata)
{
        Step *step = userdata;
        UnitRun *run = step->action->state;
        char words[UNIT_WORDS_SIZE];
        int r;

        if (result->error < 0) {
                step_failed(step, result->error, result->message);
        } else if (is_so(phases[step->phase].verb, result->state, step->action->facts)) {
                add_part(&run->done, "%s is %s", step->unit, phases[step->phase].done);
        } else if (run->query) {
                run->missing = true;
                add_part(&run->trouble, "%s is not %s: %s", step->unit, phases[step->phase].done,
                         unit_describe(result->state, words));
        } else {
                r = step_ask(step, phases[step->phase].verb, on_job);
                if (r == 0)
                        return;
                step_failed(step, r, strerror(-r));
        }
        step_end(step);
}

/* Starts all steps of the next phase (all there are, when nothing is changed), or reports when there is none. */
static void run_next(Action *a)
{
        UnitRun *run = a->state;

        while (run->n_running == 0 && run->next < run->n_steps) {
                size_t phase = run->steps[run->next].phase;

                for (; run->next < run->n_steps && (run->query || run->steps[run->next].phase == phase);
                     run->next++) {
                        Step *step = &run->steps[run->next];
                        int r = step_ask(step, UNIT_LOOK, on_looked);

                        if (r < 0)
                                step_failed(step, r, strerror(-r));
                        else
                                run->n_running++;
                }
        }
        if (run->n_running == 0)
                run_report(a);
}

static void run_start(Action *a, bool query)
{
        const UnitConf *c = a->conf;
        UnitRun *run = a->state;
        size_t n = 0;

        for (size_t p = 0; p < ELEMENTSOF(phases); p++)
                for (char *const *u = phase_units(c, p); u && *u; u++)
                        n++;
        run->steps = calloc(n, sizeof(*run->steps));
        if (!run->steps) {
                action_report(a, ACTION_RETRY, "out of memory");
                return;
        }
        for (size_t p = 0; p < ELEMENTSOF(phases); p++)
                for (char *const *u = phase_units(c, p); u && *u; u++)
                        run->steps[run->n_steps++] = (Step){.action = a, .phase = p, .unit = *u};
        run->query = query;
        run->end_usec = clock_boot_usec() + c->timeout_usec;
        run_next(a);
}

static void unit_apply(Action *a)
{
        run_start(a, false);
}

static void unit_query(Action *a)
{
        run_start(a, true);
}

/* Jobs that systemd has begun go on; those of a newer change replace them. */
static void unit_stop(Action *a)
{
        UnitRun *run = a->state;

        for (size_t i = 0; i < run->n_steps; i++)
                unit_task_free(run->steps[i].task);
        free(run->steps);
        text_clear(&run->done);
        text_clear(&run->trouble);
}

static bool list_has(char *const *list, const char *unit)
{
        for (; list && *list; list++)
                if (streq(*list, unit))
                        return true;
        return false;
}

static int unit_check(const void *conf, const ConfNode *node, Error *e)
{
        const UnitConf *c = conf;
        size_t n = 0;

        for (size_t p = 0; p < ELEMENTSOF(phases); p++)
                for (char *const *u = phase_units(c, p); u && *u; u++, n++)
                        for (size_t other = p + 1; other < ELEMENTSOF(phases); other++)
                                if (list_has(phase_units(c, other), *u))
                                        return conf_error(node, e, "%s cannot be in both `%s` and `%s`", *u,
                                                          unit_verb(phases[p].verb),
                                                          unit_verb(phases[other].verb));
        if (n == 0)
                return conf_error(node, e, "start, stop, restart or reload needs a unit");
        return 0;
}

static int unit_target(const void *conf, char **ret)
{
        *ret = strdup("");
        return *ret ? 0 : -ENOMEM;
}

const ActionType action_unit = {
                .name = "unit",
                .help = "Stops, starts, restarts and reloads units of systemd, and waits until it is done; "
                        "polkit "
                        "must allow it.",
                .conf_size = sizeof(UnitConf),
                .fields = unit_fields,
                .size = sizeof(UnitRun),
                .timeout_usec = TIMEOUT_MAX + 15 * USEC_PER_SEC,
                .check = unit_check,
                .target = unit_target,
                .apply = unit_apply,
                .query = unit_query,
                .stop = unit_stop,
};
