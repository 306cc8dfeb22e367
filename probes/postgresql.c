/* SPDX-License-Identifier: MIT */
/* Asks a PostgreSQL server one query, read-only, on a connection of its own.
 *
 * libpq's asynchronous calls do it on the loop. What would wait in libpq is kept away from it: names are resolved before,
 * files are named or absent (postgresql_dsn.c), Kerberos is switched off below. Nothing is left behind on the server: it
 * stops the query itself at our deadline, and sees when we have gone. */
#include "probes/postgresql.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

#include <inttypes.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

/* A first row may be so large. libpq reads as long as more is there already, so little is let in at a time. */
#define ANSWER_MAX   (1024 * 1024)
#define RECEIVE_SIZE (128 * 1024)

typedef struct PgConf {
        char *dsn, *dsn_file;
        char *query, *expect;
} PgConf;

typedef struct PgMemory {
        bool passed;
} PgMemory;

typedef enum PgPhase {
        PHASE_FILES,
        PHASE_RESOLVE,
        PHASE_CONNECT,
        PHASE_PREPARE,
        PHASE_QUERY,
} PgPhase;

typedef struct PgState {
        PgPhase phase;
        PgDsn *dsn;
        Reading *files; /* that libpq will read on the loop: are they within reach? */
        ReadingFile file_names[READING_FILES_MAX];
        size_t n_files;
        size_t next_host;
        const PgHost *host; /* in use */
        Resolve *lookup;
        size_t count, next; /* addresses of it, and the one to try next */
        char addresses[RESOLVE_ADDRESSES_MAX][ADDRESS_SIZE];

        PGconn *conn;
        sd_event_source *io, *patience; /* patience: with this address, while there are others */
        char at[128];                   /* for people */
        long verify_error;              /* of the server's certificate */
        size_t received;
        uint64_t limit_usec; /* boot time at which the server stops the query */

        PgTrouble trouble; /* of the addresses tried so far: a fail of one outweighs our trouble with another */
} PgState;

/* When a server asks for a login by Kerberos, libpq calls this function of libgssapi, which waits for name servers and
 * ticket servers. In this program it is never available; the symbol of the program comes before the library's. */
uint32_t gss_init_sec_context(uint32_t *ret_minor, void *credential, void **context, void *name,
                              void *mechanism, uint32_t flags, uint32_t seconds, void *bindings, void *input,
                              void **ret_mechanism, void *output, uint32_t *ret_flags, uint32_t *ret_seconds);
uint32_t gss_init_sec_context(uint32_t *ret_minor, void *credential, void **context, void *name,
                              void *mechanism, uint32_t flags, uint32_t seconds, void *bindings, void *input,
                              void **ret_mechanism, void *output, uint32_t *ret_flags, uint32_t *ret_seconds)
{
        struct {
                size_t size;
                void *data;
        } *token = output;

        *ret_minor = 0;
        token->size = 0;
        token->data = NULL;
        return UINT32_C(16) << 16; /* GSS_S_UNAVAILABLE, RFC 2744 */
}

static void advance(Attempt *a);

static void connection_close(PgState *s)
{
        s->io = loop_source_free(s->io);
        s->patience = loop_source_free(s->patience);
        PQfinish(s->conn); /* does not wait: the connection is in non-blocking mode */
        s->conn = NULL;
        s->verify_error = X509_V_OK;
}

static void trouble_keep(PgState *s, const PgTrouble *t)
{
        if (s->trouble.message[0] == '\0' || t->outcome == OUTCOME_FAIL)
                s->trouble = *t;
}

/* TLS: libpq does not say what is wrong with a certificate. */

/* The attempt whose connection libpq works at, while it does: its handshake may be at its end when libpq comes back. */
static _Thread_local PgState *connecting;

static int verify_index(void);

static void on_tls_info(const SSL *tls, int where, int value)
{
        PgState *s = SSL_get_ex_data(tls, verify_index());

        if (s && (where & SSL_CB_ALERT) && SSL_get_verify_result(tls) != X509_V_OK)
                s->verify_error = SSL_get_verify_result(tls);
}

static void on_tls_new(void *tls, void *data, CRYPTO_EX_DATA *all, int index, long number, void *pointer)
{
        if (connecting && CRYPTO_set_ex_data(all, index, connecting) == 1)
                SSL_set_info_callback(tls, on_tls_info);
}

static int verify_index(void)
{
        static int index = -1;

        if (index < 0)
                index = SSL_get_ex_new_index(0, NULL, on_tls_new, NULL, NULL);
        return index;
}

static PostgresPollingStatusType connect_poll(PgState *s)
{
        PostgresPollingStatusType status;

        (void) verify_index();
        connecting = s;
        status = PQconnectPoll(s->conn);
        connecting = NULL;
        return status;
}

static bool trouble_verify(const PgState *s, PgTrouble *t)
{
        if (s->verify_error == X509_V_OK)
                return false;
        *t = (PgTrouble){.outcome = OUTCOME_FAIL};
        if (s->verify_error == X509_V_ERR_CERT_NOT_YET_VALID) {
                t->outcome = OUTCOME_INCONCLUSIVE;
                snprintf(t->message, sizeof t->message,
                         "certificate is not yet valid: is our clock right? (%s)", s->at);
        } else if (s->verify_error == X509_V_ERR_CERT_HAS_EXPIRED)
                snprintf(t->message, sizeof t->message, "certificate expired (%s)", s->at);
        else
                snprintf(t->message, sizeof t->message, "certificate is not trusted: %s (%s)",
                         X509_verify_cert_error_string(s->verify_error), s->at);
        return true;
}

/* The answer */

static void report_size(Attempt *a)
{
        PgState *s = a->state;

        attempt_report(a, OUTCOME_FAIL, "the first row is larger than 1 MiB (%s)", s->at);
}

static void report_value(Attempt *a, const PGresult *result)
{
        const PgConf *c = a->conf;
        PgState *s = a->state;
        PgMemory *m = a->memory;
        bool row = PQntuples(result) > 0 && PQnfields(result) > 0;
        bool null = row && PQgetisnull(result, 0, 0);
        const char *value = row ? PQgetvalue(result, 0, 0) : "";
        size_t size = 0;

        for (int i = 0; row && i < PQnfields(result); i++)
                size += (size_t) PQgetlength(result, 0, i);
        if (size > ANSWER_MAX)
                report_size(a);
        else if (c->expect && !row)
                attempt_report(a, OUTCOME_FAIL, "answered without a row, expected \"%.*s\" (%s)",
                               UTF8_CUT(c->expect, 60), s->at);
        else if (c->expect && null)
                attempt_report(a, OUTCOME_FAIL, "answered null, expected \"%.*s\" (%s)",
                               UTF8_CUT(c->expect, 60), s->at);
        else if (c->expect && !streq(value, c->expect))
                attempt_report(a, OUTCOME_FAIL, "answered \"%.*s\", expected \"%.*s\" (%s)",
                               UTF8_CUT(value, 60), UTF8_CUT(c->expect, 60), s->at);
        else {
                m->passed = true;
                attempt_report(a, OUTCOME_PASS, "answered by %s", s->at);
        }
}

static void report_silence(Attempt *a, const char *phase)
{
        PgState *s = a->state;
        char text[200];

        snprintf(text, sizeof text, "%s, %s", phase, s->at);
        attempt_report_silence(a, text);
}

static void report_error(Attempt *a, const PGresult *result)
{
        PgState *s = a->state;
        PgMemory *m = a->memory;
        PgTrouble t;

        pg_trouble_result(&t, result, s->at, m->passed);
        /* Our limit and our deadline are the same moment; by a clock of another machine it may seem a little earlier. */
        if (t.cancelled && clock_boot_usec() + 100 * USEC_PER_MSEC >= s->limit_usec)
                report_silence(a, "query");
        else
                attempt_report(a, t.outcome, "%s", t.message);
}

static void query_send(Attempt *a)
{
        const PgConf *c = a->conf;
        PgState *s = a->state;

        s->phase = PHASE_QUERY;
        /* With parameters (none) it is one statement; in single-row mode only the first row is waited for. */
        if (PQsendQueryParams(s->conn, c->query, 0, NULL, NULL, NULL, NULL, 0) != 1 ||
            PQsetSingleRowMode(s->conn) != 1) {
                PgTrouble t;

                pg_trouble_connection(&t, s->conn, s->at, true, false);
                attempt_report(a, t.outcome, "%s", t.message);
        }
}

/* A result of the statement under way; NULL: that was all. */
static void on_result(Attempt *a, const PGresult *result)
{
        PgState *s = a->state;

        if (!result) {
                if (s->phase == PHASE_PREPARE)
                        query_send(a);
                else
                        attempt_report(a, OUTCOME_INCONCLUSIVE, "the query gives no answer (%s)", s->at);
                return;
        }
        switch (PQresultStatus(result)) {
        case PGRES_FATAL_ERROR:
        case PGRES_BAD_RESPONSE:
                report_error(a, result);
                break;
        case PGRES_SINGLE_TUPLE:
        case PGRES_TUPLES_OK:
        case PGRES_COMMAND_OK:
                if (s->phase == PHASE_QUERY)
                        report_value(a, result);
                break;
        default: /* COPY and the like */
                attempt_report(a, OUTCOME_INCONCLUSIVE, "the query is not one that can be asked (%s)", s->at);
        }
}

/* Asking */

static int io_arm(Attempt *a, uint32_t events);

static void report_broken(Attempt *a)
{
        PgState *s = a->state;
        PgMemory *m = a->memory;
        PgTrouble t;

        pg_trouble_connection(&t, s->conn, s->at, m->passed, false);
        attempt_report(a, t.outcome, "%s", t.message);
}

static void ask_on(Attempt *a)
{
        PgState *s = a->state;
        int pending = 0, r;

        (void) ioctl(PQsocket(s->conn), FIONREAD, &pending);
        s->received += (size_t) MAX(pending, 0);
        if (s->received > ANSWER_MAX) {
                report_size(a);
                return;
        }
        if (PQconsumeInput(s->conn) != 1) {
                report_broken(a);
                return;
        }
        while (!a->reported && !PQisBusy(s->conn)) {
                PGresult *result = PQgetResult(s->conn); /* does not wait: it is not busy */

                on_result(a, result);
                PQclear(result);
        }
        if (a->reported)
                return;
        r = PQflush(s->conn);
        if (r < 0) {
                report_broken(a);
                return;
        }
        r = io_arm(a, r > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
        if (r < 0)
                attempt_report_errno(a, r, "connection");
}

/* A transaction that writes nothing and lives no longer than this attempt. A server of version 14 looks once a second
 * whether we are still there, and else gives the query up; not on Windows, where asking for it is an error. */
static void prepare_send(Attempt *a)
{
        PgState *s = a->state;
        uint64_t now = clock_boot_usec(), end = a->began_usec + a->timeout_usec;
        uint64_t left_msec = MAX((end - MIN(now, end)) / USEC_PER_MSEC, (uint64_t) 1);
        char text[512];

        s->phase = PHASE_PREPARE;
        s->patience = loop_source_free(s->patience);
        s->limit_usec = now + left_msec * USEC_PER_MSEC;
        snprintf(text, sizeof text,
                 "BEGIN READ ONLY; SET LOCAL statement_timeout = %" PRIu64
                 "; SET LOCAL idle_in_transaction_session_timeout = %" PRIu64 "%s",
                 left_msec, left_msec,
                 PQserverVersion(s->conn) >= 140000
                                 ? "; SELECT set_config('client_connection_check_interval', '1000', true) "
                                   "WHERE "
                                   "current_setting('client_connection_check_interval', true) = '0' AND "
                                   "version() "
                                   "!~* 'visual c|mingw'"
                                 : "");
        if (PQsendQuery(s->conn, text) == 1)
                ask_on(a);
        else
                report_broken(a);
}

/* Connecting */

static void connection_failed(Attempt *a, bool at_once)
{
        PgState *s = a->state;
        PgMemory *m = a->memory;
        PgTrouble t;

        if (!trouble_verify(s, &t))
                pg_trouble_connection(&t, s->conn, s->at, m->passed, at_once);
        trouble_keep(s, &t);
        if (!t.next_host)
                attempt_report(a, t.outcome, "%s", t.message);
}

static void connect_on(Attempt *a)
{
        PgState *s = a->state;
        int r = 0;

        switch (connect_poll(s)) {
        case PGRES_POLLING_READING:
                r = io_arm(a, EPOLLIN);
                break;
        case PGRES_POLLING_WRITING:
                r = io_arm(a, EPOLLOUT);
                break;
        case PGRES_POLLING_OK:
                prepare_send(a);
                break;
        default:
                connection_failed(a, false);
                if (!a->reported)
                        advance(a);
        }
        if (r < 0)
                attempt_report_errno(a, r, "connection");
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Attempt *a = userdata;
        PgState *s = a->state;

        if (a->reported)
                return 0;
        /* libpq may close this descriptor and open another of the same number. */
        s->io = loop_source_free(s->io);
        if (s->phase == PHASE_CONNECT)
                connect_on(a);
        else
                ask_on(a);
        return 0;
}

static int io_arm(Attempt *a, uint32_t events)
{
        PgState *s = a->state;

        (void) setsockopt(PQsocket(s->conn), SOL_SOCKET, SO_RCVBUF, &(int){RECEIVE_SIZE}, sizeof(int));
        s->io = loop_source_free(s->io);
        return loop_add_io(a->context->event, "postgresql", PQsocket(s->conn), events, on_io, a, &s->io);
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
        Attempt *a = userdata;
        PgState *s = a->state;
        PgTrouble t = {.outcome = OUTCOME_FAIL};

        if (a->reported)
                return 0;
        snprintf(t.message, sizeof t.message, "no answer from %s", s->at);
        trouble_keep(s, &t);
        advance(a);
        return 0;
}

/* An even share of the time that is left, so that one black hole does not use up the turn of the next address. */
static uint64_t share_usec(const Attempt *a)
{
        const PgState *s = a->state;
        uint64_t now = clock_boot_usec(), end = a->began_usec + a->timeout_usec;

        return (end - MIN(now, end)) / (s->count - s->next + s->dsn->n_hosts - s->next_host + 1);
}

static int patience_arm(Attempt *a)
{
        PgState *s = a->state;
        int r;

        if (s->next == s->count && s->next_host == s->dsn->n_hosts)
                return 0; /* the last one may use up the rest */
        r = loop_timer_new(a->context->event, "postgresql-patience", on_patience, a, &s->patience);
        return r < 0 ? r : loop_timer_set_after(s->patience, share_usec(a));
}

static void on_notice(void *userdata, const PGresult *result)
{
        /* not to our standard error */
}

/* address: NULL for a Unix socket. False: nothing is under way, on to the next one. */
static bool connect_one(Attempt *a, const char *address)
{
        PgState *s = a->state;
        Error e;
        int r;

        s->phase = PHASE_CONNECT;
        s->conn = pg_dsn_connect(s->dsn, s->host, address, &e);
        if (!s->conn) {
                attempt_report(a, OUTCOME_INCONCLUSIVE, "%s", e.text[0] ? e.text : "out of memory");
                return false;
        }
        if (address)
                snprintf(s->at, sizeof s->at, strchr(address, ':') ? "[%s]:%s" : "%s:%s", address,
                         PQport(s->conn));
        else
                snprintf(s->at, sizeof s->at, "%s/.s.PGSQL.%s", PQhost(s->conn), PQport(s->conn));
        PQsetErrorVerbosity(s->conn, PQERRORS_VERBOSE);
        PQsetNoticeReceiver(s->conn, on_notice, NULL);
        if (PQstatus(s->conn) == CONNECTION_BAD || PQsetnonblocking(s->conn, 1) < 0) {
                connection_failed(a, true);
                return false;
        }
        r = io_arm(a, EPOLLOUT);
        if (r >= 0)
                r = patience_arm(a);
        if (r < 0)
                attempt_report_errno(a, r, "connection");
        return true;
}

/* Finding */

static void on_resolved(Resolve *lookup, const ResolveResult *result, void *userdata)
{
        Attempt *a = userdata;
        PgState *s = a->state;
        bool unknown = result->error == -ENOENT || (result->error == 0 && result->count == 0);

        if (result->error < 0 || result->count == 0) {
                PgTrouble t = {.outcome = unknown ? OUTCOME_FAIL : OUTCOME_INCONCLUSIVE};

                snprintf(t.message, sizeof t.message, "%s: %s", s->host->name,
                         result->message && *result->message ? result->message
                         : unknown                           ? "no address"
                                                             : strerror(-result->error));
                trouble_keep(s, &t);
        } else {
                s->count = MIN(result->count, ELEMENTSOF(s->addresses));
                for (size_t i = 0; i < s->count; i++)
                        address_format(s->addresses[i], &result->addresses[i]);
        }
        s->lookup = resolve_free(s->lookup); /* and with it the result */
        advance(a);
}

static bool host_is_socket(const PgHost *h)
{
        return !h->address && (!h->name || h->name[0] == '/' || h->name[0] == '@');
}

/* True: something is under way. */
static bool host_begin(Attempt *a)
{
        PgState *s = a->state;
        int r;

        s->host = &s->dsn->hosts[s->next_host++];
        s->next = s->count = 0;
        if (host_is_socket(s->host))
                return connect_one(a, NULL);
        if (s->host->address) {
                snprintf(s->addresses[s->count++], ADDRESS_SIZE, "%s", s->host->address);
                return false;
        }
        s->phase = PHASE_RESOLVE;
        r = resolve_start(a->context->resolver, s->host->name, 0,
                          s->next_host == s->dsn->n_hosts ? a->timeout_usec + USEC_PER_SEC : share_usec(a),
                          on_resolved, a, &s->lookup);
        if (r < 0)
                attempt_report_errno(a, r, s->host->name);
        return true;
}

/* On to the next address, the next host, or the end. */
static void advance(Attempt *a)
{
        PgState *s = a->state;

        connection_close(s);
        while (!a->reported) {
                if (s->next < s->count) {
                        if (connect_one(a, s->addresses[s->next++]))
                                return;
                } else if (s->next_host < s->dsn->n_hosts) {
                        if (host_begin(a))
                                return;
                } else {
                        attempt_report(a, s->trouble.outcome, "%s", s->trouble.message);
                        return;
                }
                if (!a->reported)
                        connection_close(s);
        }
}

/* The contract with the driver */

static void on_files(Reading *reading, void *userdata)
{
        Attempt *a = userdata;
        PgState *s = a->state;
        const char *nothing;
        Error e = {};
        int r = 0;

        for (size_t i = 0; r >= 0 && i < s->n_files; i++)
                r = reading_get(reading, s->file_names[i].name, &nothing, &e);
        if (r >= 0)
                r = pg_dsn_check_files(s->dsn, &e);
        if (r < 0) {
                attempt_report(a, OUTCOME_INCONCLUSIVE, "cannot read %s", e.text);
                return;
        }
        s->files = reading_free(s->files);
        advance(a);
}

static size_t pg_files(const void *conf, ReadingFile *ret)
{
        const PgConf *c = conf;

        if (c->dsn_file)
                *ret = (ReadingFile){.name = c->dsn_file};
        return c->dsn_file != NULL;
}

static void pg_start(Attempt *a)
{
        const PgConf *c = a->conf;
        PgState *s = a->state;
        const char *dsn = c->dsn;
        Error e = {};
        int r = 0;

        /* Else OpenSSL asks the terminal for the password of a key. */
        PQsetSSLKeyPassHook_OpenSSL(PQdefaultSSLKeyPassHook_OpenSSL);
        if (c->dsn_file) {
                r = attempt_secret(a, c->dsn_file, &dsn, &e);
                if (r < 0) {
                        attempt_report(a, OUTCOME_INCONCLUSIVE, "cannot read %s", e.text);
                        return;
                }
        }
        r = pg_dsn_parse(dsn, c->dsn_file != NULL, &s->dsn, &e);
        if (r < 0) {
                attempt_report(a, OUTCOME_INCONCLUSIVE, "%s: %s", c->dsn_file ? c->dsn_file : "dsn", e.text);
                return;
        }
        s->n_files = pg_dsn_files(s->dsn, s->file_names);
        if (s->n_files == 0)
                advance(a);
        else {
                r = reading_start(a->context->reader, s->file_names, s->n_files, a->context->config_dir,
                                  on_files, a, &s->files);
                if (r < 0)
                        attempt_report_errno(a, r, s->file_names[0].name);
        }
}

static void pg_stop(Attempt *a)
{
        PgState *s = a->state;

        s->files = reading_free(s->files);
        s->lookup = resolve_free(s->lookup);
        connection_close(s);
        s->dsn = pg_dsn_free(s->dsn);
}

static void pg_expire(Attempt *a)
{
        PgState *s = a->state;

        switch (s->phase) {
        case PHASE_FILES:
                if (s->files)
                        attempt_report(a, OUTCOME_INCONCLUSIVE, "cannot read %s: its disk does not answer",
                                       reading_waits_for(s->files));
                return;
        case PHASE_RESOLVE:
                if (s->trouble.message[0])
                        attempt_report(a, s->trouble.outcome, "%s", s->trouble.message);
                else
                        attempt_report(a, OUTCOME_INCONCLUSIVE, "our own resolver does not answer");
                return;
        case PHASE_CONNECT:
                if (PQsslInUse(s->conn) || PQstatus(s->conn) == CONNECTION_AWAITING_RESPONSE)
                        report_silence(a, "login");
                else if (PQsslStruct(s->conn, "OpenSSL"))
                        report_silence(a, "TLS handshake");
                else
                        report_silence(a, PQstatus(s->conn) == CONNECTION_STARTED
                                                          ? "connecting"
                                                          : "no word after connecting");
                return;
        case PHASE_PREPARE:
                report_silence(a, "begin");
                return;
        case PHASE_QUERY:
                report_silence(a, "query");
                return;
        }
}

static int pg_check(const void *conf, const ConfNode *node, Error *e)
{
        _cleanup_(pg_dsn_freep) PgDsn *dsn = NULL;
        const PgConf *c = conf;
        Error why = {};
        int r;

        if (!c->dsn == !c->dsn_file)
                return conf_error(c->dsn ? conf_get(node, "dsn_file") : node, e, "one of dsn and dsn_file%s",
                                  c->dsn ? ", not both" : " is needed");
        if (c->query[strspn(c->query, " \t\r\n;")] == '\0')
                return conf_error(conf_get(node, "query"), e, "query: empty");
        if (!c->dsn)
                return 0;
        r = pg_dsn_parse(c->dsn, false, &dsn, &why);
        return r < 0 ? conf_error(conf_get(node, "dsn"), e, "dsn: %s", why.text) : 0;
}

static int pg_verify(const void *conf, const char *config_dir, Error *e)
{
        _cleanup_(pg_dsn_freep) PgDsn *dsn = NULL;
        _cleanup_(secret_freep) char *text = NULL;
        const PgConf *c = conf;
        int r;

        if (c->dsn_file) {
                r = secret_read(c->dsn_file, config_dir, &text, NULL, e);
                if (r < 0)
                        return error_prefix(e, r, "dsn_file");
        }
        r = pg_dsn_parse(text ? text : c->dsn, text != NULL, &dsn, e);
        if (r < 0)
                return error_prefix(e, r, "%s", c->dsn_file ? c->dsn_file : "dsn");
        r = pg_dsn_check_files(dsn, e);
        return r < 0 ? error_prefix(e, r, "cannot read") : 0;
}

#define FIELD(key, flags, fallback, help)                                        \
        {                                                                        \
#key, &conf_string, offsetof(PgConf, key), flags, fallback, help \
        }

const ProbeType probe_postgresql = {
                .name = "postgresql",
                .help = "A PostgreSQL server: that it lets us in and answers a query, read-only, within the "
                        "timeout.",
                .conf_size = sizeof(PgConf),
                .fields =
                                (const ConfField[]){
                                                FIELD(dsn, CONF_SECRET | CONF_HOST, NULL,
                                                      "where it is, in libpq's words or as a URI: "
                                                      "host=/var/run/postgresql dbname=shop"),
                                                FIELD(dsn_file, 0, NULL,
                                                      "the same from a file, since it may hold a password; "
                                                      "no slash: a credential"),
                                                FIELD(query, 0, "SELECT 1",
                                                      "one statement, run in a read-only transaction"),
                                                FIELD(expect, 0, NULL,
                                                      "what the first column of the first row must be"),
                                                {NULL},
                                },
                .size = sizeof(PgState),
                .memory_size = sizeof(PgMemory),
                .check = pg_check,
                .verify = pg_verify,
                .files = pg_files,
                .start = pg_start,
                .stop = pg_stop,
                .expire = pg_expire,
};
