/* SPDX-License-Identifier: MIT */
/* An export on its way into a new copy. */
#include "federation/pull_job.h"

#include "base/file.h"
#include "base/text.h"
#include "base/worker.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_SIZE    ((size_t) 256 * 1024)
#define LOOK_PIECES   32 /* between two looks at the disk */
#define NICENESS      5  /* searches come first */
#define PATIENCE_USEC (2 * USEC_PER_SEC)

typedef struct Piece {
        char data[PIECE_SIZE];
        size_t size;
} Piece;

/* The thread's, while it works; of the loop otherwise. Outlives the job when the thread is busy or stuck. */
typedef struct Work {
        PullJob *job;   /* NULL: gone */
        Worker *worker; /* NULL: it is ending */
        char *folder, *path, *node;
        uint64_t room;
        atomic_bool cancelled;
        ExportScan *scan;
        Import *import;
        Piece *piece; /* being worked off */
        unsigned n_pieces;
        bool stripped;
        bool taken; /* the file is whole, and somebody else's */
        PullJobResult result;
        Error error;
} Work;

struct PullJob {
        Work *work;
        Piece *pieces[2]; /* one is filled while the other one is worked off */
        unsigned filling;
        bool busy, paused, ending;
        int failed;
        void (*on_room)(void *userdata);
        void (*done)(int r, const PullJobResult *result, void *userdata);
        void *userdata;
};

/* --- in the thread --- */

static int on_listing(const char *json, size_t size, void *userdata, Error *e)
{
        Work *w = userdata;
        char prefix[sizeof(w->result.facts.node) + 2];
        int r;

        if (!w->stripped) {
                const char *said = export_scan_facts(w->scan)->node;

                snprintf(prefix, sizeof(prefix), "%.159s:", *said ? said : w->node);
                w->stripped = true;
                r = import_strip(w->import, prefix);
                if (r < 0)
                        return error_set(e, r, "%s", error_words(r));
        }
        if (atomic_load_explicit(&w->cancelled, memory_order_relaxed))
                return error_set(e, -ECANCELED, "cancelled");
        r = import_feed(w->import, json, size, e);
        return r < 0 ? r : import_feed(w->import, "\n", 1, e);
}

/* The disk is also where this node's own books and money lie. */
static int check_room(Work *w)
{
        struct stat st;

        if (stat(w->path, &st) == 0 && (uint64_t) st.st_size > w->room)
                return error_set(&w->error, -ENOSPC, PULL_JOB_NO_ROOM);
        return directory_is_tight(w->folder) > 0
                               ? error_set(&w->error, -ENOSPC, "the disk of %s is all but full", w->folder)
                               : 0;
}

static int begin(Work *w)
{
        const ImportOptions options = {.name = w->node, .format = IMPORT_JSONL};
        int r;

        (void) setpriority(PRIO_PROCESS, 0, NICENESS); /* of this thread alone */
        r = directory_make(w->folder, 0700);
        if (r < 0)
                return error_set(&w->error, r, "%s: %s", w->folder, error_words(r));
        r = export_scan_new(on_listing, w, &w->scan);
        if (r < 0)
                return error_set(&w->error, r, "%s", error_words(r));
        return import_new(w->path, &options, &w->import, &w->error);
}

static int run_piece(void *job)
{
        Work *w = job;
        int r = w->scan ? 0 : begin(w);

        if (r >= 0 && w->n_pieces++ % LOOK_PIECES == 0)
                r = check_room(w);
        return r < 0 ? r : export_scan_feed(w->scan, w->piece->data, w->piece->size, &w->error);
}

static int sync_folder(const char *folder)
{
        int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

        if (fd < 0)
                return -errno;
        if (fsync(fd) < 0)
                r = -errno;
        close(fd);
        return r;
}

static int run_finish(void *job)
{
        Work *w = job;
        PullJobResult *result = &w->result;
        struct stat st;
        int r = run_piece(w);

        if (r >= 0)
                r = export_scan_finish(w->scan, &w->error);
        if (r >= 0)
                r = import_finish(w->import, &result->report, &w->error);
        if (r < 0)
                return r;
        if (result->report.rows > 0 && result->report.refused == result->report.rows)
                return error_set(&w->error, -EBADMSG, "not one of its %llu listings could be used",
                                 (unsigned long long) result->report.rows);
        result->facts = *export_scan_facts(w->scan);
        w->import = import_free(w->import); /* and its log goes */
        r = sync_folder(w->folder);
        if (r >= 0 && stat(w->path, &st) < 0)
                r = -errno;
        if (r < 0)
                return error_set(&w->error, r, "%s: %s", w->path, error_words(r));
        result->bytes = (uint64_t) st.st_size;
        return 0;
}

/* Everything is closed; a file that was not finished goes. */
static int run_end(void *job)
{
        Work *w = job;

        w->import = import_free(w->import);
        w->scan = export_scan_free(w->scan);
        if (!w->taken) {
                static const char *const ends[] = {"", "-wal", "-shm", "-journal"};

                for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                        _cleanup_free_ char *path = string_printf("%s%s", w->path, ends[i]);

                        if (path)
                                (void) unlink(path);
                }
        }
        return 0;
}

/* --- on the loop --- */

static void work_free(Work *w)
{
        free(w->piece);
        free(w->folder);
        free(w->path);
        free(w->node);
        free(w);
}

static void on_end(int r, void *job)
{
        Work *w = job;

        worker_free(TAKE_PTR(w->worker), 0);
        if (r == 0) /* else the thread is stuck, with all that it uses */
                work_free(w);
}

static int submit_piece(PullJob *j, WorkerRun run, WorkerDone done)
{
        Work *w = j->work;
        int r;

        free(w->piece);
        w->piece = TAKE_PTR(j->pieces[j->filling]);
        r = worker_submit(w->worker, run, done, w);
        j->busy = r >= 0;
        j->filling = !j->filling;
        return r;
}

static int piece_ready(PullJob *j)
{
        Piece **p = &j->pieces[j->filling];

        if (*p)
                return 0;
        *p = malloc(sizeof(**p));
        if (!*p)
                return -ENOMEM;
        (*p)->size = 0;
        return 0;
}

static void fail(PullJob *j, int r)
{
        j->failed = r;
        if (!*j->work->error.text)
                error_set(&j->work->error, r, "%s", error_words(r));
}

static void tell_end(PullJob *j)
{
        j->work->taken = j->failed >= 0;
        j->done(j->failed, &j->work->result, j->userdata);
}

static void on_finished(int r, void *job)
{
        Work *w = job;
        PullJob *j = w->job;

        if (!j)
                return;
        j->busy = false;
        if (r < 0)
                fail(j, r);
        tell_end(j);
}

static void on_piece(int r, void *job);

static void go_on(PullJob *j)
{
        int r = 0;

        if (j->failed == 0 && j->ending) {
                r = piece_ready(j);
                if (r >= 0)
                        r = submit_piece(j, run_finish, on_finished);
        }
        if (r < 0)
                fail(j, r);
        if (j->failed < 0 && j->ending) {
                tell_end(j);
                return;
        }
        if (j->paused) {
                j->paused = false;
                j->on_room(j->userdata);
        }
}

static void on_piece(int r, void *job)
{
        Work *w = job;
        PullJob *j = w->job;

        if (!j)
                return;
        j->busy = false;
        if (r < 0)
                fail(j, r);
        go_on(j);
}

int pull_job_feed(PullJob *j, const void *data, size_t size)
{
        int r = j->failed;

        assert(!j->ending && size <= PIECE_SIZE);

        if (r >= 0)
                r = piece_ready(j);
        if (r >= 0 && j->pieces[j->filling]->size + size > PIECE_SIZE) {
                if (j->busy) {
                        j->paused = true;
                        return PULL_JOB_PAUSE;
                }
                r = submit_piece(j, run_piece, on_piece);
                if (r >= 0)
                        r = piece_ready(j);
        }
        if (r < 0) {
                fail(j, r);
                return r;
        }
        memcpy(j->pieces[j->filling]->data + j->pieces[j->filling]->size, data, size);
        j->pieces[j->filling]->size += size;
        return 0;
}

const char *pull_job_error(const PullJob *j)
{
        return j->failed < 0 ? j->work->error.text : "";
}

bool pull_job_blames_sender(const PullJob *j)
{
        return j->failed == -EBADMSG || j->failed == -EINVAL;
}

void pull_job_finish(PullJob *j, void (*done)(int r, const PullJobResult *result, void *userdata))
{
        assert(!j->ending && j->failed == 0);

        j->done = done;
        j->ending = true;
        if (!j->busy)
                go_on(j);
}

int pull_job_new(sd_event *event, const PullJobOptions *o, PullJob **ret)
{
        PullJob *j = calloc(1, sizeof(*j));
        Work *w = calloc(1, sizeof(*w));
        int r = -ENOMEM;

        if (j && w) {
                *j = (PullJob){.work = w, .on_room = o->on_room, .userdata = o->userdata};
                w->job = j;
                w->room = o->room;
                w->folder = strdup(o->folder);
                w->node = strdup(o->node);
                w->path = string_printf("%s/%s", o->folder, o->file);
                if (w->folder && w->node && w->path)
                        r = worker_new(event, "pull", &w->worker);
        }
        if (r < 0) {
                if (w)
                        work_free(w);
                free(j);
                return r;
        }
        *ret = j;
        return 0;
}

PullJob *pull_job_free(PullJob *j, bool wait)
{
        Work *w;

        if (!j)
                return NULL;
        w = j->work;
        w->job = NULL;
        atomic_store(&w->cancelled, true);
        (void) worker_submit(w->worker, run_end, on_end, w); /* or it is left */
        if (wait)
                worker_free(TAKE_PTR(w->worker), PATIENCE_USEC);
        free(j->pieces[0]);
        free(j->pieces[1]);
        free(j);
        return NULL;
}
