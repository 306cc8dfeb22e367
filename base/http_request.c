/* SPDX-License-Identifier: MIT */
/* One request as the handler sees it, and its answer. Everything is copied out of libmicrohttpd's memory, since a
 * request may outlive its connection. */
#include "base/httpd_private.h"

#include "base/json.h"
#include "base/text.h"

#include <stdarg.h>
#include <strings.h>

#define OUR_HEADER_KIND MHD_FOOTER_KIND /* trailers of a request are not looked at */

int http_pairs_add(HttpPairs *pairs, enum MHD_ValueKind kind, const char *key, const char *value)
{
        size_t key_size = strlen(key) + 1, value_size = value ? strlen(value) + 1 : 1;

        HttpPair *list = reallocarray(pairs->list, pairs->n + 1, sizeof(*list));
        if (list)
                pairs->list = list;
        char *text = list ? malloc(key_size + value_size) : NULL;
        if (!text) {
                pairs->failed = true;
                return -ENOMEM;
        }
        memcpy(text, key, key_size);
        memcpy(text + key_size, value ?: "", value_size);
        list[pairs->n++] = (HttpPair){.kind = kind, .key = text, .value = text + key_size};
        return 0;
}

int http_request_new(HttpConnection *c, const char *method, const char *path, HttpRequest **ret)
{
        HttpRequest *r = calloc(1, sizeof(*r));
        if (!r)
                return -ENOMEM;
        r->connection = c;
        r->peer = c->peer;
        r->method = strdup(method);
        r->path = strdup(path);
        if (!r->method || !r->path) {
                http_request_free(r);
                return -ENOMEM;
        }
        *ret = r;
        return 0;
}

HttpRequest *http_request_free(HttpRequest *r)
{
        if (!r)
                return NULL;
        if (r->response)
                MHD_destroy_response(r->response);
        for (size_t i = 0; i < r->pairs.n; i++)
                free(r->pairs.list[i].key);
        free(r->pairs.list);
        free(r->method);
        free(r->path);
        free(r->body);
        free(r);
        return NULL;
}

int http_request_add_body(HttpRequest *r, const void *data, size_t size, size_t body_max)
{
        if (r->body_too_large || size > body_max - r->body_size) {
                r->body_too_large = true; /* the rest is read and thrown away, within the deadline */
                return 0;
        }
        if (r->body_size + size + 1 > r->body_capacity) {
                size_t capacity = MIN(2 * (r->body_size + size), body_max) + 1;
                char *body = realloc(r->body, capacity);
                if (!body)
                        return -ENOMEM;
                r->body = body;
                r->body_capacity = capacity;
        }
        memcpy(r->body + r->body_size, data, size);
        r->body_size += size;
        r->body[r->body_size] = '\0';
        return 0;
}

const char *http_request_smuggles(const HttpRequest *r, const char *version)
{
        unsigned lengths = 0, encodings = 0, hosts = 0;

        for (size_t i = 0; i < r->pairs.n; i++) {
                const HttpPair *p = &r->pairs.list[i];

                if (p->kind != MHD_HEADER_KIND)
                        continue;
                if (!string_is_token(p->key))
                        return "a header's name holds a character that is not allowed there";
                if (strcasecmp(p->key, "Content-Length") == 0) {
                        lengths++;
                        if (!*p->value || strspn(p->value, "0123456789") != strlen(p->value) ||
                            strlen(p->value) > 18)
                                return "Content-Length is not a number";
                } else if (strcasecmp(p->key, "Transfer-Encoding") == 0) {
                        encodings++;
                        if (strcasecmp(p->value, "chunked") != 0)
                                return "Transfer-Encoding other than chunked";
                } else if (strcasecmp(p->key, "Host") == 0)
                        hosts++;
        }
        if (lengths > 1)
                return "more than one Content-Length";
        if (encodings > 1)
                return "more than one Transfer-Encoding";
        if (lengths > 0 && encodings > 0)
                return "both Content-Length and Transfer-Encoding";
        if (encodings > 0 && strcasecmp(version, "HTTP/1.1") != 0)
                return "Transfer-Encoding needs HTTP/1.1";
        if (hosts > 1)
                return "more than one Host";
        return NULL;
}

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c |= 0x20;
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t http_unescape(char *text)
{
        char *to = text;

        for (const char *from = text; *from;) {
                int high = *from == '%' ? hex_digit(from[1]) : -1;
                int low = high >= 0 ? hex_digit(from[2]) : -1;
                if (low >= 0 && (high | low) != 0) {
                        *to++ = (char) (high << 4 | low);
                        from += 3;
                } else
                        *to++ = *from++;
        }
        *to = '\0';
        return (size_t) (to - text);
}

const char *http_method(const HttpRequest *r)
{
        return r->method;
}

const char *http_path(const HttpRequest *r)
{
        return r->path;
}

const char *http_query(const HttpRequest *r, const char *key)
{
        for (size_t i = 0; i < r->pairs.n; i++)
                if (r->pairs.list[i].kind == MHD_GET_ARGUMENT_KIND && streq(r->pairs.list[i].key, key))
                        return r->pairs.list[i].value;
        return NULL;
}

const char *http_header(const HttpRequest *r, const char *name)
{
        for (size_t i = 0; i < r->pairs.n; i++)
                if (r->pairs.list[i].kind == MHD_HEADER_KIND && strcasecmp(r->pairs.list[i].key, name) == 0)
                        return r->pairs.list[i].value;
        return NULL;
}

void http_set_note(HttpRequest *r, const void *note)
{
        r->note = note;
}

const void *http_note(const HttpRequest *r)
{
        return r->note;
}

size_t http_request_headers(const HttpRequest *r, const char *name, const char **ret, size_t max)
{
        size_t n = 0;

        for (size_t i = r->pairs.n; i > 0 && n < max; i--)
                if (r->pairs.list[i - 1].kind == MHD_HEADER_KIND &&
                    strcasecmp(r->pairs.list[i - 1].key, name) == 0)
                        ret[n++] = r->pairs.list[i - 1].value;
        for (size_t i = 0; i < n / 2; i++) {
                const char *value = ret[i];
                ret[i] = ret[n - 1 - i];
                ret[n - 1 - i] = value;
        }
        return n;
}

const void *http_body(const HttpRequest *r, size_t *ret_size)
{
        if (ret_size)
                *ret_size = r->body_size;
        return r->body ?: "";
}

const HttpPeer *http_peer(const HttpRequest *r)
{
        return &r->peer;
}

const char *http_client(const HttpRequest *r)
{
        return r->client;
}

int http_add_header(HttpRequest *r, const char *name, const char *value)
{
        assert(r->state != HTTP_ANSWERED);
        assert(string_is_token(name));

        for (const char *p = value; *p; p++)
                if ((unsigned char) *p < ' ' || *p == 127)
                        return -EINVAL; /* it would end the header */
        return http_pairs_add(&r->pairs, OUR_HEADER_KIND, name, value);
}

static bool has_own_header(const HttpRequest *r, const char *name)
{
        for (size_t i = 0; i < r->pairs.n; i++)
                if (r->pairs.list[i].kind == OUR_HEADER_KIND && strcasecmp(r->pairs.list[i].key, name) == 0)
                        return true;
        return false;
}

/* The answer's own headers, and the server's that it does not have. */
static bool headers_to_response(const HttpRequest *r, struct MHD_Response *response)
{
        const char *const *all = r->connection ? r->connection->server->options.headers : NULL;

        for (size_t i = 0; i < r->pairs.n; i++)
                if (r->pairs.list[i].kind == OUR_HEADER_KIND &&
                    MHD_add_response_header(response, r->pairs.list[i].key, r->pairs.list[i].value) !=
                                    MHD_YES)
                        return false;
        for (; all && *all; all += 2)
                if (!has_own_header(r, all[0]) &&
                    MHD_add_response_header(response, all[0], all[1]) != MHD_YES)
                        return false;
        return true;
}

void http_request_answer(HttpRequest *r, unsigned status, struct MHD_Response *response, size_t size)
{
        http_request_answer_held(r, status, response, size, size);
}

void http_request_answer_held(HttpRequest *r, unsigned status, struct MHD_Response *response, uint64_t size,
                              size_t held)
{
        assert(r->state != HTTP_ANSWERED);

        if (response && !headers_to_response(r, response)) {
                MHD_destroy_response(response);
                response = NULL;
        }
        r->state = HTTP_ANSWERED;
        r->status = status;
        r->response = response;
        if (!r->connection) {
                http_request_free(r);
                return;
        }
        HttpServer *s = r->connection->server;
        if (s->options.answered)
                s->options.answered(r, status, s->options.userdata);
        if (size == HTTP_ENDLESS)
                http_connection_set_deadline(r->connection, USEC_NEVER);
        else {
                http_connection_sends(r->connection, size);
                if (s->options.limits)
                        http_limits_answer(s->options.limits, r->answer_size = held);
        }
        http_request_wake(r);
}

void http_reply(HttpRequest *r, unsigned status, const char *content_type, const void *data, size_t size)
{
        assert(r);
        assert(data || size == 0);

        /* libmicrohttpd copies the data and never writes to what it is given. */
        struct MHD_Response *response = MHD_create_response_from_buffer(size, (void *) (uintptr_t) data,
                                                                        MHD_RESPMEM_MUST_COPY);
        if (response && content_type &&
            MHD_add_response_header(response, "Content-Type", content_type) != MHD_YES) {
                MHD_destroy_response(response);
                response = NULL;
        }
        http_request_answer(r, status, response, size);
}

void http_reply_json(HttpRequest *r, unsigned status, json_t *body)
{
        _cleanup_json_ json_t *owned = body;
        _cleanup_free_ char *text = NULL;

        if (!body || json_print(body, &text) < 0)
                http_request_answer(r, status, NULL, 0);
        else
                http_reply(r, status, "application/json", text, strlen(text));
}

void http_reply_error(HttpRequest *r, unsigned status, const char *format, ...)
{
        char text[1024];
        va_list ap;

        va_start(ap, format);
        vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        http_reply_json(r, status,
                        json_pack("{s:b, s:o?}", "success", 0, "error", json_string_or_null(text)));
}
