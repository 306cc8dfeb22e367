/* SPDX-License-Identifier: MIT */
/* The verbs that only look: status, plan, explain, history. */
#include "base/clock.h"
#include "ctl/ctl.h"
#include "ctl/status.h"

int verb_status(const Invocation *i)
{
        _cleanup_json_ json_t *status = NULL;
        _cleanup_health_ Health health = {};
        Page p = {.width = ctl_columns(), .colour = ctl_colour()};
        Error e = {};
        int r;

        if (i->given[OPTION_NAGIOS] && (i->given[OPTION_JSON] || i->given[OPTION_WATCH]))
                return ctl_usage(i, "--nagios goes with neither --json nor --watch");
        if (i->given[OPTION_WATCH])
                return status_watch(i);

        r = ctl_ask(i, "GET", "/v1/status", NULL, CTL_ANSWER_USEC, &status, &e);
        if (r >= 0)
                r = health_judge(status, &health, &e);
        if (r < 0) {
                if (i->given[OPTION_NAGIOS]) /* Nagios shows stdout, and a bar begins perfdata there */
                        printf("FAILOVER UNKNOWN - %.*s\n", (int) strcspn(e.text, "|"), e.text);
                return ctl_failed(i, &e);
        }
        if (i->given[OPTION_JSON])
                ctl_print_json(status);
        else if (i->given[OPTION_NAGIOS])
                status_nagios(&p.text, status, &health);
        else
                status_show(&p, status, &health, clock_wall_usec(), false);
        r = ctl_print_page(i, &p);
        return r == CTL_DONE ? (int) health.level : r;
}

/* One action of a plan: what the daemon says of it, or its parts. */
static void show_planned(Page *p, const json_t *action)
{
        const char *type = ctl_string(action, "type"), *target = ctl_string(action, "target");
        const char *words = ctl_string(action, "text");
        bool left_out = json_is_false(json_object_get(action, "runs"));

        page_format(p, left_out ? STYLE_DIM : STYLE_BOLD, "  %s", health_action_name(action));
        if (words[0] != '\0')
                page_format(p, left_out ? STYLE_DIM : STYLE_PLAIN, ": %s", words);
        else
                page_format(p, left_out ? STYLE_DIM : STYLE_PLAIN, ": %s%s%s", type,
                            target[0] != '\0' ? " to " : "", target);
        page_end(p);
}

int verb_plan(const Invocation *i)
{
        _cleanup_json_ json_t *plan = NULL;
        _cleanup_text_ Text target = {};
        Page p = {.width = ctl_columns(), .colour = ctl_colour()};
        const json_t *actions, *action;
        Error e = {};
        size_t k;

        text_add_string(&target, "/v1/plan");
        if (i->arguments[0]) {
                text_add_string(&target, "?mode=");
                ctl_add_encoded(&target, i->arguments[0]);
        }
        if (target.failed)
                return ctl_failed(i, (error_set(&e, -ENOMEM, "out of memory"), &e));
        if (ctl_ask(i, "GET", target.data, NULL, CTL_ANSWER_USEC, &plan, &e) < 0)
                return ctl_failed(i, &e);
        if (i->given[OPTION_JSON]) {
                ctl_print_json(plan);
                return CTL_DONE;
        }
        actions = json_object_get(plan, "actions");
        if (ctl_string(plan, "text")[0] != '\0')
                page_paragraph(&p, STYLE_PLAIN, "", 0, STYLE_PLAIN, ctl_string(plan, "text"));
        page_format(&p, STYLE_PLAIN, "Actions of a change to %s:%s", ctl_string(plan, "mode"),
                    json_array_size(actions) == 0 ? " none" : "");
        page_end(&p);
        json_array_foreach(actions, k, action) show_planned(&p, action);
        return ctl_print_page(i, &p);
}

int verb_explain(const Invocation *i)
{
        _cleanup_json_ json_t *answer = NULL;
        _cleanup_text_ Text target = {};
        Error e = {};

        text_add_string(&target, "/v1/explain/");
        ctl_add_encoded(&target, i->arguments[0] ? i->arguments[0] : "latest");
        if (target.failed)
                return ctl_failed(i, (error_set(&e, -ENOMEM, "out of memory"), &e));
        if (ctl_ask(i, "GET", target.data, NULL, CTL_ANSWER_USEC, &answer, &e) < 0)
                return ctl_failed(i, &e);
        if (i->given[OPTION_JSON] || ctl_string(answer, "text")[0] == '\0')
                ctl_print_json(answer);
        else
                ctl_print_words(ctl_string(answer, "text"));
        return CTL_DONE;
}

/* What a change caused, and what of it is not done. */
static void show_caused(Page *p, const json_t *actions)
{
        const json_t *action;
        size_t k, open = 0;

        if (json_array_size(actions) == 0)
                return;
        page_format(p, STYLE_DIM, "    %zu action%s", json_array_size(actions),
                    PLURAL(json_array_size(actions)));
        json_array_foreach(actions, k, action)
        {
                const char *state = ctl_string(action, "state");

                if (streq(state, "done") || streq(state, "superseded"))
                        continue;
                page_format(p, STYLE_WARN, "%s %s (%s)",
                            open++ > 0 ? "," : ", not done:", health_action_name(action), state);
        }
        page_end(p);
}

static void show_change(Page *p, const json_t *change)
{
        const char *from = ctl_string(change, "from");
        bool automatic = json_is_true(json_object_get(change, "automatic"));
        uint64_t at_usec = ctl_time(change, "at");
        char time[CTL_TIME_SIZE];

        page_put(p, STYLE_PLAIN, at_usec > 0 ? ctl_time_format(time, at_usec) : "at an unknown time");
        page_format(p, STYLE_BOLD, "  %s%s%s", from, from[0] != '\0' ? " -> " : "", ctl_string(change, "to"));
        if (from[0] != '\0') /* the first start is nobody's choice */
                page_put(p, STYLE_PLAIN, automatic ? "  automatic" : "  by an operator");
        page_format(p, STYLE_DIM, "  %s", ctl_string(change, "id"));
        page_end(p);
        page_paragraph(p, STYLE_PLAIN, "    ", 4, STYLE_PLAIN, ctl_string(change, "cause"));
        show_caused(p, json_object_get(change, "actions"));
}

int verb_history(const Invocation *i)
{
        _cleanup_json_ json_t *history = NULL;
        Page p = {.width = ctl_columns(), .colour = ctl_colour()};
        const char *limit = i->given[OPTION_LIMIT] ? i->value[OPTION_LIMIT] : "20";
        const json_t *changes, *change;
        char target[64], *end;
        unsigned long n;
        Error e = {};
        size_t k;

        n = strtoul(limit, &end, 10);
        if (limit[0] < '0' || limit[0] > '9' || *end != '\0' || n < 1 || n > 1000)
                return ctl_usage(i, "--limit takes a number from 1 to 1000");
        snprintf(target, sizeof(target), "/v1/history?limit=%lu", n);
        if (ctl_ask(i, "GET", target, NULL, CTL_ANSWER_USEC, &history, &e) < 0)
                return ctl_failed(i, &e);
        if (i->given[OPTION_JSON]) {
                ctl_print_json(history);
                return CTL_DONE;
        }
        changes = json_object_get(history, "changes");
        json_array_foreach(changes, k, change) show_change(&p, change);
        if (json_array_size(changes) == 0) {
                page_put(&p, STYLE_PLAIN, "No change is stored.");
                page_end(&p);
        }
        return ctl_print_page(i, &p);
}
