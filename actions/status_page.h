/* SPDX-License-Identifier: MIT */
/* What the status page's files are made from. Rendered in the writer thread, so it owns everything. */
#pragma once

#include "actions/request.h"
#include "base/clock.h"
#include "base/text.h"

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
        char *mode, *from, *payment, *message, *change, *cause;
        bool first, durable;
        uint64_t at_usec;      /* of the change */
        uint64_t updated_usec; /* now */
        PageShop *shops;       /* as the registry has them */
        size_t n_shops, more_shops;
        json_t *status; /* an object; its members are taken as they come, or not at all */

        /* worked out by page_judge() */
        bool blind;
        json_t *changes; /* as in /v1/history, newest first, this change included */
        const char *first_mode;
        uint64_t since_usec; /* this mode */
        PageLevel level;
        const char *headline; /* in a buyer's words */
        char *headline_buffer;
} Page;

int page_judge(Page *p); /* -ENOMEM */
void page_clear(Page *p);

/* Members of the status document, tolerant: "" or an empty list when absent or of another type. Borrowed. */
const json_t *page_list(const Page *p, const char *name);
const char *item_string(const json_t *item, const char *name);
uint64_t item_time(const json_t *item, const char *name); /* 0 when there is none */

/* What a probe looks like to others. */
typedef enum PartState {
        PART_UP,
        PART_WARN,
        PART_DOWN,
        PART_UNKNOWN,
} PartState;
PartState probe_part_state(const json_t *probe);
/* Vantage probes are how this node sees, not what the shop is made of. */
bool probe_is_part(const json_t *probe);

const char *level_name(PageLevel level); /* "none", "minor", "major", "critical" */

/* A time in which the shop did not run on its first mode: changes[newest … oldest]. */
typedef struct Incident {
        size_t newest, oldest;
        bool resolved; /* by the newest one */
} Incident;
/* The next older one from *position (begin with 0). */
bool page_next_incident(const Page *p, size_t *position, Incident *ret);

/* The files. -ENOMEM. */
int page_html(const Page *p, char **ret);
int page_atom(const Page *p, char **ret);
int page_badge(const Page *p, char **ret);

/* Statuspage's API, version 2 (https://www.atlassian.com/software/statuspage, "Status API"). before: summary.json as it
 * was, or NULL: what did not change keeps its updated_at. */
typedef struct PageDocuments {
        json_t *status, *summary, *components, *incidents;
} PageDocuments;
int page_documents(const Page *p, const json_t *before, PageDocuments *ret);
void page_documents_clear(PageDocuments *d);
