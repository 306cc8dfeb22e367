/* SPDX-License-Identifier: MIT */
/* `maintenance`: work that is announced on the status page, and holds alerts while it goes on. */
#include "base/clock.h"
#include "ctl/bulletin.h"

#include <time.h>

static void add_components(Page *p, const json_t *components)
{
        const json_t *id;
        size_t k;

        json_array_foreach(components, k, id)
        {
                const char *s = json_string_value(id);

                page_format(p, STYLE_PLAIN, "%s%s", k > 0 ? ", " : "  of ", s ? s : "");
        }
}

static void show(Page *p, const json_t *m)
{
        const char *state = ctl_string(m, "state");
        bool active = streq(state, "active");
        uint64_t from = ctl_time(m, active ? "began" : "from"), until = ctl_time(m, "until");
        uint64_t ended = ctl_time(m, "ended");
        char time[CTL_TIME_SIZE];

        page_format(p, active ? STYLE_WARN : STYLE_BOLD, "%s", state);
        page_format(p, STYLE_BOLD, "  %s", ctl_string(m, "name"));
        add_components(p, json_object_get(m, "components"));
        page_end(p);
        page_format(p, STYLE_DIM, "    %s", ctl_string(m, "id"));
        page_end(p);
        page_format(p, STYLE_PLAIN, "    from %s", ctl_time_format(time, from));
        page_format(p, STYLE_PLAIN, " until %s", ctl_time_format(time, ended > 0 ? ended : until));
        page_end(p);
        if (ctl_string(m, "body")[0])
                page_paragraph(p, STYLE_PLAIN, "    ", 4, STYLE_PLAIN, ctl_string(m, "body"));
        if (json_array_size(json_object_get(m, "updates")) > 1)
                bulletin_show_updates(p, m);
}

static int tell(const Invocation *i, const json_t *answer, const char *words)
{
        return bulletin_tell(i, answer, "maintenance", show, words);
}

/* As strptime(3), all of s, into a copy: a format that does not fit leaves half of a date behind. */
static bool take_time(const char *s, const char *format, struct tm *tm)
{
        struct tm copy = *tm;
        const char *end = strptime(s, format, &copy);

        if (!end || *end)
                return false;
        *tm = copy;
        return true;
}

/* "2026-11-21 22:00" or "22:00" (the next one) by this machine's clock, RFC 3339, or "2h" from now. */
static int parse_time(const char *s, uint64_t *ret)
{
        uint64_t now = clock_wall_usec(), usec;
        time_t seconds = (time_t) (now / USEC_PER_SEC);
        struct tm tm;

        if (timestamp_parse(s, ret) >= 0)
                return 0;
        if (duration_parse(s, &usec) >= 0) {
                *ret = now + usec;
                return 0;
        }
        if (!localtime_r(&seconds, &tm))
                return -EINVAL;
        tm.tm_sec = 0;
        tm.tm_isdst = -1;
        if (!take_time(s, "%Y-%m-%d %H:%M", &tm)) {
                struct tm today;

                if (!take_time(s, "%H:%M", &tm))
                        return -EINVAL;
                today = tm; /* mktime() changes what it is given */
                if (mktime(&today) <= seconds)
                        tm.tm_mday++;
        }
        seconds = mktime(&tm);
        if (seconds < 0)
                return -EINVAL;
        *ret = (uint64_t) seconds * USEC_PER_SEC;
        return 0;
}

/* --from, --until and --for. 0, or the exit code for usage. */
static int add_times(const Invocation *i, json_t *body)
{
        static const struct {
                Option option;
                const char *key;
        } times[] = {{OPTION_FROM, "from"}, {OPTION_UNTIL, "until"}};
        uint64_t usec;

        for (size_t k = 0; k < ELEMENTSOF(times); k++) {
                if (!i->given[times[k].option])
                        continue;
                if (parse_time(i->value[times[k].option], &usec) < 0)
                        return ctl_usage(i,
                                         "--%s takes a time: \"2026-11-21 22:00\", 22:00, "
                                         "2026-11-21T22:00:00Z, or 2h from now",
                                         times[k].key);
                json_put(body, times[k].key, json_timestamp(usec));
        }
        if (i->given[OPTION_FOR] && i->given[OPTION_UNTIL])
                return ctl_usage(i, "give --for or --until, not both");
        if (i->given[OPTION_FOR]) {
                if (duration_parse(i->value[OPTION_FOR], &usec) < 0 || usec == 0)
                        return ctl_usage(i, "--for takes a duration with its unit, such as 30m, 2h or 1d");
                json_put(body, "for", json_string(i->value[OPTION_FOR]));
        }
        return 0;
}

/* A new one: [TEXT], with --name. */
static int plan(const Invocation *i, bool ahead)
{
        _cleanup_json_ json_t *answer = NULL, *body = json_object();
        _cleanup_free_ char *text = NULL;
        const char *id;
        int r;

        if (!i->given[OPTION_NAME])
                return ctl_usage(i, "give it a name that readers see: maintenance %s --name NAME",
                                 ahead ? "schedule" : "start");
        if (ahead != i->given[OPTION_FROM])
                return ctl_usage(i, ahead ? "say when it begins: --from \"2026-11-21 22:00\", or --from 2h"
                                          : "--from belongs to `maintenance schedule`: this one begins now");
        r = bulletin_arguments(i, i->arguments + 1, &id, &text);
        if (r == 0)
                r = add_times(i, body);
        if (r != 0)
                return r;
        json_put(body, "name", json_string_or_null(i->value[OPTION_NAME]));
        if (text)
                json_put(body, "body", json_string_or_null(text));
        bulletin_add_components(i, body);
        r = bulletin_post(i, "maintenances", NULL, NULL, TAKE_PTR(body), &answer);
        if (r != 0)
                return r;
        return tell(i, answer,
                    ahead ? "Readers see it from now on. While it goes on alerts are held; the rule that "
                            "switches modes goes on."
                          : "It is on: alerts are held until it ends; the rule that switches modes goes on.");
}

static int step(const Invocation *i, const char *verb)
{
        _cleanup_json_ json_t *answer = NULL, *body = json_object();
        _cleanup_free_ char *text = NULL;
        const char *id;
        int r;

        if (i->given[OPTION_NAME] || i->given[OPTION_FROM] || i->given[OPTION_COMPONENTS])
                return ctl_usage(i, "--name, --from and --components belong to a new maintenance");
        r = bulletin_arguments(i, i->arguments + 1, &id, &text);
        if (r == 0)
                r = add_times(i, body);
        if (r != 0)
                return r;
        if (streq(id, "latest") && (streq(verb, "cancel") || streq(verb, "start")))
                return ctl_usage(i, "say which: maintenance %s ID; `failoverctl maintenance` lists them",
                                 verb);
        if (text)
                json_put(body, "body", json_string_or_null(text));
        r = bulletin_post(i, "maintenances", id, verb, TAKE_PTR(body), &answer);
        if (r != 0)
                return r;
        return tell(i, answer,
                    streq(verb, "end") ? "It is over: alerts go out again, with what is still wrong." : NULL);
}

int verb_maintenance(const Invocation *i)
{
        const char *verb = i->arguments[0];

        if (!verb || streq(verb, "list")) {
                if (i->given[OPTION_NAME] || i->given[OPTION_FROM] || i->given[OPTION_UNTIL] ||
                    i->given[OPTION_FOR] || i->given[OPTION_COMPONENTS])
                        return ctl_usage(i, "these options belong to schedule and start");
                return bulletin_list(i, "maintenances", show, false,
                                     "None is planned, and none was in the last 90 days.");
        }
        if (streq(verb, "schedule"))
                return plan(i, true);
        if (streq(verb, "start"))
                return i->given[OPTION_NAME] ? plan(i, false) : step(i, verb);
        if (streq(verb, "end") || streq(verb, "cancel") || streq(verb, "update"))
                return step(i, verb);
        return ctl_usage(i, "expected list, schedule, start, end, cancel or update, not %s", verb);
}
