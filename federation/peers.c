/* SPDX-License-Identifier: MIT */
/* The other nodes, and what is known of them. Who they are: peers_plan.c. */
#include "federation/peers.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/text.h"
#include "federation/peers_private.h"

const char *peer_status_name(PeerStatus s)
{
        static const char *const names[] = {
                        [PEER_ACTIVE] = "active",
                        [PEER_FALLBACK] = "fallback",
                        [PEER_SUSPECT] = "suspect",
                        [PEER_FAILED] = "failed",
        };

        assert((size_t) s < ELEMENTSOF(names));
        return names[s];
}

/* --- one peer --- */

Peer *peer_ref(Peer *p)
{
        p->refs++;
        return p;
}

Peer *peer_unref(Peer *p)
{
        if (!p || --p->refs > 0)
                return NULL;
        assert(p->running == 0);
        peer_check_stop(p);
        fetch_free(p->back_check);
        free(p->id);
        free(p->mirror_of);
        free(p->name);
        free(p->url);
        free(p->fallback_url);
        free(p->network_id);
        free(p->source);
        free(p);
        return NULL;
}

Peer *peer_new(Peers *peers, const PeerConfig *c)
{
        Peer *p = calloc(1, sizeof(*p));

        if (!p)
                return NULL;
        p->refs = 1;
        p->peers = peers;
        p->status = PEER_SUSPECT;
        snprintf(p->error, sizeof(p->error), "not asked yet");
        TAILQ_INIT(&p->waiting);
        breaker_init(&p->breaker, random_next(&peers->random));
        p->id = strdup(c->id);
        p->url = strdup(c->url);
        return p->id && p->url ? p : peer_unref(p);
}

/* Own measurement comes first: one that says that its buyers can pay elsewhere, where nothing answers, has failed. */
PeerStatus peer_status_of(const Peer *peer)
{
        bool closed = peer->breaker.state == BREAKER_CLOSED;

        if (peer->in_fallback)
                return closed || peer->fallback_heard ? PEER_FALLBACK : PEER_FAILED;
        if (!closed)
                return PEER_FAILED;
        return *peer->error ? PEER_SUSPECT : PEER_ACTIVE;
}

void peer_settle(Peer *peer)
{
        PeerStatus old = peer->status;

        peer->status = peer_status_of(peer);
        if (peer->status == old || peer->dropped)
                return;
        if (peers_mirrored(peer->peers, peer->id)) /* who is asked is another now */
                peer->peers->generation++;
        if (peer->peers->on_change)
                peer->peers->on_change(peer, peer->peers->userdata);
}

void peer_note_generation(Peer *peer, uint64_t generation)
{
        if (generation == 0 || generation == peer->generation)
                return;
        peer->generation = generation;
        if (!peer->dropped)
                peer->peers->generation++;
}

void peer_note_answer(Peer *peer, bool search, uint64_t generation, uint64_t usec)
{
        peer->seen_usec = clock_wall_usec();
        peer->rtt_usec = usec;
        if (search) {
                latency_add(&peer->latency, usec);
                peer->search_failed = false;
        }
        if (!peer->search_failed) { /* else it answers, but not what we need it for */
                peer->error[0] = '\0';
                breaker_succeeded(&peer->breaker);
        }
        peer_note_generation(peer, generation);
        if (peer->dropped)
                return;
        peer_memory_changed(peer->peers->memory);
        peer_settle(peer);
}

void peer_note_failure(Peer *peer, bool search, bool timed_out, const char *error)
{
        if (search) {
                peer->search_failed = true;
                if (timed_out)
                        latency_gave_up(&peer->latency);
        }
        plain_copy(peer->error, sizeof(peer->error), error);
        breaker_failed(&peer->breaker, clock_boot_usec());
        if (!peer->dropped)
                peer_settle(peer);
}

/* source_url is where buyers go: "" when that is nowhere. */
int peer_source_print(const Peer *peer, const char *name, unsigned revenue_share, char **ret)
{
        _cleanup_text_ Text t = {0};

        text_add_string(&t, ",\"source_node\":");
        text_add_json(&t, peer->id);
        text_add_string(&t, ",\"source_name\":");
        text_add_json(&t, name);
        text_add_string(&t, ",\"source_url\":");
        text_add_json(&t, peer_buyers_url(peer) ?: "");
        if (peer->in_fallback)
                text_add_string(&t, ",\"source_status\":\"fallback\"");
        text_add(&t, ",\"revenue_share_pct\":%u", revenue_share);
        return text_take(&t, ret);
}

/* --- all of them --- */

int peers_new(sd_event *event, FetchClient *fetch, const char *state_dir, Peers **ret)
{
        Peers *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->event = sd_event_ref(event);
        p->fetch = fetch;
        p->generation = 1;
        p->random = random_seed();
        TAILQ_INIT(&p->asks);
        r = peer_memory_new(p, state_dir);
        if (r >= 0)
                r = peer_checks_new(p);
        if (r < 0) {
                peers_free(p);
                return r;
        }
        *ret = p;
        return 0;
}

void peer_drop(Peer *peer)
{
        peer->dropped = true;
        peer_check_stop(peer);
        peer_unref(peer);
}

Peers *peers_free(Peers *p)
{
        PeerAsk *ask;

        if (!p)
                return NULL;
        p->on_change = NULL;
        while ((ask = TAILQ_FIRST(&p->asks)))
                peer_ask_free(ask);
        peer_memory_free(p->memory); /* saves what is known of them */
        for (size_t i = 0; i < p->n_peers; i++)
                peer_drop(p->peers[i]);
        free(p->peers);
        free(p->node_header);
        free(p->own_origin);
        loop_source_free(p->check_timer);
        sd_event_unref(p->event);
        free(p);
        return NULL;
}

Peer *peers_find(const Peers *p, const char *id)
{
        size_t from = 0, to = p->n_peers;

        while (from < to) {
                size_t i = from + (to - from) / 2;
                int order = strcmp(p->peers[i]->id, id);

                if (order == 0)
                        return p->peers[i];
                if (order < 0)
                        from = i + 1;
                else
                        to = i;
        }
        return NULL;
}

size_t peers_count(const Peers *p)
{
        return p->n_peers;
}

Peer *peers_at(Peers *p, size_t i)
{
        assert(i < p->n_peers);

        return p->peers[i];
}

bool peers_enabled(const Peers *p)
{
        return p->enabled;
}

uint64_t peers_generation(const Peers *p)
{
        return p->generation;
}

void peers_on_change(Peers *p, void (*fn)(const Peer *peer, void *userdata), void *userdata)
{
        p->on_change = fn;
        p->userdata = userdata;
}

static bool may_serve(const Peer *peer)
{
        return peer->type == NODE_FULL &&
               (peer->status == PEER_ACTIVE || (peer->status == PEER_FALLBACK && peer_buyers_url(peer)));
}

const Peer *peers_healthy(const Peers *p)
{
        const Peer *best = NULL;

        for (size_t i = 0; p->enabled && i < p->n_peers; i++) {
                const Peer *peer = p->peers[i];

                if (may_serve(peer) &&
                    (!best || (peer->status == best->status ? peer->rtt_usec < best->rtt_usec
                                                            : peer->status == PEER_ACTIVE)))
                        best = peer;
        }
        return best;
}

static json_t *fallback_document(const Peer *peer)
{
        json_t *j = json_object();

        json_put(j, "since", json_timestamp(peer->fallback_since_usec));
        json_put(j, "url", json_string_or_null(peer->fallback_url));
        json_put(j, "searched", json_boolean(peer->fallback_answers));
        json_put(j, "heard", json_boolean(peer->fallback_heard));
        return j;
}

static json_t *peer_document(const Peers *p, const Peer *peer)
{
        uint64_t now = clock_boot_usec();
        const Breaker *b = &peer->breaker;
        json_t *j = json_object();

        json_put(j, "id", json_string_or_null(peer->id));
        json_put(j, "name", json_string_or_null(peer->name));
        json_put(j, "url", json_string_or_null(peer->url));
        json_put(j, "type", json_string_or_null(node_type_name(peer->type)));
        json_put(j, "status", json_string_or_null(peer_status_name(peer->status)));
        json_put(j, "revenue_share_pct", json_integer(peer->revenue_share));
        json_put(j, "listings", json_integer((json_int_t) peer->listings));
        json_put(j, "generation", json_integer((json_int_t) peer->generation));
        json_put(j, "seen", json_timestamp(peer->seen_usec));
        json_put(j, "latency_ms",
                 peer->rtt_usec > 0 ? json_real((double) peer->rtt_usec / 1e3) : json_null());
        json_put(j, "p95_ms", json_real((double) latency_percentile(&peer->latency, 95) / 1e3));
        json_put(j, "deadline_ms",
                 json_real((double) deadline_usec(&peer->latency, p->search_timeout_usec) / 1e3));
        json_put(j, "breaker", json_string_or_null(breaker_state_name(b->state)));
        json_put(j, "asked_again_s",
                 b->state == BREAKER_OPEN && b->until_usec > now
                                 ? json_real((double) (b->until_usec - now) / 1e6)
                                 : json_null());
        json_put(j, "search_path",
                 json_string_or_null(peer->dialect_known ? dialect_path(peer->dialect) : NULL));
        json_put(j, "error", json_string_or_null(*peer->error ? peer->error : NULL));
        json_put(j, "asked", json_integer((json_int_t) peer->asked));
        json_put(j, "answered", json_integer((json_int_t) peer->answered));
        json_put(j, "empty", json_integer((json_int_t) peer->empty));
        json_put(j, "timed_out", json_integer((json_int_t) peer->timed_out));
        json_put(j, "failed", json_integer((json_int_t) peer->failed));
        json_put(j, "skipped", json_integer((json_int_t) peer->skipped));
        json_put(j, "mirror_of", json_string_or_null(peer->mirror_of));
        json_put(j, "fallback", peer->in_fallback ? fallback_document(peer) : json_null());
        return j;
}

json_t *peers_document(const Peers *p)
{
        json_t *j = json_object(), *list = json_array();

        for (size_t i = 0; i < p->n_peers; i++)
                json_add(list, peer_document(p, p->peers[i]));
        json_put(j, "peers", list);
        return json_whole(j);
}
