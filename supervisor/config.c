/* SPDX-License-Identifier: MIT */
/* failoverd.yaml as structs. */
#include "supervisor/config.h"

#include "base/clock.h"
#include "base/sign.h"
#include "base/text.h"
#include "supervisor/schedule.h"

static const char *const scope_names[] = {"local", "external", NULL};
static const ConfRange threshold_range = {1, SCHEDULE_FALL_MAX};
static const ConfRange window_range = {1, MODE_WINDOW_MAX};
static const ConfRange interval_range = {10 * USEC_PER_MSEC, USEC_PER_DAY};
static const ConfRange timeout_range = {USEC_PER_MSEC, 10 * USEC_PER_MIN};
static const ConfRange changes_range = {0, MODE_CHANGES_MAX};
static const ConfRange heartbeat_range = {USEC_PER_SEC, USEC_PER_DAY};

static const ConfField node_fields[] = {
                {"id", &conf_string, offsetof(NodeConfig, id), CONF_REQUIRED, NULL,
                 "Name of this node in the network: letters, digits, dots, dashes."},
                {"name", &conf_string, offsetof(NodeConfig, name), 0, NULL,
                 "Name of the shop, for people; default: the id."},
                {"url", &conf_url, offsetof(NodeConfig, url), 0, NULL, "Where buyers find the shop."},
                {"fallback_url", &conf_url, offsetof(NodeConfig, fallback_url), 0, NULL,
                 "Where they find it while the primary is down."},
                {"key_file", &conf_string, offsetof(NodeConfig, key_file), 0, NULL,
                 "Ed25519 key made by `failoverctl keygen`; a credential or a file. Without it, only what "
                 "must be signed is "
                 "refused."},
                {NULL},
};

/* What every probe has, beside the keys of its type. */
static const ConfField probe_fields[] = {
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

typedef struct ModeText {
        char *name, *payment, *checkout, *message;
        char **requires;
} ModeText;

static const ConfField mode_fields[] = {
                {"name", &conf_string, offsetof(ModeText, name), CONF_REQUIRED, NULL, "Name of the mode."},
                {"requires", &conf_strings, offsetof(ModeText, requires), 0, NULL,
                 "Probes that must be up for the shop to run in it."},
                {"payment", &conf_string, offsetof(ModeText, payment), 0, NULL,
                 "What PAYMENT_MODE says: primary, crypto or federated; default: the name."},
                {"checkout", &conf_string, offsetof(ModeText, checkout), 0, NULL,
                 "What CHECKOUT_ROUTE says; default: checkout, cryptoCheckout or federatedCheckout."},
                {"message", &conf_string, offsetof(ModeText, message), 0, NULL,
                 "What buyers are told while it runs."},
                {NULL},
};

static const ConfField failback_fields[] = {
                {"hold", &conf_duration, offsetof(FailbackConfig, hold_usec), 0, "5m",
                 "A preferred mode must be well for so long before the shop returns to it."},
                {"flap_window", &conf_duration, offsetof(FailbackConfig, flap_window_usec), 0, "1h",
                 "A failover within this time after a return doubles the next hold."},
                {"hold_max", &conf_duration, offsetof(FailbackConfig, hold_max_usec), 0, "1h",
                 "The longest hold."},
                {"max_changes_per_day", &conf_unsigned, offsetof(FailbackConfig, max_changes_per_day), 0, "6",
                 "So many automatic changes in 24 h stop returns until `failoverctl ack`; 0: no limit. "
                 "Failovers never stop.",
                 &changes_range},
                {NULL},
};

static const ConfField heartbeat_fields[] = {
                {"url", &conf_url, offsetof(HeartbeatConfig, url), CONF_REQUIRED, NULL,
                 "Asked by GET, so that somebody else notices when this supervisor is gone."},
                {"every", &conf_duration, offsetof(HeartbeatConfig, every_usec), 0, "1m", "How often.",
                 &heartbeat_range},
                {NULL},
};

typedef struct ActionText {
        char *type, *name;
        char **modes;
} ActionText;

static const ConfField action_fields[] = {
                {"type", &conf_string, offsetof(ActionText, type), CONF_REQUIRED, NULL,
                 "What it does: one of the types below."},
                {"name", &conf_string, offsetof(ActionText, name), 0, NULL,
                 "Its identity across reloads; default: the type, then type-2, type-3, …"},
                {"modes", &conf_strings, offsetof(ActionText, modes), 0, NULL,
                 "Run it for changes into these modes only."},
                {NULL},
};

typedef struct TopText {
        NodeConfig node;
        char **vantage;
        FailbackConfig failback;
        char *metrics_listen;
} TopText;

static const ConfField top_fields[] = {
                {"node", &conf_table, offsetof(TopText, node), CONF_REQUIRED, NULL, "Who this node is.",
                 node_fields},
                {"vantage", &conf_strings, offsetof(TopText, vantage), 0, NULL,
                 "Probes that tell whether this node can see the outside at all."},
                {"failback", &conf_table, offsetof(TopText, failback), 0, NULL, "How the shop returns.",
                 failback_fields},
                {"metrics_listen", &conf_address, offsetof(TopText, metrics_listen), 0, NULL,
                 "Loopback address and port for Prometheus; off by default."},
                {NULL},
};

static const char *const top_others[] = {"probes", "modes", "actions", "heartbeat", NULL};

/* --- keys of two tables on one mapping --- */

static size_t count_fields(const ConfField *fields)
{
        size_t n = 0;

        while (fields && fields[n].key)
                n++;
        return n;
}

/* The keys of a table, NULL-terminated, and one more in front (NULL: none). */
static const char **field_keys(const ConfField *fields, const char *extra)
{
        size_t n = count_fields(fields), used = 0;
        const char **keys = calloc(n + 2, sizeof(*keys));

        if (!keys)
                return NULL;
        if (extra)
                keys[used++] = extra;
        for (size_t i = 0; i < n; i++)
                keys[used++] = fields[i].key;
        return keys;
}

/* Reads one mapping by two tables into two structs. */
static int parse_both(const ConfNode *node, const ConfField *own, const char *own_extra, void *own_target,
                      const ConfField *others, void *others_target, Error *e)
{
        _cleanup_free_ const char **own_keys = field_keys(own, own_extra);
        _cleanup_free_ const char **other_keys = field_keys(others, own_extra);
        int r;

        if (!own_keys || !other_keys)
                return error_set(e, -ENOMEM, "out of memory");
        r = conf_parse(node, own, other_keys, own_target, e);
        if (r < 0)
                return r;
        if (!others)
                return 0;
        return conf_parse(node, others, own_keys, others_target, e);
}

/* "file:line:column", for what is found wrong later. */
static char *place_of(const ConfNode *node)
{
        Error e;
        char *colon;

        conf_error(node, &e, "%s", "");
        colon = strrchr(e.text, ':');
        if (colon)
                *colon = 0;
        return strdup(e.text);
}

/* --- probes --- */

static ProbeConfig *probe_config_free(ProbeConfig *p)
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
        p->name = strdup(name);
        p->conf = calloc(1, MAX(type->conf_size, (size_t) 1));
        p->memory = calloc(1, MAX(type->memory_size, (size_t) 1));
        if (!p->name || !p->conf || !p->memory)
                return error_set(e, -ENOMEM, "out of memory");
        p->type = type;
        r = parse_both(node, type->passive ? passive_fields : probe_fields, "type", p, type->fields, p->conf,
                       e);
        if (r < 0) {
                p->conf = (free(p->conf), NULL); /* cleared by conf_parse() */
                return r;
        }
        if (type->passive) { /* never run; the figures only keep the arithmetic whole */
                p->interval_usec = p->fast_interval_usec = p->timeout_usec = USEC_PER_MIN;
        }
        conf_hash(node, p->hash);
        p->place = place_of(node);
        if (!p->place)
                return error_set(e, -ENOMEM, "out of memory");
        r = probe_check(p, node, e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

static int probes_parse(Config *c, const ConfNode *node, Error *e)
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
                c->n_probes++;
        }
        return 0;
}

/* --- references to probes by name --- */

static int compare_pointers(const void *a, const void *b)
{
        const ProbeConfig *const *x = a, *const *y = b;

        return strcmp((*x)->name, (*y)->name);
}

/* The file's order is kept in c->probes; a sorted copy finds names among ten thousand. */
static int sort_names(Config *c, ProbeConfig ***ret)
{
        ProbeConfig **sorted = calloc(c->n_probes + 1, sizeof(*sorted));

        if (!sorted)
                return -ENOMEM;
        memcpy(sorted, c->probes, c->n_probes * sizeof(*sorted));
        for (size_t i = 0; i < c->n_probes; i++)
                sorted[i]->index = (unsigned) i;
        qsort(sorted, c->n_probes, sizeof(*sorted), compare_pointers);
        *ret = sorted;
        return 0;
}

static unsigned find_sorted(const Config *c, ProbeConfig *const *sorted, const char *name)
{
        ProbeConfig key = {.name = (char *) (uintptr_t) name}, *want = &key;
        ProbeConfig *const *found = bsearch(&want, sorted, c->n_probes, sizeof(*sorted), compare_pointers);

        return found ? (*found)->index : PROBE_NONE;
}

static int resolve_names(const Config *c, ProbeConfig *const *sorted, char **names, const ConfNode *node,
                         const char *what, unsigned **ret, size_t *ret_n, Error *e)
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

                list[i] = find_sorted(c, sorted, names[i]);
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

/* --- modes --- */

typedef struct PaymentDefault {
        const char *payment, *checkout;
} PaymentDefault;

static const PaymentDefault payments[] = {
                {"primary", "checkout"}, {"crypto", "cryptoCheckout"}, {"federated", "federatedCheckout"}};

static int mode_defaults(ModeSettings *m, const ConfNode *node, Error *e)
{
        const char *payment = m->payment ? m->payment : m->name;

        for (size_t i = 0; i < ELEMENTSOF(payments); i++) {
                if (!streq(payments[i].payment, payment))
                        continue;
                if (!m->payment)
                        m->payment = strdup(payment);
                if (!m->checkout)
                        m->checkout = strdup(payments[i].checkout);
                if (!m->message)
                        m->message = strdup("");
                return m->payment && m->checkout && m->message ? 0 : error_set(e, -ENOMEM, "out of memory");
        }
        if (m->payment)
                return conf_error(conf_get(node, "payment"), e,
                                  "payment is primary, crypto or federated, not `%s`", payment);
        return conf_error(node, e, "mode `%s` needs `payment`: primary, crypto or federated", m->name);
}

/* These end up as lines that a shell may source. */
static int check_word(const ConfNode *node, const char *key, const char *value, Error *e)
{
        const ConfNode *place = conf_get(node, key);

        if (string_valid_name(value))
                return 0;
        return conf_error(place ? place : node, e,
                          "`%s` has letters, digits, dots, dashes and underscores, at most 64", key);
}

static int mode_parse(const Config *c, ProbeConfig *const *sorted, const ConfNode *node, ModeSettings *m,
                      Error *e)
{
        ModeText text = {0};
        int r;

        r = conf_parse(node, mode_fields, NULL, &text, e);
        if (r < 0)
                return r;
        m->name = TAKE_PTR(text.name);
        m->payment = TAKE_PTR(text.payment);
        m->checkout = TAKE_PTR(text.checkout);
        m->message = TAKE_PTR(text.message);
        r = resolve_names(c, sorted, text.requires, conf_get(node, "requires"), "requires", &m->requires,
                          &m->n_requires, e);
        conf_clear(mode_fields, &text);
        if (r < 0)
                return r;
        r = check_word(node, "name", m->name, e);
        if (r < 0)
                return r;
        r = mode_defaults(m, node, e);
        if (r < 0)
                return r;
        return check_word(node, "checkout", m->checkout, e);
}

static int modes_parse(Config *c, ProbeConfig *const *sorted, const ConfNode *root, Error *e)
{
        const ConfNode *node = conf_get(root, "modes");
        size_t n = node ? conf_count(node) : 0;

        if (!node)
                return conf_error(root, e, "`modes` is missing: the list of modes, in order of preference");
        if (!conf_is_sequence(node) || n == 0)
                return conf_error(node, e, "`modes` is a list in order of preference: - name: primary");
        c->modes = calloc(n, sizeof(*c->modes));
        if (!c->modes)
                return error_set(e, -ENOMEM, "out of memory");
        for (size_t i = 0; i < n; i++) {
                const ConfNode *item = conf_item(node, i);
                int r;

                c->n_modes = i + 1; /* so that a half-built one is freed */
                r = mode_parse(c, sorted, item, &c->modes[i], e);
                if (r < 0)
                        return r;
                for (size_t k = 0; k < i; k++)
                        if (streq(c->modes[k].name, c->modes[i].name))
                                return conf_error(conf_get(item, "name"), e, "mode `%s` is given twice",
                                                  c->modes[i].name);
        }
        return 0;
}

static int vantage_check(const Config *c, const ConfNode *node, Error *e)
{
        for (size_t i = 0; i < c->n_vantage; i++) {
                ProbeConfig *p = c->probes[c->vantage[i]];

                if (p->type->passive || p->scope == SCOPE_EXTERNAL)
                        return conf_error(
                                        node, e,
                                        "vantage probe `%s` is %s: it cannot tell whether this node sees the "
                                        "outside",
                                        p->name, p->type->passive ? "passive" : "external itself");
                p->vantage = true;
        }
        return 0;
}

/* --- actions --- */

static ActionConfig *action_config_free(ActionConfig *a)
{
        if (!a)
                return NULL;
        if (a->conf) {
                if (a->type->fields)
                        conf_clear(a->type->fields, a->conf);
                free(a->conf);
        }
        for (size_t i = 0; a->modes && a->modes[i]; i++)
                free(a->modes[i]);
        free(a->modes);
        free(a->name);
        free(a->target);
        free(a->place);
        free(a);
        return NULL;
}
DEFINE_CLEANUP(ActionConfig, action_config_free)

static int unknown_action_type(const ConfNode *node, const char *type, Error *e)
{
        char known[256] = "";
        size_t used = 0;

        for (size_t i = 0; action_types[i] && used < sizeof(known); i++)
                used += (size_t) snprintf(known + used, sizeof(known) - used, "%s%s", i > 0 ? ", " : "",
                                          action_types[i]->name);
        return conf_error(node, e, "unknown action type `%s`; known: %s", type, known);
}

static bool action_name_taken(const Config *c, const char *name)
{
        for (size_t i = 0; i < c->n_actions; i++)
                if (streq(c->actions[i]->name, name))
                        return true;
        return false;
}

static int action_name(const Config *c, ActionConfig *a, const ConfNode *node, Error *e)
{
        if (a->name) {
                if (!string_valid_name(a->name))
                        return check_word(node, "name", a->name, e);
                if (action_name_taken(c, a->name))
                        return conf_error(conf_get(node, "name"), e, "action `%s` is given twice", a->name);
                return 0;
        }
        for (unsigned n = 1;; n++) {
                free(a->name);
                a->name = n == 1 ? strdup(a->type->name) : string_printf("%s-%u", a->type->name, n);
                if (!a->name)
                        return error_set(e, -ENOMEM, "out of memory");
                if (!action_name_taken(c, a->name))
                        return 0;
        }
}

static int action_modes(const Config *c, const ActionConfig *a, const ConfNode *node, Error *e)
{
        const ConfNode *modes = conf_get(node, "modes");

        for (size_t i = 0; a->modes && a->modes[i]; i++)
                if (config_find_mode(c, a->modes[i]) == MODE_NONE)
                        return conf_error(conf_is_sequence(modes) ? conf_item(modes, i) : modes, e,
                                          "`modes` names mode `%s`, which does not exist", a->modes[i]);
        return 0;
}

static int action_find_type(const ConfNode *node, const ActionType **ret, Error *e)
{
        const ConfNode *type = conf_get(node, "type");
        const char *name = type ? conf_scalar(type) : NULL;

        if (!conf_is_mapping(node) || !type)
                return conf_error(node, e, "an action is a mapping with a `type`: - type: payment-mode");
        if (!name)
                return conf_error(type, e, "`type` is one word");
        *ret = action_type_find(name);
        return *ret ? 0 : unknown_action_type(type, name, e);
}

static int action_parse(const Config *c, const ConfNode *node, ActionConfig **ret, Error *e)
{
        _cleanup_(action_config_freep) ActionConfig *a = calloc(1, sizeof(*a));
        const ActionType *type;
        ActionText text = {0};
        int r;

        r = action_find_type(node, &type, e);
        if (r < 0)
                return r;
        if (!a)
                return error_set(e, -ENOMEM, "out of memory");
        a->type = type;
        a->conf = calloc(1, MAX(type->conf_size, (size_t) 1));
        if (!a->conf)
                return error_set(e, -ENOMEM, "out of memory");
        r = parse_both(node, action_fields, NULL, &text, type->fields, a->conf, e);
        a->name = TAKE_PTR(text.name);
        a->modes = TAKE_PTR(text.modes);
        free(text.type);
        if (r < 0) {
                a->conf = (free(a->conf), NULL);
                return r;
        }
        conf_hash(node, a->hash);
        a->place = place_of(node);
        r = action_name(c, a, node, e);
        if (r >= 0)
                r = action_modes(c, a, node, e);
        if (r >= 0 && type->check)
                r = type->check(a->conf, node, e);
        if (r < 0)
                return r;
        if (type->target)
                r = type->target(a->conf, &a->target);
        else
                a->target = strdup("");
        if (r < 0 || !a->target)
                return error_set(e, -ENOMEM, "out of memory");
        *ret = TAKE_PTR(a);
        return 0;
}

static int actions_parse(Config *c, const ConfNode *node, Error *e)
{
        size_t n = node ? conf_count(node) : 0;

        if (node && !conf_is_sequence(node))
                return conf_error(node, e, "`actions` is a list: - type: payment-mode");
        c->actions = calloc(n + 1, sizeof(*c->actions));
        if (!c->actions)
                return error_set(e, -ENOMEM, "out of memory");
        for (size_t i = 0; i < n; i++) {
                int r = action_parse(c, conf_item(node, i), &c->actions[i], e);

                if (r < 0)
                        return r;
                c->n_actions++;
        }
        return 0;
}

/* --- the whole --- */

static int node_defaults(NodeConfig *n, const ConfNode *node, Error *e)
{
        if (!string_valid_name(n->id))
                return check_word(node, "id", n->id, e);
        if (!n->name)
                n->name = strdup(n->id);
        if (!n->url)
                n->url = strdup("");
        if (!n->fallback_url)
                n->fallback_url = strdup("");
        return n->name && n->url && n->fallback_url ? 0 : error_set(e, -ENOMEM, "out of memory");
}

static int decision_settings(Config *c)
{
        c->mode_probes = calloc(c->n_probes + 1, sizeof(*c->mode_probes));
        c->mode_modes = calloc(c->n_modes, sizeof(*c->mode_modes));
        if (!c->mode_probes || !c->mode_modes)
                return -ENOMEM;
        for (size_t i = 0; i < c->n_probes; i++) {
                const ProbeConfig *p = c->probes[i];

                c->mode_probes[i] = (ModeProbe){
                                .fall = p->fall,
                                .window = p->window,
                                .rise = p->rise,
                                .interval_usec = p->interval_usec,
                                .fast_interval_usec = p->fast_interval_usec,
                                .timeout_usec = p->timeout_usec,
                                .passive = p->type->passive,
                                .silence_usec = p->type->passive ? ((const PassiveConf *) p->conf)
                                                                                   ->max_silence_usec
                                                                 : MODE_SILENCE_RUNS * p->interval_usec,
                };
        }
        for (size_t i = 0; i < c->n_modes; i++)
                c->mode_modes[i] = (ModeMode){.requires = c->modes[i].requires,
                                              .n_requires = c->modes[i].n_requires};
        c->mode = (ModeConfig){
                        .probes = c->mode_probes,
                        .n_probes = c->n_probes,
                        .modes = c->mode_modes,
                        .n_modes = c->n_modes,
                        .hold_usec = c->failback.hold_usec,
                        .flap_window_usec = c->failback.flap_window_usec,
                        .hold_max_usec = c->failback.hold_max_usec,
                        .max_changes_per_day = c->failback.max_changes_per_day,
        };
        return 0;
}

/* `metrics_listen` is the only network listener, and never for others. */
static int check_loopback(const Config *c, const ConfNode *root, Error *e)
{
        const char *a = c->metrics_listen;

        if (!a || strncmp(a, "127.", 4) == 0 || strncmp(a, "[::1]", 5) == 0)
                return 0;
        return conf_error(conf_get(root, "metrics_listen"), e,
                          "metrics_listen must be a loopback address, such as 127.0.0.1:9440");
}

static int top_parse(Config *c, const ConfNode *root, TopText *top, Error *e)
{
        const ConfNode *node = conf_get(root, "node"), *heartbeat = conf_get(root, "heartbeat");
        int r;

        r = conf_parse(root, top_fields, top_others, top, e);
        if (r < 0)
                return r;
        c->node = top->node;
        top->node = (NodeConfig){0};
        c->failback = top->failback;
        c->metrics_listen = TAKE_PTR(top->metrics_listen);
        if (heartbeat) {
                r = conf_parse(heartbeat, heartbeat_fields, NULL, &c->heartbeat, e);
                if (r < 0)
                        return r;
        }
        r = check_loopback(c, root, e);
        if (r < 0)
                return r;
        return node_defaults(&c->node, node, e);
}

static int config_build(Config *c, const Conf *conf, TopText *top, Error *e)
{
        const ConfNode *root = conf_root(conf);
        _cleanup_free_ ProbeConfig **sorted = NULL;
        int r;

        if (!conf_is_mapping(root))
                return conf_error(root, e, "the file is a mapping: node, probes, modes, actions, …");
        r = top_parse(c, root, top, e);
        if (r < 0)
                return r;
        r = probes_parse(c, conf_get(root, "probes"), e);
        if (r < 0)
                return r;
        if (sort_names(c, &sorted) < 0)
                return error_set(e, -ENOMEM, "out of memory");
        r = modes_parse(c, sorted, root, e);
        if (r < 0)
                return r;
        r = resolve_names(c, sorted, top->vantage, conf_get(root, "vantage"), "vantage", &c->vantage,
                          &c->n_vantage, e);
        if (r < 0)
                return r;
        r = vantage_check(c, conf_get(root, "vantage"), e);
        if (r < 0)
                return r;
        r = actions_parse(c, conf_get(root, "actions"), e);
        if (r < 0)
                return r;
        conf_hash(root, c->hash);
        c->directory = strdup(conf_directory(conf));
        if (!c->directory || decision_settings(c) < 0)
                return error_set(e, -ENOMEM, "out of memory");
        return 0;
}

static int config_from(const Conf *conf, Config **ret, Error *e)
{
        _cleanup_(config_freep) Config *c = calloc(1, sizeof(*c));
        TopText top = {0};
        int r;

        if (!c)
                return error_set(e, -ENOMEM, "out of memory");
        r = config_build(c, conf, &top, e);
        conf_clear(top_fields, &top);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

int config_load(const char *path, Config **ret, Error *e)
{
        _cleanup_(conf_freep) Conf *conf = NULL;
        int r;

        r = conf_load(path, &conf, e);
        return r < 0 ? r : config_from(conf, ret, e);
}

int config_load_text(const char *name, const char *text, size_t size, Config **ret, Error *e)
{
        _cleanup_(conf_freep) Conf *conf = NULL;
        int r;

        r = conf_load_text(name, text, size, &conf, e);
        return r < 0 ? r : config_from(conf, ret, e);
}

Config *config_free(Config *c)
{
        if (!c)
                return NULL;
        conf_clear(node_fields, &c->node);
        conf_clear(heartbeat_fields, &c->heartbeat);
        for (size_t i = 0; c->probes && i < c->n_probes; i++)
                probe_config_free(c->probes[i]);
        for (size_t i = 0; i < c->n_modes; i++) {
                free(c->modes[i].name);
                free(c->modes[i].payment);
                free(c->modes[i].checkout);
                free(c->modes[i].message);
                free(c->modes[i].requires);
        }
        for (size_t i = 0; c->actions && i < c->n_actions; i++)
                action_config_free(c->actions[i]);
        free(c->probes);
        free(c->modes);
        free(c->actions);
        free(c->vantage);
        free(c->metrics_listen);
        free(c->directory);
        free(c->mode_probes);
        free(c->mode_modes);
        free(c);
        return NULL;
}

void config_carry_over(Config *c, Config *old)
{
        for (size_t i = 0; i < c->n_probes; i++) {
                unsigned k = config_find_probe(old, c->probes[i]->name);
                ProbeConfig *mine = c->probes[i];
                bool vantage = mine->vantage;

                if (k == PROBE_NONE || memcmp(old->probes[k]->hash, mine->hash, sizeof(mine->hash)) != 0)
                        continue;
                c->probes[i] = old->probes[k];
                old->probes[k] = mine; /* equal in content: old stays whole until it is freed */
                mine->vantage = c->probes[i]->vantage;
                c->probes[i]->vantage = vantage;
                mine->index = k;
                c->probes[i]->index = (unsigned) i;
        }
        for (size_t i = 0; i < c->n_actions; i++)
                for (size_t k = 0; k < old->n_actions; k++) {
                        ActionConfig *mine = c->actions[i];

                        if (!streq(mine->name, old->actions[k]->name) ||
                            memcmp(mine->hash, old->actions[k]->hash, sizeof(mine->hash)) != 0)
                                continue;
                        c->actions[i] = old->actions[k];
                        old->actions[k] = mine;
                        break;
                }
}

unsigned config_find_probe(const Config *c, const char *name)
{
        for (size_t i = 0; i < c->n_probes; i++)
                if (streq(c->probes[i]->name, name))
                        return (unsigned) i;
        return PROBE_NONE;
}

unsigned config_find_mode(const Config *c, const char *name)
{
        for (size_t i = 0; i < c->n_modes; i++)
                if (streq(c->modes[i].name, name))
                        return (unsigned) i;
        return MODE_NONE;
}

bool config_action_runs_in(const ActionConfig *a, const char *mode)
{
        if (!a->modes)
                return true;
        for (size_t i = 0; a->modes[i]; i++)
                if (streq(a->modes[i], mode))
                        return true;
        return false;
}

size_t config_sections(const ConfigSection **ret)
{
        static const ConfigSection sections[] = {
                        {"",
                         "At the top of the file. `probes` maps names to probes, `modes` and `actions` are "
                         "lists, "
                         "`heartbeat` is a mapping.",
                         top_fields},
                        {"node", "Who this node is.", node_fields},
                        {"probes.NAME",
                         "Keys of every probe but passive ones, beside `type` and the keys of its type.",
                         probe_fields},
                        {"modes[]",
                         "Modes, in order of preference: the shop runs in the first whose probes are all up.",
                         mode_fields},
                        {"failback", "How the shop returns to a preferred mode.", failback_fields},
                        {"heartbeat",
                         "Dead man's switch: somebody else notices when this supervisor is gone.",
                         heartbeat_fields},
                        {"actions[]",
                         "Keys of every action, beside the keys of its type. They run at every change of "
                         "mode.",
                         action_fields},
        };

        *ret = sections;
        return ELEMENTSOF(sections);
}
