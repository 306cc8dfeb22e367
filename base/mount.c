/* SPDX-License-Identifier: MIT */
/* Whose doing it is that a path is read-only. The kernel tells both in /proc/self/mountinfo (proc_pid_mountinfo(5)): how
 * it is mounted here, and, behind the hyphen, how the file system is. */
#include "base/mount.h"

#include <fcntl.h>
#include <linux/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FIELD_OPTIONS 5 /* counted from 0 */
#define FIELD_SUPER   3 /* behind the hyphen, which is 0 */

typedef struct Scan {
        uint64_t wanted; /* the mount's number */
        uint64_t number; /* of this line's */
        unsigned field, behind;
        char word[3]; /* how the field begins */
        size_t n;
        bool hyphen, mounted_ro, super_rw;
} Scan;

static void field_end(Scan *s)
{
        if (s->hyphen)
                s->behind++;
        else if (s->n == 1 && s->word[0] == '-')
                s->hyphen = true;
        if (s->field == FIELD_OPTIONS)
                s->mounted_ro = s->n >= 2 && s->word[0] == 'r' && s->word[1] == 'o';
        else if (s->behind == FIELD_SUPER)
                s->super_rw = s->n >= 2 && s->word[0] == 'r' && s->word[1] == 'w';
        s->field++;
        s->n = 0;
}

/* True: the line of the mount has been read. */
static bool scan_char(Scan *s, char c)
{
        if (c != ' ' && c != '\n') {
                if (s->field == 0 && c >= '0' && c <= '9')
                        s->number = s->number * 10 + (uint64_t) (c - '0');
                if (s->n < sizeof(s->word))
                        s->word[s->n] = c;
                s->n++;
                return false;
        }
        field_end(s);
        if (c != '\n')
                return false;
        if (s->number == s->wanted)
                return true;
        *s = (Scan){.wanted = s->wanted};
        return false;
}

bool mount_is_closed_to_us(const char *path)
{
        struct statx st = {0};
        Scan s = {0};
        char buffer[1024];
        bool found = false;
        ssize_t n;
        int fd;

        if (syscall(SYS_statx, AT_FDCWD, path, 0, STATX_MNT_ID, &st) < 0 || !(st.stx_mask & STATX_MNT_ID))
                return false;
        s.wanted = st.stx_mnt_id;
        fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        while (!found && (n = read(fd, buffer, sizeof(buffer))) > 0)
                for (ssize_t i = 0; !found && i < n; i++)
                        found = scan_char(&s, buffer[i]);
        (void) close(fd);
        return found && s.mounted_ro && s.super_rw;
}
