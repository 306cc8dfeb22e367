/* SPDX-License-Identifier: MIT */
/* One question to this node's catalog and to its peers, side by side, until all who are waited for have answered. */
#include "base/clock.h"
#include "base/text.h"
#include "federation/search_private.h"

#define NO_ANSWER "the catalog does not answer"

/* Once most of many have answered, those who are far behind are not waited for to their own deadline: this long, or so many
 * times as long as the others took. */
#define CROWD            8
#define STRAGGLER_FACTOR 10

#define PRINTED_MAX (512 * 1024) /* bytes kept */

/* Copies are looked up in the time that remains, or in this much. */
#define COPIES_USEC (100 * USEC_PER_MSEC)

/* How many results of each source make a page. The same for many pages: what is put together of more has another order, and
 * pages of it show twice or leave out. */
static unsigned depth_of(const FanOut *f)
{
        static const unsigned depths[] = {20, 100};

        for (size_t i = 0; i < ELEMENTSOF(depths); i++)
                if (f->offset + f->limit <= depths[i])
                        return depths[i];
        return SEARCH_LOCAL_MAX;
}

int fan_out_new(Searcher *s, const Search *first, FanOut **ret)
{
        FanOut *f = calloc(1, sizeof(*f));

        if (!f)
                return -ENOMEM;
        f->searcher = s;
        TAILQ_INIT(&f->askers);
        TAILQ_INIT(&f->streams);
        f->came_usec = clock_boot_usec();
        f->hash = first->hash;
        f->key = strdup(first->key);
        f->question = question_copy(first->question);
        if (!f->key || !f->question) {
                fan_out_free(f);
                return -ENOMEM;
        }
        f->limit = f->question->limit;
        f->offset = f->question->offset;
        f->question->limit = depth_of(f);
        f->question->offset = 0;
        *ret = f;
        return 0;
}

FanOut *fan_out_free(FanOut *f)
{
        if (!f)
                return NULL;
        for (size_t i = 0; i < f->n_rows; i++) {
                peer_ask_free(f->rows[i].ask);
                copy_ask_free(f->rows[i].copy_ask);
                peer_answer_clear(&f->rows[i].answer);
                free(f->rows[i].error);
                peer_unref(f->rows[i].peer);
        }
        free(f->rows);
        free(f->ended);
        catalog_ask_free(f->local_ask);
        peer_answer_clear(&f->local);
        free(f->local_error);
        loop_source_free(f->patience);
        loop_source_free(f->stragglers);
        question_free(f->question);
        free(f->key);
        free(f);
        return NULL;
}

static bool asks_itself(const Searcher *s)
{
        return s->catalog && s->config->node.type != NODE_AFFILIATE &&
               !peers_stand_by(s->peers, &s->config->node);
}

/* Nobody has changed anything since it was said to us: neither the shops, nor who they are, nor what they are called. */
static bool is_current(const FanOut *f)
{
        const Searcher *s = f->searcher;
        bool enabled = s->config->network.enabled;

        if (f->configuration != s->configuration || f->local_asked != asks_itself(s) ||
            (f->local_asked && f->catalog_generation != catalog_generation(s->catalog)))
                return false;
        size_t n = 0;
        for (size_t i = 0; enabled && i < peers_count(s->peers); i++) {
                const Peer *peer = peers_at(s->peers, i);

                if (!peer_is_searched(peer))
                        continue;
                if (n == f->n_rows || f->rows[n].peer != peer || f->rows[n].generation != peer->generation)
                        return false;
                n++;
        }
        return n == f->n_rows;
}

static bool anybody_answered(const FanOut *f)
{
        if (!f->local_error)
                return true;
        for (size_t i = 0; i < f->n_rows; i++)
                if (f->rows[i].outcome == PEER_OK || f->rows[i].outcome == PEER_EMPTY)
                        return true;
        return false;
}

/* A trial that is still under way goes on without us. */
static void leave_trials(FanOut *f)
{
        for (size_t i = 0; i < f->n_rows; i++)
                if (f->rows[i].ask)
                        peer_ask_leave(TAKE_PTR(f->rows[i].ask));
}

/* Answers are large, and memory that is new to the process is slow. */
static Text text_borrow(Searcher *s)
{
        Text t = s->printed;

        s->printed = (Text){0};
        text_truncate(&t, 0);
        return t;
}

static void text_return(Searcher *s, Text *t)
{
        if (t->capacity > PRINTED_MAX || t->failed || s->printed.data)
                text_clear(t);
        else
                s->printed = *t;
}

static void fan_out_end(FanOut *f)
{
        Searcher *s = f->searcher;
        Text t = text_borrow(s);
        bool answered = anybody_answered(f);
        int r = 0;

        f->patience = loop_source_free(f->patience);
        f->stragglers = loop_source_free(f->stragglers);
        leave_trials(f);
        if (answered)
                r = answer_print(&t, f);
        else
                answer_print_error(&t, f->local_error);
        if (r < 0 || t.failed) {
                text_clear(&t);
                answer_print_error(&t, "out of memory");
        }
        if (t.failed)
                search_ended(f, 500, "{\"success\":false}", 17, false);
        else
                search_ended(f,
                             r < 0      ? 500
                             : answered ? 200
                                        : 503,
                             t.data, t.size, r >= 0 && answered && answer_complete(f) && is_current(f));
        text_return(s, &t);
}

static void look_for_end(FanOut *f)
{
        if (f->local_ended && f->n_awaited == 0 && f->n_copies == 0)
                fan_out_end(f);
}

/* --- this node --- */

static void local_fail(FanOut *f, const char *why)
{
        f->local_ended = true;
        f->local_error = strdup(why);
        if (!f->local_error)
                f->local_error = calloc(1, 1); /* and if not even that: it looks empty */
}

static void on_local(CatalogAsk *ask, const CatalogAnswer *answer, void *userdata)
{
        FanOut *f = userdata;

        if (answer->error < 0)
                local_fail(f, answer->message);
        else if (answer_take_local(f, answer) < 0)
                local_fail(f, "out of memory");
        f->local_ended = true;
        f->catalog_generation = answer->generation;
        f->local_ask = catalog_ask_free(f->local_ask);
        search_news(f);
        look_for_end(f);
}

static void ask_local(FanOut *f)
{
        Searcher *s = f->searcher;

        if (!asks_itself(s)) {
                f->local_ended = true;
                return;
        }
        f->local_asked = true;
        if (catalog_search(s->catalog, f->question, on_local, f, &f->local_ask) < 0)
                local_fail(f, "out of memory");
}

/* --- peers --- */

/* What is known of the row is all that will be. A trial may still come: it is told at the end. */
static void row_tell(FanOut *f, FanRow *row)
{
        if (!row->ask && !row->copy_ask)
                f->ended[f->n_ended++] = (size_t) (row - f->rows);
}

static void copy_end(FanOut *f, FanRow *row)
{
        if (!row->copy_ask)
                return;
        row->copy_ask = copy_ask_free(row->copy_ask);
        f->n_copies--;
}

static void on_copy(CopyAsk *ask, const CatalogAnswer *answer, void *userdata)
{
        FanOut *f = userdata;
        FanRow *row = f->rows;

        while (row->copy_ask != ask)
                row++;
        if (answer->error >= 0)
                (void) answer_take_copy(row, answer); /* without memory it stays without */
        copy_end(f, row);
        row_tell(f, row);
        search_news(f);
        look_for_end(f);
}

/* The peer itself does not answer. */
static void ask_copy(FanOut *f, FanRow *row)
{
        const Searcher *s = f->searcher;
        const Copy *copy = s->copies && !row->copied && !row->copy_ask ? copies_find(s->copies, row->peer->id)
                                                                       : NULL;
        uint64_t now = clock_boot_usec(), end = f->began_usec + s->config->network.search_timeout_usec;
        unsigned depth = f->question->limit;
        bool late = now >= end;

        if (!copy)
                return;
        row->copy_listings = copy->listings;
        row->copy_usec = copy->seen_usec;
        end = MAX(now, end) + COPIES_USEC;
        f->copies_until_usec = MAX(f->copies_until_usec, end);
        f->question->limit = MIN(depth, s->config->network.results_per_peer); /* as a peer is asked */
        if (copies_search(s->copies, row->peer->id, f->question, f->copies_until_usec, on_copy, f,
                          &row->copy_ask) >= 0)
                f->n_copies++;
        f->question->limit = depth;
        if (late) /* the patience is over already */
                (void) loop_timer_set(f->patience, f->copies_until_usec);
}

static void row_end(FanOut *f, FanRow *row, PeerOutcome outcome, const char *error)
{
        row->outcome = outcome;
        free(row->error);
        row->error = error && *error ? strdup(error) : NULL;
        if (outcome == PEER_OK || outcome == PEER_EMPTY)
                copy_end(f, row);
        else
                ask_copy(f, row);
        row_tell(f, row);
}

static FanRow *row_of(FanOut *f, const PeerAsk *ask)
{
        for (size_t i = 0; i < f->n_rows; i++)
                if (f->rows[i].ask == ask)
                        return &f->rows[i];
        assert(false);
        return NULL;
}

static int on_stragglers(sd_event_source *source, uint64_t usec, void *userdata)
{
        FanOut *f = userdata;
        char text[PEER_WHY_SIZE], duration[DURATION_SIZE];

        snprintf(text, sizeof(text), "no answer in %s, when the others had given theirs",
                 duration_format(duration, clock_boot_usec() - f->began_usec));
        for (size_t i = 0, left = f->n_awaited; left > 0; i++)
                if (f->rows[i].ask && !f->rows[i].trial) {
                        left--;
                        peer_ask_give_up(f->rows[i].ask, text); /* the last one may be the end of f */
                }
        return 0;
}

static void watch_stragglers(FanOut *f)
{
        uint64_t spent = clock_boot_usec() - f->began_usec;

        if (f->stragglers || f->n_awaited == 0 || f->n_answered < CROWD || f->n_awaited * 4 > f->n_answered)
                return;
        if (loop_timer_new(f->searcher->event, "search-stragglers", on_stragglers, f, &f->stragglers) >= 0)
                (void) loop_timer_set(f->stragglers,
                                      f->began_usec + MAX(spent * STRAGGLER_FACTOR, PEER_STRAGGLER_USEC));
}

static void on_peer(PeerAsk *ask, const PeerReply *reply, void *userdata)
{
        FanOut *f = userdata;
        FanRow *row = row_of(f, ask);

        row->usec = reply->usec;
        if (reply->answer) {
                peer_answer_clear(&row->answer); /* its copy's */
                row->copied = false;
                row->answer = *reply->answer;
                *reply->answer = (PeerAnswer){0};
        }
        row->generation = row->peer->generation;
        row->ask = peer_ask_free(row->ask);
        row_end(f, row, reply->outcome, reply->error);
        if (!row->trial)
                f->n_awaited--;
        if (reply->outcome == PEER_OK || reply->outcome == PEER_EMPTY)
                f->n_answered++;
        watch_stragglers(f);
        search_news(f);
        look_for_end(f);
}

static void ask_peer(FanOut *f, FanRow *row, const char *query, unsigned most)
{
        char why[PEER_WHY_SIZE];
        int r = peer_ask_start(row->peer, query, most, on_peer, f, &row->ask, why);

        if (r < 0) {
                row_end(f, row, r == -EAGAIN ? PEER_SKIPPED : PEER_ERROR,
                        r == -EAGAIN   ? why
                        : r == -EINVAL ? "its URL cannot be used"
                                       : "out of memory");
                return;
        }
        row->trial = r > 0;
        if (row->trial) {
                snprintf(why, sizeof(why), "%s; being tried again", row->peer->error);
                row->outcome = PEER_SKIPPED;
                row->error = strdup(why);
                ask_copy(f, row);
        } else
                f->n_awaited++;
}

static int ask_peers(FanOut *f)
{
        Searcher *s = f->searcher;
        size_t n = s->config->network.enabled ? peers_count(s->peers) : 0;
        _cleanup_free_ char *query = NULL;
        unsigned cap = MIN(s->config->network.results_per_peer, (unsigned) DIALECT_RESULTS_MAX),
                 most = MIN(depth_of(f), cap);
        int r = question_to_query(f->question, most, &query);

        if (r < 0 || n == 0)
                return r;
        f->rows = calloc(n, sizeof(*f->rows));
        f->ended = calloc(n, sizeof(*f->ended));
        if (!f->rows || !f->ended)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (peer_is_searched(peers_at(s->peers, i)))
                        f->rows[f->n_rows++].peer = peer_ref(peers_at(s->peers, i));
        s->n_asked += f->n_rows;
        for (size_t i = 0; i < f->n_rows; i++)
                ask_peer(f, &f->rows[i], query, most);
        return 0;
}

/* Peers have their own deadlines, which are shorter. */
static int on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
        FanOut *f = userdata;

        if (!f->local_ended) {
                f->local_ask = catalog_ask_free(f->local_ask);
                local_fail(f, NO_ANSWER);
        }
        if (f->n_copies > 0 && clock_boot_usec() < f->copies_until_usec)
                return loop_timer_set(f->patience, f->copies_until_usec);
        for (size_t i = 0; i < f->n_rows && f->n_copies > 0; i++)
                if (f->rows[i].copy_ask) { /* its disk hangs, say */
                        copy_end(f, &f->rows[i]);
                        row_tell(f, &f->rows[i]);
                }
        search_news(f);
        look_for_end(f);
        return 0;
}

void fan_out_begin(FanOut *f)
{
        Searcher *s = f->searcher;
        int r;

        f->began_usec = clock_boot_usec();
        f->configuration = s->configuration;
        r = loop_timer_new(s->event, "search-patience", on_patience, f, &f->patience);

        if (r >= 0)
                r = loop_timer_set_after(f->patience, s->config->network.search_timeout_usec);
        if (r >= 0) {
                ask_local(f);
                r = ask_peers(f);
        }
        if (r < 0) {
                _cleanup_text_ Text t = {0};

                answer_print_error(&t, "out of memory");
                search_ended(f, 500, t.failed ? "{}" : t.data, t.failed ? 2 : t.size, false);
                return;
        }
        search_news(f);
        look_for_end(f);
}
