/* SPDX-License-Identifier: MIT */
/* Reading values out of answers, and printing foreign words safely. */
#include "base/clock.h"
#include "ctl/ctl.h"

#include <inttypes.h>
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

int64_t ctl_integer(const json_t *object, const char *key)
{
        return json_integer_value(json_object_get(object, key));
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

void ctl_latency(char *buffer, size_t size, const json_t *ms_number)
{
        double ms = json_number_value(ms_number);

        if (!json_is_number(ms_number) || ms < 0)
                snprintf(buffer, size, "-");
        else if (ms < 10)
                snprintf(buffer, size, "%.1f ms", ms);
        else if (ms < 10000)
                snprintf(buffer, size, "%.0f ms", ms);
        else
                snprintf(buffer, size, "%.1f s", ms / 1000);
}

char *ctl_short_age(char *buffer, size_t size, uint64_t at_usec, uint64_t now_usec)
{
        uint64_t usec = now_usec > at_usec ? now_usec - at_usec : 0;

        if (at_usec == 0)
                snprintf(buffer, size, "-");
        else if (usec < 2 * USEC_PER_MIN)
                snprintf(buffer, size, "%" PRIu64 " s", usec / USEC_PER_SEC);
        else if (usec < 2 * USEC_PER_HOUR)
                snprintf(buffer, size, "%" PRIu64 " min", usec / USEC_PER_MIN);
        else if (usec < 2 * USEC_PER_DAY)
                snprintf(buffer, size, "%" PRIu64 " h", usec / USEC_PER_HOUR);
        else
                snprintf(buffer, size, "%" PRIu64 " d", usec / USEC_PER_DAY);
        return buffer;
}
