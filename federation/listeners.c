/* SPDX-License-Identifier: MIT */
/* Where the public side listens: TCP, with TLS when it is configured, Unix sockets, and sockets passed by systemd. */
#include "base/log.h"
#include "base/sign.h"
#include "base/text.h"
#include "federation/routes_private.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX_PREFIX "unix:"
#define UNIX_MODE   0666 /* as public as a port: a proxy of any user may connect */
#define DEFAULT     "127.0.0.1:8440"
#define PASSED_MAX  32

static void listener_clear(Listener *l)
{
        http_server_free(l->server);
        if (l->fd >= 0)
                close(l->fd);
        free(l->address);
        *l = (Listener){.fd = -EBADF};
}

static void list_free(Listener *list, size_t n)
{
        for (size_t i = 0; i < n; i++)
                listener_clear(&list[i]);
        free(list);
}

void listeners_free(Routes *r)
{
        list_free(r->listeners, r->n_listeners);
        r->listeners = NULL;
        r->n_listeners = 0;
}

void routes_close_doors(Routes *r)
{
        for (size_t i = 0; i < r->n_listeners; i++)
                http_server_close_door(r->listeners[i].server);
}

bool routes_are_busy(const Routes *r)
{
        for (size_t i = 0; i < r->n_listeners; i++)
                if (http_server_is_busy(r->listeners[i].server))
                        return true;
        return false;
}

json_t *routes_addresses(const Routes *r)
{
        json_t *list = json_array();

        for (size_t i = 0; i < r->n_listeners; i++)
                json_add(list, json_string_or_null(r->listeners[i].address));
        return list;
}

/* --- the servers --- */

/* What tells one certificate with its key from another, and from none. */
static void material_of(const Config *config, bool tls, unsigned char ret[static SHA256_SIZE])
{
        memset(ret, 0, SHA256_SIZE);
        if (tls)
                hmac_sha256(config->tls.key, strlen(config->tls.key), config->tls.certificate,
                            strlen(config->tls.certificate), ret);
}

/* A server on the listener's socket. Its own descriptor: closing one closes no port. */
static int listener_serve(Listener *l, Routes *r, const Config *config, Error *e)
{
        HttpOptions options;

        routes_server_options(r, config, &options);
        options.fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 0);
        if (options.fd < 0)
                return error_set(e, -errno, "%s: %s", l->address, strerror(errno));
        if (l->tls) {
                options.tls_certificate = config->tls.certificate;
                options.tls_key = config->tls.key;
        }
        l->body_max = options.body_max;
        material_of(config, l->tls, l->material);
        int n = http_server_new(r->f->event, &options, &l->server, e);
        return n < 0 ? error_prefix(e, n, "%s", l->address) : 0;
}

static bool is_tcp(int fd)
{
        int domain = AF_UNIX;
        socklen_t size = sizeof(domain);

        return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain != AF_UNIX;
}

/* Consumes fd, and address (NULL: no memory). */
static int listener_init(Listener *l, int fd, char *address, bool passed, Routes *r, const Config *config,
                         Error *e)
{
        *l = (Listener){.fd = fd, .address = address, .passed = passed};
        l->tls = config->tls.certificate && is_tcp(fd);
        return address ? listener_serve(l, r, config, e) : error_set(e, -ENOMEM, "out of memory");
}

static int listener_open(Listener *l, const char *address, Routes *r, const Config *config, Error *e)
{
        bool local = strncmp(address, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0;
        int fd = -EBADF;

        int n = local ? http_listen_unix(address + strlen(UNIX_PREFIX), UNIX_MODE, (gid_t) -1, &fd, e)
                      : http_listen_tcp(address, &fd, e);
        return n < 0 ? n : listener_init(l, fd, strdup(address), false, r, config, e);
}

/* --- systemd's --- */

/* As one would write it under `listen`; malloc'ed. */
static char *passed_address(int fd)
{
        union {
                struct sockaddr any;
                struct sockaddr_in v4;
                struct sockaddr_in6 v6;
                struct sockaddr_un local;
        } a = {};
        socklen_t size = sizeof(a);
        char text[INET6_ADDRSTRLEN] = "";

        if (getsockname(fd, &a.any, &size) == 0)
                switch (a.any.sa_family) {
                case AF_INET:
                        (void) inet_ntop(AF_INET, &a.v4.sin_addr, text, sizeof(text));
                        return string_printf("%s:%u", text, ntohs(a.v4.sin_port));
                case AF_INET6:
                        (void) inet_ntop(AF_INET6, &a.v6.sin6_addr, text, sizeof(text));
                        return string_printf("[%s]:%u", text, ntohs(a.v6.sin6_port));
                case AF_UNIX:
                        return string_printf(UNIX_PREFIX "%.*s", (int) sizeof(a.local.sun_path),
                                             a.local.sun_path);
                default:
                        break;
                }
        return strdup("a socket of systemd's");
}

/* All that nobody has taken before. Handed over once in the life of the process: they stay whatever the configuration says. */
static int listeners_take_passed(Routes *r, const Config *config, Error *e)
{
        for (int fd; r->n_listeners < PASSED_MAX && (fd = service_socket(AF_UNSPEC, NULL)) >= 0;) {
                Listener *list = reallocarray(r->listeners, r->n_listeners + 1, sizeof(*list));

                if (!list) {
                        close(fd);
                        return error_set(e, -ENOMEM, "out of memory");
                }
                r->listeners = list;
                int n = listener_init(&list[r->n_listeners++], fd, passed_address(fd), true, r, config, e);
                if (n < 0)
                        return n;
        }
        return 0;
}

/* --- another configuration --- */

static Listener *listener_find(Routes *r, const char *address)
{
        for (size_t i = 0; i < r->n_listeners; i++)
                if (streq(r->listeners[i].address, address))
                        return &r->listeners[i];
        return NULL;
}

/* As it would be now: when that is as before, *l is *old itself, not to be freed twice; else another server on the same socket. */
static int listener_again(Listener *l, Listener *old, Routes *r, const Config *config, Error *e)
{
        unsigned char material[SHA256_SIZE];
        HttpOptions options;
        bool tls = config->tls.certificate && is_tcp(old->fd);

        routes_server_options(r, config, &options);
        material_of(config, tls, material);
        if (tls == old->tls && memcmp(material, old->material, sizeof(material)) == 0 &&
            options.body_max == old->body_max) {
                *l = *old;
                return 0;
        }
        int fd = fcntl(old->fd, F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
                return error_set(e, -errno, "%s: %s", old->address, strerror(errno));
        return listener_init(l, fd, strdup(old->address), old->passed, r, config, e);
}

static bool is_kept(const Listener *l, const Listener *list, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (l->server && list[i].server == l->server)
                        return true;
        return false;
}

/* Drops those of list that are not in kept. */
static void list_drop(Listener *list, size_t n, const Listener *kept, size_t n_kept)
{
        for (size_t i = 0; i < n; i++)
                if (!is_kept(&list[i], kept, n_kept))
                        listener_clear(&list[i]);
        free(list);
}

static bool is_listed(const Listener *l, const Listener *list, size_t n)
{
        for (size_t i = 0; l && i < n; i++)
                if (list[i].address && streq(list[i].address, l->address))
                        return true;
        return false;
}

static size_t count_addresses(const Config *config)
{
        size_t n = 0;

        while (config->listen.addresses && config->listen.addresses[n])
                n++;
        return n;
}

/* Who edits `listen` and sees nothing come of it must be told where the address stands. The default is nobody's wish. */
static void tell_unused(const Routes *r, const Config *config)
{
        bool passed = r->n_listeners > 0 && r->listeners[0].passed;
        size_t n = count_addresses(config);

        for (size_t i = 0; passed && i < n; i++) {
                const Listener wanted = {.address = config->listen.addresses[i]};

                if (!is_listed(&wanted, r->listeners, r->n_listeners) &&
                    (n > 1 || !streq(wanted.address, DEFAULT)))
                        log_warning("`listen: %s` is not used: systemd passes the sockets. Put it into "
                                    "federationd.socket (systemctl edit federationd.socket)",
                                    wanted.address);
        }
}

static int list_make(Routes *r, const Config *config, Listener *list, size_t *n, Error *e)
{
        bool passed = r->n_listeners > 0 && r->listeners[0].passed;
        size_t wanted = passed ? r->n_listeners : count_addresses(config);
        int result = 0;

        for (*n = 0; result == 0 && *n < wanted; (*n)++) {
                Listener *old = passed ? &r->listeners[*n] : listener_find(r, config->listen.addresses[*n]);

                list[*n] = (Listener){.fd = -EBADF};
                if (passed || !is_listed(old, list, *n))
                        result = old ? listener_again(&list[*n], old, r, config, e)
                                     : listener_open(&list[*n], config->listen.addresses[*n], r, config, e);
                else
                        result = error_set(e, -EINVAL, "listen: %s is there twice", old->address);
        }
        return result;
}

static int limits_configure(Routes *r, const Config *config, Error *e)
{
        const LimitsConfig *l = &config->limits;
        HttpLimitsOptions options = {.connections = l->connections,
                                     .per_address = l->per_address,
                                     .per_second = l->requests_per_second,
                                     .burst = l->burst,
                                     .trusted_proxies = (const char *const *) l->trusted_proxies};

        int n = r->limits ? http_limits_configure(r->limits, &options, e)
                          : http_limits_new(&options, &r->limits, e);
        return n < 0 ? error_prefix(e, n, "limits") : 0;
}

int listeners_configure(Routes *r, const Config *config, Error *e)
{
        size_t n = 0;

        bool first = !r->limits;
        int result = first ? limits_configure(r, config, e) : 0;
        if (result == 0 && first)
                result = listeners_take_passed(r, config, e);
        if (result < 0)
                return result;
        Listener *list = calloc(MAX(count_addresses(config), r->n_listeners) + 1, sizeof(*list));
        if (!list)
                return error_set(e, -ENOMEM, "out of memory");
        result = list_make(r, config, list, &n, e);
        if (result == 0 && !first)
                result = limits_configure(r, config, e);
        if (result < 0) {
                list_drop(list, n, r->listeners, r->n_listeners);
                return result;
        }
        list_drop(r->listeners, r->n_listeners, list, n);
        r->listeners = list;
        r->n_listeners = n;
        tell_unused(r, config);
        return 0;
}
