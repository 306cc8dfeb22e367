/* SPDX-License-Identifier: MIT */
/* check-config: does the system give failoverd.service what the configuration needs? Credentials and paths by its unit and drop-ins,
 * users who report by the group of the control socket. Only of the configuration that the unit runs with. */
#include "base/file.h"
#include "base/look.h"
#include "supervisor/check_private.h"

#include <dirent.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#define CONFIG     "/etc/failoverd/failoverd.yaml"
#define UNIT       "failoverd.service"
#define TEXT_MAX   (256 * 1024)
#define ADVICE     "run `failoverctl setup --drop-ins`, then `systemctl restart failoverd`"
#define GROUP_LOOK "failover"

/* --- the unit's text: its file and its drop-ins, one behind the other --- */

static bool add_file(Text *t, const char *path)
{
        _cleanup_free_ char *text = NULL;

        if (file_read(path, TEXT_MAX, &text, NULL) < 0)
                return false;
        text_add(t, "%s\n", text);
        return true;
}

static void add_drop_ins(Text *t, const char *folder)
{
        _cleanup_free_ char *path = string_printf("%s/" UNIT ".d", folder);
        DIR *d = path ? opendir(path) : NULL;
        const struct dirent *entry;

        while (d && (entry = readdir(d))) {
                size_t n = strlen(entry->d_name);
                _cleanup_free_ char *file = NULL;

                if (n > 5 && streq(entry->d_name + n - 5, ".conf") &&
                    (file = string_printf("%s/%s", path, entry->d_name)))
                        (void) add_file(t, file);
        }
        if (d)
                closedir(d);
}

/* false: the unit is not installed. */
static bool read_unit(Text *t)
{
        static const char *const folders[] = {"/etc/systemd/system", "/run/systemd/system",
                                              "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
                                              "/lib/systemd/system"};
        bool found = false;

        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                _cleanup_free_ char *path = string_printf("%s/" UNIT, folders[i]);

                found = found || (path && add_file(t, path));
                add_drop_ins(t, folders[i]);
        }
        return found && !t->failed;
}

/* The next value of a setting, from *line on, which moves behind it; NULL: there is none. */
static const char *next_value(const char **line, const char *setting, size_t *ret_size)
{
        size_t n = strlen(setting);

        while (**line) {
                const char *at = *line + strspn(*line, " \t");
                size_t size = strcspn(at, "\n");

                *line = at + size + (at[size] == '\n');
                if (strncmp(at, setting, n) == 0 && at[n] == '=') {
                        *ret_size = size - n - 1;
                        return at + n + 1;
                }
        }
        return NULL;
}

static bool gives_credential(const char *unit, const char *name)
{
        static const char *const settings[] = {"LoadCredential", "LoadCredentialEncrypted", "SetCredential",
                                               "SetCredentialEncrypted"};
        size_t n = strlen(name), size;

        for (size_t i = 0; i < ELEMENTSOF(settings); i++) {
                const char *line = unit, *value;

                while ((value = next_value(&line, settings[i], &size)))
                        if (size >= n && strncmp(value, name, n) == 0 && (size == n || value[n] == ':'))
                                return true;
        }
        return false;
}

/* Is the path, or a folder above it, among the words of the value? As setup writes them; %% stands for %. */
static bool value_covers(const char *value, size_t size, const char *path)
{
        for (size_t i = 0; i < size;) {
                char word[4096];
                size_t n = 0;
                bool quoted = value[i] == '"';

                i += quoted;
                while (i < size && n < sizeof(word) - 1 && (quoted ? value[i] != '"' : value[i] != ' ')) {
                        if ((value[i] == '%' || (quoted && value[i] == '\\')) && i + 1 < size)
                                i++;
                        word[n++] = value[i++];
                }
                word[n] = '\0';
                i += i < size;
                const char *folder = word + (word[0] == '-') + (word[0] == '+');

                n = strcspn(folder, ":");
                while (n > 1 && folder[n - 1] == '/')
                        n--;
                if (n > 0 && strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0' || n == 1))
                        return true;
        }
        return false;
}

static bool gives_path(const Check *k, const char *unit, const char *path)
{
        static const char *const settings[] = {"ReadWritePaths", "BindPaths"};
        size_t size;

        if (!strstr(unit, "\nProtectSystem=strict") ||
            value_covers(k->options->state_dir, strlen(k->options->state_dir), path))
                return true;
        for (size_t i = 0; i < ELEMENTSOF(settings); i++) {
                const char *line = unit, *value;

                while ((value = next_value(&line, settings[i], &size)))
                        if (value_covers(value, size, path))
                                return true;
        }
        return false;
}

/* --- the group --- */

typedef struct Member {
        Check *k;
        const char *user;
} Member;

/* -ENOENT: it is none. */
static int run_member(void *data, LookResult *ret)
{
        const char *user = ((const Member *) data)->user;
        const struct passwd *p = getpwnam(user);
        const struct group *g;
        uid_t uid = p ? p->pw_uid : 0;
        gid_t gid = p ? p->pw_gid : 0;

        if (!p || uid == 0)
                return 0; /* whoever verifies the probe tells that there is no such user */
        g = getgrnam(GROUP_LOOK);
        if (!g || g->gr_gid == gid)
                return 0;
        for (size_t i = 0; g->gr_mem[i]; i++)
                if (streq(g->gr_mem[i], user))
                        return 0;
        return -ENOENT;
}

static void told_member(void *data, const LookResult *result, void *userdata)
{
        const Member *m = data;
        Finding *x;

        if (result->error != -ENOENT)
                return;
        x = findings_add(m->k->f, FINDING_WARNING, "no-member", NULL, NULL,
                         "user `%s`, who reports, is not in the group `" GROUP_LOOK "`", m->user);
        finding_means(m->k->f, x, "the control socket does not let it in: nothing is reported");
        finding_advises(m->k->f, x, "run `failoverctl setup --drop-ins`, and restart what runs as that user");
}

static void check_member(Check *k, const char *user)
{
        Member m = {.k = k, .user = user};
        LookJob job = {.run = run_member, .told = told_member, .job = &m};

        (void) look(&job, 1, "failoverd", NULL);
}

/* --- all of it --- */

static void tell_credential(Check *k, const char *name)
{
        Finding *x = findings_add(
                        k->f, FINDING_WARNING, "no-credential", NULL, NULL,
                        "`%s` is a credential (a name without a slash), and " UNIT " does not load it", name);

        finding_means(k->f, x, "it is missing there, whatever lies in /etc/failoverd");
        finding_advises(k->f, x, "%s", ADVICE);
}

static void tell_path(Check *k, const char *path)
{
        Finding *x = findings_add(k->f, FINDING_WARNING, "read-only", NULL, NULL,
                                  "a probe writes to %s, which the sandbox of " UNIT " closes", path);

        finding_means(k->f, x, "it cannot tell whether that could be written");
        finding_advises(k->f, x, "%s", ADVICE);
}

void check_granted(Check *k)
{
        _cleanup_text_ Text unit = {0};
        const json_t *needs = k->report->needs;
        size_t i;
        json_t *item;

        if (!streq(k->options->config, CONFIG) || !read_unit(&unit))
                return;
        json_array_foreach(json_object_get(needs, "credentials"), i, item)
        {
                if (!gives_credential(unit.data, json_string_value(item)))
                        tell_credential(k, json_string_value(item));
        }
        json_array_foreach(json_object_get(needs, "writes"), i, item)
        {
                if (!gives_path(k, unit.data, json_string_value(item)))
                        tell_path(k, json_string_value(item));
        }
        json_array_foreach(json_object_get(needs, "users"), i, item) check_member(k, json_string_value(item));
}
