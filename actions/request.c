/* SPDX-License-Identifier: MIT */
/* What the action types that speak HTTP share: header lines, targets for people, the facts as a document. */
#include "actions/request.h"

#include "base/text.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <strings.h>

static void headers_add_line(Headers *h, char *line)
{
        char **lines = line ? reallocarray(h->lines, h->count + 2, sizeof(*lines)) : NULL;
        if (!lines) {
                free(line);
                h->failed = true;
                return;
        }
        h->lines = lines;
        h->lines[h->count++] = line;
        h->lines[h->count] = NULL;
}

void headers_add(Headers *h, const char *name, const char *format, ...)
{
        _cleanup_free_ char *value = NULL;
        va_list args;

        va_start(args, format);
        int r = vasprintf(&value, format, args);
        va_end(args);
        if (r < 0) {
                value = NULL;
                h->failed = true;
                return;
        }
        assert(!strpbrk(value, "\r\n"));
        headers_add_line(h, string_printf("%s: %s", name, value));
        explicit_bzero(value, (size_t) r);
}

void headers_add_pairs(Headers *h, const ConfPair *pairs)
{
        for (const ConfPair *p = pairs; p && p->key; p++)
                headers_add(h, p->key, "%s", p->value);
}

void headers_clear(Headers *h)
{
        for (size_t i = 0; i < h->count; i++) {
                explicit_bzero(h->lines[i], strlen(h->lines[i]));
                free(h->lines[i]);
        }
        free(h->lines);
        *h = (Headers){0};
}

int request_check_headers(const ConfPair *pairs, const ConfNode *node, Error *e)
{
        for (const ConfPair *p = pairs; p && p->key; p++) {
                if (!string_is_token(p->key))
                        return conf_error(node, e, "\"%s\" is not the name of a header", p->key);
                if (fetch_sets_header(p->key))
                        return conf_error(node, e, "the header %s is set by the client itself", p->key);
                if (strncasecmp(p->key, "webhook-", strlen("webhook-")) == 0)
                        return conf_error(node, e, "headers named webhook-… are kept for signatures");
                for (const char *c = p->value; *c; c++)
                        if ((unsigned char) *c < 0x20 || *c == 0x7f)
                                return conf_error(node, e, "the header %s holds a control character", p->key);
        }
        return 0;
}

int request_target(const char *url, char **ret)
{
        _cleanup_free_ char *target = NULL;
        char *scheme = NULL, *host = NULL, *port = NULL;
        int r = -EINVAL;

        CURLU *u = curl_url();
        if (!u)
                return -ENOMEM;
        if (curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
            curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
            curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
                (void) curl_url_get(u, CURLUPART_PORT, &port, 0);
                target = string_printf("%s://%s%s%s", scheme, host, port ? ":" : "", port ? port : "");
                r = target ? 0 : -ENOMEM;
        }
        curl_free(scheme);
        curl_free(host);
        curl_free(port);
        curl_url_cleanup(u);
        if (r == 0)
                *ret = TAKE_PTR(target);
        return r;
}

const char *request_link(const char *url)
{
        if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)
                return "";
        for (const char *c = url; *c; c++)
                if (*c <= 0x20 || *c >= 0x7f || strchr("\"<>\\^`{|}", *c))
                        return "";
        return url;
}

char *request_clean(const char *s, bool lines)
{
        _cleanup_text_ Text t = {0};
        char *clean;

        while (lines && strchr(s, '\n')) {
                _cleanup_free_ char *line = strndup(s, strcspn(s, "\n"));
                if (!line)
                        return NULL;
                text_add_plain(&t, line, 0);
                text_add_string(&t, "\n");
                s += strcspn(s, "\n") + 1;
        }
        text_add_plain(&t, s, 0);
        return text_take(&t, &clean) < 0 ? NULL : clean;
}

json_t *request_string(const char *s, bool lines)
{
        _cleanup_free_ char *clean = request_clean(s, lines);
        return clean ? json_string(clean) : NULL;
}

const char *request_kind(ActionKind kind)
{
        switch (kind) {
        case ACTION_CHANGE:
                return "change";
        case ACTION_RAISED:
                return "alert.raised";
        case ACTION_CLEARED:
                return "alert.cleared";
        case ACTION_TEST:
                return "test";
        case ACTION_REFRESH:
                return "refresh";
        }
        assert(!"known kind");
        return "";
}

static json_t *facts_data(const ActionFacts *f)
{
        json_t *data = json_object(), *node = json_object();
        if (!data || !node) {
                json_decref(data);
                json_decref(node);
                return NULL;
        }
        json_put(node, "id", request_string(f->node_id, false));
        json_put(node, "name", request_string(f->node_name, false));
        json_put(node, "url", request_string(f->node_url, false));
        json_put(node, "fallback_url", request_string(f->fallback_url, false));
        json_put(data, "node", node);
        json_put(data, "change", request_string(f->change, false));
        json_put(data, "mode", request_string(f->mode, false));
        json_put(data, "from", request_string(f->from, false));
        json_put(data, "payment", request_string(f->payment, false));
        json_put(data, "checkout", request_string(f->checkout, false));
        json_put(data, "message", request_string(f->message, false));
        json_put(data, "cause", request_string(f->cause, false));
        json_put(data, "first", json_boolean(f->first));
        json_put(data, "automatic", json_boolean(f->automatic));
        json_put(data, "durable", json_boolean(f->durable));
        json_put(data, "at", json_timestamp(f->at_usec));
        json_put(data, "since", json_timestamp(f->since_usec));
        if (f->kind == ACTION_RAISED || f->kind == ACTION_CLEARED) {
                json_put(data, "alert", request_string(f->alert, false));
                json_put(data, "severity", request_string(f->severity, false));
                json_put(data, "summary", request_string(f->summary, false));
                json_put(data, "details", request_string(f->details, true));
        }
        return data;
}

json_t *request_facts(const ActionFacts *facts)
{
        json_t *document = json_object();
        if (!document)
                return NULL;
        json_put(document, "type", json_string(request_kind(facts->kind)));
        json_put(document, "id", request_string(facts->id, false));
        json_put(document, "timestamp", json_timestamp(facts->at_usec));
        json_put(document, "data", facts_data(facts));
        return document;
}
