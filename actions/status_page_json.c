/* SPDX-License-Identifier: MIT */
/* The status page for programs: api/v2/ in the shape of Statuspage's API, so that what reads those (dashboards, chat bots, status
 * aggregators) reads this; and ninety-days.json, for which it has no shape. */
#include "actions/status_page.h"

#define INCIDENTS_MAX 50 /* as Statuspage has it */

static const char *component_status(const char *state)
{
        static const char *const states[][2] = {{"operational", "operational"},
                                                {"partial", "partial_outage"},
                                                {"down", "major_outage"},
                                                {"maintenance", "under_maintenance"}};

        for (size_t i = 0; i < ELEMENTSOF(states); i++)
                if (streq(states[i][0], state))
                        return states[i][1];
        /* "degraded"; and the API has no word for "not known": "operational" would be a promise */
        return "degraded_performance";
}

static json_t *time_json(uint64_t usec, const Page *p)
{
        return json_timestamp(usec ? usec : p->updated_usec);
}

static json_t *clean(const json_t *item, const char *name)
{
        return request_string(item_string(item, name), false);
}

static json_t *page_json(const Page *p, const char *updated)
{
        json_t *j = json_object();

        json_put(j, "id", json_string(p->node_id));
        json_put(j, "name", json_string(*p->node_name ? p->node_name : p->node_id));
        json_put(j, "url", json_string(request_link(p->node_url)));
        json_put(j, "time_zone", json_string("Etc/UTC"));
        json_put(j, "updated_at", json_string(updated));
        return j;
}

static json_t *status_json(const Page *p)
{
        json_t *j = json_object();

        json_put(j, "indicator", json_string(level_name(p->level)));
        json_put(j, "description", page_say(p, "headline"));
        return j;
}

/* --- components --- */

static json_t *component_base(const Page *p, json_t *id, json_t *name, size_t position)
{
        json_t *j = json_object();
        uint64_t counted = item_time(p->known, "counted_since");

        json_put(j, "id", id);
        json_put(j, "name", name);
        json_put(j, "created_at", time_json(counted ? counted : p->since_usec, p));
        json_put(j, "position", json_integer((json_int_t) position));
        json_put(j, "showcase", json_true());
        json_put(j, "start_date", json_null());
        json_put(j, "page_id", json_string(p->node_id));
        json_put(j, "only_show_if_degraded", json_false());
        return j;
}

/* A group's own id: no component's, since those are names without a colon. */
static json_t *group_id(const char *heading)
{
        _cleanup_free_ char *id = string_printf("group:%s", heading);
        return id ? request_string(id, false) : NULL;
}

static json_t *component_json(const Page *p, const json_t *component, size_t position)
{
        const char *state = item_string(component, "state"), *group = item_string(component, "group");
        const char *description = item_string(component, "description");
        uint64_t since = item_time(component, "since");
        json_t *j = component_base(p, clean(component, "id"), clean(component, "name"), position);

        json_put(j, "status", json_string(component_status(state)));
        json_put(j, "updated_at", time_json(since ? since : p->since_usec, p));
        json_put(j, "description", *description ? clean(component, "description") : json_null());
        json_put(j, "group_id", *group ? group_id(group) : json_null());
        json_put(j, "group", json_false());
        /* Beyond the API, which has no word for it. */
        json_put(j, "known", json_boolean(*state && !streq(state, "unknown")));
        return j;
}

/* The worst of its parts. */
static const char *group_status(const Page *p, const char *heading)
{
        static const char *const order[] = {"operational", "under_maintenance", "degraded_performance",
                                            "partial_outage", "major_outage"};
        size_t worst = 0;

        for (size_t i = 0; i < json_array_size(p->components); i++) {
                const json_t *c = json_array_get(p->components, i);
                if (!streq(item_string(c, "group"), heading))
                        continue;
                const char *status = component_status(item_string(c, "state"));
                for (size_t k = worst + 1; k < ELEMENTSOF(order); k++)
                        if (streq(order[k], status))
                                worst = k;
        }
        return order[worst];
}

static json_t *group_json(const Page *p, const char *heading, size_t position)
{
        json_t *j = component_base(p, group_id(heading), request_string(heading, false), position);
        json_t *ids = json_array();
        uint64_t updated = 0;

        for (size_t i = 0; i < json_array_size(p->components); i++) {
                const json_t *c = json_array_get(p->components, i);
                if (!streq(item_string(c, "group"), heading))
                        continue;
                json_add(ids, clean(c, "id"));
                updated = MAX(updated, item_time(c, "since"));
        }
        json_put(j, "status", json_string(group_status(p, heading)));
        json_put(j, "updated_at", time_json(updated ? updated : p->since_usec, p));
        json_put(j, "description", json_null());
        json_put(j, "group_id", json_null());
        json_put(j, "group", json_true());
        json_put(j, "components", ids);
        return j;
}

/* Is it the first one with its group? */
static bool group_begins(const Page *p, size_t i)
{
        const char *group = item_string(json_array_get(p->components, i), "group");

        if (!*group)
                return false;
        for (size_t k = 0; k < i; k++)
                if (streq(item_string(json_array_get(p->components, k), "group"), group))
                        return false;
        return true;
}

static json_t *components_json(const Page *p)
{
        json_t *list = json_array();
        size_t position = 0;

        for (size_t i = 0; i < json_array_size(p->components); i++) {
                const json_t *c = json_array_get(p->components, i);
                if (group_begins(p, i))
                        json_add(list, group_json(p, item_string(c, "group"), ++position));
                json_add(list, component_json(p, c, ++position));
        }
        return list;
}

/* Those that an incident or a maintenance names; all: when it names none. */
static json_t *concerned_json(const Page *p, const json_t *item, bool all)
{
        const json_t *ids = json_object_get(item, "components");
        json_t *list = json_array();
        size_t position = 0; /* as in components.json */

        for (size_t i = 0; i < json_array_size(p->components); i++) {
                const json_t *c = json_array_get(p->components, i);
                position += group_begins(p, i) ? 2 : 1;
                if (all && json_array_size(ids) == 0)
                        json_add(list, component_json(p, c, position));
                for (size_t k = 0; k < json_array_size(ids); k++) {
                        const char *id = json_string_value(json_array_get(ids, k));
                        if (id && streq(id, item_string(c, "id")))
                                json_add(list, component_json(p, c, position));
                }
        }
        return list;
}

/* --- incidents and maintenances --- */

/* body: what it says if it has no words of its own, or "". */
static json_t *update_json(const Page *p, const json_t *update, const char *incident, const char *status,
                           const char *body)
{
        uint64_t at = item_time(update, "at");
        bool silent = item_string(update, "body")[0] == '\0';
        json_t *j = json_object();

        json_put(j, "id", clean(update, "id"));
        json_put(j, "status", json_string(status));
        json_put(j, "body", silent && *body ? request_string(body, true) : update_text(p, update));
        json_put(j, "incident_id", request_string(incident, false));
        json_put(j, "created_at", time_json(at, p));
        json_put(j, "updated_at", time_json(at, p));
        json_put(j, "display_at", time_json(at, p));
        json_put(j, "affected_components", json_null());
        json_put(j, "deliver_notifications", json_true());
        json_put(j, "custom_tweet", json_null());
        json_put(j, "tweet_id", json_null());
        return j;
}

/* Only words that the API has. */
static const char *incident_status(const json_t *update)
{
        static const char *const states[] = {"investigating", "identified", "monitoring", "resolved",
                                             "postmortem"};

        for (size_t i = 0; i < ELEMENTSOF(states); i++)
                if (streq(states[i], item_string(update, "state")))
                        return states[i];
        return "identified";
}

/* Of a maintenance, or of an update to one. */
static const char *maintenance_status(const json_t *m)
{
        return maintenance_is_over(m)                     ? "completed"
               : streq(item_string(m, "state"), "active") ? "in_progress"
                                                          : "scheduled";
}

/* How incidents and maintenances differ. */
typedef struct EventKind {
        uint64_t created, started, ended;
        const char *(*status)(const json_t *update);
        const char *body; /* of its first update, which has no words of its own; "" */
        bool all;         /* naming no component, it is of all */
} EventKind;

static json_t *event_json(const Page *p, const json_t *item, const EventKind *kind)
{
        const json_t *updates = json_object_get(item, "updates");
        const char *id = item_string(item, "id");
        size_t n = json_array_size(updates);
        uint64_t changed = item_time(json_array_get(updates, 0), "at"), monitoring = 0;
        json_t *list = json_array(), *j = json_object();

        for (size_t i = 0; i < n; i++) {
                const json_t *update = json_array_get(updates, i);
                const char *status = kind->status(update);
                if (monitoring == 0 && streq(status, "monitoring"))
                        monitoring = item_time(update, "at");
                json_add(list, update_json(p, update, id, status, i + 1 == n ? kind->body : ""));
        }
        changed = MAX(changed, kind->ended);
        changed = MAX(changed, kind->created);
        json_put(j, "id", clean(item, "id"));
        json_put(j, "created_at", time_json(kind->created, p));
        json_put(j, "started_at", time_json(kind->started, p));
        json_put(j, "updated_at", time_json(changed, p));
        json_put(j, "monitoring_at", json_timestamp(monitoring));
        json_put(j, "resolved_at", json_timestamp(kind->ended));
        json_put(j, "shortlink", json_string(request_link(p->node_url)));
        json_put(j, "page_id", json_string(p->node_id));
        json_put(j, "incident_updates", list);
        json_put(j, "components", concerned_json(p, item, kind->all));
        json_put(j, "reminder_intervals", json_null());
        return j;
}

static const char *incident_impact(const json_t *incident)
{
        static const char *const impacts[] = {"none", "minor", "critical"};

        if (streq(item_string(incident, "impact"),
                  "maintenance")) /* which the API has for maintenance only */
                return "minor";
        for (size_t i = 0; i < ELEMENTSOF(impacts); i++)
                if (streq(impacts[i], item_string(incident, "impact")))
                        return impacts[i];
        return "major";
}

static json_t *incident_json(const Page *p, const json_t *incident)
{
        uint64_t began = item_time(incident, "began"), resolved = item_time(incident, "resolved");
        const json_t *last = json_array_get(json_object_get(incident, "updates"), 0);
        const char *status = incident_status(last);
        if (began == 0)
                began = p->since_usec;
        json_t *j = event_json(p, incident, &(EventKind){began, began, resolved, incident_status, "", false});

        if (resolved == 0 && (streq(status, "resolved") || streq(status, "postmortem")))
                status = "monitoring";
        if (resolved > 0 && !streq(status, "postmortem"))
                status = "resolved";
        json_put(j, "name", incident_name(p, incident));
        json_put(j, "status", json_string(status));
        json_put(j, "impact", json_string(incident_impact(incident)));
        return j;
}

static json_t *incidents_json(const Page *p, bool resolved_too)
{
        json_t *list = json_array();

        for (size_t i = 0; i < json_array_size(p->incidents) && json_array_size(list) < INCIDENTS_MAX; i++) {
                const json_t *incident = json_array_get(p->incidents, i);
                if (resolved_too || item_time(incident, "resolved") == 0)
                        json_add(list, incident_json(p, incident));
        }
        return list;
}

static json_t *maintenance_json(const Page *p, const json_t *m)
{
        uint64_t from = item_time(m, "from"), began = item_time(m, "began"), ended = item_time(m, "ended");
        uint64_t until = item_time(m, "until"), created = maintenance_created(p, m);
        const char *status = maintenance_status(m), *name = item_string(m, "name");
        json_t *j = event_json(p, m,
                               &(EventKind){created, began ? began : created, ended, maintenance_status,
                                            item_string(m, "body"), true});

        json_put(j, "name", *name ? clean(m, "name") : words_say(&p->words, "maintenance", NULL));
        json_put(j, "status", json_string(status));
        json_put(j, "impact", json_string("maintenance"));
        json_put(j, "scheduled_for", time_json(from ? from : began, p));
        json_put(j, "scheduled_until", json_timestamp(until ? until : ended));
        return j;
}

static json_t *maintenances_json(const Page *p, const char *const states[])
{
        json_t *list = json_array();

        for (size_t i = 0; i < json_array_size(p->maintenances) && json_array_size(list) < INCIDENTS_MAX;
             i++) {
                const json_t *m = json_array_get(p->maintenances, i);
                for (size_t s = 0; states[s]; s++)
                        if (streq(states[s], maintenance_status(m)))
                                json_add(list, maintenance_json(p, m));
        }
        return list;
}
static const char *const upcoming[] = {"scheduled", NULL};
static const char *const active[] = {"in_progress", NULL};
static const char *const not_over[] = {"in_progress", "scheduled", NULL};
static const char *const all_states[] = {"in_progress", "scheduled", "completed", NULL};

/* --- the documents --- */

static json_t *summary_json(const Page *p, const char *updated)
{
        json_t *j = json_object();

        json_put(j, "page", page_json(p, updated));
        json_put(j, "status", status_json(p));
        json_put(j, "components", components_json(p));
        json_put(j, "incidents", incidents_json(p, false));
        json_put(j, "scheduled_maintenances", maintenances_json(p, not_over));
        return j;
}

/* Beyond the API: what this node runs on, and how fresh this file is. Also read back by query(). */
static json_t *failover_json(const Page *p)
{
        json_t *j = json_object();

        json_put(j, "mode", json_string(p->mode));
        json_put(j, "first", json_boolean(p->first));
        json_put(j, "change", json_string(p->change));
        json_put(j, "since", time_json(p->since_usec, p));
        json_put(j, "message", json_string(p->message));
        json_put(j, "durable", json_boolean(p->durable));
        json_put(j, "blind", json_boolean(p->blind));
        json_put(j, "updated", json_timestamp(p->updated_usec));
        json_put(j, "fresh_for", json_integer((json_int_t) p->fresh_sec));
        return j;
}

static json_t *list_json(const Page *p, const char *updated, const char *name, json_t *list)
{
        json_t *j = json_object();

        json_put(j, "page", page_json(p, updated));
        json_put(j, name, list);
        return j;
}

static json_t *component_days_json(const json_t *component)
{
        static const char *const members[] = {"up", "degraded", "down", "maintenance", "unknown"};
        const json_t *days = json_object_get(component, "days");
        DayTotals total = days_total(days);
        json_t *j = json_object(), *list = json_array();
        int uptime = days_uptime(&total);

        for (size_t i = 0; i < json_array_size(days); i++) {
                const json_t *day = json_array_get(days, i);
                json_t *d = json_object();
                json_put(d, "date", clean(day, "date"));
                for (size_t k = 0; k < ELEMENTSOF(members); k++)
                        json_put(d, members[k], json_integer((json_int_t) item_number(day, members[k])));
                json_add(list, d);
        }
        json_put(j, "id", clean(component, "id"));
        json_put(j, "name", clean(component, "name"));
        json_put(j, "group", clean(component, "group"));
        json_put(j, "uptime_percent", uptime < 0 ? json_null() : json_real(uptime / 100.0));
        json_put(j, "known_seconds", json_integer((json_int_t) (total.up + total.degraded + total.down)));
        json_put(j, "days", list);
        return j;
}

static json_t *days_json(const Page *p)
{
        json_t *list = json_array(), *j = json_object();
        char stamp[TIMESTAMP_SIZE];

        for (size_t i = 0; i < json_array_size(p->components); i++)
                json_add(list, component_days_json(json_array_get(p->components, i)));
        json_put(j, "page", page_json(p, timestamp_format(stamp, p->updated_usec)));
        json_put(j, "counted_since", json_timestamp(item_time(p->known, "counted_since")));
        json_put(j, "components", list);
        return j;
}

int page_documents(const Page *p, const json_t *before, PageDocuments *ret)
{
        char now[TIMESTAMP_SIZE];
        const char *updated = item_string(json_object_get(before, "page"), "updated_at");
        PageDocuments d = {0};

        (void) json_failed();
        timestamp_format(now, p->updated_usec);
        d.summary = summary_json(p, *updated ? updated : now);
        if (!json_equal(d.summary, before)) {
                updated = now;
                json_put(json_object_get(d.summary, "page"), "updated_at", json_string(now));
        }

        d.status = json_object();
        json_put(d.status, "page", page_json(p, updated));
        json_put(d.status, "status", status_json(p));
        json_put(d.status, "failover", failover_json(p));
        d.components = list_json(p, updated, "components",
                                 json_incref(json_object_get(d.summary, "components")));
        d.incidents = list_json(p, updated, "incidents", incidents_json(p, true));
        d.unresolved = list_json(p, updated, "incidents",
                                 json_incref(json_object_get(d.summary, "incidents")));
        d.maintenances = list_json(p, updated, "scheduled_maintenances", maintenances_json(p, all_states));
        d.upcoming = list_json(p, updated, "scheduled_maintenances", maintenances_json(p, upcoming));
        d.active = list_json(p, updated, "scheduled_maintenances", maintenances_json(p, active));
        d.days = days_json(p);

        if (json_failed()) {
                page_documents_clear(&d);
                return -ENOMEM;
        }
        *ret = d;
        return 0;
}

void page_documents_clear(PageDocuments *d)
{
        json_decref(d->status);
        json_decref(d->summary);
        json_decref(d->components);
        json_decref(d->incidents);
        json_decref(d->unresolved);
        json_decref(d->maintenances);
        json_decref(d->upcoming);
        json_decref(d->active);
        json_decref(d->days);
        *d = (PageDocuments){0};
}
