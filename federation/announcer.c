/* SPDX-License-Identifier: MIT */
/* Which registries know this node, and when each is told again. */
#include "federation/announcer.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/text.h"
#include "federation/audit.h"
#include "federation/identity.h"

#define AGAIN_USEC USEC_PER_DAY
#define SOON_USEC  (10 * USEC_PER_SEC) /* after a start or a reload: when the catalog has said what it has */
#define RETRY_USEC (10 * USEC_PER_MIN)
#define ASKED_USEC (2 * USEC_PER_SEC) /* what was said within this is still true */
#define RETRY_MAX  (6 * USEC_PER_HOUR)

typedef struct Place {
        Announcer *announcer;
        char *url;
        bool configured, remembered, dropped;
        uint64_t registered_usec; /* wall: when it last took our document; 0: never */
        char state[32], words[300];
        unsigned status;
        bool failed;
        uint64_t due_usec, retry_usec, asked_usec; /* boot */
        Announcement *asking;

        /* Of the operator who waits. */
        AnnouncerDone done;
        void *userdata;
        char *actor;
} Place;

struct Announcer {
        Federation *f;
        Place *places[REGISTRIES_MAX];
        size_t n;
        sd_event_source *timer;
        uint64_t random;
        unsigned jobs; /* of the store */
        bool closing;
};

static void plan(Announcer *a)
{
        uint64_t next = USEC_NEVER;

        for (size_t i = 0; i < a->n; i++)
                if (!a->places[i]->asking && (a->places[i]->configured || a->places[i]->remembered))
                        next = MIN(next, a->places[i]->due_usec);
        (void) loop_timer_set(a->timer, next);
}

static uint64_t in_about(Announcer *a, uint64_t usec)
{
        return clock_boot_usec() + (uint64_t) ((double) usec * (0.9 + random_fraction(&a->random) / 5));
}

static Place *place_find(Announcer *a, const char *url)
{
        for (size_t i = 0; i < a->n; i++)
                if (streq(a->places[i]->url, url))
                        return a->places[i];
        return NULL;
}

static Place *place_free(Place *p)
{
        if (!p)
                return NULL;
        announcement_free(p->asking);
        free(p->url);
        free(p->actor);
        free(p);
        return NULL;
}

static int place_get(Announcer *a, const char *url, Place **ret)
{
        Place *p = place_find(a, url);

        if (!p) {
                if (a->n == REGISTRIES_MAX)
                        return -ENOSPC;
                p = calloc(1, sizeof(*p));
                if (!p || !(p->url = strdup(url))) {
                        place_free(p);
                        return -ENOMEM;
                }
                p->announcer = a;
                p->retry_usec = RETRY_USEC;
                p->due_usec = in_about(a, SOON_USEC);
                a->places[a->n++] = p;
        }
        *ret = p;
        return 0;
}

/* Nobody wants it any more, and nobody waits. */
static void place_settle(Announcer *a, Place *p)
{
        if (p->configured || p->remembered || p->asking || p->done)
                return;
        for (size_t i = 0; i < a->n; i++)
                if (a->places[i] == p) {
                        a->places[i] = a->places[--a->n];
                        break;
                }
        place_free(p);
}

/* --- federation.db --- */

typedef struct Note {
        StoreJob job;
        Announcer *announcer;
        char *url, *actor;
        bool forget, keep; /* neither: the configuration names it, and it is written down only that it has worked */
        char detail[400];
        /* What is told once it is written. */
        AnnouncerDone done;
        void *userdata;
        AnnouncementResult result;
        char state[32], words[300];
} Note;

static void note_free(Note *n)
{
        free(n->url);
        free(n->actor);
        free(n);
}

static int run_note(sqlite3 *db, StoreJob *job, Error *e)
{
        Note *n = (Note *) job;
        AuditEntry entry = {.event = n->forget ? "registry-forgotten" : "registered-at",
                            .actor = n->actor,
                            .detail = n->detail};
        int r = 0;

        if (n->forget)
                r = db_run(db, e, "DELETE FROM registry WHERE url = ?", "s", n->url);
        else if (n->keep)
                r = db_run(db, e, "INSERT OR REPLACE INTO registry(url, registered) VALUES (?, ?)", "si",
                           n->url, (int64_t) clock_wall_usec());
        return r < 0 ? r : audit_add(db, &entry, e);
}

static void on_noted(StoreJob *job, int r, const char *error)
{
        Note *n = (Note *) job;
        Announcer *a = n->announcer;
        Place *p = a->closing ? NULL : place_find(a, n->url);

        a->jobs--;
        if (!a->closing && !p && n->keep && r >= 0) /* a reload has come between */
                (void) place_get(a, n->url, &p);
        if (r < 0)
                log_warning("registry %s: %s is not remembered: %s", n->url,
                            n->forget ? "that it is forgotten" : "it", error);
        else if (p && (n->keep || n->forget))
                p->remembered = n->keep;
        if (n->done)
                n->done(n->url, n->forget ? NULL : &n->result, r < 0 ? error : NULL, n->userdata);
        if (p) {
                place_settle(a, p);
                plan(a);
        }
        note_free(n);
        if (a->closing && a->jobs == 0)
                free(a);
}

static Note *note_new(Announcer *a, const char *url, const char *actor, bool forget)
{
        Note *n = calloc(1, sizeof(*n));

        if (!n)
                return NULL;
        n->job.run = run_note;
        n->job.done = on_noted;
        n->announcer = a;
        n->forget = forget;
        n->url = strdup(url);
        n->actor = strdup(actor ?: "federationd");
        if (n->url && n->actor)
                return n;
        note_free(n);
        return NULL;
}

static void note_submit(Note *n)
{
        n->announcer->jobs++;
        store_submit(n->announcer->f->store, &n->job);
}

typedef struct Load {
        StoreJob job;
        Announcer *announcer;
        struct {
                char url[600];
                uint64_t registered_usec;
        } rows[REGISTRIES_MAX];
        size_t n;
} Load;

static int run_load(sqlite3 *db, StoreJob *job, Error *e)
{
        Load *l = (Load *) job;
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        int r;

        l->n = 0;
        r = db_prepare(db, &stmt, e, "SELECT url, registered FROM registry ORDER BY url LIMIT ?", "i",
                       (int64_t) REGISTRIES_MAX);
        while (r >= 0 && (r = db_step(stmt, e)) > 0) {
                const char *url = (const char *) sqlite3_column_text(stmt, 0);

                snprintf(l->rows[l->n].url, sizeof(l->rows[l->n].url), "%s", url ?: "");
                l->rows[l->n++].registered_usec = (uint64_t) sqlite3_column_int64(stmt, 1);
        }
        return r;
}

static void on_load(StoreJob *job, int r, const char *error)
{
        Load *l = (Load *) job;
        Announcer *a = l->announcer;

        a->jobs--;
        if (r < 0)
                log_warning("the registries at which this node is registered cannot be read: %s", error);
        for (size_t i = 0; r >= 0 && !a->closing && i < l->n; i++) {
                Place *p;

                if (place_get(a, l->rows[i].url, &p) < 0)
                        continue;
                p->remembered = true;
                p->registered_usec = l->rows[i].registered_usec;
        }
        free(l);
        if (!a->closing)
                plan(a);
        else if (a->jobs == 0)
                free(a);
}

/* --- asking --- */

static void log_answer(const Place *p, const AnnouncementResult *r, bool first)
{
        if (r->error >= 0 && first)
                log_notice("registered at %s%s%s", p->url, r->state[0] ? ": " : "", r->state);
        else if (r->error < 0 && !p->failed && !p->done) /* who waits is told himself */
                log_warning("cannot register at %s: %s; it is tried again", p->url, r->words);
}

static void remember(Place *p, const AnnouncementResult *r, bool first)
{
        Announcer *a = p->announcer;
        AnnouncerDone done = p->done;
        void *userdata = p->userdata;
        Note *n;

        p->done = NULL;
        /* What has worked before need not be written every day. */
        if (r->error < 0 || (!done && !first)) {
                if (done)
                        done(p->url, r, NULL, userdata);
                return;
        }
        n = note_new(a, p->url, p->actor, false);
        if (!n) {
                if (done)
                        done(p->url, r, "out of memory", userdata);
                return;
        }
        snprintf(n->detail, sizeof(n->detail), "%s%s%s", p->url, r->state[0] ? ": " : "", r->state);
        snprintf(n->state, sizeof(n->state), "%s", r->state);
        snprintf(n->words, sizeof(n->words), "%s", r->words);
        n->result = (AnnouncementResult){.error = r->error,
                                         .status = r->status,
                                         .path = r->path,
                                         .state = n->state,
                                         .words = n->words};
        n->keep = done != NULL;
        n->done = done;
        n->userdata = userdata;
        note_submit(n);
}

static void on_answer(Announcement *asking, const AnnouncementResult *r, void *userdata)
{
        Place *p = userdata;
        Announcer *a = p->announcer;
        bool first = p->registered_usec == 0;

        log_answer(p, r, first);
        p->failed = r->error < 0;
        p->status = r->status;
        snprintf(p->state, sizeof(p->state), "%s", r->state);
        snprintf(p->words, sizeof(p->words), "%s", r->words);
        if (r->error >= 0) {
                p->registered_usec = clock_wall_usec();
                p->retry_usec = RETRY_USEC;
                p->due_usec = in_about(a, streq(r->state, "pending") ? USEC_PER_HOUR : AGAIN_USEC);
        } else {
                p->due_usec = in_about(a, p->retry_usec);
                p->retry_usec = MIN(p->retry_usec * 2, RETRY_MAX);
        }
        remember(p, r, first);
        p->asking = announcement_free(p->asking);
        if (r->error < 0) /* a new one that worked is on its way to the disk */
                place_settle(a, p);
        plan(a);
}

static int ask(Place *p, uint64_t timeout_usec)
{
        Federation *f = p->announcer->f;
        CatalogFacts facts;
        const char *text;
        size_t size;

        catalog_facts(f->catalog, &facts);
        text = identity_document(f->identity, facts.books, facts.categories, clock_wall_usec(), &size);
        if (!text)
                return -ENOMEM;
        p->asked_usec = clock_boot_usec();
        return announcement_start(f->fetch, p->url, text, size, timeout_usec, on_answer, p, &p->asking);
}

static int on_due(sd_event_source *s, uint64_t usec, void *userdata)
{
        Announcer *a = userdata;
        uint64_t now = clock_boot_usec();

        for (size_t i = 0; i < a->n; i++) {
                Place *p = a->places[i];

                if (p->asking || p->due_usec > now || !(p->configured || p->remembered))
                        continue;
                if (!a->f->config->network.enabled || ask(p, ANNOUNCE_TIMEOUT_USEC) < 0)
                        p->due_usec = in_about(a, RETRY_USEC);
        }
        plan(a);
        return 0;
}

void announcer_refresh(Announcer *a)
{
        uint64_t now = clock_boot_usec();

        for (size_t i = 0; a->f->config->network.enabled && i < a->n; i++) {
                Place *p = a->places[i];

                if (p->asking || !(p->configured || p->remembered) ||
                    (p->asked_usec > 0 && now - p->asked_usec < ASKED_USEC))
                        continue;
                (void) ask(p, ANNOUNCE_TIMEOUT_USEC); /* it stays due as it was */
        }
        plan(a);
}

int announcer_register(Announcer *a, const char *registry, uint64_t timeout_usec, const char *actor,
                       AnnouncerDone done, void *userdata)
{
        Place *p;
        int r = place_get(a, registry, &p);

        if (r < 0)
                return r;
        if (p->asking)
                return -EBUSY;
        free(p->actor);
        p->actor = strdup(actor);
        r = p->actor ? ask(p, timeout_usec) : -ENOMEM;
        if (r < 0) {
                place_settle(a, p);
                return r;
        }
        p->done = done;
        p->userdata = userdata;
        return 0;
}

int announcer_forget(Announcer *a, const char *registry, const char *actor, AnnouncerDone done,
                     void *userdata)
{
        Place *p = place_find(a, registry);
        Note *n;

        if (!p || !(p->configured || p->remembered))
                return -ENOENT;
        if (p->configured)
                return -EPERM;
        if (p->asking)
                return -EBUSY;
        n = note_new(a, registry, actor, true);
        if (!n)
                return -ENOMEM;
        snprintf(n->detail, sizeof(n->detail), "%s", registry);
        n->done = done;
        n->userdata = userdata;
        note_submit(n);
        return 0;
}

json_t *announcer_to_json(const Announcer *a)
{
        json_t *list = json_array();
        uint64_t now = clock_boot_usec();

        for (size_t i = 0; i < a->n; i++) {
                const Place *p = a->places[i];
                json_t *row = json_object();

                json_put(row, "registry", json_string_or_null(p->url));
                json_put(row, "configured", json_boolean(p->configured));
                json_put(row, "registered", json_timestamp(p->registered_usec));
                json_put(row, "state", json_string_or_null(p->state));
                json_put(row, "status", json_integer(p->status));
                json_put(row, "failed", json_boolean(p->failed));
                json_put(row, "words", json_string_or_null(p->words));
                json_put(row, "asking", json_boolean(p->asking != NULL));
                json_put(row, "again_s",
                         json_integer((json_int_t) ((p->due_usec - MIN(now, p->due_usec)) / USEC_PER_SEC)));
                json_add(list, row);
        }
        return list;
}

/* --- life --- */

void announcer_configure(Announcer *a)
{
        char *const *urls = a->f->config->network.registries;

        for (size_t i = 0; i < a->n; i++)
                a->places[i]->configured = false;
        for (size_t i = 0; urls && urls[i]; i++) {
                Place *p;

                if (place_get(a, urls[i], &p) >= 0)
                        p->configured = true;
        }
        for (size_t i = a->n; i-- > 0;) {
                a->places[i]->due_usec = in_about(a, SOON_USEC);
                place_settle(a, a->places[i]);
        }
        plan(a);
}

int announcer_new(Federation *f, Announcer **ret)
{
        Announcer *a = calloc(1, sizeof(*a));
        Load *load = calloc(1, sizeof(*load));
        int r;

        r = a && load ? loop_timer_new(f->event, "registries", on_due, a, &a->timer) : -ENOMEM;
        if (r < 0) {
                free(a);
                free(load);
                return r;
        }
        a->f = f;
        a->random = random_seed();
        announcer_configure(a);
        load->job.run = run_load;
        load->job.done = on_load;
        load->announcer = a;
        a->jobs++;
        store_submit(f->store, &load->job);
        *ret = a;
        return 0;
}

Announcer *announcer_free(Announcer *a)
{
        static const AnnouncementResult stopped = {
                        .error = -ECANCELED, .path = "", .state = "", .words = "federationd stops"};

        if (!a)
                return NULL;
        a->closing = true;
        for (size_t i = 0; i < a->n; i++) {
                if (a->places[i]->done)
                        a->places[i]->done(a->places[i]->url, &stopped, NULL, a->places[i]->userdata);
                place_free(a->places[i]);
        }
        a->n = 0;
        a->timer = loop_source_free(a->timer);
        if (a->jobs == 0)
                free(a);
        return NULL;
}
