/* SPDX-License-Identifier: MIT */
/* The system's resolver settings and its hosts file, read again only when they have changed. */
#include "base/dns.h"

#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESOLV_CONF_MAX (64 * 1024)
#define HOSTS_MAX       (16 * 1024 * 1024)
#define SPACE           " \t\r"

/* A text file as it was when last looked at. */
typedef struct Watched {
        char *path;
        struct stat seen;
        bool looked;
        char *text; /* NULL: cannot be read */
} Watched;

struct ResolveSystem {
        ResolveConf conf;
        Watched resolv_conf, hosts;
};

/* > 0: it has changed, and ret is what it says now. */
static int watched_changed(Watched *w, struct stat *ret)
{
        struct stat st = {};
        bool same;

        (void) stat(w->path, &st); /* a missing one is all zero */
        same = w->looked && st.st_dev == w->seen.st_dev && st.st_ino == w->seen.st_ino &&
               st.st_size == w->seen.st_size && st.st_mtim.tv_sec == w->seen.st_mtim.tv_sec &&
               st.st_mtim.tv_nsec == w->seen.st_mtim.tv_nsec;
        *ret = st;
        return !same;
}

static int file_read(const char *path, size_t max, char **ret)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        _cleanup_free_ char *text = NULL;
        size_t size = 0, capacity = 0;

        if (fd < 0)
                return -errno;
        for (;;) {
                ssize_t n;

                if (capacity - size < 2) {
                        char *bigger;

                        if (capacity > max)
                                return -EFBIG;
                        capacity = capacity > 0 ? capacity * 2 : 4096;
                        bigger = realloc(text, capacity);
                        if (!bigger)
                                return -ENOMEM;
                        text = bigger;
                }
                n = read(fd, text + size, capacity - size - 1);
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                size += (size_t) n;
        }
        text[size] = '\0';
        *ret = TAKE_PTR(text);
        return 0;
}

/* Returns whether it is another text than before. Out of memory or descriptors: the old one serves on. */
static bool watched_read(Watched *w, size_t max)
{
        _cleanup_free_ char *text = NULL;
        struct stat st;
        int r;

        if (!watched_changed(w, &st))
                return false;
        r = file_read(w->path, max, &text);
        if (error_is_shortage(r))
                return false;
        free(w->text);
        w->text = TAKE_PTR(text);
        w->seen = st;
        w->looked = true;
        return true;
}

static void resolve_conf_clear(ResolveConf *conf)
{
        for (size_t i = 0; i < conf->n_search; i++)
                free(conf->search[i]);
        *conf = (ResolveConf){.ndots = 1};
}

static void resolve_conf_set_search(ResolveConf *conf, char **rest)
{
        char *word;

        for (size_t i = 0; i < conf->n_search; i++)
                free(conf->search[i]);
        conf->n_search = 0;
        while ((word = strtok_r(NULL, SPACE, rest)) && conf->n_search < ELEMENTSOF(conf->search))
                if (dns_name_valid(word) && !streq(word, ".") &&
                    (conf->search[conf->n_search] = strdup(word)))
                        conf->n_search++;
}

/* resolv.conf(5). */
static void resolve_conf_line(ResolveConf *conf, char *line)
{
        char *rest, *key = strtok_r(line, SPACE, &rest), *word;

        if (!key || *key == '#' || *key == ';')
                return;
        if (streq(key, "nameserver")) {
                word = strtok_r(NULL, SPACE, &rest);
                if (word && conf->n_servers < DNS_SERVERS_MAX &&
                    address_parse(word, 53, &conf->servers[conf->n_servers], NULL) >= 0)
                        conf->n_servers++;
        } else if (streq(key, "search") || streq(key, "domain"))
                resolve_conf_set_search(conf, &rest);
        else if (streq(key, "options"))
                while ((word = strtok_r(NULL, SPACE, &rest)))
                        if (strncmp(word, "ndots:", 6) == 0)
                                conf->ndots = MIN((unsigned) strtoul(word + 6, NULL, 10), 15U);
}

static void resolve_conf_parse(ResolveConf *conf, char *text)
{
        char *rest, *line;

        resolve_conf_clear(conf);
        if (text)
                for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
                        resolve_conf_line(conf, line);
        if (conf->n_servers == 0)
                conf->n_servers = address_parse("127.0.0.1", 53, &conf->servers[0], NULL) >= 0;
}

const ResolveConf *resolve_system_conf(ResolveSystem *system)
{
        if (watched_read(&system->resolv_conf, RESOLV_CONF_MAX)) {
                resolve_conf_parse(&system->conf, system->resolv_conf.text);
                free(TAKE_PTR(system->resolv_conf.text));
        }
        return &system->conf;
}

static bool is_word(const char *text, const char *at, size_t size)
{
        return (at == text || strchr(SPACE, at[-1])) && (!at[size] || strchr(SPACE "\n#", at[size]));
}

/* The address at the start of the line that at lies in; its name must not be in a comment. */
static int line_address(const char *text, const char *at, struct sockaddr_storage *ret)
{
        char word[ADDRESS_SIZE];
        const char *line = at;
        size_t size;

        while (line > text && line[-1] != '\n')
                line--;
        if (memchr(line, '#', (size_t) (at - line)))
                return -EINVAL;
        line += strspn(line, SPACE);
        size = strcspn(line, SPACE);
        if (line + size > at || size >= sizeof(word))
                return -EINVAL;
        memcpy(word, line, size);
        word[size] = '\0';
        return address_parse(word, 0, ret, NULL);
}

static size_t hosts_find(const char *text, const char *name, struct sockaddr_storage *ret, size_t max)
{
        size_t size = strlen(name), n = 0;

        for (const char *at = text; n < max && (at = strcasestr(at, name)); at += size)
                if (is_word(text, at, size) && line_address(text, at, &ret[n]) >= 0)
                        n++;
        return n;
}

static bool is_localhost(const char *name)
{
        size_t size = strlen(name);

        return strcasecmp(name, "localhost") == 0 ||
               (size > 10 && strcasecmp(name + size - 10, ".localhost") == 0);
}

size_t resolve_system_hosts(ResolveSystem *system, const char *name, struct sockaddr_storage *ret, size_t max)
{
        size_t n = 0;

        assert(max >= 2);

        (void) watched_read(&system->hosts, HOSTS_MAX);
        if (system->hosts.text && *name)
                n = hosts_find(system->hosts.text, name, ret, max);
        if (n == 0 && is_localhost(name)) { /* RFC 6761, section 6.3: never asked */
                (void) address_parse("::1", 0, &ret[n++], NULL);
                (void) address_parse("127.0.0.1", 0, &ret[n++], NULL);
        }
        return n;
}

static char *path_of(const char *variable, const char *otherwise)
{
        const char *path = secure_getenv(variable);

        return strdup(path && *path ? path : otherwise);
}

int resolve_system_new(ResolveSystem **ret)
{
        ResolveSystem *system = calloc(1, sizeof(*system));

        if (!system)
                return -ENOMEM;
        system->resolv_conf.path = path_of("FAILOVERD_RESOLV_CONF", "/etc/resolv.conf");
        system->hosts.path = path_of("FAILOVERD_HOSTS", "/etc/hosts");
        if (!system->resolv_conf.path || !system->hosts.path) {
                resolve_system_free(system);
                return -ENOMEM;
        }
        resolve_conf_parse(&system->conf, NULL);
        *ret = system;
        return 0;
}

ResolveSystem *resolve_system_free(ResolveSystem *system)
{
        if (!system)
                return NULL;
        resolve_conf_clear(&system->conf);
        free(system->resolv_conf.path);
        free(system->resolv_conf.text);
        free(system->hosts.path);
        free(system->hosts.text);
        free(system);
        return NULL;
}
