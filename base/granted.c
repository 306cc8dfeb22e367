/* SPDX-License-Identifier: MIT */
/* Does the system give a daemon what its configuration needs? Its unit's text is read as it stands, drop-ins included. */
#include "base/granted.h"
#include "base/file.h"
#include "base/look.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX   (256 * 1024)
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

static void add_drop_ins(Text *t, const char *folder, const char *daemon)
{
        _cleanup_free_ char *path = string_printf("%s/%s.service.d", folder, daemon);
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
static bool read_unit(Text *t, const char *daemon)
{
        static const char *const folders[] = {"/etc/systemd/system", "/run/systemd/system",
                                              "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
                                              "/lib/systemd/system"};
        bool found = false;

        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                _cleanup_free_ char *path = string_printf("%s/%s.service", folders[i], daemon);

                found = found || (path && add_file(t, path));
                add_drop_ins(t, folders[i], daemon);
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

bool granted_credential(const char *unit, const char *name)
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

                n = quoted ? strlen(folder) : strcspn(folder, ":");
                while (n > 1 && folder[n - 1] == '/')
                        n--;
                if (n > 0 && strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0' || n == 1))
                        return true;
        }
        return false;
}

static bool gives_path(const Granted *g, const char *unit, const char *path)
{
        static const char *const settings[] = {"ReadWritePaths", "BindPaths"};
        size_t size;

        if (!strstr(unit, "\nProtectSystem=strict") || value_covers(g->state_dir, strlen(g->state_dir), path))
                return true;
        for (size_t i = 0; i < ELEMENTSOF(settings); i++) {
                const char *line = unit, *value;

                while ((value = next_value(&line, settings[i], &size)))
                        if (value_covers(value, size, path))
                                return true;
        }
        return false;
}

/* What ProtectHome= hides, and where PrivateTmp= puts folders of its own. */
static bool is_hidden(const char *unit, const char *path)
{
        static const struct {
                const char *folder;
                const char *setting;
        } closed[] = {{"/home/", "\nProtectHome="},
                      {"/root/", "\nProtectHome="},
                      {"/run/user/", "\nProtectHome="},
                      {"/tmp/", "\nPrivateTmp=yes"},
                      {"/var/tmp/", "\nPrivateTmp=yes"}};
        static const char *const settings[] = {"BindReadOnlyPaths", "BindPaths"};
        bool hidden = false;
        size_t size;

        for (size_t i = 0; i < ELEMENTSOF(closed); i++)
                hidden = hidden || (strncmp(path, closed[i].folder, strlen(closed[i].folder)) == 0 &&
                                    strstr(unit, closed[i].setting));
        if (strncmp(path, "/tmp/", 5) != 0 && strncmp(path, "/var/tmp/", 9) != 0)
                hidden = hidden && !strstr(unit, "\nProtectHome=no") &&
                         !strstr(unit, "\nProtectHome=read-only");
        for (size_t i = 0; i < ELEMENTSOF(settings) && hidden; i++) {
                const char *line = unit, *value;

                while (hidden && (value = next_value(&line, settings[i], &size)))
                        hidden = !value_covers(value, size, path);
        }
        return hidden;
}

/* --- the group --- */

typedef struct Member {
        Findings *f;
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
                return 0; /* that there is no such user is told elsewhere */
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
        x = findings_add(m->f, FINDING_WARNING, "no-member", NULL, NULL,
                         "user `%s`, who reports, is not in the group `" GROUP_LOOK "`", m->user);
        finding_means(m->f, x, "the control socket does not let it in: nothing is reported");
        finding_advises(m->f, x, "run `failoverctl setup --drop-ins`, and restart what runs as that user");
}

static void check_member(Findings *f, const char *daemon, const char *user)
{
        Member m = {.f = f, .user = user};
        LookJob job = {.run = run_member, .told = told_member, .job = &m};

        (void) look(&job, 1, daemon, NULL);
}

/* --- all of it --- */

static void advise(Findings *f, Finding *x, const char *daemon)
{
        finding_advises(f, x, "run `failoverctl setup --drop-ins`, then `systemctl restart %s`", daemon);
}

static void tell_credential(Findings *f, const char *daemon, const char *name)
{
        Finding *x = findings_add(
                        f, FINDING_WARNING, "no-credential", NULL, NULL,
                        "`%s` is a credential (a name without a slash), and %s.service does not load it",
                        name, daemon);

        finding_means(f, x, "it is missing there, whatever lies in /etc/failoverd");
        advise(f, x, daemon);
}

static void tell_path(Findings *f, const char *daemon, const char *path)
{
        Finding *x = findings_add(f, FINDING_WARNING, "read-only", NULL, NULL,
                                  "a probe writes to %s, which the sandbox of %s.service closes", path,
                                  daemon);

        finding_means(f, x, "it cannot tell whether that could be written");
        advise(f, x, daemon);
}

static void tell_hidden(Findings *f, const char *daemon, const char *path)
{
        Finding *x = findings_add(f, FINDING_WARNING, "hidden", NULL, NULL,
                                  "%s is needed, and the sandbox of %s.service hides it", path, daemon);

        finding_means(f, x, "there it is missing: what needs it fails, also when nothing else does");
        advise(f, x, daemon);
}

static bool names(const Granted *g, const char *list, const char *path)
{
        size_t i;
        json_t *item;

        json_array_foreach(json_object_get(g->needs, list), i, item)
        {
                if (streq(json_string_value(item), path))
                        return true;
        }
        return false;
}

static bool is_the_units(const char *config, const char *daemon)
{
        _cleanup_free_ char *path = string_printf("/etc/failoverd/%s.yaml", daemon);

        return path && streq(config, path);
}

void findings_add_not_granted(Findings *f, const Granted *g)
{
        _cleanup_text_ Text unit = {0};
        size_t i;
        json_t *item;

        if (!is_the_units(g->config, g->daemon) || !read_unit(&unit, g->daemon))
                return;
        json_array_foreach(json_object_get(g->needs, "credentials"), i, item)
        {
                if (!granted_credential(unit.data, json_string_value(item)))
                        tell_credential(f, g->daemon, json_string_value(item));
        }
        json_array_foreach(json_object_get(g->needs, "writes"), i, item)
        {
                if (!gives_path(g, unit.data, json_string_value(item)))
                        tell_path(f, g->daemon, json_string_value(item));
        }
        json_array_foreach(json_object_get(g->needs, "reads"), i, item)
        {
                if (is_hidden(unit.data, json_string_value(item)) &&
                    !names(g, "writes", json_string_value(item)))
                        tell_hidden(f, g->daemon, json_string_value(item));
        }
        json_array_foreach(json_object_get(g->needs, "users"), i, item)
                        check_member(f, g->daemon, json_string_value(item));
}

/* --- the file itself --- */

typedef struct Reading {
        Findings *f;
        const char *config, *daemon;
} Reading;

static int run_reading(void *data, LookResult *ret)
{
        int fd = open(((const Reading *) data)->config, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        if (fd < 0)
                return -errno;
        close(fd);
        return 0;
}

static void told_reading(void *data, const LookResult *result, void *userdata)
{
        const Reading *r = data;
        Finding *x;

        if (result->error != -EACCES && result->error != -EPERM)
                return; /* root could read it a moment ago */
        x = findings_add(r->f, FINDING_ERROR, "unreadable", NULL, NULL, "%s: user `%s` cannot read it: %s",
                         r->config, r->daemon, error_words(-result->error));
        finding_means(r->f, x, "%s does not start with it, and a reload is refused", r->daemon);
        finding_advises(r->f, x, "chgrp %s %s && chmod 640 %s; the folder: chmod 755 /etc/failoverd",
                        r->daemon, r->config, r->config);
}

static void tell_writable(Findings *f, const char *config, const char *daemon)
{
        struct stat st;
        Finding *x;

        if (stat(config, &st) < 0 || !(st.st_mode & S_IWOTH))
                return;
        x = findings_add(f, FINDING_WARNING, "writable", NULL, NULL, "%s: others may write to it (mode %04o)",
                         config, st.st_mode & 07777);
        finding_means(f, x, "whoever has an account here decides what %s does", daemon);
        finding_advises(f, x, "look at what it says now, then chmod 640 %s", config);
}

void findings_add_access(Findings *f, const char *config, const char *daemon)
{
        Reading r = {.f = f, .config = config, .daemon = daemon};
        LookJob job = {.run = run_reading, .told = told_reading, .job = &r, .as_daemon = true};

        if (!is_the_units(config, daemon))
                return;
        tell_writable(f, config, daemon);
        if (geteuid() == 0)
                (void) look(&job, 1, daemon, NULL);
}

/* --- a credential that was looked for beside it --- */

/* "NAME:SOURCE" of that name: where its source begins. */
static const char *source_of(const char *value, size_t size, const char *name, size_t *ret_size)
{
        size_t n = strlen(name);

        if (size < n || strncmp(value, name, n) != 0 || (size > n && value[n] != ':'))
                return NULL;
        *ret_size = size > n ? size - n - 1 : 0;
        return value + n + (size > n);
}

/* Another file than the one beside the configuration, and it is there, as far as we may look. */
static bool is_other_source(const char *source, size_t size, const char *name)
{
        _cleanup_free_ char *path = strndup(source, size), *own = string_printf("/etc/failoverd/%s", name);

        if (!path || !own || streq(path, own))
                return false;
        return path[0] != '/' || access(path, F_OK) == 0 || errno == EACCES;
}

static bool comes_from_elsewhere(const char *unit, const char *name)
{
        static const char *const loads[] = {"LoadCredential", "LoadCredentialEncrypted"},
                                 *const sets[] = {"SetCredential", "SetCredentialEncrypted"};
        const char *line, *value, *source;
        size_t size, n;

        for (size_t i = 0; i < ELEMENTSOF(loads); i++) {
                line = unit;
                while ((value = next_value(&line, loads[i], &size)))
                        if ((source = source_of(value, size, name, &n)) && is_other_source(source, n, name))
                                return true;
        }
        for (size_t i = 0; i < ELEMENTSOF(sets); i++) {
                line = unit;
                while ((value = next_value(&line, sets[i], &size)))
                        if ((source = source_of(value, size, name, &n)) && n > 0 &&
                            !(n == 2 &&
                              strncmp(source, "\\n", 2) == 0)) /* setup's, for one that is missing */
                                return true;
        }
        return false;
}

bool granted_excuses(const char *config, const char *daemon, const char *name, int error)
{
        _cleanup_text_ Text unit = {0};

        if (strchr(name, '/') || !is_the_units(config, daemon) || getenv("CREDENTIALS_DIRECTORY") ||
            !read_unit(&unit, daemon))
                return false;
        return error == -EPERM || (error == -ENOENT && comes_from_elsewhere(unit.data, name));
}
