/* SPDX-License-Identifier: MIT */
/* SIGHUP: the new file as a whole, or nothing of it. Probes that it does not change keep windows, timers and attempts. */
#include "supervisor/reload.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/message_id.h"
#include "supervisor/attempts.h"
#include "supervisor/control.h"
#include "supervisor/heartbeat.h"
#include "supervisor/hours.h"
#include "supervisor/public_status.h"
#include "supervisor/publish.h"
#include "supervisor/ready.h"
#include "supervisor/start.h"
#include "supervisor/tally.h"
#include "supervisor/targets.h"
#include "supervisor/wishes.h"

typedef struct Reload {
        Manager *manager;
        char *path;
        Config *config;
        PeerRules rules;
        Error error;
} Reload;

static Reload *reload_free(Reload *r)
{
        if (!r)
                return NULL;
        config_free(r->config);
        peer_rules_clear(&r->rules);
        free(r->path);
        free(r);
        return NULL;
}
DEFINE_CLEANUP(Reload, reload_free)

static void on_finding(bool error, const char *text, void *userdata)
{
        Reload *r = userdata;

        if (error)
                error_set(&r->error, -EPERM, "%s", text);
}

/* All that may wait for a disk, or for a service that knows the users. */
static int run_load(void *job)
{
        Reload *r = job;
        int error;

        error = config_load(r->path, &r->config, &r->error);
        if (error < 0)
                return error;
        if (config_verify(r->config, false, on_finding, r) > 0 || config_read_key(r->config) < 0)
                return -EPERM;
        error = peer_rules_load(&r->rules, r->config);
        return error < 0 ? error_set(&r->error, error, "out of memory") : 0;
}

/* From here on nothing may fail: what can was done before. */
static void swap(Manager *m, Config *config, Engine *engine)
{
        Config *old = m->config;
        int r;

        m->config = config;
        m->engine = engine_free(m->engine);
        m->engine = engine;
        manager_lend(m);
        manager_keep_registries(m);
        r = outbox_configure(m->outbox, config->actions, config->n_actions);
        assert(r >= 0); /* reserved */
        heartbeat_configure(m->heartbeat);
        targets_configure(m->targets);
#ifndef FAILOVERD_BUG_ATTEMPTS_STAY /* as in schedule.c */
        attempts_cancel_all(old);
#endif
#ifndef FAILOVERD_BUG_RELOADS_LEAK /* tests/faults/reloads.sh must notice when it is not */
        config_free(old);
#endif
}

static void forget_dropped(Manager *m, const Config *old, const Config *new)
{
        for (size_t i = 0; i < old->n_probes; i++)
                if (config_find_probe(new, old->probes[i]->name) == PROBE_NONE) {
                        StoreBatch *b = store_batch_new();

                        if (!b)
                                return; /* a row too many does no harm */
                        store_batch_forget_probe(b, old->probes[i]->name);
                        store_submit(m->store, b, NULL, NULL);
                }
}

static int apply(Manager *m, Reload *r)
{
        _cleanup_(engine_freep) Engine *engine = NULL;
        _cleanup_(hours_freep) HourNotes *notes = NULL;
        _cleanup_(tally_freep) Tally *tally = NULL;
        uint64_t now = manager_now(m), wall = clock_wall_usec();
        Config *config = r->config;
        EngineOutput output;
        int error;

        error = engine_check_reload(m->engine, config, &r->error);
        if (error < 0)
                return error;
        wishes_output(m, &output);
        error = engine_new(config, random_seed(), &output, now, wall, &engine);
        if (error < 0)
                return error_set(&r->error, error, "%s", strerror(-error));
        error = hours_new(config, &notes);
        if (error >= 0)
                error = tally_new(config, &tally);
        if (error >= 0)
                error = outbox_reserve(m->outbox, config->n_actions);
        if (error >= 0)
                error = manager_want_registries(m, config);
        if (error < 0)
                return error_set(&r->error, error, "%s", strerror(-error));
        error = control_reconfigure(m->control, config, &r->rules, &r->error);
        if (error < 0)
                return error;

        forget_dropped(m, m->config, config);
        public_status_count(m);
        tally_carry_over(tally, m->tally);
        config_carry_over(config, m->config);
        engine_carry_over(engine, m->engine);
        r->config = NULL;
        swap(m, config, TAKE_PTR(engine));
        hours_configure(m, TAKE_PTR(notes));
        tally_free(m->tally);
        m->tally = TAKE_PTR(tally);
        engine_begin(m->engine, false, now, wall);
        return 0;
}

static void on_loaded(int error, void *job)
{
        _cleanup_(reload_freep) Reload *r = job;
        Manager *m = r->manager;

        m->reloading = false;
        worker_free(TAKE_PTR(m->loader), USEC_PER_SEC); /* it has nothing left to do, and ends at once */
        if (m->stopping || !m->engine)
                return;
        if (error >= 0)
                error = apply(m, r);
        if (error < 0) {
                log_message(LOG_ERR, MESSAGE_RELOAD_REFUSED, "reload refused, nothing has changed: %s",
                            r->error.text);
        } else {
                log_notice("reloaded: %zu probe%s, %zu mode%s, %zu action%s", m->config->n_probes,
                           PLURAL(m->config->n_probes), m->config->n_modes, PLURAL(m->config->n_modes),
                           m->config->n_actions, PLURAL(m->config->n_actions));
                m->remember = true;
                start_assure_state(m);
                publisher_now(m->publisher);
                manager_refresh(m);
                manager_touch(m);
        }
        service_reloaded(m->service, error < 0 ? r->error.text : NULL);
        ready_tell_mode(m);
        if (m->reload_again)
                reload_start(m);
}

/* To a thread of its own: the file, its secrets and the directory of users may be slow, and payment.env must not wait. */
static int submit(Manager *m)
{
        _cleanup_(reload_freep) Reload *r = calloc(1, sizeof(*r));
        int error;

        if (!r || !(r->path = strdup(m->places.config)))
                return -ENOMEM;
        r->manager = m;
        error = worker_new(m->event, "reload", &m->loader);
        if (error < 0)
                return error;
        error = worker_submit(m->loader, run_load, on_loaded, r);
        if (error < 0) {
                worker_free(TAKE_PTR(m->loader), USEC_PER_SEC);
                return error;
        }
        r = NULL; /* the worker's */
        return 0;
}

void reload_start(Manager *m)
{
        int error;

        if (!m->engine)
                return; /* still starting, with the file as it is */
        if (m->reloading) {
                m->reload_again = true;
                return;
        }
        m->reload_again = false;
        service_reloading(m->service);
        error = submit(m);
        if (error < 0) {
                log_message(LOG_ERR, MESSAGE_RELOAD_REFUSED, "reload refused, nothing has changed: %s",
                            strerror(-error));
                service_reloaded(m->service, strerror(-error));
                return;
        }
        m->reloading = true;
}
