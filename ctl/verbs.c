/* SPDX-License-Identifier: MIT */
/* The verbs that change something: the mode, the pin, the pause; and those that try a probe or an alert. */
#include "base/clock.h"
#include "ctl/ctl.h"

#include <stdarg.h>

/* What came of it, in the daemon's words when it has any, else in ours. */
static int tell(const Invocation *i, const json_t *answer, const char *format, ...) _printf_(3, 4);
static int tell(const Invocation *i, const json_t *answer, const char *format, ...)
{
        _cleanup_free_ char *words = NULL;
        va_list ap;

        if (i->given[OPTION_JSON]) {
                ctl_print_json(answer);
                return CTL_DONE;
        }
        va_start(ap, format);
        if (vasprintf(&words, format, ap) < 0)
                words = NULL;
        va_end(ap);
        ctl_print_words(ctl_string(answer, "text")[0] != '\0' ? ctl_string(answer, "text")
                        : words                               ? words
                                                              : "");
        if (json_is_false(json_object_get(answer, "durable")))
                ctl_print_words("NOT DURABLE: it holds, but cannot be saved now; a restart may forget it.");
        return CTL_DONE;
}

/* Posts, and tells the mode that runs afterwards before what else there is to say. */
static int post(const Invocation *i, const char *target, json_t *body, const char *words)
{
        _cleanup_json_ json_t *answer = NULL;
        const char *mode;
        Error e = {};

        if (ctl_ask(i, "POST", target, body, CTL_ANSWER_USEC, &answer, &e) < 0)
                return ctl_failed(i, &e);
        mode = ctl_string(answer, "mode");
        if (mode[0] == '\0')
                return tell(i, answer, "%s", words);
        return tell(i, answer, "The shop runs on %s. %s", mode, words);
}

/* --for and --reason of a pin. 0, or the exit code for usage. */
static int add_pin_options(const Invocation *i, json_t *body)
{
        const char *duration = i->value[OPTION_FOR];
        uint64_t usec;

        if (i->given[OPTION_FOR]) {
                if (duration_parse(duration, &usec) < 0 || usec == 0)
                        return ctl_usage(i, "--for takes a duration with its unit, such as 30m, 2h or 1d");
                json_put(body, "for", json_string(duration));
        }
        if (i->given[OPTION_REASON])
                json_put(body, "reason", json_string_or_null(i->value[OPTION_REASON]));
        return 0;
}

static int pin(const Invocation *i, json_t *object)
{
        _cleanup_json_ json_t *body = object;
        Error e = {};
        int r;

        if (!body)
                return ctl_failed(i, (error_set(&e, -ENOMEM, "out of memory"), &e));
        r = add_pin_options(i, body);
        if (r != 0)
                return r;
        return post(i, "/v1/mode", TAKE_PTR(body),
                    i->given[OPTION_FOR] ? "It is pinned for the time given, or until `failoverctl auto`."
                                         : "It is pinned until `failoverctl auto`.");
}

int verb_force_fallback(const Invocation *i)
{
        json_t *body = json_object();

        if (body && i->given[OPTION_MODE])
                json_put(body, "mode", json_string_or_null(i->value[OPTION_MODE]));
        else if (body)
                json_put(body, "fallback", json_true());
        return pin(i, body);
}

int verb_force_primary(const Invocation *i)
{
        json_t *body = json_object();

        if (body)
                json_put(body, "first", json_true());
        return pin(i, body);
}

int verb_auto(const Invocation *i)
{
        return post(i, "/v1/mode", json_pack("{s:b}", "auto", 1), "Nothing is pinned: the probes decide.");
}

int verb_pause(const Invocation *i)
{
        return post(i, "/v1/pause", NULL,
                    "Paused: probes go on and nothing is switched, until `failoverctl resume`.");
}

int verb_resume(const Invocation *i)
{
        return post(i, "/v1/resume", NULL, "Automation may switch again.");
}

int verb_ack(const Invocation *i)
{
        return post(i, "/v1/ack", NULL, "Automatic returns are allowed again.");
}

/* What became of each channel. */
static void show_deliveries(const json_t *answer)
{
        const json_t *results = json_object_get(answer, "results"), *result;
        size_t k;

        json_array_foreach(results, k, result)
        {
                _cleanup_text_ Text line = {};
                const char *message = ctl_string(result, "message");

                text_add_plain(&line, ctl_string(result, "action"), 0);
                text_add_string(&line, json_is_true(json_object_get(result, "delivered"))
                                                       ? ": delivered"
                                                       : ": NOT DELIVERED");
                if (message[0] != '\0') {
                        text_add_string(&line, ": ");
                        text_add_plain(&line, message, 0);
                }
                if (!line.failed)
                        puts(line.data);
        }
}

int verb_alert(const Invocation *i)
{
        _cleanup_json_ json_t *answer = NULL;
        Error e = {};
        int r;

        if (!i->given[OPTION_TEST])
                return ctl_usage(i, "say --test: it sends a test message to every alert action");
        r = ctl_ask(i, "POST", "/v1/alert/test", NULL, CTL_RUN_USEC, &answer, &e);
        if (answer && i->given[OPTION_JSON])
                ctl_print_json(answer);
        else
                show_deliveries(answer);
        return r < 0 ? ctl_failed(i, &e) : CTL_DONE;
}

static int tell_run(const Invocation *i, const json_t *answer)
{
        const char *message = ctl_string(answer, "message");
        double ms = json_number_value(json_object_get(answer, "latency_ms"));

        return tell(i, answer, "%s: %s%s%s, %.1f ms; its verdict is %s", ctl_string(answer, "probe"),
                    ctl_string(answer, "outcome"), message[0] != '\0' ? ", " : "", message, ms,
                    ctl_string(answer, "verdict"));
}

int verb_probe(const Invocation *i)
{
        _cleanup_json_ json_t *answer = NULL;
        _cleanup_text_ Text target = {};
        Error e = {};

        text_add_string(&target, "/v1/probe");
        if (i->arguments[0]) {
                text_add_string(&target, "/");
                ctl_add_encoded(&target, i->arguments[0]);
        }
        if (target.failed)
                return ctl_failed(i, (error_set(&e, -ENOMEM, "out of memory"), &e));
        if (ctl_ask(i, "POST", target.data, NULL, CTL_RUN_USEC, &answer, &e) < 0)
                return ctl_failed(i, &e);
        if (ctl_string(answer, "outcome")[0] != '\0')
                return tell_run(i, answer);
        return tell(i, answer, "Running now; `failoverctl status` shows what comes of it.");
}
