/* SPDX-License-Identifier: MIT */
/* /status/: who asks waits for the thread that reads, two seconds at most; what was read is good for a quarter of one, so that a
 * crowd costs one read, and for a minute while the disk hangs. */
#include "federation/status_files.h"

#include "base/clock.h"
#include "base/text.h"
#include "base/worker.h"
#include "federation/status_read.h"

#include <sys/queue.h>

#define PATIENCE_USEC (2 * USEC_PER_SEC)
#define FRESH_USEC    (250 * USEC_PER_MSEC) /* a change of mode is on the page within two seconds */
#define KEPT_USEC     (60 * USEC_PER_SEC)
#define KEPT_BYTES    (4 * 1024 * 1024) /* all together */
#define KEPT_FILES    32
#define READINGS_MAX  32 /* under way, of different files */

typedef struct Kept {
        TAILQ_ENTRY(Kept) entry;
        char *path;
        StatusFile file;
        uint64_t read_usec;
} Kept;

typedef struct Waiter {
        STAILQ_ENTRY(Waiter) entry;
        HttpRequest *request;
} Waiter;

typedef struct Reading {
        TAILQ_ENTRY(Reading) entry;
        StatusFiles *files;
        char *directory, *path;
        uint64_t until_usec; /* who waits does so until then; who comes later does not wait */
        STAILQ_HEAD(, Waiter) waiters;
        bool outdated; /* the directory is another one by now */
        StatusFile file;
} Reading;

struct StatusFiles {
        sd_event *event;
        Worker *worker;
        char *directory;
        sd_event_source *timer;
        TAILQ_HEAD(, Reading) readings;
        size_t n_readings;
        TAILQ_HEAD(, Kept) kept; /* the one read last is the last */
        size_t n_kept, kept_bytes;
};

/* What is kept */

static void kept_drop(StatusFiles *s, Kept *k)
{
        TAILQ_REMOVE(&s->kept, k, entry);
        s->n_kept--;
        s->kept_bytes -= k->file.size;
        status_file_clear(&k->file);
        free(k->path);
        free(k);
}

static Kept *kept_find(StatusFiles *s, const char *path)
{
        Kept *k;

        TAILQ_FOREACH(k, &s->kept, entry)
        {
                if (streq(k->path, path))
                        return k;
        }
        return NULL;
}

/* Takes the file over when it is kept. */
static void keep(StatusFiles *s, const char *path, StatusFile *file)
{
        Kept *old = kept_find(s, path);

        if (old)
                kept_drop(s, old);
        if (file->error < 0 || file->size > KEPT_BYTES / 2)
                return;
        Kept *k = calloc(1, sizeof(*k));
        if (!k || !(k->path = strdup(path))) {
                free(k);
                return;
        }
        k->file = *file;
        *file = (StatusFile){0};
        k->read_usec = clock_boot_usec();
        TAILQ_INSERT_TAIL(&s->kept, k, entry);
        s->n_kept++;
        s->kept_bytes += k->file.size;
        while (s->n_kept > KEPT_FILES || s->kept_bytes > KEPT_BYTES)
                kept_drop(s, TAILQ_FIRST(&s->kept));
}

/* Answers */

static bool unmodified(HttpRequest *r, uint64_t modified_sec)
{
        const char *since = http_header(r, "If-Modified-Since");
        uint64_t sec;

        return since && !http_header(r, "If-None-Match") && http_date_parse(since, &sec) == 0 &&
               modified_sec <= sec;
}

static void reply_file(HttpRequest *r, const char *path, const StatusFile *f)
{
        char date[HTTP_DATE_SIZE];

        http_add_header(r, "Cache-Control", "no-cache");
        http_add_header(r, "Content-Security-Policy", f->policy);
        http_add_header(r, "X-Content-Type-Options", "nosniff");
        http_add_header(r, "Last-Modified", http_date_format(date, f->modified_sec));
        if (unmodified(r, f->modified_sec)) {
                char etag[HTTP_ETAG_SIZE + 2];
                snprintf(etag, sizeof(etag), "\"%s\"", f->etag);
                http_add_header(r, "ETag", etag);
                http_reply(r, 304, NULL, f->data, f->size);
        } else
                http_reply_cached(r, status_content_type(path), f->data, f->size, f->etag);
}

static void reply_busy(HttpRequest *r, const char *reason)
{
        http_add_header(r, "Retry-After", "2");
        http_reply_error(r, 503, "the status page cannot be read: %s", reason);
}

static void reply_error(HttpRequest *r, const char *path, int error)
{
        char shown[STATUS_PATH_MAX + 1];

        if (error != -ENOENT)
                reply_busy(r, error_words(-error));
        else if (streq(path, "index.html"))
                http_reply_error(r, 404,
                                 "there is no status page: failoverd writes it, with an action of type "
                                 "status-page");
        else
                http_reply_error(r, 404, "no such page: %s", plain_copy(shown, sizeof(shown), path));
}

/* While its disk hangs. */
static void reply_late(StatusFiles *s, HttpRequest *r, const char *path)
{
        const Kept *k = kept_find(s, path);

        if (k && clock_boot_usec() - k->read_usec < KEPT_USEC)
                reply_file(r, path, &k->file);
        else
                reply_busy(r, "its disk does not answer");
}

/* Readings */

static Reading *reading_free(Reading *g)
{
        if (!g)
                return NULL;
        status_file_clear(&g->file);
        free(g->directory);
        free(g->path);
        free(g);
        return NULL;
}

static HttpRequest *waiter_take(Reading *g)
{
        Waiter *w = STAILQ_FIRST(&g->waiters);
        HttpRequest *r = w ? w->request : NULL;

        if (w) {
                STAILQ_REMOVE_HEAD(&g->waiters, entry);
                free(w);
        }
        return r;
}

static int waiter_add(Reading *g, HttpRequest *r)
{
        Waiter *w = calloc(1, sizeof(*w));

        if (!w)
                return -ENOMEM;
        w->request = r;
        STAILQ_INSERT_TAIL(&g->waiters, w, entry);
        return 0;
}

static int run(void *job)
{
        Reading *g = job;

        status_file_read(g->directory, g->path, &g->file);
        return 0;
}

static void on_read(int r, void *job)
{
        Reading *g = job;
        StatusFiles *s = g->files;
        HttpRequest *request;

        TAILQ_REMOVE(&s->readings, g, entry);
        s->n_readings--;
        while ((request = waiter_take(g)))
                if (r < 0)
                        reply_busy(request, "this server is stopping");
                else if (g->file.error < 0)
                        reply_error(request, g->path, g->file.error);
                else
                        reply_file(request, g->path, &g->file);
        if (r >= 0 && !g->outdated)
                keep(s, g->path, &g->file);
        reading_free(g);
}

static void timer_arm(StatusFiles *s)
{
        uint64_t next = USEC_NEVER;
        const Reading *g;

        TAILQ_FOREACH(g, &s->readings, entry)
        {
                if (!STAILQ_EMPTY(&g->waiters) || g->until_usec > clock_boot_usec())
                        next = MIN(next, g->until_usec);
        }
        loop_timer_set(s->timer, next);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        StatusFiles *s = userdata;
        uint64_t now = clock_boot_usec();
        HttpRequest *request;
        Reading *g;

        TAILQ_FOREACH(g, &s->readings, entry)
        {
                while (g->until_usec <= now && (request = waiter_take(g)))
                        reply_late(s, request, g->path);
        }
        timer_arm(s);
        return 0;
}

static int reading_start(StatusFiles *s, const char *path, Reading **ret)
{
        Reading *g = calloc(1, sizeof(*g));

        if (!g)
                return -ENOMEM;
        g->files = s;
        STAILQ_INIT(&g->waiters);
        g->directory = strdup(s->directory);
        g->path = strdup(path);
        g->until_usec = clock_boot_usec() + PATIENCE_USEC;
        int r = g->directory && g->path ? worker_submit(s->worker, run, on_read, g) : -ENOMEM;
        if (r < 0) {
                reading_free(g);
                return r;
        }
        TAILQ_INSERT_TAIL(&s->readings, g, entry);
        s->n_readings++;
        timer_arm(s);
        *ret = g;
        return 0;
}

static Reading *reading_find(StatusFiles *s, const char *path)
{
        Reading *g;

        TAILQ_FOREACH(g, &s->readings, entry)
        {
                if (streq(g->path, path) && !g->outdated)
                        return g;
        }
        return NULL;
}

static void read_for(StatusFiles *s, HttpRequest *r, const char *path)
{
        Reading *g = reading_find(s, path);
        uint64_t busy_since = worker_busy_since(s->worker), now = clock_boot_usec();
        int error = 0;

        if ((busy_since > 0 && now - busy_since > PATIENCE_USEC) || (g && now >= g->until_usec)) {
                reply_late(s, r, path); /* it hangs: nobody waits in vain */
                return;
        }
        if (!g)
                error = s->n_readings < READINGS_MAX ? reading_start(s, path, &g) : -EBUSY;
        if (error == 0)
                error = waiter_add(g, r);
        if (error == -EBUSY)
                reply_busy(r, "too many wait for it");
        else if (error < 0)
                reply_busy(r, error_words(-error));
}

void status_files_serve(StatusFiles *s, HttpRequest *r, const char *path)
{
        assert(s && r && path);

        if (!*path)
                path = "index.html";
        if (!status_path_valid(path) || !status_content_type(path)) {
                reply_error(r, path, -ENOENT);
                return;
        }
        const Kept *k = kept_find(s, path);
        if (k && clock_boot_usec() - k->read_usec < FRESH_USEC)
                reply_file(r, path, &k->file);
        else
                read_for(s, r, path);
}

/* Life */

/* A thread that hangs in the old folder is left behind, with what it reads; the new folder gets one of its own. */
static int worker_renew(StatusFiles *s)
{
        uint64_t busy_since = s->worker ? worker_busy_since(s->worker) : 0;
        Worker *worker;

        if (s->worker && (busy_since == 0 || clock_boot_usec() - busy_since <= PATIENCE_USEC))
                return 0;
        int r = worker_new(s->event, "status-files", &worker);
        if (r < 0)
                return r;
        worker_free(s->worker, 0);
        s->worker = worker;
        while (!TAILQ_EMPTY(&s->readings)) {
                Reading *g = TAILQ_FIRST(&s->readings);
                HttpRequest *request;
                while ((request = waiter_take(g)))
                        reply_busy(request, "its disk does not answer");
                TAILQ_REMOVE(&s->readings, g, entry);
                s->n_readings--;
        }
        return 0;
}

int status_files_configure(StatusFiles *s, const char *directory)
{
        Reading *g;

        if (s->directory && streq(s->directory, directory))
                return 0;
        char *copy = strdup(directory);
        int r = copy ? worker_renew(s) : -ENOMEM;
        if (r < 0) {
                free(copy);
                return r;
        }
        TAILQ_FOREACH(g, &s->readings, entry)
        {
                g->outdated = true;
        }
        while (!TAILQ_EMPTY(&s->kept))
                kept_drop(s, TAILQ_FIRST(&s->kept));
        free(s->directory);
        s->directory = copy;
        return 0;
}

int status_files_new(sd_event *event, const char *directory, StatusFiles **ret)
{
        assert(event && directory && ret);

        StatusFiles *s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        TAILQ_INIT(&s->readings);
        TAILQ_INIT(&s->kept);
        s->event = sd_event_ref(event);
        int r = loop_timer_new(event, "status-files", on_timer, s, &s->timer);
        if (r == 0)
                r = status_files_configure(s, directory);
        if (r < 0) {
                status_files_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

StatusFiles *status_files_free(StatusFiles *s)
{
        Reading *g;
        HttpRequest *request;

        if (!s)
                return NULL;
        TAILQ_FOREACH(g, &s->readings, entry)
        {
                while ((request = waiter_take(g)))
                        reply_busy(request, "this server is stopping");
        }
        worker_free(s->worker, 0);
        loop_source_free(s->timer);
        while (!TAILQ_EMPTY(&s->kept))
                kept_drop(s, TAILQ_FIRST(&s->kept));
        free(s->directory);
        sd_event_unref(s->event);
        free(s);
        return NULL;
}
