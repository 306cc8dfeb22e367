/* SPDX-License-Identifier: MIT */
/* `register`: this node into another node's registry, or which registries know it. */
#include "base/clock.h"
#include "ctl/page.h"

#define TIMEOUT_USEC (15 * USEC_PER_SEC)

static void show_registry(const json_t *row, uint64_t now_usec)
{
        const char *state = ctl_string(row, "state"), *words = ctl_string(row, "words");
        uint64_t at_usec = ctl_time(row, "registered");
        char ago[32];
        _cleanup_text_ Text t = {};

        text_add(&t, "%s: ", ctl_string(row, "registry"));
        if (json_is_true(json_object_get(row, "failed")))
                text_add(&t, "NOT REGISTERED NOW: %s", words);
        else if (at_usec > 0)
                text_add(&t, "%s", state[0] ? state : "registered");
        else
                text_add_string(&t, "not asked yet");
        if (at_usec > 0)
                text_add(&t, ", %s ago", ctl_short_age(ago, sizeof(ago), at_usec, now_usec));
        if (json_is_true(json_object_get(row, "configured")))
                text_add_string(&t, " (network.registries)");
        if (t.data)
                ctl_print_words(t.data);
}

static int list(const Invocation *i)
{
        _cleanup_json_ json_t *answer = NULL;
        const json_t *rows, *row;
        Error e = {};
        size_t k;

        if (ctl_ask(i, "GET", "/v1/register", NULL, CTL_ANSWER_USEC, &answer, &e) < 0)
                return ctl_failed(i, &e);
        if (i->given[OPTION_JSON]) {
                ctl_print_json(answer);
                return CTL_DONE;
        }
        rows = json_object_get(answer, "registries");
        if (json_array_size(rows) == 0)
                ctl_print_words("This node stands in no other node's registry: `failoverctl register "
                                "--registry URL`.");
        json_array_foreach(rows, k, row) show_registry(row, clock_wall_usec());
        return CTL_DONE;
}

int verb_register(const Invocation *i)
{
        _cleanup_json_ json_t *answer = NULL;
        uint64_t timeout_usec = TIMEOUT_USEC;
        json_t *body;
        Error e = {};

        if (!i->given[OPTION_REGISTRY]) {
                if (i->given[OPTION_TIMEOUT] || i->given[OPTION_FORGET])
                        return ctl_usage(i, "say which: --registry URL");
                return list(i);
        }
        if (i->given[OPTION_TIMEOUT] &&
            (duration_parse(i->value[OPTION_TIMEOUT], &timeout_usec) < 0 || timeout_usec == 0))
                return ctl_usage(i, "--timeout takes a duration with its unit, such as 30s");
        body = json_pack("{s:s?, s:b}", "registry", i->value[OPTION_REGISTRY], "forget",
                         i->given[OPTION_FORGET]);
        if (body && i->given[OPTION_TIMEOUT])
                json_put(body, "timeout", json_string_or_null(i->value[OPTION_TIMEOUT]));
        if (!body)
                return ctl_failed(i, (error_set(&e, -ENOMEM, "out of memory"), &e));
        if (ctl_ask(i, "POST", "/v1/register", body, timeout_usec + CTL_ANSWER_USEC, &answer, &e) < 0)
                return ctl_failed(i, &e);
        if (i->given[OPTION_JSON])
                ctl_print_json(answer);
        else
                ctl_print_words(ctl_string(answer, "text"));
        return CTL_DONE;
}
