/* SPDX-License-Identifier: MIT */
/* `setup`: what both daemons need to run on this machine, from questions, from settings on the command line, or from nothing. */
#include "ctl/setup.h"
#include "base/conf.h"
#include "base/file.h"
#include "base/sign.h"
#include "ctl/command.h"
#include "ctl/prompt.h"

#include <unistd.h>

static int make_key(Setup *s, Error *e)
{
        _cleanup_(sign_key_freep) SignKey *key = NULL;
        _cleanup_(secret_freep) char *text = NULL;
        int r = sign_key_generate(NULL, &key);

        if (r >= 0)
                r = sign_key_print(key, &text);
        if (r < 0)
                return error_set(e, r, "cannot make a key: %s", strerror(-r));
        return setup_put(s, &(SetupFile){.path = CTL_KEY, .text = text, .mode = 0600, .secret = true}, e);
}

typedef struct Made { /* the two configurations */
        char *supervisor, *federation;
} Made;

static void made_clear(Made *m)
{
        free(m->supervisor);
        free(m->federation);
}

static int print_both(const Setup *s, const SetupAnswers *a, Made *ret, Error *e)
{
        int r = setup_print(s, setup_print_supervisor, a, &ret->supervisor);

        if (r >= 0)
                r = setup_print(s, setup_print_federation, a, &ret->federation);
        return r < 0 ? error_set(e, r, "out of memory") : 0;
}

static int put_both(Setup *s, const Made *m, SetupWhen when, Error *e)
{
        SetupFile f = {.path = CTL_CONFIG,
                       .text = m->supervisor,
                       .mode = 0640,
                       .group = "failoverd",
                       .when = when};
        int r = setup_put(s, &f, e);

        f.path = CTL_FEDERATION_CONFIG;
        f.text = m->federation;
        f.group = "federationd";
        return r < 0 ? r : setup_put(s, &f, e);
}

/* --- without questions --- */

/* Two files, one node: where one of them is there already, its id is the other's, too. */
static char *choose_id(const Setup *s)
{
        char *id = setup_read_id(s, CTL_CONFIG);

        if (!id)
                id = setup_read_id(s, CTL_FEDERATION_CONFIG);
        return id ? id : setup_host_id(s);
}

static int make_minimum(Setup *s, Error *e)
{
        _cleanup_(setup_answers_clear) SetupAnswers a = {};
        _cleanup_(made_clear) Made made = {};
        int r;

        a.value[SETTING_ID] = choose_id(s);
        if (!a.value[SETTING_ID])
                return error_set(e, -ENOMEM, "out of memory");
        r = setup_complete(s, &a, e);
        if (r >= 0)
                r = print_both(s, &a, &made, e);
        if (r >= 0)
                r = make_key(s, e);
        return r < 0 ? r : put_both(s, &made, SETUP_NEW, e);
}

/* --- with answers --- */

/* 1: there is one that somebody has changed; 0: there is none, or it is as setup made it. */
static int is_edited(const Setup *s, const char *path, Error *e)
{
        _cleanup_free_ char *whole = string_printf("%s%s", s->root, path), *text = NULL;
        int r = whole ? 0 : -ENOMEM;

        if (r < 0 || !setup_is_there(s, path))
                return r;
        r = file_read(whole, CONF_SIZE_MAX, &text, NULL);
        if (r < 0)
                return error_set(e, r, "%s: %s", whole, strerror(-r));
        return !setup_is_as_made(text);
}

/* 1: it may be replaced; 0: it stays; -ECANCELED. */
static int may_replace(const Setup *s, Error *e)
{
        int r = is_edited(s, CTL_CONFIG, e);
        bool yes = false;

        if (r == 0)
                r = is_edited(s, CTL_FEDERATION_CONFIG, e);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (s->i->given[OPTION_FORCE])
                return 1;
        if (s->i->given[OPTION_UNATTENDED])
                return error_set(e, -EEXIST,
                                 "there is a configuration that setup has not made, or that was changed "
                                 "since: --force replaces it, and keeps it as failoverd.yaml.old");
        prompt_say("There is a configuration that was written or changed by hand. It can be replaced, and is "
                   "then kept as failoverd.yaml.old; or it stays, and setup does the rest: what it needs of "
                   "the system, and a trial.");
        r = prompt_yes("Replace it?", false, &yes);
        return r < 0 ? error_set(e, r, "nothing was written") : yes;
}

static int agree(const Setup *s, const Made *m, Error *e)
{
        bool yes = false;
        int r;

        if (s->i->given[OPTION_UNATTENDED] || s->dry)
                return 0;
        prompt_say("This will be " CTL_CONFIG ":");
        printf("\n%s", m->supervisor);
        r = prompt_yes("Write it, and what it needs?", true, &yes);
        return r < 0 || !yes ? error_set(e, -ECANCELED, "nothing was written") : 0;
}

/* The configurations that the answers make, when both daemons take them. */
static int try_answers(Setup *s, const SetupAnswers *a, Made *ret, Error *e)
{
        int r = print_both(s, a, ret, e);

        if (r >= 0)
                r = setup_draft(s, a, (const char *const[]){ret->supervisor, ret->federation}, e);
        if (!s->dry || r < 0)
                setup_drop_drafts(s);
        return r;
}

/* Asks until it can be used: what was answered is never lost. */
static int ask_until(Setup *s, SetupAnswers *a, Made *ret, Error *e)
{
        SetupAnswers before = {};
        int r = setup_ask(s, a, NULL, e);

        while (r >= 0 && (r = try_answers(s, a, ret, e)) == -EINVAL) {
                prompt_say(e->text);
                prompt_say("Once more, with what you have answered:");
                setup_answers_clear(&before);
                before = *a;
                *a = (SetupAnswers){};
                made_clear(ret);
                *ret = (Made){};
                r = setup_ask(s, a, &before, e);
        }
        setup_answers_clear(&before);
        return r;
}

static int put_answers(Setup *s, SetupAnswers *a, bool asks, Error *e)
{
        _cleanup_(made_clear) Made made = {};
        int r;

        if (asks)
                r = ask_until(s, a, &made, e);
        else if ((r = setup_complete(s, a, e)) >= 0)
                r = try_answers(s, a, &made, e);
        if (r >= 0)
                r = agree(s, &made, e);
        if (r >= 0)
                r = make_key(s, e);
        if (r >= 0)
                r = setup_put_secrets(s, a, e);
        return r < 0 ? r : put_both(s, &made, SETUP_REPLACE, e);
}

static int take_arguments(const Setup *s, SetupAnswers *a, bool *ret_any, Error *e)
{
        int r = 0;

        for (char **argument = s->i->arguments; *argument && r >= 0; argument++) {
                r = setup_take_argument(a, *argument, e);
                *ret_any = true;
        }
        return r;
}

/* --- afterwards --- */

static bool has_systemd(const Setup *s)
{
        return s->root[0] == '\0' && s->owns && access("/run/systemd/system", F_OK) >= 0;
}

/* That one of them cannot be enabled, masked say, is no reason not to start the other. */
static int start_both(Error *e)
{
        int enabled = command_run((const char *const[]){"systemctl", "enable", "--quiet", "failoverd.service",
                                                        "federationd.service", "federationd.socket",
                                                        "federationd-control.socket", NULL},
                                  false, NULL);
        int started = command_run((const char *const[]){"systemctl", "restart", "failoverd.service",
                                                        "federationd.service", NULL},
                                  false, NULL);

        return enabled == 0 && started == 0
                               ? 0
                               : error_set(e, -EIO,
                                           "not both are started and enabled, for the reason above: "
                                           "systemctl status failoverd federationd");
}

static int finish(Setup *s, bool asked, Error *e)
{
        bool well = false, yes = false;
        int r = setup_drop_ins(s, e);

        if (r < 0 || s->dry || s->i->given[OPTION_JSON])
                return r;
        r = setup_trial(s, &well, e);
        if (r < 0)
                return r;
        prompt_say(well ? "All of it is well."
                        : "Something is not well yet. What fails is no reason not to start: it is watched. "
                          "To see again: failoverctl setup --trial.");
        if (asked && has_systemd(s)) {
                r = prompt_yes("Start both services with this now?", true, &yes);
                if (r >= 0 && yes)
                        r = start_both(e);
                else if (r < 0)
                        error_set(e, r, "the services were not started");
                if (r < 0)
                        return r;
        }
        printf("\nNext:\n%s  failoverctl status          how all is\n"
               "  failoverctl alert --test    does an alert reach you?\n"
               "  failoverctl simulate        what this would do in an outage\n",
               yes ? "" : "  systemctl restart failoverd federationd\n");
        return 0;
}

static int set_up(Setup *s, Error *e)
{
        _cleanup_(setup_answers_clear) SetupAnswers a = {};
        bool any = false, asks = !s->i->given[OPTION_UNATTENDED];
        int r = take_arguments(s, &a, &any, e), replace;

        if (r < 0)
                return r;
        if (!asks && !any)
                return make_minimum(s, e);
        replace = may_replace(s, e);
        if (replace < 0)
                return replace;
        if (replace > 0)
                r = put_answers(s, &a, asks, e);
        return r < 0 ? r : finish(s, asks, e);
}

static int make_drop_ins(Setup *s, Error *e)
{
        int r = setup_drop_ins(s, e);

        if (s->changed && !s->dry && !s->i->given[OPTION_JSON])
                puts("It counts after: systemctl restart failoverd federationd");
        return r;
}

/* 1: some probe did not pass. */
static int do_part(Setup *s, Error *e)
{
        const bool *given = s->i->given;
        bool well = true;
        int r = 0;

        if (given[OPTION_UNATTENDED] || (!given[OPTION_DROP_INS] && !given[OPTION_TRIAL]))
                r = set_up(s, e);
        if (r >= 0 && given[OPTION_DROP_INS])
                r = make_drop_ins(s, e);
        if (r >= 0 && given[OPTION_TRIAL])
                r = setup_trial(s, &well, e);
        return r < 0 ? r : !well;
}

int verb_setup(const Invocation *i)
{
        Setup s = {.i = i,
                   .root = i->given[OPTION_ROOT] ? i->value[OPTION_ROOT] : "",
                   .owns = geteuid() == 0,
                   .dry = i->given[OPTION_DRY_RUN]};
        _cleanup_json_ json_t *report = NULL;
        Error e = {};
        int r;

        if (!i->given[OPTION_UNATTENDED] && !i->given[OPTION_DROP_INS] && !i->given[OPTION_TRIAL] &&
            !prompt_possible())
                return ctl_usage(i, "there is no terminal to ask at: --unattended, with settings as in "
                                    "url=https://shop.example");
        if (streq(s.root, "/"))
                s.root = "";
        if (i->arguments[0] && !i->given[OPTION_UNATTENDED] &&
            (i->given[OPTION_DROP_INS] || i->given[OPTION_TRIAL]))
                return ctl_usage(i, "%s: settings are for setup itself and for --unattended",
                                 i->arguments[0]);
        if (!s.owns && s.root[0] == '\0' && !s.dry)
                return ctl_failed(i, (error_set(&e, -EPERM,
                                                "this is for root: it writes to /etc, and acts for "
                                                "failoverd; --dry-run shows what it would write, --root DIR "
                                                "writes elsewhere"),
                                      &e));
        report = json_pack("{s:o}", "files", s.files = json_array());
        r = report ? 0 : error_set(&e, -ENOMEM, "out of memory");
        if (r >= 0)
                r = do_part(&s, &e);
        setup_drop_drafts(&s);
        if (r >= 0 && i->given[OPTION_JSON] && !i->given[OPTION_TRIAL])
                ctl_print_json(report);
        return r < 0 ? ctl_failed(i, &e) : r > 0 ? CTL_REFUSED : CTL_DONE;
}
