/* SPDX-License-Identifier: MIT */
/* `register`: this node into another node's registry, or which registries know it. */
#include "base/clock.h"
#include "ctl/page.h"

#include <poll.h>

#define TIMEOUT_USEC (15 * USEC_PER_SEC)
#define REFRESH_USEC (4 * USEC_PER_SEC)
#define PAUSE_MSEC   100

/* What the registry says of us: its own measure, which has nothing to do with whether we stand in it. */
static void add_state(Text *t, const char *state)
{
        text_add_string(t, "registered");
        if (streq(state, "pending"))
                text_add_string(t, "; pending, until its operator accepts this node");
        else if (streq(state, "banned"))
                text_add_string(t, "; its operator has BANNED this node");
        else if (state[0])
                text_add(t, "; it sees this node as %s", state);
}

static void show_registry(Page *p, const json_t *row, uint64_t now_usec)
{
        const char *words = ctl_string(row, "words");
        uint64_t at_usec = ctl_time(row, "registered");
        bool failed = json_is_true(json_object_get(row, "failed"));
        char ago[32];
        _cleanup_text_ Text t = {};

        text_add(&t, "%s: ", ctl_string(row, "registry"));
        if (failed)
                text_add(&t, "NOT REGISTERED NOW: %s", words);
        else if (at_usec > 0)
                add_state(&t, ctl_string(row, "state"));
        else
                text_add_string(&t, "not asked yet");
        if (at_usec > 0)
                text_add(&t, "%s %s ago", failed ? "; it last took this node in" : "; asked",
                         ctl_short_age(ago, sizeof(ago), at_usec, now_usec));
        if (json_is_true(json_object_get(row, "asking")))
                text_add_string(&t, "; it has not answered yet now");
        if (json_is_true(json_object_get(row, "configured")))
                text_add_string(&t, " (network.registries)");
        p->text.failed |= t.failed;
        if (t.data)
                page_paragraph(p, STYLE_PLAIN, "", 4, failed ? STYLE_BAD : STYLE_PLAIN, t.data);
}

static bool is_asking(const json_t *answer)
{
        const json_t *row;
        size_t k;

        json_array_foreach(json_object_get(answer, "registries"), k,
                           row) if (json_is_true(json_object_get(row, "asking"))) return true;
        return false;
}

/* Each registry is asked how this node stands there now; who does not answer soon is shown as it was. */
static int refresh(const Invocation *i, json_t **answer, Error *e)
{
        uint64_t end = clock_boot_usec() + REFRESH_USEC;
        int r = ctl_ask(i, "GET", "/v1/register?refresh=1", NULL, CTL_ANSWER_USEC, answer, e);

        while (r >= 0 && is_asking(*answer) && clock_boot_usec() < end) {
                poll(NULL, 0, PAUSE_MSEC);
                json_decref(TAKE_PTR(*answer));
                r = ctl_ask(i, "GET", "/v1/register", NULL, CTL_ANSWER_USEC, answer, e);
        }
        return r;
}

static int list(const Invocation *i)
{
        _cleanup_json_ json_t *answer = NULL;
        Page p = {.width = ctl_columns(), .colour = ctl_colour()};
        const json_t *rows, *row;
        Error e = {};
        size_t k;

        if (refresh(i, &answer, &e) < 0)
                return ctl_failed(i, &e);
        if (i->given[OPTION_JSON]) {
                ctl_print_json(answer);
                return CTL_DONE;
        }
        rows = json_object_get(answer, "registries");
        if (json_array_size(rows) == 0)
                page_paragraph(&p, STYLE_PLAIN, "", 0, STYLE_PLAIN,
                               "This node stands in no other node's registry: `failoverctl register "
                               "--registry URL`.");
        json_array_foreach(rows, k, row) show_registry(&p, row, clock_wall_usec());
        return ctl_print_page(i, &p);
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
                return ctl_print_paragraph(i, ctl_string(answer, "text"));
        return CTL_DONE;
}
