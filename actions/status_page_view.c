/* SPDX-License-Identifier: MIT */
/* What the templates of the status page show, as one document: web/status.html, status.atom and status.svg say where. */
#include "actions/status_page.h"

#define BADGE_GLYPH  7 /* about, of 11 px Verdana */
#define BADGE_CORNER 4

/* What people call their components need not be an id. */
json_t *view_id(const char *kind, size_t i)
{
        char id[32];

        snprintf(id, sizeof(id), "%s%zu", kind, i + 1);
        return json_string(id);
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
        json_put(j, "id", view_id("c", i));
        json_put(j, "component", request_string(item_string(component, "name"), false));
        if (!l->no_overview)
                json_put(j, "description", request_string(item_string(component, "description"), false));
        json_put(j, "state", json_string(state));
        json_put(j, "icon", json_string(streq(state, "partial") ? "degraded" : state));
        json_put(j, "words", words_kind(&p->words, "state", state, "unknown"));
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
        json_put(group, "id", view_id("g", json_array_size(groups)));
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
                json_put(view, "more", words_number(&p->words, "more", p->more_shops));
}

/* --- the rest --- */

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
        json_put(view, "url", json_string(request_link(p->node_url)));
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

        json_put(view, "page_url", json_string(p->page_url ? p->page_url : ""));
        json_put(view, "feed_id", id ? json_string(id) : NULL);
        json_put(view, "newest", words_moment(&p->words, bulletins_newest(p)));
}

json_t *page_view(const Page *p, const PageLimits *limits)
{
        json_t *view = json_object();

        (void) json_failed();
        put_now(p, view);
        put_components(p, limits, view);
        bulletins_view(p, limits, view);
        put_shops(p, view);
        put_feed(p, view);
        put_script_words(p, view);
        json_put(view, "badge", badge_view(p));
        json_put(view, "style_hash", page_file_hash("status.css"));
        json_put(view, "script_hash", page_file_hash("status.js"));
        return json_whole(view);
}
