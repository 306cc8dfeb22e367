/* SPDX-License-Identifier: MIT */
/* The HTTP server against real clients: curl, our own, and raw sockets that misbehave. */
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

MAIN()

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

static void on_closed(HttpStream *stream, void *userdata)
{
        Fixture *f = userdata;
        for (size_t i = 0; i < f->n_streams; i++)
                if (f->streams[i] == stream)
                        f->streams[i] = NULL;
        f->n_closed++;
}

static void reply_info(HttpRequest *r)
{
        size_t size;
        const char *body = http_body(r, &size);
        json_t *j = json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:s, s:i}", "method", http_method(r), "path",
                              http_path(r), "q", http_query(r, "q"), "flag", http_query(r, "flag"), "header",
                              http_header(r, "x-CASE"), "body", body, "size", (int) size);
        CHECK(j);
        http_reply_json(r, 200, j);
}

static void on_request(HttpRequest *r, void *userdata)
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

static void setup_with(Fixture *f, HttpOptions options)
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

static void setup(Fixture *f)
{
        setup_with(f, (HttpOptions){0});
}

static void teardown(Fixture *f)
{
        f->server = http_server_free(f->server);
        sd_event_unref(f->event);
        unlink(f->socket);
        CHECK_INT(rmdir(f->folder), 0);
}

static void turn(Fixture *f)
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

static int raw_connect(const Fixture *f)
{
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", f->socket);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        CHECK_INT(connect(fd, (struct sockaddr *) &sa, sizeof(sa)), 0);
        return fd;
}

static void raw_send(int fd, const char *text)
{
        CHECK_INT(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What there is until text was seen, or until the server closes when text is NULL. Malloc'ed. */
static char *raw_receive(Fixture *f, int fd, const char *text)
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
static char *raw_exchange(Fixture *f, const char *request)
{
        int fd = raw_connect(f);
        raw_send(fd, request);
        char *answer = raw_receive(f, fd, NULL);
        close(fd);
        return answer;
}

/* curl, the program */

static FILE *curl_start(const Fixture *f, const char *arguments)
{
        char command[1024];
        snprintf(command, sizeof(command), "exec curl -sS --max-time 20 %s %s %s 2>&1",
                 f->by_tcp ? "--noproxy" : "--unix-socket", f->by_tcp ? "'*'" : f->socket, arguments);
        FILE *p = popen(command, "re");
        CHECK(p);
        CHECK_INT(fcntl(fileno(p), F_SETFL, O_NONBLOCK), 0);
        return p;
}

static char *curl_receive(Fixture *f, FILE *p, const char *text)
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

static char *curl(Fixture *f, const char *arguments)
{
        FILE *p = curl_start(f, arguments);
        char *answer = curl_receive(f, p, NULL);
        pclose(p);
        return answer;
}

static void check_curl(Fixture *f, const char *arguments, const char *wanted)
{
        char *answer = curl(f, arguments);
        CHECK_STR(answer, wanted);
        free(answer);
}

static void check_has(char *text, const char *part)
{
        if (!strstr(text, part))
                CHECK_STR(text, part);
        free(text);
}

TEST(answers_at_once)
{
        Fixture f;
        setup(&f);
        check_curl(&f, "http://x/hello", "hello\n");
        check_curl(&f, "-w '%{http_code} %{content_type}' http://x/hello", "hello\n200 text/plain");
        check_curl(&f, "-w ' %{http_code}' 'http://x/no%22w%0ahere'",
                   "{\"success\":false,\"error\":\"there is no /no\\\"w\\nhere\"} 404");
        teardown(&f);
}

TEST(a_head_request_gets_the_head_only)
{
        Fixture f;
        setup(&f);
        char *answer = raw_exchange(&f, "HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        CHECK(strstr(answer, "HTTP/1.1 200 OK\r\n"));
        CHECK(strstr(answer, "Content-Length: 6\r\n"));
        CHECK(!strstr(answer, "hello"));
        free(answer);
        teardown(&f);
}

TEST(the_handler_sees_the_request_as_it_was_meant)
{
        Fixture f;
        setup(&f);
        check_curl(&f, "-X PUT -H 'X-Case: Value' -d 'a=b' 'http://x/info/a%2Fb%20c?q=1+2%263&flag&x=%zz'",
                   "{\"method\":\"PUT\",\"path\":\"/info/a/b c\",\"q\":\"1 "
                   "2&3\",\"flag\":\"\",\"header\":\"Value\","
                   "\"body\":\"a=b\",\"size\":3}");
        check_curl(&f, "'http://x/info%00/secret'",
                   "{\"method\":\"GET\",\"path\":\"/info%00/"
                   "secret\",\"q\":null,\"flag\":null,\"header\":null,"
                   "\"body\":\"\",\"size\":0}");
        teardown(&f);
}

TEST(headers_are_added_but_none_can_be_injected)
{
        Fixture f;
        setup(&f);
        char *answer = curl(&f, "-i http://x/headers");
        CHECK(strstr(answer, "X-One: 1\r\n"));
        CHECK(!strstr(answer, "njected"));
        check_has(answer, "204 No Content");
        teardown(&f);
}

TEST(answers_later_in_any_order)
{
        enum { N = 40 };
        Fixture f;
        int fds[N];
        setup(&f);
        for (int i = 0; i < N; i++) {
                char request[128];
                fds[i] = raw_connect(&f);
                snprintf(request, sizeof(request), "GET /later?n=%d HTTP/1.1\r\nHost: x\r\n\r\n", i);
                raw_send(fds[i], request);
        }
        RUN_UNTIL(&f, f.n_pending == N);
        check_curl(&f, "http://x/hello", "hello\n"); /* nobody is held up */
        for (int i = N - 1; i >= 0; i--) {
                const char *n = http_query(f.pending[i], "n");
                http_reply(f.pending[i], 200, "text/plain", n, strlen(n));
        }
        for (int i = 0; i < N; i++) {
                char end[16];
                snprintf(end, sizeof(end), "\r\n\r\n%d", i);
                free(raw_receive(&f, fds[i], end));
                close(fds[i]);
        }
        teardown(&f);
}

TEST(a_body_up_to_the_limit_is_taken_and_more_is_413)
{
        Fixture f;
        char name[128], arguments[512];
        setup_with(&f, (HttpOptions){.body_max = 100000});
        snprintf(name, sizeof(name), "%s/data", f.folder);
        FILE *file = fopen(name, "w");
        CHECK(file);
        for (int i = 0; i < 100000; i++)
                fputc("0123456789"[i % 10], file);
        fclose(file);

        snprintf(arguments, sizeof(arguments), "--data-binary @%s http://x/echo | cmp - %s && echo same",
                 name, name);
        check_curl(&f, arguments, "same\n");
        snprintf(arguments, sizeof(arguments),
                 "-H 'Transfer-Encoding: chunked' --data-binary @%s http://x/echo | cmp - %s && echo same",
                 name, name);
        check_curl(&f, arguments, "same\n");
        file = fopen(name, "a");
        fputc('x', file);
        fclose(file);
        CHECK_INT(f.handled, 2);
        snprintf(arguments, sizeof(arguments), "-w ' %%{http_code}' --data-binary @%s http://x/echo", name);
        check_curl(&f, arguments, "{\"success\":false,\"error\":\"the body is too large\"} 413");
        snprintf(arguments, sizeof(arguments),
                 "-H 'Transfer-Encoding: chunked' -w ' %%{http_code}' --data-binary @%s http://x/echo", name);
        check_curl(&f, arguments, "{\"success\":false,\"error\":\"the body is too large\"} 413");
        CHECK_INT(f.handled, 2);
        unlink(name);
        teardown(&f);
}

/* Each is one request with another one behind it that only some readers would see. */
static const char *const smuggled[] = {
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

TEST(what_could_be_read_in_two_ways_is_refused_and_closed)
{
        Fixture f;
        setup(&f);
        for (size_t i = 0; i < ELEMENTSOF(smuggled); i++) {
                char request[512];
                snprintf(request, sizeof(request),
                         "POST /hello HTTP/1.1\r\nHost: x\r\n%sGET /hello HTTP/1.1\r\nHost: x\r\n\r\n",
                         smuggled[i]);
                char *answer = raw_exchange(&f, request); /* returns when the server has closed */
                if (strncmp(answer, "HTTP/1.1 4", 10) != 0 || strstr(answer, " 200 OK"))
                        fprintf(stderr, "request %zu:\n%s\n%s\n", i, request, answer);
                CHECK(strncmp(answer, "HTTP/1.1 4", 10) == 0);
                CHECK(!strstr(answer, " 200 OK"));
                free(answer);
        }
        char *answer = raw_exchange(&f,
                                    "POST /hello HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        check_has(answer, " 400 ");
        CHECK_INT(f.handled, 0);
        teardown(&f);
}

TEST(two_requests_in_one_piece_get_two_answers)
{
        Fixture f;
        setup(&f);
        char *answer = raw_exchange(&f, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
                                        "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        char *first = strstr(answer, "\r\n\r\none");
        CHECK(first);
        CHECK(strstr(first, "\r\n\r\nhello\n"));
        free(answer);
        CHECK_INT(f.handled, 2);
        teardown(&f);
}

/* Sends text byte by byte every 20 ms until the server closes; returns when that was, after start. */
static uint64_t drip(Fixture *f, int fd, const char *begin, const char *drops)
{
        uint64_t start = clock_boot_usec(), next = start;
        char byte;

        raw_send(fd, begin);
        for (size_t i = 0;;) {
                ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
                if (n == 0 || (n < 0 && errno != EAGAIN))
                        return clock_boot_usec() - start;
                CHECK(clock_boot_usec() - start < PATIENCE);
                if (clock_boot_usec() >= next) {
                        next += 20 * USEC_PER_MSEC;
                        if (drops[i])
                                (void) send(fd, &drops[i++ % strlen(drops)], 1, MSG_NOSIGNAL);
                }
                turn(f);
        }
}

static void check_dripper(const char *begin)
{
        static char drops[2000];
        Fixture f;

        memset(drops, 'a', sizeof(drops) - 1);
        setup_with(&f, (HttpOptions){.receive_timeout_usec = 400 * USEC_PER_MSEC});
        int fd = raw_connect(&f);
        uint64_t after = drip(&f, fd, begin, drops);
        CHECK(after >= 350 * USEC_PER_MSEC);
        CHECK(after < 5 * USEC_PER_SEC);
        close(fd);
        CHECK_INT(f.handled, 0);
        check_curl(&f, "http://x/hello", "hello\n");
        teardown(&f);
}

TEST(who_drips_a_request_line_is_closed_at_the_deadline)
{
        check_dripper("GET /");
}

TEST(who_drips_a_header_is_closed_at_the_deadline)
{
        check_dripper("GET /hello HTTP/1.1\r\nHost: x\r\nX-Long: ");
}

TEST(who_drips_a_body_is_closed_at_the_deadline)
{
        check_dripper("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n");
}

TEST(who_says_nothing_is_closed_at_the_deadline)
{
        Fixture f;
        setup_with(&f, (HttpOptions){.receive_timeout_usec = 200 * USEC_PER_MSEC});
        int fd = raw_connect(&f);
        uint64_t start = clock_boot_usec();
        free(raw_receive(&f, fd, NULL));
        CHECK(clock_boot_usec() - start < 5 * USEC_PER_SEC);
        close(fd);
        fd = raw_connect(&f); /* after a request, too */
        raw_send(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
        check_has(raw_receive(&f, fd, NULL), "hello\n");
        close(fd);
        teardown(&f);
}

TEST(a_request_in_the_works_has_no_receive_deadline)
{
        Fixture f;
        setup_with(&f, (HttpOptions){.receive_timeout_usec = 50 * USEC_PER_MSEC});
        int fd = raw_connect(&f);
        raw_send(fd, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
        RUN_UNTIL(&f, f.n_pending == 1);
        uint64_t until = clock_boot_usec() + 300 * USEC_PER_MSEC;
        RUN_UNTIL(&f, clock_boot_usec() > until);
        http_reply(f.pending[0], 200, NULL, "late", 4);
        free(raw_receive(&f, fd, "\r\n\r\nlate"));
        close(fd);
        teardown(&f);
}

TEST(thousands_of_requests_on_one_connection_and_on_many)
{
        Fixture f;
        setup(&f);
        int fd = raw_connect(&f);
        for (int i = 0; i < 3000; i++) {
                raw_send(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
                free(raw_receive(&f, fd, "\r\n\r\nhello\n"));
        }
        close(fd);
        for (int i = 0; i < 2000; i++)
                check_has(raw_exchange(&f, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
                          "\r\n\r\nhello\n");
        CHECK_INT(f.handled, 5000);
        teardown(&f);
}

TEST(at_the_limit_of_connections_others_wait_for_one_to_leave)
{
        Fixture f;
        int fds[3];
        setup_with(&f, (HttpOptions){.connections_max = 3});
        for (size_t i = 0; i < 3; i++) {
                fds[i] = raw_connect(&f);
                raw_send(fds[i], "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
        }
        RUN_UNTIL(&f, f.n_pending == 3);
        int fd = raw_connect(&f);
        raw_send(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
        for (int i = 0; i < 20; i++)
                turn(&f);
        CHECK_INT(f.handled, 3);
        http_reply(f.pending[0], 200, NULL, "one", 3);
        free(raw_receive(&f, fds[0], "one"));
        close(fds[0]);
        free(raw_receive(&f, fd, "hello\n"));
        close(fd);
        for (size_t i = 1; i < 3; i++) {
                http_reply(f.pending[i], 200, NULL, NULL, 0);
                close(fds[i]);
        }
        teardown(&f);
}

TEST(a_client_that_vanishes_does_no_harm)
{
        Fixture f;
        setup(&f);
        const char *const parts[] = {"", "GET /he", "GET /hello HTTP/1.1\r\nHo",
                                     "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1234"};
        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                int fd = raw_connect(&f);
                raw_send(fd, parts[i]);
                turn(&f);
                close(fd);
                turn(&f);
        }
        CHECK_INT(f.handled, 0);
        for (size_t i = 0; i < 20; i++) { /* while the handler works on it */
                int fd = raw_connect(&f);
                raw_send(fd, "POST /later?q=kept HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n1234");
                RUN_UNTIL(&f, f.n_pending == i + 1);
                close(fd);
        }
        for (int i = 0; i < 10; i++)
                turn(&f);
        for (size_t i = 0; i < 20; i++) {
                CHECK_STR(http_query(f.pending[i], "q"), "kept");
                CHECK_STR((const char *) http_body(f.pending[i], NULL), "1234");
                http_reply(f.pending[i], 200, NULL, "nobody", 6);
        }
        check_curl(&f, "http://x/hello", "hello\n");
        teardown(&f);
}

TEST(a_stream_reaches_two_clients_in_order)
{
        Fixture f;
        setup(&f);
        FILE *a = curl_start(&f, "-N http://x/stream");
        RUN_UNTIL(&f, f.n_streams == 1);
        FILE *b = curl_start(&f, "-N -i http://x/stream");
        RUN_UNTIL(&f, f.n_streams == 2);
        for (int i = 0; i < 100; i++) {
                char data[32];
                snprintf(data, sizeof(data), "{\"n\":%d}", i);
                for (size_t k = 0; k < 2; k++)
                        CHECK_INT(http_stream_send(f.streams[k], i % 2 ? "mode" : NULL, data), 0);
                turn(&f);
        }
        char *got = curl_receive(&f, b, "{\"n\":99}\n\n");
        CHECK(strstr(got, "Content-Type: text/event-stream\r\n"));
        CHECK(strstr(got, "X-Extra: yes\r\n"));
        CHECK(strstr(got, "\r\n\r\ndata: {\"n\":0}\n\nevent: mode\ndata: {\"n\":1}\n\ndata: {\"n\":2}\n\n"));
        free(got);
        HttpStream *first = f.streams[0], *second = f.streams[1];
        CHECK(!http_stream_close(first));
        CHECK_INT(f.n_closed, 1); /* closed() was called */
        got = curl_receive(&f, a, NULL);
        CHECK(strstr(got, "data: {\"n\":0}\n\n"));
        CHECK_STR(got + strlen(got) - 16, "data: {\"n\":99}\n\n");
        free(got);
        CHECK(!http_stream_close(second));
        free(curl_receive(&f, b, NULL));
        CHECK_INT(pclose(a), 0); /* a clean end of the transfer */
        CHECK_INT(pclose(b), 0);
        CHECK_INT(f.n_closed, 2);
        teardown(&f);
}

TEST(a_stream_may_be_opened_later)
{
        Fixture f;
        setup(&f);
        FILE *p = curl_start(&f, "-N http://x/later");
        RUN_UNTIL(&f, f.n_pending == 1);
        CHECK_INT(http_stream_open(f.pending[0], on_closed, &f, &f.streams[0]), 0);
        f.n_streams = 1;
        CHECK_INT(http_stream_send(f.streams[0], NULL, "now"), 0);
        check_has(curl_receive(&f, p, "now\n\n"), "data: now\n\n");
        http_stream_close(f.streams[0]);
        check_has(curl_receive(&f, p, NULL), "");
        CHECK_INT(pclose(p), 0);
        teardown(&f);
}

TEST(a_comment_is_sent_while_nothing_happens)
{
        Fixture f;
        setup_with(&f, (HttpOptions){.stream_ping_usec = 50 * USEC_PER_MSEC,
                                     .receive_timeout_usec = USEC_PER_SEC / 10});
        FILE *p = curl_start(&f, "-N http://x/stream");
        check_has(curl_receive(&f, p, ":\n\n:\n\n:\n\n:\n\n"), ":\n\n:\n\n");
        CHECK_INT(f.n_closed, 0);
        http_stream_close(f.streams[0]);
        free(curl_receive(&f, p, NULL));
        CHECK_INT(pclose(p), 0);
        teardown(&f);
}

TEST(a_stream_whose_client_left_is_closed_at_once)
{
        Fixture f;
        setup(&f); /* the first comment would come after 15 s */
        int fd = raw_connect(&f);
        raw_send(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
        free(raw_receive(&f, fd, "event-stream"));
        CHECK_INT(f.n_streams, 1);
        uint64_t start = clock_boot_usec();
        close(fd);
        RUN_UNTIL(&f, f.n_closed == 1);
        CHECK(clock_boot_usec() - start < 5 * USEC_PER_SEC);
        CHECK(!f.streams[0]);
        teardown(&f);
}

TEST(a_client_that_does_not_read_is_cut_off_at_256_kib)
{
        char data[1001];
        Fixture f;
        int r, sent = 0;

        memset(data, 'x', sizeof(data) - 1);
        data[sizeof(data) - 1] = '\0';
        setup(&f);
        int fd = raw_connect(&f);
        raw_send(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
        RUN_UNTIL(&f, f.n_streams == 1);
        HttpStream *s = f.streams[0];
        while ((r = http_stream_send(s, NULL, data)) == 0) {
                CHECK_INT(f.n_closed, 0); /* never called from within */
                CHECK(++sent < 5000);
                turn(&f);
        }
        CHECK_INT(r, -ENOBUFS);
        CHECK(sent >= 256);
        CHECK_INT(f.n_closed, 0);
        CHECK_INT(http_stream_send(s, NULL, data), -EPIPE);
        RUN_UNTIL(&f, f.n_closed == 1);
        close(fd);
        check_curl(&f, "http://x/hello", "hello\n");
        teardown(&f);
}

TEST(a_client_that_stops_reading_is_noticed_by_the_comments)
{
        char data[1001];
        Fixture f;

        memset(data, 'x', sizeof(data) - 1);
        data[sizeof(data) - 1] = '\0';
        setup_with(&f, (HttpOptions){.stream_ping_usec = 50 * USEC_PER_MSEC});
        int fd = raw_connect(&f), small = 4096;
        CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
        raw_send(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
        RUN_UNTIL(&f, f.n_streams == 1);
        for (int i = 0; i < 250; i++)
                CHECK_INT(http_stream_send(f.streams[0], NULL, data), 0);
        RUN_UNTIL(&f, f.n_closed == 1);
        close(fd);
        teardown(&f);
}

TEST(a_freed_server_ends_streams_and_leaves_requests_answerable)
{
        Fixture f;
        int fds[6];
        setup(&f);
        for (size_t i = 0; i < 6; i++) {
                fds[i] = raw_connect(&f);
                raw_send(fds[i], i < 2   ? "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"
                                 : i < 5 ? "GET /later?q=kept HTTP/1.1\r\nHost: x\r\nX-Case: too\r\n\r\n"
                                         : "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n");
        }
        RUN_UNTIL(&f, f.n_streams == 2 && f.n_pending == 3);
        CHECK_INT(http_stream_send(f.streams[0], NULL, "waits"), 0);
        http_reply(f.pending[2], 200, NULL, "on its way", 10);
        f.server = http_server_free(f.server);
        CHECK_INT(f.n_closed, 2);
        CHECK_STR(http_query(f.pending[0], "q"), "kept");
        CHECK_STR(http_header(f.pending[0], "X-Case"), "too");
        HttpStream *s = NULL;
        CHECK_INT(http_stream_open(f.pending[0], on_closed, &f, &s), -EPIPE);
        http_reply_error(f.pending[0], 503, "too late");
        http_reply_json(f.pending[1], 200, json_object());
        for (size_t i = 0; i < 6; i++) {
                free(raw_receive(&f, fds[i], NULL));
                close(fds[i]);
        }
        CHECK_INT(f.n_closed, 2);
        teardown(&f);
}

TEST(a_server_may_be_freed_by_its_handler)
{
        Fixture f;
        setup(&f);
        int stream = raw_connect(&f), fd = raw_connect(&f);
        raw_send(stream, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
        RUN_UNTIL(&f, f.n_streams == 1);
        raw_send(fd, "GET /free HTTP/1.1\r\nHost: x\r\n\r\n");
        free(raw_receive(&f, fd, NULL));
        CHECK(!f.server);
        RUN_UNTIL(&f, f.n_closed == 1);
        close(fd);
        close(stream);
        teardown(&f);
}

TEST(an_idle_server_sleeps)
{
        Fixture f;
        setup(&f);
        FILE *p = curl_start(&f, "-N http://x/stream");
        int fd = raw_connect(&f);
        raw_send(fd, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
        RUN_UNTIL(&f, f.n_streams == 1 && f.n_pending == 1);
        for (int i = 0; i < 20; i++)
                turn(&f);
        int turns = 0;
        for (uint64_t until = clock_boot_usec() + 300 * USEC_PER_MSEC; clock_boot_usec() < until; turns++)
                CHECK(sd_event_run(f.event, 100 * USEC_PER_MSEC) >= 0);
        CHECK(turns <= 6);
        http_reply(f.pending[0], 200, NULL, NULL, 0);
        http_stream_close(f.streams[0]);
        free(curl_receive(&f, p, NULL));
        pclose(p);
        close(fd);
        teardown(&f);
}

TEST(knows_who_is_on_the_other_end_of_a_unix_socket)
{
        gid_t mine[64];
        Fixture f;
        setup(&f);
        FILE *p = curl_start(&f, "http://x/hello");
        free(curl_receive(&f, p, NULL));
        pclose(p);
        CHECK(f.peer.known);
        CHECK_INT(f.peer.uid, getuid());
        CHECK_INT(f.peer.gid, getgid());
        CHECK(f.peer.pid > 1 && f.peer.pid != getpid());
        int n = getgroups(64, mine);
        CHECK_INT(f.peer.n_groups, n);
        CHECK(memcmp(f.peer.groups, mine, (size_t) n * sizeof(gid_t)) == 0);
        teardown(&f);
}

TEST(serves_tcp_with_nobody_known)
{
        struct sockaddr_in sa;
        socklen_t size = sizeof(sa);
        Fixture f;
        HttpServer *tcp;
        HttpOptions options = {.handler = on_request, .userdata = &f};
        char arguments[128];

        setup(&f);
        CHECK_INT(http_listen_tcp("127.0.0.1:0", &options.fd, NULL), 0);
        CHECK_INT(getsockname(options.fd, (struct sockaddr *) &sa, &size), 0);
        CHECK_INT(http_server_new(f.event, &options, &tcp, NULL), 0);
        snprintf(arguments, sizeof(arguments), "http://127.0.0.1:%d/hello", ntohs(sa.sin_port));
        f.by_tcp = true;
        check_curl(&f, arguments, "hello\n");
        CHECK(!f.peer.known);
        http_server_free(tcp);
        teardown(&f);
}

TEST(a_tcp_address_must_be_one)
{
        const char *const bad[] = {"",           "127.0.0.1",       ":80",          "localhost:80",
                                   "127.0.0.1:", "127.0.0.1:x",     "::1:80",       "[::1]",
                                   "[::1:80",    "127.0.0.1:65536", "1.2.3.4.5:80", "127.0.0.1:-1"};
        int fd = -1;
        Error e;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                CHECK_INT(http_listen_tcp(bad[i], &fd, &e), -EINVAL);
        CHECK_STR(e.text, "127.0.0.1:-1: not an address and a port, such as 127.0.0.1:9440 or [::1]:9440");
        CHECK_INT(fd, -1);
}

TEST(a_unix_socket_appears_with_its_mode_and_replaces_a_stale_one_only)
{
        struct stat st;
        Fixture f;
        Error e;
        char other[128];
        int fd = -1;

        setup(&f);
        CHECK_INT(stat(f.socket, &st), 0);
        CHECK_INT(st.st_mode & 07777, 0600);
        CHECK_INT(http_listen_unix(f.socket, 0600, (gid_t) -1, &fd, &e), -EADDRINUSE);
        check_curl(&f, "http://x/hello", "hello\n"); /* the live one still lives */
        f.server = http_server_free(f.server);

        mode_t before = umask(0777);
        CHECK_INT(http_listen_unix(f.socket, 0660, getgid(), &fd, &e), 0);
        umask(before);
        CHECK_INT(stat(f.socket, &st), 0);
        CHECK_INT(st.st_mode & 07777, 0660);
        close(fd);
        fd = -1;

        snprintf(other, sizeof(other), "%s/file", f.folder);
        FILE *file = fopen(other, "w");
        CHECK(file);
        fclose(file);
        CHECK_INT(http_listen_unix(other, 0600, (gid_t) -1, &fd, &e), -EEXIST);
        CHECK_INT(unlink(other), 0);
        CHECK_INT(http_listen_unix("/nonexistent/sock", 0600, (gid_t) -1, &fd, &e), -ENOENT);
        char *name = string_printf("%s/%0120d", f.folder, 1);
        CHECK_INT(http_listen_unix(name, 0600, (gid_t) -1, &fd, &e), -ENAMETOOLONG);
        free(name);
        CHECK_INT(fd, -1);
        teardown(&f); /* removes the folder, in which nothing was left behind */
}

TEST(a_live_socket_with_a_full_backlog_counts_as_live)
{
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        char folder[] = "/tmp/test-httpd-XXXXXX";
        int fds[64], n = 0, fd = -1;

        CHECK(mkdtemp(folder));
        snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/s", folder);
        int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_INT(bind(listener, (struct sockaddr *) &sa, sizeof(sa)), 0);
        CHECK_INT(listen(listener, 1), 0);
        do
                fds[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        while (connect(fds[n++], (struct sockaddr *) &sa, sizeof(sa)) == 0 && n < 64);
        CHECK(n < 64);
        CHECK_INT(http_listen_unix(sa.sun_path, 0600, (gid_t) -1, &fd, NULL), -EADDRINUSE);
        while (n > 0)
                close(fds[--n]);
        close(listener);
        unlink(sa.sun_path);
        CHECK_INT(rmdir(folder), 0);
}

/* Our own client is synchronous: it runs in a thread beside the loop. */

typedef struct Asker {
        Fixture *f;
        const char *method, *target, *body;
        uint64_t timeout_usec;
        int r;
        unsigned status;
        char *answer;
        Error e;
        bool follow;
        char events[4096];
        int stop_after;
        volatile bool ended;
} Asker;

static int on_event_line(const char *event, const char *data, void *userdata)
{
        Asker *a = userdata;
        size_t size = strlen(a->events);
        snprintf(a->events + size, sizeof(a->events) - size, "%s=%s;", event, data);
        return a->stop_after > 0 && --a->stop_after == 0 ? 42 : 0;
}

static void *asker_main(void *userdata)
{
        Asker *a = userdata;
        if (a->follow)
                a->r = http_follow_unix(a->f->socket, a->target, on_event_line, a, &a->e);
        else
                a->r = http_ask_unix(a->f->socket, a->method, a->target, a->body, a->timeout_usec, &a->status,
                                     &a->answer, &a->e);
        __atomic_store_n(&a->ended, true, __ATOMIC_SEQ_CST);
        return NULL;
}

static pthread_t asker_start(Asker *a)
{
        pthread_t thread;
        a->timeout_usec = a->timeout_usec ?: PATIENCE;
        CHECK_INT(pthread_create(&thread, NULL, asker_main, a), 0);
        return thread;
}

static void asker_finish(Asker *a, pthread_t thread)
{
        RUN_UNTIL(a->f, __atomic_load_n(&a->ended, __ATOMIC_SEQ_CST));
        pthread_join(thread, NULL);
}

TEST(our_client_asks_and_gets_status_and_body)
{
        Fixture f;
        setup(&f);
        Asker get = {.f = &f, .method = "GET", .target = "/hello"};
        asker_finish(&get, asker_start(&get));
        CHECK_INT(get.r, 0);
        CHECK_INT(get.status, 200);
        CHECK_STR(get.answer, "hello\n");
        free(get.answer);

        Asker post = {.f = &f, .method = "POST", .target = "/info?q=%C3%A4", .body = "{\"a\":1}"};
        asker_finish(&post, asker_start(&post));
        CHECK_INT(post.r, 0);
        check_has(post.answer, "\"q\":\"ä\",\"flag\":null,\"header\":null,\"body\":\"{\\\"a\\\":1}\"");

        Asker empty = {.f = &f, .method = "POST", .target = "/echo"};
        asker_finish(&empty, asker_start(&empty));
        CHECK_INT(empty.status, 200);
        CHECK_STR(empty.answer, "");
        free(empty.answer);

        Asker head = {.f = &f, .method = "HEAD", .target = "/hello"};
        asker_finish(&head, asker_start(&head));
        CHECK_INT(head.status, 200);
        free(head.answer);

        Asker missing = {.f = &f, .method = "DELETE", .target = "/nothing"};
        asker_finish(&missing, asker_start(&missing));
        CHECK_INT(missing.r, 0);
        CHECK_INT(missing.status, 404);
        check_has(missing.answer, "there is no /nothing");
        teardown(&f);
}

TEST(our_client_says_why_there_is_no_answer)
{
        Fixture f;
        setup(&f);
        Asker slow = {.f = &f, .method = "GET", .target = "/later", .timeout_usec = 200 * USEC_PER_MSEC};
        asker_finish(&slow, asker_start(&slow));
        CHECK_INT(slow.r, -ETIMEDOUT);
        CHECK(strstr(slow.e.text, "no answer in time"));
        CHECK(strstr(slow.e.text, f.socket));
        http_reply(f.pending[0], 200, NULL, NULL, 0);

        Asker cut = {.f = &f, .method = "GET", .target = "/later"};
        pthread_t thread = asker_start(&cut);
        RUN_UNTIL(&f, f.n_pending == 2);
        f.server = http_server_free(f.server);
        http_reply(f.pending[1], 200, NULL, NULL, 0);
        asker_finish(&cut, thread);
        CHECK_INT(cut.r, -ECONNRESET);

        Asker stale = {.f = &f, .method = "GET", .target = "/hello"};
        asker_finish(&stale, asker_start(&stale));
        CHECK_INT(stale.r, -ECONNREFUSED);
        CHECK_INT(unlink(f.socket), 0);
        Asker nobody = {.f = &f, .method = "GET", .target = "/hello"};
        asker_finish(&nobody, asker_start(&nobody));
        CHECK_INT(nobody.r, -ENOENT);
        CHECK(!nobody.answer);
        teardown(&f);
}

TEST(our_client_follows_events_until_told_to_stop_or_the_end)
{
        Fixture f;
        setup_with(&f, (HttpOptions){.stream_ping_usec = 20 * USEC_PER_MSEC});
        Asker a = {.f = &f, .target = "/stream", .follow = true};
        Asker b = {.f = &f, .target = "/stream", .follow = true, .stop_after = 2};
        pthread_t first = asker_start(&a);
        RUN_UNTIL(&f, f.n_streams == 1);
        pthread_t second = asker_start(&b);
        RUN_UNTIL(&f, f.n_streams == 2);
        for (int i = 0; i < 3; i++) {
                for (size_t k = 0; k < 2; k++)
                        if (f.streams[k])
                                http_stream_send(f.streams[k], i == 1 ? "mode" : NULL, "{}");
                uint64_t until = clock_boot_usec() + 50 * USEC_PER_MSEC; /* a comment in between */
                RUN_UNTIL(&f, clock_boot_usec() > until);
        }
        asker_finish(&b, second);
        CHECK_INT(b.r, 42);
        CHECK_STR(b.events, "message={};mode={};");
        RUN_UNTIL(&f, !f.streams[1]); /* the server has noticed */
        http_stream_close(f.streams[0]);
        asker_finish(&a, first);
        CHECK_INT(a.r, 0);
        CHECK_STR(a.events, "message={};mode={};message={};");

        Asker refused = {.f = &f, .target = "/nothing", .follow = true};
        asker_finish(&refused, asker_start(&refused));
        CHECK_INT(refused.r, -EPROTO);
        CHECK_STR(refused.e.text, "there is no /nothing");
        teardown(&f);
}
