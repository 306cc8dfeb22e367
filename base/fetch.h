/* SPDX-License-Identifier: MIT */
/* The HTTP client: libcurl's multi socket interface on the loop, names by c-ares, a byte cap that counts after
 * decompression, an address guard on the socket really used, a deadline on everything. */
#pragma once

#include "base/resolve.h"

typedef struct FetchClient
                FetchClient; /* one connection cache: one for guarded requests, one for the operator's */
typedef struct Fetch Fetch;  /* one request in flight; freeing it cancels */

typedef enum FetchError {
        FETCH_OK,           /* an HTTP answer came, whatever its status */
        FETCH_NAME_UNKNOWN, /* NXDOMAIN or no address */
        FETCH_NAME_FAILED,  /* our resolver failed or was silent */
        FETCH_REFUSED,      /* connection refused, host unreachable by its own answer */
        FETCH_RESET,        /* closed or reset in mid-conversation, empty reply */
        FETCH_TIMEOUT,      /* the deadline passed; message says in which phase */
        FETCH_CERT_EXPIRED,
        FETCH_CERT_NOT_YET,   /* not yet valid: likely our clock */
        FETCH_CERT_NAME,      /* for another host */
        FETCH_CERT_UNTRUSTED, /* self-signed, unknown issuer, revoked, … */
        FETCH_TLS,            /* any other TLS failure */
        FETCH_TOO_LARGE,      /* more than response_max */
        FETCH_BLOCKED,        /* the address guard said no */
        FETCH_REDIRECTS,      /* more than allowed */
        FETCH_PROTOCOL,       /* not HTTP, or broken */
        FETCH_LOCAL,          /* our own trouble: EMFILE, ENOMEM, no route */
} FetchError;

enum {
        FETCH_FRESH = 1 << 0,       /* a new connection, closed afterwards (probes) */
        FETCH_GUARD = 1 << 1,       /* public addresses only, unless allowed by the client's exceptions */
        FETCH_REMEMBER = 1 << 2,    /* last good addresses when no resolver answers (actions) */
        FETCH_WANT_EXPIRY = 1 << 3, /* fill certificate_expires */
        FETCH_TRUST_HOST =
                        1
                        << 4, /* with FETCH_GUARD: an address that stands in the URL itself passes; what a name or
                                     * a redirect leads to does not */
        FETCH_HTTP2 = 1 << 5,     /* where it is offered on TLS; several requests then share one connection */
        FETCH_INSECURE_NEVER = 0, /* there is no switch that turns certificate checks off */
};

typedef struct FetchRequest {
        const char *url;
        const char *method;         /* NULL: GET, or POST with a body */
        const char *const *headers; /* NULL-terminated "Name: value" */
        const char *bearer;         /* sent as Authorization: Bearer, wiped afterwards; or NULL */
        const void *body;           /* copied */
        size_t body_size;
        const char *resolve;     /* an IP address to use instead of resolving the host, or NULL */
        const char *ca_file;     /* file (or hashed folder) instead of the system's store, or NULL */
        const char *unix_socket; /* path, or NULL */
        const char *const *
                        allow; /* with FETCH_GUARD: networks that it lets through beside the client's, NULL-terminated, or
                                   * NULL. Others do not get to use the connection */
        uint64_t timeout_usec; /* whole request; required */
        uint64_t stall_usec; /* 0, or: nothing came for about so long while it was not paused; curl measures over five seconds */
        size_t response_max; /* 0: 1 MiB */
        /* NULL, or where the body of a 200 goes piece by piece, after decompression, instead of being kept (of other answers the
         * first 64 KiB are): called on the loop, never from within fetch_start(); must not free the fetch. 0: taken;
         * FETCH_PAUSE: not now, the same bytes come again after fetch_resume(); below 0: no more of it, the fetch ends with
         * FETCH_LOCAL. FetchResult.body_size says how many bytes were taken. */
        int (*on_data)(Fetch *fetch, const void *data, size_t size, void *userdata);
        unsigned redirects_max; /* 0: none followed */
        unsigned flags;
} FetchRequest;

typedef struct FetchResult {
        FetchError error;
        const char *message; /* for people; never holds a secret or a query string */
        unsigned status;     /* HTTP */
        const char *body;    /* terminated */
        size_t body_size;
        const char *content_type;          /* "" when none */
        const char *retry_after;           /* header as sent, "" when none */
        const char *address;               /* "192.0.2.1:443" that was really used, "" when none */
        uint64_t certificate_expires_usec; /* wall time, leaf; 0 when unknown */
        uint64_t total_usec;
} FetchResult;

typedef void (*FetchDone)(Fetch *fetch, const FetchResult *result, void *userdata);

int fetch_client_new(sd_event *event, Resolver *resolver, FetchClient **ret);
FetchClient *fetch_client_free(FetchClient *c); /* only when nothing is in flight */
/* Networks ("127.0.0.0/8") that the guard lets through; NULL-terminated, copied. */
int fetch_client_allow(FetchClient *c, const char *const *networks, Error *e);

/* How many connections are kept for later; 64 unless said. -ENOMEM. */
int fetch_client_keep(FetchClient *c, unsigned connections);
/* The priority of its sources on the loop; 0 unless said, when a deadline ends a request as soon as it has passed. With another
 * one it comes last: what has arrived by then counts, however late the loop is. */
int fetch_client_priority(FetchClient *c, int64_t priority);
/* What the answers of all its requests may hold together, until these are freed; 0: no limit. One that would go beyond ends
 * with FETCH_LOCAL. */
void fetch_client_budget(FetchClient *c, size_t bytes);
size_t fetch_client_held(const FetchClient *c);

/* The certificate authorities of ca_file (or a hashed folder), NULL: the system's, for who speaks TLS without HTTP. Kept,
 * and read again when they change; borrowed until the next call, so take a reference. -EBADMSG: no certificate in it, or
 * why it cannot be read. */
struct x509_store_st;
int fetch_client_trust(FetchClient *c, const char *ca_file, struct x509_store_st **ret);

/* done() is called once, never from within fetch_start(), and may free the fetch. -EINVAL: bad URL. */
int fetch_start(FetchClient *c, const FetchRequest *request, FetchDone done, void *userdata, Fetch **ret);
Fetch *fetch_free(Fetch *f);
/* What on_data() has paused goes on; never from within it. It may be called at once. */
#define FETCH_PAUSE 1
void fetch_resume(Fetch *f);
DEFINE_CLEANUP(Fetch, fetch_free)
/* What it is waiting for now, for a deadline's message: "resolving", "connecting", "TLS handshake",
 * "waiting for the answer". */
const char *fetch_phase(const Fetch *f);
const char *fetch_error_name(FetchError error);
/* Does the client itself set the header of this name (Content-Length, Host, …), so that nobody else may? */
bool fetch_sets_header(const char *name);
/* The host of a URL as it would be resolved; malloc'ed. -EINVAL: no URL, or a literal address. */
int fetch_host(const char *url, char **ret);
