/* SPDX-License-Identifier: MIT */
/* The worker: order, exactly one report a job, and an end that no stuck job can hold up. */
#include "tests/test.h"

#include "base/clock.h"
#include "base/worker.h"

#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <unistd.h>

MAIN()

typedef struct Fixture {
        sd_event *event;
        Worker *worker;
        int order[2048];
        int results[2048];
        size_t reported;
} Fixture;

typedef struct Job {
        Fixture *f;
        int number;
        sem_t *gate; /* waits here in the thread */
        bool free_worker;
        pthread_t thread;
        sigset_t blocked;
} Job;

static int job_run(void *userdata)
{
        Job *j = userdata;
        j->thread = pthread_self();
        pthread_sigmask(SIG_SETMASK, NULL, &j->blocked);
        if (j->gate)
                while (sem_wait(j->gate) < 0)
                        ;
        return j->number;
}

static void job_done(int r, void *userdata)
{
        Job *j = userdata;
        Fixture *f = j->f;
        f->order[f->reported] = j->number;
        f->results[f->reported] = r;
        f->reported++;
        if (j->free_worker)
                f->worker = worker_free(f->worker, USEC_PER_SEC);
}

static void setup(Fixture *f)
{
        memset(f, 0, sizeof(*f));
        CHECK_INT(sd_event_new(&f->event), 0);
        CHECK_INT(worker_new(f->event, "a-name-longer-than-the-kernel-takes", &f->worker), 0);
}

static void teardown(Fixture *f)
{
        f->worker = worker_free(f->worker, 10 * USEC_PER_SEC);
        sd_event_unref(f->event);
}

static void run_until(Fixture *f, size_t reported)
{
        uint64_t deadline = clock_boot_usec() + 20 * USEC_PER_SEC;
        while (f->reported < reported) {
                CHECK(clock_boot_usec() < deadline);
                CHECK(sd_event_run(f->event, 100 * USEC_PER_MSEC) >= 0);
        }
}

static void wait_until_busy(Worker *w)
{
        uint64_t deadline = clock_boot_usec() + 20 * USEC_PER_SEC;
        while (worker_busy_since(w) == 0) {
                CHECK(clock_boot_usec() < deadline);
                usleep(500);
        }
}

static int count_threads(void)
{
        int n = 0;
        DIR *d = opendir("/proc/self/task");
        CHECK(d);
        for (struct dirent *e; (e = readdir(d));)
                n += e->d_name[0] != '.';
        closedir(d);
        return n;
}

static void wait_until_threads_are_gone(int but)
{
        uint64_t deadline = clock_boot_usec() + 20 * USEC_PER_SEC;
        while (count_threads() > but) {
                CHECK(clock_boot_usec() < deadline);
                usleep(500);
        }
}

TEST(runs_and_reports_in_order_each_job_once)
{
        enum { N = 2000 };
        static Job jobs[N];
        Fixture f;

        setup(&f);
        for (int i = 0; i < N; i++) {
                jobs[i] = (Job){.f = &f, .number = i};
                CHECK_INT(worker_submit(f.worker, job_run, job_done, &jobs[i]), 0);
        }
        CHECK_INT(worker_pending(f.worker), N);
        run_until(&f, N);
        for (int i = 0; i < N; i++) {
                CHECK_INT(f.order[i], i);
                CHECK_INT(f.results[i], i);
        }
        CHECK_INT(worker_pending(f.worker), 0);
        CHECK_INT(worker_busy_since(f.worker), 0);
        teardown(&f);
        CHECK_INT(f.reported, N);
}

TEST(jobs_run_beside_the_loop_with_all_signals_blocked)
{
        Fixture f;
        setup(&f);
        Job j = {.f = &f, .number = 7};
        CHECK_INT(worker_submit(f.worker, job_run, job_done, &j), 0);
        run_until(&f, 1);
        CHECK(!pthread_equal(j.thread, pthread_self()));
        CHECK(sigismember(&j.blocked, SIGTERM) == 1);
        CHECK(sigismember(&j.blocked, SIGHUP) == 1);
        CHECK(sigismember(&j.blocked, SIGCHLD) == 1);
        sigset_t mine;
        pthread_sigmask(SIG_SETMASK, NULL, &mine);
        CHECK(sigismember(&mine, SIGTERM) == 0);
        teardown(&f);
}

TEST(tells_since_when_the_running_job_has_been_busy)
{
        Fixture f;
        sem_t gate;
        sem_init(&gate, 0, 0);
        setup(&f);
        CHECK_INT(worker_busy_since(f.worker), 0);
        uint64_t before = clock_boot_usec();
        Job j = {.f = &f, .gate = &gate};
        CHECK_INT(worker_submit(f.worker, job_run, job_done, &j), 0);
        wait_until_busy(f.worker);
        CHECK(worker_busy_since(f.worker) >= before);
        CHECK(worker_busy_since(f.worker) <= clock_boot_usec());
        sem_post(&gate);
        run_until(&f, 1);
        CHECK_INT(worker_busy_since(f.worker), 0);
        teardown(&f);
        sem_destroy(&gate);
}

TEST(free_drains_the_queue_and_reports_everything)
{
        static Job jobs[500];
        Fixture f;
        setup(&f);
        for (int i = 0; i < 500; i++) {
                jobs[i] = (Job){.f = &f, .number = i};
                CHECK_INT(worker_submit(f.worker, job_run, job_done, &jobs[i]), 0);
        }
        teardown(&f);
        CHECK_INT(f.reported, 500);
        for (int i = 0; i < 500; i++)
                CHECK_INT(f.results[i], i);
}

TEST(a_stuck_job_holds_up_free_no_longer_than_patience)
{
        static Job stuck, ended, unbegun[3];
        static sem_t gate;
        Fixture f;

        sem_init(&gate, 0, 0);
        int threads = count_threads();
        setup(&f);
        ended = (Job){.f = &f, .number = 1};
        stuck = (Job){.f = &f, .number = 2, .gate = &gate};
        CHECK_INT(worker_submit(f.worker, job_run, job_done, &ended), 0);
        CHECK_INT(worker_submit(f.worker, job_run, job_done, &stuck), 0);
        for (int i = 0; i < 3; i++) {
                unbegun[i] = (Job){.f = &f, .number = 3 + i};
                CHECK_INT(worker_submit(f.worker, job_run, job_done, &unbegun[i]), 0);
        }
        uint64_t before = clock_boot_usec();
        f.worker = worker_free(f.worker, 200 * USEC_PER_MSEC);
        uint64_t took = clock_boot_usec() - before;
        CHECK(took >= 190 * USEC_PER_MSEC);
        CHECK(took < 10 * USEC_PER_SEC);

        /* What ended is reported, what never began is given back, the stuck one is left alone. */
        CHECK_INT(f.reported, 4);
        CHECK_INT(f.order[0], 1);
        CHECK_INT(f.results[0], 1);
        for (int i = 0; i < 3; i++) {
                CHECK_INT(f.order[1 + i], 3 + i);
                CHECK_INT(f.results[1 + i], -ECANCELED);
        }
        /* Once it comes back it goes away without touching anything (ASan watches). */
        sem_post(&gate);
        wait_until_threads_are_gone(threads);
        CHECK_INT(f.reported, 4);
        sd_event_unref(f.event);
}

static int resubmitted;

static void done_submitting_again(int r, void *userdata)
{
        Job *j = userdata;
        resubmitted = worker_submit(j->f->worker, job_run, done_submitting_again, j);
}

TEST(takes_no_more_while_it_is_being_freed)
{
        Fixture f;
        setup(&f);
        Job j = {.f = &f};
        CHECK_INT(worker_submit(f.worker, job_run, done_submitting_again, &j), 0);
        teardown(&f);
        CHECK_INT(resubmitted, -ESHUTDOWN);
}

TEST(may_be_freed_from_a_report)
{
        static Job jobs[10];
        Fixture f;
        setup(&f);
        for (int i = 0; i < 10; i++) {
                jobs[i] = (Job){.f = &f, .number = i, .free_worker = i == 4};
                CHECK_INT(worker_submit(f.worker, job_run, job_done, &jobs[i]), 0);
        }
        run_until(&f, 10);
        CHECK(!f.worker);
        for (int i = 0; i < 10; i++)
                CHECK_INT(f.order[i], i);
        teardown(&f);
}

TEST(freeing_nothing_is_fine)
{
        CHECK(!worker_free(NULL, 0));
}
