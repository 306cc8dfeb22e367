/* SPDX-License-Identifier: MIT */
/* `probes:` of failoverd.yaml, and probes by name. */
#include "base/text.h"
#include "supervisor/config_private.h"
#include "supervisor/schedule.h"

static const char *const scope_names[] = {"local", "external", NULL};
static const ConfRange threshold_range = {1, SCHEDULE_FALL_MAX};
static const ConfRange window_range = {1, MODE_WINDOW_MAX};
static const ConfRange interval_range = {10 * USEC_PER_MSEC, USEC_PER_DAY};
static const ConfRange timeout_range = {USEC_PER_MSEC, 10 * USEC_PER_MIN};

/* What every probe has, beside the keys of its type. */
const ConfField config_probe_fields[] = {
                {"interval", &conf_duration, offsetof(ProbeConfig, interval_usec), 0, "60s",
                 "Time between two runs.", &interval_range},
                {"fast_interval", &conf_duration, offsetof(ProbeConfig, fast_interval_usec), 0, "5s",
                 "The same while an outcome contradicts the verdict, start to start.", &interval_range},
                {"timeout", &conf_duration, offsetof(ProbeConfig, timeout_usec), 0, "5s",
                 "Of one run, all in all.", &timeout_range},
                {"fall", &conf_unsigned, offsetof(ProbeConfig, fall), 0, "3",
                 "So many fails among the last `window` outcomes make it down.", &threshold_range},
                {"window", &conf_unsigned, offsetof(ProbeConfig, window), 0, "5",
                 "Outcomes that `fall` is counted in.", &window_range},
                {"rise", &conf_unsigned, offsetof(ProbeConfig, rise), 0, "2",
                 "So many passes in a row make it up.", &threshold_range},
                {"scope", &conf_enum, offsetof(ProbeConfig, scope), 0, "local",
                 "external: a fail counts only while a vantage probe shows that this node sees the outside "
                 "at all.",
                 scope_names},
                {NULL},
};

/* A passive probe is never run: only the thresholds make sense. */
static const ConfField passive_fields[] = {
                {"fall", &conf_unsigned, offsetof(ProbeConfig, fall), 0, "3",
                 "So many reported fails among the last `window` reports make it down.", &threshold_range},
                {"window", &conf_unsigned, offsetof(ProbeConfig, window), 0, "5",
                 "Reports that `fall` is counted in.", &window_range},
                {"rise", &conf_unsigned, offsetof(ProbeConfig, rise), 0, "2",
                 "So many good reports in a row make it up.", &threshold_range},
                {NULL},
};

ProbeConfig *probe_config_free(ProbeConfig *p)
{
        if (!p)
                return NULL;
        if (p->conf) {
                if (p->type->fields)
                        conf_clear(p->type->fields, p->conf);
                free(p->conf);
        }
        free(p->memory);
        free(p->place);
        free(p->name);
        free(p);
        return NULL;
}
DEFINE_CLEANUP(ProbeConfig, probe_config_free)

/* --- names --- */

static int compare_names(const void *a, const void *b, void *userdata)
{
        const Config *c = userdata;

        return strcmp(c->probes[*(const unsigned *) a]->name, c->probes[*(const unsigned *) b]->name);
}

/* The file's order is kept in c->probes; a sorted list of numbers finds names among ten thousand. */
static int sort_names(Config *c)
{
        c->by_name = calloc(c->n_probes + 1, sizeof(*c->by_name));
        if (!c->by_name)
                return -ENOMEM;
        for (size_t i = 0; i < c->n_probes; i++)
                c->by_name[i] = (unsigned) i;
        qsort_r(c->by_name, c->n_probes, sizeof(*c->by_name), compare_names, c);
        return 0;
}

unsigned config_find_probe(const Config *c, const char *name)
{
        size_t low = 0, high = c->n_probes;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(c->probes[c->by_name[middle]]->name, name);

                if (order == 0)
                        return c->by_name[middle];
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return PROBE_NONE;
}

int config_resolve_probes(const Config *c, char **names, const ConfNode *node, const char *what,
                          unsigned **ret, size_t *ret_n, Error *e)
{
        _cleanup_free_ unsigned *list = NULL;
        size_t n = 0;

        while (names && names[n])
                n++;
        list = calloc(n + 1, sizeof(*list));
        if (!list)
                return error_set(e, -ENOMEM, "out of memory");
        for (size_t i = 0; i < n; i++) {
                const ConfNode *place = conf_is_sequence(node) ? conf_item(node, i) : node;

                list[i] = config_find_probe(c, names[i]);
                if (list[i] == PROBE_NONE)
                        return conf_error(place, e, "%s names probe `%s`, which does not exist", what,
                                          names[i]);
                for (size_t k = 0; k < i; k++)
                        if (list[k] == list[i])
                                return conf_error(place, e, "%s names probe `%s` twice", what, names[i]);
        }
        *ret = TAKE_PTR(list);
        *ret_n = n;
        return 0;
}

/* --- one probe, and all --- */

static int unknown_probe_type(const ConfNode *node, const char *type, Error *e)
{
        char known[256] = "";
        size_t used = 0;

        for (size_t i = 0; probe_types[i] && used < sizeof(known); i++)
                used += (size_t) snprintf(known + used, sizeof(known) - used, "%s%s", i > 0 ? ", " : "",
                                          probe_types[i]->name);
        return conf_error(node, e, "unknown probe type `%s`; known: %s", type, known);
}

static int probe_find_type(const ConfNode *node, const ProbeType **ret, Error *e)
{
        const ConfNode *type = conf_get(node, "type");
        const char *name = type ? conf_scalar(type) : NULL;

        if (!conf_is_mapping(node))
                return conf_error(node, e, "a probe is a mapping: {type: http, url: …}");
        if (!type)
                return conf_error(node, e, "a probe needs a `type`");
        if (!name)
                return conf_error(type, e, "`type` is one word");
        *ret = probe_type_find(name);
        return *ret ? 0 : unknown_probe_type(type, name, e);
}

static int probe_check(ProbeConfig *p, const ConfNode *node, Error *e)
{
        if (p->fall > p->window)
                return conf_error(node, e,
                                  "fall (%u) is more than window (%u): probe `%s` could never be down",
                                  p->fall, p->window, p->name);
        if (!p->type->passive && p->fast_interval_usec > p->interval_usec)
                return conf_error(node, e, "fast_interval is longer than interval in probe `%s`", p->name);
        return p->type->check ? p->type->check(p->conf, node, e) : 0;
}

static int probe_parse(const char *name, const ConfNode *node, ProbeConfig **ret, Error *e)
{
        _cleanup_(probe_config_freep) ProbeConfig *p = calloc(1, sizeof(*p));
        const ProbeType *type;
        int r;

        r = probe_find_type(node, &type, e);
        if (r < 0)
                return r;
        if (!p)
                return error_set(e, -ENOMEM, "out of memory");
        p->type = type;
        p->name = strdup(name);
        p->conf = calloc(1, MAX(type->conf_size, (size_t) 1));
        p->memory = calloc(1, MAX(type->memory_size, (size_t) 1));
        if (!p->name || !p->conf || !p->memory)
                return error_set(e, -ENOMEM, "out of memory");
        r = config_parse_both(node, type->passive ? passive_fields : config_probe_fields, "type", p,
                              type->fields, p->conf, e);
        if (r < 0) {
                p->conf = (free(p->conf), NULL); /* cleared by conf_parse() */
                return r;
        }
        if (type->passive) { /* never run; the figures only keep the arithmetic whole */
                p->interval_usec = p->fast_interval_usec = p->timeout_usec = USEC_PER_MIN;
        }
        conf_hash(node, p->hash);
        p->place = config_place(node);
        if (!p->place)
                return error_set(e, -ENOMEM, "out of memory");
        r = probe_check(p, node, e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

int config_parse_probes(Config *c, const ConfNode *node, Error *e)
{
        size_t n = node ? conf_count(node) : 0;

        if (node && !conf_is_mapping(node))
                return conf_error(node, e, "`probes` maps names to probes: payment-api: {type: http, …}");
        c->probes = calloc(n + 1, sizeof(*c->probes));
        if (!c->probes)
                return error_set(e, -ENOMEM, "out of memory");
        for (size_t i = 0; i < n; i++) {
                const ConfNode *key;
                const char *name = conf_key(node, i, &key);
                int r;

                if (!string_valid_name(name))
                        return conf_error(key, e,
                                          "a probe's name has letters, digits, dots, dashes and underscores, "
                                          "at "
                                          "most 64");
                r = probe_parse(name, conf_item(node, i), &c->probes[i], e);
                if (r < 0)
                        return r;
                c->probes[i]->index = (unsigned) i;
                c->n_probes++;
        }
        return sort_names(c) < 0 ? error_set(e, -ENOMEM, "out of memory") : 0;
}
