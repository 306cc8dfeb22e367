/* SPDX-License-Identifier: MIT */
/* The HTTP server towards strangers: over TCP and TLS, with raw sockets that misbehave, limits, and headers on every answer. */
#include "tests/http_fixture.h"

MAIN()

#define GET_HELLO "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"

static HttpLimits *limits_make(HttpLimitsOptions options)
{
        HttpLimits *l;

        CHECK_INT(http_limits_new(&options, &l, NULL), 0);
        return l;
}

static HttpLimitsCounts counts_of(const HttpLimits *l)
{
        HttpLimitsCounts counts;

        http_limits_counts(l, &counts);
        return counts;
}

TEST(what_could_be_read_in_two_ways_is_refused_and_closed_over_tcp)
{
        Fixture f;
        setup_tcp(&f, (HttpOptions){0});
        check_smuggled(&f);
        teardown(&f);
}

TEST(hundreds_of_pipelined_requests_are_answered_in_order)
{
        enum { N = 500 };
        Fixture f;
        Text all = {0};
        setup_tcp(&f, (HttpOptions){0});
        for (int i = 0; i < N; i++)
                text_add(&all, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n<%04d>", i);
        text_add_string(&all, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        char *answer = raw_exchange(&f, all.data), *at = answer;
        for (int i = 0; i < N; i++) {
                char wanted[8];
                snprintf(wanted, sizeof(wanted), "<%04d>", i);
                CHECK(at = strstr(at, wanted));
        }
        CHECK(strstr(at, "hello\n"));
        CHECK_INT(f.handled, N + 1);
        free(answer);
        text_clear(&all);
        teardown(&f);
}

static char *long_request(const char *before, size_t size, const char *after)
{
        Text t = {0};
        char *result;

        text_add_string(&t, before);
        for (size_t i = 0; i < size; i++)
                text_add_string(&t, "a");
        text_add_string(&t, after);
        CHECK_INT(text_take(&t, &result), 0);
        return result;
}

TEST(a_url_or_header_beyond_all_bounds_is_refused_and_closed)
{
        Fixture f;
        setup_tcp(&f, (HttpOptions){0});
        for (size_t i = 0; i < 3; i++) {
                char *request = i == 0   ? long_request("GET /", 100000, " HTTP/1.1\r\nHost: x\r\n\r\n")
                                : i == 1 ? long_request("GET /hello HTTP/1.1\r\nHost: x\r\nX-Long: ", 100000,
                                                        "\r\n\r\n")
                                         : long_request("GET /hello HTTP/1.1\r\nHost: x\r\n", 100000,
                                                        ": 1\r\n\r\n");
                int fd = raw_connect(&f);
                for (size_t sent = 0, size = strlen(request); sent < size;) { /* until it is refused */
                        ssize_t n = send(fd, request + sent, MIN(size - sent, (size_t) 1000),
                                         MSG_NOSIGNAL | MSG_DONTWAIT);
                        if (n < 0 && errno != EAGAIN)
                                break;
                        sent += n > 0 ? (size_t) n : 0;
                        turn(&f);
                }
                char *answer = raw_receive(&f, fd, NULL);
                if (*answer) /* the reset may have overtaken it */
                        CHECK(strncmp(answer, "HTTP/1.1 414 ", 13) == 0 ||
                              strncmp(answer, "HTTP/1.1 431 ", 13) == 0 ||
                              strncmp(answer, "HTTP/1.1 413 ", 13) == 0 ||
                              strncmp(answer, "HTTP/1.1 400 ", 13) == 0);
                free(answer);
                free(request);
                close(fd);
        }
        CHECK_INT(f.handled, 0);
        check_curl(&f, "http://x/hello", "hello\n");
        teardown(&f);
}

static void big_make(Fixture *f, size_t size)
{
        f->big = malloc(size);
        CHECK(f->big);
        memset(f->big, 'b', size);
        f->big_size = size;
}

/* A client with little room that asks for /big. */
static int big_ask(Fixture *f)
{
        int fd = raw_connect(f), small = 4096;

        CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
        raw_send(fd, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
        RUN_UNTIL(f, f->handled == 1);
        return fd;
}

/* Takes `bytes` every 10 ms until the server has closed; returns when that was. */
static uint64_t drip_from(Fixture *f, HttpLimits *l, int fd, size_t bytes)
{
        uint64_t start = clock_boot_usec(), next = start;
        char buffer[16];

        while (counts_of(l).open > 0) {
                CHECK(clock_boot_usec() - start < PATIENCE);
                if (bytes > 0 && clock_boot_usec() >= next) {
                        next += 10 * USEC_PER_MSEC;
                        (void) recv(fd, buffer, MIN(bytes, sizeof(buffer)), MSG_DONTWAIT);
                }
                turn(f);
        }
        return clock_boot_usec() - start;
}

static void check_slow_reader(size_t big, size_t bytes)
{
        HttpLimits *l = limits_make((HttpLimitsOptions){0});
        Fixture f;

        setup_tcp(&f, (HttpOptions){.limits = l, .send_timeout_usec = 300 * USEC_PER_MSEC});
        big_make(&f, big);
        int fd = big_ask(&f);
        uint64_t after = drip_from(&f, l, fd, bytes);
        CHECK(after >= 250 * USEC_PER_MSEC);
        CHECK(after < 5 * USEC_PER_SEC);
        close(fd);
        check_curl(&f, "http://x/hello", "hello\n");
        teardown(&f);
        free(f.big);
        http_limits_free(l);
}

TEST(who_never_reads_a_large_answer_is_closed_at_the_deadline)
{
        check_slow_reader(16 * 1024 * 1024, 0);
}

TEST(who_takes_a_large_answer_byte_by_byte_is_closed_at_the_deadline)
{
        check_slow_reader(16 * 1024 * 1024, 1);
}

TEST(who_takes_a_large_answer_at_a_fair_rate_gets_it_all)
{
        HttpLimits *l = limits_make((HttpLimitsOptions){0});
        Fixture f;
        char *buffer = malloc(512 * 1024);
        size_t got = 0;

        CHECK(buffer);
        setup_tcp(&f, (HttpOptions){.limits = l, .send_timeout_usec = 200 * USEC_PER_MSEC});
        big_make(&f, 24 * 1024 * 1024);
        int fd = raw_connect(&f);
        raw_send(fd, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
        uint64_t start = clock_boot_usec(), next = start;
        while (got < f.big_size) {
                CHECK(clock_boot_usec() - start < PATIENCE);
                if (clock_boot_usec() >= next) {
                        next += 20 * USEC_PER_MSEC;
                        ssize_t n = recv(fd, buffer, 512 * 1024, MSG_DONTWAIT);
                        CHECK(n > 0 || (n < 0 && errno == EAGAIN));
                        got += n > 0 ? (size_t) n : 0;
                }
                turn(&f);
        }
        CHECK(clock_boot_usec() - start > 500 * USEC_PER_MSEC); /* else it shows nothing */
        close(fd);
        teardown(&f);
        free(f.big);
        free(buffer);
        http_limits_free(l);
}

TEST(who_drips_a_head_over_tcp_is_closed_at_the_deadline)
{
        HttpLimits *l = limits_make((HttpLimitsOptions){0});
        Fixture f;
        setup_tcp(&f, (HttpOptions){.limits = l, .receive_timeout_usec = 300 * USEC_PER_MSEC});
        int fd = raw_connect(&f);
        raw_send(fd, "GET /hello HTTP/1.1\r\n");
        RUN_UNTIL(&f, counts_of(l).open == 1);
        uint64_t start = clock_boot_usec(), next = start;
        while (counts_of(l).open > 0) {
                CHECK(clock_boot_usec() - start < 5 * USEC_PER_SEC);
                if (clock_boot_usec() >= next) {
                        next += 20 * USEC_PER_MSEC;
                        (void) send(fd, "a", 1, MSG_NOSIGNAL);
                }
                turn(&f);
        }
        CHECK_INT(f.handled, 0);
        close(fd);
        teardown(&f);
        http_limits_free(l);
}

/* Limits */

TEST(more_requests_than_its_share_are_answered_429_on_a_connection_that_goes_on)
{
        HttpLimits *l = limits_make((HttpLimitsOptions){.per_second = 2, .burst = 3});
        Fixture f;
        setup_tcp(&f, (HttpOptions){.limits = l});
        char *answer = raw_exchange(&f, GET_HELLO GET_HELLO GET_HELLO GET_HELLO
                                    "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        char *refused = strstr(answer, "HTTP/1.1 429 Too Many Requests\r\n");
        CHECK(refused && strstr(refused, "\r\nRetry-After: 1\r\n"));
        CHECK(strstr(refused + 1, "HTTP/1.1 429 "));
        CHECK(strstr(refused, "\r\n\r\n{\"success\":false,\"error\":\"too many requests of your address"));
        CHECK_INT(f.handled, 3);
        free(answer);
        /* Its body is not looked at, so that nothing in it is taken for a request. */
        answer = raw_exchange(&f, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 44\r\n\r\n" GET_HELLO);
        CHECK(strstr(answer, "HTTP/1.1 429 ") && strstr(answer, "Connection: close") &&
              !strstr(answer, "hello"));
        free(answer);
        CHECK_INT(counts_of(l).refused_requests, 3);
        f.from = "127.0.0.2"; /* somebody else is served, and so is the first one after a while */
        free(raw_exchange(&f, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        CHECK_INT(f.handled, 4);
        CHECK_STR(f.client, "127.0.0.2");
        f.from = NULL;
        for (uint64_t deadline = clock_boot_usec() + PATIENCE; f.handled == 4;) {
                CHECK(clock_boot_usec() < deadline);
                free(raw_exchange(&f, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        }
        teardown(&f);
        http_limits_free(l);
}

TEST(one_connection_too_many_of_an_address_is_told_and_others_come_in)
{
        HttpLimits *l = limits_make((HttpLimitsOptions){.connections = 5, .per_address = 3});
        Fixture f;
        int fds[5], crowd[60];
        setup_tcp(&f, (HttpOptions){.limits = l});
        for (size_t i = 0; i < 5; i++) {
                f.from = i < 3 ? NULL : "127.0.0.2";
                fds[i] = raw_connect(&f);
                raw_send(fds[i], "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
                if (i < 3)
                        continue;
                f.from = NULL;
                char *answer = raw_exchange(&f, GET_HELLO);
                CHECK(strstr(answer, "HTTP/1.1 503 ") && strstr(answer, "\"success\":false"));
                free(answer);
        }
        RUN_UNTIL(&f, f.n_pending == 5);
        f.from = "127.0.0.3"; /* all are taken */
        char *answer = raw_exchange(&f, GET_HELLO);
        CHECK(strstr(answer, "HTTP/1.1 503 "));
        free(answer);
        for (size_t i = 0; i < ELEMENTSOF(crowd); i++)
                crowd[i] = raw_connect(&f);
        for (size_t i = 0; i < ELEMENTSOF(crowd);
             i++) { /* all are closed, whether they say something or not */
                free(raw_receive(&f, crowd[i], NULL));
                close(crowd[i]);
        }
        CHECK_INT(counts_of(l).open, 5);
        http_reply(f.pending[0], 200, NULL, NULL, 0);
        close(fds[0]);
        RUN_UNTIL(&f, counts_of(l).open == 4);
        check_curl(&f, "http://x/hello", "hello\n");
        for (size_t i = 1; i < 5; i++) {
                http_reply(f.pending[i], 200, NULL, NULL, 0);
                close(fds[i]);
        }
        teardown(&f);
        CHECK_INT(counts_of(l).open, 0);
        http_limits_free(l);
}

TEST(limits_change_while_connections_are_open)
{
        HttpLimits *l = limits_make((HttpLimitsOptions){.connections = 1});
        Fixture f;
        setup_tcp(&f, (HttpOptions){.limits = l});
        int fd = raw_connect(&f);
        raw_send(fd, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
        RUN_UNTIL(&f, f.n_pending == 1);
        check_curl(&f, "-o /dev/null -w '%{http_code}' http://x/hello", "503");
        CHECK_INT(http_limits_configure(l, &(HttpLimitsOptions){0}, NULL), 0);
        check_curl(&f, "http://x/hello", "hello\n");
        http_reply(f.pending[0], 200, NULL, NULL, 0);
        close(fd);
        teardown(&f);
        http_limits_free(l);
}

TEST(streams_beyond_their_share_are_refused_until_one_ends)
{
        HttpLimits *l = limits_make((HttpLimitsOptions){.connections = 4});
        Fixture f;
        int fds[2];
        setup_tcp(&f, (HttpOptions){.limits = l});
        for (size_t i = 0; i < 2; i++) {
                fds[i] = raw_connect(&f);
                raw_send(fds[i], "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
                RUN_UNTIL(&f, f.n_streams == i + 1);
        }
        check_curl(&f, "-o /dev/null -w '%{http_code}' http://x/stream", "503");
        CHECK_INT(counts_of(l).streams, 2);
        close(fds[0]);
        RUN_UNTIL(&f, counts_of(l).streams == 1);
        fds[0] = raw_connect(&f);
        raw_send(fds[0], "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
        RUN_UNTIL(&f, f.n_streams == 3);
        teardown(&f);
        CHECK_INT(counts_of(l).streams, 0);
        for (size_t i = 0; i < 2; i++)
                close(fds[i]);
        http_limits_free(l);
}

TEST(the_client_behind_a_trusted_proxy_is_the_one_it_names_and_has_its_own_limits)
{
        static const char *const proxies[] = {"127.0.0.9", NULL};
        HttpLimits *l = limits_make(
                        (HttpLimitsOptions){.per_second = 1, .burst = 1, .trusted_proxies = proxies});
        Fixture f;
        setup_tcp(&f, (HttpOptions){.limits = l});
        check_curl(&f, "-H 'X-Forwarded-For: 198.51.100.1' http://x/hello", "hello\n");
        CHECK_STR(f.client, "127.0.0.1"); /* who is no proxy is not believed */
        f.from = "127.0.0.9";
        char *answer = raw_exchange(
                        &f, "GET /hello HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.1\r\n"
                            "x-forwarded-for: ::ffff:198.51.100.1, 127.0.0.9\r\n\r\n"
                            "GET /hello HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.1:99\r\n\r\n"
                            "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: "
                            "2001:db8::1\r\n\r\n");
        CHECK_STR(f.client, "2001:db8::1");
        CHECK_INT(f.handled, 3);
        CHECK(strstr(answer, "HTTP/1.1 429 "));
        free(answer);
        teardown(&f);
        http_limits_free(l);
}

/* Headers on every answer */

static const char *const cors[] = {"Access-Control-Allow-Origin", "*", "X-One", "2", NULL};

TEST(every_answer_has_the_headers_of_the_server)
{
        static const char *const requests[] = {
                        "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: "
                        "close\r\n\r\n",
                        "GET /no HTTP/1.1\r\nHost: x\r\nConnection: "
                        "close\r\n\r\n",
                        "HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: "
                        "close\r\n\r\n",
                        "GET /cached HTTP/1.1\r\nHost: x\r\nIf-None-Match: "
                        "*\r\nConnection: close\r\n\r\n",
                        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: "
                        "999999\r\n\r\n", /* 413 */
                        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: "
                        "1\r\nContent-Length: 1\r\n\r\n", /* 400 */
        };
        Fixture f;
        setup_tcp(&f, (HttpOptions){.headers = cors});
        for (size_t i = 0; i < ELEMENTSOF(requests); i++)
                check_has(raw_exchange(&f, requests[i]), "\r\nAccess-Control-Allow-Origin: *\r\n");
        char *answer = curl(&f, "-i http://x/headers"); /* the handler's own stands, once */
        CHECK(strstr(answer, "\r\nX-One: 1\r\n") && !strstr(answer, "X-One: 2"));
        free(answer);
        int fd = raw_connect(&f);
        raw_send(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
        free(raw_receive(&f, fd, "\r\nAccess-Control-Allow-Origin: *\r\n"));
        close(fd);
        teardown(&f);

        HttpLimits *l = limits_make((HttpLimitsOptions){.connections = 1, .per_second = 1, .burst = 1});
        setup_tcp(&f, (HttpOptions){.headers = cors, .limits = l});
        fd = raw_connect(&f);
        raw_send(fd, GET_HELLO GET_HELLO);
        answer = raw_receive(&f, fd, "too many requests");
        CHECK(strstr(strstr(answer, " 429 "), "\r\nAccess-Control-Allow-Origin: *\r\n"));
        free(answer);
        check_has(raw_exchange(&f, GET_HELLO), "\r\nAccess-Control-Allow-Origin: *\r\n"); /* 503 */
        close(fd);
        teardown(&f);
        http_limits_free(l);
}

/* TLS */

static char *read_text(const char *folder, const char *name)
{
        char path[160], *text;
        FILE *file;
        size_t size = 0;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        CHECK(file = fopen(path, "r"));
        text = calloc(1, 65536);
        CHECK(text);
        size = fread(text, 1, 65535, file);
        CHECK(size > 0);
        fclose(file);
        unlink(path);
        return text;
}

static void certificate_make(char **ret_certificate, char **ret_key)
{
        char folder[] = "/tmp/test-httpd-tls-XXXXXX", command[512];

        CHECK(mkdtemp(folder));
        snprintf(command, sizeof(command),
                 "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s/key -out "
                 "%s/cert "
                 "-days 2 -subj /CN=x -addext subjectAltName=DNS:x 2>/dev/null",
                 folder, folder);
        CHECK_INT(system(command), 0);
        *ret_certificate = read_text(folder, "cert");
        *ret_key = read_text(folder, "key");
        CHECK_INT(rmdir(folder), 0);
}

TEST(tls_speaks_1_2_and_1_3_only_and_closes_who_never_shakes_hands)
{
        HttpLimits *l = limits_make((HttpLimitsOptions){0});
        char *certificate, *key;
        Fixture f;
        certificate_make(&certificate, &key);
        setup_tcp(&f, (HttpOptions){.limits = l,
                                    .receive_timeout_usec = USEC_PER_SEC,
                                    .tls_certificate = certificate,
                                    .tls_key = key});
        free(certificate);
        free(key);
        check_curl(&f, "-k https://x/hello", "hello\n");
        check_curl(&f, "-k --tls-max 1.2 https://x/hello", "hello\n");
        check_has(curl(&f, "-k --tlsv1.0 --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 -w '%{http_code}' "
                           "https://x/hello"),
                  "000");
        check_curl(&f, "-k https://x/hello https://x/hello", "hello\nhello\n"); /* kept alive */
        FILE *p = curl_start(&f, "-k -N https://x/stream");
        RUN_UNTIL(&f, f.n_streams == 1);
        CHECK_INT(http_stream_send(f.streams[0], "one", "1"), 0);
        free(curl_receive(&f, p, "event: one\ndata: 1\n\n"));
        CHECK_INT(http_stream_send(f.streams[0], "two", "2"), 0);
        http_stream_close(f.streams[0]);
        check_has(curl_receive(&f, p, NULL), "event: two\ndata: 2\n\n");
        CHECK_INT(pclose(p), 0);
        int fd = raw_connect(&f);
        RUN_UNTIL(&f, counts_of(l).open > 0);
        uint64_t start = clock_boot_usec();
        free(raw_receive(&f, fd, NULL));
        CHECK(clock_boot_usec() - start < 8 * USEC_PER_SEC);
        close(fd);
        teardown(&f);
        http_limits_free(l);
}

TEST(a_certificate_that_is_none_is_refused_with_the_reason)
{
        char *certificate, *key;
        HttpServer *s;
        Error e;

        certificate_make(&certificate, &key);
        for (int i = 0; i < 2; i++) {
                HttpOptions options = {.handler = on_request,
                                       .tls_certificate = i == 0 ? "no certificate" : certificate,
                                       .tls_key = i == 0 ? key : "no key"};
                sd_event *event;
                CHECK_INT(sd_event_new(&event), 0);
                CHECK_INT(http_listen_tcp("127.0.0.1:0", &options.fd, NULL), 0);
                CHECK(http_server_new(event, &options, &s, &e) < 0);
                CHECK(strstr(e.text, "cannot start the HTTP server with this certificate and key: "));
                sd_event_unref(event);
        }
        free(certificate);
        free(key);
}

/* Another server, on a socket that the next one has, too. */
static int serve_again(Fixture *f, int fd)
{
        struct sockaddr_in sa;
        socklen_t size = sizeof(sa);
        HttpOptions options = {.fd = fd, .handler = on_request, .userdata = f};

        f->server = http_server_free(f->server);
        CHECK_INT(getsockname(fd, (struct sockaddr *) &sa, &size), 0);
        f->port = ntohs(sa.sin_port);
        int next = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        CHECK(next >= 0);
        CHECK_INT(http_server_new(f->event, &options, &f->server, NULL), 0);
        return next;
}

TEST(behind_a_closed_door_who_is_in_is_answered_and_who_comes_is_the_next_servers)
{
        Fixture f;
        int fd;
        setup_tcp(&f, (HttpOptions){0});
        CHECK_INT(http_listen_tcp("127.0.0.1:0", &fd, NULL), 0);
        int next = serve_again(&f, fd);
        CHECK(!http_server_is_busy(f.server));
        int in = raw_connect(&f);
        raw_send(in, "GET /hello HTTP/1.1\r\n");
        while (!http_server_is_busy(f.server))
                turn(&f);
        http_server_close_door(f.server);
        http_server_close_door(f.server);
        int late = raw_connect(&f);
        raw_send(late, GET_HELLO);
        raw_send(in, "Host: x\r\n\r\n");
        char *answer = raw_receive(&f, in, NULL); /* until it is closed */
        CHECK(strstr(answer, "hello\n"));
        check_has(answer, "Connection: close");
        while (http_server_is_busy(f.server))
                turn(&f);
        CHECK_INT(f.handled, 1);
        next = serve_again(&f, next);
        check_has(raw_receive(&f, late, "hello\n"), " 200 ");
        CHECK_INT(f.handled, 2);
        close(in);
        close(late);
        close(next);
        teardown(&f);
}

TEST(a_silent_connection_and_a_stream_keep_no_server_busy)
{
        Fixture f;
        setup_tcp(&f, (HttpOptions){0});
        int silent = raw_connect(&f), stream = raw_connect(&f);
        raw_send(stream, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
        while (f.n_streams == 0)
                turn(&f);
        while (http_server_is_busy(f.server))
                turn(&f);
        close(silent);
        close(stream);
        teardown(&f);
}
