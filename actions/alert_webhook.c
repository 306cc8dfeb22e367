/* SPDX-License-Identifier: MIT */
/* An alert's webhook: one POST in the receiver's format, signed when there is a secret. */
#include "actions/alert.h"

#include "base/clock.h"
#include "base/sign.h"

#include <inttypes.h>
#include <unistd.h>

#define KEY_MAX 512

static const AlertFormat *const alert_formats[] = {&alert_alertmanager, &alert_slack, &alert_ntfy,
                                                   &alert_json};
static const char *const format_names[] = {"alertmanager", "slack", "ntfy", "json", NULL}; /* same order */

static const ConfRange timeout_range = {100 * USEC_PER_MSEC, 2 * USEC_PER_MIN};

const ConfField alert_webhook_fields[] = {
                {"url", &conf_url, offsetof(AlertWebhook, url), CONF_REQUIRED | CONF_SECRET, NULL,
                 "Where alerts are posted to.", NULL},
                {"format", &conf_enum, offsetof(AlertWebhook, format), CONF_REQUIRED, NULL,
                 "What the receiver understands: alertmanager (version 4), slack (and Mattermost), ntfy, or "
                 "json.",
                 format_names},
                {"secret_file", &conf_string, offsetof(AlertWebhook, secret_file), 0, NULL,
                 "Signs each message as in Standard Webhooks; the secret is whsec_ and base64, or any text.",
                 NULL},
                {"headers", &conf_string_map, offsetof(AlertWebhook, headers), CONF_SECRET, NULL,
                 "More request headers, such as Authorization.", NULL},
                {"ca_file", &conf_string, offsetof(AlertWebhook, ca_file), 0, NULL,
                 "Certificates to trust instead of the system's.", NULL},
                {"timeout", &conf_duration, offsetof(AlertWebhook, timeout_usec), 0, "10s",
                 "For one attempt.", &timeout_range},
                {NULL},
};

static const AlertWebhook *webhook_of(const Action *a)
{
        return &((const AlertConf *) a->conf)->webhook;
}

int alert_sign(const char *secret, const char *id, uint64_t timestamp, const void *body, size_t size,
               char **ret)
{
        static const char prefix[] = "whsec_";
        _cleanup_text_ Text content = {0};
        _cleanup_free_ char *base64 = NULL;
        uint8_t key[KEY_MAX], mac[32];
        size_t key_size = strlen(secret);

        if (strncmp(secret, prefix, strlen(prefix)) == 0) {
                if (base64_decode(secret + strlen(prefix), key, sizeof(key), &key_size) < 0)
                        return -EINVAL;
        } else if (key_size <= sizeof(key))
                memcpy(key, secret, key_size);
        if (key_size == 0 || key_size > sizeof(key))
                return -EINVAL;

        text_add(&content, "%s.%" PRIu64 ".", id, timestamp);
        text_add_bytes(&content, body, size);
        if (!content.failed)
                hmac_sha256(key, key_size, content.data, content.size, mac);
        explicit_bzero(key, sizeof(key));
        if (content.failed)
                return -ENOMEM;

        int r = base64_encode(mac, sizeof(mac), &base64);
        if (r < 0)
                return r;
        char *signature = string_printf("v1,%s=", base64); /* 32 bytes always want one = */
        if (!signature)
                return -ENOMEM;
        *ret = signature;
        return 0;
}

/* webhook-id lets the receiver drop doubles, so it is sent with or without a secret. */
static int sign_headers(const Action *a, const Text *body, Headers *headers, Error *e)
{
        const AlertWebhook *w = webhook_of(a);
        const char *secret, *nothing;
        _cleanup_free_ char *signature = NULL, *id = request_clean(a->facts->id, false);
        uint64_t now = clock_wall_usec() / USEC_PER_SEC;

        if (!id)
                return error_set(e, -ENOMEM, "out of memory");
        headers_add(headers, "webhook-id", "%s", id);
        headers_add(headers, "webhook-timestamp", "%" PRIu64, now);
        int r = w->ca_file ? action_secret(a, w->ca_file, &nothing, e) : 0;
        if (r < 0 || !w->secret_file)
                return r;

        r = action_secret(a, w->secret_file, &secret, e);
        if (r < 0)
                return r;
        r = alert_sign(secret, id, now, body->data ? body->data : "", body->size, &signature);
        if (r == -EINVAL)
                return error_set(e, r, "%s holds no secret that can sign: whsec_ and base64, or any text",
                                 w->secret_file);
        if (r < 0)
                return error_set(e, r, "out of memory");
        headers_add(headers, "webhook-signature", "%s", signature);
        return 0;
}

static void on_answer(Fetch *fetch, const FetchResult *result, void *userdata)
{
        action_report_fetch(userdata, result);
}

static int webhook_send(Action *a, const Text *body, const Headers *headers)
{
        const AlertWebhook *w = webhook_of(a);
        AlertState *s = a->state;
        FetchRequest request = {.url = w->url,
                                .method = "POST",
                                .headers = (const char *const *) headers->lines,
                                .body = body->data ? body->data : "",
                                .body_size = body->size,
                                .ca_file = w->ca_file,
                                .timeout_usec = w->timeout_usec,
                                .flags = FETCH_REMEMBER};

        return fetch_start(a->context->fetch, &request, on_answer, a, &s->fetch);
}

static size_t webhook_files(const void *conf, ReadingFile *ret)
{
        const AlertWebhook *w = conf;
        size_t n = 0;

        if (w->secret_file)
                ret[n++] = (ReadingFile){.name = w->secret_file};
        if (w->ca_file)
                ret[n++] = (ReadingFile){.name = w->ca_file, .plain = true};
        return n;
}

static void webhook_apply(Action *a)
{
        const AlertWebhook *w = webhook_of(a);
        const AlertFormat *format = alert_formats[w->format];
        _cleanup_alert_message_ AlertMessage message = {0};
        _cleanup_headers_ Headers headers = {0};
        _cleanup_text_ Text body = {0};
        Error e = {0};

        int r = alert_message_make(a->facts, &message);
        (void) json_failed();
        if (r == 0)
                r = format->write(&message, &body, &headers);
        if (json_failed() && r == 0)
                r = -ENOMEM;
        if (r == 0) {
                headers_add(&headers, "Content-Type", "%s", format->content_type);
                headers_add_pairs(&headers, w->headers);
                r = sign_headers(a, &body, &headers, &e);
        }
        if (r == 0)
                r = body.failed || headers.failed ? -ENOMEM : webhook_send(a, &body, &headers);
        if (r < 0)
                action_report(a, ACTION_RETRY, "not sent: %s", *e.text ? e.text : strerror(-r));
}

static void webhook_stop(Action *a)
{
        AlertState *s = a->state;
        s->fetch = fetch_free(s->fetch);
}

static int webhook_check(const void *conf, const ConfNode *node, Error *e)
{
        const AlertWebhook *w = conf;
        return request_check_headers(w->headers, node, e);
}

static int webhook_verify(const void *conf, const char *config_dir, Error *e)
{
        const AlertWebhook *w = conf;
        _cleanup_(secret_freep) char *secret = NULL;
        _cleanup_free_ char *signature = NULL;

        if (w->ca_file && access(w->ca_file, R_OK) < 0)
                return error_set(e, -errno, "ca_file %s: %s", w->ca_file, strerror(errno));
        if (!w->secret_file)
                return 0;
        int r = secret_read(w->secret_file, config_dir, &secret, NULL, e);
        if (r < 0)
                return error_prefix(e, r, "secret_file");
        if (alert_sign(secret, "", 0, "", 0, &signature) == -EINVAL)
                return error_set(e, -EINVAL,
                                 "secret_file %s holds no secret that can sign: whsec_ and base64, or any "
                                 "text",
                                 w->secret_file);
        return 0;
}

static int webhook_target(const void *conf, char **ret)
{
        const AlertWebhook *w = conf;
        return request_target(w->url, ret);
}

const AlertChannel alert_webhook = {
                .check = webhook_check,
                .verify = webhook_verify,
                .target = webhook_target,
                .files = webhook_files,
                .apply = webhook_apply,
                .stop = webhook_stop,
};
