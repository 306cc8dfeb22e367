/* SPDX-License-Identifier: MIT */
/* Reading values out of answers, and printing foreign words safely. */
#include "base/clock.h"
#include "ctl/ctl.h"

#include <time.h>

void ctl_print_json(const json_t *j)
{
        size_t flags = JSON_ENCODE_ANY |
                       (ctl_stdout_is_tty() ? JSON_INDENT(2) | JSON_ENSURE_ASCII : JSON_COMPACT);

        (void) json_dumpf(j, stdout, flags); /* main() checks stdout at the end */
        putchar('\n');
}

void ctl_add_words(Text *t, const char *words)
{
        while (*words != '\0') {
                size_t length = strcspn(words, "\n");

                if (length > 0)
                        text_add_plain(t, words, length);
                text_add_string(t, "\n");
                words += length;
                if (*words == '\n')
                        words++;
        }
}

void ctl_print_words(const char *words)
{
        _cleanup_text_ Text t = {};

        ctl_add_words(&t, words);
        if (!t.failed && t.data)
                fputs(t.data, stdout);
}

void ctl_add_encoded(Text *t, const char *s)
{
        for (; *s != '\0'; s++) {
                unsigned char c = (unsigned char) *s;

                if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                    strchr("-._~", c))
                        text_add_bytes(t, &c, 1);
                else
                        text_add(t, "%%%02X", c);
        }
}

const char *ctl_string(const json_t *object, const char *key)
{
        const char *s = json_string_value(json_object_get(object, key));

        return s ? s : "";
}

uint64_t ctl_time(const json_t *object, const char *key)
{
        uint64_t usec;

        return timestamp_parse(ctl_string(object, key), &usec) >= 0 ? usec : 0;
}

char *ctl_time_format(char buffer[static CTL_TIME_SIZE], uint64_t wall_usec)
{
        time_t seconds = (time_t) (wall_usec / USEC_PER_SEC);
        struct tm tm;

        if (!localtime_r(&seconds, &tm) || strftime(buffer, CTL_TIME_SIZE, "%Y-%m-%d %H:%M:%S %Z", &tm) == 0)
                snprintf(buffer, CTL_TIME_SIZE, "at an unknown time");
        return buffer;
}
