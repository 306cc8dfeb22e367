/* SPDX-License-Identifier: MIT */
/* One question or one job about one unit, on a connection to the bus of its own (org.freedesktop.systemd1(5)).
 *
 * A look asks for the unit without loading it (GetUnit), as `systemctl is-active` does: systemd forgets units that are
 * down, and is not to read their files anew every few seconds. Only one that it does not know is loaded (LoadUnit), to
 * tell "inactive" from "not found". */
#include "base/unit.h"

#include "base/bus.h"

#include <unistd.h>

#define SYSTEMD        "org.freedesktop.systemd1"
#define SYSTEMD_PATH   "/org/freedesktop/systemd1"
#define MANAGER        "org.freedesktop.systemd1.Manager"
#define UNIT_INTERFACE "org.freedesktop.systemd1.Unit"
#define DISCONNECTED   "type='signal',sender='org.freedesktop.DBus.Local',member='Disconnected'"
#define GETS_MAX       10

typedef struct Property {
        const char *name;
        const char *type;   /* of systemd's value: s, i, u or t */
        const char *suffix; /* only units with this one; NULL: all */
        bool own;           /* in the interface of the unit's type, else in that of all units */
        size_t offset, size;
} Property;

#define FIELD(f) offsetof(UnitState, f), sizeof(((UnitState *) NULL)->f)
static const Property properties[] = {
                {"StateChangeTimestamp", "t", NULL, false, FIELD(changed_usec)},
                {"InactiveExitTimestamp", "t", NULL, false, FIELD(started_usec)},
                {"InactiveExitTimestampMonotonic", "t", NULL, false, FIELD(began_usec)},
                {"Result", "s", NULL, true, FIELD(result)},
                {"ExecMainCode", "i", ".service", true, FIELD(code)},
                {"ExecMainStatus", "i", ".service", true, FIELD(status)},
                {"NRestarts", "u", ".service", true, FIELD(restarts)},
};
#undef FIELD

static const char *const verbs[_UNIT_VERB_MAX] = {
                [UNIT_LOOK] = "look",     [UNIT_START] = "start",     [UNIT_STOP] = "stop",
                [UNIT_RELOAD] = "reload", [UNIT_RESTART] = "restart",
};
static const char *const methods[_UNIT_VERB_MAX] = {
                [UNIT_START] = "StartUnit",
                [UNIT_STOP] = "StopUnit",
                [UNIT_RELOAD] = "ReloadUnit",
                [UNIT_RESTART] = "RestartUnit",
};

typedef struct Get {
        UnitTask *task;
        const Property *property;
} Get;

struct UnitTask {
        char name[UNIT_NAME_SIZE];
        UnitVerb verb;
        uint64_t timeout_usec;
        sd_bus *bus;
        sd_event_source *deadline, *deferred;
        UnitDone done;
        void *userdata;

        bool ended;
        int error;
        Error why;
        char job[128];       /* object path of the job, once it is known */
        char job_result[32]; /* and how it ended, once it has */
        bool loading;        /* GetUnit knew nothing: LoadUnit was asked */
        bool known;          /* state is whole */
        Get gets[GETS_MAX];
        size_t n_asked; /* still to be answered */
        UnitState state;
};

const char *unit_verb(UnitVerb verb)
{
        assert((unsigned) verb < _UNIT_VERB_MAX);
        return verbs[verb];
}

/* From here on nothing comes from the bus; the loop reports it on its next turn. */
static void task_end(UnitTask *t, int error)
{
        if (t->ended)
                return;
        t->ended = true;
        t->error = error;
        int r = sd_event_source_set_enabled(t->deferred, SD_EVENT_ONESHOT);
        assert(r >= 0); /* it was made at the start, so that nothing can fail here */
}

static int on_deferred(sd_event_source *source, void *userdata)
{
        UnitTask *t = userdata;

        t->bus = bus_close(t->bus);
        t->deadline = loop_source_free(t->deadline);
        t->deferred = loop_source_free(t->deferred);
        UnitResult result = {.error = t->error,
                             .message = t->error < 0 ? t->why.text : NULL,
                             .state = t->known ? &t->state : NULL};
        t->done(t, &result, t->userdata);
        return 0;
}

const char *unit_task_phase(const UnitTask *t)
{
        if (*t->job)
                return "systemd is still at it";
        return t->bus && sd_bus_is_ready(t->bus) > 0 ? "systemd does not answer"
                                                     : "the system bus does not answer";
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        UnitTask *t = userdata;

        if (!t->ended)
                task_end(t, error_set(&t->why, -ETIMEDOUT, "%s", unit_task_phase(t)));
        return 0;
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *ret)
{
        UnitTask *t = userdata;

        if (!t->ended)
                task_end(t, error_set(&t->why, -ENOTCONN, "the system bus closed the connection"));
        return 0;
}

/* Asks systemd; what is answered comes to fn. A failure ends the task. a, b: texts, or NULL. */
static void call(UnitTask *t, const char *path, const char *interface, const char *method,
                 sd_bus_message_handler_t fn, void *userdata, const char *a, const char *b)
{
        int r = sd_bus_call_method_async(t->bus, NULL, SYSTEMD, path, interface, method, fn, userdata,
                                         b   ? "ss"
                                         : a ? "s"
                                             : "",
                                         a, b);
        if (r < 0)
                task_end(t, error_set(&t->why, r, "the system bus: %s", strerror(-r)));
}

/* An answer that cannot be read. */
static void broken(UnitTask *t)
{
        task_end(t, error_set(&t->why, -EIO, "systemd's answer cannot be understood"));
}

static int read_property(sd_bus_message *m, const Property *p, UnitState *state)
{
        char *target = (char *) state + p->offset;
        const char *text;

        int r = sd_bus_message_enter_container(m, 'v', p->type);
        if (r <= 0)
                return r < 0 ? r : -ENXIO;
        if (*p->type != 's')
                return sd_bus_message_read_basic(m, *p->type, target);
        r = sd_bus_message_read_basic(m, 's', &text);
        if (r > 0)
                snprintf(target, p->size, "%s", text);
        return r;
}

static void looked(UnitTask *t);

static int on_property(sd_bus_message *m, void *userdata, sd_bus_error *ret)
{
        Get *get = userdata;
        UnitTask *t = get->task;
        const sd_bus_error *error = sd_bus_message_get_error(m);

        if (t->ended)
                return 0;
        if (error && !get->property->own) /* a type without a Result is fine, a unit without a state is not */
                task_end(t, bus_error(error, &t->why));
        else if (!error && read_property(m, get->property, &t->state) < 0)
                broken(t);
        else if (--t->n_asked == 0)
                looked(t);
        return 0;
}

/* org.freedesktop.systemd1.Service for shop.service. */
static void own_interface(const char *name, char *buffer, size_t size)
{
        const char *type = strrchr(name, '.') + 1;

        snprintf(buffer, size, SYSTEMD ".%c%s", *type - 'a' + 'A', type + 1);
}

/* a(ssssssouso): name, description, load, active and sub state, … These three must be of one moment. */
static int read_row(sd_bus_message *m, UnitState *state)
{
        const char *load, *active, *sub;

        int r = sd_bus_message_enter_container(m, 'a', "(ssssssouso)");
        if (r > 0)
                r = sd_bus_message_enter_container(m, 'r', "ssssssouso");
        if (r > 0)
                r = sd_bus_message_skip(m, "ss");
        if (r > 0)
                r = sd_bus_message_read(m, "sss", &load, &active, &sub);
        if (r <= 0)
                return r < 0 ? r : -ENXIO;
        snprintf(state->load, sizeof(state->load), "%s", load);
        snprintf(state->active, sizeof(state->active), "%s", active);
        snprintf(state->sub, sizeof(state->sub), "%s", sub);
        return 0;
}

static int on_row(sd_bus_message *m, void *userdata, sd_bus_error *ret)
{
        UnitTask *t = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(m);

        if (t->ended)
                return 0;
        if (error)
                task_end(t, bus_error(error, &t->why));
        else if (read_row(m, &t->state) < 0)
                broken(t);
        else if (--t->n_asked == 0)
                looked(t);
        return 0;
}

static void ask_row(UnitTask *t)
{
        int r = sd_bus_call_method_async(t->bus, NULL, SYSTEMD, SYSTEMD_PATH, MANAGER, "ListUnitsByNames",
                                         on_row, t, "as", 1, t->name);
        t->n_asked++;
        if (r < 0)
                task_end(t, error_set(&t->why, r, "the system bus: %s", strerror(-r)));
}

/* All at once; the details are no older than the state. */
static void ask_state(UnitTask *t, const char *path)
{
        char own[64];

        ask_row(t);
        own_interface(t->name, own, sizeof(own));
        for (size_t i = 0; i < ELEMENTSOF(properties); i++) {
                const Property *p = &properties[i];

                if (p->suffix && !streq(p->suffix, strrchr(t->name, '.')))
                        continue;
                Get *get = &t->gets[i];
                t->n_asked++;
                *get = (Get){t, p};
                call(t, path, "org.freedesktop.DBus.Properties", "Get", on_property, get,
                     p->own ? own : UNIT_INTERFACE, p->name);
        }
}

static int on_unit(sd_bus_message *m, void *userdata, sd_bus_error *ret)
{
        UnitTask *t = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(m);
        const char *path;

        if (t->ended)
                return 0;
        if (error) {
                int r = bus_error(error, &t->why);
                if (r == -ENOENT && !t->loading) {
                        t->loading = true;
                        call(t, SYSTEMD_PATH, MANAGER, "LoadUnit", on_unit, t, t->name, NULL);
                } else
                        task_end(t, r);
        } else if (sd_bus_message_read_basic(m, 'o', &path) <= 0)
                broken(t);
        else
                ask_state(t, path);
        return 0;
}

static void look(UnitTask *t)
{
        call(t, SYSTEMD_PATH, MANAGER, "GetUnit", on_unit, t, t->name, NULL);
}

/* systemd.unit's "JobRemoved" results, where our own words are better. */
static const struct {
        const char *result, *words;
} failures[] = {
                {"timeout", "not within systemd's own time limit"},
                {"dependency", "a unit that it needs could not be started"},
                {"assert", "an assertion of the unit does not hold"},
                {"invalid", "it is not running"},
};

static void job_failed(UnitTask *t)
{
        const char *words = NULL;
        char state[UNIT_WORDS_SIZE];

        for (size_t i = 0; i < ELEMENTSOF(failures); i++)
                if (streq(failures[i].result, t->job_result))
                        words = failures[i].words;
        if (!words && !streq(t->job_result, "failed") && !streq(t->job_result, "done"))
                words = t->job_result;
        unit_describe(&t->state, state);
        task_end(t,
                 error_set(&t->why, -EPROTO, "%s%s%s", words ? words : "", words ? "; it is " : "", state));
}

/* The end of a look. After a job it tells what has become of the unit: a start is done as soon as the program runs, and
 * some end at once. */
static void looked(UnitTask *t)
{
        bool done = streq(t->job_result, "done") || streq(t->job_result, "skipped"),
             died = t->verb != UNIT_STOP && streq(t->state.active, "failed"),
             needless = t->verb == UNIT_RELOAD && unit_is_down(&t->state);

        t->known = true;
        if (t->verb != UNIT_LOOK && (!done || died) && !needless)
                job_failed(t);
        else
                task_end(t, 0);
}

/* JobRemoved (id, job, unit, result). The answer to StartUnit was sent before it, so that the job is known. */
static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *ret)
{
        UnitTask *t = userdata;
        const char *job, *unit, *result;
        uint32_t id;

        if (t->ended || !*t->job || *t->job_result)
                return 0;
        if (sd_bus_message_read(m, "uoss", &id, &job, &unit, &result) < 0 || !streq(job, t->job))
                return 0;
        snprintf(t->job_result, sizeof(t->job_result), "%s", result);
        if (streq(result, "canceled"))
                task_end(t, error_set(&t->why, -ECANCELED, "another job took its place"));
        else if (streq(result, "unsupported"))
                task_end(t, error_set(&t->why, -EOPNOTSUPP, "such a unit is not supported here"));
        else
                look(t);
        return 0;
}

/* With what an operator can do about it. */
static void job_refused(UnitTask *t, const sd_bus_error *error)
{
        int r = bus_error(error, &t->why);

        if (r == -EACCES)
                error_prefix(&t->why, r,
                             "systemd does not let us (user id %u), polkit has to allow it: see "
                             "operations.md, "
                             "\"Units\"",
                             (unsigned) geteuid());
        task_end(t, r);
}

static int on_job(sd_bus_message *m, void *userdata, sd_bus_error *ret)
{
        UnitTask *t = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(m);
        const char *path;

        if (t->ended)
                return 0;
        if (error)
                job_refused(t, error);
        else if (sd_bus_message_read_basic(m, 'o', &path) <= 0 ||
                 snprintf(t->job, sizeof(t->job), "%s", path) >= (int) sizeof(t->job))
                broken(t);
        return 0;
}

/* Of what must work before a job is asked for: else its end would not be heard. */
static int on_prepared(sd_bus_message *m, void *userdata, sd_bus_error *ret)
{
        UnitTask *t = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(m);

        if (error && !t->ended)
                task_end(t, bus_error(error, &t->why));
        return 0;
}

/* All is sent at once, and taken in this order. */
static void begin_job(UnitTask *t)
{
        int r = sd_bus_match_signal_async(t->bus, NULL, SYSTEMD, SYSTEMD_PATH, MANAGER, "JobRemoved",
                                          on_job_removed, on_prepared, t);
        if (r < 0) {
                task_end(t, error_set(&t->why, r, "the system bus: %s", strerror(-r)));
                return;
        }
        call(t, SYSTEMD_PATH, MANAGER, "Subscribe", on_prepared, t, NULL, NULL);
        call(t, SYSTEMD_PATH, MANAGER, methods[t->verb], on_job, t, t->name, "replace");
}

static int begin(UnitTask *t, sd_event *event)
{
        int r = bus_open(event, &t->bus, &t->why);

        if (r == -ENOTCONN) {
                task_end(t, r);
                return 0;
        }
        if (r >= 0) /* our own deadline is the one that counts */
                r = sd_bus_set_method_call_timeout(t->bus, t->timeout_usec + USEC_PER_MIN);
        if (r >= 0)
                r = sd_bus_add_match_async(t->bus, NULL, DISCONNECTED, on_disconnected, NULL, t);
        if (r < 0)
                return r;
        if (t->verb == UNIT_LOOK)
                look(t);
        else
                begin_job(t);
        return 0;
}

static int task_new(sd_event *event, UnitTask *t)
{
        int r = sd_event_add_defer(event, &t->deferred, on_deferred, t);

        if (r < 0)
                return r;
        (void) sd_event_source_set_description(t->deferred, "unit-done");
        r = sd_event_source_set_enabled(t->deferred, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = loop_timer_new(event, "unit-deadline", on_deadline, t, &t->deadline);
        return r < 0 ? r : loop_timer_set_after(t->deadline, t->timeout_usec);
}

int unit_task_start(sd_event *event, const char *name, UnitVerb verb, uint64_t timeout_usec, UnitDone done,
                    void *userdata, UnitTask **ret)
{
        _cleanup_(unit_task_freep) UnitTask *t = NULL;

        assert(event && name && strlen(name) < UNIT_NAME_SIZE && strchr(name, '.'));
        assert((unsigned) verb < _UNIT_VERB_MAX && timeout_usec > 0 && done && ret);
        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;
        strcpy(t->name, name);
        t->verb = verb;
        t->timeout_usec = timeout_usec;
        t->done = done;
        t->userdata = userdata;
        int r = task_new(event, t);
        if (r >= 0)
                r = begin(t, event);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(t);
        return 0;
}

UnitTask *unit_task_free(UnitTask *t)
{
        if (!t)
                return NULL;
        bus_close(t->bus);
        loop_source_free(t->deadline);
        loop_source_free(t->deferred);
        free(t);
        return NULL;
}
