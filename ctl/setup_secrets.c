/* SPDX-License-Identifier: MIT */
/* The secrets that `setup` is told: each a file that only root reads, and systemd hands to the daemon as a credential. */
#include "base/file.h"
#include "ctl/setup.h"

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

        if (!file || setup_has(a, k))
                return file != NULL;
        path = string_printf(SETUP_FOLDER "/%s", file);
        return path && setup_is_there(s, path);
}

/* libpq's own quoting: the whole dsn is in the file, since a part of it cannot be. */
static int print_dsn(const SetupAnswers *a, char **ret)
{
        _cleanup_text_ Text t = {};

        text_add(&t, "%s password='", a->value[SETTING_DATABASE]);
        for (const char *c = a->value[SETTING_DATABASE_PASSWORD]; *c; c++)
                text_add(&t, *c == '\'' || *c == '\\' ? "\\%c" : "%c", *c);
        text_add(&t, "'");
        return text_take(&t, ret);
}

static int put_secret(Setup *s, const SetupAnswers *a, Setting k, Error *e)
{
        const char *file = setup_has(a, k) && setup_wants(a, k) ? file_of(a, k) : NULL;
        _cleanup_free_ char *path = NULL;
        _cleanup_(secret_freep) char *text = NULL;
        SetupFile f = {.mode = 0600, .when = SETUP_REPLACE, .secret = true};

        if (!file)
                return 0;
        path = string_printf(SETUP_FOLDER "/%s", file);
        if (k != SETTING_DATABASE_PASSWORD)
                text = string_printf("%s\n", a->value[k]);
        else if (print_dsn(a, &text) < 0)
                text = NULL;
        if (!path || !text)
                return error_set(e, -ENOMEM, "out of memory");
        f.path = path;
        f.text = text;
        return setup_put(s, &f, e);
}

int setup_put_secrets(Setup *s, const SetupAnswers *a, Error *e)
{
        static const Setting secrets[] = {SETTING_PAYMENT_KEY, SETTING_DATABASE_PASSWORD,
                                          SETTING_SMTP_PASSWORD};
        int r = 0;

        for (size_t k = 0; k < ELEMENTSOF(secrets) && r >= 0; k++)
                r = put_secret(s, a, secrets[k], e);
        return r;
}
