/* SPDX-License-Identifier: MIT */
/* The status page for programs: api/v2/{status,summary,components,incidents}.json in the shape of Statuspage's API, so that
 * what reads those (dashboards, chat bots, status aggregators) reads this. */
#include "actions/status_page.h"

#define INCIDENTS_MAX 50

static const char *part_status(PartState state)
{
        switch (state) {
        case PART_UP:
                return "operational";
        case PART_DOWN:
                return "major_outage";
        default: /* the API has no word for "not known"; "operational" would be a promise */
                return "degraded_performance";
        }
}

static json_t *time_json(uint64_t usec, const Page *p)
{
        return json_timestamp(usec ? usec : p->updated_usec);
}

static json_t *page_json(const Page *p, const char *updated)
{
        json_t *j = json_object();
        json_put(j, "id", request_string(p->node_id, false));
        json_put(j, "name", request_string(*p->node_name ? p->node_name : p->node_id, false));
        json_put(j, "url", json_string(request_link(p->node_url)));
        json_put(j, "time_zone", json_string("Etc/UTC"));
        json_put(j, "updated_at", json_string(updated));
        return j;
}

static json_t *status_json(const Page *p)
{
        json_t *j = json_object();
        json_put(j, "indicator", json_string(level_name(p->level)));
        json_put(j, "description", request_string(p->headline, false));
        return j;
}

/* Components by id, to find what has changed since. */
static json_t *components_index(const json_t *before)
{
        const json_t *components = json_object_get(before, "components");
        json_t *index = json_object();

        for (size_t i = 0; i < json_array_size(components); i++) {
                json_t *c = json_array_get(components, i);
                json_put(index, item_string(c, "id"), json_incref(c));
        }
        return index;
}

static json_t *component_json(const Page *p, const json_t *probe, size_t position, const json_t *index)
{
        const char *name = item_string(probe, "name"), *status = part_status(probe_part_state(probe));
        const json_t *old = json_object_get(index, name);
        bool same = streq(item_string(old, "status"), status);
        uint64_t created = item_time(old, "created_at"), updated = same ? item_time(old, "updated_at") : 0;

        json_t *j = json_object();
        json_put(j, "id", request_string(name, false));
        json_put(j, "name", request_string(name, false));
        json_put(j, "status", json_string(status));
        json_put(j, "created_at", time_json(created, p));
        json_put(j, "updated_at", time_json(updated, p));
        json_put(j, "position", json_integer((json_int_t) position));
        json_put(j, "description", request_string(item_string(probe, "type"), false));
        json_put(j, "showcase", json_true());
        json_put(j, "start_date", json_null());
        json_put(j, "group_id", json_null());
        json_put(j, "page_id", request_string(p->node_id, false));
        json_put(j, "group", json_false());
        json_put(j, "only_show_if_degraded", json_false());
        return j;
}

static json_t *components_json(const Page *p, const json_t *before)
{
        const json_t *probes = page_list(p, "probes");
        json_t *list = json_array(), *index = components_index(before);
        size_t position = 0;

        for (size_t i = 0; i < json_array_size(probes); i++) {
                const json_t *probe = json_array_get(probes, i);
                if (probe_is_part(probe))
                        json_add(list, component_json(p, probe, ++position, index));
        }
        json_decref(index);
        return list;
}

/* "Switched from primary to crypto: payment-api down: HTTP 503 (3 of 5)" */
static json_t *change_words(const json_t *change)
{
        const char *from = item_string(change, "from"), *cause = item_string(change, "cause");
        _cleanup_free_ char *words =
                        string_printf("Switched %s%s%sto %s%s%s", *from ? "from " : "", from,
                                      *from ? " " : "", item_string(change, "to"), *cause ? ": " : "", cause);
        return words ? request_string(words, false) : NULL;
}

static json_t *update_json(const Page *p, const json_t *change, const char *incident, bool resolves)
{
        uint64_t at = item_time(change, "at");

        json_t *j = json_object();
        json_put(j, "id", request_string(item_string(change, "id"), false));
        json_put(j, "status", json_string(resolves ? "resolved" : "identified"));
        json_put(j, "body", change_words(change));
        json_put(j, "incident_id", request_string(incident, false));
        json_put(j, "created_at", time_json(at, p));
        json_put(j, "updated_at", time_json(at, p));
        json_put(j, "display_at", time_json(at, p));
        json_put(j, "affected_components", json_null());
        return j;
}

static json_t *incident_json(const Page *p, const Incident *incident)
{
        const json_t *newest = json_array_get(p->changes, incident->newest);
        const json_t *oldest = json_array_get(p->changes, incident->oldest);
        const char *id = item_string(oldest, "id");
        uint64_t began = item_time(oldest, "at"), changed = item_time(newest, "at");
        bool critical = !incident->resolved && p->level == LEVEL_CRITICAL;
        _cleanup_free_ char *name =
                        string_printf("The shop %s on %s instead of %s", incident->resolved ? "ran" : "runs",
                                      item_string(oldest, "to"), p->first_mode);

        json_t *updates = json_array();
        for (size_t i = incident->newest; i <= incident->oldest; i++)
                json_add(updates, update_json(p, json_array_get(p->changes, i), id,
                                              incident->resolved && i == incident->newest));
        json_t *j = json_object();
        json_put(j, "id", request_string(id, false));
        json_put(j, "name", name ? request_string(name, false) : NULL);
        json_put(j, "status", json_string(incident->resolved ? "resolved" : "identified"));
        json_put(j, "created_at", time_json(began, p));
        json_put(j, "updated_at", time_json(changed, p));
        json_put(j, "monitoring_at", json_null());
        json_put(j, "resolved_at", incident->resolved ? time_json(changed, p) : json_null());
        json_put(j, "impact", json_string(critical ? "critical" : "major"));
        json_put(j, "shortlink", json_string(request_link(p->node_url)));
        json_put(j, "started_at", time_json(began, p));
        json_put(j, "page_id", request_string(p->node_id, false));
        json_put(j, "incident_updates", updates);
        json_put(j, "components", json_array());
        return j;
}

static json_t *incidents_json(const Page *p, bool resolved_too)
{
        json_t *list = json_array();
        size_t position = 0;
        Incident incident;

        while (json_array_size(list) < INCIDENTS_MAX && page_next_incident(p, &position, &incident))
                if (resolved_too || !incident.resolved)
                        json_add(list, incident_json(p, &incident));
        return list;
}

static json_t *summary_json(const Page *p, const json_t *before, const char *updated)
{
        json_t *j = json_object();
        json_put(j, "page", page_json(p, updated));
        json_put(j, "status", status_json(p));
        json_put(j, "components", components_json(p, before));
        json_put(j, "incidents", incidents_json(p, false));
        json_put(j, "scheduled_maintenances", json_array());
        return j;
}

/* Beyond the API: what this node runs on, and how fresh this file is. Also read back by query(). */
static json_t *failover_json(const Page *p)
{
        json_t *j = json_object();
        json_put(j, "mode", request_string(p->mode, false));
        json_put(j, "first", json_boolean(p->first));
        json_put(j, "change", request_string(p->change, false));
        json_put(j, "since", time_json(p->since_usec, p));
        json_put(j, "message", request_string(p->message, false));
        json_put(j, "durable", json_boolean(p->durable));
        json_put(j, "blind", json_boolean(p->blind));
        json_put(j, "updated", json_timestamp(p->updated_usec));
        return j;
}

int page_documents(const Page *p, const json_t *before, PageDocuments *ret)
{
        char now[TIMESTAMP_SIZE];
        const char *updated = item_string(json_object_get(before, "page"), "updated_at");
        PageDocuments d = {0};

        (void) json_failed();
        timestamp_format(now, p->updated_usec);
        d.summary = summary_json(p, before, *updated ? updated : now);
        if (!json_equal(d.summary, before)) {
                updated = now;
                json_put(json_object_get(d.summary, "page"), "updated_at", json_string(now));
        }

        d.status = json_object();
        json_put(d.status, "page", page_json(p, updated));
        json_put(d.status, "status", status_json(p));
        json_put(d.status, "failover", failover_json(p));
        d.components = json_object();
        json_put(d.components, "page", page_json(p, updated));
        json_put(d.components, "components", json_incref(json_object_get(d.summary, "components")));
        d.incidents = json_object();
        json_put(d.incidents, "page", page_json(p, updated));
        json_put(d.incidents, "incidents", incidents_json(p, true));

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
        *d = (PageDocuments){0};
}
