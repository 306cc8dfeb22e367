/* SPDX-License-Identifier: MIT */
/* Writes what waits and closes the database, while the loop stands still. */
#include "supervisor/store_close.h"

#include "base/clock.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#define MEMORY_USEC (10 * USEC_PER_MSEC) /* between two looks whether there is some again */

struct StoreClosing {
        StoreDb *db;
        StoreQueue queue;
        pthread_mutex_t lock;
        pthread_cond_t over;
        bool closed;
};

static int run_close(void *userdata)
{
        StoreClosing *c = userdata;
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
        StoreClosing *c = userdata;

        if (!c->closed) /* never begun: the job before it hangs, and uses all this */
                return;
        store_queue_clear(&c->queue);
        store_db_free(c->db);
        store_closing_free(c);
}

StoreClosing *store_closing_new(void)
{
        pthread_condattr_t attr;
        StoreClosing *c = calloc(1, sizeof(*c));

        if (!c)
                return NULL;
        store_queue_init(&c->queue);
        pthread_mutex_init(&c->lock, NULL);
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&c->over, &attr);
        pthread_condattr_destroy(&attr);
        return c;
}

StoreClosing *store_closing_free(StoreClosing *c)
{
        if (!c)
                return NULL;
        pthread_cond_destroy(&c->over);
        pthread_mutex_destroy(&c->lock);
        free(c);
        return NULL;
}

static void wait_closed(StoreClosing *c, uint64_t patience_usec)
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

bool store_close(StoreClosing *c, Worker *worker, StoreDb *db, StoreQueue *queue, uint64_t patience_usec)
{
        uint64_t deadline_usec = clock_boot_usec() + patience_usec;
        int r;

        c->db = db;
        TAILQ_CONCAT(&c->queue.batches, &queue->batches, entry);
        c->queue.index = queue->index;
        c->queue.n_hours = queue->n_hours;
        while ((r = worker_submit(worker, run_close, close_done, c)) == -ENOMEM &&
               worker_pending(worker) > 0 && clock_boot_usec() < deadline_usec)
                usleep(MEMORY_USEC);
        if (r >= 0)
                wait_closed(c, patience_usec);
        else if (worker_pending(worker) == 0) {
                run_close(c);
                close_done(0, c);
        } else
                return false; /* the thread is at work with what we hold: the process is about to end */
        return true;
}
