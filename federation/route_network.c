/* SPDX-License-Identifier: MIT */
/* Who belongs to the network, and how they are. */
#include "base/clock.h"
#include "base/json.h"
#include "federation/routes.h"
#include "federation/store_document.h"

#define UPDATED_USEC USEC_PER_MIN /* `updated` of a registry in which nothing has changed grows so often */

static json_t *nodes(const Federation *f)
{
        json_t *list = json_array();
        CatalogFacts facts;

        catalog_facts(f->catalog, &facts);
        json_add(list, node_of_node(f->config, &facts));
        for (size_t i = 0; i < peers_count(f->peers); i++)
                json_add(list, node_of_peer(peers_at(f->peers, i)));
        return list;
}

static json_t *success_with(const char *key, json_t *value)
{
        json_t *d = json_object();

        json_put(d, "success", json_true());
        json_put(d, key, value);
        return json_whole(d);
}

void route_nodes(Federation *f, HttpRequest *r, const char *rest)
{
        route_reply_document(r, success_with("nodes", nodes(f)));
}

/* The names that cooperative markets know, beside ours. */
static void add_market_names(json_t *node, const char *url, const char *id, const char *region,
                             const char *contact, uint64_t seen_usec)
{
        json_put(node, "nodeUrl", json_string_or_null(url));
        json_put(node, "nodeId", json_string_or_null(id));
        json_put(node, "region", json_string_or_null(region ?: ""));
        json_put(node, "contactEmail", json_string_or_null(contact ?: ""));
        json_put(node, "lastSyncAt", json_timestamp(seen_usec));
}

void route_federation_nodes(Federation *f, HttpRequest *r, const char *rest)
{
        const NodeConfig *n = &f->config->node;
        json_t *list = nodes(f);

        for (size_t i = 0; i < json_array_size(list); i++) {
                json_t *node = json_array_get(list, i);

                if (i == 0)
                        add_market_names(node, n->url, n->id, n->location, n->contact, 0);
                else {
                        const Peer *p = peers_at(f->peers, i - 1);

                        add_market_names(node, p->url, p->id, NULL, NULL, p->seen_usec);
                }
        }
        route_reply_document(r, success_with("nodes", list));
}

static bool is_online(const Peer *p)
{
        return p->seen_usec > 0 && (p->status == PEER_ACTIVE || p->status == PEER_FALLBACK);
}

static json_t *health_of(const Peer *p)
{
        json_t *row = json_object();

        json_put(row, "node", json_string_or_null(p->url));
        json_put(row, "status", json_string(is_online(p) ? "ONLINE" : "OFFLINE"));
        json_put(row, "listings", json_integer((json_int_t) p->listings));
        json_put(row, "transactions", json_integer(0));
        json_put(row, "users", json_integer(0));
        json_put(row, "lastSync", json_timestamp(p->seen_usec));
        json_put(row, "error",
                 *p->error          ? json_string_or_null(p->error)
                 : p->seen_usec > 0 ? json_null()
                                    : json_string("has not been asked yet"));
        return row;
}

void route_federation_status(Federation *f, HttpRequest *r, const char *rest)
{
        json_t *d = json_object(), *rows = json_array();

        for (size_t i = 0; i < peers_count(f->peers); i++)
                json_add(rows, health_of(peers_at(f->peers, i)));
        json_put(d, "federationHealth", rows);
        route_reply_document(r, json_whole(d));
}

/* --- the registry --- */

static json_t *stores(const Federation *f)
{
        json_t *list = json_array();

        json_add(list, store_of_node(f->config));
        for (size_t i = 0; i < peers_count(f->peers); i++)
                json_add(list, store_of_peer(peers_at(f->peers, i)));
        return list;
}

static json_t *network_stats(const Federation *f)
{
        CatalogFacts facts;
        uint64_t books, active = 1;

        catalog_facts(f->catalog, &facts);
        books = facts.books;
        for (size_t i = 0; i < peers_count(f->peers); i++) {
                const Peer *p = peers_at(f->peers, i);

                books += p->listings;
                active += is_online(p);
        }
        return json_pack("{s:I, s:I, s:I, s:I}", "totalStores", (json_int_t) peers_count(f->peers) + 1,
                         "activeStores", (json_int_t) active, "totalBooks", (json_int_t) books,
                         "totalCategories", (json_int_t) facts.categories);
}

/* Without `updated`. */
json_t *registry_document(const Federation *f)
{
        json_t *d = json_object();

        json_put(d, "version", json_string("1.0"));
        json_put(d, "protocol", json_string("AAN/1.0"));
        json_put(d, "network", json_string("AAN"));
        json_put(d, "nodes", nodes(f));
        json_put(d, "stores", stores(f));
        json_put(d, "connections", json_array());
        json_put(d, "networkStats", network_stats(f));
        return json_whole(d);
}

void route_registry(Federation *f, HttpRequest *r, const char *rest)
{
        _cleanup_json_ json_t *d = registry_document(f);
        _cleanup_free_ char *text = NULL;

        if (!d || json_print(d, &text) < 0) {
                http_reply_error(r, 500, "out of memory");
                return;
        }
        json_put(d, "updated", json_timestamp(routes_registry_updated(f->routes, text, UPDATED_USEC)));
        route_reply_document(r, json_whole(json_incref(d)));
}
