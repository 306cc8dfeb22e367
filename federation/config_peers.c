/* SPDX-License-Identifier: MIT */
/* network.peers: the other nodes as the operator names them. */
#include "base/sign.h"
#include "base/text.h"
#include "federation/config_private.h"

#include <curl/curl.h>

#define PEERS_MAX   1000
#define NODE_ID_MAX 128

bool config_is_node_id(const char *id)
{
        size_t n = strlen(id);

        return n >= 1 && n <= NODE_ID_MAX && id[0] != '.' && id[0] != '-' &&
               strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:[]") == n;
}

/* --- URLs --- */

static char *lower(char *s)
{
        for (char *c = s; *c; c++)
                if (*c >= 'A' && *c <= 'Z')
                        *c = (char) (*c - 'A' + 'a');
        return s;
}

static bool is_default_port(const char *scheme, const char *port)
{
        return streq(port, streq(scheme, "https") ? "443" : "80");
}

/* What a URL consists of; NULL: it has none. Freed with curl_free(). */
typedef struct Parts {
        char *scheme, *host, *port, *path, *query, *fragment;
} Parts;

static void parts_clear(Parts *p)
{
        char *const all[] = {p->scheme, p->host, p->port, p->path, p->query, p->fragment};

        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                curl_free(all[i]);
}

static int parts_read(const char *url, Parts *ret)
{
        const struct {
                CURLUPart part;
                char **target;
        } all[] = {{CURLUPART_SCHEME, &ret->scheme}, {CURLUPART_HOST, &ret->host},
                   {CURLUPART_PORT, &ret->port},     {CURLUPART_PATH, &ret->path},
                   {CURLUPART_QUERY, &ret->query},   {CURLUPART_FRAGMENT, &ret->fragment}};
        CURLU *u = curl_url();
        int r = 0;

        if (!u || curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK) {
                curl_url_cleanup(u);
                return -ENOMEM; /* it has been checked by conf_url */
        }
        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                if (curl_url_get(u, all[i].part, all[i].target, 0) == CURLUE_OUT_OF_MEMORY)
                        r = -ENOMEM;
        curl_url_cleanup(u);
        return r < 0 || !ret->scheme || !ret->host ? -ENOMEM : 0;
}

int config_base_url(char **url, const char **ret_problem)
{
        _cleanup_(parts_clear) Parts p = {0};
        size_t path;
        char *text;

        *ret_problem = NULL;
        if (parts_read(*url, &p) < 0)
                return -ENOMEM;
        if (p.query || p.fragment || strpbrk(*url, "?#")) {
                *ret_problem = "a base URL has nothing with ? or # in it";
                return -EINVAL;
        }
        lower(p.scheme);
        if (p.port && is_default_port(p.scheme, p.port)) {
                curl_free(p.port);
                p.port = NULL;
        }
        for (path = p.path ? strlen(p.path) : 0; path > 0 && p.path[path - 1] == '/'; path--)
                ;
        text = string_printf("%s://%s%s%s%.*s", p.scheme, lower(p.host), p.port ? ":" : "",
                             p.port ? p.port : "", (int) path, p.path ? p.path : "");
        if (!text)
                return -ENOMEM;
        free(*url);
        *url = text;
        return 0;
}

int config_normalise_url(const ConfNode *place, const char *key, char **url, Error *e)
{
        const char *problem;
        int r = config_base_url(url, &problem);

        if (r == -EINVAL)
                return conf_error(place, e, "`%s` is a base URL: nothing with ? or # in it", key);
        return r < 0 ? error_set(e, r, "out of memory") : 0;
}

/* --- the list --- */

static NetworkConfig *network_of(void *target)
{
        return (NetworkConfig *) ((char *) target - offsetof(NetworkConfig, peers));
}

static void peers_clear(void *target)
{
        NetworkConfig *n = network_of(target);

        for (size_t i = 0; i < n->n_peers; i++)
                conf_clear(config_peer_fields, &n->peers[i]);
        free(n->peers);
        n->peers = NULL;
        n->n_peers = 0;
}

static int peers_parse(const ConfNode *node, const ConfField *field, void *target, Error *e)
{
        NetworkConfig *n = network_of(target);
        size_t count = conf_count(node);

        if (conf_is_null(node))
                return 0;
        if (!conf_is_sequence(node))
                return conf_error(node, e, "`peers` is a list: - {id: other, url: https://other.example}");
        if (count > PEERS_MAX)
                return conf_error(node, e, "%zu peers are too many: at most %d", count, PEERS_MAX);
        n->peers = calloc(count + 1, sizeof(*n->peers));
        if (!n->peers)
                return error_set(e, -ENOMEM, "out of memory");
        for (size_t i = 0; i < count; i++) {
                int r = conf_parse(conf_item(node, i), config_peer_fields, NULL, &n->peers[i], e);

                if (r < 0)
                        return r;
                n->n_peers++;
        }
        return 0;
}

const ConfType config_peers = {"list of nodes", peers_parse, peers_clear};

char *config_default_id(const char *url)
{
        const char *host = strstr(url, "://") + 3;

        return strndup(host, strcspn(host, "/"));
}

static int read_key(PeerConfig *p, const ConfNode *node, Error *e)
{
        const char *key = p->public_key, *space;
        size_t size = 0;

        if (!key)
                return 0;
        space = strrchr(key, ' ');
        if (strncmp(key, "ed25519:", 8) == 0 && space) /* the whole line, as keygen prints it */
                key = space + 1;
        if (base64_decode(key, p->key, sizeof(p->key), &size) >= 0 && size == sizeof(p->key))
                return 0;
        return conf_error(conf_get(node, "public_key"), e,
                          "`public_key` is an Ed25519 key in base64, 43 characters, as `failoverctl keygen` "
                          "prints it");
}

static int settle_peer(PeerConfig *p, const ConfNode *node, Error *e)
{
        int r = config_normalise_url(conf_get(node, "url"), "url", &p->url, e);

        if (r < 0)
                return r;
        if (!p->id && !(p->id = config_default_id(p->url)))
                return error_set(e, -ENOMEM, "out of memory");
        if (!config_is_node_id(p->id))
                return conf_error(config_place(node, conf_get(node, "id") ? "id" : "url"), e,
                                  "a node's id has letters, digits, dots, dashes, underscores and colons, at "
                                  "most %d",
                                  NODE_ID_MAX);
        if (!p->name && !(p->name = strdup(p->id)))
                return error_set(e, -ENOMEM, "out of memory");
        return read_key(p, node, e);
}

static int check_clash(const NetworkConfig *n, size_t i, const ConfNode *node, Error *e)
{
        const PeerConfig *p = &n->peers[i];

        for (size_t k = 0; k < i; k++) {
                if (streq(n->peers[k].id, p->id))
                        return conf_error(config_place(node, conf_get(node, "id") ? "id" : "url"), e,
                                          "two peers are called `%s`", p->id);
                if (streq(n->peers[k].url, p->url))
                        return conf_error(conf_get(node, "url"), e, "peers `%s` and `%s` have the same URL",
                                          n->peers[k].id, p->id);
        }
        return 0;
}

/* One list may serve all nodes of an operator: this node stands in it, too, and is left out. Half of it is a mistake. */
static int is_ourselves(const Config *c, const PeerConfig *p, const ConfNode *node, Error *e)
{
        bool same_id = streq(p->id, c->node.id), same_url = streq(p->url, c->node.url);

        if (same_url && (same_id || !conf_get(node, "id")))
                return 1;
        if (same_id)
                return conf_error(conf_get(node, "id"), e,
                                  "peer `%s` has the id of this node, and another URL", p->id);
        if (same_url)
                return conf_error(conf_get(node, "url"), e, "peer `%s` has the URL of this node", p->id);
        return 0;
}

int config_settle_peers(Config *c, const ConfNode *list, Error *e)
{
        NetworkConfig *n = &c->network;
        size_t ours = SIZE_MAX;

        for (size_t i = 0; i < n->n_peers; i++) {
                const ConfNode *node = conf_item(list, i);
                int r = settle_peer(&n->peers[i], node, e);

                if (r >= 0)
                        r = check_clash(n, i, node, e);
                if (r >= 0)
                        r = is_ourselves(c, &n->peers[i], node, e);
                if (r < 0)
                        return r;
                if (r > 0)
                        ours = i;
        }
        if (ours == SIZE_MAX)
                return 0;
        conf_clear(config_peer_fields, &n->peers[ours]);
        n->n_peers--;
        memmove(&n->peers[ours], &n->peers[ours + 1], (n->n_peers - ours) * sizeof(*n->peers));
        c->peer_left_out = true;
        c->peer_left_out_at = ours;
        return 0;
}
