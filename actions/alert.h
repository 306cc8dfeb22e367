/* SPDX-License-Identifier: MIT */
/* An alert's words, the channels that they go through (a webhook, mail), and the formats in which receivers of webhooks
 * want them. To add a format, write actions/alert_NAME.c that defines `const AlertFormat alert_NAME`, and add it to
 * alert_formats in alert_webhook.c. */
#pragma once

#include "actions/request.h"
#include "base/mail.h"
#include "base/mail_address.h"
#include "base/text.h"

/* What an operator is told. All text is clean: one line but for body, nothing invisible in it. */
typedef struct AlertMessage {
        const ActionFacts *facts;
        const char *severity; /* "critical", "warning", "info": how loud this message is */
        bool firing;          /* something is wrong now; false: it is over */
        char *title;          /* "[My Shop] Switched from primary to crypto: payment-api down: …" */
        char *body;           /* what happened, since when, what was done, what the operator can do */
} AlertMessage;

int alert_message_make(const ActionFacts *facts, AlertMessage *ret);
void alert_message_clear(AlertMessage *m);
#define _cleanup_alert_message_ _cleanup_(alert_message_clear)

typedef struct AlertFormat {
        const char *name; /* value of `format:` */
        const char *content_type;
        int (*write)(const AlertMessage *m, Text *body, Headers *headers); /* -ENOMEM */
} AlertFormat;

extern const AlertFormat alert_alertmanager, alert_slack, alert_ntfy, alert_json;

/* The value of webhook-signature (https://www.standardwebhooks.com, "Signature scheme", symmetric): the secret is
 * "whsec_" and base64, or taken as it is. -EINVAL: bad base64, or an empty secret. */
int alert_sign(const char *secret, const char *id, uint64_t timestamp, const void *body, size_t size,
               char **ret);

/* One alert action's settings: the part that is set has a URL. */
typedef struct AlertWebhook {
        char *url;
        int format;
        char *secret_file;
        ConfPair *headers;
        char *ca_file;
        uint64_t timeout_usec;
} AlertWebhook;

typedef enum AlertTls {
        ALERT_TLS_AUTO, /* required, but on this machine itself without a login */
        ALERT_TLS_REQUIRED,
        ALERT_TLS_NONE,
} AlertTls;

typedef struct AlertSmtp {
        char *url;
        MailAddress from, *to;
        char *username, *password_file, *ca_file, *hello;
        int tls; /* AlertTls */
        uint64_t timeout_usec;
} AlertSmtp;

typedef struct AlertConf {
        AlertWebhook webhook;
        AlertSmtp smtp;
} AlertConf;

typedef struct AlertState {
        Fetch *fetch;
        Mail *mail;
} AlertState;

/* As in ActionType, but that conf and node are the channel's part. */
typedef struct AlertChannel {
        int (*check)(const void *conf, const ConfNode *node, Error *e);
        int (*verify)(const void *conf, const char *config_dir, Error *e);
        int (*target)(const void *conf, char **ret);
        size_t (*files)(const void *conf, ReadingFile *ret);
        void (*apply)(Action *a);
        void (*stop)(Action *a);
} AlertChannel;

extern const AlertChannel alert_webhook, alert_smtp;
extern const ConfField alert_webhook_fields[], alert_smtp_fields[];

/* The alert as a mail, whole, with lines that end in CRLF: the same bytes at every attempt. */
int alert_mail_make(const ActionFacts *facts, const MailAddress *from, const MailAddress *to, char **ret);
