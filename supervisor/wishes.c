/* SPDX-License-Identifier: MIT */
/* What the engine wants done: attempts, changes and alerts as transactions, news for whoever looks on. */
#include "supervisor/wishes.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/sign.h"
#include "supervisor/attempts.h"
#include "supervisor/control.h"
#include "supervisor/hours.h"
#include "supervisor/journal.h"
#include "supervisor/public_record.h"
#include "supervisor/public_status.h"
#include "supervisor/publish.h"
#include "supervisor/ready.h"
#include "supervisor/recent.h"
#include "supervisor/status.h"
#include "supervisor/unsaved.h"

static int on_engine_start(unsigned probe, uint64_t serial, void *userdata)
{
        return attempts_start(userdata, probe, serial);
}

static void on_engine_cancel(unsigned probe, uint64_t serial, void *userdata)
{
        Manager *m = userdata;

        attempts_cancel(m->config, probe, serial);
}

typedef struct Release {
        Manager *manager;
        bool change;
        char id[48], mode[96];
} Release;

static void on_saved(int r, void *userdata)
{
        _cleanup_free_ Release *release = userdata;
        Manager *m = release->manager;

        if (m->stopping)
                return; /* the next start finds what is to be done */
        m->n_changing -= release->change;
        if (r >= 0 && release->change)
                unsaved_drop(m, release->id);
        if (r < 0)
                log_warning("acting before it is saved: %s",
                            r == -EINPROGRESS ? "the disk has not answered" : error_words(-r));
        if (release->change)
                control_tell_change(m->control, release->id, release->mode, r >= 0);
        outbox_release(m->outbox, release->id, r >= 0);
        publisher_now(m->publisher);
        manager_touch(m);
}

void wishes_commit(Manager *m, const ActionFacts *facts, const ChangeRecord *change)
{
        Release *release = malloc(sizeof(*release));
        StoreBatch *b = m->progress ? TAKE_PTR(m->progress) : store_batch_new();
        int r;

        if (change)
                unsaved_add(m, change, facts);
        if (b && change)
                store_batch_change(b, change);
        r = b ? outbox_add(m->outbox, facts, b) : -ENOMEM;
        if (r < 0) {
                log_error("out of memory: nobody is told of %s", facts->id);
                m->unassured = m->remember = true; /* what the shop reads is put right as soon as it can be */
                manager_end_turn(m);
        }
        if (b) {
                hours_add(m, b, false);
                record_add(m, b);
                manager_add_memory(m, b);
        }
        if (!release) { /* nobody can be told when it is saved: act at once */
                manager_submit(m, b, NULL, NULL);
                outbox_release(m->outbox, facts->id, false);
                if (change)
                        control_tell_change(m->control, change->id, change->to, false);
                publisher_now(m->publisher);
                return;
        }
        release->manager = m;
        release->change = change != NULL;
        m->n_changing += release->change;
        snprintf(release->id, sizeof(release->id), "%s", facts->id);
        snprintf(release->mode, sizeof(release->mode), "%s", change ? change->to : "");
        manager_submit(m, b, on_saved, release);
}

static void on_engine_changed(const EngineChange *change, void *userdata)
{
        Manager *m = userdata;
        const char *from = change->from == MODE_NONE ? "" : m->config->modes[change->from].name;
        const char *to = m->config->modes[change->to].name;
        _cleanup_json_ json_t *evidence = status_evidence(m), *public_status = NULL;
        _cleanup_free_ char *evidence_text = NULL;
        char config_hash[65];
        ActionFacts facts;
        ChangeRecord record;

        journal_change(change, from, to);
        if (service_is_ready(m->service))
                ready_tell_mode(m);
        if (!evidence || json_print(evidence, &evidence_text) < 0)
                log_error("out of memory: change %s is stored without its evidence", change->id);
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
        facts.follows = change->from == MODE_NONE || change->from == 0 ? "" : recent_latest(m);
        facts.automatic = change->automatic;
        facts.since_usec = change->since_wall;
        facts.from_first = change->from == 0;
        facts.seq = manager_next_seq(m);
        facts.quiet = record_holds_change(m, change->to == 0);
        recent_add(m, &record);
        public_status_count(m);
        record_changed(m, &record);
        public_status = public_status_document(m);
        facts.public_status = public_status;
        wishes_commit(m, &facts, &record);
        m->refresh_at = 0; /* with the next tick: the page shows the probes, too */
}

void wishes_alarm(Manager *m, const Alarm *alarm, bool raised)
{
        ActionFacts facts;
        char id[64], begun[64];

        manager_facts(m, raised ? ACTION_RAISED : ACTION_CLEARED, &facts);
        snprintf(id, sizeof(id), "%s-%s", alarm->id, raised ? "raised" : "cleared");
        snprintf(begun, sizeof(begun), "%s-raised", alarm->id);
        facts.id = id;
        facts.follows = raised ? "" : begun;
        facts.alert = alarm->name;
        facts.summary = alarm->message ? alarm->message : alarm->name;
        facts.details = raised ? alarm_advice(alarm->kind) : "It has ended; nothing is left to do.";
        facts.severity = alarm_severity(
                        alarm->kind); /* the same for begin and end: receivers pair them by it */
        facts.at_usec = clock_wall_usec();
        facts.since_usec = alarm->since_wall;
        wishes_commit(m, &facts, NULL);
}

static void on_engine_alarm(const Alarm *alarm, bool raised, void *userdata)
{
        Manager *m = userdata;
        bool held = record_holds_alarm(m, alarm, raised);

        journal_alarm(alarm, raised, held);
        if (!held)
                wishes_alarm(m, alarm, raised);
        manager_touch_page(m);
        manager_touch(m);
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
                manager_end_turn(m);
                manager_touch_page(m);
        }
        control_judged(m->control, probe);
        manager_touch(m);
}

static void on_engine_remember(void *userdata)
{
        Manager *m = userdata;

        m->remember = true;
        manager_end_turn(m);
        manager_touch(m);
}

void wishes_output(Manager *m, EngineOutput *ret)
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
