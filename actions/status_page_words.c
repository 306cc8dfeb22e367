/* SPDX-License-Identifier: MIT */
/* The status page's texts: a language of web/status/, an operator's own before it, English behind it. */
#include "actions/status_page.h"

#include "base/file.h"
#include "base/template.h"

#define OWN_MAX (256 * 1024)

const char *words_language(const char *language)
{
        static const char *const all[] = {"en", "de"};

        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                if (!language || streq(all[i], language))
                        return all[i];
        return NULL;
}

static int language_load(const char *language, json_t **ret)
{
        const char *text = page_file(language);

        assert(text);
        return json_parse(text, strlen(text), ret, NULL);
}

/* The next {name} in a text, of `*size` bytes with its braces; NULL: no more. */
static const char *next_blank(const char *s, size_t *size)
{
        for (; (s = strchr(s, '{')); s++) {
                size_t n = strspn(s + 1, "abcdefghijklmnopqrstuvwxyz_");
                if (n > 0 && s[1 + n] == '}') {
                        *size = n + 2;
                        return s;
                }
        }
        return NULL;
}

/* What is filled in is what English has; a figure that is missing makes the text say nothing. */
static int blanks_check(const char *key, const char *own, const char *english, Error *e)
{
        bool needed = strncmp(key, "uptime", 6) == 0 || strncmp(key, "duration.", 9) == 0;
        size_t size;

        for (const char *s = own; (s = next_blank(s, &size)); s += size) {
                _cleanup_free_ char *blank = strndup(s, size);
                if (!blank)
                        return error_set(e, -ENOMEM, "out of memory");
                if (!strstr(english, blank))
                        return error_set(e, -EINVAL, "%s: nothing is filled in for %s", key, blank);
        }
        const char *first = next_blank(english, &size);
        _cleanup_free_ char *blank = needed && first ? strndup(first, size) : NULL;
        if (blank && !strstr(own, blank))
                return error_set(e, -EINVAL, "%s: it must have %s", key, blank);
        return 0;
}

static int text_check(const char *key, const char *own, const char *english, Error *e)
{
        if (own[strspn(own, " \t\r\n")] == '\0')
                return error_set(e, -EINVAL, "%s is blank", key);
        if (streq(key, "dir") && !streq(own, "ltr") && !streq(own, "rtl"))
                return error_set(e, -EINVAL, "dir is ltr or rtl, not \"%s\"", own);
        if (streq(key, "lang") &&
            own[strspn(own, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-")] != '\0')
                return error_set(e, -EINVAL, "lang is a language tag such as fr or pt-BR");
        return blanks_check(key, own, english, e);
}

/* Texts only, and only such as there are: a misspelt key would never be seen. */
static int own_check(const json_t *own, const json_t *english, Error *e)
{
        const char *key;
        json_t *value;

        if (!json_is_object(own))
                return error_set(e, -EINVAL, "it is no object of texts");
        json_object_foreach((json_t *) (uintptr_t) own, key, value)
        {
                if (!json_object_get(english, key))
                        return error_set(e, -EINVAL, "there is no text \"%s\"", key);
                if (!json_is_string(value))
                        return error_set(e, -EINVAL, "%s is no text", key);
                int r = text_check(key, json_string_value(value), item_string(english, key), e);
                if (r < 0)
                        return r;
        }
        return 0;
}

int words_load_own(const char *path, json_t **ret, Error *e)
{
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ json_t *own = NULL, *english = NULL;
        size_t size;

        int r = file_read(path, OWN_MAX, &text, &size);
        if (r < 0)
                return error_set(e, r, "%s: %s", path, error_words(-r));
        r = json_parse(text, size, &own, e);
        if (r == 0 && language_load("en", &english) < 0)
                r = -ENOMEM;
        if (r == 0)
                r = own_check(own, english, e);
        if (r < 0)
                return error_prefix(e, r, "%s", path);
        *ret = TAKE_PTR(own);
        return 0;
}

int words_load(Words *w, const char *language)
{
        int r = language_load("en", &w->english);

        if (r == 0 && !streq(language, "en"))
                r = language_load(language, &w->chosen);
        return r;
}

void words_clear(Words *w)
{
        json_decref(w->own);
        json_decref(w->chosen);
        json_decref(w->english);
        *w = (Words){0};
}

const char *words_get(const Words *w, const char *key)
{
        const json_t *const places[] = {w->own, w->chosen, w->english};

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                const char *text = json_string_value(json_object_get(places[i], key));
                if (text)
                        return text;
        }
        return NULL;
}

/* Values are cut at nothing and escaped nowhere here: that is the page's writer's. */
json_t *words_say(const Words *w, const char *key, json_t *with)
{
        _cleanup_text_ Text t = {0};
        const char *pattern = words_get(w, key);

        template_fill(&t, pattern ? pattern : "", with);
        json_decref(with);
        return t.failed ? NULL : json_string(t.data ? t.data : "");
}

json_t *words_kind(const Words *w, const char *what, const char *kind, const char *otherwise)
{
        char key[80];

        snprintf(key, sizeof(key), "%s.%s", what, kind);
        if (!words_get(w, key))
                snprintf(key, sizeof(key), "%s.%s", what, otherwise);
        return words_say(w, key, NULL);
}

json_t *words_number(const Words *w, const char *key, size_t n)
{
        return words_say(w, key, json_pack("{s:I}", "n", (json_int_t) n));
}

static json_t *say_date(const Words *w, const char *key, const char *stamp)
{
        char month[16], year[5], time[6];

        snprintf(month, sizeof(month), "month.%d", atoi(stamp + 5));
        snprintf(year, sizeof(year), "%.4s", stamp);
        snprintf(time, sizeof(time), "%.5s", strlen(stamp) > 11 ? stamp + 11 : "");

        json_t *with = json_object();
        json_put(with, "day", json_integer(atoi(stamp + 8)));
        json_put(with, "month", words_say(w, month, NULL));
        json_put(with, "year", json_string(year));
        json_put(with, "time", json_string(time));
        return words_say(w, key, with);
}

/* "20 Nov 2026, 09:00 UTC", which is right wherever the reader is, and stays right on a page that lies around. */
json_t *words_moment(const Words *w, uint64_t usec)
{
        char stamp[TIMESTAMP_SIZE];

        timestamp_format(stamp, usec);
        json_t *j = json_object();
        json_put(j, "at", json_string(stamp));
        json_put(j, "text", say_date(w, "moment", stamp));
        return j;
}

json_t *words_date(const Words *w, uint64_t usec)
{
        char stamp[TIMESTAMP_SIZE];

        return say_date(w, "date", timestamp_format(stamp, usec));
}

/* The two largest units: "3 d 2 h". */
json_t *words_duration(const Words *w, uint64_t seconds)
{
        static const struct {
                const char *key;
                uint64_t seconds;
        } units[] = {{"duration.d", 86400}, {"duration.h", 3600}, {"duration.min", 60}, {"duration.s", 1}};
        _cleanup_text_ Text t = {0};
        size_t i = 0, shown = 0;

        while (i < ELEMENTSOF(units) - 1 && seconds < units[i].seconds)
                i++;
        for (; i < ELEMENTSOF(units) && shown < 2; i++, shown++) {
                uint64_t n = seconds / units[i].seconds;
                seconds %= units[i].seconds;
                if (n == 0 && shown > 0)
                        break;
                _cleanup_json_ json_t *with = json_pack("{s:I}", "n", (json_int_t) n);
                const char *pattern = words_get(w, units[i].key);
                if (shown > 0)
                        text_add_string(&t, " ");
                template_fill(&t, pattern ? pattern : "", with);
        }
        return t.failed ? NULL : json_string(t.data ? t.data : "");
}
