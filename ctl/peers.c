/* SPDX-License-Identifier: MIT */
/* `peers`: the other shops, one line each where the terminal has room for it. */
#include "base/clock.h"
#include "ctl/page.h"

#include <inttypes.h>

typedef struct PeerCells {
        Style style;
        char books[24], seen[32], latency[32];
} PeerCells;

typedef struct PeerColumns {
        unsigned id, url, status, breaker, books, seen, latency; /* url 0: on a line of its own */
} PeerColumns;

static Style style_of(const json_t *peer)
{
        const char *status = ctl_string(peer, "status");

        if (streq(status, "active"))
                return ctl_time(peer, "seen") > 0 ? STYLE_GOOD : STYLE_PLAIN;
        return streq(status, "failed") ? STYLE_BAD : STYLE_WARN;
}

/* When its catalog was fetched; of one that never was, when it last answered. */
static uint64_t synced_usec(const json_t *peer)
{
        uint64_t copied = ctl_time(json_object_get(peer, "copy"), "lastSync");

        return copied > 0 ? copied : ctl_time(peer, "seen");
}

static PeerCells cells_of(const json_t *peer, uint64_t now_usec)
{
        PeerCells c = {.style = style_of(peer)};

        snprintf(c.books, sizeof(c.books), "%" PRId64, ctl_integer(peer, "listings"));
        ctl_short_age(c.seen, sizeof(c.seen), synced_usec(peer), now_usec);
        ctl_latency(c.latency, sizeof(c.latency), json_object_get(peer, "latency_ms"));
        return c;
}

static bool breaker_is_open(const json_t *peer)
{
        return !streq(ctl_string(peer, "breaker"), "closed");
}

/* What is wrong with it, and when it is tried again. */
static void show_trouble(Page *p, const json_t *peer)
{
        const char *error = ctl_string(peer, "error");
        double again_s = json_number_value(json_object_get(peer, "asked_again_s"));
        char after[DURATION_SIZE];
        _cleanup_text_ Text words = {};

        text_add_string(&words, error);
        if (*ctl_string(peer, "trouble"))
                text_add(&words, "%sALERT: %s", words.size > 0 ? "; " : "", ctl_string(peer, "trouble"));
        if (again_s > 0)
                text_add(&words, "%sasked again in %s", words.size > 0 ? "; " : "",
                         duration_format(after, (uint64_t) (again_s + 1) * USEC_PER_SEC));
        p->text.failed |= words.failed;
        if (words.size > 0)
                page_paragraph(p, STYLE_PLAIN, "      ", 6, style_of(peer), words.data);
}

/* Its own word: since when, and where its buyers are. */
static void show_fallback(Page *p, const json_t *peer, uint64_t now_usec)
{
        const json_t *fallback = json_object_get(peer, "fallback");
        const char *url = ctl_string(fallback, "url");
        _cleanup_text_ Text words = {};
        char age[32];

        if (!json_is_object(fallback))
                return;
        ctl_short_age(age, sizeof(age), ctl_time(fallback, "since"), now_usec);
        text_add(&words, "says that it failed %s ago: ", age);
        if (*url)
                text_add(&words, "its buyers go to %s, and it is searched %s%s", url,
                         json_is_true(json_object_get(fallback, "searched")) ? "there" : "where it always is",
                         json_is_true(json_object_get(fallback, "heard")) ? "" : "; nothing answers there");
        else
                text_add_string(&words, "no buyers go there, since it names no place that can be used");
        p->text.failed |= words.failed;
        if (words.data)
                page_paragraph(p, STYLE_PLAIN, "      ", 6, STYLE_WARN, words.data);
}

/* Where its books are looked up while it does not answer. */
static void show_copy(Page *p, const json_t *peer, uint64_t now_usec)
{
        const json_t *copy = json_object_get(peer, "copy");
        _cleanup_text_ Text words = {};
        char age[32];

        if (!json_is_object(copy) || (*ctl_string(peer, "error") == '\0' && !breaker_is_open(peer)))
                return;
        ctl_short_age(age, sizeof(age), ctl_time(copy, "lastSync"), now_usec);
        text_add(&words, "its books are found in the copy of its catalog: %" PRId64 " of them, as of %s ago",
                 ctl_integer(copy, "listings"), age);
        p->text.failed |= words.failed;
        if (words.data)
                page_paragraph(p, STYLE_PLAIN, "      ", 6, STYLE_PLAIN, words.data);
}

static void show_row(Page *p, const json_t *peer, const PeerColumns *c, uint64_t now_usec)
{
        PeerCells cells = cells_of(peer, now_usec);

        page_put(p, STYLE_PLAIN, "  ");
        page_cell(p, cells.style == STYLE_GOOD ? STYLE_PLAIN : STYLE_BOLD, ctl_string(peer, "id"), c->id);
        if (c->url > 0)
                page_cell(p, STYLE_PLAIN, ctl_string(peer, "url"), c->url);
        page_cell(p, cells.style, ctl_string(peer, "status"), c->status);
        page_cell_right(p, STYLE_PLAIN, cells.books, c->books);
        page_cell_right(p, STYLE_PLAIN, cells.seen, c->seen);
        page_cell_right(p, STYLE_PLAIN, cells.latency, c->latency);
        page_cell(p, breaker_is_open(peer) ? STYLE_WARN : STYLE_PLAIN, ctl_string(peer, "breaker"),
                  c->breaker);
        page_end(p);
        if (c->url == 0)
                page_paragraph(p, STYLE_PLAIN, "      ", 6, STYLE_PLAIN, ctl_string(peer, "url"));
        show_fallback(p, peer, now_usec);
        show_trouble(p, peer);
        show_copy(p, peer, now_usec);
}

static void show_block(Page *p, const json_t *peer, uint64_t now_usec)
{
        PeerCells cells = cells_of(peer, now_usec);
        _cleanup_text_ Text words = {};

        page_put(p, STYLE_BOLD, ctl_string(peer, "id"));
        page_end(p);
        page_paragraph(p, STYLE_PLAIN, "  ", 2, STYLE_PLAIN, ctl_string(peer, "url"));
        text_add(&words, "%s, %s listings", ctl_string(peer, "status"), cells.books);
        if (synced_usec(peer) > 0)
                text_add(&words, ", synced %s ago, latency %s", cells.seen, cells.latency);
        else
                text_add_string(&words, ", has never answered");
        text_add(&words, ", breaker %s", ctl_string(peer, "breaker"));
        p->text.failed |= words.failed;
        if (words.data)
                page_paragraph(p, STYLE_PLAIN, "  ", 2, cells.style, words.data);
        show_fallback(p, peer, now_usec);
        show_trouble(p, peer);
        show_copy(p, peer, now_usec);
}

static void show_table(Page *p, const json_t *peers, uint64_t now_usec)
{
        PeerColumns c = {.status = 8, .breaker = 9, .books = 8, .seen = 6, .latency = 7};
        unsigned others = 2 + c.status + c.breaker + c.books + c.seen + c.latency + 5 * 2;
        const json_t *peer;
        size_t k;

        c.id = page_widest(peers, "id", 2, 128);
        c.url = page_widest(peers, "url", 3, 512);
        if (p->width > 0 && others + c.id > p->width) { /* people must be able to type the whole id */
                json_array_foreach(peers, k, peer) show_block(p, peer, now_usec);
                return;
        }
        if (p->width > 0 && others + c.id + 2 + c.url > p->width)
                c.url = 0;
        page_put(p, STYLE_DIM, "  ");
        page_cell(p, STYLE_DIM, "id", c.id);
        if (c.url > 0)
                page_cell(p, STYLE_DIM, "url", c.url);
        page_cell(p, STYLE_DIM, "status", c.status);
        page_cell_right(p, STYLE_DIM, "listings", c.books);
        page_cell_right(p, STYLE_DIM, "synced", c.seen);
        page_cell_right(p, STYLE_DIM, "latency", c.latency);
        page_cell(p, STYLE_DIM, "breaker", c.breaker);
        page_end(p);
        json_array_foreach(peers, k, peer) show_row(p, peer, &c, now_usec);
}

int verb_peers(const Invocation *i)
{
        _cleanup_json_ json_t *answer = NULL;
        Page p = {.width = ctl_columns(), .colour = ctl_colour()};
        const json_t *peers;
        Error e = {};

        if (ctl_ask(i, "GET", "/v1/peers", NULL, CTL_ANSWER_USEC, &answer, &e) < 0)
                return ctl_failed(i, &e);
        if (i->given[OPTION_JSON]) {
                ctl_print_json(answer);
                return CTL_DONE;
        }
        peers = json_object_get(answer, "peers");
        if (json_array_size(peers) == 0)
                page_paragraph(&p, STYLE_PLAIN, "", 0, STYLE_PLAIN,
                               "No peers: network.peers in federationd.yaml names none.");
        else
                show_table(&p, peers, clock_wall_usec());
        return ctl_print_page(i, &p);
}
