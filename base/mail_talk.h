/* SPDX-License-Identifier: MIT */
/* What is said to a mail server once the connection stands, and what its answers mean (RFC 5321): pure, without a socket.
 * mail.c carries it out. */
#pragma once

#include "base/text.h"

typedef enum MailFate {
        MAIL_OPEN,     /* nobody has said anything of it */
        MAIL_ACCEPTED, /* the server has taken it, and answers for it */
        MAIL_DEFERRED, /* not now: 4xx, or 5xx for what an operator may mend (our login) */
        MAIL_REFUSED,  /* never: 5xx */
} MailFate;

#define MAIL_REPLY_SIZE 256

/* One answer: its code and its lines as one, "550 5.1.1 no such user", clean for people. */
typedef struct MailReply {
        unsigned code;
        char text[MAIL_REPLY_SIZE];
} MailReply;

/* Bytes of a server into answers. */
typedef struct MailReader {
        char line[1024]; /* what came of the line so far; the rest of a longer one is dropped */
        size_t size, total;
        MailReply reply;
        bool more; /* the answer has lines that are not here yet */
} MailReader;

#define MAIL_REPLIES_MAX (64 * 1024) /* bytes of all answers to one mail */

/* Takes bytes up to the end of an answer and says how many. 1: *ret is complete; 0: more is needed; -EBADMSG: this is no
 * SMTP; -EFBIG: it never ends. */
int mail_reader_feed(MailReader *r, const char *data, size_t size, size_t *ret_taken, const MailReply **ret);
MailFate mail_reply_fate(unsigned code);

typedef enum MailStep {
        MAIL_STEP_FROM,
        MAIL_STEP_TO,
        MAIL_STEP_DATA,
        MAIL_STEP_TEXT,
        MAIL_STEP_ENDED,
} MailStep;

typedef struct MailRecipient {
        const char *address; /* borrowed */
        MailFate fate;
        char reply[MAIL_REPLY_SIZE];
} MailRecipient;

typedef struct MailTalk {
        const char *from; /* borrowed */
        MailRecipient *recipients;
        size_t n_recipients, next;
        size_t size; /* of the mail, when the server wants to know; else 0 */
        MailStep step;
        MailFate fate; /* of the mail: ACCEPTED when at least one recipient's server took it; OPEN until ENDED */
        char reply[MAIL_REPLY_SIZE]; /* what decided it */
} MailTalk;

/* What is to be said in this step, with CRLF; of MAIL_STEP_TEXT, the caller's text and the dot, nothing. */
void mail_talk_command(const MailTalk *t, Text *ret);
/* The answer to it: the next step. */
void mail_talk_answer(MailTalk *t, const MailReply *reply);
/* "after MAIL FROM", for a deadline's message */
const char *mail_talk_where(const MailTalk *t);

/* Doubles dots at the beginning of lines and ends with the dot. message ends with CRLF. */
void mail_text_add(Text *t, const char *message, size_t size);
/* Puts asterisks over every piece of the secret, 8 characters or more of it, in text. */
void mail_scrub(char *text, const char *secret);
