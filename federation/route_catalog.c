/* SPDX-License-Identifier: MIT */
/* The shop itself: its books one by one and all together, what it is, how much it has. */
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "federation/routes.h"

#include <inttypes.h>

#define PAGE            1000
#define PAGE_MAX        10000
#define PAGE_BYTES_MAX  (8 << 20) /* a page ends before; its `limit` says where */
#define PAGE_OFFSET_MAX 100000000
#define PAGES_BYTES_MAX \
        (64 << 20) /* of answers that have not been taken yet, all together: then no more pages */

/* An ETag that another answer never has: what the catalog was, and what this node says of itself. */
static void reply_of_generation(Federation *f, HttpRequest *r, const Text *t, uint64_t generation,
                                unsigned limit, unsigned offset)
{
        char etag[100];

        if (t->failed) {
                http_reply_error(r, 500, "out of memory");
                return;
        }
        snprintf(etag, sizeof(etag), "%" PRIx64 "-%" PRIu64 "-%u-%u", routes_epoch(f->routes), generation,
                 limit, offset);
        http_add_header(r, "Cache-Control", "no-cache");
        http_reply_cached(r, "application/json", t->data, t->size, etag);
}

/* --- a page of books --- */

/* How many there was room for. */
static size_t add_page(Text *t, const Federation *f, const CatalogAnswer *a)
{
        Seller seller = federation_seller(f);
        size_t i;

        for (i = 0; i < a->n_listings && t->size < PAGE_BYTES_MAX; i++) {
                if (i > 0)
                        text_add_string(t, ",");
                listing_print(t, &a->listings[i], &seller);
        }
        return i;
}

/* Whoever asks for large pages and takes them slowly takes nobody's memory but this. */
static bool has_room(const Federation *f)
{
        HttpLimitsCounts counts;

        routes_limits(f->routes, &counts);
        return counts.answer_bytes < PAGES_BYTES_MAX;
}

static void answer_page(Wait *w, const CatalogAnswer *a)
{
        if (!has_room(w->f)) {
                route_unavailable(w->request, "busy: too many pages are on their way already");
                return;
        }
        _cleanup_text_ Text books = {0}, t = {0};
        size_t n = add_page(&books, w->f, a);

        text_add_string(&t, "{\"success\":true,\"store\":");
        text_add_string(&t, routes_store(w->f->routes));
        text_add(&t,
                 ",\"totalBooks\":%" PRIu64 ",\"offset\":%u,\"limit\":%zu,\"generation\":%" PRIu64
                 ",\"books\":[",
                 a->total, w->offset, n < a->n_listings ? n : w->limit, a->generation);
        text_add_bytes(&t, books.data ?: "", books.size);
        text_add_string(&t, "]}");
        t.failed = t.failed || books.failed;
        reply_of_generation(w->f, w->request, &t, a->generation, w->limit, w->offset);
}

void route_catalog(Federation *f, HttpRequest *r, const char *rest)
{
        unsigned limit = 0, offset = 0;
        Error e;

        int n = question_number(http_query(r, "limit"), "limit", PAGE, 1, PAGE_MAX, true, &limit, &e);
        if (n == 0)
                n = question_number(http_query(r, "offset"), "offset", 0, 0, PAGE_OFFSET_MAX, false, &offset,
                                    &e);
        if (n == 0)
                n = question_brand(http_query(r, "brand"), &e);
        if (n < 0) {
                http_reply_error(r, 400, "%s", e.text);
                return;
        }
        if (!has_room(f)) {
                route_unavailable(r, "busy: too many pages are on their way already");
                return;
        }
        Wait *w = wait_new(f, r, answer_page);
        if (!w)
                return;
        w->limit = limit;
        w->offset = offset;
        wait_begun(w, catalog_list(f->catalog, limit, offset, wait_answered, w, &w->ask));
}

/* --- one book --- */

static void answer_book(Wait *w, const CatalogAnswer *a)
{
        _cleanup_text_ Text t = {0};
        Seller seller = federation_seller(w->f);

        if (a->n_listings == 0) {
                http_reply_error(w->request, 404, "no such book");
                return;
        }
        text_add_string(&t, "{\"success\":true,\"book\":");
        listing_print_book(&t, &a->listings[0], &seller);
        text_add_string(&t, "}");
        reply_of_generation(w->f, w->request, &t, a->generation, 1, 0);
}

const char *route_own_id(const Federation *f, const char *id)
{
        const NodeConfig *n = &f->config->node;
        size_t a = strlen(n->id), b = strlen(n->brand);

        if (strncmp(id, n->id, a) == 0 && id[a] == '-' && strncmp(id + a + 1, n->brand, b) == 0 &&
            id[a + 1 + b] == '-' && id[a + b + 2])
                return id + a + b + 2;
        return id;
}

void route_book(Federation *f, HttpRequest *r, const char *rest)
{
        const char *id = *rest ? route_own_id(f, rest + 1) : "";

        if (!*id) {
                http_reply_error(r, 404, "which book? /api/book/<id>");
                return;
        }
        if (strlen(id) > LISTING_ID_MAX) {
                http_reply_error(r, 404, "no such book");
                return;
        }
        Wait *w = wait_new(f, r, answer_book);
        if (w)
                wait_begun(w, catalog_get(f->catalog, id, wait_answered, w, &w->ask));
}

/* --- the shop --- */

void route_store(Federation *f, HttpRequest *r, const char *rest)
{
        _cleanup_text_ Text t = {0};

        text_add_string(&t, "{\"success\":true,\"store\":");
        text_add_string(&t, routes_store(f->routes));
        text_add_string(&t, "}");
        if (t.failed) {
                http_reply_error(r, 500, "out of memory");
                return;
        }
        http_add_header(r, "Cache-Control", "no-cache");
        http_reply_cached(r, "application/json", t.data, t.size, NULL);
}

/* The names alone, most books first. */
static json_t *category_names(const Federation *f)
{
        const char *text = catalog_categories(f->catalog), *key;
        _cleanup_json_ json_t *counts = NULL;
        json_t *names = json_array(), *n;

        if (json_parse(text, strlen(text), &counts, NULL) == 0)
                json_object_foreach(counts, key, n) json_add(names, json_string_or_null(key));
        return names;
}

json_t *stats_document(const Federation *f)
{
        CatalogFacts facts;
        json_t *stats = json_object(), *d = json_object();

        catalog_facts(f->catalog, &facts);
        json_put(stats, "totalBooks", json_integer((json_int_t) facts.books));
        json_put(stats, "totalBrands", json_integer(1));
        json_put(stats, "totalCollections", json_integer(0));
        json_put(stats, "totalCategories", json_integer((json_int_t) facts.categories));
        json_put(stats, "categories", category_names(f));
        json_put(stats, "networkStatus", json_string(f->config->network.enabled ? "active" : "disabled"));
        json_put(stats, "peers", json_integer((json_int_t) peers_count(f->peers)));
        json_put(stats, "generation", json_integer((json_int_t) facts.generation));
        json_put(stats, "lastUpdated", json_timestamp(facts.imported_usec));
        json_put(stats, "apiVersion", json_string("1.0"));
        json_put(d, "success", json_true());
        json_put(d, "store", json_string_or_null(f->config->node.id));
        json_put(d, "stats", stats);
        return json_whole(d);
}

static void answer_stats(Wait *w, const CatalogAnswer *a)
{
        route_reply_document(w->request, stats_document(w->f));
}

/* What is known already. Who comes first, by a socket that systemd holds, say, waits until the catalog is open. */
void route_stats(Federation *f, HttpRequest *r, const char *rest)
{
        CatalogFacts facts;

        catalog_facts(f->catalog, &facts);
        if (facts.open)
                route_reply_document(r, stats_document(f));
        else if (*facts.trouble)
                route_unavailable(r, "the catalog cannot answer: %s", facts.trouble);
        else {
                Wait *w = wait_new(f, r, answer_stats);

                if (w)
                        wait_begun(w, catalog_list(f->catalog, 1, 0, wait_answered, w, &w->ask));
        }
}

void route_reply_document(HttpRequest *r, json_t *document)
{
        _cleanup_json_ json_t *owned = document;
        _cleanup_free_ char *text = NULL;

        if (!document || json_print(document, &text) < 0) {
                http_reply_error(r, 500, "out of memory");
                return;
        }
        http_add_header(r, "Cache-Control", "no-cache");
        http_reply_cached(r, "application/json", text, strlen(text), NULL);
}

/* Somebody looks whether we are there. What they say of themselves tells us nothing: their address is not in it. */
void route_ping(Federation *f, HttpRequest *r, const char *rest)
{
        _cleanup_json_ json_t *asked = NULL;
        size_t size;
        const char *body = http_body(r, &size);
        Error e;

        if (size > 0 && json_parse(body, size, &asked, &e) < 0) {
                http_reply_error(r, 400, "the body is no JSON: %s", e.text);
                return;
        }
        if (asked && !json_is_object(asked)) {
                http_reply_error(r, 400, "the body is no JSON object");
                return;
        }
        json_t *d = json_object();
        json_put(d, "success", json_true());
        json_put(d, "store", json_string_or_null(f->config->node.id));
        json_put(d, "status", json_string("active"));
        json_put(d, "timestamp", json_timestamp(clock_wall_usec()));
        json_put(d, "message", json_string("this store is open and part of the network"));
        http_reply_json(r, 200, json_whole(d));
}
