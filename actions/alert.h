/* SPDX-License-Identifier: MIT */
/* An alert's words, and the formats in which receivers want them. To add a format, write actions/alert_NAME.c that
 * defines `const AlertFormat alert_NAME`, and add it to alert_formats in alert.c. */
#pragma once

#include "actions/request.h"
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
