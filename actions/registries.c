/* SPDX-License-Identifier: MIT */
/* Registries kept in memory, each read again in its own time. */
#include "actions/registries.h"

#include "base/text.h"

#include <sys/queue.h>

typedef struct Entry {
        TAILQ_ENTRY(Entry) entry;
        Registries *registries;
        char *path;
        sd_event_source *timer;
        RegistryRead *read; /* in flight */
        Registry *registry; /* as last read; NULL: never */
        bool tried;         /* a first read has ended */
        char why[400];      /* it could not be read */
} Entry;

struct Registries {
        sd_event *event;
        void (*changed)(void *userdata);
        void *userdata;
        TAILQ_HEAD(, Entry) entries;
};

static Entry *entry_free(Entry *e)
{
        if (!e)
                return NULL;
        registry_read_free(e->read);
        registry_free(e->registry);
        loop_source_free(e->timer);
        free(e->path);
        free(e);
        return NULL;
}
DEFINE_CLEANUP(Entry, entry_free)

static void note_failure(Entry *e, const char *why)
{
        e->tried = true;
        plain_copy(e->why, sizeof(e->why), why);
        e->registries->changed(e->registries->userdata);
}

static void on_read(RegistryRead *read, RegistryResult *result, void *userdata)
{
        Entry *e = userdata;

        e->read = registry_read_free(e->read);
        (void) loop_timer_set_after(e->timer, REGISTRIES_EVERY_USEC);
        if (result->error < 0) {
                note_failure(e, result->message);
                return;
        }
        registry_free(e->registry);
        e->registry = TAKE_PTR(result->registry);
        e->tried = true;
        e->registries->changed(e->registries->userdata);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
        Entry *e = userdata;
        char why[400];

        if (e->read)
                return 0;
        int r = registry_read_start(e->registries->event, e->path, REGISTRIES_TIMEOUT_USEC, on_read, e,
                                    &e->read);
        if (r < 0) {
                (void) loop_timer_set_after(e->timer, REGISTRIES_TIMEOUT_USEC);
                snprintf(why, sizeof(why), "%.200s: %s", e->path,
                         r == -EAGAIN ? "earlier reads still hang in the kernel" : strerror(-r));
                note_failure(e, why);
        }
        return 0;
}

int registries_new(sd_event *event, void (*changed)(void *userdata), void *userdata, Registries **ret)
{
        Registries *r = calloc(1, sizeof(*r));

        assert(event && changed && ret);
        if (!r)
                return -ENOMEM;
        *r = (Registries){.event = event, .changed = changed, .userdata = userdata};
        TAILQ_INIT(&r->entries);
        *ret = r;
        return 0;
}

static void entry_remove(Registries *r, Entry *e)
{
        TAILQ_REMOVE(&r->entries, e, entry);
        entry_free(e);
}

Registries *registries_free(Registries *r)
{
        Entry *e;

        if (!r)
                return NULL;
        while ((e = TAILQ_FIRST(&r->entries)))
                entry_remove(r, e);
        free(r);
        return NULL;
}

static Entry *find(const Registries *r, const char *path)
{
        Entry *e;

        TAILQ_FOREACH(e, &r->entries, entry)
        if (streq(e->path, path))
                return e;
        return NULL;
}

int registries_want(Registries *r, const char *path)
{
        _cleanup_(entry_freep) Entry *e = NULL;

        if (find(r, path))
                return 0;
        e = calloc(1, sizeof(*e));
        if (!e)
                return -ENOMEM;
        e->registries = r;
        e->path = strdup(path);
        int n = e->path ? loop_timer_new(r->event, "registry", on_timer, e, &e->timer) : -ENOMEM;
        if (n >= 0)
                n = loop_timer_set_after(e->timer, 0);
        if (n < 0)
                return n;
        TAILQ_INSERT_TAIL(&r->entries, e, entry);
        e = NULL;
        return 0;
}

void registries_keep(Registries *r, bool (*wanted)(const char *path, void *userdata), void *userdata)
{
        Entry *e, *next;

        for (e = TAILQ_FIRST(&r->entries); e; e = next) {
                next = TAILQ_NEXT(e, entry);
                if (wanted(e->path, userdata))
                        (void) loop_timer_set_after(e->timer, 0);
                else
                        entry_remove(r, e);
        }
}

int registries_get(const Registries *r, const char *path, const Registry **ret, const char **ret_why)
{
        const Entry *e = r ? find(r, path) : NULL;

        *ret = e ? e->registry : NULL;
        *ret_why = e ? e->why : "the registry is not read yet";
        if (*ret)
                return 0;
        return e && e->tried ? -ENODATA : -EAGAIN;
}
