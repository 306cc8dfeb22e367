/* SPDX-License-Identifier: MIT */
/* What `setup` is answered: on the command line, by a person, or before. */
#include "base/conf.h"
#include "base/file.h"
#include "ctl/prompt.h"
#include "ctl/setup.h"

#include <unistd.h>

void setup_answers_clear(SetupAnswers *a)
{
        for (size_t k = 0; k < _SETTING_MAX; k++)
                a->value[k] = secret_free(a->value[k]);
}

/* --- from the command line --- */

static int read_secret(const char *name, const char *file, char **ret, Error *e)
{
        size_t capacity = 0, n;
        int r;

        if (streq(file, "-")) {
                if (getline(ret, &capacity, stdin) < 0)
                        return error_set(e, -EINVAL, "%s: nothing on standard input", name);
        } else if ((r = file_read(file, 64 * 1024, ret, NULL)) < 0) /* the value may be a secret by mistake */
                return error_set(e, r,
                                 "%s: cannot read the file that it names (%s): it takes the name of a file "
                                 "that holds the secret, or - for a line of standard input, never the secret "
                                 "itself",
                                 name, strerror(-r));
        n = strlen(*ret);
        while (n > 0 && strchr("\r\n", (*ret)[n - 1]))
                (*ret)[--n] = '\0';
        return n > 0 && !strpbrk(*ret, "\r\n") ? 0 : error_set(e, -EINVAL, "%s: one line, please", name);
}

static bool is_none(const char *answer)
{
        return streq(answer, "-") || strcasecmp(answer, "none") == 0;
}

static int take_value(const SettingInfo *info, const char *value, char **ret, Error *e)
{
        bool file = info->file_too && (value[0] == '@' || streq(value, "-"));
        int r = 0;

        if (info->secret || file)
                r = read_secret(info->name, value + (file && value[0] == '@'), ret, e);
        else if (!(*ret = strdup(value)))
                r = error_set(e, -ENOMEM, "out of memory");
        if (r < 0 || info->secret)
                return r;
        r = setup_accept(info, *ret, e);
        return r < 0 ? error_prefix(e, r, "%s", info->name) : 0;
}

int setup_take_argument(SetupAnswers *a, const char *argument, Error *e)
{
        size_t n = strcspn(argument, "=");
        const char *known[_SETTING_MAX + 1] = {};
        _cleanup_text_ Text t = {};
        _cleanup_free_ char *name = strndup(argument, n);

        if (!name)
                return error_set(e, -ENOMEM, "out of memory");
        for (size_t k = 0; k < _SETTING_MAX; k++) {
                known[k] = setup_settings[k].name;
                if (!streq(setup_settings[k].name, name))
                        continue;
                if (argument[n] == '\0')
                        return error_set(e, -EINVAL, "say what: %s=...", name);
                a->value[k] = secret_free(a->value[k]);
                a->without[k] = setup_settings[k].secret && argument[n + 1] == '\0';
                if (a->without[k])
                        return (a->value[k] = strdup("")) ? 0 : error_set(e, -ENOMEM, "out of memory");
                return take_value(&setup_settings[k], argument + n + 1, &a->value[k], e);
        }
        conf_suggest(&t, name, known);
        return error_set(e, -EINVAL, "no setting `%s`%s", name, t.failed || !t.data ? "" : t.data);
}

/* --- from a person --- */

static int ask_secret(const Setup *s, SetupAnswers *a, Setting k, const SetupAnswers *before)
{
        _cleanup_free_ char *what = NULL;
        bool typed = setup_has(before, k);
        int r;

        a->without[k] = before->without[k];
        what = string_printf("%s%s", setup_settings[k].what,
                             typed                       ? ", empty: the one that you gave"
                             : setup_has_secret(s, a, k) ? ", empty: the one that is there"
                                                         : "");
        r = what ? prompt_secret(what, &a->value[k]) : -ENOMEM;
        if (r < 0)
                return r;
        if (is_none(a->value[k])) {
                a->value[k][0] = '\0';
                a->without[k] = true;
        } else if (a->value[k][0] != '\0') {
                a->without[k] = false;
        } else if (typed) {
                free(a->value[k]);
                a->value[k] = strdup(before->value[k]);
        }
        return a->value[k] ? 0 : -ENOMEM;
}

static int ask_one(const Setup *s, SetupAnswers *a, Setting k, const SetupAnswers *before, Error *e)
{
        const SettingInfo *info = &setup_settings[k];
        _cleanup_free_ char *fallback = NULL;
        int r;

        if (info->why)
                prompt_say(info->why);
        if (info->secret)
                return ask_secret(s, a, k, before);
        fallback = before->value[k] ? strdup(before->value[k]) : setup_default(s, a, k);
        if (!fallback)
                return -ENOMEM;
        for (;;) {
                _cleanup_free_ char *answer = NULL;

                r = prompt_line(info->what, fallback, &answer);
                if (r < 0)
                        return r;
                if (is_none(answer))
                        answer[0] = '\0';
                r = setup_accept(info, answer, e);
                if (r >= 0) {
                        a->value[k] = TAKE_PTR(answer);
                        return 0;
                }
                if (r == -ENOMEM)
                        return r;
                printf("  %s\n", e->text);
        }
}

int setup_ask(const Setup *s, SetupAnswers *a, const SetupAnswers *again, Error *e)
{
        SetupAnswers recalled = {};
        const SetupAnswers *before = again ? again : &recalled;
        int r = again ? 0 : setup_recall(s, &recalled);

        if (r >= 0 && !again)
                prompt_say("Enter takes what stands in brackets, or leaves out what you do not have; `none` "
                           "leaves it out, too. Nothing is written before you have seen all of it.");
        for (Setting k = 0; k < _SETTING_MAX && r >= 0; k++) {
                if (a->value[k])
                        continue;
                if (setup_wants(a, k))
                        r = ask_one(s, a, k, before, e);
                else
                        r = (a->value[k] = strdup("")) ? 0 : -ENOMEM;
        }
        setup_answers_clear(&recalled);
        if (r == -ECANCELED)
                return error_set(e, r, "nothing was written");
        return r < 0 ? error_set(e, r, "%s", strerror(-r)) : 0;
}

/* What was not said stays as it was answered before. */
static int complete(const Setup *s, SetupAnswers *a, SetupAnswers *before)
{
        for (Setting k = 0; k < _SETTING_MAX; k++) {
                bool wanted = setup_wants(a, k);

                if (a->value[k])
                        continue;
                a->without[k] = before->without[k];
                if (wanted && !setup_settings[k].secret && before->value[k])
                        a->value[k] = TAKE_PTR(before->value[k]);
                else
                        a->value[k] = wanted ? setup_default(s, a, k) : strdup("");
                if (!a->value[k])
                        return -ENOMEM;
        }
        return 0;
}

int setup_complete(const Setup *s, SetupAnswers *a, Error *e)
{
        SetupAnswers before = {};
        int r = setup_recall(s, &before);

        if (r >= 0)
                r = complete(s, a, &before);
        setup_answers_clear(&before);
        if (r < 0)
                return error_set(e, r, "out of memory");
        for (Setting k = 0; k < _SETTING_MAX; k++)
                if (setup_has(a, k) && !setup_wants(a, k))
                        return error_set(e, -EINVAL, "%s: nothing takes it, as the other settings are",
                                         setup_settings[k].name);
        return 0;
}
