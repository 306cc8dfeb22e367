/* SPDX-License-Identifier: MIT */
/* ntfy (https://docs.ntfy.sh/publish/): the text is the body, the rest are headers. */
#include "actions/alert.h"

#include "base/sign.h"

/* Longer messages become attachments. */
#define NTFY_TEXT_MAX  4000
#define NTFY_TITLE_MAX 250

/* Bytes of an encoded word's content: 45 become 60 of base64, and with "=?UTF-8?B?" and "?=" 72 of RFC 2047's 75. */
#define WORD_SIZE 45

/* The longest beginning of s of at most limit bytes that ends at a character's end. */
static size_t cut_size(const char *s, size_t limit)
{
        size_t size = strlen(s);

        if (size <= limit)
                return size;
        size = limit;
        while (size > 0 && ((unsigned char) s[size] & 0xc0) == 0x80)
                size--;
        return size;
}

static bool is_plain_header(const char *s, size_t size)
{
        for (size_t i = 0; i < size; i++)
                if ((unsigned char) s[i] < 0x20 || (unsigned char) s[i] >= 0x7f)
                        return false;
        return !memmem(s, size, "=?", 2); /* would be decoded */
}

static void add_encoded_word(Text *t, const char *s, size_t size)
{
        _cleanup_free_ char *base64 = NULL;

        if (base64_encode(s, size, &base64) < 0) {
                t->failed = true;
                return;
        }
        static const char *const padding[] = {"", "", "==", "="};
        text_add(t, "=?UTF-8?B?%s%s?=", base64, padding[strlen(base64) % 4]);
}

/* A header's value: as it is when it is plain ASCII, else in RFC 2047's encoded words. */
static int header_encode(const char *s, size_t limit, char **ret)
{
        _cleanup_text_ Text t = {0};
        size_t size = cut_size(s, limit);

        if (is_plain_header(s, size)) {
                text_add_bytes(&t, s, size);
                return text_take(&t, ret);
        }
        for (size_t at = 0; at < size;) {
                size_t word = cut_size(s + at, MIN((size_t) WORD_SIZE, size - at));
                if (word == 0) /* not UTF-8 after all */
                        word = MIN((size_t) WORD_SIZE, size - at);
                text_add_string(&t, at > 0 ? " " : "");
                add_encoded_word(&t, s + at, word);
                at += word;
        }
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

        text_add_bytes(body, m->body, cut_size(m->body, NTFY_TEXT_MAX));
        return 0;
}

const AlertFormat alert_ntfy = {
                .name = "ntfy",
                .content_type = "text/plain; charset=utf-8",
                .write = ntfy_write,
};
