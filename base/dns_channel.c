/* SPDX-License-Identifier: MIT */
/* c-ares on the loop: one question to one server at a time, through channels that many questions share. */
#include "base/dns.h"

#include "base/clock.h"

#include <ares.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/uio.h>
#include <unistd.h>

#define CHANNEL_USES_USEC (1 * USEC_PER_SEC) /* then a new one takes the new questions */
#define TRY_MSEC          1000               /* c-ares doubles it with each try */
#define TRIES             3
#define SOCKETS_MAX       4

typedef struct Channel Channel;

struct DnsAsk {
        DnsPool *pool;
        struct Waiting *waiting; /* NULL once answered */
        DnsAskDone done;
        void *userdata;
        int error;
        uint8_t *packet;
        size_t size;
        bool queued;
        TAILQ_ENTRY(DnsAsk) entry;
};

/* c-ares cannot cancel one question, so what it points to must outlive the ask. */
typedef struct Waiting {
        Channel *channel;
        DnsAsk *ask; /* NULL when it was given up */
} Waiting;

typedef struct Socket {
        int fd;
        sd_event_source *source;
} Socket;

struct Channel {
        DnsPool *pool;
        struct sockaddr_storage server;
        ares_channel ares;
        uint64_t until_usec; /* takes questions */
        unsigned n_waiting;
        int socket_errno; /* c-ares forgets why */
        int watch_error;  /* negative: a socket of it cannot be watched */
        Socket sockets[SOCKETS_MAX];
        sd_event_source *timer;
        bool timer_set;
        TAILQ_ENTRY(Channel) entry;
};

struct DnsPool {
        sd_event *event;
        sd_event_source *answered;
        TAILQ_HEAD(, Channel) channels;
        TAILQ_HEAD(, DnsAsk) queue; /* answered, not yet told */
};

static int on_answered(sd_event_source *s, void *userdata);

int dns_pool_new(sd_event *event, DnsPool **ret)
{
        DnsPool *pool;
        int r;

        if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
                return -ENOMEM;
        pool = calloc(1, sizeof(*pool));
        if (!pool) {
                ares_library_cleanup();
                return -ENOMEM;
        }
        pool->event = sd_event_ref(event);
        TAILQ_INIT(&pool->channels);
        TAILQ_INIT(&pool->queue);
        r = loop_add_once(event, "dns-answered", on_answered, pool, &pool->answered);
        if (r >= 0)
                r = sd_event_source_set_enabled(pool->answered, SD_EVENT_OFF);
        if (r < 0) {
                dns_pool_free(pool);
                return r;
        }
        *ret = pool;
        return 0;
}

static void channel_free(Channel *c)
{
        ares_destroy(c->ares); /* ends what waits, and closes the sockets through on_socket_state() */
        assert(c->n_waiting == 0);
        loop_source_free(c->timer);
        TAILQ_REMOVE(&c->pool->channels, c, entry);
        free(c);
}

DnsPool *dns_pool_free(DnsPool *pool)
{
        if (!pool)
                return NULL;
        while (!TAILQ_EMPTY(&pool->channels))
                channel_free(TAILQ_FIRST(&pool->channels));
        assert(TAILQ_EMPTY(&pool->queue));
        loop_source_free(pool->answered);
        sd_event_unref(pool->event);
        free(pool);
        ares_library_cleanup();
        return NULL;
}

static ares_socket_t on_socket(int family, int type, int protocol, void *userdata)
{
        Channel *c = userdata;
        int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

        if (fd < 0)
                c->socket_errno = errno;
        return fd;
}

static int on_connect(ares_socket_t fd, const struct sockaddr *address, ares_socklen_t size, void *userdata)
{
        Channel *c = userdata;
        /* Ours: c-ares does not carry the zone of a link-local address. */
        int r = connect(fd, (const struct sockaddr *) &c->server, size);

        if (r < 0 && errno != EINPROGRESS)
                c->socket_errno = errno;
        return r;
}

static ares_ssize_t on_receive(ares_socket_t fd, void *data, size_t size, int flags, struct sockaddr *from,
                               ares_socklen_t *from_size, void *userdata)
{
        Channel *c = userdata;
        ssize_t n = recvfrom(fd, data, size, flags, from, from_size);

        if (n < 0 && errno != EAGAIN)
                c->socket_errno = errno;
        else if (n == 0)
                c->socket_errno = ECONNRESET;
        return n;
}

static ares_ssize_t on_send(ares_socket_t fd, const struct iovec *parts, int n_parts, void *userdata)
{
        Channel *c = userdata;
        struct msghdr message = {.msg_iov = (struct iovec *) (uintptr_t) parts,
                                 .msg_iovlen = (size_t) n_parts};
        ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);

        if (n < 0 && errno != EAGAIN)
                c->socket_errno = errno;
        return n;
}

static int on_close(ares_socket_t fd, void *userdata)
{
        return close(fd);
}

static void channel_settle(Channel *c)
{
        struct timeval max = {.tv_sec = TRY_MSEC / 1000}, buffer, *left;

        if (c->watch_error < 0) { /* our own trouble, which must not be told as the server's silence */
                ares_cancel(c->ares);
                c->watch_error = 0;
        }
        if (c->n_waiting == 0) {
                channel_free(c);
                return;
        }
        /* Asking c-ares costs a walk over all questions. None is due before the one the timer is set for, since
         * each waits as long as those before it, or longer. */
        if (c->timer_set)
                return;
        left = ares_timeout(c->ares, &max, &buffer); /* one of the two */
        c->timer_set = loop_timer_set_after(c->timer, (uint64_t) left->tv_sec * USEC_PER_SEC +
                                                                      (uint64_t) left->tv_usec +
                                                                      USEC_PER_MSEC) >= 0;
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
        Channel *c = userdata;

        c->timer_set = false;
        ares_process_fd(c->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
        channel_settle(c);
        return 0;
}

static int on_ready(sd_event_source *s, int fd, uint32_t events, void *userdata)
{
        Channel *c = userdata;

        ares_process_fd(c->ares, events & (EPOLLIN | EPOLLERR | EPOLLHUP) ? fd : ARES_SOCKET_BAD,
                        events & EPOLLOUT ? fd : ARES_SOCKET_BAD);
        channel_settle(c);
        return 0;
}

static void on_socket_state(void *userdata, ares_socket_t fd, int readable, int writable)
{
        Channel *c = userdata;
        Socket *found = NULL;
        uint32_t events = (readable ? EPOLLIN : 0) | (writable ? EPOLLOUT : 0);
        int r = 0;

        for (Socket *s = c->sockets; s < c->sockets + SOCKETS_MAX; s++)
                if (s->source && s->fd == fd)
                        found = s;
        if (events == 0) {
                if (found)
                        found->source = loop_source_free(found->source);
                return;
        }
        if (found)
                r = sd_event_source_set_io_events(found->source, events);
        else {
                for (Socket *s = c->sockets; s < c->sockets + SOCKETS_MAX && !found; s++)
                        if (!s->source)
                                found = s;
                assert(found); /* one server: a datagram socket and a stream */
                found->fd = fd;
                r = loop_add_io(c->pool->event, "dns-socket", fd, events, on_ready, c, &found->source);
        }
        if (r < 0)
                c->watch_error = r; /* nothing would be heard of it: see channel_settle() */
}

static int set_server(Channel *c)
{
        const struct sockaddr_in *v4 = (const struct sockaddr_in *) &c->server;
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *) &c->server;
        struct ares_addr_port_node node = {.family = c->server.ss_family};

        if (node.family == AF_INET) {
                node.addr.addr4 = v4->sin_addr;
                node.udp_port = node.tcp_port = ntohs(v4->sin_port);
        } else {
                memcpy(&node.addr.addr6, &v6->sin6_addr, sizeof(node.addr.addr6));
                node.udp_port = node.tcp_port = ntohs(v6->sin6_port);
        }
        return ares_set_servers_ports(c->ares, &node) == ARES_SUCCESS ? 0 : -ENOMEM;
}

static int channel_open(Channel *c)
{
        static const struct ares_socket_functions functions = {
                        .asocket = on_socket,
                        .aclose = on_close,
                        .aconnect = on_connect,
                        .arecvfrom = on_receive,
                        .asendv = on_send,
        };
        struct in_addr nowhere = {.s_addr = htonl(INADDR_LOOPBACK)};
        char lookups[] = "b";
        /* Everything is given, so that c-ares reads no file. */
        struct ares_options options = {
                        /* All responses are passed on: SERVFAIL must be told from silence. */
                        .flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
                        .timeout = TRY_MSEC,
                        .tries = TRIES,
                        .ndots = 1,
                        .servers = &nowhere,
                        .nservers = 1,
                        .lookups = lookups,
                        .sock_state_cb = on_socket_state,
                        .sock_state_cb_data = c,
        };
        int r;

        r = ares_init_options(&c->ares, &options,
                              ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
                                              ARES_OPT_SERVERS | ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS |
                                              ARES_OPT_SORTLIST | ARES_OPT_SOCK_STATE_CB | ARES_OPT_NOROTATE);
        if (r != ARES_SUCCESS)
                return -ENOMEM;
        ares_set_socket_functions(c->ares, &functions, c);
        return set_server(c);
}

static int channel_new(DnsPool *pool, const struct sockaddr_storage *server, Channel **ret)
{
        Channel *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        c->pool = pool;
        c->server = *server;
        c->until_usec = clock_boot_usec() + CHANNEL_USES_USEC;
        r = loop_timer_new(pool->event, "dns-timer", on_timer, c, &c->timer);
        if (r >= 0)
                r = channel_open(c);
        if (r < 0) {
                if (c->ares)
                        ares_destroy(c->ares);
                loop_source_free(c->timer);
                free(c);
                return r;
        }
        TAILQ_INSERT_HEAD(&pool->channels, c, entry);
        *ret = c;
        return 0;
}

static int channel_get(DnsPool *pool, const struct sockaddr_storage *server, Channel **ret)
{
        uint64_t now = clock_boot_usec();
        Channel *c;

        TAILQ_FOREACH(c, &pool->channels, entry)
        if (now < c->until_usec && memcmp(&c->server, server, sizeof(*server)) == 0) {
                *ret = c;
                return 0;
        }
        return channel_new(pool, server, ret);
}

static int error_of(const Channel *c, int status)
{
        switch (status) {
        case ARES_ETIMEOUT:
                return -ETIMEDOUT;
        case ARES_ECANCELLED:
                return c->watch_error;
        case ARES_ENOMEM:
                return -ENOMEM;
        case ARES_EBADNAME:
        case ARES_EBADSTR:
                return -EINVAL;
        default:
                return c->socket_errno > 0 ? -c->socket_errno : -ECONNREFUSED;
        }
}

/* Within c-ares: only notes what came. */
static void on_ares(void *userdata, int status, int timeouts, unsigned char *packet, int size)
{
        Waiting *w = userdata;
        Channel *c = w->channel;
        DnsAsk *ask = w->ask;

        c->n_waiting--;
        free(w);
        if (!ask)
                return;
        ask->waiting = NULL;
        if (packet && size >= 12) {
                ask->packet = malloc((size_t) size);
                ask->size = (size_t) size;
                ask->error = ask->packet ? 0 : -ENOMEM;
                if (ask->packet)
                        memcpy(ask->packet, packet, (size_t) size);
        } else
                ask->error = error_of(c, status);
        ask->queued = true;
        TAILQ_INSERT_TAIL(&c->pool->queue, ask, entry);
        (void) sd_event_source_set_enabled(c->pool->answered, SD_EVENT_ONESHOT);
}

static int on_answered(sd_event_source *s, void *userdata)
{
        DnsPool *pool = userdata;
        DnsAsk *ask = TAILQ_FIRST(&pool->queue);

        if (!ask)
                return 0;
        TAILQ_REMOVE(&pool->queue, ask, entry);
        ask->queued = false;
        if (!TAILQ_EMPTY(&pool->queue))
                (void) sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
        ask->done(ask, ask->error, ask->packet, ask->size, ask->userdata); /* may free all of it */
        return 0;
}

int dns_ask_start(DnsPool *pool, const struct sockaddr_storage *server, const char *name, int type,
                  DnsAskDone done, void *userdata, DnsAsk **ret)
{
        _cleanup_free_ DnsAsk *ask = NULL;
        _cleanup_free_ Waiting *w = NULL;
        Channel *c = NULL;
        int r;

        ask = calloc(1, sizeof(*ask));
        w = calloc(1, sizeof(*w));
        if (!ask || !w)
                return -ENOMEM;
        r = channel_get(pool, server, &c);
        if (r < 0)
                return r;
        *ask = (DnsAsk){.pool = pool, .waiting = w, .done = done, .userdata = userdata};
        *w = (Waiting){.channel = c, .ask = ask};
        c->n_waiting++;
        *ret = TAKE_PTR(ask);
        ares_query(c->ares, name, 1 /* IN */, type, on_ares, TAKE_PTR(w)); /* it may fail at once */
        channel_settle(c);
        return 0;
}

DnsAsk *dns_ask_free(DnsAsk *ask)
{
        if (!ask)
                return NULL;
        if (ask->waiting)
                ask->waiting->ask = NULL;
        if (ask->queued)
                TAILQ_REMOVE(&ask->pool->queue, ask, entry);
        free(ask->packet);
        free(ask);
        return NULL;
}
