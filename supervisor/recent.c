/* SPDX-License-Identifier: MIT */
/* The last changes, for the status page. */
#include "supervisor/recent.h"

static bool is_known(const Manager *m, const json_t *id)
{
        json_t *item;
        size_t i;

        json_array_foreach(m->recent, i, item)
        {
                if (json_equal(json_object_get(item, "id"), id))
                        return true;
        }
        return false;
}

void recent_on_read(int r, json_t *result, void *userdata)
{
        Manager *m = userdata;
        json_t *known = r < 0 ? NULL : json_object_get(result, "changes"), *item;
        size_t i;

        /* What has happened since the question is newer; some of it may be in the answer. */
        json_array_foreach(known, i, item)
        {
                if (json_array_size(m->recent) < RECENT_CHANGES && !is_known(m, json_object_get(item, "id")))
                        json_array_append(m->recent, item);
        }
        manager_refresh(m);
}

void recent_add(Manager *m, const ChangeRecord *change)
{
        json_t *j = json_object();

        json_put(j, "id", json_string(change->id));
        json_put(j, "at", json_timestamp(change->at_usec));
        json_put(j, "from", json_string(change->from));
        json_put(j, "to", json_string(change->to));
        json_put(j, "cause", json_string_or_null(change->cause));
        json_put(j, "automatic", json_boolean(change->automatic));
        json_array_insert_new(m->recent, 0, json_whole(j)); /* without memory the page does without it */
        if (json_array_size(m->recent) > RECENT_CHANGES)
                json_array_remove(m->recent, RECENT_CHANGES);
}

const char *recent_latest(const Manager *m)
{
        const char *id = json_string_value(json_object_get(json_array_get(m->recent, 0), "id"));
        return id ? id : "";
}
