/* SPDX-License-Identifier: MIT */
/* A peer that has said, signed, that its first mode has failed: where its buyers go meanwhile, where it is searched, and how it is
 * seen to be back when it never says so. */
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "federation/peers_private.h"

#define ANSWER_MAX (16 * 1024)

const char *peer_buyers_url(const Peer *p)
{
        return p->in_fallback ? p->fallback_url : p->url;
}

bool peer_fallback_asks(const Peer *p)
{
        return p->in_fallback && p->fallback_url && p->fallback_answers;
}

/* Of a search, there. heard: something answers at this address, be it a bare page for payments. */
void peer_fallback_noted(Peer *p, bool answers, bool heard)
{
        if (!p->in_fallback)
                return;
        p->fallback_answers = answers;
        p->fallback_heard = heard;
        peer_settle(p);
}

static void tell(Peer *p)
{
        Peers *all = p->peers;
        char *source;

        if (peer_source_print(p, p->name, p->revenue_share, &source) >= 0) {
                free(p->source);
                p->source = source;
        }
        all->generation++; /* answers from before would send buyers where they cannot pay any more */
        if (all->on_change && !p->dropped)
                all->on_change(p, all->userdata);
}

static void peer_failed(Peer *p, const char *url, uint64_t since_usec)
{
        char *copy = url && *url ? strdup(url)
                                 : NULL; /* without memory: nowhere, rather than to where it has failed */

        free(p->fallback_url);
        p->fallback_url = copy;
        p->in_fallback = true;
        p->fallback_since_usec = since_usec;
        p->fallback_answers = false; /* not known yet: nobody's search waits for it to be found out */
        p->fallback_heard = copy != NULL;
        breaker_close(&p->breaker);
        p->status = peer_status_of(p);
        tell(p);
        peer_check_now(p);
}

static void peer_back(Peer *p)
{
        if (!p->in_fallback)
                return;
        p->in_fallback = false;
        p->fallback_answers = p->fallback_heard = false;
        p->fallback_since_usec = 0;
        free(TAKE_PTR(p->fallback_url));
        p->back_check = fetch_free(p->back_check);
        breaker_close(&p->breaker);
        p->status = peer_status_of(p);
        tell(p);
        peer_check_now(p);
}

void peers_failed(Peers *p, const char *id, const char *url, uint64_t since_usec)
{
        Peer *peer = peers_find(p, id);

        if (peer)
                peer_failed(peer, url, since_usec);
}

void peers_back(Peers *p, const char *id)
{
        Peer *peer = peers_find(p, id);

        if (peer)
                peer_back(peer);
}

/* --- is it back, though nobody has said so? --- */

/* What its own federationd says at /api/health: it runs in its first mode, and has begun to after it failed. */
static bool is_evidence(const Peer *p, const FetchResult *result)
{
        _cleanup_json_ json_t *j = NULL;
        uint64_t since;

        if (result->error != FETCH_OK || result->status != 200 ||
            json_parse(result->body, result->body_size, &j, NULL) < 0)
                return false;
        const char *text = json_string_value(json_object_get(j, "since"));

        return json_is_true(json_object_get(j, "first")) && json_is_false(json_object_get(j, "stale")) &&
               text && timestamp_parse(text, &since) >= 0 && since > p->fallback_since_usec;
}

static void on_back(Fetch *f, const FetchResult *result, void *userdata)
{
        Peer *p = userdata;
        Peers *all = p->peers;
        bool back = is_evidence(p, result);

        p->back_check = fetch_free(p->back_check);
        if (!back || !p->in_fallback)
                return;
        if (all->on_back)
                all->on_back(p, all->back_userdata);
        else
                peer_back(p);
}

void peer_fallback_check(Peer *p)
{
        const Peers *all = p->peers;
        _cleanup_free_ char *url = string_printf("%s/api/health", p->url);
        const char *const headers[] = {all->node_header, "Accept: application/json", NULL};
        FetchRequest request = {
                        .url = url,
                        .headers = headers,
                        .timeout_usec = all->search_timeout_usec,
                        .response_max = ANSWER_MAX,
                        .flags = peer_fetch_flags(p),
        };

        if (url && !p->back_check)
                (void) fetch_start(all->fetch, &request, on_back, p, &p->back_check);
        if (p->fallback_url && !p->fallback_answers)
                peer_ask_fallback(p);
}

void peers_on_back(Peers *p, void (*fn)(const Peer *peer, void *userdata), void *userdata)
{
        p->on_back = fn;
        p->back_userdata = userdata;
}

void peers_on_fresh(Peers *p, void (*fn)(const Peer *peer, void *userdata), void *userdata)
{
        p->on_fresh = fn;
        p->fresh_userdata = userdata;
}

/* --- which of them are asked --- */

bool peers_origin_failed(const Peers *p, const char *origin)
{
        const Peer *peer = origin ? peers_find(p, origin) : NULL;

        return peer && (peer->status == PEER_FAILED || !peer_buyers_url(peer));
}

bool peer_is_searched(const Peer *peer)
{
        return peer->type == NODE_FULL ||
               (peer->type == NODE_MIRROR && peers_origin_failed(peer->peers, peer->mirror_of));
}

bool peers_stand_by(const Peers *p, const NodeConfig *node)
{
        return node->type == NODE_MIRROR && !peers_origin_failed(p, node->mirror_of);
}

bool peers_mirrored(const Peers *p, const char *id)
{
        if (p->own_origin && streq(p->own_origin, id))
                return true;
        for (size_t i = 0; i < p->n_peers; i++)
                if (p->peers[i]->type == NODE_MIRROR && p->peers[i]->mirror_of &&
                    streq(p->peers[i]->mirror_of, id))
                        return true;
        return false;
}
