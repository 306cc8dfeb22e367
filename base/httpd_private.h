/* SPDX-License-Identifier: MIT */
/* What httpd.c, http_request.c and http_stream.c share. Nobody else includes this. */
#pragma once

#include "base/httpd.h"

#include <microhttpd.h>
#include <sys/queue.h>

typedef struct HttpConnection {
        TAILQ_ENTRY(HttpConnection) entry;
        HttpServer *server;
        struct MHD_Connection *mhd;
        HttpRequest *request; /* the one that is being received, handled or answered; NULL between two */
        int fd;               /* libmicrohttpd's */
        uint64_t deadline_usec;
        bool refused; /* one too many: its request is answered 503 */
        HttpPeer peer;
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
        struct MHD_Response *response; /* NULL when answered: out of memory, the connection is closed */
        unsigned status;
        HttpStream *stream;
        const void *note; /* the handler's */
};

/* The connection is closed (by us) unless something else happens until then. USEC_NEVER: no limit. */
void http_connection_set_deadline(HttpConnection *c, uint64_t boot_usec);
/* Lets libmicrohttpd look at the request again, from the loop. */
void http_request_wake(HttpRequest *r);
/* Only from within libmicrohttpd's callbacks. */
void http_request_suspend(HttpRequest *r);

int http_request_new(HttpConnection *c, const char *method, const char *path, HttpRequest **ret);
HttpRequest *http_request_free(HttpRequest *r);
int http_request_add_body(HttpRequest *r, const void *data, size_t size, size_t body_max);
int http_pairs_add(HttpPairs *pairs, enum MHD_ValueKind kind, const char *key, const char *value);
/* NULL when the request is fine to be handled; otherwise why it could be understood in two ways. */
const char *http_request_smuggles(const HttpRequest *r, const char *version);
/* Hands response (consumed; may be NULL) over for sending, with what http_add_header() collected; it must have reached
 * the client by the deadline. The request is the server's from here on. */
void http_request_answer(HttpRequest *r, unsigned status, struct MHD_Response *response,
                         uint64_t deadline_usec);

/* The connection of the stream's request is gone. */
void http_stream_end(HttpStream *s);

void http_server_tell_answer(const HttpServer *s, const HttpRequest *r, unsigned status);
sd_event *http_server_event(const HttpServer *s);
uint64_t http_server_ping_usec(const HttpServer *s);
