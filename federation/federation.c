/* SPDX-License-Identifier: MIT */
/* federationd's one object: wires configuration, catalog, peers, search, the mode that failoverd publishes, HTTP and the control
 * socket. */
#include "federation/federation.h"

#include "base/clock.h"
#include "base/daemon.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "federation/announcer.h"
#include "federation/control.h"
#include "federation/copies.h"
#include "federation/export.h"
#include "federation/inbox.h"
#include "federation/ledger.h"
#include "federation/node_rounds.h"
#include "federation/pull.h"
#include "federation/registrar.h"
#include "federation/registry_file.h"
#include "federation/reload.h"
#include "federation/routes.h"

/* Of all peers together. */
#define PEER_CONNECTIONS   1024
#define PEER_ANSWERS_BYTES (64 * 1024 * 1024)
#define PEER_PRIORITY      10 /* behind who asks us */

/* A catalog whose disk hangs must not keep the front end from its mode. */
#define PATIENCE_USEC (5 * USEC_PER_SEC)

Seller federation_seller(const Federation *f)
{
        const NodeConfig *n = &f->config->node;

        return (Seller){.id = n->id, .name = n->name, .url = n->url, .brand = n->brand};
}

/* --- systemd's side --- */

static void on_reload(void *userdata)
{
        reload_start(userdata);
}

static void on_stop(void *userdata)
{
        Federation *f = userdata;

        f->stopping = true;
        routes_close_doors(f->routes);
}

static bool is_busy(void *userdata)
{
        const Federation *f = userdata;
        SearcherCounts searches = {0};

        searcher_counts(f->searcher, &searches);
        return routes_are_busy(f->routes) || routes_waiting(f->routes) > 0 || ledger_waiting(f->ledger) > 0 ||
               searches.running + searches.waiting > 0;
}

/* At the priority of what comes last, so that a source which never rests is noticed, too. */
static int on_pulse(sd_event_source *s, void *userdata)
{
        Federation *f = userdata;

        f->pulses++;
        return 0;
}

/* The loop comes around to what comes last, or at least, in a crowd, to requests. The catalog does not count: one that is stuck in
 * the kernel must not take the mode from the front end. */
static uint64_t on_progress(void *userdata)
{
        Federation *f = userdata;
        HttpLimitsCounts counts;

        sd_event_source_set_enabled(f->pulse, SD_EVENT_ONESHOT);
        routes_limits(f->routes, &counts);
        return f->pulses + counts.requests;
}

static int make_service(Federation *f)
{
        ServiceOptions options = {.event = f->event,
                                  .reload = on_reload,
                                  .stop = on_stop,
                                  .busy = is_busy,
                                  .progress = on_progress,
                                  .userdata = f};
        int r;

        r = sd_event_add_defer(f->event, &f->pulse, on_pulse, f);
        if (r < 0)
                return r;
        sd_event_source_set_description(f->pulse, "pulse");
        sd_event_source_set_priority(f->pulse, SD_EVENT_PRIORITY_IDLE);
        return service_new(&options, &f->service);
}

/* --- ready --- */

void federation_tell_status(const Federation *f)
{
        size_t n = peers_count(f->peers);

        service_status(f->service, "%s, %zu peer%s", f->config->node.name, n, PLURAL(n));
}

static void ready(Federation *f)
{
        if (!f->patience) /* already */
                return;
        f->patience = loop_source_free(f->patience);
        searcher_hold(f->searcher, false);
        service_ready(f->service);
        federation_tell_status(f);
}

static void on_first_answer(CatalogAsk *ask, const CatalogAnswer *answer, void *userdata)
{
        Federation *f = userdata;

        f->first_ask = catalog_ask_free(f->first_ask);
        if (answer->error < 0)
                log_error("the catalog does not open: %s", answer->message);
        if (f->inbox_loaded)
                ready(f);
}

/* Peers have told of it already; the others stand in the registry only. */
static void on_notice(const char *node, void *userdata)
{
        Federation *f = userdata;

        if (f->registry_file)
                registry_file_changed(f->registry_file);
}

/* Whose buyers go elsewhere is known: no search has been answered without. */
static void on_inbox_loaded(void *userdata)
{
        Federation *f = userdata;

        f->inbox_loaded = true;
        searcher_hold(f->searcher, false);
        if (!f->first_ask)
                ready(f);
}

static int on_patience(sd_event_source *s, uint64_t usec, void *userdata)
{
        Federation *f = userdata;

        log_error("%s does not answer: going on without", f->first_ask ? "the catalog" : "federation.db");
        ready(f);
        return 0;
}

static int await_catalog(Federation *f)
{
        int r;

        r = loop_timer_new(f->event, "catalog's patience", on_patience, f, &f->patience);
        if (r >= 0)
                r = loop_timer_set_after(f->patience, PATIENCE_USEC);
        if (r >= 0)
                r = catalog_list(f->catalog, 1, 0, on_first_answer, f, &f->first_ask);
        return r;
}

/* --- life --- */

static int make_directories(const Places *p, Error *e)
{
        const char *const paths[] = {p->state_dir, p->runtime_dir};

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                int r = directory_make(paths[i], 0755);

                if (r < 0)
                        return error_set(e, r, "cannot make %s: %s", paths[i], error_words(-r));
        }
        return 0;
}

static int make_tools(Federation *f, Error *e)
{
        int r;

        r = resolver_new(f->event, &f->resolver);
        if (r >= 0)
                r = fetch_client_new(f->event, f->resolver, &f->fetch);
        if (r >= 0) /* as many as a crowd of searches needs: who has none kept makes one */
                r = fetch_client_keep(f->fetch, PEER_CONNECTIONS);
        if (r >= 0)
                r = fetch_client_priority(f->fetch, PEER_PRIORITY);
        if (r < 0)
                return r;
        fetch_client_budget(f->fetch, PEER_ANSWERS_BYTES);
        return fetch_client_allow(f->fetch, (const char *const *) f->config->network.allow_private_peers, e);
}

static int make_catalog(Federation *f)
{
        _cleanup_free_ char *path = string_printf("%s/catalog.db", f->places.state_dir);

        return path ? catalog_new(f->event, path, &f->catalog) : -ENOMEM;
}

static int make_store(Federation *f)
{
        _cleanup_free_ char *path = string_printf("%s/federation.db", f->places.state_dir);

        return path ? store_new(f->event, path, &f->store) : -ENOMEM;
}

/* What the front end is told of mode and peers. */
static int make_front(Federation *f)
{
        int r = 0;

        r = events_new(&f->events);
        if (r >= 0)
                r = front_new(f->events, &f->front);
        if (r >= 0)
                r = mode_file_new(f->event, f->config->failover_runtime_dir, f->places.state_dir,
                                  front_on_mode, f->front, &f->mode);
        if (r >= 0)
                front_attach(f->front, f->mode, NULL);
        if (r >= 0)
                r = status_files_new(f->event, f->config->failover_status_dir, &f->status);
        return r;
}

/* --- who belongs to the network --- */

void federation_take_members(Federation *f)
{
        Error e;

        f->members_generation = members_generation(f->members);
        if (peers_configure(f->peers, f->config, f->members, &e) < 0) {
                log_error("what the registry says of nodes is not in force: %s", e.text);
                f->members_generation = 0;
                return;
        }
        front_on_peers(f->front);
        federation_tell_status(f);
        if (f->puller)
                puller_settle(f->puller);
}

static void on_member(const Member *member, void *userdata)
{
        Federation *f = userdata;

        if (f->stopping)
                return;
        if (f->members_generation != members_generation(f->members))
                federation_take_members(f);
        registry_file_changed(f->registry_file);
}

/* A node that was not there when its document was looked for is there now: without its key it could say nothing here. */
static void look_for_key(Federation *f, const Peer *peer)
{
        const Member *m = peer->status == PEER_ACTIVE ? members_find(f->members, peer->id) : NULL;

        if (m && !m->document && f->rounds)
                node_rounds_soon(f->rounds, m->id);
}

static void on_peer(const Peer *peer, void *userdata)
{
        Federation *f = userdata;

        look_for_key(f, peer);
        front_on_peer(peer, f->front);
        registry_file_changed(f->registry_file);
}

static int make_network(Federation *f, Error *e)
{
        int r = 0;

        r = peers_new(f->event, f->fetch, f->places.state_dir, &f->peers);
        if (r >= 0)
                r = peers_configure(f->peers, f->config, f->members, e);
        if (r >= 0)
                r = registry_file_new(f, &f->registry_file);
        if (r >= 0)
                peers_on_change(f->peers, on_peer, f);
        if (r >= 0)
                members_on_change(f->members, on_member, f);
        if (r >= 0) /* after ours: who waits for a change is answered when it is in force */
                r = registrar_new(f, &f->registrar);
        if (r >= 0 && f->mode)
                front_attach(f->front, f->mode, f->peers);
        if (r >= 0) {
                SearcherOptions options = {.event = f->event,
                                           .fetch = f->fetch,
                                           .catalog = f->catalog,
                                           .peers = f->peers,
                                           .copies = f->copies,
                                           .config = f->config};

                r = searcher_new(&options, &f->searcher);
        }
        if (r >= 0) {
                searcher_hold(f->searcher, true);
                r = inbox_new(f, on_inbox_loaded, f, &f->inbox);
        }
        if (r >= 0)
                inbox_on_change(f->inbox, on_notice, f);
        return r;
}

static int make_parts(Federation *f, Error *e)
{
        int r = 0;

        r = identity_new(f->config, &f->identity);
        if (r >= 0 && f->config->node.key_file && identity_trouble(f->identity)[0])
                log_warning("%s: %s",
                            identity_key(f->identity) ? "going on with the key that was read before"
                                                      : "this node cannot sign",
                            identity_trouble(f->identity));
        if (r >= 0)
                r = make_catalog(f);
        if (r >= 0)
                r = make_store(f);
        if (r >= 0)
                r = members_new(f, &f->members);
        if (r >= 0)
                r = make_front(f);
        if (r >= 0)
                r = copies_new(f->event, f->store, f->places.state_dir, &f->copies);
        if (r >= 0)
                r = make_network(f, e);
        if (r >= 0)
                r = node_rounds_new(f, &f->rounds);
        if (r >= 0)
                r = ledger_new(f, &f->ledger);
        if (r >= 0)
                r = exporter_new(f, &f->exporter);
        if (r >= 0)
                r = puller_new(f, &f->puller);
        if (r >= 0) /* before the routes: they take what sockets systemd has passed and nobody wants */
                r = announcer_new(f, &f->announcer);
        if (r >= 0)
                r = control_new(f, &f->control, e);
        if (r >= 0)
                r = routes_new(f, &f->routes, e);
        return r;
}

int federation_new(const Places *places, Config *config, Federation **ret, Error *e)
{
        Federation *f = calloc(1, sizeof(*f));
        int r;

        *ret = f;
        if (!f) {
                config_free(config);
                return error_set(e, -ENOMEM, "out of memory");
        }
        f->places = *places;
        f->state_lock = -1;
        f->config = config;
        f->started_wall = clock_wall_usec();
        error_set(e, 0, "%s", "");
        r = make_directories(places, e);
        if (r >= 0)
                r = daemon_lock_state(places->state_dir, "federationd", &f->state_lock, e);
        if (r >= 0)
                r = sd_event_new(&f->event);
        if (r >= 0)
                r = make_tools(f, e);
        if (r >= 0)
                r = make_parts(f, e);
        if (r >= 0)
                r = make_service(f);
        if (r >= 0)
                r = await_catalog(f);
        if (r < 0 && !e->text[0])
                error_set(e, r, "cannot start: %s", error_words(-r));
        return r;
}

Federation *federation_free(Federation *f)
{
        if (!f)
                return NULL;
        f->stopping = true;
        worker_free(TAKE_PTR(f->loader), 0);
        searcher_free(f->searcher); /* who waits for an answer gets one */
        announcer_free(TAKE_PTR(f->announcer));
        ledger_stop(f->ledger);         /* and who wants to buy */
        store_free(TAKE_PTR(f->store)); /* so does who waits for the disk; nothing is submitted any more */
        inbox_free(TAKE_PTR(f->inbox));
        ledger_free(f->ledger);
        puller_free(f->puller);
        copies_free(TAKE_PTR(f->copies));
        exporter_free(f->exporter);
        registrar_free(f->registrar);
        routes_free(TAKE_PTR(f->routes)); /* the registry file looks at it, to the end */
        control_free(f->control);
        status_files_free(f->status);
        if (f->front)
                front_attach(f->front, NULL, NULL);
        registry_file_free(f->registry_file);
        peers_free(f->peers);
        node_rounds_free(f->rounds);
        members_free(f->members);
        mode_file_free(f->mode);
        front_free(f->front);
        events_free(f->events);
        catalog_ask_free(f->first_ask);
        catalog_free(f->catalog);
        service_free(f->service);
        loop_source_free(f->pulse);
        loop_source_free(f->patience);
        fetch_client_free(f->fetch);
        resolver_free(f->resolver);
        sd_event_unref(f->event);
        identity_free(f->identity);
        config_free(f->config);
        fd_closep(&f->state_lock);
        free(f);
        return NULL;
}

int federation_run(Federation *f)
{
        int r = sd_event_loop(f->event);

        if (r < 0)
                log_error("the event loop has failed: %s", error_words(-r));
        return r;
}
