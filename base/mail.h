/* SPDX-License-Identifier: MIT */
/* One mail to one server by SMTP: connection, TLS and login by libcurl on the HTTP client's machinery (names by c-ares,
 * certificates always checked), the mail itself by mail_talk.h. Nothing blocks. */
#pragma once

#include "base/fetch.h"
#include "base/mail_talk.h"

typedef struct Mail Mail; /* one mail in flight; freeing it cancels: the server drops what it has of it */

typedef struct MailRequest {
        const char *url;             /* smtp://host[:port] (587), smtps://host[:port] (465) */
        bool upgrade;                /* smtp: STARTTLS, or nothing is said */
        const char *hello;           /* what this machine calls itself; mail_domain_valid() */
        const char *user, *password; /* NULL: none. Only with TLS */
        const char *ca_file;         /* instead of the system's, or NULL */
        const char *from;            /* as mail_address_parse() lets through, like those of `to` */
        const char *const *to;       /* NULL-terminated, at least one */
        const void *message;         /* lines that end in CRLF */
        size_t message_size;
        uint64_t timeout_usec; /* all in all */
} MailRequest;

typedef struct MailResult {
        MailFate fate;       /* never OPEN; ACCEPTED: for at least one recipient, see theirs */
        const char *message; /* the server's answer, or what went wrong on the way; one line, without secrets */
        const MailRecipient *recipients; /* in their order; OPEN: it never came to them */
        size_t n_recipients;
} MailResult;

typedef void (*MailDone)(Mail *mail, const MailResult *result, void *userdata);

/* done() is called once, never from within mail_start(), and may free the mail. -EINVAL: bad URL. */
int mail_start(FetchClient *c, const MailRequest *request, MailDone done, void *userdata, Mail **ret);
Mail *mail_free(Mail *m);
DEFINE_CLEANUP(Mail, mail_free)
