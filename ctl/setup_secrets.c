/* SPDX-License-Identifier: MIT */
/* The secrets that `setup` is told: each a file that only root reads, and systemd hands to the daemon as a credential. */
#include "base/file.h"
#include "ctl/setup.h"

#include <sys/stat.h>

static const Setting secrets[] = {SETTING_PAYMENT_KEY, SETTING_DATABASE_PASSWORD, SETTING_SMTP_PASSWORD};

const char *setup_payment_key(const SetupAnswers *a)
{
        if (!setup_has(a, SETTING_PAYMENT))
                return NULL;
        return streq(a->value[SETTING_PAYMENT], "stripe") ? "stripe.key" : "payment.key";
}

static const char *file_of(const SetupAnswers *a, Setting k)
{
        return k == SETTING_PAYMENT_KEY         ? setup_payment_key(a)
               : k == SETTING_DATABASE_PASSWORD ? SETUP_DATABASE_DSN
                                                : SETUP_MAIL_PASSWORD;
}

bool setup_has_secret(const Setup *s, const SetupAnswers *a, Setting k)
{
        const char *file = setup_wants(a, k) ? file_of(a, k) : NULL;
        _cleanup_free_ char *path = NULL;

        if (!file || a->without[k])
                return false;
        if (setup_has(a, k))
                return true;
        path = string_printf(SETUP_FOLDER "/%s", file);
        return path && setup_is_there(s, path);
}

/* What stands behind the old dsn: the password that is kept. *ret: NULL when there is none. */
static int read_password(const Setup *s, char **ret)
{
        _cleanup_free_ char *path = string_printf("%s" SETUP_FOLDER "/" SETUP_DATABASE_DSN, s->root);
        _cleanup_(secret_freep) char *text = NULL;
        const char *password;

        if (!path)
                return -ENOMEM;
        if (file_read(path, 64 * 1024, &text, NULL) < 0 || !(password = strstr(text, " password=")))
                return 0;
        *ret = strdup(password);
        return *ret ? 0 : -ENOMEM;
}

/* libpq's own quoting: the whole dsn is in the file, since a part of it cannot be. *ret: NULL when there is no password. */
static int print_dsn(const Setup *s, const SetupAnswers *a, char **ret)
{
        _cleanup_(secret_freep) char *kept = NULL;
        _cleanup_text_ Text t = {};
        int r = setup_has(a, SETTING_DATABASE_PASSWORD) || a->without[SETTING_DATABASE_PASSWORD]
                                ? 0
                                : read_password(s, &kept);

        if (r < 0 || (!kept && !setup_has(a, SETTING_DATABASE_PASSWORD)))
                return r;
        text_add_string(&t, a->value[SETTING_DATABASE]);
        if (kept) {
                text_add_string(&t, kept);
                return text_take(&t, ret);
        }
        text_add(&t, " password='");
        for (const char *c = a->value[SETTING_DATABASE_PASSWORD]; *c; c++)
                text_add(&t, *c == '\'' || *c == '\\' ? "\\%c" : "%c", *c);
        text_add(&t, "'");
        return text_take(&t, ret);
}

static int put_secret(Setup *s, const SetupAnswers *a, Setting k, Error *e)
{
        bool dsn = k == SETTING_DATABASE_PASSWORD;
        const char *file = setup_wants(a, k) && (dsn || setup_has(a, k)) ? file_of(a, k) : NULL;
        _cleanup_free_ char *path = NULL;
        _cleanup_(secret_freep) char *text = NULL;
        SetupFile f = {.mode = 0600, .when = SETUP_REPLACE, .secret = true};
        int r = 0;

        if (!file)
                return 0;
        path = string_printf(SETUP_FOLDER "/%s", file);
        if (dsn)
                r = print_dsn(s, a, &text);
        else if (!(text = string_printf("%s\n", a->value[k])))
                r = -ENOMEM;
        if (!path || r < 0)
                return error_set(e, -ENOMEM, "out of memory");
        if (!text)
                return 0;
        f.path = path;
        f.text = text;
        return setup_put(s, &f, e);
}

static bool is_used(const Setup *s, const SetupAnswers *a, const char *file)
{
        for (size_t k = 0; k < ELEMENTSOF(secrets); k++)
                if (setup_has_secret(s, a, secrets[k]) && streq(file_of(a, secrets[k]), file))
                        return true;
        return false;
}

/* A secret that nothing needs any more is the operator's to remove: something else may read it. */
static void tell_unused(const Setup *s, const SetupAnswers *a)
{
        static const char *const files[] = {"stripe.key", "payment.key", SETUP_DATABASE_DSN,
                                            SETUP_MAIL_PASSWORD};

        for (size_t k = 0; k < ELEMENTSOF(files) && !s->i->given[OPTION_JSON]; k++) {
                _cleanup_free_ char *path = string_printf(SETUP_FOLDER "/%s", files[k]);

                if (!is_used(s, a, files[k]) && path && setup_is_there(s, path))
                        printf("unused   %s%s: remove it, unless something else reads it\n", s->root, path);
        }
}

/* As strict as check-config, which looks again when they are in force. */
static int check_secret(const Setup *s, const char *name, Error *e)
{
        _cleanup_free_ char *path = string_printf("%s" SETUP_FOLDER "/%s", s->root, name);
        struct stat st;

        if (!path)
                return error_set(e, -ENOMEM, "out of memory");
        if (stat(path, &st) < 0)
                return 0; /* what needs it says so */
        if (!S_ISREG(st.st_mode))
                return error_set(e, -EPERM, "%s is no file: nothing was changed", path);
        if (st.st_mode & S_IRWXO)
                return error_set(e, -EPERM,
                                 "%s: others may read or write this secret (mode %04o): nothing was changed. "
                                 "chmod 600 %s, and again",
                                 path, st.st_mode & 07777, path);
        return 0;
}

int setup_check_secrets(const Setup *s, const SetupAnswers *a, const json_t *names, Error *e)
{
        size_t k;
        json_t *item;
        int r = 0;

        json_array_foreach(names, k, item)
        {
                bool written = false;

                for (size_t n = 0; n < ELEMENTSOF(secrets); n++)
                        written = written || (setup_wants(a, secrets[n]) && setup_has(a, secrets[n]) &&
                                              streq(file_of(a, secrets[n]), json_string_value(item)));
                if (r >= 0 && !written)
                        r = check_secret(s, json_string_value(item), e);
        }
        return r;
}

int setup_put_secrets(Setup *s, const SetupAnswers *a, Error *e)
{
        int r = 0;

        for (size_t k = 0; k < ELEMENTSOF(secrets) && r >= 0; k++)
                r = put_secret(s, a, secrets[k], e);
        if (r >= 0)
                tell_unused(s, a);
        return r;
}
