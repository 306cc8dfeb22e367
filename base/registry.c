/* SPDX-License-Identifier: MIT */
/* Reads what strangers wrote about themselves: every string is checked once, here. */
#include "base/registry.h"

#include "base/conf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

static const char *const type_names[] = {
                [REGISTRY_FULL] = "full", [REGISTRY_AFFILIATE] = "affiliate", [REGISTRY_MIRROR] = "mirror"};

static const char *const status_names[] = {
                [REGISTRY_ACTIVE] = "active",   [REGISTRY_FALLBACK] = "fallback",
                [REGISTRY_SUSPECT] = "suspect", [REGISTRY_FAILED] = "failed",
                [REGISTRY_PENDING] = "pending", [REGISTRY_BANNED] = "banned",
};

static RegistryType type_of(const json_t *j)
{
        const char *word = json_string_value(j);

        if (!j || json_is_null(j)) /* legacy registrations leave it out */
                return REGISTRY_FULL;
        for (size_t i = 0; word && i < ELEMENTSOF(type_names); i++)
                if (streq(word, type_names[i]))
                        return (RegistryType) i;
        return REGISTRY_OTHER;
}

static RegistryStatus status_of(const json_t *j)
{
        const char *word = json_string_value(j);

        for (size_t i = 0; word && i < ELEMENTSOF(status_names); i++)
                if (streq(word, status_names[i]))
                        return (RegistryStatus) i;
        return REGISTRY_UNKNOWN;
}

/* Of one line, without control characters; NULL when it is none, or longer. */
static const char *line_of(const json_t *j, size_t most)
{
        const char *s = json_string_value(j);

        if (!s || json_string_length(j) > most || strlen(s) != json_string_length(j))
                return NULL;
        for (const char *c = s; *c; c++)
                if ((unsigned char) *c < 0x20 || *c == 0x7f)
                        return NULL;
        return s;
}

/* "" when it is none that we would use; *ret_size without final slashes, since paths are put behind it. */
static const char *url_of(const json_t *j, size_t *ret_size)
{
        const char *s = line_of(j, REGISTRY_URL_MAX), *problem;

        *ret_size = 0;
        if (!s || strpbrk(s, " ?#\\\"<>`{|}^") || conf_url_check(s, &problem) < 0 || problem)
                return "";
        for (const char *c = s; *c; c++)
                if ((unsigned char) *c >= 0x7f)
                        return ""; /* a host that only looks like another's; who has one writes it as xn-- */
        size_t n = strlen(s);
        while (n > 0 && s[n - 1] == '/')
                n--;
        *ret_size = n;
        return s;
}

static bool is_accepted(RegistryStatus s)
{
        return s == REGISTRY_ACTIVE || s == REGISTRY_FALLBACK || s == REGISTRY_SUSPECT ||
               s == REGISTRY_FAILED;
}

static char *append(char **end, const char *s, size_t size)
{
        char *at = *end;

        memcpy(at, s, size);
        at[size] = '\0';
        *end += size + 1;
        return at;
}

/* The five strings of a node, in one allocation that begins with the id. */
static int node_copy(const json_t *j, RegistryNode *node)
{
        const char *id = json_string_value(json_object_get(j, "id"));
        const char *name = line_of(json_object_get(j, "name"), REGISTRY_NAME_MAX), *url, *fallback, *api;
        size_t url_size, fallback_size, api_size;

        if (!name)
                name = "";
        url = url_of(json_object_get(j, "url"), &url_size);
        fallback = url_of(json_object_get(j, "fallbackUrl"), &fallback_size);
        api = url_of(json_object_get(j, "api"), &api_size);
        char *end = malloc(strlen(id) + strlen(name) + url_size + fallback_size + api_size + 5);
        if (!end)
                return -ENOMEM;
        node->id = append(&end, id, strlen(id));
        node->name = append(&end, name, strlen(name));
        node->url = append(&end, url, url_size);
        node->fallback_url = append(&end, fallback, fallback_size);
        node->api = append(&end, api, api_size);
        return 0;
}

const RegistryNode *registry_find(const Registry *r, const char *id)
{
        for (size_t i = 0; i < r->n_nodes; i++)
                if (streq(r->nodes[i].id, id))
                        return &r->nodes[i];
        return NULL;
}

static void leave_out(Registry *r, size_t i, const char *id, const char *why)
{
        char text[sizeof(r->unfit) * 2];

        if (r->n_unfit++ > 0)
                return;
        snprintf(text, sizeof(text), "nodes[%zu]%s%s: %s", i, *id ? " " : "", id, why);
        plain_copy(r->unfit, sizeof(r->unfit), text);
}

/* NULL, or why it cannot be used. What stands first keeps its id: whoever comes later and calls himself the same is not
 * him. */
static const char *node_check(const Registry *r, const json_t *j)
{
        const char *id = line_of(json_object_get(j, "id"), REGISTRY_ID_MAX);
        size_t size;

        if (!json_is_object(j))
                return "not an object";
        if (!id || !*id)
                return "no id, or no usable one";
        if (!*url_of(json_object_get(j, "url"), &size))
                return "no url, or none with http:// or https:// and a host";
        if (r->n_nodes == REGISTRY_NODES_MAX)
                return "too many nodes";
        return registry_find(r, id) ? "the id was given before" : NULL;
}

static int node_add(Registry *r, size_t i, const json_t *j)
{
        RegistryNode node = {.type = type_of(json_object_get(j, "type")),
                             .status = status_of(json_object_get(j, "status"))};
        const char *id = line_of(json_object_get(j, "id"), REGISTRY_ID_MAX);

        if (json_is_object(j) && !is_accepted(node.status)) {
                r->n_others++;
                return 0;
        }
        const char *why = node_check(r, j);
        if (why) {
                leave_out(r, i, id ? id : "", why);
                return 0;
        }
        int n = node_copy(j, &node);
        if (n == 0)
                r->nodes[r->n_nodes++] = node;
        return n;
}

static int check_protocol(const json_t *document, Error *e)
{
        const char *protocol = json_string_value(json_object_get(document, "protocol"));
        char plain[64];

        if (!protocol || strncmp(protocol, "AAN/", 4) != 0 || strncmp(protocol, "AAN/1.", 6) == 0 ||
            streq(protocol, "AAN/1"))
                return 0;
        return error_set(e, -EPROTONOSUPPORT, "it is of protocol %s, and this version knows AAN/1",
                         plain_copy(plain, sizeof(plain), protocol));
}

int registry_parse(const char *data, size_t size, Registry **ret, Error *e)
{
        _cleanup_(registry_freep) Registry *r = calloc(1, sizeof(*r));
        _cleanup_json_ json_t *document = NULL;
        json_t *nodes, *node;
        size_t i;

        assert(data && ret);
        if (!r)
                return error_set(e, -ENOMEM, "out of memory");
        if (size > REGISTRY_SIZE_MAX)
                return error_set(e, -E2BIG, "larger than %d MiB", REGISTRY_SIZE_MAX / 1024 / 1024);
        int n = json_parse(data, size, &document, e);
        if (n < 0)
                return n;
        nodes = json_object_get(document, "nodes");
        if (!json_is_array(nodes))
                return error_set(e, -EINVAL, "not a registry: it has no list of `nodes`");
        n = check_protocol(document, e);
        if (n < 0)
                return n;
        r->nodes = calloc(MIN(json_array_size(nodes), (size_t) REGISTRY_NODES_MAX) + 1, sizeof(*r->nodes));
        if (!r->nodes)
                return error_set(e, -ENOMEM, "out of memory");
        json_array_foreach(nodes, i, node)
        {
                n = node_add(r, i, node);
                if (n < 0)
                        return error_set(e, n, "out of memory");
        }
        *ret = TAKE_PTR(r);
        return 0;
}

Registry *registry_free(Registry *r)
{
        if (!r)
                return NULL;
        for (size_t i = 0; i < r->n_nodes; i++)
                free(r->nodes[i].id);
        free(r->nodes);
        free(r);
        return NULL;
}

int registry_load(const char *path, Registry **ret, Error *e)
{
        _cleanup_free_ char *data = NULL;
        size_t size;

        int r = file_read(path, REGISTRY_SIZE_MAX, &data, &size);
        if (r == -EFBIG)
                return error_set(e, -E2BIG, "%s: larger than %d MiB", path, REGISTRY_SIZE_MAX / 1024 / 1024);
        if (r < 0)
                return error_set(e, r, "%s: %s", path, strerror(-r));
        r = registry_parse(data, size, ret, e);
        return r < 0 ? error_prefix(e, r, "%s", path) : 0;
}
