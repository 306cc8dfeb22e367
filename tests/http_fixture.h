/* SPDX-License-Identifier: MIT */
/* A server in a folder of its own, with the handler that the tests of HTTP use, and clients: curl and raw sockets. */
#pragma once

#include "tests/test.h"

#include "base/clock.h"
#include "base/httpd.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE (20 * USEC_PER_SEC)

typedef struct Fixture {
        sd_event *event;
        HttpServer *server;
        char folder[64], socket[96];
        unsigned handled;
        HttpRequest *pending[128]; /* of /later */
        size_t n_pending;
        HttpStream *streams[8];
        size_t n_streams, n_closed;
        HttpPeer peer;
        bool by_tcp; /* curl */
} Fixture;

static inline void on_closed(HttpStream *stream, void *userdata)
{
        Fixture *f = userdata;
        for (size_t i = 0; i < f->n_streams; i++)
                if (f->streams[i] == stream)
                        f->streams[i] = NULL;
        f->n_closed++;
}

static inline void reply_info(HttpRequest *r)
{
        size_t size;
        const char *body = http_body(r, &size);
        json_t *j = json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:s, s:i}", "method", http_method(r), "path",
                              http_path(r), "q", http_query(r, "q"), "flag", http_query(r, "flag"), "header",
                              http_header(r, "x-CASE"), "body", body, "size", (int) size);
        CHECK(j);
        http_reply_json(r, 200, j);
}

static inline void on_request(HttpRequest *r, void *userdata)
{
        Fixture *f = userdata;
        const char *path = http_path(r);
        size_t size;

        f->handled++;
        f->peer = *http_peer(r);
        if (streq(path, "/hello"))
                http_reply(r, 200, "text/plain", "hello\n", 6);
        else if (streq(path, "/echo")) {
                const void *body = http_body(r, &size);
                http_reply(r, 200, "application/octet-stream", body, size);
        } else if (strncmp(path, "/info", 5) == 0)
                reply_info(r);
        else if (streq(path, "/later")) {
                CHECK(f->n_pending < ELEMENTSOF(f->pending));
                f->pending[f->n_pending++] = r;
        } else if (streq(path, "/stream")) {
                CHECK_INT(http_add_header(r, "X-Extra", "yes"), 0);
                CHECK_INT(http_stream_open(r, on_closed, f, &f->streams[f->n_streams]), 0);
                f->n_streams++;
        } else if (streq(path, "/free")) {
                f->server = http_server_free(f->server);
                http_reply(r, 200, NULL, NULL, 0);
        } else if (streq(path, "/headers")) {
                CHECK_INT(http_add_header(r, "X-One", "1"), 0);
                CHECK_INT(http_add_header(r, "X-Evil", "a\r\nX-Injected: 1"), -EINVAL);
                http_reply(r, 204, NULL, NULL, 0);
        } else
                http_reply_error(r, 404, "there is no %s", path);
}

static inline void setup_with(Fixture *f, HttpOptions options)
{
        memset(f, 0, sizeof(*f));
        snprintf(f->folder, sizeof(f->folder), "/tmp/test-httpd-XXXXXX");
        CHECK(mkdtemp(f->folder));
        snprintf(f->socket, sizeof(f->socket), "%s/control.sock", f->folder);
        CHECK_INT(sd_event_new(&f->event), 0);
        CHECK_INT(http_listen_unix(f->socket, 0600, (gid_t) -1, &options.fd, NULL), 0);
        options.handler = on_request;
        options.userdata = f;
        CHECK_INT(http_server_new(f->event, &options, &f->server, NULL), 0);
}

static inline void setup(Fixture *f)
{
        setup_with(f, (HttpOptions){0});
}

static inline void teardown(Fixture *f)
{
        f->server = http_server_free(f->server);
        sd_event_unref(f->event);
        unlink(f->socket);
        CHECK_INT(rmdir(f->folder), 0);
}

static inline void turn(Fixture *f)
{
        CHECK(sd_event_run(f->event, 5 * USEC_PER_MSEC) >= 0);
}

#define RUN_UNTIL(f, condition)                                    \
        do {                                                       \
                uint64_t deadline_ = clock_boot_usec() + PATIENCE; \
                while (!(condition)) {                             \
                        CHECK(clock_boot_usec() < deadline_);      \
                        turn(f);                                   \
                }                                                  \
        } while (0)

/* Raw sockets */

static inline int raw_connect(const Fixture *f)
{
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", f->socket);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        CHECK_INT(connect(fd, (struct sockaddr *) &sa, sizeof(sa)), 0);
        return fd;
}

static inline void raw_send(int fd, const char *text)
{
        CHECK_INT(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What there is until text was seen, or until the server closes when text is NULL. Malloc'ed. */
static inline char *raw_receive(Fixture *f, int fd, const char *text)
{
        uint64_t deadline = clock_boot_usec() + PATIENCE;
        Text got = {0};
        char buffer[65536], *result;

        for (;;) {
                ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
                if (n > 0)
                        text_add_bytes(&got, buffer, (size_t) n);
                if (n == 0 || (n < 0 && errno == ECONNRESET) || (text && got.data && strstr(got.data, text)))
                        break;
                CHECK(clock_boot_usec() < deadline);
                if (n < 0)
                        turn(f);
        }
        CHECK_INT(text_take(&got, &result), 0);
        if (text && !strstr(result, text))
                CHECK_STR(result, text);
        return result;
}

/* Sends it all, then everything that comes until the server closes. */
static inline char *raw_exchange(Fixture *f, const char *request)
{
        int fd = raw_connect(f);
        raw_send(fd, request);
        char *answer = raw_receive(f, fd, NULL);
        close(fd);
        return answer;
}

/* curl, the program */

static inline FILE *curl_start(const Fixture *f, const char *arguments)
{
        char command[1024];
        snprintf(command, sizeof(command), "exec curl -sS --max-time 20 %s %s %s 2>&1",
                 f->by_tcp ? "--noproxy" : "--unix-socket", f->by_tcp ? "'*'" : f->socket, arguments);
        FILE *p = popen(command, "re");
        CHECK(p);
        CHECK_INT(fcntl(fileno(p), F_SETFL, O_NONBLOCK), 0);
        return p;
}

static inline char *curl_receive(Fixture *f, FILE *p, const char *text)
{
        uint64_t deadline = clock_boot_usec() + PATIENCE;
        Text got = {0};
        char buffer[65536], *result;

        for (;;) {
                ssize_t n = read(fileno(p), buffer, sizeof(buffer));
                if (n > 0)
                        text_add_bytes(&got, buffer, (size_t) n);
                if (n == 0 || (text && got.data && strstr(got.data, text)))
                        break;
                CHECK(clock_boot_usec() < deadline);
                turn(f);
        }
        CHECK_INT(text_take(&got, &result), 0);
        return result;
}

static inline char *curl(Fixture *f, const char *arguments)
{
        FILE *p = curl_start(f, arguments);
        char *answer = curl_receive(f, p, NULL);
        pclose(p);
        return answer;
}

static inline void check_curl(Fixture *f, const char *arguments, const char *wanted)
{
        char *answer = curl(f, arguments);
        CHECK_STR(answer, wanted);
        free(answer);
}

static inline void check_has(char *text, const char *part)
{
        if (!strstr(text, part))
                CHECK_STR(text, part);
        free(text);
}
