/* SPDX-License-Identifier: MIT */
/* What the status page has to say: how bad it is, in a buyer's words, and what belongs to one incident. */
#include "actions/status_page.h"

const char *item_string(const json_t *item, const char *name)
{
        const char *s = json_string_value(json_object_get(item, name));
        return s ? s : "";
}

uint64_t item_time(const json_t *item, const char *name)
{
        uint64_t usec;
        return timestamp_parse(item_string(item, name), &usec) < 0 ? 0 : usec;
}

/* jansson's array functions take NULL, and anything else, for an empty array. */
const json_t *page_list(const Page *p, const char *name)
{
        return json_object_get(p->status, name);
}

const char *level_name(PageLevel level)
{
        static const char *const names[] = {"none", "minor", "major", "critical"};
        assert((size_t) level < ELEMENTSOF(names));
        return names[level];
}

bool probe_is_part(const json_t *probe)
{
        return *item_string(probe, "name") && !json_is_true(json_object_get(probe, "vantage"));
}

PartState probe_part_state(const json_t *probe)
{
        const char *verdict = item_string(probe, "verdict");

        if (streq(verdict, "down"))
                return PART_DOWN;
        if (streq(verdict, "up"))
                return streq(item_string(probe, "outcome"), "warn") ? PART_WARN : PART_UP;
        /* Nobody has complained: that is how a passive probe is well. */
        return streq(item_string(probe, "type"), "passive") ? PART_UP : PART_UNKNOWN;
}

static bool probe_is_down(const Page *p, const char *name)
{
        const json_t *probes = page_list(p, "probes");

        for (size_t i = 0; i < json_array_size(probes); i++) {
                const json_t *probe = json_array_get(probes, i);
                if (streq(item_string(probe, "name"), name))
                        return probe_part_state(probe) == PART_DOWN;
        }
        return false;
}

/* Does a probe that the mode which runs requires say down? ret_other_ready: is there a mode that could run? */
static bool mode_is_broken(const Page *p, bool *ret_other_ready)
{
        const json_t *modes = page_list(p, "modes");
        bool broken = false;

        *ret_other_ready = false;
        for (size_t i = 0; i < json_array_size(modes); i++) {
                const json_t *mode = json_array_get(modes, i);
                if (json_is_true(json_object_get(mode, "ready")))
                        *ret_other_ready = true;
                if (!streq(item_string(mode, "name"), p->mode))
                        continue;
                const json_t *waits = json_object_get(mode, "waiting_for");
                for (size_t w = 0; w < json_array_size(waits); w++) {
                        const char *name = json_string_value(json_array_get(waits, w));
                        broken = broken || (name && probe_is_down(p, name));
                }
        }
        return broken;
}

static bool any_part_ails(const Page *p)
{
        const json_t *probes = page_list(p, "probes");

        for (size_t i = 0; i < json_array_size(probes); i++) {
                const json_t *probe = json_array_get(probes, i);
                if (probe_is_part(probe) && probe_part_state(probe) != PART_UP)
                        return true;
        }
        return false;
}

static int judge_level(Page *p)
{
        bool other_ready, broken = mode_is_broken(p, &other_ready);

        if (broken) {
                p->level = other_ready ? LEVEL_MAJOR : LEVEL_CRITICAL;
                p->headline = other_ready ? "There are problems with checkout right now"
                                          : "Checkout is not working right now";
        } else if (!p->first) {
                p->level = LEVEL_MAJOR;
                if (streq(p->payment, "crypto"))
                        p->headline = "You can buy: please pay with cryptocurrency for now";
                else if (streq(p->payment, "federated"))
                        p->headline = "Partner shops take orders for us right now";
                else {
                        p->headline_buffer = string_printf("We are running on our backup (%s)", p->mode);
                        if (!p->headline_buffer)
                                return -ENOMEM;
                        p->headline = p->headline_buffer;
                }
        } else if (any_part_ails(p)) {
                p->level = LEVEL_MINOR;
                p->headline = "You can buy as usual; a part behind the scenes needs attention";
        } else {
                p->level = LEVEL_NONE;
                p->headline = "Everything works";
        }
        if (p->blind && p->level < LEVEL_MAJOR) {
                p->level = LEVEL_MINOR;
                p->headline = "We cannot see right now whether everything works";
        }
        return 0;
}

/* The history that the supervisor added may be older than this very change, or missing. */
static int judge_changes(Page *p)
{
        const json_t *known = page_list(p, "changes");

        p->changes = json_array();
        if (!p->changes)
                return -ENOMEM;
        if (*p->change && !streq(item_string(json_array_get(known, 0), "id"), p->change)) {
                json_t *change = json_object();
                json_put(change, "id", request_string(p->change, false));
                json_put(change, "at", json_timestamp(p->since_usec));
                json_put(change, "from", request_string(p->from, false));
                json_put(change, "to", request_string(p->mode, false));
                json_put(change, "cause", request_string(p->cause, false));
                if (json_array_append_new(p->changes, change) < 0)
                        return -ENOMEM;
        }
        for (size_t i = 0; i < json_array_size(known); i++)
                if (*item_string(json_array_get(known, i), "id") &&
                    json_array_append(p->changes, json_array_get(known, i)) < 0)
                        return -ENOMEM;
        return 0;
}

int page_judge(Page *p)
{
        p->blind = json_is_true(json_object_get(p->status, "blind"));
        p->first_mode = item_string(json_array_get(page_list(p, "modes"), 0), "name");
        if (!*p->first_mode)
                p->first_mode = p->first ? p->mode : p->from;
        p->since_usec = item_time(p->status, "since");
        if (p->since_usec == 0 || !streq(item_string(p->status, "change"), p->change))
                p->since_usec = p->at_usec;

        int r = judge_changes(p);
        return r < 0 ? r : judge_level(p);
}

bool page_next_incident(const Page *p, size_t *position, Incident *ret)
{
        size_t n = json_array_size(p->changes);

        for (size_t i = *position; i < n; i++) {
                bool back = streq(item_string(json_array_get(p->changes, i), "to"), p->first_mode);
                size_t end = i + back;
                while (end < n && !streq(item_string(json_array_get(p->changes, end), "to"), p->first_mode))
                        end++;
                if (end == i + back) /* a start in the first mode */
                        continue;
                *ret = (Incident){.newest = i, .oldest = end - 1, .resolved = back};
                *position = end;
                return true;
        }
        *position = n;
        return false;
}

void page_clear(Page *p)
{
        free(p->node_id);
        free(p->node_name);
        free(p->node_url);
        free(p->mode);
        free(p->from);
        free(p->payment);
        free(p->message);
        free(p->change);
        free(p->cause);
        free(p->headline_buffer);
        for (size_t i = 0; i < p->n_shops; i++) {
                free(p->shops[i].name);
                free(p->shops[i].url);
        }
        free(p->shops);
        json_decref(p->status);
        json_decref(p->changes);
        *p = (Page){0};
}
