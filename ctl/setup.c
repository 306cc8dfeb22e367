/* SPDX-License-Identifier: MIT */
/* `setup`: what both daemons need to run on this machine. What is there already stays as it is. */
#include "ctl/setup.h"
#include "base/file.h"
#include "base/sign.h"

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

static int make_config(Setup *s, const char *path, const char *group, const SetupAnswers *a,
                       void (*print)(Text *t, const SetupAnswers *a), Error *e)
{
        _cleanup_text_ Text text = {};
        _cleanup_free_ char *whole = NULL;
        int r;

        print(&text, a);
        r = text_take(&text, &whole);
        if (r < 0)
                return error_set(e, r, "out of memory");
        return setup_put(s, &(SetupFile){.path = path, .text = whole, .mode = 0640, .group = group}, e);
}

/* Two files, one node: where one of them is there already, its id is the other's, too. */
static char *choose_id(const Setup *s)
{
        char *id = setup_read_id(s, CTL_CONFIG);

        if (!id)
                id = setup_read_id(s, CTL_FEDERATION_CONFIG);
        return id ? id : setup_host_id(s);
}

static int make_all(Setup *s, Error *e)
{
        _cleanup_free_ char *id = choose_id(s);
        SetupAnswers a = {.id = id};
        int r = id ? 0 : error_set(e, -ENOMEM, "out of memory");

        if (r >= 0)
                r = make_key(s, e);
        if (r >= 0)
                r = make_config(s, CTL_CONFIG, "failoverd", &a, setup_print_supervisor, e);
        if (r >= 0)
                r = make_config(s, CTL_FEDERATION_CONFIG, "federationd", &a, setup_print_federation, e);
        return r;
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

        if (!i->given[OPTION_UNATTENDED] && !i->given[OPTION_DROP_INS])
                return ctl_usage(i, "--unattended is the only way so far");
        if (streq(s.root, "/"))
                s.root = "";
        report = json_pack("{s:o}", "files", s.files = json_array());
        r = report ? 0 : error_set(&e, -ENOMEM, "out of memory");
        if (r >= 0 && i->given[OPTION_UNATTENDED])
                r = make_all(&s, &e);
        if (r >= 0 && i->given[OPTION_DROP_INS])
                r = setup_drop_ins(&s, &e);
        if (r >= 0 && i->given[OPTION_JSON])
                ctl_print_json(report);
        return r < 0 ? ctl_failed(i, &e) : CTL_DONE;
}
