/* SPDX-License-Identifier: MIT */
/* The HTTP client's TLS, against OpenSSL's own server with certificates as they go wrong in life. */
#include "tests/fetch_world.h"

#include <sys/wait.h>

typedef struct TlsServer {
        pid_t pid;
        unsigned port;
} TlsServer;

static void shell(World *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void shell(World *w, const char *format, ...)
{
        char script[2048], command[2200];
        va_list list;
        int r;

        va_start(list, format);
        vsnprintf(script, sizeof(script), format, list);
        va_end(list);
        snprintf(command, sizeof(command), "cd %s && { %s; } >>log 2>&1", w->folder, script);
        r = system(command);
        if (r != 0) {
                snprintf(command, sizeof(command), "cat %s/log >&2", w->folder);
                (void) !system(command);
        }
        CHECK_INT(r, 0);
}

/* An authority, and certificates signed by it: name, subject alternative name, begin and end ("YYYYMMDD000000Z"). */
static void authority_make(World *w)
{
        shell(w,
              "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out "
              "ca.pem "
              "-subj '/CN=Test authority' -days 3650 && mkdir -p ca/new && touch ca/index && echo 01 > "
              "ca/serial && "
              "printf "
              "'[ca]\\ndefault_ca=x\\n[x]\\ndir=ca\\nnew_certs_dir=ca/new\\ndatabase=ca/index\\nserial=ca/"
              "serial\\n"
              "certificate=ca.pem\\nprivate_key=ca.key\\ndefault_md=sha256\\npolicy=p\\nunique_subject=no\\n"
              "copy_extensions=copy\\n[p]\\ncommonName=supplied\\n' > ca.conf && "
              "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out "
              "unused.csr -subj /CN=x");
}

static void certificate_make(World *w, const char *name, const char *alternative, const char *begin,
                             const char *end)
{
        shell(w,
              "openssl req -new -key key.pem -out %s.csr -subj /CN=%s -addext 'subjectAltName=%s' && "
              "openssl ca -batch -notext -config ca.conf -in %s.csr -out %s.pem -startdate %s -enddate %s",
              name, name, alternative, name, name, begin, end);
}

static TlsServer tls_start(World *w, const char *certificate, const char *option)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        uint64_t end = clock_boot_usec() + 20 * USEC_PER_SEC;
        socklen_t size = sizeof(a);
        TlsServer s = {};
        char port[16], file[128];
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        CHECK_INT(bind(fd, (struct sockaddr *) &a, sizeof(a)), 0);
        CHECK_INT(getsockname(fd, (struct sockaddr *) &a, &size), 0);
        close(fd);
        s.port = ntohs(a.sin_port);
        snprintf(port, sizeof(port), "127.0.0.1:%u", s.port);
        snprintf(file, sizeof(file), "%s.pem", certificate);
        s.pid = fork();
        if (s.pid == 0) {
                int log = open(path_in(w, "server.log"), O_WRONLY | O_CREAT | O_APPEND, 0600);

                if (chdir(w->folder) < 0)
                        _exit(1);
                dup2(open("/dev/null", O_RDONLY), 0);
                dup2(log, 1);
                dup2(log, 2);
                execlp("openssl", "openssl", "s_server", "-accept", port, "-cert", file, "-key", "key.pem",
                       "-www", option, NULL);
                _exit(1);
        }
        /* Until it listens. */
        for (;;) {
                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                if (connect(fd, (struct sockaddr *) &a, sizeof(a)) == 0)
                        break;
                close(fd);
                CHECK(clock_boot_usec() < end && waitpid(s.pid, NULL, WNOHANG) == 0);
                usleep(5000);
        }
        close(fd);
        return s;
}

static void tls_stop(TlsServer *s)
{
        kill(s->pid, SIGKILL);
        CHECK_INT(waitpid(s->pid, NULL, 0), s->pid);
}

static FetchError fetch_tls(World *w, const char *certificate, const char *host, const char *ca_file,
                            unsigned flags)
{
        TlsServer s = tls_start(w, certificate, NULL);
        FetchError error;

        snprintf(w->url, sizeof(w->url), "https://%s:%u/", host, s.port);
        error = fetch(w, &(FetchRequest){.url = w->url, .ca_file = ca_file, .flags = flags});
        tls_stop(&s);
        return error;
}

TEST(certificates_that_are_wrong_are_told_apart)
{
        static const char *const past = "20200101000000Z", *const future = "20990101000000Z";
        char ca[128];
        World w;

        world_begin(&w);
        strcpy(ca, path_in(&w, "ca.pem"));
        authority_make(&w);
        certificate_make(&w, "good", "DNS:shop.test,IP:127.0.0.1", past, future);
        certificate_make(&w, "expired", "DNS:shop.test", past, "20210203040506Z");
        certificate_make(&w, "early", "DNS:shop.test", "20980101000000Z", future);
        shell(&w, "openssl req -x509 -key key.pem -out self.pem -subj /CN=shop.test -days 30 -addext "
                  "subjectAltName=DNS:shop.test");

        CHECK_INT(fetch_tls(&w, "good", "shop.test", ca, FETCH_FRESH), FETCH_OK);
        CHECK_INT(w.status, 200);
        CHECK(w.expires_usec == UINT64_C(4070908800) * USEC_PER_SEC);
        CHECK_INT(fetch_tls(&w, "good", "127.0.0.1", ca, FETCH_FRESH), FETCH_OK);
        CHECK_INT(fetch_tls(&w, "good", "shop.test", ca, FETCH_WANT_EXPIRY), FETCH_OK);
        CHECK(w.expires_usec == UINT64_C(4070908800) * USEC_PER_SEC);
        CHECK_INT(fetch_tls(&w, "expired", "shop.test", ca, FETCH_FRESH), FETCH_CERT_EXPIRED);
        CHECK(w.expires_usec == UINT64_C(1612325106) * USEC_PER_SEC);
        CHECK_INT(fetch_tls(&w, "early", "shop.test", ca, FETCH_FRESH), FETCH_CERT_NOT_YET);
        CHECK_INT(fetch_tls(&w, "good", "other.test", ca, FETCH_FRESH), FETCH_CERT_NAME);
        CHECK_STR(w.message, "the certificate is not for other.test");
        CHECK_INT(fetch_tls(&w, "good", "127.0.0.2", ca, FETCH_FRESH), FETCH_REFUSED);
        CHECK_INT(fetch_tls(&w, "self", "shop.test", ca, FETCH_FRESH), FETCH_CERT_UNTRUSTED);
        CHECK_INT(fetch_tls(&w, "good", "shop.test", NULL, FETCH_FRESH), FETCH_CERT_UNTRUSTED);
        CHECK_INT(fetch_tls(&w, "self", "shop.test", path_in(&w, "self.pem"), FETCH_FRESH), FETCH_OK);
        world_end(&w);
}

TEST(tls_failures_are_told_from_resets)
{
        static const struct {
                const char *raw;
                size_t size;
                FetchError error;
        } cases[] = {
                        {"\x15\x03\x01\x00\x02\x02\x28", 7, FETCH_TLS}, /* alert: handshake failure */
                        {"HTTP/1.1 400 X\r\n\r\n", 18, FETCH_TLS},      /* no TLS there at all */
                        {"", 0, FETCH_RESET},                           /* hangs up */
        };
        TlsServer s;
        World w;

        world_begin(&w);
        w.http.speaks_first = true;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                w.http.raw = cases[i].raw;
                w.http.raw_size = cases[i].size;
                snprintf(w.url, sizeof(w.url), "https://127.0.0.1:%u/", w.http.port);
                CHECK_INT(fetch(&w, &(FetchRequest){.url = w.url, .flags = FETCH_FRESH}), cases[i].error);
        }
        authority_make(&w);
        certificate_make(&w, "good", "DNS:shop.test", "20200101000000Z", "20990101000000Z");
        s = tls_start(&w, "good", "-tls1"); /* a version that nobody accepts any more */
        snprintf(w.url, sizeof(w.url), "https://shop.test:%u/", s.port);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = w.url, .flags = FETCH_FRESH}), FETCH_TLS);
        tls_stop(&s);
        world_end(&w);
}

TEST(authorities_are_read_again_when_their_file_changes)
{
        char ca[128];
        World w;

        world_begin(&w);
        strcpy(ca, path_in(&w, "trusted.pem"));
        authority_make(&w);
        certificate_make(&w, "good", "DNS:shop.test", "20200101000000Z", "20990101000000Z");
        shell(&w, "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key "
                  "-out other.pem "
                  "-subj /CN=Other && cp other.pem trusted.pem");
        CHECK_INT(fetch_tls(&w, "good", "shop.test", ca, FETCH_FRESH), FETCH_CERT_UNTRUSTED);
        shell(&w, "cp ca.pem trusted.new && mv trusted.new trusted.pem");
        CHECK_INT(fetch_tls(&w, "good", "shop.test", ca, FETCH_FRESH), FETCH_OK);
        shell(&w, "rm trusted.pem");
        FetchRequest request = {.url = "https://shop.test/", .ca_file = ca, .timeout_usec = LONG};
        Fetch *f = NULL;
        CHECK(fetch_start(w.client, &request, on_done, &w, &f) < 0 || fetch(&w, &request) == FETCH_LOCAL);
        fetch_free(f);
        file_write(ca, "no certificate\n");
        CHECK_INT(fetch(&w, &request), FETCH_LOCAL);
        world_end(&w);
}

TEST(authorities_may_stand_in_a_hashed_folder)
{
        char folder[128];
        World w;

        world_begin(&w);
        strcpy(folder, path_in(&w, "authorities"));
        authority_make(&w);
        certificate_make(&w, "good", "DNS:shop.test", "20200101000000Z", "20990101000000Z");
        shell(&w, "mkdir authorities");
        CHECK_INT(fetch_tls(&w, "good", "shop.test", folder, FETCH_FRESH), FETCH_CERT_UNTRUSTED);
        shell(&w, "cp ca.pem authorities && openssl rehash authorities");
        CHECK_INT(fetch_tls(&w, "good", "shop.test", folder, FETCH_FRESH), FETCH_OK);
        shell(&w, "rm authorities/ca.pem && openssl rehash authorities"); /* trust that is withdrawn */
        CHECK_INT(fetch_tls(&w, "good", "shop.test", folder, FETCH_FRESH), FETCH_CERT_UNTRUSTED);
        world_end(&w);
}

/* Node's: counts its connections and streams, and answers after 50 ms. */
static TlsServer http2_start(World *w)
{
        static const char program[] = "const fs = require('fs'), http2 = require('http2'); let connections = "
                                      "0, streams = 0;"
                                      "const s = http2.createSecureServer({key: fs.readFileSync('key.pem'), "
                                      "cert: fs.readFileSync('good.pem'), "
                                      "allowHTTP1: true}, (q, r) => { streams++; setTimeout(() => "
                                      "r.end(q.httpVersion + ' ' + streams + ' ' + "
                                      "connections), 50); });"
                                      "s.on('secureConnection', () => connections++);"
                                      "s.listen(0, '127.0.0.1', () => { fs.writeFileSync('port.new', "
                                      "String(s.address().port)); "
                                      "fs.renameSync('port.new', 'port'); });";
        uint64_t end = clock_boot_usec() + 20 * USEC_PER_SEC;
        TlsServer s = {};
        FILE *f;

        s.pid = fork();
        if (s.pid == 0) {
                if (chdir(w->folder) == 0)
                        execlp("node", "node", "-e", program, NULL);
                _exit(1);
        }
        while (!(f = fopen(path_in(w, "port"), "re"))) {
                CHECK(clock_boot_usec() < end && waitpid(s.pid, NULL, WNOHANG) == 0);
                usleep(5000);
        }
        CHECK_INT(fscanf(f, "%u", &s.port), 1);
        fclose(f);
        return s;
}

TEST(http_2_is_spoken_where_it_is_offered_and_shares_a_connection)
{
        Fetch *fetches[8];
        TlsServer s;
        World w;

        world_begin(&w);
        authority_make(&w);
        certificate_make(&w, "good", "IP:127.0.0.1", "20200101000000Z", "20990101000000Z");
        setenv("SSL_CERT_FILE", path_in(&w, "ca.pem"), 1); /* what all trust: so that they may share */
        fetch_client_free(w.client);
        CHECK_INT(fetch_client_new(w.event, w.resolver, &w.client), 0);
        unsetenv("SSL_CERT_FILE");
        s = http2_start(&w);
        snprintf(w.url, sizeof(w.url), "https://127.0.0.1:%u/", s.port);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = w.url, .flags = FETCH_HTTP2}), FETCH_OK);
        CHECK_STR(w.body, "2.0 1 1");
        for (size_t i = 0; i < ELEMENTSOF(fetches); i++)
                CHECK_INT(fetch_start(w.client,
                                      &(FetchRequest){.url = w.url,
                                                      .timeout_usec = LONG,
                                                      .flags = FETCH_HTTP2},
                                      on_done, &w, &fetches[i]),
                          0);
        fetches[0] = fetch_free(fetches[0]); /* without harm to the others on its connection */
        run_until(&w, 8);
        CHECK_INT(w.error, FETCH_OK);
        CHECK(strncmp(w.body, "2.0 ", 4) == 0 && strstr(w.body, " 1"));
        CHECK(!strstr(w.body, " 2"));
        for (size_t i = 1; i < ELEMENTSOF(fetches); i++)
                fetch_free(fetches[i]);
        CHECK_INT(fetch(&w, &(FetchRequest){.url = w.url, .flags = FETCH_FRESH}), FETCH_OK);
        CHECK(strncmp(w.body, "1.1 ", 4) == 0); /* not asked for */
        tls_stop(&s);
        world_end(&w);
}

TEST(one_request_does_not_use_the_trust_of_another)
{
        TlsServer s;
        char ca[128];
        World w;

        world_begin(&w);
        strcpy(ca, path_in(&w, "ca.pem"));
        authority_make(&w);
        certificate_make(&w, "good", "DNS:shop.test", "20200101000000Z", "20990101000000Z");
        s = tls_start(&w, "good", NULL);
        snprintf(w.url, sizeof(w.url), "https://shop.test:%u/", s.port);
        for (int i = 0; i < 2; i++) {
                CHECK_INT(fetch(&w, &(FetchRequest){.url = w.url, .ca_file = ca}), FETCH_OK);
                CHECK_INT(fetch(&w, &(FetchRequest){.url = w.url}), FETCH_CERT_UNTRUSTED);
        }
        tls_stop(&s);
        world_end(&w);
}

MAIN()
