/* SPDX-License-Identifier: MIT */
/* What the parts of Peers share: peers.c has them, peers_plan.c says who they are, peer_ask.c asks one of them, peer_check.c sees how they are,
 * peer_memory.c keeps what was learned. */
#pragma once

#include "base/worker.h"
#include "federation/peer_ask.h"

typedef struct PeerMemory PeerMemory;

struct Peers {
        sd_event *event;
        FetchClient *fetch;
        Peer **peers; /* in the order of their ids */
        size_t n_peers;
        uint64_t generation;
        bool enabled; /* others are asked at all */
        void (*on_change)(const Peer *peer, void *userdata);
        void *userdata;
        void (*on_fresh)(const Peer *peer, void *userdata);
        void (*on_back)(const Peer *peer, void *userdata);
        void *fresh_userdata, *back_userdata;
        char *own_origin;  /* of this node, if it is a mirror; NULL */
        char *node_header; /* X-Node-Id: … */
        uint64_t search_timeout_usec, check_interval_usec;
        size_t response_max;
        TAILQ_HEAD(, PeerAsk) asks; /* that nobody but us holds any more */
        sd_event_source *check_timer;
        uint64_t random;
        PeerMemory *memory;
};

static inline unsigned peer_fetch_flags(const Peer *peer)
{
        return FETCH_GUARD | FETCH_HTTP2 | (peer->registered ? 0 : FETCH_TRUST_HOST);
}
#define PEER_TRIAL_QUERY "q=book&query=book&limit=1"
/* Where a peer says that it is, not the operator: no address is exempt because it stands in the URL. */
#define PEER_FALLBACK_FLAGS (FETCH_GUARD | FETCH_HTTP2)

/* peers.c */
Peer *peer_new(Peers *peers, const PeerConfig *config); /* NULL: no memory */
void peer_drop(Peer *peer);                             /* from the table; who holds it still may go on */
/* What was learned of one. search: it was a search, not a check. usec: how long it took. */
void peer_note_answer(Peer *peer, bool search, uint64_t generation, uint64_t usec);
void peer_note_failure(Peer *peer, bool search, bool timed_out, const char *error);
void peer_note_generation(Peer *peer, uint64_t generation);
void peer_settle(Peer *peer); /* its status, as its breaker and last answer have it */
PeerStatus peer_status_of(const Peer *peer);
int peer_source_print(const Peer *peer, const char *name, unsigned revenue_share, char **ret);

/* peer_fallback.c */
bool peer_fallback_asks(const Peer *peer); /* it is searched there */
void peer_fallback_noted(Peer *peer, bool answers, bool heard);
void peer_fallback_check(Peer *peer); /* is it back? does it answer there? */
bool peers_mirrored(const Peers *p, const char *id);

/* peer_ask.c: does it answer searches at its fallback? Nobody waits for that. */
void peer_ask_fallback(Peer *peer);

/* peer_check.c */
#define PEER_CHECK_PATHS 4 /* routes that tell how a peer is */
int peer_checks_new(Peers *p);
void peer_checks_plan(Peers *p); /* after peers_configure() */
void peer_check_stop(Peer *peer);
void peer_check_now(Peer *peer);

/* peer_memory.c */
int peer_memory_new(Peers *p, const char *state_dir);
PeerMemory *peer_memory_free(PeerMemory *m); /* saves */
void peer_memory_recall(PeerMemory *m, Peer *peer);
void peer_memory_changed(PeerMemory *m);
