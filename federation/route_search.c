/* SPDX-License-Identifier: MIT */
/* Searches: this shop's books, and the network's, in one piece or as a stream. */
#include "base/text.h"
#include "federation/money.h"
#include "federation/routes.h"

#include <inttypes.h>
#include <strings.h>

#define RETRY_USEC \
        USEC_PER_MIN /* an event source that lost a search half way asks again; one that has it shall close */

/* Many shops may answer at the same moment. */
#define STREAM_ROOM (8 * 1024 * 1024)

/* What is asked, or NULL: it has been answered 400. */
static Question *question_of(HttpRequest *r)
{
        Question *q = NULL;
        Error e;

        int n = question_parse(route_query, r, &q, &e);
        if (n < 0)
                http_reply_error(r, n == -ENOMEM ? 500 : 400, "%s", e.text);
        return q;
}

/* --- this shop's --- */

static void add_listings(Text *t, const Federation *f, const CatalogAnswer *a)
{
        Seller seller = federation_seller(f);

        for (size_t i = 0; i < a->n_listings; i++) {
                if (i > 0)
                        text_add_string(t, ",");
                listing_print(t, &a->listings[i], &seller);
        }
}

/* The end of each result: who sells it, as the network's results have it. */
static void add_sellers(Text *t, const Federation *f, const Listing *l, const Seller *seller)
{
        text_add_string(t, ",\"sellers\":[{\"source_node\":");
        text_add_json(t, seller->id);
        text_add_string(t, ",\"source_name\":");
        text_add_json(t, seller->name);
        text_add_string(t, ",\"source_url\":");
        text_add_json(t, seller->url);
        text_add_string(t, ",\"bookId\":");
        text_add_json(t, l->id);
        text_add_string(t, ",");
        money_print_price(t, l->price_minor, l->currency);
        text_add(t, ",\"revenue_share_pct\":%u}]", f->config->node.revenue_share);
}

static void add_works(Text *t, const Federation *f, const CatalogAnswer *a)
{
        Seller seller = federation_seller(f);

        for (size_t i = 0; i < a->n_listings; i++) {
                if (i > 0)
                        text_add_string(t, ",");
                listing_print(t, &a->listings[i], &seller);
                if (t->failed)
                        return;
                t->data[--t->size] = '\0'; /* its } comes behind the sellers */
                add_sellers(t, f, &a->listings[i], &seller);
                text_add_string(t, "}");
        }
}

static void reply_text(HttpRequest *r, const Text *t)
{
        if (t->failed) {
                http_reply_error(r, 500, "out of memory");
                return;
        }
        http_add_header(r, "Cache-Control", "no-cache");
        http_reply(r, 200, "application/json", t->data, t->size);
}

static void add_head(Text *t, const Wait *w, const CatalogAnswer *a)
{
        text_add_string(t, "{\"success\":true,\"query\":");
        text_add_json(t, w->question->text);
        text_add(t, ",\"totalResults\":%" PRIu64 ",\"totalExact\":%s,\"generation\":%" PRIu64, a->total,
                 a->total_exact ? "true" : "false", a->generation);
        text_add(t, ",\"limit\":%u,\"offset\":%u", w->question->limit, w->question->offset);
        if (peers_stand_by(w->f->peers, &w->f->config->node))
                text_add_string(t, ",\"standby\":true");
}

/* name: `results`, or `books` for those who expect that. */
static void answer_local(Wait *w, const CatalogAnswer *a, const char *name)
{
        _cleanup_text_ Text t = {0};

        add_head(&t, w, a);
        text_add_string(&t, ",\"store\":");
        text_add_string(&t, routes_store(w->f->routes));
        text_add(&t, ",\"%s\":[", name);
        add_listings(&t, w->f, a);
        text_add_string(&t, "]}");
        reply_text(w->request, &t);
}

static void answer_results(Wait *w, const CatalogAnswer *a)
{
        answer_local(w, a, "results");
}

static void answer_books(Wait *w, const CatalogAnswer *a)
{
        answer_local(w, a, "books");
}

/* To another node: what is here, in the shape of the network's answer. It asks the others itself. */
static void answer_node(Wait *w, const CatalogAnswer *a)
{
        _cleanup_text_ Text t = {0};

        add_head(&t, w, a);
        text_add_string(&t, ",\"local\":[");
        add_listings(&t, w->f, a);
        text_add_string(&t, "],\"network\":[],\"results\":[");
        add_works(&t, w->f, a);
        text_add_string(&t, "],\"complete\":true,\"peers\":[]}");
        reply_text(w->request, &t);
}

/* Its own books from itself would stand on the page as another shop's. */
static bool asks_itself(const Federation *f, const HttpRequest *r)
{
        const char *asker = http_header(r, "X-Node-Id");

        return asker && streq(asker, f->config->node.id);
}

static void search_local(Federation *f, HttpRequest *r, void (*answer)(Wait *w, const CatalogAnswer *answer))
{
        if (asks_itself(f, r)) {
                http_reply_error(r, 508, "this node asks itself: one of its peers has its own address");
                return;
        }

        Question *q = question_of(r);
        Wait *w = q ? wait_new(f, r, answer) : NULL;

        if (!w) {
                question_free(q);
                return;
        }
        w->question = q;
        if (peers_stand_by(f->peers, &f->config->node)) {
                CatalogAnswer nothing = {.total_exact = true,
                                         .generation = catalog_generation(f->catalog),
                                         .message = ""};

                wait_answered(NULL, &nothing, w);
                return;
        }
        wait_begun(w, catalog_search(f->catalog, q, wait_answered, w, &w->ask));
}

void route_search(Federation *f, HttpRequest *r, const char *rest)
{
        search_local(f, r, answer_results);
}

void route_catalog_search(Federation *f, HttpRequest *r, const char *rest)
{
        search_local(f, r, answer_books);
}

/* --- the network's --- */

typedef struct NetworkSearch {
        HttpRequest *request; /* NULL: it is a stream */
        HttpStream *stream;   /* NULL: an answer in one piece is wanted, or it is not open yet */
        Search *search;
} NetworkSearch;

static void network_free(NetworkSearch *n)
{
        search_free(n->search);
        free(n);
}

static void on_whole(Search *s, unsigned status, const char *cached, const char *json, size_t size,
                     void *userdata)
{
        NetworkSearch *n = userdata;

        http_add_header(n->request, "Cache-Control", "no-store"); /* who has answered differs each time */
        http_add_header(n->request, "X-Cache", cached);
        if (status == 503)
                http_add_header(n->request, "Retry-After", "1");
        http_reply(n->request, status, "application/json", json, size);
        network_free(n);
}

static void on_local(Search *s, const char *json, size_t size, void *userdata)
{
        NetworkSearch *n = userdata;

        http_stream_send(n->stream, "local", json);
}

static void on_peer(Search *s, const char *json, size_t size, void *userdata)
{
        NetworkSearch *n = userdata;

        http_stream_send(n->stream, "peer", json);
}

static void on_done(Search *s, unsigned status, const char *cached, const char *json, size_t size,
                    void *userdata)
{
        NetworkSearch *n = userdata;

        http_stream_send(n->stream, status == 200 ? "done" : "error", json);
        http_stream_close(n->stream); /* on_closed() frees */
}

static void on_closed(HttpStream *stream, void *userdata)
{
        network_free(userdata);
}

static void refuse(HttpRequest *r, int n)
{
        if (n == -EBUSY)
                route_unavailable(r, "busy: too many searches wait already");
        else
                http_reply_error(r, 500, "cannot search: %s", strerror(-n));
}

static void search_whole(Federation *f, HttpRequest *r, const Question *q, NetworkSearch *n)
{
        SearchSink sink = {.done = on_whole, .userdata = n};

        n->request = r;
        int result = search_start(f->searcher, q, &sink, &n->search);
        if (result < 0) {
                refuse(r, result);
                network_free(n);
        }
}

static void search_stream(Federation *f, HttpRequest *r, const Question *q, NetworkSearch *n)
{
        SearchSink sink = {.local = on_local, .peer = on_peer, .done = on_done, .userdata = n};

        int result = search_start(f->searcher, q, &sink, &n->search);
        if (result < 0) {
                refuse(r, result);
                network_free(n);
                return;
        }
        result = http_stream_open(r, on_closed, n, &n->stream);
        if (result < 0) {
                if (result == -EBUSY)
                        route_unavailable(r, "busy: too many streams are open already");
                else
                        http_reply_error(r, 500, "cannot open a stream: %s", strerror(-result));
                network_free(n);
                return;
        }
        http_stream_set_room(n->stream, STREAM_ROOM);
        http_stream_retry(n->stream, RETRY_USEC);
}

static bool wants_stream(const HttpRequest *r)
{
        const char *accept = http_header(r, "Accept");

        return accept && strcasestr(accept, "text/event-stream") && streq(http_method(r), "GET");
}

void route_network_search(Federation *f, HttpRequest *r, const char *rest)
{
        if (http_header(r, "X-Node-Id")) {
                search_local(f, r, answer_node);
                return;
        }
        _cleanup_(question_freep) Question *q = question_of(r);
        if (!q)
                return;
        NetworkSearch *n = calloc(1, sizeof(*n));
        if (!n)
                http_reply_error(r, 500, "out of memory");
        else if (wants_stream(r))
                search_stream(f, r, q, n);
        else
                search_whole(f, r, q, n);
}
