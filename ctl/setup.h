/* SPDX-License-Identifier: MIT */
/* What the parts of `setup` share: setup.c leads through it, setup_files.c puts files into /etc, setup_yaml.c writes the
 * two configurations. */
#pragma once

#include "ctl/ctl.h"

#include <sys/types.h>

#define SETUP_FOLDER "/etc/failoverd"

/* What the operator may say about the shop; on the command line NAME=VALUE, in the order in which it is asked. */
typedef enum Setting {
        SETTING_ID,
        SETTING_NAME,
        SETTING_URL,
        SETTING_FALLBACK_URL,
        SETTING_PAYMENT,     /* "stripe", or a URL */
        SETTING_PAYMENT_KEY, /* secret */
        SETTING_CRYPTO,      /* URL of a BTCPay Server, or "yes" */
        SETTING_DOMAIN,
        SETTING_DATABASE,
        SETTING_DATABASE_PASSWORD, /* secret */
        SETTING_DISK,
        SETTING_CHECKOUT,
        SETTING_RESTART,
        SETTING_ALERT, /* a mail address, or a URL */
        SETTING_ALERT_FORMAT,
        SETTING_SMTP,
        SETTING_SMTP_USER,
        SETTING_SMTP_PASSWORD, /* secret */
        SETTING_PEERS,
        _SETTING_MAX,
} Setting;

/* Each NULL when it was not said, "" when it is not wanted. A secret's is the secret itself, "" when the one that is there stays. */
typedef struct SetupAnswers {
        char *value[_SETTING_MAX];
        bool without[_SETTING_MAX]; /* of a secret: none is wanted, though one may be there */
} SetupAnswers;

/* Is it said, and wanted? */
static inline bool setup_has(const SetupAnswers *a, Setting k)
{
        return a->value[k] && a->value[k][0] != '\0';
}

typedef struct Setup {
        const Invocation *i;
        const char *root; /* "" or "/DIR": what stands before every path */
        bool owns;        /* we are root: files get their owners */
        bool dry;         /* nothing is written: it is shown */
        bool changed;     /* a drop-in is another than before */
        char *drafts; /* the folder of the two configurations, when they are not where they belong: it is dry */
        json_t *files; /* what became of each */
} Setup;

typedef enum SetupWhen {
        SETUP_NEW,     /* when there is nothing */
        SETUP_OURS,    /* over what setup has made, and nothing else */
        SETUP_REPLACE, /* whatever is there; it is kept beside it */
} SetupWhen;

typedef struct SetupFile {
        const char *path; /* below the root */
        const char *text; /* NULL: it is not wanted, and is removed when it is ours */
        mode_t mode;
        const char *group; /* root's otherwise */
        SetupWhen when;
        bool secret; /* never shown */
} SetupFile;

/* --- setup_answers.c --- */

void setup_answers_clear(SetupAnswers *a); /* wipes */
/* "NAME=VALUE" from the command line. A secret's value is the name of a file, or - for a line of standard input; of what may hold one,
 * @ and the name of a file. */
int setup_take_argument(SetupAnswers *a, const char *argument, Error *e);
/* Asks what was not said on the command line. again: what was answered a moment ago, and could not be used; else NULL. -ECANCELED. */
int setup_ask(const Setup *s, SetupAnswers *a, const SetupAnswers *again, Error *e);
/* Gives each that was not said what was answered before, or its default. -EINVAL: something was said that nothing takes. */
int setup_complete(const Setup *s, SetupAnswers *a, Error *e);

/* --- setup_settings.c --- */

typedef struct SettingInfo {
        const char *name; /* on the command line */
        const char *why;  /* a paragraph before the question; NULL: none */
        const char *what;
        int (*check)(const char *value, Error *e);
        const char *word; /* that it takes, too, however it is written */
        bool secret, needed;
        bool file_too; /* it may hold a secret: NAME=@FILE, NAME=- */
} SettingInfo;

extern const SettingInfo setup_settings[_SETTING_MAX];
/* Can it be used? Puts a word as it is written in a configuration. */
int setup_accept(const SettingInfo *info, char *value, Error *e);
/* What it is when it was not said; those before it were. NULL: out of memory. */
char *setup_default(const Setup *s, const SetupAnswers *a, Setting k);
/* Does it take a login with a password, is it told by mail …? What depends on another answer is asked, and used, only then. */
bool setup_wants(const SetupAnswers *a, Setting k);
bool setup_is_mail(const char *alert);
/* The items of a list with commas or blanks; returns how many there are in all. */
size_t setup_split(const char *list, size_t i, char *buffer, size_t size);

/* --- setup_recall.c --- */

/* What the configurations that are there say, for those that setup has made: answers to begin with. */
int setup_recall(const Setup *s, SetupAnswers *ret);

/* --- setup_secrets.c --- */

/* The names of the credentials. */
#define SETUP_DATABASE_DSN  "database.dsn"
#define SETUP_MAIL_PASSWORD "mail.password"
const char *setup_payment_key(const SetupAnswers *a);                    /* NULL: none is needed */
bool setup_has_secret(const Setup *s, const SetupAnswers *a, Setting k); /* said, or there already */
int setup_put_secrets(Setup *s, const SetupAnswers *a, Error *e);
/* Can the daemon be handed these, as far as they are there and not about to be written? -EPERM. */
int setup_check_secrets(const Setup *s, const SetupAnswers *a, const json_t *names, Error *e);

/* --- setup_yaml.c --- */

#define SETUP_STRIPE_URL "https://api.stripe.com/v1/account"

typedef void (*SetupPrint)(const Setup *s, Text *t, const SetupAnswers *a);
void setup_print_supervisor(const Setup *s, Text *t, const SetupAnswers *a); /* failoverd.yaml */
void setup_print_federation(const Setup *s, Text *t, const SetupAnswers *a); /* federationd.yaml */
/* With a first line by which a change by hand is seen. */
int setup_print(const Setup *s, SetupPrint print, const SetupAnswers *a, char **ret);
bool setup_is_as_made(const char *text);

/* --- setup_trial.c --- */

/* check-config in full and a run of every probe, in the sandbox of the unit where there is one. *ret_well: all pass. */
int setup_trial(const Setup *s, bool *ret_well, Error *e);

/* --- setup_files.c --- */

/* Puts it there, or not, and tells what became of it. */
int setup_put(Setup *s, const SetupFile *f, Error *e);
/* Begins a text that SETUP_OURS goes by. comment: "#" or "//"; from: the file that it is made from. */
void setup_mark(Text *t, const char *comment, const char *from);
int setup_folder(Setup *s, Error *e);                  /* /etc/failoverd, when it is not there */
bool setup_is_there(const Setup *s, const char *path); /* whatever it is */
/* node.id of a configuration that is there; NULL: it says none. */
char *setup_read_id(const Setup *s, const char *path);
/* A node's id, made of the host's name. Never NULL but when out of memory. */
char *setup_host_id(const Setup *s);

/* --- setup_drop_ins.c --- */

/* Makes what the two configurations need of the system: drop-ins for the units, the rule for polkit, members of the group. */
int setup_drop_ins(Setup *s, Error *e);

/* --- setup_sandbox.c --- */

#define SETUP_DROP_IN "50-setup.conf"
/* The lines below [Service] that DAEMON's needs, as its --check tells them, take; none when nothing is needed. */
int setup_print_drop_in(const Setup *s, const char *daemon, const json_t *needs, Text *t, Error *e);

/* --- setup_drafts.c --- */

/* Puts both into a folder of their own, s->drafts, and asks the daemons about them, and looks at the secrets that they name.
 * -EINVAL with what is wrong with an answer; -EPERM: with a file that is there. */
int setup_draft(Setup *s, const SetupAnswers *a, const char *const texts[2], Error *e);
void setup_drop_drafts(Setup *s);
/* What DAEMON --check --json says of a configuration, the draft when there is one; *ret: NULL when there is no such file. */
int setup_ask_daemon(const Setup *s, const char *daemon, json_t **ret, Error *e);
