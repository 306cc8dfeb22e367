/* SPDX-License-Identifier: MIT */
/* What a shop's front end, an edge worker or a load balancer asks: /api/health, /api/config, /events. */
#include "federation/routes.h"

void route_config(Federation *f, HttpRequest *r, const char *rest)
{
        FrontPage page = front_config(f->front);

        http_add_header(r, "Cache-Control", "no-cache"); /* kept, but asked about each time */
        http_reply_cached(r, "application/json", page.text, page.size, page.etag);
}

void route_health(Federation *f, HttpRequest *r, const char *rest)
{
        FrontPage page = front_health(f->front);

        http_add_header(r, "Cache-Control", "no-store");
        http_reply(r, page.status, "application/json", page.text, page.size);
}

void route_events(Federation *f, HttpRequest *r, const char *rest)
{
        events_join(f->events, r, 0); /* the server's limits say how many */
}
