/* SPDX-License-Identifier: MIT */
/* To be preloaded: reads and writes of files, pipes and stream sockets that do less than they were asked to, as the kernel
 * may at any time. The file $SHORT_CALLS is shared memory: how many bytes at most, while the program runs. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

typedef struct Orders {
        uint64_t max;       /* bytes; 0: no limit */
        uint64_t shortened; /* calls since this was set to 0 */
} Orders;

static Orders *orders;

__attribute__((constructor)) static void short_begin(void)
{
        const char *path = getenv("SHORT_CALLS");
        int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

        if (fd < 0)
                return;
        void *p = mmap(NULL, sizeof(Orders), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        if (p != MAP_FAILED)
                orders = p;
}

/* Messages are whole: datagrams, and what eventfd, signalfd and timerfd say. So are the streams of our Unix sockets: their
 * server watches for edges, and epoll(7) lets it take a short count for the last of what was there. */
static int is_stream(int fd)
{
        struct stat st;
        int type, domain;
        socklen_t size = sizeof type;

        if (fstat(fd, &st) < 0)
                return 0;
        if (S_ISSOCK(st.st_mode))
                return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
                       getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain != AF_UNIX;
        return S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode);
}

static size_t shorter(int fd, size_t size)
{
        uint64_t max = orders ? __atomic_load_n(&orders->max, __ATOMIC_SEQ_CST) : 0;

        if (max == 0 || size <= max || !is_stream(fd))
                return size;
        __atomic_add_fetch(&orders->shortened, 1, __ATOMIC_SEQ_CST);
        return max;
}

/* Looked up once: it takes locks. */
#define REAL(name)                     \
        static __typeof__(name) *real; \
        if (!real)                     \
        real = (__typeof__(name) *) dlsym(RTLD_NEXT, #name)

ssize_t read(int fd, void *data, size_t size)
{
        REAL(read);
        return real(fd, data, shorter(fd, size));
}

ssize_t write(int fd, const void *data, size_t size)
{
        REAL(write);
        return real(fd, data, shorter(fd, size));
}

ssize_t pread(int fd, void *data, size_t size, off_t at)
{
        REAL(pread);
        return real(fd, data, shorter(fd, size), at);
}

ssize_t pread64(int fd, void *data, size_t size, off64_t at)
{
        REAL(pread64);
        return real(fd, data, shorter(fd, size), at);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
        REAL(pwrite);
        return real(fd, data, shorter(fd, size), at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
        REAL(pwrite64);
        return real(fd, data, shorter(fd, size), at);
}

ssize_t recv(int fd, void *data, size_t size, int flags)
{
        REAL(recv);
        return real(fd, data, flags & MSG_PEEK ? size : shorter(fd, size), flags);
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
        REAL(send);
        return real(fd, data, shorter(fd, size), flags);
}

/* Of several pieces, what fits of the first. */

ssize_t writev(int fd, const struct iovec *pieces, int n)
{
        REAL(writev);
        if (n > 0 && shorter(fd, pieces[0].iov_len + 1) <= pieces[0].iov_len)
                return write(fd, pieces[0].iov_base, pieces[0].iov_len);
        return real(fd, pieces, n);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
        REAL(sendmsg);
        if (!message->msg_control && message->msg_iovlen > 0 &&
            shorter(fd, message->msg_iov[0].iov_len + 1) <= message->msg_iov[0].iov_len)
                return send(fd, message->msg_iov[0].iov_base, message->msg_iov[0].iov_len, flags);
        return real(fd, message, flags);
}
