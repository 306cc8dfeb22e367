/* SPDX-License-Identifier: MIT */
/* How are they? Each peer is asked in the background, now and then, so that its status is known when nobody searches. */
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "federation/peers_private.h"

/* A new peer is asked within this, so that its status settles soon; one that has just failed is asked again after it. */
#define SOON_USEC  (3 * USEC_PER_SEC)
#define ANSWER_MAX (64 * 1024)

static const char *const paths[PEER_CHECK_PATHS] = {"/api/stats", "/api/store/info", "/federation/status",
                                                    "/api/health"};

void peer_check_stop(Peer *peer)
{
        peer->check = fetch_free(peer->check);
}

static void plan_next(Peers *p)
{
        uint64_t next = USEC_NEVER;

        for (size_t i = 0; i < p->n_peers && p->check_interval_usec > 0; i++)
                next = MIN(next, p->peers[i]->check_due_usec);
        (void) loop_timer_set(p->check_timer, next);
}

static uint64_t in_about(Peers *p, uint64_t usec)
{
        return clock_boot_usec() + (uint64_t) ((double) usec * (0.9 + random_fraction(&p->random) / 5));
}

static void check_ended(Peer *peer, const char *error, bool timed_out, uint64_t usec)
{
        Peers *p = peer->peers;
        char text[sizeof(peer->error)];

        snprintf(text, sizeof(text), "%s", error ? error : "");
        peer_check_stop(peer);
        if (error)
                peer_note_failure(peer, false, timed_out, text);
        else
                peer_note_answer(peer, false, 0, usec);
        if (error && peer->breaker.state == BREAKER_CLOSED)
                peer->check_due_usec = MIN(peer->check_due_usec, in_about(p, SOON_USEC));
        plan_next(p);
}

/* Where our own nodes, and others, have them. */
static uint64_t number_at(const json_t *j, const char *const keys[])
{
        for (; *keys; keys++) {
                const json_t *n = json_at(j, *keys);

                if (json_is_integer(n) && json_integer_value(n) >= 0)
                        return (uint64_t) json_integer_value(n);
        }
        return 0;
}

static bool read_answer(Peer *peer, const FetchResult *result)
{
        static const char *const books[] = {"stats.totalBooks", "totalBooks", "store.totalBooks", NULL},
                                 *const generations[] = {"generation", "stats.generation", NULL};
        json_t *j = NULL;
        uint64_t n;

        if (json_parse(result->body, result->body_size, &j, NULL) < 0 || !json_is_object(j)) {
                json_decref(j);
                return false;
        }
        n = number_at(j, books);
        if (n > 0 || peer->check_path == 0)
                peer->listings = n;
        peer_note_generation(peer, number_at(j, generations));
        json_decref(j);
        return true;
}

static int ask_next(Peer *peer);

static void on_checked(Fetch *f, const FetchResult *result, void *userdata)
{
        Peer *peer = userdata;
        char error[160];
        uint64_t usec = result->total_usec;

        if (result->error != FETCH_OK) {
                if (result->error == FETCH_LOCAL) { /* not its fault */
                        peer_check_stop(peer);
                        plan_next(peer->peers);
                } else
                        check_ended(peer, result->message, result->error == FETCH_TIMEOUT, usec);
                return;
        }
        if (result->status / 100 == 2 && read_answer(peer, result)) {
                peer->check_known = true;
                check_ended(peer, NULL, false, usec);
                return;
        }
        peer->check_heard = peer->check_heard || result->status < 500;
        if (++peer->checks_tried == ELEMENTSOF(paths)) {
                peer->check_known = false;
                snprintf(error, sizeof(error), "it cannot answer (HTTP %u)", result->status);
                check_ended(peer, peer->check_heard ? NULL : error, false, usec);
                return;
        }
        peer->check_path = (peer->check_path + 1) % ELEMENTSOF(paths);
        peer_check_stop(peer);
        if (ask_next(peer) < 0)
                plan_next(peer->peers);
}

static int ask_next(Peer *peer)
{
        const Peers *p = peer->peers;
        bool elsewhere = peer_fallback_asks(peer);
        char url[2200];
        const char *const headers[] = {p->node_header, "Accept: application/json", NULL};
        FetchRequest request = {
                        .url = url,
                        .headers = headers,
                        .timeout_usec = p->search_timeout_usec,
                        .response_max = ANSWER_MAX,
                        .redirects_max = 1,
                        .flags = elsewhere ? PEER_FALLBACK_FLAGS : peer_fetch_flags(peer),
        };

        if (snprintf(url, sizeof(url), "%s%s", elsewhere ? peer->fallback_url : peer->url,
                     paths[peer->check_path]) >= (int) sizeof(url))
                return -EINVAL;
        return fetch_start(p->fetch, &request, on_checked, peer, &peer->check);
}

/* What it has failed at is searching, mostly, so it is a search by which it comes back. */
static void try_search(Peer *peer)
{
        PeerAsk *ask = NULL;
        char why[PEER_WHY_SIZE];

        if (peer_ask_start(peer, PEER_TRIAL_QUERY, 1, NULL, NULL, &ask, why) >= 0)
                peer_ask_leave(ask);
}

static void check(Peers *p, Peer *peer)
{
        uint64_t now = clock_boot_usec(), until = peer->breaker.until_usec;

        peer->checked_usec = now;
        peer->check_due_usec = in_about(p, p->check_interval_usec);
        if (peer->in_fallback)
                peer_fallback_check(peer);
        if ((peer->breaker.state == BREAKER_CLOSED && !peer->search_failed) || peer->type == NODE_AFFILIATE) {
                peer->checks_tried = 0;
                peer->check_heard = false;
                if (!peer->check_known)
                        peer->check_path = 0;
                if (!peer->check)
                        (void) ask_next(peer);
                return;
        }
        if (peer->breaker.state != BREAKER_OPEN || now >= until)
                try_search(peer);
        if (peer->breaker.state == BREAKER_OPEN && peer->breaker.until_usec > now)
                peer->check_due_usec = peer->breaker.until_usec;
        else
                peer->check_due_usec = in_about(p, SOON_USEC);
}

static int on_due(sd_event_source *s, uint64_t usec, void *userdata)
{
        Peers *p = userdata;
        uint64_t now = clock_boot_usec();

        for (size_t i = 0; i < p->n_peers; i++)
                if (p->peers[i]->check_due_usec <= now)
                        check(p, p->peers[i]);
        plan_next(p);
        return 0;
}

/* But not again and again: whoever says this and that all the time must not make us ask as often. */
void peer_check_now(Peer *peer)
{
        peer->check_due_usec = MAX(clock_boot_usec(), peer->checked_usec + USEC_PER_SEC);
        plan_next(peer->peers);
}

int peer_checks_new(Peers *p)
{
        return loop_timer_new(p->event, "peers-check", on_due, p, &p->check_timer);
}

void peer_checks_plan(Peers *p)
{
        uint64_t now = clock_boot_usec(), soon = MIN(SOON_USEC, p->check_interval_usec);

        for (size_t i = 0; i < p->n_peers; i++) {
                Peer *peer = p->peers[i];

                if (peer->check_due_usec == 0) /* new: spread */
                        peer->check_due_usec = now + soon * i / p->n_peers;
                else
                        peer->check_due_usec = MIN(peer->check_due_usec, now + p->check_interval_usec);
        }
        plan_next(p);
}
