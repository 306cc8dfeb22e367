/* SPDX-License-Identifier: MIT */
/* Follows mode.json: the folder and all above it are watched, so that it may come, go and be replaced; how old the file is
 * counts by our own clock from when it was seen to be new, so that a clock that is set makes it neither old nor young. */
#include "federation/mode_file.h"

#include "base/clock.h"
#include "base/text.h"
#include "federation/mode_last.h"

#include <limits.h>
#include <sys/inotify.h>
#include <unistd.h>

#define FILE_NAME "mode.json"
#define DEPTH_MAX 32 /* folders in a path */

/* Where the kernel watches no more for us, we look by ourselves. */
#define LOOK_EVERY_USEC (2 * USEC_PER_SEC)

typedef struct Watch {
        ModeFile *file;
        sd_event_source *source;
        const char *name; /* only what happens to this entry matters; in path */
        size_t name_size;
} Watch;

struct ModeFile {
        sd_event *event;
        char *path; /* absolute */
        void (*changed)(const ModeNow *now, void *userdata);
        void *userdata;
        Watch watches[DEPTH_MAX];
        size_t n_watches;
        sd_event_source *timer; /* it becomes stale; or, unwatched, the next look */
        sd_event_source *again; /* once events have been handled: they are watched anew, or looked at */
        bool rewatch;
        bool blind; /* something of the path is not watched: the timer looks */
        ModeLast *last;
        ModeRecord record; /* when known */
        bool known;
        uint64_t fresh_until_usec; /* boot time */
        int error;                 /* of the last look */
        Error trouble;
        char *shown; /* what changed() was last told, in one line */
        ModeNow now;
};

/* What holds */

static void trouble_explain(ModeFile *f)
{
        char since[TIMESTAMP_SIZE];

        if (f->error < 0 || !f->known)
                return;
        if (!f->now.stale)
                f->trouble.text[0] = '\0';
        else
                error_set(&f->trouble, 0, "%s was last written at %s: is failoverd running?", f->path,
                          timestamp_format(since, f->record.updated_usec));
}

/* What is shown in one line; NULL: no memory. */
static char *show(const ModeFile *f)
{
        const ModeNow *n = &f->now;
        return string_printf("%d%d%d\n%s\n%s\n%s\n%s\n%s\n%s\n%s\n%s", n->known, n->stale, n->first, n->mode,
                             n->payment, n->checkout, n->message, n->since, n->change, n->selling,
                             n->trouble);
}

static const char *judge_selling(const ModeFile *f)
{
        static const char *const all[] = {"as-usual", "backup", "elsewhere", "hampered", "not", "unknown"};
        const ModeRecord *m = &f->record;

        if (!f->known)
                return "unknown";
        const char *said = m->first ? "as-usual" : streq(m->payment, "federated") ? "elsewhere" : "backup";
        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                if (streq(m->selling, all[i]))
                        said = all[i];
        return streq(said, "as-usual") && (m->blind || f->now.stale) ? "unknown" : said;
}

static void judge(ModeFile *f)
{
        const ModeRecord *m = &f->record;
        uint64_t now = clock_boot_usec();

        f->now = (ModeNow){
                        .known = f->known,
                        .stale = !f->known || f->error < 0 || now >= f->fresh_until_usec,
                        .first = !f->known || m->first,
                        .mode = f->known ? m->mode : "",
                        .payment = f->known ? m->payment : "primary",
                        .checkout = f->known ? m->checkout : "checkout",
                        .message = f->known ? m->message : "",
                        .since = f->known ? m->since : "",
                        .change = f->known ? m->change : "",
                        .trouble = f->trouble.text,
        };
        f->now.selling = judge_selling(f);
        trouble_explain(f);
        uint64_t next = f->blind ? now + LOOK_EVERY_USEC : USEC_NEVER;
        loop_timer_set(f->timer, MIN(next, f->now.stale ? USEC_NEVER : f->fresh_until_usec));
}

static void tell(ModeFile *f)
{
        char *line = show(f);

        if (line && f->shown && streq(line, f->shown)) {
                free(line);
                return;
        }
        free(f->shown);
        f->shown = line;
        f->changed(&f->now, f->userdata);
}

/* A new file: fresh as long as its own time leaves it. */
static uint64_t fresh_until(const ModeRecord *m)
{
        uint64_t wall = clock_wall_usec(), boot = clock_boot_usec();
        uint64_t age = wall > m->updated_usec ? wall - m->updated_usec : 0;
        uint64_t ahead = m->updated_usec > wall ? m->updated_usec - wall : 0;

        return age > MODE_STALE_USEC || ahead > MODE_STALE_USEC ? 0 : boot + MODE_STALE_USEC - age;
}

static void look(ModeFile *f)
{
        ModeRecord m;

        f->error = mode_record_read(f->path, &m, &f->trouble);
        if (f->error == -ENOENT)
                error_set(&f->trouble, 0, "there is no %s: is failoverd running?", f->path);
        if (f->error == 0) {
                if (!f->known || m.updated_usec != f->record.updated_usec)
                        f->fresh_until_usec = fresh_until(&m);
                mode_record_clear(&f->record);
                f->record = m;
                f->known = true;
                if (f->last)
                        mode_last_keep(f->last, &f->record);
        }
        judge(f);
}

/* Watching */

#define WATCHED_ABOVE                                                                                      \
        (IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | \
         IN_ONLYDIR)
#define WATCHED                                                                                     \
        (IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | \
         IN_ONLYDIR)

static int on_event(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
        Watch *w = userdata;
        ModeFile *f = w->file;
        bool lost = event->mask & (IN_Q_OVERFLOW | IN_IGNORED | IN_UNMOUNT | IN_DELETE_SELF | IN_MOVE_SELF);
        bool named = event->len > 0 && strlen(event->name) == w->name_size &&
                     memcmp(event->name, w->name, w->name_size) == 0;

        if (!lost && !named)
                return 0;
        f->rewatch |= lost || w != &f->watches[f->n_watches - 1] || !streq(event->name, FILE_NAME);
        return sd_event_source_set_enabled(f->again, SD_EVENT_ONESHOT);
}

static int watch_add(ModeFile *f, const char *directory, const char *name, size_t name_size)
{
        bool above = name != f->path + strlen(f->path) - strlen(FILE_NAME);
        Watch *w = &f->watches[f->n_watches];

        *w = (Watch){.file = f, .name = name, .name_size = name_size};
        int r = sd_event_add_inotify(f->event, &w->source, directory, above ? WATCHED_ABOVE : WATCHED,
                                     on_event, w);
        if (r >= 0) {
                sd_event_source_set_description(w->source, "mode-file");
                f->n_watches++;
        }
        return r;
}

static void unwatch(ModeFile *f)
{
        while (f->n_watches > 0)
                loop_source_free(f->watches[--f->n_watches].source);
}

/* From the root down, each before the next is looked for: what comes meanwhile is told. A folder above that may not be read
 * is passed over while what lies in it is there. */
static void watch(ModeFile *f)
{
        char folder[PATH_MAX];
        const char *name = f->path;
        int r = 0, before = 0;

        unwatch(f);
        f->rewatch = false;
        while ((name = strchr(name, '/')) && f->n_watches < DEPTH_MAX && (r >= 0 || r == -EACCES)) {
                snprintf(folder, sizeof(folder), "%.*s", (int) MAX(name - f->path, (ptrdiff_t) 1), f->path);
                const char *end = strchr(++name, '/');
                before = r;
                r = watch_add(f, folder, name, end ? (size_t) (end - name) : strlen(name));
        }
        bool missing = r == -ENOENT || r == -ENOTDIR;
        f->blind = (missing && before == -EACCES) || (!missing && r < 0) || (name && !missing);
}

static int on_again(sd_event_source *source, void *userdata)
{
        ModeFile *f = userdata;

        if (f->rewatch)
                watch(f);
        look(f);
        tell(f);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        ModeFile *f = userdata;

        if (f->blind)
                watch(f);
        look(f); /* it may have been replaced in a way that nobody tells, such as a mount */
        tell(f);
        return 0;
}

/* Beginning and end */

/* Without "//", "/./" and a final slash, so that each part is a folder's entry. */
static char *path_make(const char *directory)
{
        _cleanup_text_ Text t = {0};
        char here[PATH_MAX], *path;

        if (*directory != '/' && getcwd(here, sizeof(here)))
                text_add_string(&t, here);
        for (const char *p = directory; *p;) {
                size_t size = strcspn(p, "/");
                if (size > 0 && !(size == 1 && *p == '.')) {
                        text_add_string(&t, "/");
                        text_add_bytes(&t, p, size);
                }
                p += size + (p[size] == '/');
        }
        text_add_string(&t, "/" FILE_NAME);
        return text_take(&t, &path) < 0 ? NULL : path;
}

/* What is known from before our own start, when failoverd says nothing. */
static void recall(ModeFile *f)
{
        if (f->known || !f->last || mode_last_read(f->last, &f->record, NULL) < 0)
                return;
        f->known = true;
        f->fresh_until_usec = 0;
}

static int sources_add(ModeFile *f)
{
        int r = loop_timer_new(f->event, "mode-stale", on_timer, f, &f->timer);
        if (r >= 0)
                r = sd_event_add_defer(f->event, &f->again, on_again, f);
        if (r >= 0)
                r = sd_event_source_set_enabled(f->again, SD_EVENT_OFF);
        return r < 0 ? r : 0;
}

int mode_file_new(sd_event *event, const char *runtime_dir, const char *state_dir,
                  void (*changed)(const ModeNow *now, void *userdata), void *userdata, ModeFile **ret)
{
        assert(event);
        assert(runtime_dir && *runtime_dir);
        assert(changed);
        assert(ret);

        _cleanup_(mode_file_freep) ModeFile *f = calloc(1, sizeof(*f));
        if (!f)
                return -ENOMEM;
        f->event = sd_event_ref(event);
        f->changed = changed;
        f->userdata = userdata;
        f->path = path_make(runtime_dir);
        int r = f->path ? sources_add(f) : -ENOMEM;
        if (r == 0 && state_dir)
                r = mode_last_new(event, state_dir, &f->last);
        if (r < 0)
                return r;
        watch(f);
        look(f);
        recall(f);
        judge(f);
        f->shown = show(f);
        *ret = TAKE_PTR(f);
        return 0;
}

ModeFile *mode_file_free(ModeFile *f)
{
        if (!f)
                return NULL;
        unwatch(f);
        loop_source_free(f->timer);
        loop_source_free(f->again);
        mode_last_free(f->last);
        mode_record_clear(&f->record);
        sd_event_unref(f->event);
        free(f->path);
        free(f->shown);
        free(f);
        return NULL;
}

const char *mode_selling(const ModeNow *n, bool node)
{
        return !streq(n->payment, "federated") ? n->selling : node ? "elsewhere" : "not";
}

const ModeNow *mode_file_now(const ModeFile *f)
{
        return &f->now;
}
