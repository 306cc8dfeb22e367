/* SPDX-License-Identifier: MIT */
/* Registries kept in memory, each read again in its own time. */
#include "actions/registries.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#include <sys/inotify.h>
#include <sys/queue.h>

#define GATHER_USEC (20 * USEC_PER_MSEC)

typedef struct Entry {
        TAILQ_ENTRY(Entry) entry;
        Registries *registries;
        char *path;
        sd_event_source *timer;
        sd_event_source *watch; /* of its folder; NULL: not yet, or not any more */
        uint64_t read_usec;     /* when it was read last */
        bool again;             /* it was replaced while it was read */
        RegistryRead *read;     /* in flight */
        Registry *registry;     /* as last read; NULL: never */
        uint64_t modified_usec; /* its file, by the wall clock */
        bool tried;             /* a first read has ended */
        char why[400];          /* it could not be read the last time; "" */
} Entry;

struct Registries {
        sd_event *event;
        void (*changed)(void *userdata);
        void *userdata;
        uint64_t serial;
        TAILQ_HEAD(, Entry) entries;
};

static Entry *entry_free(Entry *e)
{
        if (!e)
                return NULL;
        registry_read_free(e->read);
        registry_free(e->registry);
        loop_source_free(e->timer);
        loop_source_free(e->watch);
        free(e->path);
        free(e);
        return NULL;
}
DEFINE_CLEANUP(Entry, entry_free)

static void note_failure(Entry *e, const char *why)
{
        if (!e->why[0])
                log_error("a registry cannot be read: %s; %s", why,
                          e->registry ? "whom it named before is told" : "nobody knows whom to tell");
        e->tried = true;
        plain_copy(e->why, sizeof(e->why), why);
        e->registries->changed(e->registries->userdata);
}

/* --- hearing of a new one --- */

static void read_soon(Entry *e)
{
        uint64_t now = clock_boot_usec();

        if (e->read)
                e->again = true;
        else
                (void) loop_timer_set(e->timer, MAX(now + GATHER_USEC, e->read_usec + REGISTRIES_PACE_USEC));
}

static int on_event(sd_event_source *s, const struct inotify_event *event, void *userdata)
{
        Entry *e = userdata;
        const char *slash = strrchr(e->path, '/');

        if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED))
                e->watch = loop_source_free(e->watch); /* again when it could be read */
        else if (event->mask & IN_Q_OVERFLOW || (event->len > 0 && slash && streq(event->name, slash + 1)))
                read_soon(e);
        return 0;
}

/* Its disk has just answered, be it that there is none, or what is no registry. */
static void watch(Entry *e)
{
        const char *slash = strrchr(e->path, '/');
        _cleanup_free_ char *directory =
                        slash ? strndup(e->path, MAX((size_t) (slash - e->path), (size_t) 1)) : NULL;

        if (e->watch || !directory)
                return;
        if (sd_event_add_inotify(e->registries->event, &e->watch, directory,
                                 IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR,
                                 on_event, e) < 0)
                return; /* every minute will do */
        sd_event_source_set_description(e->watch, "registry's folder");
}

/* --- reading --- */

static bool is_same_node(const RegistryNode *a, const RegistryNode *b)
{
        return a->type == b->type && a->status == b->status && streq(a->id, b->id) &&
               streq(a->name, b->name) && streq(a->url, b->url) && streq(a->fallback_url, b->fallback_url);
}

static bool is_same(const Registry *a, const Registry *b)
{
        if (!a || a->n_nodes != b->n_nodes)
                return false;
        for (size_t i = 0; i < a->n_nodes; i++)
                if (!is_same_node(&a->nodes[i], &b->nodes[i]))
                        return false;
        return true;
}

static void on_read(RegistryRead *read, RegistryResult *result, void *userdata)
{
        Entry *e = userdata;

        e->read = registry_read_free(e->read);
        e->read_usec = clock_boot_usec();
        (void) loop_timer_set_after(e->timer, e->again            ? REGISTRIES_PACE_USEC
                                              : result->error < 0 ? REGISTRIES_AGAIN_USEC
                                                                  : REGISTRIES_EVERY_USEC);
        e->again = false;
        if (result->error != -ETIMEDOUT)
                watch(e);
        if (result->error < 0) {
                note_failure(e, result->message);
                return;
        }
        if (e->why[0])
                log_notice("%s can be read", e->path);
        e->why[0] = '\0';
        e->registries->serial += !is_same(e->registry, result->registry);
        registry_free(e->registry);
        e->registry = TAKE_PTR(result->registry);
        e->modified_usec = result->modified_usec;
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

uint64_t registries_modified(const Registries *r, const char *path)
{
        const Entry *e = r ? find(r, path) : NULL;

        return e ? e->modified_usec : 0;
}

const char *registries_trouble(const Registries *r, const char *path)
{
        const Entry *e = r ? find(r, path) : NULL;

        return e ? e->why : "";
}

uint64_t registries_serial(const Registries *r)
{
        return r->serial;
}
