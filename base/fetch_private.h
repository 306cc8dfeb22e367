/* SPDX-License-Identifier: MIT */
/* Inside base/ only: the parts of the HTTP client. fetch.c leads a request through its life, fetch_easy.c puts it on
 * a curl handle, fetch_watch.c watches curl's sockets, fetch_result.c says in our words how it ended, fetch_trust.c keeps the
 * certificate authorities. */
#pragma once

#include "base/fetch.h"

#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/queue.h>

#define FETCH_KEPT         64 /* connections */
#define FETCH_POOL         16
#define FETCH_HEADERS_MAX  (64 * 1024)
#define FETCH_RESPONSE_MAX (1024 * 1024)
#define FETCH_REFUSAL_MAX  (64 * 1024) /* of an answer that is not for on_data() */

typedef struct FetchTrust FetchTrust;
typedef struct FetchWatches FetchWatches;

/* For a protocol other than HTTP that begins on a curl connection (mail.c): curl resolves nothing, connects, speaks TLS,
 * checks the certificate and logs in, all without blocking; then the connection is lent to the protocol, which speaks on
 * it by curl_easy_send() and curl_easy_recv() until the fetch is freed. */
typedef struct FetchSession {
        const char *schemes; /* those that the URL may have, the first without TLS from the start: "smtp,smtps" */
        bool upgrade;        /* TLS by command (STARTTLS), or nothing is said */
        const char *user, *password; /* borrowed; NULL: none */
        const char *login_options;   /* CURLOPT_LOGIN_OPTIONS */
        void (*on_line)(const char *line, size_t size,
                        void *userdata);  /* what the server said before it was lent */
        void (*on_ready)(void *userdata); /* it is lent: f->easy; the deadline is the caller's from here on */
} FetchSession;

struct FetchClient {
        sd_event *event;
        Resolver *resolver;
        CURLM *multi;
        LazyTimer timer;                        /* curl's */
        sd_event_source *begin, *finished;      /* curl wants to act at once; it has ended some */
        LazyTimer deadline;                     /* the first one of all */
        TAILQ_HEAD(FetchList, Fetch) deadlines; /* every fetch, the soonest first */
        bool broken;                            /* multi: see client_give_up() */
        bool *freed; /* set by fetch_client_free(), for who tells several of their end in a row */
        FetchWatches *watches;
        struct FetchList running;
        struct FetchList queue; /* ended, not yet told */
        unsigned n_fetches;
        CURL **pool; /* making a handle costs more than a request on loopback */
        size_t n_pool, n_pool_max;
        size_t held, budget; /* bytes of answers */
        FetchTrust *trust;
        Network *allowed;
        size_t n_allowed;
        unsigned n_kept;     /* connections, at most */
        bool unguarded_kept; /* a kept connection may go where the guard would not let it */
};

typedef enum FetchState {
        FETCH_STATE_RESOLVING,
        FETCH_STATE_RUNNING, /* in curl's hands */
        FETCH_STATE_QUEUED,  /* curl has ended it */
        FETCH_STATE_DONE,
} FetchState;

struct Fetch {
        FetchClient *client;
        FetchState state;
        FetchDone done;
        void *userdata;
        uint64_t began_usec, timeout_usec;
        uint64_t deadline_usec; /* USEC_NEVER: none */
        Resolve *resolve;
        TAILQ_ENTRY(Fetch) entry, by_deadline;

        /* The request. */
        CURLU *url;
        char *host; /* as curl will look for it: ASCII, no brackets */
        unsigned port;
        bool tls; /* https, or what else is encrypted */
        char *method;
        char **headers; /* NULL-terminated; what the caller gave */
        char *bearer;
        void *body;
        size_t body_size;
        const FetchSession *session;      /* NULL: HTTP */
        char *fixed_host, *fixed_address; /* `resolve`, and the host that it stands for */
        char *ca_file, *unix_socket;
        Network *allowed; /* `allow` */
        size_t n_allowed;
        size_t response_max;
        uint64_t stall_usec;
        int (*on_data)(Fetch *fetch, const void *data, size_t size, void *userdata);
        unsigned redirects_left, redirects_max;
        unsigned flags;

        /* On its way. */
        CURL *easy;
        struct curl_slist *header_list, *resolve_list;
        X509_STORE *store;
        struct sockaddr_storage last_address; /* of the last socket opened */
        unsigned n_opened, n_blocked;
        int local_error;   /* of ours, negative errno */
        int connect_errno; /* what connect() said, positive; the most telling of all addresses */
        size_t header_bytes;
        bool too_large, body_too_large, bad_encoding, over_budget;
        bool sinking, refused, paused; /* on_data(): it gets this answer; has had enough; wants no more now */
        size_t taken;                  /* … by it */
        bool redirected;
        char *response;
        size_t response_size, response_capacity;
        char retry_after[64];
        int64_t certificate_expires; /* seconds since 1970; 0: unknown */
        CURLcode code;
        char curl_message[CURL_ERROR_SIZE];
};

/* fetch.c. fetch_start() with a session, which is borrowed; NULL: HTTP. The request's HTTP members mean nothing to it. */
int fetch_start_session(FetchClient *c, const FetchRequest *request, const FetchSession *session,
                        FetchDone done, void *userdata, Fetch **ret);

/* fetch.c: makes c->multi fit for use, if it is not. */
int fetch_client_mend(FetchClient *c);

/* fetch_easy.c. addresses NULL: the host is a literal. */
int fetch_easy_start(Fetch *f, const ResolveResult *addresses);
void fetch_easy_stop(Fetch *f);
bool fetch_guard_passes(const Fetch *f, const struct sockaddr *a);
void fetch_note_errno(Fetch *f);
void fetch_note_peer(Fetch *f);

/* fetch_watch.c. fn is told which of the sockets can be read or written (CURL_CSELECT_…). */
int fetch_watches_new(sd_event *event, void (*fn)(int fd, int action, void *userdata), void *userdata,
                      FetchWatches **ret);
FetchWatches *fetch_watches_free(FetchWatches *ws);
int fetch_watches_priority(FetchWatches *ws, int64_t priority);
void fetch_watches_clear(FetchWatches *ws);
int fetch_watch_set(FetchWatches *ws, int fd, uint32_t events); /* of epoll */
void fetch_watch_end(FetchWatches *ws, int fd);                 /* no longer, by curl's word */
int fetch_watch_opened(FetchWatches *ws, int fd);               /* this number is a new socket from now on */
void fetch_watch_closing(FetchWatches *ws, int fd);

/* fetch_result.c. */
bool fetch_errno_is_local(int error); /* positive */
#define FETCH_MESSAGE_SIZE 640
FetchError fetch_result_judge(Fetch *f, char message[static FETCH_MESSAGE_SIZE]);
FetchError fetch_result_unresolved(const Fetch *f, const ResolveResult *result,
                                   char message[static FETCH_MESSAGE_SIZE]);
FetchError fetch_result_timeout(const Fetch *f, char message[static FETCH_MESSAGE_SIZE]);

/* fetch_trust.c. A store is made once per file (or hashed folder), and again when it changes. NULL: the system's. The store
 * is borrowed: it stays until the next call. */
int fetch_trust_new(FetchTrust **ret);
FetchTrust *fetch_trust_free(FetchTrust *trust);
int fetch_trust_get(FetchTrust *trust, const char *file, X509_STORE **ret);
