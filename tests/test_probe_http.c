/* SPDX-License-Identifier: MIT */
/* http against a small server that answers in every way, and with TLS against openssl's own. */
#include "tests/probe_bench.h"

#include <sys/stat.h>

#define PATIENT (10 * USEC_PER_SEC)
#define SHORT   (300 * USEC_PER_MSEC)

/* One connection after the other; the path says how to answer. Ends at a request for /end. */
typedef struct Server {
        pthread_t thread;
        int fd;
        unsigned port;
        char request[8192]; /* the last one */
        const char *json;   /* what /json answers */
} Server;

static Server server;

static void send_text(int fd, const char *text)
{
        (void) !send(fd, text, strlen(text), MSG_NOSIGNAL);
}

__attribute__((format(printf, 3, 4))) static void answer(int fd, const char *head, const char *format, ...)
{
        char body[4096], text[6000];
        va_list ap;

        va_start(ap, format);
        vsnprintf(body, sizeof body, format, ap);
        va_end(ap);
        snprintf(text, sizeof text, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", head,
                 strlen(body), body);
        send_text(fd, text);
}

static void answer_long(int fd)
{
        static const char block[65536] = {' '};

        send_text(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        for (int i = 0; i < 64; i++)
                if (send(fd, block, sizeof block, MSG_NOSIGNAL) < 0)
                        return;
}

static void wait_for_the_client_to_go(int fd)
{
        char buffer[512];

        while (read(fd, buffer, sizeof buffer) > 0)
                ;
}

static void serve(int fd, const char *path)
{
        struct linger now = {.l_onoff = 1};
        unsigned status;

        if (sscanf(path, "/status/%u", &status) == 1)
                answer(fd, path + strlen("/status/"), "status %u", status);
        else if (streq(path, "/json"))
                answer(fd, "200 OK", "%s", server.json);
        else if (streq(path, "/redirect"))
                answer(fd, "302 Found\r\nLocation: /status/200", "elsewhere");
        else if (streq(path, "/loop"))
                answer(fd, "302 Found\r\nLocation: /loop", "elsewhere");
        else if (streq(path, "/text"))
                answer(fd, "200 OK", "All books are available.");
        else if (streq(path, "/long"))
                answer_long(fd);
        else if (streq(path, "/reset"))
                setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        else if (streq(path, "/rubbish"))
                send_text(fd, "220 mail.shop.test ESMTP\r\n");
        else if (streq(path, "/half"))
                send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        else if (streq(path, "/silent"))
                wait_for_the_client_to_go(fd);
        else if (streq(path, "/drip")) {
                send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx");
                wait_for_the_client_to_go(fd);
        }
        /* else: an empty answer */
}

static bool request_read(int fd)
{
        size_t n = 0, length = 0;
        char *end = NULL;

        while (n + 1 < sizeof server.request) {
                ssize_t got = read(fd, server.request + n, sizeof server.request - 1 - n);
                const char *field;

                if (got <= 0)
                        return false;
                n += (size_t) got;
                server.request[n] = '\0';
                end = strstr(server.request, "\r\n\r\n");
                if (!end)
                        continue;
                field = strcasestr(server.request, "\r\nContent-Length:");
                if (field && field < end)
                        length = strtoul(field + strlen("\r\nContent-Length:"), NULL, 10);
                if (n >= (size_t) (end + 4 - server.request) + length)
                        return true;
        }
        return false;
}

static void *server_run(void *userdata)
{
        for (bool on = true; on;) {
                int fd = accept(server.fd, NULL, NULL);
                char path[2048] = "";

                if (fd < 0)
                        break;
                if (request_read(fd) && sscanf(server.request, "%*s %2047s", path) == 1) {
                        on = !streq(path, "/end");
                        serve(fd, path);
                }
                close(fd);
        }
        return NULL;
}

static void server_end(void)
{
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                .sin_port = htons((uint16_t) server.port)};
        int fd;

        if (getpid() != bench_owner)
                return;
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, (struct sockaddr *) &a, sizeof a) == 0) {
                send_text(fd, "GET /end HTTP/1.0\r\n\r\n");
                pthread_join(server.thread, NULL);
        }
        close(fd);
}

static Run run(uint64_t timeout_usec, const char *path, const char *more)
{
        _cleanup_free_ char *yaml = NULL;

        if (server.port == 0) {
                server.fd = bench_socket(SOCK_STREAM, "127.0.0.1", 0, &server.port);
                CHECK_INT(pthread_create(&server.thread, NULL, server_run, NULL), 0);
                atexit(server_end);
        }
        CHECK(yaml = string_printf("url: http://127.0.0.1:%u%s\n%s", server.port, path, more));
        return bench_run_with("http", yaml, NULL, timeout_usec);
}

TEST(passes_with_the_expected_status)
{
        CHECK_RUN(OUTCOME_PASS, "HTTP 200", run(PATIENT, "/status/200", ""));
        CHECK_RUN(OUTCOME_PASS, "HTTP 204", run(PATIENT, "/status/204", "expect_status: [200, 204]"));
        CHECK_RUN(OUTCOME_PASS, "HTTP 404", run(PATIENT, "/status/404", "expect_status: 404"));
}

TEST(fails_with_any_other_status)
{
        CHECK_RUN(OUTCOME_FAIL, "HTTP 503", run(PATIENT, "/status/503", ""));
        CHECK_RUN(OUTCOME_FAIL, "HTTP 404", run(PATIENT, "/status/404", ""));
        CHECK_RUN(OUTCOME_FAIL, "HTTP 201, expected 200", run(PATIENT, "/status/201", ""));
        CHECK_RUN(OUTCOME_FAIL, "HTTP 200, expected 204",
                  run(PATIENT, "/status/200", "expect_status: [204]"));
}

TEST(blames_account_or_key_only_when_a_key_is_sent)
{
        bench_file("key", "sk_test_1\n");
        CHECK_RUN(OUTCOME_FAIL, "HTTP 403: frozen account or wrong key",
                  run(PATIENT, "/status/403", "bearer_file: key"));
        CHECK_RUN(OUTCOME_FAIL, "HTTP 401: frozen account or wrong key",
                  run(PATIENT, "/status/401", "headers: {authorization: Basic eDp5}"));
        CHECK_RUN(OUTCOME_FAIL, "HTTP 403", run(PATIENT, "/status/403", ""));
        CHECK_RUN(OUTCOME_FAIL, "HTTP 401", run(PATIENT, "/status/401", "headers: {X-Other: y}"));
}

TEST(knows_nothing_when_it_asks_too_often)
{
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "HTTP 429: too many requests", run(PATIENT, "/status/429", ""));
        CHECK_RUN(OUTCOME_FAIL, "HTTP 429", run(PATIENT, "/status/429", "inconclusive_status: []"));
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "HTTP 503",
                  run(PATIENT, "/status/503", "inconclusive_status: [429, 503]"));
        CHECK_RUN(OUTCOME_PASS, "HTTP 429", run(PATIENT, "/status/429", "expect_status: [200, 429]"));
}

TEST(looks_for_a_text_in_the_body)
{
        CHECK_RUN(OUTCOME_PASS, "HTTP 200", run(PATIENT, "/text", "expect_body: All books"));
        CHECK_RUN(OUTCOME_FAIL, "HTTP 200 without \"all books\" in the answer",
                  run(PATIENT, "/text", "expect_body: all books"));
}

static Run json_run(const char *json, const char *more)
{
        server.json = json;
        return run(PATIENT, "/json", more);
}

TEST(compares_fields_of_json)
{
        const char *yes = "{\"charges_enabled\":true,\"a\":{\"b\":[1,\"two\"]},\"n\":null}";
        const char *no = "{\"charges_enabled\":false}";

        CHECK_RUN(OUTCOME_PASS, "HTTP 200", json_run(yes, "expect_json: {charges_enabled: true}"));
        CHECK_RUN(OUTCOME_PASS, "HTTP 200",
                  json_run(yes, "expect_json: {charges_enabled: true, a.b.0: 1, a.b.1: two, n: null}"));
        CHECK_RUN(OUTCOME_PASS, "HTTP 200", json_run(yes, "expect_json: {a.b.0: 1.0}"));
        CHECK_RUN(OUTCOME_FAIL, "charges_enabled is false, expected true",
                  json_run(no, "expect_json: {charges_enabled: true}"));
        CHECK_RUN(OUTCOME_FAIL, "payouts is missing, expected true",
                  json_run(no, "expect_json: {payouts: true}"));
        CHECK_RUN(OUTCOME_FAIL, "a.b is a list, expected 1", json_run(yes, "expect_json: {a.b: 1}"));
        CHECK_RUN(OUTCOME_FAIL, "a is an object, expected null", json_run(yes, "expect_json: {a: null}"));
        CHECK_RUN(OUTCOME_FAIL, "a.b.1 is \"two\", expected \"three\"",
                  json_run(yes, "expect_json: {a.b.1: three}"));
        CHECK_RUN(OUTCOME_FAIL, "a.b.0 is 1, expected \"1\"", json_run(yes, "expect_json: {a.b.0: '1'}"));
        CHECK_RUN(OUTCOME_FAIL, "the answer is not JSON: *", run(PATIENT, "/text", "expect_json: {a: 1}"));
        CHECK_RUN(OUTCOME_FAIL, "the answer is not JSON: *",
                  run(PATIENT, "/status/200", "expect_json: {a: 1}"));
}

TEST(does_not_follow_redirects_unless_told)
{
        CHECK_RUN(OUTCOME_FAIL, "HTTP 302: a redirect, which is not followed (redirects_max 0)",
                  run(PATIENT, "/redirect", ""));
        CHECK_RUN(OUTCOME_PASS, "HTTP 302", run(PATIENT, "/redirect", "expect_status: 302"));
        CHECK_RUN(OUTCOME_PASS, "HTTP 200", run(PATIENT, "/redirect", "redirects_max: 1"));
        CHECK_INT(run(PATIENT, "/loop", "redirects_max: 3").outcome, OUTCOME_FAIL);
}

TEST(fails_when_refused)
{
        unsigned port = bench_closed_port();
        char message[60];

        snprintf(message, sizeof message, "refused by 127.0.0.1:%u", port);
        CHECK_RUN(OUTCOME_FAIL, message, bench_run("http", PATIENT, "url: http://127.0.0.1:%u/", port));
}

TEST(fails_when_the_conversation_breaks)
{
        CHECK_INT(run(PATIENT, "/reset", "").outcome, OUTCOME_FAIL);
        CHECK_INT(run(PATIENT, "/empty", "").outcome, OUTCOME_FAIL);
        CHECK_INT(run(PATIENT, "/rubbish", "").outcome, OUTCOME_FAIL);
        CHECK_INT(run(PATIENT, "/half", "").outcome, OUTCOME_FAIL);
}

TEST(fails_when_no_answer_comes_and_says_in_which_phase)
{
        BlackHole hole = bench_black_hole();

        CHECK_RUN(OUTCOME_FAIL, "no answer in 300 ms (waiting for the answer)", run(SHORT, "/silent", ""));
        CHECK_RUN(OUTCOME_FAIL, "no answer in 300 ms (*", run(SHORT, "/drip", ""));
        CHECK_RUN(OUTCOME_FAIL, "no answer in 300 ms (connecting)",
                  bench_run("http", SHORT, "url: http://127.0.0.1:%u/", hole.port));
        bench_black_hole_close(&hole);
}

TEST(needs_only_the_status_of_an_endless_body)
{
        CHECK_RUN(OUTCOME_PASS, "HTTP 200", run(PATIENT, "/long", ""));
        CHECK_RUN(OUTCOME_FAIL, "the answer is too large to look into",
                  run(PATIENT, "/long", "expect_body: nowhere"));
}

TEST(sends_what_it_is_told_to)
{
        bench_file("key", "sk_test_1\n");
        CHECK_INT(run(PATIENT, "/status/200", "bearer_file: key\nheaders: {X-Shop: books, Accept: text/x}")
                                  .outcome,
                  OUTCOME_PASS);
        CHECK(strncmp(server.request, "GET /status/200 HTTP/1.1\r\n", 26) == 0);
        CHECK(strcasestr(server.request, "\r\nAuthorization: Bearer sk_test_1\r\n"));
        CHECK(strcasestr(server.request, "\r\nX-Shop: books\r\n"));
        CHECK(strcasestr(server.request, "\r\nAccept: text/x\r\n"));
        CHECK_INT(run(PATIENT, "/status/200", "body: '{}'").outcome, OUTCOME_PASS);
        CHECK(strncmp(server.request, "POST ", 5) == 0);
        CHECK(strstr(server.request, "\r\n\r\n{}"));
        CHECK_INT(run(PATIENT, "/status/200", "method: PUT\nbody: abc").outcome, OUTCOME_PASS);
        CHECK(strncmp(server.request, "PUT ", 4) == 0);
        CHECK(strstr(server.request, "\r\n\r\nabc"));
        CHECK_INT(run(PATIENT, "/status/200", "method: HEAD").outcome, OUTCOME_PASS);
        CHECK(strncmp(server.request, "HEAD ", 5) == 0);
}

TEST(connects_to_another_address_when_told)
{
        _cleanup_free_ char *more = NULL;

        CHECK_INT(run(PATIENT, "/status/200", "").outcome, OUTCOME_PASS); /* the server runs */
        CHECK(more = string_printf("url: http://shop.test:%u/status/200\nresolve: 127.0.0.1", server.port));
        CHECK_RUN(OUTCOME_PASS, "HTTP 200", bench_run_with("http", more, NULL, PATIENT));
        CHECK(strcasestr(server.request, "\r\nHost: shop.test"));
}

TEST(reads_the_key_anew_for_each_attempt)
{
        bench_file("turning", "first");
        CHECK_INT(run(PATIENT, "/status/200", "bearer_file: turning").outcome, OUTCOME_PASS);
        CHECK(strstr(server.request, "Bearer first\r\n"));
        bench_file("turning", "second");
        CHECK_INT(run(PATIENT, "/status/200", "bearer_file: turning").outcome, OUTCOME_PASS);
        CHECK(strstr(server.request, "Bearer second\r\n"));
}

TEST(knows_nothing_when_the_key_cannot_be_read)
{
        const char *path;

        CHECK_RUN(OUTCOME_INCONCLUSIVE, "cannot read gone.key: No such file or directory",
                  run(PATIENT, "/status/200", "bearer_file: gone.key"));
        path = bench_file("loose.key", "sk_loose");
        CHECK(chmod(path, 0644) == 0);
        Run r = run(PATIENT, "/status/200", "bearer_file: loose.key");
        CHECK_INT(r.outcome, OUTCOME_INCONCLUSIVE);
        CHECK(strstr(r.message, "loose.key") && !strstr(r.message, "sk_loose"));
        bench_file("two.key", "sk_one\nX-Injected: yes");
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "two.key does not hold one line with a key",
                  run(PATIENT, "/status/200", "bearer_file: two.key"));
        bench_file("empty.key", "\n");
        CHECK_INT(run(PATIENT, "/status/200", "bearer_file: empty.key").outcome, OUTCOME_INCONCLUSIVE);
}

static Run run_as_nobody(const char *yaml)
{
        int pipes[2], status;
        Run r = {};
        pid_t pid;

        CHECK(pipe(pipes) == 0);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                if (setresuid(65534, 65534, 65534) < 0)
                        _exit(2);
                r = bench_run_with("http", yaml, NULL, PATIENT);
                _exit(write(pipes[1], &r, sizeof r) == sizeof r ? 0 : 3);
        }
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK_INT(status, 0);
        CHECK(read(pipes[0], &r, sizeof r) == sizeof r);
        close(pipes[0]);
        close(pipes[1]);
        return r;
}

TEST(says_so_when_it_may_not_read_the_key)
{
        if (!bench_needs_root("another user's rights"))
                return;
        bench_file("stripe.key", "sk_test_1");
        CHECK(chmod(bench_folder, 0755) == 0);
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "cannot read stripe.key: Permission denied",
                  run_as_nobody("{url: 'http://127.0.0.1:1/', bearer_file: stripe.key}"));
}

TEST(knows_nothing_without_a_route)
{
        if (bench_needs_isolation("no route"))
                CHECK_INT(bench_run("http", PATIENT, "url: http://192.0.2.1/").outcome, OUTCOME_INCONCLUSIVE);
}

static Run resolved_run(NameServer s)
{
        Run r;

        bench_name_server_begin(&s, "127.0.0.53", 53); /* the system's resolver */
        r = bench_run("http", PATIENT, "url: http://shop.test/");
        bench_name_server_end(&s);
        return r;
}

TEST(fails_on_names_that_do_not_exist_and_knows_nothing_when_our_resolver_fails)
{
        Run r;

        if (!bench_needs_isolation("the system's resolver"))
                return;
        r = resolved_run((NameServer){.rcode = 3});
        CHECK_INT(r.outcome, OUTCOME_FAIL);
        CHECK(strstr(r.message, "NXDOMAIN"));
        CHECK_INT(resolved_run((NameServer){.rcode = 0}).outcome, OUTCOME_FAIL); /* the name has no address */
        r = resolved_run((NameServer){.rcode = 2});
        CHECK_INT(r.outcome, OUTCOME_INCONCLUSIVE);
        CHECK(strstr(r.message, "SERVFAIL"));
        CHECK_INT(bench_run("http", SHORT, "url: http://shop.test/").outcome, OUTCOME_INCONCLUSIVE);
        int silent = bench_socket(SOCK_DGRAM, "127.0.0.53", 53, NULL);
        CHECK_INT(bench_run("http", SHORT, "url: http://shop.test/").outcome, OUTCOME_INCONCLUSIVE);
        close(silent);
}

/* TLS */

static bool certificates_there(void)
{
        char program[] = BINARY_DIR "/tests/certificates", command[400];

        if (access(program, X_OK) < 0) {
                fprintf(stderr, "  left out: %s is not built\n", program);
                return false;
        }
        snprintf(command, sizeof command, "%s %s shop.test", program, bench_folder);
        CHECK_INT(system(command), 0);
        return true;
}

static Run tls_run(const char *certificate, const char *more)
{
        char cert[160], key[160], line[200];
        FILE *output;
        unsigned port;
        pid_t pid;
        Run r;

        snprintf(cert, sizeof cert, "%s/%s.crt", bench_folder, certificate);
        snprintf(key, sizeof key, "%s/%s.key", bench_folder, certificate);
        pid = bench_process((const char *const[]){"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert",
                                                  cert, "-key", key, "-www", NULL},
                            &output);
        do
                CHECK(fgets(line, sizeof line, output));
        while (sscanf(line, "ACCEPT 127.0.0.1:%u", &port) != 1);
        r = bench_run("http", PATIENT,
                      "{url: 'https://shop.test:%u/', resolve: 127.0.0.1, ca_file: %s/ca.crt%s}", port,
                      bench_folder, more);
        bench_process_end(pid, output);
        return r;
}

TEST(passes_with_a_good_certificate)
{
        if (!certificates_there())
                return;
        CHECK_RUN(OUTCOME_PASS, "HTTP 200", tls_run("valid", ""));
        CHECK_RUN(OUTCOME_PASS, "HTTP 200", tls_run("valid", ", tls_min_days: 30"));
}

TEST(warns_days_before_a_certificate_expires)
{
        if (!certificates_there())
                return;
        CHECK_RUN(OUTCOME_WARN, "certificate expires in 4 days", tls_run("ends-soon", ", tls_min_days: 7"));
        CHECK_RUN(OUTCOME_PASS, "HTTP 200", tls_run("ends-soon", ""));
}

TEST(fails_on_a_certificate_that_expired_or_names_another_or_is_not_trusted)
{
        if (!certificates_there())
                return;
        CHECK_RUN(OUTCOME_FAIL, "certificate expired*", tls_run("expired", ""));
        CHECK_RUN(OUTCOME_FAIL, "the certificate is not for shop.test", tls_run("wrong-name", ""));
        CHECK_INT(tls_run("self-signed", "").outcome, OUTCOME_FAIL);
}

TEST(blames_our_clock_for_a_certificate_of_the_future)
{
        if (certificates_there())
                CHECK_INT(tls_run("not-yet", "").outcome, OUTCOME_INCONCLUSIVE);
}

TEST(refuses_what_cannot_be_meant)
{
#define URL "url: http://shop.test/\n"
        CHECK_REFUSED("http", "url", "method: GET");
        CHECK_REFUSED("http", "", "url: ftp://shop.test/");
        CHECK_REFUSED("http", "Content-Length is set by the client", URL "headers: {Content-Length: '3'}");
        CHECK_REFUSED("http", "transfer-encoding is set by", URL "headers: {transfer-encoding: chunked}");
        CHECK_REFUSED("http", "put the name into url, and the address to ask into resolve",
                      URL "headers: {Host: x}");
        CHECK_REFUSED("http", "not an HTTP method", URL "method: 'G T'");
        CHECK_REFUSED("http", "not an IP address", URL "resolve: other.test");
        CHECK_REFUSED("http", "not https", URL "tls_min_days: 7");
        CHECK_REFUSED("http", "not https", URL "ca_file: /etc/ssl/ca.pem");
        CHECK_REFUSED("http", "at least one", URL "expect_status: []");
        CHECK_REFUSED("http", "between 100 and 599", URL "expect_status: [200, 2000]");
        CHECK_REFUSED("http", "between 100 and 599", URL "inconclusive_status: 99");
        CHECK_REFUSED("http", "not a name for a header", URL "headers: {'X Y': z}");
        CHECK_REFUSED("http", "one line", URL "headers: {X: \"y\\r\\nZ: 1\"}");
        CHECK_REFUSED("http", "not both", URL "bearer_file: k\nheaders: {Authorization: x}");
        CHECK_REFUSED("http", "expect_json", URL "expect_json: true");
        CHECK_REFUSED("http", "expect_json", URL "expect_json: {}");
        CHECK_REFUSED("http", "dotted path", URL "expect_json: {a: {b: 1}}");
        CHECK_REFUSED("http", "", URL "redirects_max: 1000");
        CHECK_REFUSED("http", "has no body", URL "method: HEAD\nexpect_body: ok");
        CHECK_REFUSED("http", "has no body", URL "method: HEAD\nexpect_json: {a: 1}");
        CHECK_REFUSED("http", "has no body", URL "expect_status: [204, 304]\nexpect_body: ok");
}

TEST(verifies_what_can_be_known_before)
{
        bench_file("key", "sk_test_1\n");
        CHECK_STR(bench_verify("http", URL "bearer_file: key"), "");
        CHECK(strstr(bench_verify("http", URL "bearer_file: gone.key"), "gone.key"));
        bench_file("two.key", "a\nb");
        CHECK(strstr(bench_verify("http", URL "bearer_file: two.key"), "one line"));
        CHECK_STR(bench_verify("http", "{url: 'https://shop.test/', ca_file: /no/such.pem}"),
                  "ca_file: cannot read /no/such.pem: No such file or directory");
}

TEST(knows_nothing_when_memory_or_descriptors_are_short)
{
        server.json = "{\"status\": {\"text\": \"ok\"}}";
        CHECK_INT(run(PATIENT, "/json", "").outcome, OUTCOME_PASS);
        bench_file("key", "s3cret\n");
        CHECK(chmod(bench_path("key"), 0600) == 0);
        _cleanup_free_ char *yaml =
                        string_printf("url: http://127.0.0.1:%u/json\nexpect_json: {status.text: ok}\n"
                                      "bearer_file: key\nheaders: {X-Shop: a}",
                                      server.port);
        bench_run_scarce("http", PATIENT, yaml);
}

TEST(refuses_a_field_without_a_path)
{
        CHECK_REFUSED("http", "expect_json: a path is empty", "{url: 'http://a/', expect_json: {'': 1}}");
        CHECK_REFUSED("http", "is one scalar", "{url: 'http://a/', expect_json: {a: [1]}}");
        CHECK_REFUSED("http", "expect_json: a mapping", "{url: 'http://a/', expect_json: {}}");
}

MAIN()
