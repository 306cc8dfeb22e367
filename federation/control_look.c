/* SPDX-License-Identifier: MIT */
/* What the control socket shows: this node and its peers. */
#include "base/clock.h"
#include "federation/announcer.h"
#include "federation/control_private.h"
#include "federation/node_rounds.h"
#include "federation/pull.h"
#include "federation/registry_text.h"
#include "federation/routes.h"

static void answer(HttpRequest *r, json_t *document)
{
        document = json_whole(document);
        if (document)
                http_reply_json(r, 200, document);
        else
                http_reply_error(r, 500, "out of memory");
}

static json_t *node_to_json(const NodeConfig *n)
{
        json_t *j = json_object();

        json_put(j, "id", json_string_or_null(n->id));
        json_put(j, "name", json_string_or_null(n->name));
        json_put(j, "url", json_string_or_null(n->url));
        json_put(j, "type", json_string(node_type_name((NodeType) n->type)));
        return j;
}

static json_t *mode_to_json(const ModeNow *m)
{
        json_t *j = json_object();

        json_put(j, "known", json_boolean(m->known));
        json_put(j, "stale", json_boolean(m->stale));
        json_put(j, "trouble", json_string_or_null(m->trouble));
        json_put(j, "mode", json_string_or_null(m->mode));
        json_put(j, "first", json_boolean(m->first));
        json_put(j, "payment", json_string_or_null(m->payment));
        json_put(j, "checkout", json_string_or_null(m->checkout));
        json_put(j, "message", json_string_or_null(m->message));
        json_put(j, "selling", json_string(m->selling));
        json_put(j, "since", m->since[0] ? json_string_or_null(m->since) : json_null());
        json_put(j, "change", m->change[0] ? json_string_or_null(m->change) : json_null());
        return j;
}

static json_t *catalog_to_json(Catalog *c)
{
        CatalogFacts x;
        json_t *j = json_object();

        catalog_facts(c, &x);
        json_put(j, "open", json_boolean(x.open));
        json_put(j, "trouble", json_string_or_null(x.trouble));
        json_put(j, "books", json_integer((json_int_t) x.books));
        json_put(j, "categories", json_integer((json_int_t) x.categories));
        json_put(j, "generation", json_integer((json_int_t) x.generation));
        json_put(j, "bytes", json_integer((json_int_t) x.bytes));
        json_put(j, "imported", json_timestamp(x.imported_usec));
        json_put(j, "searches", json_integer((json_int_t) x.searches));
        return j;
}

static json_t *peers_to_json(const Federation *f)
{
        static const PeerStatus all[] = {PEER_ACTIVE, PEER_FALLBACK, PEER_SUSPECT, PEER_FAILED};
        json_t *j = json_object();
        const Peer *healthy = peers_healthy(f->peers);

        json_put(j, "enabled", json_boolean(f->config->network.enabled));
        json_put(j, "peers", json_integer((json_int_t) peers_count(f->peers)));
        for (size_t k = 0; k < ELEMENTSOF(all); k++) {
                json_int_t n = 0;

                for (size_t i = 0; i < peers_count(f->peers); i++)
                        n += peers_at(f->peers, i)->status == all[k];
                json_put(j, peer_status_name(all[k]), json_integer(n));
        }
        json_put(j, "healthyNode", healthy ? json_string_or_null(healthy->url) : json_null());
        return j;
}

static json_t *searches_to_json(const Searcher *s)
{
        SearcherCounts x;
        json_t *j = json_object();

        searcher_counts(s, &x);
        json_put(j, "searches", json_integer((json_int_t) x.searches));
        json_put(j, "running", json_integer(x.running));
        json_put(j, "waiting", json_integer(x.waiting));
        json_put(j, "shared", json_integer((json_int_t) x.shared));
        json_put(j, "incomplete", json_integer((json_int_t) x.incomplete));
        json_put(j, "refused", json_integer((json_int_t) x.refused));
        json_put(j, "cache_hits", json_integer((json_int_t) x.cache.hits));
        json_put(j, "cache_misses", json_integer((json_int_t) x.cache.misses));
        json_put(j, "cache_bytes", json_integer((json_int_t) x.cache.bytes));
        return j;
}

void control_get_status(Control *c, HttpRequest *r, const char *rest)
{
        const Federation *f = c->f;
        uint64_t now = clock_wall_usec();
        json_t *j = json_object();

        json_put(j, "version", json_string(PROJECT_VERSION));
        json_put(j, "started", json_timestamp(f->started_wall));
        json_put(j, "uptime_s",
                 json_integer((json_int_t) ((now > f->started_wall ? now - f->started_wall : 0) /
                                            USEC_PER_SEC)));
        json_put(j, "ready", json_boolean(service_is_ready(f->service)));
        json_put(j, "node", node_to_json(&f->config->node));
        json_put(j, "identity", identity_to_json(f->identity));
        json_put(j, "documents", node_rounds_to_json(f->rounds));
        json_put(j, "registry", registry_to_json(f));
        json_put(j, "registries", announcer_to_json(f->announcer));
        json_put(j, "listen", routes_addresses(f->routes));
        json_put(j, "mode", mode_to_json(mode_file_now(f->mode)));
        json_put(j, "catalog", catalog_to_json(f->catalog));
        json_put(j, "network", peers_to_json(f));
        json_put(j, "search", searches_to_json(f->searcher));
        json_put(j, "event_streams", json_integer((json_int_t) events_listeners(f->events)));
        answer(r, j);
}

void control_get_peers(Control *c, HttpRequest *r, const char *rest)
{
        json_t *j = peers_document(c->f->peers), *row;
        size_t i;

        json_array_foreach(json_object_get(j, "peers"), i, row)
        {
                const char *id = json_string_value(json_object_get(row, "id")) ?: "";
                const Member *m = members_find(c->f->members, id);

                json_put(row, "trouble",
                         m && member_problem(m) ? json_string_or_null(member_problem(m)) : json_null());
                json_put(row, "copy", copy_document(copies_find(c->f->copies, id)));
        }
        json_put(j, "enabled", json_boolean(c->f->config->network.enabled));
        answer(r, j);
}
