/* SPDX-License-Identifier: MIT */
/* The loop's side of the catalog: two threads that read, each with a connection of its own, so that one slow question delays no
 * other one, and what is known without asking. */
#include "federation/catalog.h"

#include "base/clock.h"
#include "base/worker.h"
#include "federation/catalog_db.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>
#include <sys/stat.h>

#define N_READERS   2
#define WAITING_MAX 256
#ifndef BUDGET_USEC
#define BUDGET_USEC (2 * USEC_PER_SEC) /* of one question, while it runs */
#endif
#define FACTS_USEC USEC_PER_SEC /* how old facts may be while somebody asks for them */
#ifndef PROGRESS_STEPS
#define PROGRESS_STEPS 2000 /* of SQLite's machine, between looks at the clock */
#endif
#define PATIENCE_USEC (2 * USEC_PER_SEC) /* with a disk that hangs, at the end */

/* A thread's connection; used by one job at a time. Outlives the catalog when its thread is stuck. */
typedef struct Reader {
        Worker *worker;
        CatalogDb db;
        bool open;
        dev_t device; /* which file it is */
        ino_t inode;
        char *path;
        uint64_t categories_generation; /* whose categories were last handed out */
        atomic_bool cancelled;          /* what runs */
        uint64_t deadline_usec;
} Reader;

typedef enum AskKind {
        ASK_SEARCH,
        ASK_GET,
        ASK_LIST,
        ASK_FACTS,
} AskKind;

typedef struct Job {
        TAILQ_ENTRY(Job) entry; /* while it waits */
        Catalog *catalog;       /* NULL: freed meanwhile */
        CatalogAsk *ask;        /* NULL: nobody wants it any more */
        Reader *reader;         /* while it runs */
        AskKind kind;
        Question *question;
        char *id;
        unsigned limit, offset;
        /* results */
        CatalogRows rows;
        CatalogDbFacts facts;
        char *categories; /* NULL: as before */
        uint64_t began_usec, took_usec;
        Error error;
} Job;

struct CatalogAsk {
        Job *job;
        CatalogDone done;
        void *userdata;
        bool telling;
        bool freed;
};

struct Catalog {
        Reader *readers[N_READERS];
        Job *running[N_READERS];
        TAILQ_HEAD(, Job) waiting;
        size_t n_waiting;
        bool open, facts_wanted;
        Error trouble;
        CatalogDbFacts facts;
        uint64_t facts_usec; /* boot time at which they came; 0: never */
        bool facts_old;      /* they are known to be */
        char *categories;
        uint64_t searches, search_usec, corrected;
        uint64_t rows_imported, rows_refused;
};

/* In a thread */

/* Not two at once: the first of all makes the file. */
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

static int on_progress(void *userdata)
{
        Reader *r = userdata;
        return atomic_load(&r->cancelled) || clock_boot_usec() > r->deadline_usec;
}

static void reader_close(Reader *r)
{
        if (r->open)
                catalog_db_close(&r->db);
        r->open = false;
}

static int reader_open(Reader *r, Error *e)
{
        struct stat st;

        /* Gone, or another one put in its place: what is open is no longer what people mean. */
        bool there = stat(r->path, &st) == 0;
        if (r->open && (!there || st.st_dev != r->device || st.st_ino != r->inode))
                reader_close(r);
        if (r->open)
                return 0;
        pthread_mutex_lock(&opening);
        int code = catalog_db_open(r->path, true, &r->db, e);
        pthread_mutex_unlock(&opening);
        if (code < 0)
                return code;
        there = stat(r->path, &st) == 0;
        r->device = there ? st.st_dev : 0;
        r->inode = there ? st.st_ino : 0;
        sqlite3_progress_handler(r->db.db, PROGRESS_STEPS, on_progress, r);
        r->open = true;
        r->categories_generation = 0;
        return 0;
}

static int job_answer(Job *job, Error *e)
{
        CatalogDb *db = &job->reader->db;

        switch (job->kind) {
        case ASK_SEARCH:
                return catalog_db_search(db, job->question, &job->rows, e);
        case ASK_GET:
                return catalog_db_get(db, job->id, &job->rows, e);
        case ASK_LIST:
                return catalog_db_list(db, job->limit, job->offset, &job->rows, e);
        case ASK_FACTS:
                return 0;
        }
        assert(!"unknown kind");
        return -EINVAL;
}

/* One read transaction: the rows and the facts are of one moment. */
static int job_read(Job *job, Error *e)
{
        Reader *reader = job->reader;

        int r = db_exec(reader->db.db, "BEGIN", e);
        if (r == 0)
                r = job_answer(job, e);
        if (r == 0)
                r = catalog_db_facts(&reader->db, &job->facts, e);
        if (r == 0 && reader->categories_generation != job->facts.generation) {
                r = catalog_db_categories(&reader->db, &job->categories, e);
                if (r == 0)
                        reader->categories_generation = job->facts.generation;
        }
        db_rollback(reader->db.db);
        return r;
}

static int job_run(void *userdata)
{
        Job *job = userdata;
        Reader *reader = job->reader;

        job->began_usec = clock_boot_usec();
        reader->deadline_usec = job->began_usec + BUDGET_USEC;
        int r = reader_open(reader, &job->error);
        if (r == 0)
                r = job_read(job, &job->error);
        if (r == -ECANCELED && !atomic_load(&reader->cancelled))
                r = error_set(&job->error, -ETIMEDOUT, "took longer than 2 s");
        if (r == -EUCLEAN || r == -EIO) /* perhaps it is mended meanwhile */
                reader_close(reader);
        job->took_usec = clock_boot_usec() - job->began_usec;
        return r;
}

static int reader_end(void *userdata)
{
        reader_close(userdata);
        return 0;
}

/* On the loop */

static Job *job_free(Job *job)
{
        if (!job)
                return NULL;
        catalog_rows_clear(&job->rows);
        question_free(job->question);
        free(job->categories);
        free(job->id);
        free(job);
        return NULL;
}

static void ask_tell(CatalogAsk *ask, const CatalogAnswer *answer)
{
        ask->job = NULL;
        ask->telling = true;
        ask->done(ask, answer, ask->userdata);
        ask->telling = false;
        if (ask->freed)
                free(ask);
}

/* While this one read, the other thread has read a later catalog. (A lower generation alone is none: another file may have been
 * put in its place.) */
static bool is_overtaken(const Catalog *c, const Job *job)
{
        return job->facts.generation < c->facts.generation && job->began_usec < c->facts_usec;
}

static void facts_take(Catalog *c, Job *job, int r)
{
        if (r < 0) {
                /* An answer that took too long says nothing of the catalog. */
                if (r != -ECANCELED && r != -ETIMEDOUT && r != -EBUSY)
                        c->trouble = job->error;
                return;
        }
        c->open = true;
        c->trouble.text[0] = '\0';
        if (!is_overtaken(c, job)) {
                c->facts = job->facts;
                c->facts_usec = clock_boot_usec();
                c->facts_old = false;
                if (job->categories) {
                        free(c->categories);
                        c->categories = TAKE_PTR(job->categories);
                }
        }
        if (job->kind == ASK_SEARCH) {
                c->searches++;
                c->search_usec += job->took_usec;
                c->corrected += job->rows.corrected;
        }
}

static void jobs_begin(Catalog *c);

static void on_ended(int r, void *userdata)
{
        Job *job = userdata;
        Catalog *c = job->catalog;

        if (c) {
                for (unsigned i = 0; i < N_READERS; i++)
                        if (c->running[i] == job)
                                c->running[i] = NULL;
                if (job->kind == ASK_FACTS)
                        c->facts_wanted = false;
                facts_take(c, job, r);
                jobs_begin(c); /* before anybody is told: they may free the catalog */
        }
        if (job->ask) {
                const CatalogAnswer answer = {.error = r,
                                              .message = r < 0 ? job->error.text : "",
                                              .listings = job->rows.listings,
                                              .n_listings = r < 0 ? 0 : job->rows.n,
                                              .total = job->rows.total,
                                              .total_exact = job->rows.total_exact,
                                              .generation = job->facts.generation};
                ask_tell(job->ask, &answer);
        }
        job_free(job);
}

/* Hands what waits to whoever is idle. */
static void jobs_begin(Catalog *c)
{
        for (unsigned i = 0; i < N_READERS; i++) {
                Job *job = TAILQ_FIRST(&c->waiting);
                if (!job)
                        return;
                if (c->running[i])
                        continue;
                job->reader = c->readers[i];
                atomic_store(&job->reader->cancelled, false);
                if (worker_submit(job->reader->worker, job_run, on_ended, job) < 0)
                        return; /* no memory: the next one that ends tries again */
                TAILQ_REMOVE(&c->waiting, job, entry);
                c->n_waiting--;
                c->running[i] = job;
        }
}

static int job_submit(Catalog *c, Job *job, CatalogDone done, void *userdata, CatalogAsk **ret)
{
        CatalogAsk *ask = NULL;

        if (c->n_waiting >= WAITING_MAX) {
                job_free(job);
                return -EBUSY;
        }
        if (ret) {
                ask = calloc(1, sizeof(*ask));
                if (!ask) {
                        job_free(job);
                        return -ENOMEM;
                }
                *ask = (CatalogAsk){.job = job, .done = done, .userdata = userdata};
        }
        job->catalog = c;
        job->ask = ask;
        TAILQ_INSERT_TAIL(&c->waiting, job, entry);
        c->n_waiting++;
        jobs_begin(c);
        bool any = false;
        for (unsigned i = 0; i < N_READERS; i++)
                any |= c->running[i] != NULL;
        if (!any) { /* nobody would ever begin it */
                TAILQ_REMOVE(&c->waiting, job, entry);
                c->n_waiting--;
                free(ask);
                job_free(job);
                return -ENOMEM;
        }
        if (ret)
                *ret = ask;
        return 0;
}

static Job *job_new(AskKind kind)
{
        Job *job = calloc(1, sizeof(*job));
        if (job)
                job->kind = kind;
        return job;
}

int catalog_search(Catalog *c, const Question *q, CatalogDone done, void *userdata, CatalogAsk **ret)
{
        assert(c);
        assert(q);
        assert(done);
        assert(ret);

        Job *job = job_new(ASK_SEARCH);
        if (!job)
                return -ENOMEM;
        job->question = question_copy(q);
        if (!job->question) {
                job_free(job);
                return -ENOMEM;
        }
        return job_submit(c, job, done, userdata, ret);
}

int catalog_get(Catalog *c, const char *id, CatalogDone done, void *userdata, CatalogAsk **ret)
{
        assert(c);
        assert(id);
        assert(done);
        assert(ret);

        Job *job = job_new(ASK_GET);
        if (!job)
                return -ENOMEM;
        job->id = strdup(id);
        if (!job->id) {
                job_free(job);
                return -ENOMEM;
        }
        return job_submit(c, job, done, userdata, ret);
}

int catalog_list(Catalog *c, unsigned limit, unsigned offset, CatalogDone done, void *userdata,
                 CatalogAsk **ret)
{
        assert(c);
        assert(done);
        assert(ret);

        Job *job = job_new(ASK_LIST);
        if (!job)
                return -ENOMEM;
        job->limit = limit;
        job->offset = offset;
        return job_submit(c, job, done, userdata, ret);
}

CatalogAsk *catalog_ask_free(CatalogAsk *ask)
{
        if (!ask)
                return NULL;
        Job *job = ask->job;
        if (job) {
                job->ask = NULL;
                if (job->reader)
                        atomic_store(&job->reader->cancelled, true);
                else if (job->catalog) {
                        TAILQ_REMOVE(&job->catalog->waiting, job, entry);
                        job->catalog->n_waiting--;
                        job_free(job);
                }
        }
        if (ask->telling)
                ask->freed = true;
        else
                free(ask);
        return NULL;
}

/* Facts */

static void facts_refresh(Catalog *c)
{
        if (c->facts_wanted ||
            (c->facts_usec > 0 && !c->facts_old && clock_boot_usec() - c->facts_usec < FACTS_USEC))
                return;
        Job *job = job_new(ASK_FACTS);
        if (!job)
                return;
        c->facts_wanted = job_submit(c, job, NULL, NULL, NULL) == 0;
}

void catalog_facts(Catalog *c, CatalogFacts *ret)
{
        assert(c);
        assert(ret);

        facts_refresh(c);
        *ret = (CatalogFacts){.open = c->open,
                              .trouble = c->trouble.text,
                              .books = c->facts.books,
                              .categories = c->facts.categories,
                              .generation = c->facts.generation,
                              .bytes = c->facts.bytes,
                              .imported_usec = c->facts.imported_usec,
                              .searches = c->searches,
                              .search_usec = c->search_usec,
                              .corrected = c->corrected,
                              .rows_imported = c->rows_imported,
                              .rows_refused = c->rows_refused};
}

void catalog_note_import(Catalog *c, const ImportReport *report)
{
        assert(c);
        assert(report);

        c->rows_imported += report->added + report->updated + report->unchanged;
        c->rows_refused += report->refused;
        c->facts_old = true;
        facts_refresh(c);
}

uint64_t catalog_generation(Catalog *c)
{
        assert(c);

        facts_refresh(c);
        return c->facts.generation;
}

const char *catalog_categories(Catalog *c)
{
        assert(c);

        facts_refresh(c);
        return c->categories ? c->categories : "{}";
}

/* Beginning and end */

static Reader *reader_free(Reader *r)
{
        if (!r)
                return NULL;
        free(r->path);
        free(r);
        return NULL;
}

static void on_reader_ended(int r, void *userdata)
{
        /* -ECANCELED: its thread hangs in the kernel, with the connection: both are left behind. */
        if (r == 0)
                reader_free(userdata);
}

static int reader_new(sd_event *event, const char *path, unsigned number, Reader **ret)
{
        char name[16];

        Reader *r = calloc(1, sizeof(*r));
        if (!r)
                return -ENOMEM;
        snprintf(name, sizeof(name), "catalog-%u", number);
        r->path = strdup(path);
        int code = r->path ? worker_new(event, name, &r->worker) : -ENOMEM;
        if (code < 0) {
                reader_free(r);
                return code;
        }
        *ret = r;
        return 0;
}

int catalog_new(sd_event *event, const char *path, Catalog **ret)
{
        _cleanup_(catalog_freep) Catalog *c = NULL;

        assert(event);
        assert(path);
        assert(ret);

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        TAILQ_INIT(&c->waiting);
        for (unsigned i = 0; i < N_READERS; i++) {
                int r = reader_new(event, path, i, &c->readers[i]);
                if (r < 0)
                        return r;
        }
        facts_refresh(c);
        *ret = TAKE_PTR(c);
        return 0;
}

Catalog *catalog_free(Catalog *c)
{
        Job *job;

        if (!c)
                return NULL;
        while ((job = TAILQ_FIRST(&c->waiting))) {
                TAILQ_REMOVE(&c->waiting, job, entry);
                if (job->ask)
                        job->ask->job = NULL;
                job_free(job);
        }
        for (unsigned i = 0; i < N_READERS; i++) {
                if (c->running[i]) {
                        c->running[i]->catalog = NULL;
                        if (c->running[i]->ask)
                                c->running[i]->ask->job = NULL;
                        c->running[i]->ask = NULL;
                        atomic_store(&c->readers[i]->cancelled, true);
                }
        }
        for (unsigned i = 0; i < N_READERS; i++) {
                if (!c->readers[i])
                        continue;
                Worker *worker = c->readers[i]->worker;
                (void) worker_submit(worker, reader_end, on_reader_ended, c->readers[i]); /* or it is left */
                worker_free(worker, PATIENCE_USEC);
        }
        free(c->categories);
        free(c);
        return NULL;
}
