/* SPDX-License-Identifier: MIT */
/* `actions:` of failoverd.yaml. */
#include "base/text.h"
#include "supervisor/config_private.h"

typedef struct ActionText {
        char *type, *name;
        char **modes;
} ActionText;

const ConfField config_action_fields[] = {
                {"type", &conf_string, offsetof(ActionText, type), CONF_REQUIRED, NULL,
                 "What it does: one of the types below."},
                {"name", &conf_string, offsetof(ActionText, name), 0, NULL,
                 "Its identity across reloads; default: the type, then type-2, type-3, …"},
                {"modes", &conf_strings, offsetof(ActionText, modes), 0, NULL,
                 "Run it for changes into these modes only."},
                {NULL},
};

ActionConfig *action_config_free(ActionConfig *a)
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
        for (size_t i = 0; i < c->n_actions; i++) {
                assert(c->actions[i]);
                if (streq(c->actions[i]->name, name))
                        return true;
        }
        return false;
}

static int action_name(const Config *c, ActionConfig *a, const ConfNode *node, Error *e)
{
        if (a->name) {
                if (!string_valid_name(a->name))
                        return config_check_word(node, "name", a->name, e);
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

/* The modes that a key of the type's own names. */
static int action_by_mode(const Config *c, const ActionType *type, const ConfNode *node, Error *e)
{
        const ConfNode *map = type->by_mode ? conf_get(node, type->by_mode) : NULL, *place;

        for (size_t i = 0; map && conf_is_mapping(map) && i < conf_count(map); i++) {
                const char *mode = conf_key(map, i, &place);
                if (config_find_mode(c, mode) == MODE_NONE)
                        return conf_error(place, e, "`%s` names mode `%s`, which does not exist",
                                          type->by_mode, mode);
        }
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

/* Two would take turns at one payment.env, and each would believe what the other has noted. */
static int action_is_alone(const Config *c, const ActionType *type, const ConfNode *node, Error *e)
{
        if (!streq(type->name, "payment-mode"))
                return 0;
        for (size_t i = 0; i < c->n_actions; i++) {
                assert(c->actions[i]);
                if (c->actions[i]->type == type)
                        return conf_error(node, e,
                                          "payment-mode is given twice: one writes payment.env for all "
                                          "modes; what "
                                          "only some modes need is for actions of type unit or http, with "
                                          "`modes`");
        }
        return 0;
}

static int action_parse(const Config *c, const ConfNode *node, ActionConfig **ret, Error *e)
{
        _cleanup_(action_config_freep) ActionConfig *a = calloc(1, sizeof(*a));
        const ActionType *type;
        ActionText text = {0};
        int r;

        r = action_find_type(node, &type, e);
        if (r >= 0)
                r = action_is_alone(c, type, node, e);
        if (r < 0)
                return r;
        if (!a)
                return error_set(e, -ENOMEM, "out of memory");
        a->type = type;
        a->conf = calloc(1, MAX(type->conf_size, (size_t) 1));
        if (!a->conf)
                return error_set(e, -ENOMEM, "out of memory");
        r = config_parse_both(node, config_action_fields, NULL, &text, type->fields, a->conf, e);
        a->name = TAKE_PTR(text.name);
        a->modes = TAKE_PTR(text.modes);
        free(text.type);
        if (r < 0) {
                a->conf = (free(a->conf), NULL);
                return r;
        }
        conf_hash(node, a->hash);
        a->place = config_place(node);
        if (!a->place)
                return error_set(e, -ENOMEM, "out of memory");
        r = action_name(c, a, node, e);
        if (r >= 0)
                r = action_modes(c, a, node, e);
        if (r >= 0)
                r = action_by_mode(c, type, node, e);
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

int config_parse_actions(Config *c, const ConfNode *node, Error *e)
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
