/* SPDX-License-Identifier: MIT */
/* A mail's text: encoded words, folding, quoted-printable. */
#include "base/mime.h"

#include "base/clock.h"
#include "base/sign.h"

#include <time.h>

#define LINE_MAX_  78 /* RFC 5322, 2.1.1, without CRLF */
#define QUOTED_MAX 76 /* RFC 2045, 6.7 */
#define FOLD       "\r\n "

/* An encoded word has 75 characters at most (RFC 2047, 2); 45 bytes make 60 of base64 and 72 in all. */
#define WORD_BYTES 45
#define WORD_FRAME 12 /* =?UTF-8?B??= */

/* Valid UTF-8, in one line, or with LF as only line end. */
static int clean(const char *s, bool lines, char **ret)
{
        _cleanup_text_ Text t = {0};

        while (*s) {
                uint32_t c;
                size_t size = utf8_size(s, strnlen(s, 4), &c);
                if (size == 0)
                        text_add_string(&t, "\xef\xbf\xbd");
                else if ((unsigned char) *s < 0x20 || *s == 0x7f)
                        text_add_string(&t, lines && (*s == '\n' || *s == '\t') ? (char[]){*s, '\0'} : " ");
                else
                        text_add_bytes(&t, s, size);
                s += MAX(size, (size_t) 1);
        }
        return text_take(&t, ret);
}

static void add_word(Text *t, const char *s, size_t size)
{
        static const char *const padding[] = {"", "", "==", "="};
        _cleanup_free_ char *base64 = NULL;

        if (base64_encode(s, size, &base64) < 0)
                t->failed = true;
        else
                text_add(t, "=?UTF-8?B?%s%s?=", base64, padding[strlen(base64) % 4]);
}

size_t mime_add_words(Text *t, size_t column, const char *s, size_t size, const char *fold)
{
        while (size > 0) {
                size_t room = column + WORD_FRAME + 4 <= LINE_MAX_ ? (LINE_MAX_ - column - WORD_FRAME) / 4 * 3
                                                                   : 0;
                size_t most = MIN(room, (size_t) WORD_BYTES), word = utf8_cut(s, MIN(most, size));
                if (word == 0 && column > 1) {
                        text_add_string(t, fold);
                        column = 1;
                        continue;
                }
                if (word == 0) /* no UTF-8 after all */
                        word = MIN((size_t) WORD_BYTES, size);
                add_word(t, s, word);
                column += WORD_FRAME + (word + 2) / 3 * 4;
                s += word;
                size -= word;
                if (size > 0) {
                        text_add_string(t, fold);
                        column = 1;
                }
        }
        return column;
}

/* Can it stand as it is, folded at its spaces? Not when it would be decoded, or when the spaces would be lost. */
static bool is_plain(const char *s)
{
        size_t word = 0;

        if (*s == ' ' || strstr(s, "=?") || strstr(s, "  ") || (*s && s[strlen(s) - 1] == ' '))
                return false;
        for (; *s; s++) {
                word = *s == ' ' ? 0 : word + 1;
                if ((unsigned char) *s >= 0x7f || word > LINE_MAX_ / 2)
                        return false;
        }
        return true;
}

/* Words of plain text, folded before the one that does not fit. */
static void add_folded(Text *t, size_t column, const char *s)
{
        for (bool first = true; *s; first = false) {
                size_t space = first ? 0 : 1, size = strcspn(s + space, " ") + space;
                if (!first && column + size > LINE_MAX_) {
                        text_add_string(t, "\r\n");
                        column = 0;
                }
                text_add_bytes(t, s, size);
                column += size;
                s += size;
        }
}

void mime_add_text(Text *t, const char *name, const char *value)
{
        _cleanup_free_ char *s = NULL;
        size_t column = strlen(name) + 2;

        if (clean(value, false, &s) < 0) {
                t->failed = true;
                return;
        }
        text_add(t, "%s: ", name);
        if (is_plain(s))
                add_folded(t, column, s);
        else
                (void) mime_add_words(t, column, s, strlen(s), FOLD);
        text_add_string(t, "\r\n");
}

/* A phrase: atoms as they are, other ASCII quoted, all else encoded. Returns the column behind it. */
static size_t add_name(Text *t, size_t column, const char *name)
{
        bool atoms = is_plain(name) && !name[strcspn(name, "()<>[]:;@\\,.\"")], quotable = is_plain(name);
        size_t size = strlen(name) + (atoms ? 0 : 2);

        if (!quotable || size > LINE_MAX_ / 2)
                return mime_add_words(t, column, name, strlen(name), FOLD);
        if (column + size > LINE_MAX_) {
                text_add_string(t, FOLD);
                column = 1;
        }
        text_add_string(t, atoms ? "" : "\"");
        for (const char *c = name; *c; c++) {
                bool escape = *c == '"' || *c == '\\';
                text_add(t, "%s%c", escape ? "\\" : "", *c);
                size += escape;
        }
        text_add_string(t, atoms ? "" : "\"");
        return column + size;
}

void mime_add_addresses(Text *t, const char *name, const MailAddress *list)
{
        size_t column = strlen(name) + 2;

        text_add(t, "%s: ", name);
        for (size_t i = 0; list[i].address; i++) {
                _cleanup_free_ char *shown = NULL;
                size_t size = strlen(list[i].address) + 4;

                if (clean(list[i].name, false, &shown) < 0) {
                        t->failed = true;
                        return;
                }
                if (i > 0) {
                        text_add_string(t, "," FOLD);
                        column = 1;
                }
                if (*shown)
                        column = add_name(t, column, shown);
                if (*shown)
                        text_add_string(t, column + size > LINE_MAX_ ? FOLD : " ");
                text_add(t, *shown ? "<%s>" : "%s", list[i].address);
        }
        text_add_string(t, "\r\n");
}

void mime_add_date(Text *t, const char *name, uint64_t wall_usec)
{
        static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        time_t seconds = (time_t) (wall_usec / USEC_PER_SEC);
        struct tm tm = {0};

        (void) gmtime_r(&seconds, &tm);
        text_add(t, "%s: %s, %d %s %d %02d:%02d:%02d +0000\r\n", name, days[tm.tm_wday], tm.tm_mday,
                 months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void mime_add_id(Text *t, const char *name, const char *id, const char *domain)
{
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

        text_add(t, "%s: <", name);
        for (size_t i = 0; id[i] && i < LINE_MAX_ / 2; i++)
                text_add(t, "%c", strchr(allowed, id[i]) ? id[i] : '-');
        text_add(t, "%s@%s>\r\n", *id ? "" : "-", domain);
}

/* Bodies */

static bool is_plain_body(const char *s)
{
        while (*s) {
                size_t size = strcspn(s, "\n");
                if (size > LINE_MAX_ || strncmp(s, "From ", 5) == 0) /* which mail boxes would change */
                        return false;
                if (size > 0 && (s[size - 1] == ' ' || s[size - 1] == '\t'))
                        return false;
                for (size_t i = 0; i < size; i++)
                        if ((unsigned char) s[i] >= 0x7f)
                                return false;
                s += size + (s[size] == '\n');
        }
        return true;
}

static void add_lines(Text *t, const char *s)
{
        while (*s) {
                size_t size = strcspn(s, "\n");
                text_add_bytes(t, s, size);
                text_add_string(t, "\r\n");
                s += size + (s[size] == '\n');
        }
}

/* RFC 2045, 6.7: rules 1 to 5. */
static void add_quoted_line(Text *t, const char *s, size_t size)
{
        size_t column = 0;

        for (size_t i = 0; i < size; i++) {
                unsigned char c = (unsigned char) s[i];
                bool last = i + 1 == size, space = c == ' ' || c == '\t';
                bool quote = c >= 0x7f || c == '=' || (c < 0x20 && !space) || (space && last) ||
                             (i == 0 && size >= 5 && memcmp(s, "From ", 5) == 0);
                size_t wide = quote ? 3 : 1;

                if (column + wide > QUOTED_MAX - (last ? 0 : 1)) {
                        text_add_string(t, "=\r\n");
                        column = 0;
                }
                if (quote)
                        text_add(t, "=%02X", c);
                else
                        text_add_bytes(t, &s[i], 1);
                column += wide;
        }
        text_add_string(t, "\r\n");
}

void mime_add_body(Text *t, const char *body)
{
        _cleanup_free_ char *s = NULL;

        if (clean(body, true, &s) < 0) {
                t->failed = true;
                return;
        }
        bool plain = is_plain_body(s);
        text_add(t,
                 "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                 "Content-Transfer-Encoding: %s\r\n\r\n",
                 plain ? "7bit" : "quoted-printable");
        if (plain) {
                add_lines(t, s);
                return;
        }
        for (const char *line = s; *line;) {
                size_t size = strcspn(line, "\n");
                add_quoted_line(t, line, size);
                line += size + (line[size] == '\n');
        }
}
