/* SPDX-License-Identifier: MIT */
/* Other nodes' catalogs as they were when they were last fetched: one file per node, replaced as a whole, searched when the node
 * itself cannot answer. They are never this node's own books: nothing but searches of the network reads them.
 *
 * What there is stands in federation.db; a file of the folder that is not named there is an orphan, and goes. So after a crash there
 * is the old copy or the new one, and never a mix of the two. Names are never used again. */
#pragma once

#include "base/loop.h"
#include "federation/catalog.h"
#include "federation/store.h"

#define COPIES_MAX       4096
#define COPIES_OPEN_MAX  8 /* databases that each of the two threads keeps open */
#define COPIES_HASH_SIZE 160

typedef struct Copy {                /* owned by Copies */
        const char *node, *file;     /* file: its name in the folder */
        char hash[COPIES_HASH_SIZE]; /* as the node says, or the one of what it sent */
        uint64_t generation, listings, refused, transactions, users;
        uint64_t bytes;     /* of the file */
        uint64_t made_usec; /* wall: when these books came */
        uint64_t seen_usec; /* wall: when the node last had nothing newer */
} Copy;

typedef struct Copies Copies;

/* Reads what there is in the store's thread, and throws orphans away. */
int copies_new(sd_event *event, Store *store, const char *state_dir, Copies **ret);
/* After the store: what it was given is told by then, or never, when its disk hangs. */
Copies *copies_free(Copies *c);
DEFINE_CLEANUP(Copies, copies_free)
/* Once, when what there is is known: nothing may be put before. */
void copies_on_ready(Copies *c, void (*fn)(void *userdata), void *userdata);
bool copies_ready(const Copies *c);
const char *copies_folder(const Copies *c);

size_t copies_count(const Copies *c);
const Copy *copies_at(const Copies *c, size_t i); /* in the order of nodes */
const Copy *copies_find(const Copies *c, const char *node);
uint64_t copies_bytes(const Copies *c);

/* The file is whole, durable and closed. done() is called once, never from within: 0, and it is in force, or the reason, and the file
 * is gone. On failure here nothing has changed. */
typedef void (*CopiesDone)(int r, const char *error, void *userdata);
int copies_put(Copies *c, const Copy *copy, CopiesDone done, void *userdata);
/* The node has nothing newer, at this time. */
int copies_touch(Copies *c, const char *node, uint64_t wall_usec);
/* Those whose nodes may not be known any more. */
void copies_keep_only(Copies *c, bool (*keep)(const char *node, void *userdata), void *userdata);
/* A file that nobody will name. */
void copies_discard(Copies *c, const char *file);

/* As catalog_search(), in one of two threads, and no longer than until. -ENOENT: there is none; -EBUSY: too many wait. */
typedef struct CopyAsk CopyAsk; /* freeing it cancels */
typedef void (*CopyDone)(CopyAsk *ask, const CatalogAnswer *answer, void *userdata);
int copies_search(Copies *c, const char *node, const Question *q, uint64_t until_boot_usec, CopyDone done,
                  void *userdata, CopyAsk **ret);
CopyAsk *copy_ask_free(CopyAsk *ask);
