/* SPDX-License-Identifier: MIT */
/* The two clocks, and durations and time stamps as text. */
#include "base/clock.h"

#include <ctype.h>
#include <inttypes.h>
#include <time.h>

static uint64_t clock_usec(clockid_t id)
{
        struct timespec ts;
        int r = clock_gettime(id, &ts);
        assert(r == 0);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000;
}

uint64_t clock_boot_usec(void)
{
        return clock_usec(CLOCK_BOOTTIME);
}

uint64_t clock_wall_usec(void)
{
        return clock_usec(CLOCK_REALTIME);
}

uint64_t clock_monotonic_usec(void)
{
        return clock_usec(CLOCK_MONOTONIC);
}

/* Largest first, as they must stand in a duration. */
static const struct {
        const char *name;
        uint64_t usec;
        const char *words; /* for people */
} units[] = {
                {"d", USEC_PER_DAY, "d"}, {"h", USEC_PER_HOUR, "h"},   {"m", USEC_PER_MIN, "min"},
                {"s", USEC_PER_SEC, "s"}, {"ms", USEC_PER_MSEC, "ms"}, {"us", 1, "µs"},
};

/* The index of the unit at *s, which is moved behind it; -1 when there is none. */
static int unit_match(const char **s)
{
        size_t size = 0;
        while (isalpha((unsigned char) (*s)[size]))
                size++;
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (strlen(units[i].name) == size && strncmp(*s, units[i].name, size) == 0) {
                        *s += size;
                        return (int) i;
                }
        return -1;
}

/* Digits at *s; more than 64 bits hold is -ERANGE. */
static int number_match(const char **s, uint64_t *ret)
{
        uint64_t n = 0;

        if (!isdigit((unsigned char) **s))
                return -EINVAL;
        for (; isdigit((unsigned char) **s); (*s)++)
                if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, **s - '0', &n))
                        return -ERANGE;
        *ret = n;
        return 0;
}

int duration_parse(const char *text, uint64_t *ret_usec)
{
        assert(text);
        assert(ret_usec);

        if (streq(text, "0")) {
                *ret_usec = 0;
                return 0;
        }

        uint64_t total = 0;
        int last = -1;
        const char *s = text;
        do {
                uint64_t n, usec;
                int r = number_match(&s, &n);
                if (r < 0)
                        return r;
                int unit = unit_match(&s);
                if (unit <= last) /* unknown, twice, or "5s1m" */
                        return -EINVAL;
                last = unit;
                if (__builtin_mul_overflow(n, units[unit].usec, &usec) ||
                    __builtin_add_overflow(total, usec, &total) || total == USEC_NEVER)
                        return -ERANGE;
        } while (*s);

        *ret_usec = total;
        return 0;
}

char *duration_format(char buffer[static DURATION_SIZE], uint64_t usec)
{
        if (usec == USEC_NEVER)
                return strcpy(buffer, "never");

        size_t i = 0;
        while (i + 1 < ELEMENTSOF(units) && usec < units[i].usec)
                i++;
        uint64_t n = usec / units[i].usec, rest = usec % units[i].usec;
        if (usec == 0)
                return strcpy(buffer, "0 s");
        unsigned second = i + 1 < ELEMENTSOF(units) ? (unsigned) (rest / units[i + 1].usec) % 1000 : 0;

        /* Below ten seconds a fraction says more than "3 s 250 ms". */
        if (units[i].usec == USEC_PER_SEC) {
                if (n < 10 && rest >= 100 * USEC_PER_MSEC)
                        snprintf(buffer, DURATION_SIZE, "%" PRIu64 ".%" PRIu64 " s", n,
                                 rest / (100 * USEC_PER_MSEC));
                else
                        snprintf(buffer, DURATION_SIZE, "%" PRIu64 " s", n);
        } else if (second > 0 && units[i].usec > USEC_PER_SEC)
                snprintf(buffer, DURATION_SIZE, "%" PRIu64 " %s %u %s", n, units[i].words, second,
                         units[i + 1].words);
        else
                snprintf(buffer, DURATION_SIZE, "%" PRIu64 " %s", n, units[i].words);
        return buffer;
}

char *duration_print(char buffer[static DURATION_SIZE], uint64_t usec)
{
        if (usec == 0)
                return strcpy(buffer, "0");

        /* One unit when one divides it ("90s", not "1m30s"), else all that are not zero. */
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (usec % units[i].usec == 0 && usec / units[i].usec < 1000) {
                        snprintf(buffer, DURATION_SIZE, "%" PRIu64 "%s", usec / units[i].usec, units[i].name);
                        return buffer;
                }

        size_t used = 0;
        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                uint64_t n = usec / units[i].usec;
                usec %= units[i].usec;
                if (n > 0)
                        used += (size_t) snprintf(buffer + used, DURATION_SIZE - used, "%" PRIu64 "%s", n,
                                                  units[i].name);
        }
        return buffer;
}

char *timestamp_format(char buffer[static TIMESTAMP_SIZE], uint64_t wall_usec)
{
        /* The year 9999 is the last that RFC 3339 can write. */
        time_t seconds = (time_t) MIN(wall_usec / USEC_PER_SEC, UINT64_C(253402300799));
        struct tm tm;

        struct tm *done = gmtime_r(&seconds, &tm);
        assert(done);
        snprintf(buffer, TIMESTAMP_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
                 (unsigned) (tm.tm_year + 1900) % 10000, (unsigned) (tm.tm_mon + 1) % 100,
                 (unsigned) tm.tm_mday % 100, (unsigned) tm.tm_hour % 100, (unsigned) tm.tm_min % 100,
                 (unsigned) tm.tm_sec % 100, (unsigned) (wall_usec / USEC_PER_MSEC % 1000));
        return buffer;
}

/* Exactly `digits` digits at *s, within min and max, then the character `after` (0: none). */
static bool field_match(const char **s, size_t digits, int min, int max, char after, int *ret)
{
        int n = 0;

        for (size_t i = 0; i < digits; i++, (*s)++) {
                if (!isdigit((unsigned char) **s))
                        return false;
                n = n * 10 + (**s - '0');
        }
        if (n < min || n > max)
                return false;
        if (after && **s != after && !(after == 'T' && (**s == 't' || **s == ' ')))
                return false;
        *s += after ? 1 : 0;
        *ret = n;
        return true;
}

/* ".123456789" to microseconds; what is finer is dropped. */
static bool fraction_match(const char **s, uint64_t *ret_usec)
{
        uint64_t usec = 0, weight = USEC_PER_SEC / 10;

        *ret_usec = 0;
        if (**s != '.')
                return true;
        (*s)++;
        if (!isdigit((unsigned char) **s))
                return false;
        for (; isdigit((unsigned char) **s); (*s)++, weight /= 10)
                usec += weight * (uint64_t) (**s - '0');
        *ret_usec = usec;
        return true;
}

static bool offset_match(const char **s, int64_t *ret_seconds)
{
        int hours, minutes;

        if (**s == 'Z' || **s == 'z') {
                (*s)++;
                *ret_seconds = 0;
                return true;
        }
        char sign = **s;
        if (sign != '+' && sign != '-')
                return false;
        (*s)++;
        if (!field_match(s, 2, 0, 23, ':', &hours) || !field_match(s, 2, 0, 59, 0, &minutes))
                return false;
        *ret_seconds = (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
        return true;
}

int timestamp_parse(const char *text, uint64_t *ret_wall_usec)
{
        assert(text);
        assert(ret_wall_usec);

        const char *s = text;
        int year, month, day, hour, minute, second;
        uint64_t fraction;
        int64_t offset;
        if (!field_match(&s, 4, 1970, 9999, '-', &year) || !field_match(&s, 2, 1, 12, '-', &month) ||
            !field_match(&s, 2, 1, 31, 'T', &day) || !field_match(&s, 2, 0, 23, ':', &hour) ||
            !field_match(&s, 2, 0, 59, ':', &minute) || !field_match(&s, 2, 0, 60, 0, &second) ||
            !fraction_match(&s, &fraction) || !offset_match(&s, &offset) || *s)
                return -EINVAL;

        struct tm tm = {
                        .tm_year = year - 1900,
                        .tm_mon = month - 1,
                        .tm_mday = day,
                        .tm_hour = hour,
                        .tm_min = minute,
                        .tm_sec = MIN(second, 59), /* a leap second is the last of its minute */
        };
        int64_t seconds = timegm(&tm);
        if (tm.tm_mday != day || tm.tm_mon != month - 1) /* 31 April */
                return -EINVAL;
        seconds -= offset;
        if (seconds < 0)
                return -EINVAL;

        *ret_wall_usec = (uint64_t) seconds * USEC_PER_SEC + fraction;
        return 0;
}
