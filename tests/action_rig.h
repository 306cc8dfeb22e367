/* SPDX-License-Identifier: MIT */
/* What the tests of actions stand on: a loop, two workers, a folder, an action run to its report, and a receiver of HTTP
 * requests that remembers what it was sent. */
#pragma once

#include "actions/action.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "tests/scarce.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a stranger's server may put into a probe's message: markup, a script, a line end, an escape sequence, text that
 * runs backwards, a mention, a byte that is no UTF-8. */
#define NASTY                                                           \
        "<script>alert(1)</script>\"'&\r\nX-Evil: 1\x1b[2J\xe2\x80\xae" \
        "evil<!channel>@here\xff"                                       \
        "end"
#define NASTY_BIDI   "\xe2\x80\xae"
#define NASTY_ESCAPE "\x1b"

typedef struct Rig {
        sd_event *event;
        Resolver *resolver;
        FetchClient *fetch;
        ActionContext context;
        char folder[64], runtime[80], status[80];

        unsigned scarce_step; /* rig_run_scarce() leaves so many out after each, of very many */

        /* of the last action */
        unsigned reports;
        ActionResult result;
        char message[320];
        uint64_t retry_after_usec;
} Rig;

static int rig_remove(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
        return remove(path);
}

_unused_ static void rig_open(Rig *rig)
{
        *rig = (Rig){0};
        CHECK(sd_event_new(&rig->event) >= 0);
        CHECK(resolver_new(rig->event, &rig->resolver) == 0);
        CHECK(fetch_client_new(rig->event, rig->resolver, &rig->fetch) == 0);
        strcpy(rig->folder, "/tmp/test-action-XXXXXX");
        CHECK(mkdtemp(rig->folder));
        snprintf(rig->runtime, sizeof(rig->runtime), "%s/run", rig->folder);
        snprintf(rig->status, sizeof(rig->status), "%s/status", rig->folder);
        CHECK(mkdir(rig->runtime, 0755) == 0);
        rig->context = (ActionContext){.event = rig->event,
                                       .fetch = rig->fetch,
                                       .resolver = rig->resolver,
                                       .config_dir = rig->folder,
                                       .runtime_dir = rig->runtime,
                                       .status_dir = rig->status};
        CHECK(reader_new(rig->event, &rig->context.reader) == 0);
        CHECK(worker_new(rig->event, "disk", &rig->context.disk) == 0);
        CHECK(worker_new(rig->event, "runtime", &rig->context.runtime) == 0);
}

_unused_ static void rig_close(Rig *rig)
{
        reader_free(rig->context.reader);
        worker_free(rig->context.disk, 5 * USEC_PER_SEC);
        worker_free(rig->context.runtime, 5 * USEC_PER_SEC);
        fetch_client_free(rig->fetch);
        resolver_free(rig->resolver);
        sd_event_unref(rig->event);
        nftw(rig->folder, rig_remove, 16, FTW_DEPTH | FTW_PHYS);
}

_unused_ static void on_rig_done(Action *a, ActionResult result, const char *message, void *userdata)
{
        Rig *rig = userdata;

        rig->reports++;
        rig->result = result;
        rig->retry_after_usec = a->retry_after_usec;
        snprintf(rig->message, sizeof(rig->message), "%s", message);
}

_unused_ static void rig_turn(Rig *rig, const bool *until, const char *what)
{
        for (uint64_t end = clock_boot_usec() + 20 * USEC_PER_SEC; !*until;) {
                CHECK(sd_event_run(rig->event, 100 * USEC_PER_MSEC) >= 0);
                if (clock_boot_usec() > end) {
                        fprintf(stderr, "waited in vain: %s\n", what);
                        exit(1);
                }
        }
}

/* Runs one action to its report. */
_unused_ static ActionResult rig_run(Rig *rig, const ActionType *type, const void *conf,
                                     const ActionFacts *facts, bool query)
{
        _cleanup_(action_freep) Action *a = NULL;

        rig->reports = 0;
        CHECK_INT(action_start(&rig->context, type, conf, facts, query, on_rig_done, rig, &a), 0);
        CHECK_INT(rig->reports, 0); /* never from within the start */
        for (uint64_t end = clock_boot_usec() + 20 * USEC_PER_SEC; rig->reports == 0;) {
                CHECK(sd_event_run(rig->event, 100 * USEC_PER_MSEC) >= 0);
                CHECK(clock_boot_usec() < end);
        }
        CHECK_INT(rig->reports, 1);
        return rig->result;
}

/* False: it does not even start, for want of memory or a descriptor. */
static bool rig_run_short(Rig *rig, const ActionType *type, const void *conf, const ActionFacts *facts,
                          bool query)
{
        _cleanup_(action_freep) Action *a = NULL;
        int r = action_start(&rig->context, type, conf, facts, query, on_rig_done, rig, &a);

        if (r < 0) {
                CHECK(!a && (r == -ENOMEM || r == -EMFILE || r == -EAGAIN));
                return false;
        }
        for (uint64_t end = clock_boot_usec() + 20 * USEC_PER_SEC; rig->reports == 0;) {
                if (sd_event_run(rig->event, 100 * USEC_PER_MSEC) < 0 || clock_boot_usec() > end)
                        break;
        }
        return true;
}

/* Runs it once for each request for memory or a descriptor that it makes, which is refused; `before` each time, the world
 * is as it was. It ends every time with what it would have said, or with a retry and the reason; never for good, and never
 * by saying that something is missing that is not. Afterwards it is as if nothing had been. */
_unused_ static void rig_run_scarce(Rig *rig, const ActionType *type, const void *conf,
                                    const ActionFacts *facts, bool query, void (*before)(void *), void *world)
{
        if (before)
                before(world);
        ActionResult usual = rig_run(rig, type, conf, facts, query);

        for (unsigned long k = 1;; k += rig->scarce_step + 1) {
                CHECK(k < SCARCE_MOST * (rig->scarce_step + 1));
                if (before)
                        before(world);
                rig->reports = 0;
                scarce_refuse(k);
                bool started = rig_run_short(rig, type, conf, facts, query), refused = scarce_end();
                if (started && (rig->reports != 1 || (rig->result != usual && rig->result != ACTION_RETRY) ||
                                !*rig->message)) {
                        fprintf(stderr, "%u reports; %d %s\n", rig->reports, rig->result, rig->message);
                        scarce_tell();
                        exit(1);
                }
                if (!refused) {
                        fprintf(stderr, "  %lu requests\n", k - 1);
                        break;
                }
        }
        if (before)
                before(world);
        CHECK_INT(rig_run(rig, type, conf, facts, query), usual);
}

/* The action's settings from YAML, as the config file has them; NULL: refused, with the reason in e. */
_unused_ static void *rig_conf_try(const ActionType *type, const char *yaml, Error *e)
{
        static const char *const skip[] = {"type", "name", "modes", NULL};
        _cleanup_(conf_freep) Conf *conf = NULL;
        void *target = calloc(1, type->conf_size);

        CHECK(target);
        if (conf_load_text("test.yaml", yaml, strlen(yaml), &conf, e) < 0) {
                free(target);
                return NULL;
        }
        int r = conf_parse(conf_root(conf), type->fields, skip, target, e);
        if (r == 0 && type->check) {
                r = type->check(target, conf_root(conf), e);
                if (r < 0)
                        conf_clear(type->fields, target);
        }
        if (r < 0) {
                free(target);
                return NULL;
        }
        return target;
}

_unused_ static void *rig_conf(const ActionType *type, const char *yaml)
{
        Error e = {0};
        void *conf = rig_conf_try(type, yaml, &e);

        if (!conf) {
                fprintf(stderr, "refused: %s\n", e.text);
                exit(1);
        }
        return conf;
}

_unused_ static void rig_conf_free(const ActionType *type, void *conf)
{
        conf_clear(type->fields, conf);
        free(conf);
}

/* Refused with this in the reason? */
_unused_ static void rig_refused(const ActionType *type, const char *yaml, const char *reason)
{
        Error e = {0};
        void *conf = rig_conf_try(type, yaml, &e);

        CHECK(!conf);
        if (!strstr(e.text, reason)) {
                fprintf(stderr, "refused with \"%s\", which lacks \"%s\"\n", e.text, reason);
                exit(1);
        }
}

_unused_ static void rig_write(const Rig *rig, const char *name, const char *text, mode_t mode)
{
        char path[200];

        snprintf(path, sizeof(path), "%s/%s", rig->folder, name);
        FILE *f = fopen(path, "we");
        CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
        CHECK(chmod(path, mode) == 0);
}

/* The file's text, for free(); NULL when there is none. */
_unused_ static char *rig_read(const char *folder, const char *name)
{
        _cleanup_free_ char *path = string_printf("%s/%s", folder, name);
        char *text = NULL;

        CHECK(path);
        return file_read(path, 1 << 20, &text, NULL) < 0 ? NULL : text;
}

/* 2026-11-20T09:00:00.123Z; the trouble began 15 s before. */
#define RIG_AT (UINT64_C(1795165200123) * USEC_PER_MSEC)

_unused_ static ActionFacts rig_facts(void)
{
        return (ActionFacts){.kind = ACTION_CHANGE,
                             .id = "01JCHANGE0000000000000000A",
                             .node_id = "my-shop",
                             .node_name = "My Shop",
                             .node_url = "https://shop.example",
                             .fallback_url = "https://backup.shop.example",
                             .change = "01JCHANGE0000000000000000A",
                             .follows = "",
                             .mode = "crypto",
                             .from = "primary",
                             .payment = "crypto",
                             .checkout = "cryptoCheckout",
                             .message = "Using backup payment system. All books still available.",
                             .cause = "payment-api down: HTTP 503 (3 of 5)",
                             .automatic = true,
                             .durable = true,
                             .at_usec = RIG_AT,
                             .since_usec = RIG_AT - 15 * USEC_PER_SEC,
                             .alert = "",
                             .summary = "",
                             .details = "",
                             .severity = ""};
}

/* The receiver: one request after the other, in a thread. */
typedef struct Receiver {
        int fd;
        unsigned port;
        pthread_t thread;
        atomic_uint status;  /* 0: takes the request and never answers */
        const char *headers; /* more lines of the answer */
        const char *answer;  /* its body; NULL: none */
        atomic_uint count;
        pthread_mutex_t lock;
        char head[16384], body[65536]; /* of the last request */
        size_t body_size;
} Receiver;

_unused_ static size_t receiver_read(int fd, char *data, size_t max, size_t *ret_head)
{
        size_t size = 0, wanted = SIZE_MAX;

        *ret_head = 0;
        while (size < wanted && size < max - 1) {
                ssize_t n = read(fd, data + size, max - 1 - size);
                if (n <= 0)
                        break;
                size += (size_t) n;
                data[size] = '\0';
                char *end = strstr(data, "\r\n\r\n");
                if (!end || *ret_head > 0)
                        continue;
                *ret_head = (size_t) (end - data) + 4;
                char *length = strcasestr(data, "\r\nContent-Length:");
                wanted = *ret_head + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
        }
        return size;
}

_unused_ static void *receiver_main(void *userdata)
{
        Receiver *r = userdata;
        static char data[sizeof(r->head) + sizeof(r->body)];

        for (;;) {
                size_t head, size;
                char answer[512];
                int fd = accept4(r->fd, NULL, NULL, SOCK_CLOEXEC);
                if (fd < 0)
                        return NULL;
                size = receiver_read(fd, data, sizeof(data), &head);
                pthread_mutex_lock(&r->lock);
                snprintf(r->head, sizeof(r->head), "%.*s", (int) head, data);
                r->body_size = size - head;
                memcpy(r->body, data + head, r->body_size);
                r->body[r->body_size] = '\0';
                pthread_mutex_unlock(&r->lock);
                r->count++;
                if (r->status == 0) { /* until the other side has had enough */
                        struct pollfd p = {.fd = fd, .events = POLLRDHUP};
                        poll(&p, 1, 20000);
                } else {
                        int n = snprintf(answer, sizeof(answer),
                                         "HTTP/1.1 %u X\r\nContent-Length: %zu\r\n%sConnection: "
                                         "close\r\n\r\n%s",
                                         r->status, r->answer ? strlen(r->answer) : 0,
                                         r->headers ? r->headers : "", r->answer ? r->answer : "");
                        (void) !write(fd, answer, (size_t) n);
                }
                close(fd);
        }
}

_unused_ static void receiver_open(Receiver *r)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(a);

        memset(r, 0, sizeof(*r));
        r->status = 200;
        pthread_mutex_init(&r->lock, NULL);
        r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(r->fd >= 0 && bind(r->fd, (struct sockaddr *) &a, size) == 0 && listen(r->fd, 16) == 0);
        CHECK(getsockname(r->fd, (struct sockaddr *) &a, &size) == 0);
        r->port = ntohs(a.sin_port);
        CHECK(pthread_create(&r->thread, NULL, receiver_main, r) == 0);
}

_unused_ static void receiver_close(Receiver *r)
{
        shutdown(r->fd, SHUT_RDWR);
        pthread_join(r->thread, NULL);
        close(r->fd);
        pthread_mutex_destroy(&r->lock);
}

/* A header of the last request into buffer; false when it was not sent. */
_unused_ static bool receiver_header(Receiver *r, const char *name, char *buffer, size_t size)
{
        _cleanup_free_ char *key = string_printf("\r\n%s:", name);
        bool found = false;

        CHECK(key);
        pthread_mutex_lock(&r->lock);
        const char *at = strcasestr(r->head, key);
        if (at) {
                at += strlen(key);
                at += strspn(at, " ");
                snprintf(buffer, size, "%.*s", (int) strcspn(at, "\r"), at);
                found = true;
        }
        pthread_mutex_unlock(&r->lock);
        return found;
}

_unused_ static void check_header(Receiver *r, const char *name, const char *wanted)
{
        char value[4096] = "(not sent)";

        (void) receiver_header(r, name, value, sizeof(value));
        CHECK_STR(value, wanted);
}

/* The last request's body, parsed. */
_unused_ static json_t *receiver_json(Receiver *r)
{
        json_t *j = NULL;
        Error e = {0};

        pthread_mutex_lock(&r->lock);
        if (json_parse(r->body, r->body_size, &j, &e) < 0) {
                fprintf(stderr, "no JSON: %s: %s\n", e.text, r->body);
                exit(1);
        }
        pthread_mutex_unlock(&r->lock);
        return j;
}

_unused_ static void check_json(const json_t *j, const char *path, const char *wanted)
{
        const json_t *at = json_at(j, path);

        if (!at) {
                fprintf(stderr, "no %s in the document\n", path);
                exit(1);
        }
        CHECK_STR(json_string_value(at), wanted);
}
