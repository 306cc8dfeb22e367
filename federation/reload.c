/* SPDX-License-Identifier: MIT */
/* SIGHUP: the new file as a whole, or nothing of it. Peers that it does not change keep what is known of them, and requests
 * and searches in flight go on. */
#include "federation/reload.h"

#include "base/log.h"
#include "base/message_id.h"
#include "federation/announcer.h"
#include "federation/control.h"
#include "federation/inbox.h"
#include "federation/node_rounds.h"
#include "federation/registry_file.h"
#include "federation/routes.h"

typedef struct Reload {
        Federation *federation;
        char *path;
        Config *config;
        Access access;
        Error error;
} Reload;

static Reload *reload_free(Reload *r)
{
        if (!r)
                return NULL;
        config_free(r->config);
        free(r->path);
        free(r);
        return NULL;
}
DEFINE_CLEANUP(Reload, reload_free)

/* All that may wait for a disk, or for a service that knows the groups. */
static int run_load(void *job)
{
        Reload *r = job;
        int error = config_load(r->path, &r->config, &r->error);

        access_load(&r->access);
        return error < 0 ? error : config_read_files(r->config, &r->error);
}

/* Follows mode.json where the new file says that it is. */
static int open_mode(Federation *f, const Config *c, ModeFile **ret, Error *e)
{
        int r = mode_file_new(f->event, c->failover_runtime_dir, f->places.state_dir, front_on_mode, f->front,
                              ret);

        return r < 0 ? error_set(e, r, "%s: %s", c->failover_runtime_dir, error_words(-r)) : 0;
}

/* What fails most, an address in use, comes first, when no peer has been forgotten yet. When a later step fails, too, the old
 * configuration is taken again. */
static int apply(Federation *f, const Config *c, Error *e)
{
        int r;

        r = fetch_client_allow(f->fetch, (const char *const *) c->network.allow_private_peers, e);
        if (r >= 0)
                r = routes_reconfigure(f->routes, c, e);
        if (r >= 0)
                r = members_configure(f->members, c, e);
        if (r >= 0)
                r = peers_configure(f->peers, c, f->members, e);
        if (r >= 0) {
                r = searcher_configure(f->searcher, c);
                if (r < 0)
                        error_set(e, r, "%s", error_words(-r));
        }
        if (r >= 0) {
                r = status_files_configure(f->status, c->failover_status_dir);
                if (r < 0)
                        error_set(e, r, "%s", error_words(-r));
        }
        return r;
}

static int swap(Federation *f, Reload *r)
{
        _cleanup_(mode_file_freep) ModeFile *mode = NULL;
        Config *old = f->config;
        Error ignored;
        int error = 0;

        if (!streq(old->failover_runtime_dir, r->config->failover_runtime_dir))
                error = open_mode(f, r->config, &mode, &r->error);
        if (error < 0)
                return error;
        error = apply(f, r->config, &r->error);
        if (error < 0) {
                if (apply(f, old, &ignored) < 0) {
                        log_error("cannot go back to the configuration in force, either: %s", ignored.text);
                        r->config = NULL; /* some parts may have stayed with it */
                }
                return error;
        }
        f->config = TAKE_PTR(r->config);
        identity_configure(f->identity, f->config);
        if (f->config->node.key_file && identity_trouble(f->identity)[0])
                log_warning("%s: %s",
                            identity_key(f->identity) ? "going on with the key that was read before"
                                                      : "this node cannot sign",
                            identity_trouble(f->identity));
        announcer_configure(f->announcer);
        node_rounds_configure(f->rounds);
        control_reconfigure(f->control, &r->access);
        config_free(old);
        if (mode) {
                mode_file_free(f->mode);
                f->mode = TAKE_PTR(mode);
                front_attach(f->front, f->mode, f->peers);
        }
        federation_take_members(f);
        registry_file_changed(f->registry_file);
        inbox_review(f->inbox);
        return 0;
}

static void on_loaded(int error, void *job)
{
        _cleanup_(reload_freep) Reload *r = job;
        Federation *f = r->federation;

        f->reloading = false;
        worker_free(TAKE_PTR(f->loader), USEC_PER_SEC); /* it has nothing left to do, and ends at once */
        if (f->stopping)
                return;
        if (error >= 0)
                error = swap(f, r);
        if (error < 0)
                log_message(LOG_ERR, MESSAGE_RELOAD_REFUSED, "reload refused, nothing has changed: %s",
                            r->error.text);
        else {
                size_t n = f->config->network.n_peers;

                log_notice("reloaded: %zu peer%s", n, PLURAL(n));
                federation_tell_status(f);
        }
        service_reloaded(f->service, error < 0 ? r->error.text : NULL);
        if (f->reload_again)
                reload_start(f);
}

/* To a thread of its own: the file and its secrets may be slow, and nobody must wait for them. */
static int submit(Federation *f)
{
        _cleanup_(reload_freep) Reload *r = calloc(1, sizeof(*r));
        int error;

        if (!r || !(r->path = strdup(f->places.config)))
                return -ENOMEM;
        r->federation = f;
        error = worker_new(f->event, "reload", &f->loader);
        if (error < 0)
                return error;
        error = worker_submit(f->loader, run_load, on_loaded, r);
        if (error < 0) {
                worker_free(TAKE_PTR(f->loader), USEC_PER_SEC);
                return error;
        }
        r = NULL; /* the worker's */
        return 0;
}

void reload_start(Federation *f)
{
        int error;

        if (f->reloading) {
                f->reload_again = true;
                return;
        }
        f->reload_again = false;
        service_reloading(f->service);
        error = submit(f);
        if (error < 0) {
                log_message(LOG_ERR, MESSAGE_RELOAD_REFUSED, "reload refused, nothing has changed: %s",
                            error_words(-error));
                service_reloaded(f->service, error_words(-error));
                return;
        }
        f->reloading = true;
}
