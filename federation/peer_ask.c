/* SPDX-License-Identifier: MIT */
/* One question to one peer: its breaker, its dialect, its deadline. */
#include "federation/peer_ask.h"

#include "base/clock.h"
#include "base/text.h"
#include "federation/peers_private.h"

#include <inttypes.h>

/* One that has no route for searches is asked again after so long. */
#define UNSEARCHED_USEC (10 * USEC_PER_MIN)
#define UNSEARCHED      "it has no route for searches"

#define LEAST_USEC (5 * USEC_PER_MSEC) /* no question is given less */

struct PeerAsk {
        Peer *peer;
        char *query;
        unsigned most;
        PeerAskDone done; /* NULL: nobody waits */
        void *userdata;
        Dialect dialect;
        unsigned n_tried;
        uint64_t began_usec, sent_usec;
        bool trial, waiting, left;
        bool at_fallback; /* it is asked there … */
        bool probing;     /* … to see whether that is of use, and nowhere else */
        bool heard;       /* something has answered, if not to the question */
        Fetch *fetch;
        sd_event_source *patience; /* while it waits for its turn, and then no more */
        TAILQ_ENTRY(PeerAsk) turn, entry;
};

const char *peer_outcome_name(PeerOutcome o)
{
        static const char *const names[] = {
                        [PEER_OK] = "ok",       [PEER_EMPTY] = "empty",     [PEER_TIMEOUT] = "timeout",
                        [PEER_ERROR] = "error", [PEER_SKIPPED] = "skipped",
        };

        assert((size_t) o < ELEMENTSOF(names));
        return names[o];
}

static int ask_go(PeerAsk *ask);

static bool is_too_late(const PeerAsk *ask)
{
        return clock_boot_usec() - ask->began_usec + LEAST_USEC > ask->peer->peers->search_timeout_usec;
}

/* The next ones may go. Whose time is all but over does not begin any more: that would be held against the peer. */
static void go_on(Peer *peer)
{
        PeerAsk *next;

        while (peer->running < PEER_RUNNING_MAX && (next = TAILQ_FIRST(&peer->waiting)) &&
               !is_too_late(next)) {
                TAILQ_REMOVE(&peer->waiting, next, turn);
                next->waiting = false;
                if (ask_go(next) < 0) { /* its patience ends at once */
                        (void) loop_timer_set_after(next->patience, 0);
                        return;
                }
                next->patience = loop_source_free(next->patience);
        }
}

static void ask_stop(PeerAsk *ask)
{
        if (ask->waiting) {
                TAILQ_REMOVE(&ask->peer->waiting, ask, turn);
                ask->waiting = false;
                go_on(ask->peer);
        }
        if (ask->fetch) {
                ask->fetch = fetch_free(ask->fetch);
                ask->peer->running--;
                go_on(ask->peer);
        }
}

PeerAsk *peer_ask_free(PeerAsk *ask)
{
        if (!ask)
                return NULL;
        ask_stop(ask);
        if (ask->trial)
                breaker_abandoned(&ask->peer->breaker);
        if (ask->left)
                TAILQ_REMOVE(&ask->peer->peers->asks, ask, entry);
        loop_source_free(ask->patience);
        peer_unref(ask->peer);
        free(ask->query);
        free(ask);
        return NULL;
}

void peer_ask_leave(PeerAsk *ask)
{
        ask->done = NULL;
        ask->left = true;
        TAILQ_INSERT_TAIL(&ask->peer->peers->asks, ask, entry);
}

static void ask_end(PeerAsk *ask, PeerOutcome outcome, PeerAnswer *answer, const char *error)
{
        PeerReply reply = {.outcome = outcome,
                           .answer = answer,
                           .error = error,
                           .usec = clock_boot_usec() - ask->began_usec};

        if (ask->done)
                ask->done(ask, &reply, ask->userdata); /* may free it */
        else
                peer_ask_free(ask);
}

/* Its breaker has opened while these waited for their turn. */
static void turn_away(Peer *peer)
{
        PeerAsk *ask;
        char why[sizeof(peer->error)];

        plain_copy(why, sizeof(why), peer->error);
        while ((ask = TAILQ_FIRST(&peer->waiting))) {
                TAILQ_REMOVE(&peer->waiting, ask, turn);
                ask->waiting = false;
                peer->skipped++;
                ask_end(ask, PEER_SKIPPED, NULL, why);
        }
}

static void ask_fail_ourselves(PeerAsk *ask, bool timed_out, const char *error);

/* What does not answer at its fallback may do so where it always is: the fallback may be a bare page for payments. */
static void ask_fail_elsewhere(PeerAsk *ask, bool timed_out, const char *error)
{
        Peer *peer = ask->peer;

        ask->at_fallback = false;
        peer_fallback_noted(peer, false, ask->heard);
        if (ask->probing || !ask->fetch || is_too_late(ask)) {
                ask_fail_ourselves(ask, timed_out, error);
                return;
        }
        ask->fetch = fetch_free(ask->fetch);
        peer->running--;
        ask->n_tried = 0;
        ask->sent_usec = 0;
        if (ask_go(ask) < 0) {
                go_on(peer);
                ask_fail_ourselves(ask, false, "out of memory");
        }
}

/* The peer is to blame. */
static void ask_fail(PeerAsk *ask, bool timed_out, const char *error)
{
        Peer *peer = ask->peer;
        char text[sizeof(peer->error)];

        if (ask->at_fallback) {
                ask_fail_elsewhere(ask, timed_out, error);
                return;
        }
        plain_copy(text, sizeof(text), error);
        ask_stop(ask);
        ask->trial = false;
        if (timed_out)
                peer->timed_out++;
        else
                peer->failed++;
        peer_note_failure(peer, true, timed_out, text);
        if (peer->breaker.state != BREAKER_CLOSED)
                turn_away(peer);
        ask_end(ask, timed_out ? PEER_TIMEOUT : PEER_ERROR, NULL, text);
}

/* We are: it says nothing of the peer. */
static void ask_fail_ourselves(PeerAsk *ask, bool timed_out, const char *error)
{
        char text[PEER_WHY_SIZE];

        plain_copy(text, sizeof(text), error);
        ask_stop(ask);
        if (ask->trial)
                breaker_abandoned(&ask->peer->breaker);
        ask->trial = false;
        ask_end(ask, timed_out ? PEER_TIMEOUT : PEER_ERROR, NULL, text);
}

void peer_ask_give_up(PeerAsk *ask, const char *why)
{
        if (ask->waiting) { /* for other questions of ours: this one it has not even heard */
                ask_fail_ourselves(ask, true, why);
                return;
        }
        if (ask->at_fallback) {
                ask->at_fallback = false;
                peer_fallback_noted(ask->peer, false, ask->heard);
                ask_fail_ourselves(ask, true, why);
                return;
        }
        ask->peer->straggler = true;
        ask_fail(ask, true, why);
}

/* It answers, but to be waited for it must be quicker. */
static bool is_straggling(const PeerAsk *ask, char text[static PEER_WHY_SIZE])
{
        uint64_t usec = clock_boot_usec() - ask->sent_usec;
        char duration[DURATION_SIZE];

        if (!ask->trial || !ask->peer->straggler || usec <= PEER_STRAGGLER_USEC)
                return false;
        snprintf(text, PEER_WHY_SIZE, "it takes %s, far longer than the others",
                 duration_format(duration, usec));
        return true;
}

static void ask_read(PeerAsk *ask, const FetchResult *result)
{
        Peer *peer = ask->peer;
        _cleanup_peer_answer_ PeerAnswer answer = {0};
        char text[PEER_WHY_SIZE];
        Error e;
        int r = dialect_parse(result->body, result->body_size, ask->most, &answer, &e);

        if (r == -ENOMEM) {
                ask_fail_ourselves(ask, false, "out of memory");
                return;
        }
        if (r < 0) {
                ask_fail(ask, false, e.text);
                return;
        }
        if (is_straggling(ask, text)) {
                ask_fail(ask, false, text);
                return;
        }
        if (ask->at_fallback)
                peer_fallback_noted(peer, true, true);
        peer->straggler = false;
        ask_stop(ask);
        ask->trial = false;
        peer->dialect = ask->dialect;
        peer->dialect_known = true;
        peer->answered++;
        if (answer.n_results == 0)
                peer->empty++;
        peer_note_answer(peer, true, answer.generation, clock_boot_usec() - ask->sent_usec);
        ask_end(ask, answer.n_results > 0 ? PEER_OK : PEER_EMPTY, &answer, "");
}

/* It is there, and what it has may be known from its export: nothing is held against it. */
static void ask_spare(PeerAsk *ask)
{
        Peer *peer = ask->peer;

        ask_stop(ask);
        ask->trial = false;
        peer->failed++;
        peer->unsearched_until_usec = clock_boot_usec() + UNSEARCHED_USEC;
        peer_note_answer(peer, true, 0, clock_boot_usec() - ask->sent_usec);
        ask_end(ask, PEER_ERROR, NULL, UNSEARCHED);
}

static void ask_status(PeerAsk *ask, const FetchResult *result)
{
        char text[80];

        if (!dialect_is_unknown(result->status)) {
                snprintf(text, sizeof(text), "%s (HTTP %u)",
                         result->status == 429   ? "it takes no more questions from us at the moment"
                         : result->status >= 500 ? "it cannot answer"
                         : result->status >= 400 ? "it refuses to answer"
                                                 : "no answer to a search",
                         result->status);
                ask_fail(ask, false, text);
                return;
        }
        if (++ask->n_tried == _DIALECT_MAX && (ask->peer->dialect_known || ask->at_fallback)) {
                ask_fail(ask, false, UNSEARCHED);
                return;
        }
        if (ask->n_tried == _DIALECT_MAX) {
                ask_spare(ask);
                return;
        }
        /* In the contract's order, but what is known to have worked first. */
        if (ask->n_tried == 1 && ask->peer->dialect_known)
                ask->dialect = ask->peer->dialect == 0 ? 1 : 0;
        else if (++ask->dialect == ask->peer->dialect && ask->peer->dialect_known)
                ask->dialect++;
        ask->fetch = fetch_free(ask->fetch);
        ask->peer->running--;
        if (ask_go(ask) < 0) {
                go_on(ask->peer);
                ask_fail_ourselves(ask, false, "out of memory");
        }
}

static void on_fetched(Fetch *f, const FetchResult *result, void *userdata)
{
        PeerAsk *ask = userdata;

        ask->heard = ask->heard || (result->error == FETCH_OK && result->status < 500);
        switch (result->error) {
        case FETCH_OK:
                if (result->status == 200)
                        ask_read(ask, result);
                else
                        ask_status(ask, result);
                return;
        case FETCH_LOCAL:
                ask_fail_ourselves(ask, false, result->message);
                return;
        case FETCH_REDIRECTS:
                ask_fail(ask, false, "redirects elsewhere");
                return;
        default:
                ask_fail(ask, result->error == FETCH_TIMEOUT, result->message);
        }
}

static int on_patience(sd_event_source *s, uint64_t usec, void *userdata)
{
        PeerAsk *ask = userdata;
        char text[80];

        snprintf(text, sizeof(text), "%u questions to it are under way already", ask->peer->running);
        ask_fail_ourselves(ask, true, text);
        return 0;
}

/* What it is worth waiting for when it is asked nothing else; beside other questions of ours it may take longer, since they are
 * its load, and ours. */
static uint64_t patience_usec(const PeerAsk *ask, uint64_t most)
{
        const Peer *peer = ask->peer;

        if (ask->trial)
                return most;
        return MIN(deadline_usec(&peer->latency, most) * (4 + peer->running) / 4, most);
}

/* Takes a place among the running; there must be one. */
static int ask_go(PeerAsk *ask)
{
        Peer *peer = ask->peer;
        const Peers *p = peer->peers;
        uint64_t now = clock_boot_usec(), end = ask->began_usec + p->search_timeout_usec,
                 patience = patience_usec(ask, p->search_timeout_usec);
        _cleanup_free_ char *url = NULL;
        const char *const headers[] = {p->node_header, "Accept: application/json", NULL};
        FetchRequest request = {
                        .headers = headers,
                        .response_max = p->response_max,
                        .redirects_max = 1, /* to https, mostly */
        };
        int r;

        ask->at_fallback = ask->at_fallback && peer->in_fallback && peer->fallback_url; /* it may be back */
        request.flags = ask->at_fallback ? PEER_FALLBACK_FLAGS : peer_fetch_flags(peer);
        url = string_printf("%s%s?%s", ask->at_fallback ? peer->fallback_url : peer->url,
                            dialect_path(ask->dialect), ask->query);
        if (!url)
                return -ENOMEM;
        request.url = url;
        if (ask->sent_usec == 0)
                ask->sent_usec = now;
        end = MIN(end, ask->sent_usec + patience); /* another dialect is tried within the same time */
        request.timeout_usec = MAX(end, now + LEAST_USEC) - now;
        r = fetch_start(p->fetch, &request, on_fetched, ask, &ask->fetch);
        if (r >= 0)
                peer->running++;
        return r;
}

static int ask_wait(PeerAsk *ask)
{
        int r = loop_timer_new(ask->peer->peers->event, "peer's turn", on_patience, ask, &ask->patience);

        if (r >= 0)
                r = loop_timer_set_after(ask->patience, ask->peer->peers->search_timeout_usec);
        if (r < 0)
                return r;
        ask->waiting = true;
        TAILQ_INSERT_TAIL(&ask->peer->waiting, ask, turn);
        return 0;
}

static void say_skipped(const Peer *peer, uint64_t now, char ret[static PEER_WHY_SIZE])
{
        const Breaker *b = &peer->breaker;
        char left[DURATION_SIZE];

        if (b->state == BREAKER_OPEN && b->until_usec > now)
                snprintf(ret, PEER_WHY_SIZE, "%s; asked again in %s", peer->error,
                         duration_format(left, MAX((b->until_usec - now) / USEC_PER_SEC, UINT64_C(1)) *
                                                               USEC_PER_SEC));
        else
                snprintf(ret, PEER_WHY_SIZE, "%s; being tried again", peer->error);
}

int peer_ask_start(Peer *peer, const char *query, unsigned most, PeerAskDone done, void *userdata,
                   PeerAsk **ret, char ret_why[static PEER_WHY_SIZE])
{
        uint64_t now = clock_boot_usec();
        BreakerVerdict verdict = breaker_ask(&peer->breaker, now);
        _cleanup_(peer_ask_freep) PeerAsk *ask = NULL;
        int r;

        if (now < peer->unsearched_until_usec) {
                if (verdict == BREAKER_TRY)
                        breaker_abandoned(&peer->breaker);
                peer->skipped++;
                snprintf(ret_why, PEER_WHY_SIZE, "%s", UNSEARCHED);
                return -EAGAIN;
        }
        if (verdict == BREAKER_SKIP) {
                peer->skipped++;
                say_skipped(peer, now, ret_why);
                return -EAGAIN;
        }
        ask = calloc(1, sizeof(*ask));
        if (!ask) {
                if (verdict == BREAKER_TRY)
                        breaker_abandoned(&peer->breaker);
                return -ENOMEM;
        }
        *ask = (PeerAsk){
                        .peer = peer_ref(peer),
                        .query = strdup(query),
                        .most = most,
                        .done = done,
                        .userdata = userdata,
                        .dialect = peer->dialect_known ? peer->dialect : DIALECT_SEARCH,
                        .began_usec = now,
                        .trial = verdict == BREAKER_TRY,
                        .at_fallback = peer_fallback_asks(peer),
        };
        if (!ask->query)
                return -ENOMEM;
        r = peer->running < PEER_RUNNING_MAX ? ask_go(ask) : ask_wait(ask);
        if (r < 0)
                return r;
        peer->asked++;
        r = ask->trial;
        *ret = TAKE_PTR(ask);
        return r;
}

void peer_ask_fallback(Peer *peer)
{
        PeerAsk *ask = calloc(1, sizeof(*ask));

        if (!ask || peer->running >= PEER_RUNNING_MAX) { /* at the next check */
                free(ask);
                return;
        }
        *ask = (PeerAsk){
                        .peer = peer_ref(peer),
                        .query = strdup(PEER_TRIAL_QUERY),
                        .most = 1,
                        .dialect = peer->dialect_known ? peer->dialect : DIALECT_SEARCH,
                        .began_usec = clock_boot_usec(),
                        .at_fallback = true,
                        .probing = true,
        };
        if (!ask->query || ask_go(ask) < 0)
                peer_ask_free(ask);
        else
                peer_ask_leave(ask);
}
