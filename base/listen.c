/* SPDX-License-Identifier: MIT */
/* Listening sockets for the HTTP server: a Unix socket that appears with its final mode, and TCP. */
#include "base/httpd.h"

#include <netdb.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128

/* A predecessor that was killed while it started a child lives on in that child, until it has closed what it inherited. */
#define LEFTOVER_TRIES 25
#define LEFTOVER_USEC  (20 * 1000)

static int address_fill(struct sockaddr_un *sa, const char *path, Error *e)
{
        *sa = (struct sockaddr_un){.sun_family = AF_UNIX};
        if (!*path || strlen(path) >= sizeof(sa->sun_path))
                return error_set(e, -ENAMETOOLONG, "%s: a socket's name has at most %zu bytes", path,
                                 sizeof(sa->sun_path) - 1);
        strcpy(sa->sun_path, path);
        return 0;
}

/* 0: free, or a socket that nobody listens on any more. */
static int check_free(const char *path, const struct sockaddr_un *sa, Error *e)
{
        struct stat st;

        if (lstat(path, &st) < 0)
                return errno == ENOENT ? 0 : error_set(e, -errno, "%s: %s", path, strerror(errno));
        if (!S_ISSOCK(st.st_mode))
                return error_set(e, -EEXIST, "%s: is there and no socket", path);
        /* Non-blocking: a live one whose backlog is full would hold us up, and says EAGAIN now. */
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return error_set(e, -errno, "%s: %s", path, strerror(errno));
        if (connect(fd, (const struct sockaddr *) sa, sizeof(*sa)) < 0 &&
            (errno == ECONNREFUSED || errno == ENOENT))
                return 0;
        return error_set(e, -EADDRINUSE, "%s: somebody listens there", path);
}

static int wait_free(const char *path, const struct sockaddr_un *sa, Error *e)
{
        int r;

        for (unsigned i = 0; (r = check_free(path, sa, e)) == -EADDRINUSE && i < LEFTOVER_TRIES; i++)
                usleep(LEFTOVER_USEC);
        return r;
}

/* Whose group it has already, as where the process runs in it, needs no call that a sandbox may forbid. */
static int group_set(const char *path, gid_t gid)
{
        struct stat st;

        if (gid == (gid_t) -1)
                return 0;
        if (lstat(path, &st) < 0)
                return -errno;
        return st.st_gid == gid || lchown(path, (uid_t) -1, gid) == 0 ? 0 : -errno;
}

/* Listens under a name of its own beside path, with mode and group set before anybody can connect. */
static int listen_beside(const char *path, mode_t mode, gid_t gid, struct sockaddr_un *ret_sa, int *ret_fd,
                         Error *e)
{
        char name[sizeof(ret_sa->sun_path) + 16];
        uint32_t number = 0;
        const char *slash = strrchr(path, '/');

        if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number))
                number = (uint32_t) getpid();
        snprintf(name, sizeof(name), "%.*s.s%08x", slash ? (int) (slash - path) + 1 : 0, path, number);
        int r = address_fill(ret_sa, name, e);
        if (r < 0)
                return r;
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || bind(fd, (const struct sockaddr *) ret_sa, sizeof(*ret_sa)) < 0)
                return error_set(e, -errno, "%s: %s", path, strerror(errno));
        r = group_set(name, gid);
        if (r == 0 && (chmod(name, mode) < 0 || listen(fd, BACKLOG) < 0))
                r = -errno;
        if (r < 0) {
                r = error_set(e, r, "%s: %s", path, strerror(-r));
                unlink(name);
                return r;
        }
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int http_listen_unix(const char *path, mode_t mode, gid_t gid, int *ret_fd, Error *e)
{
        struct sockaddr_un sa, beside;
        _cleanup_close_ int fd = -EBADF;

        assert(path);
        assert(ret_fd);

        int r = address_fill(&sa, path, e);
        if (r == 0)
                r = wait_free(path, &sa, e);
        if (r == 0)
                r = listen_beside(path, mode, gid, &beside, &fd, e);
        if (r < 0)
                return r;
        if (rename(beside.sun_path, path) < 0) {
                r = error_set(e, -errno, "%s: %s", path, strerror(errno));
                unlink(beside.sun_path);
                return r;
        }
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* "127.0.0.1:80" or "[::1]:80" into host and port. */
static int address_split(const char *address, char host[static NI_MAXHOST], const char **ret_port)
{
        const char *colon = strrchr(address, ':');
        if (!colon || colon == address || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
            strtoul(colon + 1, NULL, 10) > 65535)
                return -EINVAL;
        bool brackets = address[0] == '[';
        const char *begin = address + brackets, *end = colon - brackets;
        if ((brackets && *end != ']') || end <= begin || end - begin >= NI_MAXHOST ||
            (!brackets && memchr(begin, ':', (size_t) (end - begin))))
                return -EINVAL;
        memcpy(host, begin, (size_t) (end - begin));
        host[end - begin] = '\0';
        *ret_port = colon + 1;
        return 0;
}

static int listen_tcp(const struct addrinfo *info, int *ret_fd)
{
        int on = 1;
        _cleanup_close_ int fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                                        info->ai_protocol);

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
            (info->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
            bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int http_listen_tcp(const char *address, int *ret_fd, Error *e)
{
        char host[NI_MAXHOST];
        const char *port;
        struct addrinfo *info,
                        hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
        int r;

        assert(address);
        assert(ret_fd);

        if (address_split(address, host, &port) < 0 || getaddrinfo(host, port, &hints, &info) != 0)
                return error_set(e, -EINVAL,
                                 "%s: not an address and a port, such as 127.0.0.1:9440 or [::1]:9440",
                                 address);
        for (unsigned i = 0; (r = listen_tcp(info, ret_fd)) == -EADDRINUSE && i < LEFTOVER_TRIES; i++)
                usleep(LEFTOVER_USEC);
        freeaddrinfo(info);
        return r < 0 ? error_set(e, r, "%s: %s", address, strerror(-r)) : 0;
}
