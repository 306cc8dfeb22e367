/* SPDX-License-Identifier: MIT */
/* Puts the registry's text together when it must, and no oftener, and hands it to the thread that writes. */
#include "federation/registry_file.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "federation/registry_text.h"

#define GATHER_USEC   (20 * USEC_PER_MSEC)  /* so long changes are waited for … */
#define PACE_USEC     (100 * USEC_PER_MSEC) /* … and so long it is since the one before */
#define EVERY_USEC    USEC_PER_MIN
#define AGAIN_USEC    (5 * USEC_PER_SEC) /* after a failure */
#define KEEP_USEC     USEC_PER_MIN       /* a large text is kept for who asks over HTTP, if somebody does */
#define PATIENCE_USEC (2 * USEC_PER_SEC)

typedef struct Copy { /* shared by the thread, which only reads it, and the loop, which counts */
        unsigned refs;
        char *data;
        size_t size;
} Copy;

struct RegistryFile {
        Federation *f;
        char *path;
        Worker *worker;
        sd_event_source *timer;
        Copy *copy; /* NULL: put together when it is needed */
        char etag[HTTP_ETAG_SIZE];
        uint64_t stamp, made_usec, updated_usec, asked_usec, written_usec, due_usec;
        Error trouble;
        bool writing, failed;
};

typedef struct Job {
        RegistryFile *rf;
        Copy *copy;
} Job;

static Copy *copy_unref(Copy *c)
{
        if (!c || --c->refs > 0)
                return NULL;
        free(c->data);
        free(c);
        return NULL;
}

/* --- the text --- */

static int make(RegistryFile *rf)
{
        uint64_t stamp = registry_stamp(rf->f), now = clock_wall_usec();
        _cleanup_text_ Text t = {0};
        Copy *copy = calloc(1, sizeof(*copy));
        int r;

        if (!copy)
                return -ENOMEM;
        registry_add(&t, rf->f, now);
        copy->size = t.size;
        r = text_take(&t, &copy->data);
        if (r < 0) {
                free(copy);
                return r;
        }
        copy->refs = 1;
        copy_unref(rf->copy);
        rf->copy = copy;
        rf->stamp = stamp;
        rf->updated_usec = now;
        rf->made_usec = clock_boot_usec();
        http_etag_make(rf->etag, copy->data, copy->size);
        return 0;
}

static bool is_fresh(const RegistryFile *rf)
{
        uint64_t age = clock_boot_usec() - rf->made_usec;

        return rf->made_usec > 0 && age < EVERY_USEC &&
               (rf->stamp == registry_stamp(rf->f) || age < PACE_USEC);
}

int registry_file_text(RegistryFile *rf, const char **ret, size_t *ret_size, const char **ret_etag)
{
        int r = !members_ready(rf->f->members) ? -EAGAIN : rf->copy && is_fresh(rf) ? 0 : make(rf);

        if (r < 0)
                return r;
        rf->asked_usec = clock_boot_usec();
        *ret = rf->copy->data;
        *ret_size = rf->copy->size;
        *ret_etag = rf->etag;
        return 0;
}

/* --- the file --- */

static void plan(RegistryFile *rf, uint64_t at_usec)
{
        rf->due_usec = at_usec;
        (void) loop_timer_set(rf->timer, at_usec);
}

static int run_write(void *userdata)
{
        const Job *job = userdata;

        return file_publish(job->rf->path, job->copy->data, job->copy->size, 0644);
}

static void note_result(RegistryFile *rf, int r)
{
        if (r < 0) {
                if (!rf->failed)
                        log_error("%s cannot be written: %s", rf->path, error_words(r));
                error_set(&rf->trouble, r, "%s", error_words(r));
        } else if (rf->failed)
                log_notice("%s is written again", rf->path);
        if (r >= 0) {
                rf->trouble.text[0] = '\0';
                rf->written_usec = clock_wall_usec();
        }
        rf->failed = r < 0;
}

static void on_written(int r, void *userdata)
{
        Job *job = userdata;
        RegistryFile *rf = job->rf;
        uint64_t now = clock_boot_usec();

        rf->writing = false;
        note_result(rf, r);
        copy_unref(job->copy);
        free(job);
        if (rf->asked_usec + KEEP_USEC < now)
                rf->copy = copy_unref(rf->copy);
        if (r < 0)
                plan(rf, now + AGAIN_USEC);
        else if (rf->stamp != registry_stamp(rf->f))
                plan(rf, MAX(now, rf->made_usec + PACE_USEC));
        else
                plan(rf, rf->made_usec + EVERY_USEC);
}

static int write_out(RegistryFile *rf)
{
        Job *job = calloc(1, sizeof(*job));
        int r;

        if (!job)
                return -ENOMEM;
        r = make(rf);
        if (r < 0) {
                free(job);
                return r;
        }
        job->rf = rf;
        job->copy = rf->copy;
        job->copy->refs++;
        r = worker_submit(rf->worker, run_write, on_written, job);
        if (r < 0) {
                copy_unref(job->copy);
                free(job);
                return r;
        }
        rf->writing = true;
        return 0;
}

static int on_due(sd_event_source *s, uint64_t usec, void *userdata)
{
        RegistryFile *rf = userdata;
        int r;

        if (rf->writing) /* its end plans the next */
                return 0;
        if (!members_ready(rf->f->members)) { /* what stands there is better than half of it */
                plan(rf, clock_boot_usec() + (members_settled(rf->f->members) ? USEC_PER_SEC : PACE_USEC));
                return 0;
        }
        r = write_out(rf);
        if (r < 0) {
                note_result(rf, r);
                plan(rf, clock_boot_usec() + AGAIN_USEC);
        }
        return 0;
}

void registry_file_changed(RegistryFile *rf)
{
        uint64_t at = MAX(clock_boot_usec() + GATHER_USEC, rf->made_usec + PACE_USEC);

        if (!rf->writing && !rf->f->stopping && at < rf->due_usec)
                plan(rf, at);
}

/* --- life --- */

int registry_file_new(Federation *f, RegistryFile **ret)
{
        RegistryFile *rf = calloc(1, sizeof(*rf));
        int r;

        if (!rf)
                return -ENOMEM;
        rf->f = f;
        rf->path = string_printf("%s/network-registry.json", f->places.state_dir);
        r = rf->path ? worker_new(f->event, "registry", &rf->worker) : -ENOMEM;
        if (r >= 0)
                r = loop_timer_new(f->event, "registry file", on_due, rf, &rf->timer);
        if (r < 0) {
                registry_file_free(rf);
                return r;
        }
        plan(rf, clock_boot_usec());
        *ret = rf;
        return 0;
}

RegistryFile *registry_file_free(RegistryFile *rf)
{
        if (!rf)
                return NULL;
        worker_free(rf->worker, PATIENCE_USEC); /* one that is stuck in the kernel keeps what it uses */
        loop_source_free(rf->timer);
        copy_unref(rf->copy);
        if (!rf->writing) {
                free(rf->path);
                free(rf);
        }
        return NULL;
}

const char *registry_file_trouble(const RegistryFile *rf)
{
        return rf->trouble.text;
}

uint64_t registry_file_written_usec(const RegistryFile *rf)
{
        return rf->written_usec;
}
