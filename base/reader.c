/* SPDX-License-Identifier: MIT */
/* Files read in threads: one a file that is being read, since any of them may hang; the last idle one is kept. */
#include "base/reader.h"

#include "base/file.h"
#include "base/worker.h"

#include <fcntl.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

/* One file being read. The thread's while it is under way: names are copies. */
typedef struct Fetching {
        LIST_ENTRY(Fetching) entry;
        Reader *reader; /* the loop's */
        Worker *worker;
        LIST_HEAD(, Wish) wishes;
        char *name, *directory;
        bool plain;
        char *data;
        Error error;
} Fetching;

/* One file that a reading wants. */
typedef struct Wish {
        LIST_ENTRY(Wish) entry;
        Reading *reading;
        Fetching *fetching; /* NULL: it has come */
        const char *name;
        int result;
        char *data;
        Error error;
} Wish;

struct Reader {
        sd_event *event;
        Worker *idle;
        LIST_HEAD(, Fetching) fetchings;
};

struct Reading {
        ReadingDone done;
        void *userdata;
        size_t n, n_waiting;
        Wish wishes[];
};

int reader_new(sd_event *event, Reader **ret)
{
        Reader *r = calloc(1, sizeof(*r));

        assert(event && ret);
        if (!r)
                return -ENOMEM;
        r->event = event;
        LIST_INIT(&r->fetchings);
        *ret = r;
        return 0;
}

static Fetching *fetching_free(Fetching *f)
{
        if (!f)
                return NULL;
        secret_free(f->data);
        free(f->name);
        free(f->directory);
        free(f);
        return NULL;
}
DEFINE_CLEANUP(Fetching, fetching_free)

Reader *reader_free(Reader *r)
{
        Fetching *f;

        if (!r)
                return NULL;
        while ((f = LIST_FIRST(&r->fetchings))) {
                assert(LIST_EMPTY(&f->wishes));
                LIST_REMOVE(f, entry);
                f->reader = NULL;
                worker_free(f->worker, 0); /* stuck: f stays the thread's; else on_read() has freed it */
        }
        worker_free(r->idle, USEC_PER_SEC);
        free(r);
        return NULL;
}

/* Opened, too: what hangs may answer stat() from memory. */
static int look(const char *name, Error *e)
{
        struct stat st;
        _cleanup_close_ int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        return fd < 0 || fstat(fd, &st) < 0 ? error_set(e, -errno, "%s: %s", name, strerror(errno)) : 0;
}

static int run_read(void *job)
{
        Fetching *f = job;

        return f->plain ? look(f->name, &f->error)
                        : secret_read(f->name, f->directory, &f->data, NULL, &f->error);
}

static void wish_grant(Wish *w, int r, const char *data, const Error *e)
{
        Reading *reading = w->reading;

        w->fetching = NULL;
        w->result = r;
        w->error = *e;
        if (r >= 0 && data && !(w->data = strdup(data)))
                w->result = error_set(&w->error, -ENOMEM, "out of memory");
        reading->n_waiting--;
        if (reading->n_waiting == 0)
                reading->done(reading, reading->userdata);
}

static void on_read(int result, void *job)
{
        _cleanup_(fetching_freep) Fetching *f = job;
        Reader *r = f->reader;
        Wish *w;

        if (!r)
                return; /* in reader_free(), and nobody waits */
        LIST_REMOVE(f, entry);
        if (!r->idle)
                r->idle = f->worker;
        else
                worker_free(f->worker, USEC_PER_SEC); /* it has nothing left to do, and ends at once */
        while ((w = LIST_FIRST(&f->wishes))) {
                LIST_REMOVE(w, entry);
                wish_grant(w, result, f->data, &f->error);
        }
}

static Fetching *find(const Reader *r, const ReadingFile *file, const char *directory)
{
        Fetching *f;

        LIST_FOREACH(f, &r->fetchings, entry)
        if (streq(f->name, file->name) && streq(f->directory, directory) && f->plain == file->plain)
                return f;
        return NULL;
}

static int fetching_start(Reader *r, const ReadingFile *file, const char *directory, Fetching **ret)
{
        _cleanup_(fetching_freep) Fetching *f = calloc(1, sizeof(*f));
        int n = 0;

        if (!f || !(f->name = strdup(file->name)) || !(f->directory = strdup(directory)))
                return -ENOMEM;
        f->reader = r;
        f->plain = file->plain;
#ifdef FAILOVERD_BUG_READS_ON_LOOP /* tests/faults/hung.sh must notice this */
        (void) run_read(f);
        f->data = secret_free(f->data);
#endif
        f->worker = TAKE_PTR(r->idle);
        if (!f->worker)
                n = worker_new(r->event, "reader", &f->worker);
        if (n < 0)
                return n;
        n = worker_submit(f->worker, run_read, on_read, f);
        if (n < 0) {
                r->idle = f->worker;
                return n;
        }
        LIST_INSERT_HEAD(&r->fetchings, f, entry);
        *ret = TAKE_PTR(f);
        return 0;
}

int reading_start(Reader *r, const ReadingFile *files, size_t n, const char *config_dir, ReadingDone done,
                  void *userdata, Reading **ret)
{
        assert(r && files && done && ret);
        assert(n > 0 && n <= READING_FILES_MAX);

        _cleanup_(reading_freep) Reading *reading = calloc(1, sizeof(*reading) + n * sizeof(Wish));
        if (!reading)
                return -ENOMEM;
        reading->done = done;
        reading->userdata = userdata;
        for (size_t i = 0; i < n; i++) {
                Wish *w = &reading->wishes[i];
                Fetching *f = find(r, &files[i], config_dir ? config_dir : "");
                int error = f ? 0 : fetching_start(r, &files[i], config_dir ? config_dir : "", &f);

                if (error < 0)
                        return error;
                *w = (Wish){.reading = reading, .fetching = f, .name = files[i].name};
                LIST_INSERT_HEAD(&f->wishes, w, entry);
                reading->n = ++reading->n_waiting;
        }
        *ret = TAKE_PTR(reading);
        return 0;
}

Reading *reading_free(Reading *reading)
{
        if (!reading)
                return NULL;
        for (size_t i = 0; i < reading->n; i++) {
                if (reading->wishes[i].fetching)
                        LIST_REMOVE(&reading->wishes[i], entry);
                secret_free(reading->wishes[i].data);
        }
        free(reading);
        return NULL;
}

int reading_get(const Reading *reading, const char *name, const char **ret, Error *e)
{
        assert(reading && name && ret);

        for (size_t i = 0; i < reading->n; i++) {
                const Wish *w = &reading->wishes[i];

                if (!streq(w->name, name))
                        continue;
                assert(!w->fetching);
                if (w->result < 0)
                        return error_set(e, w->result, "%s", w->error.text);
                *ret = w->data ? w->data : "";
                return 0;
        }
        assert(!"a file that was asked for");
        return -ENOENT;
}

const char *reading_waits_for(const Reading *reading)
{
        for (size_t i = 0; reading && i < reading->n; i++)
                if (reading->wishes[i].fetching)
                        return reading->wishes[i].name;
        return NULL;
}
