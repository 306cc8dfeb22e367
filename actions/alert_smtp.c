/* SPDX-License-Identifier: MIT */
/* An alert by mail: to whom, through which server, and what became of it for each recipient. */
#include "actions/alert.h"

#include <curl/curl.h>
#include <strings.h>
#include <unistd.h>

#define NAMED_MAX 3 /* recipients that a message names before it counts */

static const char *const tls_names[] = {"auto", "required", "none", NULL}; /* AlertTls */
static const ConfRange timeout_range = {1 * USEC_PER_SEC, 2 * USEC_PER_MIN};

static int parse_server(const ConfNode *node, const ConfField *field, void *target, Error *e);
static void clear_server(void *target)
{
        free(TAKE_PTR(*(char **) target));
}
static const ConfType conf_server = {"mail server URL", parse_server, clear_server};

const ConfField alert_smtp_fields[] = {
                {"url", &conf_server, offsetof(AlertSmtp, url), CONF_REQUIRED | CONF_HOST, NULL,
                 "The mail server: smtp://host:587 (STARTTLS) or smtps://host:465 (TLS from the start).",
                 NULL},
                {"from", &conf_mail_address, offsetof(AlertSmtp, from), CONF_REQUIRED, NULL,
                 "Whom it comes from: failoverd@shop.example, or My Shop <failoverd@shop.example>.", NULL},
                {"to", &conf_mail_addresses, offsetof(AlertSmtp, to), CONF_REQUIRED | CONF_MAIL, NULL,
                 "Who gets it. One that is refused does not keep it from the others.", NULL},
                {"username", &conf_string, offsetof(AlertSmtp, username), 0, NULL,
                 "Logs in, with password_file; over TLS only.", NULL},
                {"password_file", &conf_string, offsetof(AlertSmtp, password_file), 0, NULL,
                 "A file with the password.", NULL},
                {"tls", &conf_enum, offsetof(AlertSmtp, tls), 0, "auto",
                 "For smtp://, required: without STARTTLS nothing is sent; none: in clear, without a login; "
                 "auto: required, but for a server on this machine that wants no login.",
                 tls_names},
                {"ca_file", &conf_string, offsetof(AlertSmtp, ca_file), 0, NULL,
                 "Certificates to trust instead of the system's.", NULL},
                {"hello", &conf_string, offsetof(AlertSmtp, hello), 0, NULL,
                 "What this machine calls itself; default: its name when that has a domain, else the "
                 "sender's domain.",
                 NULL},
                {"timeout", &conf_duration, offsetof(AlertSmtp, timeout_usec), 0, "1m", "For one attempt.",
                 &timeout_range},
                {NULL},
};

/* Settings */

/* Host and port of the server, malloc'ed. -EINVAL: no such URL. */
static int server_read(const char *url, char **ret_host, char **ret_port)
{
        CURLU *u = curl_url();
        char *host = NULL, *port = NULL, *path = NULL, *more = NULL;
        bool implicit = strncasecmp(url, "smtps://", 8) == 0;
        int r = u ? -EINVAL : -ENOMEM;

        if (u && (implicit || strncasecmp(url, "smtp://", 7) == 0) && url[implicit ? 8 : 7] != '/' &&
            curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
            curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
            curl_url_get(u, CURLUPART_PATH, &path, 0) == CURLUE_OK && streq(path, "/") &&
            curl_url_get(u, CURLUPART_QUERY, &more, 0) == CURLUE_NO_QUERY &&
            curl_url_get(u, CURLUPART_FRAGMENT, &more, 0) == CURLUE_NO_FRAGMENT) {
                (void) curl_url_get(u, CURLUPART_PORT, &port, 0);
                *ret_host = strdup(host);
                *ret_port = strdup(port ? port : implicit ? "465" : "587");
                r = *ret_host && *ret_port ? 0 : -ENOMEM;
        }
        curl_free(host);
        curl_free(port);
        curl_free(path);
        curl_free(more);
        curl_url_cleanup(u);
        return r;
}

static int parse_server(const ConfNode *node, const ConfField *field, void *target, Error *e)
{
        const char *s = conf_is_null(node) ? NULL : conf_scalar(node);
        _cleanup_free_ char *host = NULL, *port = NULL;
        char plain[96];

        if (!s)
                return conf_error(node, e, "`%s`: expected smtp://host or smtps://host", field->key);
        int r = server_read(s, &host, &port);
        if (r == -EINVAL && strchr(s, '@'))
                return conf_error(node, e,
                                  "`%s`: the login does not belong here: use `username` and "
                                  "`password_file`",
                                  field->key);
        if (r == -EINVAL)
                return conf_error(node, e,
                                  "`%s`: expected smtp://host or smtps://host, with :port or without, "
                                  "not `%s`",
                                  field->key, plain_copy(plain, sizeof(plain), s));
        char *copy = r == 0 ? strdup(s) : NULL;
        if (!copy)
                return error_set(e, -ENOMEM, "out of memory");
        *(char **) target = copy;
        return 0;
}

static bool is_implicit(const AlertSmtp *c)
{
        return strncasecmp(c->url, "smtps:", 6) == 0;
}

static bool wants_upgrade(const AlertSmtp *c, const char *host)
{
        if (is_implicit(c))
                return false;
        return c->tls == ALERT_TLS_REQUIRED ||
               (c->tls == ALERT_TLS_AUTO && (c->username || !host_is_loopback(host)));
}

static int smtp_check(const void *conf, const ConfNode *node, Error *e)
{
        const AlertSmtp *c = conf;
        char plain[96];

        if (c->tls == ALERT_TLS_NONE && is_implicit(c))
                return conf_error(conf_get(node, "tls"), e,
                                  "`tls`: smtps:// is TLS; `none` goes with smtp://");
        if (c->tls == ALERT_TLS_NONE && (c->username || c->password_file))
                return conf_error(conf_get(node, "tls"), e,
                                  "`tls`: a password is never sent in clear: leave `tls` out, or the login");
        if (!c->username != !c->password_file)
                return conf_error(conf_get(node, c->username ? "username" : "password_file"), e,
                                  "`username` and `password_file` go together");
        for (const char *s = c->username; s && *s; s++)
                if ((unsigned char) *s < 0x20 || *s == 0x7f)
                        return conf_error(conf_get(node, "username"), e,
                                          "`username` holds a control character");
        if (c->username && !*c->username)
                return conf_error(conf_get(node, "username"), e, "`username` is empty");
        if (c->hello && !mail_domain_valid(c->hello, true))
                return conf_error(conf_get(node, "hello"), e,
                                  "`hello`: `%s` is no host name, such as shop.example",
                                  plain_copy(plain, sizeof(plain), c->hello));
        return 0;
}

static int smtp_verify(const void *conf, const char *config_dir, Error *e)
{
        const AlertSmtp *c = conf;
        _cleanup_(secret_freep) char *password = NULL;
        _cleanup_free_ char *host = NULL, *port = NULL;

        if (c->ca_file && access(c->ca_file, R_OK) < 0)
                return error_set(e, -errno, "ca_file %s: %s", c->ca_file, strerror(errno));
        if (c->password_file) {
                int r = secret_read(c->password_file, config_dir, &password, NULL, e);
                if (r < 0)
                        return error_prefix(e, r, "password_file");
                if (!*password)
                        return error_set(e, -EINVAL, "password_file %s is empty", c->password_file);
        }
        if (server_read(c->url, &host, &port) == 0 && !is_implicit(c) && !wants_upgrade(c, host) &&
            !host_is_loopback(host))
                return error_set(e, -EPROTO,
                                 "mail goes to %s in clear, for everybody on the way to read and "
                                 "change: leave `tls: none` out",
                                 host);
        return 0;
}

static int smtp_target(const void *conf, char **ret)
{
        const AlertSmtp *c = conf;
        _cleanup_free_ char *host = NULL, *port = NULL;

        int r = server_read(c->url, &host, &port);
        if (r < 0)
                return r;
        *ret = string_printf("%s://%s:%s", is_implicit(c) ? "smtps" : "smtp", host, port);
        return *ret ? 0 : -ENOMEM;
}

static size_t smtp_files(const void *conf, ReadingFile *ret)
{
        const AlertSmtp *c = conf;
        size_t n = 0;

        if (c->password_file)
                ret[n++] = (ReadingFile){.name = c->password_file};
        if (c->ca_file)
                ret[n++] = (ReadingFile){.name = c->ca_file, .plain = true};
        return n;
}

/* What became of it */

static bool has_line(const char *lines, const char *line)
{
        size_t size = strlen(line);

        for (const char *s = lines; s && *s; s += strcspn(s, "\n"), s += *s == '\n')
                if (strcspn(s, "\n") == size && strncmp(s, line, size) == 0)
                        return true;
        return false;
}

/* "a@b.example, c@d.example and 3 more" of those with this fate; how many there are. */
static size_t add_recipients(Text *t, const MailResult *result, MailFate fate)
{
        size_t n = 0;

        for (size_t i = 0; i < result->n_recipients; i++) {
                if (result->recipients[i].fate != fate)
                        continue;
                if (n++ < NAMED_MAX)
                        text_add(t, "%s%s", n > 1 ? ", " : "", result->recipients[i].address);
        }
        if (n > NAMED_MAX)
                text_add(t, " and %zu more", n - NAMED_MAX);
        return n;
}

static const char *first_reply(const MailResult *result, MailFate fate)
{
        for (size_t i = 0; i < result->n_recipients; i++)
                if (result->recipients[i].fate == fate)
                        return result->recipients[i].reply;
        return "";
}

static void add_left_out(Text *t, const MailResult *result, MailFate fate, const char *words)
{
        _cleanup_text_ Text who = {0};

        if (add_recipients(&who, result, fate) > 0)
                text_add(t, "; %s %s: %s", words, who.data ? who.data : "", first_reply(result, fate));
        t->failed = t->failed || who.failed;
}

/* Who has it is not to get it again when it is tried again for the others. */
static int note_progress(Action *a, const MailResult *result)
{
        _cleanup_text_ Text t = {0};
        _cleanup_free_ char *text = NULL;

        if (a->facts->progress)
                text_add_string(&t, a->facts->progress);
        for (size_t i = 0; i < result->n_recipients; i++)
                if (result->recipients[i].fate == MAIL_ACCEPTED)
                        text_add(&t, "%s\n", result->recipients[i].address);
        int r = text_take(&t, &text);
        return r < 0 ? r : action_progress(a, text);
}

static bool some_are(const MailResult *result, MailFate fate)
{
        for (size_t i = 0; i < result->n_recipients; i++)
                if (result->recipients[i].fate == fate)
                        return true;
        return false;
}

static void report_accepted(Action *a, const MailResult *result, const char *server)
{
        bool deferred = some_are(result, MAIL_DEFERRED), refused = some_are(result, MAIL_REFUSED);
        _cleanup_text_ Text t = {0};

        if (deferred && note_progress(a, result) < 0)
                deferred = false; /* out of memory: rather one left out than all told every ten minutes */
        text_add_string(&t, "mail to ");
        (void) add_recipients(&t, result, MAIL_ACCEPTED);
        text_add(&t, ": delivered to %s", server);
        add_left_out(&t, result, MAIL_REFUSED, "refused for");
        add_left_out(&t, result, MAIL_DEFERRED, "not yet for");
        if (!refused && !deferred)
                text_add(&t, " (%s)", result->message);
        /* Who tries the channel wants to know; in an outage, who could be told is told. */
        bool incomplete = refused && a->facts->kind == ACTION_TEST;
        action_report(a,
                      deferred     ? ACTION_RETRY
                      : incomplete ? ACTION_PERMANENT
                                   : ACTION_DONE,
                      "%s", t.failed ? "delivered" : t.data);
}

static void report_refused(Action *a, const MailResult *result, const char *server)
{
        /* The others have it from an earlier attempt. */
        bool others = a->facts->progress && *a->facts->progress;
        _cleanup_text_ Text t = {0};

        text_add_string(&t, others ? "mail is delivered, but to " : "mail to ");
        (void) add_recipients(&t, result, MAIL_REFUSED);
        text_add(&t, ": refused by %s: %s", server, result->message);
        action_report(a, others ? ACTION_DONE : ACTION_PERMANENT, "%s", t.failed ? "refused" : t.data);
}

static void report_deferred(Action *a, const MailResult *result, const char *server)
{
        _cleanup_text_ Text t = {0};

        text_add_string(&t, "mail to ");
        if (add_recipients(&t, result, MAIL_DEFERRED) > 0) {
                text_add(&t, ": not now, says %s: %s", server, first_reply(result, MAIL_DEFERRED));
                add_left_out(&t, result, MAIL_REFUSED, "refused for");
        } else {
                (void) add_recipients(&t, result, MAIL_OPEN);
                text_add(&t, ": %s", result->message);
        }
        action_report(a, ACTION_RETRY, "%s", t.failed ? "not sent" : t.data);
}

static void on_mailed(Mail *mail, const MailResult *result, void *userdata)
{
        Action *a = userdata;
        const AlertSmtp *c = &((const AlertConf *) a->conf)->smtp;
        _cleanup_free_ char *target = NULL;
        const char *server = "the server";

        if (smtp_target(c, &target) == 0)
                server = strstr(target, "://") + 3;
        switch (result->fate) {
        case MAIL_ACCEPTED:
                report_accepted(a, result, server);
                break;
        case MAIL_REFUSED:
                report_refused(a, result, server);
                break;
        default:
                report_deferred(a, result, server);
        }
}

/* Sending */

static const char *own_name(const AlertSmtp *c, char *buffer, size_t size)
{
        if (c->hello)
                return c->hello;
        if (gethostname(buffer, size) == 0 && memchr(buffer, '\0', size) && mail_domain_valid(buffer, false))
                return buffer;
        return mail_address_domain(&c->from);
}

static int smtp_send(Action *a, const char *message, const char *const *to, Error *e)
{
        const AlertSmtp *c = &((const AlertConf *) a->conf)->smtp;
        AlertState *s = a->state;
        _cleanup_free_ char *host = NULL, *port = NULL;
        const char *password = NULL, *nothing;
        char name[256];

        int r = server_read(c->url, &host, &port);
        if (r == 0 && c->ca_file)
                r = action_secret(a, c->ca_file, &nothing, e);
        if (r == 0 && c->password_file)
                r = action_secret(a, c->password_file, &password, e);
        if (r < 0)
                return r;
        MailRequest request = {.url = c->url,
                               .upgrade = wants_upgrade(c, host),
                               .hello = own_name(c, name, sizeof(name)),
                               .user = c->username,
                               .password = password,
                               .ca_file = c->ca_file,
                               .from = c->from.address,
                               .to = to,
                               .message = message,
                               .message_size = strlen(message),
                               .timeout_usec = c->timeout_usec};
        return mail_start(a->context->fetch, &request, on_mailed, a, &s->mail);
}

static void smtp_apply(Action *a)
{
        const AlertSmtp *c = &((const AlertConf *) a->conf)->smtp;
        const char *to[MAIL_ADDRESSES_MAX + 1] = {NULL};
        _cleanup_free_ char *message = NULL;
        Error e = {0};
        size_t n = 0;

        for (const MailAddress *m = c->to; m->address; m++)
                if (!has_line(a->facts->progress, m->address))
                        to[n++] = m->address;
        if (n == 0) { /* the others were taken out of the configuration meanwhile */
                action_report(a, ACTION_DONE, "mail is delivered to everybody");
                return;
        }
        int r = alert_mail_make(a->facts, &c->from, c->to, &message);
        if (r == 0)
                r = smtp_send(a, message, to, &e);
        if (r < 0)
                action_report(a, ACTION_RETRY, "not sent: %s", *e.text ? e.text : strerror(-r));
}

static void smtp_stop(Action *a)
{
        AlertState *s = a->state;
        s->mail = mail_free(s->mail);
}

const AlertChannel alert_smtp = {
                .check = smtp_check,
                .verify = smtp_verify,
                .target = smtp_target,
                .files = smtp_files,
                .apply = smtp_apply,
                .stop = smtp_stop,
};
