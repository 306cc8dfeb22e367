/* SPDX-License-Identifier: MIT */
/* tcp against sockets, and with TLS against openssl's own server. */
#include "tests/probe_bench.h"

#define PATIENT (10 * USEC_PER_SEC)
#define SHORT   (300 * USEC_PER_MSEC)

static Run run(uint64_t timeout_usec, const char *format, ...) __attribute__((format(printf, 2, 3)));
static Run run(uint64_t timeout_usec, const char *format, ...)
{
        _cleanup_free_ char *yaml = NULL;
        va_list ap;

        va_start(ap, format);
        CHECK(vasprintf(&yaml, format, ap) >= 0);
        va_end(ap);
        return bench_run_with("tcp", yaml, NULL, timeout_usec);
}

TEST(passes_when_the_port_accepts)
{
        unsigned port;
        int fd = bench_socket(SOCK_STREAM, "127.0.0.1", 0, &port);
        char message[60];

        snprintf(message, sizeof message, "connected to 127.0.0.1:%u", port);
        CHECK_RUN(OUTCOME_PASS, message, run(PATIENT, "{host: 127.0.0.1, port: %u}", port));
        CHECK_RUN(OUTCOME_PASS, message,
                  run(PATIENT, "{host: localhost, port: %u, resolve: 127.0.0.1}", port));
        close(fd);
}

TEST(fails_when_it_is_refused)
{
        unsigned port = bench_closed_port();
        char message[60];

        snprintf(message, sizeof message, "refused by 127.0.0.1:%u", port);
        CHECK_RUN(OUTCOME_FAIL, message, run(PATIENT, "{host: 127.0.0.1, port: %u}", port));
}

TEST(fails_when_connection_requests_vanish)
{
        BlackHole hole = bench_black_hole();

        CHECK_RUN(OUTCOME_FAIL, "no answer in 300 ms (connecting)",
                  run(SHORT, "{host: 127.0.0.1, port: %u}", hole.port));
        bench_black_hole_close(&hole);
}

TEST(knows_nothing_without_a_route)
{
        if (!bench_needs_isolation("no route"))
                return;
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "no route to 192.0.2.1:80",
                  run(PATIENT, "{host: 192.0.2.1, port: 80}"));
}

/* Names: the system's resolver is ours. */

static Run resolved_run(uint64_t timeout_usec, NameServer s, unsigned port)
{
        Run r;

        bench_name_server_begin(&s, "127.0.0.53", 53);
        r = run(timeout_usec, "{host: shop.test, port: %u}", port);
        bench_name_server_end(&s);
        return r;
}

TEST(fails_on_names_that_do_not_exist_and_knows_nothing_when_our_resolver_fails)
{
        if (!bench_needs_isolation("the system's resolver"))
                return;
        CHECK_RUN(OUTCOME_FAIL, "shop.test: NXDOMAIN", resolved_run(PATIENT, (NameServer){.rcode = 3}, 80));
        CHECK_RUN(OUTCOME_FAIL, "shop.test: *", resolved_run(PATIENT, (NameServer){.rcode = 0}, 80));
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "shop.test: SERVFAIL*",
                  resolved_run(PATIENT, (NameServer){.rcode = 2}, 80));
        CHECK_INT(run(SHORT, "{host: shop.test, port: 80}").outcome,
                  OUTCOME_INCONCLUSIVE); /* nobody listens */
        int silent = bench_socket(SOCK_DGRAM, "127.0.0.53", 53, NULL);
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "our own resolver does not answer",
                  run(SHORT, "{host: shop.test, port: 80}"));
        close(silent);
}

TEST(tries_every_address)
{
        const char *const some[] = {"127.0.0.8", "192.0.2.1", "127.0.0.9", NULL};
        const char *const fewer[] = {"127.0.0.8", "192.0.2.1", NULL};
        unsigned port;
        int fd;

        if (!bench_needs_isolation("the system's resolver"))
                return;
        fd = bench_socket(SOCK_STREAM, "127.0.0.9", 0, &port);
        CHECK_INT(resolved_run(PATIENT, (NameServer){.addresses = some}, port).outcome, OUTCOME_PASS);
        /* A fail at one address outweighs our own trouble with another. */
        CHECK_RUN(OUTCOME_FAIL, "refused by 127.0.0.8:*",
                  resolved_run(PATIENT, (NameServer){.addresses = fewer}, port));
        close(fd);
}

TEST(gives_up_on_a_black_hole_in_time_for_the_next_address)
{
        const char *const both[] = {"127.0.0.1", "127.0.0.9", NULL};
        BlackHole hole;
        int fd;

        if (!bench_needs_isolation("the system's resolver"))
                return;
        hole = bench_black_hole();
        fd = bench_socket(SOCK_STREAM, "127.0.0.9", hole.port, NULL);
        CHECK_INT(resolved_run(2 * USEC_PER_SEC, (NameServer){.addresses = both}, hole.port).outcome,
                  OUTCOME_PASS);
        bench_black_hole_close(&hole);
        close(fd);
}

/* TLS */

typedef struct Server {
        pid_t pid;
        FILE *output;
        unsigned port;
} Server;

static bool certificates_there(const char *host)
{
        char program[] = BINARY_DIR "/tests/certificates", command[400];

        if (access(program, X_OK) < 0) {
                fprintf(stderr, "  left out: %s is not built\n", program);
                return false;
        }
        snprintf(command, sizeof command, "%s %s %s", program, bench_folder, host);
        CHECK_INT(system(command), 0);
        return true;
}

static Server server_begin(const char *certificate)
{
        char cert[160], key[160], line[200];
        Server s = {};

        snprintf(cert, sizeof cert, "%s/%s.crt", bench_folder, certificate);
        snprintf(key, sizeof key, "%s/%s.key", bench_folder, certificate);
        s.pid = bench_process((const char *const[]){"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert",
                                                    cert, "-key", key, "-www", NULL},
                              &s.output);
        do
                CHECK(fgets(line, sizeof line, s.output));
        while (sscanf(line, "ACCEPT 127.0.0.1:%u", &s.port) != 1);
        return s;
}

static Run tls_run(const char *certificate, const char *more)
{
        Server s = server_begin(certificate);
        Run r = run(PATIENT,
                    "{host: 127.0.0.1, port: %u, tls: true, server_name: shop.test, ca_file: %s/ca.crt%s}",
                    s.port, bench_folder, more);

        bench_process_end(s.pid, s.output);
        return r;
}

TEST(passes_with_a_good_certificate)
{
        if (!certificates_there("shop.test"))
                return;
        CHECK_RUN(OUTCOME_PASS, "TLS with 127.0.0.1:*", tls_run("valid", ""));
        CHECK_RUN(OUTCOME_PASS, "TLS with 127.0.0.1:*", tls_run("valid", ", tls_min_days: 30"));
}

TEST(checks_an_address_as_name)
{
        Server s;

        if (!certificates_there("127.0.0.1"))
                return;
        s = server_begin("valid");
        CHECK_RUN(OUTCOME_PASS, "TLS with *",
                  run(PATIENT, "{host: 127.0.0.1, port: %u, tls: true, ca_file: %s/ca.crt}", s.port,
                      bench_folder));
        CHECK_RUN(OUTCOME_FAIL, "certificate is not for 127.0.0.2",
                  run(PATIENT,
                      "{host: 127.0.0.2, resolve: 127.0.0.1, port: %u, tls: true, ca_file: %s/ca.crt}",
                      s.port, bench_folder));
        bench_process_end(s.pid, s.output);
}

TEST(warns_days_before_a_certificate_expires)
{
        if (!certificates_there("shop.test"))
                return;
        CHECK_RUN(OUTCOME_WARN, "certificate expires in 4 days", tls_run("ends-soon", ", tls_min_days: 7"));
        CHECK_RUN(OUTCOME_PASS, "TLS with *", tls_run("ends-soon", ""));
        CHECK_RUN(OUTCOME_PASS, "TLS with *", tls_run("ends-soon", ", tls_min_days: 4"));
}

TEST(fails_on_a_certificate_that_expired_or_names_another_or_is_not_trusted)
{
        if (!certificates_there("shop.test"))
                return;
        CHECK_RUN(OUTCOME_FAIL, "certificate expired 24 hours ago", tls_run("expired", ""));
        CHECK_RUN(OUTCOME_FAIL, "certificate is not for shop.test", tls_run("wrong-name", ""));
        CHECK_RUN(OUTCOME_FAIL, "certificate is not trusted: self-signed certificate",
                  tls_run("self-signed", ""));
}

TEST(does_not_trust_a_private_authority_by_default)
{
        Server s;

        if (!certificates_there("shop.test"))
                return;
        s = server_begin("valid");
        CHECK_RUN(OUTCOME_FAIL, "certificate is not trusted: *",
                  run(PATIENT, "{host: 127.0.0.1, port: %u, tls: true, server_name: shop.test}", s.port));
        bench_process_end(s.pid, s.output);
}

TEST(finds_an_authority_in_the_systems_store)
{
        char command[300];
        Server s;

        if (!certificates_there("shop.test"))
                return;
        s = server_begin("valid");
        snprintf(command, sizeof command,
                 "cd %s && mkdir hashed && cp ca.crt hashed/ca.pem && openssl rehash hashed", bench_folder);
        CHECK_INT(system(command), 0);
        for (int hashed = 0; hashed < 2; hashed++) { /* as one file, and as a folder of hashes */
                setenv(hashed ? "SSL_CERT_DIR" : "SSL_CERT_FILE", bench_path(hashed ? "hashed" : "ca.crt"),
                       1);
                CHECK_RUN(OUTCOME_PASS, "TLS with *",
                          run(PATIENT, "{host: 127.0.0.1, port: %u, tls: true, server_name: shop.test}",
                              s.port));
                unsetenv("SSL_CERT_FILE");
        }
        unsetenv("SSL_CERT_DIR");
        CHECK_RUN(OUTCOME_FAIL, "certificate is not trusted: *",
                  run(PATIENT, "{host: 127.0.0.1, port: %u, tls: true, server_name: shop.test}", s.port));
        bench_process_end(s.pid, s.output);
}

TEST(blames_our_clock_for_a_certificate_of_the_future)
{
        if (!certificates_there("shop.test"))
                return;
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "certificate is not yet valid*", tls_run("not-yet", ""));
}

TEST(knows_nothing_when_the_authorities_cannot_be_read)
{
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "cannot read /no/such.pem: No such file or directory",
                  run(PATIENT, "{host: 127.0.0.1, port: 1, tls: true, ca_file: /no/such.pem}"));
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "no certificates in *",
                  run(PATIENT, "{host: 127.0.0.1, port: 1, tls: true, ca_file: %s}",
                      bench_file("empty", "")));
}

/* A server that takes one connection and treats it badly. */
typedef enum Manner { SILENT, CLOSES, RESETS, SPEAKS_PLAIN } Manner;

typedef struct Rude {
        pthread_t thread;
        int fd;
        Manner manner;
} Rude;

static void *rude_run(void *userdata)
{
        Rude *s = userdata;
        struct linger now = {.l_onoff = 1};
        char buffer[4096];
        int fd = accept(s->fd, NULL, NULL);

        if (fd < 0)
                return NULL;
        (void) !read(fd, buffer, sizeof buffer); /* the first words of the client */
        if (s->manner == SPEAKS_PLAIN)
                (void) !send(fd, "HTTP/1.0 400 Bad Request\r\n\r\n", 28, MSG_NOSIGNAL);
        if (s->manner == RESETS)
                setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        if (s->manner == SILENT)
                (void) !read(fd, buffer, sizeof buffer); /* until the client goes */
        close(fd);
        return NULL;
}

static Run rude_tls_run(Manner manner, uint64_t timeout_usec)
{
        unsigned port;
        Rude s = {.fd = bench_socket(SOCK_STREAM, "127.0.0.1", 0, &port), .manner = manner};
        Run r;

        CHECK_INT(pthread_create(&s.thread, NULL, rude_run, &s), 0);
        r = run(timeout_usec, "{host: 127.0.0.1, port: %u, tls: true}", port);
        CHECK_INT(pthread_join(s.thread, NULL), 0);
        close(s.fd);
        return r;
}

TEST(fails_when_the_handshake_does)
{
        CHECK_RUN(OUTCOME_FAIL, "no answer in 300 ms (TLS handshake)", rude_tls_run(SILENT, SHORT));
        CHECK_RUN(OUTCOME_FAIL, "closed by 127.0.0.1:*", rude_tls_run(CLOSES, PATIENT));
        CHECK_RUN(OUTCOME_FAIL, "reset by 127.0.0.1:*", rude_tls_run(RESETS, PATIENT));
        CHECK_RUN(OUTCOME_FAIL, "TLS failure: wrong version number", rude_tls_run(SPEAKS_PLAIN, PATIENT));
}

TEST(refuses_what_cannot_be_meant)
{
        CHECK_REFUSED("tcp", "host", "port: 80");
        CHECK_REFUSED("tcp", "port", "host: shop.test");
        CHECK_REFUSED("tcp", "not a name", "{host: 'shop.test:80', port: 80}");
        CHECK_REFUSED("tcp", "not a name", "{host: '', port: 80}");
        CHECK_REFUSED("tcp", "", "{host: shop.test, port: 70000}");
        CHECK_REFUSED("tcp", "", "{host: shop.test, port: 0}");
        CHECK_REFUSED("tcp", "not an IP address", "{host: shop.test, port: 80, resolve: other.test}");
        CHECK_REFUSED("tcp", "only with tls", "{host: shop.test, port: 80, tls_min_days: 7}");
        CHECK_REFUSED("tcp", "only with tls", "{host: shop.test, port: 80, server_name: shop.test}");
}

TEST(verifies_that_the_authorities_can_be_read)
{
        CHECK_STR(bench_verify("tcp", "{host: shop.test, port: 443, tls: true, ca_file: /etc/passwd}"), "");
        CHECK_STR(bench_verify("tcp", "{host: shop.test, port: 443, tls: true, ca_file: /no/such.pem}"),
                  "ca_file: cannot read /no/such.pem: No such file or directory");
}

TEST(knows_nothing_when_memory_or_descriptors_are_short)
{
        unsigned port;
        int fd = bench_socket(SOCK_STREAM, "127.0.0.1", 0, &port);
        char yaml[60];

        snprintf(yaml, sizeof yaml, "{host: localhost, port: %u}", port);
        bench_run_scarce("tcp", PATIENT, yaml);
        close(fd);
        if (!certificates_there("shop.test"))
                return;
        Server s = server_begin("valid");
        _cleanup_free_ char *tls = string_printf("{host: 127.0.0.1, port: %u, tls: true, server_name: "
                                                 "shop.test, ca_file: %s/ca.crt, tls_min_days: 3}",
                                                 s.port, bench_folder);
        bench_run_scarce("tcp", PATIENT, tls);
        bench_process_end(s.pid, s.output);
}

TEST(tells_what_the_way_there_says_from_what_we_lack)
{
        static const struct {
                int error;
                Outcome outcome;
                const char *message;
        } list[] = {
                        {ECONNREFUSED, OUTCOME_FAIL, "refused by 127.0.0.1:80"},
                        {ECONNRESET, OUTCOME_FAIL, "reset by 127.0.0.1:80"},
                        {ETIMEDOUT, OUTCOME_FAIL, "no answer from 127.0.0.1:80"},
                        {ENETUNREACH, OUTCOME_INCONCLUSIVE, "no route to 127.0.0.1:80"},
                        {EHOSTUNREACH, OUTCOME_INCONCLUSIVE, "127.0.0.1:80 is unreachable"},
                        {EADDRNOTAVAIL, OUTCOME_INCONCLUSIVE,
                         "127.0.0.1:80: Cannot assign requested address"},
                        {EPERM, OUTCOME_INCONCLUSIVE, "127.0.0.1:80: Operation not permitted"},
        };

        for (size_t i = 0; i < ELEMENTSOF(list); i++) {
                scarce_break("connect", 0, list[i].error);
                Run r = run(PATIENT, "{host: 127.0.0.1, port: 80}");
                scarce_break(NULL, 0, 0);
                CHECK_RUN(list[i].outcome, list[i].message, r);
        }
}

MAIN()
