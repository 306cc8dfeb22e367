/* SPDX-License-Identifier: MIT */
/* What a daemon's sandbox must give it for its configuration: credentials, and paths that it closes, as lines of a drop-in. */
#include "base/file.h"
#include "base/granted.h"
#include "ctl/setup.h"

#include <dirent.h>
#include <libgen.h>
#include <sys/stat.h>

/* A value of a unit file: systemd splits it at spaces and colons, and takes % and \ for its own. */
static void add_word(Text *t, const char *prefix, const char *path)
{
        text_add(t, "\"%s", prefix);
        for (const char *c = path; *c; c++)
                if (*c == '%')
                        text_add(t, "%%%%");
                else if (*c == '"' || *c == '\\')
                        text_add(t, "\\%c", *c);
                else
                        text_add_bytes(t, c, 1);
        text_add(t, "\"\n");
}

static void add_path(Text *t, const char *setting, const char *path)
{
        text_add(t, "%s=", setting);
        /* The minus: one that is not there is no reason not to start. */
        if (strpbrk(path, " \t\"'\\%:"))
                add_word(t, "-", path);
        else
                text_add(t, "-%s\n", path);
}

static bool lies_below(const char *path, const char *folder)
{
        size_t n = strlen(folder);

        return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool lies_below_any(const char *path, const char *const folders[])
{
        for (size_t k = 0; folders[k]; k++)
                if (lies_below(path, folders[k]))
                        return true;
        return false;
}

/* What ProtectHome= hides, and where PrivateTmp= puts folders of its own. */
static const char *const homes[] = {"/home", "/root", "/run/user", NULL};
static const char *const temporary[] = {"/tmp", "/var/tmp", NULL};
/* What the unit may write to anyhow. */
static const char *const open_folders[] = {
                "/var/lib/failoverd", "/run/failoverd", "/dev", "/proc", "/sys", NULL};

/* A database has files beside it, which come and go: it is their folder that must be open. */
static char *writable_folder(const Setup *s, const char *path)
{
        _cleanup_free_ char *whole = string_printf("%s%s", s->root, path);
        char *copy = strdup(path);
        struct stat st;

        if (!whole || !copy)
                return copy;
        if (stat(whole, &st) >= 0 && S_ISREG(st.st_mode) && !streq(dirname(strcpy(whole, path)), "/"))
                strcpy(copy, whole);
        return copy;
}

static void add_writes(Text *t, const Setup *s, const json_t *needs)
{
        size_t k;
        json_t *item;

        json_array_foreach(json_object_get(needs, "writes"), k, item)
        {
                _cleanup_free_ char *path = writable_folder(s, json_string_value(item));

                if (!path)
                        t->failed = true;
                else if (lies_below_any(path, homes) || lies_below_any(path, temporary))
                        add_path(t, "BindPaths", path);
                else if (!lies_below_any(path, open_folders))
                        add_path(t, "ReadWritePaths", path);
        }
}

/* A file's folder may be shown in its place when it is no home, and nothing that only its owner may pass. */
static bool may_show(const Setup *s, const char *folder)
{
        _cleanup_free_ char *whole = string_printf("%s%s", s->root, folder);
        unsigned depth = 0;
        struct stat st;

        for (const char *c = folder; *c; c++)
                depth += *c == '/';
        return depth > (lies_below(folder, "/home") || lies_below(folder, "/run/user") ? 2 : 1) &&
               !streq(folder, "/run/user") && !streq(folder, "/var/tmp") && whole && stat(whole, &st) >= 0 &&
               (st.st_mode & S_IXOTH);
}

/* What is shown of a file that is read: its folder, so that another file that takes its place is seen, too; where that cannot be, the
 * file alone, and that is said. NULL: out of memory. */
static char *shown_path(const Setup *s, const char *path)
{
        _cleanup_free_ char *whole = string_printf("%s%s", s->root, path), *folder = strdup(path);
        struct stat st;

        if (!whole || !folder)
                return NULL;
        if (lstat(whole, &st) < 0 || !S_ISREG(st.st_mode))
                return TAKE_PTR(folder);
        dirname(folder);
        if (may_show(s, folder))
                return TAKE_PTR(folder);
        if (!s->i->given[OPTION_JSON])
                printf("alone    %s: after another file takes its place, systemctl restart failoverd\n",
                       path);
        return strdup(path);
}

static bool lies_below_one(const char *path, const json_t *folders)
{
        size_t k;
        json_t *item;

        json_array_foreach(folders, k, item)
        {
                if (lies_below(path, json_string_value(item)))
                        return true;
        }
        return false;
}

static void add_reads(Text *t, const Setup *s, const json_t *needs)
{
        _cleanup_json_ json_t *shown = json_array();
        size_t k;
        json_t *item;

        json_array_foreach(json_object_get(needs, "reads"), k, item)
        {
                _cleanup_free_ char *path = NULL;
                const char *name = json_string_value(item);

                /* Of /tmp as such, the unit has its own. */
                if (streq(name, "/tmp") || streq(name, "/var/tmp") ||
                    (!lies_below_any(name, homes) && !lies_below_any(name, temporary)) ||
                    lies_below_one(name, json_object_get(needs, "writes")) || lies_below_one(name, shown))
                        continue;
                path = shown_path(s, name);
                if (!path || json_array_append_new(shown, json_string(path)) < 0)
                        t->failed = true;
                else
                        add_path(t, "BindReadOnlyPaths", path);
        }
}

static bool needs_home(const json_t *needs)
{
        static const char *const lists[] = {"writes", "reads"};
        size_t k;
        json_t *item;

        for (size_t n = 0; n < ELEMENTSOF(lists); n++)
                json_array_foreach(json_object_get(needs, lists[n]), k, item)
                {
                        if (lies_below_any(json_string_value(item), homes))
                                return true;
                }
        return false;
}

/* Does a drop-in of somebody else's say where this credential comes from? Then that is so. */
static bool is_given_elsewhere(const Setup *s, const char *daemon, const char *name)
{
        _cleanup_free_ char *folder = string_printf("%s/etc/systemd/system/%s.service.d", s->root, daemon);
        DIR *d = folder ? opendir(folder) : NULL;
        const struct dirent *entry;
        bool given = false;

        while (d && !given && (entry = readdir(d))) {
                _cleanup_free_ char *file = string_printf("%s/%s", folder, entry->d_name), *text = NULL;

                given = file && entry->d_name[0] != '.' && !streq(entry->d_name, SETUP_DROP_IN) &&
                        file_read(file, 256 * 1024, &text, NULL) == 0 && granted_credential(text, name);
        }
        if (d)
                closedir(d);
        return given;
}

/* The unit that is installed has node.key already. */
static int add_credentials(Text *t, const Setup *s, const char *daemon, const json_t *needs, Error *e)
{
        bool any = false;
        size_t k;
        json_t *item;

        json_array_foreach(json_object_get(needs, "credentials"), k, item)
        {
                const char *name = json_string_value(item);

                if (streq(name, "node.key") || is_given_elsewhere(s, daemon, name))
                        continue;
                if (strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-+@") !=
                    strlen(name))
                        return error_set(
                                        e, -EINVAL,
                                        "`%s` cannot be the name of a credential: letters, digits, . _ - + @ "
                                        "only, or a path",
                                        name);
                if (!any)
                        text_add(t,
                                 "# Secrets, as root reads them. One that is missing comes as an empty one:\n"
                                 "# what needs it says so, and the rest runs.\n");
                any = true;
                text_add(t, "LoadCredential=%s:" SETUP_FOLDER "/%s\nSetCredential=%s:\\n\n", name, name,
                         name);
        }
        return 0;
}

/* A line break in a path would begin a setting of its own, in a file that systemd obeys as root; no unit file can write one. */
static int check_paths(const json_t *needs, Error *e)
{
        static const char *const lists[] = {"writes", "reads"};
        size_t k;
        json_t *item;

        for (size_t n = 0; n < ELEMENTSOF(lists); n++)
                json_array_foreach(json_object_get(needs, lists[n]), k, item)
                {
                        for (const char *c = json_string_value(item); *c; c++)
                                if ((unsigned char) *c < ' ' || *c == 0x7f)
                                        return error_set(e, -EINVAL,
                                                         "`%s` cannot be opened in the sandbox: it has "
                                                         "control characters",
                                                         json_string_value(item));
                }
        return 0;
}

int setup_print_drop_in(const Setup *s, const char *daemon, const json_t *needs, Text *t, Error *e)
{
        int r = check_paths(needs, e);

        if (r == 0)
                r = add_credentials(t, s, daemon, needs, e);
        if (r < 0)
                return r;
        if (needs_home(needs))
                text_add(t, "# Of home directories, what follows and nothing else.\nProtectHome=tmpfs\n");
        add_writes(t, s, needs);
        add_reads(t, s, needs);
        return 0;
}
