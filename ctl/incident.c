/* SPDX-License-Identifier: MIT */
/* `incident`: what the status page tells of outages, and the operator's own words to it. */
#include "base/clock.h"
#include "ctl/bulletin.h"

static void show(Page *p, const json_t *incident)
{
        const char *name = ctl_string(incident, "name"), *impact = ctl_string(incident, "impact");
        uint64_t began = ctl_time(incident, "began"), resolved = ctl_time(incident, "resolved");
        char time[CTL_TIME_SIZE], length[DURATION_SIZE];

        page_put(p, STYLE_PLAIN, ctl_time_format(time, began));
        page_format(p, streq(impact, "critical") ? STYLE_BAD : STYLE_BOLD, "  %s", impact);
        page_format(p, STYLE_BOLD, "  %s%s", name[0] ? name : "in mode ",
                    name[0] ? "" : ctl_string(incident, "mode"));
        page_end(p);
        page_format(p, STYLE_DIM, "    %s, ", ctl_string(incident, "id"));
        if (resolved > 0)
                page_format(p, STYLE_PLAIN, "resolved after %s",
                            duration_format(length, resolved > began ? resolved - began : 0));
        else
                page_put(p, STYLE_WARN, "open");
        page_end(p);
        bulletin_show_updates(p, incident);
}

static int tell(const Invocation *i, const json_t *answer)
{
        return bulletin_tell(i, answer, "incident", show, NULL);
}

static json_t *words(const Invocation *i, const char *text)
{
        json_t *body = json_object();

        if (text)
                json_put(body, "body", json_string_or_null(text));
        if (i->given[OPTION_NAME])
                json_put(body, "name", json_string_or_null(i->value[OPTION_NAME]));
        if (i->given[OPTION_IMPACT])
                json_put(body, "impact", json_string_or_null(i->value[OPTION_IMPACT]));
        if (i->given[OPTION_STATE])
                json_put(body, "state", json_string_or_null(i->value[OPTION_STATE]));
        bulletin_add_components(i, body);
        return body;
}

static int begin(const Invocation *i)
{
        _cleanup_json_ json_t *answer = NULL;
        _cleanup_free_ char *text = NULL;
        const char *id;
        int r;

        if (!i->given[OPTION_NAME])
                return ctl_usage(i, "give it a name that readers see: incident begin --name NAME [TEXT]");
        r = bulletin_arguments(i, i->arguments + 1, &id, &text);
        if (r != 0)
                return r;
        if (!streq(id, "latest"))
                return ctl_usage(i, "a new incident gets its own id");
        r = bulletin_post(i, "incidents", NULL, NULL, words(i, text), &answer);
        return r != 0 ? r : tell(i, answer);
}

static int go_on(const Invocation *i, const char *verb)
{
        _cleanup_json_ json_t *answer = NULL;
        _cleanup_free_ char *text = NULL;
        const char *id;
        int r;

        if (i->given[OPTION_STATE] && !streq(verb, "update"))
                return ctl_usage(i, "--state belongs to `incident update` and `incident begin`");
        r = bulletin_arguments(i, i->arguments + 1, &id, &text);
        if (r != 0)
                return r;
        if (streq(verb, "postmortem") && !text)
                return ctl_usage(i, "say what was learned: incident postmortem [ID] TEXT, or - for standard "
                                    "input");
        r = bulletin_post(i, "incidents", id, verb, words(i, text), &answer);
        return r != 0 ? r : tell(i, answer);
}

int verb_incident(const Invocation *i)
{
        const char *verb = i->arguments[0];
        bool writes = i->given[OPTION_NAME] || i->given[OPTION_IMPACT] || i->given[OPTION_STATE] ||
                      i->given[OPTION_COMPONENTS];

        if (!verb || streq(verb, "list")) {
                if (writes)
                        return ctl_usage(i, "these options belong to update, resolve, postmortem and begin");
                return bulletin_list(i, "incidents", show, true, "No incident in the last 90 days.");
        }
        if (streq(verb, "begin"))
                return begin(i);
        if (streq(verb, "update") || streq(verb, "resolve") || streq(verb, "postmortem"))
                return go_on(i, verb);
        return ctl_usage(i, "expected list, update, resolve, postmortem or begin, not %s", verb);
}
