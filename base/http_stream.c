/* SPDX-License-Identifier: MIT */
/* Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): what waits for a slow client is
 * bounded, and a client that left is noticed. */
#include "base/httpd_private.h"

#include "base/text.h"

#include <sys/socket.h>

#define WAITING_MAX ((size_t) 256 * 1024)
#define KEPT_MAX    ((size_t) 16 * 1024) /* of a stream for which nothing waits */
#define BLOCK_SIZE  4096

/* Of all streams of a server: who would be beyond it is cut off. */
#define ALL_WAITING_MAX ((size_t) 64 * 1024 * 1024)

struct HttpStream {
        HttpServer *server;
        HttpRequest *request;
        void (*closed)(HttpStream *stream, void *userdata); /* NULL once it was called */
        void *userdata;
        sd_event_source *ping, *hangup;
        char *waiting;
        size_t begin, end, capacity, room;
        bool stalled;       /* nothing was taken since the last ping */
        bool closing;       /* ends after what waits */
        bool broken;        /* ends now */
        HttpLimits *limits; /* that count it */
};

static void waiting_drop(HttpStream *s)
{
        s->server->stream_bytes -= s->capacity;
        free(s->waiting);
        s->waiting = NULL;
        s->begin = s->end = s->capacity = 0;
}

static ssize_t on_read(void *userdata, uint64_t position, char *buffer, size_t max)
{
        HttpStream *s = userdata;

        if (s->broken)
                return MHD_CONTENT_READER_END_WITH_ERROR;
        size_t size = MIN(s->end - s->begin, max);
        if (size > 0) {
                memcpy(buffer, s->waiting + s->begin, size);
                s->begin += size;
                s->stalled = false;
                if (s->begin == s->end && s->capacity > KEPT_MAX)
                        waiting_drop(s);
                return (ssize_t) size;
        }
        if (s->closing)
                return MHD_CONTENT_READER_END_OF_STREAM;
        http_request_suspend(s->request);
        return 0;
}

/* Closes the connection; closed() follows from the loop. */
static void stream_break(HttpStream *s)
{
        s->broken = true;
        s->hangup = loop_source_free(s->hangup);
        shutdown(s->request->connection->fd, SHUT_RDWR);
        http_request_wake(s->request);
}

static int stream_append(HttpStream *s, const char *data, size_t size)
{
        size_t waiting = s->end - s->begin;

        if (waiting + size > s->room || s->server->stream_bytes + size > ALL_WAITING_MAX) {
                stream_break(s);
                return -ENOBUFS;
        }
        if (s->end + size > s->capacity && s->begin > 0) {
                memmove(s->waiting, s->waiting + s->begin, waiting);
                s->begin = 0;
                s->end = waiting;
        }
        if (s->end + size > s->capacity) {
                size_t capacity = MIN(2 * (s->end + size), s->room);
                char *p = realloc(s->waiting, capacity);
                if (!p)
                        return -ENOMEM;
                s->waiting = p;
                s->server->stream_bytes += capacity - s->capacity;
                s->capacity = capacity;
        }
        memcpy(s->waiting + s->end, data, size);
        s->end += size;
        http_request_wake(s->request);
        return 0;
}

static int on_ping(sd_event_source *source, uint64_t usec, void *userdata)
{
        HttpStream *s = userdata;

        if (s->broken || s->closing)
                return 0;
        if (s->begin < s->end && s->stalled) {
                stream_break(s);
                return 0;
        }
        s->stalled = true;
        if (s->begin == s->end)
                stream_append(s, ":\n\n", 3);
        return loop_timer_set_after(s->ping, s->request->connection->server->options.stream_ping_usec);
}

/* libmicrohttpd does not look at a suspended connection, so we do. */
static int on_hangup(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        stream_break(userdata);
        return 0;
}

static HttpStream *stream_free(HttpStream *s)
{
        if (s->limits)
                http_limits_stream_end(s->limits);
        loop_source_free(s->ping);
        loop_source_free(s->hangup);
        waiting_drop(s);
        free(s);
        return NULL;
}

static struct MHD_Response *response_new(HttpStream *s)
{
        struct MHD_Response *response =
                        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, on_read, s, NULL);
        if (!response)
                return NULL;
        if (MHD_add_response_header(response, "Content-Type", "text/event-stream") != MHD_YES ||
            MHD_add_response_header(response, "Cache-Control", "no-cache") != MHD_YES ||
            MHD_add_response_header(response, "X-Accel-Buffering", "no") != MHD_YES) {
                MHD_destroy_response(response);
                return NULL;
        }
        return response;
}

static int sources_add(HttpStream *s)
{
        HttpConnection *c = s->request->connection;
        sd_event *event = c->server->event;

        int r = loop_timer_new(event, "http-stream-ping", on_ping, s, &s->ping);
        if (r >= 0)
                r = loop_add_io(event, "http-stream-hangup", c->fd, EPOLLRDHUP, on_hangup, s, &s->hangup);
        return r < 0 ? r : loop_timer_set_after(s->ping, c->server->options.stream_ping_usec);
}

int http_stream_open(HttpRequest *r, void (*closed)(HttpStream *stream, void *userdata), void *userdata,
                     HttpStream **ret)
{
        assert(r && r->state == HTTP_HANDLED);
        assert(ret);

        if (!r->connection)
                return -EPIPE;
        HttpLimits *limits = r->connection->server->options.limits;
        HttpStream *s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        if (limits && !http_limits_stream(limits)) {
                free(s);
                return -EBUSY;
        }
        *s = (HttpStream){.server = r->connection->server,
                          .request = r,
                          .closed = closed,
                          .userdata = userdata,
                          .room = WAITING_MAX,
                          .limits = limits};
        int result = sources_add(s);
        struct MHD_Response *response = result >= 0 ? response_new(s) : NULL;
        if (!response) {
                stream_free(s);
                return result < 0 ? result : -ENOMEM;
        }
        r->stream = s;
        http_request_answer(r, MHD_HTTP_OK, response, HTTP_ENDLESS);
        *ret = s;
        return 0;
}

int http_stream_send(HttpStream *s, const char *event, const char *data)
{
        _cleanup_text_ Text text = {0};

        assert(s);
        assert(!event || !strpbrk(event, "\r\n"));
        assert(data && !strpbrk(data, "\r\n"));

        if (s->broken || s->closing)
                return -EPIPE;
        if (event)
                text_add(&text, "event: %s\n", event);
        text_add(&text, "data: %s\n\n", data);
        return text.failed ? -ENOMEM : stream_append(s, text.data, text.size);
}

int http_stream_retry(HttpStream *s, uint64_t usec)
{
        char text[64];

        assert(s);

        if (s->broken || s->closing)
                return -EPIPE;
        snprintf(text, sizeof(text), "retry: %llu\n\n", (unsigned long long) (usec / USEC_PER_MSEC));
        return stream_append(s, text, strlen(text));
}

void http_stream_set_room(HttpStream *s, size_t size)
{
        assert(s);
        s->room = MAX(size, WAITING_MAX);
}

static void call_closed(HttpStream *s)
{
        void (*closed)(HttpStream * stream, void *userdata) = TAKE_PTR(s->closed);
        if (closed)
                closed(s, s->userdata);
}

HttpStream *http_stream_close(HttpStream *s)
{
        if (!s || s->closing)
                return NULL;
        s->closing = true;
        http_connection_sends(s->request->connection, s->end - s->begin);
        http_request_wake(s->request);
        call_closed(s);
        return NULL;
}

void http_stream_end(HttpStream *s)
{
        s->closing = s->broken = true; /* whoever closes it in closed() does nothing more */
        call_closed(s);
        stream_free(s);
}
