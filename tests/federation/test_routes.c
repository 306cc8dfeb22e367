/* SPDX-License-Identifier: MIT */
/* federation/routes.c, route_wait.c, listeners.c: with a catalog that answers when the test says so. */
#include "tests/http_fixture.h"

#include "federation/routes.h"

#include <ftw.h>

/* --- the catalog's stand-in: all of catalog.h, so that the real one is not linked --- */

struct CatalogAsk {
        char asked[200];
        unsigned limit;
        CatalogDone done;
        void *userdata;
};

static CatalogAsk *asks[64];
static size_t n_asks;
static bool open_catalog = true;

static int ask_new(const char *asked, unsigned limit, CatalogDone done, void *userdata, CatalogAsk **ret)
{
        CatalogAsk *ask = calloc(1, sizeof(*ask));

        CHECK(ask && n_asks < ELEMENTSOF(asks));
        snprintf(ask->asked, sizeof(ask->asked), "%s", asked);
        ask->limit = limit;
        ask->done = done;
        ask->userdata = userdata;
        *ret = asks[n_asks++] = ask;
        return 0;
}

int catalog_new(sd_event *event, const char *path, Catalog **ret)
{
        return -ENOSYS;
}

Catalog *catalog_free(Catalog *c)
{
        return NULL;
}

int catalog_search(Catalog *c, const Question *q, CatalogDone done, void *userdata, CatalogAsk **ret)
{
        return streq(q->text, "busy") ? -EBUSY : ask_new(q->text, q->limit, done, userdata, ret);
}

int catalog_get(Catalog *c, const char *id, CatalogDone done, void *userdata, CatalogAsk **ret)
{
        return ask_new(id, 1, done, userdata, ret);
}

int catalog_list(Catalog *c, unsigned limit, unsigned offset, CatalogDone done, void *userdata,
                 CatalogAsk **ret)
{
        return ask_new("all", limit, done, userdata, ret);
}

CatalogAsk *catalog_ask_free(CatalogAsk *ask)
{
        for (size_t i = 0; i < n_asks; i++)
                if (asks[i] == ask) {
                        memmove(&asks[i], &asks[i + 1], (n_asks - i - 1) * sizeof(*asks));
                        n_asks--;
                        free(ask);
                        return NULL;
                }
        CHECK(!ask);
        return NULL;
}

void catalog_facts(Catalog *c, CatalogFacts *ret)
{
        *ret = (CatalogFacts){
                        .open = open_catalog, .trouble = open_catalog ? "" : "the disk is full", .books = 3};
}

void catalog_note_import(Catalog *c, const ImportReport *report)
{
}

uint64_t catalog_generation(Catalog *c)
{
        return 7;
}

const char *catalog_categories(Catalog *c)
{
        return "{\"Fiction\":2,\"Law\":1}";
}

/* --- the world --- */

typedef struct World {
        Fixture x; /* its clients */
        Federation f;
} World;

static Config *config_of(const char *listen, const char *more)
{
        char text[1024];
        Config *c = NULL;
        Error e = {0};

        snprintf(text, sizeof(text),
                 "node: {id: shop, name: Shop, url: \"http://shop.example\"}\nlisten: [%s]\n%s", listen,
                 more);
        if (config_load_text("test.yaml", text, strlen(text), &c, &e) < 0)
                CHECK_STR(e.text, "");
        return c;
}

/* A port that nobody has. */
static unsigned port_free(void)
{
        struct sockaddr_in sa;
        socklen_t size = sizeof(sa);
        int fd;

        CHECK_INT(http_listen_tcp("127.0.0.1:0", &fd, NULL), 0);
        CHECK_INT(getsockname(fd, (struct sockaddr *) &sa, &size), 0);
        close(fd);
        return ntohs(sa.sin_port);
}

static char *listen_of(const World *w)
{
        static char text[64];

        snprintf(text, sizeof(text), "\"127.0.0.1:%u\"", w->x.port);
        return text;
}

static void world_start(World *w)
{
        Error e;

        *w = (World){0};
        open_catalog = true;
        w->x.port = port_free();
        CHECK_INT(sd_event_new(&w->x.event), 0);
        w->f.event = w->x.event;
        w->f.started_wall = 1;
        w->f.config = config_of(listen_of(w), "");
        snprintf(w->x.folder, sizeof(w->x.folder), "/tmp/test-routes-XXXXXX");
        CHECK(mkdtemp(w->x.folder));
        CHECK_INT(resolver_new(w->f.event, &w->f.resolver), 0);
        CHECK_INT(fetch_client_new(w->f.event, w->f.resolver, &w->f.fetch), 0);
        CHECK_INT(peers_new(w->f.event, w->f.fetch, w->x.folder, &w->f.peers), 0);
        CHECK_INT(routes_new(&w->f, &w->f.routes, &e), 0);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        return remove(path);
}

static void world_stop(World *w)
{
        w->f.routes = routes_free(w->f.routes);
        CHECK_INT(n_asks, 0);
        peers_free(w->f.peers);
        fetch_client_free(w->f.fetch);
        resolver_free(w->f.resolver);
        config_free(w->f.config);
        nftw(w->x.folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
        sd_event_unref(w->x.event);
}

static int reconfigure(World *w, Config *c, Error *e)
{
        int r = routes_reconfigure(w->f.routes, c, e);

        config_free(r < 0 ? c : w->f.config);
        if (r == 0)
                w->f.config = c;
        return r;
}

/* --- tests --- */

TEST(takes_paths_whole)
{
        World w;

        world_start(&w);
        check_has(curl(&w.x, "http://x/api/stats"), "\"totalBooks\":3");
        check_has(curl(&w.x, "http://x/api/stats/"), "\"categories\":[\"Fiction\",\"Law\"]");
        check_has(curl(&w.x, "http://x/api/statsx"), "no such thing");
        check_has(curl(&w.x, "http://x/api/bookx"), "no such thing");
        check_has(curl(&w.x, "http://x/api/stats//"), "no such thing");
        check_has(curl(&w.x, "http://x/api/book/"), "which book?");
        check_has(curl(&w.x, "-X POST http://x/api/stats"), "is for GET only");
        world_stop(&w);
}

TEST(says_why_the_catalog_does_not_answer)
{
        World w;

        world_start(&w);
        open_catalog = false;
        check_has(curl(&w.x, "-i http://x/api/stats"), "Retry-After: 1");
        check_has(curl(&w.x, "http://x/api/stats"), "the catalog cannot answer: the disk is full");
        check_has(curl(&w.x, "http://x/api/search?q=busy"), "the catalog cannot be asked: ");
        FILE *p = curl_start(&w.x, "-i http://x/api/search?q=dune");
        RUN_UNTIL(&w.x, n_asks == 1);
        CHECK_STR(asks[0]->asked, "dune");
        CHECK_INT(routes_waiting(w.f.routes), 1);
        asks[0]->done(asks[0], &(CatalogAnswer){.error = -EIO, .message = "the disk is broken"},
                      asks[0]->userdata);
        CHECK_INT(n_asks, 0);
        char *answer = curl_receive(&w.x, p, NULL);
        CHECK(strstr(answer, " 503 "));
        check_has(answer, "the catalog cannot answer: the disk is broken");
        pclose(p);
        world_stop(&w);
}

TEST(waits_for_the_catalog_five_seconds_and_no_longer)
{
        World w;
        FILE *p[3];

        world_start(&w);
        uint64_t began = clock_boot_usec();
        p[0] = curl_start(&w.x, "-i http://x/api/search?q=a");
        RUN_UNTIL(&w.x, n_asks == 1);
        p[1] = curl_start(&w.x, "-i http://x/api/book/b");
        RUN_UNTIL(&w.x, n_asks == 2);
        p[2] = curl_start(&w.x, "-i http://x/api/catalog");
        RUN_UNTIL(&w.x, n_asks == 3);
        /* One that is answered in time is no reason to forget the others. */
        asks[1]->done(asks[1], &(CatalogAnswer){0}, asks[1]->userdata);
        check_has(curl_receive(&w.x, p[1], NULL), " 404 ");
        check_has(curl_receive(&w.x, p[0], NULL), "has not answered within 5 s");
        CHECK(clock_boot_usec() - began >= WAIT_USEC);
        check_has(curl_receive(&w.x, p[2], NULL), " 503 ");
        CHECK_INT(n_asks, 0);
        CHECK_INT(routes_waiting(w.f.routes), 0);
        for (size_t i = 0; i < ELEMENTSOF(p); i++)
                pclose(p[i]);
        world_stop(&w);
}

TEST(ends_with_requests_that_wait)
{
        World w;

        world_start(&w);
        FILE *p = curl_start(&w.x, "http://x/api/search?q=a"),
             *q = curl_start(&w.x, "http://x/api/search?q=b");
        RUN_UNTIL(&w.x, n_asks == 2);
        world_stop(&w);
        pclose(p);
        pclose(q);
}

static void answer_long_page(void)
{
        static char description[LISTING_DESCRIPTION_MAX + 1];
        static Listing many[2000];

        memset(description, 'x', LISTING_DESCRIPTION_MAX);
        for (size_t i = 0; i < ELEMENTSOF(many); i++)
                many[i] = (Listing){"1", "T", "", "", description, "", "", "", "", "USD", .price_minor = 1};
        asks[0]->done(asks[0], &(CatalogAnswer){.listings = many, .n_listings = 2000, .total = 2000},
                      asks[0]->userdata);
}

TEST(a_page_of_long_books_ends_early_and_says_so)
{
        World w;

        world_start(&w);
        FILE *p = curl_start(&w.x, "http://x/api/catalog?limit=2000");
        RUN_UNTIL(&w.x, n_asks == 1);
        CHECK_INT(asks[0]->limit, 2000);
        answer_long_page();
        char *answer = curl_receive(&w.x, p, NULL);
        json_t *j = json_loads(answer, 0, NULL);
        CHECK(j);
        size_t n = json_array_size(json_object_get(j, "books"));
        CHECK(n > 900 && n < 1100);
        CHECK_INT(json_integer_value(json_object_get(j, "limit")), n);
        CHECK_INT(json_integer_value(json_object_get(j, "totalBooks")), 2000);
        json_decref(j);
        free(answer);
        pclose(p);
        world_stop(&w);
}

/* Asks for a page and takes none of it. */
static int page_left(World *w)
{
        int fd = raw_connect(&w->x), small = 4096;

        CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
        raw_send(fd, "GET /api/catalog?limit=2000 HTTP/1.1\r\nHost: x\r\n\r\n");
        return fd;
}

TEST(readers_who_take_nothing_do_not_take_all_memory)
{
        int fds[10];
        World w;

        world_start(&w);
        w.x.from = "127.0.0.1";
        for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
                fds[i] = page_left(&w);
                RUN_UNTIL(&w.x, n_asks == 1 || i >= 8);
                if (n_asks == 1)
                        answer_long_page();
        }
        HttpLimitsCounts counts;
        routes_limits(w.f.routes, &counts);
        CHECK(counts.answer_bytes >= 64 << 20 && counts.answer_bytes < 80 << 20);
        check_has(curl(&w.x, "-i http://x/api/books"), "too many pages");
        check_has(curl(&w.x, "http://x/api/store/info"), "\"success\":true");
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                close(fds[i]);
        RUN_UNTIL(&w.x, (routes_limits(w.f.routes, &counts), counts.answer_bytes == 0));
        world_stop(&w);
}

static unsigned counted;

static void count_search(const char *route, unsigned status, uint64_t n, void *userdata)
{
        if (streq(route, userdata))
                counted = (unsigned) n * 1000 + status;
}

TEST(counts_answers_by_route)
{
        World w;
        char route[] = "/api/search", other[] = "other";

        world_start(&w);
        free(curl(&w.x, "http://x/api/search"));
        free(curl(&w.x, "http://x/api/search?limit=1"));
        routes_count(w.f.routes, count_search, route);
        CHECK_INT(counted, 2400);
        free(curl(&w.x, "http://x/nothing"));
        routes_count(w.f.routes, count_search, other);
        CHECK_INT(counted, 1404);
        world_stop(&w);
}

TEST(a_reload_keeps_connections_unless_what_they_may_is_another)
{
        World w;
        Error e;

        world_start(&w);
        int fd = raw_connect(&w.x);
        raw_send(fd, "GET /api/store/info HTTP/1.1\r\nHost: x\r\n\r\n");
        free(raw_receive(&w.x, fd, "\"contact\":\"\"}}"));
        uint64_t epoch = routes_epoch(w.f.routes);
        CHECK_INT(reconfigure(&w, config_of(listen_of(&w), "limits: {per_address: 7}"), &e), 0);
        CHECK(routes_epoch(w.f.routes) != epoch);
        raw_send(fd, "GET /api/store/info HTTP/1.1\r\nHost: x\r\n\r\n");
        free(raw_receive(&w.x, fd, "\"contact\":\"\"}}"));
        CHECK_INT(reconfigure(&w, config_of(listen_of(&w), "limits: {body: 1KiB}"), &e), 0);
        free(raw_receive(&w.x, fd, NULL)); /* until it is closed */
        close(fd);
        check_has(curl(&w.x, "http://x/api/store/info"), "\"contact\":\"\"}}");
        world_stop(&w);
}

TEST(a_reload_that_fails_changes_nothing)
{
        World w;
        char listen[160];
        Error e;
        int taken;

        world_start(&w);
        CHECK_INT(http_listen_tcp("127.0.0.1:0", &taken, NULL), 0);
        struct sockaddr_in sa;
        socklen_t size = sizeof(sa);
        CHECK_INT(getsockname(taken, (struct sockaddr *) &sa, &size), 0);
        int fd = raw_connect(&w.x);
        raw_send(fd, "GET /api/store/info HTTP/1.1\r\nHost: x\r\n\r\n");
        free(raw_receive(&w.x, fd, "\"contact\":\"\"}}"));
        snprintf(listen, sizeof(listen), "%s, \"127.0.0.1:%u\"", listen_of(&w), ntohs(sa.sin_port));
        uint64_t epoch = routes_epoch(w.f.routes);
        CHECK_INT(reconfigure(&w, config_of(listen, "limits: {body: 1KiB}"), &e), -EADDRINUSE);
        CHECK(strstr(e.text, "127.0.0.1:"));
        CHECK(routes_epoch(w.f.routes) == epoch);
        raw_send(fd, "GET /api/store/info HTTP/1.1\r\nHost: x\r\n\r\n");
        free(raw_receive(&w.x, fd, "\"contact\":\"\"}}"));
        close(fd);
        close(taken);
        /* The same once that port is free, and back to the first alone. */
        CHECK_INT(reconfigure(&w, config_of(listen, ""), &e), 0);
        unsigned first = w.x.port;
        w.x.port = ntohs(sa.sin_port);
        check_has(curl(&w.x, "http://x/api/store/info"), "\"contact\":\"\"}}");
        w.x.port = first;
        CHECK_INT(reconfigure(&w, config_of(listen_of(&w), ""), &e), 0);
        check_has(curl(&w.x, "http://x/api/store/info"), "\"contact\":\"\"}}");
        w.x.port = ntohs(sa.sin_port);
        check_has(curl(&w.x, "http://x/api/store/info"), "connect");
        w.x.port = first;
        world_stop(&w);
}

MAIN()
