/* SPDX-License-Identifier: MIT */
/* The HTTP client: a request's life from its URL over names, sockets and redirects to done(). */
#include "base/clock.h"
#include "base/fetch_private.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

#include <strings.h>
#include <sys/epoll.h>

#define TOLD_MAX 8 /* in one turn of the loop: telling costs what the caller does with it */

/* Most of them have about the same time, so that the place is found at once. */
static void deadline_insert(Fetch *f, uint64_t boot_usec)
{
        struct FetchList *list = &f->client->deadlines;
        Fetch *before;

        f->deadline_usec = boot_usec;
        TAILQ_FOREACH_REVERSE(before, list, FetchList, by_deadline)
        if (before->deadline_usec <= boot_usec)
                break;
        if (before)
                TAILQ_INSERT_AFTER(list, before, f, by_deadline);
        else
                TAILQ_INSERT_HEAD(list, f, by_deadline);
}

static int deadlines_arm(FetchClient *c)
{
        const Fetch *first = TAILQ_FIRST(&c->deadlines);

        return lazy_timer_set(&c->deadline, first ? first->deadline_usec : USEC_NEVER);
}

static int fetch_set_deadline(Fetch *f, uint64_t boot_usec)
{
        TAILQ_REMOVE(&f->client->deadlines, f, by_deadline);
        deadline_insert(f, boot_usec);
        return deadlines_arm(f->client);
}

/* In a moment it is told how it has ended. */
static void fetch_queue(Fetch *f, CURLcode code)
{
        FetchClient *c = f->client;

        TAILQ_REMOVE(&c->running, f, entry);
        TAILQ_INSERT_TAIL(&c->queue, f, entry);
        f->code = code;
        f->state = FETCH_STATE_QUEUED;
}

/* curl has ended some: note how, and tell it from the loop. */
static void client_drain(FetchClient *c)
{
        CURLMsg *m;
        int left;

        while ((m = curl_multi_info_read(c->multi, &left))) {
                Fetch *f = NULL;

                if (m->msg != CURLMSG_DONE)
                        continue;
                (void) curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **) &f);
                fetch_queue(f, m->data.result);
        }
        if (!TAILQ_EMPTY(&c->queue))
                (void) sd_event_source_set_enabled(c->finished, SD_EVENT_ONESHOT);
}

/* When memory runs out while curl notes who uses a socket, the note stays behind without its table, and curl divides by
 * the size of that when it comes upon it again. So all that is under way ends, and the next one gets a new multi handle. */
static void client_give_up(FetchClient *c)
{
        Fetch *f;

        while ((f = TAILQ_FIRST(&c->running))) {
                (void) curl_multi_remove_handle(c->multi, f->easy);
                f->local_error = -ENOMEM;
                fetch_queue(f, CURLE_OUT_OF_MEMORY);
        }
        (void) sd_event_source_set_enabled(c->finished, SD_EVENT_ONESHOT);
        c->broken = true;
}

static void client_act(FetchClient *c, curl_socket_t fd, int action)
{
        int running;
        CURLMcode code = curl_multi_socket_action(c->multi, fd, action, &running);

        client_drain(c);
        if (code == CURLM_OUT_OF_MEMORY)
                client_give_up(c);
}

static int on_curl_time(sd_event_source *s, uint64_t usec, void *userdata)
{
        FetchClient *c = userdata;

        if (lazy_timer_fired(&c->timer))
                client_act(c, CURL_SOCKET_TIMEOUT, 0);
        return 0;
}

static int on_begin(sd_event_source *s, void *userdata)
{
        client_act(userdata, CURL_SOCKET_TIMEOUT, 0);
        return 0;
}

static void on_curl_ready(int fd, int action, void *userdata)
{
        client_act(userdata, fd, action);
}

/* Must not fail: curl would give up the whole multi handle. */
static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_data)
{
        FetchClient *c = userdata;
        uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
        Fetch *f = NULL;
        int r;

        if (what == CURL_POLL_REMOVE) {
                fetch_watch_end(c->watches, fd);
                return 0;
        }
        r = fetch_watch_set(c->watches, fd, events);
        if (r < 0 && curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **) &f) == CURLE_OK && f) {
                f->local_error = r;
                (void) fetch_set_deadline(f, 0);
        }
        return 0;
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *userdata)
{
        FetchClient *c = userdata;

        (void) sd_event_source_set_enabled(c->begin, timeout_ms == 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
        (void) lazy_timer_set(&c->timer,
                              timeout_ms <= 0 ? USEC_NEVER
                                              : clock_boot_usec() + (uint64_t) timeout_ms * USEC_PER_MSEC);
        return 0;
}

static int on_finished(sd_event_source *s, void *userdata);
static int on_deadline(sd_event_source *s, uint64_t usec, void *userdata);

static CURLM *multi_new(FetchClient *c)
{
        CURLM *multi = curl_multi_init();

        if (!multi)
                return NULL;
        (void) curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
        (void) curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, c);
        (void) curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
        (void) curl_multi_setopt(multi, CURLMOPT_TIMERDATA, c);
        (void) curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long) c->n_kept);
        return multi;
}

static void multi_close(FetchClient *c)
{
        (void) curl_multi_cleanup(c->multi); /* closes kept connections */
        if (c->watches)
                fetch_watches_clear(c->watches); /* of which it has lost track */
}

int fetch_client_mend(FetchClient *c)
{
        CURLM *multi;

        if (!c->broken)
                return 0;
        multi = multi_new(c);
        if (!multi)
                return -ENOMEM;
        multi_close(c);
        c->multi = multi;
        c->broken = false;
        return 0;
}

static int client_open(FetchClient *c)
{
        sd_event *event = c->event;
        int r;

        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return -ENOMEM;
        c->multi = multi_new(c);
        if (!c->multi) {
                curl_global_cleanup();
                return -ENOMEM;
        }
        r = fetch_watches_new(event, on_curl_ready, c, &c->watches);
        if (r >= 0)
                r = fetch_trust_new(&c->trust);
        if (r >= 0)
                r = lazy_timer_new(event, "fetch-timer", on_curl_time, c, &c->timer);
        if (r >= 0)
                r = lazy_timer_new(event, "fetch-deadline", on_deadline, c, &c->deadline);
        if (r >= 0)
                r = loop_add_once(event, "fetch-begin", on_begin, c, &c->begin);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->begin, SD_EVENT_OFF);
        if (r >= 0)
                r = loop_add_once(event, "fetch-finished", on_finished, c, &c->finished);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->finished, SD_EVENT_OFF);
        return r;
}

int fetch_client_keep(FetchClient *c, unsigned connections)
{
        size_t n = MAX(c->n_pool, connections > FETCH_KEPT ? (size_t) connections : (size_t) FETCH_POOL);
        CURL **pool;

        assert(c);

        pool = reallocarray(c->pool, n, sizeof(*pool));
        if (!pool)
                return -ENOMEM;
        c->pool = pool;
        c->n_pool_max = n;
        c->n_kept = connections;
        if (c->multi)
                (void) curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long) connections);
        return 0;
}

int fetch_client_priority(FetchClient *c, int64_t priority)
{
        int r;

        assert(c);

        r = fetch_watches_priority(c->watches, priority);
        if (r >= 0)
                r = sd_event_source_set_priority(c->timer.source, priority);
        if (r >= 0)
                r = sd_event_source_set_priority(c->begin, priority);
        if (r >= 0)
                r = sd_event_source_set_priority(c->deadline.source, priority != 0 ? priority + 1 : 0);
        if (r >= 0)
                r = sd_event_source_set_priority(c->finished, priority);
        return r;
}

void fetch_client_budget(FetchClient *c, size_t bytes)
{
        assert(c);

        c->budget = bytes;
}

size_t fetch_client_held(const FetchClient *c)
{
        assert(c);

        return c->held;
}

int fetch_client_new(sd_event *event, Resolver *resolver, FetchClient **ret)
{
        FetchClient *c;
        int r;

        assert(event);
        assert(resolver);
        assert(ret);

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        TAILQ_INIT(&c->running);
        TAILQ_INIT(&c->queue);
        TAILQ_INIT(&c->deadlines);
        c->event = sd_event_ref(event);
        c->resolver = resolver;
        r = fetch_client_keep(c, FETCH_KEPT);
        if (r >= 0)
                r = client_open(c);
        if (r < 0) {
                fetch_client_free(c);
                return r;
        }
        *ret = c;
        return 0;
}

FetchClient *fetch_client_free(FetchClient *c)
{
        if (!c)
                return NULL;
        assert(c->n_fetches == 0);
        if (c->freed)
                *c->freed = true;
        while (c->n_pool > 0)
                curl_easy_cleanup(c->pool[--c->n_pool]);
        free(c->pool);
        if (c->multi) {
                multi_close(c);
                curl_global_cleanup();
        }
        fetch_watches_free(c->watches);
        lazy_timer_clear(&c->timer);
        lazy_timer_clear(&c->deadline);
        loop_source_free(c->begin);
        loop_source_free(c->finished);
        fetch_trust_free(c->trust);
        free(c->allowed);
        sd_event_unref(c->event);
        free(c);
        return NULL;
}

static int networks_parse(const char *const *networks, Network **ret, size_t *ret_n, const char **ret_bad)
{
        _cleanup_free_ Network *list = NULL;
        size_t n = 0;

        while (networks && networks[n])
                n++;
        list = calloc(n + 1, sizeof(*list));
        if (!list)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (network_parse(networks[i], &list[i]) < 0) {
                        *ret_bad = networks[i];
                        return -EINVAL;
                }
        *ret = TAKE_PTR(list);
        *ret_n = n;
        return 0;
}

int fetch_client_allow(FetchClient *c, const char *const *networks, Error *e)
{
        Network *list;
        const char *bad;
        size_t n;
        int r;

        assert(c);

        r = networks_parse(networks, &list, &n, &bad);
        if (r == -EINVAL)
                return error_set(e, r, "\"%s\" is not a network, such as 10.0.0.0/8", bad);
        if (r < 0)
                return error_set(e, r, "out of memory");
        free(c->allowed);
        c->allowed = list;
        c->n_allowed = n;
        return 0;
}

int fetch_client_trust(FetchClient *c, const char *ca_file, X509_STORE **ret)
{
        assert(c);
        assert(ret);

        return fetch_trust_get(c->trust, ca_file, ret);
}

static void fetch_stop(Fetch *f)
{
        if (f->state == FETCH_STATE_QUEUED)
                TAILQ_REMOVE(&f->client->queue, f, entry);
        else if (f->state == FETCH_STATE_RUNNING)
                TAILQ_REMOVE(&f->client->running, f, entry);
        fetch_easy_stop(f);
        f->resolve = resolve_free(f->resolve);
        f->state = FETCH_STATE_DONE;
}

static void fetch_end(Fetch *f, FetchError error, const char *message)
{
        _cleanup_free_ char *content_type = NULL;
        char address[ADDRESS_SIZE] = "", *type = NULL;
        long status = 0;

        if (f->easy) {
                (void) curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
                (void) curl_easy_getinfo(f->easy, CURLINFO_CONTENT_TYPE, &type);
                content_type = type ? strdup(type) : NULL;
                if (f->code == CURLE_OK)
                        fetch_note_peer(f);
        }
        if (f->last_address.ss_family == AF_INET || f->last_address.ss_family == AF_INET6)
                address_format(address, &f->last_address);
        (void) fetch_set_deadline(f, USEC_NEVER);
        fetch_stop(f);
        FetchResult result = {
                        .error = error,
                        .message = message,
                        .status = (unsigned) status,
                        .body = f->response ? f->response : "",
                        .body_size = f->sinking ? f->taken : f->response_size,
                        .content_type = content_type ? content_type : "",
                        .retry_after = f->retry_after,
                        .address = address,
                        .certificate_expires_usec =
                                        f->certificate_expires > 0
                                                        ? (uint64_t) f->certificate_expires * USEC_PER_SEC
                                                        : 0,
                        .total_usec = clock_boot_usec() - f->began_usec,
        };
        if (f->response)
                f->response[f->response_size] = '\0';
        f->done(f, &result, f->userdata); /* may free f, and the client */
}

static void fetch_end_errno(Fetch *f, int error)
{
        char message[FETCH_MESSAGE_SIZE];

        if (error == -ENOENT || error == -EBADMSG || error == -EACCES)
                snprintf(message, sizeof(message), "the file of certificate authorities: %s",
                         error == -EBADMSG ? "no certificate in it" : strerror(-error));
        else
                snprintf(message, sizeof(message), "%s", strerror(-error));
        fetch_end(f, FETCH_LOCAL, message);
}

static void on_resolved(Resolve *resolve, const ResolveResult *result, void *userdata)
{
        Fetch *f = userdata;
        char message[FETCH_MESSAGE_SIZE];
        int r;

        if (result->error < 0) {
                FetchError error = fetch_result_unresolved(f, result, message);

                fetch_end(f, error, message);
                return;
        }
        r = fetch_easy_start(f, result);
        f->resolve = resolve_free(f->resolve);
        if (r < 0)
                fetch_end_errno(f, r);
}

/* One of "http,https": with TLS from the start, when it is the second. */
static bool scheme_known(const Fetch *f, const char *scheme, bool *ret_secure)
{
        const char *known = f->session ? f->session->schemes : "http,https", *second = strchr(known, ',') + 1;
        size_t size = (size_t) (second - known) - 1;

        *ret_secure = strcasecmp(scheme, second) == 0;
        return *ret_secure || (strlen(scheme) == size && strncasecmp(scheme, known, size) == 0);
}

/* Takes what curl will need to know from f->url. -EINVAL when it is not a URL for us. */
static int fetch_read_url(Fetch *f)
{
        char *scheme = NULL, *host = NULL, *port = NULL;
        bool secure = false;
        size_t size;
        int r = -EINVAL;

        if (curl_url_get(f->url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
            scheme_known(f, scheme, &secure) &&
            curl_url_get(f->url, CURLUPART_HOST, &host, CURLU_PUNYCODE) == CURLUE_OK && *host &&
            curl_url_get(f->url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
                size = strlen(host);
                free(f->host);
                f->host = host[0] == '[' ? strndup(host + 1, size - 2) : strdup(host);
                f->port = (unsigned) atoi(port);
                f->tls = secure || (f->session && f->session->upgrade);
                r = f->host ? 0 : -ENOMEM;
        }
        curl_free(scheme);
        curl_free(host);
        curl_free(port);
        return r;
}

/* What stands in a URL is judged at once: a connection to it that was trusted may have been kept. */
static int fetch_block(Fetch *f, const struct sockaddr_storage *a)
{
        f->last_address = *a;
        f->n_opened = 0;
        f->n_blocked = 1;
        f->local_error = f->connect_errno = 0;
        f->state = FETCH_STATE_RUNNING;
        TAILQ_INSERT_TAIL(&f->client->running, f, entry);
        fetch_queue(f, CURLE_COULDNT_CONNECT);
        return sd_event_source_set_enabled(f->client->finished, SD_EVENT_ONESHOT);
}

/* To the host that f->url names now. */
static int fetch_go(Fetch *f)
{
        unsigned flags = f->flags & FETCH_REMEMBER ? RESOLVE_REMEMBER : 0;
        uint64_t spent = clock_boot_usec() - f->began_usec;
        struct sockaddr_storage literal;
        ResolveResult fixed = {.count = 1};

        if (f->fixed_address && strcasecmp(f->host, f->fixed_host) == 0 &&
            address_parse(f->fixed_address, 0, &fixed.addresses[0], NULL) >= 0)
                return fetch_easy_start(f, &fixed);
        if (f->unix_socket)
                return fetch_easy_start(f, NULL);
        if (address_parse(f->host, 0, &literal, NULL) >= 0) {
                if (!fetch_guard_passes(f, (struct sockaddr *) &literal))
                        return fetch_block(f, &literal);
                return fetch_easy_start(f, NULL);
        }
        f->state = FETCH_STATE_RESOLVING;
        return resolve_start(f->client->resolver, f->host, flags,
                             f->timeout_usec > spent ? f->timeout_usec - spent : 1, on_resolved, f,
                             &f->resolve);
}

/* The text of a header that may go to another origin: nothing that could be a secret. */
static bool header_is_harmless(const char *header)
{
        static const char *const harmless[] = {
                        "Accept:", "Accept-Language:", "Content-Type:", "User-Agent:", "X-Node-Id:"};

        for (size_t i = 0; i < ELEMENTSOF(harmless); i++)
                if (strncasecmp(header, harmless[i], strlen(harmless[i])) == 0)
                        return true;
        return false;
}

static void forget_secrets(Fetch *f)
{
        char **kept = f->headers;

        secret_free(TAKE_PTR(f->bearer));
        for (char **h = f->headers; h && *h; h++) {
                char *header = *h;

                if (header_is_harmless(header))
                        *kept++ = header;
                else
                        secret_free(header);
        }
        if (kept)
                *kept = NULL;
}

static void forget_body(Fetch *f)
{
        free(TAKE_PTR(f->body));
        f->body_size = 0;
        free(TAKE_PTR(f->method));
}

/* RFC 9110, section 15.4: 303 asks with GET, 301 and 302 turn POST into GET as everybody does, 307 and 308 repeat. */
static void fetch_redirect_method(Fetch *f, long status)
{
        bool head = f->method && streq(f->method, "HEAD"),
             post = f->body && (!f->method || streq(f->method, "POST"));

        if (!head && (status == 303 || ((status == 301 || status == 302) && post)))
                forget_body(f);
}

static int fetch_redirect(Fetch *f, const char *target, long status)
{
        _cleanup_free_ char *host = strdup(f->host), *copy = strdup(target);
        unsigned port = f->port;
        bool tls = f->tls;
        int r;

        if (!host || !copy)
                return -ENOMEM;
        f->redirects_left--;
        fetch_stop(f); /* target belonged to the handle */
        if (curl_url_set(f->url, CURLUPART_URL, copy, CURLU_DISALLOW_USER) != CURLUE_OK)
                return -EINVAL;
        r = fetch_read_url(f);
        if (r < 0)
                return r;
        fetch_redirect_method(f, status);
        if (strcasecmp(host, f->host) != 0 || port != f->port || tls != f->tls)
                forget_secrets(f);
        f->retry_after[0] = '\0';
        f->redirected = true;
        return fetch_go(f);
}

/* What curl has ended: the end, or the next hop. */
static void fetch_ended(Fetch *f)
{
        char message[FETCH_MESSAGE_SIZE], *target = NULL;
        long status = 0;
        int r;

        if (f->code == CURLE_OK && f->redirects_max > 0) {
                (void) curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
                (void) curl_easy_getinfo(f->easy, CURLINFO_REDIRECT_URL, &target);
        }
        if (target && f->redirects_left == 0) {
                snprintf(message, sizeof(message), "more than %u redirects", f->redirects_max);
                fetch_end(f, FETCH_REDIRECTS, message);
        } else if (target) {
                r = fetch_redirect(f, target, status);
                if (r == -EINVAL)
                        fetch_end(f, FETCH_PROTOCOL, "a redirect to what is no HTTP address");
                else if (r < 0)
                        fetch_end_errno(f, r);
        } else if (f->session && f->code == CURLE_OK) {
                fetch_note_peer(f);
                (void) fetch_set_deadline(f, USEC_NEVER);
                f->session->on_ready(f->userdata); /* may free f, and the client */
        } else {
                FetchError error = fetch_result_judge(f, message);

                fetch_end(f, error, message);
        }
}

static int on_finished(sd_event_source *s, void *userdata)
{
        FetchClient *c = userdata;
        bool freed = false;
        Fetch *f;

        c->freed = &freed;
        for (unsigned i = 0; i < TOLD_MAX && (f = TAILQ_FIRST(&c->queue)); i++) {
                TAILQ_REMOVE(&c->queue, f, entry);
                f->state = FETCH_STATE_DONE;
                fetch_ended(f); /* may free the client */
                if (freed)
                        return 0;
        }
        c->freed = NULL;
        if (!TAILQ_EMPTY(&c->queue))
                (void) sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
        return 0;
}

static void fetch_expire(Fetch *f)
{
        char message[FETCH_MESSAGE_SIZE];
        FetchError error;

        if (f->state == FETCH_STATE_QUEUED) /* it has just made it */
                (void) fetch_set_deadline(f, USEC_NEVER);
        else if (f->local_error < 0)
                fetch_end_errno(f, f->local_error);
        else {
                error = fetch_result_timeout(f, message);
                fetch_end(f, error, message);
        }
}

static int on_deadline(sd_event_source *s, uint64_t usec, void *userdata)
{
        FetchClient *c = userdata;
        uint64_t now = clock_boot_usec();
        bool freed = false;
        Fetch *f;

        if (!lazy_timer_fired(&c->deadline))
                return 0;
        c->freed = &freed;
        for (unsigned i = 0; i < TOLD_MAX && (f = TAILQ_FIRST(&c->deadlines)) && f->deadline_usec <= now;
             i++) {
                fetch_expire(f); /* may free the client */
                if (freed)
                        return 0;
        }
        c->freed = NULL;
        return deadlines_arm(c);
}

/* "Name: value" without a line break in it: what is sent must be one header. */
static bool is_header(const char *s)
{
        char name[128];
        size_t n = strcspn(s, ":");

        if (n == 0 || n >= sizeof(name) || s[n] != ':' || strpbrk(s, "\r\n"))
                return false;
        memcpy(name, s, n);
        name[n] = '\0';
        return string_is_token(name);
}

static int copy_string(char **to, const char *from)
{
        if (!from)
                return 0;
        *to = strdup(from);
        return *to ? 0 : -ENOMEM;
}

static int copy_headers(Fetch *f, const char *const *headers)
{
        size_t n = 0;

        while (headers && headers[n])
                if (!is_header(headers[n++]))
                        return -EINVAL;
        if (n == 0)
                return 0;
        f->headers = calloc(n + 1, sizeof(*f->headers));
        if (!f->headers)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (!(f->headers[i] = strdup(headers[i])))
                        return -ENOMEM;
        return 0;
}

static int copy_body(Fetch *f, const FetchRequest *request)
{
        bool wanted = request->method &&
                      (streq(request->method, "POST") || streq(request->method, "PUT") ||
                       streq(request->method, "PATCH")); /* else no Content-Length is sent */

        if (!request->body && !wanted)
                return 0;
        f->body = malloc(request->body_size + 1);
        if (!f->body)
                return -ENOMEM;
        if (request->body && request->body_size > 0)
                memcpy(f->body, request->body, request->body_size);
        f->body_size = request->body ? request->body_size : 0;
        return 0;
}

static int copy_request(Fetch *f, const FetchRequest *request)
{
        struct sockaddr_storage address;
        const char *bad;
        int r;

        if ((request->method && !string_is_token(request->method)) ||
            (request->bearer && (!*request->bearer || strpbrk(request->bearer, "\r\n"))) ||
            (request->resolve && address_parse(request->resolve, 0, &address, NULL) < 0))
                return -EINVAL;
        f->url = curl_url();
        if (!f->url)
                return -ENOMEM;
        switch (curl_url_set(f->url, CURLUPART_URL, request->url, 0)) {
        case CURLUE_OK:
                break;
        case CURLUE_OUT_OF_MEMORY:
                return -ENOMEM;
        default:
                return -EINVAL;
        }
        r = fetch_read_url(f);
        if (r >= 0)
                r = copy_headers(f, request->headers);
        if (r >= 0)
                r = copy_body(f, request);
        if (r >= 0)
                r = copy_string(&f->method, request->method);
        if (r >= 0)
                r = copy_string(&f->bearer, request->bearer);
        if (r >= 0)
                r = copy_string(&f->ca_file, request->ca_file);
        if (r >= 0)
                r = copy_string(&f->unix_socket, request->unix_socket);
        if (r >= 0)
                r = copy_string(&f->fixed_address, request->resolve);
        if (r >= 0 && request->allow)
                r = networks_parse(request->allow, &f->allowed, &f->n_allowed, &bad);
        return r >= 0 && f->fixed_address ? copy_string(&f->fixed_host, f->host) : r;
}

int fetch_start(FetchClient *c, const FetchRequest *request, FetchDone done, void *userdata, Fetch **ret)
{
        return fetch_start_session(c, request, NULL, done, userdata, ret);
}

int fetch_start_session(FetchClient *c, const FetchRequest *request, const FetchSession *session,
                        FetchDone done, void *userdata, Fetch **ret)
{
        _cleanup_(fetch_freep) Fetch *f = NULL;
        int r;

        assert(c);
        assert(request);
        assert(request->url);
        assert(request->timeout_usec > 0);
        assert(done);
        assert(ret);
#ifdef FAILOVERD_BUG_LOGS_URLS /* tests/faults/secrets.sh must notice this */
        log_debug("asking %s", request->url);
#endif

        f = calloc(1, sizeof(*f));
        if (!f)
                return -ENOMEM;
        *f = (Fetch){
                        .client = c,
                        .state = FETCH_STATE_DONE,
                        .done = done,
                        .userdata = userdata,
                        .began_usec = clock_boot_usec(),
                        .timeout_usec = request->timeout_usec,
                        .response_max = request->response_max > 0 ? request->response_max
                                                                  : FETCH_RESPONSE_MAX,
                        .stall_usec = request->stall_usec,
                        .on_data = request->on_data,
                        .redirects_max = request->redirects_max,
                        .redirects_left = request->redirects_max,
                        .flags = request->flags,
                        .session = session,
        };
        c->n_fetches++;
        deadline_insert(f, f->timeout_usec < USEC_NEVER - f->began_usec ? f->began_usec + f->timeout_usec
                                                                        : USEC_NEVER);
        r = copy_request(f, request);
        if (r >= 0)
                r = deadlines_arm(c);
        if (r >= 0)
                r = fetch_go(f);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(f);
        return 0;
}

Fetch *fetch_free(Fetch *f)
{
        if (!f)
                return NULL;
        fetch_stop(f);
        f->client->n_fetches--;
        TAILQ_REMOVE(&f->client->deadlines, f, by_deadline);
        (void) deadlines_arm(f->client);
        curl_url_cleanup(f->url);
        for (char **h = f->headers; h && *h; h++)
                secret_free(*h);
        free(f->headers);
        secret_free(f->bearer);
        free(f->host);
        free(f->method);
        free(f->body);
        free(f->fixed_host);
        free(f->fixed_address);
        free(f->ca_file);
        free(f->unix_socket);
        free(f->allowed);
        f->client->held -= f->response_capacity;
        free(f->response);
        free(f);
        return NULL;
}

/* curl hands over what it held back from within, so on_data() may be called; when that fails it says so here, and only here. */
void fetch_resume(Fetch *f)
{
        FetchClient *c = f->client;
        CURLcode code;

        if (!f->paused || f->state != FETCH_STATE_RUNNING)
                return;
        f->paused = false;
        code = curl_easy_pause(f->easy, CURLPAUSE_CONT);
        if (code == CURLE_OK)
                return;
        (void) curl_multi_remove_handle(c->multi, f->easy);
        fetch_queue(f, code);
        (void) sd_event_source_set_enabled(c->finished, SD_EVENT_ONESHOT);
}

const char *fetch_phase(const Fetch *f)
{
        curl_off_t sending = 0;
        long connected = 0;

        if (!f || f->state == FETCH_STATE_RESOLVING)
                return "resolving";
        if (f->easy) {
                (void) curl_easy_getinfo(f->easy, CURLINFO_PRETRANSFER_TIME_T, &sending);
                (void) curl_easy_getinfo(f->easy, CURLINFO_NUM_CONNECTS, &connected);
        }
        if (sending > 0)
                return "waiting for the answer";
        if (f->session && connected > 0)
                return "waiting for the greeting";
        /* CURLINFO_CONNECT_TIME is told only after the handshake. */
        return connected > 0 ? "TLS handshake" : "connecting";
}

bool fetch_sets_header(const char *name)
{
        static const char *const ours[] = {"Content-Length", "Transfer-Encoding", "Connection", "Host",
                                           "Expect"};

        for (size_t i = 0; i < ELEMENTSOF(ours); i++)
                if (strcasecmp(name, ours[i]) == 0)
                        return true;
        return false;
}
