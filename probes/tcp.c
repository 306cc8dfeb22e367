/* SPDX-License-Identifier: MIT */
/* Connects to a port, and speaks TLS when asked to: handshake, name and validity of the certificate. */
#include "base/clock.h"
#include "base/text.h"
#include "probes/probe.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

typedef struct TcpConf {
        char *host;
        unsigned port;
        bool tls;
        unsigned tls_min_days;
        char *server_name, *ca_file, *resolve;
} TcpConf;

typedef struct TcpState {
        Resolve *lookup;
        size_t count, next; /* addresses, and the one to try next */
        struct sockaddr_storage addresses[RESOLVE_ADDRESSES_MAX];

        int fd;
        sd_event_source *io, *patience; /* patience: with this address, while there are others */
        char address[ADDRESS_SIZE];     /* in use */
        /* what the addresses tried so far had to say: a fail of one outweighs our trouble with another */
        Outcome outcome;
        char trouble[160];

        SSL_CTX *tls_context;
        SSL *tls;
        /* of a certificate that did not verify */
        int verify_error, verify_depth;
        uint64_t verify_expires_usec;
} TcpState;

static void connect_next(Attempt *a);

static void socket_close(TcpState *s)
{
        s->io = loop_source_free(s->io);
        s->patience = loop_source_free(s->patience);
        if (s->tls)
                SSL_free(s->tls);
        s->tls = NULL;
        fd_closep(&s->fd);
        s->fd = -EBADF;
}

static void trouble_note(TcpState *s, Outcome outcome, const char *format, ...) _printf_(3, 4);
static void trouble_note(TcpState *s, Outcome outcome, const char *format, ...)
{
        va_list ap;

        if (s->trouble[0] && outcome == OUTCOME_INCONCLUSIVE)
                return;
        va_start(ap, format);
        vsnprintf(s->trouble, sizeof s->trouble, format, ap);
        va_end(ap);
        s->outcome = outcome;
}

/* TLS */

static uint64_t certificate_expires(const X509 *certificate)
{
        struct tm tm;
        time_t t;

        if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
                return 0;
        t = timegm(&tm);
        return t > 0 ? (uint64_t) t * USEC_PER_SEC : 0;
}

static int on_verify(int good, X509_STORE_CTX *store)
{
        SSL *tls = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
        TcpState *s = SSL_get_app_data(tls);

        if (!good) {
                s->verify_error = X509_STORE_CTX_get_error(store);
                s->verify_depth = X509_STORE_CTX_get_error_depth(store);
                s->verify_expires_usec = certificate_expires(X509_STORE_CTX_get_current_cert(store));
        }
        return good;
}

static void report_verify_error(Attempt *a)
{
        const TcpConf *c = a->conf;
        TcpState *s = a->state;
        const char *name = c->server_name ? c->server_name : c->host;

        switch (s->verify_error) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
                if (s->verify_depth == 0)
                        attempt_report_expired(a, s->verify_expires_usec);
                else
                        attempt_report(a, OUTCOME_FAIL, "certificate of the issuer expired");
                break;
        case X509_V_ERR_CERT_NOT_YET_VALID:
                attempt_report(a, OUTCOME_INCONCLUSIVE, "certificate is not yet valid: is our clock right?");
                break;
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
                attempt_report(a, OUTCOME_FAIL, "certificate is not for %s", name);
                break;
        default:
                attempt_report(a, OUTCOME_FAIL, "certificate is not trusted: %s",
                               X509_verify_cert_error_string(s->verify_error));
        }
}

static void report_handshake_failure(Attempt *a, int reason, int system_error)
{
        TcpState *s = a->state;
        unsigned long error = ERR_peek_error();
        const char *text = ERR_reason_error_string(error);

        if (s->verify_error != X509_V_OK)
                report_verify_error(a);
        else if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
                attempt_report_errno(a, -ENOMEM, "TLS");
        else if (reason == SSL_ERROR_SYSCALL && (system_error == ECONNRESET || system_error == EPIPE))
                attempt_report(a, OUTCOME_FAIL, "reset by %s in the TLS handshake", s->address);
        else if (reason == SSL_ERROR_SYSCALL || reason == SSL_ERROR_ZERO_RETURN ||
                 ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
                attempt_report(a, OUTCOME_FAIL, "closed by %s in the TLS handshake", s->address);
        else
                attempt_report(a, OUTCOME_FAIL, "TLS failure: %s", text ? text : "unknown");
}

static void report_connected(Attempt *a)
{
        const TcpConf *c = a->conf;
        TcpState *s = a->state;
        uint64_t expires = 0;

        if (s->tls)
                expires = certificate_expires(SSL_get0_peer_certificate(s->tls));
        if (!attempt_warn_expiry(a, expires, c->tls_min_days))
                attempt_report(a, OUTCOME_PASS, "%s %s", s->tls ? "TLS with" : "connected to", s->address);
}

static int on_tls(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Attempt *a = userdata;
        TcpState *s = a->state;
        int r, reason, system_error;

        if (a->reported)
                return 0;
        ERR_clear_error();
        errno = 0;
        r = SSL_connect(s->tls);
        system_error = errno;
        if (r == 1) {
                s->io = loop_source_free(s->io);
                report_connected(a);
                return 0;
        }
        reason = SSL_get_error(s->tls, r);
        if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) {
                r = sd_event_source_set_io_events(s->io, reason == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT);
                if (r >= 0)
                        return 0;
                attempt_report_errno(a, r, "TLS");
        } else
                report_handshake_failure(a, reason, system_error);
        s->io = loop_source_free(s->io);
        ERR_clear_error();
        return 0;
}

static int tls_new(Attempt *a)
{
        const TcpConf *c = a->conf;
        TcpState *s = a->state;
        const char *name = c->server_name ? c->server_name : c->host;
        unsigned char bytes[16];
        bool is_address = inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;

        s->tls = SSL_new(s->tls_context);
        if (!s->tls)
                return -ENOMEM;
        SSL_set_app_data(s->tls, s);
        SSL_set_quiet_shutdown(s->tls, 1);
        if (is_address) {
                if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(s->tls), name) != 1)
                        return -ENOMEM;
        } else if (SSL_set_tlsext_host_name(s->tls, name) != 1 || SSL_set1_host(s->tls, name) != 1)
                return -ENOMEM;
        return SSL_set_fd(s->tls, s->fd) == 1 ? 0 : -ENOMEM;
}

static void report_no_trust(Attempt *a, int r)
{
        const TcpConf *c = a->conf;
        const char *place = c->ca_file ? c->ca_file : "the system's store";

        if (r == -ENOMEM)
                attempt_report_errno(a, r, "TLS");
        else if (r == -EBADMSG)
                attempt_report(a, OUTCOME_INCONCLUSIVE, "no certificates in %s", place);
        else
                attempt_report(a, OUTCOME_INCONCLUSIVE, "cannot read %s: %s", place, strerror(-r));
}

/* False when it has reported why there is none. */
static bool tls_context_new(Attempt *a)
{
        const TcpConf *c = a->conf;
        TcpState *s = a->state;
        X509_STORE *store;
        int r;

        r = fetch_client_trust(a->context->fetch, c->ca_file, &store);
        if (r < 0) {
                report_no_trust(a, r);
                return false;
        }
        ERR_clear_error();
        s->tls_context = SSL_CTX_new(TLS_client_method());
        if (!s->tls_context) {
                attempt_report_errno(a, -ENOMEM, "TLS");
                return false;
        }
        SSL_CTX_set_verify(s->tls_context, SSL_VERIFY_PEER, on_verify);
        SSL_CTX_set1_cert_store(s->tls_context, store);
        return true;
}

/* Connecting */

static void note_connect_error(TcpState *s, int error, bool at_once)
{
        switch (error) {
        case ECONNREFUSED:
                trouble_note(s, OUTCOME_FAIL, "refused by %s", s->address);
                break;
        case ECONNRESET:
        case EPIPE:
                trouble_note(s, OUTCOME_FAIL, "reset by %s", s->address);
                break;
        case ETIMEDOUT:
                trouble_note(s, OUTCOME_FAIL, "no answer from %s", s->address);
                break;
        case ENETUNREACH:
                trouble_note(s, OUTCOME_INCONCLUSIVE, "no route to %s", s->address);
                break;
        case EHOSTUNREACH: /* at once: our routing table says so; later: somebody answered for the host */
                trouble_note(s, at_once ? OUTCOME_INCONCLUSIVE : OUTCOME_FAIL, "%s is unreachable",
                             s->address);
                break;
        default:
                trouble_note(s, OUTCOME_INCONCLUSIVE, "%s: %s", s->address, strerror(error));
        }
}

static void on_connection(Attempt *a)
{
        const TcpConf *c = a->conf;
        TcpState *s = a->state;
        int r;

        s->io = loop_source_free(s->io);
        s->patience = loop_source_free(s->patience);
        if (!c->tls) {
                report_connected(a);
                return;
        }
        r = tls_new(a);
        if (r >= 0)
                r = loop_add_io(a->context->event, "tcp-tls", s->fd, EPOLLOUT, on_tls, a, &s->io);
        if (r < 0)
                attempt_report_errno(a, r, "TLS");
}

static int on_connect(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Attempt *a = userdata;
        TcpState *s = a->state;
        socklen_t size = sizeof(int);
        int error = 0;

        if (a->reported)
                return 0;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
                error = errno;
        if (error == 0) {
                on_connection(a);
                return 0;
        }
        note_connect_error(s, error, false);
        socket_close(s);
        connect_next(a);
        return 0;
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
        Attempt *a = userdata;
        TcpState *s = a->state;

        if (a->reported)
                return 0;
        note_connect_error(s, ETIMEDOUT, false);
        socket_close(s);
        connect_next(a);
        return 0;
}

/* An even share of the time that is left, so that one black hole does not use up the turn of the next address. */
static int patience_arm(Attempt *a)
{
        TcpState *s = a->state;
        uint64_t now = clock_boot_usec(), end = a->began_usec + a->timeout_usec;
        int r;

        if (s->next == s->count)
                return 0; /* the last one may use up the rest */
        r = loop_timer_new(a->context->event, "tcp-patience", on_patience, a, &s->patience);
        if (r < 0)
                return r;
        return loop_timer_set_after(s->patience, (end > now ? end - now : 0) / (s->count - s->next + 1));
}

static int connect_one(Attempt *a, struct sockaddr_storage *address)
{
        const TcpConf *c = a->conf;
        TcpState *s = a->state;
        socklen_t size = address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                        : sizeof(struct sockaddr_in);
        int r;

        if (address->ss_family == AF_INET6)
                ((struct sockaddr_in6 *) address)->sin6_port = htons((uint16_t) c->port);
        else
                ((struct sockaddr_in *) address)->sin_port = htons((uint16_t) c->port);
        address_format(s->address, address);

        s->fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (s->fd < 0)
                return -errno;
        r = connect(s->fd, (struct sockaddr *) address, size) < 0 ? -errno : 0;
        if (r < 0 && r != -EINPROGRESS)
                return r;
        r = loop_add_io(a->context->event, "tcp-connect", s->fd, EPOLLOUT, on_connect, a, &s->io);
        return r < 0 ? r : patience_arm(a);
}

/* The addresses in turn; each on a connection of its own, which says nothing. */
static void connect_next(Attempt *a)
{
        TcpState *s = a->state;

        while (s->next < s->count) {
                int r = connect_one(a, &s->addresses[s->next++]);

                if (r >= 0)
                        return;
                note_connect_error(s, -r, true);
                socket_close(s);
        }
        attempt_report(a, s->outcome, "%s", s->trouble);
}

static void on_resolved(Resolve *lookup, const ResolveResult *result, void *userdata)
{
        Attempt *a = userdata;
        const TcpConf *c = a->conf;
        TcpState *s = a->state;

        if (result->error < 0 || result->count == 0) {
                bool unknown = result->error == -ENOENT || result->error == 0;

                attempt_report(a, unknown ? OUTCOME_FAIL : OUTCOME_INCONCLUSIVE, "%s: %s", c->host,
                               result->message && *result->message ? result->message
                               : unknown                           ? "no address"
                                                                   : strerror(-result->error));
                return;
        }
        s->count = MIN(result->count, ELEMENTSOF(s->addresses));
        memcpy(s->addresses, result->addresses, s->count * sizeof s->addresses[0]);
        connect_next(a);
}

static size_t tcp_files(const void *conf, ReadingFile *ret)
{
        const TcpConf *c = conf;

        if (c->tls && c->ca_file)
                *ret = (ReadingFile){.name = c->ca_file, .plain = true};
        return c->tls && c->ca_file;
}

static void tcp_start(Attempt *a)
{
        const TcpConf *c = a->conf;
        TcpState *s = a->state;
        int r;

        s->fd = -EBADF;
        if (c->tls && !tls_context_new(a))
                return;
        r = resolve_start(a->context->resolver, c->resolve ? c->resolve : c->host, 0,
                          a->timeout_usec + USEC_PER_SEC, on_resolved, a, &s->lookup);
        if (r < 0)
                attempt_report_errno(a, r, c->host);
}

static void tcp_stop(Attempt *a)
{
        TcpState *s = a->state;

        s->lookup = resolve_free(s->lookup);
        socket_close(s);
        SSL_CTX_free(s->tls_context);
}

static void tcp_expire(Attempt *a)
{
        TcpState *s = a->state;

        if (s->count == 0)
                attempt_report(a, OUTCOME_INCONCLUSIVE, "our own resolver does not answer");
        else
                attempt_report_silence(a, s->tls ? "TLS handshake" : "connecting");
}

static int tcp_check(const void *conf, const ConfNode *node, Error *e)
{
        static const char *const only_tls[] = {"tls_min_days", "server_name", "ca_file"};
        const TcpConf *c = conf;
        struct sockaddr_storage address;
        socklen_t size;

        if (c->host[0] == '\0' || strpbrk(c->host, " /:@") != NULL) {
                unsigned char bytes[16];

                if (inet_pton(AF_INET6, c->host, bytes) != 1)
                        return conf_error(conf_get(node, "host"), e,
                                          "host: \"%s\" is not a name or an IP address", c->host);
        }
        if (c->resolve && address_parse(c->resolve, 1, &address, &size) < 0)
                return conf_error(conf_get(node, "resolve"), e, "resolve: \"%s\" is not an IP address",
                                  c->resolve);
        for (size_t i = 0; i < ELEMENTSOF(only_tls); i++)
                if (!c->tls && conf_get(node, only_tls[i]))
                        return conf_error(conf_get(node, only_tls[i]), e, "%s: only with tls: true",
                                          only_tls[i]);
        return 0;
}

static int tcp_verify(const void *conf, const char *config_dir, Error *e)
{
        const TcpConf *c = conf;

        if (c->ca_file && access(c->ca_file, R_OK) < 0)
                return error_set(e, -errno, "ca_file: cannot read %s: %s", c->ca_file, strerror(errno));
        return 0;
}

#define FIELD(key, type, flags, fallback, help, ...)                                           \
        {                                                                                      \
#key, &conf_##type, offsetof(TcpConf, key), flags, fallback, help, __VA_ARGS__ \
        }

const ProbeType probe_tcp = {
                .name = "tcp",
                .help = "A TCP port: that it accepts a connection, with TLS that its certificate is good.",
                .conf_size = sizeof(TcpConf),
                .fields =
                                (const ConfField[]){
                                                FIELD(host, string, CONF_REQUIRED | CONF_HOST, NULL,
                                                      "name or IP address"),
                                                FIELD(port, unsigned, CONF_REQUIRED, NULL, "port",
                                                      &(const ConfRange){1, 65535}),
                                                FIELD(tls, bool, 0, "false",
                                                      "speak TLS and check the certificate"),
                                                FIELD(tls_min_days, unsigned, 0, "0",
                                                      "warn when the certificate is valid for less than this "
                                                      "many days; 0: never",
                                                      &(const ConfRange){0, 3650}),
                                                FIELD(server_name, string, 0, NULL,
                                                      "name that the certificate must be for; default host"),
                                                FIELD(ca_file, string, 0, NULL,
                                                      "PEM file to trust instead of the system's store"),
                                                FIELD(resolve, string, 0, NULL,
                                                      "IP address to connect to instead of looking the name "
                                                      "up"),
                                                {NULL},
                                },
                .size = sizeof(TcpState),
                .check = tcp_check,
                .verify = tcp_verify,
                .files = tcp_files,
                .start = tcp_start,
                .stop = tcp_stop,
                .expire = tcp_expire,
};
