/* SPDX-License-Identifier: MIT */
/* What a configuration depends on: the hosts, names, files, programs and units that it names, by the flags of its fields. */
#include "base/resolve.h"
#include "base/unit.h"
#include "supervisor/check_private.h"

#include <ctype.h>

#define REACH_FLAGS (CONF_HOST | CONF_DOMAIN | CONF_MAIL | CONF_PATH | CONF_PROGRAM | CONF_UNIT)

typedef struct Collector {
        Reaches *list;
        unsigned probe, action;
        unsigned port; /* of a host beside which it stands in a key of its own */
        bool pinned;
} Collector;

static void reach_clear(Reach *r)
{
        free(r->name);
        free(r->key);
        *r = (Reach){0};
}

void reaches_clear(Reaches *r)
{
        for (size_t i = 0; i < r->count; i++)
                reach_clear(&r->items[i]);
        free(r->items);
        *r = (Reaches){0};
}

const char *reach_owner(const Config *c, const Reach *reach, char *buffer, size_t size)
{
        if (reach->probe != PROBE_NONE)
                snprintf(buffer, size, "probe `%s`", c->probes[reach->probe]->name);
        else if (reach->action != ACTION_NONE)
                snprintf(buffer, size, "action `%s`", c->actions[reach->action]->name);
        else
                snprintf(buffer, size, "the heartbeat");
        return buffer;
}

int reach_compare_names(const void *a, const void *b)
{
        return strcmp((*(const Reach *const *) a)->name, (*(const Reach *const *) b)->name);
}

bool domain_contains(const char *domain, const char *name)
{
        size_t d = strlen(domain), n = strlen(name);

        return d > 0 && n >= d && streq(name + n - d, domain) && (n == d || name[n - d - 1] == '.');
}

/* Consumes name. */
static void reach_add(Collector *c, ReachKind kind, char *name, unsigned port, const char *key)
{
        struct sockaddr_storage address;
        socklen_t size;
        Reach r = {.kind = kind,
                   .name = name,
                   .port = port,
                   .probe = c->probe,
                   .action = c->action,
                   .pinned = c->pinned};

        r.key = strdup(key);
        if (c->list->count == c->list->capacity) {
                size_t capacity = MAX(2 * c->list->capacity, (size_t) 64);
                Reach *grown = reallocarray(c->list->items, capacity, sizeof(*grown));

                if (!grown) {
                        c->list->failed = true;
                        reach_clear(&r);
                        return;
                }
                c->list->items = grown;
                c->list->capacity = capacity;
        }
        if (!r.name || !r.key) {
                c->list->failed = true;
                reach_clear(&r);
                return;
        }
        if (kind == REACH_HOST && address_parse(r.name, 0, &address, &size) >= 0) {
                r.literal = true;
                r.loopback = address_is_loopback(&address);
        } else if (kind == REACH_HOST) {
                r.loopback = domain_contains("localhost", r.name);
        }
        c->list->items[c->list->count++] = r;
}

/* In lower case, without the final dot. */
static char *lower(const char *text, size_t size)
{
        char *out;

        if (size > 1 && text[size - 1] == '.')
                size--;
        out = strndup(text, size);
        for (size_t i = 0; out && out[i]; i++)
                out[i] = (char) tolower((unsigned char) out[i]);
        return out;
}

/* HOST, HOST:PORT, [IPv6]:PORT, a bare IPv6 address; with or without what stands around it in a URL. */
static void add_authority(Collector *c, const char *text, unsigned default_port, const char *key)
{
        size_t size = strcspn(text, "/?#");
        const char *at = memrchr(text, '@', size), *end, *colon;
        unsigned port = default_port;

        if (at) {
                size -= (size_t) (at + 1 - text);
                text = at + 1;
        }
        if (text[0] == '[' && (end = memchr(text, ']', size))) {
                if (end[1] == ':')
                        port = (unsigned) strtoul(end + 2, NULL, 10);
                reach_add(c, REACH_HOST, lower(text + 1, (size_t) (end - text - 1)), port, key);
                return;
        }
        colon = memchr(text, ':', size);
        if (colon && !memchr(colon + 1, ':', size - (size_t) (colon + 1 - text))) {
                port = (unsigned) strtoul(colon + 1, NULL, 10);
                size = (size_t) (colon - text);
        }
        if (size > 0)
                reach_add(c, REACH_HOST, lower(text, size), port, key);
}

static unsigned scheme_port(const char *url)
{
        static const struct {
                const char *scheme;
                unsigned port;
        } known[] = {{"http:", 80},   {"https:", 443},       {"smtp:", 587},
                     {"smtps:", 465}, {"postgresql:", 5432}, {"postgres:", 5432}};

        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (strncasecmp(url, known[i].scheme, strlen(known[i].scheme)) == 0)
                        return known[i].port;
        return 0;
}

/* The value of a word in libpq's "host=/var/run/postgresql dbname=shop", of a list the first; NULL: not given. */
static const char *conninfo_find(const char *text, const char *word, size_t *ret_size)
{
        size_t n = strlen(word);

        for (const char *s = text; (s = strstr(s, word)); s += n) {
                const char *value = s + n + 1;

                if (s[n] != '=' || (s > text && !isspace((unsigned char) s[-1])))
                        continue;
                value += *value == '\'';
                *ret_size = strcspn(value, " ',\t");
                return *ret_size > 0 ? value : NULL;
        }
        return NULL;
}

/* As libpq connects: to the address when there is one, whatever the name. */
static void add_conninfo(Collector *c, const char *text, const char *key)
{
        size_t size, port_size;
        const char *host = conninfo_find(text, "hostaddr", &size),
                   *port = conninfo_find(text, "port", &port_size);

        if (!host)
                host = conninfo_find(text, "host", &size);
        if (host && host[0] == '/')
                reach_add(c, REACH_SOCKET, strndup(host, size), 0, key);
        else if (host)
                reach_add(c, REACH_HOST, lower(host, size), port ? (unsigned) strtoul(port, NULL, 10) : 5432,
                          key);
}

static void add_host(Collector *c, const char *text, const char *key)
{
        const char *scheme = strstr(text, "://");

        if (scheme)
                add_authority(c, scheme + 3, scheme_port(text), key);
        else if (strchr(text, '='))
                add_conninfo(c, text, key);
        else if (text[0] == '/')
                reach_add(c, REACH_SOCKET, strdup(text), 0, key);
        else
                add_authority(c, text, c->port, key);
}

static void add_mail(Collector *c, const char *text, const char *key)
{
        const char *at = strrchr(text, '@');

        if (at)
                reach_add(c, REACH_MAIL, lower(at + 1, strcspn(at + 1, "> ,")), 0, key);
}

static void add_scalar(Collector *c, const char *text, unsigned flags, const char *key)
{
        if (flags & CONF_HOST)
                add_host(c, text, key);
        if (flags & CONF_DOMAIN)
                reach_add(c, REACH_DOMAIN, lower(text, strcspn(text, " \t")), 0, key);
        if (flags & CONF_MAIL)
                add_mail(c, text, key);
        if (flags & CONF_PATH)
                reach_add(c, REACH_PATH, strdup(text), 0, key);
        if (flags & CONF_PROGRAM)
                reach_add(c, REACH_PROGRAM, strdup(text), 0, key);
        if (flags & CONF_UNIT)
                reach_add(c, REACH_UNIT, strdup(text), 0, key);
}

/* A path that a command is given: "/srv/check.py", "--config=/srv/check.conf"; in what a shell is told (after -c), every word
 * that begins like one. Whether it is there is not known. */
static void add_argument(Collector *c, const char *text, bool script, const char *key)
{
        static const char between[] = " \t\n;&|<>()=\"'`";
        const char *value = text[0] == '/' ? text : strstr(text, "=/");

        if (!script && value)
                reach_add(c, REACH_ARGUMENT, strdup(value + (*value == '=')), 0, key);
        for (const char *s = text + strspn(text, between); script && *s; s += strspn(s, between)) {
                size_t n = strcspn(s, between);

                if (*s == '/')
                        reach_add(c, REACH_ARGUMENT, strndup(s, n), 0, key);
                s += n;
        }
}

/* Of a command the program, and what could be paths. */
static void add_command(Collector *c, const ConfNode *node, const char *key)
{
        char deeper[512];
        bool script = false;

        for (size_t i = 0; i < conf_count(node); i++) {
                const char *word = conf_scalar(conf_item(node, i));

                if (!word)
                        continue;
                snprintf(deeper, sizeof(deeper), "%s[%zu]", key, i);
                if (i == 0)
                        reach_add(c, REACH_PROGRAM, strdup(word), 0, deeper);
                else
                        add_argument(c, word, script, deeper);
                script = word[0] == '-' && word[1] != '-' && word[strlen(word) - 1] == 'c';
        }
}

/* Every scalar below; of mappings among hosts what is a URL. */
static void add_node(Collector *c, const ConfNode *node, unsigned flags, const char *key, bool inner)
{
        const char *text = conf_scalar(node);
        char deeper[512];

        if (text) {
                if (!inner || !(flags & CONF_HOST) || strstr(text, "://"))
                        add_scalar(c, text, flags, key);
                return;
        }
        for (size_t i = 0; i < conf_count(node); i++) {
                bool mapping = conf_is_mapping(node);

                if (mapping)
                        snprintf(deeper, sizeof(deeper), "%s.%s", key, conf_key(node, i, NULL));
                else
                        snprintf(deeper, sizeof(deeper), "%s[%zu]", key, i);
                add_node(c, conf_item(node, i), flags, deeper, inner || mapping);
        }
}

static void add_fields(Collector *c, const ConfNode *node, const ConfField *fields, const char *key)
{
        char deeper[400];

        for (const ConfField *f = fields; f && f->key; f++) {
                const ConfNode *value = conf_get(node, f->key);
                unsigned flags = (f->flags & REACH_FLAGS) | (f->type == &conf_url ? CONF_HOST : 0) |
                                 (f->type == &conf_unit || f->type == &conf_units ? CONF_UNIT : 0);

                if (!value)
                        continue;
                snprintf(deeper, sizeof(deeper), "%s.%s", key, f->key);
                if (f->type == &conf_table)
                        add_fields(c, value, f->data, deeper);
                else if (flags & CONF_PROGRAM && !conf_scalar(value))
                        add_command(c, value, deeper);
                else if (flags != 0)
                        add_node(c, value, flags, deeper, false);
        }
}

void reaches_collect(const Config *c, const Conf *tree, Reaches *ret)
{
        const ConfNode *root = conf_root(tree), *probes = conf_get(root, "probes"),
                       *actions = conf_get(root, "actions"), *heartbeat = conf_get(root, "heartbeat");
        Collector collector = {.list = ret, .action = ACTION_NONE};
        char key[128];

        for (size_t i = 0; i < c->n_probes; i++) {
                const ConfNode *node = conf_item(probes, i);
                const char *port = conf_get(node, "port") ? conf_scalar(conf_get(node, "port")) : NULL;

                collector.probe = (unsigned) i;
                collector.port = port ? (unsigned) strtoul(port, NULL, 10) : 0;
                collector.pinned = conf_get(node, "resolve") != NULL;
                snprintf(key, sizeof(key), "probes.%s", c->probes[i]->name);
                add_fields(&collector, node, c->probes[i]->type->fields, key);
        }
        collector.probe = PROBE_NONE;
        collector.port = 0;
        collector.pinned = false;
        for (size_t i = 0; i < c->n_actions; i++) {
                collector.action = (unsigned) i;
                snprintf(key, sizeof(key), "actions[%zu]", i);
                add_fields(&collector, conf_item(actions, i), c->actions[i]->type->fields, key);
        }
        collector.action = ACTION_NONE;
        if (heartbeat && conf_get(heartbeat, "url"))
                add_node(&collector, conf_get(heartbeat, "url"), CONF_HOST, "heartbeat.url", false);
}
