/* SPDX-License-Identifier: MIT */
/* The status page, as failoverd writes it. */
#include "federation/routes.h"

void route_status(Federation *f, HttpRequest *r, const char *rest)
{
        if (!*rest) { /* what the page links to lies below it */
                http_add_header(r, "Location", "status/");
                http_reply(r, 308, NULL, NULL, 0);
                return;
        }
        status_files_serve(f->status, r, rest + 1);
}
