/* SPDX-License-Identifier: MIT */
/* payment-mode: writes payment.env, which tells the shop how buyers pay, then restarts, reloads or calls what has to read
 * it. The file comes first and never waits for a hook. Which hooks are done for a change is noted in payment.hooks, so that
 * a retry of one does not run the others again: nobody wants a shop restarted every ten minutes because a hook is deaf.
 *
 * Also noted is when the file was written. A unit that began after that has read it: where it may have, at a boot, at which
 * systemd starts it too, and after a crash or an upgrade in the middle of its restart, systemd is asked before it is
 * restarted. That would only keep buyers waiting for a shop that has just begun. */
#include "actions/request.h"

#include "base/clock.h"
#include "base/sign.h"
#include "base/text.h"
#include "base/unit.h"

#include <ctype.h>

#define ENV_MAX         4096
#define NOTES_MAX       (64 * 1024)
#define UNIT_TIMEOUT    (90 * USEC_PER_SEC) /* systemd's own patience with a start */
#define REQUEST_TIMEOUT (10 * USEC_PER_SEC)
#define LOOK_AGAIN_USEC (100 * USEC_PER_MSEC)
#define WRITTEN         " written " /* in a note */

typedef struct Request {
        char *url, *method, *body;
} Request;

typedef struct PaymentConf {
        char **restart, **reload;
        Request http;
} PaymentConf;

static const ConfField request_fields[] = {
                {"url", &conf_url, offsetof(Request, url), CONF_REQUIRED | CONF_SECRET, NULL, "Where to.",
                 NULL},
                {"method", &conf_string, offsetof(Request, method), 0, "POST", "The request's method.", NULL},
                {"body", &conf_string, offsetof(Request, body), 0, NULL,
                 "Sent as it is; without it a JSON document with mode, payment, checkout, change and from.",
                 NULL},
                {NULL},
};

static const ConfField payment_fields[] = {
                {"restart", &conf_units, offsetof(PaymentConf, restart), 0, NULL,
                 "Units to restart once the file is written; a unit reads EnvironmentFile= when it starts. "
                 "Polkit must "
                 "allow it.",
                 NULL},
                {"reload", &conf_units, offsetof(PaymentConf, reload), 0, NULL,
                 "Units to reload; their program must read the file itself, a reload does not.", NULL},
                {"http", &conf_table, offsetof(PaymentConf, http), 0, NULL,
                 "A request to send once the file is written.", request_fields},
                {NULL},
};

/* One thing to do after the file is written. */
typedef struct Hook {
        const char *verb;   /* "restart", "reload", "http" */
        const char *object; /* unit or URL */
} Hook;

typedef enum JobKind {
        JOB_WRITE, /* payment.env, and read the notes */
        JOB_NOTE,  /* one hook is done */
        JOB_ASK,   /* read both */
} JobKind;

/* On the runtime worker; outlives an action that is abandoned. */
typedef struct Job {
        Action *action; /* NULL: abandoned */
        JobKind kind;
        char *env_path, *env;
        char *notes_path, *note;
        char *change;
        char *notes;           /* read: what is done */
        bool matches;          /* read: payment.env says what it should */
        uint64_t written_usec; /* written: when, by CLOCK_MONOTONIC; 0: not known */
        bool asks; /* … there was none before, or it was so already: units may have begun since */
} Job;

typedef struct PaymentState {
        Job *job;
        UnitTask *task;
        Fetch *fetch;
        char *notes;
        size_t hook;        /* the one that runs, or comes next */
        bool needless;      /* it does not run, so there was nothing to reload; or it has begun since */
        bool asks, looking; /* at whether it has */
        uint64_t written_usec;
        sd_event_source *again; /* to look again at one that is being started */
        unsigned looks;
        Text said; /* what went well, what did not */
        bool failed;
} PaymentState;

static size_t strings_count(char *const *list)
{
        size_t n = 0;
        while (list && list[n])
                n++;
        return n;
}

static bool hook_get(const PaymentConf *c, size_t i, Hook *ret)
{
        size_t n_restart = strings_count(c->restart), n_reload = strings_count(c->reload);

        if (i < n_restart)
                *ret = (Hook){"restart", c->restart[i]};
        else if (i < n_restart + n_reload)
                *ret = (Hook){"reload", c->reload[i - n_restart]};
        else if (i == n_restart + n_reload && c->http.url)
                *ret = (Hook){"http", c->http.url};
        else
                return false;
        return true;
}

/* "<change> <mode> <hash of the hook>": URLs may hold secrets. */
static char *hook_note(const ActionFacts *f, const Hook *hook)
{
        _cleanup_free_ char *name = string_printf("%s %s", hook->verb, hook->object);
        uint8_t hash[SHA256_SIZE];
        char hex[2 * SHA256_SIZE + 1];

        if (!name)
                return NULL;
        sha256(name, strlen(name), hash);
        hex_encode(hex, hash, sizeof(hash));
        return string_printf("%s %s %s\n", f->change, f->mode, hex);
}

/* > 0: it is. */
static int hook_is_done(const ActionFacts *f, const Hook *hook, const char *notes)
{
        _cleanup_free_ char *note = hook_note(f, hook);
        return !note ? -ENOMEM : notes && strstr(notes, note);
}

/* A word that a shell's `source`, systemd's EnvironmentFile= and dotenv readers all take as it stands. */
static bool is_plain_word(const char *s)
{
        if (!*s)
                return false;
        for (; *s; s++)
                if (!isalnum((unsigned char) *s) && !strchr("._:/-", *s))
                        return false;
        return true;
}

static Job *job_free(Job *job)
{
        if (!job)
                return NULL;
        free(job->env_path);
        free(job->env);
        free(job->notes_path);
        free(job->note);
        free(job->change);
        free(job->notes);
        free(job);
        return NULL;
}
DEFINE_CLEANUP(Job, job_free)

static int job_new(Action *a, JobKind kind, Job **ret)
{
        const ActionFacts *f = a->facts;
        _cleanup_(job_freep) Job *job = calloc(1, sizeof(Job));

        if (!job)
                return -ENOMEM;
        job->kind = kind;
        job->env_path = string_printf("%s/payment.env", a->context->runtime_dir);
        job->notes_path = string_printf("%s/payment.hooks", a->context->runtime_dir);
        job->env = payment_env(f->payment, f->checkout, f->change);
        job->change = strdup(f->change);
        if (!job->env_path || !job->notes_path || !job->env || !job->change)
                return -ENOMEM;
        *ret = TAKE_PTR(job);
        return 0;
}

/* The notes of this change stay, those of older ones go. */
static int job_write_note(Job *job)
{
        _cleanup_free_ char *notes = NULL;
        _cleanup_text_ Text text = {0};
        size_t prefix = strcspn(job->note, " ");

        int r = file_read(job->notes_path, NOTES_MAX, &notes, NULL);
        if (r < 0 && r != -ENOENT)
                return r;
        for (const char *line = notes ? notes : ""; *line;) {
                size_t size = strcspn(line, "\n");
                size += line[size] == '\n';
                bool stale = job->kind == JOB_WRITE && memmem(line, size, WRITTEN, strlen(WRITTEN));
                if (strncmp(line, job->note, prefix + 1) == 0 && strncmp(line, job->note, size) != 0 &&
                    !stale)
                        text_add_bytes(&text, line, size);
                line += size;
        }
        text_add_string(&text, job->note);
        return text.failed ? -ENOMEM : file_publish(job->notes_path, text.data, text.size, 0644);
}

/* "<change> written <usec>": when this change's file was. */
static uint64_t notes_written(const char *notes, const char *change)
{
        _cleanup_free_ char *key = string_printf("%s" WRITTEN, change);
        const char *note = key && notes ? strstr(notes, key) : NULL;

        return note ? strtoull(note + strlen(key), NULL, 10) : 0;
}

static int job_write(Job *job)
{
        _cleanup_free_ char *env = NULL, *notes = NULL;
        int there = file_read(job->env_path, ENV_MAX, &env, NULL);

        if (there == 0 && streq(env, job->env)) {
                (void) file_read(job->notes_path, NOTES_MAX, &notes, NULL);
                job->written_usec = notes_written(notes, job->change);
                job->asks = job->written_usec > 0;
        }
        int r = file_publish(job->env_path, job->env, strlen(job->env), 0644);
        if (r < 0 || job->asks)
                return r;
        job->written_usec = clock_monotonic_usec();
        job->asks = there == -ENOENT;
        job->note = string_printf("%s" WRITTEN "%" PRIu64 "\n", job->change, job->written_usec);
        if (job->note)
                (void) job_write_note(job); /* without it one more restart, no more */
        return 0;
}

static int job_run(void *data)
{
        Job *job = data;
        _cleanup_free_ char *env = NULL;

        if (job->kind == JOB_NOTE)
                return job_write_note(job);
        if (job->kind == JOB_WRITE) {
                int r = job_write(job);
                if (r < 0)
                        return r;
        } else {
                int r = file_read(job->env_path, ENV_MAX, &env, NULL);
                if (error_is_shortage(r))
                        return r;
                job->matches = r == 0 && streq(env, job->env);
        }
        int r = file_read(job->notes_path, NOTES_MAX, &job->notes, NULL);
        /* Unreadable: nothing is known to be done. Who only asks has time to ask again. */
        return job->kind == JOB_ASK && error_is_shortage(r) ? r : 0;
}

static void payment_next(Action *a);

static void payment_answer(Action *a, const Job *job)
{
        Hook hook;

        if (!job->matches) {
                action_report(a, ACTION_MISSING, "payment.env says something else");
                return;
        }
        for (size_t i = 0; hook_get(a->conf, i, &hook); i++) {
                int r = hook_is_done(a->facts, &hook, job->notes);
                if (r > 0)
                        continue;
                if (r < 0)
                        action_report(a, ACTION_RETRY, "%s", strerror(-r));
                else
                        action_report(a, ACTION_MISSING,
                                      "payment.env is written; whether %s of %s is done is not known",
                                      hook.verb, streq(hook.verb, "http") ? "the hook" : hook.object);
                return;
        }
        action_report(a, ACTION_DONE, "payment.env is written");
}

static void on_job(int r, void *data)
{
        _cleanup_(job_freep) Job *job = data;
        Action *a = job->action;

        if (!a)
                return;
        PaymentState *s = a->state;
        s->job = NULL;
        if (job->kind == JOB_ASK) {
                if (r < 0)
                        action_report(a, ACTION_RETRY, "payment.env cannot be read: %s", error_words(-r));
                else
                        payment_answer(a, job);
                return;
        }
        if (job->kind == JOB_WRITE) {
                if (r < 0) {
                        action_report(a, ACTION_RETRY, "payment.env cannot be written: %s", error_words(-r));
                        return;
                }
                text_add_string(&s->said, "payment.env written");
                s->asks = job->asks;
                s->written_usec = job->written_usec;
                s->notes = TAKE_PTR(job->notes);
        }
        /* A note that cannot be written costs one more run of that hook, no more. */
        payment_next(a);
}

static int job_submit(Action *a, JobKind kind, char *note)
{
        PaymentState *s = a->state;
        Job *job;

        int r = job_new(a, kind, &job);
        if (r < 0) {
                free(note);
                return r;
        }
        job->note = note;
        job->action = a;
        r = worker_submit(a->context->runtime, job_run, on_job, job);
        if (r < 0) {
                job_free(job);
                return r;
        }
        s->job = job;
        return 0;
}

static void hook_said(Action *a, const Hook *hook, const char *trouble)
{
        PaymentState *s = a->state;
        bool http = streq(hook->verb, "http");

        if (trouble && http)
                text_add(&s->said, "; http hook failed: %s", trouble);
        else if (trouble)
                text_add(&s->said, "; %s of %s: %s", hook->verb, hook->object, trouble);
        else if (http)
                text_add_string(&s->said, "; http hook called");
        else if (s->needless && streq(hook->verb, "restart"))
                text_add(&s->said, "; %s was started since", hook->object);
        else if (s->needless)
                text_add(&s->said, "; %s does not run, and needs no reload", hook->object);
        else
                text_add(&s->said, "; %s %sed", hook->object, hook->verb);
}

/* The end of one hook: noted when it is done, said when it failed; then the next. */
static void hook_done(Action *a, const char *trouble)
{
        PaymentState *s = a->state;
        Hook hook;

        bool found = hook_get(a->conf, s->hook, &hook);
        assert(found);
        s->hook++;
        hook_said(a, &hook, trouble);
        if (trouble) {
                s->failed = true;
                payment_next(a);
                return;
        }
        char *note = hook_note(a->facts, &hook);
        if (!note || job_submit(a, JOB_NOTE, note) < 0)
                payment_next(a);
}

static void on_unit(UnitTask *task, const UnitResult *result, void *userdata);

static int unit_start(Action *a, const Hook *hook, UnitVerb verb)
{
        PaymentState *s = a->state;

        s->looking = verb == UNIT_LOOK;
        return unit_task_start(a->context->event, hook->object, verb, UNIT_TIMEOUT, on_unit, a, &s->task);
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
        Action *a = userdata;
        PaymentState *s = a->state;
        Hook hook;

        bool found = hook_get(a->conf, s->hook, &hook);
        assert(found);
        int r = unit_start(a, &hook, UNIT_LOOK);
        if (r < 0)
                hook_done(a, strerror(-r));
        return 0;
}

static int unit_hook_start(Action *a, const Hook *hook)
{
        PaymentState *s = a->state;
        int r = 0;

        s->looks = 0;
        if (s->asks && !s->again)
                r = loop_timer_new(a->context->event, "payment-mode: look again", on_again, a, &s->again);
        if (r < 0)
                return r;
        if (streq(hook->verb, "reload"))
                return unit_start(a, hook, UNIT_RELOAD);
        return unit_start(a, hook, s->asks ? UNIT_LOOK : UNIT_RESTART);
}

/* Has it read the file? -EAGAIN: it is just being started. */
static int unit_has_read(const PaymentState *s, const UnitState *state)
{
        if (state->began_usec <= s->written_usec)
                return 0;
        if (unit_is_active(state))
                return 1;
        return streq(state->active, "activating") && !streq(state->sub, "auto-restart") ? -EAGAIN : 0;
}

/* > 0: there is nothing to do; 0: it was begun, and on_unit() comes again. */
static int unit_looked(Action *a, const Hook *hook, const UnitState *state)
{
        PaymentState *s = a->state;
        int r = unit_has_read(s, state);

        if (r == -EAGAIN && s->looks++ < UNIT_TIMEOUT / LOOK_AGAIN_USEC)
                return loop_timer_set_after(s->again, LOOK_AGAIN_USEC);
        return r > 0 ? r : unit_start(a, hook, UNIT_RESTART);
}

static void on_unit(UnitTask *task, const UnitResult *result, void *userdata)
{
        Action *a = userdata;
        PaymentState *s = a->state;
        bool done = result->error == 0;
        UnitState state = done && result->state ? *result->state : (UnitState){0};
        char trouble[480] = "";
        Hook hook;

        if (result->error == -ETIMEDOUT)
                snprintf(trouble, sizeof(trouble), "%s after 90 s", result->message);
        else if (!done)
                snprintf(trouble, sizeof(trouble), "%s", result->message);
        bool found = hook_get(a->conf, s->hook, &hook);
        assert(found);
        s->task = unit_task_free(s->task);
        s->needless = streq(hook.verb, "reload") && done && unit_is_down(&state);
        if (s->looking && done) {
                int r = unit_looked(a, &hook, &state);
                if (r == 0)
                        return;
                s->needless = r > 0;
                if (r < 0)
                        snprintf(trouble, sizeof(trouble), "%s", strerror(-r));
        }
        hook_done(a, *trouble ? trouble : NULL);
}

static void on_answer(Fetch *fetch, const FetchResult *result, void *userdata)
{
        Action *a = userdata;
        PaymentState *s = a->state;
        char trouble[240] = "";

        if (result->error != FETCH_OK)
                snprintf(trouble, sizeof(trouble), "%s", result->message);
        else if (result->status < 200 || result->status > 299)
                snprintf(trouble, sizeof(trouble), "HTTP %u", result->status);
        s->fetch = fetch_free(s->fetch);
        hook_done(a, *trouble ? trouble : NULL);
}

static int request_body(const Action *a, char **ret)
{
        const ActionFacts *f = a->facts;
        const Request *c = &((const PaymentConf *) a->conf)->http;

        if (c->body) {
                *ret = strdup(c->body);
                return *ret ? 0 : -ENOMEM;
        }
        (void) json_failed();
        _cleanup_json_ json_t *j = json_object();
        json_put(j, "mode", request_string(f->mode, false));
        json_put(j, "payment", request_string(f->payment, false));
        json_put(j, "checkout", request_string(f->checkout, false));
        json_put(j, "change", request_string(f->change, false));
        json_put(j, "from", request_string(f->from, false));
        return json_failed() ? -ENOMEM : json_print(j, ret);
}

static int request_start(Action *a)
{
        static const char *const headers[] = {"Content-Type: application/json", NULL};
        const Request *c = &((const PaymentConf *) a->conf)->http;
        PaymentState *s = a->state;
        _cleanup_free_ char *body = NULL;
        const char *method = c->method ? c->method : "POST";
        bool bodiless = !c->body && (streq(method, "GET") || streq(method, "HEAD"));

        if (!bodiless) {
                int r = request_body(a, &body);
                if (r < 0)
                        return r;
        }
        FetchRequest request = {.url = c->url,
                                .method = method,
                                .headers = body && !c->body ? headers : NULL,
                                .body = body,
                                .body_size = body ? strlen(body) : 0,
                                .timeout_usec = REQUEST_TIMEOUT,
                                .flags = FETCH_REMEMBER};
        return fetch_start(a->context->fetch, &request, on_answer, a, &s->fetch);
}

/* Starts the next hook that is not done, or reports when there is none. */
static void payment_next(Action *a)
{
        PaymentState *s = a->state;
        Hook hook;

        for (; hook_get(a->conf, s->hook, &hook); s->hook++) {
                if (hook_is_done(a->facts, &hook, s->notes) > 0) /* no memory: once more does no harm */
                        continue;
                int r = streq(hook.verb, "http") ? request_start(a) : unit_hook_start(a, &hook);
                if (r == 0)
                        return;
                hook_said(a, &hook, strerror(-r));
                s->failed = true;
        }
        action_report(a, s->failed ? ACTION_RETRY : ACTION_DONE, "%s",
                      s->said.data ? s->said.data : "payment.env written");
}

static void payment_apply(Action *a)
{
        const ActionFacts *f = a->facts;

        if (!is_plain_word(f->payment) || !is_plain_word(f->checkout) || !is_plain_word(f->change)) {
                action_report(a, ACTION_PERMANENT,
                              "payment and checkout of mode %s must be plain words to stand in payment.env",
                              f->mode);
                return;
        }
        int r = job_submit(a, JOB_WRITE, NULL);
        if (r < 0)
                action_report(a, ACTION_RETRY, "payment.env cannot be written: %s", error_words(-r));
}

static void payment_query(Action *a)
{
        int r = job_submit(a, JOB_ASK, NULL);
        if (r < 0)
                action_report(a, ACTION_RETRY, "payment.env cannot be read: %s", error_words(-r));
}

static void payment_stop(Action *a)
{
        PaymentState *s = a->state;

        if (s->job)
                s->job->action = NULL;
        s->job = NULL;
        s->task = unit_task_free(s->task);
        s->again = loop_source_free(s->again);
        s->fetch = fetch_free(s->fetch);
        free(TAKE_PTR(s->notes));
        text_clear(&s->said);
}

static int payment_check(const void *conf, const ConfNode *node, Error *e)
{
        const PaymentConf *c = conf;

        if (c->http.method && c->http.method[strspn(c->http.method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")])
                return conf_error(node, e,
                                  "http: method \"%s\" is none; it is written in capitals, such as POST",
                                  c->http.method);
        return 0;
}

static int payment_target(const void *conf, char **ret)
{
        *ret = strdup("");
        return *ret ? 0 : -ENOMEM;
}

const ActionType action_payment_mode = {
                .name = "payment-mode",
                .help = "Writes payment.env, which tells the shop how buyers pay, then restarts, reloads or "
                        "calls what reads it.",
                .conf_size = sizeof(PaymentConf),
                .fields = payment_fields,
                .size = sizeof(PaymentState),
                .timeout_usec = 10 * USEC_PER_MIN,
                .check = payment_check,
                .target = payment_target,
                .apply = payment_apply,
                .query = payment_query,
                .stop = payment_stop,
};
