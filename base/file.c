/* SPDX-License-Identifier: MIT */
/* Files: read whole, written whole, secrets with their checks. */
#include "base/file.h"

#include "base/text.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SECRET_MAX 65536
#define SIZE_STEP  4096

/* Doubles a buffer without realloc(), which may leave a copy of a secret behind in the heap. */
static int buffer_grow(char **data, size_t *capacity, size_t used)
{
        char *larger = malloc(*capacity * 2);
        if (!larger)
                return -ENOMEM;
        memcpy(larger, *data, used);
        explicit_bzero(*data, *capacity);
        free(*data);
        *data = larger;
        *capacity *= 2;
        return 0;
}

static int read_to_end(int fd, size_t limit, size_t expected, char **ret_data, size_t *ret_size)
{
        size_t used = 0,
               capacity = MIN(expected, limit) + 2; /* one to see the end by, one for the terminator */
        char *data = malloc(capacity);
        int r = data ? 0 : -ENOMEM;

        while (r >= 0) {
                if (used + 1 == capacity && (r = buffer_grow(&data, &capacity, used)) < 0)
                        break;
                ssize_t n = read(fd, data + used, capacity - used - 1);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        r = -errno;
                else if (n == 0)
                        break;
                else if ((used += (size_t) n) > limit)
                        r = -EFBIG;
        }
        if (r < 0) {
                if (data)
                        explicit_bzero(data, used);
                free(data);
                return r;
        }

        data[used] = 0;
        *ret_data = data;
        if (ret_size)
                *ret_size = used;
        return 0;
}

int fd_read_all(int fd, size_t limit, char **ret_data, size_t *ret_size)
{
        assert(fd >= 0);
        assert(limit < SIZE_MAX / 4);
        assert(ret_data);

        return read_to_end(fd, limit, 1022, ret_data, ret_size);
}

/* Never waits for the other end of a FIFO. */
static int open_regular(const char *path, struct stat *ret_st)
{
        struct stat st;
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        if (!S_ISREG(st.st_mode))
                return -EBADFD;
        *ret_st = st;
        return TAKE_FD(fd);
}

int file_read(const char *path, size_t limit, char **ret_data, size_t *ret_size)
{
        struct stat st;

        assert(path);
        assert(limit < SIZE_MAX / 4);
        assert(ret_data);

        _cleanup_close_ int fd = open_regular(path, &st);
        if (fd < 0)
                return fd;
        if ((uint64_t) st.st_size > limit)
                return -EFBIG;
        /* Files of /proc have size 0 and content. */
        return read_to_end(fd, limit, MAX((size_t) st.st_size, (size_t) 1022), ret_data, ret_size);
}

int fd_write_all(int fd, const void *data, size_t size)
{
        const char *p = data;

        assert(fd >= 0);
        assert(data || size == 0);

        while (size > 0) {
                ssize_t n = write(fd, p, size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                p += n;
                size -= (size_t) n;
        }
        return 0;
}

/* Secrets */

static bool is_credential(const char *value)
{
        return !strchr(value, '/') && getenv("CREDENTIALS_DIRECTORY");
}

int secret_path(const char *value, const char *config_dir, char **ret_path)
{
        assert(value);
        assert(ret_path);

        if (!*value || streq(value, ".") || streq(value, ".."))
                return -EINVAL;
        const char *folder = is_credential(value) ? getenv("CREDENTIALS_DIRECTORY") : config_dir;
        char *path = *value == '/' || !folder ? strdup(value) : string_printf("%s/%s", folder, value);
        if (!path)
                return -ENOMEM;
        *ret_path = path;
        return 0;
}

static int secret_check(const char *path, const struct stat *st, Error *e)
{
        if (st->st_uid != 0 && st->st_uid != geteuid())
                return error_set(e, -EPERM,
                                 "%s: belongs to user %u; it must belong to root or to the running user",
                                 path, st->st_uid);
        if (st->st_mode & S_IRWXO)
                return error_set(e, -EPERM,
                                 "%s: others may read or write this secret (mode %04o); chmod o= takes that "
                                 "away",
                                 path, st->st_mode & 07777);
        return 0;
}

char *secret_free(char *secret)
{
        if (secret)
                explicit_bzero(secret, strlen(secret));
        free(secret);
        return NULL;
}

int secret_read(const char *value, const char *config_dir, char **ret_data, size_t *ret_size, Error *e)
{
        _cleanup_free_ char *path = NULL;
        struct stat st;
        char *data;
        size_t size;
        int r;

        assert(value);
        assert(ret_data);

        r = secret_path(value, config_dir, &path);
        if (r < 0)
                return error_set(e, r, "'%s' is no file name", value);
        _cleanup_close_ int fd = open_regular(path, &st);
        if (fd < 0)
                return error_set(e, fd, "%s: %s%s", path,
                                 fd == -EBADFD ? "not a regular file" : error_words(-fd),
                                 is_credential(value) ? " (a credential: see LoadCredential= of the unit)"
                                                      : "");
        if (!is_credential(value) && (r = secret_check(path, &st, e)) < 0)
                return r;
        r = read_to_end(fd, SECRET_MAX, (size_t) st.st_size, &data, &size);
        if (r < 0)
                return error_set(e, r, "%s: %s", path, error_words(-r));

        while (size > 0 && (data[size - 1] == '\n' || data[size - 1] == '\r'))
                data[--size] = 0;
        if (size == 0 || memchr(data, 0, size)) {
                explicit_bzero(data, size);
                free(data);
                return error_set(e, -EINVAL, "%s: %s%s", path, size == 0 ? "empty" : "holds a NUL byte",
                                 size == 0 && is_credential(value) ? " (a credential: is the file there that "
                                                                     "LoadCredential= of the unit names?)"
                                                                   : "");
        }
        *ret_data = data;
        if (ret_size)
                *ret_size = size;
        return 0;
}

/* Publishing. A file is written anew and renamed into place: whoever has the old one open goes on reading the old one.
 * Only when there is no room for that is the spare overwritten and swapped in; a reader who sleeps through two such
 * rewrites on a full disk is the price of being able to say anything at all. */

typedef struct Place {
        int dir;
        char name[NAME_MAX + 1], fresh[NAME_MAX + 1], spare[NAME_MAX + 1];
} Place;

static void place_close(Place *p)
{
        fd_closep(&p->dir);
}

static int place_open(const char *path, Place *ret)
{
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
        _cleanup_free_ char *folder =
                        slash ? strndup(path, MAX((size_t) (slash - path), (size_t) 1)) : strdup(".");
        Place p;

        if (!folder)
                return -ENOMEM;
        if (!*name || streq(name, ".") || streq(name, ".."))
                return -EINVAL;
        if (strlen(name) + strlen("..spare") > NAME_MAX)
                return -ENAMETOOLONG;
        (void) snprintf(p.name, sizeof p.name, "%s", name);
        (void) snprintf(p.fresh, sizeof p.fresh, ".%.240s.new", name);
        (void) snprintf(p.spare, sizeof p.spare, ".%.240s.spare", name);
        p.dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (p.dir < 0)
                return -errno;
        *ret = p;
        return 0;
}

static off_t size_class(off_t size)
{
        return MAX((size + SIZE_STEP - 1) / SIZE_STEP, (off_t) 1) * SIZE_STEP;
}

/* -EOPNOTSUPP: this file system cannot set space aside; then there is none, and that is no error. */
static int allocate(int fd, off_t size)
{
        return fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, size_class(size)) < 0 && errno != EOPNOTSUPP &&
                                               errno != ENOSYS
                               ? -errno
                               : 0;
}

static int open_for_writing(const Place *p, const char *name, int flags, struct stat *ret_st)
{
        struct stat st;
        _cleanup_close_ int fd =
                        openat(p->dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0600);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADFD;
        *ret_st = st;
        return TAKE_FD(fd);
}

/* Waits until the content is on the disk: ext4 may write a rename down before it, above all when space was allocated, and
 * after a power cut the name leads to zeros. Costs nothing on a tmpfs. */
static int write_content(int fd, const void *data, size_t size, mode_t mode)
{
        int r = fd_write_all(fd, data, size);
        if (r < 0)
                return r;
        if (ftruncate(fd, (off_t) size) < 0 || fchmod(fd, mode) < 0)
                return -errno;
#ifndef FAILOVERD_BUG_NO_FSYNC /* tests/faults/power.sh must notice when it is */
        if (fsync(fd) < 0)
                return -errno;
#endif
        return 0;
}

/* What is set aside for a file of the folder; 0 when there is none. */
static off_t allocated(const Place *p, const char *name)
{
        struct stat st;

        return fstatat(p->dir, name, &st, AT_SYMLINK_NOFOLLOW) >= 0 && S_ISREG(st.st_mode)
                               ? (off_t) st.st_blocks * 512
                               : 0;
}

static int publish_fresh(const Place *p, const void *data, size_t size, mode_t mode)
{
        struct stat st;
        _cleanup_close_ int fd = open_for_writing(p, p->fresh, O_CREAT | O_TRUNC, &st);
        int r = fd < 0 ? fd : 0;

        if (r >= 0)
                r = write_content(fd, data, size, mode);
        /* It may be the spare one day: it, too, gets the largest class that was ever needed. */
        if (r >= 0)
                r = allocate(fd, MAX((off_t) size, allocated(p, p->spare)));
        /* A page says more in an outage than on a quiet day: room for that, if there is. */
        if (r >= 0)
                (void) allocate(fd, 2 * (off_t) size);
        if (r >= 0 && renameat(p->dir, p->fresh, p->dir, p->name) < 0)
                r = -errno;
        if (r < 0 && fd >= 0)
                (void) unlinkat(p->dir, p->fresh, 0);
        return r;
}

static int publish_spare(const Place *p, const void *data, size_t size, mode_t mode)
{
        struct stat st;
        _cleanup_close_ int fd = open_for_writing(p, p->spare, 0, &st);
        if (fd < 0)
                return fd;
        off_t had = (off_t) st.st_blocks * 512;
        int r = write_content(fd, data, size, mode);
        /* Cutting the file gave back what lay behind its end: keep that, for a longer content to come. */
        (void) allocate(fd, MAX(had, (off_t) size));
        if (r < 0)
                return r;
        if (renameat2(p->dir, p->spare, p->dir, p->name, RENAME_EXCHANGE) >= 0)
                return 0;
        /* Nothing there yet, or a file system without exchange. */
        if (errno != ENOENT && errno != EINVAL && errno != ENOSYS)
                return -errno;
        return renameat(p->dir, p->spare, p->dir, p->name) < 0 ? -errno : 0;
}

/* Sees to it that a spare stands by that can hold as much. Failing is no failure of what was published. */
static void spare_prepare(const Place *p)
{
        off_t wanted = allocated(p, p->name);
        struct stat st;

        if (allocated(p, p->spare) >= MAX(wanted, (off_t) SIZE_STEP))
                return;
        _cleanup_close_ int fd = open_for_writing(p, p->spare, O_CREAT, &st);
        if (fd >= 0)
                (void) allocate(fd, wanted);
}

static int publish(const char *path, const void *data, size_t size, mode_t mode)
{
        _cleanup_(place_close) Place p = {.dir = -EBADF};
        int r;

        r = place_open(path, &p);
        if (r < 0)
                return r;
        r = publish_fresh(&p, data, size, mode);
        if (r == -ENOSPC || r == -EDQUOT)
                r = publish_spare(&p, data, size, mode) < 0 ? r : 0;
        if (r < 0)
                return r;
        spare_prepare(&p);
        return 0;
}

int file_publish(const char *path, const void *data, size_t size, mode_t mode)
{
        struct rlimit limit, raised, now;
        int r;

        assert(path);
        assert(data || size == 0);

        r = publish(path, data, size, mode);
        if (r != -EMFILE || getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= limit.rlim_max)
                return r;
        raised = (struct rlimit){limit.rlim_max, limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) < 0)
                return r;
        r = publish(path, data, size, mode);
        /* What somebody else has set meanwhile stays: an operator's prlimit, who saw that we are short of them. */
        if (getrlimit(RLIMIT_NOFILE, &now) < 0 || now.rlim_cur == raised.rlim_cur)
                (void) setrlimit(RLIMIT_NOFILE, &limit);
        return r;
}

int file_publish_first(const char *path, const void *data, size_t size, mode_t mode)
{
        _cleanup_(place_close) Place p = {.dir = -EBADF};
        char name[NAME_MAX + 1];
        struct stat st;
        int r;

        assert(path);
        assert(data || size == 0);

        r = place_open(path, &p);
        if (r < 0)
                return r;
        if (fstatat(p.dir, p.name, &st, AT_SYMLINK_NOFOLLOW) >= 0)
                return -EEXIST;
        (void) snprintf(name, sizeof name, ".%.200s.first.%d", p.name, (int) getpid());
        (void) unlinkat(p.dir, name, 0);
        _cleanup_close_ int fd = open_for_writing(&p, name, O_CREAT | O_EXCL, &st);
        if (fd < 0)
                return fd;
        r = write_content(fd, data, size, mode);
        if (r >= 0 && linkat(p.dir, name, p.dir, p.name, 0) < 0)
                r = -errno;
        (void) unlinkat(p.dir, name, 0);
        return r;
}

int directory_make(const char *path, mode_t mode)
{
        struct stat st;

        assert(path);

        /* Asked first: on a frozen disk mkdir() hangs even when the directory is there. */
        if (stat(path, &st) >= 0)
                return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;

        _cleanup_free_ char *copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        size_t size = strlen(copy);
        while (size > 1 && copy[size - 1] == '/')
                copy[--size] = 0;

        for (char *slash = copy; (slash = strchr(slash + 1, '/'));) {
                *slash = 0;
                if (mkdir(copy, 0755) < 0 && errno != EEXIST)
                        return -errno;
                *slash = '/';
        }
        if (mkdir(copy, mode) >= 0)
                return chmod(copy, mode) < 0 ? -errno : 0;

        if (errno != EEXIST)
                return -errno;
        if (stat(copy, &st) < 0)
                return -errno;
        return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

#define TIGHT_BYTES (UINT64_C(64) << 20)
#define TIGHT_SHARE 20

int directory_is_tight(const char *path)
{
        struct statvfs st;

        if (statvfs(path, &st) < 0)
                return -errno;
        uint64_t left = (uint64_t) st.f_bavail * st.f_frsize, all = (uint64_t) st.f_blocks * st.f_frsize;
        return left < MIN(TIGHT_BYTES, all / TIGHT_SHARE);
}
