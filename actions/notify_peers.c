/* SPDX-License-Identifier: MIT */
/* notify-peers: signed notices to the other nodes of the network when this one leaves its first mode, and when it is back,
 * so that they send buyers to its fallback meanwhile. Each peer has a queue of its own (action.h, `targets`).
 *
 * A notice is {id, type, node, to, fallbackUrl, occurred, timestamp, seq} with `signatures` as in base/sign.h. Every
 * attempt is signed anew, since receivers refuse what is older than 5 min; id, seq and occurred stay. */
#include "actions/request.h"

#include "base/clock.h"
#include "base/text.h"

#define NOTICE_PATH "/api/network/messages"
#define ANSWER_MAX  ((size_t) 64 * 1024)
#define REASON_MAX  160
#define PEERS_MAX   1000 /* in the configuration */

typedef struct Peer {
        char *id, *url;
} Peer;

typedef struct NotifyConf {
        char *registry;
        Peer *peers; /* ended by {NULL, NULL} */
        char **allow_private_peers;
        uint64_t timeout_usec;
} NotifyConf;

typedef struct NotifyState {
        Fetch *fetch;
} NotifyState;

/* Keys */

static const ConfField peer_fields[] = {
                {"id", &conf_string, offsetof(Peer, id), CONF_REQUIRED, NULL, "Its node id.", NULL},
                {"url", &conf_url, offsetof(Peer, url), CONF_REQUIRED, NULL, "Where it is.", NULL},
                {NULL},
};

static void clear_peers(void *target)
{
        Peer **peers = target;

        for (Peer *p = *peers; p && p->id; p++)
                conf_clear(peer_fields, p);
        free(TAKE_PTR(*peers));
}

static int check_peer(const ConfNode *node, const Peer *peers, const Peer *p, Error *e)
{
        if (!*p->id || strlen(p->id) > REGISTRY_ID_MAX)
                return conf_error(node, e, "`peers`: an id has 1 to %d bytes", REGISTRY_ID_MAX);
        if (strpbrk(p->url, "?#"))
                return conf_error(node, e, "`peers`: a path is put behind the url, so it has no query");
        for (; peers < p; peers++)
                if (streq(peers->id, p->id))
                        return conf_error(node, e, "`peers`: `%s` is given twice", p->id);
        return 0;
}

static int parse_peers(const ConfNode *node, const ConfField *field, void *target, Error *e)
{
        size_t n = conf_count(node);
        Peer **peers = target;

        if (!conf_is_sequence(node))
                return conf_error(node, e, "`%s`: expected a list: - {id: other, url: https://other.example}",
                                  field->key);
        if (n > PEERS_MAX)
                return conf_error(node, e, "`%s`: more than %d", field->key, PEERS_MAX);
        *peers = calloc(n + 1, sizeof(**peers));
        if (!*peers)
                return error_set(e, -ENOMEM, "out of memory");
        for (size_t i = 0; i < n; i++) {
                const ConfNode *item = conf_item(node, i);
                Peer *p = &(*peers)[i];

                if (!conf_is_mapping(item))
                        return conf_error(item, e, "`%s`: expected {id: other, url: https://other.example}",
                                          field->key);
                int r = conf_parse(item, peer_fields, NULL, p, e);
                if (r == 0)
                        r = check_peer(item, *peers, p, e);
                if (r < 0)
                        return r;
                for (size_t size = strlen(p->url); size > 0 && p->url[size - 1] == '/'; size--)
                        p->url[size - 1] = '\0';
        }
        return 0;
}

static const ConfType conf_peers = {"list of {id, url}", parse_peers, clear_peers};
static const ConfRange timeout_range = {100 * USEC_PER_MSEC, 2 * USEC_PER_MIN};

static const ConfField notify_fields[] = {
                {"registry", &conf_string, offsetof(NotifyConf, registry), CONF_PATH, NULL,
                 "The registry's file: nodes that the operator of federationd has accepted are told.", NULL},
                {"peers", &conf_peers, offsetof(NotifyConf, peers), CONF_HOST, NULL,
                 "Nodes that are told, too, each with its id and url; these urls may be private.", NULL},
                {"allow_private_peers", &conf_strings, offsetof(NotifyConf, allow_private_peers), 0, NULL,
                 "Networks that urls from the registry may lead to though they are not public: 10.0.0.0/8.",
                 NULL},
                {"timeout", &conf_duration, offsetof(NotifyConf, timeout_usec), 0, "10s",
                 "For one attempt to tell one node.", &timeout_range},
                {NULL},
};

static int notify_check(const void *conf, const ConfNode *node, Error *e)
{
        const NotifyConf *c = conf;
        Network network;

        if (!c->registry && !(c->peers && c->peers[0].id))
                return conf_error(node, e, "notify-peers needs `registry`, `peers`, or both");
        if (c->registry && c->registry[0] != '/')
                return conf_error(conf_get(node, "registry"), e, "registry: \"%s\" is not absolute",
                                  c->registry);
        for (char **s = c->allow_private_peers; s && *s; s++)
                if (network_parse(*s, &network) < 0)
                        return conf_error(conf_get(node, "allow_private_peers"), e,
                                          "allow_private_peers: \"%s\" is not a network, such as 10.0.0.0/8",
                                          *s);
        return 0;
}

static int notify_verify(const void *conf, const char *config_dir, Error *e)
{
        const NotifyConf *c = conf;
        _cleanup_(registry_freep) Registry *registry = NULL;

        if (!c->registry)
                return 0;
        int r = registry_load(c->registry, &registry, e);
        return r < 0 ? error_prefix(e, r == -EPERM ? -EACCES : r, "registry") : 0;
}

static int notify_target(const void *conf, char **ret)
{
        const NotifyConf *c = conf;
        size_t n = 0;

        while (c->peers && c->peers[n].id)
                n++;
        if (!c->registry)
                *ret = string_printf("%zu peer%s", n, n == 1 ? "" : "s");
        else
                *ret = string_printf("the nodes in %s%s", c->registry, n > 0 ? " and others" : "");
        return *ret ? 0 : -ENOMEM;
}

/* Who is told */

static const Peer *find_configured(const NotifyConf *c, const char *id)
{
        for (const Peer *p = c->peers; p && p->id; p++)
                if (streq(p->id, id))
                        return p;
        return NULL;
}

static int notify_targets(const void *conf, const ActionContext *context, ActionTargetFn fn, void *userdata)
{
        const NotifyConf *c = conf;
        const Registry *registry = NULL;
        const char *why;

        if (c->registry) {
                int r = registries_get(context->registries, c->registry, &registry, &why);
                if (r < 0)
                        return r;
        }
        for (const Peer *p = c->peers; p && p->id; p++)
                if (!streq(p->id, context->node_id))
                        fn(p->id, p->url, userdata);
        for (size_t i = 0; registry && i < registry->n_nodes; i++) {
                const RegistryNode *n = &registry->nodes[i];

                if (!streq(n->id, context->node_id) && !find_configured(c, n->id))
                        fn(n->id, n->url, userdata);
        }
        return 0;
}

static const char *notify_registry(const void *conf)
{
        const NotifyConf *c = conf;

        return c->registry;
}

/* Between two fallbacks nothing changes for those who send buyers to `fallbackUrl`. */
static bool notify_says(const ActionFacts *f)
{
        return f->kind == ACTION_CHANGE && f->first != f->from_first;
}

/* The notice */

static json_t *notice_make(const ActionFacts *f)
{
        json_t *j = json_object();

        json_put(j, "id", json_string(f->id));
        json_put(j, "type", json_string(f->first ? "primary_recovered" : "primary_failure"));
        json_put(j, "node", json_string(f->node_id));
        json_put(j, "to", json_string(f->target));
        json_put(j, "fallbackUrl", json_string(f->fallback_url));
        json_put(j, "occurred", json_integer((json_int_t) (f->at_usec / USEC_PER_MSEC)));
        json_put(j, "timestamp", json_integer((json_int_t) (clock_wall_usec() / USEC_PER_MSEC)));
        json_put(j, "seq", json_integer(f->seq));
        return json_whole(j);
}

static int notice_print(const Action *a, char **ret, Error *e)
{
        (void) json_failed();
        _cleanup_json_ json_t *notice = notice_make(a->facts);

        if (!notice)
                return error_set(e, -ENOMEM, "out of memory");
        int r = sign_json(notice, a->facts->node_id, a->context->key, e);
        return r < 0 ? r : json_print(notice, ret);
}

/* What the peer gives as its reason, in a few words; its clock's opinion of ours is worth another attempt. */
static void read_answer(const FetchResult *result, char *reason, size_t size, bool *ret_clock)
{
        _cleanup_json_ json_t *answer = NULL;

        *reason = '\0';
        *ret_clock = false;
        if (json_parse(result->body, result->body_size, &answer, NULL) < 0)
                return;
        *ret_clock = json_is_integer(json_object_get(answer, "offset_ms"));
        const char *text = json_string_value(json_object_get(answer, "error"));
        if (text)
                plain_copy(reason, MIN(size, (size_t) REASON_MAX), text);
}

static void on_answer(Fetch *fetch, const FetchResult *result, void *userdata)
{
        Action *a = userdata;
        char reason[REASON_MAX];
        bool clock;

        /* It has said yes; how it goes on after that is its own affair. */
        if (result->error == FETCH_TOO_LARGE && result->status / 100 == 2) {
                action_report(a, ACTION_DONE, "HTTP %u", result->status);
                return;
        }
        if (result->error != FETCH_OK || result->status / 100 < 4) {
                action_report_fetch(a, result);
                return;
        }
        read_answer(result, reason, sizeof(reason), &clock);
        if (!*reason && !clock) {
                action_report_fetch(a, result);
                return;
        }
        bool again = clock || !action_status_is_permanent(result->status);
        if (again)
                action_take_retry_after(a, result);
        action_report(a, again ? ACTION_RETRY : ACTION_PERMANENT, "HTTP %u: %s", result->status,
                      *reason ? reason : "it says that our clock is wrong");
}

static int notice_send(Action *a, const char *url, const char *const *allow, unsigned flags, Error *e)
{
        static const char *const headers[] = {"Content-Type: application/json", NULL};
        const NotifyConf *c = a->conf;
        NotifyState *s = a->state;
        _cleanup_free_ char *body = NULL, *where = string_printf("%s%s", url, NOTICE_PATH);

        if (!where)
                return -ENOMEM;
        int r = notice_print(a, &body, e);
        if (r < 0 || !body)
                return r < 0 ? r : -ENOMEM;
        FetchRequest request = {.url = where,
                                .method = "POST",
                                .headers = headers,
                                .body = body,
                                .body_size = strlen(body),
                                .timeout_usec = c->timeout_usec,
                                .response_max = ANSWER_MAX,
                                .allow = allow,
                                .flags = FETCH_FRESH | FETCH_REMEMBER | flags};
        return fetch_start(a->context->fetch, &request, on_answer, a, &s->fetch);
}

static void notify_apply(Action *a)
{
        const NotifyConf *c = a->conf;
        const Peer *peer = find_configured(c, a->facts->target);
        const RegistryNode *node = NULL;
        const Registry *registry = NULL;
        const char *why = "it is no peer any more";
        Error e = {0};
        int r;

        if (!a->context->key) {
                action_report(a, ACTION_RETRY, "cannot be signed: %s", a->context->key_error);
                return;
        }
        if (!peer && c->registry && registries_get(a->context->registries, c->registry, &registry, &why) == 0)
                node = registry_find(registry, a->facts->target);
        if (peer)
                r = notice_send(a, peer->url, NULL, 0, &e);
        else if (node)
                r = notice_send(a, node->url, (const char *const *) c->allow_private_peers, FETCH_GUARD, &e);
        else {
                action_report(a, ACTION_RETRY, "%s", registry ? "it is no peer any more" : why);
                return;
        }
        if (r < 0)
                action_report(a, ACTION_RETRY, "not sent: %s", *e.text ? e.text : strerror(-r));
}

static void notify_stop(Action *a)
{
        NotifyState *s = a->state;

        s->fetch = fetch_free(s->fetch);
}

const ActionType action_notify_peers = {
                .name = "notify-peers",
                .help = "Tells the other nodes, signed, when this one leaves its first mode and when it is "
                        "back; each is told until it has accepted, or for 75 h.",
                .conf_size = sizeof(NotifyConf),
                .fields = notify_fields,
                .size = sizeof(NotifyState),
                .event = true,
                .signs = true,
                .timeout_usec = 125 * USEC_PER_SEC,
                .check = notify_check,
                .verify = notify_verify,
                .target = notify_target,
                .targets = notify_targets,
                .registry = notify_registry,
                .says = notify_says,
                .apply = notify_apply,
                .stop = notify_stop,
};
