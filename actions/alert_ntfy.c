/* SPDX-License-Identifier: MIT */
/* ntfy (https://docs.ntfy.sh/publish/): the text is the body, the rest are headers. */
#include "actions/alert.h"

#include "base/mime.h"

/* Longer messages become attachments. */
#define NTFY_TEXT_MAX  4000
#define NTFY_TITLE_MAX 250

static bool is_plain_header(const char *s, size_t size)
{
        for (size_t i = 0; i < size; i++)
                if ((unsigned char) s[i] < 0x20 || (unsigned char) s[i] >= 0x7f)
                        return false;
        return !memmem(s, size, "=?", 2); /* would be decoded */
}

/* A header's value: as it is when it is plain ASCII, else in RFC 2047's encoded words. */
static int header_encode(const char *s, size_t limit, char **ret)
{
        _cleanup_text_ Text t = {0};
        size_t size = utf8_cut(s, limit);

        if (is_plain_header(s, size)) {
                text_add_bytes(&t, s, size);
                return text_take(&t, ret);
        }
        (void) mime_add_words(&t, 0, s, size, " ");
        return text_take(&t, ret);
}

static int ntfy_write(const AlertMessage *m, Text *body, Headers *headers)
{
        _cleanup_free_ char *title = NULL;
        bool test = m->facts->kind == ACTION_TEST;

        int r = header_encode(m->title, NTFY_TITLE_MAX, &title);
        if (r < 0)
                return r;
        headers_add(headers, "Title", "%s", title);
        headers_add(headers, "Priority", "%s",
                    streq(m->severity, "critical")  ? "urgent"
                    : streq(m->severity, "warning") ? "high"
                                                    : "default");
        headers_add(headers, "Tags", "%s", test ? "bell" : m->firing ? "rotating_light" : "white_check_mark");
        if (*request_link(m->facts->node_url))
                headers_add(headers, "Click", "%s", request_link(m->facts->node_url));

        text_add_bytes(body, m->body, utf8_cut(m->body, NTFY_TEXT_MAX));
        return 0;
}

const AlertFormat alert_ntfy = {
                .name = "ntfy",
                .content_type = "text/plain; charset=utf-8",
                .write = ntfy_write,
};
