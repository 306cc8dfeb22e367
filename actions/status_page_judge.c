/* SPDX-License-Identifier: MIT */
/* What the status page has to say: how bad it is, and in which words. When nobody has told what the public may know, that is made
 * from the mode alone. */
#include "actions/status_page.h"

const char *item_string(const json_t *item, const char *name)
{
        const char *s = json_string_value(json_object_get(item, name));
        return s ? s : "";
}

uint64_t item_time(const json_t *item, const char *name)
{
        uint64_t usec;
        return timestamp_parse(item_string(item, name), &usec) < 0 ? 0 : usec;
}

uint64_t item_number(const json_t *item, const char *name)
{
        json_int_t n = json_integer_value(json_object_get(item, name));
        return n > 0 ? (uint64_t) n : 0;
}

const char *level_name(PageLevel level)
{
        static const char *const names[] = {"none", "minor", "major", "critical"};
        assert((size_t) level < ELEMENTSOF(names));
        return names[level];
}

bool any_in_state(const json_t *list, const char *state)
{
        for (size_t i = 0; i < json_array_size(list); i++)
                if (streq(item_string(json_array_get(list, i), "state"), state))
                        return true;
        return false;
}

bool maintenance_is_over(const json_t *maintenance)
{
        const char *state = item_string(maintenance, "state");
        return streq(state, "completed") || streq(state, "cancelled");
}

/* What the supervisor put together may be of another change than this delivery. */
static bool known_is_of_this_change(const Page *p)
{
        return streq(item_string(json_object_get(p->known, "mode"), "change"), p->change);
}

/* Constant strings: keys of texts are made of them. */
static const char *selling_of(const Page *p)
{
        static const char *const all[] = {"as-usual", "backup", "elsewhere", "hampered", "not", "unknown"};
        const char *said = item_string(p->known, "selling");

        for (size_t i = 0; known_is_of_this_change(p) && i < ELEMENTSOF(all); i++)
                if (streq(all[i], said))
                        return all[i];
        return p->first ? "as-usual" : streq(p->payment, "federated") ? "elsewhere" : "backup";
}

/* Something is wrong, though buyers notice nothing. */
static const char *selling_despite(const Page *p)
{
        if (any_in_state(p->components, "down") || any_in_state(p->components, "partial") ||
            any_in_state(p->components, "degraded"))
                return "ailing";
        if (any_in_state(p->components, "maintenance") || any_in_state(p->maintenances, "active"))
                return "maintenance";
        return any_in_state(p->components, "unknown") ? "unseen" : "as-usual";
}

static void judge_level(Page *p)
{
        static const struct {
                const char *selling;
                PageLevel level;
                const char *face;
        } levels[] = {
                        {"as-usual", LEVEL_NONE, "none"},        {"ailing", LEVEL_MINOR, "minor"},
                        {"unseen", LEVEL_MINOR, "unknown"},      {"maintenance", LEVEL_MINOR, "maintenance"},
                        {"unknown", LEVEL_MINOR, "unknown"},     {"blind", LEVEL_MINOR, "unknown"},
                        {"backup", LEVEL_MAJOR, "major"},        {"elsewhere", LEVEL_MAJOR, "major"},
                        {"hampered", LEVEL_MAJOR, "critical"},   {"not", LEVEL_CRITICAL, "critical"},
                        {"nowhere", LEVEL_CRITICAL, "critical"},
        };

        p->selling = selling_of(p);
        if (streq(p->selling, "as-usual"))
                p->selling = p->blind ? "blind" : selling_despite(p);
        if (streq(p->selling, "elsewhere") && p->shops_known && !p->shop_open)
                p->selling = "nowhere";
        for (size_t i = 0; i < ELEMENTSOF(levels); i++)
                if (streq(levels[i].selling, p->selling)) {
                        p->level = levels[i].level;
                        p->face = levels[i].face;
                }
        assert(p->face);
}

static json_t *say_selling(const Page *p, const char *what)
{
        char key[80];

        snprintf(key, sizeof(key), "%s.%s.%s", what, p->selling, p->payment);
        if (!words_get(&p->words, key))
                snprintf(key, sizeof(key), "%s.%s", what, p->selling);
        return words_say(&p->words, key, NULL);
}

/* --- what the operator says --- */

static PageLevel incident_level(const json_t *incident)
{
        const char *impact = item_string(incident, "impact");

        return streq(impact, "critical")                                ? LEVEL_CRITICAL
               : streq(impact, "major")                                 ? LEVEL_MAJOR
               : streq(impact, "minor") || streq(impact, "maintenance") ? LEVEL_MINOR
                                                                        : LEVEL_NONE;
}

static bool is_told(const json_t *incident)
{
        return json_is_object(incident) && item_time(incident, "resolved") == 0 &&
               !json_is_true(json_object_get(incident, "automatic"));
}

static size_t state_rank(const char *state)
{
        static const char *const order[] = {"operational", "maintenance", "unknown",
                                            "degraded",    "partial",     "down"};
        size_t rank = 0;

        for (size_t i = 0; i < ELEMENTSOF(order); i++)
                if (streq(order[i], state))
                        rank = i;
        return rank;
}

static bool is_named(const json_t *incident, const char *id)
{
        const json_t *ids = json_object_get(incident, "components");

        for (size_t i = 0; i < json_array_size(ids); i++) {
                const char *named = json_string_value(json_array_get(ids, i));
                if (named && streq(named, id))
                        return true;
        }
        return false;
}

/* NULL: as bad as the incident says, or worse, it is already. What others may read is copied, and never changed. */
static json_t *component_worse(const json_t *component, const json_t *incident)
{
        static const char *const states[] = {NULL, "degraded", "partial", "down"};
        const char *state = states[incident_level(incident)];

        if (!state || !is_named(incident, item_string(component, "id")) ||
            state_rank(item_string(component, "state")) >= state_rank(state))
                return NULL;
        json_t *copy = json_copy((json_t *) (uintptr_t) component);
        json_put(copy, "state", json_string(state));
        json_put(copy, "since", json_timestamp(item_time(incident, "began")));
        return copy;
}

static void worsen_components(Page *p)
{
        json_t *list = json_copy(p->components);

        for (size_t i = 0; i < json_array_size(p->incidents); i++) {
                const json_t *incident = json_array_get(p->incidents, i);
                for (size_t k = 0; is_told(incident) && k < json_array_size(list); k++) {
                        json_t *worse = component_worse(json_array_get(list, k), incident);
                        if (worse)
                                (void) json_array_set_new(list, k, worse);
                }
        }
        json_put(p->known, "components", list);
        p->components = list;
}

/* The gravest, and of those the newest. */
static const json_t *gravest_told(const Page *p)
{
        const json_t *gravest = NULL;

        for (size_t i = 0; i < json_array_size(p->incidents); i++) {
                const json_t *incident = json_array_get(p->incidents, i);
                if (is_told(incident) && (!gravest || incident_level(incident) > incident_level(gravest)))
                        gravest = incident;
        }
        return gravest;
}

/* Does selling go on so that nothing but the incident is worth a headline? */
static bool sells_as_usual(const Page *p)
{
        static const char *const usual[] = {"as-usual", "ailing", "unseen", "maintenance"};

        for (size_t i = 0; i < ELEMENTSOF(usual); i++)
                if (streq(usual[i], p->selling))
                        return true;
        return false;
}

static void judge_told(Page *p)
{
        const json_t *gravest = gravest_told(p);
        PageLevel level = gravest ? incident_level(gravest) : LEVEL_NONE;

        if (level == LEVEL_NONE || level < p->level || (level == p->level && !sells_as_usual(p)))
                return;
        p->told = gravest;
        p->level = level;
        p->face = level_name(level);
}

/* By what an incident is called; and how the shop sells, unless that is as ever. */
static json_t *say_told(const Page *p, const char *what)
{
        char key[40];

        if (streq(what, "explain"))
                return sells_as_usual(p) ? words_say(&p->words, "explain.told", NULL)
                                         : say_selling(p, "headline");
        json_t *with = json_object();
        json_put(with, "incident", incident_name(p, p->told));
        snprintf(key, sizeof(key), "headline.told.%s", level_name(p->level));
        return words_say(&p->words, key, with);
}

json_t *page_say(const Page *p, const char *what)
{
        return p->told ? say_told(p, what) : say_selling(p, what);
}

static json_t *list_of(Page *p, const char *name)
{
        /* Never the empty one of the supervisor, which may get a member here: it is shared with the loop. */
        if (json_array_size(json_object_get(p->known, name)) == 0)
                json_put(p->known, name, json_array());
        return json_object_get(p->known, name);
}

/* What buyers meet: the checkout. */
static json_t *only_component(const Page *p)
{
        json_t *c = json_object();

        json_put(c, "id", json_string("checkout"));
        json_put(c, "name", words_say(&p->words, "checkout", NULL));
        json_put(c, "state",
                 json_string(p->blind                         ? "unknown"
                             : p->first                       ? "operational"
                             : streq(p->payment, "federated") ? "partial"
                                                              : "degraded"));
        json_put(c, "since", json_timestamp(p->since_usec));
        return c;
}

/* The change that led away from the first mode. */
static json_t *only_incident(const Page *p)
{
        json_t *incident = json_object(), *updates = json_array(), *update = json_object();

        json_put(update, "id", json_string(p->change));
        json_put(update, "at", json_timestamp(p->since_usec));
        json_put(update, "state", json_string("identified"));
        json_put(update, "payment", json_string(p->payment));
        json_put(update, "message", json_string(p->message));
        json_add(updates, update);
        json_put(incident, "id", json_string(p->change));
        json_put(incident, "began", json_timestamp(p->since_usec));
        json_put(incident, "payment", json_string(p->payment));
        json_put(incident, "impact", json_string("major"));
        json_put(incident, "automatic", json_true());
        json_put(incident, "updates", updates);
        return incident;
}

int page_judge(Page *p)
{
        const json_t *mode = json_object_get(p->known, "mode");
        uint64_t since = known_is_of_this_change(p) ? item_time(mode, "since") : 0;

        (void) json_failed();
        bool has_incidents = json_is_array(json_object_get(p->known, "incidents"));
        p->blind = json_is_true(json_object_get(p->known, "blind"));
        p->since_usec = since ? since : p->at_usec;
        p->fresh_sec = item_number(p->known, "fresh_for");
        if (p->fresh_sec == 0)
                p->fresh_sec = PUBLIC_STATUS_FRESH_SEC;
        p->components = list_of(p, "components");
        p->incidents = list_of(p, "incidents");
        p->maintenances = list_of(p, "maintenances");
        if (json_array_size(p->components) == 0)
                json_add(p->components, only_component(p));
        if (!has_incidents && !p->first && *p->change)
                json_add(p->incidents, only_incident(p));
        worsen_components(p);
        if (json_failed())
                return -ENOMEM;
        judge_level(p);
        judge_told(p);
        return 0;
}

void page_clear(Page *p)
{
        free(p->node_id);
        free(p->node_name);
        free(p->node_url);
        free(p->page_url);
        free(p->mode);
        free(p->payment);
        free(p->message);
        free(p->change);
        for (size_t i = 0; i < p->n_shops; i++) {
                free(p->shops[i].name);
                free(p->shops[i].url);
        }
        free(p->shops);
        json_decref(p->known);
        words_clear(&p->words);
        *p = (Page){0};
}
