/* SPDX-License-Identifier: MIT */
/* Disks for probes' tests: folders, small tmpfs, an ext4 in a loop device that can be frozen. */
#pragma once

#include "tests/probe_bench.h"

#include <dirent.h>
#include <sys/stat.h>

_unused_ static const char *folder(const char *name)
{
        const char *path = bench_path(name);

        CHECK(mkdir(path, 0700) == 0 || errno == EEXIST);
        return path;
}

_unused_ static bool tmpfs_mount(const char *path, const char *options)
{
        if (bench_needs_isolation("a tmpfs"))
                CHECK(mount("tmpfs", path, "tmpfs", 0, options) == 0);
        return bench_isolated;
}

_unused_ static void fill(const char *path, const char *name, size_t kib)
{
        static const char block[1024] = {1};
        char full[200];
        int fd;

        snprintf(full, sizeof full, "%s/%s", path, name);
        fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        while (kib-- > 0)
                if (write(fd, block, sizeof block) != sizeof block) {
                        CHECK_INT(errno, ENOSPC);
                        break;
                }
        close(fd);
}

_unused_ static unsigned entries(const char *path)
{
        DIR *d = opendir(path);
        unsigned n = 0;

        CHECK(d);
        for (struct dirent *e; (e = readdir(d));)
                n += e->d_name[0] != '.' || (e->d_name[1] != '\0' && !streq(e->d_name, ".."));
        closedir(d);
        return n;
}

/* An ext4 file system in an image on a tmpfs of its own; false where that cannot be had. */
_unused_ static bool ext4_mount(const char *base, const char *path)
{
        char command[400];

        if (!bench_needs_isolation("an ext4 in a loop device"))
                return false;
        CHECK(mount("tmpfs", base, "tmpfs", 0, "size=6m") == 0);
        snprintf(command, sizeof command,
                 "truncate -s 32M %s/image && mkfs.ext4 -q -m 0 %s/image >/dev/null 2>&1 && "
                 "mount -o loop %s/image %s 2>/dev/null",
                 base, base, base, path);
        if (system(command) == 0)
                return true;
        fprintf(stderr, "  left out: no ext4 in a loop device here\n");
        CHECK(umount(base) == 0);
        return false;
}

_unused_ static void ext4_umount(const char *base, const char *path)
{
        uint64_t end = clock_boot_usec() + 10 * USEC_PER_SEC;

        while (umount(path) < 0) { /* a killed child may still be on its way out */
                CHECK(errno == EBUSY && clock_boot_usec() < end);
                usleep(5000);
        }
        while (umount(base) < 0) {
                CHECK(errno == EBUSY && clock_boot_usec() < end);
                usleep(5000);
        }
}

_unused_ static int freeze(const char *path, bool on)
{
        char command[200];

        snprintf(command, sizeof command, "fsfreeze %s %s", on ? "-f" : "-u", path);
        return system(command);
}
