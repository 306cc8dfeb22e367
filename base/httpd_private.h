/* SPDX-License-Identifier: MIT */
/* What httpd.c and the other http_*.c of the server share. Nobody else includes this. */
#pragma once

#include "base/http_limits.h"
#include "base/httpd.h"
#include "base/resolve.h"
#include "base/worker.h"

#include <microhttpd.h>
#include <sys/queue.h>

#define HTTP_REFUSED_MAX 16 /* connections too many that are told why; more are closed without a word */

struct HttpServer {
        sd_event *event;
        struct MHD_Daemon *daemon;
        sd_event_source *io, *timer, *again, *deadline;
        uint64_t deadline_armed_usec;
        TAILQ_HEAD(, HttpConnection) connections;
        unsigned n_refused;  /* of them */
        size_t stream_bytes; /* that wait for clients of streams */
        Worker *files;       /* reads those of http_reply_file(); NULL before the first */
        HttpOptions options;
        bool running;         /* MHD_run() is on the stack */
        bool freed;           /* by its owner, while it was running */
        bool closed_door;     /* nobody is accepted */
        bool lost_connection; /* in this run */
        bool progress;        /* … something has happened */
        unsigned idle_runs;   /* woken by the descriptor, in a row, without */
        Error *start_log;     /* while libmicrohttpd is being started */
};

typedef struct HttpConnection {
        TAILQ_ENTRY(HttpConnection) entry;
        HttpServer *server;
        struct MHD_Connection *mhd;
        HttpRequest *request; /* the one that is being received, handled or answered; NULL between two */
        int fd;               /* libmicrohttpd's */
        uint64_t deadline_usec;
        uint64_t begun_usec; /* 0 from its first request on */
        bool refused;        /* one too many: its request is answered 503 */
        bool counted;        /* by the limits */
        HttpGuest *guest;
        struct sockaddr_storage from; /* AF_UNSPEC: a Unix socket */
        HttpPeer peer;
        /* While an answer is being sent: looked at every send_timeout_usec. */
        bool sending;
        uint64_t send_until_usec, taken; /* the end of it all; bytes that had been taken at the last look */
} HttpConnection;

typedef struct HttpPair {
        enum MHD_ValueKind kind; /* header, argument; of the answer: footer */
        char *key, *value;       /* one allocation, at key */
} HttpPair;

typedef struct HttpPairs {
        HttpPair *list;
        size_t n;
        bool failed; /* out of memory */
} HttpPairs;

typedef enum HttpState {
        HTTP_RECEIVING, /* the server's */
        HTTP_HANDLED,   /* the handler's, until it answers */
        HTTP_ANSWERED,  /* the server's again */
} HttpState;

struct HttpRequest {
        HttpConnection *connection; /* NULL: it is gone, the answer will be dropped */
        HttpState state;
        bool suspended;
        char *method, *path;
        HttpPairs pairs;
        char *body;
        size_t body_size, body_capacity;
        bool body_too_large;
        HttpPeer peer;
        char client[ADDRESS_SIZE];
        uint64_t wait_usec;            /* over its limit: when it may come again */
        struct MHD_Response *response; /* NULL when answered: out of memory, the connection is closed */
        unsigned status;
        HttpStream *stream;
        HttpFile *file;
        size_t answer_size; /* what of it the limits count, until the request is completed */
        const void *note;   /* the handler's */
};

/* NULL: no memory. */
HttpConnection *http_connection_new(HttpServer *s, struct MHD_Connection *mhd);
HttpConnection *http_connection_free(HttpConnection *c);
/* The connection is closed (by us) unless something else happens until then. USEC_NEVER: no limit. */
void http_connection_set_deadline(HttpConnection *c, uint64_t boot_usec);
/* An answer of so many bytes is on its way: it must be taken at a fair rate. */
void http_connection_sends(HttpConnection *c, uint64_t size);
int http_connection_on_deadline(sd_event_source *source, uint64_t usec, void *server);
/* Lets libmicrohttpd look at the request again, from the loop. */
void http_request_wake(HttpRequest *r);
/* Only from within libmicrohttpd's callbacks. */
void http_request_suspend(HttpRequest *r);

int http_request_new(HttpConnection *c, const char *method, const char *path, HttpRequest **ret);
HttpRequest *http_request_free(HttpRequest *r);
int http_request_add_body(HttpRequest *r, const void *data, size_t size, size_t body_max);
/* The last max values of a header, in their order; how many there are. */
size_t http_request_headers(const HttpRequest *r, const char *name, const char **ret, size_t max);
int http_pairs_add(HttpPairs *pairs, enum MHD_ValueKind kind, const char *key, const char *value);
/* NULL when the request is fine to be handled; otherwise why it could be understood in two ways. */
const char *http_request_smuggles(const HttpRequest *r, const char *version);
/* Hands response (consumed; may be NULL) over for sending, with what http_add_header() collected. size: of its body, which must be
 * taken in time; HTTP_ENDLESS: there is no such time. The request is the server's from here on. */
#define HTTP_ENDLESS SIZE_MAX
void http_request_answer(HttpRequest *r, unsigned status, struct MHD_Response *response, size_t size);
/* The same for one of which only so many bytes are in memory at a time. */
void http_request_answer_held(HttpRequest *r, unsigned status, struct MHD_Response *response, uint64_t size,
                              size_t held);

/* The connection of the stream's request is gone. */
void http_stream_end(HttpStream *s);
/* The request of the file is over; libmicrohttpd lets go of its response next. */
void http_file_completed(HttpFile *f);
