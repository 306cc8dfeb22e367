/* SPDX-License-Identifier: MIT */
/* The last mode on a disk, which may hang: only a thread touches it. */
#include "federation/mode_last.h"

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "base/worker.h"

#include <semaphore.h>
#include <time.h>

#define END_PATIENCE (2 * USEC_PER_SEC)

struct ModeLast {
        Worker *worker;
        char *path;
        ModeRecord kept; /* stands there, or is being written; cleared when that failed */
        bool writing, again, failing;
        ModeRecord next; /* when again */
};

typedef struct ReadJob {
        sem_t over;
        char *path;
        ModeRecord record;
        Error error;
} ReadJob;

typedef struct WriteJob {
        ModeLast *last;
        char *path, *text;
} WriteJob;

static ReadJob *read_job_free(ReadJob *job)
{
        sem_destroy(&job->over);
        mode_record_clear(&job->record);
        free(job->path);
        free(job);
        return NULL;
}

static int read_run(void *job)
{
        ReadJob *j = job;
        int r = mode_record_read(j->path, &j->record, &j->error);

        sem_post(&j->over);
        return r;
}

static void on_read(int r, void *job)
{
        read_job_free(job);
}

static int copy(const ModeRecord *m, ModeRecord *ret)
{
        _cleanup_free_ char *text = NULL;

        int r = mode_record_print(m, &text);
        return r < 0 ? r : mode_record_parse(text, strlen(text), ret, NULL);
}

int mode_last_read(ModeLast *l, ModeRecord *ret, Error *e)
{
        struct timespec until;
        ReadJob *job = calloc(1, sizeof(*job));

        if (!job)
                return error_set(e, -ENOMEM, "out of memory");
        sem_init(&job->over, 0, 0);
        job->path = strdup(l->path);
        int r = job->path ? worker_submit(l->worker, read_run, on_read, job) : -ENOMEM;
        if (r < 0) {
                read_job_free(job);
                return error_set(e, r, "cannot read %s: %s", l->path, error_words(-r));
        }
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += MODE_LAST_PATIENCE_USEC / USEC_PER_SEC;
        while ((r = sem_clockwait(&job->over, CLOCK_MONOTONIC, &until)) < 0 && errno == EINTR)
                ;
        if (r < 0) /* the job is the worker's */
                return error_set(e, -ETIMEDOUT, "%s: its disk does not answer", l->path);
        if (!job->record.mode)
                return error_set(e, -ENOENT, "%s", job->error.text);
        return copy(&job->record, ret);
}

static void keep_now(ModeLast *l);

static int write_run(void *job)
{
        WriteJob *j = job;
        return file_publish(j->path, j->text, strlen(j->text), 0600);
}

static WriteJob *write_job_free(WriteJob *job)
{
        free(job->path);
        free(job->text);
        free(job);
        return NULL;
}

static void on_written(int r, void *job)
{
        WriteJob *j = job;
        ModeLast *l = j->last;

        l->writing = false;
        if (r < 0 && r != -ECANCELED && !l->failing)
                log_warning("cannot write %s: %s; a restart while failoverd is silent will not know the mode",
                            l->path, error_words(-r));
        l->failing = r < 0;
        if (r < 0)
                mode_record_clear(&l->kept);
        write_job_free(j);
        if (l->again && r != -ECANCELED)
                keep_now(l);
}

/* What is next. */
static void keep_now(ModeLast *l)
{
        WriteJob *job = calloc(1, sizeof(*job));
        int r = -ENOMEM;

        l->again = false;
        if (job) {
                job->last = l;
                job->path = strdup(l->path);
                if (job->path && mode_record_print(&l->next, &job->text) == 0)
                        r = worker_submit(l->worker, write_run, on_written, job);
        }
        if (r < 0) {
                if (job)
                        write_job_free(job);
                return;
        }
        l->writing = true;
        mode_record_clear(&l->kept);
        l->kept = l->next;
        l->next = (ModeRecord){0};
}

void mode_last_keep(ModeLast *l, const ModeRecord *m)
{
        ModeRecord next;

        if (l->kept.mode && mode_record_same(&l->kept, m)) {
                l->again = false;
                return;
        }
        if (copy(m, &next) < 0)
                return;
        mode_record_clear(&l->next);
        l->next = next;
        if (l->writing)
                l->again = true;
        else
                keep_now(l);
}

int mode_last_new(sd_event *event, const char *state_dir, ModeLast **ret)
{
        ModeLast *l = calloc(1, sizeof(*l));

        if (!l)
                return -ENOMEM;
        l->path = string_printf("%s/mode-last.json", state_dir);
        int r = l->path ? worker_new(event, "mode-last", &l->worker) : -ENOMEM;
        if (r < 0) {
                mode_last_free(l);
                return r;
        }
        *ret = l;
        return 0;
}

ModeLast *mode_last_free(ModeLast *l)
{
        if (!l)
                return NULL;
        if (l->again)
                keep_now(l); /* behind the one that is being written */
        worker_free(l->worker, END_PATIENCE);
        mode_record_clear(&l->kept);
        mode_record_clear(&l->next);
        free(l->path);
        free(l);
        return NULL;
}
