/* SPDX-License-Identifier: MIT */
/* failoverd's one object: wires the engine to attempts, store, outbox, files, control socket and systemd. */
#include "supervisor/manager.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sign.h"
#include "base/text.h"
#include "supervisor/attempts.h"
#include "supervisor/control.h"
#include "supervisor/heartbeat.h"
#include "supervisor/hours.h"
#include "supervisor/publish.h"
#include "supervisor/reload.h"
#include "supervisor/service.h"
#include "supervisor/status.h"
#include "supervisor/targets.h"

#define SAVE_EVERY_USEC      USEC_PER_MIN       /* windows without a fail */
#define LOAD_PATIENCE_USEC   (2 * USEC_PER_SEC) /* for the database at a start */
#define STOP_PATIENCE_USEC   (2 * USEC_PER_SEC)
#define REFRESH_EVERY_USEC   USEC_PER_MIN /* the status page's `updated` */
#define REFRESH_SOONEST_USEC (2 * USEC_PER_SEC)
#define RECENT_CHANGES       20

/* An action's trouble, told by the outbox, until the engine may be called. */
typedef struct ManagerTrouble {
        struct ManagerTrouble *next;
        char *action, *message;
        bool standing;
} ManagerTrouble;

uint64_t manager_now(const Manager *m)
{
        return steady_now(&m->steady);
}

/* --- the last changes, for the status page --- */

static void on_recent(int r, json_t *result, void *userdata)
{
        Manager *m = userdata;
        json_t *known = r < 0 ? NULL : json_object_get(result, "changes"), *item;
        size_t i;

        /* What has happened since the question is newer. */
        json_array_foreach(known, i, item)
        {
                if (json_array_size(m->recent) < RECENT_CHANGES)
                        json_array_append(m->recent, item);
        }
        manager_refresh(m);
}

static void recent_add(Manager *m, const ChangeRecord *change)
{
        json_t *j = json_object();

        json_put(j, "id", json_string(change->id));
        json_put(j, "at", json_timestamp(change->at_usec));
        json_put(j, "from", json_string(change->from));
        json_put(j, "to", json_string(change->to));
        json_put(j, "cause", json_string_or_null(change->cause));
        json_put(j, "automatic", json_boolean(change->automatic));
        json_array_insert_new(m->recent, 0, j);
        if (json_array_size(m->recent) > RECENT_CHANGES)
                json_array_remove(m->recent, RECENT_CHANGES);
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
static void touch_page(Manager *m)
{
        m->refresh_at = MIN(m->refresh_at, manager_now(m) + REFRESH_SOONEST_USEC);
}

/* --- the end of a turn: what belongs into one batch --- */

static StoreBatch *progress(Manager *m)
{
        if (!m->progress)
                m->progress = store_batch_new();
        sd_event_source_set_enabled(m->turn, SD_EVENT_ONESHOT);
        return m->progress;
}

static json_t *memory_document(const Manager *m)
{
        json_t *j = engine_remember(m->engine);

        if (j)
                json_put(j, "steady", steady_to_json(&m->steady));
        return j;
}

static void add_memory(Manager *m, StoreBatch *b)
{
        _cleanup_json_ json_t *j = memory_document(m);

        if (j)
                store_batch_memory(b, j);
        m->remember = !j;
}

static void submit(Manager *m, StoreBatch *b, StoreDone done, void *userdata)
{
        int r = store_submit(m->store, b, done, userdata);

        if (r < 0) {
                log_error("cannot save the state: %s", strerror(-r));
                if (done)
                        done(r, userdata);
        }
}

/* Called by the loop after what happened in this turn. */
static int on_turn(sd_event_source *s, void *userdata)
{
        Manager *m = userdata;
        uint64_t now = manager_now(m);
        bool routine = now >= m->save_at;
        StoreBatch *b;

        while (m->troubles) {
                ManagerTrouble *t = m->troubles;

                m->troubles = t->next;
                engine_condition(m->engine, ALARM_ACTION, t->action, t->standing, t->message, now,
                                 clock_wall_usec());
                free(t->action);
                free(t->message);
                free(t);
        }
        if (!m->progress && !m->remember && !routine && !hours_urgent(m))
                return 0;
        b = m->progress ? TAKE_PTR(m->progress) : store_batch_new();
        if (!b)
                return 0; /* out of memory: the next turn tries again */
        hours_add(m, b, routine);
        if (m->remember || routine)
                add_memory(m, b);
        if (routine)
                m->save_at = now + SAVE_EVERY_USEC;
        submit(m, b, NULL, NULL);
        return 0;
}

static void end_turn(Manager *m)
{
        sd_event_source_set_enabled(m->turn, SD_EVENT_ONESHOT);
}

/* --- the engine's wishes --- */

static int on_engine_start(unsigned probe, uint64_t serial, void *userdata)
{
        return attempts_start(userdata, probe, serial);
}

static void on_engine_cancel(unsigned probe, uint64_t serial, void *userdata)
{
        Manager *m = userdata;

        attempts_cancel(m, m->config, probe, serial);
}

typedef struct Release {
        Manager *manager;
        char id[48];
} Release;

static void on_saved(int r, void *userdata)
{
        _cleanup_free_ Release *release = userdata;
        Manager *m = release->manager;

        if (r < 0)
                log_warning("acting before it is saved: %s", strerror(-r));
        outbox_release(m->outbox, release->id);
        publisher_now(m->publisher);
        manager_touch(m);
}

/* Writes facts and their deliveries, with all that hangs on them, in one transaction; then lets them run. */
static void commit(Manager *m, const ActionFacts *facts, const ChangeRecord *change)
{
        Release *release = malloc(sizeof(*release));
        StoreBatch *b = m->progress ? TAKE_PTR(m->progress) : store_batch_new();
        int r;

        if (b && change)
                store_batch_change(b, change);
        r = b ? outbox_add(m->outbox, facts, b) : -ENOMEM;
        if (r < 0)
                log_error("out of memory: an action for %s may be missing", facts->id);
        if (b) {
                hours_add(m, b, false);
                add_memory(m, b);
        }
        if (!b || !release) { /* act all the same */
                store_batch_free(b);
                free(release);
                outbox_release(m->outbox, facts->id);
                publisher_now(m->publisher);
                return;
        }
        release->manager = m;
        snprintf(release->id, sizeof(release->id), "%s", facts->id);
        submit(m, b, on_saved, release);
}

static void log_change(const EngineChange *change, const char *from, const char *to)
{
        char id[64], mode[96], was[96];
        const char *fields[] = {"MESSAGE_ID=f3f0c1d4a9f94e0c8a52f7c3c0f5f0d1", id, mode, was, NULL};

        snprintf(id, sizeof(id), "FAILOVER_CHANGE=%s", change->id);
        snprintf(mode, sizeof(mode), "FAILOVER_MODE=%s", to);
        snprintf(was, sizeof(was), "FAILOVER_FROM=%s", from);
        log_fields(change->automatic && change->rule != RULE_RETURN ? LOG_CRIT : LOG_NOTICE, fields,
                   "mode %s%s%s: %s", from[0] ? from : "", from[0] ? " to " : "", to, change->cause);
}

static void on_engine_changed(const EngineChange *change, void *userdata)
{
        Manager *m = userdata;
        const char *from = change->from == MODE_NONE ? "" : m->config->modes[change->from].name;
        const char *to = m->config->modes[change->to].name;
        _cleanup_json_ json_t *evidence = status_evidence(m);
        _cleanup_free_ char *evidence_text = NULL;
        char config_hash[65];
        ActionFacts facts;
        ChangeRecord record;

        log_change(change, from, to);
        if (evidence)
                json_print(evidence, &evidence_text);
        hex_encode(config_hash, m->config->hash, sizeof(m->config->hash));
        record = (ChangeRecord){
                        .id = change->id,
                        .at_usec = change->at_wall,
                        .from = from,
                        .to = to,
                        .cause = change->cause,
                        .rule = rule_name(change->rule),
                        .operator_reason = change->reason,
                        .automatic = change->automatic,
                        .durable = store_is_durable(m->store),
                        .config_hash = config_hash,
                        .evidence = evidence_text ? evidence_text : "{}",
        };
        manager_facts(m, ACTION_CHANGE, &facts);
        facts.from = from;
        facts.automatic = change->automatic;
        facts.since_usec = change->since_wall;
        recent_add(m, &record);
        commit(m, &facts, &record);
        m->refresh_at = 0; /* with the next tick: the page shows the probes, too */
        control_event(m->control, "change", change->id);
}

static void on_engine_alarm(const Alarm *alarm, bool raised, void *userdata)
{
        Manager *m = userdata;
        ActionFacts facts;
        char id[64];

        log_at(raised ? LOG_WARNING : LOG_NOTICE, "alert %s: %s: %s", raised ? "raised" : "cleared",
               alarm->name, alarm->message ? alarm->message : "");
        manager_facts(m, raised ? ACTION_RAISED : ACTION_CLEARED, &facts);
        snprintf(id, sizeof(id), "%s-%s", alarm->id, raised ? "raised" : "cleared");
        facts.id = id;
        facts.alert = alarm->name;
        facts.summary = alarm->message ? alarm->message : alarm->name;
        facts.details = raised ? alarm_advice(alarm->kind) : "It has ended; nothing is left to do.";
        facts.severity = alarm_severity(
                        alarm->kind); /* the same for begin and end: receivers pair them by it */
        facts.at_usec = clock_wall_usec();
        facts.since_usec = alarm->since_wall;
        commit(m, &facts, NULL);
        touch_page(m);
}

static void on_engine_judged(unsigned probe, Outcome outcome, bool turned, bool important, void *userdata)
{
        Manager *m = userdata;
        Verdict v = engine_state(m->engine)->probes[probe].verdict;

        if (turned)
                log_at(v == VERDICT_UP ? LOG_NOTICE : LOG_WARNING, "probe %s is %s: %s",
                       m->config->probes[probe]->name, verdict_name(v), engine_message(m->engine, probe));
        hours_note(m, probe, outcome, important);
        if (important) {
                end_turn(m);
                touch_page(m);
        }
        control_judged(m->control, probe);
        manager_touch(m);
}

static void on_engine_remember(void *userdata)
{
        Manager *m = userdata;

        m->remember = true;
        end_turn(m);
        manager_touch(m);
}

void manager_engine_output(Manager *m, EngineOutput *ret)
{
        *ret = (EngineOutput){
                        .start = on_engine_start,
                        .cancel = on_engine_cancel,
                        .changed = on_engine_changed,
                        .alarm = on_engine_alarm,
                        .judged = on_engine_judged,
                        .remember = on_engine_remember,
                        .userdata = m,
        };
}

/* --- the loop's calls --- */

static void arm(Manager *m)
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
        if (now >= m->save_at)
                end_turn(m);
        if (now >= m->refresh_at)
                manager_refresh(m);
        service_check_ready(m);
        arm(m);
        return 0;
}

/* Whatever called the engine may have changed when it wants to be called next: before the loop sleeps, the timer is set. */
static int on_prepare(sd_event_source *s, void *userdata)
{
        Manager *m = userdata;

        if (m->engine)
                arm(m);
        return 0;
}

void manager_refresh(Manager *m)
{
        ActionFacts facts;
        _cleanup_json_ json_t *status = NULL;

        m->refresh_at = manager_now(m) + REFRESH_EVERY_USEC;
        if (!m->wants_page)
                return;
        status = status_document(m);
        if (!status)
                return;
        json_put(status, "changes", json_incref(m->recent));
        manager_facts(m, ACTION_REFRESH, &facts);
        facts.status = status;
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
        StoreBatch *b = progress(m);
        DeliveryRecord record;

        outbox_record(d, &record);
        /* What manager_assure_state() asked is no news: the change's own deliveries are in the store already. */
        if (b && (record.id < m->assured_from || record.id >= m->assured_until))
                store_batch_delivery(b, &record);
        service_check_ready(m);
        manager_touch(m);
}

static void on_trouble(const char *action, bool given_up, bool ended, const char *message, void *userdata)
{
        Manager *m = userdata;
        ManagerTrouble *t, **last = &m->troubles;

        if (!given_up && !ended)
                return; /* status shows it */
        t = calloc(1, sizeof(*t));
        if (!t)
                return;
        t->action = strdup(action);
        t->message = string_printf("action %s was given up: %s", action, message);
        t->standing = given_up;
        if (!t->action || !t->message) {
                free(t->action);
                free(t->message);
                free(t);
                return;
        }
        while (*last)
                last = &(*last)->next;
        *last = t;
        end_turn(m);
}

static void on_durability(bool durable, const char *why, void *userdata)
{
        Manager *m = userdata;
        char text[256];

        if (durable)
                log_notice("the state is saved again");
        else
                log_error("not durable: %s", why);
        if (!m->engine)
                return;
        snprintf(text, sizeof(text), "the state cannot be saved: %s", why);
        engine_condition(m->engine, ALARM_NOT_DURABLE, NULL, !durable, text, manager_now(m),
                         clock_wall_usec());
        publisher_now(m->publisher);
        touch_page(m);
        manager_touch(m);
}

/* --- the start --- */

/* After a reboot payment.env is gone though its delivery was done, and a reload may bring a new action: every state action
 * is asked whether it is so. */
void manager_assure_state(Manager *m)
{
        ActionFacts facts;
        _cleanup_json_ json_t *j = NULL;
        _cleanup_free_ char *text = NULL;

        m->assured_from = (int64_t) clock_wall_usec();
        m->assured_until = m->assured_from + (int64_t) m->config->n_actions;
        manager_facts(m, ACTION_CHANGE, &facts);
        j = facts_to_json(&facts);
        if (!j || json_print(j, &text) < 0)
                return;
        for (size_t i = 0; i < m->config->n_actions; i++) {
                const ActionConfig *a = m->config->actions[i];
                DeliveryRecord record = {
                                .id = m->assured_from + (int64_t) i,
                                .change = facts.change,
                                .action = a->name,
                                .type = a->type->name,
                                .target = a->target,
                                .kind = ACTION_CHANGE,
                                .facts = text,
                                .state = "pending",
                                .message = "",
                                .created_usec = clock_wall_usec(),
                };

                if (!a->type->event && config_action_runs_in(a, facts.mode) &&
                    !outbox_is_pending(m->outbox, a->name))
                        outbox_restore(m->outbox, &record);
        }
}

static void restore_probes(Manager *m, const StoreLoaded *loaded, uint64_t now)
{
        for (size_t i = 0; i < loaded->n_probes; i++) {
                const ProbeRecord *p = &loaded->probes[i];
                unsigned probe = config_find_probe(m->config, p->name);

                if (probe != PROBE_NONE)
                        engine_restore_probe(m->engine, probe, &p->state, p->history, p->message, now);
        }
}

static const char *last_change(const json_t *memory)
{
        const char *id = json_string_value(json_object_get(memory, "change"));

        return id ? id : "";
}

/* mode.json knows more than the database when it was written while the state could not be saved, or when the database
 * does not answer. ULIDs sort by time. */
static bool mode_file_leads(const StoreLoaded *loaded, const json_t *mode)
{
        const json_t *memory = json_object_get(mode, "memory");

        if (!memory)
                return false;
        if (!loaded || loaded->error < 0)
                return true;
        return json_is_false(json_object_get(mode, "durable")) &&
               strcmp(last_change(memory), loaded->memory ? last_change(loaded->memory) : "") > 0;
}

/* Alerts about the database that were stored end here unless they still hold. */
static void judge_database(Manager *m, const StoreLoaded *loaded, uint64_t now)
{
        bool damaged = loaded && (loaded->error < 0 || loaded->chain_broken),
             durable = store_is_durable(m->store);
        char text[400] = "";

        if (damaged) {
                snprintf(text, sizeof(text), "%s/state.db: %.300s", m->places.state_dir, loaded->text.text);
                log_error("%s", text);
        }
        engine_condition(m->engine, ALARM_CHAIN, NULL, damaged, text, now, clock_wall_usec());
        snprintf(text, sizeof(text), "the state cannot be saved: %s", store_trouble(m->store));
        engine_condition(m->engine, ALARM_NOT_DURABLE, NULL, !durable, text, now, clock_wall_usec());
}

/* Brings the engine to life: loaded is NULL when the database has had its time. */
static int begin(Manager *m, const StoreLoaded *loaded)
{
        _cleanup_json_ json_t *mode = publisher_read(m->places.runtime_dir);
        const json_t *memory = loaded && loaded->error >= 0 ? loaded->memory : NULL;
        bool adopt = mode_file_leads(loaded, mode);
        EngineOutput output;
        uint64_t now;
        int r;

        if (adopt)
                memory = json_object_get(mode, "memory");
        m->adopted = adopt;
        steady_begin(&m->steady, adopt ? json_object_get(mode, "steady") : json_object_get(memory, "steady"));
        now = manager_now(m);
        m->save_at = now + SAVE_EVERY_USEC;
        m->refresh_at = now;
        manager_engine_output(m, &output);
        r = engine_new(m->config, random_seed(), &output, now, clock_wall_usec(), &m->engine);
        if (r < 0)
                return r;
        if (loaded && loaded->error >= 0)
                restore_probes(m, loaded, now);
        if (memory && engine_recall(m->engine, memory, now) < 0) {
                log_error("what was stored cannot be read: beginning anew");
                memory = NULL;
        }
        for (size_t i = 0; loaded && i < loaded->n_deliveries; i++)
                outbox_restore(m->outbox, &loaded->deliveries[i]);
        engine_begin(m->engine, !memory, now, clock_wall_usec());
        if (memory)
                manager_assure_state(m);
        judge_database(m, loaded, now);
        if (adopt && loaded && loaded->error >= 0)
                m->remember = true;
        if (loaded && loaded->error >= 0 && memory)
                store_read_history(m->store, RECENT_CHANGES, on_recent, m);
        end_turn(m);
        arm(m); /* an armed timer is what on_prepare() hangs on */
        publisher_now(m->publisher);
        log_info("running in mode %s, %zu probes, %zu actions",
                 m->config->modes[engine_state(m->engine)->mode].name, m->config->n_probes,
                 m->config->n_actions);
        return 0;
}

static void on_loaded(const StoreLoaded *loaded, void *userdata)
{
        Manager *m = userdata;
        int r;

        m->loaded = true;
        m->patience = loop_source_free(m->patience);
        if (m->engine) { /* late: we have gone on from mode.json */
                log_notice("the database has answered at last");
                for (size_t i = 0; loaded->error >= 0 && i < loaded->n_deliveries; i++)
                        outbox_restore(m->outbox, &loaded->deliveries[i]);
                judge_database(m, loaded, manager_now(m));
                m->remember = true;
                end_turn(m);
                return;
        }
        r = begin(m, loaded);
        if (r < 0) {
                log_error("cannot begin: %s", strerror(-r));
                sd_event_exit(m->event, 1);
        }
}

static int on_patience(sd_event_source *s, uint64_t usec, void *userdata)
{
        Manager *m = userdata;
        int r;

        if (m->engine)
                return 0;
        log_error("the database does not answer: going on from mode.json, not durable");
        r = begin(m, NULL);
        return r < 0 ? sd_event_exit(m->event, 1) : 0;
}

/* --- life --- */

static int make_directories(const Places *p, Error *e)
{
        const char *const paths[] = {p->state_dir, p->runtime_dir, p->status_dir};

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                int r = directory_make(paths[i], 0755);

                if (r < 0)
                        return error_set(e, r, "cannot make %s: %s", paths[i], strerror(-r));
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
                r = worker_new(m->event, "disk", &m->disk);
        if (r >= 0)
                r = worker_new(m->event, "runtime", &m->runtime);
        if (r < 0)
                return r;
        m->probe_context = (ProbeContext){.event = m->event,
                                          .fetch = m->fetch,
                                          .resolver = m->resolver,
                                          .config_dir = m->config->directory};
        m->action_context = (ActionContext){
                        .event = m->event,
                        .fetch = m->fetch,
                        .disk = m->disk,
                        .runtime = m->runtime,
                        .config_dir = m->config->directory,
                        .runtime_dir = m->places.runtime_dir,
                        .status_dir = m->places.status_dir,
        };
        return 0;
}

static int make_sources(Manager *m)
{
        int r;

        r = loop_timer_new(m->event, "engine", on_wake, m, &m->wake);
        if (r >= 0)
                r = loop_timer_new(m->event, "database's patience", on_patience, m, &m->patience);
        if (r >= 0)
                r = loop_timer_set_after(m->patience, LOAD_PATIENCE_USEC);
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
        StoreEvents store_events = {.loaded = on_loaded, .durability = on_durability, .userdata = m};
        _cleanup_free_ char *path = string_printf("%s/state.db", m->places.state_dir);
        int r;

        if (!path)
                return -ENOMEM;
        r = outbox_new(&m->action_context, &outbox_events, &m->outbox);
        if (r >= 0) {
                outbox_configure(m->outbox, m->config->actions, m->config->n_actions);
                r = publisher_new(m, &m->publisher);
        }
        if (r >= 0)
                r = hours_configure(m);
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

int manager_new(const Places *places, Config *config, Manager **ret, Error *e)
{
        Manager *m = calloc(1, sizeof(*m)); /* freed by the caller's cleanup through ret, on failure too */
        int r;

        *ret = m;
        if (!m) {
                config_free(config);
                return error_set(e, -ENOMEM, "out of memory");
        }
        m->places = *places;
        m->config = config;
        m->started_wall = clock_wall_usec();
        m->recent = json_array();
        for (size_t i = 0; i < config->n_actions; i++)
                m->wants_page = m->wants_page || config->actions[i]->type->refresh;
        error_set(e, 0, "%s", "");
        r = make_directories(places, e);
        if (r >= 0)
                r = sd_event_new(&m->event);
        if (r >= 0)
                r = make_tools(m);
        if (r >= 0)
                r = make_sources(m);
        if (r >= 0)
                r = make_parts(m, e);
        if (r >= 0)
                r = service_new(m);
        if (r < 0 && !e->text[0])
                error_set(e, r, "cannot start: %s", strerror(-r));
        return r;
}

Manager *manager_free(Manager *m)
{
        if (!m)
                return NULL;
        service_free(m);
        attempts_cancel_all(m->config);
        m->control = control_free(m->control);
        heartbeat_free(m->heartbeat);
        targets_free(m->targets);
        outbox_free(m->outbox);
        store_batch_free(m->progress);
        store_free(m->store, STOP_PATIENCE_USEC);
        m->engine = engine_free(m->engine);
        worker_free(m->runtime, STOP_PATIENCE_USEC);
        worker_free(m->disk, STOP_PATIENCE_USEC);
        publisher_free(m->publisher);
        hours_free(m);
        json_decref(m->recent);
        loop_source_free(m->wake);
        loop_source_free(m->patience);
        loop_source_free(m->turn);
        fetch_client_free(m->fetch);
        resolver_free(m->resolver);
        sd_event_unref(m->event);
        config_free(m->config);
        free(m);
        return NULL;
}

int manager_run(Manager *m)
{
        int r = sd_event_loop(m->event);

        if (m->engine) { /* the last batch: windows and memory as they stand */
                m->save_at = 0;
                on_turn(NULL, m);
        }
        return r;
}
