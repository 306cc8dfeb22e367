/* SPDX-License-Identifier: MIT */
/* alert: tells the operator through a webhook or by mail, at every change of mode and whenever an alert begins or ends. */
#include "actions/alert.h"

static const ConfField alert_fields[] = {
                {"webhook", &conf_table, offsetof(AlertConf, webhook), 0, NULL,
                 "The receiver of an HTTP request; either this or smtp.", alert_webhook_fields},
                {"smtp", &conf_table, offsetof(AlertConf, smtp), 0, NULL,
                 "The mail server, and who gets mail; either this or webhook.", alert_smtp_fields},
                {NULL},
};

/* The one that is configured, and its part of the settings. */
static const AlertChannel *channel_of(const void *conf, const void **ret_part)
{
        const AlertConf *c = conf;

        *ret_part = c->smtp.url ? (const void *) &c->smtp : &c->webhook;
        return c->smtp.url ? &alert_smtp : &alert_webhook;
}

static size_t alert_files(const void *conf, ReadingFile *ret)
{
        const void *part;
        return channel_of(conf, &part)->files(part, ret);
}

static void alert_apply(Action *a)
{
        const void *part;
        channel_of(a->conf, &part)->apply(a);
}

static void alert_stop(Action *a)
{
        const void *part;
        channel_of(a->conf, &part)->stop(a);
}

static int alert_check(const void *conf, const ConfNode *node, Error *e)
{
        const AlertConf *c = conf;
        const void *part;

        if (!c->webhook.url && !c->smtp.url)
                return conf_error(node, e, "an alert needs `webhook` or `smtp`");
        if (c->webhook.url && c->smtp.url)
                return conf_error(
                                conf_get(node, "smtp"), e,
                                "an alert has either `webhook` or `smtp`; add a second alert for the other");
        return channel_of(conf, &part)->check(part, conf_get(node, c->smtp.url ? "smtp" : "webhook"), e);
}

static int alert_verify(const void *conf, const char *config_dir, Error *e)
{
        const void *part;
        return channel_of(conf, &part)->verify(part, config_dir, e);
}

static int alert_target(const void *conf, char **ret)
{
        const void *part;
        return channel_of(conf, &part)->target(part, ret);
}

const ActionType action_alert = {
                .name = "alert",
                .help = "Tells the operator through a webhook or by mail, at changes of mode and when an "
                        "alert begins or ends.",
                .conf_size = sizeof(AlertConf),
                .fields = alert_fields,
                .size = sizeof(AlertState),
                .event = true,
                .alerts = true,
                .timeout_usec = 125 * USEC_PER_SEC,
                .check = alert_check,
                .verify = alert_verify,
                .target = alert_target,
                .files = alert_files,
                .apply = alert_apply,
                .stop = alert_stop,
};
