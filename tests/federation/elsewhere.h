/* SPDX-License-Identifier: MIT */
/* Another node's public side, on the test's loop, which answers what a test tells it to; and a guarded client that asks it. */
#pragma once

#include "base/clock.h"
#include "base/fetch.h"
#include "base/httpd.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct Elsewhere {
        sd_event *event;
        Resolver *resolver;
        FetchClient *client;
        HttpServer *server;
        char url[64], host_url[64]; /* by its address; by a name */
        /* Of path, or of all others. */
        const char *path, *location;
        unsigned status, other_status;
        const char *answer, *other_answer;
        bool silent;
        HttpRequest *held[4];
        size_t n_held;
        unsigned asked;
        char last_path[200], last_body[40000];
} Elsewhere;

static inline void elsewhere_answer(HttpRequest *r, void *userdata)
{
        Elsewhere *w = userdata;
        bool ours = w->path && strcmp(http_path(r), w->path) == 0;
        const char *answer = (ours ? w->answer : w->other_answer) ?: "";
        unsigned status = ours ? w->status : w->other_status;
        size_t size;
        const void *body = http_body(r, &size);

        w->asked++;
        snprintf(w->last_path, sizeof(w->last_path), "%s", http_path(r));
        snprintf(w->last_body, sizeof(w->last_body), "%.*s", (int) size, (const char *) body);
        if (w->silent) {
                CHECK(w->n_held < ELEMENTSOF(w->held));
                w->held[w->n_held++] = r;
                return;
        }
        if (w->location)
                CHECK_INT(http_add_header(r, "Location", w->location), 0);
        http_reply(r, status ?: 404, "application/json", answer, strlen(answer));
}

/* On the loop of who has one; it is to be closed before that goes. */
static inline void elsewhere_open_on(Elsewhere *w, sd_event *event)
{
        struct sockaddr_in a;
        socklen_t size = sizeof(a);
        HttpOptions options = {.handler = elsewhere_answer,
                               .userdata = w,
                               .body_max = 1 << 20,
                               .connections_max = 20};
        Error e = {""};

        *w = (Elsewhere){0};
        alarm(100);
        w->event = sd_event_ref(event);
        CHECK_INT(resolver_new(w->event, &w->resolver), 0);
        CHECK_INT(fetch_client_new(w->event, w->resolver, &w->client), 0);
        CHECK_INT(http_listen_tcp("127.0.0.1:0", &options.fd, &e), 0);
        CHECK_INT(getsockname(options.fd, (struct sockaddr *) &a, &size), 0);
        CHECK_INT(http_server_new(w->event, &options, &w->server, &e), 0);
        snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%u", ntohs(a.sin_port));
        snprintf(w->host_url, sizeof(w->host_url), "http://localhost:%u", ntohs(a.sin_port));
}

static inline void elsewhere_open(Elsewhere *w)
{
        sd_event *event;

        CHECK(sd_event_new(&event) >= 0);
        elsewhere_open_on(w, event);
        sd_event_unref(event);
}

static inline void elsewhere_close(Elsewhere *w)
{
        for (size_t i = 0; i < w->n_held; i++)
                http_reply_error(w->held[i], 503, "the test has ended");
        http_server_free(w->server);
        fetch_client_free(w->client);
        resolver_free(w->resolver);
        sd_event_unref(w->event);
        alarm(0);
}

#define ELSEWHERE_UNTIL(w, condition)                                             \
        do {                                                                      \
                uint64_t end_ = clock_boot_usec() + 30 * USEC_PER_SEC;            \
                while (!(condition)) {                                            \
                        CHECK(clock_boot_usec() < end_);                          \
                        CHECK(sd_event_run((w)->event, 50 * USEC_PER_MSEC) >= 0); \
                }                                                                 \
        } while (0)
