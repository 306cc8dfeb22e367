/* SPDX-License-Identifier: MIT */
/* Incidents and maintenances as the templates of the status page show them. */
#include "actions/status_page.h"

#define PAST_OPEN  3  /* past incidents whose course is shown at once */
#define PAST_SHOWN 10 /* … that are shown at all without asking for more */

/* Several lines, each cleaned. */
static json_t *lines_of(const char *s)
{
        json_t *list = json_array();

        while (*s) {
                size_t size = strcspn(s, "\r\n");
                _cleanup_free_ char *line = strndup(s, size);
                if (size > 0)
                        json_add(list, line ? request_string(line, false) : NULL);
                s += size;
                s += strspn(s, "\r\n");
        }
        return list;
}

/* --- incidents --- */

json_t *incident_name(const Page *p, const json_t *incident)
{
        const char *name = item_string(incident, "name");

        return *name ? request_string(name, false)
                     : words_kind(&p->words, "incident", item_string(incident, "payment"), "other");
}

/* What an update says that nobody has written words for: what was so then. */
static json_t *automatic_text(const Page *p, const json_t *update)
{
        const char *message = item_string(update, "message"), *selling = item_string(update, "selling");
        const char *payment = item_string(update, "payment");

        if (streq(item_string(update, "state"), "resolved"))
                return words_kind(&p->words, "auto", "back", "other");
        if (streq(selling, "not") || streq(selling, "hampered"))
                return words_kind(&p->words, "auto", selling, "other");
        return *message ? request_string(message, true) : words_kind(&p->words, "auto", payment, "other");
}

json_t *update_text(const Page *p, const json_t *update)
{
        static const char *const ours[] = {"scheduled", "active", "completed", "cancelled"};
        const char *body = item_string(update, "body"), *state = item_string(update, "state");

        if (*body)
                return request_string(body, true);
        for (size_t i = 0; i < ELEMENTSOF(ours); i++) /* of a maintenance: the state says all */
                if (streq(ours[i], state))
                        return words_kind(&p->words, "maintenance.state", state, "scheduled");
        if (json_is_false(json_object_get(update, "automatic"))) /* it is not about how buyers pay */
                return words_kind(&p->words, "update", state, "identified");
        return automatic_text(p, update);
}

/* Incidents and maintenances have states of their own; the words of both are to be had. */
static json_t *say_update_state(const Page *p, const char *state)
{
        char key[80];

        snprintf(key, sizeof(key), "maintenance.state.%s", state);
        return words_get(&p->words, key) ? words_say(&p->words, key, NULL)
                                         : words_kind(&p->words, "update", state, "identified");
}

static json_t *update_view(const Page *p, const json_t *update)
{
        const char *state = item_string(update, "state");
        uint64_t at = item_time(update, "at");
        _cleanup_json_ json_t *text = update_text(p, update), *words = say_update_state(p, state);
        bool over = streq(state, "resolved") || streq(state, "postmortem") || streq(state, "completed");
        json_t *j = json_object();

        json_put(j, "state", json_incref(words));
        json_put(j, "kind", json_string(over ? "resolved" : "going"));
        json_put(j, "at", words_moment(&p->words, at ? at : p->since_usec));
        bool said = json_equal(text, words); /* once is enough */
        json_put(j, "lines", text ? lines_of(said ? "" : json_string_value(text)) : NULL);
        return j;
}

/* body: what is said above them already. */
static json_t *updates_view(const Page *p, const json_t *item, const char *body, size_t max)
{
        const json_t *updates = json_object_get(item, "updates");
        json_t *list = json_array();

        for (size_t i = 0; i < json_array_size(updates) && json_array_size(list) < max; i++) {
                const json_t *update = json_array_get(updates, i);
                if (!*body || !streq(item_string(update, "body"), body))
                        json_add(list, update_view(p, update));
        }
        return list;
}

static const json_t *component_find(const Page *p, const char *id)
{
        for (size_t i = 0; i < json_array_size(p->components); i++)
                if (streq(item_string(json_array_get(p->components, i), "id"), id))
                        return json_array_get(p->components, i);
        return NULL;
}

/* "Concerns: Search, Checkout"; whole: what it is called when none is named; NULL: nothing is said then, nor of components
 * that are no longer there. */
static void put_concerns(const Page *p, const json_t *item, const char *whole, json_t *view)
{
        const json_t *ids = json_object_get(item, "components");
        _cleanup_text_ Text t = {0};

        for (size_t i = 0; i < json_array_size(ids); i++) {
                const char *id = json_string_value(json_array_get(ids, i));
                const json_t *c = id ? component_find(p, id) : NULL;
                if (!c)
                        continue;
                text_add_string(&t, t.size > 0 ? ", " : "");
                text_add_plain(&t, item_string(c, "name"), 0);
        }
        if (json_array_size(ids) == 0 && whole)
                text_add_string(&t, words_get(&p->words, whole));
        if (t.size == 0)
                return;
        json_t *with = json_object();
        json_put(with, "names", t.failed ? NULL : json_string(t.data));
        json_put(view, "concerns", words_say(&p->words, "concerns", with));
}

static json_t *duration_view(const Page *p, uint64_t from, uint64_t until)
{
        json_t *with = json_object();

        json_put(with, "duration",
                 words_duration(&p->words,
                                until > from ? (until - from + USEC_PER_SEC - 1) / USEC_PER_SEC : 1));
        return words_say(&p->words, "lasted", with);
}

/* The newest thing known of it. */
static uint64_t updated_at(const Page *p, const json_t *item, const char *began)
{
        uint64_t at = item_time(json_array_get(json_object_get(item, "updates"), 0), "at");

        if (at == 0)
                at = item_time(item, began);
        return at ? at : p->since_usec;
}

static const char *impact_class(const char *impact)
{
        if (streq(impact, "critical") || streq(impact, "maintenance"))
                return impact;
        return streq(impact, "minor") || streq(impact, "none") ? "minor" : "major";
}

static json_t *incident_view(const Page *p, const json_t *incident, size_t i, size_t updates)
{
        uint64_t began = item_time(incident, "began"), resolved = item_time(incident, "resolved");
        const char *impact = item_string(incident, "impact");
        json_t *j = json_object();

        json_put(j, "id", view_id("i", i));
        json_put(j, "key", request_string(item_string(incident, "id"), false));
        json_put(j, "incident", incident_name(p, incident));
        json_put(j, "began", words_moment(&p->words, began ? began : p->since_usec));
        json_put(j, "updated", words_moment(&p->words, updated_at(p, incident, "began")));
        json_put(j, "lasted",
                 resolved ? duration_view(p, began, resolved) : words_say(&p->words, "going-on", NULL));
        json_put(j, "impact", words_kind(&p->words, "impact", impact, "major"));
        json_put(j, "impact_class", json_string(impact_class(impact)));
        json_put(j, "updates", updates_view(p, incident, "", updates));
        put_concerns(p, incident, NULL, j);
        return j;
}

static void put_incidents(const Page *p, const PageLimits *l, json_t *view)
{
        json_t *open = json_array(), *past = json_array(), *older = json_array();
        size_t n_past = 0, n_older = 0;

        for (size_t i = 0; i < json_array_size(p->incidents) && i < PUBLIC_STATUS_BULLETINS; i++) {
                const json_t *incident = json_array_get(p->incidents, i);
                bool is_past = item_time(incident, "resolved") > 0, shown = !is_past || n_past < PAST_OPEN;
                bool is_older = is_past && n_past >= MIN(l->past, (size_t) PAST_SHOWN);

                n_past += is_past;
                n_older += is_older;
                if (is_older && json_array_size(older) >= l->older)
                        continue;
                json_t *j = incident_view(p, incident, i, is_past ? SIZE_MAX : l->updates);
                json_put(j, "shown", json_boolean(shown));
                json_put(j, "course", json_boolean(n_past <= l->courses));
                json_add(!is_past ? open : is_older ? older : past, j);
        }
        bool whole = n_older == json_array_size(older);
        json_put(view, "n_older", json_integer(whole ? (json_int_t) n_older : 0));
        json_put(view, "n_elsewhere", json_integer(whole ? 0 : (json_int_t) n_older));
        json_put(view, "any_past", json_boolean(n_past > 0));
        json_put(view, "older_words", words_number(&p->words, "past.older", n_older));
        json_put(view, "has_open", json_boolean(json_array_size(open) > 0));
        json_put(view, "open", open);
        json_put(view, "past", past);
        json_put(view, "older", older);
}

static void put_all_incidents(const Page *p, json_t *view)
{
        json_t *all = json_array();

        for (size_t i = 0; i < json_array_size(p->incidents) && i < PUBLIC_STATUS_BULLETINS; i++)
                json_add(all, incident_view(p, json_array_get(p->incidents, i), i, SIZE_MAX));
        json_put(view, "incidents", all);
}

/* --- maintenance --- */

uint64_t maintenance_created(const Page *p, const json_t *m)
{
        const json_t *updates = json_object_get(m, "updates");
        size_t n = json_array_size(updates);
        uint64_t at = n > 0 ? item_time(json_array_get(updates, n - 1), "at") : 0;

        if (at == 0)
                at = item_time(m, "began");
        if (at == 0)
                at = item_time(m, "from");
        return at ? MIN(at, p->updated_usec) : p->updated_usec;
}

static json_t *maintenance_view(const Page *p, const json_t *m, size_t i, size_t max)
{
        const char *state = item_string(m, "state"), *name = item_string(m, "name");
        bool over = maintenance_is_over(m);
        uint64_t began = item_time(m, "began"), ended = item_time(m, "ended");
        uint64_t from = began ? began : item_time(m, "from"), until = item_time(m, "until");
        bool was = !streq(state, "cancelled") || began > 0;
        json_t *j = json_object(), *updates = updates_view(p, m, item_string(m, "body"), max);

        if (over && was) /* else: when it would have been */
                until = ended;
        json_put(j, "id", view_id("m", i));
        json_put(j, "key", request_string(item_string(m, "id"), false));
        json_put(j, "maintenance",
                 *name ? request_string(name, false) : words_say(&p->words, "maintenance", NULL));
        json_put(j, "state", words_kind(&p->words, "maintenance.state", state, "scheduled"));
        json_put(j, "endless", json_boolean(!over && until == 0));
        json_put(j, "from", words_moment(&p->words, from ? from : p->updated_usec));
        if (until > 0)
                json_put(j, "until", words_moment(&p->words, until));
        json_put(j, "published", words_moment(&p->words, maintenance_created(p, m)));
        json_put(j, "updated", words_moment(&p->words, MAX(updated_at(p, m, ""), maintenance_created(p, m))));
        json_put(j, "lines", lines_of(item_string(m, "body")));
        json_put(j, "has_updates", json_boolean(json_array_size(updates) > 0));
        json_put(j, "updates", updates);
        put_concerns(p, m, "maintenance.whole", j);
        return j;
}

static void put_more(const Page *p, const char *name, size_t n, json_t *view)
{
        if (n > 0)
                json_put(view, name, words_number(&p->words, "more", n));
}

static void put_maintenances(const Page *p, const PageLimits *l, json_t *view)
{
        json_t *ahead = json_array(), *past = json_array();
        size_t n_ahead = 0, n_past = 0;

        for (size_t i = 0; i < json_array_size(p->maintenances) && i < PUBLIC_STATUS_BULLETINS; i++) {
                const json_t *m = json_array_get(p->maintenances, i);
                bool over = maintenance_is_over(m);

                if (over ? n_past++ < l->over : n_ahead++ < l->ahead)
                        json_add(over ? past : ahead,
                                 maintenance_view(p, m, i, over ? SIZE_MAX : l->updates));
        }
        put_more(p, "more_ahead", n_ahead - json_array_size(ahead), view);
        put_more(p, "more_over", n_past - json_array_size(past), view);
        json_put(view, "under_way", json_boolean(any_in_state(p->maintenances, "active")));
        json_put(view, "has_ahead", json_boolean(n_ahead > 0));
        json_put(view, "has_over", json_boolean(n_past > 0));
        json_put(view, "ahead", ahead);
        json_put(view, "over", past);
}

static void put_all_maintenances(const Page *p, json_t *view)
{
        json_t *all = json_array();

        for (size_t i = 0; i < json_array_size(p->maintenances) && i < PUBLIC_STATUS_BULLETINS; i++)
                json_add(all, maintenance_view(p, json_array_get(p->maintenances, i), i, SIZE_MAX));
        json_put(view, "maintenances", all);
}

uint64_t bulletins_newest(const Page *p)
{
        uint64_t newest = 0;

        for (size_t i = 0; i < json_array_size(p->incidents); i++)
                newest = MAX(newest, updated_at(p, json_array_get(p->incidents, i), "began"));
        for (size_t i = 0; i < json_array_size(p->maintenances); i++)
                newest = MAX(newest, updated_at(p, json_array_get(p->maintenances, i), "from"));
        return newest ? newest : p->since_usec;
}

void bulletins_view(const Page *p, const PageLimits *limits, json_t *view)
{
        put_incidents(p, limits, view);
        put_maintenances(p, limits, view);
        if (limits->in_full) {
                put_all_incidents(p, view);
                put_all_maintenances(p, view);
        }
}
