/* SPDX-License-Identifier: MIT */
/* GET /metrics: what Prometheus is told. Names as in docs/federation-http.md; nothing in it is secret. */
#include "base/metrics.h"

#include "federation/copies.h"
#include "federation/export.h"
#include "federation/identity.h"
#include "federation/inbox.h"
#include "federation/ledger.h"
#include "federation/node_rounds.h"
#include "federation/pull.h"
#include "federation/registry_text.h"
#include "federation/routes.h"

#define SECONDS(usec) ((double) (usec) / (double) USEC_PER_SEC)
#define LABELS(...)   ((const char *const[]){__VA_ARGS__, NULL})

static void add_one(Text *t, const char *name, const char *type, const char *help, double value)
{
        metric_family(t, name, type, help);
        metric_sample(t, name, value, NULL);
}

/* --- HTTP --- */

static void add_requests(const char *route, unsigned status, uint64_t n, void *userdata)
{
        char code[16];

        snprintf(code, sizeof(code), "%u", status);
        metric_sample(userdata, "federationd_http_requests_total", (double) n,
                      LABELS("route", route, "status", code));
}

static void add_http(const Federation *f, Text *t)
{
        HttpLimitsCounts c;

        metric_family(t, "federationd_http_requests_total", "counter",
                      "Requests answered, by route and status.");
        routes_count(f->routes, add_requests, t);
        routes_limits(f->routes, &c);
        add_one(t, "federationd_http_connections", "gauge", "Connections open now.", c.open);
        add_one(t, "federationd_http_connections_total", "counter", "Connections accepted.",
                (double) c.connections);
        add_one(t, "federationd_http_connections_refused_total", "counter",
                "Connections refused: too many, of one address or of all.", (double) c.refused_connections);
        add_one(t, "federationd_http_requests_refused_total", "counter",
                "Requests answered 429: too many of one address.", (double) c.refused_requests);
        add_one(t, "federationd_http_answers_bytes", "gauge", "Answers that have not all been taken yet.",
                (double) c.answer_bytes);
        add_one(t, "federationd_event_streams", "gauge", "Event streams open now, of searches too.",
                c.streams);
        add_one(t, "federationd_event_listeners", "gauge", "Listeners at /events now.",
                (double) events_listeners(f->events));
}

/* --- the catalog --- */

/* counts: each bucket on its own, n of them; the last has no bound. */
static void add_histogram(Text *t, const char *name, const char *help, const double bounds[],
                          const uint64_t counts[], size_t n, uint64_t sum_usec)
{
        char sample[128], bound[32];
        uint64_t below = 0;

        metric_family(t, name, "histogram", help);
        snprintf(sample, sizeof(sample), "%s_bucket", name);
        for (size_t i = 0; i < n; i++) {
                below += counts[i];
                snprintf(bound, sizeof(bound), "%g", i + 1 < n ? bounds[i] : 0);
                metric_sample(t, sample, (double) below, LABELS("le", i + 1 < n ? bound : "+Inf"));
        }
        snprintf(sample, sizeof(sample), "%s_sum", name);
        metric_sample(t, sample, SECONDS(sum_usec), NULL);
        snprintf(sample, sizeof(sample), "%s_count", name);
        metric_sample(t, sample, (double) below, NULL);
}

static void add_catalog(const Federation *f, Text *t)
{
        CatalogFacts c;
        const WaitCounts *w = routes_wait_counts(f->routes);

        catalog_facts(f->catalog, &c);
        add_one(t, "federationd_catalog_open", "gauge", "1 while the catalog can be asked.", c.open);
        add_one(t, "federationd_catalog_books", "gauge", "Books of this shop.", (double) c.books);
        add_one(t, "federationd_catalog_categories", "gauge", "Categories of its books.",
                (double) c.categories);
        add_one(t, "federationd_catalog_size_bytes", "gauge", "What the catalog takes on disk.",
                (double) c.bytes);
        add_one(t, "federationd_catalog_generation", "gauge", "Grows with every change of the catalog.",
                (double) c.generation);
        add_one(t, "federationd_catalog_imported_timestamp_seconds", "gauge",
                "When books were last imported; 0: never.", SECONDS(c.imported_usec));
        add_one(t, "federationd_catalog_searches_total", "counter", "Searches of the catalog.",
                (double) c.searches);
        add_one(t, "federationd_catalog_corrected_total", "counter",
                "Searches answered by words near the ones that were asked for.", (double) c.corrected);
        add_one(t, "federationd_catalog_rows_imported_total", "counter", "Rows taken by imports.",
                (double) c.rows_imported);
        add_one(t, "federationd_catalog_rows_refused_total", "counter", "Rows refused by imports.",
                (double) c.rows_refused);
        add_one(t, "federationd_catalog_waiting", "gauge", "Requests that wait for the catalog now.",
                (double) routes_waiting(f->routes));
        add_histogram(t, "federationd_local_search_duration_seconds",
                      "From the question to the answer of this shop's catalog, over HTTP.",
                      (const double[]){WAIT_BUCKETS}, w->buckets, ELEMENTSOF(w->buckets), w->usec);
}

/* --- notices --- */

static void add_notice(const char *result, uint64_t n, void *userdata)
{
        metric_sample(userdata, "federationd_notices_total", (double) n, LABELS("result", result));
}

static void add_notices(const Federation *f, Text *t)
{
        uint64_t verified, usec;

        metric_family(t, "federationd_notices_total", "counter",
                      "Notices of other nodes, by what came of them.");
        inbox_counts(f->inbox, add_notice, t);
        inbox_spent(f->inbox, &verified, &usec);
        add_one(t, "federationd_notice_signatures_total", "counter",
                "Signatures of notices that were verified.", (double) verified);
        add_one(t, "federationd_notice_signatures_seconds_total", "counter", "The time that this took.",
                SECONDS(usec));
}

/* --- the network --- */

static void add_searches(const Federation *f, Text *t)
{
        SearcherCounts s;

        searcher_counts(f->searcher, &s);
        add_one(t, "federationd_network_searches_total", "counter", "Searches of the network.",
                (double) s.searches);
        add_one(t, "federationd_network_searches_shared_total", "counter",
                "Searches that joined the same question on its way.", (double) s.shared);
        add_one(t, "federationd_network_searches_incomplete_total", "counter",
                "Searches that a peer left without its answer.", (double) s.incomplete);
        add_one(t, "federationd_network_searches_refused_total", "counter",
                "Searches refused: too many waited.", (double) s.refused);
        add_one(t, "federationd_network_fan_outs_total", "counter", "Questions put to the peers.",
                (double) s.fan_outs);
        add_one(t, "federationd_network_searches_running", "gauge", "Searches under way now.", s.running);
        add_one(t, "federationd_network_searches_waiting", "gauge", "Searches that wait for their turn now.",
                s.waiting);
        add_one(t, "federationd_network_answers_bytes", "gauge", "Answers of peers in memory now.",
                (double) s.bytes_in_flight);
        add_histogram(t, "federationd_network_search_duration_seconds",
                      "From the question to the whole answer of the network.",
                      (const double[]){SEARCH_BUCKETS}, s.buckets, ELEMENTSOF(s.buckets), s.usec);
        add_one(t, "federationd_cache_hits_total", "counter", "Searches answered from the cache.",
                (double) s.cache.hits);
        add_one(t, "federationd_cache_misses_total", "counter", "Searches that the cache knew nothing of.",
                (double) s.cache.misses);
        add_one(t, "federationd_cache_stale_total", "counter",
                "Searches whose answer in the cache was too old, or from before a catalog changed.",
                (double) s.cache.stale);
        add_one(t, "federationd_cache_evicted_total", "counter", "Answers that made room for others.",
                (double) s.cache.evicted);
        add_one(t, "federationd_cache_size_bytes", "gauge", "What the cache holds.", (double) s.cache.bytes);
        add_one(t, "federationd_cache_entries", "gauge", "Answers in the cache.", (double) s.cache.entries);
}

static void add_asked(Text *t, const Peer *p)
{
        const struct {
                const char *result;
                uint64_t n;
        } results[] = {{"answered", p->answered - p->empty},
                       {"empty", p->empty},
                       {"failed", p->failed},
                       {"timed-out", p->timed_out},
                       {"skipped", p->skipped}};

        for (size_t i = 0; i < ELEMENTSOF(results); i++)
                metric_sample(t, "federationd_peer_searches_total", (double) results[i].n,
                              LABELS("peer", p->id, "result", results[i].result));
}

#define EACH_PEER(f, p)                                                  \
        for (size_t i_ = 0, n_ = peers_count((f)->peers); i_ < n_; i_++) \
                for (const Peer *p = peers_at((f)->peers, i_), *once_ = p; once_; once_ = NULL)

static void add_peers(const Federation *f, Text *t)
{
        static const BreakerState states[] = {BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN};

        add_one(t, "federationd_peers", "gauge", "Peers that are configured.",
                (double) peers_count(f->peers));
        metric_family(t, "federationd_peer_up", "gauge", "1 when the peer's last answer was a good one.");
        EACH_PEER(f, p)
        metric_sample(t, "federationd_peer_up",
                      p->seen_usec > 0 && (p->status == PEER_ACTIVE || p->status == PEER_FALLBACK),
                      LABELS("peer", p->id));
        metric_family(t, "federationd_peer_searches_total", "counter",
                      "Searches that concerned the peer, by what came of asking it.");
        EACH_PEER(f, p)
        add_asked(t, p);
        metric_family(t, "federationd_peer_breaker", "gauge",
                      "1 for the state of the peer's breaker, 0 for the others.");
        EACH_PEER(f, p)
        for (size_t s = 0; s < ELEMENTSOF(states); s++)
                metric_sample(t, "federationd_peer_breaker", p->breaker.state == states[s],
                              LABELS("peer", p->id, "state", breaker_state_name(states[s])));
        metric_family(t, "federationd_peer_latency_seconds", "gauge",
                      "The 95th percentile of the peer's last answers.");
        EACH_PEER(f, p)
        if (p->latency.n > 0)
                metric_sample(t, "federationd_peer_latency_seconds",
                              SECONDS(latency_percentile(&p->latency, 95)), LABELS("peer", p->id));
        metric_family(t, "federationd_peer_listings", "gauge", "Books that the peer says it has.");
        EACH_PEER(f, p)
        metric_sample(t, "federationd_peer_listings", (double) p->listings, LABELS("peer", p->id));
}

/* --- keys --- */

static void add_documents(const Federation *f, Text *t)
{
        NodeRoundsCounts c;
        const KeyRing *ring = identity_ring(f->identity);

        node_rounds_counts(f->rounds, &c);
        add_one(t, "federationd_key_usable", "gauge", "1 while this node can sign.", ring != NULL);
        add_one(t, "federationd_key_trouble", "gauge", "1 while its key file cannot be read.",
                identity_trouble(f->identity)[0] != '\0' && f->config->node.key_file);
        add_one(t, "federationd_key_next_announced_timestamp_seconds", "gauge",
                "Since when its next key is announced; 0: none is.",
                ring && ring->next ? SECONDS(ring->next_usec) : 0);
        metric_family(t, "federationd_node_documents", "gauge",
                      "Signed documents of accepted nodes, by how long they are still valid.");
        metric_sample(t, "federationd_node_documents", (double) (c.known - c.expiring - c.expired),
                      LABELS("validity", "good"));
        metric_sample(t, "federationd_node_documents", (double) c.expiring, LABELS("validity", "expiring"));
        metric_sample(t, "federationd_node_documents", (double) c.expired, LABELS("validity", "expired"));
        metric_family(t, "federationd_node_document_fetches_total", "counter",
                      "Readings of other nodes' documents.");
        metric_sample(t, "federationd_node_document_fetches_total", (double) c.fetched,
                      LABELS("result", "good"));
        metric_sample(t, "federationd_node_document_fetches_total", (double) c.failed,
                      LABELS("result", "failed"));
}

/* --- money --- */

static void add_money(const Federation *f, Text *t)
{
        static const struct {
                const char *name, *help, *result;
        } all[_LEDGER_EVENT_MAX] = {
                        [LEDGER_CHECKOUT_LOCAL] = {"federationd_checkouts_total",
                                                   "Buyers' pages that checked out, by what came of it.",
                                                   "local"},
                        [LEDGER_CHECKOUT_CONFIRMED] = {"federationd_checkouts_total", NULL, "confirmed"},
                        [LEDGER_CHECKOUT_UNCONFIRMED] = {"federationd_checkouts_total", NULL, "unconfirmed"},
                        [LEDGER_CHECKOUT_DENIED] = {"federationd_checkouts_total", NULL, "denied"},
                        [LEDGER_CHECKOUT_UNRECORDED] = {"federationd_checkouts_total", NULL, "unrecorded"},
                        [LEDGER_CHECKOUT_REFUSED] = {"federationd_checkouts_total", NULL, "refused"},
                        [LEDGER_ORDER_TAKEN] =
                                        {"federationd_orders_total",
                                         "Orders of other nodes for buyers that they sent, by what came of "
                                         "them.",
                                         "taken"},
                        [LEDGER_ORDER_REPEATED] = {"federationd_orders_total", NULL, "repeated"},
                        [LEDGER_ORDER_REFUSED] = {"federationd_orders_total", NULL, "refused"},
                        [LEDGER_SETTLEMENT_TAKEN] =
                                        {"federationd_settlements_total",
                                         "Payments and refunds that other nodes have told, by what "
                                         "came of them.",
                                         "taken"},
                        [LEDGER_SETTLEMENT_REPEATED] = {"federationd_settlements_total", NULL, "repeated"},
                        [LEDGER_SETTLEMENT_REFUSED] = {"federationd_settlements_total", NULL, "refused"},
        };

        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                if (all[i].help)
                        metric_family(t, all[i].name, "counter", all[i].help);
                metric_sample(t, all[i].name, (double) ledger_counted(f->ledger, (LedgerEvent) i),
                              LABELS("result", all[i].result));
        }
}

/* --- the mode --- */

static void add_mode(const Federation *f, Text *t)
{
        const ModeNow *m = mode_file_now(f->mode);

        metric_family(t, "federationd_mode_info", "gauge",
                      "Always 1; the labels tell what failoverd said last.");
        metric_sample(t, "federationd_mode_info", 1, LABELS("mode", m->mode, "payment", m->payment));
        add_one(t, "federationd_mode_first", "gauge", "1 while the shop runs in its first mode.", m->first);
        add_one(t, "federationd_mode_stale", "gauge",
                "1 while nothing current is known of the mode: failoverd is gone or its file is old.",
                m->stale);
}

/* --- catalogs as a whole --- */

static void add_export(const Federation *f, Text *t)
{
        ExporterCounts c;

        exporter_counts(f->exporter, &c);
        metric_family(t, "federationd_exports_total", "counter",
                      "Who asked for the whole catalog: got it, had it, came when too many did.");
        metric_sample(t, "federationd_exports_total", (double) c.served, LABELS("result", "sent"));
        metric_sample(t, "federationd_exports_total", (double) c.unchanged, LABELS("result", "unchanged"));
        metric_sample(t, "federationd_exports_total", (double) c.refused, LABELS("result", "refused"));
        metric_family(t, "federationd_exports_made_total", "counter",
                      "Exports made: once for each generation of the catalog that somebody wants.");
        metric_sample(t, "federationd_exports_made_total", (double) c.made, LABELS("result", "good"));
        metric_sample(t, "federationd_exports_made_total", (double) c.failed, LABELS("result", "failed"));
        add_one(t, "federationd_export_bytes", "gauge", "Size of the export that is kept; 0: none is.",
                (double) c.bytes);
}

static void add_copies(const Federation *f, Text *t)
{
        PullerCounts c;

        puller_counts(f->puller, &c);
        metric_family(t, "federationd_pulls_total", "counter",
                      "Other nodes' catalogs fetched: a new copy, no change, failed, refused to who asked.");
        metric_sample(t, "federationd_pulls_total", (double) c.added, LABELS("result", "added"));
        metric_sample(t, "federationd_pulls_total", (double) c.unchanged, LABELS("result", "unchanged"));
        metric_sample(t, "federationd_pulls_total", (double) c.failed, LABELS("result", "failed"));
        metric_sample(t, "federationd_pulls_total", (double) c.refused, LABELS("result", "refused"));
        add_one(t, "federationd_pull_bytes_total", "counter", "Bytes of exports fetched.", (double) c.bytes);
        add_one(t, "federationd_pulls_running", "gauge", "Fetched or waiting to be now.",
                c.running + c.waiting);
        add_one(t, "federationd_copies_bytes", "gauge", "What copies take of the disk.",
                (double) copies_bytes(f->copies));
        metric_family(t, "federationd_copy_listings", "gauge", "Books in the copy of a node's catalog.");
        for (size_t i = 0; i < copies_count(f->copies); i++)
                metric_sample(t, "federationd_copy_listings", (double) copies_at(f->copies, i)->listings,
                              LABELS("peer", copies_at(f->copies, i)->node));
        metric_family(t, "federationd_copy_synced_timestamp_seconds", "gauge",
                      "When the node last had nothing newer than the copy.");
        for (size_t i = 0; i < copies_count(f->copies); i++)
                metric_sample(t, "federationd_copy_synced_timestamp_seconds",
                              SECONDS(copies_at(f->copies, i)->seen_usec),
                              LABELS("peer", copies_at(f->copies, i)->node));
}

void route_metrics(Federation *f, HttpRequest *r, const char *rest)
{
        _cleanup_text_ Text t = {0};

        metric_family(&t, "federationd_build_info", "gauge",
                      "Always 1; the labels tell which program this is.");
        metric_sample(&t, "federationd_build_info", 1, LABELS("version", PROJECT_VERSION));
        add_one(&t, "federationd_start_time_seconds", "gauge", "When this process began, in Unix time.",
                SECONDS(f->started_wall));
        add_http(f, &t);
        add_catalog(f, &t);
        add_notices(f, &t);
        add_money(f, &t);
        add_searches(f, &t);
        add_peers(f, &t);
        add_documents(f, &t);
        add_export(f, &t);
        add_copies(f, &t);
        registry_add_metrics(&t, f);
        add_mode(f, &t);
        if (t.failed) {
                http_reply_error(r, 500, "out of memory");
                return;
        }
        http_add_header(r, "Cache-Control", "no-store");
        http_reply(r, 200, METRIC_CONTENT_TYPE, t.data, t.size);
}
