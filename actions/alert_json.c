/* SPDX-License-Identifier: MIT */
/* A plain document, {"type", "id", "timestamp", "data"}, for receivers of one's own. */
#include "actions/alert.h"

static int alert_json_write(const AlertMessage *m, Text *body, Headers *headers)
{
        _cleanup_json_ json_t *j = request_facts(m->facts);
        _cleanup_free_ char *text = NULL;

        json_t *data = json_object_get(j, "data");
        if (!data)
                return -ENOMEM;
        json_put(data, "title", json_string(m->title));
        json_put(data, "text", json_string(m->body));
        int r = json_print(j, &text);
        if (r < 0)
                return r;
        text_add_string(body, text);
        return 0;
}

const AlertFormat alert_json = {
                .name = "json",
                .content_type = "application/json",
                .write = alert_json_write,
};
