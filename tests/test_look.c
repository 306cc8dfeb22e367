/* SPDX-License-Identifier: MIT */
/* Looking at what may hang: each job has its answer or its deadline, in order, and what hangs is left behind. */
#include "base/look.h"

#include "base/clock.h"
#include "tests/test.h"

#include <signal.h>
#include <unistd.h>

typedef struct Job {
        enum { ANSWERS, FAILS, HANGS, DIES } kind;
        unsigned number;
} Job;

typedef struct Told {
        Job *jobs[64];
        LookResult results[64];
        size_t n;
} Told;

static int run(void *data, LookResult *ret)
{
        const Job *job = data;

        if (job->kind == HANGS)
                for (;;)
                        pause();
        if (job->kind == DIES)
                _exit(3);
        ret->values[0] = job->number;
        ret->values[1] = (uint64_t) getpid();
        snprintf(ret->text, sizeof(ret->text), "job %u", job->number);
        return job->kind == FAILS ? -ENOENT : 0;
}

static void told(void *data, const LookResult *result, void *userdata)
{
        Told *t = userdata;

        CHECK(t->n < ELEMENTSOF(t->jobs));
        t->jobs[t->n] = data;
        t->results[t->n++] = *result;
}

static Told look_at(Job *jobs, size_t n)
{
        LookJob looks[64];
        Told t = {.n = 0};

        for (size_t i = 0; i < n; i++) {
                jobs[i].number = (unsigned) i;
                looks[i] = (LookJob){.run = run, .told = told, .job = &jobs[i], .as_daemon = i % 2};
        }
        CHECK_INT(look(looks, n, "failoverd", &t), 0);
        CHECK_INT(t.n, n);
        for (size_t i = 0; i < n; i++)
                CHECK(t.jobs[i] == &jobs[i]);
        return t;
}

TEST(each_job_has_its_own_answer_in_the_order_of_the_jobs)
{
        Job jobs[6] = {{ANSWERS}, {FAILS}, {ANSWERS}, {ANSWERS}, {FAILS}, {ANSWERS}};
        Told t = look_at(jobs, 6);

        for (size_t i = 0; i < 6; i++) {
                CHECK_INT(t.results[i].error, jobs[i].kind == FAILS ? -ENOENT : 0);
                CHECK_INT(t.results[i].values[0], i);
                CHECK(!t.results[i].hung);
                CHECK(t.results[i].values[1] != (uint64_t) getpid());
                CHECK(strncmp(t.results[i].text, "job ", 4) == 0);
        }
}

TEST(one_that_hangs_costs_its_deadline_and_no_other_its_answer)
{
        Job jobs[5] = {{ANSWERS}, {ANSWERS}, {HANGS}, {ANSWERS}, {ANSWERS}};
        uint64_t began = clock_boot_usec();
        Told t = look_at(jobs, 5);

        CHECK(clock_boot_usec() - began >= LOOK_USEC);
        CHECK(clock_boot_usec() - began < LOOK_ALL_USEC);
        CHECK(t.results[2].hung && t.results[2].error == -ETIMEDOUT);
        for (size_t i = 0; i < 5; i++)
                CHECK_INT(t.results[i].error, i == 2 ? -ETIMEDOUT : 0);
}

TEST(one_that_ends_the_process_is_told_and_the_rest_goes_on)
{
        Job jobs[5] = {{ANSWERS}, {ANSWERS}, {DIES}, {ANSWERS}, {ANSWERS}};
        Told t = look_at(jobs, 5);

        for (size_t i = 0; i < 5; i++)
                CHECK_INT(t.results[i].error, i == 2 ? -EIO : 0);
        CHECK(!t.results[2].hung);
}

TEST(all_together_have_a_deadline_too)
{
        Job jobs[20];
        uint64_t began = clock_boot_usec();
        size_t canceled = 0;
        Told t;

        for (size_t i = 0; i < 20; i++)
                jobs[i] = (Job){HANGS};
        t = look_at(jobs, 20);
        CHECK(clock_boot_usec() - began < LOOK_ALL_USEC + 3 * USEC_PER_SEC);
        for (size_t i = 0; i < 20; i++)
                canceled += t.results[i].error == -ECANCELED;
        CHECK(canceled >= 10 && canceled < 20);
}

TEST(nothing_to_look_at_is_nothing_to_tell)
{
        CHECK_INT(look(NULL, 0, "failoverd", NULL), 0);
}

MAIN()
