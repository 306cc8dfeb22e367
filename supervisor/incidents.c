/* SPDX-License-Identifier: MIT */
/* Incidents: written from changes of mode, with the operator's words. */
#include "supervisor/bulletins_private.h"

#include "base/id.h"

static const char *const impacts[] = {"none", "maintenance", "minor", "major", "critical", NULL};
static const char *const states[] = {"investigating", "identified", "monitoring",
                                     "resolved",      "postmortem", NULL};

static int index_of(const char *const *names, const char *name)
{
        for (int i = 0; names[i]; i++)
                if (streq(names[i], name))
                        return i;
        return -EINVAL;
}

/* Back in the first mode is no end while nobody can buy in it. */
static bool is_selling(const Scene *s)
{
        return !s->trouble && s->selling != SELLING_HAMPERED && s->selling != SELLING_NOT;
}

static const char *scene_impact(const Scene *s)
{
        if (s->planned)
                return "maintenance";
        if (s->trouble || (s->first && !is_selling(s)))
                return "critical";
        if (s->first)
                return "none";
        return streq(s->payment, "primary") ? "minor" : "major";
}

static const char *worse(const char *a, const char *b)
{
        return index_of(impacts, a) > index_of(impacts, b) ? a : b;
}

/* How bad the modes made it at worst, whatever the operator calls it; older documents do not say. */
static const char *worst_impact(const json_t *incident)
{
        const char *worst = bulletin_text(incident, "worst");

        return worst[0] ? worst : bulletin_text(incident, "impact");
}

static bool is_automatic(const Bulletin *b)
{
        return b->kind == BULLETIN_INCIDENT && json_is_true(json_object_get(b->j, "automatic"));
}

const Bulletin *incidents_open(const Bulletins *b)
{
        for (size_t i = 0; i < b->n; i++)
                if (is_automatic(&b->items[i]) && !bulletin_is_over(&b->items[i]))
                        return &b->items[i];
        return NULL;
}

const json_t *incident_latest(const Bulletin *incident)
{
        json_t *item;
        size_t i;

        json_array_foreach(json_object_get(incident->j, "updates"), i, item)
        {
                if (json_is_true(json_object_get(item, "automatic")))
                        return item;
        }
        return NULL;
}

const char *incidents_last_change(const Bulletins *b)
{
        const char *last = "";

        for (size_t i = 0; i < b->n; i++) {
                const json_t *update = is_automatic(&b->items[i]) ? incident_latest(&b->items[i]) : NULL;

                if (strcmp(bulletin_text(update, "id"), last) > 0)
                        last = bulletin_text(update, "id");
        }
        return last;
}

bool incidents_tell(const Bulletins *b, const char *change)
{
        for (size_t i = 0; i < b->n && change[0]; i++)
                if (b->items[i].kind == BULLETIN_INCIDENT && bulletin_has_update(&b->items[i], change))
                        return true;
        return false;
}

/* --- components --- */

static bool list_has(const json_t *list, const json_t *value)
{
        json_t *item;
        size_t i;

        json_array_foreach((json_t *) (uintptr_t) list, i, item)
        {
                if (json_equal(item, value))
                        return true;
        }
        return false;
}

static bool has_all(const json_t *list, const json_t *more)
{
        json_t *item;
        size_t i;

        json_array_foreach((json_t *) (uintptr_t) more, i, item)
        {
                if (!list_has(list, item))
                        return false;
        }
        return true;
}

static void add_components(json_t *edited, const json_t *more)
{
        json_t *list = bulletin_strings(json_object_get(edited, "components")), *item;
        size_t i;

        json_array_foreach((json_t *) (uintptr_t) more, i, item)
        {
                if (!list_has(list, item))
                        json_add(list, json_incref(item));
        }
        json_put(edited, "components", list);
}

/* --- written by themselves --- */

static bool has_worsened(const json_t *incident, const char *impact)
{
        return index_of(impacts, impact) > index_of(impacts, worst_impact(incident));
}

/* What the operator said of the impact holds until it becomes worse than it was when he said so. */
static void grow(json_t *edited, const char *impact, const json_t *components)
{
        if (has_worsened(edited, impact)) {
                json_put(edited, "worst", json_string(impact));
                json_put(edited, "impact", json_string(worse(bulletin_text(edited, "impact"), impact)));
        }
        add_components(edited, components);
}

void incident_outgrow(json_t *edited, const Bulletin *other)
{
        grow(edited, worst_impact(other->j), json_object_get(other->j, "components"));
}

static json_t *new_document(const char *id, const Scene *scene, bool automatic)
{
        char own[ID_SIZE];
        json_t *j = json_object();

        json_put(j, "id", json_string(id && id[0] ? id : id_make(own, scene->at)));
        json_put(j, "began", json_timestamp(scene->at));
        json_put(j, "resolved", json_null());
        json_put(j, "mode", json_string_or_null(scene->mode));
        json_put(j, "payment", json_string_or_null(scene->payment));
        json_put(j, "impact", json_string(scene_impact(scene)));
        if (automatic)
                json_put(j, "worst", json_string(scene_impact(scene)));
        json_put(j, "name", json_string(""));
        json_put(j, "components", bulletin_strings(scene->components));
        json_put(j, "updates", json_array());
        json_put(j, "automatic", json_boolean(automatic));
        return j;
}

/* How far its handling is, where nobody has said it: a fallback at work is a cause that was found. */
static const char *scene_state(const Scene *scene)
{
        return is_selling(scene) ? "identified" : "investigating";
}

static int begin(Bulletins *b, const Scene *scene)
{
        json_t *j = new_document(scene->id, scene, true);

        bulletin_tell(j, scene->id, scene, scene_state(scene), "", true);
        j = json_whole(j);
        return j ? bulletins_insert(b, BULLETIN_INCIDENT, j, NULL) : -ENOMEM;
}

static int go_on(Bulletin *incident, const Scene *scene, bool over)
{
        json_t *edited = bulletin_edit(incident);

        if (!edited)
                return -ENOMEM;
        if (over) {
                json_put(edited, "resolved", json_timestamp(scene->at));
        } else {
                json_put(edited, "mode", json_string_or_null(scene->mode));
                json_put(edited, "payment", json_string_or_null(scene->payment));
                grow(edited, scene_impact(scene), scene->components);
        }
        bulletin_tell(edited, scene->id, scene, over ? "resolved" : scene_state(scene), "", true);
        return bulletin_replace(incident, edited);
}

int incidents_follow(Bulletins *b, const Scene *scene)
{
        const Bulletin *open = incidents_open(b);

        if (incidents_tell(b, scene->id))
                return 0;
        if (open)
                return go_on(bulletins_find(b, BULLETIN_INCIDENT, bulletin_id(open)), scene,
                             scene->first && is_selling(scene));
        return !scene->first || scene->trouble ? begin(b, scene) : 0;
}

int incidents_grow(Bulletins *b, const Scene *scene)
{
        const Bulletin *open = incidents_open(b);
        json_t *edited;

        if (!open || (!has_worsened(open->j, scene_impact(scene)) &&
                      has_all(json_object_get(open->j, "components"), scene->components)))
                return 0;
        edited = bulletin_edit(open);
        if (!edited)
                return -ENOMEM;
        grow(edited, scene_impact(scene), scene->components);
        return bulletin_replace(bulletins_find(b, BULLETIN_INCIDENT, bulletin_id(open)), edited);
}

/* --- by the operator --- */

static int check_words(const IncidentWords *words, Error *e)
{
        if (words->impact && index_of(impacts, words->impact) < 0)
                return error_set(e, -EAGAIN,
                                 "impact is none, minor, major, critical or maintenance, not `%s`",
                                 words->impact);
        if (words->state && index_of(states, words->state) < 0)
                return error_set(e, -EAGAIN,
                                 "state is investigating, identified, monitoring, resolved or postmortem, "
                                 "not `%s`",
                                 words->state);
        if (words->name && strlen(words->name) > BULLETIN_NAME_MAX)
                return error_set(e, -EAGAIN, "a name has at most %d bytes", BULLETIN_NAME_MAX);
        if (strlen(words->body) > BULLETIN_BODY_MAX)
                return error_set(e, -EAGAIN, "a text has at most %d bytes", BULLETIN_BODY_MAX);
        return 0;
}

static void put_words(json_t *edited, const IncidentWords *words)
{
        if (words->name)
                json_put(edited, "name", json_string_or_null(words->name));
        if (words->impact)
                json_put(edited, "impact", json_string(words->impact));
        if (words->components)
                json_put(edited, "components", bulletin_strings(words->components));
}

static int check_room(const Bulletins *b, Error *e)
{
        size_t n = 0;

        for (size_t i = 0; i < b->n; i++)
                n += b->items[i].kind == BULLETIN_INCIDENT && !bulletin_is_over(&b->items[i]);
        return n >= BULLETIN_OPEN_MAX ? error_set(e, -EAGAIN,
                                                  "%zu incidents are open: resolve some of them first", n)
                                      : 0;
}

int incidents_begin(Bulletins *b, const Scene *scene, const IncidentWords *words, Bulletin **ret, Error *e)
{
        json_t *j;
        int r;

        r = check_words(words, e);
        if (r < 0)
                return r;
        if (!words->name || bulletin_is_blank(words->name))
                return error_set(e, -EAGAIN, "an incident that you begin needs a name");
        if (words->state && index_of(states, words->state) > 2)
                return error_set(e, -EAGAIN,
                                 "an incident begins with investigating, identified or monitoring");
        r = check_room(b, e);
        if (r < 0)
                return r;
        j = new_document("", scene, false);
        json_put(j, "impact", json_string("minor"));
        json_put(j, "components", json_array());
        put_words(j, words);
        bulletin_tell(j, bulletin_text(j, "id"), scene, words->state ? words->state : "investigating",
                      words->body, false);
        j = json_whole(j);
        r = j ? bulletins_insert(b, BULLETIN_INCIDENT, j, ret) : -ENOMEM;
        return r < 0 ? error_set(e, r, "out of memory") : 0;
}

/* An end that was announced and does not hold. One that was written from a change of mode ends by the modes alone. */
static int check_reopening(const Bulletins *b, const Bulletin *incident, Error *e)
{
        if (is_automatic(incident))
                return error_set(e, -EAGAIN,
                                 "the incident was resolved by itself: add a text to it without a state, or "
                                 "begin one of your own");
        return check_room(b, e);
}

static int check_state(const Bulletins *b, const Bulletin *incident, const Scene *scene,
                       const IncidentWords *words, const char *state, Error *e)
{
        bool over = bulletin_is_over(incident);

        if (streq(state, "postmortem") && !over)
                return error_set(e, -EAGAIN,
                                 "a postmortem comes after the end: the incident is not resolved");
        if (over && words->state && streq(state, "resolved"))
                return error_set(e, -EAGAIN,
                                 "the incident is resolved already: add a text by `incident update` or "
                                 "`incident postmortem`");
        if (over && index_of(states, state) < index_of(states, "resolved"))
                return check_reopening(b, incident, e);
        if (streq(state, "resolved") && !over && is_automatic(incident) &&
            (!scene->first || !is_selling(scene)))
                return error_set(e, -EAGAIN,
                                 scene->first ? "buyers still cannot buy: the incident is resolved by itself "
                                                "when they can"
                                              : "the shop still runs in %s: the incident is resolved by "
                                                "itself "
                                                "when it is back",
                                 scene->mode);
        return 0;
}

int incident_update(const Bulletins *b, Bulletin *incident, const Scene *scene, const IncidentWords *words,
                    Error *e)
{
        const char *state = words->state ? words->state : bulletin_state(incident);
        json_t *edited;
        int r;

        r = check_words(words, e);
        if (r >= 0 && words->name && bulletin_is_blank(words->name) && !is_automatic(incident))
                r = error_set(e, -EAGAIN, "an incident that you have begun needs a name");
        if (r >= 0)
                r = check_state(b, incident, scene, words, state, e);
        if (r < 0)
                return r;
        if (!words->body[0] && !words->name && !words->impact && !words->components && !words->state)
                return error_set(e, -EAGAIN, "nothing to say: give a text, a state, a name or an impact");
        edited = bulletin_edit(incident);
        if (!edited)
                return error_set(e, -ENOMEM, "out of memory");
        put_words(edited, words);
        if (streq(state, "resolved") && !bulletin_is_over(incident))
                json_put(edited, "resolved", json_timestamp(scene->at));
        else if (bulletin_is_over(incident) && index_of(states, state) < index_of(states, "resolved"))
                json_put(edited, "resolved", json_null());
        if (words->body[0] || words->state)
                bulletin_tell(edited, NULL, scene, state, words->body, false);
        r = bulletin_replace(incident, edited);
        return r < 0 ? error_set(e, r, "out of memory") : 0;
}
