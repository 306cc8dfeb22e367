/* SPDX-License-Identifier: MIT */
/* The engine under a virtual clock, against a world that a trace describes. */
#include "supervisor/simulate.h"

#include "base/clock.h"
#include "supervisor/endings.h"
#include "supervisor/engine.h"

#include <math.h>

#define SIMULATE_EPOCH      (UINT64_C(1767225600) * USEC_PER_SEC) /* 2026-01-01: virtual t = 0 */
#define SIMULATE_BATCH_USEC USEC_PER_MIN /* what no fail hangs on is stored so often */
#define SIMULATE_LINE_MAX   4096
#define SIMULATE_T_MAX      (366.0 * 86400)

typedef struct Actor { /* one probe's target */
        Behaviour behaviour;
        uint64_t latency_usec;
        double share;
        uint64_t runs; /* in engines before the last crash */
        /* what a restart would find */
        ProbeState stored;
        char stored_history[ENGINE_HISTORY + 1];
        char stored_message[320];
        bool dirty;
} Actor;

typedef struct World {
        const Config *config;
        Engine *engine; /* NULL while the supervisor is dead */
        Actor *actors;
        Endings endings;
        uint64_t now;
        int64_t wall_offset;
        uint64_t random, seed;
        json_t *memory;
        uint64_t batch_at, reborn_at;
        uint64_t line_at; /* of the trace: since the start */
        bool remember;
        bool failed; /* something is missing: out of memory */
        FILE *out;
} World;

static uint64_t wall(const World *w)
{
        return (uint64_t) ((int64_t) w->now + w->wall_offset);
}

static double seconds(const World *w)
{
        return (double) (w->now - SIMULATE_EPOCH) / (double) USEC_PER_SEC;
}

static void print(World *w, json_t *line)
{
        _cleanup_json_ json_t *whole = json_whole(line);
        _cleanup_free_ char *text = whole ? json_dumps(whole, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;

        if (text)
                fprintf(w->out, "%s\n", text);
        else
                w->failed = true;
}

static json_t *line_new(const World *w)
{
        double t = seconds(w);

        /* Whole seconds are integers. */
        return json_pack("{s:o}", "t", t == floor(t) ? json_integer((json_int_t) t) : json_real(t));
}

/* --- attempts in flight --- */

static int on_start(unsigned probe, uint64_t serial, void *userdata)
{
        World *w = userdata;
        const Actor *a = &w->actors[probe];
        const ProbeConfig *p = w->config->probes[probe];
        Behaviour b = a->behaviour;

        if (a->share < 1 && random_fraction(&w->random) >= a->share)
                b = BEHAVE_PASS;
        return endings_add(&w->endings, probe, serial, b, a->latency_usec, p->timeout_usec,
                           probe_silence(p->type, p->conf), w->now);
}

static void on_cancel(unsigned probe, uint64_t serial, void *userdata)
{
        /* Its ending stays in the heap; the engine knows nothing of that serial any more. */
}

/* --- what the engine tells --- */

static void on_changed(const EngineChange *change, void *userdata)
{
        World *w = userdata;
        const ModeSettings *modes = w->config->modes;
        json_t *line;

        w->remember = true;
        if (change->from == MODE_NONE)
                return; /* the shop runs in its first mode when the story begins */
        line = line_new(w);
        json_put(line, "change", json_string(change->id));
        json_put(line, "from", json_string(modes[change->from].name));
        json_put(line, "to", json_string(modes[change->to].name));
        json_put(line, "automatic", json_boolean(change->automatic));
        json_put(line, "cause", json_string_or_null(change->cause));
        json_put(line, "rule", json_string(rule_name(change->rule)));
        print(w, line);
}

static void on_alarm(const Alarm *alarm, bool raised, void *userdata)
{
        World *w = userdata;
        json_t *line = line_new(w);
        char text[640];

        snprintf(text, sizeof(text), "%s%s", raised ? "" : "ended: ", alarm->message ? alarm->message : "");
        json_put(line, "alert", json_string_or_null(text));
        json_put(line, "name", json_string(alarm->name));
        json_put(line, "state", json_string(raised ? "raised" : "cleared"));
        print(w, line);
}

static void on_judged(unsigned probe, Outcome outcome, bool turned, bool important, void *userdata)
{
        World *w = userdata;

        w->actors[probe].dirty = true;
        if (important)
                w->batch_at = w->now;
}

static void on_remember(void *userdata)
{
        World *w = userdata;

        w->remember = true;
}

/* What the daemon's transactions would have made durable by now. */
static void save(World *w)
{
        if (w->remember) {
                json_decref(w->memory);
                w->memory = engine_remember(w->engine);
                w->failed = w->failed || !w->memory;
                w->remember = false;
        }
        if (w->now < w->batch_at)
                return;
        for (unsigned i = 0; i < w->config->n_probes; i++) {
                Actor *a = &w->actors[i];

                if (!a->dirty)
                        continue;
                a->stored = engine_state(w->engine)->probes[i];
                memcpy(a->stored_history, engine_history(w->engine, i), sizeof(a->stored_history));
                snprintf(a->stored_message, sizeof(a->stored_message), "%s", engine_message(w->engine, i));
                a->dirty = false;
        }
        w->batch_at = w->now + SIMULATE_BATCH_USEC;
}

/* --- life and death --- */

static int be_born(World *w)
{
        EngineOutput output = {
                        .start = on_start,
                        .cancel = on_cancel,
                        .changed = on_changed,
                        .alarm = on_alarm,
                        .judged = on_judged,
                        .remember = on_remember,
                        .userdata = w,
        };
        bool first = !w->memory;
        int r;

        r = engine_new(w->config, random_next(&w->seed), &output, w->now, wall(w), &w->engine);
        if (r < 0)
                return r;
        if (!first) {
                for (unsigned i = 0; i < w->config->n_probes; i++)
                        if (w->actors[i].stored_history[0])
                                engine_restore_probe(w->engine, i, &w->actors[i].stored,
                                                     w->actors[i].stored_history, w->actors[i].stored_message,
                                                     w->now);
                r = engine_recall(w->engine, w->memory, w->now);
                if (r < 0)
                        return r;
        }
        engine_begin(w->engine, first, w->now, wall(w));
        save(w);
        return 0;
}

static void die(World *w)
{
        for (unsigned i = 0; i < w->config->n_probes; i++) {
                w->actors[i].runs += schedule_runs(engine_schedule(w->engine), i);
                w->actors[i].dirty = false;
        }
        w->engine = engine_free(w->engine);
        endings_clear(&w->endings);
        w->remember = false;
}

/* Lets the world run up to `until`; inclusive: what happens at that very moment, too. */
static int run_until(World *w, uint64_t until, bool inclusive)
{
        while (w->now <= until) {
                uint64_t next = w->engine ? engine_next(w->engine) : w->reborn_at;
                bool ending = endings_next(&w->endings) <= next;

                if (ending)
                        next = endings_next(&w->endings);
                if (next > until || (next == until && !inclusive))
                        break;
                w->now = MAX(w->now, next);
                if (!w->engine) {
                        int r = be_born(w);

                        if (r < 0)
                                return r;
                        continue;
                }
                if (ending) {
                        Ending e = endings_take(&w->endings);
                        static const char *const words[_OUTCOME_MAX] = {"passed", "warned", "failed",
                                                                        "inconclusive"};

                        engine_ended(w->engine, e.probe, e.serial, e.outcome, words[e.outcome], w->now,
                                     wall(w));
                } else {
                        engine_wake(w->engine, w->now, wall(w));
                }
                save(w);
        }
        w->now = MAX(w->now, until);
        return 0;
}

/* --- the trace --- */

typedef struct Line {
        const char *name;
        unsigned number;
        json_t *json;
        Error *error;
} Line;

static int bad(const Line *line, const char *format, ...) _printf_(2, 3);
static int bad(const Line *line, const char *format, ...)
{
        char text[256];
        va_list ap;

        va_start(ap, format);
        vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        return error_set(line->error, -EINVAL, "%s:%u: %s", line->name, line->number, text);
}

/* A number of seconds; absent: fallback. */
static int get_seconds(const Line *line, const char *key, uint64_t fallback, uint64_t *ret)
{
        const json_t *v = json_object_get(line->json, key);
        double x = json_number_value(v);

        if (!v) {
                *ret = fallback;
                return 0;
        }
        if (!json_is_number(v) || !(x >= 0 && x <= SIMULATE_T_MAX))
                return bad(line, "`%s` is a number of seconds, at least 0", key);
        *ret = (uint64_t) llround(x * (double) USEC_PER_SEC);
        return 0;
}

static int get_probe(const World *w, const Line *line, unsigned *ret)
{
        const char *name = json_string_value(json_object_get(line->json, "probe"));

        *ret = name ? config_find_probe(w->config, name) : PROBE_NONE;
        if (*ret == PROBE_NONE)
                return bad(line, "no probe `%s` in the config", name ? name : "");
        return 0;
}

static int do_behaviour(World *w, const Line *line)
{
        static const char *const names[] = {"pass", "warn", "fail", "inconclusive", "hang"};
        const char *word = json_string_value(json_object_get(line->json, "behaviour"));
        const json_t *share = json_object_get(line->json, "p");
        uint64_t latency = 0;
        unsigned probe = 0;
        size_t b = 0;
        int r;

        r = get_probe(w, line, &probe);
        if (r < 0)
                return r;
        while (b < ELEMENTSOF(names) && !(word && streq(names[b], word)))
                b++;
        if (b == ELEMENTSOF(names))
                return bad(line, "`behaviour` is pass, warn, fail, hang or inconclusive");
        if (w->config->probes[probe]->type->passive)
                return bad(line, "probe `%s` is passive: it is told by `report`",
                           w->config->probes[probe]->name);
        if (share &&
            !(json_is_number(share) && json_number_value(share) >= 0 && json_number_value(share) <= 1))
                return bad(line, "`p` is a share between 0 and 1");
        r = get_seconds(line, "latency", 10 * USEC_PER_MSEC, &latency);
        if (r < 0)
                return r;
        w->actors[probe].behaviour = (Behaviour) b;
        w->actors[probe].latency_usec = latency;
        w->actors[probe].share = share ? json_number_value(share) : 1;
        return 0;
}

static int do_report(World *w, const Line *line)
{
        const char *word = json_string_value(json_object_get(line->json, "report"));
        int outcome = word ? outcome_from_name(word) : -EINVAL;
        unsigned probe = 0;
        int r;

        r = get_probe(w, line, &probe);
        if (r < 0)
                return r;
        if (outcome < 0)
                return bad(line, "`report` is pass, warn, fail or inconclusive");
        if (!w->config->probes[probe]->type->passive)
                return bad(line, "probe `%s` is not passive: nobody reports to it",
                           w->config->probes[probe]->name);
        if (w->engine)
                engine_report(w->engine, probe, (Outcome) outcome, "reported", w->now, wall(w));
        return 0;
}

static int read_command(const World *w, const Line *line, const char *word, EngineCommand *ret)
{
        static const struct {
                const char *word;
                int kind;
        } words[] = {
                        {"force-fallback", COMMAND_FORCE},
                        {"force-primary", COMMAND_FORCE},
                        {"auto", COMMAND_AUTO},
                        {"pause", COMMAND_PAUSE},
                        {"resume", COMMAND_RESUME},
                        {"ack", COMMAND_ACK},
        };
        const char *length = json_string_value(json_object_get(line->json, "for"));
        const char *mode = json_string_value(json_object_get(line->json, "mode"));
        const char *reason = json_string_value(json_object_get(line->json, "reason"));
        size_t i = 0;

        while (i < ELEMENTSOF(words) && !streq(words[i].word, word))
                i++;
        if (i == ELEMENTSOF(words))
                return bad(line, "`operator` is force-fallback, force-primary, auto, pause, resume or ack");
        *ret = (EngineCommand){.kind = words[i].kind, .mode = MODE_NONE, .reason = reason ? reason : ""};
        if (streq(word, "force-primary"))
                ret->mode = 0;
        else if (mode)
                ret->mode = config_find_mode(w->config, mode);
        if (mode && ret->mode == MODE_NONE)
                return bad(line, "no mode `%s` in the config", mode);
        if (json_object_get(line->json, "for") && (!length || duration_parse(length, &ret->for_usec) < 0))
                return bad(line, "`for` is a duration with a unit: \"10m\"");
        return 0;
}

static int do_operator(World *w, const Line *line)
{
        const char *word = json_string_value(json_object_get(line->json, "operator"));
        EngineCommand command;
        Error error;
        int r;

        r = read_command(w, line, word ? word : "", &command);
        if (r < 0 || !w->engine)
                return r;
        if (engine_operate(w->engine, &command, w->now, wall(w), &error) < 0) {
                json_t *refused = line_new(w);

                json_put(refused, "alert", json_string_or_null(error.text));
                json_put(refused, "name", json_string("refused"));
                print(w, refused);
        }
        return 0;
}

static int do_jump(World *w, const Line *line)
{
        const json_t *v = json_object_get(line->json, "clock_jump");

        if (!json_is_number(v) || fabs(json_number_value(v)) > SIMULATE_T_MAX)
                return bad(line, "`clock_jump` is a number of seconds, negative for backwards");
        w->wall_offset += llround(json_number_value(v) * (double) USEC_PER_SEC);
        return 0;
}

static int do_stall(World *w, const Line *line)
{
        uint64_t length = 0;
        int r;

        r = get_seconds(line, "stall", 0, &length);
        if (r < 0)
                return r;
        w->now += length;
        if (w->engine)
                engine_wake(w->engine, w->now, wall(w));
        return 0;
}

static int do_crash(World *w, const Line *line)
{
        uint64_t length = 0;
        int r;

        r = get_seconds(line, "crash", 0, &length);
        if (r < 0)
                return r;
        if (w->engine)
                die(w);
        w->reborn_at = w->now + length;
        return 0;
}

typedef struct Verb {
        const char *key;
        int (*run)(World *w, const Line *line);
} Verb;

static const Verb verbs[] = {
                {"behaviour", do_behaviour}, {"report", do_report}, {"operator", do_operator},
                {"clock_jump", do_jump},     {"stall", do_stall},   {"crash", do_crash},
};

/* A misspelt `p` must not turn one fail in two into an outage. */
static int check_keys(const Line *line)
{
        static const char *const known[] = {"t",      "probe",      "behaviour", "latency", "p",
                                            "report", "clock_jump", "stall",     "crash",   "operator",
                                            "for",    "mode",       "reason",    "end",     "comment"};
        const char *key;
        json_t *value;

        json_object_foreach(line->json, key, value)
        {
                size_t i = 0;

                while (i < ELEMENTSOF(known) && !streq(known[i], key))
                        i++;
                if (i == ELEMENTSOF(known))
                        return bad(line, "unknown key `%.64s`", key);
        }
        return 0;
}

static int play(World *w, const Line *line, bool *ret_end)
{
        uint64_t t = 0;
        int r;

        if (!json_is_object(line->json))
                return bad(line, "each line is a JSON object");
        if (!json_object_get(line->json, "t"))
                return bad(line, "`t` is missing: seconds from the start");
        r = check_keys(line);
        if (r >= 0)
                r = get_seconds(line, "t", 0, &t);
        if (r < 0)
                return r;
        if (t < w->line_at)
                return bad(line, "`t` goes back from %g to %g: lines stand in order of time",
                           (double) w->line_at / (double) USEC_PER_SEC, (double) t / (double) USEC_PER_SEC);
        w->line_at = t;
        /* How a target behaves from t on is known to a run that starts at t; whoever speaks at t speaks after it. */
        r = run_until(w, SIMULATE_EPOCH + t, !json_object_get(line->json, "behaviour"));
        if (r < 0)
                return r;
        *ret_end = json_is_true(json_object_get(line->json, "end"));
        if (*ret_end)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (json_object_get(line->json, verbs[i].key)) {
                        r = verbs[i].run(w, line);
                        if (r >= 0 && w->engine)
                                save(w);
                        return r;
                }
        return bad(line,
                   "nothing happens here: give behaviour, report, operator, clock_jump, stall, crash or end");
}

/* 1: a line, without its end; 0: no more. Whatever the file is, /dev/zero included. */
static int read_line(FILE *trace, Line *line, char text[static SIMULATE_LINE_MAX], size_t *ret_size)
{
        size_t size = 0;
        int c;

        line->number++;
        while ((c = getc(trace)) != EOF && c != '\n') {
                if (c == '\0')
                        return bad(line, "a trace is text; there is a NUL byte in this line");
                if (size == SIMULATE_LINE_MAX - 1)
                        return bad(line, "the line is longer than %d bytes", SIMULATE_LINE_MAX - 1);
                text[size++] = (char) c;
        }
        text[size] = '\0';
        if (line->number == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0)
                return bad(line, "it begins with a byte order mark: save it as UTF-8 without one");
        *ret_size = size;
        return c != EOF || size > 0;
}

static int play_all(World *w, FILE *trace, Line *line)
{
        char text[SIMULATE_LINE_MAX];
        bool end = false;
        size_t size = 0;
        int r = 0;

        while (!end && (r = read_line(trace, line, text, &size)) > 0) {
                _cleanup_json_ json_t *json = NULL;
                Error e;

                if (text[strspn(text, " \t\r")] == 0)
                        continue;
                if (json_parse(text, size, &json, &e) < 0)
                        return bad(line, "%.200s", e.text);
                line->json = json;
                r = play(w, line, &end);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        return ferror(trace) ? error_set(line->error, -EIO, "%s: cannot be read", line->name) : 0;
}

static void print_end(World *w)
{
        json_t *line = line_new(w), *runs = json_object();

        for (unsigned i = 0; i < w->config->n_probes; i++) {
                uint64_t n = w->actors[i].runs +
                             (w->engine ? schedule_runs(engine_schedule(w->engine), i) : 0);

                json_put(runs, w->config->probes[i]->name, json_integer((json_int_t) n));
        }
        if (w->engine)
                json_put(line, "mode", json_string(w->config->modes[engine_state(w->engine)->mode].name));
        else
                json_put(line, "mode", json_null());
        json_put(line, "runs", runs);
        print(w, line);
}

int simulate(const Config *config, FILE *trace, const char *name, uint64_t seed, FILE *out, Error *e)
{
        World w = {.config = config,
                   .now = SIMULATE_EPOCH,
                   .random = seed,
                   .seed = ~seed,
                   .out = out,
                   .reborn_at = USEC_NEVER};
        Line line = {.name = name, .error = e};
        int r = -ENOMEM;

        w.actors = calloc(config->n_probes + 1, sizeof(*w.actors));
        if (w.actors) {
                for (size_t i = 0; i < config->n_probes; i++)
                        w.actors[i] = (Actor){.latency_usec = 10 * USEC_PER_MSEC, .share = 1};
                w.reborn_at = w.now; /* the first birth; behaviours given for t = 0 stand before it */
                r = play_all(&w, trace, &line);
        }
        if (r >= 0)
                print_end(&w);
        if (r >= 0 && w.failed)
                r = -ENOMEM;
        if (r == -ENOMEM)
                error_set(e, r, "out of memory");
        engine_free(w.engine);
        json_decref(w.memory);
        endings_clear(&w.endings);
        free(w.actors);
        return r;
}
