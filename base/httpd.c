/* SPDX-License-Identifier: MIT */
/* The HTTP server: libmicrohttpd's epoll descriptor on our loop, and what becomes of a request. */
#include "base/httpd_private.h"

#include "base/clock.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BODY_MAX        (64 * 1024)
#define CONNECTIONS_MAX 64
/* For a request's head, of all that comes at once, and that of the answer. More than 32 KiB is mapped by libmicrohttpd, not
 * allocated, so that it goes back to the system when the connection ends. */
#define CONNECTION_MEMORY ((size_t) 36 * 1024)
#define ACCEPTED_MAX      65536 /* with limits, which may change while libmicrohttpd's own may not */
#define RECEIVE_TIMEOUT   (5 * USEC_PER_SEC)
#define SEND_TIMEOUT      (30 * USEC_PER_SEC)
#define STREAM_PING       (15 * USEC_PER_SEC)
#define FILES_PATIENCE    USEC_PER_SEC          /* with a disk that hangs, at the end */
#define FIRST_WORD        (500 * USEC_PER_MSEC) /* within which a request follows its connection */

/* GnuTLS, https://gnutls.org/manual/html_node/Priority-Strings.html */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

#define FORWARDED_MAX 8 /* lines of X-Forwarded-For; in more of them the last ones count */

#define SLOW_DOWN "too many requests of your address: come again later"

/* Without a descriptor for a caller who waits, libmicrohttpd has nothing to do and is woken at once, for ever. */
#define IDLE_RUNS_MAX 16
#define IDLE_PAUSE    (20 * USEC_PER_MSEC)

static void on_connection(void *userdata, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
        HttpServer *s = userdata;

        s->progress = true;
        if (code == MHD_CONNECTION_NOTIFY_STARTED) {
                *context = http_connection_new(
                                s, mhd); /* NULL: its requests are not answered, see on_access() */
                return;
        }
        s->lost_connection = true;
        *context = http_connection_free(*context);
}

/* Requests */

static enum MHD_Result collect_pair(void *userdata, enum MHD_ValueKind kind, const char *key,
                                    const char *value)
{
        HttpRequest *r = userdata;
        return http_pairs_add(&r->pairs, kind, key, value) < 0 ? MHD_NO : MHD_YES;
}

static enum MHD_Result request_queue_answer(HttpRequest *r)
{
        struct MHD_Response *response = TAKE_PTR(r->response);
        if (!response)
                return MHD_NO;
        if (r->connection->server->closed_door)
                MHD_add_response_header(response, "Connection", "close");
        enum MHD_Result result = MHD_queue_response(r->connection->mhd, r->status, response);
        MHD_destroy_response(response);
        return result;
}

/* An answer before the body has been read; what follows on this connection is not looked at. */
static enum MHD_Result request_refuse(HttpRequest *r, unsigned status, const char *reason)
{
        http_add_header(r, "Connection", "close");
        http_reply_error(r, status, "%s", reason);
        return request_queue_answer(r);
}

/* Who asks: kept as text; and whether it may, or how long it must wait. */
static void request_client(HttpServer *s, HttpRequest *r)
{
        HttpLimits *limits = s->options.limits;
        struct sockaddr_storage client = r->connection->from;

        if (limits) {
                if (http_limits_trusts(limits, &client)) {
                        const char *lines[FORWARDED_MAX];
                        size_t n = http_request_headers(r, "X-Forwarded-For", lines, ELEMENTSOF(lines));
                        http_limits_client(limits, &r->connection->from, lines, n, &client);
                }
                r->wait_usec = http_limits_request(limits, &client, clock_boot_usec());
        }
        if (client.ss_family == AF_INET)
                ((struct sockaddr_in *) &client)->sin_port = 0;
        else if (client.ss_family == AF_INET6)
                ((struct sockaddr_in6 *) &client)->sin6_port = 0;
        if (client.ss_family != AF_UNSPEC)
                address_format(r->client, &client);
}

/* Before 429: on a connection that goes on, when there is no body to be thrown away. */
static void add_retry_after(HttpRequest *r)
{
        char seconds[32];

        snprintf(seconds, sizeof(seconds), "%llu",
                 (unsigned long long) ((r->wait_usec + USEC_PER_SEC - 1) / USEC_PER_SEC));
        http_add_header(r, "Retry-After", seconds);
}

/* The head is there. */
static enum MHD_Result request_begin(HttpServer *s, HttpConnection *c, const char *url, const char *method,
                                     const char *version, void **context)
{
        HttpRequest *r;

        if (http_request_new(c, method, url, &r) < 0)
                return MHD_NO;
        c->request = *context = r;
        c->begun_usec = 0;
        MHD_get_connection_values(c->mhd, MHD_HEADER_KIND, collect_pair, r);
        MHD_get_connection_values(c->mhd, MHD_GET_ARGUMENT_KIND, collect_pair, r);
        if (r->pairs.failed)
                return MHD_NO;
        if (c->refused)
                return request_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE,
                                      "busy: too many connections are open already, yours or all together");
        request_client(s, r);
        const char *reason = http_request_smuggles(r, version);
        if (reason)
                return request_refuse(r, MHD_HTTP_BAD_REQUEST, reason);
        if (r->wait_usec > 0 && (http_header(r, "Content-Length") || http_header(r, "Transfer-Encoding"))) {
                add_retry_after(r);
                return request_refuse(r, MHD_HTTP_TOO_MANY_REQUESTS, SLOW_DOWN);
        }
        const char *length = http_header(r, "Content-Length");
        if (length && strtoull(length, NULL, 10) > s->options.body_max)
                return request_refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
        return MHD_YES;
}

/* Head and body are there. */
static void request_handle(HttpServer *s, HttpRequest *r)
{
        r->state = HTTP_HANDLED;
        http_connection_set_deadline(r->connection, USEC_NEVER);
        if (r->wait_usec > 0) {
                add_retry_after(r);
                http_reply_error(r, MHD_HTTP_TOO_MANY_REQUESTS, SLOW_DOWN);
        } else if (r->body_too_large) {
                http_add_header(r, "Connection", "close");
                http_reply_error(r, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
        } else
                s->options.handler(r, s->options.userdata);
}

static enum MHD_Result on_access(void *userdata, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_size, void **context)
{
        HttpServer *s = userdata;
        HttpRequest *r = *context;

        s->progress = true;
        if (s->freed)
                return MHD_NO;
        if (!r) {
                const union MHD_ConnectionInfo *info =
                                MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
                HttpConnection *c = info ? info->socket_context : NULL;
                return c ? request_begin(s, c, url, method, version, context) : MHD_NO;
        }
        if (*upload_size > 0) {
                size_t size = *upload_size;
                *upload_size = 0;
                return http_request_add_body(r, upload, size, s->options.body_max) < 0 ? MHD_NO : MHD_YES;
        }
        if (r->state == HTTP_RECEIVING)
                request_handle(s, r);
        if (r->state == HTTP_HANDLED) {
                http_request_suspend(r);
                return MHD_YES;
        }
        return request_queue_answer(r);
}

/* The request was answered, or its connection is gone. */
static void on_completed(void *userdata, struct MHD_Connection *mhd, void **context,
                         enum MHD_RequestTerminationCode code)
{
        HttpServer *s = userdata;
        HttpRequest *r = *context;

        if (!r)
                return;
        *context = NULL;
        if (r->answer_size > 0)
                http_limits_answer_end(s->options.limits, r->answer_size);
        http_connection_set_deadline(r->connection, clock_boot_usec() + s->options.receive_timeout_usec);
        r->connection->request = NULL;
        r->connection = NULL;
        r->suspended = false;
        if (r->stream)
                http_stream_end(TAKE_PTR(r->stream));
        if (r->file)
                http_file_completed(TAKE_PTR(r->file));
        if (r->state != HTTP_HANDLED)
                http_request_free(r);
}

static size_t on_unescape(void *userdata, struct MHD_Connection *mhd, char *text)
{
        return http_unescape(text);
}

/* On the loop */

static void server_destroy(HttpServer *s)
{
        HttpConnection *c;

        s->freed = true;
        /* libmicrohttpd panics when it is stopped with suspended connections. */
        TAILQ_FOREACH(c, &s->connections, entry)
        {
                if (c->request)
                        http_request_wake(c->request);
        }
        s->io = loop_source_free(s->io);
        s->timer = loop_source_free(s->timer);
        s->again = loop_source_free(s->again);
        s->deadline = loop_source_free(s->deadline);
        if (s->daemon)
                MHD_stop_daemon(s->daemon); /* closes the listening socket too */
        worker_free(s->files, FILES_PATIENCE);
        assert(TAILQ_EMPTY(&s->connections));
        sd_event_unref(s->event);
        free(s);
}

/* Does the descriptor wake us for nothing, again and again? */
static bool needs_pause(HttpServer *s, bool woken)
{
        if (s->progress)
                s->idle_runs = 0;
        else if (woken)
                s->idle_runs++;
#ifdef FAILOVERD_BUG_SPINS
        return false;
#endif
        return woken && s->idle_runs > IDLE_RUNS_MAX;
}

static void server_run(HttpServer *s, bool woken)
{
        MHD_UNSIGNED_LONG_LONG msec;

        s->running = true;
        s->lost_connection = s->progress = false;
        MHD_run(s->daemon);
        s->running = false;
        if (s->freed) {
                server_destroy(s);
                return;
        }
        bool pause = needs_pause(s, woken);
        bool timed = !pause && MHD_get_timeout(s->daemon, &msec) == MHD_YES;
        sd_event_source_set_enabled(s->io, pause ? SD_EVENT_OFF : SD_EVENT_ON);
        bool at_once = timed && msec == 0;
        loop_timer_set_after(s->timer, pause               ? IDLE_PAUSE
                                       : timed && !at_once ? msec * USEC_PER_MSEC
                                                           : USEC_NEVER);
        /* Once at its limit of connections it listens again in the run after the one that closed one. */
        if (s->lost_connection || at_once)
                sd_event_source_set_enabled(s->again, SD_EVENT_ONESHOT);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        server_run(userdata, true);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        server_run(userdata, false);
        return 0;
}

static int on_again(sd_event_source *source, void *userdata)
{
        server_run(userdata, false);
        return 0;
}

void http_request_suspend(HttpRequest *r)
{
        assert(!r->suspended);
        r->suspended = true;
        MHD_suspend_connection(r->connection->mhd);
}

void http_request_wake(HttpRequest *r)
{
        if (!r->suspended)
                return;
        r->suspended = false;
        MHD_resume_connection(r->connection->mhd);
        sd_event_source_set_enabled(r->connection->server->again, SD_EVENT_ONESHOT);
}

static unsigned accepted_max(const HttpServer *s)
{
        if (s->options.limits)
                return ACCEPTED_MAX;
        return s->options.connections_max + (s->options.share ? 2 * HTTP_REFUSED_MAX : 0);
}

/* What libmicrohttpd has against a certificate, say. */
static void _printf_(2, 0) on_log(void *userdata, const char *format, va_list ap)
{
        Error *log = ((HttpServer *) userdata)->start_log;

        if (!log)
                return;
        int n = vsnprintf(log->text, sizeof(log->text), format, ap);

        if (n > 0 && (size_t) n < sizeof(log->text) && log->text[n - 1] == '\n')
                log->text[n - 1] = '\0';
}

static struct MHD_Daemon *daemon_new(HttpServer *s, int fd)
{
        bool tls = s->options.tls_certificate;
        const struct MHD_OptionItem tls_options[] = {
                        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *) (uintptr_t) s->options.tls_certificate},
                        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *) (uintptr_t) s->options.tls_key},
                        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *) (uintptr_t) TLS_PRIORITIES},
                        {MHD_OPTION_END, 0, NULL},
        };

        /* What takes a logger must come first. */
        return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                                                (tls ? MHD_USE_TLS : 0),
                                0, NULL, NULL, on_access, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, s,
                                MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, accepted_max(s),
                                MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
                                MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
                                s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_UNESCAPE_CALLBACK,
                                on_unescape, NULL, MHD_OPTION_ARRAY, tls ? tls_options : &tls_options[3],
                                MHD_OPTION_END);
}

/* Consumes fd. */
static int daemon_start(HttpServer *s, int fd, Error *e)
{
        struct stat before, after;
        Error log = {0};

        int flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
            fstat(fd, &before) < 0) {
                int r = -errno;
                close(fd);
                return error_set(e, r, "cannot use the listening socket: %s", strerror(-r));
        }
        s->start_log = &log;
        s->daemon = daemon_new(s, fd);
        s->start_log = NULL;
        if (s->daemon)
                return 0;
        int r = errno > 0 ? -errno : -EIO;
        /* Whether it has closed the socket depends on what went wrong. */
        if (fstat(fd, &after) == 0 && after.st_dev == before.st_dev && after.st_ino == before.st_ino)
                close(fd);
        return error_set(e, r, "cannot start the HTTP server%s: %s",
                         s->options.tls_certificate ? " with this certificate and key" : "",
                         log.text[0] ? log.text : strerror(-r));
}

static int sources_add(HttpServer *s)
{
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
        if (!info)
                return -EIO;
        int r = loop_add_io(s->event, "http-server", info->epoll_fd, EPOLLIN, on_io, s, &s->io);
        if (r >= 0)
                r = loop_timer_new(s->event, "http-server-timer", on_timer, s, &s->timer);
        if (r >= 0)
                r = loop_timer_new(s->event, "http-server-deadline", http_connection_on_deadline, s,
                                   &s->deadline);
        if (r >= 0)
                r = sd_event_add_defer(s->event, &s->again, on_again, s);
        return r < 0 ? r : 0;
}

int http_server_new(sd_event *event, const HttpOptions *options, HttpServer **ret, Error *e)
{
        assert(event);
        assert(options && options->handler && options->fd >= 0);
        assert(ret);

        HttpServer *s = calloc(1, sizeof(*s));
        if (!s) {
                close(options->fd);
                return error_set(e, -ENOMEM, "out of memory");
        }
        s->event = sd_event_ref(event);
        s->deadline_armed_usec = USEC_NEVER;
        s->options = *options;
        s->options.body_max = options->body_max ?: BODY_MAX;
        s->options.connections_max = options->connections_max ?: CONNECTIONS_MAX;
        s->options.receive_timeout_usec = options->receive_timeout_usec ?: RECEIVE_TIMEOUT;
        s->options.send_timeout_usec = options->send_timeout_usec ?: SEND_TIMEOUT;
        s->options.stream_ping_usec = options->stream_ping_usec ?: STREAM_PING;
        TAILQ_INIT(&s->connections);

        int r = daemon_start(s, options->fd, e);
        if (r == 0 && (r = sources_add(s)) < 0)
                error_set(e, r, "cannot watch the HTTP server: %s", strerror(-r));
        if (r < 0) {
                server_destroy(s);
                return r;
        }
        *ret = s;
        return 0;
}

void http_server_close_door(HttpServer *s)
{
        if (s->closed_door)
                return;
        s->closed_door = true;
        MHD_socket fd = MHD_quiesce_daemon(s->daemon);
        if (fd != MHD_INVALID_SOCKET)
                close(fd);
}

bool http_server_is_busy(const HttpServer *s)
{
        const HttpConnection *c;
        uint64_t now = clock_boot_usec();

        TAILQ_FOREACH(c, &s->connections, entry)
        {
                if (c->request ? !c->request->stream : c->begun_usec > 0 && now < c->begun_usec + FIRST_WORD)
                        return true;
        }
        return false;
}

HttpServer *http_server_free(HttpServer *s)
{
        if (!s)
                return NULL;
        if (s->freed)
                return NULL;
        if (s->running)
                s->freed = true; /* from a handler or closed(): when MHD_run() has returned */
        else
                server_destroy(s);
        return NULL;
}
