/* SPDX-License-Identifier: MIT */
/* Who belongs to the network: the registry, for whoever asks, and how one joins it. */
#include "federation/registrar.h"
#include "federation/registry_file.h"
#include "federation/registry_text.h"
#include "federation/routes_private.h"

static void reply_nodes(const Federation *f, HttpRequest *r, bool market)
{
        _cleanup_text_ Text t = {0};

        text_add_string(&t, "{\"success\":true,\"nodes\":");
        registry_add_nodes(&t, f, market);
        text_add_string(&t, "}");
        if (t.failed)
                http_reply_error(r, 500, "out of memory");
        else
                http_reply_cached(r, "application/json", t.data, t.size, NULL);
}

void route_nodes(Federation *f, HttpRequest *r, const char *rest)
{
        reply_nodes(f, r, false);
}

void route_federation_nodes(Federation *f, HttpRequest *r, const char *rest)
{
        reply_nodes(f, r, true);
}

void route_registry(Federation *f, HttpRequest *r, const char *rest)
{
        const char *text, *etag;
        size_t size;
        int n = registry_file_text(f->registry_file, &text, &size, &etag);

        if (n == -EAGAIN) /* the configured ones alone would be taken for all there are */
                route_unavailable(r, "the registry %s%s",
                                  *members_trouble(f->members) ? "cannot be read: " : "has not been read yet",
                                  members_trouble(f->members));
        else if (n < 0)
                http_reply_error(r, 500, "out of memory");
        else
                http_reply_cached(r, "application/json", text, size, etag);
}

void route_register(Federation *f, HttpRequest *r, const char *rest)
{
        registrar_take(f->registrar, r);
}
