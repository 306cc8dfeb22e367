/* SPDX-License-Identifier: MIT */
/* What the counterparts share: a small HTTP server on loopback, a thread a connection, whose port the kernel chooses
 * and whose listener can refuse, vanish and come back; and a control socket that tells it how to behave.
 *
 * It shares no code with the programs under test. Errors end the counterpart with a message. */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct Connection {
        int fd;
        SSL *ssl; /* NULL: plain */
} Connection;

typedef struct Request {
        char method[16], path[1024];
        char *head; /* request line and headers, terminated */
        char *body; /* terminated */
        size_t body_size;
} Request;

typedef enum Listening {
        LISTEN_NORMAL,
        LISTEN_REFUSE,   /* the port is kept, but a connection is refused */
        LISTEN_BLACKHOLE /* a connection request gets no answer at all */
} Listening;

typedef struct Server {
        /* Serves one connection that has been accepted (and, with TLS, agreed upon); it is closed afterwards. */
        void (*serve)(Connection *c);
        /* One order from the control socket. Returns NULL, or what is wrong with it (malloc'ed). */
        char *(*order)(const char *text);
        /* What GET on the control socket answers (malloc'ed). */
        char *(*report)(void);
        /* With TLS: what to present to the next connection. NULL: plain. */
        SSL_CTX *(*tls)(void);
        const char *control; /* path of the control socket */
        const char *listen;  /* ADDRESS:PORT in IPv4; NULL: loopback, and a port that the kernel chooses */
} Server;

/* Prints the port on stdout once both sockets listen; never returns. */
void server_run(const Server *server) __attribute__((noreturn));
/* Takes effect before it returns. */
void server_listen_as(Listening how);

bool request_read(Connection *c, Request *ret);
void request_clear(Request *r);
/* The value of a header, malloc'ed, or NULL. */
char *request_header(const Request *r, const char *name);
bool connection_write(Connection *c, const void *data, size_t size);
void connection_reset(Connection *c);       /* the next close sends RST */
void connection_wait_closed(Connection *c); /* returns when the client has gone */
/* A whole answer with Content-Length; extra: more header lines, each ended by \r\n, or "". */
bool connection_answer(Connection *c, unsigned status, const char *extra, const char *body);

void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
char *text(const char *format, ...) __attribute__((format(printf, 1, 2))); /* malloc'ed */
