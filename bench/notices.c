/* SPDX-License-Identifier: MIT */
/* Signed notices to a federationd at a steady pace, and searches beside them, over kept connections.
 *
 * bench-notices keys FOLDER PEERS                       makes a key for each; prints "ID PUBLIC-KEY" lines
 * bench-notices run ADDRESS:PORT FOLDER PEERS NOTICES-PER-SECOND SECONDS SEARCHES-PER-SECOND PATH
 *
 * run prints one line: notices sent, taken, refused; p50 and p99 of their answers; searches, p50, p99 and worst of theirs, all from
 * when each was due, in milliseconds: who falls behind does not look better for it. */
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/sign.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 24 /* for notices */
#define SEARCHERS   8

static void die(const char *what)
{
        perror(what);
        exit(1);
}

/* --- keys --- */

static SignKey *key_of(const char *folder, unsigned i, bool make)
{
        _cleanup_free_ char *path = string_printf("%s/p%03u.key", folder, i), *text = NULL;
        SignKey *key = NULL;
        size_t size;
        Error e;

        if (make) {
                if (sign_key_generate("k1", &key) < 0 || sign_key_print(key, &text) < 0 ||
                    file_publish(path, text, strlen(text), 0600) < 0)
                        die(path);
        } else if (file_read(path, 4096, &text, &size) < 0 || sign_key_parse(text, &key, &e) < 0)
                die(path);
        return key;
}

static int make_keys(const char *folder, unsigned n)
{
        for (unsigned i = 0; i < n; i++) {
                _cleanup_(sign_key_freep) SignKey *key = key_of(folder, i, true);
                _cleanup_free_ char *public = NULL;

                if (base64_encode(key->public_key, sizeof(key->public_key), &public) < 0)
                        die("base64");
                printf("p%03u %s\n", i, public);
        }
        return 0;
}

/* --- requests --- */

typedef struct Request {
        char *text;
        size_t size;
        uint64_t due_usec, took_usec;
        unsigned status;
} Request;

/* By turns a failure and a recovery of each peer: each changes something. */
static void make_notice(Request *r, const SignKey *key, unsigned peer, unsigned round, const char *host)
{
        static uint64_t number;
        _cleanup_free_ char *body = NULL;
        char id[32], node[16];
        uint64_t ms = clock_wall_usec() / USEC_PER_MSEC;
        Error e;

        snprintf(id, sizeof(id), "n%llu", (unsigned long long) ms * 1000000 + number++);
        snprintf(node, sizeof(node), "p%03u", peer);
        json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "id", id, "type",
                              round % 2 == 0 ? "primary_failure" : "primary_recovered", "node", node, "to",
                              "bench", "fallbackUrl", round % 2 == 0 ? "https://backup.example" : "",
                              "occurred", (json_int_t) ms, "timestamp", (json_int_t) ms, "seq",
                              (json_int_t) (ms + round));
        if (!j || sign_json(j, node, key, &e) < 0 || json_print(j, &body) < 0)
                die("sign");
        json_decref(j);
        r->text = string_printf("POST /api/network/messages HTTP/1.1\r\nHost: %s\r\nContent-Type: "
                                "application/json\r\n"
                                "Content-Length: %zu\r\n\r\n%s",
                                host, strlen(body), body);
        r->size = strlen(r->text);
}

static void make_search(Request *r, unsigned i, const char *path, const char *host)
{
        static const char *const words[] = {"night",  "river",  "stone",  "garden",
                                            "winter", "shadow", "silver", "house"};

        r->text = string_printf("GET %s?q=%s+%s&limit=20&x=%u HTTP/1.1\r\nHost: %s\r\n\r\n", path,
                                words[i % ELEMENTSOF(words)], words[i / 8 % ELEMENTSOF(words)], i, host);
        r->size = strlen(r->text);
}

/* --- connections --- */

typedef struct Flow {
        Request *requests;
        size_t n, next, ended;
} Flow;

typedef struct Connection {
        int fd;
        Flow *flow;
        Request *request; /* under way */
        char head[4096];
        size_t size;
        long long left; /* of its body; -1: the head is not there yet */
} Connection;

static void open_connection(Connection *c);

static void send_next(Connection *c, uint64_t now)
{
        Flow *f = c->flow;

        if (c->request || f->next == f->n || f->requests[f->next].due_usec > now)
                return;
        if (c->fd < 0)
                open_connection(c);
        c->request = &f->requests[f->next++];
        c->size = 0;
        c->left = -1;
        if (send(c->fd, c->request->text, c->request->size, MSG_NOSIGNAL) != (ssize_t) c->request->size)
                die("send");
}

static void take_head(Connection *c)
{
        c->head[c->size] = '\0';
        const char *end = strstr(c->head, "\r\n\r\n"), *length = strcasestr(c->head, "Content-Length:");

        if (!end)
                return;
        c->request->status = (unsigned) atoi(c->head + 9);
        c->left = (length ? atoll(length + 15) : 0) - (long long) (c->size - (size_t) (end + 4 - c->head));
}

static void receive(Connection *c)
{
        static char waste[1 << 18];
        bool head = c->left < 0;
        ssize_t n = head ? recv(c->fd, c->head + c->size, sizeof(c->head) - 1 - c->size, MSG_DONTWAIT)
                         : recv(c->fd, waste, MIN(sizeof(waste), (size_t) c->left), MSG_DONTWAIT);

        if (n <= 0) {
                if (n < 0 && errno == EAGAIN)
                        return;
                if (c->request)
                        die("closed");
                close(c->fd); /* it had nothing to do for too long */
                c->fd = -1;
                return;
        }
        if (head) {
                c->size += (size_t) n;
                take_head(c);
        } else
                c->left -= n;
        if (c->left != 0)
                return;
        uint64_t now = clock_boot_usec();
        c->request->took_usec = now - c->request->due_usec;
        c->request = NULL;
        c->flow->ended++;
        send_next(c, now);
}

static int compare(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

        return (x > y) - (x < y);
}

static void print_flow(const Flow *f)
{
        uint64_t *took = calloc(f->n + 1, sizeof(*took));
        size_t good = 0;

        if (!took)
                die("memory");
        for (size_t i = 0; i < f->n; i++) {
                took[i] = f->requests[i].took_usec;
                good += f->requests[i].status == 200;
        }
        qsort(took, f->n, sizeof(*took), compare);
        size_t median = f->n / 2, late = f->n * 99 / 100;
        printf("%zu %zu %zu %.3f %.3f %.3f ", f->n, good, f->n - good, f->n ? (double) took[median] / 1e3 : 0,
               f->n ? (double) took[late] / 1e3 : 0, f->n ? (double) took[f->n - 1] / 1e3 : 0);
        free(took);
}

static int connect_to(const char *where)
{
        struct sockaddr_in a = {.sin_family = AF_INET};
        char host[64];
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
        const char *colon = strrchr(where, ':');

        snprintf(host, sizeof(host), "%.*s", (int) (colon - where), where);
        a.sin_port = htons((uint16_t) atoi(colon + 1));
        if (fd < 0 || inet_pton(AF_INET, host, &a.sin_addr) != 1 ||
            connect(fd, (struct sockaddr *) &a, sizeof(a)) < 0)
                die("connect");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        return fd;
}

static void plan(Flow *f, uint64_t from, double per_second)
{
        for (size_t i = 0; i < f->n; i++)
                f->requests[i].due_usec = from + (uint64_t) ((double) i * 1e6 / per_second);
}

static int poller;
static const char *server;

static void open_connection(Connection *c)
{
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

        c->fd = connect_to(server);
        c->size = 0;
        c->left = -1;
        if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e) < 0)
                die("epoll");
}

static void run(Connection *all, unsigned n, Flow *notices, Flow *searches)
{
        while (notices->ended < notices->n || searches->ended < searches->n) {
                struct epoll_event events[64];
                int k = epoll_wait(poller, events, 64, 1);

                for (int i = 0; i < k; i++)
                        receive(events[i].data.ptr);
                uint64_t now = clock_boot_usec();
                for (unsigned i = 0; i < n; i++)
                        send_next(&all[i], now);
        }
}

int main(int argc, char **argv)
{
        if (argc == 4 && streq(argv[1], "keys"))
                return make_keys(argv[2], (unsigned) atoi(argv[3]));
        if (argc != 9 || !streq(argv[1], "run")) {
                fprintf(stderr,
                        "usage: bench-notices keys FOLDER PEERS | run WHERE FOLDER PEERS PER-SECOND SECONDS "
                        "SEARCHES-PER-SECOND PATH\n");
                return 2;
        }
        unsigned peers = (unsigned) atoi(argv[4]), rate = (unsigned) atoi(argv[5]),
                 seconds = (unsigned) atoi(argv[6]), searches_rate = (unsigned) atoi(argv[7]);
        Flow notices = {.n = (size_t) rate * seconds}, searches = {.n = (size_t) searches_rate * seconds};
        Connection all[CONNECTIONS + SEARCHERS] = {0};
        SignKey *keys[1000];

        notices.requests = calloc(notices.n + 1, sizeof(Request));
        searches.requests = calloc(searches.n + 1, sizeof(Request));
        if (!notices.requests || !searches.requests || peers > ELEMENTSOF(keys))
                die("memory");
        for (unsigned i = 0; i < peers; i++)
                keys[i] = key_of(argv[3], i, false);
        for (size_t i = 0; i < notices.n; i++)
                make_notice(&notices.requests[i], keys[i % peers], (unsigned) (i % peers),
                            (unsigned) (i / peers), argv[2]);
        for (size_t i = 0; i < searches.n; i++)
                make_search(&searches.requests[i], (unsigned) i, argv[8], argv[2]);
        poller = epoll_create1(EPOLL_CLOEXEC);
        server = argv[2];
        for (unsigned i = 0; i < ELEMENTSOF(all); i++)
                all[i] = (Connection){.fd = -1, .left = -1, .flow = i < CONNECTIONS ? &notices : &searches};
        uint64_t from = clock_boot_usec() + 100 * USEC_PER_MSEC;
        plan(&notices, from, rate > 0 ? rate : 1);
        plan(&searches, from, searches_rate > 0 ? searches_rate : 1);
        run(all, ELEMENTSOF(all), &notices, &searches);
        print_flow(&notices);
        print_flow(&searches);
        printf("\n");
        return 0;
}
