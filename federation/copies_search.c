/* SPDX-License-Identifier: MIT */
/* The threads that search copies: two for all of them, each with a few databases open, so that fifty nodes that are down cost neither
 * a hundred threads nor a hundred caches. */
#include "base/clock.h"
#include "base/text.h"
#include "federation/catalog_db.h"
#include "federation/copies_private.h"

#include <stdatomic.h>
#include <sys/queue.h>

#define WAITING_MAX    256 /* for one thread */
#define IDLE_USEC      USEC_PER_MIN
#define PATIENCE_USEC  USEC_PER_SEC
#define PROGRESS_STEPS 2000

typedef struct Open {
        char *file; /* NULL: free */
        CatalogDb db;
        uint64_t used;
} Open;

struct CopiesReader { /* the thread's, but for worker; outlives us when it is stuck */
        Worker *worker;
        Open open[COPIES_OPEN_MAX];
        uint64_t used;
};

typedef struct Search {
        CopiesReader *reader;
        CopyAsk *ask; /* NULL: nobody wants it any more */
        char *file, *path;
        Question *question;
        uint64_t until_usec;
        atomic_bool cancelled;
        CatalogRows rows;
        Error error;
} Search;

struct CopyAsk {
        Search *search;
        CopyDone done;
        void *userdata;
        bool telling, freed;
};

typedef struct Drop {
        CopiesReader *reader;
        char *file; /* NULL: all */
} Drop;

/* --- in the thread --- */

static void open_close(Open *o)
{
        if (!o->file)
                return;
        catalog_db_close(&o->db);
        free(TAKE_PTR(o->file));
}

static int open_get(CopiesReader *r, const char *file, const char *path, Open **ret, Error *e)
{
        Open *oldest = &r->open[0];

        for (size_t i = 0; i < COPIES_OPEN_MAX; i++) {
                Open *o = &r->open[i];

                if (o->file && streq(o->file, file)) {
                        o->used = ++r->used;
                        *ret = o;
                        return 0;
                }
                if (oldest->file && (!o->file || o->used < oldest->used))
                        oldest = o;
        }
        open_close(oldest);
        int error = catalog_db_open(path, true, &oldest->db, e);
        if (error < 0)
                return error;
        oldest->file = strdup(file);
        if (!oldest->file) {
                catalog_db_close(&oldest->db);
                return error_set(e, -ENOMEM, "%s", error_words(-ENOMEM));
        }
        oldest->used = ++r->used;
        *ret = oldest;
        return 0;
}

static int on_progress(void *userdata)
{
        Search *s = userdata;

        return atomic_load(&s->cancelled) || clock_boot_usec() > s->until_usec;
}

static int run_search(void *job)
{
        Search *s = job;
        Open *o;

        if (on_progress(s))
                return error_set(&s->error, -ETIMEDOUT, "too late");
        int r = open_get(s->reader, s->file, s->path, &o, &s->error);
        if (r < 0)
                return r;
        sqlite3_progress_handler(o->db.db, PROGRESS_STEPS, on_progress, s);
        r = db_exec(o->db.db, "BEGIN", &s->error);
        if (r == 0)
                r = catalog_db_search(&o->db, s->question, &s->rows, &s->error);
        db_rollback(o->db.db);
        sqlite3_progress_handler(o->db.db, 0, NULL, NULL);
        if (r == -EUCLEAN || r == -EIO)
                open_close(o);
        return r;
}

static int run_drop(void *job)
{
        Drop *d = job;

        for (size_t i = 0; i < COPIES_OPEN_MAX; i++)
                if (d->reader->open[i].file && (!d->file || streq(d->reader->open[i].file, d->file)))
                        open_close(&d->reader->open[i]);
        return 0;
}

/* --- on the loop --- */

static Search *search_free(Search *s)
{
        if (!s)
                return NULL;
        catalog_rows_clear(&s->rows);
        question_free(s->question);
        free(s->file);
        free(s->path);
        free(s);
        return NULL;
}

static void on_searched(int r, void *job)
{
        Search *s = job;
        CopyAsk *ask = s->ask;

        if (ask) {
                const CatalogAnswer answer = {.error = r,
                                              .message = r < 0 ? s->error.text : "",
                                              .listings = s->rows.listings,
                                              .n_listings = r < 0 ? 0 : s->rows.n,
                                              .total = s->rows.total,
                                              .total_exact = s->rows.total_exact};
                ask->search = NULL;
                ask->telling = true;
                ask->done(ask, &answer, ask->userdata);
                ask->telling = false;
                if (ask->freed)
                        free(ask);
        }
        search_free(s);
}

/* One thread for one copy: it is open once. */
static CopiesReader *reader_of(const Copies *c, const char *node)
{
        unsigned h = 5381;

        for (; *node; node++)
                h = h * 33 + (unsigned char) *node;
        return c->readers[h % COPIES_THREADS];
}

int copies_search(Copies *c, const char *node, const Question *q, uint64_t until_boot_usec, CopyDone done,
                  void *userdata, CopyAsk **ret)
{
        const Copy *copy = copies_find(c, node);
        Search *s;
        CopyAsk *ask;
        int r = -ENOMEM;

        assert(q && done && ret);

        if (!copy)
                return -ENOENT;
        CopiesReader *reader = reader_of(c, node);
        if (worker_pending(reader->worker) >= WAITING_MAX)
                return -EBUSY;
        s = calloc(1, sizeof(*s));
        ask = calloc(1, sizeof(*ask));
        if (s && ask) {
                *ask = (CopyAsk){.search = s, .done = done, .userdata = userdata};
                s->reader = reader;
                s->ask = ask;
                s->until_usec = until_boot_usec;
                s->file = strdup(copy->file);
                s->path = string_printf("%s/%s", c->folder, copy->file);
                s->question = question_copy(q);
                if (s->file && s->path && s->question)
                        r = worker_submit(reader->worker, run_search, on_searched, s);
        }
        if (r < 0) {
                search_free(s);
                free(ask);
                return r;
        }
        loop_timer_set_after(c->idle, IDLE_USEC);
        *ret = ask;
        return 0;
}

CopyAsk *copy_ask_free(CopyAsk *ask)
{
        if (!ask)
                return NULL;
        if (ask->search) {
                ask->search->ask = NULL;
                atomic_store(&ask->search->cancelled, true);
        }
        if (ask->telling)
                ask->freed = true;
        else
                free(ask);
        return NULL;
}

static void on_dropped(int r, void *job)
{
        Drop *d = job;

        free(d->file);
        free(d);
}

void copies_readers_drop(Copies *c, const char *file)
{
        for (size_t i = 0; i < COPIES_THREADS; i++) {
                Drop *d = calloc(1, sizeof(*d));

                if (d) {
                        d->reader = c->readers[i];
                        d->file = file ? strdup(file) : NULL; /* no memory: all of them, then */
                }
                if (d && worker_submit(c->readers[i]->worker, run_drop, on_dropped, d) < 0)
                        on_dropped(0, d); /* it is closed when others need its place */
        }
}

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata)
{
        copies_readers_drop(userdata, NULL);
        return 0;
}

int copies_readers_new(Copies *c)
{
        int r = loop_timer_new(c->event, "copies' idle", on_idle, c, &c->idle);

        for (size_t i = 0; i < COPIES_THREADS && r >= 0; i++) {
                c->readers[i] = calloc(1, sizeof(*c->readers[i]));
                r = c->readers[i] ? worker_new(c->event, i == 0 ? "copies-0" : "copies-1",
                                               &c->readers[i]->worker)
                                  : -ENOMEM;
        }
        return r;
}

static int run_end(void *job)
{
        CopiesReader *r = job;

        for (size_t i = 0; i < COPIES_OPEN_MAX; i++)
                open_close(&r->open[i]);
        return 0;
}

static void on_ended(int r, void *job)
{
        if (r == 0) /* else its thread hangs in the kernel, with what it has open */
                free(job);
}

void copies_readers_free(Copies *c)
{
        loop_source_free(c->idle);
        for (size_t i = 0; i < COPIES_THREADS; i++) {
                CopiesReader *r = c->readers[i];

                if (!r)
                        continue;
                Worker *worker = r->worker;
                if (!worker)
                        free(r);
                else
                        (void) worker_submit(worker, run_end, on_ended, r); /* or it is left */
                worker_free(worker, PATIENCE_USEC);
        }
}
