/* SPDX-License-Identifier: MIT */
/* What a configuration needs of the system, as its daemon's --check says: credentials, paths that the sandbox closes, units
 * that polkit guards, members of the group that may ask failoverd. */
#include "ctl/command.h"
#include "ctl/setup.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#define POLKIT       "/usr/share/polkit-1/actions"
#define POLKIT_RULES "/etc/polkit-1/rules.d/50-failoverd.rules"

/* --- asking the daemon --- */

/* *ret: {"credentials": […], …}; NULL when there is no such file. */
static int read_needs(const Setup *s, const char *daemon, json_t **ret, Error *e)
{
        _cleanup_json_ json_t *report = NULL;
        int r = setup_ask_daemon(s, daemon, &report, e);

        if (r >= 0 && report)
                *ret = json_incref(json_object_get(report, "needs"));
        return r;
}

/* --- the drop-in --- */

static int put_drop_in(Setup *s, const char *daemon, const char *config, const json_t *needs, Error *e)
{
        _cleanup_free_ char *path = string_printf("/etc/systemd/system/%s.service.d/" SETUP_DROP_IN, daemon);
        _cleanup_text_ Text lines = {}, text = {};
        SetupFile f = {.path = path, .mode = 0644, .when = SETUP_OURS};
        int r = path ? setup_print_drop_in(s, daemon, needs, &lines, e)
                     : error_set(e, -ENOMEM, "out of memory");

        if (r < 0)
                return r;
        setup_mark(&text, "#", config);
        text_add(&text, "# Your own settings: `systemctl edit %s`.\n[Service]\n", daemon);
        if (lines.size > 0) {
                text_add_string(&text, lines.data);
                f.text = text.data;
        }
        if (lines.failed || text.failed)
                return error_set(e, -ENOMEM, "out of memory");
        return setup_put(s, &f, e);
}

/* --- polkit --- */

/* The names come from a configuration that only root writes, and are unit names: no quotes or backslashes but \x2d. */
static int put_polkit(Setup *s, const json_t *needs, Error *e)
{
        const json_t *units = json_object_get(needs, "units");
        SetupFile f = {.path = POLKIT_RULES, .mode = 0644, .when = SETUP_OURS};
        _cleanup_text_ Text text = {};
        const char *unit;
        json_t *verbs;

        setup_mark(&text, "//", CTL_CONFIG);
        text_add(&text, "// Lets failoverd do with these units what its actions do, and nothing else.\n"
                        "polkit.addRule(function(action, subject) {\n"
                        "    var allowed = {\n");
        json_object_foreach((json_t *) (uintptr_t) units, unit, verbs)
        {
                _cleanup_free_ char *list = NULL;

                text_add(&text, "        ");
                text_add_json(&text, unit);
                if (json_print(verbs, &list) < 0)
                        text.failed = true;
                text_add(&text, ": %s,\n", list ? list : "[]");
        }
        text_add(&text, "    };\n"
                        "    var unit = action.lookup(\"unit\");\n"
                        "\n"
                        "    if (action.id == \"org.freedesktop.systemd1.manage-units\" && subject.user == "
                        "\"failoverd\" &&\n"
                        "        Object.prototype.hasOwnProperty.call(allowed, unit) &&\n"
                        "        allowed[unit].indexOf(action.lookup(\"verb\")) >= 0)\n"
                        "        return polkit.Result.YES;\n"
                        "});\n");
        if (text.failed)
                return error_set(e, -ENOMEM, "out of memory");
        if (json_object_size(units) > 0)
                f.text = text.data;
        if (f.text && s->root[0] == '\0' && !s->i->given[OPTION_JSON] && access(POLKIT, F_OK) < 0)
                puts("missing  polkit, without which failoverd may restart nothing: apt install polkitd");
        return setup_put(s, &f, e);
}

/* --- who reaches the control sockets --- */

static bool is_member(const char *user)
{
        const struct group *g = getgrnam("failover");
        const struct passwd *p;

        for (size_t k = 0; g && g->gr_mem[k]; k++)
                if (streq(g->gr_mem[k], user))
                        return true;
        p = g ? getpwnam(user) : NULL;
        return p && (p->pw_uid == 0 || p->pw_gid == g->gr_gid);
}

static void tell_user(const Setup *s, const char *user, const char *what)
{
        if (!s->i->given[OPTION_JSON])
                printf("%-8s %s to the group failover, to reach the control socket\n", what, user);
}

static int add_user(Setup *s, const char *user, Error *e)
{
        int r;

        if (is_member(user))
                return 0;
        if (s->root[0] != '\0' || !s->owns || s->dry || !getpwnam(user)) {
                tell_user(s, user, "to add");
                return 0;
        }
        r = command_run((const char *const[]){"usermod", "--append", "--groups", "failover", user, NULL},
                        false, NULL);
        if (r != 0)
                return error_set(e, r < 0 ? r : -EIO, "cannot add `%s` to the group failover: %s", user,
                                 r < 0 ? strerror(-r) : "usermod failed");
        tell_user(s, user, "added");
        return 0;
}

static int add_users(Setup *s, const json_t *needs, Error *e)
{
        size_t k;
        json_t *item;
        int r = 0;

        json_array_foreach(json_object_get(needs, "users"), k, item)
        {
                if (r >= 0)
                        r = add_user(s, json_string_value(item), e);
        }
        return r;
}

/* --- all of it --- */

/* One that cannot be done is no reason to leave out the others: the first is told at the end. */
static void note(int *first, Error *ret, int r, const Error *e)
{
        if (r >= 0 || *first < 0)
                return;
        *first = r;
        *ret = *e;
}

static void put_all(Setup *s, const char *daemon, const char *config, int *first, Error *ret)
{
        _cleanup_json_ json_t *needs = NULL;
        Error e = {};

        note(first, ret, read_needs(s, daemon, &needs, &e), &e);
        if (!needs)
                return;
        note(first, ret, put_drop_in(s, daemon, config, needs, &e), &e);
        if (streq(daemon, "failoverd"))
                note(first, ret, put_polkit(s, needs, &e), &e);
        note(first, ret, add_users(s, needs, &e), &e);
}

int setup_drop_ins(Setup *s, Error *e)
{
        int first = 0, r = 0;

        put_all(s, "failoverd", CTL_CONFIG, &first, e);
        put_all(s, "federationd", CTL_FEDERATION_CONFIG, &first, e);
        if (s->changed && !s->dry && s->root[0] == '\0' && access("/run/systemd/system", F_OK) >= 0)
                r = command_run((const char *const[]){"systemctl", "daemon-reload", NULL}, false, NULL);
        if (first < 0)
                return first;
        return r == 0 ? 0 : error_set(e, r < 0 ? r : -EIO, "systemctl daemon-reload failed");
}
