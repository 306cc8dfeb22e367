/* SPDX-License-Identifier: MIT */
/* What is said to a mail server, and what its answers mean. */
#include "base/mail_talk.h"

#include <ctype.h>

#define PIECE 8

/* Answers */

static bool is_reply_line(const char *line, size_t size)
{
        return size >= 3 && line[0] >= '2' && line[0] <= '5' && isdigit((unsigned char) line[1]) &&
               isdigit((unsigned char) line[2]) && (size == 3 || line[3] == ' ' || line[3] == '-');
}

static void reply_add(MailReply *reply, const char *s)
{
        size_t used = strlen(reply->text);

        if (used + 1 < sizeof(reply->text) && *s) {
                reply->text[used++] = ' ';
                plain_copy(reply->text + used, sizeof(reply->text) - used, s);
        }
}

/* One line is here. 1: with it, the answer. */
static int reader_line(MailReader *r)
{
        char *line = r->line;
        size_t size = r->size;

        while (size > 0 && (line[size - 1] == '\r' || line[size - 1] == ' '))
                size--;
        line[size] = '\0';
        r->size = 0;
        if (!is_reply_line(line, size))
                return -EBADMSG;
        unsigned code = (unsigned) (line[0] - '0') * 100 + (unsigned) (line[1] - '0') * 10 +
                        (unsigned) (line[2] - '0');
        if (r->more && code != r->reply.code)
                return -EBADMSG;
        if (!r->more)
                snprintf(r->reply.text, sizeof(r->reply.text), "%03u", code);
        r->reply.code = code;
        r->more = size > 3 && line[3] == '-';
        reply_add(&r->reply, size > 4 ? line + 4 : "");
        return !r->more;
}

int mail_reader_feed(MailReader *r, const char *data, size_t size, size_t *ret_taken, const MailReply **ret)
{
        for (size_t i = 0; i < size; i++) {
                if (++r->total > MAIL_REPLIES_MAX)
                        return -EFBIG;
                if (data[i] != '\n') {
                        if (r->size < sizeof(r->line) - 1)
                                r->line[r->size++] = data[i] ? data[i] : ' ';
                        continue;
                }
                int n = reader_line(r);
                if (n == 0)
                        continue;
                *ret_taken = i + 1;
                *ret = &r->reply;
                return n;
        }
        *ret_taken = size;
        return 0;
}

MailFate mail_reply_fate(unsigned code)
{
        static const unsigned login[] = {530, 534, 535, 538};

        for (size_t i = 0; i < ELEMENTSOF(login); i++)
                if (code == login[i])
                        return MAIL_DEFERRED;
        return code < 400 ? MAIL_ACCEPTED : code < 500 ? MAIL_DEFERRED : MAIL_REFUSED;
}

/* The conversation */

void mail_talk_command(const MailTalk *t, Text *ret)
{
        switch (t->step) {
        case MAIL_STEP_FROM:
                text_add(ret, "MAIL FROM:<%s>", t->from);
                if (t->size > 0)
                        text_add(ret, " SIZE=%zu", t->size);
                break;
        case MAIL_STEP_TO:
                text_add(ret, "RCPT TO:<%s>", t->recipients[t->next].address);
                break;
        case MAIL_STEP_DATA:
                text_add_string(ret, "DATA");
                break;
        case MAIL_STEP_TEXT:
                return;
        case MAIL_STEP_ENDED:
                text_add_string(ret, "QUIT");
                break;
        }
        text_add_string(ret, "\r\n");
}

static void talk_end(MailTalk *t, MailFate fate, const char *reply)
{
        t->step = MAIL_STEP_ENDED;
        t->fate = fate;
        snprintf(t->reply, sizeof(t->reply), "%s", reply);
}

/* What a recipient was promised before the mail itself was judged. */
static void settle_recipients(MailTalk *t, MailFate from, MailFate to, const char *reply)
{
        for (size_t i = 0; i < t->n_recipients; i++) {
                MailRecipient *r = &t->recipients[i];
                if (r->fate != from)
                        continue;
                r->fate = to;
                snprintf(r->reply, sizeof(r->reply), "%s", reply);
        }
}

static size_t count(const MailTalk *t, MailFate fate)
{
        size_t n = 0;

        for (size_t i = 0; i < t->n_recipients; i++)
                n += t->recipients[i].fate == fate;
        return n;
}

/* All recipients have been named. */
static void after_recipients(MailTalk *t)
{
        if (count(t, MAIL_ACCEPTED) > 0)
                t->step = MAIL_STEP_DATA;
        else
                talk_end(t, count(t, MAIL_DEFERRED) > 0 ? MAIL_DEFERRED : MAIL_REFUSED,
                         t->recipients[t->n_recipients - 1].reply);
}

static void answer_recipient(MailTalk *t, const MailReply *reply, MailFate fate)
{
        MailRecipient *r = &t->recipients[t->next];

        /* RFC 5321, 4.5.3.1.10: too many recipients, said in the words of RFC 821. */
        r->fate = reply->code == 552 ? MAIL_DEFERRED : fate;
        snprintf(r->reply, sizeof(r->reply), "%s", reply->text);
        if (++t->next == t->n_recipients)
                after_recipients(t);
}

static void answer_all(MailTalk *t, MailFate fate, const char *reply)
{
        settle_recipients(t, MAIL_OPEN, fate, reply);
        settle_recipients(t, MAIL_ACCEPTED, fate, reply);
        talk_end(t, fate, reply);
}

void mail_talk_answer(MailTalk *t, const MailReply *reply)
{
        MailFate fate = mail_reply_fate(reply->code);
        /* 3xx is a step on the way to DATA, and an answer to nothing else. */
        bool go_on = reply->code >= 300 && reply->code < 400;

        assert(t->step != MAIL_STEP_ENDED);
        if (reply->code == 421 || go_on != (t->step == MAIL_STEP_DATA && fate == MAIL_ACCEPTED)) {
                /* It hangs up; or it is out of step. A 2xx to DATA promises nothing. */
                answer_all(t, MAIL_DEFERRED, reply->text);
                return;
        }
        if (t->step == MAIL_STEP_TO) {
                answer_recipient(t, reply, fate);
                return;
        }
        if (fate != MAIL_ACCEPTED) {
                answer_all(t, fate, reply->text);
                return;
        }
        switch (t->step) {
        case MAIL_STEP_FROM:
                t->step = MAIL_STEP_TO;
                break;
        case MAIL_STEP_DATA:
                t->step = MAIL_STEP_TEXT;
                break;
        default:
                talk_end(t, MAIL_ACCEPTED, reply->text);
        }
}

const char *mail_talk_where(const MailTalk *t)
{
        static const char *const names[] = {
                        [MAIL_STEP_FROM] = "after MAIL FROM", [MAIL_STEP_TO] = "after RCPT TO",
                        [MAIL_STEP_DATA] = "after DATA",      [MAIL_STEP_TEXT] = "after the mail",
                        [MAIL_STEP_ENDED] = "after QUIT",
        };
        return names[t->step];
}

void mail_text_add(Text *t, const char *message, size_t size)
{
        assert(size >= 2 && memcmp(message + size - 2, "\r\n", 2) == 0);
        while (size > 0) {
                const char *end = memchr(message, '\n', size);
                size_t line = end ? (size_t) (end - message) + 1 : size;
                if (*message == '.')
                        text_add_string(t, ".");
                text_add_bytes(t, message, line);
                message += line;
                size -= line;
        }
        text_add_string(t, ".\r\n");
}

void mail_scrub(char *text, const char *secret)
{
        size_t piece = MIN(strlen(secret), (size_t) PIECE), size = strlen(text);
        _cleanup_free_ char *copy = piece > 0 ? strdup(text) : NULL;

        if (piece == 0)
                return;
        if (!copy) { /* rather nothing than the secret */
                *text = '\0';
                return;
        }
        for (size_t i = 0; i + piece <= size; i++)
                if (memmem(secret, strlen(secret), copy + i, piece))
                        memset(text + i, '*', piece);
        explicit_bzero(copy, size);
}
