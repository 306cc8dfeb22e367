/* SPDX-License-Identifier: MIT */
/* Reads what strangers wrote about themselves, in place: every string is checked once, here. */
#include "base/registry.h"

#include "base/conf.h"
#include "base/file.h"
#include "base/json_scan.h"
#include "base/text.h"

#include <sodium.h>
#include <strings.h>

#define WORD_MAX    16 /* of a type, a status */
#define NO_REGISTRY "not a registry: it has no list of `nodes`"

static const char *const type_names[] = {
                [REGISTRY_FULL] = "full", [REGISTRY_AFFILIATE] = "affiliate", [REGISTRY_MIRROR] = "mirror"};

static const char *const status_names[] = {
                [REGISTRY_ACTIVE] = "active",   [REGISTRY_FALLBACK] = "fallback",
                [REGISTRY_SUSPECT] = "suspect", [REGISTRY_FAILED] = "failed",
                [REGISTRY_PENDING] = "pending", [REGISTRY_BANNED] = "banned",
};

/* --- strings, as they stand in the text --- */

/* Of one line, without control characters, into buffer (most + 1 bytes); false: it is none, or longer. */
static bool line_of(JsonSlice v, size_t most, char *buffer)
{
        size_t n;

        if (!json_slice_is(v, '"'))
                return false;
        for (const char *c = v.s + 1, *end = v.s + v.size - 1; c < end; c++) {
                if ((unsigned char) *c < 0x20 || *c == 0x7f)
                        return false;
                if (*c != '\\')
                        continue;
                c++;
                if (strchr("bfnrt", *c) || (*c == 'u' && strncmp(c + 1, "00", 2) == 0 &&
                                            (strchr("01", c[3]) || strncasecmp(c + 3, "7f", 2) == 0)))
                        return false;
        }
        if (v.size - 2 > most * 6) /* however it is escaped */
                return false;
        char all[REGISTRY_URL_MAX + 8];
        n = json_slice_string(v, all, most + 4);
        if (n > most)
                return false;
        memcpy(buffer, all, n + 1);
        return true;
}

static bool word_of(JsonSlice v, char buffer[static WORD_MAX + 1])
{
        return v.size > 0 && line_of(v, WORD_MAX, buffer);
}

static RegistryType type_of(JsonSlice v)
{
        char word[WORD_MAX + 1];

        if (v.size == 0 || json_slice_is(v, 'n')) /* legacy registrations leave it out */
                return REGISTRY_FULL;
        for (size_t i = 0; word_of(v, word) && i < ELEMENTSOF(type_names); i++)
                if (streq(word, type_names[i]))
                        return (RegistryType) i;
        return REGISTRY_OTHER;
}

static RegistryStatus status_of(JsonSlice v)
{
        char word[WORD_MAX + 1];

        for (size_t i = 0; word_of(v, word) && i < ELEMENTSOF(status_names); i++)
                if (streq(word, status_names[i]))
                        return (RegistryStatus) i;
        return REGISTRY_UNKNOWN;
}

/* "" when it is none that we would use; without final slashes, since paths are put behind it. */
static void url_of(JsonSlice v, char buffer[static REGISTRY_URL_MAX + 1])
{
        const char *problem;
        bool good = line_of(v, REGISTRY_URL_MAX, buffer) && !strpbrk(buffer, " ?#\\\"<>`{|}^");

        for (const char *c = buffer; good && *c; c++)
                good = (unsigned char) *c <
                       0x7f; /* else a host that only looks like another's: xn-- is how it is written */
        if (!good || conf_url_check(buffer, &problem) < 0 || problem) {
                buffer[0] = '\0';
                return;
        }
        for (size_t n = strlen(buffer); n > 0 && buffer[n - 1] == '/'; n--)
                buffer[n - 1] = '\0';
}

static bool is_accepted(RegistryStatus s)
{
        return s == REGISTRY_ACTIVE || s == REGISTRY_FALLBACK || s == REGISTRY_SUSPECT ||
               s == REGISTRY_FAILED;
}

/* --- by id --- */

/* Ids are chosen by strangers: the key keeps them from choosing ones that fall together. */
static size_t hash_of(const Registry *r, const char *id)
{
        uint64_t hash;

        static_assert(sizeof(hash) == crypto_shorthash_BYTES && sizeof(r->seed) == crypto_shorthash_KEYBYTES,
                      "SipHash");
        (void) crypto_shorthash((uint8_t *) &hash, (const uint8_t *) id, strlen(id), r->seed);
        return (size_t) hash;
}

static size_t slot_of(const Registry *r, const char *id)
{
        size_t i = hash_of(r, id) & (r->n_slots - 1);

        while (r->slots[i] > 0 && !streq(r->nodes[r->slots[i] - 1].id, id))
                i = (i + 1) & (r->n_slots - 1);
        return i;
}

const RegistryNode *registry_find(const Registry *r, const char *id)
{
        uint32_t n = r->n_slots > 0 ? r->slots[slot_of(r, id)] : 0;

        return n > 0 ? &r->nodes[n - 1] : NULL;
}

static int grow(Registry *r)
{
        size_t room = r->n_slots > 0 ? r->n_slots : 64; /* of nodes: half of the slots to be */
        RegistryNode *nodes = reallocarray(r->nodes, room, sizeof(*nodes));
        uint32_t *slots;

        if (!nodes)
                return -ENOMEM;
        r->nodes = nodes;
        slots = calloc(room * 2, sizeof(*slots));
        if (!slots)
                return -ENOMEM;
        free(r->slots);
        r->slots = slots;
        r->n_slots = room * 2;
        for (size_t i = 0; i < r->n_nodes; i++)
                r->slots[slot_of(r, r->nodes[i].id)] = (uint32_t) (i + 1);
        return 0;
}

/* --- a node --- */

/* What is looked at, where it stands; empty: it does not. */
typedef struct Fields {
        JsonSlice id, name, url, fallback, api, type, status;
        bool is_object, twice;
} Fields;

static Fields fields_of(JsonSlice v)
{
        Fields f = {.is_object = json_slice_is(v, '{')};
        const struct {
                const char *key;
                JsonSlice *value;
        } all[] = {{"id", &f.id},   {"name", &f.name}, {"url", &f.url},      {"fallbackUrl", &f.fallback},
                   {"api", &f.api}, {"type", &f.type}, {"status", &f.status}};
        JsonSlice key, value;
        JsonWalk w;

        if (!f.is_object)
                return f;
        w = json_walk(v);
        while (json_walk_member(&w, &key, &value))
                for (size_t i = 0; i < ELEMENTSOF(all); i++)
                        if (json_slice_equals(key, all[i].key)) {
                                f.twice = f.twice || all[i].value->size > 0;
                                *all[i].value = value;
                        }
        return f;
}

typedef struct Lines {
        char id[REGISTRY_ID_MAX + 1], name[REGISTRY_NAME_MAX + 1], url[REGISTRY_URL_MAX + 1],
                        fallback[REGISTRY_URL_MAX + 1], api[REGISTRY_URL_MAX + 1];
} Lines;

static void read_lines(const Fields *f, Lines *l)
{
        if (!line_of(f->id, REGISTRY_ID_MAX, l->id))
                l->id[0] = '\0';
        if (!line_of(f->name, REGISTRY_NAME_MAX, l->name))
                l->name[0] = '\0';
        url_of(f->url, l->url);
        url_of(f->fallback, l->fallback);
        url_of(f->api, l->api);
}

static const char *append(char **end, const char *s)
{
        char *at = *end;

        *end = stpcpy(at, s) + 1;
        return at;
}

/* The five strings of a node, in one allocation that begins with the id. */
static int node_copy(const Lines *l, RegistryNode *node)
{
        char *end = malloc(strlen(l->id) + strlen(l->name) + strlen(l->url) + strlen(l->fallback) +
                           strlen(l->api) + 5);

        if (!end)
                return -ENOMEM;
        node->id = end;
        append(&end, l->id);
        node->name = append(&end, l->name);
        node->url = append(&end, l->url);
        node->fallback_url = append(&end, l->fallback);
        node->api = append(&end, l->api);
        return 0;
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
static const char *node_check(const Registry *r, const Fields *f, const Lines *l)
{
        if (!f->is_object)
                return "not an object";
        if (f->twice)
                return "it says the same twice";
        if (!*l->id)
                return "no id, or no usable one";
        if (!*l->url)
                return "no url, or none with http:// or https:// and a host";
        if (r->n_nodes == REGISTRY_NODES_MAX)
                return "too many nodes";
        return registry_find(r, l->id) ? "the id was given before" : NULL;
}

static int node_add(Registry *r, size_t i, JsonSlice v)
{
        Fields f = fields_of(v);
        RegistryNode node = {.type = type_of(f.type), .status = status_of(f.status)};
        Lines l;

        if (f.is_object && !is_accepted(node.status)) {
                r->n_others++;
                return 0;
        }
        read_lines(&f, &l);
        const char *why = node_check(r, &f, &l);
        if (why) {
                leave_out(r, i, l.id, why);
                return 0;
        }
        int n = r->n_nodes * 2 >= r->n_slots ? grow(r) : 0;
        if (n == 0)
                n = node_copy(&l, &node);
        if (n < 0)
                return n;
        r->slots[slot_of(r, node.id)] = (uint32_t) (r->n_nodes + 1);
        r->nodes[r->n_nodes++] = node;
        return 0;
}

/* --- the whole --- */

static int check_protocol(JsonSlice v, Error *e)
{
        char protocol[64], plain[256];

        if (!json_slice_is(v, '"'))
                return 0;
        (void) json_slice_string(v, protocol, sizeof(protocol) - 1);
        if (strncmp(protocol, "AAN/", 4) != 0 || strncmp(protocol, "AAN/1.", 6) == 0 ||
            streq(protocol, "AAN/1"))
                return 0;
        return error_set(e, -EPROTONOSUPPORT, "it is of protocol %s, and this version knows AAN/1",
                         plain_copy(plain, sizeof(plain), protocol));
}

/* Where the two members of the document stand that are looked at. */
static int find_members(const char *data, size_t size, JsonSlice *ret_nodes, JsonSlice *ret_protocol,
                        Error *e)
{
        JsonSlice document = json_slice(data, data + size), key, value, nodes = {0}, protocol = {0};
        JsonWalk w;

        if (!json_slice_is(document, '{'))
                return error_set(e, -EINVAL, NO_REGISTRY);
        w = json_walk(document);
        while (json_walk_member(&w, &key, &value)) {
                JsonSlice *to = json_slice_equals(key, "nodes")      ? &nodes
                                : json_slice_equals(key, "protocol") ? &protocol
                                                                     : NULL;

                if (to && to->size > 0)
                        return error_set(e, -EINVAL, "not a registry: a duplicate `nodes` or `protocol`");
                if (to)
                        *to = value;
        }
        if (!json_slice_is(nodes, '['))
                return error_set(e, -EINVAL, NO_REGISTRY);
        *ret_nodes = nodes;
        *ret_protocol = protocol;
        return 0;
}

int registry_parse(const char *data, size_t size, Registry **ret, Error *e)
{
        _cleanup_(registry_freep) Registry *r = calloc(1, sizeof(*r));
        JsonSlice nodes = {0}, protocol = {0}, value;
        JsonWalk w;

        assert(data && ret);
        if (!r)
                return error_set(e, -ENOMEM, "out of memory");
        if (size > REGISTRY_SIZE_MAX)
                return error_set(e, -E2BIG, "larger than %d MiB", REGISTRY_SIZE_MAX / 1024 / 1024);
        int n = json_scan_check(data, size, NULL, e);
        if (n == -EBADMSG)
                n = -EINVAL;
        if (n >= 0)
                n = find_members(data, size, &nodes, &protocol, e);
        if (n >= 0)
                n = check_protocol(protocol, e);
        if (n < 0)
                return n;
        crypto_shorthash_keygen(r->seed);
        w = json_walk(nodes);
        for (size_t i = 0; json_walk_element(&w, &value); i++) {
                n = node_add(r, i, value);
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
        free(r->slots);
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
