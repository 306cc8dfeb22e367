/* SPDX-License-Identifier: MIT */
/* Jobs for federation.db: what waits is handed to the thread as one batch, when the one before has come back. */
#include "federation/store.h"

#include "base/worker.h"

#define PATIENCE_USEC (2 * USEC_PER_SEC)
#define RESERVE       (4 * 1024 * 1024) /* of the log: what is said on a full disk can still be kept */

typedef STAILQ_HEAD(, StoreJob) JobList;

typedef struct Batch {
        Store *store;
        JobList jobs;
        size_t n;
        Error error;
} Batch;

struct Store {
        char *path;
        Worker *worker;
        sqlite3 *db; /* the thread's */
        JobList waiting;
        size_t n_waiting, n_running;
        bool closing;
        StoreCounts counts;
        Error trouble;
};

/* --- in the thread --- */

static int run_job(sqlite3 *db, StoreJob *job)
{
        int r;

        r = db_exec(db, "SAVEPOINT job", &job->error);
        if (r < 0)
                return r;
        r = job->run(db, job, &job->error);
        if (sqlite3_get_autocommit(db)) /* a full disk has undone the whole transaction */
                return r < 0 ? r : error_set(&job->error, -EIO, "the transaction was undone");
        if (r < 0 && db_exec(db, "ROLLBACK TO job", NULL) < 0)
                db_rollback(db); /* all of it, rather than half of this one */
        else
                (void) db_exec(db, "RELEASE job", NULL);
        return r;
}

static int run_jobs(sqlite3 *db, Batch *b)
{
        StoreJob *job;
        int r = db_begin(db, &b->error);

        if (r < 0)
                return r;
        STAILQ_FOREACH(job, &b->jobs, entry)
        {
                job->r = run_job(db, job);
                if (sqlite3_get_autocommit(db))
                        return error_set(&b->error, job->r, "%s", job->error.text);
        }
        return db_commit(db, &b->error);
}

static int run_batch(void *userdata)
{
        Batch *b = userdata;
        Store *s = b->store;
        int r = 0;

        if (!s->db)
                r = db_open(s->path, STORE_APPLICATION_ID, store_migrations, store_n_migrations, RESERVE,
                            &s->db, &b->error);
        return r < 0 ? r : run_jobs(s->db, b);
}

static int run_close(void *userdata)
{
        Store *s = userdata;

        s->db = db_close(s->db);
        return 0;
}

/* --- on the loop --- */

static void submit(Store *s);

static void end_jobs(JobList *jobs, int r, const char *error)
{
        StoreJob *job;

        while ((job = STAILQ_FIRST(jobs))) {
                STAILQ_REMOVE_HEAD(jobs, entry);
                if (job->r < 0 && r >= 0)
                        job->done(job, job->r, job->error.text);
                else
                        job->done(job, r < 0 ? r : job->r, r < 0 ? error : "");
        }
}

static void on_batch(int r, void *userdata)
{
        Batch *b = userdata;
        Store *s = b->store;

        s->n_running = 0;
        s->counts.jobs += b->n;
        s->counts.commits++;
        s->counts.failed += r < 0;
        s->trouble.text[0] = '\0';
        if (r < 0)
                error_set(&s->trouble, r, "%s", b->error.text[0] ? b->error.text : error_words(r));
        submit(s); /* before the ends: the thread need not wait for them */
        end_jobs(&b->jobs, r, b->error.text[0] ? b->error.text : error_words(r));
        free(b);
}

static int submit_batch(Store *s, Batch *b)
{
        StoreJob *job;

        b->store = s;
        STAILQ_INIT(&b->jobs);
        while (b->n < STORE_BATCH_MAX && (job = STAILQ_FIRST(&s->waiting))) {
                STAILQ_REMOVE_HEAD(&s->waiting, entry);
                STAILQ_INSERT_TAIL(&b->jobs, job, entry);
                b->n++;
        }
        s->n_waiting -= b->n;
        s->n_running = b->n;
        int r = worker_submit(s->worker, run_batch, on_batch, b);
        if (r < 0) { /* back to the front */
                STAILQ_CONCAT(&b->jobs, &s->waiting);
                STAILQ_CONCAT(&s->waiting, &b->jobs);
                s->n_waiting += b->n;
                s->n_running = 0;
        }
        return r;
}

static void submit(Store *s)
{
        Batch *b;

        if (s->n_running > 0 || s->n_waiting == 0 || s->closing)
                return;
        b = calloc(1, sizeof(*b));
        if (!b)
                return; /* with the next job */
        if (submit_batch(s, b) < 0)
                free(b);
}

void store_submit(Store *s, StoreJob *job)
{
        assert(job->run);
        assert(job->done);

        job->r = 0;
        job->error.text[0] = '\0';
        STAILQ_INSERT_TAIL(&s->waiting, job, entry);
        s->n_waiting++;
        submit(s);
}

int store_new(sd_event *event, const char *path, Store **ret)
{
        Store *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        STAILQ_INIT(&s->waiting);
        s->path = strdup(path);
        r = s->path ? worker_new(event, "store", &s->worker) : -ENOMEM;
        if (r < 0) {
                free(s->path);
                free(s);
                return r;
        }
        *ret = s;
        return 0;
}

static void on_closed(int r, void *userdata)
{
        Store *s = userdata;

        if (r >= 0) {
                free(s->path);
                free(s);
        }
}

Store *store_free(Store *s)
{
        JobList left = STAILQ_HEAD_INITIALIZER(left);
        Worker *worker;

        if (!s)
                return NULL;
        submit(s); /* what has come since goes with it, if the one before has ended */
        s->closing = true;
        worker = s->worker;
        STAILQ_CONCAT(&left, &s->waiting);
        s->n_waiting = 0;
        if (worker_submit(worker, run_close, on_closed, s) < 0) {
                worker_free(worker, PATIENCE_USEC);
                on_closed(0, s); /* its database stays open: no memory */
        } else
                worker_free(worker, PATIENCE_USEC);
        end_jobs(&left, -ECANCELED, "the service ends");
        return NULL;
}

bool store_is_crowded(const Store *s)
{
        return s->n_waiting + s->n_running >= STORE_CROWD;
}

void store_counts(const Store *s, StoreCounts *ret)
{
        *ret = s->counts;
        ret->waiting = s->n_waiting + s->n_running;
        ret->trouble = s->trouble.text;
}
