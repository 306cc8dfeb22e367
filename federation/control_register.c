/* SPDX-License-Identifier: MIT */
/* POST /v1/register: this node into another node's registry, as the operator says; GET: the registries that know it, which
 * are asked again with refresh=1. */
#include "base/clock.h"
#include "base/conf.h"
#include "base/text.h"
#include "federation/announcer.h"
#include "federation/control_private.h"
#include "federation/identity.h"

#define TIMEOUT_MAX_USEC (5 * USEC_PER_MIN)

/* --- what is said --- */

/* The whole story in a sentence or two, for who has typed the command. */
static char *tell(const Federation *f, const char *registry, const AnnouncementResult *r, const char *trouble)
{
        _cleanup_text_ Text t = {0};
        char *text = NULL;

        text_add(&t, r->status == 201 ? "Registered at %s" : "Registered at %s, which knew this node already",
                 registry);
        if (streq(r->state, "pending"))
                text_add_string(&t, ": pending, until its operator accepts this node");
        else if (r->state[0])
                text_add(&t, ": %s", r->state);
        text_add_string(&t, ".");
        if (r->words[0])
                text_add(&t, " It says: %s", r->words);
        if (!identity_key(f->identity))
                text_add(&t,
                         " NOT SIGNED: %s. It can prove nothing, and stays pending wherever that is asked "
                         "for.",
                         identity_trouble(f->identity));
        if (trouble)
                text_add(&t, " NOT REMEMBERED: %s. After a restart it is not told of changes.", trouble);
        return text_take(&t, &text) < 0 ? NULL : text;
}

typedef struct Caller {
        Federation *f;
        HttpRequest *request;
} Caller;

static void on_registered(const char *registry, const AnnouncementResult *r, const char *trouble,
                          void *userdata)
{
        Caller *c = userdata;
        HttpRequest *request = c->request;
        Federation *f = c->f;

        free(c);
        if (r->error < 0) {
                http_reply_error(request,
                                 r->status > 0            ? 502
                                 : r->error == -ETIMEDOUT ? 504
                                                          : 502,
                                 "%s%s: %s", registry, r->status > 0 ? " refuses" : "", r->words);
                return;
        }
        _cleanup_free_ char *text = tell(f, registry, r, trouble);
        json_t *j = json_object();
        json_put(j, "success", json_true());
        json_put(j, "registry", json_string_or_null(registry));
        json_put(j, "route", json_string(r->path));
        json_put(j, "status", json_integer(r->status));
        json_put(j, "state", json_string_or_null(r->state));
        json_put(j, "signed", json_boolean(identity_key(f->identity) != NULL));
        json_put(j, "durable", json_boolean(!trouble));
        json_put(j, "text", json_string_or_null(text));
        j = json_whole(j);
        if (j)
                http_reply_json(request, 200, j);
        else
                http_reply_error(request, 500, "out of memory");
}

static void on_forgotten(const char *registry, const AnnouncementResult *r, const char *trouble,
                         void *userdata)
{
        Caller *c = userdata;
        HttpRequest *request = c->request;

        free(c);
        if (trouble) {
                http_reply_error(request, 503, "it cannot be written: %s", trouble);
                return;
        }
        _cleanup_free_ char *text = string_printf(
                        "%s is not told of this node any more. Its own entry stays until its operator "
                        "removes it.",
                        registry);
        json_t *j = text ? json_pack("{s:b, s:s, s:s}", "success", 1, "registry", registry, "text", text)
                         : NULL;
        if (j)
                http_reply_json(request, 200, j);
        else
                http_reply_error(request, 500, "out of memory");
}

/* --- what is asked --- */

typedef struct Order {
        char *registry;
        uint64_t timeout_usec;
        bool forget;
} Order;

static int read_url(const char *s, char **ret, Error *e)
{
        const char *problem = s && *s ? NULL : "name it: {\"registry\": \"https://…\"}";
        char *url = NULL;
        int r = problem ? 0 : conf_url_check(s, &problem);

        if (r >= 0 && problem)
                r = -EINVAL;
        else if (r >= 0) {
                url = strdup(s);
                r = url ? config_base_url(&url, &problem) : -ENOMEM;
        }
        if (r >= 0) {
                *ret = url;
                return 0;
        }
        free(url);
        error_set(e, r, "registry: %s", r == -EINVAL ? problem : "out of memory");
        return r;
}

static int read_order(HttpRequest *r, Order *ret, Error *e)
{
        _cleanup_json_ json_t *j = NULL;
        size_t size;
        const void *body = http_body(r, &size);
        const char *timeout;
        int n;

        n = json_parse(body, size, &j, e);
        if (n < 0)
                return n;
        ret->timeout_usec = ANNOUNCE_TIMEOUT_USEC;
        timeout = json_string_value(json_object_get(j, "timeout"));
        if (timeout && (duration_parse(timeout, &ret->timeout_usec) < 0 || ret->timeout_usec == 0 ||
                        ret->timeout_usec > TIMEOUT_MAX_USEC))
                return error_set(e, -EINVAL, "timeout: a duration of at most 5m, such as 30s");
        ret->forget = json_is_true(json_object_get(j, "forget"));
        return read_url(json_string_value(json_object_get(j, "registry")), &ret->registry, e);
}

static int begin(Federation *f, const Order *o, Caller *caller, const char *actor, Error *e)
{
        int r;

        if (streq(o->registry, f->config->node.url))
                return error_set(e, -EINVAL,
                                 "that is this node itself, which stands in its own registry always");
        r = o->forget ? announcer_forget(f->announcer, o->registry, actor, on_forgotten, caller)
                      : announcer_register(f->announcer, o->registry, o->timeout_usec, actor, on_registered,
                                           caller);
        if (r == -EPERM)
                return error_set(e, r, "network.registries names it: take it out there, and reload");
        if (r == -ENOENT)
                return error_set(e, r, "this node is not registered there");
        if (r == -EBUSY)
                return error_set(e, r, "it is being asked at this moment: try again");
        if (r == -ENOSPC)
                return error_set(e, r, "%d registries are the most", REGISTRIES_MAX);
        return r < 0 ? error_set(e, r, "%s", error_words(-r)) : 0;
}

void control_post_register(Control *c, HttpRequest *r, const char *rest)
{
        Caller *caller = calloc(1, sizeof(*caller));
        Order o = {0};
        char actor[40];
        Error e = {""};
        int n;

        snprintf(actor, sizeof(actor), "uid %u", (unsigned) http_peer(r)->uid);
        if (!caller) {
                http_reply_error(r, 500, "out of memory");
                return;
        }
        n = read_order(r, &o, &e);
        if (n >= 0) {
                *caller = (Caller){.f = c->f, .request = r};
                n = begin(c->f, &o, caller, actor, &e);
        }
        free(o.registry);
        if (n >= 0)
                return;
        free(caller);
        http_reply_error(r,
                         n == -EINVAL                                 ? 400
                         : n == -ENOENT                               ? 404
                         : n == -EPERM || n == -EBUSY || n == -ENOSPC ? 409
                                                                      : 500,
                         "%s", e.text);
}

void control_get_registries(Control *c, HttpRequest *r, const char *rest)
{
        const char *refresh = http_query(r, "refresh");
        json_t *j = json_object();

        if (refresh && streq(refresh, "1"))
                announcer_refresh(c->f->announcer);
        json_put(j, "registries", announcer_to_json(c->f->announcer));
        j = json_whole(j);
        if (j)
                http_reply_json(r, 200, j);
        else
                http_reply_error(r, 500, "out of memory");
}
