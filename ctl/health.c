/* SPDX-License-Identifier: MIT */
/* Judges a status document: the exit code of `status`, and the list of things to look at. */
#include "ctl/health.h"
#include "ctl/ctl.h"

#include <stdarg.h>

#define LOOK_MAX 8 /* named one by one; the rest is counted */

const char *health_word(HealthLevel level)
{
        switch (level) {
        case HEALTH_OK:
                return "OK";
        case HEALTH_WARNING:
                return "WARNING";
        default:
                return "CRITICAL";
        }
}

bool health_probe_silent(const json_t *probe)
{
        return streq(ctl_string(probe, "verdict"), "unknown") && streq(ctl_string(probe, "type"), "passive");
}

bool health_action_failing(const json_t *action)
{
        const char *state = ctl_string(action, "state");
        json_int_t attempts = json_integer_value(json_object_get(action, "attempts"));

        if (streq(state, "done") || streq(state, "superseded"))
                return false;
        if (!streq(state, "pending"))
                return true;
        /* Pending: the first attempt may well be under way; one that failed leaves its reason, and so does one that cannot
         * begin, since whom to tell is not known. */
        return attempts > 1 || ctl_string(action, "message")[0] != '\0';
}

const char *health_action_name(const json_t *action)
{
        const char *name = ctl_string(action, "name");

        return name[0] != '\0' ? name : ctl_string(action, "type");
}

static void look_at(Health *h, const char *format, ...) _printf_(2, 3);
static void look_at(Health *h, const char *format, ...)
{
        char line[256];
        va_list ap;

        if (++h->matters > LOOK_MAX)
                return;
        va_start(ap, format);
        vsnprintf(line, sizeof(line), format, ap); /* cut when a name is absurd */
        va_end(ap);
        if (h->look.size > 0)
                text_add_string(&h->look, ", ");
        text_add_string(&h->look, line);
}

static void judge_probes(const json_t *probes, Health *h)
{
        const json_t *probe;
        size_t k;

        json_array_foreach(probes, k, probe)
        {
                const char *name = ctl_string(probe, "name"), *verdict = ctl_string(probe, "verdict");

                h->probes++;
                if (streq(verdict, "down")) {
                        h->down++;
                        look_at(h, "%s down", name);
                } else if (health_probe_silent(probe)) {
                        h->silent++;
                } else if (!streq(verdict, "up")) {
                        h->unknown++;
                        look_at(h, "%s unknown", name);
                } else {
                        h->up++;
                        if (streq(ctl_string(probe, "outcome"), "warn")) {
                                h->warned++;
                                look_at(h, "%s warns", name);
                        }
                }
        }
}

static void judge_layers(const json_t *status, Health *h)
{
        const json_t *layer = json_object_get(status, "operator");
        const char *pinned = ctl_string(layer, "pinned");

        if (pinned[0] != '\0')
                look_at(h, "pinned to %s", pinned);
        if (json_is_true(json_object_get(layer, "paused")))
                look_at(h, "paused");
        if (json_is_false(json_object_get(status, "durable")))
                look_at(h, "not durable");
        if (ctl_string(status, "reload_refused")[0] != '\0')
                look_at(h, "a reload was refused");
        if (json_is_true(json_object_get(status, "blind")))
                look_at(h, "blind");
        if (json_is_true(json_object_get(status, "tilt")))
                look_at(h, "clock step or stall");
        if (json_is_true(json_object_get(status, "returns_stopped")))
                look_at(h, "returns stopped until ack");
}

/* One that speaks to several has a row for each of them: it is named once. They stand together. */
static void judge_actions(const json_t *actions, Health *h)
{
        const json_t *action;
        size_t k, rows = 0;

        json_array_foreach(actions, k, action)
        {
                const json_t *next = json_array_get(actions, k + 1);

                if (health_action_failing(action)) {
                        h->failing++;
                        rows++;
                }
                if (next && streq(health_action_name(next), health_action_name(action)))
                        continue;
                if (rows > 1)
                        look_at(h, "action %s failing %zu times", health_action_name(action), rows);
                else if (rows == 1)
                        look_at(h, "action %s failing", health_action_name(action));
                rows = 0;
        }
}

int health_judge(const json_t *status, Health *ret, Error *e)
{
        const json_t *modes = json_object_get(status, "modes"), *mode;
        size_t k;

        assert(ret);

        *ret = (Health){.mode = ctl_string(status, "mode")};
        if (ret->mode[0] == '\0' || json_array_size(modes) == 0)
                return error_set(e, -EBADMSG, "failoverd answered something that is not a status");
        ret->first_mode = ctl_string(json_array_get(modes, 0), "name");
        json_array_foreach(modes, k, mode) if (streq(ctl_string(mode, "name"), ret->mode)) ret->mode_index =
                        k + 1;
        ret->first = ret->mode_index == 1;
        ret->none_healthy = !json_is_string(json_at(status, "automation.wants"));

        judge_probes(json_object_get(status, "probes"), ret);
        judge_layers(status, ret);
        judge_actions(json_object_get(status, "actions"), ret);
        ret->alerts = json_array_size(json_object_get(status, "alerts"));
        if (ret->alerts > 0)
                look_at(ret, "%zu alert%s", ret->alerts, PLURAL(ret->alerts));
        if (ret->matters > LOOK_MAX)
                text_add(&ret->look, ", and %zu more", ret->matters - LOOK_MAX);
        if (ret->look.failed)
                return error_set(e, -ENOMEM, "out of memory");

        if (!ret->first || ret->none_healthy)
                ret->level = HEALTH_CRITICAL;
        else
                ret->level = ret->matters > 0 ? HEALTH_WARNING : HEALTH_OK;
        return 0;
}

void health_clear(Health *h)
{
        text_clear(&h->look);
}
