/* SPDX-License-Identifier: MIT */
/* Putting a file where it belongs: it gets its name when it is whole. */
#include "ctl/place.h"
#include "base/file.h"

#include <fcntl.h>
#include <libgen.h>
#include <sys/stat.h>
#include <unistd.h>

/* The folder's entry must outlive a power cut as well. */
static int sync_folder(const char *path)
{
        _cleanup_free_ char *copy = strdup(path);
        _cleanup_close_ int fd = -EBADF;

        if (!copy)
                return -ENOMEM;
        fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fsync(fd) < 0)
                return -errno;
        return 0;
}

/* The owner comes before the mode, and both before the content: at no moment may more people read it. */
static int write_and_sync(const char *path, const char *text, const Place *how)
{
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        int r;

        if (fd < 0)
                return -errno;
        if (how->owned && fchown(fd, 0, how->group) < 0)
                return -errno;
        if (fchmod(fd, how->mode) < 0)
                return -errno;
        r = fd_write_all(fd, text, strlen(text));
        return r >= 0 && fsync(fd) < 0 ? -errno : r;
}

int place_file(const char *path, const char *text, const Place *how)
{
        _cleanup_free_ char *fresh = NULL;
        int r;

        if (!how->replace && faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return -EEXIST;
        if (asprintf(&fresh, "%s.new", path) < 0) {
                fresh = NULL;
                return -ENOMEM;
        }
        (void) unlink(fresh); /* of one that was killed */
        r = write_and_sync(fresh, text, how);
        if (r >= 0 && (how->replace ? rename(fresh, path) : link(fresh, path)) < 0)
                r = -errno;
        (void) unlink(fresh);
        return r < 0 ? r : sync_folder(path);
}
