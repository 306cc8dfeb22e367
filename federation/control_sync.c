/* SPDX-License-Identifier: MIT */
/* Other nodes' catalogs, fetched by the operator's hand: what `failoverctl sync` begins and follows. */
#include "federation/control_private.h"
#include "federation/pull.h"

void control_get_sync(Control *c, HttpRequest *r, const char *rest)
{
        json_t *d = puller_document(c->f->puller);

        if (d)
                http_reply_json(r, 200, d);
        else
                http_reply_error(r, 500, "out of memory");
}

/* {"node"?, "force"?}; answers with the document of all, in which those are under way. */
void control_post_sync(Control *c, HttpRequest *r, const char *rest)
{
        _cleanup_json_ json_t *asked = NULL;
        size_t size;
        const char *body = http_body(r, &size), *node;
        bool force;
        int error = 0;
        Error e;

        if (size > 0 && json_parse(body, size, &asked, &e) < 0) {
                http_reply_error(r, 400, "the body is no JSON: %s", e.text);
                return;
        }
        node = json_string_value(json_object_get(asked, "node"));
        force = json_is_true(json_object_get(asked, "force"));
        if (!c->f->config->network.enabled) {
                http_reply_error(r, 409, "network.enabled is false: nobody is asked");
                return;
        }
        if (node)
                error = puller_sync_one(c->f->puller, node, force);
        else
                puller_sync(c->f->puller, force, true);
        if (error == -ENOENT)
                http_reply_error(r, 404, "no accepted node is called so");
        else if (error < 0)
                http_reply_error(r, 503, "%s", error_words(error));
        else
                control_get_sync(c, r, "");
}
