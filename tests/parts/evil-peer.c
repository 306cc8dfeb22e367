/* SPDX-License-Identifier: MIT */
/* Another shop's node, which answers searches well or does to those who ask what bad peers do.
 *
 * evil-peer --control SOCKET [--books FILE]
 * prints its port. FILE has a book a line, a JSON object each; those that hold every word asked for are the answer, as they
 * stand. Orders, by POST to the control socket: see `behaviours` below. GET there tells what it was asked. */
#include "tests/parts/server.h"

#include <ctype.h>
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

typedef enum Behaviour {
        OK,        /* the books asked for */
        STATUS,    /* N: that status */
        SLOW,      /* MS: the right answer, late */
        DRIP,      /* MS: the right answer, a byte at a time */
        SILENT,    /* takes the request, never answers */
        RESET,     /* takes the request, resets the connection */
        CLOSE,     /* takes the request, closes */
        BINARY,    /* bytes that mean nothing, as JSON */
        GARBAGE,   /* not HTTP */
        TRUNCATED, /* half of what Content-Length promised */
        HALF,      /* all that was promised, but the JSON ends in the middle */
        DEEP,      /* N: so many arrays within each other */
        TYPES,     /* results of wrong types, and one book */
        NOTHING,   /* JSON that answers no search */
        LATIN,     /* a title that is not UTF-8 */
        HTML,      /* a page of a load balancer */
        HUGE_BODY, /* MB: the right answer, and books behind it to that size */
        BOMB,      /* MB: the right answer, padded to that size and sent as a thousandth of it */
        REDIRECT,  /* URL: go there instead */
        HEADERS,   /* header lines without an end */
        REFUSE,    /* nobody listens */
        BLACKHOLE, /* connection requests vanish */
        SPEAK,     /* PATH KEY: searches are known there only (any: everywhere) and books stand under KEY */
        _BEHAVIOUR_MAX,
} Behaviour;

static const char *const behaviours[_BEHAVIOUR_MAX] = {
                "ok",      "status",    "slow",     "drip",    "silent", "reset",     "close", "binary",
                "garbage", "truncated", "half",     "deep",    "types",  "nothing",   "latin", "html",
                "huge",    "bomb",      "redirect", "headers", "refuse", "blackhole", "speak",
};

#define LIMIT_DEFAULT 20
#define LIMIT_MAX     100
#define LOG_MAX       1000
#define MEBI          (1024 * 1024)
#define HEAD_OK       "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Behaviour behaviour = OK;
static char argument[512];
static char path_spoken[64] = "any", key_spoken[32] = "results";
static unsigned long connections, requests, searches, sent;
static char *asked[LOG_MAX]; /* each request as a JSON object */
static char **books;
static size_t n_books;

/* ---- what it was asked */

static char *quoted(const char *s)
{
        char *json = malloc(strlen(s) * 6 + 3), *p = json;

        if (!json)
                die("out of memory");
        *p++ = '"';
        for (; *s; s++)
                if (*s == '"' || *s == '\\' || *s < ' ' || *s > '~')
                        p += sprintf(p, "\\u%04x", (unsigned char) *s);
                else
                        *p++ = *s;
        *p++ = '"';
        *p = '\0';
        return json;
}

static char *header_quoted(const Request *r, const char *name)
{
        char *value = request_header(r, name), *json = value ? quoted(value) : text("null");

        free(value);
        return json;
}

static void note(const Request *r, bool search)
{
        struct timespec now;
        char *path = quoted(r->path), *node = header_quoted(r, "X-Node-Id"),
             *encoding = header_quoted(r, "Accept-Encoding");

        clock_gettime(CLOCK_MONOTONIC, &now);
        pthread_mutex_lock(&lock);
        if (requests < LOG_MAX)
                asked[requests] = text("{\"ms\":%lld,\"method\":\"%s\",\"path\":%s,\"search\":%s,\"node\":%s,"
                                       "\"encoding\":%s}",
                                       (long long) now.tv_sec * 1000 + now.tv_nsec / 1000000, r->method, path,
                                       search ? "true" : "false", node, encoding);
        requests++;
        searches += search;
        pthread_mutex_unlock(&lock);
        free(path);
        free(node);
        free(encoding);
}

static char *report(void)
{
        char *json;
        size_t size;
        FILE *f = open_memstream(&json, &size);

        if (!f)
                die("out of memory");
        pthread_mutex_lock(&lock);
        fprintf(f,
                "{\"behaviour\":\"%s\",\"connections\":%lu,\"requests\":%lu,\"searches\":%lu,\"sent\":%lu,"
                "\"asked\":[",
                behaviours[behaviour], connections, requests, searches, sent);
        for (size_t i = 0; i < requests && i < LOG_MAX; i++)
                fprintf(f, "%s%s", i > 0 ? "," : "", asked[i]);
        pthread_mutex_unlock(&lock);
        fputs("]}\n", f);
        fclose(f);
        return json;
}

static bool send_counted(Connection *c, const void *data, size_t size)
{
        if (!connection_write(c, data, size))
                return false;
        pthread_mutex_lock(&lock);
        sent += size;
        pthread_mutex_unlock(&lock);
        return true;
}

/* ---- searching */

/* The value of a query parameter, decoded, in lower case; malloc'ed; "" when absent. */
static char *parameter(const char *path, const char *key)
{
        size_t length = strlen(key);
        char *value = calloc(1, strlen(path) + 1), *p = value;

        if (!value)
                die("out of memory");
        for (const char *s = strchr(path, '?'); s; s = strchr(s, '&')) {
                if (strncmp(++s, key, length) != 0 || s[length] != '=')
                        continue;
                for (s += length + 1; *s && *s != '&'; s++) {
                        unsigned byte = *s == '+' ? ' ' : (unsigned char) *s;

                        if (*s == '%' && sscanf(s + 1, "%2x", &byte) == 1)
                                s += 2;
                        *p++ = (char) tolower((int) byte);
                }
                break;
        }
        return value;
}

static bool book_has(const char *book, const char *words)
{
        char *copy = strdup(words), *rest = copy;
        bool all = true;

        if (!copy)
                die("out of memory");
        for (char *word; all && (word = strsep(&rest, " "));)
                all = strcasestr(book, word);
        free(copy);
        return all;
}

/* The right answer; malloc'ed. */
static char *answer_make(const char *path)
{
        char *q = parameter(path, "q"), *query = parameter(path, "query"), *limit = parameter(path, "limit"),
             *json;
        size_t size, n = 0, most = strtoul(limit, NULL, 10);
        FILE *f = open_memstream(&json, &size);

        if (!f)
                die("out of memory");
        if (most == 0 || most > LIMIT_MAX)
                most = LIMIT_DEFAULT;
        pthread_mutex_lock(&lock);
        fprintf(f, "{\"success\":true,\"%s\":[", key_spoken);
        pthread_mutex_unlock(&lock);
        for (size_t i = 0; i < n_books; i++)
                if (book_has(books[i], *q ? q : query) && n++ < most)
                        fprintf(f, "%s%s", n > 1 ? "," : "", books[i]);
        fprintf(f, "],\"totalResults\":%zu}", n);
        fclose(f);
        free(q);
        free(query);
        free(limit);
        return json;
}

static bool path_is(const char *path, const char *name)
{
        size_t length = strcspn(path, "?");

        return strlen(name) == length && strncmp(path, name, length) == 0;
}

static bool path_searches(const char *path)
{
        static const char *const known[] = {"/api/search", "/api/network/search", "/api/catalog/search"};
        bool search = false;

        pthread_mutex_lock(&lock);
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
                search |= path_is(path, known[i]) &&
                          (strcmp(path_spoken, "any") == 0 || strcmp(path_spoken, known[i]) == 0);
        pthread_mutex_unlock(&lock);
        return search;
}

/* ---- answering */

static void answer_well(Connection *c, const Request *r)
{
        char *json;

        if (path_searches(r->path))
                json = answer_make(r->path);
        else if (path_is(r->path, "/api/network/ping"))
                json = text("{\"success\":true,\"store\":\"evil\",\"status\":\"active\"}");
        else if (path_is(r->path, "/api/stats"))
                json = text("{\"success\":true,\"store\":\"evil\",\"stats\":{\"totalBooks\":%zu}}", n_books);
        else {
                connection_answer(c, 404, "", "{\"success\":false,\"error\":\"no such route\"}");
                return;
        }
        connection_answer(c, 200, "", json);
        free(json);
}

static void answer_bytes(Connection *c, const char *body, size_t size)
{
        char *head = text(HEAD_OK "Content-Length: %zu\r\n\r\n", size);

        if (send_counted(c, head, strlen(head)))
                send_counted(c, body, size);
        free(head);
}

static void answer_drip(Connection *c, const Request *r, unsigned wait_ms)
{
        char *json = answer_make(r->path),
             *whole = text(HEAD_OK "Content-Length: %zu\r\n\r\n%s", strlen(json), json);

        for (const char *p = whole; *p && send_counted(c, p, 1); p++)
                usleep(wait_ms * 1000);
        free(json);
        free(whole);
}

static void answer_binary(Connection *c)
{
        char noise[4096];

        for (size_t i = 0; i < sizeof noise; i++)
                noise[i] = (char) (i * 2654435761U >> 13);
        answer_bytes(c, noise, sizeof noise);
}

static void answer_cut(Connection *c, const Request *r, bool promise_kept)
{
        char *json = answer_make(r->path), *whole;

        json[strlen(json) / 2] = '\0';
        whole = text(HEAD_OK "Content-Length: %zu\r\n\r\n%s", strlen(json) * (promise_kept ? 1 : 2), json);
        send_counted(c, whole, strlen(whole));
        free(json);
        free(whole);
}

static void answer_deep(Connection *c, size_t depth)
{
        static const char start[] = "{\"results\":";
        char *json = malloc(depth + sizeof start);

        if (!json)
                die("out of memory");
        memcpy(json, start, sizeof start);
        memset(json + sizeof start - 1, '[', depth);
        answer_bytes(c, json, depth + sizeof start - 1);
        free(json);
}

static void answer_huge(Connection *c, const Request *r, size_t megabytes)
{
        static const char row[] = ",{\"id\":\"filler\",\"title\":\"A book that nobody asked for, of many "
                                  "pages\",\"price\":9}";
        char *json = answer_make(r->path), *end = strstr(json, "],\"totalResults\"");
        size_t before = sent;

        *end = '\0';
        bool go = send_counted(c, HEAD_OK "\r\n", sizeof HEAD_OK + 1) && send_counted(c, json, strlen(json));

        for (size_t skip = end[-1] == '['; go && sent - before < megabytes * MEBI; skip = 0)
                go = send_counted(c, row + skip, sizeof row - 1 - skip);
        if (go)
                send_counted(c, "]}", 2);
        free(json);
}

/* One piece of a gzip stream that ends on a byte; malloc'ed. */
static unsigned char *piece_deflate(z_stream *z, const char *data, size_t size, int flush, size_t *ret_size)
{
        size_t room = deflateBound(z, size) + 64;
        unsigned char *piece = malloc(room);

        if (!piece)
                die("out of memory");
        z->next_in = (Bytef *) (uintptr_t) data;
        z->avail_in = (uInt) size;
        z->next_out = piece;
        z->avail_out = (uInt) room;
        if (deflate(z, flush) == Z_STREAM_ERROR || z->avail_in > 0)
                die("cannot deflate");
        *ret_size = room - z->avail_out;
        return piece;
}

/* A flushed piece knows nothing of what was before it, so a mebibyte of spaces is compressed once and sent many times. Its
 * check sum is never reached by who does not inflate all of it. */
static void answer_bomb(Connection *c, const Request *r, size_t megabytes)
{
        static char spaces[MEBI];
        z_stream z = {0};
        char *json = answer_make(r->path);
        size_t n_head, n_body;

        if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
                die("cannot deflate");
        json[strlen(json) - 1] = '\0';
        memset(spaces, ' ', sizeof spaces);
        unsigned char *head = piece_deflate(&z, json, strlen(json), Z_FULL_FLUSH, &n_head),
                      *body = piece_deflate(&z, spaces, sizeof spaces, Z_FULL_FLUSH, &n_body);
        bool go = send_counted(c, HEAD_OK "Content-Encoding: gzip\r\n\r\n", sizeof HEAD_OK + 25) &&
                  send_counted(c, head, n_head);

        for (size_t i = 0; go && i < megabytes; i++)
                go = send_counted(c, body, n_body);
        deflateEnd(&z);
        free(head);
        free(body);
        free(json);
}

static void answer_redirect(Connection *c, const char *where)
{
        char *location = text("Location: %s\r\n", where);

        connection_answer(c, 302, location, "{\"results\":[]}");
        free(location);
}

static void answer_headers(Connection *c)
{
        static const char line[] =
                        "X-Filler: "
                        "0123456789012345678901234567890123456789012345678901234567890123456789\r\n";
        bool go = send_counted(c, HEAD_OK, sizeof HEAD_OK - 1);

        while (go)
                go = send_counted(c, line, sizeof line - 1);
}

static void answer(Connection *c, const Request *r, Behaviour how, const char *what)
{
        static const char garbage[] = "\x16\x03\x01 what?\r\n\r\n";
        static const char types[] =
                        "{\"results\":[1,null,\"x\",[],{},{\"title\":5},{\"title\":[\"x\"]},{\"title\":{}},"
                        "{\"title\":\"\",\"id\":1},"
                        "{\"id\":7,\"title\":\"The one good book\",\"author\":9,\"price\":\"cheap\","
                        "\"isbn\":{\"a\":1},\"category\":false,\"url\":\"javascript:alert(1)\","
                        "\"source_node\":\"somebody-else\",\"relevance\":\"NaN\"}],"
                        "\"totalResults\":\"many\"}";
        static const char latin[] = "{\"results\":[{\"id\":1,\"title\":\"Caf\xe9 \xc0\xaf\xff\"}]}";
        unsigned n = (unsigned) strtoul(what, NULL, 10);

        switch (how) {
        case SLOW:
                usleep(n * 1000);
                /* fall through */
        case OK:
                answer_well(c, r);
                return;
        case STATUS:
                connection_answer(c, n, "", "{\"success\":false,\"error\":\"as ordered\"}");
                return;
        case DRIP:
                answer_drip(c, r, n);
                return;
        case SILENT:
                connection_wait_closed(c);
                return;
        case RESET:
                connection_reset(c);
                return;
        case BINARY:
                answer_binary(c);
                return;
        case GARBAGE:
                send_counted(c, garbage, sizeof garbage - 1);
                return;
        case TRUNCATED:
        case HALF:
                answer_cut(c, r, how == HALF);
                return;
        case DEEP:
                answer_deep(c, n);
                return;
        case TYPES:
                answer_bytes(c, types, sizeof types - 1);
                return;
        case NOTHING:
                connection_answer(c, 200, "", "{\"hello\":\"world\",\"results\":\"none\"}");
                return;
        case LATIN:
                answer_bytes(c, latin, sizeof latin - 1);
                return;
        case HTML:
                connection_answer(c, 200, "", "<html><h1>We will be right back</h1></html>");
                return;
        case HUGE_BODY:
                answer_huge(c, r, n);
                return;
        case BOMB:
                answer_bomb(c, r, n);
                return;
        case REDIRECT:
                answer_redirect(c, what);
                return;
        case HEADERS:
                answer_headers(c);
                return;
        default: /* CLOSE, and orders that changed meanwhile */
                return;
        }
}

static void serve(Connection *c)
{
        Request r = {0};

        pthread_mutex_lock(&lock);
        connections++;
        pthread_mutex_unlock(&lock);
        if (request_read(c, &r)) {
                char what[sizeof argument];

                note(&r, path_searches(r.path));
                pthread_mutex_lock(&lock);
                Behaviour how = behaviour;

                memcpy(what, argument, sizeof what);
                pthread_mutex_unlock(&lock);
                answer(c, &r, how, what);
        }
        request_clear(&r);
}

/* ---- orders */

static char *order(const char *line)
{
        char name[32] = "", first[sizeof argument] = "", second[32] = "";
        unsigned how = 0;

        sscanf(line, "%31s %511s %31s", name, first, second);
        while (how < _BEHAVIOUR_MAX && strcmp(behaviours[how], name) != 0)
                how++;
        if (how == _BEHAVIOUR_MAX)
                return text("no such behaviour: \"%s\"\n", name);
        if (how == SPEAK && (strlen(first) >= sizeof path_spoken || !second[0]))
                return text("speak PATH KEY\n");

        pthread_mutex_lock(&lock);
        Behaviour before = behaviour;

        if (how == SPEAK) {
                strcpy(path_spoken, first);
                strcpy(key_spoken, second);
                how = OK;
        }
        behaviour = (Behaviour) how;
        memcpy(argument, first, sizeof argument);
        pthread_mutex_unlock(&lock);
        if (how == REFUSE || how == BLACKHOLE)
                server_listen_as(how == REFUSE ? LISTEN_REFUSE : LISTEN_BLACKHOLE);
        else if (before == REFUSE || before == BLACKHOLE)
                server_listen_as(LISTEN_NORMAL);
        return NULL;
}

static void books_read(const char *path)
{
        FILE *f = fopen(path, "r");
        char *line = NULL;
        size_t room = 0;

        if (!f)
                die("%s: %m", path);
        while (getline(&line, &room, f) > 0) {
                line[strcspn(line, "\n")] = '\0';
                books = reallocarray(books, n_books + 1, sizeof *books);
                if (!books || !(books[n_books++] = strdup(line)))
                        die("out of memory");
        }
        free(line);
        fclose(f);
}

int main(int argc, char **argv)
{
        static const struct option options[] = {
                        {"control", required_argument, NULL, 'c'},
                        {"books", required_argument, NULL, 'b'},
                        {0},
        };
        Server s = {.serve = serve, .order = order, .report = report};

        for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
                if (c == 'c')
                        s.control = optarg;
                else if (c == 'b')
                        books_read(optarg);
                else
                        return 2;
        }
        if (!s.control)
                die("usage: evil-peer --control SOCKET [--books FILE]");
        server_run(&s);
}
