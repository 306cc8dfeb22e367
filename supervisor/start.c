/* SPDX-License-Identifier: MIT */
/* The start: the engine comes to life with what was stored, or with mode.json when the database does not answer. */
#include "supervisor/start.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/sign.h"
#include "supervisor/facts.h"
#include "supervisor/public_record.h"
#include "supervisor/publish.h"
#include "supervisor/recent.h"
#include "supervisor/tally.h"
#include "supervisor/unsaved.h"
#include "supervisor/wishes.h"

/* After a reboot payment.env is gone though its delivery was done, and a reload may bring a new action: every state action
 * is asked whether it is so. */
void start_assure_state(Manager *m)
{
        ActionFacts facts;
        _cleanup_json_ json_t *j = NULL;
        _cleanup_free_ char *text = NULL;
        bool again = m->unassured;

        m->unassured = true;
        manager_facts(m, ACTION_CHANGE, &facts);
        j = facts_to_json(&facts);
        if (!j || json_print(j, &text) < 0)
                return;
        m->unassured = false;
        for (size_t i = 0; i < m->config->n_actions; i++) {
                const ActionConfig *a = m->config->actions[i];
                DeliveryRecord record = {
                                .id = (int64_t) clock_wall_usec() + (int64_t) i,
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

                if (a->type->event || !config_action_runs_in(a, facts.mode))
                        continue;
                if (!outbox_is_pending(m->outbox, a->name))
                        m->unassured |= outbox_assure(m->outbox, &record) < 0;
                else
                        m->unassured |= again; /* it may be of an older mode */
        }
}

/* Else what it found out is no answer; a reload judges so, too. */
static bool asks_the_same(const ProbeConfig *c, const ProbeRecord *stored)
{
        char hash[2 * sizeof(c->hash) + 1];

        hex_encode(hash, c->hash, sizeof(c->hash));
        return !stored->config[0] || streq(stored->config, hash);
}

static void restore_probes(Manager *m, const StoreLoaded *loaded, uint64_t now)
{
        for (size_t i = 0; i < loaded->n_probes; i++) {
                const ProbeRecord *p = &loaded->probes[i];
                unsigned probe = config_find_probe(m->config, p->name);

                if (probe != PROBE_NONE && asks_the_same(m->config->probes[probe], p))
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
                snprintf(text, sizeof(text), "%.390s", loaded->text.text); /* names the file */
                log_error("%s", text);
        }
        engine_condition(m->engine, ALARM_CHAIN, NULL, damaged, text, now, clock_wall_usec());
        snprintf(text, sizeof(text), "the state cannot be saved: %s", store_trouble(m->store));
        engine_condition(m->engine, ALARM_NOT_DURABLE, NULL, !durable, text, now, clock_wall_usec());
}

/* An alert of an action may be stored though what ended it was the last that we did. */
static void judge_actions(Manager *m, uint64_t now)
{
        for (size_t i = 0; i < m->config->n_actions; i++) {
                const char *action = m->config->actions[i]->name;

                if (!outbox_is_troubled(m->outbox, action))
                        engine_condition(m->engine, ALARM_ACTION, action, false, "", now, clock_wall_usec());
                if (!outbox_is_failing(m->outbox, action))
                        engine_condition(m->engine, ALARM_FAILING, action, false, "", now, clock_wall_usec());
        }
}

/* Brings the engine to life: loaded is NULL when the database has had its time. */
static int begin(Manager *m, const StoreLoaded *loaded)
{
        _cleanup_json_ json_t *mode = publisher_read(m->places.runtime_dir);
        const json_t *memory = loaded && loaded->error >= 0 ? loaded->memory : NULL;
        bool adopt = mode_file_leads(loaded, mode), known = loaded && loaded->error >= 0;
        EngineOutput output;
        uint64_t now;
        int r;

        if (adopt)
                memory = json_object_get(mode, "memory");
        m->adopted = adopt;
        manager_recall_seq(m, mode);
        manager_recall_seq(m, known ? loaded->memory : NULL);
        steady_begin(&m->steady, adopt ? json_object_get(mode, "steady") : json_object_get(memory, "steady"));
        now = manager_now(m);
        tally_recall(m->tally, known ? json_object_get(loaded->memory, "components") : NULL);
        record_recall(m, memory);
        m->save_at = now + MANAGER_SAVE_USEC;
        m->refresh_at = now;
        wishes_output(m, &output);
        r = engine_new(m->config, random_seed(), &output, now, clock_wall_usec(), &m->engine);
        if (r < 0)
                return r;
        if (loaded && loaded->error >= 0)
                restore_probes(m, loaded, now);
        r = known ? record_load(m, loaded) : 0;
        if (r < 0)
                return r;
        r = memory ? engine_recall(m->engine, memory, now) : 0;
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                log_error("what was stored cannot be read: beginning anew");
                memory = NULL;
        }
        for (size_t i = 0; loaded && i < loaded->n_deliveries; i++)
                outbox_restore(m->outbox, &loaded->deliveries[i]);
        if (adopt && memory)
                unsaved_adopt(m, json_object_get(mode, "unsaved"),
                              loaded && loaded->memory ? last_change(loaded->memory) : "");
        engine_begin(m->engine, !memory, now, clock_wall_usec());
        manager_refresh(m); /* what the first writing of the page shows */
        if (memory)
                start_assure_state(m);
        judge_database(m, loaded, now);
        if (known)
                judge_actions(m, now);
        if (adopt && loaded && loaded->error >= 0)
                m->remember = true;
        if (loaded && loaded->error >= 0 && memory)
                store_read_history(m->store, RECENT_CHANGES, recent_on_read, m);
        manager_end_turn(m);
        manager_arm(m); /* an armed timer is what on_prepare() hangs on */
        publisher_now(m->publisher);
        log_info("running in mode %s, %zu probe%s, %zu action%s",
                 m->config->modes[engine_state(m->engine)->mode].name, m->config->n_probes,
                 PLURAL(m->config->n_probes), m->config->n_actions, PLURAL(m->config->n_actions));
        return 0;
}

void start_on_loaded(const StoreLoaded *loaded, void *userdata)
{
        Manager *m = userdata;
        int r;

        m->loaded = true;
        m->patience = loop_source_free(m->patience);
        if (m->engine) { /* late: we have gone on from mode.json */
                log_notice("the database has answered at last");
                manager_recall_seq(m, loaded->error >= 0 ? loaded->memory : NULL);
                for (size_t i = 0; loaded->error >= 0 && i < loaded->n_deliveries; i++)
                        outbox_restore(m->outbox, &loaded->deliveries[i]);
                judge_database(m, loaded, manager_now(m));
                if (loaded->error >= 0 && record_load(m, loaded) < 0)
                        log_error("out of memory: the status page shows nothing of before this start");
                m->remember = true;
                manager_end_turn(m);
                return;
        }
        r = begin(m, loaded);
        if (r < 0) {
                log_error("cannot begin: %s", error_words(-r));
                sd_event_exit(m->event, 1);
        }
}

int start_on_patience(sd_event_source *s, uint64_t usec, void *userdata)
{
        Manager *m = userdata;
        _cleanup_json_ json_t *mode = NULL;
        int r;

        if (m->engine)
                return 0;
        mode = publisher_read(m->places.runtime_dir);
        bool told = json_object_get(mode, "memory"), blank = store_is_blank(m->store);
        if (!told && !blank && !m->blank) {
                m->blank = true;
                log_warning("the database does not answer, and there is no mode.json: waiting for it");
                return loop_timer_set_after(m->patience, START_BLANK_USEC - START_PATIENCE_USEC);
        }
        if (!told && blank)
                log_error("the state cannot be kept, and nothing was kept before: beginning in the first "
                          "mode, not durable");
        else
                log_error("the database does not answer: %s, not durable",
                          told ? "going on from mode.json" : "beginning in the first mode");
        r = begin(m, NULL);
        return r < 0 ? sd_event_exit(m->event, 1) : 0;
}
