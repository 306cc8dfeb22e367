/* SPDX-License-Identifier: MIT */
/* Puts the registry together. */
#include "federation/registry_text.h"

#include "base/clock.h"
#include "federation/inbox.h"
#include "federation/json_clean.h"
#include "federation/routes.h"
#include "federation/store_document.h"

#define JOINED_MAX 64

/* --- pieces --- */

static void add_string(Text *t, const char *key, const char *value)
{
        text_add(t, ",\"%s\":", key);
        text_add_json(t, value);
}

static void add_or_null(Text *t, const char *key, const char *value)
{
        if (*value)
                add_string(t, key, value);
        else
                text_add(t, ",\"%s\":null", key);
}

static void add_time(Text *t, const char *key, uint64_t usec)
{
        char buffer[TIMESTAMP_SIZE];

        add_or_null(t, key, usec > 0 ? timestamp_format(buffer, usec) : "");
}

static void add_api(Text *t, const char *url)
{
        text_add_string(t, ",\"api\":");
        text_add_json(t, url);
        if (!t->failed)
                t->data[--t->size] = '\0'; /* its closing quote */
        text_add_string(t, "/api\"");
}

static void add_document(Text *t, json_t *document)
{
        _cleanup_json_ json_t *d = document;
        _cleanup_free_ char *text = NULL;

        if (d && json_print(d, &text) >= 0)
                text_add_string(t, text);
        else
                t->failed = true;
}

/* --- a node --- */

const char *registry_status(const Federation *f, const Member *member)
{
        const Peer *peer;
        NodeFallback fallback;

        if (!member_is_accepted(member))
                return member_state_name(member->state);
        peer = peers_find(f->peers, member->id);
        if (peer)
                return peer_status_name(peer->status);
        /* Beyond search_max: nobody asks it. */
        return peer_status_name(inbox_fallback(f->inbox, member->id, &fallback) ? PEER_FALLBACK
                                                                                : PEER_SUSPECT);
}

/* What is said here, whatever the node says; the rest of its document is passed on. */
static const char *const ours[] = {"id",     "name",     "url",      "fallbackUrl", "onionUrl",    "type",
                                   "status", "verified", "operator", "location",    "revenueShare"};
static const char *const markets[] = {"nodeUrl", "nodeId", "region", "contactEmail", "lastSyncAt"};

typedef struct Passed { /* of what must be there, what was */
        bool api, methods, catalog, joined;
} Passed;

static bool is_one_of(JsonSlice key, const char *const words[], size_t n)
{
        for (size_t i = 0; i < n; i++) {
                size_t size = strlen(words[i]);

                if (key.size == size + 2 && memcmp(key.s + 1, words[i], size) == 0)
                        return true;
        }
        return memchr(key.s, '\\', key.size) !=
               NULL; /* none of ours needs an escape: it may be read as one */
}

/* Is it one of those that must be there, and of the right kind? false: it is left out. */
static bool note_passed(Passed *p, JsonSlice key, JsonSlice value)
{
        const struct {
                const char *word;
                char first;
                bool *there;
        } all[] = {{"api", '"', &p->api},
                   {"paymentMethods", '[', &p->methods},
                   {"catalog", '{', &p->catalog},
                   {"joined", '"', &p->joined}};

        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                if (is_one_of(key, &all[i].word, 1)) {
                        *all[i].there = json_slice_is(value, all[i].first) &&
                                        (all[i].there != &p->joined || value.size <= JOINED_MAX);
                        return *all[i].there;
                }
        return true;
}

static Passed pass_on(Text *t, const NodeDocument *d, bool market)
{
        JsonWalk w = json_walk((JsonSlice){d->text, d->text_size});
        JsonSlice key, value;
        Passed p = {0};

        while (json_walk_member(&w, &key, &value)) {
                if (is_one_of(key, ours, ELEMENTSOF(ours)) ||
                    (market && is_one_of(key, markets, ELEMENTSOF(markets))))
                        continue;
                if (!json_links_are_http(value, json_is_url_key(key)) || !json_numbers_are_common(value) ||
                    !note_passed(&p, key, value))
                        continue;
                text_add_bytes(t, ",", 1);
                json_clean_string(t, key, JSON_CLEAN_MAX);
                text_add_bytes(t, ":", 1);
                json_clean_nested(t, value);
        }
        return p;
}

static void add_head(Text *t, const Federation *f, const Member *m)
{
        const NodeDocument *d = m->document;
        NodeType type = m->config ? (NodeType) m->config->type : d->type;

        text_add_string(t, "{\"id\":");
        text_add_json(t, m->id);
        add_string(t, "name", member_name(m));
        add_string(t, "url", member_url(m));
        text_add(t, ",\"type\":\"%s\",\"status\":\"%s\",\"verified\":%s", node_type_name(type),
                 registry_status(f, m), m->proven ? "true" : "false");
}

/* The members of stores[] and nodes[] that are the same for all. */
static void add_rest(Text *t, const Federation *f, const Member *m, const Peer *peer)
{
        const NodeDocument *d = m->document;
        unsigned share = member_share(m);
        NodeFallback fallback;

        if (inbox_fallback(f->inbox, m->id, &fallback)) /* its last word */
                add_or_null(t, "fallbackUrl", fallback.url);
        else
                add_or_null(t, "fallbackUrl", d ? d->fallback_url : "");
        add_or_null(t, "onionUrl", d ? d->onion_url : "");
        text_add(t, ",\"revenueShare\":{\"accepts\":%s,\"percentage\":%u}",
                 share > 0 || (d && d->accepts_share) ? "true" : "false", share);
        add_string(t, "operator", d ? d->operator_name : "");
        add_string(t, "location", d ? d->location : "");
}

void registry_add_node(Text *t, const Federation *f, const Member *m, bool market)
{
        const Peer *peer = peers_find(f->peers, m->id);
        Passed p = {0};

        add_head(t, f, m);
        add_rest(t, f, m, peer);
        if (m->document)
                p = pass_on(t, m->document, market);
        if (!p.api)
                add_api(t, member_url(m));
        if (!p.methods)
                text_add_string(t, ",\"paymentMethods\":[]");
        if (!p.catalog)
                text_add(t, ",\"catalog\":{\"totalBooks\":%llu}",
                         (unsigned long long) (peer ? peer->listings : 0));
        if (!p.joined)
                add_time(t, "joined", m->registered_usec);
        if (market) {
                add_string(t, "nodeUrl", member_url(m));
                add_string(t, "nodeId", m->id);
                add_string(t, "region", m->document ? m->document->location : "");
                add_string(t, "contactEmail",
                           m->document && strchr(m->document->operator_name, '@') ? m->document->operator_name
                                                                                  : "");
                add_time(t, "lastSyncAt", peer ? peer->seen_usec : 0);
        }
        text_add_string(t, "}");
}

static void add_self(Text *t, const Federation *f, bool market)
{
        const NodeConfig *n = &f->config->node;
        CatalogFacts facts;

        catalog_facts(f->catalog, &facts);
        add_document(t, node_of_node(f->config, &facts));
        if (!market || t->failed)
                return;
        t->data[--t->size] = '\0'; /* its closing brace */
        add_string(t, "nodeUrl", n->url);
        add_string(t, "nodeId", n->id);
        add_string(t, "region", n->location ?: "");
        add_string(t, "contactEmail", n->contact ?: "");
        text_add_string(t, ",\"lastSyncAt\":null}");
}

void registry_add_nodes(Text *t, const Federation *f, bool market)
{
        text_add_string(t, "[");
        add_self(t, f, market);
        for (size_t i = 0; i < members_count(f->members); i++) {
                const Member *m = members_at(f->members, i);

                if (m->state == MEMBER_BANNED)
                        continue;
                text_add_string(t, ",");
                registry_add_node(t, f, m, market);
        }
        text_add_string(t, "]");
}

/* --- the whole --- */

static void add_store(Text *t, const Federation *f, const Member *m)
{
        const NodeDocument *d = m->document;

        add_head(t, f, m);
        add_api(t, member_url(m));
        add_time(t, "joined", m->registered_usec);
        text_add_string(t, ",\"tagline\":\"\",\"specialties\":[],\"features\":[]");
        add_string(t, "owner", d ? d->operator_name : "");
        text_add_string(t, ",\"contact\":\"\"}");
}

static void add_stores(Text *t, const Federation *f)
{
        text_add_string(t, ",\"stores\":[");
        add_document(t, store_of_node(f->config));
        for (size_t i = 0; i < members_count(f->members); i++) {
                const Member *m = members_at(f->members, i);

                if (!member_is_accepted(m))
                        continue;
                text_add_string(t, ",");
                add_store(t, f, m);
        }
        text_add_string(t, "]");
}

static void add_stats(Text *t, const Federation *f)
{
        uint64_t books, active = 1, stores = 1;
        CatalogFacts facts;

        catalog_facts(f->catalog, &facts);
        books = facts.books;
        for (size_t i = 0; i < peers_count(f->peers); i++) {
                const Peer *p = peers_at(f->peers, i);

                books += p->listings;
                active += peer_is_online(p);
        }
        for (size_t i = 0; i < members_count(f->members); i++)
                stores += member_is_accepted(members_at(f->members, i));
        text_add(t,
                 ",\"networkStats\":{\"totalStores\":%llu,\"activeStores\":%llu,\"totalBooks\":%llu,"
                 "\"totalCategories\":%llu}",
                 (unsigned long long) stores, (unsigned long long) active, (unsigned long long) books,
                 (unsigned long long) facts.categories);
}

void registry_add(Text *t, const Federation *f, uint64_t updated_usec)
{
        text_add_string(t, "{\"version\":\"1.0\",\"protocol\":\"AAN/1.0\",\"network\":\"AAN\",\"nodes\":");
        registry_add_nodes(t, f, false);
        add_stores(t, f);
        text_add_string(t, ",\"connections\":[]");
        add_stats(t, f);
        add_time(t, "updated", updated_usec);
        text_add_string(t, "}");
}

static uint64_t mix(uint64_t h, uint64_t v)
{
        h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
        return h ^ h >> 32;
}

uint64_t registry_stamp(const Federation *f)
{
        uint64_t h = members_serial(f->members);
        CatalogFacts facts;

        catalog_facts(f->catalog, &facts);
        h = mix(mix(h, facts.books), facts.categories);
        h = mix(h, inbox_generation(f->inbox));
        h = mix(h, f->routes ? routes_epoch(f->routes) : 0);
        for (size_t i = 0; i < peers_count(f->peers); i++) {
                const Peer *p = peers_at(f->peers, i);

                h = mix(mix(h, p->status), p->listings);
                h = mix(h, p->fallback_since_usec + (p->seen_usec > 0));
        }
        return h;
}
