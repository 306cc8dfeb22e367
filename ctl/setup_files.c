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
                printf("%-7s %s\n", what, path);
        (void) json_array_append_new(s->files, json_pack("{s:s, s:s}", "path", path, "result", what));
}

bool setup_is_there(const Setup *s, const char *path)
{
        _cleanup_free_ char *whole = string_printf("%s%s", s->root, path);

        return whole && faccessat(AT_FDCWD, whole, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* As systemd makes a missing ConfigurationDirectory, and with its modes; one that is there stays as it is. */
int setup_make_folder(Setup *s, const char *path, Error *e)
{
        _cleanup_free_ char *whole = string_printf("%s%s", s->root, path);
        int r = whole ? directory_make(whole, 0755) : -ENOMEM;

        return r < 0 ? error_set(e, r, "%s: %s", whole ? whole : path, strerror(-r)) : 0;
}

int setup_make(Setup *s, const char *path, const char *text, const char *group, Error *e)
{
        _cleanup_free_ char *whole = string_printf("%s%s", s->root, path);
        Place how = {.mode = group ? 0640 : 0600, .owned = s->owns};
        int r = whole ? 0 : -ENOMEM;

        if (r >= 0 && s->owns && group) {
                r = find_group(s, group, &how.group);
                if (r < 0)
                        return error_set(
                                        e, r,
                                        "%s: no group `%s`, whom it is for: `systemd-sysusers` makes it from "
                                        "/usr/lib/sysusers.d/failoverd.conf",
                                        whole, group);
        }
        if (r >= 0)
                r = place_file(whole, text, &how);
        if (r < 0 && r != -EEXIST)
                return error_set(e, r, "%s: %s", whole ? whole : path, strerror(-r));
        tell(s, whole, r == -EEXIST ? "kept" : "made");
        return 0;
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
