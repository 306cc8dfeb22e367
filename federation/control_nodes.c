/* SPDX-License-Identifier: MIT */
/* GET /v1/nodes: the registry as its operator sees it; POST /v1/nodes/<id>/accept, ban, forget, rekey: his word on who belongs to the
 * network. Answered when it is on the disk. */
#include "base/text.h"
#include "federation/control_private.h"
#include "federation/members_private.h"
#include "federation/registry_text.h"

#include <stdarg.h>

/* --- looking --- */

static json_t *key_to_json(const char *id, const uint8_t key[static SIGN_PUBLIC_SIZE])
{
        _cleanup_free_ char *text = NULL;

        if (base64_encode(key, SIGN_PUBLIC_SIZE, &text) < 0)
                return NULL;
        return json_pack("{s:s?, s:s}", "id", id, "key", text);
}

/* Those that count now. */
static json_t *keys_to_json(const Member *m)
{
        json_t *list = json_array();

        if (!member_is_pinned(m)) {
                if (m->has_key)
                        json_add(list, key_to_json(NULL, m->key));
                return list;
        }
        assert(m->document);
        for (size_t i = 0; i < m->document->n_keys; i++) {
                const NodeKey *k = &m->document->keys[i];
                _cleanup_free_ char *id = string_printf("ed25519:%s", k->id);
                json_t *j = id ? key_to_json(id, k->public_key) : NULL;

                json_put(j, "expired", json_timestamp(k->expired_usec));
                json_put(j, "revoked", json_timestamp(k->revoked_usec));
                json_add(list, j);
        }
        return list;
}

static json_t *member_to_json(const Federation *f, const Member *m)
{
        const NodeDocument *d = m->document;
        NodeType type = m->config ? (NodeType) m->config->type : d ? d->type : NODE_FULL;
        json_t *j = json_object();

        json_put(j, "id", json_string_or_null(m->id));
        json_put(j, "name", json_string_or_null(member_name(m)));
        json_put(j, "url", json_string_or_null(member_url(m)));
        json_put(j, "type", json_string(node_type_name(type)));
        json_put(j, "state", json_string(member_state_name(m->state)));
        json_put(j, "status", json_string(registry_status(f, m)));
        json_put(j, "proven", json_boolean(m->proven));
        json_put(j, "searched", json_boolean(peers_find(f->peers, m->id)));
        json_put(j, "operator", json_string_or_null(d ? d->operator_name : ""));
        json_put(j, "location", json_string_or_null(d ? d->location : ""));
        json_put(j, "fallback_url",
                 d && *d->fallback_url ? json_string_or_null(d->fallback_url) : json_null());
        json_put(j, "registered", json_timestamp(m->registered_usec));
        json_put(j, "accepted", json_timestamp(m->accepted_usec));
        json_put(j, "changed", json_timestamp(m->changed_usec));
        json_put(j, "valid_until", json_timestamp(d ? d->valid_until_usec : 0));
        json_put(j, "trouble", member_problem(m) ? json_string_or_null(member_problem(m)) : json_null());
        json_put(j, "keys", keys_to_json(m));
        return j;
}

void control_get_nodes(Control *c, HttpRequest *r, const char *rest)
{
        const Federation *f = c->f;
        const char *trouble = members_trouble(f->members);
        json_t *j = json_object(), *list = json_array();

        for (size_t i = 0; i < members_count(f->members); i++)
                json_add(list, member_to_json(f, members_at(f->members, i)));
        json_put(j, "registration",
                 json_string(f->config->network.registration == REGISTRATION_OPEN ? "open" : "approve"));
        json_put(j, "ready", json_boolean(members_ready(f->members)));
        json_put(j, "trouble", *trouble ? json_string_or_null(trouble) : json_null());
        json_put(j, "nodes", list);
        j = json_whole(j);
        if (j)
                http_reply_json(r, 200, j);
        else
                http_reply_error(r, 500, "out of memory");
}

/* --- changing --- */

typedef struct Order {
        Federation *f;
        HttpRequest *request;
        char actor[32], words[600];
} Order;

static void reply(HttpRequest *r, Federation *f, const char *id, const char *words)
{
        const Member *m = members_find(f->members, id);
        json_t *j = json_object();

        json_put(j, "success", json_true());
        json_put(j, "text", json_string_or_null(words));
        json_put(j, "node", m ? member_to_json(f, m) : json_null());
        j = json_whole(j);
        if (j)
                http_reply_json(r, 200, j);
        else
                http_reply_error(r, 500, "out of memory");
}

static void on_changed(MemberChange *c, int r, const char *error)
{
        Order *o = c->userdata;
        Member *m = members_get(c->members, c->id);

        if (r < 0)
                http_reply_error(o->request, 503, "it cannot be kept now, nothing has changed: %s", error);
        else {
                if (m)
                        m->fetch_due_usec = 0; /* what stands at its url counts now */
                reply(o->request, o->f, c->id, o->words);
        }
        free(o);
}

static void say(Order *o, const char *format, ...) _printf_(2, 3);
static void say(Order *o, const char *format, ...)
{
        size_t size = strlen(o->words);
        va_list ap;

        va_start(ap, format);
        vsnprintf(o->words + size, sizeof(o->words) - size, format, ap);
        va_end(ap);
}

/* Each fills in the change and what is said of it; false: it has answered why not. */

static bool accept_node(Order *o, const Member *m, MemberChange *c)
{
        if (!m->document && !m->config) {
                http_reply_error(o->request, 409,
                                 "`%s` is banned and has never registered: `forget` it, and let it register",
                                 m->id);
                return false;
        }
        if (!m->config && members_are_full(o->f->members)) {
                http_reply_error(
                                o->request, 409,
                                "%d nodes are accepted already, and no more can be told of an outage: ban or "
                                "forget one first",
                                MEMBERS_ACCEPTED_MAX);
                return false;
        }
        c->next.stored = m->document ? MEMBER_ACCEPTED : MEMBER_CONFIGURED;
        c->next.accepted_usec = c->next.changed_usec;
        member_change_say(c, "node-accepted", o->actor, "%.256s", member_url(m));
        say(o, "`%s` (%.300s) is accepted: it is searched, told, and sent buyers.", m->id, member_url(m));
        if (member_is_pinned(m) && !m->proven)
                say(o, " Its key counts by your word from now on: it has not been found at its url yet.");
        else if (!member_is_pinned(m) && !m->has_key)
                say(o, " It has no key: nothing that it signs counts.");
        return true;
}

static bool ban_node(Order *o, const Member *m, MemberChange *c)
{
        c->next.stored = MEMBER_BANNED;
        c->next.accepted_usec = 0;
        member_change_say(c, "node-banned", o->actor, "%.256s", member_url(m));
        say(o,
            "`%s` is banned: it is neither searched nor told nor sent buyers, nothing that it signs counts, "
            "and its id and url cannot register again.",
            m->id);
        if (m->config)
                say(o, " It stands in network.peers still; `failoverctl nodes accept %s` ends the ban.",
                    m->id);
        return true;
}

static bool forget_node(Order *o, const Member *m, MemberChange *c)
{
        c->forget = true;
        member_change_say(c, "node-forgotten", o->actor, "%.256s", member_url(m));
        say(o, "`%s` is forgotten: whoever has that id may register it anew.", m->id);
        if (m->config)
                say(o, " As it is under network.peers it stays; only its key is forgotten, and taken anew.");
        return true;
}

/* 1: given; 0: none; below 0: answered. */
static int read_key(Order *o, uint8_t ret[static SIGN_PUBLIC_SIZE])
{
        _cleanup_json_ json_t *j = NULL;
        const char *text, *space;
        size_t size;
        const char *body = http_body(o->request, &size);

        if (size == 0)
                return 0;
        if (json_parse(body, size, &j, NULL) < 0 || !json_is_object(j)) {
                http_reply_error(o->request, 400, "expected {\"key\": \"base64\"}");
                return -EINVAL;
        }
        text = json_string_value(json_object_get(j, "key"));
        if (!text)
                return 0;
        space = strrchr(text, ' ');
        if (strncmp(text, "ed25519:", 8) == 0 && space)
                text = space + 1;
        if (base64_decode(text, ret, SIGN_PUBLIC_SIZE, &size) >= 0 && size == SIGN_PUBLIC_SIZE)
                return 1;
        http_reply_error(o->request, 400,
                         "a key is the base64 of 32 bytes, 43 characters, as keygen prints it");
        return -EINVAL;
}

static bool rekey_node(Order *o, const Member *m, MemberChange *c)
{
        int r = read_key(o, c->next.given);

        if (r < 0)
                return false;
        if (r > 0 && m->config && m->config->public_key) {
                http_reply_error(o->request, 409,
                                 "`%s` has its key in the configuration: change network.peers, and reload",
                                 m->id);
                return false;
        }
        c->next.has_given = r > 0;
        c->next.proven = r > 0;
        c->next.unpinned = m->document != NULL;
        member_change_say(c, "node-rekeyed", o->actor, "%s",
                          r > 0 ? "its key is dropped, and another was given"
                                : "its key is dropped; the next that is found at its url is pinned");
        say(o,
            r > 0 ? "The key of `%s` is the one given, alone, until a document that it signs is seen."
                  : "The key of `%s` is dropped. The next that is found in the document at its own url is "
                    "taken; until then nothing that it signs counts.",
            m->id);
        return true;
}

static const struct {
        const char *verb;
        bool (*run)(Order *o, const Member *m, MemberChange *c);
} verbs[] = {{"accept", accept_node}, {"ban", ban_node}, {"forget", forget_node}, {"rekey", rekey_node}};

static void run(Control *c, HttpRequest *r, const Member *m,
                bool (*verb)(Order *o, const Member *m, MemberChange *c))
{
        _cleanup_(member_change_freep) MemberChange *change = member_change_new(c->f->members, m->id, m);
        Order *o = calloc(1, sizeof(*o));

        if (!change || !o) {
                free(o);
                http_reply_error(r, 500, "out of memory");
                return;
        }
        o->f = c->f;
        o->request = r;
        snprintf(o->actor, sizeof(o->actor), "uid %u", (unsigned) http_peer(r)->uid);
        if (!verb(o, m, change)) {
                free(o);
                return;
        }
        change->done = on_changed;
        change->userdata = o;
        member_change_submit(TAKE_PTR(change));
}

static bool is_done(const Member *m, const char *verb)
{
        return streq(verb, "accept") ? member_is_accepted(m)
                                     : streq(verb, "ban") && m->state == MEMBER_BANNED;
}

void control_post_node(Control *c, HttpRequest *r, const char *rest)
{
        const char *slash = strrchr(rest, '/');
        _cleanup_free_ char *id = slash ? strndup(rest, (size_t) (slash - rest)) : NULL;
        const Member *m = id ? members_find(c->f->members, id) : NULL;
        char plain[200];
        size_t i;

        for (i = 0; slash && i < ELEMENTSOF(verbs); i++)
                if (streq(slash + 1, verbs[i].verb))
                        break;
        if (!slash || i == ELEMENTSOF(verbs))
                http_reply_error(r, 404, "expected /v1/nodes/ID/accept, ban, forget or rekey");
        else if (!members_ready(c->f->members))
                http_reply_error(r, 503, "the registry %s%s",
                                 *members_trouble(c->f->members) ? "cannot be read: "
                                                                 : "has not been read yet",
                                 members_trouble(c->f->members));
        else if (!m)
                http_reply_error(r, 404, "there is no node `%s`",
                                 plain_copy(plain, sizeof(plain), id ? id : ""));
        else if (members_changing(c->f->members, m->id))
                http_reply_error(r, 503, "`%s` is being changed at this moment: try again", m->id);
        else if (is_done(m, verbs[i].verb)) {
                snprintf(plain, sizeof(plain), "`%s` is %s already.", m->id, member_state_name(m->state));
                reply(r, c->f, m->id, plain);
        } else
                run(c, r, m, verbs[i].run);
}
