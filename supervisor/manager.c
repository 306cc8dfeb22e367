/* SPDX-License-Identifier: MIT */
/* failoverd's one object: wires the engine to attempts, store, outbox, files, control socket and systemd. */
#include "supervisor/manager.h"

#include "base/clock.h"
#include "base/daemon.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "supervisor/attempts.h"
#include "supervisor/control.h"
#include "supervisor/heartbeat.h"
#include "supervisor/hours.h"
#include "supervisor/public_record.h"
#include "supervisor/public_status.h"
#include "supervisor/publish.h"
#include "supervisor/ready.h"
#include "supervisor/reload.h"
#include "supervisor/start.h"
#include "supervisor/status.h"
#include "supervisor/tally.h"
#include "supervisor/targets.h"
#include "supervisor/unsaved.h"

#define STOP_PATIENCE_USEC   (2 * USEC_PER_SEC)
#define REFRESH_EVERY_USEC   USEC_PER_MIN /* the status page's `updated` */
#define REFRESH_SOONEST_USEC (2 * USEC_PER_SEC)

/* An action's trouble, told by the outbox, until the engine may be called. */
typedef struct ManagerTrouble {
        struct ManagerTrouble *next;
        char *action, *message;
        bool failing, given_up;
} ManagerTrouble;

uint64_t manager_now(const Manager *m)
{
        return steady_now(&m->steady);
}

bool manager_is_durable(const Manager *m)
{
        return store_is_durable(m->store) && m->n_changing == 0;
}

/* --- facts --- */

void manager_facts(const Manager *m, ActionKind kind, ActionFacts *ret)
{
        const Config *c = m->config;
        const ModeSettings *mode = &c->modes[engine_state(m->engine)->mode];

        *ret = (ActionFacts){
                        .kind = kind,
                        .id = engine_change_id(m->engine),
                        .node_id = c->node.id,
                        .node_name = c->node.name,
                        .node_url = c->node.url,
                        .fallback_url = c->node.fallback_url,
                        .change = engine_change_id(m->engine),
                        .follows = "",
                        .mode = mode->name,
                        .from = "",
                        .payment = mode->payment,
                        .checkout = mode->checkout,
                        .message = mode->message,
                        .cause = engine_cause(m->engine),
                        .first = engine_state(m->engine)->mode == 0,
                        .durable = store_is_durable(m->store),
                        .at_usec = engine_since_wall(m->engine),
                        .alert = "",
                        .summary = "",
                        .details = "",
                        .severity = "info",
        };
}

/* Verdicts, alerts or the mode have changed: the page says so within two seconds. */
void manager_touch_page(Manager *m)
{
        m->refresh_at = MIN(m->refresh_at, manager_now(m) + REFRESH_SOONEST_USEC);
}

/* --- the end of a turn: what belongs into one batch --- */

StoreBatch *manager_progress(Manager *m)
{
        if (!m->progress)
                m->progress = store_batch_new();
        sd_event_source_set_enabled(m->turn, SD_EVENT_ONESHOT);
        return m->progress;
}

static json_t *memory_document(const Manager *m)
{
        json_t *j = engine_remember(m->engine);

        if (!j)
                return NULL;
        json_put(j, "steady", steady_to_json(&m->steady));
        json_put(j, "seq", json_integer(m->seq));
        json_put(j, "components", tally_to_json(m->tally));
        json_put(j, "standing", status_standing(m));
        record_remember(m, j);
        return json_whole(j);
}

int64_t manager_next_seq(Manager *m)
{
        m->seq = MAX(m->seq + 1, (int64_t) (clock_wall_usec() / USEC_PER_MSEC));
        return m->seq;
}

void manager_recall_seq(Manager *m, const json_t *stored)
{
        m->seq = MAX(m->seq, (int64_t) json_integer_value(json_object_get(stored, "seq")));
}

void manager_add_memory(Manager *m, StoreBatch *b)
{
        _cleanup_json_ json_t *j = memory_document(m);

        if (j)
                store_batch_memory(b, j);
        m->remember = !j;
}

int manager_submit(Manager *m, StoreBatch *b, StoreDone done, void *userdata)
{
        int r = store_submit(m->store, b, done, userdata);

        bulletins_added(&m->record->bulletins, r >= 0);
        if (r < 0) {
                log_error("cannot save the state: %s", error_words(-r));
                if (done)
                        done(r, userdata);
        }
        return r;
}

/* Takes the oldest one off the list: NULL when there is none. */
static ManagerTrouble *trouble_take(Manager *m)
{
        ManagerTrouble *t = m->troubles;

        if (t)
                m->troubles = t->next;
        return t;
}

static void trouble_free(ManagerTrouble *t)
{
        free(t->action);
        free(t->message);
        free(t);
}

/* Called by the loop after what happened in this turn. */
static int on_turn(sd_event_source *s, void *userdata)
{
        Manager *m = userdata;
        uint64_t now = manager_now(m);
        bool routine = now >= m->save_at;
        ManagerTrouble *t;
        StoreBatch *b;

        while ((t = trouble_take(m))) {
                engine_condition(m->engine, ALARM_ACTION, t->action, t->given_up, t->message, now,
                                 clock_wall_usec());
                engine_condition(m->engine, ALARM_FAILING, t->action, t->failing, t->message, now,
                                 clock_wall_usec());
                trouble_free(t);
        }
        if (!m->progress && !m->remember && !routine && !hours_urgent(m) && !record_is_unwritten(m))
                return 0;
        b = m->progress ? TAKE_PTR(m->progress) : store_batch_new();
        if (!b)
                return 0; /* out of memory: the next turn tries again */
        hours_add(m, b, routine);
        if (m->remember || routine)
                manager_add_memory(m, b);
        record_add(m, b);
        if (routine)
                tally_add(m->tally, b);
        if (routine) {
                bulletins_forget(&m->record->bulletins, clock_wall_usec());
                m->save_at = now + MANAGER_SAVE_USEC;
        }
        if (manager_submit(m, b, NULL, NULL) >= 0 && routine) {
                hours_added(m);
                tally_added(m->tally);
        }
        return 0;
}

void manager_end_turn(Manager *m)
{
        sd_event_source_set_enabled(m->turn, SD_EVENT_ONESHOT);
}

/* --- the loop's calls --- */

void manager_arm(Manager *m)
{
        uint64_t next = engine_next(m->engine);

        if (next == m->armed)
                return;
        m->armed = next;
        loop_timer_set(m->wake, steady_to_boot(&m->steady, next));
}

static int on_wake(sd_event_source *s, uint64_t usec, void *userdata)
{
        Manager *m = userdata;
        uint64_t now = manager_now(m);

        m->wakes++;
        m->armed = 0;
        engine_wake(m->engine, now, clock_wall_usec());
        public_status_count(m);
        record_tick(m);
        if (m->unassured)
                start_assure_state(m);
        if (now >= m->save_at)
                manager_end_turn(m);
        if (now >= m->refresh_at)
                manager_refresh(m);
        ready_check(m);
        manager_arm(m);
        return 0;
}

/* Our clock has jumped, or we stood still: what says when it was written is written again, before somebody thinks that
 * it is old. */
static void note_tilt(Manager *m)
{
        uint64_t until = engine_state(m->engine)->tilt_until;

        if (until == m->tilt_until)
                return;
        m->tilt_until = until;
        publisher_now(m->publisher);
        manager_touch_page(m);
        manager_touch(m);
}

/* Whatever called the engine may have changed when it wants to be called next: before the loop sleeps, the timer is set. */
static int on_prepare(sd_event_source *s, void *userdata)
{
        Manager *m = userdata;

        if (m->engine) {
                note_tilt(m);
                publisher_look(m->publisher);
                manager_arm(m);
        }
        return 0;
}

static bool has_page(const Config *c)
{
        for (size_t i = 0; i < c->n_actions; i++)
                if (c->actions[i]->type->refresh)
                        return true;
        return false;
}

void manager_refresh_soon(Manager *m)
{
        uint64_t now = manager_now(m), next = m->refreshed_at + USEC_PER_SEC;

        if (m->refreshed_at == 0 || now >= next)
                manager_refresh(m);
        else
                m->refresh_at = MIN(m->refresh_at, next);
}

void manager_refresh(Manager *m)
{
        ActionFacts facts;
        _cleanup_json_ json_t *status = NULL, *public_status = NULL;

        m->refreshed_at = manager_now(m);
        m->refresh_at = m->refreshed_at + REFRESH_EVERY_USEC;
        public_status_count(m);
        if (!has_page(m->config))
                return;
        status = status_page_document(m);
        public_status = public_status_document(m);
        if (!status || !public_status)
                return;
        json_put(status, "changes", json_incref(m->recent));
        manager_facts(m, ACTION_REFRESH, &facts);
        facts.status = status;
        facts.public_status = public_status;
        outbox_refresh(m->outbox, &facts);
}

void manager_touch(Manager *m)
{
        control_touch(m->control);
}

/* --- the outbox's and the store's news --- */

static void on_delivery(const Delivery *d, void *userdata)
{
        Manager *m = userdata;
        StoreBatch *b = manager_progress(m);
        DeliveryRecord record;

        outbox_record(d, &record);
        if (b && outbox_is_stored(d))
                store_batch_delivery(b, &record);
        ready_check(m);
        manager_touch(m);
}

static bool makes_state(const Manager *m, const char *action)
{
        for (size_t i = 0; i < m->config->n_actions; i++)
                if (streq(m->config->actions[i]->name, action))
                        return !m->config->actions[i]->type->event;
        return false;
}

static void on_trouble(const char *action, bool given_up, bool ended, const char *message, void *userdata)
{
        Manager *m = userdata;
        ManagerTrouble *t, **last = &m->troubles;

        bool failing = !given_up && !ended;

        if (failing && !makes_state(m, action))
                return; /* of a message that waits for its receiver: status shows it */
        t = calloc(1, sizeof(*t));
        if (!t)
                return;
        t->action = strdup(action);
        t->message = string_printf("action %s %s: %s", action, failing ? "does not succeed" : "was given up",
                                   message);
        t->given_up = given_up && !ended;
        t->failing = failing;
        if (!t->action || !t->message) {
                trouble_free(t);
                return;
        }
        while (*last)
                last = &(*last)->next;
        *last = t;
        manager_end_turn(m);
}

static void on_durability(bool durable, const char *why, void *userdata)
{
        Manager *m = userdata;
        char text[256];

        if (durable)
                log_notice("the state is saved again");
        else
                log_error("not durable: %s", why);
        if (durable)
                unsaved_drop(m, NULL);
        if (!m->engine)
                return;
        ready_tell_mode(m);
        snprintf(text, sizeof(text), "the state cannot be saved: %s", why);
        engine_condition(m->engine, ALARM_NOT_DURABLE, NULL, !durable, text, manager_now(m),
                         clock_wall_usec());
        publisher_now(m->publisher);
        manager_touch_page(m);
        manager_touch(m);
}

/* --- registries --- */

static const char *action_registry(const ActionConfig *a)
{
        return a->type->registry ? a->type->registry(a->conf) : NULL;
}

int manager_want_registries(Manager *m, const Config *c)
{
        for (size_t i = 0; i < c->n_actions; i++) {
                const char *path = action_registry(c->actions[i]);
                int r = path ? registries_want(m->registries, path) : 0;

                if (r < 0)
                        return r;
        }
        return 0;
}

static bool is_wanted(const char *path, void *userdata)
{
        const Manager *m = userdata;

        for (size_t i = 0; i < m->config->n_actions; i++) {
                const char *wanted = action_registry(m->config->actions[i]);

                if (wanted && streq(wanted, path))
                        return true;
        }
        return false;
}

void manager_keep_registries(Manager *m)
{
        registries_keep(m->registries, is_wanted, m);
}

static bool page_has_registry(const Config *c)
{
        for (size_t i = 0; i < c->n_actions; i++)
                if (c->actions[i]->type->refresh && action_registry(c->actions[i]))
                        return true;
        return false;
}

static void on_registry(void *userdata)
{
        Manager *m = userdata;
        uint64_t serial = registries_serial(m->registries);

        if (m->outbox && serial != m->registries_serial && page_has_registry(m->config))
                m->refresh_at = manager_now(m);
        m->registries_serial = serial;

        if (m->outbox)
                outbox_retarget(m->outbox);
        manager_touch(m);
}

/* --- life --- */

static int make_directories(const Places *p, Error *e)
{
        const char *const paths[] = {p->state_dir, p->runtime_dir, p->status_dir};

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                int r = directory_make(paths[i], 0755);

                if (r < 0)
                        return error_set(e, r, "cannot make %s: %s", paths[i], error_words(-r));
        }
        return 0;
}

static int make_tools(Manager *m)
{
        int r;

        r = resolver_new(m->event, &m->resolver);
        if (r >= 0)
                r = fetch_client_new(m->event, m->resolver, &m->fetch);
        if (r >= 0)
                r = reader_new(m->event, &m->reader);
        if (r >= 0)
                r = worker_new(m->event, "disk", &m->disk);
        if (r >= 0)
                r = worker_new(m->event, "page", &m->page);
        if (r >= 0)
                r = worker_new(m->event, "runtime", &m->runtime);
        if (r < 0)
                return r;
        m->probe_context = (ProbeContext){
                        .event = m->event, .fetch = m->fetch, .resolver = m->resolver, .reader = m->reader};
        m->action_context = (ActionContext){
                        .event = m->event,
                        .fetch = m->fetch,
                        .resolver = m->resolver,
                        .reader = m->reader,
                        .disk = m->page,
                        .runtime = m->runtime,
                        .runtime_dir = m->places.runtime_dir,
                        .status_dir = m->places.status_dir,
        };
        manager_lend(m);
        return 0;
}

void manager_lend(Manager *m)
{
        m->probe_context.config_dir = m->config->directory;
        m->probe_context.node_id = m->config->node.id;
        m->action_context.config_dir = m->config->directory;
        m->action_context.node_id = m->config->node.id;
        m->action_context.key = m->config->key;
        m->action_context.key_error = m->config->key_error.text;
}

static int make_sources(Manager *m)
{
        int r;

        r = loop_timer_new(m->event, "engine", on_wake, m, &m->wake);
        if (r >= 0)
                r = loop_timer_new(m->event, "database's patience", start_on_patience, m, &m->patience);
        if (r >= 0)
                r = loop_timer_set_after(m->patience, START_PATIENCE_USEC);
        if (r >= 0)
                r = sd_event_add_defer(m->event, &m->turn, on_turn, m);
        if (r < 0)
                return r;
        sd_event_source_set_description(m->turn, "end of turn");
        sd_event_source_set_enabled(m->turn, SD_EVENT_OFF);
        sd_event_source_set_priority(m->turn, SD_EVENT_PRIORITY_IDLE);
        return sd_event_source_set_prepare(m->wake, on_prepare);
}

static int make_parts(Manager *m, Error *e)
{
        OutboxEvents outbox_events = {.progress = on_delivery, .trouble = on_trouble, .userdata = m};
        StoreEvents store_events = {.loaded = start_on_loaded, .durability = on_durability, .userdata = m};
        _cleanup_free_ char *path = string_printf("%s/state.db", m->places.state_dir);
        int r;

        if (!path)
                return -ENOMEM;
        r = registries_new(m->event, on_registry, m, &m->registries);
        m->action_context.registries = m->registries;
        if (r >= 0)
                r = manager_want_registries(m, m->config);
        if (r >= 0)
                r = outbox_new(&m->action_context, &outbox_events, &m->outbox);
        if (r >= 0)
                r = outbox_configure(m->outbox, m->config->actions, m->config->n_actions);
        if (r >= 0)
                r = publisher_new(m, &m->publisher);
        if (r >= 0)
                r = hours_new(m->config, &m->notes);
        if (r >= 0)
                r = tally_new(m->config, &m->tally);
        if (r >= 0)
                r = record_new(&m->record);
        if (r >= 0)
                r = heartbeat_new(m, &m->heartbeat);
        if (r >= 0)
                r = targets_new(m, &m->targets);
        if (r >= 0)
                r = store_new(m->event, m->disk, path, &store_events, &m->store);
        if (r < 0)
                return r;
        return control_new(m, &m->control, e);
}

static void on_reload(void *userdata)
{
        reload_start(userdata);
}

static void on_stop(void *userdata)
{
        Manager *m = userdata;

        m->stopping = true;
}

static uint64_t on_progress(void *userdata)
{
        const Manager *m = userdata;

        return m->wakes;
}

static int make_service(Manager *m)
{
        ServiceOptions options = {.event = m->event,
                                  .reload = on_reload,
                                  .stop = on_stop,
                                  .progress = on_progress,
                                  .userdata = m};

        return service_new(&options, &m->service);
}

int manager_new(const Places *places, Config *config, Manager **ret, Error *e)
{
        Manager *m = calloc(1, sizeof(*m));
        int r;

        *ret = m;
        if (!m) {
                config_free(config);
                return error_set(e, -ENOMEM, "out of memory");
        }
        m->places = *places;
        m->state_lock = -1;
        m->config = config;
        m->started_wall = clock_wall_usec();
        m->recent = json_array();
        m->unsaved = json_array();
        error_set(e, 0, "%s", "");
        r = make_directories(places, e);
        if (r >= 0)
                r = daemon_lock_state(places->state_dir, "failoverd", &m->state_lock, e);
        if (r >= 0)
                r = sd_event_new(&m->event);
        if (r >= 0)
                r = make_tools(m);
        if (r >= 0)
                r = make_sources(m);
        if (r >= 0)
                r = make_parts(m, e);
        if (r >= 0)
                r = make_service(m);
        if (r < 0 && !e->text[0])
                error_set(e, r, "cannot start: %s", strerror(-r));
        return r;
}

Manager *manager_free(Manager *m)
{
        ManagerTrouble *t;

        if (!m)
                return NULL;
        m->stopping = true;
        service_free(m->service);
        attempts_cancel_all(m->config);
        store_batch_free(m->progress);
        m->store = store_free(m->store, STOP_PATIENCE_USEC); /* first: its answers still find everybody */
        m->control = control_free(m->control);
        heartbeat_free(m->heartbeat);
        targets_free(m->targets);
        outbox_free(m->outbox);
        registries_free(m->registries);
        m->engine = engine_free(m->engine);
        reader_free(m->reader);
        worker_free(TAKE_PTR(m->loader), 0);
        worker_free(m->runtime, STOP_PATIENCE_USEC);
        worker_free(m->page, STOP_PATIENCE_USEC);
        worker_free(m->disk, STOP_PATIENCE_USEC);
        publisher_free(m->publisher);
        hours_free(m->notes);
        tally_free(m->tally);
        record_free(m->record);
        while ((t = trouble_take(m)))
                trouble_free(t);
        json_decref(m->recent);
        json_decref(m->unsaved);
        loop_source_free(m->wake);
        loop_source_free(m->patience);
        loop_source_free(m->turn);
        fetch_client_free(m->fetch);
        resolver_free(m->resolver);
        sd_event_unref(m->event);
        config_free(m->config);
        fd_closep(&m->state_lock);
        free(m);
        return NULL;
}

int manager_run(Manager *m)
{
        int r = sd_event_loop(m->event);

        if (r < 0)
                log_error("the event loop has failed: %s", strerror(-r));
        if (m->engine) { /* the last batch: windows and memory as they stand */
                m->save_at = 0;
                public_status_count(m);
                on_turn(NULL, m);
        }
        return r;
}
