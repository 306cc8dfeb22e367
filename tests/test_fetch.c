/* SPDX-License-Identifier: MIT */
#include "tests/fetch_world.h"

#include <net/if.h>
#include <net/route.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <sys/wait.h>

TEST(an_answer_arrives_with_status_type_body_and_address)
{
        char wanted[64];
        World w;

        world_begin(&w);
        CHECK_INT(get(&w, "/"), FETCH_OK);
        CHECK_INT(w.status, 200);
        CHECK_STR(w.body, "hello");
        CHECK_STR(w.content_type, "text/plain");
        CHECK_STR(w.retry_after, "");
        snprintf(wanted, sizeof(wanted), "127.0.0.1:%u", w.http.port);
        CHECK_STR(w.address, wanted);
        CHECK(w.total_usec > 0 && w.total_usec < LONG);
        CHECK_INT(get(&w, "/status/503"), FETCH_OK); /* any status is an answer */
        CHECK_INT(w.status, 503);
        CHECK_STR(w.body, "some text");
        CHECK_STR(w.retry_after, "120");
        CHECK_STR(w.message, "HTTP 503");
        world_end(&w);
}

TEST(the_request_is_sent_as_asked)
{
        static const char *const headers[] = {"Content-Type: application/json", "X-Test: yes", NULL};
        World w;

        world_begin(&w);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/echo?x=1"),
                                            .headers = headers,
                                            .bearer = "sk_test",
                                            .body = "{\"a\":1}",
                                            .body_size = 7}),
                  FETCH_OK);
        CHECK(strncmp(w.body, "POST /echo?x=1 HTTP/1.1\r\n", 25) == 0);
        CHECK(strstr(w.body, "\r\nContent-Type: application/json\r\n"));
        CHECK(strstr(w.body, "\r\nX-Test: yes\r\n"));
        CHECK(strstr(w.body, "\r\nAuthorization: Bearer sk_test\r\n"));
        CHECK(strstr(w.body, "\r\nContent-Length: 7\r\n"));
        CHECK(strstr(w.body, "\r\nUser-Agent: failoverd/"));
        CHECK(!strstr(w.body, "Expect:"));
        CHECK_STR(strstr(w.body, "\r\n\r\n"), "\r\n\r\n{\"a\":1}");

        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/echo"), .method = "PUT"}), FETCH_OK);
        CHECK(strncmp(w.body, "PUT /echo ", 10) == 0);
        CHECK(strstr(w.body, "\r\nContent-Length: 0\r\n"));
        CHECK(!strstr(w.body, "\r\nContent-Type:"));
        CHECK(!strstr(w.body, "Authorization"));
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/echo"), .method = "DELETE"}),
                  FETCH_OK);
        CHECK(strncmp(w.body, "DELETE /echo ", 13) == 0);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/echo"), .method = "HEAD"}),
                  FETCH_OK);
        CHECK_INT(w.body_size, 0);
        CHECK(strncmp(w.http.last_request, "HEAD /echo ", 11) == 0);
        world_end(&w);
}

TEST(what_cannot_be_a_request_is_refused_at_once)
{
        static const char *const urls[] = {
                        "",
                        "nonsense",
                        "ftp://127.0.0.1/",
                        "file:///etc/passwd",
                        "http://",
                        "gopher://127.0.0.1/",
                        "http://a b/",
                        "http://127.0.0.1:99999/",
                        "//127.0.0.1/",
                        "http://[::1/",
                        "http://h/\r\nX: y",
                        "http://h/ x",
                        "javascript:alert(1)",
        };
        static const char *const split[] = {"A: b\r\nC: d", NULL}, *const nameless[] = {": x", NULL},
                                 *const bare[] = {"just text", NULL}, *const spaced[] = {"A B: c", NULL};
        static const char *const *const header_lists[] = {split, nameless, bare, spaced};
        FetchRequest request = {.timeout_usec = LONG};
        Fetch *f = NULL;
        World w;

        world_begin(&w);
        for (size_t i = 0; i < ELEMENTSOF(urls); i++) {
                request.url = urls[i];
                if (fetch_start(w.client, &request, on_done, &w, &f) != -EINVAL) {
                        fprintf(stderr, "taken: %s\n", urls[i]);
                        exit(1);
                }
        }
        request.url = at(&w, "127.0.0.1", "/");
        for (size_t i = 0; i < ELEMENTSOF(header_lists); i++) {
                request.headers = header_lists[i];
                CHECK_INT(fetch_start(w.client, &request, on_done, &w, &f), -EINVAL);
        }
        request.headers = NULL;
        request.bearer = "a\nb";
        CHECK_INT(fetch_start(w.client, &request, on_done, &w, &f), -EINVAL);
        request.bearer = NULL;
        request.method = "GET /x";
        CHECK_INT(fetch_start(w.client, &request, on_done, &w, &f), -EINVAL);
        request.method = NULL;
        request.resolve = "localhost";
        CHECK_INT(fetch_start(w.client, &request, on_done, &w, &f), -EINVAL);
        CHECK(!f);
        world_end(&w);
}

TEST(names_are_resolved_by_our_own_resolver)
{
        World w;

        world_begin(&w);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "v4.example.org", "/")}), FETCH_OK);
        CHECK(w.dns.n_udp > 0);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "SHOP.test", "/echo")}), FETCH_OK);
        CHECK(strstr(w.body, "\r\nHost: SHOP.test:") || strstr(w.body, "\r\nHost: shop.test:"));
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "xn--bcher-kva.test", "/")}), FETCH_OK);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "nx.example.org", "/")}), FETCH_NAME_UNKNOWN);
        CHECK_STR(w.message, "nx.example.org: NXDOMAIN");
        CHECK_STR(w.address, "");
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "nodata.example.org", "/")}), FETCH_NAME_UNKNOWN);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "servfail.example.org", "/")}), FETCH_NAME_FAILED);
        CHECK_INT(fetch(&w,
                        &(FetchRequest){.url = at(&w, "silent.example.org", "/"), .timeout_usec = 200000}),
                  FETCH_NAME_FAILED);
        world_end(&w);
}

TEST(an_action_reaches_its_target_while_no_resolver_answers)
{
        World w;

        world_begin(&w);
        FetchRequest request = {.url = at(&w, "v4.example.org", "/"), .flags = FETCH_FRESH | FETCH_REMEMBER};
        CHECK_INT(fetch(&w, &request), FETCH_OK);
        w.dns.silent = true;
        CHECK_INT(fetch(&w, &request), FETCH_OK);
        CHECK(w.total_usec < LONG / 2);
        request.flags = FETCH_FRESH; /* a probe */
        request.timeout_usec = 200 * USEC_PER_MSEC;
        CHECK_INT(fetch(&w, &request), FETCH_NAME_FAILED);
        world_end(&w);
}

TEST(an_address_given_replaces_the_lookup_for_one_request_only)
{
        World w;

        world_begin(&w);
        CHECK_INT(fetch(&w,
                        &(FetchRequest){.url = at(&w, "nx.example.org", "/echo"), .resolve = "127.0.0.1"}),
                  FETCH_OK);
        CHECK(strstr(w.body, "\r\nHost: nx.example.org:"));
        CHECK_INT(w.dns.n_udp, 0);
        /* Nothing of it is left in curl's cache. */
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "nx.example.org", "/echo")}), FETCH_NAME_UNKNOWN);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "shop.test", "/"), .resolve = "127.0.0.99"}),
                  FETCH_REFUSED);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "shop.test", "/")}), FETCH_OK);
        world_end(&w);
}

TEST(a_second_address_is_tried_when_the_first_refuses)
{
        World w;

        world_begin(&w);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "both.test", "/")}),
                  FETCH_OK); /* nobody listens on ::1 */
        CHECK(strncmp(w.address, "127.0.0.1:", 10) == 0);
        world_end(&w);
}

TEST(a_closed_port_is_refused)
{
        char wanted[64];
        World w;

        world_begin(&w);
        at(&w, "127.0.0.1", "/?secret=1");
        snprintf(wanted, sizeof(wanted), "refused by 127.0.0.1:%u", w.http.port);
        http_server_stop(&w.http);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = w.url, .flags = FETCH_FRESH}), FETCH_REFUSED);
        CHECK_STR(w.message, wanted);
        CHECK_INT(w.status, 0);
        http_server_start(&w.http, w.event);
        world_end(&w);
}

TEST(connections_that_end_early_are_reset)
{
        static const char half[] = "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc";
        World w;

        world_begin(&w);
        CHECK_INT(get(&w, "/close"), FETCH_RESET);
        CHECK(strstr(w.message, "without an answer"));
        CHECK_INT(get(&w, "/reset"), FETCH_RESET);
        CHECK_INT(get(&w, "/half"), FETCH_RESET);
        CHECK_INT(w.status, 200);
        w.http.raw = half;
        w.http.raw_size = sizeof(half) - 1;
        CHECK_INT(get(&w, "/raw"), FETCH_RESET);
        world_end(&w);
}

TEST(what_is_not_http_is_told)
{
        static const char *const answers[] = {
                        "SSH-2.0-OpenSSH_9.2\r\n", "<html>hello</html>", "HTTP/1.1 abc\r\n\r\n",
                        "HTTP/1.1 200 X\r\nContent-Length: -5\r\n\r\nx",
                        "HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\n\r\nnot gzip at all, no"};
        World w;

        world_begin(&w);
        for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
                w.http.raw = answers[i];
                w.http.raw_size = strlen(answers[i]);
                CHECK_INT(get(&w, "/raw"), FETCH_PROTOCOL);
        }
        world_end(&w);
}

/* A child that was forked meanwhile has copies of all sockets until it becomes another program. */
TEST(cancelled_while_connecting_it_leaves_nothing_to_wake_us)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(a);
        int full, filler[4], status;
        char byte = 0;
        World w;
        Fetch *f;

        world_begin(&w);
        full = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_INT(bind(full, (struct sockaddr *) &a, sizeof(a)), 0);
        CHECK_INT(listen(full, 0), 0);
        CHECK_INT(getsockname(full, (struct sockaddr *) &a, &size), 0);
        for (size_t i = 0; i < ELEMENTSOF(filler); i++) {
                filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                (void) connect(filler[i], (struct sockaddr *) &a, sizeof(a));
        }
        snprintf(w.url, sizeof(w.url), "http://127.0.0.1:%u/", ntohs(a.sin_port));
        FetchRequest request = {.url = w.url, .timeout_usec = 20 * USEC_PER_SEC};
        CHECK_INT(fetch_start(w.client, &request, on_done, &w, &f), 0);
        run_for(&w, 100 * USEC_PER_MSEC);
        CHECK_STR(fetch_phase(f), "connecting");

        int pair[2];
        CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        pid_t child = fork();
        if (child == 0) {
                close(full);
                close(pair[0]);
                _exit(read(pair[1], &byte, 1) == 0 ? 0 : 1);
        }
        close(pair[1]);
        fetch_free(f);
        close(full); /* the next attempt to connect, within a second, is refused: news for the copy */
        run_for(&w, 1500 * USEC_PER_MSEC);
        CHECK_INT(w.calls, 0);
        close(pair[0]);
        CHECK_INT(waitpid(child, &status, 0), child);
        CHECK_INT(status, 0);
        for (size_t i = 0; i < ELEMENTSOF(filler); i++)
                close(filler[i]);
        world_end(&w);
}

TEST(an_answer_larger_than_allowed_is_cut_off)
{
        World w;

        world_begin(&w);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/"), .response_max = 5}), FETCH_OK);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/"), .response_max = 4}),
                  FETCH_TOO_LARGE);
        CHECK_INT(w.status, 200);
        CHECK_STR(w.message, "an answer of more than 4 bytes");
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/echo"), .response_max = 70}),
                  FETCH_TOO_LARGE);
        CHECK_STR(w.message, "an answer of more than 70 bytes");
        world_end(&w);
}

TEST(endless_headers_are_cut_off)
{
        static char headers[200000];
        World w;
        size_t n;

        world_begin(&w);
        n = (size_t) snprintf(headers, sizeof(headers), "HTTP/1.1 200 X\r\n");
        while (n < sizeof(headers) - 100)
                n += (size_t) snprintf(headers + n, sizeof(headers) - n, "X-Header-%zu: some value\r\n", n);
        w.http.raw = headers;
        w.http.raw_size = n;
        CHECK_INT(get(&w, "/raw"), FETCH_TOO_LARGE);
        for (n = 0; n < sizeof(headers) - 100;)
                n += (size_t) snprintf(headers + n, sizeof(headers) - n, "HTTP/1.1 103 X\r\n\r\n");
        w.http.raw_size = n;
        CHECK_INT(get(&w, "/raw"), FETCH_TOO_LARGE);
        world_end(&w);
}

/* 100 MB of zeros as gzip, 100 KB. */
static size_t bomb_make(char *buffer, size_t size, const char *headers)
{
        size_t n = (size_t) snprintf(buffer, size, "HTTP/1.1 200 X\r\n%s\r\n", headers);
        FILE *p = popen("head -c 100000000 /dev/zero | gzip -9", "re");

        CHECK(p);
        n += fread(buffer + n, 1, size - n, p);
        CHECK_INT(pclose(p), 0);
        return n;
}

TEST(the_cap_counts_after_decompression)
{
        static char bomb[300000];
        struct rusage before, after;
        World w;

        world_begin(&w);
        w.http.raw = bomb;
        w.http.raw_size = bomb_make(bomb, sizeof(bomb), "Content-Encoding: gzip\r\n");
        getrusage(RUSAGE_SELF, &before);
        CHECK_INT(get(&w, "/raw"), FETCH_TOO_LARGE);
        getrusage(RUSAGE_SELF, &after);
        CHECK(after.ru_maxrss - before.ru_maxrss < 30000); /* KiB; under ASan */

        /* Layers upon layers, and encodings with windows of many MiB that were not asked for. */
        w.http.raw_size = bomb_make(bomb, sizeof(bomb), "Content-Encoding: gzip, gzip\r\n");
        CHECK_INT(get(&w, "/raw"), FETCH_PROTOCOL);
        w.http.raw_size = bomb_make(bomb, sizeof(bomb), "Content-Encoding: zstd\r\n");
        CHECK_INT(get(&w, "/raw"), FETCH_PROTOCOL);
        w.http.raw_size = bomb_make(bomb, sizeof(bomb), "content-encoding:\tbr \r\n");
        CHECK_INT(get(&w, "/raw"), FETCH_PROTOCOL);
        world_end(&w);
}

TEST(redirects_are_followed_as_far_as_allowed)
{
        World w;

        world_begin(&w);
        CHECK_INT(get(&w, "/hops/1"), FETCH_OK); /* none by default */
        CHECK_INT(w.status, 302);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/hops/3"), .redirects_max = 3}),
                  FETCH_OK);
        CHECK_INT(w.status, 200);
        CHECK_STR(w.body, "hello");
        CHECK_STR(w.retry_after, "");
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/hops/4"), .redirects_max = 3}),
                  FETCH_REDIRECTS);
        CHECK_STR(w.message, "more than 3 redirects");
        strcpy(w.http.redirect_to, "/to");
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/to"), .redirects_max = 20}),
                  FETCH_REDIRECTS);
        /* To another name: resolved by us like the first. */
        snprintf(w.http.redirect_to, sizeof(w.http.redirect_to), "http://v4.example.org:%u/echo",
                 w.http.port);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/to"), .redirects_max = 1}),
                  FETCH_OK);
        CHECK(strstr(w.body, "Host: v4.example.org:"));
        CHECK(w.dns.n_udp > 0);
        snprintf(w.http.redirect_to, sizeof(w.http.redirect_to), "http://nx.example.org/");
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/to"), .redirects_max = 1}),
                  FETCH_NAME_UNKNOWN);
        world_end(&w);
}

TEST(a_redirect_leads_nowhere_but_to_http)
{
        static const char *const targets[] = {"file:///etc/passwd", "ftp://127.0.0.1/",
                                              "gopher://127.0.0.1/x", "http://user:pw@127.0.0.1/",
                                              "dict://127.0.0.1/d:x"};
        World w;

        world_begin(&w);
        for (size_t i = 0; i < ELEMENTSOF(targets); i++) {
                strcpy(w.http.redirect_to, targets[i]);
                FetchError error = fetch(
                                &w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/to"), .redirects_max = 5});

                CHECK(error == FETCH_PROTOCOL || (error == FETCH_OK && w.status == 302));
        }
        world_end(&w);
}

TEST(secrets_do_not_follow_a_redirect_to_another_origin)
{
        static const char *const headers[] = {"X-Api-Key: canary-key", "Cookie: canary-cookie",
                                              "Accept: text/x", NULL};
        World w;

        world_begin(&w);
        FetchRequest request = {.url = at(&w, "shop.test", "/to"),
                                .headers = headers,
                                .bearer = "canary-bearer",
                                .redirects_max = 1};
        strcpy(w.http.redirect_to, "/echo");
        CHECK_INT(fetch(&w, &request), FETCH_OK);
        CHECK(strstr(w.body, "canary-bearer") && strstr(w.body, "canary-key"));
        snprintf(w.http.redirect_to, sizeof(w.http.redirect_to), "http://other.test:%u/echo", w.http.port);
        CHECK_INT(fetch(&w, &request), FETCH_OK);
        CHECK(strstr(w.body, "Host: other.test"));
        CHECK(strstr(w.body, "Accept: text/x"));
        CHECK(!strstr(w.body, "canary"));
        world_end(&w);
}

TEST(methods_change_on_redirects_as_the_standard_says)
{
        static const struct {
                int status;
                const char *method, *expected;
                bool body;
        } cases[] = {
                        {301, NULL, "GET ", false}, {302, NULL, "GET ", false}, {303, NULL, "GET ", false},
                        {307, NULL, "POST ", true}, {308, NULL, "POST ", true}, {303, "PUT", "GET ", false},
                        {302, "PUT", "PUT ", true},
        };
        World w;

        world_begin(&w);
        strcpy(w.http.redirect_to, "/echo");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char path[16];

                snprintf(path, sizeof(path), "/to%d", cases[i].status);
                CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", path),
                                                    .method = cases[i].method,
                                                    .body = "payload",
                                                    .body_size = 7,
                                                    .redirects_max = 1}),
                          FETCH_OK);
                CHECK(strncmp(w.body, cases[i].expected, strlen(cases[i].expected)) == 0);
                CHECK_INT(strstr(w.body, "payload") != NULL, cases[i].body);
        }
        world_end(&w);
}

TEST(the_guard_stops_every_spelling_of_a_private_address)
{
        static const char *const hosts[] = {
                        "127.0.0.1",
                        "127.1",
                        "127.0.1",
                        "0x7f000001",
                        "2130706433",
                        "017700000001",
                        "0177.0.0.1",
                        "0",
                        "0.0.0.0",
                        "0x7f.1",
                        "127.0.0.1.",
                        "localhost",
                        "LOCALHOST",
                        "localhost.",
                        "a.localhost",
                        "shop.test",
                        "v4.example.org",
                        "alias.example.org",
                        "dual.example.org",
                        "[::1]",
                        "[::]",
                        "[::ffff:127.0.0.1]",
                        "[::ffff:7f00:1]",
                        "[0:0:0:0:0:0:0:1]",
                        "[::127.0.0.1]",
                        "[64:ff9b::7f00:1]",
                        "127.0.0.2",
                        "%31%32%37.0.0.1",
                        "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1",
                        "127\xe3\x80\x82"
                        "0.0.1",
        };
        World w;

        world_begin(&w);
        for (size_t i = 0; i < ELEMENTSOF(hosts); i++) {
                FetchRequest request = {
                                .url = at(&w, hosts[i], "/"), .flags = FETCH_GUARD, .timeout_usec = LONG};
                Fetch *f = NULL;

                if (fetch_start(w.client, &request, on_done, &w, &f) < 0)
                        continue; /* not even a URL */
                run_until(&w, w.calls + 1);
                fetch_free(f);
                if (w.error != FETCH_BLOCKED && w.error != FETCH_NAME_UNKNOWN) {
                        fprintf(stderr, "%s: %s\n", hosts[i], w.message);
                        exit(1);
                }
        }
        CHECK_INT(w.http.n_connections, 0);
        /* Through a redirect of somebody who is allowed, and with an address given. */
        CHECK_INT(fetch_client_allow(w.client, (const char *const[]){"127.0.0.1/32", NULL}, NULL), 0);
        snprintf(w.http.redirect_to, sizeof(w.http.redirect_to), "http://127.0.0.2:%u/", w.http.port);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/to"),
                                            .redirects_max = 5,
                                            .flags = FETCH_GUARD}),
                  FETCH_BLOCKED);
        CHECK(strstr(w.message, "127.0.0.2"));
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "shop.test", "/"),
                                            .resolve = "10.0.0.1",
                                            .flags = FETCH_GUARD}),
                  FETCH_BLOCKED);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = "http://x/",
                                            .unix_socket = "/run/nothing",
                                            .flags = FETCH_GUARD}),
                  FETCH_BLOCKED);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "shop.test", "/"), .flags = FETCH_GUARD}),
                  FETCH_OK);
        world_end(&w);
}

TEST(a_connection_kept_by_the_operator_is_not_used_under_the_guard)
{
        World w;

        world_begin(&w);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/")}), FETCH_OK);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/")}), FETCH_OK);
        CHECK_INT(w.http.n_connections, 1); /* it is kept */
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/"), .flags = FETCH_GUARD}),
                  FETCH_BLOCKED);
        world_end(&w);
}

/* The lowest number that is free: the same again when nothing was left open. */
static int next_descriptor(void)
{
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        CHECK(fd >= 0);
        close(fd);
        return fd;
}

TEST(an_address_trusted_in_its_url_is_kept_and_passes_for_nobody_else)
{
        FetchRequest request = {.flags = FETCH_GUARD | FETCH_TRUST_HOST, .redirects_max = 1};
        World w;

        world_begin(&w);
        for (int i = 0; i < 3; i++) {
                request.url = at(&w, "127.0.0.1", "/");
                CHECK_INT(fetch(&w, &request), FETCH_OK);
        }
        CHECK_INT(w.http.n_connections, 1);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = w.url, .flags = FETCH_GUARD}), FETCH_BLOCKED);
        CHECK(strstr(w.message, "127.0.0.1"));
        request.url = at(&w, "shop.test", "/"); /* a name is somebody else's word */
        CHECK_INT(fetch(&w, &request), FETCH_BLOCKED);
        snprintf(w.http.redirect_to, sizeof(w.http.redirect_to), "http://127.0.0.1:%u/", w.http.port);
        request.url = at(&w, "127.0.0.1", "/to");
        CHECK_INT(fetch(&w, &request), FETCH_BLOCKED);
        CHECK_INT(w.http.n_connections, 1);
        world_end(&w);
}

TEST(a_kept_connection_that_was_closed_is_replaced_and_leaves_nothing)
{
        int before, after;
        World w;

        world_begin(&w);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/")}), FETCH_OK);
        before = next_descriptor();
        for (int i = 0; i < 5; i++) {
                while (w.http.connections)
                        http_connection_close(w.http.connections);
                run_for(&w, USEC_PER_MSEC); /* without a spin on what is closed */
                CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/")}), FETCH_OK);
        }
        CHECK_INT(w.http.n_connections, 6);
        after = next_descriptor();
        CHECK_INT(after, before);
        world_end(&w);
}

TEST(what_all_answers_hold_together_is_bounded)
{
        Fetch *held = NULL;
        FetchRequest request = {.timeout_usec = LONG};
        char raw[7000];
        World w;

        world_begin(&w);
        memset(raw, ' ', sizeof(raw));
        *stpcpy(raw, "HTTP/1.1 200 X\r\n\r\n") = ' ';
        w.http.raw = raw;
        w.http.raw_size = sizeof(raw);
        fetch_client_budget(w.client, 10000);
        request.url = at(&w, "127.0.0.1", "/raw");
        CHECK_INT(fetch_start(w.client, &request, on_done, &w, &held), 0);
        run_until(&w, 1);
        CHECK_INT(w.error, FETCH_OK);
        CHECK(fetch_client_held(w.client) > 6000);
        CHECK_INT(fetch(&w, &request), FETCH_LOCAL);
        CHECK(strstr(w.message, "no room"));
        fetch_free(held);
        CHECK_INT(fetch_client_held(w.client), 0);
        CHECK_INT(fetch(&w, &request), FETCH_OK);
        world_end(&w);
}

TEST(what_one_request_is_allowed_is_allowed_to_no_other)
{
        static const char *const mine[] = {"127.0.0.0/8", NULL}, *const others[] = {"10.0.0.0/8", NULL};
        World w;

        world_begin(&w);
        for (int i = 0; i < 2; i++) {
                CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/"),
                                                    .flags = FETCH_GUARD,
                                                    .allow = mine}),
                          FETCH_OK);
                CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/"), .flags = FETCH_GUARD}),
                          FETCH_BLOCKED);
                CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/"),
                                                    .flags = FETCH_GUARD,
                                                    .allow = others}),
                          FETCH_BLOCKED);
        }
        CHECK_INT(w.http.n_connections, 2);
        world_end(&w);
}

TEST(the_exceptions_must_be_networks)
{
        Error e = {};
        World w;

        world_begin(&w);
        CHECK_INT(fetch_client_allow(w.client, (const char *const[]){"127.0.0.0/8", "nonsense", NULL}, &e),
                  -EINVAL);
        CHECK(strstr(e.text, "nonsense"));
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/"), .flags = FETCH_GUARD}),
                  FETCH_BLOCKED);
        world_end(&w);
}

TEST(fresh_means_a_new_connection_that_is_closed)
{
        World w;

        world_begin(&w);
        for (int i = 0; i < 3; i++)
                CHECK_INT(get(&w, "/"), FETCH_OK);
        CHECK_INT(w.http.n_connections, 3);
        run_for(&w, 20 * USEC_PER_MSEC);
        CHECK(!w.http.connections);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/")}), FETCH_OK);
        CHECK_INT(get(&w, "/"), FETCH_OK); /* nor one that another request has kept */
        CHECK_INT(w.http.n_connections, 5);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "127.0.0.1", "/")}), FETCH_OK);
        CHECK_INT(w.http.n_connections, 5);
        CHECK(*w.address);
        world_end(&w);
}

TEST(a_unix_socket_is_spoken_to)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        HttpServer local;
        World w;

        world_begin(&w);
        snprintf(a.sun_path, sizeof(a.sun_path), "%s", path_in(&w, "http.sock"));
        CHECK_INT(fetch(&w, &(FetchRequest){.url = "http://local/", .unix_socket = a.sun_path}),
                  FETCH_REFUSED);
        http_server_listen(&local, w.event, (struct sockaddr *) &a, sizeof(a));
        CHECK_INT(fetch(&w, &(FetchRequest){.url = "http://local/echo", .unix_socket = a.sun_path}),
                  FETCH_OK);
        CHECK(strstr(w.body, "Host: local\r\n"));
        CHECK_STR(w.address, "");
        http_server_stop(&local);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = "http://local/",
                                            .unix_socket = a.sun_path,
                                            .flags = FETCH_FRESH}),
                  FETCH_REFUSED);
        world_end(&w);
}

TEST(freeing_cancels_at_any_time_and_in_any_order)
{
        static const char *const paths[] = {"/", "/silent", "/hops/3", "/close"};
        static const char *const hosts[] = {"127.0.0.1", "v4.example.org", "silent.example.org", "both.test"};
        World w;

        world_begin(&w);
        for (int turns = 0; turns < 30; turns++) {
                Fetch *all[16] = {};

                for (int i = 0; i < 16; i++) {
                        FetchRequest request = {.url = at(&w, hosts[i / 4], paths[i % 4]),
                                                .redirects_max = 5,
                                                .timeout_usec = LONG,
                                                .flags = i % 3 ? FETCH_FRESH : 0};

                        CHECK_INT(fetch_start(w.client, &request, on_done, &w, &all[i]), 0);
                }
                for (int i = 0; i < turns; i++)
                        CHECK(sd_event_run(w.event, USEC_PER_MSEC) >= 0);
                for (int i = 0; i < 16; i++)
                        all[(i * 5 + turns) % 16] = fetch_free(all[(i * 5 + turns) % 16]);
                w.calls = 0;
                run_for(&w, USEC_PER_MSEC);
                CHECK_INT(w.calls, 0);
        }
        CHECK_INT(get(&w, "/"), FETCH_OK);
        world_end(&w);
}

static Fetch *siblings[8];

static void on_done_free_all(Fetch *f, const FetchResult *result, void *userdata)
{
        World *w = userdata;

        w->calls++;
        for (size_t i = 0; i < ELEMENTSOF(siblings); i++)
                siblings[i] = fetch_free(siblings[i]);
}

TEST(done_may_free_its_fetch_and_all_others)
{
        static const char *const urls[] = {"/", "/close", "/hops/2", "/status/500"};
        World w;
        Fetch *f = NULL;

        world_begin(&w);
        w.free_in_done = true;
        for (size_t i = 0; i < ELEMENTSOF(urls); i++) {
                FetchRequest request = {.url = at(&w, "127.0.0.1", urls[i]),
                                        .timeout_usec = LONG,
                                        .redirects_max = 9};

                CHECK_INT(fetch_start(w.client, &request, on_done, &w, &f), 0);
        }
        FetchRequest unknown = {.url = at(&w, "nx.example.org", "/"), .timeout_usec = LONG};
        CHECK_INT(fetch_start(w.client, &unknown, on_done, &w, &f), 0);
        FetchRequest silent = {.url = at(&w, "127.0.0.1", "/silent"), .timeout_usec = 50 * USEC_PER_MSEC};
        CHECK_INT(fetch_start(w.client, &silent, on_done, &w, &f), 0);
        run_until(&w, 6);

        for (size_t i = 0; i < ELEMENTSOF(siblings); i++) {
                FetchRequest request = {.url = at(&w, "127.0.0.1", "/"), .timeout_usec = LONG};

                CHECK_INT(fetch_start(w.client, &request, on_done_free_all, &w, &siblings[i]), 0);
        }
        run_until(&w, 7);
        run_for(&w, 5 * USEC_PER_MSEC);
        CHECK_INT(w.calls, 7);
        world_end(&w);
}

TEST(our_own_lack_of_descriptors_is_ours)
{
        struct rlimit old, few;
        int spare[64], n = 0;
        World w;

        world_begin(&w);
        CHECK_INT(get(&w, "/"), FETCH_OK);
        run_for(&w, 20 * USEC_PER_MSEC);
        CHECK_INT(getrlimit(RLIMIT_NOFILE, &old), 0);
        few = old;
        few.rlim_cur = 40;
        CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
        while (n < 64 && (spare[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
                n++;
        CHECK_INT(get(&w, "/"), FETCH_LOCAL);
        CHECK(strstr(w.message, "Too many open files"));
        CHECK_INT(fetch(&w, &(FetchRequest){.url = at(&w, "v4.example.org", "/")}), FETCH_LOCAL);
        while (n > 0)
                close(spare[--n]);
        CHECK_INT(setrlimit(RLIMIT_NOFILE, &old), 0);
        CHECK_INT(get(&w, "/"), FETCH_OK);
        world_end(&w);
}

/* In a network of its own: runs fn in a child process, or says why not. */
static void in_own_network(void (*fn)(World *w))
{
        int status;
        pid_t pid = fork();
        World w;

        CHECK(pid >= 0);
        if (pid == 0) {
                if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
                        _exit(77);
                world_begin(&w);
                fn(&w);
                world_end(&w);
                exit(0);
        }
        CHECK_INT(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
                fprintf(stderr, "  left out: no namespaces here\n");
        else
                CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void interface_up(const char *name)
{
        struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
        CHECK_INT(ioctl(fd, SIOCSIFFLAGS, &request), 0);
        close(fd);
}

static void without_network(World *w)
{
        /* Not even loopback is up. */
        CHECK_INT(get(w, "/"), FETCH_LOCAL);
        CHECK(strstr(w->message, "unreachable"));
        CHECK_INT(fetch(w, &(FetchRequest){.url = at(w, "v4.example.org", "/")}), FETCH_LOCAL);
        interface_up("lo");
        CHECK_INT(get(w, "/"), FETCH_OK);
        /* No route but to loopback. */
        CHECK_INT(fetch(w, &(FetchRequest){.url = "http://192.0.2.1/", .flags = FETCH_FRESH}), FETCH_LOCAL);
        CHECK_INT(fetch(w, &(FetchRequest){.url = "http://[2001:db8::1]/", .flags = FETCH_FRESH}),
                  FETCH_LOCAL);
        /* One family has no route, the other is refused: that says something about the target. */
        file_write(path_in(w, "hosts"), "2001:db8::1 half.test\n127.0.0.9 half.test\n192.0.2.1 turned.test\n"
                                        "::1 turned.test\n");
        CHECK_INT(fetch(w, &(FetchRequest){.url = "http://half.test:1/"}), FETCH_REFUSED);
        CHECK_INT(fetch(w, &(FetchRequest){.url = "http://turned.test:1/"}), FETCH_REFUSED);
}

TEST(no_route_is_our_own_trouble)
{
        in_own_network(without_network);
}

/* The kernel gives up before us when it may send but one SYN again: after 3 s. */
static void without_patience(World *w)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int full = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), filler[3];
        socklen_t size = sizeof(a);

        interface_up("lo");
        file_write("/proc/sys/net/ipv4/tcp_syn_retries", "1");
        CHECK_INT(bind(full, (struct sockaddr *) &a, sizeof(a)), 0);
        CHECK_INT(listen(full, 0), 0);
        CHECK_INT(getsockname(full, (struct sockaddr *) &a, &size), 0);
        for (size_t i = 0; i < ELEMENTSOF(filler); i++) {
                filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                (void) connect(filler[i], (struct sockaddr *) &a, sizeof(a));
        }
        snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%u/", ntohs(a.sin_port));
        CHECK_INT(fetch(w, &(FetchRequest){.url = w->url, .flags = FETCH_FRESH}), FETCH_TIMEOUT);
        CHECK(w->total_usec < LONG / 2);
        for (size_t i = 0; i < ELEMENTSOF(filler); i++)
                close(filler[i]);
        close(full);
}

TEST(the_kernels_own_timeout_is_one)
{
        in_own_network(without_patience);
}

static void without_host(World *w)
{
        struct rtentry route = {.rt_flags = RTF_UP | RTF_HOST | RTF_REJECT};
        struct sockaddr_in *to = (struct sockaddr_in *) &route.rt_dst;
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        interface_up("lo");
        to->sin_family = AF_INET;
        CHECK_INT(inet_pton(AF_INET, "192.0.2.1", &to->sin_addr), 1);
        CHECK_INT(ioctl(fd, SIOCADDRT, &route), 0);
        close(fd);
        CHECK_INT(fetch(w, &(FetchRequest){.url = "http://192.0.2.1/", .flags = FETCH_FRESH}), FETCH_REFUSED);
        CHECK(strstr(w->message, "unreachable"));
}

TEST(a_host_that_is_unreachable_counts_as_refused)
{
        in_own_network(without_host);
}

TEST(hundreds_at_once_all_end)
{
        enum { N = 300 };
        World w;
        Fetch *f = NULL;

        world_begin(&w);
        w.free_in_done = true;
        for (int i = 0; i < N; i++) {
                FetchRequest request = {.url = at(&w, i % 2 ? "v4.example.org" : "127.0.0.1", "/"),
                                        .timeout_usec = LONG,
                                        .flags = FETCH_FRESH};

                CHECK_INT(fetch_start(w.client, &request, on_done, &w, &f), 0);
        }
        run_until(&w, N);
        CHECK_INT(w.http.n_requests, N);
        world_end(&w);
}

TEST(every_error_has_a_name)
{
        for (int i = FETCH_OK; i <= FETCH_LOCAL; i++)
                CHECK(*fetch_error_name((FetchError) i));
}

MAIN()
