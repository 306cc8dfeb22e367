/* SPDX-License-Identifier: MIT */
/* `components:` of failoverd.yaml: what readers of the status page know the shop by. */
#include "supervisor/components.h"
#include "supervisor/config_private.h"

#define COMPONENTS_MAX  1000
#define NAME_MAX_BYTES  120
#define WORDS_MAX_BYTES 400

typedef struct ComponentText {
        char *name, *description, *group;
        char **probes;
        ConfPair *impact;
} ComponentText;

const ConfField config_component_fields[] = {
                {"name", &conf_string, offsetof(ComponentText, name), 0, NULL,
                 "Its public name; default: the id."},
                {"description", &conf_string, offsetof(ComponentText, description), 0, NULL,
                 "A sentence for buyers."},
                {"group", &conf_string, offsetof(ComponentText, group), 0, NULL,
                 "The heading under which it stands."},
                {"probes", &conf_strings, offsetof(ComponentText, probes), 0, NULL,
                 "Probes that say how it is, never named to the public; without any it follows the mode."},
                {"impact", &conf_string_map, offsetof(ComponentText, impact), 0, NULL,
                 "What a mode means for it: operational, degraded, partial or down, by the mode's name. In "
                 "such "
                 "a mode probes that only other modes require do not count."},
                {NULL},
};

static int impact_parse(const Config *c, const ConfPair *pairs, const ConfNode *node, ComponentConfig *ret,
                        Error *e)
{
        for (size_t i = 0; pairs && pairs[i].key; i++) {
                unsigned mode = config_find_mode(c, pairs[i].key);
                int state = component_state_from_name(pairs[i].value);

                if (mode == MODE_NONE)
                        return conf_error(conf_get(node, pairs[i].key), e, "impact: there is no mode `%s`",
                                          pairs[i].key);
                if (state < 0 || state > COMPONENT_DOWN)
                        return conf_error(conf_get(node, pairs[i].key), e,
                                          "impact is operational, degraded, partial or down, not `%s`",
                                          pairs[i].value);
                ret->impact[mode] = state;
        }
        return 0;
}

/* Who follows the mode is worse off in any but the first, until somebody says otherwise. */
static int impact_default(const Config *c, ComponentConfig *ret)
{
        ret->impact = calloc(c->n_modes, sizeof(*ret->impact));
        if (!ret->impact)
                return -ENOMEM;
        for (size_t i = 0; i < c->n_modes; i++) {
                if (ret->n_probes > 0 || i == 0)
                        ret->impact[i] = -1;
                else
                        ret->impact[i] = streq(c->modes[i].payment, "federated") ? COMPONENT_PARTIAL
                                                                                 : COMPONENT_DEGRADED;
        }
        return 0;
}

static int check_length(const ConfNode *node, const char *key, const char *value, size_t most, Error *e)
{
        if (strlen(value) <= most)
                return 0;
        return conf_error(conf_get(node, key), e, "`%s` has at most %zu bytes", key, most);
}

/* What is of blanks only would be a row, or a heading, without words. */
static char *take_text(char **text, const char *otherwise)
{
        return *text && (*text)[strspn(*text, " \t\r\n")] ? TAKE_PTR(*text) : strdup(otherwise);
}

/* Takes its strings over. */
static int text_take_over(const ConfNode *node, ComponentText *text, ComponentConfig *ret, Error *e)
{
        int r;

        ret->name = take_text(&text->name, ret->id);
        ret->description = take_text(&text->description, "");
        ret->group = take_text(&text->group, "");
        if (!ret->name || !ret->description || !ret->group)
                return error_set(e, -ENOMEM, "out of memory");
        r = check_length(node, "name", ret->name, NAME_MAX_BYTES, e);
        if (r >= 0)
                r = check_length(node, "group", ret->group, NAME_MAX_BYTES, e);
        if (r >= 0)
                r = check_length(node, "description", ret->description, WORDS_MAX_BYTES, e);
        return r;
}

static int component_parse(const Config *c, const ConfNode *node, ComponentConfig *ret, Error *e)
{
        ComponentText text = {0};
        int r;

        r = conf_parse(node, config_component_fields, NULL, &text, e);
        if (r < 0)
                return r;
        r = text_take_over(node, &text, ret, e);
        if (r >= 0)
                r = config_resolve_probes(c, text.probes, conf_get(node, "probes"), "probes", &ret->probes,
                                          &ret->n_probes, e);
        if (r >= 0 && impact_default(c, ret) < 0)
                r = error_set(e, -ENOMEM, "out of memory");
        if (r >= 0)
                r = impact_parse(c, text.impact, conf_get(node, "impact"), ret, e);
        conf_clear(config_component_fields, &text);
        return r;
}

static int make_default(Config *c)
{
        ComponentConfig *only = c->components;

        c->n_components = 1;
        only->id = strdup("checkout");
        only->name = strdup("Checkout");
        only->description = strdup("");
        only->group = strdup("");
        return only->id && only->name && only->description && only->group ? impact_default(c, only) : -ENOMEM;
}

static int note_required(Config *c)
{
        c->required = calloc(c->n_probes + 1, sizeof(*c->required));
        if (!c->required)
                return -ENOMEM;
        for (size_t m = 0; m < c->n_modes; m++)
                for (size_t i = 0; i < c->modes[m].n_requires; i++)
                        c->required[c->modes[m].requires[i]] = true;
        return 0;
}

int config_parse_components(Config *c, const ConfNode *node, Error *e)
{
        size_t n = node ? conf_count(node) : 0;

        if (node && !conf_is_mapping(node))
                return conf_error(node, e,
                                  "`components` maps ids to components: checkout: {name: Checkout, …}");
        if (n > COMPONENTS_MAX)
                return conf_error(node, e, "at most %d components", COMPONENTS_MAX);
        c->components = calloc(MAX(n, (size_t) 1), sizeof(*c->components));
        if (!c->components || note_required(c) < 0 || (n == 0 && make_default(c) < 0))
                return error_set(e, -ENOMEM, "out of memory");
        for (size_t i = 0; i < n; i++) {
                const ConfNode *key;
                const char *id = conf_key(node, i, &key);
                int r;

                if (!string_valid_name(id))
                        return conf_error(key, e,
                                          "a component's id has letters, digits, dots, dashes and "
                                          "underscores, at most 64");
                c->n_components = i + 1; /* so that a half-built one is freed */
                c->components[i].id = strdup(id);
                r = c->components[i].id ? component_parse(c, conf_item(node, i), &c->components[i], e)
                                        : error_set(e, -ENOMEM, "out of memory");
                if (r < 0)
                        return r;
        }
        return 0;
}

unsigned config_find_component(const Config *c, const char *id)
{
        for (size_t i = 0; i < c->n_components; i++)
                if (streq(c->components[i].id, id))
                        return (unsigned) i;
        return COMPONENT_NONE;
}

void component_config_clear(ComponentConfig *c)
{
        free(c->id);
        free(c->name);
        free(c->description);
        free(c->group);
        free(c->probes);
        free(c->impact);
}
