/* SPDX-License-Identifier: MIT */
/* failoverd.yaml as structs: the top of the file, and what its parts share. */
#include "base/clock.h"
#include "base/sign.h"
#include "base/text.h"
#include "supervisor/config_private.h"

#include <sys/stat.h>

#define NODE_NAME_MAX 200 /* it stands in titles, subjects and notices */

static const ConfRange changes_range = {0, MODE_CHANGES_MAX};

static const ConfRange hold_range = {0, 30 * USEC_PER_DAY};
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

static const ConfField failback_fields[] = {
                {"hold", &conf_duration, offsetof(FailbackConfig, hold_usec), 0, "5m",
                 "A preferred mode must be well for so long before the shop returns to it.", &hold_range},
                {"flap_window", &conf_duration, offsetof(FailbackConfig, flap_window_usec), 0, "1h",
                 "A failover within this time after a return doubles the next hold.", &hold_range},
                {"hold_max", &conf_duration, offsetof(FailbackConfig, hold_max_usec), 0, "1h",
                 "The longest hold.", &hold_range},
                {"max_changes_per_day", &conf_unsigned, offsetof(FailbackConfig, max_changes_per_day), 0, "6",
                 "So many automatic changes in 24 h stop returns until `failoverctl ack`; 0: no limit. "
                 "Failovers never stop.",
                 &changes_range},
                {NULL},
};

static const ConfField heartbeat_fields[] = {
                {"url", &conf_url, offsetof(HeartbeatConfig, url), CONF_REQUIRED | CONF_SECRET, NULL,
                 "Asked by GET, so that somebody else notices when this supervisor is gone."},
                {"every", &conf_duration, offsetof(HeartbeatConfig, every_usec), 0, "1m", "How often.",
                 &heartbeat_range},
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
                {"failback", &conf_table, offsetof(TopText, failback), 0, "{}", "How the shop returns.",
                 failback_fields},
                {"metrics_listen", &conf_address, offsetof(TopText, metrics_listen), 0, NULL,
                 "Loopback address and port for Prometheus; off by default."},
                {NULL},
};

static const char *const top_others[] = {"probes", "modes", "components", "actions", "heartbeat", NULL};

/* --- shared by the parts --- */

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

int config_parse_both(const ConfNode *node, const ConfField *own, const char *own_extra, void *own_target,
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

char *config_place(const ConfNode *node)
{
        Error e;
        char *colon;

        conf_error(node, &e, "%s", "");
        colon = strrchr(e.text, ':');
        if (colon)
                *colon = 0;
        return strdup(e.text);
}

int config_check_word(const ConfNode *node, const char *key, const char *value, Error *e)
{
        const ConfNode *place = conf_get(node, key);

        if (string_valid_name(value))
                return 0;
        return conf_error(place ? place : node, e,
                          "`%s` has letters, digits, dots, dashes and underscores, at most 64", key);
}

/* --- the top of the file --- */

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

static int node_defaults(NodeConfig *n, const ConfNode *node, Error *e)
{
        if (!string_valid_name(n->id))
                return config_check_word(node, "id", n->id, e);
        if (n->name && strlen(n->name) > NODE_NAME_MAX)
                return conf_error(conf_get(node, "name"), e, "`name` has at most %d bytes", NODE_NAME_MAX);
        if (!n->name)
                n->name = strdup(n->id);
        if (!n->url)
                n->url = strdup("");
        if (!n->fallback_url)
                n->fallback_url = strdup("");
        return n->name && n->url && n->fallback_url ? 0 : error_set(e, -ENOMEM, "out of memory");
}

int config_settle(Config *c)
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
                                .silence_usec = p->type->passive
                                                                ? ((const PassiveConf *) p->conf)
                                                                                  ->max_silence_usec
                                                                : MAX(MODE_SILENCE_RUNS * p->interval_usec,
                                                                      p->interval_usec + 2 * p->timeout_usec),
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

/* The default of hold_max gives way to a longer hold; one that stands in the file contradicts it. */
static int check_hold(const Config *c, const ConfNode *failback, Error *e)
{
        const ConfNode *most = failback ? conf_get(failback, "hold_max") : NULL;
        char hold[DURATION_SIZE], hold_max[DURATION_SIZE];

        if (!most || c->failback.hold_max_usec >= c->failback.hold_usec)
                return 0;
        return conf_error(most, e, "`hold_max` (%s) is shorter than `hold` (%s)",
                          duration_print(hold_max, c->failback.hold_max_usec),
                          duration_print(hold, c->failback.hold_usec));
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
        if (r >= 0)
                r = check_hold(c, conf_get(root, "failback"), e);
        if (r < 0)
                return r;
        return node_defaults(&c->node, node, e);
}

static int config_build(Config *c, const Conf *conf, TopText *top, Error *e)
{
        const ConfNode *root = conf_root(conf);
        int r;

        if (!conf_is_mapping(root))
                return conf_error(root, e, "the file is a mapping: node, probes, modes, actions, …");
        r = top_parse(c, root, top, e);
        if (r < 0)
                return r;
        r = config_parse_probes(c, conf_get(root, "probes"), e);
        if (r < 0)
                return r;
        r = config_parse_modes(c, root, e);
        if (r < 0)
                return r;
        r = config_resolve_probes(c, top->vantage, conf_get(root, "vantage"), "vantage", &c->vantage,
                                  &c->n_vantage, e);
        if (r < 0)
                return r;
        r = vantage_check(c, conf_get(root, "vantage"), e);
        if (r < 0)
                return r;
        r = config_parse_components(c, conf_get(root, "components"), e);
        if (r < 0)
                return r;
        r = config_parse_actions(c, conf_get(root, "actions"), e);
        if (r < 0)
                return r;
        config_dns_link(c);
        conf_hash(root, c->hash);
        c->directory = strdup(conf_directory(conf));
        if (!c->directory || config_settle(c) < 0)
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

int config_load_tree(const char *path, Config **ret, Conf **ret_tree, Error *e)
{
        _cleanup_(conf_freep) Conf *conf = NULL;
        struct stat st;
        int r;

        r = conf_load(path, &conf, e);
        if (r >= 0)
                r = config_from(conf, ret, e);
        if (r < 0)
                return r;
        (*ret)->exposed = stat(path, &st) == 0 && st.st_mode & S_IROTH;
        *ret_tree = TAKE_PTR(conf);
        return 0;
}

int config_load(const char *path, Config **ret, Error *e)
{
        _cleanup_(conf_freep) Conf *conf = NULL;

        return config_load_tree(path, ret, &conf, e);
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
        for (size_t i = 0; i < c->n_modes; i++)
                mode_settings_clear(&c->modes[i]);
        for (size_t i = 0; i < c->n_components; i++)
                component_config_clear(&c->components[i]);
        for (size_t i = 0; c->actions && i < c->n_actions; i++)
                action_config_free(c->actions[i]);
        free(c->probes);
        free(c->modes);
        free(c->components);
        free(c->required);
        free(c->actions);
        free(c->vantage);
        free(c->by_name);
        free(c->metrics_listen);
        sign_key_free(c->key);
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
        config_dns_link(c);
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

size_t config_sections(const ConfSection **ret)
{
        static const ConfSection sections[] = {
                        {"",
                         "At the top of the file. `probes` maps names to probes, `components` ids to "
                         "components, "
                         "`modes` and `actions` are lists, "
                         "`heartbeat` is a mapping.",
                         top_fields},
                        {"node", "Who this node is.", node_fields},
                        {"probes.NAME",
                         "Keys of every probe but passive ones, beside `type` and the keys of its type.",
                         config_probe_fields},
                        {"modes[]",
                         "Modes, in order of preference: the shop runs in the first whose probes are all up.",
                         config_mode_fields},
                        {"components.ID",
                         "What readers of the status page know the shop by; without any, one `checkout` that "
                         "follows the mode.",
                         config_component_fields},
                        {"failback", "How the shop returns to a preferred mode.", failback_fields},
                        {"heartbeat",
                         "Dead man's switch: somebody else notices when this supervisor is gone.",
                         heartbeat_fields},
                        {"actions[]",
                         "Keys of every action, beside the keys of its type. They run at every change of "
                         "mode.",
                         config_action_fields},
        };

        *ret = sections;
        return ELEMENTSOF(sections);
}
