/* SPDX-License-Identifier: MIT */
/* `status`: the table that a tired person reads. */
#include "ctl/status.h"
#include "base/clock.h"
#include "ctl/ctl.h"

#define ACTION_ROWS_MAX 8  /* of one action */
#define LABEL           12 /* columns of "Automation  " */

static Style level_style(HealthLevel level)
{
        switch (level) {
        case HEALTH_OK:
                return STYLE_GOOD;
        case HEALTH_WARNING:
                return STYLE_WARN;
        default:
                return STYLE_BAD;
        }
}

/* "4 min" to go or gone by; nothing negative when the clocks disagree by a moment. */
static char *distance(char buffer[static DURATION_SIZE], uint64_t from_usec, uint64_t to_usec)
{
        uint64_t usec = to_usec > from_usec ? to_usec - from_usec : 0;

        return duration_format(buffer, usec < USEC_PER_SEC ? usec : usec - usec % USEC_PER_SEC);
}

static void add_until(Text *t, const char *word, uint64_t at_usec, uint64_t now_usec)
{
        char time[CTL_TIME_SIZE], left[DURATION_SIZE];

        if (at_usec == 0)
                return;
        if (at_usec > now_usec)
                text_add(t, " %s %s (in %s)", word, ctl_time_format(time, at_usec),
                         distance(left, now_usec, at_usec));
        else
                text_add(t, " %s %s (any moment)", word, ctl_time_format(time, at_usec));
}

static void add_condition(Text *t, const Health *h)
{
        if (h->none_healthy)
                text_add(t, "%s, and no mode is healthy,", h->mode);
        else if (!h->first)
                text_add(t, "%s, not %s,", h->mode, h->first_mode);
        else if (h->matters == 0)
                text_add(t, "%s, all is well,", h->mode);
        else
                text_add(t, "%s, %zu thing%s to look at,", h->mode, h->matters, PLURAL(h->matters));
}

/* Mode, whether all is well, since when, and why: everything that matters, in one line. */
static void show_headline(Page *p, const json_t *status, const Health *h, uint64_t now_usec)
{
        _cleanup_text_ Text line = {}, label = {};
        char time[CTL_TIME_SIZE], age[DURATION_SIZE];
        uint64_t since_usec = ctl_time(status, "since");
        const char *cause = ctl_string(status, "cause"), *node = ctl_string(status, "node");

        text_add(&label, "%s%s%s: ", node, node[0] != '\0' ? " " : "", health_word(h->level));
        add_condition(&line, h);
        if (since_usec > 0)
                text_add(&line, " for %s (since %s)", distance(age, since_usec, now_usec),
                         ctl_time_format(time, since_usec));
        if (cause[0] != '\0')
                text_add(&line, ": %s", cause);
        p->text.failed |= line.failed || label.failed;
        if (line.data && label.data)
                page_paragraph(p, level_style(h->level), label.data, 4, STYLE_BOLD, line.data);
}

static void show_label(Page *p, const char *label, Style style, const Text *t)
{
        char padded[LABEL + 1];

        snprintf(padded, sizeof(padded), "%-*s", LABEL, label);
        p->text.failed |= t->failed;
        if (t->data)
                page_paragraph(p, STYLE_DIM, padded, LABEL, style, t->data);
}

static void show_operator(Page *p, const json_t *status, uint64_t now_usec)
{
        _cleanup_text_ Text t = {};
        const json_t *layer = json_object_get(status, "operator");
        const char *pinned = ctl_string(layer, "pinned"), *reason = ctl_string(layer, "reason");
        bool paused = json_is_true(json_object_get(layer, "paused"));

        if (pinned[0] != '\0') {
                text_add(&t, "pinned to %s", pinned);
                add_until(&t, "until", ctl_time(layer, "until"), now_usec);
                if (ctl_time(layer, "until") == 0)
                        text_add_string(&t, " until `failoverctl auto`");
                if (reason[0] != '\0')
                        text_add(&t, ": %s", reason);
        } else
                text_add_string(&t, "nothing pinned");
        text_add_string(&t, paused ? "; PAUSED: watching, not switching" : ", not paused");
        show_label(p, "Operator", pinned[0] != '\0' || paused ? STYLE_WARN : STYLE_PLAIN, &t);
}

static void show_maintenance(Page *p, const json_t *status)
{
        const json_t *on = json_object_get(status, "maintenance"), *id;
        int64_t held = ctl_integer(on, "alerts_held");
        _cleanup_text_ Text t = {};
        char time[CTL_TIME_SIZE];
        size_t k;

        if (!json_is_object(on))
                return;
        text_add_string(&t, ctl_string(on, "name"));
        json_array_foreach(json_object_get(on, "components"), k, id)
        {
                const char *s = json_string_value(id);

                text_add(&t, "%s%s", k > 0 ? ", " : " of ", s ? s : "");
        }
        text_add(&t, ", until %s; alerts are held", ctl_time_format(time, ctl_time(on, "until")));
        if (held > 0)
                text_add(&t, " (%lld so far)", (long long) held);
        show_label(p, "Maintenance", STYLE_WARN, &t);
}

/* The preferred mode that is in its hold: the first before the running one that is ready. */
static const char *return_mode(const json_t *status, const Health *h)
{
        const json_t *modes = json_object_get(status, "modes");

        for (size_t k = 0; k + 1 < h->mode_index; k++) {
                const json_t *mode = json_array_get(modes, k);

                if (json_is_true(json_object_get(mode, "ready")))
                        return ctl_string(mode, "name");
        }
        return NULL;
}

static void show_automation(Page *p, const json_t *status, const Health *h, uint64_t now_usec)
{
        _cleanup_text_ Text t = {};
        const char *wants = ctl_string(json_object_get(status, "automation"), "wants");
        const char *hold = ctl_string(json_object_get(status, "automation"), "hold");
        uint64_t back_usec = ctl_time(json_object_get(status, "automation"), "failback_at");
        bool agrees = streq(wants, h->mode);

        if (h->none_healthy)
                text_add_string(&t, "no mode is healthy: it stays where it is");
        else
                text_add(&t, "wants %s%s", wants, agrees ? "" : ", and is not followed");
        if (back_usec > 0) {
                const char *mode = return_mode(status, h);

                text_add(&t, "; returns to %s", mode ? mode : "a preferred mode");
                add_until(&t, "at", back_usec, now_usec);
                text_add_string(&t, " if all stays well");
        } else if (!h->first && agrees)
                text_add(&t, "; returns once %s has been well for %s", h->first_mode,
                         hold[0] != '\0' ? hold : "a while");
        if (json_is_true(json_object_get(status, "returns_stopped")))
                text_add_string(&t, "; RETURNS STOPPED: too many changes today, until `failoverctl ack`");
        show_label(p, "Automation", h->none_healthy ? STYLE_BAD : agrees ? STYLE_PLAIN : STYLE_WARN, &t);
}

/* Lines that stand here only when they have something to say. */
static void show_conditions(Page *p, const json_t *status, const Health *h, bool live)
{
        _cleanup_text_ Text vantage = {}, state = {}, clock = {}, reload = {};
        const char *refused = ctl_string(status, "reload_refused");
        const char *outside = ctl_string(status, "vantage");
        bool blind = json_is_true(json_object_get(status, "blind"));

        if (h->look.size > 0 && !live) /* on a screen all of it stands below, worst first */
                show_label(p, "Look at", level_style(h->level), &h->look);
        if (blind)
                text_add_string(&vantage,
                                "BLIND: no reference outside answers, so external probes say nothing");
        else if (outside[0] != '\0')
                text_add(&vantage, "%s", outside);
        if (vantage.size > 0 && (blind || !streq(outside, "up")))
                show_label(p, "Vantage", blind ? STYLE_BAD : STYLE_WARN, &vantage);
        if (json_is_false(json_object_get(status, "durable"))) {
                const char *trouble = ctl_string(status, "durable_trouble");

                text_add(&state,
                         "NOT DURABLE: what happens now cannot be saved, and a restart may forget it%s%s",
                         trouble[0] != '\0' ? ": " : "", trouble);
                show_label(p, "State", STYLE_BAD, &state);
        }
        if (refused[0] != '\0') {
                text_add(&reload, "REFUSED, so what was read before counts; a restart would end here: %s",
                         refused);
                show_label(p, "Reload", STYLE_BAD, &reload);
        }
        if (json_is_true(json_object_get(status, "tilt"))) {
                text_add_string(&clock, "the clock stepped or the loop stalled: no switch for a moment");
                show_label(p, "Clock", STYLE_WARN, &clock);
        }
}

static void show_title(Page *p, const char *title)
{
        page_end(p);
        page_put(p, STYLE_BOLD, title);
        page_end(p);
}

static unsigned name_limit(const Page *p)
{
        return p->width == 0 ? 64 : p->width < 100 ? 20 : 40;
}

static void show_modes(Page *p, const json_t *status, const Health *h)
{
        const json_t *modes = json_object_get(status, "modes"), *mode, *probe;
        unsigned width = page_widest(modes, "name", 0, name_limit(p));
        size_t k, n;

        show_title(p, "Modes, in order of preference");
        json_array_foreach(modes, k, mode)
        {
                bool runs = k + 1 == h->mode_index, ready = json_is_true(json_object_get(mode, "ready"));
                const json_t *waiting = json_object_get(mode, "waiting_for");

                page_put(p, STYLE_BOLD, runs ? "> " : "  ");
                page_cell(p, runs ? STYLE_BOLD : STYLE_PLAIN, ctl_string(mode, "name"), width);
                if (ready)
                        page_put(p, STYLE_GOOD, "ready");
                else
                        page_put(p, STYLE_WARN, json_array_size(waiting) > 0 ? "waiting for " : "not ready");
                json_array_foreach(waiting, n, probe)
                                page_format(p, ready ? STYLE_DIM : STYLE_WARN, "%s%s",
                                            n > 0   ? ", "
                                            : ready ? "; "
                                                    : "",
                                            json_string_value(probe) ? json_string_value(probe) : "?");
                if (streq(ctl_string(json_object_get(status, "operator"), "pinned"),
                          ctl_string(mode, "name")))
                        page_put(p, STYLE_WARN, "  (pinned)");
                page_end(p);
        }
        if (h->mode_index == 0) {
                page_format(p, STYLE_BAD, "> %s is no mode of the configuration", h->mode);
                page_end(p);
        }
}

/* The same in as few lines as it takes: rows are dear on a screen. */
static void show_modes_briefly(Page *p, const json_t *status, const Health *h)
{
        const json_t *modes = json_object_get(status, "modes"), *mode, *probe;
        _cleanup_text_ Text t = {};
        size_t k, n;

        json_array_foreach(modes, k, mode)
        {
                const json_t *waiting = json_object_get(mode, "waiting_for");

                text_add(&t, "%s%s%s ", k > 0 ? "; " : "", ctl_string(mode, "name"),
                         k + 1 == h->mode_index ? " (running)" : "");
                if (json_is_true(json_object_get(mode, "ready"))) {
                        text_add_string(&t, "ready");
                        continue;
                }
                text_add_string(&t, json_array_size(waiting) > 0 ? "waits for " : "not ready");
                json_array_foreach(waiting, n, probe)
                                text_add(&t, "%s%s", n > 0 ? ", " : "",
                                         json_string_value(probe) ? json_string_value(probe) : "?");
        }
        show_label(p, "Modes", STYLE_PLAIN, &t);
}

/* What needs eyes comes first: 0 down, 1 unknown, 2 warns, 3 up, 4 silent. */
static int urgency(const json_t *probe)
{
        const char *verdict = ctl_string(probe, "verdict");

        if (streq(verdict, "down"))
                return 0;
        if (health_probe_silent(probe))
                return 4;
        if (!streq(verdict, "up"))
                return 1;
        return streq(ctl_string(probe, "outcome"), "warn") ? 2 : 3;
}

static const Style urgency_styles[] = {STYLE_BAD, STYLE_WARN, STYLE_WARN, STYLE_GOOD, STYLE_DIM};

typedef struct ProbeColumns {
        unsigned name, type, verdict, window, latency, age;
} ProbeColumns;

static void show_probe(Page *p, const json_t *probe, const ProbeColumns *c, uint64_t now_usec)
{
        int rank = urgency(probe);
        char latency[32], age[32], window[64];
        const char *message = ctl_string(probe, "message");

        ctl_latency(latency, sizeof(latency), json_object_get(probe, "latency_ms"));
        plain_copy(window, MIN(sizeof(window), (size_t) c->window + 1), ctl_string(probe, "window"));
        page_put(p, STYLE_PLAIN, "  ");
        page_cell(p, rank < 3 ? STYLE_BOLD : STYLE_PLAIN, ctl_string(probe, "name"), c->name);
        page_cell(p, STYLE_DIM, ctl_string(probe, "type"), c->type);
        page_cell(p, urgency_styles[rank], ctl_string(probe, "verdict"), c->verdict);
        page_cell(p, rank < 2 ? urgency_styles[rank] : STYLE_PLAIN, window, c->window);
        page_cell_right(p, STYLE_PLAIN, latency, c->latency);
        page_cell_right(p, STYLE_PLAIN, ctl_short_age(age, sizeof(age), ctl_time(probe, "at"), now_usec),
                        c->age);
        if (rank == 4 && message[0] == '\0')
                message = "silent";
        /* What is wrong is told in full, on a line of its own when it has to be. */
        if (rank < 3 && p->width > 0 && p->column + page_measure(message) > p->width) {
                page_end(p);
                page_paragraph(p, STYLE_PLAIN, "      ", 6, urgency_styles[rank], message);
                return;
        }
        page_put(p, rank < 3 ? urgency_styles[rank] : STYLE_PLAIN, message);
        page_end(p);
}

static void show_probes(Page *p, const json_t *status, const Health *h, uint64_t now_usec)
{
        const json_t *probes = json_object_get(status, "probes"), *probe;
        ProbeColumns c = {.verdict = 7, .latency = 7, .age = 3};
        size_t k;

        c.name = page_widest(probes, "name", 4, name_limit(p));
        c.type = page_widest(probes, "type", 4, 10);
        c.window = page_widest(probes, "window", 4,
                               p->width == 0 || p->width >= 160 ? 20
                               : p->width < 100                 ? 8
                                                                : 10);
        json_array_foreach(probes, k, probe)
        {
                char age[32];

                ctl_short_age(age, sizeof(age), ctl_time(probe, "at"), now_usec);
                c.age = MAX(c.age, (unsigned) strlen(age));
        }

        page_end(p);
        page_put(p, STYLE_BOLD, "Probes");
        page_format(p, STYLE_DIM, "  %zu up, %zu down, %zu unknown%s", h->up, h->down, h->unknown,
                    h->silent > 0 ? ", silent ones aside" : "");
        page_end(p);
        page_put(p, STYLE_PLAIN, "  ");
        page_cell(p, STYLE_DIM, "NAME", c.name);
        page_cell(p, STYLE_DIM, "TYPE", c.type);
        page_cell(p, STYLE_DIM, "VERDICT", c.verdict);
        page_cell(p, STYLE_DIM, "LAST", c.window);
        page_cell_right(p, STYLE_DIM, "LATENCY", c.latency);
        page_cell_right(p, STYLE_DIM, "AGE", c.age);
        page_put(p, STYLE_DIM, "MESSAGE");
        page_end(p);
        for (int rank = 0; rank <= 4; rank++)
                json_array_foreach(probes, k, probe) if (urgency(probe) == rank)
                                show_probe(p, probe, &c, now_usec);
}

static void show_action(Page *p, const json_t *action)
{
        _cleanup_text_ Text t = {};
        const char *target = ctl_string(action, "target"), *message = ctl_string(action, "message");
        json_int_t attempts = json_integer_value(json_object_get(action, "attempts"));

        text_add(&t, "%s", health_action_name(action));
        if (target[0] != '\0')
                text_add(&t, " to %s", target);
        text_add(&t, ": %s, %" JSON_INTEGER_FORMAT " attempt%s", ctl_string(action, "state"), attempts,
                 PLURAL(attempts));
        if (message[0] != '\0')
                text_add(&t, ": %s", message);
        p->text.failed |= t.failed;
        if (t.data)
                page_paragraph(p, STYLE_PLAIN, "  ", 4, STYLE_WARN, t.data);
}

/* Of one that speaks to many, the first few rows. */
static void show_actions(Page *p, const json_t *status, const Health *h)
{
        const json_t *actions = json_object_get(status, "actions"), *action;
        size_t k, rows = 0;

        if (h->failing == 0)
                return;
        show_title(p, "Actions that have not succeeded");
        json_array_foreach(actions, k, action)
        {
                const json_t *next = json_array_get(actions, k + 1);

                if (health_action_failing(action) && rows++ < ACTION_ROWS_MAX)
                        show_action(p, action);
                if (next && streq(health_action_name(next), health_action_name(action)))
                        continue;
                if (rows > ACTION_ROWS_MAX) {
                        page_format(p, STYLE_DIM, "  %s: and %zu more (failoverctl status --json)",
                                    health_action_name(action), rows - ACTION_ROWS_MAX);
                        page_end(p);
                }
                rows = 0;
        }
}

static void show_alerts(Page *p, const json_t *status, const Health *h, uint64_t now_usec)
{
        const json_t *alerts = json_object_get(status, "alerts"), *alert;
        size_t k;

        if (h->alerts == 0)
                return;
        show_title(p, "Alerts");
        json_array_foreach(alerts, k, alert)
        {
                _cleanup_text_ Text t = {};
                uint64_t since_usec = ctl_time(alert, "since");
                char age[DURATION_SIZE];

                text_add(&t, "%s", ctl_string(alert, "name"));
                if (since_usec > 0)
                        text_add(&t, " for %s", distance(age, since_usec, now_usec));
                text_add(&t, ": %s", ctl_string(alert, "message"));
                p->text.failed |= t.failed;
                if (t.data)
                        page_paragraph(p, STYLE_PLAIN, "  ", 4, STYLE_WARN, t.data);
        }
}

static void show_command(Page *p, const char *command, const char *what)
{
        page_format(p, STYLE_PLAIN, "  failoverctl ");
        page_cell(p, STYLE_BOLD, command, 16);
        page_put(p, STYLE_PLAIN, what);
        page_end(p);
}

static bool any_ready_fallback(const json_t *status)
{
        const json_t *modes = json_object_get(status, "modes");

        for (size_t k = 1; k < json_array_size(modes); k++)
                if (json_is_true(json_object_get(json_array_get(modes, k), "ready")))
                        return true;
        return false;
}

static bool has_alert(const json_t *status, const char *name)
{
        size_t k;
        json_t *alert;

        json_array_foreach(json_object_get(status, "alerts"), k, alert)
        {
                if (streq(ctl_string(alert, "name"), name))
                        return true;
        }
        return false;
}

static void show_next(Page *p, const json_t *status, const Health *h)
{
        const json_t *layer = json_object_get(status, "operator");
        bool pinned = json_is_string(json_object_get(layer, "pinned"));
        bool paused = json_is_true(json_object_get(layer, "paused"));

        if (h->level == HEALTH_OK)
                return;
        show_title(p, "What you can do");
        if (!h->first)
                show_command(p, "explain", "why it switched, with the evidence");
        if (pinned)
                show_command(p, "auto", "end the pin; the rule applies at once");
        if (paused)
                show_command(p, "resume", "let automation switch again");
        if (json_is_true(json_object_get(status, "returns_stopped")))
                show_command(p, "ack", "allow automatic returns again");
        if (has_alert(status, "mode-gone"))
                show_command(p, "ack", "end the alert of the mode that is no longer configured");
        if (!h->first && !pinned && return_mode(status, h))
                show_command(p, "force-primary", "go back now, without waiting for the hold");
        if (h->first && !pinned && h->down > 0 && any_ready_fallback(status))
                show_command(p, "force-fallback", "go to the fallback now, whatever the probes say");
        if (h->down + h->unknown + h->warned > 0)
                show_command(p, "probe NAME", "run one now, when you have mended something");
        if (h->failing > 0 || h->alerts > 0)
                show_command(p, "history", "what was done, and what was not");
        if (ctl_string(status, "reload_refused")[0] != '\0')
                show_command(p, "check-config", "the file as it is now; then `systemctl reload failoverd`");
        if (json_is_false(json_object_get(status, "durable"))) {
                page_put(p, STYLE_PLAIN,
                         "  df -h /var/lib/failoverd      is the disk of its database full or gone?");
                page_end(p);
        }
}

void status_show(Page *p, const json_t *status, const Health *h, uint64_t now_wall_usec, bool live)
{
        assert(p);
        assert(status);
        assert(h);

        show_headline(p, status, h, now_wall_usec);
        show_conditions(p, status, h, live);
        show_operator(p, status, now_wall_usec);
        show_maintenance(p, status);
        show_automation(p, status, h, now_wall_usec);
        if (live) {
                show_modes_briefly(p, status, h);
                show_alerts(p, status, h, now_wall_usec);
                show_actions(p, status, h);
                show_probes(p, status, h, now_wall_usec);
        } else {
                show_modes(p, status, h);
                show_probes(p, status, h, now_wall_usec);
                show_actions(p, status, h);
                show_alerts(p, status, h, now_wall_usec);
        }
        show_next(p, status, h);
}

void status_nagios(Text *t, const json_t *status, const Health *h)
{
        _cleanup_text_ Text words = {}, plain = {};
        const char *cause = ctl_string(status, "cause");

        text_add(&words, "mode %s since %s: ", h->mode, ctl_string(status, "since"));
        if (h->level == HEALTH_WARNING)
                text_add_string(&words, h->look.data);
        else if (h->none_healthy)
                text_add(&words, "no mode is healthy: %s", cause);
        else
                text_add_string(&words, cause[0] != '\0' ? cause : "all is well");
        if (words.data)
                text_add_plain(&plain, words.data, 0);
        for (size_t k = 0; k < plain.size; k++) /* a bar would begin the perfdata */
                if (plain.data[k] == '|')
                        plain.data[k] = '/';
        t->failed |= words.failed || plain.failed;
        text_add(t, "FAILOVER %s - %s", health_word(h->level), plain.data ? plain.data : "");
        text_add(t, " | mode=%zu probes_up=%zu probes_down=%zu probes_unknown=%zu probes_warn=%zu",
                 h->mode_index, h->up, h->down, h->unknown, h->warned);
        text_add(t, " actions_failing=%zu alerts=%zu\n", h->failing, h->alerts);
}
