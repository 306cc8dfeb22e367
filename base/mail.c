/* SPDX-License-Identifier: MIT */
/* A mail's life: curl's part (until the server is ready for mail), then ours on the connection that curl lends. */
#include "base/mail.h"

#include "base/clock.h"
#include "base/fetch_private.h"
#include "base/file.h"
#include "base/sign.h"

#include <strings.h>
#include <sys/epoll.h>

#define SESSION_LOGIN "AUTH=PLAIN;AUTH=LOGIN"
#define SESSION_CRAM \
        "AUTH=CRAM-MD5" /* asked for only where the two are not offered: TLS keeps the password */

struct Mail {
        FetchClient *client; /* its own: see mail_start() */
        Fetch *fetch;
        FetchSession session;
        MailDone done;
        void *userdata;
        uint64_t timeout_usec;
        sd_event_source *deadline, *io;
        bool lent; /* curl has done its part */

        char *url, *server; /* server: "mail.example:587" */
        char *user, *password, *ca_file, *from;
        char *encoded[2]; /* the password as AUTH PLAIN and AUTH LOGIN send it, against servers that repeat it */
        char **to;
        size_t message_size;

        /* what the server has said */
        MailReader reader;
        unsigned code;                  /* of the last answer before the connection was lent */
        unsigned n_greeting;            /* 220: the greeting, and that TLS may begin */
        char greeting[MAIL_REPLY_SIZE]; /* that answer */
        bool offers_login, offers_cram, offers_size, logged_in;

        MailTalk talk;
        Text text; /* the mail as it is sent */
        Text command;
        const char *out;
        size_t out_size;
};

static void scrub(const Mail *m, char *text)
{
        const char *const secrets[] = {m->password, m->encoded[0], m->encoded[1]};

        for (size_t i = 0; i < ELEMENTSOF(secrets); i++)
                if (secrets[i])
                        mail_scrub(text, secrets[i]);
}

/* The end; m may be gone afterwards. */
static void mail_end(Mail *m, MailFate fate, const char *message)
{
        char clean[FETCH_MESSAGE_SIZE];
        MailResult result = {.fate = fate,
                             .message = clean,
                             .recipients = m->talk.recipients,
                             .n_recipients = m->talk.n_recipients};

        plain_copy(clean, sizeof(clean), message);
        scrub(m, clean);
        for (size_t i = 0; i < m->talk.n_recipients; i++) {
                MailRecipient *r = &m->talk.recipients[i];
                scrub(m, r->reply);
                if (fate != MAIL_ACCEPTED && r->fate == MAIL_ACCEPTED) /* it would have been */
                        r->fate = MAIL_OPEN;
        }
        m->io = loop_source_free(m->io);
        m->fetch = fetch_free(m->fetch);
        loop_timer_set(m->deadline, USEC_NEVER);
        m->done(m, &result, m->userdata);
}

static void mail_broke(Mail *m, const char *what)
{
        char message[FETCH_MESSAGE_SIZE];

        snprintf(message, sizeof(message), "%s %s %s", m->server, what, mail_talk_where(&m->talk));
        mail_end(m, MAIL_DEFERRED, message);
}

/* Curl's part */

static bool has_word(const char *text, const char *word)
{
        size_t size = strlen(word);

        for (const char *s = text; (s = strcasestr(s, word)); s++)
                if ((s == text || strchr(" =", s[-1])) && (s[size] == '\0' || s[size] == ' '))
                        return true;
        return false;
}

/* One line of the answer to EHLO: "250-AUTH PLAIN LOGIN". */
static void note_capability(Mail *m, const char *text)
{
        if (strncasecmp(text, "AUTH", 4) == 0) {
                m->offers_login = m->offers_login || has_word(text, "PLAIN") || has_word(text, "LOGIN");
                m->offers_cram = m->offers_cram || has_word(text, "CRAM-MD5");
        }
        m->offers_size = m->offers_size || has_word(text, "SIZE") || strncasecmp(text, "SIZE ", 5) == 0;
}

/* Curl judges the answers; what people are told of them is taken from here. */
static void on_line(const char *line, size_t size, void *userdata)
{
        Mail *m = userdata;
        const MailReply *reply;
        char text[128];
        size_t taken;

        if (size > 4 && memcmp(line, "250", 3) == 0) {
                snprintf(text, sizeof(text), "%.*s", (int) strcspn(line + 4, "\r\n"), line + 4);
                note_capability(m, text);
        }
        if (mail_reader_feed(&m->reader, line, size, &taken, &reply) <= 0)
                return;
        m->code = reply->code;
        snprintf(m->greeting, sizeof(m->greeting), "%s", reply->text);
        m->logged_in = m->logged_in || reply->code == 235;
        if (reply->code == 220) { /* what was said in clear counts for nothing */
                m->n_greeting++;
                m->offers_login = m->offers_cram = m->offers_size = m->logged_in = false;
        }
}

/* What is waited for, for a deadline's message. */
static const char *mail_where(const Mail *m)
{
        if (m->lent)
                return mail_talk_where(&m->talk);
        if (m->code == 0)
                return fetch_phase(m->fetch);
        if (m->session.upgrade && (m->code == 220 ? m->n_greeting > 1 : m->n_greeting == 1))
                return "after STARTTLS";
        return m->code == 220 ? "after EHLO" : "in the login";
}

static int mail_connect(Mail *m, const char *login_options);

/* What curl's part ended with, in our words. */
static void say_failure(const Mail *m, const FetchResult *result, char message[static FETCH_MESSAGE_SIZE])
{
        switch (m->fetch->code) {
        case CURLE_LOGIN_DENIED:
                if (m->code >= 400)
                        snprintf(message, FETCH_MESSAGE_SIZE, "%s refused the login of %.100s: %s", m->server,
                                 m->user ? m->user : "nobody", m->greeting);
                else
                        snprintf(message, FETCH_MESSAGE_SIZE,
                                 "%s offers no login that is known here (PLAIN, LOGIN, CRAM-MD5)", m->server);
                break;
        case CURLE_USE_SSL_FAILED:
                if (m->code >= 400)
                        snprintf(message, FETCH_MESSAGE_SIZE, "%s refused STARTTLS: %s; nothing was sent",
                                 m->server, m->greeting);
                else
                        snprintf(message, FETCH_MESSAGE_SIZE,
                                 "%s does not offer STARTTLS; nothing was sent without it", m->server);
                break;
        default:
                if (m->code >= 400)
                        snprintf(message, FETCH_MESSAGE_SIZE, "%s refused: %s", m->server, m->greeting);
                else
                        snprintf(message, FETCH_MESSAGE_SIZE, "%s", result->message);
        }
}

static void on_failed(Fetch *fetch, const FetchResult *result, void *userdata)
{
        Mail *m = userdata;
        char message[FETCH_MESSAGE_SIZE];

        if (fetch->code == CURLE_LOGIN_DENIED && m->code < 400 && m->offers_cram && !m->offers_login &&
            !streq(m->session.login_options, SESSION_CRAM)) {
                int r = mail_connect(m, SESSION_CRAM);
                if (r < 0)
                        mail_end(m, MAIL_DEFERRED, strerror(-r));
                return;
        }
        if (result->error == FETCH_TIMEOUT || result->error == FETCH_NAME_FAILED)
                snprintf(message, sizeof(message), "%s", result->message);
        else
                say_failure(m, result, message);
        mail_end(m, MAIL_DEFERRED, message);
}

/* Our part */

/* What is to be said now. */
static int next_command(Mail *m)
{
        text_clear(&m->command);
        if (m->talk.step == MAIL_STEP_TEXT) {
                m->out = m->text.data;
                m->out_size = m->text.size;
                return 0;
        }
        mail_talk_command(&m->talk, &m->command);
        if (m->command.failed)
                return -ENOMEM;
        m->out = m->command.data;
        m->out_size = m->command.size;
        return 0;
}

/* Polite, and no more: nobody waits for its answer. */
static void say_quit(Mail *m)
{
        size_t sent;

        if (m->out_size == 0 && next_command(m) == 0)
                (void) curl_easy_send(m->fetch->easy, m->out, m->out_size, &sent);
}

/* 1: some of it went out; 0: not now; negative: the connection is gone. */
static int mail_send(Mail *m)
{
        size_t sent = 0;

        if (m->out_size == 0)
                return 0;
        CURLcode code = curl_easy_send(m->fetch->easy, m->out, m->out_size, &sent);
        if (code != CURLE_OK && code != CURLE_AGAIN)
                return -ECONNRESET;
        m->out += sent;
        m->out_size -= sent;
        return sent > 0;
}

/* An answer has come. 1: go on; 0: the conversation has ended, and m may be gone. */
static int mail_answered(Mail *m, const MailReply *reply)
{
        char message[FETCH_MESSAGE_SIZE];

        /* While the mail is still on its way this can only be bad news. */
        mail_talk_answer(&m->talk, reply);
        if (m->talk.step == MAIL_STEP_ENDED) {
                say_quit(m);
                snprintf(message, sizeof(message), "%s", m->talk.reply);
                mail_end(m, m->talk.fate, message);
                return 0;
        }
        if (next_command(m) == 0)
                return 1;
        mail_end(m, MAIL_DEFERRED, strerror(ENOMEM));
        return 0;
}

static int mail_take(Mail *m, const char *data, size_t size)
{
        while (size > 0) {
                const MailReply *reply;
                size_t taken;
                int r = mail_reader_feed(&m->reader, data, size, &taken, &reply);
                if (r < 0) {
                        mail_broke(m, r == -EFBIG ? "answers without end" : "does not speak SMTP");
                        return 0;
                }
                if (r > 0 && m->out_size > 0 && m->talk.step != MAIL_STEP_TEXT) {
                        mail_broke(m, "answers before it is asked");
                        return 0;
                }
                if (r > 0 && m->out_size > 0 && reply->code < 400) {
                        mail_broke(m, "has accepted a mail of which it has a part only");
                        return 0;
                }
                if (r > 0 && mail_answered(m, reply) == 0)
                        return 0;
                data += taken;
                size -= taken;
        }
        return 1;
}

/* 1: something came; 0: nothing more; negative: m may be gone. */
static int mail_receive(Mail *m)
{
        char data[2048];
        size_t size = 0;

        CURLcode code = curl_easy_recv(m->fetch->easy, data, sizeof(data), &size);
        if (code == CURLE_AGAIN)
                return 0;
        if (code != CURLE_OK || size == 0) {
                mail_broke(m, "closed the connection");
                return -ECONNRESET;
        }
        return mail_take(m, data, size) > 0 ? 1 : -ECANCELED;
}

static int on_io(sd_event_source *s, int fd, uint32_t events, void *userdata)
{
        Mail *m = userdata;
        int sent, received;

        do {
                sent = mail_send(m);
                received = mail_receive(m); /* also when it was not sent: why is said in what came before */
                if (received < 0)
                        return 0;
                if (sent < 0 && received == 0) {
                        mail_broke(m, "closed the connection");
                        return 0;
                }
        } while (sent > 0 || received > 0);
        (void) sd_event_source_set_io_events(s, EPOLLIN | (m->out_size > 0 ? EPOLLOUT : 0));
        return 0;
}

static void on_ready(void *userdata)
{
        Mail *m = userdata;
        curl_socket_t fd = CURL_SOCKET_BAD;
        char message[FETCH_MESSAGE_SIZE];

        m->lent = true;
        if (m->user && !m->logged_in) {
                snprintf(message, sizeof(message), "%s does not offer to log in, and the login is configured",
                         m->server);
                mail_end(m, MAIL_DEFERRED, message);
                return;
        }
        m->talk.size = m->offers_size ? m->message_size : 0;
        m->reader = (MailReader){0};
        int r = next_command(m);
        if (r == 0 && (curl_easy_getinfo(m->fetch->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK ||
                       fd == CURL_SOCKET_BAD))
                r = -ECONNRESET;
        if (r == 0)
                r = loop_add_io(m->client->event, "mail", fd, EPOLLIN | EPOLLOUT, on_io, m, &m->io);
        if (r < 0)
                mail_end(m, MAIL_DEFERRED, strerror(-r));
}

static int on_deadline(sd_event_source *s, uint64_t usec, void *userdata)
{
        Mail *m = userdata;
        char message[FETCH_MESSAGE_SIZE], duration[DURATION_SIZE];

        duration_format(duration, m->timeout_usec);
        snprintf(message, sizeof(message), "no answer from %s in %s (%s)", m->server, duration,
                 mail_where(m));
        mail_end(m, MAIL_DEFERRED, message);
        return 0;
}

/* Beginning */

static int mail_connect(Mail *m, const char *login_options)
{
        FetchRequest request = {.url = m->url,
                                .ca_file = m->ca_file,
                                .timeout_usec = m->timeout_usec + USEC_PER_SEC, /* ours ends it */
                                .flags = FETCH_REMEMBER};

        m->fetch = fetch_free(m->fetch);
        m->reader = (MailReader){0};
        m->code = m->n_greeting = 0;
        m->session.login_options = login_options;
        return fetch_start_session(m->client, &request, &m->session, on_failed, m, &m->fetch);
}

/* "smtp://mail.example" -> "smtp://mail.example:587/hello" for curl, which says the path in EHLO. */
static int copy_url(Mail *m, const char *url, const char *hello)
{
        CURLU *u = curl_url();
        char *host = NULL, *port = NULL;
        int r = u ? -EINVAL : -ENOMEM;

        if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
            curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
                bool implicit = strncasecmp(url, "smtps:", 6) == 0;
                (void) curl_url_get(u, CURLUPART_PORT, &port, 0);
                const char *number = port ? port : implicit ? "465" : "587";
                m->url = string_printf("%s://%s:%s/%s", implicit ? "smtps" : "smtp", host, number, hello);
                m->server = string_printf("%s:%s", host, number);
                r = m->url && m->server ? 0 : -ENOMEM;
        }
        curl_free(host);
        curl_free(port);
        curl_url_cleanup(u);
        return r;
}

static int copy(char **to, const char *from)
{
        *to = from ? strdup(from) : NULL;
        return from && !*to ? -ENOMEM : 0;
}

static int copy_recipients(Mail *m, const char *const *to)
{
        size_t n = 0;

        while (to[n])
                n++;
        assert(n > 0);
        m->to = calloc(n + 1, sizeof(*m->to));
        m->talk.recipients = calloc(n, sizeof(*m->talk.recipients));
        if (!m->to || !m->talk.recipients)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                if (copy(&m->to[i], to[i]) < 0)
                        return -ENOMEM;
                m->talk.recipients[i].address = m->to[i];
        }
        m->talk.n_recipients = n;
        return 0;
}

static int copy_login(Mail *m, const char *user, const char *password)
{
        size_t size = strlen(user) + strlen(password) + 2;
        int r = copy(&m->user, user);

        if (r == 0)
                r = copy(&m->password, password);
        char *plain = r == 0 ? string_printf("%c%s%c%s", 0, user, 0, password) : NULL;
        if (!plain)
                return -ENOMEM;
        r = base64_encode(plain, size, &m->encoded[0]);
        if (r == 0)
                r = base64_encode(password, strlen(password), &m->encoded[1]);
        explicit_bzero(plain, size);
        free(plain);
        return r;
}

static int copy_request(Mail *m, const MailRequest *request)
{
        int r = copy_url(m, request->url, request->hello);

        if (r == 0 && request->user)
                r = copy_login(m, request->user, request->password);
        if (r == 0)
                r = copy(&m->ca_file, request->ca_file);
        if (r == 0)
                r = copy(&m->from, request->from);
        if (r == 0)
                r = copy_recipients(m, request->to);
        m->talk.from = m->from;
        mail_text_add(&m->text, request->message, request->message_size);
        m->message_size = request->message_size;
        return r == 0 && m->text.failed ? -ENOMEM : r;
}

int mail_start(FetchClient *c, const MailRequest *request, MailDone done, void *userdata, Mail **ret)
{
        _cleanup_(mail_freep) Mail *m = NULL;
        int r;

        assert(c && request && done && ret);
        assert(request->url && request->hello && request->from && request->to && request->timeout_usec > 0);
        assert(!request->user ||
               (request->password && (request->upgrade || strncasecmp(request->url, "smtps:", 6) == 0)));
        m = calloc(1, sizeof(*m));
        if (!m)
                return -ENOMEM;
        *m = (Mail){.done = done, .userdata = userdata, .timeout_usec = request->timeout_usec};
        /* To curl a connection that it has lent is an idle one: it would close it when it makes room for others, or finds
         * that it can be read when somebody else begins. So there are no others. */
        r = fetch_client_new(c->event, c->resolver, &m->client);
        if (r >= 0)
                r = copy_request(m, request);
        if (r < 0)
                return r;
        m->session = (FetchSession){.schemes = "smtp,smtps",
                                    .upgrade = request->upgrade,
                                    .user = m->user,
                                    .password = m->password,
                                    .on_line = on_line,
                                    .on_ready = on_ready};
        r = loop_timer_new(c->event, "mail-deadline", on_deadline, m, &m->deadline);
        if (r >= 0)
                r = loop_timer_set_after(m->deadline, m->timeout_usec);
        if (r >= 0)
                r = mail_connect(m, SESSION_LOGIN);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

Mail *mail_free(Mail *m)
{
        if (!m)
                return NULL;
        loop_source_free(m->io);
        fetch_free(m->fetch);
        fetch_client_free(m->client);
        loop_source_free(m->deadline);
        for (char **to = m->to; to && *to; to++)
                free(*to);
        free(m->to);
        free(m->talk.recipients);
        text_clear(&m->text);
        text_clear(&m->command);
        secret_free(m->password);
        secret_free(m->encoded[0]);
        secret_free(m->encoded[1]);
        free(m->user);
        free(m->from);
        free(m->ca_file);
        free(m->url);
        free(m->server);
        free(m);
        return NULL;
}
