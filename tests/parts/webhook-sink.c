/* SPDX-License-Identifier: MIT */
/* Where alerts and notices go: records every request as a line of JSON, before it answers as ordered.
 *
 * webhook-sink --control SOCKET [--listen ADDRESS:PORT] --record FILE
 * prints its port. Orders: "status 200", "status 500", "status 429" (with Retry-After: 1), "hang", "reset", "refuse". */
#include "tests/parts/server.h"

#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char order_name[16] = "status";
static unsigned status = 200;
static unsigned long requests;
static int record = -1;
static const char *arg_control, *arg_listen, *arg_record;

static json_t *headers_json(const Request *r)
{
        json_t *headers = json_object();

        for (char *line = strstr(r->head, "\r\n"); line && line[2] && line[2] != '\r';
             line = strstr(line, "\r\n")) {
                line += 2;
                size_t name = strcspn(line, ":\r\n"), end = strcspn(line, "\r\n");
                size_t value = line[name] == ':' ? name + 1 + strspn(line + name + 1, " \t") : end;
                char *key = strndup(line, name);

                if (!key)
                        die("out of memory");
                for (char *p = key; *p; p++)
                        *p = (char) (*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
                json_object_set_new(headers, key, json_stringn_nocheck(line + value, end - value));
                free(key);
        }
        return headers;
}

static void request_record(const Request *r, const char *answered, unsigned n)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);

        json_t *o = json_pack("{s:f, s:s, s:s, s:o, s:o, s:s, s:i}", "at",
                              (double) now.tv_sec + (double) now.tv_nsec / 1e9, "method", r->method, "path",
                              r->path, "headers", headers_json(r), "body",
                              json_stringn_nocheck(r->body, r->body_size), "answered", answered, "status",
                              (int) n);
        char *line = o ? json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII) : NULL;

        if (!line)
                die("out of memory");
        char *whole = text("%s\n", line);
        if (write(record, whole, strlen(whole)) != (ssize_t) strlen(whole))
                die("%s: %m", arg_record);
        free(whole);
        free(line);
        json_decref(o);
}

static void serve(Connection *c)
{
        Request r = {0};

        if (request_read(c, &r)) {
                char how[sizeof order_name];

                pthread_mutex_lock(&lock);
                memcpy(how, order_name, sizeof how);
                unsigned n = status;
                requests++;
                request_record(&r, how, n);
                pthread_mutex_unlock(&lock);

                if (strcmp(how, "hang") == 0)
                        connection_wait_closed(c);
                else if (strcmp(how, "reset") == 0)
                        connection_reset(c);
                else
                        connection_answer(c, n, n == 429 ? "Retry-After: 1\r\n" : "", "{\"ok\":true}");
        }
        request_clear(&r);
}

static char *order(const char *line)
{
        char name[sizeof order_name] = "";
        unsigned n = 200;

        sscanf(line, "%15s %u", name, &n);
        if (strcmp(name, "status") != 0 && strcmp(name, "hang") != 0 && strcmp(name, "reset") != 0 &&
            strcmp(name, "refuse") != 0)
                return text("no such behaviour: \"%s\"\n", name);
        pthread_mutex_lock(&lock);
        bool refused = strcmp(order_name, "refuse") == 0, refuse = strcmp(name, "refuse") == 0;
        memcpy(order_name, name, sizeof name);
        status = n;
        pthread_mutex_unlock(&lock);
        if (refuse || refused)
                server_listen_as(refuse ? LISTEN_REFUSE : LISTEN_NORMAL);
        return NULL;
}

static char *report(void)
{
        pthread_mutex_lock(&lock);
        char *s = text("{\"behaviour\":\"%s\",\"requests\":%lu}\n", order_name, requests);
        pthread_mutex_unlock(&lock);
        return s;
}

int main(int argc, char **argv)
{
        static const struct option options[] = {
                        {"control", required_argument, NULL, 'c'},
                        {"listen", required_argument, NULL, 'l'},
                        {"record", required_argument, NULL, 'r'},
                        {0},
        };

        for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
                if (c == 'c')
                        arg_control = optarg;
                else if (c == 'l')
                        arg_listen = optarg;
                else if (c == 'r')
                        arg_record = optarg;
                else
                        return 2;
        }
        if (!arg_control || !arg_record)
                die("usage: webhook-sink --control SOCKET [--listen ADDRESS:PORT] --record FILE");
        record = open(arg_record, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (record < 0)
                die("%s: %m", arg_record);

        const Server s = {.serve = serve,
                          .order = order,
                          .report = report,
                          .control = arg_control,
                          .listen = arg_listen};

        server_run(&s);
}
