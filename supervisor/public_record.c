/* SPDX-License-Identifier: MIT */
/* Keeps the public record while the supervisor runs. */
#include "supervisor/public_record.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "supervisor/tally.h"
#include "supervisor/wishes.h"

int record_new(PublicRecord **ret)
{
        PublicRecord *r = calloc(1, sizeof(*r));

        if (!r || !(r->held = json_array())) {
                free(r);
                return -ENOMEM;
        }
        *ret = r;
        return 0;
}

PublicRecord *record_free(PublicRecord *r)
{
        if (!r)
                return NULL;
        bulletins_clear(&r->bulletins);
        json_decref(r->held);
        free(r->first);
        free(r);
        return NULL;
}

/* --- how it is --- */

static json_t *ailing_components(const Manager *m)
{
        json_t *list = json_array();

        for (unsigned i = 0; i < m->config->n_components; i++) {
                ComponentState s = tally_state(m->tally, i);

                if (s == COMPONENT_DEGRADED || s == COMPONENT_PARTIAL || s == COMPONENT_DOWN)
                        json_add(list, json_string(m->config->components[i].id));
        }
        return list;
}

void record_scene(const Manager *m, Scene *ret)
{
        const ModeState *s = engine_state(m->engine);
        const ModeSettings *mode = &m->config->modes[s->mode];

        *ret = (Scene){
                        .id = "",
                        .at = clock_wall_usec(),
                        .mode = mode->name,
                        .payment = mode->payment,
                        .message = mode->message,
                        .first = s->mode == 0,
                        .trouble = m->record->trouble,
                        .selling = selling_judge(m->config, s, schedule_blind(engine_schedule(m->engine))),
                        .planned = maintenances_active(&m->record->bulletins, NULL) != NULL,
                        .components = ailing_components(m),
        };
}

/* Of a change that we only read of: what a buyer met then is what the mode is for, as it is now, and which mode was the first
 * is what was remembered. */
static void scene_of_change(const Manager *m, const ChangeRecord *change, Scene *ret)
{
        unsigned mode = config_find_mode(m->config, change->to);
        const ModeSettings *settings = mode == MODE_NONE ? NULL : &m->config->modes[mode];
        const char *first = m->record->first ? m->record->first : m->config->modes[0].name;

        *ret = (Scene){
                        .id = change->id,
                        .at = change->at_usec,
                        .mode = change->to,
                        .payment = settings ? settings->payment : "",
                        .message = settings ? settings->message : "",
                        .first = streq(change->to, first),
        };
        if (!ret->first)
                ret->selling = streq(ret->payment, "federated") ? SELLING_ELSEWHERE : SELLING_BACKUP;
}

/* --- what is stored --- */

static void note_followed(char followed[static ID_SIZE], const char *change)
{
        if (change && strcmp(change, followed) > 0)
                snprintf(followed, ID_SIZE, "%s", change);
}

/* The bulletins as the database has them, and the changes that came into it without (it is of a version before, or was
 * written while nobody could). A change that was looked at once is not judged again: the modes may be others now. */
static int read_stored(const Manager *m, const StoreLoaded *loaded, Bulletins *ret,
                       char followed[static ID_SIZE])
{

        for (size_t i = 0; i < loaded->n_bulletins; i++) {
                int r = bulletins_restore(ret, &loaded->bulletins[i]);

                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        log_warning("%s of the public record cannot be read, and is left out",
                                    loaded->bulletins[i].id);
        }
        note_followed(followed, incidents_last_change(ret));
        note_followed(followed, json_string_value(json_object_get(loaded->memory, "followed")));
        for (size_t i = 0; i < loaded->n_changes; i++) {
                Scene scene;

                if (strcmp(loaded->changes[i].id, followed) <= 0)
                        continue;
                scene_of_change(m, &loaded->changes[i], &scene);
                if (incidents_follow(ret, &scene) < 0)
                        return -ENOMEM;
                note_followed(followed, scene.id);
        }
        return 0;
}

int record_load(Manager *m, const StoreLoaded *loaded)
{
        char followed[ID_SIZE] = "";
        Bulletins stored = {0};
        int r;

        r = read_stored(m, loaded, &stored, followed);
        if (r >= 0)
                r = bulletins_absorb(&m->record->bulletins, &stored);
        if (r >= 0)
                note_followed(m->record->followed, followed);
        bulletins_clear(&stored);
        for (size_t i = 0; i < loaded->n_days && r >= 0; i++)
                tally_restore(m->tally, &loaded->days[i]);
        return r;
}

void record_recall(Manager *m, const json_t *memory)
{
        json_t *item;
        size_t i;

        const char *first = json_string_value(json_object_get(memory, "first"));

        if (first && !m->record->first)
                m->record->first = strdup(first); /* NULL: as if the modes had not moved */
        m->record->held_change = json_is_true(json_object_get(memory, "held_change"));
        json_array_foreach(json_object_get(memory, "held"), i, item)
        {
                if (json_is_string(item))
                        json_array_append(m->record->held, item);
        }
}

void record_remember(const Manager *m, json_t *memory)
{
        json_put(memory, "first", m->record->first ? json_string(m->record->first) : json_null());
        json_put(memory, "held_change", json_boolean(m->record->held_change));
        json_put(memory, "held", json_copy(m->record->held));
        if (m->loaded) /* else what was written of it is not in the database */
                json_put(memory, "followed", json_string(m->record->followed));
}

void record_add(Manager *m, StoreBatch *b)
{
        if (m->loaded) /* else what the database has may be the same incident: it is waited for */
                bulletins_add(&m->record->bulletins, b);
}

bool record_is_unwritten(const Manager *m)
{
        return m->loaded && bulletins_dirty(&m->record->bulletins);
}

/* --- following the mode --- */

static bool is_told_as_trouble(const Bulletin *incident, const char *mode)
{
        const json_t *latest = incident ? incident_latest(incident) : NULL;
        const char *selling = json_string_value(json_object_get(latest, "selling"));
        const char *then = json_string_value(json_object_get(latest, "mode"));

        return selling && then && streq(then, mode) &&
               (streq(selling, selling_name(SELLING_HAMPERED)) || streq(selling, selling_name(SELLING_NOT)));
}

void record_changed(Manager *m, const ChangeRecord *change)
{
        PublicRecord *r = m->record;
        Scene now, scene;

        record_scene(m, &now);
        scene = now;
        if (!streq(change->id, engine_change_id(m->engine)))
                scene_of_change(m, change, &scene);
        scene.id = change->id;
        scene.at = change->at_usec;
        scene.trouble = r->trouble = false;
        r->trouble_since = 0;
        if (incidents_follow(&r->bulletins, &scene) < 0)
                log_warning("out of memory: the incident is written later");
        else
                note_followed(r->followed, scene.id);
        json_decref(now.components);
}

/* Buyers cannot buy though the mode has not changed, or they can again. */
static int follow_trouble(Manager *m, const Scene *scene)
{
        PublicRecord *r = m->record;
        const Bulletin *open = incidents_open(&r->bulletins);
        bool told = is_told_as_trouble(open, scene->mode);
        bool bad = scene->selling == SELLING_HAMPERED || scene->selling == SELLING_NOT;

        if (scene->trouble && !open) { /* it began when it did, not when it had lasted */
                Scene then = *scene;

                then.at -= manager_now(m) - r->trouble_since;
                return incidents_follow(&r->bulletins, &then);
        }
        if (scene->trouble ? !told : (told && !bad && scene->selling != SELLING_UNKNOWN))
                return incidents_follow(&r->bulletins, scene);
        return 0;
}

/* Remembers which mode is the first. True: it was another one, until a reload or a restart with another file. */
static bool modes_have_moved(Manager *m)
{
        PublicRecord *r = m->record;
        const char *first = m->config->modes[0].name;
        bool moved = r->first && !streq(r->first, first);

        if (r->first && !moved)
                return false;
        free(r->first);
        r->first = strdup(first); /* NULL: the next turn tries again */
        m->remember = true;
        manager_end_turn(m);
        return moved;
}

/* What no change has told: a start finds what happened while nobody could write, and a reload may make another mode the
 * first, to which the shop then has not changed. An incident that is open stands for "not in the first mode, or not selling":
 *
 *  mode       open incident                          what is written
 *  first      none                                   nothing (follow_trouble() begins one)
 *  first      tells of another mode                  its end, or that buyers still cannot buy
 *  first      tells of this one, in trouble          nothing (follow_trouble() ends it)
 *  first      tells of this one, as a fallback       its end: the modes have moved
 *  fallback   none                                   its begin
 *  fallback   any                                    nothing (changes and follow_trouble() go on with it)
 *
 * It is written under the change that led here, and at its time, unless the modes have moved since: then now. */
static int settle(Manager *m, const Scene *scene)
{
        PublicRecord *r = m->record;
        const Bulletin *open = incidents_open(&r->bulletins);
        const json_t *latest = open ? incident_latest(open) : NULL;
        const char *told = json_string_value(json_object_get(latest, "mode"));
        bool moved = modes_have_moved(m), here = told && streq(told, scene->mode);
        Scene then = *scene;

        if (scene->first ? !open || scene->trouble || is_told_as_trouble(open, scene->mode) : open != NULL)
                return 0;
        if (!moved && !here && !incidents_tell(&r->bulletins, engine_change_id(m->engine))) {
                then.id = engine_change_id(m->engine);
                then.at = engine_since_wall(m->engine);
        }
        return incidents_follow(&r->bulletins, &then);
}

static void note_trouble(Manager *m)
{
        PublicRecord *r = m->record;
        Selling selling = selling_judge(m->config, engine_state(m->engine),
                                        schedule_blind(engine_schedule(m->engine)));
        uint64_t now = manager_now(m);

        if (selling != SELLING_HAMPERED && selling != SELLING_NOT)
                r->trouble_since = 0;
        else if (r->trouble_since == 0)
                r->trouble_since = now;
        r->trouble = r->trouble_since > 0 && now >= r->trouble_since + RECORD_TROUBLE_USEC;
}

/* --- alerts --- */

static bool probe_is_covered(const Manager *m, unsigned probe)
{
        for (size_t i = 0; i < m->config->n_components; i++) {
                const ComponentConfig *c = &m->config->components[i];

                for (size_t k = 0; k < c->n_probes; k++)
                        if (c->probes[k] == probe && maintenances_active(&m->record->bulletins, c->id))
                                return true;
        }
        return false;
}

bool record_is_quiet(const Manager *m)
{
        const ModeState *s = engine_state(m->engine);
        bool some = false;

        if (maintenances_active(&m->record->bulletins, NULL))
                return true;
        if (!maintenances_any(&m->record->bulletins))
                return false;
        for (unsigned i = 0; i < m->config->n_probes; i++) {
                if (s->probes[i].verdict != VERDICT_DOWN)
                        continue;
                if (!probe_is_covered(m, i))
                        return false;
                some = true;
        }
        return some;
}

bool record_holds_change(Manager *m, bool to_first)
{
        PublicRecord *r = m->record;
        bool quiet = record_is_quiet(m) ||
                     (to_first && r->held_change && maintenances_any(&r->bulletins) != NULL);

        r->held_change = quiet && !to_first;
        return quiet;
}

/* SIZE_MAX: it is not held. */
static size_t find_held(const PublicRecord *r, const char *id)
{
        for (size_t i = 0; i < json_array_size(r->held); i++)
                if (streq(json_string_value(json_array_get(r->held, i)), id))
                        return i;
        return SIZE_MAX;
}

bool record_holds_alarm(Manager *m, const Alarm *alarm, bool raised)
{
        PublicRecord *r = m->record;
        size_t at = find_held(r, alarm->id);

        if (!raised && at != SIZE_MAX) {
                json_array_remove(r->held, at);
                m->remember = true;
                manager_end_turn(m);
                return true;
        }
        if (!raised || !record_is_quiet(m) || json_array_append_new(r->held, json_string(alarm->id)) < 0)
                return false;
        m->remember = true;
        manager_end_turn(m);
        return true;
}

/* Another version may have left it out. */
static json_t *member_of(const Bulletin *b, const char *key)
{
        json_t *value = json_object_get(b->j, key);

        return value ? json_incref(value) : json_null();
}

json_t *record_status(const Manager *m)
{
        const Bulletin *on = maintenances_any(&m->record->bulletins);
        json_t *j;

        if (!on)
                return json_null();
        j = json_object();
        json_put(j, "id", json_string(bulletin_id(on)));
        json_put(j, "name", member_of(on, "name"));
        json_put(j, "until", member_of(on, "until"));
        json_put(j, "components", member_of(on, "components"));
        json_put(j, "alerts_held",
                 json_integer((json_int_t) json_array_size(m->record->held) + m->record->held_change));
        return j;
}

/* A mode that nobody was told of, once the work is over. */
static void judge_change(Manager *m, bool over)
{
        PublicRecord *r = m->record;
        const ModeState *s = engine_state(m->engine);
        _cleanup_free_ char *text = NULL;
        bool standing;

        r->held_change = r->held_change && s->mode != 0;
        standing = r->held_change && over;
        if (standing == (alarms_find(engine_alarms(m->engine), ALARM_MAINTENANCE, NULL) != NULL))
                return;
        text = string_printf("the shop runs in %s since a maintenance that is over now: %s",
                             m->config->modes[s->mode].name, engine_cause(m->engine));
        engine_condition(m->engine, ALARM_MAINTENANCE, NULL, standing, text ? text : "", manager_now(m),
                         clock_wall_usec());
}

/* The work is over: what is still wrong is told now. */
static void release_alerts(Manager *m)
{
        PublicRecord *r = m->record;
        const Alarms *alarms = engine_alarms(m->engine);
        bool over = !maintenances_any(&r->bulletins);

        if (!m->loaded)
                return; /* the database may know of one that is on */
        judge_change(m, over);
        if (!over || json_array_size(r->held) == 0)
                return;
        for (size_t i = 0; i < alarms->n; i++) {
                size_t at = alarms->items[i].raised ? find_held(r, alarms->items[i].id) : SIZE_MAX;

                if (at == SIZE_MAX)
                        continue;
                json_array_remove(r->held, at); /* one by one, as they are saved: none is lost in between */
                wishes_alarm(m, &alarms->items[i], true);
        }
        json_array_clear(r->held); /* what has ended meanwhile */
        m->remember = true;
        manager_end_turn(m);
}

void record_tick(Manager *m)
{
        PublicRecord *r = m->record;
        Scene scene;
        int error;

        note_trouble(m);
        record_scene(m, &scene);
        if (maintenances_tick(&r->bulletins, &scene))
                manager_touch_page(m);
        error = settle(m, &scene);
        if (error >= 0)
                error = follow_trouble(m, &scene);
        if (error >= 0)
                incidents_grow(&r->bulletins, &scene);
        json_decref(scene.components);
        release_alerts(m);
        if (!bulletins_dirty(&r->bulletins))
                return;
        manager_touch_page(m);
        manager_end_turn(m);
}
