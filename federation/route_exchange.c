/* SPDX-License-Identifier: MIT */
/* Catalogs as a whole: ours for others, and others' for us. */
#include "federation/export.h"
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
