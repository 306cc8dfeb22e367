/* SPDX-License-Identifier: MIT */
/* Incoming webhooks of Slack, and of Mattermost and Rocket.Chat, which take the same: {"text": …}
 * (https://api.slack.com/messaging/webhooks; & < > are escaped as https://api.slack.com/reference/surfaces/formatting
 * asks for, which also keeps foreign text from mentioning anybody). */
#include "actions/alert.h"

#include <strings.h>

/* Slack cuts at 40,000 characters; nobody reads that many. */
#define SLACK_TEXT_MAX 8000

/* Mattermost takes a bare @channel for a call to everybody. */
static bool is_mention(const char *s)
{
        static const char *const everybody[] = {"channel", "all", "here", "everyone"};

        for (size_t i = 0; i < ELEMENTSOF(everybody); i++)
                if (strncasecmp(s, everybody[i], strlen(everybody[i])) == 0)
                        return true;
        return false;
}

static void add_escaped(Text *t, const char *s)
{
        for (; *s && t->size < SLACK_TEXT_MAX; s++)
                switch (*s) {
                case '&':
                        text_add_string(t, "&amp;");
                        break;
                case '<':
                        text_add_string(t, "&lt;");
                        break;
                case '>':
                        text_add_string(t, "&gt;");
                        break;
                case '@':
                        text_add_string(t, is_mention(s + 1) ? "@ " : "@");
                        break;
                default:
                        text_add_bytes(t, s, 1);
                }
}

static int slack_write(const AlertMessage *m, Text *body, Headers *headers)
{
        _cleanup_text_ Text text = {0};
        _cleanup_free_ char *words = NULL, *document = NULL;
        _cleanup_json_ json_t *j = json_object();

        add_escaped(&text, m->title);
        text_add_string(&text, "\n");
        add_escaped(&text, m->body);
        if (!j || text_take(&text, &words) < 0)
                return -ENOMEM;
        json_put(j, "text", json_string_or_null(words)); /* a character cut in half becomes visible */
        json_put(j, "mrkdwn", json_false());             /* nothing in foreign text is markup */
        int r = json_print(j, &document);
        if (r < 0)
                return r;
        text_add_string(body, document);
        return 0;
}

const AlertFormat alert_slack = {
                .name = "slack",
                .content_type = "application/json",
                .write = slack_write,
};
