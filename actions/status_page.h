/* SPDX-License-Identifier: MIT */
/* What the status page's files are made from: what the public may know (actions/public_status.h), the other shops, and the texts
 * of a language. Rendered in the writer thread: it owns everything but what the public may know, which it shares and only reads. */
#pragma once

#include "actions/public_status.h"
#include "actions/request.h"
#include "base/clock.h"
#include "base/text.h"

/* The texts, and where they are looked for, in this order. */
typedef struct Words {
        json_t *own, *chosen, *english; /* objects of texts; only English is always there */
} Words;
const char *
words_language(const char *language); /* the same, constant; NULL: English; returns NULL: no such one */
int words_load(Words *w, const char *language); /* -ENOMEM */
/* An operator's own texts, which may be a few only: blocks. */
int words_load_own(const char *path, json_t **ret, Error *e);
void words_clear(Words *w);
const char *words_get(const Words *w, const char *key); /* NULL: there is none */
/* For the view, unescaped. `with` fills the text's {name}s, and is consumed; may be NULL. */
json_t *words_say(const Words *w, const char *key, json_t *with);
/* The text "what.kind"; when there is no such kind, "what.otherwise". */
json_t *words_kind(const Words *w, const char *what, const char *kind, const char *otherwise);
json_t *words_number(const Words *w, const char *key, size_t n); /* with its {n} */
json_t *words_moment(const Words *w, uint64_t usec);             /* base/template.h's: {"at", "text"} */
json_t *words_date(const Words *w, uint64_t usec);
json_t *words_duration(const Words *w, uint64_t seconds);

const char *page_file(const char *name); /* what is built in: "status.html", "en"; NULL: no such file */
/* Of style or script, as they stand in the page. The policy names it: nothing else that might get in has any effect. */
json_t *page_file_hash(const char *name);

typedef enum PageLevel { /* the indicators of Statuspage's API */
                         LEVEL_NONE,
                         LEVEL_MINOR,
                         LEVEL_MAJOR,
                         LEVEL_CRITICAL,
} PageLevel;

typedef struct PageShop { /* another one of the network */
        char *name, *url; /* url: where its buyers go; "": nowhere, or no link that we would write */
        RegistryStatus status;
} PageShop;

typedef struct Page {
        char *node_id, *node_name, *node_url;
        char *page_url; /* where this page is, with a final slash; NULL: not said */
        char *mode, *payment, *message, *change;
        bool first, durable;
        uint64_t at_usec;      /* of the change */
        uint64_t updated_usec; /* now */
        PageShop *shops;       /* as the registry has them */
        size_t n_shops, more_shops;
        bool shops_known; /* how they are, as of lately */
        bool shop_open;   /* one of them, shown or not, sells by what is known */
        /* What the public may know, an object; its members are taken as they come, or not at all. What they hold is shared with the
         * loop, and never changed. */
        json_t *known;
        Words words;

        /* worked out by page_judge() */
        bool blind;
        json_t *components, *incidents, *maintenances; /* lists, borrowed from known */
        uint64_t since_usec;                           /* this mode */
        uint64_t fresh_sec;
        PageLevel level;
        const char *selling; /* in English, for keys of texts: "as-usual", … */
        const char *face;    /* what the badge says, and the icon: a key below "badge." */
        const json_t *told; /* the operator's open incident that the headline tells, borrowed; NULL: it tells of selling */
} Page;

/* How the shop sells says how bad it is, and so does an open incident of the operator's: what is worse counts. Components that such
 * an incident names are at least as bad as he said. Those written from the modes say how bad it was at worst: what is now, selling
 * says. -ENOMEM */
int page_judge(Page *p);
void page_clear(Page *p);
/* "headline" and "explain": the text for how the shop sells, or for how it does by this payment; or what is told by an incident. */
json_t *page_say(const Page *p, const char *what);
/* Where members of the list are in this state. */
bool any_in_state(const json_t *list, const char *state);

/* Tolerant: "" or 0 when absent or of another type. Borrowed. */
const char *item_string(const json_t *item, const char *name);
uint64_t item_time(const json_t *item, const char *name); /* 0 when there is none */
uint64_t item_number(const json_t *item, const char *name);

const char *level_name(PageLevel level); /* "none", "minor", "major", "critical" */

/* Days of a component */
typedef struct DayTotals {
        uint64_t up, degraded, down, maintenance, unknown; /* seconds */
} DayTotals;
DayTotals days_total(const json_t *days);
/* Hundredths of a per cent, rounded down, of the time that is known; -1: less than an hour is known. */
int days_uptime(const DayTotals *t);
/* Into a component's view: its bar, its figures, its days in words. */
void days_view(const Page *p, const json_t *component, bool words, json_t *view);

/* Incidents and maintenances in words. */
json_t *incident_name(const Page *p, const json_t *incident);
json_t *update_text(const Page *p, const json_t *update); /* may have several lines */
bool maintenance_is_over(const json_t *maintenance);
uint64_t maintenance_created(const Page *p,
                             const json_t *maintenance); /* when it was told first, never in the future */

uint64_t bulletins_newest(const Page *p); /* when something was told last */

/* What index.html leaves to history.html, so that it stays small. */
typedef struct PageLimits {
        size_t older;     /* past incidents, beyond the first ten */
        size_t past;      /* of these ten */
        size_t courses;   /* past incidents with what was told of them */
        size_t over;      /* past maintenance */
        size_t ahead;     /* planned maintenance */
        size_t updates;   /* of what is open or ahead: the newest */
        bool no_words;    /* the days as pictures only */
        bool no_overview; /* nor what components are for */
        bool in_full;     /* lists of all incidents and maintenance, too: for the feed and history.html */
} PageLimits;

/* Into the view: incidents and maintenances. */
void bulletins_view(const Page *p, const PageLimits *limits, json_t *view);
json_t *view_id(const char *kind, size_t i); /* an id in the document: "c", 0 is "c1" */

/* All that the templates show; NULL when out of memory. */
json_t *page_view(const Page *p, const PageLimits *limits);

/* index.html, below PAGE_BUDGET while that is possible: with as much as fits. view: without limits. -ENOMEM. */
#define PAGE_BUDGET 60000
extern const PageLimits page_unlimited;
int page_fit(const Page *p, const json_t *view, char **ret);

/* The files. -ENOMEM. */
int page_render(const json_t *view, const Page *p, const char *template, char **ret);

/* Statuspage's API, version 2 (https://www.atlassian.com/software/statuspage, "Status API"). before: summary.json as it
 * was, or NULL: what did not change keeps its updated_at. */
typedef struct PageDocuments {
        json_t *status, *summary, *components, *incidents, *unresolved, *maintenances, *upcoming, *active,
                        *days;
} PageDocuments;
int page_documents(const Page *p, const json_t *before, PageDocuments *ret);
void page_documents_clear(PageDocuments *d);
