/* SPDX-License-Identifier: MIT */
/* Maintenances: shown ahead, begun and ended in time or by the operator. */
#include "supervisor/bulletins_private.h"

#include "base/clock.h"
#include "base/id.h"

static bool is_state(const Bulletin *b, const char *state)
{
        return b->kind == BULLETIN_MAINTENANCE && streq(bulletin_text(b->j, "state"), state);
}

static void enter(json_t *edited, const char *state, const Scene *scene, const char *body, bool automatic)
{
        json_put(edited, "state", json_string(state));
        bulletin_tell(edited, NULL, scene, state, body, automatic);
}

static int check_words(const Bulletins *b, const Scene *scene, const MaintenanceWords *w, Error *e)
{
        uint64_t from = w->from > 0 ? w->from : scene->at;
        size_t n = 0;

        for (size_t i = 0; i < b->n; i++)
                n += b->items[i].kind == BULLETIN_MAINTENANCE && !bulletin_is_over(&b->items[i]);
        if (n >= MAINTENANCES_MAX)
                return error_set(e, -EAGAIN, "%zu maintenances are planned already", n);
        if (bulletin_is_blank(w->name))
                return error_set(e, -EAGAIN, "a maintenance needs a name");
        if (strlen(w->name) > BULLETIN_NAME_MAX)
                return error_set(e, -EAGAIN, "a name has at most %d bytes", BULLETIN_NAME_MAX);
        if (strlen(w->body) > BULLETIN_BODY_MAX)
                return error_set(e, -EAGAIN, "a text has at most %d bytes", BULLETIN_BODY_MAX);
        if (w->until <= from || w->until <= scene->at)
                return error_set(e, -EAGAIN, "a maintenance ends after it has begun, and in the future");
        if (w->until - from > MAINTENANCE_MAX_USEC)
                return error_set(e, -EAGAIN,
                                 "a maintenance lasts at most 30 days: alerts are held meanwhile");
        if (from > scene->at + MAINTENANCE_AHEAD_USEC)
                return error_set(e, -EAGAIN, "a maintenance is planned at most a year ahead");
        return 0;
}

int maintenances_plan(Bulletins *b, const Scene *scene, const MaintenanceWords *words, Bulletin **ret,
                      Error *e)
{
        bool now = words->from <= scene->at;
        char id[ID_SIZE];
        json_t *j;
        int r;

        r = check_words(b, scene, words, e);
        if (r < 0)
                return r;
        j = json_object();
        json_put(j, "id", json_string(id_make(id, scene->at)));
        json_put(j, "name", json_string_or_null(words->name));
        json_put(j, "body", json_string_or_null(words->body));
        json_put(j, "from", json_timestamp(words->from > 0 ? words->from : scene->at));
        json_put(j, "until", json_timestamp(words->until));
        json_put(j, "began", now ? json_timestamp(scene->at) : json_null());
        json_put(j, "ended", json_null());
        json_put(j, "components", bulletin_strings(words->components));
        json_put(j, "updates", json_array());
        enter(j, now ? "active" : "scheduled", scene, "", false);
        j = json_whole(j);
        r = j ? bulletins_insert(b, BULLETIN_MAINTENANCE, j, ret) : -ENOMEM;
        return r < 0 ? error_set(e, r, "out of memory") : 0;
}

static int check_step(const Bulletin *m, MaintenanceStep step, Error *e)
{
        const char *state = bulletin_state(m);

        if (bulletin_is_over(m) && step != MAINTENANCE_UPDATE)
                return error_set(e, -EAGAIN, "the maintenance is %s already", state);
        if (step == MAINTENANCE_START && streq(state, "active"))
                return error_set(e, -EAGAIN, "the maintenance has begun already");
        if (step == MAINTENANCE_END && !streq(state, "active"))
                return error_set(e, -EAGAIN, "the maintenance has not begun: cancel it instead");
        if (step == MAINTENANCE_CANCEL && streq(state, "active"))
                return error_set(e, -EAGAIN, "the maintenance has begun: end it instead");
        return 0;
}

static int take_step(Bulletin *m, MaintenanceStep step, const Scene *scene, const char *body, uint64_t until,
                     bool automatic)
{
        static const char *const states[] = {[MAINTENANCE_START] = "active",
                                             [MAINTENANCE_END] = "completed",
                                             [MAINTENANCE_CANCEL] = "cancelled"};
        json_t *edited = bulletin_edit(m);

        if (!edited)
                return -ENOMEM;
        if (step == MAINTENANCE_START)
                json_put(edited, "began", json_timestamp(scene->at));
        if (step == MAINTENANCE_END || step == MAINTENANCE_CANCEL)
                json_put(edited, "ended", json_timestamp(scene->at));
        if (until > 0)
                json_put(edited, "until", json_timestamp(until));
        if (step != MAINTENANCE_UPDATE || body[0])
                enter(edited, step == MAINTENANCE_UPDATE ? bulletin_state(m) : states[step], scene, body,
                      automatic);
        return bulletin_replace(m, edited);
}

int maintenance_step(Bulletin *m, MaintenanceStep step, const Scene *scene, const char *body, uint64_t until,
                     Error *e)
{
        uint64_t from = bulletin_time(m->j, "began");
        int r = check_step(m, step, e);

        if (r < 0)
                return r;
        if (strlen(body) > BULLETIN_BODY_MAX)
                return error_set(e, -EAGAIN, "a text has at most %d bytes", BULLETIN_BODY_MAX);
        if (from == 0)
                from = step == MAINTENANCE_START ? scene->at : bulletin_time(m->j, "from");
        if (until > 0 && bulletin_is_over(m))
                return error_set(e, -EAGAIN, "the maintenance is over: plan another one");
        if (until > 0 && (until <= scene->at || until <= from || until - from > MAINTENANCE_MAX_USEC))
                return error_set(e, -EAGAIN,
                                 "the end must be in the future, and at most 30 days from the begin");
        if (step == MAINTENANCE_UPDATE && !body[0] && until == 0)
                return error_set(e, -EAGAIN, "nothing to say: give a text or another end");
        if (step == MAINTENANCE_START && until == 0 && bulletin_time(m->j, "until") <= scene->at)
                return error_set(e, -EAGAIN, "its end has passed");
        if (step == MAINTENANCE_START && until == 0 &&
            bulletin_time(m->j, "until") > scene->at + MAINTENANCE_MAX_USEC)
                return error_set(e, -EAGAIN,
                                 "its end is more than 30 days away, and alerts are held until then: give "
                                 "another end");
        r = take_step(m, step, scene, body, until, false);
        return r < 0 ? error_set(e, r, "out of memory") : 0;
}

/* At the time that was announced, also where nobody was there to see it. */
static bool step_is_due(Bulletin *m, MaintenanceStep step, const char *state, const char *key,
                        const Scene *scene)
{
        Scene then = *scene;

        then.at = bulletin_time(m->j, key);
        return is_state(m, state) && then.at > 0 && then.at <= scene->at &&
               take_step(m, step, &then, "", 0, true) >= 0;
}

bool maintenances_tick(Bulletins *b, const Scene *scene)
{
        bool some = false;

        for (size_t i = 0; i < b->n; i++) {
                Bulletin *m = &b->items[i];

                if (m->kind != BULLETIN_MAINTENANCE || bulletin_is_over(m))
                        continue;
                some |= step_is_due(m, MAINTENANCE_START, "scheduled", "from", scene);
                some |= step_is_due(m, MAINTENANCE_END, "active", "until", scene);
        }
        return some;
}

bool maintenance_covers(const Bulletin *m, const char *component)
{
        const json_t *components = json_object_get(m->j, "components");

        if (json_array_size(components) == 0)
                return true;
        for (size_t i = 0; component && i < json_array_size(components); i++) {
                const char *id = json_string_value(json_array_get(components, i));

                if (id && streq(id, component))
                        return true;
        }
        return false;
}

size_t maintenances_on(const Bulletins *b, const Bulletin *ret[static MAINTENANCES_MAX])
{
        size_t n = 0;

        for (size_t i = 0; i < b->n && n < MAINTENANCES_MAX; i++)
                if (is_state(&b->items[i], "active"))
                        ret[n++] = &b->items[i];
        return n;
}

const Bulletin *maintenances_active(const Bulletins *b, const char *component)
{
        for (size_t i = 0; i < b->n; i++)
                if (is_state(&b->items[i], "active") && maintenance_covers(&b->items[i], component))
                        return &b->items[i];
        return NULL;
}

const Bulletin *maintenances_any(const Bulletins *b)
{
        for (size_t i = 0; i < b->n; i++)
                if (is_state(&b->items[i], "active"))
                        return &b->items[i];
        return NULL;
}
