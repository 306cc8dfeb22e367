/* SPDX-License-Identifier: MIT */
/* Asks a URL and compares status, body, JSON and certificate with what is expected. */
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "probes/probe.h"

#include <strings.h>
#include <unistd.h>

typedef struct HttpConf {
        char *url, *method;
        ConfPair *headers;
        char *bearer_file, *body;
        ConfIntegers expect_status, inconclusive_status;
        char *expect_body;
        json_t *expect_json;
        unsigned tls_min_days;
        char *resolve, *ca_file;
        unsigned redirects_max;
} HttpConf;

typedef struct HttpState {
        Fetch *fetch;
} HttpState;

static bool integers_have(const ConfIntegers *list, int64_t value)
{
        for (size_t i = 0; i < list->count; i++)
                if (list->values[i] == value)
                        return true;
        return false;
}

static bool sends_key(const HttpConf *c)
{
        if (c->bearer_file)
                return true;
        for (const ConfPair *p = c->headers; p && p->key; p++)
                if (strcasecmp(p->key, "Authorization") == 0)
                        return true;
        return false;
}

static void report_status(Attempt *a, unsigned status)
{
        const HttpConf *c = a->conf;

        if (integers_have(&c->inconclusive_status, status))
                attempt_report(a, OUTCOME_INCONCLUSIVE, "HTTP %u%s", status,
                               status == 429 ? ": too many requests" : "");
        else if ((status == 401 || status == 403) && sends_key(c))
                attempt_report(a, OUTCOME_FAIL, "HTTP %u: frozen account or wrong key", status);
        else if (status >= 300 && status < 400 && c->redirects_max == 0)
                attempt_report(a, OUTCOME_FAIL,
                               "HTTP %u: a redirect, which is not followed (redirects_max 0)", status);
        else if (status < 400 && c->expect_status.count > 0)
                attempt_report(a, OUTCOME_FAIL, "HTTP %u, expected %d", status,
                               (int) c->expect_status.values[0]);
        else
                attempt_report(a, OUTCOME_FAIL, "HTTP %u", status);
}

/* A value of the answer for a message: scalars as in JSON, cut; the rest by its kind. */
static const char *json_describe(const json_t *j, char *buffer, size_t size)
{
        _cleanup_free_ char *text = NULL;

        if (!j)
                return "missing";
        if (json_is_object(j))
                return "an object";
        if (json_is_array(j))
                return "a list";
        text = json_dumps(j, JSON_ENCODE_ANY | JSON_COMPACT);
        snprintf(buffer, size, "%.60s%s", text ? text : "?", text && strlen(text) > 60 ? "…" : "");
        return buffer;
}

static bool json_scalar_equal(const json_t *a, const json_t *b)
{
        if (json_is_number(a) && json_is_number(b))
                return json_is_integer(a) && json_is_integer(b)
                                       ? json_integer_value(a) == json_integer_value(b)
                                       : json_number_value(a) == json_number_value(b);
        return json_equal(a, b);
}

static bool json_as_expected(Attempt *a, const FetchResult *result)
{
        const HttpConf *c = a->conf;
        _cleanup_json_ json_t *answer = NULL;
        char got_text[80], wanted_text[80];
        const char *path;
        json_t *wanted;
        Error e = {};
        int r;

        r = json_parse(result->body, result->body_size, &answer, &e);
        if (r == -ENOMEM) {
                attempt_report_errno(a, r, "JSON");
                return false;
        }
        if (r < 0) {
                attempt_report(a, OUTCOME_FAIL, "the answer is not JSON: %s", e.text);
                return false;
        }
        json_object_foreach(c->expect_json, path, wanted)
        {
                const json_t *got = json_at(answer, path);

                if (got && json_scalar_equal(got, wanted))
                        continue;
                attempt_report(a, OUTCOME_FAIL, "%s is %s, expected %s", path,
                               json_describe(got, got_text, sizeof got_text),
                               json_describe(wanted, wanted_text, sizeof wanted_text));
                return false;
        }
        return true;
}

static void judge(Attempt *a, const FetchResult *result, bool whole)
{
        const HttpConf *c = a->conf;

        if (!integers_have(&c->expect_status, result->status)) {
                report_status(a, result->status);
                return;
        }
        if (!whole && (c->expect_body || c->expect_json)) {
                attempt_report(a, OUTCOME_FAIL, "the answer is too large to look into");
                return;
        }
        if (c->expect_body &&
            !memmem(result->body, result->body_size, c->expect_body, strlen(c->expect_body))) {
                attempt_report(a, OUTCOME_FAIL, "HTTP %u without \"%.80s\" in the answer", result->status,
                               c->expect_body);
                return;
        }
        if (c->expect_json && !json_as_expected(a, result))
                return;
        if (!attempt_warn_expiry(a, result->certificate_expires_usec, c->tls_min_days))
                attempt_report(a, OUTCOME_PASS, "HTTP %u", result->status);
}

static void on_fetched(Fetch *fetch, const FetchResult *result, void *userdata)
{
        Attempt *a = userdata;

        if (result->error == FETCH_OK)
                judge(a, result, true);
        else if (result->error == FETCH_TOO_LARGE && result->status > 0)
                judge(a, result, false); /* the status may be all that is asked for */
        else
                attempt_report_fetch(a, result);
}

static int headers_new(const ConfPair *pairs, char ***ret)
{
        size_t n = 0;
        char **list;

        while (pairs && pairs[n].key)
                n++;
        list = calloc(n + 1, sizeof *list);
        if (!list)
                return -ENOMEM;
        *ret = list;
        for (size_t i = 0; i < n; i++) {
                list[i] = string_printf("%s: %s", pairs[i].key, pairs[i].value);
                if (!list[i])
                        return -ENOMEM; /* the caller frees what there is */
        }
        return 0;
}

static void headers_free(char ***headers)
{
        for (char **h = *headers; h && *h; h++) {
                explicit_bzero(*h, strlen(*h));
                free(*h);
        }
        free(*headers);
}

/* True when there is none, or it could be read. */
static bool bearer_get(Attempt *a, const char **ret)
{
        const HttpConf *c = a->conf;
        Error e = {};
        int r;

        if (!c->bearer_file)
                return true;
        r = attempt_secret(a, c->bearer_file, ret, &e);
        if (r == -EACCES || r == -ENOENT)
                attempt_report(a, OUTCOME_INCONCLUSIVE, "cannot read %s: %s", c->bearer_file, strerror(-r));
        else if (r < 0) /* says what would be right */
                attempt_report(a, OUTCOME_INCONCLUSIVE, "%s", e.text);
        else if (strpbrk(*ret, "\r\n"))
                attempt_report(a, OUTCOME_INCONCLUSIVE, "%s does not hold one line with a key",
                               c->bearer_file);
        else
                return true;
        return false;
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

static void http_start(Attempt *a)
{
        _cleanup_(headers_free) char **headers = NULL;
        const HttpConf *c = a->conf;
        HttpState *s = a->state;
        const char *bearer = NULL, *nothing;
        Error e;
        int r;

        if (!bearer_get(a, &bearer))
                return;
        if (c->ca_file && attempt_secret(a, c->ca_file, &nothing, &e) < 0) {
                attempt_report(a, OUTCOME_INCONCLUSIVE, "cannot read %s", e.text);
                return;
        }
        r = headers_new(c->headers, &headers);
        if (r < 0) {
                attempt_report_errno(a, r, "request");
                return;
        }
        FetchRequest request = {
                        .url = c->url,
                        .method = c->method,
                        .headers = (const char *const *) headers,
                        .bearer = bearer,
                        .body = c->body,
                        .body_size = c->body ? strlen(c->body) : 0,
                        .resolve = c->resolve,
                        .ca_file = c->ca_file,
                        .timeout_usec = a->timeout_usec +
                                        USEC_PER_SEC, /* http_expire() knows better what to say */
                        .redirects_max = c->redirects_max,
                        .flags = FETCH_FRESH | (c->tls_min_days > 0 ? FETCH_WANT_EXPIRY : 0),
        };
        r = fetch_start(a->context->fetch, &request, on_fetched, a, &s->fetch);
        if (r < 0)
                attempt_report_errno(a, r, "request");
}

static void http_stop(Attempt *a)
{
        HttpState *s = a->state;

        s->fetch = fetch_free(s->fetch);
}

static void http_expire(Attempt *a)
{
        HttpState *s = a->state;
        const char *phase = fetch_phase(s->fetch);

        if (streq(phase, "resolving"))
                attempt_report(a, OUTCOME_INCONCLUSIVE, "our own resolver does not answer");
        else
                attempt_report_silence(a, phase);
}

static int check_headers(const HttpConf *c, const ConfNode *node, Error *e)
{
        for (const ConfPair *p = c->headers; p && p->key; p++) {
                const ConfNode *at = conf_get(conf_get(node, "headers"), p->key);

                if (!string_is_token(p->key))
                        return conf_error(at, e, "\"%s\" is not a name for a header", p->key);
                if (strcasecmp(p->key, "Host") == 0)
                        return conf_error(
                                        at, e,
                                        "the header Host is set by the client itself: put the name into url, "
                                        "and the address to ask into resolve");
                if (fetch_sets_header(p->key))
                        return conf_error(at, e, "the header %s is set by the client itself", p->key);
                if (strpbrk(p->value, "\r\n"))
                        return conf_error(at, e, "the value of a header is one line");
                if (c->bearer_file && strcasecmp(p->key, "Authorization") == 0)
                        return conf_error(at, e, "either bearer_file or an Authorization header, not both");
        }
        return 0;
}

static int check_status(const ConfIntegers *list, const ConfNode *node, const char *key, Error *e)
{
        const ConfNode *at = conf_get(node, key);

        for (size_t i = 0; i < list->count; i++)
                if (list->values[i] < 100 || list->values[i] > 599)
                        return conf_error(conf_is_sequence(at) ? conf_item(at, i) : at, e,
                                          "%s: an HTTP status is between 100 and 599", key);
        return 0;
}

static int check_json(const HttpConf *c, const ConfNode *node, Error *e)
{
        const ConfNode *at = conf_get(node, "expect_json");
        const char *path;
        json_t *wanted;

        if (!c->expect_json)
                return 0;
        if (!json_is_object(c->expect_json) || json_object_size(c->expect_json) == 0)
                return conf_error(at, e,
                                  "expect_json: a mapping of dotted path to value, as in "
                                  "{account.charges_enabled: true}");
        json_object_foreach(c->expect_json, path, wanted)
        {
                if (json_is_object(wanted) || json_is_array(wanted))
                        return conf_error(conf_get(at, path), e,
                                          "expect_json: the value for %s is one scalar; deeper values have a "
                                          "dotted path",
                                          path);
                if (*path == '\0')
                        return conf_error(conf_get(at, path), e, "expect_json: a path is empty");
        }
        return 0;
}

/* What can never pass is better refused than watched. */
static int check_body(const HttpConf *c, const ConfNode *node, Error *e)
{
        const char *key = c->expect_body ? "expect_body" : "expect_json";
        bool body = false;

        if (!c->expect_body && !c->expect_json)
                return 0;
        if (c->method && streq(c->method, "HEAD"))
                return conf_error(conf_get(node, key), e,
                                  "%s: an answer to HEAD has no body: it could never pass", key);
        for (size_t i = 0; i < c->expect_status.count; i++)
                body = body || (c->expect_status.values[i] != 204 && c->expect_status.values[i] != 304);
        if (!body)
                return conf_error(conf_get(node, key), e,
                                  "%s: an answer with the expected status has no body: it could never pass",
                                  key);
        return 0;
}

static int http_check(const void *conf, const ConfNode *node, Error *e)
{
        const HttpConf *c = conf;
        struct sockaddr_storage address;
        socklen_t size;
        int r;

        if (c->method && !string_is_token(c->method))
                return conf_error(conf_get(node, "method"), e, "method: \"%s\" is not an HTTP method",
                                  c->method);
        if (c->resolve && address_parse(c->resolve, 1, &address, &size) < 0)
                return conf_error(conf_get(node, "resolve"), e, "resolve: \"%s\" is not an IP address",
                                  c->resolve);
        if (strncasecmp(c->url, "https:", 6) != 0 && c->tls_min_days > 0)
                return conf_error(conf_get(node, "tls_min_days"), e, "tls_min_days: the URL is not https");
        if (strncasecmp(c->url, "https:", 6) != 0 && c->ca_file)
                return conf_error(conf_get(node, "ca_file"), e, "ca_file: the URL is not https");
        if (c->expect_status.count == 0)
                return conf_error(conf_get(node, "expect_status"), e, "expect_status: at least one status");
        r = check_status(&c->expect_status, node, "expect_status", e);
        if (r < 0)
                return r;
        r = check_status(&c->inconclusive_status, node, "inconclusive_status", e);
        if (r < 0)
                return r;
        r = check_headers(c, node, e);
        if (r >= 0)
                r = check_body(c, node, e);
        if (r < 0)
                return r;
        return check_json(c, node, e);
}

static int http_verify(const void *conf, const char *config_dir, Error *e)
{
        _cleanup_(secret_freep) char *bearer = NULL;
        const HttpConf *c = conf;
        int r;

        if (c->bearer_file) {
                r = secret_read(c->bearer_file, config_dir, &bearer, NULL, e);
                if (r < 0)
                        return error_prefix(e, r, "bearer_file");
                if (strpbrk(bearer, "\r\n"))
                        return error_set(e, -EINVAL, "bearer_file: %s does not hold one line with a key",
                                         c->bearer_file);
        }
        if (c->ca_file && access(c->ca_file, R_OK) < 0)
                return error_set(e, -errno, "ca_file: cannot read %s: %s", c->ca_file, strerror(errno));
        return 0;
}

#define FIELD(key, type, flags, fallback, help, ...)                                            \
        {                                                                                       \
#key, &conf_##type, offsetof(HttpConf, key), flags, fallback, help, __VA_ARGS__ \
        }

const ProbeType probe_http = {
                .name = "http",
                .help = "A URL: its status, body, JSON fields and certificate.",
                .conf_size = sizeof(HttpConf),
                .fields =
                                (const ConfField[]){
                                                FIELD(url, url, CONF_REQUIRED, NULL,
                                                      "what to ask: http:// or https://"),
                                                FIELD(method, string, 0, NULL,
                                                      "default GET, or POST with a body"),
                                                FIELD(headers, string_map, CONF_SECRET, NULL,
                                                      "headers to send, {Name: value}"),
                                                FIELD(bearer_file, string, 0, NULL,
                                                      "file with a key sent as Authorization: Bearer; "
                                                      "without a slash a systemd credential; read "
                                                      "anew for every request"),
                                                FIELD(body, string, CONF_SECRET, NULL, "body to send"),
                                                FIELD(expect_status, integers, 0, "[200]",
                                                      "any other status is a fail"),
                                                FIELD(expect_body, string, 0, NULL,
                                                      "text that the answer must contain"),
                                                FIELD(expect_json, json, 0, NULL,
                                                      "fields that the answer must have: {dotted.path: "
                                                      "scalar}; numbers index lists"),
                                                FIELD(tls_min_days, unsigned, 0, "0",
                                                      "warn when the certificate is valid for less than this "
                                                      "many days; 0: never",
                                                      &(const ConfRange){0, 3650}),
                                                FIELD(resolve, string, 0, NULL,
                                                      "IP address to connect to instead of looking the name "
                                                      "up"),
                                                FIELD(ca_file, string, 0, NULL,
                                                      "PEM file to trust instead of the system's store"),
                                                FIELD(inconclusive_status, integers, 0, "[429]",
                                                      "statuses that say nothing about the target"),
                                                FIELD(redirects_max, unsigned, 0, "0", "redirects to follow",
                                                      &(const ConfRange){0, 20}),
                                                {NULL},
                                },
                .size = sizeof(HttpState),
                .check = http_check,
                .verify = http_verify,
                .files = http_files,
                .start = http_start,
                .stop = http_stop,
                .expire = http_expire,
};
