/* SPDX-License-Identifier: MIT */
/* A payment API as a shop sees it, which breaks on order in the ways in which payment APIs break.
 *
 * payment-api --control SOCKET [--listen ADDRESS:PORT] [--tls FOLDER] [--key SECRET]
 * prints its port. Orders, by POST to the control socket: see `behaviours` below. */
#include "tests/parts/server.h"

#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum Behaviour {
        OK,          /* the account may charge */
        FROZEN,      /* 200, but it may not */
        STATUS,      /* N: that status */
        ALTERNATE,   /* N: that status to every second request for the same path */
        SLOW,        /* MS: the right answer, late */
        DRIP,        /* MS: the right answer, a byte at a time */
        SILENT,      /* takes the request, never answers */
        RESET,       /* takes the request, resets the connection */
        GARBAGE,     /* not HTTP */
        TRUNCATED,   /* half of what Content-Length promised */
        HTML,        /* 200 with a page of a load balancer */
        HUGE_BODY,   /* 200 and a body that never ends */
        REFUSE,      /* nobody listens */
        BLACKHOLE,   /* connection requests vanish */
        CERTIFICATE, /* NAME: present that one; answers as before */
        _BEHAVIOUR_MAX,
} Behaviour;

static const char *const behaviours[_BEHAVIOUR_MAX] = {
                "ok",      "frozen",    "status", "alternate", "slow",   "drip",      "silent",      "reset",
                "garbage", "truncated", "html",   "huge",      "refuse", "blackhole", "certificate",
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Behaviour behaviour = OK;
static unsigned number;
static unsigned long requests;
static SSL_CTX *tls;
static const char *arg_control, *arg_listen, *arg_tls, *arg_key;

static void answer_drip(Connection *c, unsigned wait_ms)
{
        static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                     "Content-Length: 24\r\n\r\n{\"charges_enabled\":true}";

        for (const char *p = answer; *p; p++) {
                if (!connection_write(c, p, 1))
                        return;
                usleep(wait_ms * 1000);
        }
}

static void answer_huge(Connection *c)
{
        static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[";
        static const char row[] = "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,";

        for (bool go = connection_write(c, head, sizeof head - 1); go;)
                go = connection_write(c, row, sizeof row - 1);
}

/* Callers that are to be told apart ask for different paths. */
static bool path_has_turn(const char *path)
{
        static struct {
                char path[1024];
                bool turn;
        } paths[32];
        bool turn = false;

        pthread_mutex_lock(&lock);
        for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
                if (paths[i].path[0] == '\0')
                        memcpy(paths[i].path, path, strlen(path) + 1);
                if (strcmp(paths[i].path, path) == 0) {
                        turn = paths[i].turn = !paths[i].turn;
                        break;
                }
        }
        pthread_mutex_unlock(&lock);
        return turn;
}

static bool key_matches(const Request *r)
{
        char *given = request_header(r, "Authorization"), *wanted = text("Bearer %s", arg_key);
        bool same = given && strcmp(given, wanted) == 0;

        free(given);
        free(wanted);
        return same;
}

static void answer(Connection *c, const Request *r, Behaviour how, unsigned n)
{
        static const char account[] = "{\"id\":\"acct_1\",\"object\":\"account\",\"charges_enabled\":%s,"
                                      "\"payouts_enabled\":%s}";
        static const char garbage[] = "\x16\x03\x01 what?\r\n\r\n";
        static const char half[] = "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{\"charges_";

        if (arg_key && !key_matches(r)) {
                connection_answer(c, 401, "", "{\"error\":{\"message\":\"Invalid API Key provided\"}}");
                return;
        }
        if (how == ALTERNATE)
                how = path_has_turn(r->path) ? STATUS : OK;
        switch (how) {
        case SLOW:
                usleep(n * 1000);
                /* fall through */
        case OK:
        case FROZEN: {
                const char *enabled = how == FROZEN ? "false" : "true";
                char *body = strcmp(r->path, "/api/v1/health") == 0 ? text("{\"synchronized\":true}")
                                                                    : text(account, enabled, enabled);

                connection_answer(c, 200, "", body);
                free(body);
                return;
        }
        case STATUS:
                connection_answer(c, n, n == 429 ? "Retry-After: 1\r\n" : "",
                                  "{\"error\":{\"message\":\"as ordered\"}}");
                return;
        case DRIP:
                answer_drip(c, n);
                return;
        case SILENT:
                connection_wait_closed(c);
                return;
        case RESET:
                connection_reset(c);
                return;
        case GARBAGE:
                connection_write(c, garbage, sizeof garbage - 1);
                return;
        case TRUNCATED:
                connection_write(c, half, sizeof half - 1);
                return;
        case HTML:
                connection_answer(c, 200, "", "<html><h1>We will be right back</h1></html>");
                return;
        case HUGE_BODY:
                answer_huge(c);
                return;
        default:
                return;
        }
}

static void serve(Connection *c)
{
        Request r = {0};

        if (request_read(c, &r)) {
                pthread_mutex_lock(&lock);
                Behaviour how = behaviour;
                unsigned n = number;
                requests++;
                pthread_mutex_unlock(&lock);
                answer(c, &r, how, n);
        }
        request_clear(&r);
}

static SSL_CTX *certificate_load(const char *name)
{
        SSL_CTX *context = SSL_CTX_new(TLS_server_method());
        char *certificate = text("%s/%s.crt", arg_tls, name), *key = text("%s/%s.key", arg_tls, name);

        if (!context || SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
            SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
                SSL_CTX_free(context);
                context = NULL;
        }
        free(certificate);
        free(key);
        return context;
}

static SSL_CTX *tls_now(void)
{
        pthread_mutex_lock(&lock);
        SSL_CTX *context = tls;
        pthread_mutex_unlock(&lock);
        return context;
}

/* Contexts in use by older connections are not freed: a counterpart does not live long. */
static char *certificate_order(const char *name)
{
        SSL_CTX *context = arg_tls && !strchr(name, '/') ? certificate_load(name) : NULL;

        if (!context)
                return text("no certificate named \"%s\"\n", name);
        pthread_mutex_lock(&lock);
        tls = context;
        pthread_mutex_unlock(&lock);
        return NULL;
}

static char *order(const char *line)
{
        char name[32] = "", argument[64] = "";
        unsigned how = 0;

        sscanf(line, "%31s %63s", name, argument);
        while (how < _BEHAVIOUR_MAX && strcmp(behaviours[how], name) != 0)
                how++;
        if (how == _BEHAVIOUR_MAX)
                return text("no such behaviour: \"%s\"\n", name);
        if (how == CERTIFICATE)
                return certificate_order(argument);

        pthread_mutex_lock(&lock);
        Behaviour before = behaviour;
        behaviour = (Behaviour) how;
        number = (unsigned) strtoul(argument, NULL, 10);
        pthread_mutex_unlock(&lock);
        if (how == REFUSE || how == BLACKHOLE)
                server_listen_as(how == REFUSE ? LISTEN_REFUSE : LISTEN_BLACKHOLE);
        else if (before == REFUSE || before == BLACKHOLE)
                server_listen_as(LISTEN_NORMAL);
        return NULL;
}

static char *report(void)
{
        pthread_mutex_lock(&lock);
        char *s = text("{\"behaviour\":\"%s\",\"requests\":%lu}\n", behaviours[behaviour], requests);
        pthread_mutex_unlock(&lock);
        return s;
}

int main(int argc, char **argv)
{
        static const struct option options[] = {
                        {"control", required_argument, NULL, 'c'},
                        {"listen", required_argument, NULL, 'l'},
                        {"tls", required_argument, NULL, 't'},
                        {"key", required_argument, NULL, 'k'},
                        {0},
        };

        for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
                if (c == 'c')
                        arg_control = optarg;
                else if (c == 'l')
                        arg_listen = optarg;
                else if (c == 't')
                        arg_tls = optarg;
                else if (c == 'k')
                        arg_key = optarg;
                else
                        return 2;
        }
        if (!arg_control)
                die("usage: payment-api --control SOCKET [--listen ADDRESS:PORT] [--tls FOLDER] [--key "
                    "SECRET]");
        if (arg_tls && !(tls = certificate_load("valid")))
                die("%s/valid.crt and .key cannot be loaded", arg_tls);

        const Server s = {.serve = serve,
                          .order = order,
                          .report = report,
                          .tls = arg_tls ? tls_now : NULL,
                          .control = arg_control,
                          .listen = arg_listen};

        server_run(&s);
}
