/* SPDX-License-Identifier: MIT */
/* http: sends one request at every change of mode, to whatever the operator has. */
#include "actions/request.h"

#include "base/text.h"

#include <strings.h>
#include <unistd.h>

typedef struct HttpConf {
        char *url, *method, *body, *bearer_file, *ca_file;
        ConfPair *headers;
        ConfIntegers expect_status;
        uint64_t timeout_usec;
} HttpConf;

typedef struct HttpState {
        Fetch *fetch;
} HttpState;

static const ConfRange timeout_range = {100 * USEC_PER_MSEC, 2 * USEC_PER_MIN};

static const ConfField http_fields[] = {
                {"url", &conf_url, offsetof(HttpConf, url), CONF_REQUIRED | CONF_SECRET, NULL, "Where to.",
                 NULL},
                {"method", &conf_string, offsetof(HttpConf, method), 0, "POST", "The request's method.",
                 NULL},
                {"headers", &conf_string_map, offsetof(HttpConf, headers), CONF_SECRET, NULL,
                 "More request headers.", NULL},
                {"body", &conf_string, offsetof(HttpConf, body), 0, NULL,
                 "Sent as it is; without it (and with POST, PUT or PATCH) a JSON document that says what "
                 "changed.",
                 NULL},
                {"bearer_file", &conf_string, offsetof(HttpConf, bearer_file), 0, NULL,
                 "A file with the token for Authorization: Bearer.", NULL},
                {"expect_status", &conf_integers, offsetof(HttpConf, expect_status), 0, NULL,
                 "Statuses that mean done; without it any 2xx.", NULL},
                {"ca_file", &conf_string, offsetof(HttpConf, ca_file), 0, NULL,
                 "Certificates to trust instead of the system's.", NULL},
                {"timeout", &conf_duration, offsetof(HttpConf, timeout_usec), 0, "10s", "For one attempt.",
                 &timeout_range},
                {NULL},
};

static bool status_expected(const HttpConf *c, unsigned status)
{
        for (size_t i = 0; i < c->expect_status.count; i++)
                if (c->expect_status.values[i] == (int64_t) status)
                        return true;
        return false;
}

static void on_answer(Fetch *fetch, const FetchResult *result, void *userdata)
{
        Action *a = userdata;
        const HttpConf *c = a->conf;

        if (result->error == FETCH_OK && status_expected(c, result->status))
                action_report(a, ACTION_DONE, "HTTP %u", result->status);
        else if (result->error == FETCH_OK && c->expect_status.count > 0 && result->status / 100 == 2)
                action_report(a, ACTION_RETRY, "HTTP %u, which is not among expect_status", result->status);
        else
                action_report_fetch(a, result);
}

static bool method_takes_body(const char *method)
{
        return streq(method, "POST") || streq(method, "PUT") || streq(method, "PATCH");
}

/* The body to send: the operator's, or the document; NULL for none. */
static int body_make(const Action *a, char **ret)
{
        const HttpConf *c = a->conf;

        if (c->body) {
                *ret = strdup(c->body);
                return *ret ? 0 : -ENOMEM;
        }
        if (!method_takes_body(c->method)) {
                *ret = NULL;
                return 0;
        }
        (void) json_failed();
        _cleanup_json_ json_t *facts = request_facts(a->facts);
        return facts && !json_failed() ? json_print(facts, ret) : -ENOMEM;
}

static bool has_header(const ConfPair *pairs, const char *name)
{
        for (const ConfPair *p = pairs; p && p->key; p++)
                if (strcasecmp(p->key, name) == 0)
                        return true;
        return false;
}

static void headers_make(const Action *a, bool document, Headers *headers)
{
        const HttpConf *c = a->conf;
        _cleanup_free_ char *id = request_clean(a->facts->id, false);

        if (document && !has_header(c->headers, "Content-Type"))
                headers_add(headers, "Content-Type", "application/json");
        /* The same for every attempt, so that the receiver can drop doubles. */
        if (!has_header(c->headers, "Idempotency-Key"))
                headers_add(headers, "Idempotency-Key", "\"%s\"", id ? id : "");
        headers_add_pairs(headers, c->headers);
        headers->failed = headers->failed || !id;
}

static size_t http_files(const void *conf, ReadingFile *ret)
{
        const HttpConf *c = conf;
        size_t n = 0;

        if (c->bearer_file)
                ret[n++] = (ReadingFile){.name = c->bearer_file};
        if (c->ca_file)
                ret[n++] = (ReadingFile){.name = c->ca_file, .plain = true};
        return n;
}

static void http_apply(Action *a)
{
        const HttpConf *c = a->conf;
        HttpState *s = a->state;
        _cleanup_headers_ Headers headers = {0};
        _cleanup_free_ char *body = NULL;
        const char *bearer = NULL, *nothing;
        Error e = {0};

        int r = body_make(a, &body);
        if (r == 0 && c->bearer_file)
                r = action_secret(a, c->bearer_file, &bearer, &e);
        if (r == 0 && c->ca_file)
                r = action_secret(a, c->ca_file, &nothing, &e);
        if (r == 0) {
                headers_make(a, body && !c->body, &headers);
                r = headers.failed ? -ENOMEM : 0;
        }
        if (r == 0) {
                FetchRequest request = {.url = c->url,
                                        .method = c->method,
                                        .headers = (const char *const *) headers.lines,
                                        .bearer = bearer,
                                        .body = body,
                                        .body_size = body ? strlen(body) : 0,
                                        .ca_file = c->ca_file,
                                        .timeout_usec = c->timeout_usec,
                                        .flags = FETCH_REMEMBER};
                r = fetch_start(a->context->fetch, &request, on_answer, a, &s->fetch);
        }
        if (r < 0)
                action_report(a, ACTION_RETRY, "not sent: %s", *e.text ? e.text : strerror(-r));
}

static void http_stop(Action *a)
{
        HttpState *s = a->state;
        s->fetch = fetch_free(s->fetch);
}

static int http_check(const void *conf, const ConfNode *node, Error *e)
{
        const HttpConf *c = conf;

        if (!*c->method || c->method[strspn(c->method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")])
                return conf_error(node, e, "method: \"%s\" is none; it is written in capitals, such as POST",
                                  c->method);
        for (size_t i = 0; i < c->expect_status.count; i++)
                if (c->expect_status.values[i] < 100 || c->expect_status.values[i] > 599)
                        return conf_error(node, e, "expect_status: %lld is no HTTP status",
                                          (long long) c->expect_status.values[i]);
        return request_check_headers(c->headers, node, e);
}

static int http_verify(const void *conf, const char *config_dir, Error *e)
{
        const HttpConf *c = conf;
        _cleanup_(secret_freep) char *bearer = NULL;

        if (c->ca_file && access(c->ca_file, R_OK) < 0)
                return error_set(e, -errno, "ca_file %s: %s", c->ca_file, strerror(errno));
        return c->bearer_file ? secret_read(c->bearer_file, config_dir, &bearer, NULL, e) : 0;
}

static int http_target(const void *conf, char **ret)
{
        const HttpConf *c = conf;
        return request_target(c->url, ret);
}

const ActionType action_http = {
                .name = "http",
                .help = "Sends one request at every change of mode.",
                .conf_size = sizeof(HttpConf),
                .fields = http_fields,
                .size = sizeof(HttpState),
                .event = true,
                .timeout_usec = 125 * USEC_PER_SEC,
                .check = http_check,
                .verify = http_verify,
                .target = http_target,
                .files = http_files,
                .apply = http_apply,
                .stop = http_stop,
};
