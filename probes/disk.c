/* SPDX-License-Identifier: MIT */
/* Looks at the free space below a folder, and writes, syncs and reads back a file there.
 *
 * All of it happens in a child process: a call that hangs in the kernel keeps that one and nobody else. Parent and
 * child share a page, so that at the deadline the parent knows what hangs. */
#include "base/child.h"
#include "base/clock.h"
#include "base/mount.h"
#include "base/text.h"
#include "probes/probe.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MIN_FREE_SENSIBLE (UINT64_C(1024) * 1024)

typedef struct DiskConf {
        char *path;
        ConfAmount min_free, min_inodes;
        bool write_test;
} DiskConf;

typedef enum DiskStep {
        STEP_BEGIN,
        STEP_STATFS,
        STEP_CREATE,
        STEP_WRITE,
        STEP_SYNC,
        STEP_READ,
        STEP_COMPARE,
        STEP_REMOVE,
        STEP_DONE,
        _STEP_MAX,
} DiskStep;

static const struct {
        const char *sentence; /* "cannot sync a file in /path" */
        const char *word;     /* "no answer in 5 s (sync)" */
} steps[_STEP_MAX] = {
                [STEP_BEGIN] = {"begin with", "begin"},
                [STEP_STATFS] = {"look at", "statfs"},
                [STEP_CREATE] = {"create a file in", "create"},
                [STEP_WRITE] = {"write a file in", "write"},
                [STEP_SYNC] = {"sync a file in", "sync"},
                [STEP_READ] = {"read a file in", "read"},
                [STEP_COMPARE] = {"compare a file in", "compare"},
                [STEP_REMOVE] = {"remove a file in", "remove"},
                [STEP_DONE] = {"end with", "end"},
};

typedef struct DiskShared { /* written by the child only */
        volatile pid_t pid;
        volatile DiskStep step;  /* being done, or the one that failed */
        volatile int error;      /* errno of the step that failed */
        volatile bool sandboxed; /* read-only, but only for us */
        struct statvfs space;
} DiskShared;

typedef struct DiskMemory {
        bool written; /* it once could be written */
        Hanging hanging;
} DiskMemory;

typedef struct DiskState {
        Child *child;
        DiskShared *shared;
        char name[64]; /* of the test file, where there are no nameless ones */
        char pattern[4096];
        const DiskConf *conf;
} DiskState;

/* In the child: async-signal-safe calls only. */

static int disk_create(DiskState *s)
{
        int folder, fd;

        fd = open(s->conf->path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT))
                return fd;
        folder = open(s->conf->path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        if (folder < 0)
                return -1;
        fd = openat(folder, s->name, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, 0600);
        /* Its name goes at once: nothing is left behind, whatever happens next. */
        if (fd >= 0 && unlinkat(folder, s->name, 0) < 0) {
                int error = errno;

                s->shared->step = STEP_REMOVE;
                close(fd);
                fd = -1;
                errno = error;
        }
        close(folder);
        return fd;
}

/* Reads and writes may do less than they were asked to. */
static int pattern_put(int fd, const char *pattern, size_t size)
{
        for (size_t done = 0; done < size;) {
                ssize_t n = pwrite(fd, pattern + done, size - done, (off_t) done);

                if (n < 0 && errno != EINTR)
                        return -1;
                if (n == 0) {
                        errno = ENOSPC;
                        return -1;
                }
                done += n > 0 ? (size_t) n : 0;
        }
        return 0;
}

static int pattern_get(int fd, char *pattern, size_t size)
{
        for (size_t done = 0; done < size;) {
                ssize_t n = pread(fd, pattern + done, size - done, (off_t) done);

                if (n < 0 && errno != EINTR)
                        return -1;
                if (n == 0)
                        break; /* it has become shorter: the comparison tells */
                done += n > 0 ? (size_t) n : 0;
        }
        return 0;
}

static int disk_write(DiskState *s)
{
        char back[sizeof s->pattern] = {0};
        int fd;

        s->shared->step = STEP_CREATE;
        fd = disk_create(s);
        if (fd < 0)
                return -1;
        s->shared->step = STEP_WRITE;
        if (pattern_put(fd, s->pattern, sizeof s->pattern) < 0)
                return -1;
        s->shared->step = STEP_SYNC;
        if (fsync(fd) < 0)
                return -1;
        s->shared->step = STEP_READ;
        (void) posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); /* from the disk, not from memory */
        if (pattern_get(fd, back, sizeof back) < 0)
                return -1;
        s->shared->step = STEP_COMPARE;
        if (memcmp(back, s->pattern, sizeof back) != 0) {
                errno = EIO;
                return -1;
        }
        s->shared->step = STEP_REMOVE;
        return close(fd);
}

static int disk_child(void *data, int output_fd)
{
        DiskState *s = data;

        s->shared->pid = getpid();
        s->shared->step = STEP_STATFS;
        if (statvfs(s->conf->path, &s->shared->space) < 0 || (s->conf->write_test && disk_write(s) < 0)) {
                s->shared->error = errno;
                s->shared->sandboxed = errno == EROFS && mount_is_closed_to_us(s->conf->path);
                return 1;
        }
        s->shared->sandboxed = s->shared->space.f_flag & ST_RDONLY && mount_is_closed_to_us(s->conf->path);
        s->shared->step = STEP_DONE;
        return 0;
}

/* In the parent. */

static char *bytes_format(char *buffer, size_t size, uint64_t bytes)
{
        static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
        double value = (double) bytes;
        size_t i = 0;

        while (value >= 1024 && i + 1 < ELEMENTSOF(units)) {
                value /= 1024;
                i++;
        }
        snprintf(buffer, size, i == 0 || value >= 10 ? "%.0f %s" : "%.1f %s", value, units[i]);
        return buffer;
}

/* What may be used of what there is, as df counts: without what is kept for root. */
typedef struct Room {
        uint64_t free, total;
} Room;

/* FAIL below the minimum, WARN near it: within a fifth of it, or two percentage points. */
static Outcome room_judge(Room room, ConfAmount minimum)
{
        if (room.total == 0 || minimum.value == 0)
                return OUTCOME_PASS;
        if (minimum.percent) {
                double share = 10000.0 * (double) room.free / (double) room.total,
                       least = (double) minimum.value;

                return share < least ? OUTCOME_FAIL : share < least + 200 ? OUTCOME_WARN : OUTCOME_PASS;
        }
        return room.free < minimum.value                           ? OUTCOME_FAIL
               : (double) room.free < (double) minimum.value * 1.2 ? OUTCOME_WARN
                                                                   : OUTCOME_PASS;
}

static unsigned room_used_percent(Room room)
{
        /* Rounded up, but 100 only when nothing is left. */
        uint64_t used = room.total - MIN(room.free, room.total);
        unsigned percent =
                        room.total > 0 ? (unsigned) ((double) used * 100.0 / (double) room.total + 0.5) : 0;

        return percent == 100 && room.free > 0 ? 99 : percent;
}

static void report_space(Attempt *a, const struct statvfs *space)
{
        const DiskConf *c = a->conf;
        Room bytes = {
                        .free = (uint64_t) space->f_bavail * space->f_frsize,
                        .total = ((uint64_t) space->f_blocks - space->f_bfree + space->f_bavail) *
                                 space->f_frsize,
        };
        Room inodes = {
                        .free = space->f_favail,
                        .total = (uint64_t) space->f_files - space->f_ffree + space->f_favail,
        };
        Outcome by_bytes = room_judge(bytes, c->min_free), by_inodes = room_judge(inodes, c->min_inodes);
        char free_text[32], total_text[32];

        /* OUTCOME_FAIL > OUTCOME_WARN > OUTCOME_PASS */
        if (by_inodes > by_bytes) {
                attempt_report(a, by_inodes, "disk has %" PRIu64 " inodes left of %" PRIu64, inodes.free,
                               inodes.total);
                return;
        }
        attempt_report(a, by_bytes, "disk %u %% full (%s free of %s)", room_used_percent(bytes),
                       bytes_format(free_text, sizeof free_text, bytes.free),
                       bytes_format(total_text, sizeof total_text, bytes.total));
}

static void report_error(Attempt *a, DiskStep step, int error, bool sandboxed)
{
        const DiskConf *c = a->conf;
        DiskMemory *m = a->memory;

        switch (error) {
        case ENOSPC:
                attempt_report(a, OUTCOME_FAIL, "disk full: cannot %s %s", steps[step].sentence, c->path);
                return;
        case EDQUOT:
                attempt_report(a, OUTCOME_FAIL, "disk quota used up: cannot %s %s", steps[step].sentence,
                               c->path);
                return;
        case EIO:
        case ENXIO:
        case ENODEV:
        case EREMOTEIO:
        case EUCLEAN:
        case EBADMSG:
        case ESTALE:
        case ENOTCONN:
        case ESHUTDOWN:
                if (step == STEP_COMPARE)
                        attempt_report(a, OUTCOME_FAIL,
                                       "disk broken: %s gives back other bytes than were written", c->path);
                else
                        attempt_report(a, OUTCOME_FAIL, "disk broken: cannot %s %s: %s", steps[step].sentence,
                                       c->path, error_words(error));
                return;
        case EACCES:
        case EPERM:
        case EMFILE:
        case ENFILE:
        case ENOMEM:
                attempt_report(a, OUTCOME_INCONCLUSIVE, "cannot %s %s: %s", steps[step].sentence, c->path,
                               error_words(error));
                return;
        case EROFS:
                if (sandboxed && !m->written) {
                        attempt_report(a, OUTCOME_INCONCLUSIVE,
                                       "%s is read-only in our sandbox alone: ReadWritePaths= would open it",
                                       c->path);
                        return;
                }
                attempt_report(a, m->written ? OUTCOME_FAIL : OUTCOME_INCONCLUSIVE,
                               m->written ? "disk has become read-only: %s"
                                          : "%s is read-only for us, and was never seen otherwise",
                               c->path);
                return;
        default:
                attempt_report(a, m->written ? OUTCOME_FAIL : OUTCOME_INCONCLUSIVE, "cannot %s %s: %s",
                               steps[step].sentence, c->path, error_words(error));
        }
}

static void on_child(Child *child, const ChildResult *result, void *userdata)
{
        Attempt *a = userdata;
        const DiskConf *c = a->conf;
        DiskState *s = a->state;
        DiskMemory *m = a->memory;

        if (result->error < 0)
                attempt_report_errno(a, result->error, "cannot start the check");
        else if (result->code != CLD_EXITED)
                attempt_report(a, OUTCOME_INCONCLUSIVE, "the check was killed by signal %d", result->status);
        else if (s->shared->error != 0)
                report_error(a, s->shared->step, s->shared->error, s->shared->sandboxed);
        else if (s->shared->step != STEP_DONE)
                attempt_report(a, OUTCOME_INCONCLUSIVE, "the check ended early (exit code %d)",
                               result->status);
        else if (!c->write_test && s->shared->space.f_flag & ST_RDONLY && !s->shared->sandboxed)
                report_error(a, STEP_STATFS, EROFS, false);
        else {
                m->written = true; /* or could be, by others */
                report_space(a, &s->shared->space);
        }
}

static void disk_start(Attempt *a)
{
        const DiskConf *c = a->conf;
        DiskState *s = a->state;
        DiskMemory *m = a->memory;
        int r;

        if (attempt_report_hanging(a, &m->hanging, "disk"))
                return;
        s->conf = c;
        snprintf(s->name, sizeof s->name, ".failoverd-probe-%" PRIx64 "-%d", clock_wall_usec(),
                 (int) getpid());
        for (size_t i = 0; i < sizeof s->pattern; i++)
                s->pattern[i] = (char) (s->name[i % strlen(s->name)] + (int) (i / 64));
        s->shared = mmap(NULL, sizeof *s->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (s->shared == MAP_FAILED) {
                s->shared = NULL;
                attempt_report_errno(a, -errno, "cannot start the check");
                return;
        }
        ChildSpec spec = {.function = disk_child, .data = s};
        r = child_start(a->context->event, &spec, on_child, a, &s->child);
        if (r < 0)
                attempt_report_errno(a, r, "cannot start the check");
}

/* Freeing the child kills it; if it cannot die now, it is reaped when the kernel lets it go. */
static void disk_stop(Attempt *a)
{
        DiskState *s = a->state;

        s->child = child_free(s->child);
        if (s->shared)
                munmap(s->shared, sizeof *s->shared);
        s->shared = NULL;
}

static void disk_expire(Attempt *a)
{
        DiskState *s = a->state;
        DiskMemory *m = a->memory;

        if (!s->shared || s->shared->pid <= 0) {
                attempt_report(a, OUTCOME_INCONCLUSIVE, "this machine did not get to run the check");
                return;
        }
        hanging_note(a, &m->hanging, s->shared->pid, steps[s->shared->step].word);
        attempt_report_silence(a, steps[s->shared->step].word);
}

static int disk_check(const void *conf, const ConfNode *node, Error *e)
{
        const DiskConf *c = conf;

        if (c->path[0] != '/')
                return conf_error(conf_get(node, "path"), e, "path: \"%s\" is not absolute", c->path);
        return 0;
}

static int disk_verify(const void *conf, const char *config_dir, Error *e)
{
        const DiskConf *c = conf;
        struct statvfs st;

        if (!c->min_free.percent && c->min_free.value > 0 && c->min_free.value < MIN_FREE_SENSIBLE)
                return error_set(e, -EDOM,
                                 "min_free: %" PRIu64 " bytes are next to nothing; a percentage has its sign "
                                 "(5%%), bytes a unit (500MiB)",
                                 c->min_free.value);
        if (access(c->path, F_OK) < 0)
                return error_set(e, -errno, "path: %s: %s", c->path, error_words(errno));
        if (!c->min_free.percent && statvfs(c->path, &st) == 0 &&
            c->min_free.value > (uint64_t) st.f_blocks * st.f_frsize)
                return error_set(e, -ENOSPC, "min_free: more than the whole disk has: it could never pass");
        return 0;
}

static const char *disk_writes(const void *conf)
{
        const DiskConf *c = conf;

        return c->write_test ? c->path : NULL;
}

#define FIELD(key, type, flags, fallback, help)                                    \
        {                                                                          \
#key, &conf_##type, offsetof(DiskConf, key), flags, fallback, help \
        }

const ProbeType probe_disk = {
                .name = "disk",
                .help = "Room on a disk, and that a file can be written, synced and read back; warns within "
                        "a fifth of min_free "
                        "or min_inodes, or within two percentage points when they are percentages.",
                .conf_size = sizeof(DiskConf),
                .fields =
                                (const ConfField[]){
                                                FIELD(path, string, CONF_REQUIRED | CONF_PATH, NULL,
                                                      "a folder on that disk"),
                                                FIELD(min_free, amount, 0, "5%",
                                                      "less free space is a fail: 5% or bytes (2GiB)"),
                                                FIELD(min_inodes, amount, 0, "1%",
                                                      "fewer free inodes are a fail: 1% or a number"),
                                                FIELD(write_test, bool, 0, "true",
                                                      "write 4 KiB to a file without a name there, sync it "
                                                      "and read it back"),
                                                {NULL},
                                },
                .size = sizeof(DiskState),
                .memory_size = sizeof(DiskMemory),
                .single = true,
                .check = disk_check,
                .verify = disk_verify,
                .writes = disk_writes,
                .start = disk_start,
                .stop = disk_stop,
                .expire = disk_expire,
};
