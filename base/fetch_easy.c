/* SPDX-License-Identifier: MIT */
/* One request on a curl handle: its options, the guard of its sockets, and the caps on what comes back. */
#include "base/fetch_private.h"
#include "base/text.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <unistd.h>

#define VANISHED_MSEC 10000 /* what is sent stays without an acknowledgement for so long */

static bool is_literal(const char *host)
{
        struct sockaddr_storage a;

        return address_parse(host, 0, &a, NULL) >= 0;
}

bool fetch_guard_passes(const Fetch *f, const struct sockaddr *a)
{
        if (!(f->flags & FETCH_GUARD) || !address_is_private(a))
                return true;
        for (size_t i = 0; i < f->client->n_allowed; i++)
                if (network_contains(&f->client->allowed[i], a))
                        return true;
        for (size_t i = 0; i < f->n_allowed; i++)
                if (network_contains(&f->allowed[i], a))
                        return true;
        return (f->flags & FETCH_TRUST_HOST) && !f->redirected && is_literal(f->host);
}

/* The reason of the target beats one of ours: an address family without route says nothing when the other refused. */
void fetch_note_errno(Fetch *f)
{
        long n = 0;

        if (f->easy)
                (void) curl_easy_getinfo(f->easy, CURLINFO_OS_ERRNO, &n);
        if (n > 0 && (f->connect_errno == 0 || fetch_errno_is_local(f->connect_errno) ||
                      !fetch_errno_is_local((int) n)))
                f->connect_errno = (int) n;
}

/* Of the connection that was used, which may have been opened for another request. */
void fetch_note_peer(Fetch *f)
{
        char *ip = NULL;
        long port = 0;

        if (curl_easy_getinfo(f->easy, CURLINFO_PRIMARY_IP, &ip) == CURLE_OK && ip && *ip &&
            curl_easy_getinfo(f->easy, CURLINFO_PRIMARY_PORT, &port) == CURLE_OK)
                (void) address_parse(ip, (uint16_t) port, &f->last_address, NULL);
}

/* The place for the guard: the address that is really used, whatever names and redirects said. */
static curl_socket_t on_open_socket(void *userdata, curlsocktype purpose, struct curl_sockaddr *a)
{
        Fetch *f = userdata;
        int fd, r;

        if (f->n_opened >
            0) /* the address before this one may have failed, and curl keeps the last reason only */
                fetch_note_errno(f);
        memset(&f->last_address, 0, sizeof(f->last_address));
        memcpy(&f->last_address, &a->addr, MIN((size_t) a->addrlen, sizeof(f->last_address)));
        if (!fetch_guard_passes(f, &a->addr)) {
                f->n_blocked++;
                return CURL_SOCKET_BAD;
        }
        fd = socket(a->family, a->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->protocol);
        if (fd < 0) {
                f->local_error = -errno;
                return CURL_SOCKET_BAD;
        }
        if (f->flags & FETCH_HTTP2) /* else one whose other end has vanished takes request after request */
                (void) setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &(unsigned){VANISHED_MSEC},
                                  sizeof(unsigned));
        r = fetch_watch_opened(f->client->watches, fd);
        if (r < 0) {
                f->local_error = r;
                (void) close(fd);
                return CURL_SOCKET_BAD;
        }
        f->n_opened++;
        return fd;
}

/* Of a connection that may have outlived many a fetch. */
static int on_close_socket(void *userdata, curl_socket_t fd)
{
        FetchClient *c = userdata;

        fetch_watch_closing(c->watches, fd);
        return close(fd);
}

/* To on_data(). */
static size_t body_sink(Fetch *f, const char *data, size_t size)
{
        int r;

        if (size > f->response_max - f->taken) {
                f->too_large = f->body_too_large = true;
                return 0;
        }
        r = f->on_data(f, data, size, f->userdata);
        f->paused = r == FETCH_PAUSE;
        if (f->paused)
                return CURL_WRITEFUNC_PAUSE;
        if (r < 0) {
                f->refused = true;
                return 0;
        }
        f->taken += size;
        return size;
}

/* Of an answer that on_data() is not for: what a reader needs. */
static size_t body_rest(Fetch *f, size_t size)
{
        size_t room = f->response_size < FETCH_REFUSAL_MAX ? FETCH_REFUSAL_MAX - f->response_size : 0;

        return MIN(size, room);
}

static size_t on_body(char *data, size_t one, size_t size, void *userdata)
{
        Fetch *f = userdata;
        FetchClient *c = f->client;
        size_t whole = size;

        if (f->on_data) {
                long status = 0;

                if (!f->sinking && f->response_size == 0)
                        f->sinking = curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status) ==
                                                     CURLE_OK &&
                                     status == 200;
                if (f->sinking)
                        return body_sink(f, data, size);
                size = body_rest(f, size);
        }
        if (size >
            f->response_max - f->response_size) { /* after decompression: curl's own cap is before it */
                f->too_large = f->body_too_large = true;
                return 0;
        }
        if (f->response_size + size + 1 > f->response_capacity) {
                size_t capacity = MIN(MAX(f->response_capacity * 2, f->response_size + size + 1),
                                      f->response_max + 1);
                char *bigger;

                if (c->budget > 0 && capacity - f->response_capacity > c->budget - MIN(c->held, c->budget)) {
                        f->over_budget = true;
                        return 0;
                }
                bigger = realloc(f->response, capacity);
                if (!bigger) {
                        f->local_error = -ENOMEM;
                        return 0;
                }
                f->response = bigger;
                c->held += capacity - f->response_capacity;
                f->response_capacity = capacity;
        }
        memcpy(f->response + f->response_size, data, size);
        f->response_size += size;
        return whole;
}

/* The value when the line is that header, without white space around; NULL otherwise. */
static const char *header_value(const char *line, size_t size, const char *name, size_t *ret_size)
{
        size_t n = strlen(name);

        if (size <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
                return NULL;
        line += n + 1;
        size -= n + 1;
        for (; size > 0 && (*line == ' ' || *line == '\t'); line++)
                size--;
        while (size > 0 && strchr(" \t\r\n", line[size - 1]))
                size--;
        *ret_size = size;
        return line;
}

/* curl decodes whatever it knows, asked for or not, and several in a row; zstd and brotli with windows of many MiB. */
static bool encoding_allowed(const char *value, size_t size)
{
        static const char *const allowed[] = {"", "identity", "gzip", "x-gzip", "deflate"};

        for (size_t i = 0; i < ELEMENTSOF(allowed); i++)
                if (size == strlen(allowed[i]) && strncasecmp(value, allowed[i], size) == 0)
                        return true;
        return false;
}

static void note_expiry(Fetch *f)
{
        struct curl_tlssessioninfo *info = NULL;
        const ASN1_TIME *end;
        X509 *leaf;
        struct tm tm;

        if (curl_easy_getinfo(f->easy, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || !info ||
            !info->internals || info->backend != CURLSSLBACKEND_OPENSSL)
                return;
        leaf = SSL_get0_peer_certificate(info->internals);
        end = leaf ? X509_get0_notAfter(leaf) : NULL;
        if (end && ASN1_TIME_to_tm(end, &tm) == 1)
                f->certificate_expires = timegm(&tm);
}

static size_t on_header(char *line, size_t one, size_t size, void *userdata)
{
        Fetch *f = userdata;
        const char *value;
        size_t n;

        if (size > FETCH_HEADERS_MAX - f->header_bytes) {
                f->too_large = true;
                return 0;
        }
        f->header_bytes += size;
        if (size >= 5 && memcmp(line, "HTTP/", 5) == 0) { /* perhaps after an interim answer */
                f->retry_after[0] = '\0';
                if (f->tls && (f->flags & FETCH_WANT_EXPIRY))
                        note_expiry(f);
        } else if ((value = header_value(line, size, "Retry-After", &n)))
                snprintf(f->retry_after, sizeof(f->retry_after), "%.*s", (int) n, value);
        else if ((value = header_value(line, size, "Content-Encoding", &n)) && !encoding_allowed(value, n)) {
                f->bad_encoding = true;
                return 0;
        }
        return size;
}

/* For a connection that is used once, so that it cannot outlive the fetch. */
static int on_verify(int fine, X509_STORE_CTX *context)
{
        SSL *ssl = X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx());
        Fetch *f = ssl ? SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)) : NULL;
        X509 *leaf = X509_STORE_CTX_get0_cert(context);
        struct tm tm;

        if (f && leaf && f->certificate_expires == 0 && ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &tm) == 1)
                f->certificate_expires = timegm(&tm);
        return fine;
}

static CURLcode on_tls_context(CURL *easy, void *ssl_context, void *userdata)
{
        SSL_CTX *context = ssl_context;
        Fetch *f = userdata;

        /* Takes precedence over the store that curl fills, which stays empty. */
        if (SSL_CTX_set1_verify_cert_store(context, f->store) != 1)
                return CURLE_OUT_OF_MEMORY;
        if (f->flags & FETCH_FRESH) {
                (void) SSL_CTX_set_app_data(context, f);
                SSL_CTX_set_verify(context, SSL_VERIFY_PEER, on_verify);
        }
        return CURLE_OK;
}

static int list_add(struct curl_slist **list, const char *text)
{
        struct curl_slist *longer = text ? curl_slist_append(*list, text) : NULL;

        if (!longer)
                return -ENOMEM;
        *list = longer;
        return 0;
}

static void list_wipe(struct curl_slist **list)
{
        for (struct curl_slist *l = *list; l; l = l->next)
                explicit_bzero(l->data, strlen(l->data));
        curl_slist_free_all(*list);
        *list = NULL;
}

static bool has_header(const Fetch *f, const char *name)
{
        size_t n = strlen(name);

        for (char **h = f->headers; h && *h; h++)
                if (strncasecmp(*h, name, n) == 0 && (*h)[n] == ':')
                        return true;
        return false;
}

static int header_list_new(Fetch *f)
{
        char *line = NULL;
        int r = 0;

        for (char **h = f->headers; h && *h && r >= 0; h++)
                r = list_add(&f->header_list, *h);
        if (r >= 0 && f->bearer) {
                line = string_printf("Authorization: Bearer %s", f->bearer);
                r = list_add(&f->header_list, line);
                if (line)
                        explicit_bzero(line, strlen(line));
                free(line);
        }
        if (r >= 0 && f->body)
                r = list_add(&f->header_list,
                             "Expect:"); /* a server that does not know 100-continue costs 1 s */
        if (r >= 0 && f->body && !has_header(f, "Content-Type"))
                r = list_add(&f->header_list, "Content-Type:"); /* not curl's guess */
        return r;
}

/* "+host:port:address,address": not permanent, since curl keeps the list for all its transfers; it is read and used
 * within one step, so that nobody else's comes between. */
static int resolve_list_new(Fetch *f, const ResolveResult *addresses)
{
        _cleanup_text_ Text entry = {};
        _cleanup_free_ char *line = NULL;
        char text[ADDRESS_SIZE];
        int r;

        text_add(&entry, "+%s:%u:", f->host, f->port);
        for (size_t i = 0; i < addresses->count; i++) {
                struct sockaddr_storage a = addresses->addresses[i];

                if (a.ss_family == AF_INET6)
                        ((struct sockaddr_in6 *) &a)->sin6_scope_id = 0; /* curl cannot read it here */
                text_add(&entry, "%s%s", i > 0 ? "," : "", address_format(text, &a));
        }
        r = text_take(&entry, &line);
        return r < 0 ? r : list_add(&f->resolve_list, line);
}

#define SET(option, value)                                                         \
        do {                                                                       \
                if (code == CURLE_OK)                                              \
                        code = curl_easy_setopt(f->easy, CURLOPT_##option, value); \
        } while (0)

static CURLcode set_method(Fetch *f)
{
        CURLcode code = CURLE_OK;

        if (f->method && streq(f->method, "HEAD")) {
                SET(NOBODY, 1L);
                return code;
        }
        if (f->body) {
                SET(POSTFIELDSIZE_LARGE, (curl_off_t) f->body_size);
                SET(POSTFIELDS, f->body);
        }
        if (f->method && !streq(f->method, f->body ? "POST" : "GET"))
                SET(CUSTOMREQUEST, f->method);
        return code;
}

static CURLcode set_connection(Fetch *f)
{
        CURLcode code = CURLE_OK;
        bool fresh = f->flags & FETCH_FRESH;

        SET(NOSIGNAL, 1L);
        SET(QUICK_EXIT, 1L); /* else a lookup of curl's own would be waited for; there should be none */
        SET(PROXY, "");
        SET(PROTOCOLS_STR, f->session ? f->session->schemes : "http,https");
        /* Ours ends it; curl gives each address half of what is left, but the last. */
        SET(CONNECTTIMEOUT_MS, (long) MIN(f->timeout_usec / USEC_PER_MSEC + 1, (uint64_t) INT32_MAX));
        SET(DNS_CACHE_TIMEOUT, 5L);
        SET(OPENSOCKETFUNCTION, on_open_socket);
        SET(OPENSOCKETDATA, f);
        SET(CLOSESOCKETFUNCTION, on_close_socket);
        SET(CLOSESOCKETDATA, f->client);
        if (f->unix_socket)
                SET(UNIX_SOCKET_PATH, f->unix_socket);
        if (f->resolve_list)
                SET(RESOLVE, f->resolve_list);
        /* What curl does not compare when it looks for a connection to use again must not be shared. One that is lent is
         * never used again, and must not be closed when curl has done its part. */
        if (f->session)
                SET(FRESH_CONNECT, 1L);
        else if (fresh || f->fixed_address || f->ca_file || f->n_allowed > 0 ||
                 ((f->flags & FETCH_GUARD) && f->client->unguarded_kept)) {
                SET(FRESH_CONNECT, 1L);
                SET(FORBID_REUSE, 1L);
        } else if (!(f->flags & FETCH_GUARD))
                f->client->unguarded_kept = true;
        if (f->tls) {
                SET(CAINFO, NULL);
                SET(CAPATH, NULL);
                SET(SSL_CTX_FUNCTION, on_tls_context);
                SET(SSL_CTX_DATA, f);
                SET(SSL_SESSIONID_CACHE,
                    0L); /* a resumed session shows no certificate, and is not checked again */
        }
        return code;
}

static size_t on_session_line(char *line, size_t one, size_t size, void *userdata)
{
        Fetch *f = userdata;

        if (size > FETCH_HEADERS_MAX - f->header_bytes) {
                f->too_large = true;
                return 0;
        }
        f->header_bytes += size;
        f->session->on_line(line, size, f->userdata);
        return size;
}

/* CONNECT_ONLY is what keeps it from blocking: curl 7.88 waits in QUIT, and for the answer to a mail's end, without
 * returning to the loop; and when it is cancelled in the middle of a mail, it ends the mail there. */
static CURLcode set_session(Fetch *f)
{
        CURLcode code = CURLE_OK;

        SET(CONNECT_ONLY, 1L);
        SET(USE_SSL, (long) (f->session->upgrade ? CURLUSESSL_ALL : CURLUSESSL_NONE));
        SET(SERVER_RESPONSE_TIMEOUT, 3600L); /* ours ends it */
        if (f->session->user) {
                SET(USERNAME, f->session->user);
                SET(PASSWORD, f->session->password);
                SET(LOGIN_OPTIONS, f->session->login_options);
        }
        SET(HEADERFUNCTION, on_session_line);
        SET(HEADERDATA, f);
        return code;
}

static CURLcode set_http(Fetch *f)
{
        CURLcode code = set_method(f);

        SET(HTTP_VERSION, (long) (f->flags & FETCH_HTTP2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
        SET(USERAGENT, "failoverd/" PROJECT_VERSION);
        SET(ACCEPT_ENCODING, "gzip, deflate");
        SET(WRITEFUNCTION, on_body);
        SET(WRITEDATA, f);
        SET(HEADERFUNCTION, on_header);
        SET(HEADERDATA, f);
        if (f->flags & FETCH_FRESH) /* probes: many at once, with small answers */
                SET(BUFFERSIZE, 4096L);
        if (f->header_list)
                SET(HTTPHEADER, f->header_list);
        if (f->stall_usec > 0) { /* a paused transfer does not count */
                SET(LOW_SPEED_LIMIT, 1L);
                SET(LOW_SPEED_TIME, (long) ((f->stall_usec + USEC_PER_SEC - 1) / USEC_PER_SEC));
        }
        return code;
}

static CURLcode set_options(Fetch *f)
{
        CURLcode code = set_connection(f);

        SET(CURLU, f->url);
        SET(PRIVATE, f);
        SET(ERRORBUFFER, f->curl_message);
        if (code == CURLE_OK)
                code = f->session ? set_session(f) : set_http(f);
        return code;
}

static int handle_get(Fetch *f)
{
        FetchClient *c = f->client;

        f->easy = c->n_pool > 0 ? c->pool[--c->n_pool] : curl_easy_init();
        return f->easy ? 0 : -ENOMEM;
}

int fetch_easy_start(Fetch *f, const ResolveResult *addresses)
{
        int r;

        assert(!f->easy);

        f->n_opened = f->n_blocked = 0;
        f->header_bytes = f->response_size = f->taken = 0;
        f->sinking = f->refused = f->paused = false;
        f->local_error = f->connect_errno = 0;
        f->too_large = f->body_too_large = f->bad_encoding = f->over_budget = false;
        f->certificate_expires = 0;
        f->curl_message[0] = '\0';
        if (f->tls) {
                r = fetch_trust_get(f->client->trust, f->ca_file, &f->store);
                if (r < 0)
                        return r;
                X509_STORE_up_ref(f->store);
        }
        r = fetch_client_mend(f->client);
        if (r >= 0)
                r = header_list_new(f);
        if (r >= 0 && addresses)
                r = resolve_list_new(f, addresses);
        if (r >= 0)
                r = handle_get(f);
        if (r < 0)
                return r;
        f->code = set_options(f);
        if (f->code != CURLE_OK)
                return -ENOMEM; /* and the handle is not used again: it keeps our list of addresses even after a reset */
        f->state = FETCH_STATE_RUNNING;
        TAILQ_INSERT_TAIL(&f->client->running, f, entry);
        if (curl_multi_add_handle(f->client->multi, f->easy) != CURLM_OK)
                return -ENOMEM;
        return 0;
}

void fetch_easy_stop(Fetch *f)
{
        FetchClient *c = f->client;
        long os_errno = 0;

        if (f->easy) {
                (void) curl_easy_getinfo(f->easy, CURLINFO_OS_ERRNO, &os_errno);
                (void) curl_multi_remove_handle(c->multi, f->easy);
                /* One that failed keeps its last errno: not used again. */
                if (!f->session && f->state != FETCH_STATE_RUNNING && f->code == CURLE_OK && os_errno == 0 &&
                    c->n_pool < c->n_pool_max) {
                        curl_easy_reset(f->easy);
                        c->pool[c->n_pool++] = f->easy;
                } else
                        curl_easy_cleanup(f->easy);
                f->easy = NULL;
        }
        list_wipe(&f->header_list);
        list_wipe(&f->resolve_list);
        X509_STORE_free(f->store);
        f->store = NULL;
}
