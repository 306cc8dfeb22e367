/* SPDX-License-Identifier: MIT */
/* /api/config and /api/health: printed when something changes, not when somebody asks. */
#include "federation/front.h"

#include "base/json.h"
#include "base/log.h"
#include "base/message_id.h"
#include "base/text.h"
#include "federation/banner.h"

typedef struct Page {
        char *text;
        size_t size;
        char etag[HTTP_ETAG_SIZE];
} Page;

struct Front {
        Events *events;
        const ModeFile *mode;
        Peers *peers;
        char *node_id; /* of the node that buyers are sent to: kept as long as it is fine */
        char *node_url;
        Page config, health;
        bool outdated;   /* there was no memory to print one of them */
        char *told_mode; /* what `mode` events last said, without whether it is stale */
        bool logged_stale;
        char *logged_mode;
};

static const ModeNow nothing = {.stale = true,
                                .first = true,
                                .mode = "",
                                .payment = "primary",
                                .checkout = "checkout",
                                .message = "",
                                .since = "",
                                .change = "",
                                .selling = "unknown",
                                .trouble = ""};

const ModeNow *front_mode(const Front *f)
{
        return f->mode ? mode_file_now(f->mode) : &nothing;
}

/* Where buyers go when they cannot pay here */

/* How nodes are is not known where nobody is asked. */
static bool may_choose(const Front *f)
{
        return f->peers && peers_enabled(f->peers);
}

/* Not another one at every change of who is quickest: buyers are on their way. One that has failed once is better than none. */
static const Peer *node_choose(const Front *f)
{
        const Peer *best = may_choose(f) ? peers_healthy(f->peers) : NULL;

        for (size_t i = 0; f->node_id && may_choose(f) && i < peers_count(f->peers); i++) {
                const Peer *p = peers_at(f->peers, i);
                if (streq(p->id, f->node_id) &&
                    (best ? p->status == best->status && p->type == best->type : p->status == PEER_SUSPECT))
                        return p;
        }
        return best;
}

/* True: it is another one. */
static bool node_update(Front *f)
{
        const Peer *p = node_choose(f);
        const char *url = p ? peer_buyers_url(p) : NULL;

        if (url ? f->node_url && streq(f->node_url, url) && streq(f->node_id, p->id) : !f->node_url)
                return false;
        free(f->node_id);
        free(f->node_url);
        f->node_id = p ? strdup(p->id) : NULL;
        f->node_url = url ? strdup(url) : NULL;
        if (!f->node_id || !f->node_url) { /* none, or no memory for it */
                free(TAKE_PTR(f->node_id));
                free(TAKE_PTR(f->node_url));
                return true;
        }
        for (size_t n = strlen(f->node_url); n > 0 && f->node_url[n - 1] == '/'; n--)
                f->node_url[n - 1] = '\0';
        return true;
}

/* Documents */

static json_t *config_document(const Front *f)
{
        const ModeNow *n = front_mode(f);
        const char *selling = mode_selling(n, f->node_url),
                   *banner = banner_trouble(selling, "en") ?: n->message;
        json_t *j = json_object();

        json_put(j, "paymentMode", json_string(n->payment));
        json_put(j, "stripeEnabled", json_boolean(streq(n->payment, "primary")));
        json_put(j, "cryptoEnabled", json_boolean(streq(n->payment, "crypto")));
        json_put(j, "checkoutRoute", json_string(n->checkout));
        json_put(j, "healthyNode", f->node_url ? json_string_or_null(f->node_url) : json_null());
        json_put(j, "networkEnabled", json_boolean(may_choose(f)));
        json_put(j, "selling", json_string(selling));
        json_put(j, "banner", *banner ? json_string_or_null(banner) : json_null());
        json_put(j, "since", *n->since ? json_string_or_null(n->since) : json_null());
        json_put(j, "stale", json_boolean(n->stale));
        return json_whole(j);
}

static json_t *mode_document(const ModeNow *n)
{
        json_t *j = json_object();

        json_put(j, "mode", n->known ? json_string_or_null(n->mode) : json_null());
        json_put(j, "first", json_boolean(n->first));
        json_put(j, "paymentMode", json_string(n->payment));
        json_put(j, "since", *n->since ? json_string_or_null(n->since) : json_null());
        json_put(j, "change", *n->change ? json_string_or_null(n->change) : json_null());
        return json_whole(j);
}

static json_t *health_document(const Front *f)
{
        const ModeNow *n = front_mode(f);
        json_t *j = mode_document(n);

        if (!j)
                return NULL;
        json_put(j, "success", json_boolean(n->first));
        if (!n->first) {
                _cleanup_free_ char *error = string_printf("this shop runs in its fallback mode `%s`%s%s",
                                                           n->mode, *n->message ? ": " : "", n->message);
                json_put(j, "error", json_string_or_null(error));
        }
        json_put(j, "stale", json_boolean(n->stale));
        return json_whole(j);
}

/* False: no memory. */
static bool page_print(Page *p, json_t *document)
{
        _cleanup_json_ json_t *owned = document;
        char *text = NULL;

        if (!document || json_print(document, &text) < 0)
                return false;
        free(p->text);
        p->text = text;
        p->size = strlen(text);
        http_etag_make(p->etag, text, p->size);
        return true;
}

static void print(Front *f)
{
        bool health = page_print(&f->health, health_document(f)),
             config = page_print(&f->config, config_document(f));

        f->outdated = !health || !config;
        events_state(f->events, "config", "", config_document(f));
}

/* What changed */

static json_t *peer_document(const Peer *p)
{
        json_t *j = json_object();

        json_put(j, "id", json_string_or_null(p->id));
        json_put(j, "name", json_string_or_null(p->name));
        json_put(j, "url", json_string_or_null(p->url));
        json_put(j, "status", json_string(peer_status_name(p->status)));
        json_put(j, "fallbackUrl", json_string_or_null(p->fallback_url));
        json_put(j, "since", json_timestamp(p->fallback_since_usec));
        json_put(j, "error", *p->error ? json_string_or_null(p->error) : json_null());
        return json_whole(j);
}

void front_on_peer(const Peer *peer, void *front)
{
        Front *f = front;

        if (node_update(f))
                print(f);
        events_state(f->events, "peer", peer->id, peer_document(peer));
}

static void tell_peers(Front *f)
{
        for (size_t i = 0; f->peers && i < peers_count(f->peers); i++) {
                const Peer *p = peers_at(f->peers, i);
                if (p->status != PEER_ACTIVE)
                        events_state(f->events, "peer", p->id, peer_document(p));
        }
}

/* The decision itself is failoverd's, which has logged it. */
static void log_mode(Front *f, const ModeNow *n)
{
        if (n->stale && !f->logged_stale)
                log_message(LOG_WARNING, MESSAGE_MODE_NOT_TOLD,
                            "the payment mode is not being told: %s; %s%s", n->trouble,
                            n->known ? "the last one holds: " : "primary is assumed",
                            n->known ? n->mode : "");
        else if (!n->stale && f->logged_stale)
                log_notice("the payment mode is being told again: %s", n->mode);
        else if (n->known && f->logged_mode && !streq(f->logged_mode, n->mode))
                log_notice("the payment mode is now %s (%s), before %s", n->mode, n->payment, f->logged_mode);
        f->logged_stale = n->stale;
        free(f->logged_mode);
        f->logged_mode = n->known ? strdup(n->mode) : NULL;
}

static void tell_mode(Front *f, const ModeNow *n)
{
        _cleanup_json_ json_t *j = mode_document(n);
        char *text = NULL;

        if (!j || json_print(j, &text) < 0)
                return;
        if (f->told_mode && !streq(f->told_mode, text))
                events_tell(f->events, "mode", json_incref(j));
        free(f->told_mode);
        f->told_mode = text;
}

void front_on_mode(const ModeNow *now, void *front)
{
        Front *f = front;

        print(f);
        tell_mode(f, now);
        log_mode(f, now);
}

void front_on_peers(Front *f)
{
        events_forget(f->events, "peer");
        tell_peers(f);
        node_update(f);
        print(f);
}

void front_attach(Front *f, const ModeFile *mode, Peers *peers)
{
        f->mode = mode;
        f->peers = peers;
        if (!mode && !peers)
                return; /* the end */
        node_update(f);
        print(f);
        if (!mode)
                return;
        tell_mode(f, front_mode(f));
        log_mode(f, front_mode(f));
}

/* Asked */

static FrontPage page_show(const Page *p, unsigned status)
{
        return (FrontPage){.text = p->text, .etag = p->etag, .size = p->size, .status = status};
}

FrontPage front_config(Front *f)
{
        if (f->outdated || node_update(f))
                print(f);
        return page_show(&f->config, 200);
}

const char *front_node(Front *f)
{
        front_config(f);
        return f->node_url;
}

FrontPage front_health(Front *f)
{
        if (f->outdated)
                print(f);
        return page_show(&f->health, front_mode(f)->first ? 200 : 503);
}

int front_new(Events *events, Front **ret)
{
        assert(events && ret);

        Front *f = calloc(1, sizeof(*f));
        if (!f)
                return -ENOMEM;
        f->events = events;
        print(f);
        if (!f->config.text || !f->health.text) {
                front_free(f);
                return -ENOMEM;
        }
        *ret = f;
        return 0;
}

Front *front_free(Front *f)
{
        if (!f)
                return NULL;
        free(f->node_id);
        free(f->node_url);
        free(f->config.text);
        free(f->health.text);
        free(f->told_mode);
        free(f->logged_mode);
        free(f);
        return NULL;
}
