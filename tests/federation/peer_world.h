/* SPDX-License-Identifier: MIT */
/* What the tests of peers and searches share: a node with a catalog, and peers that behave as told, all on one loop. */
#pragma once

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "federation/import.h"
#include "federation/search.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define FAKES_MAX 24

typedef struct FakePeer FakePeer;
typedef struct FakeCall {
        FakePeer *peer;
        int fd;
        char request[4096];
        size_t size;
        sd_event_source *input, *due;
        struct FakeCall *next;
} FakeCall;

struct FakePeer {
        sd_event *event;
        int fd;
        unsigned port;
        sd_event_source *source;
        FakeCall *calls;
        /* How it behaves. */
        Dialect knows;
        bool silent;      /* to searches */
        unsigned status;  /* of searches; 0: 200 */
        const char *body; /* of searches */
        const char *location;
        const char *stats, *health;
        uint64_t delay_usec;
        /* What has happened. */
        unsigned n_connections, n_searches, n_unknown, n_stats, n_health;
        char last[4096];
};

static inline void fake_close(FakeCall *c)
{
        FakeCall **at = &c->peer->calls;

        while (*at != c)
                at = &(*at)->next;
        *at = c->next;
        loop_source_free(c->input);
        loop_source_free(c->due);
        close(c->fd);
        free(c);
}

static inline void fake_send(FakeCall *c, unsigned status, const char *body)
{
        static char text[8192];

        snprintf(text, sizeof(text), "HTTP/1.1 %u X\r\nContent-Length: %zu\r\n%s%s%s\r\n%s", status,
                 strlen(body), c->peer->location ? "Location: " : "",
                 c->peer->location ? c->peer->location : "", c->peer->location ? "\r\n" : "", body);
        CHECK_INT(send(c->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static inline int fake_on_due(sd_event_source *s, uint64_t usec, void *userdata)
{
        FakeCall *c = userdata;

        fake_send(c, c->peer->status > 0 ? c->peer->status : 200, c->peer->body);
        return 0;
}

static inline void fake_answer(FakeCall *c)
{
        FakePeer *p = c->peer;
        char search[64];

        snprintf(search, sizeof(search), "GET %s?", dialect_path(p->knows));
        strcpy(p->last, c->request);
        if (strncmp(c->request, search, strlen(search)) == 0) {
                p->n_searches++;
                if (!p->silent && p->delay_usec > 0)
                        CHECK(loop_timer_set_after(c->due, p->delay_usec) >= 0);
                else if (!p->silent)
                        fake_on_due(NULL, 0, c);
        } else if (strncmp(c->request, "GET /api/stats ", 15) == 0 && p->stats) {
                p->n_stats++;
                fake_send(c, 200, p->stats);
        } else if (strncmp(c->request, "GET /api/health ", 16) == 0 && p->health) {
                p->n_health++;
                fake_send(c, 200, p->health);
        } else {
                p->n_unknown += strstr(c->request, "search") != NULL;
                fake_send(c, 404, "no such page");
        }
}

static inline int fake_on_input(sd_event_source *s, int fd, uint32_t events, void *userdata)
{
        FakeCall *c = userdata;
        ssize_t n = recv(fd, c->request + c->size, sizeof(c->request) - 1 - c->size, MSG_DONTWAIT);

        if (n <= 0) {
                if (n == 0 || errno != EAGAIN)
                        fake_close(c);
                return 0;
        }
        c->size += (size_t) n;
        c->request[c->size] = '\0';
        if (strstr(c->request, "\r\n\r\n")) {
                c->size = 0;
                fake_answer(c);
        }
        return 0;
}

static inline int fake_on_connection(sd_event_source *s, int fd, uint32_t events, void *userdata)
{
        FakePeer *p = userdata;
        FakeCall *c = calloc(1, sizeof(*c));

        CHECK(c);
        c->peer = p;
        c->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        CHECK(c->fd >= 0);
        c->next = p->calls;
        p->calls = c;
        p->n_connections++;
        CHECK(sd_event_add_io(p->event, &c->input, c->fd, EPOLLIN, fake_on_input, c) >= 0);
        CHECK(sd_event_add_time(p->event, &c->due, CLOCK_BOOTTIME, USEC_NEVER, 1, fake_on_due, c) >= 0);
        return 0;
}

static inline void fake_start(FakePeer *p, sd_event *event, const char *body)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(a);

        *p = (FakePeer){.event = event, .body = body, .stats = "{\"stats\":{\"totalBooks\":7}}"};
        p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(p->fd >= 0);
        CHECK_INT(bind(p->fd, (struct sockaddr *) &a, size), 0);
        CHECK_INT(getsockname(p->fd, (struct sockaddr *) &a, &size), 0);
        CHECK_INT(listen(p->fd, 500), 0);
        p->port = ntohs(a.sin_port);
        CHECK_INT(loop_add_io(event, "fake-peer", p->fd, EPOLLIN, fake_on_connection, p, &p->source), 0);
}

static inline void fake_stop(FakePeer *p)
{
        while (p->calls)
                fake_close(p->calls);
        p->source = loop_source_free(p->source);
        if (p->fd >= 0)
                close(p->fd);
        p->fd = -1;
}

typedef struct World {
        sd_event *event;
        char folder[64];
        Resolver *resolver;
        FetchClient *fetch;
        Catalog *catalog;
        Peers *peers;
        Searcher *searcher;
        Config *config;
        FakePeer fakes[FAKES_MAX];
        size_t n_fakes;
        unsigned n_changes;
} World;

/* A node with these lines under `network:` beside its peers, p00, p01, … */
static inline Config *world_config(World *w, size_t n_peers, const char *network)
{
        _cleanup_text_ Text t = {0};
        Config *c = NULL;
        Error e = {0};

        text_add(&t,
                 "node: {id: me, name: \"My \\\"Shop\\\"\", url: 'http://127.0.0.1:9', revenue_share: 5}\n"
                 "listen: ['127.0.0.1:9']\n"
                 "failover: {runtime_dir: %s, status_dir: %s}\nnetwork:\n  %s\n  peers:",
                 w->folder, w->folder, network);
        if (n_peers == 0)
                text_add_string(&t, " []");
        text_add_string(&t, "\n");
        for (size_t i = 0; i < n_peers; i++)
                text_add(&t,
                         "    - {id: p%02zu, name: Shop %zu, url: 'http://127.0.0.1:%u', revenue_share: "
                         "%zu}\n",
                         i, i, w->fakes[i].port, 10 + i);
        CHECK(!t.failed);
        if (config_load_text("test.yaml", t.data, t.size, &c, &e) < 0) {
                fprintf(stderr, "%s\n", e.text);
                CHECK(false);
        }
        return c;
}

static inline void world_on_change(const Peer *peer, void *userdata)
{
        World *w = userdata;

        w->n_changes++;
}

static inline void world_reload(World *w, size_t n_peers, const char *network)
{
        Config *old = w->config;
        Error e;

        w->config = world_config(w, n_peers, network);
        CHECK_INT(peers_configure(w->peers, w->config, NULL, &e), 0);
        if (w->searcher)
                CHECK_INT(searcher_configure(w->searcher, w->config), 0);
        config_free(old);
}

static inline void world_open_peers(World *w)
{
        Error e;

        CHECK_INT(peers_new(w->event, w->fetch, w->folder, &w->peers), 0);
        CHECK_INT(peers_configure(w->peers, w->config, NULL, &e), 0);
        peers_on_change(w->peers, world_on_change, w);
}

static inline void world_begin(World *w, size_t n_peers, const char *network)
{
        *w = (World){.n_fakes = n_peers};
        alarm(100); /* a loop that never returns ends the test too */
        signal(SIGPIPE, SIG_IGN);
        strcpy(w->folder, "/tmp/test_search.XXXXXX");
        CHECK(mkdtemp(w->folder));
        CHECK(sd_event_new(&w->event) >= 0);
        for (size_t i = 0; i < n_peers; i++)
                fake_start(&w->fakes[i], w->event, "{\"results\":[]}");
        CHECK_INT(resolver_new(w->event, &w->resolver), 0);
        CHECK_INT(fetch_client_new(w->event, w->resolver, &w->fetch), 0);
        CHECK_INT(fetch_client_keep(w->fetch, 512), 0);
        w->config = world_config(w, n_peers, network);
        world_open_peers(w);
}

/* books: JSON Lines; NULL: none. */
static inline void world_open_shop(World *w, const char *books)
{
        _cleanup_free_ char *path = string_printf("%s/catalog.db", w->folder);
        Import *import = NULL;
        Error e = {0};

        if (books) {
                ImportOptions options = {.name = "books"};

                CHECK_INT(import_new(path, &options, &import, &e), 0);
                CHECK_INT(import_feed(import, books, strlen(books), &e), 0);
                CHECK_INT(import_finish(import, NULL, &e), 0);
                import_free(import);
        }
        CHECK_INT(catalog_new(w->event, path, &w->catalog), 0);
        CHECK_INT(searcher_new(&(SearcherOptions){.event = w->event,
                                                  .fetch = w->fetch,
                                                  .catalog = w->catalog,
                                                  .peers = w->peers,
                                                  .config = w->config},
                               &w->searcher),
                  0);
}

static inline void world_end(World *w)
{
        _cleanup_free_ char *command = string_printf("rm -r %s", w->folder);

        searcher_free(w->searcher);
        peers_free(w->peers);
        catalog_free(w->catalog);
        fetch_client_free(w->fetch);
        resolver_free(w->resolver);
        for (size_t i = 0; i < w->n_fakes; i++)
                fake_stop(&w->fakes[i]);
        sd_event_unref(w->event);
        config_free(w->config);
        CHECK_INT(system(command), 0);
        alarm(0);
}

#define RUN_UNTIL(w, condition)                                                   \
        do {                                                                      \
                uint64_t end_ = clock_boot_usec() + 30 * USEC_PER_SEC;            \
                while (!(condition)) {                                            \
                        CHECK(clock_boot_usec() < end_);                          \
                        CHECK(sd_event_run((w)->event, 50 * USEC_PER_MSEC) >= 0); \
                }                                                                 \
        } while (0)
