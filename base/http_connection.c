/* SPDX-License-Identifier: MIT */
/* A connection of the HTTP server: who is on its other end, whether it is one too many, and the deadlines that libmicrohttpd
 * lacks. */
#include "base/httpd_private.h"

#include "base/clock.h"

#include <linux/tcp.h>
#include <sys/socket.h>

#define REFUSED_TIMEOUT (500 * USEC_PER_MSEC)

/* An answer must be taken at least this fast; one that is larger than SMALL is looked at while it is sent. */
#define SEND_BYTES_PER_SEC (16 * 1024)
#define SMALL              (256 * 1024)

/* libmicrohttpd's own timeout counts idle time, so that a byte now and then holds a connection for ever. */

void http_connection_set_deadline(HttpConnection *c, uint64_t boot_usec)
{
        HttpServer *s = c->server;

        c->sending = false;
        c->deadline_usec = boot_usec;
        if (boot_usec < s->deadline_armed_usec && s->deadline) {
                s->deadline_armed_usec = boot_usec;
                loop_timer_set(s->deadline, boot_usec);
        }
}

/* Bytes that the other end has taken since the connection began. False: nobody knows. */
static bool bytes_taken(const HttpConnection *c, uint64_t *ret)
{
        struct tcp_info info;
        socklen_t size = sizeof(info);

        if (c->from.ss_family == AF_UNSPEC || getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 ||
            size < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof(info.tcpi_bytes_acked))
                return false;
        *ret = info.tcpi_bytes_acked;
        return true;
}

void http_connection_sends(HttpConnection *c, uint64_t size)
{
        uint64_t now = clock_boot_usec(), patience = c->server->options.send_timeout_usec;
        uint64_t until = now + patience + size / SEND_BYTES_PER_SEC * USEC_PER_SEC;
        bool look = size > SMALL && bytes_taken(c, &c->taken);

        http_connection_set_deadline(c, look ? now + patience : until);
        c->sending = look;
        c->send_until_usec = until;
}

/* A large answer that is taken fast enough gets more time. */
static bool send_goes_on(HttpConnection *c, uint64_t now)
{
        uint64_t taken, patience = c->server->options.send_timeout_usec;

        if (!c->sending || now >= c->send_until_usec || !bytes_taken(c, &taken) ||
            taken - c->taken < patience * SEND_BYTES_PER_SEC / USEC_PER_SEC)
                return false;
        c->taken = taken;
        c->deadline_usec = MIN(now + patience, c->send_until_usec);
        return true;
}

int http_connection_on_deadline(sd_event_source *source, uint64_t usec, void *server)
{
        HttpServer *s = server;
        uint64_t now = clock_boot_usec(), next = USEC_NEVER;
        HttpConnection *c;

        TAILQ_FOREACH(c, &s->connections, entry)
        {
                if (c->deadline_usec <= now && !send_goes_on(c, now)) {
                        c->deadline_usec = USEC_NEVER;
                        shutdown(c->fd, SHUT_RDWR); /* libmicrohttpd notices, and closes it */
                }
                next = MIN(next, c->deadline_usec);
        }
        s->deadline_armed_usec = next;
        return loop_timer_set(s->deadline, next);
}

static void peer_read(int fd, HttpPeer *ret)
{
        int domain = 0;
        struct ucred cred;
        socklen_t size = sizeof(domain);

        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 || domain != AF_UNIX)
                return;
        size = sizeof(cred);
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
                return;
        HttpPeer peer = {.known = true, .uid = cred.uid, .gid = cred.gid, .pid = cred.pid};
        size = sizeof(peer.groups);
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer.groups, &size) == 0)
                peer.n_groups = size / sizeof(gid_t);
        else if (errno == ERANGE) { /* more than we have room for: the first ones */
                _cleanup_free_ gid_t *groups = malloc(size);
                if (groups && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0) {
                        peer.n_groups = MIN(size / sizeof(gid_t), ELEMENTSOF(peer.groups));
                        memcpy(peer.groups, groups, peer.n_groups * sizeof(gid_t));
                }
        }
        *ret = peer;
}

/* False: it is one too many of its user, or leaves too few for others. */
static bool share_fits(const HttpServer *s, const HttpPeer *peer)
{
        const HttpConnection *c;
        unsigned of_user = 0, all = 0;

        if (!s->options.share || !peer->known)
                return true;
        HttpShare share = s->options.share(peer, s->options.userdata);
        TAILQ_FOREACH(c, &s->connections, entry)
        {
                all += !c->refused;
                of_user += !c->refused && c->peer.known && c->peer.uid == peer->uid;
        }
        return of_user < share.most && all + share.spare < s->options.connections_max;
}

static bool connection_fits(HttpConnection *c)
{
        HttpLimits *limits = c->server->options.limits;

        if (!share_fits(c->server, &c->peer))
                return false;
        c->counted = limits && http_limits_connect(limits, &c->from, &c->guest);
        return !limits || c->counted;
}

HttpConnection *http_connection_new(HttpServer *s, struct MHD_Connection *mhd)
{
        const union MHD_ConnectionInfo *fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD),
                                       *from = MHD_get_connection_info(mhd,
                                                                       MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        HttpConnection *c = fd ? calloc(1, sizeof(*c)) : NULL;

        if (!c)
                return NULL;
        c->server = s;
        c->mhd = mhd;
        c->fd = fd->connect_fd;
        c->begun_usec = clock_boot_usec();
        if (from && from->client_addr)
                http_address_of(from->client_addr, &c->from);
        peer_read(c->fd, &c->peer);
        c->refused = !connection_fits(c);
        if (c->refused && s->n_refused++ >= HTTP_REFUSED_MAX)
                shutdown(c->fd, SHUT_RDWR);
        TAILQ_INSERT_TAIL(&s->connections, c, entry);
        http_connection_set_deadline(c, clock_boot_usec() + (c->refused ? REFUSED_TIMEOUT
                                                                        : s->options.receive_timeout_usec));
        return c;
}

HttpConnection *http_connection_free(HttpConnection *c)
{
        if (!c)
                return NULL;
        assert(!c->request);
        TAILQ_REMOVE(&c->server->connections, c, entry);
        c->server->n_refused -= c->refused;
        if (c->counted)
                http_limits_disconnect(c->server->options.limits, c->guest);
        free(c);
        return NULL;
}
