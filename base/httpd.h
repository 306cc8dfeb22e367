/* SPDX-License-Identifier: MIT */
/* The HTTP server: libmicrohttpd on the loop; Unix sockets, TCP, sockets passed by systemd; answers now, later, or as a
 * stream of server-sent events. */
#pragma once

#include "base/error.h"
#include "base/loop.h"

#include <jansson.h>
#include <sys/types.h>

typedef struct HttpServer HttpServer;
typedef struct HttpRequest HttpRequest; /* lives until it is answered, or its stream is closed */

typedef struct HttpPeer { /* who is on the other end of a Unix socket */
        bool known;       /* false on TCP */
        uid_t uid;
        gid_t gid;
        pid_t pid;
        gid_t groups[64]; /* SO_PEERGROUPS */
        size_t n_groups;
} HttpPeer;

/* Called on the loop once the whole body is there (at most body_max; more is answered 413 before). The handler
 * answers with one of http_reply…(), at once or later, or opens a stream. A client that goes away before: the answer
 * is dropped silently. */
typedef void (*HttpHandler)(HttpRequest *request, void *userdata);

/* Of connections_max, for whoever is on the other end of one. */
typedef struct HttpShare {
        unsigned most;  /* so many of one user */
        unsigned spare; /* so many must stay free, for those who are asked for less */
} HttpShare;

/* What strangers may take, shared by the servers of a process. 0: no limit. */
typedef struct HttpLimits HttpLimits;
typedef struct HttpLimitsOptions {
        unsigned connections;       /* at once */
        unsigned per_address;       /* of them, from one address (IPv6: one /64) */
        unsigned per_second, burst; /* requests of one address; more are answered 429 with Retry-After */
        unsigned streams;           /* event streams at once; 0: half of connections */
        /* Networks, NULL-terminated ("unix": whoever is on a Unix socket): X-Forwarded-For is believed from them, and read from its
         * end to the first address that is none of theirs. */
        const char *const *trusted_proxies;
} HttpLimitsOptions;
int http_limits_new(const HttpLimitsOptions *options, HttpLimits **ret, Error *e);
int http_limits_configure(HttpLimits *l, const HttpLimitsOptions *options, Error *e); /* counts stay */
HttpLimits *http_limits_free(HttpLimits *l);                                          /* after the servers */
typedef struct HttpLimitsCounts {
        uint64_t connections, refused_connections, requests, refused_requests;
        unsigned open, streams;
        uint64_t answer_bytes; /* of answers that have not all been taken yet */
} HttpLimitsCounts;
void http_limits_counts(const HttpLimits *l, HttpLimitsCounts *ret);

typedef struct HttpOptions {
        int fd;                   /* a listening socket; consumed */
        size_t body_max;          /* 0: 64 KiB */
        unsigned connections_max; /* 0: 64 */
        uint64_t receive_timeout_usec; /* head and body must be there by then, else the connection is closed. 0: 5 s */
        uint64_t stream_ping_usec; /* between two comments on a stream. 0: 15 s */
        HttpHandler handler;
        /* NULL: first come, first served. Of a Unix socket, asked when a connection is accepted; one too many is answered
         * 503, or closed at once when there is a crowd of them, so that nobody can hold them all. */
        HttpShare (*share)(const HttpPeer *peer, void *userdata);
        HttpLimits *limits; /* NULL: none but connections_max. With it, connections_max says nothing */
        /* An answer, or more of it at a fair rate, must have been taken by then, else the connection is closed. 0: 30 s */
        uint64_t send_timeout_usec;
        const char *tls_certificate,
                        *tls_key; /* PEM, read before http_server_new() returns. NULL: plain HTTP */
        /* On every answer, streams and refusals too: names and values in turn, ended by NULL. Outlives the server. */
        const char *const *headers;
        /* NULL, or told of each answer as it is handed over for sending, those of the server itself too. */
        void (*answered)(const HttpRequest *request, unsigned status, void *userdata);
        void *userdata;
} HttpOptions;

/* Requests that smuggle (two lengths, a length with chunked, white space in a header name) are refused with 400 and
 * the connection is closed. */
int http_server_new(sd_event *event, const HttpOptions *options, HttpServer **ret, Error *e);
/* Connections and streams are closed. A request that the handler has not answered yet stays its own until it does. */
HttpServer *http_server_free(HttpServer *s);
/* Before the end: nobody is accepted any more. Who comes now waits at the listening socket, for whoever else has it, the next process
 * say; and each answer is the last one on its connection. */
void http_server_close_door(HttpServer *s);
/* Is a request being received, or an answer sent? Streams do not count, nor do connections on which nobody says anything. */
bool http_server_is_busy(const HttpServer *s);

/* Listening sockets. The Unix one replaces a stale socket file (never a live one: -EADDRINUSE), gets exactly this
 * mode, and group gid unless it is (gid_t) -1. */
int http_listen_unix(const char *path, mode_t mode, gid_t gid, int *ret_fd, Error *e);
int http_listen_tcp(const char *address, int *ret_fd, Error *e); /* "127.0.0.1:9440" */

/* Decodes %XX in place, but %00, which would end the text early; what is no escape stays. The new length. It is what the server
 * does to paths, and to keys and values of a query. */
size_t http_unescape(char *text);

const char *http_method(const HttpRequest *r);
const char *http_path(const HttpRequest *r);                     /* decoded, without query */
const char *http_query(const HttpRequest *r, const char *key);   /* NULL when absent */
const char *http_header(const HttpRequest *r, const char *name); /* NULL when absent */
/* Whatever the handler wants to find again when it is answered; not looked at. NULL at first. */
void http_set_note(HttpRequest *r, const void *note);
const void *http_note(const HttpRequest *r);
const void *http_body(const HttpRequest *r, size_t *ret_size);
const HttpPeer *http_peer(const HttpRequest *r);
/* Who asks, as an address without port: the connection's, or what a trusted proxy says. "" on a Unix socket. */
const char *http_client(const HttpRequest *r);

/* Each consumes the request: it must not be touched afterwards. */
void http_reply(HttpRequest *r, unsigned status, const char *content_type, const void *data, size_t size);
void http_reply_json(HttpRequest *r, unsigned status, json_t *body); /* body is consumed */
/* {"success": false, "error": "…"} */
void http_reply_error(HttpRequest *r, unsigned status, const char *format, ...) _printf_(3, 4);
/* 200 with an ETag (strong, from the content, when etag is NULL; quotes are added): 304 without a body when the client has it. */
void http_reply_cached(HttpRequest *r, const char *content_type, const void *data, size_t size,
                       const char *etag);
/* The same in two steps, for what need not be there to know that the client has it: adds the ETag; true: it is answered. size: of the
 * body that it has. */
bool http_reply_unchanged(HttpRequest *r, const char *etag, uint64_t size);
/* Is one of the entity tags in an If-None-Match (RFC 9110, 13.1.2: weak comparison; `*` is any) this one? Without quotes. */
bool http_etag_matches(const char *field, const char *etag);
#define HTTP_ETAG_SIZE 33
char *http_etag_make(char buffer[static HTTP_ETAG_SIZE], const void *data, size_t size);
/* 200 with the first size bytes of a file. It is read by a thread of the server as the client takes it, so that less than 1 MiB of it
 * is in memory; who takes it too slowly is cut off (send_timeout_usec). fd is duplicated. The request is consumed on success.
 * ended(): once, on the loop, when all was sent or the client is gone, perhaps before this returns (when *ret is set
 * already); the file is not to be touched from then on. */
typedef struct HttpFile HttpFile;
int http_reply_file(HttpRequest *r, const char *content_type, int fd, uint64_t size,
                    void (*ended)(void *userdata), void *userdata, HttpFile **ret);
void http_file_break(HttpFile *f); /* the connection is closed; ended() follows */
/* Before a reply: one more response header. */
int http_add_header(HttpRequest *r, const char *name, const char *value);

/* Server-sent events. The stream sends a comment every 15 s and closes itself when the client is gone or more than
 * 256 KiB wait for it; closed() is called then, once, and on http_stream_close(). */
typedef struct HttpStream HttpStream;
/* Consumes the request on success. -EBUSY: the limit of streams is reached. */
int http_stream_open(HttpRequest *r, void (*closed)(HttpStream *stream, void *userdata), void *userdata,
                     HttpStream **ret);
int http_stream_send(HttpStream *s, const char *event, const char *data); /* data: one line of JSON */
int http_stream_retry(HttpStream *s,
                      uint64_t usec); /* how long the client shall wait before it comes again */
/* More than 256 KiB may wait: for an answer that comes all at once. */
void http_stream_set_room(HttpStream *s, size_t size);
HttpStream *http_stream_close(HttpStream *s);

/* The same from outside: a synchronous request over a Unix socket, for command lines. The answer's body is
 * malloc'ed. -ENOENT, -ECONNREFUSED: nobody there; -EAGAIN: somebody, with more callers than it takes; -ETIMEDOUT. */
int http_ask_unix(const char *socket_path, const char *method, const char *target, const char *body,
                  uint64_t timeout_usec, unsigned *ret_status, char **ret_body, Error *e);
/* The same with a body of any bytes, by POST. */
int http_ask_unix_data(const char *socket_path, const char *target, const void *data, size_t size,
                       uint64_t timeout_usec, unsigned *ret_status, char **ret_body, Error *e);
/* Reads server-sent events until fn returns non-zero (returned) or the stream ends (0). */
int http_follow_unix(const char *socket_path, const char *target,
                     int (*fn)(const char *event, const char *data, void *userdata), void *userdata,
                     Error *e);
