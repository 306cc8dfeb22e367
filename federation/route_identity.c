/* SPDX-License-Identifier: MIT */
/* GET /.well-known/aan-node.json: who this node is, signed by its key. */
#include "base/clock.h"
#include "federation/identity.h"
#include "federation/routes.h"

void route_identity(Federation *f, HttpRequest *r, const char *rest)
{
        CatalogFacts facts;
        const char *text;
        size_t size;

        catalog_facts(f->catalog, &facts);
        text = identity_document(f->identity, facts.books, facts.categories, clock_wall_usec(), &size);
        if (!text) {
                http_reply_error(r, 500, "out of memory");
                return;
        }
        http_add_header(r, "Cache-Control", "no-cache"); /* kept, but asked about each time */
        http_reply_cached(r, "application/json", text, size, NULL);
}
