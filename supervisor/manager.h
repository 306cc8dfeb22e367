/* SPDX-License-Identifier: MIT */
/* failoverd's one object: wires the engine to attempts, store, outbox, files, control socket and systemd. */
#pragma once

#include "base/httpd.h"
#include "base/service.h"
#include "supervisor/engine.h"
#include "supervisor/lateness.h"
#include "supervisor/outbox.h"
#include "supervisor/steady.h"
#include "supervisor/store.h"

typedef struct Manager Manager;
typedef struct Control Control;
typedef struct Heartbeat Heartbeat;
typedef struct HourNotes HourNotes;
typedef struct Publisher Publisher;
typedef struct PublicRecord PublicRecord;
typedef struct Tally Tally;
typedef struct Targets Targets;

/* Where things are; owned by main.c. */
typedef struct Places {
        const char *config, *state_dir, *runtime_dir, *status_dir;
} Places;

struct Manager {
        sd_event *event;
        Places places;
        int state_lock; /* held for life: two supervisors would write one history */
        Steady steady;
        uint64_t started_wall;

        Config *config;
        Engine *engine; /* NULL until the store has answered, or has had its time */
        sd_event_source *wake;
        uint64_t armed;      /* what it is set to; 0: nothing */
        uint64_t tilt_until; /* the last tilt that was told */

        Resolver *resolver;
        FetchClient *fetch;
        Worker *disk;    /* SQLite */
        Worker *page;    /* the status page, which may be on another disk than the state */
        Worker *runtime; /* payment.env and mode.json: nothing that waits for a disk */
        Worker *loader;  /* reads the config again; NULL but during a reload */
        Reader *reader;
        ProbeContext probe_context;
        ActionContext action_context;

        Store *store;
        bool loaded;  /* the database has answered */
        bool adopted; /* … but the state came from mode.json */
        bool blank;   /* it has not, and there is no mode.json: it is given more time */
        sd_event_source *patience;
        Registries *registries;
        uint64_t registries_serial; /* that the page shows */
        Outbox *outbox;

        /* what waits for the end of this turn of the loop, or of the minute */
        StoreBatch *progress;
        sd_event_source *turn;
        uint64_t save_at;                  /* steady: the next routine batch */
        uint64_t refreshed_at, refresh_at; /* steady: the last and the next writing of the status page */
        json_t *recent;                    /* the last changes, newest first, for the status page */
        HourNotes *notes;                  /* hours.c: one for each probe of the config … */
        size_t n_urgent;                   /* … and how many of them hold a fail that is not written */
        Tally *tally;                      /* of the config's components */
        PublicRecord *record;
        struct ManagerTrouble *troubles;
        bool unassured; /* state actions may not know the mode: memory ran out when they were to be told */
        bool remember;
        int64_t seq;         /* of the last change: ActionFacts.seq */
        unsigned n_changing; /* changes of which the store has not said what became of them */
        json_t *unsaved;     /* unsaved.c: changes that are not known to be stored, oldest first */

        Publisher *publisher;
        Control *control;
        Heartbeat *heartbeat;
        Targets *targets;

        Service *service;
        uint64_t wakes; /* of the scheduler: the watchdog is pinged when they grow */
        Lateness lateness;
        bool reloading, reload_again, stopping;
};

/* Everything up to the loop. Takes over config. On failure, too, *ret is to be freed when it is not NULL. */
int manager_new(const Places *places, Config *config, Manager **ret, Error *e);
Manager *manager_free(Manager *m);
DEFINE_CLEANUP(Manager, manager_free)
int manager_run(Manager *m); /* until SIGTERM or SIGINT; 0 */

/* For the parts. */
uint64_t manager_now(const Manager *m); /* steady */
/* Is all that is said of the mode and its change in the database? Not while a commit is under way. */
bool manager_is_durable(const Manager *m);
void manager_lend(Manager *m); /* what probes and actions may use of the config, which is another one */
/* ActionFacts.seq for a change; never less than one before, restarts and clocks set back included. */
int64_t manager_next_seq(Manager *m);
void manager_recall_seq(Manager *m, const json_t *stored); /* "seq" of the memory, or of mode.json */
int manager_want_registries(Manager *m, const Config *c);  /* before it is in force; -ENOMEM */
void manager_keep_registries(Manager *m);                  /* once it is: no others, and all of them anew */
void manager_touch(Manager *m);                            /* something that people see has changed */
void manager_refresh(Manager *m);                          /* write the status page again, now */
void manager_refresh_soon(Manager *m); /* the same, but for one who asks again and again: once a second */
void manager_touch_page(Manager *m);   /* the same of the status page: within two seconds */
void manager_arm(Manager *m);          /* the engine's timer; the loop does it before it sleeps */
/* What happens in one turn of the loop goes into one batch: this one (NULL: out of memory), at the turn's end. */
StoreBatch *manager_progress(Manager *m);
void manager_end_turn(Manager *m);
void manager_add_memory(Manager *m, StoreBatch *b);
/* As store_submit(), but done is called, come what may: from within when b is NULL or lacks something. What of the public
 * record was added to b is written then. */
int manager_submit(Manager *m, StoreBatch *b, StoreDone done, void *userdata);
#define MANAGER_SAVE_USEC USEC_PER_MIN /* windows without a fail are saved so often */

/* The facts of the last change, or of an alert; strings are borrowed from config and engine. */
void manager_facts(const Manager *m, ActionKind kind, ActionFacts *ret);
