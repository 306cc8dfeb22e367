/* SPDX-License-Identifier: MIT */
/* What the tests of the HTTP client share: a client, a resolver and misbehaving servers on one loop. */
#pragma once

#include "base/fetch.h"

#include "base/clock.h"
#include "tests/dns_server.h"
#include "tests/http_server.h"
#include "tests/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>

#define LONG (20 * USEC_PER_SEC)

typedef struct World {
        sd_event *event;
        char folder[64];
        DnsServer dns;
        HttpServer http;
        Resolver *resolver;
        FetchClient *client;
        char url[256];

        /* What came last. */
        int calls;
        bool free_in_done;
        FetchError error;
        unsigned status;
        char message[700], body[40000], content_type[128], retry_after[128], address[ADDRESS_SIZE];
        size_t body_size;
        uint64_t expires_usec, total_usec;
} World;

static inline const char *path_in(World *w, const char *name)
{
        static char paths[8][128];
        static unsigned next;
        char *path = paths[next++ % 8];

        snprintf(path, sizeof(paths[0]), "%s/%s", w->folder, name);
        return path;
}

static inline void file_write(const char *path, const char *text)
{
        FILE *f = fopen(path, "we");

        CHECK(f);
        fputs(text, f);
        CHECK_INT(fclose(f), 0);
}

static inline void world_begin(World *w)
{
        char text[128];

        memset(w, 0, sizeof(*w));
        alarm(100); /* a loop that never returns ends the test too */
        signal(SIGPIPE, SIG_IGN);
        strcpy(w->folder, "/tmp/test_fetch.XXXXXX");
        CHECK(mkdtemp(w->folder));
        CHECK(sd_event_new(&w->event) >= 0);
        dns_server_start(&w->dns, w->event);
        http_server_start(&w->http, w->event);
        snprintf(text, sizeof(text), "nameserver %s\n", w->dns.address);
        file_write(path_in(w, "resolv.conf"), text);
        file_write(path_in(w, "hosts"), "127.0.0.1 shop.test other.test xn--bcher-kva.test\n::1 both.test\n"
                                        "127.0.0.1 both.test\n");
        setenv("FAILOVERD_RESOLV_CONF", path_in(w, "resolv.conf"), 1);
        setenv("FAILOVERD_HOSTS", path_in(w, "hosts"), 1);
        setenv("http_proxy", "http://127.0.0.1:1/", 1); /* must not be used */
        setenv("ALL_PROXY", "http://127.0.0.1:1/", 1);
        CHECK_INT(resolver_new(w->event, &w->resolver), 0);
        CHECK_INT(fetch_client_new(w->event, w->resolver, &w->client), 0);
}

static inline void world_end(World *w)
{
        char command[128];

        fetch_client_free(w->client);
        resolver_free(w->resolver);
        http_server_stop(&w->http);
        dns_server_stop(&w->dns);
        sd_event_unref(w->event);
        snprintf(command, sizeof(command), "rm -r %s", w->folder);
        CHECK_INT(system(command), 0);
        alarm(0);
}

/* A URL on the test's server. */
static inline const char *at(World *w, const char *host, const char *path)
{
        snprintf(w->url, sizeof(w->url), "http://%s:%u%s", host, w->http.port, path);
        return w->url;
}

static inline void run_until(World *w, int calls)
{
        uint64_t end = clock_boot_usec() + 60 * USEC_PER_SEC;

        while (w->calls < calls) {
                CHECK(clock_boot_usec() < end);
                CHECK(sd_event_run(w->event, 100 * USEC_PER_MSEC) >= 0);
        }
}

static inline void run_for(World *w, uint64_t usec)
{
        uint64_t end = clock_boot_usec() + usec;

        while (clock_boot_usec() < end)
                CHECK(sd_event_run(w->event, end - MIN(end, clock_boot_usec())) >= 0);
}

static inline void on_done(Fetch *f, const FetchResult *result, void *userdata)
{
        World *w = userdata;

        w->calls++;
        w->error = result->error;
        w->status = result->status;
        w->body_size = result->body_size;
        w->expires_usec = result->certificate_expires_usec;
        w->total_usec = result->total_usec;
        CHECK(result->message && *result->message);
        CHECK_INT(result->body[result->body_size], 0);
        snprintf(w->message, sizeof(w->message), "%s", result->message);
        snprintf(w->body, sizeof(w->body), "%s", result->body);
        snprintf(w->content_type, sizeof(w->content_type), "%s", result->content_type);
        snprintf(w->retry_after, sizeof(w->retry_after), "%s", result->retry_after);
        snprintf(w->address, sizeof(w->address), "%s", result->address);
        if (w->free_in_done)
                fetch_free(f);
}

static inline FetchError fetch(World *w, const FetchRequest *request)
{
        FetchRequest copy = *request;
        Fetch *f = NULL;
        int calls = w->calls;

        if (copy.timeout_usec == 0)
                copy.timeout_usec = LONG;
        CHECK_INT(fetch_start(w->client, &copy, on_done, w, &f), 0);
        CHECK_INT(w->calls, calls); /* never from within */
        run_until(w, calls + 1);
        CHECK_INT(w->calls, calls + 1);
        fetch_free(f);
        return w->error;
}

static inline FetchError get(World *w, const char *path)
{
        return fetch(w, &(FetchRequest){.url = at(w, "127.0.0.1", path), .flags = FETCH_FRESH});
}
