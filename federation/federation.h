/* SPDX-License-Identifier: MIT */
/* federationd's one object: wires configuration, catalog, peers, search, the mode that failoverd publishes, HTTP and the control
 * socket. */
#pragma once

#include "base/fetch.h"
#include "base/httpd.h"
#include "base/service.h"
#include "base/worker.h"
#include "federation/catalog.h"
#include "federation/config.h"
#include "federation/events.h"
#include "federation/front.h"
#include "federation/identity.h"
#include "federation/members.h"
#include "federation/mode_file.h"
#include "federation/peers.h"
#include "federation/search.h"
#include "federation/status_files.h"
#include "federation/store.h"

typedef struct Places { /* owned by main.c */
        const char *config, *state_dir, *runtime_dir;
} Places;

typedef struct Routes Routes;
typedef struct Registrar Registrar;
typedef struct RegistryFile RegistryFile;
typedef struct Control Control;
typedef struct Announcer Announcer;
typedef struct NodeRounds NodeRounds;
typedef struct Inbox Inbox;
typedef struct Exporter Exporter;
typedef struct Ledger Ledger;
typedef struct Puller Puller;
typedef struct Copies Copies;

typedef struct Federation Federation;
struct Federation {
        sd_event *event;
        Places places;
        Config *config;
        int state_lock; /* held for life */
        uint64_t started_wall;
        Service *service;
        Resolver *resolver;
        FetchClient *fetch; /* guarded: for peers */
        Catalog *catalog;
        Store *store;       /* federation.db */
        Exporter *exporter; /* /federation/export */
        Copies *copies;     /* of other nodes' catalogs */
        Puller *puller;     /* fetches them */
        Members *members;
        Ledger *ledger;              /* money; made after members, stopped before the store */
        uint64_t members_generation; /* that peers have been made of */
        Registrar *registrar;
        RegistryFile *registry_file;
        Identity *identity;   /* this node's keys and document */
        Announcer *announcer; /* this node in other registries */
        NodeRounds *rounds;   /* reads other nodes' documents */
        Peers *peers;
        Inbox *inbox; /* notices of other nodes */
        bool inbox_loaded;
        Searcher *searcher;
        ModeFile *mode;
        Events *events;
        Front *front;        /* /api/config and /api/health; made after events and before mode and peers */
        StatusFiles *status; /* /status/ */
        Routes *routes;      /* the public listeners */
        Control *control;

        Worker *loader; /* reads the configuration again; NULL but during a reload */
        bool reloading, reload_again, stopping;
        CatalogAsk *first_ask; /* answered once the catalog is open, or has said why not */
        sd_event_source *patience;
        sd_event_source *pulse; /* below everything else: has been reached since the watchdog asked */
        uint64_t pulses;
};

/* Everything up to the loop. Takes over config. On failure, too, *ret is to be freed when it is not NULL. */
int federation_new(const Places *places, Config *config, Federation **ret, Error *e);
Federation *federation_free(Federation *f);
DEFINE_CLEANUP(Federation, federation_free)
int federation_run(Federation *f); /* until SIGTERM or SIGINT; 0 */
/* Peers as configuration and registry have them now. */
void federation_take_members(Federation *f);
Seller federation_seller(const Federation *f);
void federation_tell_status(
                const Federation *f); /* to systemd: whose shop it is, and how many others it asks */
