/* SPDX-License-Identifier: MIT */
/* A trial of a configuration's probes: many at a time, each with its own deadline. */
#include "supervisor/trial.h"

#define FLIGHTS 32 /* at a time: this machine, and who is asked, go on with other work meanwhile */

typedef struct Flight {
        struct Stage *stage;
        TrialRun *run;
        Attempt *attempt;
} Flight;

typedef struct Stage {
        Trial *trial;
        ProbeContext context;
        Flight flights[FLIGHTS];
        size_t started, flying;
} Stage;

static void on_done(Attempt *a, const AttemptResult *result, void *userdata)
{
        Flight *f = userdata;

        f->run->outcome = result->outcome;
        snprintf(f->run->message, sizeof(f->run->message), "%s", result->message);
        f->run->took_usec = result->ended_usec - result->began_usec;
        f->stage->trial->counts[result->outcome]++;
        f->attempt = attempt_free(a);
        f->run = NULL;
        f->stage->flying--;
}

static Flight *free_flight(Stage *s)
{
        for (size_t i = 0; i < FLIGHTS; i++)
                if (!s->flights[i].run)
                        return &s->flights[i];
        return NULL;
}

static int start_next(Stage *s)
{
        TrialRun *run = &s->trial->runs[s->started];
        const ProbeConfig *p = run->probe;
        Flight *f = free_flight(s);
        int r;

        assert(f);
        s->started++;
        if (p->type->passive)
                return 0;
        *f = (Flight){.stage = s, .run = run};
        r = attempt_start(&s->context, p->type, p->conf, p->memory, p->timeout_usec, on_done, f, &f->attempt);
        if (r < 0)
                return r;
        run->ran = true;
        s->flying++;
        return 0;
}

static int fly(Stage *s)
{
        int r = 0;

        while (r >= 0 && (s->started < s->trial->n || s->flying > 0)) {
                while (r >= 0 && s->started < s->trial->n && s->flying < FLIGHTS)
                        r = start_next(s);
                if (r >= 0 && s->flying > 0)
                        r = sd_event_run(s->context.event, UINT64_MAX);
        }
        for (size_t i = 0; i < FLIGHTS; i++)
                attempt_free(s->flights[i].attempt);
        return r;
}

int trial_run(const Config *config, Trial *ret)
{
        Trial trial = {.n = config->n_probes};
        Stage s = {.trial = &trial, .context = {.config_dir = config->directory, .node_id = config->node.id}};
        int r = -ENOMEM;

        trial.runs = calloc(trial.n + 1, sizeof(*trial.runs));
        for (size_t i = 0; trial.runs && i < trial.n; i++)
                trial.runs[i].probe = config->probes[i];
        if (trial.runs)
                r = sd_event_new(&s.context.event);
        if (r >= 0)
                r = resolver_new(s.context.event, &s.context.resolver);
        if (r >= 0)
                r = fetch_client_new(s.context.event, s.context.resolver, &s.context.fetch);
        if (r >= 0)
                r = reader_new(s.context.event, &s.context.reader);
        if (r >= 0)
                r = fly(&s);
        if (s.context.reader)
                reader_free(s.context.reader);
        if (s.context.fetch)
                fetch_client_free(s.context.fetch);
        if (s.context.resolver)
                resolver_free(s.context.resolver);
        sd_event_unref(s.context.event);
        if (r < 0) {
                trial_clear(&trial);
                return r;
        }
        *ret = trial;
        return 0;
}

void trial_clear(Trial *t)
{
        free(t->runs);
        *t = (Trial){0};
}

bool trial_is_well(const Trial *t)
{
        return t->counts[OUTCOME_FAIL] == 0 && t->counts[OUTCOME_INCONCLUSIVE] == 0;
}

static const char *word(const TrialRun *run)
{
        return !run->ran                              ? "not run"
               : run->outcome == OUTCOME_FAIL         ? "FAIL"
               : run->outcome == OUTCOME_INCONCLUSIVE ? "cannot tell"
                                                      : outcome_name(run->outcome);
}

/* Words, broken so that they end before the margin; further lines begin at `indent`. */
static void put_wrapped(FILE *out, const char *text, int indent, unsigned width)
{
        size_t room = width > (unsigned) indent + 20 ? width - (unsigned) indent : SIZE_MAX;

        while (strlen(text) > room) {
                size_t n = room;

                while (n > 0 && text[n] != ' ')
                        n--;
                if (n == 0)
                        n = strcspn(text, " ");
                fprintf(out, "%.*s\n%*s", (int) n, text, indent, "");
                text += n + strspn(text + n, " ");
                if (text[0] == '\0')
                        break;
        }
        fprintf(out, "%s\n", text);
}

void trial_show(const Trial *t, FILE *out, unsigned width)
{
        int widest = 5;

        for (size_t i = 0; i < t->n; i++)
                widest = MAX(widest, MIN((int) strlen(t->runs[i].probe->name), 24));
        fprintf(out, "\n%-*s  %-11s  %8s\n", widest, "Probe", "now", "took");
        for (size_t i = 0; i < t->n; i++) {
                const TrialRun *run = &t->runs[i];
                char took[32] = "";

                if (run->ran)
                        snprintf(took, sizeof(took), "%.0f ms", (double) run->took_usec / USEC_PER_MSEC);
                fprintf(out, "%-*s  %-11s  %8s  ", widest, run->probe->name, word(run), took);
                put_wrapped(out, run->ran ? run->message : "the shop reports it", widest + 2 + 11 + 2 + 8 + 2,
                            width);
        }
}

json_t *trial_to_json(const Trial *t)
{
        json_t *list = json_array();

        for (size_t i = 0; i < t->n; i++) {
                const TrialRun *run = &t->runs[i];
                json_t *j = json_object();

                json_put(j, "probe", json_string(run->probe->name));
                json_put(j, "outcome", run->ran ? json_string(outcome_name(run->outcome)) : json_null());
                json_put(j, "message", run->ran ? json_string_or_null(run->message) : json_null());
                json_put(j, "latency_ms",
                         run->ran ? json_real((double) run->took_usec / USEC_PER_MSEC) : json_null());
                json_add(list, j);
        }
        return list;
}
