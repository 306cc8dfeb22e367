/* SPDX-License-Identifier: MIT */
/* Writes what waits and closes the database, while the loop stands still. */
#include "supervisor/store_close.h"

#include <pthread.h>
#include <time.h>

typedef struct Closing {
        StoreDb *db;
        StoreQueue queue;
        pthread_mutex_t lock;
        pthread_cond_t over;
        bool closed;
} Closing;

static int run_close(void *userdata)
{
        Closing *c = userdata;
        StoreBatch *b;
        int r = 0;

        /* Stops at the first that cannot be written: order matters more. */
        TAILQ_FOREACH(b, &c->queue.batches, entry)
        if (!b->saved && r == 0)
                r = store_db_write(c->db, b, NULL);
        store_db_close(c->db);
        pthread_mutex_lock(&c->lock);
        c->closed = true;
        pthread_cond_signal(&c->over);
        pthread_mutex_unlock(&c->lock);
        return 0;
}

static void close_done(int r, void *userdata)
{
        Closing *c = userdata;

        if (!c->closed) /* never begun: the job before it hangs, and uses all this */
                return;
        store_queue_clear(&c->queue);
        store_db_free(c->db);
        pthread_cond_destroy(&c->over);
        pthread_mutex_destroy(&c->lock);
        free(c);
}

static Closing *closing_new(StoreDb *db, StoreQueue *queue)
{
        pthread_condattr_t attr;
        Closing *c = calloc(1, sizeof(*c));

        if (!c)
                return NULL;
        c->db = db;
        store_queue_init(&c->queue);
        TAILQ_CONCAT(&c->queue.batches, &queue->batches, entry);
        c->queue.index = queue->index;
        c->queue.n_hours = queue->n_hours;
        pthread_mutex_init(&c->lock, NULL);
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&c->over, &attr);
        pthread_condattr_destroy(&attr);
        return c;
}

static void wait_closed(Closing *c, uint64_t patience_usec)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        uint64_t nsec = (uint64_t) t.tv_nsec + patience_usec % USEC_PER_SEC * 1000;
        t.tv_sec += (time_t) (MIN(patience_usec, USEC_PER_DAY) / USEC_PER_SEC + nsec / 1000000000);
        t.tv_nsec = (long) (nsec % 1000000000);
        pthread_mutex_lock(&c->lock);
        while (!c->closed && pthread_cond_timedwait(&c->over, &c->lock, &t) != ETIMEDOUT)
                ;
        pthread_mutex_unlock(&c->lock);
}

void store_close(Worker *worker, StoreDb *db, StoreQueue *queue, uint64_t patience_usec)
{
        bool idle = worker_pending(worker) == 0;
        Closing *c = closing_new(db, queue);

        if (!c)
                return; /* with what it holds: the process is about to end */
        if (worker_submit(worker, run_close, close_done, c) == 0)
                wait_closed(c, patience_usec);
        else if (idle) {
                run_close(c);
                close_done(0, c);
        }
}
