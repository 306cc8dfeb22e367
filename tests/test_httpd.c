/* SPDX-License-Identifier: MIT */
/* The HTTP server against real clients: curl, and raw sockets that misbehave. */
#include "tests/http_fixture.h"

#include <sys/resource.h>

MAIN()

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

TEST(what_could_be_read_in_two_ways_is_refused_and_closed)
{
        Fixture f;
        setup(&f);
        check_smuggled(&f);
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

static HttpShare share;

static HttpShare on_share(const HttpPeer *peer, void *userdata)
{
        CHECK(peer->known && peer->uid == geteuid());
        return share;
}

TEST(one_user_cannot_hold_all_connections)
{
        static const HttpShare shares[] = {{.most = 3}, {.most = 100, .spare = 5}};
        enum { N = 3 };

        for (size_t k = 0; k < ELEMENTSOF(shares); k++) {
                Fixture f;
                int fds[N], crowd[100];

                share = shares[k];
                setup_with(&f, (HttpOptions){.connections_max = 8, .share = on_share});
                for (size_t i = 0; i < N; i++) {
                        fds[i] = raw_connect(&f);
                        raw_send(fds[i], "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
                }
                RUN_UNTIL(&f, f.n_pending == N);
                for (size_t i = 0; i < 30; i++) {
                        char *answer = raw_exchange(&f, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
                        CHECK(strstr(answer, "HTTP/1.1 503 ") && strstr(answer, "too many connections"));
                        free(answer);
                }
                CHECK_INT(f.handled, N);
                for (size_t i = 0; i < ELEMENTSOF(crowd); i++) /* of whom nobody says a word */
                        crowd[i] = raw_connect(&f);
                for (size_t i = 0; i < 10; i++)
                        turn(&f);
                share = (HttpShare){.most = 8}; /* somebody else */
                check_curl(&f, "http://x/hello", "hello\n");
                for (size_t i = 0; i < ELEMENTSOF(crowd); i++) {
                        free(raw_receive(&f, crowd[i], NULL));
                        close(crowd[i]);
                }
                share = shares[k];
                close(fds[0]); /* one goes, one comes */
                http_reply(f.pending[0], 200, NULL, NULL, 0);
                for (int i = 0; i < 20; i++)
                        turn(&f);
                check_curl(&f, "http://x/hello", "hello\n");
                for (size_t i = 1; i < N; i++) {
                        http_reply(f.pending[i], 200, NULL, NULL, 0);
                        close(fds[i]);
                }
                teardown(&f);
        }
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
        struct sockaddr_in sa = {0};
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

TEST(does_not_spin_when_no_descriptor_is_left_for_a_caller)
{
        struct rlimit before, none;
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        char answer[64] = "";
        Fixture f;

        setup(&f);
        snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", f.socket);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_INT(connect(fd, (struct sockaddr *) &sa, sizeof(sa)), 0);
        CHECK_INT(write(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", 32), 32);
        CHECK_INT(getrlimit(RLIMIT_NOFILE, &before), 0);
        none = before;
        none.rlim_cur = 1;
        CHECK_INT(setrlimit(RLIMIT_NOFILE, &none), 0);
        unsigned turns = 0;
        for (uint64_t end = clock_boot_usec() + USEC_PER_SEC / 2; clock_boot_usec() < end; turns++)
                CHECK(sd_event_run(f.event, USEC_PER_SEC / 10) >= 0);
        CHECK_INT(setrlimit(RLIMIT_NOFILE, &before), 0);
        CHECK(turns < 200);
        CHECK_INT(f.handled, 0);

        for (uint64_t end = clock_boot_usec() + PATIENCE; f.handled == 0 && clock_boot_usec() < end;)
                CHECK(sd_event_run(f.event, USEC_PER_SEC / 10) >= 0);
        CHECK(read(fd, answer, sizeof(answer) - 1) > 0);
        CHECK(strncmp(answer, "HTTP/1.1 200", 12) == 0);
        close(fd);
        /* Once nobody asks, nothing wakes it. */
        while (sd_event_run(f.event, USEC_PER_SEC / 10) > 0)
                ;
        CHECK_INT(sd_event_run(f.event, USEC_PER_SEC / 10), 0);
        teardown(&f);
}
