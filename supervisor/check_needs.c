/* SPDX-License-Identifier: MIT */
/* check-config: what the system must give failoverd for this configuration: credentials, paths that its sandbox closes,
 * units that polkit guards, users who must reach the control socket. `failoverctl setup --drop-ins` writes it down. */
#include "base/unit.h"
#include "supervisor/check_private.h"

static void add_once(json_t *list, const char *text)
{
        size_t k;
        json_t *item;

        json_array_foreach(list, k, item)
        {
                if (streq(json_string_value(item), text))
                        return;
        }
        json_add(list, json_string(text));
}

/* Systemd hands over what is named without a slash. The node's own key is in the unit that is installed. */
static void add_credentials(json_t *list, const ReadingFile *files, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (!strchr(files[i].name, '/'))
                        add_once(list, files[i].name);
}

static json_t *credentials(const Config *c)
{
        json_t *list = json_array();
        ReadingFile files[READING_FILES_MAX];

        if (c->node.key_file && !strchr(c->node.key_file, '/'))
                add_once(list, c->node.key_file);
        for (size_t i = 0; i < c->n_probes; i++)
                if (c->probes[i]->type->files)
                        add_credentials(list, files, c->probes[i]->type->files(c->probes[i]->conf, files));
        for (size_t i = 0; i < c->n_actions; i++)
                if (c->actions[i]->type->files)
                        add_credentials(list, files, c->actions[i]->type->files(c->actions[i]->conf, files));
        return list;
}

static json_t *writes(const Config *c)
{
        json_t *list = json_array();

        for (size_t i = 0; i < c->n_probes; i++) {
                const ProbeConfig *p = c->probes[i];
                const char *path = p->type->writes ? p->type->writes(p->conf) : NULL;

                if (path && path[0] == '/')
                        add_once(list, path);
        }
        return list;
}

static json_t *reads(const Reaches *reaches)
{
        json_t *list = json_array();

        for (size_t i = 0; i < reaches->count; i++) {
                const Reach *r = &reaches->items[i];

                if ((r->kind == REACH_PATH || r->kind == REACH_PROGRAM || r->kind == REACH_ARGUMENT ||
                     r->kind == REACH_SOCKET) &&
                    r->name[0] == '/')
                        add_once(list, r->name);
        }
        return list;
}

/* "actions[2].restart[0]": the key is the verb. */
static const char *verb_of(const Reach *r, char *buffer, size_t size)
{
        const char *key = strrchr(r->key, '.');

        key = key ? key + 1 : r->key;
        snprintf(buffer, size, "%.*s", (int) strcspn(key, "["), key);
        return buffer;
}

/* By unit, the verbs. To look at one needs nobody's consent. */
static json_t *units(const Reaches *reaches)
{
        json_t *all = json_object();

        for (size_t i = 0; i < reaches->count; i++) {
                const Reach *r = &reaches->items[i];
                char name[UNIT_NAME_SIZE], verb[32];
                json_t *verbs;

                if (r->kind != REACH_UNIT || r->action == ACTION_NONE || unit_name(r->name, name, NULL) < 0)
                        continue;
                verbs = json_object_get(all, name);
                if (!verbs)
                        json_put(all, name, verbs = json_array());
                if (verbs)
                        add_once(verbs, verb_of(r, verb, sizeof(verb)));
        }
        return all;
}

static json_t *users(const Config *c)
{
        json_t *list = json_array();

        for (size_t i = 0; i < c->n_probes; i++) {
                const PassiveConf *passive = c->probes[i]->conf;

                for (size_t n = 0; c->probes[i]->type->passive && passive->from && passive->from[n]; n++)
                        add_once(list, passive->from[n]);
        }
        return list;
}

json_t *check_needs(const Config *c, const Reaches *reaches)
{
        json_t *j = json_object();

        json_put(j, "credentials", credentials(c));
        json_put(j, "writes", writes(c));
        json_put(j, "reads", reads(reaches));
        json_put(j, "units", units(reaches));
        json_put(j, "users", users(c));
        return j;
}
