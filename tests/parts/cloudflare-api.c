/* SPDX-License-Identifier: MIT */
/* The part of Cloudflare's API v4 that the dns action uses, as its public documentation has it: zones, the list of
 * records, batches that are carried out whole or not at all. It checks what it is sent as strictly as the real one.
 *
 * cloudflare-api --control SOCKET --token TOKEN
 * prints its port; knows the zones shop.example and other.example. Orders, by POST to the control socket: see `behaviours`
 * below, and `pages N` (records a page at most), `record JSON` (somebody adds one by hand), `clear` (no records). GET on
 * the control socket: {"behaviour", "requests", "writes", "records", "log"}. */
#include "tests/parts/server.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <jansson.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define ZONE_ID   "023e105f4ecef8ad9ca31a8372d0c353"
#define OTHER_ID  "372e67954025e0ba6aaa6d586b9e0b59"
#define BASE      "/client/v4/zones"
#define BATCH_MAX 200
#define OK_MAYBE  0

typedef enum Behaviour {
        OK,
        STATUS,    /* N: that status to everything; 429 asks to wait for a second */
        SLOW,      /* MS: the right answer, late */
        SILENT,    /* takes the request, never answers */
        LOST,      /* does what it is told, and resets the connection instead of answering */
        UNWILLING, /* 200, success: false */
        EDIT_ONLY, /* the token may not look zones up */
        HTML,      /* 200 with a page of a proxy */
        REFUSE,    /* nobody listens */
        _BEHAVIOUR_MAX,
} Behaviour;

static const char *const behaviours[_BEHAVIOUR_MAX] = {"ok",        "status",    "slow", "silent", "lost",
                                                       "unwilling", "edit-only", "html", "refuse"};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Behaviour behaviour = OK;
static unsigned number, page_max = 5000, next_id = 1;
static unsigned long requests, writes;
static json_t *records, *history;
static const char *arg_control, *arg_token;

/* --- answers --- */

typedef struct Answer {
        unsigned status;
        json_t *body;
} Answer;

static Answer refuse(unsigned status, int code, const char *format, ...)
                __attribute__((format(printf, 3, 4)));
static Answer refuse(unsigned status, int code, const char *format, ...)
{
        char *message;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&message, format, ap) < 0)
                die("out of memory");
        va_end(ap);
        json_t *body = json_pack("{s:b, s:[{s:i, s:s}], s:[], s:n}", "success", 0, "errors", "code", code,
                                 "message", message, "messages", "result");

        free(message);
        return (Answer){status, body};
}

static Answer accept_with(json_t *result, json_t *info)
{
        json_t *body = json_pack("{s:b, s:[], s:[], s:o}", "success", 1, "errors", "messages", "result",
                                 result);

        if (info)
                json_object_set_new(body, "result_info", info);
        return (Answer){200, body};
}

/* --- queries --- */

/* A parameter of the query string; malloc'ed, NULL when it is not there. Nothing that we are sent needs decoding. */
static char *parameter(const char *path, const char *name)
{
        const char *at = strchr(path, '?');
        size_t size = strlen(name);

        while (at) {
                at++;
                if (strncmp(at, name, size) == 0 && at[size] == '=')
                        return strndup(at + size + 1, strcspn(at + size + 1, "&"));
                at = strchr(at, '&');
        }
        return NULL;
}

static unsigned parameter_number(const char *path, const char *name, unsigned fallback)
{
        char *s = parameter(path, name);
        unsigned n = s ? (unsigned) strtoul(s, NULL, 10) : fallback;

        free(s);
        return n;
}

static const char *member(const json_t *j, const char *key)
{
        const char *s = json_string_value(json_object_get(j, key));
        return s ? s : "";
}

static json_t *zone_object(const char *id)
{
        const char *name = strcmp(id, ZONE_ID) == 0 ? "shop.example" : "other.example";

        return json_pack("{s:s, s:s, s:s, s:b, s:s}", "id", id, "name", name, "status", "active", "paused", 0,
                         "type", "full");
}

static Answer list_zones(const char *path)
{
        char *name = parameter(path, "name");
        json_t *result = json_array();

        if (!name || strcmp(name, "shop.example") == 0)
                json_array_append_new(result, zone_object(ZONE_ID));
        if (!name || strcmp(name, "other.example") == 0)
                json_array_append_new(result, zone_object(OTHER_ID));
        free(name);

        size_t n = json_array_size(result);

        return accept_with(result, json_pack("{s:i, s:i, s:i, s:i, s:i}", "page", 1, "per_page", 50, "count",
                                             (int) n, "total_count", (int) n, "total_pages", 1));
}

static Answer list_records(const char *path)
{
        unsigned page = parameter_number(path, "page", 1), size = parameter_number(path, "per_page", 100);
        char *name = parameter(path, "name.exact");
        json_t *found = json_array(), *result = json_array(), *record;
        size_t i;

        if (size > page_max)
                size = page_max;
        json_array_foreach(records, i, record)
        {
                if (!name || strcasecmp(name, member(record, "name")) == 0)
                        json_array_append(found, record);
        }
        free(name);

        size_t total = json_array_size(found), first = (size_t) (page - 1) * size;

        for (i = first; page > 0 && i < total && i < first + size; i++)
                json_array_append(result, json_array_get(found, i));
        json_decref(found);
        return accept_with(result,
                           json_pack("{s:i, s:i, s:i, s:i, s:i}", "page", (int) page, "per_page", (int) size,
                                     "count", (int) json_array_size(result), "total_count", (int) total,
                                     "total_pages", (int) ((total + size - 1) / size)));
}

/* --- batches --- */

static bool is_one_of(const char *s, const char *const *list)
{
        for (; *list; list++)
                if (strcmp(*list, s) == 0)
                        return true;
        return false;
}

static const char *const proxiable[] = {"A", "AAAA", "CNAME", NULL};

static Answer check_content(const json_t *r)
{
        const char *type = member(r, "type"), *content = member(r, "content");
        const json_t *data = json_object_get(r, "data");
        unsigned char bytes[16];

        if (strcmp(type, "A") == 0 && inet_pton(AF_INET, content, bytes) != 1)
                return refuse(400, 9005, "Content for A record is invalid. Must be a valid IPv4 address.");
        if (strcmp(type, "AAAA") == 0 && inet_pton(AF_INET6, content, bytes) != 1)
                return refuse(400, 9005, "Content for AAAA record is invalid. Must be a valid IPv6 address.");
        if (strcmp(type, "CNAME") == 0 && (!*content || strchr(content, ' ')))
                return refuse(400, 9007, "Content for CNAME record is invalid.");
        if (strcmp(type, "MX") == 0 && !json_is_integer(json_object_get(r, "priority")))
                return refuse(400, 9100, "priority is a required data field.");
        if (strcmp(type, "TXT") == 0 && *content != '"')
                return refuse(400, 9200, "The content of TXT records must be in quotation marks.");
        if (strcmp(type, "SRV") == 0 &&
            (!json_is_integer(json_object_get(data, "port")) || !*member(data, "target")))
                return refuse(400, 9101, "port is a required data field.");
        if (strcmp(type, "CAA") == 0 &&
            (!*member(data, "tag") || !json_is_integer(json_object_get(data, "flags"))))
                return refuse(400, 9102, "flags is a required data field.");
        return (Answer){OK_MAYBE, NULL};
}

static Answer check_record(const json_t *r)
{
        static const char *const types[] = {"A",   "AAAA", "CNAME", "MX", "TXT",
                                            "SRV", "CAA",  "PTR",   "NS", NULL};
        json_int_t ttl = json_integer_value(json_object_get(r, "ttl"));

        if (!*member(r, "name"))
                return refuse(400, 9000, "DNS name is invalid.");
        if (!is_one_of(member(r, "type"), types))
                return refuse(400, 9019, "Record type is invalid.");
        if (ttl != 1 && (ttl < 60 || ttl > 86400))
                return refuse(400, 9021,
                              "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.");
        if (json_is_true(json_object_get(r, "proxied")) && !is_one_of(member(r, "type"), proxiable))
                return refuse(400, 9004, "This record type cannot be proxied.");
        return check_content(r);
}

/* What no two records of a zone may be; skip is r itself. */
static Answer check_beside(const json_t *list, const json_t *r)
{
        bool alias = strcmp(member(r, "type"), "CNAME") == 0,
             address = is_one_of(member(r, "type"), proxiable);
        const json_t *other;
        size_t i;

        json_array_foreach(list, i, other)
        {
                if (other == r || strcasecmp(member(other, "name"), member(r, "name")) != 0)
                        continue;
                if (strcmp(member(other, "type"), member(r, "type")) == 0 &&
                    strcmp(member(other, "content"), member(r, "content")) == 0 &&
                    json_equal(json_object_get(other, "data"), json_object_get(r, "data")))
                        return refuse(400, 81058, "An identical record already exists.");
                if ((alias && is_one_of(member(other, "type"), proxiable)) ||
                    (address && strcmp(member(other, "type"), "CNAME") == 0))
                        return refuse(400, 81053,
                                      "An A, AAAA, or CNAME record with that host already exists.");
        }
        return (Answer){OK_MAYBE, NULL};
}

/* What the real one makes of what it is given. */
static void record_finish(json_t *r)
{
        const char *name = member(r, "name");
        size_t size = strlen(name), zone = strlen("shop.example");

        if (size < zone || strcasecmp(name + size - zone, "shop.example") != 0) {
                char *full = text("%s.shop.example", name);

                json_object_set_new(r, "name", json_string(full));
                free(full);
        }
        if (!json_object_get(r, "ttl") || json_is_true(json_object_get(r, "proxied")))
                json_object_set_new(r, "ttl", json_integer(1));
        if (!json_object_get(r, "proxied"))
                json_object_set_new(r, "proxied", json_false());
        json_object_set_new(r, "proxiable", json_boolean(is_one_of(member(r, "type"), proxiable)));
}

static Answer add_record(json_t *list, const json_t *given)
{
        json_t *r = json_deep_copy(given);
        char *id = text("%032x", next_id++);

        json_object_set_new(r, "id", json_string(id));
        free(id);
        record_finish(r);
        json_array_append_new(list, r);

        Answer answer = check_record(r);

        return answer.status ? answer : check_beside(list, r);
}

static json_t *find_record(const json_t *list, const char *id, size_t *ret)
{
        json_t *r;
        size_t i;

        json_array_foreach(list, i, r)
        {
                *ret = i;
                if (strcmp(member(r, "id"), id) == 0)
                        return r;
        }
        return NULL;
}

static Answer change_record(json_t *list, const char *kind, const json_t *given)
{
        size_t at;

        if (strcmp(kind, "posts") == 0)
                return add_record(list, given);

        json_t *r = find_record(list, member(given, "id"), &at);

        if (!r)
                return refuse(404, 81044, "Record does not exist.");
        if (strcmp(kind, "deletes") == 0) {
                json_array_remove(list, at);
                return (Answer){OK_MAYBE, NULL};
        }
        if (strcmp(kind, "puts") == 0)
                json_object_clear(r);
        json_object_update(r, (json_t *) (uintptr_t) given);
        record_finish(r);

        Answer answer = check_record(r);

        return answer.status ? answer : check_beside(list, r);
}

static Answer batch(const Request *request)
{
        static const char *const kinds[] = {"deletes", "patches", "puts", "posts"};
        json_t *body = json_loadb(request->body, request->body_size, JSON_REJECT_DUPLICATES, NULL), *given;
        json_t *list = json_deep_copy(records);
        char *type = request_header(request, "Content-Type");
        Answer answer = {OK_MAYBE, NULL};
        size_t n = 0, i;

        if (!json_is_object(body) || !type || strncmp(type, "application/json", 16) != 0)
                answer = refuse(400, 9207, "Request body is invalid.");
        for (size_t k = 0; k < 4 && !answer.status; k++)
                json_array_foreach(json_object_get(body, kinds[k]), i, given)
                {
                        if (++n > BATCH_MAX)
                                answer = refuse(400, 81060, "Too many changes in one batch.");
                        else
                                answer = change_record(list, kinds[k], given);
                        if (answer.status)
                                break;
                }
        if (!answer.status && n == 0)
                answer = refuse(400, 9207, "Request body is invalid.");
        if (!answer.status) {
                json_decref(records);
                records = json_incref(list);
                writes++;
                answer = accept_with(json_object(), NULL);
        }
        json_decref(list);
        json_decref(body);
        free(type);
        return answer;
}

/* --- requests --- */

static Answer check_token(const Request *r)
{
        char *given = request_header(r, "Authorization"), *wanted = text("Bearer %s", arg_token);
        Answer answer = {OK_MAYBE, NULL};

        if (!given)
                answer = refuse(400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers");
        else if (strncmp(given, "Bearer ", 7) != 0 || strlen(given) < 12)
                answer = refuse(400, 6003, "Invalid request headers");
        else if (strcmp(given, wanted) != 0)
                answer = refuse(403, 9109, "Invalid access token");
        free(given);
        free(wanted);
        return answer;
}

static bool path_is(const Request *r, const char *method, const char *path)
{
        size_t size = strcspn(r->path, "?");

        return strcmp(r->method, method) == 0 && strlen(path) == size && strncmp(r->path, path, size) == 0;
}

static Answer route(const Request *r, Behaviour how)
{
        Answer answer = check_token(r);

        if (answer.status)
                return answer;
        if (how == EDIT_ONLY && !strstr(r->path, "/dns_records"))
                return refuse(403, 10000, "Authentication error");
        if (path_is(r, "GET", BASE))
                return list_zones(r->path);
        if (path_is(r, "GET", BASE "/" ZONE_ID))
                return accept_with(zone_object(ZONE_ID), NULL);
        if (path_is(r, "GET", BASE "/" OTHER_ID))
                return accept_with(zone_object(OTHER_ID), NULL);
        if (path_is(r, "GET", BASE "/" ZONE_ID "/dns_records"))
                return list_records(r->path);
        if (path_is(r, "POST", BASE "/" ZONE_ID "/dns_records/batch"))
                return batch(r);
        return refuse(404, 7003, "Could not route to %s, perhaps your object identifier is invalid?",
                      r->path);
}

static void answer_write(Connection *c, const Answer *answer, const char *extra)
{
        char *body = json_dumps(answer->body, JSON_COMPACT);

        connection_answer(c, answer->status, extra, body);
        free(body);
}

static void serve(Connection *c)
{
        Request r = {0};

        if (!request_read(c, &r)) {
                request_clear(&r);
                return;
        }
        pthread_mutex_lock(&lock);
        Behaviour how = behaviour;
        unsigned n = number;
        Answer answer = {0};

        requests++;
        json_array_append_new(history, json_sprintf("%s %s", r.method, r.path));
        if (how == STATUS)
                answer = refuse(n, n == 429 ? 971 : 1000,
                                n == 429 ? "Please wait and consider throttling your "
                                           "request speed"
                                         : "as ordered");
        else if (how == UNWILLING)
                answer = refuse(200, 1004, "DNS Validation Error");
        else if (how != SILENT && how != HTML)
                answer = route(&r, how);
        pthread_mutex_unlock(&lock);

        if (how == SLOW)
                usleep(n * 1000);
        if (how == SILENT)
                connection_wait_closed(c);
        else if (how == HTML)
                connection_answer(c, 200, "", "<html>We will be right back</html>");
        else if (how == LOST && strcmp(r.method, "POST") == 0)
                connection_reset(c);
        else
                answer_write(c, &answer, answer.status == 429 ? "Retry-After: 1\r\n" : "");
        json_decref(answer.body);
        request_clear(&r);
}

/* --- orders --- */

static char *order_record(const char *line)
{
        json_t *given = json_loads(line, 0, NULL);

        if (!json_is_object(given)) {
                json_decref(given);
                return text("no record: %s\n", line);
        }
        /* It is in the dashboard already, so it may be in a form that the API no longer takes. */
        char *id = text("%032x", next_id++);

        json_object_set_new(given, "id", json_string(id));
        free(id);
        record_finish(given);
        json_array_append_new(records, given);
        return NULL;
}

static char *order_behaviour(const char *name, const char *argument)
{
        unsigned how = 0;

        while (how < _BEHAVIOUR_MAX && strcmp(behaviours[how], name) != 0)
                how++;
        if (how == _BEHAVIOUR_MAX)
                return text("no such behaviour: \"%s\"\n", name);
        Behaviour before = behaviour;
        behaviour = (Behaviour) how;
        number = (unsigned) strtoul(argument, NULL, 10);
        if (how == REFUSE || before == REFUSE)
                server_listen_as(how == REFUSE ? LISTEN_REFUSE : LISTEN_NORMAL);
        return NULL;
}

static char *order(const char *line)
{
        char name[32] = "", argument[64] = "", *wrong = NULL;

        sscanf(line, "%31s %63s", name, argument);
        pthread_mutex_lock(&lock);
        if (strcmp(name, "record") == 0)
                wrong = order_record(line + strlen("record"));
        else if (strcmp(name, "pages") == 0)
                page_max = (unsigned) strtoul(argument, NULL, 10);
        else if (strcmp(name, "clear") == 0)
                json_array_clear(records);
        else
                wrong = order_behaviour(name, argument);
        pthread_mutex_unlock(&lock);
        return wrong;
}

static char *report(void)
{
        pthread_mutex_lock(&lock);
        json_t *j = json_pack("{s:s, s:I, s:I, s:O, s:O}", "behaviour", behaviours[behaviour], "requests",
                              (json_int_t) requests, "writes", (json_int_t) writes, "records", records, "log",
                              history);
        char *s = json_dumps(j, JSON_COMPACT);

        json_decref(j);
        pthread_mutex_unlock(&lock);
        return s;
}

int main(int argc, char **argv)
{
        static const struct option options[] = {
                        {"control", required_argument, NULL, 'c'},
                        {"token", required_argument, NULL, 't'},
                        {0},
        };

        for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
                if (c == 'c')
                        arg_control = optarg;
                else if (c == 't')
                        arg_token = optarg;
                else
                        return 2;
        }
        if (!arg_control || !arg_token)
                die("usage: cloudflare-api --control SOCKET --token TOKEN");
        records = json_array();
        history = json_array();

        const Server s = {.serve = serve, .order = order, .report = report, .control = arg_control};

        server_run(&s);
}
