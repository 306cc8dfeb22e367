/* SPDX-License-Identifier: MIT */
/* One thread with a queue, and the way its results come back to the loop: a list and an eventfd. */
#include "base/worker.h"

#include "base/clock.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

/* Enough for SQLite and for writing files. */
#define STACK_SIZE (256 * 1024)

typedef struct Job {
        STAILQ_ENTRY(Job) entry;
        WorkerRun run;
        WorkerDone done;
        void *job;
        int r;
} Job;

typedef STAILQ_HEAD(JobList, Job) JobList;

/* What the thread and the loop have in common. It outlives the Worker when the thread is stuck. */
typedef struct Shared {
        pthread_mutex_t lock;
        pthread_cond_t wake; /* to the thread: work, or the end */
        pthread_cond_t over; /* from the thread: it has left */
        JobList queue, ended;
        uint64_t busy_since_usec;
        bool closing;   /* the thread leaves once the queue is empty */
        bool abandoned; /* the loop let go: the thread frees this and leaves as soon as it can */
        bool left;
        int wake_fd;
} Shared;

struct Worker {
        Shared *shared;
        sd_event_source *source;
        pthread_t thread;
        size_t pending;
        bool closing;
        bool reporting; /* results: one of them may free us … */
        bool freed;     /* … and has: the struct itself goes when they have been reported */
};

static void shared_destroy(Shared *s)
{
        assert(STAILQ_EMPTY(&s->queue));
        assert(STAILQ_EMPTY(&s->ended));
        pthread_cond_destroy(&s->over);
        pthread_cond_destroy(&s->wake);
        pthread_mutex_destroy(&s->lock);
        if (s->wake_fd >= 0)
                close(s->wake_fd);
        free(s);
}

static int shared_new(Shared **ret)
{
        Shared *s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        pthread_condattr_t attr;
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_mutex_init(&s->lock, NULL);
        pthread_cond_init(&s->wake, NULL);
        pthread_cond_init(&s->over, &attr);
        pthread_condattr_destroy(&attr);
        STAILQ_INIT(&s->queue);
        STAILQ_INIT(&s->ended);
        s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (s->wake_fd < 0) {
                int r = -errno;
                shared_destroy(s);
                return r;
        }
        *ret = s;
        return 0;
}

/* Runs the first job of the queue. The lock is held before and after, not during. */
static void run_one(Shared *s)
{
        Job *j = STAILQ_FIRST(&s->queue);
        STAILQ_REMOVE_HEAD(&s->queue, entry);
        s->busy_since_usec = clock_boot_usec();
        pthread_mutex_unlock(&s->lock);

        int r = j->run(j->job);

        pthread_mutex_lock(&s->lock);
        s->busy_since_usec = 0;
        if (s->abandoned) {
                free(j); /* nobody is there to take j->job any more */
                return;
        }
        j->r = r;
        STAILQ_INSERT_TAIL(&s->ended, j, entry);
        uint64_t one = 1;
        ssize_t n = write(s->wake_fd, &one, sizeof(one));
        (void) n; /* EAGAIN: the loop has been woken 2^64 - 2 times already */
}

static void *thread_main(void *userdata)
{
        Shared *s = userdata;

        pthread_mutex_lock(&s->lock);
        while (!s->abandoned) {
                if (!STAILQ_EMPTY(&s->queue))
                        run_one(s);
                else if (s->closing)
                        break;
                else
                        pthread_cond_wait(&s->wake, &s->lock);
        }
        bool abandoned = s->abandoned;
        s->left = true;
        pthread_cond_signal(&s->over);
        pthread_mutex_unlock(&s->lock);
        if (abandoned)
                shared_destroy(s);
        return NULL;
}

static Job *take_ended(Shared *s)
{
        pthread_mutex_lock(&s->lock);
        Job *j = STAILQ_FIRST(&s->ended);
        if (j)
                STAILQ_REMOVE_HEAD(&s->ended, entry);
        pthread_mutex_unlock(&s->lock);
        return j;
}

static void report(Worker *w, Job *j, int r)
{
        WorkerDone done = j->done;
        void *job = j->job;

        free(j);
        assert(w->pending > 0);
        w->pending--;
        done(r, job);
}

static int on_wake(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Worker *w = userdata;
        Job *j;

        uint64_t count;
        ssize_t n = read(fd, &count, sizeof(count));
        (void) n;
        w->reporting = true;
        while (!w->freed && (j = take_ended(w->shared)))
                report(w, j, j->r);
        w->reporting = false;
        if (w->freed)
                free(w);
        return 0;
}

/* Signals are for the loop's thread: the new one starts, and stays, with all of them blocked. */
static int thread_start(Worker *w, const char *name)
{
        pthread_attr_t attr;
        sigset_t all, before;

        int r = pthread_attr_init(&attr);
        if (r != 0)
                return -r;
        pthread_attr_setstacksize(&attr, STACK_SIZE);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&w->thread, &attr, thread_main, w->shared);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_attr_destroy(&attr);
        if (r != 0)
                return -r;

        char short_name[16]; /* the kernel's limit */
        snprintf(short_name, sizeof(short_name), "%s", name);
        pthread_setname_np(w->thread, short_name);
        return 0;
}

int worker_new(sd_event *event, const char *name, Worker **ret)
{
        assert(event);
        assert(name);
        assert(ret);

        Worker *w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        int r = shared_new(&w->shared);
        if (r < 0)
                goto fail;
        r = loop_add_io(event, name, w->shared->wake_fd, EPOLLIN, on_wake, w, &w->source);
        if (r < 0)
                goto fail;
        r = thread_start(w, name);
        if (r < 0)
                goto fail;
        *ret = w;
        return 0;
fail:
        loop_source_free(w->source);
        if (w->shared)
                shared_destroy(w->shared);
        free(w);
        return r;
}

int worker_submit(Worker *w, WorkerRun run, WorkerDone done, void *job)
{
        assert(w);
        assert(run);
        assert(done);

        if (w->closing)
                return -ESHUTDOWN;
        Job *j = malloc(sizeof(*j));
        if (!j)
                return -ENOMEM;
        *j = (Job){.run = run, .done = done, .job = job};
        pthread_mutex_lock(&w->shared->lock);
        STAILQ_INSERT_TAIL(&w->shared->queue, j, entry);
        pthread_cond_signal(&w->shared->wake);
        pthread_mutex_unlock(&w->shared->lock);
        w->pending++;
        return 0;
}

size_t worker_pending(const Worker *w)
{
        return w->pending;
}

uint64_t worker_busy_since(const Worker *w)
{
        pthread_mutex_lock(&w->shared->lock);
        uint64_t since_usec = w->shared->busy_since_usec;
        pthread_mutex_unlock(&w->shared->lock);
        return since_usec;
}

static struct timespec deadline_after(uint64_t usec)
{
        struct timespec t;

        usec = MIN(usec, USEC_PER_DAY);
        clock_gettime(CLOCK_MONOTONIC, &t);
        uint64_t nsec = (uint64_t) t.tv_nsec + usec % USEC_PER_SEC * 1000;
        t.tv_sec += (time_t) (usec / USEC_PER_SEC + nsec / 1000000000);
        t.tv_nsec = (long) (nsec % 1000000000);
        return t;
}

/* True: the thread has left, by itself. False: patience is over, and what is shared is the thread's from here on. What
 * ended and what was never begun are handed over in both cases. */
static bool wait_for_end(Shared *s, uint64_t patience_usec, JobList *ret_ended, JobList *ret_unbegun)
{
        struct timespec deadline = deadline_after(patience_usec);

        pthread_mutex_lock(&s->lock);
        s->closing = true;
        pthread_cond_signal(&s->wake);
        while (!s->left && pthread_cond_timedwait(&s->over, &s->lock, &deadline) != ETIMEDOUT)
                ;
        bool left = s->left;
        if (!left)
                s->abandoned = true;
        STAILQ_CONCAT(ret_ended, &s->ended);
        STAILQ_CONCAT(ret_unbegun, &s->queue);
        pthread_mutex_unlock(&s->lock);
        return left;
}

Worker *worker_free(Worker *w, uint64_t patience_usec)
{
        JobList ended = STAILQ_HEAD_INITIALIZER(ended), unbegun = STAILQ_HEAD_INITIALIZER(unbegun);
        Job *j;

        if (!w)
                return NULL;
        assert(!w->closing);
        w->closing = true;
        w->source = loop_source_free(w->source);
        w->freed = true;
        if (wait_for_end(w->shared, patience_usec, &ended, &unbegun)) {
                pthread_join(w->thread, NULL);
                shared_destroy(w->shared);
        } else
                pthread_detach(w->thread);

        while ((j = STAILQ_FIRST(&ended))) {
                STAILQ_REMOVE_HEAD(&ended, entry);
                report(w, j, j->r);
        }
        while ((j = STAILQ_FIRST(&unbegun))) {
                STAILQ_REMOVE_HEAD(&unbegun, entry);
                report(w, j, -ECANCELED);
        }
        if (!w->reporting)
                free(w);
        return NULL;
}
