/* SPDX-License-Identifier: MIT */
/* The control socket's routes of the public record: incidents and maintenances. */
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "supervisor/control_private.h"
#include "supervisor/public_record.h"
#include "supervisor/public_status.h"

#define COMPONENTS_GIVEN_MAX 200
#define MAINTENANCE_USUAL    USEC_PER_HOUR

/* --- looking --- */

static void answer_list(Control *c, HttpRequest *r, const char *key, BulletinKind kind)
{
        const Manager *m = c->manager;
        json_t *j = json_object();

        json_put(j, key, bulletins_to_json(&m->record->bulletins, kind));
        j = json_whole(j);
        if (j)
                http_reply_json(r, 200, j);
        else
                http_reply_error(r, 500, "out of memory");
}

void control_get_incidents(Control *c, HttpRequest *r, const char *rest)
{
        answer_list(c, r, "incidents", BULLETIN_INCIDENT);
}

void control_get_maintenances(Control *c, HttpRequest *r, const char *rest)
{
        answer_list(c, r, "maintenances", BULLETIN_MAINTENANCE);
}

/* --- what people write --- */

/* The page would show as escapes what an editor or a word processor has left in it unseen. */
static void tidy(json_t *value)
{
        char *text = strdup(json_string_value(value));

        if (text) {
                text_tidy(text);
                json_string_set(value, text);
        }
        free(text);
}

/* A text, "" when absent; NULL: it has been answered that it is none. */
static const char *get_text(HttpRequest *r, const json_t *body, const char *key)
{
        json_t *value = json_object_get(body, key);

        if (!value || json_is_null(value))
                return "";
        if (json_is_string(value)) {
                tidy(value);
                return json_string_value(value);
        }
        http_reply_error(r, 400, "`%s` is a string", key);
        return NULL;
}

/* The same for one that may be absent. */
static bool get_optional(HttpRequest *r, const json_t *body, const char *key, const char **ret)
{
        const char *text = get_text(r, body, key);

        *ret = json_object_get(body, key) ? text : NULL;
        return text != NULL;
}

static bool get_components(Control *c, HttpRequest *r, const json_t *body, json_t **ret)
{
        json_t *list = json_object_get(body, "components"), *item;
        size_t i;

        *ret = NULL;
        if (!list || json_is_null(list))
                return true;
        if (!json_is_array(list) || json_array_size(list) > COMPONENTS_GIVEN_MAX) {
                http_reply_error(r, 400, "`components` is a list of at most %d ids", COMPONENTS_GIVEN_MAX);
                return false;
        }
        json_array_foreach(list, i, item)
        {
                const char *id = json_string_value(item);

                if (id && config_find_component(c->manager->config, id) != COMPONENT_NONE)
                        continue;
                http_reply_error(r, 404, "no component `%s`", id ? id : "");
                return false;
        }
        *ret = list;
        return true;
}

static bool get_time(HttpRequest *r, const json_t *body, const char *key, uint64_t *ret)
{
        const char *text = get_text(r, body, key);

        *ret = 0;
        if (!text)
                return false;
        if (!text[0] || timestamp_parse(text, ret) >= 0)
                return true;
        http_reply_error(r, 400, "`%s` is a time such as 2026-11-21T22:00:00Z", key);
        return false;
}

/* `until`, or `for` counted from begin; 0 when neither is given. */
static bool get_end(HttpRequest *r, const json_t *body, uint64_t begin, uint64_t *ret)
{
        const char *length = get_text(r, body, "for");
        uint64_t usec;

        if (!length || !get_time(r, body, "until", ret))
                return false;
        if (!length[0])
                return true;
        if (*ret > 0) {
                http_reply_error(r, 400, "give `until` or `for`, not both");
                return false;
        }
        if (duration_parse(length, &usec) < 0 || usec == 0 || usec > MAINTENANCE_MAX_USEC) {
                http_reply_error(r, 400, "`for` is a duration with a unit, such as 30m or 2h, at most 30d");
                return false;
        }
        *ret = begin + usec;
        return true;
}

/* --- answering --- */

typedef struct Kept {
        Question *question;
        BulletinKind kind;
        char id[ID_SIZE];
} Kept;

static void on_kept(int error, void *userdata)
{
        _cleanup_free_ Kept *kept = userdata;
        const Manager *m = kept->question->manager;
        const Bulletin *b;
        json_t *j;

        if (m->stopping)
                return; /* the connection is about to go */
        b = bulletins_find(&m->record->bulletins, kept->kind, kept->id);
        j = json_object();
        json_put(j, "success", json_true());
        json_put(j, kept->kind == BULLETIN_INCIDENT ? "incident" : "maintenance",
                 b ? json_incref(b->j) : json_null());
        json_put(j, "durable", json_boolean(error >= 0 && m->loaded));
        http_reply_json(question_end(kept->question), 200, json_whole(j));
}

/* Everything that the answer needs, before anything is done: who is told "500" may try again, and must not find it done. NULL:
 * it has been answered. */
static Kept *keep_begin(Control *c, HttpRequest *r)
{
        Kept *kept = calloc(1, sizeof(*kept));

        if (!kept)
                http_reply_error(r, 500, "out of memory");
        else if (control_ask(c, r, &kept->question) >= 0)
                return kept;
        free(kept);
        return NULL;
}

/* It is shown at once. The answer waits for the disk. b: NULL when error says why it was refused. */
static void keep_end(Kept *kept, const Bulletin *b, int error, const Error *e)
{
        Manager *m = kept->question->manager;
        StoreBatch *batch;

        if (error < 0) {
                http_reply_error(question_end(kept->question), error == -ENOMEM ? 500 : 409, "%s", e->text);
                free(kept);
                return;
        }
        kept->kind = b->kind;
        snprintf(kept->id, sizeof(kept->id), "%s", bulletin_id(b));
        log_notice("%s %s is %s, by user %u", b->kind == BULLETIN_INCIDENT ? "incident" : "maintenance",
                   bulletin_id(b), bulletin_state(b), (unsigned) http_peer(kept->question->request)->uid);
        batch = m->progress ? TAKE_PTR(m->progress) : store_batch_new();
        if (batch)
                record_add(m, batch);
        manager_refresh_soon(m);
        manager_submit(m, batch, on_kept, kept);
}

/* "ID/verb" or "latest/verb". NULL: it has been answered that there is none. */
static Bulletin *find(Control *c, HttpRequest *r, BulletinKind kind, const char *rest, const char **ret_verb)
{
        const Bulletins *all = &c->manager->record->bulletins;
        const char *slash = strchr(rest, '/'), *what = kind == BULLETIN_INCIDENT ? "incident" : "maintenance";
        char id[64];
        Bulletin *b = NULL, *open = NULL;

        if (!slash || slash == rest || (size_t) (slash - rest) >= sizeof(id)) {
                http_reply_error(r, 404, "no such %s", what);
                return NULL;
        }
        snprintf(id, sizeof(id), "%.*s", (int) (slash - rest), rest);
        *ret_verb = slash + 1;
        if (!streq(id, "latest")) {
                b = bulletins_find(all, kind, id);
                if (!b)
                        http_reply_error(r, 404, "no %s `%s`", what, id);
                return b;
        }
        for (size_t i = all->n; i > 0; i--) { /* the newest that is open, else the newest */
                Bulletin *item = &all->items[i - 1];

                if (item->kind != kind)
                        continue;
                b = item;
                if (!bulletin_is_over(item) && !streq(bulletin_state(item), "scheduled"))
                        open = item;
        }
        if (!b)
                http_reply_error(r, 404, "there is no %s", what);
        return open ? open : b;
}

/* --- incidents --- */

static bool read_incident(Control *c, HttpRequest *r, const json_t *body, IncidentWords *ret)
{
        static const char *const keys[] = {"name", "impact", "state", "body", "components", NULL};

        *ret = (IncidentWords){0};
        if (!body || !control_known_keys(r, body, keys))
                return false;
        ret->body = get_text(r, body, "body");
        return ret->body && get_optional(r, body, "name", &ret->name) &&
               get_optional(r, body, "impact", &ret->impact) && get_optional(r, body, "state", &ret->state) &&
               get_components(c, r, body, &ret->components);
}

void control_post_incidents(Control *c, HttpRequest *r, const char *rest)
{
        _cleanup_json_ json_t *body = control_body(r);
        Manager *m = c->manager;
        IncidentWords words;
        Bulletin *b = NULL;
        Kept *kept;
        Scene scene;
        Error e;
        int error;

        if (!read_incident(c, r, body, &words))
                return;
        kept = keep_begin(c, r);
        if (!kept)
                return;
        record_scene(m, &scene);
        error = incidents_begin(&m->record->bulletins, &scene, &words, &b, &e);
        json_decref(scene.components);
        keep_end(kept, b, error, &e);
}

void control_post_incident(Control *c, HttpRequest *r, const char *rest)
{
        _cleanup_json_ json_t *body = control_body(r);
        Manager *m = c->manager;
        IncidentWords words;
        const char *verb;
        Bulletin *b = NULL;
        Kept *kept;
        Scene scene;
        Error e;
        int error;

        if (!read_incident(c, r, body, &words) || !(b = find(c, r, BULLETIN_INCIDENT, rest, &verb)))
                return;
        if (streq(verb, "resolve"))
                words.state = "resolved";
        else if (streq(verb, "postmortem"))
                words.state = "postmortem";
        else if (!streq(verb, "update")) {
                http_reply_error(r, 404, "an incident has update, resolve and postmortem");
                return;
        }
        if (streq(verb, "postmortem") && !words.body[0]) {
                http_reply_error(r, 400, "a postmortem needs a `body`");
                return;
        }
        kept = keep_begin(c, r);
        if (!kept)
                return;
        record_scene(m, &scene);
        error = incident_update(&m->record->bulletins, b, &scene, &words, &e);
        json_decref(scene.components);
        keep_end(kept, b, error, &e);
}

/* --- maintenances --- */

void control_post_maintenances(Control *c, HttpRequest *r, const char *rest)
{
        static const char *const keys[] = {"name", "body", "from", "until", "for", "components", NULL};
        _cleanup_json_ json_t *body = control_body(r);
        Manager *m = c->manager;
        uint64_t wall = clock_wall_usec();
        MaintenanceWords words = {0};
        Bulletin *b = NULL;
        Kept *kept;
        Scene scene;
        Error e;
        int error;

        if (!body || !control_known_keys(r, body, keys) || !(words.name = get_text(r, body, "name")) ||
            !(words.body = get_text(r, body, "body")) || !get_time(r, body, "from", &words.from) ||
            !get_end(r, body, MAX(words.from, wall), &words.until) ||
            !get_components(c, r, body, &words.components))
                return;
        if (words.from > 0 && words.from + USEC_PER_MIN < wall) {
                http_reply_error(r, 409,
                                 "`from` is in the past: leave it out for a maintenance that begins now");
                return;
        }
        if (words.from <= wall)
                words.from = 0;
        if (words.until == 0)
                words.until = MAX(words.from, wall) + MAINTENANCE_USUAL;
        kept = keep_begin(c, r);
        if (!kept)
                return;
        record_scene(m, &scene);
        error = maintenances_plan(&m->record->bulletins, &scene, &words, &b, &e);
        json_decref(scene.components);
        keep_end(kept, b, error, &e);
}

static int step_from_name(const char *verb)
{
        static const char *const names[] = {[MAINTENANCE_START] = "start",
                                            [MAINTENANCE_END] = "end",
                                            [MAINTENANCE_CANCEL] = "cancel",
                                            [MAINTENANCE_UPDATE] = "update"};

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (streq(names[i], verb))
                        return (int) i;
        return -EINVAL;
}

void control_post_maintenance(Control *c, HttpRequest *r, const char *rest)
{
        static const char *const keys[] = {"body", "until", "for", NULL};
        _cleanup_json_ json_t *body = control_body(r);
        Manager *m = c->manager;
        const char *verb, *text;
        uint64_t until;
        Bulletin *b = NULL;
        Kept *kept;
        Scene scene;
        Error e;
        int error, step;

        if (!body || !control_known_keys(r, body, keys) || !(text = get_text(r, body, "body")) ||
            !get_end(r, body, clock_wall_usec(), &until) ||
            !(b = find(c, r, BULLETIN_MAINTENANCE, rest, &verb)))
                return;
        step = step_from_name(verb);
        if (step < 0) {
                http_reply_error(r, 404, "a maintenance has start, end, cancel and update");
                return;
        }
        kept = keep_begin(c, r);
        if (!kept)
                return;
        record_scene(m, &scene);
        error = maintenance_step(b, (MaintenanceStep) step, &scene, text, until, &e);
        json_decref(scene.components);
        keep_end(kept, b, error, &e);
}
