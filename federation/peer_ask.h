/* SPDX-License-Identifier: MIT */
/* One question to one peer: whether it is asked at all, in which dialect, and for how long it is waited for. What comes of it is
 * noted with the peer. */
#pragma once

#include "federation/peers.h"

#define PEER_RUNNING_MAX 16 /* requests to one peer at once; more wait, within their deadline */

typedef struct PeerAsk PeerAsk; /* holding it: in flight */

typedef enum PeerOutcome {
        PEER_OK,
        PEER_EMPTY,
        PEER_TIMEOUT,
        PEER_ERROR,
        PEER_SKIPPED,
} PeerOutcome;
const char *peer_outcome_name(PeerOutcome o);

typedef struct PeerReply {
        PeerOutcome outcome;
        PeerAnswer *answer; /* OK and EMPTY; may be taken over by peer_answer_take() */
        const char *error;  /* for people; "" */
        uint64_t usec;
} PeerReply;

/* Called once, never from within peer_ask_start(), and may free the ask. */
typedef void (*PeerAskDone)(PeerAsk *ask, const PeerReply *reply, void *userdata);

/* query: question_to_query(), copied. most: results that are taken. 0; 1: it is the trial of a peer that was given up, which
 * nobody should wait for (it gets all of network.search_timeout); -EAGAIN: not asked, ret_why (of PEER_WHY_SIZE) says why. */
#define PEER_WHY_SIZE 240
int peer_ask_start(Peer *peer, const char *query, unsigned most, PeerAskDone done, void *userdata,
                   PeerAsk **ret, char ret_why[static PEER_WHY_SIZE]);
/* Cancels. It says nothing of the peer then. */
PeerAsk *peer_ask_free(PeerAsk *ask);
DEFINE_CLEANUP(PeerAsk, peer_ask_free)
/* It goes on to its end for what is learned by it; done() will not be called. */
void peer_ask_leave(PeerAsk *ask);
/* Nobody waits any longer, and it is the peer's fault, unless we have not let it have its turn: done() is called from within,
 * with PEER_TIMEOUT. */
void peer_ask_give_up(PeerAsk *ask, const char *why);
/* A peer that was given up so comes back only when it answers within this. */
#define PEER_STRAGGLER_USEC (300 * USEC_PER_MSEC)
