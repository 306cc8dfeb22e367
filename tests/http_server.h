/* SPDX-License-Identifier: MIT */
/* An HTTP server on the test's own loop, on a free port of 127.0.0.1, that misbehaves as the path asks for. */
#pragma once

#include "base/loop.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct HttpServer HttpServer;

typedef struct HttpConnection {
        HttpServer *server;
        int fd;
        sd_event_source *source;
        char request[32768];
        size_t size;
        struct HttpConnection *next;
} HttpConnection;

struct HttpServer {
        sd_event *event;
        int fd;
        uint16_t port;
        sd_event_source *source;
        HttpConnection *connections;
        unsigned n_connections, n_requests;
        char last_request[32768];
        char redirect_to[512]; /* of /to */
        const void *raw;       /* of /raw: sent as it is, then closed */
        size_t raw_size;
        bool speaks_first; /* sends raw to every connection at once, and closes it when there is none */
};

static inline void http_connection_close(HttpConnection *c)
{
        HttpConnection **at = &c->server->connections;

        while (*at != c)
                at = &(*at)->next;
        *at = c->next;
        loop_source_free(c->source);
        close(c->fd);
        free(c);
}

static inline void http_send(HttpConnection *c, const void *data, size_t size)
{
        while (size > 0) { /* blocking: what tests send fits into the socket's buffers, or the client reads */
                ssize_t n = send(c->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

                if (n <= 0)
                        return;
                data = (const char *) data + n;
                size -= (size_t) n;
        }
}

static inline void http_answer(HttpConnection *c, int status, const char *headers, const char *body)
{
        char text[40000];
        int n = snprintf(text, sizeof(text), "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\n\r\n%s", status,
                         headers, strlen(body), body);

        http_send(c, text, MIN((size_t) n, sizeof(text) - 1));
}

/* Returns whether the connection stays open. */
static inline bool http_behave(HttpConnection *c, const char *path)
{
        HttpServer *s = c->server;
        char text[600];

        if (streq(path, "/silent"))
                return true;
        if (streq(path, "/close"))
                return false;
        if (streq(path, "/reset")) {
                struct linger hard = {1, 0};

                CHECK_INT(setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
                return false;
        }
        if (streq(path, "/half")) {
                http_send(c, "HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n0123456789", 49);
                return false;
        }
        if (streq(path, "/raw")) {
                http_send(c, s->raw, s->raw_size);
                return false;
        }
        if (strncmp(path, "/status/", 8) == 0)
                http_answer(c, atoi(path + 8), "Retry-After: 120\r\n", "some text");
        else if (strncmp(path, "/hops/", 6) == 0 && atoi(path + 6) > 0) {
                snprintf(text, sizeof(text), "Location: /hops/%d\r\nRetry-After: 7\r\n", atoi(path + 6) - 1);
                http_answer(c, 302, text, "moved");
        } else if (strncmp(path, "/to", 3) == 0) {
                snprintf(text, sizeof(text), "Location: %s\r\n", s->redirect_to);
                http_answer(c, path[3] ? atoi(path + 3) : 302, text, "moved");
        } else if (streq(path, "/echo"))
                http_answer(c, 200, "Content-Type: text/plain; charset=utf-8\r\n", c->request);
        else
                http_answer(c, 200, "Content-Type: text/plain\r\n", "hello");
        return true;
}

/* Whether a whole request is there. */
static inline bool http_complete(const HttpConnection *c)
{
        const char *end = strstr(c->request, "\r\n\r\n"),
                   *length = strcasestr(c->request, "\r\nContent-Length:");

        if (!end)
                return false;
        return !length || length > end ||
               c->size >= (size_t) (end + 4 - c->request) + (size_t) atol(length + 17);
}

static inline int http_on_input(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        HttpConnection *c = userdata;
        char path[600] = "";
        ssize_t n = recv(fd, c->request + c->size, sizeof(c->request) - 1 - c->size, MSG_DONTWAIT);

        if (n < 0 && errno == EAGAIN)
                return 0;
        if (n <= 0) {
                http_connection_close(c);
                return 0;
        }
        c->size += (size_t) n;
        c->request[c->size] = '\0';
        if (c->server->speaks_first && c->server->raw_size == 0) {
                http_connection_close(c);
                return 0;
        }
        if (!http_complete(c))
                return 0;
        c->server->n_requests++;
        strcpy(c->server->last_request, c->request);
        CHECK(sscanf(c->request, "%*s %599[^ ?]", path) == 1);
        if (!http_behave(c, path)) {
                http_connection_close(c);
                return 0;
        }
        c->size = 0;
        c->request[0] = '\0';
        return 0;
}

static inline int http_on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        HttpServer *s = userdata;
        HttpConnection *c = calloc(1, sizeof(*c));

        CHECK(c);
        c->server = s;
        c->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        if (c->fd < 0) { /* the client has gone again */
                free(c);
                return 0;
        }
        c->next = s->connections;
        s->connections = c;
        s->n_connections++;
        if (s->speaks_first)
                http_send(c, s->raw, s->raw_size);
        CHECK_INT(loop_add_io(s->event, "http-connection", c->fd, EPOLLIN, http_on_input, c, &c->source), 0);
        return 0;
}

static inline void http_server_listen(HttpServer *s, sd_event *event, const struct sockaddr *a,
                                      socklen_t size)
{
        struct sockaddr_in bound;
        socklen_t bound_size = sizeof(bound);

        *s = (HttpServer){.event = event};
        s->fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(s->fd >= 0);
        CHECK_INT(bind(s->fd, a, size), 0);
        CHECK_INT(listen(s->fd, 500), 0);
        if (a->sa_family == AF_INET) {
                CHECK_INT(getsockname(s->fd, (struct sockaddr *) &bound, &bound_size), 0);
                s->port = ntohs(bound.sin_port);
        }
        CHECK_INT(loop_add_io(event, "http-server", s->fd, EPOLLIN, http_on_connection, s, &s->source), 0);
}

static inline void http_server_start(HttpServer *s, sd_event *event)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

        http_server_listen(s, event, (struct sockaddr *) &a, sizeof(a));
}

static inline void http_server_stop(HttpServer *s)
{
        while (s->connections)
                http_connection_close(s->connections);
        s->source = loop_source_free(s->source);
        close(s->fd);
}
