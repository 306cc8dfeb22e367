/* SPDX-License-Identifier: MIT */
/* The HTTP server that the counterparts of the tests share. */
#include "tests/parts/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HEAD_MAX (64 * 1024)
#define BODY_MAX (4 * 1024 * 1024)

static const Server *server;
static int listener = -1;
static struct sockaddr_in address;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool accepting = true, parked;
static int fillers[16];
static size_t n_fillers;

void die(const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        vfprintf(stderr, format, ap);
        va_end(ap);
        fputc('\n', stderr);
        _exit(1);
}

char *text(const char *format, ...)
{
        char *s;
        va_list ap;

        va_start(ap, format);
        int r = vasprintf(&s, format, ap);
        va_end(ap);
        if (r < 0)
                die("out of memory");
        return s;
}

static ssize_t connection_read(Connection *c, void *data, size_t size)
{
        return c->ssl ? SSL_read(c->ssl, data, (int) size) : read(c->fd, data, size);
}

bool connection_write(Connection *c, const void *data, size_t size)
{
        while (size > 0) {
                ssize_t n = c->ssl ? SSL_write(c->ssl, data, (int) size) : write(c->fd, data, size);

                if (n <= 0)
                        return false;
                data = (const char *) data + n;
                size -= (size_t) n;
        }
        return true;
}

void connection_reset(Connection *c)
{
        struct linger hard = {.l_onoff = 1, .l_linger = 0};

        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        if (c->ssl)
                SSL_set_quiet_shutdown(c->ssl, 1);
}

void connection_wait_closed(Connection *c)
{
        char buffer[4096];

        while (connection_read(c, buffer, sizeof buffer) > 0)
                ;
}

bool connection_answer(Connection *c, unsigned status, const char *extra, const char *body)
{
        char *head = text("HTTP/1.1 %u %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                          "Connection: close\r\n%s\r\n",
                          status, status < 300 ? "OK" : "Not OK", strlen(body), extra);
        bool ok = connection_write(c, head, strlen(head)) && connection_write(c, body, strlen(body));

        free(head);
        return ok;
}

char *request_header(const Request *r, const char *name)
{
        size_t length = strlen(name);

        for (const char *line = strstr(r->head, "\r\n"); line && line[2]; line = strstr(line, "\r\n")) {
                line += 2;
                if (strncasecmp(line, name, length) != 0 || line[length] != ':')
                        continue;
                line += length + 1;
                line += strspn(line, " \t");
                return strndup(line, strcspn(line, "\r\n"));
        }
        return NULL;
}

static bool request_read_body(Connection *c, Request *r, const char *rest, size_t n_rest)
{
        char *length = request_header(r, "Content-Length");
        size_t size = length ? strtoul(length, NULL, 10) : 0;

        free(length);
        if (size > BODY_MAX || n_rest > size)
                return false;
        r->body = calloc(1, size + 1);
        if (!r->body)
                die("out of memory");
        memcpy(r->body, rest, n_rest);
        for (r->body_size = n_rest; r->body_size < size;) {
                ssize_t n = connection_read(c, r->body + r->body_size, size - r->body_size);

                if (n <= 0)
                        return false;
                r->body_size += (size_t) n;
        }
        return true;
}

bool request_read(Connection *c, Request *ret)
{
        char *buffer = calloc(1, HEAD_MAX + 1), *end = NULL;
        size_t size = 0;

        if (!buffer)
                die("out of memory");
        *ret = (Request){.head = buffer};
        while (!end && size < HEAD_MAX) {
                ssize_t n = connection_read(c, buffer + size, HEAD_MAX - size);

                if (n <= 0)
                        return false;
                size += (size_t) n;
                end = strstr(buffer, "\r\n\r\n");
        }
        if (!end || sscanf(buffer, "%15s %1023s", ret->method, ret->path) != 2)
                return false;
        end += 4;

        char *rest = strndup(end, size - (size_t) (end - buffer));
        size_t n_rest = size - (size_t) (end - buffer);

        if (!rest)
                die("out of memory");
        *end = '\0';
        bool ok = request_read_body(c, ret, rest, n_rest);

        free(rest);
        return ok;
}

void request_clear(Request *r)
{
        free(r->head);
        free(r->body);
}

static void *connection_main(void *argument)
{
        Connection c = {.fd = (int) (intptr_t) argument};
        SSL_CTX *context = server->tls ? server->tls() : NULL;

        if (context) {
                c.ssl = SSL_new(context);
                if (!c.ssl)
                        die("out of memory");
                SSL_set_fd(c.ssl, c.fd);
        }
        if (!c.ssl || SSL_accept(c.ssl) == 1)
                server->serve(&c);
        if (c.ssl)
                SSL_shutdown(c.ssl);
        SSL_free(c.ssl);
        close(c.fd);
        return NULL;
}

static void thread_start(void *(*run)(void *), void *argument)
{
        pthread_t thread;
        int r = pthread_create(&thread, NULL, run, argument);

        if (r != 0)
                die("cannot start a thread: %s", strerror(r));
        pthread_detach(thread);
}

/* Binds to the port in `address`; 0: the kernel chooses it. */
static int socket_bound(void)
{
        socklen_t size = sizeof address;
        int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
            setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof one) < 0 || /* the network may come later */
            bind(fd, (struct sockaddr *) &address, sizeof address) < 0 ||
            getsockname(fd, (struct sockaddr *) &address, &size) < 0)
                die("cannot bind: %m");
        return fd;
}

/* The filled queue of a listener that accepts nothing makes the kernel drop connection requests. */
static void queue_fill(void)
{
        for (; n_fillers < sizeof fillers / sizeof *fillers; n_fillers++) {
                int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
                struct pollfd p = {.fd = fd, .events = POLLOUT};

                if (fd < 0)
                        die("socket: %m");
                (void) connect(fd, (struct sockaddr *) &address, sizeof address);
                fillers[n_fillers] = fd;
                if (poll(&p, 1, 50) == 0) {
                        n_fillers++;
                        return;
                }
        }
        die("the listener's queue cannot be filled");
}

/* A new listener each time: connections to one that had been shut down would inherit that. */
void server_listen_as(Listening how)
{
        pthread_mutex_lock(&lock);
        accepting = false;
        shutdown(listener, SHUT_RD);
        while (!parked)
                pthread_cond_wait(&changed, &lock);
        while (n_fillers > 0)
                close(fillers[--n_fillers]);
        if (listener >= 0)
                close(listener);
        listener = how == LISTEN_REFUSE ? -1 : socket_bound();
        if (listener >= 0 && listen(listener, how == LISTEN_NORMAL ? 128 : 0) < 0)
                die("cannot listen again: %m");
        if (how == LISTEN_BLACKHOLE)
                queue_fill();
        accepting = how == LISTEN_NORMAL;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
}

static void *accept_main(void *unused)
{
        for (;;) {
                pthread_mutex_lock(&lock);
                while (!accepting) {
                        parked = true;
                        pthread_cond_broadcast(&changed);
                        pthread_cond_wait(&changed, &lock);
                }
                parked = false;
                pthread_mutex_unlock(&lock);

                int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

                if (fd >= 0)
                        thread_start(connection_main, (void *) (intptr_t) fd);
                else if (errno != EINVAL && errno != ECONNABORTED && errno != EINTR)
                        die("accept: %m");
        }
        return NULL;
}

static void control_answer(Connection *c)
{
        Request r = {0};

        if (!request_read(c, &r)) {
                request_clear(&r);
                return;
        }
        if (strcmp(r.method, "GET") == 0) {
                char *report = server->report();

                connection_answer(c, 200, "", report);
                free(report);
        } else {
                char *wrong = server->order(r.body);

                connection_answer(c, wrong ? 400 : 200, "", wrong ? wrong : "done\n");
                free(wrong);
        }
        request_clear(&r);
}

static int control_listen(void)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (strlen(server->control) >= sizeof a.sun_path)
                die("%s is too long for a socket", server->control);
        memcpy(a.sun_path, server->control, strlen(server->control) + 1);
        unlink(server->control);
        if (fd < 0 || bind(fd, (struct sockaddr *) &a, sizeof a) < 0 || listen(fd, 16) < 0)
                die("%s: %m", server->control);
        return fd;
}

static void address_read(const char *listen)
{
        const char *colon = strchr(listen, ':');
        char name[INET_ADDRSTRLEN] = "";

        if (colon && (size_t) (colon - listen) < sizeof name)
                memcpy(name, listen, (size_t) (colon - listen));
        if (inet_pton(AF_INET, name, &address.sin_addr) != 1)
                die("%s is not ADDRESS:PORT", listen);
        address.sin_port = htons((uint16_t) atoi(colon + 1));
}

void server_run(const Server *s)
{
        server = s;
        signal(SIGPIPE, SIG_IGN);
        address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        if (server->listen)
                address_read(server->listen);
        /* The first socket keeps the port for as long as we live, also while nobody listens. */
        socket_bound();
        listener = socket_bound();
        if (listen(listener, 128) < 0)
                die("cannot listen: %m");

        int control = control_listen();

        thread_start(accept_main, NULL);
        printf("%d\n", ntohs(address.sin_port));
        fflush(stdout);
        for (;;) {
                Connection c = {.fd = accept4(control, NULL, NULL, SOCK_CLOEXEC)};

                if (c.fd < 0)
                        continue;
                control_answer(&c);
                close(c.fd);
        }
}
