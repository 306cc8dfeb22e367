/* SPDX-License-Identifier: MIT */
/* `keygen --rotate`, `--revoke` and `--show`: from one key to the next, without anybody losing sight of this node. */
#include "base/clock.h"
#include "base/file.h"
#include "base/key_ring.h"
#include "ctl/keygen.h"

#include <fcntl.h>
#include <libgen.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file, held against a second one of us. */
typedef struct KeyFile {
        char *path, *fresh;
        int folder;
        KeyRing *ring;
} KeyFile;

static void key_file_close(KeyFile *f)
{
        fd_closep(&f->folder);
        key_ring_free(f->ring);
        free(f->path);
        free(f->fresh);
}

/* What matters of errno is said in words. */
static int system_error(Error *e, const char *path, const char *advice)
{
        error_set(e, -EIO, "%s: %s%s", path, error_words(errno), advice);
        return -EIO;
}

static int no_memory(Error *e)
{
        error_set(e, -ENOMEM, "out of memory");
        return -ENOMEM;
}

static int lock_folder(KeyFile *f, Error *e)
{
        _cleanup_free_ char *copy = strdup(f->path);

        if (!copy)
                return no_memory(e);
        f->folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (f->folder < 0)
                return system_error(e, f->path, "");
        if (flock(f->folder, LOCK_EX | LOCK_NB) >= 0)
                return 0;
        error_set(e, -EBUSY, "another failoverctl changes it at this moment");
        return -EBUSY;
}

static int key_file_open(const char *path, KeyFile *f, Error *e)
{
        _cleanup_(secret_freep) char *text = NULL;
        int r;

        f->path = realpath(path, NULL); /* what a link leads to is replaced, not the link */
        if (!f->path)
                return system_error(e, path, errno == ENOENT ? ": make one with `failoverctl keygen`" : "");
        if (asprintf(&f->fresh, "%s.new", f->path) < 0) {
                f->fresh = NULL;
                return no_memory(e);
        }
        r = lock_folder(f, e);
        if (r >= 0)
                r = secret_read(f->path, "/", &text, NULL, e);
        if (r < 0)
                return r;
        r = key_ring_parse(text, &f->ring, e);
        if (r < 0)
                error_prefix(e, r, "%s", f->path);
        return r;
}

static int write_fresh(const KeyFile *f, const struct stat *old, const char *text)
{
        _cleanup_close_ int fd = -EBADF;

        (void) unlink(f->fresh); /* of one that was killed: we have the lock */
        fd = open(f->fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        if ((old->st_uid != geteuid() || old->st_gid != getegid()) &&
            fchown(fd, old->st_uid, old->st_gid) < 0)
                return -errno;
        if (fchmod(fd, old->st_mode & 0700) < 0)
                return -errno;
        int r = fd_write_all(fd, text, strlen(text));
        if (r < 0)
                return r;
        return fsync(fd) < 0 ? -errno : 0;
}

/* As a whole, or not at all, with the owner that it had. */
static int key_file_save(const KeyFile *f, Error *e)
{
        _cleanup_(secret_freep) char *text = NULL;
        struct stat st;
        int r = key_ring_print(f->ring, &text);

        if (r >= 0 && stat(f->path, &st) < 0)
                r = -errno;
        if (r >= 0)
                r = write_fresh(f, &st, text);
        if (r >= 0 && rename(f->fresh, f->path) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlink(f->fresh);
                return error_set(e, r, "%s: %s; nothing has changed", f->path, error_words(-r));
        }
        if (fsync(f->folder) < 0)
                return error_set(e, -errno, "%s: it was written, and may be lost by a power cut: %s", f->path,
                                 error_words(errno));
        return 0;
}

/* --- what is said --- */

static const char *public_half(char buffer[static 64], const SignKey *key)
{
        _cleanup_free_ char *text = NULL;

        (void) base64_encode(key->public_key, sizeof(key->public_key), &text);
        snprintf(buffer, 64, "%s", text ? text : "?");
        return buffer;
}

static json_t *key_to_json(const SignKey *key, const char *time_key, uint64_t usec)
{
        char half[64];
        json_t *j = json_object();

        json_put(j, "key_id", json_string(key->id));
        json_put(j, "public_key", json_string(public_half(half, key)));
        if (time_key)
                json_put(j, time_key, json_timestamp(usec));
        return j;
}

static void show_json(const KeyFile *f, const char *step)
{
        const KeyRing *ring = f->ring;
        json_t *j = key_to_json(ring->current, NULL, 0), *former = json_array();

        json_put(j, "file", json_string_or_null(f->path));
        json_put(j, "step", json_string_or_null(step));
        json_put(j, "next", ring->next ? key_to_json(ring->next, "announced", ring->next_usec) : json_null());
        for (size_t i = 0; i < ring->n_former; i++)
                json_add(former,
                         key_to_json(ring->former[i].key, ring->former[i].revoked ? "revoked" : "expires",
                                     ring->former[i].ended_usec));
        json_put(j, "former", former);
        _cleanup_json_ json_t *whole = json_whole(j);
        if (whole)
                ctl_print_json(whole);
}

static void show_key(const char *what, const SignKey *key, const char *when, uint64_t usec)
{
        char half[64], stamp[CTL_TIME_SIZE];

        printf("%-8s ed25519:%s %s", what, key->id, public_half(half, key));
        if (when)
                printf("  %s %s", when, ctl_time_format(stamp, usec));
        putchar('\n');
}

static void show_ring(const KeyRing *ring, uint64_t now_usec)
{
        show_key("signs", ring->current, NULL, 0);
        if (ring->next)
                show_key("next", ring->next, "announced", ring->next_usec);
        for (size_t i = 0; i < ring->n_former; i++) {
                const FormerKey *k = &ring->former[i];

                show_key(k->revoked ? "revoked" : "old", k->key,
                         k->revoked                 ? "since"
                         : k->ended_usec > now_usec ? "counts until"
                                                    : "counted until",
                         k->ended_usec);
        }
}

#define RESTART                                                                                             \
        "Both daemons must read the file again now: `systemctl restart failoverd federationd` (or SIGHUP, " \
        "where the file is not passed by LoadCredential=)."

static void advise(const char *words)
{
        puts("");
        ctl_print_words(words);
}

static void show_what_is_next(const KeyRing *ring, uint64_t now_usec)
{
        char stamp[CTL_TIME_SIZE];

        if (!ring->next)
                return;
        if (now_usec >= ring->next_usec + KEY_RING_WAIT_USEC)
                advise("The next key has been announced for long enough: `failoverctl keygen --rotate` puts "
                       "it into force.");
        else {
                puts("");
                printf("From %s on, `failoverctl keygen --rotate` puts the next key into force.\n",
                       ctl_time_format(stamp, ring->next_usec + KEY_RING_WAIT_USEC));
        }
}

/* --- the verbs --- */

static int saved(const Invocation *i, const KeyFile *f, const char *step, const char *words)
{
        if (i->given[OPTION_JSON])
                show_json(f, step);
        else {
                show_ring(f->ring, clock_wall_usec());
                advise(words);
        }
        return CTL_DONE;
}

static int rotate_key(const Invocation *i, KeyFile *f, Error *e)
{
        uint64_t now = clock_wall_usec();
        KeyRingStep step;
        int r = key_ring_rotate(f->ring, now, i->given[OPTION_FORCE], &step, e);

        if (r >= 0)
                r = key_file_save(f, e);
        if (r < 0)
                return ctl_failed(i, e);
        if (step == KEY_RING_SWAPPED)
                return saved(i, f, "swapped",
                             "The next key is in force. What the old one signs still counts for a "
                             "week.\n" RESTART "\nThen it is done.");
        return saved(i, f, "announced",
                     "A next key is announced; the one in force goes on signing. Step 2 of 3:\n" RESTART
                     "\nStep 3: in a day or later, when the other nodes have seen it, run `failoverctl "
                     "keygen "
                     "--rotate` once more; it puts the next key into force. Until then nothing changes.");
}

static int revoke_key(const Invocation *i, KeyFile *f, Error *e)
{
        bool known, announced = f->ring->next != NULL;
        int r;

        if (!i->given[OPTION_FORCE]) {
                error_set(e, -EPERM,
                          "this cannot be undone: nothing that ed25519:%s has signed will count any more. "
                          "%s. "
                          "If the key was stolen, say --revoke --force",
                          f->ring->current->id,
                          announced ? "The next key, which others know already, takes its place"
                                    : "A new key takes its place; others do not know it yet");
                return ctl_failed(i, e);
        }
        r = key_ring_revoke(f->ring, clock_wall_usec(), &known, e);
        if (r >= 0)
                r = key_file_save(f, e);
        if (r < 0)
                return ctl_failed(i, e);
        return saved(i, f, "revoked",
                     known ? "The key is revoked, and the one that had been announced is in force.\n" RESTART
                             "\nOther nodes take it over within an hour or so, by themselves."
                           : "The key is revoked, and a new one is in force.\n" RESTART
                             "\nOther nodes take it over within an hour or so, unless the thief tells them "
                             "something else before. Ask their operators to compare the line that says "
                             "`signs` with `failoverctl nodes`, and to run `failoverctl nodes rekey` where "
                             "it "
                             "differs.");
}

int keygen_change(const Invocation *i, const char *path)
{
        _cleanup_(key_file_close) KeyFile f = {.folder = -EBADF};
        Error e = {};

        if (i->given[OPTION_ROTATE] + i->given[OPTION_REVOKE] + i->given[OPTION_SHOW] > 1)
                return ctl_usage(i, "one of --rotate, --revoke and --show at a time");
        if (i->given[OPTION_ID])
                return ctl_usage(i, "--id is for a first key");
        if (key_file_open(path, &f, &e) < 0)
                return ctl_failed(i, &e);
        if (i->given[OPTION_ROTATE])
                return rotate_key(i, &f, &e);
        if (i->given[OPTION_REVOKE])
                return revoke_key(i, &f, &e);
        if (i->given[OPTION_JSON])
                show_json(&f, NULL);
        else {
                show_ring(f.ring, clock_wall_usec());
                show_what_is_next(f.ring, clock_wall_usec());
        }
        return CTL_DONE;
}
