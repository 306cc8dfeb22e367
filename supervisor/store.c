/* SPDX-License-Identifier: MIT */
/* The loop's side of the store: what goes to the database's thread and when, and what that means for durability. */
#include "supervisor/store.h"

#include "base/clock.h"
#include "base/log.h"
#include "supervisor/store_close.h"
#include "supervisor/store_db.h"
#include "supervisor/store_queue.h"

#ifndef FAILOVERD_BUG_WAITS_FOR_DISK /* tests/faults/frozen.sh must notice when it does */
#define ANSWER_USEC (2 * USEC_PER_SEC)
#else
#define ANSWER_USEC USEC_PER_HOUR
#endif
#define RETRY_MIN_USEC (1 * USEC_PER_SEC)
#define RETRY_MAX_USEC (10 * USEC_PER_SEC)
/* For a batch that somebody waits for, a disk that failed is asked again at once, but not more often than this. */
#define RETRY_URGENT_USEC (100 * USEC_PER_MSEC)
#define READS_MAX         64
#define SILENCE           "the disk has not answered for 2 s"

typedef enum StorePhase {
        STORE_OPENING,
        STORE_OPEN,
        STORE_BROKEN, /* corrupt, or newer than we are: hands off */
} StorePhase;

typedef enum ReadKind {
        READ_HISTORY,
        READ_CHANGE,
        READ_HOURS,
} ReadKind;

typedef struct StoreJob StoreJob;

/* In the worker's hands; or a read that is refused, and waits to be told. */
struct StoreJob {
        LIST_ENTRY(StoreJob) entry;
        Store *store; /* NULL: freed meanwhile */
        StoreDb *db;
        int (*run)(StoreJob *job);           /* in the thread */
        void (*ended)(StoreJob *job, int r); /* on the loop */
        Error text;
        StoreLoaded loaded;
        StoreBatch *batch;
        bool upkeep; /* is wanted next */
        bool blank;  /* nothing was stored when it was to be opened */

        ReadKind kind;
        unsigned limit;
        char *id;
        uint64_t since_usec, deadline_usec;
        StoreAnswer answer; /* NULL: none is wanted any more */
        void *userdata;
        bool refused;
        json_t *result;
};

struct Store {
        Worker *worker;
        StoreEvents events;
        StoreDb *db; /* the thread's */
        StoreClosing *closing;
        sd_event_source *timer;
        LIST_HEAD(, StoreJob) jobs;
        StorePhase phase;
        bool working; /* one of our jobs but a read is in the thread */
        StoreQueue queue;
        StoreBatch *writing;
        uint64_t open_deadline_usec; /* USEC_NEVER: passed or over */
        uint64_t attempt_usec, retry_usec, backoff_usec;
        unsigned n_reads;
        bool durable;
        bool blank;
        bool silent; /* the job in the thread has taken 2 s: nothing more is expected of it */
        int broken;
        Error trouble;
};

static void store_start(Store *s);
static void store_arm(Store *s);

static StoreJob *job_free(StoreJob *job)
{
        if (!job)
                return NULL;
        store_loaded_clear(&job->loaded);
        json_decref(job->result);
        free(job->id);
        free(job);
        return NULL;
}

static int job_run(void *userdata)
{
        StoreJob *job = userdata;
        return job->run(job);
}

static void job_done(int r, void *userdata)
{
        StoreJob *job = userdata;
        Store *s = job->store;

        if (s) {
                LIST_REMOVE(job, entry);
                s->silent = false;
                job->ended(job, r);
                store_arm(s);
        }
        job_free(job);
}

static int job_submit(Store *s, int (*run)(StoreJob *), void (*ended)(StoreJob *, int), StoreJob *job)
{
        job->store = s;
        job->db = s->db;
        job->run = run;
        job->ended = ended;
        int r = worker_submit(s->worker, job_run, job_done, job);
        if (r == 0)
                LIST_INSERT_HEAD(&s->jobs, job, entry);
        return r;
}

/* Durability */

static void trouble_begin(Store *s, const char *why)
{
        snprintf(s->trouble.text, sizeof(s->trouble.text), "%s", why);
        if (!s->durable)
                return;
        s->durable = false;
        if (s->events.durability)
                s->events.durability(false, s->trouble.text, s->events.userdata);
}

static void trouble_end(Store *s)
{
        if (s->durable)
                return;
        s->durable = true;
        s->trouble.text[0] = '\0';
        if (s->events.durability)
                s->events.durability(true, "", s->events.userdata);
}

bool store_is_durable(const Store *s)
{
        return s->durable;
}

const char *store_trouble(const Store *s)
{
        return s->trouble.text;
}

bool store_is_blank(const Store *s)
{
        return s->phase != STORE_OPEN && s->blank;
}

static void batch_report(StoreBatch *b, int r)
{
        StoreDone done = TAKE_PTR(b->done);

        if (done)
                done(r, b->userdata);
}

/* Any of these callbacks may submit more, and thereby drop routine batches: the search begins anew after each. */
static void report_waiting(Store *s, int r)
{
        StoreBatch *b;

        do {
                TAILQ_FOREACH(b, &s->queue.batches, entry)
                if (b->done)
                        break;
                if (b)
                        batch_report(b, r);
        } while (b);
}

static void retry_later(Store *s)
{
        s->backoff_usec = s->backoff_usec == 0 ? RETRY_MIN_USEC : MIN(2 * s->backoff_usec, RETRY_MAX_USEC);
        s->retry_usec = clock_boot_usec() + s->backoff_usec;
}

static void attempt_failed(Store *s, int r, const char *why)
{
        retry_later(s);
        trouble_begin(s, why);
        report_waiting(s, r);
}

/* Opening */

static int run_open(StoreJob *job)
{
        job->blank = store_db_is_blank(job->db);
        int r = store_db_open(job->db, &job->text);
        return r < 0 ? r : store_db_load(job->db, &job->loaded, &job->text);
}

static void drop_waiting(Store *s)
{
        StoreBatch *b;

        while ((b = store_queue_take(&s->queue))) {
                batch_report(b, s->broken);
                store_batch_free(b);
        }
}

static void open_succeeded(Store *s, StoreJob *job)
{
        s->phase = STORE_OPEN;
        s->backoff_usec = 0;
        s->events.loaded(&job->loaded, s->events.userdata);
        if (!s->working && store_queue_is_empty(&s->queue))
                trouble_end(s);
        store_start(s);
}

static void open_ended(StoreJob *job, int r)
{
        Store *s = job->store;

        s->working = false;
        s->open_deadline_usec = USEC_NEVER;
        s->blank = s->blank || job->blank;
        if (r == 0) {
                open_succeeded(s, job);
        } else if (r == -EUCLEAN || r == -EPROTONOSUPPORT) {
                s->phase = STORE_BROKEN;
                s->broken = r;
                store_loaded_clear(&job->loaded);
                job->loaded.error = r;
                job->loaded.text = job->text;
                s->events.loaded(&job->loaded, s->events.userdata);
                trouble_begin(s, job->text.text);
                drop_waiting(s);
        } else
                attempt_failed(s, r, job->text.text);
}

static int start_open(Store *s)
{
        StoreJob *job = calloc(1, sizeof(*job));
        if (!job)
                return -ENOMEM;
        int r = job_submit(s, run_open, open_ended, job);
        if (r < 0)
                job_free(job);
        return r;
}

/* Writing */

static int run_write(StoreJob *job)
{
        int r = store_db_write(job->db, job->batch, &job->text);
        job->batch->saved = r == 0;
        job->upkeep = r == 0 && store_db_wants_upkeep(job->db);
        return r;
}

static int run_upkeep(StoreJob *job)
{
        store_db_upkeep(job->db);
        return 0;
}

static void upkeep_ended(StoreJob *job, int r)
{
        Store *s = job->store;

        s->working = false;
        store_start(s);
}

static void start_upkeep(Store *s)
{
        StoreJob *job = calloc(1, sizeof(*job));

        if (job && job_submit(s, run_upkeep, upkeep_ended, job) == 0)
                s->working = true;
        else
                job_free(job);
}

static void write_ended(StoreJob *job, int r)
{
        Store *s = job->store;
        StoreBatch *b = TAKE_PTR(s->writing);

        s->working = false;
        if (r < 0) {
                char text[sizeof(job->text.text) + 32];
                snprintf(text, sizeof(text), "cannot be saved: %s", job->text.text);
                store_queue_return(&s->queue, b);
                attempt_failed(s, r, text);
                return;
        }
        s->backoff_usec = 0;
        batch_report(b, 0);
        store_batch_free(b);
        store_start(s);
        if (s->working)
                return;
        trouble_end(s);
        if (!s->working && job->upkeep)
                start_upkeep(s);
}

/* On failure it is the oldest one that waits. */
static int start_write(Store *s, StoreBatch *b)
{
        StoreJob *job = calloc(1, sizeof(*job));
        int r = -ENOMEM;

        if (job) {
                job->batch = b;
                r = job_submit(s, run_write, write_ended, job);
        }
        if (r < 0) {
                job_free(job);
                store_queue_return(&s->queue, b);
                return r;
        }
        s->writing = b;
        return 0;
}

/* Gives the thread what comes next, if it is free. Calls nobody back. */
static void store_start(Store *s)
{
        int r;

        if (s->working || s->phase == STORE_BROKEN ||
            (s->phase == STORE_OPEN && store_queue_is_empty(&s->queue)))
                return;
        s->retry_usec = USEC_NEVER;
        s->attempt_usec = clock_boot_usec();
        r = s->phase == STORE_OPENING ? start_open(s) : start_write(s, store_queue_take(&s->queue));
        if (r < 0)
                retry_later(s); /* out of memory; who waits is told after 2 s */
        else
                s->working = true;
}

/* After a failure the disk is asked before its time only for a batch that somebody waits for. */
static void start_early(Store *s)
{
        uint64_t earliest = s->attempt_usec + RETRY_URGENT_USEC;

        if (clock_boot_usec() >= earliest)
                store_start(s);
        else
                s->retry_usec = MIN(s->retry_usec, earliest);
}

int store_submit(Store *s, StoreBatch *b, StoreDone done, void *userdata)
{
        assert(s);
        if (!b || b->failed) {
                store_batch_free(b);
                return -ENOMEM;
        }
        if (b->n_ops == 0 && !done) {
                store_batch_free(b);
                return 0;
        }
        b->done = done;
        b->userdata = userdata;
        b->routine = !b->has_change && !done;
        b->deadline_usec = clock_boot_usec() + (s->silent ? 0 : ANSWER_USEC);
        bool urgent = !b->routine;
        store_queue_append(&s->queue, b);
        if (s->retry_usec == USEC_NEVER)
                store_start(s);
        else if (urgent && !s->working)
                start_early(s);
        store_arm(s);
        return 0;
}

/* Reading */

static int run_read(StoreJob *job)
{
        switch (job->kind) {
        case READ_HISTORY:
                return store_db_read_history(job->db, job->limit, &job->result, &job->text);
        case READ_CHANGE:
                return store_db_read_change(job->db, job->id, &job->result, &job->text);
        case READ_HOURS:
                return store_db_read_hours(job->db, job->since_usec, &job->result, &job->text);
        }
        return -EINVAL;
}

static void read_answer(StoreJob *job, int r)
{
        StoreAnswer answer = TAKE_PTR(job->answer);

        if (!answer)
                return;
        job->store->n_reads--;
        answer(r, r < 0 ? NULL : job->result, job->userdata);
}

static void read_ended(StoreJob *job, int r)
{
        read_answer(job, r < 0 && job->store->phase == STORE_BROKEN ? job->store->broken : r);
}

static bool thread_is_stuck(const Store *s)
{
        uint64_t since = worker_busy_since(s->worker);
        return s->silent || (since > 0 && clock_boot_usec() >= since + ANSWER_USEC);
}

/* Consumes job. A disk that hangs is not asked more and more. */
static int start_read(Store *s, StoreJob *job, StoreAnswer fn, void *userdata)
{
        int r = 0;

        assert(fn);
        if (!job)
                return -ENOMEM;
        if (s->n_reads >= READS_MAX) {
                job_free(job);
                return -EBUSY;
        }
        job->answer = fn;
        job->userdata = userdata;
        job->refused = thread_is_stuck(s);
        job->deadline_usec = clock_boot_usec() + (job->refused ? 0 : ANSWER_USEC);
        if (job->refused) {
                job->store = s;
                LIST_INSERT_HEAD(&s->jobs, job, entry);
        } else
                r = job_submit(s, run_read, read_ended, job);
        if (r < 0) {
                job_free(job);
                return r;
        }
        s->n_reads++;
        store_arm(s);
        return 0;
}

static StoreJob *read_new(ReadKind kind)
{
        StoreJob *job = calloc(1, sizeof(*job));
        if (job)
                job->kind = kind;
        return job;
}

int store_read_history(Store *s, unsigned limit, StoreAnswer fn, void *userdata)
{
        StoreJob *job = read_new(READ_HISTORY);
        if (job)
                job->limit = limit;
        return start_read(s, job, fn, userdata);
}

int store_read_change(Store *s, const char *id, StoreAnswer fn, void *userdata)
{
        StoreJob *job = read_new(READ_CHANGE);
        if (job && id && !(job->id = strdup(id)))
                job = job_free(job);
        return start_read(s, job, fn, userdata);
}

int store_read_hours(Store *s, uint64_t since_wall_usec, StoreAnswer fn, void *userdata)
{
        StoreJob *job = read_new(READ_HOURS);
        if (job)
                job->since_usec = since_wall_usec;
        return start_read(s, job, fn, userdata);
}

/* The timer */

/* The oldest that is late and does not know it. When the thread is stuck, all are. */
static StoreBatch *find_late(Store *s, uint64_t now)
{
        StoreBatch *b = s->writing;

        if (!b || b->late)
                TAILQ_FOREACH(b, &s->queue.batches, entry)
        if (!b->late)
                break;
        return b && (s->silent || now >= b->deadline_usec) ? b : NULL;
}

static void note_late(Store *s, uint64_t now)
{
        StoreBatch *b;

        if (now >= s->open_deadline_usec) {
                s->open_deadline_usec = USEC_NEVER;
                s->silent = true;
                trouble_begin(s, SILENCE);
        }
        while ((b = find_late(s, now))) {
                b->late = true;
                s->silent = s->working;
                if (s->silent || s->durable)
                        trouble_begin(s, s->silent ? SILENCE : "cannot be saved: out of memory");
                batch_report(b, -EINPROGRESS);
        }
}

static StoreJob *find_late_read(Store *s, uint64_t now)
{
        StoreJob *job;

        LIST_FOREACH(job, &s->jobs, entry)
        if (job->answer && now >= job->deadline_usec)
                return job;
        return NULL;
}

static void note_late_reads(Store *s, uint64_t now)
{
        StoreJob *job;

        while ((job = find_late_read(s, now))) {
                read_answer(job, -ETIMEDOUT);
                if (job->refused) {
                        LIST_REMOVE(job, entry);
                        job_free(job);
                }
        }
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Store *s = userdata;
        uint64_t now = clock_boot_usec();

        if (s->phase == STORE_BROKEN)
                drop_waiting(s);
        note_late(s, now);
        note_late_reads(s, now);
        if (now >= s->retry_usec) {
                s->retry_usec = USEC_NEVER;
                store_start(s);
        }
        store_arm(s);
        return 0;
}

static void store_arm(Store *s)
{
        uint64_t next = MIN(s->retry_usec, s->open_deadline_usec);
        const StoreBatch *b;
        const StoreJob *job;

        if (s->phase == STORE_BROKEN && !store_queue_is_empty(&s->queue))
                next = 0;
        if (s->writing && !s->writing->late)
                next = MIN(next, s->writing->deadline_usec);
        /* Those that are late are the older ones. */
        TAILQ_FOREACH_REVERSE(b, &s->queue.batches, StoreBatchList, entry)
        {
                if (b->late)
                        break;
                next = MIN(next, b->deadline_usec);
        }
        LIST_FOREACH(job, &s->jobs, entry)
        if (job->answer)
                next = MIN(next, job->deadline_usec);
        (void) loop_timer_set(s->timer, next);
}

int store_new(sd_event *event, Worker *worker, const char *path, const StoreEvents *events, Store **ret)
{
        assert(event && worker && path && events && events->loaded && ret);
        Store *s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        *s = (Store){.worker = worker,
                     .events = *events,
                     .durable = true,
                     .retry_usec = USEC_NEVER,
                     .open_deadline_usec = clock_boot_usec() + ANSWER_USEC};
        LIST_INIT(&s->jobs);
        store_queue_init(&s->queue);
        s->closing = store_closing_new();
        int r = s->closing ? loop_timer_new(event, "store", on_timer, s, &s->timer) : -ENOMEM;
        if (r == 0)
                r = store_db_new(path, &s->db);
        if (r == 0)
                r = start_open(s);
        if (r < 0) {
                loop_source_free(s->timer);
                store_db_free(s->db);
                store_closing_free(s->closing);
                free(s);
                return r;
        }
        s->working = true;
        store_arm(s);
        *ret = s;
        return 0;
}

Store *store_free(Store *s, uint64_t patience_usec)
{
        StoreBatch *b;
        StoreJob *job;

        if (!s)
                return NULL;
        loop_source_free(s->timer);
        while ((job = LIST_FIRST(&s->jobs))) {
                LIST_REMOVE(job, entry);
                job->store = NULL;
                if (job->refused)
                        job_free(job);
        }
        if (s->writing)
                TAILQ_INSERT_HEAD(&s->queue.batches, s->writing, entry);
        TAILQ_FOREACH(b, &s->queue.batches, entry)
        batch_report(b, -ECANCELED); /* what it hangs on is about to go */
        if (!store_close(s->closing, s->worker, s->db, &s->queue, patience_usec))
                log_error("out of memory: the database is left as it is; what was not saved yet is lost");
        free(s);
        return NULL;
}
