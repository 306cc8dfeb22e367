/* SPDX-License-Identifier: MIT */
/* What the templates of the status page show, as one document: web/status.html, status.atom and status.svg say where. */
#include "actions/status_page.h"

#include "base/sign.h"
#include "base/template.h"

#define PAST_OPEN    3  /* past incidents whose course is shown at once */
#define PAST_SHOWN   10 /* … that are shown at all without asking for more */
#define BADGE_GLYPH  7  /* about, of 11 px Verdana */
#define BADGE_CORNER 4

/* An id in the document: what people call their components need not be one. */
static json_t *id_of(const char *kind, size_t i)
{
        char id[32];

        snprintf(id, sizeof(id), "%s%zu", kind, i + 1);
        return json_string(id);
}

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

static json_t *key_or_other(const Page *p, const char *what, const char *payment)
{
        char key[80];

        snprintf(key, sizeof(key), "%s.%s", what, payment);
        if (!words_get(&p->words, key))
                snprintf(key, sizeof(key), "%s.other", what);
        return words_say(&p->words, key, NULL);
}

json_t *incident_name(const Page *p, const json_t *incident)
{
        const char *name = item_string(incident, "name");

        return *name ? request_string(name, false)
                     : key_or_other(p, "incident", item_string(incident, "payment"));
}

static json_t *say_state(const Page *p, const char *what, const char *state, const char *otherwise)
{
        char key[80];

        snprintf(key, sizeof(key), "%s.%s", what, state);
        if (!words_get(&p->words, key))
                snprintf(key, sizeof(key), "%s.%s", what, otherwise);
        return words_say(&p->words, key, NULL);
}

/* What an update says that nobody has written words for: what was so then. */
static json_t *automatic_text(const Page *p, const json_t *update)
{
        const char *message = item_string(update, "message"), *selling = item_string(update, "selling");
        const char *payment = item_string(update, "payment");

        if (streq(item_string(update, "state"), "resolved"))
                return key_or_other(p, "auto", "back");
        if (streq(selling, "not") || streq(selling, "hampered"))
                return key_or_other(p, "auto", selling);
        return *message ? request_string(message, true) : key_or_other(p, "auto", payment);
}

json_t *update_text(const Page *p, const json_t *update)
{
        static const char *const ours[] = {"scheduled", "active", "completed", "cancelled"};
        const char *body = item_string(update, "body"), *state = item_string(update, "state");

        if (*body)
                return request_string(body, true);
        for (size_t i = 0; i < ELEMENTSOF(ours); i++) /* of a maintenance: the state says all */
                if (streq(ours[i], state))
                        return say_state(p, "maintenance.state", state, "scheduled");
        return automatic_text(p, update);
}

/* Incidents and maintenances have states of their own; the words of both are to be had. */
static json_t *say_update_state(const Page *p, const char *state)
{
        char key[80];

        snprintf(key, sizeof(key), "maintenance.state.%s", state);
        return words_get(&p->words, key) ? words_say(&p->words, key, NULL)
                                         : say_state(p, "update", state, "identified");
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

        json_put(j, "id", id_of("i", i));
        json_put(j, "key", request_string(item_string(incident, "id"), false));
        json_put(j, "incident", incident_name(p, incident));
        json_put(j, "began", words_moment(&p->words, began ? began : p->since_usec));
        json_put(j, "updated", words_moment(&p->words, updated_at(p, incident, "began")));
        json_put(j, "open", json_boolean(resolved == 0));
        json_put(j, "lasted",
                 resolved ? duration_view(p, began, resolved) : words_say(&p->words, "going-on", NULL));
        json_put(j, "impact", say_state(p, "impact", impact, "major"));
        json_put(j, "impact_class", json_string(impact_class(impact)));
        json_put(j, "updates", updates_view(p, incident, "", updates));
        put_concerns(p, incident, NULL, j);
        return j;
}

static json_t *say_number(const Page *p, const char *key, size_t n)
{
        return words_say(&p->words, key, json_pack("{s:I}", "n", (json_int_t) n));
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
        json_put(view, "older_words", say_number(p, "past.older", n_older));
        json_put(view, "has_open", json_boolean(json_array_size(open) > 0));
        json_put(view, "open", open);
        json_put(view, "past", past);
        json_put(view, "older", older);
}

/* For the feed and history.html: all, in full. */
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
        json_put(j, "id", id_of("m", i));
        json_put(j, "key", request_string(item_string(m, "id"), false));
        json_put(j, "maintenance",
                 *name ? request_string(name, false) : words_say(&p->words, "maintenance", NULL));
        json_put(j, "state", say_state(p, "maintenance.state", state, "scheduled"));
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
                json_put(view, name, say_number(p, "more", n));
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

/* --- components --- */

static json_t *component_view(const Page *p, const PageLimits *l, const json_t *component, size_t i)
{
        static const char *const states[] = {"operational", "degraded", "partial", "down", "maintenance"};
        const char *said = item_string(component, "state"), *state = "unknown";
        json_t *j = json_object();

        for (size_t s = 0; s < ELEMENTSOF(states); s++)
                if (streq(states[s], said))
                        state = states[s];
        json_put(j, "id", id_of("c", i));
        json_put(j, "component", request_string(item_string(component, "name"), false));
        if (!l->no_overview)
                json_put(j, "description", request_string(item_string(component, "description"), false));
        json_put(j, "state", json_string(state));
        json_put(j, "icon", json_string(streq(state, "partial") ? "degraded" : state));
        json_put(j, "words", say_state(p, "state", state, "unknown"));
        days_view(p, component, !l->no_words, j);
        return j;
}

static json_t *group_find(json_t *groups, const char *heading)
{
        for (size_t i = 0; i < json_array_size(groups); i++)
                if (streq(item_string(json_array_get(groups, i), "heading"), heading))
                        return json_array_get(groups, i);
        json_t *group = json_object();
        json_put(group, "heading", json_string(heading));
        json_put(group, "parts", json_array());
        json_put(group, "id", id_of("g", json_array_size(groups)));
        json_add(groups, group);
        return json_array_get(groups, json_array_size(groups) - 1);
}

/* Groups in the order in which they first come. */
static void put_components(const Page *p, const PageLimits *l, json_t *view)
{
        json_t *groups = json_array();
        bool any_days = false;

        for (size_t i = 0; i < json_array_size(p->components); i++) {
                const json_t *component = json_array_get(p->components, i);
                _cleanup_free_ char *heading = request_clean(item_string(component, "group"), false);
                json_t *group = heading ? group_find(groups, heading) : NULL;

                any_days = any_days || json_array_size(json_object_get(component, "days")) > 0;
                json_add(json_object_get(group, "parts"), component_view(p, l, component, i));
        }
        json_put(view, "groups", groups);
        json_put(view, "any_days", json_boolean(any_days));
        json_put(view, "words_elsewhere", json_boolean(l->no_words));
        uint64_t counted = item_time(p->known, "counted_since");
        if (counted > 0)
                json_put(view, "counted", words_date(&p->words, counted));
}

/* --- other shops --- */

static json_t *shop_view(const Page *p, const PageShop *s)
{
        static const struct {
                const char *state, *key;
        } states[] = {
                        [REGISTRY_ACTIVE] = {"operational", "shop.active"},
                        [REGISTRY_FALLBACK] = {"degraded", "shop.fallback"},
                        [REGISTRY_SUSPECT] = {"unknown", "shop.suspect"},
                        [REGISTRY_FAILED] = {"down", "shop.failed"},
        };
        size_t state = (size_t) s->status < ELEMENTSOF(states) ? s->status : REGISTRY_SUSPECT;
        bool nowhere = s->status == REGISTRY_FALLBACK && !*s->url;
        json_t *j = json_object();

        json_put(j, "shop", json_string(s->name));
        json_put(j, "link", json_string(s->url));
        json_put(j, "state", json_string(nowhere ? "down" : states[state].state));
        json_put(j, "icon", json_string(nowhere ? "down" : states[state].state));
        json_put(j, "words", words_say(&p->words, nowhere ? "shop.nowhere" : states[state].key, NULL));
        return j;
}

static void put_shops(const Page *p, json_t *view)
{
        json_t *list = json_array();

        for (size_t i = 0; i < p->n_shops; i++)
                json_add(list, shop_view(p, &p->shops[i]));
        json_put(view, "has_shops", json_boolean(p->n_shops > 0));
        json_put(view, "shops", list);
        if (p->more_shops > 0)
                json_put(view, "more",
                         words_say(&p->words, "more", json_pack("{s:I}", "n", (json_int_t) p->more_shops)));
}

/* --- the rest --- */

/* Style and script without what is there for who reads them in web/: what lines begin with, and lines of comments. */
static char *lean_copy(const char *text)
{
        char *copy = malloc(strlen(text) + 1), *at = copy;

        while (copy && *text) {
                text += strspn(text, " ");
                size_t size = strcspn(text, "\n");
                size += text[size] == '\n';
                bool comment = strncmp(text, "//", 2) == 0 || strncmp(text, "/* SPDX", 7) == 0;
                if (!comment && size > 1) {
                        memcpy(at, text, size);
                        at += size;
                }
                text += size;
        }
        if (copy)
                *at = '\0';
        return copy;
}

/* The policy names style and script by their hashes: nothing else that might get in has any effect. */
static json_t *hash_of(const char *file)
{
        _cleanup_free_ char *base64 = NULL, *text = lean_copy(page_file(file));
        uint8_t hash[SHA256_SIZE];

        if (!text)
                return NULL;
        sha256(text, strlen(text), hash);
        if (base64_encode(hash, sizeof(hash), &base64) < 0)
                return NULL;
        _cleanup_free_ char *padded = string_printf("sha256-%s=", base64);
        return padded ? json_string(padded) : NULL;
}

static size_t glyphs(const char *s)
{
        size_t n = 0;

        for (; *s; s++)
                n += ((uint8_t) *s & 0xc0) != 0x80;
        return n;
}

static json_t *badge_view(const Page *p)
{
        char key[40];
        json_t *j = json_object();

        snprintf(key, sizeof(key), "badge.%s%s", p->told ? "told." : "", p->face);
        const char *word = words_get(&p->words, key), *label = words_get(&p->words, "badge.label");
        json_int_t left = (json_int_t) glyphs(label) * BADGE_GLYPH + 10,
                   right = (json_int_t) glyphs(word) * BADGE_GLYPH + 10;
        static const char *const colours[][2] = {{"none", "#14713d"},    {"minor", "#8a5a00"},
                                                 {"unknown", "#5b6470"}, {"maintenance", "#1d5fb0"},
                                                 {"major", "#a8480b"},   {"critical", "#b3261e"}};
        for (size_t i = 0; i < ELEMENTSOF(colours); i++)
                if (streq(colours[i][0], p->face)) {
                        json_put(j, "colour", json_string(colours[i][1]));
                        json_put(j, "icon_colour", json_string(colours[i][1] + 1)); /* # is %23 in a link */
                }
        json_put(j, "word", json_string(word));
        json_put(j, "label", json_string(label));
        json_put(j, "left", json_integer(left));
        json_put(j, "right", json_integer(right));
        json_put(j, "right_flat", json_integer(right - BADGE_CORNER));
        json_put(j, "width", json_integer(left + right));
        json_put(j, "left_middle", json_integer(left / 2));
        json_put(j, "right_middle", json_integer(left + right / 2));
        return j;
}

/* One of the symbols in web/status.html. */
static const char *icon_of(const Page *p)
{
        static const char *const icons[][2] = {{"none", "operational"}, {"minor", "degraded"},
                                               {"unknown", "unknown"},  {"maintenance", "maintenance"},
                                               {"major", "swap"},       {"critical", "down"}};

        if (p->told && p->level == LEVEL_MAJOR)
                return "degraded";
        for (size_t i = 0; i < ELEMENTSOF(icons); i++)
                if (streq(icons[i][0], p->face))
                        return icons[i][1];
        return "unknown";
}

/* "Everything works" is true since the last thing that did not work does: the mode may be older. */
static uint64_t headline_since(const Page *p)
{
        uint64_t since = p->since_usec, at;

        if (p->told)
                return item_time(p->told, "began");
        if (!streq(p->selling, "as-usual"))
                return since;
        for (size_t i = 0; i < json_array_size(p->components); i++) {
                at = item_time(json_array_get(p->components, i), "since");
                since = MAX(since, at);
        }
        for (size_t i = 0; i < json_array_size(p->incidents); i++) {
                at = item_time(json_array_get(p->incidents, i), "resolved");
                since = MAX(since, at);
        }
        return since;
}

/* Is it known when what the headline tells began? */
static bool says_since(const Page *p)
{
        if (p->told)
                return item_time(p->told, "began") > 0;
        return streq(p->selling, "as-usual") || streq(p->selling, "backup") || streq(p->selling, "elsewhere");
}

static void put_now(const Page *p, json_t *view)
{
        json_t *headline = page_say(p, "headline");
        const char *name = *p->node_name ? p->node_name : p->node_id;

        json_put(view, "name", json_string(name));
        json_put(view, "node", json_string(p->node_id));
        json_put(view, "url", json_string(request_link(p->node_url)));
        json_put(view, "level", json_string(level_name(p->level)));
        json_put(view, "face", json_string(p->face));
        json_put(view, "icon", json_string(icon_of(p)));
        json_put(view, "headline", headline);
        json_put(view, "message", json_string(p->first ? "" : p->message));
        json_put(view, "explain", page_say(p, "explain"));
        json_put(view, "also_blind",
                 json_boolean(p->blind &&
                              (p->told || (!streq(p->selling, "blind") && !streq(p->selling, "unknown")))));
        json_put(view, "since", words_moment(&p->words, headline_since(p)));
        json_put(view, "says_since", json_boolean(says_since(p)));
        json_put(view, "change", json_string(p->change));
        json_put(view, "not_saved", json_boolean(!p->durable));
        json_put(view, "made", words_moment(&p->words, p->updated_usec));
        json_put(view, "fresh", words_duration(&p->words, p->fresh_sec));
        json_put(view, "fresh_sec", json_integer((json_int_t) p->fresh_sec));
}

/* Texts that the script fills in: as they are. */
static void put_script_words(const Page *p, json_t *view)
{
        static const char *const keys[][2] = {
                        {"script_stale", "stale"},      {"script_unreachable", "unreachable"},
                        {"script_changed", "changed"},  {"script_date", "date"},
                        {"script_d", "duration.d"},     {"script_h", "duration.h"},
                        {"script_min", "duration.min"}, {"script_s", "duration.s"}};

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                json_put(view, keys[i][0], json_string(words_get(&p->words, keys[i][1])));
}

/* Ids never change: they are made of the shop's address, or of its name in the network. */
static void put_feed(const Page *p, json_t *view)
{
        const char *link = request_link(p->node_url);
        _cleanup_free_ char *id = *link ? string_printf("%s#status", link)
                                        : string_printf("urn:failoverd:%s#status", p->node_id);
        uint64_t newest = 0;

        for (size_t i = 0; i < json_array_size(p->incidents); i++)
                newest = MAX(newest, updated_at(p, json_array_get(p->incidents, i), "began"));
        for (size_t i = 0; i < json_array_size(p->maintenances); i++)
                newest = MAX(newest, updated_at(p, json_array_get(p->maintenances, i), "from"));
        json_put(view, "page_url", json_string(p->page_url ? p->page_url : ""));
        json_put(view, "feed_id", id ? json_string(id) : NULL);
        json_put(view, "newest", words_moment(&p->words, newest ? newest : p->since_usec));
}

json_t *page_view(const Page *p, const PageLimits *limits)
{
        json_t *view = json_object();

        (void) json_failed();
        put_now(p, view);
        put_components(p, limits, view);
        put_incidents(p, limits, view);
        put_maintenances(p, limits, view);
        if (limits == &page_unlimited) {
                put_all_incidents(p, view);
                put_all_maintenances(p, view);
        }
        put_shops(p, view);
        put_feed(p, view);
        put_script_words(p, view);
        json_put(view, "badge", badge_view(p));
        json_put(view, "style_hash", hash_of("status.css"));
        json_put(view, "script_hash", hash_of("status.js"));
        return json_whole(view);
}

typedef struct Sources {
        const Words *words;
        char *style, *script;
} Sources;

static void sources_clear(Sources *s)
{
        free(s->style);
        free(s->script);
}

static const char *find_words(const char *key, void *sources)
{
        return words_get(((Sources *) sources)->words, key);
}

static const char *find_part(const char *name, void *sources)
{
        Sources *s = sources;

        return streq(name, "style") ? s->style : streq(name, "script") ? s->script : page_file(name);
}

int page_render(const json_t *view, const Page *p, const char *template, char **ret)
{
        _cleanup_text_ Text t = {0};
        _cleanup_(sources_clear) Sources s = {.words = &p->words,
                                              .style = lean_copy(page_file("status.css")),
                                              .script = lean_copy(page_file("status.js"))};

        if (!s.style || !s.script)
                return -ENOMEM;
        int r = template_render(&t, page_file(template), view, find_words, find_part, &s);
        return r < 0 ? r : text_take(&t, ret);
}
