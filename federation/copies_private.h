/* SPDX-License-Identifier: MIT */
/* What copies.c (which there are) and copies_search.c (the threads that read them) share. Nobody else includes this. */
#pragma once

#include "base/worker.h"
#include "federation/copies.h"

#define COPIES_THREADS 2

typedef struct CopiesReader CopiesReader; /* a thread and the databases that it has open */

struct Copies {
        sd_event *event;
        Store *store;
        char *folder;
        Copy *list; /* in the order of nodes */
        size_t n, room;
        bool ready;
        void (*on_ready)(void *userdata);
        void *ready_userdata;
        Worker *files; /* makes the folder, throws away */
        CopiesReader *readers[COPIES_THREADS];
        sd_event_source *idle;
};

int copies_readers_new(Copies *c);
void copies_readers_free(Copies *c);
/* It will go: who has it open closes it. */
void copies_readers_drop(Copies *c, const char *file);
