/* SPDX-License-Identifier: MIT */
/* Catalogs as a whole: ours for others, and others' for us. */
#include "base/json.h"
#include "federation/export.h"
#include "federation/pull.h"
#include "federation/routes.h"

static void answer_export(Wait *w, const CatalogAnswer *a)
{
        exporter_serve(w->f->exporter, w->request, a->generation);
}

/* The catalog is asked first, so that what is served is what it is now. */
void route_export(Federation *f, HttpRequest *r, const char *rest)
{
        Wait *w = wait_new(f, r, answer_export);

        if (w)
                wait_begun(w, catalog_list(f->catalog, 1, 0, wait_answered, w, &w->ask));
}

/* {"sourceUrl", "force"?} */
void route_pull(Federation *f, HttpRequest *r, const char *rest)
{
        _cleanup_json_ json_t *asked = NULL;
        size_t size;
        const char *body = http_body(r, &size), *url;
        const json_t *force;
        Error e;

        if (json_parse(body, size, &asked, &e) < 0) {
                http_reply_error(r, 400, "the body is no JSON: %s", e.text);
                return;
        }
        url = json_string_value(json_object_get(asked, "sourceUrl"));
        force = json_object_get(asked, "force");
        if (!url || (force && !json_is_boolean(force) && !json_is_null(force)))
                http_reply_error(r, 400,
                                 "{\"sourceUrl\": \"https://…\"} is wanted, and perhaps \"force\": true");
        else
                puller_serve(f->puller, r, url, json_is_true(force));
}

/* For cron: all of them; those that were fetched a moment ago are left out, and those that are on their way counted. */
void route_sync(Federation *f, HttpRequest *r, const char *rest)
{
        unsigned n = 0;

        if (streq(http_method(r), "GET")) /* HEAD only looks */
                n = puller_sync(f->puller, false, false);
        http_reply_json(r, 202, json_pack("{s:b, s:i}", "success", 1, "started", (int) n));
}
