/* SPDX-License-Identifier: MIT */
/* What the public may know, put together. Every word in it is from the config's public keys or written for the public. */
#include "supervisor/public_status.h"

#include "actions/public_status.h"
#include "base/clock.h"
#include "supervisor/components.h"
#include "supervisor/public_record.h"
#include "supervisor/tally.h"

static bool is_worked_on(const Bulletin *const *on, size_t n, const char *component)
{
        for (size_t i = 0; i < n; i++)
                if (maintenance_covers(on[i], component))
                        return true;
        return false;
}

void public_status_count(Manager *m)
{
        const ModeState *s = engine_state(m->engine);
        bool blind = schedule_blind(engine_schedule(m->engine));
        ComponentState *states = calloc(m->config->n_components, sizeof(*states));
        const Bulletin *on[MAINTENANCES_MAX];
        size_t n_on;

        if (!states)
                return; /* the next turn counts this one's time, too */
        n_on = maintenances_on(&m->record->bulletins, on);
        for (unsigned i = 0; i < m->config->n_components; i++)
                states[i] = is_worked_on(on, n_on, m->config->components[i].id)
                                            ? COMPONENT_MAINTENANCE
                                            : component_judge(m->config, s, blind, i);
        tally_count(m->tally, states, manager_now(m), clock_wall_usec());
        free(states);
}

static json_t *node_to_json(const Config *c)
{
        json_t *j = json_object();

        json_put(j, "id", json_string(c->node.id));
        json_put(j, "name", json_string_or_null(c->node.name));
        json_put(j, "url", json_string_or_null(c->node.url));
        return j;
}

static json_t *mode_to_json(const Manager *m)
{
        const ModeState *s = engine_state(m->engine);
        const ModeSettings *mode = &m->config->modes[s->mode];
        json_t *j = json_object();

        json_put(j, "name", json_string(mode->name));
        json_put(j, "first", json_boolean(s->mode == 0));
        json_put(j, "payment", json_string(mode->payment));
        json_put(j, "message", json_string_or_null(mode->message));
        json_put(j, "since", json_timestamp(engine_since_wall(m->engine)));
        json_put(j, "change", json_string(engine_change_id(m->engine)));
        json_put(j, "durable", json_boolean(store_is_durable(m->store)));
        return j;
}

static json_t *component_to_json(Manager *m, unsigned i, uint64_t wall)
{
        const ComponentConfig *c = &m->config->components[i];
        json_t *j = json_object();

        json_put(j, "id", json_string(c->id));
        json_put(j, "name", json_string_or_null(c->name));
        json_put(j, "description", json_string_or_null(c->description));
        json_put(j, "group", json_string_or_null(c->group));
        json_put(j, "state", json_string(component_state_name(tally_state(m->tally, i))));
        json_put(j, "since", json_timestamp(tally_since(m->tally, i)));
        json_put(j, "days", tally_days(m->tally, i, wall));
        return j;
}

static json_t *components_to_json(Manager *m, uint64_t wall)
{
        json_t *list = json_array();

        for (unsigned i = 0; i < m->config->n_components; i++)
                json_add(list, component_to_json(m, i, wall));
        return list;
}

json_t *public_status_document(Manager *m)
{
        const ModeState *s = engine_state(m->engine);
        bool blind = schedule_blind(engine_schedule(m->engine));
        uint64_t wall = clock_wall_usec(), first;
        json_t *j = json_object();

        first = tally_first(m->tally, wall);
        json_put(j, "node", node_to_json(m->config));
        json_put(j, "made", json_timestamp(wall));
        json_put(j, "fresh_for", json_integer(PUBLIC_STATUS_FRESH_SEC));
        json_put(j, "mode", mode_to_json(m));
        json_put(j, "selling", json_string(selling_name(selling_judge(m->config, s, blind))));
        json_put(j, "blind", json_boolean(blind));
        json_put(j, "counted_since", json_timestamp(first > 0 ? first : wall - wall % USEC_PER_DAY));
        json_put(j, "components", components_to_json(m, wall));
        json_put(j, "incidents", bulletins_to_json(&m->record->bulletins, BULLETIN_INCIDENT));
        json_put(j, "maintenances", bulletins_to_json(&m->record->bulletins, BULLETIN_MAINTENANCE));
        return json_whole(j);
}
