/* SPDX-License-Identifier: MIT */
/* mode.json, written by the runtime worker. */
#include "supervisor/publish.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "supervisor/components.h"
#include "supervisor/ready.h"
#include "supervisor/status.h"

/* At a start payment.env comes first, as at every change: whoever reads mode.json finds it so in both. */
#define PAYMENT_LOOK_USEC     (10 * USEC_PER_MSEC)
#define PAYMENT_PATIENCE_USEC (500 * USEC_PER_MSEC)

struct Publisher {
        Manager *manager;
        char *path;
        sd_event_source *timer;
        bool writing, again, failing;
        bool begun;              /* mode.json need not wait for payment.env any more */
        uint64_t patience_until; /* until then it does; 0: not asked yet */
        char written[ID_SIZE];   /* the change that stands in the file */
        Selling selling;         /* as it was told last */
        bool blind;
};

typedef struct Page {
        Publisher *publisher; /* outlives the worker, and with it this */
        char *path, *data;
        char change[ID_SIZE];
} Page;

static Page *page_free(Page *page)
{
        if (!page)
                return NULL;
        free(page->path);
        free(page->data);
        free(page);
        return NULL;
}
DEFINE_CLEANUP(Page, page_free)

static int write_page(void *job)
{
        Page *page = job;

        return file_publish(page->path, page->data, strlen(page->data), 0644);
}

static void on_written(int r, void *job)
{
        _cleanup_(page_freep) Page *page = job;
        Publisher *p = page->publisher;
        Manager *m = p->manager;

        p->writing = false;
        if (r < 0 && !p->failing)
                log_error("cannot write %s: %s", p->path, error_words(-r));
        p->failing = r < 0;
        if (r >= 0)
                memcpy(p->written, page->change, sizeof(p->written));
        ready_check(m);
        if (p->again)
                publisher_now(p);
        else
                loop_timer_set_after(p->timer, p->failing ? USEC_PER_SEC : PUBLISH_EVERY_USEC);
        manager_touch(m);
}

static Selling selling_now(const Manager *m)
{
        return selling_judge(m->config, engine_state(m->engine), schedule_blind(engine_schedule(m->engine)));
}

static int page_new(Publisher *p, Page **ret)
{
        _cleanup_(page_freep) Page *page = calloc(1, sizeof(*page));
        _cleanup_json_ json_t *j = status_mode(p->manager);
        int r;

#ifndef FAILOVERD_BUG_UNCHECKED_MEMORY
        if (!page || !j)
                return -ENOMEM;
#endif
        page->publisher = p;
        page->path = strdup(p->path);
        r = json_print(j, &page->data);
        if (r < 0 || !page->path)
                return -ENOMEM;
        snprintf(page->change, sizeof(page->change), "%s", engine_change_id(p->manager->engine));
        p->selling = selling_now(p->manager);
        p->blind = schedule_blind(engine_schedule(p->manager->engine));
        *ret = TAKE_PTR(page);
        return 0;
}

static bool payment_comes_first(Publisher *p)
{
        uint64_t now = clock_boot_usec();

        if (p->begun)
                return false;
        if (p->patience_until == 0)
                p->patience_until = now + PAYMENT_PATIENCE_USEC;
        p->begun = now >= p->patience_until || ready_payment_stands(p->manager);
        if (!p->begun)
                loop_timer_set_after(p->timer, PAYMENT_LOOK_USEC);
        return !p->begun;
}

void publisher_now(Publisher *p)
{
        _cleanup_(page_freep) Page *page = NULL;

        if (!p->manager->engine)
                return; /* not yet, or no longer */
        if (p->manager->n_changing > 0)
                return; /* nobody shall hear of a change that a crash can still undo: on_saved() calls again */
        if (payment_comes_first(p))
                return;
        if (p->writing) {
                p->again = true;
                return;
        }
        p->again = false;
        if (page_new(p, &page) < 0 || worker_submit(p->manager->runtime, write_page, on_written, page) < 0) {
                loop_timer_set_after(p->timer, USEC_PER_SEC);
                return;
        }
        page = NULL; /* the worker's */
        p->writing = true;
}

/* No mode has changed, and yet buyers cannot buy any more, or can again. */
void publisher_look(Publisher *p)
{
        const Manager *m = p->manager;

        if (p->written[0] &&
            (p->selling != selling_now(m) || p->blind != schedule_blind(engine_schedule(m->engine))))
                publisher_now(p);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
        publisher_now(userdata);
        return 0;
}

int publisher_new(Manager *m, Publisher **ret)
{
        Publisher *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->manager = m;
        p->path = string_printf("%s/mode.json", m->places.runtime_dir);
        r = p->path ? loop_timer_new(m->event, "mode.json", on_timer, p, &p->timer) : -ENOMEM;
        if (r < 0) {
                publisher_free(p);
                return r;
        }
        *ret = p;
        return 0;
}

/* After the worker has ended: no page refers to it any more. */
Publisher *publisher_free(Publisher *p)
{
        if (!p)
                return NULL;
        loop_source_free(p->timer);
        free(p->path);
        free(p);
        return NULL;
}

bool publisher_stands(const Publisher *p)
{
        return p->written[0] && streq(p->written, engine_change_id(p->manager->engine));
}

json_t *publisher_read(const char *runtime_dir)
{
        _cleanup_free_ char *path = string_printf("%s/mode.json", runtime_dir), *data = NULL;
        json_t *j;
        size_t size;

        if (!path || file_read(path, 4 * 1024 * 1024, &data, &size) < 0)
                return NULL;
        return json_parse(data, size, &j, NULL) < 0 ? NULL : j;
}
