/* SPDX-License-Identifier: MIT */
/* `stats`: how much this shop has, and how it is searched. */
#include "base/clock.h"
#include "ctl/page.h"

#include <inttypes.h>

#define LABEL          12 /* columns, as in `status` */
#define CATEGORIES_MAX 12

static void show(Page *p, const char *label, Style style, Text *t)
{
        char padded[LABEL + 1];

        snprintf(padded, sizeof(padded), "%-*s", LABEL, label);
        p->text.failed |= t->failed;
        if (t->data)
                page_paragraph(p, STYLE_DIM, padded, LABEL, style, t->data);
        text_clear(t);
}

static void add_size(Text *t, int64_t bytes)
{
        if (bytes < 1024 * 1024)
                text_add(t, "%.0f KiB", (double) bytes / 1024);
        else
                text_add(t, "%.1f MiB", (double) bytes / (1024 * 1024));
}

static void show_catalog(Page *p, const json_t *stats, const json_t *catalog)
{
        _cleanup_text_ Text t = {};
        const json_t *categories = json_object_get(stats, "categories"), *name;
        uint64_t updated_usec = ctl_time(stats, "lastUpdated");
        char time[CTL_TIME_SIZE];
        size_t k, n = json_array_size(categories);

        text_add(&t, "%" PRId64 " in %" PRId64 " categories", ctl_integer(stats, "totalBooks"),
                 ctl_integer(stats, "totalCategories"));
        if (ctl_integer(catalog, "bytes") > 0) {
                text_add_string(&t, ", ");
                add_size(&t, ctl_integer(catalog, "bytes"));
        }
        if (updated_usec > 0)
                text_add(&t, "; last import %s", ctl_time_format(time, updated_usec));
        else
                text_add_string(&t, "; nothing was ever imported");
        show(p, "Books", STYLE_BOLD, &t);
        json_array_foreach(categories, k, name)
        {
                if (k == CATEGORIES_MAX && n > CATEGORIES_MAX + 1) {
                        text_add(&t, " and %zu more", n - k);
                        break;
                }
                text_add(&t, "%s%s", k > 0 ? ", " : "", json_string_value(name) ?: "?");
        }
        show(p, "Categories", STYLE_PLAIN, &t);
}

static void show_searches(Page *p, const json_t *catalog, const json_t *search)
{
        _cleanup_text_ Text t = {};
        int64_t hits = ctl_integer(search, "cache_hits"), misses = ctl_integer(search, "cache_misses");

        if (catalog)
                text_add(&t, "%" PRId64 " of this shop's catalog", ctl_integer(catalog, "searches"));
        if (search) {
                text_add(&t, "%s%" PRId64 " of the network", t.size > 0 ? ", " : "",
                         ctl_integer(search, "searches"));
                if (ctl_integer(search, "incomplete") > 0)
                        text_add(&t, " (%" PRId64 " incomplete)", ctl_integer(search, "incomplete"));
                if (ctl_integer(search, "refused") > 0)
                        text_add(&t, " (%" PRId64 " refused)", ctl_integer(search, "refused"));
                if (hits > 0)
                        text_add(&t, ", %.0f %% from the cache",
                                 100.0 * (double) hits / (double) (hits + misses));
        }
        show(p, "Searches", STYLE_PLAIN, &t);
}

static void show_network(Page *p, const json_t *network)
{
        static const char *const states[] = {"active", "fallback", "suspect", "failed"};
        _cleanup_text_ Text t = {};
        bool well = ctl_integer(network, "active") == ctl_integer(network, "peers");

        if (!network)
                return;
        text_add(&t, "%" PRId64 " peer%s", ctl_integer(network, "peers"),
                 PLURAL(ctl_integer(network, "peers")));
        for (size_t k = 0; k < ELEMENTSOF(states); k++)
                if (ctl_integer(network, states[k]) > 0)
                        text_add(&t, ", %" PRId64 " %s", ctl_integer(network, states[k]), states[k]);
        if (json_is_false(json_object_get(network, "enabled")))
                text_add_string(&t, "; searching them is switched off");
        show(p, "Network", well ? STYLE_PLAIN : STYLE_WARN, &t);
}

static void show_mode(Page *p, const json_t *mode)
{
        _cleanup_text_ Text t = {};
        bool stale = json_is_true(json_object_get(mode, "stale"));

        if (!mode)
                return;
        if (json_is_false(json_object_get(mode, "known")))
                text_add(&t, "not known: %s", ctl_string(mode, "trouble"));
        else {
                text_add(&t, "%s, payments by %s", ctl_string(mode, "mode"), ctl_string(mode, "payment"));
                if (stale)
                        text_add(&t, "; STALE: %s", ctl_string(mode, "trouble"));
        }
        show(p, "Mode", stale ? STYLE_WARN : STYLE_PLAIN, &t);
}

static void show_all(Page *p, const json_t *answer, const json_t *status)
{
        const json_t *node = json_object_get(status, "node"), *catalog = json_object_get(status, "catalog");
        uint64_t started_usec = ctl_time(status, "started");
        char time[CTL_TIME_SIZE];
        _cleanup_text_ Text t = {};

        text_add(&t, "%s (%s), %s", ctl_string(node, "name"), ctl_string(answer, "store"),
                 ctl_string(node, "url"));
        show(p, "Shop", STYLE_BOLD, &t);
        show_catalog(p, json_object_get(answer, "stats"), catalog);
        show_searches(p, catalog, json_object_get(status, "search"));
        show_network(p, json_object_get(status, "network"));
        show_mode(p, json_object_get(status, "mode"));
        if (started_usec > 0) {
                text_add(&t, "%s", ctl_time_format(time, started_usec));
                show(p, "Since", STYLE_PLAIN, &t);
        }
}

int verb_stats(const Invocation *i)
{
        _cleanup_json_ json_t *answer = NULL, *status = NULL;
        Page p = {.width = ctl_columns(), .colour = ctl_colour()};
        Error e = {};

        if (ctl_ask(i, "GET", "/v1/stats", NULL, CTL_ANSWER_USEC, &answer, &e) < 0 ||
            (!i->given[OPTION_JSON] &&
             ctl_ask(i, "GET", "/v1/status", NULL, CTL_ANSWER_USEC, &status, &e) < 0))
                return ctl_failed(i, &e);
        if (i->given[OPTION_JSON]) {
                ctl_print_json(answer);
                return CTL_DONE;
        }
        show_all(&p, answer, status);
        return ctl_print_page(i, &p);
}
