/* SPDX-License-Identifier: MIT */
/* The answer to a search: what this node and its peers have said, put together and printed straight into one text. */
#include "base/clock.h"
#include "federation/fit.h"
#include "federation/merge.h"
#include "federation/money.h"
#include "federation/search_private.h"
#include "federation/work.h"

#include <inttypes.h>

/* --- pieces --- */

/* Behind an open string. */
static void add_json_rest(Text *t, const char *s)
{
        size_t at = t->size;

        text_add_json(t, s);
        if (t->failed)
                return;
        memmove(t->data + at, t->data + at + 1,
                t->size - at); /* its opening quote; the terminator moves, too */
        t->size--;
}

/* 1.000, 0.984, 0.968, … */
static void add_relevance(Text *t, unsigned rank)
{
        unsigned thousandths = (MERGE_K * 1000 + (MERGE_K + rank) / 2) / (MERGE_K + rank);
        char text[] = ",\"relevance\":0.000";

        for (size_t i = sizeof(text) - 2; i > sizeof(text) - 5; i--, thousandths /= 10)
                text[i] = (char) ('0' + thousandths % 10);
        text[sizeof(text) - 6] = (char) ('0' + thousandths);
        text_add_bytes(t, text, sizeof(text) - 1);
}

/* All but the last brace. peer NULL: it is this node's own. rank: in what its source has answered. */
static void add_open_result(Text *t, const PeerResult *r, const Peer *peer, unsigned rank)
{
        text_add_bytes(t, r->json, r->json_size);
        if (!peer)
                return;
        add_relevance(t, rank); /* what a peer says is its own measure */
        text_add_string(t, peer->network_id);
        add_json_rest(t, r->id);
        text_add_string(t, peer->source);
}

static void add_result(Text *t, const PeerResult *r, const Peer *peer, unsigned rank)
{
        add_open_result(t, r, peer, rank);
        text_add_bytes(t, "}", 1);
}

static void add_row(Text *t, const FanRow *row)
{
        text_add_string(t, "{\"id\":");
        text_add_json(t, row->peer->id);
        text_add_string(t, ",\"name\":");
        text_add_json(t, row->peer->name);
        text_add_string(t, ",\"url\":");
        text_add_json(t, row->peer->url);
        text_add(t, ",\"status\":\"%s\",\"ms\":%" PRIu64 ".%" PRIu64 ",\"count\":%zu,\"error\":",
                 peer_outcome_name(row->outcome), row->usec / 1000, row->usec % 1000 / 100,
                 row->answer.n_results);
        if (row->error)
                text_add_json(t, row->error);
        else
                text_add_string(t, "null");
        if (row->copied) {
                char at[TIMESTAMP_SIZE];

                text_add(t, ",\"copy\":{\"listings\":%" PRIu64 ",\"asOf\":\"%s\"}", row->copy_listings,
                         timestamp_format(at, row->copy_usec));
        }
        text_add_bytes(t, "}", 1);
}

static void add_head(Text *t, const FanOut *f, uint64_t total)
{
        text_add_string(t, "{\"success\":true,\"query\":");
        text_add_json(t, f->question->text);
        text_add(t, ",\"totalResults\":%" PRIu64 ",\"limit\":%u,\"offset\":%u", total, f->limit, f->offset);
}

static void add_local(Text *t, const FanOut *f)
{
        size_t end = MIN((size_t) f->offset + f->limit, f->local.n_results);

        text_add_string(t, ",\"local\":[");
        for (size_t i = f->offset; i < end; i++) {
                if (i > f->offset)
                        text_add_bytes(t, ",", 1);
                add_result(t, &f->local.results[i], NULL, 0);
        }
        text_add_bytes(t, "]", 1);
        if (f->local_error) {
                text_add_string(t, ",\"localError\":");
                text_add_json(t, f->local_error);
        }
}

void answer_print_error(Text *t, const char *error)
{
        text_add_string(t, "{\"success\":false,\"error\":");
        text_add_json(t, error);
        text_add_bytes(t, "}", 1);
}

void answer_print_local(Text *t, const FanOut *f)
{
        add_head(t, f, f->local.total);
        add_local(t, f);
        text_add_bytes(t, "}", 1);
}

void answer_print_peer(Text *t, const FanOut *f, const FanRow *row)
{
        text_add_string(t, "{\"peer\":");
        add_row(t, row);
        text_add_string(t, ",\"network\":[");
        for (size_t i = 0; i < row->answer.n_results; i++) {
                if (i > 0)
                        text_add_bytes(t, ",", 1);
                add_result(t, &row->answer.results[i], row->peer, (unsigned) i);
        }
        text_add_string(t, "]}");
}

int answer_print_source(const NodeConfig *node, char **ret)
{
        _cleanup_text_ Text t = {0};

        text_add_string(&t, ",\"source_node\":");
        text_add_json(&t, node->id);
        text_add_string(&t, ",\"source_name\":");
        text_add_json(&t, node->name);
        text_add_string(&t, ",\"source_url\":");
        text_add_json(&t, node->url);
        text_add(&t, ",\"revenue_share_pct\":%u", node->revenue_share);
        return text_take(&t, ret);
}

/* --- this node's own --- */

static int take_listing(PeerResult *r, const Listing *l, const Seller *seller)
{
        _unset_ char buffer[2048];
        _cleanup_text_ Text t = text_in(buffer, sizeof buffer);

        listing_print(&t, l, seller);
        if (t.failed)
                return -ENOMEM;
        return peer_result_make(&(PeerResultParts){.json = t.data,
                                                   .json_size = t.size - 1,
                                                   .id = l->id,
                                                   .title = l->title,
                                                   .author = l->author,
                                                   .isbn = l->isbn,
                                                   .currency = l->currency,
                                                   .price_minor = l->price_minor},
                                r);
}

int answer_take_local(FanOut *f, const CatalogAnswer *answer)
{
        const NodeConfig *n = &f->searcher->config->node;
        Seller seller = {.id = n->id, .name = n->name, .url = n->url, .brand = n->brand};
        _cleanup_peer_answer_ PeerAnswer local = {.total = answer->total};

        local.results = calloc(answer->n_listings + 1, sizeof(*local.results));
        if (!local.results)
                return -ENOMEM;
        for (size_t i = 0; i < answer->n_listings; i++, local.n_results++) {
                int r = take_listing(&local.results[i], &answer->listings[i], &seller);
                if (r < 0)
                        return r;
        }
        f->local = local;
        memset(&local, 0, sizeof(local)); /* handed over */
        return 0;
}

/* --- another's copy --- */

static void add_copy_mark(Text *t, uint64_t usec)
{
        char at[TIMESTAMP_SIZE];

        text_add(t, ",\"copy\":true,\"asOf\":\"%s\"", timestamp_format(at, usec));
}

static int take_copied(PeerResult *r, const Listing *l, const FanRow *row)
{
        const Seller seller = {.id = row->peer->id, .name = row->peer->name, .url = row->peer->url};
        _unset_ char buffer[2048];
        _cleanup_text_ Text t = text_in(buffer, sizeof buffer);

        listing_print_copy(&t, l, &seller);
        add_copy_mark(&t, row->copy_usec);
        if (t.failed)
                return -ENOMEM;
        return peer_result_make(&(PeerResultParts){.json = t.data,
                                                   .json_size = t.size,
                                                   .id = l->id,
                                                   .title = l->title,
                                                   .author = l->author,
                                                   .isbn = l->isbn,
                                                   .currency = l->currency,
                                                   .price_minor = l->price_minor},
                                r);
}

int answer_take_copy(FanRow *row, const CatalogAnswer *answer)
{
        _cleanup_peer_answer_ PeerAnswer copy = {.total = answer->total};

        copy.results = calloc(answer->n_listings + 1, sizeof(*copy.results));
        if (!copy.results)
                return -ENOMEM;
        for (size_t i = 0; i < answer->n_listings; i++, copy.n_results++) {
                int r = take_copied(&copy.results[i], &answer->listings[i], row);
                if (r < 0)
                        return r;
        }
        peer_answer_clear(&row->answer);
        row->answer = copy;
        memset(&copy, 0, sizeof(copy)); /* handed over */
        row->copied = true;
        return 0;
}

/* --- together --- */

typedef struct Found { /* where an item comes from */
        const PeerResult *result;
        const struct Found *before; /* the same shop's one before it in this work */
        const Peer *peer;           /* NULL: this node */
        unsigned rank;
        uint64_t copy_usec; /* of when the copy is that it was found in; 0: its shop said so */
} Found;

static void collect(const PeerAnswer *answer, unsigned source, const Peer *peer, uint64_t copy_usec,
                    const Wanted *wanted, MergeItem **items, Found **found)
{
        for (size_t i = 0; i < answer->n_results; i++) {
                const PeerResult *r = &answer->results[i];

                *(*items)++ = (MergeItem){
                                .source = source,
                                .rank = (unsigned) i,
                                .isbn13 = r->isbn13,
                                .work = r->work,
                                .id = r->id,
                                .fit = fit_of(wanted, r->work, r->title, r->author),
                };
                *(*found)++ = (Found){
                                .result = r, .peer = peer, .rank = (unsigned) i, .copy_usec = copy_usec};
        }
}

static size_t count_results(const FanOut *f)
{
        size_t n = f->local.n_results;

        for (size_t i = 0; i < f->n_rows; i++)
                n += f->rows[i].answer.n_results;
        return n;
}

static int put_together(const FanOut *f, Found *found, size_t n, Merge *ret)
{
        _cleanup_free_ MergeItem *items = calloc(n + 1, sizeof(*items));
        _cleanup_wanted_ Wanted wanted = {0};
        MergeItem *next = items;

        if (!items || wanted_make(f->question->text, &wanted) < 0)
                return -ENOMEM;
        collect(&f->local, 0, NULL, 0, &wanted, &next, &found);
        for (size_t i = 0; i < f->n_rows; i++)
                collect(&f->rows[i].answer, (unsigned) i + 1, f->rows[i].peer,
                        f->rows[i].copied ? f->rows[i].copy_usec : 0, &wanted, &next, &found);
        return merge_items(items, n, ret);
}

/* The same shop's same price: it has been said. Those of one shop are linked, so that this stays cheap whatever they send. */
static bool is_repeated(const Merge *m, const MergeWork *work, Found *found, size_t i)
{
        Found *one = &found[m->order[work->first + i]];

        one->before = NULL;
        for (size_t k = i; k > 0 && !one->before; k--) {
                const Found *other = &found[m->order[work->first + k - 1]];
                if (other->peer == one->peer)
                        one->before = other;
        }
        for (const Found *other = one->before; other; other = other->before)
                if (other->result->price_minor == one->result->price_minor &&
                    streq(other->result->currency, one->result->currency))
                        return true;
        return false;
}

static void add_work(Text *t, const FanOut *f, const Merge *m, const MergeWork *work, Found *found)
{
        const Found *best = &found[m->order[work->first]];

        add_open_result(t, best->result, best->peer, best->rank);
        text_add_string(t, ",\"sellers\":[");
        for (size_t i = 0; i < work->n_items; i++) {
                const Found *one = &found[m->order[work->first + i]];

                if (is_repeated(m, work, found, i))
                        continue;
                text_add_string(t, i > 0 ? ",{" : "{");
                text_add_string(t, (one->peer ? one->peer->source : f->searcher->source) + 1);
                text_add_string(t, ",\"bookId\":");
                text_add_json(t, one->result->id);
                text_add_bytes(t, ",", 1);
                money_print_price(t, one->result->price_minor, one->result->currency);
                if (one->copy_usec > 0)
                        add_copy_mark(t, one->copy_usec);
                text_add_bytes(t, "}", 1);
        }
        text_add_string(t, "]}");
}

static void add_results(Text *t, const FanOut *f, const Merge *m, Found *found)
{
        size_t end = MIN((size_t) f->offset + f->limit, m->n_works);

        text_add_string(t, ",\"results\":[");
        for (size_t i = f->offset; i < end; i++) {
                if (i > f->offset)
                        text_add_bytes(t, ",", 1);
                add_work(t, f, m, &m->works[i], found);
        }
        text_add_bytes(t, "]", 1);
}

static void add_network(Text *t, const FanOut *f, const Merge *m, const Found *found)
{
        size_t left = (size_t) f->limit * SEARCH_NETWORK_MAX;
        bool first = true;

        text_add_string(t, ",\"network\":[");
        for (size_t i = f->offset; i < m->n_works && left > 0; i++)
                for (size_t k = 0; k < m->works[i].n_items && left > 0; k++) {
                        const Found *one = &found[m->order[m->works[i].first + k]];

                        if (!one->peer)
                                continue;
                        if (!first)
                                text_add_bytes(t, ",", 1);
                        add_result(t, one->result, one->peer, one->rank);
                        first = false;
                        left--;
                }
        text_add_bytes(t, "]", 1);
}

bool answer_complete(const FanOut *f)
{
        if (f->local_error)
                return false;
        for (size_t i = 0; i < f->n_rows; i++)
                if (f->rows[i].outcome != PEER_OK && f->rows[i].outcome != PEER_EMPTY)
                        return false;
        return true;
}

int answer_print(Text *t, const FanOut *f)
{
        size_t n = count_results(f);
        _cleanup_free_ Found *found = calloc(n + 1, sizeof(*found));
        _cleanup_merge_ Merge m = {0};
        uint64_t beyond = f->local.total - MIN((uint64_t) f->local.n_results, f->local.total);
        int r = found ? put_together(f, found, n, &m) : -ENOMEM;

        if (r < 0)
                return r;
        add_head(t, f, m.n_works + beyond);
        text_add(t, ",\"complete\":%s", answer_complete(f) ? "true" : "false");
        add_local(t, f);
        add_network(t, f, &m, found);
        add_results(t, f, &m, found);
        text_add_string(t, ",\"peers\":[");
        for (size_t i = 0; i < f->n_rows; i++) {
                if (i > 0)
                        text_add_bytes(t, ",", 1);
                add_row(t, &f->rows[i]);
        }
        text_add_string(t, "]}");
        return t->failed ? -ENOMEM : 0;
}
