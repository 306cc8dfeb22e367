/* SPDX-License-Identifier: MIT */
/* The verbs that change something: the mode, the pin, the pause; and those that try a probe or an alert. */
#include "base/clock.h"
#include "ctl/ctl.h"
#include "ctl/status.h"

/* What came of it: the daemon's words, or ours and the state that holds now. */
static int tell(const Invocation *i, const json_t *answer, const char *otherwise)
{
        if (i->given[OPTION_JSON])
                ctl_print_json(answer);
        else if (ctl_string(answer, "text")[0] != '\0')
                ctl_print_words(ctl_string(answer, "text"));
        else
                ctl_print_words(otherwise);
        /* An answer may well come and say that it did not work: a test message that did not arrive. */
        return json_is_false(json_object_get(answer, "success")) ? i->verb->failure : CTL_DONE;
}

static int post(const Invocation *i, const char *target, json_t *body, uint64_t timeout_usec,
                const char *otherwise)
{
        _cleanup_json_ json_t *answer = NULL;
        Error e = {};

        if (ctl_ask(i, "POST", target, body, timeout_usec, &answer, &e) < 0)
                return ctl_failed(i, &e);
        return tell(i, answer, otherwise);
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
        return post(i, "/v1/mode", TAKE_PTR(body), CTL_ANSWER_USEC,
                    "Pinned. `failoverctl auto` ends it; `failoverctl status` shows what holds.");
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
        return post(i, "/v1/mode", json_pack("{s:b}", "auto", 1), CTL_ANSWER_USEC,
                    "No pin holds any more: the probes decide. `failoverctl status` shows the mode.");
}

int verb_pause(const Invocation *i)
{
        return post(i, "/v1/pause", NULL, CTL_ANSWER_USEC,
                    "Paused: probes go on and nothing is switched, until `failoverctl resume`.");
}

int verb_resume(const Invocation *i)
{
        return post(i, "/v1/resume", NULL, CTL_ANSWER_USEC, "Automation may switch again.");
}

int verb_ack(const Invocation *i)
{
        return post(i, "/v1/ack", NULL, CTL_ANSWER_USEC,
                    "Acknowledged: automatic returns are allowed again.");
}

int verb_alert(const Invocation *i)
{
        if (!i->given[OPTION_TEST])
                return ctl_usage(i, "say --test: it sends a test message to every alert action");
        return post(i, "/v1/alert/test", NULL, CTL_RUN_USEC,
                    "A test message is on its way to every alert action.");
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
        return tell(i, answer,
                    i->arguments[0] ? "It runs now; `failoverctl status` shows the outcome."
                                    : "All probes run now; `failoverctl status` shows the outcomes.");
}
