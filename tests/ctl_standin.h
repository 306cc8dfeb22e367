/* SPDX-License-Identifier: MIT */
/* A stand-in for failoverd's control socket, which answers what a test tells it to, and failoverctl run against it.
 * It shows what the client does with answers; the daemon's own answers are tested with the daemon. */
#pragma once

#include "base/child.h"
#include "base/file.h"
#include "base/httpd.h"
#include "base/text.h"
#include "tests/ctl_samples.h"
#include "tests/test.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define STANDIN_STREAMS 8

typedef struct StandIn {
        sd_event *event;
        HttpServer *server;
        char folder[64], socket[96];
        unsigned status;    /* of the next answers */
        const char *answer; /* their body */
        const char *events; /* what /v1/events sends at once; NULL: it is refused */
        unsigned asked;
        char request[512], body[1024]; /* the last one: "POST /v1/mode" */
        HttpStream *streams[STANDIN_STREAMS];
        unsigned streamed;
        const char *columns; /* "COLUMNS=40"; NULL: unlimited */
        const char *zone;    /* "TZ=UTC-1"; NULL: UTC */
} StandIn;

typedef struct Ran {
        bool ended;
        int code;
        char *out, *err;
} Ran;

static void on_stream_closed(HttpStream *stream, void *userdata)
{
        StandIn *s = userdata;

        for (size_t k = 0; k < STANDIN_STREAMS; k++)
                if (s->streams[k] == stream)
                        s->streams[k] = NULL;
}

static void on_events_request(StandIn *s, HttpRequest *request)
{
        for (size_t k = 0; k < STANDIN_STREAMS; k++) {
                if (s->streams[k])
                        continue;
                CHECK_INT(http_stream_open(request, on_stream_closed, s, &s->streams[k]), 0);
                s->streamed++;
                CHECK_INT(http_stream_send(s->streams[k], "status", s->events), 0);
                return;
        }
        http_reply_error(request, 503, "too many");
}

static void on_request(HttpRequest *request, void *userdata)
{
        StandIn *s = userdata;
        const char *mode = http_query(request, "mode"), *limit = http_query(request, "limit"),
                   *q = http_query(request, "q"), *refresh = http_query(request, "refresh");
        size_t size = 0;
        const char *body = http_body(request, &size);

        s->asked++;
        snprintf(s->request, sizeof(s->request), "%s %s%s%s%s%s%s%s%s%s", http_method(request),
                 http_path(request), mode ? " mode=" : "", mode ? mode : "", limit ? " limit=" : "",
                 limit ? limit : "", q ? " q=" : "", q ? q : "", refresh ? " refresh=" : "",
                 refresh ? refresh : "");
        snprintf(s->body, sizeof(s->body), "%.*s", (int) size, body ? body : "");
        if (streq(http_path(request), "/v1/events") && s->events)
                on_events_request(s, request);
        else
                http_reply(request, s->status, "application/json", s->answer, strlen(s->answer));
}

static void standin_listen(StandIn *s)
{
        HttpOptions options = {.handler = on_request, .userdata = s};
        Error e = {};

        CHECK_INT(http_listen_unix(s->socket, 0600, (gid_t) -1, &options.fd, &e), 0);
        CHECK_INT(http_server_new(s->event, &options, &s->server, &e), 0);
}

static void standin_start(StandIn *s, unsigned status, const char *answer)
{
        *s = (StandIn){.status = status, .answer = answer, .folder = "/tmp/test-ctl-XXXXXX"};
        CHECK(mkdtemp(s->folder));
        snprintf(s->socket, sizeof(s->socket), "%s/control.sock", s->folder);
        CHECK(sd_event_new(&s->event) >= 0);
        standin_listen(s);
}

static void standin_stop(StandIn *s)
{
        s->server = http_server_free(s->server);
        (void) unlink(s->socket);
        (void) rmdir(s->folder);
        sd_event_unref(s->event);
}

static void on_ran(Child *child, const ChildResult *result, void *userdata)
{
        Ran *ran = userdata;

        CHECK_INT(result->error, 0);
        CHECK(!result->timed_out);
        CHECK_INT(result->code, CLD_EXITED);
        ran->code = result->status;
        ran->out = strdup(result->output);
        ran->err = strdup(result->errors);
        CHECK(ran->out && ran->err);
        ran->ended = true;
}

static void ran_clear(Ran *ran)
{
        free(ran->out);
        free(ran->err);
        *ran = (Ran){};
}

/* Runs failoverctl with these arguments (NULL-terminated) and serves it meanwhile; returns its exit code. */
_unused_ static int ctl_run(StandIn *s, Ran *ran, const char *const *arguments)
{
        const char *argv[24] = {BINARY_DIR "/failoverctl"};
        char socket[128], network[128];
        const char *environment[] = {socket, network, s->zone ? s->zone : "TZ=UTC", s->columns, NULL};
        ChildSpec spec = {.argv = argv,
                          .environment = environment,
                          .output_max = 1024 * 1024,
                          .timeout_usec = 60 * USEC_PER_SEC};
        _cleanup_(child_freep) Child *child = NULL;

        for (size_t k = 0; arguments[k]; k++) {
                CHECK(k + 2 < ELEMENTSOF(argv));
                argv[k + 1] = arguments[k];
        }
        snprintf(socket, sizeof(socket), "FAILOVERD_SOCKET=%s", s->socket);
        snprintf(network, sizeof(network), "FEDERATIOND_SOCKET=%s", s->socket);
        free(ran->out);
        free(ran->err);
        *ran = (Ran){};
        CHECK_INT(child_start(s->event, &spec, on_ran, ran, &child), 0);
        while (!ran->ended)
                CHECK(sd_event_run(s->event, UINT64_MAX) >= 0);
        return ran->code;
}

#define CTL(s, ran, ...) ctl_run(s, ran, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
