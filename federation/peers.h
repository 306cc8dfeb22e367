/* SPDX-License-Identifier: MIT */
/* The other nodes, as this one knows them: who they are (configured, or accepted in the registry), and what own measurement says of
 * them. What was learned survives reloads, and (dialect, latency) restarts. */
#pragma once

#include "base/fetch.h"
#include "base/json.h"
#include "federation/breaker.h"
#include "federation/config.h"
#include "federation/deadline.h"
#include "federation/dialect.h"

#include <sys/queue.h>

typedef enum PeerStatus {
        PEER_ACTIVE,
        PEER_FALLBACK, /* by its own signed word: buyers go to its fallback_url */
        PEER_SUSPECT,  /* its last answer failed, or none has come yet */
        PEER_FAILED,   /* its breaker is open */
} PeerStatus;
const char *peer_status_name(PeerStatus s);

typedef struct Peers Peers;
typedef struct Members Members;
typedef struct Peer {  /* owned by Peers; stays where it is until peers_configure() drops it */
        unsigned refs; /* a search that is under way holds it */
        char *id, *name, *url;
        char *mirror_of; /* a mirror's: the id of its origin; NULL */
        NodeType type;
        unsigned revenue_share;
        PeerStatus status;
        Breaker breaker;
        Latency latency; /* of searches */
        Dialect dialect;
        bool dialect_known;
        uint64_t unsearched_until_usec; /* boot: it answers, but has never had a route for searches */
        uint64_t generation;            /* of its catalog, as its answers and checks say; 0: they do not */
        uint64_t listings;
        uint64_t seen_usec; /* wall time of its last good answer; 0: never */
        uint64_t rtt_usec;  /* of that one */
        char error[160];    /* of the last bad one; "" when the last was good */

        /* By its own signed word: its first mode has failed. */
        bool in_fallback;
        char *fallback_url;           /* where its buyers go meanwhile; NULL: nowhere */
        uint64_t fallback_since_usec; /* wall, as it says */
        bool fallback_answers;        /* searches, there: it is asked there, not at its url */
        bool fallback_heard;          /* something answers there; until it has been tried: its word */
        /* for /metrics: searches */
        uint64_t asked, answered, empty, failed, timed_out, skipped;

        /* As they stand in each of its results: `,"networkId":"ID-default-` and `,"source_node":…,"revenue_share_pct":n`. */
        char *network_id, *source;
        bool dropped;    /* by peers_configure() */
        bool registered; /* its address is its own word, and guarded; else the operator's */

        /* Of peer_ask.c. */
        unsigned running;
        bool straggler; /* was given up, since it was far slower than the others */
        TAILQ_HEAD(, PeerAsk) waiting;

        /* Of peer_check.c. */
        Fetch *check;
        unsigned check_path, checks_tried;
        bool check_known, check_heard, search_failed, greeted;
        uint64_t check_due_usec, checked_usec;
        Fetch *back_check; /* of peer_fallback.c */
        Peers *peers;
} Peer;

/* fetch: guarded by network.allow_private_peers; an address that stands in a configured peer's URL is the operator's word and
 * exempt. state_dir: where what was learned is kept (peers.json), written by a thread, at most once a minute and at the end.
 * Every check_interval each peer is asked how it is; one whose breaker is open is tried by a search, so that it comes back
 * without anybody having to search. */
int peers_new(sd_event *event, FetchClient *fetch, const char *state_dir, Peers **ret);
Peers *peers_free(Peers *p);
DEFINE_CLEANUP(Peers, peers_free)
/* Takes peers over from the configuration, but those that are banned, and up to network.search_max in all from the registry, those
 * that were accepted first. Who has the same id and URL keeps what is known of it. All or nothing. Never this node itself (by id or
 * URL). members: NULL: the configuration alone. */
int peers_configure(Peers *p, const Config *config, const Members *members, Error *e);
bool peers_enabled(const Peers *p); /* network.enabled: false, and nobody is asked how it is, either */
size_t peers_count(const Peers *p);
Peer *peers_at(Peers *p, size_t i); /* in the order of their ids */
static inline bool peer_is_online(const Peer *p)
{
        return p->seen_usec > 0 && (p->status == PEER_ACTIVE || p->status == PEER_FALLBACK);
}
Peer *peer_ref(Peer *p);
Peer *peer_unref(Peer *p);
/* Grows when any peer's catalog is seen to have changed, or the set of peers is another. */
uint64_t peers_generation(const Peers *p);
/* The best other shop to send buyers to: full, active before one in fallback that has a place for them, quickest; NULL: none, or
 * nobody is asked. */
const Peer *peers_healthy(const Peers *p);
/* For `failoverctl peers`: {"peers": [{"id", "name", "url", "type", "status", "revenue_share_pct", "listings", "generation",
 * "seen": timestamp or null, "latency_ms": of the last good answer, or null, "p95_ms", "deadline_ms", "breaker", "asked_again_s":
 * when an open breaker lets it be asked, or null, "search_path" or null, "error": text or null, "asked", "answered", "empty",
 * "timed_out", "failed", "skipped", "mirror_of" or null, "fallback": null, or {"since", "url": or null, "searched": there, "heard"}}]}.
 * NULL: no memory. */
json_t *peers_document(const Peers *p);
Peer *peers_find(const Peers *p, const char *id); /* NULL */

/* --- what peers say of themselves, signed (inbox.c) --- */

/* Its first mode has failed: from now on its buyers go to url (NULL or "": nowhere), and what was answered before is not given
 * again. It is searched there, too, as soon as it was seen to answer there, and at its own url until then. since: wall, as it
 * says. Nobody of that name: nothing happens. */
void peers_failed(Peers *p, const char *id, const char *url, uint64_t since_usec);
/* It is back: asked again at once, whatever its breaker says. */
void peers_back(Peers *p, const char *id);
/* Where its buyers go now, without final slash; NULL: nowhere, it has failed and has named no place. */
const char *peer_buyers_url(const Peer *p);
/* Told of each peer that is new (peers_configure()), so that what it has said before can be said to it again. */
void peers_on_fresh(Peers *p, void (*fn)(const Peer *peer, void *userdata), void *userdata);
/* Told when one that is in fallback is seen to be back though it has not said so: /api/health at its url says that it runs in its
 * first mode, and has since after it failed. Whoever is told calls peers_back(). */
void peers_on_back(Peers *p, void (*fn)(const Peer *peer, void *userdata), void *userdata);

/* --- what it is, by type --- */

/* Is it searched at all? An affiliate has no catalog; a mirror is asked while its origin has failed, or has nowhere to send buyers. */
bool peer_is_searched(const Peer *p);
/* Whether this one, by its id, has failed so: false for who is not known. */
bool peers_origin_failed(const Peers *p, const char *origin);
/* Is this node a mirror whose origin is well, so that its own books are nobody's concern? */
bool peers_stand_by(const Peers *p, const NodeConfig *node);
/* Called whenever a peer's status becomes another. */
void peers_on_change(Peers *p, void (*fn)(const Peer *peer, void *userdata), void *userdata);
