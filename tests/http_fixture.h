/* SPDX-License-Identifier: MIT */
/* A server in a folder of its own, with the handler that the tests of HTTP use, and clients: curl and raw sockets. */
#pragma once

#include "tests/test.h"

#include "base/clock.h"
#include "base/httpd.h"
#include "base/resolve.h"
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
        bool by_tcp;      /* curl */
        unsigned port;    /* setup_tcp(): curl and raw sockets; http://x/ is this one */
        const char *from; /* raw sockets come from this address, 127.0.0.1 when NULL */
        char client[ADDRESS_SIZE];
        char *big; /* of /big */
        size_t big_size;
        int file; /* of /file */
        uint64_t file_size;
        unsigned n_files, n_files_ended;
        HttpFile *files[8];
        void *thing; /* of a test's own handler */
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

static inline void on_file_ended(void *userdata)
{
        Fixture *f = userdata;
        f->n_files_ended++;
}

static inline void on_request(HttpRequest *r, void *userdata)
{
        Fixture *f = userdata;
        const char *path = http_path(r);
        size_t size;

        f->handled++;
        f->peer = *http_peer(r);
        snprintf(f->client, sizeof(f->client), "%s", http_client(r));
        if (streq(path, "/hello"))
                http_reply(r, 200, "text/plain", "hello\n", 6);
        else if (streq(path, "/big"))
                http_reply(r, 200, "text/plain", f->big, f->big_size);
        else if (streq(path, "/file")) {
                CHECK(f->n_files < ELEMENTSOF(f->files));
                CHECK_INT(http_reply_file(r, "text/plain", f->file, f->file_size, on_file_ended, f,
                                          &f->files[f->n_files++]),
                          0);
        } else if (streq(path, "/cached"))
                http_reply_cached(r, "text/plain", "cached\n", 7, NULL);
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
                int opened = http_stream_open(r, on_closed, f, &f->streams[f->n_streams]);
                if (opened == -EBUSY) {
                        http_reply_error(r, 503, "too many streams");
                        return;
                }
                CHECK_INT(opened, 0);
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
        options.handler = options.handler ? options.handler : on_request;
        options.userdata = f;
        CHECK_INT(http_server_new(f->event, &options, &f->server, NULL), 0);
}

/* On a port of its own, of 127.0.0.1. */
static inline void setup_tcp(Fixture *f, HttpOptions options)
{
        struct sockaddr_in sa;
        socklen_t size = sizeof(sa);

        memset(f, 0, sizeof(*f));
        snprintf(f->folder, sizeof(f->folder), "/tmp/test-httpd-XXXXXX");
        CHECK(mkdtemp(f->folder));
        CHECK_INT(sd_event_new(&f->event), 0);
        CHECK_INT(http_listen_tcp("127.0.0.1:0", &options.fd, NULL), 0);
        CHECK_INT(getsockname(options.fd, (struct sockaddr *) &sa, &size), 0);
        f->port = ntohs(sa.sin_port);
        options.handler = options.handler ? options.handler : on_request;
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
        if (f->socket[0])
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

static inline int raw_connect_tcp(const Fixture *f)
{
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t) f->port)}, from = to;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        CHECK(fd >= 0);
        CHECK_INT(inet_pton(AF_INET, "127.0.0.1", &to.sin_addr), 1);
        CHECK_INT(inet_pton(AF_INET, f->from ? f->from : "127.0.0.1", &from.sin_addr), 1);
        from.sin_port = 0;
        CHECK_INT(bind(fd, (struct sockaddr *) &from, sizeof(from)), 0);
        CHECK_INT(connect(fd, (struct sockaddr *) &to, sizeof(to)), 0);
        return fd;
}

static inline int raw_connect(const Fixture *f)
{
        if (f->port > 0)
                return raw_connect_tcp(f);
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
        char command[1024], to[64] = "";
        bool tcp = f->by_tcp || f->port > 0;
        if (f->port > 0)
                snprintf(to, sizeof(to), "--connect-to ::127.0.0.1:%u", f->port);
        snprintf(command, sizeof(command), "exec curl -sS --max-time 20 %s %s %s %s 2>&1",
                 tcp ? "--noproxy" : "--unix-socket", tcp ? "'*'" : f->socket, to, arguments);
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

/* Smuggling */

/* Each is one request with another one behind it that only some readers would see. */
_unused_ static const char *const smuggled[] = {
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
                "Content-Length: 5\r\nContent-Length: 0\r\n\r\n",
                "Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
                "Content-Length : 5\r\n\r\n",
                "Content-Length\t: 5\r\n\r\n",
                "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
                "Content-Length: +5\r\n\r\n",
                "Content-Length: 5, 5\r\n\r\n",
                "Content-Length: 0x5\r\n\r\n",
                "Content-Length: -1\r\n\r\n",
                "Content-Length: 5 5\r\n\r\n",
                "Content-Length:\r\n\r\n",
                "Content-Length: 99999999999999999999\r\n\r\n",
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "Transfer-Encoding: xchunked\r\n\r\n",
                "Transfer-Encoding: chunked, identity\r\n\r\n",
                "Transfer-Encoding: identity\r\n\r\n",
                "X Y: 1\r\n\r\n",
                "Host: y\r\n\r\n",
};

static inline void check_smuggled(Fixture *f)
{
        for (size_t i = 0; i < ELEMENTSOF(smuggled); i++) {
                char request[512];
                snprintf(request, sizeof(request),
                         "POST /hello HTTP/1.1\r\nHost: x\r\n%sGET /hello HTTP/1.1\r\nHost: x\r\n\r\n",
                         smuggled[i]);
                char *answer = raw_exchange(f, request); /* returns when the server has closed */
                if (strncmp(answer, "HTTP/1.1 4", 10) != 0 || strstr(answer, " 200 OK"))
                        fprintf(stderr, "request %zu:\n%s\n%s\n", i, request, answer);
                CHECK(strncmp(answer, "HTTP/1.1 4", 10) == 0);
                CHECK(!strstr(answer, " 200 OK"));
                free(answer);
        }
        char *answer = raw_exchange(f, "POST /hello HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        check_has(answer, " 400 ");
        CHECK_INT(f->handled, 0);
}
