/* SPDX-License-Identifier: MIT */
/* Which copies there are: in federation.db, in memory, and in the folder. */
#include "federation/copies.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "base/text.h"
#include "federation/copies_private.h"

#include <dirent.h>
#include <inttypes.h>
#include <unistd.h>

#define PATIENCE_USEC USEC_PER_SEC

/* --- the list --- */

static void copy_clear(Copy *copy)
{
        free((char *) (uintptr_t) copy->node);
        free((char *) (uintptr_t) copy->file);
        *copy = (Copy){.node = NULL};
}

static int copy_of(const Copy *from, Copy *ret)
{
        Copy copy = *from;

        copy.node = strdup(from->node);
        copy.file = strdup(from->file);
        if (!copy.node || !copy.file) {
                copy_clear(&copy);
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

/* Where it is, or would be. */
static size_t place_of(const Copies *c, const char *node, bool *ret_there)
{
        size_t low = 0, high = c->n;

        while (low < high) {
                size_t middle = (low + high) / 2;
                int order = strcmp(c->list[middle].node, node);

                if (order == 0) {
                        *ret_there = true;
                        return middle;
                }
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        *ret_there = false;
        return low;
}

/* Consumes the copy. */
static int list_put(Copies *c, Copy *copy)
{
        bool there;
        size_t i = place_of(c, copy->node, &there);

        if (there) {
                copy_clear(&c->list[i]);
                c->list[i] = *copy;
                return 0;
        }
        if (c->n == c->room) {
                size_t room = c->room ? 2 * c->room : 16;
                Copy *list = reallocarray(c->list, room, sizeof(*list));

                if (!list) {
                        copy_clear(copy);
                        return -ENOMEM;
                }
                c->list = list;
                c->room = room;
        }
        memmove(c->list + i + 1, c->list + i, (c->n - i) * sizeof(*c->list));
        c->list[i] = *copy;
        c->n++;
        return 0;
}

size_t copies_count(const Copies *c)
{
        return c->n;
}

const Copy *copies_at(const Copies *c, size_t i)
{
        assert(i < c->n);
        return &c->list[i];
}

const Copy *copies_find(const Copies *c, const char *node)
{
        bool there;
        size_t i = place_of(c, node, &there);

        return there ? &c->list[i] : NULL;
}

uint64_t copies_bytes(const Copies *c)
{
        uint64_t sum = 0;

        for (size_t i = 0; i < c->n; i++)
                sum += c->list[i].bytes;
        return sum;
}

bool copies_ready(const Copies *c)
{
        return c->ready;
}

const char *copies_folder(const Copies *c)
{
        return c->folder;
}

/* --- files --- */

typedef struct Sweep {
        char *folder, **keep; /* keep: names, NULL-terminated; file: this one alone */
        char *file;
} Sweep;

static void sweep_free(Sweep *s)
{
        for (char **k = s->keep; k && *k; k++)
                free(*k);
        free(s->keep);
        free(s->folder);
        free(s->file);
        free(s);
}

static void on_swept(int r, void *job)
{
        sweep_free(job);
}

/* Is it that database, or what SQLite puts beside it? */
static bool belongs_to(const char *name, const char *file)
{
        size_t n = strlen(file);

        return strncmp(name, file, n) == 0 && (!name[n] || streq(name + n, "-wal") ||
                                               streq(name + n, "-shm") || streq(name + n, "-journal"));
}

static int run_sweep(void *job)
{
        Sweep *s = job;
        DIR *d = opendir(s->folder);
        struct dirent *entry;

        if (!d)
                return directory_make(s->folder, 0700);
        while ((entry = readdir(d))) {
                bool keep = entry->d_name[0] == '.';

                for (char **k = s->keep; k && *k && !keep; k++)
                        keep = belongs_to(entry->d_name, *k);
                if (s->file)
                        keep = keep || !belongs_to(entry->d_name, s->file);
                if (!keep)
                        (void) unlinkat(dirfd(d), entry->d_name, 0);
        }
        closedir(d);
        return 0;
}

static int sweep(Copies *c, const char *file)
{
        Sweep *s = calloc(1, sizeof(*s));
        bool fine = s && (s->folder = strdup(c->folder));

        if (fine && file)
                fine = (s->file = strdup(file));
        if (fine && !file)
                fine = (s->keep = calloc(c->n + 1, sizeof(*s->keep)));
        for (size_t i = 0; fine && !file && i < c->n; i++)
                fine = (s->keep[i] = strdup(c->list[i].file));
        int r = fine ? worker_submit(c->files, run_sweep, on_swept, s) : -ENOMEM;
        if (r < 0 && s)
                sweep_free(s);
        return r;
}

void copies_discard(Copies *c, const char *file)
{
        copies_readers_drop(c, file);
        (void) sweep(c, file); /* else at the next start */
}

/* --- federation.db --- */

typedef enum Change {
        CHANGE_LOAD,
        CHANGE_PUT,
        CHANGE_TOUCH,
        CHANGE_DROP,
} Change;

typedef struct Job {
        StoreJob job;
        Copies *copies;
        Change change;
        Copy copy;
        Copy *list; /* loaded */
        size_t n;
        CopiesDone done;
        void *userdata;
} Job;

static uint64_t number(sqlite3_stmt *stmt, int i)
{
        int64_t n = sqlite3_column_int64(stmt, i);

        return n > 0 ? (uint64_t) n : 0;
}

static bool is_file_name(const char *s)
{
        return s && *s && *s != '.' && !strchr(s, '/');
}

static int load(sqlite3 *db, Job *j, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        int r = db_prepare(
                        db, &stmt, e,
                        "SELECT node, file, hash, generation, listings, refused, transactions, users, bytes,"
                        " made, seen FROM copy",
                        "");

        while (r >= 0 && (r = db_step(stmt, e)) > 0) {
                Copy copy = {.node = (const char *) sqlite3_column_text(stmt, 0),
                             .file = (const char *) sqlite3_column_text(stmt, 1),
                             .generation = number(stmt, 3),
                             .listings = number(stmt, 4),
                             .refused = number(stmt, 5),
                             .transactions = number(stmt, 6),
                             .users = number(stmt, 7),
                             .bytes = number(stmt, 8),
                             .made_usec = number(stmt, 9),
                             .seen_usec = number(stmt, 10)};
                const char *hash = (const char *) sqlite3_column_text(stmt, 2);
                Copy *list = reallocarray(j->list, j->n + 1, sizeof(*list));

                if (!list)
                        return error_set(e, -ENOMEM, "%s", error_words(-ENOMEM));
                j->list = list;
                if (!copy.node || !hash || !is_file_name(copy.file))
                        continue;
                snprintf(copy.hash, sizeof(copy.hash), "%s", hash);
                if (copy_of(&copy, &list[j->n]) < 0)
                        return error_set(e, -ENOMEM, "%s", error_words(-ENOMEM));
                j->n++;
        }
        return r < 0 ? r : 0;
}

static int run(sqlite3 *db, StoreJob *job, Error *e)
{
        Job *j = (Job *) job;
        const Copy *c = &j->copy;

        switch (j->change) {
        case CHANGE_LOAD:
                return load(db, j, e);
        case CHANGE_PUT:
                return db_run(db, e,
                              "INSERT OR REPLACE INTO copy (node, file, hash, generation, listings, refused,"
                              " transactions, users, bytes, made, seen) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                              "sssiiiiiiii", c->node, c->file, c->hash, (int64_t) c->generation,
                              (int64_t) c->listings, (int64_t) c->refused, (int64_t) c->transactions,
                              (int64_t) c->users, (int64_t) c->bytes, (int64_t) c->made_usec,
                              (int64_t) c->seen_usec);
        case CHANGE_TOUCH:
                return db_run(db, e, "UPDATE copy SET seen = ? WHERE node = ?", "is", (int64_t) c->seen_usec,
                              c->node);
        case CHANGE_DROP:
                return db_run(db, e, "DELETE FROM copy WHERE node = ? AND file = ?", "ss", c->node, c->file);
        }
        return -EINVAL;
}

static void take_loaded(Copies *c, Job *j)
{
        for (size_t i = 0; i < j->n; i++)
                (void) list_put(c, &j->list[i]);
        j->n = 0;
        c->ready = true;
        if (sweep(c, NULL) < 0)
                log_warning("what is left over in %s stays there for now: out of memory", c->folder);
        if (c->on_ready)
                c->on_ready(c->ready_userdata);
}

/* The one before goes, now that it is nobody's. */
static int take_put(Copies *c, Job *j)
{
        const Copy *before = copies_find(c, j->copy.node);
        _cleanup_free_ char *old = before ? strdup(before->file) : NULL;
        int r = list_put(c, &j->copy);

        j->copy = (Copy){.node = NULL};
        if (r >= 0 && old)
                copies_discard(c, old);
        return r;
}

static void on_stored(StoreJob *job, int r, const char *error)
{
        Job *j = (Job *) job;
        Copies *c = j->copies;

        if (j->change == CHANGE_LOAD && r >= 0)
                take_loaded(c, j);
        else if (j->change == CHANGE_LOAD && r != -ECANCELED)
                log_error("copies of other nodes are not searched: %s", error);
        else if (j->change == CHANGE_PUT) {
                if (r < 0 && r != -ECANCELED) /* in doubt at the end: the next start sees what is named */
                        copies_discard(c, j->copy.file);
                else if (r >= 0)
                        r = take_put(c, j);
        }
        if (j->done)
                j->done(r, r < 0 ? (error && *error ? error : error_words(r)) : "", j->userdata);
        copy_clear(&j->copy);
        for (size_t i = 0; i < j->n; i++)
                copy_clear(&j->list[i]);
        free(j->list);
        free(j);
}

static int submit(Copies *c, Change change, const Copy *copy, CopiesDone done, void *userdata)
{
        Job *j = calloc(1, sizeof(*j));

        if (!j || (copy && copy_of(copy, &j->copy) < 0)) {
                free(j);
                return -ENOMEM;
        }
        j->job = (StoreJob){.run = run, .done = on_stored};
        j->copies = c;
        j->change = change;
        j->done = done;
        j->userdata = userdata;
        store_submit(c->store, &j->job);
        return 0;
}

int copies_put(Copies *c, const Copy *copy, CopiesDone done, void *userdata)
{
        assert(c && copy && done);
        assert(is_file_name(copy->file));

        if (!c->ready)
                return -EAGAIN;
        if (c->n >= COPIES_MAX && !copies_find(c, copy->node))
                return -ENOSPC;
        return submit(c, CHANGE_PUT, copy, done, userdata);
}

int copies_touch(Copies *c, const char *node, uint64_t wall_usec)
{
        bool there;
        size_t i = place_of(c, node, &there);

        if (!there)
                return -ENOENT;
        c->list[i].seen_usec = wall_usec;
        return submit(c, CHANGE_TOUCH, &c->list[i], NULL, NULL);
}

void copies_keep_only(Copies *c, bool (*keep)(const char *node, void *userdata), void *userdata)
{
        for (size_t i = c->n; i > 0; i--) {
                Copy *copy = &c->list[i - 1];

                if (keep(copy->node, userdata))
                        continue;
                log_notice("the copy of %s, %" PRIu64
                           " books, is thrown away: it belongs to the network no longer",
                           copy->node, copy->listings);
                if (submit(c, CHANGE_DROP, copy, NULL, NULL) < 0)
                        continue; /* the next time */
                copies_discard(c, copy->file);
                copy_clear(copy);
                memmove(copy, copy + 1, (c->n - i) * sizeof(*copy));
                c->n--;
        }
}

/* --- life --- */

void copies_on_ready(Copies *c, void (*fn)(void *userdata), void *userdata)
{
        c->on_ready = fn;
        c->ready_userdata = userdata;
}

int copies_new(sd_event *event, Store *store, const char *state_dir, Copies **ret)
{
        _cleanup_(copies_freep) Copies *c = calloc(1, sizeof(*c));

        assert(event && store && state_dir && ret);

        if (!c)
                return -ENOMEM;
        c->event = sd_event_ref(event);
        c->store = store;
        c->folder = string_printf("%s/copies", state_dir);
        int r = c->folder ? worker_new(event, "copies-files", &c->files) : -ENOMEM;
        if (r >= 0)
                r = copies_readers_new(c);
        if (r >= 0)
                r = submit(c, CHANGE_LOAD, NULL, NULL, NULL);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

Copies *copies_free(Copies *c)
{
        if (!c)
                return NULL;
        copies_readers_free(c);
        worker_free(c->files, PATIENCE_USEC);
        for (size_t i = 0; i < c->n; i++)
                copy_clear(&c->list[i]);
        free(c->list);
        free(c->folder);
        sd_event_unref(c->event);
        free(c);
        return NULL;
}
