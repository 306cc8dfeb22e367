/* SPDX-License-Identifier: MIT */
/* The catalog for whoever asks for all of it. */
#include "federation/export.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/worker.h"
#include "federation/export_file.h"
#include "federation/federation.h"
#include "federation/routes.h"

#include <sys/queue.h>
#include <unistd.h>

#define TAKERS_MAX         16 /* at once … */
#define TAKERS_PER_ADDRESS 2  /* … and of one address */
#define WAITERS_MAX        64
#define WAIT_MAX_USEC      (2 * USEC_PER_MIN) /* for the file to be made */
#define KEEP_USEC          USEC_PER_HOUR      /* unused */
#define LOOK_USEC          (30 * USEC_PER_SEC)
#define RETRY_USEC         (5 * USEC_PER_SEC) /* after one that failed */
#define PATIENCE_USEC      USEC_PER_SEC

/* A file that somebody may still be taking when the next one is there. */
typedef struct Edition {
        ExportFile file;
        uint64_t epoch; /* what this node said of itself when it was made */
        unsigned refs;  /* takers, and one while it is the current one */
        LIST_ENTRY(Edition) entry;
} Edition;

typedef struct Taker {
        Exporter *exporter; /* NULL: gone */
        Edition *edition;
        HttpFile *file;
        char client[64];
        LIST_ENTRY(Taker) entry;
} Taker;

typedef struct Waiter {
        HttpRequest *request;
        uint64_t until_usec;
        TAILQ_ENTRY(Waiter) entry;
} Waiter;

typedef struct Making {
        Exporter *exporter; /* NULL: freed meanwhile */
        char *catalog, *directory, *node, *name, *url, *location;
        atomic_bool cancelled;
        uint64_t epoch, began_usec;
        ExportFile file;
        Error error;
} Making;

struct Exporter {
        Federation *f;
        Worker *worker;
        Edition *current;
        Making *making;
        uint64_t used_usec, failed_usec; /* boot; of the current one; of the last making that failed */
        Error error;                     /* of that one */
        sd_event_source *timer;
        LIST_HEAD(, Edition) editions;
        LIST_HEAD(, Taker) takers;
        TAILQ_HEAD(, Waiter) waiters;
        unsigned n_takers, n_waiters;
        ExporterCounts counts;
};

/* --- files --- */

typedef struct Closing {
        int fd;
} Closing;

static int run_close(void *job)
{
        return close(((Closing *) job)->fd) < 0 ? -errno : 0; /* frees the blocks, which may take a while */
}

static void on_closed(int r, void *job)
{
        free(job);
}

static void file_close(Exporter *x, int fd)
{
        Closing *c = malloc(sizeof(*c));

        if (c)
                c->fd = fd;
        if (!c || worker_submit(x->worker, run_close, on_closed, c) < 0) {
                close(fd);
                free(c);
        }
}

static void edition_unref(Exporter *x, Edition *c)
{
        if (!c || --c->refs > 0)
                return;
        LIST_REMOVE(c, entry);
        file_close(x, c->file.fd);
        free(c);
}

/* Slow takers hold at most the one before: the disk is not theirs. */
static void drop_old(Exporter *x, const Edition *current, const Edition *before)
{
        Taker *t;

        LIST_FOREACH(t, &x->takers, entry)
        {
                if (t->edition != current && t->edition != before)
                        http_file_break(t->file);
        }
}

static void current_drop(Exporter *x)
{
        edition_unref(x, TAKE_PTR(x->current));
        x->counts.bytes = x->counts.listings = 0;
}

static bool current_is(const Exporter *x, uint64_t generation)
{
        return x->current && x->current->file.generation == generation &&
               x->current->epoch == routes_epoch(x->f->routes);
}

/* --- taking --- */

static void on_taken(void *userdata)
{
        Taker *t = userdata;
        Exporter *x = t->exporter;

        if (x) {
                LIST_REMOVE(t, entry);
                x->n_takers--;
                edition_unref(x, t->edition);
        }
        free(t);
}

static bool has_room(const Exporter *x, const HttpRequest *r)
{
        const char *client = http_client(r);
        unsigned n = 0;
        Taker *t;

        LIST_FOREACH(t, &x->takers, entry)
        n += streq(t->client, client);
        return x->n_takers < TAKERS_MAX && n < TAKERS_PER_ADDRESS;
}

static void send_current(Exporter *x, HttpRequest *r)
{
        const ExportFile *file = &x->current->file;
        Taker *t = NULL;
        int error = -ENOMEM;

        x->used_usec = clock_boot_usec();
        http_add_header(r, "Cache-Control", "no-cache");
        if (!has_room(x, r)) {
                x->counts.refused++;
                http_add_header(r, "Retry-After", "10");
                http_reply_error(r, 503, "busy: too many exports are on their way, yours or all together");
                return;
        }
        if (http_reply_unchanged(r, file->hash, file->size)) {
                x->counts.unchanged++;
                return;
        }
        t = calloc(1, sizeof(*t));
        if (t) {
                *t = (Taker){.exporter = x, .edition = x->current};
                snprintf(t->client, sizeof(t->client), "%s", http_client(r));
                x->current->refs++;
                x->n_takers++;
                LIST_INSERT_HEAD(&x->takers, t, entry);
                error = http_reply_file(r, "application/json", file->fd, file->size, on_taken, t, &t->file);
        }
        if (error >= 0)
                x->counts.served++;
        else {
                if (t)
                        on_taken(t);
                route_unavailable(r, "%s", error_words(error));
        }
}

/* --- waiting --- */

static HttpRequest *waiter_end(Exporter *x, Waiter *w)
{
        HttpRequest *r = w->request;

        TAILQ_REMOVE(&x->waiters, w, entry);
        x->n_waiters--;
        free(w);
        return r;
}

static void refuse_all(Exporter *x, const char *why)
{
        Waiter *w;

        while ((w = TAILQ_FIRST(&x->waiters)))
                route_unavailable(waiter_end(x, w), "%s", why);
}

static void wait_for_it(Exporter *x, HttpRequest *r)
{
        Waiter *w = x->n_waiters < WAITERS_MAX ? calloc(1, sizeof(*w)) : NULL;

        if (!w) {
                x->counts.refused++;
                http_add_header(r, "Retry-After", "10");
                http_reply_error(r, 503, "busy: too many wait for the export already");
                return;
        }
        w->request = r;
        w->until_usec = clock_boot_usec() + WAIT_MAX_USEC;
        TAILQ_INSERT_TAIL(&x->waiters, w, entry);
        if (x->n_waiters++ == 0)
                loop_timer_set_after(x->timer, MIN(WAIT_MAX_USEC, LOOK_USEC));
}

/* --- making --- */

static Making *making_free(Making *m)
{
        if (!m)
                return NULL;
        free(m->catalog);
        free(m->directory);
        free(m->node);
        free(m->name);
        free(m->url);
        free(m->location);
        free(m);
        return NULL;
}

static int run_make(void *job)
{
        Making *m = job;
        const ExportWish wish = {.catalog = m->catalog,
                                 .directory = m->directory,
                                 .node = m->node,
                                 .name = m->name,
                                 .url = m->url,
                                 .location = m->location,
                                 .cancelled = &m->cancelled};

        return export_file_make(&wish, &m->file, &m->error);
}

static int take_made(Exporter *x, const Making *m)
{
        Edition *c = calloc(1, sizeof(*c)), *before = x->current;

        if (!c) {
                file_close(x, m->file.fd);
                return -ENOMEM;
        }
        *c = (Edition){.file = m->file, .epoch = m->epoch, .refs = 1};
        LIST_INSERT_HEAD(&x->editions, c, entry);
        x->current = c;
        drop_old(x, c, before);
        edition_unref(x, before);
        x->counts.made++;
        x->counts.bytes = m->file.size;
        x->counts.listings = m->file.listings;
        x->counts.made_usec = clock_boot_usec() - m->began_usec;
        return 0;
}

static void on_made(int r, void *job)
{
        Making *m = job;
        Exporter *x = m->exporter;
        Waiter *w;

        if (!x) {
                if (r >= 0)
                        close(m->file.fd);
                making_free(m);
                return;
        }
        x->making = NULL;
        if (r >= 0 && (r = take_made(x, m)) < 0)
                error_set(&m->error, r, "%s", error_words(r));
        if (r < 0) {
                x->failed_usec = clock_boot_usec();
                x->error = m->error;
                x->counts.failed++;
                log_warning("the catalog cannot be exported: %s", m->error.text);
                refuse_all(x, x->error.text);
        } else
                while ((w = TAILQ_FIRST(&x->waiters)))
                        send_current(x, waiter_end(x, w));
        x->used_usec = clock_boot_usec();
        loop_timer_set_after(x->timer, LOOK_USEC);
        making_free(m);
}

static int make(Exporter *x)
{
        const NodeConfig *n = &x->f->config->node;
        Making *m = calloc(1, sizeof(*m));
        int r = -ENOMEM;

        if (!m)
                return r;
        m->exporter = x;
        m->epoch = routes_epoch(x->f->routes);
        m->began_usec = clock_boot_usec();
        m->catalog = string_printf("%s/catalog.db", x->f->places.state_dir);
        m->directory = strdup(x->f->places.state_dir);
        m->node = strdup(n->id);
        m->name = strdup(n->name);
        m->url = strdup(n->url);
        m->location = strdup(n->location ?: "");
        if (m->catalog && m->directory && m->node && m->name && m->url && m->location)
                r = worker_submit(x->worker, run_make, on_made, m);
        if (r < 0) {
                making_free(m);
                return r;
        }
        x->making = m;
        return 0;
}

void exporter_serve(Exporter *x, HttpRequest *r, uint64_t generation)
{
        uint64_t now = clock_boot_usec();
        int error = 0;

        assert(x && r);

        if (current_is(x, generation)) {
                send_current(x, r);
                return;
        }
        if (!x->making && x->failed_usec > 0 && now - x->failed_usec < RETRY_USEC) {
                route_unavailable(r, "%s", x->error.text);
                return;
        }
        if (!x->making)
                error = make(x);
        if (error < 0)
                route_unavailable(r, "%s", error_words(error));
        else
                wait_for_it(x, r);
}

/* --- the exporter --- */

static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
        Exporter *x = userdata;
        uint64_t now = clock_boot_usec();
        Waiter *w;

        while ((w = TAILQ_FIRST(&x->waiters)) && w->until_usec <= now)
                route_unavailable(waiter_end(x, w), "the export takes longer than 2 min to make");
        if (x->current &&
            (!current_is(x, catalog_generation(x->f->catalog)) || now - x->used_usec > KEEP_USEC))
                current_drop(x);
        if (x->current || x->n_waiters > 0)
                loop_timer_set_after(x->timer, LOOK_USEC);
        return 0;
}

int exporter_new(Federation *f, Exporter **ret)
{
        _cleanup_(exporter_freep) Exporter *x = calloc(1, sizeof(*x));

        if (!x)
                return -ENOMEM;
        x->f = f;
        LIST_INIT(&x->editions);
        LIST_INIT(&x->takers);
        TAILQ_INIT(&x->waiters);
        int r = worker_new(f->event, "export", &x->worker);
        if (r >= 0)
                r = loop_timer_new(f->event, "export's age", on_look, x, &x->timer);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(x);
        return 0;
}

Exporter *exporter_free(Exporter *x)
{
        Taker *t;

        if (!x)
                return NULL;
        refuse_all(x, "this node is stopping");
        if (x->making) {
                atomic_store(&x->making->cancelled, true);
                x->making->exporter = NULL;
        }
        while ((t = LIST_FIRST(&x->takers))) { /* they go on, or end with the routes */
                LIST_REMOVE(t, entry);
                edition_unref(x, t->edition);
                t->exporter = NULL;
        }
        if (x->current)
                current_drop(x);
        worker_free(x->worker, PATIENCE_USEC);
        loop_source_free(x->timer);
        free(x);
        return NULL;
}

void exporter_counts(const Exporter *x, ExporterCounts *ret)
{
        *ret = x->counts;
        ret->under_way = x->n_takers;
        ret->waiting = x->n_waiters;
}
