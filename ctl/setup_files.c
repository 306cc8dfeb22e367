/* SPDX-License-Identifier: MIT */
/* What `setup` finds and puts below /etc, with the owners and modes that the daemons need. */
#include "base/conf.h"
#include "base/file.h"
#include "ctl/place.h"
#include "ctl/setup.h"

#include <ctype.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

/* The group's number, in the system below the root. -ENOENT. */
static int find_group(const Setup *s, const char *name, gid_t *ret)
{
        _cleanup_free_ char *path = string_printf("%s/etc/group", s->root);
        const struct group *g;
        int r = -ENOENT;
        FILE *f;

        if (!path)
                return -ENOMEM;
        if (s->root[0] == '\0') {
                errno = 0;
                g = getgrnam(name);
                if (!g)
                        return errno == 0 ? -ENOENT : -errno;
                *ret = g->gr_gid;
                return 0;
        }
        f = fopen(path, "re");
        if (!f)
                return -errno;
        while ((g = fgetgrent(f)))
                if (streq(g->gr_name, name)) {
                        *ret = g->gr_gid;
                        r = 0;
                        break;
                }
        (void) fclose(f);
        return r;
}

static void tell(Setup *s, const char *path, const char *what)
{
        if (!s->i->given[OPTION_JSON])
                printf("%-8s %s\n", what, path);
        (void) json_array_append_new(s->files, json_pack("{s:s, s:s}", "path", path, "result", what));
}

bool setup_is_there(const Setup *s, const char *path)
{
        _cleanup_free_ char *whole = string_printf("%s%s", s->root, path);

        return whole && faccessat(AT_FDCWD, whole, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

#define OURS "Made by `failoverctl setup`"

void setup_mark(Text *t, const char *comment, const char *from)
{
        text_add(t,
                 "%s " OURS " from %s.\n"
                 "%s After a change of that: `failoverctl setup --drop-ins`. Nothing by hand here.\n",
                 comment, from, comment);
}

static bool is_ours(const char *text)
{
        return memmem(text, strcspn(text, "\n"), OURS, strlen(OURS));
}

static void show(const Setup *s, const SetupFile *f)
{
        if (!s->i->given[OPTION_JSON] && f->text && !f->secret)
                printf("--------\n%s--------\n", f->text);
}

static int remove_ours(Setup *s, const char *whole, const char *old)
{
        if (!old || !is_ours(old))
                return 0;
        if (!s->dry && unlink(whole) < 0)
                return -errno;
        s->changed = true;
        tell(s, whole, "removed");
        return 0;
}

/* "PATH.old": the latest that somebody has written by hand. */
static int keep_old(const char *whole)
{
        _cleanup_free_ char *old = string_printf("%s.old", whole);

        if (!old)
                return -ENOMEM;
        (void) unlink(old);
        return link(whole, old) < 0 ? -errno : 0;
}

static int put(Setup *s, const SetupFile *f, const char *whole, const char *old, gid_t group)
{
        Place how = {.mode = f->mode, .owned = s->owns, .group = group, .replace = f->when != SETUP_NEW};
        _cleanup_free_ char *folder = strndup(whole, (size_t) (strrchr(whole, '/') - whole));
        int r = folder ? 0 : -ENOMEM;

        if (s->dry) {
                tell(s, whole, old ? "changed" : "made");
                show(s, f);
                return 0;
        }
        if (r >= 0)
                r = directory_make(folder, 0755);
        if (r >= 0 && f->when == SETUP_REPLACE && !f->secret && old && !setup_is_as_made(old))
                r = keep_old(whole);
        if (r >= 0)
                r = place_file(whole, f->text, &how);
        if (r < 0)
                return r;
        s->changed = s->changed || f->when == SETUP_OURS;
        tell(s, whole, old ? "changed" : "made");
        return 0;
}

int setup_put(Setup *s, const SetupFile *f, Error *e)
{
        _cleanup_free_ char *whole = string_printf("%s%s", s->root, f->path), *old = NULL;
        bool there = setup_is_there(s, f->path);
        gid_t group = 0;
        int r = whole ? 0 : -ENOMEM;

        if (r >= 0 && there && f->when != SETUP_NEW)
                r = file_read(whole, CONF_SIZE_MAX, &old, NULL);
        if (r >= 0 && !f->text)
                r = remove_ours(s, whole, old);
        if (r < 0)
                return error_set(e, r, "%s: %s", whole ? whole : f->path, strerror(-r));
        if (!f->text)
                return 0;
        if (there && (f->when == SETUP_NEW || streq(old, f->text))) {
                tell(s, whole, "kept");
                return 0;
        }
        if (f->when == SETUP_OURS && old && !is_ours(old)) {
                tell(s, whole, "kept");
                return error_set(e, -EEXIST,
                                 "%s is not of setup's making, and stays as it is: give it another name, and "
                                 "run `failoverctl setup --drop-ins` again. The rest is done",
                                 whole);
        }
        if (s->owns && f->group && !s->dry && (r = find_group(s, f->group, &group)) < 0)
                return error_set(e, r,
                                 "%s: no group `%s`, whom it is for: `systemd-sysusers` makes it from "
                                 "/usr/lib/sysusers.d/failoverd.conf",
                                 whole, f->group);
        r = put(s, f, whole, old, group);
        if (r == -EEXIST) {
                tell(s, whole, "kept"); /* somebody else was quicker */
                return 0;
        }
        return r < 0 ? error_set(e, r, "%s: %s", whole, strerror(-r)) : 0;
}

char *setup_read_id(const Setup *s, const char *path)
{
        _cleanup_free_ char *whole = string_printf("%s%s", s->root, path);
        _cleanup_(conf_freep) Conf *conf = NULL;
        const ConfNode *node;
        const char *id;
        Error e;

        if (!whole || conf_load(whole, &conf, &e) < 0 || !conf_is_mapping(conf_root(conf)))
                return NULL;
        node = conf_get(conf_root(conf), "node");
        node = node && conf_is_mapping(node) ? conf_get(node, "id") : NULL;
        id = node ? conf_scalar(node) : NULL;
        return id && string_valid_name(id) ? strdup(id) : NULL;
}

static void read_host_name(const Setup *s, char *buffer, size_t size)
{
        _cleanup_free_ char *path = string_printf("%s/etc/hostname", s->root), *text = NULL;

        if (s->root[0] == '\0') {
                if (gethostname(buffer, size) < 0)
                        buffer[0] = '\0';
        } else if (path && file_read(path, size - 1, &text, NULL) >= 0)
                snprintf(buffer, size, "%s", text);
        buffer[size - 1] = '\0';
}

char *setup_host_id(const Setup *s)
{
        char host[256] = "", id[65];
        size_t n = 0;

        read_host_name(s, host, sizeof(host));
        for (const char *c = host; *c && *c != '.' && n < sizeof(id) - 1; c++)
                if (isalnum((unsigned char) *c) || ((*c == '-' || *c == '_') && n > 0))
                        id[n++] = (char) tolower((unsigned char) *c);
        id[n] = '\0';
        return strdup(string_valid_name(id) && !streq(id, "localhost") ? id : "my-shop");
}
