/* SPDX-License-Identifier: MIT */
/* Peers to be searched, many in one process: each answers on a port of its own after a while, always the same ten books; one
 * of them may be as bad as peers get. The ports are printed, one a line, the bad one first.
 *
 * peer-stub PEERS DELAY_MS [BAD [later]]; later: only after SIGUSR1. BAD: hole (never answers), drip (a byte a second), huge (100 MB), bomb (gzip of 100 MB),
 * garbage, slow (after two seconds), redirect (to a private address), reset, legacy (knows only /api/catalog/search). */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#define HUGE_BYTES (100 * 1000 * 1000)

typedef enum Behaviour { GOOD, HOLE, DRIP, HUGE_ONE, BOMB, GARBAGE, SLOW, REDIRECT, RESET, LEGACY } Behaviour;
static const char *const behaviours[] = {"good",    "hole", "drip",     "huge",  "bomb",
                                         "garbage", "slow", "redirect", "reset", "legacy"};

typedef struct Peer {
        int fd;
        Behaviour behaviour;
        char *answer, *stats;
        size_t answer_size, stats_size;
} Peer;

typedef struct Connection {
        Peer *peer;
        int fd;
        char request[8192];
        size_t size;
        const char *out; /* what is still to be sent */
        size_t left;
        uint64_t pad;     /* and so many bytes of white space behind it */
        uint64_t due;     /* ns; 0: nothing waits */
        uint64_t pace_ns; /* one byte each; 0: at once */
        TAILQ_ENTRY(Connection) entry;
} Connection;
TAILQ_HEAD(Waiting, Connection);

static struct Waiting waiting = TAILQ_HEAD_INITIALIZER(waiting); /* soonest first */
static int poller;
static uint64_t delay_ns;
static char *bomb;
static size_t bomb_size;

static Peer *first;
static Behaviour later;

static void on_signal(int number)
{
        first->behaviour = later;
}

static uint64_t now_ns(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}

static void die(const char *what)
{
        perror(what);
        exit(1);
}

static void wait_until(Connection *c, uint64_t due)
{
        Connection *before;

        c->due = due;
        TAILQ_FOREACH_REVERSE(before, &waiting, Waiting, entry)
        if (before->due <= due) {
                TAILQ_INSERT_AFTER(&waiting, before, c, entry);
                return;
        }
        TAILQ_INSERT_HEAD(&waiting, c, entry);
}

static void connection_close(Connection *c)
{
        struct linger hard = {1, 0};

        if (c->due > 0)
                TAILQ_REMOVE(&waiting, c, entry);
        if (c->peer->behaviour == RESET)
                (void) setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        close(c->fd);
        free(c);
}

static void want(Connection *c, uint32_t events)
{
        struct epoll_event e = {.events = events, .data.ptr = c};

        if (epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e) < 0)
                die("epoll_ctl");
}

static void flush(Connection *c)
{
        static char spaces[65536];
        ssize_t n;

        if (c->pace_ns > 0) {
                if (c->left > 0 && send(c->fd, c->out++, 1, MSG_NOSIGNAL) == 1 && --c->left > 0)
                        wait_until(c, now_ns() + c->pace_ns);
                return;
        }
        while (c->left > 0 || c->pad > 0) {
                if (c->left == 0) {
                        memset(spaces, ' ', sizeof(spaces));
                        c->out = spaces;
                        c->left = c->pad < sizeof(spaces) ? c->pad : sizeof(spaces);
                        c->pad -= c->left;
                }
                n = send(c->fd, c->out, c->left, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n < 0 && errno == EAGAIN) {
                        want(c, EPOLLIN | EPOLLOUT);
                        return;
                }
                if (n < 0) {
                        connection_close(c);
                        return;
                }
                c->out += n;
                c->left -= (size_t) n;
        }
}

static void answer(Connection *c, const char *data, size_t size)
{
        c->out = data;
        c->left = size;
        flush(c);
}

#define ANSWER(c, text) answer(c, text, sizeof(text) - 1)

static void connection_due(Connection *c)
{
        static const char
                        not_found[] = "HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n",
                        redirect[] = "HTTP/1.1 302 X\r\nLocation: http://169.254.169.254/\r\nContent-Length: "
                                     "0\r\n\r\n",
                        garbage[] = "HTTP/1.1 200 X\r\nContent-Type: application/json\r\n"
                                    "Content-Length: 19\r\n\r\n{\"results\": [{{]]}!";
        static char huge[128];
        bool search = strncmp(c->request, "GET /api/search?", 16) == 0,
             legacy = strncmp(c->request, "GET /api/catalog/search?", 24) == 0;

        TAILQ_REMOVE(&waiting, c, entry);
        c->due = 0;
        if (c->left > 0) {
                flush(c);
                return;
        }
        if (strncmp(c->request, "GET /api/stats", 14) == 0)
                answer(c, c->peer->stats, c->peer->stats_size);
        else if (c->peer->behaviour == LEGACY ? !legacy : !search)
                ANSWER(c, not_found);
        else if (c->peer->behaviour == REDIRECT)
                ANSWER(c, redirect);
        else if (c->peer->behaviour == GARBAGE)
                ANSWER(c, garbage);
        else if (c->peer->behaviour == RESET)
                connection_close(c);
        else if (c->peer->behaviour == HUGE_ONE) {
                snprintf(huge, sizeof(huge), "HTTP/1.1 200 X\r\nContent-Length: %d\r\n\r\n", HUGE_BYTES);
                c->pad = HUGE_BYTES;
                answer(c, huge, strlen(huge));
        } else if (c->peer->behaviour == BOMB)
                answer(c, bomb, bomb_size);
        else {
                c->pace_ns = c->peer->behaviour == DRIP ? 1000000000 : 0;
                answer(c, c->peer->answer, c->peer->answer_size);
        }
}

static void on_input(Connection *c)
{
        ssize_t n = recv(c->fd, c->request + c->size, sizeof(c->request) - 1 - c->size, MSG_DONTWAIT);
        uint64_t after = c->peer->behaviour == SLOW ? UINT64_C(2000000000) : delay_ns;

        if (n < 0 && errno == EAGAIN)
                return;
        if (n <= 0) {
                connection_close(c);
                return;
        }
        c->size += (size_t) n;
        c->request[c->size] = '\0';
        if (c->size < 4 || memcmp(c->request + c->size - 4, "\r\n\r\n", 4) != 0)
                return;
        c->size = 0;
        if (c->peer->behaviour != HOLE && c->due == 0)
                wait_until(c, now_ns() + after);
}

static void on_connection(Peer *p)
{
        struct epoll_event e = {.events = EPOLLIN};
        Connection *c;
        int fd, yes = 1;

        while ((fd = accept4(p->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                c = calloc(1, sizeof(*c));
                if (!c)
                        die("calloc");
                (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
                c->peer = p;
                c->fd = fd;
                e.data.ptr = c;
                if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e) < 0)
                        die("epoll_ctl");
        }
}

static char *with_head(const char *type, const char *body, size_t *ret_size)
{
        char *all = NULL;
        int n = asprintf(&all, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", type,
                         strlen(body), body);

        if (n < 0)
                die("asprintf");
        *ret_size = (size_t) n;
        return all;
}

/* Every third of a peer's books is sold by all of them. */
static void peer_books(Peer *p, unsigned index)
{
        char *body = NULL;
        size_t size;
        FILE *f = open_memstream(&body, &size);

        if (!f)
                die("open_memstream");
        fprintf(f, "{\"success\":true,\"query\":\"history\",\"totalResults\":10,\"results\":[");
        for (unsigned i = 0; i < 10; i++) {
                unsigned book = i % 3 == 0 ? i : index * 10 + i;

                fprintf(f,
                        "%s{\"id\":\"book-%u\",\"title\":\"A History of the Northern Islands, Volume %u\","
                        "\"author\":\"Author Number %u\",\"isbn\":\"\",\"description\":\"What the islanders "
                        "wrote "
                        "down about themselves in %u years, told in the order in which it was found.\","
                        "\"category\":\"history\",\"price\":%u.99,\"currency\":\"USD\",\"price_minor\":%u99,"
                        "\"storeId\":\"default\",\"storeName\":\"Book Store %u\",\"storeUrl\":"
                        "\"http://127.0.0.1/"
                        "%u\",\"networkId\":\"default-default-book-%u\",\"relevance\":%.2f}",
                        i > 0 ? "," : "", book, book, book, book, 5 + index % 20, 5 + index % 20, index,
                        index, book, 1 - i / 20.0);
        }
        fputs("]}", f);
        fclose(f);
        p->answer = with_head("application/json", body, &p->answer_size);
        free(body);
        p->stats = with_head("application/json", "{\"success\":true,\"stats\":{\"totalBooks\":10}}",
                             &p->stats_size);
}

static void bomb_new(void)
{
        static char zeros[1000000];
        size_t most = 1000000;
        z_stream z = {};
        int n;

        bomb = malloc(most);
        if (!bomb || deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
                die("bomb");
        z.next_out = (Bytef *) bomb + 256;
        z.avail_out = (uInt) most - 256;
        memset(zeros, ' ', sizeof(zeros));
        for (unsigned i = 0; i < HUGE_BYTES / sizeof(zeros); i++) {
                z.next_in = (Bytef *) zeros;
                z.avail_in = sizeof(zeros);
                (void) deflate(&z, i + 1 == HUGE_BYTES / sizeof(zeros) ? Z_FINISH : Z_NO_FLUSH);
        }
        n = snprintf(bomb, 256, "HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\nContent-Length: %lu\r\n\r\n",
                     z.total_out);
        memmove(bomb + n, bomb + 256, z.total_out);
        bomb_size = (size_t) n + z.total_out;
        deflateEnd(&z);
}

static void peer_listen(Peer *p)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct epoll_event e = {.events = EPOLLIN, .data.u64 = (uint64_t) (uintptr_t) p | 1};
        socklen_t size = sizeof(a);

        p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (p->fd < 0 || bind(p->fd, (struct sockaddr *) &a, size) < 0 || listen(p->fd, 1024) < 0 ||
            getsockname(p->fd, (struct sockaddr *) &a, &size) < 0 ||
            epoll_ctl(poller, EPOLL_CTL_ADD, p->fd, &e) < 0)
                die("listen");
        printf("%u\n", ntohs(a.sin_port));
}

static void turn(void)
{
        struct epoll_event events[256];
        struct timespec left = {};
        Connection *c = TAILQ_FIRST(&waiting);
        uint64_t now = now_ns();
        int n;

        if (c && c->due > now)
                left = (struct timespec){(time_t) ((c->due - now) / 1000000000),
                                         (long) ((c->due - now) % 1000000000)};
        n = epoll_pwait2(poller, events, 256, c ? &left : NULL, NULL);
        if (n < 0 && errno != EINTR)
                die("epoll_pwait2");
        for (int i = 0; i < n; i++)
                if (events[i].data.u64 & 1)
                        on_connection((Peer *) (uintptr_t) (events[i].data.u64 & ~UINT64_C(1)));
                else if (events[i].events & EPOLLOUT) {
                        want(events[i].data.ptr, EPOLLIN);
                        flush(events[i].data.ptr);
                } else
                        on_input(events[i].data.ptr);
        now = now_ns();
        while ((c = TAILQ_FIRST(&waiting)) && c->due <= now)
                connection_due(c);
}

int main(int argc, char **argv)
{
        unsigned n = argc > 2 ? (unsigned) atoi(argv[1]) : 0;
        Behaviour bad = GOOD;
        struct rlimit most;
        Peer *peers = calloc(n + 1, sizeof(*peers));

        for (size_t i = 0; argc > 3 && i < sizeof(behaviours) / sizeof(behaviours[0]); i++)
                if (strcmp(argv[3], behaviours[i]) == 0)
                        bad = (Behaviour) i;
        if (n == 0 || !peers || (argc > 3 && bad == GOOD)) {
                fprintf(stderr, "usage: peer-stub PEERS DELAY_MS [BAD [later]]\n");
                return 2;
        }
        if (getrlimit(RLIMIT_NOFILE, &most) == 0) {
                most.rlim_cur = most.rlim_max;
                (void) setrlimit(RLIMIT_NOFILE, &most);
        }
        delay_ns = (uint64_t) (atof(argv[2]) * 1e6);
        poller = epoll_create1(EPOLL_CLOEXEC);
        if (poller < 0)
                die("epoll_create1");
        if (bad == BOMB)
                bomb_new();
        first = &peers[0];
        later = bad;
        signal(SIGUSR1, on_signal);
        for (unsigned i = 0; i < n; i++) {
                peers[i].behaviour = i == 0 && argc < 5 ? bad : GOOD;
                peer_books(&peers[i], i);
                peer_listen(&peers[i]);
        }
        fflush(stdout);
        for (;;)
                turn();
}
