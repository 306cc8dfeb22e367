/* SPDX-License-Identifier: MIT */
/* The dsn of a postgresql probe: parsed by libpq, and handed to it so that it asks nobody and reads nothing that the dsn
 * does not name: no name server, no ~/.pgpass, no service file, no ~/.postgresql. */
#include "base/text.h"
#include "probes/postgresql.h"

#include <arpa/inet.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

/* A startup packet of more than 10,000 bytes is refused by the server, and this fits into any socket's buffer. */
#define DSN_MAX 8192

/* Never there, and libpq takes ENOTDIR for that. Empty values would mean its defaults. */
#define NOWHERE "/dev/null/none"

static const char *const file_words[] = {"sslrootcert", "sslcert", "sslkey", "sslcrl", NULL};

static const struct {
        const char *word, *why;
} refused_words[] = {
                {"service", "write the words of the service into the dsn: service files are not read"},
                {"passfile", "put the whole dsn into a dsn_file: password files are not read"},
                {"replication", "a replication connection runs no query"},
};

const char *pg_dsn_get(const PgDsn *dsn, const char *word)
{
        for (const PQconninfoOption *o = dsn->options; o->keyword; o++)
                if (streq(o->keyword, word))
                        return o->val && o->val[0] ? o->val : NULL;
        return NULL;
}

PgDsn *pg_dsn_free(PgDsn *dsn)
{
        if (!dsn)
                return NULL;
        for (PQconninfoOption *o = dsn->options; o && o->keyword; o++)
                if (o->val)
                        explicit_bzero(o->val, strlen(o->val));
        PQconninfoFree(dsn->options);
        for (size_t i = 0; i < ELEMENTSOF(dsn->lists); i++)
                free(dsn->lists[i]);
        free(dsn->hosts);
        free(dsn);
        return NULL;
}

/* Errors */

/* libpq quotes what it does not understand, in a URI all of it: a password must not come out that way. */
static void text_add_error(Text *t, const char *message, bool secret)
{
        size_t size = strcspn(message, "\n");

        while (size > 0) {
                const char *quote = memchr(message, '"', size),
                           *end = quote ? memchr(quote + 1, '"', size - (size_t) (quote + 1 - message))
                                        : NULL;
                size_t n = end ? (size_t) (end + 1 - message) : size;

                if (secret && end && end - quote > 2) /* "=" is no secret */
                        text_add(t, "%.*s\"…\"", (int) (quote - message), message);
                else
                        text_add_bytes(t, message, n);
                message += n;
                size -= n;
        }
}

static bool holds_password(const char *text)
{
        const char *at = strchr(text, '@'), *slashes = strstr(text, "://");

        return strcasestr(text, "password") ||
               (slashes && at && memchr(slashes + 3, ':', (size_t) (at - slashes - 3)));
}

static int error_libpq(Error *e, const char *message, bool secret)
{
        _cleanup_text_ Text t = {};

        text_add_error(&t, message ? message : "out of memory", secret);
        if (t.failed || !message)
                return error_set(e, -ENOMEM, "out of memory");
        return error_set(e, -EINVAL, "%s%s", t.data ? t.data : "invalid",
                         secret && strchr(message, '"') ? " (not quoted here, since it may hold a password)"
                                                        : "");
}

static const char *shown(const PgDsn *dsn, const char *text)
{
        return dsn->secret ? "…" : text;
}

/* Hosts */

static size_t list_count(const char *list)
{
        size_t n = 1;

        for (; *list; list++)
                n += *list == ',';
        return n;
}

/* Item i of a list that is cut up while it is read; NULL when there is none or it is empty. */
static char *list_next(char **list)
{
        char *item = *list ? strsep(list, ",") : NULL;

        return item && *item ? item : NULL;
}

static int check_host(const PgDsn *dsn, const PgHost *h, Error *e)
{
        struct sockaddr_storage address;
        socklen_t size;
        char *end;
        long port = h->port ? strtol(h->port, &end, 10) : 1;

        if (h->port && (*end || port < 1 || port > 65535))
                return error_set(e, -EINVAL, "port \"%s\" is not between 1 and 65535", shown(dsn, h->port));
        if (h->address && address_parse(h->address, 1, &address, &size) < 0)
                return error_set(e, -EINVAL, "hostaddr \"%s\" is not an IP address", shown(dsn, h->address));
        if (h->name && !h->address && h->name[0] != '/' && h->name[0] != '@' && strpbrk(h->name, " /@"))
                return error_set(e, -EINVAL,
                                 "host \"%s\" is not a name, an IP address or the folder of a socket",
                                 shown(dsn, h->name));
        return 0;
}

/* As libpq counts: there are as many hosts as addresses, or as names when there are no addresses; one port is for all. */
static int dsn_split(PgDsn *dsn, Error *e)
{
        const char *names = pg_dsn_get(dsn, "host"), *addresses = pg_dsn_get(dsn, "hostaddr"),
                   *ports = pg_dsn_get(dsn, "port");
        const char *given[] = {names, addresses, ports};
        char *rest[3];

        dsn->n_hosts = addresses ? list_count(addresses) : names ? list_count(names) : 1;
        if (dsn->n_hosts > PG_HOSTS_MAX)
                return error_set(e, -EINVAL, "more than %d hosts", PG_HOSTS_MAX);
        if (names && list_count(names) != dsn->n_hosts)
                return error_set(e, -EINVAL, "%zu host names and %zu hostaddr values", list_count(names),
                                 dsn->n_hosts);
        if (ports && list_count(ports) != 1 && list_count(ports) != dsn->n_hosts)
                return error_set(e, -EINVAL, "%zu ports for %zu hosts", list_count(ports), dsn->n_hosts);
        dsn->hosts = calloc(dsn->n_hosts, sizeof *dsn->hosts);
        for (size_t i = 0; i < ELEMENTSOF(rest); i++) {
                dsn->lists[i] = rest[i] = strdup(given[i] ? given[i] : "");
                if (!rest[i] || !dsn->hosts)
                        return error_set(e, -ENOMEM, "out of memory");
        }
        for (size_t i = 0; i < dsn->n_hosts; i++) {
                PgHost *h = &dsn->hosts[i];
                int r;

                h->name = list_next(&rest[0]);
                h->address = list_next(&rest[1]);
                h->port = list_next(&rest[2]);
                if (!h->port && i > 0 && ports && list_count(ports) == 1)
                        h->port = dsn->hosts[0].port;
                r = check_host(dsn, h, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Words */

static int check_words(const PgDsn *dsn, Error *e)
{
        const char *mode = pg_dsn_get(dsn, "sslmode");

        for (size_t i = 0; i < ELEMENTSOF(refused_words); i++)
                if (pg_dsn_get(dsn, refused_words[i].word))
                        return error_set(e, -EINVAL, "%s: %s", refused_words[i].word, refused_words[i].why);
        for (size_t i = 0; file_words[i]; i++) {
                const char *path = pg_dsn_get(dsn, file_words[i]);

                if (path && path[0] != '/')
                        return error_set(e, -EINVAL, "%s: \"%s\" is not an absolute path", file_words[i],
                                         shown(dsn, path));
        }
        if (mode && strncmp(mode, "verify-", 7) == 0 && !pg_dsn_get(dsn, "sslrootcert"))
                return error_set(e, -EINVAL,
                                 "sslmode=%s needs sslrootcert=FILE, the authorities to trust (the system's: "
                                 "/etc/ssl/certs/ca-certificates.crt)",
                                 mode);
        return 0;
}

/* PQconnectStartParams() judges the values of the words before it connects, which fails here. */
static int check_values(const PgDsn *dsn, Error *e)
{
        static const PgHost nowhere = {.name = (char *) (uintptr_t) NOWHERE};
        PGconn *conn = pg_dsn_connect(dsn, &nowhere, NULL, e);
        const char *message;
        int r = 0;

        if (!conn)
                return e->text[0] ? 0 : error_set(e, -ENOMEM, "out of memory"); /* the user's name: later */
        message = PQerrorMessage(conn);
        if (!strstr(message, NOWHERE))
                r = error_libpq(e, message, dsn->secret);
        PQfinish(conn);
        return r;
}

int pg_dsn_parse(const char *text, bool secret, PgDsn **ret, Error *e)
{
        _cleanup_(pg_dsn_freep) PgDsn *dsn = calloc(1, sizeof *dsn);
        char *message = NULL;
        int r;

        assert(text);
        assert(ret);
        assert(e);

        if (!dsn)
                return error_set(e, -ENOMEM, "out of memory");
        if (strlen(text) > DSN_MAX)
                return error_set(e, -EINVAL, "longer than %d bytes", DSN_MAX);
        dsn->secret = secret || holds_password(text);
        dsn->options = PQconninfoParse(text, &message);
        if (!dsn->options) {
                r = error_libpq(e, message, dsn->secret);
                PQfreemem(message);
                return r;
        }
        r = check_words(dsn, e);
        if (r >= 0)
                r = dsn_split(dsn, e);
        if (r >= 0)
                r = check_values(dsn, e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(dsn);
        return 0;
}

size_t pg_dsn_files(const PgDsn *dsn, ReadingFile *ret)
{
        size_t n = 0;

        for (size_t i = 0; file_words[i]; i++)
                if (pg_dsn_get(dsn, file_words[i]))
                        ret[n++] = (ReadingFile){.name = pg_dsn_get(dsn, file_words[i]), .plain = true};
        return n;
}

int pg_dsn_check_files(const PgDsn *dsn, Error *e)
{
        ReadingFile files[READING_FILES_MAX];
        size_t n = pg_dsn_files(dsn, files);
        struct stat st;

        for (size_t i = 0; i < n; i++) {
                if (stat(files[i].name, &st) < 0 || access(files[i].name, R_OK) < 0)
                        return error_set(e, -errno, "%s: %s", files[i].name, strerror(errno));
                if (!S_ISREG(st.st_mode)) /* libpq would wait at a FIFO */
                        return error_set(e, -EBADFD, "%s: not a regular file", files[i].name);
        }
        return 0;
}

/* Connecting */

typedef struct Params {
        const char *words[64], *values[64];
        size_t n;
} Params;

static void param_set(Params *p, const char *word, const char *value)
{
        size_t i = 0;

        while (i < p->n && !streq(p->words[i], word))
                i++;
        assert(i + 1 < ELEMENTSOF(p->words));
        p->words[i] = word;
        p->values[i] = value;
        p->n = MAX(p->n, i + 1);
}

static void param_default(const PgDsn *dsn, Params *p, const char *word, const char *value)
{
        if (!pg_dsn_get(dsn, word))
                param_set(p, word, value);
}

/* The name of the running user, from the file: directory services may hang. Users that only systemd knows have theirs in
 * the environment. */
static const char *user_name(char *buffer, size_t size)
{
        FILE *f = fopen("/etc/passwd", "re");
        const char *fallback = getenv("USER");
        struct passwd entry, *found;
        char line[1024];
        bool good = false;

        while (f && !good && fgetpwent_r(f, &entry, line, sizeof line, &found) == 0)
                good = entry.pw_uid == geteuid();
        if (good)
                snprintf(buffer, size, "%s", entry.pw_name);
        if (f)
                fclose(f);
        return good ? buffer : fallback && *fallback ? fallback : NULL;
}

PGconn *pg_dsn_connect(const PgDsn *dsn, const PgHost *host, const char *address, Error *e)
{
        static const char *const ours[] = {"host", "hostaddr", "port", "connect_timeout", NULL};
        Params p = {};
        char name[256];
        const char *user = pg_dsn_get(dsn, "user");

        e->text[0] = '\0';
        if (!user)
                user = user_name(name, sizeof name);
        if (!user) {
                error_set(e, -ENOENT, "the dsn names no user, and user %u has no name here",
                          (unsigned) geteuid());
                return NULL;
        }
        for (const PQconninfoOption *o = dsn->options; o->keyword; o++) {
                bool skip = !o->val || !o->val[0];

                for (size_t i = 0; ours[i]; i++)
                        skip = skip || streq(o->keyword, ours[i]);
                if (!skip)
                        param_set(&p, o->keyword, o->val);
        }
        if (host->name)
                param_set(&p, "host", host->name);
        if (address)
                param_set(&p, "hostaddr", address);
        param_set(&p, "port", host->port ? host->port : "5432");
        param_set(&p, "user", user);
        param_default(dsn, &p, "dbname", user);
        param_default(dsn, &p, "application_name", "failoverd");
        param_set(&p, "client_encoding", "UTF8");
        param_set(&p, "gssencmode", "disable"); /* it looks names up and asks Kerberos, waiting for both */
        param_set(&p, "passfile", NOWHERE);
        param_default(dsn, &p, "sslmode", "prefer");
        for (size_t i = 0; file_words[i]; i++)
                if (!streq(file_words[i], "sslcrl") || !pg_dsn_get(dsn, "sslcrldir"))
                        param_default(dsn, &p, file_words[i], NOWHERE);
        return PQconnectStartParams(p.words, p.values, 0);
}
